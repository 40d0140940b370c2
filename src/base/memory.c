/* Allocation through the context's allocator, counted against its limit, and arenas on top of it.
 * Counting is atomic: threads of one prediction allocate at the same time. An arena belongs to one thread at a time. */
#include "base/context.h"
#include "base/text.h"

#include <stdlib.h>

/* ---- counted allocation ---- */

static bool count_in(cuv_context *cx, size_t size)
{
    size_t before = atomic_fetch_add(&cx->used, size), after = 0;
    uint64_t limit = cx->limits.memory_bytes;
    bool fits = cuv_add_size(before, size, &after) && (limit == 0 || after <= limit);
    if (!fits) {
        atomic_fetch_sub(&cx->used, size);
        atomic_store(&cx->limit_reached, true);
    }
    return fits;
}

static void *counted_out_if_null(cuv_context *cx, void *memory, size_t size)
{
    if (!memory) {
        atomic_fetch_sub(&cx->used, size);
        atomic_store(&cx->limit_reached, false);
    }
    return memory;
}

void *cuv_alloc(cuv_context *cx, size_t size)
{
    size = size ? size : 1;
    if (!count_in(cx, size))
        return NULL;
    return counted_out_if_null(cx, cx->allocator.alloc(cx->allocator.user, size), size);
}

void *cuv_alloc_zeroed(cuv_context *cx, size_t size)
{
    if (!cx->own_allocator) {
        void *memory = cuv_alloc(cx, size);
        return memory ? memset(memory, 0, size) : NULL;
    }
    size = size ? size : 1;
    if (!count_in(cx, size))
        return NULL;
    return counted_out_if_null(cx, calloc(1, size), size); /* fresh pages need no clearing */
}

void *cuv_resize(cuv_context *cx, void *memory, size_t old_size, size_t size)
{
    if (!memory)
        return cuv_alloc(cx, size);
    old_size = old_size ? old_size : 1;
    size = size ? size : 1;
    size_t more = size > old_size ? size - old_size : 0;
    if (!count_in(cx, more))
        return NULL;
    void *moved = counted_out_if_null(cx, cx->allocator.resize(cx->allocator.user, memory, size), more);
    if (moved && old_size > size)
        atomic_fetch_sub(&cx->used, old_size - size);
    return moved;
}

void cuv_release(cuv_context *cx, void *memory, size_t size)
{
    if (!memory)
        return;
    cx->allocator.release(cx->allocator.user, memory);
    atomic_fetch_sub(&cx->used, size ? size : 1);
}

/* ---- arenas ---- */

enum { ALIGNMENT = 16, FIRST_BLOCK = 2048, LARGEST_BLOCK = 1 << 20 };

typedef struct block {
    struct block *next;
    size_t size; /* with this header */
} block;

typedef struct deferred {
    struct deferred *next;
    void (*release)(void *);
    void *object;
} deferred;

struct cuv_arena {
    cuv_context *cx;
    block *blocks;
    uint8_t *free; /* rest of the block in use; zeroed */
    size_t left;
    size_t next_block;
    deferred *deferred;
};

_Static_assert(sizeof(block) % ALIGNMENT == 0, "what follows a block's header is aligned");

cuv_arena *cuv_arena_new(cuv_context *cx)
{
    cuv_arena *arena = cuv_alloc_zeroed(cx, sizeof *arena);
    if (arena) {
        arena->cx = cx;
        arena->next_block = FIRST_BLOCK;
    }
    return arena;
}

void cuv_arena_free(cuv_arena *arena)
{
    if (!arena)
        return;
    for (deferred *d = arena->deferred; d; d = d->next)
        d->release(d->object);
    for (block *b = arena->blocks, *next; b; b = next) {
        next = b->next;
        cuv_release(arena->cx, b, b->size);
    }
    cuv_release(arena->cx, arena, sizeof *arena);
}

cuv_context *cuv_arena_context(const cuv_arena *arena)
{
    return arena->cx;
}

