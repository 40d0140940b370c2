/* Numbers and strings of Python: prefixes, escapes, adjacent literals, and the fields of f-strings. */
#include "format/python_parse.h"

/* ---- numbers ---- */

static unsigned digit_value(uint8_t c)
{
    if (c >= '0' && c <= '9')
        return (unsigned)(c - '0');
    c |= 0x20;
    return c >= 'a' && c <= 'f' ? (unsigned)(c - 'a' + 10) : 16;
}

static void integer(cuv_py *node, const char *digits, size_t size, unsigned base)
{
    int64_t value = 0;
    bool fits = true;
    for (size_t i = 0; i < size; i++) {
        unsigned d = digit_value((uint8_t)digits[i]);
        node->real = node->real * base + d;
        fits = fits && cuv_mul_i64(value, (int64_t)base, &value) && cuv_add_i64(value, (int64_t)d, &value);
    }
    node->integer = fits ? value : 0;
    node->op = fits ? 0 : 'L';
}

static bool has_any(const char *text, size_t size, const char *letters)
{
    for (size_t i = 0; i < size; i++)
        if (strchr(letters, text[i]))
            return true;
    return false;
}

static bool digits_below(const char *text, size_t size, unsigned base)
{
    for (size_t i = 0; i < size; i++)
        if (digit_value((uint8_t)text[i]) >= base)
            return false;
    return size > 0;
}

/* Copies the literal without underscores; Python allows one between digits only, which is not worth an error here. */
static char *plain_number(cuv_py_parser *p, const cuv_py_token *t, size_t *size)
{
    char *text = cuv_arena_alloc(p->scratch, t->end - t->start + 1);
    *size = 0;
    for (size_t i = t->start; text && i < t->end; i++)
        if (p->src->data[i] != '_')
            text[(*size)++] = (char)p->src->data[i];
    return text;
}

cuv_status cuv_py_atom_number(cuv_py_parser *p, cuv_py **out)
{
    const cuv_py_token *t = cuv_py_peek(p, 0);
    size_t size = 0;
    char *text = plain_number(p, t, &size);
    CUV_TRY(cuv_py_node(p, CUV_PY_INT, out));
    if (!text)
        return cuv_oom(p->cx);
    char last = (char)(text[size - 1] | 0x20), second = size > 1 ? (char)(text[1] | 0x20) : '\0';
    unsigned base = second == 'x' ? 16 : second == 'o' ? 8 : second == 'b' ? 2 : 10;
    bool good = true;
    if (base != 10 && text[0] == '0') {
        size -= last == 'l';
        good = size > 2 && digits_below(text + 2, size - 2, base);
        if (good)
            integer(*out, text + 2, size - 2, base);
    } else if (last == 'j' || has_any(text, size, ".eE")) {
        (*out)->kind = last == 'j' ? CUV_PY_IMAGINARY : CUV_PY_FLOAT;
        good = cuv_parse_double(text, size - (last == 'j'), &(*out)->real);
    } else {
        size -= last == 'l';
        bool octal = size > 1 && text[0] == '0' && digits_below(text, size, 8);     /* 0777 of Python 2, or 00 */
        good = digits_below(text, size, 10);
        integer(*out, text, size, octal ? 8 : 10);
    }
    if (!good)
        return cuv_py_expected(p, "a number");
    p->at++;
    return cuv_py_close(p, *out);
}

/* ---- strings ---- */

typedef struct string_shape {
    size_t begin, end;      /* of the contents */
    bool raw, bytes, fields;
} string_shape;

static string_shape shape_of(const cuv_py_parser *p, const cuv_py_token *t)
{
    const uint8_t *s = p->src->data;
    string_shape shape = {.begin = t->start, .end = t->end};
    for (; s[shape.begin] != '\'' && s[shape.begin] != '"'; shape.begin++) {
        uint8_t c = s[shape.begin] | 0x20;
        shape.raw |= c == 'r';
        shape.bytes |= c == 'b';
        shape.fields |= c == 'f' || c == 't';
    }
    uint8_t quote = s[shape.begin];
    bool triple = t->end - shape.begin >= 6 && s[shape.begin + 1] == quote && s[shape.begin + 2] == quote;
    shape.begin += triple ? 3 : 1;
    shape.end -= triple ? 3 : 1;
    return shape;
}

