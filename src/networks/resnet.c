/* ResNets with bottlenecks: v1, v2 (normalisation first), v1 as Keras had it before 2018; and DenseNets, which begin like them. */
#include "networks/families.h"

static const double eps = 1.001e-5;

static void blocks_of(const cuv_net *n, int *blocks)
{
    int number = n->network->number;
    blocks[0] = blocks[3] = 3;
    blocks[1] = number == 152 ? 8 : 4;
    blocks[2] = number == 50 ? 6 : number == 101 ? 23 : 36;
}

/* ---- v1 ---- */

static int32_t bottleneck(cuv_net *n, int32_t x, int64_t filters, int stride, bool widen)
{
    int32_t shortcut = x;
    if (widen) {
        shortcut = cuv_net_conv(n, x, "_0_conv", 4 * filters, 1, stride, CUV_N_BIAS);
        shortcut = cuv_net_batch_norm(n, shortcut, "_0_bn", eps, 0);
    }
    x = cuv_net_conv(n, x, "_1_conv", filters, 1, stride, CUV_N_BIAS);
    x = cuv_net_act(n, cuv_net_batch_norm(n, x, "_1_bn", eps, 0), "_1_relu", "relu");
    x = cuv_net_conv(n, x, "_2_conv", filters, 3, 1, CUV_N_BIAS | CUV_N_SAME);
    x = cuv_net_act(n, cuv_net_batch_norm(n, x, "_2_bn", eps, 0), "_2_relu", "relu");
    x = cuv_net_conv(n, x, "_3_conv", 4 * filters, 1, 1, CUV_N_BIAS);
    x = cuv_net_batch_norm(n, x, "_3_bn", eps, 0);
    return cuv_net_act(n, cuv_net_two(n, CUV_N_ADD, "_add", shortcut, x), "_out", "relu");
}

void cuv_net_resnet(cuv_net *n)
{
    int blocks[4];
    blocks_of(n, blocks);
    n->axis = 3;
    int32_t x = cuv_net_conv(n, cuv_net_pad(n, -1, "conv1_pad", 3, 3), "conv1_conv", 64, 7, 2, CUV_N_BIAS);
    x = cuv_net_act(n, cuv_net_batch_norm(n, x, "conv1_bn", eps, 0), "conv1_relu", "relu");
    x = cuv_net_pool(n, cuv_net_pad(n, x, "pool1_pad", 1, 1), "pool1_pool", CUV_N_MAX_POOL, 3, 2, 0);
    for (int s = 0; s < 4; s++)
        for (int b = 0; b < blocks[s]; b++) {
            cuv_net_block(n, "conv%d_block%d", s + 2, b + 1);
            x = bottleneck(n, x, 64 << s, s && !b ? 2 : 1, !b);
        }
    cuv_net_classify(n, x, 0, CUV_N_NAMED);
}

/* ---- v1 of 2015: other names, another epsilon, the shortcut after the sum's first part ---- */

static int32_t named(cuv_net *n, int32_t x, int stage, char block, const char *part, int64_t filters, int kernel, int stride)
{
    cuv_net_block(n, "res%d%c_branch", stage, block);
    x = cuv_net_conv(n, x, part, filters, kernel, stride, CUV_N_BIAS | (kernel > 1 ? CUV_N_SAME : 0));
    cuv_net_block(n, "bn%d%c_branch", stage, block);
    return cuv_net_batch_norm(n, x, part, 1e-3, 0);
}

static int32_t bottleneck_2015(cuv_net *n, int32_t x, int stage, char block, int64_t filters, int stride)
{
    int32_t shortcut = x;
    x = cuv_net_act(n, named(n, x, stage, block, "2a", filters, 1, stride), NULL, "relu");
    x = cuv_net_act(n, named(n, x, stage, block, "2b", filters, 3, 1), NULL, "relu");
    x = named(n, x, stage, block, "2c", 4 * filters, 1, 1);
    if (block == 'a')
        shortcut = named(n, shortcut, stage, block, "1", 4 * filters, 1, stride);
    return cuv_net_act(n, cuv_net_two(n, CUV_N_ADD, NULL, x, shortcut), NULL, "relu");
}

void cuv_net_resnet_2015(cuv_net *n)
{
    int blocks[4];
    blocks_of(n, blocks);
    n->axis = 3;
    int32_t x = cuv_net_conv(n, cuv_net_pad(n, -1, "conv1_pad", 3, 3), "conv1", 64, 7, 2, CUV_N_BIAS);
    x = cuv_net_act(n, cuv_net_batch_norm(n, x, "bn_conv1", 1e-3, 0), NULL, "relu");
    if (n->wish.variant == 0)
        x = cuv_net_pad(n, x, "pool1_pad", 1, 1);
    x = cuv_net_pool(n, x, NULL, CUV_N_MAX_POOL, 3, 2, 0);
    for (int s = 0; s < 4; s++)
        for (int b = 0; b < blocks[s]; b++)
            x = bottleneck_2015(n, x, s + 2, (char)('a' + b), 64 << s, s && !b ? 2 : 1);
    cuv_net_classify(n, x, 0, CUV_N_NAMED);
}

