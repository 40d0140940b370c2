/* What kind of work a layer does, and the few of its arguments that people look for first. */
#include "emit/view/view.h"
#include "layers/support.h"

typedef struct family_row { cuv_family family; const char *classes; } family_row;

static const family_row families[] = {
    {CUV_FAM_INPUT, "InputLayer"},
    {CUV_FAM_DENSE, "Dense EinsumDense MaxoutDense Highway TimeDistributedDense Bilinear"},
    {CUV_FAM_RNN, "LSTM GRU SimpleRNN RNN Bidirectional ConvLSTM1D ConvLSTM2D ConvLSTM3D LSTMCell GRUCell "
                  "SimpleRNNCell StackedRNNCells CuDNNLSTM CuDNNGRU"},
    {CUV_FAM_ATTENTION, "MultiHeadAttention Attention AdditiveAttention GroupQueryAttention GroupedQueryAttention"},
    {CUV_FAM_EMBED, "Embedding ReversibleEmbedding TextVectorization StringLookup IntegerLookup Hashing HashedCrossing "
                    "CategoryEncoding "
                    "Discretization"},
    {CUV_FAM_ACT, "Activation ReLU LeakyReLU PReLU ELU ThresholdedReLU Softmax"},
    {CUV_FAM_MERGE, "Add Subtract Multiply Average Maximum Minimum Concatenate Dot Merge"},
    {CUV_FAM_SHAPE,
     "Flatten Reshape Permute RepeatVector Identity Masking Rescaling Resizing CenterCrop UpSampling1D UpSampling2D "
     "UpSampling3D ZeroPadding1D ZeroPadding2D ZeroPadding3D Cropping1D Cropping2D Cropping3D"},
    {CUV_FAM_DROP,
     "Dropout SpatialDropout1D SpatialDropout2D SpatialDropout3D GaussianDropout GaussianNoise AlphaDropout "
     "ActivityRegularization"},
    {CUV_FAM_OWN, "Lambda TFOpLambda SlicingOpLambda"},
};

static const cuv_layer *wrapped(const cuv_layer *layer)
{
    return (cuv_streq(layer->def->name, "TimeDistributed") || cuv_streq(layer->def->name, "SpectralNormalization")) &&
                   layer->inner_count
               ? layer->inner[0]
               : NULL;
}

cuv_family cuv_family_of(const cuv_layer *layer)
{
    if (layer->custom)
        return CUV_FAM_OWN;
    if (layer->model)
        return CUV_FAM_MODEL;
    for (unsigned depth = 0; wrapped(layer) && depth < 8; depth++)
        layer = wrapped(layer);
    const char *name = layer->def->name;
    for (size_t i = 0; i < sizeof families / sizeof families[0]; i++)
        if (cuv_has_word(families[i].classes, name))
            return families[i].family;
    if (layer->def->flags & CUV_LF_OPERATION)
        return layer->state ? CUV_FAM_OWN : CUV_FAM_MERGE;
    return layer->model                                               ? CUV_FAM_MODEL
           : cuv_ends_with(name, "Normalization")                     ? CUV_FAM_NORM
           : strstr(name, "Pooling")                                  ? CUV_FAM_POOL
           : strstr(name, "Conv") || strstr(name, "LocallyConnected") ? CUV_FAM_CONV
                                                                      : CUV_FAM_SHAPE;
}

/* ---- arguments */

/* An argument and how it is said; those that say nothing new are left out. */
typedef struct shown_argument { const char *name, *before, *after; } shown_argument;
static const shown_argument arguments[] = {
    {"filters", "", ""},
    {"units", "", ""},
    {"output_dim", "", ""},
    {"num_heads", "", " heads"},
    {"kernel_size", "", ""},
    {"pool_size", "", ""},
    {"size", "", ""},
    {"strides", "/", ""},
    {"dilation_rate", "dilated ", ""},
    {"rate", "", ""},
    {"target_shape", "", ""},
    {"dims", "", ""},
    {"n", "", ""},
    {"axis", "axis ", ""},
    {"activation", "", ""},
};

