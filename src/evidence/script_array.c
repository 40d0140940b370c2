/* NumPy on what files hold: loading, indexing, reshaping, transposing, and simple arithmetic. An array without data stands for one
 * whose shape alone is known. */
#include "evidence/script.h"

#include <math.h>

/* ---- making ---- */

cuv_status cuv_sc_shape_array(cuv_sc *e, const int64_t *shape, int rank, cuv_dtype dtype, cuv_sv **out)
{
    cuv_tensor *t = CUV_NEW(e->ev->arena, cuv_tensor);
    size_t count = 0;
    if (!t)
        return cuv_oom(e->cx);
    if (!cuv_shape_count(shape, rank, &count))
        return cuv_sv_unknown(e, out, "an array of an absurd size");
    t->dtype = dtype;
    t->rank = rank;
    memcpy(t->shape, shape, (size_t)rank * sizeof *shape);
    t->offset = UINT64_MAX;
    return cuv_sv_array(e, t, NULL, out);
}

cuv_status cuv_sc_new_tensor(cuv_sc *e, cuv_dtype dtype, const int64_t *shape, int rank, cuv_tensor **t, void **values)
{
    size_t count = 0;
    if (!cuv_shape_count(shape, rank, &count) || count > cuv_context_limits(e->cx)->tensor_bytes / 8)
        return cuv_sc_fail(e, e->at, CUV_UNSAFE, "script.size", NULL, "an array of shape %s is beyond the limit",
                           cuv_shape_text(e->cx, shape, rank));
    CUV_TRY(cuv_sc_step(e, 1 + count / 64));
    return cuv_tensor_new(e->ev->arena, dtype, shape, rank, t, values);
}

cuv_status cuv_sc_derived(cuv_sc *e, const cuv_sv *from, const cuv_tensor *t, const char *suffix, cuv_sv **out)
{
    const char *label = from->label ? cuv_arena_printf(e->ev->arena, "%s%s", from->label, suffix) : NULL;
    if (from->label && !label)
        return cuv_oom(e->cx);
    CUV_TRY(cuv_sv_array(e, t, label, out));
    (*out)->unsure = from->unsure;
    return CUV_OK;
}

/* As NumPy's views are: what is written into one is written into the other, too. */
cuv_status cuv_sc_viewed(cuv_sc *e, cuv_sv *from, const cuv_tensor *t, const char *suffix, cuv_sv **out)
{
    CUV_TRY(cuv_sc_derived(e, from, t, suffix, out));
    (*out)->self = from;
    from->truth = true;
    return CUV_OK;
}

/* The shape of nested lists of numbers; false when they are ragged or hold anything else. */
static bool nested_shape(const cuv_sv *v, int64_t *shape, int *rank, bool *real, unsigned *budget)
{
    if (*budget == 0)
        return false;
    --*budget;
    if (cuv_sv_is_number(v)) {
        *real = *real || v->kind == CUV_SV_REAL;
        return true;
    }
    if (!cuv_sv_is_seq(v) || v->unsure || v->count == 0 || *rank >= CUV_MAX_RANK)
        return false;
    int axis = (*rank)++;
    shape[axis] = (int64_t)v->count;
    int before = *rank, depth = before;
    for (size_t i = 0; i < v->count; i++) {
        int64_t inner[CUV_MAX_RANK];
        int inner_rank = before;
        memcpy(inner, shape, sizeof inner);
        if (!nested_shape(v->items[i], inner, &inner_rank, real, budget))
            return false;
        if (i == 0) {
            memcpy(shape + before, inner + before, (size_t)(inner_rank - before) * sizeof *shape);
            depth = inner_rank;
        } else if (!cuv_shape_equal(shape, depth, inner, inner_rank)) {
            return false;
        }
    }
    *rank = depth;
    return true;
}

static void fill_nested(const cuv_sv *v, double **at)
{
    if (cuv_sv_is_number(v)) {
        (void)cuv_sv_as_real(v, (*at)++);
        return;
    }
    for (size_t i = 0; i < v->count; i++)
        fill_nested(v->items[i], at);
}

