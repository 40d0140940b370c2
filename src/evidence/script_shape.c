/* Shapes of symbolic tensors where a plain rule gives them, for code that asks (x.shape[-1], K.int_shape(x)). What has no rule here
 * stays unknown; the model's real shapes are found later, by the layers themselves. */
#include "evidence/script.h"

typedef void rule(cuv_sn *call);

/* ---- arguments ---- */

static const cuv_sv *argument(const cuv_sl *layer, const char *name, const char *old)
{
    const cuv_sv *v = cuv_sv_get(layer->config, name);
    return v || !old ? v : cuv_sv_get(layer->config, old);
}

static int64_t number(const cuv_sl *layer, const char *name, const char *old, int64_t fallback)
{
    int64_t i = 0;
    return cuv_sv_as_int(argument(layer, name, old), &i) ? i : fallback;
}

static bool flag(const cuv_sl *layer, const char *name)
{
    bool known = true;
    const cuv_sv *v = argument(layer, name, NULL);
    return v && cuv_sv_truth(v, &known) && known;
}

/* One number for all axes, or one an axis. */
static bool sizes(const cuv_sl *layer, const char *name, const char *old, int axes, int64_t fallback, int64_t *out)
{
    const cuv_sv *v = argument(layer, name, old);
    int64_t one = fallback;
    bool all = !v || v->kind == CUV_SV_NONE || cuv_sv_as_int(v, &one);
    if (!all && (!cuv_sv_is_seq(v) || v->count != (size_t)axes))
        return false;
    for (int i = 0; i < axes; i++) {
        out[i] = one;
        if (!all && !cuv_sv_as_int(v->items[i], &out[i]))
            return false;
    }
    return true;
}

static bool channels_first(const cuv_sl *layer)
{
    const cuv_sv *v = argument(layer, "data_format", "dim_ordering");
    return cuv_sv_is(v, "channels_first") || cuv_sv_is(v, "th");
}

/* ---- outputs ---- */

static const cuv_st *input_of(const cuv_sn *call)
{
    const cuv_st *t = call->input_count ? call->inputs[0] : NULL;
    return t && t->shaped ? t : NULL;
}

static void give(cuv_sn *call, size_t output, const int64_t *shape, int rank)
{
    cuv_st *t = call->outputs[output];
    if (rank < 0 || rank > CUV_MAX_RANK)
        return;
    t->shaped = true;
    t->rank = rank;
    memcpy(t->shape, shape, (size_t)rank * sizeof *shape);
}

static void same(cuv_sn *call)
{
    const cuv_st *in = input_of(call);
    if (in)
        give(call, 0, in->shape, in->rank);
}

static void with_last(cuv_sn *call, int64_t last)
{
    const cuv_st *in = input_of(call);
    if (!in || in->rank < 1 || last <= 0)
        return;
    give(call, 0, in->shape, in->rank);
    call->outputs[0]->shape[in->rank - 1] = last;
}

static void dense(cuv_sn *call)
{
    with_last(call, number(call->layer, "units", "output_dim", 0));
}

static void embedding(cuv_sn *call)
{
    const cuv_st *in = input_of(call);
    if (!in || in->rank >= CUV_MAX_RANK)
        return;
    int64_t shape[CUV_MAX_RANK];
    memcpy(shape, in->shape, sizeof shape);
    shape[in->rank] = number(call->layer, "output_dim", NULL, -1);
    give(call, 0, shape, in->rank + 1);
}

/* Layers that take several tensors of shapes that broadcast; the first of the highest rank decides. */
static void merged(cuv_sn *call)
{
    int64_t shape[CUV_MAX_RANK];
    int rank = -1;
    for (size_t i = 0; i < call->input_count; i++) {
        const cuv_st *t = call->inputs[i];
        if (!t->shaped || (rank >= 0 && rank != t->rank))
            return;
        for (int k = 0; k < t->rank; k++)
            shape[k] = rank < 0 || shape[k] == 1 || (shape[k] < 0 && t->shape[k] != 1) ? t->shape[k] : shape[k];
        rank = t->rank;
    }
    if (rank >= 0)
        give(call, 0, shape, rank);
}

static void concatenated(cuv_sn *call)
{
    const cuv_st *first = input_of(call);
    if (!first)
        return;
    int64_t shape[CUV_MAX_RANK], axis = number(call->layer, "axis", "concat_axis", -1), total = 0;
    axis += axis < 0 ? first->rank : 0;
    if (axis < 0 || axis >= first->rank)
        return;
    memcpy(shape, first->shape, sizeof shape);
    for (size_t i = 0; i < call->input_count; i++) {
        const cuv_st *t = call->inputs[i];
        if (!t->shaped || t->rank != first->rank)
            return;
        if (t->shape[axis] < 0 || total < 0 || !cuv_add_i64(total, t->shape[axis], &total))
            total = -1;
    }
    shape[axis] = total;
    give(call, 0, shape, first->rank);
}

