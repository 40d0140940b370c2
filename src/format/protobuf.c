/* Protocol buffers without a schema: fields one after the other (protobuf.dev/programming-guides/encoding). Whoever reads knows the
 * numbers of the fields; unknown ones are passed over. */
#include "format/tensorflow.h"

bool cuv_read_varint(cuv_cursor *c, uint64_t *out)
{
    *out = 0;
    for (unsigned shift = 0; shift < 64; shift += 7) {
        uint8_t byte = cuv_read_u8(c);
        if (c->failed || (shift == 63 && byte > 1))
            break;
        *out |= (uint64_t)(byte & 0x7f) << shift;
        if (!(byte & 0x80))
            return true;
    }
    c->failed = true;
    return false;
}

bool cuv_field_next(cuv_cursor *c, cuv_field *out)
{
    uint64_t key = 0;
    *out = (cuv_field){0};
    if (c->failed || c->at == c->size || !cuv_read_varint(c, &key))
        return false;
    out->id = (uint32_t)(key >> 3);
    out->wire = (uint8_t)(key & 7);
    if (key >> 3 == 0 || key >> 3 > 0x1fffffff)
        c->failed = true;
    else if (out->wire == 0)
        (void)cuv_read_varint(c, &out->number);
    else if (out->wire == 1)
        out->number = cuv_read_u64(c);
    else if (out->wire == 5)
        out->number = cuv_read_u32(c);
    else if (out->wire == 2 && cuv_read_varint(c, &out->number)) {
        out->size = out->number <= SIZE_MAX ? (size_t)out->number : SIZE_MAX;
        out->data = cuv_read_bytes(c, out->size);
    } else
        c->failed = true;
    return !c->failed;
}

const char *cuv_field_text(cuv_arena *arena, const cuv_field *field)
{
    return field->data ? cuv_arena_strndup(arena, (const char *)field->data, field->size) : NULL;
}