cuv_status cuv_sc_array_of(cuv_sc *e, cuv_sv *v, cuv_sv **out)
{
    int64_t shape[CUV_MAX_RANK] = {0};
    int rank = 0;
    bool real = false, known = true;
    unsigned budget = 4000000;
    cuv_tensor *t = NULL;
    void *values = NULL;
    if (v->kind == CUV_SV_ARRAY) {
        *out = v;
        return CUV_OK;
    }
    if (v->kind == CUV_SV_RANGE)
        CUV_TRY(cuv_sv_iterate(e, v, &v, &known));
    bool numbers = nested_shape(v, shape, &rank, &real, &budget);
    CUV_TRY(cuv_sc_step(e, 4000000 - budget));
    if (!numbers) {
        if (v->kind == CUV_SV_LIST || v->kind == CUV_SV_DICT || v->kind == CUV_SV_UNKNOWN)
            *out = v;                               /* an object array: indexed as the list is */
        else
            return cuv_sv_unknown(e, out, "an array made of %s", cuv_sv_describe(e, v));
        return CUV_OK;
    }
    CUV_TRY(cuv_sc_new_tensor(e, real ? CUV_F64 : CUV_I64, shape, rank, &t, &values));
    double *at = values;
    fill_nested(v, &at);
    if (!real)
        for (size_t i = 0; i < cuv_tensor_count(t); i++) {
            int64_t whole = (int64_t)((double *)values)[i];
            memcpy((uint8_t *)values + i * 8, &whole, 8);
        }
    return cuv_sv_array(e, t, NULL, out);
}

bool cuv_sc_read_shape(const cuv_sv *v, int64_t *shape, int *rank)
{
    if (v && cuv_sv_as_int(v, &shape[0])) {
        *rank = 1;
        return shape[0] >= -1;
    }
    if (!v || !cuv_sv_is_seq(v) || v->count > CUV_MAX_RANK)
        return false;
    *rank = (int)v->count;
    for (size_t i = 0; i < v->count; i++)
        if (!cuv_sv_as_int(v->items[i], &shape[i]) || shape[i] < -1)
            return false;
    return true;
}

bool cuv_sc_read_dtype(const cuv_sv *v, cuv_dtype *out)
{
    if (v && v->kind == CUV_SV_NAME)
        return cuv_dtype_parse(cuv_sc_last(v->text), out) || (cuv_streq(cuv_sc_last(v->text), "float") && (*out = CUV_F64, true));
    if (!v || v->kind != CUV_SV_TEXT)
        return false;
    static const struct { const char *code; cuv_dtype dtype; } codes[] = {
        {"f2", CUV_F16}, {"f4", CUV_F32}, {"f8", CUV_F64}, {"f", CUV_F32}, {"d", CUV_F64}, {"float", CUV_F64}, {"int", CUV_I64}, {"i1", CUV_I8},
        {"i2", CUV_I16}, {"i4", CUV_I32}, {"i8", CUV_I64}, {"u1", CUV_U8}, {"u2", CUV_U16}, {"u4", CUV_U32}, {"u8", CUV_U64}};
    const char *text = v->text + (v->text[0] && strchr("<>=|", v->text[0]));
    for (size_t i = 0; i < sizeof codes / sizeof *codes; i++)
        if (cuv_streq(codes[i].code, text)) {
            *out = codes[i].dtype;
            return true;
        }
    return cuv_dtype_parse(text, out);
}

