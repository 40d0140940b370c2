/* Bidirectional: a recurrent layer run both ways, and its results joined. */
#include "layers/rnn.h"

static const char *const shared_flags[] = {"return_sequences", "return_state", NULL};

static bool flag_of(const cuv_layer *direction, const char *name)
{
    for (size_t i = 0; direction->def->params && direction->def->params[i].name; i++)
        if (strcmp(direction->def->params[i].name, name) == 0)
            return cuv_arg_bool(direction, name);
    return false;
}

/* A copy of a record with its name prefixed ("forward_lstm") and, for the other direction, go_backwards turned. */
static cuv_status direct(cuv_layer *layer, const cuv_value *record, const char *prefix, bool turn, cuv_value **out)
{
    cuv_arena *arena = layer->arena;
    cuv_context *cx = cuv_arena_context(arena);
    *out = cuv_value_copy(arena, record);
    cuv_value *config = *out ? cuv_get(*out, "config") : NULL;
    if (!*out)
        return cuv_oom(cx);
    if (!config || config->kind != CUV_DICT)
        return cuv_bad_arg(layer, "layer", "a recurrent layer with its config");
    const char *name = cuv_get_text(config, "name");
    if (name && !cuv_starts_with(name, prefix)) {
        const char *prefixed = cuv_arena_printf(arena, "%s%s", prefix, name);
        CUV_TRY(cuv_dict_set(arena, config, "name", prefixed ? cuv_value_text(arena, prefixed) : NULL));
    }
    if (turn)
        CUV_TRY(cuv_dict_set(arena, config, "go_backwards",
                             cuv_value_bool(arena, !cuv_get_bool(config, "go_backwards", false))));
    return CUV_OK;
}

static cuv_status check_directions(cuv_context *cx, const cuv_layer *layer, const cuv_layer *forward, const cuv_layer *backward)
{
    for (size_t i = 0; shared_flags[i]; i++)
        if (flag_of(forward, shared_flags[i]) != flag_of(backward, shared_flags[i]))
            return cuv_fail(cx, CUV_DAMAGED, "config.value", &(cuv_detail){.layer = layer->name},
                            "layer '%s' (Bidirectional): '%s' differs between the two directions", layer->name, shared_flags[i]);
    if (flag_of(forward, "go_backwards") == flag_of(backward, "go_backwards"))
        return cuv_fail(cx, CUV_DAMAGED, "config.value", &(cuv_detail){.layer = layer->name},
                        "layer '%s' (Bidirectional): both directions have the same go_backwards", layer->name);
    return CUV_OK;
}

/* Keras since tf.keras puts zeros where sequences are masked (quirks 21). */
static cuv_status zero_masked(cuv_layer *direction)
{
    bool wanted = direction->keras >= 2 && !direction->tf1 && !direction->theano && flag_of(direction, "return_sequences");
    cuv_value *value = cuv_value_bool(direction->arena, wanted);
    if (!value)
        return cuv_oom(cuv_arena_context(direction->arena));
    cuv_arg_set(direction, "zero_output_for_mask", value);
    return CUV_OK;
}

static cuv_status check_recurrent(cuv_context *cx, const cuv_layer *layer, const cuv_layer *direction)
{
    for (size_t i = 0; direction->def->params && direction->def->params[i].name; i++)
        if (strcmp(direction->def->params[i].name, "go_backwards") == 0)
            return CUV_OK;
    return cuv_fail(cx, CUV_UNSUPPORTED, "layer.unsupported",
                    &(cuv_detail){.layer = layer->name, .expected = "a recurrent layer", .found = direction->class_name},
                    "layer '%s' (Bidirectional) holds a layer of class '%s'", layer->name, direction->class_name);
}

static cuv_status bidirectional_inner(cuv_context *cx, cuv_layer *layer)
{
    const cuv_value *given = cuv_arg(layer, "backward_layer");
    cuv_value *forward, *backward;
    cuv_layer *inner[2];
    CUV_TRY(direct(layer, cuv_arg(layer, "layer"), "forward_", false, &forward));
    if (cuv_is_null(given))
        CUV_TRY(direct(layer, cuv_arg(layer, "layer"), "backward_", true, &backward));
    else if (!(backward = cuv_value_copy(layer->arena, given)))
        return cuv_oom(cx);
    CUV_TRY(cuv_layer_add_inner(layer, forward, "forward_layer", &inner[0]));
    CUV_TRY(cuv_layer_add_inner(layer, backward, "backward_layer", &inner[1]));
    for (int i = 0; i < 2; i++) {
        CUV_TRY(check_recurrent(cx, layer, inner[i]));
        CUV_TRY(zero_masked(inner[i]));
    }
    return check_directions(cx, layer, inner[0], inner[1]);
}

