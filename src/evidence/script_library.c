/* What scripts use of Python's library around a model: files, JSON, pickles, paths, mathematics. */
#include "evidence/script.h"

#include <math.h>

typedef cuv_status answer(cuv_sc *e, const char *name, const cuv_sargs *args, cuv_sv **out);

/* ---- files ---- */

static bool writes(const cuv_sv *mode)
{
    return mode && mode->kind == CUV_SV_TEXT && strpbrk(mode->text, "wax+");
}

/* A file whose name is not known cannot be read; one that is written holds nothing the model needs. */
static cuv_status open_file(cuv_sc *e, const char *name, const cuv_sargs *args, cuv_sv **out)
{
    (void)name;
    cuv_sv *path = cuv_sc_arg(args, 0, "file"), *mode = cuv_sc_arg(args, 1, "mode");
    path = path ? path : cuv_sc_arg(args, args->count, "name");
    path = path ? path : cuv_sc_arg(args, args->count, "filename");
    if (path && path->kind == CUV_SV_FILE) {
        *out = path;
        return CUV_OK;
    }
    if (!path || path->kind != CUV_SV_TEXT)
        return cuv_sv_unknown(e, out, "a file whose name is not known");
    CUV_TRY(cuv_sv_make(e, CUV_SV_FILE, out));
    (*out)->text = path->text;
    (*out)->node = args->node;
    (*out)->truth = writes(mode);
    e->skip = e->skip || (*out)->truth;
    return CUV_OK;
}

/* The file behind an open file or a name, found on first use. */
static cuv_status found_file(cuv_sc *e, cuv_sv *v, const cuv_py *node, cuv_file **out)
{
    if (!v->file || v->kind == CUV_SV_TEXT)
        CUV_TRY(cuv_sc_find(e, node, v->text, out));
    else
        *out = v->file;
    if (v->kind == CUV_SV_FILE)
        v->file = *out;
    return CUV_OK;
}

static cuv_status read_text(cuv_sc *e, cuv_sv *self, const cuv_py *node, cuv_sv **out)
{
    cuv_file *file = NULL;
    CUV_TRY(found_file(e, self, node, &file));
    CUV_TRY(cuv_sv_make(e, CUV_SV_TEXT, out));
    (*out)->text = (const char *)file->source.data;
    (*out)->size = file->source.size;
    (*out)->file = file;
    return CUV_OK;
}

cuv_status cuv_sc_text_lines(cuv_sc *e, const cuv_sv *text, bool newlines, cuv_sv **out)
{
    CUV_TRY(cuv_sv_make(e, CUV_SV_LIST, out));
    for (size_t at = 0; at < text->size;) {
        const char *start = text->text + at, *end = memchr(start, '\n', text->size - at);
        size_t size = end ? (size_t)(end - start) : text->size - at;
        bool windows = end && size && start[size - 1] == '\r';
        cuv_sv *line = NULL;
        char *copy = cuv_arena_alloc(e->arena, size + 1);
        if (!copy)
            return cuv_oom(e->cx);
        memcpy(copy, start, size);
        size_t kept = size - windows;
        if (newlines && end)
            copy[kept++] = '\n';
        CUV_TRY(cuv_sv_text(e, copy, kept, &line));
        CUV_TRY(cuv_sv_add(e, *out, line));
        at += size + (end != NULL);
    }
    return CUV_OK;
}

/* A file is read once: what comes later finds its end. */
cuv_status cuv_sc_file_lines(cuv_sc *e, cuv_sv *self, cuv_sv **out)
{
    cuv_sv *text = NULL, none = {.kind = CUV_SV_TEXT, .text = ""};
    CUV_TRY(read_text(e, self, self->node, &text));
    CUV_TRY(cuv_sc_text_lines(e, self->unsure ? &none : text, true, out));
    self->unsure = true;
    return CUV_OK;
}

