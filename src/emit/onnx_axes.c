/* ONNX nodes of the ops that work along axes: sums, softmax, order. */
#include "emit/onnx.h"

static const char *const reductions[CUV_OP_COUNT] = {
    [CUV_OP_SUM] = "ReduceSum", [CUV_OP_MEAN] = "ReduceMean", [CUV_OP_PROD] = "ReduceProd", [CUV_OP_MAX] = "ReduceMax",
    [CUV_OP_MIN] = "ReduceMin", [CUV_OP_ANY] = "ReduceMax", [CUV_OP_ALL] = "ReduceMin",
};

static bool reduced(const cuv_attrs *at, int axis)
{
    bool found = at->axes_count == 0;
    for (int i = 0; i < at->axes_count; i++)
        found |= at->axes[i] == axis;
    return found;
}

/* Order of the result's axes when x has the order `perm`: the same without the reduced ones. */
static void reduced_order(const cuv_attrs *at, const int *perm, int rank, int *out)
{
    int n = 0;
    for (int i = 0; i < rank; i++) {
        int before = 0;
        if (!at->keepdims && reduced(at, perm[i]))
            continue;
        for (int k = 0; k < perm[i]; k++)
            before += !at->keepdims && reduced(at, k);
        out[n++] = perm[i] - before;
    }
}

void onnx_reduce_step(onnx_writer *w, const cuv_step *s)
{
    const cuv_var *v = onnx_var(w, s->in[0]);
    const int *perm = onnx_native(w, s->in[0]);
    int64_t axes[CUV_MAX_RANK];
    int order[CUV_MAX_RANK] = {0};
    size_t n = 0;
    const bool truth = v->dtype == CUV_BOOL;
    const char *x = onnx_want(w, s->in[0], perm);
    if (v->rank == 0) {
        onnx_made(w, 0, x, NULL);
        return;
    }
    for (int i = 0; i < v->rank; i++)
        if (reduced(s->attrs, perm[i]))
            axes[n++] = i;
    const bool to_truth = onnx_var(w, s->out[0])->dtype == CUV_BOOL;
    if (truth || to_truth)
        x = onnx_cast(w, truth ? x : onnx_cast(w, x, ONNX_BOOL), ONNX_INT32);
    const char *y = onnx_reduce(w, reductions[s->op], x, axes, n, s->attrs->keepdims);
    if (truth || to_truth)
        y = onnx_cast(w, y, onnx_carried(onnx_var(w, s->out[0])->dtype));
    reduced_order(s->attrs, perm, v->rank, order);
    onnx_made(w, 0, y, order);
}

void onnx_arg_reduce(onnx_writer *w, const cuv_step *s)
{
    const char *x = onnx_in(w, 0);
    if (onnx_var(w, s->in[0])->dtype == CUV_BOOL)
        x = onnx_cast(w, x, ONNX_INT32);
    const char *y = onnx_node(w, s->op == CUV_OP_ARGMAX ? "ArgMax" : "ArgMin", ONNX_IN(x),
                              ONNX_ATTRS(ONNX_AI("axis", s->attrs->axis), ONNX_AI("keepdims", s->attrs->keepdims)), NULL, 1);
    onnx_made(w, 0, onnx_cast(w, y, ONNX_INT32), NULL);
}

void onnx_cumsum(onnx_writer *w, const cuv_step *s)
{
    const char *x = onnx_in(w, 0);
    onnx_made(w, 0, onnx_node(w, "CumSum", ONNX_IN(x, onnx_int(w, s->attrs->axis)),
                              ONNX_ATTRS(ONNX_AI("reverse", s->attrs->reverse)), NULL, 1), NULL);
}

