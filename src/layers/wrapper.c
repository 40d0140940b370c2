/* TimeDistributed, SpectralNormalization, Pipeline: layers around layers. Recurrent ones are in rnn_wrapper.c, bidirectional.c. */
#include "layers/support.h"

static cuv_status layer_inner(cuv_context *cx, cuv_layer *layer)
{
    cuv_layer *inner;
    (void)cx;
    return cuv_layer_add_inner(layer, cuv_arg(layer, "layer"), "layer", &inner);
}

/* ---- TimeDistributed -------------------------------------------------------------------------------------------------------------- */

/* (b, t, rest...) as (b t, rest...). */
static cuv_ref fold_time(cuv_call *call, cuv_ref x)
{
    int rank = cuv_var_of(call, x)->rank;
    int64_t shape[CUV_MAX_RANK] = {-1};
    for (int i = 2; i < rank; i++)
        shape[i - 1] = -2 - i;
    return cuv_emit_reshape(call->program, x, shape, rank - 1);
}

/* (b t, rest...) as (b, t, rest...), with b and t of `like`. */
static cuv_status unfold_time(cuv_call *call, cuv_ref y, cuv_ref like, cuv_ref *out)
{
    const cuv_var *v = cuv_var_of(call, y);
    cuv_attrs attrs = {.shape = {-2, -3}, .shape_count = v->rank + 1};
    int unknown = 0;
    if (v->rank + 1 > CUV_MAX_RANK)
        return cuv_call_unsupported(call, "layer", "the result has too many axes");
    for (int i = 1; i < v->rank; i++)
        unknown += (attrs.shape[i + 1] = v->shape[i]) < 0;
    if (unknown > 1)
        return cuv_call_unsupported(call, "layer", "more than one size of the inner result is not known before a run");
    *out = cuv_emit(call->program, CUV_OP_RESHAPE, CUV_IN(y, like), &attrs);
    return call->program->status;
}

static cuv_status return_mask(cuv_call *call, cuv_ref mask, cuv_ref inner)
{
    if (call->layer->keras <= 2 && inner != CUV_NO_REF)
        return unfold_time(call, inner, call->in[0].value, &mask);
    for (int rank = cuv_var_of(call, mask)->rank; call->layer->keras <= 2 && mask != CUV_NO_REF && rank > 2; rank--)
        mask = cuv_reduce(call, CUV_OP_ANY, mask, (const int[]){rank - 1}, 1, false);
    call->out[0].mask = mask;
    return call->program->status;
}

static bool keeps_states(const cuv_layer *layer, unsigned depth)
{
    if (cuv_get_bool(layer->config, "stateful", false))
        return true;
    for (size_t i = 0; i < layer->inner_count && depth; i++)
        if (keeps_states(layer->inner[i], depth - 1))
            return true;
    return false;
}

enum { MOST_STEPS = 256 };

/* An inner layer that keeps states: each step goes on where the one before ended. Keras 2 takes the first one once more before all others, to
 * learn its shape (backend.rnn), and so begins with the states after it. */
static cuv_status time_stateful(cuv_call *call)
{
    cuv_program *p = call->program;
    cuv_layer *inner = call->layer->inner[0];
    const cuv_sym x = call->in[0];
    const int64_t steps = cuv_call_in(call, 0)->shape[1];
    cuv_sym outs[CUV_MAX_OUTPUTS];
    size_t count;
    if (x.mask != CUV_NO_REF || steps < 1 || steps > MOST_STEPS)
        return cuv_call_unsupported(call, "stateful", "with a mask, or for a number of steps that is not known: each goes on where the one before ended");
    cuv_ref *parts = CUV_NEW_ARRAY(call->arena, cuv_ref, (size_t)steps);
    if (!parts)
        return cuv_oom(call->cx);
    for (int64_t t = call->layer->keras < 3 ? -1 : 0; t < steps; t++) {
        const int64_t at = t < 0 ? 0 : t;
        const cuv_sym in = {cuv_squeeze(call, cuv_slice_axis(call, x.value, 1, at, at + 1), 1), CUV_NO_REF};
        CUV_TRY(p->status);
        CUV_TRY(cuv_layer_call_inner(call, inner, &in, 1, outs, &count));
        if (count != 1)
            return cuv_call_unsupported(call, "layer", "the inner layer has several outputs");
        parts[at] = cuv_expand_dims(call, outs[0].value, 1);
    }
    CUV_TRY(p->status);
    return cuv_call_return(call, steps == 1 ? parts[0] : cuv_emit(p, CUV_OP_CONCAT, parts, (size_t)steps, CUV_AT(.axis = 1)));
}

static cuv_status time_lower(cuv_call *call)
{
    cuv_sym x = call->in[0], outs[CUV_MAX_OUTPUTS];
    size_t count;
    cuv_ref y;
    if (cuv_call_rank(call, 0) < 3)
        return cuv_bad_input(call, 0, "min_ndim=3");
    if (keeps_states(call->layer->inner[0], cuv_context_limits(call->cx)->depth))
        return time_stateful(call);
    bool inner_mask = x.mask != CUV_NO_REF && cuv_var_of(call, x.mask)->rank > 2;
    cuv_sym in = {fold_time(call, x.value), inner_mask ? fold_time(call, x.mask) : CUV_NO_REF};
    CUV_TRY(call->program->status);
    CUV_TRY(cuv_layer_call_inner(call, call->layer->inner[0], &in, 1, outs, &count));
    if (count != 1)
        return cuv_call_unsupported(call, "layer", "the inner layer has several outputs");
    CUV_TRY(unfold_time(call, outs[0].value, x.value, &y));
    CUV_TRY(cuv_call_return(call, y));
    return return_mask(call, x.mask, outs[0].mask);
}

