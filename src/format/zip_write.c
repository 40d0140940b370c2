/* Writes zip archives of stored members: the same bytes for the same members, whenever and wherever they are written.
 * Data of larger members is aligned so that it can be used in place when the archive is mapped. APPNOTE.TXT 6.3.9. */
#include "format/zip.h"

#include <assert.h>

enum {
    ALIGNMENT = 64, ALIGNED_FROM = 4096 + 1,
    VERSION = 20, VERSION_64 = 45, UNIX = 3 << 8,
    DATE = 0x0021, /* 1 January 1980, the first day there is */
    PLAIN_FILE = 0100644
};

typedef struct written {
    const char *name;
    uint64_t size, header;
    uint32_t crc;
} written;

struct cuv_zip_writer {
    cuv_arena *arena;
    cuv_context *cx;
    cuv_output *out;
    uint64_t start; /* where the archive begins in the output */
    written *members;
    size_t count, capacity;
    cuv_map *names;
};

cuv_status cuv_zip_writer_new(cuv_arena *arena, cuv_output *out, cuv_zip_writer **writer)
{
    cuv_zip_writer *w = CUV_NEW(arena, cuv_zip_writer);
    *writer = NULL;
    if (!w || !(w->names = cuv_map_new(arena)))
        return cuv_oom(cuv_arena_context(arena));
    w->arena = arena;
    w->cx = cuv_arena_context(arena);
    w->out = out;
    w->start = cuv_output_position(out);
    *writer = w;
    return CUV_OK;
}

static void put(cuv_buffer *b, uint64_t value, unsigned bytes)
{
    for (; bytes > 0; bytes--, value >>= 8) {
        uint8_t byte = (uint8_t)value;
        cuv_buffer_add(b, &byte, 1);
    }
}

static uint64_t narrow(uint64_t value)
{
    return value < UINT32_MAX ? value : UINT32_MAX;
}

static bool is_wide(uint64_t value)
{
    return value >= UINT32_MAX;
}

static uint16_t flags_of(const char *name)
{
    for (; *name; name++)
        if ((unsigned char)*name >= 0x80)
            return ZIP_FLAG_UTF8;
    return 0;
}

/* What local and central headers have in common, from "version needed" to "size". */
static void put_common(cuv_buffer *b, const written *m, bool wide)
{
    put(b, wide ? VERSION_64 : VERSION, 2);
    put(b, flags_of(m->name), 2);
    put(b, ZIP_STORED, 2);
    put(b, 0, 2);
    put(b, DATE, 2);
    put(b, m->crc, 4);
    put(b, narrow(m->size), 4);
    put(b, narrow(m->size), 4);
    put(b, strlen(m->name), 2);
}

/* The size of an alignment field (id, length, alignment, zeros) that moves `at` to a multiple of 64; 0 when it is there. */
static size_t padding_for(uint64_t at)
{
    enum { LEAST = 6 };
    size_t past = (size_t)(at % ALIGNMENT);
    if (past == 0)
        return 0;
    size_t pad = ALIGNMENT - past;
    return pad >= LEAST ? pad : pad + ALIGNMENT;
}

static void put_local(cuv_buffer *b, const written *m, uint64_t at)
{
    bool wide = is_wide(m->size);
    size_t extra = wide ? 20 : 0, padding = 0;
    if (m->size >= ALIGNED_FROM)
        padding = padding_for(at + ZIP_LOCAL_SIZE + strlen(m->name) + extra);
    put(b, ZIP_LOCAL, 4);
    put_common(b, m, wide);
    put(b, extra + padding, 2);
    cuv_buffer_text(b, m->name);
    if (wide) {
        put(b, ZIP_EXTRA_64, 2);
        put(b, 16, 2);
        put(b, m->size, 8);
        put(b, m->size, 8);
    }
    if (padding > 0) {
        put(b, ZIP_EXTRA_ALIGN, 2);
        put(b, padding - 4, 2);
        put(b, ALIGNMENT, 2);
        put(b, 0, (unsigned)padding - 6);
    }
}

