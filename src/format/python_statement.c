/* Statements of Python ("Simple statements", "Compound statements" of the reference), and what notebooks and Python 2 put among them. */
#include "format/python_parse.h"

static cuv_status statement(cuv_py_parser *p);

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

/* Closes a statement and pushes it. */
static cuv_status finish(cuv_py_parser *p, cuv_py *node)
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
        return finish(p, node);
    }
    if (cuv_py_is_word(p, "type") && next_is_name(p)) {
        node->kind = CUV_PY_TYPE;
        skip_simple(p);
        return finish(p, node);
    }
    if (cuv_py_is_word(p, "nonlocal") && next_is_name(p)) {
        node->kind = CUV_PY_NONLOCAL;
        p->at++;
        CUV_TRY(names(p, node));
        return finish(p, node);
    }
    for (size_t i = 0; i < sizeof simple_words / sizeof *simple_words; i++)
        if (cuv_py_take_word(p, simple_words[i].word)) {
            node->kind = simple_words[i].kind;
            CUV_TRY(simple_words[i].read(p, node));
            return finish(p, node);
        }
    CUV_TRY(expression_statement(p, node));
    return finish(p, node);
}

static cuv_status simple_line(cuv_py_parser *p)
{
    CUV_TRY(simple(p));
    while (cuv_py_take_op(p, ";") && cuv_py_peek(p, 0)->kind != CUV_TK_NEWLINE)
        CUV_TRY(simple(p));
    if (cuv_py_peek(p, 0)->kind != CUV_TK_NEWLINE)
        return cuv_py_expected(p, "the end of the statement");
    p->at++;
    return CUV_OK;
}

/* ---- compound statements ---- */

/* `: body`, on the same line or indented. */
static cuv_status block(cuv_py_parser *p, const char *of, cuv_py ***body, size_t *count)
{
    size_t mark = p->stack_count;
    CUV_TRY(cuv_py_need_op(p, ":", cuv_format(p->cx, "at the end of '%s'", of)));
    if (cuv_py_peek(p, 0)->kind != CUV_TK_NEWLINE) {
        CUV_TRY(simple_line(p));
        return cuv_py_pop(p, mark, body, count);
    }
    p->at++;
    if (cuv_py_peek(p, 0)->kind != CUV_TK_INDENT)
        return cuv_py_expected(p, cuv_format(p->cx, "an indented block behind '%s'", of));
    p->at++;
    CUV_TRY(cuv_py_enter(p));
    while (cuv_py_peek(p, 0)->kind != CUV_TK_DEDENT && cuv_py_peek(p, 0)->kind != CUV_TK_END)
        CUV_TRY(statement(p));
    cuv_py_leave(p);
    if (cuv_py_peek(p, 0)->kind == CUV_TK_DEDENT)
        p->at++;
    return cuv_py_pop(p, mark, body, count);
}

/* The end of a compound statement's span: its last token that is no line end. */
static cuv_status finish_block(cuv_py_parser *p, cuv_py *node)
{
    size_t at = p->at;
    CUV_TRY(cuv_py_close(p, node));
    while (at > 0 && p->tokens[at - 1].kind <= CUV_TK_DEDENT)
        at--;
    node->end = at > 0 ? p->tokens[at - 1].end : node->end;
    return CUV_OK;
}

static cuv_status else_block(cuv_py_parser *p, cuv_py *node)
{
    return cuv_py_take_word(p, "else") ? block(p, "else", &node->orelse, &node->orelse_count) : CUV_OK;
}

static cuv_status if_rest(cuv_py_parser *p, cuv_py *node)
{
    size_t mark = p->stack_count;
    CUV_TRY(cuv_py_enter(p));
    p->at++;
    CUV_TRY(cuv_py_test(p, true, &node->a));
    CUV_TRY(block(p, "if", &node->body, &node->body_count));
    if (cuv_py_is_word(p, "elif")) {
        cuv_py *other = NULL;
        CUV_TRY(cuv_py_node(p, CUV_PY_IF, &other));
        CUV_TRY(if_rest(p, other));
        CUV_TRY(cuv_py_push(p, other));
        CUV_TRY(cuv_py_pop(p, mark, &node->orelse, &node->orelse_count));
    } else {
        CUV_TRY(else_block(p, node));
    }
    cuv_py_leave(p);
    return finish_block(p, node);
}

