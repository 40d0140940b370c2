/* cuvier inspect: what files hold. */
#include "cli.h"

#include <string.h>

static cuv_status inspect(cuv_context *cx, const options *o, cuv_evidence *ev)
{
    char *text;
    cuv_model *model;
    if (!o->stage) {
        cuv_status status = cuv_evidence_report(ev, o->json, &text);
        if (status == CUV_OK)
            print_text(cx, text);
        return status;
    }
    cuv_status status = strcmp(o->stage, "plan") ? cuv_rebuild_structure(ev, &model) : cuv_rebuild(ev, &model);
    if (status != CUV_OK)
        return status;
    const cuv_run_options how = run_options(o);
    status = strcmp(o->stage, "plan") ? cuv_model_stage(model, o->stage, &text) : cuv_model_plan(model, &how, &text);
    if (status == CUV_OK)
        print_text(cx, text);
    cuv_model_free(model);
    return status;
}

static int run(cuv_context *cx, options *o)
{
    cuv_evidence *ev;
    cuv_status status = open_evidence(cx, o, &ev);
    if (status == CUV_OK)
        status = inspect(cx, o, ev);
    cuv_evidence_free(ev);
    return finish(cx, o, status);
}

const verb cmd_inspect = {"inspect", "FILE...", "what a file holds: format, writer, tensors, configuration, dangers",
                          "--stage --precision --input-shape --map --custom --keras-version --backend", run};
