/* Keras 3 weights by object path. The path tells each layer's class, `vars@name` its name, also for layers without weights; HDF5 lists
 * groups by name, so the order of the layers is read off the addresses at which their groups were made. */
#include "recover/carriers.h"

#include <stdlib.h>

enum { MOST_DEPTH = 8 };

/* A layer's group, "layers/sequential/layers/dense": a step for each model it is in, and one for itself. */
typedef struct object {
    const char *path;
    size_t steps;
    struct { const char *stem; int64_t counter; uint64_t address; } at[MOST_DEPTH];
    const char *name;               /* of vars@name */
    const char *class_name;
    const char *series;             /* where it is and its name without the counter: layers of one class in one model */
    uint64_t address;
    bool is_model;                  /* other layers are inside */
    const cuv_group **parts;        /* the object's own and inner groups that hold variables */
    size_t part_count, part_capacity;
} object;

typedef struct objects {
    cuv_remaking *r;
    object *items;
    size_t count, capacity;
    cuv_map *index;                 /* path → item + 1 */
    bool addressed;
} objects;

/* ---- paths ---- */

/* How much of a path names a layer: pairs of "layers/NAME"; the rest is inside it. A subclassed model keeps its layers as attributes. */
static size_t layer_part(const char *path)
{
    size_t size = 0;
    const char *at = path;
    for (int depth = 0; cuv_starts_with(at, "layers/") && depth < MOST_DEPTH; depth++) {
        at += strlen("layers/");
        at += strcspn(at, "/");
        size = (size_t)(at - path);
        at += *at == '/';
    }
    return size ? size : strcspn(path, "/");
}

/* Not a weight: the state of a random generator. */
static bool is_state(const char *path)
{
    const char *last = strrchr(path, '/');
    return cuv_ends_with(last ? last + 1 : path, "seed_generator") || strstr(path, "seed_generators");
}

static int64_t counter_of(const char *step, size_t *stem)
{
    size_t size = strlen(step), digits = 0;
    int64_t counter = 0;
    while (digits < size && step[size - 1 - digits] >= '0' && step[size - 1 - digits] <= '9')
        digits++;
    *stem = size;
    if (digits && digits + 1 < size && step[size - digits - 1] == '_' && cuv_parse_i64(step + size - digits, digits, &counter))
        *stem = size - digits - 1;
    return counter;
}

/* ---- gathering ---- */

static cuv_status find_object(objects *o, const char *path, size_t size, object **out)
{
    cuv_arena *arena = o->r->arena;
    char *key = cuv_arena_strndup(arena, path, size);
    if (!key)
        return cuv_oom(o->r->cx);
    size_t at = (size_t)(uintptr_t)cuv_map_get(o->index, key);
    if (at) {
        *out = &o->items[at - 1];
        return CUV_OK;
    }
    object *items = cuv_arena_grow(arena, o->items, o->count, &o->capacity, sizeof *items);
    if (!items)
        return cuv_oom(o->r->cx);
    o->items = items;
    items[o->count++] = (object){.path = key, .series = ""};
    *out = &items[o->count - 1];
    return cuv_map_set(o->index, key, (void *)(uintptr_t)o->count);
}

static cuv_status add_group(objects *o, const cuv_group *group)
{
    const char *path = group->path ? group->path : "";
    object *item;
    if (is_state(path) || (!*path && !group->count))
        return CUV_OK;
    size_t size = layer_part(path);
    CUV_TRY(find_object(o, path, size, &item));
    if (path[size] == '\0') {
        item->name = group->name;
        item->address = group->newest_address;
    }
    if (!group->count)
        return CUV_OK;
    const cuv_group **parts = cuv_arena_grow(o->r->arena, item->parts, item->part_count, &item->part_capacity, sizeof *parts);
    if (!parts)
        return cuv_oom(o->r->cx);
    item->parts = parts;
    parts[item->part_count++] = group;
    return CUV_OK;
}

/* ---- the way to each layer ---- */

static uint64_t address_of(const objects *o, const char *path, size_t size)
{
    char *key = cuv_arena_strndup(o->r->arena, path, size);
    size_t at = key ? (size_t)(uintptr_t)cuv_map_get(o->index, key) : 0;
    return at ? o->items[at - 1].address : 0;
}

