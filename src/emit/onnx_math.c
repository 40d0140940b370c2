/* ONNX nodes of the ops that work element by element. They keep the order of axes in which their input was made. */
#include "emit/onnx.h"

/* ---- one input */

/* Operators with the same meaning and no attributes. */
static const char *const plain[CUV_OP_COUNT] = {
    [CUV_OP_NEG] = "Neg", [CUV_OP_ABS] = "Abs", [CUV_OP_SIGN] = "Sign", [CUV_OP_FLOOR] = "Floor", [CUV_OP_CEIL] = "Ceil",
    [CUV_OP_ROUND] = "Round", [CUV_OP_EXP] = "Exp", [CUV_OP_LOG] = "Log", [CUV_OP_SQRT] = "Sqrt",
    [CUV_OP_RECIPROCAL] = "Reciprocal", [CUV_OP_SIN] = "Sin", [CUV_OP_COS] = "Cos", [CUV_OP_TAN] = "Tan", [CUV_OP_ASIN] = "Asin",
    [CUV_OP_ACOS] = "Acos", [CUV_OP_ATAN] = "Atan", [CUV_OP_SINH] = "Sinh", [CUV_OP_COSH] = "Cosh", [CUV_OP_ASINH] = "Asinh",
    [CUV_OP_ACOSH] = "Acosh", [CUV_OP_ATANH] = "Atanh", [CUV_OP_ERF] = "Erf", [CUV_OP_LOGICAL_NOT] = "Not",
    [CUV_OP_IS_NAN] = "IsNaN", [CUV_OP_IS_INF] = "IsInf", [CUV_OP_SIGMOID] = "Sigmoid", [CUV_OP_TANH] = "Tanh",
    [CUV_OP_SOFTPLUS] = "Softplus", [CUV_OP_SOFTSIGN] = "Softsign", [CUV_OP_SILU] = "Swish", [CUV_OP_MISH] = "Mish",
    [CUV_OP_HARD_SILU] = "HardSwish",
};

/* Integers too. */
static bool takes_integers(cuv_op op)
{
    switch ((int)op) {
    case CUV_OP_NEG: case CUV_OP_ABS: case CUV_OP_SIGN: case CUV_OP_SQUARE: case CUV_OP_CLIP: return true;
    default: return false;
    }
}

static const char *number(onnx_writer *w, double value) { return onnx_number(w, CUV_F32, value); }

static const char *with(onnx_writer *w, const char *op, const char *x, double value)
{
    return onnx_op2(w, op, x, number(w, value));
}

static const char *clip(onnx_writer *w, const char *x, cuv_dtype dtype, double low, double high)
{
    return onnx_op3(w, "Clip", x, low > -INFINITY ? onnx_number(w, dtype, low) : NULL,
                    high < INFINITY ? onnx_number(w, dtype, high) : NULL);
}

static const char *alpha_op(onnx_writer *w, const char *op, const char *x, double alpha)
{
    return onnx_node(w, op, ONNX_IN(x), ONNX_ATTRS(ONNX_AF("alpha", alpha)), NULL, 1);
}

/* x > threshold ? yes : no */
static const char *above(onnx_writer *w, const char *x, double threshold, const char *yes, const char *no)
{
    return onnx_op3(w, "Where", with(w, "Greater", x, threshold), yes, no);
}

/* x >= beta: beta; x > gamma: x; else alpha (x - gamma) */
static const char *relu(onnx_writer *w, const cuv_act *a, const char *x)
{
    const char *y;
    if (a->gamma == 0 && a->alpha == 0)
        return a->beta < INFINITY ? clip(w, x, CUV_F32, 0, a->beta) : onnx_op1(w, "Relu", x);
    if (a->gamma == 0)
        y = alpha_op(w, "LeakyRelu", x, a->alpha);
    else if (a->alpha == 0 && a->gamma > 0)
        y = alpha_op(w, "ThresholdedRelu", x, a->gamma);
    else
        y = above(w, x, a->gamma, x, with(w, "Mul", with(w, "Sub", x, a->gamma), a->alpha));
    return a->beta < INFINITY ? clip(w, y, CUV_F32, -INFINITY, a->beta) : y;
}

