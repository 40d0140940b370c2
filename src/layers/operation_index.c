/* x[...]: places, slices, new axes, an ellipsis, and one tensor or list of indices. */
#include "layers/operation.h"

typedef struct indexing {
    cuv_call *call;
    cuv_attrs slices;               /* by axis of x */
    int64_t shape[CUV_MAX_RANK];    /* of the sliced x, once places are dropped and new axes added */
    int rank, axis;                 /* of the result so far; next axis of x */
    int gather_axis;                /* of the result; -1: none */
    cuv_ref gather_index;
} indexing;

static bool is_ellipsis(const cuv_value *v)
{
    return cuv_streq(cuv_get_text(v, "class_name"), "__ellipsis__");
}

/* {"class_name": "__slice__", "config": {...}}, or Keras 2's {"start", "stop", "step"}. */
static const cuv_value *slice_of(const cuv_value *v)
{
    if (cuv_streq(cuv_get_text(v, "class_name"), "__slice__"))
        return cuv_get(v, "config");
    return v && v->kind == CUV_DICT && !cuv_get(v, "class_name") && cuv_get(v, "start") ? v : NULL;
}

static bool end_of(const cuv_value *v, int64_t fallback, int64_t *out)
{
    *out = fallback;
    return cuv_is_null(v) || cuv_as_int(v, out);
}

static cuv_status bad_key(indexing *x)
{
    return cuv_bad_option(x->call, "key", "made of numbers, slices, None, ... and one tensor of indices");
}

static cuv_status keep_axis(indexing *x)
{
    if (x->rank >= CUV_MAX_RANK)
        return bad_key(x);
    x->shape[x->rank++] = -2 - x->axis++;
    return CUV_OK;
}

static cuv_status one_key(indexing *x, const cuv_value *v, int rank)
{
    int64_t at, step;
    const cuv_value *slice = slice_of(v);
    if (cuv_is_null(v)) {
        if (x->rank >= CUV_MAX_RANK)
            return bad_key(x);
        x->shape[x->rank++] = 1;
        return CUV_OK;
    }
    if (x->axis >= rank || (v->kind == CUV_TRUTH))
        return bad_key(x);
    if (slice) {
        if (!end_of(cuv_get(slice, "step"), 1, &step) || step == 0 ||
            !end_of(cuv_get(slice, "start"), step > 0 ? 0 : INT64_MAX, &x->slices.start[x->axis]) ||
            !end_of(cuv_get(slice, "stop"), step > 0 ? INT64_MAX : INT64_MIN, &x->slices.stop[x->axis]))
            return bad_key(x);
        x->slices.step[x->axis] = step;
        return keep_axis(x);
    }
    if (!cuv_as_int(v, &at))
        return bad_key(x);
    x->slices.start[x->axis] = at;
    x->slices.stop[x->axis] = at == -1 ? INT64_MAX : at + 1;
    x->slices.step[x->axis++] = 1;
    return CUV_OK;
}

static size_t axes_of(const cuv_value *key, size_t from)
{
    size_t n = 0;
    for (size_t i = from; i < cuv_len(key); i++)
        n += !cuv_is_null(cuv_item(key, i)) && !is_ellipsis(cuv_item(key, i));
    return n;
}

static cuv_status all_keys(indexing *x, const cuv_value *key, const cuv_kwarg *k, int rank)
{
    size_t next = 0;
    for (size_t i = 0; i < cuv_len(key); i++) {
        const cuv_value *v = cuv_item(key, i);
        bool tensor = cuv_streq(cuv_get_text(v, "class_name"), "__keras_tensor__");
        if (is_ellipsis(v)) {
            int rest = rank - (int)axes_of(key, i);
            while (x->axis < rest)
                CUV_TRY(keep_axis(x));
        } else if (tensor && k && next < k->list_count && x->gather_axis < 0) {
            x->gather_axis = x->rank;
            x->gather_index = k->list[next++].value;
            CUV_TRY(keep_axis(x));
        } else {
            CUV_TRY(one_key(x, v, rank));
        }
    }
    while (x->axis < rank)
        CUV_TRY(keep_axis(x));
    return CUV_OK;
}

cuv_status cuv_op_get_item(cuv_call *call)
{
    cuv_ref x;
    indexing in = {.call = call, .gather_axis = -1};
    const cuv_kwarg *k = cuv_operand(call, "key");
    const cuv_value *key = cuv_option(call, "key");
    CUV_TRY(cuv_operand_x(call, &x));
    int rank = cuv_var_of(call, x)->rank;
    cuv_value one = {.kind = CUV_TUPLE, .items = &(cuv_value *){(cuv_value *)(uintptr_t)key}, .size = 1};
    if (k && k->tensor.value != CUV_NO_REF) {
        in.gather_axis = 0;
        in.gather_index = k->tensor.value;
        key = NULL;
    } else if (!cuv_is_seq(key)) {
        key = &one;
    }
    CUV_TRY(all_keys(&in, key, k, rank));
    for (int i = 0; i < rank; i++)
        if (in.slices.step[i]) {
            x = cuv_emit(call->program, CUV_OP_SLICE, CUV_IN(x), &in.slices);
            break;
        }
    bool same = in.rank == rank;
    for (int i = 0; i < in.rank; i++)
        same &= in.shape[i] == -2 - i;
    if (!same)
        x = cuv_emit_reshape(call->program, x, in.shape, in.rank);
    if (in.gather_axis < 0)
        return cuv_give(call, x);
    if (cuv_var_of(call, in.gather_index)->dtype != CUV_I32 && cuv_var_of(call, in.gather_index)->dtype != CUV_I64)
        return bad_key(&in);
    return cuv_give(call, cuv_emit(call->program, CUV_OP_GATHER, CUV_IN(x, in.gather_index), CUV_AT(.axis = in.gather_axis)));
}
