/* Predictions: checks inputs against the model, keeps the plan of the last input shapes, runs batch by batch. */
#include "run/runner.h"
#include "run/fast/reduced.h"
#include "run/plan.h"
#include "run/states.h"

struct cuv_runner {
    cuv_plan *plan;
    cuv_pool *pool;
    cuv_cache *cache;         /* NULL: none */
    int threads;              /* of the pool */
    cuv_run_tensor inputs[512];
    size_t input_count;
    bool reference, lasting;
    cuv_precision precision;
    unsigned runs;            /* with this plan */
    uint64_t tokens;          /* the counts of tokens that the plan is for */
    int64_t total, at_once;   /* rows of the last batch, and how many of them are run at once */
    cuv_states states;        /* of stateful layers */
};

void cuv_runner_steps(const struct cuv_model *m, size_t *steps, size_t *reduced)
{
    const cuv_plan *plan = m->runner ? m->runner->plan : NULL;
    *steps = plan ? cuv_plan_steps(plan) : 0;
    *reduced = plan ? cuv_plan_reduced(plan) : 0;
}

enum { RUNS_OF_LASTING = 3 };      /* a plan that runs once more than this is made anew to last */

#define MAX_INPUTS (sizeof((struct cuv_runner *)0)->inputs / sizeof(cuv_run_tensor))

static void drop_plan(struct cuv_runner *r)
{
    cuv_plan_free(r->plan);
    r->plan = NULL;
}

static void drop_cache(struct cuv_runner *r)
{
    drop_plan(r);
    cuv_cache_close(r->cache);
    r->cache = NULL;
}

void cuv_runner_reset(struct cuv_model *m)
{
    if (m->runner)
        drop_cache(m->runner);
}

void cuv_reset_states(struct cuv_model *m)
{
    if (m->runner)
        cuv_states_free(m->cx, &m->runner->states);
}

void cuv_runner_free(struct cuv_model *m)
{
    cuv_runner_reset(m);
    cuv_reset_states(m);
    if (m->runner)
        cuv_pool_free(m->runner->pool);
    if (m->runner)
        cuv_release(m->cx, m->runner, sizeof *m->runner);
    m->runner = NULL;
}

static cuv_status get_runner(struct cuv_model *m)
{
    if (m->runner)
        return CUV_OK;
    m->runner = cuv_alloc(m->cx, sizeof *m->runner);
    if (!m->runner)
        return cuv_oom(m->cx);
    memset(m->runner, 0, sizeof *m->runner);
    return CUV_OK;
}

/* Threads for this many; those of another number end, and with them the plan that uses them. */
static cuv_status get_pool(struct cuv_model *m, int threads)
{
    struct cuv_runner *r = m->runner;
    threads = threads > 0 ? threads : cuv_machine_threads();
    if (r->threads == threads)
        return CUV_OK;
    drop_cache(r);
    cuv_pool_free(r->pool);
    r->threads = 0;
    CUV_TRY(cuv_pool_new(m->cx, threads, &r->pool));
    r->threads = threads;
    return CUV_OK;
}

/* The cache at this place; NULL: none. A plan that took from another one goes with it. */
static cuv_status get_cache(struct cuv_model *m, const char *path, cuv_precision precision)
{
    struct cuv_runner *r = m->runner;
    char kernels[64];
    if (r->cache ? cuv_streq(cuv_cache_path(r->cache), path) && r->precision == precision : !path)
        return CUV_OK;
    drop_cache(r);
    r->precision = precision;
    snprintf(kernels, sizeof kernels, "%s%s%s", cuv_isa_best()->name, precision == CUV_PRECISION_F32 ? "" : " ",
             precision == CUV_PRECISION_F32 ? "" : cuv_dots_best(precision)->name);
    return path ? cuv_cache_open(m->cx, path, m->program, kernels, r->pool, &r->cache) : CUV_OK;
}

