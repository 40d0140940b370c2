/* Numbers of the zip format that its reader and its writer share. APPNOTE.TXT 6.3.9, section 4.3. */
#ifndef CUV_FORMAT_ZIP_H
#define CUV_FORMAT_ZIP_H

#include "format/format.h"

enum {
    ZIP_LOCAL = 0x04034b50, ZIP_CENTRAL = 0x02014b50, ZIP_END = 0x06054b50, ZIP_END64 = 0x06064b50,
    ZIP_LOCATOR64 = 0x07064b50
};
enum { ZIP_LOCAL_SIZE = 30, ZIP_CENTRAL_SIZE = 46, ZIP_END_SIZE = 22, ZIP_END64_SIZE = 56, ZIP_LOCATOR64_SIZE = 20 };
enum { ZIP_STORED = 0, ZIP_DEFLATED = 8 };
enum { ZIP_EXTRA_64 = 0x0001, ZIP_EXTRA_ALIGN = 0xd935 };
enum { ZIP_FLAG_DESCRIPTOR = 1 << 3, ZIP_FLAG_UTF8 = 1 << 11, ZIP_FLAGS_ENCRYPTED = 1 << 0 | 1 << 6 | 1 << 13 };

/* Why a member's name must not be used, or NULL: it leaves the archive, or means different files to different readers. */
const char *cuv_zip_name_fault(const char *name, size_t size);

/* Memory for zlib out of a cuv_context, which counts it. */
void *cuv_zlib_alloc(void *cx, unsigned count, unsigned size);
void cuv_zlib_free(void *cx, void *memory);

#endif
