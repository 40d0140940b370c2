/* Arrays as people save them with NumPy, pickle or JSON: lists, lists of lists, dicts, keys of an .npz. Finds how
 * they are arranged and what NumPy lost on the way (formats.md e). Knows nothing of layers. */
#include "evidence/read.h"

#include <stdlib.h>

/* ---- numbers in nested lists ---- */

typedef struct nest {
    struct cuv_evidence *ev;
    cuv_file *file;
    uint64_t left;      /* values still to be looked at: a pickle may hold one list in a million places */
} nest;

static bool is_leaf(const cuv_value *v)
{
    return v && (v->kind == CUV_INTEGER || v->kind == CUV_REAL || v->kind == CUV_TRUTH);
}

static bool spend(nest *n)
{
    return n->left ? n->left-- > 0 : false;
}

/* Whether v is a nest of numbers of one shape; the first path down gives the shape, the others are held against it. */
static bool fits_shape(nest *n, const cuv_value *v, const int64_t *shape, int rank, bool *real)
{
    if (!spend(n))
        return false;
    if (rank == 0) {
        *real = *real || (v && v->kind == CUV_REAL);
        return is_leaf(v);
    }
    if (!cuv_is_seq(v) || v->size != (size_t)shape[0])
        return false;
    for (size_t i = 0; i < v->size; i++)
        if (!fits_shape(n, v->items[i], shape + 1, rank - 1, real))
            return false;
    return true;
}

static bool is_nest(nest *n, const cuv_value *v, int64_t *shape, int *rank, bool *real)
{
    const cuv_value *inner = v;
    for (*rank = 0; cuv_is_seq(inner) && inner->size > 0 && *rank < CUV_MAX_RANK; inner = inner->items[0])
        shape[(*rank)++] = (int64_t)inner->size;
    *real = false;
    return *rank > 0 && is_leaf(inner) && fits_shape(n, v, shape, *rank, real);
}

static void fill(const cuv_value *v, bool real, void *values, size_t *at)
{
    if (!is_leaf(v)) {
        for (size_t i = 0; i < v->size; i++)
            fill(v->items[i], real, values, at);
        return;
    }
    if (real)
        ((double *)values)[*at] = v->kind == CUV_TRUTH ? v->truth : v->real;
    else
        ((int64_t *)values)[*at] = v->kind == CUV_TRUTH ? v->truth : v->integer;
    (*at)++;
}

static bool holds_config(const char *key)
{
    return cuv_streq(key, "config") || cuv_streq(key, "model_config") || cuv_streq(key, "architecture") ||
           cuv_streq(key, "build_config") || cuv_streq(key, "compile_config");
}

static cuv_status too_many(const nest *n)
{
    cuv_detail detail = {.file = n->file->path, .help = "raise the limit for items if you trust this file"};
    return cuv_fail(n->ev->cx, CUV_UNSAFE, "evidence.items", &detail, "%s unfolds to more values than the limit allows",
                    n->file->name);
}

/* Replaces nests of numbers inside v by tensors; `*v` itself when `whole`. */
static cuv_status settle_value(nest *n, cuv_value **v, bool whole, unsigned depth)
{
    int64_t shape[CUV_MAX_RANK];
    int rank = 0;
    bool real = false;
    cuv_value *value = *v;
    if (!spend(n) || !depth)
        return too_many(n);
    CUV_TRY(cuv_check_time(n->ev->cx));
    if (whole && is_nest(n, value, shape, &rank, &real)) {
        cuv_tensor *t = NULL;
        void *values = NULL;
        size_t at = 0;
        CUV_TRY(cuv_tensor_new(n->ev->arena, real ? CUV_F64 : CUV_I64, shape, rank, &t, &values));
        fill(value, real, values, &at);
        *v = cuv_value_tensor(n->ev->arena, t);
        return *v ? CUV_OK : cuv_oom(n->ev->cx);
    }
    for (size_t i = 0; cuv_is_seq(value) && i < value->size; i++)
        CUV_TRY(settle_value(n, &value->items[i], true, depth - 1));
    for (size_t i = 0; value && value->kind == CUV_DICT && i < value->size; i++)
        if (!holds_config(cuv_text(value->pairs[i].key)))
            CUV_TRY(settle_value(n, &value->pairs[i].value, true, depth - 1));
    return CUV_OK;
}

