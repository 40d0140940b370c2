/* Classes and functions in a file's configuration that are none of Keras's (cuvier inspect): where they stand, with what arguments, what
 * weights the files hold for them, and how code can stand in for them. */
#include "emit/emit.h"

typedef struct writer {
    const struct cuv_evidence *ev;
    cuv_buffer *b;
    size_t count, tensors;
} writer;

static const char *name_of(const cuv_value *record)
{
    const char *name = cuv_get_text(record, "name");
    name = name ? name : cuv_get_text(cuv_get(record, "config"), "name");
    return name ? name : cuv_get_text(record, "class_name");
}

static void write_all(const struct cuv_evidence *ev, const cuv_file *f, cuv_buffer *b, cuv_class_visit *visit)
{
    writer w = {.ev = ev, .b = b};
    cuv_arena *scratch = cuv_arena_new(ev->cx);
    if (!scratch || cuv_classes_each(scratch, f->config, visit, &w) != CUV_OK)
        b->failed = true;
    cuv_arena_free(scratch);
}

/* ---- for people */

static void safe(cuv_buffer *b, const char *text)
{
    cuv_buffer_safe(b, text, strlen(text));
}

static void tensor_line(void *to, const cuv_named *n)
{
    writer *w = to;
    cuv_buffer_text(w->b, w->tensors++ ? "\n                   " : "\n                 holds ");
    safe(w->b, n->label);
    cuv_buffer_printf(w->b, "  %s %s", cuv_dtype_name(n->tensor->dtype), cuv_shape_text(w->ev->cx, n->tensor->shape, n->tensor->rank));
}

static void origin(cuv_buffer *b, const cuv_value *record)
{
    const char *module = cuv_get_text(record, "module"), *registered = cuv_get_text(record, "registered_name");
    if (module) {
        cuv_buffer_text(b, " of the module ");
        safe(b, module);
    }
    if (registered) {
        cuv_buffer_text(b, ", registered as ");
        safe(b, registered);
    }
}

/* Activations are computed, so code can stand in for them; the others say nothing of the computation. */
static void function_lines(writer *w, const cuv_value *record)
{
    const cuv_value *config = cuv_get(record, "config");
    for (size_t i = 0; config && config->kind == CUV_DICT && i < config->size; i++) {
        const char *argument = cuv_text(config->pairs[i].key), *name;
        const cuv_value *value = config->pairs[i].value, *own = cuv_get(value, "config");
        const char *kind = argument ? cuv_foreign_argument(argument, value, &name) : NULL;
        if (!kind)
            continue;
        cuv_buffer_printf(w->b, "  foreign %s  ", kind);
        safe(w->b, name_of(record));
        cuv_buffer_printf(w->b, ".%s: ", argument);
        safe(w->b, name ? name : "?");
        origin(w->b, value);
        if (own && own->kind == CUV_DICT)
            cuv_buffer_printf(w->b, "\n                 arguments: %s", cuv_argument_names(w->ev->cx, own));
        if (strcmp(kind, "activation") == 0) {
            cuv_buffer_text(w->b, "\n                 code can stand in for it: --custom ");
            safe(w->b, cuv_plain_name(name ? name : "?"));
            cuv_buffer_text(w->b, "=CODE.py\n");
        } else
            cuv_buffer_text(w->b, "\n                 it does not count once the weights are there\n");
    }
}

static void foreign_lines(void *to, const cuv_value *record, const cuv_standing *place)
{
    writer *w = to;
    function_lines(w, record);
    if (!cuv_class_is_foreign(record))
        return;
    cuv_buffer_text(w->b, "  foreign class  ");
    safe(w->b, name_of(record));
    cuv_buffer_text(w->b, ": ");
    safe(w->b, cuv_get_text(record, "class_name"));
    origin(w->b, record);
    cuv_buffer_text(w->b, "\n                 arguments: ");
    cuv_buffer_text(w->b, cuv_argument_names(w->ev->cx, cuv_get(record, "config")));
    w->tensors = 0;
    cuv_held_each(w->ev, place, tensor_line, w);
    cuv_buffer_text(w->b, "\n                 code can stand in for it: --custom ");
    safe(w->b, cuv_plain_name(cuv_get_text(record, "class_name")));
    cuv_buffer_text(w->b, "=CODE.py\n");
}

void cuv_emit_foreign(const struct cuv_evidence *ev, const cuv_file *f, cuv_buffer *b)
{
    write_all(ev, f, b, foreign_lines);
}

/* ---- JSON */

static void text(cuv_buffer *b, const char *s)
{
    if (s)
        cuv_buffer_json_string(b, s, strlen(s));
    else
        cuv_buffer_text(b, "null");
}

static void tensor_json(void *to, const cuv_named *n)
{
    writer *w = to;
    cuv_buffer_text(w->b, w->tensors++ ? ", {\"name\": " : "{\"name\": ");
    text(w->b, n->label);
    cuv_buffer_printf(w->b, ", \"dtype\": \"%s\", \"shape\": [", cuv_dtype_name(n->tensor->dtype));
    for (int i = 0; i < n->tensor->rank; i++)
        cuv_buffer_printf(w->b, "%s%lld", i ? ", " : "", (long long)n->tensor->shape[i]);
    cuv_buffer_text(w->b, "]}");
}

/* All but the weights. `what` describes the class or function. */
static void head_json(writer *w, const cuv_value *layer, const char *argument, const char *name, const cuv_value *what)
{
    cuv_buffer_text(w->b, w->count++ ? ",\n   {\"layer\": " : "\n   {\"layer\": ");
    text(w->b, name_of(layer));
    cuv_buffer_text(w->b, ", \"argument\": ");
    text(w->b, argument);
    cuv_buffer_text(w->b, ", \"class_name\": ");
    text(w->b, name);
    cuv_buffer_text(w->b, ", \"module\": ");
    text(w->b, cuv_get_text(what, "module"));
    cuv_buffer_text(w->b, ", \"registered_name\": ");
    text(w->b, cuv_get_text(what, "registered_name"));
    cuv_buffer_text(w->b, ", \"config\": ");
    if (cuv_get(what, "config"))
        cuv_json_write(w->b, cuv_get(what, "config"), 0);
    else
        cuv_buffer_text(w->b, "null");
    cuv_buffer_text(w->b, ", \"weights\": [");
}

static void functions_json(writer *w, const cuv_value *record)
{
    const cuv_value *config = cuv_get(record, "config");
    for (size_t i = 0; config && config->kind == CUV_DICT && i < config->size; i++) {
        const char *argument = cuv_text(config->pairs[i].key), *name;
        if (!argument || !cuv_foreign_argument(argument, config->pairs[i].value, &name))
            continue;
        head_json(w, record, argument, name, config->pairs[i].value);
        cuv_buffer_text(w->b, "]}");
    }
}

static void foreign_json(void *to, const cuv_value *record, const cuv_standing *place)
{
    writer *w = to;
    functions_json(w, record);
    if (!cuv_class_is_foreign(record))
        return;
    head_json(w, record, NULL, cuv_get_text(record, "class_name"), record);
    w->tensors = 0;
    cuv_held_each(w->ev, place, tensor_json, w);
    cuv_buffer_text(w->b, "]}");
}

void cuv_emit_foreign_json(const struct cuv_evidence *ev, const cuv_file *f, cuv_buffer *b)
{
    write_all(ev, f, b, foreign_json);
}
