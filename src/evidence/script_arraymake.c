/* Arrays that NumPy makes: of files, of numbers alone, of other arrays. An array without data stands for one whose shape alone is known. */
#include "evidence/script.h"

#include <math.h>

/* Arrays saved one after another into one file: the next one at each call. */
static cuv_status load_next(cuv_sc *e, const cuv_py *node, cuv_sv *from, const cuv_file *file, cuv_sv **out)
{
    cuv_source src = file->source;
    cuv_value *value = NULL;
    for (int64_t i = 0; i + 1 < from->integer; i++) {
        size_t bytes = 0;
        CUV_TRY(cuv_npy_size(e->arena, &src, &bytes));
        if (bytes == 0 || bytes >= src.size)
            return cuv_sc_fail(e, node, CUV_NO, "script.file", NULL, bytes ? "%s holds %lld array%s, and one more is loaded here"
                               : "of %s only the first array is read: it holds objects, and what lies behind them is not looked for", file->name,
                               (long long)i + 1, i == 0 ? "" : "s");
        src.data += bytes;
        src.size -= bytes;
        src.offset += src.offset != UINT64_MAX ? bytes : 0;
    }
    size_t mark = cuv_findings_mark(e->cx);
    CUV_TRY(cuv_npy_parse(e->ev->arena, &src, &value));
    cuv_findings_rewind(e->cx, mark);
    CUV_TRY(cuv_sv_from_value(e, value, 0, out));
    (*out)->label = cuv_arena_printf(e->ev->arena, "%s (array %lld)", file->name, (long long)from->integer);
    return (*out)->label ? CUV_OK : cuv_oom(e->cx);
}

static cuv_status load(cuv_sc *e, const cuv_sargs *args, cuv_sv **out)
{
    cuv_sv *from = cuv_sc_arg(args, 0, "file");
    cuv_file *file = NULL;
    if (!from || (from->kind != CUV_SV_TEXT && from->kind != CUV_SV_FILE))
        return cuv_sv_unknown(e, out, "what numpy.load gives for %s", from ? cuv_sv_describe(e, from) : "nothing");
    CUV_TRY(cuv_sc_find(e, args->node, from->text, &file));
    if (!file->root)
        return cuv_sc_unsupported(e, args->node, file->arrangement == CUV_ARR_NONE ? NULL : "load it with load_model, or load_weights of a model",
                                  "numpy.load cannot read %s: that is no array file (%s)", file->name, file->kind ? file->kind : "another form");
    if (from->kind == CUV_SV_FILE && from->integer++ > 0)
        return load_next(e, args->node, from, file, out);
    CUV_TRY(cuv_sv_from_value(e, file->root, 0, out));
    if (!(*out)->label)
        (*out)->label = file->name;
    return CUV_OK;
}

/* The text or bytes that an open file, or read() of one, gives; NULL: others. */
static cuv_status raw_bytes(cuv_sc *e, const char *name, cuv_sv *from, const cuv_py *node, const char **bytes, size_t *size, cuv_file **file)
{
    *bytes = NULL;
    if (cuv_streq(name, "frombuffer") && (from->kind == CUV_SV_TEXT || from->kind == CUV_SV_BYTES)) {
        *bytes = from->text;
        *size = from->size;
        *file = from->file;
        return CUV_OK;
    }
    if (cuv_streq(name, "frombuffer") || (from->kind != CUV_SV_TEXT && (from->kind != CUV_SV_FILE || from->truth)))
        return CUV_OK;
    CUV_TRY(cuv_sc_find(e, node, from->text, file));
    *bytes = (const char *)(*file)->source.data;
    *size = (*file)->source.size;
    return CUV_OK;
}

