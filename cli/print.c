/* Everything that may hold words from a file goes to the terminal through here: control characters, escape sequences, marks that turn the
 * direction of writing, and bytes that are no UTF-8 are shown as what they are, and cannot act. */
#include "cli.h"

#include <math.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

/* What the report of findings colours with; these four cannot hide or forge anything. */
static size_t color_length(const char *text)
{
    static const char *const known[] = {"\033[36m", "\033[33m", "\033[1;31m", "\033[0m"};
    for (size_t i = 0; i < sizeof known / sizeof known[0]; i++)
        if (!strncmp(text, known[i], strlen(known[i])))
            return strlen(known[i]);
    return 0;
}

/* Bytes of the UTF-8 character at `p`, and its code; 0: it is none. */
static size_t decode(const unsigned char *p, unsigned *code)
{
    static const unsigned least[] = {0, 0, 0x80, 0x800, 0x10000};
    size_t n = *p < 0x80 ? 1 : (*p & 0xe0) == 0xc0 ? 2 : (*p & 0xf0) == 0xe0 ? 3 : (*p & 0xf8) == 0xf0 ? 4 : 0;
    *code = n == 1 ? *p : *p & (0xffu >> (n + 1));
    for (size_t i = 1; i < n; i++) {
        if ((p[i] & 0xc0) != 0x80)
            return 0;
        *code = *code << 6 | (p[i] & 0x3f);
    }
    bool whole = n && *code >= least[n] && *code <= 0x10ffff && (*code < 0xd800 || *code > 0xdfff);
    return whole ? n : 0;
}

/* Controls, what turns the direction of writing, and what takes no room. */
static bool acts(unsigned c)
{
    static const unsigned ranges[][2] = {{0, 0x1f}, {0x7f, 0x9f}, {0xad, 0xad}, {0x61c, 0x61c}, {0x180e, 0x180e}, {0x200b, 0x200f},
                                         {0x2028, 0x202e}, {0x2060, 0x206f}, {0xfeff, 0xfeff}, {0xfff9, 0xfffb}, {0xe0000, 0xe0fff}};
    for (size_t i = 0; i < sizeof ranges / sizeof ranges[0]; i++)
        if (c >= ranges[i][0] && c <= ranges[i][1])
            return true;
    return false;
}

void print_safe(FILE *to, const char *text, bool color)
{
    const char *from = text;        /* what was not written yet */
    for (const char *p = text; *p;) {
        unsigned code = 0;
        size_t colors = color ? color_length(p) : 0, n = colors ? colors : decode((const unsigned char *)p, &code);
        bool plain = colors || *p == '\n' || *p == '\t' || (n && !acts(code));
        if (!plain) {
            (void)fwrite(from, 1, (size_t)(p - from), to);
            fprintf(to, n < 2 ? "\\x%02x" : code > 0xffff ? "\\U%08x" : "\\u%04x", n ? code : (unsigned)(unsigned char)*p);
        }
        p += n ? n : 1;
        from = plain ? from : p;
    }
    fputs(from, to);
}

/* NULL: no memory, which has been said. */
static char *text_of(const char *fmt, va_list args)
{
    va_list again;
    va_copy(again, args);
    int n = vsnprintf(NULL, 0, fmt, args);
    char *text = n < 0 ? NULL : malloc((size_t)n + 1);
    if (!text || vsnprintf(text, (size_t)n + 1, fmt, again) != n) {
        fputs("cuvier: memory ran out\n", stderr);
        free(text);
        text = NULL;
    }
    va_end(again);
    return text;
}

void say(FILE *to, const char *fmt, ...)
{
    va_list args;
    va_start(args, fmt);
    char *text = text_of(fmt, args);
    va_end(args);
    if (text)
        print_safe(to, text, false);
    free(text);
}

void wrong_usage(const options *o, const char *fmt, ...)
{
    va_list args;
    va_start(args, fmt);
    char *text = text_of(fmt, args);
    va_end(args);
    if (text)
        print_safe(stderr, text, false);
    if (text && o->json) {
        text[strcspn(text, "\n")] = '\0';       /* the usage follows on lines of its own */
        printf("{\"cuvier\": \"%s\", \"error\": {\"code\": \"usage\", \"message\": ", cuv_version());
        print_json_text(text);
        printf("}}\n");
    }
    free(text);
}

void print_json_text(const char *text)
{
    if (!text) {
        printf("null");
        return;
    }
    putchar('"');
    for (const unsigned char *p = (const unsigned char *)text; *p;) {
        unsigned code;
        size_t n = decode(p, &code);
        if (!n)
            printf("\\ufffd");
        else if (code == '"' || code == '\\')
            printf("\\%c", (int)code);
        else if (code > 0xffff)
            printf("\\u%04x\\u%04x", 0xd800 + ((code - 0x10000) >> 10), 0xdc00 + ((code - 0x10000) & 0x3ff));
        else if (code < 0x20 || code > 0x7e)
            printf("\\u%04x", code);
        else
            putchar((int)code);
        p += n ? n : 1;
    }
    putchar('"');
}

void print_json_number(const char *name, double x, int digits)
{
    if (isfinite(x))
        printf(", \"%s\": %.*g", name, digits, x);
    else
        printf(", \"%s\": null", name);
}
