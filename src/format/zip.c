/* A reader of zip archives: the central directory, held against the local headers, and the members' bytes.
 * An own one because stored members are used where they lie in the mapped file, for which their positions must be known, and
 * because every difference between the two directories is an attack or damage; zlib inflates. Nothing is ever written to disk.
 * APPNOTE.TXT 6.3.9. No encryption, no split archives, no methods but stored and deflate. */
#include "format/zip.h"

#include <stdlib.h>

/* The end of the central directory, from either form of the record. */
typedef struct zip_end {
    uint64_t count, size, offset;
    uint64_t at;        /* where the first end record begins: the central directory must reach to it */
} zip_end;

/* A central record. */
typedef struct zip_entry {
    uint16_t made_by, flags, method;
    uint32_t crc;
    uint64_t stored_size, size, header;
    uint32_t attributes;
    const char *name;
    size_t name_size;
    const uint8_t *extra;
    size_t extra_size;
} zip_entry;

typedef struct extent {
    uint64_t start, end;
    const char *name;
} extent;

/* ---- failure ---- */

static cuv_status fail(cuv_context *cx, const cuv_source *src, cuv_status status, const char *id, const char *what)
{
    cuv_detail detail = {.file = src->name};
    if (status == CUV_DAMAGED)
        detail.help = "get another copy of the file";
    return cuv_fail(cx, status, id, &detail, "%s", what);
}

/* The same for one member, which is named with its odd characters escaped. */
static cuv_status fail_member(cuv_context *cx, const cuv_source *src, cuv_status status, const char *id,
                              const char *name, size_t name_size, const char *what)
{
    cuv_buffer quoted;
    cuv_buffer_init(&quoted, cx);
    cuv_buffer_safe(&quoted, name, name_size < 200 ? name_size : 200);
    cuv_detail detail = {.file = src->name};
    if (status == CUV_DAMAGED)
        detail.help = "get another copy of the file";
    cuv_status result = cuv_fail(cx, status, id, &detail, "the archive's member %s %s",
                                 quoted.failed ? "" : quoted.data, what);
    cuv_buffer_free(&quoted);
    return result;
}

/* ---- 4.3.16 and 4.3.14: the end of the archive ---- */

/* The record must end with the file: bytes behind it, or a comment that is too short, give two readers two archives. */
static bool find_end(const cuv_source *src, size_t *at)
{
    size_t farthest = ZIP_END_SIZE + UINT16_MAX;
    for (size_t back = ZIP_END_SIZE; back <= src->size && back <= farthest; back++) {
        cuv_cursor c = cuv_cursor_at(src->data, src->size, src->size - back);
        if (cuv_read_u32(&c) != ZIP_END)
            continue;
        cuv_skip(&c, 16);
        if (cuv_read_u16(&c) == back - ZIP_END_SIZE) {
            *at = src->size - back;
            return true;
        }
    }
    return false;
}

static cuv_status read_end64(cuv_context *cx, const cuv_source *src, zip_end *end, const zip_end *old)
{
    cuv_cursor c = cuv_cursor_at(src->data, src->size, (size_t)old->at - ZIP_LOCATOR64_SIZE + 4);
    uint32_t disk = cuv_read_u32(&c);
    uint64_t at = cuv_read_u64(&c);
    uint32_t disks = cuv_read_u32(&c);
    if (disk != 0 || disks > 1)
        return fail(cx, src, CUV_UNSAFE, "zip.split", "the archive is one part of several");
    if (at > old->at - ZIP_LOCATOR64_SIZE || old->at - ZIP_LOCATOR64_SIZE - at < ZIP_END64_SIZE)
        return fail(cx, src, CUV_DAMAGED, "zip.end", "the archive's end points to a place outside of it");
    c = cuv_cursor_at(src->data, src->size, (size_t)at);
    bool marked = cuv_read_u32(&c) == ZIP_END64;
    uint64_t size = cuv_read_u64(&c);
    cuv_skip(&c, 4);
    disk = cuv_read_u32(&c) | cuv_read_u32(&c);
    uint64_t here = cuv_read_u64(&c);
    *end = (zip_end){.count = cuv_read_u64(&c), .at = at};
    end->size = cuv_read_u64(&c);
    end->offset = cuv_read_u64(&c);
    if (c.failed || !marked || size != old->at - ZIP_LOCATOR64_SIZE - at - 12 || here != end->count || disk != 0)
        return fail(cx, src, CUV_DAMAGED, "zip.end", "the archive's 64-bit end record does not fit its place");
    if ((old->count != UINT16_MAX && old->count != end->count) ||
        (old->size != UINT32_MAX && old->size != end->size) ||
        (old->offset != UINT32_MAX && old->offset != end->offset))
        return fail(cx, src, CUV_UNSAFE, "zip.mismatch", "the archive's two end records contradict each other");
    return CUV_OK;
}

