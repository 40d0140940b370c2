/* Object headers of HDF5, versions 1 and 2 (specification IV.A.1): gathers the messages of all blocks, sorts out what the
 * own reader cannot or must not follow. The contents of messages are parsed elsewhere, links excepted. */
#include "format/hdf5.h"

#include <inttypes.h>

enum { MAX_BLOCKS = 1024 };

/* Message types (specification IV.A.2). */
enum {
    MSG_NIL = 0x00, MSG_SPACE = 0x01, MSG_LINK_INFO = 0x02, MSG_TYPE = 0x03, MSG_OLD_FILL = 0x04, MSG_FILL = 0x05,
    MSG_LINK = 0x06, MSG_EXTERNAL = 0x07, MSG_LAYOUT = 0x08, MSG_FILTERS = 0x0B, MSG_ATTRIBUTE = 0x0C,
    MSG_CONTINUATION = 0x10, MSG_SYMBOLS = 0x11, MSG_ATTRIBUTE_INFO = 0x15, MSG_LAST = 0x16
};
enum { FLAG_SHARED = 0x02, FLAG_MUST_KNOW = 0x80 };

typedef struct block { uint64_t address, size; } block;

/* The header being walked: blocks still to come, and how messages look in it. */
typedef struct walk {
    cuv_h5_file *file;
    const cuv_h5_frame *at;
    cuv_h5_header *out;
    block blocks[MAX_BLOCKS];
    size_t block_count;
    bool newer, creation_order;   /* version 2; its messages carry their creation order */
    unsigned left;                /* messages of a version 1 header that are still to come */
} walk;

bool cuv_h5_undefined(const cuv_h5_file *file, uint64_t address)
{
    return address == UINT64_MAX >> (64 - 8 * file->offset_bytes);
}

uint64_t cuv_h5_read_offset(const cuv_h5_file *file, cuv_cursor *c)
{
    return cuv_read_uint(c, file->offset_bytes);
}

uint64_t cuv_h5_read_length(const cuv_h5_file *file, cuv_cursor *c)
{
    return cuv_read_uint(c, file->length_bytes);
}

static cuv_status damaged(const walk *w, const char *what)
{
    return cuv_h5_fail(&w->file->job, CUV_DAMAGED, "hdf5.header", w->at, "its object header at byte %" PRIu64 " %s",
                       w->at->address, what);
}

static uint32_t rotate(uint32_t x, unsigned by)
{
    return x << by | x >> (32 - by);
}

/* Bob Jenkins's lookup3 over bytes with seed 0, the checksum of all newer structures. */
static uint32_t checksum(const uint8_t *data, size_t size)
{
    uint32_t s[3];
    s[0] = s[1] = s[2] = UINT32_C(0xdeadbeef) + (uint32_t)size;
    while (size > 0) {
        size_t take = size < 12 ? size : 12;
        for (size_t i = 0; i < take; i++)
            s[i / 4] += (uint32_t)data[i] << (8 * (i % 4));
        data += take;
        size -= take;
        if (size == 0)
            break;
        static const uint8_t turns[6] = {4, 6, 8, 16, 19, 4};
        for (unsigned i = 0; i < 6; i++) {
            uint32_t *a = &s[i % 3], *b = &s[(i + 1) % 3], *c = &s[(i + 2) % 3];
            *a = (*a - *c) ^ rotate(*c, turns[i]);
            *c += *b;
        }
    }
    static const uint8_t last[7] = {14, 11, 25, 16, 4, 14, 24};
    for (unsigned i = 0; i < 7; i++) {
        uint32_t *to = &s[(2 + i) % 3], *from = &s[(1 + i) % 3];
        *to = (*to ^ *from) - rotate(*from, last[i]);
    }
    return s[2];
}

static cuv_status check_sum(const walk *w, const uint8_t *data, size_t size)
{
    cuv_cursor c = cuv_cursor_at(data, size, size - 4);
    bool fits = checksum(data, size - 4) == cuv_read_u32(&c);
#ifdef CUV_FUZZING
    fits = true;
#endif
    return fits ? CUV_OK : damaged(w, "does not match its checksum");
}

static cuv_status add_block(walk *w, uint64_t address, uint64_t size)
{
    if (address > w->file->size || size > w->file->size - address)
        return damaged(w, "continues beyond the end of the file");
    for (size_t i = 0; i < w->block_count; i++)
        if (w->blocks[i].address == address)
            return damaged(w, "continues in itself");
    if (w->block_count == MAX_BLOCKS)
        return cuv_h5_beyond(&w->file->job, w->at, "an object header of more than 1024 blocks");
    w->blocks[w->block_count++] = (block){address, size};
    return CUV_OK;
}

