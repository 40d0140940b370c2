/* The values that a script's expressions have: making, comparing, printing, and the way to and from file values. */
#include "evidence/script.h"

#include <math.h>

/* ---- making ---- */

cuv_sv *cuv_sv_new(cuv_sc *e, cuv_sv_kind kind)
{
    cuv_sv *v = CUV_NEW(e->arena, cuv_sv);
    if (v)
        v->kind = kind;
    e->steps += 8;              /* memory is bounded by the same count as work */
    return v;
}

cuv_status cuv_sv_make(cuv_sc *e, cuv_sv_kind kind, cuv_sv **out)
{
    *out = cuv_sv_new(e, kind);
    return *out ? CUV_OK : cuv_oom(e->cx);
}

cuv_status cuv_sv_int(cuv_sc *e, int64_t integer, cuv_sv **out)
{
    CUV_TRY(cuv_sv_make(e, CUV_SV_INT, out));
    (*out)->integer = integer;
    (*out)->real = (double)integer;
    return CUV_OK;
}

cuv_status cuv_sv_real(cuv_sc *e, double real, cuv_sv **out)
{
    CUV_TRY(cuv_sv_make(e, CUV_SV_REAL, out));
    (*out)->real = real;
    return CUV_OK;
}

cuv_status cuv_sv_text(cuv_sc *e, const char *text, size_t size, cuv_sv **out)
{
    CUV_TRY(cuv_sc_step(e, size / 64));
    CUV_TRY(cuv_sv_make(e, CUV_SV_TEXT, out));
    (*out)->text = cuv_arena_strndup(e->arena, text, size);
    (*out)->size = size;
    return (*out)->text ? CUV_OK : cuv_oom(e->cx);
}

cuv_status cuv_sv_word(cuv_sc *e, const char *text, cuv_sv **out)
{
    return cuv_sv_text(e, text, strlen(text), out);
}

cuv_status cuv_sv_name(cuv_sc *e, const char *dotted, cuv_sv **out)
{
    CUV_TRY(cuv_sv_word(e, dotted, out));
    (*out)->kind = CUV_SV_NAME;
    return CUV_OK;
}

cuv_status cuv_sv_unknown(cuv_sc *e, cuv_sv **out, const char *fmt, ...)
{
    va_list args;
    CUV_TRY(cuv_sv_make(e, CUV_SV_UNKNOWN, out));
    va_start(args, fmt);
    (*out)->text = cuv_arena_vprintf(e->arena, fmt, args);
    va_end(args);
    return (*out)->text ? CUV_OK : cuv_oom(e->cx);
}

cuv_status cuv_sv_array(cuv_sc *e, const cuv_tensor *t, const char *label, cuv_sv **out)
{
    CUV_TRY(cuv_sv_make(e, CUV_SV_ARRAY, out));
    (*out)->tensor = t;
    (*out)->label = label;
    return CUV_OK;
}

cuv_status cuv_sv_method(cuv_sc *e, cuv_sv *self, const char *name, cuv_sv **out)
{
    CUV_TRY(cuv_sv_make(e, CUV_SV_METHOD, out));
    (*out)->self = self;
    (*out)->text = name;
    return CUV_OK;
}

cuv_sv *cuv_sv_bool(const cuv_sc *e, bool truth)
{
    return truth ? e->yes : e->no;
}

/* ---- containers ---- */

cuv_status cuv_sv_add(cuv_sc *e, cuv_sv *list, cuv_sv *item)
{
    if (list->count >= cuv_context_limits(e->cx)->items)
        return cuv_sc_fail(e, e->at, CUV_UNSAFE, "script.size", NULL, "a list grows beyond the limit (limits.items)");
    CUV_TRY(cuv_sc_step(e, 1));
    cuv_sv **grown = cuv_arena_grow(e->arena, list->items, list->count, &list->capacity, sizeof *grown);
    if (!grown)
        return cuv_oom(e->cx);
    list->items = grown;
    list->items[list->count++] = item;
    return CUV_OK;
}

cuv_status cuv_sv_include(cuv_sc *e, cuv_sv *set, cuv_sv *item)
{
    CUV_TRY(cuv_sc_step(e, 1 + set->count / 8));
    for (size_t i = 0; i < set->count; i++)
        if (cuv_sv_equal(set->items[i], item))
            return CUV_OK;
    return cuv_sv_add(e, set, item);
}

