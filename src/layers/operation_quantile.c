/* Quantiles of keras.ops.numpy: of all numbers along axes, and of those that are numbers. */
#include "layers/operation_emit.h"

#include <math.h>

static cuv_status float_x(cuv_call *call, cuv_ref *x)
{
    CUV_TRY(cuv_operand_x(call, x));
    *x = cuv_as_float(call, *x);
    return call->program->status;
}

/* x sorted along one last axis, which all axes of the option are joined to; its size must be known. */
static cuv_status sorted_row(cuv_call *call, cuv_ref *x, cuv_attrs *attrs, int64_t *size)
{
    int perm[CUV_MAX_RANK], n = 0;
    int64_t shape[CUV_MAX_RANK];
    CUV_TRY(cuv_option_reduction(call, *x, attrs));
    const cuv_var *v = cuv_var_of(call, *x);
    int rank = v->rank, all = attrs->axes_count == 0;
    *size = 1;
    for (int i = 0; i < rank; i++) {
        bool is_axis = all;
        for (int k = 0; k < attrs->axes_count; k++)
            is_axis |= attrs->axes[k] == i;
        if (is_axis)
            *size = v->shape[i] < 0 || *size < 0 ? -1 : *size * v->shape[i];
        else
            perm[n++] = i;
    }
    int others = n;
    for (int k = 0; k < (all ? rank : attrs->axes_count); k++)
        perm[n++] = all ? k : attrs->axes[k];
    if (*size < 1)
        return cuv_bad_option(call, "axis", "axes of known size");
    *x = cuv_transposed(call, *x, perm);
    for (int i = 0; i < others; i++)
        shape[i] = -2 - i;
    shape[others] = *size;
    *x = cuv_emit_reshape(call->program, *x, shape, others + 1);
    *x = cuv_emit(call->program, CUV_OP_SORT, CUV_IN(*x), CUV_AT(.axis = others));
    return call->program->status;
}

static cuv_ref element(cuv_call *call, cuv_ref row, double at, int64_t size)
{
    int last = cuv_var_of(call, row)->rank - 1;
    int64_t i = at < 0 ? 0 : at > (double)(size - 1) ? size - 1 : (int64_t)at;
    return cuv_squeeze(call, cuv_slice_axis(call, row, last, i, i + 1), last);
}

static cuv_ref one_quantile(cuv_call *call, cuv_ref row, int64_t size, double q, const char *method)
{
    double at = (double)(size - 1) * q;
    if (strcmp(method, "lower") == 0)
        return element(call, row, floor(at), size);
    if (strcmp(method, "higher") == 0)
        return element(call, row, ceil(at), size);
    if (strcmp(method, "nearest") == 0)
        return element(call, row, nearbyint(at), size);
    double above = ceil(at) > 0 ? ceil(at) : size > 1 ? 1 : 0, below = above > 0 ? above - 1 : 0, fraction = above - at;
    if (strcmp(method, "midpoint") == 0)
        return E2(MUL, E2(ADD, element(call, row, floor(at), size), element(call, row, ceil(at), size)), LIKE(row, 0.5));
    cuv_ref high = element(call, row, above, size), low = element(call, row, below, size);
    return E2(ADD, E2(MUL, high, LIKE(row, 1 - fraction)), E2(MUL, low, LIKE(row, fraction)));
}

/* With keepdims the axes come back as 1. */
static cuv_ref with_axes(cuv_call *call, cuv_ref y, const cuv_attrs *attrs, int rank, int before)
{
    int64_t shape[CUV_MAX_RANK];
    int next = before;
    for (int i = 0; i < before; i++)
        shape[i] = -2 - i;
    for (int i = 0; i < rank && before + i < CUV_MAX_RANK; i++) {
        bool is_axis = attrs->axes_count == 0;
        for (int k = 0; k < attrs->axes_count; k++)
            is_axis |= attrs->axes[k] == i;
        shape[before + i] = is_axis ? 1 : -2 - next++;
    }
    return cuv_emit_reshape(call->program, y, shape, rank + before);
}

