/* Any bytes as a file of evidence: recognition and every reader, with small limits. */
#include "evidence/evidence.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    cuv_context *cx = NULL;
    struct cuv_evidence *ev = NULL;
    cuv_blob *blob = NULL;
    cuv_file *file = NULL;
    if (cuv_context_new(NULL, &cx) != CUV_OK)
        return 0;
    cuv_limits *limits = cuv_context_limits(cx);
    limits->memory_bytes = 256 << 20;
    limits->items = 1 << 16;
    limits->tensor_bytes = 16 << 20;
    limits->seconds = 5;
    cuv_start_clock(cx);
    if (cuv_evidence_new(cx, &ev) == CUV_OK && cuv_blob_copy(cx, data, size, &blob) == CUV_OK) {
        cuv_source src = {.blob = blob, .data = blob->data, .size = blob->size, .name = "fuzz"};
        if (cuv_evidence_open_source(ev, &src, "fuzz", &file) != CUV_OK && cuv_finding_count(cx) == 0)
            __builtin_trap(); /* every refusal says why */
    }
    cuv_blob_release(blob);
    cuv_evidence_free(ev);
    cuv_context_free(cx);
    return 0;
}

/* What libhdf5 allocates once and keeps is not ours. */
const char *__lsan_default_suppressions(void);
const char *__lsan_default_suppressions(void)
{
    return "leak:libhdf5\n";
}
