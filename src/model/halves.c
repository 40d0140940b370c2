/* Kernels and biases kept apart in lists with one entry for each layer: entries may be empty, or hold several arrays ("biases[3] is [beta, mean,
 * variance]", "weights[2] is None"). Plain lists of arrays are bound in lists.c. */
#include "model/bind.h"

#include <stdlib.h>

typedef struct entry { cuv_named *tensors; size_t count, capacity, position; } entry;

/* One of the two lists. */
typedef struct half {
    const char *name;
    entry *entries;             /* those with arrays */
    size_t count, arrays;
    bool vectors;               /* no array has two axes */
} half;

/* ---- reading */

/* The entry that a key belongs to: 3 of "[3]", "[3][0]" and "weights[3]", of "[1][3]" where the first number is that of the half; `fallback` where
 * the key has no number. */
static size_t entry_of(const char *key, bool inner, size_t fallback)
{
    const char *bracket = strchr(key, '[');
    if (inner && bracket)
        bracket = strchr(bracket + 1, '[');
    return bracket && bracket[1] >= '0' && bracket[1] <= '9' ? (size_t)strtoull(bracket + 1, NULL, 10) : fallback;
}

static cuv_status add(cuv_binding *b, half *h, const cuv_named *t, size_t position)
{
    bool opens = !h->count || h->entries[h->count - 1].position != position;
    if (!cuv_tensor_count(t->tensor))
        return cuv_map_set(b->used, t->label, h);
    h->vectors &= t->tensor->rank <= 1;
    h->arrays++;
    entry *e = &h->entries[opens ? h->count++ : h->count - 1];
    cuv_named *tensors = cuv_arena_grow(b->scratch, e->tensors, e->count, &e->capacity, sizeof *tensors);
    if (!tensors)
        return cuv_oom(b->cx);
    e->tensors = tensors;
    e->position = position;
    tensors[e->count] = *t;
    tensors[e->count++].weight = NULL;
    return CUV_OK;
}

/* Groups [from, to) of a file: a nested list has one for each entry, others have all in one. */
static cuv_status read_half(cuv_binding *b, const cuv_file *f, size_t from, size_t to, const char *name, half *h)
{
    const bool inner = to - from == 1 && f->arrangement == CUV_ARR_NESTED;
    size_t most = 0, at = 0;
    for (size_t g = from; g < to; g++)
        most += f->groups[g].count;
    *h = (half){.name = name, .entries = CUV_NEW_ARRAY(b->scratch, entry, most + 1), .vectors = true};
    if (!h->entries)
        return cuv_oom(b->cx);
    memset(h->entries, 0, (most + 1) * sizeof *h->entries);
    for (size_t g = from; g < to; g++)
        for (size_t k = 0; k < f->groups[g].count; k++, at++)
            CUV_TRY(add(b, h, &f->groups[g].tensors[k], entry_of(f->groups[g].tensors[k].key, inner, to - from > 1 ? g : at)));
    return CUV_OK;
}

/* ---- whose entry is it? */

static bool is_bias(const cuv_weight *w)
{
    return cuv_streq(w->name, "bias") || cuv_streq(w->name, "beta");
}

static bool has_bias(const cuv_unit *u)
{
    for (size_t i = 0; i < u->count; i++)
        if (is_bias(u->weights[i]))
            return true;
    return false;
}

static const entry *entry_at(const half *h, size_t position)
{
    for (size_t i = 0; i < h->count; i++)
        if (h->entries[i].position == position)
            return &h->entries[i];
    return NULL;
}

/* The number of a layer in the list of the Sequential's layers with its InputLayer, or without. */
static size_t number_of(const cuv_binding *b, const cuv_unit *u, bool with_input)
{
    for (size_t i = 0; with_input && i < b->m->list_count; i++)
        if (b->m->list[i] == u->layer)
            return i;
    return with_input ? SIZE_MAX : u->index;
}

typedef enum numbering { BY_LAYERS, BY_LAYERS_AND_INPUT, BY_UNITS, BY_ENTRIES, NUMBERINGS } numbering;

/* The entry of each unit; false where entries are left over. A layer without a bias may have an entry, one with a bias must. */
static bool give(const cuv_binding *b, const half *h, numbering how, bool biases, const entry **out)
{
    size_t given = 0, next = 0;
    for (size_t i = 0; i < b->unit_count; i++) {
        const cuv_unit *u = &b->units[i];
        const bool wants = biases ? has_bias(u) : u->count > 0;
        out[i] = NULL;
        if (how == BY_ENTRIES)
            out[i] = wants && next < h->count ? &h->entries[next++] : NULL;
        else
            out[i] = entry_at(h, how == BY_UNITS ? i : number_of(b, u, how == BY_LAYERS_AND_INPUT));
        if (wants && !out[i])
            return false;
        given += out[i] != NULL;
    }
    return given == h->count;
}

/* ---- binding */

