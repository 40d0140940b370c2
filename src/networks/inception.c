/* InceptionV3, Inception-ResNet v2 and Xception. */
#include "networks/families.h"

/* ---- what both Inceptions are made of ---- */

static int32_t conv_of(cuv_net *n, int32_t x, int64_t filters, int rows, int columns, int stride, unsigned flags)
{
    x = cuv_net_conv_of(n, x, NULL, filters, rows, columns, stride, flags);
    return cuv_net_act(n, cuv_net_batch_norm(n, x, NULL, 1e-3, CUV_N_NO_SCALE), NULL, "relu");
}

static int32_t conv(cuv_net *n, int32_t x, int64_t filters, int kernel)
{
    return conv_of(n, x, filters, kernel, kernel, 1, CUV_N_SAME);
}

static int32_t halve(cuv_net *n, int32_t x, int64_t filters)
{
    return conv_of(n, x, filters, 3, 3, 2, 0);
}

static int32_t pool_conv(cuv_net *n, int32_t x, int64_t filters)
{
    return conv(n, cuv_net_pool(n, x, NULL, CUV_N_AVERAGE_POOL, 3, 1, CUV_N_SAME), filters, 1);
}

static int32_t pool_halve(cuv_net *n, int32_t x)
{
    return cuv_net_pool(n, x, NULL, CUV_N_MAX_POOL, 3, 2, 0);
}

static int32_t join(cuv_net *n, const char *name, int count, const int32_t *in)
{
    return cuv_net_join(n, CUV_N_CONCATENATE, name, count, in);
}

/* Five convolutions and two pools: to 192 channels on an eighth of the sides. */
static int32_t stem(cuv_net *n)
{
    int32_t x = conv_of(n, halve(n, -1, 32), 32, 3, 3, 1, 0);
    x = pool_halve(n, conv(n, x, 64, 3));
    x = conv_of(n, x, 80, 1, 1, 1, 0);
    return pool_halve(n, conv_of(n, x, 192, 3, 3, 1, 0));
}

/* 1 x 1; 5 x 5; two 3 x 3; a pool. */
static int32_t first_mix(cuv_net *n, int32_t x, const char *name, int64_t single, int64_t pooled)
{
    int32_t a = conv(n, x, single, 1), b = conv(n, conv(n, x, 48, 1), 64, 5), c = conv(n, conv(n, conv(n, x, 64, 1), 96, 3), 96, 3);
    return join(n, name, 4, (int32_t[]){a, b, c, pool_conv(n, x, pooled)});
}

/* ---- InceptionV3 ---- */

/* Seven wide and high, in two and in four steps. */
static int32_t second_mix(cuv_net *n, int32_t x, const char *name, int64_t inner)
{
    int32_t a = conv(n, x, 192, 1), b = conv(n, x, inner, 1);
    b = conv_of(n, conv_of(n, b, inner, 1, 7, 1, CUV_N_SAME), 192, 7, 1, 1, CUV_N_SAME);
    int32_t c = conv_of(n, conv(n, x, inner, 1), inner, 7, 1, 1, CUV_N_SAME);
    c = conv_of(n, conv_of(n, c, inner, 1, 7, 1, CUV_N_SAME), inner, 7, 1, 1, CUV_N_SAME);
    c = conv_of(n, c, 192, 1, 7, 1, CUV_N_SAME);
    return join(n, name, 4, (int32_t[]){a, b, c, pool_conv(n, x, 192)});
}

static int32_t cross(cuv_net *n, int32_t x, const char *name)
{
    int32_t flat = conv_of(n, x, 384, 1, 3, 1, CUV_N_SAME), high = conv_of(n, x, 384, 3, 1, 1, CUV_N_SAME);
    return join(n, name, 2, (int32_t[]){flat, high});
}

static int32_t third_mix(cuv_net *n, int32_t x, const char *inner, const char *name)
{
    int32_t a = conv(n, x, 320, 1), b = cross(n, conv(n, x, 384, 1), inner), c = cross(n, conv(n, conv(n, x, 448, 1), 384, 3), NULL);
    return join(n, name, 4, (int32_t[]){a, b, c, pool_conv(n, x, 192)});
}

