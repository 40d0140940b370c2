/* The file of packed weights: finding, judging, taking from and writing it. */
#include "run/cache.h"

#include <errno.h>
#include <fcntl.h>
#include <stddef.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

static const char magic[] = "cuvier packed 1\n";
enum { ALIGNMENT = 64, KEY = 64, ORDER = 0x01020304 };

typedef struct head {
    char magic[16], key[KEY];
    uint32_t order, count, records_sum, head_sum;
    uint64_t size;
    uint8_t zeros[24];
} head;
_Static_assert(sizeof(head) == 128 && offsetof(head, size) == 96, "as written in cache.h");
_Static_assert(sizeof(cuv_section) == 64, "as written in cache.h");

typedef struct entry {
    cuv_section section;
    const float *data;
} entry;

struct cuv_cache {
    cuv_context *cx;
    cuv_arena *arena;
    cuv_pool *pool;
    const char *given, *path;
    char key[KEY + 1];
    uint8_t *mapped;            /* NULL: there is no file that can be used */
    size_t mapped_size;
    const cuv_section *sections;
    size_t count, at;           /* where the last one was found */
    entry *added;
    size_t added_count, added_capacity;
    uint32_t step, place, scaled;
    bool keep_off;              /* the place is not ours to write */
};

/* ---- what a file says ---- */

#ifdef CUV_FUZZING
enum { SUMS = 0 };
#else
enum { SUMS = 1 };
#endif

static bool good_section(const cuv_section *s, size_t from, size_t size)
{
    size_t bytes = 0, end;
    return s->floats <= SIZE_MAX && s->offset <= SIZE_MAX && cuv_mul_size((size_t)s->floats, sizeof(float), &bytes) && s->offset >= from &&
           s->offset % ALIGNMENT == 0 && cuv_add_size((size_t)s->offset, bytes, &end) && end <= size && !s->layout[sizeof s->layout - 1];
}

cuv_cache_state cuv_cache_parse(const uint8_t *data, size_t size, const char *key, const cuv_section **sections, size_t *count)
{
    head h;
    size_t records;
    *sections = NULL;
    *count = 0;
    if (size < sizeof h || memcmp(data, magic, sizeof h.magic) != 0)
        return size >= sizeof h.magic && memcmp(data, magic, sizeof h.magic) == 0 ? CUV_CACHE_DAMAGED : CUV_CACHE_FOREIGN;
    memcpy(&h, data, sizeof h);
    if (h.order != ORDER)
        return CUV_CACHE_OTHER;
    const cuv_mill *mill = cuv_mill_best();
    if ((SUMS && h.head_sum != mill->sum(data, offsetof(head, head_sum))) || h.size != size)
        return CUV_CACHE_DAMAGED;
    if (key && memcmp(h.key, key, KEY) != 0)
        return CUV_CACHE_OTHER;
    if (!cuv_mul_size(h.count, sizeof(cuv_section), &records) || records > size - sizeof h ||
        (SUMS && h.records_sum != mill->sum(data + sizeof h, records)))
        return CUV_CACHE_DAMAGED;
    const cuv_section *s = (const cuv_section *)(const void *)(data + sizeof h);
    for (size_t i = 0; i < h.count; i++)
        if (!good_section(&s[i], sizeof h + records, size))
            return CUV_CACHE_DAMAGED;
    *sections = s;
    *count = h.count;
    return CUV_CACHE_GOOD;
}

static cuv_status check_sections(cuv_cache *c, const cuv_section *sections, size_t count, bool *good)
{
    cuv_arena *arena = cuv_arena_new(c->cx);
    cuv_piece *pieces = arena ? CUV_NEW_ARRAY(arena, cuv_piece, count + 1) : NULL;
    uint32_t *sums = arena ? CUV_NEW_ARRAY(arena, uint32_t, count + 1) : NULL;
    cuv_status status = pieces && sums ? CUV_OK : cuv_oom(c->cx);
    for (size_t i = 0; status == CUV_OK && i < count; i++)
        pieces[i] = (cuv_piece){c->mapped + sections[i].offset, (size_t)sections[i].floats * sizeof(float), NULL};
    if (status == CUV_OK)
        status = cuv_check_sums(c->cx, c->pool, pieces, count, sums);
    for (size_t i = 0; status == CUV_OK && i < count; i++)
        *good &= sums[i] == sections[i].sum;
    cuv_arena_free(arena);
    return status;
}

/* ---- key and place ---- */

