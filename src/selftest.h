/* The self-test that travels with an export: a few inputs, the outputs that belong to them, and who computed these. */
#ifndef CUV_SELFTEST_H
#define CUV_SELFTEST_H

#include "model/model.h"

/* JSON text: from the samples that the model was rebuilt with, else from random inputs and the reference kernels. NULL when it would be
 * large, or when the model cannot be run. */
CUV_MUST_USE cuv_status cuv_selftest_make(struct cuv_model *m, cuv_arena *arena, const char **out);

#endif
