/* HDF5 by our own reader. Checksums are not compared in this build, so that changed bytes get through. */
#include "fuzz.h"

static void read_tree(const cuv_h5 *node, unsigned depth)
{
    if (!depth)
        __builtin_trap();
    fuzz_read(node->name, strlen(node->name) + 1);
    fuzz_read_all(node->attributes);
    fuzz_read_tensor(node->tensor);
    for (size_t i = 0; i < node->child_count; i++) {
        if (cuv_h5_child(node, node->children[i]->name) != node->children[i])
            __builtin_trap(); /* names are unique and in order */
        read_tree(node->children[i], depth - 1);
    }
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    fuzz f;
    cuv_h5 *root = NULL;
    if (fuzz_open(&f, data, size)) {
        cuv_status status = cuv_h5_parse_own(f.arena, &f.src, &root);
        if (status == CUV_OK)
            read_tree(root, 1000);
        else if (status != CUV_UNSUPPORTED) /* libhdf5's turn */
            fuzz_judge(f.cx, status);
    }
    fuzz_close(&f);
    return 0;
}
