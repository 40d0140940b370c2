/* Expressions of Python, by precedence ("Expressions" of the Python reference), each level a function.
 * Depth is held against the limit in cuv_py_enter, the height of long chains in cuv_py_close. */
#include "format/python_parse.h"

static cuv_status binary(cuv_py_parser *p, int lowest, cuv_py **out);

/* A node that begins where `first` begins. */
static cuv_status node_from(cuv_py_parser *p, cuv_py_kind kind, const cuv_py *first, cuv_py **out)
{
    CUV_TRY(cuv_py_node(p, kind, out));
    (*out)->line = first->line;
    (*out)->column = first->column;
    (*out)->start = first->start;
    (*out)->end = first->end;
    return CUV_OK;
}

/* ---- displays and comprehensions ---- */

static bool at_clause(const cuv_py_parser *p)
{
    return cuv_py_is_word(p, "for") || (cuv_py_is_word(p, "async") && cuv_py_word_at(p, 1, "for"));
}

static cuv_status or_test(cuv_py_parser *p, cuv_py **out);

/* `for a in b if c ...`, all clauses, into node->items. */
static cuv_status clauses(cuv_py_parser *p, cuv_py *node)
{
    size_t mark = p->stack_count;
    while (at_clause(p)) {
        cuv_py *clause = NULL, *condition = NULL;
        (void)cuv_py_take_word(p, "async");
        CUV_TRY(cuv_py_node(p, CUV_PY_CLAUSE, &clause));
        p->at++;
        CUV_TRY(cuv_py_targets(p, &clause->a));
        if (!cuv_py_take_word(p, "in"))
            return cuv_py_expected(p, "'in'");
        CUV_TRY(or_test(p, &clause->b));
        if (cuv_py_is_op(p, ",")) {     /* Python 2: [x for x in 1, 2] is not worth telling apart from an error */
            return cuv_py_expected(p, "the end of the comprehension");
        }
        size_t inner = p->stack_count;
        while (cuv_py_take_word(p, "if")) {
            CUV_TRY(or_test(p, &condition));
            CUV_TRY(cuv_py_push(p, condition));
        }
        CUV_TRY(cuv_py_pop(p, inner, &clause->items, &clause->count));
        CUV_TRY(cuv_py_close(p, clause));
        CUV_TRY(cuv_py_push(p, clause));
    }
    return cuv_py_pop(p, mark, &node->items, &node->count);
}

static cuv_status comprehension(cuv_py_parser *p, int op, cuv_py *a, cuv_py *b, const cuv_py *from, cuv_py **out)
{
    CUV_TRY(node_from(p, CUV_PY_COMPREHENSION, from, out));
    (*out)->op = op;
    (*out)->a = a;
    (*out)->b = b;
    CUV_TRY(clauses(p, *out));
    return cuv_py_close(p, *out);
}

static cuv_status star_or_test(cuv_py_parser *p, cuv_py **out)
{
    if (!cuv_py_is_op(p, "*"))
        return cuv_py_test(p, true, out);
    CUV_TRY(cuv_py_node(p, CUV_PY_STARRED, out));
    p->at++;
    CUV_TRY(binary(p, 1, &(*out)->a));
    return cuv_py_close(p, *out);
}

/* `( ... )`: nothing, one expression, a generator, or a tuple. */
static cuv_status parenthesised(cuv_py_parser *p, cuv_py **out)
{
    cuv_py *tuple = NULL, *item = NULL;
    size_t mark = p->stack_count;
    bool comma = false;
    CUV_TRY(cuv_py_node(p, CUV_PY_TUPLE, &tuple));
    p->at++;
    while (!cuv_py_is_op(p, ")")) {
        CUV_TRY(star_or_test(p, &item));
        if (p->stack_count == mark && at_clause(p))
            CUV_TRY(comprehension(p, '(', item, NULL, tuple, &item));
        CUV_TRY(cuv_py_push(p, item));
        if (!cuv_py_take_op(p, ","))
            break;
        comma = true;
    }
    CUV_TRY(cuv_py_need_op(p, ")", "or ','"));
    if (!comma && p->stack_count == mark + 1) {
        p->stack_count = mark;
        *out = item;
        return CUV_OK;
    }
    CUV_TRY(cuv_py_pop(p, mark, &tuple->items, &tuple->count));
    *out = tuple;
    return cuv_py_close(p, tuple);
}

