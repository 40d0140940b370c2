/* What recover.c shares with ends.c and failures.c: one recovery on its way. */
#ifndef CUV_RECOVER_RECOVERING_H
#define CUV_RECOVER_RECOVERING_H

#include "recover/proof.h"

enum { CUV_MAX_ENDS = 8 };
typedef struct cuv_recovering {
    cuv_evidence *ev;
    cuv_context *cx;
    cuv_arena *arena;
    const cuv_remains *remains;
    const cuv_recover_options *options;
    cuv_reading readings[CUV_READINGS];
    size_t reading_count;
    cuv_structure *structures;
    size_t count, capacity;
    cuv_run_tensor inputs[CUV_MAX_ENDS], outputs[CUV_MAX_ENDS];     /* of the samples */
    size_t input_count, output_count;
    const char *near;           /* of known networks, or NULL */
    size_t reached;             /* units of the first reading that could be wired */
    cuv_recovery *out;
    cuv_effort effort;
    double seconds;             /* of work, for the search */
} cuv_recovering;

/* ends.c */
bool cuv_all_whole(const cuv_run_tensor *x);       /* word numbers? */
CUV_MUST_USE cuv_status cuv_take_samples(cuv_recovering *r);
CUV_MUST_USE cuv_status cuv_ends_of_samples(cuv_recovering *r, const cuv_reading *reading, cuv_ends *e);

/* recover.c: the effort at which wiring has to be over */
double cuv_wiring_ends(const cuv_recovering *r);

/* failures.c */
CUV_MUST_USE cuv_status cuv_no_wiring(cuv_recovering *r);
CUV_MUST_USE cuv_status cuv_not_found(cuv_recovering *r, const cuv_search *s);

#endif
