/* Reads the text that text_print.c writes. Lines:
 *     %0 = input "name" float32 (None, 4)      also weight; constant float32 (2) [1.0 2.0] or ... for values left out
 *     %3 %4 = op %0 - %1 attr=1,2 flag act=relu(0.0,inf,0.0)  # layer
 *     output %3 "name"
 * Every step goes through cuv_emit, so what parses is checked. */
#include "program/text.h"

typedef struct parser {
    const char *at, *end;
    int line;
    cuv_program *p;
    cuv_context *cx;
    cuv_arena *arena;
    cuv_map *numbers;                     /* "12" → cuv_ref */
    cuv_ref *outputs;  size_t output_count, output_room;
    const char **names; size_t name_room;
    cuv_ref *in; size_t in_room;
} parser;

static cuv_status no(const parser *q, const char *what)
{
    return cuv_fail(q->cx, CUV_DAMAGED, "program.text", &(cuv_detail){.expected = what}, "line %d of the program: %s is "
                    "expected", q->line, what);
}

/* ---- tokens ---- */

static void blanks(parser *q)
{
    while (q->at < q->end && (*q->at == ' ' || *q->at == '\t' || *q->at == '\r'))
        q->at++;
}

static bool accept(parser *q, char c)
{
    blanks(q);
    if (q->at == q->end || *q->at != c)
        return false;
    q->at++;
    return true;
}

static bool at_end_of_line(parser *q)
{
    blanks(q);
    return q->at == q->end || *q->at == '\n' || *q->at == '#';
}

static bool word_char(char c)
{
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '_' || c == '.' ||
           c == '-' || c == '+';
}

/* The next word, in the arena; "" when there is none. NULL: no memory. */
static char *word(parser *q)
{
    blanks(q);
    const char *start = q->at;
    while (q->at < q->end && word_char(*q->at))
        q->at++;
    return cuv_arena_strndup(q->arena, start, (size_t)(q->at - start));
}

static int hex_digits(const char *at)
{
    int value = 0;
    for (int i = 0; i < 4; i++) {
        char c = at[i];
        int digit = c >= '0' && c <= '9' ? c - '0' : c >= 'a' && c <= 'f' ? c - 'a' + 10 : c >= 'A' && c <= 'F' ? c - 'A' + 10 : -1;
        if (digit < 0)
            return -1;
        value = value * 16 + digit;
    }
    return value;
}

/* The code point of a \u escape whose digits are at *at, which moves behind it and, for a surrogate, behind its other half.
 * -1: there is none. */
static int code_point(const char **at, const char *end)
{
    int high = end - *at >= 4 ? hex_digits(*at) : -1, low = -1;
    if (high <= 0 || (high & 0xFC00) == 0xDC00)
        return -1;
    *at += 4;
    if ((high & 0xFC00) != 0xD800)
        return high;
    if (end - *at >= 6 && (*at)[0] == '\\' && (*at)[1] == 'u')
        low = hex_digits(*at + 2);
    if (low < 0 || (low & 0xFC00) != 0xDC00)
        return -1;
    *at += 6;
    return 0x10000 + ((high & 0x3FF) << 10 | (low & 0x3FF));
}

static size_t put_utf8(char *to, int c)
{
    if (c >= 0x10000) {
        to[0] = (char)(0xF0 | c >> 18);
        to[1] = (char)(0x80 | (c >> 12 & 63));
        to[2] = (char)(0x80 | (c >> 6 & 63));
        to[3] = (char)(0x80 | (c & 63));
        return 4;
    }
    if (c < 0x80) {
        to[0] = (char)c;
        return 1;
    }
    if (c < 0x800) {
        to[0] = (char)(0xC0 | c >> 6);
        to[1] = (char)(0x80 | (c & 63));
        return 2;
    }
    to[0] = (char)(0xE0 | c >> 12);
    to[1] = (char)(0x80 | (c >> 6 & 63));
    to[2] = (char)(0x80 | (c & 63));
    return 3;
}

/* A JSON string without NUL. */
static cuv_status quoted(parser *q, const char **out, size_t *size)
{
    static const char from[] = "\"\\/bfnrt", to[] = "\"\\/\b\f\n\r\t";
    size_t n = 0;
    if (!accept(q, '"'))
        return no(q, "a quoted name");
    const char *close = q->at;
    while (close < q->end && *close != '"' && *close != '\n')
        close += *close == '\\' && q->end - close > 1 ? 2 : 1;
    char *text = cuv_arena_alloc(q->arena, (size_t)(close - q->at) + 1);
    if (!text)
        return cuv_oom(q->cx);
    while (q->at < q->end && *q->at != '"' && *q->at != '\n') {
        char c = *q->at++;
        if (c == '\\' && q->at < q->end) {
            c = *q->at++;
            int code = c == 'u' ? code_point(&q->at, q->end) : -1;
            const char *simple = c ? strchr(from, c) : NULL;
            if (code >= 0) {
                n += put_utf8(text + n, code);
                continue;
            }
            if (!simple)
                return no(q, "an escape of JSON");
            c = to[simple - from];
        }
        text[n++] = c;
    }
    if (!accept(q, '"'))
        return no(q, "a closing quote");
    *out = text;
    *size = n;
    return CUV_OK;
}

