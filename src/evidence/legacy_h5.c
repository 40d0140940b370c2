/* The HDF5 layout of Keras 1 and 2, which Keras 3 still writes as .h5: groups by layer name, with lists of weight
 * names. Also its forerunner of 2015 (layer_0/param_0), and HDF5 files written by hand. formats.md a; cf.
 * legacy_h5_write.c. */
#include "evidence/read.h"

#include <stdlib.h>

/* ---- attributes ---- */

static const char *raw_text(const cuv_value *v)
{
    return v && (v->kind == CUV_TEXT || v->kind == CUV_BYTES) ? v->text : NULL;
}

static cuv_status append_names(cuv_arena *arena, cuv_value *all, const cuv_value *part)
{
    for (size_t i = 0; i < cuv_len(part); i++)
        if (raw_text(cuv_item(part, i)))
            CUV_TRY(cuv_list_add(arena, all, cuv_item(part, i)));
    return CUV_OK;
}

/* Names of an attribute, or of its parts name0, name1, ... (formats.md a.2). *out is NULL when there is none. */
static cuv_status names_of(cuv_arena *arena, const cuv_h5 *node, const char *attribute, cuv_value **out)
{
    const cuv_value *whole = cuv_get(node->attributes, attribute);
    *out = NULL;
    char part[64];
    snprintf(part, sizeof part, "%s0", attribute);
    if (!whole && !cuv_get(node->attributes, part))
        return CUV_OK;
    cuv_value *all = cuv_value_list(arena);
    if (!all)
        return cuv_oom(cuv_arena_context(arena));
    if (raw_text(whole))
        CUV_TRY(cuv_list_add(arena, all, cuv_value_text(arena, raw_text(whole))));
    CUV_TRY(append_names(arena, all, whole));
    for (size_t i = 0; !whole; i++) {
        snprintf(part, sizeof part, "%s%zu", attribute, i);
        const cuv_value *more = cuv_get(node->attributes, part);
        if (!more)
            break;
        CUV_TRY(append_names(arena, all, more));
    }
    *out = all;
    return CUV_OK;
}

/* ---- words of weight names ---- */

/* Endings of Keras 1's names, whose layer part is not always the name of the group (a layer inside another). */
static const char *const old_words[] = {"running_mean", "running_std", "gamma", "beta", "alphas", "pointwise_kernel",
                                        "depthwise_kernel", "W", "b", "U"};
static const char *const old_gates[] = {"W_i", "W_f", "W_c", "W_o", "W_z", "W_r", "W_h", "U_i", "U_f", "U_c", "U_o",
                                        "U_z", "U_r", "U_h", "b_i", "b_f", "b_c", "b_o", "b_z", "b_r", "b_h"};

static const char *old_word(const char *name, const char *const *words, size_t count)
{
    size_t size = strlen(name);
    for (size_t i = 0; i < count; i++) {
        size_t n = strlen(words[i]);
        if (size > n && name[size - n - 1] == '_' && !strcmp(name + size - n, words[i]))
            return words[i];
    }
    return NULL;
}

/* The part of a weight's name that tells its role: "kernel" of "dense/kernel:0", "W" of "dense_1_W". NULL: no memory.
 */
static const char *word_of(cuv_arena *arena, const char *name, int *generation)
{
    const char *slash = strrchr(name, '/'), *last = slash ? slash + 1 : name;
    size_t size = strlen(last);
    if (size > 2 && !strcmp(last + size - 2, ":0"))
        size -= 2;
    char *word = cuv_arena_strndup(arena, last, size);
    if (!word)
        return NULL;
    const char *old = old_word(word, old_gates, sizeof old_gates / sizeof *old_gates);
    if (!old)
        old = old_word(word, old_words, sizeof old_words / sizeof *old_words);
    if (slash && *generation == 0)
        *generation = 2;
    if (old && !slash)
        *generation = 1;
    return old && !slash ? old : word;
}

/* ---- layers by name ---- */