static void put_central(cuv_buffer *b, const written *m)
{
    bool wide_size = is_wide(m->size), wide_header = is_wide(m->header);
    size_t wide = (wide_size ? 16U : 0U) + (wide_header ? 8U : 0U);
    put(b, ZIP_CENTRAL, 4);
    put(b, UNIX | (wide ? VERSION_64 : VERSION), 2);
    put_common(b, m, wide > 0);
    put(b, wide ? 4 + wide : 0, 2);
    put(b, 0, 2); /* comment */
    put(b, 0, 2); /* disk */
    put(b, 0, 2); /* internal attributes */
    put(b, (uint64_t)PLAIN_FILE << 16, 4);
    put(b, narrow(m->header), 4);
    cuv_buffer_text(b, m->name);
    if (wide == 0)
        return;
    put(b, ZIP_EXTRA_64, 2);
    put(b, wide, 2);
    if (wide_size) {
        put(b, m->size, 8);
        put(b, m->size, 8);
    }
    if (wide_header)
        put(b, m->header, 8);
}

static void put_end(cuv_buffer *b, uint64_t count, uint64_t offset, uint64_t size, const char *comment)
{
    if (count >= UINT16_MAX || is_wide(offset) || is_wide(size)) {
        put(b, ZIP_END64, 4);
        put(b, ZIP_END64_SIZE - 12, 8);
        put(b, UNIX | VERSION_64, 2);
        put(b, VERSION_64, 2);
        put(b, 0, 8); /* disks */
        put(b, count, 8);
        put(b, count, 8);
        put(b, size, 8);
        put(b, offset, 8);
        put(b, ZIP_LOCATOR64, 4);
        put(b, 0, 4);
        put(b, offset + size, 8);
        put(b, 1, 4);
    }
    put(b, ZIP_END, 4);
    put(b, 0, 4); /* disks */
    put(b, count < UINT16_MAX ? count : UINT16_MAX, 2);
    put(b, count < UINT16_MAX ? count : UINT16_MAX, 2);
    put(b, narrow(size), 4);
    put(b, narrow(offset), 4);
    put(b, strlen(comment), 2);
    cuv_buffer_text(b, comment);
}

static cuv_status write_out(cuv_zip_writer *w, cuv_buffer *b)
{
    cuv_status status = b->failed ? cuv_oom(w->cx) : cuv_output_write(w->out, b->data, b->size);
    cuv_buffer_free(b);
    return status;
}

static cuv_status check_name(cuv_zip_writer *w, const char *name)
{
    const char *fault = cuv_zip_name_fault(name, strlen(name));
    if (!fault && strlen(name) > UINT16_MAX)
        fault = "has a name that is too long";
    if (!fault && cuv_map_get(w->names, name))
        fault = "has been written already";
    if (!fault)
        return CUV_OK;
    cuv_buffer quoted;
    cuv_buffer_init(&quoted, w->cx);
    cuv_buffer_safe(&quoted, name, strlen(name) < 200 ? strlen(name) : 200);
    cuv_status status = cuv_fail(w->cx, CUV_UNSAFE, "zip.name", NULL, "a member of the archive, %s, %s",
                                 quoted.failed ? "" : quoted.data, fault);
    cuv_buffer_free(&quoted);
    return status;
}

cuv_status cuv_zip_writer_add(cuv_zip_writer *w, const char *name, const void *data, size_t size)
{
    CUV_TRY(check_name(w, name));
    written *members = cuv_arena_grow(w->arena, w->members, w->count, &w->capacity, sizeof *members);
    char *copy = cuv_arena_strdup(w->arena, name);
    if (!members || !copy)
        return cuv_oom(w->cx);
    w->members = members;
    CUV_TRY(cuv_map_set(w->names, copy, copy));
    uint64_t at = cuv_output_position(w->out) - w->start;
    written *m = &w->members[w->count++];
    *m = (written){.name = copy, .size = size, .header = at, .crc = cuv_crc32(0, data, size)};
    cuv_buffer b;
    cuv_buffer_init(&b, w->cx);
    put_local(&b, m, at);
    CUV_TRY(write_out(w, &b));
    return size > 0 ? cuv_output_write(w->out, data, size) : CUV_OK;
}

cuv_status cuv_zip_writer_finish(cuv_zip_writer *w, const char *comment)
{
    assert(!comment || strlen(comment) <= UINT16_MAX);
    uint64_t offset = cuv_output_position(w->out) - w->start;
    cuv_buffer b;
    for (size_t i = 0; i < w->count; i++) {
        cuv_buffer_init(&b, w->cx);
        put_central(&b, &w->members[i]);
        CUV_TRY(write_out(w, &b));
    }
    uint64_t size = cuv_output_position(w->out) - w->start - offset;
    cuv_buffer_init(&b, w->cx);
    put_end(&b, w->count, offset, size, comment ? comment : "");
    return write_out(w, &b);
}
