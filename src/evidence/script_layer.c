/* Layers from their constructors: which class, which arguments by the signatures of Keras, and the name that Keras would give. */
#include "evidence/script.h"

typedef struct cuv_signature { const char *class_name, *arguments, *older, *weights; } signature;

#define CUV_SIGNATURE(name, now, before, weights) {name, now, before, weights},
#define CUV_ALIAS(name, means)
static const signature signatures[] = {
#include "evidence/signatures.def"
};
#undef CUV_SIGNATURE
#undef CUV_ALIAS
#define CUV_SIGNATURE(name, now, before, weights)
#define CUV_ALIAS(name, means) {name, means},
static const struct { const char *name, *means; } aliases[] = {
#include "evidence/signatures.def"
};

const signature *cuv_signature_of(const char *class_name)
{
    for (size_t i = 0; i < sizeof aliases / sizeof *aliases; i++)
        if (cuv_streq(aliases[i].name, class_name))
            class_name = aliases[i].means;
    for (size_t i = 0; i < sizeof signatures / sizeof *signatures; i++)
        if (cuv_streq(signatures[i].class_name, class_name))
            return &signatures[i];
    return NULL;
}

const char *cuv_signature_class(const signature *s)
{
    return s->class_name;
}

const char *cuv_signature_weights(const signature *s)
{
    return s->weights;
}

/* Word number `index` of a list separated by blanks; NULL beyond its end. */
static const char *word_at(cuv_sc *e, const char *words, size_t index)
{
    for (; *words; words += strspn(words, " ")) {
        size_t n = strcspn(words, " ");
        if (index-- == 0)
            return cuv_arena_strndup(e->arena, words, n);
        words += n;
    }
    return NULL;
}

static size_t word_count(const char *words)
{
    size_t n = 0;
    for (; *words; words += strspn(words, " ")) {
        words += strcspn(words, " ");
        n++;
    }
    return n;
}

bool cuv_word_in(const char *words, const char *word)
{
    size_t n = strlen(word);
    for (const char *at = strstr(words, word); at; at = strstr(at + 1, word))
        if ((at == words || at[-1] == ' ') && (at[n] == ' ' || at[n] == '\0'))
            return true;
    return false;
}

bool cuv_signature_takes(const signature *s, const char *argument)
{
    return cuv_word_in(s->arguments, argument) || cuv_word_in(s->older, argument);
}

/* ---- names ---- */

cuv_status cuv_sc_snake(cuv_sc *e, const char *name, const char **out)
{
    *out = cuv_snake_case(e->arena, name);
    return *out ? CUV_OK : cuv_oom(e->cx);
}

/* The next automatic name of a class: dense, dense_1, ...; input_1, input_2, ... in Keras 2. */
cuv_status cuv_sc_auto_name(cuv_sc *e, const char *class_name, const char **out)
{
    const char *prefix = NULL;
    bool old_input = e->script->keras == 2 && cuv_streq(class_name, "InputLayer");
    if (old_input)
        class_name = "Input";
    if (e->script->keras == 2 && cuv_streq(class_name, "Functional"))
        class_name = "Model";
    CUV_TRY(cuv_sc_snake(e, class_name, &prefix));
    uintptr_t seen = (uintptr_t)cuv_map_get(e->counters, prefix);
    CUV_TRY(cuv_map_set(e->counters, prefix, (void *)(seen + 1)));
    seen += old_input;
    *out = seen == 0 ? prefix : cuv_arena_printf(e->arena, "%s_%zu", prefix, (size_t)seen);
    return *out ? CUV_OK : cuv_oom(e->cx);
}

/* ---- making ---- */

