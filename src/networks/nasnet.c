/* NASNet, mobile and large: cells that take what the last two cells gave. */
#include "networks/families.h"

#include <stdio.h>

/* What a cell gives, and how often its sides were halved. */
typedef struct made { int32_t x; int level; } made;

static const char *with(char *room, size_t size, const char *before, const char *id)
{
    (void)snprintf(room, size, "%s_%s", before, id);
    return room;
}
#define ROOM(before, id) with((char[64]){0}, 64, before, id)

static int32_t separable(cuv_net *n, int32_t x, const char *id, int64_t filters, int kernel, int stride)
{
    x = cuv_net_act(n, x, NULL, "relu");
    if (stride > 1)
        x = cuv_net_pad_window(n, x, ROOM("separable_conv_1_pad", id), kernel);
    x = cuv_net_separable(n, x, ROOM("separable_conv_1", id), filters, kernel, stride, stride > 1 ? 0 : CUV_N_SAME);
    x = cuv_net_act(n, cuv_net_batch_norm(n, x, ROOM("separable_conv_1_bn", id), 1e-3, 0), NULL, "relu");
    x = cuv_net_separable(n, x, ROOM("separable_conv_2", id), filters, kernel, 1, CUV_N_SAME);
    return cuv_net_batch_norm(n, x, ROOM("separable_conv_2_bn", id), 1e-3, 0);
}

static int32_t project(cuv_net *n, int32_t x, const char *name, const char *norm, int64_t filters)
{
    x = cuv_net_conv(n, cuv_net_act(n, x, NULL, "relu"), name, filters, 1, 1, CUV_N_SAME);
    return cuv_net_batch_norm(n, x, norm, 1e-3, 0);
}

/* Every other position, and the ones between, each to half of the filters. */
static int32_t shrink(cuv_net *n, int32_t p, int64_t filters, const char *id)
{
    p = cuv_net_act(n, p, ROOM("adjust_relu_1", id), "relu");
    int32_t a = cuv_net_pool(n, p, ROOM("adjust_avg_pool_1", id), CUV_N_AVERAGE_POOL, 1, 2, 0);
    a = cuv_net_conv(n, a, ROOM("adjust_conv_1", id), filters / 2, 1, 1, CUV_N_SAME);
    int32_t b = cuv_net_plain(n, cuv_net_pad(n, p, NULL, 0, 1), NULL, CUV_N_CROP);
    cuv_net_at(n, b)->pad[0] = cuv_net_at(n, b)->pad[2] = 1;
    b = cuv_net_pool(n, b, ROOM("adjust_avg_pool_2", id), CUV_N_AVERAGE_POOL, 1, 2, 0);
    b = cuv_net_conv(n, b, ROOM("adjust_conv_2", id), filters / 2, 1, 1, CUV_N_SAME);
    return cuv_net_batch_norm(n, cuv_net_two(n, CUV_N_CONCATENATE, NULL, a, b), ROOM("adjust_bn", id), 1e-3, 0);
}

/* The cell before the last, brought to the sides and the filters of this one. */
static int32_t adjust(cuv_net *n, made x, made p, int64_t filters, const char *id)
{
    if (p.level < 0)
        return x.x;
    if (p.level != x.level)
        return shrink(n, p.x, filters, id);
    if (cuv_net_channels(n, p.x) == filters)
        return p.x;
    return project(n, p.x, ROOM("adjust_conv_projection", id), ROOM("adjust_bn", id), filters);
}

static made normal(cuv_net *n, made x, made before, int64_t filters, const char *id)
{
    char to[64];
    int32_t p = adjust(n, x, before, filters, id);
    int32_t h = project(n, x.x, ROOM("normal_conv_1", id), ROOM("normal_bn_1", id), filters);
#define NAME(what) with(to, sizeof to, "normal_" what, id)
    int32_t a = separable(n, h, ROOM("normal_left1", id), filters, 5, 1), b = separable(n, p, ROOM("normal_right1", id), filters, 3, 1);
    int32_t x1 = cuv_net_two(n, CUV_N_ADD, NAME("add_1"), a, b);
    a = separable(n, p, ROOM("normal_left2", id), filters, 5, 1);
    b = separable(n, p, ROOM("normal_right2", id), filters, 3, 1);
    int32_t x2 = cuv_net_two(n, CUV_N_ADD, NAME("add_2"), a, b);
    a = cuv_net_pool(n, h, NAME("left3"), CUV_N_AVERAGE_POOL, 3, 1, CUV_N_SAME);
    int32_t x3 = cuv_net_two(n, CUV_N_ADD, NAME("add_3"), a, p);
    a = cuv_net_pool(n, p, NAME("left4"), CUV_N_AVERAGE_POOL, 3, 1, CUV_N_SAME);
    b = cuv_net_pool(n, p, NAME("right4"), CUV_N_AVERAGE_POOL, 3, 1, CUV_N_SAME);
    int32_t x4 = cuv_net_two(n, CUV_N_ADD, NAME("add_4"), a, b);
    a = separable(n, h, ROOM("normal_left5", id), filters, 3, 1);
    int32_t x5 = cuv_net_two(n, CUV_N_ADD, NAME("add_5"), a, h);
    return (made){cuv_net_join(n, CUV_N_CONCATENATE, NAME("concat"), 6, (int32_t[]){p, x1, x2, x3, x4, x5}), x.level};
#undef NAME
}

