/* The fast kernels and the reference kernels against oneDNN, which others wrote: products, convolutions and recurrent layers of random shapes,
 * in the layouts that both know.
 *
 * usage: test_dnnl          the test
 *        test_dnnl time     oneDNN's least time over ours for shapes of well-known nets, one thread, in turns */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include <oneapi/dnnl/dnnl.h>
#include <stdlib.h>
#include <time.h>

#include "run/fast/fast.h"

#define CHECK(call) assert_int_equal((call), dnnl_success)

typedef struct scene {
    cuv_context *cx;
    dnnl_engine_t engine;
    dnnl_stream_t stream;
    uint64_t seed;
} scene;

static int64_t between(scene *s, int64_t lo, int64_t hi)
{
    s->seed = s->seed * 6364136223846793005u + 1442695040888963407u;
    return lo + (int64_t)((s->seed >> 33) % (uint64_t)(hi - lo + 1));
}

static float *numbers(scene *s, size_t n, float by)
{
    float *x = malloc((n + 1) * sizeof *x);
    assert_non_null(x);
    for (size_t i = 0; i < n; i++)
        x[i] = by * ((float)between(s, 0, 1 << 20) / (1 << 19) - 1);
    return x;
}

/* ---- theirs ---- */

enum { MOST_ARGS = 8 };
typedef struct theirs {
    dnnl_primitive_t primitive;
    dnnl_exec_arg_t args[MOST_ARGS];
    int count;
} theirs;

static dnnl_memory_desc_t plain(dnnl_format_tag_t tag, int rank, const dnnl_dims_t dims)
{
    dnnl_memory_desc_t md;
    CHECK(dnnl_memory_desc_init_by_tag(&md, rank, dims, dnnl_f32, tag));
    return md;
}

static void give(scene *s, theirs *t, int what, const dnnl_memory_desc_t *md, void *data)
{
    assert_true(t->count < MOST_ARGS);
    t->args[t->count].arg = what;
    CHECK(dnnl_memory_create(&t->args[t->count++].memory, md, s->engine, data));
}

static void make(scene *s, theirs *t, const_dnnl_op_desc_t desc)
{
    dnnl_primitive_desc_t made;
    CHECK(dnnl_primitive_desc_create(&made, desc, NULL, s->engine, NULL));
    CHECK(dnnl_primitive_create(&t->primitive, made));
    CHECK(dnnl_primitive_desc_destroy(made));
}

static void run_theirs(scene *s, const theirs *t)
{
    CHECK(dnnl_primitive_execute(t->primitive, s->stream, t->count, t->args));
    CHECK(dnnl_stream_wait(s->stream));
}

static void drop(theirs *t)
{
    for (int i = 0; i < t->count; i++)
        CHECK(dnnl_memory_destroy(t->args[i].memory));
    CHECK(dnnl_primitive_destroy(t->primitive));
}

/* ---- ours ---- */

typedef struct ours {
    cuv_arena *arena;
    cuv_program *program;
    cuv_plan *plan;
    cuv_run_tensor in, out[3];
} ours;

/* The weights in their order, as many as the program has. */
static void parse(scene *s, ours *o, const char *text, float *const *weights)
{
    o->arena = cuv_arena_new(s->cx);
    if (cuv_program_parse(o->arena, text, strlen(text), &o->program) != CUV_OK || o->program->status != CUV_OK)
        fail_msg("%s\n%s", text, cuv_finding_count(s->cx) ? cuv_finding_at(s->cx, 0)->message : "is no program");
    for (size_t i = 0; i < o->program->value_count; i++) {
        cuv_var *v = &o->program->values[i];
        cuv_tensor *t;
        void *values;
        if (v->kind != CUV_V_WEIGHT)
            continue;
        assert_int_equal(cuv_tensor_new(o->arena, CUV_F32, v->shape, v->rank, &t, &values), CUV_OK);
        memcpy(values, *weights++, cuv_tensor_bytes(t));
        v->tensor = t;
    }
}

static void plan(scene *s, ours *o, float *x, const cuv_plan_options *options)
{
    const cuv_var *v = &o->program->values[o->program->inputs[0]];
    o->in = (cuv_run_tensor){.dtype = CUV_F32, .rank = v->rank, .data = x};
    memcpy(o->in.shape, v->shape, sizeof v->shape);
    assert_int_equal(cuv_plan_new(s->cx, o->program, &o->in, options, &o->plan), CUV_OK);
    for (size_t i = 0; i < o->program->output_count; i++) {
        o->out[i] = *cuv_plan_output(o->plan, i);
        o->out[i].data = malloc(cuv_run_count(&o->out[i]) * sizeof(float) + 1);
    }
}

