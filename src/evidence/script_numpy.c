/* More of NumPy on what files hold: arrays cut, repeated, turned round and filled in place, and numbers in text files. */
#include "evidence/script.h"

#include <math.h>

/* ---- cutting ---- */

/* array[start:stop] along an axis. */
static cuv_status part(cuv_sc *e, cuv_sv *v, int axis, int64_t start, int64_t stop, cuv_sv **out)
{
    cuv_sv *index = NULL, *slice = NULL, *bound = NULL;
    CUV_TRY(cuv_sv_make(e, CUV_SV_TUPLE, &index));
    for (int i = 0; i <= axis; i++) {
        CUV_TRY(cuv_sv_make(e, CUV_SV_SLICE, &slice));
        for (int k = 0; k < 3; k++) {
            bound = e->none;
            if (i == axis && k < 2)
                CUV_TRY(cuv_sv_int(e, k == 0 ? start : stop, &bound));
            CUV_TRY(cuv_sv_add(e, slice, bound));
        }
        CUV_TRY(cuv_sv_add(e, index, slice));
    }
    return cuv_sc_array_index(e, NULL, v, index, out);
}

/* split, array_split: into equal parts, or before the given places. */
static cuv_status split(cuv_sc *e, const char *name, cuv_sv *v, const cuv_sargs *args, cuv_sv **out)
{
    cuv_sv *where = cuv_sc_arg(args, 1, "indices_or_sections"), *axis_value = cuv_sc_arg(args, 2, "axis"), *list = NULL, *one = NULL;
    int64_t parts = 0, axis = cuv_streq(name, "hsplit") && v->tensor->rank > 1 ? 1 : 0, at = 0;
    bool known = where && (!axis_value || cuv_sv_as_int(axis_value, &axis)), equal = known && cuv_sv_as_int(where, &parts);
    axis += axis < 0 ? v->tensor->rank : 0;
    if (known && !equal)
        CUV_TRY(cuv_sv_iterate(e, where, &list, &known));
    if (!known || axis < 0 || axis >= v->tensor->rank || (equal && (parts <= 0 || parts > (1 << 20))))
        return cuv_sv_unknown(e, out, "a split array");
    int64_t length = v->tensor->shape[axis];
    if (equal && length % parts && !cuv_streq(name, "array_split"))
        return cuv_sc_fail(e, args->node, CUV_NO, "script.split", NULL, "%s of shape %s cannot be split into %lld equal parts along axis %lld",
                           v->label ? v->label : "an array", cuv_shape_text(e->cx, v->tensor->shape, v->tensor->rank), (long long)parts,
                           (long long)axis);
    CUV_TRY(cuv_sv_make(e, CUV_SV_LIST, out));
    int64_t count = equal ? parts : (int64_t)list->count + 1;
    for (int64_t i = 0; i < count; i++) {
        int64_t stop = length;
        if (equal)
            stop = at + length / parts + (i < length % parts);
        else if (i + 1 < count && !cuv_sv_as_int(list->items[i], &stop))
            return cuv_sv_unknown(e, out, "a split array");
        CUV_TRY(part(e, v, (int)axis, at, stop, &one));
        CUV_TRY(cuv_sv_add(e, *out, one));
        at = stop;
    }
    return CUV_OK;
}

/* ---- elements in another order ---- */

/* The array's slices along an axis, by a list of their numbers. */
static cuv_status picked(cuv_sc *e, cuv_sv *v, int axis, cuv_sv *list, cuv_sv **out)
{
    cuv_sv *index = NULL, *slice = NULL;
    CUV_TRY(cuv_sv_make(e, CUV_SV_TUPLE, &index));
    for (int i = 0; i < axis; i++) {
        CUV_TRY(cuv_sv_make(e, CUV_SV_SLICE, &slice));
        for (int k = 0; k < 3; k++)
            CUV_TRY(cuv_sv_add(e, slice, e->none));
        CUV_TRY(cuv_sv_add(e, index, slice));
    }
    CUV_TRY(cuv_sv_add(e, index, list));
    return cuv_sc_array_index(e, NULL, v, index, out);
}

