/* Arithmetic of arrays in a script: operators with NumPy's broadcasting and types, sums and means, functions of each element. */
#include "evidence/script.h"

#include <math.h>

/* ---- types ---- */

static bool small_integer(cuv_dtype t)
{
    return t == CUV_BOOL || (cuv_dtype_is_integer(t) && cuv_dtype_size(t) <= 2);
}

static cuv_dtype promoted(cuv_dtype a, cuv_dtype b, int op)
{
    bool fa = cuv_dtype_is_float(a), fb = cuv_dtype_is_float(b);
    if (fa && fb)
        return cuv_dtype_size(a) >= cuv_dtype_size(b) ? a : b;
    if (fa || fb) {
        cuv_dtype real = fa ? a : b, whole = fa ? b : a;
        bool narrow = small_integer(whole) && (cuv_dtype_size(real) > 2 || cuv_dtype_size(whole) == 1);
        return narrow ? real : small_integer(whole) ? CUV_F32 : CUV_F64;
    }
    if (op == '/')
        return CUV_F64;
    return a == b && a != CUV_BOOL ? a : CUV_I64;
}

/* A number of Python's gives way to the array's type. */
static cuv_dtype beside_number(cuv_dtype t, const cuv_sv *number, int op)
{
    if (cuv_dtype_is_float(t))
        return t;
    return op == '/' || number->kind == CUV_SV_REAL ? CUV_F64 : t == CUV_BOOL ? CUV_I64 : t;
}

/* ---- operators ---- */

static bool broadcast(const cuv_tensor *a, const cuv_tensor *b, int64_t *shape, int *rank)
{
    *rank = a->rank > b->rank ? a->rank : b->rank;
    for (int i = 0; i < *rank; i++) {
        int ia = i - (*rank - a->rank), ib = i - (*rank - b->rank);
        int64_t x = ia < 0 ? 1 : a->shape[ia], y = ib < 0 ? 1 : b->shape[ib];
        if (x != y && x != 1 && y != 1)
            return false;
        shape[i] = x == 1 ? y : x;
    }
    return true;
}

/* Which element of t stands at element i of the broadcast shape. */
static size_t element(const cuv_tensor *t, const int64_t *shape, int rank, size_t i)
{
    size_t at = 0, stride = 1;
    if (t->rank == 0 || cuv_shape_equal(t->shape, t->rank, shape, rank))
        return t->rank ? i : 0;
    for (int k = rank - 1; k >= 0; k--) {
        size_t place = i % (size_t)shape[k];
        int own = k - (rank - t->rank);
        i /= (size_t)shape[k];
        if (own < 0)
            continue;
        at += t->shape[own] == 1 ? 0 : place * stride;
        stride *= (size_t)t->shape[own];
    }
    return at;
}

static double combine(int op, double a, double b)
{
    switch (op) {
    case '+': return a + b;
    case '-': return a - b;
    case '*': return a * b;
    case '/': return a / b;
    case '<': return a < b ? a : b;
    case '>': return a > b ? a : b;
    default: return pow(a, b);
    }
}

typedef struct side { const cuv_tensor *t; double number; } side;

static bool take_side(const cuv_sv *v, side *out)
{
    *out = (side){.t = v->kind == CUV_SV_ARRAY ? v->tensor : NULL};
    return !v->unsure && (out->t ? out->t->dtype != CUV_STR : cuv_sv_as_real(v, &out->number));
}

