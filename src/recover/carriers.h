/* Inside recover/: how carriers with names become remains. */
#ifndef CUV_RECOVER_CARRIERS_H
#define CUV_RECOVER_CARRIERS_H

#include "recover/recover.h"

/* ---- names.c: what names tell ------------------------------------------------------------------------------- */

/* Class names by the words that Keras 1 to 3 make layers' names and paths of. */
typedef struct cuv_class_words { cuv_arena *arena; cuv_map *classes; } cuv_class_words;
CUV_MUST_USE cuv_status cuv_class_words_make(cuv_arena *arena, cuv_class_words *out);
/* The class of a default name ("conv2d_12": "Conv2D", counter 12; 0 without one), or NULL. `out_counter` may be NULL. Models are
 * "Functional" and "Sequential". */
const char *cuv_class_of_name(const cuv_class_words *words, const char *name, int64_t *out_counter);
bool cuv_class_is_model(const char *class_name);
/* Is one of the variables called that? */
bool cuv_has_weight(const cuv_named *tensors, size_t count, const char *word);
/* The class that names of variables tell ("embeddings": "Embedding"), or NULL. */
const char *cuv_class_of_weights(const cuv_named *tensors, size_t count);
/* May a layer of that class have such variables? Only what names tell for sure. */
bool cuv_class_may_have(const char *class_name, const cuv_named *tensors, size_t count);

/* Where a variable belongs: "sequential/bidirectional/forward_lstm/lstm_cell/kernel:0". */
typedef struct cuv_place {
    const char *id;             /* "sequential/bidirectional": the layer with all around it */
    const char *layer;          /* "bidirectional": the layer; NULL where the name has no part for it ("W1") */
    const char *inner;          /* "forward_lstm/lstm_cell": inside the layer, or "" */
    const char *word;           /* "kernel"; NULL when the name has no such part */
} cuv_place;
CUV_MUST_USE cuv_status cuv_place_of(const cuv_class_words *words, const char *key, const char *group, cuv_place *out);
/* Order of a variable in layer.get_weights(), by its name and the part of the layer it is in; equal for unknown names. */
int cuv_weight_rank(const char *inner, const char *word);

/* ---- carriers.c ------------------------------------------------------------------------------------------------ */

/* Layers in the making. */
typedef struct cuv_remaking {
    cuv_context *cx;
    cuv_arena *arena;
    cuv_class_words words;
    cuv_remains *out;
    size_t capacity;
} cuv_remaking;
/* Appends a layer without class, name or tensors. */
CUV_MUST_USE cuv_status cuv_remain_add(cuv_remaking *r, cuv_remain **out);

/* ---- order.c -------------------------------------------------------------------------------------------------- */

/* Puts layers without a known order into the likeliest. */
CUV_MUST_USE cuv_status cuv_remains_chain(cuv_remaking *r, const cuv_evidence *ev);

/* ---- network_order.c ------------------------------------------------------------------------------------------ */

/* Where all weights of a known network are there, by their names or as the n-th of each class, puts its layers together in Keras's order, before
 * what is left; *done. */
CUV_MUST_USE cuv_status cuv_remains_gather(cuv_remaking *r, bool *done);

/* ---- objects.c: paths of Keras 3 ----------------------------------------------------------------------------- */

CUV_MUST_USE cuv_status cuv_remains_of_objects(cuv_remaking *r, const cuv_file *file);

#endif
