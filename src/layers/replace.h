/* What stands for a layer that the Keras to be written for cannot say: another layer, or a model of layers and operations. */
#ifndef CUV_LAYERS_REPLACE_H
#define CUV_LAYERS_REPLACE_H

#include "layers/layers.h"

/* For whom: a Keras (2 or 3); a legacy .h5, where Keras 3 leaves out what it does for other files. */
typedef struct cuv_writing { int keras; bool legacy_h5; } cuv_writing;

typedef struct cuv_replacement {
    cuv_value *record;          /* under the layer's name; NULL: it is written as it is */
    const char *now;            /* what it becomes, for people */
    bool one_tensor;            /* only where each call gives one tensor, without a mask */
} cuv_replacement;

/* False when the layer is surely written as it is: a quick look. */
bool cuv_layer_is_replaced(const cuv_layer *layer, cuv_writing to);
/* The record, in `arena`. */
CUV_MUST_USE cuv_status cuv_layer_replacement(cuv_context *cx, cuv_arena *arena, const cuv_layer *layer, cuv_writing to, cuv_replacement *out);
/* The weights of what the record makes, in their order, from those of the layer. */
CUV_MUST_USE cuv_status cuv_layer_replaced_weights(cuv_arena *arena, const cuv_layer *layer, cuv_writing to, const cuv_tensor ***out, size_t *count);

/* Of LocallyConnected layers (local.c): sizes, the kernel as (places, cells x channels, filters), the bias as (places, filters). */
typedef struct cuv_local_sizes {
    int rank;
    int64_t in[3], kernel[3], stride[3], out[3], before[3];     /* along each axis; `before`: cells of padding */
    int64_t channels, filters;
} cuv_local_sizes;
cuv_local_sizes cuv_local_sizes_of(const cuv_layer *layer);
CUV_MUST_USE cuv_status cuv_local_kernel(cuv_arena *arena, const cuv_layer *layer, const cuv_tensor *stored, const cuv_tensor **out);
CUV_MUST_USE cuv_status cuv_local_bias(cuv_arena *arena, const cuv_layer *layer, const cuv_tensor *stored, const cuv_tensor **out);

#endif
