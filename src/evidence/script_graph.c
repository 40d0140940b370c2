/* The graph of a script's model: calls of layers on symbolic tensors, and the layers of a functional model in the order of Keras
 * (keras/src/ops/function.py, map_graph; the same in Keras 2). */
#include "evidence/script.h"

#include <stdlib.h>

/* ---- tensors in structures ---- */

cuv_status cuv_sl_tensor_value(cuv_sc *e, cuv_st *tensor, cuv_sv **out)
{
    CUV_TRY(cuv_sv_make(e, CUV_SV_TENSOR, out));
    (*out)->symbol = tensor;
    return CUV_OK;
}

static int by_key(const void *a, const void *b)
{
    const cuv_sv *const *x = a, *const *y = b;
    size_t n = x[0]->size < y[0]->size ? x[0]->size : y[0]->size;
    int c = x[0]->kind == CUV_SV_TEXT && y[0]->kind == CUV_SV_TEXT ? memcmp(x[0]->text, y[0]->text, n) : 0;
    return c ? c : x[0]->size < y[0]->size ? -1 : x[0]->size > y[0]->size;
}

cuv_status cuv_sv_flat_order(cuv_sc *e, cuv_sv *v, unsigned depth, cuv_sv **out)
{
    *out = v;
    if (!v || v->kind < CUV_SV_LIST || v->kind > CUV_SV_DICT || depth > 32)
        return CUV_OK;
    cuv_sv **pairs = CUV_NEW_ARRAY(e->arena, cuv_sv *, 2 * v->count + 1);
    if (!pairs)
        return cuv_oom(e->cx);
    CUV_TRY(cuv_sc_step(e, v->count));
    bool dict = v->kind == CUV_SV_DICT;
    for (size_t i = 0; i < v->count; i++) {
        pairs[2 * i] = v->items[i];
        CUV_TRY(cuv_sv_flat_order(e, dict ? v->values[i] : v->items[i], depth + 1, &pairs[2 * i + 1]));
    }
    if (dict)
        qsort(pairs, v->count, 2 * sizeof *pairs, by_key);
    CUV_TRY(cuv_sv_make(e, v->kind, out));
    for (size_t i = 0; i < v->count; i++) {
        if (dict)
            CUV_TRY(cuv_sv_put(e, *out, pairs[2 * i], pairs[2 * i + 1]));
        else
            CUV_TRY(cuv_sv_add(e, *out, pairs[2 * i + 1]));
    }
    (*out)->unsure = v->unsure;
    return CUV_OK;
}

static cuv_status collect(cuv_sc *e, const cuv_sv *v, unsigned depth, cuv_st ***list, size_t *count, size_t *capacity)
{
    CUV_TRY(cuv_sc_step(e, 1));
    if (!v || depth > 32)
        return CUV_OK;
    if (v->kind == CUV_SV_TENSOR) {
        cuv_st **grown = cuv_arena_grow(e->arena, *list, *count, capacity, sizeof *grown);
        if (!grown)
            return cuv_oom(e->cx);
        *list = grown;
        grown[(*count)++] = v->symbol;
        return CUV_OK;
    }
    if (v->kind < CUV_SV_LIST || v->kind > CUV_SV_DICT)
        return CUV_OK;
    for (size_t i = 0; i < v->count; i++)
        CUV_TRY(collect(e, v->kind == CUV_SV_DICT ? v->values[i] : v->items[i], depth + 1, list, count, capacity));
    return CUV_OK;
}

cuv_status cuv_sc_tensors_in(cuv_sc *e, const cuv_sv *v, unsigned depth, cuv_st ***list, size_t *count, size_t *capacity)
{
    cuv_sv *flat = NULL;
    CUV_TRY(cuv_sv_flat_order(e, (cuv_sv *)(uintptr_t)v, depth, &flat));
    return collect(e, flat, depth, list, count, capacity);
}

/* ---- calls ---- */

