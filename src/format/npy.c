/* .npy files, both ways. NumPy's format specification: numpy/lib/format.py, "Format Version 1.0" to "3.0".
 * The header is a Python literal and is parsed as one; the length that the file gives is trusted, alignment is not assumed. */
#include "format/numpy.h"

enum { PREAMBLE = 8, ALIGNMENT = 64 };

static const uint8_t magic[] = {0x93, 'N', 'U', 'M', 'P', 'Y'};

typedef struct npy_header {
    cuv_numpy_type type;
    bool fortran;
    int64_t shape[CUV_MAX_RANK];
    int rank;
    size_t data_at;
    const cuv_value *fields;    /* records: (name, type) of each field; type.size is that of the record */
} npy_header;

/* ---- reading ---- */

static cuv_status damaged(cuv_context *cx, const cuv_source *src, const char *id, const char *what, const char *found)
{
    cuv_detail detail = {.file = src->name, .found = found, .help = "get another copy of the file"};
    return cuv_fail(cx, CUV_DAMAGED, id, &detail, "%s", what);
}

/* Magic, version and the place of the header's text. */
static cuv_status read_preamble(cuv_context *cx, const cuv_source *src, size_t *text_at, size_t *text_size)
{
    cuv_cursor c = cuv_cursor_at(src->data, src->size, 0);
    const uint8_t *start = cuv_read_bytes(&c, sizeof magic);
    if (src->size == 0)
        return damaged(cx, src, "npy.truncated", "the array file is empty", NULL);
    if (!start || memcmp(start, magic, sizeof magic) != 0)
        return damaged(cx, src, "npy.magic", "the file does not begin as NumPy's array files do", NULL);
    unsigned major = cuv_read_u8(&c), minor = cuv_read_u8(&c);
    *text_size = major == 1 ? cuv_read_u16(&c) : cuv_read_u32(&c);
    *text_at = c.at;
    if (!c.failed && (major < 1 || major > 3 || minor != 0)) {
        cuv_detail detail = {.file = src->name};
        return cuv_fail(cx, CUV_UNSUPPORTED, "npy.version", &detail,
                        "the array file has format version %u.%u; 1.0, 2.0 and 3.0 are read", major, minor);
    }
    if (*text_size > cuv_context_limits(cx)->config_bytes) {
        cuv_detail detail = {.file = src->name};
        return cuv_fail(cx, CUV_UNSAFE, "npy.header_size", &detail, "the array file claims a header of %zu bytes",
                        *text_size);
    }
    cuv_skip(&c, *text_size);
    return c.failed ? damaged(cx, src, "npy.truncated", "the file ends within the header of the array", NULL) : CUV_OK;
}

/* The dictionary of the header. What the literal parser has to say about columns is of no use here. */
static cuv_status parse_text(cuv_arena *arena, const cuv_source *src, size_t at, size_t size, cuv_value **out)
{
    cuv_context *cx = cuv_arena_context(arena);
    cuv_source text = *src;
    size_t mark = cuv_findings_mark(cx);
    text.data = src->data + at;
    text.size = size;
    if (text.offset != UINT64_MAX)
        text.offset += at;
    cuv_status status = cuv_python_literal(arena, &text, out);
    if (status == CUV_MEMORY || status == CUV_TIMEOUT)
        return status;
    if (status == CUV_OK && (*out)->kind == CUV_DICT)
        return CUV_OK;
    cuv_findings_rewind(cx, mark);
    return damaged(cx, src, "npy.header", "the header of the array is no dictionary of Python literals", NULL);
}

static cuv_status records(cuv_context *cx, const cuv_source *src, const cuv_value *descr)
{
    cuv_detail detail = {.file = src->name, .found = cuv_value_repr(cx, descr),
                         .help = "save the fields as arrays of their own"};
    return cuv_fail(cx, CUV_UNSUPPORTED, "npy.dtype", &detail,
                    "the array holds records (type %s) with fields in fields, which no layer has as weights",
                    cuv_value_repr(cx, descr));
}

/* A type, or a list of (name, type): records, whose fields become arrays of their own. */
static cuv_status read_descr(cuv_context *cx, const cuv_source *src, const cuv_value *descr, npy_header *h)
{
    if (descr->kind == CUV_TEXT)
        return cuv_numpy_type_parse(cx, src, descr->text, descr->size, &h->type);
    h->fields = descr;
    for (size_t i = 0; i < cuv_len(descr); i++) {
        cuv_numpy_type type;
        const cuv_value *field = cuv_item(descr, i), *text = cuv_item(field, 1);
        if (cuv_len(field) != 2 || !cuv_text(cuv_item(field, 0)) || !cuv_text(text))
            return records(cx, src, descr);
        CUV_TRY(cuv_numpy_type_parse(cx, src, text->text, text->size, &type));
        if (type.kind == 'O' || !cuv_add_size(h->type.size, type.size, &h->type.size))
            return records(cx, src, descr);
    }
    return h->type.size ? CUV_OK : records(cx, src, descr);
}

