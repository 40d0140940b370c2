/* Dot: the product of two tensors over one axis of each, batch by batch. */
#include "layers/support.h"

static cuv_status read_axes(cuv_call *call, int *axes)
{
    int64_t given[CUV_MAX_RANK];
    int count = cuv_arg_ints(call->layer, "axes", given);
    for (int i = 0; i < 2; i++) {
        CUV_TRY(cuv_call_axis(call, "axes", given[count == 2 ? i : 0], cuv_call_rank(call, (size_t)i), &axes[i]));
        if (axes[i] == 0)
            return cuv_bad_arg(call->layer, "axes", "axes other than the batch (0)");
    }
    return CUV_OK;
}

/* x / sqrt(max(sum x^2, 1e-12)) over an axis. */
static cuv_ref normalize(cuv_call *call, cuv_ref x, int axis)
{
    cuv_program *p = call->program;
    cuv_ref sum = cuv_reduce(call, CUV_OP_SUM, cuv_emit1(p, CUV_OP_SQUARE, x), &axis, 1, true);
    sum = cuv_emit2(p, CUV_OP_MAXIMUM, sum, cuv_scalar_like(call, x, 1e-12));
    return cuv_emit2(p, CUV_OP_MUL, x, cuv_emit1(p, CUV_OP_RSQRT, sum));
}

/* Axes between the batch and the contracted one as a single axis. */
static cuv_ref squash(cuv_call *call, cuv_ref x, bool contracted_last)
{
    const int64_t last[] = {-2, -1, -2 - (cuv_var_of(call, x)->rank - 1)}, first[] = {-2, -3, -1};
    return cuv_emit_reshape(call->program, x, contracted_last ? last : first, 3);
}

/* Sizes of the result that are known; a single unknown one beside the batch can be inferred. */
static cuv_status unsquash(cuv_call *call, const cuv_var *a, const cuv_var *b, cuv_ref *y)
{
    int64_t shape[CUV_MAX_RANK] = {-2};
    int rank = 1, unknown = 0;
    if (a->rank + b->rank - 2 > CUV_MAX_RANK)
        return cuv_call_unsupported(call, "axes", "the result has too many axes");
    for (int i = 1; i < a->rank - 1; i++)
        unknown += (shape[rank++] = a->shape[i]) < 0;
    for (int i = 2; i < b->rank; i++)
        unknown += (shape[rank++] = b->shape[i]) < 0;
    if (unknown > 1)
        return cuv_call_unsupported(call, "axes", "more than one size of the result is not known before a run");
    if (rank == 1)
        shape[rank++] = 1;
    *y = cuv_emit_reshape(call->program, *y, shape, rank);
    return call->program->status;
}

static cuv_status dot_lower(cuv_call *call)
{
    int axes[2];
    if (call->in_count != 2 || cuv_call_rank(call, 0) < 2 || cuv_call_rank(call, 1) < 2)
        return cuv_bad_input(call, 0, "2 inputs with min_ndim=2");
    CUV_TRY(read_axes(call, axes));
    cuv_ref a = cuv_float_in(call, 0), b = cuv_float_in(call, 1);
    if (cuv_arg_bool(call->layer, "normalize")) {
        a = normalize(call, a, axes[0]);
        b = normalize(call, b, axes[1]);
    }
    a = cuv_move_axis(call, a, axes[0], cuv_call_rank(call, 0) - 1);
    b = cuv_move_axis(call, b, axes[1], 1);
    CUV_TRY(call->program->status);
    const cuv_var va = *cuv_var_of(call, a), vb = *cuv_var_of(call, b);
    a = va.rank == 2 ? cuv_expand_dims(call, a, 1) : va.rank > 3 ? squash(call, a, true) : a;
    b = vb.rank == 2 ? cuv_expand_dims(call, b, 2) : vb.rank > 3 ? squash(call, b, false) : b;
    cuv_ref y = cuv_emit2(call->program, CUV_OP_MATMUL, a, b);
    if (va.rank != 3 || vb.rank != 3)
        CUV_TRY(unsquash(call, &va, &vb, &y));
    return cuv_call_return(call, y);
}

static cuv_status dot_check(cuv_context *cx, cuv_layer *layer)
{
    int64_t axes[CUV_MAX_RANK];
    int count = cuv_arg_ints(layer, "axes", axes);
    (void)cx;
    return count == 1 || count == 2 ? CUV_OK : cuv_bad_arg(layer, "axes", "an integer or a pair of integers");
}

static const cuv_param dot_params[] = {P("axes", INTS, NULL), P("normalize", BOOL, "False"), CUV_PARAM_END};
const cuv_layer_def cuv_layer_dot = {
    .name = "Dot", .doc = "y = a . b over one axis of each", .params = dot_params, .flags = CUV_LF_MERGE, .check = dot_check,
    .lower = dot_lower,
};