static cuv_status integer(parser *q, int64_t *out)
{
    char *text = word(q);
    if (!text)
        return cuv_oom(q->cx);
    *out = cuv_streq(text, "max") ? INT64_MAX : INT64_MIN;
    if (cuv_streq(text, "max") || cuv_streq(text, "min"))
        return CUV_OK;
    return cuv_parse_i64(text, strlen(text), out) ? CUV_OK : no(q, "an integer");
}

static cuv_status real(parser *q, double *out)
{
    char *text = word(q);
    if (!text)
        return cuv_oom(q->cx);
    const char *digits = text[0] == '-' ? text + 1 : text;
    if (cuv_streq(digits, "inf") || cuv_streq(digits, "nan")) {
        *out = digits[0] == 'n' ? (double)NAN : text[0] == '-' ? -(double)INFINITY : (double)INFINITY;
        return CUV_OK;
    }
    return cuv_parse_double(text, strlen(text), out) ? CUV_OK : no(q, "a number");
}

/* ---- values ---- */

static cuv_status reference(parser *q, cuv_ref *out)
{
    if (!accept(q, '%'))
        return no(q, "a value (%n)");
    char *name = word(q);
    cuv_ref *ref = name ? cuv_map_get(q->numbers, name) : NULL;
    if (!ref)
        return name ? no(q, "a value that stands above") : cuv_oom(q->cx);
    *out = *ref;
    return CUV_OK;
}

static cuv_status define(parser *q, const char *name, cuv_ref ref)
{
    cuv_ref *kept = CUV_NEW(q->arena, cuv_ref);
    if (!kept)
        return cuv_oom(q->cx);
    *kept = ref;
    if (cuv_map_get(q->numbers, name))
        return no(q, "a number that is not taken");
    return cuv_map_set(q->numbers, name, kept);
}

static cuv_status shape(parser *q, int64_t *sizes, int *rank)
{
    if (!accept(q, '('))
        return no(q, "a shape");
    for (*rank = 0; !accept(q, ')'); accept(q, ',')) {
        if (*rank == CUV_MAX_RANK)
            return no(q, "at most eight sizes");
        blanks(q);
        if (q->end - q->at >= 4 && memcmp(q->at, "None", 4) == 0) {
            q->at += 4;
            sizes[(*rank)++] = -1;
            continue;
        }
        CUV_TRY(integer(q, &sizes[*rank]));
        if (sizes[*rank] < 0)
            return no(q, "a size");
        ++*rank;
    }
    return CUV_OK;
}

static cuv_status element(parser *q, const cuv_tensor *t, void *values, size_t i)
{
    unsigned char *to = (unsigned char *)values + i * cuv_dtype_size(t->dtype);
    if (t->dtype == CUV_STR) {
        cuv_string text;
        CUV_TRY(quoted(q, &text.data, &text.size));
        memcpy(to, &text, sizeof text);
        return CUV_OK;
    }
    if (t->dtype == CUV_I64) {
        int64_t v;
        CUV_TRY(integer(q, &v));
        memcpy(to, &v, sizeof v);
        return CUV_OK;
    }
    double v;
    CUV_TRY(real(q, &v));
    cuv_convert(to, t->dtype, &v, CUV_F64, 1);
    return CUV_OK;
}

static cuv_status constant(parser *q, cuv_dtype dtype, const int64_t *sizes, int rank, cuv_ref *out)
{
    cuv_tensor *t = NULL;
    void *values = NULL;
    if (!accept(q, '[')) {
        if (!cuv_streq(word(q), "..."))
            return no(q, "values in brackets, or ...");
        if (!(t = CUV_NEW(q->arena, cuv_tensor)))
            return cuv_oom(q->cx);
        *t = (cuv_tensor){.dtype = dtype, .rank = rank};
        memcpy(t->shape, sizes, sizeof t->shape);
        *out = cuv_program_constant(q->p, t);
        return q->p->status;
    }
    size_t count;
    if (!cuv_shape_count(sizes, rank, &count) || count > (size_t)(q->end - q->at))
        return no(q, "a value for each element");
    CUV_TRY(cuv_tensor_new(q->arena, dtype, sizes, rank, &t, &values));
    for (size_t i = 0; i < count; i++)
        CUV_TRY(element(q, t, values, i));
    if (!accept(q, ']'))
        return no(q, "a closing bracket");
    *out = cuv_program_constant(q->p, t);
    return q->p->status;
}