static void unplan(ours *o)
{
    for (size_t i = 0; i < o->program->output_count; i++)
        free(o->out[i].data);
    cuv_plan_free(o->plan);
}

static void compare(const char *text, const float *want, const float *have, size_t n)
{
    double largest = 1e-3;
    for (size_t i = 0; i < n; i++)
        largest = fabs((double)want[i]) > largest ? fabs((double)want[i]) : largest;
    for (size_t i = 0; i < n; i++)
        if (!(fabs((double)want[i] - have[i]) <= 2e-5 * largest))
            fail_msg("%selement %zu is %.9g, oneDNN gives %.9g", text, i, have[i], want[i]);
}

/* Our output 0 against `want`, with reference and with fast kernels, which may be those of plans that last. */
static void hold(scene *s, const char *text, float *const *weights, float *x, const float *want)
{
    ours o;
    cuv_pool *pool;
    parse(s, &o, text, weights);
    assert_int_equal(cuv_pool_new(s->cx, 2, &pool), CUV_OK);
    for (int way = 0; way < 4; way++) {
        plan(s, &o, x, &(cuv_plan_options){.reference = way == 0, .lasting = way > 1, .pool = way > 2 ? pool : NULL});
        assert_int_equal(cuv_plan_run(o.plan, &o.in, o.out), CUV_OK);
        compare(text, want, o.out[0].data, cuv_run_count(&o.out[0]));
        unplan(&o);
    }
    cuv_pool_free(pool);
    cuv_arena_free(o.arena);
}

static double now_us(void)
{
    struct timespec t;
    clock_gettime(CLOCK_MONOTONIC, &t);
    return (double)t.tv_sec * 1e6 + (double)t.tv_nsec * 1e-3;
}

static void race(scene *s, const char *name, const char *text, float *const *weights, float *x, const theirs *t)
{
    ours o;
    double own = HUGE_VAL, other = HUGE_VAL;
    parse(s, &o, text, weights);
    plan(s, &o, x, &(cuv_plan_options){.lasting = true});
    for (double until = now_us() + 1e6; now_us() < until;) {
        double start = now_us();
        assert_int_equal(cuv_plan_run(o.plan, &o.in, o.out), CUV_OK);
        own = fmin(own, now_us() - start);
        start = now_us();
        run_theirs(s, t);
        other = fmin(other, now_us() - start);
    }
    printf("%-28s cuvier %10.2f us, oneDNN %10.2f us: %.2f\n", name, own, other, other / own);
    unplan(&o);
    cuv_arena_free(o.arena);
}

/* ---- products ---- */

typedef struct sizes { int64_t n, h, w, ci, co, kh, kw, stride, dilation, groups, pad; } sizes;

static void product(scene *s, int64_t m, int64_t k, int64_t n, const char *name)
{
    char text[512];
    float *x = numbers(s, (size_t)(m * k), 1), *y = numbers(s, (size_t)(m * n), 0);
    float *weights[] = {numbers(s, (size_t)(k * n), 0.3f), numbers(s, (size_t)n, 1)};
    const dnnl_memory_desc_t src = plain(dnnl_ab, 2, (dnnl_dims_t){m, k}), w = plain(dnnl_ab, 2, (dnnl_dims_t){k, n});
    const dnnl_memory_desc_t b = plain(dnnl_ab, 2, (dnnl_dims_t){1, n}), dst = plain(dnnl_ab, 2, (dnnl_dims_t){m, n});
    dnnl_matmul_desc_t desc;
    theirs t = {0};
    CHECK(dnnl_matmul_desc_init(&desc, &src, &w, &b, &dst));
    make(s, &t, &desc);
    give(s, &t, DNNL_ARG_SRC, &src, x);
    give(s, &t, DNNL_ARG_WEIGHTS, &w, weights[0]);
    give(s, &t, DNNL_ARG_BIAS, &b, weights[1]);
    give(s, &t, DNNL_ARG_DST, &dst, y);
    run_theirs(s, &t);
    snprintf(text, sizeof text, "%%0 = input \"x\" float32 (%lld, %lld)\n%%1 = weight \"k\" float32 (%lld, %lld)\n%%2 = weight \"b\" float32 (%lld)\n"
             "%%3 = dense %%0 %%1 %%2\noutput %%3\n", (long long)m, (long long)k, (long long)k, (long long)n, (long long)n);
    if (name)
        race(s, name, text, weights, x, &t);
    else
        hold(s, text, weights, x, y);
    drop(&t);
    free(x), free(y), free(weights[0]), free(weights[1]);
}

