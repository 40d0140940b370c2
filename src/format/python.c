/* The parser's common ground: nodes, lists under construction, tokens, errors with the source line, and the entry points.
 * Expressions are in python_expression.c, literals in python_atom.c, statements in python_statement.c. */
#include "format/python_parse.h"

/* ---- places ---- */

static size_t line_begin(const cuv_source *src, size_t at)
{
    size_t begin = at;
    while (begin > 0 && at - begin < 4096 && src->data[begin - 1] != '\n' && src->data[begin - 1] != '\r')
        begin--;
    return begin;
}

static size_t characters(const cuv_source *src, size_t begin, size_t end)
{
    size_t n = 0;
    for (size_t i = begin; i < end; i++)
        n += (src->data[i] & 0xC0) != 0x80;
    return n;
}

static size_t column_of(const cuv_source *src, size_t at)
{
    return characters(src, line_begin(src, at), at) + 1;
}

size_t cuv_py_column(const cuv_source *src, const cuv_py *node)
{
    if (node->column > 4096 || node->start < node->column - 1)
        return node->column;
    return characters(src, node->start - (node->column - 1), node->start) + 1;
}

const char *cuv_py_where(cuv_context *cx, const cuv_source *src, const cuv_py *node)
{
    return cuv_format(cx, "%s:%u:%zu", src->name, (unsigned)node->line, cuv_py_column(src, node));
}

/* The line, cut around the place to a width that fits a terminal, and a caret below; control characters become blanks. */
static const char *excerpt_at(cuv_context *cx, const cuv_source *src, size_t at)
{
    size_t begin = line_begin(src, at), end = at;
    if (at - begin > 70)
        begin = at - 60;
    while (begin < at && (src->data[begin] & 0xC0) == 0x80)
        begin++;
    while (end < src->size && end - begin < 110 && src->data[end] != '\n' && src->data[end] != '\r')
        end++;
    while (end < src->size && end > at && (src->data[end] & 0xC0) == 0x80)
        end--;
    cuv_buffer b;
    cuv_buffer_init(&b, cx);
    bool readable = cuv_utf8_valid((const char *)src->data + begin, end - begin);
    for (size_t i = begin; i < end; i++) {
        uint8_t c = src->data[i];
        cuv_buffer_char(&b, c < 0x20 || c == 0x7F ? ' ' : c >= 0x80 && !readable ? '?' : (char)c);
    }
    cuv_buffer_char(&b, '\n');
    for (size_t i = readable ? characters(src, begin, at) : at - begin; i > 0; i--)
        cuv_buffer_char(&b, ' ');
    cuv_buffer_char(&b, '^');
    const char *text = b.failed ? "" : cuv_format(cx, "%s", b.data);
    cuv_buffer_free(&b);
    return text;
}

const char *cuv_py_excerpt(cuv_context *cx, const cuv_source *src, const cuv_py *node)
{
    return excerpt_at(cx, src, node->start);
}

const char *cuv_py_brief(cuv_context *cx, const cuv_source *src, const cuv_py *node, size_t most)
{
    cuv_buffer b;
    cuv_buffer_init(&b, cx);
    size_t i = node->start;
    bool blank = false;
    for (; i < node->end && b.size < most && src->data[i] != '\n' && src->data[i] != '\r'; i++) {
        uint8_t c = src->data[i];
        if (c == ' ' || c == '\t') {
            blank = true;
            continue;
        }
        if (blank)
            cuv_buffer_char(&b, ' ');
        blank = false;
        cuv_buffer_char(&b, c < 0x20 || c >= 0x7F ? '?' : (char)c);
    }
    const char *text = b.failed ? "" : cuv_format(cx, i < node->end ? "%s ..." : "%s", b.size ? b.data : "");
    cuv_buffer_free(&b);
    return text;
}

cuv_status cuv_py_syntax(cuv_context *cx, const cuv_source *src, uint32_t line, size_t at, const char *message, const char *help)
{
    const char *where = cuv_format(cx, "%s:%u:%zu", src->name, (unsigned)line, column_of(src, at));
    cuv_detail d = {.file = where, .notes = excerpt_at(cx, src, at), .help = help};
    return cuv_fail(cx, CUV_DAMAGED, "python.syntax", &d, "%s: %s", where, message);
}

/* ---- tokens ---- */