static cuv_status csv_rows(cuv_sc *e, const char *name, const cuv_sargs *args, cuv_sv **out)
{
    const cuv_sv *delimiter = cuv_sc_arg(args, args->count, "delimiter");
    cuv_sv *lines = NULL, *cells = NULL, *cell = NULL;
    const char *comma = delimiter && delimiter->kind == CUV_SV_TEXT && delimiter->size == 1 ? delimiter->text : ",";
    bool known = args->count == 1 && args->named == (delimiter != NULL) && (!delimiter || comma == delimiter->text);
    if (known)
        CUV_TRY(cuv_sv_iterate(e, args->items[0], &lines, &known));
    for (size_t i = 0; known && i < lines->count; i++)
        known = lines->items[i]->kind == CUV_SV_TEXT && !memchr(lines->items[i]->text, '"', lines->items[i]->size);
    if (!known)
        return cuv_sv_unknown(e, out, "the result of %s", name);
    CUV_TRY(cuv_sv_make(e, CUV_SV_LIST, out));
    for (size_t i = 0; i < lines->count; i++) {
        const char *at = lines->items[i]->text;
        size_t left = lines->items[i]->size;
        left -= left && at[left - 1] == '\n';
        CUV_TRY(cuv_sv_make(e, CUV_SV_LIST, &cells));
        CUV_TRY(cuv_sv_add(e, *out, cells));
        for (bool more = left > 0; more;) {
            const char *end = memchr(at, *comma, left);
            size_t size = end ? (size_t)(end - at) : left;
            CUV_TRY(cuv_sv_text(e, at, size, &cell));
            CUV_TRY(cuv_sv_add(e, cells, cell));
            more = end != NULL;
            at += size + more;
            left -= size + more;
        }
    }
    return CUV_OK;
}

static cuv_status default_dict(cuv_sc *e, const char *name, const cuv_sargs *args, cuv_sv **out)
{
    (void)name;
    cuv_sargs rest = *args;
    rest.items += args->count > 0;
    rest.count -= args->count > 0;
    CUV_TRY(cuv_sc_builtin(e, "dict", &rest, out));
    if ((*out)->kind == CUV_SV_DICT && args->count && args->items[0]->kind != CUV_SV_NONE)
        (*out)->self = args->items[0];
    return CUV_OK;
}

cuv_status cuv_sc_file_method(cuv_sc *e, cuv_sv *self, const char *name, const cuv_sargs *args, cuv_sv **out)
{
    if (cuv_streq(name, "open"))
        return open_file(e, name, &(cuv_sargs){&self, 1, args->names, args->values, args->named, args->node}, out);
    if (cuv_streq(name, "exists") || cuv_streq(name, "is_file"))
        return cuv_sc_library(e, "os.path.exists", &(cuv_sargs){&self, 1, NULL, NULL, 0, args->node}, out);
    if (self->kind == CUV_SV_FILE && self->truth) {
        e->skip = true;
        return cuv_sv_unknown(e, out, "what a file is given");
    }
    if (cuv_streq(name, "readlines"))
        return cuv_sc_file_lines(e, self, out);
    if (cuv_starts_with(name, "read_") || cuv_streq(name, "read"))
        return read_text(e, self, args->node, out);
    if (cuv_streq(name, "__enter__")) {
        *out = self;
        return CUV_OK;
    }
    if (cuv_streq(name, "close")) {
        *out = e->none;
        return CUV_OK;
    }
    return cuv_sv_unknown(e, out, "what '%s' of a file gives", name);
}

/* object_hook: what it makes of each dictionary, the inner ones first. */
static cuv_status hooked(cuv_sc *e, cuv_sv *hook, const cuv_py *node, unsigned depth, cuv_sv **v)
{
    if (!hook || hook->kind == CUV_SV_NONE || depth > 64)
        return CUV_OK;
    CUV_TRY(cuv_sc_step(e, 1));
    for (size_t i = 0; (*v)->kind >= CUV_SV_LIST && (*v)->kind <= CUV_SV_DICT && i < (*v)->count; i++)
        CUV_TRY(hooked(e, hook, node, depth + 1, (*v)->kind == CUV_SV_DICT ? &(*v)->values[i] : &(*v)->items[i]));
    return (*v)->kind == CUV_SV_DICT ? cuv_sc_call(e, hook, &(cuv_sargs){v, 1, NULL, NULL, 0, node}, v) : CUV_OK;
}

