/* Finds what a definition of the reference kernels stands on, by its identifiers, and writes what is needed; c_pieces.c reads
 * the definitions. */
#include "emit/c_pieces.h"

enum { UNTYPED = CUV_C_TYPES };

static const char include_formulas[] = "#include \"run/formulas.def\"";

/* ---- the text of a cuv_c_piece for one type ---- */

static void add_formulas(const cuv_c_text *t, const cuv_c_piece *p, unsigned bit, cuv_buffer *out)
{
    for (size_t i = 0; i < t->formula_count; i++) {
        const cuv_c_formula *f = &t->formulas[i];
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
    return cuv_c_starts(line, end, "    const void *prepared;") ||
           (cuv_c_starts(line, end, "    case CUV_OP_SOFTMAX:") && !(t->softmax & bit));
}

/* The text with the formulas that are needed. */
static void expand(const cuv_c_text *t, const cuv_c_piece *p, size_t from, unsigned bit, cuv_buffer *out)
{
    const char *end = p->text + p->size;
    for (const char *at = p->text + from, *next; at < end; at = next) {
        next = cuv_c_line_end(at, end);
        if (cuv_c_starts(at, next, include_formulas))
            add_formulas(t, p, bit, out);
        else if (!left_out(t, at, next, bit))
            cuv_buffer_add(out, at, (size_t)(next - at));
    }
}

/* ---- what stands on what ---- */

static cuv_c_piece *look_up(const cuv_c_text *t, const char *prefix, const char *name, const char *file)
{
    char key[2 * CUV_C_NAME + 32];
    snprintf(key, sizeof key, "%s%s%s%s", prefix, name, file ? "@" : "", file ? file : "");
    return cuv_map_get(t->names, key);
}

/* Macros of texts that are compiled for several types count by type as those do, since they stand on what differs by type. */
static bool by_type(const cuv_c_piece *p)
{
    return p->typed || cuv_starts_with(p->file->name, "run/as_") ||
           (p->kind == CUV_C_MACRO && cuv_ends_with(p->file->name, ".inc"));
}

static bool use(cuv_c_piece *p, unsigned bit)
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
    char name[CUV_C_NAME];
    while (at < end) {
        if (!cuv_c_is_word(*at)) {
            at = cuv_c_skip_one(at, end);
            continue;
        }
        cuv_c_copy_word(name, at, end);
        while (at < end && cuv_c_is_word(*at))
            at++;
        if (name[0] >= '0' && name[0] <= '9')
            continue;
        if (cuv_streq(name, "FORMULA"))      /* its first two arguments are but names */
            for (int commas = 0; at < end && *at != '\n' && commas < 2; at++)
                commas += *at == ',';
        if (cuv_streq(name, "K") && at < end && *at == '(') {
            char typed[CUV_C_NAME];
            cuv_c_copy_word(typed, at + 1, end);
            const bool pasted = !strcmp(typed, "all_") || !strcmp(typed, "f_");
            const char *for_type = type < CUV_C_TYPES ? cuv_c_type_names[type] : NULL;
            more |= use(look_up(t, "K:", pasted ? "formula_functions" : typed, for_type), bit);
            at += 1 + strlen(typed);
        }
        cuv_c_piece *p = look_up(t, "", name, file);
        if (!p && type != UNTYPED)
            p = look_up(t, "", name, cuv_c_type_files[type]);
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
                cuv_c_piece *p = &t->pieces[i];
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
    for (int i = 0; type && i < CUV_C_TYPES; i++)
        if (cuv_streq(type, cuv_c_type_names[i]))
            return i;
    return UNTYPED;
}

static cuv_c_formula *find_formula(cuv_c_text *t, const char *name)
{
    for (size_t i = 0; i < t->formula_count; i++)
        if (cuv_streq(t->formulas[i].name, name))
            return &t->formulas[i];
    return NULL;
}

cuv_status cuv_c_text_need(cuv_c_text *t, const char *name, const char *type)
{
    const unsigned bit = 1u << type_of(type);
    cuv_c_piece *p = look_up(t, type ? "K:" : "", name, type);
    if (!p && type && cuv_starts_with(name, "k_")) {
        cuv_c_formula *f = find_formula(t, name + 2);
        if (f) {
            f->op |= bit;
            p = look_up(t, "K:", "formula_kernels", type);
        }
    }
    if (!p && type) {           /* written for this type alone */
        char own[2 * CUV_C_NAME];
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
    cuv_c_formula *f = find_formula(t, name);
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
        if (!memcmp(text + i, before, n) && !memcmp(text + i + n, word, m) && (i == 0 || !cuv_c_is_word(text[i - 1])) &&
            (i + n + m == size || !cuv_c_is_word(text[i + n + m])))
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

static void write_piece(const cuv_c_text *t, const cuv_c_piece *p, int type, cuv_buffer *out)
{
    cuv_buffer_char(out, '\n');
    expand(t, p, 0, 1u << type, out);
}

/* "static" and the head of a function that other texts call before its definition. */
static void declare(const cuv_c_text *t, const cuv_c_piece *p, int type, cuv_buffer *out)
{
    if (p->kind == CUV_C_MADE) {
        cuv_buffer_printf(out, "static void K(%s)(const cuv_kernel_args *a);\n", p->name);
        return;
    }
    if (p->kind != CUV_C_FUNCTION || (p->is_static && !cuv_streq(p->name, "formula_kernels")))
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

static bool in_file(const cuv_c_piece *p, const char *file)
{
    return cuv_streq(p->file->name, file);
}

static bool is_early(const cuv_c_piece *p)
{
    return in_file(p, "program/program.h") || (in_file(p, "emit/c_preamble.inc") && p->kind == CUV_C_TYPE);
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
        const cuv_c_piece *p = &t->pieces[i];
        const bool header = in_file(p, "run/run.h") || in_file(p, "run/kernels.h");
        if ((p->used & bit) && header)
            write_piece(t, p, UNTYPED, out);
    }
    for (size_t i = 0; i < t->count; i++)
        if (t->pieces[i].used & bit && t->pieces[i].kind == CUV_C_FUNCTION && !t->pieces[i].is_static) {
            if (!declared)
                cuv_buffer_char(out, '\n');
            declared = true;
            declare(t, &t->pieces[i], UNTYPED, out);
        }
    for (size_t i = 0; i < t->count; i++) {
        const cuv_c_piece *p = &t->pieces[i];
        const bool header = in_file(p, "run/run.h") || in_file(p, "run/kernels.h") || is_early(p);
        if ((p->used & bit) && !header)
            write_piece(t, p, UNTYPED, out);
    }
}

static void write_type(const cuv_c_text *t, int type, bool *first, cuv_buffer *out)
{
    static const char *const words[CUV_C_TYPES] = {"float", "double", "int32", "int64", "bool"};
    const unsigned bit = 1u << type;
    bool any = false;
    for (size_t i = 0; i < t->count && !any; i++)
        any = t->pieces[i].used & bit;
    if (!any)
        return;
    cuv_buffer_printf(out, "\n/* ---- kernels for %s ---- */\n\n", words[type]);
    for (size_t i = 0; i < t->count; i++) {
        const cuv_c_piece *p = &t->pieces[i];
        if (!in_file(p, cuv_c_type_files[type]) || !(p->used & bit))
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
        const cuv_c_piece *p = &t->pieces[i];
        if (p->kind == CUV_C_MACRO && (p->used & bit) && !(p->used & (bit - 1)) && !in_file(p, cuv_c_type_files[type]))
            write_piece(t, p, type, out);
    }
    for (size_t i = 0; i < t->count; i++)
        if (t->pieces[i].kind != CUV_C_MACRO && (t->pieces[i].used & bit))
            write_piece(t, &t->pieces[i], type, out);
    *first = false;
}

void cuv_c_text_write(const cuv_c_text *t, cuv_buffer *out)
{
    bool first = true;
    write_untyped(t, out);
    for (int type = 0; type < CUV_C_TYPES; type++)
        write_type(t, type, &first, out);
}
