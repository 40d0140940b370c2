/* The module re, on texts that are known: names of layers, keys and files are often taken apart with it. */
#include "evidence/script.h"
#include "format/regex.h"

typedef struct job {
    cuv_sc *e;
    const cuv_regex *re;
    const cuv_sv *text;
    const cuv_py *node;
} job;

/* ---- expressions ---- */

static bool ignores_case(const cuv_sv *flags)
{
    return flags && flags->kind == CUV_SV_NAME && cuv_word_in("re.I re.IGNORECASE", flags->text);
}

static cuv_status compile(cuv_sc *e, const cuv_sv *pattern, const cuv_sv *flags, cuv_sv **out)
{
    cuv_sv *text = NULL;
    if (pattern && cuv_sc_is_pattern(pattern)) {
        *out = (cuv_sv *)(uintptr_t)pattern;
        return CUV_OK;
    }
    if (!pattern || pattern->kind != CUV_SV_TEXT || (flags && !ignores_case(flags) && !(flags->kind == CUV_SV_INT && !flags->integer)))
        return cuv_sv_unknown(e, out, "a regular expression");
    CUV_TRY(cuv_sv_make(e, CUV_SV_OBJECT, out));
    (*out)->text = "re.Pattern";
    (*out)->truth = ignores_case(flags);
    CUV_TRY(cuv_sv_text(e, pattern->text, pattern->size, &text));
    return cuv_sv_put_word(e, *out, "pattern", text);
}

bool cuv_sc_is_pattern(const cuv_sv *v)
{
    return v->kind == CUV_SV_OBJECT && cuv_streq(v->text, "re.Pattern");
}

/* ---- matches ---- */

static cuv_status part(const job *j, int64_t start, int64_t end, cuv_sv **out)
{
    *out = j->e->none;
    return start < 0 ? CUV_OK : cuv_sv_text(j->e, j->text->text + start, (size_t)(end - start), out);
}

static cuv_status match_object(const job *j, const cuv_re_match *m, cuv_sv **out)
{
    cuv_sv *groups = NULL, *starts = NULL, *ends = NULL, *names = NULL, *one = NULL;
    CUV_TRY(cuv_sv_make(j->e, CUV_SV_OBJECT, out));
    (*out)->text = "re.Match";
    CUV_TRY(cuv_sv_make(j->e, CUV_SV_TUPLE, &groups));
    CUV_TRY(cuv_sv_make(j->e, CUV_SV_TUPLE, &starts));
    CUV_TRY(cuv_sv_make(j->e, CUV_SV_TUPLE, &ends));
    CUV_TRY(cuv_sv_make(j->e, CUV_SV_DICT, &names));
    for (size_t i = 0; i <= cuv_regex_groups(j->re); i++) {
        CUV_TRY(part(j, m->start[i], m->end[i], &one));
        CUV_TRY(cuv_sv_add(j->e, groups, one));
        if (cuv_regex_name(j->re, i))
            CUV_TRY(cuv_sv_put_word(j->e, names, cuv_regex_name(j->re, i), one));
        CUV_TRY(cuv_sv_int(j->e, m->start[i], &one));
        CUV_TRY(cuv_sv_add(j->e, starts, one));
        CUV_TRY(cuv_sv_int(j->e, m->end[i], &one));
        CUV_TRY(cuv_sv_add(j->e, ends, one));
    }
    CUV_TRY(cuv_sv_put_word(j->e, *out, "(groups)", groups));
    CUV_TRY(cuv_sv_put_word(j->e, *out, "(starts)", starts));
    CUV_TRY(cuv_sv_put_word(j->e, *out, "(ends)", ends));
    return cuv_sv_put_word(j->e, *out, "(names)", names);
}

/* The next match at or behind `at`; *found is false when there is none. Steps count. */
static cuv_status next_match(const job *j, size_t at, bool search, bool whole, cuv_re_match *m, cuv_re_result *found)
{
    CUV_TRY(cuv_sc_step(j->e, 1 + j->text->size / 16));
    return cuv_regex_match(j->e->arena, j->re, j->text->text, j->text->size, at, search, whole, m, found);
}

static size_t behind(const cuv_re_match *m)
{
    return (size_t)m->end[0] + (m->end[0] == m->start[0]);
}

typedef cuv_status each_match(const job *j, const cuv_re_match *m, void *with);

