/* Blocks of transformers that are classes of somebody's own: their weights stand in the order in which the class makes its layers, "attention,
 * dense, dense, normalisation, normalisation" as a rule, not in the order in which they are called. Such blocks are read in both orders that
 * transformers have. */
#include "recover/reading.h"

enum { BLOCK = 5 };

static bool is_norm(const cuv_runit *u)
{
    return cuv_rkind_traits(u->kind) & CUV_RT_NORM && u->kind != CUV_R_BATCH_NORM;
}

/* One attention, two Dense layers of which the second gives what the first takes, and two normalisations beside each other. */
static bool is_block(const cuv_runit *u, cuv_runit parts[BLOCK])
{
    size_t attention = 0, norms = 0, dense = 0;
    bool beside = false;
    for (size_t i = 0; i < BLOCK; i++) {
        if (u[i].kind == CUV_R_ATTENTION && !attention++)
            parts[0] = u[i];
        else if (is_norm(&u[i]) && norms < 2)
            parts[1 + norms++] = u[i];
        else if (u[i].kind == CUV_R_DENSE && dense < 2)
            parts[3 + dense++] = u[i];
        beside = beside || (i && is_norm(&u[i]) && is_norm(&u[i - 1]));
    }
    return attention == 1 && norms == 2 && dense == 2 && beside && parts[3].in == parts[4].out && parts[3].out == parts[4].in &&
           parts[0].out == parts[3].in && parts[1].in == parts[3].in && parts[2].in == parts[3].in;
}

cuv_status cuv_read_blocks(cuv_context *cx, cuv_arena *arena, const cuv_reading *from, bool before, cuv_reading *out, bool *any)
{
    static const uint8_t orders[2][BLOCK] = {{0, 1, 3, 4, 2}, {1, 0, 2, 3, 4}};     /* normalised after each part; before it */
    cuv_runit parts[BLOCK];
    *any = false;
    *out = (cuv_reading){from->cost + (before ? .4 : 0), CUV_NEW_ARRAY(arena, cuv_runit, from->count + 1), from->count};
    if (!out->units)
        return cuv_oom(cx);
    memcpy(out->units, from->units, from->count * sizeof *from->units);
    for (size_t i = 0; i + BLOCK <= from->count; i++) {
        if (!is_block(&from->units[i], parts))
            continue;
        for (size_t k = 0; k < BLOCK; k++)
            out->units[i + k] = parts[orders[before][k]];
        *any = true;
        i += BLOCK - 1;
    }
    return CUV_OK;
}