static cuv_status flip_axis(cuv_sc *e, cuv_sv *v, int axis, cuv_sv **out)
{
    cuv_sv *list = NULL, *n = NULL;
    CUV_TRY(cuv_sv_make(e, CUV_SV_LIST, &list));
    for (int64_t i = v->tensor->shape[axis]; i > 0; i--) {
        CUV_TRY(cuv_sv_int(e, i - 1, &n));
        CUV_TRY(cuv_sv_add(e, list, n));
    }
    return picked(e, v, axis, list, out);
}

static cuv_status flip(cuv_sc *e, const char *name, cuv_sv *v, const cuv_sargs *args, cuv_sv **out)
{
    const cuv_sv *axes = cuv_sc_arg(args, 1, "axis");
    int64_t axis = 0;
    bool all = (!axes || axes->kind == CUV_SV_NONE) && cuv_streq(name, "flip"), several = axes && cuv_sv_is_seq(axes);
    size_t count = all ? (size_t)v->tensor->rank : several ? axes->count : 1;
    *out = v;
    for (size_t i = 0; i < count && (*out)->kind == CUV_SV_ARRAY; i++) {
        axis = all ? (int64_t)i : cuv_streq(name, "fliplr") ? 1 : 0;
        if (!all && axes && !cuv_sv_as_int(several ? axes->items[i] : axes, &axis))
            return cuv_sv_unknown(e, out, "a flipped array");
        axis += axis < 0 ? v->tensor->rank : 0;
        if (axis < 0 || axis >= v->tensor->rank)
            return cuv_sv_unknown(e, out, "an array flipped along an axis that it does not have");
        CUV_TRY(flip_axis(e, *out, (int)axis, out));
    }
    return CUV_OK;
}

/* repeat(a, n, axis): each slice n times; tile(a, n) along the first axis and with one number an axis: the whole again and again. */
static cuv_status repeat_axis(cuv_sc *e, cuv_sv *v, int axis, int64_t times, bool whole, cuv_sv **out)
{
    cuv_sv *list = NULL, *n = NULL;
    int64_t length = v->tensor->shape[axis];
    if (times < 0 || times > (1 << 24))
        return cuv_sv_unknown(e, out, "a repeated array");
    CUV_TRY(cuv_sv_make(e, CUV_SV_LIST, &list));
    for (int64_t i = 0; i < length * times; i++) {
        CUV_TRY(cuv_sv_int(e, whole ? i % length : i / times, &n));
        CUV_TRY(cuv_sv_add(e, list, n));
    }
    return picked(e, v, axis, list, out);
}

static cuv_status repeated(cuv_sc *e, const char *name, cuv_sv *v, const cuv_sargs *args, cuv_sv **out)
{
    const cuv_sv *by = cuv_sc_arg(args, 1, cuv_streq(name, "tile") ? "reps" : "repeats"), *axis_value = cuv_sc_arg(args, 2, "axis");
    int64_t times = 0, axis = 0;
    int rank = v->tensor->rank;
    if (cuv_streq(name, "repeat")) {
        bool known = by && cuv_sv_as_int(by, &times) && axis_value && cuv_sv_as_int(axis_value, &axis);
        axis += axis < 0 ? rank : 0;
        if (!known || axis < 0 || axis >= rank)
            return cuv_sv_unknown(e, out, "a repeated array");
        return repeat_axis(e, v, (int)axis, times, false, out);
    }
    size_t count = by && cuv_sv_is_seq(by) ? by->count : 1;
    *out = v;
    if (!by || count > (size_t)rank)
        return cuv_sv_unknown(e, out, "a tiled array");
    for (size_t i = 0; i < count && (*out)->kind == CUV_SV_ARRAY; i++) {
        if (!cuv_sv_as_int(cuv_sv_is_seq(by) ? by->items[i] : by, &times))
            return cuv_sv_unknown(e, out, "a tiled array");
        if (times != 1)
            CUV_TRY(repeat_axis(e, *out, rank - (int)count + (int)i, times, true, out));
    }
    return CUV_OK;
}

static cuv_status take(cuv_sc *e, cuv_sv *v, const cuv_sargs *args, cuv_sv **out)
{
    cuv_sv *list = cuv_sc_arg(args, 1, "indices"), *axis_value = cuv_sc_arg(args, 2, "axis");
    int64_t axis = 0;
    bool known = list && axis_value && cuv_sv_as_int(axis_value, &axis);
    axis += axis < 0 ? v->tensor->rank : 0;
    return known && axis >= 0 && axis < v->tensor->rank ? picked(e, v, (int)axis, list, out) : cuv_sv_unknown(e, out, "elements of an array");
}