cuv_status cuv_sn_new(cuv_sc *e, cuv_sl *layer, cuv_sv *args, cuv_sv *kwargs, size_t outputs, cuv_sn **out)
{
    CUV_TRY(cuv_sc_effect(e, e->at));
    CUV_TRY(cuv_sc_step(e, 16));
    cuv_sn *call = CUV_NEW(e->arena, cuv_sn);
    cuv_sn **calls = cuv_arena_grow(e->arena, layer->calls, layer->call_count, &layer->call_capacity, sizeof *calls);
    if (!call || !calls || !(call->outputs = CUV_NEW_ARRAY(e->arena, cuv_st *, outputs + 1)))
        return cuv_oom(e->cx);
    call->layer = layer;
    call->index = layer->call_count;
    call->args = args;
    call->kwargs = kwargs;
    CUV_TRY(cuv_sc_tensors_in(e, args, 0, &call->inputs, &call->input_count, &call->input_capacity));
    CUV_TRY(cuv_sc_tensors_in(e, kwargs, 0, &call->inputs, &call->input_count, &call->input_capacity));
    for (; call->output_count < outputs; call->output_count++) {
        cuv_st *t = CUV_NEW(e->arena, cuv_st);
        if (!t)
            return cuv_oom(e->cx);
        t->call = call;
        t->index = call->output_count;
        call->outputs[call->output_count] = t;
    }
    layer->calls = calls;
    layer->calls[layer->call_count++] = call;
    cuv_sn_shapes(call);
    *out = call;
    return CUV_OK;
}

static bool is_true(const cuv_sv *v)
{
    bool known = true;
    return v && cuv_sv_truth(v, &known) && known;
}

static bool is_lstm(const cuv_sv *cell)
{
    return cell->kind == CUV_SV_LAYER ? cuv_streq(cell->layer->class_name, "LSTMCell")
                                      : cell->kind == CUV_SV_DICT && cuv_sv_is(cuv_sv_get(cell, "class_name"), "LSTMCell");
}

/* The cells of an RNN, also in both directions, that stacks several; NULL: it has one. A loaded layer has them in its record. */
static const cuv_sv *stack_of(const cuv_sl *layer)
{
    const cuv_sl *rnn = cuv_streq(layer->class_name, "Bidirectional") ? layer->wrapped : layer;
    const cuv_sv *cell = rnn && cuv_streq(rnn->class_name, "RNN") ? cuv_sv_get(rnn->config, "cell") : NULL;
    if (cell && cell->kind == CUV_SV_LAYER && cuv_streq(cell->layer->class_name, "StackedRNNCells"))
        cell = cuv_sv_get(cell->layer->config, "cells");
    else if (cell && cell->kind == CUV_SV_DICT && cuv_sv_is(cuv_sv_get(cell, "class_name"), "StackedRNNCells"))
        cell = cuv_sv_get(cell, "config") ? cuv_sv_get(cuv_sv_get(cell, "config"), "cells") : NULL;
    return cell && cuv_sv_is_seq(cell) ? cell : NULL;
}

/* Tensors that a recurrent layer returns: the output, and its states when it is asked for them. */
static size_t recurrent_outputs(const cuv_sl *layer, unsigned depth)
{
    static const struct { const char *name; size_t states; } table[] = {
        {"LSTM", 2}, {"GRU", 1}, {"SimpleRNN", 1}, {"ConvLSTM1D", 2}, {"ConvLSTM2D", 2}, {"ConvLSTM3D", 2},
        {"CuDNNLSTM", 2}, {"CuDNNGRU", 1}};
    if (!layer || depth > 2)
        return 1;
    if (cuv_streq(layer->class_name, "Bidirectional")) {
        const cuv_sv *merge = cuv_sv_get(layer->config, "merge_mode");
        const bool apart = merge && merge->kind == CUV_SV_NONE;     /* both directions, not merged */
        return 2 * recurrent_outputs(layer->wrapped, depth + 1) - 1 + apart;
    }
    if (!is_true(cuv_sv_get(layer->config, "return_state")))
        return 1;
    for (size_t i = 0; i < sizeof table / sizeof *table; i++)
        if (cuv_streq(table[i].name, layer->class_name))
            return 1 + table[i].states;
    const cuv_sv *cell = cuv_sv_get(layer->config, "cell"), *stack = stack_of(layer);     /* of RNN */
    size_t states = 0;
    for (size_t i = 0; stack && i < stack->count; i++)
        states += is_lstm(stack->items[i]) ? 2 : 1;
    return 1 + (stack ? states : cell && is_lstm(cell) ? 2 : 1);
}

