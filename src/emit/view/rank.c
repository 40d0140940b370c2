/* Which layer of the picture each box is in: the one after its last source (longest path). What has more outputs than
 * inputs moves down to those who use it, so that edges are short. Long edges get cells in the layers between; edges of
 * one tensor share them. */
#include "emit/view/layout.h"

static cuv_status too_large(const cuv_lay *y, const char *what)
{
    return cuv_fail(y->cx, CUV_UNSUPPORTED, "view.size",
                    &(cuv_detail){.help = "cuvier summary, or -o model.dot, has no such limit"},
                    "the picture would have more than %s", what);
}

static void longest_paths(cuv_lay *y, const cuv_groups *below)
{
    for (uint32_t i = 0; i < y->l->node_count; i++)
        for (uint32_t k = below->at[i]; k < below->at[i + 1]; k++) {
            const uint32_t to = cuv_lay_lower(&y->l->edges[below->items[k]]);
            if (y->rank[to] <= y->rank[i])
                y->rank[to] = y->rank[i] + 1;
        }
}

/* Boxes with more edges down than up go as low as they can. */
static void tighten(cuv_lay *y, const cuv_groups *below, const cuv_groups *above)
{
    for (uint32_t i = y->l->node_count; i-- > 0;) {
        int32_t least = INT32_MAX;
        for (uint32_t k = below->at[i]; k < below->at[i + 1]; k++) {
            const int32_t rank = y->rank[cuv_lay_lower(&y->l->edges[below->items[k]])];
            least = rank < least ? rank : least;
        }
        if (below->at[i + 1] - below->at[i] > above->at[i + 1] - above->at[i])
            y->rank[i] = least - 1;
    }
}

static cuv_status rank_nodes(cuv_lay *y)
{
    const uint32_t n = y->l->node_count, m = y->l->edge_count;
    cuv_groups below, above;
    y->rank = CUV_NEW_ARRAY(y->scratch, int32_t, n + 1);
    if (!y->rank)
        return cuv_oom(y->cx);
    for (uint32_t i = 0; i < m; i++)
        y->l->edges[i].back = y->l->edges[i].from >= y->l->edges[i].to;
    CUV_TRY(cuv_lay_group(y->scratch, cuv_lay_by_upper, y->l, m, n, &below));
    CUV_TRY(cuv_lay_group(y->scratch, cuv_lay_by_lower, y->l, m, n, &above));
    longest_paths(y, &below);
    tighten(y, &below, &above);
    for (uint32_t i = 0; i < n; i++)
        y->rank_count = y->rank[i] + 1 > y->rank_count ? y->rank[i] + 1 : y->rank_count;
    return CUV_OK;
}

/* ---- cells */

/* A tensor's chain reaches the layer before its lowest user; an edge that goes back has one of its own. */
static cuv_status measure_chains(cuv_lay *y)
{
    const uint32_t n = y->l->node_count, m = y->l->edge_count;
    uint32_t *first =
        CUV_NEW_ARRAY(y->scratch, uint32_t, n + 1); /* by box: 1 + the first edge of each port, in a list */
    uint32_t *next = CUV_NEW_ARRAY(y->scratch, uint32_t, m + 1), *same = CUV_NEW_ARRAY(y->scratch, uint32_t, m + 1);
    y->chains = CUV_NEW_ARRAY(y->scratch, cuv_chain, m + 1);
    if (!first || !next || !same || !y->chains)
        return cuv_oom(y->cx);
    for (uint32_t i = 0; i < m; i++) {
        const cuv_lay_edge *e = &y->l->edges[i];
        const int32_t span = y->rank[cuv_lay_lower(e)] - y->rank[cuv_lay_upper(e)] - 1;
        const uint32_t cells = span > 0 ? (uint32_t)span : 0;
        uint32_t k = e->back ? 0 : first[e->from];
        while (k && y->l->edges[k - 1].port != e->port)
            k = next[k - 1];
        same[i] = k ? k - 1 : i;
        y->chains[same[i]].count = y->chains[same[i]].count > cells ? y->chains[same[i]].count : cells;
        if (!k && !e->back) {
            next[i] = first[e->from];
            first[e->from] = i + 1;
        }
    }
    uint64_t total = n;
    for (uint32_t i = 0; i < m; i++) {
        if (same[i] != i)
            continue;
        y->chains[i].first = (uint32_t)total;
        total += y->chains[i].count;
        if (total > CUV_LAY_CELLS)
            return too_large(y, "a million places that edges pass");
    }
    for (uint32_t i = 0; i < m; i++)
        y->chains[i] = y->chains[same[i]];
    y->cell_count = (uint32_t)total;
    return CUV_OK;
}