static cuv_status cumulative(cuv_sc *e, cuv_sv *v, cuv_sv **out)
{
    cuv_tensor *made = NULL;
    void *values = NULL;
    double sum = 0;
    const cuv_tensor *t = v->tensor;
    cuv_dtype to = cuv_dtype_is_float(t->dtype) ? t->dtype : CUV_I64;
    if (t->rank != 1 || !t->data || t->dtype == CUV_STR)
        return cuv_sv_unknown(e, out, "running sums of %s", cuv_sv_describe(e, v));
    CUV_TRY(cuv_sc_new_tensor(e, to, t->shape, 1, &made, &values));
    for (size_t i = 0; i < cuv_tensor_count(t); i++) {
        sum += cuv_tensor_at(t, i);
        cuv_convert_wrapped((uint8_t *)values + i * cuv_dtype_size(to), to, &sum, 1);
    }
    return cuv_sc_derived(e, v, made, " cumsum", out);
}

/* ---- functions ---- */

bool cuv_sc_numpy_takes_lists(const char *name)
{
    return cuv_word_in("cumsum transpose reshape squeeze expand_dims ravel swapaxes moveaxis", name);
}

static cuv_status binary(cuv_sc *e, const char *name, const cuv_sargs *args, cuv_sv **out)
{
    static const struct { const char *name; int op; } table[] = {
        {"add", '+'}, {"subtract", '-'}, {"multiply", '*'}, {"divide", '/'}, {"true_divide", '/'}, {"power", 'p'}, {"minimum", '<'},
        {"maximum", '>'}};
    for (size_t i = 0; args->count == 2 && !args->named && i < sizeof table / sizeof *table; i++)
        if (cuv_streq(table[i].name, name))
            return cuv_sc_array_operate(e, table[i].op, args->items[0], args->items[1], out);
    return CUV_OK;
}

/* [list of arrays] by numpy.concatenate or stack along an axis. */
static cuv_status joined(cuv_sc *e, const char *how, cuv_sv *list, int64_t axis, const cuv_py *node, cuv_sv **out)
{
    cuv_sv *along = NULL;
    CUV_TRY(cuv_sv_int(e, axis, &along));
    return cuv_sc_numpy(e, how, &(cuv_sargs){(cuv_sv *[]){list, along}, 2, NULL, NULL, 0, node}, out);
}

static cuv_status linspace(cuv_sc *e, const cuv_sargs *args, cuv_sv **out)
{
    const cuv_sv *number = cuv_sc_arg(args, 2, "num");
    double from = 0, to = 0;
    int64_t n = 50;
    cuv_tensor *made = NULL;
    void *values = NULL;
    bool known = args->count >= 2 && args->count <= 3 && args->named == (args->count == 2 && number != NULL) && cuv_sv_as_real(args->items[0], &from) &&
                 cuv_sv_as_real(args->items[1], &to) && (!number || cuv_sv_as_int(number, &n)) && n > 0 && n < (1 << 24);
    if (!known)
        return cuv_sv_unknown(e, out, "numpy.linspace of what is not known");
    CUV_TRY(cuv_sc_new_tensor(e, CUV_F64, &n, 1, &made, &values));
    double step = n > 1 ? (to - from) / (double)(n - 1) : 0;
    for (int64_t i = 0; i < n; i++)
        ((double *)values)[i] = i + 1 == n && n > 1 ? to : from + (double)i * step;
    return cuv_sv_array(e, made, "numpy.linspace", out);
}

static cuv_status eye(cuv_sc *e, const cuv_sargs *args, cuv_sv **out)
{
    const cuv_sv *columns = cuv_sc_arg(args, 1, "M");
    int64_t shape[2] = {0};
    cuv_tensor *made = NULL;
    void *values = NULL;
    bool known = args->count >= 1 && args->count <= 2 && args->named == (args->count == 1 && columns != NULL) && cuv_sv_as_int(args->items[0], &shape[0]) &&
                 (!columns || cuv_sv_as_int(columns, &shape[1])) && shape[0] > 0 && shape[0] < (1 << 20);
    shape[1] = columns ? shape[1] : shape[0];
    if (!known || shape[1] <= 0)
        return cuv_sv_unknown(e, out, "numpy.eye of what is not known");
    CUV_TRY(cuv_sc_new_tensor(e, CUV_F64, shape, 2, &made, &values));
    for (int64_t i = 0; i < shape[0] && i < shape[1]; i++)
        ((double *)values)[i * shape[1] + i] = 1;
    return cuv_sv_array(e, made, "numpy.eye", out);
}

