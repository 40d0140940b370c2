/* NumPy's types, arrays and scalars, as .npy headers, pickles and Keras 1's YAML all name them. */
#ifndef CUV_FORMAT_NUMPY_H
#define CUV_FORMAT_NUMPY_H

#include "format/format.h"

typedef struct cuv_numpy_type {
    char kind;          /* NumPy's letter: 'b' (bool), 'i', 'u', 'f', 'S', 'U', 'O' */
    size_t size;        /* bytes of one element in the file */
    cuv_dtype dtype;
    bool swap;          /* the file has the other byte order */
    bool guessed;       /* a V1 or V2 that lost its name */
    bool low_nibble;    /* ml_dtypes.int4: the value is in the low four bits */
} cuv_numpy_type;

/* "<f4", "|b1", "O8", "U12"; CUV_UNSUPPORTED for complex numbers, dates, long doubles and raw records. */
CUV_MUST_USE cuv_status cuv_numpy_type_parse(cuv_context *cx, const cuv_source *src, const char *text, size_t size,
                                             cuv_numpy_type *out);
/* What dtype.__setstate__ does with '<', '>', '=' or '|'; false for anything else. */
bool cuv_numpy_type_order(cuv_numpy_type *type, char order);
/* Types of the package ml_dtypes by name; false for those that are none of ours. */
bool cuv_numpy_type_ml(const char *name, size_t size, cuv_numpy_type *out);

/* The tensor of `size` bytes at `data`, which fill the shape exactly. A view on src->blob where the data lies in it in C order
 * and native form, a converted copy otherwise. Not for objects. */
CUV_MUST_USE cuv_status cuv_numpy_array(cuv_arena *arena, const cuv_source *src, const cuv_numpy_type *type,
                                        const int64_t *shape, int rank, bool fortran, const uint8_t *data, size_t size,
                                        cuv_tensor **out);
/* One element as a value: TRUTH, INTEGER, REAL or TEXT. Not for objects. */
CUV_MUST_USE cuv_status cuv_numpy_scalar(cuv_arena *arena, const cuv_source *src, const cuv_numpy_type *type,
                                         const uint8_t *data, size_t size, cuv_value **out);
/* Bytes that an array of the shape takes; false on overflow or a negative length. */
bool cuv_numpy_bytes(const cuv_numpy_type *type, const int64_t *shape, int rank, size_t *out);

#endif