/* ---- calls ---------------------------------------------------------------------------------------------------------------------- */

static cuv_status call_direction(cuv_call *call, size_t which, const cuv_ref *states, size_t count, cuv_sym *out, size_t *out_count)
{
    cuv_sym *in = CUV_NEW_ARRAY(call->arena, cuv_sym, count + 1);
    if (!in)
        return cuv_oom(call->cx);
    in[0] = (cuv_sym){call->in[0].value, cuv_rnn_mask(call)};
    for (size_t i = 0; i < count; i++)
        in[i + 1] = (cuv_sym){states[i], CUV_NO_REF};
    return cuv_layer_call_inner(call, call->layer->inner[which], in, count + 1, out, out_count);
}

static cuv_ref join(cuv_call *call, const char *mode, cuv_ref a, cuv_ref b)
{
    cuv_program *p = call->program;
    if (strcmp(mode, "sum") == 0)
        return cuv_emit2(p, CUV_OP_ADD, a, b);
    if (strcmp(mode, "mul") == 0)
        return cuv_emit2(p, CUV_OP_MUL, a, b);
    if (strcmp(mode, "ave") == 0)
        return cuv_emit2(p, CUV_OP_DIV, cuv_emit2(p, CUV_OP_ADD, a, b), cuv_scalar_like(call, a, 2));
    return cuv_concat2(call, a, b, cuv_var_of(call, a)->rank - 1);
}

static cuv_status bidirectional_lower(cuv_call *call)
{
    const cuv_layer *layer = call->layer;
    const char *mode = cuv_text(cuv_arg(layer, "merge_mode"));
    bool sequences = flag_of(layer->inner[0], "return_sequences");
    const cuv_ref *states;
    cuv_sym out[2][CUV_MAX_OUTPUTS];
    size_t count, outs[2];
    CUV_TRY(cuv_rnn_initial(call, &states, &count));
    size_t half = count / 2;
    CUV_TRY(call_direction(call, 0, states, half, out[0], &outs[0]));
    CUV_TRY(call_direction(call, 1, states ? states + half : NULL, half, out[1], &outs[1]));
    cuv_ref a = out[0][0].value, b = out[1][0].value, mask = sequences ? call->in[0].mask : CUV_NO_REF;
    if (outs[0] + outs[1] > CUV_MAX_OUTPUTS)
        return cuv_call_unsupported(call, "layer", "too many states");
    if (sequences)
        b = cuv_emit(call->program, CUV_OP_REVERSE, CUV_IN(b), CUV_AT(.axes = {cuv_rnn_steps_first(layer->inner[0]) ? 0 : 1}, .axes_count = 1));
    call->out_count = 0;
    call->out[call->out_count++] = (cuv_sym){mode ? join(call, mode, a, b) : a, mask};
    if (!mode)
        call->out[call->out_count++] = (cuv_sym){b, mask};
    for (int d = 0; d < 2; d++)
        for (size_t i = 1; i < outs[d]; i++)
            call->out[call->out_count++] = out[d][i];
    return call->program->status;
}

static cuv_status bidirectional_check(cuv_context *cx, cuv_layer *layer)
{
    const char *mode = cuv_text(cuv_arg(layer, "merge_mode"));
    (void)cx;
    if (cuv_arg_none(layer, "merge_mode") || (mode && cuv_has_word("concat sum mul ave", mode)))
        return CUV_OK;
    return cuv_bad_arg(layer, "merge_mode", "one of: concat sum mul ave, or None");
}

static const cuv_param bidirectional_params[] = {P("layer", LAYER, NULL), P("merge_mode", ANY, "'concat'"), INERT("weights", "None"),
                                                 P("backward_layer", LAYER, "None"), CUV_PARAM_END};
const cuv_layer_def cuv_layer_bidirectional = {
    .name = "Bidirectional", .doc = "a recurrent layer run both ways, joined by merge_mode", .params = bidirectional_params,
    .flags = CUV_LF_MASKS | CUV_LF_MULTI | CUV_LF_WRAPPER, .check = bidirectional_check, .inner = bidirectional_inner,
    .lower = bidirectional_lower,
};
