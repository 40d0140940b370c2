/* For targets that read bytes as evidence: all tensors are read, all dangers told, and the model built as far as it goes. */
#ifndef CUV_FUZZ_EVIDENCE_H
#define CUV_FUZZ_EVIDENCE_H

#include "fuzz.h"
#include "emit/emit.h"

static inline void fuzz_read_file(const cuv_file *file)
{
    for (size_t i = 0; i < file->group_count; i++)
        for (size_t j = 0; j < file->groups[i].count; j++)
            fuzz_read_tensor(file->groups[i].tensors[j].tensor);
    fuzz_read_all(file->config);
}

static inline void fuzz_text(cuv_context *cx, cuv_status status, char *text)
{
    if (fuzz_judge(cx, status) != (text != NULL))
        __builtin_trap();
    cuv_text_free(cx, text);
}

/* Picture and page, without writing a file. */
static inline void fuzz_page(cuv_context *cx, const struct cuv_model *model)
{
    cuv_arena *arena = cuv_arena_new(cx);
    cuv_buffer b;
    cuv_buffer_init(&b, cx);
    if (arena)
        (void)fuzz_judge(cx, cuv_emit_page(model, arena, NULL, NULL, &b));
    cuv_buffer_free(&b);
    cuv_arena_free(arena);
}

/* The structure, and its texts. */
static inline void fuzz_structure(cuv_context *cx, struct cuv_evidence *ev)
{
    char *text = NULL;
    struct cuv_model *model = NULL;
    if (!fuzz_judge(cx, cuv_rebuild_structure(ev, &model))) {
        if (model)
            __builtin_trap();
        return;
    }
    cuv_status status = cuv_model_summary(model, 80, &text);
    fuzz_text(cx, status, text);
    status = cuv_model_rebuild_json(model, NULL, &text);
    fuzz_text(cx, status, text);
    status = cuv_model_stage(model, "program", &text);
    fuzz_text(cx, status, text);
    status = cuv_model_picture(model, true, false, &text);
    fuzz_text(cx, status, text);
    fuzz_page(cx, model);
    cuv_model_free(model);
}

/* Opens the bytes under a path (for the files beside it); NULL when they are refused. */
static inline cuv_file *fuzz_evidence(fuzz *f, struct cuv_evidence **ev, const char *path)
{
    cuv_file *file = NULL;
    *ev = NULL;
    if (!f->arena || cuv_evidence_new(f->cx, ev) != CUV_OK)
        return NULL;
    if (fuzz_judge(f->cx, cuv_evidence_open_source(*ev, &f->src, path, &file)) != (file != NULL))
        __builtin_trap();
    if (file)
        fuzz_read_file(file);
    return file;
}

/* Zeros for all inputs; false where one has text, or more than `most` values. */
static inline bool fuzz_inputs(const cuv_model *model, size_t most, cuv_array *inputs, size_t count)
{
    static const uint8_t zeros[(1 << 14) * 8];
    for (size_t i = 0; i < count; i++) {
        size_t values = 0;
        if (cuv_model_input(model, i, &inputs[i]) != CUV_OK || inputs[i].dtype == CUV_STR)
            return false;
        for (int axis = 0; axis < inputs[i].rank; axis++)
            inputs[i].shape[axis] = inputs[i].shape[axis] < 0 ? 2 : inputs[i].shape[axis];
        if (!cuv_shape_count(inputs[i].shape, inputs[i].rank, &values) || values > most || values > sizeof zeros / 8)
            return false;
        inputs[i].data = zeros;
    }
    return true;
}

/* Predicts on zeros, where no input has more than `most` values. */
static inline void fuzz_run(cuv_context *cx, cuv_model *model, size_t most)
{
    cuv_array inputs[4];
    cuv_result *result = NULL;
    size_t count = cuv_model_input_count(model);
    cuv_run_options options = {.threads = 1};
    if (count <= 4 && fuzz_inputs(model, most, inputs, count) && fuzz_judge(cx, cuv_model_predict(model, inputs, count, &options, &result)))
        for (size_t i = 0; i < cuv_result_count(result); i++)
            fuzz_read(cuv_result_at(result, i)->data, 1);
    cuv_result_free(result);
}

#endif
