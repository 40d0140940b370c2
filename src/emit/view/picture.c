/* A model as boxes and arrows: a box for each layer, an arrow for each tensor that goes from one to another; models
 * inside of models are pictures inside of boxes. A layer that is called several times is one box, and its arrows say
 * which call they belong to. */
#include "emit/view/view.h"
#include "model/graph.h"

#define BOX_HEIGHT 58.0
#define OUTPUT_HEIGHT 18.0
#define PAD 18.0
#define LEAST 138.0
#define MOST 236.0
#define LABEL 48               /* bytes */

typedef struct drawer {
    cuv_context *cx;
    cuv_arena *arena;
    const cuv_program *program;
    uint32_t next;              /* id */
} drawer;

static cuv_status draw(drawer *d, const struct cuv_model *m, const char *path, unsigned depth, cuv_picture **out);

/* ---- boxes */

static const char *shape_text(drawer *d, const cuv_graph_call *call)
{
    cuv_buffer b;
    cuv_buffer_init(&b, d->cx);
    for (size_t i = 0; call && i < call->output_count && i < 16; i++) {
        const cuv_var *v = cuv_program_var(d->program, call->outputs[i].value);
        const char *shape = cuv_shape_text(d->cx, v->shape, v->rank);
        b.failed |= shape == cuv_no_text;
        cuv_buffer_text(&b, i ? ", " : "");
        cuv_buffer_text(&b, shape);
    }
    const char *text = b.failed ? NULL : cuv_arena_strndup(d->arena, b.size ? b.data : "?", b.size ? b.size : 1);
    cuv_buffer_free(&b);
    return text;
}

/* The model that a layer is, or that a wrapper holds. */
static const struct cuv_model *model_inside(const cuv_layer *layer)
{
    if (layer->model)
        return layer->model;
    for (size_t i = 0; layer->def->flags & CUV_LF_WRAPPER && i < layer->inner_count; i++)
        if (layer->inner[i]->model)
            return layer->inner[i]->model;
    return NULL;
}

static cuv_status fill_box(drawer *d, const cuv_layer *layer, const cuv_graph_call *call, const char *path,
                           unsigned depth, cuv_box *box)
{
    uint64_t trainable, frozen;
    char count[CUV_GROUPED];
    cuv_layer_params(layer, &trainable, &frozen);
    const struct cuv_model *inside = model_inside(layer);
    *box = (cuv_box){.layer = layer,
                     .name = layer->name ? layer->name : "?",
                     .class_name = cuv_layer_class(layer),
                     .id = d->next++,
                     .family = cuv_family_of(layer),
                     .detail = cuv_layer_detail(d->arena, layer),
                     .shape = shape_text(d, call)};
    box->params = trainable + frozen ? cuv_arena_strdup(d->arena, cuv_grouped(trainable + frozen, count)) : "";
    box->path = *path ? cuv_arena_printf(d->arena, "%s/%s", path, box->name) : box->name;
    if (!box->detail || !box->shape || !box->params || !box->path)
        return cuv_oom(d->cx);
    if (d->next > CUV_LAY_NODES)
        return cuv_fail(d->cx, CUV_UNSUPPORTED, "view.size",
                        &(cuv_detail){.help = "cuvier summary, or -o model.dot, has no such limit"},
                        "the picture would have more than %d layers", CUV_LAY_NODES);
    return inside && depth ? draw(d, inside, box->path, depth - 1, &box->inside) : CUV_OK;
}

/* Layers in the order of their first calls, then those that are never called; `place` by layer. */
static cuv_status make_boxes(drawer *d, cuv_picture *p, const cuv_graph *g, const char *path, unsigned depth,
                             uint32_t *place)
{
    p->boxes = CUV_NEW_ARRAY(d->arena, cuv_box, g->layer_count + 1);
    if (!p->boxes)
        return cuv_oom(d->cx);
    for (size_t i = 0; i < g->layer_count; i++)
        place[i] = UINT32_MAX;
    for (size_t i = 0; i < g->call_count; i++) {
        const cuv_graph_call *call = &g->calls[i];
        if (place[call->layer] == UINT32_MAX) {
            place[call->layer] = p->box_count;
            CUV_TRY(fill_box(d, g->layers[call->layer], call, path, depth, &p->boxes[p->box_count]));
            p->box_count++;
        }
        p->boxes[place[call->layer]].calls++;
    }
    for (size_t i = 0; i < g->layer_count; i++)
        if (place[i] == UINT32_MAX) {
            place[i] = p->box_count;
            CUV_TRY(fill_box(d, g->layers[i], NULL, path, depth, &p->boxes[p->box_count]));
            p->box_count++;
        }
    return CUV_OK;
}

