/* Simple statements of Python ("Simple statements" of the reference), parameters, and what Python 2 put among them. */
#include "format/python_parse.h"

/* Skips the rest of a simple statement: to ';' or the end of the line. */
static void skip_simple(cuv_py_parser *p)
{
    while (cuv_py_peek(p, 0)->kind > CUV_TK_DEDENT && !cuv_py_is_op(p, ";"))
        p->at++;
}

static size_t last_end(const cuv_py_parser *p)
{
    return p->at > 0 ? p->tokens[p->at - 1].end : 0;
}

cuv_status cuv_py_finish(cuv_py_parser *p, cuv_py *node)
{
    CUV_TRY(cuv_py_close(p, node));
    node->end = last_end(p) > node->start ? last_end(p) : node->end;
    return cuv_py_push(p, node);
}

/* ---- parameters ---- */

static bool parameter_star(cuv_py_parser *p, cuv_py *arg)
{
    if (cuv_py_take_op(p, "*"))
        arg->op = '*';
    else if (cuv_py_take_op(p, "**"))
        arg->op = '2';
    else if (cuv_py_take_op(p, "/"))
        arg->op = '/';
    return arg->op == '/' || (arg->op == '*' && (cuv_py_is_op(p, ",") || cuv_py_is_op(p, ")") || cuv_py_is_op(p, ":")));
}

static cuv_status parameter(cuv_py_parser *p, bool annotated, cuv_py **out)
{
    cuv_py *annotation = NULL;
    CUV_TRY(cuv_py_node(p, CUV_PY_ARG, out));
    if (parameter_star(p, *out))
        return cuv_py_close(p, *out);
    if (cuv_py_is_keyword(p, cuv_py_peek(p, 0)))
        return cuv_py_expected(p, "a parameter's name");
    CUV_TRY(cuv_py_identifier(p, "a parameter's name", &(*out)->text));
    if (annotated && cuv_py_take_op(p, ":")) {
        (void)cuv_py_take_op(p, "*");
        CUV_TRY(cuv_py_test(p, false, &annotation));
    }
    if (cuv_py_take_op(p, "="))
        CUV_TRY(cuv_py_test(p, false, &(*out)->a));
    return cuv_py_close(p, *out);
}

cuv_status cuv_py_parameters(cuv_py_parser *p, const char *end, cuv_py *def)
{
    size_t mark = p->stack_count;
    while (!cuv_py_is_op(p, end)) {
        cuv_py *arg = NULL;
        CUV_TRY(parameter(p, *end == ')', &arg));
        CUV_TRY(cuv_py_push(p, arg));
        if (!cuv_py_take_op(p, ","))
            break;
    }
    return cuv_py_pop(p, mark, &def->items, &def->count);
}

/* ---- simple statements ---- */

static cuv_status dotted(cuv_py_parser *p, const char **out)
{
    size_t start = cuv_py_peek(p, 0)->start;
    const char *part = NULL;
    CUV_TRY(cuv_py_identifier(p, "the name of a module", &part));
    while (cuv_py_take_op(p, "."))
        CUV_TRY(cuv_py_identifier(p, "a name behind '.'", &part));
    char *text = cuv_arena_strndup(p->arena, (const char *)p->src->data + start, last_end(p) - start);
    if (!text)
        return cuv_oom(p->cx);
    char *to = text;
    for (const char *from = text; *from; from++)
        if (*from != ' ' && *from != '\t')
            *to++ = *from;
    *to = '\0';
    *out = text;
    return CUV_OK;
}

static cuv_status alias(cuv_py_parser *p, bool whole)
{
    cuv_py *node = NULL;
    CUV_TRY(cuv_py_node(p, CUV_PY_ALIAS, &node));
    if (whole)
        CUV_TRY(dotted(p, &node->text));
    else
        CUV_TRY(cuv_py_identifier(p, "a name to import", &node->text));
    if (cuv_py_take_word(p, "as")) {
        CUV_TRY(cuv_py_node(p, CUV_PY_NAME, &node->a));
        CUV_TRY(cuv_py_identifier(p, "a name behind 'as'", &node->a->text));
    }
    CUV_TRY(cuv_py_close(p, node));
    return cuv_py_push(p, node);
}

static cuv_status import(cuv_py_parser *p, cuv_py *node)
{
    size_t mark = p->stack_count;
    do
        CUV_TRY(alias(p, true));
    while (cuv_py_take_op(p, ","));
    return cuv_py_pop(p, mark, &node->items, &node->count);
}