static cuv_status read_shape(cuv_context *cx, const cuv_source *src, const cuv_value *shape, npy_header *h)
{
    if (!cuv_is_seq(shape))
        return damaged(cx, src, "npy.header", "the shape in the header of the array is no tuple",
                       cuv_value_repr(cx, shape));
    if (shape->size > CUV_MAX_RANK) {
        cuv_detail detail = {.file = src->name, .found = cuv_value_repr(cx, shape)};
        return cuv_fail(cx, CUV_UNSUPPORTED, "tensor.rank", &detail,
                        "the array has %zu axes; at most %d are supported", shape->size, CUV_MAX_RANK);
    }
    h->rank = (int)shape->size;
    for (int i = 0; i < h->rank; i++) {
        const cuv_value *length = shape->items[i];
        if (length->kind != CUV_INTEGER || length->integer < 0)
            return damaged(cx, src, "npy.header", "the shape in the header of the array holds no lengths",
                           cuv_value_repr(cx, shape));
        h->shape[i] = length->integer;
    }
    return CUV_OK;
}

static cuv_status read_header(cuv_arena *arena, const cuv_source *src, npy_header *h)
{
    cuv_context *cx = cuv_arena_context(arena);
    cuv_value *dict = NULL;
    size_t at = 0, size = 0;
    CUV_TRY(read_preamble(cx, src, &at, &size));
    CUV_TRY(parse_text(arena, src, at, size, &dict));
    const cuv_value *descr = cuv_get(dict, "descr"), *shape = cuv_get(dict, "shape");
    const cuv_value *order = cuv_get(dict, "fortran_order");
    if (!descr || !shape || !order || order->kind != CUV_TRUTH || dict->size != 3)
        return damaged(cx, src, "npy.header", "the header of the array lacks descr, fortran_order or shape, or has more",
                       cuv_value_repr(cx, dict));
    h->data_at = at + size;
    h->fortran = order->truth;
    CUV_TRY(read_descr(cx, src, descr, h));
    return read_shape(cx, src, shape, h);
}

static cuv_status read_numbers(cuv_arena *arena, const cuv_source *src, const npy_header *h, cuv_value **out)
{
    cuv_context *cx = cuv_arena_context(arena);
    size_t bytes = 0, left = src->size - h->data_at;
    cuv_tensor *tensor = NULL;
    cuv_detail detail = {.file = src->name, .help = "get another copy of the file"};
    if (!cuv_numpy_bytes(&h->type, h->shape, h->rank, &bytes))
        return cuv_fail(cx, CUV_DAMAGED, "npy.shape", &detail, "no memory can hold the array's shape %s",
                        cuv_shape_text(cx, h->shape, h->rank));
    if (bytes > left)
        return cuv_fail(cx, CUV_DAMAGED, "npy.truncated", &detail,
                        "the file is cut off: its header promises %zu bytes of numbers, %zu are there", bytes, left);
    CUV_TRY(cuv_numpy_array(arena, src, &h->type, h->shape, h->rank, h->fortran, src->data + h->data_at, bytes,
                            &tensor));
    bool another = left - bytes >= sizeof magic && memcmp(src->data + h->data_at + bytes, magic, sizeof magic) == 0;
    detail.help = NULL;
    if (another)
        cuv_warn(cx, "npy.another", &detail, "behind the array begins another one, which only code reads: with a second numpy.load() of the open file");
    else if (bytes < left)
        cuv_warn(cx, "npy.trailing", &detail, "%zu bytes behind the array are not read", left - bytes);
    *out = cuv_value_tensor(arena, tensor);
    return *out ? CUV_OK : cuv_oom(cx);
}

/* One field of all records, as an array of its own. */
static cuv_status read_field(cuv_arena *arena, const cuv_source *src, const npy_header *h, size_t at,
                             const cuv_numpy_type *type, cuv_tensor **out)
{
    size_t count = 0, bytes = 0;
    if (!cuv_shape_count(h->shape, h->rank, &count) || !cuv_mul_size(count, type->size, &bytes))
        return CUV_DAMAGED; /* not reached: the records' own size has been counted */
    uint8_t *column = cuv_arena_alloc(arena, bytes + 1);
    if (!column)
        return cuv_oom(cuv_arena_context(arena));
    for (size_t i = 0; i < count; i++)
        memcpy(column + i * type->size, src->data + h->data_at + i * h->type.size + at, type->size);
    return cuv_numpy_array(arena, src, type, h->shape, h->rank, h->fortran, column, bytes, out);
}

