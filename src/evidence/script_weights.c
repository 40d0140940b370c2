/* Weights in a script: set_weights, load_weights, assign. */
#include "evidence/script.h"

#include <math.h>

/* ---- how many weights a layer has ---- */

/* Classes whose weights the signature's words tell exactly, but for what arguments switch off. */
static const char exact[] =
    "Dense Embedding Conv1D Conv2D Conv3D Conv1DTranspose Conv2DTranspose Conv3DTranspose DepthwiseConv1D DepthwiseConv2D SeparableConv1D "
    "SeparableConv2D LSTM GRU SimpleRNN ConvLSTM1D ConvLSTM2D ConvLSTM3D LayerNormalization GroupNormalization PReLU MultiHeadAttention";

/* Of a signature's words those that exist without quantization or LoRA. */
static const char usual[] =
    "kernel bias embeddings depthwise_kernel pointwise_kernel recurrent_kernel gamma beta alpha moving_mean moving_variance";

static bool is_false(const cuv_sl *layer, const char *argument)
{
    bool known = true;
    const cuv_sv *v = cuv_sv_get(layer->config, argument);
    if (layer->kind == CUV_SL_PART)
        return !cuv_get_bool(cuv_get(layer->record, "config"), argument, true);
    return v && !cuv_sv_truth(v, &known) && known;
}

static bool switched_off(const cuv_sl *layer, const char *weight, size_t size)
{
    return (size == 4 && !memcmp(weight, "bias", 4) && (is_false(layer, "use_bias") || is_false(layer, "bias"))) ||
           (size == 5 && !memcmp(weight, "gamma", 5) && is_false(layer, "scale")) ||
           (size == 4 && !memcmp(weight, "beta", 4) && is_false(layer, "center"));
}

/* A weight that a layer will have: its name, whose it is, and the layer that is called with the input. */
typedef struct own { const char *name; const cuv_sl *owner, *called; } own;
typedef struct owns { own *items; size_t count, most; } owns;

/* A layer's own weights in order; false when they are not known from the code. */
static bool weight_names(cuv_sc *e, const cuv_sl *layer, const cuv_sl *called, unsigned depth, owns *out)
{
    const struct cuv_signature *s = cuv_signature_of(layer->class_name);
    const char *words = s ? cuv_signature_weights(s) : "";
    if (layer->kind == CUV_SL_INPUT || layer->kind == CUV_SL_OPERATION || cuv_streq(layer->class_name, "InputLayer"))
        return true;
    if ((layer->kind != CUV_SL_LAYER && layer->kind != CUV_SL_PART) || !s || depth > 4)
        return false;
    if (layer->wrapped && (cuv_streq(layer->class_name, "TimeDistributed") || cuv_streq(layer->class_name, "Bidirectional"))) {
        bool known = weight_names(e, layer->wrapped, called, depth + 1, out);
        return known && (layer->class_name[0] == 'T' || weight_names(e, layer->wrapped, called, depth + 1, out));
    }
    if (cuv_streq(layer->class_name, "BatchNormalization"))
        words = "gamma beta moving_mean moving_variance";
    else if (*words && !cuv_word_in(exact, layer->class_name))
        return false;
    for (; *words; words += strspn(words, " ")) {
        size_t n = strcspn(words, " ");
        const char *word = cuv_sc_format(e, "%.*s", (int)n, words);
        if (cuv_word_in(usual, word) && !switched_off(layer, words, n) && out->count < out->most)
            out->items[out->count++] = (own){word, layer, called};
        words += n;
    }
    return true;
}

static bool names_below(cuv_sc *e, const cuv_sl *layer, unsigned depth, owns *out)
{
    if (layer->kind != CUV_SL_SEQUENTIAL && layer->kind != CUV_SL_FUNCTIONAL)
        return weight_names(e, layer, layer, 0, out);
    for (size_t i = 0; i < layer->layer_count; i++)
        if (depth > 8 || !names_below(e, layer->layers[i], depth + 1, out))
            return false;
    return true;
}

enum { MOST_NAMES = 4096 };

static cuv_status known_names(cuv_sc *e, const cuv_sl *layer, owns *out, bool *known)
{
    *out = (owns){CUV_NEW_ARRAY(e->arena, own, MOST_NAMES), 0, MOST_NAMES};
    if (!out->items)
        return cuv_oom(e->cx);
    CUV_TRY(cuv_sc_step(e, 64));
    *known = names_below(e, layer, 0, out) && out->count < MOST_NAMES;
    return CUV_OK;
}

