/* The reference kernels against TensorFlow: every case of tests/kernels/ is a program of a few steps with inputs,
 * and outputs that make_expected.py took from TensorFlow. Programs in float32 are run again in float64. */
#include "run/run.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <cmocka.h>

enum { MOST = 16 };

static cuv_context *cx;

typedef struct one_case {
    char name[120], program[4000];
    cuv_run_tensor in[MOST], out[MOST];
    int in_count, out_count;
} one_case;

static int setup(void **state)
{
    (void)state;
    return cuv_context_new(NULL, &cx) != CUV_OK;
}

static int teardown(void **state)
{
    (void)state;
    cuv_context_free(cx);
    return 0;
}

static const char *last_finding(void)
{
    size_t n = cuv_finding_count(cx);
    return n ? cuv_finding_at(cx, n - 1)->message : "no finding";
}

/* ---- reading ---- */

static size_t count_of(const cuv_run_tensor *t)
{
    size_t n = 1;
    for (int i = 0; i < t->rank; i++)
        n *= (size_t)t->shape[i];
    return n;
}

/* A number in Python's or C's writing; "nan", "inf" too. */
static void put_number(cuv_run_tensor *t, size_t i, const char *text)
{
    switch (t->dtype) {
    case CUV_BOOL: ((uint8_t *)t->data)[i] = (uint8_t)atoi(text); break;
    case CUV_I32: ((int32_t *)t->data)[i] = (int32_t)atoll(text); break;
    case CUV_I64: ((int64_t *)t->data)[i] = atoll(text); break;
    case CUV_F64: ((double *)t->data)[i] = strtod(text, NULL); break;
    default: ((float *)t->data)[i] = strtof(text, NULL);
    }
}

/* "float32 (2, 3) 0x1p0 ..."; false for dtypes that runs do not hold. */
static bool read_tensor(cuv_arena *arena, char *line, cuv_run_tensor *t)
{
    char *name = strtok(line, " "), *rest = strtok(NULL, ""), *end = strchr(rest, ')'), *next;
    memset(t, 0, sizeof *t);
    if (!cuv_dtype_parse(name, &t->dtype) || t->dtype == CUV_STR)
        return false;
    *end = 0;
    for (char *at = strtok(rest + 1, ", "); at; at = strtok(NULL, ", "))
        t->shape[t->rank++] = atoll(at);
    size_t n = count_of(t), i = 0;
    t->data = cuv_arena_calloc(arena, n + 1, 8);
    assert_non_null(t->data);
    for (char *at = strtok_r(end + 1, " ", &next); at; at = strtok_r(NULL, " ", &next)) {
        assert_true(i < n);
        put_number(t, i++, at);
    }
    assert_int_equal(i, n);
    return true;
}

/* The next case of a file; false at its end. `*readable`: it has only dtypes that can be read. */
static bool next_case(cuv_arena *arena, char **at, one_case *c, bool *readable)
{
    char *line;
    size_t used = 0;
    memset(c, 0, sizeof *c);
    *readable = true;
    while ((line = *at) && *line) {
        char *end = strchr(line, '\n');
        *at = end ? end + 1 : line + strlen(line);
        if (end)
            *end = 0;
        if (cuv_starts_with(line, "case "))
            snprintf(c->name, sizeof c->name, "%s", line + 5);
        else if (cuv_starts_with(line, "in "))
            *readable &= read_tensor(arena, line + 3, &c->in[c->in_count++]);
        else if (cuv_starts_with(line, "out "))
            *readable &= read_tensor(arena, line + 4, &c->out[c->out_count++]);
        else if (strcmp(line, "end") == 0)
            return true;
        else if (line[0] != '#')
            used += (size_t)snprintf(c->program + used, sizeof c->program - used, "%s\n", line);
        assert_true(used < sizeof c->program && c->in_count < MOST && c->out_count < MOST);
    }
    assert_int_equal(c->name[0], 0);      /* a case without its end: the file is cut off */
    return false;
}

/* ---- running and comparing ---- */

static double value_at(const cuv_run_tensor *t, size_t i)
{
    switch (t->dtype) {
    case CUV_BOOL: return ((const uint8_t *)t->data)[i];
    case CUV_I32: return ((const int32_t *)t->data)[i];
    case CUV_I64: return (double)((const int64_t *)t->data)[i];
    case CUV_F64: return ((const double *)t->data)[i];
    default: return ((const float *)t->data)[i];
    }
}

static bool near(double found, double wanted, cuv_dtype dtype)
{
    double relative = dtype == CUV_F16 ? 2e-3 : dtype == CUV_BF16 ? 2e-2 : 1e-5;
    if (isnan(wanted) || isinf(wanted) || !cuv_dtype_is_float(dtype))
        return isnan(wanted) ? isnan(found) : found == wanted;
    return fabs(found - wanted) <= 1e-6 + relative * fabs(wanted);
}

