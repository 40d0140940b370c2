/* Reads a layer's configuration by its parameter rows: renames what older Kerases called otherwise, fills in defaults, checks
 * types and ranges. Says nothing about how arguments fit together; that is each descriptor's `check`. */
#include "layers/support.h"

#include <assert.h>
#include <ctype.h>

/* Names that Keras 1 used on many layers. A name counts only where the layer has the row. */
static const struct { const char *old, *now; } renamed[] = {
    {"output_dim", "units"}, {"nb_filter", "filters"}, {"filter_length", "kernel_size"}, {"pool_length", "pool_size"},
    {"stride", "strides"}, {"subsample", "strides"}, {"subsample_length", "strides"}, {"border_mode", "padding"},
    {"dim_ordering", "data_format"}, {"atrous_rate", "dilation_rate"}, {"bias", "use_bias"}, {"p", "rate"},
    {"sigma", "stddev"}, {"inner_activation", "recurrent_activation"}, {"concat_axis", "axis"}, {"length", "size"},
    {"dropout_W", "dropout"}, {"dropout_U", "recurrent_dropout"}};

/* Arguments that any layer may carry and that say nothing about inference. */
static const char inert_names[] =
    "name trainable dtype input_dtype batch_input_shape batch_shape batch_size input_shape input_dim input_length "
    "activity_regularizer build_config cache_enable ragged sparse custom_name autocast dynamic implementation unit_forget_bias "
    "lora_rank lora_alpha quantization_config gptq_unpacked_column_size init inner_init forget_bias_init weights consume_less "
    "input_spec supports_masking noise_shape seed experimental_run_tf_function use_cudnn "
    "synchronized fused virtual_batch_size adjustment flash_attention nb_row nb_col kernel_dim1 kernel_dim2 kernel_dim3 "
    "rng_type softmax_robust_masking vocabulary_size function_type module output_shape_type output_shape_module _input_shape states stateful unroll";

/* Accepted with this value only, where the layer has no such row. */
static const struct { const char *name, *value; } neutral[] = {
    {"groups", "1"}, {"time_major", "False"}, {"mode", "0"}, {"mode", "2"}, {"zero_output_for_mask", "False"},
    {"dilation_rate", "1"}, {"dilation_rate", "(1, 1)"}, {"dilation_rate", "(1, 1, 1)"}, {"keepdims", "False"},
    {"data_format", "None"}, {"data_format", "'channels_last'"}, {"dropout", "0"}, {"depth_multiplier", "None"},
    {"depth_multiplier", "1"}, {"return_runtime", "False"}, {"use_gate", "False"}, {"sliding_window", "None"},
    {"antialias", "False"}, {"pad_to_aspect_ratio", "False"}};

static const cuv_param *find_row(const cuv_layer *layer, const char *name, size_t *index)
{
    const cuv_param *rows = layer->def->params;
    for (size_t i = 0; rows && rows[i].name; i++)
        if (strcmp(rows[i].name, name) == 0) {
            *index = i;
            return &rows[i];
        }
    return NULL;
}

static cuv_value *arg_of(const cuv_layer *layer, const char *name)
{
    size_t i = 0;
    const cuv_param *row = find_row(layer, name, &i);
    assert(row && "a layer reads an argument that it has no row for");
    return row ? layer->args[i] : NULL;
}

/* ---- values ----------------------------------------------------------------------------------------------------- */

