/* Decisions settled by samples of the original. */
#ifndef CUV_RUN_SAMPLES_H
#define CUV_RUN_SAMPLES_H

#include "run/runner.h"

/* Runs the samples. When they are not reproduced, tries the orders of layers that only their order tells apart; what is then
 * reproduced, and with no exchange of two such layers, becomes `verified`. CUV_NO "samples.differ" when no order does. */
CUV_MUST_USE cuv_status cuv_settle_by_samples(struct cuv_model *m, const cuv_samples *samples, double rtol, double atol);

#endif