const cuv_py_token *cuv_py_peek(const cuv_py_parser *p, size_t ahead)
{
    return &p->tokens[ahead < p->count - p->at ? p->at + ahead : p->count - 1];
}

static bool token_is_op(const cuv_py_token *t, const char *op)
{
    size_t n = strlen(op);
    return t->kind == CUV_TK_OP && t->end - t->start == n && memcmp(t->op, op, n) == 0;
}

bool cuv_py_is_op(const cuv_py_parser *p, const char *op)
{
    return token_is_op(cuv_py_peek(p, 0), op);
}

bool cuv_py_word_at(const cuv_py_parser *p, size_t ahead, const char *word)
{
    const cuv_py_token *t = cuv_py_peek(p, ahead);
    size_t n = strlen(word);
    return t->kind == CUV_TK_NAME && t->end - t->start == n && memcmp(p->src->data + t->start, word, n) == 0;
}

bool cuv_py_is_word(const cuv_py_parser *p, const char *word)
{
    return cuv_py_word_at(p, 0, word);
}

bool cuv_py_take_op(cuv_py_parser *p, const char *op)
{
    bool found = cuv_py_is_op(p, op);
    p->at += found;
    return found;
}

bool cuv_py_take_word(cuv_py_parser *p, const char *word)
{
    bool found = cuv_py_is_word(p, word);
    p->at += found;
    return found;
}

cuv_status cuv_py_expected(cuv_py_parser *p, const char *what)
{
    const cuv_py_token *t = cuv_py_peek(p, 0);
    static const char *const names[] = {
        [CUV_TK_END] = "the end of the file", [CUV_TK_NEWLINE] = "the end of the line", [CUV_TK_INDENT] = "an indented line",
        [CUV_TK_DEDENT] = "the end of the block"};
    const char *found = t->kind <= CUV_TK_DEDENT ? names[t->kind] : NULL;
    if (!found)
        found = cuv_format(p->cx, "'%.*s'", (int)(t->end - t->start < 24 ? t->end - t->start : 24),
                           (const char *)p->src->data + t->start);
    size_t at = t->start < p->src->size || t->start == 0 ? t->start : p->src->size;
    return cuv_py_syntax(p->cx, p->src, t->line, at, cuv_format(p->cx, "expected %s, found %s", what, found), NULL);
}

cuv_status cuv_py_need_op(cuv_py_parser *p, const char *op, const char *where)
{
    if (cuv_py_take_op(p, op))
        return CUV_OK;
    return cuv_py_expected(p, cuv_format(p->cx, "'%s' %s", op, where));
}

bool cuv_py_is_keyword(const cuv_py_parser *p, const cuv_py_token *t)
{
    static const char *const words[] = {
        "and", "as", "assert", "break", "class", "continue", "def", "del", "elif", "else", "except", "finally", "for", "from",
        "global", "if", "import", "in", "is", "lambda", "not", "or", "pass", "raise", "return", "try", "while", "with", "yield",
        "None", "True", "False", "await"};
    if (t->kind != CUV_TK_NAME || t->end - t->start > 8)
        return false;
    for (size_t i = 0; i < sizeof words / sizeof *words; i++)
        if (strlen(words[i]) == t->end - t->start && memcmp(words[i], p->src->data + t->start, t->end - t->start) == 0)
            return true;
    return false;
}

cuv_status cuv_py_identifier(cuv_py_parser *p, const char *what, const char **out)
{
    const cuv_py_token *t = cuv_py_peek(p, 0);
    if (t->kind != CUV_TK_NAME)
        return cuv_py_expected(p, what);
    *out = cuv_arena_strndup(p->arena, (const char *)p->src->data + t->start, t->end - t->start);
    p->at++;
    return *out ? CUV_OK : cuv_oom(p->cx);
}

/* ---- nodes ---- */

cuv_status cuv_py_node(cuv_py_parser *p, cuv_py_kind kind, cuv_py **out)
{
    const cuv_py_token *t = cuv_py_peek(p, 0);
    if (++p->nodes > cuv_context_limits(p->cx)->items)
        return cuv_fail(p->cx, CUV_UNSAFE, "python.size", &(cuv_detail){.file = p->src->name},
                        "%s is larger than the limit for one file (limits.items)", p->src->name);
    if ((p->nodes & 1023) == 0)
        CUV_TRY(cuv_check_time(p->cx));
    cuv_py *node = CUV_NEW(p->arena, cuv_py);
    if (!node)
        return cuv_oom(p->cx);
    node->kind = kind;
    node->line = t->line;
    node->column = t->column;
    node->start = t->start;
    node->end = t->end;
    *out = node;
    return CUV_OK;
}

