/* Python 3 source text to a syntax tree. Nothing is evaluated here, and nothing is ever executed.
 * Tolerated besides Python 3: what Python 2 spelled otherwise (print, exec, `except E, e`, 0777, 10L, <>), and the lines
 * beginning with % or ! that notebooks leave behind. */
#ifndef CUV_PYTHON_H
#define CUV_PYTHON_H

#include "format/format.h"

typedef enum cuv_py_kind {
    /* expressions */
    CUV_PY_NONE, CUV_PY_TRUE, CUV_PY_FALSE, CUV_PY_ELLIPSIS,
    CUV_PY_INT,             /* integer; `real` when it has no room in 64 bits (then integer is 0 and op is 'L') */
    CUV_PY_FLOAT, CUV_PY_IMAGINARY,
    CUV_PY_STR, CUV_PY_BYTES,
    CUV_PY_FSTRING,         /* items: STR and FIELD */
    CUV_PY_FIELD,           /* {a!op:b}; b is an FSTRING or NULL; text: the source of `{a=}`, else NULL */
    CUV_PY_NAME,            /* text */
    CUV_PY_TUPLE, CUV_PY_LIST, CUV_PY_SET,                       /* items */
    CUV_PY_DICT,            /* items: PAIR */
    CUV_PY_PAIR,            /* a: b; a is NULL for **b */
    CUV_PY_ATTRIBUTE,       /* a.text */
    CUV_PY_SUBSCRIPT,       /* a[b] */
    CUV_PY_SLICE,           /* a:b:c, each may be NULL */
    CUV_PY_CALL,            /* a(items): positional expressions, STARRED, KEYWORD */
    CUV_PY_KEYWORD,         /* text=a; text is NULL for **a */
    CUV_PY_STARRED,         /* *a */
    CUV_PY_UNARY,           /* op a: '-', '+', '~', 'n' (not) */
    CUV_PY_BINARY,          /* a op b, op of cuv_py_op */
    CUV_PY_BOOL,            /* items joined by op: 'a' (and), 'o' (or) */
    CUV_PY_COMPARE,         /* items[0] ops[0] items[1] ops[1] ...; text holds the ops, one cuv_py_op each */
    CUV_PY_CONDITIONAL,     /* b if a else c */
    CUV_PY_LAMBDA,          /* items: ARG; a: the body */
    CUV_PY_COMPREHENSION,   /* op '[' list, '{' set, ':' dict (a: b), '(' generator; items: CLAUSE */
    CUV_PY_CLAUSE,          /* for a in b; items: the conditions */
    CUV_PY_WALRUS,          /* a := b */
    CUV_PY_AWAIT, CUV_PY_YIELD,                                  /* a, may be NULL for yield; op 'f': yield from */
    /* statements */
    CUV_PY_EXPRESSION,      /* a */
    CUV_PY_ASSIGN,          /* items: targets; a: value */
    CUV_PY_AUGMENT,         /* a op= b */
    CUV_PY_ANNOTATED,       /* a: b = c, c may be NULL */
    CUV_PY_DELETE,          /* items */
    CUV_PY_PASS, CUV_PY_BREAK, CUV_PY_CONTINUE,
    CUV_PY_RETURN,          /* a, may be NULL */
    CUV_PY_RAISE,           /* a from b, each may be NULL */
    CUV_PY_GLOBAL, CUV_PY_NONLOCAL,                              /* items: NAME */
    CUV_PY_ASSERT,          /* a, b */
    CUV_PY_IMPORT,          /* items: ALIAS */
    CUV_PY_FROM,            /* text: dotted module with its leading dots; items: ALIAS */
    CUV_PY_ALIAS,           /* text: dotted name or "*"; a: NAME or NULL */
    CUV_PY_IF, CUV_PY_WHILE,/* if a: body else: orelse */
    CUV_PY_FOR,             /* for a in b: body else: orelse */
    CUV_PY_TRY,             /* body; items: HANDLER; orelse; final */
    CUV_PY_HANDLER,         /* except a as text: body */
    CUV_PY_WITH,            /* items: ITEM; body */
    CUV_PY_ITEM,            /* a as b, b may be NULL */
    CUV_PY_MATCH,           /* match a; items: CASE */
    CUV_PY_CASE,            /* case a if b: body; a is the pattern read as an expression where it is one, else NULL */
    CUV_PY_DEF,             /* def text(items: ARG): body; orelse: decorators */
    CUV_PY_CLASS,           /* class text(items as of a call): body; orelse: decorators */
    CUV_PY_ARG,             /* text; a: default or NULL; op 0, '*' (*args, or bare * with text NULL), '2' (**kwargs), '/' */
    CUV_PY_TYPE,            /* type text = ... */
    CUV_PY_SKIPPED,         /* a line of Python 2 or of a notebook that builds nothing */
    CUV_PY_MODULE           /* body */
} cuv_py_kind;

/* Operators, as in BINARY, AUGMENT and COMPARE; single characters stand for themselves ('+', '-', '@', '<'). */
enum cuv_py_op {
    CUV_PY_POW = 'p', CUV_PY_FLOORDIV = 'f', CUV_PY_SHL = 'l', CUV_PY_SHR = 'r',
    CUV_PY_EQ = '=', CUV_PY_NE = '!', CUV_PY_LE = 'L', CUV_PY_GE = 'G',
    CUV_PY_IN = 'i', CUV_PY_NOT_IN = 'N', CUV_PY_IS = 's', CUV_PY_IS_NOT = 'S'
};

typedef struct cuv_py cuv_py;
struct cuv_py {
    cuv_py_kind kind;
    int op;
    uint32_t line, column;      /* 1-based; column in bytes (cuv_py_column gives characters) */
    uint32_t height;            /* of the tree below, held against the limit */
    size_t start, end;          /* bytes of the source */
    const char *text;           /* NUL-terminated; strings may contain NULs, see size */
    size_t size;
    int64_t integer;
    double real;
    cuv_py *a, *b, *c;
    cuv_py **items;
    size_t count;
    cuv_py **body, **orelse, **final;
    size_t body_count, orelse_count, final_count;
};

/* Parses a whole file to a MODULE. CUV_DAMAGED "python.syntax" with file:line:column and the line in the notes. */
CUV_MUST_USE cuv_status cuv_python_parse(cuv_arena *arena, const cuv_source *src, cuv_py **out);

/* Column of a node in characters, 1-based. */
size_t cuv_py_column(const cuv_source *src, const cuv_py *node);
/* "script.py:12:5" */
const char *cuv_py_where(cuv_context *cx, const cuv_source *src, const cuv_py *node);
/* The source line and a caret line below it, for notes. */
const char *cuv_py_excerpt(cuv_context *cx, const cuv_source *src, const cuv_py *node);
/* The statement's own text on one line, cut to about `most` bytes, for reports. */
const char *cuv_py_brief(cuv_context *cx, const cuv_source *src, const cuv_py *node, size_t most);

#endif
