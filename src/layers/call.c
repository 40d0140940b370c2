/* Runs a layer's call: casts inputs, takes masks from keywords, makes the weights on the first call, lowers. */
#include "layers/quantized.h"
#include "layers/rnn.h"
#include "layers/support.h"

#include <assert.h>

const cuv_var *cuv_var_of(const cuv_call *call, cuv_ref ref)
{
    return cuv_program_var(call->program, ref);
}

const cuv_var *cuv_call_in(const cuv_call *call, size_t input)
{
    return cuv_var_of(call, input < call->in_count ? call->in[input].value : CUV_NO_REF);
}

int cuv_call_rank(const cuv_call *call, size_t input)
{
    return cuv_call_in(call, input)->rank;
}

const cuv_kwarg *cuv_call_kwarg(const cuv_call *call, const char *name)
{
    for (size_t i = 0; i < call->kwarg_count; i++) {
        const cuv_kwarg *k = &call->kwargs[i];
        if (cuv_streq(k->name, name) && (k->list_count || k->tensor.value != CUV_NO_REF || !cuv_is_null(k->literal)))
            return k;
    }
    return NULL;
}

/* ---- failures in Keras's words ---------------------------------------------------------------------------------- */

cuv_status cuv_bad_input(cuv_call *call, size_t input, const char *expected)
{
    const cuv_var *in = cuv_call_in(call, input);
    const char *found = cuv_shape_text(call->cx, in->shape, in->rank);
    return cuv_fail(call->cx, CUV_NO, "layer.input",
                    &(cuv_detail){.layer = call->layer->name, .expected = expected,
                                  .found = cuv_format(call->cx, "shape %s", found)},
                    "input %zu of layer '%s' (%s) does not fit the layer: expected %s, found shape %s", input, call->layer->name,
                    call->layer->class_name, expected, found);
}

cuv_status cuv_call_expect_rank(cuv_call *call, size_t input, int rank)
{
    const cuv_var *in = cuv_call_in(call, input);
    if (in->rank == rank)
        return CUV_OK;
    return cuv_bad_input(call, input, cuv_format(call->cx, "ndim=%d (found ndim=%d)", rank, in->rank));
}

cuv_status cuv_call_unsupported(cuv_call *call, const char *argument, const char *why)
{
    const cuv_layer *layer = call->layer;
    const cuv_value *value = NULL;
    for (size_t i = 0; layer->def->params && layer->def->params[i].name; i++)
        if (strcmp(layer->def->params[i].name, argument) == 0)
            value = layer->args[i];
    const char *found = value ? cuv_format(call->cx, "%s=%s", argument, cuv_value_repr(call->cx, value)) : argument;
    return cuv_fail(call->cx, CUV_UNSUPPORTED, "layer.unsupported", &(cuv_detail){.layer = layer->name, .found = found},
                    "layer '%s' (%s): %s is not supported: %s", layer->name, layer->class_name, found, why);
}

cuv_status cuv_call_axis(cuv_call *call, const char *argument, int64_t value, int rank, int *axis)
{
    int64_t counted = value < 0 ? value + rank : value;
    if (counted < 0 || counted >= rank)
        return cuv_bad_arg(call->layer, argument, cuv_format(call->cx, "an axis of %d (-%d to %d)", rank, rank, rank - 1));
    *axis = (int)counted;
    return CUV_OK;
}

/* ---- weights ---------------------------------------------------------------------------------------------------- */

static cuv_weight *weight_of(const cuv_layer *layer, const char *slot)
{
    for (size_t i = 0; i < layer->weight_count; i++)
        if (strcmp(layer->weights[i].name, slot) == 0)
            return &layer->weights[i];
    return NULL;
}

cuv_ref cuv_layer_weight(const cuv_layer *layer, const char *slot)
{
    const cuv_weight *w = weight_of(layer, slot);
    return w ? w->ref : CUV_NO_REF;
}

