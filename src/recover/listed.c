/* Carriers that list all layers list them as Keras orders model.layers: by their distance from the outputs, and those of one distance as a
 * walk from the outputs back to the inputs meets them. A wiring that Keras would have listed in another order is not the model's. */
#include "recover/structure.h"

typedef struct walk {
    const cuv_structure *s;
    int32_t *met, *finished, *depth, *stack;
    uint8_t *next;              /* input to go to, by node on the stack */
    size_t met_count, finished_count;
} walk;

static void enter(walk *w, int32_t node, size_t *top)
{
    w->met[node] = (int32_t)++w->met_count;
    w->next[node] = 0;
    w->stack[(*top)++] = node;
}

/* From an output back, inputs in their order. */
static void walk_from(walk *w, int32_t output)
{
    size_t top = 0;
    if (output < 0 || w->met[output])
        return;
    enter(w, output, &top);
    while (top) {
        int32_t node = w->stack[top - 1];
        const cuv_rnode *n = &w->s->nodes[node];
        if (w->next[node] == n->in_count) {
            w->finished[w->finished_count++] = node;
            top--;
            continue;
        }
        int32_t in = n->in[w->next[node]++];
        if (in >= 0 && !w->met[in])
            enter(w, in, &top);
    }
}

static void measure(walk *w)
{
    for (size_t i = w->finished_count; i-- > 0;) {
        const cuv_rnode *n = &w->s->nodes[w->finished[i]];
        for (int k = 0; k < n->in_count; k++)
            if (n->in[k] >= 0 && w->depth[n->in[k]] <= w->depth[w->finished[i]])
                w->depth[n->in[k]] = w->depth[w->finished[i]] + 1;
    }
}

cuv_status cuv_listed_otherwise(cuv_context *cx, cuv_arena *arena, const cuv_structure *s, bool *out)
{
    size_t n = s->count;
    walk w = {s, CUV_NEW_ARRAY(arena, int32_t, n + 1), CUV_NEW_ARRAY(arena, int32_t, n + 1), CUV_NEW_ARRAY(arena, int32_t, n + 1),
              CUV_NEW_ARRAY(arena, int32_t, n + 1), CUV_NEW_ARRAY(arena, uint8_t, n + 1), 0, 0};
    *out = false;
    if (!w.met || !w.finished || !w.depth || !w.stack || !w.next)
        return cuv_oom(cx);
    for (size_t i = 0; i < s->output_count; i++)
        walk_from(&w, s->outputs[i]);
    measure(&w);
    for (size_t i = 1; i < n; i++) {
        bool nearer = w.depth[i] < w.depth[i - 1], later = w.depth[i] == w.depth[i - 1] && w.met[i] > w.met[i - 1];
        *out = *out || !w.met[i] || !w.met[i - 1] || !(nearer || later);
    }
    return CUV_OK;
}