/* ---- shape ---- */

static int64_t product(const int64_t *shape, int from, int to)
{
    int64_t total = 1;
    for (int i = from; i < to; i++)
        if (shape[i] < 0 || !cuv_mul_i64(total, shape[i], &total))
            return -1;
    return total;
}

static void flatten(cuv_sn *call)
{
    const cuv_st *in = input_of(call);
    if (in && in->rank > 0)
        give(call, 0, (int64_t[]){in->shape[0], product(in->shape, 1, in->rank)}, 2);
}

static void reshape(cuv_sn *call)
{
    const cuv_st *in = input_of(call);
    const cuv_sv *to = argument(call->layer, "target_shape", "dims");
    int64_t shape[CUV_MAX_RANK];
    int open = 0;
    if (!in || !to || !cuv_sv_is_seq(to) || to->count >= CUV_MAX_RANK)
        return;
    shape[0] = in->shape[0];
    for (size_t i = 0; i < to->count; i++) {
        if (!cuv_sv_as_int(to->items[i], &shape[i + 1]))
            return;
        open = shape[i + 1] < 0 ? (int)i + 1 : open;
    }
    if (open) {
        shape[open] = 1;
        int64_t all = product(in->shape, 1, in->rank), rest = product(shape, 1, (int)to->count + 1);
        shape[open] = all >= 0 && rest > 0 ? all / rest : -1;
    }
    give(call, 0, shape, (int)to->count + 1);
}

static void permute(cuv_sn *call)
{
    const cuv_st *in = input_of(call);
    const cuv_sv *dims = argument(call->layer, "dims", NULL);
    int64_t shape[CUV_MAX_RANK], at = 0;
    if (!in || !dims || !cuv_sv_is_seq(dims) || (int)dims->count + 1 != in->rank)
        return;
    shape[0] = in->shape[0];
    for (size_t i = 0; i < dims->count; i++) {
        if (!cuv_sv_as_int(dims->items[i], &at) || at < 1 || at >= in->rank)
            return;
        shape[i + 1] = in->shape[at];
    }
    give(call, 0, shape, in->rank);
}

static void repeat_vector(cuv_sn *call)
{
    const cuv_st *in = input_of(call);
    if (in && in->rank == 2)
        give(call, 0, (int64_t[]){in->shape[0], number(call->layer, "n", NULL, -1), in->shape[1]}, 3);
}

/* ---- windows ---- */

static int spatial(const cuv_sl *layer)
{
    const char *d = strstr(layer->class_name, "D");
    for (; d; d = strstr(d + 1, "D"))
        if (d > layer->class_name && d[-1] >= '1' && d[-1] <= '3')
            return d[-1] - '0';
    return 0;
}

static int64_t windowed(int64_t size, int64_t window, int64_t stride, int64_t dilation, const cuv_sv *padding)
{
    if (size < 0 || window <= 0 || stride <= 0 || dilation <= 0 || window > (1 << 24) || dilation > (1 << 24))
        return -1;
    if (!cuv_sv_is(padding, "same") && !cuv_sv_is(padding, "causal"))
        size -= (window - 1) * dilation;
    return size <= 0 ? -1 : (size + stride - 1) / stride;
}

static void windows(cuv_sn *call, const char *window, const char *old, bool conv, int64_t filters)
{
    const cuv_sl *layer = call->layer;
    const cuv_st *in = input_of(call);
    const cuv_sv *padding = argument(layer, "padding", "border_mode");
    int n = spatial(layer), first = channels_first(layer) ? 2 : 1;
    int64_t w[3], s[3], d[3] = {1, 1, 1}, shape[CUV_MAX_RANK];
    if (!in || n == 0 || in->rank != n + 2 || !sizes(layer, window, old, n, 2, w))
        return;
    if (!sizes(layer, "strides", conv ? "subsample" : NULL, n, conv ? 1 : -1, s) || (conv && !sizes(layer, "dilation_rate", NULL, n, 1, d)))
        return;
    memcpy(shape, in->shape, sizeof shape);
    for (int i = 0; i < n; i++)
        shape[first + i] = windowed(in->shape[first + i], w[i], s[i] < 0 ? w[i] : s[i], d[i], padding);
    if (filters > 0)
        shape[first == 2 ? 1 : in->rank - 1] = filters;
    give(call, 0, shape, in->rank);
}

static void conv(cuv_sn *call)
{
    windows(call, "kernel_size", "filter_length", true, number(call->layer, "filters", "nb_filter", 0));
}