cuv_sv *cuv_sv_find(const cuv_sv *dict, const cuv_sv *key)
{
    for (size_t i = 0; i < dict->count; i++)
        if (cuv_sv_equal(dict->items[i], key))
            return dict->values[i];
    return NULL;
}

cuv_sv *cuv_sv_get(const cuv_sv *dict, const char *key)
{
    for (size_t i = 0; dict && i < dict->count; i++)
        if (cuv_sv_is(dict->items[i], key))
            return dict->values[i];
    return NULL;
}

static cuv_status put_new(cuv_sc *e, cuv_sv *dict, cuv_sv *key, cuv_sv *value)
{
    size_t capacity = dict->capacity;
    cuv_sv **keys = cuv_arena_grow(e->arena, dict->items, dict->count, &capacity, sizeof *keys);
    cuv_sv **values = cuv_arena_grow(e->arena, dict->values, dict->count, &dict->capacity, sizeof *values);
    if (!keys || !values)
        return cuv_oom(e->cx);
    dict->items = keys;
    dict->values = values;
    keys[dict->count] = key;
    values[dict->count++] = value;
    return CUV_OK;
}

cuv_status cuv_sv_put(cuv_sc *e, cuv_sv *dict, cuv_sv *key, cuv_sv *value)
{
    CUV_TRY(cuv_sc_step(e, 1 + dict->count / 8));
    for (size_t i = 0; i < dict->count; i++)
        if (cuv_sv_equal(dict->items[i], key)) {
            dict->values[i] = value;
            return CUV_OK;
        }
    return put_new(e, dict, key, value);
}

cuv_status cuv_sv_put_word(cuv_sc *e, cuv_sv *dict, const char *key, cuv_sv *value)
{
    cuv_sv *k = NULL;
    CUV_TRY(cuv_sv_word(e, key, &k));
    return cuv_sv_put(e, dict, k, value);
}

/* ---- reading ---- */

bool cuv_sv_is(const cuv_sv *v, const char *text)
{
    return v && v->kind == CUV_SV_TEXT && v->size == strlen(text) && memcmp(v->text, text, v->size) == 0;
}

bool cuv_sv_is_seq(const cuv_sv *v)
{
    return v && (v->kind == CUV_SV_LIST || v->kind == CUV_SV_TUPLE);
}

bool cuv_sv_is_number(const cuv_sv *v)
{
    return v->kind == CUV_SV_INT || v->kind == CUV_SV_REAL || v->kind == CUV_SV_BOOL;
}

bool cuv_sv_as_int(const cuv_sv *v, int64_t *out)
{
    if (v && v->kind == CUV_SV_ARRAY && v->tensor->data && v->tensor->rank == 0 && v->tensor->dtype < CUV_F16) {
        *out = (int64_t)cuv_tensor_at(v->tensor, 0);
        return true;
    }
    if (!v || (v->kind != CUV_SV_INT && v->kind != CUV_SV_BOOL))
        return false;
    *out = v->kind == CUV_SV_BOOL ? v->truth : v->integer;
    return true;
}

bool cuv_sv_as_real(const cuv_sv *v, double *out)
{
    int64_t i = 0;
    if (v && v->kind == CUV_SV_REAL)
        *out = v->real;
    else if (cuv_sv_as_int(v, &i))
        *out = (double)i;
    else
        return false;
    return true;
}

bool cuv_sv_length(const cuv_sv *v, size_t *out)
{
    if (v->unsure)
        return false;
    switch (v->kind) {
    case CUV_SV_LIST: case CUV_SV_TUPLE: case CUV_SV_SET: case CUV_SV_DICT:
        *out = v->count;
        return true;
    case CUV_SV_TEXT: case CUV_SV_BYTES:
        *out = 0;
        for (size_t i = 0; i < v->size; i++)
            *out += v->kind == CUV_SV_BYTES || ((uint8_t)v->text[i] & 0xC0) != 0x80;
        return true;
    case CUV_SV_RANGE: {
        int64_t span = v->step > 0 ? v->stop - v->integer : v->integer - v->stop;
        int64_t step = v->step > 0 ? v->step : -v->step;
        *out = span > 0 ? (size_t)((span - 1) / step + 1) : 0;
        return true;
    }
    case CUV_SV_ARRAY:
        if (v->tensor->rank == 0)
            return false;
        *out = (size_t)v->tensor->shape[0];
        return true;
    case CUV_SV_NONE: case CUV_SV_BOOL: case CUV_SV_INT: case CUV_SV_REAL: case CUV_SV_SLICE: case CUV_SV_ELLIPSIS:
    case CUV_SV_TENSOR: case CUV_SV_LAYER: case CUV_SV_NAME: case CUV_SV_FUNCTION: case CUV_SV_CLASS: case CUV_SV_INSTANCE: case CUV_SV_SUPER:
    case CUV_SV_PARTIAL: case CUV_SV_METHOD: case CUV_SV_FILE: case CUV_SV_VARIABLE: case CUV_SV_OBJECT: case CUV_SV_UNKNOWN:
        break;
    }
    return false;
}

