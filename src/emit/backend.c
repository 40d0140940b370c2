/* What the backend of an old model computed otherwise than TensorFlow 2, and so no configuration can say. Kernels
 * of Theano are turned when weights are written (src/write.c). */
#include "emit/config.h"
#include "layers/support.h"

#include <string.h>

/* Cells before the image along one axis: Theano's, and TensorFlow's of the same size of output (quirks 1, 4). */
typedef struct margins { int64_t theano, tensorflow; } margins;

static margins conv_margins(int64_t n, int64_t reach, int64_t stride)
{
    int64_t total = n < 0 ? (stride == 1 ? reach - 1 : -1) : ((n + stride - 1) / stride - 1) * stride + reach - n;
    return (margins){reach / 2, total < 0 ? (n < 0 ? -1 : 0) : total / 2};
}

static margins pool_margins(int64_t n, int64_t size, int64_t stride)
{
    int64_t total = n < 0 ? -1 : ((n + stride - 1) / stride - 1) * stride + size - n;
    return (margins){size > 2 && size % 2 ? size - 2 : size - 1, total < 0 ? (n < 0 ? -1 : 0) : total / 2};
}

/* A transposed convolution: what is cut before the output. */
static margins transpose_margins(int64_t reach, int64_t stride)
{
    return (margins){reach / 2, reach > stride ? (reach - stride) / 2 : 0};
}

static bool has_row(const cuv_layer *layer, const char *name)
{
    for (size_t i = 0; layer->def->params && layer->def->params[i].name; i++)
        if (strcmp(layer->def->params[i].name, name) == 0)
            return true;
    return false;
}

static bool pads_alike(const cuv_layer *layer)
{
    int64_t size[3] = {1, 1, 1}, stride[3] = {1, 1, 1}, dilation[3] = {1, 1, 1};
    bool pool = has_row(layer, "pool_size"), transpose = cuv_ends_with(layer->def->name, "Transpose");
    bool recurrent = cuv_starts_with(layer->def->name, "ConvLSTM");
    cuv_arg_sizes(layer, pool ? "pool_size" : "kernel_size", size);
    cuv_arg_sizes(layer, pool && cuv_arg_none(layer, "strides") ? "pool_size" : "strides", stride);
    if (has_row(layer, "dilation_rate"))
        cuv_arg_sizes(layer, "dilation_rate", dilation);
    for (int i = 0; i < layer->def->spatial; i++) {
        int64_t n = layer->in_rank > 1 + i + recurrent
            ? layer->in_shape[i + (layer->channels_first ? 2 : 1) + recurrent] : -1;
        int64_t reach = (size[i] - 1) * dilation[i] + 1;
        margins m = pool ? pool_margins(n, size[i], stride[i]) : transpose ? transpose_margins(reach, stride[i])
                                                                           : conv_margins(n, reach, stride[i]);
        if (m.theano != m.tensorflow || (recurrent && size[i] % 2 == 0))
            return false;
    }
    return true;
}

/* ---- convolutions: 'same' of Theano is a layer of padding and a convolution without */

bool cuv_config_padded(const cuv_layer *layer)
{
    const char *name = layer->def->name;
    bool plain = cuv_streq(name, "Conv1D") || cuv_streq(name, "Conv2D") || cuv_streq(name, "Conv3D");
    return layer->theano && plain && cuv_arg_is(layer, "padding", "same") && !pads_alike(layer);
}

static cuv_status margin_value(cuv_config_writer *w, const cuv_layer *layer, int axis, cuv_value **out)
{
    int64_t size[3] = {1, 1, 1}, dilation[3] = {1, 1, 1};
    cuv_arg_sizes(layer, "kernel_size", size);
    if (has_row(layer, "dilation_rate"))
        cuv_arg_sizes(layer, "dilation_rate", dilation);
    const int64_t reach = (size[axis] - 1) * dilation[axis] + 1;
    *out = cuv_value_list(w->arena);
    if (!*out)
        return cuv_oom(w->cx);
    CUV_TRY(cuv_list_add(w->arena, *out, cuv_value_int(w->arena, reach / 2)));
    return cuv_list_add(w->arena, *out, cuv_value_int(w->arena, (reach - 1) / 2));
}