cuv_ref cuv_call_weight(const cuv_call *call, const char *slot)
{
    const cuv_weight *w = weight_of(call->layer, slot);
    if (!w)
        return CUV_NO_REF;
    bool cast = cuv_dtype_is_float(w->dtype) && cuv_dtype_is_float(call->layer->compute);
    return cast ? cuv_emit_cast(call->program, w->ref, call->layer->compute) : w->ref;
}

cuv_status cuv_layer_add_weight(cuv_call *call, const cuv_slot *slot, const int64_t *shape, int rank, cuv_ref *out)
{
    cuv_layer *layer = call->layer;
    cuv_weight *weights = cuv_arena_grow(layer->arena, layer->weights, layer->weight_count, &layer->weight_capacity,
                                         sizeof *weights);
    const char *name = cuv_arena_printf(layer->arena, "%s/%s", layer->path, slot->name);
    size_t elements;
    *out = CUV_NO_REF;
    if (!weights || !name)
        return cuv_oom(call->cx);
    layer->weights = weights;
    if (!cuv_shape_count(shape, rank, &elements))
        return cuv_fail(call->cx, CUV_UNSAFE, "limit.weight", &(cuv_detail){.layer = layer->name},
                        "layer '%s': '%s' of shape %s is larger than any memory", layer->name, slot->name,
                        cuv_shape_text(call->cx, shape, rank));
    cuv_weight *w = &weights[layer->weight_count++];
    *w = (cuv_weight){.name = slot->name, .layer = layer, .rank = rank, .slot = slot, .trainable = !slot->not_trainable,
                      .dtype = slot->dtype ? slot->dtype : layer->variable};
    if (rank)
        memcpy(w->shape, shape, (size_t)rank * sizeof *shape);
    cuv_dtype kept = w->dtype == CUV_I8 || w->dtype == CUV_U8 ? CUV_F32 : w->dtype;     /* quantised kernels */
    w->ref = *out = cuv_program_weight(call->program, name, kept, shape, rank);
    return call->program->status;
}

static cuv_status make_slots(cuv_call *call)
{
    const cuv_layer *layer = call->layer;
    if (layer->quant)               /* made by def->build */
        return CUV_OK;
    for (const cuv_slot *slot = layer->def->slots; slot && slot->name; slot++) {
        int64_t shape[CUV_MAX_RANK];
        int rank;
        cuv_ref ref;
        if (!cuv_slot_present(layer, slot))
            continue;
        CUV_TRY(cuv_slot_shape(call->cx, layer, slot, shape, &rank));
        CUV_TRY(cuv_layer_add_weight(call, slot, shape, rank, &ref));
    }
    if (!layer->weight_count)
        return CUV_OK;
    int64_t shape[CUV_MAX_RANK];        /* adding moves the weights */
    memcpy(shape, layer->weights[0].shape, sizeof shape);
    return cuv_lora_weights(call, shape, layer->weights[0].rank);
}

/* ---- the first call --------------------------------------------------------------------------------------------- */

static cuv_status set_path(cuv_call *call)
{
    cuv_layer *layer = call->layer;
    const cuv_layer *parent = layer->parent;
    if (layer->path)
        return CUV_OK;
    layer->path = parent && parent->path ? cuv_arena_printf(layer->arena, "%s/%s", parent->path, layer->name) : layer->name;
    return layer->path ? CUV_OK : cuv_oom(call->cx);
}

static int64_t channels_of(const cuv_layer *layer, const cuv_var *in)
{
    if (in->rank < 1)
        return -1;
    return in->shape[layer->channels_first && in->rank > 1 ? 1 : in->rank - 1];
}

