/* What the files of the evidence hold (cuvier inspect). */
#include "emit/emit.h"

static void text(cuv_buffer *b, const char *s)
{
    if (s)
        cuv_buffer_json_string(b, s, strlen(s));
    else
        cuv_buffer_text(b, "null");
}

/* ---- JSON */

static void tensor_json(const cuv_named *n, cuv_buffer *b)
{
    const cuv_tensor *t = n->tensor;
    cuv_buffer_text(b, "{\"name\": ");
    text(b, n->key);
    cuv_buffer_printf(b, ", \"dtype\": \"%s\", \"shape\": [", cuv_dtype_name(t->dtype));
    for (int i = 0; i < t->rank; i++)
        cuv_buffer_printf(b, "%s%lld", i ? ", " : "", (long long)t->shape[i]);
    cuv_buffer_text(b, "], \"offset\": ");
    if (t->offset == UINT64_MAX)
        cuv_buffer_text(b, "null");
    else
        cuv_buffer_printf(b, "%llu", (unsigned long long)t->offset);
    cuv_buffer_printf(b, ", \"bytes\": %zu}", cuv_tensor_bytes(t));
}

static const char *group_name(const cuv_group *g)
{
    return g->name ? g->name : g->path;
}

static void layers_json(const cuv_file *f, cuv_buffer *b)
{
    const cuv_value *config = cuv_get(f->config, "config");
    const cuv_value *layers = cuv_is_seq(config) ? config : cuv_get(config, "layers");
    bool first = true;
    for (size_t i = 0; i < cuv_len(layers); i++) {
        const cuv_value *record = cuv_item(layers, i);
        const char *name = cuv_get_text(record, "name");
        name = name ? name : cuv_get_text(cuv_get(record, "config"), "name");
        cuv_buffer_text(b, first ? "" : ", ");
        text(b, name);
        first = false;
    }
    for (size_t i = 0; !layers && i < f->group_count; i++)
        if (group_name(&f->groups[i])) {
            cuv_buffer_text(b, first ? "" : ", ");
            text(b, group_name(&f->groups[i]));
            first = false;
        }
}

static void dangers_json(const cuv_file *f, cuv_buffer *b)
{
    static const char *const severities[] = {"note", "warning", "error"};
    for (size_t i = 0; i < f->danger_count; i++) {
        const cuv_danger *d = &f->dangers[i];
        cuv_buffer_printf(b, "%s{\"severity\": \"%s\", \"code\": ", i ? ", " : "", severities[d->severity]);
        text(b, d->code);
        cuv_buffer_text(b, ", \"where\": ");
        text(b, d->where);
        cuv_buffer_text(b, ", \"what\": ");
        text(b, d->what);
        cuv_buffer_char(b, '}');
    }
}

/* One numeric array is shown as the file has it, though its rows may be bound as arrays of their own. */
static cuv_named whole_array(const cuv_file *f)
{
    bool whole = f->collapsed && f->root && f->root->kind == CUV_TENSOR;
    return (cuv_named){.tensor = whole ? f->root->tensor : NULL, .key = f->name, .label = f->name};
}

static void file_json(const struct cuv_evidence *ev, const cuv_file *f, cuv_buffer *b)
{
    cuv_buffer_text(b, "{\"path\": ");
    text(b, f->path);
    cuv_buffer_text(b, ", \"format\": ");
    text(b, f->kind);
    cuv_buffer_text(b, ", \"keras_version\": ");
    text(b, f->keras_version);
    cuv_buffer_text(b, ", \"backend\": ");
    text(b, f->backend);
    cuv_buffer_text(b, ", \"written_by\": ");
    text(b, f->written_by);
    cuv_buffer_text(b, ",\n  \"config\": ");
    if (f->config)
        cuv_json_write(b, f->config, 0);
    else
        cuv_buffer_text(b, "null");
    cuv_buffer_text(b, ",\n  \"tensors\": [");
    bool first = true;
    cuv_named whole = whole_array(f);
    if (whole.tensor)
        tensor_json(&whole, b);
    for (size_t g = 0; g < f->group_count && !whole.tensor; g++)
        for (size_t i = 0; i < f->groups[g].count; i++) {
            cuv_buffer_text(b, first ? "\n   " : ",\n   ");
            tensor_json(&f->groups[g].tensors[i], b);
            first = false;
        }
    cuv_buffer_text(b, "],\n  \"layers\": [");
    layers_json(f, b);
    cuv_buffer_text(b, "], \"foreign\": [");
    cuv_emit_foreign_json(ev, f, b);
    cuv_buffer_text(b, "], \"dangers\": [");
    dangers_json(f, b);
    cuv_buffer_text(b, "]}");
}