static cuv_status read_records(cuv_arena *arena, const cuv_source *src, const npy_header *h, cuv_value **out)
{
    cuv_context *cx = cuv_arena_context(arena);
    size_t bytes = 0, at = 0;
    cuv_value *dict = cuv_value_dict(arena);
    if (!dict)
        return cuv_oom(cx);
    if (!cuv_numpy_bytes(&h->type, h->shape, h->rank, &bytes) || bytes > src->size - h->data_at)
        return damaged(cx, src, "npy.truncated", "the header promises more records than the file has", NULL);
    for (size_t i = 0; i < h->fields->size; i++) {
        const cuv_value *field = h->fields->items[i], *text = cuv_item(field, 1);
        cuv_numpy_type type;
        cuv_tensor *column = NULL;
        CUV_TRY(cuv_numpy_type_parse(cx, src, text->text, text->size, &type));
        CUV_TRY(read_field(arena, src, h, at, &type, &column));
        CUV_TRY(cuv_dict_add(arena, dict, cuv_item(field, 0), cuv_value_tensor(arena, column)));
        at += type.size;
    }
    *out = dict;
    return CUV_OK;
}

/* The pickle of an object array is the array; its shape is in the header too. */
static cuv_status check_objects(cuv_context *cx, const cuv_source *src, const npy_header *h, const cuv_value *value)
{
    bool same = true;
    for (int i = 0; same && i < h->rank; i++) {
        same = cuv_is_seq(value) && value->size == (size_t)h->shape[i];
        value = cuv_item(value, 0);
        if (h->shape[i] == 0)
            break;
    }
    if (same)
        return CUV_OK;
    cuv_detail detail = {.file = src->name, .expected = cuv_shape_text(cx, h->shape, h->rank), .help = "get another copy of the file"};
    return cuv_fail(cx, CUV_DAMAGED, "npy.objects", &detail, "the header promises an array of objects of shape %s; its pickle holds another",
                    detail.expected);
}

cuv_status cuv_npy_size(cuv_arena *arena, const cuv_source *src, size_t *out)
{
    npy_header h = {.rank = 0};
    size_t bytes = 0;
    *out = 0;
    CUV_TRY(read_header(arena, src, &h));
    if (h.fields || h.type.kind == 'O' || !cuv_numpy_bytes(&h.type, h.shape, h.rank, &bytes) || bytes > src->size - h.data_at)
        return CUV_OK;
    *out = h.data_at + bytes;
    return CUV_OK;
}

cuv_status cuv_npy_parse(cuv_arena *arena, const cuv_source *src, cuv_value **out)
{
    npy_header h = {.rank = 0};
    *out = NULL;
    CUV_TRY(read_header(arena, src, &h));
    if (h.fields)
        return read_records(arena, src, &h, out);
    if (h.type.kind != 'O')
        return read_numbers(arena, src, &h, out);
    cuv_source pickle = *src;
    pickle.data += h.data_at;
    pickle.size -= h.data_at;
    if (pickle.offset != UINT64_MAX)
        pickle.offset += h.data_at;
    CUV_TRY(cuv_pickle_parse(arena, &pickle, out));
    return check_objects(cuv_arena_context(arena), src, &h, *out);
}

/* ---- writing ---- */

static const char *const descr_of[] = {
    [CUV_BOOL] = "|b1", [CUV_I8] = "|i1",   [CUV_U8] = "|u1",      [CUV_I16] = "<i2", [CUV_U16] = "<u2",
    [CUV_I32] = "<i4",  [CUV_U32] = "<u4",  [CUV_I64] = "<i8",     [CUV_U64] = "<u8", [CUV_F16] = "<f2",
    [CUV_BF16] = "<f4", [CUV_F32] = "<f4",  [CUV_F64] = "<f8",     [CUV_F8E4M3] = "<f4",
    [CUV_F8E5M2] = "<f4", [CUV_STR] = NULL,
};

