/* The block of memory in which a plan runs. Twins of a plan have blocks of their own, so that several threads can run it at once, each on
 * rows of its own: no thread waits for another one between the steps. */
#include "run/plan.h"

static void patch(cuv_patch *list, size_t *count, void **where, uint32_t index)
{
    list[(*count)++] = (cuv_patch){where, index};
}

static void point(cuv_plan *plan, const cuv_plan_step *s, int k)
{
    cuv_ref ref = s->refs[k];
    void **where = &((cuv_run_tensor *)(uintptr_t)s->args.in)[k].data;
    if (ref <= -2) {
        patch(plan->from_outputs, &plan->output_patches, where, (uint32_t)(-2 - ref));
        return;
    }
    if (ref == CUV_NO_REF)
        return;
    const cuv_place *root = &plan->places[plan->places[ref].root];
    bool rounds = !s->step && k == 0 && plan->program->values[ref].kind == CUV_V_INPUT && s->refs[1] == ref;
    switch (rounds ? CUV_HOME_INPUT : root->home) {
    case CUV_HOME_NONE: break;
    case CUV_HOME_FIXED: *where = root->data; break;
    case CUV_HOME_INPUT: patch(plan->from_inputs, &plan->input_patches, where, root->index); break;
    case CUV_HOME_OUTPUT: patch(plan->from_outputs, &plan->output_patches, where, root->index); break;
    case CUV_HOME_BLOCK: *where = plan->base + root->offset; break;
    }
}

cuv_status cuv_plan_point(cuv_plan *plan)
{
    size_t count = 1;
    for (size_t i = 0; i < plan->step_count; i++)
        count += (size_t)(plan->steps[i].args.in_count + plan->steps[i].args.out_count);
    plan->from_inputs = CUV_NEW_ARRAY(plan->arena, cuv_patch, count);
    plan->from_outputs = CUV_NEW_ARRAY(plan->arena, cuv_patch, count);
    plan->input_patches = plan->output_patches = 0;
    if (!plan->from_inputs || !plan->from_outputs || !cuv_add_size(plan->peak, 128, &plan->block_size) ||
        !(plan->block = cuv_alloc(plan->cx, plan->block_size)))
        return cuv_oom(plan->cx);
    cuv_want_huge_pages(plan->block, plan->block_size);
    plan->base = plan->block + (64 - (uintptr_t)plan->block % 64);
    for (size_t i = 0; i < plan->step_count; i++) {
        cuv_plan_step *s = &plan->steps[i];
        for (int k = 0; k < s->args.in_count + s->args.out_count; k++)
            point(plan, s, k);
        s->args.scratch = s->scratch == SIZE_MAX ? plan->base : plan->base + s->scratch;
    }
    return CUV_OK;
}

/* ---- twins ---- */

/* Steps with tensors of their own; everything else is the plan's. */
static cuv_status copy_steps(const cuv_plan *plan, cuv_plan *twin)
{
    twin->steps = CUV_NEW_ARRAY(twin->arena, cuv_plan_step, plan->step_count + 1);
    if (!twin->steps)
        return cuv_oom(plan->cx);
    for (size_t i = 0; i < plan->step_count; i++) {
        const cuv_plan_step *s = &plan->steps[i];
        const size_t count = (size_t)(s->args.in_count + s->args.out_count);
        cuv_run_tensor *tensors = CUV_NEW_ARRAY(twin->arena, cuv_run_tensor, count + 1);
        if (!tensors)
            return cuv_oom(plan->cx);
        memcpy(tensors, s->args.in, count * sizeof *tensors);
        twin->steps[i] = *s;
        twin->steps[i].args.in = tensors;
        twin->steps[i].args.out = tensors + s->args.in_count;
    }
    return CUV_OK;
}

static cuv_status add_twin(cuv_plan *plan)
{
    cuv_arena *arena = cuv_arena_new(plan->cx);
    cuv_plan *twin = arena ? CUV_NEW(arena, cuv_plan) : NULL;
    if (!twin) {
        cuv_arena_free(arena);
        return cuv_oom(plan->cx);
    }
    *twin = *plan;
    twin->arena = arena;
    twin->block = NULL;
    twin->block_size = 0;
    plan->twin = twin;          /* now cuv_plan_free releases it with the plan */
    CUV_TRY(copy_steps(plan, twin));
    return cuv_plan_point(twin);
}

size_t cuv_plan_lanes(const cuv_plan *plan, size_t wanted)
{
    enum { MOST_BYTES = 256 << 20 };
    const size_t fit = MOST_BYTES / plan->block_size;
    return wanted < fit ? wanted : fit ? fit : 1;
}

/* ---- several at once ---- */

typedef struct lanes {
    cuv_plan **plans;
    atomic_bool stop;           /* some lane cannot go on */
    cuv_status status;          /* of the caller's own thread, which alone reports */
} lanes;

static void run_lane(void *arg, size_t part, size_t thread)
{
    lanes *l = arg;
    const cuv_plan *plan = l->plans[part];
    for (size_t i = 0; i < plan->step_count && !atomic_load_explicit(&l->stop, memory_order_relaxed); i++) {
        const bool late = thread == 0 && (l->status = cuv_check_time(plan->cx)) != CUV_OK;
        if (late || !cuv_plan_values_fit(&plan->steps[i]))
            atomic_store(&l->stop, true);
        else
            cuv_plan_step_compute(&plan->steps[i]);
    }
}

cuv_status cuv_plan_run_lanes(cuv_plan *plan, cuv_pool *pool, const cuv_run_tensor *const *inputs, cuv_run_tensor *const *outputs, size_t count)
{
    cuv_plan *plans[CUV_MOST_LANES];
    lanes l = {.plans = plans, .status = CUV_OK};
    for (size_t i = 0; i < count; i++) {
        plans[i] = i ? plans[i - 1]->twin : plan;
        if (!plans[i]) {
            CUV_TRY(add_twin(plans[i - 1]));
            plans[i] = plans[i - 1]->twin;
        }
        CUV_TRY(cuv_plan_set_pointers(plans[i], inputs[i], outputs[i]));
    }
    cuv_parallel_alone(pool, count, run_lane, &l);
    CUV_TRY(l.status);
    for (size_t i = 0; atomic_load(&l.stop) && i < count; i++)      /* one after the other: the first that fails reports */
        CUV_TRY(cuv_plan_run(plans[i], inputs[i], outputs[i]));
    return CUV_OK;
}
