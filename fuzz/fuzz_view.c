/* Graphs as bytes: boxes of any size, edges between any two of them, laid out; and the rest of the bytes as the text of
 * names. Boxes must not touch, and escaped text must hold nothing that markup would take for its own. */
#include "fuzz.h"

#include "emit/view/view.h"

enum { NODES = 3000, EDGES = 6000 };

static uint16_t two(const uint8_t *data, size_t at)
{
    return (uint16_t)(data[at] | data[at + 1] << 8);
}

static void check_boxes(const cuv_layout *l)
{
    for (uint32_t i = 0; i < l->node_count; i++) {
        const cuv_lay_node *a = &l->nodes[i];
        if (!(a->x >= -0.01) || !(a->y >= -0.01) || !(a->x + a->width <= l->width + 0.01) ||
            !(a->y + a->height <= l->height + 0.01))
            __builtin_trap();
        for (uint32_t k = 0; k < i && l->node_count < 400; k++) {
            const cuv_lay_node *b = &l->nodes[k];
            if (a->x < b->x + b->width && b->x < a->x + a->width && a->y < b->y + b->height && b->y < a->y + a->height)
                __builtin_trap();
        }
    }
    for (uint32_t i = 0; i < l->edge_count; i++)
        if (!l->edges[i].path || l->edges[i].path[0] != 'M')
            __builtin_trap();
}

/* The first two bytes: how many boxes. Then a byte of size for each, as far as there are bytes, and four for each edge.
 */
static void lay_out(fuzz *f, const uint8_t *data, size_t size)
{
    const uint32_t n = two(data, 0) % NODES + 1u;
    cuv_layout l = {.nodes = CUV_NEW_ARRAY(f->arena, cuv_lay_node, n),
                    .edges = CUV_NEW_ARRAY(f->arena, cuv_lay_edge, EDGES),
                    .node_count = n};
    if (!l.nodes || !l.edges)
        return;
    size_t at = 2;
    for (uint32_t i = 0; i < n; i++) {
        const unsigned byte = at < size && i < 64 ? data[at++] : i;
        l.nodes[i] = (cuv_lay_node){.width = 20 + byte % 16 * 20, .height = 20 + byte / 16 % 16 * 12};
    }
    for (; at + 4 <= size && l.edge_count < EDGES; at += 4)
        l.edges[l.edge_count++] = (cuv_lay_edge){.from = two(data, at) % n,
                                                 .to = two(data, at + 2) % n,
                                                 .port = data[at] % 3,
                                                 .label = data[at + 1] % 4 ? 0 : data[at + 3] % 80};
    if (fuzz_judge(f->cx, cuv_lay_out(f->cx, f->arena, &l)))
        check_boxes(&l);
}

static void check_markup(const cuv_buffer *b)
{
    if (b->failed)
        return;
    if (b->size && (strpbrk(b->data, "<>\"'") || !cuv_utf8_valid(b->data, b->size)))
        __builtin_trap();
    for (size_t i = 0; i < b->size; i++)
        if ((unsigned char)b->data[i] < 0x20)
            __builtin_trap();
}

static void escape(fuzz *f, const uint8_t *data, size_t size)
{
    char *text = cuv_arena_strndup(f->arena, (const char *)data, size < 4096 ? size : 4096);
    cuv_buffer whole, cut;
    if (!text)
        return;
    cuv_buffer_init(&whole, f->cx);
    cuv_buffer_init(&cut, f->cx);
    cuv_markup(&whole, text);
    cuv_markup_fit(&cut, text, 100, 11, false);
    check_markup(&whole);
    check_markup(&cut);
    if (!(cuv_text_width(text, 11, true) >= 0))
        __builtin_trap();
    cuv_buffer_free(&whole);
    cuv_buffer_free(&cut);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    fuzz f;
    if (size >= 2 && fuzz_open(&f, data, size)) {
        lay_out(&f, data, size);
        escape(&f, data, size);
        fuzz_close(&f);
    }
    return 0;
}
