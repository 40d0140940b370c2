/* Which steps one fast kernel can do together: zeros around the input of a convolution, and after a convolution or a dense layer batch
 * normalisation, a sum with another tensor and an activation; batch normalisation and an activation. Each only where nobody else reads what
 * lies between. */
#include "run/plan.h"

typedef struct fuser {
    cuv_maker *m;
    const bool *needed;
    uint32_t *uses;         /* by value: steps that read it, and outputs */
    int32_t *reader;        /* by value: the last step that reads it */
} fuser;

static const cuv_var *var(const fuser *f, cuv_ref ref) { return &f->m->plan->vars[ref]; }

/* Values that are known already, of a weight or of one in another shape; NULL: none. What is computed from weights alone (a cast) is fixed, too,
 * but is made later. */
static void *known(const fuser *f, cuv_ref ref)
{
    const cuv_place *places = f->m->plan->places, *place = &places[ref];
    return place->home != CUV_HOME_FIXED ? NULL : place->data ? place->data : places[place->root].data;
}

/* Absent, or with values already. */
static bool fixed(const fuser *f, cuv_ref ref) { return ref == CUV_NO_REF || known(f, ref); }

static void count_uses(fuser *f)
{
    const cuv_program *p = f->m->p;
    for (size_t i = 0; i < p->value_count; i++)
        f->reader[i] = -1;
    for (size_t i = 0; i < p->step_count; i++)
        for (int k = 0; f->needed[i] && k < p->steps[i].in_count; k++)
            if (p->steps[i].in[k] != CUV_NO_REF) {
                f->uses[p->steps[i].in[k]]++;
                f->reader[p->steps[i].in[k]] = (int32_t)i;
            }
    for (size_t i = 0; i < p->output_count; i++)
        f->uses[p->outputs[i]]++;
}

/* The only step that reads a value, when it is free to be fused; NULL otherwise. */
static const cuv_step *only_reader(const fuser *f, cuv_ref ref, size_t *index)
{
    const int32_t i = f->reader[ref];
    if (f->uses[ref] != 1 || i < 0 || f->m->fixed_step[i] || f->m->fused[i].absorbed || f->m->fused[i].parts)
        return NULL;
    *index = (size_t)i;
    return &f->m->p->steps[i];
}

/* ---- the parts ---- */

/* An activation step as the attribute that kernels take. */
static bool take_act(const fuser *f, const cuv_step *s, cuv_fused *to)
{
    const cuv_attrs *at = s->attrs;
    cuv_act *act;
    float none = 0;
    const cuv_act found = {s->op, at->alpha, at->beta, at->gamma, at->approximate};
    const bool softmax = s->op == CUV_OP_SOFTMAX && s->in_count < 2 && var(f, s->in[0])->rank > 0 &&
                         cuv_axes_mask(at, 1u << (var(f, s->in[0])->rank - 1)) == 1u << (var(f, s->in[0])->rank - 1);
    if (s->in_count != 1 || (!softmax && (s->op == CUV_OP_SOFTMAX || !f->m->fast.isa->act(&found, &none, 0))))
        return false;
    if (!(act = CUV_NEW(f->m->plan->arena, cuv_act)))
        return false;
    *act = found;
    to->act = act;
    return true;
}

/* gamma (x - mean) / sqrt(variance + epsilon) + beta as scale x + shift. */
static bool take_norm(const fuser *f, const cuv_step *s, cuv_fused *to)
{
    const cuv_var *x = var(f, s->in[0]);
    if (s->op != CUV_OP_BATCH_NORM || s->attrs->axis != x->rank - 1)
        return false;
    const size_t n = (size_t)x->shape[x->rank - 1];
    for (int k = 1; k < s->in_count; k++)
        if (!fixed(f, s->in[k]) || (s->in[k] != CUV_NO_REF && var(f, s->in[k])->dtype != CUV_F32))
            return false;
    float *scale = CUV_NEW_ARRAY(f->m->plan->arena, float, 2 * n), *shift = scale + n;
    if (!scale)
        return false;
    cuv_norm_numbers(known(f, s->in[1]), known(f, s->in[2]), s->in[3] == CUV_NO_REF ? NULL : known(f, s->in[3]),
                     s->in[4] == CUV_NO_REF ? NULL : known(f, s->in[4]), s->attrs->epsilon, n, scale, shift);
    to->scale = scale;
    to->shift = shift;
    return true;
}

