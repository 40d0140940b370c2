/* Strings of a script: f-strings, %, format(), and the methods that names of layers and files are made with. */
#include "evidence/script.h"

/* ---- format specifications ("Format Specification Mini-Language") ---- */

typedef struct spec { char fill, align, sign, type; bool zero, comma; size_t width; int precision; } spec;

static size_t spec_number(const char *s, size_t size, size_t *i)
{
    size_t n = 0;
    for (; *i < size && s[*i] >= '0' && s[*i] <= '9'; ++*i)
        n = n < 10000 ? n * 10 + (size_t)(s[*i] - '0') : n;
    return n;
}

static spec read_spec(const char *s, size_t size)
{
    spec p = {.fill = ' ', .precision = -1};
    size_t i = 0;
    if (size >= 2 && strchr("<>^=", s[1])) {
        p.fill = s[0];
        p.align = s[1];
        i = 2;
    } else if (size >= 1 && strchr("<>^=", s[0]) && s[0]) {
        p.align = s[i++];
    }
    if (i < size && (s[i] == '+' || s[i] == '-' || s[i] == ' '))
        p.sign = s[i++];
    if (i < size && s[i] == '#')
        i++;
    if (i < size && s[i] == '0') {
        p.zero = true;
        i++;
    }
    p.width = spec_number(s, size, &i);
    if (i < size && (s[i] == ',' || s[i] == '_')) {
        p.comma = true;
        i++;
    }
    if (i < size && s[i] == '.') {
        i++;
        p.precision = (int)spec_number(s, size, &i);
    }
    if (i < size)
        p.type = s[i];
    if (p.width > 1000)
        p.width = 1000;
    if (p.precision > 100)
        p.precision = 100;
    return p;
}

static void group_digits(char *text, size_t capacity)
{
    size_t start = text[0] == '-' || text[0] == '+', digits = strspn(text + start, "0123456789"), size = strlen(text);
    for (size_t at = digits; at > 3 && size + 1 < capacity; size++) {
        at -= 3;
        memmove(text + start + at + 1, text + start + at, size - start - at + 1);
        text[start + at] = ',';
    }
}

/* A number's digits by the specification; false when it is no number or the type is none of a number's. */
static bool format_number(const cuv_sv *v, const spec *p, char *out, size_t size)
{
    int64_t i = 0;
    double x = 0;
    char sign[2] = {p->sign == '+' ? '+' : '\0', '\0'};
    bool integer = v->kind != CUV_SV_REAL && cuv_sv_as_int(v, &i);
    if (!cuv_sv_as_real(v, &x))
        return false;
    if (integer && (p->type == 'x' || p->type == 'X' || p->type == 'o'))
        snprintf(out, size, p->type == 'x' ? "%llx" : p->type == 'X' ? "%llX" : "%llo", (unsigned long long)i);
    else if (integer && (!p->type || p->type == 'd' || p->type == 'n'))
        snprintf(out, size, "%s%lld", i >= 0 ? sign : "", (long long)i);
    else if (p->type == 'e' || p->type == 'E')
        snprintf(out, size, "%s%.*e", x >= 0 ? sign : "", p->precision < 0 ? 6 : p->precision, x);
    else if (p->type == '%')
        snprintf(out, size, "%.*f%%", p->precision < 0 ? 6 : p->precision, x * 100);
    else if (p->type == 'f' || p->type == 'F')
        snprintf(out, size, "%s%.*f", x >= 0 ? sign : "", p->precision < 0 ? 6 : p->precision, x);
    else if (p->type == 'g' || p->precision >= 0)
        snprintf(out, size, "%s%.*g", x >= 0 ? sign : "", p->precision < 0 ? 6 : p->precision, x);
    else
        return false;
    if (p->comma)
        group_digits(out, size);
    return true;
}

