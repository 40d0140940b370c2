/* Splits the texts of the reference kernels into definitions and finds what a definition stands on, by its identifiers. The texts are
 * our own and keep to a few habits: definitions start in the first column, a comment before one belongs to it, K(name) is the name
 * of something that exists for several types, X(name, ...) at file level makes the kernel K(k_name). */
#include "emit/c_text.h"

enum { MOST_PIECES = 1024, MOST_FORMULAS = 64, TYPES = 5, UNTYPED = 5, NAME_SIZE = 64 };

typedef enum kind { MACRO, TYPE, FUNCTION, MADE } kind;      /* MADE: a kernel that a macro at file level makes */

typedef struct piece {
    const cuv_source_text *file;
    const char *text;
    size_t size, code;          /* where the code starts behind the comment */
    kind kind;
    bool is_static, typed;
    char name[NAME_SIZE];
    unsigned types;             /* that its file is compiled for: a bit by type */
    unsigned used, done;        /* a bit by type */
} piece;

typedef struct formula {
    const char *line;
    size_t size;
    char name[NAME_SIZE];
    unsigned op, act;           /* as a kernel, as an activation: a bit by type */
} formula;

struct cuv_c_text {
    cuv_context *cx;
    cuv_arena *arena;
    piece pieces[MOST_PIECES];
    size_t count;
    formula formulas[MOST_FORMULAS];
    size_t formula_count;
    unsigned softmax;           /* as an activation, a bit by type */
    cuv_map *names;             /* "K:name@type", "name", "name@file" for what only its file sees */
};

static const char *const type_names[TYPES] = {"f32", "f64", "i32", "i64", "bool"};
static const char *const type_files[TYPES] = {"run/as_float.h", "run/as_double.h", "run/as_int32.h", "run/as_int64.h",
                                              "run/as_bool.h"};
static const char include_formulas[] = "#include \"run/formulas.def\"";

static bool is_word(char c)
{
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '_';
}

static bool starts(const char *at, const char *end, const char *with)
{
    size_t n = strlen(with);
    return (size_t)(end - at) >= n && !memcmp(at, with, n);
}

/* ---- reading a text ---- */

