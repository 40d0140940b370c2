/* JSON text to values. A parser of its own rather than json-c's: duplicate keys must be refused, which json-c's parser silently resolves,
 * memory must count against the context's limit, errors say line and column, and one pass goes straight to the tree.
 * RFC 8259, and what Python writes beyond it: NaN, Infinity, -Infinity. Writing is in json_write.c. */
#include "format/format.h"
#include "format/utf8.h"

#include <math.h>

enum { DEEPEST = 1000, VALUES_PER_LOOK = 4096, KNOWN_KEYS = 256 };

typedef struct json_parser {
    cuv_arena *arena;
    cuv_context *cx;
    const cuv_source *src;
    const char *text;
    size_t size, at;
    uint64_t made;
    uint32_t depth;
    cuv_value *keys[KNOWN_KEYS];    /* by hash: documents repeat their keys, and dictionaries share them */
} json_parser;

static cuv_status parse_value(json_parser *p, cuv_value **out);

/* ---- failure ---- */

/* Lines and columns count from 1, columns in characters. */
static void find_place(const json_parser *p, size_t at, size_t *line, size_t *column)
{
    *line = *column = 1;
    for (size_t i = 0; i < at && i < p->size; i++) {
        if (p->text[i] == '\n') {
            ++*line;
            *column = 1;
        } else if (((unsigned char)p->text[i] & 0xc0) != 0x80) {
            ++*column;
        }
    }
}

static cuv_status fail_at(json_parser *p, size_t at, cuv_status status, const char *id, const char *what)
{
    size_t line = 0, column = 0;
    find_place(p, at, &line, &column);
    cuv_detail detail = {.file = cuv_format(p->cx, "%s:%zu:%zu", p->src->name, line, column),
                         .help = at >= p->size && status == CUV_DAMAGED ? "the file is cut off: get another copy" : NULL};
    return cuv_fail(p->cx, status, id, &detail, "line %zu, column %zu: %s", line, column, what);
}

static cuv_status syntax(json_parser *p, const char *expected)
{
    if (p->at >= p->size)
        return fail_at(p, p->size, CUV_DAMAGED, "json.truncated",
                       cuv_format(p->cx, "the text ends where %s is expected", expected));
    cuv_buffer quoted;
    cuv_buffer_init(&quoted, p->cx);
    size_t length = 1;
    while (length < 4 && p->at + length < p->size && ((unsigned char)p->text[p->at + length] & 0xc0) == 0x80)
        length++;
    cuv_buffer_safe(&quoted, p->text + p->at, length);
    cuv_status status = fail_at(p, p->at, CUV_DAMAGED, "json.syntax",
                                cuv_format(p->cx, "%s is expected, found %s", expected,
                                           quoted.failed ? "something else" : quoted.data));
    cuv_buffer_free(&quoted);
    return status;
}

static cuv_status count_value(json_parser *p)
{
    uint64_t limit = cuv_context_limits(p->cx)->items;
    if (++p->made > limit)
        return fail_at(p, p->at, CUV_UNSAFE, "json.items",
                       cuv_format(p->cx, "the document holds more than %llu values", (unsigned long long)limit));
    return p->made % VALUES_PER_LOOK == 0 ? cuv_check_time(p->cx) : CUV_OK;
}

/* ---- tokens ---- */

static void skip_space(json_parser *p)
{
    while (p->at < p->size && (p->text[p->at] == ' ' || p->text[p->at] == '\n' || p->text[p->at] == '\r' ||
                               p->text[p->at] == '\t'))
        p->at++;
}

/* The next character after spaces; NUL at the end. */
static char peek(json_parser *p)
{
    skip_space(p);
    return p->at < p->size ? p->text[p->at] : '\0';
}

static bool take_word(json_parser *p, const char *word)
{
    size_t length = strlen(word);
    if (p->size - p->at < length || memcmp(p->text + p->at, word, length) != 0)
        return false;
    p->at += length;
    return true;
}

static cuv_status keep(json_parser *p, cuv_value *v, cuv_value **out)
{
    *out = v;
    return v ? CUV_OK : cuv_oom(p->cx);
}

static size_t digits_at(const json_parser *p, size_t at)
{
    size_t start = at;
    while (at < p->size && cuv_is_digit(p->text[at]))
        at++;
    return at - start;
}