bool cuv_sv_truth(const cuv_sv *v, bool *known)
{
    size_t length = 0;
    *known = true;
    switch (v->kind) {
    case CUV_SV_NONE: return false;
    case CUV_SV_BOOL: return v->truth;
    case CUV_SV_INT: return v->integer != 0;
    case CUV_SV_REAL: return v->real != 0;
    case CUV_SV_LIST: case CUV_SV_TUPLE: case CUV_SV_SET: case CUV_SV_DICT: case CUV_SV_TEXT: case CUV_SV_BYTES: case CUV_SV_RANGE:
        *known = cuv_sv_length(v, &length);
        return length > 0;
    case CUV_SV_LAYER: case CUV_SV_NAME: case CUV_SV_FUNCTION: case CUV_SV_CLASS: case CUV_SV_INSTANCE: case CUV_SV_SUPER: case CUV_SV_PARTIAL:
    case CUV_SV_METHOD: case CUV_SV_FILE: case CUV_SV_OBJECT:
        return true;
    case CUV_SV_ARRAY:
        *known = v->tensor->data && cuv_tensor_count(v->tensor) == 1 && v->tensor->dtype != CUV_STR;
        return *known && cuv_tensor_at(v->tensor, 0) != 0;
    case CUV_SV_SLICE: case CUV_SV_ELLIPSIS: case CUV_SV_TENSOR: case CUV_SV_VARIABLE: case CUV_SV_UNKNOWN:
        break;
    }
    *known = false;
    return false;
}

static bool number_equal(const cuv_sv *a, const cuv_sv *b)
{
    double x = 0, y = 0;
    return cuv_sv_as_real(a, &x) && cuv_sv_as_real(b, &y) && x == y;
}

enum { SEARCH_BUDGET = 20000, SEARCH_DEPTH = 64 };      /* values may share parts: depth alone bounds nothing */

static bool equal(const cuv_sv *a, const cuv_sv *b, unsigned depth, unsigned *budget);

static bool equal_items(const cuv_sv *a, const cuv_sv *b, unsigned depth, unsigned *budget)
{
    if (a->count != b->count)
        return false;
    for (size_t i = 0; i < a->count; i++)
        if (!equal(a->items[i], b->items[i], depth + 1, budget) ||
            (a->kind == CUV_SV_DICT && !equal(a->values[i], b->values[i], depth + 1, budget)))
            return false;
    return true;
}

/* Has the set b all that a has? */
static bool within(const cuv_sv *a, const cuv_sv *b, unsigned depth, unsigned *budget)
{
    for (size_t i = 0; i < a->count; i++) {
        size_t k = 0;
        while (k < b->count && !equal(a->items[i], b->items[k], depth + 1, budget))
            k++;
        if (k == b->count)
            return false;
    }
    return true;
}

static bool equal(const cuv_sv *a, const cuv_sv *b, unsigned depth, unsigned *budget)
{
    if (a == b)
        return true;
    if (cuv_sv_is_number(a) && cuv_sv_is_number(b))
        return number_equal(a, b);
    if (a->kind != b->kind || depth > SEARCH_DEPTH || *budget == 0)
        return false;
    --*budget;
    switch ((int)a->kind) {
    case CUV_SV_NONE: case CUV_SV_ELLIPSIS: return true;
    case CUV_SV_TEXT: case CUV_SV_BYTES: return a->size == b->size && memcmp(a->text, b->text, a->size) == 0;
    case CUV_SV_NAME: return cuv_streq(a->text, b->text);
    case CUV_SV_LAYER: return a->layer == b->layer;
    case CUV_SV_TENSOR: return a->symbol == b->symbol;
    case CUV_SV_LIST: case CUV_SV_TUPLE: case CUV_SV_DICT: return equal_items(a, b, depth, budget);
    case CUV_SV_SET: return a->count == b->count && within(a, b, depth, budget);
    default: return false;
    }
}