static cuv_status too_deep(cuv_py_parser *p, uint32_t line, size_t at)
{
    return cuv_py_syntax(p->cx, p->src, line, at, "the code is nested deeper than the limit",
                         "raise limits.depth if the file is meant to be so");
}

static uint32_t highest(cuv_py *const *items, size_t count, uint32_t height)
{
    for (size_t i = 0; i < count; i++)
        if (items[i] && items[i]->height > height)
            height = items[i]->height;
    return height;
}

cuv_status cuv_py_close(cuv_py_parser *p, cuv_py *node)
{
    if (p->at > 0) {
        const cuv_py_token *last = &p->tokens[p->at - 1];
        if (last->end > node->end)
            node->end = last->end;
    }
    cuv_py *const few[] = {node->a, node->b, node->c};
    uint32_t height = highest(few, 3, 0);
    height = highest(node->items, node->count, height);
    height = highest(node->body, node->body_count, height);
    height = highest(node->orelse, node->orelse_count, height);
    height = highest(node->final, node->final_count, height);
    node->height = height + 1;
    return node->height > p->depth_limit ? too_deep(p, node->line, node->start) : CUV_OK;
}

cuv_status cuv_py_push(cuv_py_parser *p, cuv_py *node)
{
    cuv_py **grown = cuv_arena_grow(p->scratch, p->stack, p->stack_count, &p->stack_capacity, sizeof *p->stack);
    if (!grown)
        return cuv_oom(p->cx);
    p->stack = grown;
    p->stack[p->stack_count++] = node;
    return CUV_OK;
}

cuv_status cuv_py_pop(cuv_py_parser *p, size_t mark, cuv_py ***items, size_t *count)
{
    *count = p->stack_count - mark;
    *items = NULL;
    if (*count == 0)
        return CUV_OK;
    *items = CUV_NEW_ARRAY(p->arena, cuv_py *, *count);
    if (!*items)
        return cuv_oom(p->cx);
    memcpy(*items, p->stack + mark, *count * sizeof **items);
    p->stack_count = mark;
    return CUV_OK;
}

cuv_status cuv_py_enter(cuv_py_parser *p)
{
    const cuv_py_token *t = cuv_py_peek(p, 0);
    if (p->depth >= p->depth_limit)
        return too_deep(p, t->line, t->start);
    p->depth++;
    return CUV_OK;
}

void cuv_py_leave(cuv_py_parser *p)
{
    p->depth--;
}

/* ---- entry points ---- */

static cuv_status begin(cuv_py_parser *p, cuv_arena *arena, const cuv_source *src, bool expression)
{
    *p = (cuv_py_parser){.cx = cuv_arena_context(arena), .arena = arena, .src = src};
    const cuv_limits *limits = cuv_context_limits(p->cx);
    p->depth_limit = limits->depth < 128 ? limits->depth * 8 + 8 : 1024;
    if (src->size > limits->config_bytes)
        return cuv_fail(p->cx, CUV_UNSAFE, "python.size", &(cuv_detail){.file = src->name},
                        "%s has %zu bytes, more than the limit for code (limits.config_bytes)", src->name, src->size);
    p->scratch = cuv_arena_new(p->cx);
    if (!p->scratch)
        return cuv_oom(p->cx);
    p->brackets = CUV_NEW_ARRAY(p->scratch, size_t, p->depth_limit);
    p->bracket_lines = CUV_NEW_ARRAY(p->scratch, uint32_t, p->depth_limit);
    p->indents = CUV_NEW_ARRAY(p->scratch, uint32_t, p->depth_limit);
    if (!p->brackets || !p->bracket_lines || !p->indents)
        return cuv_oom(p->cx);
    bool mark = src->size >= 3 && memcmp(src->data, "\xEF\xBB\xBF", 3) == 0;
    return cuv_py_lex(p, mark ? 3 : 0, src->size, 1, expression);
}