static cuv_status while_rest(cuv_py_parser *p, cuv_py *node)
{
    p->at++;
    CUV_TRY(cuv_py_test(p, true, &node->a));
    CUV_TRY(block(p, "while", &node->body, &node->body_count));
    return else_block(p, node);
}

static cuv_status for_rest(cuv_py_parser *p, cuv_py *node)
{
    p->at++;
    CUV_TRY(cuv_py_targets(p, &node->a));
    if (!cuv_py_take_word(p, "in"))
        return cuv_py_expected(p, "'in'");
    CUV_TRY(cuv_py_tests(p, &node->b));
    CUV_TRY(block(p, "for", &node->body, &node->body_count));
    return else_block(p, node);
}

/* except E as e / except E, e (Python 2) / except* E / except A, B (3.14) */
static cuv_status handler(cuv_py_parser *p)
{
    cuv_py *node = NULL, *rest = NULL;
    CUV_TRY(cuv_py_node(p, CUV_PY_HANDLER, &node));
    p->at++;
    (void)cuv_py_take_op(p, "*");
    if (!cuv_py_is_op(p, ":"))
        CUV_TRY(cuv_py_test(p, false, &node->a));
    if (cuv_py_take_op(p, ","))
        CUV_TRY(cuv_py_tests(p, &rest));
    if (cuv_py_take_word(p, "as"))
        CUV_TRY(cuv_py_identifier(p, "a name behind 'as'", &node->text));
    CUV_TRY(block(p, "except", &node->body, &node->body_count));
    CUV_TRY(finish_block(p, node));
    return cuv_py_push(p, node);
}

static cuv_status try_rest(cuv_py_parser *p, cuv_py *node)
{
    size_t mark = p->stack_count;
    p->at++;
    CUV_TRY(block(p, "try", &node->body, &node->body_count));
    while (cuv_py_is_word(p, "except"))
        CUV_TRY(handler(p));
    CUV_TRY(cuv_py_pop(p, mark, &node->items, &node->count));
    CUV_TRY(else_block(p, node));
    if (cuv_py_take_word(p, "finally"))
        CUV_TRY(block(p, "finally", &node->final, &node->final_count));
    else if (node->count == 0)
        return cuv_py_expected(p, "'except' or 'finally'");
    return CUV_OK;
}

/* `with (` begins a list of items in brackets when the matching ')' is followed by ':'. */
static bool with_brackets(const cuv_py_parser *p)
{
    size_t open = 0;
    if (!cuv_py_is_op(p, "("))
        return false;
    for (size_t i = 0;; i++) {
        const cuv_py_token *t = cuv_py_peek(p, i);
        if (t->kind <= CUV_TK_DEDENT)
            return false;
        if (t->kind != CUV_TK_OP || t->end - t->start != 1)
            continue;
        open += strchr("([{", t->op[0]) != NULL;
        open -= strchr(")]}", t->op[0]) != NULL;
        if (open == 0)
            return cuv_py_peek(p, i + 1)->kind == CUV_TK_OP && cuv_py_peek(p, i + 1)->op[0] == ':';
    }
}

static cuv_status with_rest(cuv_py_parser *p, cuv_py *node)
{
    size_t mark = p->stack_count;
    p->at++;
    bool brackets = with_brackets(p);
    p->at += brackets;
    do {
        cuv_py *item = NULL;
        if (brackets && cuv_py_is_op(p, ")"))
            break;
        CUV_TRY(cuv_py_node(p, CUV_PY_ITEM, &item));
        CUV_TRY(cuv_py_test(p, brackets, &item->a));
        if (cuv_py_take_word(p, "as")) {
            cuv_py *target = NULL;
            CUV_TRY(cuv_py_test(p, false, &target));
            item->b = target;
        }
        CUV_TRY(cuv_py_close(p, item));
        CUV_TRY(cuv_py_push(p, item));
    } while (cuv_py_take_op(p, ","));
    if (brackets)
        CUV_TRY(cuv_py_need_op(p, ")", "behind the items of 'with'"));
    CUV_TRY(cuv_py_pop(p, mark, &node->items, &node->count));
    return block(p, "with", &node->body, &node->body_count);
}

