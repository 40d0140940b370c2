/* How much a recovery has done, so that what it finds depends on no clock. */
#ifndef CUV_RECOVER_EFFORT_H
#define CUV_RECOVER_EFFORT_H

#include "base/base.h"

/* `done`: seconds that the work so far takes on a usual core, by count. `began`: of the monotonic clock, where the caller limits time: then
 * never less than what has passed counts; else 0, and only the work counts. */
typedef struct cuv_effort { double done, began; } cuv_effort;

/* What is done, in seconds of work. NULL: nothing ever is. */
double cuv_effort_now(const cuv_effort *e);

#define CUV_EFFORT_OF_NODE 6e-7     /* one layer put on a wiring, with its share of sorting */
#define CUV_EFFORT_OF_JOB 4e-5      /* a layer made ready */
#define CUV_EFFORT_OF_RUN 1.5e-6      /* a layer computed, and for each */
#define CUV_EFFORT_OF_MAC 1.2e-11     /* multiplication */
#define CUV_EFFORT_OF_VALUE 4e-10    /* or value */

#endif