/* The calls of Sequentials that the layer is, or is part of, are made: they tell what its layers are called with. */
static cuv_status wire(cuv_sc *e, cuv_sl *layer)
{
    cuv_st *unused = NULL;
    if (e->guarded)
        return CUV_OK;
    for (size_t i = 0; i < e->model_count; i++) {
        cuv_sl *model = e->models[i];
        bool part = model == layer;
        for (size_t k = 0; !part && k < model->layer_count; k++)
            part = model->layers[k] == layer;
        if (part && model->kind == CUV_SL_SEQUENTIAL)
            CUV_TRY(cuv_sc_sequential_wire(e, model, &unused));
    }
    return CUV_OK;
}

/* What Keras begins a bias and the statistics of a normalization with, where the code does not say otherwise. */
static bool begins_with(const cuv_sl *layer, const char *weight, double *out)
{
    static const struct { const char *classes, *weight, *initializer; double value; } table[] = {
        {"Dense Conv1D Conv2D Conv3D Conv1DTranspose Conv2DTranspose Conv3DTranspose DepthwiseConv1D DepthwiseConv2D SeparableConv1D "
         "SeparableConv2D", "bias", "bias_initializer", 0},
        {"BatchNormalization LayerNormalization", "gamma", "gamma_initializer", 1},
        {"BatchNormalization LayerNormalization", "beta", "beta_initializer", 0},
        {"BatchNormalization", "moving_mean", "moving_mean_initializer", 0},
        {"BatchNormalization", "moving_variance", "moving_variance_initializer", 1}};
    for (size_t i = 0; !layer->begins_otherwise && i < sizeof table / sizeof *table; i++)
        if (cuv_streq(table[i].weight, weight) && cuv_word_in(table[i].classes, layer->class_name) &&
            !cuv_sv_get(layer->config, table[i].initializer) && !cuv_sv_get(layer->config, "weights")) {
            *out = table[i].value;
            return true;
        }
    return false;
}

/* A weight as the layer begins with it: its numbers where they are always the same, else its shape at the most. */
static cuv_status unset(cuv_sc *e, const own *weight, const cuv_sl *layer, cuv_sv **out)
{
    int64_t shape[CUV_MAX_RANK];
    int rank = 0;
    const char *words = cuv_sc_format(e, "the %s of '%s', which the code has not set", weight->name,
                                      layer->is_model ? layer->name : weight->called->name);
    if (!cuv_sl_weight_shape(e, weight->called, weight->owner, weight->name, shape, &rank))
        return cuv_sv_unknown(e, out, "%s", words);
    double value = 0;
    if (begins_with(weight->owner, weight->name, &value)) {
        cuv_tensor *t = NULL;
        void *values = NULL;
        CUV_TRY(cuv_sc_new_tensor(e, CUV_F32, shape, rank, &t, &values));
        for (size_t i = 0; i < cuv_tensor_count(t); i++)
            ((float *)values)[i] = (float)value;
        words = cuv_arena_printf(e->ev->arena, "the %s that '%s' begins with (%s)", weight->name, weight->called->name, value != 0 ? "ones" : "zeros");
        return words ? cuv_sv_array(e, t, words, out) : cuv_oom(e->cx);
    }
    CUV_TRY(cuv_sc_shape_array(e, shape, rank, CUV_F32, out));
    (*out)->label = words;
    return CUV_OK;
}

cuv_status cuv_sc_variable(cuv_sc *e, cuv_sl *layer, const char *name, int64_t index, cuv_sv **out)
{
    CUV_TRY(cuv_sv_make(e, CUV_SV_VARIABLE, out));
    (*out)->layer = layer;
    (*out)->text = name;
    (*out)->integer = index;
    return CUV_OK;
}

static bool trains(const char *name)
{
    return !cuv_starts_with(name, "moving_");
}

cuv_status cuv_sc_weight_list(cuv_sc *e, cuv_sl *layer, const char *which, cuv_sv **out)
{
    owns names = {0};
    bool known = true, all = which[0] == 'w' || which[0] == 'v', frozen = which[0] == 'n';
    CUV_TRY(known_names(e, layer, &names, &known));
    if (!known)
        return cuv_sv_unknown(e, out, "the %s of '%s'", which, layer->name);
    CUV_TRY(cuv_sv_make(e, CUV_SV_LIST, out));
    for (size_t i = 0; i < names.count; i++) {
        cuv_sv *v = NULL;
        if (!all && trains(names.items[i].name) == frozen)
            continue;
        CUV_TRY(cuv_sc_variable(e, layer, NULL, (int64_t)i, &v));
        CUV_TRY(cuv_sv_add(e, *out, v));
    }
    return CUV_OK;
}