static void pad(cuv_buffer *b, const char *text, size_t size, const spec *p, bool number)
{
    char align = p->align ? p->align : number ? '>' : '<', fill = p->zero && !p->align ? '0' : p->fill;
    size_t room = p->width > size ? p->width - size : 0;
    size_t left = align == '<' ? 0 : align == '^' ? room / 2 : room;
    if (fill == '0' && number && size && (text[0] == '-' || text[0] == '+')) {
        cuv_buffer_char(b, text[0]);
        text++;
        size--;
    }
    for (size_t i = 0; i < left; i++)
        cuv_buffer_char(b, fill);
    cuv_buffer_add(b, text, size);
    for (size_t i = left; i < room; i++)
        cuv_buffer_char(b, fill);
}

static void format_value(cuv_sc *e, cuv_buffer *b, const cuv_sv *v, const char *text, size_t size, bool repr)
{
    char digits[512];
    spec p = read_spec(text, size);
    cuv_buffer plain;
    if (size > 0 && cuv_sv_is_number(v) && v->kind != CUV_SV_BOOL && format_number(v, &p, digits, sizeof digits)) {
        pad(b, digits, strlen(digits), &p, true);
        return;
    }
    cuv_buffer_init(&plain, e->cx);
    cuv_sv_print(e, &plain, v, repr, 0);
    if (p.precision >= 0 && v->kind == CUV_SV_TEXT && plain.size > (size_t)p.precision)
        plain.size = (size_t)p.precision;
    pad(b, plain.size ? plain.data : "", plain.size, &p, cuv_sv_is_number(v));
    b->failed = b->failed || plain.failed;
    cuv_buffer_free(&plain);
}

static cuv_status take(cuv_sc *e, cuv_buffer *b, cuv_sv **out)
{
    cuv_status status = b->failed ? cuv_oom(e->cx) : cuv_sv_text(e, b->size ? b->data : "", b->size, out);
    cuv_buffer_free(b);
    return status;
}

/* ---- f-strings ---- */

static cuv_status field(cuv_sc *e, const cuv_py *node, cuv_buffer *b, const cuv_sv **unknown)
{
    cuv_sv *v = NULL, *format = NULL;
    CUV_TRY(cuv_sc_eval(e, node->a, &v));
    if (node->b)
        CUV_TRY(cuv_sc_fstring(e, node->b, &format));
    *unknown = cuv_sv_unknown_in(v) ? cuv_sv_unknown_in(v) : format ? cuv_sv_unknown_in(format) : NULL;
    if (*unknown)
        return CUV_OK;
    if (node->text)
        cuv_buffer_add(b, node->text, node->size);
    format_value(e, b, v, format ? format->text : "", format ? format->size : 0,
                 node->op == 'r' || node->op == 'a' || (node->text && !format && node->op != 's'));
    return CUV_OK;
}

cuv_status cuv_sc_fstring(cuv_sc *e, const cuv_py *node, cuv_sv **out)
{
    cuv_buffer b;
    const cuv_sv *unknown = NULL;
    cuv_status status = CUV_OK;
    cuv_buffer_init(&b, e->cx);
    for (size_t i = 0; i < node->count && status == CUV_OK && !unknown && b.size < (1u << 24); i++) {
        const cuv_py *part = node->items[i];
        if (part->kind == CUV_PY_FIELD)
            status = field(e, part, &b, &unknown);
        else
            cuv_buffer_add(&b, part->text, part->size);
    }
    if (status == CUV_OK && !unknown)
        return take(e, &b, out);
    cuv_buffer_free(&b);
    CUV_TRY(status);
    return cuv_sv_unknown(e, out, "a text made of %s", cuv_sv_describe(e, unknown));
}

/* ---- "..." % ... ---- */

