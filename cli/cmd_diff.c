/* cuvier diff: what changed between two models. */
#include "cli.h"

#include <string.h>

/* A configuration without weights is a model, too. */
static cuv_status open_model(cuv_context *cx, const options *o, const char *path, cuv_evidence **ev, cuv_model **model)
{
    cuv_status status = cuv_evidence_new(cx, ev);
    if (status == CUV_OK)
        status = cuv_evidence_add_file(*ev, path);
    if (status == CUV_OK)
        status = add_customs(*ev, o);
    if (status == CUV_OK)
        status = cuv_rebuild(*ev, model);
    const cuv_finding *last = cuv_finding_count(cx) ? cuv_finding_at(cx, cuv_finding_count(cx) - 1) : NULL;
    if (status != CUV_NO || !last || strcmp(last->id, "bind.no_weights") != 0)
        return status;
    cuv_findings_clear(cx);
    return cuv_rebuild_structure(*ev, model);
}

static int run(cuv_context *cx, options *o)
{
    cuv_evidence *ev[2] = {NULL, NULL};
    cuv_model *model[2] = {NULL, NULL};
    cuv_diff *diff = NULL;
    char *text = NULL;
    cuv_status status = CUV_OK;
    cuv_run_options run_with = run_options(o);
    if (o->evidence.count != 2) {
        wrong_usage(o, "cuvier diff: give two models\nusage: cuvier diff A B\n");
        return EXIT_USAGE;
    }
    for (size_t i = 0; status == CUV_OK && i < 2; i++)
        status = open_model(cx, o, o->evidence.items[i], &ev[i], &model[i]);
    if (status == CUV_OK)
        status = cuv_model_diff(model[0], model[1], o->rtol, o->atol, &run_with, &diff);
    if (diff && (o->json || !o->quiet)) {
        cuv_status printed = cuv_diff_text(cx, diff, o->json, &text);
        status = printed == CUV_OK ? status : printed;
    }
    bool answered = text != NULL;
    print_text(cx, text);
    cuv_diff_free(cx, diff);
    for (size_t i = 0; i < 2; i++) {
        cuv_model_free(model[i]);
        cuv_evidence_free(ev[i]);
    }
    return answered ? cuv_exit_status(status) : finish(cx, o, status);
}

const verb cmd_diff = {"diff", "A B", "what changed between two models: structure, configuration, weights, outputs",
                       "--rtol --atol --custom --reference", run};
