/* Subscripts and slices of Python's own containers; arrays and symbolic tensors are handed on. */
#include "evidence/script.h"

/* Where the index itself stands. */
static const cuv_py *index_node(const cuv_py *node)
{
    return node && node->kind == CUV_PY_SUBSCRIPT ? node->b : node;
}

/* "[0] dense, [1] dense_1" of layers, "[0] (6, 8), [1] (8, 3)" of arrays; NULL for anything else. */
static const char *items_words(cuv_sc *e, const cuv_sv *of)
{
    enum { SHOWN = 8 };
    const char *text = "";
    for (size_t i = 0; i < of->count && i < SHOWN; i++) {
        const cuv_sv *v = of->items[i];
        if (v->kind != CUV_SV_LAYER && v->kind != CUV_SV_ARRAY)
            return NULL;
        text = cuv_sc_format(e, "%s%s[%zu] %s", text, i ? ", " : "", i, v->kind == CUV_SV_LAYER ? v->layer->name
                             : cuv_shape_text(e->cx, v->tensor->shape, v->tensor->rank));
    }
    return of->count > SHOWN ? cuv_sc_format(e, "%s, ... [%zu]", text, of->count - 1) : text;
}

static cuv_status out_of_range(cuv_sc *e, const cuv_py *node, const cuv_sv *of, int64_t index)
{
    const char *items = of->count ? items_words(e, of) : NULL, *what = of->label ? of->label : cuv_sv_describe(e, of);
    bool layers = of->count && of->items[0]->kind == CUV_SV_LAYER, arrays = of->count && of->items[0]->kind == CUV_SV_ARRAY;
    const char *last = of->count ? cuv_sc_format(e, "the last one is [%zu]", of->count - 1) : NULL;
    if (!of->label)
        return cuv_sc_fail(e, index_node(node), CUV_NO, "script.index", last, "index %lld is beyond the end of %s", (long long)index, what);
    return cuv_sc_fail(e, index_node(node), CUV_NO, "script.index",
                       items ? cuv_sc_format(e, "it has %s", items) : last, "index %lld is beyond the end of %s, which has %zu%s%s",
                       (long long)index, what, of->count, layers ? " layer" : arrays ? " array" : " item", of->count == 1 ? "" : "s");
}

bool cuv_sc_slice_bounds(const cuv_sv *slice, int64_t length, int64_t *start, int64_t *stop, int64_t *step)
{
    const cuv_sv *a = slice->items[0], *b = slice->items[1], *c = slice->items[2];
    *step = 1;
    if (c->kind != CUV_SV_NONE && (!cuv_sv_as_int(c, step) || *step == 0 || *step == INT64_MIN))
        return false;
    *step = *step > length + 1 ? length + 1 : *step < -length - 1 ? -length - 1 : *step;     /* the same items, without overflow */
    int64_t low = *step > 0 ? 0 : -1, high = *step > 0 ? length : length - 1;
    *start = *step > 0 ? low : high;
    *stop = *step > 0 ? high : low;
    if (a->kind != CUV_SV_NONE && !cuv_sv_as_int(a, start))
        return false;
    if (b->kind != CUV_SV_NONE && !cuv_sv_as_int(b, stop))
        return false;
    if (a->kind != CUV_SV_NONE)
        *start = *start < 0 ? *start + length : *start;
    if (b->kind != CUV_SV_NONE)
        *stop = *stop < 0 ? *stop + length : *stop;
    *start = *start < low ? low : *start > high ? high : *start;
    *stop = *stop < low ? low : *stop > high ? high : *stop;
    return true;
}

static cuv_status slice_text(cuv_sc *e, const cuv_sv *of, int64_t start, int64_t stop, int64_t step, cuv_sv **out)
{
    cuv_buffer b;
    cuv_buffer_init(&b, e->cx);
    for (int64_t i = start; step > 0 ? i < stop : i > stop; i += step)
        cuv_buffer_char(&b, of->text[i]);
    cuv_status status = b.failed ? cuv_oom(e->cx) : cuv_sv_text(e, b.size ? b.data : "", b.size, out);
    cuv_buffer_free(&b);
    return status;
}

