/* cuvier verify: does the model give the original's outputs? */
#include "cli.h"

static void print_json(const options *o, const cuv_verification *v, const cuv_precision_cost *cost)
{
    printf("{\"cuvier\": \"%s\", \"ok\": %s, \"outputs\": [", cuv_version(), v->ok ? "true" : "false");
    for (size_t i = 0; i < v->count; i++) {
        printf("%s{\"name\": ", i ? ", " : "");
        print_json_text(v->outputs[i].name);
        print_json_number("max_abs", v->outputs[i].max_abs, 9);
        print_json_number("max_rel", v->outputs[i].max_rel, 9);
        printf(", \"ok\": %s}", v->outputs[i].ok ? "true" : "false");
    }
    printf("], \"rtol\": %g, \"atol\": %g, \"samples\": %zu", v->rtol, v->atol, v->samples);
    print_precision_json(o, cost);
    printf("}\n");
}

static void print_lines(const cuv_verification *v)
{
    for (size_t i = 0; i < v->count; i++)
        say(stdout, "%-4s %s: largest difference %.3g, relative %.3g\n", v->outputs[i].ok ? "ok" : "NO", v->outputs[i].name,
               v->outputs[i].max_abs, v->outputs[i].max_rel);
    printf("%s: %zu samples, rtol %g, atol %g\n", v->ok ? "the outputs agree" : "the outputs differ", v->samples, v->rtol,
           v->atol);
}

static cuv_status compare(cuv_context *cx, const options *o, cuv_evidence *ev, cuv_model *model, cuv_verification **v)
{
    cuv_run_options run = run_options(o);
    cuv_evidence *other_ev = NULL;
    cuv_model *other = NULL;
    if (!o->against)
        return cuv_model_verify(model, ev, o->rtol, o->atol, &run, v);
    cuv_status status = cuv_evidence_new(cx, &other_ev);
    if (status == CUV_OK)
        status = cuv_evidence_add_file(other_ev, o->against);
    if (status == CUV_OK)
        status = add_customs(other_ev, o);
    if (status == CUV_OK)
        status = cuv_rebuild(other_ev, &other);
    if (status == CUV_OK)
        status = cuv_model_verify_against(model, other, o->rtol, o->atol, &run, v);
    cuv_model_free(other);
    cuv_evidence_free(other_ev);
    return status;
}

static int run(cuv_context *cx, options *o)
{
    cuv_evidence *ev;
    cuv_model *model = NULL;
    cuv_verification *v = NULL;
    cuv_precision_cost *cost = NULL;
    if (o->samples && o->against) {
        wrong_usage(o, "cuvier verify: give --samples or --against, not both\n");
        return EXIT_USAGE;
    }
    const char *samples = o->samples;
    o->samples = NULL;          /* the rebuild must not settle by them what the verification is to find out */
    cuv_status status = open_evidence(cx, o, &ev);
    if (status == CUV_OK && !samples && !o->against && !cuv_evidence_has_selftest(ev)) {
        wrong_usage(o, "cuvier verify: give samples of the original (--samples IO.npz) or another model (--against OTHER); the evidence brings no "
              "self-test\n");
        cuv_evidence_free(ev);
        return EXIT_USAGE;
    }
    if (status == CUV_OK && samples)
        status = cuv_evidence_samples_kept(ev, samples);
    if (status == CUV_OK)
        status = cuv_rebuild(ev, &model);
    if (status == CUV_OK)
        status = compare(cx, o, ev, model, &v);
    bool answered = v != NULL;
    const cuv_run_options how = run_options(o);
    if (v && how.precision != CUV_PRECISION_F32) {
        const cuv_status measured = cuv_model_precision_cost_file(model, samples, 0, &how, &cost);
        status = measured == CUV_OK ? status : measured;
    }
    if (v && o->json)
        print_json(o, v, cost);
    else if (v && !o->quiet) {
        print_lines(v);
        print_precision(o, cost);
    }
    cuv_precision_cost_free(cx, cost);
    cuv_verification_free(cx, v);
    cuv_model_free(model);
    cuv_evidence_free(ev);
    return answered && o->json ? cuv_exit_status(status) : finish(cx, o, status);
}

const verb cmd_verify = {"verify", "EVIDENCE... --samples IO.npz", "does the model give the original's outputs?",
                         "--samples --against --rtol --atol --map --custom --keras-version --backend --input-shape --reference --precision --cache", run};