static cuv_status columns(cuv_sc *e, const cuv_sargs *args, cuv_sv **out)
{
    cuv_sv *list = NULL;
    bool known = args->count == 1;
    if (known)
        CUV_TRY(cuv_sv_iterate(e, args->items[0], &list, &known));
    if (!known || !list->count || list->items[0]->kind != CUV_SV_ARRAY)
        return cuv_sv_unknown(e, out, "joined arrays");
    return joined(e, list->items[0]->tensor->rank == 1 ? "stack" : "concatenate", list, 1, args->node, out);
}

static cuv_status appended(cuv_sc *e, const cuv_sargs *args, cuv_sv **out)
{
    cuv_sv *axis = cuv_sc_arg(args, 2, "axis"), *list = NULL;
    int64_t along = 0;
    bool flat = !axis && args->count == 2 && args->items[0]->kind == CUV_SV_ARRAY && args->items[0]->tensor->rank == 1;
    if (args->count < 2 || !(flat || (axis && cuv_sv_as_int(axis, &along))))
        return cuv_sv_unknown(e, out, "joined arrays");
    CUV_TRY(cuv_sv_make(e, CUV_SV_LIST, &list));
    CUV_TRY(cuv_sv_add(e, list, args->items[0]));
    CUV_TRY(cuv_sv_add(e, list, args->items[1]));
    return joined(e, "concatenate", list, along, args->node, out);
}

static cuv_status clip(cuv_sc *e, const cuv_sargs *args, cuv_sv **out)
{
    cuv_sv *low = cuv_sc_arg(args, 1, "a_min"), *high = cuv_sc_arg(args, 2, "a_max");
    low = low ? low : cuv_sc_arg(args, args->count, "min");
    high = high ? high : cuv_sc_arg(args, args->count, "max");
    *out = args->items[0];
    if (low && low->kind != CUV_SV_NONE)
        CUV_TRY(cuv_sc_array_operate(e, '>', *out, low, out));
    if (high && high->kind != CUV_SV_NONE && (*out)->kind == CUV_SV_ARRAY)
        CUV_TRY(cuv_sc_array_operate(e, '<', *out, high, out));
    return CUV_OK;
}

cuv_status cuv_sc_numpy_made(cuv_sc *e, const char *name, const cuv_sargs *args, cuv_sv **out)
{
    if (cuv_streq(name, "eye") || cuv_streq(name, "identity"))
        return eye(e, args, out);
    if (cuv_streq(name, "linspace"))
        return linspace(e, args, out);
    if (cuv_streq(name, "column_stack"))
        return columns(e, args, out);
    if (cuv_streq(name, "append"))
        return appended(e, args, out);
    if (cuv_streq(name, "where") && args->count == 3 && args->items[0]->kind == CUV_SV_ARRAY)
        return cuv_sc_array_where(e, args->items[0], args->items[1], args->items[2], out);
    return CUV_OK;
}

cuv_status cuv_sc_numpy_more(cuv_sc *e, const char *name, cuv_sv *v, const cuv_sargs *args, cuv_sv **out)
{
    if (cuv_word_in("split array_split hsplit vsplit", name))
        return split(e, name, v, args, out);
    if (cuv_word_in("flip flipud fliplr", name))
        return flip(e, name, v, args, out);
    if (cuv_word_in("repeat tile", name))
        return repeated(e, name, v, args, out);
    if (cuv_streq(name, "take"))
        return take(e, v, args, out);
    if (cuv_streq(name, "clip"))
        return clip(e, args, out);
    if ((cuv_streq(name, "dot") || cuv_streq(name, "matmul")) && args->count == 2 && !args->named)
        return cuv_sc_array_product(e, v, args->items[1], out);
    if (cuv_streq(name, "cumsum") && args->count == 1 && !args->named)
        return cumulative(e, v, out);
    if (cuv_word_in("sum mean min max amin amax", name))
        return cuv_sc_array_reduce(e, name, v, args, out);
    if (args->count == 1 && !args->named)
        return cuv_sc_array_each(e, name, v, out);
    return binary(e, name, args, out);
}