/* numpy.fromfile, frombuffer and memmap: numbers one after the other, of this machine's byte order. */
static cuv_status raw_numbers(cuv_sc *e, const char *name, const cuv_sargs *args, cuv_sv **out)
{
    const bool map = cuv_streq(name, "memmap");
    cuv_sv *from = cuv_sc_arg(args, 0, cuv_streq(name, "fromfile") ? "file" : map ? "filename" : "buffer");
    const cuv_sv *dtype = cuv_sc_arg(args, 1, "dtype"), *count = cuv_sc_arg(args, map ? 9 : 2, "count");
    const cuv_sv *offset = cuv_sc_arg(args, map ? 3 : 9, "offset"), *mode = cuv_sc_arg(args, map ? 2 : 9, "mode");
    cuv_sv *shape = map ? cuv_sc_arg(args, 4, "shape") : NULL;
    cuv_dtype type = map ? CUV_U8 : CUV_F64;
    const char *bytes = NULL;
    size_t size = 0, n = 0;
    int64_t skip = 0, most = -1;
    cuv_file *file = NULL;
    void *values = NULL;
    cuv_tensor *t = NULL;
    bool known = from && !cuv_sc_arg(args, args->count, "sep") && (!dtype || cuv_sc_read_dtype(dtype, &type)) && type != CUV_STR &&
                 (!offset || (cuv_sv_as_int(offset, &skip) && skip >= 0)) && (!count || cuv_sv_as_int(count, &most)) &&
                 !(mode && mode->kind == CUV_SV_TEXT && strpbrk(mode->text, "w")) && !(dtype && dtype->kind == CUV_SV_TEXT && dtype->text[0] == '>');
    if (known)
        CUV_TRY(raw_bytes(e, name, from, args->node, &bytes, &size, &file));
    if (!bytes || (from->kind == CUV_SV_FILE && from->integer))
        return cuv_sv_unknown(e, out, "the result of numpy.%s(...)", name);
    size = (uint64_t)skip < size ? size - (size_t)skip : 0;
    n = size / cuv_dtype_size(type);
    if (most >= 0 && (uint64_t)most > n)
        return cuv_sc_fail(e, args->node, CUV_NO, "script.text", NULL, "%s holds %zu numbers of %s, and %lld are read", file ? file->name : "the text", n,
                           cuv_dtype_name(type), (long long)most);
    n = most >= 0 ? (size_t)most : n;
    if (from->kind == CUV_SV_FILE)
        from->integer = 1;                  /* what is read next begins elsewhere */
    CUV_TRY(cuv_sc_new_tensor(e, type, (int64_t[]){(int64_t)n}, 1, &t, &values));
    if (n)
        memcpy(values, bytes + skip, n * cuv_dtype_size(type));
    CUV_TRY(cuv_sv_array(e, t, file ? file->name : NULL, out));
    return shape && shape->kind != CUV_SV_NONE
               ? cuv_sc_of_array(e, "reshape", *out, &(cuv_sargs){(cuv_sv *[]){*out, shape}, 2, NULL, NULL, 0, args->node}, out) : CUV_OK;
}

static cuv_status filled(cuv_sc *e, const char *name, const cuv_sargs *args, cuv_sv **out)
{
    cuv_sv *like = cuv_sc_arg(args, 0, "shape"), *fill = cuv_sc_arg(args, 1, "fill_value");
    cuv_sv *dtype = cuv_sc_arg(args, cuv_starts_with(name, "full") ? 2 : 1, "dtype");
    int64_t shape[CUV_MAX_RANK];
    int rank = 0;
    cuv_dtype type = CUV_F64;
    double x = cuv_starts_with(name, "ones") ? 1 : 0;
    cuv_tensor *t = NULL;
    void *values = NULL;
    bool known = true;
    if (like && like->kind == CUV_SV_ARRAY && cuv_ends_with(name, "_like")) {
        rank = like->tensor->rank;
        type = like->tensor->dtype;
        memcpy(shape, like->tensor->shape, sizeof shape);
    } else {
        known = cuv_sc_read_shape(like, shape, &rank);
    }
    if (cuv_starts_with(name, "full"))
        known = known && fill && cuv_sv_as_real(fill, &x);
    for (int i = 0; known && i < rank; i++)
        known = shape[i] >= 0;
    if (!known || (dtype && !cuv_sc_read_dtype(dtype, &type)) || type == CUV_STR)
        return cuv_sv_unknown(e, out, "numpy.%s of what is not known", name);
    bool empty = cuv_starts_with(name, "empty");
    if (empty && !cuv_dtype_is_float(type))
        return cuv_sc_shape_array(e, shape, rank, type, out);
    x = empty ? (double)NAN : x;                    /* what stays so is not known: set_weights() looks for it */
    CUV_TRY(cuv_sc_new_tensor(e, type, shape, rank, &t, &values));
    for (size_t i = 0; x != 0 && i < cuv_tensor_count(t); i++)
        cuv_convert((uint8_t *)values + i * cuv_dtype_size(type), type, &x, CUV_F64, 1);
    CUV_TRY(cuv_sv_array(e, t, NULL, out));
    (*out)->label = cuv_arena_printf(e->ev->arena, "%s (%s)", name, cuv_sc_where(e, args->node));
    return (*out)->label ? CUV_OK : cuv_oom(e->cx);
}

