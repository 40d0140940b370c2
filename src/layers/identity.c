/* Layers that do nothing at inference (dropout, noise, regularisation), InputLayer, and the layers that are models. */
#include "layers/support.h"

#define IDENTITY(id, class, old, text, rows)                                                                                 \
    const cuv_layer_def cuv_layer_##id = {.name = class, .old_names = old, .doc = text, .params = rows,                      \
                                          .flags = CUV_LF_MASKS | CUV_LF_IDENTITY}

static const cuv_param dropout_params[] = {P("rate", FLOAT, NULL, .allowed = ">=0"), INERT("noise_shape", "None"),
                                           INERT("seed", "None"), CUV_PARAM_END};
static const cuv_param rate_params[] = {P("rate", FLOAT, NULL, .allowed = ">=0"), INERT("seed", "None"), CUV_PARAM_END};
static const cuv_param spatial1_params[] = {P("rate", FLOAT, NULL, .allowed = ">=0"), INERT("seed", "None"),
                                            INERT("name", "None"), INERT("dtype", "None"), CUV_PARAM_END};
static const cuv_param spatial_params[] = {P("rate", FLOAT, NULL, .allowed = ">=0"), INERT("data_format", "None"),
                                           INERT("seed", "None"), INERT("name", "None"), INERT("dtype", "None"), CUV_PARAM_END};
static const cuv_param noise_params[] = {P("stddev", FLOAT, NULL, .allowed = ">=0"), INERT("seed", "None"), CUV_PARAM_END};
static const cuv_param penalty_params[] = {P("l1", FLOAT, "0.0"), P("l2", FLOAT, "0.0"), CUV_PARAM_END};
static const cuv_param no_params[] = {CUV_PARAM_END};

IDENTITY(dropout, "Dropout", NULL, "y = x at inference", dropout_params);
IDENTITY(alpha_dropout, "AlphaDropout", NULL, "y = x at inference", dropout_params);
IDENTITY(gaussian_dropout, "GaussianDropout", NULL, "y = x at inference", rate_params);
IDENTITY(gaussian_noise, "GaussianNoise", NULL, "y = x at inference", noise_params);
IDENTITY(spatial_dropout1, "SpatialDropout1D", NULL, "y = x at inference", spatial1_params);
IDENTITY(spatial_dropout2, "SpatialDropout2D", NULL, "y = x at inference", spatial_params);
IDENTITY(spatial_dropout3, "SpatialDropout3D", NULL, "y = x at inference", spatial_params);
IDENTITY(activity_regularization, "ActivityRegularization", NULL, "y = x; a penalty in training", penalty_params);
IDENTITY(identity, "Identity", NULL, "y = x", no_params);

/* ---- InputLayer and models ---------------------------------------------------------------------------------------------- */

static const cuv_param input_params[] = {
    P("shape", SHAPE, "None"), P("batch_size", INT, "None"), INERT("dtype", "None"), INERT("sparse", "None"),
    INERT("ragged", "None"), P("batch_shape", SHAPE, "None", .old = "batch_input_shape"), INERT("input_tensor", "None"),
    INERT("optional", "False"), INERT("name", "None"), INERT("input_dtype", "None"), INERT("type_spec", "None"), CUV_PARAM_END};
const cuv_layer_def cuv_layer_input = {
    .name = "InputLayer", .doc = "an input of the model", .params = input_params,
    .flags = CUV_LF_IDENTITY | CUV_LF_NO_AUTOCAST | CUV_LF_MASKS,
};

static cuv_status model_lower(cuv_call *call)
{
    const cuv_model_hooks *hooks = call->layer->hooks;
    if (!hooks || !hooks->call_model)
        return cuv_call_unsupported(call, "layers", "a model stands where only a layer can be");
    return hooks->call_model(call);
}

