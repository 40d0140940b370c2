/* Groups with symbol tables: the B-tree of version 1, its symbol nodes and the local heap with the names (specification
 * III.A.1, III.B, III.C, III.D). */
#include "format/hdf5.h"

#include <inttypes.h>

/* The group whose tree is walked, and the bytes of its names. */
typedef struct names {
    cuv_h5_file *file;
    const cuv_h5_frame *at;
    cuv_h5_header *header;
    cuv_h5_slice heap;
} names;

static cuv_status damaged(const names *n, uint64_t address, const char *what)
{
    return cuv_h5_fail(&n->file->job, CUV_DAMAGED, "hdf5.group", n->at, "%s at byte %" PRIu64, what, address);
}

/* A cursor behind the signature of a structure, failed when it is another one. */
static cuv_cursor structure_at(const cuv_h5_file *file, uint64_t address, const char signature[static 4])
{
    bool inside = address < file->size;
    cuv_cursor c = cuv_cursor_at(file->data, file->size, inside ? (size_t)address : file->size);
    const uint8_t *p = cuv_read_bytes(&c, 4);
    if (!p || memcmp(p, signature, 4) != 0)
        c.failed = true;
    return c;
}

cuv_status cuv_h5_refuse_link(const cuv_h5_file *file, const cuv_h5_frame *at, const char *name, const char *kind)
{
    cuv_detail detail = {.file = file->job.src->name, .help = "replace the link by what it points at, or leave it out"};
    return cuv_fail(file->job.cx, CUV_UNSAFE, "hdf5.link", &detail, "%s: %s is a %s link, which no Keras file needs",
                    file->job.src->name, cuv_h5_where(&file->job, at, name), kind);
}

cuv_status cuv_h5_add_link(cuv_h5_file *file, cuv_h5_header *header, const char *name, uint64_t address)
{
    cuv_h5_link *links = cuv_arena_grow(file->job.arena, header->links, header->link_count, &header->link_capacity,
                                        sizeof *links);
    if (!links)
        return cuv_oom(file->job.cx);
    header->links = links;
    links[header->link_count++] = (cuv_h5_link){name, address};
    return CUV_OK;
}

/* III.D: the data segment of a local heap. */
static cuv_status read_heap(names *n)
{
    cuv_cursor c = structure_at(n->file, n->header->heap, "HEAP");
    uint8_t version = cuv_read_u8(&c);
    cuv_skip(&c, 3);
    uint64_t size = cuv_h5_read_length(n->file, &c);
    cuv_h5_read_length(n->file, &c);
    uint64_t address = cuv_h5_read_offset(n->file, &c);
    if (c.failed || version != 0)
        return damaged(n, n->header->heap, "there is no heap of names");
    if (address > n->file->size || size > n->file->size - address)
        return damaged(n, n->header->heap, "the names reach beyond the end of the file");
    n->heap = (cuv_h5_slice){n->file->data + address, (size_t)size};
    return CUV_OK;
}

static cuv_status read_entry(const names *n, cuv_cursor *c)
{
    uint64_t offset = cuv_h5_read_offset(n->file, c), address = cuv_h5_read_offset(n->file, c);
    uint32_t cached = cuv_read_u32(c);
    cuv_skip(c, 20);
    if (c->failed || offset >= n->heap.size)
        return damaged(n, c->at, "there is an entry without a name");
    const char *text = (const char *)n->heap.data + offset, *name;
    size_t room = n->heap.size - (size_t)offset, size = strnlen(text, room);
    if (size == room)
        return damaged(n, c->at, "there is a name without an end");
    CUV_TRY(cuv_h5_take_name(&n->file->job, n->at, text, size, true, &name));
    if (cached == 2)
        return cuv_h5_refuse_link(n->file, n->at, name, "soft");
    return cuv_h5_add_link(n->file, n->header, name, address);
}

/* III.B, III.C. */
static cuv_status read_symbol_node(const names *n, uint64_t address)
{
    cuv_cursor c = structure_at(n->file, address, "SNOD");
    uint8_t version = cuv_read_u8(&c);
    cuv_skip(&c, 1);
    unsigned count = cuv_read_u16(&c);
    if (c.failed || version != 1)
        return damaged(n, address, "there is no node of names");
    for (unsigned i = 0; i < count; i++)
        CUV_TRY(read_entry(n, &c));
    return CUV_OK;
}

/* III.A.1. Levels fall by one with each step down, so the recursion ends; cuv_h5_spend ends trees that share nodes. */
static cuv_status read_tree(const names *n, uint64_t address, int level)
{
    cuv_cursor c = structure_at(n->file, address, "TREE");
    uint8_t kind = cuv_read_u8(&c), found = cuv_read_u8(&c);
    unsigned count = cuv_read_u16(&c);
    cuv_h5_read_offset(n->file, &c);
    cuv_h5_read_offset(n->file, &c);
    if (c.failed || kind != 0 || (level >= 0 && found != level))
        return damaged(n, address, "there is no B-tree of a group");
    if (found > cuv_context_limits(n->file->job.cx)->depth)
        return cuv_h5_fail(&n->file->job, CUV_UNSAFE, "hdf5.depth", n->at, "its B-tree has %u levels", found);
    for (unsigned i = 0; i < count; i++) {
        cuv_h5_read_length(n->file, &c);
        uint64_t child = cuv_h5_read_offset(n->file, &c);
        if (c.failed)
            return damaged(n, address, "the file ends inside the B-tree");
        CUV_TRY(cuv_h5_spend(&n->file->job, 16));
        CUV_TRY(found > 0 ? read_tree(n, child, found - 1) : read_symbol_node(n, child));
    }
    return CUV_OK;
}

cuv_status cuv_h5_read_symbols(cuv_h5_file *file, const cuv_h5_frame *at, cuv_h5_header *header)
{
    names n = {.file = file, .at = at, .header = header};
    CUV_TRY(read_heap(&n));
    return read_tree(&n, header->btree, -1);
}
