/* cuvier predict: runs the model on arrays from files. */
#include "cli.h"

static int run(cuv_context *cx, options *o)
{
    cuv_evidence *ev;
    cuv_model *model = NULL;
    cuv_run_options how = run_options(o);
    cuv_precision_cost *cost = NULL;
    if (!o->in || o->out.count != 1) {
        wrong_usage(o, "cuvier predict: give the inputs with -i IN and one place for the outputs with -o OUT\n");
        return EXIT_USAGE;
    }
    cuv_status status = open_evidence(cx, o, &ev);
    if (status == CUV_OK)
        status = cuv_rebuild(ev, &model);
    cuv_evidence_free(ev);      /* what the model needs of it stays; the rest need not be in memory beside the plan */
    if (status == CUV_OK)
        status = cuv_model_predict_file(model, o->in, o->out.items[0], (size_t)o->batch, &how);
    if (status == CUV_OK && how.precision != CUV_PRECISION_F32)
        status = cuv_model_precision_cost_file(model, o->in, (size_t)o->batch, &how, &cost);
    if (status == CUV_OK && o->json) {
        printf("{\"cuvier\": \"%s\", \"ok\": true, \"written\": [", cuv_version());
        print_json_text(o->out.items[0]);
        printf("]");
        print_precision_json(o, cost);
        printf("}\n");
    } else if (status == CUV_OK && !o->quiet)
        print_precision(o, cost);
    cuv_precision_cost_free(cx, cost);
    cuv_model_free(model);
    return finish(cx, o, status);
}

const verb cmd_predict = {"predict", "EVIDENCE... -i IN -o OUT", "run the model on arrays from files",
                          "--in --out --batch --map --custom --keras-version --backend --samples --input-shape --reference --precision --cache", run};