/* ---- a[...] = value ---- */

/* Is every element meant? */
static bool is_whole(const cuv_sv *index)
{
    if (index->kind == CUV_SV_TUPLE) {
        for (size_t i = 0; i < index->count; i++)
            if (!is_whole(index->items[i]) || index->items[i]->kind == CUV_SV_TUPLE)
                return false;
        return true;
    }
    return index->kind == CUV_SV_ELLIPSIS || (index->kind == CUV_SV_SLICE && index->items[0]->kind == CUV_SV_NONE &&
                                              index->items[1]->kind == CUV_SV_NONE && index->items[2]->kind == CUV_SV_NONE);
}

/* The value in the shape and type of the array; unknown when that cannot be. */
static cuv_status spread(cuv_sc *e, const cuv_tensor *like, cuv_sv *value, cuv_sv **out)
{
    cuv_sv *zero = NULL;
    cuv_tensor *zeros = NULL, *made = NULL;
    void *values = NULL;
    CUV_TRY(cuv_sc_new_tensor(e, like->dtype, like->shape, like->rank, &zeros, NULL));
    CUV_TRY(cuv_sv_array(e, zeros, NULL, &zero));
    if (value->kind == CUV_SV_ARRAY && cuv_shape_equal(value->tensor->shape, value->tensor->rank, like->shape, like->rank))
        *out = value;
    else
        CUV_TRY(cuv_sc_array_operate(e, '+', zero, value, out));
    if ((*out)->kind != CUV_SV_ARRAY || !(*out)->tensor->data || (*out)->tensor->dtype == CUV_STR || (*out)->unsure ||
        !cuv_shape_equal((*out)->tensor->shape, (*out)->tensor->rank, like->shape, like->rank))
        return cuv_sv_unknown(e, out, "an array filled with %s", cuv_sv_describe(e, value));
    CUV_TRY(cuv_sc_new_tensor(e, like->dtype, like->shape, like->rank, &made, &values));
    cuv_convert(values, like->dtype, (*out)->tensor->data, (*out)->tensor->dtype, cuv_tensor_count(made));
    return cuv_sc_derived(e, value->kind == CUV_SV_ARRAY ? value : zero, made, "", out);
}

/* Numbers of the elements in their places; what an index picks of it are the places that it means. */
static cuv_status places(cuv_sc *e, const cuv_tensor *t, const cuv_sv *index, cuv_sv **out)
{
    cuv_tensor *made = NULL;
    cuv_sv *all = NULL;
    void *values = NULL;
    CUV_TRY(cuv_sc_new_tensor(e, CUV_I64, t->shape, t->rank, &made, &values));
    for (size_t i = 0; i < cuv_tensor_count(made); i++)
        ((int64_t *)values)[i] = (int64_t)i;
    CUV_TRY(cuv_sv_array(e, made, NULL, &all));
    return cuv_sc_array_index(e, NULL, all, (cuv_sv *)(uintptr_t)index, out);
}

static cuv_status fill_part(cuv_sc *e, cuv_sv *array, const cuv_sv *index, cuv_sv *value, cuv_sv **out)
{
    const cuv_tensor *t = array->tensor;
    cuv_sv *where = NULL, *what = NULL;
    cuv_tensor *made = NULL, like = {.dtype = t->dtype};
    void *values = NULL;
    size_t size = cuv_dtype_size(t->dtype);
    if (!t->data || array->unsure)
        return cuv_sv_unknown(e, out, "an array of which a part is set");
    CUV_TRY(places(e, t, index, &where));
    if (where->kind != CUV_SV_ARRAY)
        return cuv_sv_unknown(e, out, "an array of which a part is set");
    like.rank = where->tensor->rank;
    memcpy(like.shape, where->tensor->shape, sizeof like.shape);
    CUV_TRY(spread(e, &like, value, &what));
    if (what->kind != CUV_SV_ARRAY)
        return cuv_sv_unknown(e, out, "%s", cuv_sv_describe(e, what));
    CUV_TRY(cuv_sc_new_tensor(e, t->dtype, t->shape, t->rank, &made, &values));
    memcpy(values, t->data, cuv_tensor_bytes(t));
    for (size_t i = 0; i < cuv_tensor_count(where->tensor); i++)
        memcpy((uint8_t *)values + (size_t)cuv_tensor_at(where->tensor, i) * size, what->tensor->data + i * size, size);
    return cuv_sc_derived(e, array, made, "", out);
}

