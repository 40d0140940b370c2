/* Transposes move behind what does the same in any order of the axes (activations, batch normalisation, sums, joints, means, zeros around), where they meet
 * the ones that take them back and both disappear: a net with its channels first is computed with its channels last, in one layout from end to end. */
#include "run/plan.h"

typedef struct turner {
    cuv_arena *arena;
    cuv_program *p;         /* a copy, whose steps and values are changed */
    uint32_t *uses;         /* by value: inputs of steps that somebody needs, and outputs */
    int32_t *reader;        /* by value: the last step that reads it */
    bool *result;           /* by value: an output of the program */
    bool failed;            /* no memory */
} turner;

static void count(turner *t)
{
    const cuv_program *p = t->p;
    memset(t->uses, 0, p->value_count * sizeof *t->uses);
    for (size_t i = 0; i < p->value_count; i++)
        t->reader[i] = -1;
    for (size_t i = 0; i < p->output_count; i++)
        t->uses[p->outputs[i]]++;
    for (size_t i = p->step_count; i-- > 0;) {
        const cuv_step *s = &p->steps[i];
        bool needed = false;
        for (int k = 0; k < s->out_count; k++)
            needed |= t->uses[s->out[k]] > 0;
        for (int k = 0; needed && k < s->in_count; k++)
            if (s->in[k] != CUV_NO_REF) {
                t->uses[s->in[k]]++;
                t->reader[s->in[k]] = t->reader[s->in[k]] < 0 ? (int32_t)i : t->reader[s->in[k]];
            }
    }
}

static cuv_ref *refs(turner *t, const cuv_ref *from, size_t n)
{
    cuv_ref *to = CUV_NEW_ARRAY(t->arena, cuv_ref, n + 1);
    t->failed |= !to;
    return to ? memcpy(to, from, n * sizeof *to) : NULL;
}

static cuv_attrs *attrs(turner *t, const cuv_attrs *from)
{
    cuv_attrs *to = CUV_NEW(t->arena, cuv_attrs);
    t->failed |= !to;
    if (to)
        *to = *from;
    return to;
}

static bool is_unary(cuv_op op) { return op >= CUV_OP_NEG && op <= CUV_OP_THRESHOLD && op != CUV_OP_BITCAST; }
static bool is_binary(cuv_op op) { return op >= CUV_OP_ADD && op <= CUV_OP_GCD; }
static bool is_reduction(cuv_op op) { return op == CUV_OP_SUM || op == CUV_OP_MEAN || op == CUV_OP_MAX || op == CUV_OP_MIN; }

/* One number for all places. */
static bool is_one(const cuv_var *v, int rank)
{
    for (int i = 0; i < v->rank; i++)
        if (v->shape[i] != 1)
            return false;
    return v->rank <= rank;
}

/* The transpose that makes operand k of a step, for nobody else, with this order; NULL: none. */
static const cuv_step *turned(const turner *t, const cuv_step *s, int k, const int *perm)
{
    const cuv_ref ref = s->in[k];
    const int32_t made = ref == CUV_NO_REF ? -1 : t->p->values[ref].step;
    const cuv_step *by = made < 0 ? NULL : &t->p->steps[made];
    const bool same = by && by->op == CUV_OP_TRANSPOSE && !memcmp(by->attrs->perm, perm, (size_t)t->p->values[ref].rank * sizeof *perm);
    return same && t->uses[ref] == 1 ? by : NULL;
}

/* Operands of step j as they are before their transposes, NO_REF in *in when it cannot take them so; and the last transpose. Every operand but `y`'s own must be
 * there before the step is moved to where that transpose is. */