static void add_code_point(cuv_buffer *b, uint32_t c)
{
    if (c > 0x10FFFF || (c >= 0xD800 && c < 0xE000))
        c = 0xFFFD;
    if (c < 0x80) {
        cuv_buffer_char(b, (char)c);
        return;
    }
    unsigned more = c < 0x800 ? 1 : c < 0x10000 ? 2 : 3;
    cuv_buffer_char(b, (char)((c >> (6 * more)) | (more == 1 ? 0xC0u : more == 2 ? 0xE0u : 0xF0u)));
    while (more-- > 0)
        cuv_buffer_char(b, (char)(((c >> (6 * more)) & 0x3F) | 0x80u));
}

/* Reads up to `most` digits of `base` at *i. */
static uint32_t escape_digits(const uint8_t *s, size_t *i, size_t end, unsigned most, unsigned base)
{
    uint32_t value = 0;
    for (unsigned n = 0; n < most && *i < end && digit_value(s[*i]) < base; n++, (*i)++)
        value = value * base + digit_value(s[*i]);
    return value;
}

static void add_number(cuv_buffer *b, uint32_t value, bool bytes)
{
    if (bytes)
        cuv_buffer_char(b, (char)(uint8_t)value);
    else
        add_code_point(b, value);
}

/* One escape sequence; *i is behind the backslash. "String and Bytes literals", table of escapes. */
static void escape(cuv_buffer *b, const uint8_t *s, size_t *i, size_t end, bool bytes)
{
    static const char from[] = "\\'\"abfnrtv", to[] = "\\'\"\a\b\f\n\r\t\v";
    uint8_t c = s[(*i)++];
    const char *simple = c ? strchr(from, c) : NULL;
    if (simple) {
        cuv_buffer_char(b, to[simple - from]);
    } else if (c == '\n' || c == '\r') {
        *i += c == '\r' && *i < end && s[*i] == '\n';
    } else if (c >= '0' && c <= '7') {
        (*i)--;
        add_number(b, escape_digits(s, i, end, 3, 8), bytes);
    } else if (c == 'x') {
        add_number(b, escape_digits(s, i, end, 2, 16), bytes);
    } else if (!bytes && (c == 'u' || c == 'U')) {
        add_code_point(b, escape_digits(s, i, end, c == 'u' ? 4 : 8, 16));
    } else {
        cuv_buffer_char(b, '\\');           /* unknown escapes stay, and so do names of characters: \N{DASH} */
        cuv_buffer_char(b, (char)c);
    }
}

static void decode(cuv_buffer *b, const cuv_py_parser *p, const string_shape *shape, size_t begin, size_t end)
{
    const uint8_t *s = p->src->data;
    for (size_t i = begin; i < end;) {
        uint8_t c = s[i++];
        bool brace = shape->fields && i < end && (s[i] == '{' || s[i] == '}');
        if (c == '\\' && !shape->raw && i < end && !brace) {
            escape(b, s, &i, end, shape->bytes);
        } else if (c == '\r') {
            i += i < end && s[i] == '\n';
            cuv_buffer_char(b, '\n');
        } else {
            i += shape->fields && (c == '{' || c == '}') && i < end && s[i] == c;
            cuv_buffer_char(b, (char)c);
        }
    }
}

/* A STR node of the text gathered in b; nothing when it is empty and `keep` is unset. */
static cuv_status text_node(cuv_py_parser *p, cuv_buffer *b, cuv_py_kind kind, bool keep, cuv_py **out)
{
    *out = NULL;
    if (b->failed)
        return cuv_oom(p->cx);
    if (b->size == 0 && !keep)
        return CUV_OK;
    CUV_TRY(cuv_py_node(p, kind, out));
    (*out)->text = cuv_arena_strndup(p->arena, b->size ? b->data : "", b->size);
    (*out)->size = b->size;
    b->size = 0;
    if (!(*out)->text)
        return cuv_oom(p->cx);
    (*out)->height = 1;
    return CUV_OK;
}