cuv_status cuv_sl_new(cuv_sc *e, cuv_sl_kind kind, const char *class_name, const char *name, cuv_sl **out)
{
    CUV_TRY(cuv_sc_effect(e, e->at));
    e->steps += 16;
    *out = CUV_NEW(e->arena, cuv_sl);
    if (!*out)
        return cuv_oom(e->cx);
    (*out)->kind = kind;
    (*out)->class_name = class_name;
    (*out)->name = name;
    (*out)->node = e->at;
    (*out)->made = e->made++;
    (*out)->is_model = kind == CUV_SL_SEQUENTIAL || kind == CUV_SL_FUNCTIONAL || kind == CUV_SL_OPAQUE;
    CUV_TRY(cuv_sv_make(e, CUV_SV_DICT, &(*out)->config));
    if (!(*out)->is_model)
        return name ? CUV_OK : cuv_sc_auto_name(e, class_name, &(*out)->name);
    cuv_sl **models = cuv_arena_grow(e->arena, e->models, e->model_count, &e->model_capacity, sizeof *models);
    if (!models)
        return cuv_oom(e->cx);
    e->models = models;
    e->models[e->model_count++] = *out;
    return name ? CUV_OK : cuv_sc_auto_name(e, class_name, &(*out)->name);
}

cuv_status cuv_sl_value(cuv_sc *e, cuv_sl *layer, cuv_sv **out)
{
    CUV_TRY(cuv_sv_make(e, CUV_SV_LAYER, out));
    (*out)->layer = layer;
    return CUV_OK;
}

/* ---- arguments ---- */

typedef struct making { cuv_sl *layer; const signature *s; const cuv_py *node; cuv_sv *weights; const char *name; } making;

static const char common[] =
    "name dtype trainable input_shape batch_input_shape batch_shape input_dim input_length input_tensor batch_size weights "
    "activity_regularizer autocast dynamic input_dtype implementation";

/* Arguments that do not count once the weights are there. */
static bool without_effect(const char *name)
{
    return cuv_ends_with(name, "_initializer") || cuv_ends_with(name, "_regularizer") || cuv_ends_with(name, "_constraint") ||
           cuv_streq(name, "seed") || cuv_streq(name, "init") || cuv_streq(name, "inner_init") || cuv_streq(name, "dynamic") ||
           cuv_streq(name, "input_dtype") || cuv_streq(name, "implementation") || cuv_streq(name, "consume_less");
}

static cuv_status unknown_argument(cuv_sc *e, const making *m, const char *name)
{
    const char *near = NULL;
    size_t best = 4;
    for (size_t list = 0; list < 2; list++)
        for (const char *w = list ? m->s->older : m->s->arguments; *w; w += strspn(w, " ")) {
            size_t n = strcspn(w, " ");
            const char *candidate = cuv_sc_format(e, "%.*s", (int)n, w);
            size_t d = cuv_edit_distance(candidate, name, 8);
            if (d < best) {
                best = d;
                near = candidate;
            }
            w += n;
        }
    return cuv_sc_fail(e, m->node, CUV_UNSUPPORTED, "script.argument", near ? cuv_sc_format(e, "did you mean '%s'?", near) : NULL,
                       "%s has no argument '%s'", m->s->class_name, name);
}

static cuv_status early_shape(cuv_sc *e, making *m, const char *name, cuv_sv *v)
{
    bool batch = cuv_starts_with(name, "batch_");
    int64_t one = 0;
    if (cuv_sv_as_int(v, &one)) {
        cuv_sv *tuple = NULL;
        CUV_TRY(cuv_sv_make(e, CUV_SV_TUPLE, &tuple));
        CUV_TRY(cuv_sv_add(e, tuple, v));
        v = tuple;
    }
    m->layer->early = v;
    m->layer->early_batch = batch;
    return CUV_OK;
}