/* ---- get_weights ---- */

/* The file that a model's weights came from last; NULL when they were set otherwise. */
static cuv_file *file_of(const cuv_sc *e, const cuv_sl *model)
{
    for (size_t i = e->stated_count; i > 0; i--)
        if (e->stated[i - 1].layer == model)
            return e->stated[i - 1].by_name ? NULL : e->stated[i - 1].file;
    return NULL;
}

/* The group of a file that is a loaded model's layer: by its name, or in Keras 3 by its class and number among the layers. */
static cuv_status group_of(cuv_sc *e, const cuv_sl *model, size_t index, const cuv_file *file, const cuv_group **out)
{
    const cuv_sl *part = model->recorded_layers[index];
    const char *stem = NULL, *path = NULL;
    size_t number = 0, found = 0;
    CUV_TRY(cuv_sc_snake(e, part->class_name, &stem));
    for (size_t i = 0; i < index; i++)
        number += cuv_streq(model->recorded_layers[i]->class_name, part->class_name);
    path = number ? cuv_sc_format(e, "layers/%s_%zu", stem, number) : cuv_sc_format(e, "layers/%s", stem);
    *out = NULL;
    for (size_t i = 0; i < file->group_count; i++) {
        const cuv_group *g = &file->groups[i];
        bool mine = file->arrangement == CUV_ARR_LEGACY ? cuv_streq(g->name, part->name)
                    : g->path && cuv_starts_with(g->path, path) && (g->path[strlen(path)] == '\0' || g->path[strlen(path)] == '/');
        found += mine && (g->count || file->arrangement == CUV_ARR_LEGACY);
        *out = mine && g->count ? g : *out;
    }
    *out = found == 1 ? *out : NULL;
    return cuv_sc_step(e, file->group_count + 1);
}

static cuv_sl *root_of(cuv_sl *part)
{
    while (part->owner)
        part = part->owner;
    return part;
}

static cuv_status loaded_weights(cuv_sc *e, cuv_sl *part, cuv_sv **out)
{
    cuv_sl *owner = part->owner;
    const cuv_file *file = owner ? file_of(e, owner) : NULL;
    const cuv_group *group = NULL;
    const struct cuv_signature *s = cuv_signature_of(part->class_name);
    for (size_t i = 0; file && i < owner->recorded_count; i++)
        if (owner->recorded_layers[i] == part)
            CUV_TRY(group_of(e, owner, i, file, &group));
    if (!group && !cuv_streq(part->class_name, "InputLayer") && !(s && !*cuv_signature_weights(s))) {
        CUV_TRY(cuv_sv_unknown(e, out, "the weights of '%s'", part->name));
        (*out)->layer = part;           /* set_weights() of another layer knows what it means */
        return CUV_OK;
    }
    CUV_TRY(cuv_sv_make(e, CUV_SV_LIST, out));
    for (size_t i = 0; group && i < group->count; i++) {
        cuv_sv *array = NULL;
        CUV_TRY(cuv_sv_array(e, group->tensors[i].tensor, group->tensors[i].label, &array));
        CUV_TRY(cuv_sv_add(e, *out, array));
    }
    return CUV_OK;
}

cuv_status cuv_sc_get_weights(cuv_sc *e, cuv_sl *layer, cuv_sv **out)
{
    owns names = {0};
    bool known = true;
    if (layer->weights)
        return cuv_sc_builtin(e, "list", &(cuv_sargs){&layer->weights, 1, NULL, NULL, 0, e->at}, out);
    if (layer->owner && file_of(e, root_of(layer)))
        return loaded_weights(e, layer, out);
    CUV_TRY(known_names(e, layer, &names, &known));
    if (!known || file_of(e, layer)) {
        CUV_TRY(cuv_sv_unknown(e, out, "the weights of '%s'", layer->name));
        (*out)->layer = layer;          /* set_weights() of another model knows what it means */
        return CUV_OK;
    }
    CUV_TRY(wire(e, layer));
    CUV_TRY(cuv_sv_make(e, CUV_SV_LIST, out));
    for (size_t i = 0; i < names.count; i++) {
        cuv_sv *v = NULL;
        CUV_TRY(unset(e, &names.items[i], layer, &v));
        CUV_TRY(cuv_sv_add(e, *out, v));
    }
    return CUV_OK;
}