static void depthwise(cuv_sn *call)
{
    const cuv_st *in = input_of(call);
    int64_t channels = in && in->rank > 1 ? in->shape[channels_first(call->layer) ? 1 : in->rank - 1] : -1;
    int64_t times = number(call->layer, "depth_multiplier", NULL, 1);
    windows(call, "kernel_size", NULL, true, channels > 0 && times > 0 && times < 1024 ? channels * times : 0);
}

static void pool(cuv_sn *call)
{
    windows(call, "pool_size", "pool_length", false, 0);
}

static void global_pool(cuv_sn *call)
{
    const cuv_st *in = input_of(call);
    if (!in || in->rank < 3)
        return;
    int64_t channels = in->shape[channels_first(call->layer) ? 1 : in->rank - 1], shape[CUV_MAX_RANK] = {in->shape[0], channels};
    bool kept = flag(call->layer, "keepdims");
    for (int i = 1; kept && i < in->rank; i++)
        shape[i] = i == (channels_first(call->layer) ? 1 : in->rank - 1) ? channels : 1;
    give(call, 0, shape, kept ? in->rank : 2);
}

/* Conv2DTranspose: strides times the size, and the window's overhang when nothing is padded. */
static void transposed(cuv_sn *call)
{
    const cuv_st *in = input_of(call);
    const cuv_sl *layer = call->layer;
    int n = spatial(layer), first = channels_first(layer) ? 2 : 1;
    int64_t w[3], s[3], shape[CUV_MAX_RANK];
    if (!in || n == 0 || in->rank != n + 2 || cuv_sv_get(layer->config, "output_padding") || cuv_sv_get(layer->config, "dilation_rate") ||
        !sizes(layer, "kernel_size", NULL, n, 1, w) || !sizes(layer, "strides", NULL, n, 1, s))
        return;
    memcpy(shape, in->shape, sizeof shape);
    for (int i = 0; i < n; i++) {
        int64_t over = cuv_sv_is(argument(layer, "padding", NULL), "same") || w[i] < s[i] ? 0 : w[i] - s[i];
        if (in->shape[first + i] < 0 || !cuv_mul_i64(in->shape[first + i], s[i], &shape[first + i]) ||
            !cuv_add_i64(shape[first + i], over, &shape[first + i]))
            shape[first + i] = -1;
    }
    shape[first == 2 ? 1 : in->rank - 1] = number(layer, "filters", NULL, -1);
    give(call, 0, shape, in->rank);
}

static void up_sampling(cuv_sn *call)
{
    const cuv_st *in = input_of(call);
    int n = spatial(call->layer), first = channels_first(call->layer) ? 2 : 1;
    int64_t by[3], shape[CUV_MAX_RANK];
    if (!in || n == 0 || in->rank != n + 2 || !sizes(call->layer, "size", "length", n, 2, by))
        return;
    memcpy(shape, in->shape, sizeof shape);
    for (int i = 0; i < n; i++)
        if (shape[first + i] >= 0 && !cuv_mul_i64(shape[first + i], by[i], &shape[first + i]))
            shape[first + i] = -1;
    give(call, 0, shape, in->rank);
}

/* ZeroPadding and Cropping with one number, or pairs. */
static void bordered(cuv_sn *call)
{
    const cuv_st *in = input_of(call);
    const cuv_sl *layer = call->layer;
    bool crop = cuv_starts_with(layer->class_name, "Cropping");
    const cuv_sv *v = argument(layer, crop ? "cropping" : "padding", NULL);
    int n = spatial(layer), first = channels_first(layer) ? 2 : 1;
    int64_t shape[CUV_MAX_RANK], one = 1;
    if (!in || n == 0 || in->rank != n + 2)
        return;
    memcpy(shape, in->shape, sizeof shape);
    bool all = !v || cuv_sv_as_int(v, &one);
    for (int i = 0; i < n; i++) {
        const cuv_sv *side = all || n == 1 ? v : cuv_sv_is_seq(v) && v->count == (size_t)n ? v->items[i] : NULL;
        int64_t a = one, b = one;
        if (!all && !(side && (cuv_sv_as_int(side, &a) ? (b = a, true) : cuv_sv_is_seq(side) && side->count == 2 &&
                               cuv_sv_as_int(side->items[0], &a) && cuv_sv_as_int(side->items[1], &b))))
            return;
        if (shape[first + i] >= 0 && a >= 0 && b >= 0 && a < (1 << 24) && b < (1 << 24))
            shape[first + i] += crop ? -(a + b) : a + b;
    }
    give(call, 0, shape, in->rank);
}

/* ---- sequences ---- */

static void recurrent(cuv_sn *call)
{
    const cuv_st *in = input_of(call);
    int64_t units = number(call->layer, "units", "output_dim", -1);
    if (!in || in->rank != 3)
        return;
    int64_t shape[3] = {in->shape[0], units, units};
    bool all = flag(call->layer, "return_sequences");
    if (all)
        shape[1] = in->shape[1];
    give(call, 0, shape, all ? 3 : 2);
    for (size_t i = 1; i < call->output_count; i++)
        give(call, i, (int64_t[]){in->shape[0], units}, 2);
}

