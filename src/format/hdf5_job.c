/* What both HDF5 readers do while they walk a file: keep count of work and nodes, name places in errors, notice objects that
 * are met twice, put names in order. Reads no bytes of the file. */
#include "format/hdf5.h"

#include <stdlib.h>

enum { WORK_BASE = 1 << 20, WORK_PER_BYTE = 8, MADE_BASE = 1 << 20 };

struct cuv_h5_seen {
    uint64_t address;
    cuv_h5 *node;
};

void cuv_h5_job_start(cuv_h5_job *job, cuv_arena *arena, const cuv_source *src)
{
    *job = (cuv_h5_job){.arena = arena, .cx = cuv_arena_context(arena), .src = src};
}

static void add_path(cuv_buffer *b, const cuv_h5_frame *frame)
{
    if (!frame || !frame->up)
        return;
    add_path(b, frame->up);
    cuv_buffer_char(b, '/');
    cuv_buffer_text(b, frame->name);
}

const char *cuv_h5_where(const cuv_h5_job *job, const cuv_h5_frame *frame, const char *name)
{
    cuv_buffer path, quoted;
    cuv_buffer_init(&path, job->cx);
    cuv_buffer_init(&quoted, job->cx);
    add_path(&path, frame);
    if (name || path.size == 0)
        cuv_buffer_char(&path, '/');
    if (name)
        cuv_buffer_text(&path, name);
    if (!path.failed)
        cuv_buffer_safe(&quoted, path.data, path.size);
    const char *text = quoted.failed || path.failed ? "an object" : cuv_format(job->cx, "%s", quoted.data);
    cuv_buffer_free(&path);
    cuv_buffer_free(&quoted);
    return text;
}

cuv_status cuv_h5_fail(const cuv_h5_job *job, cuv_status status, const char *id, const cuv_h5_frame *at,
                       const char *fmt, ...)
{
    va_list args;
    va_start(args, fmt);
    int size = vsnprintf(NULL, 0, fmt, args);
    va_end(args);
    char *message = size >= 0 ? cuv_alloc(job->cx, (size_t)size + 1) : NULL;
    if (!message)
        return cuv_oom(job->cx);
    va_start(args, fmt);
    vsnprintf(message, (size_t)size + 1, fmt, args);
    va_end(args);
    cuv_detail detail = {
        .file = job->src->name,
        .help = status == CUV_DAMAGED ? "get another copy of the file"
              : status == CUV_UNSAFE ? "Keras writes no such file: do not trust it; 'h5repack' makes a plain copy of one you trust"
              : NULL};
    status = cuv_fail(job->cx, status, id, &detail, "%s: %s: %s", job->src->name, cuv_h5_where(job, at, NULL), message);
    cuv_release(job->cx, message, (size_t)size + 1);
    return status;
}

cuv_status cuv_h5_beyond(cuv_h5_job *job, const cuv_h5_frame *at, const char *what)
{
    job->beyond = cuv_format(job->cx, "%s (%s)", what, cuv_h5_where(job, at, NULL));
    return CUV_UNSUPPORTED;
}

cuv_status cuv_h5_spend(cuv_h5_job *job, uint64_t amount)
{
    uint64_t limit = WORK_BASE + WORK_PER_BYTE * (uint64_t)job->src->size;
    if (amount > limit || job->work > limit - amount)
        return cuv_fail(job->cx, CUV_UNSAFE, "hdf5.work", &(cuv_detail){.file = job->src->name},
                        "%s: its structures refer to the same bytes over and over, as a decompression bomb does",
                        job->src->name);
    job->work += amount;
    return cuv_check_time(job->cx);
}

cuv_status cuv_h5_allow(cuv_h5_job *job, const cuv_h5_frame *at, uint64_t declared, uint64_t stored)
{
    const cuv_limits *limits = cuv_context_limits(job->cx);
    if (declared > limits->tensor_bytes)
        return cuv_h5_fail(job, CUV_UNSAFE, "hdf5.size", at, "the data set declares %llu bytes, the limit is %llu",
                           (unsigned long long)declared, (unsigned long long)limits->tensor_bytes);
    uint64_t ratio = limits->expansion ? limits->expansion : 1, size = job->src->size;
    uint64_t whole = size > (UINT64_MAX - MADE_BASE) / ratio ? UINT64_MAX : MADE_BASE + size * ratio;
    if ((declared > MADE_BASE && declared / ratio > stored) || declared > whole || job->made > whole - declared)
        return cuv_h5_fail(job, CUV_UNSAFE, "hdf5.expansion", at,
                           "the data set declares %llu bytes, of which the file stores %llu; the limit is %llu : 1",
                           (unsigned long long)declared, (unsigned long long)stored, (unsigned long long)ratio);
    job->made += declared;
    return CUV_OK;
}

cuv_status cuv_h5_make_node(cuv_h5_job *job, const char *name, bool is_group, cuv_h5 **out)
{
    *out = NULL;
    if (job->seen_count >= cuv_context_limits(job->cx)->items)
        return cuv_fail(job->cx, CUV_UNSAFE, "hdf5.items", &(cuv_detail){.file = job->src->name},
                        "%s: more than %llu groups and data sets", job->src->name,
                        (unsigned long long)cuv_context_limits(job->cx)->items);
    cuv_h5_node *node = CUV_NEW(job->arena, cuv_h5_node);
    if (!node)
        return cuv_oom(job->cx);
    node->public.name = name;
    node->public.is_group = is_group;
    node->public.attributes = cuv_value_dict(job->arena);
    if (!node->public.attributes)
        return cuv_oom(job->cx);
    *out = &node->public;
    return CUV_OK;
}