/* ---- what the code states ---- */

/* A model that takes a file is kept as it is now: layers may come and go later. */
static cuv_status state(cuv_sc *e, struct cuv_stated stated)
{
    if (stated.file) {
        stated.as = CUV_NEW(e->arena, cuv_sl);
        cuv_sl **layers = CUV_NEW_ARRAY(e->arena, cuv_sl *, stated.layer->layer_count + 1);
        if (!stated.as || !layers)
            return cuv_oom(e->cx);
        *stated.as = *stated.layer;
        for (size_t i = 0; i < stated.layer->layer_count; i++)
            layers[i] = stated.layer->layers[i];
        stated.as->layers = layers;
    }
    struct cuv_stated *grown = cuv_arena_grow(e->arena, e->stated, e->stated_count, &e->stated_capacity, sizeof *grown);
    if (!grown)
        return cuv_oom(e->cx);
    e->stated = grown;
    grown[e->stated_count++] = stated;
    return CUV_OK;
}

/* Weights speak for the models that a layer is part of. */
static void vote(cuv_sc *e, const cuv_sl *layer)
{
    for (size_t i = 0; i < e->model_count; i++) {
        cuv_sl *m = e->models[i];
        for (size_t k = 0; m != layer && k < m->layer_count; k++)
            m->votes += m->layers[k] == layer ? 8 : 0;
        m->votes += m == layer ? 8 : 0;
    }
}

static cuv_status not_arrays(cuv_sc *e, const cuv_sl *layer, const cuv_sv *v, const cuv_py *node)
{
    return cuv_sc_fail(e, node, CUV_UNSUPPORTED, "script.weights",
                       "understood are arrays that numpy.load, h5py, json or pickle give, and what NumPy makes of them",
                       "the weights that '%s' is given here are not known from the code: %s", layer->name, cuv_sv_describe(e, v));
}

/* numpy.empty whose elements the code has not all set. */
static bool partly_empty(const cuv_sv *v)
{
    bool empty = v->label && (cuv_starts_with(v->label, "empty (") || cuv_starts_with(v->label, "empty_like ("));
    for (size_t i = 0; empty && i < cuv_tensor_count(v->tensor); i++)
        if (isnan(cuv_tensor_at(v->tensor, i)))
            return true;
    return false;
}

/* set_weights([weights, biases]): two lists, where the arrays of both are meant. */
static cuv_status list_for_array(cuv_sc *e, const cuv_sl *layer, const cuv_sv *list, const cuv_py *node)
{
    return cuv_sc_fail(e, node, CUV_NO, "script.weights",
                       "hand the arrays over one after the other, in the order of get_weights(): [a for pair in zip(weights, biases) for a in pair]",
                       "set_weights() of '%s' is given a list of %zu arrays%s%s in the place of one array", layer->name, list->count,
                       list->label ? ", " : "", list->label ? list->label : "");
}

/* set_weights(kernel): an array is no list of arrays, but for one that has them along its first axis. */
static cuv_status array_for_list(cuv_sc *e, cuv_sl *layer, const cuv_sv *array, const cuv_py *node)
{
    owns names = {0};
    bool known = true;
    const cuv_tensor *t = array->tensor;
    CUV_TRY(known_names(e, layer, &names, &known));
    if (!known || t->rank == 0 || !t->data || (size_t)t->shape[0] == names.count)
        return CUV_OK;
    return cuv_sc_fail(e, node, CUV_NO, "script.weights", "give a list of arrays: set_weights([kernel, bias]), or [kernel] without a bias",
                       "set_weights() of '%s' is given one array of shape %s, %s, in the place of a list of %zu", layer->name,
                       cuv_shape_text(e->cx, t->shape, t->rank), array->label ? array->label : "made in the code", names.count);
}