cuv_status cuv_sc_converted(cuv_sc *e, cuv_sv *v, const cuv_sv *dtype, cuv_sv **out)
{
    cuv_dtype to = CUV_F32;
    cuv_tensor *t = NULL;
    void *values = NULL;
    *out = v;
    if (!dtype || dtype->kind == CUV_SV_NONE || v->kind != CUV_SV_ARRAY)
        return CUV_OK;
    if (!cuv_sc_read_dtype(dtype, &to) || v->tensor->dtype == CUV_STR || to == CUV_STR) {
        if (dtype->kind == CUV_SV_NAME && cuv_streq(cuv_sc_last(dtype->text), "object"))
            return CUV_OK;
        return cuv_sv_unknown(e, out, "an array converted to %s", cuv_sv_describe(e, dtype));
    }
    if (to == v->tensor->dtype)
        return CUV_OK;
    if (!v->tensor->data)
        return cuv_sc_shape_array(e, v->tensor->shape, v->tensor->rank, to, out);
    CUV_TRY(cuv_sc_new_tensor(e, to, v->tensor->shape, v->tensor->rank, &t, &values));
    cuv_convert(values, to, v->tensor->data, v->tensor->dtype, cuv_tensor_count(t));
    return cuv_sc_derived(e, v, t, cuv_sc_format(e, " as %s", cuv_dtype_name(to)), out);
}

/* ---- moving axes ---- */

static cuv_status transposed(cuv_sc *e, cuv_sv *v, const int *perm, cuv_sv **out)
{
    cuv_tensor *t = NULL;
    int64_t shape[CUV_MAX_RANK];
    bool reverse = true;
    for (int i = 0; i < v->tensor->rank; i++) {
        shape[i] = v->tensor->shape[perm[i]];
        reverse = reverse && perm[i] == v->tensor->rank - 1 - i;
    }
    if (v->tensor->rank < 2) {
        *out = v;
        return CUV_OK;
    }
    if (!v->tensor->data)
        return cuv_sc_shape_array(e, shape, v->tensor->rank, v->tensor->dtype, out);
    CUV_TRY(cuv_sc_step(e, cuv_tensor_count(v->tensor) / 64));
    CUV_TRY(cuv_tensor_transpose(e->ev->arena, v->tensor, perm, &t));
    return cuv_sc_viewed(e, v, t, reverse ? ".T" : cuv_sc_format(e, ".transpose%s", cuv_shape_text(e->cx, (int64_t[]){perm[0], perm[1],
                   v->tensor->rank > 2 ? perm[2] : 0, v->tensor->rank > 3 ? perm[3] : 0}, v->tensor->rank < 4 ? v->tensor->rank : 4)), out);
}

static cuv_status transpose(cuv_sc *e, cuv_sv *v, const cuv_sv *axes, cuv_sv **out)
{
    int perm[CUV_MAX_RANK], rank = v->tensor->rank;
    bool seen[CUV_MAX_RANK] = {false};
    for (int i = 0; i < rank; i++)
        perm[i] = rank - 1 - i;
    if (axes && axes->kind != CUV_SV_NONE) {
        int64_t list[CUV_MAX_RANK];
        int n = 0;
        if (!cuv_sv_is_seq(axes) || axes->count != (size_t)rank)
            return cuv_sv_unknown(e, out, "a transposed array whose axes do not fit");
        for (; n < rank; n++) {
            if (!cuv_sv_as_int(axes->items[n], &list[n]))
                return cuv_sv_unknown(e, out, "a transposed array whose axes are not known");
            list[n] += list[n] < 0 ? rank : 0;
            if (list[n] < 0 || list[n] >= rank || seen[list[n]])
                return cuv_sc_fail(e, e->at, CUV_NO, "script.axes", NULL, "%s are no axes of %s", cuv_sv_describe(e, axes),
                                   cuv_sv_describe(e, v));
            seen[list[n]] = true;
            perm[n] = (int)list[n];
        }
    }
    return transposed(e, v, perm, out);
}

