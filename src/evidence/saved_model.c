/* SavedModels of Keras 2: the configuration is in keras_metadata.pb, in older ones in saved_model.pb itself, the weights are a checkpoint
 * in variables/. The graph of TensorFlow operations is looked at for the vocabularies that it holds (saved_tables.c), and never run. */
#include "evidence/checkpoint.h"

#include <sys/stat.h>

/* A node of Keras's metadata: "root", "root.layer_with_weights-0", ... */
typedef struct node { const char *path, *identifier; const uint8_t *data; size_t size; } node;
typedef struct found { struct cuv_evidence *ev; cuv_file *file; cuv_saved_names names; bool keras, root; } found;

static cuv_status damaged(const found *f, const char *what)
{
    cuv_detail detail = {.file = f->file->path, .help = "was the file cut off or changed? copy it again"};
    return cuv_fail(f->ev->cx, CUV_DAMAGED, "saved_model.metadata", &detail, "%s is damaged: %s", f->file->name, what);
}

/* The shape that a model of a class was built for, where Keras's own files say it. */
static cuv_status take_shape(found *f, const cuv_value *json)
{
    cuv_value *shape = cuv_get(json, "build_input_shape"), *build = cuv_value_dict(f->ev->arena);
    if (!shape || f->file->config->kind != CUV_DICT || cuv_get(f->file->config, "build_config"))
        return CUV_OK;
    if (!build)
        return cuv_oom(f->ev->cx);
    CUV_TRY(cuv_dict_set(f->ev->arena, build, "input_shape", shape));
    return cuv_dict_set(f->ev->arena, f->file->config, "build_config", build);
}

/* "root.layer-1", and in models inside "root.layer_with_weights-0.layer-2": not what layers keep under other names. */
static bool is_layer_path(const char *path)
{
    bool layers = cuv_starts_with(path, "root.");
    for (const char *at = strchr(path, '.'); layers && at; at = strchr(at + 1, '.'))
        layers = cuv_starts_with(at + 1, "layer-") || cuv_starts_with(at + 1, "layer_with_weights-");
    return layers;
}

/* The JSON of a node: of the root, the whole model's. */
static cuv_status take_node(found *f, const node *n)
{
    cuv_source src = {.blob = f->file->source.blob, .data = n->data, .size = n->size, .name = f->file->name};
    cuv_value *json = NULL;
    bool taken = false;
    bool root = cuv_streq(n->path, "root"), layer = is_layer_path(n->path);
    if (!cuv_starts_with(n->identifier, "_tf_keras_") || !(root || layer) || !n->size)
        return CUV_OK;
    f->keras = true;
    CUV_TRY(cuv_json_parse(f->ev->arena, &src, &json));
    if (root) {
        f->root = true;
        if (!f->file->keras_version)
            f->file->keras_version = cuv_get_text(json, "keras_version");
        f->file->training = cuv_get(json, "training_config");
        CUV_TRY(cuv_config_take(f->ev, f->file, json, &taken));
        return taken ? take_shape(f, json) : CUV_OK;
    }
    const char *name = cuv_get_text(json, "name");
    cuv_saved_names *names = &f->names;
    cuv_saved_name *items = cuv_arena_grow(f->ev->arena, names->items, names->count, &names->capacity, sizeof *items);
    if (!items)
        return cuv_oom(f->ev->cx);
    names->items = items;
    if (name)
        items[names->count++] = (cuv_saved_name){n->path + 5, name};
    return CUV_OK;
}

/* SavedMetadata: 1 nodes = SavedObject {2 node_id, 3 node_path, 4 identifier, 5 metadata}. */
static cuv_status read_metadata(found *f, const cuv_source *src)
{
    cuv_cursor c = cuv_cursor_at(src->data, src->size, 0);
    cuv_field object, part;
    while (cuv_field_next(&c, &object)) {
        node n = {.path = "", .identifier = ""};
        if (object.id != 1 || object.wire != 2)
            continue;
        cuv_cursor inside = cuv_cursor_at(object.data, object.size, 0);
        while (cuv_field_next(&inside, &part)) {
            if (part.id == 3 && !(n.path = cuv_field_text(f->ev->arena, &part)))
                return damaged(f, "a path is no text");
            if (part.id == 4 && !(n.identifier = cuv_field_text(f->ev->arena, &part)))
                return damaged(f, "an identifier is no text");
            if (part.id == 5 && part.wire == 2) {
                n.data = part.data;
                n.size = part.size;
            }
        }
        if (inside.failed)
            return damaged(f, "an object is cut off");
        CUV_TRY(take_node(f, &n));
    }
    return c.failed ? damaged(f, "it is cut off") : CUV_OK;
}

/* The message `id` inside a message; false when it is not there. */
static bool inner(const cuv_field *outer, uint32_t id, cuv_field *out)
{
    cuv_cursor c = cuv_cursor_at(outer->data, outer->size, 0);
    while (cuv_field_next(&c, out))
        if (out->id == id && out->wire == 2)
            return true;
    return false;
}

/* SavedObject {4 user_object {1 identifier, 3 metadata}}: what releases before 2.5 kept; the first node is the root. */
static cuv_status read_objects(found *f, const cuv_field *graph)
{
    cuv_cursor c = cuv_cursor_at(graph->data, graph->size, 0);
    cuv_field object, user, part;
    while (cuv_field_next(&c, &object)) {
        if (object.id != 1 || object.wire != 2)
            continue;
        node n = {.path = "root", .identifier = ""};
        if (!inner(&object, 4, &user))
            return CUV_OK;
        if (inner(&user, 1, &part) && !(n.identifier = cuv_field_text(f->ev->arena, &part)))
            return cuv_oom(f->ev->cx);
        if (inner(&user, 3, &part)) {
            n.data = part.data;
            n.size = part.size;
        }
        f->keras = cuv_starts_with(n.identifier, "_tf_keras_");
        return take_node(f, &n);
    }
    return CUV_OK;
}

