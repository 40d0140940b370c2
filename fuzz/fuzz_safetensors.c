/* safetensors. */
#include "fuzz_evidence.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    fuzz f;
    struct cuv_evidence *ev = NULL;
    if (fuzz_open(&f, data, size) && cuv_format_guess(data, size) == CUV_FORMAT_SAFETENSORS)
        fuzz_evidence(&f, &ev, "fuzz.safetensors");
    cuv_evidence_free(ev);
    fuzz_close(&f);
    return 0;
}