static cuv_status write_header(cuv_buffer *b, const char *descr, const int64_t *shape, int rank)
{
    size_t start = b->size;
    cuv_buffer_add(b, magic, sizeof magic);
    cuv_buffer_add(b, "\1\0\0\0", 4); /* version 1.0; the length is set below */
    cuv_buffer_printf(b, "{'descr': '%s', 'fortran_order': False, 'shape': (", descr);
    for (int i = 0; i < rank; i++)
        cuv_buffer_printf(b, "%s%lld", i > 0 ? ", " : "", (long long)shape[i]);
    cuv_buffer_text(b, rank == 1 ? ",), }" : "), }");
    while (!b->failed && (b->size - start + 1) % ALIGNMENT != 0)
        cuv_buffer_char(b, ' ');
    cuv_buffer_char(b, '\n');
    if (b->failed)
        return cuv_oom(b->cx);
    size_t length = b->size - start - PREAMBLE - 2; /* a few hundred bytes: CUV_MAX_RANK numbers */
    b->data[start + PREAMBLE] = (char)(length & 0xff);
    b->data[start + PREAMBLE + 1] = (char)(length >> 8);
    return CUV_OK;
}

cuv_status cuv_npy_header(cuv_buffer *b, cuv_dtype dtype, const int64_t *shape, int rank)
{
    if (descr_of[dtype])
        return write_header(b, descr_of[dtype], shape, rank);
    return cuv_fail(b->cx, CUV_UNSUPPORTED, "npy.dtype", NULL, "texts have no fixed size to write an array header with");
}

/* Decodes one character of well-formed UTF-8; anything else is U+FFFD, byte by byte. */
static uint32_t next_character(const char *text, size_t size, size_t *at)
{
    for (size_t length = 4; length > 0; length--) {
        if (length > size - *at || !cuv_utf8_valid(text + *at, length))
            continue;
        const unsigned char *p = (const unsigned char *)text + *at;
        size_t own = p[0] < 0x80 ? 1 : p[0] < 0xe0 ? 2 : p[0] < 0xf0 ? 3 : 4;
        uint32_t c = own == 1 ? p[0] : p[0] & (0x7fU >> own);
        for (size_t i = 1; i < own; i++)
            c = c << 6 | (p[i] & 0x3fU);
        *at += own;
        return c;
    }
    ++*at;
    return 0xfffd;
}

static cuv_status write_texts(cuv_buffer *b, const cuv_tensor *t)
{
    size_t count = cuv_tensor_count(t), widest = 1; /* NumPy has no type of empty texts either */
    const cuv_string *strings = (const cuv_string *)(const void *)t->data;
    char descr[32];
    for (size_t i = 0; i < count; i++) {
        size_t width = 0;
        for (size_t at = 0; at < strings[i].size; width++)
            (void)next_character(strings[i].data, strings[i].size, &at);
        widest = width > widest ? width : widest;
    }
    (void)snprintf(descr, sizeof descr, "<U%zu", widest);
    CUV_TRY(write_header(b, descr, t->shape, t->rank));
    for (size_t i = 0; i < count && !b->failed; i++) {
        size_t width = 0;
        for (size_t at = 0; at < strings[i].size || width < widest; width++) {
            uint32_t c = at < strings[i].size ? next_character(strings[i].data, strings[i].size, &at) : 0;
            const uint8_t bytes[4] = {(uint8_t)c, (uint8_t)(c >> 8), (uint8_t)(c >> 16), 0};
            cuv_buffer_add(b, bytes, sizeof bytes);
        }
    }
    return b->failed ? cuv_oom(b->cx) : CUV_OK;
}

/* Types that NumPy does not have go out as float32. */
static void add_as_f32(cuv_buffer *b, const cuv_tensor *t)
{
    enum { BLOCK = 1024 };
    float block[BLOCK];
    size_t count = cuv_tensor_count(t), size = cuv_dtype_size(t->dtype);
    for (size_t at = 0; at < count; at += BLOCK) {
        size_t n = count - at < BLOCK ? count - at : BLOCK;
        cuv_convert_to_f32(block, t->data + at * size, t->dtype, n);
        cuv_buffer_add(b, block, n * sizeof *block);
    }
}

cuv_status cuv_npy_write(cuv_buffer *b, const cuv_tensor *t)
{
    if (!t->data)
        return cuv_fail(b->cx, CUV_NO, "npy.no_values", NULL, "an array of shape %s has no values to write",
                        cuv_shape_text(b->cx, t->shape, t->rank));
    if (t->dtype == CUV_STR)
        return write_texts(b, t);
    CUV_TRY(cuv_npy_header(b, t->dtype, t->shape, t->rank));
    if (t->dtype == CUV_BF16 || t->dtype == CUV_F8E4M3 || t->dtype == CUV_F8E5M2)
        add_as_f32(b, t);
    else
        cuv_buffer_add(b, t->data, cuv_tensor_bytes(t));
    return b->failed ? cuv_oom(b->cx) : CUV_OK;
}
