/* Constructors of layers: only what is not the default, in the order of the signature. */
#include "emit/python.h"
#include "evidence/script.h"

/* ---- names that Keras gives */

static size_t *counter(python_writer *w, const char *word)
{
    size_t *count = cuv_map_get(w->counters, word);
    if (count || w->status != CUV_OK)
        return count;
    count = CUV_NEW(w->arena, size_t);
    if (!count || cuv_map_set(w->counters, word, count) != CUV_OK)
        w->status = cuv_oom(w->cx);
    return count;
}

const char *python_automatic(python_writer *w, const char *class_name)
{
    const char *word = cuv_snake_case(w->arena, class_name);
    size_t *count = word ? counter(w, word) : NULL;
    if (!word || !count)
        return "";
    const size_t n = (*count)++;
    return n ? python_format(w, "%s_%zu", word, n) : word;
}

const char *python_name(python_writer *w, const char *class_name, const char *name)
{
    const char *word = cuv_snake_case(w->arena, class_name);
    size_t *count = word ? counter(w, word) : NULL;
    if (!count || !name)
        return "";
    const char *given = *count ? python_format(w, "%s_%zu", word, *count) : word;
    const bool vague = w->heads && cuv_streq(class_name, "Dropout");
    if (cuv_streq(given, name) && !vague) {
        ++*count;
        return "";
    }
    return python_format(w, "name=%s", python_string(w, name, strlen(name)));
}

/* Layers that make others inside, which use up automatic names. Whether an attention makes a Dropout where it drops nothing depends on the release. */
static void count_inside(python_writer *w, const char *class_name)
{
    static const char *const cells[] = {"LSTM", "GRU", "SimpleRNN", "ConvLSTM1D", "ConvLSTM2D", "ConvLSTM3D", NULL};
    for (size_t i = 0; cells[i]; i++)
        if (cuv_streq(class_name, cells[i]))
            python_automatic(w, python_format(w, "%sCell", class_name));
    if (!cuv_streq(class_name, "MultiHeadAttention") && !cuv_streq(class_name, "GroupQueryAttention"))
        return;
    python_automatic(w, "Softmax");
    w->heads = true;
}

/* ---- values of parameters */

/* Numbers that all sizes have in common, as people write them. */
static const cuv_value *one_for_all(const cuv_value *v)
{
    for (size_t i = 1; cuv_is_seq(v) && i < v->size; i++)
        if (!cuv_value_equal(v->items[0], v->items[i]))
            return v;
    return cuv_is_seq(v) && v->size ? v->items[0] : v;
}

/* What initialisers take when nothing is said. */
static bool usual_option(const char *class_name, const char *key, const cuv_value *v)
{
    static const struct { const char *class_name, *key, *value; } usual[] = {
        {"RandomNormal", "mean", "0.0"}, {"RandomNormal", "stddev", "0.05"}, {"TruncatedNormal", "mean", "0.0"},
        {"TruncatedNormal", "stddev", "0.05"}, {"RandomUniform", "minval", "-0.05"}, {"RandomUniform", "maxval", "0.05"},
        {"VarianceScaling", "scale", "1.0"}, {"Orthogonal", "gain", "1.0"}, {"Identity", "gain", "1.0"}, {"Constant", "value", "0.0"},
    };
    double number;
    const char *text = cuv_text(v);
    if (cuv_is_null(v))
        return true;
    if (cuv_streq(class_name, "VarianceScaling") && text)
        return (!strcmp(key, "mode") && !strcmp(text, "fan_in")) || (!strcmp(key, "distribution") && !strcmp(text, "truncated_normal"));
    for (size_t i = 0; cuv_as_real(v, &number) && i < sizeof usual / sizeof *usual; i++) {
        double value;
        if (cuv_streq(class_name, usual[i].class_name) && cuv_streq(key, usual[i].key) &&
            cuv_parse_double(usual[i].value, strlen(usual[i].value), &value) && value == number)
            return true;
    }
    return false;
}

/* "he_normal" for an initialiser that is as it comes; NULL for others. */
static const char *initializer_word(python_writer *w, const cuv_value *v)
{
    const char *class_name = cuv_get_text(v, "class_name");
    const cuv_value *config = cuv_get(v, "config");
    if (cuv_text(v))
        return cuv_text(v);
    if (!class_name || !cuv_streq(cuv_get_text(v, "module"), "keras.initializers"))
        return NULL;
    for (size_t i = 0; config && config->kind == CUV_DICT && i < config->size; i++)
        if (!usual_option(class_name, cuv_text(config->pairs[i].key), config->pairs[i].value))
            return NULL;
    return cuv_snake_case(w->arena, class_name);
}

/* The name of an activation that is a function of Keras; NULL: a layer, or none. */
static const char *activation_word(const cuv_value *v)
{
    const char *word = cuv_text(v);
    if (!word && cuv_streq(cuv_get_text(v, "class_name"), "function"))
        word = cuv_get_text(v, "config");
    return word;
}

