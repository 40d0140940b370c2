/* Makes a plan: sizes for the given inputs, homes for all values, a kernel for every step. What needs no input is computed here,
 * once. Running is in plan_run.c. */
#include "run/plan.h"

/* Its values are rounded or wrapped after each step. */
static bool is_narrow(cuv_dtype dtype)
{
    return cuv_dtype_kept(dtype) != dtype;
}

static cuv_run_tensor tensor_of(const cuv_var *v)
{
    cuv_run_tensor t = {.dtype = cuv_dtype_kept(v->dtype), .rank = v->rank};
    memcpy(t.shape, v->shape, sizeof t.shape);
    return t;
}

static cuv_status bytes_of(const cuv_maker *m, const cuv_var *v, size_t *out)
{
    size_t count;
    if (!cuv_shape_count(v->shape, v->rank, &count) || !cuv_mul_size(count, cuv_stored_size(v->dtype), out))
        return cuv_oom(m->cx);
    return CUV_OK;
}

/* ---- sizes ---- */

static cuv_status take_input(cuv_maker *m, size_t i, const cuv_run_tensor *given)
{
    cuv_var *v = &m->plan->vars[m->p->inputs[i]];
    bool fits = given->rank == v->rank && cuv_dtype_kept(given->dtype) == cuv_dtype_kept(v->dtype);
    for (int k = 0; fits && k < v->rank; k++)
        fits = given->shape[k] >= 0 && (v->shape[k] < 0 || v->shape[k] == given->shape[k]);
    if (!fits) {
        cuv_detail detail = {.expected = cuv_shape_text(m->cx, v->shape, v->rank),
                             .found = cuv_shape_text(m->cx, given->shape, given->rank)};
        return cuv_fail(m->cx, CUV_NO, "run.input", &detail, "input '%s' is %s %s, not %s %s", v->name ? v->name : "",
                        cuv_dtype_name(v->dtype), detail.expected, cuv_dtype_name(given->dtype), detail.found);
    }
    memcpy(v->shape, given->shape, sizeof v->shape);
    m->plan->places[m->p->inputs[i]].home = CUV_HOME_INPUT;
    m->plan->places[m->p->inputs[i]].index = (uint32_t)i;
    return CUV_OK;
}

/* The values of a weight or constant as the kernels read them: in place where they can be. */
static cuv_status take_weight(cuv_maker *m, cuv_ref ref)
{
    cuv_var *v = &m->plan->vars[ref];
    cuv_place *place = &m->plan->places[ref];
    const cuv_tensor *t = v->tensor;
    size_t bytes = 0, element = cuv_stored_size(v->dtype);
    cuv_detail detail = {.tensor = v->name};
    if (!t || (!t->data && cuv_tensor_count(t)))
        return cuv_fail(m->cx, CUV_NO, "run.weight", &detail, "weight '%s' has no values", v->name ? v->name : "");
    bool fits = t->rank == v->rank;
    for (int k = 0; fits && k < v->rank; k++)
        fits = v->shape[k] < 0 || v->shape[k] == t->shape[k];
    if (!fits)
        return cuv_fail(m->cx, CUV_NO, "run.weight", &detail, "weight '%s' is %s where the program has %s",
                        v->name ? v->name : "", cuv_shape_text(m->cx, t->shape, t->rank),
                        cuv_shape_text(m->cx, v->shape, v->rank));
    memcpy(v->shape, t->shape, sizeof v->shape);
    place->home = CUV_HOME_FIXED;
    CUV_TRY(bytes_of(m, v, &bytes));
    if (t->dtype == cuv_dtype_kept(v->dtype) && !is_narrow(v->dtype) &&
        ((uintptr_t)t->data % (element > 8 ? 8 : element) == 0 || bytes == 0)) {
        place->data = bytes ? (void *)(uintptr_t)t->data : m->plan->places;      /* never NULL; kernels only read it */
        return CUV_OK;
    }
    if (t->dtype == CUV_F32 && v->dtype == CUV_F32 && t->rank > 1 && m->fast.isa) {
        place->data = (void *)(uintptr_t)t->data;
        place->loose = true;
        return CUV_OK;
    }
    if (v->dtype == CUV_STR || t->dtype == CUV_STR)
        return cuv_fail(m->cx, CUV_NO, "run.weight", &detail, "weight '%s' is %s where the program has %s",
                        v->name ? v->name : "", cuv_dtype_name(t->dtype), cuv_dtype_name(v->dtype));
    if (!(place->data = cuv_arena_alloc(m->plan->arena, bytes)))
        return cuv_oom(m->cx);
    cuv_convert(place->data, cuv_dtype_kept(v->dtype), t->data, t->dtype, cuv_tensor_count(t));
    if (is_narrow(v->dtype))
        cuv_narrow(place->data, cuv_tensor_count(t), v->dtype);
    return CUV_OK;
}

