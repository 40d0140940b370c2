/* Python's marshal, as far as code objects of short functions need it (CPython: Python/marshal.c). Bounded in depth and number of
 * values; sets, complex numbers and whatever else is refused. */
#include "format/marshal.h"

enum { MOST_DEPTH = 12, MOST_VALUES = 4096 };

typedef struct reader {
    cuv_arena *arena;
    cuv_cursor c;
    cuv_code_layout layout;
    cuv_value *values[MOST_VALUES];     /* that later ones refer to */
    size_t count, made;
    cuv_value *interned[MOST_VALUES];   /* Python 2 counts its interned texts apart */
    size_t interned_count;
    cuv_code *top;
} reader;

static cuv_value *fail(reader *r)
{
    r->c.failed = true;
    return NULL;
}

static cuv_value *read(reader *r, unsigned depth);

static cuv_value *read_text(reader *r, size_t size, bool bytes)
{
    const uint8_t *data = cuv_read_bytes(&r->c, size);
    if (!data)
        return fail(r);
    return bytes ? cuv_value_bytes(r->arena, data, size) : cuv_value_text_n(r->arena, (const char *)data, size);
}

static cuv_value *read_tuple(reader *r, size_t count, unsigned depth)
{
    cuv_value *tuple = cuv_value_tuple(r->arena);
    for (size_t i = 0; tuple && i < count && !r->c.failed; i++) {
        cuv_value *item = read(r, depth - 1);
        if (!item || cuv_list_add(r->arena, tuple, item) != CUV_OK)
            return fail(r);
    }
    return tuple;
}

/* Digits of 15 bits, the lowest first; a negative count is a negative number. */
static cuv_value *read_long(reader *r)
{
    const int32_t count = (int32_t)cuv_read_u32(&r->c);
    int64_t value = 0;
    if (count < -4 || count > 4)
        return fail(r);
    for (int32_t i = 0; i < (count < 0 ? -count : count); i++)
        value |= (int64_t)(cuv_read_u16(&r->c) & 0x7fff) << (15 * i);
    return cuv_value_int(r->arena, count < 0 ? -value : value);
}

static cuv_value *read_real(reader *r)
{
    uint64_t bits = cuv_read_u64(&r->c);
    double value;
    memcpy(&value, &bits, sizeof value);
    return cuv_value_real(r->arena, value);
}

/* The numbers before the code: arguments is the first of each layout. */
static int numbers_of(cuv_code_layout layout)
{
    static const int counts[] = {[CUV_CODE_311] = 5, [CUV_CODE_38] = 6, [CUV_CODE_30] = 5, [CUV_CODE_27] = 4};
    return counts[layout];
}

static cuv_value *read_code(reader *r, unsigned depth)
{
    bool outermost = r->top->code == NULL, newest = r->layout == CUV_CODE_311;
    cuv_value *fields[8];
    int64_t arguments = (int32_t)cuv_read_u32(&r->c);
    for (int i = 1; i < numbers_of(r->layout); i++)
        (void)cuv_read_u32(&r->c);
    for (int i = 0; i < 8; i++)         /* code consts names locals (kinds | free, cells) file name */
        if (!(fields[i] = read(r, depth - 1)))
            return fail(r);
    if (fields[0]->kind != CUV_BYTES || fields[1]->kind != CUV_TUPLE || fields[2]->kind != CUV_TUPLE || fields[3]->kind != CUV_TUPLE)
        return fail(r);
    if (!newest && (fields[4]->kind != CUV_TUPLE || fields[5]->kind != CUV_TUPLE))
        return fail(r);
    (void)cuv_read_u32(&r->c);          /* first line */
    for (int i = 0; i < (newest ? 2 : 1); i++)
        if (!read(r, depth - 1))
            return fail(r);
    if (outermost)
        *r->top = (cuv_code){.layout = r->layout, .arguments = arguments, .code = (const uint8_t *)fields[0]->text, .size = fields[0]->size,
                             .constants = fields[1], .names = fields[2], .locals = fields[3], .free = newest ? NULL : fields[4],
                             .kinds = newest ? fields[4] : NULL, .cells = !newest && cuv_len(fields[5])};
    return cuv_value_null(r->arena);
}

static cuv_value *read_kind(reader *r, uint8_t kind, unsigned depth)
{
    bool old = r->layout == CUV_CODE_27;
    uint32_t index;
    cuv_value *v;
    switch (kind) {
    case 'N': return cuv_value_null(r->arena);
    case '.': return cuv_value_text(r->arena, "...");
    case 'T': return cuv_value_bool(r->arena, true);
    case 'F': return cuv_value_bool(r->arena, false);
    case 'i': return cuv_value_int(r->arena, (int32_t)cuv_read_u32(&r->c));
    case 'l': return read_long(r);
    case 'g': return read_real(r);
    case 's': return read_text(r, cuv_read_u32(&r->c), true);
    case 'u': case 'a': case 'A': return read_text(r, cuv_read_u32(&r->c), false);
    case 'z': case 'Z': return read_text(r, cuv_read_u8(&r->c), false);
    case 't':
        v = read_text(r, cuv_read_u32(&r->c), false);
        if (v && old && r->interned_count < MOST_VALUES)
            r->interned[r->interned_count++] = v;
        return v;
    case 'R':
        index = cuv_read_u32(&r->c);
        return old && index < r->interned_count ? r->interned[index] : fail(r);
    case 'r':
        index = cuv_read_u32(&r->c);
        return index < r->count && r->values[index] ? r->values[index] : fail(r);
    case '(': case '[': return read_tuple(r, cuv_read_u32(&r->c), depth);
    case ')': return read_tuple(r, cuv_read_u8(&r->c), depth);
    case 'c': return read_code(r, depth);
    default: return fail(r);
    }
}

static cuv_value *read(reader *r, unsigned depth)
{
    uint8_t kind = cuv_read_u8(&r->c);
    size_t place = r->count;
    bool kept = kind & 0x80;
    if (r->c.failed || depth == 0 || ++r->made > MOST_VALUES)
        return fail(r);
    if (kept)
        r->values[r->count++] = NULL;
    cuv_value *v = read_kind(r, kind & 0x7f, depth);
    if (kept)
        r->values[place] = v;
    return v;
}

bool cuv_marshal_code(cuv_arena *arena, const uint8_t *data, size_t size, cuv_code_layout layout, cuv_code *out)
{
    *out = (cuv_code){0};
    cuv_context *cx = cuv_arena_context(arena);
    reader *r = cuv_alloc(cx, sizeof *r);
    if (!r || size == 0 || (data[0] & 0x7f) != 'c') {
        if (r)
            cuv_release(cx, r, sizeof *r);
        return false;
    }
    memset(r, 0, sizeof *r);
    r->arena = arena;
    r->c = cuv_cursor_at(data, size, 0);
    r->layout = layout;
    r->top = out;
    cuv_code inner = {0};
    r->top = &inner;
    bool good = read(r, MOST_DEPTH) && !r->c.failed && r->c.at == size;
    cuv_release(cx, r, sizeof *r);
    *out = inner;
    return good && inner.code;
}