/* Products of growing parts: ONNX Runtime has no running product. */
void onnx_cumprod(onnx_writer *w, const cuv_step *s)
{
    const cuv_var *v = onnx_var(w, s->in[0]);
    const int axis = s->attrs->axis;
    const int64_t n = v->shape[axis], at[1] = {axis};
    const char *x = onnx_in(w, 0), **parts = n > 0 && n <= 1024 ? CUV_NEW_ARRAY(w->arena, const char *, (size_t)n) : NULL;
    if (!parts) {
        onnx_refuse(w, "the axis it runs along has %s", n < 0 ? "an unknown size" : "more than 1024 elements");
        return;
    }
    for (int64_t i = 0; i < n; i++)
        parts[i] = onnx_reduce(w, "ReduceProd", onnx_slice(w, x, axis, s->attrs->reverse ? i : 0,
                               s->attrs->reverse ? n : i + 1, 1), at, 1, true);
    onnx_made(w, 0, onnx_concat(w, parts, (size_t)n, axis), NULL);
}

static const char *sorted(onnx_writer *w, const cuv_step *s, int axis, const char *count, bool largest, const char **index)
{
    const char *out[2] = {NULL, NULL}, *x = onnx_in(w, 0);
    (void)s;
    onnx_node(w, "TopK", ONNX_IN(x, count), ONNX_ATTRS(ONNX_AI("axis", axis), ONNX_AI("largest", largest)), out, 2);
    *index = onnx_cast(w, out[1], ONNX_INT32);
    return out[0];
}

void onnx_sort(onnx_writer *w, const cuv_step *s)
{
    const char *index, *y = sorted(w, s, s->attrs->axis, onnx_size(w, s->in[0], s->attrs->axis), s->attrs->reverse, &index);
    onnx_made(w, 0, s->op == CUV_OP_ARGSORT ? index : y, NULL);
}

void onnx_top_k(onnx_writer *w, const cuv_step *s)
{
    const char *index, *y = sorted(w, s, onnx_var(w, s->in[0])->rank - 1, onnx_ints(w, &s->attrs->count, 1), true, &index);
    onnx_made(w, 0, y, NULL);
    onnx_made(w, 1, index, NULL);
}

/* ---- softmax */

/* Several axes at once: e^(x - max) / sum. */
static const char *joint_softmax(onnx_writer *w, const char *x, const int64_t *axes, size_t n, bool log)
{
    const char *most = onnx_reduce(w, "ReduceMax", x, axes, n, true);
    const char *less = onnx_op2(w, "Sub", x, most), *e = onnx_op1(w, "Exp", less);
    const char *sum = onnx_reduce(w, "ReduceSum", e, axes, n, true);
    return log ? onnx_op2(w, "Sub", less, onnx_op1(w, "Log", sum)) : onnx_op2(w, "Div", e, sum);
}

static const char *softmax(onnx_writer *w, const cuv_step *s, const char *x, const int *perm, bool log)
{
    const int rank = onnx_var(w, s->in[0])->rank;
    int64_t axes[CUV_MAX_RANK];
    size_t n = 0;
    for (int i = 0; i < s->attrs->axes_count; i++)
        axes[n++] = onnx_place(perm, rank, s->attrs->axes[i]);
    if (!n)
        axes[n++] = onnx_place(perm, rank, rank - 1);
    if (n > 1)
        return joint_softmax(w, x, axes, n, log);
    return onnx_node(w, log ? "LogSoftmax" : "Softmax", ONNX_IN(x), ONNX_ATTRS(ONNX_AI("axis", axes[0])), NULL, 1);
}

void onnx_softmax(onnx_writer *w, const cuv_step *s)
{
    const int *perm = onnx_has(w, 1) ? NULL : onnx_native(w, s->in[0]);
    static const int own[CUV_MAX_RANK] = {0, 1, 2, 3, 4, 5, 6, 7};
    const char *x = onnx_want(w, s->in[0], perm), *mask = onnx_in(w, 1);
    if (mask)
        x = onnx_op3(w, "Where", mask, x, onnx_number(w, CUV_F32, -3.4028234663852886e38));
    const char *y = softmax(w, s, x, perm ? perm : own, false);
    if (mask && !s->attrs->masked_uniform)
        y = onnx_op3(w, "Where", mask, y, onnx_number(w, CUV_F32, 0));
    onnx_made(w, 0, y, perm);
}

void onnx_log_softmax(onnx_writer *w, const cuv_step *s)
{
    const int *perm = onnx_native(w, s->in[0]);
    onnx_made(w, 0, softmax(w, s, onnx_want(w, s->in[0], perm), perm, true), perm);
}