/* A sum of a dense layer's result with fixed numbers, one for each column. */
static bool take_bias(const fuser *f, const cuv_step *head, const cuv_step *s, cuv_ref y, cuv_fused *to)
{
    if (head->op != CUV_OP_DENSE || (head->in_count > 2 && head->in[2] != CUV_NO_REF) || to->shift || s->op != CUV_OP_ADD)
        return false;
    const cuv_ref other = s->in[0] == y ? s->in[1] : s->in[0];
    const cuv_var *v = var(f, y), *b = var(f, other), *w = var(f, head->in[1]);
    int first = 0;
    size_t n = 0;
    while (first < b->rank && b->shape[first] == 1)
        first++;
    if (other == y || b->dtype != CUV_F32 || !fixed(f, other) || b->rank > v->rank || !cuv_shape_count(b->shape, b->rank, &n) ||
        n != (size_t)w->shape[1] || !cuv_shape_equal(b->shape + first, b->rank - first, v->shape + v->rank - (b->rank - first), b->rank - first))
        return false;
    float *shift = CUV_NEW_ARRAY(f->m->plan->arena, float, n + 1);
    if (!shift)
        return false;
    to->shift = memcpy(shift, known(f, other), n * sizeof *shift);      /* it may lie anywhere in a file */
    return true;
}

/* A sum with a tensor of the same shape. */
static bool take_sum(const fuser *f, const cuv_step *s, cuv_ref y, cuv_fused *to)
{
    if (s->op != CUV_OP_ADD)
        return false;
    const cuv_ref other = s->in[0] == y ? s->in[1] : s->in[0];
    if (other == y || !cuv_shape_equal(var(f, other)->shape, var(f, other)->rank, var(f, y)->shape, var(f, y)->rank))
        return false;
    to->add = other;
    return true;
}

/* Zeros along the spatial axes of a convolution's input. */
static void take_padding(fuser *f, const cuv_step *conv, cuv_fused *to)
{
    const cuv_ref x = conv->in[0];
    const int32_t made = f->m->p->values[x].step;
    size_t reader;
    if ((conv->op != CUV_OP_CONV && conv->op != CUV_OP_DEPTHWISE) || conv->attrs->same || made < 0 || only_reader(f, x, &reader) != conv)
        return;
    const cuv_step *s = &f->m->p->steps[made];
    const int rank = var(f, x)->rank;
    if (s->op != CUV_OP_PAD || s->attrs->mode != CUV_MODE_CONSTANT || s->attrs->value != 0 || f->m->fixed_step[made] ||
        s->attrs->pad_lo[0] || s->attrs->pad_hi[0] || s->attrs->pad_lo[rank - 1] || s->attrs->pad_hi[rank - 1])
        return;
    for (int i = 0; i < rank; i++)
        if (s->attrs->pad_lo[i] < 0 || s->attrs->pad_hi[i] < 0)
            return;
    to->x = s->in[0];
    to->pad_lo = s->attrs->pad_lo;
    to->steps[to->parts++] = s;
    f->m->fused[made].absorbed = true;
}

/* Whether a convolution takes nothing but the place itself, and its activation is one for parts of a row. */
static bool is_expansion(const fuser *f, const cuv_step *s, const cuv_fused *record)
{
    const cuv_act *act = record->act ? record->act : &s->attrs->act;
    const cuv_var *w = var(f, s->in[1]);
    float none = 0;
    if (s->op != CUV_OP_CONV || s->attrs->groups > 1 || record->add != CUV_NO_REF || record->pad_lo || act->op == CUV_OP_SOFTMAX ||
        !f->m->fast.isa->act(act, &none, 0))
        return false;
    for (int i = 0; i < w->rank - 2; i++)
        if (w->shape[i] != 1 || s->attrs->stride[i] > 1 || (!s->attrs->same && (s->attrs->pad_lo[i] || s->attrs->pad_hi[i])))
            return false;
    return true;
}

static bool is_head(const fuser *f, size_t i);