/* SavedModel {1 schema version, 2 meta_graphs {1 meta_info, 2 graph, 7 object graph}}. */
static cuv_status read_graphs(found *f, const cuv_source *src, bool *known)
{
    cuv_cursor c = cuv_cursor_at(src->data, src->size, 0);
    cuv_field field, part;
    *known = false;
    while (cuv_field_next(&c, &field)) {
        if (field.id != 2 || field.wire != 2)
            continue;
        *known = *known || inner(&field, 1, &part) || inner(&field, 2, &part);
        if (*known && inner(&field, 7, &part) && !f->root)
            CUV_TRY(read_objects(f, &part));
    }
    *known = *known && !c.failed;
    return CUV_OK;
}

/* ---- what lies beside ---- */

static cuv_status open_beside(found *f, const char *folder, const char *name, cuv_source *out, bool *there)
{
    struct stat info;
    char *path = cuv_arena_printf(f->ev->arena, "%s%s", folder, name);
    cuv_blob *blob = NULL;
    *there = false;
    if (!path)
        return cuv_oom(f->ev->cx);
    if (lstat(path, &info) != 0 || !S_ISREG(info.st_mode))
        return CUV_OK;
    CUV_TRY(cuv_blob_map(f->ev->cx, path, &blob));
    cuv_status status = cuv_arena_keep_blob(f->ev->arena, blob);
    *out = (cuv_source){.blob = blob, .data = blob->data, .size = blob->size, .name = name};
    cuv_blob_release(blob);
    *there = status == CUV_OK;
    return status;
}

static cuv_status no_keras(const found *f)
{
    const char *name = f->file->name;
    cuv_detail detail = {.file = f->file->path, .help = "load it where it was made and save the model as .keras or .h5; or give the "
                                                        "model's code or .json and its variables/variables.index"};
    if (f->root)
        return cuv_fail(f->ev->cx, CUV_UNSUPPORTED, "saved_model.class", &detail,
                        "%s is a SavedModel of a class of its author's own, whose configuration it does not hold", name);
    if (f->keras)
        return cuv_fail(f->ev->cx, CUV_UNSUPPORTED, "saved_model.metadata_missing", &detail,
                        "%s is a SavedModel of Keras, but its keras_metadata.pb, which tells the layers, is not beside it", name);
    return cuv_fail(f->ev->cx, CUV_UNSUPPORTED, "saved_model.keras", &detail,
                    "%s is a SavedModel without Keras metadata: it holds TensorFlow operations, no Keras layers", name);
}

static cuv_status read_variables(found *f, const char *folder)
{
    cuv_source index;
    bool there;
    cuv_file *file = f->file;
    const char *path = file->path, *name = file->name;
    CUV_TRY(open_beside(f, folder, "variables/variables.index", &index, &there));
    if (!there) {
        cuv_detail detail = {.file = path, .help = "put its folder 'variables' beside it"};
        cuv_warn(f->ev->cx, "saved_model.variables", &detail, "the weights of %s are not beside it; only its structure is used", name);
        return CUV_OK;
    }
    file->path = cuv_arena_printf(f->ev->arena, "%svariables/variables.index", folder);
    file->name = "variables.index";
    if (!file->path)
        return cuv_oom(f->ev->cx);
    cuv_status status = cuv_read_checkpoint(f->ev, file, &index, &f->names);
    file->path = path;
    file->name = name;
    return status;
}

static cuv_status read_all(struct cuv_evidence *ev, cuv_file *file, const char *folder, bool *known)
{
    found f = {.ev = ev, .file = file};
    cuv_source graph, metadata;
    bool there = false;
    *known = true;
    CUV_TRY(open_beside(&f, folder, "keras_metadata.pb", &metadata, &there));
    if (there) {
        file->source = metadata;
        CUV_TRY(read_metadata(&f, &metadata));
    }
    CUV_TRY(open_beside(&f, folder, "saved_model.pb", &graph, &there));
    if (there && !f.root) {
        file->source = graph;
        CUV_TRY(read_graphs(&f, &graph, known));
    }
    if (!*known)
        return CUV_OK;
    file->kind = "SavedModel of Keras";
    file->format = CUV_FORMAT_PROTOBUF;
    if (!file->config)
        return no_keras(&f);
    if (there)
        CUV_TRY(cuv_saved_tables(ev, file, &graph, &f.names));
    CUV_TRY(read_variables(&f, folder));
    return cuv_file_describe(ev, file, 2);
}

cuv_status cuv_read_saved_model(struct cuv_evidence *ev, cuv_file *file, bool *known)
{
    char *folder = cuv_path_folder(ev->arena, file->path);
    bool named = cuv_streq(file->name, "saved_model.pb") || cuv_streq(file->name, "keras_metadata.pb");
    *known = false;
    if (!folder)
        return cuv_oom(ev->cx);
    if (named)
        return read_all(ev, file, folder, known);
    found f = {.ev = ev, .file = file};
    CUV_TRY(read_graphs(&f, &file->source, known));
    file->kind = "SavedModel of Keras";
    return *known && !file->config ? no_keras(&f) : CUV_OK;
}

cuv_status cuv_read_saved_folder(struct cuv_evidence *ev, cuv_file *file)
{
    bool known;
    char *folder = cuv_arena_printf(ev->arena, "%s/", file->path);
    if (!folder)
        return cuv_oom(ev->cx);
    CUV_TRY(read_all(ev, file, folder, &known));
    if (known)
        return CUV_OK;
    found f = {.ev = ev, .file = file};
    return damaged(&f, "its saved_model.pb is none");
}