/* The values that some output needs; a program may hold more. */
static cuv_status mark_needed(cuv_maker *m, bool *needed_step)
{
    cuv_place *places = m->plan->places;
    for (size_t i = 0; i < m->p->output_count; i++)
        places[m->p->outputs[i]].last = INT32_MAX;
    for (size_t i = m->p->step_count; i-- > 0;) {
        const cuv_step *s = &m->p->steps[i];
        for (int k = 0; k < s->out_count; k++)
            needed_step[i] |= places[s->out[k]].last >= 0;
        for (int k = 0; needed_step[i] && k < s->in_count; k++)
            if (s->in[k] != CUV_NO_REF && places[s->in[k]].last < (int32_t)i)
                places[s->in[k]].last = (int32_t)i;
    }
    for (size_t i = 0; i < m->p->value_count; i++) {
        cuv_value_kind kind = m->p->values[i].kind;
        if ((kind == CUV_V_WEIGHT || kind == CUV_V_CONSTANT) && places[i].last >= 0)
            CUV_TRY(take_weight(m, (cuv_ref)i));
    }
    return CUV_OK;
}

/* Sorted indices and positions are int32. */
static cuv_status check_positions(cuv_maker *m, const cuv_step *s)
{
    const cuv_var *x = s->in_count ? m->in[0] : NULL;
    bool counts = s->op == CUV_OP_SORT || s->op == CUV_OP_ARGSORT || s->op == CUV_OP_TOP_K || s->op == CUV_OP_ARGMAX ||
                  s->op == CUV_OP_ARGMIN;
    for (int i = 0; counts && i < x->rank; i++)
        if (x->shape[i] > INT32_MAX)
            return cuv_fail(m->cx, CUV_UNSUPPORTED, "run.size", &(cuv_detail){.layer = s->layer},
                            "%s of more than 2147483647 elements", cuv_op_about(s->op)->name);
    return CUV_OK;
}