/* The 1x1 convolution that makes the input of a depthwise one: its result is made and used strip by strip. */
static bool take_expansion(fuser *f, const cuv_step *s, cuv_fused *to)
{
    const int32_t made = f->m->p->values[to->x].step;
    if (s->op != CUV_OP_DEPTHWISE || made < 0 || var(f, s->in[1])->shape[var(f, s->in[1])->rank - 1] != 1 || f->uses[to->x] != 1 || f->m->fused[made].absorbed)
        return true;
    cuv_fused *record = &f->m->fused[made], alone = {.head = (size_t)made, .x = f->m->p->steps[made].in[0], .add = CUV_NO_REF};
    const cuv_step *head = &f->m->p->steps[record->parts ? record->head : (size_t)made];
    if ((!record->parts && !is_head(f, (size_t)made)) || !is_expansion(f, head, record->parts ? record : &alone))
        return true;
    for (int i = 0; i < CUV_MAX_RANK; i++)
        if (s->attrs->pad_lo[i] < 0)
            return true;
    cuv_fused *expand = CUV_NEW(f->m->plan->arena, cuv_fused);
    if (!expand)
        return false;
    *expand = record->parts ? *record : alone;
    expand->act = expand->act ? expand->act : &head->attrs->act;
    record->absorbed = true;
    to->expand = expand;
    to->x = expand->x;
    to->steps[to->parts++] = head;
    return true;
}

/* ---- the whole ---- */

static bool is_head(const fuser *f, size_t i)
{
    const cuv_step *s = &f->m->p->steps[i];
    cuv_run_tensor tensors[4] = {{0}};
    cuv_kernel_args a = {.in = tensors, .out = tensors + 3, .in_count = s->in_count < 3 ? s->in_count : 3, .out_count = 1, .attrs = s->attrs};
    if (s->op == CUV_OP_BATCH_NORM)
        return !f->m->fixed_step[i] && var(f, s->in[0])->dtype == CUV_F32 && var(f, s->out[0])->dtype == CUV_F32;
    if ((s->op != CUV_OP_CONV && s->op != CUV_OP_CONV_TRANSPOSE && s->op != CUV_OP_DEPTHWISE && s->op != CUV_OP_DENSE) || f->m->fixed_step[i])
        return false;
    for (int k = 0; k <= 3; k++) {
        const cuv_ref ref = k == 3 ? s->out[0] : k < s->in_count ? s->in[k] : CUV_NO_REF;
        if (ref == CUV_NO_REF)
            continue;
        const cuv_var *v = var(f, ref);
        if (v->dtype != CUV_F32 || ((k == 1 || k == 2) && !fixed(f, ref)))
            return false;
        tensors[k] = (cuv_run_tensor){.dtype = v->dtype, .rank = v->rank, .data = known(f, ref)};
        memcpy(tensors[k].shape, v->shape, sizeof v->shape);
    }
    return cuv_fast_can(s->op, &a);
}

/* The only reader of *y, or for a dense layer that of *y in another shape, which *view and *y are then. */
static const cuv_step *next_step(const fuser *f, const cuv_step *head, cuv_ref *y, size_t *next, cuv_ref *view)
{
    const cuv_step *s = only_reader(f, *y, next);
    if (!s || head->op != CUV_OP_DENSE || s->op != CUV_OP_RESHAPE || f->m->plan->places[s->out[0]].root == s->out[0])
        return s;
    const cuv_step *after = only_reader(f, s->out[0], next);
    if (after)
        *y = *view = s->out[0];
    return after;
}

/* What the fused kernel of step `last` reads must last until it runs. */
static void keep_until(fuser *f, cuv_ref ref, size_t last)
{
    cuv_place *root = ref == CUV_NO_REF ? NULL : &f->m->plan->places[f->m->plan->places[ref].root];
    if (root && root->last < (int32_t)last)
        root->last = (int32_t)last;
}

/* Whether a step exchanges rows and heads of (batch, rows, heads, n). */
static bool turns_heads(const fuser *f, const cuv_step *s)
{
    const int *perm = s->attrs->perm;
    return s->op == CUV_OP_TRANSPOSE && var(f, s->in[0])->rank == 4 && perm[0] == 0 && perm[1] == 2 && perm[2] == 1 && perm[3] == 3;
}