static void test_products(void **state)
{
    for (int i = 0; i < 60; i++)
        product(*state, between(*state, 1, 40), between(*state, 1, 300), between(*state, 1, 130), NULL);
}

/* ---- convolutions ---- */

static void convolution(scene *s, const sizes *z, const char *name)
{
    char text[768];
    const int64_t span_h = (z->kh - 1) * z->dilation + 1, span_w = (z->kw - 1) * z->dilation + 1;
    const int64_t oh = (z->h + 2 * z->pad - span_h) / z->stride + 1, ow = (z->w + 2 * z->pad - span_w) / z->stride + 1;
    const int64_t cig = z->ci / z->groups, cog = z->co / z->groups;
    const float by = 1 / sqrtf((float)(z->kh * z->kw * cig));
    float *x = numbers(s, (size_t)(z->n * z->h * z->w * z->ci), 1), *y = numbers(s, (size_t)(z->n * oh * ow * z->co), 0);
    float *weights[] = {numbers(s, (size_t)(z->kh * z->kw * cig * z->co), by), numbers(s, (size_t)z->co, 1)};
    const dnnl_memory_desc_t src = plain(dnnl_nhwc, 4, (dnnl_dims_t){z->n, z->ci, z->h, z->w});
    const dnnl_memory_desc_t w = z->groups > 1 ? plain(dnnl_hwigo, 5, (dnnl_dims_t){z->groups, cog, cig, z->kh, z->kw})
                                               : plain(dnnl_hwio, 4, (dnnl_dims_t){z->co, z->ci, z->kh, z->kw});
    const dnnl_memory_desc_t b = plain(dnnl_x, 1, (dnnl_dims_t){z->co}), dst = plain(dnnl_nhwc, 4, (dnnl_dims_t){z->n, z->co, oh, ow});
    dnnl_convolution_desc_t desc;
    theirs t = {0};
    const dnnl_dims_t strides = {z->stride, z->stride}, dilates = {z->dilation - 1, z->dilation - 1}, pad = {z->pad, z->pad};
    const dnnl_dims_t pad_r = {(oh - 1) * z->stride + span_h - z->h - z->pad, (ow - 1) * z->stride + span_w - z->w - z->pad};
    CHECK(dnnl_dilated_convolution_forward_desc_init(&desc, dnnl_forward_inference, dnnl_convolution_direct, &src, &w, &b, &dst, strides, dilates,
                                                     pad, pad_r));
    make(s, &t, &desc);
    give(s, &t, DNNL_ARG_SRC, &src, x);
    give(s, &t, DNNL_ARG_WEIGHTS, &w, weights[0]);
    give(s, &t, DNNL_ARG_BIAS, &b, weights[1]);
    give(s, &t, DNNL_ARG_DST, &dst, y);
    run_theirs(s, &t);
    snprintf(text, sizeof text, "%%0 = input \"x\" float32 (%lld, %lld, %lld, %lld)\n%%1 = weight \"k\" float32 (%lld, %lld, %lld, %lld)\n"
             "%%2 = weight \"b\" float32 (%lld)\n%%3 = conv %%0 %%1 %%2 stride=%lld,%lld dilation=%lld,%lld pad_lo=%lld,%lld pad_hi=%lld,%lld "
             "groups=%lld\noutput %%3\n", (long long)z->n, (long long)z->h, (long long)z->w, (long long)z->ci, (long long)z->kh, (long long)z->kw,
             (long long)cig, (long long)z->co, (long long)z->co, (long long)z->stride, (long long)z->stride, (long long)z->dilation,
             (long long)z->dilation, (long long)z->pad, (long long)z->pad, (long long)z->pad, (long long)z->pad, (long long)z->groups);
    if (name)
        race(s, name, text, weights, x, &t);
    else
        hold(s, text, weights, x, y);
    drop(&t);
    free(x), free(y), free(weights[0]), free(weights[1]);
}

static void test_convolutions(void **state)
{
    scene *s = *state;
    for (int i = 0; i < 120; i++) {
        sizes z = {.n = between(s, 1, 3), .h = between(s, 6, 20), .w = between(s, 6, 20), .kh = between(s, 1, 4), .kw = between(s, 1, 4),
                   .stride = between(s, 1, 2), .dilation = i % 4 ? 1 : 2, .groups = i % 5 ? 1 : between(s, 2, 3), .pad = between(s, 0, 2)};
        z.ci = z.groups * between(s, 1, 40);
        z.co = z.groups * between(s, 1, 50);
        if (i % 3 == 0) {       /* what Winograd's kernels take */
            z.kh = z.kw = 3;
            z.stride = z.dilation = z.groups = 1;
            z.ci = between(s, 16, 50);
            z.co = between(s, 16, 70);
        }
        if ((z.kh - 1) * z.dilation < z.h + 2 * z.pad && (z.kw - 1) * z.dilation < z.w + 2 * z.pad)
            convolution(s, &z, NULL);
    }
}