/* `[T, *Ts]` behind the name of a function or class. */
static void skip_type_parameters(cuv_py_parser *p)
{
    size_t open = 0;
    if (!cuv_py_is_op(p, "["))
        return;
    do {
        open += cuv_py_is_op(p, "[");
        open -= cuv_py_is_op(p, "]");
        p->at++;
    } while (open > 0 && cuv_py_peek(p, 0)->kind > CUV_TK_DEDENT);
}

static cuv_status def_rest(cuv_py_parser *p, cuv_py *node)
{
    cuv_py *annotation = NULL;
    p->at++;
    CUV_TRY(cuv_py_identifier(p, "the function's name", &node->text));
    skip_type_parameters(p);
    CUV_TRY(cuv_py_need_op(p, "(", "behind the function's name"));
    CUV_TRY(cuv_py_parameters(p, ")", node));
    CUV_TRY(cuv_py_need_op(p, ")", "or ',' behind the parameters"));
    if (cuv_py_take_op(p, "->"))
        CUV_TRY(cuv_py_tests(p, &annotation));
    return block(p, "def", &node->body, &node->body_count);
}

static cuv_status class_rest(cuv_py_parser *p, cuv_py *node)
{
    p->at++;
    CUV_TRY(cuv_py_identifier(p, "the name of the class", &node->text));
    skip_type_parameters(p);
    if (cuv_py_take_op(p, "("))
        CUV_TRY(cuv_py_arguments(p, node));
    return block(p, "class", &node->body, &node->body_count);
}

/* `match` and `case` are words like others elsewhere: a statement begins when its line ends with ':' and 'case' follows. */
static bool at_match(const cuv_py_parser *p)
{
    const cuv_py_token *next = cuv_py_peek(p, 1);
    if (!cuv_py_is_word(p, "match") || next->kind <= CUV_TK_DEDENT ||
        (next->kind == CUV_TK_OP && next->end - next->start == 1 && strchr("=.,:)", next->op[0])))
        return false;
    size_t i = 1;
    while (cuv_py_peek(p, i)->kind > CUV_TK_DEDENT)
        i++;
    const cuv_py_token *last = cuv_py_peek(p, i - 1);
    return last->kind == CUV_TK_OP && last->op[0] == ':' && cuv_py_peek(p, i + 1)->kind == CUV_TK_INDENT &&
           cuv_py_word_at(p, i + 2, "case");
}

/* Most patterns look like expressions; where one does not, the place stays before it and *out is NULL. */
static cuv_status pattern(cuv_py_parser *p, cuv_py **out)
{
    size_t at = p->at, stack = p->stack_count, mark = cuv_findings_mark(p->cx);
    uint32_t depth = p->depth;
    cuv_status status = cuv_py_tests(p, out);
    if (status == CUV_MEMORY || status == CUV_TIMEOUT || status == CUV_UNSAFE)
        return status;
    if (status == CUV_OK && cuv_py_is_op(p, ":"))
        return CUV_OK;
    cuv_findings_rewind(p->cx, mark);
    p->at = at;
    p->stack_count = stack;
    p->depth = depth;
    *out = NULL;
    return CUV_OK;
}

/* Other patterns are stepped over: what they match is beyond a static reading. */
static cuv_status match_case(cuv_py_parser *p)
{
    cuv_py *node = NULL;
    size_t open = 0;
    if (!cuv_py_is_word(p, "case"))
        return cuv_py_expected(p, "'case'");
    CUV_TRY(cuv_py_node(p, CUV_PY_CASE, &node));
    p->at++;
    CUV_TRY(pattern(p, &node->a));
    for (;; p->at++) {
        const cuv_py_token *t = cuv_py_peek(p, 0);
        if (t->kind <= CUV_TK_DEDENT || (open == 0 && cuv_py_is_op(p, ":")))
            break;
        if (t->kind != CUV_TK_OP || t->end - t->start != 1)
            continue;
        open += strchr("([{", t->op[0]) != NULL;
        open -= strchr(")]}", t->op[0]) != NULL;
    }
    CUV_TRY(block(p, "case", &node->body, &node->body_count));
    CUV_TRY(finish_block(p, node));
    return cuv_py_push(p, node);
}