static cuv_status make_plan(struct cuv_model *m, const cuv_run_tensor *in, const cuv_plan_options *wanted)
{
    struct cuv_runner *r = m->runner;
    drop_plan(r);
    cuv_status status = cuv_plan_new(m->cx, m->program, in, wanted, &r->plan);
    if (status == CUV_OK)
        status = cuv_cache_save(wanted->cache);
    cuv_cache_drop(wanted->cache);
    if (status != CUV_OK)
        drop_plan(r);
    return status;
}

/* The plan for these input shapes: the last one when they are the same. */
static cuv_status get_plan(struct cuv_model *m, const cuv_run_tensor *in, const cuv_run_options *options, cuv_plan **out)
{
    CUV_TRY(get_runner(m));
    struct cuv_runner *r = m->runner;
    CUV_TRY(get_pool(m, options ? options->threads : 0));
    cuv_plan_options wanted = {.pool = r->pool, .reference = options && options->reference};
    if (options && !wanted.reference)
        wanted.precision = options->precision;
    CUV_TRY(get_cache(m, options && !wanted.reference ? options->cache : NULL, wanted.precision));
    wanted.cache = r->cache;
    bool same = r->plan && r->reference == wanted.reference && r->precision == wanted.precision;
    for (size_t i = 0; same && i < m->input_count; i++)      /* states have one shape */
        same = cuv_shape_equal(in[i].shape, in[i].rank, r->inputs[i].shape, r->inputs[i].rank);
    wanted.lasting = wanted.cache || (same && (r->lasting || r->runs >= RUNS_OF_LASTING));
    r->runs = same ? r->runs + 1 : 1;
    if (!same || wanted.lasting != r->lasting) {
        CUV_TRY(make_plan(m, in, &wanted));
        memcpy(r->inputs, in, m->input_count * sizeof *in);
        r->reference = wanted.reference;
        r->precision = wanted.precision;
        r->lasting = wanted.lasting;
    }
    *out = r->plan;
    return CUV_OK;
}

/* ---- inputs */

static cuv_status wrong_input(struct cuv_model *m, size_t i, const cuv_array *given)
{
    const cuv_var *v = cuv_program_var(m->program, m->inputs[i].value);
    const char *expected = cuv_shape_text(m->cx, v->shape, v->rank);
    const char *found = cuv_shape_text(m->cx, given->shape, given->rank);
    const char *note = NULL, *file = given->name ? given->name : "the array";
    for (int k = 1; k < v->rank && given->rank == v->rank && !note; k++)
        if (v->shape[k] >= 0 && given->shape[k] != v->shape[k])
            note = cuv_format(m->cx, "axis %d has %lld values in place of %lld; axis 0 is the batch", k, (long long)given->shape[k],
                              (long long)v->shape[k]);
    if (!note)
        note = cuv_format(m->cx, "it has %d axes in place of %d; axis 0 is the batch", given->rank, v->rank);
    return cuv_fail(m->cx, CUV_NO, "predict.shape", &(cuv_detail){.file = given->name, .layer = m->input_names[i], .expected = expected,
                    .found = found, .notes = cuv_format(m->cx, "in  %s  →  %s\n%s", file, m->input_names[i], note),
                    .help = "are these the inputs that the model was trained on?"},
                    "input '%s' takes arrays of shape %s; %s is %s", m->input_names[i], expected,
                    given->name ? given->name : "the given one", found);
}

static cuv_status check_input(struct cuv_model *m, size_t i, const cuv_array *given)
{
    const cuv_var *v = cuv_program_var(m->program, m->inputs[i].value);
    if (given->rank != v->rank)
        return wrong_input(m, i, given);
    for (int k = 0; k < v->rank; k++)
        if (given->shape[k] < 0 || (k > 0 && v->shape[k] >= 0 && given->shape[k] != v->shape[k]))
            return wrong_input(m, i, given);
    if ((given->dtype == CUV_STR) != (v->dtype == CUV_STR))
        return cuv_fail(m->cx, CUV_NO, "predict.dtype", &(cuv_detail){.layer = m->input_names[i],
                        .expected = cuv_dtype_name(v->dtype), .found = cuv_dtype_name(given->dtype)},
                        "input '%s' takes %s; %s is %s", m->input_names[i], cuv_dtype_name(v->dtype),
                        given->name ? given->name : "the given one", cuv_dtype_name(given->dtype));
    return CUV_OK;
}

