/* Shards of Keras 3 weights without their index: NAME_00000.weights.h5, NAME_00001.weights.h5, ... are one file when they hold different
 * variables, and rivals (the weights of several epochs, say) when they do not. With the index, objects_h5.c reads them. */
#include "evidence/read.h"

#include <stdlib.h>

static const char ending[] = ".weights.h5";
enum { DIGITS = 5 };

/* Length of NAME and the number in "NAME_00012.weights.h5"; false for other names. */
static bool shard_name(const char *name, size_t *stem, int64_t *number)
{
    size_t n = strlen(name), tail = sizeof ending - 1 + DIGITS + 1;
    if (n <= tail || !cuv_ends_with(name, ending) || name[n - tail] != '_' || strspn(name + n - tail + 1, "0123456789") != DIGITS)
        return false;
    *stem = n - tail;
    return cuv_parse_i64(name + n - tail + 1, DIGITS, number);
}

static bool is_shard(const cuv_file *f, size_t *stem, int64_t *number)
{
    return f->arrangement == CUV_ARR_OBJECTS && !f->config && !f->combined && shard_name(f->name, stem, number);
}

/* The shards that belong to the first of `from`, by number. */
typedef struct set { cuv_file **files; int64_t *numbers; size_t count; size_t stem; } set;

static cuv_status gather(struct cuv_evidence *ev, size_t from, set *s)
{
    int64_t number;
    size_t stem;
    s->count = 0;
    s->files = CUV_NEW_ARRAY(ev->arena, cuv_file *, ev->file_count + 1);
    s->numbers = CUV_NEW_ARRAY(ev->arena, int64_t, ev->file_count + 1);
    if (!s->files || !s->numbers)
        return cuv_oom(ev->cx);
    if (!is_shard(ev->files[from], &s->stem, &number))
        return CUV_OK;
    for (size_t i = from; i < ev->file_count; i++) {
        cuv_file *f = ev->files[i];
        if (!is_shard(f, &stem, &number) || stem != s->stem || strncmp(f->name, ev->files[from]->name, stem) != 0)
            continue;
        size_t at = s->count++;
        for (; at > 0 && s->numbers[at - 1] > number; at--) {
            s->files[at] = s->files[at - 1];
            s->numbers[at] = s->numbers[at - 1];
        }
        s->files[at] = f;
        s->numbers[at] = number;
    }
    return CUV_OK;
}

/* Does no variable stand in two of them? */
static cuv_status are_disjoint(struct cuv_evidence *ev, const set *s, bool *out)
{
    cuv_arena *scratch = cuv_arena_new(ev->cx);
    cuv_map *keys = scratch ? cuv_map_new(scratch) : NULL;
    cuv_status status = keys ? CUV_OK : cuv_oom(ev->cx);
    *out = true;
    for (size_t i = 0; i < s->count && status == CUV_OK; i++)
        for (size_t g = 0; g < s->files[i]->group_count && status == CUV_OK; g++)
            for (size_t k = 0; k < s->files[i]->groups[g].count && status == CUV_OK; k++) {
                const char *key = s->files[i]->groups[g].tensors[k].key;
                *out = *out && !cuv_map_get(keys, key);
                status = cuv_map_set(keys, key, s->files[i]);
            }
    cuv_arena_free(scratch);
    return status;
}

static cuv_status missing(struct cuv_evidence *ev, const set *s, int64_t number)
{
    const char *name = s->files[0]->name;
    int stem = (int)s->stem;
    return cuv_fail(ev->cx, CUV_NO, "shards.missing", &(cuv_detail){.file = s->files[0]->path,
                    .expected = cuv_format(ev->cx, "%.*s_%05lld%s", stem, name, (long long)number, ending),
                    .found = cuv_format(ev->cx, "%zu shards, the last of them number %lld", s->count, (long long)s->numbers[s->count - 1]),
                    .help = cuv_format(ev->cx, "give it, too; %.*s.weights.json, which Keras wrote beside the shards, lists them all",
                                       stem, name)},
                    "of the shards of %.*s.weights.json number %lld is not given", stem, name, (long long)number);
}

static int by_key(const void *a, const void *b)
{
    return cuv_natural_compare(((const cuv_named *)a)->key, ((const cuv_named *)b)->key);
}

static int by_path(const void *a, const void *b)
{
    const char *x = ((const cuv_group *)a)->path, *y = ((const cuv_group *)b)->path;
    return cuv_natural_compare(x ? x : "", y ? y : "");
}

/* A group of the same path takes what another shard has of it. */
static cuv_status add_group(struct cuv_evidence *ev, cuv_file *to, cuv_map *places, const cuv_group *g)
{
    cuv_group *old = g->path ? cuv_map_get(places, g->path) : NULL;
    if (!old) {
        old = &to->groups[to->group_count++];
        *old = *g;
        return g->path ? cuv_map_set(places, g->path, old) : CUV_OK;
    }
    cuv_named *tensors = CUV_NEW_ARRAY(ev->arena, cuv_named, old->count + g->count + 1);
    if (!tensors)
        return cuv_oom(ev->cx);
    for (size_t i = 0; i < old->count + g->count; i++)
        tensors[i] = i < old->count ? old->tensors[i] : g->tensors[i - old->count];
    old->tensors = tensors;
    old->count += g->count;
    old->name = old->name ? old->name : g->name;
    qsort(tensors, old->count, sizeof *tensors, by_key);
    return CUV_OK;
}

/* The first of the shards stands for all. */
static cuv_status combine(struct cuv_evidence *ev, const set *s)
{
    cuv_file *to = s->files[0];
    cuv_map *places = cuv_map_new(ev->arena);
    size_t room = 1;
    for (size_t i = 0; i < s->count; i++)
        room += s->files[i]->group_count;
    cuv_file all = *to;
    all.group_count = 0;
    all.groups = CUV_NEW_ARRAY(ev->arena, cuv_group, room);
    all.combined = cuv_arena_printf(ev->arena, "%.*s_00000 to %05lld%s", (int)s->stem, to->name,
                                    (long long)s->numbers[s->count - 1], ending);
    if (!places || !all.groups || !all.combined)
        return cuv_oom(ev->cx);
    for (size_t i = 0; i < s->count; i++)
        for (size_t g = 0; g < s->files[i]->group_count; g++)
            CUV_TRY(add_group(ev, &all, places, &s->files[i]->groups[g]));
    qsort(all.groups, all.group_count, sizeof *all.groups, by_path);
    *to = all;
    for (size_t i = 1; i < s->count; i++) {
        s->files[i]->arrangement = CUV_ARR_NONE;
        s->files[i]->kind = "shard of Keras 3 weights";
    }
    return CUV_OK;
}

const char *cuv_shard_index(cuv_context *cx, const cuv_file *f)
{
    size_t stem;
    int64_t number;
    return f->arrangement == CUV_ARR_OBJECTS && !f->config && shard_name(f->name, &stem, &number)
        ? cuv_format(cx, "%.*s.weights.json", (int)stem, f->name) : NULL;
}

cuv_status cuv_combine_shards(struct cuv_evidence *ev)
{
    for (size_t i = 0; i < ev->file_count; i++) {
        set s;
        bool disjoint = false;
        CUV_TRY(gather(ev, i, &s));
        if (s.count < 2)
            continue;
        CUV_TRY(are_disjoint(ev, &s, &disjoint));
        for (size_t k = 0; k < s.count && disjoint; k++)
            if (s.numbers[k] != (int64_t)k)
                return missing(ev, &s, (int64_t)k);
        if (disjoint)
            CUV_TRY(combine(ev, &s));
    }
    return CUV_OK;
}
