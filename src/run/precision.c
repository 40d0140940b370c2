/* What a precision other than float32 costs: both computed on the same inputs, and how far they are apart. */
#include "run/runner.h"

typedef struct cost { cuv_precision_cost shown; cuv_arena *arena; } cost;       /* shown first: one pointer stands for both */

static bool is_number(double x) { return x - x == 0; }

/* Differences of one output; where only one of both is a number, it is infinite. */
static cuv_status compare(struct cuv_model *m, const cuv_array *have, const cuv_array *want, cuv_precision_error *e)
{
    enum { PIECE = 512 };
    double a[PIECE], b[PIECE], least = HUGE_VAL, most = -HUGE_VAL;
    size_t n;
    if (!cuv_shape_count(want->shape, want->rank, &n))
        return cuv_oom(m->cx);
    for (size_t first = 0; want->dtype != CUV_STR && first < n; first += PIECE) {
        const size_t count = n - first < PIECE ? n - first : PIECE;
        cuv_convert(a, CUV_F64, (const uint8_t *)have->data + first * cuv_dtype_size(have->dtype), have->dtype, count);
        cuv_convert(b, CUV_F64, (const uint8_t *)want->data + first * cuv_dtype_size(want->dtype), want->dtype, count);
        for (size_t i = 0; i < count; i++) {
            const bool both = is_number(a[i]) && is_number(b[i]);
            const double d = both ? fabs(a[i] - b[i]) : is_number(a[i]) == is_number(b[i]) ? 0 : HUGE_VAL;
            e->max_abs = d > e->max_abs ? d : e->max_abs;
            least = is_number(b[i]) && b[i] < least ? b[i] : least;
            most = is_number(b[i]) && b[i] > most ? b[i] : most;
        }
    }
    e->spread = most > least ? most - least : 0;
    e->max_rel = e->max_abs == 0 ? 0 : e->max_abs / e->spread;
    return CUV_OK;
}

static cuv_status measure(struct cuv_model *m, const cuv_array *inputs, size_t count, const cuv_run_options *options, cost *c)
{
    struct cuv_result *have = NULL, *want = NULL;
    const cuv_run_options plain = {.threads = options ? options->threads : 0};
    cuv_precision_error *errors = CUV_NEW_ARRAY(c->arena, cuv_precision_error, m->output_count + 1);
    cuv_reset_states(m);
    cuv_status status = errors ? cuv_run_model(m, inputs, count, 0, options, &have) : cuv_oom(m->cx);
    if (status == CUV_OK)
        cuv_runner_steps(m, &c->shown.steps, &c->shown.reduced);
    cuv_reset_states(m);
    if (status == CUV_OK)
        status = cuv_run_model(m, inputs, count, 0, &plain, &want);
    cuv_reset_states(m);
    for (size_t i = 0; status == CUV_OK && i < m->output_count; i++) {
        errors[i].output = m->output_names[i];
        status = compare(m, &have->arrays[i], &want->arrays[i], &errors[i]);
    }
    cuv_result_free(have);
    cuv_result_free(want);
    c->shown.rows = m->input_count && inputs[0].rank ? (size_t)inputs[0].shape[0] : 1;
    c->shown.count = m->output_count;
    c->shown.outputs = errors;
    return status;
}

cuv_status cuv_measure_precision(struct cuv_model *m, const cuv_array *inputs, size_t count, const cuv_run_options *options,
                                 cuv_precision_cost **out)
{
    *out = NULL;
    cuv_arena *arena = cuv_arena_new(m->cx);
    cost *c = arena ? CUV_NEW(arena, cost) : NULL;
    if (!c) {
        cuv_arena_free(arena);
        return cuv_oom(m->cx);
    }
    c->arena = arena;
    cuv_array *random = NULL;
    cuv_status status = inputs ? CUV_OK : cuv_random_inputs(m, m, arena, &random);
    if (status == CUV_OK)
        status = measure(m, inputs ? inputs : random, inputs ? count : m->input_count, options, c);
    if (status == CUV_OK)
        *out = &c->shown;
    else
        cuv_arena_free(arena);
    return status;
}

void cuv_precision_cost_drop(cuv_precision_cost *shown)
{
    if (shown)
        cuv_arena_free(((cost *)(void *)shown)->arena);
}
