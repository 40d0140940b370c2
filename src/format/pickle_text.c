/* The opcodes of protocol 0, which are lines of text, and long integers. Big integers become floats, as everywhere here. */
#include "format/pickle.h"
#include "format/utf8.h"

#include <math.h>

cuv_status pickle_read_line(pickle_machine *m, const char **text, size_t *size)
{
    const char *start = (const char *)m->in.data + m->in.at;
    const char *end = m->in.at < m->in.size ? memchr(start, '\n', m->in.size - m->in.at) : NULL;
    *text = start;
    *size = 0;
    if (!end)
        return pickle_truncated(m);
    *size = (size_t)(end - start);
    m->in.at += *size + 1;
    if (*size > 0 && end[-1] == '\r')
        --*size;
    return CUV_OK;
}

/* ---- numbers ---- */

static cuv_status push_decimal(pickle_machine *m, const char *text, size_t size)
{
    int64_t integer = 0;
    double real = 0;
    if (cuv_parse_i64(text, size, &integer))
        return pickle_push_int(m, integer);
    for (size_t i = 0; i < size; i++)
        if ((text[i] < '0' || text[i] > '9') && !(i == 0 && (text[i] == '-' || text[i] == '+')))
            return pickle_damaged(m, "the pickle has a line with something that is no number");
    if (!cuv_parse_double(text, size, &real))
        return pickle_damaged(m, "the pickle has a line with something that is no number");
    return pickle_push_real(m, real);
}

cuv_status pickle_op_int_line(pickle_machine *m, unsigned width)
{
    const char *text = NULL;
    size_t size = 0;
    (void)width;
    CUV_TRY(pickle_read_line(m, &text, &size));
    if (size == 2 && text[0] == '0' && (text[1] == '0' || text[1] == '1')) /* how protocol 0 spells False and True */
        return pickle_push(m, text[1] == '1' ? m->yes : m->no);
    return push_decimal(m, text, size);
}

cuv_status pickle_op_long_line(pickle_machine *m, unsigned width)
{
    const char *text = NULL;
    size_t size = 0;
    (void)width;
    CUV_TRY(pickle_read_line(m, &text, &size));
    if (size > 0 && text[size - 1] == 'L')
        size--;
    return push_decimal(m, text, size);
}

cuv_status pickle_op_float_line(pickle_machine *m, unsigned width)
{
    const char *text = NULL;
    size_t size = 0;
    double real = 0;
    (void)width;
    CUV_TRY(pickle_read_line(m, &text, &size));
    bool negative = size > 0 && text[0] == '-';
    size_t sign = size > 0 && (text[0] == '-' || text[0] == '+');
    if (size - sign == 3 && memcmp(text + sign, "inf", 3) == 0)
        real = negative ? -INFINITY : INFINITY;
    else if (size - sign == 3 && memcmp(text + sign, "nan", 3) == 0)
        real = (double)NAN;
    else if (!cuv_parse_double(text, size, &real))
        return pickle_damaged(m, "the pickle has a line with something that is no number");
    return pickle_push_real(m, real);
}

/* LONG1, LONG4: little-endian two's complement of any length. */
cuv_status pickle_op_long(pickle_machine *m, unsigned width)
{
    uint64_t size = cuv_read_uint(&m->in, width);
    const uint8_t *p = size <= SIZE_MAX ? cuv_read_bytes(&m->in, (size_t)size) : NULL;
    if (!p)
        return pickle_truncated(m);
    bool negative = size > 0 && p[size - 1] >= 0x80;
    if (size <= 8) {
        uint64_t bits = negative ? UINT64_MAX : 0;
        for (size_t i = (size_t)size; i > 0; i--)
            bits = bits << 8 | p[i - 1];
        return pickle_push_int(m, (int64_t)bits);
    }
    double real = 0;
    for (size_t i = (size_t)size; i > 0; i--)
        real = real * 256 + (negative ? 255 - p[i - 1] : p[i - 1]);
    return pickle_push_real(m, negative ? -real - 1 : real);
}

/* ---- strings ---- */

static int hex_digit(char c)
{
    return c >= '0' && c <= '9' ? c - '0' : c >= 'a' && c <= 'f' ? c - 'a' + 10 : c >= 'A' && c <= 'F' ? c - 'A' + 10 : -1;
}

