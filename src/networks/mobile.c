/* MobileNet v1 to v3. */
#include "networks/families.h"

#include <stdio.h>

static int64_t scaled(const cuv_net *n, int64_t filters)
{
    return (int64_t)((double)filters * n->wish.alpha);
}

/* ---- v1 ---- */

/* A convolution that is there, its normalisation and its activation, numbered by block. */
static int32_t finish(cuv_net *n, int32_t x, int block)
{
    char norm[16], act[16];
    (void)snprintf(norm, sizeof norm, "%d_bn", block);
    (void)snprintf(act, sizeof act, "%d_relu", block);
    return cuv_net_relu(n, cuv_net_batch_norm(n, x, norm, 1e-3, 0), act, 6);
}

static int32_t depthwise_pair(cuv_net *n, int32_t x, int block, int64_t filters, int stride)
{
    char number[16];
    (void)snprintf(number, sizeof number, "%d", block);
    cuv_net_block(n, "conv_pad_");
    if (stride > 1)
        x = cuv_net_pad(n, x, number, 0, 1);
    cuv_net_block(n, "conv_dw_");
    x = finish(n, cuv_net_depthwise(n, x, number, 3, stride, stride > 1 ? 0 : CUV_N_SAME), block);
    cuv_net_block(n, "conv_pw_");
    return finish(n, cuv_net_conv(n, x, number, filters, 1, 1, CUV_N_SAME), block);
}

void cuv_net_mobilenet(cuv_net *n)
{
    static const struct { int filters, stride; } pairs[] = {{64, 1}, {128, 2}, {128, 1}, {256, 2}, {256, 1}, {512, 2}, {512, 1}, {512, 1},
                                                            {512, 1}, {512, 1}, {512, 1}, {1024, 2}, {1024, 1}};
    int32_t x = cuv_net_conv(n, -1, "conv1", scaled(n, 32), 3, 2, CUV_N_SAME);
    x = cuv_net_relu(n, cuv_net_batch_norm(n, x, "conv1_bn", 1e-3, 0), "conv1_relu", 6);
    for (int i = 0; i < 13; i++)
        x = depthwise_pair(n, x, i + 1, scaled(n, pairs[i].filters), pairs[i].stride);
    cuv_net_block(n, "%s", "");
    x = cuv_net_end(n, x, CUV_N_NUMBERED);
    if (!n->wish.top)
        return;
    x = cuv_net_global(n, x, NULL, CUV_N_KEEPDIMS);
    x = cuv_net_dropout(n, x, "dropout", 1e-3, CUV_N_ZERO_TOO);
    x = cuv_net_conv(n, x, "conv_preds", n->wish.classes, 1, 1, CUV_N_SAME | CUV_N_BIAS);
    n->output = cuv_net_act(n, cuv_net_plain(n, x, "reshape_2", CUV_N_RESHAPE), "predictions", "linear");
}

/* ---- v2 ---- */

static int32_t inverted(cuv_net *n, int32_t x, int block, int64_t filters, int stride)
{
    int32_t before = x;
    int64_t in = cuv_net_channels(n, x), out = cuv_net_multiple_of_8((double)scaled(n, filters));
    cuv_net_block(n, "expanded_conv_");
    if (block) {
        cuv_net_block(n, "block_%d_", block);
        x = cuv_net_conv(n, x, "expand", 6 * in, 1, 1, CUV_N_SAME);
        x = cuv_net_relu(n, cuv_net_batch_norm(n, x, "expand_BN", 1e-3, 0), "expand_relu", 6);
    }
    if (stride > 1)
        x = cuv_net_pad_window(n, x, "pad", 3);
    x = cuv_net_depthwise(n, x, "depthwise", 3, stride, stride > 1 ? 0 : CUV_N_SAME);
    x = cuv_net_relu(n, cuv_net_batch_norm(n, x, "depthwise_BN", 1e-3, 0), "depthwise_relu", 6);
    x = cuv_net_conv(n, x, "project", out, 1, 1, CUV_N_SAME);
    x = cuv_net_batch_norm(n, x, "project_BN", 1e-3, 0);
    return in == out && stride == 1 ? cuv_net_two(n, CUV_N_ADD, "add", before, x) : x;
}

