/* The .keras archive (formats.md c): metadata.json, config.json, model.weights.h5 or .npz, assets; zipped, or as a
 * folder. Cf. archive_write.c. */
#include "evidence/checkpoint.h"

#include <sys/stat.h>

/* ---- where the parts are ---- */

/* The config.json that lies highest, and the length of the folder before it: people zip a folder around an archive. */
static const char *top_config(const cuv_zip *zip, size_t *folder)
{
    const char *best = NULL;
    for (size_t i = 0; i < zip->count; i++) {
        const char *name = zip->members[i].name, *slash = strrchr(name, '/');
        size_t size = slash ? (size_t)(slash - name) + 1 : 0;
        if (cuv_streq(name + size, "config.json") && (!best || size < *folder)) {
            best = name;
            *folder = size;
        }
    }
    return best;
}

bool cuv_archive_like(const cuv_zip *zip)
{
    size_t folder = 0;
    const char *config = top_config(zip, &folder);
    for (size_t i = 0; config && i < zip->count; i++) {
        const char *name = zip->members[i].name;
        if (!strncmp(name, config, folder) &&
            (cuv_streq(name + folder, "metadata.json") || cuv_streq(name + folder, "model.weights.h5") ||
             cuv_streq(name + folder, "model.weights.npz")))
            return true;
    }
    return false;
}

/* The archive with names that begin at its own top. */
static cuv_status without_folder(struct cuv_evidence *ev, const cuv_zip *zip, const cuv_zip **out)
{
    size_t folder = 0, kept = 0;
    const char *config = top_config(zip, &folder);
    *out = zip;
    if (!config || folder == 0)
        return CUV_OK;
    cuv_zip *copy = CUV_NEW(ev->arena, cuv_zip);
    cuv_zip_member *members = CUV_NEW_ARRAY(ev->arena, cuv_zip_member, zip->count);
    if (!copy || !members)
        return cuv_oom(ev->cx);
    for (size_t i = 0; i < zip->count; i++) {
        if (strncmp(zip->members[i].name, config, folder) != 0 || !zip->members[i].name[folder])
            continue;
        members[kept] = zip->members[i];
        members[kept++].name += folder;
    }
    *copy = (cuv_zip){.src = zip->src, .members = members, .count = kept};
    *out = copy;
    return CUV_OK;
}

cuv_status cuv_archive_part(struct cuv_evidence *ev, const cuv_file *file, const char *name, cuv_source *out,
                            bool *found)
{
    *found = false;
    if (file->zip) {
        for (size_t i = 0; i < file->zip->count; i++) {
            if (!cuv_streq(file->zip->members[i].name, name))
                continue;
            *found = true;
            return cuv_zip_member_open(ev->arena, file->zip, &file->zip->members[i], out);
        }
        return CUV_OK;
    }
    struct stat info;
    char *path = cuv_arena_printf(ev->arena, "%s/%s", file->path, name);
    char *label = cuv_arena_printf(ev->arena, "%s/%s", file->name, name);
    if (!path || !label)
        return cuv_oom(ev->cx);
    if (lstat(path, &info) != 0 || !S_ISREG(info.st_mode))
        return CUV_OK;
    cuv_blob *blob = NULL;
    CUV_TRY(cuv_blob_map(ev->cx, path, &blob));
    cuv_status status = cuv_arena_keep_blob(ev->arena, blob);
    *out = (cuv_source){.blob = blob, .data = blob->data, .size = blob->size, .name = label};
    cuv_blob_release(blob);
    *found = status == CUV_OK;
    return status;
}

/* ---- the parts ---- */

static cuv_status read_metadata(struct cuv_evidence *ev, cuv_file *file)
{
    cuv_source src;
    cuv_value *metadata = NULL;
    bool found = false;
    CUV_TRY(cuv_archive_part(ev, file, "metadata.json", &src, &found));
    if (!found)
        return CUV_OK;
    CUV_TRY(cuv_json_parse(ev->arena, &src, &metadata));
    const char *version = cuv_get_text(metadata, "keras_version");
    file->keras_version = version;
    return CUV_OK;
}