static cuv_status slice(cuv_sc *e, cuv_sv *of, const cuv_sv *index, cuv_sv **out)
{
    int64_t start = 0, stop = 0, step = 1;
    int64_t length = of->kind == CUV_SV_TEXT ? (int64_t)of->size : (int64_t)of->count;
    if (!cuv_sc_slice_bounds(index, length, &start, &stop, &step))
        return cuv_sv_unknown(e, out, "a slice whose bounds are not known");
    if (of->kind == CUV_SV_TEXT)
        return slice_text(e, of, start, stop, step, out);
    CUV_TRY(cuv_sv_make(e, of->kind, out));
    (*out)->unsure = of->unsure;
    for (int64_t i = start; step > 0 ? i < stop : i > stop; i += step)
        CUV_TRY(cuv_sv_add(e, *out, of->items[i]));
    return CUV_OK;
}

/* a[0, 1] and a[:, 1] of an object array of several axes, which is a list of lists here. */
static cuv_status of_axes(cuv_sc *e, const cuv_py *node, cuv_sv *of, const cuv_sv *index, size_t at, cuv_sv **out)
{
    cuv_sv *taken = NULL, *one = NULL;
    CUV_TRY(cuv_sc_subscript(e, node, of, index->items[at], &taken));
    *out = taken;
    if (at + 1 == index->count || taken->kind == CUV_SV_UNKNOWN)
        return CUV_OK;
    if (index->items[at]->kind != CUV_SV_SLICE)
        return taken->kind == CUV_SV_LIST ? of_axes(e, node, taken, index, at + 1, out) : cuv_sv_unknown(e, out, "a part of an array");
    CUV_TRY(cuv_sv_make(e, CUV_SV_LIST, out));
    for (size_t i = 0; i < taken->count; i++) {
        if (taken->items[i]->kind != CUV_SV_LIST)
            return cuv_sv_unknown(e, out, "a part of an array");
        CUV_TRY(of_axes(e, node, taken->items[i], index, at + 1, &one));
        CUV_TRY(cuv_sv_add(e, *out, one));
    }
    return CUV_OK;
}

static bool is_axes(const cuv_sv *of, const cuv_sv *index)
{
    int64_t i = 0;
    if (of->kind != CUV_SV_LIST || index->kind != CUV_SV_TUPLE || index->count < 2 || index->count > 8 || !of->count ||
        of->items[0]->kind != CUV_SV_LIST)
        return false;
    for (size_t k = 0; k < index->count; k++)
        if (index->items[k]->kind != CUV_SV_SLICE && !cuv_sv_as_int(index->items[k], &i))
            return false;
    return true;
}

static cuv_status of_sequence(cuv_sc *e, const cuv_py *node, cuv_sv *of, cuv_sv *index, cuv_sv **out)
{
    int64_t i = 0;
    if (is_axes(of, index))
        return of_axes(e, node, of, index, 0, out);
    if (index->kind == CUV_SV_SLICE)
        return slice(e, of, index, out);
    if (!cuv_sv_as_int(index, &i)) {
        if (of->label && (index->kind == CUV_SV_TEXT || index->kind == CUV_SV_TUPLE))
            return cuv_sc_fail(e, index_node(node), CUV_NO, "script.index", NULL, "%s is a list of %zu and has no key %s", of->label, of->count,
                               cuv_sv_describe(e, index));
        return cuv_sv_unknown(e, out, "an element whose index is %s", cuv_sv_describe(e, index));
    }
    int64_t at = i < 0 ? i + (int64_t)of->count : i;
    if (of->unsure)
        return cuv_sv_unknown(e, out, "an element of a list that a branch which may not run changes");
    if (at < 0 || (size_t)at >= of->count)
        return out_of_range(e, node, of, i);
    *out = of->items[at];
    return CUV_OK;
}