/* RFC 8259, section 6. Integers beyond 64 bits become floats, as they would in whatever computes with them. */
static cuv_status parse_number(json_parser *p, cuv_value **out)
{
    size_t start = p->at, digits = 0;
    bool whole = true;
    int64_t integer = 0;
    double real = 0;
    if (p->text[p->at] == '-')
        p->at++;
    digits = digits_at(p, p->at);
    if (digits == 0 || (digits > 1 && p->text[p->at] == '0'))
        return syntax(p, digits ? "a number without leading zeros" : "a value");
    p->at += digits;
    if (p->at < p->size && p->text[p->at] == '.') {
        whole = false;
        digits = digits_at(p, ++p->at);
        if (digits == 0)
            return syntax(p, "a digit");
        p->at += digits;
    }
    if (p->at < p->size && (p->text[p->at] == 'e' || p->text[p->at] == 'E')) {
        whole = false;
        p->at++;
        if (p->at < p->size && (p->text[p->at] == '+' || p->text[p->at] == '-'))
            p->at++;
        digits = digits_at(p, p->at);
        if (digits == 0)
            return syntax(p, "a digit");
        p->at += digits;
    }
    if (whole && cuv_parse_i64(p->text + start, p->at - start, &integer))
        return keep(p, cuv_value_int(p->arena, integer), out);
    if (!cuv_parse_double(p->text + start, p->at - start, &real))
        return syntax(p, "a number");
    return keep(p, cuv_value_real(p->arena, real), out);
}

/* The text ends after the first letters of a word. */
static bool ends_within(const json_parser *p)
{
    static const char *const words[] = {"true", "false", "null", "NaN", "Infinity", "-Infinity"};
    size_t left = p->size - p->at;
    for (size_t i = 0; left && i < sizeof words / sizeof words[0]; i++)
        if (left < strlen(words[i]) && !strncmp(p->text + p->at, words[i], left))
            return true;
    return false;
}

static cuv_status parse_word(json_parser *p, cuv_value **out)
{
    if (take_word(p, "true"))
        return keep(p, cuv_value_bool(p->arena, true), out);
    if (take_word(p, "false"))
        return keep(p, cuv_value_bool(p->arena, false), out);
    if (take_word(p, "null"))
        return keep(p, cuv_value_null(p->arena), out);
    if (take_word(p, "NaN"))
        return keep(p, cuv_value_real(p->arena, (double)NAN), out);
    if (take_word(p, "Infinity"))
        return keep(p, cuv_value_real(p->arena, (double)INFINITY), out);
    if (take_word(p, "-Infinity"))
        return keep(p, cuv_value_real(p->arena, -(double)INFINITY), out);
    if (p->at < p->size && (p->text[p->at] == '-' || cuv_is_digit(p->text[p->at])))
        return parse_number(p, out);
    return ends_within(p) ? fail_at(p, p->size, CUV_DAMAGED, "json.truncated", "the text ends in the middle of a value")
                          : syntax(p, "a value");
}

/* ---- strings ---- */

/* The four digits of \uXXXX at `at`; -1 when they are not there. */
static int64_t hex4(const json_parser *p, size_t at)
{
    int64_t value = 0;
    if (at > p->size || p->size - at < 4)
        return -1;
    for (size_t i = 0; i < 4; i++) {
        char c = p->text[at + i];
        int digit = cuv_is_digit(c) ? c - '0' : c >= 'a' && c <= 'f' ? c - 'a' + 10 : c >= 'A' && c <= 'F' ? c - 'A' + 10 : -1;
        if (digit < 0)
            return -1;
        value = value * 16 + digit;
    }
    return value;
}

/* What follows a backslash. Surrogates in pairs are one character, lonely ones become U+FFFD. */
static cuv_status take_escape(json_parser *p, uint32_t *out)
{
    static const char letters[] = "\"\\/bfnrt", meanings[] = "\"\\/\b\f\n\r\t";
    const char *letter = p->at < p->size && p->text[p->at] ? strchr(letters, p->text[p->at]) : NULL;
    *out = 0;
    if (letter) {
        p->at++;
        *out = (unsigned char)meanings[letter - letters];
        return CUV_OK;
    }
    if (p->at >= p->size || p->text[p->at] != 'u')
        return syntax(p, "an escape such as \\n or \\u00e9");
    int64_t c = hex4(p, ++p->at);
    if (c < 0)
        return syntax(p, "four hexadecimal digits");
    p->at += 4;
    if (c >= 0xd800 && c < 0xdc00 && p->size - p->at >= 6 && p->text[p->at] == '\\' && p->text[p->at + 1] == 'u') {
        int64_t low = hex4(p, p->at + 2);
        if (low >= 0xdc00 && low < 0xe000) {
            c = 0x10000 + (c - 0xd800) * 0x400 + (low - 0xdc00);
            p->at += 6;
        }
    }
    *out = (uint32_t)c;
    return CUV_OK;
}