static cuv_status percent_item(cuv_sc *e, const cuv_sv *format, size_t *i, const cuv_sv *args, size_t *used, cuv_buffer *b)
{
    const cuv_sv *v = NULL;
    if (*i < format->size && format->text[*i] == '(') {
        size_t start = ++*i;
        while (*i < format->size && format->text[*i] != ')')
            ++*i;
        cuv_sv key = {.kind = CUV_SV_TEXT, .text = format->text + start, .size = *i - start};
        *i += *i < format->size;
        v = args->kind == CUV_SV_DICT ? cuv_sv_find(args, &key) : NULL;
    } else if (args->kind == CUV_SV_TUPLE) {
        v = *used < args->count ? args->items[*used] : NULL;
        ++*used;
    } else {
        v = *used == 0 ? args : NULL;
        ++*used;
    }
    size_t start = *i;
    while (*i < format->size && strchr("#0- +.0123456789l", format->text[*i]) && format->text[*i])
        ++*i;
    if (!v || *i >= format->size)
        return cuv_sc_fail(e, e->at, CUV_NO, "script.format", NULL, "the values do not fit the text's '%%' places");
    char kind = format->text[*i], text[40];
    size_t from = start;
    bool left = from < *i && format->text[from] == '-';
    from += left;
    snprintf(text, sizeof text, "%s%.*s%s", left ? "<" : cuv_sv_is_number(v) ? "" : ">", (int)(*i - from < 30 ? *i - from : 30),
             format->text + from, kind == 'd' || kind == 'i' ? "d" : strchr("feEgxXo", kind) && kind ? (char[]){kind, '\0'} : "");
    ++*i;
    bool plain = *i - start == 1;
    cuv_sv truncated = *v;
    if ((kind == 'd' || kind == 'i') && v->kind == CUV_SV_REAL && v->real > -9e18 && v->real < 9e18) {
        truncated.kind = CUV_SV_INT;
        truncated.integer = (int64_t)v->real;
    }
    format_value(e, b, &truncated, plain && !strchr("feEgxXo", kind) ? "" : text, plain && !strchr("feEgxXo", kind) ? 0 : strlen(text),
                 kind == 'r');
    return CUV_OK;
}

cuv_status cuv_sc_percent(cuv_sc *e, const cuv_sv *format, const cuv_sv *args, cuv_sv **out)
{
    cuv_buffer b;
    cuv_status status = CUV_OK;
    size_t used = 0;
    if (cuv_sv_unknown_in(args))
        return cuv_sv_unknown(e, out, "a text made of %s", cuv_sv_describe(e, cuv_sv_unknown_in(args)));
    cuv_buffer_init(&b, e->cx);
    for (size_t i = 0; i < format->size && status == CUV_OK && b.size < (1u << 24);) {
        char c = format->text[i++];
        if (c != '%')
            cuv_buffer_char(&b, c);
        else if (i < format->size && format->text[i] == '%')
            cuv_buffer_char(&b, format->text[i++]);
        else
            status = percent_item(e, format, &i, args, &used, &b);
    }
    if (status == CUV_OK)
        return take(e, &b, out);
    cuv_buffer_free(&b);
    return status;
}

/* ---- "...".format(...) ---- */

static cuv_status format_field(cuv_sc *e, const cuv_sv *self, size_t start, size_t end, const cuv_sargs *args, size_t *next,
                               cuv_buffer *b)
{
    const char *s = self->text;
    size_t name_end = start, index = 0;
    const cuv_sv *v = NULL;
    while (name_end < end && s[name_end] != ':' && s[name_end] != '!' && s[name_end] != '.' && s[name_end] != '[')
        name_end++;
    size_t spec_at = name_end;
    while (spec_at < end && s[spec_at] != ':')
        spec_at++;
    size_t digits = start;
    index = spec_number(s, name_end, &digits);
    if (name_end == start)
        v = *next < args->count ? args->items[(*next)++] : NULL;
    else if (digits == name_end)
        v = index < args->count ? args->items[index] : NULL;
    for (size_t i = 0; !v && i < args->named; i++)
        if (strlen(args->names[i]) == name_end - start && !strncmp(args->names[i], s + start, name_end - start))
            v = args->values[i];
    if (!v || s[name_end] == '.' || s[name_end] == '[')
        return cuv_sc_fail(e, e->at, CUV_NO, "script.format", NULL, "the values do not fit the text's '{}' places");
    format_value(e, b, v, spec_at < end ? s + spec_at + 1 : "", spec_at < end ? end - spec_at - 1 : 0, s[name_end] == '!' && s[name_end + 1] == 'r');
    return CUV_OK;
}

