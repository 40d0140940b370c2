/* Code objects as Python's marshal writes them, versions 2.7 to 3.13: read into tables, never executed. */
#ifndef CUV_FORMAT_MARSHAL_H
#define CUV_FORMAT_MARSHAL_H

#include "format/format.h"

/* How the fields of a code object stand, which the bytes do not say: the one that fits is taken. */
typedef enum cuv_code_layout { CUV_CODE_311, CUV_CODE_38, CUV_CODE_30, CUV_CODE_27, CUV_CODE_LAYOUTS } cuv_code_layout;

typedef struct cuv_code {
    cuv_code_layout layout;
    int64_t arguments;              /* positional ones */
    const uint8_t *code;
    size_t size;
    const cuv_value *constants, *names, *locals;    /* TUPLEs; texts are TEXT, code inside code is NULL */
    const cuv_value *free;          /* TUPLE of names from around the function; NULL since 3.11, where `locals` has them, too */
    const cuv_value *kinds;         /* since 3.11: BYTES, what each of `locals` is */
    bool cells;                     /* before 3.11: something inside the function takes variables of it */
} cuv_code;

/* Reads a code object of the given layout that fills the bytes. False, without a finding, when they are none or memory is refused. */
bool cuv_marshal_code(cuv_arena *arena, const uint8_t *data, size_t size, cuv_code_layout layout, cuv_code *out);

#endif