/* Shapes of one step's outputs; whether it can be computed now; whether it is but another view of its input. */
static cuv_status size_step(cuv_maker *m, size_t i)
{
    const cuv_step *s = &m->p->steps[i];
    cuv_place *places = m->plan->places;
    cuv_var outs[4] = {{.kind = CUV_V_RESULT}};
    bool fixed = true;
    for (int k = 0; k < s->in_count; k++) {
        m->in[k] = s->in[k] == CUV_NO_REF ? NULL : &m->plan->vars[s->in[k]];
        fixed &= !m->in[k] || places[s->in[k]].home == CUV_HOME_FIXED;
    }
    CUV_TRY(check_positions(m, s));
    CUV_TRY(cuv_step_shapes(m->cx, s->op, s->attrs, m->in, s->in_count, s->layer, outs));
    for (int k = 0; k < s->out_count; k++) {
        cuv_var *v = &m->plan->vars[s->out[k]];
        if (v->dtype != outs[k].dtype)
            return cuv_fail(m->cx, CUV_NO, "program.check", &(cuv_detail){.layer = s->layer}, "%s makes %s, not %s",
                            cuv_op_about(s->op)->name, cuv_dtype_name(outs[k].dtype), cuv_dtype_name(v->dtype));
        v->rank = outs[k].rank;
        memcpy(v->shape, outs[k].shape, sizeof v->shape);
        for (int d = 0; d < v->rank; d++)
            if (v->shape[d] < 0)
                return cuv_fail(m->cx, CUV_NO, "program.check", &(cuv_detail){.layer = s->layer},
                                "the shape of %s stays unknown", cuv_op_about(s->op)->name);
        places[s->out[k]].home = fixed ? CUV_HOME_FIXED : CUV_HOME_BLOCK;
    }
    m->fixed_step[i] = fixed;
    if (s->op == CUV_OP_RESHAPE && places[s->out[0]].last != INT32_MAX) {
        cuv_place *y = &places[s->out[0]], *root = &places[places[s->in[0]].root];
        y->root = places[s->in[0]].root;
        y->home = root->home;
        if (root->last < y->last)
            root->last = y->last;
    }
    return CUV_OK;
}

/* ---- homes ---- */

/* Results that are outputs live in the caller's memory; other outputs are copied there at the end. */
static void place_outputs(cuv_maker *m)
{
    cuv_place *places = m->plan->places;
    for (size_t i = 0; i < m->p->output_count; i++) {
        cuv_place *place = &places[m->p->outputs[i]];
        if (place->home == CUV_HOME_BLOCK && place->root == m->p->outputs[i]) {
            place->home = CUV_HOME_OUTPUT;
            place->index = (uint32_t)i;
        }
    }
}

static cuv_status add_step(cuv_maker *m, const cuv_step *step, const cuv_ref *in, int ins, const cuv_ref *out, int outs,
                           cuv_plan_step **added)
{
    cuv_plan *plan = m->plan;
    size_t count = (size_t)(ins + outs);
    cuv_run_tensor *tensors = CUV_NEW_ARRAY(plan->arena, cuv_run_tensor, count ? count : 1);
    cuv_plan_step *s = &plan->steps[plan->step_count];
    static const cuv_attrs none = {0};
    *s = (cuv_plan_step){.step = step, .refs = CUV_NEW_ARRAY(plan->arena, cuv_ref, count ? count : 1), .scratch = SIZE_MAX};
    if (!tensors || !s->refs)
        return cuv_oom(m->cx);
    s->args = (cuv_kernel_args){tensors, tensors + ins, ins, outs, step ? step->attrs : &none, NULL, NULL};
    for (int k = 0; k < ins + outs; k++) {
        cuv_ref ref = k < ins ? in[k] : out[k - ins];
        s->refs[k] = ref;
        if (ref == CUV_NO_REF)
            continue;
        tensors[k] = tensor_of(&plan->vars[ref]);
        if (k < ins && plan->places[plan->places[ref].root].home == CUV_HOME_FIXED)
            tensors[k].data = plan->places[plan->places[ref].root].data;
        if (k >= ins && is_narrow(plan->vars[ref].dtype)) {
            s->narrow = plan->vars[ref].dtype;
            s->narrowed = (uint8_t)(s->narrowed | 1u << (k - ins));
        }
    }
    plan->step_count++;
    *added = s;
    return CUV_OK;
}

/* What was read of mapped files so far need not stay in memory: pages round about the headers, weights that were packed. What is read again
 * comes back from the system's cache. */
static void forget_files(const cuv_program *p)
{
    const cuv_blob *last = NULL;
    for (size_t i = 0; i < p->value_count; i++) {
        const cuv_blob *blob = p->values[i].tensor ? p->values[i].tensor->blob : NULL;
        if (blob && blob != last && blob->mapped > 1 << 20)
            cuv_blob_forget(blob, blob->data, blob->size);
        last = blob ? blob : last;
    }
}