bool cuv_sv_equal(const cuv_sv *a, const cuv_sv *b)
{
    unsigned budget = SEARCH_BUDGET;
    return equal(a, b, 0, &budget);
}

static bool involves(const cuv_sv *v, unsigned depth, unsigned *budget)
{
    if (!v || depth > SEARCH_DEPTH || *budget == 0)
        return false;
    --*budget;
    if (v->kind == CUV_SV_LAYER || v->kind == CUV_SV_TENSOR || v->kind == CUV_SV_VARIABLE)
        return true;
    if (v->self && involves(v->self, depth + 1, budget))
        return true;
    for (size_t i = 0; i < v->count && *budget > 0; i++)
        if ((v->items && involves(v->items[i], depth + 1, budget)) || (v->values && involves(v->values[i], depth + 1, budget)))
            return true;
    return false;
}

bool cuv_sv_involves(const cuv_sv *v)
{
    unsigned budget = SEARCH_BUDGET;
    return involves(v, 0, &budget);
}

static const cuv_sv *unknown_in(const cuv_sv *v, unsigned depth, unsigned *budget)
{
    if (!v || depth > SEARCH_DEPTH || *budget == 0)
        return NULL;
    --*budget;
    if (v->kind == CUV_SV_UNKNOWN || v->unsure)
        return v;
    if (v->kind > CUV_SV_DICT)
        return NULL;
    for (size_t i = 0; i < v->count && *budget > 0; i++) {
        const cuv_sv *inner = unknown_in(v->items[i], depth + 1, budget);
        if (!inner && v->values)
            inner = unknown_in(v->values[i], depth + 1, budget);
        if (inner)
            return inner;
    }
    return NULL;
}

const cuv_sv *cuv_sv_unknown_in(const cuv_sv *v)
{
    unsigned budget = SEARCH_BUDGET;
    return unknown_in(v, 0, &budget);
}

/* ---- words ---- */

static void print_items(cuv_sc *e, cuv_buffer *b, const cuv_sv *v, const char *open, const char *close, unsigned depth)
{
    cuv_buffer_text(b, open);
    for (size_t i = 0; i < v->count && b->size < (1u << 20); i++) {
        if (i)
            cuv_buffer_text(b, ", ");
        cuv_sv_print(e, b, v->items[i], true, depth + 1);
        if (v->kind == CUV_SV_DICT) {
            cuv_buffer_text(b, ": ");
            cuv_sv_print(e, b, v->values[i], true, depth + 1);
        }
    }
    if (v->kind == CUV_SV_TUPLE && v->count == 1)
        cuv_buffer_char(b, ',');
    cuv_buffer_text(b, close);
}

static void print_text(cuv_buffer *b, const cuv_sv *v, bool repr)
{
    if (!repr) {
        cuv_buffer_add(b, v->text, v->size);
        return;
    }
    cuv_buffer_char(b, '\'');
    for (size_t i = 0; i < v->size; i++) {
        if (v->text[i] == '\'' || v->text[i] == '\\')
            cuv_buffer_char(b, '\\');
        if (v->text[i] == '\n')
            cuv_buffer_text(b, "\\n");
        else
            cuv_buffer_char(b, v->text[i]);
    }
    cuv_buffer_char(b, '\'');
}

void cuv_sv_print(cuv_sc *e, cuv_buffer *b, const cuv_sv *v, bool repr, unsigned depth)
{
    if (depth > 64) {
        cuv_buffer_text(b, "...");
        return;
    }
    switch ((int)v->kind) {
    case CUV_SV_NONE: cuv_buffer_text(b, "None"); break;
    case CUV_SV_BOOL: cuv_buffer_text(b, v->truth ? "True" : "False"); break;
    case CUV_SV_INT: cuv_buffer_printf(b, "%lld", (long long)v->integer); break;
    case CUV_SV_REAL: cuv_buffer_double(b, v->real); break;
    case CUV_SV_TEXT: print_text(b, v, repr); break;
    case CUV_SV_LIST: print_items(e, b, v, "[", "]", depth); break;
    case CUV_SV_TUPLE: print_items(e, b, v, "(", ")", depth); break;
    case CUV_SV_SET: case CUV_SV_DICT: print_items(e, b, v, "{", "}", depth); break;
    case CUV_SV_NAME: cuv_buffer_text(b, v->text); break;
    case CUV_SV_LAYER: cuv_buffer_printf(b, "<%s name=%s>", v->layer->class_name, v->layer->name); break;
    case CUV_SV_ARRAY:
        if (v->tensor->rank == 0 && v->tensor->data && cuv_dtype_is_integer(v->tensor->dtype)) {
            cuv_buffer_printf(b, "%lld", (long long)cuv_tensor_at(v->tensor, 0));
            break;
        }
        cuv_buffer_printf(b, "<array %s>", cuv_shape_text(e->cx, v->tensor->shape, v->tensor->rank)); break;
    default: cuv_buffer_text(b, "<...>"); break;
    }
}