/* ---- v2 ---- */

static int32_t preactivated(cuv_net *n, int32_t x, int64_t filters, int stride, bool widen)
{
    int32_t before = cuv_net_act(n, cuv_net_batch_norm(n, x, "_preact_bn", eps, 0), "_preact_relu", "relu"), shortcut = x;
    if (widen)
        shortcut = cuv_net_conv(n, before, "_0_conv", 4 * filters, 1, stride, CUV_N_BIAS);
    else if (stride > 1)
        shortcut = cuv_net_pool(n, x, NULL, CUV_N_MAX_POOL, 1, stride, 0);
    x = cuv_net_conv(n, before, "_1_conv", filters, 1, 1, 0);
    x = cuv_net_act(n, cuv_net_batch_norm(n, x, "_1_bn", eps, 0), "_1_relu", "relu");
    x = cuv_net_conv(n, cuv_net_pad(n, x, "_2_pad", 1, 1), "_2_conv", filters, 3, stride, 0);
    x = cuv_net_act(n, cuv_net_batch_norm(n, x, "_2_bn", eps, 0), "_2_relu", "relu");
    x = cuv_net_conv(n, x, "_3_conv", 4 * filters, 1, 1, CUV_N_BIAS);
    return cuv_net_two(n, CUV_N_ADD, "_out", shortcut, x);
}

void cuv_net_resnet_v2(cuv_net *n)
{
    int blocks[4];
    blocks_of(n, blocks);
    n->axis = 3;
    int32_t x = cuv_net_conv(n, cuv_net_pad(n, -1, "conv1_pad", 3, 3), "conv1_conv", 64, 7, 2, CUV_N_BIAS);
    x = cuv_net_pool(n, cuv_net_pad(n, x, "pool1_pad", 1, 1), "pool1_pool", CUV_N_MAX_POOL, 3, 2, 0);
    for (int s = 0; s < 4; s++)
        for (int b = 0; b < blocks[s]; b++) {
            cuv_net_block(n, "conv%d_block%d", s + 2, b + 1);
            x = preactivated(n, x, 64 << s, s < 3 && b + 1 == blocks[s] ? 2 : 1, !b);
        }
    cuv_net_block(n, "%s", "");
    x = cuv_net_act(n, cuv_net_batch_norm(n, x, "post_bn", eps, 0), "post_relu", "relu");
    cuv_net_classify(n, x, 0, CUV_N_NAMED);
}

/* ---- DenseNet ---- */

static int32_t grow(cuv_net *n, int32_t x)
{
    int32_t y = cuv_net_act(n, cuv_net_batch_norm(n, x, "_0_bn", eps, 0), "_0_relu", "relu");
    y = cuv_net_conv(n, y, "_1_conv", 128, 1, 1, 0);
    y = cuv_net_act(n, cuv_net_batch_norm(n, y, "_1_bn", eps, 0), "_1_relu", "relu");
    y = cuv_net_conv(n, y, "_2_conv", 32, 3, 1, CUV_N_SAME);
    return cuv_net_two(n, CUV_N_CONCATENATE, "_concat", x, y);
}

void cuv_net_densenet(cuv_net *n)
{
    int number = n->network->number;
    n->axis = 3;
    const int blocks[4] = {6, 12, number == 121 ? 24 : number == 169 ? 32 : 48, number == 121 ? 16 : 32};
    bool before = n->wish.keras == 2;
    int32_t x = cuv_net_conv(n, cuv_net_pad(n, -1, NULL, 3, 3), before ? "conv1/conv" : "conv1_conv", 64, 7, 2, 0);
    x = cuv_net_batch_norm(n, x, before ? "conv1/bn" : "conv1_bn", eps, 0);
    x = cuv_net_act(n, x, before ? "conv1/relu" : "conv1_relu", "relu");
    x = cuv_net_pool(n, cuv_net_pad(n, x, NULL, 1, 1), "pool1", CUV_N_MAX_POOL, 3, 2, 0);
    for (int s = 0; s < 4; s++) {
        for (int b = 0; b < blocks[s]; b++) {
            cuv_net_block(n, "conv%d_block%d", s + 2, b + 1);
            x = grow(n, x);
        }
        if (s == 3)
            break;
        cuv_net_block(n, "pool%d", s + 2);
        x = cuv_net_act(n, cuv_net_batch_norm(n, x, "_bn", eps, 0), "_relu", "relu");
        x = cuv_net_conv(n, x, "_conv", cuv_net_channels(n, x) / 2, 1, 1, 0);
        x = cuv_net_pool(n, x, "_pool", CUV_N_AVERAGE_POOL, 2, 2, 0);
    }
    cuv_net_block(n, "%s", "");
    x = cuv_net_act(n, cuv_net_batch_norm(n, x, "bn", eps, 0), "relu", "relu");
    cuv_net_classify(n, x, 0, CUV_N_NAMED);
}
