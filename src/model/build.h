/* What build.c shares with its neighbours. */
#ifndef CUV_MODEL_BUILD_H
#define CUV_MODEL_BUILD_H

#include "model/graph.h"

/* The input shape of a Sequential that does not tell it: --input-shape, else what its first weights leave as the only possibility
 * (a decision is noted). CUV_NO "model.input" with what to give otherwise. */
CUV_MUST_USE cuv_status cuv_find_input_shape(struct cuv_model *m, const struct cuv_evidence *ev, const cuv_graph *g,
                                             int64_t *shape, int *rank);

#endif