static cuv_status read_end(cuv_context *cx, const cuv_source *src, zip_end *end)
{
    size_t at = 0;
    if (!find_end(src, &at))
        return fail(cx, src, CUV_DAMAGED, "zip.end",
                    "the archive has no directory at its end; the file was cut off, or something follows the archive");
    cuv_cursor c = cuv_cursor_at(src->data, src->size, at + 4);
    unsigned disks = cuv_read_u16(&c);
    disks |= cuv_read_u16(&c);
    uint16_t here = cuv_read_u16(&c);
    *end = (zip_end){.count = cuv_read_u16(&c), .at = at};
    end->size = cuv_read_u32(&c);
    end->offset = cuv_read_u32(&c);
    if ((disks != 0 && disks != UINT16_MAX) || here != end->count)
        return fail(cx, src, CUV_UNSAFE, "zip.split", "the archive is one part of several");
    if (at >= ZIP_LOCATOR64_SIZE) {
        c = cuv_cursor_at(src->data, src->size, at - ZIP_LOCATOR64_SIZE);
        if (cuv_read_u32(&c) == ZIP_LOCATOR64) {
            const zip_end old = *end;
            CUV_TRY(read_end64(cx, src, end, &old));
        }
    }
    if (end->offset > end->at || end->at - end->offset != end->size)
        return fail(cx, src, CUV_UNSAFE, "zip.layout",
                    "the archive's directory does not lie where its end says; something stands before or behind it");
    return CUV_OK;
}

/* ---- 4.3.12: central records ---- */

/* The extra field of `id`, as a cursor over its data; false when it is absent. The field occurs at most once. */
static cuv_status find_extra(cuv_context *cx, const cuv_source *src, const zip_entry *e, const uint8_t *extra,
                             size_t size, uint16_t id, cuv_cursor *out, bool *found)
{
    cuv_cursor c = cuv_cursor_at(extra, size, 0);
    *found = false;
    while (c.size - c.at >= 4) { /* fewer bytes are padding of some aligners */
        uint16_t field = cuv_read_u16(&c), length = cuv_read_u16(&c);
        const uint8_t *data = cuv_read_bytes(&c, length);
        if (!data)
            return fail_member(cx, src, CUV_DAMAGED, "zip.extra", e->name, e->name_size, "has extra fields cut short");
        if (field != id)
            continue;
        if (*found)
            return fail_member(cx, src, CUV_UNSAFE, "zip.mismatch", e->name, e->name_size, "states its size twice");
        *found = true;
        *out = cuv_cursor_at(data, length, 0);
    }
    return CUV_OK;
}

/* 4.5.3: the 64-bit field holds those of the sizes whose 32-bit place says 0xffffffff, in this order. */
static cuv_status widen_sizes(cuv_context *cx, const cuv_source *src, zip_entry *e, const uint8_t *extra,
                              size_t extra_size, uint64_t *header)
{
    cuv_cursor c = {0};
    bool found = false;
    CUV_TRY(find_extra(cx, src, e, extra, extra_size, ZIP_EXTRA_64, &c, &found));
    if (!found)
        return CUV_OK;
    if (e->size == UINT32_MAX)
        e->size = cuv_read_u64(&c);
    if (e->stored_size == UINT32_MAX)
        e->stored_size = cuv_read_u64(&c);
    if (header && *header == UINT32_MAX)
        *header = cuv_read_u64(&c);
    return c.failed ? fail_member(cx, src, CUV_DAMAGED, "zip.extra", e->name, e->name_size,
                                  "has a 64-bit size cut short")
                    : CUV_OK;
}

