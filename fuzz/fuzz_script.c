/* Python text as Keras code: the parser, the evaluator and the model that comes of it, beside a few files that code may name. */
#include "fuzz_evidence.h"

#include "format/python.h"

static const char config[] =
    "{\"class_name\": \"Sequential\", \"config\": {\"name\": \"net\", \"layers\": [{\"class_name\": \"InputLayer\", \"config\": "
    "{\"batch_shape\": [null, 4], \"name\": \"in\"}}, {\"class_name\": \"Dense\", \"config\": {\"name\": \"dense\", \"units\": 4}}]}}";

static bool add(struct cuv_evidence *ev, const char *name, const void *data, size_t size)
{
    cuv_blob *blob = NULL;
    cuv_file *file = NULL;
    if (cuv_blob_copy(ev->cx, data, size, &blob) != CUV_OK)
        return false;
    cuv_source src = {.blob = blob, .data = blob->data, .size = size, .name = name};
    cuv_status status = cuv_evidence_open_source(ev, &src, name, &file);
    cuv_blob_release(blob);
    return status == CUV_OK;
}

/* Two kernels or two biases that NumPy made one array of. */
static bool add_array(struct cuv_evidence *ev, const char *name, int rank)
{
    static const int64_t shape[3] = {2, 4, 4};
    cuv_tensor *t = NULL;
    cuv_buffer b;
    if (cuv_tensor_new(ev->arena, CUV_F32, shape, rank, &t, NULL) != CUV_OK)
        return false;
    cuv_buffer_init(&b, ev->cx);
    bool done = cuv_npy_write(&b, t) == CUV_OK && add(ev, name, b.data, b.size);
    cuv_buffer_free(&b);
    return done;
}

static bool add_files(struct cuv_evidence *ev)
{
    return add_array(ev, "weights.npy", 3) && add_array(ev, "biases.npy", 2) && add(ev, "model_config.json", config, sizeof config - 1);
}

static void read_script(const struct cuv_evidence *ev, const cuv_script *script)
{
    fuzz_read_all(script->config);
    for (size_t i = 0; i < script->assignment_count; i++) {
        const cuv_assignment *a = &script->assignments[i];
        fuzz_read(a->where, strlen(a->where));
        for (size_t k = 0; k < a->count; k++) {
            fuzz_read_tensor(a->tensors[k]);
            if (!cuv_evidence_name_of(ev, a->tensors[k]))
                __builtin_trap();
        }
    }
    for (size_t i = 0; i < script->skipped_count; i++)
        fuzz_read(script->skipped[i], strlen(script->skipped[i]));
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    fuzz f;
    struct cuv_evidence *ev = NULL;
    bool ready = fuzz_open(&f, data, size) && cuv_evidence_new(f.cx, &ev) == CUV_OK && add_files(ev);
    if (ready) {
        f.src.name = "code.py";
        cuv_file file = {.path = "/nowhere/code.py", .name = "code.py", .source = f.src, .format = CUV_FORMAT_PYTHON};
        if (fuzz_judge(f.cx, cuv_read_script(ev, &file))) {
            read_script(ev, file.script);
            if (cuv_format_guess(data, size) == CUV_FORMAT_PYTHON && add(ev, "/nowhere/code.py", data, size))
                fuzz_structure(f.cx, ev);
        }
    }
    cuv_evidence_free(ev);
    fuzz_close(&f);
    return 0;
}
