/* The fast kernels against the reference kernels: op by op, for every instruction set of this machine, with one thread and with three,
 * over shapes chosen to leave remainders everywhere, and over random ones. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include <stdlib.h>

#include "run/fast/fast.h"
#include "run/plan.h"
#include "run/runner.h"

enum { MOST = 8 };

typedef struct fixture {
    cuv_context *cx;
    uint64_t seed;
    double slack;       /* factor of the tolerance */
} fixture;

static uint32_t draw(fixture *f)
{
    f->seed = f->seed * 6364136223846793005u + 1442695040888963407u;
    return (uint32_t)(f->seed >> 33);
}

static int64_t between(fixture *f, int64_t lo, int64_t hi) { return lo + (int64_t)(draw(f) % (uint32_t)(hi - lo + 1)); }

static float real(fixture *f) { return (float)((double)draw(f) / 2147483648.0 * 4 - 2); }

/* ---- one program, run twice ---- */

static void fill(fixture *f, cuv_dtype dtype, const char *name, void *data, size_t n)
{
    const bool positive = name && strstr(name, "variance");
    float by = 1;      /* weights small enough that rounding errors are neither multiplied nor left over from large sums */
    by = name && !strcmp(name, "u256") ? 0.03f : name && !strcmp(name, "u") ? 0.2f : name && !strcmp(name, "k") ? 0.25f : by;
    for (size_t i = 0; i < n; i++)
        if (dtype == CUV_F32)
            ((float *)data)[i] = positive ? 0.1f + real(f) * real(f) : by * real(f);
        else
            ((uint8_t *)data)[i] = draw(f) % 3 != 0;
}

/* Every other program has its weights where no float should be, as in an archive. */
static void give_weights(fixture *f, cuv_program *p)
{
    const bool shifted = draw(f) % 2;
    for (size_t i = 0; i < p->value_count; i++) {
        cuv_var *v = &p->values[i];
        cuv_tensor *t;
        void *values;
        if (v->kind != CUV_V_WEIGHT)
            continue;
        assert_int_equal(cuv_tensor_new(p->arena, v->dtype, v->shape, v->rank, &t, &values), CUV_OK);
        fill(f, v->dtype, v->name, values, cuv_tensor_count(t));
        if (shifted) {
            uint8_t *elsewhere = cuv_arena_alloc(p->arena, cuv_tensor_bytes(t) + 4);
            assert_non_null(elsewhere);
            t->data = memcpy(elsewhere + 1 + draw(f) % 3, values, cuv_tensor_bytes(t));
        }
        v->tensor = t;
    }
}

static void *fresh(const cuv_run_tensor *t)
{
    const size_t size = cuv_run_count(t) * cuv_stored_size(t->dtype);
    return memset(malloc(size + 1), 0xA5, size);
}

/* Several at once give what one alone gives, bit for bit. */
static void run_lanes(cuv_plan *plan, const cuv_program *p, cuv_pool *pool, const cuv_run_tensor *in, cuv_run_tensor *out)
{
    enum { LANES = 4 };
    cuv_run_tensor outs[LANES][MOST], *to[LANES];
    const cuv_run_tensor *from[LANES] = {in, in, in, in};
    for (size_t k = 0; k < LANES; k++) {
        to[k] = k ? memcpy(outs[k], out, sizeof outs[k]) : out;
        for (size_t i = 0; k && i < p->output_count; i++)
            outs[k][i].data = fresh(&out[i]);
    }
    assert_int_equal(cuv_plan_lanes(plan, LANES), LANES);
    assert_int_equal(cuv_plan_run_lanes(plan, pool, from, to, LANES), CUV_OK);
    for (size_t k = 1; k < LANES; k++)
        for (size_t i = 0; i < p->output_count; i++) {
            assert_memory_equal(outs[k][i].data, out[i].data, cuv_run_count(&out[i]) * cuv_stored_size(out[i].dtype));
            free(outs[k][i].data);
        }
}

static void run_plan(fixture *f, const cuv_program *p, const cuv_plan_options *options, const cuv_run_tensor *in,
                     cuv_run_tensor *out)
{
    cuv_plan *plan;
    assert_int_equal(cuv_plan_new(f->cx, p, in, options, &plan), CUV_OK);
    for (size_t i = 0; i < p->output_count; i++) {
        out[i] = *cuv_plan_output(plan, i);
        out[i].data = fresh(&out[i]);
    }
    if (options->pool && options->lasting)
        run_lanes(plan, p, options->pool, in, out);
    assert_int_equal(cuv_plan_run(plan, in, out), CUV_OK);
    assert_int_equal(cuv_plan_run(plan, in, out), CUV_OK);      /* nothing of the first run is left behind */
    cuv_plan_free(plan);
}

static void compare(const char *text, const char *how, double slack, const cuv_run_tensor *want, const cuv_run_tensor *have)
{
    const float *a = want->data, *b = have->data;
    double largest = 1;
    for (size_t i = 0; i < cuv_run_count(want); i++)
        if (isfinite(a[i]) && fabs(a[i]) > largest)
            largest = fabs(a[i]);
    for (size_t i = 0; i < cuv_run_count(want); i++) {
        if (isnan(a[i]) ? isnan(b[i]) : isinf(a[i]) ? a[i] == b[i] : fabs((double)a[i] - b[i]) <= slack * (2e-6 * largest + 1e-5 * fabs(a[i])))
            continue;
        fail_msg("%s\n%s: element %zu is %.9g, the reference kernel gives %.9g", text, how, i, b[i], a[i]);
    }
}

static const cuv_isa *const *machine_isas(void)
{
    static const cuv_isa *isas[4];
    size_t n = 0;
    isas[n++] = &cuv_isa_base;
#if defined(__x86_64__)
    if (__builtin_cpu_supports("avx2") && __builtin_cpu_supports("fma"))
        isas[n++] = &cuv_isa_avx2;
    if (cuv_isa_best() == &cuv_isa_avx512)
        isas[n++] = &cuv_isa_avx512;
#endif
    isas[n] = NULL;
    return isas;
}

/* Holds a program against itself; special: some inputs are NaN, infinite, huge. */
static void hold(fixture *f, const char *text, bool special)
{
    cuv_arena *arena = cuv_arena_new(f->cx);
    cuv_program *p;
    cuv_run_tensor in[MOST], want[MOST], have[MOST];
    cuv_pool *pool;
    if (cuv_program_parse(arena, text, strlen(text), &p) != CUV_OK || p->status != CUV_OK)
        fail_msg("%s\n%s", text, cuv_finding_count(f->cx) ? cuv_finding_at(f->cx, 0)->message : "is no program");
    assert_int_equal(cuv_pool_new(f->cx, 3, &pool), CUV_OK);
    give_weights(f, p);
    for (size_t i = 0; i < p->input_count; i++) {
        const cuv_var *v = &p->values[p->inputs[i]];
        in[i] = (cuv_run_tensor){.dtype = v->dtype, .rank = v->rank};
        memcpy(in[i].shape, v->shape, sizeof v->shape);
        const size_t n = cuv_run_count(&in[i]);
        in[i].data = malloc(n * cuv_stored_size(v->dtype) + 1);
        fill(f, v->dtype, v->name, in[i].data, n);
        static const float odd[] = {NAN, INFINITY, -INFINITY, 1e30f, -1e30f, 100, -100, 88.6f, -87.4f, 0, -0.0f, 1e-30f, -0.3466f, 0.625f};
        for (size_t k = 0; special && v->dtype == CUV_F32 && k < n; k++)
            if (k < sizeof odd / sizeof odd[0])
                ((float *)in[i].data)[k] = odd[k];
    }
    run_plan(f, p, &(cuv_plan_options){.reference = true}, in, want);
    for (const cuv_isa *const *isa = machine_isas(); *isa; isa++)
        for (int way = 0; way < 4; way++) {
            const bool threaded = way & 1, lasting = way & 2;
            run_plan(f, p, &(cuv_plan_options){.isa = *isa, .pool = threaded ? pool : NULL, .lasting = lasting}, in, have);
            for (size_t i = 0; i < p->output_count; i++) {
                if (want[i].dtype == CUV_F32)
                    compare(text, (*isa)->name, f->slack, &want[i], &have[i]);
                free(have[i].data);
            }
        }
    for (size_t i = 0; i < p->output_count; i++)
        free(want[i].data);
    for (size_t i = 0; i < p->input_count; i++)
        free(in[i].data);
    cuv_pool_free(pool);
    cuv_arena_free(arena);
}

#define HOLD(f, ...) do { char text_[1024]; snprintf(text_, sizeof text_, __VA_ARGS__); hold(f, text_, false); } while (0)
#define L(n) (long long)(n)

/* ---- the ops ---- */

static const char *const acts[] = {"relu(0.0,inf,0.0)", "relu(0.0,6.0,0.0)", "relu(0.2,inf,0.1)", "sigmoid", "tanh", "silu",
                                   "softplus", "elu(1.0,0.0,0.0)", "selu", "gelu", "softmax", "hard_sigmoid(0.2,0.5,0.0)", "mish", "celu(1.5,0.0,0.0)"};
