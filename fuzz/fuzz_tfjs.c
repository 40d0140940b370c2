/* TensorFlow.js's model.json beside one file of values, "weights.bin" of 4096 bytes, which is really there. */
#include "fuzz_evidence.h"

#include <sys/stat.h>
#include <unistd.h>

static char folder[] = "/tmp/cuvier-fuzz-XXXXXX", model[64], values[64];

static void clean_up(void)
{
    unlink(values);
    rmdir(folder);
}

int LLVMFuzzerInitialize(int *argc, char ***argv);
int LLVMFuzzerInitialize(int *argc, char ***argv)
{
    (void)argc;
    (void)argv;
    if (!mkdtemp(folder))
        abort();
    snprintf(model, sizeof model, "%s/model.json", folder);
    snprintf(values, sizeof values, "%s/weights.bin", folder);
    FILE *file = fopen(values, "wb");
    for (int i = 0; file && i < 4096; i++)
        fputc(i * 37 % 251, file);
    if (!file || fclose(file))
        abort();
    atexit(clean_up);
    return 0;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    fuzz f;
    struct cuv_evidence *ev = NULL;
    if (fuzz_open(&f, data, size) && cuv_format_guess(data, size) == CUV_FORMAT_JSON && fuzz_evidence(&f, &ev, model))
        fuzz_structure(f.cx, ev);
    cuv_evidence_free(ev);
    fuzz_close(&f);
    return 0;
}
