/* Attributes, data layouts and the global heap of HDF5 (specification III.E, IV.A.2.e to .i, IV.A.2.m), as far as the own
 * reader goes: compact and contiguous data, never chunks. */
#include "format/hdf5.h"

#include <inttypes.h>

static cuv_status damaged(const cuv_h5_file *file, const cuv_h5_frame *at, const char *what)
{
    return cuv_h5_fail(&file->job, CUV_DAMAGED, "hdf5.message", at, "its %s makes no sense", what);
}

/* ---- variable-length text ---- */

static size_t heap_header(const cuv_h5_file *file)
{
    return (8 + (size_t)file->length_bytes + 7) & ~(size_t)7;
}

/* III.E: makes the collection at `address` the current one. */
static cuv_status open_heap(cuv_h5_file *file, const cuv_h5_frame *at, uint64_t address)
{
    if (file->heap_address == address && file->heap_end != 0)
        return CUV_OK;
    bool inside = address < file->size;
    cuv_cursor c = cuv_cursor_at(file->data, file->size, inside ? (size_t)address : file->size);
    const uint8_t *signature = cuv_read_bytes(&c, 4);
    uint8_t version = cuv_read_u8(&c);
    cuv_skip(&c, 3);
    uint64_t size = cuv_h5_read_length(file, &c);
    if (c.failed || memcmp(signature, "GCOL", 4) != 0 || version != 1 || size > file->size - address ||
        size < heap_header(file))
        return cuv_h5_fail(&file->job, CUV_DAMAGED, "hdf5.heap", at, "there is no heap with its text at byte %" PRIu64,
                           address);
    file->heap_address = address;
    file->heap_at = (size_t)address + heap_header(file);
    file->heap_end = (size_t)(address + size);
    return CUV_OK;
}

/* Looks for object `index` between *at and end; *at moves behind it. Gives a slice without data when it is not there. */
static cuv_status search_heap(cuv_h5_file *file, size_t *at, size_t end, unsigned index, cuv_h5_slice *out)
{
    cuv_cursor c = cuv_cursor_at(file->data, end, *at);
    *out = (cuv_h5_slice){0};
    while (c.at < end && !c.failed) {
        CUV_TRY(cuv_h5_spend(&file->job, 1));
        unsigned found = cuv_read_u16(&c);
        cuv_skip(&c, 6);
        uint64_t size = cuv_h5_read_length(file, &c);
        if (found == 0 || size > end - c.at)
            break;
        const uint8_t *data = cuv_read_bytes(&c, (size_t)size);
        size_t gap = (size_t)(-size & 7);
        cuv_skip(&c, gap < end - c.at ? gap : end - c.at);
        if (found == index && data && !c.failed) {
            *out = (cuv_h5_slice){data, (size_t)size};
            *at = c.at;
            return CUV_OK;
        }
    }
    return CUV_OK;
}

/* References come in the order of the objects, so the search goes on where the last one ended. */
static cuv_status find_text(cuv_h5_file *file, const cuv_h5_frame *at, const uint8_t *element, cuv_h5_slice *out)
{
    cuv_cursor c = cuv_cursor_at(element, 8 + (size_t)file->offset_bytes, 0);
    uint32_t size = cuv_read_u32(&c);
    uint64_t address = cuv_h5_read_offset(file, &c);
    uint32_t index = cuv_read_u32(&c);
    CUV_TRY(cuv_h5_spend(&file->job, 16 + (uint64_t)size));
    *out = (cuv_h5_slice){(const uint8_t *)"", 0};
    if (size == 0 || address == 0)
        return CUV_OK;
    CUV_TRY(open_heap(file, at, address));
    size_t start = (size_t)address + heap_header(file), stop = file->heap_at;
    if (index > 0 && index <= UINT16_MAX) {
        CUV_TRY(search_heap(file, &file->heap_at, file->heap_end, index, out));
        if (!out->data) {
            CUV_TRY(search_heap(file, &start, stop, index, out));
            if (out->data)
                file->heap_at = start;
        }
    }
    if (!out->data || index == 0 || index > UINT16_MAX || size > out->size)
        return cuv_h5_fail(&file->job, CUV_DAMAGED, "hdf5.heap", at, "its text is not in the heap at byte %" PRIu64, address);
    out->size = strnlen((const char *)out->data, size);
    return CUV_OK;
}