/* Fills in stems, counters and addresses of a layer's path, and marks the models it is in. */
static cuv_status trace(objects *o, object *item)
{
    bool layers = cuv_starts_with(item->path, "layers/");
    for (const char *at = item->path; *at && item->steps < MOST_DEPTH;) {
        at += layers ? strlen("layers/") : 0;
        size_t size = strcspn(at, "/"), stem;
        char *step = cuv_arena_strndup(o->r->arena, at, size);
        if (!step)
            return cuv_oom(o->r->cx);
        int64_t counter = counter_of(step, &stem);
        size_t whole = (size_t)(at - item->path) + size;
        item->class_name = layers ? cuv_class_of_name(&o->r->words, step, NULL) : NULL;
        step[stem] = '\0';
        item->at[item->steps].stem = step;
        item->at[item->steps].counter = counter;
        item->at[item->steps].address = address_of(o, item->path, whole);
        o->addressed = o->addressed && item->at[item->steps++].address;
        item->series = cuv_arena_printf(o->r->arena, "%.*s/%s", (int)(at - item->path), item->path, step);
        if (!item->series)
            return cuv_oom(o->r->cx);
        at += size;
        if (*at) {
            object *around;
            CUV_TRY(find_object(o, item->path, whole, &around));
            around->is_model = true;
            at++;
        }
    }
    return CUV_OK;
}

static cuv_status trace_all(objects *o)
{
    for (size_t i = 0; i < o->count; i++) {
        object copy = o->items[i];      /* the array may move while models are marked */
        CUV_TRY(trace(o, &copy));
        copy.is_model = o->items[i].is_model;
        o->items[i] = copy;
    }
    return CUV_OK;
}

/* ---- the order ---- */

static int by_address(const void *a, const void *b)
{
    const object *x = a, *y = b;
    size_t steps = x->steps < y->steps ? x->steps : y->steps;
    for (size_t i = 0; i < steps; i++)
        if (x->at[i].address != y->at[i].address)
            return x->at[i].address < y->at[i].address ? -1 : 1;
    return x->steps < y->steps ? -1 : x->steps > y->steps ? 1 : strcmp(x->path, y->path);
}

static int by_path(const void *a, const void *b)
{
    return cuv_natural_compare(((const object *)a)->path, ((const object *)b)->path);
}

static int64_t last_counter(const object *x)
{
    return x->steps ? x->at[x->steps - 1].counter : 0;
}

static int by_series(const void *a, const void *b)
{
    const object *x = a, *y = b;
    int order = strcmp(x->series, y->series);
    int64_t i = last_counter(x), k = last_counter(y);
    return order ? order : (i > k) - (i < k);
}

/* Layers of a class are numbered in the order of the model, whatever else is known: false when the order at hand says otherwise. */
static cuv_status counters_ascend(const objects *o, bool *out)
{
    cuv_map *last = cuv_map_new(o->r->arena);
    *out = true;
    for (size_t i = 0; last && i < o->count; i++) {
        const object *before = cuv_map_get(last, o->items[i].series);
        *out = *out && (!before || last_counter(before) <= last_counter(&o->items[i]));
        CUV_TRY(cuv_map_set(last, o->items[i].series, &o->items[i]));
    }
    return last ? CUV_OK : cuv_oom(o->r->cx);
}

/* Where counters and addresses disagree, each class keeps its places and fills them by its counters. */
static cuv_status impose_counters(objects *o)
{
    object *sorted = CUV_NEW_ARRAY(o->r->arena, object, o->count + 1);
    cuv_map *next = cuv_map_new(o->r->arena);
    if (!sorted || !next)
        return cuv_oom(o->r->cx);
    if (o->count)
        memcpy(sorted, o->items, o->count * sizeof *sorted);
    qsort(sorted, o->count, sizeof *sorted, by_series);
    for (size_t i = o->count; i-- > 0;)
        CUV_TRY(cuv_map_set(next, sorted[i].series, &sorted[i]));
    for (size_t i = 0; i < o->count; i++) {
        object *take = cuv_map_get(next, o->items[i].series);
        CUV_TRY(cuv_map_set(next, take->series, take + 1));
        o->items[i] = *take;
    }
    return CUV_OK;
}