static cuv_status plain(cuv_arena *arena, cuv_value *value, unsigned depth, cuv_value **out)
{
    cuv_context *cx = cuv_arena_context(arena);
    const char *class_name = cuv_get_text(value, "class_name");
    *out = value;
    if (depth > cuv_context_limits(cx)->depth || !class_name || class_name[0] != '_')
        return CUV_OK;
    cuv_value *config = cuv_get(value, "config");
    if (strcmp(class_name, "__numpy__") == 0 || strcmp(class_name, "__tensor__") == 0) {
        *out = cuv_get(config, "value") ? cuv_get(config, "value") : value;
        return CUV_OK;
    }
    if (strcmp(class_name, "__tuple__") != 0)
        return CUV_OK;
    const cuv_value *items = cuv_get(value, "items");
    cuv_value *tuple = cuv_value_tuple(arena);
    if (!tuple)
        return cuv_oom(cx);
    for (size_t i = 0; i < cuv_len(items); i++) {
        cuv_value *item;
        CUV_TRY(plain(arena, cuv_item(items, i), depth + 1, &item));
        CUV_TRY(cuv_list_add(arena, tuple, item));
    }
    *out = tuple;
    return CUV_OK;
}

cuv_status cuv_plain_value(cuv_arena *arena, cuv_value *value, cuv_value **out)
{
    *out = value;
    if (!value || value->kind != CUV_DICT)
        return CUV_OK;
    return plain(arena, value, 0, out);
}

/* ---- ranges ------------------------------------------------------------------------------------------------------ */

static bool in_range(double v, const char *allowed)
{
    double bound;
    if (!allowed || allowed[0] != '>')
        return true;
    bool equal = allowed[1] == '=';
    const char *text = allowed + 1 + equal;
    if (!cuv_parse_double(text, strlen(text), &bound))
        return true;
    return equal ? v >= bound : v > bound;
}

static bool int_fits(const cuv_value *v, const char *allowed)
{
    int64_t n;
    return cuv_as_int(v, &n) && n > INT32_MIN && n < INT32_MAX && in_range((double)n, allowed);
}

static bool ints_fit(const cuv_value *v, const char *allowed, size_t count)
{
    if (!cuv_is_seq(v) || (count ? cuv_len(v) != count : cuv_len(v) > CUV_MAX_RANK))
        return false;
    for (size_t i = 0; i < cuv_len(v); i++)
        if (!int_fits(cuv_item(v, i), allowed))
            return false;
    return true;
}

static bool shape_fits(const cuv_value *v)
{
    if (!cuv_is_seq(v) || cuv_len(v) > CUV_MAX_RANK)
        return false;
    for (size_t i = 0; i < cuv_len(v); i++)
        if (!cuv_is_null(cuv_item(v, i)) && !int_fits(cuv_item(v, i), ">=-1"))
            return false;
    return true;
}

/* Words are compared in lower case, as Keras does for padding and data_format. */
static bool word_fits(cuv_arena *arena, cuv_value **value, const char *allowed)
{
    const char *text = cuv_text(*value);
    char lower[64];
    size_t n = 0;
    if (!text)
        return false;
    if (!allowed || cuv_has_word(allowed, text))
        return true;
    for (; text[n] && n + 1 < sizeof lower; n++)
        lower[n] = (char)tolower((unsigned char)text[n]);
    lower[n] = 0;
    if (text[n] || !cuv_has_word(allowed, lower))
        return false;
    cuv_value *copy = cuv_value_text(arena, lower);
    if (copy)
        *value = copy;
    return copy != NULL;
}

static bool layer_record(const cuv_value *v)
{
    return cuv_get_text(v, "class_name") != NULL;
}

static bool layer_records(const cuv_value *v)
{
    if (!cuv_is_seq(v))
        return false;
    for (size_t i = 0; i < cuv_len(v); i++)
        if (!layer_record(cuv_item(v, i)))
            return false;
    return true;
}

