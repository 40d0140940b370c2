/* --custom NAME=CODE.py: which code stands in for which class, and what files hold for a class that nobody knows. */
#include "evidence/read.h"
#include "format/python.h"

/* ---- the option ---- */

static cuv_status wrong_form(cuv_evidence *ev, const char *text)
{
    return cuv_fail(ev->cx, CUV_ARGUMENT, "custom.form", &(cuv_detail){.expected = "NAME=CODE.py", .found = text,
                    .help = "NAME is the class as the file names it, or the name of one layer"},
                    "--custom %s is not of the form NAME=CODE.py",
                    text);
}

static cuv_status read_code(cuv_evidence *ev, const char *path, cuv_custom *out)
{
    CUV_TRY(cuv_file_load(ev, path, &out->file));
    if (out->file->format != CUV_FORMAT_PYTHON)
        return cuv_fail(ev->cx, CUV_ARGUMENT, "custom.code", &(cuv_detail){.file = path, .expected = "Keras code", .found = out->file->kind,
                        .help = "the code builds a model of Keras's layers, or defines a function that returns one"},
                        "--custom %s: %s is no Keras code", out->name, out->file->name);
    return cuv_python_parse(ev->arena, &out->file->source, &out->module);
}

cuv_status cuv_evidence_custom(cuv_evidence *ev, const char *text)
{
    const char *equals = strchr(text, '=');
    if (!equals || equals == text || !equals[1])
        return wrong_form(ev, text);
    cuv_custom *customs = CUV_NEW_ARRAY(ev->arena, cuv_custom, ev->custom_count + 1);
    char *name = cuv_arena_strndup(ev->arena, text, (size_t)(equals - text));
    if (!customs || !name)
        return cuv_oom(ev->cx);
    for (size_t i = 0; i < ev->custom_count; i++)
        if (cuv_streq(ev->customs[i].name, name))
            return cuv_fail(ev->cx, CUV_ARGUMENT, "custom.twice", &(cuv_detail){.found = name}, "--custom %s is given twice", name);
    cuv_start_clock(ev->cx);
    if (ev->custom_count)
        memcpy(customs, ev->customs, ev->custom_count * sizeof *customs);
    customs[ev->custom_count].name = name;
    CUV_TRY(read_code(ev, equals + 1, &customs[ev->custom_count]));
    ev->customs = customs;
    ev->custom_count++;
    return CUV_OK;
}

/* ---- which code ---- */

/* "MyLayer", "package>MyLayer", or "module.MyLayer". */
static bool names_class(const char *name, const cuv_value *record)
{
    const char *class_name = cuv_get_text(record, "class_name"), *module = cuv_get_text(record, "module");
    const char *package = class_name ? strchr(class_name, '>') : NULL;      /* "package>MyLayer" in the files of Keras 2 */
    size_t n = module ? strlen(module) : 0;
    return cuv_streq(name, class_name) || (package && cuv_streq(name, package + 1)) ||
           cuv_streq(name, cuv_get_text(record, "registered_name")) ||
           (n && !strncmp(name, module, n) && name[n] == '.' && cuv_streq(name + n + 1, class_name));
}

cuv_custom *cuv_custom_for(const struct cuv_evidence *ev, const cuv_value *record, const char *layer)
{
    for (size_t i = 0; ev && i < ev->custom_count; i++)
        if (cuv_streq(ev->customs[i].name, layer))
            return &ev->customs[i];
    for (size_t i = 0; ev && i < ev->custom_count; i++)
        if (names_class(ev->customs[i].name, record))
            return &ev->customs[i];
    return NULL;
}

/* ---- what files hold ---- */

static bool below(const char *path, const char *parent)
{
    size_t n = strlen(parent);
    return !strncmp(path, parent, n) && (!path[n] || path[n] == '/');
}

/* One of the names in "a/b/c" is `name`. */
static bool has_part(const char *path, const char *name)
{
    size_t n = strlen(name);
    for (const char *p = path; p && *p; p += strcspn(p, "/"), p += *p == '/')
        if (strcspn(p, "/:") == n && !strncmp(p, name, n))
            return true;
    return false;
}

/* Paths of objects: since Keras 3.6 with the layer's name, before that with its class and a number only. */
static void visit_objects(const cuv_file *f, const char *layer, const char *numbered, cuv_held_visit *visit, void *to)
{
    const char *place = NULL;
    bool names = false;
    for (size_t i = 0; i < f->group_count; i++) {
        names |= f->groups[i].name != NULL;
        if (!place && f->groups[i].path && cuv_streq(f->groups[i].name, layer))
            place = f->groups[i].path;
    }
    for (size_t i = 0; i < f->group_count; i++) {
        const char *path = f->groups[i].path;
        if (path && (place ? below(path, place) : !names && numbered && has_part(path, numbered)))
            for (size_t k = 0; k < f->groups[i].count; k++)
                visit(to, &f->groups[i].tensors[k]);
    }
}

static void visit_named(const cuv_file *f, const char *layer, cuv_held_visit *visit, void *to)
{
    for (size_t i = 0; i < f->group_count; i++)
        for (size_t k = 0; k < f->groups[i].count; k++)
            if (cuv_streq(f->groups[i].name, layer) || has_part(f->groups[i].tensors[k].key, layer))
                visit(to, &f->groups[i].tensors[k]);
}

void cuv_held_each(const struct cuv_evidence *ev, const char *layer, const char *class_name, size_t before, cuv_held_visit *visit,
                   void *to)
{
    char *stem = ev && class_name ? cuv_snake_case(ev->arena, class_name) : NULL;
    stem = stem && before ? cuv_arena_printf(ev->arena, "%s_%zu", stem, before) : stem;
    for (size_t i = 0; ev && layer && i < ev->file_count; i++) {
        const cuv_file *f = ev->files[i];
        if (f->arrangement == CUV_ARR_OBJECTS)
            visit_objects(f, layer, stem, visit, to);
        else
            visit_named(f, layer, visit, to);
    }
}

typedef struct held { cuv_context *cx; const char *text; size_t count; } held;

static void add_text(void *to, const cuv_named *n)
{
    enum { MOST = 24 };
    held *h = to;
    if (++h->count <= MOST)
        h->text = cuv_format(h->cx, "%s\n  %s %s %s", h->text, n->label, cuv_shape_text(h->cx, n->tensor->shape, n->tensor->rank),
                             cuv_dtype_name(n->tensor->dtype));
    else if (h->count == MOST + 1)
        h->text = cuv_format(h->cx, "%s\n  ...", h->text);
}

const char *cuv_held_text(const struct cuv_evidence *ev, const char *layer, const char *class_name, size_t before)
{
    held h = {.cx = ev ? ev->cx : NULL, .text = ""};
    cuv_held_each(ev, layer, class_name, before, add_text, &h);
    return h.count ? cuv_format(h.cx, "its weights, %zu:%s", h.count, h.text) : NULL;
}