/* ---- recurrence: oneDNN has time before the batch ---- */

static float *swapped(const float *x, int64_t a, int64_t b, int64_t n)
{
    float *y = malloc((size_t)(a * b * n + 1) * sizeof *y);
    assert_non_null(y);
    for (int64_t i = 0; i < a; i++)
        for (int64_t k = 0; k < b; k++)
            memcpy(y + (k * a + i) * n, x + (i * b + k) * n, (size_t)n * sizeof *y);
    return y;
}

/* Keras's gates are in oneDNN's order: i f c o, and z r h; GRU's bias has the recurrent one of its last gate beside the sums of the others. */
static float *their_bias(const float *bias, bool lstm, int64_t u)
{
    float *b = malloc((size_t)(4 * u + 1) * sizeof *b);
    assert_non_null(b);
    for (int64_t i = 0; i < 4 * u; i++)
        b[i] = lstm ? bias[i] : i < 2 * u ? bias[i] + bias[3 * u + i] : i < 3 * u ? bias[i] : bias[2 * u + i];
    return b;
}

static void recurrence(scene *s, bool lstm, int64_t batch, int64_t time_steps, int64_t in, int64_t u, const char *name)
{
    char text[768];
    const int64_t gates = lstm ? 4 : 3, g = gates * u;
    float *x = numbers(s, (size_t)(batch * time_steps * in), 1), *their_x = swapped(x, batch, time_steps, in);
    float *their_y = numbers(s, (size_t)(batch * time_steps * u), 0);
    float *weights[] = {numbers(s, (size_t)(in * g), 0.3f), numbers(s, (size_t)(u * g), 0.2f), numbers(s, (size_t)(lstm ? g : 2 * g), 1)};
    float *bias = their_bias(weights[2], lstm, u);
    const dnnl_memory_desc_t none = {0}, src = plain(dnnl_tnc, 3, (dnnl_dims_t){time_steps, batch, in});
    const dnnl_memory_desc_t w = plain(dnnl_ldigo, 5, (dnnl_dims_t){1, 1, in, gates, u}), r = plain(dnnl_ldigo, 5, (dnnl_dims_t){1, 1, u, gates, u});
    const dnnl_memory_desc_t b = plain(dnnl_ldgo, 4, (dnnl_dims_t){1, 1, 4, u}), dst = plain(dnnl_tnc, 3, (dnnl_dims_t){time_steps, batch, u});
    dnnl_rnn_desc_t desc;
    theirs t = {0};
    if (lstm)
        CHECK(dnnl_lstm_forward_desc_init(&desc, dnnl_forward_inference, dnnl_unidirectional_left2right, &src, &none, &none, &w, &r, &b, &dst, &none,
                                          &none, dnnl_rnn_flags_undef));
    else
        CHECK(dnnl_lbr_gru_forward_desc_init(&desc, dnnl_forward_inference, dnnl_unidirectional_left2right, &src, &none, &w, &r, &b, &dst, &none,
                                             dnnl_rnn_flags_undef));
    make(s, &t, &desc);
    give(s, &t, DNNL_ARG_SRC_LAYER, &src, their_x);
    give(s, &t, DNNL_ARG_WEIGHTS_LAYER, &w, weights[0]);
    give(s, &t, DNNL_ARG_WEIGHTS_ITER, &r, weights[1]);
    give(s, &t, DNNL_ARG_BIAS, &b, bias);
    give(s, &t, DNNL_ARG_DST_LAYER, &dst, their_y);
    run_theirs(s, &t);
    float *y = swapped(their_y, time_steps, batch, u);
    snprintf(text, sizeof text, "%%0 = input \"x\" float32 (%lld, %lld, %lld)\n%%1 = weight \"k\" float32 (%lld, %lld)\n%%2 = weight \"u\" float32 "
             "(%lld, %lld)\n%%3 = weight \"b\" float32 (%s%lld)\n%%4 %%5%s = %s %%0 %%1 %%2 %%3 - -%s act=tanh rec_act=sigmoid sequences%s\noutput %%4\n",
             (long long)batch, (long long)time_steps, (long long)in, (long long)in, (long long)g, (long long)u, (long long)g, lstm ? "" : "2, ",
             (long long)g, lstm ? " %6" : "", lstm ? "lstm" : "gru", lstm ? " -" : "", lstm ? "" : " reset_after");
    if (name)
        race(s, name, text, weights, x, &t);
    else
        hold(s, text, weights, x, y);
    drop(&t);
    free(x), free(their_x), free(y), free(their_y), free(bias), free(weights[0]), free(weights[1]), free(weights[2]);
}

