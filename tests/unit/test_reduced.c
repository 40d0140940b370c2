/* Products in fewer bits against the reference kernels, which compute with weights and inputs that plain loops
 * have rounded as reduced.h says: every way of computing that this machine has, with one thread and with three,
 * over shapes that leave remainders everywhere. Integers have to give the same bits from all of them. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include <float.h>
#include <stdlib.h>
#include <time.h>

#include "run/fast/reduced.h"

typedef struct fixture {
    cuv_context *cx;
    cuv_pool *pool;
    uint64_t seed;
} fixture;

static uint32_t draw(fixture *f)
{
    f->seed = f->seed * 6364136223846793005u + 1442695040888963407u;
    return (uint32_t)(f->seed >> 33);
}

static int64_t between(fixture *f, int64_t lo, int64_t hi) { return lo + (int64_t)(draw(f) % (uint32_t)(hi - lo + 1)); }
static float real(fixture *f) { return (float)((double)draw(f) / 2147483648.0 * 2 - 1); }

/* ---- the rounding, in plain words ---- */

static void round_weights(float *w, size_t k, size_t n, cuv_precision precision, bool turned)
{
    for (size_t c = 0; c < n; c++) {
        float most = 0;
        for (size_t i = 0; i < k; i++)
            most = fmaxf(most, fabsf(w[turned ? c * k + i : i * n + c]));
        const float scale = most / 127;
        for (size_t i = 0; i < k; i++) {
            float *one = &w[turned ? c * k + i : i * n + c];
            if (precision == CUV_PRECISION_BF16)
                *one = cuv_bf16_to_f32(cuv_f32_to_bf16(*one));
            else
                *one = scale < FLT_MIN ? 0 : scale * rintf(*one * (1 / scale));
        }
    }
}

static void round_inputs(float *x, size_t rows, size_t n, cuv_precision precision)
{
    for (size_t r = 0; r < rows; r++, x += n) {
        float lo = 0, hi = 0;
        bool finite = true;
        for (size_t i = 0; i < n; i++) {
            finite &= isfinite(x[i]);
            lo = fminf(lo, x[i]);
            hi = fmaxf(hi, x[i]);
        }
        const float scale = hi / 255 - lo / 255, by = 1 / scale, zero = rintf(-lo * by);
        for (size_t i = 0; i < n; i++)
            if (precision == CUV_PRECISION_BF16)
                x[i] = cuv_bf16_to_f32(cuv_f32_to_bf16(x[i]));
            else
                x[i] = !finite ? NAN : scale < FLT_MIN ? 0 : scale * (fminf(fmaxf(rintf(x[i] * by) + zero, 0), 255) - zero);
    }
}

/* ---- one program, run in float32 with rounded numbers and in fewer bits with the true ones ---- */

typedef struct subject {
    const char *text;
    int64_t rows;           /* of the input that have a scale of their own */
    bool turned, exact;     /* the weight is stored by output; sums are compared bit by bit between instruction sets */
} subject;

static void fill_weights(fixture *f, cuv_program *p, cuv_precision rounded, bool turned)
{
    static const float powers[] = {0.5f, -2, 1, 4, -0.25f};
    for (size_t i = 0; i < p->value_count; i++) {
        cuv_var *v = &p->values[i];
        cuv_tensor *t;
        void *data;
        if (v->kind != CUV_V_WEIGHT)
            continue;
        assert_int_equal(cuv_tensor_new(p->arena, v->dtype, v->shape, v->rank, &t, &data), CUV_OK);
        float *w = data;
        const size_t n = cuv_tensor_count(t);
        for (size_t k = 0; k < n; k++)      /* batch normalisation scales by powers of two: rounding before and after is the same */
            w[k] = !strcmp(v->name, "variance") ? 0.25f : !strcmp(v->name, "g") ? powers[k % 5] : real(f) * (k % 7 ? 1 : 0.01f);
        if (!strcmp(v->name, "k") && rounded != CUV_PRECISION_F32) {
            const size_t last = (size_t)v->shape[turned ? 0 : v->rank - 1];
            for (size_t k = 0; k < n && n / last > 3; k += last)      /* an output without any weight */
                w[k] = turned ? w[k] : 0;
            round_weights(w, n / last, last, rounded, turned);
        } else if (!strcmp(v->name, "k") && !turned && n / (size_t)v->shape[v->rank - 1] > 3)
            for (size_t k = 0; k < n; k += (size_t)v->shape[v->rank - 1])
                w[k] = 0;
        if (draw(f) % 2) {      /* where no float should be, as in an archive */
            uint8_t *elsewhere = cuv_arena_alloc(p->arena, cuv_tensor_bytes(t) + 4);
            assert_non_null(elsewhere);
            t->data = memcpy(elsewhere + 1 + draw(f) % 3, data, cuv_tensor_bytes(t));
        }
        v->tensor = t;
    }
}