static made reduction(cuv_net *n, made x, made before, int64_t filters, const char *id)
{
    char to[64];
    int32_t p = adjust(n, x, before, filters, id);
    int32_t h = project(n, x.x, ROOM("reduction_conv_1", id), ROOM("reduction_bn_1", id), filters);
#define NAME(what) with(to, sizeof to, "reduction_" what, id)
    int32_t wide = cuv_net_pad_window(n, h, NAME("pad_1"), 3);
    int32_t a = separable(n, h, ROOM("reduction_left1", id), filters, 5, 2), b = separable(n, p, ROOM("reduction_right1", id), filters, 7, 2);
    int32_t x1 = cuv_net_two(n, CUV_N_ADD, NAME("add_1"), a, b);
    a = cuv_net_pool(n, wide, NAME("left2"), CUV_N_MAX_POOL, 3, 2, 0);
    b = separable(n, p, ROOM("reduction_right2", id), filters, 7, 2);
    int32_t x2 = cuv_net_two(n, CUV_N_ADD, NAME("add_2"), a, b);
    a = cuv_net_pool(n, wide, NAME("left3"), CUV_N_AVERAGE_POOL, 3, 2, 0);
    b = separable(n, p, ROOM("reduction_right3", id), filters, 5, 2);
    int32_t x3 = cuv_net_two(n, CUV_N_ADD, NAME("add3"), a, b);
    a = cuv_net_pool(n, x1, NAME("left4"), CUV_N_AVERAGE_POOL, 3, 1, CUV_N_SAME);
    int32_t x4 = cuv_net_two(n, CUV_N_ADD, NULL, x2, a);
    a = separable(n, x1, ROOM("reduction_left4", id), filters, 3, 1);
    b = cuv_net_pool(n, wide, NAME("right5"), CUV_N_MAX_POOL, 3, 2, 0);
    int32_t x5 = cuv_net_two(n, CUV_N_ADD, NAME("add4"), a, b);
    return (made){cuv_net_join(n, CUV_N_CONCATENATE, NAME("concat"), 4, (int32_t[]){x2, x3, x4, x5}), x.level + 1};
#undef NAME
}

/* One cell on the last; `p` becomes what was the last. */
static void go(cuv_net *n, made *x, made *p, bool reduce, int64_t filters, const char *id)
{
    made next = reduce ? reduction(n, *x, *p, filters, id) : normal(n, *x, *p, filters, id);
    *p = *x;
    *x = next;
}

void cuv_net_nasnet(cuv_net *n)
{
    bool is_large = n->network->number;
    int blocks = is_large ? 6 : 4;
    int64_t filters = is_large ? 168 : 44;
    char id[16];
    n->momentum = .9997;
    n->begins = CUV_N_HE_NORMAL;
    made p = {-1, -1}, x = {cuv_net_conv(n, -1, "stem_conv1", is_large ? 96 : 32, 3, 2, 0), 0};
    x.x = cuv_net_batch_norm(n, x.x, "stem_bn1", 1e-3, 0);
    go(n, &x, &p, true, filters / 4, "stem_1");
    go(n, &x, &p, true, filters / 2, "stem_2");
    for (int stage = 0; stage < 3; stage++) {
        if (stage) {
            made before = p;
            (void)snprintf(id, sizeof id, "reduce_%d", stage * blocks);
            go(n, &x, &p, true, filters << stage, id);
            p = is_large ? before : p;
        }
        for (int i = 0; i < blocks; i++) {
            (void)snprintf(id, sizeof id, "%d", stage * blocks + i + (stage > 0));
            go(n, &x, &p, false, filters << stage, id);
        }
    }
    cuv_net_classify(n, cuv_net_act(n, x.x, NULL, "relu"), 0, CUV_N_NUMBERED);
}