cuv_status cuv_python_parse(cuv_arena *arena, const cuv_source *src, cuv_py **out)
{
    cuv_py_parser p;
    *out = NULL;
    cuv_status status = begin(&p, arena, src, false);
    if (status == CUV_OK)
        status = cuv_py_module(&p, out);
    cuv_arena_free(p.scratch);
    return status;
}

static cuv_status literal(cuv_py_parser *p, const cuv_py *node, cuv_value **out);

static cuv_status literal_items(cuv_py_parser *p, const cuv_py *node, cuv_value *list)
{
    if (!list)
        return cuv_oom(p->cx);
    for (size_t i = 0; i < node->count; i++) {
        cuv_value *item = NULL;
        CUV_TRY(literal(p, node->items[i], &item));
        CUV_TRY(cuv_list_add(p->arena, list, item));
    }
    return CUV_OK;
}

static cuv_status literal_dict(cuv_py_parser *p, const cuv_py *node, cuv_value *dict)
{
    if (!dict)
        return cuv_oom(p->cx);
    for (size_t i = 0; i < node->count; i++) {
        const cuv_py *pair = node->items[i];
        cuv_value *key = NULL, *value = NULL;
        if (!pair->a)
            return cuv_py_syntax(p->cx, p->src, pair->line, pair->start, "'**' is no literal", NULL);
        CUV_TRY(literal(p, pair->a, &key));
        CUV_TRY(literal(p, pair->b, &value));
        CUV_TRY(cuv_dict_add(p->arena, dict, key, value));
    }
    return CUV_OK;
}

static cuv_status literal_negative(cuv_py_parser *p, const cuv_py *node, cuv_value **out)
{
    cuv_value *v = NULL;
    if ((node->op != '-' && node->op != '+') || (node->a->kind != CUV_PY_INT && node->a->kind != CUV_PY_FLOAT))
        return cuv_py_syntax(p->cx, p->src, node->line, node->start, "this is no literal", NULL);
    CUV_TRY(literal(p, node->a, &v));
    if (node->op == '+')
        *out = v;
    else
        *out = v->kind == CUV_INTEGER ? cuv_value_int(p->arena, -v->integer) : cuv_value_real(p->arena, -v->real);
    return *out ? CUV_OK : cuv_oom(p->cx);
}

/* Depth is bounded by the height of the tree. */
static cuv_status literal(cuv_py_parser *p, const cuv_py *node, cuv_value **out)
{
    switch ((int)node->kind) {
    case CUV_PY_NONE: *out = cuv_value_null(p->arena); break;
    case CUV_PY_TRUE: case CUV_PY_FALSE: *out = cuv_value_bool(p->arena, node->kind == CUV_PY_TRUE); break;
    case CUV_PY_INT:
        *out = node->op == 'L' ? cuv_value_real(p->arena, node->real) : cuv_value_int(p->arena, node->integer);
        break;
    case CUV_PY_FLOAT: *out = cuv_value_real(p->arena, node->real); break;
    case CUV_PY_STR: *out = cuv_value_text_n(p->arena, node->text, node->size); break;
    case CUV_PY_BYTES: *out = cuv_value_bytes(p->arena, node->text, node->size); break;
    case CUV_PY_LIST: return literal_items(p, node, *out = cuv_value_list(p->arena));
    case CUV_PY_TUPLE: return literal_items(p, node, *out = cuv_value_tuple(p->arena));
    case CUV_PY_DICT: return literal_dict(p, node, *out = cuv_value_dict(p->arena));
    case CUV_PY_UNARY: return literal_negative(p, node, out);
    default: return cuv_py_syntax(p->cx, p->src, node->line, node->start, "this is no literal", NULL);
    }
    return *out ? CUV_OK : cuv_oom(p->cx);
}

cuv_status cuv_python_literal(cuv_arena *arena, const cuv_source *src, cuv_value **out)
{
    cuv_py_parser p;
    cuv_py *node = NULL;
    *out = NULL;
    cuv_status status = begin(&p, arena, src, true);
    if (status == CUV_OK)
        status = cuv_py_tests(&p, &node);
    if (status == CUV_OK && cuv_py_peek(&p, 0)->kind != CUV_TK_END)
        status = cuv_py_expected(&p, "the end of the literal");
    if (status == CUV_OK)
        status = literal(&p, node, out);
    if (status != CUV_OK)
        *out = NULL;
    cuv_arena_free(p.scratch);
    return status;
}
