/* Doubles to the shortest decimal text and back, exactly and the same in every locale.
 * The C library converts; what it reads and writes here never contains a decimal point. */
#include "base/base.h"

#include <math.h>
#include <stdlib.h>

/* ---- text to double ---- */

enum { MOST_DIGITS = 800, MOST_EXPONENT = 100000 }; /* 768 digits decide every rounding; the rest is one sticky digit */

/* A decimal number: digits × 10^exponent. */
typedef struct decimal {
    char digits[MOST_DIGITS + 16];
    size_t count;
    int64_t exponent;
    bool sticky;
    bool negative;
} decimal;

static void take_digit(decimal *d, char c, bool fraction)
{
    if (fraction)
        d->exponent--;
    if (d->count == 0 && c == '0')
        return;
    if (d->count < MOST_DIGITS) {
        d->digits[d->count++] = c;
    } else {
        d->exponent++;
        d->sticky |= c != '0';
    }
}

/* Reads [eE][+-]digits at text[*at]; false when the exponent has no digits. */
static bool take_exponent(const char *text, size_t size, size_t *at, decimal *d)
{
    int64_t exponent = 0;
    bool negative = false;
    ++*at;
    if (*at < size && (text[*at] == '+' || text[*at] == '-'))
        negative = text[(*at)++] == '-';
    if (*at == size || !cuv_is_digit(text[*at]))
        return false;
    for (; *at < size && cuv_is_digit(text[*at]); ++*at)
        exponent = exponent > INT64_C(1) << 40 ? exponent : exponent * 10 + (text[*at] - '0');
    d->exponent += negative ? -exponent : exponent;
    return true;
}

static bool parse_decimal(const char *text, size_t size, decimal *d)
{
    size_t at = 0;
    bool any = false, fraction = false;
    if (size > 0 && (text[0] == '+' || text[0] == '-'))
        d->negative = text[at++] == '-';
    for (; at < size && (cuv_is_digit(text[at]) || (text[at] == '.' && !fraction)); at++) {
        if (text[at] == '.') {
            fraction = true;
        } else {
            any = true;
            take_digit(d, text[at], fraction);
        }
    }
    if (any && at < size && (text[at] == 'e' || text[at] == 'E'))
        any = take_exponent(text, size, &at, d);
    return any && at == size;
}

static int64_t clamp(int64_t value, int64_t bound)
{
    return value < -bound ? -bound : value > bound ? bound : value;
}

bool cuv_parse_double(const char *text, size_t size, double *out)
{
    decimal d;
    d.count = 0;
    d.exponent = 0;
    d.sticky = d.negative = false;
    if (!parse_decimal(text, size, &d))
        return false;
    if (d.count == 0) {
        *out = d.negative ? -0.0 : 0.0;
        return true;
    }
    if (d.sticky) {
        d.digits[d.count++] = '1';
        d.exponent--;
    }
    (void)snprintf(d.digits + d.count, sizeof d.digits - d.count, "e%d", (int)clamp(d.exponent, MOST_EXPONENT));
    double value = strtod(d.digits, NULL);
    *out = d.negative ? -value : value;
    return true;
}

/* ---- double to text ---- */

/* The significant digits of a number and the place of its decimal point: 0.d1d2d3… × 10^point. */
typedef struct shortest {
    char digits[24];
    int count;
    int point;
} shortest;

/* Rounds to `count` digits. The decimal point of the locale is skipped. */
static void round_digits(double value, int count, shortest *s)
{
    char text[64];
    (void)snprintf(text, sizeof text, "%.*e", count - 1, value);
    s->count = 0;
    const char *p = text;
    for (; *p != 'e'; p++)
        if (cuv_is_digit(*p))
            s->digits[s->count++] = *p;
    s->point = (int)strtol(p + 1, NULL, 10) + 1;
}

static bool reads_back(const shortest *s, double value)
{
    char text[40];
    (void)snprintf(text, sizeof text, "%.*se%d", s->count, s->digits, s->point - s->count);
    return strtod(text, NULL) == value;
}

/* The next larger number of as many digits. */
static void step_up(shortest *s)
{
    int i = s->count - 1;
    while (i >= 0 && s->digits[i] == '9')
        s->digits[i--] = '0';
    if (i >= 0) {
        s->digits[i]++;
    } else {
        s->digits[0] = '1';
        s->point++;
    }
}

/* Fewest digits that read back. Above a power of two neighbours lie twice as far as below, so there the nearest decimal
 * may miss while the next larger one reads back (2^-44). */
static void find_shortest(double value, shortest *s)
{
    int exponent = 0;
    bool power_of_two = frexp(value, &exponent) == 0.5;
    int first = fpclassify(value) == FP_SUBNORMAL ? 1 : 15; /* 15 digits hold every shorter decimal of a normal number */
    for (int count = first; count <= 17; count++) {
        round_digits(value, count, s);
        if (reads_back(s, value))
            break;
        if (power_of_two) {
            step_up(s);
            if (reads_back(s, value))
                break;
        }
    }
    while (s->count > 1 && s->digits[s->count - 1] == '0')
        s->count--;
}

/* The same for a float: nine digits hold any. */
static void find_shortest_float(float value, shortest *s)
{
    char text[40];
    for (int count = 6; count <= 9; count++) {
        round_digits((double)value, count, s);
        (void)snprintf(text, sizeof text, "%.*se%d", s->count, s->digits, s->point - s->count);
        if (strtof(text, NULL) == value)
            break;
    }
    while (s->count > 1 && s->digits[s->count - 1] == '0')
        s->count--;
}

static void add_zeros(cuv_buffer *b, int count)
{
    for (int i = 0; i < count; i++)
        cuv_buffer_char(b, '0');
}

/* Python's repr: fixed notation for 1e-4 <= |value| < 1e16. */
static void add_layout(cuv_buffer *b, const shortest *s)
{
    size_t count = (size_t)s->count;
    if (s->point <= -4 || s->point > 16) {
        cuv_buffer_add(b, s->digits, 1);
        if (count > 1) {
            cuv_buffer_char(b, '.');
            cuv_buffer_add(b, s->digits + 1, count - 1);
        }
        cuv_buffer_printf(b, "e%c%02d", s->point > 0 ? '+' : '-', abs(s->point - 1));
    } else if (s->point <= 0) {
        cuv_buffer_text(b, "0.");
        add_zeros(b, -s->point);
        cuv_buffer_add(b, s->digits, count);
    } else if (s->count <= s->point) {
        cuv_buffer_add(b, s->digits, count);
        add_zeros(b, s->point - s->count);
        cuv_buffer_text(b, ".0");
    } else {
        cuv_buffer_add(b, s->digits, (size_t)s->point);
        cuv_buffer_char(b, '.');
        cuv_buffer_add(b, s->digits + s->point, count - (size_t)s->point);
    }
}

static void add_number(cuv_buffer *b, double value, bool single)
{
    if (isnan(value)) {
        cuv_buffer_text(b, "nan");
        return;
    }
    if (signbit(value)) {
        cuv_buffer_char(b, '-');
        value = -value;
    }
    if (isinf(value)) {
        cuv_buffer_text(b, "inf");
    } else if (value == 0) {
        cuv_buffer_text(b, "0.0");
    } else {
        shortest s = {.count = 0};
        if (single)
            find_shortest_float((float)value, &s);
        else
            find_shortest(value, &s);
        add_layout(b, &s);
    }
}

void cuv_buffer_double(cuv_buffer *b, double value)
{
    add_number(b, value, false);
}

void cuv_buffer_float(cuv_buffer *b, float value)
{
    add_number(b, (double)value, true);
}
