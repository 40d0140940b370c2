/* Python source to tokens: indentation, logical lines, literals, operators. Follows "Lexical analysis" of the Python reference.
 * String literals are single tokens; what they hold is decoded by python_atom.c. */
#include "format/python_parse.h"

typedef struct lexer {
    cuv_py_parser *p;
    const cuv_source *src;
    const uint8_t *text;
    size_t at, end, line_start;
    uint32_t line;
    bool expression;
    bool fresh;                 /* nothing of the current logical line has been read */
    size_t *brackets;           /* positions of the open ones */
    uint32_t *bracket_lines;
    size_t bracket_count;
    uint32_t *indents;
    size_t indent_count;
} lexer;

static bool is_name_start(uint8_t c) { return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || c == '_' || c >= 0x80; }
static bool is_name(uint8_t c) { return is_name_start(c) || cuv_is_digit((char)c); }
static uint8_t lower(uint8_t c) { return c >= 'A' && c <= 'Z' ? (uint8_t)(c + 32) : c; }

static uint8_t look(const lexer *x, size_t ahead)
{
    return ahead < x->end - x->at ? x->text[x->at + ahead] : 0;
}

bool cuv_py_string_prefix(const cuv_source *src, size_t at, size_t end, size_t *length)
{
    size_t n = 0;
    bool seen_raw = false, seen_kind = false;
    while (at + n < end && n < 2) {
        uint8_t c = lower(src->data[at + n]);
        if (c == 'r' && !seen_raw)
            seen_raw = true;
        else if ((c == 'b' || c == 'u' || c == 'f' || c == 't') && !seen_kind)
            seen_kind = true;
        else
            break;
        n++;
    }
    *length = n;
    return at + n < end && (src->data[at + n] == '\'' || src->data[at + n] == '"');
}

static bool prefix_has(const cuv_source *src, size_t at, size_t length, char letter)
{
    for (size_t i = 0; i < length; i++)
        if (lower(src->data[at + i]) == (uint8_t)letter)
            return true;
    return false;
}

/* A replacement field ends at the '}' that no bracket, string or format specification of its own contains. */
size_t cuv_py_field_end(const cuv_source *src, size_t at, size_t end, unsigned depth)
{
    const uint8_t *s = src->data;
    size_t open = 0, length = 0;
    bool format = false;
    if (depth == 0)
        return end;
    for (size_t i = at + 1; i < end; i++) {
        uint8_t c = s[i];
        if (c == '{' && format) {
            i = cuv_py_field_end(src, i, end, depth - 1);
        } else if (c == '}' && open == 0) {
            return i;
        } else if (format) {
            continue;
        } else if (c == '(' || c == '[' || c == '{') {
            open++;
        } else if (c == ')' || c == ']' || c == '}') {
            open -= open > 0;
        } else if (c == ':' && open == 0) {
            format = true;
        } else if (c == '#') {
            while (i + 1 < end && s[i + 1] != '\n')
                i++;
        } else if (is_name(c) || c == '\'' || c == '"') {
            if (cuv_py_string_prefix(src, i, end, &length)) {
                size_t stop = cuv_py_string_end(src, i, end, depth - 1);
                if (stop == i)
                    return end;
                i = stop - 1;
            } else {
                while (i + 1 < end && is_name(s[i + 1]))
                    i++;
            }
        }
    }
    return end;
}

