/* Holds a program to its rules after a pass: order, single definition, arity, shapes and dtypes. */
#include "program/program.h"

typedef struct checker {
    const cuv_program *p;
    cuv_context *cx;
    bool *made;                 /* by value */
    const cuv_var **in;
} checker;

static cuv_status no(const checker *c, size_t i, const char *fmt, long long a, long long b)
{
    const cuv_step *s = &c->p->steps[i];
    char reason[160];
    snprintf(reason, sizeof reason, fmt, a, b);
    return cuv_fail(c->cx, CUV_NO, "program.check", &(cuv_detail){.layer = s->layer}, "step %zu (%s): %s", i,
                    cuv_op_about(s->op)->name, reason);
}

static cuv_status check_reads(checker *c, size_t i)
{
    const cuv_step *s = &c->p->steps[i];
    for (int k = 0; k < s->in_count; k++) {
        cuv_ref ref = s->in[k];
        c->in[k] = NULL;
        if (ref == CUV_NO_REF)
            continue;
        if (ref < 0 || (size_t)ref >= c->p->value_count)
            return no(c, i, "input %lld is value %lld, which does not exist", k, ref);
        if (!c->made[ref])
            return no(c, i, "input %lld, value %lld, is read before it is made", k, ref);
        c->in[k] = &c->p->values[ref];
    }
    return CUV_OK;
}

/* A result may know less about its shape than its step, never something else. */
static bool agrees(const cuv_var *have, const cuv_var *want)
{
    bool fits = have->dtype == want->dtype && have->rank == want->rank;
    for (int k = 0; fits && k < have->rank; k++)
        fits = have->shape[k] < 0 || want->shape[k] < 0 || have->shape[k] == want->shape[k];
    return fits;
}

static cuv_status check_makes(checker *c, size_t i)
{
    const cuv_step *s = &c->p->steps[i];
    cuv_var want[4] = {{.kind = CUV_V_RESULT}};
    if (s->out_count != cuv_op_about(s->op)->outs)
        return no(c, i, "it has %lld results instead of %lld", s->out_count, cuv_op_about(s->op)->outs);
    CUV_TRY(cuv_step_shapes(c->cx, s->op, s->attrs, c->in, s->in_count, s->layer, want));
    for (int k = 0; k < s->out_count; k++) {
        cuv_ref ref = s->out[k];
        if (ref < 0 || (size_t)ref >= c->p->value_count)
            return no(c, i, "result %lld is value %lld, which does not exist", k, ref);
        if (c->made[ref])
            return no(c, i, "result %lld, value %lld, is made twice", k, ref);
        c->made[ref] = true;
        if (c->p->values[ref].kind != CUV_V_RESULT || c->p->values[ref].step != (int32_t)i)
            return no(c, i, "value %lld says that step %lld makes it", ref, c->p->values[ref].step);
        if (!agrees(&c->p->values[ref], &want[k]))
            return cuv_fail(c->cx, CUV_NO, "program.check", &(cuv_detail){.layer = s->layer},
                            "step %zu (%s): value %d is %s %s instead of %s %s", i, cuv_op_about(s->op)->name, (int)ref,
                            cuv_dtype_name(c->p->values[ref].dtype),
                            cuv_shape_text(c->cx, c->p->values[ref].shape, c->p->values[ref].rank),
                            cuv_dtype_name(want[k].dtype), cuv_shape_text(c->cx, want[k].shape, want[k].rank));
    }
    return CUV_OK;
}

static cuv_status check_lists(checker *c)
{
    const cuv_program *p = c->p;
    for (size_t i = 0; i < p->input_count; i++)
        if (p->inputs[i] < 0 || (size_t)p->inputs[i] >= p->value_count || p->values[p->inputs[i]].kind != CUV_V_INPUT)
            return cuv_fail(c->cx, CUV_NO, "program.check", NULL, "input %zu of the program is no input value", i);
    for (size_t i = 0; i < p->output_count; i++)
        if (p->outputs[i] < 0 || (size_t)p->outputs[i] >= p->value_count || !c->made[p->outputs[i]])
            return cuv_fail(c->cx, CUV_NO, "program.check", NULL, "output %zu of the program is made by no step", i);
    return CUV_OK;
}

static cuv_status check(checker *c, cuv_arena *scratch)
{
    const cuv_program *p = c->p;
    size_t widest = 1;
    for (size_t i = 0; i < p->step_count; i++)
        if (p->steps[i].in_count > widest)
            widest = p->steps[i].in_count;
    c->made = CUV_NEW_ARRAY(scratch, bool, p->value_count + 1);
    c->in = CUV_NEW_ARRAY(scratch, const cuv_var *, widest);
    if (!c->made || !c->in)
        return cuv_oom(c->cx);
    for (size_t i = 0; i < p->value_count; i++)
        c->made[i] = p->values[i].kind != CUV_V_RESULT;
    for (size_t i = 0; i < p->step_count; i++) {
        if ((unsigned)p->steps[i].op >= CUV_OP_COUNT || p->steps[i].op == CUV_OP_NONE || !p->steps[i].attrs)
            return no(c, i, "op %lld, or its attributes, do not exist", p->steps[i].op, 0);
        CUV_TRY(check_reads(c, i));
        CUV_TRY(check_makes(c, i));
    }
    return check_lists(c);
}

cuv_status cuv_program_check(const cuv_program *p)
{
    cuv_context *cx = cuv_arena_context(p->arena);
    CUV_TRY(p->status);
    cuv_arena *scratch = cuv_arena_new(cx);
    if (!scratch)
        return cuv_oom(cx);
    cuv_status status = check(&(checker){.p = p, .cx = cx}, scratch);
    cuv_arena_free(scratch);
    return status;
}