enum { ACTS = sizeof acts / sizeof acts[0] };

static void test_dense(void **state)
{
    fixture *f = *state;
    static const int sizes[][3] = {{1, 1, 1}, {1, 784, 128}, {2, 3, 5}, {3, 17, 33}, {5, 64, 16}, {7, 5, 31}, {13, 9, 32},
                                   {25, 40, 65}, {64, 100, 48}, {300, 70, 40}, {11, 513, 17}};
    for (size_t i = 0; i < sizeof sizes / sizeof sizes[0]; i++)
        for (int bias = 0; bias < 2; bias++)
            HOLD(f, "%%0 = input \"x\" float32 (%d, %d)\n%%1 = weight \"k\" float32 (%d, %d)\n%%2 = weight \"b\" float32 (%d)\n"
                    "%%3 = dense %%0 %%1%s act=%s\noutput %%3\n", sizes[i][0], sizes[i][1], sizes[i][1], sizes[i][2], sizes[i][2],
                 bias ? " %2" : "", acts[(i + (size_t)bias * 5) % ACTS]);
}

static void test_matmul(void **state)
{
    fixture *f = *state;
    for (int i = 0; i < 30; i++) {
        const int64_t b = between(f, 1, 3), m = between(f, 1, 40), k = between(f, 1, 50), n = between(f, 1, 70);
        const bool turned = draw(f) & 1;
        HOLD(f, "%%0 = input \"x\" float32 (%lld, %lld, %lld)\n%%1 = input \"w\" float32 (%lld, %lld, %lld)\n"
                "%%2 = matmul %%0 %%1%s\noutput %%2\n", L(b), L(m), L(k), L(i % 3 ? b : 1), L(turned ? n : k), L(turned ? k : n),
             turned ? " transpose_b" : "");
        HOLD(f, "%%0 = input \"x\" float32 (%lld, %lld)\n%%1 = weight \"w\" float32 (%lld, %lld)\n%%2 = matmul %%0 %%1%s\n"
                "output %%2\n", L(m), L(k), L(turned ? n : k), L(turned ? k : n), turned ? " transpose_b" : "");
    }
}

static void test_conv(void **state)
{
    fixture *f = *state;
    for (int i = 0; i < 120; i++) {
        const int64_t g = i % 5 == 4 ? between(f, 2, 3) : 1, ci = g * between(f, 1, 20), co = g * between(f, 1, 40);
        const int64_t h = between(f, 5, 17), w = between(f, 5, 19), kh = between(f, 1, 4), kw = between(f, 1, 4);
        const int64_t sh = between(f, 1, 2), dh = sh == 1 ? between(f, 1, 2) : 1;
        const bool fits = (kh - 1) * dh < h && (kw - 1) * dh < w;
        char pads[64] = " same";
        if (i % 3 == 1 && fits)
            snprintf(pads, sizeof pads, " pad_lo=%d,%d pad_hi=%d,%d", (int)between(f, 0, 2), (int)between(f, 0, 2),
                     (int)between(f, 0, 2), (int)between(f, 0, 3));
        else if (i % 3 == 2 && fits)
            pads[0] = 0;
        HOLD(f, "%%0 = input \"x\" float32 (%lld, %lld, %lld, %lld)\n%%1 = weight \"k\" float32 (%lld, %lld, %lld, %lld)\n"
                "%%2 = weight \"b\" float32 (%lld)\n%%3 = conv %%0 %%1%s stride=%lld,%lld dilation=%lld,%lld%s groups=%lld act=%s\n"
                "output %%3\n", L(between(f, 1, 2)), L(h), L(w), L(ci), L(kh), L(kw), L(ci / g), L(co), L(co),
             i % 4 ? " %2" : "", L(sh), L(sh), L(dh), L(dh), pads, L(g), acts[(size_t)i % ACTS]);
    }
    HOLD(f, "%%0 = input \"x\" float32 (2, 33, 5)\n%%1 = weight \"k\" float32 (7, 5, 24)\n%%2 = conv %%0 %%1 stride=1 dilation=3 "
            "pad_lo=18 pad_hi=0 groups=1\noutput %%2\n");
    HOLD(f, "%%0 = input \"x\" float32 (1, 5, 6, 7, 3)\n%%1 = weight \"k\" float32 (2, 3, 2, 3, 9)\n%%2 = conv %%0 %%1 same groups=1\n"
            "output %%2\n");
    HOLD(f, "%%0 = input \"x\" float32 (1, 40, 40, 16)\n%%1 = weight \"k\" float32 (1, 1, 16, 40)\n%%2 = conv %%0 %%1 groups=1 "
            "act=silu\noutput %%2\n");
}

static void test_transpose(void **state)
{
    fixture *f = *state;
    const uint64_t seed = f->seed;
    for (int i = 0; i < 80; i++) {
        const int64_t ci = between(f, 1, 20), co = i % 5 ? between(f, 1, 40) : 1, h = between(f, 1, 9), w = between(f, 1, 11);
        const int64_t kh = between(f, 1, 5), kw = between(f, 1, 5), sh = between(f, 1, 3), sw = i % 4 ? sh : between(f, 1, 3), d = i % 6 ? 1 : 2;
        char more[96] = "";
        const int64_t oh = (h - 1) * sh + (kh - 1) * d + 1, ow = (w - 1) * sw + (kw - 1) * d + 1;
        if (i % 2 && oh > 3 && ow > 3)
            snprintf(more, sizeof more, " pad_lo=%d,%d size=%lld,%lld", i % 3, (i + 1) % 3, L(oh - i % 3), L(ow + 1 - i % 3));
        HOLD(f, "%%0 = input \"x\" float32 (%lld, %lld, %lld, %lld)\n%%1 = weight \"k\" float32 (%lld, %lld, %lld, %lld)\n"
                "%%2 = weight \"b\" float32 (%lld)\n%%3 = conv_transpose %%0 %%1%s stride=%lld,%lld dilation=%lld,%lld%s groups=1 act=%s\n"
                "output %%3\n", L(between(f, 1, 2)), L(h), L(w), L(ci), L(kh), L(kw), L(co), L(ci), L(co), i % 3 ? " %2" : "", L(sh), L(sw), L(d),
             L(d), more, acts[(size_t)i % ACTS]);
    }
    HOLD(f, "%%0 = input \"x\" float32 (2, 33, 5)\n%%1 = weight \"k\" float32 (7, 24, 5)\n%%2 = conv_transpose %%0 %%1 stride=2 dilation=1 "
            "pad_lo=2 groups=1\noutput %%2\n");
    HOLD(f, "%%0 = input \"x\" float32 (2, 3, 4, 5, 6)\n%%1 = weight \"k\" float32 (2, 3, 2, 9, 6)\n%%2 = conv_transpose %%0 %%1 stride=2,2,1 groups=1\n"
            "output %%2\n");
    HOLD(f, "%%0 = input \"x\" float32 (1, 24, 24, 40)\n%%1 = weight \"k\" float32 (2, 2, 70, 40)\n%%2 = conv_transpose %%0 %%1 stride=2,2 groups=1\n"
            "output %%2\n");
    f->seed = seed;
}

static void test_depthwise(void **state)
{
    fixture *f = *state;
    for (int i = 0; i < 60; i++) {
        const int64_t c = between(f, 1, 50), h = between(f, 5, 15), w = between(f, 5, 15), k = i % 2 ? 3 : between(f, 1, 5);
        const int64_t s = between(f, 1, 2), d = s == 1 ? between(f, 1, 2) : 1, m = i % 7 == 6 ? 2 : 1;
        HOLD(f, "%%0 = input \"x\" float32 (2, %lld, %lld, %lld)\n%%1 = weight \"k\" float32 (%lld, %lld, %lld, %lld)\n"
                "%%2 = weight \"b\" float32 (%lld)\n%%3 = depthwise %%0 %%1%s stride=%lld,%lld dilation=%lld,%lld%s act=%s\noutput %%3\n",
             L(h), L(w), L(c), L(k), L(k), L(c), L(m), L(c * m), i % 3 ? " %2" : "", L(s), L(s), L(d), L(d),
             i % 4 || (k - 1) * d >= h || (k - 1) * d >= w ? " same" : "", acts[(size_t)i % ACTS]);
    }
    HOLD(f, "%%0 = input \"x\" float32 (2, 31, 20)\n%%1 = weight \"k\" float32 (3, 20, 1)\n%%2 = depthwise %%0 %%1 same\noutput %%2\n");
    const uint64_t seed = f->seed;
    for (int i = 0; i < 12; i++)
        HOLD(f, "%%0 = input \"x\" float32 (1, %d, 27, %d)\n%%1 = weight \"k\" float32 (%d, %d, %d, 1)\n%%2 = weight \"b\" float32 (%d)\n"
                "%%3 = depthwise %%0 %%1%s stride=%d,%d dilation=%d,%d same\noutput %%3\n", i + 9, 6 * i + 1, i % 3 * 3 + 1, i % 2 ? 11 : 7, 6 * i + 1,
             6 * i + 1, i % 3 ? " %2" : "", i % 4 == 3 ? 3 : 1, i % 4 == 3 ? 3 : 1, i % 4 == 1 ? 2 : 1, i % 4 == 1 ? 2 : 1);
    for (int i = 0; i < 6; i++)
        HOLD(f, "%%0 = input \"x\" float32 (2, %d, 21, %d)\n%%1 = weight \"k\" float32 (3, 2, %d, %d)\n%%2 = depthwise %%0 %%1 same\noutput %%2\n", i + 4,
             3 * i + 1, 3 * i + 1, i + 1);
    f->seed = seed;
}