size_t cuv_py_string_end(const cuv_source *src, size_t at, size_t end, unsigned depth)
{
    const uint8_t *s = src->data;
    size_t prefix = 0;
    if (depth == 0 || !cuv_py_string_prefix(src, at, end, &prefix))
        return at;
    uint8_t quote = s[at + prefix];
    size_t i = at + prefix;
    bool triple = end - i >= 3 && s[i + 1] == quote && s[i + 2] == quote;
    bool fields = prefix_has(src, at, prefix, 'f') || prefix_has(src, at, prefix, 't');
    for (i += triple ? 3 : 1; i < end; i++) {
        if (s[i] == '\\') {
            bool named = fields && i + 2 < end && s[i + 1] == 'N' && s[i + 2] == '{' && !prefix_has(src, at, prefix, 'r');
            bool brace = fields && i + 1 < end && (s[i + 1] == '{' || s[i + 1] == '}');   /* a backslash escapes no field */
            i += named ? 2 : !brace;
            i += !brace && i < end && s[i] == '\r' && i + 1 < end && s[i + 1] == '\n';
        } else if (s[i] == quote && !triple) {
            return i + 1;
        } else if (s[i] == quote && end - i >= 3 && s[i + 1] == quote && s[i + 2] == quote) {
            return i + 3;
        } else if ((s[i] == '\n' || s[i] == '\r') && !triple) {
            return at;
        } else if (fields && s[i] == '{') {
            i = i + 1 < end && s[i + 1] == '{' ? i + 1 : cuv_py_field_end(src, i, end, depth - 1);
        }
    }
    return at;
}

static cuv_status lex_fail(lexer *x, size_t at, const char *message, const char *help)
{
    return cuv_py_syntax(x->p->cx, x->src, x->line, at, message, help);
}

static cuv_status emit(lexer *x, cuv_py_token_kind kind, size_t start, size_t end)
{
    cuv_py_parser *p = x->p;
    if (p->count >= cuv_context_limits(p->cx)->items)
        return cuv_fail(p->cx, CUV_UNSAFE, "python.size", &(cuv_detail){.file = x->src->name},
                        "%s has more tokens than the limit for one file (limits.items)", x->src->name);
    cuv_py_token *grown = cuv_arena_grow(p->scratch, p->tokens, p->count, &p->capacity, sizeof *p->tokens);
    if (!grown)
        return cuv_oom(p->cx);
    p->tokens = grown;
    cuv_py_token *t = &p->tokens[p->count++];
    *t = (cuv_py_token){.kind = (uint8_t)kind, .line = x->line, .start = start, .end = end};
    size_t column = start >= x->line_start ? start - x->line_start + 1 : 1;
    t->column = column > UINT32_MAX ? UINT32_MAX : (uint32_t)column;
    if (kind == CUV_TK_OP)
        memcpy(t->op, x->text + start, end - start);
    return CUV_OK;
}

/* Steps over one line end of any kind. */
static void newline(lexer *x)
{
    if (look(x, 0) == '\r' && look(x, 1) == '\n')
        x->at++;
    x->at++;
    x->line++;
    x->line_start = x->at;
}

static bool at_newline(const lexer *x)
{
    return x->at < x->end && (x->text[x->at] == '\n' || x->text[x->at] == '\r');
}

static void skip_to_newline(lexer *x)
{
    while (x->at < x->end && !at_newline(x))
        x->at++;
}

static cuv_status indentation(lexer *x, uint32_t width)
{
    if (width > x->indents[x->indent_count - 1]) {
        if (x->indent_count >= x->p->depth_limit)
            return lex_fail(x, x->at, "blocks are nested deeper than the limit", "raise limits.depth if the file is meant to be so");
        x->indents[x->indent_count++] = width;
        return emit(x, CUV_TK_INDENT, x->at, x->at);
    }
    while (width < x->indents[x->indent_count - 1]) {
        x->indent_count--;
        CUV_TRY(emit(x, CUV_TK_DEDENT, x->at, x->at));
    }
    if (width != x->indents[x->indent_count - 1])
        return lex_fail(x, x->at, "the indentation fits no block that is open", "align the line with the block it belongs to");
    return CUV_OK;
}

/* The beginning of a physical line outside brackets: blank lines count for nothing, others open and close blocks. */
static cuv_status line_start(lexer *x)
{
    uint32_t width = 0;
    for (;; x->at++) {
        uint8_t c = look(x, 0);
        if (c == ' ')
            width++;
        else if (c == '\t')
            width = (width / 8 + 1) * 8;
        else if (c == '\f')
            width = 0;
        else
            break;
    }
    if (look(x, 0) == '#')
        skip_to_newline(x);
    if (x->at >= x->end)
        return CUV_OK;
    if (at_newline(x)) {
        newline(x);
        return CUV_OK;
    }
    CUV_TRY(indentation(x, width));
    x->fresh = false;
    uint8_t c = look(x, 0);
    if (c == '%' || c == '!' || c == '?') {
        size_t start = x->at;
        skip_to_newline(x);
        return emit(x, CUV_TK_LINE, start, x->at);
    }
    return CUV_OK;
}

