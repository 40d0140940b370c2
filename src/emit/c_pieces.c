/* Splits the texts of the reference kernels into definitions. The texts are our own and keep to a few habits: definitions
 * start in the first column, a comment before one belongs to it, K(name) is the name of something that exists for several
 * types, X(name, ...) at file level makes the kernel K(k_name). */
#include "emit/c_pieces.h"

const char *const cuv_c_type_names[CUV_C_TYPES] = {"f32", "f64", "i32", "i64", "bool"};
const char *const cuv_c_type_files[CUV_C_TYPES] = {"run/as_float.h", "run/as_double.h", "run/as_int32.h", "run/as_int64.h",
                                                   "run/as_bool.h"};

bool cuv_c_is_word(char c)
{
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '_';
}

bool cuv_c_starts(const char *at, const char *end, const char *with)
{
    size_t n = strlen(with);
    return (size_t)(end - at) >= n && !memcmp(at, with, n);
}

const char *cuv_c_skip_one(const char *at, const char *end)
{
    if (cuv_c_starts(at, end, "/*")) {
        for (at += 2; at < end && !cuv_c_starts(at, end, "*/"); at++) {}
        return at < end ? at + 2 : end;
    }
    if (*at == '"' || *at == '\'') {
        const char quote = *at++;
        for (; at < end && *at != quote; at++)
            at += *at == '\\';
        return at < end ? at + 1 : end;
    }
    return at + 1;
}

const char *cuv_c_line_end(const char *at, const char *end)
{
    const char *newline = memchr(at, '\n', (size_t)(end - at));
    return newline ? newline + 1 : end;
}

/* The end of the directive at `at`, with its continued lines; a FORMULA block reaches to its #undef. */
static const char *directive_end(const char *at, const char *end)
{
    if (cuv_c_starts(at, end, "#define FORMULA(")) {
        while (at < end && !cuv_c_starts(at, end, "#undef FORMULA"))
            at = cuv_c_line_end(at, end);
        return at < end ? cuv_c_line_end(at, end) : end;
    }
    for (;;) {
        const char *next = cuv_c_line_end(at, end);
        if (next == end || next - at < 2 || next[-2] != '\\')
            return next;
        at = next;
    }
}

/* X(...) at file level: a macro that makes a definition. */
static bool is_invocation(const char *at, const char *end)
{
    if (*at < 'A' || *at > 'Z')
        return false;
    while (at < end && cuv_c_is_word(*at))
        at++;
    return at < end && *at == '(';
}

/* The end of the declaration or definition at `at`: behind a ';' or the '}' of a body, or the ')' of a macro at file level. */
static const char *definition_end(const char *at, const char *end)
{
    const bool macro = is_invocation(at, end);
    int depth = 0;
    bool body = false;
    const bool type = cuv_c_starts(at, end, "typedef") || cuv_c_starts(at, end, "enum") || cuv_c_starts(at, end, "struct");
    while (at < end) {
        const char c = *at;
        at = cuv_c_skip_one(at, end);
        if (c == '{' || c == '(') {
            body |= c == '{' && depth == 0;
            depth++;
        } else if (c == '}' || c == ')') {
            depth--;
            if (depth == 0 && ((c == '}' && body && !type && (at == end || *at == '\n')) || (c == ')' && macro)))
                return cuv_c_line_end(at, end);
        } else if (c == ';' && depth == 0)
            return cuv_c_line_end(at, end);
    }
    return end;
}

void cuv_c_copy_word(char *to, const char *at, const char *end)
{
    size_t n = 0;
    while (at < end && cuv_c_is_word(*at) && n + 1 < CUV_C_NAME)
        to[n++] = *at++;
    to[n] = 0;
}