cuv_status cuv_sc_array_operate(cuv_sc *e, int op, cuv_sv *a, cuv_sv *b, cuv_sv **out)
{
    cuv_sv *named = a->kind == CUV_SV_ARRAY ? a : b;
    static const cuv_tensor scalar = {.rank = 0};
    side x, y;
    int64_t shape[CUV_MAX_RANK];
    int rank = 0;
    cuv_tensor *made = NULL;
    void *values = NULL;
    if (cuv_sv_is_seq(a) && b->kind == CUV_SV_ARRAY)
        CUV_TRY(cuv_sc_array_of(e, a, &a));
    if (cuv_sv_is_seq(b) && a->kind == CUV_SV_ARRAY)
        CUV_TRY(cuv_sc_array_of(e, b, &b));
    if (!strchr("+-*/p<>", op) || !take_side(a, &x) || !take_side(b, &y))
        return cuv_sv_unknown(e, out, "the result of an operator on %s and %s", cuv_sv_describe(e, a), cuv_sv_describe(e, b));
    const cuv_tensor *t = x.t ? x.t : &scalar, *u = y.t ? y.t : &scalar;
    if (!broadcast(t, u, shape, &rank))
        return cuv_sc_fail(e, e->at, CUV_NO, "script.shapes", NULL, "%s %s and %s %s do not go together", a->label ? a->label : "an array of shape",
                           cuv_shape_text(e->cx, t->shape, t->rank), b->label ? b->label : "an array of shape",
                           cuv_shape_text(e->cx, u->shape, u->rank));
    cuv_dtype to = !x.t ? beside_number(u->dtype, a, op) : !y.t ? beside_number(t->dtype, b, op) : promoted(t->dtype, u->dtype, op);
    if ((x.t && !t->data) || (y.t && !u->data))
        return cuv_sc_shape_array(e, shape, rank, to, out);
    if (to == CUV_F32) {                            /* NumPy rounds a number first */
        x.number = (double)(float)x.number;
        y.number = (double)(float)y.number;
    }
    CUV_TRY(cuv_sc_new_tensor(e, to, shape, rank, &made, &values));
    for (size_t i = 0, n = cuv_tensor_count(made); i < n; i++) {
        double p = x.t ? cuv_tensor_at(t, element(t, shape, rank, i)) : x.number;
        double q = y.t ? cuv_tensor_at(u, element(u, shape, rank, i)) : y.number;
        double z = combine(op, p, q);
        cuv_convert_wrapped((uint8_t *)values + i * cuv_dtype_size(to), to, &z, 1);
    }
    return cuv_sc_derived(e, named, made, x.t && y.t ? " computed" : cuv_sc_format(e, " %c %g", op == 'p' ? '^' : op, x.t ? y.number : x.number),
                          out);
}

/* Each element compared; *out stays NULL where that is nothing for arrays. */
cuv_status cuv_sc_array_compare(cuv_sc *e, int op, cuv_sv *a, cuv_sv *b, cuv_sv **out)
{
    static const cuv_tensor scalar = {.rank = 0};
    side x, y;
    int64_t shape[CUV_MAX_RANK];
    int rank = 0;
    cuv_tensor *made = NULL;
    void *values = NULL;
    *out = NULL;
    if (!take_side(a, &x) || !take_side(b, &y) || (x.t && !x.t->data) || (y.t && !y.t->data))
        return CUV_OK;
    const cuv_tensor *t = x.t ? x.t : &scalar, *u = y.t ? y.t : &scalar;
    if (!broadcast(t, u, shape, &rank) || rank == 0)
        return CUV_OK;
    CUV_TRY(cuv_sc_new_tensor(e, CUV_BOOL, shape, rank, &made, &values));
    for (size_t i = 0, n = cuv_tensor_count(made); i < n; i++) {
        double p = x.t ? cuv_tensor_at(t, element(t, shape, rank, i)) : x.number, q = y.t ? cuv_tensor_at(u, element(u, shape, rank, i)) : y.number;
        bool truth = op == '<' ? p < q : op == '>' ? p > q : op == CUV_PY_LE ? p <= q : op == CUV_PY_GE ? p >= q
                   : op == CUV_PY_EQ ? !(p < q) && !(p > q) && !isnan(p) && !isnan(q) : p < q || p > q || isnan(p) || isnan(q);
        ((uint8_t *)values)[i] = truth;
    }
    return cuv_sv_array(e, made, NULL, out);
}

/* numpy.where(condition, x, y) */
cuv_status cuv_sc_array_where(cuv_sc *e, const cuv_sv *condition, cuv_sv *a, cuv_sv *b, cuv_sv **out)
{
    cuv_sv *both = NULL, *shaped = NULL;
    cuv_tensor *made = NULL;
    void *values = NULL;
    side x, y;
    const cuv_tensor *c = condition->tensor;
    if (condition->unsure || !c->data || c->dtype != CUV_BOOL || !take_side(a, &x) || !take_side(b, &y) || (x.t && !x.t->data) || (y.t && !y.t->data) ||
        (!x.t && !y.t))
        return cuv_sv_unknown(e, out, "a choice among the elements of arrays");
    CUV_TRY(cuv_sc_array_operate(e, '+', a, b, &both));         /* for the type and the shape */
    CUV_TRY(cuv_sc_array_operate(e, '+', both, (cuv_sv *)(uintptr_t)condition, &shaped));
    const int64_t *shape = shaped->tensor->shape;
    int rank = shaped->tensor->rank;
    cuv_dtype to = both->tensor->dtype;
    CUV_TRY(cuv_sc_new_tensor(e, to, shape, rank, &made, &values));
    for (size_t i = 0, n = cuv_tensor_count(made); i < n; i++) {
        const side *from = cuv_tensor_at(c, element(c, shape, rank, i)) != 0 ? &x : &y;
        double z = from->t ? cuv_tensor_at(from->t, element(from->t, shape, rank, i)) : from->number;
        cuv_convert_wrapped((uint8_t *)values + i * cuv_dtype_size(to), to, &z, 1);
    }
    return cuv_sc_derived(e, x.t ? a : b, made, " where", out);
}

