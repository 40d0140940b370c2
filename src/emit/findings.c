/* Findings as people and as programs read them. */
#include "emit/emit.h"

static void indented(cuv_buffer *b, const char *lines)
{
    while (*lines) {
        size_t n = strcspn(lines, "\n");
        cuv_buffer_text(b, "  ");
        cuv_buffer_add(b, lines, n);
        cuv_buffer_char(b, '\n');
        lines += n + (lines[n] == '\n');
    }
}

/* A name from a file could bring line breaks, and with them lines of its own. */
static void one_line(cuv_buffer *b, const char *text)
{
    for (; *text; text++)
        if (*text == '\n')
            cuv_buffer_text(b, "\\n");
        else
            cuv_buffer_char(b, *text);
    cuv_buffer_char(b, '\n');
}

void cuv_emit_findings(cuv_context *cx, bool color, cuv_buffer *b)
{
    static const char *const words[] = {"note", "warning", "error"};
    static const char *const colors[] = {"\033[36m", "\033[33m", "\033[1;31m"};
    for (size_t i = 0; i < cuv_finding_count(cx); i++) {
        const cuv_finding *f = cuv_finding_at(cx, i);
        cuv_buffer_printf(b, "%s%s:%s ", color ? colors[f->severity] : "", words[f->severity], color ? "\033[0m" : "");
        one_line(b, f->message);
        if (f->notes)
            indented(b, f->notes);
        if (f->help)
            cuv_buffer_printf(b, "  help: %s\n", f->help);
    }
}

static void field(cuv_buffer *b, const char *name, const char *value)
{
    cuv_buffer_printf(b, ", \"%s\": ", name);
    if (value)
        cuv_buffer_json_string(b, value, strlen(value));
    else
        cuv_buffer_text(b, "null");
}

static void one(cuv_buffer *b, const cuv_finding *f)
{
    static const char *const severities[] = {"note", "warning", "error"};
    cuv_buffer_printf(b, "{\"code\": \"%s\", \"severity\": \"%s\"", f->id, severities[f->severity]);
    field(b, "message", f->message);
    field(b, "file", f->file);
    field(b, "layer", f->layer);
    field(b, "tensor", f->tensor);
    field(b, "expected", f->expected);
    field(b, "found", f->found);
    field(b, "notes", f->notes);
    field(b, "help", f->help);
    cuv_buffer_char(b, '}');
}

void cuv_emit_error_json(cuv_context *cx, cuv_buffer *b)
{
    const cuv_finding *error = NULL;
    for (size_t i = 0; !error && i < cuv_finding_count(cx); i++)
        if (cuv_finding_at(cx, i)->severity == CUV_ERROR)
            error = cuv_finding_at(cx, i);
    if (error) {
        cuv_buffer_text(b, ", \"error\": ");
        one(b, error);
    }
    cuv_buffer_text(b, ", \"findings\": [");
    for (size_t i = 0; i < cuv_finding_count(cx); i++) {
        cuv_buffer_text(b, i ? ", " : "");
        one(b, cuv_finding_at(cx, i));
    }
    cuv_buffer_char(b, ']');
}
