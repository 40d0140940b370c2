/* A layer's configuration as Keras 2.15 writes it, from its parameters: with all of them, since defaults differ between Kerases. */
#include "emit/config.h"
#include "layers/support.h"

typedef cuv_config_writer writer;

static bool is_input(const cuv_layer *layer)
{
    return cuv_streq(layer->def->name, "InputLayer");
}

static cuv_status policy_value(writer *w, const cuv_layer *layer, cuv_value **out)
{
    const char *name = layer->policy ? layer->policy : cuv_dtype_name(layer->variable);
    cuv_value *config = NULL;
    *out = cuv_value_text(w->arena, name);
    if (!cuv_starts_with(name, "mixed_"))
        return *out ? CUV_OK : cuv_oom(w->cx);
    CUV_TRY(cuv_config_object(w, "keras.mixed_precision", "Policy", NULL, &config, out));
    return cuv_config_text(w, config, "name", name);
}

static cuv_status layers_value(writer *w, const cuv_layer *layer, cuv_value **out)
{
    *out = cuv_value_list(w->arena);
    for (size_t k = 0; *out && k < layer->inner_count; k++) {
        cuv_value *record;
        CUV_TRY(cuv_config2_layer(w, layer->inner[k], NULL, &record));
        CUV_TRY(cuv_list_add(w->arena, *out, record));
    }
    return *out ? CUV_OK : cuv_oom(w->cx);
}

static cuv_status param_value(writer *w, const cuv_layer *layer, size_t i, cuv_value *tail, cuv_value **out)
{
    const cuv_param *row = &layer->def->params[i];
    *out = layer->args[i] ? layer->args[i] : cuv_value_null(w->arena);
    if (cuv_streq(row->name, "data_format") && layer->def->spatial)
        *out = cuv_value_text(w->arena, layer->channels_first ? "channels_first" : "channels_last");
    if (!*out)
        return cuv_oom(w->cx);
    switch (row->type) {
    case CUV_P_ACTIVATION: return cuv_keras2_activation(w, layer, i, tail, out);
    case CUV_P_INITIALIZER: case CUV_P_REGULARIZER: case CUV_P_CONSTRAINT:
        return cuv_is_null(layer->args[i]) ? CUV_OK : cuv_keras2_object(w, row, layer->args[i], out);
    case CUV_P_LAYERS: return layers_value(w, layer, out);
    case CUV_P_LAYER: case CUV_P_ANY: {
        if (cuv_streq(row->name, "ngrams") && cuv_is_seq(*out))
            return cuv_config_tuple(w, *out, out);
        const cuv_layer *inner = row->type == CUV_P_LAYER || cuv_streq(row->name, "cell")
            ? cuv_config_inner(layer, row->name) : NULL;
        return inner ? cuv_config2_layer(w, inner, NULL, out) : CUV_OK;
    }
    case CUV_P_INT: case CUV_P_FLOAT: case CUV_P_BOOL: case CUV_P_STRING: case CUV_P_SIZES: case CUV_P_INTS: case CUV_P_SHAPE:
    case CUV_P_DTYPE: return CUV_OK;
    }
    return CUV_OK;
}

/* Seeds are numbers in Keras 2; Keras 3 also keeps generators there. */
static bool is_seed(const char *name, const cuv_value *value)
{
    return cuv_streq(name, "seed") && value->kind == CUV_DICT;
}

static cuv_status add_params(writer *w, const cuv_layer *layer, cuv_value *tail, cuv_value *config)
{
    for (size_t i = 0; layer->def->params && layer->def->params[i].name; i++) {
        cuv_value *value = NULL;
        const char *name;
        if (cuv_get(config, layer->def->params[i].name))
            continue;
        CUV_TRY(cuv_keras2_param(w, layer, i, &name));
        if (name)
            CUV_TRY(param_value(w, layer, i, tail, &value));
        if (value && !is_seed(name, value))
            CUV_TRY(cuv_dict_set(w->arena, config, name, value));
    }
    return CUV_OK;
}

/* Keras 2 makes MultiHeadAttention's weights from the shapes in its configuration. */
static cuv_status add_shapes(writer *w, const cuv_layer *layer, cuv_value *config)
{
    static const char *const keys[] = {"query_shape", "value_shape", "key_shape"};
    static const char *const roles[] = {"query_dense", "value_dense", "key_dense"};
    for (size_t k = 0; k < 3; k++)
        for (size_t i = 0; i < layer->inner_count; i++) {
            const cuv_layer *inner = layer->inner[i];
            cuv_value *shape;
            if (!inner->role || !cuv_ends_with(inner->role, roles[k]) || !inner->built)
                continue;
            CUV_TRY(cuv_config_shape(w, inner->in_shape, inner->in_rank, &shape));
            CUV_TRY(cuv_dict_set(w->arena, config, keys[k], shape));
        }
    return CUV_OK;
}