/* ---- lists that are no array ---- */

static bool is_row(const cuv_value *v)
{
    for (size_t i = 0; cuv_is_seq(v) && i < v->size; i++)
        if (!is_leaf(v->items[i]))
            return false;
    return cuv_is_seq(v) && v->size > 0;
}

/* Rows of numbers of which most, but not all, have one length. */
static bool find_ragged_row(const cuv_value *v, size_t *usual, size_t *odd)
{
    size_t same = 0;
    if (v->size < 3)
        return false;
    for (size_t i = 0; i < v->size; i++)
        if (!is_row(v->items[i]))
            return false;
    *usual = v->items[0]->size == v->items[1]->size ? 0 : 2;
    *odd = v->size;
    for (size_t i = 0; i < v->size; i++) {
        bool equal = v->items[i]->size == v->items[*usual]->size;
        same += equal;
        if (!equal && *odd == v->size)
            *odd = i;
    }
    return *odd < v->size && same * 2 > v->size;
}

/* Names the first such list below the root: weights that were saved as lists, one row of which was damaged. */
static cuv_status look_for_ragged(nest *n, const cuv_value *v, const char *key, unsigned depth)
{
    enum { DEEPEST = 4 };
    size_t usual = 0, odd = 0;
    if (!v || n->file->ragged || depth > DEEPEST || !spend(n))
        return CUV_OK;
    if (depth > 0 && cuv_is_seq(v) && find_ragged_row(v, &usual, &odd)) {
        n->file->ragged = cuv_arena_printf(n->ev->arena, "%s[%zu] has %zu numbers, %s[%zu] has %zu", key, odd, v->items[odd]->size,
                                           key, usual, v->items[usual]->size);
        return n->file->ragged ? CUV_OK : cuv_oom(n->ev->cx);
    }
    for (size_t i = 0; i < cuv_len(v); i++) {
        const cuv_value *item = v->kind == CUV_DICT ? v->pairs[i].value : v->items[i];
        if (!cuv_is_seq(item) && item->kind != CUV_DICT)
            continue;
        const char *name = v->kind == CUV_DICT ? cuv_text(v->pairs[i].key) : NULL;
        char *below = name ? cuv_arena_printf(n->ev->arena, "%s%s%s", key, *key ? "/" : "", name)
                           : cuv_arena_printf(n->ev->arena, "%s[%zu]", key, i);
        if (!below)
            return cuv_oom(n->ev->cx);
        CUV_TRY(look_for_ragged(n, item, below, depth + 1));
    }
    return CUV_OK;
}

/* ---- gathering ---- */

typedef struct gather {
    cuv_collect *c;
    uint64_t left;
    unsigned depth;
} gather;

static bool is_tensor(const cuv_value *v)
{
    return v && v->kind == CUV_TENSOR;
}

static bool matters(const cuv_value *v, unsigned *budget)
{
    if (!v || !*budget)
        return v != NULL;
    --*budget;
    if (is_tensor(v))
        return true;
    for (size_t i = 0; cuv_is_seq(v) && i < v->size; i++)
        if (matters(v->items[i], budget))
            return true;
    for (size_t i = 0; v->kind == CUV_DICT && i < v->size; i++)
        if (matters(v->pairs[i].value, budget))
            return true;
    return false;
}

/* A list or dict that holds an array somewhere, or nothing: a layer without weights. */
static bool is_container(const cuv_value *v)
{
    unsigned budget = 10000; /* more is taken for one without looking */
    if (!cuv_is_seq(v) && (!v || v->kind != CUV_DICT))
        return false;
    return cuv_len(v) == 0 || matters(v, &budget);
}

static const char *key_text(cuv_arena *arena, const cuv_value *key)
{
    if (cuv_text(key))
        return cuv_text(key);
    if (key && key->kind == CUV_BYTES)
        return key->text;
    return key && key->kind == CUV_INTEGER ? cuv_arena_printf(arena, "%lld", (long long)key->integer) : NULL;
}