static void run_one(fixture *f, const subject *s, cuv_precision rounded, const cuv_plan_options *options, const cuv_run_tensor *in, uint64_t seed,
                    cuv_run_tensor *out)
{
    cuv_arena *arena = cuv_arena_new(f->cx);
    cuv_program *p;
    cuv_plan *plan;
    if (cuv_program_parse(arena, s->text, strlen(s->text), &p) != CUV_OK || p->status != CUV_OK)
        fail_msg("%s\n%s", s->text, cuv_finding_count(f->cx) ? cuv_finding_at(f->cx, 0)->message : "is no program");
    f->seed = seed;
    fill_weights(f, p, rounded, s->turned);
    assert_int_equal(cuv_plan_new(f->cx, p, in, options, &plan), CUV_OK);
    if (options->dots && !cuv_plan_reduced(plan))
        fail_msg("%s\nis not computed in fewer bits", s->text);
    *out = *cuv_plan_output(plan, 0);
    const size_t size = cuv_run_count(out) * sizeof(float);
    out->data = malloc(size + 1);
    memset(out->data, 0xA5, size);
    assert_int_equal(cuv_plan_run(plan, in, out), CUV_OK);
    assert_int_equal(cuv_plan_run(plan, in, out), CUV_OK);
    cuv_plan_free(plan);
    cuv_arena_free(arena);
}

static void compare(const subject *s, const char *how, const cuv_run_tensor *want, const cuv_run_tensor *have)
{
    const float *a = want->data, *b = have->data;
    double largest = 1;
    for (size_t i = 0; i < cuv_run_count(want); i++)
        if (isfinite(a[i]) && fabs(a[i]) > largest)
            largest = fabs(a[i]);
    for (size_t i = 0; i < cuv_run_count(want); i++)
        if (isnan(a[i]) ? !isnan(b[i]) : isinf(a[i]) ? a[i] != b[i] : !(fabs((double)a[i] - b[i]) <= 5e-6 * largest + 1e-5 * fabs(a[i])))
            fail_msg("%s\n%s: element %zu is %.9g, the reference kernel gives %.9g", s->text, how, i, b[i], a[i]);
}

static void hold_precision(fixture *f, const subject *s, cuv_precision precision, cuv_run_tensor *in, const float *x, uint64_t seed)
{
    const cuv_dots *ways[CUV_MOST_DOTS];
    const size_t n = cuv_run_count(&in[0]);
    cuv_run_tensor want[2], have, first = {.data = NULL};
    float *rounded = malloc(n * sizeof *rounded + 1);
    memcpy(rounded, x, n * sizeof *rounded);
    for (int i = 0; i < 2; i++) {       /* with inputs as they are, and with rounded ones */
        in[0].data = rounded;
        if (i)
            round_inputs(rounded, (size_t)s->rows, n / (size_t)s->rows, precision);
        run_one(f, s, precision, &(cuv_plan_options){.reference = true}, in, seed, &want[i]);
    }
    memcpy(rounded, x, n * sizeof *rounded);
    cuv_dots_of_machine(precision, ways);
    for (size_t i = 0; ways[i]; i++)
        for (int threads = 0; threads < 2; threads++) {
            const size_t size = cuv_run_count(&want[0]) * sizeof(float);
            if (!ways[i]->convert && strstr(s->text, "conv"))
                continue;       /* nothing to gain there */
            run_one(f, s, CUV_PRECISION_F32, &(cuv_plan_options){.dots = ways[i], .pool = threads ? f->pool : NULL}, in, seed, &have);
            compare(s, ways[i]->name, &want[ways[i]->convert != NULL], &have);
            if (first.data && s->exact && precision == CUV_PRECISION_INT8 && memcmp(first.data, have.data, size) != 0)
                fail_msg("%s\n%s and %s give different bits", s->text, ways[0]->name, ways[i]->name);
            if (first.data)
                free(have.data);
            else
                first = have;
        }
    free(first.data);
    free(want[0].data);
    free(want[1].data);
    free(rounded);
}

