/* What recover.c asks of proof.c. */
#ifndef CUV_RECOVER_PROOF_H
#define CUV_RECOVER_PROOF_H

#include "recover/search.h"

/* How much the samples say. */
typedef struct cuv_proof {
    bool proven;            /* enough outputs that the search did not see were reproduced */
    bool unfinished;        /* time was over before all other choices were tried */
    double bits, wanted;    /* of evidence */
    const char *elsewhere;  /* a choice that samples do not tell apart and other inputs of their kind would ("padding same or causal"); or NULL */
    uint64_t *equal;        /* by slot: bits of the options that the samples do not tell from the chosen one */
    const char *why;        /* "8 samples of io.npz are reproduced (largest difference 3e-07), 2 of which the search did not see; ..." */
} cuv_proof;

/* Moves the search's best choices to the nearest among those that reproduce the samples, and finds out which choices they tell apart. */
CUV_MUST_USE cuv_status cuv_prove(cuv_search *s, const char *samples, cuv_proof *out);
/* The decisions of a structure with its choices; `proof` NULL: there are no samples. */
CUV_MUST_USE cuv_status cuv_decisions_of(cuv_context *cx, cuv_arena *arena, const cuv_prepared *p, const uint8_t *values,
                                         const char *const *names, const cuv_remains *remains, const cuv_proof *proof, cuv_recovery *out);

#endif
