/* EfficientNet, EfficientNetV2 and ConvNeXt. */
#include "networks/families.h"

#include <math.h>
#include <stdio.h>

/* Means and deviations of the pictures that such networks are trained on, as they are written everywhere. */
static const double means[3] = {.485, .456, .406}, deviations[3] = {.229, .224, .225};

/* ---- blocks of both EfficientNets ---- */

typedef struct row { int repeats, filters, expand, kernel, stride; bool fused, squeeze; } row;

static int32_t swish(cuv_net *n, int32_t x, const char *norm, const char *act)
{
    return cuv_net_act(n, cuv_net_batch_norm(n, x, norm, 1e-3, 0), act, "silu");
}

static int32_t squeeze(cuv_net *n, int32_t x, int64_t filters)
{
    int32_t y = cuv_net_plain(n, cuv_net_global(n, x, "se_squeeze", 0), "se_reshape", CUV_N_RESHAPE);
    y = cuv_net_conv(n, y, "se_reduce", filters, 1, 1, CUV_N_SAME | CUV_N_BIAS);
    cuv_net_at(n, y)->act = "silu";
    y = cuv_net_conv(n, y, "se_expand", cuv_net_channels(n, x), 1, 1, CUV_N_SAME | CUV_N_BIAS);
    cuv_net_at(n, y)->act = "sigmoid";
    return cuv_net_two(n, CUV_N_MULTIPLY, "se_excite", x, y);
}

static int32_t depthwise(cuv_net *n, int32_t x, const row *r, int stride, bool padded)
{
    bool pad = padded && stride > 1;
    if (pad)
        x = cuv_net_pad_window(n, x, "dwconv_pad", r->kernel);
    x = cuv_net_depthwise(n, x, padded ? "dwconv" : "dwconv2", r->kernel, stride, pad ? 0 : CUV_N_SAME);
    return swish(n, x, "bn", "activation");
}

/* `padded`: the first version pads before windows with strides. */
static int32_t block(cuv_net *n, int32_t x, const row *r, int64_t out, int stride, bool padded, double drop)
{
    int32_t before = x;
    int64_t in = cuv_net_channels(n, x);
    bool wide = r->expand > 1;
    if (wide)
        x = swish(n, cuv_net_conv(n, x, "expand_conv", in * r->expand, r->fused ? r->kernel : 1, r->fused ? stride : 1, CUV_N_SAME),
                  "expand_bn", "expand_activation");
    if (!r->fused)
        x = depthwise(n, x, r, stride, padded);
    if (r->squeeze)
        x = squeeze(n, x, in / 4 > 1 ? in / 4 : 1);
    bool alone = r->fused && !wide;
    x = cuv_net_conv(n, x, "project_conv", out, alone ? r->kernel : 1, alone ? stride : 1, CUV_N_SAME);
    x = cuv_net_batch_norm(n, x, "project_bn", 1e-3, 0);
    if (alone)
        x = cuv_net_act(n, x, "project_activation", "silu");
    if (stride > 1 || in != out)
        return x;
    if (drop > 0)
        x = cuv_net_dropout(n, x, "drop", drop, CUV_N_DROPS_WHOLE);
    return cuv_net_two(n, CUV_N_ADD, "add", x, before);
}

/* The first version never takes much away; the second takes the nearest multiple. */
static int64_t rounded(double filters, bool first)
{
    int64_t near = (int64_t)(filters + 4) / 8 * 8;
    return first ? cuv_net_multiple_of_8(filters) : near < 8 ? 8 : near;
}

static int times(int repeats, double depth)
{
    int n = (int)(repeats * depth);
    return n < repeats * depth ? n + 1 : n;
}

static int32_t stages(cuv_net *n, int32_t x, const row *rows, int count, double width, double depth, bool padded)
{
    int total = 0, done = 0, listed = 0;
    for (int s = 0; s < count; s++) {
        total += times(rows[s].repeats, depth);
        listed += rows[s].repeats;
    }
    for (int s = 0; s < count; s++)
        for (int i = 0; i < times(rows[s].repeats, depth); i++, done++) {
            cuv_net_block(n, "block%d%c_", s + 1, 'a' + i);
            x = block(n, x, &rows[s], rounded(rows[s].filters * width, padded), i ? 1 : rows[s].stride, padded,
                      .2 * done / (padded ? total : listed));
        }
    cuv_net_block(n, "%s", "");
    return x;
}