static const cuv_param layer_params[] = {P("layer", LAYER, NULL), CUV_PARAM_END};
const cuv_layer_def cuv_layer_time_distributed = {
    .name = "TimeDistributed", .doc = "the inner layer at each step of axis 1", .params = layer_params,
    .flags = CUV_LF_MASKS | CUV_LF_WRAPPER | CUV_LF_NO_AUTOCAST, .inner = layer_inner, .lower = time_lower,
};

/* ---- SpectralNormalization ---------------------------------------------------------------------------------------------------------- */

static bool spectral_symbol(const cuv_layer *layer, const char *name, int64_t *sizes, int *count)
{
    const cuv_layer *inner = layer->inner[0];
    if (strcmp(name, "out") != 0)
        return false;
    *count = 1;
    sizes[0] = -1;
    for (size_t i = 0; inner->def->params && inner->def->params[i].name; i++) {
        const char *row = inner->def->params[i].name;
        if (strcmp(row, "units") == 0 || strcmp(row, "filters") == 0 || strcmp(row, "output_dim") == 0)
            sizes[0] = cuv_arg_int(inner, row);
    }
    return true;
}

/* At inference the stored kernel counts as it is (quirks 17). */
static cuv_status spectral_lower(cuv_call *call)
{
    cuv_sym outs[CUV_MAX_OUTPUTS];
    size_t count;
    CUV_TRY(cuv_layer_call_inner(call, call->layer->inner[0], call->in, 1, outs, &count));
    if (call->layer->keras >= 3)        /* Keras 3 casts to the input's dtype, integers too */
        outs[0].value = cuv_emit_cast(call->program, outs[0].value, cuv_call_in(call, 0)->dtype);
    return cuv_call_return(call, outs[0].value);
}

static const cuv_param spectral_params[] = {P("layer", LAYER, NULL), INERT("power_iterations", "1"), CUV_PARAM_END};
static const cuv_slot spectral_slots[] = {S("vector_u", "1 out", .not_trainable = true), CUV_SLOT_END};
const cuv_layer_def cuv_layer_spectral_normalization = {
    .name = "SpectralNormalization", .doc = "the inner layer; its kernel is normalised in training only", .params = spectral_params,
    .slots = spectral_slots, .flags = CUV_LF_WRAPPER, .inner = layer_inner, .symbol = spectral_symbol, .lower = spectral_lower,
};

/* ---- Pipeline ---------------------------------------------------------------------------------------------------------------------------- */

static cuv_status pipeline_inner(cuv_context *cx, cuv_layer *layer)
{
    const cuv_value *layers = cuv_arg(layer, "layers");
    (void)cx;
    for (size_t i = 0; i < cuv_len(layers); i++) {
        cuv_layer *inner;
        CUV_TRY(cuv_layer_add_inner(layer, cuv_item(layers, i), "layers", &inner));
    }
    return CUV_OK;
}

/* Each layer takes the dict that the one before gives, with the same keys. */
static cuv_status pipeline_of_dict(cuv_call *call)
{
    cuv_kwarg dict = call->args[0];
    dict.list = CUV_NEW_ARRAY(call->arena, cuv_sym, call->in_count);
    if (!dict.list)
        return cuv_oom(call->cx);
    memcpy(dict.list, call->in, call->in_count * sizeof *call->in);
    for (size_t i = 0; i < call->layer->inner_count; i++) {
        cuv_call inside = {.cx = call->cx, .arena = call->arena, .program = call->program, .layer = call->layer->inner[i], .in = dict.list,
                           .in_count = call->in_count, .args = &dict, .arg_count = 1};
        CUV_TRY(cuv_layer_call(&inside));
        if (inside.out_count != call->in_count)
            return cuv_call_unsupported(call, "a dict of tensors", "one of its layers gives other tensors than it takes");
        memcpy(dict.list, inside.out, inside.out_count * sizeof *inside.out);
    }
    memcpy(call->out, dict.list, call->in_count * sizeof *dict.list);
    call->out_count = call->in_count;
    return call->program->status;
}

static cuv_status pipeline_lower(cuv_call *call)
{
    if (cuv_called_on_dict(call))
        return pipeline_of_dict(call);
    cuv_sym x = call->in[0], outs[CUV_MAX_OUTPUTS];
    size_t count;
    for (size_t i = 0; i < call->layer->inner_count; i++) {
        CUV_TRY(cuv_layer_call_inner(call, call->layer->inner[i], &x, 1, outs, &count));
        x = outs[0];
    }
    return cuv_call_return(call, x.value);
}

static const cuv_param pipeline_params[] = {P("layers", LAYERS, NULL), INERT("name", "None"), CUV_PARAM_END};
const cuv_layer_def cuv_layer_pipeline = {
    .name = "Pipeline", .doc = "layers one after the other", .params = pipeline_params,
    .flags = CUV_LF_WRAPPER | CUV_LF_NO_AUTOCAST | CUV_LF_DICT, .inner = pipeline_inner, .lower = pipeline_lower,
};
