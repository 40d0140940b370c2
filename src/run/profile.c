/* How long each step of a plan takes, and what it has to do: operations and bytes, so that a share of the machine's peak can be told. Least
 * times of repeated runs; the clock's own cost (some 20 ns a step) is in them. */
#include "run/plan.h"
#include "run/runner.h"

#include <time.h>

static double now_us(void)
{
    struct timespec t;
    clock_gettime(CLOCK_MONOTONIC, &t);
    return (double)t.tv_sec * 1e6 + (double)t.tv_nsec * 1e-3;
}

/* ---- what a step has to do ---- */

static double count_of(const cuv_run_tensor *t) { return (double)cuv_run_count(t); }

/* Multiplications and additions of the direct way; of steps that do neither, the elements they make. */
static double operations(const cuv_plan_step *s)
{
    const cuv_run_tensor *in = s->args.in, *out = s->args.out;
    if (!s->step)
        return 0;
    switch ((int)s->step->op) {
    case CUV_OP_CONV: return 2 * count_of(out) * count_of(&in[1]) / (double)in[1].shape[in[1].rank - 1];
    case CUV_OP_DEPTHWISE:
        return 2 * count_of(out) * count_of(&in[1]) / (double)in[1].shape[in[1].rank - 1] / (double)in[1].shape[in[1].rank - 2] +
               (s->fused && s->fused->expand ? 2 * count_of(in) * (double)in[CUV_EXPAND_KERNEL].shape[in[CUV_EXPAND_KERNEL].rank - 1] : 0);
    case CUV_OP_CONV_TRANSPOSE: return 2 * count_of(in) * count_of(&in[1]) / (double)in[1].shape[in[1].rank - 1];
    case CUV_OP_DENSE: return 2 * count_of(out) * (double)in[1].shape[0];
    case CUV_OP_MATMUL: return 2 * count_of(out) * (double)in[0].shape[in[0].rank - (s->args.attrs->transpose_a ? 2 : 1)];
    case CUV_OP_LSTM: case CUV_OP_GRU: return 2 * (double)(in[0].shape[0] * in[0].shape[1]) * (count_of(&in[1]) + count_of(&in[2]));
    case CUV_OP_CONV_LSTM: return 2 * count_of(in) * count_of(&in[1]) / (double)in[1].shape[in[1].rank - 1];
    case CUV_OP_ATTENTION: return 2 * count_of(&out[1]) * (double)(in[0].shape[3] + in[2].shape[3]);
    default: return count_of(out);
    }
}

/* What must be read and written once: inputs, weights, outputs. Of a table, the rows that are taken. */
static double bytes(const cuv_plan *plan, const cuv_plan_step *s, bool weights)
{
    double sum = 0;
    for (int k = 0; k < s->args.in_count + s->args.out_count; k++) {
        const cuv_run_tensor *t = &s->args.in[k];
        const bool there = s->refs[k] >= 0, fixed = there && plan->places[plan->places[s->refs[k]].root].home == CUV_HOME_FIXED;
        if (there ? !weights || fixed : s->refs[k] != CUV_NO_REF && !weights)
            sum += count_of(k == 0 && s->indexed ? &s->args.out[0] : t) * (double)cuv_stored_size(t->dtype);
    }
    return sum;
}

static char *name_of(cuv_arena *arena, const cuv_plan_step *s)
{
    char *name = cuv_arena_strdup(arena, s->step ? cuv_op_about(s->step->op)->name : "copy");
    for (const cuv_step *const *part = s->fused ? s->fused->steps : NULL; name && part && *part; part++)
        name = cuv_arena_printf(arena, "%s+%s", name, cuv_op_about((*part)->op)->name);
    if (name && s->step && s->step->attrs->act.op != CUV_OP_NONE)
        name = cuv_arena_printf(arena, "%s+%s", name, cuv_op_about(s->step->attrs->act.op)->name);
    return name;
}

static char *shapes_of(cuv_context *cx, cuv_arena *arena, const cuv_plan_step *s)
{
    char *text = cuv_arena_strdup(arena, "");
    for (int k = 0; text && k < s->args.in_count + s->args.out_count; k++) {
        const cuv_run_tensor *t = &s->args.in[k];
        if (s->refs[k] != CUV_NO_REF && (k < 2 || k == s->args.in_count))
            text = cuv_arena_printf(arena, "%s%s%s", text, k == s->args.in_count ? " -> " : k ? " " : "", cuv_shape_text(cx, t->shape, t->rank));
    }
    return text;
}

static cuv_status describe(const cuv_plan *plan, cuv_profile *p, cuv_arena *arena, cuv_step_time **times)
{
    cuv_step_time *t = *times = CUV_NEW_ARRAY(arena, cuv_step_time, plan->step_count + 1);
    if (!t)
        return cuv_oom(plan->cx);
    for (size_t i = 0; i < plan->step_count; i++) {
        const cuv_plan_step *s = &plan->steps[i];
        const cuv_prepared *fast = s->args.prepared;
        t[i] = (cuv_step_time){.op = name_of(arena, s), .layer = s->step ? s->step->layer : NULL, .kernel = fast ? fast->family : "reference",
                               .shapes = shapes_of(plan->cx, arena, s), .operations = operations(s), .bytes = bytes(plan, s, false),
                               .weights = bytes(plan, s, true), .min_us = HUGE_VAL};
        if (!t[i].op || !t[i].shapes)
            return cuv_oom(plan->cx);
    }
    p->steps = t;
    p->count = plan->step_count;
    return CUV_OK;
}

/* ---- the runs ---- */

static cuv_status run_once(cuv_plan *plan, cuv_step_time *times)
{
    double before = now_us();
    for (size_t i = 0; i < plan->step_count; i++) {
        CUV_TRY(cuv_plan_step_run(plan->cx, &plan->steps[i]));
        const double after = now_us(), took = after - before;
        times[i].mean_us += took;
        times[i].min_us = took < times[i].min_us ? took : times[i].min_us;
        before = after;
    }
    return CUV_OK;
}

cuv_status cuv_plan_profile(cuv_plan *plan, const cuv_run_tensor *inputs, cuv_run_tensor *outputs, double seconds, cuv_arena *arena,
                            cuv_profile *p)
{
    cuv_step_time *times;
    CUV_TRY(describe(plan, p, arena, &times));
    CUV_TRY(cuv_plan_run(plan, inputs, outputs));       /* sets the pointers, warms up */
    const double until = now_us() + seconds * 1e6;
    p->min_us = HUGE_VAL;
    do {
        const double start = now_us();
        CUV_TRY(cuv_check_time(plan->cx));
        CUV_TRY(run_once(plan, times));
        const double took = now_us() - start;
        p->min_us = took < p->min_us ? took : p->min_us;
        p->runs++;
    } while (now_us() < until);
    for (size_t i = 0; i < p->count; i++)
        times[i].mean_us /= (double)p->runs;
    return CUV_OK;
}