static bool fits(const cuv_layer *layer, const cuv_param *row, cuv_value **value)
{
    cuv_value *v = *value;
    bool truth;
    double real;
    if (row->inert || row->type == CUV_P_ANY || (cuv_is_null(v) && row->fallback && strcmp(row->fallback, "None") == 0))
        return true;
    switch (row->type) {
    case CUV_P_INT: return int_fits(v, row->allowed);
    case CUV_P_FLOAT: return cuv_as_real(v, &real) && in_range(real, row->allowed);
    case CUV_P_BOOL: return cuv_is_null(v) || cuv_as_bool(v, &truth);        /* TensorFlow.js writes null for False */
    case CUV_P_STRING: return word_fits(layer->arena, value, row->allowed);
    case CUV_P_SIZES: return int_fits(v, row->allowed) || ints_fit(v, row->allowed, (size_t)layer->def->spatial);
    case CUV_P_INTS: return int_fits(v, row->allowed) || ints_fit(v, row->allowed, 0);
    case CUV_P_SHAPE: return shape_fits(v);
    case CUV_P_ACTIVATION: return cuv_is_null(v) || cuv_text(v) || (v && v->kind == CUV_DICT);
    case CUV_P_LAYER: return layer_record(v);
    case CUV_P_LAYERS: return layer_records(v);
    case CUV_P_DTYPE: case CUV_P_ANY: case CUV_P_INITIALIZER: case CUV_P_REGULARIZER: case CUV_P_CONSTRAINT: return true;
    }
    return true;
}

static const char *expected_text(cuv_context *cx, const cuv_layer *layer, const cuv_param *row)
{
    int n = layer->def->spatial;
    const char *range = row->allowed && row->type != CUV_P_STRING ? row->allowed : "";
    switch (row->type) {
    case CUV_P_INT: return cuv_format(cx, "an integer %s", range);
    case CUV_P_FLOAT: return cuv_format(cx, "a number %s", range);
    case CUV_P_BOOL: return "True or False";
    case CUV_P_STRING: return row->allowed ? cuv_format(cx, "one of: %s", row->allowed) : "a text";
    case CUV_P_SIZES: return cuv_format(cx, "an integer %s or a tuple of %d", range, n);
    case CUV_P_INTS: return "an integer or a list of integers";
    case CUV_P_SHAPE: return "a tuple of integers and None";
    case CUV_P_ACTIVATION: return "the name of an activation";
    case CUV_P_LAYER: return "a layer: {\"class_name\": ..., \"config\": ...}";
    case CUV_P_LAYERS: return "a list of layers";
    case CUV_P_DTYPE: case CUV_P_ANY: case CUV_P_INITIALIZER: case CUV_P_REGULARIZER: case CUV_P_CONSTRAINT: break;
    }
    return "a value";
}

cuv_status cuv_bad_arg(const cuv_layer *layer, const char *name, const char *expected)
{
    cuv_context *cx = cuv_arena_context(layer->arena);
    const char *found = cuv_value_repr(cx, arg_of(layer, name));
    return cuv_fail(cx, CUV_DAMAGED, "config.value", &(cuv_detail){.layer = layer->name, .expected = expected, .found = found},
                    "layer '%s' (%s): argument '%s' must be %s, and is %s", layer->name, layer->class_name, name, expected, found);
}

/* ---- reading ------------------------------------------------------------------------------------------------------- */

static cuv_value *from_config(const cuv_layer *layer, const cuv_param *row)
{
    cuv_value *v = cuv_get(layer->config, row->name);
    for (const char *at = row->old; !v && at && *at;) {
        char name[48];
        size_t n = strcspn(at, " ");
        snprintf(name, sizeof name, "%.*s", (int)n, at);
        v = cuv_get(layer->config, name);
        at += n;
        while (*at == ' ')
            at++;
    }
    for (size_t i = 0; !v && i < sizeof renamed / sizeof *renamed; i++)
        if (strcmp(renamed[i].now, row->name) == 0)
            v = cuv_get(layer->config, renamed[i].old);
    return v;
}

