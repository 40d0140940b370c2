/* Rebuilds a model from the files on the command line, proves it when samples are given, and writes it.
 *
 *     rebuild OUT SAMPLES|- EVIDENCE...
 *     rebuild model.keras io.npz model_config.json model_weights.h5
 *
 * cc rebuild.c $(pkg-config --cflags --libs cuvier) */
#include <cuvier.h>

#include <stdio.h>
#include <string.h>

static int tell(cuv_context *cx, cuv_status status)
{
    for (size_t i = 0; i < cuv_finding_count(cx); i++) {
        const cuv_finding *f = cuv_finding_at(cx, i);
        fprintf(stderr, "%s: %s\n", f->id, f->message);
        if (f->help)
            fprintf(stderr, "  help: %s\n", f->help);
    }
    return cuv_exit_status(status);
}

static cuv_status prove(cuv_model *model, cuv_evidence *ev, cuv_context *cx)
{
    cuv_verification *v;
    cuv_status status = cuv_model_verify(model, ev, 1e-4, 1e-5, NULL, &v);
    for (size_t i = 0; v && i < v->count; i++)
        printf("%s: largest difference %.2g: %s\n", v->outputs[i].name, v->outputs[i].max_abs,
               v->outputs[i].ok ? "the same" : "not the same");
    cuv_verification_free(cx, v);
    return status;
}

static cuv_status rebuild(cuv_context *cx, int argc, char **argv)
{
    cuv_evidence *ev;
    cuv_model *model = NULL;
    cuv_status status = cuv_evidence_new(cx, &ev);
    for (int i = 3; status == CUV_OK && i < argc; i++)
        status = cuv_evidence_add_file(ev, argv[i]);
    if (status == CUV_OK && strcmp(argv[2], "-") != 0)
        status = cuv_evidence_samples(ev, argv[2]);
    if (status == CUV_OK)
        status = cuv_rebuild(ev, &model);
    if (status == CUV_OK && strcmp(argv[2], "-") != 0)
        status = prove(model, ev, cx);
    if (status == CUV_OK)
        status = cuv_model_write(model, argv[1], NULL, NULL);
    cuv_model_free(model);
    cuv_evidence_free(ev);
    return status;
}

int main(int argc, char **argv)
{
    cuv_context *cx;
    if (argc < 4) {
        fprintf(stderr, "usage: %s OUT SAMPLES|- EVIDENCE...\n", argv[0]);
        return 2;
    }
    if (cuv_context_new(NULL, &cx) != CUV_OK)
        return 4;
    int result = tell(cx, rebuild(cx, argc, argv));
    cuv_context_free(cx);
    return result;
}
