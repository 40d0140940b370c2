/* Shapes of weights that nothing has set yet, for code that asks (w.shape, w.size) before it sets them. Only where the layer's class,
 * its arguments and its input leave no choice; elsewhere they stay unknown, and binding finds them later. */
#include "evidence/script.h"

typedef struct seen {               /* what a layer is called with */
    int rank;
    int64_t shape[CUV_MAX_RANK];
} seen;

static bool number(const cuv_sl *layer, const char *name, int64_t *out)
{
    return cuv_sv_as_int(cuv_sv_get(layer->config, name), out) && *out > 0 && *out < ((int64_t)1 << 31);
}

static bool give(int64_t *shape, int *rank, int64_t size)
{
    if (size <= 0 || *rank >= CUV_MAX_RANK)
        return false;
    shape[(*rank)++] = size;
    return true;
}

/* The last axis; the first after the batch where the channels come first. */
static int64_t channels(const cuv_sc *e, const cuv_sl *layer, const seen *in)
{
    const cuv_sv *format = cuv_sv_get(layer->config, "data_format");
    bool first = format && format->kind == CUV_SV_TEXT ? cuv_sv_is(format, "channels_first") : e->channels_first;
    return in->rank < 2 ? -1 : in->shape[first ? 1 : in->rank - 1];
}

static bool window(const cuv_sl *layer, int axes, int64_t fill, int64_t *shape, int *rank)
{
    const cuv_sv *size = cuv_sv_get(layer->config, "kernel_size");
    int64_t one = 0;
    if (!size || (cuv_sv_is_seq(size) && size->count != (size_t)axes))
        return false;
    for (int i = 0; i < axes; i++)
        if (!cuv_sv_as_int(cuv_sv_is_seq(size) ? size->items[i] : size, &one) || !give(shape, rank, fill ? fill : one))
            return false;
    return true;
}

static bool conv(const cuv_sc *e, const cuv_sl *layer, const char *weight, const seen *in, int64_t *shape, int *rank)
{
    const char *digit = strpbrk(layer->class_name, "123");
    int64_t filters = 0, groups = 1, times = 1, from = channels(e, layer, in);
    int axes = digit ? *digit - '0' : 0;
    bool depthwise = cuv_starts_with(layer->class_name, "Depthwise"), transposed = cuv_ends_with(layer->class_name, "Transpose");
    bool given = number(layer, "filters", &filters);
    if (cuv_sv_get(layer->config, "groups") && !number(layer, "groups", &groups))
        return false;
    if (cuv_sv_get(layer->config, "depth_multiplier") && !number(layer, "depth_multiplier", &times))
        return false;
    if (in->rank != axes + 2 || from <= 0 || from % groups || times > 1024 || from > (1 << 30) / times)
        return false;
    if (cuv_streq(weight, "bias"))
        return depthwise ? give(shape, rank, from * times) : given && give(shape, rank, filters);
    if (cuv_streq(weight, "pointwise_kernel"))
        return window(layer, axes, 1, shape, rank) && give(shape, rank, from * times) && given && give(shape, rank, filters);
    if (!window(layer, axes, 0, shape, rank))
        return false;
    if (depthwise || cuv_streq(weight, "depthwise_kernel"))
        return give(shape, rank, from) && give(shape, rank, times);
    return given && give(shape, rank, transposed ? filters : from / groups) && give(shape, rank, transposed ? from : filters);
}

/* GRU's bias has a second row with reset_after, which releases of Keras choose differently when the code does not say. */
static bool recurrent(const cuv_sl *layer, const char *weight, const seen *in, int64_t *shape, int *rank)
{
    const cuv_sv *reset = cuv_sv_get(layer->config, "reset_after");
    int64_t units = 0, gates = layer->class_name[0] == 'L' ? 4 : layer->class_name[0] == 'G' ? 3 : 1;
    bool known = true, gru = gates == 3;
    if (!number(layer, "units", &units) || in->rank != 3)
        return false;
    if (cuv_streq(weight, "kernel"))
        return give(shape, rank, in->shape[2]) && give(shape, rank, gates * units);
    if (cuv_streq(weight, "recurrent_kernel"))
        return give(shape, rank, units) && give(shape, rank, gates * units);
    bool two = gru && reset && cuv_sv_truth(reset, &known);
    if ((gru && !reset) || !known || (two && !give(shape, rank, 2)))
        return false;
    return give(shape, rank, gates * units);
}

/* One axis; lists of axes stay unknown. */
static bool normalized(const cuv_sl *layer, const seen *in, int64_t *shape, int *rank)
{
    const cuv_sv *given = cuv_sv_get(layer->config, "axis");
    int64_t axis = -1;
    if (given && !cuv_sv_as_int(given, &axis))
        return false;
    axis += axis < 0 ? in->rank : 0;
    return axis > 0 && axis < in->rank && give(shape, rank, in->shape[axis]);
}

static bool shape_of(const cuv_sc *e, const cuv_sl *layer, const char *weight, const seen *in, int64_t *shape, int *rank)
{
    const char *name = layer->class_name;
    int64_t units = 0, rows = 0;
    if (cuv_streq(name, "Dense") && number(layer, "units", &units) && in->rank > 1)
        return (cuv_streq(weight, "bias") || give(shape, rank, in->shape[in->rank - 1])) && give(shape, rank, units);
    if (cuv_streq(name, "Embedding"))
        return number(layer, "input_dim", &rows) && number(layer, "output_dim", &units) && give(shape, rank, rows) &&
               give(shape, rank, units);
    if (cuv_word_in("LSTM GRU SimpleRNN", name))
        return recurrent(layer, weight, in, shape, rank);
    if (cuv_word_in("BatchNormalization LayerNormalization", name))
        return normalized(layer, in, shape, rank);
    return cuv_word_in("Conv1D Conv2D Conv3D Conv1DTranspose Conv2DTranspose Conv3DTranspose DepthwiseConv1D DepthwiseConv2D "
                       "SeparableConv1D SeparableConv2D", name) && conv(e, layer, weight, in, shape, rank);
}

/* TimeDistributed hands on one step of what it is called with. */
static bool seen_by(const cuv_sl *called, seen *in)
{
    const cuv_st *t = called->call_count && called->calls[0]->input_count ? called->calls[0]->inputs[0] : NULL;
    bool steps = cuv_streq(called->class_name, "TimeDistributed");
    if (!t || !t->shaped || (steps && t->rank < 2))
        return false;
    in->rank = t->rank - steps;
    for (int i = 0; i < in->rank; i++)
        in->shape[i] = t->shape[i == 0 ? 0 : i + steps];
    return true;
}

bool cuv_sl_weight_shape(const cuv_sc *e, const cuv_sl *called, const cuv_sl *owner, const char *weight, int64_t *shape, int *rank)
{
    seen in = {0};
    *rank = 0;
    return owner->kind == CUV_SL_LAYER && (cuv_streq(owner->class_name, "Embedding") || seen_by(called, &in)) &&
           shape_of(e, owner, weight, &in, shape, rank);
}
