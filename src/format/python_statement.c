/* Compound statements of Python ("Compound statements" of the reference), and what notebooks put among them. */
#include "format/python_parse.h"

static cuv_status statement(cuv_py_parser *p);

/* `: body`, on the same line or indented. */
static cuv_status block(cuv_py_parser *p, const char *of, cuv_py ***body, size_t *count)
{
    size_t mark = p->stack_count;
    CUV_TRY(cuv_py_need_op(p, ":", cuv_format(p->cx, "at the end of '%s'", of)));
    if (cuv_py_peek(p, 0)->kind != CUV_TK_NEWLINE) {
        CUV_TRY(cuv_py_simple_line(p));
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
        CUV_TRY(cuv_py_finish(p, node));
        p->at += cuv_py_peek(p, 0)->kind == CUV_TK_NEWLINE;
        return CUV_OK;
    }
    if (cuv_py_peek(p, 0)->kind == CUV_TK_INDENT)
        return cuv_py_expected(p, "a statement at the level of the one before");
    CUV_TRY(compound(p, &found));
    return found ? CUV_OK : cuv_py_simple_line(p);
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