static void test_pool(void **state)
{
    fixture *f = *state;
    for (int i = 0; i < 60; i++) {
        const int64_t c = between(f, 1, 40), h = between(f, 4, 15), w = between(f, 4, 15), k = between(f, 1, 4);
        HOLD(f, "%%0 = input \"x\" float32 (2, %lld, %lld, %lld)\n%%1 = %s %%0 window=%lld,%lld stride=%lld,%lld%s\noutput %%1\n", L(h),
             L(w), L(c), i % 2 ? "max_pool" : "avg_pool", L(k), L(between(f, 1, 4)), L(between(f, 1, 3)), L(between(f, 1, 3)),
             i % 3 ? " same" : "");
    }
}

/* Windows whose rows are folded before their columns, on lines that do and do not fit at once. */
static void test_large_pool(void **state)
{
    fixture *f = *state;
    for (int i = 0; i < 40; i++) {
        const int64_t c = between(f, 1, 40), h = between(f, 7, 12), w = i % 8 ? between(f, 7, 40) : between(f, 300, 700), k = between(f, 4, 7);
        HOLD(f, "%%0 = input \"x\" float32 (2, %lld, %lld, %lld)\n%%1 = %s %%0 window=%lld,%lld stride=%lld,%lld%s\noutput %%1\n", L(h),
             L(w), L(c), i % 2 ? "max_pool" : "avg_pool", L(k), L(between(f, 3, 7)), L(between(f, 1, 3)), L(between(f, 1, 2)),
             i % 3 ? " same" : "");
    }
}

/* ---- transposes that move ---- */

/* Channels first: what stands between the transposes is computed with the channels last, whatever else reads it. */
static void test_turned(void **state)
{
    fixture *f = *state;
    static const char *const first[] = {"relu %3 alpha=0.1 beta=inf gamma=0.0", "batch_norm %3 %20 %21 - %22 axis=1 epsilon=0.001", "mul %3 %23",
                                        "pad %3 pad_lo=0,0,1,2 pad_hi=0,1,0,1", "mean %3 axes=2,3 keepdims", "sub %3 %24", "cast %3 dtype=float16", "sigmoid %3"};
    static const char *const second[] = {"add %4 %3", "concat %4 %3 axis=1", "concat %3 %4 axis=2", "mul %4 %4", "maximum %4 %23", "tanh %4", "sub %3 %4"};
    static const char *const third[] = {"mean %5 axes=2,3", "sum %5 axes=1", "max %5 axes=3 keepdims", "min %5 axes=0,2", "transpose %5 perm=0,2,3,1",
                                        "transpose %5 perm=0,1,3,2", "softmax %5", "reshape %5 shape=-1,7", "mean %5 axes=0,1,2,3"};
    for (int i = 0; i < 300; i++) {
        const size_t a = draw(f) % 8, b = draw(f) % 7, c = draw(f) % 9;
        const bool grown = a == 3 || a == 4;
        if (grown && (b == 0 || b == 1 || b == 2 || b == 6) && a == 3)
            continue;       /* shapes that do not fit */
        if (a == 4 && (b == 1 || b == 2))
            continue;
        if (a == 6 && b != 3 && b != 5)
            continue;       /* two dtypes */
        if (c == 7 && (a == 3 || a == 4 || b == 1 || b == 2))
            continue;
        HOLD(f, "%%0 = input \"x\" float32 (2, 7, 5, 6)\n%%20 = weight \"m\" float32 (6)\n%%21 = weight \"variance\" float32 (6)\n"
                "%%22 = weight \"b\" float32 (6)\n%%23 = weight \"s\" float32 (1)\n%%30 = input \"r\" float32 (2, 7, 5, 6)\n%%3 = transpose %%0 perm=0,3,1,2\n"
                "%%24 = transpose %%30 perm=0,3,1,2\n%%4 = %s\n%%5 = %s\n%%6 = %s\noutput %%6\n%s%s%s", first[a], second[b], third[c],
             draw(f) % 4 ? "" : "output %5\n", draw(f) % 4 ? "" : "output %4\n", draw(f) % 4 ? "" : "output %24\n");
    }
}

static void test_rows(void **state)
{
    fixture *f = *state;
    static const int widths[] = {1, 2, 3, 7, 8, 15, 16, 17, 31, 32, 33, 100};
    for (size_t i = 0; i < sizeof widths / sizeof widths[0]; i++) {
        const int n = widths[i];
        HOLD(f, "%%0 = input \"x\" float32 (5, %d)\n%%1 = softmax %%0 axes=1\noutput %%1\n", n);
        HOLD(f, "%%0 = input \"x\" float32 (3, 2, %d)\n%%1 = weight \"g\" float32 (%d)\n%%2 = weight \"b\" float32 (%d)\n"
                "%%3 = layer_norm %%0 %%1 %%2 axes=2 epsilon=0.001\noutput %%3\n", n, n, n);
        HOLD(f, "%%0 = input \"x\" float32 (3, 2, %d)\n%%1 = layer_norm %%0 axes=1,2 epsilon=0.1\noutput %%1\n", n);
        HOLD(f, "%%0 = input \"x\" float32 (3, %d)\n%%1 = weight \"g\" float32 (%d)\n%%2 = rms_norm %%0 %%1 axes=1 epsilon=1e-6\n"
                "output %%2\n", n, n);
        HOLD(f, "%%0 = input \"x\" float32 (3, 4, %d)\n%%1 = weight \"m\" float32 (%d)\n%%2 = weight \"variance\" float32 (%d)\n"
                "%%3 = weight \"g\" float32 (%d)\n%%4 = weight \"b\" float32 (%d)\n%%5 = batch_norm %%0 %%1 %%2 %s %s axis=2 "
                "epsilon=0.001\noutput %%5\n", n, n, n, n, n, i % 2 ? "%3" : "-", i % 3 ? "%4" : "-");
        HOLD(f, "%%0 = input \"x\" float32 (2, 3, 5, %d)\n%%1 = mean %%0 axes=1,2\n%%2 = sum %%0 axes=1,2 keepdims\noutput %%1\n"
                "output %%2\n", n);
    }
}

/* So many numbers that threads share them. */
static void test_large_rows(void **state)
{
    fixture *f = *state;
    const uint64_t seed = f->seed;
    for (int i = 0; i < 12; i++) {
        const int64_t b = 1 + i % 3, n = i % 4 ? between(f, 200, 400) : between(f, 8, 30), h = 17000 / n + 30;
        HOLD(f, "%%0 = input \"x\" float32 (%lld, %lld, 3, %lld)\n%%1 = %s %%0 axes=1,2\noutput %%1\n", L(b), L(h), L(n), i % 2 ? "mean" : "sum");
        HOLD(f, "%%0 = input \"x\" float32 (%lld, %lld, %lld)\n%%1 = weight \"g\" float32 (%lld)\n%%2 = weight \"b\" float32 (%lld)\n"
                "%%3 = %s axes=2 epsilon=0.001\noutput %%3\n", L(b), L(h), L(n), L(n), L(n), i % 2 ? "layer_norm %0 %1 %2" : "rms_norm %0 %1");
    }
    f->seed = seed;
}

static void test_resize(void **state)
{
    fixture *f = *state;
    static const char *const modes[] = {"nearest", "bilinear", "bicubic"}, *const aligns[] = {"half_pixel", "asymmetric"};
    const uint64_t seed = f->seed;
    const double slack = f->slack;
    f->slack = 0;       /* to the last bit: what becomes an integer later depends on it */
    for (int i = 0; i < 30; i++) {
        const int64_t n = i % 4 ? between(f, 1, 40) : 1, h = between(f, 1, 9), w = between(f, 1, 9);
        HOLD(f, "%%0 = input \"x\" float32 (2, %lld, %lld, %lld)\n%%1 = resize %%0 size=%lld,%lld mode=%s align=%s\noutput %%1\n", L(h), L(w), L(n),
             L(between(f, 1, 20)), L(between(f, 1, 40)), modes[i % 3], aligns[i % 2]);
        HOLD(f, "%%0 = input \"x\" float32 (2, %lld, %lld, %lld)\n%%1 = upsample %%0 window=%lld,%lld mode=%s align=%s\noutput %%1\n", L(h), L(w), L(n),
             L(between(f, 1, 4)), L(between(f, 1, 3)), modes[i % 3], aligns[i % 2]);
    }
    HOLD(f, "%%0 = input \"x\" float32 (1, 40, 40, 21)\n%%1 = upsample %%0 window=2,2 mode=bilinear align=half_pixel\noutput %%1\n");
    f->seed = seed;
    f->slack = slack;
}