static cuv_status list_display(cuv_py_parser *p, cuv_py **out)
{
    cuv_py *list = NULL, *item = NULL;
    size_t mark = p->stack_count;
    CUV_TRY(cuv_py_node(p, CUV_PY_LIST, &list));
    p->at++;
    while (!cuv_py_is_op(p, "]")) {
        CUV_TRY(star_or_test(p, &item));
        if (p->stack_count == mark && at_clause(p)) {
            CUV_TRY(comprehension(p, '[', item, NULL, list, out));
            CUV_TRY(cuv_py_need_op(p, "]", "at the end of the list"));
            (*out)->end = p->tokens[p->at - 1].end;
            return CUV_OK;
        }
        CUV_TRY(cuv_py_push(p, item));
        if (!cuv_py_take_op(p, ","))
            break;
    }
    CUV_TRY(cuv_py_need_op(p, "]", "or ','"));
    CUV_TRY(cuv_py_pop(p, mark, &list->items, &list->count));
    *out = list;
    return cuv_py_close(p, list);
}

/* One entry of a dict or set; *dict tells which, from the first entry on. */
static cuv_status brace_item(cuv_py_parser *p, bool *dict, cuv_py **out)
{
    cuv_py *key = NULL;
    if (!cuv_py_is_op(p, "**")) {
        CUV_TRY(star_or_test(p, &key));
        if (!cuv_py_is_op(p, ":")) {
            *out = key;
            return CUV_OK;
        }
    }
    *dict = true;
    if (key)
        CUV_TRY(node_from(p, CUV_PY_PAIR, key, out));
    else
        CUV_TRY(cuv_py_node(p, CUV_PY_PAIR, out));
    p->at++;
    (*out)->a = key;
    CUV_TRY(key ? cuv_py_test(p, false, &(*out)->b) : binary(p, 1, &(*out)->b));
    return cuv_py_close(p, *out);
}

static cuv_status braces(cuv_py_parser *p, cuv_py **out)
{
    cuv_py *node = NULL, *item = NULL;
    size_t mark = p->stack_count;
    bool dict = cuv_py_is_op(p, "{") && cuv_py_peek(p, 1)->op[0] == '}';
    CUV_TRY(cuv_py_node(p, CUV_PY_SET, &node));
    p->at++;
    while (!cuv_py_is_op(p, "}")) {
        bool set = p->stack_count > mark && !dict;
        CUV_TRY(brace_item(p, &dict, &item));
        if (dict && item->kind != CUV_PY_PAIR)
            return cuv_py_expected(p, "':'");
        if (dict && set)
            return cuv_py_syntax(p->cx, p->src, item->line, item->start, "a set has no pairs", NULL);
        if (p->stack_count == mark && at_clause(p)) {
            CUV_TRY(dict ? comprehension(p, ':', item->a, item->b, node, out) : comprehension(p, '{', item, NULL, node, out));
            return cuv_py_need_op(p, "}", "at its end");
        }
        CUV_TRY(cuv_py_push(p, item));
        if (!cuv_py_take_op(p, ","))
            break;
    }
    CUV_TRY(cuv_py_need_op(p, "}", "or ','"));
    CUV_TRY(cuv_py_pop(p, mark, &node->items, &node->count));
    node->kind = dict ? CUV_PY_DICT : CUV_PY_SET;
    *out = node;
    return cuv_py_close(p, node);
}

/* ---- calls, subscripts, attributes ---- */

static cuv_status argument(cuv_py_parser *p, cuv_py **out)
{
    const cuv_py_token *next = cuv_py_peek(p, 1);
    bool named = cuv_py_peek(p, 0)->kind == CUV_TK_NAME && next->kind == CUV_TK_OP && next->end - next->start == 1 &&
                 next->op[0] == '=';
    if (named || cuv_py_is_op(p, "**")) {
        cuv_py *keyword = NULL;
        CUV_TRY(cuv_py_node(p, CUV_PY_KEYWORD, &keyword));
        if (named)
            CUV_TRY(cuv_py_identifier(p, "a name", &keyword->text));
        p->at++;
        CUV_TRY(cuv_py_test(p, false, &keyword->a));
        *out = keyword;
        return cuv_py_close(p, keyword);
    }
    if (cuv_py_is_op(p, "*")) {
        CUV_TRY(cuv_py_node(p, CUV_PY_STARRED, out));
        p->at++;
        CUV_TRY(cuv_py_test(p, false, &(*out)->a));
        return cuv_py_close(p, *out);
    }
    CUV_TRY(cuv_py_test(p, true, out));
    if (at_clause(p))
        return comprehension(p, '(', *out, NULL, *out, out);
    return CUV_OK;
}

