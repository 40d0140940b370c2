/* The order of cells in each layer: every cell goes to the mean place of its neighbours above, then below, again and
 * again; the order with the fewest crossings counts. */
#include "emit/view/layout.h"

#include <stdlib.h>

typedef struct keyed { double mean; int32_t pos; uint32_t cell; } keyed;

static int compare(const void *a, const void *b)
{
    const keyed *x = a, *y = b;
    if (x->mean != y->mean)
        return x->mean < y->mean ? -1 : 1;
    return (x->pos > y->pos) - (x->pos < y->pos);
}

static double mean_of(const cuv_lay *y, uint32_t cell, bool above)
{
    const cuv_cell *c = &y->cells[cell];
    uint32_t count;
    const uint32_t *near = cuv_lay_near(y, c, above, &count);
    double sum = 0;
    for (uint32_t i = 0; i < count; i++)
        sum += y->cells[near[i]].pos;
    return count ? sum / count : c->pos;
}

static void sort_row(cuv_lay *y, int32_t rank, bool above, keyed *keys)
{
    const uint32_t n = y->row_size[rank];
    if (n < 2)
        return;
    for (uint32_t i = 0; i < n; i++)
        keys[i] = (keyed){mean_of(y, y->row[rank][i], above), (int32_t)i, y->row[rank][i]};
    qsort(keys, n, sizeof *keys, compare);
    for (uint32_t i = 0; i < n; i++) {
        y->row[rank][i] = keys[i].cell;
        y->cells[keys[i].cell].pos = (int32_t)i;
    }
}

static int compare_places(const void *a, const void *b)
{
    return (*(const int32_t *)a > *(const int32_t *)b) - (*(const int32_t *)a < *(const int32_t *)b);
}

/* Crossings between a layer and the next: inversions, counted in a tree of sums. `places` and `sums` have room for all
 * links and cells. */
static uint64_t crossings(const cuv_lay *y, int32_t rank, int32_t *places, uint32_t *sums)
{
    const uint32_t width = y->row_size[rank + 1];
    uint64_t total = 0, seen = 0;
    memset(sums, 0, (width + 1) * sizeof *sums);
    for (uint32_t i = 0; i < y->row_size[rank]; i++) {
        const cuv_cell *c = &y->cells[y->row[rank][i]];
        for (uint32_t k = 0; k < c->down_count; k++)
            places[k] = y->cells[y->downs[c->down + k]].pos;
        qsort(places, c->down_count, sizeof *places, compare_places);
        for (uint32_t k = 0; k < c->down_count; k++) {
            uint64_t before = 0;        /* earlier links that end at this place or left of it */
            for (uint32_t at = (uint32_t)places[k] + 1; at; at &= at - 1)
                before += sums[at];
            total += seen - before;
            for (uint32_t at = (uint32_t)places[k] + 1; at <= width; at += at & -at)
                sums[at]++;
            seen++;
        }
    }
    return total;
}

static uint64_t all_crossings(const cuv_lay *y, int32_t *places, uint32_t *sums)
{
    uint64_t total = 0;
    for (int32_t r = 0; r + 1 < y->rank_count; r++)
        total += crossings(y, r, places, sums);
    return total;
}

static cuv_status make_rows(cuv_lay *y)
{
    y->row = CUV_NEW_ARRAY(y->scratch, uint32_t *, (size_t)y->rank_count);
    y->row_size = CUV_NEW_ARRAY(y->scratch, uint32_t, (size_t)y->rank_count);
    uint32_t *all = CUV_NEW_ARRAY(y->scratch, uint32_t, y->cell_count);
    if (!y->row || !y->row_size || !all)
        return cuv_oom(y->cx);
    for (uint32_t i = 0; i < y->cell_count; i++)
        y->row_size[y->cells[i].rank]++;
    for (int32_t r = 0; r < y->rank_count; r++) {
        y->row[r] = all;
        all += y->row_size[r];
        y->row_size[r] = 0;
    }
    for (uint32_t i = 0; i < y->cell_count; i++) {
        cuv_cell *c = &y->cells[i];
        c->pos = (int32_t)y->row_size[c->rank];
        y->row[c->rank][y->row_size[c->rank]++] = i;
    }
    return CUV_OK;
}

cuv_status cuv_lay_order(cuv_lay *y)
{
    CUV_TRY(make_rows(y));
    keyed *keys = CUV_NEW_ARRAY(y->scratch, keyed, y->cell_count);
    int32_t *places = CUV_NEW_ARRAY(y->scratch, int32_t, y->link_count + 1),
            *best = CUV_NEW_ARRAY(y->scratch, int32_t, y->cell_count);
    uint32_t *sums = CUV_NEW_ARRAY(y->scratch, uint32_t, y->cell_count + 2);
    if (!keys || !places || !best || !sums)
        return cuv_oom(y->cx);
    uint64_t least = UINT64_MAX;
    const unsigned rounds = y->link_count < 50000 ? 24 : y->link_count < 300000 ? 8 : 3;
    for (unsigned round = 0, idle = 0; round < rounds && least && idle < 6; round++, idle++) {
        CUV_TRY(cuv_check_time(y->cx));
        for (int32_t r = 0; r < y->rank_count; r++)
            sort_row(y, round % 2 ? y->rank_count - 1 - r : r, round % 2 == 0, keys);
        const uint64_t now = all_crossings(y, places, sums);
        if (now >= least)
            continue;
        least = now;
        idle = 0;
        for (uint32_t i = 0; i < y->cell_count; i++)
            best[i] = y->cells[i].pos;
    }
    for (uint32_t i = 0; i < y->cell_count; i++) {
        y->cells[i].pos = best[i];
        y->row[y->cells[i].rank][best[i]] = i;
    }
    return CUV_OK;
}