bool cuv_has_no_batch(const struct cuv_model *m)
{
    int64_t first = -1;
    for (size_t i = 0; i < m->input_count; i++) {
        const cuv_var *v = cuv_program_var(m->program, m->inputs[i].value);
        if (v->rank < 1 || v->shape[0] < 0)
            continue;
        if (first >= 0 && v->shape[0] != first)
            return true;
        first = v->shape[0];
    }
    return false;
}

static cuv_status check_inputs(struct cuv_model *m, const cuv_array *inputs, size_t count)
{
    if (m->input_count > MAX_INPUTS)
        return cuv_fail(m->cx, CUV_UNSUPPORTED, "predict.many", &(cuv_detail){.expected = cuv_format(m->cx, "at most %zu", MAX_INPUTS),
                        .found = cuv_format(m->cx, "%zu", m->input_count)},
                        "the model '%s' has %zu inputs; at most %zu can be given", m->name, m->input_count, MAX_INPUTS);
    if (count != m->input_count)
        return cuv_fail(m->cx, CUV_NO, "predict.inputs", &(cuv_detail){
                        .expected = cuv_format(m->cx, "%zu", m->input_count), .found = cuv_format(m->cx, "%zu", count),
                        .help = "cuvier summary --json lists the inputs"},
                        "the model '%s' has %zu inputs; %zu are given", m->name, m->input_count, count);
    bool whole = cuv_has_no_batch(m);
    for (size_t i = 0; i < count; i++) {
        CUV_TRY(check_input(m, i, &inputs[i]));
        if (!whole && inputs[i].rank && inputs[0].rank && inputs[i].shape[0] != inputs[0].shape[0])
            return cuv_fail(m->cx, CUV_NO, "predict.batch", &(cuv_detail){.layer = m->input_names[i],
                            .expected = cuv_format(m->cx, "%lld", (long long)inputs[0].shape[0]),
                            .found = cuv_format(m->cx, "%lld", (long long)inputs[i].shape[0])},
                            "the inputs have different batch sizes: '%s' has %lld rows, '%s' has %lld", m->input_names[0],
                            (long long)inputs[0].shape[0], m->input_names[i], (long long)inputs[i].shape[0]);
    }
    return CUV_OK;
}

static size_t row_count(const int64_t *shape, int rank)
{
    size_t n = 1;
    (void)cuv_shape_count(shape + 1, rank - 1, &n);
    return n;
}

/* Rows [first, first + rows) of an input as the plan wants them: in place when dtype and alignment allow, else converted. */
static cuv_status slice_input(struct cuv_model *m, cuv_arena *arena, size_t i, const cuv_array *given, int64_t first,
                              int64_t rows, cuv_run_tensor *out)
{
    const cuv_var *v = cuv_program_var(m->program, m->inputs[i].value);
    *out = (cuv_run_tensor){.dtype = cuv_dtype_kept(v->dtype), .rank = given->rank};
    memcpy(out->shape, given->shape, sizeof out->shape);
    size_t per = given->rank ? row_count(given->shape, given->rank) : 1, n = per;
    if (given->rank) {
        out->shape[0] = rows;
        n = per * (size_t)rows;
    }
    const uint8_t *src = (const uint8_t *)given->data + (size_t)first * per * cuv_dtype_size(given->dtype);
    size_t size = cuv_dtype_size(out->dtype);
    if (given->dtype == out->dtype && v->dtype == out->dtype && (uintptr_t)src % size == 0) {
        out->data = (void *)(uintptr_t)src;
        return CUV_OK;
    }
    out->data = cuv_arena_calloc(arena, n + 1, size);
    if (!out->data)
        return cuv_oom(m->cx);
    if (given->dtype == CUV_STR)
        memcpy(out->data, src, n * size);
    else {
        cuv_convert(out->data, out->dtype, src, given->dtype, n);
        cuv_narrow(out->data, n, v->dtype);
    }
    return CUV_OK;
}