static void test_turn(void **state)
{
    fixture *f = *state;
    static const char *const perms[] = {"0,3,1,2", "0,2,3,1", "3,2,1,0", "0,1,3,2", "1,3,0,2", "2,3,0,1", "0,2,1,3"};
    const uint64_t seed = f->seed;
    for (int i = 0; i < 56; i++)
        HOLD(f, "%%0 = input \"x\" float32 (%lld, %lld, %lld, %lld)\n%%1 = transpose %%0 perm=%s\noutput %%1\n", L(between(f, 1, 3)),
             L(i % 4 ? between(f, 1, 12) : 1), L(between(f, 1, i % 3 ? 9 : 70)), L(i % 5 ? between(f, 1, 40) : 1), perms[i % 7]);
    HOLD(f, "%%0 = input \"x\" float32 (301, 299)\n%%1 = transpose %%0 perm=1,0\noutput %%1\n");
    f->seed = seed;
}

static void test_group_norm(void **state)
{
    fixture *f = *state;
    const uint64_t first = f->seed;
    for (int i = 0; i < 4; i++)
        HOLD(f, "%%0 = input \"x\" float32 (2, 9, %d, 31)\n%%1 = weight \"m\" float32 (9)\n%%2 = weight \"variance\" float32 (9)\n%%3 = weight \"g\" float32 (9)\n"
                "%%4 = batch_norm %%0 %%1 %%2 %s - axis=1 epsilon=0.01\noutput %%4\n", i * 60 + 1, i % 2 ? "%3" : "-");
    for (int i = 0; i < 4; i++)
        HOLD(f, "%%0 = input \"x\" float32 (2, 3, 9, 7, 11)\n%%1 = %s_pool %%0 window=1,2,3 stride=1,%d,2%s\noutput %%1\n", i % 2 ? "max" : "avg", i + 1,
             i / 2 ? " same" : "");
    f->seed = first;
    static const int sizes[][2] = {{1, 1}, {6, 3}, {8, 8}, {16, 2}, {32, 1}, {66, 11}, {130, 5}};
    const uint64_t seed = f->seed;
    for (size_t i = 0; i < sizeof sizes / sizeof sizes[0]; i++) {
        const int n = sizes[i][0], g = sizes[i][1];
        HOLD(f, "%%0 = input \"x\" float32 (3, 5, 7, %d)\n%%1 = weight \"g\" float32 (%d)\n%%2 = weight \"b\" float32 (%d)\n"
                "%%3 = group_norm %%0 %s %s groups=%d epsilon=0.001\noutput %%3\n", n, n, n, i % 3 ? "%1" : "-", i % 2 ? "%2" : "-", g);
        HOLD(f, "%%0 = input \"x\" float32 (2, 3000, %d)\n%%3 = group_norm %%0 groups=%d epsilon=0.1\noutput %%3\n", n, g);
    }
    f->seed = seed;
}

/* Rounding to 16 bits, to the bit: round all of them, half way between them, and numbers of any kind. */
static void test_round_half(void **state)
{
    fixture *f = *state;
    enum { COUNT = 4096 };
    static float want[COUNT], have[COUNT];
    const uint64_t seed = f->seed;
    for (uint32_t round = 0; round < 200; round++) {
        for (uint32_t i = 0; i < COUNT; i++) {
            uint32_t bits = draw(f) << 1 ^ draw(f) << 16;
            if (round % 4 == 1)
                bits = (bits & 0xFFFFE000) + (i % 3 - 1) + (i % 2 ? 0x1000 : 0);
            else if (round % 4 == 2)
                bits = (bits & 0x87FFFFFF) | 0x30000000;     /* near the least halves, and the largest ones */
            else if (round % 4 == 3)
                bits = (bits & 0xFFFF0000) + (i % 3 - 1) + (i % 2 ? 0x8000 : 0);
            memcpy(&want[i], &bits, sizeof bits);
        }
        for (const cuv_isa *const *isa = machine_isas(); *isa; isa++)
            for (int brain = 0; brain < 2; brain++) {
                float exact[COUNT];
                const size_t n = COUNT - round % 17;
                memcpy(have, want, sizeof have);
                memcpy(exact, want, sizeof exact);
                cuv_round_half(exact, n, brain ? CUV_BF16 : CUV_F16);
                (*isa)->round_half(have, n, brain);
                for (size_t i = 0; i < COUNT; i++)
                    if (isnan(exact[i]) ? !isnan(have[i]) : memcmp(&exact[i], &have[i], sizeof exact[i]) != 0)
                        fail_msg("%s %s: %a gives %a, not %a", (*isa)->name, brain ? "bfloat16" : "float16", (double)want[i], (double)have[i], (double)exact[i]);
            }
    }
    f->seed = seed;
}

/* Largest and least numbers, and rows that become one number. */
static void test_reduce(void **state)
{
    fixture *f = *state;
    static const char *const ops[] = {"max", "min", "sum", "mean"};
    static const int widths[] = {1, 2, 7, 8, 9, 16, 17, 31, 33, 64, 70, 130, 500};
    const uint64_t seed = f->seed;
    for (size_t i = 0; i < sizeof widths / sizeof widths[0]; i++)
        for (size_t k = 0; k < 4; k++) {
            char text[256];
            snprintf(text, sizeof text, "%%0 = input \"x\" float32 (2, 3, 5, %d)\n%%1 = %s %%0 axes=%s\noutput %%1\n", widths[i], ops[k],
                     i % 4 == 0 ? "3" : i % 4 == 1 ? "2,3" : i % 4 == 2 ? "1,2" : "0,1,2,3");
            hold(f, text, false);
            hold(f, text, k < 2);
        }
    HOLD(f, "%%0 = input \"x\" float32 (2, 300, 300)\n%%1 = max %%0 axes=1\n%%2 = min %%0 axes=2 keepdims\n%%3 = mean %%0 axes=2\noutput %%1\noutput %%2\n"
            "output %%3\n%%4 = softmax %%0 axes=2\noutput %%4\n");
    f->seed = seed;
}

static void test_pad(void **state)
{
    fixture *f = *state;
    static const char *const pads[] = {"0,1,2,0 pad_hi=0,2,1,0", "0,0,0,0 pad_hi=0,0,0,0", "1,0,0,2 pad_hi=0,0,3,0", "0,3,0,0 pad_hi=0,0,0,0"};
    for (size_t i = 0; i < sizeof pads / sizeof pads[0]; i++)
        for (int n = 1; n < 40; n += 12)
            HOLD(f, "%%0 = input \"x\" float32 (2, 3, 4, %d)\n%%1 = pad %%0 pad_lo=%s value=%s mode=%s\noutput %%1\n", n, pads[i],
                 i % 2 ? "0.0" : "-1.5", i < 3 ? "constant" : "edge");
    static const char *const cuts[] = {"0,-1,-2,0 pad_hi=0,-1,0,0", "-1,0,-1,0 pad_hi=0,-1,-2,0", "0,-1,2,0 pad_hi=0,0,-1,0", "0,-1,0,0 pad_hi=0,0,0,-1"};
    const uint64_t seed = f->seed;
    for (size_t i = 0; i < sizeof cuts / sizeof cuts[0]; i++)
        for (int n = 2; n < 40; n += 12)
            HOLD(f, "%%0 = input \"x\" float32 (2, 3, 4, %d)\n%%1 = pad %%0 pad_lo=%s value=0.0 mode=constant\noutput %%1\n", n, cuts[i]);
    f->seed = seed;
}

/* Batch normalisation with an activation, without a layer before it. */
static void test_norm_act(void **state)
{
    fixture *f = *state;
    for (int n = 1; n < 70; n += 11)
        for (size_t i = 0; i < 6; i++) {
            static const char *const after[] = {"relu %5 alpha=0.0 beta=inf gamma=0.0", "silu %5", "softmax %5", "tanh %5", "celu %5 alpha=1.0",
                                                "add %5 %0"};
            HOLD(f, "%%0 = input \"x\" float32 (3, 40, %d)\n%%1 = weight \"m\" float32 (%d)\n%%2 = weight \"variance\" float32 (%d)\n"
                    "%%3 = weight \"g\" float32 (%d)\n%%5 = batch_norm %%0 %%1 %%2 %%3 - axis=2 epsilon=0.001\n%%6 = %s\noutput %%6\n",
                 n, n, n, n, after[i]);
        }
}