static cuv_status reshape(cuv_sc *e, cuv_sv *v, const cuv_sv *to, cuv_sv **out)
{
    int64_t shape[CUV_MAX_RANK];
    int rank = 0, open = -1;
    size_t count = cuv_tensor_count(v->tensor), known = 1;
    cuv_tensor *t = NULL;
    if (!cuv_sc_read_shape(to, shape, &rank))
        return cuv_sv_unknown(e, out, "an array reshaped to %s", to ? cuv_sv_describe(e, to) : "nothing");
    for (int i = 0; i < rank; i++) {
        if (shape[i] < 0)
            open = open < 0 ? i : CUV_MAX_RANK;
        else if (!cuv_mul_size(known, (size_t)shape[i], &known))
            known = 0;
    }
    if (open >= 0 && open < CUV_MAX_RANK && known > 0 && count % known == 0)
        shape[open] = (int64_t)(count / known);
    else if (open >= 0 || known != count)
        return cuv_sc_fail(e, e->at, CUV_NO, "script.reshape", NULL, "%s has %zu values and cannot take the shape %s",
                           v->label ? v->label : cuv_sv_describe(e, v), count, cuv_sv_describe(e, to));
    if (!v->tensor->data)
        return cuv_sc_shape_array(e, shape, rank, v->tensor->dtype, out);
    CUV_TRY(cuv_tensor_reshape(e->ev->arena, v->tensor, shape, rank, &t));
    return cuv_sc_viewed(e, v, t, cuv_sc_format(e, ".reshape%s", cuv_shape_text(e->cx, shape, rank)), out);
}

static cuv_status with_shape(cuv_sc *e, cuv_sv *v, const int64_t *shape, int rank, const char *suffix, cuv_sv **out)
{
    cuv_tensor *t = NULL;
    if (!v->tensor->data)
        return cuv_sc_shape_array(e, shape, rank, v->tensor->dtype, out);
    CUV_TRY(cuv_tensor_reshape(e->ev->arena, v->tensor, shape, rank, &t));
    return cuv_sc_viewed(e, v, t, suffix, out);
}

static cuv_status expand(cuv_sc *e, cuv_sv *v, const cuv_sv *axis, cuv_sv **out)
{
    int64_t at = 0, shape[CUV_MAX_RANK];
    int rank = v->tensor->rank;
    if (!axis || !cuv_sv_as_int(axis, &at) || rank + 1 > CUV_MAX_RANK)
        return cuv_sv_unknown(e, out, "an array with another axis");
    at += at < 0 ? rank + 1 : 0;
    if (at < 0 || at > rank)
        return cuv_sv_unknown(e, out, "an array with an axis beyond its rank");
    for (int i = 0, k = 0; i <= rank; i++)
        shape[i] = i == at ? 1 : v->tensor->shape[k++];
    return with_shape(e, v, shape, rank + 1, cuv_sc_format(e, " with axis %d", (int)at), out);
}

static cuv_status squeeze(cuv_sc *e, cuv_sv *v, const cuv_sv *axis, cuv_sv **out)
{
    int64_t at = 0, shape[CUV_MAX_RANK];
    int rank = 0;
    bool one = axis && axis->kind != CUV_SV_NONE;
    if (one && !cuv_sv_as_int(axis, &at))
        return cuv_sv_unknown(e, out, "a squeezed array");
    at += at < 0 ? v->tensor->rank : 0;
    for (int i = 0; i < v->tensor->rank; i++)
        if (v->tensor->shape[i] != 1 || (one && i != at))
            shape[rank++] = v->tensor->shape[i];
    return with_shape(e, v, shape, rank, ".squeeze()", out);
}

/* ---- attributes and methods ---- */

cuv_status cuv_sc_array_attribute(cuv_sc *e, cuv_sv *self, const char *name, cuv_sv **out)
{
    const cuv_tensor *t = self->tensor;
    if (cuv_streq(name, "T"))
        return transpose(e, self, NULL, out);
    if (cuv_streq(name, "ndim"))
        return cuv_sv_int(e, t->rank, out);
    if (cuv_streq(name, "size"))
        return cuv_sv_int(e, (int64_t)cuv_tensor_count(t), out);
    if (cuv_streq(name, "dtype"))
        return cuv_sv_word(e, cuv_dtype_name(t->dtype), out);
    if (!cuv_streq(name, "shape"))
        return cuv_sv_method(e, self, name, out);
    CUV_TRY(cuv_sv_make(e, CUV_SV_TUPLE, out));
    for (int i = 0; i < t->rank; i++) {
        cuv_sv *size = NULL;
        CUV_TRY(cuv_sv_int(e, t->shape[i], &size));
        CUV_TRY(cuv_sv_add(e, *out, size));
    }
    return CUV_OK;
}