/* What stands at `at`: a comment, a literal or one other character. Gives what follows. */
static const char *skip_one(const char *at, const char *end)
{
    if (starts(at, end, "/*")) {
        for (at += 2; at < end && !starts(at, end, "*/"); at++) {}
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

static const char *line_end(const char *at, const char *end)
{
    const char *newline = memchr(at, '\n', (size_t)(end - at));
    return newline ? newline + 1 : end;
}

/* The end of the directive at `at`, with its continued lines; a FORMULA block reaches to its #undef. */
static const char *directive_end(const char *at, const char *end)
{
    if (starts(at, end, "#define FORMULA(")) {
        while (at < end && !starts(at, end, "#undef FORMULA"))
            at = line_end(at, end);
        return at < end ? line_end(at, end) : end;
    }
    for (;;) {
        const char *next = line_end(at, end);
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
    while (at < end && is_word(*at))
        at++;
    return at < end && *at == '(';
}

/* The end of the declaration or definition at `at`: behind a ';' or the '}' of a body, or the ')' of a macro at file level. */
static const char *definition_end(const char *at, const char *end)
{
    const bool macro = is_invocation(at, end);
    int depth = 0;
    bool body = false;
    const bool type = starts(at, end, "typedef") || starts(at, end, "enum") || starts(at, end, "struct");
    while (at < end) {
        const char c = *at;
        at = skip_one(at, end);
        if (c == '{' || c == '(') {
            body |= c == '{' && depth == 0;
            depth++;
        } else if (c == '}' || c == ')') {
            depth--;
            if (depth == 0 && ((c == '}' && body && !type && (at == end || *at == '\n')) || (c == ')' && macro)))
                return line_end(at, end);
        } else if (c == ';' && depth == 0)
            return line_end(at, end);
    }
    return end;
}

static void copy_word(char *to, const char *at, const char *end)
{
    size_t n = 0;
    while (at < end && is_word(*at) && n + 1 < NAME_SIZE)
        to[n++] = *at++;
    to[n] = 0;
}

/* The name that a definition gives: the last one of a typedef, the one before the first parenthesis of a function. */
static void find_name(piece *p)
{
    const char *at = p->text + p->code, *end = p->text + p->size, *word = NULL;
    int depth = 0;
    while (at < end) {
        if (*at == '(' && depth == 0 && word && p->kind != TYPE && !p->typed)
            break;
        if (starts(at, end, "(*") && depth == 0) {
            copy_word(p->name, at + 2, end);
            return;
        }
        if (starts(at, end, "K(") && depth == 0 && (at == p->text || !is_word(at[-1]))) {
            copy_word(p->name, at + 2, end);
            p->typed = true;
            if (p->kind != TYPE)
                return;
            at += 2;
            depth++;
            continue;
        }
        if (is_word(*at)) {
            if (depth == 0)
                word = at;
            while (at < end && is_word(*at))
                at++;
            continue;
        }
        depth += (*at == '{' || *at == '(') - (*at == '}' || *at == ')');
        at = skip_one(at, end);
    }
    if (!p->typed && word)
        copy_word(p->name, word, end);
}

static void classify(piece *p)
{
    const char *code = p->text + p->code, *end = p->text + p->size;
    p->is_static = starts(code, end, "static");
    if (starts(code, end, "#define FORMULA(")) {
        const bool kernels = strstr(code, "K(k_##name)") && strstr(code, "K(k_##name)") < end;
        p->kind = FUNCTION;
        p->typed = true;
        strcpy(p->name, kernels ? "formula_kernels" : "formula_functions");
    } else if (starts(code, end, "#define ")) {
        p->kind = MACRO;
        copy_word(p->name, code + 8, end);
    } else if (is_invocation(code, end)) {
        const char *argument = memchr(code, '(', (size_t)(end - code));
        p->kind = MADE;
        p->typed = true;
        strcpy(p->name, "k_");
        if (argument)
            copy_word(p->name + 2, argument + 1, argument + NAME_SIZE - 8 < end ? argument + NAME_SIZE - 8 : end);
    } else if (starts(code, end, "typedef") || starts(code, end, "enum") || starts(code, end, "struct")) {
        p->kind = TYPE;
        find_name(p);
    } else {
        p->kind = FUNCTION;
        find_name(p);
    }
}

/* The types that a text is compiled for, as the .c files say that include it after an as_*.h: a bit by type. */
static unsigned types_of(const char *name)
{
    char line[NAME_SIZE + 32];
    unsigned types = 0;
    snprintf(line, sizeof line, "#include \"%s\"", name);
    for (const cuv_source_text *file = cuv_source_texts; file->name; file++) {
        const char *end = file->text + file->size;
        int now = TYPES;
        for (const char *at = file->text; at < end && cuv_ends_with(file->name, ".c"); at = line_end(at, end)) {
            for (int i = 0; i < TYPES; i++)
                if (starts(at, end, "#include \"") && starts(at + 10, end, type_files[i]))
                    now = i;
            if (now < TYPES && starts(at, end, line))
                types |= 1u << now;
        }
    }
    return types;
}

/* Several texts may define a name, each for other types. */
static cuv_status register_typed(cuv_c_text *t, piece *p, const char *name)
{
    for (int i = 0; i < TYPES; i++) {
        if (!(p->types & 1u << i))
            continue;
        char *key = cuv_arena_printf(t->arena, "K:%s@%s", name, type_names[i]);
        if (!key)
            return cuv_oom(t->cx);
        CUV_TRY(cuv_map_set(t->names, key, p));
    }
    return CUV_OK;
}

/* What is static in a .c file is known there, and to the texts that the .c files of kernels include. */
static cuv_status register_name(cuv_c_text *t, piece *p, const char *name)
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
static cuv_status register_constants(cuv_c_text *t, piece *p)
{
    const char *end = p->text + p->size, *at = memchr(p->text + p->code, '{', p->size - p->code);
    char name[NAME_SIZE];
    while (at && at < end && *at != '}') {
        const char *next = skip_one(at, end);
        if (is_word(*at) && !is_word(at[-1]) && *at > '9') {
            copy_word(name, at, end);
            CUV_TRY(register_name(t, p, name));
        }
        at = next;
    }
    return CUV_OK;
}

static bool is_prototype(const piece *p)
{
    return p->kind == FUNCTION && !memchr(p->text + p->code, '{', p->size - p->code);
}

/* Types that emitted C has in the extent it needs; the writer makes them. */
static bool is_made_anew(const piece *p)
{
    return p->kind == TYPE && (!strcmp(p->name, "cuv_op") || !strcmp(p->name, "cuv_attrs"));
}

static cuv_status add_piece(cuv_c_text *t, const cuv_source_text *file, unsigned types, const char *from, const char *code,
                            const char *to)
{
    piece *p = &t->pieces[t->count];
    if (t->count == MOST_PIECES)
        return cuv_oom(t->cx);
    *p = (piece){.file = file, .text = from, .size = (size_t)(to - from), .code = (size_t)(code - from), .types = types};
    classify(p);
    if (!p->name[0] || is_prototype(p) || is_made_anew(p))
        return CUV_OK;
    t->count++;
    if (p->kind == TYPE && starts(code, to, "enum"))
        return register_constants(t, p);
    if (p->kind == TYPE && starts(code, to, "typedef enum"))
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
        } else if (starts(at, end, "/*")) {
            comment = at;
            at = line_end(skip_one(at, end), end);
        } else {
            const bool directive = *at == '#';
            const char *next = directive ? directive_end(at, end) : definition_end(at, end);
            if (!directive || starts(at, end, "#define "))
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
    for (const char *at = file->text; at < end && t->formula_count < MOST_FORMULAS; at = line_end(at, end)) {
        if (!starts(at, end, "FORMULA("))
            continue;
        formula *f = &t->formulas[t->formula_count++];
        f->line = at;
        f->size = (size_t)(line_end(at, end) - at);
        const char *name = (const char *)memchr(at, ',', f->size) + 1;
        while (*name == ' ')
            name++;
        copy_word(f->name, name, end);
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

/* ---- the text of a piece for one type ---- */

static void add_formulas(const cuv_c_text *t, const piece *p, unsigned bit, cuv_buffer *out)
{
    for (size_t i = 0; i < t->formula_count; i++) {
        const formula *f = &t->formulas[i];
        const unsigned set = cuv_streq(p->name, "formula_kernels")   ? f->op
                           : cuv_streq(p->name, "formula_functions") ? f->op | f->act
                                                                     : f->act;
        if (set & bit)
            cuv_buffer_add(out, f->line, f->size);
    }
}

/* What the fast kernels alone read, and the activation softmax where nothing asks for it. */
static bool left_out(const cuv_c_text *t, const char *line, const char *end, unsigned bit)
{
    return starts(line, end, "    const void *prepared;") || (starts(line, end, "    case CUV_OP_SOFTMAX:") && !(t->softmax & bit));
}

/* The text with the formulas that are needed. */
static void expand(const cuv_c_text *t, const piece *p, size_t from, unsigned bit, cuv_buffer *out)
{
    const char *end = p->text + p->size;
    for (const char *at = p->text + from, *next; at < end; at = next) {
        next = line_end(at, end);
        if (starts(at, next, include_formulas))
            add_formulas(t, p, bit, out);
        else if (!left_out(t, at, next, bit))
            cuv_buffer_add(out, at, (size_t)(next - at));
    }
}

/* ---- what stands on what ---- */

static piece *look_up(const cuv_c_text *t, const char *prefix, const char *name, const char *file)
{
    char key[2 * NAME_SIZE + 32];
    snprintf(key, sizeof key, "%s%s%s%s", prefix, name, file ? "@" : "", file ? file : "");
    return cuv_map_get(t->names, key);
}

/* Macros of texts that are compiled for several types count by type as those do, since they stand on what differs by type. */
static bool by_type(const piece *p)
{
    return p->typed || cuv_starts_with(p->file->name, "run/as_") || (p->kind == MACRO && cuv_ends_with(p->file->name, ".inc"));
}

static bool use(piece *p, unsigned bit)
{
    const unsigned own = p && by_type(p) ? bit : 1u << UNTYPED;
    if (!p || (p->used & own))
        return false;
    p->used |= own;
    return true;
}

/* Marks what the identifiers of a text stand for; true when something new was marked. */
static bool mark(const cuv_c_text *t, const char *text, size_t size, const char *file, int type)
{
    const char *at = text, *end = text + size;
    const unsigned bit = 1u << type;
    bool more = false;
    char name[NAME_SIZE];
    while (at < end) {
        if (!is_word(*at)) {
            at = skip_one(at, end);
            continue;
        }
        copy_word(name, at, end);
        while (at < end && is_word(*at))
            at++;
        if (name[0] >= '0' && name[0] <= '9')
            continue;
        if (cuv_streq(name, "FORMULA"))      /* its first two arguments are but names */
            for (int commas = 0; at < end && *at != '\n' && commas < 2; at++)
                commas += *at == ',';
        if (cuv_streq(name, "K") && at < end && *at == '(') {
            char typed[NAME_SIZE];
            copy_word(typed, at + 1, end);
            const bool pasted = !strcmp(typed, "all_") || !strcmp(typed, "f_");
            more |= use(look_up(t, "K:", pasted ? "formula_functions" : typed, type < TYPES ? type_names[type] : NULL), bit);
            at += 1 + strlen(typed);
        }
        piece *p = look_up(t, "", name, file);
        if (!p && type != UNTYPED)
            p = look_up(t, "", name, type_files[type]);
        more |= use(p ? p : look_up(t, "", name, NULL), bit);
    }
    return more;
}

cuv_status cuv_c_text_settle(cuv_c_text *t)
{
    cuv_buffer text;
    bool more = true;
    cuv_buffer_init(&text, t->cx);
    while (more) {
        more = false;
        for (size_t i = 0; i < t->count; i++)
            for (int type = 0; type <= UNTYPED; type++) {
                piece *p = &t->pieces[i];
                const unsigned bit = 1u << type;
                if (!(p->used & bit) || (p->done & bit))
                    continue;
                p->done |= bit;
                text.size = 0;
                expand(t, p, p->code, bit, &text);
                more |= mark(t, text.data ? text.data : "", text.size, p->file->name, type);
            }
    }
    const bool failed = text.failed;
    cuv_buffer_free(&text);
    return failed ? cuv_oom(t->cx) : CUV_OK;
}

static int type_of(const char *type)
{
    for (int i = 0; type && i < TYPES; i++)
        if (cuv_streq(type, type_names[i]))
            return i;
    return UNTYPED;
}

static formula *find_formula(cuv_c_text *t, const char *name)
{
    for (size_t i = 0; i < t->formula_count; i++)
        if (cuv_streq(t->formulas[i].name, name))
            return &t->formulas[i];
    return NULL;
}

cuv_status cuv_c_text_need(cuv_c_text *t, const char *name, const char *type)
{
    const unsigned bit = 1u << type_of(type);
    piece *p = look_up(t, type ? "K:" : "", name, type);
    if (!p && type && cuv_starts_with(name, "k_")) {
        formula *f = find_formula(t, name + 2);
        if (f) {
            f->op |= bit;
            p = look_up(t, "K:", "formula_kernels", type);
        }
    }
    if (!p && type) {           /* written for this type alone */
        char own[2 * NAME_SIZE];
        snprintf(own, sizeof own, "cuv_%s_%s", name, type);
        p = look_up(t, "", own, NULL);
    }
    if (!p)
        return cuv_fail(t->cx, CUV_UNSUPPORTED, "write.c_kernel", NULL, "C source has no text for %s (%s)", name,
                        type ? type : "any type");
    (void)use(p, bit);
    return CUV_OK;
}

cuv_status cuv_c_text_need_act(cuv_c_text *t, const char *name, const char *type)
{
    const unsigned bit = 1u << type_of(type);
    formula *f = find_formula(t, name);
    if (f)
        f->act |= bit;
    else if (cuv_streq(name, "softmax"))
        t->softmax |= bit;
    else
        return cuv_fail(t->cx, CUV_UNSUPPORTED, "write.c_kernel", NULL, "C source has no text for the activation %s", name);
    return CUV_OK;
}

static bool word_follows(const char *text, size_t size, const char *before, const char *word)
{
    const size_t n = strlen(before), m = strlen(word);
    for (size_t i = 0; i + n + m <= size; i++)
        if (!memcmp(text + i, before, n) && !memcmp(text + i + n, word, m) && (i == 0 || !is_word(text[i - 1])) &&
            (i + n + m == size || !is_word(text[i + n + m])))
            return true;
    return false;
}

static bool any_has(const cuv_c_text *t, const char *before, const char *word)
{
    for (size_t i = 0; i < t->count; i++)
        if (t->pieces[i].used && word_follows(t->pieces[i].text, t->pieces[i].size, before, word))
            return true;
    return false;
}

bool cuv_c_text_reads(const cuv_c_text *t, const char *attribute)
{
    return any_has(t, "attrs->", attribute) || any_has(t, "at->", attribute);
}

bool cuv_c_text_mentions(const cuv_c_text *t, const char *identifier)
{
    return any_has(t, "", identifier);
}

/* ---- writing ---- */

static void write_piece(const cuv_c_text *t, const piece *p, int type, cuv_buffer *out)
{
    cuv_buffer_char(out, '\n');
    expand(t, p, 0, 1u << type, out);
}

/* "static" and the head of a function that other texts call before its definition. */
static void declare(const cuv_c_text *t, const piece *p, int type, cuv_buffer *out)
{
    if (p->kind == MADE) {
        cuv_buffer_printf(out, "static void K(%s)(const cuv_kernel_args *a);\n", p->name);
        return;
    }
    if (p->kind != FUNCTION || (p->is_static && !cuv_streq(p->name, "formula_kernels")))
        return;
    if (cuv_streq(p->name, "formula_kernels")) {
        for (size_t i = 0; i < t->formula_count; i++)
            if (t->formulas[i].op & 1u << type)
                cuv_buffer_printf(out, "static void K(k_%s)(const cuv_kernel_args *args);\n", t->formulas[i].name);
        return;
    }
    if (cuv_streq(p->name, "formula_functions"))
        return;
    const char *code = p->text + p->code, *brace = memchr(code, '{', p->size - p->code);
    size_t n = (size_t)(brace - code);
    while (n && (code[n - 1] == '\n' || code[n - 1] == ' '))
        n--;
    cuv_buffer_printf(out, "static %.*s;\n", (int)n, code);
}

static bool in_file(const piece *p, const char *file)
{
    return cuv_streq(p->file->name, file);
}

static bool is_early(const piece *p)
{
    return in_file(p, "program/program.h") || (in_file(p, "emit/c_preamble.inc") && p->kind == TYPE);
}

void cuv_c_text_write_types(const cuv_c_text *t, cuv_buffer *out)
{
    for (size_t i = 0; i < t->count; i++)
        if (t->pieces[i].used && is_early(&t->pieces[i]))
            write_piece(t, &t->pieces[i], UNTYPED, out);
}

static void write_untyped(const cuv_c_text *t, cuv_buffer *out)
{
    const unsigned bit = 1u << UNTYPED;
    bool declared = false;
    for (size_t i = 0; i < t->count; i++) {
        const piece *p = &t->pieces[i];
        const bool header = in_file(p, "run/run.h") || in_file(p, "run/kernels.h");
        if ((p->used & bit) && header)
            write_piece(t, p, UNTYPED, out);
    }
    for (size_t i = 0; i < t->count; i++)
        if (t->pieces[i].used & bit && t->pieces[i].kind == FUNCTION && !t->pieces[i].is_static) {
            if (!declared)
                cuv_buffer_char(out, '\n');
            declared = true;
            declare(t, &t->pieces[i], UNTYPED, out);
        }
    for (size_t i = 0; i < t->count; i++) {
        const piece *p = &t->pieces[i];
        const bool header = in_file(p, "run/run.h") || in_file(p, "run/kernels.h") || is_early(p);
        if ((p->used & bit) && !header)
            write_piece(t, p, UNTYPED, out);
    }
}

static void write_type(const cuv_c_text *t, int type, bool *first, cuv_buffer *out)
{
    static const char *const words[TYPES] = {"float", "double", "int32", "int64", "bool"};
    const unsigned bit = 1u << type;
    bool any = false;
    for (size_t i = 0; i < t->count && !any; i++)
        any = t->pieces[i].used & bit;
    if (!any)
        return;
    cuv_buffer_printf(out, "\n/* ---- kernels for %s ---- */\n\n", words[type]);
    for (size_t i = 0; i < t->count; i++) {
        const piece *p = &t->pieces[i];
        if (!in_file(p, type_files[type]) || !(p->used & bit))
            continue;
        if (!*first)
            cuv_buffer_printf(out, "#undef %s\n", p->name);
        expand(t, p, 0, bit, out);
    }
    cuv_buffer_char(out, '\n');
    for (size_t i = 0; i < t->count; i++)
        if ((t->pieces[i].used & bit) && t->pieces[i].typed)
            declare(t, &t->pieces[i], type, out);
    for (size_t i = 0; i < t->count; i++) {
        const piece *p = &t->pieces[i];
        if (p->kind == MACRO && (p->used & bit) && !(p->used & (bit - 1)) && !in_file(p, type_files[type]))
            write_piece(t, p, type, out);
    }
    for (size_t i = 0; i < t->count; i++)
        if (t->pieces[i].kind != MACRO && (t->pieces[i].used & bit))
            write_piece(t, &t->pieces[i], type, out);
    *first = false;
}

void cuv_c_text_write(const cuv_c_text *t, cuv_buffer *out)
{
    bool first = true;
    write_untyped(t, out);
    for (int type = 0; type < TYPES; type++)
        write_type(t, type, &first, out);
}