static size_t record_outputs(const cuv_value *v, unsigned depth)
{
    if (cuv_text(cuv_item(v, 0)))
        return 1;
    size_t n = 0;
    for (size_t i = 0; cuv_is_seq(v) && depth < 8 && i < cuv_len(v); i++)
        n += record_outputs(cuv_item(v, i), depth + 1);
    for (size_t i = 0; v && v->kind == CUV_DICT && depth < 8 && i < v->size; i++)
        n += record_outputs(v->pairs[i].value, depth + 1);
    return n;
}

cuv_status cuv_sl_output_count(cuv_sc *e, const cuv_sl *layer, const cuv_sv *kwargs, size_t *out)
{
    cuv_st **list = NULL;
    size_t capacity = 0;
    *out = 0;
    if (layer->kind == CUV_SL_FUNCTIONAL)
        return cuv_sc_tensors_in(e, layer->outputs, 0, &list, out, &capacity);
    *out = 1;
    if (layer->kind == CUV_SL_OPAQUE && cuv_get(cuv_get(layer->record, "config"), "output_layers"))
        *out = record_outputs(cuv_get(cuv_get(layer->record, "config"), "output_layers"), 0);
    else if (is_true(cuv_sv_get(kwargs, "return_attention_scores")))
        *out = 2;
    else if (layer->kind == CUV_SL_LAYER)
        *out = recurrent_outputs(layer, 0);
    return CUV_OK;
}

/* The outputs of a nested model keep the structure that the model was given. */
static cuv_status shaped_like(cuv_sc *e, const cuv_sv *structure, const cuv_sn *call, size_t *at, cuv_sv **out)
{
    if (structure->kind == CUV_SV_TENSOR)
        return cuv_sl_tensor_value(e, call->outputs[(*at)++], out);
    CUV_TRY(cuv_sv_make(e, structure->kind, out));
    for (size_t i = 0; i < structure->count; i++) {
        cuv_sv *item = NULL;
        CUV_TRY(shaped_like(e, structure->kind == CUV_SV_DICT ? structure->values[i] : structure->items[i], call, at, &item));
        if (structure->kind == CUV_SV_DICT)
            CUV_TRY(cuv_sv_put(e, *out, structure->items[i], item));
        else
            CUV_TRY(cuv_sv_add(e, *out, item));
    }
    return CUV_OK;
}

/* The states of stacked cells: a tensor for each cell, a list where a cell has two. */
static cuv_status stacked_states(cuv_sc *e, const cuv_sv *cells, const cuv_sn *call, size_t *at, cuv_sv *out)
{
    for (size_t i = 0; i < cells->count && *at < call->output_count; i++) {
        cuv_sv *state = NULL, *one = NULL;
        CUV_TRY(cuv_sl_tensor_value(e, call->outputs[(*at)++], &state));
        if (is_lstm(cells->items[i]) && *at < call->output_count) {
            CUV_TRY(cuv_sv_make(e, CUV_SV_LIST, &one));
            CUV_TRY(cuv_sv_add(e, one, state));
            CUV_TRY(cuv_sl_tensor_value(e, call->outputs[(*at)++], &state));
            CUV_TRY(cuv_sv_add(e, one, state));
            state = one;
        }
        CUV_TRY(cuv_sv_add(e, out, state));
    }
    return CUV_OK;
}