/* Else most weights are read by the first run, from pages that are there already. */
static bool copies_all(const cuv_chooser *c) { return c->lasting || c->cache; }

/* Weights that a fast kernel has copied need not stay in memory beside the copy. All threads are interrupted when pages leave memory, so small
 * weights of a plan for one run wait until they are many. */
static void forget_copied(cuv_maker *m, const cuv_plan_step *s)
{
    enum { LARGE = 256 << 10, MANY = 2 << 20 };
    const cuv_prepared *prepared = s->args.prepared;
    for (int k = 0; prepared && k < s->args.in_count; k++) {
        const cuv_ref ref = s->refs[k];
        const cuv_tensor *t = prepared->copied >> k & 1 && ref >= 0 ? m->p->values[ref].tensor : NULL;
        if (!t || t->data != m->plan->places[ref].data)
            continue;
        const size_t bytes = cuv_tensor_bytes(t);
        m->copied += bytes;
        if (m->copied >= MANY && !copies_all(&m->fast)) {
            forget_files(m->p);
            m->copied = 0;
        } else if (bytes >= LARGE || copies_all(&m->fast))
            cuv_blob_forget(t->blob, t->data, bytes);
    }
}

/* Operands of which kernels read bytes, or make packed copies. */
static bool reads_loose(cuv_op op, int k)
{
    return op == CUV_OP_GATHER ? k == 0 : op == CUV_OP_DENSE || op == CUV_OP_CONV || op == CUV_OP_CONV_TRANSPOSE ? k == 1 : op == CUV_OP_DEPTHWISE ? k == CUV_EXPAND_KERNEL
         : (op == CUV_OP_LSTM || op == CUV_OP_GRU || op == CUV_OP_RNN) && (k == 1 || k == 2);
}

/* A reshaped weight views what it was before the weight was copied: it takes the copy. */
static void follow_copy(const cuv_maker *m, cuv_plan_step *s, int k, const cuv_place *root)
{
    cuv_place *own = &m->plan->places[s->refs[k]];
    if (own == root || root->loose || own->data == root->data || (uintptr_t)own->data % sizeof(float) == 0)
        return;
    ((cuv_run_tensor *)(uintptr_t)s->args.in)[k].data = own->data = root->data;
}

/* Aligned copies of the step's inputs that need them; `all`: of all that have been found not to be copied by its kernel. */
static cuv_status align_inputs(const cuv_maker *m, cuv_plan_step *s, bool all, bool *changed)
{
    const cuv_prepared *prepared = s->args.prepared;
    for (int k = 0; k < s->args.in_count; k++) {
        cuv_place *root = s->refs[k] >= 0 ? &m->plan->places[m->plan->places[s->refs[k]].root] : NULL;
        const bool copied = (prepared && prepared->copied >> k & 1) || s->step->op == CUV_OP_GATHER;
        if (root)
            follow_copy(m, s, k, root);
        if (!root || !root->loose || (reads_loose(s->step->op, k) && (!all || copied)))
            continue;
        const size_t bytes = cuv_run_count(&s->args.in[k]) * sizeof(float);
        void *copy = cuv_arena_alloc(m->plan->arena, bytes ? bytes : 1);
        if (!copy)
            return cuv_oom(m->cx);
        memcpy(copy, root->data, bytes);
        ((cuv_run_tensor *)(uintptr_t)s->args.in)[k].data = root->data = copy;
        root->loose = false;
        follow_copy(m, s, k, root);
        *changed = true;
    }
    return CUV_OK;
}