/* ---- f-strings ---- */

typedef struct field_scan { size_t expression_end, conversion, format, close; bool debug; } field_scan;

/* Divides `{expression=!r:format}`. `at` is at '{', `close` at its '}'. */
static field_scan divide(const cuv_source *src, size_t at, size_t close)
{
    field_scan f = {.expression_end = close, .close = close};
    const uint8_t *s = src->data;
    size_t open = 0, length = 0;
    for (size_t i = at + 1; i < close; i++) {
        uint8_t c = s[i];
        if (c == '(' || c == '[' || c == '{') {
            open++;
        } else if (c == ')' || c == ']' || c == '}') {
            open -= open > 0;
        } else if (c == '\'' || c == '"' || c == '_' || c >= 0x80 || ((c | 0x20) >= 'a' && (c | 0x20) <= 'z')) {
            if (cuv_py_string_prefix(src, i, close, &length)) {
                size_t stop = cuv_py_string_end(src, i, close, 64);
                i = stop > i ? stop - 1 : i;
            } else {
                while (i + 1 < close && (s[i + 1] == '_' || s[i + 1] >= 0x80 || ((s[i + 1] | 0x20) >= 'a' && (s[i + 1] | 0x20) <= 'z')))
                    i++;
            }
        } else if (open == 0 && c == '!' && s[i + 1] != '=') {
            f.expression_end = i;
            f.conversion = i + 1;
            for (i++; i < close && s[i] != ':'; i++)
                continue;
            f.format = i < close ? i + 1 : 0;
            break;
        } else if (open == 0 && (c == '!' || c == '<' || c == '>' || c == '=') && s[i + 1] == '=') {
            i++;
        } else if (open == 0 && c == ':') {
            f.expression_end = i;
            f.format = i + 1;
            break;
        }
    }
    size_t last = f.expression_end;
    while (last > at + 1 && (s[last - 1] == ' ' || s[last - 1] == '\t'))
        last--;
    if (last > at + 2 && s[last - 1] == '=' && !strchr("=!<>:", s[last - 2])) {
        f.debug = true;
        f.expression_end = last - 1;
    }
    return f;
}

static cuv_status contents(cuv_py_parser *p, const string_shape *shape, uint32_t line, cuv_buffer *b);

static cuv_status field_format(cuv_py_parser *p, const string_shape *shape, uint32_t line, const field_scan *f, cuv_py *field)
{
    string_shape inner = *shape;
    cuv_buffer b;
    cuv_py *text = NULL;
    size_t mark = p->stack_count;
    inner.begin = f->format;
    inner.end = f->close;
    CUV_TRY(cuv_py_node(p, CUV_PY_FSTRING, &field->b));
    cuv_buffer_init(&b, p->cx);
    cuv_status status = contents(p, &inner, line, &b);
    if (status == CUV_OK)
        status = text_node(p, &b, CUV_PY_STR, false, &text);
    cuv_buffer_free(&b);
    CUV_TRY(status);
    if (text)
        CUV_TRY(cuv_py_push(p, text));
    CUV_TRY(cuv_py_pop(p, mark, &field->b->items, &field->b->count));
    return cuv_py_close(p, field->b);
}

/* Reads the field whose '{' is at `at`; its tokens are appended to the parser's and dropped again. */
static cuv_status field(cuv_py_parser *p, const string_shape *shape, size_t at, size_t close, uint32_t line)
{
    field_scan f = divide(p->src, at, close);
    size_t old_count = p->count, old_at = p->at;
    cuv_py *node = NULL;
    CUV_TRY(cuv_py_enter(p));
    CUV_TRY(cuv_py_lex(p, at + 1, f.expression_end, line, true));
    p->at = old_count;
    CUV_TRY(cuv_py_node(p, CUV_PY_FIELD, &node));
    CUV_TRY(cuv_py_tests(p, &node->a));
    if (cuv_py_peek(p, 0)->kind != CUV_TK_END)
        return cuv_py_expected(p, "the end of the replacement field");
    p->at = old_at;
    p->count = old_count;
    if (f.conversion)
        node->op = p->src->data[f.conversion];
    if (f.debug) {
        node->size = f.expression_end + 1 - (at + 1);
        node->text = cuv_arena_strndup(p->arena, (const char *)p->src->data + at + 1, node->size);
        if (!node->text)
            return cuv_oom(p->cx);
    }
    if (f.format)
        CUV_TRY(field_format(p, shape, line, &f, node));
    cuv_py_leave(p);
    CUV_TRY(cuv_py_close(p, node));
    node->start = at;
    node->end = close + 1;
    return cuv_py_push(p, node);
}

