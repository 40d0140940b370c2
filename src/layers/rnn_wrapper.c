/* RNN and StackedRNNCells: recurrent layers made of cells. A stack of cells is one pass after the other. */
#include "layers/rnn.h"

static cuv_status check_cell(cuv_context *cx, const cuv_layer *layer, const cuv_layer *cell)
{
    if (cuv_rnn_states(cell) || cuv_streq(cell->def->name, "StackedRNNCells"))
        return CUV_OK;
    return cuv_fail(cx, CUV_UNSUPPORTED, "layer.unsupported",
                    &(cuv_detail){.layer = layer->name, .expected = "LSTMCell, GRUCell, SimpleRNNCell or StackedRNNCells",
                                  .found = cell->class_name},
                    "layer '%s' (%s) holds a cell of class '%s'", layer->name, layer->class_name, cell->class_name);
}

/* ---- StackedRNNCells ------------------------------------------------------------------------------------------------------------ */

/* Keras 3 numbers the cells of one class: "cells/lstm_cell", "cells/lstm_cell_1". */
static const char *cell_role(const cuv_layer *layer, const cuv_value *record)
{
    static const char *const classes[][2] = {
        {"LSTMCell", "lstm_cell"}, {"GRUCell", "gru_cell"}, {"SimpleRNNCell", "simple_rnn_cell"}};
    const char *class_name = cuv_get_text(record, "class_name"), *snake = "cell";
    unsigned before = 0;
    for (size_t i = 0; i < sizeof classes / sizeof *classes; i++)
        if (cuv_streq(classes[i][0], class_name))
            snake = classes[i][1];
    for (size_t i = 0; i < layer->inner_count; i++)
        before += cuv_streq(layer->inner[i]->class_name, class_name);
    return before ? cuv_arena_printf(layer->arena, "cells/%s_%u", snake, before)
                  : cuv_arena_printf(layer->arena, "cells/%s", snake);
}

static cuv_status stacked_inner(cuv_context *cx, cuv_layer *layer)
{
    const cuv_value *cells = cuv_arg(layer, "cells");
    for (size_t i = 0; i < cuv_len(cells); i++) {
        const char *role = cell_role(layer, cuv_item(cells, i));
        cuv_layer *cell;
        if (!role)
            return cuv_oom(cx);
        CUV_TRY(cuv_layer_add_inner(layer, cuv_item(cells, i), role, &cell));
        if (!cuv_rnn_states(cell))
            return check_cell(cx, layer, cell);
    }
    return layer->inner_count ? CUV_OK : cuv_bad_arg(layer, "cells", "a list with at least one cell");
}

static cuv_status stacked_lower(cuv_call *call)
{
    return cuv_call_unsupported(call, "cells", "a cell is called outside of an RNN layer");
}

static const cuv_param stacked_params[] = {P("cells", LAYERS, NULL), INERT("reverse_state_order", "False"), CUV_PARAM_END};
const cuv_layer_def cuv_layer_stacked_rnn_cells = {
    .name = "StackedRNNCells", .doc = "cells, each fed by the one before", .params = stacked_params,
    .flags = CUV_LF_WRAPPER | CUV_LF_MULTI, .inner = stacked_inner, .lower = stacked_lower,
};

/* ---- RNN ------------------------------------------------------------------------------------------------------------------------ */

/* A list of cells counts as StackedRNNCells, in Keras's paths too. */
static cuv_status record_of_list(cuv_layer *layer, const cuv_value *cells, cuv_value **out)
{
    cuv_arena *arena = layer->arena;
    cuv_value *config = cuv_value_dict(arena), *list = cuv_value_copy(arena, cells);
    *out = cuv_value_dict(arena);
    if (!config || !list || !*out)
        return cuv_oom(cuv_arena_context(arena));
    CUV_TRY(cuv_dict_set(arena, config, "name", cuv_value_text(arena, "stacked_rnn_cells")));
    CUV_TRY(cuv_dict_set(arena, config, "cells", list));
    CUV_TRY(cuv_dict_set(arena, *out, "class_name", cuv_value_text(arena, "StackedRNNCells")));
    return cuv_dict_set(arena, *out, "config", config);
}