/* The fast kernel of a step, if there is one. A kernel that turns out to read a weight itself is chosen again, with an aligned copy. */
static cuv_status choose_fast(cuv_maker *m, cuv_plan_step *s, const cuv_fused *fused, cuv_kernel_scratch *scratch)
{
    const cuv_kernel reference = s->kernel;
    const cuv_kernel_scratch its = *scratch;
    bool again = false;
    CUV_TRY(align_inputs(m, s, false, &again));
    for (int i = 0; i < 2; i++) {
        s->kernel = reference;
        *scratch = its;
        s->args.prepared = NULL;
        if (m->fast.cache)
            cuv_cache_step(m->fast.cache, (size_t)(s->step - m->p->steps),
                           fused && (fused->scale || (fused->expand && fused->expand->scale)));
        if (m->fast.isa)
            CUV_TRY(cuv_fast_kernel(&m->fast, s->step->op, &s->args, fused, &s->kernel, scratch));
        again = false;
        CUV_TRY(align_inputs(m, s, true, &again));
        if (!again)
            break;
    }
    forget_copied(m, s);
    return CUV_OK;
}

static cuv_status choose_kernel(cuv_maker *m, cuv_plan_step *s, cuv_kernel_scratch *scratch)
{
    const cuv_run_tensor *in = s->args.in;
    const cuv_step *step = s->step;
    s->kernel = cuv_reference_kernel(step->op, in, s->args.in_count, scratch);
    s->indexed = step->op == CUV_OP_GATHER || step->op == CUV_OP_GATHER_ALONG;
    double least, most;
    s->ranged = step->op == CUV_OP_CAST && cuv_dtype_is_float(in[0].dtype) && cuv_cast_range(step->attrs->dtype, &least, &most);
    if (s->kernel)
        return choose_fast(m, s, NULL, scratch);
    return cuv_fail(m->cx, CUV_UNSUPPORTED, "run.kernel", &(cuv_detail){.layer = step->layer}, "%s cannot compute with %s",
                    cuv_op_about(step->op)->name, s->args.in_count ? cuv_dtype_name(in[0].dtype) : "nothing");
}

/* Takes back the room that a step's scratch has, and that of what it reads or makes when nobody reads it after step `i`. */
static void give_back(cuv_maker *m, const cuv_plan_step *s, int32_t i)
{
    cuv_place *places = m->plan->places;
    if (s->scratch != SIZE_MAX)
        cuv_layout_give(&m->layout, s->scratch);
    for (int k = 0; k < s->args.in_count + s->args.out_count; k++) {
        cuv_ref ref = s->refs[k];
        cuv_place *root = ref == CUV_NO_REF ? NULL : &places[places[ref].root];
        if (root && root->home == CUV_HOME_BLOCK && root->last <= i && root->offset != SIZE_MAX) {
            cuv_layout_give(&m->layout, root->offset);
            root->last = -2;      /* given back once */
        }
    }
}

/* Both directions of a layer, and others that keep one thread busy and do not wait for each other. */
static bool goes_beside(const cuv_maker *m, const cuv_plan_step *s)
{
    const cuv_place *places = m->plan->places;
    for (int k = 0; m->held && k < s->args.in_count; k++)
        for (int o = m->held->args.in_count; o < m->held->args.in_count + m->held->args.out_count; o++)
            if (s->refs[k] != CUV_NO_REF && places[s->refs[k]].root == places[m->held->refs[o]].root)
                return false;
    return m->held && cuv_recurrent_alone(&s->args);
}

static void let_go(cuv_maker *m)
{
    if (m->held)
        give_back(m, m->held, m->held_at);
    m->held = NULL;
}

/* Gives room in the block to what a step makes and needs, and takes back what it read last. */
static cuv_status lay_out(cuv_maker *m, size_t i, cuv_plan_step *s, cuv_kernel_scratch scratch)
{
    const int ins = s->args.in_count, all = ins + s->args.out_count;
    cuv_place *places = m->plan->places;
    size_t bytes = 0;
    s->beside = goes_beside(m, s);
    if (!s->beside)
        let_go(m);
    for (int k = ins; k < all; k++) {
        cuv_place *place = &places[s->refs[k]];
        CUV_TRY(bytes_of(m, &m->plan->vars[s->refs[k]], &bytes));
        if (place->home == CUV_HOME_BLOCK)
            CUV_TRY(cuv_layout_take(&m->layout, bytes, &place->offset));
    }
    bytes = scratch ? scratch(&s->args) : 0;
    if (bytes)
        CUV_TRY(cuv_layout_take(&m->layout, bytes, &s->scratch));
    let_go(m);
    if (!s->beside && cuv_recurrent_alone(&s->args)) {
        m->held = s;
        m->held_at = (int32_t)i;
    } else
        give_back(m, s, (int32_t)i);
    return CUV_OK;
}