/* The first input is x; a second one, y, is added. `odd`: some rows of x are not what one expects. */
static void hold(fixture *f, const subject *s, bool odd)
{
    static const float least[] = {0, 1e-30f, -1e-41f, 1e36f, -1e36f, NAN, INFINITY, 1e-3f};
    cuv_arena *arena = cuv_arena_new(f->cx);
    cuv_program *p;
    cuv_run_tensor in[2] = {{0}};
    float *x[2] = {NULL, NULL};
    if (cuv_program_parse(arena, s->text, strlen(s->text), &p) != CUV_OK || p->status != CUV_OK)
        fail_msg("%s\n%s", s->text, cuv_finding_count(f->cx) ? cuv_finding_at(f->cx, 0)->message : "is no program");
    for (size_t i = 0; i < p->input_count; i++) {
        const cuv_var *v = &p->values[p->inputs[i]];
        in[i] = (cuv_run_tensor){.dtype = CUV_F32, .rank = v->rank};
        memcpy(in[i].shape, v->shape, sizeof v->shape);
        const size_t n = cuv_run_count(&in[i]), each = n / (size_t)(i ? 1 : s->rows);
        in[i].data = x[i] = malloc(n * sizeof(float) + 1);
        for (size_t k = 0; k < n; k++) {
            const size_t row = k / each;
            x[i][k] = real(f) + (row % 3 == 1 ? 1.5f : row % 3 == 2 ? -2 : 0);
            if (!i && odd && row % 2)
                x[i][k] = k % each == 0 || row / 2 % 8 < 3 ? least[row / 2 % 8] : x[i][k];
        }
    }
    const uint64_t seed = f->seed;
    hold_precision(f, s, CUV_PRECISION_BF16, in, x[0], seed);
    hold_precision(f, s, CUV_PRECISION_INT8, in, x[0], seed);
    f->seed = seed + 1;
    free(x[0]);
    free(x[1]);
    cuv_arena_free(arena);
}

#define HOLD(f, rows_, turned_, exact_, odd_, ...) do { \
        char text_[1536]; \
        snprintf(text_, sizeof text_, __VA_ARGS__); \
        hold(f, &(subject){text_, rows_, turned_, exact_}, odd_); \
    } while (0)
#define L(n) (long long)(n)

static const char *const acts[] = {"", " act=relu(0.0,inf,0.0)", " act=relu(0.0,6.0,0.0)", " act=silu", " act=gelu"};

static void test_dense(void **state)
{
    fixture *f = *state;
    for (int i = 0; i < 90; i++) {
        const int64_t rows = i % 3 ? between(f, 1, 40) : between(f, 1, 4), k = i % 5 ? between(f, 1, 70) : between(f, 1, 600), n = between(f, 1, 100);
        HOLD(f, rows, false, i % 5 < 3, i % 4 == 3, "%%0 = input \"x\" float32 (%lld, %lld)\n%%1 = weight \"k\" float32 (%lld, %lld)\n"
             "%%2 = weight \"b\" float32 (%lld)\n%%3 = dense %%0 %%1%s%s\noutput %%3\n", L(rows), L(k), L(k), L(n), L(n), i % 4 ? " %2" : "",
             acts[i % 5]);
    }
}

static void test_tiles(void **state)
{
    fixture *f = *state;
    for (int rows = 1; rows <= 30; rows++)
        for (int n = 1; n <= 70; n += n < 34 ? 5 : 11)
            HOLD(f, rows, false, true, false, "%%0 = input \"x\" float32 (%d, 11)\n%%1 = weight \"k\" float32 (11, %d)\n%%2 = dense %%0 %%1\n"
                 "output %%2\n", rows, n);
}

