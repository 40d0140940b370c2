/* MobileNet v1 to v3. */
#include "recover/network_families.h"

#include <stdio.h>

static int64_t scaled(const cuv_net *n, int64_t filters)
{
    return (int64_t)((double)filters * n->alpha);
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
    n->output = x;
    if (!n->top)
        return;
    x = cuv_net_dropout(n, cuv_net_global(n, x, NULL, CUV_N_KEEPDIMS), "dropout", 1e-3, 0);
    x = cuv_net_conv(n, x, "conv_preds", -1, 1, 1, CUV_N_SAME | CUV_N_BIAS);
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
    static const struct { int filters, stride, repeats; } rows[] = {{16, 1, 1}, {24, 2, 2}, {32, 2, 3}, {64, 2, 4}, {96, 1, 3}, {160, 2, 3}, {320, 1, 1}};
    int block = 0;
    int32_t x = cuv_net_conv(n, -1, "Conv1", cuv_net_multiple_of_8(32 * n->alpha), 3, 2, CUV_N_SAME);
    x = cuv_net_relu(n, cuv_net_batch_norm(n, x, "bn_Conv1", 1e-3, 0), "Conv1_relu", 6);
    for (size_t r = 0; r < sizeof rows / sizeof *rows; r++)
        for (int i = 0; i < rows[r].repeats; i++)
            x = inverted(n, x, block++, rows[r].filters, i ? 1 : rows[r].stride);
    cuv_net_block(n, "%s", "");
    x = cuv_net_conv(n, x, "Conv_1", n->alpha > 1 ? cuv_net_multiple_of_8(1280 * n->alpha) : 1280, 1, 1, 0);
    x = cuv_net_relu(n, cuv_net_batch_norm(n, x, "Conv_1_bn", 1e-3, 0), "out_relu", 6);
    cuv_net_classify(n, x, 0);
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

static int32_t v3_act(cuv_net *n, int32_t x, bool hard)
{
    return hard && !is_minimal(n) ? cuv_net_act(n, x, NULL, "hard_silu") : cuv_net_relu(n, x, NULL, 0);
}

/* relu6(x + 3) / 6 as it is listed: three layers. */
static int32_t squeeze(cuv_net *n, int32_t x, int64_t filters)
{
    int32_t y = cuv_net_global(n, x, "squeeze_excite_avg_pool", CUV_N_KEEPDIMS);
    y = cuv_net_conv(n, y, "squeeze_excite_conv", cuv_net_multiple_of_8((double)filters * .25), 1, 1, CUV_N_SAME | CUV_N_BIAS);
    y = cuv_net_conv(n, cuv_net_relu(n, y, "squeeze_excite_relu", 0), "squeeze_excite_conv_1", filters, 1, 1, CUV_N_SAME | CUV_N_BIAS);
    y = cuv_net_relu(n, cuv_net_rescale(n, y, NULL, 1, 3), NULL, 6);
    return cuv_net_two(n, CUV_N_MULTIPLY, "squeeze_excite_mul", x, cuv_net_rescale(n, y, NULL, 1. / 6, 0));
}

static int32_t v3_block(cuv_net *n, int32_t x, int block, const v3_row *row)
{
    int32_t before = x;
    int64_t in = cuv_net_channels(n, x), inner = cuv_net_multiple_of_8((double)in * row->expand);
    int64_t out = cuv_net_multiple_of_8(row->filters * n->alpha);
    int kernel = is_minimal(n) ? 3 : row->kernel;
    cuv_net_block(n, "expanded_conv_");
    if (block) {
        cuv_net_block(n, "expanded_conv_%d_", block);
        x = cuv_net_batch_norm(n, cuv_net_conv(n, x, "expand", inner, 1, 1, CUV_N_SAME), "expand_bn", 1e-3, 0);
        x = v3_act(n, x, row->hard);
    }
    if (row->stride > 1)
        x = cuv_net_pad_window(n, x, "depthwise_pad", kernel);
    x = cuv_net_depthwise(n, x, "depthwise", kernel, row->stride, row->stride > 1 ? 0 : CUV_N_SAME);
    x = v3_act(n, cuv_net_batch_norm(n, x, "depthwise_bn", 1e-3, 0), row->hard);
    if (row->squeeze && !is_minimal(n))
        x = squeeze(n, x, inner);
    x = cuv_net_batch_norm(n, cuv_net_conv(n, x, "project", out, 1, 1, CUV_N_SAME), "project_bn", 1e-3, 0);
    return row->stride == 1 && in == out ? cuv_net_two(n, CUV_N_ADD, "add", before, x) : x;
}

void cuv_net_mobilenet_v3(cuv_net *n)
{
    bool is_large = n->network->number % 2;
    int64_t last = is_large ? 1280 : 1024;
    int32_t x = -1;
    if (n->variant == 0)
        x = cuv_net_rescale(n, x, NULL, 1 / 127.5, -1);
    x = cuv_net_batch_norm(n, cuv_net_conv(n, x, "conv", 16, 3, 2, CUV_N_SAME), "conv_bn", 1e-3, 0);
    x = v3_act(n, x, true);
    for (int i = 0; i < (is_large ? 15 : 11); i++)
        x = v3_block(n, x, i, is_large ? &large[i] : &small[i]);
    cuv_net_block(n, "%s", "");
    x = cuv_net_conv(n, x, "conv_1", cuv_net_multiple_of_8(6 * (double)cuv_net_channels(n, x)), 1, 1, CUV_N_SAME);
    x = v3_act(n, cuv_net_batch_norm(n, x, "conv_1_bn", 1e-3, 0), true);
    n->output = x;
    if (!n->top)
        return;
    last = n->alpha > 1 ? cuv_net_multiple_of_8((double)last * n->alpha) : last;
    x = cuv_net_conv(n, cuv_net_global(n, x, NULL, CUV_N_KEEPDIMS), "conv_2", last, 1, 1, CUV_N_SAME | CUV_N_BIAS);
    x = cuv_net_dropout(n, v3_act(n, x, true), NULL, .2, 0);
    x = cuv_net_conv(n, x, "logits", -1, 1, 1, CUV_N_SAME | CUV_N_BIAS);
    n->output = cuv_net_act(n, cuv_net_plain(n, x, NULL, CUV_N_FLATTEN), "predictions", "linear");
}
