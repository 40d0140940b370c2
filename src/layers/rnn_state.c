/* States of recurrent layers: those that a call gives, those that a stateful layer keeps from run to run, those that are returned. */
#include "layers/rnn.h"

static cuv_status states_of_inputs(cuv_call *call, const cuv_sym *in, size_t count, const cuv_ref **states)
{
    cuv_ref *refs = CUV_NEW_ARRAY(call->arena, cuv_ref, count + 1);
    if (!refs)
        return cuv_oom(call->cx);
    for (size_t i = 0; i < count; i++)
        refs[i] = in[i].value;
    *states = refs;
    return CUV_OK;
}

cuv_status cuv_rnn_initial(cuv_call *call, const cuv_ref **states, size_t *count)
{
    const cuv_kwarg *given = cuv_call_kwarg(call, "initial_state");
    *states = NULL;
    *count = 0;
    if (call->in_count > 1) {
        *count = call->in_count - 1;
        return states_of_inputs(call, call->in + 1, *count, states);
    }
    if (!given)
        return CUV_OK;
    *count = given->list_count ? given->list_count : given->tensor.value != CUV_NO_REF;
    return *count ? states_of_inputs(call, given->list_count ? given->list : &given->tensor, *count, states) : CUV_OK;
}

static cuv_status expect_states(cuv_call *call, size_t count, size_t expected)
{
    if (count == 0 || count == expected)
        return CUV_OK;
    return cuv_fail(call->cx, CUV_NO, "layer.input",
                    &(cuv_detail){.layer = call->layer->name, .expected = cuv_format(call->cx, "%zu states", expected),
                                  .found = cuv_format(call->cx, "%zu", count)},
                    "layer '%s' (%s) has %zu states, and is given %zu", call->layer->name, call->layer->class_name, expected, count);
}

/* ---- stateful layers ---- */

static bool is_stateful(const cuv_layer *layer)
{
    return cuv_get_bool(layer->config, "stateful", false);
}

/* The batch is the first axis of what comes in; where the way there has lost it, that of the model's inputs. -1: free. */
static int64_t batch_of(const cuv_call *call)
{
    int64_t batch = cuv_call_in(call, 0)->shape[0];
    for (size_t i = 0; batch < 0 && i < call->program->input_count; i++) {
        const cuv_var *v = cuv_var_of(call, call->program->inputs[i]);
        batch = v->rank > 0 ? v->shape[0] : -1;
    }
    return batch;
}

static cuv_status make_states(cuv_call *call, const cuv_rnn_state *shapes, size_t own, cuv_dtype dtype)
{
    cuv_layer *layer = call->layer;
    const int64_t batch = batch_of(call);
    const size_t first = call->program->state_count;
    for (size_t i = 0; i < own; i++) {
        cuv_rnn_state like = shapes[i];
        like.shape[0] = batch;
        for (int k = 0; k < like.rank; k++)
            if (like.shape[k] < 0)
                return cuv_call_unsupported(call, "stateful", k ? "the size of its states must be known"
                                                                : "Keras wants the model's batch_shape to say the batch size");
        const char *name = cuv_arena_printf(call->arena, "%s/states/%zu", layer->path, i);
        if (!name)
            return cuv_oom(call->cx);
        (void)cuv_program_state(call->program, name, dtype, like.shape, like.rank);
        CUV_TRY(call->program->status);
    }
    layer->first_state = first + 1;
    return CUV_OK;
}

/* tf.keras (LSTM, GRU and RNN of Keras 2) takes the states of the call only as long as its own are all zero. */
static cuv_status prefer_kept(cuv_call *call, const cuv_ref *kept, const cuv_ref *given, size_t own, cuv_ref *out)
{
    cuv_program *p = call->program;
    cuv_ref any = CUV_NO_REF;
    for (size_t i = 0; i < own; i++) {
        const int rank = cuv_var_of(call, kept[i])->rank;
        int axes[CUV_MAX_RANK];
        for (int k = 0; k < rank; k++)
            axes[k] = k;
        cuv_ref some = cuv_emit2(p, CUV_OP_NOT_EQUAL, kept[i], cuv_scalar_like(call, kept[i], 0));
        some = cuv_reduce(call, CUV_OP_ANY, some, axes, rank, false);
        any = any == CUV_NO_REF ? some : cuv_emit2(p, CUV_OP_LOGICAL_OR, any, some);
    }
    for (size_t i = 0; i < own; i++) {
        cuv_ref other = cuv_emit_cast(p, given[i], cuv_var_of(call, kept[i])->dtype);
        out[i] = cuv_emit(p, CUV_OP_WHERE, CUV_IN(any, kept[i], other), NULL);
    }
    return p->status;
}

cuv_status cuv_rnn_begin(cuv_call *call, const cuv_rnn_state *shapes, size_t own, cuv_dtype dtype, const cuv_ref **states)
{
    cuv_layer *layer = call->layer;
    size_t count;
    CUV_TRY(cuv_rnn_initial(call, states, &count));
    CUV_TRY(expect_states(call, count, own));
    if (!is_stateful(layer))
        return CUV_OK;
    if (!layer->first_state)
        CUV_TRY(make_states(call, shapes, own, dtype));
    cuv_ref *kept = CUV_NEW_ARRAY(call->arena, cuv_ref, own + 1);
    if (!kept)
        return cuv_oom(call->cx);
    for (size_t i = 0; i < own; i++)
        kept[i] = call->program->states[layer->first_state - 1 + i].after;
    if (!*states)
        *states = kept;
    else if (layer->keras == 2 && !layer->tf1 && !layer->theano) {
        CUV_TRY(prefer_kept(call, kept, *states, own, kept));
        *states = kept;
    }
    return CUV_OK;
}

cuv_ref cuv_rnn_mask(const cuv_call *call)
{
    bool states = cuv_call_kwarg(call, "initial_state") || call->arg_count > 1;
    bool lost = call->layer->keras >= 3 && states && !cuv_call_kwarg(call, "mask");
    return lost ? CUV_NO_REF : call->in[0].mask;
}

cuv_status cuv_rnn_return(cuv_call *call, cuv_ref y, const cuv_ref *states, size_t count)
{
    const cuv_layer *layer = call->layer;
    cuv_program *p = call->program;
    bool sequences = cuv_arg_bool(layer, "return_sequences"), with_states = cuv_arg_bool(layer, "return_state");
    if (with_states && count + 1 > CUV_MAX_OUTPUTS)
        return cuv_call_unsupported(call, "return_state", "too many states");
    for (size_t i = 0; layer->first_state && i < count; i++) {
        cuv_state *kept = &p->states[layer->first_state - 1 + i];
        kept->after = cuv_emit_cast(p, states[i], cuv_var_of(call, kept->before)->dtype);
    }
    call->out[0] = (cuv_sym){y, sequences ? call->in[0].mask : CUV_NO_REF};
    call->out_count = 1;
    for (size_t i = 0; with_states && i < count; i++)
        call->out[call->out_count++] = (cuv_sym){states[i], CUV_NO_REF};
    return p->status;
}