static const char *sparse_plus(onnx_writer *w, const char *x)
{
    const char *t = with(w, "Add", clip(w, x, CUV_F32, -1, 1), 1);
    return above(w, x, 1, x, with(w, "Mul", onnx_op2(w, "Mul", t, t), 0.25));
}

static const char *activation(onnx_writer *w, const cuv_act *a, const char *x, int axis)
{
    switch ((int)a->op) {
    case CUV_OP_RELU: return relu(w, a, x);
    case CUV_OP_ELU: return alpha_op(w, "Elu", x, a->alpha);
    case CUV_OP_CELU: return alpha_op(w, "Celu", x, a->alpha);
    case CUV_OP_SELU:
        return onnx_node(w, "Selu", ONNX_IN(x), ONNX_ATTRS(ONNX_AF("alpha", 1.6732632423543772),
                         ONNX_AF("gamma", 1.0507009873554805)), NULL, 1);
    case CUV_OP_GELU:
        return onnx_node(w, "Gelu", ONNX_IN(x), ONNX_ATTRS(ONNX_AS("approximate", a->approximate ? "tanh" : "none")), NULL, 1);
    case CUV_OP_HARD_SIGMOID:
        return onnx_node(w, "HardSigmoid", ONNX_IN(x), ONNX_ATTRS(ONNX_AF("alpha", a->alpha), ONNX_AF("beta", a->beta)), NULL, 1);
    case CUV_OP_HARD_TANH: return clip(w, x, CUV_F32, -1, 1);
    case CUV_OP_HARD_SHRINK:
        return onnx_node(w, "Shrink", ONNX_IN(x), ONNX_ATTRS(ONNX_AF("bias", 0), ONNX_AF("lambd", a->alpha)), NULL, 1);
    case CUV_OP_SOFT_SHRINK:
        return onnx_node(w, "Shrink", ONNX_IN(x), ONNX_ATTRS(ONNX_AF("bias", a->alpha), ONNX_AF("lambd", a->alpha)), NULL, 1);
    case CUV_OP_TANH_SHRINK: return onnx_op2(w, "Sub", x, onnx_op1(w, "Tanh", x));
    case CUV_OP_LOG_SIGMOID: return onnx_op1(w, "Neg", onnx_op1(w, "Softplus", onnx_op1(w, "Neg", x)));
    case CUV_OP_SQUAREPLUS:
        return with(w, "Mul", onnx_op2(w, "Add", x, onnx_op1(w, "Sqrt", with(w, "Add", onnx_op2(w, "Mul", x, x), a->alpha))), 0.5);
    case CUV_OP_SPARSE_PLUS: return sparse_plus(w, x);
    case CUV_OP_SPARSE_SIGMOID: return clip(w, with(w, "Mul", with(w, "Add", x, 1), 0.5), CUV_F32, 0, 1);
    case CUV_OP_THRESHOLD: return above(w, x, a->alpha, x, number(w, a->beta));
    case CUV_OP_SOFTMAX: return onnx_node(w, "Softmax", ONNX_IN(x), ONNX_ATTRS(ONNX_AI("axis", axis)), NULL, 1);
    case CUV_OP_LOG_SOFTMAX: return onnx_node(w, "LogSoftmax", ONNX_IN(x), ONNX_ATTRS(ONNX_AI("axis", axis)), NULL, 1);
    default: break;
    }
    onnx_refuse(w, "no operator of ONNX computes it");
    return NULL;
}