static void test_binary(void **state)
{
    fixture *f = *state;
    static const char *const ops[] = {"add", "sub", "mul", "div", "maximum", "minimum", "prelu"};
    static const char *const shapes[][2] = {{"4, 5, 33", "4, 5, 33"}, {"4, 5, 33", "33"}, {"4, 5, 33", "1"}, {"33", "4, 5, 33"},
                                            {"4, 5, 33", "4, 1, 33"}, {"4, 1, 17", "1, 5, 17"}, {"4, 5, 1", "5, 9"},
                                            {"1", "1"}, {"2, 3, 1", "2, 3, 4"}, {"6, 1", "6, 1"}, {"1", "4, 5, 33"}, {"1, 1", "700, 2"},
                                            {"6, 1", "6, 700"}, {"1, 1, 16", "3, 90, 16"}, {"3, 90, 16", "1, 1, 16"}};
    for (size_t i = 0; i < sizeof shapes / sizeof shapes[0]; i++)
        for (size_t k = 0; k < sizeof ops / sizeof ops[0]; k++)
            HOLD(f, "%%0 = input \"x\" float32 (%s)\n%%1 = input \"y\" float32 (%s)\n%%2 = %s %%0 %%1\noutput %%2\n", shapes[i][0],
                 shapes[i][1], ops[k]);
}

static void test_activation(void **state)
{
    fixture *f = *state;
    static const char *const ops[] = {"relu %0 alpha=0.0 beta=inf gamma=0.0", "relu %0 alpha=0.1 beta=6.0 gamma=0.5", "sigmoid %0",
                                      "tanh %0", "silu %0", "softplus %0", "exp %0", "elu %0 alpha=0.7", "selu %0", "softsign %0",
                                      "mish %0", "hard_sigmoid %0 alpha=0.2 beta=0.5", "hard_silu %0", "hard_tanh %0", "gelu %0",
                                      "gelu %0 approximate", "square %0", "abs %0", "clip %0 alpha=-1.0 beta=0.5", "neg %0", "celu %0 alpha=1.3",
                                      "log_sigmoid %0", "log %0", "log1p %0", "sqrt %0", "rsqrt %0", "reciprocal %0", "erf %0"};
    for (size_t i = 0; i < sizeof ops / sizeof ops[0]; i++)
        for (int special = 0; special < 2; special++) {
            char text[256];
            snprintf(text, sizeof text, "%%0 = input \"x\" float32 (%d)\n%%1 = %s\noutput %%1\n", special ? 21 : 5003, ops[i]);
            hold(f, text, special);
        }
}

static void test_recurrent(void **state)
{
    fixture *f = *state;
    for (int i = 0; i < 40; i++) {
        const int64_t b = i < 20 ? between(f, 1, 9) : between(f, 16, 40), t = between(f, 1, 12), in = between(f, 1, 20);
        const int64_t u = between(f, 1, 40);
        const bool lstm = i % 2, mask = i % 3 == 0, reset = i % 4 < 2;
        const int64_t g = (lstm ? 4 : 3) * u;
        char bias[48];
        snprintf(bias, sizeof bias, !lstm && reset ? "(2, %lld)" : "(%lld)", L(g));
        HOLD(f, "%%0 = input \"x\" float32 (%lld, %lld, %lld)\n%%1 = weight \"k\" float32 (%lld, %lld)\n%%2 = weight \"u\" float32 "
                "(%lld, %lld)\n%%3 = weight \"b\" float32 %s\n%%4 = input \"mask\" bool (%lld, %lld)\n%%5 = input \"h\" float32 "
                "(%lld, %lld)\n%%6 %%7%s = %s %%0 %%1 %%2 %s %s %s%s act=tanh rec_act=%s%s%s%s%s\noutput %%6\noutput %%7\n",
             L(b), L(t), L(in), L(in), L(g), L(u), L(g), bias, L(b), L(t), L(b), L(u), lstm ? " %8" : "", lstm ? "lstm" : "gru",
             i % 5 || (!lstm && reset) ? "%3" : "-", mask ? "%4" : "-", i % 7 == 3 ? "%5" : "-", lstm ? " -" : "",
             i % 6 ? "sigmoid" : "hard_sigmoid(0.2,0.5,0.0)", i % 2 ? "" : " reverse", i % 5 < 3 ? " sequences" : "",
             i % 4 == 1 ? " zero_masked" : "", !lstm && reset ? " reset_after" : "");
    }
    const uint64_t before = f->seed;
    static const char *const acts_of[] = {" act=relu(0.0,inf,0.0)", "", " act=sigmoid", " act=elu(1.0,0.0,0.0)", " act=tanh"};
    for (int i = 0; i < 40; i++) {
        const int64_t b = i % 3 ? between(f, 1, 3) : between(f, 16, 20), t = between(f, 1, 9), in = between(f, 1, 20), u = i % 5 ? between(f, 1, 40) : 96;
        const bool lstm = i % 2;
        const int64_t g = (lstm ? 4 : 1) * u;
        HOLD(f, "%%0 = input \"x\" float32 (%lld, %lld, %lld)\n%%1 = weight \"k\" float32 (%lld, %lld)\n%%2 = weight \"u\" float32 "
                "(%lld, %lld)\n%%3 = weight \"b\" float32 (%lld)\n%%4 = input \"mask\" bool (%lld, %lld)\n%%5 = input \"h\" float32 "
                "(%lld, %lld)\n%%6 %%7%s = %s %%0 %%1 %%2 %s %s %s%s%s%s%s%s%s\noutput %%6\noutput %%7\n",
             L(b), L(t), L(in), L(in), L(g), L(u), L(g), L(g), L(b), L(t), L(b), L(u), lstm ? " %8" : "", lstm ? "lstm" : "rnn", i % 5 ? "%3" : "-",
             i % 3 == 1 ? "%4" : "-", i % 7 == 3 ? "%5" : "-", lstm ? " -" : "", acts_of[i / 2 % 5], lstm ? " rec_act=sigmoid" : "", i % 4 < 2 ? "" : " reverse",
             i % 5 < 3 ? " sequences" : "", i % 4 == 1 ? " zero_masked" : "");
    }
    f->seed = before;
    HOLD(f, "%%0 = input \"x\" float32 (3, 700, 8)\n%%1 = weight \"k\" float32 (8, 1024)\n%%2 = weight \"u256\" float32 (256, 1024)\n"
            "%%3 %%4 %%5 = lstm %%0 %%1 %%2 - - - - act=tanh rec_act=sigmoid reverse sequences\noutput %%3\n");
    const uint64_t seed = f->seed;      /* what the next tests draw stays the same */
    for (int i = 0; i < 12; i++) {      /* threads share the units where they are whole panels for all instruction sets */
        const int64_t u = i % 3 ? 128 : 192, b = 1 + i % 2, t = between(f, 1, 60), g = (i % 4 < 2 ? 4 : 3) * u;
        HOLD(f, "%%0 = input \"x\" float32 (%lld, %lld, 5)\n%%1 = weight \"k\" float32 (5, %lld)\n%%2 = weight \"u256\" float32 (%lld, %lld)\n"
                "%%3 = weight \"b\" float32 (%s%lld)\n%%4 = input \"h\" float32 (%lld, %lld)\n%%6 %%7%s = %s act=tanh rec_act=%s%s%s\noutput %%6\noutput %%7\n%s",
             L(b), L(t), L(g), L(u), L(g), i % 4 < 2 ? "" : "2, ", L(g), L(b), L(u), i % 4 < 2 ? " %8" : "",
             i % 4 < 2 ? "lstm %0 %1 %2 %3 - %4 %4" : "gru %0 %1 %2 %3 - %4", i % 5 ? "sigmoid" : "hard_sigmoid(0.2,0.5,0.0)",
             i % 3 ? " sequences" : "", i % 4 < 2 ? "" : " reset_after", i % 4 < 2 ? "output %8\n" : "");
    }
    for (int i = 0; i < 8; i++) {       /* both directions at once, layers that wait for each other */
        const int64_t u = between(f, 1, 40), t = between(f, 1, 30), b = i < 6 ? between(f, 1, 3) : 16;
        HOLD(f, "%%0 = input \"x\" float32 (%lld, %lld, 5)\n%%1 = weight \"k\" float32 (5, %lld)\n%%2 = weight \"u\" float32 (%lld, %lld)\n"
                "%%3 = weight \"k\" float32 (%lld, %lld)\n%%4 %%5 = gru %%0 %%1 %%2 - - - act=tanh rec_act=sigmoid sequences\n"
                "%%6 %%7 = gru %%0 %%1 %%2 - - - act=tanh rec_act=sigmoid reverse sequences\n%%8 %%9 = gru %%%d %%3 %%2 - - - act=tanh rec_act=sigmoid sequences\n"
                "%%10 %%11 = gru %%8 %%3 %%2 - - %%%d act=tanh rec_act=sigmoid sequences\n%%12 = concat %%10 %%4 axis=2\noutput %%12\n%s",
             L(b), L(t), L(3 * u), L(u), L(3 * u), L(u), L(3 * u), i % 2 ? 4 : 6, i % 3 ? 5 : 9, i % 4 ? "output %7\n" : "");
    }
    f->seed = seed;
}