static void end(cuv_net *n, int32_t x, int64_t filters, double dropout)
{
    x = cuv_net_conv(n, x, "top_conv", filters, 1, 1, CUV_N_SAME);
    cuv_net_classify(n, swish(n, x, "top_bn", "top_activation"), dropout, CUV_N_NAMED);
}

/* ---- the first version ---- */

void cuv_net_efficientnet(cuv_net *n)
{
    static const struct { double width, depth, dropout; } members[] = {{1, 1, .2}, {1, 1.1, .2}, {1.1, 1.2, .3}, {1.2, 1.4, .3}, {1.4, 1.8, .4},
                                                                       {1.6, 2.2, .4}, {1.8, 2.6, .5}, {2, 3.1, .5}};
    static const row rows[] = {{1, 16, 1, 3, 1, false, true}, {2, 24, 6, 3, 2, false, true}, {2, 40, 6, 5, 2, false, true},
                               {3, 80, 6, 3, 2, false, true}, {3, 112, 6, 5, 1, false, true}, {4, 192, 6, 5, 2, false, true},
                               {1, 320, 6, 3, 1, false, true}};
    double width = members[n->network->number].width;
    n->axis = 3;
    n->begins = CUV_N_FAN_OUT;
    int32_t x = cuv_net_rescale(n, -1, NULL, 1. / 255, 0);
    x = cuv_net_plain(n, x, NULL, CUV_N_NORMALIZATION);
    if (n->wish.variant == 1) {
        x = cuv_net_rescale(n, x, NULL, 1, 0);
        for (int c = 0; c < 3; c++)
            cuv_net_at(n, x)->each[c] = 1 / sqrt(deviations[c]);
    }
    x = cuv_net_conv(n, cuv_net_pad_window(n, x, "stem_conv_pad", 3), "stem_conv", cuv_net_multiple_of_8(32 * width), 3, 2, 0);
    x = swish(n, x, "stem_bn", "stem_activation");
    x = stages(n, x, rows, 7, width, members[n->network->number].depth, true);
    end(n, x, rounded(1280 * width, true), members[n->network->number].dropout);
}

/* ---- the second ---- */

static int32_t standardize(cuv_net *n, int32_t x, const char *name, double unit)
{
    x = cuv_net_plain(n, x, name, CUV_N_STANDARDIZE);
    for (int c = 0; c < 3; c++) {
        cuv_net_at(n, x)->each[c] = means[c] * unit;
        cuv_net_at(n, x)->second[c] = deviations[c] * unit * (deviations[c] * unit);
    }
    return x;
}

void cuv_net_efficientnet_v2(cuv_net *n)
{
    static const row b[] = {{1, 16, 1, 3, 1, true, false}, {2, 32, 4, 3, 2, true, false}, {2, 48, 4, 3, 2, true, false},
                            {3, 96, 4, 3, 2, false, true}, {5, 112, 6, 3, 1, false, true}, {8, 192, 6, 3, 2, false, true}};
    static const row s[] = {{2, 24, 1, 3, 1, true, false}, {4, 48, 4, 3, 2, true, false}, {4, 64, 4, 3, 2, true, false},
                            {6, 128, 4, 3, 2, false, true}, {9, 160, 6, 3, 1, false, true}, {15, 256, 6, 3, 2, false, true}};
    static const row m[] = {{3, 24, 1, 3, 1, true, false}, {5, 48, 4, 3, 2, true, false}, {5, 80, 4, 3, 2, true, false},
                            {7, 160, 4, 3, 2, false, true}, {14, 176, 6, 3, 1, false, true}, {18, 304, 6, 3, 2, false, true},
                            {5, 512, 6, 3, 1, false, true}};
    static const row l[] = {{4, 32, 1, 3, 1, true, false}, {7, 64, 4, 3, 2, true, false}, {7, 96, 4, 3, 2, true, false},
                            {10, 192, 4, 3, 2, false, true}, {19, 224, 6, 3, 1, false, true}, {25, 384, 6, 3, 2, false, true},
                            {7, 640, 6, 3, 1, false, true}};
    static const struct { const row *rows; int count; double width, depth; int stem; } members[] = {
        {b, 6, 1, 1, 32}, {b, 6, 1, 1.1, 32}, {b, 6, 1.1, 1.2, 32}, {b, 6, 1.2, 1.4, 32}, {s, 6, 1, 1, 24}, {m, 7, 1, 1, 24}, {l, 7, 1, 1, 32}};
    int number = n->network->number;
    int32_t x = -1;
    n->axis = 3;
    n->momentum = .9;
    n->begins = CUV_N_FAN_OUT;
    if (n->wish.variant == 0 && number < 4 && n->wish.in_channels == 3)
        x = standardize(n, cuv_net_rescale(n, x, NULL, 1. / 255, 0), NULL, 1);
    else if (n->wish.variant == 0)
        x = cuv_net_rescale(n, x, NULL, 1. / 128, -1);
    x = cuv_net_conv(n, x, "stem_conv", rounded(members[number].stem * members[number].width, false), 3, 2, CUV_N_SAME);
    x = swish(n, x, "stem_bn", "stem_activation");
    x = stages(n, x, members[number].rows, members[number].count, members[number].width, members[number].depth, false);
    end(n, x, rounded(1280 * members[number].width, false), .2);
}

