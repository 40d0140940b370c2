/* HDF5's types and raw elements to dtypes, values and tensors, for both readers. Knows neither messages nor libhdf5. */
#include "format/hdf5.h"

/* The floating-point forms that are dtypes of ours: IEEE 754, bfloat16, and the two 8-bit forms of OCP. */
static const struct { cuv_h5_float_form form; cuv_dtype dtype; } float_forms[] = {
    {{8, 63, 52, 11, 0, 52, 1023}, CUV_F64},  {{4, 31, 23, 8, 0, 23, 127}, CUV_F32},  {{2, 15, 10, 5, 0, 10, 15}, CUV_F16},
    {{2, 15, 7, 8, 0, 7, 127}, CUV_BF16},     {{1, 7, 3, 4, 0, 3, 7}, CUV_F8E4M3},    {{1, 7, 2, 5, 0, 2, 15}, CUV_F8E5M2},
};

void cuv_h5_foreign_type(cuv_h5_type *type, int class_number)
{
    static const char *const names[] = {
        "integers of a width no array has", "floats of a form no array has", "times", "text of a form no array has",
        "bit fields", "opaque bytes", "compound records", "references", "an enumeration", "sequences of varying length",
        "arrays as elements"};
    type->kind = CUV_H5_FOREIGN;
    type->what = class_number >= 0 && class_number < (int)(sizeof names / sizeof *names) ? names[class_number]
                                                                                        : "elements of a newer class";
}

void cuv_h5_integer_type(cuv_h5_type *type, size_t size, bool is_signed, bool whole, bool big_endian)
{
    static const cuv_dtype dtypes[4][2] = {{CUV_U8, CUV_I8}, {CUV_U16, CUV_I16}, {CUV_U32, CUV_I32}, {CUV_U64, CUV_I64}};
    int row = size == 1 ? 0 : size == 2 ? 1 : size == 4 ? 2 : size == 8 ? 3 : -1;
    type->size = size;
    type->big_endian = big_endian && size > 1;
    if (row < 0 || !whole) {
        cuv_h5_foreign_type(type, CUV_H5_CLASS_INTEGER);
        return;
    }
    type->kind = CUV_H5_NUMBER;
    type->dtype = dtypes[row][is_signed];
}

void cuv_h5_float_type(cuv_h5_type *type, const cuv_h5_float_form *form, bool big_endian)
{
    type->size = form->size;
    type->big_endian = big_endian && form->size > 1;
    for (size_t i = 0; i < sizeof float_forms / sizeof *float_forms; i++) {
        const cuv_h5_float_form *known = &float_forms[i].form;
        if (known->size == form->size && known->sign == form->sign && known->exponent == form->exponent &&
            known->exponent_bits == form->exponent_bits && known->mantissa == form->mantissa &&
            known->mantissa_bits == form->mantissa_bits && known->bias == form->bias) {
            type->kind = CUV_H5_NUMBER;
            type->dtype = float_forms[i].dtype;
            return;
        }
    }
    cuv_h5_foreign_type(type, CUV_H5_CLASS_FLOAT);
}

cuv_status cuv_h5_bytes(const cuv_h5_job *job, const cuv_h5_frame *at, const cuv_h5_type *type, const cuv_h5_space *space,
                        size_t *out)
{
    if (cuv_mul_size(space->count, type->size, out) && *out <= INT64_MAX)
        return CUV_OK;
    *out = 0;
    return cuv_h5_fail(job, CUV_UNSAFE, "hdf5.size", at, "it declares more bytes than any memory has");
}

size_t cuv_h5_text_size(const cuv_h5_type *type, const uint8_t *text)
{
    size_t size = type->size;
    if (type->padding == 0) {
        const uint8_t *end = memchr(text, 0, size);
        return end ? (size_t)(end - text) : size;
    }
    uint8_t filler = type->padding == 2 ? ' ' : 0;
    while (size > 0 && text[size - 1] == filler)
        size--;
    return size;
}

cuv_value *cuv_h5_text_value(cuv_arena *arena, const char *text, size_t size)
{
    return cuv_utf8_valid(text, size) ? cuv_value_text_n(arena, text, size) : cuv_value_bytes(arena, text, size);
}

/* Copies elements into native (little-endian) order. */
static void copy_native(void *to, const cuv_h5_type *type, const uint8_t *data, size_t count)
{
    if (!type->big_endian) {
        memcpy(to, data, count * type->size);
        return;
    }
    uint8_t *p = to;
    for (size_t i = 0; i < count; i++, p += type->size, data += type->size)
        for (size_t j = 0; j < type->size; j++)
            p[j] = data[type->size - 1 - j];
}

static cuv_value *number_value(cuv_arena *arena, const cuv_h5_type *type, const uint8_t *data)
{
    uint8_t bytes[8] = {0};
    copy_native(bytes, type, data, 1);
    if (type->dtype == CUV_BOOL)
        return cuv_value_bool(arena, bytes[0] != 0);
    if (cuv_dtype_is_float(type->dtype)) {
        double real;
        cuv_convert_to_f64(&real, bytes, type->dtype, 1);
        return cuv_value_real(arena, real);
    }
    int64_t integer;
    if (type->dtype == CUV_U64) {
        uint64_t large;
        memcpy(&large, bytes, sizeof large);
        if (large > INT64_MAX)
            return cuv_value_real(arena, (double)large);
    }
    cuv_convert(&integer, CUV_I64, bytes, type->dtype, 1);
    return cuv_value_int(arena, integer);
}