static cuv_status no_dataset(const cuv_collect *c, const char *layer, const char *name, const cuv_h5 *node)
{
    cuv_context *cx = c->ev->cx;
    cuv_detail detail = {.file = c->file->path, .layer = layer, .tensor = name};
    if (node && !node->is_group && node->unsupported) {
        detail.found = node->unsupported;
        return cuv_fail(cx, CUV_UNSUPPORTED, "h5.weight_type", &detail, "weight '%s' of layer '%s' in %s is %s", name,
                        layer ? layer : "?", c->file->name, node->unsupported);
    }
    detail.help = "the file lists this weight but does not hold it; get another copy";
    return cuv_fail(cx, CUV_DAMAGED, "h5.weight_missing", &detail, "%s lists weight '%s' of layer '%s', but %s",
                    c->file->name, name, layer ? layer : "?",
                    node ? "a group has its place" : "no data set has that name");
}

static cuv_status add_weights(cuv_collect *c, const cuv_h5 *group, const char *layer, const cuv_value *names,
                              int *generation)
{
    cuv_arena *arena = c->ev->arena;
    for (size_t i = 0; i < cuv_len(names); i++) {
        const char *name = raw_text(cuv_item(names, i));
        const cuv_h5 *node = cuv_h5_path(group, name);
        if (!node || !node->tensor)
            return no_dataset(c, layer, name, node);
        char *key = cuv_arena_printf(arena, "%s/%s", layer, name);
        const char *word = word_of(arena, name, generation);
        if (!key || !word)
            return cuv_oom(c->ev->cx);
        CUV_TRY(cuv_collect_tensor(c, node->tensor, key, word));
    }
    return CUV_OK;
}

static cuv_status read_layer(cuv_collect *c, const cuv_h5 *weights, const char *layer, int *generation)
{
    const cuv_h5 *group = cuv_h5_path(weights, layer);
    cuv_value *names = NULL;
    if (!group || !group->is_group) {
        cuv_detail detail = {.file = c->file->path, .layer = layer,
                             .help = "the file lists this layer but does not hold it; get another copy"};
        return cuv_fail(c->ev->cx, CUV_DAMAGED, "h5.layer_missing", &detail,
                        "%s lists layer '%s', but has no group for it", c->file->name, layer);
    }
    CUV_TRY(names_of(c->ev->arena, group, "weight_names", &names));
    CUV_TRY(cuv_collect_group(c, layer, NULL));
    cuv_collect_last(c)->newest_address = group->newest_address;
    return add_weights(c, group, layer, names, generation);
}

static cuv_status read_layers(cuv_collect *c, const cuv_h5 *weights, const cuv_value *layers, int *generation)
{
    static const char top[] = "top_level_model_weights";
    c->file->arrangement = CUV_ARR_LEGACY;
    for (size_t i = 0; i < cuv_len(layers); i++)
        CUV_TRY(read_layer(c, weights, raw_text(cuv_item(layers, i)), generation));
    const cuv_h5 *own = cuv_h5_child(weights, top);
    cuv_value *names = NULL;
    if (own && own->is_group)
        CUV_TRY(names_of(c->ev->arena, own, "weight_names", &names));
    return cuv_len(names) ? read_layer(c, weights, top, generation) : CUV_OK;
}

/* ---- the form of 2015: @nb_layers, layer_0 @nb_params, param_0 ---- */

static cuv_status read_params(cuv_collect *c, const cuv_h5 *weights, int64_t layers)
{
    char name[48];
    c->file->arrangement = CUV_ARR_NESTED;
    for (int64_t i = 0; i < layers; i++) {
        snprintf(name, sizeof name, "layer_%lld", (long long)i);
        const cuv_h5 *group = cuv_h5_child(weights, name);
        if (!group || !group->is_group) {
            cuv_detail detail = {.file = c->file->path,
                                 .expected = cuv_format(c->ev->cx, "%lld layers", (long long)layers)};
            return cuv_fail(c->ev->cx, CUV_DAMAGED, "h5.layer_missing", &detail, "%s has no group '%s'",
                            c->file->name, name);
        }
        int64_t params = (int64_t)group->child_count;
        (void)cuv_as_int(cuv_get(group->attributes, "nb_params"), &params);
        CUV_TRY(cuv_collect_group(c, NULL, NULL));
        for (int64_t k = 0; k < params; k++) {
            char param[48], key[100];
            snprintf(param, sizeof param, "param_%lld", (long long)k);
            snprintf(key, sizeof key, "%s/%s", name, param);
            const cuv_h5 *node = cuv_h5_child(group, param);
            if (!node || !node->tensor)
                return no_dataset(c, name, param, node);
            CUV_TRY(cuv_collect_tensor(c, node->tensor, key, NULL));
        }
    }
    return CUV_OK;
}

