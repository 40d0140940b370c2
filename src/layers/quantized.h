/* Layers whose kernel is stored in few bits (Keras 3's int8, int4, float8, GPTQ and AWQ): their variables and how these become a
 * kernel of floats again. quirks.md 37 to 40. */
#ifndef CUV_LAYERS_QUANTIZED_H
#define CUV_LAYERS_QUANTIZED_H

#include "layers/support.h"

typedef enum cuv_quant_mode { CUV_Q_INT8, CUV_Q_INT4, CUV_Q_FLOAT8, CUV_Q_GPTQ, CUV_Q_AWQ } cuv_quant_mode;

struct cuv_quant {
    cuv_quant_mode mode;
    int64_t block;              /* rows that share a scale; -1: one scale a column */
    int bits;                   /* of GPTQ: 2, 3, 4 or 8 */
    bool activations;           /* inputs are rounded too, with one scale a row */
    double low, high, epsilon;  /* of that rounding */
    int64_t history;            /* of float8: how many maxima are kept */
};

/* A kernel as a matrix: `rows` are contracted, `columns` are new. `shape` is the layer's own, `scale` that of int8's scale. */
typedef struct cuv_quant_kernel {
    const int64_t *shape, *scale, *bias;
    int rank, scale_rank, bias_rank;    /* bias_rank -1: none */
    int64_t rows, columns;
} cuv_quant_kernel;

/* Makes kernel, bias and scales of Dense and EinsumDense, in the order in which Keras 3 saves them. */
CUV_MUST_USE cuv_status cuv_quant_kernel_weights(cuv_call *call, const cuv_quant_kernel *k);
/* The kernel as floats, as (rows, columns); of int8 without its scale, and in the layer's own shape. */
cuv_ref cuv_quant_kernel_value(cuv_call *call, const cuv_quant_kernel *k);
/* x as the product takes it, rounded where the layer rounds it; the product is then to be divided by *scale, unless that is
 * CUV_NO_REF. `axes` are contracted and lie at the end. */
cuv_ref cuv_quant_input(cuv_call *call, cuv_ref x, int contracted, cuv_ref *scale);
/* The product with a kernel of int8, divided by the kernel's scales. */
cuv_ref cuv_quant_scaled(cuv_call *call, cuv_ref y);
/* Keras's TimeDistributed runs a layer past its way for few bits: on the integers as numbers, without their scales. Computed so for
 * int8 kernels, "layer.unsupported" elsewhere. */
CUV_MUST_USE cuv_status cuv_quant_bare(cuv_call *call, bool *bare);
/* The bias as the layer adds it. */
cuv_ref cuv_quant_bias(cuv_call *call);

/* LoRA (lora.c): whether a layer has the two matrices, and how thin they are; what their product is multiplied by. */
bool cuv_lora_rank(const cuv_layer *layer, int64_t *rank);
double cuv_lora_scale(const cuv_layer *layer);
/* Makes them, for a kernel of this shape. Nothing where the layer has none. */
CUV_MUST_USE cuv_status cuv_lora_weights(cuv_call *call, const int64_t *shape, int rank);
/* One of them, in the dtype of the computation; and y + scale thin . b, where thin is x . a. */
cuv_ref cuv_lora_weight(cuv_call *call, bool second);
cuv_ref cuv_lora_added(cuv_call *call, cuv_ref y, cuv_ref thin);

/* Embedding and ReversibleEmbedding. */
CUV_MUST_USE cuv_status cuv_quant_embedding_weights(cuv_call *call, bool reversible);
cuv_ref cuv_quant_embedding_rows(cuv_call *call, cuv_ref index);
/* x . embeddings^T */
cuv_ref cuv_quant_embedding_reverse(cuv_call *call);

#endif
