/* What the families with kernels share: padding, kernels of Theano, activations after the layout is restored. */
#ifndef CUV_LAYERS_CONV_H
#define CUV_LAYERS_CONV_H

#include "layers/support.h"

cuv_status cuv_conv_check(cuv_context *cx, cuv_layer *layer);
/* Fills `same`, pad_lo, pad_hi from the padding argument; the dilation must be set. */
void cuv_conv_padding(const cuv_layer *layer, cuv_attrs *attrs);
/* A kernel; turned round for models trained on Theano. */
cuv_ref cuv_conv_kernel(cuv_call *call, const char *slot);
/* The activation as part of the step; `after`: it must follow in Keras's own layout instead. */
CUV_MUST_USE cuv_status cuv_conv_act(cuv_call *call, cuv_attrs *attrs, bool *after);
cuv_status cuv_conv_return(cuv_call *call, cuv_ref y, bool after);
/* op(x, kernel, bias when there is one); a bias that Keras takes for another axis's is added after it, then `after` is set (bias.c). */
cuv_ref cuv_with_bias(cuv_call *call, cuv_op op, cuv_ref x, cuv_ref kernel, cuv_attrs *attrs, bool *after);

#endif
