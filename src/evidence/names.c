/* Names of tensors and of files: which tensor has which label, what a --map spelling means, which file code means. */
#include "evidence/read.h"

#include <errno.h>
#include <stdlib.h>
#include <sys/stat.h>

/* ---- tensors to names ---- */

enum { POINTER_TEXT = 2 + 2 * sizeof(void *) + 1 };

static void pointer_text(const void *pointer, char out[POINTER_TEXT])
{
    snprintf(out, POINTER_TEXT, "%jx", (uintmax_t)(uintptr_t)pointer);
}

static cuv_status set_name(struct cuv_evidence *ev, const cuv_tensor *tensor, cuv_named *named)
{
    char text[POINTER_TEXT];
    if (!ev->labels)
        ev->labels = cuv_map_new(ev->arena);
    pointer_text(tensor, text);
    char *key = cuv_arena_strdup(ev->arena, text);
    if (!ev->labels || !key)
        return cuv_oom(ev->cx);
    return cuv_map_set(ev->labels, key, named);
}

cuv_status cuv_names_register(struct cuv_evidence *ev, cuv_file *file)
{
    for (size_t i = 0; i < file->group_count; i++) {
        for (size_t k = 0; k < file->groups[i].count; k++) {
            cuv_named *named = &file->groups[i].tensors[k];
            if (!cuv_evidence_name_of(ev, named->tensor))
                CUV_TRY(set_name(ev, named->tensor, named));
        }
    }
    if (file->root && file->root->kind == CUV_TENSOR && !cuv_evidence_name_of(ev, file->root->tensor))
        return cuv_evidence_name(ev, file->root->tensor, file->name, file);
    return CUV_OK;
}

const cuv_named *cuv_evidence_name_of(const struct cuv_evidence *ev, const cuv_tensor *tensor)
{
    char text[POINTER_TEXT];
    if (!ev->labels || !tensor)
        return NULL;
    pointer_text(tensor, text);
    return cuv_map_get(ev->labels, text);
}

cuv_status cuv_evidence_name(struct cuv_evidence *ev, const cuv_tensor *tensor, const char *label, cuv_file *file)
{
    cuv_named **derived = cuv_arena_grow(ev->arena, ev->derived, ev->derived_count, &ev->derived_capacity,
                                         sizeof *derived);
    if (!derived)
        return cuv_oom(ev->cx);
    ev->derived = derived;
    cuv_named *named = CUV_NEW(ev->arena, cuv_named);
    char *copy = cuv_arena_strdup(ev->arena, label);
    if (!named || !copy)
        return cuv_oom(ev->cx);
    *named = (cuv_named){.tensor = tensor, .label = copy, .key = copy, .file = file};
    ev->derived[ev->derived_count++] = named;
    return set_name(ev, tensor, named);
}

/* ---- spellings to tensors ---- */

typedef enum fit { NO_FIT, KEY_FITS, LABEL_FITS } fit;

static bool is_file_and_key(const char *spelling, const char *file, const char *key)
{
    size_t size = file ? strlen(file) : 0;
    if (!size || strncmp(spelling, file, size) != 0)
        return false;
    const char *rest = spelling + size;
    if (*key == '[' || !*key)
        return cuv_streq(rest, key);
    return *rest == '#' && cuv_streq(rest + 1, key);
}

static fit how_it_fits(const char *spelling, const cuv_named *named)
{
    if (is_file_and_key(spelling, named->file->name, named->key) ||
        is_file_and_key(spelling, named->file->path, named->key))
        return LABEL_FITS;
    if (*named->key == '[')
        return NO_FIT;
    if (cuv_streq(spelling, named->key))
        return KEY_FITS;
    size_t size = strlen(spelling); /* "dense/kernel" for "dense/kernel:0" */
    return !strncmp(spelling, named->key, size) && cuv_streq(named->key + size, ":0") ? KEY_FITS : NO_FIT;
}

typedef struct search {
    const char *spelling;
    const cuv_named *best, *second; /* second: another of the same fit */
    fit fit;
    const cuv_named *near[3];
    size_t distance[3];
} search;

static void remember_near(search *s, const cuv_named *named)
{
    size_t worst = s->distance[2];
    const char *key = *named->key == '[' || strchr(s->spelling, '#') ? named->label : named->key;
    size_t d = worst ? cuv_edit_distance(s->spelling, key, worst) : worst;
    if (d >= worst)
        return;
    size_t at = 2;
    for (; at > 0 && s->distance[at - 1] > d; at--) {
        s->distance[at] = s->distance[at - 1];
        s->near[at] = s->near[at - 1];
    }
    s->distance[at] = d;
    s->near[at] = named;
}

