/* A layer's configuration as Keras 3 writes it, from its parameters. */
#include "emit/config.h"
#include "layers/support.h"

typedef cuv_config_writer writer;

cuv_status cuv_config_text(writer *w, cuv_value *dict, const char *key, const char *text)
{
    return cuv_dict_set(w->arena, dict, key, text ? cuv_value_text(w->arena, text) : cuv_value_null(w->arena));
}

cuv_status cuv_config_object(writer *w, const char *module, const char *class_name, const char *registered, cuv_value **config,
                             cuv_value **out)
{
    cuv_value *o = cuv_value_dict(w->arena);
    if (!*config)
        *config = cuv_value_dict(w->arena);
    if (!o || !*config)
        return cuv_oom(w->cx);
    CUV_TRY(cuv_config_text(w, o, "module", module));
    CUV_TRY(cuv_config_text(w, o, "class_name", class_name));
    CUV_TRY(cuv_dict_set(w->arena, o, "config", *config));
    CUV_TRY(cuv_config_text(w, o, "registered_name", registered));
    *out = o;
    return CUV_OK;
}

/* ---- parameters */

static cuv_status policy_value(writer *w, const cuv_layer *layer, cuv_value **out)
{
    cuv_value *config = NULL;
    const cuv_value *said = cuv_get(layer->config, "dtype");
    const char *class_name = cuv_get_text(said, "class_name");
    if (layer->keras >= 3 && class_name && !cuv_streq(class_name, "DTypePolicy")) {     /* few bits, or a map of policies */
        *out = (cuv_value *)(uintptr_t)said;
        return CUV_OK;
    }
    CUV_TRY(cuv_config_object(w, "keras", "DTypePolicy", NULL, &config, out));
    return cuv_config_text(w, config, "name", layer->policy ? layer->policy : cuv_dtype_name(layer->variable));
}

static cuv_status activation_value(writer *w, const cuv_layer *layer, const char *param, cuv_value *given, cuv_value **out)
{
    const char *name = cuv_text(given);
    const char *class_name = cuv_get_text(given, "class_name");
    if (cuv_streq(class_name, "function"))
        name = cuv_get_text(given, "config");
    else if (class_name && cuv_text(cuv_get(given, "config")))
        name = cuv_get_text(given, "config");
    if (name) {
        if (layer->keras <= 2 && !strcmp(name, "hard_sigmoid"))
            return cuv_keras3_hard_sigmoid(w, layer, param, out);
        *out = cuv_value_text(w->arena, cuv_streq(name, "swish") ? "silu" : name);
        return *out ? CUV_OK : cuv_oom(w->cx);
    }
    if (class_name && !cuv_get(given, "module")) {
        cuv_value *config = cuv_get(given, "config");
        return cuv_config_object(w, "keras.layers", class_name, NULL, &config, out);
    }
    *out = given;
    return CUV_OK;
}

/* Initialisers, regularisers and constraints as objects of Keras 3; those it does not know give way to the default. */
static cuv_status object_value(writer *w, const cuv_param *row, cuv_value *given, cuv_value **out)
{
    static const char *const known[] = {"GlorotUniform", "GlorotNormal", "HeUniform", "HeNormal", "LecunUniform",
        "LecunNormal", "Zeros", "Ones", "Constant", "RandomNormal", "RandomUniform", "TruncatedNormal", "VarianceScaling",
        "Orthogonal", "Identity", "L1", "L2", "L1L2", "MaxNorm", "MinMaxNorm", "NonNeg", "UnitNorm", NULL};
    static const char *const dropped[] = {"dtype", "partition_info", NULL};
    const char *module = row->type == CUV_P_INITIALIZER ? "keras.initializers"
                       : row->type == CUV_P_REGULARIZER ? "keras.regularizers" : "keras.constraints";
    const char *class_name = cuv_get_text(given, "class_name");
    *out = given;
    if (cuv_is_null(given) || cuv_get(given, "module"))
        return CUV_OK;
    for (size_t i = 0; class_name && known[i]; i++) {
        if (strcmp(class_name, known[i]) != 0)
            continue;
        cuv_value *config = cuv_value_dict(w->arena), *old = cuv_get(given, "config");
        if (!config)
            return cuv_oom(w->cx);
        for (size_t k = 0; old && old->kind == CUV_DICT && k < old->size; k++) {
            const char *key = cuv_text(old->pairs[k].key);
            bool drop = !key;
            for (size_t d = 0; dropped[d]; d++)
                drop |= cuv_streq(key, dropped[d]);
            cuv_value *value = old->pairs[k].value;
            if (cuv_streq(key, "distribution") && cuv_streq(cuv_text(value), "normal"))
                value = cuv_value_text(w->arena, "truncated_normal");
            if (!drop)
                CUV_TRY(cuv_dict_set(w->arena, config, key, value));
        }
        return cuv_config_object(w, module, class_name, NULL, &config, out);
    }
    if (!cuv_text(given) || row->type != CUV_P_INITIALIZER || strchr(cuv_text(given), '.'))
        *out = row->type == CUV_P_INITIALIZER ? NULL : cuv_value_null(w->arena);
    return CUV_OK;
}

