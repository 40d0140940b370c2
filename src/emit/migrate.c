/* What Keras 3 says otherwise than Keras 1 and 2, by meaning: the written model gives the same outputs. Every change is noted, except
 * that arguments without meaning for the outputs are left out. What Keras 3 cannot express at all is refused by name. */
#include "emit/config.h"
#include "layers/quantized.h"
#include "layers/support.h"
#include "layers/vocabulary.h"


/* ---- arguments */

/* Arguments of older Kerases that Keras 3 does not take; those that mean something are turned into something else below. */
static const struct { const char *class_name, *names; } gone[] = {
    {"MultiHeadAttention", "query_shape key_shape value_shape"},
    {"Attention", "causal"},
    {"AdditiveAttention", "causal"},
    {"ThresholdedReLU", "theta"},
    {"Lambda", "function function_type output_shape output_shape_type output_shape_module mask mask_type arguments module cuvier_expression cuvier_stated cuvier_text"},
    {"Conv1DTranspose", "output_shape"},
    {"Conv2DTranspose", "output_shape"},
    {"Conv3DTranspose", "output_shape"},
    {"Embedding", "dropout"},
    {"StackedRNNCells", "reverse_state_order"},
    {"SpatialDropout1D", "trainable"},
    {"SpatialDropout2D", "trainable"},
    {"SpatialDropout3D", "trainable"},
    {"Discretization", "trainable"},
    {"Pipeline", "trainable dtype"},
};

static bool resizes(const cuv_layer *layer);

bool cuv_keras3_takes(const cuv_layer *layer, const char *name)
{
    if (resizes(layer) && strcmp(name, "seed") == 0)
        return false;
    for (size_t i = 0; i < sizeof gone / sizeof *gone; i++)
        if (cuv_streq(layer->def->name, gone[i].class_name) && cuv_has_word(gone[i].names, name))
            return false;
    return true;
}

/* ---- layers */

/* RandomCrop of Keras 2 and 3.0 to 3.7 on images of another size than it cuts. Keras now leaves those alone when it predicts. */
static bool resizes(const cuv_layer *layer)
{
    const int at = layer->in_rank - 3 + (layer->channels_first ? 1 : 0);
    return cuv_streq(layer->def->name, "RandomCrop") && !cuv_layer_since(layer, 8) &&
           (layer->in_rank < 3 || layer->in_shape[at] != cuv_arg_int(layer, "height") || layer->in_shape[at + 1] != cuv_arg_int(layer, "width"));
}

static const char absent[] = "LocallyConnected1D LocallyConnected2D Highway MaxoutDense Merge ParametricSoftplus SReLU";

/* Once: each form that is written asks again. */
cuv_status cuv_config_tell(cuv_config_writer *w, const cuv_detail *detail, const char *message)
{
    for (size_t i = 0; i < cuv_finding_count(w->cx); i++)
        if (cuv_streq(cuv_finding_at(w->cx, i)->message, message))
            return CUV_OK;
    cuv_note(w->cx, "write.migrated", detail, "%s", message);
    return CUV_OK;
}

cuv_status cuv_config_note(cuv_config_writer *w, const cuv_layer *layer, const char *old, const char *now)
{
    return cuv_config_tell(w, &(cuv_detail){.layer = layer->name, .expected = now, .found = old},
                cuv_format(w->cx, "'%s': %s of Keras %d is written as %s", layer->name, old, layer->keras, now));
}

/* What an older Keras 3 did, and no configuration makes today's do. */
static const char *lost_behaviour(const cuv_layer *layer)
{
    if (resizes(layer) && cuv_layer_since(layer, 6))
        return "images of another size than it cuts, which Keras 3.6 and 3.7 cut when they predict";
    if (cuv_streq(layer->def->name, "Embedding") && layer->quant && layer->quant->mode == CUV_Q_INT8 && !cuv_layer_since(layer, 3))
        return "a scale for each column, as Keras 3.1 and 3.2 have it";
    if (cuv_streq(layer->def->name, "DotProductAttention") && layer->on_tensorflow && layer->keras == 3 && layer->keras_minor == 6)
        return "scores that Keras 3.6 on TensorFlow multiplies by themselves";
    if (cuv_enlarges_wrong_axes(layer))
        return "images with channels first, whose new height and width Keras 3.0 and 3.1 take from the width and the channels";
    return NULL;
}

