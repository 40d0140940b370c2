/* The attributes of ops as rows, for printing and parsing. */
#ifndef CUV_PROGRAM_TEXT_H
#define CUV_PROGRAM_TEXT_H

#include "program/program.h"

typedef enum cuv_attr_kind {
    CUV_A_INT, CUV_A_COUNT, CUV_A_REAL, CUV_A_FLAG, CUV_A_DTYPE, CUV_A_MODE, CUV_A_ALIGN, CUV_A_ACT,
    CUV_A_AXES,       /* axes with axes_count */
    CUV_A_PERM,       /* one int for each axis of x */
    CUV_A_SHAPE,      /* shape with shape_count */
    CUV_A_ONES,       /* three sizes that are 1 when not given */
    CUV_A_SIZES,      /* three sizes */
    CUV_A_PADS,       /* eight numbers that are 0 when not given */
    CUV_A_SLICE       /* eight numbers, as many as there are steps */
} cuv_attr_kind;

typedef struct cuv_attr_row {
    const char *name;
    cuv_attr_kind kind;
    size_t offset;
} cuv_attr_row;

extern const cuv_attr_row cuv_attr_rows[];      /* ends with a NULL name */
extern const char *const cuv_mode_names[12];     /* by cuv_mode */
extern const char *const cuv_align_names[2];    /* by cuv_align */

#endif