static void look_at(search *s, const cuv_named *named)
{
    fit f = how_it_fits(s->spelling, named);
    if (f == NO_FIT) {
        remember_near(s, named);
    } else if (f > s->fit) {
        s->fit = f;
        s->best = named;
        s->second = NULL;
    } else if (f == s->fit && !s->second && named->tensor != s->best->tensor) {
        s->second = named;
    }
}

static void look_at_file(search *s, const cuv_file *file)
{
    for (size_t i = 0; i < file->group_count; i++)
        for (size_t k = 0; k < file->groups[i].count; k++)
            look_at(s, &file->groups[i].tensors[k]);
}

static cuv_status not_one(cuv_context *cx, const search *s)
{
    if (s->second) {
        cuv_detail detail = {.tensor = s->spelling, .help = "write FILE#key, with the file's path if need be"};
        return cuv_fail(cx, CUV_NO, "map.tensor", &detail, "'%s' may be %s or %s", s->spelling, s->best->label,
                        s->second->label);
    }
    const char *help = "cuvier inspect FILE lists the tensors of a file";
    if (s->near[0])
        help = cuv_format(cx, "did you mean %s%s%s%s%s?", s->near[0]->label, s->near[1] ? ", " : "",
                          s->near[1] ? s->near[1]->label : "", s->near[2] ? ", " : "",
                          s->near[2] ? s->near[2]->label : "");
    cuv_detail detail = {.tensor = s->spelling, .help = help};
    return cuv_fail(cx, CUV_NO, "map.tensor", &detail, "no tensor of the evidence is called '%s'", s->spelling);
}

cuv_status cuv_evidence_tensor(struct cuv_evidence *ev, const char *spelling, const cuv_named **out)
{
    *out = NULL;
    size_t far = strlen(spelling) / 3 + 2;
    search s = {.spelling = spelling, .distance = {far, far, far}};
    for (size_t i = 0; i < ev->file_count; i++) {
        look_at_file(&s, ev->files[i]);
        const cuv_value *root = ev->files[i]->root;
        if (root && root->kind == CUV_TENSOR && cuv_evidence_name_of(ev, root->tensor) &&
            (cuv_streq(spelling, ev->files[i]->name) || cuv_streq(spelling, ev->files[i]->path))) {
            *out = cuv_evidence_name_of(ev, root->tensor);
            return CUV_OK;
        }
    }
    if (!s.best || s.second)
        return not_one(ev->cx, &s);
    *out = s.best;
    return CUV_OK;
}

/* "2,3,1,0)": the axes of a transpose, each once; false when they are not those of the tensor. */
static bool read_axes(const char *text, int rank, int *perm)
{
    unsigned seen = 0;
    for (int i = 0; i < rank; i++) {
        char *end;
        long axis = strtol(text, &end, 10);
        if (end == text || axis < 0 || axis >= rank || *end != (i + 1 < rank ? ',' : ')'))
            return false;
        perm[i] = (int)axis;
        seen |= 1U << axis;
        text = end + 1;
    }
    return !*text && seen == (1U << rank) - 1;
}

static cuv_status turn(struct cuv_evidence *ev, const char *spelling, const cuv_named *base, const char *axes,
                       const cuv_named **out)
{
    int perm[CUV_MAX_RANK] = {0}, rank = base->tensor->rank;
    cuv_tensor *turned = NULL;
    for (int i = 0; i < rank; i++)
        perm[i] = rank - 1 - i;
    if (axes && !read_axes(axes, rank, perm)) {
        cuv_detail detail = {.tensor = spelling, .expected = cuv_format(ev->cx, "the axes 0 to %d, each once", rank - 1)};
        return cuv_fail(ev->cx, CUV_ARGUMENT, "map.axes", &detail, "%s: %s has %d axes, and transpose() must name each once",
                        spelling, base->label, rank);
    }
    CUV_TRY(cuv_tensor_transpose(ev->arena, base->tensor, perm, &turned));
    CUV_TRY(cuv_evidence_name(ev, turned, spelling, base->file));
    *out = cuv_evidence_name_of(ev, turned);
    return CUV_OK;
}

cuv_status cuv_evidence_turned(struct cuv_evidence *ev, const char *spelling, const cuv_named **out, const cuv_named **base)
{
    const char *call = strstr(spelling, ".transpose(");
    size_t size = call ? (size_t)(call - spelling) : cuv_ends_with(spelling, ".T") ? strlen(spelling) - 2 : 0;
    size_t mark = cuv_findings_mark(ev->cx);
    *out = *base = NULL;
    cuv_status status = cuv_evidence_tensor(ev, spelling, base);    /* a key may end so, too */
    *out = *base;
    if (status != CUV_NO || !size)
        return status;
    cuv_findings_rewind(ev->cx, mark);
    char *name = cuv_arena_strndup(ev->arena, spelling, size);
    if (!name)
        return cuv_oom(ev->cx);
    CUV_TRY(cuv_evidence_tensor(ev, name, base));
    return turn(ev, spelling, *base, call ? call + strlen(".transpose(") : NULL, out);
}