bool cuv_config_keeps_behaviour(const cuv_layer *layer)
{
    const bool renamed = cuv_streq(layer->def->name, "DotProductAttention") && !cuv_layer_since(layer, 12);     /* arguments went to its configuration */
    return !lost_behaviour(layer) && !resizes(layer) && !renamed;
}

cuv_status cuv_config_check_behaviour(cuv_config_writer *w, const cuv_layer *layer)
{
    const char *found = lost_behaviour(layer);
    return !found ? CUV_OK : cuv_fail(w->cx, CUV_UNSUPPORTED, "write.behaviour", &(cuv_detail){.layer = layer->name, .found = found,
                             .help = "write .onnx or .c"},
                             "'%s' (%s) has %s, and Keras now has not", layer->name, layer->def->name, found);
}

cuv_status cuv_keras3_class(cuv_config_writer *w, const cuv_layer *layer, const char **out)
{
    *out = layer->def->name;
    if (cuv_has_word(absent, layer->def->name))
        return cuv_fail(w->cx, CUV_UNSUPPORTED, "write.class", &(cuv_detail){.layer = layer->name, .found = layer->def->name,
                        .help = "cuvier computes it; only a configuration of Keras 3 cannot say it"},
                        "'%s' is a %s, which Keras 3 does not have", layer->name, layer->def->name);
    double scale, offset;
    if (cuv_lambda_affine(layer, &scale, &offset)) {
        *out = "Rescaling";
        return cuv_config_tell(w, &(cuv_detail){.layer = layer->name, .expected = "Rescaling", .found = cuv_arg_text(layer, "cuvier_text")},
                    cuv_format(w->cx, "'%s': the Lambda %s is written as Rescaling(%.9g, %.9g), which is assumed to be all that its code does", layer->name,
                               cuv_arg_text(layer, "cuvier_text"), scale, offset));
    }
    CUV_TRY(cuv_config_check_behaviour(w, layer));
    if (resizes(layer)) {
        *out = "Resizing";
        return cuv_config_note(w, layer, "RandomCrop, which cuts and enlarges when it predicts,", "Resizing with crop_to_aspect_ratio=True, which does so in training, too");
    }
    if (!cuv_streq(layer->def->name, "ThresholdedReLU"))
        return CUV_OK;
    *out = "ReLU";      /* they differ where x is the threshold itself, and there by that one value */
    return cuv_config_note(w, layer, "ThresholdedReLU", "ReLU with a threshold (x = theta itself passes)");
}

/* RandomShear(0.2) says [-0.2, 0.2] in its configuration, which it does not take back. */
static cuv_status shear_factors(cuv_config_writer *w, cuv_value *config)
{
    static const char *const names[] = {"x_factor", "y_factor"};
    for (size_t i = 0; i < 2; i++) {
        double lower, upper;
        const cuv_value *v = cuv_get(config, names[i]);
        if (cuv_len(v) == 2 && cuv_as_real(cuv_item(v, 0), &lower) && cuv_as_real(cuv_item(v, 1), &upper) && lower <= 0 && lower == -upper)
            CUV_TRY(cuv_dict_set(w->arena, config, names[i], cuv_value_real(w->arena, upper)));
    }
    return CUV_OK;
}

/* Beside a layer that goes backwards Bidirectional of Keras 2 makes one that goes forwards, and Keras 3 another that goes backwards. */
static cuv_status opposite_layer(cuv_config_writer *w, cuv_value *config)
{
    const cuv_value *own = cuv_get(cuv_get(config, "layer"), "config");
    if (!cuv_get_bool(own, "go_backwards", false) || !cuv_is_null(cuv_get(config, "backward_layer")))
        return CUV_OK;
    cuv_value *record = cuv_value_copy(w->arena, cuv_get(config, "layer")), *inside = cuv_value_copy(w->arena, own);
    if (!record || !inside)
        return cuv_oom(w->cx);
    CUV_TRY(cuv_dict_set(w->arena, inside, "go_backwards", cuv_value_bool(w->arena, false)));
    CUV_TRY(cuv_dict_set(w->arena, record, "config", inside));
    return cuv_dict_set(w->arena, config, "backward_layer", record);
}