const char *onnx_unary(onnx_writer *w, const cuv_act *a, const char *x, cuv_dtype dtype, int axis)
{
    if (a->op == CUV_OP_NONE)
        return x;
    if (plain[a->op])
        return onnx_op1(w, plain[a->op], x);
    switch ((int)a->op) {
    case CUV_OP_SQUARE: return onnx_op2(w, "Mul", x, x);
    case CUV_OP_CLIP: return clip(w, x, dtype, a->alpha, a->beta);
    case CUV_OP_TRUNC: return onnx_op2(w, "Mul", onnx_op1(w, "Sign", x), onnx_op1(w, "Floor", onnx_op1(w, "Abs", x)));
    case CUV_OP_EXPM1: return with(w, "Sub", onnx_op1(w, "Exp", x), 1);
    case CUV_OP_LOG1P: return onnx_op1(w, "Log", with(w, "Add", x, 1));
    case CUV_OP_RSQRT: return onnx_op1(w, "Reciprocal", onnx_op1(w, "Sqrt", x));
    default: return activation(w, a, x, axis);
    }
}

void onnx_elementwise(onnx_writer *w, const cuv_step *s)
{
    const cuv_var *x = onnx_var(w, s->in[0]);
    const int *perm = onnx_native(w, s->in[0]);
    const cuv_attrs none = {0}, *at = s->attrs ? s->attrs : &none;
    const cuv_act act = {.op = s->op, .alpha = at->alpha, .beta = at->beta, .gamma = at->gamma, .approximate = at->approximate};
    const bool whole = !cuv_dtype_is_float(x->dtype) && s->op != CUV_OP_LOGICAL_NOT && !takes_integers(s->op);
    const char *in = onnx_want(w, s->in[0], perm);
    const char *y = onnx_unary(w, &act, whole ? onnx_cast(w, in, ONNX_FLOAT) : in, x->dtype, x->rank - 1);
    const onnx_type out = onnx_carried(onnx_var(w, s->out[0])->dtype);
    onnx_made(w, 0, whole && out != ONNX_BOOL ? onnx_cast(w, y, out) : y, perm);
}

void onnx_cast_step(onnx_writer *w, const cuv_step *s)
{
    const cuv_var *from = onnx_var(w, s->in[0]), *to = onnx_var(w, s->out[0]);
    const cuv_tensor *known = onnx_known(w, s->in[0]);
    const int *perm = onnx_native(w, s->in[0]);
    cuv_tensor *t = NULL;
    void *values = NULL;
    if (known && (to->dtype == cuv_dtype_kept(to->dtype) || cuv_dtype_is_float(to->dtype)) && to->dtype != CUV_STR && from->dtype != CUV_STR && !onnx_failed(w)) {
        w->status = cuv_tensor_new(w->arena, to->dtype, known->shape, known->rank, &t, &values);
        if (onnx_failed(w))
            return;
        cuv_convert(values, to->dtype, known->data, known->dtype, cuv_tensor_count(known));
        w->values[s->out[0]].known = t;
        if (cuv_dtype_is_float(to->dtype) && to->dtype != CUV_F32) {      /* carried as floats */
            w->status = cuv_tensor_new(w->arena, CUV_F32, t->shape, t->rank, &t, &values);
            if (onnx_failed(w))
                return;
            cuv_convert_to_f32(values, w->values[s->out[0]].known->data, to->dtype, cuv_tensor_count(t));
            w->values[s->out[0]].known = t;
        }
        return;
    }
    const char *x = onnx_want(w, s->in[0], perm);
    const bool same = onnx_carried(from->dtype) == onnx_carried(to->dtype);
    onnx_made(w, 0, same ? x : onnx_cast(w, x, onnx_carried(to->dtype)), perm);
}

/* ---- several inputs, broadcasting */

/* The order of axes in which a step with these inputs is computed: that of its first full-rank input that is not known, when all
 * others can follow. */
