/* The value tree: making, reading, comparing and copying. Python's view of it for messages is in value_repr.c. */
#include "base/base.h"

#include <math.h>

enum { INDEX_FROM = 16, DEEPEST = 1024 /* parsers hold trees to limits.depth; this only stops cycles */ };

/* ---- constructors ---- */

static cuv_value *make(cuv_arena *arena, cuv_kind kind)
{
    cuv_value *v = CUV_NEW(arena, cuv_value);
    if (v)
        v->kind = kind;
    return v;
}

cuv_value *cuv_value_null(cuv_arena *arena)
{
    return make(arena, CUV_NULL);
}

cuv_value *cuv_value_bool(cuv_arena *arena, bool truth)
{
    cuv_value *v = make(arena, CUV_TRUTH);
    if (v) {
        v->truth = truth;
        v->integer = truth;
        v->real = truth;
    }
    return v;
}

cuv_value *cuv_value_int(cuv_arena *arena, int64_t integer)
{
    cuv_value *v = make(arena, CUV_INTEGER);
    if (v) {
        v->integer = integer;
        v->real = (double)integer;
    }
    return v;
}

cuv_value *cuv_value_real(cuv_arena *arena, double real)
{
    cuv_value *v = make(arena, CUV_REAL);
    if (v)
        v->real = real;
    return v;
}

static cuv_value *make_text(cuv_arena *arena, cuv_kind kind, const char *text, size_t size)
{
    cuv_value *v = make(arena, kind);
    if (!v)
        return NULL;
    v->text = cuv_arena_strndup(arena, text, size);
    v->size = size;
    return v->text ? v : NULL;
}

cuv_value *cuv_value_text(cuv_arena *arena, const char *text)
{
    return text ? make_text(arena, CUV_TEXT, text, strlen(text)) : NULL;
}

cuv_value *cuv_value_text_n(cuv_arena *arena, const char *text, size_t size)
{
    return make_text(arena, CUV_TEXT, text, size);
}

cuv_value *cuv_value_bytes(cuv_arena *arena, const void *data, size_t size)
{
    return make_text(arena, CUV_BYTES, data, size);
}

cuv_value *cuv_value_list(cuv_arena *arena)
{
    return make(arena, CUV_LIST);
}

cuv_value *cuv_value_tuple(cuv_arena *arena)
{
    return make(arena, CUV_TUPLE);
}

cuv_value *cuv_value_dict(cuv_arena *arena)
{
    return make(arena, CUV_DICT);
}

cuv_value *cuv_value_tensor(cuv_arena *arena, const cuv_tensor *tensor)
{
    cuv_value *v = make(arena, CUV_TENSOR);
    if (v)
        v->tensor = tensor;
    return v;
}

cuv_status cuv_list_add(cuv_arena *arena, cuv_value *list, cuv_value *item)
{
    cuv_value **items = NULL;
    if (list && item)
        items = cuv_arena_grow(arena, list->items, list->size, &list->capacity, sizeof(cuv_value *));
    if (!items)
        return cuv_oom(cuv_arena_context(arena));
    list->items = items;
    list->items[list->size++] = item;
    return CUV_OK;
}

/* ---- dictionaries ---- */

/* Large dictionaries carry a map from key to place + 1, kept by cuv_dict_add. A pair is believed only if it has the key;
 * whoever moves pairs by hand loses speed, not answers. */

static bool pair_has_key(const cuv_pair *pair, const char *key, size_t size)
{
    return pair->key && pair->key->kind == CUV_TEXT && pair->key->size == size && memcmp(pair->key->text, key, size) == 0;
}

static cuv_pair *find_pair(const cuv_value *dict, const char *key)
{
    if (!dict || dict->kind != CUV_DICT || !key)
        return NULL;
    const size_t size = strlen(key);
    if (dict->index && dict->indexed == dict->size) {
        uintptr_t place = (uintptr_t)cuv_map_get(dict->index, key);
        if (place == 0)
            return NULL;
        if (place <= dict->size && pair_has_key(&dict->pairs[place - 1], key, size))
            return &dict->pairs[place - 1];
    }
    for (size_t i = 0; i < dict->size; i++)
        if (pair_has_key(&dict->pairs[i], key, size))
            return &dict->pairs[i];
    return NULL;
}

/* Brings the index up to date; pairs that are no texts count, but are not in it. */
static cuv_status index_pairs(cuv_arena *arena, cuv_value *dict)
{
    if (dict->size < INDEX_FROM)
        return CUV_OK;
    if (!dict->index && !(dict->index = cuv_map_new(arena)))
        return cuv_oom(cuv_arena_context(arena));
    for (; dict->indexed < dict->size; dict->indexed++) {
        const cuv_value *key = dict->pairs[dict->indexed].key;
        if (key->kind == CUV_TEXT && !cuv_map_get(dict->index, key->text))
            CUV_TRY(cuv_map_set(dict->index, key->text, (void *)(uintptr_t)(dict->indexed + 1)));
    }
    return CUV_OK;
}

