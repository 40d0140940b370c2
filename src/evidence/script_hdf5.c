/* h5py.File: groups as dictionaries, by the names that the file gives its tensors and in the order in which h5py goes through them, that of the
 * alphabet; visit() and visititems() call a function of the script. */
#include "evidence/script.h"

enum { DEEPEST = 32 };

/* ---- what is in the file ---- */

static cuv_status put_path(cuv_sc *e, cuv_sv *root, const char *path, cuv_sv *array)
{
    cuv_sv *at = root;
    for (unsigned depth = 0; depth < 32; depth++) {
        const char *slash = strchr(path, '/');
        cuv_sv *key = NULL, *next = NULL;
        CUV_TRY(cuv_sv_text(e, path, slash ? (size_t)(slash - path) : strlen(path), &key));
        if (!slash)
            return cuv_sv_put(e, at, key, array);
        next = cuv_sv_find(at, key);
        if (!next || next->kind != CUV_SV_DICT) {
            CUV_TRY(cuv_sv_make(e, CUV_SV_DICT, &next));
            next->file = root->file;
            CUV_TRY(cuv_sv_put(e, at, key, next));
        }
        at = next;
        path = slash + 1;
    }
    return CUV_OK;
}

static cuv_status names_of(cuv_sc *e, const cuv_file *file, const cuv_group *group, cuv_sv **out)
{
    cuv_sv *name = NULL;
    CUV_TRY(cuv_sv_make(e, CUV_SV_LIST, out));
    for (size_t i = 0; i < (group ? group->count : file->group_count); i++) {
        const char *word = group ? group->tensors[i].key : file->groups[i].name;
        size_t prefix = group ? strlen(group->name) : 0;
        if (group && !strncmp(word, group->name, prefix) && word[prefix] == '/')
            word += prefix + 1;
        CUV_TRY(cuv_sv_word(e, word, &name));
        CUV_TRY(cuv_sv_add(e, *out, name));
    }
    return CUV_OK;
}

/* What Keras wrote into the attributes of a legacy file: the names of layers and weights, the configuration, its version. */
static cuv_status keras_attributes(cuv_sc *e, cuv_sv *root, cuv_file *file)
{
    cuv_sv *attrs = NULL, *v = NULL, *of = NULL;
    if (file->arrangement != CUV_ARR_LEGACY)
        return CUV_OK;
    CUV_TRY(cuv_sv_make(e, CUV_SV_DICT, &attrs));
    CUV_TRY(names_of(e, file, NULL, &v));
    CUV_TRY(cuv_sv_put_word(e, attrs, "layer_names", v));
    if (file->config) {
        CUV_TRY(cuv_sv_from_value(e, file->config, 0, &v));
        CUV_TRY(cuv_sc_library(e, "json.dumps", &(cuv_sargs){&v, 1, NULL, NULL, 0, e->at}, &v));
        CUV_TRY(cuv_sv_put_word(e, attrs, "model_config", v));
    }
    if (file->keras_version) {
        CUV_TRY(cuv_sv_word(e, file->keras_version, &v));
        CUV_TRY(cuv_sv_put_word(e, attrs, "keras_version", v));
    }
    if (file->backend) {
        CUV_TRY(cuv_sv_word(e, file->backend, &v));
        CUV_TRY(cuv_sv_put_word(e, attrs, "backend", v));
    }
    root->self = attrs;
    for (size_t i = 0; i < file->group_count; i++) {
        const cuv_group *g = &file->groups[i];
        cuv_sv key = {.kind = CUV_SV_TEXT, .text = g->name, .size = g->name ? strlen(g->name) : 0};
        if (!g->name || strchr(g->name, '/'))
            continue;
        of = cuv_sv_find(root, &key);
        if (!of) {                              /* a layer without weights */
            CUV_TRY(cuv_sv_make(e, CUV_SV_DICT, &of));
            of->file = file;
            CUV_TRY(cuv_sv_put_word(e, root, g->name, of));
        }
        CUV_TRY(cuv_sv_make(e, CUV_SV_DICT, &of->self));
        CUV_TRY(names_of(e, file, g, &v));
        CUV_TRY(cuv_sv_put_word(e, of->self, "weight_names", v));
    }
    return CUV_OK;
}