static cuv_status numbers_value(cuv_h5_job *job, const cuv_h5_type *type, const cuv_h5_space *space, const uint8_t *data,
                                cuv_value **out)
{
    cuv_tensor *t;
    void *values;
    CUV_TRY(cuv_tensor_new(job->arena, type->dtype, space->shape, space->rank, &t, &values));
    copy_native(values, type, data, space->count);
    *out = cuv_value_tensor(job->arena, t);
    return *out ? CUV_OK : cuv_oom(job->cx);
}

static cuv_status texts_value(cuv_h5_job *job, const cuv_h5_type *type, const cuv_h5_space *space, const uint8_t *data,
                              cuv_value **out)
{
    cuv_value *list = cuv_value_list(job->arena);
    for (size_t i = 0; i < space->count; i++, data += type->size) {
        CUV_TRY(cuv_h5_spend(job, 16 + (uint64_t)type->size));
        CUV_TRY(cuv_list_add(job->arena, list,
                             cuv_h5_text_value(job->arena, (const char *)data, cuv_h5_text_size(type, data))));
    }
    *out = list;
    return list ? CUV_OK : cuv_oom(job->cx);
}

cuv_status cuv_h5_value(cuv_h5_job *job, const cuv_h5_type *type, const cuv_h5_space *space, const uint8_t *data,
                        cuv_value **out)
{
    bool number = type->kind == CUV_H5_NUMBER, text = type->kind == CUV_H5_FIXED_TEXT;
    *out = NULL;
    if (!space->null && space->count == 0)
        *out = cuv_value_list(job->arena);
    else if (space->null || (!number && !text) || (number && space->rank > CUV_MAX_RANK))
        *out = cuv_value_null(job->arena);
    else if (number && space->rank == 0)
        *out = number_value(job->arena, type, data);
    else if (number)
        return numbers_value(job, type, space, data, out);
    else if (space->rank > 0)
        return texts_value(job, type, space, data, out);
    else
        *out = cuv_h5_text_value(job->arena, (const char *)data, cuv_h5_text_size(type, data));
    return *out ? CUV_OK : cuv_oom(job->cx);
}

/* Keras 3 writes the name of an opaque data set's dtype beside it; tf.keras 2 does not. */
void cuv_h5_settle_opaque(const cuv_h5 *node, cuv_h5_type *type, bool *guessed)
{
    const char *name = cuv_get_text(node->attributes, "dtype");
    cuv_dtype dtype;
    *guessed = false;
    if (type->kind != CUV_H5_OPAQUE)
        return;
    if (name && cuv_dtype_parse(name, &dtype) && dtype != CUV_STR && cuv_dtype_size(dtype) == type->size) {
        type->kind = CUV_H5_NUMBER;
        type->dtype = dtype;
    } else if (type->size == 2) {
        type->kind = CUV_H5_NUMBER;
        type->dtype = CUV_BF16;
        *guessed = true;
    } else {
        cuv_h5_foreign_type(type, CUV_H5_CLASS_OPAQUE);
    }
}

bool cuv_h5_note_foreign(cuv_h5 *node, const cuv_h5_type *type, const cuv_h5_space *space)
{
    if (type->kind == CUV_H5_FOREIGN)
        node->unsupported = type->what;
    else if (space->null)
        node->unsupported = "no values at all (a null data space)";
    else if (space->rank > CUV_MAX_RANK)
        node->unsupported = "more than 8 axes";
    return node->unsupported != NULL;
}

cuv_status cuv_h5_new_strings(cuv_h5_job *job, cuv_h5 *node, const cuv_h5_space *space, cuv_string **out)
{
    cuv_tensor *t;
    void *values;
    *out = NULL;
    if (space->count > UINT64_MAX / 16)
        return cuv_oom(job->cx);
    CUV_TRY(cuv_h5_spend(job, 16 * (uint64_t)space->count));
    CUV_TRY(cuv_tensor_new(job->arena, CUV_STR, space->shape, space->rank, &t, &values));
    node->tensor = t;
    *out = values;
    return CUV_OK;
}

static cuv_status set_texts(cuv_h5_job *job, cuv_h5 *node, const cuv_h5_type *type, const cuv_h5_space *space,
                            const uint8_t *data)
{
    cuv_string *strings;
    CUV_TRY(cuv_h5_new_strings(job, node, space, &strings));
    for (size_t i = 0; i < space->count; i++, data += type->size) {
        CUV_TRY(cuv_h5_spend(job, type->size));
        size_t size = cuv_h5_text_size(type, data);
        strings[i] = (cuv_string){cuv_arena_strndup(job->arena, (const char *)data, size), size};
        if (!strings[i].data)
            return cuv_oom(job->cx);
    }
    return CUV_OK;
}

cuv_status cuv_h5_set_tensor(cuv_h5_job *job, const cuv_h5_frame *at, cuv_h5 *node, const cuv_h5_type *given,
                             const cuv_h5_space *space, const uint8_t *data, bool viewed)
{
    cuv_h5_type type = *given;
    bool guessed;
    size_t bytes;
    cuv_tensor *t;
    cuv_h5_settle_opaque(node, &type, &guessed);
    if (cuv_h5_note_foreign(node, &type, space))
        return CUV_OK;
    if (type.kind == CUV_H5_FIXED_TEXT)
        return set_texts(job, node, &type, space, data);
    CUV_TRY(cuv_h5_bytes(job, at, &type, space, &bytes));
    if (viewed && !type.big_endian) {
        CUV_TRY(cuv_tensor_view(job->arena, job->src->blob, data, type.dtype, space->shape, space->rank, &t));
        t->offset = job->src->offset + (uint64_t)(data - job->src->data);
    } else {
        void *values;
        CUV_TRY(cuv_tensor_new(job->arena, type.dtype, space->shape, space->rank, &t, &values));
        if (bytes > 0)
            copy_native(values, &type, data, space->count);
    }
    t->guessed_dtype = guessed;
    node->tensor = t;
    return CUV_OK;
}