void cuv_net_inception_v3(cuv_net *n)
{
    n->axis = 3;
    int32_t x = first_mix(n, stem(n), "mixed0", 64, 32);
    x = first_mix(n, first_mix(n, x, "mixed1", 64, 64), "mixed2", 64, 64);
    int32_t a = halve(n, x, 384), b = halve(n, conv(n, conv(n, x, 64, 1), 96, 3), 96);
    x = join(n, "mixed3", 3, (int32_t[]){a, b, pool_halve(n, x)});
    x = second_mix(n, x, "mixed4", 128);
    x = second_mix(n, second_mix(n, x, "mixed5", 160), "mixed6", 160);
    x = second_mix(n, x, "mixed7", 192);
    a = halve(n, conv(n, x, 192, 1), 320);
    b = conv_of(n, conv_of(n, conv(n, x, 192, 1), 192, 1, 7, 1, CUV_N_SAME), 192, 7, 1, 1, CUV_N_SAME);
    b = halve(n, b, 192);
    x = join(n, "mixed8", 3, (int32_t[]){a, b, pool_halve(n, x)});
    x = third_mix(n, third_mix(n, x, "mixed9_0", "mixed9"), "mixed9_1", "mixed10");
    cuv_net_classify(n, x, 0, CUV_N_NAMED_TOP);
}

/* ---- Inception-ResNet v2 ---- */

/* Joined branches, brought back to the width of x, scaled and added. */
static int32_t residual(cuv_net *n, int32_t x, int count, const int32_t *branches, double scale, bool last)
{
    int32_t y = cuv_net_conv(n, join(n, "_mixed", count, branches), "_conv", cuv_net_channels(n, x), 1, 1, CUV_N_SAME | CUV_N_BIAS);
    if (n->wish.keras) {
        y = cuv_net_two(n, CUV_N_SCALED_ADD, NULL, x, y);
        cuv_net_at(n, y)->value = scale;
    } else {
        y = cuv_net_two(n, CUV_N_ADD, NULL, x, cuv_net_rescale(n, y, NULL, scale, 0));
    }
    return last ? y : cuv_net_act(n, y, "_ac", "relu");
}

static int32_t block35(cuv_net *n, int32_t x)
{
    int32_t a = conv(n, x, 32, 1), b = conv(n, conv(n, x, 32, 1), 32, 3), c = conv(n, conv(n, conv(n, x, 32, 1), 48, 3), 64, 3);
    return residual(n, x, 3, (int32_t[]){a, b, c}, .17, false);
}

static int32_t crossed(cuv_net *n, int32_t x, const int64_t *filters, int reach, double scale, bool last)
{
    int32_t a = conv(n, x, 192, 1), b = conv_of(n, conv(n, x, filters[0], 1), filters[1], 1, reach, 1, CUV_N_SAME);
    b = conv_of(n, b, filters[2], reach, 1, 1, CUV_N_SAME);
    return residual(n, x, 2, (int32_t[]){a, b}, scale, last);
}

static int32_t reductions(cuv_net *n, int32_t x, bool second)
{
    cuv_net_block(n, "%s", "");
    if (!second) {
        int32_t a = halve(n, x, 384), b = halve(n, conv(n, conv(n, x, 256, 1), 256, 3), 384);
        return join(n, "mixed_6a", 3, (int32_t[]){a, b, pool_halve(n, x)});
    }
    int32_t a = halve(n, conv(n, x, 256, 1), 384), b = halve(n, conv(n, x, 256, 1), 288);
    int32_t c = halve(n, conv(n, conv(n, x, 256, 1), 288, 3), 320);
    return join(n, "mixed_7a", 4, (int32_t[]){a, b, c, pool_halve(n, x)});
}