cuv_status cuv_h5_same_node(cuv_h5_job *job, const cuv_h5 *earlier, const char *name, cuv_h5 **out)
{
    cuv_h5_node *node = CUV_NEW(job->arena, cuv_h5_node);
    *out = NULL;
    if (!node)
        return cuv_oom(job->cx);
    node->public = *earlier;
    node->public.name = name;
    *out = &node->public;
    return CUV_OK;
}

cuv_status cuv_h5_take_name(cuv_h5_job *job, const cuv_h5_frame *at, const char *text, size_t size, bool is_link,
                            const char **out)
{
    *out = NULL;
    CUV_TRY(cuv_h5_spend(job, 8 + (uint64_t)size));
    if (size == 0 || memchr(text, 0, size) || !cuv_utf8_valid(text, size) || (is_link && memchr(text, '/', size)))
        return cuv_h5_fail(job, CUV_DAMAGED, "hdf5.name", at, "the name of %s in it is %s", is_link ? "a link" : "an attribute",
                           size == 0 ? "empty" : "no UTF-8 text without NUL and slash");
    *out = cuv_arena_strndup(job->arena, text, size);
    return *out ? CUV_OK : cuv_oom(job->cx);
}

static cuv_h5_seen *seen_slot(cuv_h5_seen *slots, size_t capacity, uint64_t address)
{
    size_t i = (size_t)((address * UINT64_C(0x9E3779B97F4A7C15)) >> 20) & (capacity - 1);
    while (slots[i].node && slots[i].address != address)
        i = (i + 1) & (capacity - 1);
    return &slots[i];
}

static cuv_status seen_grow(cuv_h5_job *job)
{
    size_t capacity = job->seen_capacity ? 2 * job->seen_capacity : 64;
    cuv_h5_seen *slots = CUV_NEW_ARRAY(job->arena, cuv_h5_seen, capacity);
    if (!slots)
        return cuv_oom(job->cx);
    for (size_t i = 0; i < job->seen_capacity; i++)
        if (job->seen[i].node)
            *seen_slot(slots, capacity, job->seen[i].address) = job->seen[i];
    job->seen = slots;
    job->seen_capacity = capacity;
    return CUV_OK;
}

cuv_status cuv_h5_meet(cuv_h5_job *job, const cuv_h5_frame *at, cuv_h5 *node, cuv_h5 **earlier)
{
    *earlier = NULL;
    if (2 * job->seen_count >= job->seen_capacity)
        CUV_TRY(seen_grow(job));
    cuv_h5_seen *slot = seen_slot(job->seen, job->seen_capacity, at->address);
    if (!slot->node) {
        *slot = (cuv_h5_seen){at->address, node};
        job->seen_count++;
        return CUV_OK;
    }
    if (!slot->node->is_group) {
        *earlier = slot->node;
        return CUV_OK;
    }
    for (const cuv_h5_frame *up = at->up; up; up = up->up)
        if (up->address == at->address)
            return cuv_h5_fail(job, CUV_UNSAFE, "hdf5.cycle", at, "the group contains itself");
    return cuv_h5_fail(job, CUV_UNSAFE, "hdf5.cycle", at, "the same group has been met under another name");
}

static int compare_nodes(const void *a, const void *b)
{
    return strcmp((*(cuv_h5 *const *)a)->name, (*(cuv_h5 *const *)b)->name);
}

cuv_status cuv_h5_sort_children(const cuv_h5_job *job, const cuv_h5_frame *at, cuv_h5 *node)
{
    if (node->child_count < 2)
        return CUV_OK;
    qsort(node->children, node->child_count, sizeof *node->children, compare_nodes);
    for (size_t i = 1; i < node->child_count; i++)
        if (compare_nodes(&node->children[i - 1], &node->children[i]) == 0)
            return cuv_h5_fail(job, CUV_DAMAGED, "hdf5.duplicate", at, "two links are named %s",
                               cuv_h5_where(job, NULL, node->children[i]->name));
    return CUV_OK;
}

static int compare_pairs(const void *a, const void *b)
{
    return strcmp(((const cuv_pair *)a)->key->text, ((const cuv_pair *)b)->key->text);
}

cuv_status cuv_h5_sort_attributes(const cuv_h5_job *job, const cuv_h5_frame *at, cuv_h5 *node)
{
    cuv_value *dict = node->attributes;
    if (dict->size < 2)
        return CUV_OK;
    qsort(dict->pairs, dict->size, sizeof *dict->pairs, compare_pairs);
    for (size_t i = 1; i < dict->size; i++)
        if (compare_pairs(&dict->pairs[i - 1], &dict->pairs[i]) == 0)
            return cuv_h5_fail(job, CUV_DAMAGED, "hdf5.duplicate", at, "two attributes are named %s",
                               cuv_value_repr(job->cx, dict->pairs[i].key));
    return CUV_OK;
}
