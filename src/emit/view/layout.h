/* Places boxes and draws the edges between them, in layers from top to bottom. Knows widths and heights, not what the
 * boxes say.
 *
 *     rank.c    each box in the layer after its last source; long edges get a cell in every layer they pass
 *     order.c   cells of a layer side by side, with few crossings
 *     place.c   x: chains of cells stand straight below each other
 *     ports.c   where edges leave and enter their boxes
 *     fold.c    y: tall pictures are folded into columns
 *     route.c   the edges' paths
 *
 * No two boxes touch, and no edge passes through a box: in the band of its layer an edge is a vertical line in a cell
 * of its own, and curves lie in the gaps between bands. */
#ifndef CUV_EMIT_LAYOUT_H
#define CUV_EMIT_LAYOUT_H

#include "base/base.h"

typedef struct cuv_lay_node {
    double width, height;       /* given */
    double x, y;                /* left and top */
} cuv_lay_node;

typedef struct cuv_lay_edge {
    uint32_t from, to;          /* from < to, but for edges that go back */
    uint32_t port;              /* which output of `from` */
    double label;               /* width of the label; 0: none */
    bool back;                  /* set by the layout: against the direction, or from a box to itself */
    const char *path;           /* SVG path data, in the arena */
    double label_x, label_y;    /* middle of the label's base line */
} cuv_lay_edge;

typedef struct cuv_layout {
    cuv_lay_node *nodes;
    uint32_t node_count;
    cuv_lay_edge *edges;
    uint32_t edge_count;
    double width, height;       /* of all */
} cuv_layout;

/* Beyond this many boxes, or cells that edges pass, nobody would look at the picture. */
#define CUV_LAY_NODES 20000
#define CUV_LAY_CELLS 1000000

/* Paths are made in `arena`. CUV_UNSUPPORTED "view.size" when the picture would be too large to be of use. */
CUV_MUST_USE cuv_status cuv_lay_out(cuv_context *cx, cuv_arena *arena, cuv_layout *l);

/* ---- what the steps share */

/* Things by group: those of group g are items[at[g]] to items[at[g + 1]], in their order. */
typedef struct cuv_groups { uint32_t *at, *items; } cuv_groups;
/* The group of thing `i`; UINT32_MAX: none. */
typedef uint32_t cuv_group_of(const void *things, uint32_t i);
CUV_MUST_USE cuv_status cuv_lay_group(cuv_arena *arena, cuv_group_of *of, const void *things, uint32_t count, uint32_t group_count,
                                  cuv_groups *out);

/* A box, or the place where a long edge passes a layer. */
typedef struct cuv_cell {
    int32_t node;               /* -1: an edge passes */
    int32_t rank, pos;
    uint32_t block;             /* cells that stand straight below each other */
    uint32_t up, up_count, down, down_count;    /* places in lay.ups and lay.downs */
    double width, x;            /* x: of its middle */
} cuv_cell;

typedef struct cuv_link { uint32_t upper, lower; } cuv_link;

/* The cells that the edges of one tensor pass, one in each layer after its source. */
typedef struct cuv_chain { uint32_t first, count; } cuv_chain;

typedef struct cuv_column {
    int32_t first, last;
    double x, left, width, height;
} cuv_column; /* ranks; left: x of its cells before moving */

typedef struct cuv_lay {
    cuv_context *cx;
    cuv_arena *arena, *scratch; /* of the result; freed afterwards */
    cuv_layout *l;
    int32_t *rank;              /* by node */
    int32_t rank_count;
    cuv_cell *cells;            /* boxes first */
    uint32_t cell_count;
    cuv_chain *chains;          /* by edge; edges of one tensor share theirs */
    cuv_link *links;
    uint32_t link_count;
    uint32_t *ups, *downs;      /* neighbours, grouped by cell */
    uint32_t **row, *row_size;  /* by rank: its cells from left to right */
    double *top, *band, *gap;   /* by rank: where it begins, how tall it is, room after it */
    double *upper_dx, *lower_dx;/* by edge: where it leaves and enters its boxes, from their middles */
    uint32_t *level;            /* by edge: labels that would overlap stand above each other */
    int32_t *column_of;         /* by rank */
    cuv_column *columns;
    uint32_t column_count;
} cuv_lay;

CUV_MUST_USE cuv_status cuv_lay_rank(cuv_lay *y);
CUV_MUST_USE cuv_status cuv_lay_order(cuv_lay *y);
CUV_MUST_USE cuv_status cuv_lay_place(cuv_lay *y);
CUV_MUST_USE cuv_status cuv_lay_ports(cuv_lay *y);
CUV_MUST_USE cuv_status cuv_lay_fold(cuv_lay *y);
CUV_MUST_USE cuv_status cuv_lay_route(cuv_lay *y);

/* The upper end of an edge in the picture, and the lower one. */
static inline uint32_t cuv_lay_upper(const cuv_lay_edge *e) { return e->from < e->to ? e->from : e->to; }
static inline uint32_t cuv_lay_lower(const cuv_lay_edge *e) { return e->from < e->to ? e->to : e->from; }
/* The same as groups of the edges of a cuv_layout; loops are in none. */
uint32_t cuv_lay_by_upper(const void *layout, uint32_t edge);
uint32_t cuv_lay_by_lower(const void *layout, uint32_t edge);
/* The cell from which an edge comes to its lower box: the last that it passes, or the upper box. */
uint32_t cuv_lay_last_cell(const cuv_lay *y, uint32_t edge);
/* The neighbours of a cell on one side. */
static inline const uint32_t *cuv_lay_near(const cuv_lay *y, const cuv_cell *c, bool above, uint32_t *count)
{
    *count = above ? c->up_count : c->down_count;
    return above ? y->ups + c->up : y->downs + c->down;
}
/* Height of a line of labels, and room for a loop beside its box. */
#define CUV_LAY_LABEL 12.0
#define CUV_LAY_LOOP 30.0

#endif