cuv_status cuv_py_arguments(cuv_py_parser *p, cuv_py *call)
{
    size_t mark = p->stack_count;
    while (!cuv_py_is_op(p, ")")) {
        cuv_py *item = NULL;
        CUV_TRY(argument(p, &item));
        CUV_TRY(cuv_py_push(p, item));
        if (!cuv_py_take_op(p, ","))
            break;
    }
    CUV_TRY(cuv_py_need_op(p, ")", "or ',' between arguments"));
    return cuv_py_pop(p, mark, &call->items, &call->count);
}

static bool slice_ends(const cuv_py_parser *p)
{
    return cuv_py_is_op(p, ":") || cuv_py_is_op(p, "]") || cuv_py_is_op(p, ",");
}

static cuv_status slice(cuv_py_parser *p, cuv_py **out)
{
    cuv_py *first = NULL, *node = NULL;
    CUV_TRY(cuv_py_node(p, CUV_PY_SLICE, &node));
    if (!cuv_py_is_op(p, ":"))
        CUV_TRY(star_or_test(p, &first));
    *out = first;
    if (!cuv_py_take_op(p, ":"))
        return CUV_OK;
    *out = node;
    node->a = first;
    if (!slice_ends(p))
        CUV_TRY(cuv_py_test(p, false, &node->b));
    if (cuv_py_take_op(p, ":") && !slice_ends(p))
        CUV_TRY(cuv_py_test(p, false, &node->c));
    return cuv_py_close(p, node);
}

static cuv_status subscript(cuv_py_parser *p, cuv_py **out)
{
    cuv_py *tuple = NULL, *item = NULL;
    size_t mark = p->stack_count;
    bool comma = false;
    CUV_TRY(cuv_py_node(p, CUV_PY_TUPLE, &tuple));
    do {
        if (comma && cuv_py_is_op(p, "]"))
            break;
        CUV_TRY(slice(p, &item));
        CUV_TRY(cuv_py_push(p, item));
    } while (cuv_py_take_op(p, ",") && (comma = true));
    CUV_TRY(cuv_py_need_op(p, "]", "or ',' in the subscript"));
    CUV_TRY(cuv_py_pop(p, mark, &tuple->items, &tuple->count));
    *out = comma || item->kind == CUV_PY_STARRED ? tuple : item;
    return *out == tuple ? cuv_py_close(p, tuple) : CUV_OK;
}

static cuv_status atom(cuv_py_parser *p, cuv_py **out);

static cuv_status trailer(cuv_py_parser *p, cuv_py **expression)
{
    cuv_py *node = NULL;
    if (cuv_py_is_op(p, "(")) {
        CUV_TRY(node_from(p, CUV_PY_CALL, *expression, &node));
        p->at++;
        CUV_TRY(cuv_py_arguments(p, node));
    } else if (cuv_py_is_op(p, "[")) {
        CUV_TRY(node_from(p, CUV_PY_SUBSCRIPT, *expression, &node));
        p->at++;
        CUV_TRY(subscript(p, &node->b));
    } else {
        CUV_TRY(node_from(p, CUV_PY_ATTRIBUTE, *expression, &node));
        p->at++;
        CUV_TRY(cuv_py_identifier(p, "a name behind '.'", &node->text));
    }
    node->a = *expression;
    *expression = node;
    return cuv_py_close(p, node);
}

static cuv_status postfix(cuv_py_parser *p, cuv_py **out)
{
    cuv_py *wait = NULL;
    if (cuv_py_is_word(p, "await")) {
        CUV_TRY(cuv_py_node(p, CUV_PY_AWAIT, &wait));
        p->at++;
    }
    CUV_TRY(atom(p, out));
    while (cuv_py_is_op(p, "(") || cuv_py_is_op(p, "[") || cuv_py_is_op(p, "."))
        CUV_TRY(trailer(p, out));
    if (!wait)
        return CUV_OK;
    wait->a = *out;
    *out = wait;
    return cuv_py_close(p, wait);
}

/* ---- atoms ---- */