static cuv_status make_key(cuv_cache *c, const cuv_program *p, const char *isa)
{
    cuv_buffer text;
    cuv_piece *pieces = CUV_NEW_ARRAY(c->arena, cuv_piece, p->value_count + 1);
    size_t n = 1;
    cuv_buffer_init(&text, c->cx);
    cuv_buffer_printf(&text, "%s%s %s %s\n", magic, cuv_version(), cuv_layouts_id, isa);
    cuv_program_print(p, &text);
    for (size_t i = 0; pieces && i < p->value_count; i++) {
        const cuv_tensor *t = p->values[i].tensor;
        if ((p->values[i].kind != CUV_V_WEIGHT && p->values[i].kind != CUV_V_CONSTANT) || !t || !t->data || t->dtype == CUV_STR)
            continue;
        cuv_buffer_printf(&text, "%zu %d\n", i, (int)t->dtype);
        pieces[n++] = (cuv_piece){t->data, cuv_tensor_bytes(t), t->blob};
    }
    cuv_status status = pieces && !text.failed ? CUV_OK : cuv_oom(c->cx);
    if (status == CUV_OK) {
        pieces[0] = (cuv_piece){(const uint8_t *)text.data, text.size, NULL};
        status = cuv_digest(c->cx, c->pool, pieces, n, c->key);
    }
    cuv_buffer_free(&text);
    return status;
}

static cuv_status make_path(cuv_cache *c)
{
    struct stat st;
    const size_t n = strlen(c->given);
    const bool slash = n && c->given[n - 1] == '/';
    if (slash && mkdir(c->given, 0700) != 0 && errno != EEXIST)
        return cuv_fail(c->cx, CUV_IO, "cache.folder", &(cuv_detail){.file = c->given}, "the folder %s for caches cannot be made: %s", c->given,
                        strerror(errno));
    if (slash || (stat(c->given, &st) == 0 && S_ISDIR(st.st_mode)))
        c->path = cuv_arena_printf(c->arena, "%s%s%.32s.packed", c->given, slash ? "" : "/", c->key);
    else
        c->path = c->given;
    return c->path ? CUV_OK : cuv_oom(c->cx);
}

/* ---- opening ---- */

static void warn(cuv_cache *c, const char *id, const char *what)
{
    cuv_warn(c->cx, id, &(cuv_detail){.file = c->path}, "the cache %s %s", c->path, what);
}

static cuv_status foreign(cuv_cache *c)
{
    return cuv_fail(c->cx, CUV_ARGUMENT, "cache.foreign", &(cuv_detail){.file = c->path, .help = "name a file that is not there yet, or a folder"},
                    "%s is no cache of cuvier and is left as it is", c->path);
}

/* Whether the open file may be read as a cache, and whether it may be replaced. */
static bool may_read(cuv_cache *c, int fd, size_t *size, cuv_status *status)
{
    struct stat st;
    if (fstat(fd, &st) != 0 || !S_ISREG(st.st_mode)) {
        *status = foreign(c);
        return false;
    }
    if (st.st_uid != geteuid() && st.st_uid != 0) {
        warn(c, "cache.owner", "belongs to somebody else and is not used");
        c->keep_off = true;
        return false;
    }
    if (st.st_mode & (S_IWGRP | S_IWOTH)) {
        warn(c, "cache.writable", "can be written by others and is made anew");
        return false;
    }
    *size = (size_t)st.st_size;
    return st.st_size > 0 && (uint64_t)st.st_size <= SIZE_MAX;      /* an empty file is one that is yet to be written */
}

static void unmap(cuv_cache *c)
{
    if (c->mapped)
        munmap(c->mapped, c->mapped_size);
    c->mapped = NULL;
    c->sections = NULL;
    c->count = 0;
}

static cuv_status judge(cuv_cache *c)
{
    const cuv_section *sections;
    size_t count;
    bool good = true;
    switch (cuv_cache_parse(c->mapped, c->mapped_size, c->key, &sections, &count)) {
    case CUV_CACHE_FOREIGN: return foreign(c);
    case CUV_CACHE_OTHER:
        unmap(c);
        cuv_note(c->cx, "cache.other", &(cuv_detail){.file = c->path}, "the cache %s is of another model, version or processor and is made anew",
                 c->path);
        return CUV_OK;
    case CUV_CACHE_DAMAGED: good = false; break;
    case CUV_CACHE_GOOD: CUV_TRY(check_sections(c, sections, count, &good)); break;
    }
    if (!good) {
        unmap(c);
        warn(c, "cache.damaged", "is damaged and is made anew");
        return CUV_OK;
    }
    c->sections = sections;
    c->count = count;
    return CUV_OK;
}