static cuv_status sort_objects(objects *o, const cuv_file *file)
{
    cuv_remains *out = o->r->out;
    bool listed = o->count > 0 && cuv_starts_with(o->items[0].path, "layers/"), ascend = false;
    if (o->count)
        qsort(o->items, o->count, sizeof *o->items, o->addressed ? by_address : by_path);
    CUV_TRY(counters_ascend(o, &ascend));
    out->order = o->addressed && listed && ascend ? CUV_INFERRED : CUV_ASSUMED;
    if (!ascend)
        CUV_TRY(impose_counters(o));
    const char *why = out->order == CUV_INFERRED ? "the places of its groups tell in which order they were made"
                      : listed                   ? "it tells the order of layers of one class only"
                                                 : "it keeps its layers by the names of attributes, in no order";
    out->order_why = cuv_arena_printf(o->r->arena, "%s: %s", file->name, why);
    return out->order_why ? CUV_OK : cuv_oom(o->r->cx);
}

/* ---- remains ---- */

/* Rank of a group inside its layer: parts of attention and of both directions are listed by name, not as get_weights() does. */
static int part_rank(const object *item, const cuv_group *group)
{
    const char *inner = group->path + strlen(item->path);
    inner += *inner == '/';
    return *inner ? cuv_weight_rank(inner, "kernel") : -1;
}

static cuv_status collect_tensors(cuv_remaking *r, object *item, cuv_remain *remain)
{
    size_t total = 0;
    for (size_t i = 1; i < item->part_count; i++)
        for (size_t k = i; k > 0 && part_rank(item, item->parts[k]) < part_rank(item, item->parts[k - 1]); k--) {
            const cuv_group *swap = item->parts[k];
            item->parts[k] = item->parts[k - 1];
            item->parts[k - 1] = swap;
        }
    for (size_t i = 0; i < item->part_count; i++)
        total += item->parts[i]->count;
    cuv_named *tensors = CUV_NEW_ARRAY(r->arena, cuv_named, total + 1);
    if (!tensors)
        return cuv_oom(r->cx);
    for (size_t i = 0; i < item->part_count; i++)
        for (size_t k = 0; k < item->parts[i]->count; k++)
            tensors[remain->count++] = item->parts[i]->tensors[k];
    remain->tensors = tensors;
    return CUV_OK;
}

/* A model inside is opened: its layers stand in its place, and their inputs are those of the layers around it. */
static bool is_left_out(const object *item)
{
    return (item->is_model && !item->part_count) || (item->steps > 1 && cuv_streq(item->class_name, "InputLayer"));
}

/* The layer's name; with the names of the models around it where it is taken. NULL: no memory. */
static char *name_of(cuv_arena *arena, const cuv_map *taken, const object *item)
{
    const char *last = strrchr(item->path, '/');
    const char *name = item->name ? item->name : last ? last + 1 : item->path;
    if (!cuv_map_get(taken, name))
        return cuv_arena_strdup(arena, name);
    char *whole = cuv_arena_strdup(arena, cuv_starts_with(item->path, "layers/") ? item->path + 7 : item->path);
    for (char *p = whole; p && (p = strstr(p, "/layers/"));) {
        *p = '_';
        memmove(p + 1, p + 8, strlen(p + 8) + 1);
    }
    return whole;
}

cuv_status cuv_remains_of_objects(cuv_remaking *r, const cuv_file *file)
{
    objects o = {.r = r, .index = cuv_map_new(r->arena), .addressed = true};
    cuv_map *taken = cuv_map_new(r->arena);
    if (!o.index || !taken)
        return cuv_oom(r->cx);
    for (size_t i = 0; i < file->group_count; i++)
        CUV_TRY(add_group(&o, &file->groups[i]));
    CUV_TRY(trace_all(&o));
    CUV_TRY(sort_objects(&o, file));
    r->out->complete = true;
    for (size_t i = 0; i < o.count; i++) {
        object *item = &o.items[i];
        cuv_remain *remain;
        r->out->opened = r->out->opened || item->is_model;
        if (is_left_out(item))
            continue;
        char *name = name_of(r->arena, taken, item);
        if (!name)
            return cuv_oom(r->cx);
        CUV_TRY(cuv_map_set(taken, name, name));
        CUV_TRY(cuv_remain_add(r, &remain));
        remain->name = name;
        remain->class_name = item->class_name;
        remain->class_level = CUV_CERTAIN;
        CUV_TRY(collect_tensors(r, item, remain));
    }
    return CUV_OK;
}