static cuv_status take_attribute(walk *w, cuv_h5_slice m)
{
    cuv_h5_header *out = w->out;
    cuv_h5_slice *grown = cuv_arena_grow(w->file->job.arena, out->attributes, out->attribute_count,
                                         &out->attribute_capacity, sizeof *grown);
    if (!grown)
        return cuv_oom(w->file->job.cx);
    out->attributes = grown;
    grown[out->attribute_count++] = m;
    return CUV_OK;
}

/* IV.A.2.g. Soft and external links name other places; nothing that Keras writes needs one. */
static cuv_status take_link(walk *w, cuv_h5_slice m)
{
    cuv_cursor c = cuv_cursor_at(m.data, m.size, 0);
    uint8_t version = cuv_read_u8(&c), flags = cuv_read_u8(&c);
    uint8_t kind = flags & 0x08 ? cuv_read_u8(&c) : 0;
    cuv_skip(&c, flags & 0x04 ? 8 : 0);
    cuv_skip(&c, flags & 0x10 ? 1 : 0);
    uint64_t size = cuv_read_uint(&c, 1U << (flags & 0x03));
    const uint8_t *text = c.failed || size > m.size ? NULL : cuv_read_bytes(&c, (size_t)size);
    const char *name;
    if (version != 1 || !text)
        return damaged(w, "has a link message that makes no sense");
    CUV_TRY(cuv_h5_take_name(&w->file->job, w->at, (const char *)text, (size_t)size, true, &name));
    if (kind != 0)
        return cuv_h5_refuse_link(w->file, w->at, name, kind == 1 ? "soft" : kind == 64 ? "external" : "user-defined");
    uint64_t address = cuv_h5_read_offset(w->file, &c);
    if (c.failed)
        return damaged(w, "has a link message that makes no sense");
    w->file->newer_groups = true;
    return cuv_h5_add_link(w->file, w->out, name, address);
}

/* IV.A.2.c and IV.A.2.v: where many links or attributes are kept in a heap of their own. */
static cuv_status check_info(walk *w, cuv_h5_slice m, const char *dense)
{
    cuv_cursor c = cuv_cursor_at(m.data, m.size, 0);
    uint8_t version = cuv_read_u8(&c), flags = cuv_read_u8(&c);
    bool links = dense[0] == 'l';
    cuv_skip(&c, flags & 1 ? (links ? 8 : 2) : 0);
    uint64_t heap = cuv_h5_read_offset(w->file, &c);
    if (c.failed || version != 0)
        return damaged(w, "has an information message that makes no sense");
    return cuv_h5_undefined(w->file, heap) ? CUV_OK : cuv_h5_beyond(&w->file->job, w->at, dense);
}

static cuv_status take_symbols(walk *w, cuv_h5_slice m)
{
    cuv_cursor c = cuv_cursor_at(m.data, m.size, 0);
    w->out->btree = cuv_h5_read_offset(w->file, &c);
    w->out->heap = cuv_h5_read_offset(w->file, &c);
    w->out->has_symbols = true;
    return c.failed ? damaged(w, "has a symbol table message that is too short") : CUV_OK;
}

/* Only the first message of a kind counts, as for libhdf5. */
static cuv_status take_slice(cuv_h5_slice *slot, cuv_h5_slice m)
{
    if (!slot->data)
        *slot = m;
    return CUV_OK;
}

static cuv_status take_message(walk *w, unsigned type, unsigned flags, cuv_h5_slice m)
{
    cuv_h5_job *job = &w->file->job;
    CUV_TRY(cuv_h5_spend(job, 8 + (uint64_t)m.size));
    if ((flags & FLAG_SHARED) && type != MSG_NIL)
        return cuv_h5_beyond(job, w->at, "a committed type or shared message");
    if (type > MSG_LAST && (flags & FLAG_MUST_KNOW))
        return cuv_h5_beyond(job, w->at, "an object header message of a later version");
    switch (type) {
    case MSG_SPACE: return take_slice(&w->out->space, m);
    case MSG_TYPE: return take_slice(&w->out->type, m);
    case MSG_FILL: return take_slice(&w->out->fill, m);
    case MSG_OLD_FILL: return take_slice(&w->out->old_fill, m);
    case MSG_LAYOUT: return take_slice(&w->out->layout, m);
    case MSG_ATTRIBUTE: return take_attribute(w, m);
    case MSG_LINK: return take_link(w, m);
    case MSG_SYMBOLS: return take_symbols(w, m);
    case MSG_LINK_INFO:
        w->out->has_link_info = w->file->newer_groups = true;
        return check_info(w, m, "links in a heap of their own");
    case MSG_ATTRIBUTE_INFO: return check_info(w, m, "attributes in a heap of their own");
    case MSG_FILTERS: return cuv_h5_beyond(job, w->at, "a filtered data set");
    case MSG_EXTERNAL:
        return cuv_h5_fail(job, CUV_UNSAFE, "hdf5.external", w->at, "its values are said to lie in other files");
    default: return CUV_OK;
    }
}

