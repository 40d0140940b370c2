/* Packed weights that outlive the process: a file of sections, keyed by what they were made from. A section is floats that the kernels only
 * read, never sizes or places, so the worst that a wrong file can do is to give wrong numbers; and check sums, an owner, and a name that no
 * one else has while it is written see to it that it does not. Files of version 1, all in the order of bytes of the machine:
 *
 *     0    "cuvier packed 1\n"
 *     16   key: 64 hexadecimal digits
 *     80   0x01020304, count of sections, check sum of the sections' records, check sum of bytes 0 to 92 (four bytes each)
 *     96   size of the file (8 bytes), 24 zeros
 *     128  records of 64 bytes: cuv_section
 *          the sections, each at a multiple of 64 */
#ifndef CUV_RUN_CACHE_H
#define CUV_RUN_CACHE_H

#include "program/program.h"
#include "run/fast/digest.h"

typedef struct cuv_section {
    uint32_t step, place;       /* step of the program, and which section of it */
    uint64_t floats, offset;
    uint32_t sum;               /* check sum of the floats */
    uint32_t scaled;            /* batch normalisation is in it */
    char layout[32];            /* what the kernel that made it calls its order, ended by zeros */
} cuv_section;

/* Digest of the sources of the fast kernels, made by the build: another one, another order of packed weights. */
extern const char cuv_layouts_id[];

typedef enum cuv_cache_state {
    CUV_CACHE_GOOD, CUV_CACHE_FOREIGN /* no cache at all */, CUV_CACHE_OTHER /* of another key */, CUV_CACHE_DAMAGED
} cuv_cache_state;
/* Holds the head and the records to their rules; the sections' own sums are the caller's to compare. `key` NULL: any. */
cuv_cache_state cuv_cache_parse(const uint8_t *data, size_t size, const char *key, const cuv_section **sections, size_t *count);

typedef struct cuv_cache cuv_cache;
/* The cache of a program at `path`: a file, or a folder in which it gets a name of its own; one that ends with '/' is made when it is not
 * there. A cache that is not there, damaged, of somebody else or of another key is as good as empty; "cache.foreign" (CUV_ARGUMENT) when `path` is
 * a file that is no cache. `isa` is the name of the instruction set that packs. */
CUV_MUST_USE cuv_status cuv_cache_open(cuv_context *cx, const char *path, const cuv_program *program, const char *isa, cuv_pool *pool,
                                       cuv_cache **out);
void cuv_cache_close(cuv_cache *cache);     /* NULL allowed; plans that took sections must be gone */
const char *cuv_cache_path(const cuv_cache *cache);     /* as it was given */
/* The sections that follow belong to this step. */
void cuv_cache_step(cuv_cache *cache, size_t step, bool scaled);
/* The next section of the step, or NULL when the file does not have it. Borrowed, read-only. */
const float *cuv_cache_take(cuv_cache *cache, const char *layout, size_t floats);
/* The section that was not there will be in this memory until it is saved. */
CUV_MUST_USE cuv_status cuv_cache_add(cuv_cache *cache, const char *layout, size_t floats, const float *data);
/* Writes the file anew when something was added. What cannot be written is a warning ("cache.write"). CUV_MEMORY. */
CUV_MUST_USE cuv_status cuv_cache_save(cuv_cache *cache);
/* Forgets what was added: the plan that made it is gone. */
void cuv_cache_drop(cuv_cache *cache);

#endif