/* ---- sizes that depend on texts */

bool cuv_counts_tokens(const struct cuv_model *m)
{
    for (size_t i = 0; i < m->program->step_count; i++)
        if (m->program->steps[i].op == CUV_OP_TOKENS && m->program->steps[i].attrs->sequences)
            return true;
    return false;
}

/* The input that a value is, reshaped or not; -1: it is none. */
static int input_behind(const struct cuv_model *m, cuv_ref ref)
{
    const cuv_program *p = m->program;
    while (p->values[ref].kind == CUV_V_RESULT && p->steps[p->values[ref].step].op == CUV_OP_RESHAPE)
        ref = p->steps[p->values[ref].step].in[0];
    for (size_t i = 0; i < m->input_count; i++)
        if (m->inputs[i].value == ref)
            return (int)i;
    return -1;
}

/* Gives each step that counts tokens the count of the longest text, or none again. A plan with other counts is no longer one. */
static cuv_status count_tokens(struct cuv_model *m, const cuv_array *inputs)
{
    uint64_t all = 0;
    for (size_t i = 0; i < m->program->step_count; i++) {
        const cuv_step *s = &m->program->steps[i];
        size_t n;
        if (s->op != CUV_OP_TOKENS || !s->attrs->sequences)
            continue;
        s->attrs->count = 0;
        const int k = inputs ? input_behind(m, s->in[0]) : -1;
        if (k < 0)
            continue;
        if (!cuv_shape_count(inputs[k].shape, inputs[k].rank, &n))
            return cuv_oom(m->cx);
        s->attrs->count = cuv_most_tokens(s->attrs, inputs[k].data, n);
        if (!s->attrs->count)
            return cuv_fail(m->cx, CUV_NO, "predict.words", &(cuv_detail){.layer = s->layer, .found = m->input_names[k]},
                            "layer '%s' finds no words in the texts of '%s'", s->layer ? s->layer : "?", m->input_names[k]);
        all = all * 1000003 + (uint64_t)s->attrs->count;
    }
    if (m->runner && inputs && all && m->runner->tokens != all) {
        drop_plan(m->runner);
        m->runner->total = 0;
        m->runner->tokens = all;
    }
    return CUV_OK;
}

/* ---- batches */

/* True when every input and output has a free batch axis, so that rows can be run in parts. */
static bool divisible(const struct cuv_model *m)
{
    for (size_t i = 0; i < m->input_count; i++)
        if (cuv_program_var(m->program, m->inputs[i].value)->rank < 1)
            return false;
    for (size_t i = 0; i < m->output_count; i++) {
        const cuv_var *v = cuv_program_var(m->program, m->outputs[i].value);
        if (v->rank < 1)
            return false;
    }
    return true;
}

/* Batch that the model's inputs fix (stateful models); 0: free. */
static int64_t fixed_batch(const struct cuv_model *m)
{
    for (size_t i = 0; i < m->input_count; i++) {
        const cuv_var *v = cuv_program_var(m->program, m->inputs[i].value);
        if (v->rank >= 1 && v->shape[0] > 0)
            return v->shape[0];
    }
    return 0;
}