static cuv_status as_array(cuv_sc *e, const cuv_sl *layer, cuv_sv *v, const cuv_py *node, cuv_sv **out)
{
    *out = v;
    bool rows = cuv_sv_is_seq(v) && v->count && v->items[0]->kind == CUV_SV_ARRAY;         /* numpy.array of arrays */
    *out = rows ? NULL : v;
    for (size_t i = 1; rows && i < v->count; i++)
        if (v->items[i]->kind == CUV_SV_ARRAY && !cuv_shape_equal(v->items[i]->tensor->shape, v->items[i]->tensor->rank, v->items[0]->tensor->shape,
                                                                  v->items[0]->tensor->rank))
            return list_for_array(e, layer, v, node);
    if (rows)
        CUV_TRY(cuv_sc_numpy(e, "stack", &(cuv_sargs){&v, 1, NULL, NULL, 0, node}, out));
    else if (cuv_sv_is_seq(v) || cuv_sv_is_number(v))
        CUV_TRY(cuv_sc_array_of(e, v, out));
    if ((*out)->kind == CUV_SV_ARRAY && !(*out)->unsure && (*out)->tensor->data && (*out)->tensor->dtype != CUV_STR && !partly_empty(*out))
        return CUV_OK;
    if ((*out)->kind == CUV_SV_ARRAY && !(*out)->tensor->data && (*out)->label)
        CUV_TRY(cuv_sv_unknown(e, out, "%s", (*out)->label));
    else if ((*out)->kind == CUV_SV_ARRAY && !(*out)->tensor->data)
        CUV_TRY(cuv_sv_unknown(e, out, "an array of shape %s whose numbers the code does not tell",
                               cuv_shape_text(e->cx, (*out)->tensor->shape, (*out)->tensor->rank)));
    else if ((*out)->kind == CUV_SV_ARRAY && (*out)->tensor->dtype == CUV_STR)
        CUV_TRY(cuv_sv_unknown(e, out, "%s holds texts, not numbers", (*out)->label ? (*out)->label : "the array"));
    return not_arrays(e, layer, *out, node);
}

/* Has something in the model been given weights since the model took its file? */
static bool set_since(const cuv_sc *e, cuv_sl *model)
{
    for (size_t i = e->stated_count; i > 0 && e->stated[i - 1].layer != model; i--) {
        cuv_sl *layer = e->stated[i - 1].layer;
        if (root_of(layer) == model)
            return true;
        for (size_t k = 0; k < model->layer_count; k++)
            if (model->layers[k] == layer)
                return true;
    }
    return false;
}

cuv_status cuv_sc_take_file(cuv_sc *e, cuv_sl *model, cuv_file *file)
{
    return state(e, (struct cuv_stated){.layer = model, .node = model->node, .file = file});
}

/* Arrays that the code made from others get the words that errors and reports call them by. */
static cuv_status name_tensor(cuv_sc *e, const cuv_sv *array)
{
    if (cuv_evidence_name_of(e->ev, array->tensor))
        return CUV_OK;
    return cuv_evidence_name(e->ev, array->tensor, array->label ? array->label : cuv_sc_format(e, "an array of %s", e->file->name), e->file);
}

/* A Bidirectional has its weights once forward_layer and backward_layer have theirs. */
static cuv_status both_halves(cuv_sc *e, cuv_sl *whole, const cuv_py *node)
{
    cuv_sv *list = NULL;
    CUV_TRY(cuv_sv_make(e, CUV_SV_LIST, &list));
    for (size_t i = 0; i < 2; i++)
        for (size_t k = 0; whole->halves[i]->weights && k < whole->halves[i]->weights->count; k++)
            CUV_TRY(cuv_sv_add(e, list, whole->halves[i]->weights->items[k]));
    bool both = whole->halves[0]->weights && whole->halves[1]->weights;
    return both ? cuv_sc_set_weights(e, whole, list, node) : CUV_OK;
}

