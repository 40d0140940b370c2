/* Digests and check sums of many megabytes at the speed of memory: what a cache is keyed by, and what tells that it is whole. One text
 * (digest.inc) is compiled for several instruction sets; all give the same numbers. */
#ifndef CUV_RUN_DIGEST_H
#define CUV_RUN_DIGEST_H

#include "run/fast/pool.h"

/* Rows of 1024 bytes are 16 blocks of BLAKE2s (RFC 7693) side by side: lane i takes word i of each 64 bytes, and is the plain BLAKE2s-256
 * of what it takes. state[w][lane] is word w of a lane's digest. */
typedef struct cuv_mill {
    void (*lanes)(uint32_t state[8][16], const uint8_t *data, size_t rows);
    /* Of all bytes; any change within one word of four bytes changes it. Finds accidents, not forgeries. */
    uint32_t (*sum)(const uint8_t *data, size_t size);
} cuv_mill;
extern const cuv_mill cuv_mill_base, cuv_mill_avx2, cuv_mill_avx512;
const cuv_mill *cuv_mill_best(void);

typedef struct cuv_piece {
    const uint8_t *data;
    size_t size;
    cuv_blob *blob;         /* NULL; else its pages need not stay in memory once they are read */
} cuv_piece;
/* 64 hexadecimal digits of all pieces in their order and sizes; as hard to forge as SHA-256 and BLAKE2s. */
CUV_MUST_USE cuv_status cuv_digest(cuv_context *cx, cuv_pool *pool, const cuv_piece *pieces, size_t count, char out[65]);
/* The check sum of each piece. */
CUV_MUST_USE cuv_status cuv_check_sums(cuv_context *cx, cuv_pool *pool, const cuv_piece *pieces, size_t count, uint32_t *out);

#endif
