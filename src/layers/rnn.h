/* What recurrent layers, cells and their wrappers share. */
#ifndef CUV_LAYERS_RNN_H
#define CUV_LAYERS_RNN_H

#include "layers/support.h"

/* Number of states of a cell or of a layer that is its own cell (LSTM 2, GRU and SimpleRNN 1); 0: it is no such layer. */
int cuv_rnn_states(const cuv_layer *cell);
cuv_status cuv_rnn_check(cuv_context *cx, cuv_layer *layer);
bool cuv_rnn_symbol(const cuv_layer *layer, const char *name, int64_t *sizes, int *count);
/* One pass of `cell` over x (b, t, in): out[0] is the sequence or the last output, then come the states. `attrs` gives reverse,
 * sequences and zero_masked; `states` has cuv_rnn_states entries or is NULL. */
CUV_MUST_USE cuv_status cuv_rnn_run(cuv_call *call, const cuv_layer *cell, cuv_ref x, cuv_ref mask, const cuv_ref *states,
                                    cuv_attrs attrs, cuv_ref *out);
/* Keras puts zeros where the mask is false after it has made all steps when the layer is unrolled, and then forgets that a layer that
 * goes backwards has made them in the other order. True for such a layer, whose pass is to have zero_masked false and whose sequence
 * goes through cuv_rnn_zero_late. */
bool cuv_rnn_zeroes_late(const cuv_layer *layer);
cuv_ref cuv_rnn_zero_late(cuv_call *call, cuv_ref y, cuv_ref mask);
/* States that came with the call: extra inputs, or the keyword initial_state. */
CUV_MUST_USE cuv_status cuv_rnn_initial(cuv_call *call, const cuv_ref **states, size_t *count);
/* The states that a pass begins with: those of the call, or in a stateful layer those that the pass before left. `shapes` says what each
 * of the `own` states is like, its first size left to the batch. NULL: zeros. */
typedef struct cuv_rnn_state { int64_t shape[CUV_MAX_RANK]; int rank; } cuv_rnn_state;
cuv_rnn_state cuv_rnn_state_of(const cuv_layer *cell);
CUV_MUST_USE cuv_status cuv_rnn_begin(cuv_call *call, const cuv_rnn_state *shapes, size_t own, cuv_dtype dtype, const cuv_ref **states);
/* The mask of the sequence as the layer gets it. Keras 3 hands none over in a call with states, unless the call names it. */
cuv_ref cuv_rnn_mask(const cuv_call *call);
/* Weights of an inner layer, made as its first call would make them, for x as first input. */
CUV_MUST_USE cuv_status cuv_build_inner(cuv_call *call, cuv_layer *inner, cuv_sym x);
/* Keras 2's time_major: the steps of inputs, masks and sequences come before the samples. */
bool cuv_rnn_steps_first(const cuv_layer *layer);
/* Sets outputs: y, and the states when return_state; a stateful layer keeps them. */
cuv_status cuv_rnn_return(cuv_call *call, cuv_ref y, const cuv_ref *states, size_t count);

/* Arguments of all recurrent layers after those of the cell. */
#define RECURRENT_FLAGS                                                                                                      \
    P("return_sequences", BOOL, "False"), P("return_state", BOOL, "False"), P("go_backwards", BOOL, "False"),               \
        INERT("stateful", "False")
#define CELL_ROWS_HEAD P("units", INT, NULL, .allowed = ">=1"), ACTIVATION("'tanh'")
/* hard_sigmoid in Keras 1 and in the multi-backend Keras 2 (quirks 19). */
#define RECURRENT_ACTIVATION P("recurrent_activation", ACTIVATION, "'sigmoid'", .fallback1 = "'hard_sigmoid'")
#define ZERO_OUTPUT P("zero_output_for_mask", BOOL, "False")

#endif
