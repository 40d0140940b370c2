/* What changed between two models, for people and as the document of cli.md. */
#include "emit/emit.h"


static void string(cuv_buffer *b, const char *text)
{
    if (text)
        cuv_buffer_json_string(b, text, strlen(text));
    else
        cuv_buffer_text(b, "null");
}

static void row_json(const cuv_change *c, cuv_buffer *b)
{
    cuv_buffer_text(b, "{\"layer\": ");
    string(b, c->layer);
    cuv_buffer_text(b, c->kind == CUV_CHANGE_WEIGHT ? ", \"tensor\": " : c->kind == CUV_CHANGE_CONFIG ? ", \"field\": " : ", \"what\": ");
    string(b, c->field);
    if (c->kind == CUV_CHANGE_WEIGHT) {
        cuv_buffer_text(b, ", \"max_abs\": ");
        cuv_emit_number(b, c->max_abs);
        cuv_buffer_text(b, ", \"relative_norm\": ");
        cuv_emit_number(b, c->relative_norm);
    }
    if (c->kind != CUV_CHANGE_WEIGHT || c->a || c->b) {
        cuv_buffer_text(b, ", \"a\": ");
        string(b, c->a);
        cuv_buffer_text(b, ", \"b\": ");
        string(b, c->b);
    }
    cuv_buffer_char(b, '}');
}

static void rows_json(const cuv_diff *d, cuv_change_kind kind, const char *key, cuv_buffer *b)
{
    bool first = true;
    cuv_buffer_printf(b, ",\n \"%s\": [", key);
    for (size_t i = 0; i < d->change_count; i++)
        if (d->changes[i].kind == kind) {
            cuv_buffer_text(b, first ? "\n  " : ",\n  ");
            row_json(&d->changes[i], b);
            first = false;
        }
    cuv_buffer_char(b, ']');
}

static void outputs_json(const cuv_verification *v, cuv_buffer *b)
{
    cuv_buffer_char(b, '[');
    for (size_t i = 0; i < v->count; i++) {
        cuv_buffer_text(b, i ? ", {\"name\": " : "{\"name\": ");
        string(b, v->outputs[i].name);
        cuv_buffer_text(b, ", \"max_abs\": ");
        cuv_emit_number(b, v->outputs[i].max_abs);
        cuv_buffer_text(b, ", \"max_rel\": ");
        cuv_emit_number(b, v->outputs[i].max_rel);
        cuv_buffer_printf(b, ", \"ok\": %s}", v->outputs[i].ok ? "true" : "false");
    }
    cuv_buffer_char(b, ']');
}

void cuv_emit_diff_json(const cuv_diff *d, cuv_buffer *b)
{
    cuv_buffer_printf(b, "{\"cuvier\": \"%s\", \"same\": %s", cuv_version(), d->same ? "true" : "false");
    rows_json(d, CUV_CHANGE_STRUCTURE, "structure", b);
    rows_json(d, CUV_CHANGE_CONFIG, "config", b);
    rows_json(d, CUV_CHANGE_WEIGHT, "weights", b);
    cuv_buffer_text(b, ",\n \"outputs\": ");
    if (d->outputs)
        outputs_json(d->outputs, b);
    else
        cuv_buffer_text(b, "null");
    cuv_buffer_text(b, ", \"outputs_why\": ");
    string(b, d->why_not);
    cuv_buffer_text(b, ", \"parts_at\": ");
    if (d->parts_at) {
        cuv_buffer_text(b, "{\"layer\": ");
        string(b, d->parts_at);
        cuv_buffer_text(b, ", \"max_abs\": ");
        cuv_emit_number(b, d->parts_by);
        cuv_buffer_char(b, '}');
    } else {
        cuv_buffer_text(b, "null");
    }
    cuv_buffer_text(b, "}\n");
}

/* ---- for people */

static void safe(cuv_buffer *b, const char *text)
{
    cuv_buffer_safe(b, text, strlen(text));
}

static void row(const cuv_change *c, cuv_buffer *b)
{
    cuv_buffer_text(b, "  ");
    if (c->layer) {
        safe(b, c->layer);
        cuv_buffer_text(b, " ");
    }
    if (c->kind == CUV_CHANGE_WEIGHT && !c->a && !c->b) {
        cuv_buffer_printf(b, "%s: differs by up to %.3g, %.3g of its norm\n", c->field, c->max_abs, c->relative_norm);
        return;
    }
    bool whole = c->kind == CUV_CHANGE_STRUCTURE && (!c->a || !c->b) && cuv_streq(c->field, "layer");
    if (whole) {
        cuv_buffer_printf(b, "(%s) is in the %s model only\n", c->a ? c->a : c->b, c->a ? "first" : "second");
        return;
    }
    cuv_buffer_printf(b, "%s: %s  →  %s\n", c->field, c->a ? c->a : "nothing", c->b ? c->b : "nothing");
}

static void rows(const cuv_diff *d, cuv_change_kind kind, const char *title, cuv_buffer *b)
{
    size_t n = 0;
    for (size_t i = 0; i < d->change_count; i++)
        if (d->changes[i].kind == kind) {
            if (!n++)
                cuv_buffer_printf(b, "%s\n", title);
            row(&d->changes[i], b);
        }
}

void cuv_emit_diff(const cuv_diff *d, cuv_buffer *b)
{
    rows(d, CUV_CHANGE_STRUCTURE, "structure", b);
    rows(d, CUV_CHANGE_CONFIG, "configuration", b);
    rows(d, CUV_CHANGE_WEIGHT, "weights", b);
    cuv_buffer_text(b, "outputs\n");
    if (!d->outputs)
        cuv_buffer_printf(b, "  not compared: %s\n", d->why_not);
    for (size_t i = 0; d->outputs && i < d->outputs->count; i++) {
        const struct cuv_verified *v = &d->outputs->outputs[i];
        cuv_buffer_text(b, "  ");
        safe(b, v->name);
        cuv_buffer_printf(b, ": %s, by up to %.3g on random inputs\n", v->ok ? "the same" : "differs", v->max_abs);
    }
    if (d->parts_at) {
        cuv_buffer_text(b, "  they part at ");
        safe(b, d->parts_at);
        cuv_buffer_printf(b, ", by up to %.3g\n", d->parts_by);
    }
    cuv_buffer_text(b, d->same ? "the models are the same\n" : "the models differ\n");
}