/* All of them, from left to right; *known is false when the search was given up. */
static cuv_status all_matches(const job *j, int64_t most, each_match *each, void *with, bool *known)
{
    cuv_re_match m;
    cuv_re_result found = CUV_RE_YES;
    *known = true;
    for (size_t at = 0; at <= j->text->size && most != 0; at = behind(&m), most--) {
        CUV_TRY(next_match(j, at, true, false, &m, &found));
        *known = found != CUV_RE_TOO_LONG;
        if (found != CUV_RE_YES)
            return CUV_OK;
        CUV_TRY(each(j, &m, with));
    }
    return CUV_OK;
}

static cuv_status add_found(const job *j, const cuv_re_match *m, void *with)
{
    cuv_sv *list = with, *one = NULL, *tuple = NULL, empty = {.kind = CUV_SV_TEXT, .text = ""};
    size_t groups = cuv_regex_groups(j->re);
    if (groups > 1)
        CUV_TRY(cuv_sv_make(j->e, CUV_SV_TUPLE, &tuple));
    for (size_t i = groups ? 1 : 0; i <= groups; i++) {
        CUV_TRY(part(j, m->start[i], m->end[i], &one));
        if (one->kind == CUV_SV_NONE)
            CUV_TRY(cuv_sv_text(j->e, empty.text, 0, &one));
        CUV_TRY(cuv_sv_add(j->e, tuple ? tuple : list, one));
    }
    return tuple ? cuv_sv_add(j->e, list, tuple) : CUV_OK;
}

static cuv_status add_object(const job *j, const cuv_re_match *m, void *with)
{
    cuv_sv *one = NULL;
    CUV_TRY(match_object(j, m, &one));
    return cuv_sv_add(j->e, with, one);
}

/* ---- split, sub ---- */

typedef struct cutting { cuv_sv *list; int64_t from; } cutting;

static cuv_status add_piece(const job *j, const cuv_re_match *m, void *with)
{
    cutting *c = with;
    cuv_sv *one = NULL;
    CUV_TRY(part(j, c->from, m->start[0], &one));
    CUV_TRY(cuv_sv_add(j->e, c->list, one));
    for (size_t i = 1; i <= cuv_regex_groups(j->re); i++) {
        CUV_TRY(part(j, m->start[i], m->end[i], &one));
        CUV_TRY(cuv_sv_add(j->e, c->list, one));
    }
    c->from = m->end[0];
    return CUV_OK;
}

static cuv_status split(const job *j, int64_t most, bool *known, cuv_sv **out)
{
    cutting c = {NULL, 0};
    cuv_sv *one = NULL;
    CUV_TRY(cuv_sv_make(j->e, CUV_SV_LIST, &c.list));
    CUV_TRY(all_matches(j, most > 0 ? most : -1, add_piece, &c, known));
    CUV_TRY(part(j, c.from, (int64_t)j->text->size, &one));
    *out = c.list;
    return cuv_sv_add(j->e, c.list, one);
}

typedef struct replacing { cuv_buffer *b; int64_t from; cuv_sv *with; bool strange; } replacing;

static void add_group(const job *j, const cuv_re_match *m, replacing *r, size_t group)
{
    if (group > cuv_regex_groups(j->re))
        r->strange = true;
    else if (m->start[group] >= 0)
        cuv_buffer_add(r->b, j->text->text + m->start[group], (size_t)(m->end[group] - m->start[group]));
}

/* \g<1>, \g<name>; how many bytes it takes behind the backslash. */
static size_t add_named_group(const job *j, const cuv_re_match *m, replacing *r, const char *text, size_t size)
{
    const char *end = size > 2 && text[1] == '<' ? memchr(text, '>', size) : NULL;
    size_t n = end ? (size_t)(end - text) - 2 : 0;
    int64_t number = 0;
    r->strange = r->strange || !end;
    if (end && cuv_parse_i64(text + 2, n, &number) && number >= 0)
        add_group(j, m, r, (size_t)number);
    else if (end) {
        size_t i = 1;
        while (i <= cuv_regex_groups(j->re) && !(cuv_regex_name(j->re, i) && strlen(cuv_regex_name(j->re, i)) == n &&
                                                 !memcmp(cuv_regex_name(j->re, i), text + 2, n)))
            i++;
        add_group(j, m, r, i);
    }
    return end ? n + 3 : 1;
}

