/* The wire format of protocol buffers (protobuf.dev/programming-guides/encoding), writing only: tags, varints, 32-bit floats and
 * delimited fields, appended to a buffer. ONNX needs no more, and a generated encoder would hold every weight a second time. */
#ifndef CUV_EMIT_PROTO_H
#define CUV_EMIT_PROTO_H

#include "base/base.h"

enum { CUV_PROTO_VARINT = 0, CUV_PROTO_DELIMITED = 2, CUV_PROTO_FIXED32 = 5 };

void cuv_proto_int(cuv_buffer *b, int field, int64_t value);
void cuv_proto_float(cuv_buffer *b, int field, float value);
void cuv_proto_bytes(cuv_buffer *b, int field, const void *data, size_t size);
void cuv_proto_text(cuv_buffer *b, int field, const char *text);
/* A message inside a message; empties and frees `inner`. */
void cuv_proto_message(cuv_buffer *b, int field, cuv_buffer *inner);
/* Only the head of a delimited field whose `size` bytes the caller writes after it. */
void cuv_proto_head(cuv_buffer *b, int field, uint64_t size);
/* Bytes that the head of such a field takes. */
size_t cuv_proto_head_size(int field, uint64_t size);

#endif
