/* A model's wiring as Graphviz text: a node for each layer (class, name, shape), an edge for each tensor, nested models as boxes around
 * their layers. Names become quoted strings in which nothing is special but what is escaped here. */
#include "emit/emit.h"
#include "model/graph.h"

/* Inside a quoted string: quotes and backslashes are escaped, and line ends become the two characters \n; other control
 * characters and bytes that are no UTF-8 become '?'. */
static void quoted(cuv_buffer *b, const char *text)
{
    const size_t size = strlen(text);
    for (size_t i = 0; i < size;) {
        const unsigned char c = (unsigned char)text[i];
        size_t n = c < 0x80 ? 1 : c < 0xE0 ? 2 : c < 0xF0 ? 3 : 4;
        const bool fine = n <= size - i && cuv_utf8_valid(text + i, n);
        n = fine ? n : 1;
        if (c == '"' || c == '\\')
            cuv_buffer_printf(b, "\\%c", c);
        else if (c == '\n')
            cuv_buffer_text(b, "\\n");
        else if (!fine || c < 0x20 || c == 0x7F)
            cuv_buffer_char(b, '?');
        else
            cuv_buffer_add(b, text + i, n);
        i += n;
    }
}

static const cuv_node *node_of(const struct cuv_model *m, const cuv_layer *layer)
{
    for (size_t i = 0; i < m->node_count; i++)
        if (m->nodes[i].layer == layer)
            return &m->nodes[i];
    return NULL;
}

/* "n3_1": layer 1 of the model that is number 3. */
static void node_line(const struct cuv_model *m, const cuv_layer *layer, unsigned model, size_t index, cuv_buffer *b)
{
    const cuv_node *node = m->nested ? NULL : node_of(m, layer);
    cuv_buffer_printf(b, "    n%u_%zu [label=\"", model, index);
    quoted(b, layer->name);
    cuv_buffer_text(b, "\\n");
    quoted(b, cuv_layer_class(layer));
    for (size_t i = 0; node && i < node->output_count; i++) {
        const cuv_var *v = cuv_program_var(m->program, node->outputs[i].value);
        cuv_buffer_text(b, i ? ", " : "\\n");
        quoted(b, cuv_shape_text(m->cx, v->shape, v->rank));
    }
    cuv_buffer_printf(b, "\"%s];\n", cuv_streq(layer->def->name, "InputLayer") ? ", style=rounded" : "");
}

static void wires_of(const cuv_graph *g, const cuv_graph_call *call, unsigned model, cuv_buffer *b)
{
    for (size_t i = 0; i < call->arg_count; i++)
        for (size_t k = 0; k < call->args[i].wire_count; k++) {
            const cuv_wire from = call->args[i].wires[k];
            cuv_buffer_printf(b, "    n%u_%d -> n%u_%d", model, g->calls[from.call].layer, model, call->layer);
            if (from.output || call->ordinal)
                cuv_buffer_printf(b, " [label=\"%s%.0d%s\"]", from.output ? "output " : "", from.output, call->ordinal ? " again" : "");
            cuv_buffer_text(b, ";\n");
        }
}

/* Nested models stand beside the main one, each in a box that carries its name. */
static void draw(const struct cuv_model *m, unsigned *next, unsigned depth, cuv_buffer *b)
{
    const cuv_graph *g = m->graph;
    const unsigned model = (*next)++;
    cuv_buffer_printf(b, "  subgraph cluster_%u {\n    label=\"", model);
    quoted(b, m->name);
    cuv_buffer_text(b, "\";\n");
    for (size_t i = 0; i < g->layer_count; i++)
        node_line(m, g->layers[i], model, i, b);
    for (size_t i = 0; i < g->call_count; i++)
        wires_of(g, &g->calls[i], model, b);
    cuv_buffer_text(b, "  }\n");
    for (size_t i = 0; depth && i < g->layer_count; i++)
        if (g->layers[i]->model)
            draw(g->layers[i]->model, next, depth - 1, b);
}

void cuv_emit_dot(const struct cuv_model *m, cuv_buffer *out)
{
    unsigned next = 0;
    cuv_buffer_text(out, "digraph model {\n  charset=\"UTF-8\";\n  node [shape=box, fontname=\"Helvetica\"];\n");
    draw(m, &next, cuv_context_limits(m->cx)->depth, out);
    cuv_buffer_text(out, "}\n");
}
