/* What units.c and typing.c share: the layers that tensors can be. */
#ifndef CUV_RECOVER_READING_H
#define CUV_RECOVER_READING_H

#include "recover/network.h"

typedef struct cuv_reader {
    cuv_context *cx;
    cuv_arena *arena;
    const cuv_remains *remains;
    bool tokens;
    cuv_net_places *networks;
} cuv_reader;

/* The layers that may begin at one place, and how many tensors each takes. */
enum { CUV_MAX_HERE = 40 };
typedef struct cuv_here { cuv_runit units[CUV_MAX_HERE]; size_t takes[CUV_MAX_HERE], count; } cuv_here;
void cuv_offer(cuv_here *h, const cuv_runit *u, size_t n);
CUV_MUST_USE cuv_status cuv_read_here(cuv_reader *r, const cuv_named *t, size_t count, cuv_here *h);

/* blocks.c: the reading with blocks of transformers in the order in which they are called; *any: there are some. `before`: what is normalised
 * is what each part takes, not what it gives. */
CUV_MUST_USE cuv_status cuv_read_blocks(cuv_context *cx, cuv_arena *arena, const cuv_reading *from, bool before, cuv_reading *out, bool *any);

#endif