static cuv_status load_values(cuv_sc *e, const char *name, const cuv_sargs *args, cuv_sv **out)
{
    cuv_sv *from = cuv_sc_arg(args, 0, "file");
    cuv_file *file = NULL;
    from = from ? from : cuv_sc_arg(args, 0, "fp");
    from = from ? from : cuv_sc_arg(args, 0, "filename");
    if (!from || (from->kind != CUV_SV_FILE && from->kind != CUV_SV_TEXT))
        return cuv_sc_foreign(e, name, args, out);
    CUV_TRY(found_file(e, from, args->node, &file));
    if (!file->root)
        return cuv_sc_unsupported(e, args->node, NULL, "%s cannot read %s: that is of another kind (%s)", name, file->name,
                                  file->kind ? file->kind : "another form");
    CUV_TRY(cuv_sv_from_value(e, file->root, 0, out));
    (*out)->file = file;
    (*out)->label = file->name;
    return hooked(e, cuv_sc_arg(args, args->count, "object_hook"), args->node, 0, out);
}

static cuv_status open_h5(cuv_sc *e, const char *name, const cuv_sargs *args, cuv_sv **out)
{
    cuv_sv *path = cuv_sc_arg(args, 0, "name"), *mode = cuv_sc_arg(args, 1, "mode");
    cuv_file *file = NULL;
    if (!path || path->kind != CUV_SV_TEXT || (mode && !cuv_sv_is(mode, "r")))
        return cuv_sc_foreign(e, name, args, out);
    CUV_TRY(found_file(e, path, args->node, &file));
    return cuv_sc_h5_file(e, file, out);
}

static cuv_status parse_json(cuv_sc *e, const char *name, const cuv_sargs *args, cuv_sv **out)
{
    cuv_sv *from = cuv_sc_arg(args, 0, "s");
    cuv_value *value = NULL;
    cuv_blob *blob = NULL;
    if (!from || from->kind != CUV_SV_TEXT)
        return cuv_sc_foreign(e, name, args, out);
    if (from->file && from->file->root && from->file->format == CUV_FORMAT_JSON) {
        CUV_TRY(cuv_sv_from_value(e, from->file->root, 0, out));
        (*out)->file = from->file;
        return CUV_OK;
    }
    CUV_TRY(cuv_blob_copy(e->cx, from->text, from->size, &blob));
    cuv_source src = {.blob = blob, .data = blob->data, .size = blob->size, .name = cuv_sc_format(e, "%s: its JSON text", cuv_sc_where(e, args->node))};
    cuv_status status = cuv_json_parse(e->arena, &src, &value);
    cuv_blob_release(blob);
    CUV_TRY(status);
    return cuv_sv_from_value(e, value, 0, out);
}

static cuv_status write_json(cuv_sc *e, const char *name, const cuv_sargs *args, cuv_sv **out)
{
    cuv_sv *v = cuv_sc_arg(args, 0, "obj");
    cuv_value *value = NULL;
    cuv_buffer b;
    if (!v || cuv_sv_unknown_in(v) || v->kind > CUV_SV_DICT)
        return cuv_sv_unknown(e, out, "the result of %s", name);
    CUV_TRY(cuv_sv_to_value(e, v, "the value", 0, &value));
    cuv_buffer_init(&b, e->cx);
    cuv_json_write(&b, value, 0);
    cuv_status status = b.failed ? cuv_oom(e->cx) : cuv_sv_text(e, b.data, b.size, out);
    cuv_buffer_free(&b);
    return status;
}

/* ---- paths ---- */