/* Bidirectional names its layers itself, and Keras 3 keeps the names that it gave. */
static const char *inner_name(writer *w, const cuv_layer *layer)
{
    const char *name = layer->name, *direction = cuv_streq(layer->role, "forward_layer") ? "forward_"
                                               : cuv_streq(layer->role, "backward_layer") ? "backward_" : NULL;
    if (direction && cuv_starts_with(name, direction) && name[strlen(direction)])
        name += strlen(direction);
    return cuv_keras2_name(w, name);
}

static cuv_status input_record(writer *w, const cuv_layer *layer, const cuv_value *shape, const char *dtype,
                               cuv_value **out)
{
    cuv_value *config = NULL;
    CUV_TRY(cuv_config_object(w, "keras.layers", "InputLayer", NULL, &config, out));
    if (shape)
        CUV_TRY(cuv_dict_set(w->arena, config, "batch_input_shape", (cuv_value *)(uintptr_t)shape));
    CUV_TRY(cuv_config_text(w, config, "dtype", dtype));
    CUV_TRY(cuv_dict_set(w->arena, config, "sparse", cuv_value_bool(w->arena, false)));
    CUV_TRY(cuv_dict_set(w->arena, config, "ragged", cuv_value_bool(w->arena, false)));
    return cuv_config_text(w, config, "name", layer->name);
}

/* An InputLayer inside a nested model: its own configuration tells the shape. */
static cuv_status inner_input_record(writer *w, const cuv_layer *layer, cuv_value **out)
{
    const cuv_value *shape = cuv_get(layer->config, "batch_shape");
    if (!cuv_is_seq(shape))
        shape = cuv_get(layer->config, "batch_input_shape");
    const char *dtype = cuv_get_text(layer->config, "dtype");
    return input_record(w, layer, cuv_is_seq(shape) ? shape : NULL, dtype ? dtype : "float32", out);
}

cuv_status cuv_config2_input(writer *w, const struct cuv_model *m, size_t index, const cuv_layer *layer,
                                     cuv_value **out)
{
    const cuv_var *v = cuv_program_var(m->program, m->inputs[index].value);
    cuv_value *shape;
    CUV_TRY(cuv_config_shape(w, v->shape, v->rank, &shape));
    return input_record(w, layer, shape, cuv_dtype_name(v->dtype), out);
}

/* Their dtype follows from what they give. */
static const char typed[] = "StringLookup IntegerLookup TextVectorization Hashing HashedCrossing Discretization";

/* A Sequential says nothing of `trainable` in Keras 2; its layers do. */
static bool is_trainable(writer *w, const cuv_layer *layer)
{
    bool trainable = layer->trainable && (w->m->trainable || !((const cuv_graph *)w->m->graph)->sequential);
    for (const cuv_layer *outer = layer->parent; outer && trainable; outer = outer->parent)
        trainable = outer->trainable || !cuv_streq(outer->def->name, "Sequential");
    return trainable;
}

cuv_status cuv_config2_layer(writer *w, const cuv_layer *layer, cuv_value *tail, cuv_value **out)
{
    cuv_value *config = NULL, *policy;
    const char *class_name;
    if (layer->model)
        return cuv_config2_model(w, layer->model, out);
    if (is_input(layer))
        return inner_input_record(w, layer, out);
    CUV_TRY(cuv_keras2_class(w, layer, &class_name));
    CUV_TRY(cuv_config_check_backend(w, layer, 2, false));
    const char *module = layer->def->module;
    CUV_TRY(cuv_config_object(w, module ? module : "keras.layers", class_name, module ? class_name : NULL, &config, out));
    CUV_TRY(cuv_config_text(w, config, "name", inner_name(w, layer)));
    CUV_TRY(cuv_dict_set(w->arena, config, "trainable", cuv_value_bool(w->arena, is_trainable(w, layer))));
    if (!cuv_has_word(typed, class_name)) {
        CUV_TRY(policy_value(w, layer, &policy));
        CUV_TRY(cuv_dict_set(w->arena, config, "dtype", policy));
    }
    CUV_TRY(add_params(w, layer, tail, config));
    if (cuv_get_bool(layer->config, "time_major", false) && cuv_has_word("LSTM GRU SimpleRNN", class_name))
        CUV_TRY(cuv_dict_set(w->arena, config, "time_major", cuv_value_bool(w->arena, true)));
    return cuv_streq(class_name, "MultiHeadAttention") ? add_shapes(w, layer, config) : CUV_OK;
}