static cuv_status make_cells(cuv_lay *y)
{
    y->cells = CUV_NEW_ARRAY(y->scratch, cuv_cell, y->cell_count);
    if (!y->cells)
        return cuv_oom(y->cx);
    for (uint32_t i = 0; i < y->l->node_count; i++)
        y->cells[i] = (cuv_cell){.node = (int32_t)i, .rank = y->rank[i], .width = y->l->nodes[i].width};
    for (uint32_t i = 0; i < y->l->edge_count; i++) {
        const cuv_lay_edge *e = &y->l->edges[i];
        const double room = e->from == e->to ? y->l->nodes[e->to].width + 2 * (CUV_LAY_LOOP + e->label) : 0;
        y->cells[e->to].width = room > y->cells[e->to].width ? room : y->cells[e->to].width;
    }
    for (uint32_t i = 0; i < y->l->edge_count; i++)
        for (uint32_t k = 0; k < y->chains[i].count; k++)
            y->cells[y->chains[i].first + k] =
                (cuv_cell){.node = -1, .width = 6, .rank = y->rank[cuv_lay_upper(&y->l->edges[i])] + 1 + (int32_t)k};
    return CUV_OK;
}

/* ---- links between cells of neighbouring layers */

static void add_link(cuv_lay *y, uint32_t upper, uint32_t lower)
{
    y->links[y->link_count++] = (cuv_link){upper, lower};
}

static cuv_status make_links(cuv_lay *y)
{
    bool *done = CUV_NEW_ARRAY(y->scratch, bool, y->cell_count);        /* the chain that begins there has its links */
    y->links = CUV_NEW_ARRAY(y->scratch, cuv_link, (size_t)y->cell_count + y->l->edge_count);
    if (!done || !y->links)
        return cuv_oom(y->cx);
    for (uint32_t i = 0; i < y->l->edge_count; i++) {
        const cuv_lay_edge *e = &y->l->edges[i];
        const cuv_chain c = y->chains[i];
        if (e->from == e->to)
            continue;
        const uint32_t last = cuv_lay_last_cell(y, i);
        add_link(y, last, cuv_lay_lower(e));
        if (last == cuv_lay_upper(e) || done[c.first])
            continue;
        done[c.first] = true;
        add_link(y, cuv_lay_upper(e), c.first);
        for (uint32_t k = 1; k < c.count; k++)
            add_link(y, c.first + k - 1, c.first + k);
    }
    return CUV_OK;
}

static cuv_status group_links(cuv_lay *y)
{
    y->ups = CUV_NEW_ARRAY(y->scratch, uint32_t, y->link_count + 1);
    y->downs = CUV_NEW_ARRAY(y->scratch, uint32_t, y->link_count + 1);
    if (!y->ups || !y->downs)
        return cuv_oom(y->cx);
    for (uint32_t i = 0; i < y->link_count; i++) {
        y->cells[y->links[i].upper].down_count++;
        y->cells[y->links[i].lower].up_count++;
    }
    uint32_t up = 0, down = 0;
    for (uint32_t i = 0; i < y->cell_count; i++) {
        cuv_cell *c = &y->cells[i];
        c->up = up;
        c->down = down;
        up += c->up_count;
        down += c->down_count;
        c->up_count = c->down_count = 0;
    }
    for (uint32_t i = 0; i < y->link_count; i++) {
        cuv_cell *upper = &y->cells[y->links[i].upper], *lower = &y->cells[y->links[i].lower];
        y->downs[upper->down + upper->down_count++] = y->links[i].lower;
        y->ups[lower->up + lower->up_count++] = y->links[i].upper;
    }
    return CUV_OK;
}

cuv_status cuv_lay_rank(cuv_lay *y)
{
    if (y->l->node_count > CUV_LAY_NODES)
        return too_large(y, "20,000 layers");
    CUV_TRY(rank_nodes(y));
    CUV_TRY(measure_chains(y));
    CUV_TRY(make_cells(y));
    CUV_TRY(make_links(y));
    return group_links(y);
}
