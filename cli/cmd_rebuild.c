/* cuvier rebuild: puts the model together again and writes it in any form. */
#include "cli.h"

#include <stdlib.h>
#include <string.h>

/* A configuration or code is among what is written, which weights beside it have to fit. */
static bool writes_config(const options *o)
{
    bool found = false;
    for (size_t i = 0; i < o->out.count; i++) {
        const char *end = o->format ? o->format : strrchr(o->out.items[i], '.');
        found = found || (end && (!strcmp(end, ".json") || !strcmp(end, ".py") || !strcmp(end, "json") || !strcmp(end, "py")));
    }
    return found;
}

static cuv_status write_all(cuv_model *model, const options *o)
{
    cuv_write_options w = {.keras = o->keras && !strcmp(o->keras, "2") ? 2 : 3, .weights_only = o->weights_only, .beside_config = writes_config(o),
                           .weights_file = o->weights_file, .batch = o->batch, .input_shapes = o->input_shape.items,
                           .input_shape_count = o->input_shape.count};
    for (size_t i = 0; i < o->out.count; i++) {
        cuv_status status = cuv_model_write(model, o->out.items[i], o->format, &w);
        if (status != CUV_OK)
            return status;
    }
    return CUV_OK;
}

cuv_status print_written_json(cuv_context *cx, const cuv_model *model, const options *o)
{
    char *text;
    const char **written = calloc(o->out.count + 1, sizeof *written);
    if (!written)
        return CUV_MEMORY;
    for (size_t i = 0; i < o->out.count; i++)
        written[i] = o->out.items[i];
    cuv_status status = cuv_model_rebuild_json(model, written, &text);
    if (status == CUV_OK)
        print_text(cx, text);
    free(written);
    return status;
}

static cuv_status print_result(cuv_context *cx, const cuv_model *model, const options *o)
{
    char *text;
    cuv_status status;
    if (o->json)
        return print_written_json(cx, model, o);
    if (o->quiet)
        return CUV_OK;
    status = cuv_model_summary(model, 0, &text);
    if (status != CUV_OK)
        return status;
    print_text(cx, text);
    status = cuv_model_decisions(model, o->verbose, &text);
    if (status != CUV_OK)
        return status;
    print_text(cx, text);
    for (size_t i = 0; i < o->out.count; i++)
        say(stdout, "written: %s\n", o->out.items[i]);
    return CUV_OK;
}

static int run(cuv_context *cx, options *o)
{
    cuv_evidence *ev;
    cuv_model *model = NULL;
    if (o->keras && strcmp(o->keras, "2") && strcmp(o->keras, "3")) {
        wrong_usage(o, "cuvier rebuild: --keras takes 2 or 3, not %s\n", o->keras);
        return EXIT_USAGE;
    }
    cuv_status status = open_evidence(cx, o, &ev);
    if (status == CUV_OK)
        status = cuv_rebuild(ev, &model);
    if (status == CUV_OK)
        cuv_model_check(model);
    if (status == CUV_OK)
        status = write_all(model, o);
    if (status == CUV_OK)
        status = print_result(cx, model, o);
    cuv_model_free(model);
    cuv_evidence_free(ev);
    return finish(cx, o, status);
}

const verb cmd_rebuild = {"rebuild", "EVIDENCE... [-o OUT]...", "put the model together again; write it in any form",
                          "--out --format --map --custom --keras-version --backend --samples --input-shape --strict --top --keras --weights-only "
                          "--weights-file --batch", run};