static cuv_status join_path(cuv_sc *e, const char *name, const cuv_sargs *args, cuv_sv **out)
{
    (void)name;
    for (size_t i = 0; i < args->count; i++)
        if (args->items[i]->kind != CUV_SV_TEXT) {
            if (i + 1 == args->count || args->items[args->count - 1]->kind != CUV_SV_TEXT)
                return cuv_sv_unknown(e, out, "a path made of %s", cuv_sv_describe(e, args->items[i]));
            *out = args->items[args->count - 1];        /* somewhere not known: the name itself is what is looked for */
            return CUV_OK;
        }
    *out = args->items[0];
    for (size_t i = 1; i < args->count; i++)
        CUV_TRY(cuv_sc_operate(e, args->node, '/', *out, args->items[i], out));
    return CUV_OK;
}

/* Whether a file is there, without complaint when it is not. */
static cuv_status exists(cuv_sc *e, const char *name, const cuv_sargs *args, cuv_sv **out)
{
    (void)name;
    cuv_sv *path = cuv_sc_arg(args, 0, "path");
    cuv_file *file = NULL;
    if (!path || path->kind != CUV_SV_TEXT)
        return cuv_sv_unknown(e, out, "whether a file exists");
    size_t mark = cuv_findings_mark(e->cx);
    cuv_status status = cuv_evidence_find(e->ev, e->file, path->text, cuv_sc_where(e, args->node), &file);
    if (status == CUV_MEMORY || status == CUV_TIMEOUT)
        return status;
    cuv_findings_rewind(e->cx, mark);
    *out = cuv_sv_bool(e, status == CUV_OK);
    return CUV_OK;
}

static cuv_status base_name(cuv_sc *e, const char *name, const cuv_sargs *args, cuv_sv **out)
{
    cuv_sv *path = cuv_sc_arg(args, 0, NULL);
    if (!path || path->kind != CUV_SV_TEXT)
        return cuv_sv_unknown(e, out, "a path");
    if (cuv_ends_with(name, "dirname"))
        return cuv_sv_word(e, ".", out);
    if (!cuv_ends_with(name, "basename")) {         /* abspath, expanduser, Path, str */
        *out = path;
        return CUV_OK;
    }
    return cuv_sv_word(e, cuv_path_name(path->text), out);
}

static cuv_status split_extension(cuv_sc *e, const char *name, const cuv_sargs *args, cuv_sv **out)
{
    cuv_sv *path = cuv_sc_arg(args, 0, "p"), *part = NULL;
    if (!path || path->kind != CUV_SV_TEXT)
        return cuv_sv_unknown(e, out, "the result of %s", name);
    const char *last = cuv_path_name(path->text), *dot = strrchr(last, '.');
    size_t size = dot && dot != last ? (size_t)(dot - path->text) : path->size;
    CUV_TRY(cuv_sv_make(e, CUV_SV_TUPLE, out));
    CUV_TRY(cuv_sv_text(e, path->text, size, &part));
    CUV_TRY(cuv_sv_add(e, *out, part));
    CUV_TRY(cuv_sv_text(e, path->text + size, path->size - size, &part));
    return cuv_sv_add(e, *out, part);
}

static cuv_status here(cuv_sc *e, const char *name, const cuv_sargs *args, cuv_sv **out)
{
    (void)name;
    (void)args;
    return cuv_sv_word(e, ".", out);
}

/* ---- the rest ---- */