static cuv_status rnn_inner(cuv_context *cx, cuv_layer *layer)
{
    const cuv_value *record = cuv_arg(layer, "cell");
    cuv_layer *cell;
    if (cuv_is_seq(record)) {
        cuv_value *stack;
        CUV_TRY(record_of_list(layer, record, &stack));
        record = stack;
    }
    if (!cuv_get_text(record, "class_name"))
        return cuv_bad_arg(layer, "cell", "a cell or a list of cells");
    CUV_TRY(cuv_layer_add_inner(layer, record, "cell", &cell));
    return check_cell(cx, layer, cell);
}

typedef struct stack { cuv_layer *const *cells; size_t count, states; } stack;

static stack stack_of(const cuv_layer *layer)
{
    cuv_layer *cell = layer->inner[0];
    stack s = {layer->inner, 1, 0};
    if (cuv_streq(cell->def->name, "StackedRNNCells"))
        s = (stack){cell->inner, cell->inner_count, 0};
    for (size_t i = 0; i < s.count; i++)
        s.states += (size_t)cuv_rnn_states(s.cells[i]);
    return s;
}

/* Cell by cell. The first reads backwards when told; its output then is in that order already, so the mask is turned round too. */
static cuv_status run_stack(cuv_call *call, const stack *s, const cuv_ref *initial, cuv_ref *y, cuv_ref *states)
{
    const cuv_layer *layer = call->layer;
    cuv_ref x = cuv_float_in(call, 0), mask = cuv_rnn_mask(call);
    bool backwards = cuv_arg_bool(layer, "go_backwards");
    for (size_t i = 0; i < s->count; i++) {
        bool last = i + 1 == s->count;
        cuv_ref out[3];
        int own = cuv_rnn_states(s->cells[i]);
        cuv_attrs attrs = {.reverse = backwards && i == 0, .sequences = !last || cuv_arg_bool(layer, "return_sequences"),
                           .zero_masked = last && cuv_arg_bool(layer, "zero_output_for_mask") && !cuv_rnn_zeroes_late(layer)};
        CUV_TRY(cuv_build_inner(call, s->cells[i], (cuv_sym){x, CUV_NO_REF}));
        CUV_TRY(cuv_rnn_run(call, s->cells[i], x, mask, initial, attrs, out));
        memcpy(states, out + 1, (size_t)own * sizeof *states);
        states += own;
        initial = initial ? initial + own : NULL;
        if (backwards && i == 0 && mask != CUV_NO_REF)
            mask = cuv_emit(call->program, CUV_OP_REVERSE, CUV_IN(mask), CUV_AT(.axes = {1}, .axes_count = 1));
        x = out[0];
    }
    *y = cuv_rnn_zeroes_late(layer) ? cuv_rnn_zero_late(call, x, cuv_rnn_mask(call)) : x;
    return call->program->status;
}

static cuv_status rnn_lower(cuv_call *call)
{
    stack s = stack_of(call->layer);
    const cuv_ref *initial;
    cuv_ref y, *states = CUV_NEW_ARRAY(call->arena, cuv_ref, s.states + 1);
    cuv_rnn_state *shapes = CUV_NEW_ARRAY(call->arena, cuv_rnn_state, s.states + 1);
    CUV_TRY(cuv_call_expect_rank(call, 0, 3));
    if (!states || !shapes)
        return cuv_oom(call->cx);
    for (size_t i = 0, n = 0; i < s.count; i++)
        for (int k = 0; k < cuv_rnn_states(s.cells[i]); k++)
            shapes[n++] = cuv_rnn_state_of(s.cells[i]);
    CUV_TRY(cuv_rnn_begin(call, shapes, s.states, call->layer->compute, &initial));
    CUV_TRY(run_stack(call, &s, initial, &y, states));
    return cuv_rnn_return(call, y, states, s.states);
}

static const cuv_param rnn_params[] = {
    P("cell", ANY, NULL), RECURRENT_FLAGS, INERT("unroll", "False"), ZERO_OUTPUT, CUV_PARAM_END};
const cuv_layer_def cuv_layer_rnn = {
    .name = "RNN", .doc = "a cell, step by step", .params = rnn_params, .flags = CUV_LF_MASKS | CUV_LF_MULTI | CUV_LF_WRAPPER,
    .inner = rnn_inner, .lower = rnn_lower,
};
