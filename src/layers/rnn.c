/* LSTM, GRU and SimpleRNN, as layers and as cells. Keras 3 keeps the weights of the layers in their attribute `cell`. */
#include "layers/rnn.h"

typedef struct rnn_kind { const char *names; cuv_op op; int gates, states; } rnn_kind;
static const rnn_kind kinds[] = {
    {"LSTM LSTMCell", CUV_OP_LSTM, 4, 2}, {"GRU GRUCell", CUV_OP_GRU, 3, 1}, {"SimpleRNN SimpleRNNCell", CUV_OP_RNN, 1, 1}};

static const rnn_kind *kind_of(const cuv_layer *cell)
{
    for (size_t i = 0; i < sizeof kinds / sizeof *kinds; i++)
        if (cuv_has_word(kinds[i].names, cell->def->name))
            return &kinds[i];
    return NULL;
}

int cuv_rnn_states(const cuv_layer *cell)
{
    const rnn_kind *kind = kind_of(cell);
    return kind ? kind->states : 0;
}

cuv_rnn_state cuv_rnn_state_of(const cuv_layer *cell)
{
    return (cuv_rnn_state){.shape = {-1, cuv_arg_int(cell, "units")}, .rank = 2};
}

/* ---- arguments -------------------------------------------------------------------------------------------------------------- */

/* The layers for CuDNN had no word for what they did: sigmoid, and reset after. */
static cuv_status adapt_cudnn(cuv_context *cx, cuv_layer *layer)
{
    if (!cuv_starts_with(layer->class_name, "CuDNN"))
        return CUV_OK;
    cuv_value *sigmoid = cuv_value_text(layer->arena, "sigmoid"), *yes = cuv_value_bool(layer->arena, true);
    if (!sigmoid || !yes)
        return cuv_oom(cx);
    cuv_arg_set(layer, "recurrent_activation", sigmoid);
    cuv_arg_set(layer, "reset_after", yes);
    return CUV_OK;
}

static cuv_status read_act(cuv_context *cx, const cuv_layer *layer, const char *name, cuv_act *act)
{
    bool single;
    CUV_TRY(cuv_arg_activation(cx, layer, name, act, &single));
    if (single)
        return CUV_OK;
    return cuv_fail(cx, CUV_UNSUPPORTED, "layer.unsupported",
                    &(cuv_detail){.layer = layer->name, .found = cuv_value_repr(cx, cuv_arg(layer, name))},
                    "layer '%s' (%s): %s=%s is not supported inside a recurrence", layer->name, layer->class_name, name,
                    cuv_value_repr(cx, cuv_arg(layer, name)));
}

cuv_status cuv_rnn_check(cuv_context *cx, cuv_layer *layer)
{
    const rnn_kind *kind = kind_of(layer);
    cuv_act act;
    CUV_TRY(adapt_cudnn(cx, layer));
    CUV_TRY(read_act(cx, layer, "activation", &act));
    return kind->gates > 1 ? read_act(cx, layer, "recurrent_activation", &act) : CUV_OK;
}

/* GRU: a row of biases for the input, and one for the state when the reset gate comes after the product. */
bool cuv_rnn_symbol(const cuv_layer *layer, const char *name, int64_t *sizes, int *count)
{
    if (strcmp(name, "biases") != 0)
        return false;
    *count = 0;
    if (cuv_arg_bool(layer, "reset_after"))
        sizes[(*count)++] = 2;
    sizes[(*count)++] = 3 * cuv_arg_int(layer, "units");
    return true;
}

/* ---- a pass ------------------------------------------------------------------------------------------------------------------- */

static cuv_ref zero_bias(cuv_call *call, const cuv_layer *cell, const rnn_kind *kind, bool reset_after)
{
    int64_t units = cuv_arg_int(cell, "units");
    cuv_attrs attrs = {.shape = {kind->gates * units}, .shape_count = 1, .dtype = cell->compute};
    if (kind->op == CUV_OP_GRU && reset_after) {
        attrs.shape[1] = attrs.shape[0];
        attrs.shape[0] = 2;
        attrs.shape_count = 2;
    }
    return cuv_emit(call->program, CUV_OP_FILL, NULL, 0, &attrs);
}