/* The number in `count` hexadecimal digits at text[at]; -1 when they are not all there. */
static int64_t hex_number(const char *text, size_t size, size_t at, size_t count)
{
    int64_t value = 0;
    if (at > size || count > size - at)
        return -1;
    for (size_t i = 0; i < count; i++) {
        int digit = hex_digit(text[at + i]);
        if (digit < 0)
            return -1;
        value = value * 16 + digit;
    }
    return value;
}

/* Decodes what follows a backslash at text[*at]; -1: not an escape. Octal and simple escapes of Python 2's repr. */
static int64_t take_escape(const char *text, size_t size, size_t *at)
{
    static const char letters[] = "\\'\"nrtabfv", meanings[] = "\\'\"\n\r\t\a\b\f\v";
    if (*at >= size)
        return -1;
    const char *letter = text[*at] ? strchr(letters, text[*at]) : NULL;
    if (letter) {
        ++*at;
        return (unsigned char)meanings[letter - letters];
    }
    if (text[*at] == 'x') {
        int64_t value = hex_number(text, size, *at + 1, 2);
        *at += 3;
        return value;
    }
    int64_t value = -1;
    for (int i = 0; i < 3 && *at < size && text[*at] >= '0' && text[*at] <= '7'; i++, ++*at)
        value = (value < 0 ? 0 : value) * 8 + (text[*at] - '0');
    return value < 0 ? -1 : value & 0xff;
}

cuv_status pickle_op_string_line(pickle_machine *m, unsigned width)
{
    const char *text = NULL;
    size_t size = 0, written = 0;
    (void)width;
    CUV_TRY(pickle_read_line(m, &text, &size));
    if (size < 2 || (text[0] != '\'' && text[0] != '"') || text[size - 1] != text[0])
        return pickle_damaged(m, "the pickle has a string without its quotes");
    size--;
    char *out = cuv_arena_alloc(m->arena, size + 1);
    if (!out)
        return cuv_oom(m->cx);
    for (size_t at = 1; at < size;) {
        char c = text[at++];
        if (c == '\\') {
            int64_t value = take_escape(text, size, &at);
            if (value < 0)
                return pickle_damaged(m, "the pickle has a string with an escape that means nothing");
            c = (char)value;
        }
        out[written++] = c;
    }
    return pickle_push_str8(m, out, written, false);
}

/* \uXXXX or \UXXXXXXXX at text[*at]; -1: no escape is there. */
static int64_t take_unicode(const char *text, size_t size, size_t *at)
{
    if (*at + 1 >= size || text[*at] != '\\' || (text[*at + 1] != 'u' && text[*at + 1] != 'U'))
        return -1;
    size_t digits = text[*at + 1] == 'u' ? 4 : 8;
    int64_t value = hex_number(text, size, *at + 2, digits);
    if (value >= 0)
        *at += 2 + digits;
    return value;
}

/* raw-unicode-escape: Latin-1 with \u and \U. The pickler escapes backslashes, so each one it leaves begins an escape. */
cuv_status pickle_op_unicode_line(pickle_machine *m, unsigned width)
{
    const char *text = NULL;
    size_t size = 0, written = 0, room = 0;
    (void)width;
    CUV_TRY(pickle_read_line(m, &text, &size));
    char *out = cuv_mul_size(size + 1, 2, &room) ? cuv_arena_alloc(m->arena, room) : NULL;
    if (!out)
        return cuv_oom(m->cx);
    for (size_t at = 0; at < size;) {
        int64_t c = take_unicode(text, size, &at);
        if (c >= 0xd800 && c < 0xdc00) { /* a pair, from a Python with 16-bit characters */
            size_t next = at;
            int64_t low = take_unicode(text, size, &next);
            if (low >= 0xdc00 && low < 0xe000) {
                c = 0x10000 + (c - 0xd800) * 0x400 + (low - 0xdc00);
                at = next;
            }
        }
        if (c < 0)
            c = (unsigned char)text[at++];
        written += cuv_utf8_put(out + written, (uint32_t)c);
    }
    return pickle_push_string(m, CUV_TEXT, out, written, false);
}