static cuv_status match_rest(cuv_py_parser *p, cuv_py *node)
{
    size_t mark = p->stack_count;
    p->at++;
    CUV_TRY(cuv_py_tests(p, &node->a));
    CUV_TRY(cuv_py_need_op(p, ":", "at the end of 'match'"));
    p->at += 2;                                     /* NEWLINE and INDENT, seen by at_match */
    while (cuv_py_peek(p, 0)->kind != CUV_TK_DEDENT && cuv_py_peek(p, 0)->kind != CUV_TK_END)
        CUV_TRY(match_case(p));
    p->at += cuv_py_peek(p, 0)->kind == CUV_TK_DEDENT;
    return cuv_py_pop(p, mark, &node->items, &node->count);
}

static const struct { const char *word; cuv_py_kind kind; cuv_status (*read)(cuv_py_parser *, cuv_py *); } compound_words[] = {
    {"if", CUV_PY_IF, if_rest},       {"for", CUV_PY_FOR, for_rest},       {"def", CUV_PY_DEF, def_rest},
    {"class", CUV_PY_CLASS, class_rest}, {"with", CUV_PY_WITH, with_rest}, {"try", CUV_PY_TRY, try_rest},
    {"while", CUV_PY_WHILE, while_rest},
};

static cuv_status decorators(cuv_py_parser *p, cuv_py ***list, size_t *count)
{
    size_t mark = p->stack_count;
    while (cuv_py_take_op(p, "@")) {
        cuv_py *decorator = NULL;
        CUV_TRY(cuv_py_test(p, true, &decorator));
        CUV_TRY(cuv_py_push(p, decorator));
        if (cuv_py_peek(p, 0)->kind != CUV_TK_NEWLINE)
            return cuv_py_expected(p, "the end of the line");
        p->at++;
    }
    return cuv_py_pop(p, mark, list, count);
}

/* *found is unset when no compound statement begins here. */
static cuv_status compound(cuv_py_parser *p, bool *found)
{
    cuv_py *node = NULL, **list = NULL;
    size_t count = 0, index = sizeof compound_words / sizeof *compound_words;
    *found = true;
    if (cuv_py_is_op(p, "@"))
        CUV_TRY(decorators(p, &list, &count));
    bool async = cuv_py_is_word(p, "async") &&
                 (cuv_py_word_at(p, 1, "def") || cuv_py_word_at(p, 1, "for") || cuv_py_word_at(p, 1, "with"));
    for (size_t i = 0; i < sizeof compound_words / sizeof *compound_words; i++)
        if (cuv_py_word_at(p, async, compound_words[i].word))
            index = i;
    bool match = at_match(p);
    *found = match || index < sizeof compound_words / sizeof *compound_words;
    if (!*found)
        return count > 0 ? cuv_py_expected(p, "'def' or 'class' behind the decorator") : CUV_OK;
    CUV_TRY(cuv_py_node(p, match ? CUV_PY_MATCH : compound_words[index].kind, &node));
    p->at += async;
    CUV_TRY(match ? match_rest(p, node) : compound_words[index].read(p, node));
    if (count > 0) {
        node->orelse = list;
        node->orelse_count = count;
    }
    CUV_TRY(finish_block(p, node));
    return cuv_py_push(p, node);
}

static cuv_status statement(cuv_py_parser *p)
{
    bool found = false;
    if (cuv_py_peek(p, 0)->kind == CUV_TK_LINE) {
        cuv_py *node = NULL;
        CUV_TRY(cuv_py_node(p, CUV_PY_SKIPPED, &node));
        p->at++;
        CUV_TRY(finish(p, node));
        p->at += cuv_py_peek(p, 0)->kind == CUV_TK_NEWLINE;
        return CUV_OK;
    }
    if (cuv_py_peek(p, 0)->kind == CUV_TK_INDENT)
        return cuv_py_expected(p, "a statement at the level of the one before");
    CUV_TRY(compound(p, &found));
    return found ? CUV_OK : simple_line(p);
}

cuv_status cuv_py_module(cuv_py_parser *p, cuv_py **out)
{
    cuv_py *module = NULL;
    CUV_TRY(cuv_py_node(p, CUV_PY_MODULE, &module));
    while (cuv_py_peek(p, 0)->kind != CUV_TK_END) {
        if (cuv_py_peek(p, 0)->kind == CUV_TK_NEWLINE) {
            p->at++;
            continue;
        }
        CUV_TRY(statement(p));
    }
    CUV_TRY(cuv_py_pop(p, 0, &module->body, &module->body_count));
    CUV_TRY(cuv_py_close(p, module));
    *out = module;
    return CUV_OK;
}