static cuv_status word(cuv_py_parser *p, cuv_py **out)
{
    static const struct { const char *text; cuv_py_kind kind; } constants[] = {
        {"None", CUV_PY_NONE}, {"True", CUV_PY_TRUE}, {"False", CUV_PY_FALSE}};
    for (size_t i = 0; i < 3; i++)
        if (cuv_py_is_word(p, constants[i].text)) {
            CUV_TRY(cuv_py_node(p, constants[i].kind, out));
            p->at++;
            return cuv_py_close(p, *out);
        }
    if (cuv_py_is_keyword(p, cuv_py_peek(p, 0)))
        return cuv_py_expected(p, "an expression");
    CUV_TRY(cuv_py_node(p, CUV_PY_NAME, out));
    CUV_TRY(cuv_py_identifier(p, "a name", &(*out)->text));
    return cuv_py_close(p, *out);
}

static cuv_status atom(cuv_py_parser *p, cuv_py **out)
{
    const cuv_py_token *t = cuv_py_peek(p, 0);
    if (t->kind == CUV_TK_NAME)
        return word(p, out);
    if (t->kind == CUV_TK_NUMBER)
        return cuv_py_atom_number(p, out);
    if (t->kind == CUV_TK_STRING)
        return cuv_py_atom_string(p, out);
    if (cuv_py_is_op(p, "("))
        return parenthesised(p, out);
    if (cuv_py_is_op(p, "["))
        return list_display(p, out);
    if (cuv_py_is_op(p, "{"))
        return braces(p, out);
    if (cuv_py_is_op(p, "...")) {
        CUV_TRY(cuv_py_node(p, CUV_PY_ELLIPSIS, out));
        p->at++;
        return cuv_py_close(p, *out);
    }
    return cuv_py_expected(p, "an expression");
}

/* ---- operators ---- */

/* unary: ('+' | '-' | '~') unary | power; power: postfix ['**' unary] */
static cuv_status unary(cuv_py_parser *p, cuv_py **out)
{
    if (cuv_py_is_op(p, "-") || cuv_py_is_op(p, "+") || cuv_py_is_op(p, "~")) {
        cuv_py *node = NULL;
        CUV_TRY(cuv_py_enter(p));
        CUV_TRY(cuv_py_node(p, CUV_PY_UNARY, &node));
        node->op = cuv_py_peek(p, 0)->op[0];
        p->at++;
        CUV_TRY(unary(p, &node->a));
        cuv_py_leave(p);
        *out = node;
        return cuv_py_close(p, node);
    }
    cuv_py *base = NULL, *node = NULL;
    CUV_TRY(postfix(p, &base));
    *out = base;
    if (!cuv_py_is_op(p, "**"))
        return CUV_OK;
    CUV_TRY(cuv_py_enter(p));
    CUV_TRY(node_from(p, CUV_PY_BINARY, base, &node));
    p->at++;
    node->op = CUV_PY_POW;
    node->a = base;
    CUV_TRY(unary(p, &node->b));
    cuv_py_leave(p);
    *out = node;
    return cuv_py_close(p, node);
}

/* Precedence of a binary operator, 0 when the token is none. */
static int precedence(const cuv_py_parser *p, int *op)
{
    static const struct { const char *text; int op, level; } table[] = {
        {"|", '|', 1}, {"^", '^', 2}, {"&", '&', 3}, {"<<", CUV_PY_SHL, 4}, {">>", CUV_PY_SHR, 4}, {"+", '+', 5}, {"-", '-', 5},
        {"*", '*', 6}, {"/", '/', 6}, {"//", CUV_PY_FLOORDIV, 6}, {"%", '%', 6}, {"@", '@', 6}};
    if (cuv_py_peek(p, 0)->kind != CUV_TK_OP)
        return 0;
    for (size_t i = 0; i < sizeof table / sizeof *table; i++)
        if (cuv_py_is_op(p, table[i].text)) {
            *op = table[i].op;
            return table[i].level;
        }
    return 0;
}

/* Operators of level `lowest` and above, left to right; recursion is bounded by the six levels. */
static cuv_status binary(cuv_py_parser *p, int lowest, cuv_py **out)
{
    int op = 0, level = 0;
    CUV_TRY(unary(p, out));
    while ((level = precedence(p, &op)) >= lowest && level > 0) {
        cuv_py *node = NULL;
        CUV_TRY(node_from(p, CUV_PY_BINARY, *out, &node));
        node->op = op;
        node->a = *out;
        p->at++;
        CUV_TRY(binary(p, level + 1, &node->b));
        *out = node;
        CUV_TRY(cuv_py_close(p, node));
    }
    return CUV_OK;
}