static cuv_status lex_string(lexer *x)
{
    size_t end = cuv_py_string_end(x->src, x->at, x->end, 64);
    if (end == x->at)
        return lex_fail(x, x->at, "the string that begins here is never closed", "close it with the same quotes");
    CUV_TRY(emit(x, CUV_TK_STRING, x->at, end));
    while (x->at < end) {
        if (at_newline(x))
            newline(x);
        else
            x->at++;
    }
    return CUV_OK;
}

static void digits(lexer *x, bool hex)
{
    for (;; x->at++) {
        uint8_t c = lower(look(x, 0));
        if (!cuv_is_digit((char)c) && c != '_' && !(hex && c >= 'a' && c <= 'f'))
            return;
    }
}

static cuv_status lex_number(lexer *x)
{
    size_t start = x->at;
    uint8_t base = lower(look(x, 1));
    if (look(x, 0) == '0' && (base == 'x' || base == 'o' || base == 'b')) {
        x->at += 2;
        digits(x, base == 'x');
    } else {
        digits(x, false);
        if (look(x, 0) == '.') {
            x->at++;
            digits(x, false);
        }
        size_t sign = look(x, 1) == '+' || look(x, 1) == '-';
        if (lower(look(x, 0)) == 'e' && cuv_is_digit((char)look(x, 1 + sign))) {
            x->at += 1 + sign;
            digits(x, false);
        }
    }
    uint8_t suffix = lower(look(x, 0));
    if ((suffix == 'j' || suffix == 'l') && !is_name(look(x, 1)))
        x->at++;
    return emit(x, CUV_TK_NUMBER, start, x->at);
}

static size_t operator_length(const lexer *x)
{
    static const char *const three[] = {"**=", "//=", ">>=", "<<=", "..."};
    static const char *const two[] = {"**", "//", ">>", "<<", "<=", ">=", "==", "!=", "<>", "->", "+=", "-=", "*=", "/=",
                                      "%=", "&=", "|=", "^=", "@=", ":="};
    for (size_t i = 0; i < sizeof three / sizeof *three; i++)
        if (x->end - x->at >= 3 && memcmp(x->text + x->at, three[i], 3) == 0)
            return 3;
    for (size_t i = 0; i < sizeof two / sizeof *two; i++)
        if (x->end - x->at >= 2 && memcmp(x->text + x->at, two[i], 2) == 0)
            return 2;
    return memchr("+-*/%@&|^~<>()[]{},:.;=!`", look(x, 0), 25) && look(x, 0) ? 1 : 0;
}

static cuv_status lex_operator(lexer *x)
{
    size_t length = operator_length(x);
    uint8_t c = look(x, 0);
    if (length == 0)
        return lex_fail(x, x->at, "this character has no meaning in Python code", NULL);
    if (length == 1 && (c == '(' || c == '[' || c == '{')) {
        if (x->bracket_count >= x->p->depth_limit)
            return lex_fail(x, x->at, "brackets are nested deeper than the limit", "raise limits.depth if the file is meant to be so");
        x->bracket_lines[x->bracket_count] = x->line;
        x->brackets[x->bracket_count++] = x->at;
    } else if (length == 1 && (c == ')' || c == ']' || c == '}')) {
        if (x->bracket_count == 0)
            return lex_fail(x, x->at, "this bracket closes none that is open", NULL);
        x->bracket_count--;
    }
    CUV_TRY(emit(x, CUV_TK_OP, x->at, x->at + length));
    x->at += length;
    return CUV_OK;
}

