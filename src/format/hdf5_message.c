/* Data spaces and datatypes in HDF5's object headers (specification IV.A.2.b, IV.A.2.d). A class that is well formed but none
 * of ours becomes FOREIGN, not an error. */
#include "format/hdf5.h"

static cuv_status damaged(const cuv_h5_file *file, const cuv_h5_frame *at, const char *what)
{
    return cuv_h5_fail(&file->job, CUV_DAMAGED, "hdf5.message", at, "its %s makes no sense", what);
}

static cuv_status read_shape(cuv_h5_file *file, const cuv_h5_frame *at, cuv_cursor *c, cuv_h5_space *out)
{
    bool empty = false, fits = true;
    for (int i = 0; i < out->rank; i++) {
        uint64_t size = cuv_h5_read_length(file, c);
        if (c->failed || size > INT64_MAX)
            return damaged(file, at, "shape");
        empty = empty || size == 0;
        fits = fits && cuv_mul_size(out->count, (size_t)size, &out->count);
        if (i < CUV_MAX_RANK)
            out->shape[i] = (int64_t)size;
    }
    if (empty)
        out->count = 0;
    else if (!fits)
        return cuv_h5_fail(&file->job, CUV_UNSAFE, "hdf5.size", at, "its shape has more elements than any memory");
    return CUV_OK;
}

cuv_status cuv_h5_parse_space(cuv_h5_file *file, const cuv_h5_frame *at, cuv_h5_slice m, cuv_h5_space *out)
{
    cuv_cursor c = cuv_cursor_at(m.data, m.size, 0);
    uint8_t version = cuv_read_u8(&c), rank = cuv_read_u8(&c);
    cuv_read_u8(&c);
    uint8_t kind = cuv_read_u8(&c);
    cuv_skip(&c, version == 1 ? 4 : 0);
    *out = (cuv_h5_space){.rank = rank, .count = 1};
    if (c.failed || version < 1 || rank > 32)
        return damaged(file, at, "data space");
    if (version > 2)
        return cuv_h5_beyond(&file->job, at, "a data space of a later version");
    if (version == 2 && kind == 2) {
        *out = (cuv_h5_space){.null = true};
        return CUV_OK;
    }
    return read_shape(file, at, &c, out);
}

/* Classes 0 and 1. bits: the class bit field, whose low bit is the byte order. */
static void parse_integer(cuv_cursor *c, uint32_t bits, size_t size, cuv_h5_type *out)
{
    unsigned offset = cuv_read_u16(c), precision = cuv_read_u16(c);
    cuv_h5_integer_type(out, size, bits & 8, offset == 0 && precision == 8 * size, bits & 1);
}

static void parse_float(cuv_cursor *c, uint32_t bits, size_t size, cuv_h5_type *out)
{
    cuv_h5_float_form form = {.size = size > 16 ? 0 : (unsigned)size, .sign = bits >> 8 & 0xFF};
    bool vax = bits & 0x40, implied = (bits >> 4 & 3) == 2;
    unsigned offset = cuv_read_u16(c), precision = cuv_read_u16(c);
    form.exponent = cuv_read_u8(c);
    form.exponent_bits = cuv_read_u8(c);
    form.mantissa = cuv_read_u8(c);
    form.mantissa_bits = cuv_read_u8(c);
    form.bias = cuv_read_u32(c);
    cuv_h5_float_type(out, &form, bits & 1);
    if (vax || !implied || offset != 0 || precision != 8 * size)
        cuv_h5_foreign_type(out, CUV_H5_CLASS_FLOAT);
    out->size = size;
}

/* Class 8. h5py writes a bool as an enumeration of one byte with FALSE = 0 and TRUE = 1. Names are padded to multiples of
 * eight before version 3; the two of a bool are followed by the values. */
static void parse_enum(cuv_cursor *c, unsigned version, uint32_t bits, size_t size, cuv_h5_type *out)
{
    static const char padded[] = "FALSE\0\0\0TRUE\0\0\0\0\0", packed[] = "FALSE\0TRUE\0";
    uint8_t base = cuv_read_u8(c);
    cuv_skip(c, 11);
    const uint8_t *names = version < 3 ? cuv_read_bytes(c, 16) : cuv_read_bytes(c, 11);
    bool named = names && (version < 3 ? memcmp(names, padded, 16) == 0 : memcmp(names, packed, 11) == 0);
    uint8_t off = cuv_read_u8(c), on = cuv_read_u8(c);
    out->size = size;
    if (named && (bits & 0xFFFF) == 2 && size == 1 && (base & 0x0F) == 0 && off == 0 && on == 1 && !c->failed) {
        out->kind = CUV_H5_NUMBER;
        out->dtype = CUV_BOOL;
    } else {
        cuv_h5_foreign_type(out, CUV_H5_CLASS_ENUM);
        c->failed = false;
    }
}

cuv_status cuv_h5_parse_type(cuv_h5_file *file, const cuv_h5_frame *at, cuv_h5_slice m, cuv_h5_type *out)
{
    cuv_cursor c = cuv_cursor_at(m.data, m.size, 0);
    uint8_t head = cuv_read_u8(&c);
    unsigned version = head >> 4, class = head & 0x0F;
    uint32_t bits = (uint32_t)cuv_read_uint(&c, 3);
    size_t size = cuv_read_u32(&c);
    *out = (cuv_h5_type){.size = size};
    if (c.failed || version < 1 || size == 0 || class > 10)
        return version > 3 ? cuv_h5_beyond(&file->job, at, "a datatype of a later version") : damaged(file, at, "datatype");
    if (version > 3)
        return cuv_h5_beyond(&file->job, at, "a datatype of a later version");
    switch (class) {
    case CUV_H5_CLASS_INTEGER: parse_integer(&c, bits, size, out); break;
    case CUV_H5_CLASS_FLOAT: parse_float(&c, bits, size, out); break;
    case CUV_H5_CLASS_ENUM: parse_enum(&c, version, bits, size, out); break;
    case CUV_H5_CLASS_OPAQUE: out->kind = CUV_H5_OPAQUE; break;
    case CUV_H5_CLASS_STRING:
        out->kind = CUV_H5_FIXED_TEXT;
        out->padding = bits & 0x0F;
        if (out->padding > 2)
            return damaged(file, at, "datatype");
        break;
    case CUV_H5_CLASS_VLEN:
        out->kind = CUV_H5_VLEN_TEXT;
        if ((bits & 0x0F) != 1)
            cuv_h5_foreign_type(out, CUV_H5_CLASS_VLEN);
        else if (size != 8 + (size_t)file->offset_bytes)
            return damaged(file, at, "datatype");
        break;
    default: cuv_h5_foreign_type(out, (int)class); break;
    }
    return c.failed ? damaged(file, at, "datatype") : CUV_OK;
}