static cuv_status function(cuv_sc *e, const char *name, const cuv_sargs *args, cuv_sv **out)
{
    static const struct { const char *name; double (*f)(double); } table[] = {
        {"sqrt", sqrt}, {"exp", exp}, {"log", log}, {"log2", log2}, {"log10", log10}, {"floor", floor}, {"ceil", ceil}, {"sin", sin},
        {"cos", cos}, {"tan", tan}, {"tanh", tanh}, {"fabs", fabs}};
    double x = 0;
    for (size_t i = 0; i < sizeof table / sizeof *table; i++) {
        if (!cuv_streq(table[i].name, cuv_sc_last(name)) || args->count != 1 || !cuv_sv_as_real(args->items[0], &x))
            continue;
        double y = table[i].f(x);
        bool whole = (cuv_streq(table[i].name, "floor") || cuv_streq(table[i].name, "ceil")) && cuv_starts_with(name, "math.");
        return whole && fabs(y) < 9e18 ? cuv_sv_int(e, (int64_t)y, out) : cuv_sv_real(e, y, out);
    }
    if (cuv_ends_with(name, ".pow") && args->count == 2)
        return cuv_sc_operate(e, args->node, CUV_PY_POW, args->items[0], args->items[1], out);
    if (cuv_ends_with(name, ".prod") && args->count == 1) {
        cuv_sv *list = NULL;
        bool known = true;
        CUV_TRY(cuv_sv_iterate(e, args->items[0], &list, &known));
        if (known)
            CUV_TRY(cuv_sv_int(e, 1, out));
        for (size_t i = 0; known && i < list->count; i++)
            CUV_TRY(cuv_sc_operate(e, args->node, '*', *out, list->items[i], out));
        return CUV_OK;
    }
    return CUV_OK;
}

static cuv_status make_partial(cuv_sc *e, const char *name, const cuv_sargs *args, cuv_sv **out)
{
    cuv_sv *first = NULL, *names = NULL;
    (void)name;
    if (args->count == 0)
        return CUV_OK;
    CUV_TRY(cuv_sv_make(e, CUV_SV_PARTIAL, out));
    CUV_TRY(cuv_sv_make(e, CUV_SV_TUPLE, &first));
    CUV_TRY(cuv_sv_make(e, CUV_SV_DICT, &names));
    for (size_t i = 1; i < args->count; i++)
        CUV_TRY(cuv_sv_add(e, first, args->items[i]));
    for (size_t i = 0; i < args->named; i++)
        CUV_TRY(cuv_sv_put_word(e, names, args->names[i], args->values[i]));
    (*out)->self = args->items[0];
    CUV_TRY(cuv_sv_add(e, *out, first));
    return cuv_sv_add(e, *out, names);
}

static cuv_status copied(cuv_sc *e, const char *name, const cuv_sargs *args, cuv_sv **out)
{
    cuv_sv *v = cuv_sc_arg(args, 0, NULL);
    (void)name;
    if (v && (v->kind == CUV_SV_LIST || v->kind == CUV_SV_DICT)) {
        cuv_sv *method = NULL;
        CUV_TRY(cuv_sv_method(e, v, "copy", &method));
        return cuv_sc_call(e, method, &(cuv_sargs){.node = args->node}, out);
    }
    if (v && v->kind != CUV_SV_LAYER)
        *out = v;
    return CUV_OK;
}

static cuv_status first_dict(cuv_sc *e, const char *name, const cuv_sargs *args, cuv_sv **out)
{
    (void)name;
    return cuv_sc_builtin(e, "dict", args, out);
}

static cuv_status progress(cuv_sc *e, const char *name, const cuv_sargs *args, cuv_sv **out)
{
    cuv_sv *v = cuv_sc_arg(args, 0, "iterable");
    (void)name;
    *out = v ? v : e->none;
    return CUV_OK;
}

static cuv_status parser(cuv_sc *e, const char *name, const cuv_sargs *args, cuv_sv **out)
{
    (void)name;
    (void)args;
    return cuv_sc_parser(e, out);
}

static cuv_status reduce(cuv_sc *e, const char *name, const cuv_sargs *args, cuv_sv **out)
{
    cuv_sv *over = cuv_sc_arg(args, 1, NULL), *list = NULL;
    bool known = over != NULL;
    if (known)
        CUV_TRY(cuv_sv_iterate(e, over, &list, &known));
    if (!known || args->count < 2 || (args->count < 3 && list->count == 0))
        return cuv_sc_foreign(e, name, args, out);
    *out = args->count > 2 ? args->items[2] : list->items[0];
    for (size_t i = args->count > 2 ? 0 : 1; i < list->count; i++) {
        cuv_sv *both[] = {*out, list->items[i]};
        CUV_TRY(cuv_sc_call(e, args->items[0], &(cuv_sargs){both, 2, NULL, NULL, 0, args->node}, out));
    }
    return CUV_OK;
}

