/* The table of element types: names as Keras and NumPy spell them, and sizes. */
#include "base/base.h"

static const struct {
    const char *name;
    size_t size;
    bool is_float;
} dtypes[] = {
    [CUV_BOOL] = {"bool", 1, false},
    [CUV_I8] = {"int8", 1, false},
    [CUV_U8] = {"uint8", 1, false},
    [CUV_I16] = {"int16", 2, false},
    [CUV_U16] = {"uint16", 2, false},
    [CUV_I32] = {"int32", 4, false},
    [CUV_U32] = {"uint32", 4, false},
    [CUV_I64] = {"int64", 8, false},
    [CUV_U64] = {"uint64", 8, false},
    [CUV_F16] = {"float16", 2, true},
    [CUV_BF16] = {"bfloat16", 2, true},
    [CUV_F32] = {"float32", 4, true},
    [CUV_F64] = {"float64", 8, true},
    [CUV_F8E4M3] = {"float8_e4m3fn", 1, true},
    [CUV_F8E5M2] = {"float8_e5m2", 1, true},
    [CUV_STR] = {"string", sizeof(cuv_string), false},
};

enum { DTYPE_COUNT = sizeof dtypes / sizeof *dtypes };

const char *cuv_dtype_name(cuv_dtype dtype)
{
    return (unsigned)dtype < DTYPE_COUNT ? dtypes[dtype].name : "unknown";
}

size_t cuv_dtype_size(cuv_dtype dtype)
{
    return (unsigned)dtype < DTYPE_COUNT ? dtypes[dtype].size : 0;
}

bool cuv_dtype_is_float(cuv_dtype dtype)
{
    return (unsigned)dtype < DTYPE_COUNT && dtypes[dtype].is_float;
}

bool cuv_dtype_is_integer(cuv_dtype dtype)
{
    return dtype > CUV_BOOL && dtype <= CUV_U64;
}

bool cuv_dtype_is_signed(cuv_dtype dtype)
{
    return dtype == CUV_I8 || dtype == CUV_I16 || dtype == CUV_I32 || dtype == CUV_I64;
}

bool cuv_dtype_is_computed(cuv_dtype dtype)
{
    return dtype != CUV_STR && dtype != CUV_F8E4M3 && dtype != CUV_F8E5M2;
}

cuv_dtype cuv_dtype_kept(cuv_dtype dtype)
{
    switch (dtype) {
    case CUV_F16: case CUV_BF16: return CUV_F32;
    case CUV_I8: case CUV_U8: case CUV_I16: case CUV_U16: return CUV_I32;
    case CUV_U32: case CUV_U64: return CUV_I64;
    case CUV_BOOL: case CUV_I32: case CUV_I64: case CUV_F32: case CUV_F64: case CUV_F8E4M3: case CUV_F8E5M2: case CUV_STR: break;
    }
    return dtype;
}

bool cuv_dtype_parse(const char *name, cuv_dtype *out)
{
    for (int i = 0; i < DTYPE_COUNT; i++) {
        if (cuv_streq(name, dtypes[i].name)) {
            *out = (cuv_dtype)i;
            return true;
        }
    }
    return false;
}