static const char *printed(cuv_sc *e, const cuv_sv *v)
{
    cuv_buffer b;
    cuv_buffer_init(&b, e->cx);
    cuv_sv_print(e, &b, v, true, 0);
    if (b.size > 60) {
        b.size = 57;
        cuv_buffer_text(&b, "...");
    }
    cuv_buffer safe;
    cuv_buffer_init(&safe, e->cx);
    for (size_t i = 0; i < b.size; i++)
        cuv_buffer_char(&safe, (uint8_t)b.data[i] < 0x20 || (uint8_t)b.data[i] >= 0x7F ? '?' : b.data[i]);
    const char *text = b.failed || safe.failed || !safe.size ? "''" : cuv_sc_format(e, "%s", safe.data);
    cuv_buffer_free(&safe);
    cuv_buffer_free(&b);
    return text;
}

const char *cuv_sv_describe(cuv_sc *e, const cuv_sv *v)
{
    static const char *const plain[] = {
        [CUV_SV_SLICE] = "a slice", [CUV_SV_ELLIPSIS] = "'...'", [CUV_SV_RANGE] = "a range", [CUV_SV_FUNCTION] = "a function",
        [CUV_SV_CLASS] = "a class", [CUV_SV_INSTANCE] = "an object of a class of the script", [CUV_SV_SUPER] = "super()", [CUV_SV_PARTIAL] = "a partial function",
        [CUV_SV_METHOD] = "a method", [CUV_SV_FILE] = "an open file", [CUV_SV_VARIABLE] = "a layer's variable",
        [CUV_SV_TENSOR] = "a symbolic tensor of the model"};
    if (v->unsure)
        return v->kind == CUV_SV_ARRAY ? "an array that the code changes in a way that is not followed"
                                       : "a value that a branch which may not run changes";
    switch ((int)v->kind) {
    case CUV_SV_UNKNOWN: return v->text;
    case CUV_SV_LAYER: return cuv_sc_format(e, "the %s '%s'", v->layer->class_name, v->layer->name);
    case CUV_SV_ARRAY:
        return cuv_sc_format(e, "an array of shape %s", cuv_shape_text(e->cx, v->tensor->shape, v->tensor->rank));
    case CUV_SV_OBJECT: return cuv_sc_format(e, "a %s", v->text);
    case CUV_SV_LIST: case CUV_SV_TUPLE:
        if (v->count > 8 || cuv_sv_involves(v))
            return cuv_sc_format(e, "a %s of %zu", v->kind == CUV_SV_LIST ? "list" : "tuple", v->count);
        break;
    default: break;
    }
    return v->kind < sizeof plain / sizeof *plain && plain[v->kind] ? plain[v->kind] : printed(e, v);
}

/* ---- from files ---- */

static cuv_status items_from(cuv_sc *e, const cuv_value *v, unsigned depth, cuv_sv *out)
{
    for (size_t i = 0; i < v->size; i++) {
        cuv_sv *item = NULL, *key = NULL;
        CUV_TRY(cuv_sv_from_value(e, v->kind == CUV_DICT ? v->pairs[i].value : v->items[i], depth + 1, &item));
        if (v->kind != CUV_DICT) {
            CUV_TRY(cuv_sv_add(e, out, item));
            continue;
        }
        CUV_TRY(cuv_sv_from_value(e, v->pairs[i].key, depth + 1, &key));
        CUV_TRY(put_new(e, out, key, item));
    }
    return CUV_OK;
}