/* Arrays of random numbers have a shape and no values that the code tells. */
static cuv_status random_array(cuv_sc *e, const char *name, const cuv_sargs *args, cuv_sv **out)
{
    static const char *const separate[] = {"random.rand", "random.randn"};
    cuv_sv *shape_value = cuv_sc_arg(args, args->count, "size");
    int64_t shape[CUV_MAX_RANK];
    int rank = 0;
    shape_value = shape_value ? shape_value : cuv_sc_arg(args, args->count, "shape");
    for (size_t i = 0; i < 2; i++)
        if (cuv_streq(name, separate[i]))
            CUV_TRY(cuv_sc_as_tuple(e, args, &shape_value));
    if (!shape_value && args->count == 1)
        shape_value = args->items[0];
    if (!shape_value && args->count == 3)
        shape_value = args->items[2];
    bool known = shape_value && cuv_sc_read_shape(shape_value, shape, &rank);
    for (int i = 0; known && i < rank; i++)
        known = shape[i] >= 0;
    return known ? cuv_sc_shape_array(e, shape, rank, CUV_F64, out) : cuv_sv_unknown(e, out, "random numbers");
}

static bool join_shape(const cuv_sv *list, bool stack, int64_t axis, int64_t *shape, int *rank, int *at)
{
    const cuv_tensor *first = list->count ? list->items[0]->tensor : NULL;
    for (size_t i = 0; i < list->count; i++)
        if (list->items[i]->kind != CUV_SV_ARRAY || list->items[i]->unsure || list->items[i]->tensor->rank != first->rank ||
            list->items[i]->tensor->dtype != first->dtype || !list->items[i]->tensor->data || first->dtype == CUV_STR)
            return false;
    if (!first || first->rank + stack > CUV_MAX_RANK)
        return false;
    *rank = first->rank + stack;
    axis += axis < 0 ? *rank : 0;
    if (axis < 0 || axis >= *rank)
        return false;
    *at = (int)axis;
    for (int i = 0, k = 0; i < *rank; i++)
        shape[i] = stack && i == axis ? (int64_t)list->count : first->shape[k++];
    for (size_t i = 0; !stack && i < list->count; i++)
        for (int k = 0; k < *rank; k++) {
            if (k != axis && list->items[i]->tensor->shape[k] != shape[k])
                return false;
            if (k == axis && i > 0 && !cuv_add_i64(shape[k], list->items[i]->tensor->shape[k], &shape[k]))
                return false;
        }
    for (size_t i = 0; stack && i < list->count; i++)
        if (!cuv_shape_equal(first->shape, first->rank, list->items[i]->tensor->shape, first->rank))
            return false;
    return true;
}