const cuv_layer_def cuv_layer_functional = {
    .name = "Functional", .old_names = "Model", .doc = "a model of layers with several inputs and outputs",
    .flags = CUV_LF_MULTI | CUV_LF_NO_AUTOCAST, .lower = model_lower,
};
const cuv_layer_def cuv_layer_sequential = {
    .name = "Sequential", .doc = "a model of layers one after the other", .flags = CUV_LF_MULTI | CUV_LF_NO_AUTOCAST,
    .lower = model_lower,
};

/* ---- classes that code stands in for (--custom): in no list, since no file can ask for it ------------------------------------- */

static cuv_status stand_in_lower(cuv_call *call)
{
    return call->layer->hooks->call_stand_in(call);
}

const cuv_layer_def cuv_layer_stand_in = {
    .name = "custom", .doc = "a class that Keras code stands in for", .flags = CUV_LF_MULTI, .lower = stand_in_lower,
};

/* A weight that such a class keeps itself: the output is the weight, whatever comes in. */
static bool own_weight_symbol(const cuv_layer *layer, const char *name, int64_t *sizes, int *count)
{
    const cuv_value *shape = cuv_arg(layer, "shape");
    if (strcmp(name, "shape") != 0 || cuv_len(shape) > CUV_MAX_RANK)
        return false;
    *count = (int)cuv_len(shape);
    for (int i = 0; i < *count; i++)
        if (!cuv_as_int(cuv_item(shape, (size_t)i), &sizes[i]))
            return false;
    return true;
}

static cuv_status own_weight_lower(cuv_call *call)
{
    return cuv_call_return(call, cuv_call_weight(call, "weight"));
}

static const cuv_param own_weight_params[] = {P("shape", SHAPE, "None"), CUV_PARAM_END};
static const cuv_slot own_weight_slots[] = {S("weight", "shape"), CUV_SLOT_END};
const cuv_layer_def cuv_layer_own_weight = {
    .name = "(weight)", .doc = "y = weight", .params = own_weight_params, .slots = own_weight_slots, .symbol = own_weight_symbol,
    .lower = own_weight_lower,
};

/* A constant of such a class's code, its values in one flat list. */
static cuv_status own_constant_lower(cuv_call *call)
{
    const cuv_value *shape = cuv_arg(call->layer, "shape"), *values = cuv_arg(call->layer, "values");
    const char *name = cuv_text(cuv_arg(call->layer, "type"));
    int64_t sizes[CUV_MAX_RANK], size;
    size_t count = 1;
    double real;
    cuv_dtype dtype;
    cuv_tensor *t;
    void *data;
    bool fits = name && cuv_dtype_parse(name, &dtype) && dtype != CUV_STR && cuv_len(shape) <= CUV_MAX_RANK;
    for (size_t i = 0; fits && i < cuv_len(shape); i++) {
        fits = cuv_as_int(cuv_item(shape, i), &size) && size >= 0 && cuv_mul_size(count, (size_t)size, &count);
        sizes[i] = size;
    }
    if (!fits || count != cuv_len(values))
        return cuv_bad_arg(call->layer, "values", "as many numbers as the shape says");
    CUV_TRY(cuv_tensor_new(call->arena, dtype, sizes, (int)cuv_len(shape), &t, &data));
    for (size_t i = 0; i < count; i++) {
        if (!cuv_as_real(cuv_item(values, i), &real))
            return cuv_bad_arg(call->layer, "values", "a list of numbers");
        cuv_convert((uint8_t *)data + i * cuv_dtype_size(dtype), dtype, &real, CUV_F64, 1);
    }
    return cuv_call_return(call, cuv_program_constant(call->program, t));
}

static const cuv_param own_constant_params[] = {P("shape", SHAPE, "None"), P("values", ANY, NULL), P("type", STRING, "'float32'"), CUV_PARAM_END};
const cuv_layer_def cuv_layer_own_constant = {
    .name = "(constant)", .doc = "y = values", .params = own_constant_params, .lower = own_constant_lower,
};
