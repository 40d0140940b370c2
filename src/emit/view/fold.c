/* How tall each layer is, and where a tall picture is cut into columns that stand side by side: where few edges go on,
 * so that the columns are about as wide together as they are tall. */
#include "emit/view/layout.h"

#include <math.h>

#define GAP 32.0
#define TALL 1500.0             /* no taller picture is folded */
#define SHORTEST 800.0          /* of a column */
#define WIDE 1.6                /* width to height of a folded picture */
#define VERY_TALL 6000.0        /* here a cut may go through two edges, else through one */
#define LINK_COST 0.35          /* of each beyond the first, in heights of a column */
#define GUTTER 64.0
#define LANE 10.0

static cuv_status measure(cuv_lay *y)
{
    const size_t n = (size_t)y->rank_count;
    y->top = CUV_NEW_ARRAY(y->scratch, double, n + 1);
    y->band = CUV_NEW_ARRAY(y->scratch, double, n + 1);
    y->gap = CUV_NEW_ARRAY(y->scratch, double, n + 1);
    double *aside = CUV_NEW_ARRAY(y->scratch, double, n + 1);
    if (!y->top || !y->band || !y->gap || !aside)
        return cuv_oom(y->cx);
    for (uint32_t i = 0; i < y->l->node_count; i++)
        y->band[y->rank[i]] = fmax(y->band[y->rank[i]], y->l->nodes[i].height);
    for (uint32_t i = 0; i < y->link_count; i++) {
        const cuv_cell *a = &y->cells[y->links[i].upper], *b = &y->cells[y->links[i].lower];
        aside[a->rank] = fmax(aside[a->rank], fabs(a->x - b->x));
    }
    for (size_t r = 0; r < n; r++)
        y->gap[r] = GAP + fmin(aside[r] * 0.08, 48);
    for (uint32_t i = 0; i < y->l->edge_count; i++) {
        const cuv_lay_edge *e = &y->l->edges[i];
        const int32_t above = y->rank[cuv_lay_lower(e)] - 1;
        if (e->label > 0 && e->from != e->to)
            y->gap[above] = fmax(y->gap[above], GAP + 14 + CUV_LAY_LABEL * y->level[i]);
    }
    return CUV_OK;
}

/* By rank: how many cells have edges that go on. */
static cuv_status count_links(cuv_lay *y, uint32_t **out)
{
    *out = CUV_NEW_ARRAY(y->scratch, uint32_t, (size_t)y->rank_count + 1);
    if (!*out)
        return cuv_oom(y->cx);
    for (uint32_t i = 0; i < y->cell_count; i++)
        (*out)[y->cells[i].rank] += y->cells[i].down_count > 0;
    return CUV_OK;
}

static double width_of(const cuv_lay *y, int32_t first, int32_t last, double *left)
{
    double from = INFINITY, to = -INFINITY;
    for (int32_t r = first; r <= last; r++)
        for (uint32_t i = 0; i < y->row_size[r]; i++) {
            const cuv_cell *c = &y->cells[y->row[r][i]];
            from = fmin(from, c->x - c->width / 2);
            to = fmax(to, c->x + c->width / 2);
        }
    *left = from;
    return to - from;
}

/* The last rank of the column that begins with `first`: near the wanted height, where few edges go on. */
static int32_t cut_after(const cuv_lay *y, int32_t first, double wanted, const uint32_t *links, uint32_t most_links)
{
    double height = 0, least = INFINITY;
    int32_t best = y->rank_count - 1;
    for (int32_t r = first; r + 1 < y->rank_count; r++) {
        height += y->band[r] + y->gap[r];
        const double cost = fabs(height / wanted - 1) + LINK_COST * links[r];
        if (links[r] <= most_links && height > 0.6 * wanted && cost < least) {
            best = r;
            least = cost;
        }
        if (height > 1.5 * wanted && least < INFINITY)
            break;
    }
    double rest = 0;
    for (int32_t r = best + 1; r < y->rank_count; r++)
        rest += y->band[r] + y->gap[r];
    return rest < 0.25 * wanted && height + rest < 1.6 * wanted ? y->rank_count - 1 : best;
}

