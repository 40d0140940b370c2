/* What the parts of a comparison of two models share; diff.c puts them together. */
#ifndef CUV_RUN_DIFFER_H
#define CUV_RUN_DIFFER_H

#include "run/diff.h"

typedef struct cuv_differ {
    cuv_context *cx;
    cuv_arena *arena;
    cuv_diff *out;
    cuv_change *changes;
    size_t count, capacity;
} cuv_differ;

/* Two graphs with their layers paired: there[i] is the partner of a's layer i, -1 for none; back the other way round. */
typedef struct cuv_pairing {
    const cuv_graph *a, *b;
    int32_t *there, *back;
} cuv_pairing;

/* Appends a change; the texts are copied (diff.c). */
CUV_MUST_USE cuv_status cuv_differ_add(cuv_differ *d, cuv_change change);
CUV_MUST_USE cuv_status cuv_differ_text(cuv_differ *d, cuv_change_kind kind, const char *layer, const char *field, const char *a,
                                        const char *b);
const char *cuv_differ_class(const cuv_layer *layer);

/* Which layer is which, and how they are wired (diff_wiring.c). Fills there and back of a pairing whose graphs are set. */
CUV_MUST_USE cuv_status cuv_differ_pair(cuv_differ *d, cuv_pairing *p);
CUV_MUST_USE cuv_status cuv_differ_calls(cuv_differ *d, const cuv_pairing *p, int32_t a, const char *name);
const char *cuv_differ_outputs(cuv_differ *d, const cuv_graph *g);
bool cuv_same_outputs(const cuv_pairing *p);

/* Arguments by meaning, with the defaults of each Keras (diff_params.c). */
CUV_MUST_USE cuv_status cuv_differ_params(cuv_differ *d, const cuv_layer *a, const cuv_layer *b, const char *name);

/* Outputs on random inputs, and the first layer at which the two part (diff_outputs.c). */
CUV_MUST_USE cuv_status cuv_differ_run(cuv_differ *d, struct cuv_model *a, struct cuv_model *b, const cuv_pairing *p, double rtol,
                                       double atol, const cuv_run_options *options);

#endif