/* "kernel" of "dense/kernel:0" and of "dense.kernel". */
static char *last_word(cuv_arena *arena, const char *key)
{
    const char *slash = strrchr(key, '/'), *dot = slash ? NULL : strrchr(key, '.');
    const char *word = slash ? slash + 1 : dot ? dot + 1 : key;
    size_t size = strlen(word);
    return cuv_arena_strndup(arena, word, cuv_ends_with(word, ":0") ? size - 2 : size);
}

static cuv_status enter(gather *g)
{
    cuv_context *cx = g->c->ev->cx;
    CUV_TRY(cuv_check_time(cx));
    if (g->left && g->depth < cuv_context_limits(cx)->depth + 2) {
        g->left--;
        g->depth++;
        return CUV_OK;
    }
    nest n = {.ev = g->c->ev, .file = g->c->file};
    return too_many(&n);
}

/* A number among arrays was an array without axes, which NumPy hands out as a number. */
static cuv_status add_number(gather *g, const cuv_value *v, const char *key, const char *weight)
{
    cuv_tensor *t = NULL;
    void *value = NULL;
    size_t at = 0;
    bool real = v->kind == CUV_REAL;
    CUV_TRY(cuv_tensor_new(g->c->ev->arena, real ? CUV_F64 : CUV_I64, NULL, 0, &t, &value));
    fill(v, real, value, &at);
    return cuv_collect_tensor(g->c, t, key, weight);
}

static cuv_status add_below(gather *g, const cuv_value *v, const char *key, const char *weight);

static bool holds(const cuv_value *v, bool (*test)(const cuv_value *));

static cuv_status add_children(gather *g, const cuv_value *v, const char *key)
{
    cuv_arena *arena = g->c->ev->arena;
    bool numbers = cuv_is_seq(v) && holds(v, is_tensor);
    CUV_TRY(enter(g));
    for (size_t i = 0; i < cuv_len(v); i++) {
        bool dict = v->kind == CUV_DICT;
        const char *name = dict ? key_text(arena, v->pairs[i].key) : NULL;
        if (dict && (!name || holds_config(name)))
            continue;
        char *below = dict ? cuv_arena_printf(arena, "%s%s%s", key, *key ? "/" : "", name)
                           : cuv_arena_printf(arena, "%s[%zu]", key, i);
        char *weight = dict ? last_word(arena, name) : NULL;
        if (!below || (dict && !weight))
            return cuv_oom(g->c->ev->cx);
        const cuv_value *item = dict ? v->pairs[i].value : v->items[i];
        CUV_TRY(numbers && is_leaf(item) ? add_number(g, item, below, weight) : add_below(g, item, below, weight));
    }
    g->depth--;
    return CUV_OK;
}

/* Adds all tensors in v to the last group. */
static cuv_status add_below(gather *g, const cuv_value *v, const char *key, const char *weight)
{
    if (is_tensor(v))
        return cuv_collect_tensor(g->c, v->tensor, key, weight);
    return is_container(v) ? add_children(g, v, key) : CUV_OK;
}

static bool has_dict_inside(const cuv_value *v)
{
    for (size_t i = 0; v->kind == CUV_DICT && i < v->size; i++)
        if (v->pairs[i].value->kind == CUV_DICT && !holds_config(cuv_text(v->pairs[i].key)))
            return true;
    return false;
}

/* One group for v; several, with names "outer/inner", where dicts hold dicts. */
static cuv_status add_groups(gather *g, const cuv_value *v, const char *name, const char *key)
{
    cuv_arena *arena = g->c->ev->arena;
    CUV_TRY(cuv_collect_group(g->c, name, NULL));
    if (!has_dict_inside(v)) {
        CUV_TRY(add_below(g, v, key, NULL));
        return CUV_OK;
    }
    size_t own = g->c->file->group_count;
    CUV_TRY(enter(g));
    for (size_t i = 0; i < v->size; i++) { /* own tensors first, while their group is the last */
        const char *inner = key_text(arena, v->pairs[i].key);
        if (!inner || v->pairs[i].value->kind == CUV_DICT || holds_config(inner))
            continue;
        char *below = cuv_arena_printf(arena, "%s/%s", key, inner), *weight = last_word(arena, inner);
        if (!below || !weight)
            return cuv_oom(g->c->ev->cx);
        CUV_TRY(add_below(g, v->pairs[i].value, below, weight));
    }
    if (cuv_collect_last(g->c)->count == 0)
        g->c->file->group_count = own - 1;
    for (size_t i = 0; i < v->size; i++) {
        const char *inner = key_text(arena, v->pairs[i].key);
        if (!inner || v->pairs[i].value->kind != CUV_DICT || holds_config(inner))
            continue;
        char *below = cuv_arena_printf(arena, "%s/%s", key, inner);
        char *inner_name = cuv_arena_printf(arena, "%s%s%s", name ? name : "", name ? "/" : "", inner);
        if (!below || !inner_name)
            return cuv_oom(g->c->ev->cx);
        CUV_TRY(add_groups(g, v->pairs[i].value, inner_name, below));
    }
    g->depth--;
    return CUV_OK;
}