static void value_text(const cuv_value *v, cuv_buffer *b)
{
    switch (v->kind) {
    case CUV_INTEGER: cuv_buffer_printf(b, "%lld", (long long)v->integer); break;
    case CUV_REAL: cuv_buffer_double(b, v->real); break;
    case CUV_TEXT: cuv_buffer_add(b, v->text, v->size); break;
    case CUV_LIST: case CUV_TUPLE:
        for (size_t i = 0; i < v->size && i < CUV_MAX_RANK; i++) {
            cuv_buffer_text(b, i ? "×" : "");
            if (!cuv_is_seq(v->items[i]))
                value_text(v->items[i], b);
        }
        break;
    case CUV_DICT: {
        const char *name = cuv_get_text(v, "class_name");
        cuv_buffer_text(b, name ? name : "");
        break;
    }
    case CUV_NULL: case CUV_TRUTH: case CUV_BYTES: case CUV_TENSOR: break;
    }
}

static const cuv_value *argument(const cuv_layer *layer, const char *name)
{
    for (size_t i = 0; layer->args && layer->def->params && layer->def->params[i].name; i++)
        if (!strcmp(layer->def->params[i].name, name))
            return layer->args[i];
    return NULL;
}

static bool all_ones(const cuv_value *v)
{
    int64_t n;
    if (!cuv_is_seq(v))
        return cuv_as_int(v, &n) && n == 1;
    for (size_t i = 0; i < cuv_len(v); i++)
        if (!cuv_as_int(cuv_item(v, i), &n) || n != 1)
            return false;
    return true;
}

static bool says_something(const cuv_layer *layer, const char *name, const cuv_value *v)
{
    if (cuv_is_null(v) || v->kind == CUV_TRUTH)
        return false;
    if (!strcmp(name, "strides"))
        return !all_ones(v) && !cuv_value_equal(v, argument(layer, "pool_size"));
    if (!strcmp(name, "dilation_rate"))
        return !all_ones(v);
    if (!strcmp(name, "activation"))
        return !cuv_streq(cuv_text(v), "linear");
    return strcmp(name, "axis") || cuv_streq(layer->def->name, "Concatenate");
}

/* 3x3 said as one number where all are the same: "/2". */
static void add_argument(const shown_argument *a, const cuv_value *v, cuv_buffer *b)
{
    bool same = cuv_is_seq(v) && cuv_len(v) > 0 && strcmp(a->name, "kernel_size") != 0;
    for (size_t i = 1; same && i < cuv_len(v); i++)
        same = cuv_value_equal(cuv_item(v, i), cuv_item(v, 0));
    cuv_buffer_text(b, b->size ? " · " : "");
    cuv_buffer_text(b, a->before);
    value_text(same && a->before[0] ? cuv_item(v, 0) : v, b);
    cuv_buffer_text(b, a->after);
}

static void add_details(const cuv_layer *layer, unsigned depth, cuv_buffer *b)
{
    const bool around = !layer->model && layer->inner_count && depth &&
                        cuv_has_word("TimeDistributed Bidirectional RNN SpectralNormalization", layer->def->name);
    if (around)
        cuv_buffer_text(b, cuv_layer_class(layer->inner[0]));
    if (layer->def->flags & CUV_LF_OPERATION || layer->model || layer->custom)
        return;
    for (size_t i = 0; i < sizeof arguments / sizeof arguments[0]; i++) {
        const cuv_value *v = argument(layer, arguments[i].name);
        if (says_something(layer, arguments[i].name, v))
            add_argument(&arguments[i], v, b);
    }
    if (around)
        add_details(layer->inner[0], depth - 1, b);
}

const char *cuv_layer_detail(cuv_arena *arena, const cuv_layer *layer)
{
    cuv_buffer b;
    cuv_buffer_init(&b, cuv_arena_context(arena));
    add_details(layer, 4, &b);
    const char *text = b.failed ? NULL : cuv_arena_strndup(arena, b.data ? b.data : "", b.size);
    cuv_buffer_free(&b);
    return text;
}