/* ---- files that a file names ---- */

const char *cuv_any_path_name(const char *name)
{
    const char *last = name;
    for (const char *p = name; *p; p++)
        if (*p == '/' || *p == '\\')
            last = p + 1;
    return last;
}

static cuv_file *given_file(struct cuv_evidence *ev, const cuv_file *from, const char *name)
{
    const char *last = cuv_any_path_name(name);
    for (size_t i = 0; i < ev->file_count; i++)
        if (ev->files[i] != from && *last && cuv_streq(ev->files[i]->name, last))
            return ev->files[i];
    return NULL;
}

static bool leaves_folder(const char *name)
{
    if (!*name || *name == '/' || *name == '\\' || (name[1] == ':' && (name[2] == '\\' || name[2] == '/')))
        return true;
    for (const char *part = name; *part;) {
        size_t size = strcspn(part, "/\\");
        if (size == 2 && part[0] == '.' && part[1] == '.')
            return true;
        part += size + (part[size] ? 1 : 0);
    }
    return false;
}

static cuv_status refuse(struct cuv_evidence *ev, const cuv_file *from, const char *name, const char *where)
{
    cuv_detail detail = {.file = where ? where : from->path,
                         .help = "give the file on the command line; one of the same name stands in for it"};
    return cuv_fail(ev->cx, CUV_UNSAFE, "file.outside", &detail,
                    "%s names '%s', which lies outside its folder and is not read", from->name, name);
}

static cuv_status missing(struct cuv_evidence *ev, const cuv_file *from, const char *name, const char *where,
                          const char *id)
{
    cuv_detail detail = {.file = where ? where : from->path,
                         .help = "put it there, or give it on the command line: one of the same name stands in for it"};
    return cuv_fail(ev->cx, CUV_NO, id, &detail, "%s names '%s', which is not among the files given nor beside it",
                    from->name, name);
}

/* Whether `path` with all links resolved lies inside `folder`: 1 yes, 0 no, -1 there is no such file. */
static int inside(const char *folder, const char *path)
{
    char *real_folder = realpath(*folder ? folder : ".", NULL), *real_path = realpath(path, NULL);
    int answer = real_folder && real_path ? 0 : -1;
    if (answer == 0) {
        size_t size = strlen(real_folder);
        bool top = size == 1;
        answer = !strncmp(real_folder, real_path, size) && (top || real_path[size] == '/');
    }
    free(real_folder);
    free(real_path);
    return answer;
}

cuv_status cuv_neighbour_path(struct cuv_evidence *ev, const cuv_file *from, const char *name, const char *where,
                              const char *id, const char **out)
{
    *out = NULL;
    if (cuv_streq(from->path, "-"))
        return missing(ev, from, name, where, id);
    if (leaves_folder(name))
        return refuse(ev, from, name, where);
    char *folder = cuv_path_folder(ev->arena, from->path);
    char *path = folder ? cuv_arena_printf(ev->arena, "%s%s", folder, name) : NULL;
    if (!path)
        return cuv_oom(ev->cx);
    for (char *p = path + strlen(folder); *p; p++)
        if (*p == '\\')
            *p = '/';
    struct stat info;
    int where_it_is = inside(folder, path);
    if (where_it_is == 0)
        return refuse(ev, from, name, where);
    if (where_it_is < 0 || stat(path, &info) != 0)
        return missing(ev, from, name, where, id);
    if (!S_ISREG(info.st_mode) && !S_ISDIR(info.st_mode))
        return refuse(ev, from, name, where);
    *out = path;
    return CUV_OK;
}

cuv_status cuv_neighbour(struct cuv_evidence *ev, const cuv_file *from, const char *name, const char *where,
                         const char *id, cuv_file **out)
{
    const char *path = NULL;
    *out = given_file(ev, from, name);
    if (*out)
        return CUV_OK;
    CUV_TRY(cuv_neighbour_path(ev, from, name, where, id, &path));
    size_t before = ev->file_count;
    CUV_TRY(cuv_evidence_open(ev, path, out));
    if (ev->file_count > before)
        (*out)->named_by_script = true;
    return CUV_OK;
}

cuv_status cuv_evidence_find(struct cuv_evidence *ev, const cuv_file *script, const char *name, const char *where,
                             cuv_file **out)
{
    bool before = ev->for_code;
    ev->for_code = true;
    cuv_status status = cuv_neighbour(ev, script, name, where, "script.file", out);
    ev->for_code = before;
    return status;
}