static void test_attention(void **state)
{
    fixture *f = *state;
    for (int i = 0; i < 30; i++) {
        const int64_t b = between(f, 1, 3), h = between(f, 1, 4), t = between(f, 1, 20), s = between(f, 1, 40), d = between(f, 1, 20);
        HOLD(f, "%%0 = input \"q\" float32 (%lld, %lld, %lld, %lld)\n%%1 = input \"k\" float32 (%lld, %lld, %lld, %lld)\n"
                "%%2 = input \"v\" float32 (%lld, %lld, %lld, %lld)\n%%3 = input \"mask\" bool (%s1, %lld, %lld)\n"
                "%%4 %%5 = attention %%0 %%1 %%2%s alpha=0.5%s\noutput %%4\noutput %%5\n", L(b), L(h), L(t), L(d), L(b), L(h), L(s),
             L(d), L(b), L(h), L(s), L(between(f, 1, 20)), i % 2 ? "" : "1, ", L(i % 4 ? t : 1), L(s), i % 3 ? " %3" : "",
             i % 5 ? "" : " masked_uniform");
    }
}

/* A layer with heads: dense layers with biases of their own, transposes around the attention, which one kernel does together where nobody else
 * reads what lies between. */
static void test_heads(void **state)
{
    fixture *f = *state;
    static const char *const ends[] = {"output %19\n", "output %19\noutput %16\n", "output %19\noutput %13\n", "output %19\noutput %17\n",
                                       "output %18\noutput %19\n", "output %18\n"};
    for (int i = 0; i < 48; i++) {
        const int64_t b = between(f, 1, 2), h = between(f, 1, 4), d = between(f, 1, 17), e = between(f, 1, 17), c = between(f, 1, 20);
        const int64_t t = i % 8 ? between(f, 1, 30) : 70, s = i % 8 ? between(f, 1, 40) : 333;
        HOLD(f, "%%0 = input \"x\" float32 (%lld, %lld, %lld)\n%%1 = input \"z\" float32 (%lld, %lld, %lld)\n%%2 = weight \"k\" float32 (%lld, %lld)\n"
                "%%3 = weight \"b\" float32 (%lld, %lld)\n%%4 = weight \"k\" float32 (%lld, %lld)\n%%5 = input \"mask\" bool (%lld, %lld)\n"
                "%%6 = dense %%0 %%2\n%%7 = reshape %%6 shape=%lld,%lld,%lld,%lld\n%%8 = add %%7 %%3\n%%9 = transpose %%8 perm=0,2,1,3\n"
                "%%10 = dense %%1 %%2\n%%11 = reshape %%10 shape=%lld,%lld,%lld,%lld\n%%12 = add %%3 %%11\n%%13 = transpose %%12 perm=0,2,1,3\n"
                "%%14 = dense %%1 %%4\n%%15 = reshape %%14 shape=%lld,%lld,%lld,%lld\n%%24 = transpose %%15 perm=0,2,1,3\n"
                "%%18 %%16 = attention %%9 %%13 %%24%s alpha=0.25\n%%17 = transpose %%18 perm=%s\n%%19 = reshape %%17 shape=%lld,-1\n%s",
             L(b), L(t), L(c), L(b), L(s), L(c), L(c), L(h * d), L(h), L(d), L(c), L(h * e), L(t), L(s), L(b), L(t), L(h), L(d), L(b), L(s), L(h),
             L(d), L(b), L(s), L(h), L(e), i % 3 ? "" : " %5", i % 5 ? "0,2,1,3" : "0,1,2,3", L(b), ends[(size_t)i % 6]);
    }
}

/* Fixed numbers added to a dense layer's result: its bias where there is one for each column, also when they are as many by chance. */
static void test_late_bias(void **state)
{
    fixture *f = *state;
    static const char *const flat[] = {"(24)", "(1, 24)", "(24, 1)", "(1)", "(24, 24)"};
    static const char *const parted[] = {"(6, 4)", "(1, 6, 4)", "(1, 1, 6, 4)", "(8, 3, 1, 1)", "(3, 1, 1)", "(4)", "(6, 1)", "(1)"};
    static const char *const after[] = {"%9 = add %6 %6\n", "%9 = add %8 %6\n", "%9 = relu %6 alpha=0.0 beta=inf gamma=0.0\n", "%9 = softmax %6\n",
                                        "%7 = add %6 %8\n%9 = gelu %7\n", "%7 = add %6 %2\n%9 = sub %7 %5\n"};
    for (size_t i = 0; i < 13; i++)
        for (size_t k = 0; k < sizeof after / sizeof after[0]; k++)
            HOLD(f, "%%0 = input \"x\" float32 (24, 7)\n%%1 = weight \"k\" float32 (7, 24)\n%%2 = weight \"b\" float32 %s\n%%3 = weight \"c\" float32 (24)\n"
                    "%%8 = input \"r\" float32 %s\n%%4 = dense %%0 %%1%s\n%%5 = reshape %%4 shape=%s\n%%6 = add %s\n%soutput %%9\n",
                 i < 5 ? flat[i] : parted[i - 5], i < 5 ? "(24, 24)" : "(8, 3, 6, 4)", k % 3 == 2 ? " %3" : "", i < 5 ? "24,24" : "8,3,6,4",
                 i % 2 ? "%2 %5" : "%5 %2", after[k]);
}

/* ---- three by three ---- */

static void test_winograd(void **state)
{
    fixture *f = *state;
    f->slack = 4;       /* sums and differences of four by four or six by six inputs come before the products */
    for (int i = 0; i < 90; i++) {
        const int64_t ci = between(f, 16, 40), co = between(f, 16, 70), h = between(f, 6, 23), w = between(f, 6, 23), b = between(f, 1, 3);
        HOLD(f, "%%0 = input \"x\" float32 (%lld, %lld, %lld, %lld)\n%%1 = weight \"u256\" float32 (3, 3, %lld, %lld)\n%%2 = weight \"b\" float32 "
                "(%lld)\n%%3 = conv %%0 %%1%s%s groups=1 act=%s\noutput %%3\n", L(b), L(h), L(w), L(ci), L(ci), L(co), L(co), i % 3 ? " %2" : "",
             i % 2 ? " same" : "", acts[(size_t)i % ACTS]);
    }
    f->slack = 1;
}

/* ---- steps that one kernel does together ---- */

static const char fused_norm[] = "%%10 = weight \"m\" float32 (%lld)\n%%11 = weight \"variance\" float32 (%lld)\n"
                                 "%%12 = weight \"g\" float32 (%lld)\n%%13 = weight \"b2\" float32 (%lld)\n"
                                 "%%14 = batch_norm %%%d %%10 %%11 %s %s axis=%d epsilon=0.001\n";

/* After step %3 of n channels: some of norm, sum with input %4, activation; `which` says which. */
static void hold_tail(fixture *f, const char *head, int rank, int64_t n, unsigned which, const char *after)
{
    char text[2048];
    size_t at = (size_t)snprintf(text, sizeof text, "%s", head);
    int y = 3;
    if (which & 1) {
        at += (size_t)snprintf(text + at, sizeof text - at, fused_norm, L(n), L(n), L(n), L(n), y, which & 8 ? "%12" : "-",
                               which & 16 ? "%13" : "-", rank - 1);
        y = 14;
    }
    if (which & 2) {
        at += (size_t)snprintf(text + at, sizeof text - at, which & 8 ? "%%15 = add %%%d %%4\n" : "%%15 = add %%4 %%%d\n", y);
        y = 15;
    }
    if (which & 4) {
        at += (size_t)snprintf(text + at, sizeof text - at, "%%16 = %s\n", after);
        char *place = strstr(text + at - strlen(after) - 2, "%X");
        assert_non_null(place);
        char number[8];
        snprintf(number, sizeof number, "%d", y);
        memmove(place + 1 + strlen(number), place + 2, strlen(place + 2) + 1);
        memcpy(place + 1, number, strlen(number));
        at = strlen(text);
        y = 16;
    }
    snprintf(text + at, sizeof text - at, "output %%%d\n%s", y, which & 32 ? "output %3\n" : "");
    hold(f, text, false);
}