static void test_recurrence(void **state)
{
    for (int i = 0; i < 40; i++)
        recurrence(*state, i % 2, between(*state, 1, 9), between(*state, 1, 20), between(*state, 1, 40), between(*state, 1, 70), NULL);
}

/* ---- all of it ---- */

static int open_scene(void **state)
{
    static scene s;
    s = (scene){.seed = 1};
    *state = &s;
    return cuv_context_new(NULL, &s.cx) != CUV_OK || dnnl_engine_create(&s.engine, dnnl_cpu, 0) != dnnl_success ||
           dnnl_stream_create(&s.stream, s.engine, dnnl_stream_default_flags) != dnnl_success;
}

static int close_scene(void **state)
{
    scene *s = *state;
    cuv_context_free(s->cx);
    return dnnl_stream_destroy(s->stream) != dnnl_success || dnnl_engine_destroy(s->engine) != dnnl_success;
}

static void race_all(void **state)
{
    static const struct { const char *name; sizes z; } convolutions[] = {
        {"7x7 s2 3-64 224", {1, 224, 224, 3, 64, 7, 7, 2, 1, 1, 3}},      {"3x3 64-64 56", {1, 56, 56, 64, 64, 3, 3, 1, 1, 1, 1}},
        {"3x3 128-128 28", {1, 28, 28, 128, 128, 3, 3, 1, 1, 1, 1}},      {"3x3 256-256 14", {1, 14, 14, 256, 256, 3, 3, 1, 1, 1, 1}},
        {"3x3 512-512 7", {1, 7, 7, 512, 512, 3, 3, 1, 1, 1, 1}},         {"1x1 64-256 56", {1, 56, 56, 64, 256, 1, 1, 1, 1, 1, 0}},
        {"1x1 256-64 56", {1, 56, 56, 256, 64, 1, 1, 1, 1, 1, 0}},        {"1x1 256-1024 14", {1, 14, 14, 256, 1024, 1, 1, 1, 1, 1, 0}},
        {"1x1 512-2048 7", {1, 7, 7, 512, 2048, 1, 1, 1, 1, 1, 0}},       {"1x1 24-144 56", {1, 56, 56, 24, 144, 1, 1, 1, 1, 1, 0}},
        {"1x1 144-24 56", {1, 56, 56, 144, 24, 1, 1, 1, 1, 1, 0}},        {"1x1 320-1280 7", {1, 7, 7, 320, 1280, 1, 1, 1, 1, 1, 0}},
        {"1x11 32-32 5000", {1, 1, 5010, 32, 32, 1, 11, 1, 1, 1, 0}},     {"1x41 d25 32-32 5000", {1, 1, 6000, 32, 32, 1, 41, 1, 25, 1, 0}}};
    static const int64_t products[][3] = {{1, 16, 16}, {1, 64, 64}, {1, 784, 128}, {1, 512, 512}, {1, 2048, 1000}, {1, 4096, 4096}, {32, 16, 16},
                                          {128, 256, 256}, {256, 784, 128}, {256, 512, 512}};
    for (size_t i = 0; i < sizeof convolutions / sizeof *convolutions; i++)
        convolution(*state, &convolutions[i].z, convolutions[i].name);
    for (size_t i = 0; i < sizeof products / sizeof *products; i++) {
        char name[64];
        snprintf(name, sizeof name, "dense %lld x %lld x %lld", (long long)products[i][0], (long long)products[i][1], (long long)products[i][2]);
        product(*state, products[i][0], products[i][1], products[i][2], name);
    }
    recurrence(*state, true, 1, 100, 64, 128, "lstm 100 x 64 - 128");
    recurrence(*state, true, 32, 100, 64, 128, "lstm 32 x 100 x 64 - 128");
    recurrence(*state, false, 1, 100, 128, 64, "gru 100 x 128 - 64");
}

int main(int argc, char **argv)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(test_products), cmocka_unit_test(test_convolutions), cmocka_unit_test(test_recurrence)};
    const struct CMUnitTest races[] = {cmocka_unit_test(race_all)};
    if (argc > 1 && !strcmp(argv[1], "time"))
        return cmocka_run_group_tests(races, open_scene, close_scene);
    return cmocka_run_group_tests(tests, open_scene, close_scene);
}