static cuv_status mark_ends(drawer *d, cuv_picture *p, const cuv_graph *g, const uint32_t *place)
{
    for (uint32_t i = 0; i < p->box_count; i++)
        p->boxes[i].input = cuv_streq(p->boxes[i].layer->def->name, "InputLayer");
    for (size_t i = 0; i < g->output_count; i++) {
        cuv_box *box = &p->boxes[place[g->calls[g->outputs[i].call].layer]];
        box->output = g->output_count == 1 ? "output"
                      : box->output        ? cuv_arena_printf(d->arena, "%s, %zu", box->output, i + 1)
                                           : cuv_arena_printf(d->arena, "output %zu", i + 1);
        if (!box->output)
            return cuv_oom(d->cx);
    }
    return CUV_OK;
}

/* ---- arrows */

/* What tells an arrow from others between the same boxes. */
static cuv_status label_arrow(drawer *d, const cuv_picture *p, const cuv_graph_call *from, cuv_arrow *a)
{
    cuv_buffer b;
    cuv_buffer_init(&b, d->cx);
    const uint32_t from_calls = p->boxes[a->from].calls, to_calls = p->boxes[a->to].calls;
    if (from_calls > 1 && to_calls > 1 && a->from_call != a->to_call)
        cuv_buffer_printf(&b, "call %u → %u", a->from_call + 1, a->to_call + 1);
    else if (from_calls > 1 || to_calls > 1)
        cuv_buffer_printf(&b, "call %u", (to_calls > 1 ? a->to_call : a->from_call) + 1);
    if (from->output_count > 1)
        cuv_buffer_printf(&b, b.size ? " · out %u" : "out %u", a->output + 1);
    if (a->argument)
        cuv_buffer_printf(&b, b.size ? " · %s" : "%s", a->argument);
    size_t size = b.size < LABEL ? b.size : LABEL;
    while (size && size < b.size && ((unsigned char)b.data[size] & 0xC0) == 0x80)       /* no part of a character */
        size--;
    a->label = size && !b.failed ? cuv_arena_strndup(d->arena, b.data, size) : NULL;
    const bool failed = b.failed || (size && !a->label);
    cuv_buffer_free(&b);
    return failed ? cuv_oom(d->cx) : CUV_OK;
}

static cuv_status make_arrows(drawer *d, cuv_picture *p, const cuv_graph *g, const uint32_t *place)
{
    size_t count = 0;
    for (size_t i = 0; i < g->call_count; i++)
        for (size_t a = 0; a < g->calls[i].arg_count; a++)
            count += g->calls[i].args[a].wire_count;
    if (count > 50 * (size_t)CUV_LAY_NODES)
        return cuv_fail(d->cx, CUV_UNSUPPORTED, "view.size", NULL, "the picture would have more than a million arrows");
    p->arrows = CUV_NEW_ARRAY(d->arena, cuv_arrow, count + 1);
    if (!p->arrows)
        return cuv_oom(d->cx);
    for (size_t i = 0; i < g->call_count; i++)
        for (size_t k = 0; k < g->calls[i].arg_count; k++)
            for (size_t w = 0; w < g->calls[i].args[k].wire_count; w++) {
                const cuv_wire wire = g->calls[i].args[k].wires[w];
                const cuv_graph_call *from = &g->calls[wire.call];
                cuv_arrow *a = &p->arrows[p->arrow_count++];
                *a = (cuv_arrow){.from = place[from->layer],
                                 .to = place[g->calls[i].layer],
                                 .from_call = (uint32_t)from->ordinal,
                                 .to_call = (uint32_t)g->calls[i].ordinal,
                                 .output = (uint32_t)wire.output,
                                 .argument = k ? g->calls[i].args[k].name : NULL};
                CUV_TRY(label_arrow(d, p, from, a));
            }
    return CUV_OK;
}