void cuv_emit_evidence_json(const struct cuv_evidence *ev, cuv_buffer *b)
{
    cuv_buffer_printf(b, "{\"cuvier\": \"%s\", \"files\": [", cuv_version());
    for (size_t i = 0; i < ev->file_count; i++) {
        cuv_buffer_text(b, i ? ",\n " : "\n ");
        file_json(ev, ev->files[i], b);
    }
    cuv_buffer_text(b, "]}\n");
}

/* ---- for people */

static size_t tensor_count(const cuv_file *f, size_t *bytes)
{
    size_t n = 0;
    *bytes = 0;
    if (whole_array(f).tensor) {
        *bytes = cuv_tensor_bytes(f->root->tensor);
        return 1;
    }
    for (size_t g = 0; g < f->group_count; g++)
        for (size_t i = 0; i < f->groups[g].count; i++, n++)
            *bytes += cuv_tensor_bytes(f->groups[g].tensors[i].tensor);
    return n;
}

static void config_line(const cuv_file *f, cuv_buffer *b)
{
    const cuv_value *config = cuv_get(f->config, "config");
    const cuv_value *layers = cuv_is_seq(config) ? config : cuv_get(config, "layers");
    const char *class_name = cuv_get_text(f->config, "class_name"), *name = cuv_get_text(config, "name");
    cuv_buffer_printf(b, "  configuration  %s", class_name ? class_name : "?");
    if (name) {
        cuv_buffer_char(b, ' ');
        cuv_buffer_safe(b, name, strlen(name));
    }
    cuv_buffer_printf(b, ", %zu layers\n", cuv_len(layers));
}

static void script_lines(const cuv_script *s, cuv_buffer *b)
{
    for (size_t i = 0; i < s->assignment_count; i++)
        cuv_buffer_printf(b, "  sets weights   %s: %zu arrays into %s\n", s->assignments[i].where, s->assignments[i].count,
                          s->assignments[i].layer ? s->assignments[i].layer : "the whole model");
    for (size_t i = 0; i < s->weight_file_count; i++)
        cuv_buffer_printf(b, "  loads weights  %s: %s%s\n", s->weight_files[i].where, s->weight_files[i].file->name,
                          s->weight_files[i].by_name ? ", by name" : "");
    for (size_t i = 0; i < s->skipped_count; i++)
        cuv_buffer_printf(b, "  skipped        %s\n", s->skipped[i]);
}

static void tensor_line(cuv_context *cx, const cuv_named *n, cuv_buffer *b)
{
    cuv_buffer_text(b, "    ");
    cuv_buffer_safe(b, n->key, strlen(n->key));
    cuv_buffer_printf(b, "  %s %s\n", cuv_dtype_name(n->tensor->dtype),
                      cuv_shape_text(cx, n->tensor->shape, n->tensor->rank));
}

static void tensor_lines(cuv_context *cx, const cuv_file *f, cuv_buffer *b)
{
    cuv_named whole = whole_array(f);
    if (whole.tensor)
        tensor_line(cx, &whole, b);
    for (size_t g = 0; g < f->group_count && !whole.tensor; g++)
        for (size_t i = 0; i < f->groups[g].count; i++)
            tensor_line(cx, &f->groups[g].tensors[i], b);
}

void cuv_emit_evidence(const struct cuv_evidence *ev, cuv_buffer *b)
{
    for (size_t i = 0; i < ev->file_count; i++) {
        const cuv_file *f = ev->files[i];
        size_t bytes, n = tensor_count(f, &bytes);
        cuv_buffer_printf(b, "%s%s\n  format         %s\n", i ? "\n" : "", f->path, f->kind ? f->kind : "?");
        if (f->written_by)
            cuv_buffer_printf(b, "  written by     %s\n", f->written_by);
        if (f->config)
            config_line(f, b);
        cuv_emit_foreign(ev, f, b);
        if (f->script)
            script_lines(f->script, b);
        if (n) {
            cuv_buffer_printf(b, "  tensors        %zu, %zu bytes\n", n, bytes);
            tensor_lines(ev->cx, f, b);
        }
        for (size_t k = 0; k < f->danger_count; k++)
            cuv_buffer_printf(b, "  danger         %s: %s (%s)\n", f->dangers[k].where ? f->dangers[k].where : "",
                              f->dangers[k].what, f->dangers[k].code);
    }
}