/* The comparison operator at hand (taken), 0 when there is none. */
static int comparison_op(cuv_py_parser *p)
{
    static const struct { const char *text; int op; } table[] = {
        {"<", '<'}, {">", '>'}, {"==", CUV_PY_EQ}, {"!=", CUV_PY_NE}, {"<>", CUV_PY_NE}, {"<=", CUV_PY_LE}, {">=", CUV_PY_GE}};
    for (size_t i = 0; i < sizeof table / sizeof *table; i++)
        if (cuv_py_take_op(p, table[i].text))
            return table[i].op;
    if (cuv_py_take_word(p, "in"))
        return CUV_PY_IN;
    if (cuv_py_take_word(p, "is"))
        return cuv_py_take_word(p, "not") ? CUV_PY_IS_NOT : CUV_PY_IS;
    if (cuv_py_is_word(p, "not") && cuv_py_word_at(p, 1, "in")) {
        p->at += 2;
        return CUV_PY_NOT_IN;
    }
    return 0;
}

static cuv_status comparison(cuv_py_parser *p, cuv_py **out)
{
    cuv_py *node = NULL, *item = NULL;
    cuv_buffer ops;
    size_t mark = p->stack_count;
    CUV_TRY(binary(p, 1, out));
    int op = comparison_op(p);
    if (!op)
        return CUV_OK;
    CUV_TRY(node_from(p, CUV_PY_COMPARE, *out, &node));
    cuv_buffer_init(&ops, p->cx);
    cuv_status status = cuv_py_push(p, *out);
    for (; op && status == CUV_OK; op = status == CUV_OK ? comparison_op(p) : 0) {
        cuv_buffer_char(&ops, (char)op);
        status = binary(p, 1, &item);
        if (status == CUV_OK)
            status = cuv_py_push(p, item);
    }
    if (status == CUV_OK) {
        node->text = ops.failed ? NULL : cuv_arena_strndup(p->arena, ops.data, ops.size);
        status = node->text ? cuv_py_pop(p, mark, &node->items, &node->count) : cuv_oom(p->cx);
    }
    cuv_buffer_free(&ops);
    CUV_TRY(status);
    *out = node;
    return cuv_py_close(p, node);
}

static cuv_status not_test(cuv_py_parser *p, cuv_py **out)
{
    if (!cuv_py_is_word(p, "not"))
        return comparison(p, out);
    cuv_py *node = NULL;
    CUV_TRY(cuv_py_enter(p));
    CUV_TRY(cuv_py_node(p, CUV_PY_UNARY, &node));
    node->op = 'n';
    p->at++;
    CUV_TRY(not_test(p, &node->a));
    cuv_py_leave(p);
    *out = node;
    return cuv_py_close(p, node);
}

/* `and` chains (op 'a') of not_tests, `or` chains (op 'o') of `and` chains. */
static cuv_status logical(cuv_py_parser *p, int op, cuv_py **out)
{
    const char *joint = op == 'o' ? "or" : "and";
    cuv_py *node = NULL, *item = NULL;
    size_t mark = p->stack_count;
    CUV_TRY(op == 'o' ? logical(p, 'a', out) : not_test(p, out));
    if (!cuv_py_is_word(p, joint))
        return CUV_OK;
    CUV_TRY(node_from(p, CUV_PY_BOOL, *out, &node));
    node->op = op;
    CUV_TRY(cuv_py_push(p, *out));
    while (cuv_py_take_word(p, joint)) {
        CUV_TRY(op == 'o' ? logical(p, 'a', &item) : not_test(p, &item));
        CUV_TRY(cuv_py_push(p, item));
    }
    CUV_TRY(cuv_py_pop(p, mark, &node->items, &node->count));
    *out = node;
    return cuv_py_close(p, node);
}

static cuv_status or_test(cuv_py_parser *p, cuv_py **out)
{
    CUV_TRY(cuv_py_enter(p));
    if (cuv_py_is_word(p, "lambda"))
        CUV_TRY(cuv_py_test(p, false, out));
    else
        CUV_TRY(logical(p, 'o', out));
    cuv_py_leave(p);
    return CUV_OK;
}

static cuv_status lambda(cuv_py_parser *p, cuv_py **out)
{
    CUV_TRY(cuv_py_node(p, CUV_PY_LAMBDA, out));
    p->at++;
    CUV_TRY(cuv_py_parameters(p, ":", *out));
    CUV_TRY(cuv_py_need_op(p, ":", "behind the parameters of lambda"));
    CUV_TRY(cuv_py_test(p, false, &(*out)->a));
    return cuv_py_close(p, *out);
}