static bool plain_operands(const turner *t, const cuv_step *s, size_t i, const int *perm, cuv_ref *in, size_t *last)
{
    const bool joint = is_binary(s->op) || s->op == CUV_OP_CONCAT;
    const cuv_ref y = t->p->steps[i].out[0];
    *last = i;
    for (int k = 0; k < s->in_count; k++) {
        const cuv_step *by = joint || s->in[k] == y ? turned(t, s, k, perm) : NULL;
        if (by && (size_t)(by - t->p->steps) > *last)
            *last = (size_t)(by - t->p->steps);
        in[k] = by ? by->in[0] : s->in[k];
    }
    for (int k = 0; k < s->in_count; k++) {
        const bool own = s->in[k] == y || (joint && turned(t, s, k, perm));
        const cuv_var *v = s->in[k] == CUV_NO_REF ? NULL : &t->p->values[s->in[k]];
        if (own || !v)
            continue;
        if (v->step >= (int32_t)*last || (s->op == CUV_OP_BATCH_NORM ? k == 0 : !is_binary(s->op) || !is_one(v, t->p->values[y].rank)))
            return false;
    }
    return true;
}

/* The attributes of a step that takes its input as it is before the transpose; NULL: it cannot. */
static cuv_attrs *plain_attrs(turner *t, const cuv_step *s, const int *perm, int rank)
{
    const unsigned mask = is_reduction(s->op) ? cuv_axes_mask(s->attrs, (1u << rank) - 1) : 0;
    cuv_attrs *a;
    if (is_unary(s->op) || is_binary(s->op))
        return s->attrs;
    if ((s->op != CUV_OP_BATCH_NORM && s->op != CUV_OP_CONCAT && s->op != CUV_OP_PAD && !mask) || !(a = attrs(t, s->attrs)))
        return NULL;
    if (s->op == CUV_OP_BATCH_NORM || s->op == CUV_OP_CONCAT) {
        if (s->attrs->axis < 0 || s->attrs->axis >= rank)
            return NULL;
        a->axis = perm[s->attrs->axis];
    }
    a->axes_count = 0;
    for (int k = 0; k < rank; k++) {
        a->pad_lo[perm[k]] = s->attrs->pad_lo[k];
        a->pad_hi[perm[k]] = s->attrs->pad_hi[k];
        if (mask >> k & 1)
            a->axes[a->axes_count++] = perm[k];
    }
    return a;
}

/* A reduction whose other axes stay in their order reads what is before the transpose. */
static bool reduce(turner *t, size_t i, size_t j, const int *perm, int rank)
{
    cuv_step *s = &t->p->steps[j];
    const unsigned mask = cuv_axes_mask(s->attrs, (1u << rank) - 1);
    int before = -1;
    for (int k = 0; k < rank; k++) {
        if (mask >> k & 1)
            continue;
        if (perm[k] < before)
            return false;
        before = perm[k];
    }
    cuv_attrs *a = plain_attrs(t, s, perm, rank);
    cuv_ref *in = refs(t, t->p->steps[i].in, 1);
    if (!a || !in)
        return false;
    s->attrs = a;
    s->in = in;
    return true;
}

/* Step j takes the place of transpose i (or of a later one of its operands'), which comes after it. */
static bool exchange(turner *t, size_t i, size_t j, size_t *at)
{
    cuv_step *steps = t->p->steps, *s = &steps[j];
    const cuv_step turn = steps[i];
    const int *perm = turn.attrs->perm, rank = t->p->values[turn.out[0]].rank;
    size_t last;
    cuv_ref *in = refs(t, s->in, s->in_count);
    if (!in || s->out_count != 1 || t->p->values[s->out[0]].rank != rank || !plain_operands(t, s, i, perm, in, &last))
        return false;
    cuv_attrs *a = plain_attrs(t, s, perm, rank);
    const cuv_ref y = steps[last].out[0], z = s->out[0];
    cuv_ref *own_out = refs(t, &y, 1), *turn_in = refs(t, &y, 1), *turn_out = refs(t, &z, 1);
    if (!a || !own_out || !turn_in || !turn_out)
        return false;
    cuv_var *v = &t->p->values[y];
    v->dtype = t->p->values[z].dtype;
    for (int k = 0; k < rank; k++)
        v->shape[perm[k]] = t->p->values[z].shape[k];
    steps[last] = (cuv_step){s->op, in, own_out, s->in_count, 1, a, s->layer};
    steps[j] = (cuv_step){CUV_OP_TRANSPOSE, turn_in, turn_out, 1, 1, turn.attrs, turn.layer};
    *at = j;
    return true;
}

