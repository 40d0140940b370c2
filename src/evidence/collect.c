/* Gathers a file's tensors into groups, with the words that name them. Knows no file layout. */
#include "evidence/read.h"

void cuv_collect_start(cuv_collect *c, struct cuv_evidence *ev, cuv_file *file)
{
    *c = (cuv_collect){.ev = ev, .file = file, .limit = cuv_file_budget(ev, file)};
    file->groups = NULL;
    file->group_count = 0;
}

uint64_t cuv_file_budget(const struct cuv_evidence *ev, const cuv_file *file)
{
    uint64_t bytes = file->source.size, most = cuv_context_limits(ev->cx)->items;
    for (size_t i = 0; file->zip && i < file->zip->count; i++)
        bytes = file->zip->members[i].size > UINT64_MAX - bytes ? UINT64_MAX : bytes + file->zip->members[i].size;
    return bytes < most && bytes + 65536 < most ? bytes + 65536 : most;
}

static cuv_status count_item(cuv_collect *c)
{
    uint64_t limit = c->limit;
    if (++c->items <= limit)
        return CUV_OK;
    cuv_detail detail = {.file = c->file->path, .help = "raise the limit for items if you trust this file"};
    return cuv_fail(c->ev->cx, CUV_UNSAFE, "evidence.items", &detail, "%s holds more than %llu tensors", c->file->name,
                    (unsigned long long)limit);
}

static cuv_status copy_text(cuv_collect *c, const char *text, const char **out)
{
    *out = NULL;
    if (!text)
        return CUV_OK;
    *out = cuv_arena_strdup(c->ev->arena, text);
    return *out ? CUV_OK : cuv_oom(c->ev->cx);
}

cuv_status cuv_collect_group(cuv_collect *c, const char *name, const char *path)
{
    cuv_file *f = c->file;
    CUV_TRY(count_item(c));
    cuv_group *groups = cuv_arena_grow(c->ev->arena, f->groups, f->group_count, &c->group_capacity, sizeof *groups);
    if (!groups)
        return cuv_oom(c->ev->cx);
    cuv_group group = {0};
    CUV_TRY(copy_text(c, name, &group.name));
    CUV_TRY(copy_text(c, path, &group.path));
    f->groups = groups;
    f->groups[f->group_count++] = group;
    c->tensor_capacity = 0;
    return CUV_OK;
}

cuv_group *cuv_collect_last(cuv_collect *c)
{
    return c->file->group_count ? &c->file->groups[c->file->group_count - 1] : NULL;
}

cuv_status cuv_collect_tensor(cuv_collect *c, const cuv_tensor *t, const char *key, const char *weight)
{
    cuv_arena *arena = c->ev->arena;
    cuv_group *g = cuv_collect_last(c);
    CUV_TRY(count_item(c));
    cuv_named *tensors = cuv_arena_grow(arena, g->tensors, g->count, &c->tensor_capacity, sizeof *tensors);
    if (!tensors)
        return cuv_oom(c->ev->cx);
    g->tensors = tensors;
    cuv_named named = {.tensor = t, .file = c->file};
    CUV_TRY(copy_text(c, key, &named.key));
    CUV_TRY(copy_text(c, weight, &named.weight));
    named.label = cuv_arena_printf(arena, "%s%s%s", c->file->name, *key == '[' || !*key ? "" : "#", key);
    if (!named.label)
        return cuv_oom(c->ev->cx);
    g->tensors[g->count++] = named;
    return CUV_OK;
}

size_t cuv_file_tensor_count(const cuv_file *file)
{
    size_t count = 0;
    for (size_t i = 0; i < file->group_count; i++)
        count += file->groups[i].count;
    return count;
}
