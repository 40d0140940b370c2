/* Makes the self-test of an export; evidence/selftest.c reads it. */
#include "selftest.h"
#include "run/runner.h"

#define MOST_NUMBERS 2048       /* so that it fits into an attribute of HDF5 (64 kB) */
#define MOST_ROWS 4

/* Arrays with the first rows only; false when they hold texts or more than the numbers that are left. */
static bool shorten(cuv_array *arrays, size_t count, size_t *left)
{
    for (size_t i = 0; i < count; i++) {
        size_t n;
        if (arrays[i].dtype == CUV_STR || arrays[i].rank == 0)
            return false;
        if (arrays[i].shape[0] > MOST_ROWS)
            arrays[i].shape[0] = MOST_ROWS;
        if (!cuv_shape_count(arrays[i].shape, arrays[i].rank, &n) || n > *left)
            return false;
        *left -= n;
    }
    return true;
}

/* False when a value is not finite, which JSON has no number for. */
static bool write_arrays(const cuv_array *arrays, size_t count, cuv_buffer *b)
{
    bool finite = true;
    cuv_buffer_char(b, '[');
    for (size_t i = 0; i < count; i++) {
        size_t n = 0;
        cuv_buffer_text(b, i ? ", {\"shape\": [" : "{\"shape\": [");
        for (int k = 0; k < arrays[i].rank; k++)
            cuv_buffer_printf(b, "%s%lld", k ? ", " : "", (long long)arrays[i].shape[k]);
        cuv_buffer_text(b, "], \"values\": [");
        (void)cuv_shape_count(arrays[i].shape, arrays[i].rank, &n);
        for (size_t k = 0; k < n; k++) {
            double value;
            cuv_convert_to_f64(&value, (const uint8_t *)arrays[i].data + k * cuv_dtype_size(arrays[i].dtype), arrays[i].dtype, 1);
            finite &= value - value == 0;
            cuv_buffer_printf(b, "%s%.9g", k ? ", " : "", value);
        }
        cuv_buffer_text(b, "]}");
    }
    cuv_buffer_char(b, ']');
    return finite;
}

static cuv_status write_json(const struct cuv_model *m, cuv_arena *arena, const cuv_array *xs, const cuv_array *ys, bool given,
                             const char **out)
{
    cuv_buffer b;
    cuv_status status = CUV_OK;
    cuv_buffer_init(&b, m->cx);
    cuv_buffer_printf(&b, "{\"cuvier\": \"%s\", \"outputs\": \"%s\", \"rtol\": 0.0001, \"atol\": 1e-05, \"x\": ", cuv_version(),
                      given ? "given as samples" : "computed by cuvier");
    bool finite = write_arrays(xs, m->input_count, &b);
    cuv_buffer_text(&b, ", \"y\": ");
    finite = write_arrays(ys, m->output_count, &b) && finite;
    cuv_buffer_char(&b, '}');
    *out = finite && !b.failed ? cuv_arena_strdup(arena, b.data) : NULL;
    if (b.failed || (finite && !*out))
        status = cuv_oom(m->cx);
    cuv_buffer_free(&b);
    return status;
}

static cuv_status from_samples(struct cuv_model *m, cuv_arena *arena, const char **out)
{
    cuv_array *xs, *ys;
    size_t left = MOST_NUMBERS;
    CUV_TRY(cuv_match_samples(m, m->samples, false, arena, &xs));
    CUV_TRY(cuv_match_samples(m, m->samples, true, arena, &ys));
    if (!shorten(xs, m->input_count, &left) || !shorten(ys, m->output_count, &left))
        return CUV_OK;
    return write_json(m, arena, xs, ys, true, out);
}

static cuv_status computed(struct cuv_model *m, cuv_arena *arena, const char **out)
{
    static const cuv_run_options reference = {.threads = 1, .reference = true};
    struct cuv_result *result = NULL;
    cuv_array *xs;
    size_t left = MOST_NUMBERS;
    CUV_TRY(cuv_random_inputs(m, m, arena, &xs));
    if (!shorten(xs, m->input_count, &left))
        return CUV_OK;
    cuv_reset_states(m);
    cuv_status status = cuv_run_model(m, xs, m->input_count, 0, &reference, &result);
    cuv_reset_states(m);
    if (status == CUV_OK && shorten(result->arrays, m->output_count, &left))
        status = write_json(m, arena, xs, result->arrays, false, out);
    cuv_result_free(result);
    return status;
}

cuv_status cuv_selftest_make(struct cuv_model *m, cuv_arena *arena, const char **out)
{
    const size_t mark = cuv_findings_mark(m->cx);
    *out = NULL;
    cuv_status status = m->samples ? from_samples(m, arena, out) : computed(m, arena, out);
    if (status == CUV_OK || status == CUV_MEMORY || status == CUV_TIMEOUT)
        return status;
    cuv_findings_rewind(m->cx, mark);       /* an export without a self-test is better than none */
    return CUV_OK;
}