static cuv_status format_text(cuv_sc *e, const cuv_sv *self, const cuv_sargs *args, cuv_sv **out)
{
    cuv_buffer b;
    cuv_status status = CUV_OK;
    size_t next = 0;
    for (size_t i = 0; i < args->count + args->named; i++) {
        const cuv_sv *u = cuv_sv_unknown_in(i < args->count ? args->items[i] : args->values[i - args->count]);
        if (u)
            return cuv_sv_unknown(e, out, "a text made of %s", cuv_sv_describe(e, u));
    }
    cuv_buffer_init(&b, e->cx);
    for (size_t i = 0; i < self->size && status == CUV_OK && b.size < (1u << 24); i++) {
        char c = self->text[i];
        bool twice = i + 1 < self->size && self->text[i + 1] == c;
        if ((c != '{' && c != '}') || twice) {
            cuv_buffer_char(&b, c);
            i += (c == '{' || c == '}') && twice;
        } else if (c == '{') {
            const char *close = memchr(self->text + i, '}', self->size - i);
            size_t end = close ? (size_t)(close - self->text) : self->size;
            status = format_field(e, self, i + 1, end, args, &next, &b);
            i = end;
        }
    }
    if (status == CUV_OK)
        return take(e, &b, out);
    cuv_buffer_free(&b);
    return status;
}

/* ---- methods ---- */

static cuv_status split(cuv_sc *e, const cuv_sv *self, const cuv_sv *by, cuv_sv **out)
{
    const char *s = self->text;
    CUV_TRY(cuv_sv_make(e, CUV_SV_LIST, out));
    for (size_t i = 0, start = 0; i <= self->size;) {
        cuv_sv *part = NULL;
        bool blank = !by && i < self->size && strchr(" \t\r\n", s[i]) && s[i];
        bool cut = i == self->size || blank ||
                   (by && by->size && self->size - i >= by->size && memcmp(s + i, by->text, by->size) == 0);
        if (!cut) {
            i++;
            continue;
        }
        if (by || i > start) {
            CUV_TRY(cuv_sv_text(e, s + start, i - start, &part));
            CUV_TRY(cuv_sv_add(e, *out, part));
        }
        i += by && i < self->size ? by->size : 1;
        start = i;
    }
    return CUV_OK;
}

/* split(by, most) and rsplit(by, most): at most that many cuts, from the left or from the right; most < 0: all. */
static cuv_status split_some(cuv_sc *e, const cuv_sv *self, const cuv_sv *by, int64_t most, bool right, cuv_sv **out)
{
    cuv_sv *all = NULL, *part = NULL;
    CUV_TRY(split(e, self, by, &all));
    size_t cuts = all->count - 1;
    cuts = most >= 0 && (uint64_t)most < cuts ? (size_t)most : cuts;
    size_t first = right ? all->count - 1 - cuts : 0, at = 0;       /* parts before the cuts stay together, or those behind them */
    CUV_TRY(cuv_sv_make(e, CUV_SV_LIST, out));
    for (size_t i = 0; i <= cuts; i++) {
        size_t joined = i == (right ? 0 : cuts) ? all->count - cuts : 1, start = at;
        for (size_t k = 0; k < joined; k++)
            at += all->items[(right && i > 0 ? first + i : i) + k]->size + by->size;
        CUV_TRY(cuv_sv_text(e, self->text + start, at - by->size - start, &part));
        CUV_TRY(cuv_sv_add(e, *out, part));
    }
    return CUV_OK;
}

