/* The own HDF5 reader from the superblock down the tree of objects (specification II, III.C). Reads what Keras writes;
 * what lies outside is left to libhdf5 (CUV_UNSUPPORTED), what no model needs is refused. Touches no weight. */
#include "format/hdf5.h"

#include <inttypes.h>
#include <stdlib.h>

static const uint8_t signature[8] = {0x89, 'H', 'D', 'F', '\r', '\n', 0x1A, '\n'};

static cuv_status no_hdf5(const cuv_source *src, cuv_context *cx)
{
    cuv_detail detail = {.file = src->name, .expected = "the signature 89 48 44 46 0d 0a 1a 0a",
                         .help = "check that the file was copied whole"};
    return cuv_fail(cx, CUV_DAMAGED, "hdf5.signature", &detail, "%s: this is no HDF5 file", src->name);
}

/* A user block moves the superblock to 512, 1024, … (II). */
static bool has_user_block(const cuv_source *src)
{
    for (size_t at = 512; at < src->size && src->size - at >= 8 && at <= SIZE_MAX / 2; at *= 2)
        if (memcmp(src->data + at, signature, 8) == 0)
            return true;
    return false;
}

/* Fields that both families of superblocks have in common. */
typedef struct superblock {
    uint64_t base, extension, end, driver, root;
} superblock;

/* II.A, versions 0 and 1. */
static void read_old_superblock(cuv_h5_file *file, cuv_cursor *c, unsigned version, superblock *out)
{
    cuv_skip(c, 4);
    file->offset_bytes = cuv_read_u8(c);
    file->length_bytes = cuv_read_u8(c);
    cuv_skip(c, version == 0 ? 9 : 13);
    if (file->offset_bytes > 8 || file->length_bytes > 8)
        return;
    out->base = cuv_h5_read_offset(file, c);
    cuv_h5_read_offset(file, c);
    out->end = cuv_h5_read_offset(file, c);
    out->driver = cuv_h5_read_offset(file, c);
    cuv_h5_read_offset(file, c);
    out->root = cuv_h5_read_offset(file, c);
    out->extension = UINT64_MAX;
}

/* II.B, versions 2 and 3. */
static void read_new_superblock(cuv_h5_file *file, cuv_cursor *c, superblock *out)
{
    file->offset_bytes = cuv_read_u8(c);
    file->length_bytes = cuv_read_u8(c);
    cuv_skip(c, 1);
    out->base = cuv_h5_read_offset(file, c);
    out->extension = cuv_h5_read_offset(file, c);
    out->end = cuv_h5_read_offset(file, c);
    out->root = cuv_h5_read_offset(file, c);
    out->driver = UINT64_MAX;
}

static cuv_status beyond(cuv_h5_job *job, const char *what)
{
    job->beyond = what;
    return CUV_UNSUPPORTED;
}

static cuv_status check_superblock(cuv_h5_file *file, const superblock *s)
{
    cuv_h5_job *job = &file->job;
    if (s->base != 0)
        return beyond(job, "a user block");
    if (s->driver != UINT64_MAX && !cuv_h5_undefined(file, s->driver))
        return beyond(job, "a file split by a driver");
    if (s->extension != UINT64_MAX && !cuv_h5_undefined(file, s->extension))
        return beyond(job, "a superblock extension");
    if (s->end > job->src->size) {
        cuv_detail detail = {.file = job->src->name, .help = "get another copy of the file"};
        return cuv_fail(job->cx, CUV_DAMAGED, "hdf5.truncated", &detail,
                        "%s: the file is cut off: it has %zu bytes and should have %" PRIu64, job->src->name,
                        job->src->size, s->end);
    }
    file->size = (size_t)s->end;
    return CUV_OK;
}

static cuv_status read_superblock(cuv_h5_file *file, uint64_t *root)
{
    cuv_h5_job *job = &file->job;
    const cuv_source *src = job->src;
    superblock s = {0};
    if (src->size < 8 || memcmp(src->data, signature, 8) != 0)
        return has_user_block(src) ? beyond(job, "a user block") : no_hdf5(src, job->cx);
    cuv_cursor c = cuv_cursor_at(src->data, src->size, 8);
    unsigned version = cuv_read_u8(&c);
    if (version > 3)
        return beyond(job, "a superblock of a later version");
    if (version < 2)
        read_old_superblock(file, &c, version, &s);
    else
        read_new_superblock(file, &c, &s);
    bool sizes = (file->offset_bytes == 4 || file->offset_bytes == 8) && (file->length_bytes == 4 || file->length_bytes == 8);
    if (c.failed || !sizes)
        return cuv_fail(job->cx, CUV_DAMAGED, "hdf5.superblock", &(cuv_detail){.file = src->name},
                        "%s: its superblock makes no sense", src->name);
    *root = s.root;
    return check_superblock(file, &s);
}

/* ---- the tree ---- */