static cuv_status result_of(cuv_sc *e, const cuv_sl *layer, const cuv_sn *call, cuv_sv **out)
{
    size_t at = 0;
    if (call->output_count == 1 && (layer->kind != CUV_SL_FUNCTIONAL || layer->outputs->kind == CUV_SV_TENSOR || layer->outputs->count == 1))
        return cuv_sl_tensor_value(e, call->outputs[0], out);
    if (layer->kind == CUV_SL_FUNCTIONAL)
        return shaped_like(e, layer->outputs, call, &at, out);
    CUV_TRY(cuv_sv_make(e, layer->class_name && strstr(layer->class_name, "Attention") ? CUV_SV_TUPLE : CUV_SV_LIST, out));
    const cuv_sv *cells = stack_of(layer);
    const cuv_sv *merge = cuv_sv_get(layer->config, "merge_mode");
    for (size_t first = merge && merge->kind == CUV_SV_NONE ? 2 : 1; cells && at < call->output_count;) {
        cuv_sv *t = NULL;
        if (at >= first) {
            CUV_TRY(stacked_states(e, cells, call, &at, *out));
            continue;
        }
        CUV_TRY(cuv_sl_tensor_value(e, call->outputs[at++], &t));
        CUV_TRY(cuv_sv_add(e, *out, t));
    }
    for (; at < call->output_count; at++) {
        cuv_sv *t = NULL;
        CUV_TRY(cuv_sl_tensor_value(e, call->outputs[at], &t));
        CUV_TRY(cuv_sv_add(e, *out, t));
    }
    return CUV_OK;
}

/* A call on numbers computes something; it changes a model only by telling a Sequential its input. */
static cuv_status call_on_data(cuv_sc *e, cuv_sl *layer, const cuv_sv *first, cuv_sv **out)
{
    if (first && first->kind == CUV_SV_ARRAY && layer->kind == CUV_SL_SEQUENTIAL && first->tensor->rank > 0) {
        cuv_sv *shape = NULL, *size = e->none;
        CUV_TRY(cuv_sv_make(e, CUV_SV_TUPLE, &shape));
        CUV_TRY(cuv_sv_add(e, shape, e->none));
        for (int i = 1; i < first->tensor->rank; i++) {
            CUV_TRY(cuv_sv_int(e, first->tensor->shape[i], &size));
            CUV_TRY(cuv_sv_add(e, shape, size));
        }
        CUV_TRY(cuv_sc_sequential_build(e, layer, shape));
    }
    e->skip = true;
    return cuv_sv_unknown(e, out, "what '%s' computes", layer->name);
}

static cuv_status unknown_argument(cuv_sc *e, const cuv_sl *layer, const cuv_sargs *args)
{
    const cuv_sv *unknown = NULL;
    for (size_t i = 0; i < args->count && !unknown; i++)
        unknown = cuv_sv_unknown_in(args->items[i]);
    return unknown ? cuv_sc_fail(e, args->node, CUV_UNSUPPORTED, "script.unknown", "write out what the script computes there",
                                 "the %s '%s' is called on what is not known from the code: %s", layer->class_name, layer->name,
                                 cuv_sv_describe(e, unknown))
                   : CUV_OK;
}

static cuv_status learn_input(cuv_sc *e, cuv_sl *model, cuv_st *t)
{
    cuv_sv *tensor = NULL, *shape = NULL;
    CUV_TRY(cuv_sl_tensor_value(e, t, &tensor));
    CUV_TRY(cuv_sc_attribute(e, e->at, tensor, "shape", &shape));
    return cuv_sc_sequential_build(e, model, shape);
}

/* Layers that a layer makes inside itself when it is first called count in the automatic names. */
static cuv_status count_built(cuv_sc *e, const cuv_sl *layer)
{
    const char *unused = NULL;
    if (layer->call_count || layer->kind != CUV_SL_LAYER || !cuv_word_in("MultiHeadAttention GroupQueryAttention", layer->class_name))
        return CUV_OK;
    CUV_TRY(cuv_sc_auto_name(e, "Softmax", &unused));
    return cuv_sc_auto_name(e, "Dropout", &unused);
}