/* Keras 1 wrote a kernel's sizes one by one: nb_row, nb_col or kernel_dim1, 2, 3. */
static cuv_status kernel_of_parts(const cuv_layer *layer, cuv_value **out)
{
    static const char *const parts[2][3] = {{"nb_row", "nb_col", NULL}, {"kernel_dim1", "kernel_dim2", "kernel_dim3"}};
    for (size_t p = 0; p < 2; p++) {
        if (!cuv_get(layer->config, parts[p][0]))
            continue;
        cuv_value *tuple = cuv_value_tuple(layer->arena);
        if (!tuple)
            return cuv_oom(cuv_arena_context(layer->arena));
        for (size_t i = 0; i < 3 && parts[p][i]; i++) {
            cuv_value *part = cuv_get(layer->config, parts[p][i]);
            if (part)
                CUV_TRY(cuv_list_add(layer->arena, tuple, part));
        }
        *out = tuple;
        return CUV_OK;
    }
    return CUV_OK;
}

static const char *default_of(const cuv_layer *layer, const cuv_param *row)
{
    bool first = layer->keras == 1 || (layer->keras == 2 && (layer->tf1 || layer->theano));
    if (first && row->fallback1)
        return row->fallback1;
    if (layer->keras > 0 && layer->keras <= 2 && row->fallback2)
        return row->fallback2;
    return row->fallback;
}

static cuv_status missing_arg(const cuv_layer *layer, const cuv_param *row)
{
    cuv_context *cx = cuv_arena_context(layer->arena);
    return cuv_fail(cx, CUV_DAMAGED, "config.missing",
                    &(cuv_detail){.layer = layer->name, .expected = expected_text(cx, layer, row), .found = "nothing"},
                    "layer '%s' (%s): the argument '%s' is required and absent", layer->name, layer->class_name, row->name);
}

static cuv_status read_row(cuv_layer *layer, size_t i)
{
    const cuv_param *row = &layer->def->params[i];
    cuv_context *cx = cuv_arena_context(layer->arena);
    cuv_value *v = from_config(layer, row);
    if (!v && strcmp(row->name, "kernel_size") == 0)
        CUV_TRY(kernel_of_parts(layer, &v));
    if (!v) {
        const char *text = default_of(layer, row);
        if (!text)
            return missing_arg(layer, row);
        layer->args[i] = cuv_layer_literal(layer->arena, text);
        return layer->args[i] ? CUV_OK : cuv_oom(cx);
    }
    CUV_TRY(cuv_plain_value(layer->arena, v, &v));
    bool ok = fits(layer, row, &v);
    layer->args[i] = v;
    return ok ? CUV_OK : cuv_bad_arg(layer, row->name, expected_text(cx, layer, row));
}

/* ---- arguments that no row has ---------------------------------------------------------------------------------------- */

static bool is_neutral(const cuv_layer *layer, const char *name, const cuv_value *v)
{
    for (size_t i = 0; i < sizeof neutral / sizeof *neutral; i++) {
        if (strcmp(neutral[i].name, name) != 0)
            continue;
        const cuv_value *one = cuv_layer_literal(layer->arena, neutral[i].value);
        const cuv_value *first = cuv_is_seq(v) && cuv_len(v) == 1 ? cuv_item(v, 0) : v;
        if (one && (cuv_value_equal(one, v) || cuv_value_equal(one, first)))
            return true;
    }
    return false;
}

static bool is_known(const cuv_layer *layer, const char *name, const cuv_value *v)
{
    size_t i;
    if (find_row(layer, name, &i) || cuv_has_word(inert_names, name) || is_neutral(layer, name, v))
        return true;
    if (cuv_streq(name, "time_major") && cuv_has_word("LSTM GRU SimpleRNN", layer->def->name))       /* read by cuv_rnn_steps_first */
        return true;
    if (cuv_ends_with(name, "_initializer") || cuv_ends_with(name, "_regularizer") || cuv_ends_with(name, "_constraint") ||
        cuv_ends_with(name, "_init"))
        return true;
    for (size_t k = 0; layer->def->params && layer->def->params[k].name; k++)
        if (cuv_has_word(layer->def->params[k].old, name))
            return true;
    for (size_t k = 0; k < sizeof renamed / sizeof *renamed; k++)
        if (strcmp(renamed[k].old, name) == 0 && find_row(layer, renamed[k].now, &i))
            return true;
    return false;
}