static void test_matmul(void **state)
{
    fixture *f = *state;
    for (int i = 0; i < 30; i++) {
        const int64_t b = between(f, 1, 3), m = between(f, 1, 20), k = between(f, 1, 50), n = between(f, 1, 70);
        const bool turned = i & 1;
        HOLD(f, b * m, turned, true, i % 4 == 3, "%%0 = input \"x\" float32 (%lld, %lld, %lld)\n%%1 = weight \"k\" float32 (%lld, %lld)\n"
             "%%2 = matmul %%0 %%1%s\noutput %%2\n", L(b), L(m), L(k), L(turned ? n : k), L(turned ? k : n), turned ? " transpose_b" : "");
    }
}

static void test_conv(void **state)
{
    fixture *f = *state;
    for (int i = 0; i < 120; i++) {
        const int64_t ci = i % 2 ? 4 * between(f, 1, 6) : between(f, 1, 20), co = between(f, 1, 70), h = between(f, 5, 14), w = between(f, 5, 15);
        const int64_t kh = between(f, 1, 4), kw = between(f, 1, 4), sh = between(f, 1, 2), dh = sh == 1 ? between(f, 1, 2) : 1, b = between(f, 1, 2);
        const bool points = kh == 1 && kw == 1 && sh == 1;
        HOLD(f, points ? b * h * w : b, false, i % 5 < 3, i % 9 == 8, "%%0 = input \"x\" float32 (%lld, %lld, %lld, %lld)\n%%1 = weight \"k\" "
             "float32 (%lld, %lld, %lld, %lld)\n%%2 = weight \"b\" float32 (%lld)\n%%3 = conv %%0 %%1%s stride=%lld,%lld dilation=%lld,%lld%s "
             "groups=1%s\noutput %%3\n", L(b), L(h), L(w), L(ci), L(kh), L(kw), L(ci), L(co), L(co), i % 4 ? " %2" : "", L(sh), L(sh), L(dh), L(dh),
             points || (i % 3 && (kh - 1) * dh < h && (kw - 1) * dh < w) ? "" : " same", acts[i % 5]);
    }
    HOLD(f, 2, false, true, false, "%%0 = input \"x\" float32 (2, 33, 5)\n%%1 = weight \"k\" float32 (7, 5, 24)\n%%2 = conv %%0 %%1 stride=1 "
         "dilation=3 pad_lo=18 pad_hi=0 groups=1\noutput %%2\n");
    HOLD(f, 1, false, true, false, "%%0 = input \"x\" float32 (1, 5, 6, 7, 3)\n%%1 = weight \"k\" float32 (2, 3, 2, 3, 9)\n%%2 = conv %%0 %%1 same "
         "groups=1\noutput %%2\n");
    HOLD(f, 1, false, true, false, "%%0 = input \"x\" float32 (1, 60, 60, 16)\n%%1 = weight \"k\" float32 (3, 3, 16, 40)\n%%2 = conv %%0 %%1 groups=1 same\n"
         "output %%2\n");
}

/* Zeros around the image, batch normalisation, a sum and an activation, all in one kernel. */
static void test_fused(void **state)
{
    fixture *f = *state;
    for (int i = 0; i < 60; i++) {
        const int64_t ci = between(f, 1, 20), n = between(f, 1, 50), h = between(f, 5, 9);
        const bool dense = i % 3 == 0, pad = i % 2;
        char text[512];
        if (dense)
            snprintf(text, sizeof text, "%%0 = input \"x\" float32 (%lld, %lld)\n%%4 = input \"y\" float32 (%lld, %lld)\n%%1 = weight \"k\" float32 "
                     "(%lld, %lld)\n%%3 = dense %%0 %%1\n", L(h), L(ci), L(h), L(n), L(ci), L(n));
        else
            snprintf(text, sizeof text, "%%0 = input \"x\" float32 (2, %lld, %lld, %lld)\n%%4 = input \"y\" float32 (2, %lld, %lld, %lld)\n%%1 = weight "
                     "\"k\" float32 (3, 3, %lld, %lld)\n%s%%3 = conv %s %%1 groups=1\n", L(h), L(h), L(ci), L(pad ? h : h - 2), L(pad ? h : h - 2), L(n),
                     L(ci), L(n), pad ? "%20 = pad %0 pad_lo=0,1,1,0 pad_hi=0,1,1,0 value=0.0 mode=constant\n" : "", pad ? "%20" : "%0");
        HOLD(f, dense ? h : 2, false, true, false, "%s%%10 = weight \"m\" float32 (%lld)\n%%11 = weight \"variance\" float32 (%lld)\n%%12 = weight \"g\" "
             "float32 (%lld)\n%%13 = weight \"b\" float32 (%lld)\n%%14 = batch_norm %%3 %%10 %%11 %%12 %%13 axis=%d epsilon=0.0\n%%15 = add %%14 %%4\n"
             "%%16 = relu %%15 alpha=0.0 beta=inf gamma=0.0\noutput %%16\n", text, L(n), L(n), L(n), L(n), dense ? 1 : 3);
    }
}