static cuv_status make_outputs(struct cuv_model *m, const cuv_plan *plan, int64_t total, struct cuv_result *result)
{
    result->arrays = CUV_NEW_ARRAY(result->arena, cuv_array, m->output_count + 1);
    if (!result->arrays)
        return cuv_oom(m->cx);
    for (size_t i = 0; i < m->output_count; i++) {
        const cuv_run_tensor *t = cuv_plan_output(plan, i);
        cuv_array *a = &result->arrays[i];
        *a = (cuv_array){.dtype = t->dtype, .rank = t->rank, .name = m->output_names[i]};
        memcpy(a->shape, t->shape, sizeof a->shape);
        if (total >= 0)
            a->shape[0] = total;
        size_t n;
        if (!cuv_shape_count(a->shape, a->rank, &n))
            return cuv_oom(m->cx);
        a->data = cuv_arena_calloc(result->arena, n + 1, cuv_dtype_size(a->dtype));
        if (!a->data)
            return cuv_oom(m->cx);
    }
    result->count = m->output_count;
    return CUV_OK;
}

/* Rows that are run at once: [first, first + rows) in `lanes` equal parts side by side. `total` is -1 when the whole input is one run. */
typedef struct portion {
    cuv_arena *scratch;
    int64_t first, rows, total;
    size_t lanes;
    cuv_run_tensor *in[CUV_MOST_LANES], *out[CUV_MOST_LANES];
} portion;

static cuv_status slice_inputs(struct cuv_model *m, const cuv_array *inputs, portion *p)
{
    const size_t states = m->program->state_count;
    for (size_t k = 0; k < p->lanes; k++) {
        p->in[k] = CUV_NEW_ARRAY(p->scratch, cuv_run_tensor, m->input_count + states + 1);
        p->out[k] = CUV_NEW_ARRAY(p->scratch, cuv_run_tensor, m->output_count + states + 1);
        if (!p->in[k] || !p->out[k])
            return cuv_oom(m->cx);
        const int64_t each = p->rows / (int64_t)p->lanes;
        for (size_t i = 0; i < m->input_count; i++)
            CUV_TRY(slice_input(m, p->scratch, i, &inputs[i], p->first + (int64_t)k * each, p->total < 0 ? inputs[i].shape[0] : each, &p->in[k][i]));
    }
    return CUV_OK;
}

/* Where the outputs of each lane go. */
static cuv_status place_outputs(struct cuv_model *m, const cuv_plan *plan, const struct cuv_result *result, const portion *p)
{
    const int64_t each = p->rows / (int64_t)p->lanes;
    for (size_t i = 0; i < m->output_count; i++) {
        const cuv_run_tensor *t = cuv_plan_output(plan, i);
        const size_t per = (t->rank ? row_count(t->shape, t->rank) : 1) * cuv_dtype_size(t->dtype);
        if (p->total >= 0 && t->shape[0] != each)
            return cuv_fail(m->cx, CUV_NO, "predict.rows", &(cuv_detail){.layer = m->output_names[i]},
                            "the output '%s' has %lld rows for a batch of %lld", m->output_names[i], (long long)t->shape[0], (long long)each);
        for (size_t k = 0; k < p->lanes; k++) {
            p->out[k][i] = *t;
            p->out[k][i].data = (uint8_t *)(uintptr_t)result->arrays[i].data + (size_t)(p->first + (int64_t)k * each) * per;
        }
    }
    return CUV_OK;
}

static cuv_status run_portion(struct cuv_model *m, const cuv_array *inputs, const cuv_run_options *options, portion *p, struct cuv_result *result)
{
    cuv_plan *plan;
    CUV_TRY(slice_inputs(m, inputs, p));
    CUV_TRY(get_runner(m));
    CUV_TRY(cuv_states_add(m->cx, &m->runner->states, m->program, p->in[0] + m->input_count, p->out[0] + m->output_count));
    CUV_TRY(get_plan(m, p->in[0], options, &plan));
    if (!result->count)
        CUV_TRY(make_outputs(m, plan, p->total, result));
    CUV_TRY(place_outputs(m, plan, result, p));
    if (p->lanes > 1)
        return cuv_plan_run_lanes(plan, m->runner->pool, (const cuv_run_tensor *const *)p->in, p->out, p->lanes);
    CUV_TRY(cuv_plan_run(plan, p->in[0], p->out[0]));
    cuv_states_hand_on(&m->runner->states);
    return CUV_OK;
}