static cuv_status from_module(cuv_py_parser *p, cuv_py *node)
{
    size_t dots = 0;
    for (; cuv_py_is_op(p, ".") || cuv_py_is_op(p, "..."); p->at++)
        dots += cuv_py_is_op(p, ".") ? 1 : 3;
    const char *name = "";
    if (!cuv_py_is_word(p, "import"))
        CUV_TRY(dotted(p, &name));
    else if (dots == 0)
        return cuv_py_expected(p, "the name of a module");
    if (dots == 0) {
        node->text = name;
        return CUV_OK;
    }
    char *text = cuv_arena_alloc(p->arena, dots + strlen(name) + 1);
    if (!text)
        return cuv_oom(p->cx);
    memset(text, '.', dots);
    memcpy(text + dots, name, strlen(name) + 1);
    node->text = text;
    return CUV_OK;
}

static cuv_status from(cuv_py_parser *p, cuv_py *node)
{
    size_t mark = p->stack_count;
    node->kind = CUV_PY_FROM;
    CUV_TRY(from_module(p, node));
    if (!cuv_py_take_word(p, "import"))
        return cuv_py_expected(p, "'import'");
    if (cuv_py_is_op(p, "*")) {
        cuv_py *star = NULL;
        CUV_TRY(cuv_py_node(p, CUV_PY_ALIAS, &star));
        star->text = "*";
        p->at++;
        CUV_TRY(cuv_py_close(p, star));
        CUV_TRY(cuv_py_push(p, star));
        return cuv_py_pop(p, mark, &node->items, &node->count);
    }
    bool brackets = cuv_py_take_op(p, "(");
    do {
        if (brackets && cuv_py_is_op(p, ")"))
            break;
        CUV_TRY(alias(p, false));
    } while (cuv_py_take_op(p, ","));
    if (brackets)
        CUV_TRY(cuv_py_need_op(p, ")", "or ',' in the list of imports"));
    return cuv_py_pop(p, mark, &node->items, &node->count);
}

static cuv_status names(cuv_py_parser *p, cuv_py *node)
{
    size_t mark = p->stack_count;
    do {
        cuv_py *name = NULL;
        CUV_TRY(cuv_py_node(p, CUV_PY_NAME, &name));
        CUV_TRY(cuv_py_identifier(p, "a name", &name->text));
        CUV_TRY(cuv_py_close(p, name));
        CUV_TRY(cuv_py_push(p, name));
    } while (cuv_py_take_op(p, ","));
    return cuv_py_pop(p, mark, &node->items, &node->count);
}

static bool simple_ends(const cuv_py_parser *p)
{
    return cuv_py_peek(p, 0)->kind <= CUV_TK_DEDENT || cuv_py_is_op(p, ";");
}

/* raise a from b; `raise E, "text"` of Python 2. */
static cuv_status raise(cuv_py_parser *p, cuv_py *node)
{
    if (simple_ends(p))
        return CUV_OK;
    CUV_TRY(cuv_py_test(p, false, &node->a));
    if (cuv_py_take_word(p, "from"))
        return cuv_py_test(p, false, &node->b);
    if (cuv_py_is_op(p, ","))
        skip_simple(p);
    return CUV_OK;
}

static cuv_status delete(cuv_py_parser *p, cuv_py *node)
{
    cuv_py *list = NULL;
    size_t mark = p->stack_count;
    CUV_TRY(cuv_py_tests(p, &list));
    CUV_TRY(cuv_py_push(p, list));
    return cuv_py_pop(p, mark, &node->items, &node->count);
}

static cuv_status assertion(cuv_py_parser *p, cuv_py *node)
{
    CUV_TRY(cuv_py_test(p, false, &node->a));
    return cuv_py_take_op(p, ",") ? cuv_py_test(p, false, &node->b) : CUV_OK;
}

static cuv_status returned(cuv_py_parser *p, cuv_py *node)
{
    return simple_ends(p) ? CUV_OK : cuv_py_tests(p, &node->a);
}

static cuv_status nothing(cuv_py_parser *p, cuv_py *node)
{
    (void)p;
    (void)node;
    return CUV_OK;
}

static const struct { const char *word; cuv_py_kind kind; cuv_status (*read)(cuv_py_parser *, cuv_py *); } simple_words[] = {
    {"pass", CUV_PY_PASS, nothing},         {"break", CUV_PY_BREAK, nothing},   {"continue", CUV_PY_CONTINUE, nothing},
    {"return", CUV_PY_RETURN, returned},    {"import", CUV_PY_IMPORT, import},  {"from", CUV_PY_FROM, from},
    {"raise", CUV_PY_RAISE, raise},         {"del", CUV_PY_DELETE, delete},     {"assert", CUV_PY_ASSERT, assertion},
    {"global", CUV_PY_GLOBAL, names},
};

