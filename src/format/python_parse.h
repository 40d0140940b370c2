/* What the lexer and the parts of the parser (expressions, simple and compound statements) share. */
#ifndef CUV_PYTHON_PARSE_H
#define CUV_PYTHON_PARSE_H

#include "format/python.h"

typedef enum cuv_py_token_kind {
    CUV_TK_END, CUV_TK_NEWLINE, CUV_TK_INDENT, CUV_TK_DEDENT,
    CUV_TK_NAME, CUV_TK_NUMBER, CUV_TK_STRING, CUV_TK_OP,
    CUV_TK_LINE             /* a whole notebook line (% or !) */
} cuv_py_token_kind;

typedef struct cuv_py_token {
    uint8_t kind;
    uint8_t op[3];          /* characters of an operator, NULs behind */
    uint32_t line;
    uint32_t column;
    size_t start, end;
} cuv_py_token;

typedef struct cuv_py_parser {
    cuv_context *cx;
    cuv_arena *arena;
    cuv_arena *scratch;     /* tokens and lists under construction */
    const cuv_source *src;
    cuv_py_token *tokens;
    size_t count, capacity, at;
    size_t *brackets;       /* the lexer's stacks, depth_limit entries each */
    uint32_t *bracket_lines, *indents;
    size_t nodes;
    uint32_t depth, depth_limit;
    cuv_py **stack;         /* items of the lists that are being read */
    size_t stack_count, stack_capacity;
} cuv_py_parser;

/* Appends all tokens of [start, end) of the source; `expression`: newlines and indentation mean nothing. */
CUV_MUST_USE cuv_status cuv_py_lex(cuv_py_parser *p, size_t start, size_t end, uint32_t line, bool expression);
/* End of the replacement field whose '{' is at `at`: the index of its '}', or `end`. For f-strings. */
size_t cuv_py_field_end(const cuv_source *src, size_t at, size_t end, unsigned depth);
/* End of the string literal (behind its closing quotes) whose prefix starts at `at`; `at` itself when unterminated. */
size_t cuv_py_string_end(const cuv_source *src, size_t at, size_t end, unsigned depth);
/* Length of a string prefix ("rb") at `at` when a quote follows it; false when no string starts there. */
bool cuv_py_string_prefix(const cuv_source *src, size_t at, size_t end, size_t *length);

/* "python.syntax" at a place. */
CUV_MUST_USE cuv_status cuv_py_syntax(cuv_context *cx, const cuv_source *src, uint32_t line, size_t at, const char *message,
                                      const char *help);
CUV_MUST_USE cuv_status cuv_py_expected(cuv_py_parser *p, const char *what);

const cuv_py_token *cuv_py_peek(const cuv_py_parser *p, size_t ahead);
bool cuv_py_is_op(const cuv_py_parser *p, const char *op);
bool cuv_py_is_word(const cuv_py_parser *p, const char *word);
bool cuv_py_word_at(const cuv_py_parser *p, size_t ahead, const char *word);
bool cuv_py_take_op(cuv_py_parser *p, const char *op);
bool cuv_py_take_word(cuv_py_parser *p, const char *word);
CUV_MUST_USE cuv_status cuv_py_need_op(cuv_py_parser *p, const char *op, const char *where);
bool cuv_py_is_keyword(const cuv_py_parser *p, const cuv_py_token *t);
CUV_MUST_USE cuv_status cuv_py_identifier(cuv_py_parser *p, const char *what, const char **out);

/* A node at the current token. */
CUV_MUST_USE cuv_status cuv_py_node(cuv_py_parser *p, cuv_py_kind kind, cuv_py **out);
/* Sets the end behind the last token read, and the height from the children; fails beyond the depth limit. */
CUV_MUST_USE cuv_status cuv_py_close(cuv_py_parser *p, cuv_py *node);
/* Lists under construction: push onto the parser's stack, then take all since `mark` into the arena. */
CUV_MUST_USE cuv_status cuv_py_push(cuv_py_parser *p, cuv_py *node);
CUV_MUST_USE cuv_status cuv_py_pop(cuv_py_parser *p, size_t mark, cuv_py ***items, size_t *count);
CUV_MUST_USE cuv_status cuv_py_enter(cuv_py_parser *p);
void cuv_py_leave(cuv_py_parser *p);

/* One expression without commas (with lambda, conditional, walrus where `walrus`). */
CUV_MUST_USE cuv_status cuv_py_test(cuv_py_parser *p, bool walrus, cuv_py **out);
/* One or more, with stars; a tuple when there is a comma. */
CUV_MUST_USE cuv_status cuv_py_tests(cuv_py_parser *p, cuv_py **out);
/* Loop targets: no `in` operator. */
CUV_MUST_USE cuv_status cuv_py_targets(cuv_py_parser *p, cuv_py **out);
CUV_MUST_USE cuv_status cuv_py_arguments(cuv_py_parser *p, cuv_py *call);                  /* behind '(' up to ')' */
CUV_MUST_USE cuv_status cuv_py_parameters(cuv_py_parser *p, const char *end, cuv_py *def); /* up to the operator `end` */
/* Simple statements up to the end of the line; each is pushed. */
CUV_MUST_USE cuv_status cuv_py_simple_line(cuv_py_parser *p);
/* Closes a statement and pushes it. */
CUV_MUST_USE cuv_status cuv_py_finish(cuv_py_parser *p, cuv_py *node);
/* All statements to the end of the file. */
CUV_MUST_USE cuv_status cuv_py_module(cuv_py_parser *p, cuv_py **out);
CUV_MUST_USE cuv_status cuv_py_atom_string(cuv_py_parser *p, cuv_py **out);
CUV_MUST_USE cuv_status cuv_py_atom_number(cuv_py_parser *p, cuv_py **out);

#endif
