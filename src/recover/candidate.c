/* What was recovered, as a model: the stages of any other build it. */
#include "recover/recover.h"

/* A candidate as a model, by the same stages as any other. */
cuv_status cuv_candidate_model(cuv_evidence *ev, const cuv_candidate_config *c, cuv_model **out)
{
    cuv_model *m = NULL;
    *out = NULL;
    ev->recovered = c->assignments;
    ev->recovered_count = c->assignment_count;
    cuv_status status = cuv_model_build(ev->cx, ev, c->config, NULL, &m);
    if (status == CUV_OK)
        status = cuv_model_bind(m, ev);
    ev->recovered = NULL;
    ev->recovered_count = 0;
    if (status == CUV_OK) {
        m->recovered = true;
        *out = m;
    } else {
        cuv_model_free(m);
    }
    return status;
}
