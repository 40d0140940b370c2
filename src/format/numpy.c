/* NumPy's types, arrays and scalars: what a type string means, and bytes to tensors.
 * Containers of arrays are in npy.c and pickle.c. Structured, complex and date types are not read. */
#include "format/numpy.h"
#include "format/utf8.h"

enum { FREE_BYTES = 1 << 20 /* below this no ratio is held against anybody */ };

/* ---- types ---- */

static const struct {
    char kind;
    size_t size;
    cuv_dtype dtype;
} numbers[] = {
    {'b', 1, CUV_BOOL}, {'?', 1, CUV_BOOL}, {'i', 1, CUV_I8},  {'i', 2, CUV_I16}, {'i', 4, CUV_I32}, {'i', 8, CUV_I64},
    {'u', 1, CUV_U8},   {'u', 2, CUV_U16},  {'u', 4, CUV_U32}, {'u', 8, CUV_U64}, {'f', 2, CUV_F16}, {'f', 4, CUV_F32},
    {'f', 8, CUV_F64},  {'V', 1, CUV_U8},   {'V', 2, CUV_BF16},
};

static const struct {
    const char *name;
    size_t size;
    cuv_dtype dtype;
    char kind;
    bool low_nibble;
} ml_types[] = {
    {"bfloat16", 2, CUV_BF16, 'f', false},      {"float8_e4m3fn", 1, CUV_F8E4M3, 'f', false},
    {"float8_e5m2", 1, CUV_F8E5M2, 'f', false}, {"int4", 1, CUV_I8, 'i', true},
    {"uint4", 1, CUV_U8, 'u', false},
};

/* What NumPy calls a type that is not read, for the message. */
static const char *kind_name(char kind)
{
    switch (kind) {
    case 'c': return "complex numbers";
    case 'M': return "dates";
    case 'm': return "time spans";
    case 'V': return "records";
    case 'f': return "long doubles";
    default: return "elements of an unknown type";
    }
}

static cuv_status unsupported(cuv_context *cx, const cuv_source *src, const char *text, size_t size, char kind)
{
    cuv_buffer quoted;
    cuv_buffer_init(&quoted, cx);
    cuv_buffer_safe(&quoted, text, size < 64 ? size : 64);
    cuv_detail detail = {.file = src->name, .found = quoted.failed ? NULL : quoted.data,
                         .help = "convert the array with numpy's astype() to a float or integer type"};
    cuv_status status = cuv_fail(cx, CUV_UNSUPPORTED, "npy.dtype", &detail,
                                 "the array holds %s (type %s), which no layer has as weights", kind_name(kind),
                                 quoted.failed ? "" : quoted.data);
    cuv_buffer_free(&quoted);
    return status;
}

static bool is_big_endian_host(void)
{
    return __BYTE_ORDER__ == __ORDER_BIG_ENDIAN__;
}

bool cuv_numpy_type_order(cuv_numpy_type *type, char order)
{
    if (order != '<' && order != '>' && order != '=' && order != '|')
        return false;
    bool foreign = order == (is_big_endian_host() ? '<' : '>');
    bool ordered = type->kind == 'U' || (type->kind != 'S' && type->kind != 'O' && type->size > 1);
    type->swap = foreign && ordered;
    return true;
}

static bool find_number(char kind, size_t size, cuv_numpy_type *out)
{
    for (size_t i = 0; i < sizeof numbers / sizeof *numbers; i++) {
        if (numbers[i].kind != kind || numbers[i].size != size)
            continue;
        *out = (cuv_numpy_type){.kind = kind == '?' ? 'b' : kind, .size = size, .dtype = numbers[i].dtype};
        out->guessed = kind == 'V';
        if (kind == 'V')
            out->kind = size == 2 ? 'f' : 'u';
        return true;
    }
    return false;
}

cuv_status cuv_numpy_type_parse(cuv_context *cx, const cuv_source *src, const char *text, size_t size,
                                cuv_numpy_type *out)
{
    size_t at = size > 0 && strchr("<>=|", text[0]) && text[0] ? 1 : 0;
    char order = at ? text[0] : '=', kind = at < size ? text[at] : '\0';
    int64_t length = kind == '?' ? 1 : 0; /* the only letter without a number; "O" has one in pickles alone */
    bool counted = at + 1 < size && cuv_parse_i64(text + at + 1, size - at - 1, &length) && text[at + 1] != '+';
    *out = (cuv_numpy_type){0};
    if (at + 1 < size && (!counted || length < 0 || length > INT32_MAX))
        return unsupported(cx, src, text, size, kind);
    if (kind == 'O')
        *out = (cuv_numpy_type){.kind = 'O', .size = sizeof(void *)};
    else if (kind == 'S' || kind == 'a')
        *out = (cuv_numpy_type){.kind = 'S', .size = (size_t)length, .dtype = CUV_STR};
    else if (kind == 'U')
        *out = (cuv_numpy_type){.kind = 'U', .size = 4 * (size_t)length, .dtype = CUV_STR};
    else if (!find_number(kind, (size_t)length, out))
        return unsupported(cx, src, text, size, kind);
    cuv_numpy_type_order(out, order);
    return CUV_OK;
}