/* Messages from c to its end; a version 2 block may end in a gap that is too small for a message. */
static cuv_status walk_messages(walk *w, cuv_cursor c)
{
    size_t prefix = w->newer ? (w->creation_order ? 6 : 4) : 8;
    while (c.size - c.at >= prefix && (w->newer || w->left > 0)) {
        unsigned type = w->newer ? cuv_read_u8(&c) : cuv_read_u16(&c);
        size_t size = cuv_read_u16(&c);
        unsigned flags = cuv_read_u8(&c);
        cuv_skip(&c, prefix - (w->newer ? 4 : 5));
        cuv_h5_slice m = {cuv_read_bytes(&c, size), size};
        if (!m.data)
            return damaged(w, "has a message that reaches beyond its block");
        if (!w->newer)
            w->left--;
        if (type == MSG_CONTINUATION) {
            cuv_cursor body = cuv_cursor_at(m.data, m.size, 0);
            uint64_t address = cuv_h5_read_offset(w->file, &body), length = cuv_h5_read_length(w->file, &body);
            if (body.failed)
                return damaged(w, "has a continuation that is too short");
            CUV_TRY(add_block(w, address, length));
        } else {
            CUV_TRY(take_message(w, type, flags, m));
        }
    }
    return CUV_OK;
}

/* Blocks after the first: bare messages in version 1, "OCHK" messages checksum in version 2. */
static cuv_status walk_blocks(walk *w)
{
    for (size_t i = 1; i < w->block_count; i++) {
        const uint8_t *data = w->file->data + w->blocks[i].address;
        size_t size = (size_t)w->blocks[i].size, start = 0;
        if (w->newer) {
            if (size < 8 || memcmp(data, "OCHK", 4) != 0)
                return damaged(w, "continues where no header block is");
            CUV_TRY(check_sum(w, data, size));
            start = 4;
            size -= 4;
        }
        CUV_TRY(walk_messages(w, cuv_cursor_at(data, size, start)));
    }
    return CUV_OK;
}

static cuv_status walk_version_1(walk *w, cuv_cursor c)
{
    cuv_skip(&c, 2);
    w->left = cuv_read_u16(&c);
    cuv_skip(&c, 4);
    size_t size = cuv_read_u32(&c);
    cuv_skip(&c, 4);
    size_t start = c.at;
    if (c.failed || size > c.size - start)
        return damaged(w, "reaches beyond the end of the file");
    CUV_TRY(add_block(w, start, size));
    CUV_TRY(walk_messages(w, cuv_cursor_at(w->file->data, start + size, start)));
    return walk_blocks(w);
}

static cuv_status walk_version_2(walk *w, cuv_cursor c)
{
    size_t begin = c.at;
    cuv_skip(&c, 4);
    uint8_t version = cuv_read_u8(&c), flags = cuv_read_u8(&c);
    cuv_skip(&c, flags & 0x20 ? 16 : 0);
    cuv_skip(&c, flags & 0x10 ? 4 : 0);
    uint64_t size = cuv_read_uint(&c, 1U << (flags & 0x03));
    size_t start = c.at;
    if (c.failed || size > c.size - start || c.size - start - (size_t)size < 4)
        return damaged(w, "reaches beyond the end of the file");
    if (version != 2)
        return cuv_h5_beyond(&w->file->job, w->at, "an object header of a later version");
    w->newer = true;
    w->creation_order = flags & 0x04;
    CUV_TRY(check_sum(w, w->file->data + begin, start - begin + (size_t)size + 4));
    CUV_TRY(add_block(w, begin, size));
    CUV_TRY(walk_messages(w, cuv_cursor_at(w->file->data, start + (size_t)size, start)));
    return walk_blocks(w);
}

cuv_status cuv_h5_read_header(cuv_h5_file *file, const cuv_h5_frame *at, cuv_h5_header *out)
{
    walk w;
    w.file = file;
    w.at = at;
    w.out = out;
    w.block_count = 0;
    w.newer = w.creation_order = false;
    w.left = 0;
    *out = (cuv_h5_header){0};
    if (at->address >= file->size || file->size - at->address < 16)
        return damaged(&w, "lies beyond the end of the file");
    cuv_cursor c = cuv_cursor_at(file->data, file->size, (size_t)at->address);
    const uint8_t *p = file->data + at->address;
    if (memcmp(p, "OHDR", 4) == 0)
        return walk_version_2(&w, c);
    if (p[0] == 1)
        return walk_version_1(&w, c);
    return damaged(&w, "is not one");
}