cuv_status cuv_sc_set_weights(cuv_sc *e, cuv_sl *layer, cuv_sv *list, const cuv_py *node)
{
    cuv_sv *items = NULL, *arrays = NULL;
    bool known = true;
    e->at = node;
    CUV_TRY(cuv_sc_effect(e, node));
    if (list->kind == CUV_SV_UNKNOWN && list->layer && layer->is_model && file_of(e, list->layer)) {
        if (set_since(e, list->layer))
            return cuv_sc_unsupported(e, node, "hand the weights over layer by layer", "all weights of '%s' are handed over here, and some of its "
                                      "layers were given others after its file", list->layer->name);
        vote(e, layer);                 /* all weights of a loaded model: the same file */
        return state(e, (struct cuv_stated){.layer = layer, .node = node, .file = file_of(e, list->layer)});
    }
    if (list->kind == CUV_SV_UNKNOWN && list->layer && list->layer->owner) {
        vote(e, layer);
        return state(e, (struct cuv_stated){.layer = layer, .node = node, .file = file_of(e, root_of(list->layer)), .origin = list->layer});
    }
    if (list->kind == CUV_SV_ARRAY)
        CUV_TRY(array_for_list(e, layer, list, node));
    CUV_TRY(cuv_sv_iterate(e, list, &items, &known));
    if (!known || list->kind == CUV_SV_DICT || list->kind == CUV_SV_TEXT)
        return not_arrays(e, layer, list, node);
    CUV_TRY(cuv_sv_make(e, CUV_SV_LIST, &arrays));
    for (size_t i = 0; i < items->count; i++) {
        cuv_sv *array = NULL;
        CUV_TRY(as_array(e, layer, items->items[i], node, &array));
        CUV_TRY(name_tensor(e, array));
        CUV_TRY(cuv_sv_add(e, arrays, array));
    }
    layer->weights = arrays;
    if (layer->whole)
        return both_halves(e, layer->whole, node);
    vote(e, layer);
    return state(e, (struct cuv_stated){.layer = layer, .tensors = arrays, .node = node});
}

cuv_status cuv_sc_constant_weights(cuv_sc *e, cuv_sl *layer, const cuv_sargs *args)
{
    owns names = {0};
    bool known = true;
    cuv_sv *list = NULL;
    if (e->guarded || args->named == 0)
        return CUV_OK;
    for (size_t i = 0; !list && i < args->named; i++)
        if (cuv_ends_with(args->names[i], "_initializer") && args->values[i]->kind == CUV_SV_OBJECT)
            CUV_TRY(cuv_sv_make(e, CUV_SV_LIST, &list));
    if (!list)
        return CUV_OK;
    CUV_TRY(known_names(e, layer, &names, &known));
    for (size_t i = 0; known && i < names.count; i++) {
        const cuv_sv *made = cuv_sc_arg(args, args->count, cuv_sc_format(e, "%s_initializer", names.items[i].name));
        cuv_sv *value = made && made->kind == CUV_SV_OBJECT && cuv_streq(made->text, "Constant") ? cuv_sv_get(made, "value") : NULL;
        if (value && cuv_sv_is_seq(value))
            CUV_TRY(cuv_sc_array_of(e, value, &value));
        if (!value || value->kind != CUV_SV_ARRAY || value->unsure || !value->tensor->data || value->tensor->rank == 0)
            return CUV_OK;
        CUV_TRY(cuv_sv_add(e, list, value));
    }
    return known && names.count ? cuv_sc_set_weights(e, layer, list, args->node) : CUV_OK;
}

/* Which of a layer's weights a variable is; false when the code does not tell. */
static cuv_status place_of(cuv_sc *e, const cuv_sv *variable, size_t *count, size_t *out, bool *known)
{
    owns names = {0};
    CUV_TRY(known_names(e, variable->layer, &names, known));
    *count = names.count;
    *out = variable->text ? *count : (size_t)variable->integer;
    for (size_t i = 0; variable->text && i < *count; i++)
        *out = cuv_streq(names.items[i].name, variable->text) ? i : *out;
    *known = *known && *out < *count;
    return CUV_OK;
}

cuv_status cuv_sc_variable_array(cuv_sc *e, const cuv_sv *variable, cuv_sv **out)
{
    size_t count = 0, place = 0;
    bool known = true;
    owns names = {0};
    CUV_TRY(place_of(e, variable, &count, &place, &known));
    CUV_TRY(known_names(e, variable->layer, &names, &known));
    const cuv_sv *set = variable->layer->weights;
    if (set && place < set->count && set->items[place]->kind == CUV_SV_ARRAY) {
        *out = set->items[place];
        return CUV_OK;
    }
    CUV_TRY(wire(e, variable->layer));
    if (!known || place >= names.count || file_of(e, variable->layer))
        return cuv_sv_unknown(e, out, "a weight of '%s'", variable->layer->name);
    return unset(e, &names.items[place], variable->layer, out);
}

