/* Opening evidence: recognises a file by its content and hands it to the reader of its convention.
 * Knows which conventions there are, not what they look like inside. */
#include "evidence/checkpoint.h"

#include <sys/stat.h>

/* ---- the whole ---- */

cuv_status cuv_evidence_new(cuv_context *cx, struct cuv_evidence **out)
{
    *out = NULL;
    cuv_arena *arena = cuv_arena_new(cx);
    struct cuv_evidence *ev = arena ? CUV_NEW(arena, struct cuv_evidence) : NULL;
    if (!ev) {
        cuv_arena_free(arena);
        return cuv_oom(cx);
    }
    ev->cx = cx;
    ev->arena = arena;
    atomic_init(&ev->keepers, 1);
    *out = ev;
    return CUV_OK;
}

static void let_go(void *evidence)
{
    struct cuv_evidence *ev = evidence;
    if (atomic_fetch_sub(&ev->keepers, 1) == 1)
        cuv_arena_free(ev->arena);
}

void cuv_evidence_free(struct cuv_evidence *ev)
{
    if (ev)
        let_go(ev);
}

cuv_status cuv_evidence_keep(cuv_arena *arena, struct cuv_evidence *ev)
{
    atomic_fetch_add(&ev->keepers, 1);
    return cuv_arena_defer(arena, let_go, ev);
}

/* ---- HDF5 ---- */

static cuv_status read_hdf5_file(struct cuv_evidence *ev, cuv_file *file)
{
    cuv_h5 *root = NULL;
    CUV_TRY(cuv_h5_parse(ev->arena, &file->source, &root));
    file->h5 = root;
    size_t mark = cuv_findings_mark(ev->cx);
    cuv_status status = cuv_read_h5(ev, file, root);
    if (!ev->for_code || (status != CUV_NO && status != CUV_UNSUPPORTED))
        return status;
    cuv_findings_rewind(ev->cx, mark);      /* code may keep anything in such a file */
    file->kind = "values";
    file->group_count = 0;
    file->arrangement = CUV_ARR_NONE;
    return CUV_OK;
}

cuv_status cuv_read_h5(struct cuv_evidence *ev, cuv_file *file, const cuv_h5 *root)
{
    if (cuv_samples_tree(root)) {
        file->kind = "samples (HDF5)";
        return CUV_OK;
    }
    if (cuv_objects_tree(root))
        return cuv_read_objects_h5(ev, file, root);
    return cuv_read_legacy_h5(ev, file, root);
}

/* ---- zip ---- */

static cuv_status not_evidence_zip(struct cuv_evidence *ev, const cuv_file *file)
{
    const char *what = "a zip archive without arrays or a Keras configuration", *help = NULL;
    const char *first = file->zip->count ? file->zip->members[0].name : NULL;
    for (size_t i = 0; i < file->zip->count; i++) {
        const char *name = file->zip->members[i].name;
        if (cuv_streq(name, "metadata.json")) {
            what = "a Keras archive that has lost its config.json";
            help = "zip config.json, metadata.json and model.weights.h5 together again, or give the configuration and the weights as "
                   "files of their own";
            break;
        }
        if (cuv_ends_with(name, "/data.pkl") || cuv_streq(name, "data.pkl")) {
            what = "a PyTorch file, not one of Keras";
            help = "save its tensors with numpy.savez or safetensors";
            break;
        }
        if (cuv_ends_with(name, ".h5") || cuv_ends_with(name, ".hdf5") || cuv_ends_with(name, ".keras") ||
            cuv_ends_with(name, ".pb")) {
            what = cuv_format(ev->cx, "a zip archive that holds '%s'", name);
            help = "unpack it first, and give what is inside";
            break;
        }
    }
    const char *members = "";
    for (size_t i = 0; i < file->zip->count && i < 8; i++)
        members = cuv_format(ev->cx, "%s%s%s", members, i ? ", " : "", file->zip->members[i].name);
    cuv_detail detail = {.file = file->path,
                         .found = first ? cuv_format(ev->cx, "first member '%s'", first) : "no member",
                         .notes = cuv_format(ev->cx, "it holds %s%s", first ? members : "nothing", file->zip->count > 8 ? ", ..." : ""),
                         .help = help};
    return cuv_fail(ev->cx, CUV_UNSUPPORTED, "file.zip", &detail, "%s is %s", file->name, what);
}

