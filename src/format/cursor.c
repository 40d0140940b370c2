/* The cursor every binary reader walks with: little-endian reads that never pass the end and fail stickily.
 * Knows no format; whoever reads checks `failed` once, after the fields of a structure. */
#include "format/format.h"

cuv_cursor cuv_cursor_at(const void *data, size_t size, size_t at)
{
    cuv_cursor c = {.data = data, .size = size, .at = at, .failed = at > size};
    if (c.failed)
        c.at = size;
    return c;
}

const uint8_t *cuv_read_bytes(cuv_cursor *c, size_t size)
{
    if (c->failed || size > c->size - c->at) {
        c->failed = true;
        return NULL;
    }
    const uint8_t *p = c->data + c->at;
    c->at += size;
    return p;
}

void cuv_skip(cuv_cursor *c, size_t size)
{
    if (c->failed || size > c->size - c->at)
        c->failed = true;
    else
        c->at += size;
}

uint64_t cuv_read_uint(cuv_cursor *c, unsigned bytes)
{
    const uint8_t *p = bytes <= 8 ? cuv_read_bytes(c, bytes) : NULL;
    uint64_t value = 0;
    if (!p) {
        c->failed = true;
        return 0;
    }
    for (unsigned i = bytes; i > 0; i--)
        value = value << 8 | p[i - 1];
    return value;
}

uint8_t cuv_read_u8(cuv_cursor *c)
{
    return (uint8_t)cuv_read_uint(c, 1);
}

uint16_t cuv_read_u16(cuv_cursor *c)
{
    return (uint16_t)cuv_read_uint(c, 2);
}

uint32_t cuv_read_u32(cuv_cursor *c)
{
    return (uint32_t)cuv_read_uint(c, 4);
}

uint64_t cuv_read_u64(cuv_cursor *c)
{
    return cuv_read_uint(c, 8);
}
