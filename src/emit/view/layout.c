/* The steps of a layout, in order. */
#include "emit/view/layout.h"

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
    l->columns = 1;
    if (!l->node_count)
        return CUV_OK;
    cuv_lay y = {.cx = cx, .arena = arena, .l = l, .scratch = cuv_arena_new(cx)};
    if (!y.scratch)
        return cuv_oom(cx);
    cuv_status status = steps(&y);
    cuv_arena_free(y.scratch);
    return status;
}