static cuv_status declaration(parser *q, const char *number, const char *kind)
{
    const char *name = NULL, *dtype_name;
    size_t size;
    int64_t sizes[CUV_MAX_RANK] = {0};
    int rank = 0;
    cuv_dtype dtype;
    cuv_ref ref = CUV_NO_REF;
    if (!cuv_streq(kind, "constant"))
        CUV_TRY(quoted(q, &name, &size));
    dtype_name = word(q);
    if (!dtype_name || !cuv_dtype_parse(dtype_name, &dtype))
        return no(q, "a dtype");
    CUV_TRY(shape(q, sizes, &rank));
    if (cuv_streq(kind, "constant"))
        CUV_TRY(constant(q, dtype, sizes, rank, &ref));
    else if (cuv_streq(kind, "input"))
        ref = cuv_program_input(q->p, name, dtype, sizes, rank);
    else
        ref = cuv_program_weight(q->p, name, dtype, sizes, rank);
    CUV_TRY(q->p->status);
    return define(q, number, ref);
}

/* ---- attributes ---- */

static cuv_status numbers(parser *q, int64_t *list, int room, int *count)
{
    *count = 0;
    do {
        if (*count == room)
            return no(q, "fewer numbers");
        CUV_TRY(integer(q, &list[(*count)++]));
    } while (accept(q, ','));
    return CUV_OK;
}

static cuv_status ints(parser *q, int *list, int room, int *count)
{
    int64_t wide[CUV_MAX_RANK];
    CUV_TRY(numbers(q, wide, room, count));
    for (int i = 0; i < *count; i++) {
        if (wide[i] < INT32_MIN || wide[i] > INT32_MAX)
            return no(q, "a smaller number");
        list[i] = (int)wide[i];
    }
    return CUV_OK;
}

static cuv_status choice(parser *q, const char *const *names, int count, int *out)
{
    char *name = word(q);
    for (*out = 0; *out < count; ++*out)
        if (cuv_streq(name, names[*out]))
            return CUV_OK;
    return no(q, "the name of a mode");
}

static cuv_status activation(parser *q, cuv_act *act)
{
    double *const params[3] = {&act->alpha, &act->beta, &act->gamma};
    char *name = word(q);
    if (!name || !cuv_op_parse(name, &act->op))
        return no(q, "an activation");
    if (!accept(q, '('))
        return CUV_OK;
    for (int i = 0; i < 3; i++) {
        CUV_TRY(real(q, params[i]));
        if (i < 2 && !accept(q, ','))
            return no(q, "three numbers");
    }
    if (accept(q, ','))
        act->approximate = cuv_streq(word(q), "approximate");
    return accept(q, ')') ? CUV_OK : no(q, "a closing parenthesis");
}

static cuv_status attribute(parser *q, const cuv_attr_row *row, cuv_attrs *a)
{
    void *at = (unsigned char *)a + row->offset;
    int count;
    if (row->kind == CUV_A_FLAG) {
        *(bool *)at = true;
        return CUV_OK;
    }
    if (!accept(q, '='))
        return no(q, "=");
    switch (row->kind) {
    case CUV_A_INT: return ints(q, at, 1, &count);
    case CUV_A_COUNT: return integer(q, at);
    case CUV_A_REAL: return real(q, at);
    case CUV_A_AXES: return ints(q, at, CUV_MAX_RANK, &a->axes_count);
    case CUV_A_PERM: return ints(q, at, CUV_MAX_RANK, &count);
    case CUV_A_SHAPE: return numbers(q, at, CUV_MAX_RANK, &a->shape_count);
    case CUV_A_ONES: case CUV_A_SIZES: return numbers(q, at, 3, &count);
    case CUV_A_PADS: case CUV_A_SLICE: return numbers(q, at, CUV_MAX_RANK, &count);
    case CUV_A_ACT: return activation(q, at);
    case CUV_A_MODE: CUV_TRY(choice(q, cuv_mode_names, 12, &count)); a->mode = (cuv_mode)count; return CUV_OK;
    case CUV_A_ALIGN: CUV_TRY(choice(q, cuv_align_names, 2, &count)); a->align = (cuv_align)count; return CUV_OK;
    case CUV_A_DTYPE: {
        char *name = word(q);
        return name && cuv_dtype_parse(name, at) ? CUV_OK : no(q, "a dtype");
    }
    case CUV_A_FLAG: break;
    }
    return CUV_OK;
}

/* ---- lines ---- */

