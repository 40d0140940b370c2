/* Building a program: values, steps, outputs, and the table of ops. Every emitted step has its shapes derived at once;
 * the rules for that are in shapes*.c. Knows nothing of how steps are computed. */
#include "program/program.h"

static const cuv_op_info infos[CUV_OP_COUNT] = {
    [CUV_OP_NONE] = {"none", "", "x", 1, 1, 1},
#define OP(id, name, in_min, in_max, outs, attrs, shape, doc) [CUV_OP_##id] = {#name, attrs, doc, in_min, in_max, outs},
#include "program/ops.def"
#undef OP
};

const cuv_op_info *cuv_op_about(cuv_op op)
{
    return &infos[(unsigned)op < CUV_OP_COUNT ? op : CUV_OP_NONE];
}

bool cuv_op_parse(const char *name, cuv_op *out)
{
    for (int op = CUV_OP_NONE + 1; op < CUV_OP_COUNT; op++)
        if (cuv_streq(infos[op].name, name)) {
            *out = (cuv_op)op;
            return true;
        }
    return false;
}

/* ---- values ---- */

static const cuv_var absent = {.kind = CUV_V_CONSTANT, .dtype = CUV_F32, .step = -1};

const cuv_var *cuv_program_var(const cuv_program *p, cuv_ref ref)
{
    return ref >= 0 && (size_t)ref < p->value_count ? &p->values[ref] : &absent;
}

cuv_program *cuv_program_new(cuv_arena *arena)
{
    cuv_program *p = CUV_NEW(arena, cuv_program);
    if (!p)
        return NULL;
    p->arena = arena;
    p->status = CUV_OK;
    return p;
}

static cuv_ref fail(cuv_program *p, cuv_status status)
{
    if (p->status == CUV_OK)
        p->status = status;
    return CUV_NO_REF;
}

static cuv_ref add_value(cuv_program *p, const cuv_var *v)
{
    if (p->status != CUV_OK)
        return CUV_NO_REF;
    if (p->value_count >= INT32_MAX)
        return fail(p, cuv_oom(cuv_arena_context(p->arena)));
    cuv_var *values = cuv_arena_grow(p->arena, p->values, p->value_count, &p->value_capacity, sizeof *values);
    if (!values)
        return fail(p, cuv_oom(cuv_arena_context(p->arena)));
    p->values = values;
    p->values[p->value_count] = *v;
    return (cuv_ref)p->value_count++;
}

static bool is_value_dtype(cuv_dtype dtype)
{
    return cuv_dtype_is_computed(dtype) || dtype == CUV_STR;
}

static cuv_ref add_named(cuv_program *p, cuv_value_kind kind, const char *name, cuv_dtype dtype, const int64_t *shape,
                         int rank)
{
    cuv_context *cx = cuv_arena_context(p->arena);
    cuv_var v = {.kind = kind, .dtype = dtype, .rank = rank, .step = -1};
    if (p->status != CUV_OK)
        return CUV_NO_REF;
    if (!is_value_dtype(dtype))
        return fail(p, cuv_fail(cx, CUV_UNSUPPORTED, "program.dtype", &(cuv_detail){.layer = p->layer, .tensor = name,
                    .found = cuv_dtype_name(dtype), .help = "cast it to int32 or float32 first"},
                    "programs do not compute with %s", cuv_dtype_name(dtype)));
    if (rank < 0 || rank > CUV_MAX_RANK)
        return fail(p, cuv_fail(cx, CUV_UNSUPPORTED, "program.rank", &(cuv_detail){.layer = p->layer, .tensor = name},
                    "%d axes; at most %d are supported", rank, CUV_MAX_RANK));
    for (int i = 0; i < rank; i++)
        v.shape[i] = shape[i] < 0 ? -1 : shape[i];
    if (name && !(v.name = cuv_arena_strdup(p->arena, name)))
        return fail(p, cuv_oom(cx));
    return add_value(p, &v);
}