static cuv_status chain(cuv_sc *e, const char *name, const cuv_sargs *args, cuv_sv **out)
{
    cuv_sv *list = NULL, *made = NULL;
    bool known = true;
    CUV_TRY(cuv_sv_make(e, CUV_SV_LIST, &made));
    for (size_t i = 0; i < args->count; i++) {
        CUV_TRY(cuv_sv_iterate(e, args->items[i], &list, &known));
        if (!known)
            return cuv_sv_unknown(e, out, "the result of %s", name);
        for (size_t k = 0; k < list->count; k++)
            CUV_TRY(cuv_sv_add(e, made, list->items[k]));
    }
    *out = made;
    return CUV_OK;
}

/* chain.from_iterable([[a, b], [c]]): a, b, c. */
static cuv_status chain_of(cuv_sc *e, const char *name, const cuv_sargs *args, cuv_sv **out)
{
    cuv_sv *lists = NULL;
    bool known = args->count == 1 && !args->named;
    if (known)
        CUV_TRY(cuv_sv_iterate(e, args->items[0], &lists, &known));
    if (!known)
        return cuv_sv_unknown(e, out, "the result of %s", name);
    return chain(e, name, &(cuv_sargs){lists->items, lists->count, NULL, NULL, 0, args->node}, out);
}

/* islice(iterator, n) takes n off the iterator's front. */
static cuv_status islice(cuv_sc *e, const char *name, const cuv_sargs *args, cuv_sv **out)
{
    int64_t n = 0;
    if (args->count != 2 || args->items[0]->kind != CUV_SV_LIST || !cuv_sv_as_int(args->items[1], &n))
        return cuv_sv_unknown(e, out, "the result of %s", name);
    CUV_TRY(cuv_sv_make(e, CUV_SV_LIST, out));
    for (; n > 0 && args->items[0]->count > 0; n--) {
        cuv_sv *item = NULL;
        CUV_TRY(cuv_sc_builtin(e, "next", &(cuv_sargs){args->items, 1, NULL, NULL, 0, args->node}, &item));
        CUV_TRY(cuv_sv_add(e, *out, item));
    }
    return CUV_OK;
}

static cuv_status exits(cuv_sc *e, const char *name, const cuv_sargs *args, cuv_sv **out)
{
    (void)name;
    return cuv_sc_builtin(e, "exit", args, out);
}

static cuv_status namespace_(cuv_sc *e, const char *name, const cuv_sargs *args, cuv_sv **out)
{
    (void)name;
    CUV_TRY(cuv_sv_make(e, CUV_SV_INSTANCE, out));
    CUV_TRY(cuv_sc_scope(e, NULL, &(*out)->scope));
    for (size_t i = 0; i < args->named; i++)
        CUV_TRY(cuv_map_set((*out)->scope->names, args->names[i], args->values[i]));
    return CUV_OK;
}

/* import_module('tensorflow.keras'): what an import of it binds. */
static cuv_status import_module(cuv_sc *e, const char *name, const cuv_sargs *args, cuv_sv **out)
{
    const cuv_sv *what = cuv_sc_arg(args, 0, "name");
    if (!what || what->kind != CUV_SV_TEXT || args->count != 1)
        return cuv_sv_unknown(e, out, "the result of %s", name);
    return cuv_sc_module(e, what->text, out);
}

static cuv_status named_tuple(cuv_sc *e, const char *name, const cuv_sargs *args, cuv_sv **out)
{
    (void)name;
    return cuv_sc_named_tuple(e, args, out);
}

/* field() of dataclasses: what it says of the default. */
static cuv_status field(cuv_sc *e, const char *name, const cuv_sargs *args, cuv_sv **out)
{
    (void)name;
    CUV_TRY(cuv_sv_make(e, CUV_SV_OBJECT, out));
    (*out)->text = "field";
    for (size_t i = 0; i < args->named; i++)
        CUV_TRY(cuv_sv_put_word(e, *out, args->names[i], args->values[i]));
    return CUV_OK;
}

