/* Encoder of the wire format of protocol buffers. */
#include "emit/proto.h"

static void varint(cuv_buffer *b, uint64_t value)
{
    for (; value >= 0x80; value >>= 7)
        cuv_buffer_char(b, (char)(unsigned char)(value | 0x80));
    cuv_buffer_char(b, (char)value);
}

static size_t varint_size(uint64_t value)
{
    size_t n = 1;
    for (; value >= 0x80; value >>= 7)
        n++;
    return n;
}

static uint64_t tag(int field, int wire)
{
    return (uint64_t)field << 3 | (uint64_t)wire;
}

void cuv_proto_int(cuv_buffer *b, int field, int64_t value)
{
    varint(b, tag(field, CUV_PROTO_VARINT));
    varint(b, (uint64_t)value);
}

void cuv_proto_float(cuv_buffer *b, int field, float value)
{
    uint32_t bits;
    memcpy(&bits, &value, sizeof bits);
    varint(b, tag(field, CUV_PROTO_FIXED32));
    for (int i = 0; i < 4; i++)
        cuv_buffer_char(b, (char)(unsigned char)(bits >> 8 * i));
}

void cuv_proto_head(cuv_buffer *b, int field, uint64_t size)
{
    varint(b, tag(field, CUV_PROTO_DELIMITED));
    varint(b, size);
}

size_t cuv_proto_head_size(int field, uint64_t size)
{
    return varint_size(tag(field, CUV_PROTO_DELIMITED)) + varint_size(size);
}

void cuv_proto_bytes(cuv_buffer *b, int field, const void *data, size_t size)
{
    cuv_proto_head(b, field, size);
    cuv_buffer_add(b, data, size);
}

void cuv_proto_text(cuv_buffer *b, int field, const char *text)
{
    cuv_proto_bytes(b, field, text, strlen(text));
}

void cuv_proto_message(cuv_buffer *b, int field, cuv_buffer *inner)
{
    if (inner->failed)
        b->failed = true;
    else
        cuv_proto_bytes(b, field, inner->data, inner->size);
    cuv_buffer_free(inner);
}
