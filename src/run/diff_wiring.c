/* Two graphs side by side: which layer of one is which of the other, and whether they are called alike. */
#include "run/differ.h"

enum { MOST_CELLS = 1 << 23 };

/* ---- cuv_pairing */

static bool same_shapes(const cuv_layer *a, const cuv_layer *b)
{
    if (a->weight_count != b->weight_count)
        return false;
    for (size_t i = 0; i < a->weight_count; i++)
        if (!cuv_shape_equal(a->weights[i].shape, a->weights[i].rank, b->weights[i].shape, b->weights[i].rank))
            return false;
    return true;
}

static uint32_t likeness(const cuv_layer *a, const cuv_layer *b)
{
    if (!cuv_streq(cuv_differ_class(a), cuv_differ_class(b)) && !(a->model && b->model))
        return 0;
    return 2 + (cuv_streq(a->name, b->name) ? 3u : 0u) + (same_shapes(a, b) ? 1u : 0u);
}

/* The alignment of the two lists of layers with the greatest likeness; long ones are paired place by place. */
cuv_status cuv_differ_pair(cuv_differ *d, cuv_pairing *p)
{
    size_t n = p->a->layer_count, m = p->b->layer_count, cells;
    p->there = CUV_NEW_ARRAY(d->arena, int32_t, n + 1);
    p->back = CUV_NEW_ARRAY(d->arena, int32_t, m + 1);
    if (!p->there || !p->back)
        return cuv_oom(d->cx);
    for (size_t i = 0; i < n; i++)
        p->there[i] = -1;
    for (size_t k = 0; k < m; k++)
        p->back[k] = -1;
    uint32_t *best = cuv_mul_size(n + 1, m + 1, &cells) && cells <= MOST_CELLS ? CUV_NEW_ARRAY(d->arena, uint32_t, cells) : NULL;
    if (!best && cells <= MOST_CELLS)
        return cuv_oom(d->cx);
    for (size_t i = n; best && i-- > 0;)
        for (size_t k = m; k-- > 0;) {
            uint32_t like = likeness(p->a->layers[i], p->b->layers[k]);
            uint32_t down = best[(i + 1) * (m + 1) + k], right = best[i * (m + 1) + k + 1];
            uint32_t both = like ? like + best[(i + 1) * (m + 1) + k + 1] : 0, most = down > right ? down : right;
            best[i * (m + 1) + k] = both > most ? both : most;
        }
    for (size_t i = 0, k = 0; i < n && k < m;) {
        uint32_t like = likeness(p->a->layers[i], p->b->layers[k]);
        if (like && (!best || best[i * (m + 1) + k] == like + best[(i + 1) * (m + 1) + k + 1])) {
            p->there[i] = (int32_t)k;
            p->back[k++] = (int32_t)i++;
        } else if (!best) {
            i++;
            k++;
        } else if (best[i * (m + 1) + k] == best[(i + 1) * (m + 1) + k]) {
            i++;
        } else {
            k++;
        }
    }
    return CUV_OK;
}

/* ---- wiring */

static const cuv_graph_call *call_of(const cuv_graph *g, int32_t layer, int32_t ordinal)
{
    for (size_t i = 0; i < g->call_count; i++)
        if (g->calls[i].layer == layer && g->calls[i].ordinal == ordinal)
            return &g->calls[i];
    return NULL;
}

static bool same_wire(const cuv_pairing *p, cuv_wire a, cuv_wire b)
{
    const cuv_graph_call *x = &p->a->calls[a.call], *y = &p->b->calls[b.call];
    return p->there[x->layer] == y->layer && x->ordinal == y->ordinal && a.output == b.output;
}

static bool same_call(const cuv_pairing *p, const cuv_graph_call *a, const cuv_graph_call *b)
{
    size_t n = 0, m = 0, i = 0, k = 0;
    for (size_t x = 0; x < a->arg_count; x++)
        n += a->args[x].wire_count;
    for (size_t x = 0; x < b->arg_count; x++)
        m += b->args[x].wire_count;
    if (n != m)
        return false;
    for (size_t x = 0, y = 0; n > 0; n--) {
        while (i == a->args[x].wire_count) {
            x++;
            i = 0;
        }
        while (k == b->args[y].wire_count) {
            y++;
            k = 0;
        }
        if (!same_wire(p, a->args[x].wires[i++], b->args[y].wires[k++]))
            return false;
    }
    return true;
}

static const char *wires_text(cuv_differ *d, const cuv_graph *g, const cuv_graph_call *call)
{
    const char *text = "";
    for (size_t a = 0; call && a < call->arg_count; a++)
        for (size_t i = 0; i < call->args[a].wire_count; i++) {
            const cuv_graph_call *from = &g->calls[call->args[a].wires[i].call];
            text = cuv_format(d->cx, "%s%s%s[%d][%d]", text, *text ? ", " : "", g->layers[from->layer]->name, (int)from->ordinal,
                              (int)call->args[a].wires[i].output);
        }
    return text;
}

cuv_status cuv_differ_calls(cuv_differ *d, const cuv_pairing *p, int32_t a, const char *name)
{
    int32_t b = p->there[a];
    for (int32_t k = 0;; k++) {
        const cuv_graph_call *x = call_of(p->a, a, k), *y = call_of(p->b, b, k);
        if (!x && !y)
            return CUV_OK;
        if (!x || !y || !same_call(p, x, y))
            CUV_TRY(cuv_differ_text(d, CUV_CHANGE_STRUCTURE, name, "inputs", x ? wires_text(d, p->a, x) : NULL,
                             y ? wires_text(d, p->b, y) : NULL));
    }
}

const char *cuv_differ_outputs(cuv_differ *d, const cuv_graph *g)
{
    const char *text = "";
    for (size_t i = 0; i < g->output_count; i++)
        text = cuv_format(d->cx, "%s%s%s", text, i ? ", " : "", g->layers[g->calls[g->outputs[i].call].layer]->name);
    return text;
}

bool cuv_same_outputs(const cuv_pairing *p)
{
    if (p->a->output_count != p->b->output_count)
        return false;
    for (size_t i = 0; i < p->a->output_count; i++)
        if (!same_wire(p, p->a->outputs[i], p->b->outputs[i]))
            return false;
    return true;
}