static void test_fused(void **state)
{
    fixture *f = *state;
    static const char *const after[] = {"relu %X alpha=0.0 beta=inf gamma=0.0", "silu %X", "relu %X alpha=0.3 beta=inf gamma=0.0",
                                        "softmax %X", "gelu %X", "prelu %X %4"};
    for (unsigned i = 0; i < 256; i++) {
        const int64_t h = between(f, 4, 9), c = between(f, 1, 30), n = i % 3 == 1 ? c : between(f, 1, 40), g = n % 2 || c % 2 || i % 7 ? 1 : 2;
        const bool pad = i % 4 == 1, bias = i % 5 != 2;
        const int64_t in = pad ? h - 3 : h;
        char head[1024];
        size_t at = (size_t)snprintf(head, sizeof head, "%%20 = input \"x\" float32 (2, %lld, %lld, %lld)\n%%4 = input \"r\" float32 "
                                     "(2, %lld, %lld, %lld)\n", L(in), L(in), L(c), L(h - 2), L(h - 2), L(n));
        if (pad)
            at += (size_t)snprintf(head + at, sizeof head - at, "%%21 = pad %%20 pad_lo=0,1,2,0 pad_hi=0,2,1,0 value=0.0 mode=constant\n");
        if (i % 3 == 1)
            snprintf(head + at, sizeof head - at, "%%1 = weight \"k\" float32 (3, 3, %lld, 1)\n%%2 = weight \"b\" float32 (%lld)\n"
                     "%%3 = depthwise %%%d %%1%s\n", L(c), L(c), 20 + pad, bias ? " %2" : "");
        else
            snprintf(head + at, sizeof head - at, "%%1 = weight \"k\" float32 (3, 3, %lld, %lld)\n%%2 = weight \"b\" float32 (%lld)\n"
                     "%%3 = conv %%%d %%1%s groups=%lld\n", L(c / g), L(n), L(n), 20 + pad, bias ? " %2" : "", L(g));
        hold_tail(f, head, 4, n, i % 64, after[i % 6]);
        snprintf(head, sizeof head, "%%0 = input \"x\" float32 (7, %lld)\n%%4 = input \"r\" float32 (7, %lld)\n%%1 = weight \"k\" float32 "
                 "(%lld, %lld)\n%%2 = weight \"b\" float32 (%lld)\n%%3 = dense %%0 %%1%s\n", L(c), L(n), L(c), L(n), L(n), bias ? " %2" : "");
        hold_tail(f, head, 2, n, i % 64, after[i % 6]);
        snprintf(head, sizeof head, "%%0 = input \"x\" float32 (2, %lld, %lld, %lld)\n%%4 = input \"r\" float32 (2, %lld, %lld, %lld)\n%%1 = weight \"k\" float32 "
                 "(2, 2, %lld, %lld)\n%%2 = weight \"b\" float32 (%lld)\n%%3 = conv_transpose %%0 %%1%s groups=1\n", L(h), L(h), L(c), L(h + 1), L(h + 1), L(n),
                 L(n), L(c), L(n), bias ? " %2" : "");
        hold_tail(f, head, 4, n, i % 64, after[i % 6]);
    }
}

/* Weights that are so large that a plan for a single run does not copy them. */
static void test_late(void **state)
{
    fixture *f = *state;
    const uint64_t seed = f->seed;
    static const char *const acts_of[] = {"relu %X alpha=0.0 beta=inf gamma=0.0", "silu %X", "softmax %X", "gelu %X"};
    for (int i = 0; i < 24; i++) {
        const int64_t k = between(f, 64, 200), n = between(f, 260, 400), h = between(f, 3, 9), c = between(f, 16, 40);
        const char *x = acts_of[(size_t)i % 4], *rest = strchr(x, 'X') + 1, *bias = i % 3 ? " %2" : "";
        HOLD(f, "%%0 = input \"x\" float32 (%lld, %lld)\n%%1 = weight \"k\" float32 (%lld, %lld)\n%%2 = weight \"b\" float32 (%lld)\n%%3 = dense %%0 %%1%s\n"
                "%%4 = input \"r\" float32 (%lld, %lld)\n%%5 = add %%3 %%4\n%%6 = %.*s%d%s\noutput %%6\n", L(i % 4 ? between(f, 1, 300) : 1), L(k), L(k),
             L(n), L(n), bias, L(1), L(i % 2 ? n : 1), (int)(strchr(x, '%') - x + 1), x, 5, rest);
        HOLD(f, "%%0 = input \"x\" float32 (2, %lld, %lld, %lld)\n%%1 = weight \"k\" float32 (%d, 2, %lld, %lld)\n%%2 = weight \"b\" float32 (%lld)\n"
                "%%3 = conv %%0 %%1%s groups=1%s stride=%d,1\n%%4 = weight \"m\" float32 (%lld)\n%%5 = weight \"variance\" float32 (%lld)\n%%6 = batch_norm %%3 %%4 %%5 - - "
                "axis=3 epsilon=0.001\n%%7 = %.*s%d%s\noutput %%7\n", L(h), L(h), L(c), 1 + i % 3, L(c), L(n), L(n), bias, i % 2 ? " same" : "", 1 + i % 2,
             L(n), L(n), (int)(strchr(x, '%') - x + 1), x, 6, rest);
        HOLD(f, "%%0 = input \"x\" float32 (1, %lld, %lld, %lld)\n%%1 = weight \"k\" float32 (1, 1, %lld, %lld)\n%%2 = weight \"b\" float32 (%lld)\n"
                "%%3 = conv %%0 %%1%s groups=1\n%%4 = weight \"m\" float32 (%lld)\n%%5 = weight \"variance\" float32 (%lld)\n%%6 = batch_norm %%3 %%4 %%5 - - "
                "axis=3 epsilon=0.001\n%%7 = %s\n%%8 = weight \"k\" float32 (3, 3, %lld, 1)\n%%9 = depthwise %%7 %%8 same\noutput %%9\n", L(h), L(h), L(k), L(k), L(n),
             L(n), bias, L(n), L(n), i % 2 ? "silu %6" : "relu %6 alpha=0.0 beta=6.0 gamma=0.0", L(n));
    }
    f->seed = seed;
}

/* ---- over one axis ---- */

static void test_toom(void **state)
{
    fixture *f = *state;
    f->slack = 4;
    for (int i = 0; i < 60; i++) {
        const int64_t ci = between(f, 16, 40), co = between(f, 16, 70), k = between(f, 3, 14), d = i % 3 ? between(f, 1, 5) : 1;
        const int64_t n = between(f, 16, 90) * d + (k - 1) * d;
        char pads[64] = " same";
        if (i % 4 == 1)
            snprintf(pads, sizeof pads, " pad_lo=%d pad_hi=0", (int)((k - 1) * d));
        else if (i % 4 == 2)
            pads[0] = 0;
        HOLD(f, "%%0 = input \"x\" float32 (%lld, %lld, %lld)\n%%1 = weight \"u256\" float32 (%lld, %lld, %lld)\n%%2 = weight \"b\" float32 "
                "(%lld)\n%%3 = conv %%0 %%1%s dilation=%lld%s groups=1 act=%s\noutput %%3\n", L(1 + i % 2), L(n), L(ci), L(k), L(ci), L(co),
             L(co), i % 3 ? " %2" : "", L(d), pads, acts[(size_t)i % ACTS]);
    }
    for (unsigned which = 0; which < 8; which++) {
        char head[512];
        snprintf(head, sizeof head, "%%0 = input \"x\" float32 (2, 150, 20)\n%%4 = input \"r\" float32 (2, 150, 40)\n%%1 = weight \"k\" float32 "
                 "(7, 20, 40)\n%%3 = conv %%0 %%1 same dilation=3 groups=1\n");
        hold_tail(f, head, 3, 40, which | 24, which & 1 ? "silu %X" : "relu %X alpha=0.0 beta=inf gamma=0.0");
    }
    f->slack = 1;
}

/* A 1x1 convolution before a depthwise one: made and used strip by strip. */
static void test_expanded(void **state)
{
    fixture *f = *state;
    static const char *const before[] = {"", "relu %X alpha=0.0 beta=6.0 gamma=0.0", "silu %X", "softmax %X"};
    static const char *const after[] = {"relu %X alpha=0.0 beta=inf gamma=0.0", "silu %X", "gelu %X", "softmax %X"};
    for (int i = 0; i < 90; i++) {
        const int64_t c = between(f, 1, 20), n = i % 3 ? between(f, 1, 100) : 32 * between(f, 1, 3), h = between(f, 7, 40), w = between(f, 7, 40);
        const int64_t k = i % 4 == 3 ? between(f, 1, 4) : i % 4 == 2 ? 5 : 3, s = i % 2 ? between(f, 1, 3) : 1, d = s == 1 && i % 5 == 4 ? 2 : 1;
        const bool pad = i % 6 == 1, fits = (k - 1) * d < h && (k - 1) * d < w, act = i % 4;
        char text[2048], pads[64] = " same";
        size_t at = (size_t)snprintf(text, sizeof text, "%%0 = input \"x\" float32 (%lld, %lld, %lld, %lld)\n%%1 = weight \"k\" float32 "
                                     "(1, 1, %lld, %lld)\n%%2 = weight \"b\" float32 (%lld)\n%%3 = conv %%0 %%1%s groups=1\n", L(1 + i % 2),
                                     L(h), L(w), L(c), L(c), L(n), L(n), i % 5 ? " %2" : "");
        if (i % 3 == 1)
            at += (size_t)snprintf(text + at, sizeof text - at, fused_norm, L(n), L(n), L(n), L(n), 3, "%12", "-", 3);
        if (act)
            at += (size_t)snprintf(text + at, sizeof text - at, "%%30 = %.*s%d%s\n", (int)(strchr(before[i % 4], '%') - before[i % 4] + 1),
                                   before[i % 4], i % 3 == 1 ? 14 : 3, strchr(before[i % 4], 'X') + 1);
        const int y = act ? 30 : i % 3 == 1 ? 14 : 3;
        if (pad)
            at += (size_t)snprintf(text + at, sizeof text - at, "%%31 = pad %%%d pad_lo=0,1,2,0 pad_hi=0,2,1,0 value=0.0 mode=constant\n", y);
        if (pad || (fits && i % 7 == 3))
            pads[0] = 0;
        else if (fits && i % 7 == 5)
            snprintf(pads, sizeof pads, " pad_lo=%d,%d pad_hi=%d,%d", 1, 0, 0, 2);
        at += (size_t)snprintf(text + at, sizeof text - at, "%%32 = weight \"k\" float32 (%lld, %lld, %lld, 1)\n%%33 = weight \"b\" float32 "
                               "(%lld)\n%%34 = depthwise %%%d %%32%s stride=%lld,%lld dilation=%lld,%lld%s\n%%35 = %.*s34%s\noutput %%35\n%s",
                               L(k), L(k), L(n), L(n), pad ? 31 : y, i % 4 ? " %33" : "", L(s), L(s), L(d), L(d), pads,
                               (int)(strchr(after[i % 4], '%') - after[i % 4] + 1), after[i % 4], strchr(after[i % 4], 'X') + 1,
                               i % 9 == 8 ? "output %3\n" : "");
        assert_true(at < sizeof text);
        hold(f, text, false);
    }
    HOLD(f, "%%0 = input \"x\" float32 (2, 300, 9)\n%%1 = weight \"k\" float32 (1, 9, 70)\n%%2 = conv %%0 %%1 groups=1 act=silu\n"
            "%%3 = weight \"k\" float32 (5, 70, 1)\n%%4 = depthwise %%2 %%3 same\noutput %%4\n");
}