static const char methods[] = "linear lower higher nearest midpoint";

/* What is asked for: quantiles q of x, as a list or alone. */
typedef struct asked {
    const char *method;
    double q[64];
    int count;
    bool list;
} asked;

static cuv_status give_quantiles(cuv_call *call, const asked *a, cuv_ref *ys, const cuv_attrs *attrs, int rank)
{
    for (int i = 0; a->list && i < a->count; i++)
        ys[i] = cuv_expand_dims(call, ys[i], 0);
    cuv_ref y = a->list ? cuv_emit(call->program, CUV_OP_CONCAT, ys, (size_t)a->count, CUV_AT(.axis = 0)) : ys[0];
    return cuv_give(call, attrs->keepdims ? with_axes(call, y, attrs, rank, a->list) : y);
}

static cuv_status quantiles(cuv_call *call, const asked *a)
{
    cuv_ref x, ys[64];
    cuv_attrs attrs;
    int64_t size;
    CUV_TRY(float_x(call, &x));
    if (!cuv_has_word(methods, a->method))
        return cuv_bad_option(call, "method", methods);
    int rank = cuv_var_of(call, x)->rank;
    cuv_ref row = x;
    CUV_TRY(sorted_row(call, &row, &attrs, &size));
    cuv_attrs plain = attrs;
    plain.keepdims = false;
    cuv_ref nan = REDUCE(ANY, E1(IS_NAN, x), &plain);
    for (int i = 0; i < a->count; i++) {
        ys[i] = one_quantile(call, row, size, a->q[i], a->method);
        ys[i] = WHERE(nan, LIKE(x, NAN), ys[i]);
    }
    return give_quantiles(call, a, ys, &attrs, rank);
}

/* Reads "q"; `percent`: it counts to 100, in float32 as Keras divides. */
static cuv_status read_asked(cuv_call *call, const char *method, bool percent, asked *a)
{
    static const char *const wanted = "a number or a list of numbers, 64 at most";
    const cuv_value *v = cuv_option(call, "q");
    const bool wide = cuv_streq(cuv_get_text(cuv_get(v, "config"), "dtype"), "float64");
    if (cuv_streq(cuv_get_text(v, "class_name"), "__numpy__"))
        v = cuv_get(cuv_get(v, "config"), "value");
    *a = (asked){.method = method, .list = cuv_is_seq(v)};
    if (a->list && (!cuv_len(v) || cuv_len(v) > 64))
        return cuv_bad_option(call, "q", wanted);
    for (size_t i = 0; i < (a->list ? cuv_len(v) : 1); i++) {
        double *q = &a->q[a->count++];
        if (!cuv_as_real(a->list ? cuv_item(v, i) : v, q))
            return cuv_bad_option(call, "q", wanted);
        if (percent)
            *q = (double)((float)*q / (float)100);
        else if (!wide)         /* Python's numbers become float32 */
            *q = (double)(float)*q;
        if (!(*q >= 0 && *q <= 1))
            return cuv_bad_option(call, "q", percent ? "from 0 to 100" : "from 0 to 1");
    }
    return CUV_OK;
}

/* The node of Keras 3 (to 3.15) keeps the method of a quantile and computes the linear one. */
cuv_status cuv_op_quantile(cuv_call *call)
{
    asked a;
    CUV_TRY(read_asked(call, "linear", false, &a));
    return quantiles(call, &a);
}

cuv_status cuv_op_median(cuv_call *call)
{
    return quantiles(call, &(asked){.method = "linear", .q = {0.5}, .count = 1});
}

cuv_status cuv_op_percentile(cuv_call *call)
{
    asked a;
    CUV_TRY(read_asked(call, cuv_option_text(call, "method", "linear"), true, &a));
    return quantiles(call, &a);
}

/* ---- of what is a number ---- */

