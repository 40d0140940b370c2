/* Where the cells of each layer stand from left to right. Chains of cells that belong together become blocks and stand
 * straight below each other: where edges pass, and along the longer branch; branches of equal length stand beside the
 * middle. Then blocks move as near to their neighbours as the others let them. */
#include "emit/view/layout.h"

#include <math.h>

#define SPACE_BOXES 30.0
#define SPACE_EDGES 14.0

/* An order between two blocks: b stands at least `apart` right of a. */
typedef struct order { uint32_t a, b; double apart; } order;

typedef struct placer {
    cuv_lay *y;
    uint32_t *run_down, *run_up;    /* by cell: how many boxes follow in a chain without branches */
    uint32_t *straight;             /* by cell: the cell below it in its block, UINT32_MAX: none */
    uint32_t block_count;
    double *x;                      /* by block */
    order *orders;
    uint32_t order_count;
    cuv_groups left, right;         /* orders by block: those that bound it on the left, on the right */
    cuv_groups cells;               /* by block */
    uint32_t *sorted;               /* blocks from left to right */
} placer;

/* ---- which cells stand below each other */

static uint32_t run_of(const cuv_lay *y, const cuv_cell *c, bool above, const uint32_t *runs)
{
    uint32_t count, back;
    const uint32_t *near = cuv_lay_near(y, c, above, &count);
    if (c->node < 0 || count != 1)
        return c->node >= 0;
    const cuv_cell *next = &y->cells[near[0]];
    cuv_lay_near(y, next, !above, &back);
    return 1 + (next->node >= 0 && back == 1 ? runs[near[0]] : 0);
}

static void measure_runs(placer *p)
{
    const cuv_lay *y = p->y;
    for (int32_t r = y->rank_count; r-- > 0;)
        for (uint32_t i = 0; i < y->row_size[r]; i++)
            p->run_down[y->row[r][i]] = run_of(y, &y->cells[y->row[r][i]], false, p->run_down);
    for (int32_t r = 0; r < y->rank_count; r++)
        for (uint32_t i = 0; i < y->row_size[r]; i++)
            p->run_up[y->row[r][i]] = run_of(y, &y->cells[y->row[r][i]], true, p->run_up);
}

/* The neighbour that a cell would stand straight with: where an edge passes the next part of the edge, else the longest
 * branch; none when two are equal. */
static uint32_t favourite(const placer *p, uint32_t at, bool above)
{
    const cuv_lay *y = p->y;
    const cuv_cell *c = &y->cells[at];
    uint32_t count;
    const uint32_t *near = cuv_lay_near(y, c, above, &count);
    uint32_t best = UINT32_MAX, most = 0;
    bool equal = false;
    for (uint32_t i = 0; i < count; i++) {
        const bool passes = y->cells[near[i]].node < 0;
        const uint32_t run = passes ? (c->node < 0 ? UINT32_MAX : 1) : 2 + (above ? p->run_up : p->run_down)[near[i]];
        if (near[i] == best)
            continue;
        equal = run == most ? true : run > most ? false : equal;
        if (run > most) {
            best = near[i];
            most = run;
        }
    }
    return equal ? UINT32_MAX : best;
}

/* Pairs of one gap that do not cross; those of passing edges come first. `before`: room for a number by place in the row. */
static void accept(placer *p, int32_t rank, const uint32_t *wanted, int32_t *before)
{
    cuv_lay *y = p->y;
    const uint32_t n = y->row_size[rank];
    int32_t last = -1, bound = INT32_MAX;
    for (uint32_t i = 0; i < n; i++) {
        const uint32_t at = y->row[rank][i], to = wanted[at];
        const bool passing = to != UINT32_MAX && y->cells[at].node < 0 && y->cells[to].node < 0;
        if (passing && y->cells[to].pos > last) {
            p->straight[at] = to;
            last = y->cells[to].pos;
        }
    }
    for (uint32_t i = n; i-- > 0;) {        /* the least place that an accepted pair right of this one has */
        const uint32_t to = p->straight[y->row[rank][i]];
        before[i] = bound;
        bound = to != UINT32_MAX ? y->cells[to].pos : bound;
    }
    last = -1;
    for (uint32_t i = 0; i < n; i++) {
        const uint32_t at = y->row[rank][i], to = wanted[at];
        if (p->straight[at] == UINT32_MAX && to != UINT32_MAX && y->cells[to].pos > last &&
            y->cells[to].pos < before[i])
            p->straight[at] = to;
        if (p->straight[at] != UINT32_MAX)
            last = y->cells[p->straight[at]].pos;
    }
}

static cuv_status make_blocks(placer *p)
{
    cuv_lay *y = p->y;
    uint32_t *wanted = CUV_NEW_ARRAY(y->scratch, uint32_t, y->cell_count);
    int32_t *before = CUV_NEW_ARRAY(y->scratch, int32_t, y->cell_count);
    p->run_down = CUV_NEW_ARRAY(y->scratch, uint32_t, y->cell_count);
    p->run_up = CUV_NEW_ARRAY(y->scratch, uint32_t, y->cell_count);
    p->straight = CUV_NEW_ARRAY(y->scratch, uint32_t, y->cell_count);
    if (!wanted || !before || !p->run_down || !p->run_up || !p->straight)
        return cuv_oom(y->cx);
    measure_runs(p);
    for (uint32_t i = 0; i < y->cell_count; i++) {
        const uint32_t to = favourite(p, i, false);
        wanted[i] = to != UINT32_MAX && favourite(p, to, true) == i ? to : UINT32_MAX;
        p->straight[i] = y->cells[i].block = UINT32_MAX;
    }
    for (int32_t r = 0; r + 1 < y->rank_count; r++)
        accept(p, r, wanted, before);
    for (int32_t r = 0; r < y->rank_count; r++)
        for (uint32_t i = 0; i < y->row_size[r]; i++) {
            const uint32_t at = y->row[r][i];
            if (y->cells[at].block == UINT32_MAX)
                y->cells[at].block = p->block_count++;
            if (p->straight[at] != UINT32_MAX)
                y->cells[p->straight[at]].block = y->cells[at].block;
        }
    return CUV_OK;
}