static cuv_status texts_value(cuv_h5_file *file, const cuv_h5_frame *at, const cuv_h5_space *space, cuv_h5_slice data,
                              cuv_value **out)
{
    cuv_arena *arena = file->job.arena;
    cuv_value *list = cuv_value_list(arena), *item = NULL;
    if (!list)
        return cuv_oom(file->job.cx);
    for (size_t i = 0; i < space->count; i++) {
        cuv_h5_slice text;
        CUV_TRY(find_text(file, at, data.data + i * (8 + (size_t)file->offset_bytes), &text));
        item = cuv_h5_text_value(arena, (const char *)text.data, text.size);
        CUV_TRY(cuv_list_add(arena, list, item));
    }
    *out = space->rank == 0 ? item : list;
    return CUV_OK;
}

static cuv_status set_texts(cuv_h5_file *file, const cuv_h5_frame *at, cuv_h5 *node, const cuv_h5_space *space,
                            cuv_h5_slice data)
{
    cuv_string *strings;
    CUV_TRY(cuv_h5_new_strings(&file->job, node, space, &strings));
    for (size_t i = 0; i < space->count; i++) {
        cuv_h5_slice text;
        CUV_TRY(find_text(file, at, data.data + i * (8 + (size_t)file->offset_bytes), &text));
        strings[i] = (cuv_string){cuv_arena_strndup(file->job.arena, (const char *)text.data, text.size), text.size};
        if (!strings[i].data)
            return cuv_oom(file->job.cx);
    }
    return CUV_OK;
}

/* ---- attributes ---- */

/* IV.A.2.m: the parts of an attribute message. */
typedef struct attribute {
    cuv_h5_slice name, type, space, data;
} attribute;

static cuv_h5_slice read_part(cuv_cursor *c, size_t size, bool padded)
{
    cuv_h5_slice part = {cuv_read_bytes(c, size), size};
    size_t gap = padded ? (size_t)(-size & 7) : 0;
    cuv_skip(c, gap);
    return part;
}

static cuv_status split_attribute(cuv_h5_file *file, const cuv_h5_frame *at, cuv_h5_slice m, attribute *out)
{
    cuv_cursor c = cuv_cursor_at(m.data, m.size, 0);
    uint8_t version = cuv_read_u8(&c), flags = cuv_read_u8(&c);
    size_t name = cuv_read_u16(&c), type = cuv_read_u16(&c), space = cuv_read_u16(&c);
    cuv_skip(&c, version == 3 ? 1 : 0);
    if (version < 1 || version > 3)
        return damaged(file, at, "attribute");
    if (version > 1 && flags != 0)
        return cuv_h5_beyond(&file->job, at, "an attribute with a committed type");
    out->name = read_part(&c, name, version == 1);
    out->type = read_part(&c, type, version == 1);
    out->space = read_part(&c, space, version == 1);
    if (c.failed)
        return damaged(file, at, "attribute");
    out->data = (cuv_h5_slice){m.data + c.at, m.size - c.at};
    out->name.size = strnlen((const char *)out->name.data, name);
    return CUV_OK;
}