static int by_name(const cuv_sv *a, const cuv_sv *b)
{
    const size_t n = a->size < b->size ? a->size : b->size;
    const int order = a->kind == CUV_SV_TEXT && b->kind == CUV_SV_TEXT ? memcmp(a->text, b->text, n) : 0;
    return order ? order : a->size < b->size ? -1 : a->size > b->size;
}

static cuv_status sort_names(cuv_sc *e, cuv_sv *group, unsigned depth)
{
    for (size_t i = 0; i < group->count && depth < DEEPEST; i++) {
        size_t at = i;
        cuv_sv *key = group->items[i], *value = group->values[i];
        for (; at > 0 && by_name(group->items[at - 1], key) > 0; at--) {
            group->items[at] = group->items[at - 1];
            group->values[at] = group->values[at - 1];
        }
        group->items[at] = key;
        group->values[at] = value;
        CUV_TRY(cuv_sc_step(e, i - at + 1));
        if (value->kind == CUV_SV_DICT)
            CUV_TRY(sort_names(e, value, depth + 1));
    }
    return CUV_OK;
}

cuv_status cuv_sc_h5_file(cuv_sc *e, cuv_file *file, cuv_sv **out)
{
    cuv_sv *root = NULL, *whole = NULL;
    CUV_TRY(cuv_sv_make(e, CUV_SV_DICT, &root));
    root->file = file;
    root->label = file->name;
    for (size_t i = 0; i < file->group_count; i++)
        for (size_t k = 0; k < file->groups[i].count; k++) {
            const cuv_named *t = &file->groups[i].tensors[k];
            cuv_sv *array = NULL;
            CUV_TRY(cuv_sv_array(e, t->tensor, t->label, &array));
            CUV_TRY(put_path(e, root, t->key, array));
        }
    CUV_TRY(keras_attributes(e, root, file));
    CUV_TRY(sort_names(e, root, 0));
    *out = root;
    if (file->arrangement != CUV_ARR_LEGACY || !file->config)
        return CUV_OK;
    CUV_TRY(cuv_sv_make(e, CUV_SV_DICT, &whole));       /* a whole model has its weights one level down */
    whole->file = file;
    whole->label = file->name;
    whole->self = root->self;
    *out = whole;
    return cuv_sv_put_word(e, whole, "model_weights", root);
}

/* ---- visit, visititems ---- */

typedef struct visit { cuv_sc *e; cuv_sv *function, *answer; const cuv_py *node; bool items; } visit;

static cuv_status visit_below(visit *v, cuv_sv *group, const char *path, unsigned depth)
{
    for (size_t i = 0; i < group->count && depth < DEEPEST && v->answer->kind == CUV_SV_NONE; i++) {
        cuv_sv *given[2] = {NULL, group->values[i]};
        const char *name = cuv_arena_printf(v->e->arena, "%s%s%s", path, *path ? "/" : "", group->items[i]->text);
        if (!name)
            return cuv_oom(v->e->cx);
        CUV_TRY(cuv_sv_word(v->e, name, &given[0]));
        CUV_TRY(cuv_sc_call(v->e, v->function, &(cuv_sargs){given, v->items ? 2 : 1, NULL, NULL, 0, v->node}, &v->answer));
        if (v->answer->kind == CUV_SV_NONE && given[1]->kind == CUV_SV_DICT)
            CUV_TRY(visit_below(v, given[1], name, depth + 1));
    }
    return CUV_OK;
}

cuv_status cuv_sc_h5_visit(cuv_sc *e, cuv_sv *group, bool items, const cuv_sargs *args, cuv_sv **out)
{
    visit v = {.e = e, .function = cuv_sc_arg(args, 0, "func"), .answer = e->none, .node = args->node, .items = items};
    if (!v.function)
        return cuv_sv_unknown(e, out, "what visiting a file of HDF5 gives");
    CUV_TRY(visit_below(&v, group, "", 0));
    *out = v.answer;
    return CUV_OK;
}