/* What the choice is on this machine: never slower ways, and none for what only float32 can do. */
static void test_choice(void **state)
{
    fixture *f = *state;
    static const struct { const char *text; size_t most; } cases[] = {
        {"%0 = input \"x\" float32 (1, 4096)\n%1 = weight \"k\" float32 (4096, 1024)\n%2 = dense %0 %1\noutput %2\n", 1},
        {"%0 = input \"x\" float32 (1, 2048)\n%1 = softmax %0 axes=1\noutput %1\n", 0},
        {"%0 = input \"x\" float32 (1, 9, 9, 8)\n%1 = weight \"k\" float32 (3, 3, 8, 1)\n%2 = depthwise %0 %1\noutput %2\n", 0},
        {"%0 = input \"x\" float32 (1, 9, 9, 64)\n%1 = weight \"k\" float32 (3, 3, 32, 64)\n%2 = conv %0 %1 groups=2\noutput %2\n", 0},
    };
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++)
        for (cuv_precision precision = CUV_PRECISION_F32; precision <= CUV_PRECISION_INT8; precision++) {
            cuv_arena *arena = cuv_arena_new(f->cx);
            cuv_program *p;
            cuv_plan *plan;
            cuv_run_tensor in = {.dtype = CUV_F32};
            assert_int_equal(cuv_program_parse(arena, cases[i].text, strlen(cases[i].text), &p), CUV_OK);
            in.rank = p->values[p->inputs[0]].rank;
            memcpy(in.shape, p->values[p->inputs[0]].shape, sizeof in.shape);
            fill_weights(f, p, CUV_PRECISION_F32, false);
            assert_int_equal(cuv_plan_new(f->cx, p, &in, &(cuv_plan_options){.precision = precision}, &plan), CUV_OK);
            const bool pays = precision != CUV_PRECISION_F32 && cuv_dots_best(precision)->least != SIZE_MAX;
            assert_int_equal(cuv_plan_reduced(plan), pays ? cases[i].most : 0);
            cuv_plan_free(plan);
            cuv_arena_free(arena);
        }
}

/* ---- by hand: `test_reduced time` lets each way take turns with float32 of the same instruction set ---- */

static double run_for(cuv_plan *plan, const cuv_run_tensor *in, cuv_run_tensor *out, double least)
{
    struct timespec a, b;
    for (int i = 0; i < 10; i++) {
        clock_gettime(CLOCK_MONOTONIC, &a);
        assert_int_equal(cuv_plan_run(plan, in, out), CUV_OK);
        clock_gettime(CLOCK_MONOTONIC, &b);
        const double us = (double)(b.tv_sec - a.tv_sec) * 1e6 + (double)(b.tv_nsec - a.tv_nsec) * 1e-3;
        least = us < least ? us : least;
    }
    return least;
}

static void time_one(fixture *f, const char *text, const cuv_isa *isa, const cuv_dots *dots)
{
    cuv_arena *arena = cuv_arena_new(f->cx);
    cuv_program *p;
    cuv_plan *plans[2];
    cuv_run_tensor in = {.dtype = CUV_F32}, out;
    double us[2] = {1e30, 1e30};
    assert_int_equal(cuv_program_parse(arena, text, strlen(text), &p), CUV_OK);
    in.rank = p->values[p->inputs[0]].rank;
    memcpy(in.shape, p->values[p->inputs[0]].shape, sizeof in.shape);
    const size_t n = cuv_run_count(&in);
    in.data = malloc(n * sizeof(float));
    for (size_t i = 0; i < n; i++)
        ((float *)in.data)[i] = real(f);
    fill_weights(f, p, CUV_PRECISION_F32, false);
    for (int i = 0; i < 2; i++)
        assert_int_equal(cuv_plan_new(f->cx, p, &in, &(cuv_plan_options){.isa = isa, .dots = i ? dots : NULL, .lasting = true}, &plans[i]), CUV_OK);
    out = *cuv_plan_output(plans[0], 0);
    out.data = malloc(cuv_run_count(&out) * sizeof(float));
    for (int turn = 0; turn < 40; turn++)
        us[turn % 2] = run_for(plans[turn % 2], &in, &out, us[turn % 2]);
    printf("%-18s %-9s %9.2f us, float32 %9.2f: %5.2f times as fast%s\n", dots->name, isa->name, us[1], us[0], us[0] / us[1],
           cuv_plan_reduced(plans[1]) ? "" : " (float32)");
    cuv_plan_free(plans[0]);
    cuv_plan_free(plans[1]);
    free(in.data);
    free(out.data);
    cuv_arena_free(arena);
}

