/* The weights layout of Keras 3 (formats.md b): every object of the model has a group `vars` under its path, in HDF5
 * (.weights.h5), spread over several files (.weights.json), or as an .npz. Cf. objects_h5_write.c. */
#include "evidence/read.h"

#include <stdlib.h>

/* ---- paths ---- */

/* One form for all: '/' for the backslashes of Windows, `layers` for the container key of TF 2.12 to 2.14. */
static char *normal_path(cuv_arena *arena, const char *above, const char *name)
{
    static const char old[] = "_layer_checkpoint_dependencies";
    char *path = cuv_arena_printf(arena, "%s%s%s", above, *above && *name ? "/" : "", name);
    if (!path)
        return NULL;
    for (char *p = path; *p; p++)
        if (*p == '\\')
            *p = '/';
    char *to = path;
    for (const char *from = path; *from;) {
        bool begins = from == path || from[-1] == '/';
        size_t n = sizeof old - 1;
        if (begins && !strncmp(from, old, n) && (from[n] == '/' || !from[n])) {
            memcpy(to, "layers", 6);
            to += 6;
            from += n;
        } else {
            *to++ = *from++;
        }
    }
    *to = '\0';
    return path;
}

/* Path without its last part `vars`; NULL when that is not its last part. */
static char *owner_path(cuv_arena *arena, const char *path, bool *is_vars)
{
    size_t size = strlen(path);
    *is_vars = !strcmp(path, "vars") || cuv_ends_with(path, "/vars");
    return *is_vars ? cuv_arena_strndup(arena, path, size > 5 ? size - 5 : 0) : NULL;
}

/* Objects that hold no weights of the model. */
static bool is_training_state(const char *path)
{
    static const char *const names[] = {"optimizer",       "_optimizer",       "metrics",
                                        "_metrics",        "loss_tracker",     "_loss_tracker",
                                        "compile_metrics", "_compile_metrics", "optimizer_config"};
    size_t size = strcspn(path, "/");
    for (size_t i = 0; i < sizeof names / sizeof *names; i++)
        if (strlen(names[i]) == size && !strncmp(path, names[i], size))
            return true;
    return false;
}

bool cuv_objects_tree(const cuv_h5 *root)
{
    if (cuv_get(root->attributes, "layer_names") || cuv_get(root->attributes, "layer_names0") ||
        cuv_get(root->attributes, "model_config") || cuv_h5_child(root, "model_weights"))
        return false;
    for (size_t i = 0; i < root->child_count; i++) {
        const cuv_h5 *child = root->children[i];
        if (child->is_group && (cuv_streq(child->name, "layers") || cuv_streq(child->name, "vars") ||
                                cuv_streq(child->name, "_layer_checkpoint_dependencies") || strchr(child->name, '\\')))
            return true;
        if (child->is_group && cuv_h5_child(child, "vars")) /* a subclassed model */
            return true;
    }
    return false;
}

/* ---- one group ---- */

static int by_number(const void *a, const void *b)
{
    const cuv_h5 *x = *(cuv_h5 *const *)a, *y = *(cuv_h5 *const *)b;
    int64_t i = 0, k = 0;
    bool is_i = cuv_parse_i64(x->name, strlen(x->name), &i), is_k = cuv_parse_i64(y->name, strlen(y->name), &k);
    if (is_i && is_k && i != k)
        return i < k ? -1 : 1;
    if (is_i != is_k)
        return is_i ? -1 : 1; /* idf_weights comes after the numbers */
    return strcmp(x->name, y->name);
}

static cuv_status add_variable(cuv_collect *c, const char *vars_path, const char *name, const cuv_tensor *t)
{
    int64_t number = 0;
    char *key = cuv_arena_printf(c->ev->arena, "%s/%s", vars_path, name);
    if (!key)
        return cuv_oom(c->ev->cx);
    return cuv_collect_tensor(c, t, key, cuv_parse_i64(name, strlen(name), &number) ? NULL : name);
}

