/* First fit of values into one block of memory. Knows offsets, not values. */
#include "run/plan.h"

enum { ALIGN = 64, LONGEST_SEARCH = 1024 };

typedef struct cuv_extent { size_t offset, size; } cuv_extent;

/* Position in the list before which a gap of `size` bytes lies; a long list is only searched at its start. */
static size_t find_gap(const cuv_layout *l, size_t size, size_t *offset)
{
    size_t end = 0;
    for (size_t i = 0; i < l->count && i < LONGEST_SEARCH; i++) {
        if (l->live[i].offset - end >= size) {
            *offset = end;
            return i;
        }
        end = l->live[i].offset + l->live[i].size;
    }
    *offset = l->count ? l->live[l->count - 1].offset + l->live[l->count - 1].size : 0;
    return l->count;
}

cuv_status cuv_layout_take(cuv_layout *l, size_t size, size_t *offset)
{
    size_t rounded, end, at;
    cuv_context *cx = cuv_arena_context(l->arena);
    if (!cuv_add_size(size ? size : 1, ALIGN - 1, &rounded))
        return cuv_oom(cx);
    rounded &= ~(size_t)(ALIGN - 1);
    at = find_gap(l, rounded, offset);
    cuv_extent *live = cuv_arena_grow(l->arena, l->live, l->count, &l->capacity, sizeof *live);
    if (!live || !cuv_add_size(*offset, rounded, &end))
        return cuv_oom(cx);
    l->live = live;
    memmove(live + at + 1, live + at, (l->count - at) * sizeof *live);
    live[at] = (cuv_extent){*offset, rounded};
    l->count++;
    if (end > l->peak)
        l->peak = end;
    return CUV_OK;
}

void cuv_layout_give(cuv_layout *l, size_t offset)
{
    size_t lo = 0, hi = l->count;
    while (lo < hi) {
        size_t mid = lo + (hi - lo) / 2;
        if (l->live[mid].offset < offset)
            lo = mid + 1;
        else
            hi = mid;
    }
    if (lo == l->count || l->live[lo].offset != offset)
        return;
    l->count--;
    memmove(l->live + lo, l->live + lo + 1, (l->count - lo) * sizeof *l->live);
}