/* Arguments given one by one or as one tuple: a.reshape(2, 3), a.transpose((1, 0)). */
cuv_status cuv_sc_as_tuple(cuv_sc *e, const cuv_sargs *args, cuv_sv **out)
{
    if (args->count == 1) {
        *out = args->items[0];
        return CUV_OK;
    }
    CUV_TRY(cuv_sv_make(e, CUV_SV_TUPLE, out));
    for (size_t i = 0; i < args->count; i++)
        CUV_TRY(cuv_sv_add(e, *out, args->items[i]));
    return CUV_OK;
}

static cuv_status scalar_value(cuv_sc *e, const cuv_sv *self, cuv_sv **out)
{
    const cuv_tensor *t = self->tensor;
    if (!t->data || cuv_tensor_count(t) != 1 || t->dtype == CUV_STR)
        return cuv_sv_unknown(e, out, "a value of %s", self->label ? self->label : "an array");
    double x = cuv_tensor_at(t, 0);
    return t->dtype < CUV_F16 ? cuv_sv_int(e, (int64_t)x, out) : cuv_sv_real(e, x, out);
}

static bool in_c_order(const cuv_sargs *args, bool *fortran)
{
    const cuv_sv *order = cuv_sc_arg(args, args->count, "order");
    *fortran = cuv_sv_is(order, "F");
    return !order || *fortran || cuv_sv_is(order, "C");
}

/* In Fortran's order: the same numbers as of the transposed array, put into the reversed shape, and that transposed. */
static cuv_status reshape_in(cuv_sc *e, cuv_sv *v, cuv_sv *to, bool fortran, cuv_sv **out)
{
    cuv_sv *turned = NULL, *shape = NULL, *made = NULL;
    if (!fortran)
        return reshape(e, v, to, out);
    CUV_TRY(transpose(e, v, NULL, &turned));
    if (!cuv_sv_is_seq(to))
        return reshape(e, turned, to, out);
    CUV_TRY(cuv_sv_make(e, CUV_SV_TUPLE, &shape));
    for (size_t i = to->count; i > 0; i--)
        CUV_TRY(cuv_sv_add(e, shape, to->items[i - 1]));
    CUV_TRY(reshape(e, turned, shape, &made));
    if (made->kind != CUV_SV_ARRAY) {
        *out = made;
        return CUV_OK;
    }
    return transpose(e, made, NULL, out);
}

/* Methods that are functions of NumPy's, too: a.swapaxes(0, 1), a.mean(axis=2). */
static cuv_status of_method(cuv_sc *e, cuv_sv *self, const char *name, const cuv_sargs *args, cuv_sv **out)
{
    cuv_sv *items = NULL;
    CUV_TRY(cuv_sv_make(e, CUV_SV_TUPLE, &items));
    CUV_TRY(cuv_sv_add(e, items, self));
    for (size_t i = 0; i < args->count; i++)
        CUV_TRY(cuv_sv_add(e, items, args->items[i]));
    return cuv_sc_of_array(e, name, self, &(cuv_sargs){items->items, items->count, args->names, args->values, args->named, args->node}, out);
}