/* `object` is the group that `vars` lies in. */
static cuv_status read_vars(cuv_collect *c, const cuv_h5 *object, const cuv_h5 *vars, const char *vars_path, const char *owner)
{
    cuv_arena *arena = c->ev->arena;
    cuv_h5 **sorted = CUV_NEW_ARRAY(arena, cuv_h5 *, vars->child_count + 1);
    if (!sorted)
        return cuv_oom(c->ev->cx);
    for (size_t i = 0; i < vars->child_count; i++)
        sorted[i] = vars->children[i];
    qsort(sorted, vars->child_count, sizeof *sorted, by_number);
    CUV_TRY(cuv_collect_group(c, cuv_get_text(vars->attributes, "name"), owner));
    cuv_collect_last(c)->newest_address = object->newest_address;
    for (size_t i = 0; i < vars->child_count; i++) {
        const cuv_h5 *node = sorted[i];
        if (node->is_group)
            continue;
        if (!node->tensor) {
            cuv_detail detail = {.file = c->file->path, .tensor = node->name, .found = node->unsupported};
            return cuv_fail(c->ev->cx, CUV_UNSUPPORTED, "h5.weight_type", &detail, "data set '%s/%s' of %s is %s",
                            vars_path, node->name, c->file->name,
                            node->unsupported ? node->unsupported : "of no known type");
        }
        CUV_TRY(add_variable(c, vars_path, node->name, node->tensor));
    }
    return CUV_OK;
}

/* ---- the tree ---- */

static cuv_status read_objects(cuv_collect *c, const cuv_h5 *group, const char *path, bool *training)
{
    for (size_t i = 0; i < group->child_count; i++) {
        const cuv_h5 *child = group->children[i];
        if (!child->is_group)
            continue;
        bool is_vars = false;
        char *below = normal_path(c->ev->arena, path, child->name);
        char *owner = below ? owner_path(c->ev->arena, below, &is_vars) : NULL;
        if (!below || (is_vars && !owner))
            return cuv_oom(c->ev->cx);
        if (is_training_state(below))
            *training = true;
        else if (is_vars)
            CUV_TRY(read_vars(c, group, child, below, owner));
        else
            CUV_TRY(read_objects(c, child, below, training));
    }
    return CUV_OK;
}

static int by_path(const void *a, const void *b)
{
    return cuv_natural_compare(((const cuv_group *)a)->path, ((const cuv_group *)b)->path);
}

/* dense, dense_1, ..., dense_10: the order in which the layers of a class were made. */
static void sort_groups(cuv_file *file)
{
    if (file->group_count > 1)
        qsort(file->groups, file->group_count, sizeof *file->groups, by_path);
}

/* What the layout itself tells of its writer (formats.md b.2): names are of Keras 3.6 and later, the old container of
 * TF 2.12 to 2.14. */
static int generation_of(const cuv_file *file, const cuv_h5 *root)
{
    for (size_t i = 0; i < file->group_count; i++)
        if (file->groups[i].name)
            return 3;
    for (size_t i = 0; i < root->child_count; i++)
        if (cuv_starts_with(root->children[i]->name, "_layer_checkpoint_dependencies"))
            return 2;
    return 0;
}

cuv_status cuv_read_objects_h5(struct cuv_evidence *ev, cuv_file *file, const cuv_h5 *root)
{
    bool training = false;
    cuv_collect c;
    cuv_collect_start(&c, ev, file);
    CUV_TRY(read_objects(&c, root, "", &training));
    sort_groups(file);
    const cuv_value *selftest = cuv_get(root->attributes, "cuvier_selftest");
    if (cuv_text(selftest))
        CUV_TRY(cuv_selftest_read(ev, file, selftest->text, selftest->size));
    file->arrangement = CUV_ARR_OBJECTS;
    if (!file->kind)
        file->kind = training ? "Keras 3 weights, with training state" : "Keras 3 weights";
    return cuv_file_describe(ev, file, generation_of(file, root));
}