cuv_status cuv_sl_call(cuv_sc *e, cuv_sl *layer, const cuv_sargs *args, cuv_sv **out)
{
    cuv_sv *items = NULL, *kwargs = NULL;
    cuv_st **tensors = NULL;
    cuv_sn *call = NULL;
    size_t count = 0, capacity = 0, outputs = 1;
    CUV_TRY(cuv_sv_make(e, CUV_SV_TUPLE, &items));
    CUV_TRY(cuv_sv_make(e, CUV_SV_DICT, &kwargs));
    for (size_t i = 0; i < args->count; i++) {
        cuv_sv *constant = NULL;
        if (e->bodies && i == 0 && !cuv_sv_involves(args->items[0]))
            CUV_TRY(cuv_sc_constant_tensor(e, args->items[0], &constant));
        CUV_TRY(cuv_sv_add(e, items, constant ? constant : args->items[i]));
    }
    for (size_t i = 0; i < args->named; i++)
        CUV_TRY(cuv_sv_put_word(e, kwargs, args->names[i], args->values[i]));
    CUV_TRY(cuv_sc_tensors_in(e, items, 0, &tensors, &count, &capacity));
    CUV_TRY(cuv_sc_tensors_in(e, kwargs, 0, &tensors, &count, &capacity));
    if (count == 0 && layer->is_model)
        return call_on_data(e, layer, cuv_sc_arg(args, 0, "inputs"), out);
    if (count == 0 && args->count && args->items[0]->kind == CUV_SV_ARRAY)
        return cuv_sv_unknown(e, out, "what '%s' computes", layer->name);
    CUV_TRY(unknown_argument(e, layer, args));
    if (layer->kind == CUV_SL_PART)
        CUV_TRY(cuv_sc_open(e, layer));
    if (count == 0)
        return cuv_sc_unsupported(e, args->node, NULL, "'%s' is called here on %s", layer->name,
                                  args->count ? cuv_sv_describe(e, args->items[0]) : "nothing");
    if (layer->kind == CUV_SL_SEQUENTIAL) {             /* called for the first time, it learns its input */
        cuv_st *unused = NULL;
        if ((e->script->keras != 2 || e->bodies) && tensors[0]->shaped)
            CUV_TRY(learn_input(e, layer, tensors[0]));
        CUV_TRY(cuv_sc_sequential_wire(e, layer, &unused));
    }
    layer->used_inside = true;
    CUV_TRY(count_built(e, layer));
    CUV_TRY(cuv_sl_output_count(e, layer, kwargs, &outputs));
    CUV_TRY(cuv_sn_new(e, layer, items, kwargs, outputs, &call));
    return result_of(e, layer, call, out);
}

/* ---- the order of Keras ---- */

typedef struct frame { cuv_sn *call; size_t next; } frame;

typedef struct walk {
    cuv_sc *e;
    size_t mark;                /* cuv_sn.mark and cuv_sl.mark of what was visited */
    cuv_sn **calls;             /* finished, inputs first */
    size_t count, capacity;
    cuv_sl **layers;
    size_t layer_count, layer_capacity;
    frame *stack;
    size_t depth, stack_capacity;
} walk;

static cuv_status see_layer(walk *w, cuv_sl *layer)
{
    if (layer->mark == w->mark)
        return CUV_OK;
    cuv_sl **layers = cuv_arena_grow(w->e->arena, w->layers, w->layer_count, &w->layer_capacity, sizeof *layers);
    if (!layers)
        return cuv_oom(w->e->cx);
    w->layers = layers;
    layers[w->layer_count++] = layer;
    layer->mark = w->mark;
    layer->depth = -1;
    return CUV_OK;
}

static cuv_status push_call(walk *w, cuv_sn *call)
{
    CUV_TRY(cuv_sc_step(w->e, 4));
    if (call->mark == w->mark)
        return CUV_OK;
    frame *stack = cuv_arena_grow(w->e->arena, w->stack, w->depth, &w->stack_capacity, sizeof *stack);
    if (!stack)
        return cuv_oom(w->e->cx);
    w->stack = stack;
    stack[w->depth++] = (frame){call, 0};
    call->mark = w->mark;
    call->depth = 0;
    return see_layer(w, call->layer);
}

static cuv_status finish_call(walk *w, cuv_sn *call)
{
    cuv_sn **calls = cuv_arena_grow(w->e->arena, w->calls, w->count, &w->capacity, sizeof *calls);
    if (!calls)
        return cuv_oom(w->e->cx);
    w->calls = calls;
    calls[w->count++] = call;
    return CUV_OK;
}