static cuv_status join(cuv_sc *e, const cuv_sv *self, cuv_sv *over, cuv_sv **out)
{
    cuv_buffer b;
    cuv_sv *list = NULL;
    bool known = true;
    CUV_TRY(cuv_sv_iterate(e, over, &list, &known));
    if (!known || cuv_sv_unknown_in(list))
        return cuv_sv_unknown(e, out, "a text made of %s", cuv_sv_describe(e, over));
    cuv_buffer_init(&b, e->cx);
    for (size_t i = 0; i < list->count && b.size < (1u << 24); i++) {
        if (i)
            cuv_buffer_add(&b, self->text, self->size);
        cuv_sv_print(e, &b, list->items[i], false, 0);
    }
    return take(e, &b, out);
}

static cuv_status replace(cuv_sc *e, const cuv_sv *self, const cuv_sv *from, const cuv_sv *to, cuv_sv **out)
{
    cuv_buffer b;
    cuv_buffer_init(&b, e->cx);
    for (size_t i = 0; i < self->size && b.size < (1u << 26);) {
        if (from->size && self->size - i >= from->size && memcmp(self->text + i, from->text, from->size) == 0) {
            cuv_buffer_add(&b, to->text, to->size);
            i += from->size;
        } else {
            cuv_buffer_char(&b, self->text[i++]);
        }
    }
    return take(e, &b, out);
}

static cuv_status change_case(cuv_sc *e, const cuv_sv *self, bool upper, cuv_sv **out)
{
    CUV_TRY(cuv_sv_text(e, self->text, self->size, out));
    char *text = (char *)(uintptr_t)(*out)->text;
    for (size_t i = 0; i < self->size; i++)
        if (upper ? text[i] >= 'a' && text[i] <= 'z' : text[i] >= 'A' && text[i] <= 'Z')
            text[i] = (char)(text[i] ^ 0x20);
    return CUV_OK;
}

static cuv_status strip(cuv_sc *e, const cuv_sv *self, const char *name, const cuv_sv *chars, cuv_sv **out)
{
    const char *set = chars ? chars->text : " \t\r\n";
    size_t start = 0, end = self->size;
    while (name[0] != 'r' && start < end && self->text[start] && strchr(set, self->text[start]))
        start++;
    while (name[0] != 'l' && end > start && self->text[end - 1] && strchr(set, self->text[end - 1]))
        end--;
    return cuv_sv_text(e, self->text + start, end - start, out);
}

static bool edge(const cuv_sv *self, const cuv_sv *part, bool end)
{
    return part->kind == CUV_SV_TEXT && self->size >= part->size &&
           memcmp(self->text + (end ? self->size - part->size : 0), part->text, part->size) == 0;
}

static cuv_status edges(cuv_sc *e, const cuv_sv *self, const cuv_sv *part, bool end, cuv_sv **out)
{
    bool found = edge(self, part, end);
    for (size_t i = 0; part->kind == CUV_SV_TUPLE && i < part->count; i++)
        found = found || edge(self, part->items[i], end);
    *out = cuv_sv_bool(e, found);
    return CUV_OK;
}

/* "conv/kernel".partition("/"): what comes before, the separator, what comes behind. */
static cuv_status partition(cuv_sc *e, const cuv_sv *self, const cuv_sv *by, bool last, cuv_sv **out)
{
    const char *found = NULL;
    cuv_sv *part = NULL;
    for (size_t at = 0; at + by->size <= self->size && (last || !found); at++)
        if (memcmp(self->text + at, by->text, by->size) == 0)
            found = self->text + at;
    size_t before = found ? (size_t)(found - self->text) : last ? 0 : self->size;
    size_t behind = found ? before + by->size : last ? 0 : self->size;
    CUV_TRY(cuv_sv_make(e, CUV_SV_TUPLE, out));
    CUV_TRY(cuv_sv_text(e, self->text, before, &part));
    CUV_TRY(cuv_sv_add(e, *out, part));
    CUV_TRY(cuv_sv_text(e, self->text + before, behind - before, &part));
    CUV_TRY(cuv_sv_add(e, *out, part));
    CUV_TRY(cuv_sv_text(e, self->text + behind, self->size - behind, &part));
    return cuv_sv_add(e, *out, part);
}