/* One weight is set by itself: it counts once all of its layer are. */
cuv_status cuv_sc_assign_variable(cuv_sc *e, cuv_sv *variable, cuv_sv *value, const cuv_py *node)
{
    cuv_sl *layer = variable->layer;
    cuv_sv *array = NULL, *none = NULL;
    size_t count = 0, place = 0;
    bool known = true;
    e->at = node;
    CUV_TRY(cuv_sc_effect(e, node));
    CUV_TRY(as_array(e, layer, value, node, &array));
    CUV_TRY(name_tensor(e, array));
    CUV_TRY(place_of(e, variable, &count, &place, &known));
    if (!known || layer->kind == CUV_SL_PART || (!layer->weights && file_of(e, layer)))
        return cuv_sc_unsupported(e, node, "set all weights of the layer: set_weights([kernel, bias])",
                                  "one weight of '%s' is set by itself", layer->name);
    if (!layer->weights) {
        CUV_TRY(cuv_sv_make(e, CUV_SV_LIST, &layer->weights));
        for (size_t i = 0; i < count; i++)
            CUV_TRY(cuv_sv_add(e, layer->weights, e->none));
    } else {
        CUV_TRY(cuv_sc_builtin(e, "list", &(cuv_sargs){&layer->weights, 1, NULL, NULL, 0, node}, &none));
        layer->weights = none;
    }
    if (place >= layer->weights->count)
        return cuv_sc_unsupported(e, node, NULL, "weight %zu of '%s', which was given %zu", place, layer->name, layer->weights->count);
    layer->weights->items[place] = array;
    vote(e, layer);
    return state(e, (struct cuv_stated){.layer = layer, .tensors = layer->weights, .node = node});
}

cuv_status cuv_sc_find(cuv_sc *e, const cuv_py *node, const char *name, cuv_file **out)
{
    size_t mark = cuv_findings_mark(e->cx);
    cuv_status status = cuv_evidence_find(e->ev, e->file, name, cuv_sc_where(e, node), out);
    if (status != CUV_NO)
        return status;
    cuv_findings_rewind(e->cx, mark);
    return cuv_sc_fail(e, node, CUV_IO, "script.file", "put it beside the code, or give it on the command line: one of the same name "
                       "stands in for it", "'%s' is neither beside %s nor among the files given", name, e->file->name);
}

/* A checkpoint is named by what its files' names begin with. */
static cuv_status find_weights(cuv_sc *e, const cuv_py *node, const char *name, cuv_file **out)
{
    const char *index = cuv_sc_format(e, "%s.index", name);
    size_t mark = cuv_findings_mark(e->cx);
    cuv_status status = cuv_evidence_find(e->ev, e->file, name, cuv_sc_where(e, node), out);
    if (status != CUV_NO)
        return status;
    status = cuv_evidence_find(e->ev, e->file, index, cuv_sc_where(e, node), out);
    if (status == CUV_NO || status == CUV_OK)
        cuv_findings_rewind(e->cx, mark);
    return status == CUV_NO ? cuv_sc_find(e, node, name, out) : status;
}

cuv_status cuv_sc_load_weights(cuv_sc *e, cuv_sl *layer, const cuv_sargs *args)
{
    cuv_sv *path = cuv_sc_arg(args, 0, "filepath"), *by_name = cuv_sc_arg(args, 1, "by_name");
    cuv_sv *skip = cuv_sc_arg(args, args->count, "skip_mismatch");
    cuv_file *file = NULL;
    bool known = true;
    by_name = by_name && by_name->kind == CUV_SV_BOOL ? by_name : cuv_sc_arg(args, args->count, "by_name");
    path = path ? path : cuv_sc_arg(args, args->count, "path");
    CUV_TRY(cuv_sc_effect(e, args->node));
    if (!path || path->kind != CUV_SV_TEXT)
        return cuv_sc_fail(e, args->node, CUV_UNSUPPORTED, "script.unknown", "write the file's name out",
                           "which file is loaded is not known from the code: it is %s", path ? cuv_sv_describe(e, path) : "missing");
    CUV_TRY(find_weights(e, args->node, path->text, &file));
    if (file->arrangement == CUV_ARR_NONE)
        return cuv_sc_fail(e, args->node, CUV_UNSUPPORTED, "script.weights", NULL, "%s holds no weights (%s)", file->name,
                           file->kind ? file->kind : "another form");
    vote(e, layer);
    layer->weights = NULL;
    return state(e, (struct cuv_stated){.layer = layer, .node = args->node, .file = file,
                                        .by_name = by_name && cuv_sv_truth(by_name, &known) && known,
                                        .skip = skip && cuv_sv_truth(skip, &known) && known});
}
