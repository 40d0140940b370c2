/* What an unquoted YAML scalar means: the rules of YAML 1.1 as PyYAML has them (yaml/resolver.py), since its dumps are what Keras 1 and 2
 * left behind. One more: 1e-05 without a dot is a number, as whoever wrote it by hand meant it. Dates stay text. */
#include "format/yaml.h"

#include <math.h>

enum { LONGEST = 512 }; /* no number is longer */

static bool is_word(const char *text, size_t size, const char *const *words)
{
    for (; *words; words++)
        if (strlen(*words) == size && memcmp(*words, text, size) == 0)
            return true;
    return false;
}

static const char *const nulls[] = {"", "~", "null", "Null", "NULL", NULL};
static const char *const trues[] = {"yes", "Yes", "YES", "true", "True", "TRUE", "on", "On", "ON", NULL};
static const char *const falses[] = {"no", "No", "NO", "false", "False", "FALSE", "off", "Off", "OFF", NULL};
static const char *const infinities[] = {".inf", ".Inf", ".INF", NULL};
static const char *const nans[] = {".nan", ".NaN", ".NAN", NULL};

static size_t span(const char *text, size_t size, size_t at, const char *set)
{
    size_t start = at;
    while (at < size && text[at] && strchr(set, text[at]))
        at++;
    return at - start;
}

/* The digits from `at` on in the given base, underscores left out, with as much precision as there is. */
static cuv_value *based(cuv_arena *arena, const char *text, size_t size, size_t at, int base, bool negative)
{
    int64_t integer = 0;
    double real = 0;
    bool fits = true;
    for (; at < size; at++) {
        if (text[at] == '_')
            continue;
        int digit = cuv_is_digit(text[at]) ? text[at] - '0' : (text[at] | 0x20) - 'a' + 10;
        fits = fits && cuv_mul_i64(integer, base, &integer) && cuv_add_i64(integer, negative ? -digit : digit, &integer);
        real = real * base + digit;
    }
    return fits ? cuv_value_int(arena, integer) : cuv_value_real(arena, negative ? -real : real);
}

/* 1:30:15 is sixty times sixty and so on; the last part may have a fraction. */
static cuv_value *sexagesimal(cuv_arena *arena, const char *text, size_t size, size_t at, bool negative)
{
    double total = 0;
    size_t parts = 0;
    bool whole = true;
    while (at < size) {
        size_t digits = span(text, size, at, parts == 0 ? "0123456789_" : "0123456789");
        double part = 0;
        if (digits == 0 || !cuv_is_digit(text[at]) || (parts > 0 && (digits > 2 || (digits == 2 && text[at] > '5'))))
            return NULL;
        for (size_t i = 0; i < digits; i++)
            part = text[at + i] == '_' ? part : part * 10 + (text[at + i] - '0');
        total = total * 60 + part;
        at += digits;
        parts++;
        if (at < size && text[at] == '.') {
            double place = 0.1;
            for (at++; at < size && (cuv_is_digit(text[at]) || text[at] == '_'); at++, place /= 10)
                total += text[at] == '_' ? 0 : place * (text[at] - '0');
            whole = false;
            break;
        }
        if (at < size && text[at++] != ':')
            return NULL;
    }
    if (parts < 2 || at != size || text[size - 1] == ':')
        return NULL;
    total = negative ? -total : total;
    return whole && fabs(total) < 0x1p53 ? cuv_value_int(arena, (int64_t)total) : cuv_value_real(arena, total);
}

static bool is_integer(const char *text, size_t size, size_t at, int *base, size_t *digits_at)
{
    size_t left = size - at;
    *digits_at = at;
    *base = 10;
    if (left > 2 && text[at] == '0' && (text[at + 1] == 'b' || text[at + 1] == 'x')) {
        *base = text[at + 1] == 'b' ? 2 : 16;
        *digits_at = at + 2;
        return span(text, size, at + 2, *base == 2 ? "01_" : "0123456789abcdefABCDEF_") == left - 2;
    }
    if (left > 1 && text[at] == '0') {
        *base = 8;
        return span(text, size, at, "01234567_") == left;
    }
    return left > 0 && cuv_is_digit(text[at]) && span(text, size, at, "0123456789_") == left;
}

/* Digits, a dot, digits, an exponent with its sign; the dot may be missing if there is an exponent. */
static bool is_float(const char *text, size_t size, size_t at)
{
    size_t before = at < size && cuv_is_digit(text[at]) ? span(text, size, at, "0123456789_") : 0, after = 0;
    at += before;
    bool dot = at < size && text[at] == '.';
    if (dot) {
        after = span(text, size, ++at, "0123456789_");
        if (before == 0 && (after == 0 || text[at] == '_'))
            return false;
        at += after;
    }
    if (before + after == 0)
        return false;
    if (at == size)
        return dot;
    if ((text[at] != 'e' && text[at] != 'E') || ++at == size || (text[at] != '+' && text[at] != '-'))
        return false;
    at++;
    return at < size && span(text, size, at, "0123456789") == size - at;
}

static cuv_value *make_float(cuv_arena *arena, const char *text, size_t size)
{
    char digits[LONGEST];
    size_t count = 0;
    double real = 0;
    for (size_t i = 0; i < size; i++)
        if (text[i] != '_')
            digits[count++] = text[i];
    return cuv_parse_double(digits, count, &real) ? cuv_value_real(arena, real)
                                                  : cuv_value_text_n(arena, text, size);
}

cuv_value *cuv_yaml_resolve(cuv_arena *arena, const char *text, size_t size)
{
    size_t sign = size > 0 && (text[0] == '-' || text[0] == '+'), digits_at = 0;
    bool negative = sign && text[0] == '-';
    int base = 0;
    if (is_word(text, size, nulls))
        return cuv_value_null(arena);
    if (is_word(text, size, trues))
        return cuv_value_bool(arena, true);
    if (is_word(text, size, falses))
        return cuv_value_bool(arena, false);
    if (is_word(text + sign, size - sign, infinities))
        return cuv_value_real(arena, negative ? -(double)INFINITY : (double)INFINITY);
    if (is_word(text, size, nans))
        return cuv_value_real(arena, (double)NAN);
    if (size <= LONGEST && is_integer(text, size, sign, &base, &digits_at))
        return based(arena, text, size, digits_at, base, negative);
    if (size <= LONGEST && is_float(text, size, sign))
        return make_float(arena, text, size);
    if (size <= LONGEST && size > sign && cuv_is_digit(text[sign]) && memchr(text, ':', size)) {
        size_t mark = cuv_findings_mark(cuv_arena_context(arena));
        cuv_value *v = sexagesimal(arena, text, size, sign, negative);
        if (v || cuv_findings_mark(cuv_arena_context(arena)) != mark)
            return v;
    }
    return cuv_value_text_n(arena, text, size);
}