cuv_status cuv_sv_from_value(cuv_sc *e, const cuv_value *v, unsigned depth, cuv_sv **out)
{
    const cuv_named *named = NULL;
    CUV_TRY(cuv_sc_step(e, 1));
    if (depth > cuv_context_limits(e->cx)->depth)
        return cuv_sc_fail(e, e->at, CUV_UNSAFE, "script.depth", NULL, "the file's content is nested deeper than the limit");
    switch (v->kind) {
    case CUV_NULL: *out = e->none; return CUV_OK;
    case CUV_TRUTH: *out = cuv_sv_bool(e, v->truth); return CUV_OK;
    case CUV_INTEGER: return cuv_sv_int(e, v->integer, out);
    case CUV_REAL: return cuv_sv_real(e, v->real, out);
    case CUV_TEXT: return cuv_sv_text(e, v->text, v->size, out);
    case CUV_BYTES:
        CUV_TRY(cuv_sv_text(e, v->text, v->size, out));
        (*out)->kind = CUV_SV_BYTES;
        return CUV_OK;
    case CUV_TENSOR:
        named = cuv_evidence_name_of(e->ev, v->tensor);
        return cuv_sv_array(e, v->tensor, named ? named->label : NULL, out);
    case CUV_LIST: case CUV_TUPLE: case CUV_DICT:
        CUV_TRY(cuv_sv_make(e, v->kind == CUV_LIST ? CUV_SV_LIST : v->kind == CUV_TUPLE ? CUV_SV_TUPLE : CUV_SV_DICT, out));
        return items_from(e, v, depth, *out);
    }
    return CUV_OK;
}

/* ---- to configurations ---- */

static cuv_status record(cuv_sc *e, const char *class_name, cuv_value **config, cuv_value **out)
{
    *out = cuv_value_dict(e->arena);
    *config = cuv_value_dict(e->arena);
    if (!*out || !*config)
        return cuv_oom(e->cx);
    CUV_TRY(cuv_dict_set(e->arena, *out, "class_name", cuv_value_text(e->arena, class_name)));
    return cuv_dict_set(e->arena, *out, "config", *config);
}

static cuv_status slice_value(cuv_sc *e, const cuv_sv *v, const char *what, unsigned depth, cuv_value **out)
{
    static const char *const names[] = {"start", "stop", "step"};
    cuv_value *config = NULL, *part = NULL;
    CUV_TRY(record(e, "__slice__", &config, out));
    for (size_t i = 0; i < 3; i++) {
        CUV_TRY(cuv_sv_to_value(e, v->items[i], what, depth + 1, &part));
        CUV_TRY(cuv_dict_set(e->arena, config, names[i], part));
    }
    return CUV_OK;
}

static cuv_status shape_value(cuv_sc *e, const cuv_st *t, cuv_value *config)
{
    cuv_value *shape = cuv_value_list(e->arena);
    for (int i = 0; shape && i < t->rank; i++)
        CUV_TRY(cuv_list_add(e->arena, shape, t->shape[i] < 0 ? cuv_value_null(e->arena) : cuv_value_int(e->arena, t->shape[i])));
    return cuv_dict_set(e->arena, config, "shape", shape);
}

static cuv_status tensor_value(cuv_sc *e, const cuv_st *t, cuv_value **out)
{
    t = t->twin ? t->twin : t;          /* where the model begins */
    cuv_value *config = NULL, *history = cuv_value_list(e->arena);
    CUV_TRY(record(e, "__keras_tensor__", &config, out));
    if (!history)
        return cuv_oom(e->cx);
    if (t->shaped)
        CUV_TRY(shape_value(e, t, config));
    CUV_TRY(cuv_dict_set(e->arena, config, "dtype", cuv_value_text(e->arena, t->dtype ? t->dtype : "float32")));
    CUV_TRY(cuv_list_add(e->arena, history, cuv_value_text(e->arena, t->call->layer->name)));
    CUV_TRY(cuv_list_add(e->arena, history, cuv_value_int(e->arena, (int64_t)t->call->kept)));
    CUV_TRY(cuv_list_add(e->arena, history, cuv_value_int(e->arena, (int64_t)t->index)));
    return cuv_dict_set(e->arena, config, "keras_history", history);
}

/* Nested lists of an array's values; for small ones such as the mean of a Normalization. */
static cuv_status array_value(cuv_sc *e, const cuv_tensor *t, int axis, size_t *at, cuv_value **out)
{
    if (axis == t->rank) {
        double x = cuv_tensor_at(t, (*at)++);
        *out = t->dtype == CUV_BOOL ? cuv_value_bool(e->arena, x != 0)
               : t->dtype < CUV_F16 ? cuv_value_int(e->arena, (int64_t)x) : cuv_value_real(e->arena, x);
        return *out ? CUV_OK : cuv_oom(e->cx);
    }
    *out = cuv_value_list(e->arena);
    for (int64_t i = 0; *out && i < t->shape[axis]; i++) {
        cuv_value *item = NULL;
        CUV_TRY(array_value(e, t, axis + 1, at, &item));
        CUV_TRY(cuv_list_add(e->arena, *out, item));
    }
    return *out ? CUV_OK : cuv_oom(e->cx);
}