/* Other names and lists that hold the array see the change; views of it, and what it is a view of, are no longer known. */
cuv_status cuv_sc_array_fill(cuv_sc *e, cuv_sv *array, const cuv_sv *index, cuv_sv *value)
{
    cuv_sv *made = NULL;
    bool whole = is_whole(index), views = array->truth;
    if (!whole && !array->tensor->data && !array->label) {      /* numpy.empty: what is not filled is not known */
        array->unsure = true;
        return CUV_OK;
    }
    if (index->kind == CUV_SV_ARRAY && index->tensor->dtype == CUV_BOOL && array->tensor->data && !e->guarded && !views && !array->unsure) {
        CUV_TRY(cuv_sc_array_where(e, index, value, array, &made));
        if (made->kind == CUV_SV_ARRAY && cuv_shape_equal(made->tensor->shape, made->tensor->rank, array->tensor->shape, array->tensor->rank)) {
            index = e->everything;
            value = made;
            whole = true;
        }
    }
    if (array->tensor->dtype == CUV_STR || e->guarded || views) {
        array->unsure = true;
        return CUV_OK;
    }
    CUV_TRY(whole ? spread(e, array->tensor, value, &made) : fill_part(e, array, index, value, &made));
    for (cuv_sv *base = array->self; base; base = base->self)
        base->unsure = true;
    array->unsure = made->kind != CUV_SV_ARRAY;
    if (array->unsure)
        return CUV_OK;
    array->tensor = made->tensor;
    array->label = made->label;
    return CUV_OK;
}

/* ---- numbers in text files ---- */

typedef struct numbers { double *items; size_t count, capacity; int64_t rows, columns; } numbers;

static bool skipped_line(const char *line, size_t size)
{
    size_t i = 0;
    while (i < size && (line[i] == ' ' || line[i] == '\t' || line[i] == '\r'))
        i++;
    return i == size || line[i] == '#';
}

/* One line of numbers; false where a field is none. */
static bool read_line(cuv_sc *e, const char *line, size_t size, const char *delimiter, numbers *out)
{
    int64_t columns = 0;
    const char *hash = memchr(line, '#', size);
    size = hash ? (size_t)(hash - line) : size;
    while (size && strchr(" \t\r", line[size - 1]))
        size--;
    for (size_t at = 0; at < size; columns++) {
        while (!*delimiter && at < size && strchr(" \t", line[at]))
            at++;
        size_t end = at;
        while (end < size && !(*delimiter ? line[end] == *delimiter : line[end] == ' ' || line[end] == '\t'))
            end++;
        size_t from = at, to = end;
        while (from < to && strchr(" \t", line[from]))
            from++;
        while (to > from && strchr(" \t", line[to - 1]))
            to--;
        double *grown = cuv_arena_grow(e->arena, out->items, out->count, &out->capacity, sizeof *grown);
        if (!grown || !cuv_parse_double(line + from, to - from, &grown[out->count]))
            return false;
        out->items = grown;
        out->count++;
        at = end + (end < size);
    }
    out->columns = out->rows ? out->columns : columns;
    out->rows++;
    return columns == out->columns;
}

static cuv_status text_array(cuv_sc *e, const cuv_file *file, const numbers *n, int64_t least, cuv_sv **out)
{
    int64_t shape[2] = {n->rows, n->columns};
    int rank = 2;
    cuv_tensor *t = NULL;
    void *values = NULL;
    if (least < 2 && (n->rows == 1 || n->columns == 1)) {
        shape[0] = n->rows == 1 ? n->columns : n->rows;
        rank = least < 1 && n->rows == 1 && n->columns == 1 ? 0 : 1;
    }
    CUV_TRY(cuv_sc_new_tensor(e, CUV_F64, shape, rank, &t, &values));
    memcpy(values, n->items, n->count * sizeof *n->items);
    const char *label = cuv_arena_printf(e->ev->arena, "%s", file->name);
    return label ? cuv_sv_array(e, t, label, out) : cuv_oom(e->cx);
}

