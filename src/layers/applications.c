/* Layers that keras.applications defines for itself: LayerScale of ConvNeXt, CustomScaleLayer of Inception-ResNet v2. They are in no list, since
 * their names are anybody's: a record must say that it means those, by its module or the name that Keras registers. */
#include "layers/support.h"

static cuv_status layer_scale_lower(cuv_call *call)
{
    return cuv_call_return(call, cuv_emit2(call->program, CUV_OP_MUL, cuv_float_in(call, 0), cuv_call_weight(call, "gamma")));
}

static const cuv_param layer_scale_params[] = {P("init_values", FLOAT, NULL, .inert = true), P("projection_dim", INT, NULL, .allowed = ">=1"),
                                               CUV_PARAM_END};
static const cuv_slot layer_scale_slots[] = {S("gamma", "projection_dim"), CUV_SLOT_END};
static const cuv_layer_def layer_scale = {
    .name = "LayerScale", .module = "keras.src.applications.convnext", .doc = "y = x . gamma", .params = layer_scale_params,
    .slots = layer_scale_slots, .lower = layer_scale_lower,
};

static cuv_status scaled_sum_lower(cuv_call *call)
{
    if (call->in_count != 2)
        return cuv_bad_input(call, 0, "a list of two tensors");
    cuv_ref x = cuv_float_in(call, 0), y = cuv_float_in(call, 1);
    y = cuv_emit2(call->program, CUV_OP_MUL, y, cuv_scalar_like(call, y, cuv_arg_real(call->layer, "scale")));
    return cuv_call_return(call, cuv_emit2(call->program, CUV_OP_ADD, x, y));
}

static const cuv_param scaled_sum_params[] = {P("scale", FLOAT, NULL), CUV_PARAM_END};
static const cuv_layer_def scaled_sum = {
    .name = "CustomScaleLayer", .module = "keras.src.applications.inception_resnet_v2", .doc = "y = a + scale b", .params = scaled_sum_params,
    .flags = CUV_LF_MERGE, .lower = scaled_sum_lower,
};

const cuv_layer_def *cuv_layer_of_applications(const cuv_value *record)
{
    static const char *const modules[] = {"keras.src.applications.", "keras.applications.", "tf_keras.src.applications."};
    static const cuv_layer_def *const all[] = {&layer_scale, &scaled_sum};
    const char *class_name = cuv_get_text(record, "class_name"), *module = cuv_get_text(record, "module");
    bool ours = false;
    if (cuv_streq(class_name, "Custom>CustomScaleLayer"))       /* legacy .h5 of Keras 2, where Keras itself registers it so */
        return &scaled_sum;
    for (size_t i = 0; module && i < sizeof modules / sizeof *modules; i++)
        ours = ours || cuv_starts_with(module, modules[i]);
    for (size_t i = 0; ours && i < sizeof all / sizeof *all; i++)
        if (cuv_streq(all[i]->name, class_name))
            return all[i];
    return NULL;
}