static cuv_status items_value(cuv_sc *e, const cuv_sv *v, const char *what, unsigned depth, cuv_value *out)
{
    if (!out)
        return cuv_oom(e->cx);
    for (size_t i = 0; i < v->count; i++) {
        cuv_value *item = NULL, *key = NULL;
        CUV_TRY(cuv_sv_to_value(e, v->kind == CUV_SV_DICT ? v->values[i] : v->items[i], what, depth + 1, &item));
        if (v->kind != CUV_SV_DICT) {
            CUV_TRY(cuv_list_add(e->arena, out, item));
            continue;
        }
        CUV_TRY(cuv_sv_to_value(e, v->items[i], what, depth + 1, &key));
        CUV_TRY(cuv_dict_add(e->arena, out, key, item));
    }
    return CUV_OK;
}

static cuv_status object_value(cuv_sc *e, const cuv_sv *v, const char *what, unsigned depth, cuv_value **out)
{
    cuv_value *config = NULL;
    CUV_TRY(record(e, v->text, &config, out));
    for (size_t i = 0; i < v->count; i++) {
        cuv_value *item = NULL;
        CUV_TRY(cuv_sv_to_value(e, v->values[i], what, depth + 1, &item));
        CUV_TRY(cuv_dict_set(e->arena, config, v->items[i]->text, item));
    }
    CUV_TRY(cuv_dict_set(e->arena, *out, "module", cuv_value_text(e->arena, v->label ? v->label : "keras")));
    return cuv_dict_set(e->arena, *out, "registered_name", cuv_value_null(e->arena));
}

/* A lambda or a function of the script, for the layer Lambda: its source, to be recognised or refused further on. */
static cuv_status function_value(cuv_sc *e, const cuv_sv *v, cuv_value **out)
{
    cuv_value *config = NULL;
    size_t start = v->node->start, size = v->node->end - start;
    CUV_TRY(record(e, "__source__", &config, out));
    return cuv_dict_set(e->arena, config, "value",
                        cuv_value_text_n(e->arena, (const char *)e->src->data + start, size < 4096 ? size : 4096));
}

static cuv_status unknown_value(cuv_sc *e, const cuv_sv *v, const char *what)
{
    return cuv_sc_fail(e, e->at, CUV_UNSUPPORTED, "script.unknown", "write the value itself where the script uses it",
                       "%s is not known from the code: it is %s", what, cuv_sv_describe(e, v));
}