bool cuv_numpy_type_ml(const char *name, size_t size, cuv_numpy_type *out)
{
    for (size_t i = 0; i < sizeof ml_types / sizeof *ml_types; i++) {
        if (strlen(ml_types[i].name) != size || memcmp(ml_types[i].name, name, size) != 0)
            continue;
        *out = (cuv_numpy_type){.kind = ml_types[i].kind, .size = ml_types[i].size, .dtype = ml_types[i].dtype,
                                .low_nibble = ml_types[i].low_nibble};
        return true;
    }
    return false;
}

bool cuv_numpy_bytes(const cuv_numpy_type *type, const int64_t *shape, int rank, size_t *out)
{
    return cuv_shape_count(shape, rank, out) && cuv_mul_size(*out, type->size, out);
}

/* ---- texts ---- */

static uint32_t code_point(const uint8_t *p, bool swap)
{
    uint32_t c = 0;
    memcpy(&c, p, 4);
    return swap ? __builtin_bswap32(c) : c;
}

/* One element to UTF-8 without its padding NULs; at most twice (bytes) or once (UTF-32) its size. Bytes that are not UTF-8 are
 * taken as Latin-1. */
static size_t put_text(char *out, const uint8_t *p, const cuv_numpy_type *type)
{
    size_t size = type->size, written = 0;
    if (type->kind == 'U') {
        while (size >= 4 && code_point(p + size - 4, false) == 0)
            size -= 4;
        for (size_t i = 0; i < size; i += 4)
            written += cuv_utf8_put(out + written, code_point(p + i, type->swap));
        return written;
    }
    while (size > 0 && p[size - 1] == 0)
        size--;
    if (size == 0 || cuv_utf8_valid((const char *)p, size)) {
        if (size > 0)
            memcpy(out, p, size);
        return size;
    }
    for (size_t i = 0; i < size; i++)
        written += cuv_utf8_put(out + written, p[i]);
    return written;
}

/* One blob holds the cuv_strings and their texts behind them. */
static cuv_status make_texts(cuv_arena *arena, const cuv_source *src, const cuv_numpy_type *type, const int64_t *shape,
                             int rank, const uint8_t *data, size_t size, cuv_tensor **out)
{
    cuv_context *cx = cuv_arena_context(arena);
    const cuv_limits *limits = cuv_context_limits(cx);
    size_t count = 0, table = 0, room = 0, bytes = 0;
    bool fits = cuv_shape_count(shape, rank, &count) && cuv_mul_size(count, sizeof(cuv_string), &table) &&
                cuv_mul_size(size, type->kind == 'S' ? 2 : 1, &room) && cuv_add_size(table, room, &bytes);
    if (!fits || bytes > limits->tensor_bytes ||
        (bytes > FREE_BYTES && bytes / (limits->expansion ? limits->expansion : 1) > src->size)) { /* "<U0" takes no bytes in the file */
        cuv_detail detail = {.file = src->name};
        return cuv_fail(cx, CUV_UNSAFE, "npy.too_large", &detail, "an array of texts claims the shape %s",
                        cuv_shape_text(cx, shape, rank));
    }
    cuv_blob *blob = NULL;
    CUV_TRY(cuv_blob_new(cx, bytes, &blob));
    cuv_string *strings = (cuv_string *)(void *)blob->data;
    char *text = (char *)blob->data + table;
    for (size_t i = 0; i < count; i++) {
        strings[i] = (cuv_string){.data = text, .size = put_text(text, data + i * type->size, type)};
        text += strings[i].size;
    }
    cuv_status status = cuv_tensor_view(arena, blob, blob->data, CUV_STR, shape, rank, out);
    cuv_blob_release(blob);
    if (status == CUV_OK)
        (*out)->offset = UINT64_MAX;
    return status;
}

/* ---- numbers ---- */

static bool lies_in_blob(const cuv_source *src, const uint8_t *data, size_t size)
{
    uintptr_t start = src->blob ? (uintptr_t)src->blob->data : 0, at = (uintptr_t)data;
    return src->blob && at >= start && at - start <= src->blob->size && size <= src->blob->size - (at - start);
}