/* A function of the script as activation does what the layer Lambda would do with it; functools.partial gives it arguments. */
static cuv_status function_layer(cuv_sc *e, const making *m, cuv_sv *f, cuv_sv **out)
{
    const cuv_sv *partial = f->kind == CUV_SV_PARTIAL ? f : NULL;
    cuv_sl *lambda = NULL;
    cuv_sv *arguments = NULL;
    f = partial ? f->self : f;
    CUV_TRY(cuv_sl_new(e, CUV_SL_LAYER, "Lambda", f->kind == CUV_SV_FUNCTION && f->node->text ? f->node->text : "activation", &lambda));
    lambda->module = "keras.layers";
    lambda->node = m->node;
    CUV_TRY(cuv_sv_put_word(e, lambda->config, "function", f));
    if (partial) {
        CUV_TRY(cuv_sv_make(e, CUV_SV_DICT, &arguments));
        for (size_t i = 0; i < partial->items[1]->count; i++)
            CUV_TRY(cuv_sv_put(e, arguments, partial->items[1]->items[i], partial->items[1]->values[i]));
        CUV_TRY(cuv_sv_put_word(e, lambda->config, "arguments", arguments));
    }
    return cuv_sl_value(e, lambda, out);
}

/* Functions of Keras and TensorFlow that are not among Keras's activations. */
static const char no_activations[] = "abs square sqrt log sin cos sign round floor negative l2_normalize";

static cuv_status activation_value(cuv_sc *e, const making *m, const char *name, cuv_sv *v)
{
    bool code = v->kind == CUV_SV_FUNCTION || v->kind == CUV_SV_CLASS || v->kind == CUV_SV_INSTANCE || v->kind == CUV_SV_PARTIAL;
    if (v->kind == CUV_SV_NAME && cuv_streq(name, "activation") && cuv_word_in(no_activations, cuv_sc_last(v->text)))
        CUV_TRY(function_layer(e, m, v, &v));
    if (code && !cuv_streq(m->s->class_name, "Lambda")) {
        if (!cuv_streq(name, "activation") || v->kind == CUV_SV_CLASS || v->kind == CUV_SV_INSTANCE ||
            (v->kind == CUV_SV_PARTIAL && v->items[0]->count))
            return cuv_sc_unsupported(e, m->node, "use one of Keras's activations by its name, or operations on the tensors",
                                      "'%s' of %s is a function of the script, which only Python can run", name, m->s->class_name);
        CUV_TRY(function_layer(e, m, v, &v));
    }
    return cuv_sv_put_word(e, m->layer->config, name, v);
}

static cuv_status take_argument(cuv_sc *e, making *m, const char *name, cuv_sv *v)
{
    bool own = cuv_word_in(m->s->arguments, name) || cuv_word_in(m->s->older, name);
    if (cuv_streq(name, "name")) {
        if (v->kind == CUV_SV_TEXT)
            m->name = v->text;
        else if (v->kind != CUV_SV_NONE)
            return cuv_sc_fail(e, m->node, CUV_UNSUPPORTED, "script.unknown", "write the name out",
                               "the name of this %s is not known from the code: it is %s", m->s->class_name, cuv_sv_describe(e, v));
        return CUV_OK;
    }
    if (cuv_streq(name, "weights") && (!own || cuv_sv_is_seq(v) || v->kind == CUV_SV_NONE)) {
        m->weights = v->kind == CUV_SV_NONE ? NULL : v;
        return CUV_OK;
    }
    if (cuv_streq(name, "input_shape") || cuv_streq(name, "batch_input_shape") || (cuv_streq(name, "batch_shape") && !own))
        return early_shape(e, m, name, v);
    if (cuv_streq(name, "input_dim") && (!cuv_streq(m->s->class_name, "Embedding") && !cuv_streq(m->s->class_name, "ReversibleEmbedding")))
        return m->layer->early ? CUV_OK : early_shape(e, m, name, v);
    if (cuv_streq(name, "input_length"))
        return cuv_sv_put_word(e, m->layer->config, "input_length", v);
    if (!own && !cuv_word_in(common, name))
        return unknown_argument(e, m, name);
    const cuv_sv *value = v->kind == CUV_SV_OBJECT ? cuv_sv_get(v, "value") : NULL;     /* Constant(array): cuv_sc_constant_weights */
    if (without_effect(name) && (cuv_sv_unknown_in(v) || v->kind > CUV_SV_DICT) && (v->kind != CUV_SV_OBJECT || (value && !cuv_sv_is_number(value)))) {
        m->layer->begins_otherwise = true;
        return CUV_OK;
    }
    if ((!own && !cuv_streq(name, "dtype") && !cuv_streq(name, "trainable")) || cuv_streq(name, "input_tensor"))
        return CUV_OK;
    return activation_value(e, m, name, v);
}