static cuv_status add_replacement(const job *j, const cuv_re_match *m, void *with)
{
    replacing *r = with;
    cuv_sv *object = NULL, *text = r->with;
    cuv_buffer_add(r->b, j->text->text + r->from, (size_t)(m->start[0] - r->from));
    r->from = m->end[0];
    if (text->kind != CUV_SV_TEXT) {
        CUV_TRY(match_object(j, m, &object));
        CUV_TRY(cuv_sc_call(j->e, text, &(cuv_sargs){&object, 1, NULL, NULL, 0, j->node}, &text));
        r->strange = r->strange || text->kind != CUV_SV_TEXT;
        if (!r->strange)
            cuv_buffer_add(r->b, text->text, text->size);
        return CUV_OK;
    }
    for (size_t i = 0; i < text->size; i++) {
        char c = text->text[i], next = i + 1 < text->size ? text->text[i + 1] : '\0';
        if (c != '\\') {
            cuv_buffer_char(r->b, c);
        } else if (next >= '1' && next <= '9') {
            add_group(j, m, r, (size_t)(next - '0'));
            i++;
        } else if (next == 'g') {
            i += add_named_group(j, m, r, text->text + i + 1, text->size - i - 1);
        } else {
            r->strange = r->strange || (next >= 'a' && next <= 'z') || (next >= '0' && next <= '9');
            cuv_buffer_char(r->b, next);
            i++;
        }
    }
    return CUV_OK;
}

static cuv_status replace(const job *j, cuv_sv *with, int64_t most, bool *known, cuv_sv **out)
{
    cuv_buffer b;
    replacing r = {&b, 0, with, false};
    cuv_buffer_init(&b, j->e->cx);
    cuv_status status = all_matches(j, most > 0 ? most : -1, add_replacement, &r, known);
    cuv_buffer_add(&b, j->text->text + r.from, j->text->size - (size_t)r.from);
    *known = *known && !r.strange;
    if (status == CUV_OK)
        status = b.failed ? cuv_oom(j->e->cx) : cuv_sv_text(j->e, b.data ? b.data : "", b.size, out);
    cuv_buffer_free(&b);
    return status;
}

/* ---- functions and methods ---- */

static cuv_status first_match(const job *j, const char *name, bool *known, cuv_sv **out)
{
    cuv_re_match m;
    cuv_re_result found = CUV_RE_NO;
    CUV_TRY(next_match(j, 0, cuv_streq(name, "search"), cuv_streq(name, "fullmatch"), &m, &found));
    *known = found != CUV_RE_TOO_LONG;
    *out = j->e->none;
    return found == CUV_RE_YES ? match_object(j, &m, out) : CUV_OK;
}

static int64_t limit(const cuv_sargs *args, size_t at, const char *name)
{
    const cuv_sv *v = cuv_sc_arg(args, at, name);
    int64_t n = 0;
    return v && cuv_sv_as_int(v, &n) ? n : 0;
}

/* `from`: which argument the text is, behind the expression or not. */
static cuv_status apply(cuv_sc *e, const cuv_sv *pattern, const char *name, const cuv_sargs *args, size_t from, cuv_sv **out)
{
    const bool sub = cuv_streq(name, "sub");
    const cuv_sv *text = cuv_sc_arg(args, from + sub, "string"), *source = cuv_sc_is_pattern(pattern) ? cuv_sv_get(pattern, "pattern") : NULL;
    cuv_sv *with = sub ? cuv_sc_arg(args, from, "repl") : NULL;
    cuv_regex *re = NULL;
    bool known = true;
    if (source)
        CUV_TRY(cuv_regex_new(e->arena, source->text, source->size, pattern->truth, &re));
    if (!re || !text || text->kind != CUV_SV_TEXT || (sub && !with))
        return cuv_sv_unknown(e, out, "what re.%s() gives", name);
    job j = {e, re, text, args->node};
    if (cuv_word_in("match search fullmatch", name))
        CUV_TRY(first_match(&j, name, &known, out));
    else if (cuv_streq(name, "split"))
        CUV_TRY(split(&j, limit(args, from + 1, "maxsplit"), &known, out));
    else if (sub)
        CUV_TRY(replace(&j, with, limit(args, from + 2, "count"), &known, out));
    else {
        CUV_TRY(cuv_sv_make(e, CUV_SV_LIST, out));
        CUV_TRY(all_matches(&j, -1, cuv_streq(name, "findall") ? add_found : add_object, *out, &known));
    }
    return known ? CUV_OK : cuv_sv_unknown(e, out, "what re.%s() gives", name);
}

static const char functions[] = "match search fullmatch findall finditer split sub";