static bool equals_text(const cuv_value *v, const char *text)
{
    return cuv_text(v) && text && !strcmp(cuv_text(v), text);
}

/* Values that Keras fills in where None was given. */
static bool filled_in(const char *name, const cuv_value *v, const cuv_value *config)
{
    if (!strcmp(name, "data_format"))
        return equals_text(v, "channels_last");
    if (!strcmp(name, "strides"))
        return cuv_get(config, "pool_size") && cuv_value_equal(one_for_all(v), one_for_all(cuv_get(config, "pool_size")));
    return !strcmp(name, "value_dim") && cuv_get(config, "key_dim") && cuv_value_equal(v, cuv_get(config, "key_dim"));
}

static bool is_usual(python_writer *w, const cuv_param *row, const cuv_value *v, const cuv_value *config)
{
    const cuv_value *usual = row->fallback ? cuv_layer_literal(w->arena, row->fallback) : NULL;
    const char *word;
    if (!usual)
        return false;
    if (cuv_is_null(usual) && (cuv_is_null(v) || filled_in(row->name, v, config)))
        return true;
    if (row->type == CUV_P_ACTIVATION) {
        word = activation_word(v);
        return cuv_is_null(usual) ? cuv_streq(word, "linear") : cuv_streq(word, cuv_text(usual));
    }
    if (row->type == CUV_P_INITIALIZER) {
        word = initializer_word(w, v);
        return cuv_text(usual) && word && cuv_streq(word, cuv_text(usual));
    }
    return cuv_value_equal(one_for_all(v), one_for_all(usual)) && cuv_is_null(v) == cuv_is_null(usual);
}

static const char *argument(python_writer *w, const cuv_param *row, const cuv_value *v)
{
    const char *word = NULL;
    if (row->type == CUV_P_ACTIVATION)
        word = activation_word(v);
    else if (row->type == CUV_P_INITIALIZER)
        word = initializer_word(w, v);
    if (word)
        return python_string(w, word, strlen(word));
    if (row->type == CUV_P_SIZES)
        v = one_for_all(v);
    if ((row->type == CUV_P_SIZES || row->type == CUV_P_SHAPE) && cuv_is_seq(v)) {
        cuv_value tuple = *v;
        tuple.kind = CUV_TUPLE;
        return python_value(w, &tuple);
    }
    return python_value(w, v);
}

/* ---- layers */

/* dtype="mixed_float16"; nothing for float32. */
static const char *policy(python_writer *w, const cuv_value *v)
{
    const char *name = cuv_text(v);
    if (cuv_streq(cuv_get_text(v, "class_name"), "DTypePolicy"))
        name = cuv_get_text(cuv_get(v, "config"), "name");
    if (cuv_is_null(v) || cuv_streq(name, "float32"))
        return "";
    return python_format(w, "dtype=%s", name ? python_string(w, name, strlen(name)) : python_value(w, v));
}

/* Equal, whatever number Keras gave the objects. */
static bool same_object(const cuv_value *a, const cuv_value *b)
{
    if (cuv_get(a, "class_name") && cuv_get(b, "class_name"))
        return cuv_value_equal(cuv_get(a, "class_name"), cuv_get(b, "class_name")) &&
               cuv_value_equal(cuv_get(a, "config"), cuv_get(b, "config"));
    return cuv_value_equal(a, b);
}

/* The backward layer that Bidirectional makes itself: the forward one turned round. */
static bool is_mirror(const cuv_value *forward, const cuv_value *backward)
{
    const cuv_value *a = cuv_get(forward, "config"), *b = cuv_get(backward, "config");
    if (!cuv_value_equal(cuv_get(forward, "class_name"), cuv_get(backward, "class_name")) || !a || !b)
        return false;
    for (int side = 0; side < 2; side++) {      /* what one of them does not say is the default of the other's */
        const cuv_value *of = side ? a : b, *other = side ? b : a;
        for (size_t i = 0; i < of->size; i++) {
            const char *key = cuv_text(of->pairs[i].key);
            if (cuv_streq(key, "name") || cuv_streq(key, "go_backwards") || cuv_streq(key, "zero_output_for_mask"))
                continue;
            if (!key || !same_object(cuv_get(other, key), of->pairs[i].value))
                return false;
        }
    }
    return !cuv_get_bool(a, "go_backwards", false) && cuv_get_bool(b, "go_backwards", false);
}

static bool is_skipped(const char *class_name, const char *key, const cuv_value *config)
{
    static const char *const skipped[] = {"name", "trainable", "dtype", "build_config", NULL};
    for (size_t i = 0; skipped[i]; i++)
        if (cuv_streq(key, skipped[i]))
            return true;
    return cuv_streq(class_name, "Bidirectional") && cuv_streq(key, "backward_layer") &&
           is_mirror(cuv_get(config, "layer"), cuv_get(config, key));
}