typedef struct numbers {
    cuv_ref row, last;          /* sorted, numbers first; how many there are, less 1 (float64) */
} numbers;

/* The element at a place of its own in each row. */
static cuv_ref element_at(cuv_call *call, const numbers *n, cuv_ref at)
{
    int axis = cuv_var_of(call, n->row)->rank - 1;
    at = E2(MAXIMUM, E2(MINIMUM, at, n->last), LIKE(at, 0));
    at = cuv_expand_dims(call, TO(at, CUV_I32), axis);
    return cuv_squeeze(call, cuv_emit(call->program, CUV_OP_GATHER_ALONG, CUV_IN(n->row, at), CUV_AT(.axis = axis)), axis);
}

static cuv_ref one_of_numbers(cuv_call *call, const numbers *n, double q, const char *method)
{
    cuv_ref at = E2(MUL, n->last, LIKE(n->last, (double)(float)q)), above = E1(CEIL, at);
    if (strcmp(method, "lower") == 0)
        return element_at(call, n, E1(FLOOR, at));
    if (strcmp(method, "higher") == 0)
        return element_at(call, n, above);
    if (strcmp(method, "nearest") == 0)
        return element_at(call, n, E1(ROUND, at));
    if (strcmp(method, "midpoint") == 0) {
        cuv_ref both = E2(ADD, element_at(call, n, E1(FLOOR, at)), element_at(call, n, above));
        return E2(MUL, both, LIKE(both, 0.5));
    }
    cuv_ref below = E2(MAXIMUM, E2(SUB, above, LIKE(at, 1)), LIKE(at, 0));
    above = E2(MAXIMUM, E2(MINIMUM, E2(ADD, below, LIKE(at, 1)), n->last), LIKE(at, 0));
    cuv_ref fraction = TO(E2(SUB, above, at), cuv_var_of(call, n->row)->dtype);
    cuv_ref high = E2(MUL, element_at(call, n, above), E2(SUB, LIKE(fraction, 1), fraction));
    return E2(ADD, high, E2(MUL, element_at(call, n, below), fraction));
}

static cuv_status quantiles_of_numbers(cuv_call *call, const asked *a)
{
    cuv_ref x, ys[64];
    cuv_attrs attrs;
    int64_t size;
    CUV_TRY(float_x(call, &x));
    if (!cuv_has_word(methods, a->method))
        return cuv_bad_option(call, "method", methods);
    int rank = cuv_var_of(call, x)->rank;
    cuv_ref nan = E1(IS_NAN, x);
    numbers n = {.row = WHERE(nan, LIKE(x, INFINITY), x)};
    CUV_TRY(sorted_row(call, &n.row, &attrs, &size));
    cuv_attrs plain = attrs;
    plain.keepdims = false;
    n.last = REDUCE(SUM, TO(E1(LOGICAL_NOT, nan), CUV_F64), &plain);
    n.last = E2(SUB, n.last, LIKE(n.last, 1));
    cuv_ref none = E2(LESS, n.last, LIKE(n.last, 0));
    for (int i = 0; i < a->count; i++)
        ys[i] = WHERE(none, LIKE(x, NAN), one_of_numbers(call, &n, a->q[i], a->method));
    return give_quantiles(call, a, ys, &attrs, rank);
}

cuv_status cuv_op_nanquantile(cuv_call *call)
{
    asked a;
    CUV_TRY(read_asked(call, cuv_option_text(call, "method", "linear"), false, &a));
    return quantiles_of_numbers(call, &a);
}

cuv_status cuv_op_nanpercentile(cuv_call *call)
{
    asked a;
    CUV_TRY(read_asked(call, cuv_option_text(call, "method", "linear"), true, &a));
    return quantiles_of_numbers(call, &a);
}

cuv_status cuv_op_nanmedian(cuv_call *call)
{
    return quantiles_of_numbers(call, &(asked){.method = "linear", .q = {0.5}, .count = 1});
}