static cuv_status read_config_part(struct cuv_evidence *ev, cuv_file *file)
{
    cuv_source src;
    cuv_value *config = NULL;
    bool found = false;
    cuv_detail detail = {.file = file->path};
    CUV_TRY(cuv_archive_part(ev, file, "config.json", &src, &found));
    if (!found)
        return cuv_fail(ev->cx, CUV_DAMAGED, "archive.config", &detail, "%s has no config.json", file->name);
    CUV_TRY(cuv_json_parse(ev->arena, &src, &config));
    CUV_TRY(cuv_config_take(ev, file, config, &found));
    detail.found = cuv_value_repr(ev->cx, config);
    if (!found)
        return cuv_fail(ev->cx, CUV_DAMAGED, "archive.config", &detail,
                        "config.json of %s is no configuration of a model", file->name);
    return CUV_OK;
}

static cuv_status read_npz_part(struct cuv_evidence *ev, cuv_file *file)
{
    cuv_source src;
    cuv_zip *zip = NULL;
    cuv_value *values = NULL;
    bool found = false;
    CUV_TRY(cuv_archive_part(ev, file, "model.weights.npz", &src, &found));
    if (!found)
        return CUV_OK;
    CUV_TRY(cuv_zip_parse(ev->arena, &src, &zip));
    CUV_TRY(cuv_npz_values(ev, zip, &values));
    return cuv_read_objects_npz(ev, file, values);
}

static cuv_status read_weights(struct cuv_evidence *ev, cuv_file *file)
{
    cuv_source src;
    cuv_h5 *root = NULL;
    bool found = false;
    CUV_TRY(cuv_archive_part(ev, file, "model.weights.h5", &src, &found));
    if (!found)
        return read_npz_part(ev, file);
    CUV_TRY(cuv_h5_parse(ev->arena, &src, &root));
    if (root->child_count == 0)
        return CUV_OK; /* a model without layers that hold anything */
    return cuv_read_objects_h5(ev, file, root);
}

static cuv_status read_selftest(struct cuv_evidence *ev, cuv_file *file)
{
    cuv_source src;
    bool found = false;
    CUV_TRY(cuv_archive_part(ev, file, "cuvier/selftest.json", &src, &found));
    return found ? cuv_selftest_read(ev, file, (const char *)src.data, src.size) : CUV_OK;
}

cuv_status cuv_read_archive(struct cuv_evidence *ev, cuv_file *file)
{
    if (file->zip)
        CUV_TRY(without_folder(ev, file->zip, &file->zip));
    file->kind = file->zip ? "Keras 3 archive" : "Keras 3 archive, unpacked";
    CUV_TRY(read_metadata(ev, file));
    CUV_TRY(read_config_part(ev, file));
    CUV_TRY(read_weights(ev, file));
    CUV_TRY(cuv_adopt_vocabularies(ev, file));
    CUV_TRY(read_selftest(ev, file));
    return cuv_file_describe(ev, file, 3);
}

/* ---- folders ---- */

static bool is_there(struct cuv_evidence *ev, const char *folder, const char *name, bool *failed)
{
    struct stat info;
    char *path = cuv_arena_printf(ev->arena, "%s/%s", folder, name);
    *failed = *failed || !path;
    return path && stat(path, &info) == 0;
}

cuv_status cuv_read_folder(struct cuv_evidence *ev, const char *path, cuv_file **out)
{
    bool failed = false;
    cuv_file *file = NULL;
    *out = NULL;
    CUV_TRY(cuv_file_new(ev, path, &file));
    ev->tried = file;
    bool archive = is_there(ev, path, "config.json", &failed);
    bool saved = is_there(ev, path, "saved_model.pb", &failed) || is_there(ev, path, "keras_metadata.pb", &failed);
    bool checkpoint = is_there(ev, path, "checkpoint", &failed);
    const char *state = cuv_arena_printf(ev->arena, "%s/checkpoint", path);
    if (failed || !state)
        return cuv_oom(ev->cx);
    cuv_detail detail = {.file = path, .help = "give the files in it one by one"};
    if (archive || saved) {
        if (!saved) {
            file->format = CUV_FORMAT_ZIP;
            file->source.name = file->name;
        }
        cuv_status status = saved ? cuv_read_saved_folder(ev, file) : cuv_read_archive(ev, file);
        cuv_status dangers = cuv_dangers_find(ev, file);    /* also of what was read before it was refused */
        CUV_TRY(status);
        CUV_TRY(dangers);
        *out = file;
        return CUV_OK;
    }
    if (checkpoint)
        return cuv_file_load(ev, state, out);
    return cuv_fail(ev->cx, CUV_UNSUPPORTED, "file.folder", &detail,
                    "%s is a folder, and no unpacked .keras archive, SavedModel or checkpoint", file->name);
}