cuv_ref cuv_program_input(cuv_program *p, const char *name, cuv_dtype dtype, const int64_t *shape, int rank)
{
    cuv_ref ref = add_named(p, CUV_V_INPUT, name, dtype, shape, rank);
    if (ref == CUV_NO_REF)
        return ref;
    size_t count = p->input_count;
    if ((count & (count - 1)) == 0) {      /* full at powers of two */
        cuv_ref *inputs = CUV_NEW_ARRAY(p->arena, cuv_ref, count ? 2 * count : 1);
        if (!inputs)
            return fail(p, cuv_oom(cuv_arena_context(p->arena)));
        if (count)
            memcpy(inputs, p->inputs, count * sizeof *inputs);
        p->inputs = inputs;
    }
    p->inputs[p->input_count++] = ref;
    return ref;
}

cuv_ref cuv_program_weight(cuv_program *p, const char *name, cuv_dtype dtype, const int64_t *shape, int rank)
{
    return add_named(p, CUV_V_WEIGHT, name, dtype, shape, rank);
}

cuv_ref cuv_program_constant(cuv_program *p, const cuv_tensor *tensor)
{
    cuv_ref ref;
    if (!tensor)
        return fail(p, cuv_oom(cuv_arena_context(p->arena)));
    ref = add_named(p, CUV_V_CONSTANT, NULL, tensor->dtype, tensor->shape, tensor->rank);
    if (ref != CUV_NO_REF)
        p->values[ref].tensor = tensor;
    return ref;
}

cuv_ref cuv_program_scalar(cuv_program *p, cuv_dtype dtype, double value)
{
    cuv_tensor *t;
    void *memory;
    if (p->status != CUV_OK)
        return CUV_NO_REF;
    cuv_status status = cuv_tensor_new(p->arena, dtype, NULL, 0, &t, &memory);
    if (status != CUV_OK)
        return fail(p, status);
    cuv_convert_wrapped(memory, dtype, &value, 1);
    return cuv_program_constant(p, t);
}

cuv_ref cuv_program_state(cuv_program *p, const char *name, cuv_dtype dtype, const int64_t *shape, int rank)
{
    cuv_ref ref = cuv_program_input(p, name, dtype, shape, rank);
    if (ref == CUV_NO_REF)
        return ref;
    cuv_state *states = cuv_arena_grow(p->arena, p->states, p->state_count, &p->state_capacity, sizeof *states);
    if (!states)
        return fail(p, cuv_oom(cuv_arena_context(p->arena)));
    p->states = states;
    p->states[p->state_count++] = (cuv_state){ref, ref};
    return ref;
}

cuv_status cuv_program_set_outputs(cuv_program *p, const cuv_ref *outputs, const char *const *names, size_t count)
{
    cuv_context *cx = cuv_arena_context(p->arena);
    CUV_TRY(p->status);
    p->outputs = CUV_NEW_ARRAY(p->arena, cuv_ref, count + p->state_count + 1);
    p->output_names = CUV_NEW_ARRAY(p->arena, const char *, count + p->state_count + 1);
    if (!p->outputs || !p->output_names)
        return cuv_oom(cx);
    for (size_t i = 0; i < count; i++) {
        if (outputs[i] < 0 || (size_t)outputs[i] >= p->value_count)
            return cuv_fail(cx, CUV_NO, "program.check", NULL, "output %zu of the program is no value of it", i);
        p->outputs[i] = outputs[i];
        if (names && names[i] && !(p->output_names[i] = cuv_arena_strdup(p->arena, names[i])))
            return cuv_oom(cx);
    }
    for (size_t i = 0; i < p->state_count; i++) {
        p->outputs[count + i] = p->states[i].after;
        p->output_names[count + i] = cuv_arena_printf(p->arena, "%s/after", cuv_program_var(p, p->states[i].before)->name);
        if (!p->output_names[count + i])
            return cuv_oom(cx);
    }
    p->output_count = count + p->state_count;
    return CUV_OK;
}

/* ---- steps ---- */

static bool reads(cuv_op op, const char *attr)
{
    const char *at = strstr(infos[op].attrs, attr);
    return at != NULL && (at == infos[op].attrs || at[-1] == ' ');
}

static void ones(int64_t *list)
{
    for (int i = 0; i < 3; i++)
        if (list[i] == 0)
            list[i] = 1;
}