cuv_status cuv_dict_add(cuv_arena *arena, cuv_value *dict, cuv_value *key, cuv_value *value)
{
    cuv_pair *pairs = NULL;
    if (dict && key && value)
        pairs = cuv_arena_grow(arena, dict->pairs, dict->size, &dict->capacity, sizeof *pairs);
    if (!pairs)
        return cuv_oom(cuv_arena_context(arena));
    dict->pairs = pairs;
    dict->pairs[dict->size++] = (cuv_pair){.key = key, .value = value};
    return index_pairs(arena, dict);
}

const cuv_pair *cuv_next_pair(const cuv_value *dict, const char *last)
{
    const cuv_pair *found = NULL;
    for (size_t i = 0; i < dict->size; i++) {
        const char *key = cuv_text(dict->pairs[i].key);
        if (key && (!last || strcmp(key, last) > 0) && (!found || strcmp(key, cuv_text(found->key)) < 0))
            found = &dict->pairs[i];
    }
    return found;
}

cuv_status cuv_dict_set(cuv_arena *arena, cuv_value *dict, const char *key, cuv_value *value)
{
    if (!value)
        return cuv_oom(cuv_arena_context(arena));
    cuv_pair *pair = find_pair(dict, key);
    if (!pair)
        return cuv_dict_add(arena, dict, cuv_value_text(arena, key), value);
    pair->value = value;
    return CUV_OK;
}

/* ---- readers ---- */

cuv_value *cuv_get(const cuv_value *dict, const char *key)
{
    const cuv_pair *pair = find_pair(dict, key);
    return pair ? pair->value : NULL;
}

cuv_value *cuv_item(const cuv_value *list, size_t index)
{
    return cuv_is_seq(list) && index < list->size ? list->items[index] : NULL;
}

size_t cuv_len(const cuv_value *v)
{
    return cuv_is_seq(v) || (v && v->kind == CUV_DICT) ? v->size : 0;
}

const char *cuv_text(const cuv_value *v)
{
    return v && v->kind == CUV_TEXT ? v->text : NULL;
}

const char *cuv_get_text(const cuv_value *dict, const char *key)
{
    return cuv_text(cuv_get(dict, key));
}

bool cuv_is_null(const cuv_value *v)
{
    return !v || v->kind == CUV_NULL;
}

bool cuv_is_seq(const cuv_value *v)
{
    return v && (v->kind == CUV_LIST || v->kind == CUV_TUPLE);
}

bool cuv_is_number(const cuv_value *v)
{
    return v && (v->kind == CUV_INTEGER || v->kind == CUV_REAL);
}

bool cuv_as_int(const cuv_value *v, int64_t *out)
{
    if (!v)
        return false;
    if (v->kind == CUV_REAL) {
        if (!(v->real >= -0x1p63 && v->real < 0x1p63) || v->real != trunc(v->real))
            return false;
        *out = (int64_t)v->real;
        return true;
    }
    if (v->kind != CUV_INTEGER && v->kind != CUV_TRUTH)
        return false;
    *out = v->kind == CUV_TRUTH ? v->truth : v->integer;
    return true;
}

bool cuv_as_real(const cuv_value *v, double *out)
{
    if (!cuv_is_number(v) && !(v && v->kind == CUV_TRUTH))
        return false;
    *out = v->kind == CUV_REAL ? v->real : v->kind == CUV_TRUTH ? (double)v->truth : (double)v->integer;
    return true;
}

bool cuv_as_bool(const cuv_value *v, bool *out)
{
    int64_t integer = 0;
    if (v && v->kind == CUV_TRUTH)
        integer = v->truth;
    else if (!cuv_as_int(v, &integer) || (integer != 0 && integer != 1))
        return false;
    *out = integer != 0;
    return true;
}

bool cuv_get_bool(const cuv_value *dict, const char *key, bool fallback)
{
    bool truth = fallback;
    return cuv_as_bool(cuv_get(dict, key), &truth) ? truth : fallback;
}

/* ---- comparing and copying ---- */

static bool equal(const cuv_value *a, const cuv_value *b, int depth);

/* True == 1 == 1.0 as in Python; unlike there NaN equals NaN, since what is asked is whether two files say the same. */
static bool equal_numbers(const cuv_value *a, const cuv_value *b)
{
    int64_t i = 0, j = 0;
    double x = 0, y = 0;
    if (cuv_as_int(a, &i) && cuv_as_int(b, &j))
        return i == j;
    return cuv_as_real(a, &x) && cuv_as_real(b, &y) && (x == y || (isnan(x) && isnan(y)));
}

static bool equal_tensors(const cuv_tensor *a, const cuv_tensor *b)
{
    if (a == b)
        return true;
    if (a->dtype != b->dtype || !cuv_shape_equal(a->shape, a->rank, b->shape, b->rank) || !a->data || !b->data)
        return false;
    if (a->dtype != CUV_STR)
        return memcmp(a->data, b->data, cuv_tensor_bytes(a)) == 0;
    for (size_t i = 0, count = cuv_tensor_count(a); i < count; i++) {
        cuv_string x, y;
        memcpy(&x, a->data + i * sizeof x, sizeof x);
        memcpy(&y, b->data + i * sizeof y, sizeof y);
        if (x.size != y.size || (x.size > 0 && memcmp(x.data, y.data, x.size) != 0))
            return false;
    }
    return true;
}