static cuv_status join(cuv_sc *e, const char *name, const cuv_sargs *args, cuv_sv **out)
{
    cuv_sv *over = cuv_sc_arg(args, 0, NULL), *axis_value = cuv_sc_arg(args, 1, "axis"), *list = NULL;
    int64_t shape[CUV_MAX_RANK], axis = 0;
    int rank = 0, at = 0;
    bool known = over != NULL, stack = cuv_streq(name, "stack");
    cuv_tensor *t = NULL;
    void *values = NULL;
    if (known)
        CUV_TRY(cuv_sv_iterate(e, over, &list, &known));
    known = known && (!axis_value || cuv_sv_as_int(axis_value, &axis));
    if (known && cuv_streq(name, "hstack"))
        axis = list->count && list->items[0]->kind == CUV_SV_ARRAY && list->items[0]->tensor->rank > 1 ? 1 : 0;
    if (known && cuv_streq(name, "vstack") && list->count && list->items[0]->kind == CUV_SV_ARRAY && list->items[0]->tensor->rank < 2) {
        stack = list->items[0]->tensor->rank == 1;
        known = stack;
    }
    if (!known || !join_shape(list, stack, axis, shape, &rank, &at))
        return cuv_sv_unknown(e, out, "joined arrays");
    CUV_TRY(cuv_sc_new_tensor(e, list->items[0]->tensor->dtype, shape, rank, &t, &values));
    size_t outer = 1, size = cuv_dtype_size(t->dtype), offset = 0;
    for (int i = 0; i < at; i++)
        outer *= (size_t)shape[i];
    size_t row = outer ? cuv_tensor_bytes(t) / outer : 0;
    for (size_t i = 0; i < list->count; i++) {
        const cuv_tensor *part = list->items[i]->tensor;
        size_t bytes = outer ? cuv_tensor_count(part) / outer * size : 0;
        for (size_t k = 0; k < outer; k++)
            memcpy((uint8_t *)values + k * row + offset, part->data + k * bytes, bytes);
        offset += bytes;
    }
    return cuv_sc_derived(e, list->items[0], t, " and others joined", out);
}

/* One part of r_[...]: an array, numbers, or a range written as a slice; in c_[...] a vector is a column. */
static cuv_status joined_part(cuv_sc *e, const cuv_py *node, bool column, cuv_sv *v, cuv_sv **out)
{
    cuv_sv *list = NULL;
    if (v->kind == CUV_SV_SLICE) {
        cuv_sv *from = NULL;
        CUV_TRY(cuv_sv_int(e, 0, &from));
        from = v->items[0]->kind == CUV_SV_NONE ? from : v->items[0];
        cuv_sv *limits[] = {from, v->items[1], v->items[2]};
        CUV_TRY(cuv_sc_builtin(e, "range", &(cuv_sargs){limits, v->items[2]->kind == CUV_SV_NONE ? 2 : 3, NULL, NULL, 0, node}, &v));
    }
    if (cuv_sv_is_number(v)) {
        CUV_TRY(cuv_sv_make(e, CUV_SV_LIST, &list));
        CUV_TRY(cuv_sv_add(e, list, v));
        v = list;
    }
    CUV_TRY(cuv_sc_array_of(e, v, out));
    if ((*out)->kind != CUV_SV_ARRAY || !(*out)->tensor->data || !column || (*out)->tensor->rank != 1)
        return CUV_OK;
    cuv_tensor *made = NULL;
    CUV_TRY(cuv_tensor_reshape(e->ev->arena, (*out)->tensor, (int64_t[]){(*out)->tensor->shape[0], 1}, 2, &made));
    return cuv_sc_derived(e, *out, made, " as a column", out);
}

cuv_status cuv_sc_numpy_joined(cuv_sc *e, const cuv_py *node, bool columns, cuv_sv *index, cuv_sv **out)
{
    cuv_sv *list = NULL, *part = NULL, *axis = NULL;
    const size_t count = index->kind == CUV_SV_TUPLE ? index->count : 1;
    CUV_TRY(cuv_sv_make(e, CUV_SV_LIST, &list));
    for (size_t i = 0; i < count; i++) {
        CUV_TRY(joined_part(e, node, columns, index->kind == CUV_SV_TUPLE ? index->items[i] : index, &part));
        if (part->kind != CUV_SV_ARRAY || !part->tensor->data || (columns && part->tensor->rank != 2))
            return cuv_sv_unknown(e, out, "joined arrays");
        CUV_TRY(cuv_sv_add(e, list, part));
    }
    CUV_TRY(cuv_sv_int(e, columns ? 1 : 0, &axis));
    return join(e, "concatenate", &(cuv_sargs){(cuv_sv *[]){list, axis}, 2, NULL, NULL, 0, node}, out);
}

