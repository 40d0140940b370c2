/* What encodes, or masks, as older Kerases did. Lookups of Keras 2 that encode what they find as numbers. In Keras 3 these are integers as it runs, which many layers do not take, and it takes the
 * output of a TextVectorization for one axis larger than it is. CategoryEncoding and Discretization of Keras 3.0 to 3.3 keep the axis of size 1 that they
 * encode, and their attention hands on no mask. Layers behind them make of it what those gave. */
#include "emit/config.h"
#include "layers/support.h"

enum { MOST = 2 };

/* The layers that follow one call, by class. */
typedef struct tail { const char *classes[MOST], *words[MOST]; size_t count; const cuv_var *v; } tail;

static void follow(tail *t, const char *class_name, const char *word)
{
    t->classes[t->count] = class_name;
    t->words[t->count++] = word;
}

/* Of one value a row those Kerases make a row of rows. */
static bool keeps_axis(const cuv_layer *layer, const cuv_graph_call *call)
{
    return !layer->model && layer->keras == 3 && !cuv_layer_since(layer, 4) && call->output_count == 1 &&
           cuv_has_word("CategoryEncoding Discretization", layer->def->name) && cuv_arg_is(layer, "output_mode", "one_hot") && layer->in_rank > 1 &&
           layer->in_shape[layer->in_rank - 1] == 1;
}

static bool names_mask(const cuv_graph_call *call)
{
    bool named = false;
    for (size_t a = 0; a < call->arg_count; a++)
        named = named || (cuv_streq(call->args[a].name, "mask") && call->args[a].wire_count);
    return named;
}

/* Keras since 3.11 hands on the mask that a call names. */
static bool hands_on_now(const cuv_layer *layer)
{
    if (cuv_has_word("Bidirectional TimeDistributed", layer->def->name) && layer->inner_count)
        return cuv_streq(layer->def->name, "TimeDistributed") || cuv_arg_bool(layer->inner[0], "return_sequences");
    return layer->def->flags & CUV_LF_MASKS ||
           (cuv_has_word("ConvLSTM1D ConvLSTM2D ConvLSTM3D GRU LSTM RNN SimpleRNN", layer->def->name) && cuv_arg_bool(layer, "return_sequences"));
}

/* Attention of those Kerases hands on no mask, nor did those before 3.11 one that a call names; Permute does not, either. */
static bool loses_mask(const cuv_graph *g, const cuv_graph_call *call)
{
    const cuv_layer *layer = g->layers[call->layer];
    if (cuv_keeps_named_masks(layer) && names_mask(call) && call->output_count && call->outputs[0].mask == CUV_NO_REF && hands_on_now(layer))
        return true;
    if (layer->model || !cuv_loses_masks_of_list(layer) || !cuv_has_word("Attention AdditiveAttention", layer->def->name) || call->output_count != 1 ||
        !call->arg_count || !call->args[0].wire_count)
        return false;
    const cuv_wire query = call->args[0].wires[0];
    return (size_t)query.output < g->calls[query.call].output_count && g->calls[query.call].outputs[query.output].mask != CUV_NO_REF;
}

static tail tail_of(const cuv_config_writer *w, const cuv_graph *g, const cuv_graph_call *call)
{
    const cuv_layer *layer = g->layers[call->layer];
    tail t = {.count = 0};
    if (keeps_axis(layer, call)) {
        t.v = cuv_program_var(w->m->program, call->outputs[0].value);
        follow(&t, "Reshape", "kept");
        return t;
    }
    if (loses_mask(g, call)) {
        t.v = cuv_program_var(w->m->program, call->outputs[0].value);
        follow(&t, "Permute", "unmasked");
        return t;
    }
    if (layer->model || layer->keras >= 3 || call->output_count != 1 || !cuv_has_word("StringLookup IntegerLookup TextVectorization", layer->def->name))
        return t;
    t.v = cuv_program_var(w->m->program, call->outputs[0].value);
    if (!cuv_dtype_is_float(t.v->dtype))
        return t;
    if (cuv_streq(layer->def->name, "TextVectorization") && !cuv_arg_none(layer, "split") && layer->in_rank == 2 && t.v->rank == 2 && t.v->shape[1] > 0)
        follow(&t, "Reshape", "flat");
    if (!cuv_arg_is(layer, "output_mode", "tf_idf") && !cuv_arg_is(layer, "output_mode", "tf-idf"))
        follow(&t, "Rescaling", "float");
    return t;
}

cuv_status cuv_config_plan_tails(cuv_config_writer *w, const cuv_graph *g)
{
    for (size_t c = 0; c < g->call_count; c++) {
        const cuv_graph_call *call = &g->calls[c];
        const tail t = tail_of(w, g, call);
        if (t.count)
            CUV_TRY(cuv_config_add_detour(w, &(cuv_detour){.g = g, .wire = {(int32_t)c, 0},
                                          .name = cuv_config_beside(w, g->layers[call->layer], call->ordinal, t.words[t.count - 1])}));
    }
    return CUV_OK;
}

static cuv_status tail_record(cuv_config_writer *w, const cuv_layer *layer, int64_t ordinal, const tail *t, size_t i, cuv_value **out)
{
    cuv_value *config = NULL, *sizes = cuv_value_list(w->arena);
    const char *name = cuv_config_beside(w, layer, ordinal, t->words[i]);
    if (!sizes || !name)
        return cuv_oom(w->cx);
    CUV_TRY(cuv_config_object(w, "keras.layers", t->classes[i], NULL, &config, out));
    CUV_TRY(cuv_config_text(w, config, "name", name));
    CUV_TRY(cuv_config_text(w, config, "dtype", cuv_dtype_name(t->v->dtype)));
    if (cuv_streq(t->classes[i], "Rescaling"))
        CUV_TRY(cuv_dict_set(w->arena, config, "offset", cuv_value_real(w->arena, 0)));
    if (cuv_streq(t->classes[i], "Rescaling"))
        return cuv_dict_set(w->arena, config, "scale", cuv_value_real(w->arena, 1));
    const bool stays = cuv_streq(t->classes[i], "Permute");
    for (int k = 1; k < t->v->rank; k++)
        CUV_TRY(cuv_list_add(w->arena, sizes, cuv_value_int(w->arena, stays ? k : t->v->shape[k])));
    return cuv_dict_set(w->arena, config, stays ? "dims" : "target_shape", sizes);
}