/* ---- as an .npz ---- */

/* Each key is an object path and holds a dict from index to array; `__root__` is the model itself. */
cuv_status cuv_read_objects_npz(struct cuv_evidence *ev, cuv_file *file, const cuv_value *dict)
{
    cuv_collect c;
    cuv_collect_start(&c, ev, file);
    for (size_t i = 0; i < cuv_len(dict); i++) {
        const char *path = cuv_text(dict->pairs[i].key);
        const cuv_value *vars = dict->pairs[i].value;
        char *owner = normal_path(ev->arena, "", cuv_streq(path, "__root__") ? "" : path);
        char *vars_path = owner ? normal_path(ev->arena, owner, "vars") : NULL;
        if (!vars_path)
            return cuv_oom(ev->cx);
        if (is_training_state(owner))
            continue;
        CUV_TRY(cuv_collect_group(&c, NULL, owner));
        cuv_collect_last(&c)->newest_address = i + 1; /* Keras writes them in the order of the layers */
        if (vars->kind != CUV_DICT)
            continue;
        for (size_t k = 0; k < cuv_len(vars); k++) {
            const char *name = cuv_text(vars->pairs[k].key);
            if (name && vars->pairs[k].value->kind == CUV_TENSOR)
                CUV_TRY(add_variable(&c, vars_path, name, vars->pairs[k].value->tensor));
        }
    }
    sort_groups(file);
    file->arrangement = CUV_ARR_OBJECTS;
    return CUV_OK;
}

/* ---- as names of arrays: "layers/dense/vars/0" ---- */

static const char *vars_of(const char *key)
{
    const char *at = strstr(key, "/vars/");
    return at ? at : cuv_starts_with(key, "vars/") ? key : NULL;
}

static bool has_object_paths(const cuv_file *file)
{
    size_t n = 0;
    for (size_t g = 0; g < file->group_count; g++)
        for (size_t i = 0; i < file->groups[g].count; i++, n++)
            if (!vars_of(file->groups[g].tensors[i].key))
                return false;
    return n > 0;
}

/* Arrays whose names are paths of variables (a .keras archive as TensorFlow.js, the weights of one as .npz or safetensors) are
 * objects with their variables; those of other names stay as they are. */
cuv_status cuv_named_as_objects(struct cuv_evidence *ev, cuv_file *file)
{
    if (file->arrangement != CUV_ARR_NAMED || !has_object_paths(file))
        return CUV_OK;
    cuv_value *objects = cuv_value_dict(ev->arena);
    if (!objects)
        return cuv_oom(ev->cx);
    for (size_t g = 0; g < file->group_count; g++)
        for (size_t i = 0; i < file->groups[g].count; i++) {
            const cuv_named *t = &file->groups[g].tensors[i];
            const char *vars = vars_of(t->key), *name = strrchr(t->key, '/') + 1;
            char *owner = vars == t->key ? cuv_arena_strdup(ev->arena, "__root__")
                                         : cuv_arena_strndup(ev->arena, t->key, (size_t)(vars - t->key));
            cuv_value *object = owner ? cuv_get(objects, owner) : NULL;
            if (owner && !object) {
                object = cuv_value_dict(ev->arena);
                CUV_TRY(cuv_dict_set(ev->arena, objects, owner, object));
            }
            if (!object)
                return cuv_oom(ev->cx);
            CUV_TRY(cuv_dict_set(ev->arena, object, name, cuv_value_tensor(ev->arena, t->tensor)));
        }
    CUV_TRY(cuv_read_objects_npz(ev, file, objects));
    for (size_t g = 0; g < file->group_count; g++)
        file->groups[g].newest_address = 0; /* whoever made such a list may have sorted it */
    return CUV_OK;
}

/* ---- sharded ---- */