/* Two numbers, or one for both. */
static bool read_two(const cuv_sv *v, double *before, double *after)
{
    if (cuv_sv_as_real(v, before)) {
        *after = *before;
        return true;
    }
    if (cuv_sv_is_seq(v) && v->count == 1)
        return read_two(v->items[0], before, after);
    return cuv_sv_is_seq(v) && v->count == 2 && cuv_sv_as_real(v->items[0], before) && cuv_sv_as_real(v->items[1], after);
}

/* Widths of all axes: n, (before, after), ((before, after), ...). */
static bool read_widths(const cuv_sv *v, int rank, int64_t (*widths)[2])
{
    const bool each = cuv_sv_is_seq(v) && v->count == (size_t)rank && cuv_sv_is_seq(v->items[0]);
    double a = 0, b = 0;
    for (int i = 0; v && i < rank; i++) {
        if (!read_two(each ? v->items[i] : v, &a, &b) || a < 0 || b < 0 || a > 1e6 || b > 1e6 || a != floor(a) || b != floor(b))
            return false;
        widths[i][0] = (int64_t)a;
        widths[i][1] = (int64_t)b;
    }
    return v != NULL;
}

static cuv_status pad_axis(cuv_sc *e, cuv_sv *v, int axis, const int64_t *width, const double *value, cuv_sv **out)
{
    cuv_sv *list = NULL, *along = NULL;
    CUV_TRY(cuv_sv_make(e, CUV_SV_LIST, &list));
    for (int side = 0; side < 2; side++) {
        cuv_tensor *made = NULL;
        cuv_sv *part = NULL;
        void *values = NULL;
        int64_t shape[CUV_MAX_RANK];
        memcpy(shape, v->tensor->shape, sizeof shape);
        shape[axis] = width[side];
        if (side)
            CUV_TRY(cuv_sv_add(e, list, v));
        if (!width[side])
            continue;
        CUV_TRY(cuv_sc_new_tensor(e, v->tensor->dtype, shape, v->tensor->rank, &made, &values));
        for (size_t i = 0; i < cuv_tensor_count(made); i++)
            cuv_convert((uint8_t *)values + i * cuv_dtype_size(made->dtype), made->dtype, &value[side], CUV_F64, 1);
        CUV_TRY(cuv_sc_derived(e, v, made, " padded", &part));
        CUV_TRY(cuv_sv_add(e, list, part));
    }
    CUV_TRY(cuv_sv_int(e, axis, &along));
    return list->count == 1 ? CUV_OK : join(e, "concatenate", &(cuv_sargs){(cuv_sv *[]){list, along}, 2, NULL, NULL, 0, e->at}, out);
}

static cuv_status pad(cuv_sc *e, const cuv_sargs *args, cuv_sv **out)
{
    cuv_sv *v = cuv_sc_arg(args, 0, "array"), *mode = cuv_sc_arg(args, 2, "mode"), *filling = cuv_sc_arg(args, args->count, "constant_values");
    int64_t widths[CUV_MAX_RANK][2] = {{0}};
    double value[2] = {0, 0};
    if (v && v->kind == CUV_SV_LIST)
        CUV_TRY(cuv_sc_array_of(e, v, &v));
    if (!v || v->kind != CUV_SV_ARRAY || !v->tensor->data || v->tensor->dtype == CUV_STR || (mode && !cuv_sv_is(mode, "constant")) ||
        !read_widths(cuv_sc_arg(args, 1, "pad_width"), v->tensor->rank, widths) || (filling && !read_two(filling, &value[0], &value[1])) ||
        (v->tensor->rank > 1 && value[0] != value[1]))
        return cuv_sv_unknown(e, out, "a padded array");
    *out = v;
    for (int i = 0; i < v->tensor->rank && (*out)->kind == CUV_SV_ARRAY; i++)
        CUV_TRY(pad_axis(e, *out, i, widths[i], value, out));
    return CUV_OK;
}