cuv_status cuv_keras3_params(cuv_config_writer *w, const cuv_layer *layer, cuv_value *config)
{
    if (cuv_streq(layer->def->name, "Bidirectional") && layer->keras < 3)
        return opposite_layer(w, config);
    if (cuv_streq(layer->def->name, "RandomShear"))
        return shear_factors(w, config);
    if (resizes(layer))
        return cuv_dict_set(w->arena, config, "crop_to_aspect_ratio", cuv_value_bool(w->arena, true));
    double scale, offset;
    if (cuv_lambda_affine(layer, &scale, &offset)) {
        CUV_TRY(cuv_dict_set(w->arena, config, "scale", cuv_value_real(w->arena, scale)));
        return cuv_dict_set(w->arena, config, "offset", cuv_value_real(w->arena, offset));
    }
    if (!cuv_streq(layer->def->name, "ThresholdedReLU"))
        return CUV_OK;
    return cuv_dict_set(w->arena, config, "threshold", cuv_value_real(w->arena, cuv_arg_real(layer, "theta")));
}

/* Attention(causal=True) has become an argument of the call. */
cuv_status cuv_keras3_call(cuv_config_writer *w, const cuv_layer *layer, cuv_value *kwargs)
{
    if (!cuv_has_word("Attention AdditiveAttention", layer->def->name) || !cuv_arg_bool(layer, "causal") ||
        cuv_get(kwargs, "use_causal_mask"))
        return CUV_OK;
    CUV_TRY(cuv_config_note(w, layer, "causal=True", "use_causal_mask=True in its call"));
    return cuv_dict_set(w->arena, kwargs, "use_causal_mask", cuv_value_bool(w->arena, true));
}

/* ---- activations */

/* In the dtype that the layer computes in. */
static cuv_status add_layer(cuv_config_writer *w, const cuv_layer *of, cuv_value *list, const char *class_name, const char *name, cuv_value **config)
{
    cuv_value *o = cuv_value_dict(w->arena);
    *config = cuv_value_dict(w->arena);
    if (!o || !*config)
        return cuv_oom(w->cx);
    CUV_TRY(cuv_dict_set(w->arena, o, "module", cuv_value_text(w->arena, "keras.layers")));
    CUV_TRY(cuv_dict_set(w->arena, o, "class_name", cuv_value_text(w->arena, class_name)));
    CUV_TRY(cuv_dict_set(w->arena, o, "config", *config));
    CUV_TRY(cuv_dict_set(w->arena, o, "registered_name", cuv_value_null(w->arena)));
    CUV_TRY(cuv_dict_set(w->arena, *config, "name", cuv_value_text(w->arena, name)));
    if (of->compute != CUV_F32)
        CUV_TRY(cuv_config_text(w, *config, "dtype", cuv_dtype_name(of->compute)));
    return cuv_list_add(w->arena, list, o);
}

/* hard_sigmoid of Keras 1 and 2 is clip(0.2 x + 0.5, 0, 1); under this name Keras 3 computes relu6(x + 3) / 6. A Sequential is a
 * function too, and says the former. */
cuv_status cuv_keras3_hard_sigmoid(cuv_config_writer *w, const cuv_layer *layer, const char *param, cuv_value **out)
{
    cuv_arena *a = w->arena;
    cuv_value *list = cuv_value_list(a), *whole = cuv_value_list(a), *config;
    if (!list || !whole)
        return cuv_oom(w->cx);
    CUV_TRY(add_layer(w, layer, list, "Rescaling", "scale", &config));
    CUV_TRY(cuv_dict_set(a, config, "scale", cuv_value_real(a, 0.2)));
    CUV_TRY(cuv_dict_set(a, config, "offset", cuv_value_real(a, 0.5)));
    CUV_TRY(add_layer(w, layer, list, "ReLU", "clip", &config));
    CUV_TRY(cuv_dict_set(a, config, "max_value", cuv_value_real(a, 1)));
    CUV_TRY(add_layer(w, layer, whole, "Sequential", "hard_sigmoid_of_keras_2", &config));
    CUV_TRY(cuv_dict_set(a, config, "trainable", cuv_value_bool(a, true)));
    CUV_TRY(cuv_dict_set(a, config, "layers", list));
    *out = cuv_item(whole, 0);
    CUV_TRY(cuv_dict_set(a, *out, "module", cuv_value_text(a, "keras")));
    return cuv_config_note(w, layer, cuv_format(w->cx, "%s='hard_sigmoid'", param),
                "Sequential([Rescaling(0.2, 0.5), ReLU(max_value=1)]): Keras 3 computes another function under that name");
}