static const cuv_value *get_by_value(const cuv_value *dict, const cuv_value *key, int depth)
{
    if (key->kind == CUV_TEXT && strlen(key->text) == key->size)
        return cuv_get(dict, key->text);
    for (size_t i = 0; i < dict->size; i++)
        if (equal(dict->pairs[i].key, key, depth))
            return dict->pairs[i].value;
    return NULL;
}

static bool equal_dicts(const cuv_value *a, const cuv_value *b, int depth)
{
    if (a->size != b->size)
        return false;
    for (size_t i = 0; i < a->size; i++) {
        const cuv_pair *p = &a->pairs[i], *q = &b->pairs[i];
        const cuv_value *other = equal(p->key, q->key, depth) ? q->value : get_by_value(b, p->key, depth);
        if (!other || !equal(p->value, other, depth))
            return false;
    }
    return true;
}

static bool equal(const cuv_value *a, const cuv_value *b, int depth)
{
    if (a == b)
        return true;
    if (!a || !b || depth <= 0)
        return false;
    if (cuv_is_seq(a) && cuv_is_seq(b)) {
        bool same = a->size == b->size;
        for (size_t i = 0; same && i < a->size; i++)
            same = equal(a->items[i], b->items[i], depth - 1);
        return same;
    }
    if (a->kind <= CUV_REAL && a->kind != CUV_NULL)
        return equal_numbers(a, b);
    if (a->kind != b->kind)
        return false;
    if (a->kind == CUV_TEXT || a->kind == CUV_BYTES)
        return a->size == b->size && memcmp(a->text, b->text, a->size) == 0;
    if (a->kind == CUV_TENSOR)
        return equal_tensors(a->tensor, b->tensor);
    return a->kind == CUV_NULL || equal_dicts(a, b, depth - 1);
}

bool cuv_value_equal(const cuv_value *a, const cuv_value *b)
{
    return equal(a, b, DEEPEST);
}

enum { KNOWN_KEYS = 64 };

typedef struct copier {
    cuv_arena *arena;
    uint64_t budget;                    /* counts values: a pickle may use one list many times, and the copy of such a knot grows without bound */
    const cuv_value *keys[KNOWN_KEYS];  /* keys that many dictionaries share, as those of JSON do, and their copies */
    cuv_value *copies[KNOWN_KEYS];
} copier;

static cuv_value *copy(copier *c, const cuv_value *v, int depth);

static cuv_value *copy_key(copier *c, const cuv_value *key, int depth)
{
    const size_t at = (uintptr_t)key / sizeof *key % KNOWN_KEYS;
    if (!key || c->keys[at] != key) {
        c->copies[at] = copy(c, key, depth);
        c->keys[at] = c->copies[at] ? key : NULL;
    }
    return c->copies[at];
}

static bool copy_items(copier *c, const cuv_value *from, cuv_value *to, int depth)
{
    to->items = CUV_NEW_ARRAY(c->arena, cuv_value *, from->size ? from->size : 1);
    to->capacity = from->size;
    bool good = to->items != NULL;
    for (size_t i = 0; good && i < from->size; i++)
        good = cuv_list_add(c->arena, to, copy(c, from->items[i], depth - 1)) == CUV_OK;
    return good;
}

static bool copy_pairs(copier *c, const cuv_value *from, cuv_value *to, int depth)
{
    to->pairs = CUV_NEW_ARRAY(c->arena, cuv_pair, from->size ? from->size : 1);
    to->capacity = from->size;
    bool good = to->pairs != NULL;
    for (size_t i = 0; good && i < from->size; i++)
        good = cuv_dict_add(c->arena, to, copy_key(c, from->pairs[i].key, depth - 1), copy(c, from->pairs[i].value, depth - 1)) == CUV_OK;
    return good;
}

static cuv_value *copy(copier *c, const cuv_value *v, int depth)
{
    if (!v || depth <= 0 || c->budget == 0)
        return NULL;
    c->budget--;
    if (v->kind == CUV_TEXT || v->kind == CUV_BYTES)
        return make_text(c->arena, v->kind, v->text, v->size);
    cuv_value *out = make(c->arena, v->kind);
    if (!out)
        return NULL;
    if (cuv_is_seq(v))
        return copy_items(c, v, out, depth) ? out : NULL;
    if (v->kind == CUV_DICT)
        return copy_pairs(c, v, out, depth) ? out : NULL;
    *out = *v;
    return out;
}

cuv_value *cuv_value_copy(cuv_arena *arena, const cuv_value *v)
{
    copier c = {.arena = arena, .budget = cuv_context_limits(cuv_arena_context(arena))->items};
    return copy(&c, v, DEEPEST);
}