/* Zeros of designated initialisers become the numbers they stand for, so that all who read steps see these. */
static void spell_out(cuv_op op, cuv_attrs *a)
{
    if (reads(op, "groups") && a->groups == 0)
        a->groups = 1;
    if (reads(op, "stride"))
        ones(a->stride);
    if (reads(op, "dilation"))
        ones(a->dilation);
    if (reads(op, "window"))
        ones(a->window);
    if (op == CUV_OP_CONV_TRANSPOSE)
        for (int i = 0; i < 3; i++)
            if (a->size[i] <= 0)
                a->size[i] = -1;
    if ((op == CUV_OP_RESIZE || op == CUV_OP_UPSAMPLE) && a->mode == CUV_MODE_CONSTANT)
        a->mode = CUV_MODE_NEAREST;
}

static cuv_attrs *own_attrs(cuv_program *p, cuv_op op, const cuv_attrs *attrs)
{
    if (infos[op].attrs[0] == '\0') {
        if (!p->no_attrs)
            p->no_attrs = CUV_NEW(p->arena, cuv_attrs);
        return p->no_attrs;
    }
    cuv_attrs *own = CUV_NEW(p->arena, cuv_attrs);
    if (own && attrs)
        *own = *attrs;
    if (own)
        spell_out(op, own);
    return own;
}

static bool make_step(cuv_program *p, cuv_op op, const cuv_ref *in, size_t in_count, const cuv_attrs *attrs, cuv_step *s)
{
    size_t outs = (size_t)infos[op].outs;
    *s = (cuv_step){.op = op, .in_count = (uint16_t)in_count, .out_count = (uint16_t)outs, .layer = p->layer};
    cuv_ref *refs = CUV_NEW_ARRAY(p->arena, cuv_ref, in_count + outs);
    s->attrs = own_attrs(p, op, attrs);
    if (!refs || !s->attrs)
        return false;
    s->in = refs;
    s->out = refs + in_count;
    if (in_count)
        memcpy(s->in, in, in_count * sizeof *in);
    cuv_step *steps = cuv_arena_grow(p->arena, p->steps, p->step_count, &p->step_capacity, sizeof *steps);
    if (!steps)
        return false;
    p->steps = steps;
    return p->step_count < INT32_MAX;
}

/* Pointers to the inputs' variables for the shape rules; `few` serves all but the longest lists. */
static const cuv_var **gather_vars(cuv_program *p, const cuv_ref *in, size_t in_count, const cuv_var **few, size_t room)
{
    const cuv_var **vars = in_count <= room ? few : CUV_NEW_ARRAY(p->arena, const cuv_var *, in_count);
    for (size_t i = 0; vars && i < in_count; i++)
        vars[i] = in[i] == CUV_NO_REF ? NULL : cuv_program_var(p, in[i]);
    return vars;
}

static cuv_status check_refs(cuv_program *p, cuv_op op, const cuv_ref *in, size_t in_count)
{
    cuv_context *cx = cuv_arena_context(p->arena);
    cuv_detail detail = {.layer = p->layer};
    if ((unsigned)op >= CUV_OP_COUNT || op == CUV_OP_NONE)
        return cuv_fail(cx, CUV_NO, "program.check", &detail, "op %d does not exist", (int)op);
    if (in_count > UINT16_MAX)
        return cuv_fail(cx, CUV_UNSUPPORTED, "program.check", &detail, "%s of %zu inputs", infos[op].name, in_count);
    for (size_t i = 0; i < in_count; i++)
        if (in[i] != CUV_NO_REF && (in[i] < 0 || (size_t)in[i] >= p->value_count))
            return cuv_fail(cx, CUV_NO, "program.check", &detail, "input %zu of %s is no value of the program", i,
                            infos[op].name);
    return CUV_OK;
}

/* Keras rounds halves after each of product, bias and activation: an op that does all three becomes three steps. */
static bool rounds_between(const cuv_program *p, cuv_op op, const cuv_ref *in, size_t in_count, const cuv_attrs *attrs)
{
    bool fused = op == CUV_OP_DENSE || op == CUV_OP_CONV || op == CUV_OP_DEPTHWISE || op == CUV_OP_CONV_TRANSPOSE ||
                 op == CUV_OP_LOCAL_CONV;
    if (!fused || p->status != CUV_OK || !in_count)
        return false;
    cuv_dtype dtype = cuv_program_var(p, in[0])->dtype;
    bool more = (in_count == 3 && in[2] != CUV_NO_REF) || (attrs && attrs->act.op != CUV_OP_NONE);
    return more && (dtype == CUV_F16 || dtype == CUV_BF16);
}