/* Computes a step that needs no input; its results stay as long as the plan. */
static cuv_status run_now(cuv_maker *m, const cuv_step *step, cuv_plan_step *s, cuv_kernel_scratch scratch)
{
    cuv_place *places = m->plan->places;
    size_t bytes = 0, need = scratch ? scratch(&s->args) : 0;
    void *memory = NULL;
    for (int k = 0; k < step->in_count; k++)
        if (step->in[k] != CUV_NO_REF)
            ((cuv_run_tensor *)(uintptr_t)s->args.in)[k].data = places[step->in[k]].data;
    for (int k = 0; k < step->out_count; k++) {
        CUV_TRY(bytes_of(m, &m->plan->vars[step->out[k]], &bytes));
        s->args.out[k].data = places[step->out[k]].data = cuv_arena_alloc(m->plan->arena, bytes);
        if (!s->args.out[k].data)
            return cuv_oom(m->cx);
    }
    if (need && !(memory = cuv_alloc(m->cx, need)))
        return cuv_oom(m->cx);
    s->args.scratch = memory;
    cuv_status status = cuv_plan_step_run(m->cx, s);
    cuv_release(m->cx, memory, need);
    m->plan->step_count--;      /* done */
    return status;
}

/* A step and those that were fused with it, at the place of the last of them. */
static cuv_status make_fused(cuv_maker *m, size_t i, const cuv_fused *fused)
{
    const cuv_step *step = &m->p->steps[fused->head];
    cuv_plan_step *s;
    cuv_kernel_scratch scratch = NULL;
    cuv_ref in[CUV_EXPAND_INPUTS] = {fused->x, step->in[1], step->in_count > 2 ? step->in[2] : CUV_NO_REF, fused->add};
    cuv_ref out[2] = {m->p->steps[i].out[0], step->out_count > 1 ? step->out[1] : CUV_NO_REF};
    int ins = fused->expand ? CUV_EXPAND_INPUTS : fused->add == CUV_NO_REF ? 3 : 4;
    if (fused->expand) {
        const cuv_step *expand = &m->p->steps[fused->expand->head];
        in[CUV_EXPAND_KERNEL] = expand->in[1];
        in[CUV_EXPAND_BIAS] = expand->in_count > 2 ? expand->in[2] : CUV_NO_REF;
    }
    for (int k = 0; step->op == CUV_OP_ATTENTION && k < (ins = step->in_count); k++)
        in[k] = k < 3 && fused->turned >> k & 1 ? m->p->steps[m->p->values[step->in[k]].step].in[0] : step->in[k];
    CUV_TRY(add_step(m, step, in, ins, out, step->op == CUV_OP_ATTENTION ? 2 : 1, &s));
    s->fused = fused;
    CUV_TRY(choose_fast(m, s, fused, &scratch));
    if (!s->kernel)
        return cuv_fail(m->cx, CUV_NO, "program.check", &(cuv_detail){.layer = step->layer}, "%s was fused and has no kernel",
                        cuv_op_about(step->op)->name);
    return lay_out(m, i, s, scratch);
}