static cuv_status not_a_row(cuv_sc *e, const cuv_py *node, const cuv_file *file, const char *text, size_t size, int64_t line, const numbers *n)
{
    enum { MOST = 60 };
    const char *help = "every line is to hold as many numbers as the first";
    for (const char *c = ";,\t "; *c; c++)
        if (memchr(text, *c, size)) {
            help = cuv_sc_format(e, *c == '\t' ? "say which character separates the numbers: delimiter='\\t'" : *c == ' ' ? "lines are cut at spaces "
                                 "without delimiter=; every line is to hold as many numbers" : "say which character separates the numbers: delimiter='%c'; "
                                 "every line is to hold as many", *c);
            break;
        }
    size = size && text[size - 1] == '\r' ? size - 1 : size;
    cuv_sv shown = {.kind = CUV_SV_TEXT, .text = text, .size = size < MOST ? size : MOST};
    return cuv_sc_fail(e, node, CUV_NO, "script.text", help, "line %lld of %s is not a row of %snumbers: %s%s", (long long)line + 1, file->name,
                       n->rows ? "as many " : "", cuv_sv_describe(e, &shown), size > MOST ? " ..." : "");
}

cuv_status cuv_sc_load_text(cuv_sc *e, const cuv_sargs *args, cuv_sv **out)
{
    static const char *const understood[] = {"delimiter", "dtype", "skiprows", "skip_header", "ndmin", "fname", "encoding"};
    const cuv_sv *path = cuv_sc_arg(args, 0, "fname"), *delimiter = cuv_sc_arg(args, args->count, "delimiter");
    const cuv_sv *skip = cuv_sc_arg(args, args->count, "skiprows"), *least = cuv_sc_arg(args, args->count, "ndmin");
    const cuv_sv *dtype = cuv_sc_arg(args, 1, "dtype");
    int64_t rows = 0, axes = 0;
    numbers n = {0};
    cuv_file *file = NULL;
    bool known = path && (path->kind == CUV_SV_TEXT || path->kind == CUV_SV_FILE) && args->count <= 2;
    skip = skip ? skip : cuv_sc_arg(args, args->count, "skip_header");
    for (size_t i = 0; known && i < args->named; i++) {
        known = false;
        for (size_t k = 0; k < sizeof understood / sizeof *understood; k++)
            known = known || cuv_streq(understood[k], args->names[i]);
    }
    known = known && (!skip || cuv_sv_as_int(skip, &rows)) && (!least || cuv_sv_as_int(least, &axes)) &&
            (!delimiter || delimiter->kind == CUV_SV_NONE || (delimiter->kind == CUV_SV_TEXT && delimiter->size == 1)) &&
            (!dtype || dtype->kind == CUV_SV_NAME || dtype->kind == CUV_SV_TEXT);
    if (!known)
        return cuv_sv_unknown(e, out, "what a text file holds");
    CUV_TRY(cuv_sc_find(e, args->node, path->text, &file));
    const char *text = (const char *)file->source.data, *end = text + file->source.size;
    CUV_TRY(cuv_sc_step(e, file->source.size / 16));
    for (int64_t line = 0; text < end; line++) {
        const char *stop = memchr(text, '\n', (size_t)(end - text));
        size_t size = (size_t)((stop ? stop : end) - text);
        if (line >= rows && !skipped_line(text, size) &&
            !read_line(e, text, size, delimiter && delimiter->kind == CUV_SV_TEXT ? delimiter->text : "", &n))
            return not_a_row(e, args->node, file, text, size, line, &n);
        text += size + (stop != NULL);
    }
    CUV_TRY(text_array(e, file, &n, axes, out));
    cuv_sv *method = NULL;
    if (!dtype)
        return CUV_OK;
    CUV_TRY(cuv_sv_method(e, *out, "astype", &method));
    return cuv_sc_call(e, method, &(cuv_sargs){(cuv_sv *[]){(cuv_sv *)(uintptr_t)dtype}, 1, NULL, NULL, 0, args->node}, out);
}
