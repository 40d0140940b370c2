/* The steps of a layout, in order. */
#include "emit/view/layout.h"

cuv_status cuv_lay_group(cuv_arena *arena, cuv_group_of *of, const void *things, uint32_t count, uint32_t group_count, cuv_groups *out)
{
    uint32_t *at = CUV_NEW_ARRAY(arena, uint32_t, (size_t)group_count + 2), *items = CUV_NEW_ARRAY(arena, uint32_t, (size_t)count + 1);
    if (!at || !items)
        return cuv_oom(cuv_arena_context(arena));
    for (uint32_t i = 0; i < count; i++)
        if (of(things, i) != UINT32_MAX)
            at[of(things, i) + 2]++;
    for (uint32_t i = 0; i < group_count; i++)
        at[i + 2] += at[i + 1];
    for (uint32_t i = 0; i < count; i++)
        if (of(things, i) != UINT32_MAX)
            items[at[of(things, i) + 1]++] = i;
    *out = (cuv_groups){at, items};
    return CUV_OK;
}

uint32_t cuv_lay_by_upper(const void *layout, uint32_t edge)
{
    const cuv_lay_edge *e = &((const cuv_layout *)layout)->edges[edge];
    return e->from == e->to ? UINT32_MAX : cuv_lay_upper(e);
}

uint32_t cuv_lay_by_lower(const void *layout, uint32_t edge)
{
    const cuv_lay_edge *e = &((const cuv_layout *)layout)->edges[edge];
    return e->from == e->to ? UINT32_MAX : cuv_lay_lower(e);
}

uint32_t cuv_lay_last_cell(const cuv_lay *y, uint32_t edge)
{
    const cuv_lay_edge *e = &y->l->edges[edge];
    const int32_t passed = y->rank[cuv_lay_lower(e)] - y->rank[cuv_lay_upper(e)] - 1;
    return passed ? y->chains[edge].first + (uint32_t)passed - 1 : cuv_lay_upper(e);
}

static cuv_status steps(cuv_lay *y)
{
    CUV_TRY(cuv_lay_rank(y));
    CUV_TRY(cuv_lay_order(y));
    CUV_TRY(cuv_lay_place(y));
    CUV_TRY(cuv_lay_ports(y));
    CUV_TRY(cuv_lay_fold(y));
    return cuv_lay_route(y);
}

cuv_status cuv_lay_out(cuv_context *cx, cuv_arena *arena, cuv_layout *l)
{
    l->width = l->height = 0;
    if (!l->node_count)
        return CUV_OK;
    cuv_lay y = {.cx = cx, .arena = arena, .l = l, .scratch = cuv_arena_new(cx)};
    if (!y.scratch)
        return cuv_oom(cx);
    cuv_status status = steps(&y);
    cuv_arena_free(y.scratch);
    return status;
}