static cuv_status list_folder(cuv_sc *e, const char *name, const cuv_sargs *args, cuv_sv **out)
{
    (void)name;
    return cuv_sc_list_folder(e, args, out);
}

static cuv_status glob(cuv_sc *e, const char *name, const cuv_sargs *args, cuv_sv **out)
{
    if (args->count != 1 || args->named)
        return cuv_sv_unknown(e, out, "the result of %s", name);
    return cuv_sc_glob(e, NULL, args->items[0], out);
}

/* load_file of safetensors, safe_open: the tensors by their names. */
static cuv_status named_tensors(cuv_sc *e, const char *name, const cuv_sargs *args, cuv_sv **out)
{
    cuv_sv *path = cuv_sc_arg(args, 0, "filename"), *array = NULL;
    cuv_file *file = NULL;
    if (!path || path->kind != CUV_SV_TEXT)
        return cuv_sc_foreign(e, name, args, out);
    CUV_TRY(found_file(e, path, args->node, &file));
    if (file->format != CUV_FORMAT_SAFETENSORS)
        return cuv_sc_unsupported(e, args->node, NULL, "%s cannot read %s: that is of another kind (%s)", name, file->name,
                                  file->kind ? file->kind : "another form");
    CUV_TRY(cuv_sv_make(e, CUV_SV_DICT, out));
    (*out)->label = file->name;
    for (size_t i = 0; i < file->group_count; i++)
        for (size_t k = 0; k < file->groups[i].count; k++) {
            const cuv_named *t = &file->groups[i].tensors[k];
            CUV_TRY(cuv_sv_array(e, t->tensor, t->label, &array));
            CUV_TRY(cuv_sv_put_word(e, *out, t->key, array));
        }
    return CUV_OK;
}

/* itemgetter(1), itemgetter(0, 2), attrgetter('name'): called with what they take from. */
static cuv_status getter(cuv_sc *e, const char *name, const cuv_sargs *args, cuv_sv **out)
{
    CUV_TRY(cuv_sv_make(e, CUV_SV_OBJECT, out));
    (*out)->text = cuv_arena_strdup(e->arena, name);
    (*out)->items = args->items;
    (*out)->count = args->count;
    (*out)->values = args->items;
    return (*out)->text ? CUV_OK : cuv_oom(e->cx);
}

cuv_status cuv_sc_getter_call(cuv_sc *e, const cuv_sv *self, const cuv_sargs *args, cuv_sv **out)
{
    cuv_sv *tuple = NULL;
    *out = NULL;
    if (!cuv_starts_with(self->text, "operator.") || args->count != 1)
        return CUV_OK;
    CUV_TRY(cuv_sv_make(e, CUV_SV_TUPLE, &tuple));
    for (size_t i = 0; i < self->count; i++) {
        cuv_sv *one = NULL;
        if (cuv_ends_with(self->text, "itemgetter"))
            CUV_TRY(cuv_sc_subscript(e, args->node, args->items[0], self->items[i], &one));
        else if (self->items[i]->kind == CUV_SV_TEXT && !strchr(self->items[i]->text, '.'))
            CUV_TRY(cuv_sc_attribute(e, args->node, args->items[0], self->items[i]->text, &one));
        else
            return CUV_OK;
        CUV_TRY(cuv_sv_add(e, tuple, one));
    }
    *out = tuple->count == 1 ? tuple->items[0] : tuple;
    return CUV_OK;
}