/* The text between here and the closing quote, decoded into `out`, which has room for it: no escape is shorter than its character. */
static cuv_status decode_string(json_parser *p, char *out, size_t *size)
{
    size_t written = 0;
    *size = 0;
    for (;;) {
        if (p->at >= p->size)
            return syntax(p, "'\"' at the end of a string");
        unsigned char c = (unsigned char)p->text[p->at];
        if (c == '"')
            break;
        if (c < 0x20)
            return syntax(p, "a string without control characters");
        p->at++;
        if (c == '\\') {
            uint32_t character = 0;
            CUV_TRY(take_escape(p, &character));
            written += cuv_utf8_put(out + written, character);
        } else {
            out[written++] = (char)c;
        }
    }
    p->at++;
    *size = written;
    return CUV_OK;
}

/* Where the string that begins at `at` ends, or the end of the text; whether its letters stand there as they are. */
static size_t find_quote(const json_parser *p, size_t at, bool *plain)
{
    *plain = true;
    while (at < p->size && p->text[at] != '"') {
        const unsigned char c = (unsigned char)p->text[at];
        *plain = *plain && c >= 0x20 && c != '\\';
        at += c == '\\' ? 2 : 1;
    }
    *plain = *plain && at < p->size;
    return at < p->size ? at : p->size;
}

static cuv_status make_string(json_parser *p, size_t room, bool plain, cuv_value **out)
{
    size_t size = room;
    cuv_value *v = CUV_NEW(p->arena, cuv_value);
    char *text = v ? cuv_arena_alloc(p->arena, room + 1) : NULL;
    if (!text)
        return cuv_oom(p->cx);
    if (plain) {
        memcpy(text, p->text + p->at, room);
        p->at += room + 1;
    } else {
        CUV_TRY(decode_string(p, text, &size));
    }
    text[size] = '\0';
    *v = (cuv_value){.kind = CUV_TEXT, .text = text, .size = size};
    *out = v;
    return CUV_OK;
}

static cuv_status parse_string(json_parser *p, cuv_value **out)
{
    bool plain;
    const size_t start = ++p->at, room = find_quote(p, start, &plain) - start;
    return make_string(p, room, plain, out);
}

/* FNV-1a */
static uint32_t hash_of(const char *text, size_t size)
{
    uint32_t hash = 2166136261u;
    for (size_t i = 0; i < size; i++)
        hash = (hash ^ (unsigned char)text[i]) * 16777619u;
    return hash;
}

static cuv_status parse_key(json_parser *p, cuv_value **out)
{
    bool plain;
    const size_t start = ++p->at, room = find_quote(p, start, &plain) - start;
    cuv_value **known = &p->keys[hash_of(p->text + start, room) % KNOWN_KEYS];
    if (plain && *known && (*known)->size == room && memcmp((*known)->text, p->text + start, room) == 0) {
        p->at += room + 1;
        *out = *known;
        return CUV_OK;
    }
    CUV_TRY(make_string(p, room, plain, out));
    if (plain)
        *known = *out;
    return CUV_OK;
}

/* ---- containers ---- */

static cuv_status parse_array(json_parser *p, cuv_value **out)
{
    cuv_value *list = cuv_value_list(p->arena);
    p->at++;
    if (peek(p) == ']') {
        p->at++;
        return keep(p, list, out);
    }
    for (;;) {
        cuv_value *item = NULL;
        CUV_TRY(parse_value(p, &item));
        CUV_TRY(cuv_list_add(p->arena, list, item));
        char c = peek(p);
        if (c != ',' && c != ']')
            return syntax(p, "',' or ']'");
        p->at++;
        if (c == ']')
            break;
    }
    *out = list;
    return CUV_OK;
}