static cuv_status read_object(cuv_h5_file *file, const cuv_h5_frame *at, const char *name, cuv_h5 **out);

static uint64_t larger(uint64_t a, uint64_t b)
{
    return a > b ? a : b;
}

static cuv_status read_group(cuv_h5_file *file, const cuv_h5_frame *at, cuv_h5_header *header, cuv_h5 *node)
{
    if (header->has_symbols) {
        node->newest_address = larger(node->newest_address, larger(header->btree, header->heap));
        CUV_TRY(cuv_h5_read_symbols(file, at, header));
    }
    if (header->link_count == 0)
        return CUV_OK;
    if (at->depth >= cuv_context_limits(file->job.cx)->depth)
        return cuv_h5_fail(&file->job, CUV_UNSAFE, "hdf5.depth", at, "groups are nested more than %u deep", at->depth);
    node->children = CUV_NEW_ARRAY(file->job.arena, cuv_h5 *, header->link_count);
    if (!node->children)
        return cuv_oom(file->job.cx);
    for (size_t i = 0; i < header->link_count; i++) {
        cuv_h5_frame frame = {at, header->links[i].name, header->links[i].address, at->depth + 1};
        cuv_h5 *child;
        CUV_TRY(read_object(file, &frame, frame.name, &child));
        node->children[node->child_count++] = child;
        node->newest_address = larger(node->newest_address, child->newest_address);
    }
    return cuv_h5_sort_children(&file->job, at, node);
}

static cuv_status read_object(cuv_h5_file *file, const cuv_h5_frame *at, const char *name, cuv_h5 **out)
{
    cuv_h5 *node, *earlier;
    cuv_h5_header header;
    CUV_TRY(cuv_h5_make_node(&file->job, name, true, &node));
    CUV_TRY(cuv_h5_meet(&file->job, at, node, &earlier));
    if (earlier)
        return cuv_h5_same_node(&file->job, earlier, name, out);
    CUV_TRY(cuv_h5_read_header(file, at, &header));
    bool is_group = header.has_symbols || header.has_link_info || header.link_count > 0;
    if (!is_group && header.type.data && !header.space.data && !header.layout.data)
        return cuv_h5_beyond(&file->job, at, "a committed type");
    node->is_group = is_group;
    node->newest_address = at->address;
    CUV_TRY(cuv_h5_read_attributes(file, at, &header, node));
    CUV_TRY(is_group ? read_group(file, at, &header, node) : cuv_h5_read_dataset(file, at, &header, node));
    *out = node;
    return CUV_OK;
}

static int compare_extents(const void *a, const void *b)
{
    uint64_t x = ((const cuv_h5_extent *)a)->address, y = ((const cuv_h5_extent *)b)->address;
    return (x > y) - (x < y);
}

/* Data sets that share bytes could say together that they hold any amount of weights. */
static cuv_status check_overlaps(cuv_h5_file *file)
{
    if (file->extent_count < 2)
        return CUV_OK;
    qsort(file->extents, file->extent_count, sizeof *file->extents, compare_extents);
    for (size_t i = 1; i < file->extent_count; i++)
        if (file->extents[i].address - file->extents[i - 1].address < file->extents[i - 1].size)
            return cuv_fail(file->job.cx, CUV_UNSAFE, "hdf5.overlap", &(cuv_detail){.file = file->job.src->name},
                            "%s: the values of two data sets overlap at byte %" PRIu64, file->job.src->name,
                            file->extents[i].address);
    return CUV_OK;
}

static void forget_addresses(cuv_h5 *node)
{
    node->newest_address = 0;
    for (size_t i = 0; i < node->child_count; i++)
        forget_addresses(node->children[i]);
}

cuv_status cuv_h5_parse_own_why(cuv_arena *arena, const cuv_source *src, const char **why, cuv_h5 **out)
{
    cuv_h5_file file = {.data = src->data, .size = src->size};
    cuv_h5_frame root = {.name = ""};
    cuv_h5 *node;
    *out = NULL;
    *why = NULL;
    cuv_h5_job_start(&file.job, arena, src);
    cuv_status status = read_superblock(&file, &root.address);
    if (status == CUV_OK)
        status = read_object(&file, &root, "", &node);
    if (status == CUV_OK && !node->is_group)
        status = cuv_h5_fail(&file.job, CUV_DAMAGED, "hdf5.root", &root, "the root is no group");
    if (status == CUV_OK)
        status = check_overlaps(&file);
    if (status == CUV_OK && file.newer_groups)
        forget_addresses(node);
    *why = status == CUV_UNSUPPORTED ? file.job.beyond : NULL;
    *out = status == CUV_OK ? node : NULL;
    return status;
}

cuv_status cuv_h5_parse_own(cuv_arena *arena, const cuv_source *src, cuv_h5 **out)
{
    const char *why;
    return cuv_h5_parse_own_why(arena, src, &why, out);
}
