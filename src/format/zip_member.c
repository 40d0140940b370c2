/* The bytes of a zip archive's member: a view where they are stored as they are, inflated by zlib otherwise.
 * zlib allocates through the context, so its memory counts and its allocations may fail. */
#include "format/zip.h"

#include <zlib.h>

enum { CHECKED_BELOW = 1 << 20 }; /* stored members from here on are not read just to check their CRC */

static cuv_status damaged(cuv_context *cx, const cuv_source *member, const char *id, const char *what)
{
    cuv_detail detail = {.file = member->name, .help = "get another copy of the archive"};
    return cuv_fail(cx, CUV_DAMAGED, id, &detail, "%s %s", member->name, what);
}

/* ---- memory for zlib, whose free does not tell sizes ---- */

enum { SIZE_ROOM = 16 };

void *cuv_zlib_alloc(void *cx, unsigned count, unsigned size)
{
    size_t bytes = (size_t)count * size + SIZE_ROOM;
    uint8_t *memory = cuv_alloc(cx, bytes);
    if (!memory)
        return NULL;
    memcpy(memory, &bytes, sizeof bytes);
    return memory + SIZE_ROOM;
}

void cuv_zlib_free(void *cx, void *memory)
{
    size_t bytes = 0;
    uint8_t *start = (uint8_t *)memory - SIZE_ROOM;
    memcpy(&bytes, start, sizeof bytes);
    cuv_release(cx, start, bytes);
}

/* ---- inflating ---- */

static unsigned take(size_t *left)
{
    enum { CHUNK = 1 << 24 }; /* so that the time limit is looked at now and then */
    unsigned size = *left < CHUNK ? (unsigned)*left : CHUNK;
    *left -= size;
    return size;
}

/* Fills `out` exactly with what `in` holds exactly. */
static cuv_status inflate_all(cuv_context *cx, z_stream *z, const cuv_source *member, const uint8_t *in, size_t in_size,
                              uint8_t *out, size_t out_size)
{
    int result = Z_OK;
    uint8_t none = 0;
    z->next_in = (z_const Bytef *)(uintptr_t)in;
    z->next_out = out_size > 0 ? out : &none;
    while (result == Z_OK) {
        if (z->avail_in == 0)
            z->avail_in = take(&in_size);
        if (z->avail_out == 0)
            z->avail_out = take(&out_size);
        result = inflate(z, Z_NO_FLUSH);
        CUV_TRY(cuv_check_time(cx));
    }
    if (result == Z_MEM_ERROR)
        return cuv_oom(cx);
    if (result != Z_STREAM_END || z->avail_in + in_size > 0 || z->avail_out + out_size > 0)
        return damaged(cx, member, "zip.deflate", "does not unpack to the size that the archive promises");
    return CUV_OK;
}

static cuv_status inflate_into(cuv_context *cx, const cuv_source *member, const uint8_t *in, size_t in_size,
                               uint8_t *out, size_t out_size)
{
    z_stream z = {.zalloc = cuv_zlib_alloc, .zfree = cuv_zlib_free, .opaque = cx};
    if (inflateInit2(&z, -MAX_WBITS) != Z_OK)
        return cuv_oom(cx);
    cuv_status status = inflate_all(cx, &z, member, in, in_size, out, out_size);
    inflateEnd(&z);
    return status;
}

static bool crc_fits(const uint8_t *data, size_t size, uint32_t crc)
{
#ifdef CUV_FUZZING
    (void)crc;
    return data || !size;
#else
    return cuv_crc32(0, data, size) == crc;
#endif
}

static cuv_status open_deflated(cuv_arena *arena, const cuv_zip *zip, const cuv_zip_member *member, cuv_source *out)
{
    cuv_context *cx = cuv_arena_context(arena);
    cuv_blob *blob = NULL;
    CUV_TRY(cuv_blob_new(cx, (size_t)member->size, &blob));
    cuv_status status = inflate_into(cx, out, zip->src.data + member->offset, (size_t)member->stored_size, blob->data,
                                     blob->size);
    if (status == CUV_OK && !crc_fits(blob->data, blob->size, member->crc))
        status = damaged(cx, out, "zip.crc", "has been changed: its checksum differs");
    if (status == CUV_OK)
        status = cuv_arena_keep_blob(arena, blob);
    if (status == CUV_OK) {
        out->blob = blob;
        out->data = blob->data;
        out->size = blob->size;
        out->offset = UINT64_MAX; /* these bytes lie nowhere in the file */
    }
    cuv_blob_release(blob);
    return status;
}

cuv_status cuv_zip_member_open(cuv_arena *arena, const cuv_zip *zip, const cuv_zip_member *member, cuv_source *out)
{
    cuv_context *cx = cuv_arena_context(arena);
    cuv_source opened = {.name = cuv_arena_printf(arena, "%s#%s", zip->src.name, member->name)};
    *out = (cuv_source){0};
    if (!opened.name)
        return cuv_oom(cx);
    if (member->method == ZIP_DEFLATED) {
        CUV_TRY(open_deflated(arena, zip, member, &opened));
    } else {
        opened.blob = zip->src.blob;
        opened.data = zip->src.data + member->offset;
        opened.size = (size_t)member->size;
        opened.offset = zip->src.offset == UINT64_MAX ? UINT64_MAX : zip->src.offset + member->offset;
        if (opened.size < CHECKED_BELOW && !crc_fits(opened.data, opened.size, member->crc))
            return damaged(cx, &opened, "zip.crc", "has been changed: its checksum differs");
    }
    *out = opened;
    return CUV_OK;
}
