/* Any bytes through the public functions: recognised, told about, rebuilt, run on zeros where the model is small. */
#include "fuzz_evidence.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    cuv_context *cx = fuzz_context();
    cuv_evidence *ev = NULL;
    cuv_model *model = NULL;
    char *text = NULL;
    if (cx && cuv_evidence_new(cx, &ev) == CUV_OK && fuzz_judge(cx, cuv_evidence_add_memory(ev, "fuzz", data, size))) {
        cuv_status status = cuv_evidence_report(ev, true, &text);
        fuzz_text(cx, status, text);
        fuzz_structure(cx, ev);
        if (fuzz_judge(cx, cuv_rebuild(ev, &model)))
            fuzz_run(cx, model, 1 << 14);
    }
    cuv_model_free(model);
    cuv_evidence_free(ev);
    text = NULL;
    if (cx && cuv_findings_report(cx, true, false, &text) == CUV_OK)
        cuv_text_free(cx, text);
    cuv_context_free(cx);
    return 0;
}