/* ---- ConvNeXt ---- */

static int32_t next_block(cuv_net *n, int32_t x)
{
    int64_t wide = cuv_net_channels(n, x);
    int32_t y = cuv_net_conv(n, x, "_depthwise_conv", wide, 7, 1, CUV_N_SAME | CUV_N_BIAS | CUV_N_GROUPED);
    y = cuv_net_dense(n, cuv_net_layer_norm(n, y, "_layernorm", 1e-6), "_pointwise_conv_1", 4 * wide);
    y = cuv_net_dense(n, cuv_net_act(n, y, "_gelu", "gelu"), "_pointwise_conv_2", wide);
    y = cuv_net_plain(n, y, "_layer_scale", CUV_N_GAMMA);
    y = cuv_net_two(n, CUV_N_ADD, NULL, x, cuv_net_act(n, y, "_identity", "linear"));
    cuv_net_at(n, y)->flags |= CUV_N_OPERATOR;
    return y;
}

/* The stem, or what halves the sides; keras.applications has each in a Sequential. */
static int32_t next_stage(cuv_net *n, int32_t x, const char *of, int stage, int64_t filters)
{
    char norm[40], conv[40];
    cuv_net_block(n, "%s_", of);
    n->within = stage ? cuv_arena_printf(n->arena, "%s_downsampling_block_%d", of, stage - 1) : cuv_arena_printf(n->arena, "%s_stem", of);
    if (!n->within && n->status == CUV_OK)
        n->status = cuv_oom(n->cx);
    if (!stage) {
        x = cuv_net_conv(n, x, "stem_conv", filters, 4, 4, CUV_N_BIAS);
        x = cuv_net_layer_norm(n, x, "stem_layernorm", 1e-6);
    } else {
        (void)snprintf(norm, sizeof norm, "downsampling_layernorm_%d", stage - 1);
        (void)snprintf(conv, sizeof conv, "downsampling_conv_%d", stage - 1);
        x = cuv_net_conv(n, cuv_net_layer_norm(n, x, norm, 1e-6), conv, filters, 2, 2, CUV_N_BIAS);
    }
    n->within = NULL;
    return x;
}

static void next_end(cuv_net *n, int32_t x, const char *of)
{
    if (!n->wish.top) {
        n->output = cuv_net_layer_norm(n, cuv_net_end(n, x, CUV_N_NUMBERED), NULL, 1e-6);
        return;
    }
    cuv_net_block(n, "%s_", of);
    x = cuv_net_layer_norm(n, cuv_net_global(n, x, "head_gap", 0), "head_layernorm", 1e-6);
    n->output = cuv_net_dense(n, x, "head_dense", n->wish.classes);
}

void cuv_net_convnext(cuv_net *n)
{
    static const struct { const char *name; int third, filters; } members[] = {
        {"convnext_tiny", 9, 96}, {"convnext_small", 27, 96}, {"convnext_base", 27, 128}, {"convnext_large", 27, 192}, {"convnext_xlarge", 27, 256}};
    int number = n->network->number;
    const char *of = n->wish.name ? n->wish.name : members[number].name;
    int32_t x = -1;
    cuv_net_block(n, "%s_", of);
    if (n->wish.variant == 0 && n->wish.in_channels == 3)
        x = standardize(n, x, "prestem_normalization", 255);
    for (int s = 0; s < 4; s++) {
        x = next_stage(n, x, of, s, (int64_t)members[number].filters << s);
        for (int i = 0; i < (s == 2 ? members[number].third : 3); i++) {
            cuv_net_block(n, "%s_stage_%d_block_%d", of, s, i);
            x = next_block(n, x);
        }
    }
    next_end(n, x, of);
}
