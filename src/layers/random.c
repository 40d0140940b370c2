/* Layers that change images in training only: Random*, MixUp and their like. At inference they give what they get, most of them as floats.
 * Which they are was measured on Keras 3.15 with training=False. */
#include "layers/image.h"

static cuv_status random_lower(cuv_call *call)
{
    return cuv_call_return(call, cuv_float_in(call, 0));
}

/* Since Keras 3.8 these leave images of integers what they are. */
static cuv_status keeping_lower(cuv_call *call)
{
    return cuv_layer_since(call->layer, 8) ? cuv_call_return(call, call->in[0].value) : random_lower(call);
}

/* At inference Keras 2 and 3.0 to 3.5 cut the image to the crop's ratio and resize it; 3.6 and 3.7 cut the crop out from where that would begin, and
 * resize only what is too small; later ones leave the image as it is. */
static cuv_status crop_lower(cuv_call *call)
{
    return cuv_layer_since(call->layer, 8) ? keeping_lower(call) : cuv_layer_since(call->layer, 6) ? cuv_crop_from_middle(call) : cuv_crop_middle(call, true);
}

#define LAYER(id, class, old, rows, how, bits)                                                                                \
    const cuv_layer_def cuv_layer_##id = {.name = class, .old_names = old, .doc = "y = x at inference", .params = rows,       \
                                          .flags = bits, .lower = how}
#define RANDOM(id, class, old, rows, bits) LAYER(id, class, old, rows, random_lower, bits)
#define KEEPING(id, class, old, rows, bits) LAYER(id, class, old, rows, keeping_lower, bits)

static const cuv_param equalization_params[] = {INERT("value_range", "(0, 255)"), INERT("bins", "256"), INERT("data_format", "None"),
    INERT("factor", "None"), BOXES, CUV_PARAM_END};
RANDOM(equalization, "Equalization", NULL, equalization_params, CUV_LF_DICT);

/* Images pass; what becomes of boxes, which come in dicts, is in image_dict.c. */
static const cuv_param max_num_bounding_boxes_params[] = {
    P("max_number", INT, NULL), P("fill_value", INT, "-1"), INERT("data_format", "None"), INERT("factor", "None"), BOXES,
    CUV_PARAM_END};
KEEPING(max_num_bounding_boxes, "MaxNumBoundingBoxes", NULL, max_num_bounding_boxes_params, CUV_LF_DICT);

static const cuv_param random_brightness_params[] = {
    INERT("factor", NULL), INERT("value_range", "(0, 255)"), INERT("seed", "None"), INERT("data_format", "None"), BOXES,
    CUV_PARAM_END};
KEEPING(random_brightness, "RandomBrightness", NULL, random_brightness_params, CUV_LF_DICT);

static const cuv_param random_color_degeneration_params[] = {
    INERT("factor", NULL), INERT("value_range", "(0, 255)"), INERT("data_format", "None"), INERT("seed", "None"), BOXES,
    CUV_PARAM_END};
KEEPING(random_color_degeneration, "RandomColorDegeneration", NULL, random_color_degeneration_params, CUV_LF_DICT);

static const cuv_param random_color_jitter_params[] = {
    INERT("value_range", "(0, 255)"), INERT("brightness_factor", "None"), INERT("contrast_factor", "None"),
    INERT("saturation_factor", "None"), INERT("hue_factor", "None"), INERT("seed", "None"),
    INERT("data_format", "None"), INERT("factor", "None"), BOXES,
    CUV_PARAM_END};
KEEPING(random_color_jitter, "RandomColorJitter", NULL, random_color_jitter_params, CUV_LF_DICT);

static const cuv_param random_contrast_params[] = {
    INERT("factor", NULL), INERT("value_range", "(0, 255)"), INERT("seed", "None"), INERT("data_format", "None"), BOXES,
    CUV_PARAM_END};
KEEPING(random_contrast, "RandomContrast", NULL, random_contrast_params, CUV_LF_DICT);

static const cuv_param random_crop_params[] = {
    P("height", INT, NULL, .allowed = ">=1"), P("width", INT, NULL, .allowed = ">=1"), INERT("seed", "None"), INERT("data_format", "None"),
    INERT("name", "None"), INERT("factor", "None"), BOXES,
    CUV_PARAM_END};