static bool joins_last(const cuv_layer *layer)
{
    return !layer->model && layer->keras == 3 && !cuv_layer_since(layer, 4) && cuv_streq(layer->def->name, "Discretization") &&
           cuv_arg_is(layer, "output_mode", "multi_hot") && layer->in_rank > 2;
}

/* Keras 2 takes a batch of single values for one sample with as many values. */
static cuv_status check_batch(cuv_config_writer *w, const cuv_graph *g, const cuv_graph_call *call)
{
    const cuv_layer *layer = g->layers[call->layer];
    static const char encoders[] = "StringLookup IntegerLookup TextVectorization CategoryEncoding Discretization Hashing HashedCrossing";
    if (joins_last(layer))
        return cuv_fail(w->cx, CUV_UNSUPPORTED, "write.behaviour", &(cuv_detail){.layer = layer->name, .found = "an input of three axes or more",
                        .help = "write .onnx or .c"},
                        "'%s' (%s) joins the last axis, as Keras 3.0 to 3.3 did, and Keras now joins the one after the batch", layer->name, layer->def->name);
    if (layer->model || layer->keras >= 3 || call->output_count != 1 || !cuv_has_word(encoders, layer->def->name) ||
        !cuv_has_word("multi_hot count tf_idf binary tf-idf", cuv_arg_text(layer, "output_mode")))
        return CUV_OK;
    if (cuv_program_var(w->m->program, call->outputs[0].value)->rank > 1)
        return CUV_OK;
    return cuv_fail(w->cx, CUV_UNSUPPORTED, "write.behaviour", &(cuv_detail){.layer = layer->name, .found = "an input of one axis",
                    .help = "cuvier computes it: write it for Keras 2 (--keras 2)"},
                    "'%s' (%s) has an input of one axis, which Keras 2 encodes as one sample and Keras 3 value by value", layer->name,
                    layer->def->name);
}

static cuv_status note(cuv_config_writer *w, const cuv_layer *layer)
{
    if (!cuv_has_word("CategoryEncoding Discretization", layer->def->name) && layer->keras >= 3)
        return cuv_config_note(w, layer, "the mask that it loses", "a Permute behind it, which moves nothing and hands on no mask");
    return cuv_config_note(w, layer, cuv_format(w->cx, "output_mode='%s'", cuv_arg_text(layer, "output_mode")), layer->keras >= 3 ?
                           "the same with a Reshape behind it: Keras 3.0 to 3.3 keep an axis of size 1" :
                           "the same with layers behind it: Keras 3 gives integers, and takes texts for one axis more than they have");
}

cuv_status cuv_config_add_tail(cuv_config_writer *w, const struct cuv_model *m, const cuv_graph *g, const cuv_graph_call *call, cuv_value *layers)
{
    const cuv_layer *layer = g->layers[call->layer];
    const tail t = tail_of(w, g, call);
    cuv_value *tensor, *record;
    CUV_TRY(check_batch(w, g, call));
    if (!t.count)
        return CUV_OK;
    CUV_TRY(cuv_config_own_tensor(w, m, g, (cuv_wire){(int32_t)(call - g->calls), 0}, &tensor));
    for (size_t i = 0; i < t.count; i++) {
        CUV_TRY(tail_record(w, layer, call->ordinal, &t, i, &record));
        CUV_TRY(cuv_config_text(w, record, "name", cuv_get_text(cuv_get(record, "config"), "name")));
        CUV_TRY(cuv_dict_set(w->arena, record, "inbound_nodes", cuv_value_list(w->arena)));
        CUV_TRY(cuv_config_through(w, record, 0, tensor, &tensor));
        CUV_TRY(cuv_list_add(w->arena, layers, record));
    }
    return note(w, layer);
}

cuv_status cuv_config_sequential_tail(cuv_config_writer *w, const cuv_graph *g, size_t layer, cuv_value *layers)
{
    cuv_value *record;
    for (size_t c = 0; c < g->call_count; c++) {
        if (g->calls[c].layer != (int32_t)layer)
            continue;
        CUV_TRY(check_batch(w, g, &g->calls[c]));
        const tail t = tail_of(w, g, &g->calls[c]);
        for (size_t i = 0; i < t.count; i++) {
            CUV_TRY(tail_record(w, g->layers[layer], 0, &t, i, &record));
            CUV_TRY(cuv_list_add(w->arena, layers, record));
        }
        return t.count ? note(w, g->layers[layer]) : CUV_OK;
    }
    return CUV_OK;
}

bool cuv_config_encodes_otherwise(const struct cuv_model *m)
{
    const cuv_graph *g = m->graph;
    bool found = false;
    for (size_t i = 0; !found && i < g->call_count; i++) {
        const cuv_layer *layer = g->layers[g->calls[i].layer];
        found = keeps_axis(layer, &g->calls[i]) || joins_last(layer) || loses_mask(g, &g->calls[i]);
    }
    for (size_t i = 0; !found && i < g->layer_count; i++)
        found = g->layers[i]->model && cuv_config_encodes_otherwise(g->layers[i]->model);
    return found;
}
