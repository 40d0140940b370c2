/* Any bytes as a TensorFlow checkpoint: the first two say how many of the others are the index, the rest are values; then the same bytes
 * as a SavedModel. */
#include "evidence/checkpoint.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static cuv_status try_all(struct cuv_evidence *ev, cuv_blob *blob, size_t index)
{
    cuv_file *values = NULL, *file = NULL, *model = NULL;
    bool known;
    CUV_TRY(cuv_file_new(ev, "fuzz.data-00000-of-00001", &values));
    CUV_TRY(cuv_file_new(ev, "fuzz.index", &file));
    CUV_TRY(cuv_file_new(ev, "fuzz.pb", &model));
    values->source = (cuv_source){.blob = blob, .data = blob->data + index, .size = blob->size - index, .name = "fuzz"};
    ev->files = &values;
    ev->file_count = 1;
    cuv_source src = {.blob = blob, .data = blob->data, .size = index, .name = "fuzz.index"};
    cuv_status status = cuv_read_checkpoint(ev, file, &src, NULL);
    if (status != CUV_OK && cuv_finding_count(ev->cx) == 0)
        __builtin_trap(); /* every refusal says why */
    model->source = (cuv_source){.blob = blob, .data = blob->data, .size = blob->size, .name = "fuzz.pb"};
    return cuv_read_saved_model(ev, model, &known);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    cuv_context *cx = NULL;
    struct cuv_evidence *ev = NULL;
    cuv_blob *blob = NULL;
    if (size < 2 || cuv_context_new(NULL, &cx) != CUV_OK)
        return 0;
    cuv_limits *limits = cuv_context_limits(cx);
    limits->memory_bytes = 256 << 20;
    limits->items = 1 << 16;
    limits->tensor_bytes = 16 << 20;
    limits->seconds = 5;
    cuv_start_clock(cx);
    size_t index = (size_t)data[0] | (size_t)data[1] << 8;
    index = index > size - 2 ? size - 2 : index;
    if (cuv_evidence_new(cx, &ev) == CUV_OK && cuv_blob_copy(cx, data + 2, size - 2, &blob) == CUV_OK)
        (void)try_all(ev, blob, index);
    cuv_evidence_free(ev);
    cuv_blob_release(blob);
    cuv_context_free(cx);
    return 0;
}