/* Attention reads and writes heads between the rows, so that nobody has to exchange them. */
static void fuse_attention(fuser *f, size_t i)
{
    const cuv_step *steps = f->m->p->steps, *s = &steps[i], *after;
    cuv_fused to = {.head = i, .x = s->in[0], .add = CUV_NO_REF, .unread = !f->uses[s->out[1]]};
    size_t last = i, next;
    for (int k = 0; k < 3; k++) {
        const int32_t made = f->m->p->values[s->in[k]].step;
        if (made < 0 || f->uses[s->in[k]] != 1 || f->m->fixed_step[made] || f->m->fused[made].parts || !turns_heads(f, &steps[made]))
            continue;
        to.turned |= 1u << k;
        to.steps[to.parts++] = &steps[made];
        f->m->fused[made].absorbed = true;
    }
    if (to.unread && (after = only_reader(f, s->out[0], &next)) && turns_heads(f, after)) {
        to.turned |= 1u << 3;
        to.steps[to.parts++] = after;
        f->m->fused[i].absorbed = true;
        last = next;
    }
    if (!to.parts && !to.unread)
        return;
    f->m->fused[last] = to;
    f->m->fused[last].parts = to.parts ? to.parts : 1;
    for (int k = 0; k < s->in_count; k++)
        keep_until(f, k < 3 && to.turned >> k & 1 ? steps[f->m->p->values[s->in[k]].step].in[0] : s->in[k], last);
}

/* Attention that has a fast kernel. */
static bool is_attention(const fuser *f, size_t i)
{
    const cuv_step *s = &f->m->p->steps[i];
    cuv_run_tensor tensors[3] = {{0}};
    if (s->op != CUV_OP_ATTENTION || f->m->fixed_step[i] || s->out_count < 2 || s->out[1] == CUV_NO_REF)
        return false;
    for (int k = 0; k < 3; k++) {
        const cuv_var *v = var(f, s->in[k]);
        tensors[k] = (cuv_run_tensor){.dtype = v->dtype, .rank = v->rank};
        memcpy(tensors[k].shape, v->shape, sizeof v->shape);
    }
    return cuv_can_attention(&(cuv_kernel_args){.in = tensors, .in_count = 3, .attrs = s->attrs});
}

/* Follows the result of step `i` as far as it can be fused; the record lands at the last step. */
static cuv_status fuse_from(fuser *f, size_t i)
{
    const cuv_step *head = &f->m->p->steps[i], *s;
    cuv_fused to = {.head = i, .x = head->in[0], .add = CUV_NO_REF};
    size_t last = i, next;
    cuv_ref y = head->out[0], view = CUV_NO_REF;
    bool open = head->attrs->act.op == CUV_OP_NONE;
    if (head->op == CUV_OP_BATCH_NORM && !take_norm(f, head, &to))
        return CUV_OK;
    take_padding(f, head, &to);
    if (!take_expansion(f, head, &to))
        return cuv_oom(f->m->cx);
    while (open && to.parts < 5 && (s = next_step(f, head, &y, &next, &view)) && var(f, s->out[0])->dtype == CUV_F32) {
        if (!to.shift && to.add == CUV_NO_REF && view == CUV_NO_REF && take_norm(f, s, &to))
            ;
        else if (take_bias(f, head, s, y, &to))
            ;
        else if (to.add == CUV_NO_REF && (head->op == CUV_OP_CONV || head->op == CUV_OP_DENSE) && take_sum(f, s, y, &to))
            ;
        else if ((view == CUV_NO_REF || s->op != CUV_OP_SOFTMAX) && take_act(f, s, &to))
            open = false;
        else
            break;
        to.steps[to.parts++] = s;
        f->m->fused[last].absorbed = true;
        if (view != CUV_NO_REF)
            f->m->fused[f->m->p->values[view].step].absorbed = true;
        last = next;
        y = s->out[0];
    }
    if (!to.parts)
        return CUV_OK;
    f->m->fused[last] = to;
    f->m->fused[last].steps[to.parts] = NULL;
    keep_until(f, to.x, last);
    keep_until(f, to.add, last);
    return CUV_OK;
}

cuv_status cuv_plan_fuse(cuv_maker *m, const bool *needed)
{
    const cuv_program *p = m->p;
    cuv_arena *arena = m->plan->arena;
    if (!m->fast.isa)
        return CUV_OK;
    fuser f = {m, needed, CUV_NEW_ARRAY(arena, uint32_t, p->value_count + 1), CUV_NEW_ARRAY(arena, int32_t, p->value_count + 1)};
    m->fused = CUV_NEW_ARRAY(arena, cuv_fused, p->step_count + 1);
    if (!f.uses || !f.reader || !m->fused)
        return cuv_oom(m->cx);
    count_uses(&f);
    for (size_t i = 0; i < p->step_count; i++)
        if (needed[i] && !m->fused[i].absorbed && is_head(&f, i))
            CUV_TRY(fuse_from(&f, i));
    for (size_t i = 0; i < p->step_count; i++)
        if (needed[i] && is_attention(&f, i))
            fuse_attention(&f, i);
    return CUV_OK;
}
