/* Sorted tables as LevelDB writes them, which TensorFlow uses for the index of a checkpoint: a footer names an index block, which names
 * the data blocks; a block is a list of entries whose keys share their beginnings (leveldb: doc/table_format.md). */
#include "format/tensorflow.h"

enum { FOOTER = 48, TRAILER = 5 };

#ifdef FUZZING_BUILD_MODE_UNSAFE_FOR_PRODUCTION     /* a fuzzer guesses no checksum */
#define CHECKS false
#else
#define CHECKS true
#endif

typedef struct reader {
    cuv_arena *arena;
    const cuv_source *src;
    cuv_table *table;
    size_t capacity;
} reader;

static cuv_status damaged(const reader *r, const char *what)
{
    cuv_detail detail = {.file = r->src->name, .help = "was the file cut off or changed? copy it again"};
    return cuv_fail(cuv_arena_context(r->arena), CUV_DAMAGED, "checkpoint.index", &detail, "%s is damaged: %s", r->src->name, what);
}

uint32_t cuv_crc32c_masked(uint32_t crc)
{
    return ((crc >> 15) | (crc << 17)) + 0xa282ead8u;
}

/* The entries of a block, without its trailer: compression type and CRC of contents and type. */
static cuv_status open_block(const reader *r, uint64_t offset, uint64_t size, cuv_cursor *out)
{
    const cuv_source *src = r->src;
    if (offset > src->size || size > src->size - offset || src->size - offset - size < TRAILER)
        return damaged(r, "a block lies outside the file");
    const uint8_t *data = src->data + offset;
    cuv_cursor trailer = cuv_cursor_at(data, (size_t)size + TRAILER, (size_t)size);
    uint8_t type = cuv_read_u8(&trailer);
    uint32_t crc = cuv_read_u32(&trailer);
    if (CHECKS && crc != cuv_crc32c_masked(cuv_crc32c(data, (size_t)size + 1)))
        return damaged(r, "a block does not have its checksum (CRC-32C)");
    if (type != 0) {
        cuv_detail detail = {.file = src->name, .found = cuv_format(cuv_arena_context(r->arena), "compression type %u", type)};
        return cuv_fail(cuv_arena_context(r->arena), CUV_UNSUPPORTED, "checkpoint.compressed", &detail,
                        "%s is a compressed table, which TensorFlow does not write for checkpoints", src->name);
    }
    cuv_cursor whole = cuv_cursor_at(data, (size_t)size, size < 4 ? 0 : (size_t)size - 4);
    uint64_t restarts = cuv_read_u32(&whole), tail = 4 * restarts + 4;
    if (whole.failed || tail > size)
        return damaged(r, "a block is shorter than its list of restarts");
    *out = cuv_cursor_at(data, (size_t)(size - tail), 0);
    return CUV_OK;
}

/* One entry: how much of the last key is kept, the rest of the key, the value. `key` holds the last key. */
static cuv_status next_entry(const reader *r, cuv_cursor *c, cuv_buffer *key, cuv_table_entry *out)
{
    uint64_t shared = 0, rest = 0, size = 0;
    if (!cuv_read_varint(c, &shared) || !cuv_read_varint(c, &rest) || !cuv_read_varint(c, &size) || shared > key->size ||
        rest > c->size || size > c->size)
        return damaged(r, "an entry is cut off");
    const uint8_t *text = cuv_read_bytes(c, (size_t)rest);
    out->data = cuv_read_bytes(c, (size_t)size);
    out->size = (size_t)size;
    if (c->failed || memchr(text, 0, (size_t)rest))
        return damaged(r, c->failed ? "an entry is cut off" : "a key has a NUL in it");
    key->size = (size_t)shared;
    cuv_buffer_add(key, text, (size_t)rest);
    return key->failed ? cuv_oom(cuv_arena_context(r->arena)) : CUV_OK;
}

static cuv_status add_entry(reader *r, const cuv_buffer *key, cuv_table_entry entry)
{
    cuv_table *t = r->table;
    cuv_table_entry *entries = cuv_arena_grow(r->arena, t->entries, t->count, &r->capacity, sizeof *entries);
    entry.key = cuv_arena_strndup(r->arena, key->data ? key->data : "", key->size);
    if (!entries || !entry.key)
        return cuv_oom(cuv_arena_context(r->arena));
    t->entries = entries;
    t->entries[t->count++] = entry;
    if (t->count <= cuv_context_limits(cuv_arena_context(r->arena))->items)
        return CUV_OK;
    return damaged(r, "it has more entries than the limits allow");
}

/* Every entry of a data block, or, of the index block, every entry of the blocks that it names. */
static cuv_status read_block(reader *r, uint64_t offset, uint64_t size, bool index)
{
    cuv_cursor c;
    cuv_buffer key;
    CUV_TRY(open_block(r, offset, size, &c));
    cuv_buffer_init(&key, cuv_arena_context(r->arena));
    cuv_status status = CUV_OK;
    while (status == CUV_OK && c.at < c.size) {
        cuv_table_entry entry = {0};
        status = next_entry(r, &c, &key, &entry);
        if (status == CUV_OK && !index) {
            status = add_entry(r, &key, entry);
        } else if (status == CUV_OK) {
            cuv_cursor handle = cuv_cursor_at(entry.data, entry.size, 0);
            uint64_t at = 0, length = 0;
            if (!cuv_read_varint(&handle, &at) || !cuv_read_varint(&handle, &length))
                status = damaged(r, "an entry of the index names no block");
            else
                status = read_block(r, at, length, false);
        }
    }
    cuv_buffer_free(&key);
    return status;
}

cuv_status cuv_table_parse(cuv_arena *arena, const cuv_source *src, cuv_table *out)
{
    reader r = {.arena = arena, .src = src, .table = out};
    uint64_t skipped = 0, offset = 0, size = 0;
    *out = (cuv_table){0};
    if (src->size < FOOTER)
        return damaged(&r, "it is shorter than a footer");
    cuv_cursor footer = cuv_cursor_at(src->data + src->size - FOOTER, FOOTER, 0);
    if (!cuv_read_varint(&footer, &skipped) || !cuv_read_varint(&footer, &skipped) || !cuv_read_varint(&footer, &offset) ||
        !cuv_read_varint(&footer, &size))
        return damaged(&r, "its footer names no index");
    return read_block(&r, offset, size, true);
}
