/* Masks and softmax of attention, for the layers that have it. */
#ifndef CUV_LAYERS_ATTENTION_H
#define CUV_LAYERS_ATTENTION_H

#include "layers/support.h"

/* True when the call has the keyword with a literal that is true. */
bool cuv_call_flag(const cuv_call *call, const char *name);
/* (t, s), true where the row is not before the column; sizes from axis 1 of both. */
cuv_ref cuv_causal_mask(cuv_call *call, cuv_ref query, cuv_ref key);
/* softmax over the last axis of scores, where the mask (or none) is false as good as none. Rows that are masked throughout
 * become even, as in Keras. */
cuv_ref cuv_masked_softmax(cuv_call *call, cuv_ref scores, cuv_ref mask);
/* The Softmax layer, over the axes of `attrs`, as the Keras that wrote the file does it: what is masked becomes 0 since Keras
 * 3.10. Before, a large number was subtracted from it: rows that are masked throughout become even, or, in float64, stay as if
 * nothing were masked. */
cuv_ref cuv_softmax_layer(cuv_call *call, cuv_ref x, cuv_ref mask, const cuv_attrs *attrs);

#endif