cuv_status cuv_sc_text_method(cuv_sc *e, cuv_sv *self, const char *name, const cuv_sargs *args, cuv_sv **out)
{
    cuv_sv *a = cuv_sc_arg(args, 0, NULL), *b = cuv_sc_arg(args, 1, NULL);
    bool text = a && a->kind == CUV_SV_TEXT;
    if (cuv_streq(name, "format"))
        return format_text(e, self, args, out);
    if (cuv_streq(name, "join") && a)
        return join(e, self, a, out);
    if (cuv_streq(name, "lower") || cuv_streq(name, "upper"))
        return change_case(e, self, name[0] == 'u', out);
    if ((cuv_streq(name, "startswith") || cuv_streq(name, "endswith")) && a && (text || a->kind == CUV_SV_TUPLE))
        return edges(e, self, a, name[0] == 'e', out);
    if (cuv_streq(name, "split") && (!a || text || a->kind == CUV_SV_NONE) && !b)
        return split(e, self, text ? a : NULL, out);
    int64_t most = -1;
    const cuv_sv *limit = b ? b : cuv_sc_arg(args, args->count, "maxsplit");
    if ((cuv_streq(name, "split") || cuv_streq(name, "rsplit")) && text && a->size && (!limit || cuv_sv_as_int(limit, &most)))
        return split_some(e, self, a, most, name[0] == 'r', out);
    if (cuv_streq(name, "replace") && text && b && b->kind == CUV_SV_TEXT)
        return replace(e, self, a, b, out);
    if ((cuv_streq(name, "strip") || cuv_streq(name, "lstrip") || cuv_streq(name, "rstrip")) && (!a || text))
        return strip(e, self, name, a, out);
    if ((cuv_streq(name, "partition") || cuv_streq(name, "rpartition")) && text && a->size)
        return partition(e, self, a, name[0] == 'r', out);
    if (cuv_streq(name, "splitlines") && args->count + args->named == 0)
        return cuv_sc_text_lines(e, self, false, out);
    if (cuv_streq(name, "glob") && args->count == 1)
        return cuv_sc_glob(e, self, args->items[0], out);
    if (cuv_streq(name, "iterdir") && args->count == 0)
        return cuv_sc_glob(e, self, &(cuv_sv){.kind = CUV_SV_TEXT, .text = "*", .size = 1}, out);
    if (cuv_streq(name, "encode") || cuv_streq(name, "decode") || cuv_streq(name, "as_posix") || cuv_streq(name, "resolve") ||
        cuv_streq(name, "absolute") || cuv_streq(name, "expanduser")) {
        *out = self;
        return CUV_OK;
    }
    if (cuv_streq(name, "joinpath") && text) {
        *out = self;
        for (size_t i = 0; i < args->count; i++)
            CUV_TRY(cuv_sc_operate(e, args->node, '/', *out, args->items[i], out));
        return CUV_OK;
    }
    if (cuv_streq(name, "read_text") || cuv_streq(name, "read_bytes") || cuv_streq(name, "open") || cuv_streq(name, "exists") ||
        cuv_streq(name, "is_file"))
        return cuv_sc_file_method(e, self, name, args, out);
    CUV_TRY(cuv_sc_text_more(e, self, name, args, out));
    return *out ? CUV_OK : cuv_sv_unknown(e, out, "the result of '%s' of a string", name);
}