static cuv_status unknown_arg(const cuv_layer *layer, const char *name, const cuv_value *v)
{
    cuv_context *cx = cuv_arena_context(layer->arena);
    const char *names[64];
    size_t count = 0;
    for (; layer->def->params && layer->def->params[count].name && count < 64; count++)
        names[count] = layer->def->params[count].name;
    const char *near = cuv_nearest_word(name, names, count);
    return cuv_fail(cx, CUV_UNSUPPORTED, "config.argument",
                    &(cuv_detail){.layer = layer->name, .found = cuv_format(cx, "%s=%s", name, cuv_value_repr(cx, v)),
                                  .help = near ? cuv_format(cx, "did you mean '%s'?", near) : NULL},
                    "layer '%s' (%s): the argument '%s' is not known", layer->name, layer->class_name, name);
}

cuv_status cuv_read_args(cuv_layer *layer)
{
    size_t count = 0;
    while (layer->def->params && layer->def->params[count].name)
        count++;
    layer->args = CUV_NEW_ARRAY(layer->arena, cuv_value *, count + 1);
    if (!layer->args)
        return cuv_oom(cuv_arena_context(layer->arena));
    const cuv_value *config = layer->config;
    for (size_t i = 0; config && config->kind == CUV_DICT && i < config->size; i++) {
        const char *name = cuv_text(config->pairs[i].key);
        if (name && !is_known(layer, name, config->pairs[i].value))
            return unknown_arg(layer, name, config->pairs[i].value);
    }
    for (size_t i = 0; i < count; i++)
        CUV_TRY(read_row(layer, i));
    return CUV_OK;
}

/* ---- arguments by name ------------------------------------------------------------------------------------------------ */

const cuv_value *cuv_arg(const cuv_layer *layer, const char *name)
{
    return arg_of(layer, name);
}

void cuv_arg_set(cuv_layer *layer, const char *name, cuv_value *value)
{
    size_t i = 0;
    if (find_row(layer, name, &i))
        layer->args[i] = value;
}

int64_t cuv_arg_int(const cuv_layer *layer, const char *name)
{
    int64_t n = 0;
    return cuv_as_int(arg_of(layer, name), &n) ? n : 0;
}

double cuv_arg_real(const cuv_layer *layer, const char *name)
{
    double v = 0;
    return cuv_as_real(arg_of(layer, name), &v) ? v : 0;
}

bool cuv_arg_bool(const cuv_layer *layer, const char *name)
{
    bool v = false;
    return cuv_as_bool(arg_of(layer, name), &v) && v;
}

const char *cuv_arg_text(const cuv_layer *layer, const char *name)
{
    return cuv_text(arg_of(layer, name));
}

bool cuv_arg_is(const cuv_layer *layer, const char *name, const char *text)
{
    return cuv_streq(cuv_arg_text(layer, name), text);
}

bool cuv_arg_none(const cuv_layer *layer, const char *name)
{
    return cuv_is_null(arg_of(layer, name));
}

void cuv_arg_sizes(const cuv_layer *layer, const char *name, int64_t *sizes)
{
    const cuv_value *v = arg_of(layer, name);
    for (int i = 0; i < layer->def->spatial; i++) {
        sizes[i] = 0;
        cuv_as_int(cuv_is_seq(v) ? cuv_item(v, (size_t)i) : v, &sizes[i]);
    }
}

int cuv_arg_ints(const cuv_layer *layer, const char *name, int64_t *values)
{
    const cuv_value *v = arg_of(layer, name);
    int count = 0;
    if (!cuv_is_seq(v))
        return cuv_as_int(v, &values[0]) ? 1 : 0;
    for (size_t i = 0; i < cuv_len(v) && count < CUV_MAX_RANK; i++)
        if (cuv_as_int(cuv_item(v, i), &values[count]))
            count++;
    return count;
}