/* Pushes the parts of an f-string's contents; trailing text stays in b. */
static cuv_status contents(cuv_py_parser *p, const string_shape *shape, uint32_t line, cuv_buffer *b)
{
    const uint8_t *s = p->src->data;
    size_t from = shape->begin, i = from;
    while (i < shape->end) {
        bool twice = i + 1 < shape->end && s[i + 1] == s[i];
        line += s[i] == '\n';
        if (s[i] == '\\' && !shape->raw) {
            bool named = i + 2 < shape->end && s[i + 1] == 'N' && s[i + 2] == '{';
            bool brace = i + 1 < shape->end && (s[i + 1] == '{' || s[i + 1] == '}');
            for (i += brace ? 1 : 2; named && i < shape->end && s[i] != '}'; i++)
                continue;
        } else if ((s[i] == '{' || s[i] == '}') && twice) {
            i += 2;
        } else if (s[i] == '{') {
            size_t close = cuv_py_field_end(p->src, i, shape->end, 64);
            cuv_py *text = NULL;
            if (close >= shape->end)
                return cuv_py_syntax(p->cx, p->src, line, i, "this replacement field is never closed", NULL);
            decode(b, p, shape, from, i);
            CUV_TRY(text_node(p, b, CUV_PY_STR, false, &text));
            if (text)
                CUV_TRY(cuv_py_push(p, text));
            CUV_TRY(field(p, shape, i, close, line));
            for (; i <= close; i++)
                line += s[i] == '\n';
            from = i;
        } else {
            i++;
        }
    }
    if (from < shape->end)
        decode(b, p, shape, from, shape->end);
    return b->failed ? cuv_oom(p->cx) : CUV_OK;
}

static cuv_status read_strings(cuv_py_parser *p, cuv_buffer *b, bool *fields, bool *bytes)
{
    while (cuv_py_peek(p, 0)->kind == CUV_TK_STRING) {
        cuv_py_token t = *cuv_py_peek(p, 0);
        string_shape shape = shape_of(p, &t);
        *bytes |= shape.bytes;
        if (shape.fields) {
            *fields = true;
            CUV_TRY(contents(p, &shape, t.line, b));
        } else {
            decode(b, p, &shape, shape.begin, shape.end);
        }
        p->at++;
    }
    return CUV_OK;
}

/* One or more adjacent literals. */
cuv_status cuv_py_atom_string(cuv_py_parser *p, cuv_py **out)
{
    cuv_buffer b;
    cuv_py *text = NULL, *place = NULL;
    bool fields = false, bytes = false;
    size_t mark = p->stack_count;
    CUV_TRY(cuv_py_node(p, CUV_PY_FSTRING, &place));
    cuv_buffer_init(&b, p->cx);
    cuv_status status = read_strings(p, &b, &fields, &bytes);
    if (status == CUV_OK)
        status = text_node(p, &b, bytes ? CUV_PY_BYTES : CUV_PY_STR, !fields, &text);
    cuv_buffer_free(&b);
    CUV_TRY(status);
    if (!fields) {
        place->kind = text->kind;
        place->text = text->text;
        place->size = text->size;
    } else {
        if (text)
            CUV_TRY(cuv_py_push(p, text));
        CUV_TRY(cuv_py_pop(p, mark, &place->items, &place->count));
    }
    *out = place;
    return cuv_py_close(p, place);
}