static void time_all(fixture *f)
{
    static const int rows[][3] = {{1, 64, 64}, {1, 784, 128}, {1, 784, 512}, {1, 2048, 1000}, {4, 784, 512}, {128, 256, 256}, {128, 1024, 256}, {3136, 64, 64},
                                  {3136, 64, 256}, {784, 192, 32}, {196, 192, 64}};
    static const int images[][6] = {{1, 5000, 1, 21, 32, 32}, {28, 28, 3, 3, 128, 128}, {7, 7, 3, 3, 512, 512}, {13, 13, 3, 3, 32, 64}, {28, 28, 3, 3, 16, 16}};
    const cuv_isa *isas[] = {&cuv_isa_base, cuv_isa_best(), NULL};
    char text[256];
#if defined(__x86_64__)
    isas[2] = cuv_isa_best() == &cuv_isa_avx512 ? &cuv_isa_avx2 : NULL;
#endif
    for (size_t s = 0; s < sizeof rows / sizeof rows[0] + sizeof images / sizeof images[0]; s++) {
        const size_t i = s - sizeof rows / sizeof rows[0];
        if (s < sizeof rows / sizeof rows[0])
            snprintf(text, sizeof text, "%%0 = input \"x\" float32 (%d, %d)\n%%1 = weight \"k\" float32 (%d, %d)\n%%2 = dense %%0 %%1\noutput %%2\n",
                     rows[s][0], rows[s][1], rows[s][1], rows[s][2]);
        else
            snprintf(text, sizeof text, "%%0 = input \"x\" float32 (1, %d, %d, %d)\n%%1 = weight \"k\" float32 (%d, %d, %d, %d)\n%%2 = conv %%0 %%1 "
                     "same groups=1\noutput %%2\n", images[i][0], images[i][1], images[i][4], images[i][2], images[i][3], images[i][4], images[i][5]);
        if (s < sizeof rows / sizeof rows[0])
            printf("dense %d x %d, %d\n", rows[s][0], rows[s][1], rows[s][2]);
        else
            printf("convolution %d x %d, window %d x %d, %d -> %d\n", images[i][0], images[i][1], images[i][2], images[i][3], images[i][4], images[i][5]);
        for (cuv_precision precision = CUV_PRECISION_BF16; precision <= CUV_PRECISION_INT8; precision++) {
            const cuv_dots *ways[CUV_MOST_DOTS];
            cuv_dots_of_machine(precision, ways);
            for (size_t w = 0; ways[w]; w++)
                for (size_t k = 0; k < 3; k++)
                    if (isas[k] && isas[k]->panel == ways[w]->panel)
                        time_one(f, text, isas[k], ways[w]);
        }
    }
}

static int setup(void **state)
{
    static fixture f = {.seed = 30};
    *state = &f;
    return cuv_context_new(NULL, &f.cx) != CUV_OK || cuv_pool_new(f.cx, 3, &f.pool) != CUV_OK;
}

static int teardown(void **state)
{
    fixture *f = *state;
    cuv_pool_free(f->pool);
    cuv_context_free(f->cx);
    return 0;
}

int main(int argc, char **argv)
{
    void *state;
    if (argc > 1 && !strcmp(argv[1], "time"))
        return setup(&state) || (time_all(state), teardown(&state));
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_tiles), cmocka_unit_test(test_dense), cmocka_unit_test(test_matmul), cmocka_unit_test(test_conv),
        cmocka_unit_test(test_fused), cmocka_unit_test(test_choice),
    };
    return cmocka_run_group_tests(tests, setup, teardown);
}
