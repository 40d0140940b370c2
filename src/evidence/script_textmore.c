/* More methods of strings, and of the paths that are strings here: places of parts, filling, prefixes and suffixes. */
#include "evidence/script.h"

static bool is_ascii(const cuv_sv *v)
{
    for (size_t i = 0; i < v->size; i++)
        if ((unsigned char)v->text[i] >= 0x80)
            return false;
    return true;
}

/* The first place of `part`, or the last; -1: none. */
static int64_t place(const cuv_sv *text, const cuv_sv *part, bool last)
{
    int64_t found = -1;
    for (size_t i = 0; i + part->size <= text->size; i++)
        if (!memcmp(text->text + i, part->text, part->size)) {
            found = (int64_t)i;
            if (!last)
                break;
        }
    return found;
}

static int64_t occurrences(const cuv_sv *text, const cuv_sv *part)
{
    int64_t n = 0;
    for (size_t i = 0; part->size && i + part->size <= text->size; i++)
        if (!memcmp(text->text + i, part->text, part->size)) {
            n++;
            i += part->size - 1;
        }
    return n;
}

static cuv_status find(cuv_sc *e, const cuv_sv *self, const char *name, const cuv_sv *part, const cuv_py *node, cuv_sv **out)
{
    if (cuv_streq(name, "count"))
        return part->size ? cuv_sv_int(e, occurrences(self, part), out) : cuv_sv_unknown(e, out, "how often nothing is in a string");
    int64_t at = place(self, part, name[0] == 'r');
    if (at < 0 && cuv_ends_with(name, "index"))
        return cuv_sc_fail(e, node, CUV_NO, "script.index", NULL, "%s is not in %s", cuv_sv_describe(e, part), cuv_sv_describe(e, self));
    return cuv_sv_int(e, at, out);
}

/* zfill(3), ljust(8), rjust(8, '.'), center is left out. */
static cuv_status fill(cuv_sc *e, const cuv_sv *self, const char *name, int64_t width, char with, cuv_sv **out)
{
    enum { MOST = 10000 };
    const bool sign = cuv_streq(name, "zfill") && self->size && (self->text[0] == '-' || self->text[0] == '+'), left = cuv_streq(name, "ljust");
    if (width <= (int64_t)self->size)
        return cuv_sv_text(e, self->text, self->size, out);
    if (width > MOST || !is_ascii(self))
        return cuv_sv_unknown(e, out, "a string filled up");
    size_t more = (size_t)width - self->size;
    char *text = cuv_arena_alloc(e->arena, (size_t)width + 1);
    if (!text)
        return cuv_oom(e->cx);
    memset(text, with, (size_t)width);
    if (sign)
        text[0] = self->text[0];
    memcpy(text + (left ? 0 : more + sign), self->text + sign, self->size - sign);
    return cuv_sv_text(e, text, (size_t)width, out);
}

static bool all_of(const cuv_sv *v, const char *name)
{
    for (size_t i = 0; i < v->size; i++) {
        char c = v->text[i];
        bool digit = c >= '0' && c <= '9', letter = (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z');
        if (!(cuv_streq(name, "isalpha") ? letter : cuv_streq(name, "isalnum") ? letter || digit : digit))
            return false;
    }
    return v->size > 0;
}

static cuv_status without(cuv_sc *e, const cuv_sv *self, const cuv_sv *part, bool suffix, cuv_sv **out)
{
    bool there = part->size <= self->size && !memcmp(self->text + (suffix ? self->size - part->size : 0), part->text, part->size);
    size_t cut = there ? part->size : 0;
    return cuv_sv_text(e, self->text + (suffix ? 0 : cut), self->size - cut, out);
}

static cuv_status capitalize(cuv_sc *e, const cuv_sv *self, cuv_sv **out)
{
    char *text = cuv_arena_strndup(e->arena, self->text, self->size);
    if (!text)
        return cuv_oom(e->cx);
    for (size_t i = 0; i < self->size; i++)
        if (i == 0 ? text[i] >= 'a' && text[i] <= 'z' : text[i] >= 'A' && text[i] <= 'Z')
            text[i] = (char)(text[i] ^ 32);
    return cuv_sv_text(e, text, self->size, out);
}

/* Path('a/w.npy').with_suffix('.npz'), with_name('b.npy') */
static cuv_status renamed(cuv_sc *e, const cuv_sv *self, const cuv_sv *part, bool suffix, cuv_sv **out)
{
    const char *last = cuv_path_name(self->text), *dot = strrchr(last, '.');
    const char *end = !suffix ? last : dot && dot != last ? dot : self->text + self->size;
    return cuv_sv_word(e, cuv_sc_format(e, "%.*s%s", (int)(end - self->text), self->text, part->text), out);
}

/* *out stays NULL for other names. */
cuv_status cuv_sc_text_more(cuv_sc *e, cuv_sv *self, const char *name, const cuv_sargs *args, cuv_sv **out)
{
    const cuv_sv *a = cuv_sc_arg(args, 0, NULL), *b = cuv_sc_arg(args, 1, NULL);
    const bool text = a && a->kind == CUV_SV_TEXT && !b && !args->named;
    int64_t width = 0;
    *out = NULL;
    if (text && is_ascii(self) && cuv_word_in("find rfind index rindex count", name))
        return find(e, self, name, a, args->node, out);
    if (a && cuv_word_in("zfill ljust rjust", name) && cuv_sv_as_int(a, &width) && (!b || (b->kind == CUV_SV_TEXT && b->size == 1)))
        return fill(e, self, name, width, b ? b->text[0] : cuv_streq(name, "zfill") ? '0' : ' ', out);
    if (!a && cuv_word_in("isdigit isnumeric isdecimal isalpha isalnum", name) && is_ascii(self)) {
        *out = cuv_sv_bool(e, all_of(self, name));
        return CUV_OK;
    }
    if (text && cuv_word_in("removeprefix removesuffix", name))
        return without(e, self, a, name[6] == 's', out);
    if (!a && cuv_streq(name, "capitalize"))
        return capitalize(e, self, out);
    if (text && cuv_word_in("with_suffix with_name", name))
        return renamed(e, self, a, name[5] == 's', out);
    return CUV_OK;
}