const cuv_layer *cuv_config_inner(const cuv_layer *layer, const char *param)
{
    const char *role = !strcmp(param, "backward_layer") ? "backward_layer"
                     : !strcmp(param, "layer") ? NULL : param;
    for (size_t i = 0; i < layer->inner_count; i++)
        if (role ? cuv_streq(layer->inner[i]->role, role)
                 : cuv_streq(layer->inner[i]->role, "layer") || cuv_streq(layer->inner[i]->role, "forward_layer") ||
                   !layer->inner[i]->role)
            return layer->inner[i];
    return NULL;
}

/* EinsumDense of Keras 3 takes a size that its output_shape leaves open for one that nobody knows, also where it is the input's. */
static cuv_status einsum_shape(writer *w, const cuv_layer *layer, const cuv_value *given, cuv_value **out)
{
    const char *equation = cuv_arg_text(layer, "equation"), *result = strstr(equation, "->");
    const size_t inputs = strcspn(equation, ",");
    if (!layer->built || !result || strchr(equation, '.') || strchr(equation, ' ') || !cuv_is_seq(given) || strlen(result + 2) != cuv_len(given) + 1)
        return CUV_OK;
    *out = cuv_value_list(w->arena);
    for (size_t i = 0; *out && i < cuv_len(given); i++) {
        const char *at = memchr(equation, result[3 + i], inputs);
        const int64_t size = at && at - equation < layer->in_rank ? layer->in_shape[at - equation] : -1;
        cuv_value *item = cuv_is_null(cuv_item(given, i)) && size >= 0 ? cuv_value_int(w->arena, size) : cuv_item(given, i);
        CUV_TRY(cuv_list_add(w->arena, *out, item));
    }
    return *out ? CUV_OK : cuv_oom(w->cx);
}

cuv_status cuv_config_tuple(writer *w, const cuv_value *items, cuv_value **out)
{
    *out = cuv_value_dict(w->arena);
    if (!*out)
        return cuv_oom(w->cx);
    CUV_TRY(cuv_config_text(w, *out, "class_name", "__tuple__"));
    return cuv_dict_set(w->arena, *out, "items", (cuv_value *)(uintptr_t)items);
}

