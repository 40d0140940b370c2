/* Vocabularies of lookup layers, which lookup.c and text_vectorization.c share. */
#ifndef CUV_LAYERS_VOCABULARY_H
#define CUV_LAYERS_VOCABULARY_H

#include "layers/support.h"

/* A table from tokens to indices: the tokens in order, without those for masks and unknown words. */
typedef struct cuv_vocabulary {
    const cuv_value *list;      /* as the configuration has it */
    size_t skip, count;         /* leading special tokens in it; tokens that follow */
    int64_t first;              /* index of the first token */
    cuv_dtype dtype;            /* CUV_STR or CUV_I64 */
} cuv_vocabulary;

/* Reads the argument "vocabulary". `mask` and `unknown` are special tokens that may stand in front (NULL: none): `masks` and
 * `unknowns` of them. "layer.vocabulary" when there is none, or it is the name of a file. */
CUV_MUST_USE cuv_status cuv_read_vocabulary(cuv_call *call, cuv_dtype dtype, const cuv_value *mask, int masks,
                                            const cuv_value *unknown, int unknowns, cuv_vocabulary *out);
/* Constants for CUV_OP_LOOKUP: keys ascending, and their indices. */
CUV_MUST_USE cuv_status cuv_vocabulary_table(cuv_call *call, const cuv_vocabulary *v, cuv_ref *keys, cuv_ref *values);
/* Where the mode is tf_idf: a weight for each of `depth` indices, as Keras fills up what the configuration states, or a variable
 * when it states none (adapted). */
CUV_MUST_USE cuv_status cuv_idf_build(cuv_call *call, const cuv_vocabulary *v, int64_t depth);
CUV_MUST_USE cuv_status cuv_idf_weights(cuv_call *call, cuv_ref *out);
/* What the configuration states, filled up; NULL when it states none. */
const cuv_tensor *cuv_idf_stated(const cuv_layer *layer);
/* What it computes with: the variable of Keras 2, or what a file of Keras 3 holds, as `use` gives it (as many as stated; copies). */
const cuv_tensor *cuv_idf_used(const cuv_layer *layer);
void cuv_idf_use(cuv_layer *layer, const cuv_tensor *value);
bool cuv_idf_differs(const cuv_layer *layer);

#endif