/* ---- arrangements ---- */

static bool holds(const cuv_value *v, bool (*test)(const cuv_value *))
{
    for (size_t i = 0; i < cuv_len(v); i++)
        if (v->kind == CUV_DICT ? test(v->pairs[i].value) && !holds_config(cuv_text(v->pairs[i].key))
                                : test(v->items[i]))
            return true;
    return false;
}

/* ("dense/kernel", array), ... or ("dense", [arrays]), ... */
static bool is_pairs(const cuv_value *v)
{
    for (size_t i = 0; i < v->size; i++)
        if (!cuv_is_seq(v->items[i]) || cuv_len(v->items[i]) != 2 || !cuv_text(cuv_item(v->items[i], 0)))
            return false;
    return v->size > 0;
}

static cuv_status arrange(gather *g, cuv_value *root, const char *key);

static cuv_status arrange_pairs(gather *g, const cuv_value *list, const char *key)
{
    cuv_arena *arena = g->c->ev->arena;
    cuv_value *dict = cuv_value_dict(arena);
    if (!dict)
        return cuv_oom(g->c->ev->cx);
    for (size_t i = 0; i < list->size; i++)
        CUV_TRY(cuv_dict_add(arena, dict, cuv_item(list->items[i], 0), cuv_item(list->items[i], 1)));
    return arrange(g, dict, key);
}

static cuv_status arrange_list(gather *g, const cuv_value *list, const char *key)
{
    cuv_file *f = g->c->file;
    if (is_pairs(list))
        return arrange_pairs(g, list, key);
    if (!holds(list, is_container)) {
        f->arrangement = CUV_ARR_LIST;
        CUV_TRY(cuv_collect_group(g->c, NULL, NULL));
        return add_children(g, list, key);
    }
    f->arrangement = CUV_ARR_NESTED;
    for (size_t i = 0; i < list->size; i++) {
        char *below = cuv_arena_printf(g->c->ev->arena, "%s[%zu]", key, i);
        if (!below)
            return cuv_oom(g->c->ev->cx);
        CUV_TRY(cuv_collect_group(g->c, cuv_get_text(list->items[i], "name"), NULL));
        CUV_TRY(add_below(g, list->items[i], below, NULL));
    }
    return CUV_OK;
}

static cuv_status arrange_dict(gather *g, const cuv_value *dict, const char *key)
{
    cuv_arena *arena = g->c->ev->arena;
    cuv_file *f = g->c->file;
    if (!holds(dict, is_container)) {
        f->arrangement = CUV_ARR_NAMED;
        CUV_TRY(cuv_collect_group(g->c, NULL, NULL));
        return add_children(g, dict, key);
    }
    f->arrangement = CUV_ARR_DICT;
    for (size_t i = 0; i < dict->size; i++) {
        const char *name = key_text(arena, dict->pairs[i].key);
        const cuv_value *v = dict->pairs[i].value;
        if (!name || holds_config(name) || (!is_tensor(v) && !is_container(v)))
            continue;
        char *below = cuv_arena_printf(arena, "%s%s%s", key, *key ? "/" : "", name);
        if (!below)
            return cuv_oom(g->c->ev->cx);
        CUV_TRY(add_groups(g, v, name, below));
    }
    return CUV_OK;
}

