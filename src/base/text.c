/* Comparing, decoding and parsing text, the same in every locale. Building text is in buffer.c. */
#include "base/text.h"

#include <locale.h>

int cuv_vformat(char *out, size_t size, const char *fmt, va_list args)
{
    locale_t c = newlocale(LC_ALL_MASK, "C", (locale_t)0);
    if (c == (locale_t)0)
        return vsnprintf(out, size, fmt, args);
    locale_t before = uselocale(c); /* of this thread only */
    int length = vsnprintf(out, size, fmt, args);
    uselocale(before);
    freelocale(c);
    return length;
}

bool cuv_streq(const char *a, const char *b)
{
    return a && b && strcmp(a, b) == 0;
}

bool cuv_starts_with(const char *text, const char *prefix)
{
    return strncmp(text, prefix, strlen(prefix)) == 0;
}

bool cuv_ends_with(const char *text, const char *suffix)
{
    size_t a = strlen(text), b = strlen(suffix);
    return a >= b && memcmp(text + a - b, suffix, b) == 0;
}

bool cuv_is_keras_module(const char *module)
{
    static const char *const ours[] = {"keras.", "tf_keras.", "tensorflow.", "tensorflow_core.", NULL};
    if (!module || strcmp(module, "keras") == 0)
        return true;
    for (size_t i = 0; ours[i]; i++)
        if (cuv_starts_with(module, ours[i]))
            return true;
    return false;
}

const char *cuv_plain_name(const char *name)
{
    const char *package = strchr(name, '>');
    return package ? package + 1 : name;
}

/* Compares the numbers at *a and *b, of any length, and moves both behind them. */
static int compare_digits(const char **a, const char **b)
{
    while (**a == '0')
        ++*a;
    while (**b == '0')
        ++*b;
    const char *x = *a, *y = *b;
    while (cuv_is_digit(**a))
        ++*a;
    while (cuv_is_digit(**b))
        ++*b;
    size_t digits_x = (size_t)(*a - x), digits_y = (size_t)(*b - y);
    if (digits_x != digits_y)
        return digits_x < digits_y ? -1 : 1;
    return memcmp(x, y, digits_x);
}

int cuv_natural_compare(const char *a, const char *b)
{
    const char *x = a, *y = b;
    while (*x && *y) {
        if (cuv_is_digit(*x) && cuv_is_digit(*y)) {
            int order = compare_digits(&x, &y);
            if (order != 0)
                return order;
        } else if (*x != *y) {
            return (unsigned char)*x < (unsigned char)*y ? -1 : 1;
        } else {
            x++;
            y++;
        }
    }
    if (*x || *y)
        return *x ? 1 : -1;
    return strcmp(a, b); /* "a01" and "a1" are different names */
}

size_t cuv_edit_distance(const char *a, const char *b, size_t limit)
{
    enum { LONGEST = 256 };
    size_t size_a = strlen(a), size_b = strlen(b);
    size_t apart = size_a > size_b ? size_a - size_b : size_b - size_a;
    if (apart >= limit || size_a > LONGEST || size_b > LONGEST)
        return strcmp(a, b) == 0 ? 0 : limit;

    size_t row[LONGEST + 1];
    for (size_t j = 0; j <= size_b; j++)
        row[j] = j;
    for (size_t i = 1; i <= size_a; i++) {
        size_t diagonal = row[0];
        row[0] = i;
        for (size_t j = 1; j <= size_b; j++) {
            size_t best = diagonal + (a[i - 1] != b[j - 1]);
            diagonal = row[j];
            if (row[j] + 1 < best)
                best = row[j] + 1;
            if (row[j - 1] + 1 < best)
                best = row[j - 1] + 1;
            row[j] = best;
        }
    }
    return row[size_b] < limit ? row[size_b] : limit;
}

/* The Unicode Standard, table 3-7: well-formed UTF-8 byte sequences. */
size_t cuv_utf8_decode(const char *text, size_t size, uint32_t *out)
{
    const unsigned char *s = (const unsigned char *)text;
    if (size == 0)
        return 0;
    if (s[0] < 0x80) {
        *out = s[0];
        return 1;
    }
    size_t length = s[0] >= 0xf0 ? 4 : s[0] >= 0xe0 ? 3 : 2;
    if (s[0] < 0xc2 || s[0] > 0xf4 || size < length)
        return 0;
    uint32_t c = s[0] & (0x7fU >> length);
    for (size_t i = 1; i < length; i++) {
        if ((s[i] & 0xc0) != 0x80)
            return 0;
        c = c << 6 | (s[i] & 0x3fU);
    }
    static const uint32_t least[] = {0, 0, 0x80, 0x800, 0x10000};
    if (c < least[length] || c > 0x10ffff || (c >= 0xd800 && c <= 0xdfff))
        return 0;
    *out = c;
    return length;
}

/* The first byte from `at` on that may not be ASCII, eight at once. */
static size_t skip_ascii(const char *text, size_t at, size_t size)
{
    for (uint64_t eight; size - at >= sizeof eight; at += sizeof eight) {
        memcpy(&eight, text + at, sizeof eight);
        if (eight & UINT64_C(0x8080808080808080))
            break;
    }
    return at;
}

bool cuv_utf8_valid(const char *text, size_t size)
{
    for (size_t at = skip_ascii(text, 0, size), length; at < size; at = skip_ascii(text, at + length, size)) {
        uint32_t c = 0;
        length = cuv_utf8_decode(text + at, size - at, &c);
        if (length == 0)
            return false;
    }
    return true;
}

bool cuv_parse_i64(const char *text, size_t size, int64_t *out)
{
    size_t at = 0;
    bool negative = size > 0 && text[0] == '-';
    if (size > 0 && (text[0] == '-' || text[0] == '+'))
        at = 1;
    if (at == size)
        return false;
    int64_t value = 0; /* kept negative: INT64_MIN has no positive twin */
    for (; at < size; at++) {
        if (!cuv_is_digit(text[at]) || !cuv_mul_i64(value, 10, &value) || !cuv_add_i64(value, '0' - text[at], &value))
            return false;
    }
    if (!negative && value == INT64_MIN)
        return false;
    *out = negative ? value : -value;
    return true;
}

bool cuv_parse_shape(const char *text, int64_t shape[CUV_MAX_RANK], int *rank)
{
    *rank = 0;
    if (strcmp(text, "()") == 0)        /* single numbers */
        return true;
    for (const char *at = text; *at;) {
        size_t n = strcspn(at, ",x");
        bool any = n == 1 && *at == '?';
        if (*rank == CUV_MAX_RANK - 1 || (!any && (!cuv_parse_i64(at, n, &shape[*rank]) || shape[*rank] < 1)))
            return false;
        if (any)
            shape[*rank] = -1;
        (*rank)++;
        at += n + (at[n] != 0);
    }
    return *rank > 0;
}