static const int *common_order(onnx_writer *w, const cuv_step *s, int rank)
{
    const int *order = NULL;
    for (int i = 0; i < s->in_count; i++) {
        const cuv_var *v = onnx_var(w, s->in[i]);
        if (onnx_known(w, s->in[i]) || v->rank == 0)
            continue;
        if (v->rank < rank)
            return NULL;
        order = order ? order : onnx_native(w, s->in[i]);
    }
    return order;
}

/* Input i for a step of `rank` axes in the order `perm`. */
static const char *operand(onnx_writer *w, int i, int rank, const int *perm)
{
    const cuv_ref ref = w->step->in[i];
    const cuv_tensor *t = onnx_known(w, ref);
    const int have = onnx_var(w, ref)->rank;
    if (!t || have == 0 || have == rank || onnx_is_identity(perm, rank))
        return onnx_want(w, ref, have == rank ? perm : NULL);
    int64_t shape[CUV_MAX_RANK];
    cuv_tensor *wide = NULL, *turned = NULL;
    for (int k = 0; k < rank; k++)
        shape[k] = k < rank - have ? 1 : t->shape[k - (rank - have)];
    w->status = cuv_tensor_reshape(w->arena, t, shape, rank, &wide);
    if (!onnx_failed(w))
        w->status = cuv_tensor_transpose(w->arena, wide, perm, &turned);
    const char *name = onnx_var(w, ref)->name;
    return onnx_failed(w) ? NULL : onnx_initializer_of(w, name ? name : cuv_format(w->cx, "%s_constant", w->base), turned);
}

/* angle of (b, a) from arctan(a / b) */
static const char *atan2_of(onnx_writer *w, const char *a, const char *b)
{
    const double pi = 3.14159265358979323846;
    const char *zero = number(w, 0), *near = onnx_op1(w, "Atan", onnx_op2(w, "Div", a, b));
    const char *up = onnx_op2(w, "GreaterOrEqual", a, zero);
    const char *left = onnx_op3(w, "Where", up, with(w, "Add", near, pi), with(w, "Sub", near, pi));
    const char *upright = onnx_op2(w, "Mul", onnx_op1(w, "Sign", a), number(w, pi / 2));
    const char *y = onnx_op3(w, "Where", onnx_op2(w, "Less", b, zero), left, near);
    return onnx_op3(w, "Where", onnx_op2(w, "Equal", b, zero), upright, y);
}

static const char *div_no_nan(onnx_writer *w, const char *a, const char *b)
{
    const char *zero = onnx_op2(w, "Equal", b, number(w, 0));
    return onnx_op3(w, "Where", zero, number(w, 0), onnx_op2(w, "Div", a, onnx_op3(w, "Where", zero, number(w, 1), b)));
}

static const char *floats_of_two(onnx_writer *w, cuv_op op, const char *a, const char *b)
{
    const char *floored;
    switch ((int)op) {
    case CUV_OP_DIV_NO_NAN: return div_no_nan(w, a, b);
    case CUV_OP_FLOOR_DIV: return onnx_op1(w, "Floor", onnx_op2(w, "Div", a, b));
    case CUV_OP_MOD:
        floored = onnx_op1(w, "Floor", onnx_op2(w, "Div", a, b));
        return onnx_op2(w, "Sub", a, onnx_op2(w, "Mul", b, floored));
    case CUV_OP_ATAN2: return atan2_of(w, a, b);
    default: return NULL;
    }
}

