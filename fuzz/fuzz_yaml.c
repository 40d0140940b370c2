/* YAML configurations of Keras 1 and 2. */
#include "fuzz.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    fuzz f;
    cuv_value *value = NULL;
    if (fuzz_open(&f, data, size) && fuzz_judge(f.cx, cuv_yaml_parse(f.arena, &f.src, &value)))
        fuzz_read_all(value);
    fuzz_close(&f);
    return 0;
}