static cuv_status make_view(cuv_arena *arena, const cuv_source *src, const cuv_numpy_type *type, const int64_t *shape,
                            int rank, const uint8_t *data, cuv_tensor **out)
{
    CUV_TRY(cuv_tensor_view(arena, src->blob, data, type->dtype, shape, rank, out));
    bool known = src->offset != UINT64_MAX && data >= src->data && (size_t)(data - src->data) <= src->size;
    (*out)->offset = known ? src->offset + (uint64_t)(data - src->data) : UINT64_MAX;
    return CUV_OK;
}

static void copy_elements(uint8_t *dst, const uint8_t *src, size_t bytes, const cuv_numpy_type *type)
{
    if (!type->swap) {
        memcpy(dst, src, bytes);
    } else {
        size_t size = type->size;
        for (size_t at = 0; at < bytes; at += size)
            for (size_t i = 0; i < size; i++)
                dst[at + i] = src[at + size - 1 - i];
    }
    if (type->low_nibble)
        for (size_t i = 0; i < bytes; i++)
            dst[i] = (uint8_t)((dst[i] & 0x0f) ^ 0x08) - 0x08;
    if (type->dtype == CUV_BOOL)
        for (size_t i = 0; i < bytes; i++)
            dst[i] = dst[i] != 0;
}

/* Booleans other than 0 and 1 would break whoever reads them as C's bool. */
static bool has_odd_bools(const cuv_numpy_type *type, const uint8_t *data, size_t size)
{
    if (type->dtype != CUV_BOOL)
        return false;
    for (size_t i = 0; i < size; i++)
        if (data[i] > 1)
            return true;
    return false;
}

static cuv_status make_stored(cuv_arena *arena, const cuv_source *src, const cuv_numpy_type *type, const int64_t *shape,
                              int rank, const uint8_t *data, size_t size, cuv_tensor **out)
{
    void *values = NULL;
    if (type->kind == 'S' || type->kind == 'U')
        return make_texts(arena, src, type, shape, rank, data, size, out);
    if (!type->swap && !type->low_nibble && lies_in_blob(src, data, size) && !has_odd_bools(type, data, size))
        return make_view(arena, src, type, shape, rank, data, out);
    CUV_TRY(cuv_tensor_new(arena, type->dtype, shape, rank, out, &values));
    if (size > 0)
        copy_elements(values, data, size, type);
    return CUV_OK;
}

cuv_status cuv_numpy_array(cuv_arena *arena, const cuv_source *src, const cuv_numpy_type *type, const int64_t *shape,
                           int rank, bool fortran, const uint8_t *data, size_t size, cuv_tensor **out)
{
    int64_t reversed[CUV_MAX_RANK] = {0};
    int perm[CUV_MAX_RANK] = {0};
    bool turn = fortran && rank > 1 && rank <= CUV_MAX_RANK;
    cuv_tensor *stored = NULL;
    *out = NULL;
    for (int i = 0; turn && i < rank; i++) {
        reversed[i] = shape[rank - 1 - i];
        perm[i] = rank - 1 - i;
    }
    CUV_TRY(make_stored(arena, src, type, turn ? reversed : shape, rank, data, size, &stored));
    stored->guessed_dtype = type->guessed;
    if (turn)
        return cuv_tensor_transpose(arena, stored, perm, out);
    *out = stored;
    return CUV_OK;
}

cuv_status cuv_numpy_scalar(cuv_arena *arena, const cuv_source *src, const cuv_numpy_type *type, const uint8_t *data,
                            size_t size, cuv_value **out)
{
    cuv_context *cx = cuv_arena_context(arena);
    uint8_t bytes[8] = {0};
    int64_t integer = 0;
    double real = 0;
    *out = NULL;
    if (type->kind == 'O' || size != type->size) {
        cuv_detail detail = {.file = src->name};
        return cuv_fail(cx, CUV_DAMAGED, "npy.scalar", &detail, "a NumPy scalar of %zu bytes comes with %zu bytes",
                        type->size, size);
    }
    if (type->dtype == CUV_STR) {
        size_t room = 0;
        char *text = cuv_mul_size(size, 2, &room) ? cuv_arena_alloc(arena, room) : NULL;
        *out = text ? cuv_value_text_n(arena, text, put_text(text, data, type)) : NULL;
        return *out ? CUV_OK : cuv_oom(cx);
    }
    copy_elements(bytes, data, size, type);
    cuv_convert(&integer, CUV_I64, bytes, type->dtype, 1);
    cuv_convert_to_f64(&real, bytes, type->dtype, 1);
    bool beyond = type->dtype == CUV_U64 && real >= 0x1p63;
    if (type->kind == 'b')
        *out = cuv_value_bool(arena, integer != 0);
    else if (type->kind == 'f' || beyond)
        *out = cuv_value_real(arena, real);
    else
        *out = cuv_value_int(arena, integer);
    return *out ? CUV_OK : cuv_oom(cx);
}