/* re.NAME(...); *out stays NULL for other names. */
cuv_status cuv_sc_regex(cuv_sc *e, const char *name, const cuv_sargs *args, cuv_sv **out)
{
    cuv_sv *pattern = NULL, *given = cuv_sc_arg(args, 0, "pattern");
    const char *last = cuv_sc_last(name);
    if (cuv_streq(last, "compile"))
        return compile(e, given, cuv_sc_arg(args, 1, "flags"), out);
    if (cuv_streq(last, "escape") && given && given->kind == CUV_SV_TEXT)
        return cuv_sv_unknown(e, out, "what re.escape() gives");
    if (!cuv_word_in(functions, last))
        return CUV_OK;
    const bool long_form = cuv_word_in("split sub", last);
    CUV_TRY(compile(e, given, long_form ? cuv_sc_arg(args, args->count, "flags") : cuv_sc_arg(args, 2, "flags"), &pattern));
    return apply(e, pattern, last, args, 1, out);
}

static cuv_status group(cuv_sc *e, const cuv_sv *match, const cuv_sv *which, const char *field, cuv_sv **out)
{
    cuv_sv *list = cuv_sv_get(match, field), *names = cuv_sv_get(match, "(names)"), *groups = cuv_sv_get(match, "(groups)");
    int64_t n = 0;
    if (which && which->kind == CUV_SV_TEXT) {
        *out = cuv_sv_find(names, which);
        for (size_t i = 0; *out && list != groups && i < groups->count; i++)
            if (groups->items[i] == *out) {
                *out = list->items[i];
                return CUV_OK;
            }
        return *out ? CUV_OK : cuv_sv_unknown(e, out, "a group that the expression does not have");
    }
    if (which && !cuv_sv_as_int(which, &n))
        return cuv_sv_unknown(e, out, "a group of a match");
    if (n < 0 || (size_t)n >= list->count)
        return cuv_sv_unknown(e, out, "a group that the expression does not have");
    *out = list->items[n];
    return CUV_OK;
}

/* m[1], m['name'] */
cuv_status cuv_sc_match_group(cuv_sc *e, const cuv_sv *match, const cuv_sv *which, cuv_sv **out)
{
    return group(e, match, which, "(groups)", out);
}

static cuv_status match_method(cuv_sc *e, const cuv_sv *match, const char *name, const cuv_sargs *args, cuv_sv **out)
{
    cuv_sv *one = NULL, *groups = cuv_sv_get(match, "(groups)");
    if (cuv_streq(name, "group") && args->count < 2)
        return group(e, match, args->count ? args->items[0] : NULL, "(groups)", out);
    if (cuv_streq(name, "start") || cuv_streq(name, "end"))
        return group(e, match, args->count ? args->items[0] : NULL, name[0] == 's' ? "(starts)" : "(ends)", out);
    if (cuv_streq(name, "groupdict") && !args->count) {
        *out = cuv_sv_get(match, "(names)");
        return CUV_OK;
    }
    if (!cuv_word_in("group groups span", name))
        return cuv_sv_unknown(e, out, "what '%s' of a match gives", name);
    CUV_TRY(cuv_sv_make(e, CUV_SV_TUPLE, out));
    for (size_t i = 0; cuv_streq(name, "group") && i < args->count; i++) {
        CUV_TRY(group(e, match, args->items[i], "(groups)", &one));
        CUV_TRY(cuv_sv_add(e, *out, one));
    }
    for (size_t i = 1; cuv_streq(name, "groups") && i < groups->count; i++)
        CUV_TRY(cuv_sv_add(e, *out, groups->items[i]));
    for (size_t i = 0; cuv_streq(name, "span") && i < 2; i++) {
        CUV_TRY(group(e, match, args->count ? args->items[0] : NULL, i ? "(ends)" : "(starts)", &one));
        CUV_TRY(cuv_sv_add(e, *out, one));
    }
    return CUV_OK;
}

/* Methods of what re gives; *out stays NULL for other objects. */
cuv_status cuv_sc_regex_method(cuv_sc *e, cuv_sv *self, const char *name, const cuv_sargs *args, cuv_sv **out)
{
    *out = NULL;
    if (cuv_streq(self->text, "re.Match"))
        return match_method(e, self, name, args, out);
    if (!cuv_sc_is_pattern(self))
        return CUV_OK;
    if (!cuv_word_in(functions, name))
        return cuv_sv_unknown(e, out, "what '%s' of a regular expression gives", name);
    return apply(e, self, name, args, 0, out);
}