static cuv_status build(cuv_call *call)
{
    cuv_layer *layer = call->layer;
    const cuv_var *in = cuv_call_in(call, 0);
    CUV_TRY(set_path(call));
    memcpy(layer->in_shape, in->shape, sizeof in->shape);
    layer->in_rank = in->rank;
    layer->in_channels = channels_of(layer, in);
    if (layer->def->build)
        CUV_TRY(layer->def->build(call));
    CUV_TRY(make_slots(call));
    layer->built = true;
    return CUV_OK;
}

static bool slots_read_channels(const cuv_layer *layer)
{
    for (const cuv_slot *slot = layer->def->slots; slot && slot->name; slot++)
        if (cuv_has_word(slot->pattern, "in") && cuv_slot_present(layer, slot))
            return true;
    return false;
}

/* A shared layer keeps the channels it was built for. */
static cuv_status check_again(cuv_call *call)
{
    const cuv_layer *layer = call->layer;
    int64_t now = channels_of(layer, cuv_call_in(call, 0));
    if (now < 0 || layer->in_channels < 0 || now == layer->in_channels || !slots_read_channels(layer))
        return CUV_OK;
    return cuv_bad_input(call, 0, cuv_format(call->cx, "axis %d to have the value %lld", layer->channels_first ? 1 : -1,
                                             (long long)layer->in_channels));
}

/* ---- inputs ------------------------------------------------------------------------------------------------------ */

static cuv_status check_count(cuv_call *call)
{
    const cuv_layer *layer = call->layer;
    bool many = layer->def->flags & (CUV_LF_MERGE | CUV_LF_MULTI);
    if (call->in_count == 1 || (many && call->in_count > 0) || layer->def->flags & CUV_LF_OPERATION)
        return CUV_OK;
    if (cuv_called_on_dict(call))
        return layer->def->flags & CUV_LF_DICT ? CUV_OK : cuv_call_unsupported(call, "a dict of tensors", "only layers of images that Keras calls so take it");
    return cuv_fail(call->cx, CUV_NO, "layer.input",
                    &(cuv_detail){.layer = layer->name, .expected = many ? "at least 1 tensor" : "1 tensor",
                                  .found = cuv_format(call->cx, "%zu tensors", call->in_count)},
                    "layer '%s' (%s) expects %s, but it received %zu input tensors", layer->name, layer->class_name,
                    many ? "at least 1 input" : "1 input", call->in_count);
}

static cuv_ref cast_mask(cuv_call *call, cuv_ref mask)
{
    return mask == CUV_NO_REF ? mask : cuv_emit_cast(call->program, mask, CUV_BOOL);
}

/* Masks given by keyword win over those that came with the tensors. */
static void take_masks(cuv_call *call, cuv_sym *in)
{
    const cuv_kwarg *mask = cuv_call_kwarg(call, "mask");
    if (!mask)
        return;
    if (mask->tensor.value != CUV_NO_REF)
        in[0].mask = cast_mask(call, mask->tensor.value);
    for (size_t i = 0, next = 0; next < mask->list_count && i < call->in_count; i++) {
        if (cuv_is_seq(mask->literal) && cuv_is_null(cuv_item(mask->literal, i)))      /* [None, mask] */
            continue;
        if (mask->list[next].value != CUV_NO_REF)
            in[i].mask = cast_mask(call, mask->list[next].value);
        next++;
    }
}

static cuv_status prepare_inputs(cuv_call *call)
{
    const cuv_layer *layer = call->layer;
    cuv_sym *in = CUV_NEW_ARRAY(call->arena, cuv_sym, call->in_count);
    if (!in)
        return cuv_oom(call->cx);
    memcpy(in, call->in, call->in_count * sizeof *in);
    take_masks(call, in);
    bool cast = !(layer->def->flags & CUV_LF_NO_AUTOCAST) && cuv_dtype_is_float(layer->compute);
    for (size_t i = 0; i < call->in_count && cast; i++)
        if (cuv_dtype_is_float(cuv_var_of(call, in[i].value)->dtype))
            in[i].value = cuv_emit_cast(call->program, in[i].value, layer->compute);
    call->recast = call->in_count && in[0].value != call->in[0].value;
    call->in = in;
    return call->program->status;
}

