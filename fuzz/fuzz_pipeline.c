/* Any bytes through the public functions: recognised, told about, rebuilt, run on zeros where the model is small. */
#include "fuzz_evidence.h"

enum { MOST_VALUES = 1 << 14 };

static bool inputs_of(const cuv_model *model, cuv_array *inputs, size_t count)
{
    static const uint8_t zeros[MOST_VALUES * 8];
    for (size_t i = 0; i < count; i++) {
        size_t values = 0;
        if (cuv_model_input(model, i, &inputs[i]) != CUV_OK || inputs[i].dtype == CUV_STR)
            return false;
        for (int axis = 0; axis < inputs[i].rank; axis++)
            inputs[i].shape[axis] = inputs[i].shape[axis] < 0 ? 2 : inputs[i].shape[axis];
        if (!cuv_shape_count(inputs[i].shape, inputs[i].rank, &values) || values > MOST_VALUES)
            return false;
        inputs[i].data = zeros;
    }
    return true;
}

static void run_model(cuv_context *cx, cuv_model *model)
{
    cuv_array inputs[4];
    cuv_result *result = NULL;
    size_t count = cuv_model_input_count(model);
    cuv_run_options options = {.threads = 1};
    if (count > 4 || !inputs_of(model, inputs, count))
        return;
    if (fuzz_judge(cx, cuv_model_predict(model, inputs, count, &options, &result)))
        for (size_t i = 0; i < cuv_result_count(result); i++)
            fuzz_read(cuv_result_at(result, i)->data, 1);
    cuv_result_free(result);
}

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
            run_model(cx, model);
    }
    cuv_model_free(model);
    cuv_evidence_free(ev);
    text = NULL;
    if (cx && cuv_findings_report(cx, true, false, &text) == CUV_OK)
        cuv_text_free(cx, text);
    cuv_context_free(cx);
    return 0;
}