static cuv_status read_central(cuv_context *cx, const cuv_source *src, cuv_cursor *c, zip_entry *e)
{
    bool marked = cuv_read_u32(c) == ZIP_CENTRAL;
    *e = (zip_entry){.made_by = cuv_read_u16(c)};
    cuv_skip(c, 2);
    e->flags = cuv_read_u16(c);
    e->method = cuv_read_u16(c);
    cuv_skip(c, 4);
    e->crc = cuv_read_u32(c);
    e->stored_size = cuv_read_u32(c);
    e->size = cuv_read_u32(c);
    e->name_size = cuv_read_u16(c);
    e->extra_size = cuv_read_u16(c);
    size_t comment = cuv_read_u16(c);
    uint16_t disk = cuv_read_u16(c);
    cuv_skip(c, 2);
    e->attributes = cuv_read_u32(c);
    e->header = cuv_read_u32(c);
    e->name = (const char *)cuv_read_bytes(c, e->name_size);
    e->extra = cuv_read_bytes(c, e->extra_size);
    cuv_skip(c, comment);
    if (c->failed || !marked)
        return fail(cx, src, CUV_DAMAGED, "zip.directory", "the archive's directory is cut short or overwritten");
    if (disk != 0 && disk != UINT16_MAX)
        return fail(cx, src, CUV_UNSAFE, "zip.split", "the archive is one part of several");
    return widen_sizes(cx, src, e, e->extra, e->extra_size, &e->header);
}

const char *cuv_zip_name_fault(const char *name, size_t size)
{
    bool drive = size >= 2 && name[1] == ':' && ((name[0] | 0x20) >= 'a' && (name[0] | 0x20) <= 'z');
    if (size == 0)
        return "has no name";
    if (memchr(name, '\0', size))
        return "has a name with a NUL in it";
    if (memchr(name, '\\', size))
        return "has a name with a backslash in it";
    if (name[0] == '/' || drive)
        return "has an absolute path as its name";
    for (size_t start = 0; start <= size;) {
        const char *slash = start < size ? memchr(name + start, '/', size - start) : NULL;
        size_t end = slash ? (size_t)(slash - name) : size;
        if (end - start == 2 && name[start] == '.' && name[start + 1] == '.')
            return "has a name that leads out of the archive";
        start = end + 1;
    }
    return NULL;
}

static cuv_status check_entry(cuv_context *cx, const cuv_source *src, const zip_entry *e)
{
    const cuv_limits *limits = cuv_context_limits(cx);
    enum { FREE_BYTES = 1 << 20, UNIX = 3, IS_LINK = 0120000, TYPE_BITS = 0170000 };
    const char *fault = cuv_zip_name_fault(e->name, e->name_size);
    uint64_t ratio = limits->expansion ? limits->expansion : 1;
    if (fault)
        return fail_member(cx, src, CUV_UNSAFE, "zip.name", e->name, e->name_size, fault);
    if (!cuv_utf8_valid(e->name, e->name_size))
        return fail_member(cx, src, CUV_UNSUPPORTED, "zip.encoding", e->name, e->name_size,
                           "has a name that is not UTF-8");
    if (e->flags & ZIP_FLAGS_ENCRYPTED)
        return fail_member(cx, src, CUV_UNSAFE, "zip.encrypted", e->name, e->name_size, "is encrypted");
    if (e->made_by >> 8 == UNIX && (e->attributes >> 16 & TYPE_BITS) == IS_LINK)
        return fail_member(cx, src, CUV_UNSAFE, "zip.link", e->name, e->name_size, "is a link to another file");
    if (e->method != ZIP_STORED && e->method != ZIP_DEFLATED)
        return fail_member(cx, src, CUV_UNSUPPORTED, "zip.method", e->name, e->name_size,
                           "is packed by a method other than deflate");
    if (e->method == ZIP_STORED && e->size != e->stored_size)
        return fail_member(cx, src, CUV_UNSAFE, "zip.mismatch", e->name, e->name_size,
                           "is stored as it is, but with two different sizes");
    if (e->method == ZIP_DEFLATED && e->size > FREE_BYTES && e->size / ratio > e->stored_size)
        return fail_member(cx, src, CUV_UNSAFE, "zip.bomb", e->name, e->name_size,
                           "unpacks to more than the limit of times its size");
    if (e->method == ZIP_DEFLATED && e->size > limits->tensor_bytes)
        return fail_member(cx, src, CUV_UNSAFE, "zip.too_large", e->name, e->name_size,
                           "unpacks to more bytes than the limit");
    return CUV_OK;
}

