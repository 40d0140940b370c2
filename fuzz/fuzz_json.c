/* JSON: what is read is written and read back as the same values. */
#include "fuzz.h"

static void write_and_read_back(const fuzz *f, const cuv_value *value)
{
    cuv_buffer b, c;
    cuv_value *again;
    cuv_buffer_init(&b, f->cx);
    cuv_buffer_init(&c, f->cx);
    cuv_json_write(&b, value, 0);
    if (!b.failed) {
        cuv_source src = {.data = (const uint8_t *)b.data, .size = b.size, .name = "again"};
        cuv_status status = cuv_json_parse(f->arena, &src, &again);
        if (status == CUV_OK) {
            cuv_json_write(&c, again, 0);
            if (!c.failed && (c.size != b.size || memcmp(b.data, c.data, b.size) != 0))
                __builtin_trap();
        } else if (status != CUV_MEMORY && status != CUV_TIMEOUT) {
            __builtin_trap();
        }
    }
    cuv_buffer_free(&b);
    cuv_buffer_free(&c);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    fuzz f;
    cuv_value *value = NULL;
    if (fuzz_open(&f, data, size) && fuzz_judge(f.cx, cuv_json_parse(f.arena, &f.src, &value))) {
        fuzz_read_all(value);
        write_and_read_back(&f, value);
    }
    fuzz_close(&f);
    return 0;
}