static const cuv_group *group_at(const cuv_file *file, const char *path)
{
    size_t low = 0, high = file->group_count; /* groups are sorted by path */
    while (low < high) {
        size_t middle = low + (high - low) / 2;
        int order = cuv_natural_compare(file->groups[middle].path, path);
        if (order == 0)
            return &file->groups[middle];
        if (order < 0)
            low = middle + 1;
        else
            high = middle;
    }
    return NULL;
}

static cuv_status open_shard(struct cuv_evidence *ev, const cuv_file *file, const cuv_value *name, cuv_file **out)
{
    const char *text = cuv_text(name);
    *out = NULL;
    if (!text) {
        cuv_detail detail = {.file = file->path, .found = cuv_value_repr(ev->cx, name), .expected = "a file's name"};
        return cuv_fail(ev->cx, CUV_DAMAGED, "shards.index", &detail, "%s: weight_map has something else than names",
                        file->name);
    }
    CUV_TRY(cuv_neighbour(ev, file, text, file->path, "shards.file", out));
    if ((*out)->arrangement == CUV_ARR_OBJECTS || cuv_streq((*out)->kind, "shard of Keras 3 weights"))
        return CUV_OK;
    cuv_detail detail = {.file = (*out)->path, .found = (*out)->kind, .expected = "Keras 3 weights"};
    return cuv_fail(ev->cx, CUV_NO, "shards.file", &detail, "%s takes %s for a part of its weights, which it is not",
                    file->name, (*out)->name);
}

/* Tensors of a group that one shard holds; several shards may hold parts of one group. */
static cuv_status add_part(cuv_collect *c, const char *owner, const cuv_value *name, size_t *added)
{
    cuv_file *shard = NULL;
    CUV_TRY(open_shard(c->ev, c->file, name, &shard));
    const cuv_group *part = group_at(shard, owner);
    if (part && !cuv_collect_last(c)->name)
        cuv_collect_last(c)->name = part->name;
    for (size_t i = 0; part && i < part->count; i++)
        CUV_TRY(cuv_collect_tensor(c, part->tensors[i].tensor, part->tensors[i].key, part->tensors[i].weight));
    *added += part ? part->count : 0;
    shard->kind = "shard of Keras 3 weights"; /* it counts once, as part of its index */
    return CUV_OK;
}

static void hide_shards(struct cuv_evidence *ev)
{
    for (size_t i = 0; i < ev->file_count; i++)
        if (cuv_streq(ev->files[i]->kind, "shard of Keras 3 weights"))
            ev->files[i]->arrangement = CUV_ARR_NONE;
}

static cuv_status add_entry(cuv_collect *c, const char *path, const cuv_value *where)
{
    bool is_vars = false;
    size_t added = 0;
    char *normal = normal_path(c->ev->arena, "", *path == '/' ? path + 1 : path);
    char *owner = normal ? owner_path(c->ev->arena, normal, &is_vars) : NULL;
    if (!normal || (is_vars && !owner))
        return cuv_oom(c->ev->cx);
    if (!is_vars || is_training_state(owner))
        return CUV_OK;
    CUV_TRY(cuv_collect_group(c, NULL, owner));
    if (!cuv_is_seq(where))
        return add_part(c, owner, where, &added);
    for (size_t i = 0; i < cuv_len(where); i++)
        CUV_TRY(add_part(c, owner, cuv_item(where, i), &added));
    return CUV_OK;
}

cuv_status cuv_read_shards(struct cuv_evidence *ev, cuv_file *file, cuv_value *root)
{
    const cuv_value *map = cuv_get(root, "weight_map");
    cuv_collect c;
    cuv_collect_start(&c, ev, file);
    file->kind = "index of sharded Keras 3 weights";
    for (size_t i = 0; i < cuv_len(map); i++)
        if (map->kind == CUV_DICT && cuv_text(map->pairs[i].key))
            CUV_TRY(add_entry(&c, cuv_text(map->pairs[i].key), map->pairs[i].value));
    sort_groups(file);
    hide_shards(ev);
    file->arrangement = CUV_ARR_OBJECTS;
    return cuv_file_describe(ev, file, 0);
}