/* In an .npz it is the archive's comment, which NumPy leaves alone: another array would be taken for a weight. */
static cuv_status read_comment(struct cuv_evidence *ev, cuv_file *file)
{
    static const char key[] = "cuvier_selftest ";
    size_t n = sizeof key - 1;
    if (file->zip->comment_size <= n || memcmp(file->zip->comment, key, n) != 0)
        return CUV_OK;
    return cuv_selftest_read(ev, file, file->zip->comment + n, file->zip->comment_size - n);
}

static cuv_status read_zip_file(struct cuv_evidence *ev, cuv_file *file)
{
    cuv_zip *zip = NULL;
    CUV_TRY(cuv_zip_parse(ev->arena, &file->source, &zip));
    file->zip = zip;
    CUV_TRY(cuv_dangers_members(ev, file));
    if (cuv_archive_like(zip))
        return cuv_read_archive(ev, file);
    bool arrays = zip->count == 0;
    for (size_t i = 0; i < zip->count; i++)
        arrays = arrays || cuv_ends_with(zip->members[i].name, ".npy");
    if (!arrays)
        return not_evidence_zip(ev, file);
    cuv_value *values = NULL;
    CUV_TRY(cuv_npz_values(ev, zip, &values));
    CUV_TRY(read_comment(ev, file));
    if (!cuv_samples_keys(values))
        return cuv_read_arrays(ev, file, values);
    file->root = values;
    file->kind = "samples (.npz)";
    return CUV_OK;
}

/* ---- the rest ---- */

static cuv_status parse_values(struct cuv_evidence *ev, cuv_file *file, cuv_value **root)
{
    *root = NULL;
    switch (file->format) {
    case CUV_FORMAT_NPY: return cuv_npy_parse(ev->arena, &file->source, root);
    case CUV_FORMAT_PICKLE: return cuv_pickle_parse(ev->arena, &file->source, root);
    case CUV_FORMAT_JSON: return cuv_json_parse(ev->arena, &file->source, root);
    case CUV_FORMAT_YAML: return cuv_yaml_parse(ev->arena, &file->source, root);
    case CUV_FORMAT_UNKNOWN: case CUV_FORMAT_HDF5: case CUV_FORMAT_ZIP: case CUV_FORMAT_PYTHON:
    case CUV_FORMAT_SAFETENSORS: case CUV_FORMAT_PROTOBUF: case CUV_FORMAT_TABLE:
        break;
    }
    file->tokens = cuv_is_token_list(file);
    const bool text = file->tokens || cuv_utf8_valid((const char *)file->source.data, file->source.size);
    if (!file->tokens && !ev->for_code)
        return cuv_foreign_unknown(ev->cx, file);
    file->kind = text ? "text" : "bytes of no known form";      /* numpy.fromfile reads any */
    return CUV_OK;
}

/* Code may read any values: settings, names of classes, arrays that it puts together itself. */
static cuv_status read_values(struct cuv_evidence *ev, cuv_file *file)
{
    cuv_value *root = NULL;
    CUV_TRY(parse_values(ev, file, &root));
    if (!root)
        return CUV_OK;
    bool arrays = file->format == CUV_FORMAT_NPY || file->format == CUV_FORMAT_PICKLE;
    size_t mark = cuv_findings_mark(ev->cx);
    cuv_status status = arrays ? cuv_read_arrays(ev, file, root) : cuv_read_config(ev, file, root);
    if (!ev->for_code || (status != CUV_NO && status != CUV_UNSUPPORTED))
        return status;
    cuv_findings_rewind(ev->cx, mark);
    file->root = root;
    file->kind = "values";
    file->group_count = 0;
    file->arrangement = CUV_ARR_NONE;
    return CUV_OK;
}

static cuv_status read_protobuf(struct cuv_evidence *ev, cuv_file *file)
{
    bool known = false;
    CUV_TRY(cuv_read_saved_model(ev, file, &known));
    if (known)
        return CUV_OK;
    cuv_detail detail = {.file = file->path, .expected = "saved_model.pb or keras_metadata.pb of a SavedModel",
                         .help = "load it in TensorFlow and save the model as .keras or .h5"};
    return cuv_fail(ev->cx, CUV_UNSUPPORTED, "file.protobuf", &detail,
                    "%s is a protocol buffer (a TensorFlow graph, or ONNX), which holds no Keras layers", file->name);
}

