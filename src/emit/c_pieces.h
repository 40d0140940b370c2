/* What c_pieces.c reads of the texts of the reference kernels, for c_text.c. */
#ifndef CUV_C_PIECES_H
#define CUV_C_PIECES_H

#include "emit/c_text.h"

enum { CUV_C_MOST_PIECES = 1024, CUV_C_MOST_FORMULAS = 64, CUV_C_TYPES = 5, CUV_C_NAME = 64 };

typedef enum cuv_c_kind { CUV_C_MACRO, CUV_C_TYPE, CUV_C_FUNCTION, CUV_C_MADE } cuv_c_kind; /* MADE: by a macro at file level */

typedef struct cuv_c_piece {
    const cuv_source_text *file;
    const char *text;
    size_t size, code;          /* where the code starts behind the comment */
    cuv_c_kind kind;
    bool is_static, typed;
    char name[CUV_C_NAME];
    unsigned types;             /* that its file is compiled for: a bit by type */
    unsigned used, done;        /* a bit by type */
} cuv_c_piece;

typedef struct cuv_c_formula {
    const char *line;
    size_t size;
    char name[CUV_C_NAME];
    unsigned op, act;           /* as a kernel, as an activation: a bit by type */
} cuv_c_formula;

struct cuv_c_text {
    cuv_context *cx;
    cuv_arena *arena;
    cuv_c_piece pieces[CUV_C_MOST_PIECES];
    size_t count;
    cuv_c_formula formulas[CUV_C_MOST_FORMULAS];
    size_t formula_count;
    unsigned softmax;           /* as an activation, a bit by type */
    cuv_map *names;             /* "K:name@type", "name", "name@file" for what only its file sees */
};

extern const char *const cuv_c_type_names[CUV_C_TYPES];    /* "f32", ... */
extern const char *const cuv_c_type_files[CUV_C_TYPES];    /* the headers that texts of several types are compiled with */

bool cuv_c_is_word(char c);
bool cuv_c_starts(const char *at, const char *end, const char *with);
/* What stands at `at`: a comment, a literal or one other character. Gives what follows. */
const char *cuv_c_skip_one(const char *at, const char *end);
const char *cuv_c_line_end(const char *at, const char *end);
/* The word at `at`, cut to CUV_C_NAME - 1 characters. */
void cuv_c_copy_word(char *to, const char *at, const char *end);

#endif
