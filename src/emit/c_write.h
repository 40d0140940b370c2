/* Parts of the writer of C source. */
#ifndef CUV_C_WRITE_H
#define CUV_C_WRITE_H

#include "emit/c_text.h"
#include "emit/emit.h"
#include "run/plan.h"

/* Everything that the writing of one C source needs. */
typedef struct cuv_c_writer {
    cuv_context *cx;
    cuv_arena *arena;
    struct cuv_model *m;
    const char *path;           /* of the .c file */
    char *name, *upper;         /* prefix of functions, and of constants */
    bool side;                  /* weights in a file of their own */
    cuv_plan *plan;
    cuv_c_text *text;
    const char **weights;       /* by value: the name of its array; NULL: none */
    uint64_t *offsets;          /* by value: where it lies in the side file */
    uint64_t weight_bytes;      /* of the side file, or of the arrays */
    uint32_t crc;               /* of the side file's weights */
    bool *reads_input;          /* by NAME_predict */
    int rank;                   /* largest rank of a tensor */
    const cuv_attrs **attrs;    /* different ones */
    size_t attr_count;
    cuv_buffer buffer;          /* text that waits for its file */
    cuv_output *source;
} cuv_c_writer;

/* Hands what waits to the source file; keeps the buffer small. */
CUV_MUST_USE cuv_status cuv_c_flush(cuv_c_writer *w);
/* Text that is harmless inside a comment: ASCII that neither ends it nor joins lines. */
void cuv_c_comment(cuv_buffer *out, const char *text);
/* A word of letters, digits and '_' that starts with a letter, made of any text. */
char *cuv_c_word(cuv_arena *arena, const char *text);
/* "float", "int32_t", … of a storage dtype. */
const char *cuv_c_type(cuv_dtype dtype);
/* "CUV_F32", … */
const char *cuv_c_dtype(cuv_dtype dtype);
/* A double as a constant expression. */
void cuv_c_double(cuv_buffer *out, double value);
/* "static const float name[n] = {…};", flushed as it grows. */
CUV_MUST_USE cuv_status cuv_c_array(cuv_c_writer *w, const char *name, cuv_dtype dtype, const void *data, size_t count);
/* The struct cuv_attrs as far as the kernels read it, and the attributes of all steps. */
void cuv_c_attr_types(const cuv_c_writer *w, cuv_buffer *out);
void cuv_c_attr_values(const cuv_c_writer *w, cuv_buffer *out);
/* NAME_predict's body, a block a step. */
CUV_MUST_USE cuv_status cuv_c_steps(cuv_c_writer *w);
/* NAME_selftest with vectors that are computed now. */
CUV_MUST_USE cuv_status cuv_c_selftest(cuv_c_writer *w);
/* Where the selftest has input (output) i in its arena; past the last: how large that is. */
size_t cuv_c_selftest_place(const cuv_c_writer *w, size_t i, bool output);
/* The header. */
void cuv_c_header(const cuv_c_writer *w, cuv_buffer *out);
/* "const float *x, float *y, void *arena" with the weights first where they are a file's; without types for a call. */
void cuv_c_parameters(const cuv_c_writer *w, bool types, cuv_buffer *out);
/* "x", or "x0", "x1" where there are several; `letter` is 'x', 'y', or a capital for constants. */
void cuv_c_port(const cuv_c_writer *w, char letter, size_t i, cuv_buffer *out);
enum { CUV_C_SIDE_HEADER = 64 };      /* bytes before the weights of a side file */

#endif
