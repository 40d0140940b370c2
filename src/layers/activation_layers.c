/* Layers that apply one activation: Activation, ReLU, LeakyReLU, PReLU, ELU, Softmax, ThresholdedReLU. */
#include "layers/attention.h"
#include "layers/support.h"

static cuv_status activation_check(cuv_context *cx, cuv_layer *layer)
{
    cuv_act act;
    bool single;
    return cuv_arg_activation(cx, layer, "activation", &act, &single);
}

static cuv_status activation_lower(cuv_call *call)
{
    cuv_act act;
    bool single;
    cuv_ref y;
    CUV_TRY(cuv_arg_activation(call->cx, call->layer, "activation", &act, &single));
    if (single && act.op == CUV_OP_NONE)
        return cuv_call_return(call, call->in[0].value);
    CUV_TRY(cuv_finish_activation(call, "activation", cuv_float_in(call, 0), &y));
    return cuv_call_return(call, y);
}

static const cuv_param activation_params[] = {ACTIVATION(NULL), CUV_PARAM_END};
const cuv_layer_def cuv_layer_activation = {
    .name = "Activation", .doc = "y = activation(x)", .params = activation_params, .flags = CUV_LF_MASKS,
    .check = activation_check, .lower = activation_lower,
};

/* The activation's numbers are tensors of the input's dtype in Keras. */
static cuv_status return_act(cuv_call *call, cuv_act act)
{
    cuv_ref x = cuv_float_in(call, 0);
    const cuv_dtype dtype = cuv_var_of(call, x)->dtype;
    act.alpha = cuv_number_in(dtype, act.alpha);
    act.beta = cuv_number_in(dtype, act.beta);
    act.gamma = cuv_number_in(dtype, act.gamma);
    return cuv_call_return(call, cuv_emit_act(call->program, &act, x));
}

static cuv_status relu_lower(cuv_call *call)
{
    const cuv_layer *layer = call->layer;
    double most = cuv_arg_none(layer, "max_value") ? INFINITY : cuv_arg_real(layer, "max_value");
    return return_act(call, (cuv_act){.op = CUV_OP_RELU, .alpha = cuv_arg_real(layer, "negative_slope"), .beta = most,
                                      .gamma = cuv_arg_real(layer, "threshold")});
}

static const cuv_param relu_params[] = {P("max_value", FLOAT, "None", .allowed = ">=0"), P("negative_slope", FLOAT, "0.0"),
                                        P("threshold", FLOAT, "0.0"), CUV_PARAM_END};
const cuv_layer_def cuv_layer_relu = {
    .name = "ReLU", .doc = "y = max_value where x >= max_value; x where x > threshold; negative_slope (x - threshold) elsewhere",
    .params = relu_params, .flags = CUV_LF_MASKS, .lower = relu_lower,
};

static cuv_status leaky_lower(cuv_call *call)
{
    return return_act(call, (cuv_act){.op = CUV_OP_RELU, .alpha = cuv_arg_real(call->layer, "negative_slope"), .beta = INFINITY});
}

static const cuv_param leaky_params[] = {P("negative_slope", FLOAT, "0.3", .old = "alpha"), CUV_PARAM_END};
const cuv_layer_def cuv_layer_leaky_relu = {
    .name = "LeakyReLU", .doc = "y = x where x > 0; negative_slope x elsewhere", .params = leaky_params, .flags = CUV_LF_MASKS,
    .lower = leaky_lower,
};

static cuv_status elu_lower(cuv_call *call)
{
    return return_act(call, (cuv_act){.op = CUV_OP_ELU, .alpha = cuv_arg_real(call->layer, "alpha")});
}

static const cuv_param elu_params[] = {P("alpha", FLOAT, "1.0"), CUV_PARAM_END};
const cuv_layer_def cuv_layer_elu = {
    .name = "ELU", .doc = "y = x where x > 0; alpha (e^x - 1) elsewhere", .params = elu_params, .flags = CUV_LF_MASKS,
    .lower = elu_lower,
};

static cuv_status thresholded_lower(cuv_call *call)
{
    return return_act(call, (cuv_act){.op = CUV_OP_THRESHOLD, .alpha = cuv_arg_real(call->layer, "theta")});
}

static const cuv_param thresholded_params[] = {P("theta", FLOAT, "1.0"), CUV_PARAM_END};
const cuv_layer_def cuv_layer_thresholded_relu = {
    .name = "ThresholdedReLU", .doc = "y = x where x > theta; 0 elsewhere (Keras 1 and 2)", .params = thresholded_params,
    .flags = CUV_LF_MASKS, .lower = thresholded_lower,
};

/* ---- PReLU ------------------------------------------------------------------------------------------------------- */

static bool is_shared(const cuv_layer *layer, int axis)
{
    int64_t axes[CUV_MAX_RANK];
    int count = cuv_arg_ints(layer, "shared_axes", axes);
    for (int i = 0; i < count; i++)
        if (axes[i] == axis || axes[i] + layer->in_rank == axis)
            return true;
    return false;
}

/* The input's sizes without the batch; shared axes count 1. */
static bool prelu_symbol(const cuv_layer *layer, const char *name, int64_t *sizes, int *count)
{
    if (strcmp(name, "shape") != 0)
        return false;
    *count = layer->in_rank > 0 ? layer->in_rank - 1 : 0;
    for (int i = 0; i < *count; i++)
        sizes[i] = is_shared(layer, i + 1) ? 1 : layer->in_shape[i + 1];
    return true;
}

static cuv_status prelu_lower(cuv_call *call)
{
    return cuv_call_return(call, cuv_emit2(call->program, CUV_OP_PRELU, cuv_float_in(call, 0), cuv_call_weight(call, "alpha")));
}

static const cuv_param prelu_params[] = {INIT("alpha_initializer", "'Zeros'"), REGULARIZER("alpha_regularizer"),
                                         CONSTRAINT("alpha_constraint"), P("shared_axes", INTS, "None"), CUV_PARAM_END};
static const cuv_slot prelu_slots[] = {S("alpha", "shape", .old = "alphas"), CUV_SLOT_END};
const cuv_layer_def cuv_layer_prelu = {
    .name = "PReLU", .doc = "y = x where x > 0; alpha x elsewhere, alpha learned", .params = prelu_params, .slots = prelu_slots,
    .flags = CUV_LF_MASKS, .symbol = prelu_symbol, .lower = prelu_lower,
};

/* ---- Softmax ------------------------------------------------------------------------------------------------------ */

static cuv_status softmax_lower(cuv_call *call)
{
    int64_t axes[CUV_MAX_RANK];
    int count = cuv_arg_ints(call->layer, "axis", axes);
    cuv_attrs attrs = {.axes_count = count};
    for (int i = 0; i < count; i++)
        CUV_TRY(cuv_call_axis(call, "axis", axes[i], cuv_call_rank(call, 0), &attrs.axes[i]));
    return cuv_call_return(call, cuv_softmax_layer(call, cuv_float_in(call, 0), call->in[0].mask, &attrs));
}

static const cuv_param softmax_params[] = {P("axis", INTS, "-1"), CUV_PARAM_END};
const cuv_layer_def cuv_layer_softmax = {
    .name = "Softmax", .doc = "y = e^x / sum e^x over axis", .params = softmax_params, .flags = CUV_LF_MASKS,
    .lower = softmax_lower,
};