static uint32_t enters(const void *picture, uint32_t arrow)
{
    return ((const cuv_picture *)picture)->arrows[arrow].to;
}

static cuv_status draw(drawer *d, const struct cuv_model *m, const char *path, unsigned depth, cuv_picture **out)
{
    const cuv_graph *g = m->graph;
    const uint32_t first = d->next;
    cuv_picture *p = CUV_NEW(d->arena, cuv_picture);
    uint32_t *place = g ? CUV_NEW_ARRAY(d->arena, uint32_t, g->layer_count + 1) : NULL;
    *out = NULL;
    if (!p || (g && !place))
        return cuv_oom(d->cx);
    *p = (cuv_picture){.cx = d->cx, .arena = d->arena, .m = m};
    if (g) {
        CUV_TRY(make_boxes(d, p, g, path, depth, place));
        CUV_TRY(mark_ends(d, p, g, place));
        CUV_TRY(make_arrows(d, p, g, place));
    }
    CUV_TRY(cuv_lay_group(d->arena, enters, p, p->arrow_count, p->box_count, &p->entering));
    p->total = d->next - first;
    *out = p;
    return CUV_OK;
}

cuv_status cuv_picture_of(const struct cuv_model *m, cuv_arena *arena, cuv_picture **out)
{
    drawer d = {.cx = m->cx, .arena = arena, .program = m->program};
    return draw(&d, m, "", cuv_context_limits(m->cx)->depth, out);
}

/* ---- sizes */

/* All boxes of a picture are as wide as its widest text, within bounds. */
static double box_width(const cuv_picture *p)
{
    double width = LEAST;
    for (uint32_t i = 0; i < p->box_count; i++) {
        const cuv_box *box = &p->boxes[i];
        const double texts[] = {cuv_text_width(box->class_name, 12.5, true) + cuv_text_width(box->detail, 11, false) +
                                    12,
                                cuv_text_width(box->name, 11, false),
                                cuv_text_width(box->shape, 11, false) + cuv_text_width(box->params, 11, false) + 14};
        for (size_t k = 0; k < 3 && !box->inside; k++)
            width = texts[k] + 28 > width ? texts[k] + 28 : width;
    }
    return width < MOST ? (double)(int)(width + 1) : MOST;
}

static void size_of(const cuv_box *box, double width, cuv_lay_node *node)
{
    *node = (cuv_lay_node){.width = width, .height = BOX_HEIGHT + (box->output ? OUTPUT_HEIGHT : 0)};
    if (!box->inside)
        return;
    const double head = cuv_text_width(box->class_name, 12.5, true) + cuv_text_width(box->name, 11, false) + 60;
    const double inner = box->inside->layout.width + 2 * PAD, least = head < 300 ? head : 300;
    node->width = inner > least ? inner : least;
    node->height = CUV_MODEL_HEAD + box->inside->layout.height + PAD + (box->output ? OUTPUT_HEIGHT : 0);
}

cuv_status cuv_picture_lay_out(cuv_picture *p)
{
    cuv_layout *l = &p->layout;
    *l = (cuv_layout){.nodes = CUV_NEW_ARRAY(p->arena, cuv_lay_node, (size_t)p->box_count + 1),
                      .node_count = p->box_count,
                      .edges = CUV_NEW_ARRAY(p->arena, cuv_lay_edge, (size_t)p->arrow_count + 1),
                      .edge_count = p->arrow_count};
    if (!l->nodes || !l->edges)
        return cuv_oom(p->cx);
    const double width = box_width(p);
    for (uint32_t i = 0; i < p->box_count; i++) {
        if (p->boxes[i].inside)
            CUV_TRY(cuv_picture_lay_out(p->boxes[i].inside));
        size_of(&p->boxes[i], width, &l->nodes[i]);
    }
    for (uint32_t i = 0; i < p->arrow_count; i++) {
        const cuv_arrow *a = &p->arrows[i];
        l->edges[i] = (cuv_lay_edge){.from = a->from, .to = a->to, .port = a->from_call * 64 + a->output,
                                     .label = a->label ? cuv_text_width(a->label, 10, false) : 0};
    }
    return cuv_lay_out(p->cx, p->arena, l);
}
