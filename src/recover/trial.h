/* What samples say of a wiring as it grows. A normalisation has stored the mean and the spread of each channel that it was trained on; inputs
 * of the same kind, computed up to it, come out near these where the wiring is right. A deep net is so told layer by layer, not only at its
 * end. Where the samples are of another kind, this says nothing; the wirings made without it are searched as well. */
#ifndef CUV_RECOVER_TRIAL_H
#define CUV_RECOVER_TRIAL_H

#include "recover/wiring.h"

/* Way `i` to put activations throughout a model, as far as wiring goes (the search tries all of them). */
cuv_way cuv_way_of(size_t i);

CUV_MUST_USE cuv_status cuv_trial_new(cuv_evidence *ev, cuv_effort *effort, const cuv_run_tensor *inputs, size_t count, cuv_trial **out);
void cuv_trial_free(cuv_trial *t);
/* Does this reading have so many normalisations with statistics that a trial says much? */
bool cuv_trial_helps(const cuv_reading *reading);
/* Holds the normalisation that was wired last against its statistics. told[i] grows by how unlike they are, in nats, with way `i`; ways that
 * are infinite stay so. */
CUV_MUST_USE cuv_status cuv_trial_norm(cuv_trial *t, const cuv_wirer *w, const cuv_wstate *s, float told[CUV_WAYS]);

#endif