static cuv_status read_file(cuv_cache *c)
{
    cuv_status status = CUV_OK;
    const int fd = open(c->path, O_RDONLY | O_CLOEXEC | O_NOFOLLOW | O_NONBLOCK | O_NOCTTY);
    if (fd < 0 && errno == ENOENT)
        return CUV_OK;
    if (fd < 0 && errno == ELOOP)
        return foreign(c);
    if (fd < 0) {
        warn(c, "cache.read", strerror(errno));
        c->keep_off = true;
        return CUV_OK;
    }
    if (may_read(c, fd, &c->mapped_size, &status)) {
        void *data = mmap(NULL, c->mapped_size, PROT_READ, MAP_SHARED | MAP_POPULATE, fd, 0);
        c->mapped = data == MAP_FAILED ? NULL : data;
    }
    close(fd);
    return status == CUV_OK && c->mapped ? judge(c) : status;
}

cuv_status cuv_cache_open(cuv_context *cx, const char *path, const cuv_program *program, const char *isa, cuv_pool *pool, cuv_cache **out)
{
    *out = NULL;
    cuv_arena *arena = cuv_arena_new(cx);
    cuv_cache *c = arena ? CUV_NEW(arena, cuv_cache) : NULL;
    if (!c) {
        cuv_arena_free(arena);
        return cuv_oom(cx);
    }
    *c = (cuv_cache){.cx = cx, .arena = arena, .pool = pool, .given = cuv_arena_strdup(arena, path)};
    cuv_status status = c->given ? make_key(c, program, isa) : cuv_oom(cx);
    if (status == CUV_OK)
        status = make_path(c);
    if (status == CUV_OK)
        status = read_file(c);
    if (status == CUV_OK)
        *out = c;
    else
        cuv_cache_close(c);
    return status;
}

void cuv_cache_close(cuv_cache *c)
{
    if (!c)
        return;
    unmap(c);
    cuv_arena_free(c->arena);
}

const char *cuv_cache_path(const cuv_cache *c) { return c->given; }

/* ---- taking and adding ---- */

void cuv_cache_step(cuv_cache *c, size_t step, bool scaled)
{
    c->step = (uint32_t)step;
    c->place = 0;
    c->scaled = scaled;
}

static cuv_section wanted(const cuv_cache *c, const char *layout, size_t floats)
{
    cuv_section s = {.step = c->step, .place = c->place, .floats = floats, .scaled = c->scaled};
    snprintf(s.layout, sizeof s.layout, "%s", layout);
    return s;
}

static bool same(const cuv_section *a, const cuv_section *b)
{
    return a->step == b->step && a->place == b->place && a->floats == b->floats && a->scaled == b->scaled && cuv_streq(a->layout, b->layout);
}

const float *cuv_cache_take(cuv_cache *c, const char *layout, size_t floats)
{
    const cuv_section w = wanted(c, layout, floats);
    for (size_t i = 0; i < c->count; i++) {
        const size_t k = (c->at + i) % c->count;
        if (!same(&c->sections[k], &w))
            continue;
        c->at = k + 1;
        c->place++;
        return (const float *)(const void *)(c->mapped + c->sections[k].offset);
    }
    return NULL;
}

cuv_status cuv_cache_add(cuv_cache *c, const char *layout, size_t floats, const float *data)
{
    entry *room = cuv_arena_grow(c->arena, c->added, c->added_count, &c->added_capacity, sizeof *room);
    if (!room)
        return cuv_oom(c->cx);
    c->added = room;
    c->added[c->added_count++] = (entry){wanted(c, layout, floats), data};
    c->place++;
    return CUV_OK;
}

void cuv_cache_drop(cuv_cache *c)
{
    if (c)
        c->added_count = 0;
}

/* ---- writing ---- */

