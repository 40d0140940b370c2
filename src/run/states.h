/* States that stateful layers keep from run to run. */
#ifndef CUV_RUN_STATES_H
#define CUV_RUN_STATES_H

#include "run/run.h"

/* Those before a run, then room for those after it; NULL: zeros, not yet made. */
typedef struct cuv_states {
    void **data;
    size_t count, *bytes;
} cuv_states;

/* The program's states as the last inputs and outputs of a run: writes program->state_count entries to each. */
CUV_MUST_USE cuv_status cuv_states_add(cuv_context *cx, cuv_states *s, const cuv_program *program, cuv_run_tensor *in, cuv_run_tensor *out);
/* What came after the last run comes before the next. */
void cuv_states_hand_on(cuv_states *s);
void cuv_states_free(cuv_context *cx, cuv_states *s);

#endif