/* ---- the order of blocks */

static double apart(const cuv_cell *a, const cuv_cell *b)
{
    return (a->width + b->width) / 2 + (a->node >= 0 && b->node >= 0 ? SPACE_BOXES : SPACE_EDGES);
}

static uint32_t right_end(const void *placer_of, uint32_t i) { return ((const placer *)placer_of)->orders[i].b; }
static uint32_t left_end(const void *placer_of, uint32_t i) { return ((const placer *)placer_of)->orders[i].a; }
static uint32_t cell_block(const void *placer_of, uint32_t i) { return ((const placer *)placer_of)->y->cells[i].block; }

static cuv_status make_orders(placer *p)
{
    cuv_lay *y = p->y;
    p->orders = CUV_NEW_ARRAY(y->scratch, order, y->cell_count);
    if (!p->orders)
        return cuv_oom(y->cx);
    for (int32_t r = 0; r < y->rank_count; r++)
        for (uint32_t i = 1; i < y->row_size[r]; i++) {
            const cuv_cell *a = &y->cells[y->row[r][i - 1]], *b = &y->cells[y->row[r][i]];
            p->orders[p->order_count++] = (order){a->block, b->block, apart(a, b)};
        }
    CUV_TRY(cuv_lay_group(y->scratch, right_end, p, p->order_count, p->block_count, &p->left));
    CUV_TRY(cuv_lay_group(y->scratch, left_end, p, p->order_count, p->block_count, &p->right));
    return cuv_lay_group(y->scratch, cell_block, p, y->cell_count, p->block_count, &p->cells);
}

/* Blocks from left to right; pairs do not cross, so that there is such an order. */
static cuv_status sort_blocks(placer *p)
{
    uint32_t *open = CUV_NEW_ARRAY(p->y->scratch, uint32_t, (size_t)p->block_count + 1), n = 0;
    p->sorted = CUV_NEW_ARRAY(p->y->scratch, uint32_t, (size_t)p->block_count + 1);
    p->x = CUV_NEW_ARRAY(p->y->scratch, double, (size_t)p->block_count + 1);
    if (!open || !p->sorted || !p->x)
        return cuv_oom(p->y->cx);
    for (uint32_t i = 0; i < p->block_count; i++) {
        open[i] = p->left.at[i + 1] - p->left.at[i];
        if (!open[i])
            p->sorted[n++] = i;
    }
    for (uint32_t i = 0; i < n; i++) {
        const uint32_t block = p->sorted[i];
        for (uint32_t k = p->right.at[block]; k < p->right.at[block + 1]; k++) {
            const order *o = &p->orders[p->right.items[k]];
            p->x[o->b] = fmax(p->x[o->b], p->x[block] + o->apart);
            if (!--open[o->b])
                p->sorted[n++] = o->b;
        }
    }
    return CUV_OK;
}

/* ---- moving */

/* The mean of what the block's cells are linked to, outside of it. */
static bool mean_of(const placer *p, uint32_t block, double *mean)
{
    const cuv_lay *y = p->y;
    double sum = 0, weight = 0;
    for (uint32_t i = p->cells.at[block]; i < p->cells.at[block + 1]; i++) {
        const cuv_cell *c = &y->cells[p->cells.items[i]];
        for (uint32_t side = 0; side < 2; side++) {
            uint32_t count;
            const uint32_t *near = cuv_lay_near(y, c, side == 0, &count);
            for (uint32_t k = 0; k < count; k++) {
                const cuv_cell *other = &y->cells[near[k]];
                const double w = c->node >= 0 && other->node >= 0 ? 4 : 1;
                if (other->block == block)
                    continue;
                sum += w * p->x[other->block];
                weight += w;
            }
        }
    }
    *mean = weight > 0 ? sum / weight : 0;
    return weight > 0;
}

static void move(placer *p, uint32_t block)
{
    double least = -INFINITY, most = INFINITY, want;
    if (!mean_of(p, block, &want))
        return;
    for (uint32_t k = p->left.at[block]; k < p->left.at[block + 1]; k++) {
        const order *o = &p->orders[p->left.items[k]];
        least = fmax(least, p->x[o->a] + o->apart);
    }
    for (uint32_t k = p->right.at[block]; k < p->right.at[block + 1]; k++) {
        const order *o = &p->orders[p->right.items[k]];
        most = fmin(most, p->x[o->b] - o->apart);
    }
    if (least <= most)
        p->x[block] = fmin(fmax(want, least), most);
}

cuv_status cuv_lay_place(cuv_lay *y)
{
    placer p = {.y = y};
    CUV_TRY(make_blocks(&p));
    CUV_TRY(make_orders(&p));
    CUV_TRY(sort_blocks(&p));
    const int rounds = y->link_count < 100000 ? 16 : 4;
    for (int round = 0; round < rounds; round++) {
        CUV_TRY(cuv_check_time(y->cx));
        for (uint32_t i = 0; i < p.block_count; i++)
            move(&p, p.sorted[round % 2 ? i : p.block_count - 1 - i]);
    }
    for (uint32_t i = 0; i < y->cell_count; i++)
        y->cells[i].x = p.x[y->cells[i].block];
    return CUV_OK;
}