void cuv_net_mobilenet_v2(cuv_net *n)
{
    static const struct { int filters, stride, repeats; } rows[] = {{16, 1, 1}, {24, 2, 2}, {32, 2, 3}, {64, 2, 4},
                                                                    {96, 1, 3}, {160, 2, 3}, {320, 1, 1}};
    int block = 0;
    n->momentum = .999;
    int32_t x = cuv_net_conv(n, -1, "Conv1", cuv_net_multiple_of_8(32 * n->wish.alpha), 3, 2, CUV_N_SAME);
    x = cuv_net_relu(n, cuv_net_batch_norm(n, x, "bn_Conv1", 1e-3, 0), "Conv1_relu", 6);
    for (size_t r = 0; r < sizeof rows / sizeof *rows; r++)
        for (int i = 0; i < rows[r].repeats; i++)
            x = inverted(n, x, block++, rows[r].filters, i ? 1 : rows[r].stride);
    cuv_net_block(n, "%s", "");
    x = cuv_net_conv(n, x, "Conv_1", n->wish.alpha > 1 ? cuv_net_multiple_of_8(1280 * n->wish.alpha) : 1280, 1, 1, 0);
    x = cuv_net_relu(n, cuv_net_batch_norm(n, x, "Conv_1_bn", 1e-3, 0), "out_relu", 6);
    cuv_net_classify(n, x, 0, CUV_N_NUMBERED);
}

/* ---- v3 ---- */

typedef struct v3_row { double expand; int filters, kernel, stride; bool squeeze, hard; } v3_row;
static const v3_row small[] = {{1, 16, 3, 2, true, false}, {72. / 16, 24, 3, 2, false, false}, {88. / 24, 24, 3, 1, false, false},
    {4, 40, 5, 2, true, true}, {6, 40, 5, 1, true, true}, {6, 40, 5, 1, true, true}, {3, 48, 5, 1, true, true}, {3, 48, 5, 1, true, true},
    {6, 96, 5, 2, true, true}, {6, 96, 5, 1, true, true}, {6, 96, 5, 1, true, true}};
static const v3_row large[] = {{1, 16, 3, 1, false, false}, {4, 24, 3, 2, false, false}, {3, 24, 3, 1, false, false},
    {3, 40, 5, 2, true, false}, {3, 40, 5, 1, true, false}, {3, 40, 5, 1, true, false}, {6, 80, 3, 2, false, true}, {2.5, 80, 3, 1, false, true},
    {2.3, 80, 3, 1, false, true}, {2.3, 80, 3, 1, false, true}, {6, 112, 3, 1, true, true}, {6, 112, 3, 1, true, true},
    {6, 160, 5, 2, true, true}, {6, 160, 5, 1, true, true}, {6, 160, 5, 1, true, true}};

/* Minimalistic ones have neither hard activations nor squeezes, and windows of 3 only. */
static bool is_minimal(const cuv_net *n)
{
    return n->network->number > 1;
}

/* Keras 2 has other names for the layers. */
static const char *either(const cuv_net *n, const char *now, const char *before)
{
    return n->wish.keras == 2 ? before : now;
}

/* relu6(x + 3) / 6 as it is listed: three layers, or one between two operations. */
static int32_t hard_sigmoid(cuv_net *n, int32_t x)
{
    x = cuv_net_rescale(n, x, NULL, 1, 3);
    cuv_net_at(n, x)->flags |= CUV_N_OPERATOR;
    x = cuv_net_rescale(n, cuv_net_relu(n, x, NULL, 6), NULL, 1. / 6, 0);
    cuv_net_at(n, x)->flags |= CUV_N_OPERATOR;
    return x;
}

static int32_t v3_act(cuv_net *n, int32_t x, bool hard)
{
    if (!hard || is_minimal(n))
        return cuv_net_relu(n, x, NULL, 0);
    return n->wish.keras == 2 ? cuv_net_two(n, CUV_N_MULTIPLY, NULL, x, hard_sigmoid(n, x)) : cuv_net_act(n, x, NULL, "hard_silu");
}

static int32_t squeeze(cuv_net *n, int32_t x, int64_t filters)
{
    int32_t y = cuv_net_global(n, x, either(n, "squeeze_excite_avg_pool", "squeeze_excite/AvgPool"), CUV_N_KEEPDIMS);
    int64_t narrow = cuv_net_multiple_of_8((double)filters * .25);
    y = cuv_net_conv(n, y, either(n, "squeeze_excite_conv", "squeeze_excite/Conv"), narrow, 1, 1, CUV_N_SAME | CUV_N_BIAS);
    y = cuv_net_relu(n, y, either(n, "squeeze_excite_relu", "squeeze_excite/Relu"), 0);
    y = cuv_net_conv(n, y, either(n, "squeeze_excite_conv_1", "squeeze_excite/Conv_1"), filters, 1, 1, CUV_N_SAME | CUV_N_BIAS);
    return cuv_net_two(n, CUV_N_MULTIPLY, either(n, "squeeze_excite_mul", "squeeze_excite/Mul"), x, hard_sigmoid(n, y));
}

