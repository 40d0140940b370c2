/* Where edges leave and enter their boxes. Edges of one tensor leave at one point; edges that enter spread, so that
 * each has its own arrow; labels of edges that enter side by side stand above each other where they would overlap. */
#include "emit/view/layout.h"

#include <math.h>
#include <stdlib.h>

typedef struct entry { double from; uint32_t edge, port; bool back; } entry;

static int compare(const void *a, const void *b)
{
    const entry *x = a, *y = b;
    if (x->from != y->from)
        return x->from < y->from ? -1 : 1;
    return (x->edge > y->edge) - (x->edge < y->edge);
}

static int compare_ports(const void *a, const void *b)
{
    const entry *x = a, *y = b;
    if (x->back != y->back)
        return x->back ? 1 : -1;
    if (x->port != y->port)
        return x->port < y->port ? -1 : 1;
    return (x->edge > y->edge) - (x->edge < y->edge);
}

static bool same_tensor(const entry *a, const entry *b)
{
    return !a->back && !b->back && a->port == b->port;
}

static void spread_labelled(cuv_lay *y, const entry *in, uint32_t n, double room, double label)
{
    const double space = n > 1 ? fmin(label + 8, room / (n - 1)) : 0;
    const uint32_t levels = space > 0 && label + 6 > space ? (uint32_t)fmin(ceil((label + 6) / space), 5) : 1;
    for (uint32_t i = 0; i < n; i++) {
        y->lower_dx[in[i].edge] = (i - (n - 1) / 2.0) * space;
        y->level[in[i].edge] = i % levels;
    }
}

/* What comes from straight above stays in the middle; the others keep to their sides. */
static void spread_plain(cuv_lay *y, const entry *in, uint32_t n, double room, double middle)
{
    uint32_t left = 0, right = 0;
    for (uint32_t i = 0; i < n; i++) {
        left += in[i].from < middle - 1;
        right += in[i].from > middle + 1;
    }
    const uint32_t straight = n - left - right, most = left > right ? left : right;
    const double space = fmin(16, room / 2 / (most + straight));
    for (uint32_t i = 0; i < n; i++) {
        const double inner = (straight - (straight > 0)) / 2.0;        /* several from the same box */
        const double place = i < left              ? -(double)(left - i) - inner
                             : i < left + straight ? (i - left) - inner
                                                   : i - left - straight + 1 + inner;
        y->lower_dx[in[i].edge] = n == 1 ? 0 : place * space;
    }
}

static void enter(cuv_lay *y, uint32_t node, entry *in, uint32_t n)
{
    double label = 0;
    for (uint32_t i = 0; i < n; i++) {
        in[i].from = y->cells[cuv_lay_last_cell(y, in[i].edge)].x;
        label = fmax(label, y->l->edges[in[i].edge].label);
    }
    qsort(in, n, sizeof *in, compare);
    const double room = fmax(y->l->nodes[node].width - 28, 1);
    if (label > 0)
        spread_labelled(y, in, n, room, label);
    else
        spread_plain(y, in, n, room, y->cells[node].x);
}

static void leave(cuv_lay *y, uint32_t node, entry *out, uint32_t n)
{
    uint32_t tensors = 0, at = 0;
    qsort(out, n, sizeof *out, compare_ports);
    for (uint32_t i = 0; i < n; i++)
        tensors += !i || !same_tensor(&out[i - 1], &out[i]);
    const double room = fmax(y->l->nodes[node].width - 28, 1), space = tensors > 1 ? fmin(26, room / (tensors - 1)) : 0;
    for (uint32_t i = 0; i < n; i++) {
        at += i && !same_tensor(&out[i - 1], &out[i]);
        y->upper_dx[out[i].edge] = (at - (tensors - 1) / 2.0) * space;
    }
}

typedef void spread(cuv_lay *y, uint32_t node, entry *entries, uint32_t n);

static cuv_status each_box(cuv_lay *y, cuv_group_of *end, spread *apply)
{
    cuv_groups by_box;
    entry *entries = CUV_NEW_ARRAY(y->scratch, entry, y->l->edge_count + 1);
    if (!entries)
        return cuv_oom(y->cx);
    CUV_TRY(cuv_lay_group(y->scratch, end, y->l, y->l->edge_count, y->l->node_count, &by_box));
    for (uint32_t i = 0; i < y->l->node_count; i++) {
        const uint32_t first = by_box.at[i], n = by_box.at[i + 1] - first;
        for (uint32_t k = 0; k < n; k++) {
            const uint32_t edge = by_box.items[first + k];
            entries[k] = (entry){.edge = edge, .port = y->l->edges[edge].port, .back = y->l->edges[edge].back};
        }
        if (n)
            apply(y, i, entries, n);
    }
    return CUV_OK;
}

cuv_status cuv_lay_ports(cuv_lay *y)
{
    const uint32_t m = y->l->edge_count;
    y->upper_dx = CUV_NEW_ARRAY(y->scratch, double, m + 1);
    y->lower_dx = CUV_NEW_ARRAY(y->scratch, double, m + 1);
    y->level = CUV_NEW_ARRAY(y->scratch, uint32_t, m + 1);
    if (!y->upper_dx || !y->lower_dx || !y->level)
        return cuv_oom(y->cx);
    CUV_TRY(each_box(y, cuv_lay_by_lower, enter));
    return each_box(y, cuv_lay_by_upper, leave);
}