/* ---- data sets that no convention arranges ---- */

static int by_address(const void *a, const void *b)
{
    const cuv_h5 *x = *(cuv_h5 *const *)a, *y = *(cuv_h5 *const *)b;
    if (x->newest_address != y->newest_address)
        return x->newest_address < y->newest_address ? -1 : 1;
    return cuv_natural_compare(x->name, y->name);
}

static int by_name(const void *a, const void *b)
{
    return cuv_natural_compare((*(cuv_h5 *const *)a)->name, (*(cuv_h5 *const *)b)->name);
}

/* Children in the order of making where the file tells, else naturally by name. NULL: no memory. */
static cuv_h5 **in_order(cuv_arena *arena, const cuv_h5 *group)
{
    cuv_h5 **sorted = CUV_NEW_ARRAY(arena, cuv_h5 *, group->child_count + 1);
    bool told = true;
    for (size_t i = 0; sorted && i < group->child_count; i++) {
        sorted[i] = group->children[i];
        told = told && sorted[i]->newest_address;
    }
    if (sorted)
        qsort(sorted, group->child_count, sizeof *sorted, told ? by_address : by_name);
    return sorted;
}

static cuv_status read_tree(cuv_collect *c, const cuv_h5 *group, const char *path)
{
    cuv_arena *arena = c->ev->arena;
    cuv_h5 **children = in_order(arena, group);
    bool open = false;
    if (!children)
        return cuv_oom(c->ev->cx);
    for (size_t i = 0; i < group->child_count; i++) {
        if (!children[i]->tensor)
            continue;
        if (!open)
            CUV_TRY(cuv_collect_group(c, *path ? path : NULL, NULL));
        open = true;
        cuv_collect_last(c)->newest_address = group->newest_address;
        char *key = cuv_arena_printf(arena, "%s%s%s", path, *path ? "/" : "", children[i]->name);
        int generation = 2;
        const char *word = word_of(arena, children[i]->name, &generation);
        if (!key || !word)
            return cuv_oom(c->ev->cx);
        CUV_TRY(cuv_collect_tensor(c, children[i]->tensor, key, word));
    }
    for (size_t i = 0; i < group->child_count; i++) {
        if (!children[i]->is_group)
            continue;
        char *below = cuv_arena_printf(arena, "%s%s%s", path, *path ? "/" : "", children[i]->name);
        if (!below)
            return cuv_oom(c->ev->cx);
        CUV_TRY(read_tree(c, children[i], below));
    }
    return CUV_OK;
}

static cuv_status read_data_sets(cuv_collect *c, const cuv_h5 *weights)
{
    cuv_file *f = c->file;
    CUV_TRY(read_tree(c, weights, ""));
    f->arrangement = f->group_count == 1 && !f->groups[0].name ? CUV_ARR_NAMED : CUV_ARR_DICT;
    if (f->group_count == 0)
        f->arrangement = CUV_ARR_NONE;
    if (f->group_count || f->config)
        return CUV_OK;
    cuv_detail detail = {.file = f->path, .help = "the save may have been cut off; get another copy"};
    return cuv_fail(c->ev->cx, CUV_DAMAGED, "h5.empty", &detail,
                    "%s is an HDF5 file without weights and without a model", f->name);
}

/* ---- the file ---- */