static int32_t v3_norm(cuv_net *n, int32_t x, const char *now, const char *before)
{
    return cuv_net_batch_norm(n, x, either(n, now, before), 1e-3, 0);
}

static int32_t v3_block(cuv_net *n, int32_t x, int block, const v3_row *row)
{
    int32_t before = x;
    int64_t in = cuv_net_channels(n, x), inner = cuv_net_multiple_of_8((double)in * row->expand);
    int64_t out = cuv_net_multiple_of_8(row->filters * n->wish.alpha);
    int kernel = is_minimal(n) ? 3 : row->kernel;
    const char *mark = either(n, "_", "/");
    cuv_net_block(n, "expanded_conv%s", mark);
    if (block) {
        cuv_net_block(n, "expanded_conv_%d%s", block, mark);
        x = v3_norm(n, cuv_net_conv(n, x, "expand", inner, 1, 1, CUV_N_SAME), "expand_bn", "expand/BatchNorm");
        x = v3_act(n, x, row->hard);
    }
    if (row->stride > 1)
        x = cuv_net_pad_window(n, x, either(n, "depthwise_pad", "depthwise/pad"), kernel);
    x = cuv_net_depthwise(n, x, "depthwise", kernel, row->stride, row->stride > 1 ? 0 : CUV_N_SAME);
    x = v3_act(n, v3_norm(n, x, "depthwise_bn", "depthwise/BatchNorm"), row->hard);
    if (row->squeeze && !is_minimal(n))
        x = squeeze(n, x, inner);
    x = v3_norm(n, cuv_net_conv(n, x, "project", out, 1, 1, CUV_N_SAME), "project_bn", "project/BatchNorm");
    return row->stride == 1 && in == out ? cuv_net_two(n, CUV_N_ADD, either(n, "add", "Add"), before, x) : x;
}

static void v3_end(cuv_net *n, int32_t x, int64_t last)
{
    x = cuv_net_end(n, x, CUV_N_NAMED);
    if (!n->wish.top)
        return;
    last = n->wish.alpha > 1 ? cuv_net_multiple_of_8((double)last * n->wish.alpha) : last;
    x = cuv_net_global(n, x, NULL, CUV_N_KEEPDIMS);
    x = cuv_net_conv(n, x, either(n, "conv_2", "Conv_2"), last, 1, 1, CUV_N_SAME | CUV_N_BIAS);
    x = cuv_net_dropout(n, v3_act(n, x, true), NULL, .2, 0);
    x = cuv_net_conv(n, x, either(n, "logits", "Logits"), n->wish.classes, 1, 1, CUV_N_SAME | CUV_N_BIAS);
    x = cuv_net_plain(n, x, NULL, CUV_N_FLATTEN);
    n->output = cuv_net_act(n, x, either(n, "predictions", "Predictions"), "linear");
}

void cuv_net_mobilenet_v3(cuv_net *n)
{
    bool is_large = n->network->number % 2;
    int32_t x = -1;
    n->momentum = .999;
    if (n->wish.variant == 0)
        x = cuv_net_rescale(n, x, NULL, 1 / 127.5, -1);
    x = cuv_net_conv(n, x, either(n, "conv", "Conv"), 16, 3, 2, CUV_N_SAME);
    x = v3_act(n, v3_norm(n, x, "conv_bn", "Conv/BatchNorm"), true);
    for (int i = 0; i < (is_large ? 15 : 11); i++)
        x = v3_block(n, x, i, is_large ? &large[i] : &small[i]);
    cuv_net_block(n, "%s", "");
    x = cuv_net_conv(n, x, either(n, "conv_1", "Conv_1"), cuv_net_multiple_of_8(6 * (double)cuv_net_channels(n, x)), 1, 1, CUV_N_SAME);
    x = v3_act(n, v3_norm(n, x, "conv_1_bn", "Conv_1/BatchNorm"), true);
    v3_end(n, x, is_large ? 1280 : 1024);
}
