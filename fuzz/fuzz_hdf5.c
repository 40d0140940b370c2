/* HDF5 by our own reader. Checksums are not compared in this build, so that changed bytes get through. */
#include "fuzz.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    fuzz f;
    cuv_h5 *root = NULL;
    if (fuzz_open(&f, data, size)) {
        cuv_status status = cuv_h5_parse_own(f.arena, &f.src, &root);
        if (status == CUV_OK)
            fuzz_read_tree(root, 1000);
        else if (status != CUV_UNSUPPORTED) /* libhdf5's turn */
            fuzz_judge(f.cx, status);
    }
    fuzz_close(&f);
    return 0;
}