/* Depth first from one output; tensors with a twin are where the graph was cut. */
static cuv_status walk_from(walk *w, cuv_st *output)
{
    CUV_TRY(push_call(w, (output->twin ? output->twin : output)->call));
    while (w->depth > 0) {
        frame *top = &w->stack[w->depth - 1];
        if (top->next < top->call->input_count) {
            cuv_st *t = top->call->inputs[top->next++];
            CUV_TRY(push_call(w, (t->twin ? t->twin : t)->call));
            continue;
        }
        CUV_TRY(finish_call(w, top->call));
        w->depth--;
    }
    return CUV_OK;
}

/* Depths as Keras counts them: an operation lies as deep as its deepest call. */
static void count_depths(walk *w)
{
    for (size_t i = w->count; i > 0; i--) {
        cuv_sn *call = w->calls[i - 1];
        if (call->layer->depth > call->depth)
            call->depth = call->layer->depth;
        call->layer->depth = call->depth;
        for (size_t k = 0; k < call->input_count; k++) {
            cuv_st *t = call->inputs[k]->twin ? call->inputs[k]->twin : call->inputs[k];
            if (t->call->depth < call->depth + 1)
                t->call->depth = call->depth + 1;
        }
    }
}

typedef struct place { cuv_sl *layer; int64_t depth; size_t order; } place;

static int deeper_first(const void *a, const void *b)
{
    const place *x = a, *y = b;
    if (x->depth != y->depth)
        return x->depth > y->depth ? -1 : 1;
    return x->order < y->order ? -1 : x->order > y->order;
}

static cuv_status sort_layers(cuv_sc *e, walk *w, size_t unused_inputs, cuv_sl *model)
{
    place *places = CUV_NEW_ARRAY(e->arena, place, w->layer_count + 1);
    model->layers = CUV_NEW_ARRAY(e->arena, cuv_sl *, w->layer_count + 1);
    if (!places || !model->layers)
        return cuv_oom(e->cx);
    size_t seen = w->layer_count - unused_inputs;
    for (size_t i = 0; i < w->layer_count; i++)         /* inputs that nothing uses come before all others of depth 0 */
        places[i] = (place){w->layers[i], i < seen ? w->layers[i]->depth : 0, i < seen ? i + unused_inputs : i - seen};
    qsort(places, w->layer_count, sizeof *places, deeper_first);
    for (size_t i = 0; i < w->layer_count; i++)
        model->layers[model->layer_count++] = places[i].layer;
    model->layer_capacity = w->layer_count + 1;
    return CUV_OK;
}

/* ---- functional models ---- */

/* Replaces what is given as an input but is no Input by a new one, as Keras does. */
static cuv_status own_input(cuv_sc *e, cuv_sl *model, cuv_st *given)
{
    cuv_sv *shape = NULL, *size = NULL;
    cuv_sl *made = NULL;
    if (!given->shaped)
        return cuv_sc_unsupported(e, e->at, "begin the model with an Input of that shape",
                                  "a model begins at the output of '%s', whose shape the code alone does not tell",
                                  given->call->layer->name);
    CUV_TRY(cuv_sv_make(e, CUV_SV_TUPLE, &shape));
    for (int i = 0; i < given->rank; i++) {
        size = e->none;
        if (given->shape[i] >= 0)
            CUV_TRY(cuv_sv_int(e, given->shape[i], &size));
        CUV_TRY(cuv_sv_add(e, shape, size));
    }
    CUV_TRY(cuv_sl_input(e, shape, NULL, given->dtype, &made));
    given->twin = made->calls[0]->outputs[0];
    model->cut[model->cut_count++] = given;
    return CUV_OK;
}

static cuv_status check_reached(cuv_sc *e, const walk *w, cuv_st *const *inputs, size_t count)
{
    for (size_t i = 0; i < w->count; i++) {
        if (w->calls[i]->layer->kind != CUV_SL_INPUT)
            continue;
        bool given = false;
        for (size_t k = 0; k < count; k++)
            given = given || (inputs[k]->twin ? inputs[k]->twin : inputs[k])->call == w->calls[i];
        if (!given)
            return cuv_sc_fail(e, e->at, CUV_NO, "script.graph", cuv_sc_format(e, "add '%s' to the model's inputs",
                               w->calls[i]->layer->name), "the outputs need the Input '%s', which is not among the model's inputs",
                               w->calls[i]->layer->name);
    }
    return CUV_OK;
}

