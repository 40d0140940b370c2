/* Two models beside each other. */
#ifndef CUV_RUN_DIFF_H
#define CUV_RUN_DIFF_H

#include "layers/support.h"
#include "model/graph.h"
#include "run/runner.h"

/* Fills *out whatever the answer: CUV_OK the same, CUV_NO not. Both models are of one context. */
CUV_MUST_USE cuv_status cuv_diff_models(struct cuv_model *a, struct cuv_model *b, double rtol, double atol,
                                        const cuv_run_options *options, cuv_diff **out);
void cuv_diff_drop(cuv_context *cx, cuv_diff *diff);

#endif