static cuv_status run_rows(struct cuv_model *m, const cuv_array *inputs, const cuv_run_options *options, int64_t first,
                           int64_t rows, int64_t total, size_t lanes, struct cuv_result *result)
{
    portion p = {.scratch = cuv_arena_new(m->cx), .first = first, .rows = rows, .total = total, .lanes = lanes};
    if (!p.scratch)
        return cuv_oom(m->cx);
    cuv_status status = run_portion(m, inputs, options, &p, result);
    cuv_arena_free(p.scratch);
    return status;
}

/* How many portions of `step` rows, of which `left` are left, are run side by side: one for each thread, or one after the other, when all threads
 * share its work. */
static size_t lanes_for(const struct cuv_model *m, int64_t left, int64_t step)
{
    const cuv_plan *plan = m->runner ? m->runner->plan : NULL;
    const size_t threads = m->runner ? cuv_pool_threads(m->runner->pool) : 1, wanted = threads < CUV_MOST_LANES ? threads : CUV_MOST_LANES;
    if (!plan || m->program->state_count || wanted < 2 || left / step < (int64_t)wanted || cuv_plan_lanes(plan, wanted) < wanted)
        return 1;
    return wanted;
}

/* Rows to run at once where the caller leaves it open. */
static cuv_status choose_rows(struct cuv_model *m, int64_t total, const cuv_run_options *options, int64_t *step)
{
    CUV_TRY(get_runner(m));
    struct cuv_runner *r = m->runner;
    if (total < 2 || (options && options->reference) || !divisible(m))
        return CUV_OK;
    if (r->total != total) {
        CUV_TRY(cuv_best_rows(m->cx, m->program, total, &r->at_once));
        r->total = total;
    }
    *step = r->at_once;
    return CUV_OK;
}

static cuv_status run_batches(struct cuv_model *m, const cuv_array *inputs, size_t batch, const cuv_run_options *options,
                              struct cuv_result *result)
{
    int64_t total = inputs[0].rank ? inputs[0].shape[0] : 1, fixed = fixed_batch(m);
    if (cuv_has_no_batch(m))
        return run_rows(m, inputs, options, 0, total, -1, 1, result);
    int64_t step = fixed ? fixed : batch ? (int64_t)batch : total;
    if (fixed && total % fixed)
        return cuv_fail(m->cx, CUV_NO, "predict.batch", &(cuv_detail){.expected = cuv_format(m->cx, "a multiple of %lld",
                        (long long)fixed), .found = cuv_format(m->cx, "%lld", (long long)total)},
                        "the model '%s' takes batches of exactly %lld rows; %lld are given", m->name, (long long)fixed,
                        (long long)total);
    if (!fixed && !batch)
        CUV_TRY(choose_rows(m, total, options, &step));
    if (step >= total || !divisible(m))
        return run_rows(m, inputs, options, 0, total, -1, 1, result);
    for (int64_t first = 0, rows; first < total; first += rows) {
        const size_t lanes = lanes_for(m, total - first, step);
        rows = total - first < step ? total - first : step * (int64_t)lanes;
        CUV_TRY(run_rows(m, inputs, options, first, rows, total, lanes, result));
    }
    return CUV_OK;
}

/* Integers of fewer bits than they were computed in, in place. */
static void give_integers(cuv_array *a, cuv_dtype dtype)
{
    size_t n = 0;
    if (!cuv_dtype_is_integer(dtype) || a->dtype == dtype || !cuv_shape_count(a->shape, a->rank, &n))
        return;
    cuv_convert((void *)(uintptr_t)a->data, dtype, a->data, a->dtype, n);
    a->dtype = dtype;
}

