/* The containers of TensorFlow: protocol buffers, field by field, and the tables (LevelDB's sorted tables) of checkpoints. */
#ifndef CUV_FORMAT_TENSORFLOW_H
#define CUV_FORMAT_TENSORFLOW_H

#include "format/format.h"

/* ---- protocol buffers (protobuf.c) ---- */

/* A field of a message. Varints and fixed numbers are in `number`; strings, bytes and messages in `data`. */
typedef struct cuv_field {
    uint32_t id;
    uint8_t wire;               /* 0 varint, 1 fixed64, 2 bytes, 5 fixed32 */
    uint64_t number;
    const uint8_t *data;
    size_t size;
} cuv_field;
/* The next field; false at the end, or when the message is damaged (then c->failed). Groups count as damage. */
bool cuv_field_next(cuv_cursor *c, cuv_field *out);
bool cuv_read_varint(cuv_cursor *c, uint64_t *out);
/* The first field `id` of wire type 2 as text in the arena; NULL when absent or no memory. */
const char *cuv_field_text(cuv_arena *arena, const cuv_field *field);

/* ---- tables (table.c) ---- */

typedef struct cuv_table_entry { const char *key; const uint8_t *data; size_t size; } cuv_table_entry;   /* data: in the source */
typedef struct cuv_table { cuv_table_entry *entries; size_t count; } cuv_table;
/* Reads all entries; checks every block's CRC-32C. Compressed blocks: CUV_UNSUPPORTED. Keys with a NUL: CUV_DAMAGED. */
CUV_MUST_USE cuv_status cuv_table_parse(cuv_arena *arena, const cuv_source *src, cuv_table *out);
/* TensorFlow stores CRCs turned and moved. */
uint32_t cuv_crc32c_masked(uint32_t crc);

#endif