/* What was added, then what the file has beside it. */
static cuv_status gather(cuv_cache *c, cuv_arena *arena, entry **out, size_t *count)
{
    entry *all = CUV_NEW_ARRAY(arena, entry, c->added_count + c->count + 1);
    cuv_piece *pieces = CUV_NEW_ARRAY(arena, cuv_piece, c->added_count + c->count + 1);
    uint32_t *sums = CUV_NEW_ARRAY(arena, uint32_t, c->added_count + c->count + 1);
    size_t n = 0;
    if (!all || !pieces || !sums)
        return cuv_oom(c->cx);
    for (; n < c->added_count; n++)
        all[n] = c->added[n];
    for (size_t i = 0; i < c->count; i++)
        all[n++] = (entry){c->sections[i], (const float *)(const void *)(c->mapped + c->sections[i].offset)};
    for (size_t i = 0; i < n; i++)
        pieces[i] = (cuv_piece){(const uint8_t *)all[i].data, (size_t)all[i].section.floats * sizeof(float), NULL};
    CUV_TRY(cuv_check_sums(c->cx, c->pool, pieces, n, sums));
    for (size_t i = 0; i < n; i++)
        all[i].section.sum = sums[i];
    *out = all;
    *count = n;
    return CUV_OK;
}

/* Gives every section its place; false when the file would be too large. */
static bool lay_out(entry *all, size_t count, uint64_t *size)
{
    size_t at = sizeof(head), bytes;
    if (count > UINT32_MAX || !cuv_mul_size(count, sizeof(cuv_section), &bytes) || !cuv_add_size(at, bytes, &at))
        return false;
    for (size_t i = 0; i < count; i++) {
        all[i].section.offset = at;
        if (!cuv_mul_size((size_t)all[i].section.floats, sizeof(float), &bytes) || !cuv_add_size(bytes, ALIGNMENT - 1, &bytes) ||
            !cuv_add_size(at, bytes / ALIGNMENT * ALIGNMENT, &at))
            return false;
    }
    *size = at;
    return true;
}

static cuv_status write_head(cuv_cache *c, const entry *all, size_t count, uint64_t size, cuv_arena *arena, cuv_output *out)
{
    head h = {.order = ORDER, .count = (uint32_t)count, .size = size};
    cuv_section *records = CUV_NEW_ARRAY(arena, cuv_section, count + 1);
    if (!records)
        return cuv_oom(c->cx);
    for (size_t i = 0; i < count; i++)
        records[i] = all[i].section;
    memcpy(h.magic, magic, sizeof h.magic);
    memcpy(h.key, c->key, sizeof h.key);
    h.records_sum = cuv_mill_best()->sum((const uint8_t *)records, count * sizeof *records);
    h.head_sum = cuv_mill_best()->sum((const uint8_t *)&h, offsetof(head, head_sum));
    CUV_TRY(cuv_output_write(out, &h, sizeof h));
    return cuv_output_write(out, records, count * sizeof *records);
}

static cuv_status write_all(cuv_cache *c, const entry *all, size_t count, uint64_t size, cuv_arena *arena, cuv_output *out)
{
    static const uint8_t zeros[ALIGNMENT];
    CUV_TRY(write_head(c, all, count, size, arena, out));
    for (size_t i = 0; i < count; i++) {
        const size_t bytes = (size_t)all[i].section.floats * sizeof(float);
        CUV_TRY(cuv_output_write(out, all[i].data, bytes));
        CUV_TRY(cuv_output_write(out, zeros, (ALIGNMENT - bytes % ALIGNMENT) % ALIGNMENT));
    }
    return CUV_OK;
}

static cuv_status write_file(cuv_cache *c, cuv_arena *arena)
{
    entry *all = NULL;
    size_t count = 0;
    uint64_t size;
    cuv_output *out;
    CUV_TRY(gather(c, arena, &all, &count));
    if (!lay_out(all, count, &size))
        return cuv_oom(c->cx);
    CUV_TRY(cuv_output_open_own(c->cx, c->path, &out));
    cuv_status status = write_all(c, all, count, size, arena, out);
    if (status == CUV_OK)
        return cuv_output_commit(out);
    cuv_output_discard(out);
    return status;
}

cuv_status cuv_cache_save(cuv_cache *c)
{
    if (!c || !c->added_count || c->keep_off)
        return CUV_OK;
    const size_t mark = cuv_findings_mark(c->cx);
    cuv_arena *arena = cuv_arena_new(c->cx);
    cuv_status status = arena ? write_file(c, arena) : cuv_oom(c->cx);
    cuv_arena_free(arena);
    cuv_cache_drop(c);
    if (status != CUV_IO)
        return status;
    const cuv_finding *why = cuv_finding_at(c->cx, mark);
    const char *message = cuv_format(c->cx, "%s", why ? why->message : "");
    c->keep_off = true;
    cuv_findings_rewind(c->cx, mark);
    warn(c, "cache.write", cuv_format(c->cx, "is not written: %s", message));
    return CUV_OK;
}