static cuv_status read_by_format(struct cuv_evidence *ev, cuv_file *file)
{
    switch (file->format) {
    case CUV_FORMAT_HDF5:
        return read_hdf5_file(ev, file);
    case CUV_FORMAT_ZIP:
        return read_zip_file(ev, file);
    case CUV_FORMAT_PYTHON:
        file->kind = "Keras code";
        return CUV_OK;
    case CUV_FORMAT_SAFETENSORS:
        return cuv_read_safetensors(ev, file);
    case CUV_FORMAT_PROTOBUF:
        return read_protobuf(ev, file);
    case CUV_FORMAT_TABLE:
        return cuv_read_checkpoint(ev, file, &file->source, NULL);
    case CUV_FORMAT_UNKNOWN: case CUV_FORMAT_NPY: case CUV_FORMAT_PICKLE: case CUV_FORMAT_JSON: case CUV_FORMAT_YAML:
        break;
    }
    return read_values(ev, file);
}

cuv_status cuv_file_new(struct cuv_evidence *ev, const char *path, cuv_file **out)
{
    *out = NULL;
    cuv_file *file = CUV_NEW(ev->arena, cuv_file);
    char *copy = cuv_arena_strdup(ev->arena, path);
    if (!file || !copy)
        return cuv_oom(ev->cx);
    file->path = copy;
    file->name = cuv_streq(copy, "-") ? "standard input" : cuv_path_name(copy);
    *out = file;
    return CUV_OK;
}

/* Words of a vocabulary may look like a line of code or of YAML. Code of a model imports something, and a configuration names classes. */
static bool words_alone(const cuv_file *file)
{
    static const char *const signs[] = {"import ", "class_name"};
    for (size_t i = 0; i < sizeof signs / sizeof *signs; i++)
        if (memmem(file->source.data, file->source.size, signs[i], strlen(signs[i])))
            return false;
    return cuv_ends_with(file->name, ".txt") && cuv_is_token_list(file);
}

static cuv_status read_source(struct cuv_evidence *ev, const cuv_source *src, cuv_file *file)
{
    CUV_TRY(cuv_arena_keep_blob(ev->arena, src->blob));
    file->source = *src;
    file->source.name = file->name;
    CUV_TRY(cuv_unpack(ev->arena, &file->source));
    CUV_TRY(cuv_read_utf16(ev, &file->source));
    src = &file->source;
    CUV_TRY(cuv_foreign_check(ev->cx, file));
    if (cuv_checkpoint_data_name(file->name)) {     /* bare numbers; the index says what they are */
        file->kind = "values of a TensorFlow checkpoint";
        return CUV_OK;
    }
    if (cuv_checkpoint_state(src->data, src->size))
        return cuv_read_checkpoint_state(ev, file);
    file->format = cuv_format_guess(src->data, src->size);
    if (src->size > 3 && !memcmp(src->data, "\"{\\\"", 4)) /* json.dump(model.to_json(), f): JSON as text of JSON */
        file->format = CUV_FORMAT_JSON;
    if ((file->format == CUV_FORMAT_PYTHON || file->format == CUV_FORMAT_YAML) && words_alone(file))
        file->format = CUV_FORMAT_UNKNOWN;
    cuv_status status = read_by_format(ev, file);
    if (status == CUV_OK && !ev->for_code)
        status = cuv_named_as_objects(ev, file);
    cuv_status dangers = cuv_dangers_find(ev, file); /* also of what was read before it was refused */
    return status == CUV_OK ? dangers : status;
}