static const char *const of_two[CUV_OP_COUNT] = {
    [CUV_OP_PRELU] = "PRelu", [CUV_OP_ADD] = "Add", [CUV_OP_SUB] = "Sub", [CUV_OP_MUL] = "Mul", [CUV_OP_DIV] = "Div",
    [CUV_OP_POW] = "Pow", [CUV_OP_MAXIMUM] = "Max", [CUV_OP_MINIMUM] = "Min", [CUV_OP_EQUAL] = "Equal",
    [CUV_OP_NOT_EQUAL] = "Equal", [CUV_OP_LESS] = "Less", [CUV_OP_LESS_EQUAL] = "LessOrEqual", [CUV_OP_GREATER] = "Greater",
    [CUV_OP_GREATER_EQUAL] = "GreaterOrEqual", [CUV_OP_LOGICAL_AND] = "And", [CUV_OP_LOGICAL_OR] = "Or",
    [CUV_OP_LOGICAL_XOR] = "Xor", [CUV_OP_BITWISE_AND] = "BitwiseAnd", [CUV_OP_BITWISE_OR] = "BitwiseOr",
    [CUV_OP_BITWISE_XOR] = "BitwiseXor",
};

/* Types in which the operator is defined: comparisons of equality take all, logic takes truths, arithmetic numbers. */
static bool takes(cuv_op op, cuv_dtype dtype)
{
    switch ((int)op) {
    case CUV_OP_EQUAL: case CUV_OP_NOT_EQUAL: return true;
    case CUV_OP_LOGICAL_AND: case CUV_OP_LOGICAL_OR: case CUV_OP_LOGICAL_XOR: return dtype == CUV_BOOL;
    case CUV_OP_DIV_NO_NAN: case CUV_OP_FLOOR_DIV: case CUV_OP_MOD: case CUV_OP_ATAN2: case CUV_OP_DIV:
        return cuv_dtype_is_float(dtype);
    default: return dtype != CUV_BOOL;
    }
}

void onnx_binary(onnx_writer *w, const cuv_step *s)
{
    const cuv_var *out = onnx_var(w, s->out[0]), *x = onnx_var(w, s->in[0]);
    const int *perm = common_order(w, s, out->rank);
    const char *a = operand(w, 0, out->rank, perm), *b = operand(w, 1, out->rank, perm);
    const bool direct = takes(s->op, x->dtype), logic = s->op == CUV_OP_LOGICAL_AND || s->op == CUV_OP_LOGICAL_OR ||
                        s->op == CUV_OP_LOGICAL_XOR;
    if (!direct) {
        a = onnx_cast(w, a, logic ? ONNX_BOOL : ONNX_DOUBLE);
        b = onnx_cast(w, b, logic ? ONNX_BOOL : ONNX_DOUBLE);
    }
    if (!direct && !logic && (s->op == CUV_OP_DIV_NO_NAN || s->op == CUV_OP_ATAN2)) {
        onnx_refuse(w, "its inputs are %s, and floats are expected", cuv_dtype_name(x->dtype));
        return;
    }
    const char *y = of_two[s->op] ? onnx_op2(w, of_two[s->op], a, b) : floats_of_two(w, s->op, a, b);
    if (s->op == CUV_OP_NOT_EQUAL)
        y = onnx_op1(w, "Not", y);
    if (!direct && !logic && onnx_carried(out->dtype) != ONNX_BOOL)
        y = onnx_cast(w, y, onnx_carried(out->dtype));
    else if (!direct && !logic && out->dtype == CUV_BOOL && (s->op == CUV_OP_ADD || s->op == CUV_OP_MUL ||
             s->op == CUV_OP_SUB || s->op == CUV_OP_MAXIMUM || s->op == CUV_OP_MINIMUM))
        y = onnx_cast(w, y, ONNX_BOOL);
    onnx_made(w, 0, y, perm);
}

void onnx_where(onnx_writer *w, const cuv_step *s)
{
    const int rank = onnx_var(w, s->out[0])->rank;
    const int *perm = common_order(w, s, rank);
    const char *c = operand(w, 0, rank, perm);
    if (onnx_var(w, s->in[0])->dtype != CUV_BOOL)
        c = onnx_cast(w, c, ONNX_BOOL);
    onnx_made(w, 0, onnx_op3(w, "Where", c, operand(w, 1, rank, perm), operand(w, 2, rank, perm)), perm);
}