cuv_status cuv_run_model(struct cuv_model *m, const cuv_array *inputs, size_t count, size_t batch,
                         const cuv_run_options *options, struct cuv_result **out)
{
    *out = NULL;
    CUV_TRY(check_inputs(m, inputs, count));
    cuv_arena *arena = cuv_arena_new(m->cx);
    struct cuv_result *result = arena ? CUV_NEW(arena, struct cuv_result) : NULL;
    cuv_status status = result ? CUV_OK : cuv_oom(m->cx);
    if (status == CUV_OK) {
        *result = (struct cuv_result){.cx = m->cx, .arena = arena};
        status = get_runner(m);
    }
    if (status == CUV_OK)
        status = count_tokens(m, inputs);
    if (status == CUV_OK) {
        status = m->input_count ? run_batches(m, inputs, batch, options, result)
                                : run_rows(m, inputs, options, 0, 1, -1, 1, result);
    }
    (void)count_tokens(m, NULL);
    if (status != CUV_OK) {
        cuv_arena_free(arena);
        return status;
    }
    for (size_t i = 0; i < result->count; i++)
        give_integers(&result->arrays[i], cuv_program_var(m->program, m->outputs[i].value)->dtype);
    *out = result;
    return CUV_OK;
}

/* ---- times of steps */

/* The profile is the first member, so that one pointer stands for both. */
typedef struct profile { cuv_profile shown; cuv_arena *arena; } profile;

static cuv_status profile_rows(struct cuv_model *m, const cuv_array *inputs, const cuv_run_options *options, double seconds, profile *p)
{
    const size_t states = m->program->state_count;
    cuv_run_tensor *in = CUV_NEW_ARRAY(p->arena, cuv_run_tensor, m->input_count + states + 1);
    cuv_run_tensor *out = CUV_NEW_ARRAY(p->arena, cuv_run_tensor, m->output_count + states + 1);
    cuv_plan *plan = NULL;
    if (!in || !out)
        return cuv_oom(m->cx);
    CUV_TRY(get_runner(m));
    CUV_TRY(cuv_states_add(m->cx, &m->runner->states, m->program, in + m->input_count, out + m->output_count));
    for (size_t i = 0; i < m->input_count; i++)
        CUV_TRY(slice_input(m, p->arena, i, &inputs[i], 0, inputs[i].rank ? inputs[i].shape[0] : 1, &in[i]));
    for (int i = 0; i <= RUNS_OF_LASTING; i++)
        CUV_TRY(get_plan(m, in, options, &plan));
    for (size_t i = 0; i < m->output_count; i++) {
        out[i] = *cuv_plan_output(plan, i);
        out[i].data = cuv_arena_calloc(p->arena, cuv_run_count(&out[i]) + 1, cuv_stored_size(out[i].dtype));
        if (!out[i].data)
            return cuv_oom(m->cx);
    }
    return cuv_plan_profile(plan, in, out, seconds, p->arena, &p->shown);
}

cuv_status cuv_profile_model(struct cuv_model *m, const cuv_array *inputs, size_t count, const cuv_run_options *options, double seconds,
                             cuv_profile **out)
{
    *out = NULL;
    CUV_TRY(check_inputs(m, inputs, count));
    cuv_arena *arena = cuv_arena_new(m->cx);
    profile *p = arena ? CUV_NEW(arena, profile) : NULL;
    if (!p) {
        cuv_arena_free(arena);
        return cuv_oom(m->cx);
    }
    p->arena = arena;
    cuv_status status = get_runner(m);
    if (status == CUV_OK)
        status = count_tokens(m, inputs);
    if (status == CUV_OK)
        status = profile_rows(m, inputs, options, seconds, p);
    (void)count_tokens(m, NULL);
    if (status == CUV_OK)
        *out = &p->shown;
    else
        cuv_arena_free(arena);
    return status;
}

void cuv_profile_drop(cuv_context *cx, cuv_profile *shown)
{
    (void)cx;
    if (shown)
        cuv_arena_free(((profile *)(void *)shown)->arena);
}