/* Convolution2D(32, 3, 3) of Keras 1: the third number is no stride. */
static cuv_status old_convolution(cuv_sc *e, making *m, const cuv_sargs *args, size_t *from)
{
    size_t sizes = cuv_ends_with(m->s->class_name, "3D") ? 3 : 2;
    cuv_sv *kernel = NULL;
    int64_t size = 0;
    if (args->count < sizes + 1)
        return CUV_OK;
    CUV_TRY(cuv_sv_make(e, CUV_SV_TUPLE, &kernel));
    for (size_t i = 1; i <= sizes; i++) {
        if (!cuv_sv_as_int(args->items[i], &size))
            return CUV_OK;
        CUV_TRY(cuv_sv_add(e, kernel, args->items[i]));
    }
    cuv_sc_keras(e, 2);
    CUV_TRY(take_argument(e, m, "filters", args->items[0]));
    CUV_TRY(take_argument(e, m, "kernel_size", kernel));
    *from = sizes + 1;
    return CUV_OK;
}

static cuv_status take_arguments(cuv_sc *e, making *m, const char *called, const cuv_sargs *args)
{
    size_t from = 0;
    if (cuv_starts_with(called, "Convolution2D") || cuv_starts_with(called, "Convolution3D"))
        CUV_TRY(old_convolution(e, m, args, &from));
    const char *order = from > 0 ? "filters kernel_size init activation weights border_mode subsample dim_ordering" : m->s->arguments;
    for (size_t i = from; i < args->count; i++) {
        const char *name = word_at(e, order, from > 0 ? i - from + 2 : i);
        if (!name && (from > 0 ? i - from + 2 : i) < word_count(order))
            return cuv_oom(e->cx);
        if (!name)
            return cuv_sc_fail(e, m->node, CUV_UNSUPPORTED, "script.argument", NULL, "%s is given %zu arguments without names, too many",
                               m->s->class_name, args->count);
        CUV_TRY(take_argument(e, m, name, args->items[i]));
    }
    for (size_t i = 0; i < args->named; i++)
        CUV_TRY(take_argument(e, m, args->names[i], args->values[i]));
    return CUV_OK;
}

/* input_dim and input_length of recurrent layers and embeddings give the shape together. */
static cuv_status join_lengths(cuv_sc *e, making *m)
{
    cuv_sv *length = cuv_sv_get(m->layer->config, "input_length"), *shape = NULL;
    if (!length)
        return CUV_OK;
    m->layer->config->count--;
    for (size_t i = 0; i <= m->layer->config->count; i++)
        if (cuv_sv_is(m->layer->config->items[i], "input_length")) {
            memmove(m->layer->config->items + i, m->layer->config->items + i + 1, (m->layer->config->count - i) * sizeof(cuv_sv *));
            memmove(m->layer->config->values + i, m->layer->config->values + i + 1, (m->layer->config->count - i) * sizeof(cuv_sv *));
            break;
        }
    bool embedding = cuv_streq(m->s->class_name, "Embedding");
    if (length->kind == CUV_SV_NONE || (!embedding && !m->layer->early))
        return CUV_OK;
    CUV_TRY(cuv_sv_make(e, CUV_SV_TUPLE, &shape));
    if (length->kind == CUV_SV_INT)
        CUV_TRY(cuv_sv_add(e, shape, length));
    else if (cuv_sv_is_seq(length))
        for (size_t i = 0; i < length->count; i++)
            CUV_TRY(cuv_sv_add(e, shape, length->items[i]));
    else
        return CUV_OK;
    if (!embedding)
        CUV_TRY(cuv_sv_add(e, shape, m->layer->early->items[0]));
    m->layer->early = shape;
    m->layer->early_batch = false;
    return CUV_OK;
}

