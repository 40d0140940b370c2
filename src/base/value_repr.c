/* Values as Python prints them, for messages. Long and deep ones are cut; nothing here is parsed again. */
#include "base/text.h"

enum { LONGEST = 240, DEEPEST = 8 };

static void add_value(cuv_buffer *b, const cuv_value *v, int depth);

static bool is_full(const cuv_buffer *b)
{
    return b->failed || b->size > LONGEST;
}

static void add_text(cuv_buffer *b, const cuv_value *v)
{
    bool has_single = memchr(v->text, '\'', v->size) != NULL, has_double = memchr(v->text, '"', v->size) != NULL;
    size_t size = v->size < LONGEST ? v->size : LONGEST;
    while (size < v->size && size > LONGEST - 4 && ((unsigned char)v->text[size] & 0xc0) == 0x80)
        size--; /* not within a character */
    cuv_buffer_quoted(b, v->text, size, has_single && !has_double ? '"' : '\'');
}

static void add_bytes(cuv_buffer *b, const cuv_value *v)
{
    cuv_buffer_text(b, "b'");
    for (size_t i = 0; i < v->size && !is_full(b); i++) {
        unsigned char c = (unsigned char)v->text[i];
        if (c == '\\' || c == '\'')
            cuv_buffer_printf(b, "\\%c", c);
        else if (c >= 0x20 && c < 0x7f)
            cuv_buffer_char(b, (char)c);
        else
            cuv_buffer_printf(b, "\\x%02x", c);
    }
    cuv_buffer_char(b, '\'');
}

static void add_items(cuv_buffer *b, const cuv_value *v, int depth)
{
    bool is_list = v->kind == CUV_LIST;
    cuv_buffer_char(b, is_list ? '[' : '(');
    for (size_t i = 0; i < v->size && !is_full(b); i++) {
        cuv_buffer_text(b, i > 0 ? ", " : "");
        add_value(b, v->items[i], depth - 1);
    }
    cuv_buffer_text(b, is_list ? "]" : v->size == 1 ? ",)" : ")");
}

static void add_pairs(cuv_buffer *b, const cuv_value *v, int depth)
{
    cuv_buffer_char(b, '{');
    for (size_t i = 0; i < v->size && !is_full(b); i++) {
        cuv_buffer_text(b, i > 0 ? ", " : "");
        add_value(b, v->pairs[i].key, depth - 1);
        cuv_buffer_text(b, ": ");
        add_value(b, v->pairs[i].value, depth - 1);
    }
    cuv_buffer_char(b, '}');
}

static void add_tensor(cuv_buffer *b, const cuv_tensor *t)
{
    cuv_buffer_printf(b, "<%s array, shape %s>", cuv_dtype_name(t->dtype), cuv_shape_text(b->cx, t->shape, t->rank));
}

static void add_value(cuv_buffer *b, const cuv_value *v, int depth)
{
    if (is_full(b))
        return;
    if (depth <= 0) {
        cuv_buffer_text(b, "...");
        return;
    }
    if (!v) {
        cuv_buffer_text(b, "None");
        return;
    }
    switch (v->kind) {
    case CUV_NULL: cuv_buffer_text(b, "None"); break;
    case CUV_TRUTH: cuv_buffer_text(b, v->truth ? "True" : "False"); break;
    case CUV_INTEGER: cuv_buffer_printf(b, "%lld", (long long)v->integer); break;
    case CUV_REAL: cuv_buffer_double(b, v->real); break;
    case CUV_TEXT: add_text(b, v); break;
    case CUV_BYTES: add_bytes(b, v); break;
    case CUV_LIST:
    case CUV_TUPLE: add_items(b, v, depth); break;
    case CUV_DICT: add_pairs(b, v, depth); break;
    case CUV_TENSOR: add_tensor(b, v->tensor); break;
    }
}

const char *cuv_value_repr(cuv_context *cx, const cuv_value *v)
{
    cuv_buffer b;
    cuv_buffer_init(&b, cx);
    add_value(&b, v, DEEPEST);
    size_t shown = b.size;
    if (shown > LONGEST) {
        shown = LONGEST;
        while (shown > 0 && ((unsigned char)b.data[shown] & 0xc0) == 0x80)
            shown--;
    }
    const char *text = cuv_format(cx, "%.*s%s", (int)shown, b.data, shown < b.size ? "..." : "");
    cuv_buffer_free(&b);
    return text;
}