/* The name that a definition gives: the last one of a typedef, the one before the first parenthesis of a function. */
static void find_name(cuv_c_piece *p)
{
    const char *at = p->text + p->code, *end = p->text + p->size, *word = NULL;
    int depth = 0;
    while (at < end) {
        if (*at == '(' && depth == 0 && word && p->kind != CUV_C_TYPE && !p->typed)
            break;
        if (cuv_c_starts(at, end, "(*") && depth == 0) {
            cuv_c_copy_word(p->name, at + 2, end);
            return;
        }
        if (cuv_c_starts(at, end, "K(") && depth == 0 && (at == p->text || !cuv_c_is_word(at[-1]))) {
            cuv_c_copy_word(p->name, at + 2, end);
            p->typed = true;
            if (p->kind != CUV_C_TYPE)
                return;
            at += 2;
            depth++;
            continue;
        }
        if (cuv_c_is_word(*at)) {
            if (depth == 0)
                word = at;
            while (at < end && cuv_c_is_word(*at))
                at++;
            continue;
        }
        depth += (*at == '{' || *at == '(') - (*at == '}' || *at == ')');
        at = cuv_c_skip_one(at, end);
    }
    if (!p->typed && word)
        cuv_c_copy_word(p->name, word, end);
}

static void classify(cuv_c_piece *p)
{
    const char *code = p->text + p->code, *end = p->text + p->size;
    p->is_static = cuv_c_starts(code, end, "static");
    if (cuv_c_starts(code, end, "#define FORMULA(")) {
        const bool kernels = strstr(code, "K(k_##name)") && strstr(code, "K(k_##name)") < end;
        p->kind = CUV_C_FUNCTION;
        p->typed = true;
        strcpy(p->name, kernels ? "formula_kernels" : "formula_functions");
    } else if (cuv_c_starts(code, end, "#define ")) {
        p->kind = CUV_C_MACRO;
        cuv_c_copy_word(p->name, code + 8, end);
    } else if (is_invocation(code, end)) {
        const char *argument = memchr(code, '(', (size_t)(end - code));
        p->kind = CUV_C_MADE;
        p->typed = true;
        strcpy(p->name, "k_");
        if (argument)
            cuv_c_copy_word(p->name + 2, argument + 1, argument + CUV_C_NAME - 8 < end ? argument + CUV_C_NAME - 8 : end);
    } else if (cuv_c_starts(code, end, "typedef") || cuv_c_starts(code, end, "enum") || cuv_c_starts(code, end, "struct")) {
        p->kind = CUV_C_TYPE;
        find_name(p);
    } else {
        p->kind = CUV_C_FUNCTION;
        find_name(p);
    }
}

/* The types that a text is compiled for, as the .c files say that include it after an as_*.h: a bit by type. */
static unsigned types_of(const char *name)
{
    char line[CUV_C_NAME + 32];
    unsigned types = 0;
    snprintf(line, sizeof line, "#include \"%s\"", name);
    for (const cuv_source_text *file = cuv_source_texts; file->name; file++) {
        const char *end = file->text + file->size;
        int now = CUV_C_TYPES;
        for (const char *at = file->text; at < end && cuv_ends_with(file->name, ".c"); at = cuv_c_line_end(at, end)) {
            for (int i = 0; i < CUV_C_TYPES; i++)
                if (cuv_c_starts(at, end, "#include \"") && cuv_c_starts(at + 10, end, cuv_c_type_files[i]))
                    now = i;
            if (now < CUV_C_TYPES && cuv_c_starts(at, end, line))
                types |= 1u << now;
        }
    }
    return types;
}

/* Several texts may define a name, each for other types. */
static cuv_status register_typed(cuv_c_text *t, cuv_c_piece *p, const char *name)
{
    for (int i = 0; i < CUV_C_TYPES; i++) {
        if (!(p->types & 1u << i))
            continue;
        char *key = cuv_arena_printf(t->arena, "K:%s@%s", name, cuv_c_type_names[i]);
        if (!key)
            return cuv_oom(t->cx);
        CUV_TRY(cuv_map_set(t->names, key, p));
    }
    return CUV_OK;
}

/* What is static in a .c file is known there, and to the texts that the .c files of kernels include. */
static cuv_status register_name(cuv_c_text *t, cuv_c_piece *p, const char *name)
{
    const bool macro = cuv_starts_with(p->file->name, "run/as_");
    const bool local = macro || (p->is_static && cuv_ends_with(p->file->name, ".c"));
    if (p->typed)
        return register_typed(t, p, name);
    char *key = cuv_arena_strdup(t->arena, name);
    char *own = local ? cuv_arena_printf(t->arena, "%s@%s", name, p->file->name) : key;
    if (!key || !own)
        return cuv_oom(t->cx);
    CUV_TRY(cuv_map_set(t->names, own, p));
    if (!local || macro || !cuv_starts_with(p->file->name, "run/kernels_") || cuv_map_get(t->names, key))
        return CUV_OK;
    return cuv_map_set(t->names, key, p);
}