/* Bidirectional puts a prefix before the name of the layer that it is given. */
static const char *given_name(const cuv_value *config)
{
    const char *name = cuv_get_text(config, "name");
    return name && cuv_starts_with(name, "forward_") ? name + strlen("forward_") : name;
}

/* Bidirectional sets this itself in the layers that it is given. */
static bool set_by_wrapper(const char *key, const cuv_value *v, const cuv_value *config)
{
    const char *name = cuv_get_text(config, "name");
    return !strcmp(key, "zero_output_for_mask") && v->kind == CUV_TRUTH && v->truth && name &&
           (cuv_starts_with(name, "forward_") || cuv_starts_with(name, "backward_"));
}

/* True for what the constructor takes. Recurrent layers take this one among their **kwargs. */
static bool is_taken(const char *class_name, const char *key)
{
    return !strcmp(key, "zero_output_for_mask") || cuv_signature_takes(cuv_signature_of(class_name), key);
}

/* Arguments of the rows: leading required ones by position. */
static const char *row_arguments(python_writer *w, const cuv_layer_def *def, const cuv_value *config, cuv_map *done)
{
    const char *args = "";
    bool leading = true;
    for (const cuv_param *row = def->params; row && row->name && w->status == CUV_OK; row++) {
        const cuv_value *v = cuv_get(config, row->name);
        w->status = cuv_map_set(done, row->name, done);
        leading &= !row->fallback && v;
        if (!v || !is_taken(def->name, row->name) || is_skipped(def->name, row->name, config) || is_usual(w, row, v, config) || set_by_wrapper(row->name, v, config))
            continue;
        const char *text = argument(w, row, v);
        args = python_join(w, args, leading ? text : python_format(w, "%s=%s", row->name, text));
    }
    return args;
}

/* What the configuration has beyond the rows, as far as the constructor takes it (the rest is about how the layer was built). */
static const char *other_arguments(python_writer *w, const char *class_name, const cuv_value *config, const cuv_map *done)
{
    const char *args = "";
    for (size_t i = 0; config && config->kind == CUV_DICT && i < config->size; i++) {
        const char *key = cuv_text(config->pairs[i].key);
        const cuv_value *v = config->pairs[i].value;
        if (!key || cuv_map_get(done, key) || cuv_is_null(v) || is_skipped(class_name, key, config) ||
            !is_taken(class_name, key))
            continue;
        args = python_join(w, args, python_format(w, "%s=%s", key, python_value(w, v)));
    }
    return args;
}

static const char *input(python_writer *w, const cuv_value *config)
{
    const cuv_value *batch = cuv_get(config, "batch_shape");
    const char *args = "", *dtype = cuv_get_text(config, "dtype");
    cuv_value shape = {.kind = CUV_TUPLE};
    if (cuv_is_seq(batch) && batch->size) {
        const bool open = cuv_is_null(batch->items[0]);
        shape.items = batch->items + open;
        shape.size = batch->size - open;
        args = python_format(w, "%s=%s", open ? "shape" : "batch_shape", python_value(w, &shape));
    }
    if (dtype && strcmp(dtype, "float32") != 0)
        args = python_join(w, args, python_format(w, "dtype=%s", python_string(w, dtype, strlen(dtype))));
    if (cuv_get_bool(config, "sparse", false))
        args = python_join(w, args, "sparse=True");
    if (cuv_get_bool(config, "optional", false))
        args = python_join(w, args, "optional=True");
    return python_format(w, "keras.Input(%s)", python_join(w, args, python_name(w, "InputLayer", cuv_get_text(config, "name"))));
}

const char *python_layer(python_writer *w, const cuv_value *record)
{
    const char *class_name = cuv_get_text(record, "class_name"), *module = cuv_get_text(record, "module");
    const cuv_value *config = cuv_get(record, "config");
    const cuv_layer_def *own = cuv_layer_of_applications(record), *def = own ? own : class_name ? cuv_layer_find(class_name) : NULL;
    cuv_map *done = cuv_map_new(w->arena);
    if (python_is_model(record))
        return python_model(w, record);
    if (cuv_streq(class_name, "InputLayer"))
        return input(w, config);
    if (!def || (!own && !cuv_streq(module, "keras.layers"))) {
        python_refuse(w, cuv_get_text(config, "name"), class_name ? class_name : "a layer without class");
        return "";
    }
    if (!done) {
        w->status = cuv_oom(w->cx);
        return "";
    }
    w->uses_layers = w->uses_layers || !own;
    const char *args = row_arguments(w, def, config, done);
    args = python_join(w, args, other_arguments(w, class_name, config, done));
    args = python_join(w, args, policy(w, cuv_get(config, "dtype")));
    if (!cuv_get_bool(config, "trainable", true))
        args = python_join(w, args, "trainable=False");
    args = python_join(w, args, python_name(w, class_name, given_name(config)));
    count_inside(w, class_name);
    return python_format(w, "%s.%s(%s)", own ? own->module : "layers", def->name, args);
}