const cuv_layer_def cuv_layer_random_crop = {
    .name = "RandomCrop", .doc = "y = x at inference (before Keras 3.8: the middle)", .params = random_crop_params,
    .flags = CUV_LF_DICT | CUV_LF_NO_AUTOCAST, .lower = crop_lower,
};

static const cuv_param random_elastic_transform_params[] = {
    INERT("factor", "1.0"), INERT("scale", "1.0"), INERT("interpolation", "'bilinear'"),
    INERT("fill_mode", "'reflect'"), INERT("fill_value", "0.0"), INERT("value_range", "(0, 255)"),
    INERT("seed", "None"), INERT("data_format", "None"), BOXES,
    CUV_PARAM_END};
RANDOM(random_elastic_transform, "RandomElasticTransform", NULL, random_elastic_transform_params, CUV_LF_DICT);

static const cuv_param random_erasing_params[] = {
    INERT("factor", "1.0"), INERT("scale", "(0.02, 0.33)"), INERT("fill_value", "None"),
    INERT("value_range", "(0, 255)"), INERT("seed", "None"), INERT("data_format", "None"), BOXES,
    CUV_PARAM_END};
RANDOM(random_erasing, "RandomErasing", NULL, random_erasing_params, CUV_LF_DICT);

static const cuv_param random_flip_params[] = {
    INERT("mode", "'horizontal_and_vertical'"), INERT("seed", "None"), INERT("data_format", "None"), BOXES,
    CUV_PARAM_END};
RANDOM(random_flip, "RandomFlip", NULL, random_flip_params, CUV_LF_DICT | CUV_LF_NO_AUTOCAST);

static const cuv_param random_gaussian_blur_params[] = {
    INERT("factor", "1.0"), INERT("kernel_size", "3"), INERT("sigma", "1.0"), INERT("value_range", "(0, 255)"),
    INERT("data_format", "None"), INERT("seed", "None"), BOXES,
    CUV_PARAM_END};
RANDOM(random_gaussian_blur, "RandomGaussianBlur", NULL, random_gaussian_blur_params, CUV_LF_DICT);

static const cuv_param random_grayscale_params[] = {
    INERT("factor", "0.5"), INERT("data_format", "None"), INERT("seed", "None"), BOXES,
    CUV_PARAM_END};
KEEPING(random_grayscale, "RandomGrayscale", NULL, random_grayscale_params, CUV_LF_NONE);

static const cuv_param random_hue_params[] = {
    INERT("factor", NULL), INERT("value_range", "(0, 255)"), INERT("data_format", "None"), INERT("seed", "None"), BOXES,
    CUV_PARAM_END};
KEEPING(random_hue, "RandomHue", NULL, random_hue_params, CUV_LF_DICT);

static const cuv_param random_invert_params[] = {
    INERT("factor", "1.0"), INERT("value_range", "(0, 255)"), INERT("seed", "None"), INERT("data_format", "None"), BOXES,
    CUV_PARAM_END};
KEEPING(random_invert, "RandomInvert", NULL, random_invert_params, CUV_LF_DICT);

static const cuv_param random_perspective_params[] = {
    INERT("factor", "1.0"), INERT("scale", "1.0"), INERT("interpolation", "'bilinear'"), INERT("fill_value", "0.0"),
    INERT("seed", "None"), INERT("data_format", "None"), BOXES,
    CUV_PARAM_END};
RANDOM(random_perspective, "RandomPerspective", NULL, random_perspective_params, CUV_LF_DICT);

static const cuv_param random_posterization_params[] = {
    INERT("factor", NULL), INERT("value_range", "(0, 255)"), INERT("data_format", "None"), INERT("seed", "None"), BOXES,
    CUV_PARAM_END};
KEEPING(random_posterization, "RandomPosterization", NULL, random_posterization_params, CUV_LF_DICT);

static const cuv_param random_rotation_params[] = {
    INERT("factor", NULL), INERT("fill_mode", "'reflect'"), INERT("interpolation", "'bilinear'"),
    INERT("seed", "None"), INERT("fill_value", "0.0"), INERT("data_format", "None"), INERT("value_range", "(0, 255)"), BOXES,
    CUV_PARAM_END};
RANDOM(random_rotation, "RandomRotation", NULL, random_rotation_params, CUV_LF_DICT);