static cuv_status param_value(writer *w, const cuv_layer *layer, size_t i, cuv_value **out)
{
    const cuv_param *row = &layer->def->params[i];
    cuv_value *given = layer->args[i];
    *out = given ? given : cuv_value_null(w->arena);
    if (!*out)
        return cuv_oom(w->cx);
    switch (row->type) {
    case CUV_P_ACTIVATION: return cuv_is_null(given) ? CUV_OK : activation_value(w, layer, row->name, given, out);
    case CUV_P_INITIALIZER: case CUV_P_REGULARIZER: case CUV_P_CONSTRAINT: return object_value(w, row, given, out);
    case CUV_P_LAYER: case CUV_P_ANY: {
        if (cuv_streq(row->name, "ngrams") && cuv_is_seq(given))
            return cuv_config_tuple(w, given, out);
        const cuv_layer *inner = row->type == CUV_P_LAYER ? cuv_config_inner(layer, row->name)
                               : cuv_streq(row->name, "cell") && layer->inner_count == 1 ? layer->inner[0] : NULL;
        if (!inner && cuv_streq(layer->def->name, "EinsumDense") && cuv_streq(row->name, "output_shape"))
            return einsum_shape(w, layer, given, out);
        return inner ? cuv_config3_layer(w, inner, NULL, out) : CUV_OK;
    }
    case CUV_P_LAYERS: {
        *out = cuv_value_list(w->arena);
        for (size_t k = 0; *out && k < layer->inner_count; k++) {
            cuv_value *record;
            CUV_TRY(cuv_config3_layer(w, layer->inner[k], NULL, &record));
            CUV_TRY(cuv_list_add(w->arena, *out, record));
        }
        return *out ? CUV_OK : cuv_oom(w->cx);
    }
    case CUV_P_INTS:        /* tf.keras wrote BatchNormalization's axis as a list */
        if (cuv_streq(layer->def->name, "BatchNormalization") && cuv_is_seq(given) && cuv_len(given) == 1)
            *out = cuv_item(given, 0);
        return CUV_OK;
    case CUV_P_INT: case CUV_P_FLOAT: case CUV_P_BOOL: case CUV_P_STRING: case CUV_P_SIZES: case CUV_P_SHAPE:
    case CUV_P_DTYPE: return CUV_OK;
    }
    return CUV_OK;
}

cuv_status cuv_config_shape(writer *w, const int64_t *sizes, int rank, cuv_value **out)
{
    *out = cuv_value_list(w->arena);
    for (int i = 0; *out && i < rank; i++)
        CUV_TRY(cuv_list_add(w->arena, *out, sizes[i] < 0 ? cuv_value_null(w->arena) : cuv_value_int(w->arena, sizes[i])));
    return *out ? CUV_OK : cuv_oom(w->cx);
}

cuv_status cuv_config3_input(writer *w, const struct cuv_model *m, size_t index, const cuv_layer *layer, cuv_value **out)
{
    cuv_value *config = NULL, *shape;
    const cuv_var *v = cuv_program_var(m->program, m->inputs[index].value);
    CUV_TRY(cuv_config_object(w, "keras.layers", "InputLayer", NULL, &config, out));
    CUV_TRY(cuv_config_shape(w, v->shape, v->rank, &shape));
    CUV_TRY(cuv_dict_set(w->arena, config, "batch_shape", shape));
    CUV_TRY(cuv_config_text(w, config, "dtype", cuv_dtype_name(v->dtype)));
    CUV_TRY(cuv_dict_set(w->arena, config, "sparse", cuv_value_bool(w->arena, false)));
    return cuv_dict_set(w->arena, config, "name", cuv_value_text(w->arena, cuv_keras3_name(w, layer->name)));
}

/* An InputLayer inside a nested model: its own configuration tells the shape. */
static cuv_status inner_input_record(writer *w, const cuv_layer *layer, cuv_value **out)
{
    cuv_value *config = NULL;
    static const char *const keys[] = {"batch_shape", "batch_input_shape", NULL};
    CUV_TRY(cuv_config_object(w, "keras.layers", "InputLayer", NULL, &config, out));
    for (size_t i = 0; keys[i]; i++)
        if (cuv_is_seq(cuv_get(layer->config, keys[i])) && !cuv_get(config, "batch_shape"))
            CUV_TRY(cuv_dict_set(w->arena, config, "batch_shape", cuv_get(layer->config, keys[i])));
    const char *dtype = cuv_get_text(layer->config, "dtype");
    CUV_TRY(cuv_config_text(w, config, "dtype", dtype ? dtype : "float32"));
    CUV_TRY(cuv_dict_set(w->arena, config, "sparse", cuv_value_bool(w->arena, false)));
    return cuv_dict_set(w->arena, config, "name", cuv_value_text(w->arena, cuv_keras3_name(w, layer->name)));
}