static cuv_status make_step(cuv_maker *m, size_t i)
{
    const cuv_step *step = &m->p->steps[i];
    if (m->fused && m->fused[i].absorbed)
        return CUV_OK;
    if (m->fused && m->fused[i].parts)
        return make_fused(m, i, &m->fused[i]);
    cuv_plan_step *s;
    cuv_kernel_scratch scratch = NULL;
    if (step->op == CUV_OP_RESHAPE && m->plan->places[step->out[0]].root != step->out[0]) {
        m->plan->places[step->out[0]].data = m->plan->places[step->in[0]].data;
        return CUV_OK;      /* nothing to do; what it views stays in place until its own last use */
    }
    CUV_TRY(add_step(m, step, step->in, step->in_count, step->out, step->out_count, &s));
    const cuv_dots *dots = m->fast.dots;
    m->fast.dots = m->fixed_step[i] ? NULL : dots;      /* what is computed once is not rounded */
    const cuv_status status = choose_kernel(m, s, &scratch);
    m->fast.dots = dots;
    CUV_TRY(status);
    if (m->fixed_step[i])
        return run_now(m, step, s, scratch);
    return lay_out(m, i, s, scratch);
}

/* What the caller gives of fewer bits is rounded or wrapped in a copy. */
static cuv_status round_inputs(cuv_maker *m)
{
    cuv_plan *plan = m->plan;
    for (size_t i = 0; i < m->p->input_count; i++) {
        cuv_ref ref = m->p->inputs[i];
        cuv_plan_step *s;
        size_t bytes = 0;
        if (!is_narrow(plan->vars[ref].dtype) || plan->places[ref].last < 0)
            continue;
        CUV_TRY(bytes_of(m, &plan->vars[ref], &bytes));
        CUV_TRY(add_step(m, NULL, &ref, 1, &ref, 1, &s));
        s->kernel = cuv_k_copy;
        plan->places[ref].home = CUV_HOME_BLOCK;
        CUV_TRY(cuv_layout_take(&m->layout, bytes, &plan->places[ref].offset));
    }
    return CUV_OK;
}

static cuv_status copy_outputs(cuv_maker *m)
{
    for (size_t i = 0; i < m->p->output_count; i++) {
        cuv_ref ref = m->p->outputs[i];
        const cuv_place *place = &m->plan->places[ref];
        cuv_plan_step *s;
        if (place->home == CUV_HOME_OUTPUT && place->index == i)
            continue;
        CUV_TRY(add_step(m, NULL, &ref, 1, &ref, 1, &s));
        s->kernel = cuv_k_copy;
        s->narrowed = 0;
        s->refs[1] = -2 - (cuv_ref)i;      /* output i */
    }
    return CUV_OK;
}

/* ---- all of it ---- */

static cuv_status make_room(cuv_maker *m)
{
    const cuv_program *p = m->p;
    cuv_plan *plan = m->plan;
    size_t widest = 1;
    for (size_t i = 0; i < p->step_count; i++)
        if (p->steps[i].in_count > widest)
            widest = p->steps[i].in_count;
    plan->vars = CUV_NEW_ARRAY(plan->arena, cuv_var, p->value_count + 1);
    plan->places = CUV_NEW_ARRAY(plan->arena, cuv_place, p->value_count + 1);
    plan->steps = CUV_NEW_ARRAY(plan->arena, cuv_plan_step, p->step_count + p->input_count + p->output_count + 1);
    plan->inputs = CUV_NEW_ARRAY(plan->arena, cuv_run_tensor, p->input_count + 1);
    plan->outputs = CUV_NEW_ARRAY(plan->arena, cuv_run_tensor, p->output_count + 1);
    m->in = CUV_NEW_ARRAY(plan->arena, const cuv_var *, widest);
    m->fixed_step = CUV_NEW_ARRAY(plan->arena, bool, 2 * p->step_count + 2);
    m->layout.arena = plan->arena;
    if (!plan->vars || !plan->places || !plan->steps || !plan->inputs || !plan->outputs || !m->in || !m->fixed_step)
        return cuv_oom(m->cx);
    if (p->value_count)
        memcpy(plan->vars, p->values, p->value_count * sizeof *plan->vars);
    for (size_t i = 0; i < p->value_count; i++) {
        plan->places[i].root = (cuv_ref)i;
        plan->places[i].last = -1;
    }
    return CUV_OK;
}