/* ---- 4.3.7: local headers ---- */

/* With a data descriptor (4.3.9) the local header may leave sizes and CRC out; the central ones count. */
static bool agree(uint64_t local, uint64_t central, uint16_t flags)
{
    return local == central || (local == 0 && (flags & ZIP_FLAG_DESCRIPTOR));
}

static cuv_status check_local(cuv_context *cx, const cuv_source *src, const zip_entry *e, uint64_t directory,
                              uint64_t *data_at)
{
    cuv_cursor c = cuv_cursor_at(src->data, (size_t)directory, e->header <= directory ? (size_t)e->header : SIZE_MAX);
    bool marked = cuv_read_u32(&c) == ZIP_LOCAL;
    cuv_skip(&c, 2);
    uint16_t flags = cuv_read_u16(&c), method = cuv_read_u16(&c);
    cuv_skip(&c, 4);
    uint32_t crc = cuv_read_u32(&c);
    zip_entry local = {.stored_size = cuv_read_u32(&c), .name = e->name, .name_size = e->name_size};
    local.size = cuv_read_u32(&c);
    size_t name_size = cuv_read_u16(&c), extra_size = cuv_read_u16(&c);
    const uint8_t *name = cuv_read_bytes(&c, name_size), *extra = cuv_read_bytes(&c, extra_size);
    *data_at = c.at;
    if (c.failed || !marked || e->stored_size > directory - c.at)
        return fail_member(cx, src, CUV_DAMAGED, "zip.local", e->name, e->name_size,
                           "does not lie where the directory says");
    CUV_TRY(widen_sizes(cx, src, &local, extra, extra_size, NULL));
    enum { MEANT = ZIP_FLAGS_ENCRYPTED | ZIP_FLAG_DESCRIPTOR | ZIP_FLAG_UTF8 }; /* others tell of the packer's effort */
    if (((flags ^ e->flags) & MEANT) != 0 || method != e->method || name_size != e->name_size ||
        memcmp(name, e->name, name_size) != 0 || !agree(crc, e->crc, flags) ||
        !agree(local.stored_size, e->stored_size, flags) || !agree(local.size, e->size, flags))
        return fail_member(cx, src, CUV_UNSAFE, "zip.mismatch", e->name, e->name_size,
                           "is described differently by the directory and by its own header");
    return CUV_OK;
}

static int compare_extents(const void *a, const void *b)
{
    const extent *x = a, *y = b;
    return x->start < y->start ? -1 : x->start > y->start ? 1 : x->end < y->end ? -1 : x->end > y->end;
}

static cuv_status check_overlaps(cuv_context *cx, const cuv_source *src, extent *extents, size_t count)
{
    bool sorted = true;
    for (size_t i = 1; i < count && sorted; i++)
        sorted = compare_extents(&extents[i - 1], &extents[i]) <= 0;
    if (!sorted)
        qsort(extents, count, sizeof *extents, compare_extents);
    for (size_t i = 1; i < count; i++)
        if (extents[i].start < extents[i - 1].end)
            return fail_member(cx, src, CUV_UNSAFE, "zip.overlap", extents[i].name, strlen(extents[i].name),
                               "shares its bytes with another one");
    return CUV_OK;
}