/* Arguments that are what Keras 3 takes anyway are left out: rows of older Kerases with them. Not what its from_config looks at unasked. */
static bool is_default(writer *w, const cuv_layer *layer, size_t i)
{
    const cuv_param *row = &layer->def->params[i];
    static const char *const looked_at[][2] = {
        {"TextVectorization", "standardize split ngrams"}, {"Rescaling", "offset"}, {"Discretization", "bin_boundaries"}};
    for (size_t k = 0; k < sizeof looked_at / sizeof *looked_at; k++)
        if (cuv_streq(layer->def->name, looked_at[k][0]) && cuv_has_word(looked_at[k][1], row->name))
            return false;
    cuv_value *usual = row->fallback ? cuv_layer_literal(w->arena, row->fallback) : NULL;
    return usual && cuv_value_equal(usual, layer->args[i] ? layer->args[i] : usual);
}

/* What --custom code made for a weight or constant of a class of its own is no layer of Keras. */
static cuv_status no_such_layer(writer *w, const cuv_layer *layer)
{
    const cuv_layer *of = layer->parent ? layer->parent : layer;
    return cuv_fail(w->cx, CUV_UNSUPPORTED, "write.custom", &(cuv_detail){.layer = of->name, .found = layer->name,
                    .help = "write .onnx, .c, .npz or .safetensors; or give --custom a function that uses layers of Keras alone"},
                    "layer '%s' is a class that keeps %s of its own ('%s'), for which Keras has no layer", of->name,
                    cuv_streq(layer->class_name, CUV_WEIGHT_CLASS) ? "a weight" : "a constant", layer->name);
}

cuv_status cuv_config3_layer(writer *w, const cuv_layer *layer, cuv_value **before, cuv_value **out)
{
    if (cuv_streq(layer->class_name, CUV_WEIGHT_CLASS) || cuv_streq(layer->class_name, CUV_CONSTANT_CLASS))
        return no_such_layer(w, layer);
    cuv_value *config = NULL, *policy;
    if (before)
        *before = NULL;
    if (layer->model)
        return cuv_config3_model(w, layer->model, out);
    if (cuv_streq(layer->def->name, "InputLayer"))
        return inner_input_record(w, layer, out);
    const char *class_name;
    CUV_TRY(cuv_keras3_class(w, layer, &class_name));
    CUV_TRY(cuv_config_check_backend(w, layer, 3, before != NULL));
    const char *module = layer->def->module;
    CUV_TRY(cuv_config_object(w, module ? module : "keras.layers", class_name, module ? class_name : NULL, &config, out));
    CUV_TRY(cuv_dict_set(w->arena, config, "name", cuv_value_text(w->arena, cuv_keras3_name(w, layer->name))));
    if (cuv_keras3_takes(layer, "trainable"))
        CUV_TRY(cuv_dict_set(w->arena, config, "trainable", cuv_value_bool(w->arena, layer->trainable)));
    CUV_TRY(policy_value(w, layer, &policy));
    if (cuv_keras3_takes(layer, "dtype"))
        CUV_TRY(cuv_dict_set(w->arena, config, "dtype", policy));
    for (size_t i = 0; layer->def->params && layer->def->params[i].name; i++) {
        cuv_value *value;
        const char *name = layer->def->params[i].name;
        if (cuv_get(config, name) || is_default(w, layer, i) || !cuv_keras3_takes(layer, name))
            continue;
        CUV_TRY(param_value(w, layer, i, &value));
        if (value && cuv_streq(name, "data_format") && (cuv_streq(cuv_text(value), "th") || cuv_streq(cuv_text(value), "tf")))
            value = cuv_value_text(w->arena, cuv_streq(cuv_text(value), "th") ? "channels_first" : "channels_last");   /* Keras 1 */
        if (value)
            CUV_TRY(cuv_dict_set(w->arena, config, name, value));
    }
    CUV_TRY(cuv_keras3_params(w, layer, config));
    return before && cuv_config_padded(layer) ? cuv_config_padding(w, layer, *out, before) : CUV_OK;
}
