/* cuvier summary: the model's table, as Keras prints it. */
#include "cli.h"

static int run(cuv_context *cx, options *o)
{
    cuv_evidence *ev;
    cuv_model *model = NULL;
    char *text = NULL;
    cuv_status status = open_evidence(cx, o, &ev);
    if (status == CUV_OK)
        status = cuv_rebuild_structure(ev, &model);
    if (status == CUV_OK)
        status = o->json ? cuv_model_summary_json(model, &text) : cuv_model_summary(model, 0, &text);
    print_text(cx, text);
    cuv_model_free(model);
    cuv_evidence_free(ev);
    return finish(cx, o, status);
}

const verb cmd_summary = {"summary", "EVIDENCE...", "the model's table, as Keras prints it", "--input-shape --map --custom --keras-version --backend", run};