static cuv_status make(cuv_maker *m, const cuv_run_tensor *inputs)
{
    const cuv_program *p = m->p;
    cuv_plan *plan = m->plan;
    CUV_TRY(make_room(m));
    bool *needed = m->fixed_step + p->step_count + 1;
    for (size_t i = 0; i < p->input_count; i++) {
        CUV_TRY(take_input(m, i, &inputs[i]));
        plan->inputs[i] = tensor_of(&plan->vars[p->inputs[i]]);
    }
    CUV_TRY(mark_needed(m, needed));
    for (size_t i = 0; i < p->step_count; i++)
        if (needed[i])
            CUV_TRY(size_step(m, i));
    CUV_TRY(cuv_plan_fuse(m, needed));
    place_outputs(m);
    CUV_TRY(round_inputs(m));
    for (size_t i = 0; i < p->step_count; i++) {
        CUV_TRY(cuv_check_time(m->cx));
        if (needed[i])
            CUV_TRY(make_step(m, i));
    }
    CUV_TRY(copy_outputs(m));
    for (size_t i = 0; i < p->output_count; i++)
        plan->outputs[i] = tensor_of(&plan->vars[p->outputs[i]]);
    plan->peak = m->layout.peak;
    return cuv_plan_point(plan);
}

static size_t weight_bytes(const cuv_program *p)
{
    size_t sum = 0;
    for (size_t i = 0; i < p->value_count; i++)
        if (p->values[i].tensor && !cuv_add_size(sum, cuv_tensor_bytes(p->values[i].tensor), &sum))
            return 0;
    return sum;
}

static cuv_chooser chooser_of(cuv_context *cx, cuv_arena *arena, const cuv_plan_options *options, const cuv_program *program)
{
    cuv_chooser c = {.cx = cx, .arena = arena, .isa = options->isa ? options->isa : cuv_isa_best(),
                     .pool = options->pool, .lasting = options->lasting, .cache = options->cache, .program = program,
                     .slab = cuv_slab_new(arena, weight_bytes(program)), .dots = options->dots, .everywhere = options->dots != NULL};
    if (!c.dots && options->precision != CUV_PRECISION_F32)
        c.dots = cuv_dots_best(options->precision);
    return c;
}

cuv_status cuv_plan_new(cuv_context *cx, const cuv_program *program, const cuv_run_tensor *inputs,
                        const cuv_plan_options *options, cuv_plan **out)
{
    *out = NULL;
    CUV_TRY(program->status);
    cuv_arena *arena = cuv_arena_new(cx);
    cuv_plan *plan = arena ? CUV_NEW(arena, cuv_plan) : NULL;
    if (!plan) {
        cuv_arena_free(arena);
        return cuv_oom(cx);
    }
    *plan = (cuv_plan){.cx = cx, .arena = arena, .program = program, .pool = options ? options->pool : NULL};
    cuv_maker m = {.plan = plan, .p = program, .cx = cx};
    if (!options || !options->reference)
        m.fast = chooser_of(cx, arena, options ? options : &(cuv_plan_options){0}, program);
    plan->precision = m.fast.dots ? m.fast.dots->precision : CUV_PRECISION_F32;
    if (copies_all(&m.fast))
        forget_files(program);
    cuv_status status = m.fast.isa ? cuv_plan_turn(cx, arena, program, &m.p) : CUV_OK;
    if (status == CUV_OK)
        status = make(&m, inputs);
    if (copies_all(&m.fast))
        forget_files(program);
    if (status == CUV_OK)
        *out = plan;
    else
        cuv_plan_free(plan);
    return status;
}

void cuv_plan_free(cuv_plan *plan)
{
    for (cuv_plan *twin; plan; plan = twin) {
        twin = plan->twin;
        cuv_release(plan->cx, plan->block, plan->block_size);
        cuv_arena_free(plan->arena);
    }
}
