/* What the writers of this folder share; nothing outside evidence/ includes it. */
#ifndef CUV_EVIDENCE_SAVED_H
#define CUV_EVIDENCE_SAVED_H

#include "evidence/evidence.h"

/* What the self-test of cuvier is called in files that have names for such things. */
#define CUV_SELFTEST_KEY "cuvier_selftest"

/* A variable with the path that a convention gives it. */
typedef struct cuv_saved_item {
    const char *path;           /* "sequential/dense/kernel"; unlike any other in the list */
    const cuv_tensor *tensor;
    bool trainable;             /* with all layers around it */
} cuv_saved_item;

typedef enum cuv_saved_names {
    CUV_SAVED_KERAS3,           /* as Keras 3 names variables: models that are Sequential go before their layers */
    CUV_SAVED_KERAS2,           /* as tf.keras does: no models, ":0" at the end */
    CUV_SAVED_PLAIN             /* every object on the way, for people to read */
} cuv_saved_names;

/* Variables of a layer and of all inside it, in the order of layer.weights: own ones first. `above` is the model it
 * is in (NULL: none). */
CUV_MUST_USE cuv_status cuv_saved_items(cuv_arena *arena, const cuv_saved_layer *layer, const cuv_saved_layer *above,
                                        cuv_saved_names names, cuv_saved_item **out, size_t *count);
/* Trainable ones first, then the others, each in the order they had: the order of legacy files. */
CUV_MUST_USE cuv_status cuv_saved_legacy_order(cuv_arena *arena, cuv_saved_item *items, size_t count);
bool cuv_saved_is_model(const cuv_saved_layer *layer);
/* Writes the content of a buffer as a file, and frees it. */
CUV_MUST_USE cuv_status cuv_saved_file(cuv_context *cx, cuv_buffer *content, const char *path);
/* The bytes of model.weights.h5, with a self-test as an attribute of its root (NULL: none) (objects_h5_write.c). */
CUV_MUST_USE cuv_status cuv_objects_image(cuv_context *cx, const cuv_saved_layer *model, const char *selftest, cuv_buffer *out);

#endif
