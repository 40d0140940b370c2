/* Reading HDF5 by whichever reader can, finding things in a tree, and building a tree that is to be written. */
#include "format/hdf5.h"

cuv_status cuv_h5_parse(cuv_arena *arena, const cuv_source *src, cuv_h5 **out)
{
    const char *need;
    cuv_status status = cuv_h5_parse_own_why(arena, src, &need, out);
    return status == CUV_UNSUPPORTED ? cuv_h5_parse_lib_for(arena, src, need, out) : status;
}

cuv_status cuv_h5_parse_lib(cuv_arena *arena, const cuv_source *src, cuv_h5 **out)
{
    return cuv_h5_parse_lib_for(arena, src, NULL, out);
}

/* ---- finding ---- */

/* Every node is the first member of a cuv_h5_node. */
static cuv_h5_node *node_of(const cuv_h5 *node)
{
    return (cuv_h5_node *)(uintptr_t)node;
}

cuv_h5 *cuv_h5_child(const cuv_h5 *group, const char *name)
{
    if (!group || !group->is_group || !name)
        return NULL;
    if (node_of(group)->index)
        return cuv_map_get(node_of(group)->index, name);
    size_t low = 0, high = group->child_count;
    while (low < high) {
        size_t middle = low + (high - low) / 2;
        int order = strcmp(name, group->children[middle]->name);
        if (order == 0)
            return group->children[middle];
        if (order < 0)
            high = middle;
        else
            low = middle + 1;
    }
    return NULL;
}

/* The next name of a path in *path, which moves behind it; size 0 at the end. Empty names count nothing, as in h5py. */
static const char *next_name(const char **path, size_t *size)
{
    const char *start = *path + strspn(*path, "/");
    *size = strcspn(start, "/");
    *path = start + *size;
    return start;
}

/* cuv_h5_child by a name that is not terminated. */
static cuv_h5 *child_n(const cuv_h5 *group, const char *name, size_t size)
{
    char text[256];
    if (size < sizeof text) {
        memcpy(text, name, size);
        text[size] = '\0';
        return cuv_h5_child(group, text);
    }
    for (size_t i = 0; i < group->child_count; i++)
        if (strncmp(group->children[i]->name, name, size) == 0 && group->children[i]->name[size] == '\0')
            return group->children[i];
    return NULL;
}

cuv_h5 *cuv_h5_path(const cuv_h5 *group, const char *path)
{
    cuv_h5 *node = (cuv_h5 *)(uintptr_t)group;
    size_t size;
    if (!node || !path)
        return NULL;
    for (const char *name = next_name(&path, &size); size > 0 && node; name = next_name(&path, &size))
        node = node->is_group ? child_n(node, name, size) : NULL;
    return node;
}

/* ---- building ---- */

static cuv_status new_node(cuv_arena *arena, const char *name, size_t size, bool is_group, cuv_h5 **out)
{
    cuv_h5_node *node = CUV_NEW(arena, cuv_h5_node);
    *out = NULL;
    if (!node)
        return cuv_oom(cuv_arena_context(arena));
    node->public.name = cuv_arena_strndup(arena, name, size);
    node->public.is_group = is_group;
    node->public.attributes = cuv_value_dict(arena);
    node->index = is_group ? cuv_map_new(arena) : NULL;
    if (!node->public.name || !node->public.attributes || (is_group && !node->index))
        return cuv_oom(cuv_arena_context(arena));
    *out = &node->public;
    return CUV_OK;
}

cuv_status cuv_h5_new(cuv_arena *arena, cuv_h5 **root)
{
    return new_node(arena, "", 0, true, root);
}

static cuv_status name_taken(cuv_arena *arena, const char *path)
{
    cuv_context *cx = cuv_arena_context(arena);
    return cuv_fail(cx, CUV_NO, "hdf5.taken", NULL, "two things of the model would be written to '%s' of the HDF5 file", path);
}

static cuv_status add_child(cuv_arena *arena, cuv_h5 *group, const char *name, size_t size, bool is_group, cuv_h5 **out)
{
    cuv_context *cx = cuv_arena_context(arena);
    cuv_h5_node *parent = node_of(group);
    cuv_h5 *node;
    *out = NULL;
    if (!cuv_utf8_valid(name, size))
        return cuv_fail(cx, CUV_ARGUMENT, "hdf5.name", NULL, "a name in an HDF5 file must be UTF-8 text");
    CUV_TRY(new_node(arena, name, size, is_group, &node));
    cuv_h5 **children = cuv_arena_grow(arena, group->children, group->child_count, &parent->capacity, sizeof(cuv_h5 *));
    if (!children)
        return cuv_oom(cx);
    group->children = children;
    CUV_TRY(cuv_map_set(parent->index, node->name, node));
    children[group->child_count++] = node;
    *out = node;
    return CUV_OK;
}

cuv_status cuv_h5_make_group(cuv_arena *arena, cuv_h5 *group, const char *path, cuv_h5 **out)
{
    const char *rest = path;
    size_t size;
    *out = NULL;
    for (const char *name = next_name(&rest, &size); size > 0; name = next_name(&rest, &size)) {
        cuv_h5 *child = child_n(group, name, size);
        if (child && !child->is_group)
            return name_taken(arena, path);
        if (!child)
            CUV_TRY(add_child(arena, group, name, size, true, &child));
        group = child;
    }
    *out = group;
    return CUV_OK;
}

cuv_status cuv_h5_make_dataset(cuv_arena *arena, cuv_h5 *group, const char *path, const cuv_tensor *t, cuv_h5 **out)
{
    const char *slash = strrchr(path, '/'), *name = slash ? slash + 1 : path;
    cuv_h5 *parent = group;
    *out = NULL;
    if (slash) {
        char *folder = cuv_arena_strndup(arena, path, (size_t)(slash - path));
        if (!folder)
            return cuv_oom(cuv_arena_context(arena));
        CUV_TRY(cuv_h5_make_group(arena, group, folder, &parent));
    }
    if (!*name)
        return cuv_fail(cuv_arena_context(arena), CUV_ARGUMENT, "hdf5.name", NULL, "a data set needs a name, '%s' has none", path);
    if (cuv_h5_child(parent, name))
        return name_taken(arena, path);
    CUV_TRY(add_child(arena, parent, name, strlen(name), false, out));
    (*out)->tensor = t;
    return CUV_OK;
}

static bool can_be_written(const cuv_value *v)
{
    if (!v || v->kind != CUV_LIST)
        return v && (v->kind == CUV_TEXT || v->kind == CUV_INTEGER || v->kind == CUV_REAL || v->kind == CUV_TRUTH);
    for (size_t i = 0; i < v->size; i++)
        if (v->items[i]->kind != CUV_TEXT)
            return false;
    return true;
}

cuv_status cuv_h5_set(cuv_arena *arena, cuv_h5 *node, const char *name, cuv_value *value)
{
    if (!value)
        return cuv_oom(cuv_arena_context(arena));
    if (!can_be_written(value))
        return cuv_fail(cuv_arena_context(arena), CUV_ARGUMENT, "hdf5.attribute", NULL,
                        "the attribute '%s' cannot be written to HDF5: %s is no text, number or list of texts", name,
                        cuv_value_repr(cuv_arena_context(arena), value));
    return cuv_dict_set(arena, node->attributes, name, value);
}