static cuv_status fill_attrs(cuv_context *cx, const cuv_layer *cell, const rnn_kind *kind, cuv_attrs *attrs)
{
    CUV_TRY(read_act(cx, cell, "activation", &attrs->act));
    if (kind->gates > 1)
        CUV_TRY(read_act(cx, cell, "recurrent_activation", &attrs->rec_act));
    attrs->reset_after = kind->op == CUV_OP_GRU && cuv_arg_bool(cell, "reset_after");
    return CUV_OK;
}

cuv_status cuv_rnn_run(cuv_call *call, const cuv_layer *cell, cuv_ref x, cuv_ref mask, const cuv_ref *states, cuv_attrs attrs,
                       cuv_ref *out)
{
    const rnn_kind *kind = kind_of(cell);
    cuv_call of_cell = *call;
    of_cell.layer = (cuv_layer *)(uintptr_t)cell;
    CUV_TRY(fill_attrs(call->cx, cell, kind, &attrs));
    cuv_ref in[7] = {cuv_emit_cast(call->program, x, cell->compute), cuv_call_weight(&of_cell, "kernel"),
                     cuv_call_weight(&of_cell, "recurrent_kernel"), cuv_call_weight(&of_cell, "bias"), mask,
                     CUV_NO_REF, CUV_NO_REF};
    if (in[3] == CUV_NO_REF)
        in[3] = zero_bias(call, cell, kind, attrs.reset_after);
    for (int i = 0; states && i < kind->states; i++)
        in[5 + i] = cuv_emit_cast(call->program, states[i], cell->compute);
    cuv_ref y = cuv_emit(call->program, kind->op, in, (size_t)(5 + kind->states), &attrs);
    for (int i = 0; i <= kind->states; i++)
        out[i] = y == CUV_NO_REF ? y : y + i;
    return call->program->status;
}

bool cuv_rnn_zeroes_late(const cuv_layer *layer)
{
    return cuv_get_bool(layer->config, "unroll", false) && cuv_arg_bool(layer, "go_backwards") &&
           cuv_arg_bool(layer, "return_sequences") && cuv_arg_bool(layer, "zero_output_for_mask");
}

cuv_ref cuv_rnn_zero_late(cuv_call *call, cuv_ref y, cuv_ref mask)
{
    if (mask == CUV_NO_REF || call->program->status != CUV_OK)
        return y;
    for (int axis = 2; axis < cuv_var_of(call, y)->rank; axis++)
        mask = cuv_expand_dims(call, mask, axis);
    return cuv_emit(call->program, CUV_OP_WHERE, CUV_IN(mask, y, cuv_scalar_like(call, y, 0)), NULL);
}

bool cuv_rnn_steps_first(const cuv_layer *layer)
{
    return cuv_get_bool(layer->config, "time_major", false);
}

/* ---- layers ------------------------------------------------------------------------------------------------------------------- */