/* One numeric array: maybe several of equal shape that NumPy made one of. */
static cuv_status arrange_rows(gather *g, const cuv_tensor *t, const char *key)
{
    enum { MOST_ROWS = 4096 }; /* more is data, not a list of weights */
    cuv_arena *arena = g->c->ev->arena;
    cuv_file *f = g->c->file;
    f->arrangement = CUV_ARR_LIST;
    CUV_TRY(cuv_collect_group(g->c, NULL, NULL));
    f->collapsed = t->rank > 0 && t->shape[0] > 0 && t->shape[0] <= MOST_ROWS && t->dtype != CUV_STR;
    if (!f->collapsed)
        return cuv_collect_tensor(g->c, t, key, NULL);
    for (int64_t i = 0; i < t->shape[0]; i++) {
        cuv_tensor *row = NULL;
        char *below = cuv_arena_printf(arena, "%s[%lld]", key, (long long)i);
        if (!below)
            return cuv_oom(g->c->ev->cx);
        CUV_TRY(cuv_tensor_row(arena, t, i, &row));
        CUV_TRY(cuv_collect_tensor(g->c, row, below, NULL));
    }
    return CUV_OK;
}

static cuv_status arrange(gather *g, cuv_value *root, const char *key)
{
    if (is_tensor(root))
        return arrange_rows(g, root->tensor, key);
    if (cuv_is_seq(root))
        return arrange_list(g, root, key);
    return root && root->kind == CUV_DICT ? arrange_dict(g, root, key) : CUV_OK;
}

/* ---- .npz ---- */

static int by_natural_key(const void *a, const void *b)
{
    return cuv_natural_compare(cuv_text(((const cuv_pair *)a)->key), cuv_text(((const cuv_pair *)b)->key));
}

static bool is_numbered(const char *key)
{
    size_t digits = key && cuv_starts_with(key, "arr_") ? strspn(key + 4, "0123456789") : 0;
    return digits > 0 && !key[4 + digits];
}

/* arr_0, arr_1, ...: what numpy.savez calls arrays without names, in any order in the archive. */
static bool all_numbered(const cuv_value *dict)
{
    for (size_t i = 0; i < dict->size; i++)
        if (!is_numbered(cuv_text(dict->pairs[i].key)))
            return false;
    return dict->size > 0;
}

static cuv_status arrange_numbered(gather *g, const cuv_value *dict)
{
    cuv_file *f = g->c->file;
    bool flat = !holds(dict, is_container);
    if (dict->size == 1 && !flat)
        return arrange(g, dict->pairs[0].value, cuv_text(dict->pairs[0].key));
    f->arrangement = flat ? CUV_ARR_LIST : CUV_ARR_NESTED;
    for (size_t i = 0; i < dict->size; i++) {
        if (!flat || i == 0)
            CUV_TRY(cuv_collect_group(g->c, NULL, NULL));
        CUV_TRY(add_below(g, dict->pairs[i].value, cuv_text(dict->pairs[i].key), NULL));
    }
    return CUV_OK;
}

cuv_status cuv_npz_values(struct cuv_evidence *ev, const cuv_zip *zip, cuv_value **out)
{
    cuv_value *dict = cuv_value_dict(ev->arena);
    *out = NULL;
    if (!dict)
        return cuv_oom(ev->cx);
    for (size_t i = 0; i < zip->count; i++) {
        const char *name = zip->members[i].name;
        cuv_source src;
        cuv_value *value = NULL;
        if (!cuv_ends_with(name, ".npy"))
            continue;
        CUV_TRY(cuv_zip_member_open(ev->arena, zip, &zip->members[i], &src));
        CUV_TRY(cuv_npy_parse(ev->arena, &src, &value));
        cuv_value *key = cuv_value_text_n(ev->arena, name, strlen(name) - 4);
        CUV_TRY(cuv_dict_add(ev->arena, dict, key, value));
    }
    if (all_numbered(dict))
        qsort(dict->pairs, dict->size, sizeof *dict->pairs, by_natural_key);
    *out = dict;
    return CUV_OK;
}

/* ---- the file ---- */