cuv_status cuv_build_inner(cuv_call *call, cuv_layer *inner, cuv_sym x)
{
    cuv_call inside = {.cx = call->cx, .arena = call->arena, .program = call->program, .layer = inner, .in = &x, .in_count = 1};
    return inner->built ? CUV_OK : build(&inside);
}

/* ---- calls --------------------------------------------------------------------------------------------------------- */

static cuv_status lower(cuv_call *call)
{
    const cuv_layer_def *def = call->layer->def;
    call->out_count = 0;
    if ((def->flags & (CUV_LF_DICT | CUV_LF_WRAPPER)) == CUV_LF_DICT && cuv_called_on_dict(call))
        return cuv_lower_dict(call);
    if (!def->lower) {
        assert(def->flags & CUV_LF_IDENTITY);
        return cuv_call_return(call, call->in[0].value);
    }
    CUV_TRY(def->lower(call));
    return call->program->status;
}

bool cuv_keeps_named_masks(const cuv_layer *layer)
{
    return layer->keras == 3 && !layer->model && !cuv_layer_since(layer, 11);
}

/* What hands on the mask of its input hands on that which came with the tensor. */
static void hand_on_own(cuv_call *call, const cuv_sym *given)
{
    for (size_t k = 0; k < call->out_count; k++)
        for (size_t i = 0; i < call->in_count && call->out[k].mask != CUV_NO_REF; i++)
            if (call->out[k].mask == call->in[i].mask && given[i].mask != call->in[i].mask) {
                call->out[k].mask = given[i].mask;
                break;
            }
}

static cuv_status run(cuv_call *call)
{
    const cuv_sym *given = call->in;
    CUV_TRY(check_count(call));
    CUV_TRY(prepare_inputs(call));
    CUV_TRY(call->layer->built ? check_again(call) : build(call));
    CUV_TRY(lower(call));
    if (cuv_call_kwarg(call, "mask") && cuv_keeps_named_masks(call->layer))
        hand_on_own(call, given);
    return CUV_OK;
}

cuv_status cuv_layer_call(cuv_call *call)
{
    const char *label = call->program->layer;
    CUV_TRY(cuv_check_time(call->cx));
    CUV_TRY(set_path(call));
    call->layer->called = true;
    call->program->layer = call->layer->path;
    cuv_status status = run(call);
    call->program->layer = label;
    return status;
}

cuv_status cuv_layer_call_inner(cuv_call *call, cuv_layer *inner, const cuv_sym *in, size_t in_count, cuv_sym *out,
                                size_t *out_count)
{
    cuv_call inside = {.cx = call->cx, .arena = call->arena, .program = call->program, .layer = inner, .in = in,
                       .in_count = in_count};
    *out_count = 0;
    CUV_TRY(cuv_layer_call(&inside));
    memcpy(out, inside.out, inside.out_count * sizeof *out);
    *out_count = inside.out_count;
    return CUV_OK;
}

cuv_status cuv_call_inner1(cuv_call *call, cuv_layer *inner, cuv_sym in, cuv_ref *out)
{
    cuv_sym outs[CUV_MAX_OUTPUTS];
    size_t count;
    *out = CUV_NO_REF;
    CUV_TRY(cuv_layer_call_inner(call, inner, &in, 1, outs, &count));
    *out = outs[0].value;
    return CUV_OK;
}

cuv_status cuv_call_return(cuv_call *call, cuv_ref value)
{
    bool passes = (call->layer->def->flags & CUV_LF_MASKS) && !cuv_loses_masks_of_list(call->layer);
    call->out[0] = (cuv_sym){value, passes && call->in_count ? call->in[0].mask : CUV_NO_REF};
    call->out_count = 1;
    return call->program->status;
}