static uint8_t *add_block(cuv_arena *arena, size_t payload)
{
    size_t size = 0;
    if (!cuv_add_size(sizeof(block), payload, &size))
        return NULL;
    block *b = cuv_alloc_zeroed(arena->cx, size);
    if (!b)
        return NULL;
    b->size = size;
    b->next = arena->blocks;
    arena->blocks = b;
    return (uint8_t *)(b + 1);
}

void *cuv_arena_alloc(cuv_arena *arena, size_t size)
{
    size_t rounded = 0;
#ifdef CUV_SINGLE_BLOCKS /* sanitized builds: every object has its own ends, and can be refused on its own */
    return add_block(arena, size ? size : 1);
#endif
    if (!cuv_add_size(size ? size : 1, ALIGNMENT - 1, &rounded))
        return NULL;
    rounded &= ~(size_t)(ALIGNMENT - 1);
    if (rounded > arena->left) {
        if (rounded > arena->next_block / 2)
            return add_block(arena, rounded); /* its own block; the one in use stays */
        uint8_t *fresh = add_block(arena, arena->next_block);
        if (!fresh)
            return NULL;
        arena->free = fresh;
        arena->left = arena->next_block;
        if (arena->next_block < LARGEST_BLOCK)
            arena->next_block *= 2;
    }
    void *memory = arena->free;
    arena->free += rounded;
    arena->left -= rounded;
    return memory;
}

void *cuv_arena_calloc(cuv_arena *arena, size_t count, size_t size)
{
    size_t bytes = 0;
    return cuv_mul_size(count, size, &bytes) ? cuv_arena_alloc(arena, bytes) : NULL;
}

char *cuv_arena_strndup(cuv_arena *arena, const char *text, size_t size)
{
    size_t bytes = 0;
    char *copy = cuv_add_size(size, 1, &bytes) ? cuv_arena_alloc(arena, bytes) : NULL;
    if (copy && size > 0)
        memcpy(copy, text, size);
    return copy;
}

char *cuv_arena_strdup(cuv_arena *arena, const char *text)
{
    return cuv_arena_strndup(arena, text, strlen(text));
}

char *cuv_arena_vprintf(cuv_arena *arena, const char *fmt, va_list args)
{
    va_list again;
    va_copy(again, args);
    int length = cuv_vformat(NULL, 0, fmt, again);
    va_end(again);
    char *text = length >= 0 ? cuv_arena_alloc(arena, (size_t)length + 1) : NULL;
    if (text)
        cuv_vformat(text, (size_t)length + 1, fmt, args);
    return text;
}

char *cuv_arena_printf(cuv_arena *arena, const char *fmt, ...)
{
    va_list args;
    va_start(args, fmt);
    char *text = cuv_arena_vprintf(arena, fmt, args);
    va_end(args);
    return text;
}

cuv_status cuv_arena_defer(cuv_arena *arena, void (*release)(void *), void *object)
{
    deferred *d = cuv_arena_alloc(arena, sizeof *d);
    if (!d) {
        release(object);
        return cuv_oom(arena->cx);
    }
    *d = (deferred){.next = arena->deferred, .release = release, .object = object};
    arena->deferred = d;
    return CUV_OK;
}

static void release_blob(void *blob)
{
    cuv_blob_release(blob);
}

cuv_status cuv_arena_keep_blob(cuv_arena *arena, cuv_blob *blob)
{
    deferred *last = arena->deferred;
    if (last && last->release == release_blob && last->object == blob)
        return CUV_OK; /* held already; files with many tensors ask again and again */
    return cuv_arena_defer(arena, release_blob, cuv_blob_share(blob));
}

void *cuv_arena_grow(cuv_arena *arena, void *items, size_t count, size_t *capacity, size_t item_size)
{
    if (count < *capacity)
        return items;
    size_t more = 0;
    if (!cuv_mul_size(*capacity ? *capacity : 4, 2, &more))
        return NULL;
    void *grown = cuv_arena_calloc(arena, more, item_size);
    if (!grown)
        return NULL;
    if (count > 0)
        memcpy(grown, items, count * item_size);
    *capacity = more;
    return grown;
}
