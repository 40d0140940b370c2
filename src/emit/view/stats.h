/* What can be told of a weight's values at a glance. */
#ifndef CUV_EMIT_STATS_H
#define CUV_EMIT_STATS_H

#include "base/base.h"

#define CUV_BINS 24

/* Minimum, maximum, mean, deviation and bins are of the finite values alone. */
typedef struct cuv_stats {
    size_t count, zeros, nan, inf;
    double min, max, mean, deviation;
    size_t bins[CUV_BINS];      /* from min to max */
} cuv_stats;

/* Reads all values, twice. CUV_TIMEOUT. `t` has values and is no text. */
CUV_MUST_USE cuv_status cuv_stats_of(cuv_context *cx, const cuv_tensor *t, cuv_stats *out);

#endif
