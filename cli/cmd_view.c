/* cuvier view: a picture of the model, in a file or in the terminal. Weights are not needed. */
#include "cli.h"

#include <langinfo.h>
#include <locale.h>
#include <string.h>

static bool ends_with(const char *text, const char *end)
{
    const size_t n = strlen(text), k = strlen(end);
    return n >= k && !strcmp(text + n - k, end);
}

/* What is no picture is for rebuild to write. */
static bool is_picture(const options *o, const char *path)
{
    static const char *const forms[] = {".svg", ".html", ".dot"};
    const char *form = o->format ? o->format : path;
    for (size_t i = 0; i < sizeof forms / sizeof forms[0]; i++)
        if (o->format ? !strcmp(form, forms[i]) || !strcmp(form, forms[i] + 1) : ends_with(form, forms[i]))
            return true;
    wrong_usage(o, "cuvier view: %s is none of the pictures that are written: .svg, .html, .dot\n", form);
    if (ends_with(form, "png") || ends_with(form, "pdf"))
        say(stderr, "  help: write .svg, and convert it: rsvg-convert model.svg -o model.png\n");
    else
        say(stderr, "  help: cuvier rebuild writes the other forms\n");
    return false;
}

static cuv_status print_picture(cuv_context *cx, const cuv_model *model, const options *o)
{
    char *text;
    setlocale(LC_CTYPE, "");
    const bool color = wants_color(o, stdout), ascii = strcmp(nl_langinfo(CODESET), "UTF-8") != 0;
    setlocale(LC_CTYPE, "C");
    cuv_status status = cuv_model_picture(model, ascii, color, &text);
    if (status == CUV_OK) {
        print_safe(stdout, text, color);
        cuv_text_free(cx, text);
    }
    return status;
}

static cuv_status show(cuv_context *cx, cuv_model *model, const options *o)
{
    for (size_t i = 0; i < o->out.count; i++) {
        cuv_status status = cuv_model_write(model, o->out.items[i], o->format, NULL);
        if (status != CUV_OK)
            return status;
    }
    if (o->json)
        return print_written_json(cx, model, o);
    if (!o->out.count)
        return print_picture(cx, model, o);
    for (size_t i = 0; i < o->out.count && !o->quiet; i++)
        say(stdout, "written: %s\n", o->out.items[i]);
    return CUV_OK;
}

static int run(cuv_context *cx, options *o)
{
    cuv_evidence *ev;
    cuv_model *model = NULL;
    for (size_t i = 0; i < o->out.count; i++)
        if (!is_picture(o, o->out.items[i]))
            return EXIT_USAGE;
    cuv_status status = open_evidence(cx, o, &ev);
    if (status == CUV_OK)
        status = cuv_rebuild_structure(ev, &model);
    if (status == CUV_OK)
        status = show(cx, model, o);
    cuv_model_free(model);
    cuv_evidence_free(ev);
    return finish(cx, o, status);
}

const verb cmd_view = {"view", "EVIDENCE... [-o OUT]", "a picture or a self-contained page of the model",
                       "--out --format --map --custom --keras-version --backend --input-shape --samples", run};