static cuv_status map_graph(cuv_sc *e, cuv_sl *model, cuv_st *const *inputs, size_t input_count, cuv_st *const *outputs,
                            size_t output_count_)
{
    walk w = {.e = e, .mark = ++e->walk};
    size_t unused = 0;
    for (size_t i = 0; i < output_count_; i++)
        CUV_TRY(walk_from(&w, outputs[i]));
    count_depths(&w);
    CUV_TRY(check_reached(e, &w, inputs, input_count));
    for (size_t i = 0; i < input_count; i++) {
        cuv_sn *call = (inputs[i]->twin ? inputs[i]->twin : inputs[i])->call;
        if (call->layer->mark == w.mark)
            continue;
        CUV_TRY(see_layer(&w, call->layer));
        CUV_TRY(finish_call(&w, call));
        unused++;
    }
    CUV_TRY(sort_layers(e, &w, unused, model));
    model->inner = w.calls;
    model->inner_count = w.count;
    for (size_t i = 0; i < model->layer_count; i++) {
        model->layers[i]->used_inside = model->layers[i]->used_inside || model->layers[i] != model;
        for (cuv_sl *m = model->layers[i]->owner; m; m = m->owner)
            m->consumed = true;
        if (model->layers[i]->of_ready)
            model->layers[i]->of_ready->consumed = true;
    }
    return CUV_OK;
}

static cuv_status check_ends(cuv_sc *e, const cuv_sv *v, size_t count, const char *what)
{
    const cuv_sv *unknown = cuv_sv_unknown_in(v);
    if (count > 0 && !unknown)
        return CUV_OK;
    return cuv_sc_fail(e, e->at, CUV_UNSUPPORTED, "script.unknown", "a model is made of the tensors that Input and layers give",
                       "the %s of the model %s: %s", what, unknown ? "are not known from the code" : "are no tensors",
                       cuv_sv_describe(e, unknown ? unknown : v));
}

cuv_status cuv_sc_functional(cuv_sc *e, cuv_sv *inputs, cuv_sv *outputs, const char *name, cuv_sl **out)
{
    cuv_st **in = NULL, **ends = NULL;
    size_t in_count = 0, out_count = 0, in_capacity = 0, out_capacity = 0;
    CUV_TRY(cuv_sc_tensors_in(e, inputs, 0, &in, &in_count, &in_capacity));
    CUV_TRY(cuv_sc_tensors_in(e, outputs, 0, &ends, &out_count, &out_capacity));
    CUV_TRY(check_ends(e, inputs, in_count, "inputs"));
    CUV_TRY(check_ends(e, outputs, out_count, "outputs"));
    CUV_TRY(cuv_sv_flat_order(e, inputs, 0, &inputs));
    CUV_TRY(cuv_sv_flat_order(e, outputs, 0, &outputs));
    CUV_TRY(cuv_sl_new(e, CUV_SL_FUNCTIONAL, "Functional", name, out));
    cuv_sl *model = *out;
    model->inputs = inputs;
    model->outputs = outputs;
    model->cut = CUV_NEW_ARRAY(e->arena, cuv_st *, in_count + 2);
    model->cut_to = CUV_NEW_ARRAY(e->arena, cuv_st *, in_count + 2);
    if (!model->cut || !model->cut_to)
        return cuv_oom(e->cx);
    for (size_t i = 0; i < in_count; i++)
        if (in[i]->call->layer->kind != CUV_SL_INPUT)
            CUV_TRY(own_input(e, model, in[i]));
    if (e->networks) {                  /* what stands for it takes the place of the first input */
        cuv_st *any = e->bodies_input->symbol;
        any->twin = in[0]->twin ? in[0]->twin : in[0];
        model->cut[model->cut_count++] = any;
    }
    CUV_TRY(map_graph(e, model, in, in_count, ends, out_count));
    for (size_t i = 0; i < model->cut_count; i++) {
        model->cut_to[i] = model->cut[i]->twin;
        model->cut[i]->twin = NULL;
    }
    return CUV_OK;
}
