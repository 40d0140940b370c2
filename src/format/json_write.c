/* Values to JSON text, character by character what Python's json.dumps writes, so that files can be compared.
 * Tensors and bytes are no part of JSON: they make the buffer fail. */
#include "format/format.h"

#include <math.h>

enum { DEEPEST = 1000 };

static void add_value(cuv_buffer *b, const cuv_value *v, int indent, int depth);

static void add_real(cuv_buffer *b, double real)
{
    if (isnan(real))
        cuv_buffer_text(b, "NaN");
    else if (isinf(real))
        cuv_buffer_text(b, real > 0 ? "Infinity" : "-Infinity");
    else
        cuv_buffer_double(b, real);
}

static void add_break(cuv_buffer *b, int indent, int depth)
{
    if (indent <= 0)
        return;
    cuv_buffer_char(b, '\n');
    for (int i = 0; i < indent * depth; i++)
        cuv_buffer_char(b, ' ');
}

static void add_list(cuv_buffer *b, const cuv_value *v, int indent, int depth)
{
    cuv_buffer_char(b, '[');
    for (size_t i = 0; i < v->size && !b->failed; i++) {
        if (i > 0)
            cuv_buffer_text(b, indent > 0 ? "," : ", ");
        add_break(b, indent, depth + 1);
        add_value(b, v->items[i], indent, depth + 1);
    }
    if (v->size > 0)
        add_break(b, indent, depth);
    cuv_buffer_char(b, ']');
}

/* Keys are texts in JSON; Python writes numbers and constants among them as such. */
static void add_key(cuv_buffer *b, const cuv_value *key)
{
    if (key->kind == CUV_TEXT) {
        cuv_buffer_json_string(b, key->text, key->size);
        return;
    }
    if (key->kind > CUV_REAL) {
        b->failed = true;
        return;
    }
    cuv_buffer_char(b, '"');
    add_value(b, key, 0, 0);
    cuv_buffer_char(b, '"');
}

static void add_dict(cuv_buffer *b, const cuv_value *v, int indent, int depth)
{
    cuv_buffer_char(b, '{');
    for (size_t i = 0; i < v->size && !b->failed; i++) {
        if (i > 0)
            cuv_buffer_text(b, indent > 0 ? "," : ", ");
        add_break(b, indent, depth + 1);
        add_key(b, v->pairs[i].key);
        cuv_buffer_text(b, ": ");
        add_value(b, v->pairs[i].value, indent, depth + 1);
    }
    if (v->size > 0)
        add_break(b, indent, depth);
    cuv_buffer_char(b, '}');
}

static void add_value(cuv_buffer *b, const cuv_value *v, int indent, int depth)
{
    if (depth > DEEPEST) {
        b->failed = true;
        return;
    }
    switch (v->kind) {
    case CUV_NULL: cuv_buffer_text(b, "null"); return;
    case CUV_TRUTH: cuv_buffer_text(b, v->truth ? "true" : "false"); return;
    case CUV_INTEGER: cuv_buffer_printf(b, "%lld", (long long)v->integer); return;
    case CUV_REAL: add_real(b, v->real); return;
    case CUV_TEXT: cuv_buffer_json_string(b, v->text, v->size); return;
    case CUV_LIST:
    case CUV_TUPLE: add_list(b, v, indent, depth); return;
    case CUV_DICT: add_dict(b, v, indent, depth); return;
    case CUV_BYTES:
    case CUV_TENSOR: break;
    }
    b->failed = true;
}

void cuv_json_write(cuv_buffer *b, const cuv_value *v, int indent)
{
    add_value(b, v, indent, 0);
}