cuv_status cuv_sc_array_method(cuv_sc *e, cuv_sv *self, const char *name, const cuv_sargs *args, cuv_sv **out)
{
    cuv_sv *tuple = NULL, *flat = NULL;
    bool fortran = false, plain = in_c_order(args, &fortran);
    if (cuv_streq(name, "reshape") && args->count > 0 && plain) {
        CUV_TRY(cuv_sc_as_tuple(e, args, &tuple));
        return reshape_in(e, self, tuple, fortran, out);
    }
    if (cuv_streq(name, "transpose")) {
        if (args->count > 0)
            CUV_TRY(cuv_sc_as_tuple(e, args, &tuple));
        return transpose(e, self, tuple, out);
    }
    if ((cuv_streq(name, "flatten") || cuv_streq(name, "ravel")) && args->count == 0 && plain) {
        CUV_TRY(cuv_sv_int(e, -1, &flat));
        return reshape_in(e, self, flat, fortran, out);
    }
    if (cuv_streq(name, "astype"))
        return cuv_sc_converted(e, self, cuv_sc_arg(args, 0, "dtype"), out);
    if (cuv_streq(name, "squeeze"))
        return squeeze(e, self, cuv_sc_arg(args, 0, "axis"), out);
    if (cuv_streq(name, "item") && self->tensor->rank == 0)
        return scalar_value(e, self, out);
    if (cuv_streq(name, "copy"))
        return cuv_sc_derived(e, self, self->tensor, "", out);
    if (cuv_streq(name, "numpy") || cuv_streq(name, "tolist") || cuv_streq(name, "item") || cuv_streq(name, "view")) {
        *out = self;
        return CUV_OK;
    }
    *out = NULL;
    CUV_TRY(of_method(e, self, name, args, out));
    if (*out)
        return CUV_OK;
    if (cuv_streq(name, "sort") || cuv_streq(name, "fill") || cuv_streq(name, "resize"))
        self->unsure = true;
    return cuv_sv_unknown(e, out, "'%s' of %s", name, self->label ? self->label : "an array");
}

static cuv_status swap_axes(cuv_sc *e, const char *name, cuv_sv *v, const cuv_sargs *args, cuv_sv **out)
{
    int64_t a = 0, b = 0;
    int perm[CUV_MAX_RANK], rank = v->tensor->rank;
    if (args->count != 3 || !cuv_sv_as_int(args->items[1], &a) || !cuv_sv_as_int(args->items[2], &b))
        return cuv_sv_unknown(e, out, "an array with moved axes");
    a += a < 0 ? rank : 0;
    b += b < 0 ? rank : 0;
    if (a < 0 || b < 0 || a >= rank || b >= rank)
        return cuv_sv_unknown(e, out, "an array with moved axes");
    for (int i = 0; i < rank; i++)
        perm[i] = i;
    if (cuv_streq(name, "swapaxes")) {
        perm[a] = (int)b;
        perm[b] = (int)a;
        return transposed(e, v, perm, out);
    }
    for (int i = 0, from = 0; i < rank; i++) {
        from += i != b && from == a;
        perm[i] = i == b ? (int)a : from++;
    }
    return transposed(e, v, perm, out);
}

cuv_status cuv_sc_of_array(cuv_sc *e, const char *name, cuv_sv *v, const cuv_sargs *args, cuv_sv **out)
{
    cuv_sv *second = cuv_sc_arg(args, 1, NULL);
    bool fortran = false, plain = in_c_order(args, &fortran);
    if (cuv_streq(name, "transpose"))
        return transpose(e, v, cuv_sc_arg(args, 1, "axes"), out);
    if (cuv_streq(name, "reshape") && plain) {
        second = second ? second : cuv_sc_arg(args, 1, "newshape");
        second = second ? second : cuv_sc_arg(args, 1, "shape");
        return second ? reshape_in(e, v, second, fortran, out) : CUV_OK;
    }
    if (cuv_streq(name, "expand_dims"))
        return expand(e, v, cuv_sc_arg(args, 1, "axis"), out);
    if (cuv_streq(name, "squeeze"))
        return squeeze(e, v, cuv_sc_arg(args, 1, "axis"), out);
    if (cuv_streq(name, "swapaxes") || cuv_streq(name, "moveaxis"))
        return swap_axes(e, name, v, args, out);
    if (cuv_streq(name, "ravel") && plain) {
        cuv_sv *flat = NULL;
        CUV_TRY(cuv_sv_int(e, -1, &flat));
        return reshape_in(e, v, flat, fortran, out);
    }
    if (cuv_streq(name, "copy") || cuv_streq(name, "ascontiguousarray") || cuv_streq(name, "asfortranarray"))
        return cuv_sc_derived(e, v, v->tensor, "", out);
    if (cuv_streq(name, "shape"))
        return cuv_sc_array_attribute(e, v, "shape", out);
    return cuv_sc_numpy_more(e, name, v, args, out);
}