static cuv_ref emit_apart(cuv_program *p, cuv_op op, const cuv_ref *in, size_t in_count, const cuv_attrs *attrs)
{
    cuv_attrs bare = attrs ? *attrs : (cuv_attrs){0};
    bare.act = (cuv_act){0};
    cuv_ref y = cuv_emit(p, op, in, 2, &bare);
    if (in_count == 3 && in[2] != CUV_NO_REF)
        y = cuv_emit2(p, CUV_OP_ADD, y, in[2]);
    return attrs ? cuv_emit_act(p, &attrs->act, y) : y;
}

cuv_ref cuv_emit(cuv_program *p, cuv_op op, const cuv_ref *in, size_t in_count, const cuv_attrs *attrs)
{
    if (rounds_between(p, op, in, in_count, attrs))
        return emit_apart(p, op, in, in_count, attrs);
    cuv_context *cx = cuv_arena_context(p->arena);
    const cuv_var *few[16];
    cuv_var outs[4] = {{.kind = CUV_V_RESULT}};
    cuv_step s;
    if (p->status == CUV_OK)
        p->status = check_refs(p, op, in, in_count);
    if (p->status != CUV_OK)
        return CUV_NO_REF;
    const cuv_var **vars = gather_vars(p, in, in_count, few, 16);
    if (!vars || !make_step(p, op, in, in_count, attrs, &s))
        return fail(p, cuv_oom(cx));
    cuv_status status = cuv_step_shapes(cx, op, s.attrs, vars, in_count, p->layer, outs);
    if (status != CUV_OK)
        return fail(p, status);
    for (int i = 0; i < s.out_count; i++) {
        outs[i].kind = CUV_V_RESULT;
        outs[i].name = NULL;
        outs[i].tensor = NULL;
        outs[i].step = (int32_t)p->step_count;
        s.out[i] = add_value(p, &outs[i]);
    }
    if (p->status != CUV_OK)
        return CUV_NO_REF;
    p->steps[p->step_count++] = s;
    return s.out[0];
}

cuv_ref cuv_emit1(cuv_program *p, cuv_op op, cuv_ref x)
{
    return cuv_emit(p, op, &x, 1, NULL);
}

cuv_ref cuv_emit2(cuv_program *p, cuv_op op, cuv_ref a, cuv_ref b)
{
    return cuv_emit(p, op, (const cuv_ref[]){a, b}, 2, NULL);
}

cuv_ref cuv_emit_act(cuv_program *p, const cuv_act *act, cuv_ref x)
{
    if (!act || act->op == CUV_OP_NONE)
        return x;
    cuv_attrs attrs = {.alpha = act->alpha, .beta = act->beta, .gamma = act->gamma, .approximate = act->approximate};
    return cuv_emit(p, act->op, &x, 1, &attrs);
}

/* uint64 is kept as int64: its upper half comes out 2^64 too small. */
static cuv_ref upper_half(cuv_program *p, cuv_ref x, cuv_dtype dtype)
{
    const cuv_dtype wide = dtype == CUV_F64 ? CUV_F64 : CUV_F32;
    cuv_ref y = cuv_emit(p, CUV_OP_CAST, &x, 1, CUV_AT(.dtype = wide));
    cuv_ref low = cuv_emit2(p, CUV_OP_LESS, y, cuv_program_scalar(p, wide, 0));
    cuv_ref more = cuv_emit2(p, CUV_OP_ADD, y, cuv_program_scalar(p, wide, 0x1p64));
    return cuv_emit_cast(p, cuv_emit(p, CUV_OP_WHERE, CUV_IN(low, more, y), NULL), dtype);
}