/* A list of arrays of one shape as the array that NumPy makes of it; *out stays NULL for other lists. */
cuv_status cuv_sc_stacked(cuv_sc *e, cuv_sv *list, const cuv_py *node, cuv_sv **out)
{
    *out = NULL;
    for (size_t i = 0; i < list->count; i++)
        if (list->unsure || list->items[i]->kind != CUV_SV_ARRAY ||
            !cuv_shape_equal(list->items[i]->tensor->shape, list->items[i]->tensor->rank, list->items[0]->tensor->shape, list->items[0]->tensor->rank))
            return CUV_OK;
    return list->count ? cuv_sc_numpy(e, "stack", &(cuv_sargs){&list, 1, NULL, NULL, 0, node}, out) : CUV_OK;
}

cuv_status cuv_sc_numpy(cuv_sc *e, const char *name, const cuv_sargs *args, cuv_sv **out)
{
    static const char *const fills[] = {"zeros", "ones", "full", "empty", "zeros_like", "ones_like", "full_like", "empty_like"};
    static const char *const joins[] = {"concatenate", "stack", "vstack", "hstack"};
    cuv_sv *v = cuv_sc_arg(args, 0, NULL), *made = NULL;
    if (cuv_streq(name, "load"))
        return load(e, args, out);
    if (cuv_word_in("fromfile frombuffer memmap", name))
        return raw_numbers(e, name, args, out);
    CUV_TRY(cuv_sc_numpy_made(e, name, args, out));
    if (*out)
        return CUV_OK;
    if (cuv_streq(name, "loadtxt") || cuv_streq(name, "genfromtxt"))
        return cuv_sc_load_text(e, args, out);
    for (size_t i = 0; i < sizeof fills / sizeof *fills; i++)
        if (cuv_streq(fills[i], name))
            return filled(e, name, args, out);
    for (size_t i = 0; i < sizeof joins / sizeof *joins; i++)
        if (cuv_streq(joins[i], name))
            return join(e, name, args, out);
    if (cuv_streq(name, "pad"))
        return pad(e, args, out);
    if (cuv_starts_with(name, "random."))
        return random_array(e, name, args, out);
    if ((cuv_streq(name, "array") || cuv_streq(name, "asarray") || cuv_streq(name, "float32") || cuv_streq(name, "asanyarray") ||
         cuv_streq(name, "atleast_1d")) && v && !cuv_sv_involves(v)) {
        CUV_TRY(cuv_sc_array_of(e, v, &made));
        cuv_sv *dtype = cuv_sc_arg(args, 1, "dtype");
        if (cuv_streq(name, "float32"))
            CUV_TRY(cuv_sv_word(e, "float32", &dtype));
        return cuv_sc_converted(e, made, dtype, out);
    }
    if (v && v->kind == CUV_SV_LIST && cuv_sc_numpy_takes_lists(name)) {
        CUV_TRY(cuv_sc_array_of(e, v, &made));
        v = made;
    }
    if (v && v->kind == CUV_SV_LIST && cuv_word_in("sum mean min max amin amax std var median", name)) {
        CUV_TRY(cuv_sc_stacked(e, v, args->node, &made));
        v = made ? made : v;
    }
    if (v && v->kind == CUV_SV_ARRAY)
        CUV_TRY(cuv_sc_of_array(e, name, v, args, out));
    if (!*out && v && (cuv_sv_is_number(v) || cuv_streq(name, "prod")))
        CUV_TRY(cuv_sc_library(e, cuv_sc_format(e, "math.%s", name), args, out));
    if (!*out && v && cuv_streq(name, "arange"))
        CUV_TRY(cuv_sc_builtin(e, "range", args, out));
    if (!*out && v && cuv_streq(name, "shape"))
        return cuv_sc_attribute(e, args->node, v, "shape", out);
    return CUV_OK;
}
