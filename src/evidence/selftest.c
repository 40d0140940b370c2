/* Reads the self-test that cuvier puts into its exports: {"outputs": who computed them, "x": [...], "y": [...]}, each array as
 * {"shape", "values"}. One that is damaged is named and left aside. */
#include "evidence/read.h"

static bool read_shape(const cuv_value *v, int64_t *shape, int *rank, size_t *count)
{
    if (!cuv_is_seq(v) || v->size > CUV_MAX_RANK)
        return false;
    *rank = (int)v->size;
    for (int i = 0; i < *rank; i++)
        if (!cuv_as_int(v->items[i], &shape[i]) || shape[i] < 0)
            return false;
    return cuv_shape_count(shape, *rank, count);
}

static cuv_status read_array(struct cuv_evidence *ev, const cuv_value *v, const cuv_tensor **out)
{
    const cuv_value *values = cuv_get(v, "values");
    int64_t shape[CUV_MAX_RANK];
    int rank;
    size_t count;
    cuv_tensor *t = NULL;
    void *to = NULL;
    *out = NULL;
    if (!read_shape(cuv_get(v, "shape"), shape, &rank, &count) || !cuv_is_seq(values) || values->size != count)
        return CUV_OK;
    CUV_TRY(cuv_tensor_new(ev->arena, CUV_F32, shape, rank, &t, &to));
    for (size_t i = 0; i < count; i++) {
        double number;
        if (!cuv_as_real(values->items[i], &number))
            return CUV_OK;
        ((float *)to)[i] = (float)number;
    }
    *out = t;
    return CUV_OK;
}

static cuv_status read_list(struct cuv_evidence *ev, cuv_file *file, const cuv_value *list, const char *axis, cuv_named **out,
                            size_t *count)
{
    *count = 0;
    *out = CUV_NEW_ARRAY(ev->arena, cuv_named, cuv_len(list) + 1);
    if (!*out)
        return cuv_oom(ev->cx);
    for (size_t i = 0; i < cuv_len(list); i++) {
        const cuv_tensor *t;
        CUV_TRY(read_array(ev, cuv_item(list, i), &t));
        if (!t)
            return CUV_OK;
        const char *key = cuv_arena_printf(ev->arena, "%s%zu", axis, i);
        if (!key)
            return cuv_oom(ev->cx);
        (*out)[(*count)++] = (cuv_named){.tensor = t, .label = key, .key = key, .file = file};
    }
    return CUV_OK;
}

cuv_status cuv_selftest_read(struct cuv_evidence *ev, cuv_file *file, const char *text, size_t size)
{
    const cuv_source src = {.data = (const uint8_t *)text, .size = size, .name = file->name};
    const size_t mark = cuv_findings_mark(ev->cx);
    cuv_named *inputs = NULL, *outputs = NULL;
    cuv_value *root = NULL;
    cuv_samples *s = CUV_NEW(ev->arena, cuv_samples);
    cuv_status status = s ? cuv_json_parse(ev->arena, &src, &root) : cuv_oom(ev->cx);
    if (status == CUV_OK)
        status = read_list(ev, file, cuv_get(root, "x"), "x", &inputs, &s->input_count);
    if (status == CUV_OK)
        status = read_list(ev, file, cuv_get(root, "y"), "y", &outputs, &s->output_count);
    if (status == CUV_MEMORY || status == CUV_TIMEOUT)
        return status;
    if (status != CUV_OK || !s->input_count || s->input_count != cuv_len(cuv_get(root, "x")) ||
        s->output_count != cuv_len(cuv_get(root, "y"))) {
        cuv_findings_rewind(ev->cx, mark);
        cuv_warn(ev->cx, "selftest.damaged", &(cuv_detail){.file = file->path}, "the self-test in %s cannot be read; it is left aside",
                 file->name);
        return CUV_OK;
    }
    s->file = file;
    s->inputs = inputs;
    s->outputs = outputs;
    s->origin = cuv_get_text(root, "outputs");
    file->selftest = s;
    return CUV_OK;
}