/* Layers that a layer makes inside itself count in the automatic names, too. */
static cuv_status count_inner(cuv_sc *e, const char *class_name)
{
    const char *unused = NULL;
    if (cuv_streq(class_name, "LSTM") || cuv_streq(class_name, "GRU") || cuv_streq(class_name, "SimpleRNN"))
        return cuv_sc_auto_name(e, cuv_sc_format(e, "%sCell", class_name), &unused);
    return CUV_OK;
}

cuv_status cuv_sc_make_layer(cuv_sc *e, const char *class_name, const cuv_sargs *args, cuv_sv **out)
{
    making m = {.s = cuv_signature_of(class_name), .node = args->node};
    cuv_sv *given = NULL;
    for (size_t i = 0; i < args->named; i++)
        if (cuv_streq(args->names[i], "name") && args->values[i]->kind == CUV_SV_TEXT)
            m.name = args->values[i]->text;
    CUV_TRY(cuv_sl_new(e, CUV_SL_LAYER, m.s->class_name, m.name, &m.layer));
    m.layer->module = "keras.layers";
    CUV_TRY(take_arguments(e, &m, class_name, args));
    CUV_TRY(join_lengths(e, &m));
    CUV_TRY(count_inner(e, m.s->class_name));
    given = cuv_sv_get(m.layer->config, "layer");
    if (given && given->kind == CUV_SV_LAYER)
        m.layer->wrapped = given->layer;
    if (e->channels_first && cuv_word_in(m.s->arguments, "data_format") && !cuv_sv_get(m.layer->config, "data_format")) {
        cuv_sv *first = NULL;
        CUV_TRY(cuv_sv_word(e, "channels_first", &first));
        CUV_TRY(cuv_sv_put_word(e, m.layer->config, "data_format", first));
    }
    if (e->policy && !cuv_sv_get(m.layer->config, "dtype"))
        CUV_TRY(cuv_sv_put_word(e, m.layer->config, "dtype", e->policy));
    if (m.weights)
        CUV_TRY(cuv_sc_set_weights(e, m.layer, m.weights, args->node));
    else
        CUV_TRY(cuv_sc_constant_weights(e, m.layer, args));
    return cuv_sl_value(e, m.layer, out);
}

/* ---- inputs ---- */

cuv_status cuv_sl_input(cuv_sc *e, cuv_sv *batch_shape, const char *name, const char *dtype, cuv_sl **out)
{
    cuv_sn *call = NULL;
    cuv_sv *empty = NULL, *none = NULL, *text = NULL;
    CUV_TRY(cuv_sl_new(e, CUV_SL_INPUT, "InputLayer", name, out));
    (*out)->module = "keras.layers";
    if (batch_shape)
        CUV_TRY(cuv_sv_put_word(e, (*out)->config, "batch_shape", batch_shape));
    if (dtype) {
        CUV_TRY(cuv_sv_word(e, dtype, &text));
        CUV_TRY(cuv_sv_put_word(e, (*out)->config, "dtype", text));
    }
    CUV_TRY(cuv_sv_make(e, CUV_SV_TUPLE, &empty));
    CUV_TRY(cuv_sv_make(e, CUV_SV_DICT, &none));
    CUV_TRY(cuv_sn_new(e, *out, empty, none, 1, &call));
    cuv_st *t = call->outputs[0];
    t->dtype = dtype ? text->text : "float32";
    t->shaped = batch_shape && batch_shape->count <= CUV_MAX_RANK;
    t->rank = t->shaped ? (int)batch_shape->count : 0;
    for (int i = 0; i < t->rank; i++)
        if (!cuv_sv_as_int(batch_shape->items[i], &t->shape[i]))
            t->shape[i] = -1;
    return CUV_OK;
}

