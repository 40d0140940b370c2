/* What build.c shares with its neighbours. */
#ifndef CUV_MODEL_BUILD_H
#define CUV_MODEL_BUILD_H

#include "model/graph.h"

/* The input shape of a Sequential that does not tell it: --input-shape, else what its first weights leave as the only possibility
 * (a decision is noted). CUV_NO "model.input" with what to give otherwise. */
CUV_MUST_USE cuv_status cuv_find_input_shape(struct cuv_model *m, const struct cuv_evidence *ev, const cuv_graph *g,
                                             int64_t *shape, int *rank);

/* ---- custom.c: classes that code stands in for */
const char *cuv_stand_in(const cuv_model_hooks *hooks, const cuv_value *record, const char *name);
const char *cuv_held_for(const cuv_model_hooks *hooks, const char *name, const char *class_name);
CUV_MUST_USE cuv_status cuv_call_stand_in(cuv_call *call);
/* After a call of such a layer: masks as Keras hands them on. */
void cuv_pass_masks(cuv_call *call);
/* Keywords that such a layer can be called with. */
CUV_MUST_USE cuv_status cuv_check_keywords(cuv_call *call);
/* Notes every such layer as assumed. */
CUV_MUST_USE cuv_status cuv_decide_customs(struct cuv_model *m);
/* What an InputLayer says of its tensor; the dtype is that in which a program keeps it. */
CUV_MUST_USE cuv_status cuv_input_layer_says(struct cuv_model *m, const cuv_layer *layer, int64_t *shape, int *rank, cuv_dtype *out);
/* An input of a call of a nested model, as the model's InputLayer has it (conform.c). */
CUV_MUST_USE cuv_status cuv_conform_input(cuv_call *call, const cuv_layer *input, cuv_sym *x);

#endif
