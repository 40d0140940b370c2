/* The paths of edges: straight down in the bands of layers, curves in the gaps between, and from the foot of a column
 * round to the head of the next in lanes between the columns. */
#include "emit/view/layout.h"

#include <math.h>
#include <stdlib.h>

#define FIRST_LANE 14.0
#define LANE 10.0
#define CORNER 7.0

typedef struct router {
    cuv_lay *y;
    cuv_buffer b;
    uint32_t *lane;             /* by cell that is last in its column: the lane by which its edges leave */
} router;

typedef struct point { double x, y; } point;

static void to(router *r, char command, point p)
{
    cuv_buffer_printf(&r->b, "%c%.1f %.1f", command, p.x, p.y);
}

/* A line with rounded corners through the points. */
static void bent(router *r, const point *p, int n)
{
    for (int i = 1; i + 1 < n; i++) {
        const double before = fabs(p[i].x - p[i - 1].x) + fabs(p[i].y - p[i - 1].y);
        const double after = fabs(p[i + 1].x - p[i].x) + fabs(p[i + 1].y - p[i].y),
                     c = fmin(CORNER, fmin(before, after) / 2);
        if (c < 0.5) {
            to(r, 'L', p[i]);
            continue;
        }
        to(r, 'L', (point){p[i].x + c * (p[i - 1].x - p[i].x) / before, p[i].y + c * (p[i - 1].y - p[i].y) / before});
        to(r, 'Q', p[i]);
        cuv_buffer_printf(&r->b, " %.1f %.1f", p[i].x + c * (p[i + 1].x - p[i].x) / after,
                          p[i].y + c * (p[i + 1].y - p[i].y) / after);
    }
    to(r, 'L', p[n - 1]);
}

/* From the foot of one layer's band to the head of the next one's. */
static void cross_gap(router *r, point from, point end)
{
    if (fabs(from.x - end.x) < 0.5) {
        to(r, 'L', end);
        return;
    }
    const double middle = (from.y + end.y) / 2;
    cuv_buffer_printf(&r->b, "C%.1f %.1f %.1f %.1f %.1f %.1f", from.x, middle, end.x, middle, end.x, end.y);
}

static void change_column(router *r, int32_t rank, uint32_t lane, point from, point end)
{
    const cuv_column *c = &r->y->columns[r->y->column_of[rank]];
    const double aside = FIRST_LANE + LANE * lane, gutter = c->x + c->width + 12 + aside;
    const double foot = from.y + aside, head = end.y - aside;
    bent(r, (point[]){from, {from.x, foot}, {gutter, foot}, {gutter, head}, {end.x, head}, end}, 6);
}

static void route(router *r, uint32_t edge)
{
    const cuv_lay *y = r->y;
    cuv_lay_edge *e = &y->l->edges[edge];
    const uint32_t upper = cuv_lay_upper(e), lower = cuv_lay_lower(e), first = y->chains[edge].first;
    const cuv_lay_node *a = &y->l->nodes[upper], *b = &y->l->nodes[lower];
    const double end_x = y->cells[lower].x + y->lower_dx[edge];
    point at = {y->cells[upper].x + y->upper_dx[edge], a->y + a->height};
    to(r, 'M', at);
    uint32_t cell = upper;
    for (int32_t rank = y->rank[upper]; rank < y->rank[lower]; rank++) {
        const bool last = rank + 1 == y->rank[lower];
        const uint32_t next = last ? lower : first + (uint32_t)(rank - y->rank[upper]);
        const point end = {last ? end_x : y->cells[next].x, y->top[rank + 1]};
        const double foot = y->top[rank] + y->band[rank];
        if (foot > at.y + 0.05)
            to(r, 'L', (point){at.x, foot});
        at.y = fmax(at.y, foot);
        if (y->column_of[rank] == y->column_of[rank + 1])
            cross_gap(r, at, end);
        else
            change_column(r, rank, r->lane[cell], at, end);
        at = end;
        cell = next;
    }
    if (b->y > at.y + 0.05)
        to(r, 'L', (point){end_x, b->y});
    e->label_x = end_x;
    e->label_y = b->y - 9 - CUV_LAY_LABEL * y->level[edge];
}

static void loop(router *r, cuv_lay_edge *e)
{
    const cuv_lay_node *n = &r->y->l->nodes[e->to];
    const double right = n->x + n->width, low = n->y + n->height * 0.7, high = n->y + n->height * 0.3;
    to(r, 'M', (point){right, low});
    cuv_buffer_printf(&r->b, "C%.1f %.1f %.1f %.1f %.1f %.1f", right + CUV_LAY_LOOP, low, right + CUV_LAY_LOOP, high,
                      right, high);
    e->label_x = right + CUV_LAY_LOOP - 4 + e->label / 2;
    e->label_y = n->y + n->height / 2 + 3;
}

/* Edges that leave a column: the rightmost source has the innermost lane. */
static cuv_status assign_lanes(router *r)
{
    const cuv_lay *y = r->y;
    r->lane = CUV_NEW_ARRAY(y->scratch, uint32_t, y->cell_count);
    if (!r->lane)
        return cuv_oom(y->cx);
    for (uint32_t k = 0; k + 1 < y->column_count; k++) {
        const int32_t rank = y->columns[k].last;
        uint32_t lane = 0;
        for (uint32_t i = y->row_size[rank]; i-- > 0;)
            if (y->cells[y->row[rank][i]].down_count)
                r->lane[y->row[rank][i]] = lane++;
    }
    return CUV_OK;
}

cuv_status cuv_lay_route(cuv_lay *y)
{
    router r = {.y = y};
    CUV_TRY(assign_lanes(&r));
    cuv_buffer_init(&r.b, y->cx);
    cuv_status status = CUV_OK;
    for (uint32_t i = 0; status == CUV_OK && i < y->l->edge_count; i++) {
        cuv_lay_edge *e = &y->l->edges[i];
        r.b.size = 0;
        if (e->from == e->to)
            loop(&r, e);
        else
            route(&r, i);
        e->path = r.b.failed ? NULL : cuv_arena_strndup(y->arena, r.b.data, r.b.size);
        status = e->path ? cuv_check_time(y->cx) : cuv_oom(y->cx);
    }
    cuv_buffer_free(&r.b);
    return status;
}