/* Matrix products: (m, k) x (k, n), (m, k) x (k,), (k,) x (k, n). */
cuv_status cuv_sc_array_product(cuv_sc *e, cuv_sv *a, cuv_sv *b, cuv_sv **out)
{
    const cuv_tensor *t = a->kind == CUV_SV_ARRAY ? a->tensor : NULL, *u = b->kind == CUV_SV_ARRAY ? b->tensor : NULL;
    bool known = t && u && !a->unsure && !b->unsure && t->data && u->data && t->dtype != CUV_STR && u->dtype != CUV_STR && t->rank > 0 && u->rank > 0 &&
                 t->rank <= 2 && u->rank <= 2 && t->rank + u->rank > 2;
    cuv_tensor *made = NULL;
    void *values = NULL;
    if (!known)
        return cuv_sv_unknown(e, out, "a product of %s and %s", cuv_sv_describe(e, a), cuv_sv_describe(e, b));
    size_t m = t->rank == 2 ? (size_t)t->shape[0] : 1, k = (size_t)t->shape[t->rank - 1], n = u->rank == 2 ? (size_t)u->shape[1] : 1;
    if (k != (size_t)u->shape[0])
        return cuv_sc_fail(e, e->at, CUV_NO, "script.shapes", NULL, "%s and %s cannot be multiplied as matrices",
                           cuv_shape_text(e->cx, t->shape, t->rank), cuv_shape_text(e->cx, u->shape, u->rank));
    int64_t shape[2] = {t->rank == 2 ? (int64_t)m : (int64_t)n, (int64_t)n};
    int rank = t->rank + u->rank - 2;
    cuv_dtype to = promoted(t->dtype, u->dtype, '+');
    size_t work = 0;
    if (!cuv_mul_size(m, n, &work) || !cuv_mul_size(work, k, &work))
        return cuv_sv_unknown(e, out, "a product of absurd sizes");
    CUV_TRY(cuv_sc_step(e, work / 64));
    CUV_TRY(cuv_sc_new_tensor(e, to, shape, rank, &made, &values));
    for (size_t i = 0; i < m * n; i++) {
        double sum = 0;
        for (size_t j = 0; j < k; j++)
            sum += cuv_tensor_at(t, i / n * k + j) * cuv_tensor_at(u, j * n + i % n);
        cuv_convert_wrapped((uint8_t *)values + i * cuv_dtype_size(to), to, &sum, 1);
    }
    return cuv_sc_derived(e, a, made, " times another", out);
}

/* ---- along axes ---- */

static bool read_axes(const cuv_sv *v, int rank, bool *over)
{
    int64_t axis = 0;
    bool all = !v || v->kind == CUV_SV_NONE;
    for (int i = 0; i < rank; i++)
        over[i] = all;
    size_t count = all ? 0 : cuv_sv_is_seq(v) ? v->count : 1;
    for (size_t i = 0; i < count; i++) {
        if (!cuv_sv_as_int(cuv_sv_is_seq(v) ? v->items[i] : v, &axis))
            return false;
        axis += axis < 0 ? rank : 0;
        if (axis < 0 || axis >= rank || over[axis])
            return false;
        over[axis] = true;
    }
    return true;
}

/* sum, mean, min, max along axes; bit k of `over` says that axis k goes. */
static void reduce(const cuv_tensor *t, const bool *over, const char *name, double *sums, size_t cells)
{
    size_t n = cuv_tensor_count(t);
    bool low = cuv_streq(name, "min") || cuv_streq(name, "amin"), high = cuv_streq(name, "max") || cuv_streq(name, "amax");
    for (size_t i = 0; i < cells; i++)
        sums[i] = low ? (double)INFINITY : high ? -(double)INFINITY : 0;
    for (size_t i = 0; i < n; i++) {
        size_t left = i, cell = 0, stride = 1;
        for (int k = t->rank - 1; k >= 0; k--) {
            size_t place = left % (size_t)t->shape[k];
            left /= (size_t)t->shape[k];
            cell += over[k] ? 0 : place * stride;
            stride *= over[k] ? 1 : (size_t)t->shape[k];
        }
        double x = cuv_tensor_at(t, i);
        sums[cell] = low ? fmin(sums[cell], x) : high ? fmax(sums[cell], x) : sums[cell] + x;
    }
    for (size_t i = 0; cuv_streq(name, "mean") && i < cells; i++)
        sums[i] /= (double)(n / cells);
}