static cuv_status of_dict(cuv_sc *e, const cuv_py *node, cuv_sv *of, cuv_sv *key, cuv_sv **out)
{
    *out = cuv_sv_find(of, key);
    if (*out)
        return CUV_OK;
    if (key->kind == CUV_SV_TUPLE && key->count == 0) {          /* np.load(...)[()] */
        *out = of;
        return CUV_OK;
    }
    const char *slash = key->kind == CUV_SV_TEXT ? memchr(key->text, '/', key->size) : NULL;
    if (slash && of->file) {                                     /* a path in a file of h5py */
        cuv_sv first = {.kind = CUV_SV_TEXT, .text = key->text, .size = (size_t)(slash - key->text)};
        cuv_sv rest = {.kind = CUV_SV_TEXT, .text = slash + 1, .size = key->size - first.size - 1};
        cuv_sv *inner = first.size ? cuv_sv_find(of, &first) : of;
        if (inner && inner->kind == CUV_SV_DICT && rest.size < key->size)
            return of_dict(e, node, inner, &rest, out);
    }
    bool unknown = of->unsure || cuv_sv_unknown_in(key);
    for (size_t i = 0; i < of->count && !unknown; i++)
        unknown = cuv_sv_unknown_in(of->items[i]);
    if (unknown)
        return cuv_sv_unknown(e, out, "an entry of a dictionary, not known from the code");
    if (of->self && of->self->kind != CUV_SV_DICT) {             /* defaultdict */
        CUV_TRY(cuv_sc_call(e, of->self, &(cuv_sargs){.node = node ? node : e->at}, out));
        of->unsure = e->guarded > 0;
        return cuv_sv_put(e, of, key, *out);
    }
    cuv_buffer b;
    cuv_buffer_init(&b, e->cx);
    for (size_t i = 0; i < of->count && i < 12; i++) {
        cuv_buffer_text(&b, i ? ", " : "its keys are ");
        cuv_sv_print(e, &b, of->items[i], true, 0);
    }
    const char *help = b.failed || !b.size ? NULL : cuv_sc_format(e, "%s%s", b.data, of->count > 12 ? ", ..." : "");
    cuv_buffer_free(&b);
    return cuv_sc_fail(e, index_node(node), CUV_NO, "script.key", help, "%s has no key %s", of->label ? of->label : "the dictionary",
                       cuv_sv_describe(e, key));
}

static cuv_status of_text(cuv_sc *e, const cuv_py *node, cuv_sv *of, cuv_sv *index, cuv_sv **out)
{
    int64_t i = 0;
    if (index->kind == CUV_SV_SLICE)
        return slice(e, of, index, out);
    if (!cuv_sv_as_int(index, &i))
        return cuv_sv_unknown(e, out, "a character whose index is not known");
    int64_t at = i < 0 ? i + (int64_t)of->size : i;
    if (at < 0 || (size_t)at >= of->size)
        return cuv_sc_fail(e, node, CUV_NO, "script.index", NULL, "index %lld of a string of %zu", (long long)i, of->size);
    return cuv_sv_text(e, of->text + at, 1, out);
}

cuv_status cuv_sc_subscript(cuv_sc *e, const cuv_py *node, cuv_sv *of, cuv_sv *index, cuv_sv **out)
{
    bool known = true;
    cuv_sv *list = NULL;
    switch ((int)of->kind) {
    case CUV_SV_LIST: case CUV_SV_TUPLE: return of_sequence(e, node, of, index, out);
    case CUV_SV_DICT: return of_dict(e, node, of, index, out);
    case CUV_SV_TEXT: return of_text(e, node, of, index, out);
    case CUV_SV_RANGE:
        CUV_TRY(cuv_sv_iterate(e, of, &list, &known));
        return of_sequence(e, node, list, index, out);
    case CUV_SV_ARRAY: return cuv_sc_array_index(e, node, of, index, out);
    case CUV_SV_TENSOR: return cuv_sc_symbol_index(e, of, index, out);
    case CUV_SV_UNKNOWN: *out = of; return CUV_OK;
    case CUV_SV_NAME:
        if (cuv_streq(of->text, "numpy.r_") || cuv_streq(of->text, "numpy.c_"))
            return cuv_sc_numpy_joined(e, node, of->text[6] == 'c', index, out);
        return cuv_sv_unknown(e, out, "an element of %s", of->text);
    case CUV_SV_LAYER:
        return cuv_sc_unsupported(e, node, NULL, "a subscript of %s", cuv_sv_describe(e, of));
    case CUV_SV_INSTANCE:
        CUV_TRY(cuv_sc_protocol(e, of, "__getitem__", index, out));
        return *out ? CUV_OK : cuv_sv_unknown(e, out, "an element of %s", cuv_sv_describe(e, of));
    case CUV_SV_OBJECT:
        if (cuv_streq(of->text, "re.Match"))
            return cuv_sc_match_group(e, of, index, out);
        return cuv_sv_unknown(e, out, "an element of a %s", of->text);
    default: return cuv_sv_unknown(e, out, "an element of %s", cuv_sv_describe(e, of));
    }
}