/* Rows of a kernel, which list(kernel) makes of it. */
static cuv_status join_rows(cuv_binding *b, const cuv_weight *w, const entry *e, entry *out)
{
    const cuv_tensor *first = e->count > 1 ? e->tensors[0].tensor : NULL;
    cuv_tensor *whole;
    void *values;
    *out = *e;
    if (!first || w->rank < 1 || (int64_t)e->count != w->shape[0])
        return CUV_OK;
    for (size_t i = 0; i < e->count; i++)
        if (e->tensors[i].tensor->dtype != first->dtype ||
            !cuv_shape_equal(w->shape + 1, w->rank - 1, e->tensors[i].tensor->shape, e->tensors[i].tensor->rank))
            return CUV_OK;
    CUV_TRY(cuv_tensor_new(b->m->arena, first->dtype, w->shape, w->rank, &whole, &values));
    const size_t size = (size_t)cuv_tensor_count(first) * cuv_dtype_size(first->dtype);
    for (size_t i = 0; i < e->count; i++) {
        memcpy((char *)values + i * size, e->tensors[i].tensor->data, size);
        CUV_TRY(cuv_map_set(b->used, e->tensors[i].label, (void *)w));
    }
    *out = (entry){.tensors = CUV_NEW(b->scratch, cuv_named), .count = 1, .position = e->position};
    const char *row = strrchr(e->tensors[0].label, '['), *end = row ? row : e->tensors[0].label + strlen(e->tensors[0].label);
    char *label = cuv_arena_strndup(b->scratch, e->tensors[0].label, (size_t)(end - e->tensors[0].label));
    if (!out->tensors || !label)
        return cuv_oom(b->cx);
    *out->tensors = (cuv_named){.tensor = whole, .label = label, .key = label, .file = e->tensors[0].file};
    return CUV_OK;
}

/* Kernels to kernels and biases to biases; or, where an entry has other arrays too, all in the order of get_weights(). */
static cuv_status arrange_unit(cuv_binding *b, const cuv_unit *u, const entry *k, const entry *v, cuv_offer *out)
{
    entry kernel = {0};
    cuv_named *list = CUV_NEW_ARRAY(b->scratch, cuv_named, u->count + (k ? k->count : 0) + (v ? v->count : 0) + 1);
    size_t biases = 0, nk = 0, nv = 0;
    if (!list)
        return cuv_oom(b->cx);
    for (size_t i = 0; i < u->count; i++)
        biases += is_bias(u->weights[i]);
    if (k)
        kernel = *k;
    if (k && k->count > 1 && u->count - biases == 1)
        CUV_TRY(join_rows(b, u->weights[0], k, &kernel));
    *out = (cuv_offer){.tensors = list, .where = out->where};
    const bool apart = kernel.count == u->count - biases && (v ? v->count : 0) == biases;
    for (size_t i = 0; apart && i < u->count; i++)
        list[out->count++] = is_bias(u->weights[i]) ? v->tensors[nv++] : kernel.tensors[nk++];
    for (size_t i = 0; !apart && i < kernel.count; i++)
        list[out->count++] = kernel.tensors[i];
    for (size_t i = 0; !apart && v && i < v->count; i++)
        list[out->count++] = v->tensors[i];
    return CUV_OK;
}

static cuv_status bind_halves(cuv_binding *b, const half *kernels, const half *biases, bool *done)
{
    const entry **k = CUV_NEW_ARRAY(b->scratch, const entry *, b->unit_count + 1), **v = CUV_NEW_ARRAY(b->scratch, const entry *, b->unit_count + 1);
    const char *where = cuv_format(b->cx, "%s and %s", kernels->name, biases->name);
    const char *why = cuv_format(b->cx, "by order: each layer takes its entries of %s and %s", kernels->name, biases->name);
    bool fits = false;
    if (!k || !v)
        return cuv_oom(b->cx);
    for (numbering how = BY_LAYERS; how < NUMBERINGS && !fits; how++)
        fits = give(b, kernels, how, false, k) && (give(b, biases, how, true, v) || give(b, biases, BY_ENTRIES, true, v));
    if (!fits)
        return CUV_OK;
    *done = true;
    for (size_t i = 0; i < b->unit_count; i++) {
        cuv_offer offer = {.where = where};
        if (b->units[i].filled)
            continue;
        CUV_TRY(arrange_unit(b, &b->units[i], k[i], v[i], &offer));
        CUV_TRY(cuv_bind_offer(b, &b->units[i], &offer, cuv_order_level(&b->units[i]), why));
    }
    return CUV_OK;
}

/* The biases are vectors, or called so. */
static int biases_of(const half *h)
{
    for (int i = 0; i < 2; i++)
        if (strstr(h[i].name, "bias") && !strstr(h[1 - i].name, "bias"))
            return i;
    for (int i = 0; i < 2; i++)
        if (h[i].vectors && !h[1 - i].vectors)
            return i;
    return -1;
}

static cuv_status bind_two(cuv_binding *b, const half *h, bool *done)
{
    const int biases = biases_of(h);
    return biases < 0 || !h[0].count || !h[1].count ? CUV_OK : bind_halves(b, &h[1 - biases], &h[biases], done);
}

cuv_status cuv_bind_two_files(cuv_binding *b, cuv_file *const *files, bool *done)
{
    half h[2];
    *done = false;
    for (int i = 0; i < 2; i++) {
        const cuv_file *f = files[i];
        if (f->arrangement != CUV_ARR_LIST && f->arrangement != CUV_ARR_NESTED)
            return CUV_OK;
        CUV_TRY(read_half(b, f, 0, f->group_count, f->name, &h[i]));
    }
    return bind_two(b, h, done);
}

cuv_status cuv_bind_two_groups(cuv_binding *b, const cuv_file *f, bool *done)
{
    half h[2];
    int n = 0;
    *done = false;
    for (size_t i = 0; i < f->group_count; i++) {
        if (!f->groups[i].count)
            continue;
        if (n == 2)
            return CUV_OK;
        const char *name = f->groups[i].name ? cuv_format(b->cx, "%s#%s", f->name, f->groups[i].name) : cuv_format(b->cx, "%s[%zu]", f->name, i);
        CUV_TRY(read_half(b, f, i, i + 1, name, &h[n++]));
    }
    return n == 2 ? bind_two(b, h, done) : CUV_OK;
}