/* ---- products as such: every tile, every width ---- */

static void test_tiles(void **state)
{
    fixture *f = *state;
    for (int rows = 1; rows <= 26; rows++)
        for (int cols = 1; cols <= 70; cols += cols < 34 ? 3 : 9)
            HOLD(f, "%%0 = input \"x\" float32 (%d, 7)\n%%1 = weight \"k\" float32 (7, %d)\n%%2 = dense %%0 %%1\noutput %%2\n", rows, cols);
}

/* ---- portions of a batch ---- */

/* An index outside its table is told as in one run alone, whichever thread meets it. */
static void test_stray_index(void **state)
{
    fixture *f = *state;
    const char *text = "%0 = input \"x\" int32 (2, 3)\n%1 = weight \"k\" float32 (5, 4)\n%2 = gather %1 %0 axis=0\noutput %2\n";
    cuv_arena *arena = cuv_arena_new(f->cx);
    int32_t good[6] = {0, 1, 2, 3, 4, -5}, bad[6] = {0, 1, 5, 3, 4, 0};
    float room[3][24];
    cuv_program *p;
    cuv_plan *plan;
    cuv_pool *pool;
    assert_int_equal(cuv_program_parse(arena, text, strlen(text), &p), CUV_OK);
    give_weights(f, p);
    cuv_run_tensor in[3] = {{CUV_I32, 2, {2, 3}, good}, {CUV_I32, 2, {2, 3}, bad}, {CUV_I32, 2, {2, 3}, good}}, out[3];
    assert_int_equal(cuv_pool_new(f->cx, 3, &pool), CUV_OK);
    assert_int_equal(cuv_plan_new(f->cx, p, in, &(cuv_plan_options){.pool = pool}, &plan), CUV_OK);
    for (int k = 0; k < 3; k++) {
        out[k] = *cuv_plan_output(plan, 0);
        out[k].data = room[k];
    }
    const cuv_run_tensor *from[3] = {&in[0], &in[1], &in[2]};
    cuv_run_tensor *to[3] = {&out[0], &out[1], &out[2]};
    const size_t before = cuv_finding_count(f->cx);
    assert_int_equal(cuv_plan_run_lanes(plan, pool, from, to, 3), CUV_NO);
    assert_int_equal(cuv_finding_count(f->cx), before + 1);
    assert_string_equal(cuv_finding_at(f->cx, before)->id, "run.index");
    assert_non_null(strstr(cuv_finding_at(f->cx, before)->message, "index 5 is outside its table of 5"));
    from[1] = &in[0];
    assert_int_equal(cuv_plan_run_lanes(plan, pool, from, to, 3), CUV_OK);
    assert_memory_equal(room[0], room[1], sizeof room[0]);
    cuv_plan_free(plan);
    cuv_pool_free(pool);
    cuv_arena_free(arena);
}

/* Rows are run apart only where none touches another, and where that pays. */
static void test_portions(void **state)
{
    fixture *f = *state;
#define CONV "%0 = input \"x\" float32 (None, 128, 128, 16)\n%1 = weight \"k\" float32 (3, 3, 16, 16)\n%2 = conv %0 %1 same groups=1\n"
    static const struct { const char *text; int64_t total, expected; } cases[] = {
        {CONV "output %2\n", 12, 1},
        {CONV "%3 = mean %2 axes=1,2\n%4 = sub %2 %2\noutput %3\noutput %4\n", 7, 1},
        {CONV "%3 = mean %2 axes=0 keepdims\n%4 = sub %2 %3\noutput %4\n", 12, 12},
        {CONV "%3 = mean %2 axes=0,1,2,3\n%4 = sub %2 %3\noutput %4\n", 12, 12},
        {CONV "%3 = reshape %2 shape=-1,128,16\noutput %3\n", 12, 12},
        {CONV "%3 = reshape %2 shape=-2,16384,16\noutput %3\n", 12, 1},
        {CONV "%3 = concat %2 %2 axis=0\noutput %3\n", 12, 12},
        {CONV "%3 = transpose %2 perm=1,0,2,3\noutput %3\n", 12, 12},
        {CONV "%3 = weight \"w\" float32 (16, 4)\n%4 = dense %2 %3\n%5 = cumsum %4 axis=0\noutput %5\n", 12, 12},
        {"%0 = input \"x\" float32 (None, 40, 40, 8)\n%1 = weight \"k\" float32 (3, 3, 8, 8)\n%2 = conv %0 %1 same groups=1\noutput %2\n", 64, 16},
        /* 16 places are few for a product: two rows, or the next more that divide the batch */
        {CONV "%3 = max_pool %2 window=8,8 stride=40,40\n%4 = weight \"w\" float32 (1, 1, 16, 8000)\n%5 = conv %3 %4 groups=1\noutput %5\n", 32, 2},
        {"%0 = input \"x\" float32 (None, 784)\n%1 = weight \"k\" float32 (784, 500)\n%2 = dense %0 %1\noutput %2\n", 256, 256},
        {"%0 = input \"x\" float32 (None, 784)\n%1 = weight \"k\" float32 (784, 500)\n%2 = dense %0 %1\noutput %2\n", 1024, 256},
        {"%0 = input \"x\" float32 (None, 784)\n%1 = weight \"k\" float32 (784, 500)\n%2 = dense %0 %1\noutput %2\n", 1021, 1021},
    };
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        cuv_arena *arena = cuv_arena_new(f->cx);
        cuv_program *p;
        int64_t rows;
        if (cuv_program_parse(arena, cases[i].text, strlen(cases[i].text), &p) != CUV_OK || p->status != CUV_OK)
            fail_msg("%s\n%s", cases[i].text, cuv_finding_count(f->cx) ? cuv_finding_at(f->cx, 0)->message : "is no program");
        assert_int_equal(cuv_best_rows(f->cx, p, cases[i].total, &rows), CUV_OK);
        if (rows != cases[i].expected)
            fail_msg("%s: %d rows of %d, not %d", cases[i].text, (int)rows, (int)cases[i].total, (int)cases[i].expected);
        cuv_arena_free(arena);
    }
}

static int setup(void **state)
{
    static fixture f;
    f.seed = 20;
    f.slack = 1;
    *state = &f;
    return cuv_context_new(NULL, &f.cx) != CUV_OK;
}

static int teardown(void **state)
{
    cuv_context_free(((fixture *)*state)->cx);
    return 0;
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_tiles), cmocka_unit_test(test_dense), cmocka_unit_test(test_matmul), cmocka_unit_test(test_conv),
        cmocka_unit_test(test_transpose), cmocka_unit_test(test_depthwise), cmocka_unit_test(test_pool), cmocka_unit_test(test_large_pool), cmocka_unit_test(test_turned), cmocka_unit_test(test_rows), cmocka_unit_test(test_large_rows), cmocka_unit_test(test_resize), cmocka_unit_test(test_turn), cmocka_unit_test(test_group_norm), cmocka_unit_test(test_round_half), cmocka_unit_test(test_reduce), cmocka_unit_test(test_pad), cmocka_unit_test(test_norm_act), cmocka_unit_test(test_binary),
        cmocka_unit_test(test_activation), cmocka_unit_test(test_recurrent), cmocka_unit_test(test_attention), cmocka_unit_test(test_heads), cmocka_unit_test(test_late_bias), cmocka_unit_test(test_winograd), cmocka_unit_test(test_fused), cmocka_unit_test(test_late),
        cmocka_unit_test(test_expanded), cmocka_unit_test(test_toom), cmocka_unit_test(test_portions), cmocka_unit_test(test_stray_index),
    };
    return cmocka_run_group_tests(tests, setup, teardown);
}