static cuv_status rnn_lower(cuv_call *call)
{
    const cuv_layer *layer = call->layer;
    const cuv_ref *states;
    const size_t own = (size_t)cuv_rnn_states(layer);
    const cuv_rnn_state like = cuv_rnn_state_of(layer);
    cuv_ref out[3];
    CUV_TRY(cuv_call_expect_rank(call, 0, 3));
    CUV_TRY(cuv_rnn_begin(call, (const cuv_rnn_state[]){like, like}, own, layer->compute, &states));
    cuv_attrs attrs = {.reverse = cuv_arg_bool(layer, "go_backwards"), .sequences = cuv_arg_bool(layer, "return_sequences"),
                       .zero_masked = cuv_arg_bool(layer, "zero_output_for_mask") && !cuv_rnn_zeroes_late(layer)};
    cuv_ref x = cuv_float_in(call, 0), mask = cuv_rnn_mask(call);
    const bool first = cuv_rnn_steps_first(layer);
    CUV_TRY(call->program->status);
    if (first && cuv_get_bool(layer->config, "stateful", false))
        return cuv_call_unsupported(call, "time_major", "not together with stateful=True");
    x = first ? cuv_move_axis(call, x, 0, 1) : x;
    mask = first && mask != CUV_NO_REF ? cuv_move_axis(call, mask, 0, 1) : mask;
    CUV_TRY(cuv_rnn_run(call, layer, x, mask, states, attrs, out));
    if (cuv_rnn_zeroes_late(layer))
        out[0] = cuv_rnn_zero_late(call, out[0], mask);
    if (first && attrs.sequences)
        out[0] = cuv_move_axis(call, out[0], 0, 1);
    return cuv_rnn_return(call, out[0], out + 1, own);
}

static cuv_status rnn_build(cuv_call *call)
{
    return cuv_call_expect_rank(call, 0, 3);
}

static const cuv_param lstm_params[] = {
    CELL_ROWS_HEAD, RECURRENT_ACTIVATION, USE_BIAS, RECURRENT_INIT, INERT("unit_forget_bias", "True"), RECURRENT_REGULARIZERS,
    REGULARIZER("activity_regularizer"), RECURRENT_CONSTRAINTS, RECURRENT_DROPOUT, INERT("seed", "None"), RECURRENT_FLAGS,
    INERT("unroll", "False"), INERT("use_cudnn", "'auto'"), ZERO_OUTPUT, CUV_PARAM_END};
static const cuv_slot lstm_slots[] = {S("kernel", "in 4*units"), S("recurrent_kernel", "units 4*units"),
                                      S("bias", "4*units", .condition = "use_bias"), CUV_SLOT_END};
const cuv_layer_def cuv_layer_lstm = {
    .name = "LSTM", .old_names = "LSTMV1 LSTMV2 CuDNNLSTM", .doc = "long short-term memory; gates i, f, c, o",
    .params = lstm_params, .slots = lstm_slots, .vars_path = "cell", .flags = CUV_LF_MASKS | CUV_LF_MULTI,
    .check = cuv_rnn_check, .build = rnn_build, .lower = rnn_lower,
};

static const cuv_param gru_params[] = {
    CELL_ROWS_HEAD, RECURRENT_ACTIVATION, USE_BIAS, RECURRENT_INIT, RECURRENT_REGULARIZERS, REGULARIZER("activity_regularizer"),
    RECURRENT_CONSTRAINTS, RECURRENT_DROPOUT, INERT("seed", "None"), RECURRENT_FLAGS, INERT("unroll", "False"),
    P("reset_after", BOOL, "True", .fallback1 = "False"), INERT("use_cudnn", "'auto'"), ZERO_OUTPUT, CUV_PARAM_END};
static const cuv_slot gru_slots[] = {S("kernel", "in 3*units"), S("recurrent_kernel", "units 3*units"),
                                     S("bias", "biases", .condition = "use_bias"), CUV_SLOT_END};
const cuv_layer_def cuv_layer_gru = {
    .name = "GRU", .old_names = "GRUV1 GRUV2 CuDNNGRU", .doc = "gated recurrent unit; gates z, r, h", .params = gru_params,
    .slots = gru_slots, .vars_path = "cell", .flags = CUV_LF_MASKS | CUV_LF_MULTI, .check = cuv_rnn_check,
    .symbol = cuv_rnn_symbol, .build = rnn_build, .lower = rnn_lower,
};

static const cuv_param simple_params[] = {
    CELL_ROWS_HEAD, USE_BIAS, RECURRENT_INIT, RECURRENT_REGULARIZERS, REGULARIZER("activity_regularizer"), RECURRENT_CONSTRAINTS,
    RECURRENT_DROPOUT, RECURRENT_FLAGS, INERT("unroll", "False"), INERT("seed", "None"), ZERO_OUTPUT, CUV_PARAM_END};
