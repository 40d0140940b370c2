/* What of the hostile libhdf5 behaves: loading it, before the process is confined. */
#include <hdf5.h>

#define CUV_EXPORT __attribute__((visibility("default"), used))

CUV_EXPORT herr_t H5get_libversion(unsigned *major, unsigned *minor, unsigned *release)
{
    *major = 1;
    *minor = 10;
    *release = 8;
    return 0;
}

CUV_EXPORT herr_t H5open(void)
{
    return 0;
}

CUV_EXPORT herr_t H5Eget_auto2(hid_t stack, H5E_auto2_t *function, void **data)
{
    (void)stack;
    *function = NULL;
    *data = NULL;
    return 0;
}

CUV_EXPORT herr_t H5Eset_auto2(hid_t stack, H5E_auto2_t function, void *data)
{
    (void)stack;
    (void)function;
    (void)data;
    return 0;
}
