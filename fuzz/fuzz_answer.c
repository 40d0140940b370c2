/* What the process in which libhdf5 reads answers: it may have been taken over by the file. The first half is the file, as far as the
 * answer refers to it. */
#include "format/hdf5.h"
#include "fuzz.h"

/* What was understood is packed again, and understood again. */
static void pack_again(fuzz *f, const cuv_source *src, const cuv_h5 *root)
{
    cuv_h5_parcel p = {0};
    cuv_status status = cuv_h5_pack_tree(&p, f->arena, src, root);
    if (status != CUV_OK && status != CUV_MEMORY)
        __builtin_trap();
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    fuzz f;
    cuv_h5 *root = NULL;
    if (fuzz_open(&f, data, size)) {
        cuv_source file = f.src, answer = f.src;
        file.size = size / 2;
        answer.data += file.size;
        answer.size -= file.size;
        if (fuzz_judge(f.cx, cuv_h5_unpack(f.arena, &file, &answer, &root))) {
            fuzz_read_tree(root, 1000);
            pack_again(&f, &file, root);
        }
    }
    fuzz_close(&f);
    return 0;
}