/* Characters that come into code by way of web pages and word processors. */
static cuv_status check_pasted(lexer *x, size_t size)
{
    static const struct { const char *bytes, *message, *help; } pasted[] = {
        {"\xC2\xA0", "a no-break space stands here", "replace it by a plain space (it often comes with text copied from a page)"},
        {"\xE2\x80\x9C", "a typographic quote stands here", "replace it by a plain \" (it often comes with text copied from a page)"},
        {"\xE2\x80\x9D", "a typographic quote stands here", "replace it by a plain \" (it often comes with text copied from a page)"},
        {"\xE2\x80\x98", "a typographic quote stands here", "replace it by a plain ' (it often comes with text copied from a page)"},
        {"\xE2\x80\x99", "a typographic quote stands here", "replace it by a plain ' (it often comes with text copied from a page)"},
    };
    if (x->text[x->at] < 0x80)
        return CUV_OK;
    for (size_t i = 0; i < sizeof pasted / sizeof *pasted; i++)
        if (size >= strlen(pasted[i].bytes) && memcmp(x->text + x->at, pasted[i].bytes, strlen(pasted[i].bytes)) == 0)
            return lex_fail(x, x->at, pasted[i].message, pasted[i].help);
    return CUV_OK;
}

static cuv_status lex_name(lexer *x)
{
    size_t end = x->at;
    while (end < x->end && is_name(x->text[end]))
        end++;
    CUV_TRY(check_pasted(x, end - x->at));
    CUV_TRY(emit(x, CUV_TK_NAME, x->at, end));
    x->at = end;
    return CUV_OK;
}

static cuv_status next_token(lexer *x)
{
    uint8_t c = look(x, 0);
    size_t prefix = 0;
    if (c == ' ' || c == '\t' || c == '\f') {
        x->at++;
        return CUV_OK;
    }
    if (c == '#') {
        skip_to_newline(x);
        return CUV_OK;
    }
    if (at_newline(x)) {
        if (!x->expression && x->bracket_count == 0) {
            CUV_TRY(emit(x, CUV_TK_NEWLINE, x->at, x->at));
            x->fresh = true;
        }
        newline(x);
        return CUV_OK;
    }
    if (c == '\\' && (look(x, 1) == '\n' || look(x, 1) == '\r')) {
        x->at++;
        newline(x);
        return CUV_OK;
    }
    if (cuv_py_string_prefix(x->src, x->at, x->end, &prefix))
        return lex_string(x);
    if (cuv_is_digit((char)c) || (c == '.' && cuv_is_digit((char)look(x, 1))))
        return lex_number(x);
    return is_name_start(c) ? lex_name(x) : lex_operator(x);
}

cuv_status cuv_py_lex(cuv_py_parser *p, size_t start, size_t end, uint32_t line, bool expression)
{
    lexer x = {.p = p, .src = p->src, .text = p->src->data, .at = start, .end = end, .line = line, .line_start = start,
               .expression = expression, .fresh = !expression};
    x.brackets = p->brackets;
    x.bracket_lines = p->bracket_lines;
    x.indents = p->indents;
    x.indents[0] = 0;
    x.indent_count = 1;
    while (x.line_start > 0 && start - x.line_start < 4096 && x.text[x.line_start - 1] != '\n' && x.text[x.line_start - 1] != '\r')
        x.line_start--;
    while (x.at < x.end) {
        if ((p->count & 1023) == 0)
            CUV_TRY(cuv_check_time(p->cx));
        CUV_TRY(x.fresh && x.bracket_count == 0 ? line_start(&x) : next_token(&x));
    }
    if (x.bracket_count > 0) {
        x.line = x.bracket_lines[x.bracket_count - 1];
        return lex_fail(&x, x.brackets[x.bracket_count - 1], "the bracket that opens here is never closed", NULL);
    }
    if (!expression && !x.fresh)
        CUV_TRY(emit(&x, CUV_TK_NEWLINE, x.at, x.at));
    for (; !expression && x.indent_count > 1; x.indent_count--)
        CUV_TRY(emit(&x, CUV_TK_DEDENT, x.at, x.at));
    return emit(&x, CUV_TK_END, x.at, x.at);
}