/* groupby(items, key): lists of neighbours, each under its key. */
static cuv_status group_by(cuv_sc *e, const char *name, const cuv_sargs *args, cuv_sv **out)
{
    cuv_sv *over = cuv_sc_arg(args, 0, "iterable"), *key = cuv_sc_arg(args, 1, "key"), *list = NULL, *group = NULL, *last = NULL;
    bool known = over != NULL;
    if (known)
        CUV_TRY(cuv_sv_iterate(e, over, &list, &known));
    CUV_TRY(cuv_sv_make(e, CUV_SV_LIST, out));
    for (size_t i = 0; known && i < list->count; i++) {
        cuv_sv *k = list->items[i], *pair = NULL;
        if (key && key->kind != CUV_SV_NONE)
            CUV_TRY(cuv_sc_call(e, key, &(cuv_sargs){&list->items[i], 1, NULL, NULL, 0, args->node}, &k));
        known = !cuv_sv_unknown_in(k);
        if (!last || !cuv_sv_equal(last, k)) {
            CUV_TRY(cuv_sv_make(e, CUV_SV_TUPLE, &pair));
            CUV_TRY(cuv_sv_make(e, CUV_SV_LIST, &group));
            CUV_TRY(cuv_sv_add(e, pair, k));
            CUV_TRY(cuv_sv_add(e, pair, group));
            CUV_TRY(cuv_sv_add(e, *out, pair));
        }
        CUV_TRY(cuv_sv_add(e, group, list->items[i]));
        last = k;
    }
    return known ? CUV_OK : cuv_sv_unknown(e, out, "the result of %s", name);
}

static const struct { const char *name; answer *answer; } table[] = {
    {"safetensors.numpy.load_file", named_tensors}, {"safetensors.safe_open", named_tensors}, {"safetensors.tensorflow.load_file", named_tensors},
    {"operator.itemgetter", getter}, {"operator.attrgetter", getter}, {"itertools.groupby", group_by},
    {"os.listdir", list_folder}, {"glob.glob", glob}, {"glob.iglob", glob},
    {"importlib.import_module", import_module}, {"csv.reader", csv_rows}, {"collections.defaultdict", default_dict}, {"collections.namedtuple", named_tuple}, {"dataclasses.field", field},
    {"io.open", open_file}, {"codecs.open", open_file}, {"gzip.open", open_file}, {"gzip.GzipFile", open_file},
    {"json.load", load_values}, {"json.loads", parse_json}, {"json.dumps", write_json}, {"ujson.load", load_values},
    {"h5py.File", open_h5}, {"pickle.load", load_values}, {"pandas.read_pickle", load_values}, {"joblib.load", load_values}, {"sklearn.externals.joblib.load", load_values},
    {"cloudpickle.load", load_values}, {"dill.load", load_values}, {"yaml.safe_load", load_values}, {"yaml.load", load_values},
    {"os.path.join", join_path}, {"posixpath.join", join_path}, {"os.path.exists", exists}, {"os.path.isfile", exists},
    {"os.path.basename", base_name}, {"os.path.dirname", base_name}, {"os.path.abspath", base_name}, {"os.path.realpath", base_name},
    {"os.path.splitext", split_extension}, {"os.path.expanduser", base_name}, {"os.path.normpath", base_name}, {"pathlib.Path", base_name}, {"pathlib.PurePath", base_name},
    {"os.getcwd", here}, {"pathlib.Path.cwd", here}, {"functools.partial", make_partial}, {"functools.reduce", reduce}, {"itertools.chain", chain}, {"itertools.chain.from_iterable", chain_of},
    {"itertools.islice", islice}, {"argparse.ArgumentParser", parser}, {"copy.deepcopy", copied}, {"copy.copy", copied},
    {"collections.OrderedDict", first_dict}, {"tqdm.tqdm", progress}, {"tqdm", progress}, {"tqdm.auto.tqdm", progress},
    {"tqdm.notebook.tqdm", progress}, {"sys.exit", exits}, {"os._exit", exits}, {"types.SimpleNamespace", namespace_},
    {"argparse.Namespace", namespace_},
};

cuv_status cuv_sc_library(cuv_sc *e, const char *name, const cuv_sargs *args, cuv_sv **out)
{
    for (size_t i = 0; i < sizeof table / sizeof *table; i++)
        if (cuv_streq(table[i].name, name))
            return table[i].answer(e, name, args, out);
    if (cuv_starts_with(name, "re."))
        return cuv_sc_regex(e, name, args, out);
    if (cuv_starts_with(name, "math."))
        return function(e, name, args, out);
    return CUV_OK;
}
