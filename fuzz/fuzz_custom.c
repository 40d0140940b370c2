/* Python text as the code of a class that a configuration uses (--custom): functions, models, and classes with __init__, build and
 * call, followed for a layer between two others, and as the class of the whole model. */
#include "fuzz_evidence.h"

#include "format/python.h"

/* The classes are those of tests/compat/classes, whose code is what the fuzzer starts from. */
static const char *const classes[] = {"Chain", "Block", "Scale", "Glance"};
enum { CLASSES = sizeof classes / sizeof *classes };

#define LAYER(class_name, arguments) \
    "{\"class_name\": \"" class_name "\", \"registered_name\": \"own>" class_name "\", \"config\": {\"name\": \"" class_name "\"" arguments "}}"

static const char config[] =
    "{\"class_name\": \"Sequential\", \"config\": {\"name\": \"net\", \"layers\": [{\"class_name\": \"InputLayer\", \"config\": "
    "{\"batch_shape\": [null, 7, 5], \"name\": \"in\"}}, " LAYER("Chain", ", \"filters\": 6") ", "
    LAYER("Block", ", \"width\": 6, \"heads\": 2, \"inner\": 4, \"rate\": 0.1") ", " LAYER("Scale", "") ", " LAYER("Glance", ", \"width\": 3") ", "
    "{\"class_name\": \"Dense\", \"config\": {\"name\": \"dense\", \"units\": 2}}]}}";

static const char whole[] = "{\"class_name\": \"Block\", \"registered_name\": \"own>Block\", \"config\": {\"width\": 6, \"heads\": 2, \"inner\": 4, "
                            "\"rate\": 0.1}, \"build_config\": {\"input_shape\": [null, 7, 5]}}";

static bool add_config(struct cuv_evidence *ev, const char *text, size_t size)
{
    cuv_blob *blob = NULL;
    cuv_file *file = NULL;
    if (cuv_blob_copy(ev->cx, text, size, &blob) != CUV_OK)
        return false;
    cuv_source src = {.blob = blob, .data = blob->data, .size = blob->size, .name = "model.json"};
    cuv_status status = cuv_evidence_open_source(ev, &src, "model.json", &file);
    cuv_blob_release(blob);
    return status == CUV_OK;
}

static void rebuild(fuzz *f, const char *text, size_t size)
{
    struct cuv_evidence *ev = NULL;
    if (cuv_evidence_new(f->cx, &ev) == CUV_OK && add_config(ev, text, size)) {
        cuv_file file = {.path = "/nowhere/code.py", .name = "code.py", .source = f->src, .format = CUV_FORMAT_PYTHON};
        cuv_custom customs[CLASSES] = {{0}};
        struct cuv_py *module = NULL;
        if (fuzz_judge(f->cx, cuv_python_parse(ev->arena, &f->src, &module))) {
            for (size_t i = 0; i < CLASSES; i++)
                customs[i] = (cuv_custom){.name = classes[i], .file = &file, .module = module};
            ev->customs = customs;
            ev->custom_count = CLASSES;
            fuzz_structure(f->cx, ev);
            ev->custom_count = 0;
        }
    }
    cuv_evidence_free(ev);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    fuzz f;
    if (fuzz_open(&f, data, size)) {
        f.src.name = "code.py";
        rebuild(&f, config, sizeof config - 1);
        rebuild(&f, whole, sizeof whole - 1);
    }
    fuzz_close(&f);
    return 0;
}
