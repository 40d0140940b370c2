/* A configuration in JSON: layers, wiring, shapes and the program that comes of them. */
#include "fuzz_evidence.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    fuzz f;
    struct cuv_evidence *ev = NULL;
    cuv_value *root = NULL;
    if (fuzz_open(&f, data, size) && cuv_json_parse(f.arena, &f.src, &root) == CUV_OK && fuzz_evidence(&f, &ev, "fuzz.json"))
        fuzz_structure(f.cx, ev);
    cuv_evidence_free(ev);
    fuzz_close(&f);
    return 0;
}