/* ---- the archive ---- */

typedef struct reading {
    cuv_arena *arena, *scratch;
    cuv_context *cx;
    const cuv_source *src;
    cuv_zip *zip;
    cuv_map *names;
    extent *extents;
    zip_end end;
} reading;

static cuv_status add_member(reading *r, const zip_entry *e)
{
    uint64_t data_at = 0;
    CUV_TRY(check_entry(r->cx, r->src, e));
    CUV_TRY(check_local(r->cx, r->src, e, r->end.offset, &data_at));
    char *name = cuv_arena_strndup(r->arena, e->name, e->name_size);
    if (!name)
        return cuv_oom(r->cx);
    if (cuv_map_get(r->names, name))
        return fail_member(r->cx, r->src, CUV_UNSAFE, "zip.duplicate", e->name, e->name_size, "occurs twice");
    CUV_TRY(cuv_map_set(r->names, name, name));
    size_t i = r->zip->count++;
    r->extents[i] = (extent){.start = e->header, .end = data_at + e->stored_size, .name = name};
    r->zip->members[i] = (cuv_zip_member){.name = name, .size = e->size, .stored_size = e->stored_size,
                                          .offset = data_at, .method = e->method, .crc = e->crc};
    return CUV_OK;
}

static cuv_status read_members(reading *r)
{
    CUV_TRY(read_end(r->cx, r->src, &r->end));
    if (r->end.count > cuv_context_limits(r->cx)->items || r->end.count > r->end.size / ZIP_CENTRAL_SIZE)
        return fail(r->cx, r->src, CUV_UNSAFE, "zip.items", "the archive claims more members than it can hold");
    r->names = cuv_map_new(r->scratch);
    r->zip->members = CUV_NEW_ARRAY(r->arena, cuv_zip_member, (size_t)r->end.count);
    r->extents = CUV_NEW_ARRAY(r->scratch, extent, (size_t)r->end.count);
    if (!r->names || !r->zip->members || !r->extents)
        return cuv_oom(r->cx);
    cuv_cursor c = cuv_cursor_at(r->src->data, (size_t)r->end.at, (size_t)r->end.offset);
    for (uint64_t i = 0; i < r->end.count; i++) {
        zip_entry e = {0};
        CUV_TRY(read_central(r->cx, r->src, &c, &e));
        CUV_TRY(add_member(r, &e));
        if (i % 1024 == 1023)
            CUV_TRY(cuv_check_time(r->cx));
    }
    if (c.at != c.size)
        return fail(r->cx, r->src, CUV_UNSAFE, "zip.layout", "the archive's directory holds more than its end counts");
    return check_overlaps(r->cx, r->src, r->extents, r->zip->count);
}

cuv_status cuv_zip_parse(cuv_arena *arena, const cuv_source *src, cuv_zip **out)
{
    cuv_context *cx = cuv_arena_context(arena);
    reading r = {.arena = arena, .cx = cx, .src = src, .zip = CUV_NEW(arena, cuv_zip), .scratch = cuv_arena_new(cx)};
    *out = NULL;
    cuv_status status = r.zip && r.scratch ? CUV_OK : cuv_oom(cx);
    if (status == CUV_OK) {
        r.zip->src = *src;
        status = read_members(&r);
    }
    size_t end;
    if (status == CUV_OK && find_end(src, &end)) {
        r.zip->comment = (const char *)src->data + end + ZIP_END_SIZE;
        r.zip->comment_size = src->size - end - ZIP_END_SIZE;
    }
    cuv_arena_free(r.scratch);
    if (status == CUV_OK)
        *out = r.zip;
    return status;
}

const cuv_zip_member *cuv_zip_find(const cuv_zip *zip, const char *name)
{
    for (size_t i = 0; i < zip->count; i++)
        if (strcmp(zip->members[i].name, name) == 0)
            return &zip->members[i];
    return NULL;
}