static cuv_status read_attribute(cuv_h5_file *file, const cuv_h5_frame *at, cuv_h5_slice m, cuv_h5 *node)
{
    cuv_h5_job *job = &file->job;
    attribute a = {0};
    const char *name;
    cuv_h5_type type;
    cuv_h5_space space;
    size_t bytes;
    cuv_value *value = NULL;
    CUV_TRY(split_attribute(file, at, m, &a));
    CUV_TRY(cuv_h5_take_name(job, at, (const char *)a.name.data, a.name.size, false, &name));
    CUV_TRY(cuv_h5_parse_type(file, at, a.type, &type));
    CUV_TRY(cuv_h5_parse_space(file, at, a.space, &space));
    CUV_TRY(cuv_h5_bytes(job, at, &type, &space, &bytes));
    if (!space.null && bytes > a.data.size)
        return cuv_h5_fail(job, CUV_DAMAGED, "hdf5.truncated", at, "its attribute %s ends after %zu of %zu bytes", name,
                           a.data.size, bytes);
    if (type.kind == CUV_H5_VLEN_TEXT && !space.null && space.count > 0)
        CUV_TRY(texts_value(file, at, &space, a.data, &value));
    else
        CUV_TRY(cuv_h5_value(job, &type, &space, a.data.data, &value));
    return cuv_dict_add(job->arena, node->attributes, cuv_value_text(job->arena, name), value);
}

cuv_status cuv_h5_read_attributes(cuv_h5_file *file, const cuv_h5_frame *at, const cuv_h5_header *header, cuv_h5 *node)
{
    for (size_t i = 0; i < header->attribute_count; i++)
        CUV_TRY(read_attribute(file, at, header->attributes[i], node));
    return cuv_h5_sort_attributes(&file->job, at, node);
}

/* ---- data sets ---- */

/* Where the values lie; no data: nowhere. */
typedef struct layout {
    bool compact;
    uint64_t address, size;
    cuv_h5_slice data;
} layout;

enum { COMPACT = 0, CONTIGUOUS = 1, CHUNKED = 2, VIRTUAL = 3 };

/* Versions 1 and 2 of IV.A.2.i: the size of contiguous data follows from its shape. */
static void read_old_layout(const cuv_h5_file *file, cuv_cursor *c, unsigned *class, layout *out)
{
    unsigned rank = cuv_read_u8(c);
    *class = cuv_read_u8(c);
    cuv_skip(c, 5);
    out->size = UINT64_MAX;
    if (*class != COMPACT)
        out->address = cuv_h5_read_offset(file, c);
    cuv_skip(c, 4 * (size_t)rank);
    if (*class == COMPACT) {
        out->data.size = cuv_read_u32(c);
        out->data.data = cuv_read_bytes(c, out->data.size);
    }
}

static cuv_status read_layout(cuv_h5_file *file, const cuv_h5_frame *at, cuv_h5_slice m, layout *out)
{
    cuv_cursor c = cuv_cursor_at(m.data, m.size, 0);
    unsigned version = cuv_read_u8(&c), class = 0;
    *out = (layout){0};
    if (version > 4)
        return cuv_h5_beyond(&file->job, at, "a data layout of a later version");
    if (version < 3) {
        read_old_layout(file, &c, &class, out);
    } else {
        class = cuv_read_u8(&c);
        if (class == COMPACT) {
            out->data.size = cuv_read_u16(&c);
            out->data.data = cuv_read_bytes(&c, out->data.size);
        } else if (class == CONTIGUOUS) {
            out->address = cuv_h5_read_offset(file, &c);
            out->size = cuv_h5_read_length(file, &c);
        }
    }
    out->compact = class == COMPACT;
    if (class == VIRTUAL && version == 4)
        return cuv_h5_fail(&file->job, CUV_UNSAFE, "hdf5.virtual", at, "its values are said to lie in other data sets");
    if (class == CHUNKED)
        return cuv_h5_beyond(&file->job, at, "a chunked data set");
    return c.failed || version == 0 || class > CHUNKED ? damaged(file, at, "data layout") : CUV_OK;
}

/* IV.A.2.e and .f: the bytes of one element, or none for zeros. */
static cuv_h5_slice fill_value(const cuv_h5_header *header, size_t element)
{
    cuv_cursor c = cuv_cursor_at(header->fill.data, header->fill.size, 0);
    bool defined = true;
    if (header->fill.data) {
        uint8_t version = cuv_read_u8(&c), flags = cuv_read_u8(&c);
        cuv_skip(&c, version < 3 ? 1 : 0);
        defined = version < 3 ? cuv_read_u8(&c) != 0 : flags & 0x20;
    } else {
        c = cuv_cursor_at(header->old_fill.data, header->old_fill.size, 0);
    }
    size_t size = defined ? cuv_read_u32(&c) : 0;
    const uint8_t *data = size == element ? cuv_read_bytes(&c, size) : NULL;
    return (cuv_h5_slice){data, data ? size : 0};
}