cuv_status cuv_sv_to_value(cuv_sc *e, const cuv_sv *v, const char *what, unsigned depth, cuv_value **out)
{
    size_t at = 0;
    CUV_TRY(cuv_sc_step(e, 1));
    if (depth > cuv_context_limits(e->cx)->depth)
        return cuv_sc_fail(e, e->at, CUV_UNSAFE, "script.depth", NULL, "%s is nested deeper than the limit", what);
    if (v->unsure)
        return unknown_value(e, v, what);
    switch (v->kind) {
    case CUV_SV_NONE: *out = cuv_value_null(e->arena); break;
    case CUV_SV_BOOL: *out = cuv_value_bool(e->arena, v->truth); break;
    case CUV_SV_INT: *out = cuv_value_int(e->arena, v->integer); break;
    case CUV_SV_REAL: *out = cuv_value_real(e->arena, v->real); break;
    case CUV_SV_TEXT: *out = cuv_value_text_n(e->arena, v->text, v->size); break;
    case CUV_SV_NAME: *out = cuv_value_text(e->arena, cuv_sc_last(v->text)); break;
    case CUV_SV_LIST: case CUV_SV_SET: return items_value(e, v, what, depth, *out = cuv_value_list(e->arena));
    case CUV_SV_TUPLE: return items_value(e, v, what, depth, *out = cuv_value_tuple(e->arena));
    case CUV_SV_DICT: return items_value(e, v, what, depth, *out = cuv_value_dict(e->arena));
    case CUV_SV_RANGE: {
        cuv_sv *list = NULL;
        bool known = false;
        CUV_TRY(cuv_sv_iterate(e, (cuv_sv *)(uintptr_t)v, &list, &known));
        return cuv_sv_to_value(e, list, what, depth, out);
    }
    case CUV_SV_SLICE: return slice_value(e, v, what, depth, out);
    case CUV_SV_ELLIPSIS: {
        cuv_value *config = NULL;
        return record(e, "__ellipsis__", &config, out);
    }
    case CUV_SV_ARRAY:
        if (!v->tensor->data || v->tensor->dtype == CUV_STR || cuv_tensor_count(v->tensor) > 65536)
            return unknown_value(e, v, what);
        CUV_TRY(cuv_sc_step(e, cuv_tensor_count(v->tensor)));
        return array_value(e, v->tensor, 0, &at, out);
    case CUV_SV_TENSOR: return tensor_value(e, v->symbol, out);
    case CUV_SV_LAYER: return cuv_sl_record(e, v->layer, depth + 1, out);
    case CUV_SV_OBJECT: return object_value(e, v, what, depth, out);
    case CUV_SV_FUNCTION: return function_value(e, v, out);
    case CUV_SV_BYTES: case CUV_SV_CLASS: case CUV_SV_INSTANCE: case CUV_SV_SUPER: case CUV_SV_PARTIAL: case CUV_SV_METHOD: case CUV_SV_FILE:
    case CUV_SV_VARIABLE: case CUV_SV_UNKNOWN:
        return unknown_value(e, v, what);
    }
    return *out ? CUV_OK : cuv_oom(e->cx);
}

/* ---- iteration ---- */

static cuv_status iterate_text(cuv_sc *e, const cuv_sv *v, cuv_sv *out)
{
    for (size_t i = 0; i < v->size;) {
        size_t n = 1;
        cuv_sv *item = NULL;
        while (i + n < v->size && ((uint8_t)v->text[i + n] & 0xC0) == 0x80)
            n++;
        CUV_TRY(cuv_sv_text(e, v->text + i, n, &item));
        CUV_TRY(cuv_sv_add(e, out, item));
        i += n;
    }
    return CUV_OK;
}

static cuv_status iterate_range(cuv_sc *e, const cuv_sv *v, size_t length, cuv_sv *out)
{
    for (size_t i = 0; i < length; i++) {
        cuv_sv *item = NULL;
        CUV_TRY(cuv_sv_int(e, v->integer + (int64_t)i * v->step, &item));
        CUV_TRY(cuv_sv_add(e, out, item));
    }
    return CUV_OK;
}

static cuv_status iterate_array(cuv_sc *e, cuv_sv *v, size_t length, cuv_sv *out)
{
    for (size_t i = 0; i < length; i++) {
        cuv_sv *index = NULL, *item = NULL;
        CUV_TRY(cuv_sv_int(e, (int64_t)i, &index));
        CUV_TRY(cuv_sc_array_index(e, e->at, v, index, &item));
        CUV_TRY(cuv_sv_add(e, out, item));
    }
    return CUV_OK;
}

cuv_status cuv_sv_iterate(cuv_sc *e, cuv_sv *v, cuv_sv **out, bool *known)
{
    size_t length = 0;
    if (v->kind == CUV_SV_FILE && !v->truth) {
        *known = true;
        return cuv_sc_file_lines(e, v, out);
    }
    if (v->kind == CUV_SV_INSTANCE) {
        cuv_sv *items = NULL;
        CUV_TRY(cuv_sc_protocol(e, v, "__iter__", NULL, &items));
        *known = items && items->kind != CUV_SV_INSTANCE;
        return *known ? cuv_sv_iterate(e, items, out, known) : CUV_OK;
    }
    *known = cuv_sv_length(v, &length) && v->kind != CUV_SV_BYTES;
    if (!*known)
        return CUV_OK;
    CUV_TRY(cuv_sv_make(e, CUV_SV_LIST, out));
    CUV_TRY(cuv_sc_step(e, 1));
    if (v->kind == CUV_SV_RANGE)
        return iterate_range(e, v, length, *out);
    if (v->kind == CUV_SV_TEXT)
        return iterate_text(e, v, *out);
    if (v->kind == CUV_SV_ARRAY)
        return iterate_array(e, v, length, *out);
    for (size_t i = 0; i < length; i++)
        CUV_TRY(cuv_sv_add(e, *out, v->items[i]));
    return CUV_OK;
}