static void bidirectional(cuv_sn *call)
{
    const cuv_sl *inner = call->layer->wrapped;
    const cuv_sv *mode = argument(call->layer, "merge_mode", NULL);
    const cuv_st *in = input_of(call);
    int64_t units = inner ? number(inner, "units", "output_dim", -1) : -1;
    if (!in || in->rank != 3 || units < 0 || units > (1 << 30) || (mode && mode->kind == CUV_SV_NONE))
        return;
    int64_t both = !mode || cuv_sv_is(mode, "concat") ? 2 * units : units;
    if (flag(inner, "return_sequences"))
        give(call, 0, (int64_t[]){in->shape[0], in->shape[1], both}, 3);
    else
        give(call, 0, (int64_t[]){in->shape[0], both}, 2);
    for (size_t i = 1; i < call->output_count; i++)
        give(call, i, (int64_t[]){in->shape[0], units}, 2);
}

static void time_distributed(cuv_sn *call)
{
    const cuv_sl *inner = call->layer->wrapped;
    if (inner && cuv_streq(inner->class_name, "Dense"))
        with_last(call, number(inner, "units", "output_dim", 0));
}

static const struct { const char *classes; rule *rule; } rules[] = {
    {"Activation ActivityRegularization AlphaDropout BatchNormalization Dropout ELU GaussianDropout GaussianNoise GroupNormalization "
     "Identity LayerNormalization LayerScale LeakyReLU Masking Normalization PReLU RMSNormalization ReLU Rescaling Softmax SpatialDropout1D "
     "SpatialDropout2D SpatialDropout3D SpectralNormalization ThresholdedReLU UnitNormalization MultiHeadAttention", same},
    {"Add Subtract Multiply Average Maximum Minimum CustomScaleLayer", merged}, {"Concatenate", concatenated}, {"Dense", dense},
    {"Embedding", embedding}, {"Flatten", flatten}, {"Reshape", reshape}, {"Permute", permute}, {"RepeatVector", repeat_vector},
    {"Conv1D Conv2D Conv3D SeparableConv1D SeparableConv2D", conv}, {"DepthwiseConv1D DepthwiseConv2D", depthwise},
    {"Conv1DTranspose Conv2DTranspose Conv3DTranspose", transposed},
    {"AveragePooling1D AveragePooling2D AveragePooling3D MaxPooling1D MaxPooling2D MaxPooling3D", pool},
    {"GlobalAveragePooling1D GlobalAveragePooling2D GlobalAveragePooling3D GlobalMaxPooling1D GlobalMaxPooling2D "
     "GlobalMaxPooling3D", global_pool},
    {"UpSampling1D UpSampling2D UpSampling3D", up_sampling},
    {"ZeroPadding1D ZeroPadding2D ZeroPadding3D Cropping1D Cropping2D Cropping3D", bordered},
    {"LSTM GRU SimpleRNN CuDNNLSTM CuDNNGRU", recurrent}, {"Bidirectional", bidirectional}, {"TimeDistributed", time_distributed},
};

/* A model gives what its own graph gives, wherever that does not depend on the input of this call. */
static void of_model(cuv_sn *call, const cuv_sv *outputs, size_t *at, unsigned depth)
{
    if (outputs->kind == CUV_SV_TENSOR && *at < call->output_count) {
        const cuv_st *t = outputs->symbol;
        if (t->shaped)
            give(call, *at, t->shape, t->rank);
        call->outputs[*at]->dtype = t->dtype;
        ++*at;
        return;
    }
    for (size_t i = 0; depth < 8 && i < outputs->count; i++)
        of_model(call, outputs->kind == CUV_SV_DICT ? outputs->values[i] : outputs->items[i], at, depth + 1);
}

void cuv_sn_shapes(cuv_sn *call)
{
    const cuv_sl *layer = call->layer;
    size_t at = 0;
    if (layer->kind == CUV_SL_FUNCTIONAL)
        of_model(call, layer->outputs, &at, 0);
    else if (layer->kind == CUV_SL_SEQUENTIAL && layer->wired_output && layer->wired_output->shaped)
        give(call, 0, layer->wired_output->shape, layer->wired_output->rank);
    else if (layer->kind == CUV_SL_OPERATION)
        cuv_so_shapes(call);
    for (size_t i = 0; layer->kind == CUV_SL_LAYER && i < sizeof rules / sizeof *rules; i++)
        if (cuv_word_in(rules[i].classes, layer->class_name)) {
            rules[i].rule(call);
            return;
        }
}