/* Transposes of what transpose i makes read what it reads; one that takes it back disappears. */
static bool compose(turner *t, size_t i)
{
    const cuv_step *turn = &t->p->steps[i];
    const cuv_ref x = turn->in[0], y = turn->out[0];
    const int rank = t->p->values[y].rank;
    bool some = false;
    for (size_t j = i + 1; j < t->p->step_count; j++) {
        cuv_step *s = &t->p->steps[j];
        if (s->op != CUV_OP_TRANSPOSE || s->in[0] != y)
            continue;
        cuv_attrs *a = attrs(t, s->attrs);
        cuv_ref *in = refs(t, &x, 1);
        bool back = !t->result[s->out[0]];
        for (int k = 0; a && k < rank; k++) {
            a->perm[k] = turn->attrs->perm[s->attrs->perm[k]];
            back = back && a->perm[k] == k;
        }
        if (!a || !in)
            return false;
        s->attrs = a;
        s->in = in;
        some = true;
        for (size_t n = j + 1; back && n < t->p->step_count; n++)
            for (int k = 0; k < t->p->steps[n].in_count; k++)
                if (t->p->steps[n].in[k] == s->out[0] && (in = refs(t, t->p->steps[n].in, t->p->steps[n].in_count))) {
                    in[k] = x;
                    t->p->steps[n].in = in;
                }
    }
    return some;
}

static void sink(turner *t, size_t i)
{
    while (!t->failed) {
        const cuv_step *turn = &t->p->steps[i];
        const cuv_ref y = turn->out[0];
        const int rank = t->p->values[y].rank;
        if (t->uses[y] && compose(t, i))
            count(t);
        if (t->uses[y] != 1 || t->reader[y] < 0)
            return;
        const size_t j = (size_t)t->reader[y];
        const cuv_step *s = &t->p->steps[j];
        if (is_reduction(s->op) && !s->attrs->keepdims) {
            if (reduce(t, i, j, turn->attrs->perm, rank))
                count(t);
            return;
        }
        if (!exchange(t, i, j, &i))
            return;
        count(t);
    }
}

static bool start(turner *t, const cuv_program *from)
{
    const size_t values = from->value_count + 1;
    t->p = CUV_NEW(t->arena, cuv_program);
    cuv_step *steps = CUV_NEW_ARRAY(t->arena, cuv_step, from->step_count + 1);
    cuv_var *vars = CUV_NEW_ARRAY(t->arena, cuv_var, values);
    t->uses = CUV_NEW_ARRAY(t->arena, uint32_t, values);
    t->reader = CUV_NEW_ARRAY(t->arena, int32_t, values);
    t->result = CUV_NEW_ARRAY(t->arena, bool, values);
    if (!t->p || !steps || !vars || !t->uses || !t->reader || !t->result)
        return false;
    *t->p = *from;
    t->p->steps = memcpy(steps, from->steps, from->step_count * sizeof *steps);
    t->p->values = memcpy(vars, from->values, from->value_count * sizeof *vars);
    for (size_t i = 0; i < from->output_count; i++)
        t->result[from->outputs[i]] = true;
    count(t);
    return true;
}

cuv_status cuv_plan_turn(cuv_context *cx, cuv_arena *arena, const cuv_program *from, const cuv_program **out)
{
    enum { MOST_WORK = 1 << 24 };
    size_t turns = 0;
    *out = from;
    for (size_t i = 0; i < from->step_count; i++)
        turns += from->steps[i].op == CUV_OP_TRANSPOSE;
    if (turns < 2 || turns > MOST_WORK / from->step_count)
        return CUV_OK;
    turner t = {.arena = arena};
    if (!start(&t, from))
        return cuv_oom(cx);
    for (size_t i = 0; i < from->step_count; i++)
        if (t.p->steps[i].op == CUV_OP_TRANSPOSE)
            sink(&t, i);
    *out = t.p;
    return t.failed ? cuv_oom(cx) : CUV_OK;
}