static const cuv_slot simple_slots[] = {S("kernel", "in units", .old = "W"), S("recurrent_kernel", "units units", .old = "U"),
                                        S("bias", "units", .condition = "use_bias", .old = "b"), CUV_SLOT_END};
const cuv_layer_def cuv_layer_simple_rnn = {
    .name = "SimpleRNN", .doc = "h = activation(x . kernel + h . recurrent_kernel + bias)", .params = simple_params,
    .slots = simple_slots, .vars_path = "cell", .flags = CUV_LF_MASKS | CUV_LF_MULTI, .check = cuv_rnn_check,
    .build = rnn_build, .lower = rnn_lower,
};

/* ---- cells -------------------------------------------------------------------------------------------------------------------- */

/* A cell called by itself takes one step: inputs (b, in) and states; outputs y and the states. */
static cuv_status cell_lower(cuv_call *call)
{
    const cuv_ref *states;
    const size_t own = (size_t)cuv_rnn_states(call->layer);
    const cuv_rnn_state like = cuv_rnn_state_of(call->layer);
    cuv_ref out[3];
    CUV_TRY(cuv_call_expect_rank(call, 0, 2));
    CUV_TRY(cuv_rnn_begin(call, (const cuv_rnn_state[]){like, like}, own, call->layer->compute, &states));
    cuv_ref x = cuv_expand_dims(call, cuv_float_in(call, 0), 1);
    CUV_TRY(cuv_rnn_run(call, call->layer, x, CUV_NO_REF, states, (cuv_attrs){0}, out));
    for (size_t i = 0; i <= own; i++)
        call->out[i] = (cuv_sym){out[i], CUV_NO_REF};
    call->out_count = own + 1;
    return CUV_OK;
}

static const cuv_param lstm_cell_params[] = {
    CELL_ROWS_HEAD, RECURRENT_ACTIVATION, USE_BIAS, RECURRENT_INIT, INERT("unit_forget_bias", "True"), RECURRENT_REGULARIZERS,
    RECURRENT_CONSTRAINTS, RECURRENT_DROPOUT, INERT("seed", "None"), CUV_PARAM_END};
const cuv_layer_def cuv_layer_lstm_cell = {
    .name = "LSTMCell", .old_names = "LSTMCellV1 LSTMCellV2", .doc = "one step of LSTM", .params = lstm_cell_params,
    .slots = lstm_slots, .flags = CUV_LF_MULTI, .check = cuv_rnn_check, .lower = cell_lower,
};

static const cuv_param gru_cell_params[] = {
    CELL_ROWS_HEAD, RECURRENT_ACTIVATION, USE_BIAS, RECURRENT_INIT, RECURRENT_REGULARIZERS, RECURRENT_CONSTRAINTS,
    RECURRENT_DROPOUT, P("reset_after", BOOL, "True", .fallback1 = "False"), INERT("seed", "None"), CUV_PARAM_END};
const cuv_layer_def cuv_layer_gru_cell = {
    .name = "GRUCell", .old_names = "GRUCellV1 GRUCellV2", .doc = "one step of GRU", .params = gru_cell_params,
    .slots = gru_slots, .flags = CUV_LF_MULTI, .check = cuv_rnn_check, .symbol = cuv_rnn_symbol, .lower = cell_lower,
};

static const cuv_param simple_cell_params[] = {
    CELL_ROWS_HEAD, USE_BIAS, RECURRENT_INIT, RECURRENT_REGULARIZERS, RECURRENT_CONSTRAINTS, RECURRENT_DROPOUT,
    INERT("seed", "None"), CUV_PARAM_END};
const cuv_layer_def cuv_layer_simple_rnn_cell = {
    .name = "SimpleRNNCell", .doc = "one step of SimpleRNN", .params = simple_cell_params, .slots = simple_slots,
    .flags = CUV_LF_MULTI, .check = cuv_rnn_check, .lower = cell_lower,
};