static cuv_status inputs(parser *q, size_t *count)
{
    for (*count = 0; !at_end_of_line(q); ++*count) {
        if (*q->at != '%' && *q->at != '-')
            return CUV_OK;
        cuv_ref *in = cuv_arena_grow(q->arena, q->in, *count, &q->in_room, sizeof *in);
        if (!in)
            return cuv_oom(q->cx);
        q->in = in;
        q->in[*count] = CUV_NO_REF;
        if (!accept(q, '-'))
            CUV_TRY(reference(q, &q->in[*count]));
    }
    return CUV_OK;
}

static cuv_status attributes(parser *q, cuv_attrs *a)
{
    while (!at_end_of_line(q)) {
        char *name = word(q);
        const cuv_attr_row *row = cuv_attr_rows;
        while (row->name && !cuv_streq(row->name, name))
            row++;
        if (!row->name)
            return no(q, "an attribute");
        CUV_TRY(attribute(q, row, a));
    }
    return CUV_OK;
}

/* "# name" up to the end of the line */
static cuv_status layer(parser *q, const char **out)
{
    size_t size;
    *out = NULL;
    if (!accept(q, '#'))
        return CUV_OK;
    blanks(q);
    if (q->at < q->end && *q->at == '"')
        return quoted(q, out, &size);
    const char *start = q->at;
    while (q->at < q->end && *q->at != '\n')
        q->at++;
    *out = cuv_arena_strndup(q->arena, start, (size_t)(q->at - start));
    return *out ? CUV_OK : cuv_oom(q->cx);
}

static cuv_status step(parser *q, char *const *results, int count, const char *name)
{
    cuv_attrs attrs = {0};
    cuv_op op;
    size_t in_count;
    if (!cuv_op_parse(name, &op))
        return no(q, "an op");
    CUV_TRY(inputs(q, &in_count));
    CUV_TRY(attributes(q, &attrs));
    CUV_TRY(layer(q, &q->p->layer));
    if (count != cuv_op_about(op)->outs)
        return no(q, "as many results as the op has");
    cuv_ref first = cuv_emit(q->p, op, q->in, in_count, &attrs);
    CUV_TRY(q->p->status);
    for (int i = 0; i < count; i++)
        CUV_TRY(define(q, results[i], first + i));
    return CUV_OK;
}

static cuv_status output(parser *q)
{
    size_t size, n = q->output_count;
    cuv_ref *outputs = cuv_arena_grow(q->arena, q->outputs, n, &q->output_room, sizeof *outputs);
    const char **names = cuv_arena_grow(q->arena, (void *)q->names, n, &q->name_room, sizeof *names);
    if (!outputs || !names)
        return cuv_oom(q->cx);
    q->outputs = outputs;
    q->names = names;
    q->names[n] = NULL;
    CUV_TRY(reference(q, &q->outputs[n]));
    if (!at_end_of_line(q))
        CUV_TRY(quoted(q, &q->names[n], &size));
    q->output_count++;
    return CUV_OK;
}

static cuv_status line(parser *q)
{
    char *results[4];
    int count = 0;
    if (at_end_of_line(q)) {
        const char *comment;
        return layer(q, &comment);
    }
    while (count < 4 && accept(q, '%'))
        if (!(results[count++] = word(q)))
            return cuv_oom(q->cx);
    char *name = count == 0 || accept(q, '=') ? word(q) : NULL;
    if (!name || (count == 0 && !cuv_streq(name, "output")))
        return no(q, count ? "=" : "a value or output");
    if (count == 0)
        return output(q);
    if (cuv_streq(name, "input") || cuv_streq(name, "weight") || cuv_streq(name, "constant"))
        return count == 1 ? declaration(q, results[0], name) : no(q, "one number");
    return step(q, results, count, name);
}

cuv_status cuv_program_parse(cuv_arena *arena, const char *text, size_t size, cuv_program **out)
{
    parser q = {.at = text, .end = text + size, .line = 1, .p = cuv_program_new(arena), .arena = arena,
                .cx = cuv_arena_context(arena), .numbers = cuv_map_new(arena)};
    *out = NULL;
    if (!q.p || !q.numbers)
        return cuv_oom(q.cx);
    if (!cuv_utf8_valid(text, size) || memchr(text, 0, size))
        return no(&q, "text in UTF-8 without NUL");
    for (; q.at < q.end; q.line++) {
        CUV_TRY(line(&q));
        blanks(&q);
        if (q.at < q.end && *q.at++ != '\n')
            return no(&q, "the end of the line");
    }
    CUV_TRY(cuv_program_set_outputs(q.p, q.outputs, q.names, q.output_count));
    q.p->layer = NULL;
    *out = q.p;
    return CUV_OK;
}