void cuv_net_inception_resnet(cuv_net *n)
{
    static const int64_t wide[] = {128, 160, 192}, narrow[] = {192, 224, 256};
    n->axis = 3;
    int32_t x = first_mix(n, stem(n), "mixed_5b", 96, 64);
    for (int i = 1; i <= 10; i++) {
        cuv_net_block(n, "block35_%d", i);
        x = block35(n, x);
    }
    x = reductions(n, x, false);
    for (int i = 1; i <= 20; i++) {
        cuv_net_block(n, "block17_%d", i);
        x = crossed(n, x, wide, 7, .1, false);
    }
    x = reductions(n, x, true);
    for (int i = 1; i <= 10; i++) {
        cuv_net_block(n, "block8_%d", i);
        x = crossed(n, x, narrow, 3, i < 10 ? .2 : 1, i == 10);
    }
    cuv_net_block(n, "%s", "");
    x = cuv_net_conv(n, x, "conv_7b", 1536, 1, 1, CUV_N_SAME);
    x = cuv_net_act(n, cuv_net_batch_norm(n, x, "conv_7b_bn", 1e-3, CUV_N_NO_SCALE), "conv_7b_ac", "relu");
    cuv_net_classify(n, x, 0, CUV_N_NAMED_TOP);
}

/* ---- Xception ---- */

static int32_t separable(cuv_net *n, int32_t x, int number, int64_t filters)
{
    char name[16] = "sepconv0", norm[16] = "sepconv0_bn";
    name[7] = norm[7] = (char)('0' + number);
    x = cuv_net_separable(n, x, name, filters, 3, 1, CUV_N_SAME);
    return cuv_net_batch_norm(n, x, norm, 1e-3, 0);
}

static int32_t activated(cuv_net *n, int32_t x, int number, int64_t filters)
{
    char act[16] = "sepconv0_act";
    act[7] = (char)('0' + number);
    return separable(n, cuv_net_act(n, x, act, "relu"), number, filters);
}

/* Two separable convolutions to half the sides, beside a convolution. The first block begins without activation. */
static int32_t shrink(cuv_net *n, int32_t x, int block, int64_t inner, int64_t filters)
{
    int32_t beside = cuv_net_batch_norm(n, cuv_net_conv(n, x, NULL, filters, 1, 2, CUV_N_SAME), NULL, 1e-3, 0);
    cuv_net_block(n, "block%d_", block);
    x = block == 2 ? separable(n, x, 1, inner) : activated(n, x, 1, inner);
    x = cuv_net_pool(n, activated(n, x, 2, filters), "pool", CUV_N_MAX_POOL, 3, 2, CUV_N_SAME);
    return cuv_net_two(n, CUV_N_ADD, NULL, x, beside);
}

void cuv_net_xception(cuv_net *n)
{
    cuv_net_block(n, "block1_");
    int32_t x = cuv_net_batch_norm(n, cuv_net_conv(n, -1, "conv1", 32, 3, 2, 0), "conv1_bn", 1e-3, 0);
    x = cuv_net_conv(n, cuv_net_act(n, x, "conv1_act", "relu"), "conv2", 64, 3, 1, 0);
    x = cuv_net_act(n, cuv_net_batch_norm(n, x, "conv2_bn", 1e-3, 0), "conv2_act", "relu");
    x = shrink(n, shrink(n, x, 2, 128, 128), 3, 256, 256);
    x = shrink(n, x, 4, 728, 728);
    for (int b = 5; b < 13; b++) {
        int32_t before = x;
        cuv_net_block(n, "block%d_", b);
        for (int i = 1; i <= 3; i++)
            x = activated(n, x, i, 728);
        x = cuv_net_two(n, CUV_N_ADD, NULL, x, before);
    }
    x = shrink(n, x, 13, 728, 1024);
    cuv_net_block(n, "block14_");
    x = cuv_net_act(n, separable(n, x, 1, 1536), "sepconv1_act", "relu");
    x = cuv_net_act(n, separable(n, x, 2, 2048), "sepconv2_act", "relu");
    cuv_net_classify(n, x, 0, CUV_N_NAMED_TOP);
}