cuv_status cuv_file_read(struct cuv_evidence *ev, const cuv_source *src, const char *path, cuv_file **out)
{
    enum { MOST_DEPTH = 3 }; /* an index names shards, which name nothing */
    cuv_file *file = NULL;
    *out = NULL;
    CUV_TRY(cuv_file_new(ev, path, &file));
    if (ev->depth == 0)
        ev->tried = file;
    if (ev->depth >= MOST_DEPTH) {
        cuv_detail detail = {.file = file->path};
        return cuv_fail(ev->cx, CUV_UNSAFE, "file.depth", &detail,
                        "%s is named by a file that is named by a file, and so on", file->name);
    }
    size_t mark = cuv_findings_mark(ev->cx);
    ev->depth++;
    cuv_status status = read_source(ev, src, file);
    ev->depth--;
    if (status == CUV_OK)
        *out = file;
    else
        cuv_findings_place(ev->cx, mark, file->path, file->name);
    return status;
}

cuv_status cuv_file_load(struct cuv_evidence *ev, const char *path, cuv_file **out)
{
    cuv_blob *blob = NULL;
    *out = NULL;
    CUV_TRY(cuv_blob_map(ev->cx, path, &blob));
    cuv_source src = {.blob = blob, .data = blob->data, .size = blob->size, .name = path};
    cuv_status status = cuv_file_read(ev, &src, path, out);
    cuv_blob_release(blob);
    return status;
}

static cuv_status append(struct cuv_evidence *ev, cuv_file *file, cuv_file **out)
{
    CUV_TRY(cuv_names_register(ev, file));
    cuv_file **files = cuv_arena_grow(ev->arena, ev->files, ev->file_count, &ev->file_capacity, sizeof *files);
    if (!files)
        return cuv_oom(ev->cx);
    ev->files = files;
    ev->files[ev->file_count++] = file;
    *out = file;
    return CUV_OK;
}

cuv_status cuv_evidence_open_source(struct cuv_evidence *ev, const cuv_source *src, const char *path, cuv_file **out)
{
    cuv_file *file = NULL;
    *out = NULL;
    CUV_TRY(cuv_file_read(ev, src, path, &file));
    return append(ev, file, out);
}

/* FILE#KEY, where no file has that whole name. */
static cuv_status open_part(struct cuv_evidence *ev, const char *path, const char *hash, cuv_file **out)
{
    cuv_file *file = NULL;
    char *whole = cuv_arena_strndup(ev->arena, path, (size_t)(hash - path));
    if (!whole)
        return cuv_oom(ev->cx);
    struct stat info;
    char *index = cuv_arena_printf(ev->arena, "%s.index", whole);
    if (!index)
        return cuv_oom(ev->cx);
    CUV_TRY(cuv_file_load(ev, stat(whole, &info) != 0 && stat(index, &info) == 0 ? index : whole, &file));
    CUV_TRY(cuv_file_part(ev, file, hash + 1));
    return append(ev, file, out);
}

cuv_status cuv_evidence_open(struct cuv_evidence *ev, const char *path, cuv_file **out)
{
    struct stat info;
    cuv_file *file = NULL;
    *out = NULL;
    for (size_t i = 0; i < ev->file_count; i++) {
        if (cuv_streq(ev->files[i]->path, path)) {
            *out = ev->files[i];
            return CUV_OK;
        }
    }
    bool stream = cuv_streq(path, "-"), there = !stream && stat(path, &info) == 0;
    char *index = cuv_arena_printf(ev->arena, "%s.index", path);    /* TensorFlow names a checkpoint by what its files begin with */
    if (!index)
        return cuv_oom(ev->cx);
    bool prefix = !stream && !there && stat(index, &info) == 0;
    const char *hash = stream || there || prefix ? NULL : strrchr(path, '#');
    if (hash)
        return open_part(ev, path, hash, out);
    CUV_TRY(there && S_ISDIR(info.st_mode) ? cuv_read_folder(ev, path, &file) : cuv_file_load(ev, prefix ? index : path, &file));
    return append(ev, file, out);
}

cuv_status cuv_evidence_settle(struct cuv_evidence *ev)
{
    for (size_t i = 0; i < ev->file_count; i++) /* a script may add files at the end */
        if (ev->files[i]->format == CUV_FORMAT_PYTHON && !ev->files[i]->script)
            CUV_TRY(cuv_read_script(ev, ev->files[i]));
    for (size_t i = 0; ev->custom_count && i < ev->file_count; i++)
        if (ev->files[i]->config && !ev->files[i]->script)
            CUV_TRY(cuv_custom_whole(ev, ev->files[i]));
    return CUV_OK;
}