static const char *dtype_text(const cuv_sv *v)
{
    return v && v->kind == CUV_SV_TEXT ? v->text : v && v->kind == CUV_SV_NAME ? cuv_sc_last(v->text) : NULL;
}

static cuv_status unknown_size(cuv_sc *e, const cuv_sargs *args, const cuv_sv *v)
{
    return cuv_sc_fail(e, args->node, CUV_UNSUPPORTED, "script.unknown", "write the sizes out where the script makes the input",
                       "the input's shape is not known from the code: it is %s", cuv_sv_describe(e, v));
}

/* (batch, *shape) as a TUPLE of whole numbers and None. */
static cuv_status batch_shape_of(cuv_sc *e, const cuv_sargs *args, cuv_sv *shape, cuv_sv *batch, cuv_sv **out)
{
    int64_t size = 0;
    CUV_TRY(cuv_sv_make(e, CUV_SV_TUPLE, out));
    if (batch)
        CUV_TRY(cuv_sv_add(e, *out, batch));
    if (cuv_sv_as_int(shape, &size))
        return cuv_sv_add(e, *out, shape);
    if (!cuv_sv_is_seq(shape) || shape->unsure || shape->count >= CUV_MAX_RANK)
        return unknown_size(e, args, shape);
    for (size_t i = 0; i < shape->count; i++) {
        cuv_sv *item = shape->items[i];
        if (!cuv_sv_as_int(item, &size) && item->kind != CUV_SV_NONE)
            return unknown_size(e, args, item);
        if (item->kind != CUV_SV_NONE)
            CUV_TRY(cuv_sv_int(e, size, &item));
        CUV_TRY(cuv_sv_add(e, *out, item));
    }
    return CUV_OK;
}

/* Input(shape, batch_size, dtype, sparse, ragged, batch_shape, name, tensor) and InputLayer(shape, ...). */
cuv_status cuv_sc_input(cuv_sc *e, const cuv_sargs *args, bool layer, cuv_sv **out)
{
    cuv_sv *shape = cuv_sc_arg(args, 0, "shape"), *batch = cuv_sc_arg(args, 1, "batch_size"), *name = cuv_sc_arg(args, args->count, "name");
    cuv_sv *dtype = cuv_sc_arg(args, args->count, "dtype"), *whole = cuv_sc_arg(args, args->count, "batch_shape");
    cuv_sv *tensor = cuv_sc_arg(args, args->count, "tensor"), *batch_shape = NULL;
    cuv_sl *made = NULL;
    cuv_dtype unused;
    for (size_t i = 2; i < args->count; i++)
        if (args->items[i]->kind == CUV_SV_TEXT)            /* the third is the dtype in Keras 3, the name before */
            *(cuv_dtype_parse(args->items[i]->text, &unused) ? &dtype : &name) = args->items[i];
    shape = shape ? shape : cuv_sc_arg(args, 0, "input_shape");
    whole = whole ? whole : cuv_sc_arg(args, args->count, "batch_input_shape");
    if (tensor && tensor->kind == CUV_SV_TENSOR && !layer) {
        *out = tensor;
        return CUV_OK;
    }
    if (whole && whole->kind != CUV_SV_NONE)
        CUV_TRY(batch_shape_of(e, args, whole, NULL, &batch_shape));
    else if (shape && shape->kind != CUV_SV_NONE)
        CUV_TRY(batch_shape_of(e, args, shape, batch ? batch : e->none, &batch_shape));
    else
        return cuv_sc_fail(e, args->node, CUV_UNSUPPORTED, "script.input", NULL, "the input has no shape");
    CUV_TRY(cuv_sl_input(e, batch_shape, name && name->kind == CUV_SV_TEXT ? name->text : NULL, dtype_text(dtype), &made));
    return layer ? cuv_sl_value(e, made, out) : cuv_sl_tensor_value(e, made->calls[0]->outputs[0], out);
}
