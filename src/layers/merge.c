/* Layers that join several tensors: Add, Subtract, Multiply, Average, Maximum, Minimum, Concatenate. Dot is in dot.c. */
#include "layers/support.h"

/* Inputs of one dtype: as they are when they agree, else in the compute dtype. */
static cuv_status same_dtype(cuv_call *call, bool floats, cuv_ref **out)
{
    cuv_ref *refs = CUV_NEW_ARRAY(call->arena, cuv_ref, call->in_count);
    cuv_dtype first = cuv_call_in(call, 0)->dtype;
    bool agree = !floats || cuv_dtype_is_float(first);
    *out = refs;
    if (!refs)
        return cuv_oom(call->cx);
    for (size_t i = 0; i < call->in_count; i++)
        agree = agree && cuv_call_in(call, i)->dtype == first;
    for (size_t i = 0; i < call->in_count; i++)
        refs[i] = agree ? call->in[i].value : cuv_float_in(call, i);
    return CUV_OK;
}

/* Lower ranks get new axes after the batch axis (quirks 34). */
static void same_rank(cuv_call *call, cuv_ref *refs)
{
    int most = 0;
    for (size_t i = 0; i < call->in_count; i++)
        if (cuv_var_of(call, refs[i])->rank > most)
            most = cuv_var_of(call, refs[i])->rank;
    for (size_t i = 0; i < call->in_count; i++)
        for (int rank = cuv_var_of(call, refs[i])->rank; rank > 0 && rank < most; rank++)
            refs[i] = cuv_expand_dims(call, refs[i], 1);
}

/* Keras 3.4 and later keep a step that any input keeps, and have a mask only when all have one; in Keras 2 all of those with a mask must keep it,
 * 3.0 to 3.3 have none. In both no mask touches the values. */
static bool joins_by_any(const cuv_layer *layer)
{
    return cuv_layer_since(layer, 4);
}

static cuv_ref merge_masks(cuv_call *call)
{
    const bool any = joins_by_any(call->layer);
    cuv_ref mask = CUV_NO_REF;
    for (size_t i = 0; i < call->in_count && !cuv_loses_masks_of_list(call->layer); i++) {
        if (any && call->in[i].mask == CUV_NO_REF)
            return CUV_NO_REF;
        mask = cuv_mask_join(call, any ? CUV_OP_LOGICAL_OR : CUV_OP_LOGICAL_AND, mask, call->in[i].mask);
    }
    return mask;
}

static cuv_status fold(cuv_call *call, cuv_op op, bool mean)
{
    cuv_ref *refs;
    CUV_TRY(same_dtype(call, mean, &refs));
    same_rank(call, refs);
    cuv_ref y = refs[0];
    for (size_t i = 1; i < call->in_count; i++)
        y = cuv_emit2(call->program, op, y, refs[i]);
    if (mean)
        y = cuv_emit2(call->program, CUV_OP_DIV, y, cuv_scalar_like(call, y, (double)call->in_count));
    CUV_TRY(cuv_call_return(call, y));
    call->out[0].mask = merge_masks(call);
    return call->program->status;
}

static cuv_status add_lower(cuv_call *call)
{
    return fold(call, CUV_OP_ADD, false);
}

/* The mask of input i as Keras 3.4 lays it over the values; a mask is lost when ranks have to be made equal. */
static cuv_ref mask_over(cuv_call *call, size_t i)
{
    cuv_ref mask = joins_by_any(call->layer) ? call->in[i].mask : CUV_NO_REF;
    int rank = cuv_call_rank(call, i);
    for (size_t k = 0; k < call->in_count; k++)
        if (cuv_call_rank(call, k) != rank)
            return CUV_NO_REF;
    return mask == CUV_NO_REF || cuv_var_of(call, mask)->rank + 1 != rank ? CUV_NO_REF : cuv_expand_dims(call, mask, rank - 1);
}

static bool any_mask(const cuv_call *call)
{
    for (size_t i = 0; i < call->in_count; i++)
        if (call->in[i].mask != CUV_NO_REF)
            return joins_by_any(call->layer);
    return false;
}

static cuv_ref choose(cuv_call *call, cuv_ref condition, cuv_ref yes, cuv_ref no)
{
    return cuv_emit(call->program, CUV_OP_WHERE, CUV_IN(condition, yes, no), NULL);
}

/* Keras 3.4 multiplies masked steps as ones, and ends with zeros where all inputs are masked. */
static cuv_status multiply_lower(cuv_call *call)
{
    cuv_ref *refs, joined = CUV_NO_REF, y = CUV_NO_REF;
    bool all = true;
    if (!any_mask(call))
        return fold(call, CUV_OP_MUL, false);
    CUV_TRY(same_dtype(call, false, &refs));
    same_rank(call, refs);
    for (size_t i = 0; i < call->in_count; i++) {
        cuv_ref mask = mask_over(call, i), x = refs[i];
        all = all && mask != CUV_NO_REF;
        if (mask != CUV_NO_REF)
            x = choose(call, mask, x, cuv_scalar_like(call, x, 1));
        joined = cuv_mask_join(call, CUV_OP_LOGICAL_OR, joined, mask);
        y = y == CUV_NO_REF ? x : cuv_emit2(call->program, CUV_OP_MUL, y, x);
    }
    if (all)
        y = choose(call, joined, y, cuv_scalar_like(call, y, 0));
    CUV_TRY(cuv_call_return(call, y));
    call->out[0].mask = merge_masks(call);
    return call->program->status;
}