/* `print "a", b`, `print >>f, a`, `exec code`: Python 2. */
static bool is_python2(const cuv_py_parser *p)
{
    const cuv_py_token *next = cuv_py_peek(p, 1);
    if (cuv_py_is_word(p, "print") && next->kind == CUV_TK_OP && next->end - next->start == 2 && next->op[0] == '>' && next->op[1] == '>')
        return true;
    if (!cuv_py_is_word(p, "print") && !cuv_py_is_word(p, "exec"))
        return false;
    if (next->kind == CUV_TK_STRING || next->kind == CUV_TK_NUMBER)
        return true;
    return next->kind == CUV_TK_NAME && !cuv_py_word_at(p, 1, "in") && !cuv_py_word_at(p, 1, "is") && !cuv_py_word_at(p, 1, "if") &&
           !cuv_py_word_at(p, 1, "and") && !cuv_py_word_at(p, 1, "or") && !cuv_py_word_at(p, 1, "for") &&
           !(cuv_py_word_at(p, 1, "not") && cuv_py_word_at(p, 2, "in"));
}

/* The operator of an augmented assignment, 0 when the token is none. */
static int augmented(const cuv_py_parser *p)
{
    static const struct { const char *text; int op; } table[] = {
        {"+=", '+'}, {"-=", '-'}, {"*=", '*'}, {"/=", '/'}, {"%=", '%'}, {"&=", '&'}, {"|=", '|'}, {"^=", '^'}, {"@=", '@'},
        {"**=", CUV_PY_POW}, {"//=", CUV_PY_FLOORDIV}, {"<<=", CUV_PY_SHL}, {">>=", CUV_PY_SHR}};
    for (size_t i = 0; i < sizeof table / sizeof *table; i++)
        if (cuv_py_is_op(p, table[i].text))
            return table[i].op;
    return 0;
}

static cuv_status assignment(cuv_py_parser *p, cuv_py *first, cuv_py *node)
{
    size_t mark = p->stack_count;
    node->kind = CUV_PY_ASSIGN;
    node->a = first;
    while (cuv_py_take_op(p, "=")) {
        CUV_TRY(cuv_py_push(p, node->a));
        CUV_TRY(cuv_py_tests(p, &node->a));
    }
    return cuv_py_pop(p, mark, &node->items, &node->count);
}

/* An expression, an assignment of any kind. */
static cuv_status expression_statement(cuv_py_parser *p, cuv_py *node)
{
    cuv_py *first = NULL;
    CUV_TRY(cuv_py_tests(p, &first));
    node->op = augmented(p);
    if (node->op) {
        node->kind = CUV_PY_AUGMENT;
        node->a = first;
        p->at++;
        return cuv_py_tests(p, &node->b);
    }
    if (cuv_py_take_op(p, ":")) {
        node->kind = CUV_PY_ANNOTATED;
        node->a = first;
        CUV_TRY(cuv_py_test(p, false, &node->b));
        return cuv_py_take_op(p, "=") ? cuv_py_tests(p, &node->c) : CUV_OK;
    }
    if (cuv_py_is_op(p, "="))
        return assignment(p, first, node);
    node->a = first;
    return CUV_OK;
}

static bool next_is_name(const cuv_py_parser *p)
{
    return cuv_py_peek(p, 1)->kind == CUV_TK_NAME && !cuv_py_is_keyword(p, cuv_py_peek(p, 1));
}

static cuv_status simple(cuv_py_parser *p)
{
    cuv_py *node = NULL;
    CUV_TRY(cuv_py_node(p, CUV_PY_EXPRESSION, &node));
    if (is_python2(p)) {
        node->kind = CUV_PY_SKIPPED;
        skip_simple(p);
        return cuv_py_finish(p, node);
    }
    if (cuv_py_is_word(p, "type") && next_is_name(p)) {
        node->kind = CUV_PY_TYPE;
        skip_simple(p);
        return cuv_py_finish(p, node);
    }
    if (cuv_py_is_word(p, "nonlocal") && next_is_name(p)) {
        node->kind = CUV_PY_NONLOCAL;
        p->at++;
        CUV_TRY(names(p, node));
        return cuv_py_finish(p, node);
    }
    for (size_t i = 0; i < sizeof simple_words / sizeof *simple_words; i++)
        if (cuv_py_take_word(p, simple_words[i].word)) {
            node->kind = simple_words[i].kind;
            CUV_TRY(simple_words[i].read(p, node));
            return cuv_py_finish(p, node);
        }
    CUV_TRY(expression_statement(p, node));
    return cuv_py_finish(p, node);
}

cuv_status cuv_py_simple_line(cuv_py_parser *p)
{
    CUV_TRY(simple(p));
    while (cuv_py_take_op(p, ";") && cuv_py_peek(p, 0)->kind != CUV_TK_NEWLINE)
        CUV_TRY(simple(p));
    if (cuv_py_peek(p, 0)->kind != CUV_TK_NEWLINE)
        return cuv_py_expected(p, "the end of the statement");
    p->at++;
    return CUV_OK;
}
