/* --custom NAME=CODE.py: which code stands in for which class, and what files hold for a class that nobody knows. */
#include "evidence/read.h"
#include "format/python.h"

/* ---- the option ---- */

static cuv_status wrong_form(cuv_evidence *ev, const char *text)
{
    return cuv_fail(ev->cx, CUV_ARGUMENT, "custom.form", &(cuv_detail){.expected = "NAME=CODE.py", .found = text,
                    .help = "NAME is the class as the file names it, or the name of one layer"},
                    "--custom %s is not of the form NAME=CODE.py",
                    text);
}

static cuv_status read_code(cuv_evidence *ev, const char *path, cuv_custom *out)
{
    CUV_TRY(cuv_file_load(ev, path, &out->file));
    if (out->file->format != CUV_FORMAT_PYTHON)
        return cuv_fail(ev->cx, CUV_ARGUMENT, "custom.code", &(cuv_detail){.file = path, .expected = "Keras code", .found = out->file->kind,
                        .help = "the code builds a model of Keras's layers, or defines a function that returns one"},
                        "--custom %s: %s is no Keras code", out->name, out->file->name);
    return cuv_python_parse(ev->arena, &out->file->source, &out->module);
}

cuv_status cuv_evidence_custom(cuv_evidence *ev, const char *text)
{
    const char *equals = strchr(text, '=');
    if (!equals || equals == text || !equals[1])
        return wrong_form(ev, text);
    cuv_custom *customs = CUV_NEW_ARRAY(ev->arena, cuv_custom, ev->custom_count + 1);
    char *name = cuv_arena_strndup(ev->arena, text, (size_t)(equals - text));
    if (!customs || !name)
        return cuv_oom(ev->cx);
    for (size_t i = 0; i < ev->custom_count; i++)
        if (cuv_streq(ev->customs[i].name, name))
            return cuv_fail(ev->cx, CUV_ARGUMENT, "custom.twice", &(cuv_detail){.found = name}, "--custom %s is given twice", name);
    cuv_start_clock(ev->cx);
    if (ev->custom_count)
        memcpy(customs, ev->customs, ev->custom_count * sizeof *customs);
    customs[ev->custom_count].name = name;
    CUV_TRY(read_code(ev, equals + 1, &customs[ev->custom_count]));
    ev->customs = customs;
    ev->custom_count++;
    return CUV_OK;
}

cuv_status cuv_evidence_backend(cuv_evidence *ev, const char *name)
{
    static const char *const names[] = {"tensorflow", "jax", "torch", "numpy", "openvino", "theano", "cntk"};
    for (size_t i = 0; i < sizeof names / sizeof *names; i++)
        if (strcmp(names[i], name) == 0) {
            ev->backend = names[i];
            return CUV_OK;
        }
    return cuv_fail(ev->cx, CUV_ARGUMENT, "argument.backend", &(cuv_detail){.found = name, .expected = "tensorflow, jax, torch, numpy, openvino, theano or cntk"},
                    "Keras has no backend '%s'", name);
}

/* Digits and points, with a word behind them ("2.1.6-tf", "3.0.0.dev2024") or without. */
cuv_status cuv_evidence_keras_version(cuv_evidence *ev, const char *version)
{
    const char *at = version;
    bool fits = *at >= '1' && *at <= '3' && (!at[1] || at[1] == '.');
    while (fits && *at && (*at == '.' || *at == '-' || (*at >= '0' && *at <= '9') || (*at >= 'a' && *at <= 'z')))
        at++;
    if (!fits || *at || at - version > 32)
        return cuv_fail(ev->cx, CUV_ARGUMENT, "argument.keras_version", &(cuv_detail){.found = version, .expected = "1, 2 or 3, as in 3.4.1, 2.15 or 1.2.2"},
                        "'%s' is no version of Keras", version);
    ev->keras_version = cuv_arena_strdup(ev->arena, version);
    return ev->keras_version ? CUV_OK : cuv_oom(ev->cx);
}

/* ---- which code ---- */

/* "MyLayer", "package>MyLayer", or "module.MyLayer". */
static bool names_class(const char *name, const cuv_value *record)
{
    const char *class_name = cuv_get_text(record, "class_name"), *module = cuv_get_text(record, "module");
    size_t n = module ? strlen(module) : 0;
    return cuv_streq(name, class_name) || (class_name && cuv_streq(name, cuv_plain_name(class_name))) ||
           cuv_streq(name, cuv_get_text(record, "registered_name")) ||
           (n && !strncmp(name, module, n) && name[n] == '.' && cuv_streq(name + n + 1, class_name));
}

cuv_custom *cuv_custom_for(const struct cuv_evidence *ev, const cuv_value *record, const char *layer)
{
    for (size_t i = 0; ev && i < ev->custom_count; i++)
        if (cuv_streq(ev->customs[i].name, layer))
            return &ev->customs[i];
    for (size_t i = 0; ev && i < ev->custom_count; i++)
        if (names_class(ev->customs[i].name, record))
            return &ev->customs[i];
    return ev ? cuv_custom_implied(ev, record) : NULL;
}