static cuv_status yield(cuv_py_parser *p, cuv_py **out)
{
    CUV_TRY(cuv_py_node(p, CUV_PY_YIELD, out));
    p->at++;
    (*out)->op = cuv_py_take_word(p, "from") ? 'f' : 0;
    const cuv_py_token *t = cuv_py_peek(p, 0);
    bool ends = t->kind <= CUV_TK_DEDENT || cuv_py_is_op(p, ")") || cuv_py_is_op(p, "=") || cuv_py_is_op(p, ";") ||
                cuv_py_is_op(p, "]") || cuv_py_is_op(p, "}");
    if (!ends)
        CUV_TRY(cuv_py_tests(p, &(*out)->a));
    return cuv_py_close(p, *out);
}

/* `b if a else c` behind b. */
static cuv_status conditional(cuv_py_parser *p, cuv_py **out)
{
    cuv_py *node = NULL;
    CUV_TRY(node_from(p, CUV_PY_CONDITIONAL, *out, &node));
    p->at++;
    node->b = *out;
    CUV_TRY(or_test(p, &node->a));
    if (!cuv_py_take_word(p, "else"))
        return cuv_py_expected(p, "'else'");
    CUV_TRY(cuv_py_test(p, false, &node->c));
    *out = node;
    return cuv_py_close(p, node);
}

static cuv_status walrus_value(cuv_py_parser *p, cuv_py **out)
{
    cuv_py *node = NULL;
    CUV_TRY(node_from(p, CUV_PY_WALRUS, *out, &node));
    p->at++;
    node->a = *out;
    CUV_TRY(cuv_py_test(p, false, &node->b));
    *out = node;
    return cuv_py_close(p, node);
}

cuv_status cuv_py_test(cuv_py_parser *p, bool walrus, cuv_py **out)
{
    CUV_TRY(cuv_py_enter(p));
    if (cuv_py_is_word(p, "lambda")) {
        CUV_TRY(lambda(p, out));
    } else if (cuv_py_is_word(p, "yield")) {
        CUV_TRY(yield(p, out));
    } else {
        CUV_TRY(logical(p, 'o', out));
        if (walrus && (*out)->kind == CUV_PY_NAME && cuv_py_is_op(p, ":="))
            CUV_TRY(walrus_value(p, out));
        else if (cuv_py_is_word(p, "if"))
            CUV_TRY(conditional(p, out));
    }
    cuv_py_leave(p);
    return CUV_OK;
}

static bool list_ends(const cuv_py_parser *p)
{
    const cuv_py_token *t = cuv_py_peek(p, 0);
    return t->kind <= CUV_TK_DEDENT || cuv_py_is_word(p, "in") ||
           (t->kind == CUV_TK_OP && strchr(")]}:=;", t->op[0]) && t->end - t->start == 1) ||
           (t->kind == CUV_TK_OP && t->end - t->start > 1 && t->op[t->end - t->start - 1] == '=');
}

/* Items separated by commas; a tuple as soon as there is a comma. */
static cuv_status comma_list(cuv_py_parser *p, bool targets, cuv_py **out)
{
    cuv_py *tuple = NULL, *item = NULL;
    size_t mark = p->stack_count;
    bool comma = false;
    CUV_TRY(cuv_py_node(p, CUV_PY_TUPLE, &tuple));
    do {
        if (comma && list_ends(p))
            break;
        if (targets && !cuv_py_is_op(p, "*"))
            CUV_TRY(binary(p, 1, &item));
        else
            CUV_TRY(star_or_test(p, &item));
        CUV_TRY(cuv_py_push(p, item));
    } while (cuv_py_take_op(p, ",") && (comma = true));
    if (!comma) {
        p->stack_count = mark;
        *out = item;
        return CUV_OK;
    }
    CUV_TRY(cuv_py_pop(p, mark, &tuple->items, &tuple->count));
    *out = tuple;
    return cuv_py_close(p, tuple);
}

cuv_status cuv_py_tests(cuv_py_parser *p, cuv_py **out)
{
    return comma_list(p, false, out);
}

cuv_status cuv_py_targets(cuv_py_parser *p, cuv_py **out)
{
    return comma_list(p, true, out);
}
