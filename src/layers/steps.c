/* Small steps that many layers emit: moving, adding and removing axes, casts, joining masks. */
#include "layers/support.h"

cuv_ref cuv_float_in(cuv_call *call, size_t input)
{
    cuv_dtype dtype = cuv_dtype_is_float(call->layer->compute) ? call->layer->compute : CUV_F32;
    return cuv_emit_cast(call->program, call->in[input].value, dtype);
}

/* Marks the program as failed: the shape has more axes than a tensor can have. */
static cuv_ref too_many_axes(cuv_call *call)
{
    if (call->program->status == CUV_OK)
        call->program->status = cuv_fail(call->cx, CUV_UNSUPPORTED, "layer.unsupported", &(cuv_detail){.layer = call->layer->name},
                                         "layer '%s' (%s) makes a tensor of more than %d axes", call->layer->name,
                                         call->layer->class_name, CUV_MAX_RANK);
    return CUV_NO_REF;
}

cuv_ref cuv_expand_dims(cuv_call *call, cuv_ref x, int axis)
{
    int rank = cuv_var_of(call, x)->rank;
    int64_t shape[CUV_MAX_RANK];
    if (rank >= CUV_MAX_RANK)
        return too_many_axes(call);
    for (int i = 0; i <= rank; i++)
        shape[i] = i == axis ? 1 : -2 - (i < axis ? i : i - 1);
    return cuv_emit_reshape(call->program, x, shape, rank + 1);
}

cuv_ref cuv_squeeze(cuv_call *call, cuv_ref x, int axis)
{
    int rank = cuv_var_of(call, x)->rank, count = 0;
    int64_t shape[CUV_MAX_RANK];
    for (int i = 0; i < rank; i++)
        if (i != axis)
            shape[count++] = -2 - i;
    return cuv_emit_reshape(call->program, x, shape, count);
}

cuv_ref cuv_transposed(cuv_call *call, cuv_ref x, const int *perm)
{
    return cuv_emit_transpose(call->program, x, perm);
}

cuv_ref cuv_move_axis(cuv_call *call, cuv_ref x, int from, int to)
{
    int perm[CUV_MAX_RANK], rank = cuv_var_of(call, x)->rank, next = 0;
    for (int i = 0; i < rank; i++) {
        if (next == from)
            next++;
        perm[i] = i == to ? from : next++;
    }
    return cuv_emit_transpose(call->program, x, perm);
}

cuv_ref cuv_to_last(cuv_call *call, cuv_ref x)
{
    int rank = cuv_var_of(call, x)->rank;
    return call->layer->channels_first && rank > 2 ? cuv_move_axis(call, x, 1, rank - 1) : x;
}

cuv_ref cuv_from_last(cuv_call *call, cuv_ref x)
{
    int rank = cuv_var_of(call, x)->rank;
    return call->layer->channels_first && rank > 2 ? cuv_move_axis(call, x, rank - 1, 1) : x;
}

cuv_ref cuv_scalar_like(cuv_call *call, cuv_ref x, double value)
{
    return cuv_program_scalar(call->program, cuv_var_of(call, x)->dtype, value);
}

double cuv_number_in(cuv_dtype dtype, double value)
{
    switch ((int)dtype) {
    case CUV_F16: return (double)cuv_f16_to_f32(cuv_f32_to_f16((float)value));
    case CUV_BF16: return (double)cuv_bf16_to_f32(cuv_f32_to_bf16((float)value));
    default: return value;
    }
}

cuv_ref cuv_reduce(cuv_call *call, cuv_op op, cuv_ref x, const int *axes, int count, bool keepdims)
{
    cuv_attrs attrs = {.axes_count = count, .keepdims = keepdims};
    for (int i = 0; i < count; i++)
        attrs.axes[i] = axes[i];
    return cuv_emit(call->program, op, CUV_IN(x), &attrs);
}

cuv_ref cuv_slice_axis(cuv_call *call, cuv_ref x, int axis, int64_t start, int64_t stop)
{
    cuv_attrs attrs = {0};
    attrs.start[axis] = start;
    attrs.stop[axis] = stop;
    attrs.step[axis] = 1;
    return cuv_emit(call->program, CUV_OP_SLICE, CUV_IN(x), &attrs);
}

cuv_ref cuv_concat2(cuv_call *call, cuv_ref a, cuv_ref b, int axis)
{
    return cuv_emit(call->program, CUV_OP_CONCAT, CUV_IN(a, b), CUV_AT(.axis = axis));
}

cuv_ref cuv_mask_join(cuv_call *call, cuv_op op, cuv_ref a, cuv_ref b)
{
    if (a == CUV_NO_REF || b == CUV_NO_REF)
        return a == CUV_NO_REF ? b : a;
    return cuv_emit2(call->program, op, a, b);
}