static const char *kind_of(const cuv_file *f)
{
    switch (f->format) {
    case CUV_FORMAT_ZIP:
        return f->arrangement == CUV_ARR_LIST ? "arrays in order (.npz)"
               : cuv_len(f->root)             ? "arrays by name (.npz)"
                                              : "empty archive of arrays (.npz)";
    case CUV_FORMAT_NPY:
        return is_tensor(f->root) ? "array (.npy)" : "object array (.npy)";
    case CUV_FORMAT_PICKLE:
        return "pickled arrays";
    case CUV_FORMAT_JSON: case CUV_FORMAT_YAML: case CUV_FORMAT_UNKNOWN: case CUV_FORMAT_HDF5: case CUV_FORMAT_PYTHON:
    case CUV_FORMAT_SAFETENSORS: case CUV_FORMAT_PROTOBUF: case CUV_FORMAT_TABLE:
        break;
    }
    return "nested lists of numbers";
}

static cuv_status no_arrays(struct cuv_evidence *ev, const cuv_file *file)
{
    cuv_detail detail = {.file = file->path, .found = cuv_value_repr(ev->cx, file->root),
                         .expected = "arrays, in lists or dicts"};
    return cuv_fail(ev->cx, CUV_UNSUPPORTED, "arrays.none", &detail, "%s holds no arrays", file->name);
}

static cuv_status take_config_item(struct cuv_evidence *ev, cuv_file *file, bool *found)
{
    enum { MOST_ITEMS = 8 };
    for (size_t i = 0; cuv_is_seq(file->root) && i < file->root->size && file->root->size <= MOST_ITEMS && !*found; i++)
        if (cuv_text(file->root->items[i]) || file->root->items[i]->kind == CUV_DICT)
            CUV_TRY(cuv_config_take(ev, file, file->root->items[i], found));
    return CUV_OK;
}

/* A configuration that was saved together with the weights: {"config": ..., "weights": ...}, or the pair of both. */
static cuv_status take_config(struct cuv_evidence *ev, cuv_file *file)
{
    bool found = false;
    size_t mark = cuv_findings_mark(ev->cx);
    cuv_value *inner = cuv_get(file->root, "config");
    cuv_status status = CUV_OK;
    if (cuv_is_seq(file->root))
        status = take_config_item(ev, file, &found);
    else if (file->root && file->root->kind == CUV_DICT)
        status = cuv_config_take(ev, file, file->root, &found);
    if (status == CUV_OK && !found && inner)
        status = cuv_config_take(ev, file, inner, &found);
    if (status == CUV_MEMORY || status == CUV_TIMEOUT)
        return status;
    cuv_findings_rewind(ev->cx, mark); /* text that only looked like JSON */
    return CUV_OK;
}

/* The weights of a model that has none: [], {}, {"flatten": []}. */
static bool is_empty(const cuv_value *root)
{
    if (!cuv_is_seq(root) && (!root || root->kind != CUV_DICT))
        return false;
    for (size_t i = 0; i < cuv_len(root); i++) {
        const cuv_value *v = root->kind == CUV_DICT ? root->pairs[i].value : root->items[i];
        if ((!cuv_is_seq(v) && v->kind != CUV_DICT) || cuv_len(v) > 0)
            return false;
    }
    return true;
}

cuv_status cuv_read_arrays(struct cuv_evidence *ev, cuv_file *file, cuv_value *root)
{
    cuv_collect c;
    file->root = root;
    nest n = {ev, file, 8 * cuv_file_budget(ev, file)}; /* values are looked at again on every level */
    gather g = {.c = &c, .left = n.left};
    CUV_TRY(take_config(ev, file));
    CUV_TRY(look_for_ragged(&n, root, "", 0));
    n.left = g.left;
    bool numbers = cuv_is_seq(root) && cuv_len(root) > 0 && is_leaf(cuv_item(root, 0));
    CUV_TRY(settle_value(&n, &file->root, numbers, cuv_context_limits(ev->cx)->depth + 2));
    root = file->root;
    cuv_collect_start(&c, ev, file);
    if (file->format == CUV_FORMAT_ZIP && all_numbered(root))
        CUV_TRY(arrange_numbered(&g, root));
    else
        CUV_TRY(arrange(&g, root, ""));
    if (!cuv_file_tensor_count(file) && !file->config && !is_empty(root))
        return no_arrays(ev, file);
    if (!cuv_file_tensor_count(file) && file->arrangement != CUV_ARR_LIST)
        file->arrangement = CUV_ARR_NONE;
    file->kind = kind_of(file);
    return file->config ? cuv_file_describe(ev, file, 0) : CUV_OK;
}
