/* NumPy's .npy: what is read as an array is written and read back as the same array. */
#include "fuzz.h"

static void write_and_read_back(const fuzz *f, const cuv_tensor *t)
{
    cuv_buffer b;
    cuv_value *again;
    if (t->dtype == CUV_STR || t->dtype == CUV_BF16 || t->dtype == CUV_F8E4M3 || t->dtype == CUV_F8E5M2)
        return; /* written as something else, or not at all */
    cuv_buffer_init(&b, f->cx);
    if (cuv_npy_write(&b, t) == CUV_OK && !b.failed) {
        cuv_blob *blob = NULL;
        if (cuv_blob_copy(f->cx, b.data, b.size, &blob) == CUV_OK) {
            cuv_source src = {.blob = blob, .data = blob->data, .size = blob->size, .name = "again"};
            cuv_status status = cuv_npy_parse(f->arena, &src, &again);
            if (status == CUV_OK) {
                const cuv_tensor *u = again->tensor;
                if (again->kind != CUV_TENSOR || u->dtype != t->dtype || !cuv_shape_equal(u->shape, u->rank, t->shape, t->rank) ||
                    memcmp(u->data, t->data, cuv_tensor_bytes(t)) != 0)
                    __builtin_trap();
            } else if (status != CUV_MEMORY) {
                __builtin_trap();
            }
        }
        cuv_blob_release(blob);
    }
    cuv_buffer_free(&b);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    fuzz f;
    cuv_value *value = NULL;
    if (fuzz_open(&f, data, size) && fuzz_judge(f.cx, cuv_npy_parse(f.arena, &f.src, &value))) {
        fuzz_read_all(value);
        if (value->kind == CUV_TENSOR)
            write_and_read_back(&f, value->tensor);
    }
    fuzz_close(&f);
    return 0;
}
