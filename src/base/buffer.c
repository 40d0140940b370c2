/* A growing byte buffer with sticky failure, and text in it: JSON strings, quoted text fit for a terminal.
 * Numbers are in number.c. */
#include "base/text.h"

static char empty[1]; /* what an empty buffer shows; never written */

void cuv_buffer_init(cuv_buffer *b, cuv_context *cx)
{
    *b = (cuv_buffer){.cx = cx, .data = empty};
}

void cuv_buffer_free(cuv_buffer *b)
{
    if (b->capacity > 0)
        cuv_release(b->cx, b->data, b->capacity);
    cuv_buffer_init(b, b->cx);
}

/* Room for `size` more bytes and the NUL. */
static bool reserve(cuv_buffer *b, size_t size)
{
    size_t needed = 0;
    if (b->failed || !cuv_add_size(b->size, size, &needed) || !cuv_add_size(needed, 1, &needed)) {
        b->failed = true;
        return false;
    }
    if (needed <= b->capacity)
        return true;
    size_t capacity = 0;
    if (!cuv_add_size(b->capacity, b->capacity / 2, &capacity) || capacity < needed)
        capacity = needed < 64 ? 64 : needed;
    void *grown = b->capacity > 0 ? cuv_resize(b->cx, b->data, b->capacity, capacity) : cuv_alloc(b->cx, capacity);
    if (!grown) {
        b->failed = true;
        return false;
    }
    b->data = grown;
    b->capacity = capacity;
    return true;
}

void cuv_buffer_add(cuv_buffer *b, const void *data, size_t size)
{
    if (!reserve(b, size))
        return;
    if (size > 0)
        memcpy(b->data + b->size, data, size);
    b->size += size;
    b->data[b->size] = '\0';
}

void cuv_buffer_text(cuv_buffer *b, const char *text)
{
    cuv_buffer_add(b, text, strlen(text));
}

void cuv_buffer_char(cuv_buffer *b, char c)
{
    cuv_buffer_add(b, &c, 1);
}

static int sextet(char c)
{
    if (c >= 'A' && c <= 'Z')
        return c - 'A';
    if (c >= 'a' && c <= 'z')
        return c - 'a' + 26;
    if (c >= '0' && c <= '9')
        return c - '0' + 52;
    return c == '+' ? 62 : c == '/' ? 63 : -1;
}

bool cuv_buffer_base64(cuv_buffer *b, const char *text, size_t size)
{
    uint32_t bits = 0;
    int have = 0;
    for (size_t i = 0; i < size; i++) {
        if (text[i] == '\n' || text[i] == '\r' || text[i] == '=')
            continue;
        int six = sextet(text[i]);
        if (six < 0)
            return false;
        bits = bits << 6 | (uint32_t)(six & 63);
        have += 6;
        if (have >= 8) {
            have -= 8;
            cuv_buffer_char(b, (char)(bits >> have & 0xff));
        }
    }
    return true;
}

void cuv_buffer_printf(cuv_buffer *b, const char *fmt, ...)
{
    char small[128];
    va_list args;
    va_start(args, fmt);
    int length = cuv_vformat(small, sizeof small, fmt, args);
    va_end(args);
    if (length < 0) {
        b->failed = true;
    } else if ((size_t)length < sizeof small) {
        cuv_buffer_add(b, small, (size_t)length);
    } else if (reserve(b, (size_t)length)) {
        va_start(args, fmt);
        cuv_vformat(b->data + b->size, (size_t)length + 1, fmt, args);
        va_end(args);
        b->size += (size_t)length;
    }
}

static void add_json_escape(cuv_buffer *b, uint32_t c)
{
    switch (c) {
    case '"': cuv_buffer_text(b, "\\\""); return;
    case '\\': cuv_buffer_text(b, "\\\\"); return;
    case '\b': cuv_buffer_text(b, "\\b"); return;
    case '\f': cuv_buffer_text(b, "\\f"); return;
    case '\n': cuv_buffer_text(b, "\\n"); return;
    case '\r': cuv_buffer_text(b, "\\r"); return;
    case '\t': cuv_buffer_text(b, "\\t"); return;
    }
    if (c >= 0x10000) {
        cuv_buffer_printf(b, "\\u%04x\\u%04x", 0xd800 + ((c - 0x10000) >> 10), 0xdc00 + ((c - 0x10000) & 0x3ff));
        return;
    }
    cuv_buffer_printf(b, "\\u%04x", c);
}

/* All that is not printable ASCII is escaped, as json.dumps does; files of Keras are compared byte by byte. */
void cuv_buffer_json_string(cuv_buffer *b, const char *text, size_t size)
{
    cuv_buffer_char(b, '"');
    size_t plain = 0; /* start of the bytes that go out as they are */
    for (size_t at = 0; at < size;) {
        uint32_t c = 0xfffd;
        size_t length = cuv_utf8_decode(text + at, size - at, &c);
        if (c >= 0x20 && c < 0x7f && c != '"' && c != '\\') {
            at += length;
            continue;
        }
        cuv_buffer_add(b, text + plain, at - plain);
        add_json_escape(b, c);
        at += length ? length : 1;
        plain = at;
    }
    cuv_buffer_add(b, text + plain, size - plain);
    cuv_buffer_char(b, '"');
}

/* Characters that move the cursor, change the direction of writing or cannot be seen. */
static bool is_treacherous(uint32_t c)
{
    return c < 0x20 || (c >= 0x7f && c < 0xa0) || c == 0xad || (c >= 0x200b && c <= 0x200f) ||
           (c >= 0x2028 && c <= 0x202e) || (c >= 0x2060 && c <= 0x206f) || c == 0xfeff || (c >= 0xfff0 && c <= 0xfffb) ||
           (c >= 0xe0000 && c <= 0xe0fff);
}

static void add_visible(cuv_buffer *b, uint32_t c)
{
    if (c == '\n' || c == '\r' || c == '\t')
        cuv_buffer_printf(b, "\\%c", c == '\n' ? 'n' : c == '\r' ? 'r' : 't');
    else
        cuv_buffer_printf(b, c < 0x100 ? "\\x%02x" : c < 0x10000 ? "\\u%04x" : "\\U%08x", c);
}

void cuv_buffer_quoted(cuv_buffer *b, const char *text, size_t size, char quote)
{
    cuv_buffer_char(b, quote);
    for (size_t at = 0, length; at < size; at += length) {
        uint32_t c = 0;
        length = cuv_utf8_decode(text + at, size - at, &c);
        if (length == 0) {
            length = 1;
            cuv_buffer_printf(b, "\\x%02x", (unsigned)(unsigned char)text[at]);
        } else if (is_treacherous(c)) {
            add_visible(b, c);
        } else {
            if (c == '\\' || c == (unsigned char)quote)
                cuv_buffer_char(b, '\\');
            cuv_buffer_add(b, text + at, length);
        }
    }
    cuv_buffer_char(b, quote);
}

void cuv_buffer_safe(cuv_buffer *b, const char *text, size_t size)
{
    cuv_buffer_quoted(b, text, size, '\'');
}
