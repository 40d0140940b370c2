/* FILE#KEY: one of several models whose weights a file keeps under names, {"pnet": [...], "rnet": [...]}. */
#include "evidence/read.h"

/* What stands behind `key` in a name: "" for the key itself, "dense/kernel" for "pnet/dense/kernel"; NULL: another name. */
static const char *below(const char *name, const char *key)
{
    size_t n = strlen(key);
    if (!name || strncmp(name, key, n) != 0)
        return NULL;
    return name[n] == '\0' ? name + n : name[n] == '/' || name[n] == '.' ? name + n + 1 : NULL;
}

static const char *names_of(struct cuv_evidence *ev, const cuv_file *file)
{
    enum { MOST = 12 };
    const char *text = NULL;
    size_t count = 0;
    for (size_t g = 0; g < file->group_count; g++) {
        const cuv_group *group = &file->groups[g];
        for (size_t i = 0; i < (group->name ? 1 : group->count) && count < MOST; i++, count++)
            text = cuv_format(ev->cx, "%s%s%s", text ? text : "", text ? ", " : "", group->name ? group->name : group->tensors[i].key);
    }
    return text;
}

static cuv_status no_part(struct cuv_evidence *ev, const cuv_file *file, const char *key)
{
    const char *names = names_of(ev, file);
    cuv_detail detail = {.file = file->path, .found = names, .help = names ? cuv_format(ev->cx, "it has %s", names) : NULL};
    return cuv_fail(ev->cx, CUV_NO, "file.part", &detail, "%s has nothing named '%s'", file->name, key);
}

/* Tensors of a group that is named after variables, in place. */
static void keep_variables(cuv_group *group, const char *key)
{
    size_t count = 0;
    for (size_t i = 0; i < group->count; i++) {
        const char *rest = below(group->tensors[i].key, key);
        if (!rest || !*rest)
            continue;
        group->tensors[count] = group->tensors[i];
        group->tensors[count++].key = rest;
    }
    group->count = count;
}

static bool has_words(const cuv_group *group)
{
    for (size_t i = 0; i < group->count; i++)
        if (group->tensors[i].weight)
            return true;
    return false;
}

cuv_status cuv_file_part(struct cuv_evidence *ev, cuv_file *file, const char *key)
{
    size_t count = 0;
    for (size_t g = 0; g < file->group_count; g++) {
        cuv_group group = file->groups[g];
        const char *rest = below(group.name, key);
        if (!group.name)
            keep_variables(&group, key);
        if (!rest && (group.name || !group.count))
            continue;
        group.name = rest && *rest ? rest : NULL;
        file->groups[count++] = group;
    }
    if (!count)
        return no_part(ev, file, key);
    file->group_count = count;
    file->config = NULL;        /* of all of it, if of anything */
    if (count == 1 && !file->groups[0].name)
        file->arrangement = has_words(&file->groups[0]) ? CUV_ARR_NAMED : CUV_ARR_LIST;
    char *name = cuv_arena_printf(ev->arena, "%s#%s", file->name, key), *path = cuv_arena_printf(ev->arena, "%s#%s", file->path, key);
    if (!name || !path)
        return cuv_oom(ev->cx);
    file->name = name;
    file->path = path;
    return CUV_OK;
}