/* Values that were never written. */
static cuv_status make_fill(cuv_h5_file *file, const cuv_h5_frame *at, const cuv_h5_header *header,
                            const cuv_h5_type *type, size_t bytes, cuv_h5_slice *out)
{
    CUV_TRY(cuv_h5_allow(&file->job, at, bytes, file->size));
    uint8_t *data = cuv_arena_alloc(file->job.arena, bytes > 0 ? bytes : 1);
    if (!data)
        return cuv_oom(file->job.cx);
    cuv_h5_slice fill = fill_value(header, type->size);
    if (fill.data && type->kind != CUV_H5_VLEN_TEXT)
        for (size_t i = 0; i + fill.size <= bytes; i += fill.size)
            memcpy(data + i, fill.data, fill.size);
    *out = (cuv_h5_slice){data, bytes};
    return CUV_OK;
}

static cuv_status add_extent(cuv_h5_file *file, uint64_t address, uint64_t size)
{
    cuv_h5_extent *extents = cuv_arena_grow(file->job.arena, file->extents, file->extent_count, &file->extent_capacity,
                                            sizeof *extents);
    if (!extents)
        return cuv_oom(file->job.cx);
    file->extents = extents;
    extents[file->extent_count++] = (cuv_h5_extent){address, size};
    return CUV_OK;
}

/* Finds the `bytes` of the data set; *viewed when they lie in the file. */
static cuv_status locate(cuv_h5_file *file, const cuv_h5_frame *at, const cuv_h5_header *header, const cuv_h5_type *type,
                         size_t bytes, cuv_h5_slice *out, bool *viewed)
{
    layout l;
    CUV_TRY(read_layout(file, at, header->layout, &l));
    *viewed = true;
    *out = (cuv_h5_slice){file->data, 0};
    if (bytes == 0)
        return CUV_OK;
    if (!l.compact && cuv_h5_undefined(file, l.address)) {
        *viewed = false;
        return make_fill(file, at, header, type, bytes, out);
    }
    if (l.compact ? l.data.size < bytes : l.size < bytes || l.address > file->size || bytes > file->size - l.address)
        return cuv_h5_fail(&file->job, CUV_DAMAGED, "hdf5.truncated", at,
                           "its %zu bytes do not lie in the file: %" PRIu64 " bytes from byte %" PRIu64 " of %zu", bytes,
                           l.compact ? l.data.size : l.size, l.address, file->size);
    *out = l.compact ? l.data : (cuv_h5_slice){file->data + l.address, bytes};
    return l.compact ? CUV_OK : add_extent(file, l.address, bytes);
}

cuv_status cuv_h5_read_dataset(cuv_h5_file *file, const cuv_h5_frame *at, const cuv_h5_header *header, cuv_h5 *node)
{
    cuv_h5_type type;
    cuv_h5_space space;
    size_t bytes;
    cuv_h5_slice data;
    bool viewed;
    if (!header->space.data || !header->type.data || !header->layout.data)
        return damaged(file, at, "object header, neither a group's nor a data set's,");
    CUV_TRY(cuv_h5_parse_type(file, at, header->type, &type));
    CUV_TRY(cuv_h5_parse_space(file, at, header->space, &space));
    CUV_TRY(cuv_h5_bytes(&file->job, at, &type, &space, &bytes));
    CUV_TRY(locate(file, at, header, &type, bytes, &data, &viewed));
    if (type.kind == CUV_H5_VLEN_TEXT && !cuv_h5_note_foreign(node, &type, &space))
        return set_texts(file, at, node, &space, data);
    if (type.kind == CUV_H5_VLEN_TEXT)
        return CUV_OK;
    return cuv_h5_set_tensor(&file->job, at, node, &type, &space, data.data, viewed);
}
