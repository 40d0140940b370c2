/* Names of files in the script's folder and below it: os.listdir, glob. Python gives them in no fixed order; here they come sorted,
 * and code that relies on their order is told so. */
#include "evidence/read.h"
#include "evidence/script.h"

#include <dirent.h>
#include <fnmatch.h>
#include <stdlib.h>

enum { MOST_FILES = 1 << 16 };

static int by_name(const void *a, const void *b)
{
    return strcmp(*(const char *const *)a, *(const char *const *)b);
}

typedef struct names { char **items; size_t count, capacity; } names;

static cuv_status read_names(cuv_sc *e, const char *path, names *out)
{
    DIR *folder = opendir(*path ? path : ".");
    struct dirent *entry = NULL;
    cuv_status status = CUV_OK;
    while (folder && status == CUV_OK && out->count < MOST_FILES && (entry = readdir(folder)) != NULL) {
        if (cuv_streq(entry->d_name, ".") || cuv_streq(entry->d_name, ".."))
            continue;
        char **grown = cuv_arena_grow(e->arena, out->items, out->count, &out->capacity, sizeof *grown);
        char *name = cuv_arena_strdup(e->arena, entry->d_name);
        status = grown && name ? cuv_sc_step(e, 4) : cuv_oom(e->cx);
        if (status != CUV_OK)
            break;
        out->items = grown;
        grown[out->count++] = name;
    }
    if (folder)
        (void)closedir(folder);
    if (out->count)
        qsort(out->items, out->count, sizeof *out->items, by_name);
    return status;
}

/* The names in `folder` that match; NULL: all. Each with `prefix` before it. */
static cuv_status list(cuv_sc *e, const char *folder, const char *pattern, const char *prefix, cuv_sv **out)
{
    const char *path = NULL;
    names found = {0};
    bool here = !*folder || cuv_streq(folder, ".") || cuv_streq(folder, "./");
    CUV_TRY(here ? cuv_neighbour_path(e->ev, e->file, e->file->name, cuv_sc_where(e, e->at), "script.file", &path)
                 : cuv_neighbour_path(e->ev, e->file, folder, cuv_sc_where(e, e->at), "script.file", &path));
    CUV_TRY(read_names(e, here ? cuv_path_folder(e->ev->arena, path) : path, &found));
    CUV_TRY(cuv_sv_make(e, CUV_SV_LIST, out));
    for (size_t i = 0; i < found.count; i++) {
        cuv_sv *name = NULL;
        if (pattern && fnmatch(pattern, found.items[i], FNM_PERIOD) != 0)
            continue;
        CUV_TRY(cuv_sv_word(e, cuv_sc_format(e, "%s%s", prefix, found.items[i]), &name));
        CUV_TRY(cuv_sv_add(e, *out, name));
    }
    (*out)->truth = (*out)->count > 1;          /* in an order that Python does not promise */
    return CUV_OK;
}

cuv_status cuv_sc_list_folder(cuv_sc *e, const cuv_sargs *args, cuv_sv **out)
{
    const cuv_sv *folder = cuv_sc_arg(args, 0, "path");
    if (folder && folder->kind != CUV_SV_TEXT)
        return cuv_sv_unknown(e, out, "the names of files in a folder that is not known");
    return list(e, folder ? folder->text : ".", NULL, "", out);
}

/* "params/w_*.npy": only the last part may have wildcards. */
cuv_status cuv_sc_glob(cuv_sc *e, const cuv_sv *within, const cuv_sv *pattern, cuv_sv **out)
{
    if (!pattern || pattern->kind != CUV_SV_TEXT || (within && within->kind != CUV_SV_TEXT))
        return cuv_sv_unknown(e, out, "the names of files that match a pattern that is not known");
    const char *text = within ? cuv_sc_format(e, "%s/%s", within->text, pattern->text) : pattern->text;
    const char *slash = strrchr(text, '/');
    const char *folder = slash ? cuv_sc_format(e, "%.*s", (int)(slash - text), text) : ".";
    const char *prefix = slash ? cuv_sc_format(e, "%.*s", (int)(slash - text + 1), text) : "";
    if (strpbrk(folder, "*?["))
        return cuv_sv_unknown(e, out, "the names of files in several folders");
    return list(e, folder, slash ? slash + 1 : text, prefix, out);
}