cuv_status cuv_sc_array_reduce(cuv_sc *e, const char *name, cuv_sv *v, const cuv_sargs *args, cuv_sv **out)
{
    const cuv_tensor *t = v->tensor;
    const cuv_sv *keep = cuv_sc_arg(args, args->count, "keepdims");
    bool over[CUV_MAX_RANK], known = true, kept = keep && cuv_sv_truth(keep, &known), average = cuv_streq(name, "mean");
    bool sums = average || cuv_streq(name, "sum");
    int64_t shape[CUV_MAX_RANK];
    int rank = 0;
    cuv_tensor *made = NULL;
    void *values = NULL;
    for (size_t i = 0; i < args->named; i++)
        known = known && (cuv_streq(args->names[i], "axis") || cuv_streq(args->names[i], "keepdims"));
    if (!known || args->count > 2 || v->unsure || t->dtype == CUV_STR || !read_axes(cuv_sc_arg(args, 1, "axis"), t->rank, over) ||
        cuv_tensor_count(t) == 0)
        return cuv_sv_unknown(e, out, "the %s of %s", name, cuv_sv_describe(e, v));
    for (int i = 0; i < t->rank; i++)
        if (!over[i] || kept)
            shape[rank++] = over[i] ? 1 : t->shape[i];
    bool whole = !cuv_dtype_is_float(t->dtype);
    cuv_dtype to = whole && average ? CUV_F64 : whole && sums ? CUV_I64 : t->dtype;
    if (!t->data)
        return cuv_sc_shape_array(e, shape, rank, to, out);
    CUV_TRY(cuv_sc_step(e, cuv_tensor_count(t) / 16));
    CUV_TRY(cuv_sc_new_tensor(e, to, shape, rank, &made, &values));
    size_t cells = cuv_tensor_count(made);
    double *cell = CUV_NEW_ARRAY(e->arena, double, cells);
    if (!cell)
        return cuv_oom(e->cx);
    reduce(t, over, name, cell, cells);
    cuv_convert(values, to, cell, CUV_F64, cells);
    return cuv_sc_derived(e, v, made, cuv_sc_format(e, ".%s()", name), out);
}

/* ---- each element ---- */

static double negated(double x) { return -x; }
static double squared(double x) { return x * x; }
static double sign(double x) { return x > 0 ? 1 : x < 0 ? -1 : x; }

cuv_status cuv_sc_array_each(cuv_sc *e, const char *name, cuv_sv *v, cuv_sv **out)
{
    static const struct { const char *name; double (*f)(double); bool whole; } table[] = {
        {"sqrt", sqrt, false}, {"exp", exp, false}, {"log", log, false}, {"tanh", tanh, false}, {"abs", fabs, true}, {"absolute", fabs, true},
        {"negative", negated, true}, {"square", squared, true}, {"sign", sign, true}, {"round", nearbyint, true}};
    const cuv_tensor *t = v->tensor;
    cuv_tensor *made = NULL;
    void *values = NULL;
    for (size_t i = 0; i < sizeof table / sizeof *table; i++) {
        if (!cuv_streq(table[i].name, name) || v->unsure || t->dtype == CUV_STR || t->dtype == CUV_BOOL)
            continue;
        cuv_dtype to = cuv_dtype_is_float(t->dtype) || table[i].whole ? t->dtype : promoted(t->dtype, CUV_F16, '+');
        if (!t->data)
            return cuv_sc_shape_array(e, t->shape, t->rank, to, out);
        CUV_TRY(cuv_sc_new_tensor(e, to, t->shape, t->rank, &made, &values));
        for (size_t k = 0, n = cuv_tensor_count(t); k < n; k++) {
            double y = table[i].f(cuv_tensor_at(t, k));
            cuv_convert_wrapped((uint8_t *)values + k * cuv_dtype_size(to), to, &y, 1);
        }
        return cuv_sc_derived(e, v, made, cuv_sc_format(e, " %s", name), out);
    }
    return CUV_OK;
}