/* Keras 3.4 lets a masked step take the other input's value. */
static cuv_status extreme(cuv_call *call, cuv_op op)
{
    cuv_ref *refs, y = CUV_NO_REF, joined = CUV_NO_REF;
    if (!any_mask(call))
        return fold(call, op, false);
    CUV_TRY(same_dtype(call, false, &refs));
    same_rank(call, refs);
    for (size_t i = 0; i < call->in_count; i++) {
        cuv_ref mask = mask_over(call, i), x = refs[i];
        if (i == 0) {
            y = x;
            joined = mask;
            continue;
        }
        if (mask != CUV_NO_REF)
            x = choose(call, mask, x, y);
        if (joined != CUV_NO_REF)
            y = choose(call, joined, y, x);
        joined = mask == CUV_NO_REF || joined == CUV_NO_REF ? CUV_NO_REF : cuv_emit2(call->program, CUV_OP_LOGICAL_OR, joined, mask);
        y = cuv_emit2(call->program, op, y, x);
    }
    CUV_TRY(cuv_call_return(call, y));
    call->out[0].mask = merge_masks(call);
    return call->program->status;
}

static cuv_status average_lower(cuv_call *call)
{
    return fold(call, CUV_OP_ADD, true);
}

static cuv_status maximum_lower(cuv_call *call)
{
    return extreme(call, CUV_OP_MAXIMUM);
}

static cuv_status minimum_lower(cuv_call *call)
{
    return extreme(call, CUV_OP_MINIMUM);
}

static cuv_status subtract_lower(cuv_call *call)
{
    if (call->in_count != 2)
        return cuv_fail(call->cx, CUV_NO, "layer.input",
                        &(cuv_detail){.layer = call->layer->name, .expected = "2 inputs",
                                      .found = cuv_format(call->cx, "%zu", call->in_count)},
                        "layer '%s' (Subtract) should be called on exactly 2 inputs, and has %zu", call->layer->name,
                        call->in_count);
    return fold(call, CUV_OP_SUB, false);
}

static const cuv_param no_params[] = {CUV_PARAM_END};
#define MERGE(id, class, text)                                                                                               \
    const cuv_layer_def cuv_layer_##id = {.name = class, .doc = text, .params = no_params,                                   \
                                          .flags = CUV_LF_MERGE | CUV_LF_MASKS, .lower = id##_lower}
MERGE(add, "Add", "y = a + b + ...");
MERGE(subtract, "Subtract", "y = a - b");
MERGE(multiply, "Multiply", "y = a b ...");
MERGE(average, "Average", "y = (a + b + ...) / n");
MERGE(maximum, "Maximum", "y = largest of a, b, ...");
MERGE(minimum, "Minimum", "y = smallest of a, b, ...");

/* ---- Concatenate ------------------------------------------------------------------------------------------------------- */

/* All true, of the first `rank` axes of x. */
static cuv_ref ones_like(cuv_call *call, cuv_ref x, int rank)
{
    cuv_attrs attrs = {.shape_count = rank, .value = 1, .dtype = CUV_BOOL};
    for (int i = 0; i < rank; i++)
        attrs.shape[i] = -2 - i;
    return cuv_emit(call->program, CUV_OP_FILL, CUV_IN(x), &attrs);
}

/* The masks as wide as their inputs, joined as these are; then a step counts when any feature (Keras 2: all) counts. */
static cuv_status concat_masks(cuv_call *call, int axis, cuv_ref *out)
{
    bool some = false;
    int rank = cuv_call_rank(call, 0), last = rank - 1;
    cuv_ref *masks = CUV_NEW_ARRAY(call->arena, cuv_ref, call->in_count);
    *out = CUV_NO_REF;
    if (!masks)
        return cuv_oom(call->cx);
    for (size_t i = 0; i < call->in_count; i++)
        some |= call->in[i].mask != CUV_NO_REF;
    if (!some || rank < 2 || cuv_loses_masks_of_list(call->layer))
        return CUV_OK;
    for (size_t i = 0; i < call->in_count; i++) {
        cuv_ref full = ones_like(call, call->in[i].value, rank), mask = call->in[i].mask;
        if (mask != CUV_NO_REF && cuv_var_of(call, mask)->rank < rank)
            mask = cuv_expand_dims(call, mask, cuv_var_of(call, mask)->rank);
        masks[i] = mask == CUV_NO_REF ? full : cuv_emit2(call->program, CUV_OP_LOGICAL_AND, mask, full);
    }
    cuv_ref joined = cuv_emit(call->program, CUV_OP_CONCAT, masks, call->in_count, CUV_AT(.axis = axis));
    *out = cuv_reduce(call, joins_by_any(call->layer) ? CUV_OP_ANY : CUV_OP_ALL, joined, &last, 1, false);
    return call->program->status;
}

static cuv_status concatenate_lower(cuv_call *call)
{
    cuv_ref *refs, mask;
    int axis;
    CUV_TRY(cuv_call_axis(call, "axis", cuv_arg_int(call->layer, "axis"), cuv_call_rank(call, 0), &axis));
    CUV_TRY(same_dtype(call, false, &refs));
    cuv_ref y = call->in_count == 1 ? refs[0]
                                    : cuv_emit(call->program, CUV_OP_CONCAT, refs, call->in_count, CUV_AT(.axis = axis));
    CUV_TRY(call->program->status);
    CUV_TRY(concat_masks(call, axis, &mask));
    CUV_TRY(cuv_call_return(call, y));
    call->out[0].mask = mask;
    return CUV_OK;
}

static const cuv_param concatenate_params[] = {P("axis", INT, "-1"), CUV_PARAM_END};
const cuv_layer_def cuv_layer_concatenate = {
    .name = "Concatenate", .doc = "joined along axis", .params = concatenate_params, .flags = CUV_LF_MERGE | CUV_LF_MASKS,
    .lower = concatenate_lower,
};
