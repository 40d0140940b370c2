/* Caches of packed weights: the sections of a file that is taken for good lie in it, and can be found again. */
#include "fuzz.h"
#include "run/cache.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    fuzz f;
    const cuv_section *sections;
    size_t count;
    if (fuzz_open(&f, data, size) && cuv_cache_parse(f.src.data, size, NULL, &sections, &count) == CUV_CACHE_GOOD) {
        const cuv_mill *mill = cuv_mill_best();
        for (size_t i = 0; i < count; i++) {
            const uint8_t *floats = f.src.data + sections[i].offset;
            if ((uintptr_t)floats % 64 || strlen(sections[i].layout) >= sizeof sections[i].layout)
                __builtin_trap();
            if (sections[i].floats < 1 << 16)       /* many may lie in the same place */
                (void)mill->sum(floats, (size_t)sections[i].floats * sizeof(float));
            else if (sections[i].floats)
                (void)mill->sum(floats + (sections[i].floats - 1) * sizeof(float), sizeof(float));
        }
    }
    fuzz_close(&f);
    return 0;
}
