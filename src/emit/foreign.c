/* Classes in a file's configuration that are none of Keras's (cuvier inspect): where they stand, with what arguments, what weights the
 * files hold for them, and how code can stand in for them. */
#include "emit/emit.h"

typedef void visitor(void *to, const cuv_value *record);

enum { DEEP = 40 };

static void walk(const cuv_value *v, unsigned depth, visitor *visit, void *to);

/* A record of a layer, and the records in its arguments. */
static void walk_record(const cuv_value *record, unsigned depth, visitor *visit, void *to)
{
    const cuv_value *config = cuv_get(record, "config");
    static const char *const inner[] = {"layer", "forward_layer", "backward_layer", "cell", "cells", "layers"};
    if (!depth || !cuv_get_text(record, "class_name"))
        return;
    visit(to, record);
    for (size_t i = 0; i < sizeof inner / sizeof *inner; i++)
        walk(cuv_get(config, inner[i]), depth - 1, visit, to);
    if (cuv_is_seq(config))     /* Sequentials of Keras 1 */
        walk(config, depth - 1, visit, to);
}

static void walk(const cuv_value *v, unsigned depth, visitor *visit, void *to)
{
    if (v && v->kind == CUV_DICT)
        walk_record(v, depth, visit, to);
    for (size_t i = 0; cuv_is_seq(v) && i < cuv_len(v); i++)
        walk_record(cuv_item(v, i), depth, visit, to);
}

typedef struct writer {
    const struct cuv_evidence *ev;
    cuv_arena *scratch;
    cuv_map *seen;              /* by class: how many were there, as a pointer */
    cuv_buffer *b;
    size_t count, tensors;
} writer;

static const char *name_of(const cuv_value *record)
{
    const char *name = cuv_get_text(record, "name");
    name = name ? name : cuv_get_text(cuv_get(record, "config"), "name");
    return name ? name : cuv_get_text(record, "class_name");
}

static const char *plain_class(const cuv_value *record)
{
    const char *class_name = cuv_get_text(record, "class_name"), *package = strchr(class_name, '>');
    return package ? package + 1 : class_name;
}

static void visit_weights(writer *w, const cuv_value *record, cuv_held_visit *visit)
{
    const char *class_name = plain_class(record);
    uintptr_t before = (uintptr_t)cuv_map_get(w->seen, class_name);
    w->tensors = 0;
    cuv_held_each(w->ev, name_of(record), class_name, before, visit, w);
    if (cuv_map_set(w->seen, class_name, (void *)(before + 1)) != CUV_OK)
        w->b->failed = true;
}

static void write_all(const struct cuv_evidence *ev, const cuv_file *f, cuv_buffer *b, visitor *visit)
{
    writer w = {.ev = ev, .b = b, .scratch = cuv_arena_new(ev->cx)};
    w.seen = w.scratch ? cuv_map_new(w.scratch) : NULL;
    if (w.seen)
        walk(f->config, DEEP, visit, &w);
    else
        b->failed = true;
    cuv_arena_free(w.scratch);
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

static void foreign_lines(void *to, const cuv_value *record)
{
    writer *w = to;
    const char *module = cuv_get_text(record, "module"), *registered = cuv_get_text(record, "registered_name");
    if (!cuv_class_is_foreign(record))
        return;
    cuv_buffer_text(w->b, "  foreign class  ");
    safe(w->b, name_of(record));
    cuv_buffer_text(w->b, ": ");
    safe(w->b, cuv_get_text(record, "class_name"));
    if (module) {
        cuv_buffer_text(w->b, " of the module ");
        safe(w->b, module);
    }
    if (registered) {
        cuv_buffer_text(w->b, ", registered as ");
        safe(w->b, registered);
    }
    cuv_buffer_text(w->b, "\n                 arguments: ");
    cuv_buffer_text(w->b, cuv_argument_names(w->ev->cx, cuv_get(record, "config")));
    visit_weights(w, record, tensor_line);
    cuv_buffer_text(w->b, "\n                 code can stand in for it: --custom ");
    safe(w->b, plain_class(record));
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

static void foreign_json(void *to, const cuv_value *record)
{
    writer *w = to;
    if (!cuv_class_is_foreign(record))
        return;
    cuv_buffer_text(w->b, w->count++ ? ",\n   {\"layer\": " : "\n   {\"layer\": ");
    text(w->b, name_of(record));
    cuv_buffer_text(w->b, ", \"class_name\": ");
    text(w->b, cuv_get_text(record, "class_name"));
    cuv_buffer_text(w->b, ", \"module\": ");
    text(w->b, cuv_get_text(record, "module"));
    cuv_buffer_text(w->b, ", \"registered_name\": ");
    text(w->b, cuv_get_text(record, "registered_name"));
    cuv_buffer_text(w->b, ", \"config\": ");
    if (cuv_get(record, "config"))
        cuv_json_write(w->b, cuv_get(record, "config"), 0);
    else
        cuv_buffer_text(w->b, "null");
    cuv_buffer_text(w->b, ", \"weights\": [");
    visit_weights(w, record, tensor_json);
    cuv_buffer_text(w->b, "]}");
}

void cuv_emit_foreign_json(const struct cuv_evidence *ev, const cuv_file *f, cuv_buffer *b)
{
    write_all(ev, f, b, foreign_json);
}
