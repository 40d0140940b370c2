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