/* An enumeration is also known by its constants. */
static cuv_status register_constants(cuv_c_text *t, cuv_c_piece *p)
{
    const char *end = p->text + p->size, *at = memchr(p->text + p->code, '{', p->size - p->code);
    char name[CUV_C_NAME];
    while (at && at < end && *at != '}') {
        const char *next = cuv_c_skip_one(at, end);
        if (cuv_c_is_word(*at) && !cuv_c_is_word(at[-1]) && *at > '9') {
            cuv_c_copy_word(name, at, end);
            CUV_TRY(register_name(t, p, name));
        }
        at = next;
    }
    return CUV_OK;
}

static bool is_prototype(const cuv_c_piece *p)
{
    return p->kind == CUV_C_FUNCTION && !memchr(p->text + p->code, '{', p->size - p->code);
}

/* Types that emitted C has in the extent it needs; the writer makes them. */
static bool is_made_anew(const cuv_c_piece *p)
{
    return p->kind == CUV_C_TYPE && (!strcmp(p->name, "cuv_op") || !strcmp(p->name, "cuv_attrs"));
}

static cuv_status add_piece(cuv_c_text *t, const cuv_source_text *file, unsigned types, const char *from, const char *code,
                            const char *to)
{
    cuv_c_piece *p = &t->pieces[t->count];
    if (t->count == CUV_C_MOST_PIECES)
        return cuv_oom(t->cx);
    *p = (cuv_c_piece){.file = file, .text = from, .size = (size_t)(to - from), .code = (size_t)(code - from), .types = types};
    classify(p);
    if (!p->name[0] || is_prototype(p) || is_made_anew(p))
        return CUV_OK;
    t->count++;
    if (p->kind == CUV_C_TYPE && cuv_c_starts(code, to, "enum"))
        return register_constants(t, p);
    if (p->kind == CUV_C_TYPE && cuv_c_starts(code, to, "typedef enum"))
        CUV_TRY(register_constants(t, p));
    return register_name(t, p, p->name);
}

static cuv_status split(cuv_c_text *t, const cuv_source_text *file)
{
    const char *at = file->text, *end = at + file->size, *comment = NULL;
    const unsigned types = types_of(file->name);
    while (at < end) {
        if (*at == '\n') {
            comment = NULL;      /* a comment that stands alone */
            at++;
        } else if (cuv_c_starts(at, end, "/*")) {
            comment = at;
            at = cuv_c_line_end(cuv_c_skip_one(at, end), end);
        } else {
            const bool directive = *at == '#';
            const char *next = directive ? directive_end(at, end) : definition_end(at, end);
            if (!directive || cuv_c_starts(at, end, "#define "))
                CUV_TRY(add_piece(t, file, types, comment ? comment : at, at, next));
            comment = NULL;
            at = next;
        }
    }
    return CUV_OK;
}

static void read_formulas(cuv_c_text *t, const cuv_source_text *file)
{
    const char *end = file->text + file->size;
    for (const char *at = file->text; at < end && t->formula_count < CUV_C_MOST_FORMULAS; at = cuv_c_line_end(at, end)) {
        if (!cuv_c_starts(at, end, "FORMULA("))
            continue;
        cuv_c_formula *f = &t->formulas[t->formula_count++];
        f->line = at;
        f->size = (size_t)(cuv_c_line_end(at, end) - at);
        const char *name = (const char *)memchr(at, ',', f->size) + 1;
        while (*name == ' ')
            name++;
        cuv_c_copy_word(f->name, name, end);
    }
}

cuv_status cuv_c_text_new(cuv_arena *arena, cuv_c_text **out)
{
    cuv_c_text *t = CUV_NEW(arena, cuv_c_text);
    *out = NULL;
    if (!t || !(t->names = cuv_map_new(arena)))
        return cuv_oom(cuv_arena_context(arena));
    t->arena = arena;
    t->cx = cuv_arena_context(arena);
    for (const cuv_source_text *file = cuv_source_texts; file->name; file++) {
        if (cuv_streq(file->name, "run/formulas.def"))
            read_formulas(t, file);
        else
            CUV_TRY(split(t, file));
    }
    *out = t;
    return CUV_OK;
}