static cuv_status copied(struct cuv_evidence *ev, const cuv_h5 *first, const cuv_h5 *second, const char *name,
                         const char **out)
{
    const char *text = raw_text(cuv_get(first->attributes, name));
    if (!text && second)
        text = raw_text(cuv_get(second->attributes, name));
    *out = text ? cuv_arena_strdup(ev->arena, text) : NULL;
    return text && !*out ? cuv_oom(ev->cx) : CUV_OK;
}

static cuv_status parse_attribute(struct cuv_evidence *ev, const cuv_file *file, const cuv_h5 *root, const char *name,
                                  cuv_value **out)
{
    const cuv_value *text = cuv_get(root->attributes, name);
    *out = NULL;
    if (!raw_text(text) || text->size == 0)
        return CUV_OK;
    char *label = cuv_arena_printf(ev->arena, "%s#%s", file->name, name);
    if (!label)
        return cuv_oom(ev->cx);
    cuv_source src = {
        .blob = file->source.blob, .data = (const uint8_t *)text->text, .size = text->size, .name = label};
    return cuv_json_parse(ev->arena, &src, out);
}

static cuv_status read_configs(struct cuv_evidence *ev, cuv_file *file, const cuv_h5 *root)
{
    cuv_value *value = NULL;
    bool found = false;
    CUV_TRY(parse_attribute(ev, file, root, "model_config", &value));
    if (value)
        CUV_TRY(cuv_config_take(ev, file, value, &found));
    if (value && !found && value->kind != CUV_NULL) {
        cuv_detail detail = {.file = file->path, .found = cuv_value_repr(ev->cx, value)};
        cuv_warn(ev->cx, "h5.model_config", &detail, "the attribute model_config of %s is no configuration of a model",
                 file->name);
    }
    size_t mark = cuv_findings_mark(ev->cx);
    cuv_status status = parse_attribute(ev, file, root, "training_config", &file->training);
    if (status == CUV_OK || status == CUV_MEMORY || status == CUV_TIMEOUT)
        return status;
    cuv_findings_rewind(ev->cx, mark); /* of no use for inference */
    cuv_warn(ev->cx, "h5.training_config", NULL, "the training configuration of %s cannot be read and is left out",
             file->name);
    return CUV_OK;
}

static const char *kind_of(const cuv_file *file, bool keras_like)
{
    bool weights = file->arrangement != CUV_ARR_NONE;
    if (!keras_like)
        return file->config ? "HDF5 with a configuration and data sets" : "HDF5 data sets";
    if (file->config)
        return weights ? "legacy HDF5, whole model" : "legacy HDF5, configuration only";
    return "legacy HDF5, weights only";
}

cuv_status cuv_read_legacy_h5(struct cuv_evidence *ev, cuv_file *file, const cuv_h5 *root)
{
    const cuv_h5 *inner = cuv_h5_child(root, "model_weights");
    const cuv_h5 *weights = inner && inner->is_group ? inner : root;
    cuv_value *layers = NULL;
    int64_t old_layers = 0;
    int generation = 0;
    cuv_collect c;
    CUV_TRY(copied(ev, weights, root, "keras_version", &file->keras_version));
    CUV_TRY(copied(ev, weights, root, "backend", &file->backend));
    CUV_TRY(read_configs(ev, file, root));
    const cuv_value *selftest = cuv_get(root->attributes, "cuvier_selftest");
    if (cuv_text(selftest))
        CUV_TRY(cuv_selftest_read(ev, file, selftest->text, selftest->size));
    CUV_TRY(names_of(ev->arena, weights, "layer_names", &layers));
    bool old = cuv_as_int(cuv_get(weights->attributes, "nb_layers"), &old_layers);
    cuv_collect_start(&c, ev, file);
    if (layers)
        CUV_TRY(read_layers(&c, weights, layers, &generation));
    else if (old)
        CUV_TRY(read_params(&c, weights, old_layers));
    else
        CUV_TRY(read_data_sets(&c, weights));
    file->kind = kind_of(file, layers || old || inner);
    return cuv_file_describe(ev, file, old ? 1 : generation);
}