static const char *compare(const one_case *c, int i, const cuv_run_tensor *found)
{
    const cuv_run_tensor *wanted = &c->out[i];
    cuv_dtype held = found->dtype == CUV_F16 || found->dtype == CUV_BF16 ? CUV_F32 : found->dtype;
    cuv_dtype expected = wanted->dtype == CUV_F16 || wanted->dtype == CUV_BF16 ? CUV_F32 : wanted->dtype;
    if (held != expected)
        return cuv_format(cx, "dtype %s, not %s", cuv_dtype_name(found->dtype), cuv_dtype_name(wanted->dtype));
    if (!cuv_shape_equal(found->shape, found->rank, wanted->shape, wanted->rank))
        return cuv_format(cx, "shape %s, not %s", cuv_shape_text(cx, found->shape, found->rank),
                          cuv_shape_text(cx, wanted->shape, wanted->rank));
    for (size_t k = 0; k < count_of(wanted); k++)
        if (!near(value_at(found, k), value_at(wanted, k), found->dtype == held ? wanted->dtype : found->dtype))
            return cuv_format(cx, "element %zu is %.9g, not %.9g", k, value_at(found, k), value_at(wanted, k));
    return NULL;
}

static const char *run_case(cuv_arena *arena, const one_case *c)
{
    cuv_program *p = NULL;
    cuv_plan *plan = NULL;
    cuv_run_tensor out[MOST];
    const char *wrong = NULL;
    if (cuv_program_parse(arena, c->program, strlen(c->program), &p) != CUV_OK || cuv_program_check(p) != CUV_OK)
        return last_finding();
    if ((int)p->input_count != c->in_count || (int)p->output_count != c->out_count)
        return "another number of inputs or outputs";
    if (cuv_plan_new(cx, p, c->in, &(cuv_plan_options){.reference = true}, &plan) != CUV_OK)
        return last_finding();
    for (int i = 0; i < c->out_count; i++) {
        out[i] = *cuv_plan_output(plan, (size_t)i);
        out[i].data = cuv_arena_calloc(arena, count_of(&out[i]) + 1, 8);
        assert_non_null(out[i].data);
    }
    if (cuv_plan_run(plan, c->in, out) != CUV_OK)
        wrong = last_finding();
    for (int i = 0; !wrong && i < c->out_count; i++)
        wrong = compare(c, i, &out[i]);
    cuv_plan_free(plan);
    return wrong;
}

/* ---- the same in float64 ---- */

static void widen(cuv_arena *arena, cuv_run_tensor *t)
{
    if (t->dtype != CUV_F32)
        return;
    double *wide = cuv_arena_calloc(arena, count_of(t) + 1, sizeof *wide);
    assert_non_null(wide);
    for (size_t i = 0; i < count_of(t); i++)
        wide[i] = value_at(t, i);
    t->data = wide;
    t->dtype = CUV_F64;
}

static bool only_float32(const one_case *c)
{
    return strstr(c->program, "float32") && !strstr(c->program, "float16") && !strstr(c->program, "float64") &&
           !strstr(c->program, "dtype=");
}

static void in_float64(cuv_arena *arena, one_case *c)
{
    for (char *at = c->program; (at = strstr(at, "float32"));)
        memcpy(at, "float64", 7);
    for (int i = 0; i < c->in_count; i++)
        widen(arena, &c->in[i]);
    for (int i = 0; i < c->out_count; i++)
        widen(arena, &c->out[i]);
}

static void run_family(const char *family)
{
    cuv_arena *arena = cuv_arena_new(cx);
    char path[512];
    cuv_blob *blob = NULL;
    one_case c;
    bool readable;
    int cases = 0, wrong = 0, unread = 0;
    snprintf(path, sizeof path, "%s/kernels/%s.txt", CUV_TEST_FILES, family);
    assert_non_null(arena);
    assert_int_equal(cuv_blob_map(cx, path, &blob), CUV_OK);
    char *text = cuv_arena_calloc(arena, blob->size + 1, 1), *at = text;
    assert_non_null(text);
    memcpy(text, blob->data, blob->size);
    while (next_case(arena, &at, &c, &readable)) {
        cases++;
        unread += !readable;
        const char *why = readable ? run_case(arena, &c) : NULL;
        if (why)
            print_error("%s: %s: %s\n", family, c.name, why);
        wrong += why != NULL;
        if (!readable || why || !only_float32(&c))
            continue;
        in_float64(arena, &c);
        why = run_case(arena, &c);
        if (why)
            print_error("%s: %s in float64: %s\n", family, c.name, why);
        wrong += why != NULL;
    }
    cuv_blob_release(blob);
    cuv_arena_free(arena);
    print_message("%d cases, %d of them with dtypes that runs do not hold\n", cases, unread);
    assert_true(cases > 0 && unread * 4 <= cases);
    assert_int_equal(wrong, 0);
}

static void test_family(void **state) { run_family(*state); }

int main(void)
{
#define FAMILY(name) {#name, test_family, NULL, NULL, (char *)(uintptr_t)#name}
    const struct CMUnitTest tests[] = {
        FAMILY(activation), FAMILY(attention), FAMILY(binary), FAMILY(cast), FAMILY(conv), FAMILY(conv_lstm),
        FAMILY(conv_transpose), FAMILY(depthwise), FAMILY(image), FAMILY(linear), FAMILY(local_conv), FAMILY(move),
        FAMILY(norm), FAMILY(pool), FAMILY(recurrent), FAMILY(reduce), FAMILY(running), FAMILY(softmax), FAMILY(unary),
        FAMILY(bits), FAMILY(scatter), FAMILY(matrix),
    };
    return cmocka_run_group_tests(tests, setup, teardown);
}