const char *cuv_config_free_name(cuv_config_writer *w, const char *name)
{
    for (size_t i = 0; i < w->m->layer_count; i++)
        if (cuv_streq(w->m->layers[i]->name, name)) {
            name = cuv_format(w->cx, "%s_", name);
            i = SIZE_MAX;               /* from the start */
        }
    return cuv_keras3_name(w, name);
}

/* The layer before the convolution, whose own record `conv` then pads nothing. Half the kernel on each side, whatever the stride (quirks 4). */
cuv_status cuv_config_padding(cuv_config_writer *w, const cuv_layer *layer, cuv_value *conv, cuv_value **out)
{
    const int axes = layer->def->spatial;
    cuv_value *config = NULL, *sides = cuv_value_list(w->arena), *own = cuv_get(conv, "config"), *one = NULL;
    const char *name = cuv_config_free_name(w, cuv_format(w->cx, "%s_padding", layer->name));
    if (!sides || !name)
        return cuv_oom(w->cx);
    CUV_TRY(cuv_config_object(w, "keras.layers", cuv_format(w->cx, "ZeroPadding%dD", axes), NULL, &config, out));
    for (int i = 0; i < axes; i++) {
        CUV_TRY(margin_value(w, layer, i, &one));
        CUV_TRY(cuv_list_add(w->arena, sides, one));
    }
    CUV_TRY(cuv_dict_set(w->arena, config, "name", cuv_value_text(w->arena, name)));
    CUV_TRY(cuv_dict_set(w->arena, config, "dtype", cuv_get(own, "dtype")));
    CUV_TRY(cuv_dict_set(w->arena, config, "padding", axes == 1 ? one : sides));
    CUV_TRY(cuv_config_text(w, config, "data_format", layer->channels_first ? "channels_first" : "channels_last"));
    CUV_TRY(cuv_config_text(w, own, "padding", "valid"));
    return cuv_config_note(w, layer, "padding='same' of Theano", "a layer of padding before a convolution without");
}

/* A bias along an axis that is not its own, or that the reader will add along such a one (src/layers/bias.c). */
static const char *odd_bias(cuv_config_writer *w, const cuv_layer *layer, int keras)
{
    if (layer->bias == CUV_BIAS_MOVED && keras == 2)
        return cuv_format(w->cx, "the bias along axis %d, where only Keras 3.7 and later on TensorFlow adds it", layer->bias_axis);
    if (layer->bias == CUV_BIAS_MISTAKABLE && keras == 3)
        cuv_warn(w->cx, "write.bias_axis", &(cuv_detail){.layer = layer->name, .help = "run it on JAX or PyTorch, or write .onnx or .c"},
                 "'%s' (%s): Keras 3.7 and later on TensorFlow will add its bias along another axis, which has as many places", layer->name,
                 layer->def->name);
    return NULL;
}

cuv_status cuv_config_check_backend(cuv_config_writer *w, const cuv_layer *layer, int keras, bool splits)
{
    const char *found = NULL;
    bool padded = layer->theano && layer->def->spatial && has_row(layer, "padding") && has_row(layer, "strides");
    if (padded && (cuv_arg_is(layer, "padding", "same") || cuv_starts_with(layer->def->name, "ConvLSTM")) &&
        !pads_alike(layer) && !(splits && cuv_config_padded(layer)))
        found = "padding='same' of Theano, which begins at another cell";
    if (layer->tf1 && cuv_streq(layer->def->name, "UpSampling2D") && !cuv_arg_is(layer, "interpolation", "nearest"))
        found = "the bilinear enlarging of TensorFlow 1, which has other weights";
    if (keras == 3 && cuv_get_bool(layer->config, "time_major", false) && cuv_has_word("LSTM GRU SimpleRNN", layer->def->name))
        found = "time_major=True, which Keras 3 does not have";
    if (!found)
        found = odd_bias(w, layer, keras);
    if (!found)
        return CUV_OK;
    return cuv_fail(w->cx, CUV_UNSUPPORTED, "write.behaviour", &(cuv_detail){.layer = layer->name, .found = found,
                    .help = "cuvier computes it: write .onnx or .c"},
                    "'%s' (%s) has %s: no configuration can say it", layer->name, layer->def->name, found);
}