static const cuv_param random_saturation_params[] = {
    INERT("factor", NULL), INERT("value_range", "(0, 255)"), INERT("data_format", "None"), INERT("seed", "None"), BOXES,
    CUV_PARAM_END};
KEEPING(random_saturation, "RandomSaturation", NULL, random_saturation_params, CUV_LF_DICT);

static const cuv_param random_sharpness_params[] = {
    INERT("factor", NULL), INERT("value_range", "(0, 255)"), INERT("data_format", "None"), INERT("seed", "None"), BOXES,
    CUV_PARAM_END};
RANDOM(random_sharpness, "RandomSharpness", NULL, random_sharpness_params, CUV_LF_DICT);

static const cuv_param random_shear_params[] = {
    INERT("x_factor", "0.0"), INERT("y_factor", "0.0"), INERT("interpolation", "'bilinear'"),
    INERT("fill_mode", "'reflect'"), INERT("fill_value", "0.0"), INERT("data_format", "None"), INERT("seed", "None"), BOXES,
    CUV_PARAM_END};
RANDOM(random_shear, "RandomShear", NULL, random_shear_params, CUV_LF_DICT);

static const cuv_param random_translation_params[] = {
    INERT("height_factor", NULL), INERT("width_factor", NULL), INERT("fill_mode", "'reflect'"),
    INERT("interpolation", "'bilinear'"), INERT("seed", "None"), INERT("fill_value", "0.0"),
    INERT("data_format", "None"), BOXES,
    CUV_PARAM_END};
RANDOM(random_translation, "RandomTranslation", NULL, random_translation_params, CUV_LF_DICT);

static const cuv_param random_zoom_params[] = {
    INERT("height_factor", NULL), INERT("width_factor", "None"), INERT("fill_mode", "'reflect'"),
    INERT("interpolation", "'bilinear'"), INERT("seed", "None"), INERT("fill_value", "0.0"),
    INERT("data_format", "None"), BOXES,
    CUV_PARAM_END};
RANDOM(random_zoom, "RandomZoom", NULL, random_zoom_params, CUV_LF_DICT);

static const cuv_param aug_mix_params[] = {
    INERT("value_range", "(0, 255)"), INERT("num_chains", "3"), INERT("chain_depth", "3"), INERT("factor", "0.3"),
    INERT("alpha", "1.0"), INERT("all_ops", "True"), INERT("interpolation", "'bilinear'"), INERT("seed", "None"),
    INERT("data_format", "None"), BOXES,
    CUV_PARAM_END};
RANDOM(aug_mix, "AugMix", NULL, aug_mix_params, CUV_LF_DICT);

static const cuv_param cut_mix_params[] = {
    INERT("factor", "1.0"), INERT("seed", "None"), INERT("data_format", "None"), BOXES,
    CUV_PARAM_END};
RANDOM(cut_mix, "CutMix", NULL, cut_mix_params, CUV_LF_DICT);

static const cuv_param mix_up_params[] = {
    INERT("alpha", "0.2"), INERT("data_format", "None"), INERT("seed", "None"), INERT("factor", "None"), BOXES,
    CUV_PARAM_END};
KEEPING(mix_up, "MixUp", NULL, mix_up_params, CUV_LF_DICT);

static const cuv_param rand_augment_params[] = {
    INERT("value_range", "(0, 255)"), INERT("num_ops", "2"), INERT("factor", "0.5"),
    INERT("interpolation", "'bilinear'"), INERT("seed", "None"), INERT("data_format", "None"), BOXES,
    CUV_PARAM_END};
RANDOM(rand_augment, "RandAugment", NULL, rand_augment_params, CUV_LF_DICT);

static const cuv_param solarization_params[] = {
    INERT("addition_factor", "0.0"), INERT("threshold_factor", "0.0"), INERT("value_range", "(0, 255)"),
    INERT("seed", "None"), INERT("data_format", "None"), BOXES,
    CUV_PARAM_END};
RANDOM(solarization, "Solarization", NULL, solarization_params, CUV_LF_DICT);

/* Keras 2 only. */
static const cuv_param random_size_params[] = {INERT("factor", NULL), INERT("interpolation", "'bilinear'"), INERT("seed", "None"),
                                               CUV_PARAM_END};
RANDOM(random_height, "RandomHeight", NULL, random_size_params, CUV_LF_NONE);
RANDOM(random_width, "RandomWidth", NULL, random_size_params, CUV_LF_NONE);