static void cut(cuv_lay *y, double wanted, const uint32_t *links, uint32_t most_links)
{
    y->column_count = 0;
    for (int32_t first = 0; first < y->rank_count; first = y->columns[y->column_count - 1].last + 1) {
        cuv_column *c = &y->columns[y->column_count++];
        c->first = first;
        c->last = most_links ? cut_after(y, first, wanted, links, most_links) : y->rank_count - 1;
        c->width = width_of(y, c->first, c->last, &c->left);
        c->height = 0;
        for (int32_t r = c->first; r <= c->last; r++) {
            c->height += y->band[r] + y->gap[r];
            y->column_of[r] = (int32_t)y->column_count - 1;
        }
    }
}

static cuv_status make_columns(cuv_lay *y, const uint32_t *links)
{
    double left, height = 0, tallest = 0;
    y->columns = CUV_NEW_ARRAY(y->scratch, cuv_column, (size_t)y->rank_count);
    y->column_of = CUV_NEW_ARRAY(y->scratch, int32_t, (size_t)y->rank_count);
    if (!y->columns || !y->column_of)
        return cuv_oom(y->cx);
    for (int32_t r = 0; r < y->rank_count; r++)
        height += y->band[r] + y->gap[r];
    const double width = width_of(y, 0, y->rank_count - 1, &left) + GUTTER,
                 wanted = fmax(sqrt(height * width / WIDE), SHORTEST);
    cut(y, wanted, links, height < TALL || wanted > 0.7 * height ? 0 : height > VERY_TALL ? 2 : 1);
    for (uint32_t k = 0; k < y->column_count; k++)
        tallest = fmax(tallest, y->columns[k].height);
    if (tallest > 0.75 * height)        /* little is won, such as with nets whose parts are all tied together */
        cut(y, wanted, links, 0);
    return CUV_OK;
}

/* Tops of ranks, and columns side by side with room between for the edges that go on. */
static void arrange(cuv_lay *y, const uint32_t *links)
{
    uint32_t most = 0;
    for (uint32_t k = 0; k + 1 < y->column_count; k++)
        most = links[y->columns[k].last] > most ? links[y->columns[k].last] : most;
    const double above = y->column_count > 1 ? 14 + LANE * most : 0;
    double x = 0;
    for (uint32_t k = 0; k < y->column_count; k++) {
        cuv_column *c = &y->columns[k];
        double at = above;
        c->x = x;
        for (int32_t r = c->first; r <= c->last; r++) {
            y->top[r] = at;
            at += y->band[r] + (r < c->last ? y->gap[r] : 0);
        }
        const bool more = k + 1 < y->column_count;
        c->height = at;
        x += c->width + (more ? GUTTER + LANE * links[c->last] : 0);
        y->l->height = fmax(y->l->height, at + (more ? 14 + LANE * links[c->last] : 0));
    }
    y->l->width = x;
}

cuv_status cuv_lay_fold(cuv_lay *y)
{
    uint32_t *links;
    CUV_TRY(measure(y));
    CUV_TRY(count_links(y, &links));
    CUV_TRY(make_columns(y, links));
    arrange(y, links);
    for (uint32_t i = 0; i < y->cell_count; i++) {
        const cuv_column *c = &y->columns[y->column_of[y->cells[i].rank]];
        y->cells[i].x += c->x - c->left;
    }
    for (uint32_t i = 0; i < y->l->node_count; i++) {
        cuv_lay_node *n = &y->l->nodes[i];
        n->x = y->cells[i].x - n->width / 2;
        n->y = y->top[y->rank[i]] + (y->band[y->rank[i]] - n->height) / 2;
    }
    return CUV_OK;
}