static cuv_status parse_pair(json_parser *p, cuv_value *dict)
{
    cuv_value *key = NULL, *value = NULL;
    if (peek(p) != '"')
        return syntax(p, "a key in double quotes");
    size_t key_at = p->at;
    CUV_TRY(parse_key(p, &key));
    if (memchr(key->text, '\0', key->size))
        return fail_at(p, key_at, CUV_DAMAGED, "json.key", "a key has a NUL in it");
    if (cuv_get(dict, key->text)) {
        const char *shown = cuv_value_repr(p->cx, key);
        return fail_at(p, key_at, CUV_DAMAGED, "json.duplicate",
                       cuv_format(p->cx, "the key %s occurs twice; which of its values counts is not certain", shown));
    }
    if (peek(p) != ':')
        return syntax(p, "':'");
    p->at++;
    CUV_TRY(parse_value(p, &value));
    return cuv_dict_add(p->arena, dict, key, value);
}

static cuv_status parse_object(json_parser *p, cuv_value **out)
{
    cuv_value *dict = cuv_value_dict(p->arena);
    if (!dict)
        return cuv_oom(p->cx);
    p->at++;
    if (peek(p) == '}') {
        p->at++;
        return keep(p, dict, out);
    }
    for (;;) {
        CUV_TRY(parse_pair(p, dict));
        char c = peek(p);
        if (c != ',' && c != '}')
            return syntax(p, "',' or '}'");
        p->at++;
        if (c == '}')
            break;
    }
    *out = dict;
    return CUV_OK;
}

static cuv_status parse_value(json_parser *p, cuv_value **out)
{
    uint32_t limit = cuv_context_limits(p->cx)->depth;
    char c = peek(p);
    CUV_TRY(count_value(p));
    if (c == '"')
        return parse_string(p, out);
    if (c != '[' && c != '{')
        return parse_word(p, out);
    if (p->depth >= (limit < DEEPEST ? limit : DEEPEST))
        return fail_at(p, p->at, CUV_UNSAFE, "json.depth", "lists and objects are nested deeper than the limit");
    p->depth++;
    CUV_TRY(c == '[' ? parse_array(p, out) : parse_object(p, out));
    p->depth--;
    return CUV_OK;
}

/* ---- documents ---- */

/* Byte order marks: UTF-8's is skipped, the others are named. */
static cuv_status check_encoding(json_parser *p)
{
    const char *t = p->text;
    if (p->size >= 3 && memcmp(t, "\xef\xbb\xbf", 3) == 0)
        p->at = 3;
    if (p->size >= 2 && (memcmp(t, "\xff\xfe", 2) == 0 || memcmp(t, "\xfe\xff", 2) == 0))
        return fail_at(p, 0, CUV_DAMAGED, "json.encoding", "the text is UTF-16; save it as UTF-8");
    if (cuv_utf8_valid(t, p->size))
        return CUV_OK;
    size_t good = 0, step = 0; /* the first byte that is not UTF-8, found by halving what is known to be good */
    for (step = p->size; step > 0; step /= 2)
        while (step <= p->size - good && cuv_utf8_valid(t + good, step))
            good += step;
    return fail_at(p, good, CUV_DAMAGED, "json.encoding", "the text is not UTF-8 from here on");
}

static cuv_status parse_document(json_parser *p, cuv_value **out)
{
    uint64_t limit = cuv_context_limits(p->cx)->config_bytes;
    cuv_value *root = NULL;
    if (p->size > limit)
        return fail_at(p, 0, CUV_UNSAFE, "json.size",
                       cuv_format(p->cx, "the document is larger than the limit of %llu bytes",
                                  (unsigned long long)limit));
    CUV_TRY(check_encoding(p));
    CUV_TRY(parse_value(p, &root));
    skip_space(p);
    if (p->at < p->size)
        return fail_at(p, p->at, CUV_DAMAGED, "json.trailing", "something follows the end of the document");
    *out = root;
    return CUV_OK;
}

cuv_status cuv_json_parse(cuv_arena *arena, const cuv_source *src, cuv_value **out)
{
    json_parser p = {.arena = arena, .cx = cuv_arena_context(arena), .src = src, .text = (const char *)src->data,
                     .size = src->size};
    *out = NULL;
    return parse_document(&p, out);
}