/* Floats from 2^63 to 2^64: 2^63 less, with the first bit set. */
static cuv_ref to_upper_half(cuv_program *p, cuv_ref x)
{
    x = cuv_program_var(p, x)->dtype == CUV_BF16 ? cuv_emit_cast(p, x, CUV_F32) : x;
    const cuv_dtype dtype = cuv_program_var(p, x)->dtype;
    cuv_ref half = cuv_program_scalar(p, dtype, 0x1p63), above = cuv_emit2(p, CUV_OP_GREATER_EQUAL, x, half);
    above = cuv_emit2(p, CUV_OP_LOGICAL_AND, above, cuv_emit2(p, CUV_OP_LESS, x, cuv_program_scalar(p, dtype, 0x1p64)));
    cuv_ref less = cuv_emit(p, CUV_OP_WHERE, CUV_IN(above, cuv_emit2(p, CUV_OP_SUB, x, half), x), NULL);
    cuv_ref y = cuv_emit(p, CUV_OP_CAST, &less, 1, CUV_AT(.dtype = CUV_U64));
    cuv_ref high = cuv_emit2(p, CUV_OP_BITWISE_XOR, y, cuv_program_scalar(p, CUV_U64, -0x1p63));
    return cuv_emit(p, CUV_OP_WHERE, CUV_IN(above, high, y), NULL);
}

cuv_ref cuv_emit_cast(cuv_program *p, cuv_ref x, cuv_dtype dtype)
{
    const cuv_dtype from = cuv_program_var(p, x)->dtype;
    if (from == dtype)
        return x;
    if (from == CUV_U64 && cuv_dtype_is_float(dtype))
        return upper_half(p, x, dtype);
    if (dtype == CUV_U64 && cuv_dtype_is_float(from) && from != CUV_F16)
        return to_upper_half(p, x);
    return cuv_emit(p, CUV_OP_CAST, &x, 1, CUV_AT(.dtype = dtype));
}

cuv_ref cuv_emit_reshape(cuv_program *p, cuv_ref x, const int64_t *shape, int rank)
{
    cuv_attrs attrs = {.shape_count = rank};
    if (rank < 0 || rank > CUV_MAX_RANK)
        return fail(p, cuv_fail(cuv_arena_context(p->arena), CUV_UNSUPPORTED, "program.rank",
                    &(cuv_detail){.layer = p->layer}, "%d axes; at most %d are supported", rank, CUV_MAX_RANK));
    if (rank)
        memcpy(attrs.shape, shape, (size_t)rank * sizeof *shape);
    return cuv_emit(p, CUV_OP_RESHAPE, &x, 1, &attrs);
}

cuv_ref cuv_emit_transpose(cuv_program *p, cuv_ref x, const int *perm)
{
    cuv_attrs attrs = {0};
    int rank = cuv_program_var(p, x)->rank, moved = 0;
    for (int i = 0; i < rank; i++) {
        attrs.perm[i] = perm[i];
        moved += perm[i] != i;
    }
    return moved ? cuv_emit(p, CUV_OP_TRANSPOSE, &x, 1, &attrs) : x;
}

/* ---- pruning ---- */

void cuv_program_prune(cuv_program *p)
{
    bool *needed = CUV_NEW_ARRAY(p->arena, bool, p->value_count + 1);
    int32_t *place = CUV_NEW_ARRAY(p->arena, int32_t, p->step_count + 1);
    size_t kept = 0;
    if (!needed || !place)
        return;     /* pruning only saves work */
    for (size_t i = 0; i < p->output_count; i++)
        needed[p->outputs[i]] = true;
    for (size_t i = p->step_count; i-- > 0;) {
        const cuv_step *s = &p->steps[i];
        bool keep = false;
        for (int k = 0; k < s->out_count; k++)
            keep |= needed[s->out[k]];
        place[i] = keep ? 0 : -1;
        for (int k = 0; keep && k < s->in_count; k++)
            if (s->in[k] != CUV_NO_REF)
                needed[s->in[k]] = true;
    }
    for (size_t i = 0; i < p->step_count; i++)
        if (place[i] == 0) {
            place[i] = (int32_t)kept;
            p->steps[kept++] = p->steps[i];
        }
    for (size_t i = 0; i < p->value_count; i++)
        if (p->values[i].kind == CUV_V_RESULT && p->values[i].step >= 0)
            p->values[i].step = place[p->values[i].step];
    p->step_count = kept;
}
