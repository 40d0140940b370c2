/* A laid-out picture as SVG. Everything that comes from a file goes through cuv_markup. The colours are in classes,
 * once for light and once for dark surroundings. */
#include "emit/view/view.h"

typedef struct family_look { const char *id, *label, *line, *fill, *dark_line, *dark_fill; } family_look;
static const family_look looks[CUV_FAM_COUNT] = {
    [CUV_FAM_INPUT] = {"input", "input", "#475569", "#f1f5f9", "#94a3b8", "#1d2430"},
    [CUV_FAM_CONV] = {"conv", "convolution", "#2563eb", "#eff5ff", "#60a5fa", "#16233f"},
    [CUV_FAM_DENSE] = {"dense", "dense", "#4338ca", "#eef0ff", "#818cf8", "#1d1f45"},
    [CUV_FAM_RNN] = {"rnn", "recurrent", "#7e22ce", "#f8f0ff", "#c084fc", "#2a1a40"},
    [CUV_FAM_ATTENTION] = {"attention", "attention", "#be185d", "#fff0f6", "#f472b6", "#3a1529"},
    [CUV_FAM_EMBED] = {"embed", "lookup", "#0f766e", "#eefbf8", "#2dd4bf", "#0f2c2b"},
    [CUV_FAM_NORM] = {"norm", "normalization", "#15803d", "#effbf2", "#4ade80", "#122b1b"},
    [CUV_FAM_ACT] = {"act", "activation", "#a16207", "#fefae8", "#facc15", "#2d260f"},
    [CUV_FAM_POOL] = {"pool", "pooling", "#0e7490", "#edfafd", "#22d3ee", "#0e2a33"},
    [CUV_FAM_SHAPE] = {"shape", "shape", "#52667a", "#f4f7fa", "#9fb3c8", "#1c252e"},
    [CUV_FAM_MERGE] = {"merge", "merge, operation", "#c2410c", "#fff5ed", "#fb923c", "#33200f"},
    [CUV_FAM_DROP] = {"drop", "regularization", "#78716c", "#f8f7f6", "#a8a29e", "#262321"},
    [CUV_FAM_OWN] = {"own", "somebody's own", "#b91c1c", "#fff1f1", "#f87171", "#381616"},
    [CUV_FAM_MODEL] = {"model", "model", "#475569", "#fafbfc", "#94a3b8", "#151b22"},
};

#define MARGIN 24.0
#define TITLE 52.0
#define LEGEND 18.0

/* ---- colours */

/* A model's box holds other boxes: only what is its own takes its colours. */
static void family_style(cuv_buffer *b, const char *id, const char *fill, const char *line)
{
    cuv_buffer_printf(
        b, ".cv .%s>.b,.cv .%s>a>.b{fill:%s;stroke:%s}.cv .%s>.k,.cv .%s>a>.k,.cv .%s>.s,.cv .%s>a>.s{fill:%s}\n", id,
        id, fill, line, id, id, id, id, line);
}

void cuv_svg_style(cuv_buffer *b)
{
    cuv_buffer_text(
        b, "\n.cv text{font-family:Helvetica,Arial,\"Liberation Sans\",\"Nimbus "
           "Sans\",sans-serif;font-size:11px;fill:#475569}\n"
           ".cv .paper{fill:#fff}.cv .head{font-size:17px;font-weight:bold;fill:#0f172a}.cv "
           ".k{font-size:12.5px;font-weight:bold}\n"
           ".cv .n{fill:#0f172a}.cv .o{font-size:10px;fill:#fff;font-weight:bold}.cv .r{text-anchor:end}.cv "
           ".m{text-anchor:middle}\n"
           ".cv .e{fill:none;stroke:#8494a8;stroke-width:1.4}.cv .back{stroke-dasharray:5 3}.cv .tip{fill:#8494a8}\n"
           ".cv "
           ".l{font-size:10px;text-anchor:middle;fill:#334155;stroke:#fff;stroke-width:3px;paint-order:stroke;stroke-"
           "linejoin:round}\n"
           ".cv .b{stroke-width:1.2}.cv a{text-decoration:none}.cv a:hover .b,.cv a:focus .b{stroke-width:2.4}\n");
    for (int i = 0; i < CUV_FAM_COUNT; i++)
        family_style(b, looks[i].id, looks[i].fill, looks[i].line);
    cuv_buffer_text(
        b, "@media(prefers-color-scheme:dark){\n.cv text{fill:#a9b6c6}.cv .paper{fill:#0e1217}.cv .head,.cv "
           ".n{fill:#e6edf3}"
           ".cv .o{fill:#0e1217}.cv .e{stroke:#66758a}.cv .tip{fill:#66758a}.cv .l{fill:#cbd5e1;stroke:#0e1217}\n");
    for (int i = 0; i < CUV_FAM_COUNT; i++)
        family_style(b, looks[i].id, looks[i].dark_fill, looks[i].dark_line);
    cuv_buffer_text(b, "}\n");
}

/* ---- parts */

static void attribute(cuv_buffer *b, const char *name, const char *text)
{
    cuv_buffer_printf(b, " %s=\"", name);
    cuv_markup(b, text);
    cuv_buffer_char(b, '"');
}

static void text_at(cuv_buffer *b, const char *class_name, double x, double y, const char *text, double width,
                    double size, bool bold)
{
    cuv_buffer_printf(b, "<text class=\"%s\" x=\"%.1f\" y=\"%.1f\">", class_name, x, y);
    cuv_markup_fit(b, text, width, size, bold);
    cuv_buffer_text(b, "</text>");
}

static void arrow(const cuv_picture *p, uint32_t i, cuv_buffer *b)
{
    const cuv_arrow *a = &p->arrows[i];
    const cuv_lay_edge *e = &p->layout.edges[i];
    const bool turned = e->back && e->from != e->to;
    cuv_buffer_printf(b, "<path class=\"%s\" d=\"%s\" marker-%s=\"url(#cv-tip)\"", e->back ? "e back" : "e", e->path,
                      turned ? "start" : "end");
    attribute(b, "data-from", p->boxes[a->from].path);
    attribute(b, "data-to", p->boxes[a->to].path);
    cuv_buffer_printf(b, " data-from-call=\"%u\" data-to-call=\"%u\" data-output=\"%u\"/>\n", a->from_call, a->to_call,
                      a->output);
}

static void arrow_label(const cuv_picture *p, uint32_t i, cuv_buffer *b)
{
    const cuv_lay_edge *e = &p->layout.edges[i];
    if (!p->arrows[i].label)
        return;
    text_at(b, "l", e->label_x, e->label_y, p->arrows[i].label, 400, 10, false);
    cuv_buffer_char(b, '\n');
}

static void output_mark(const cuv_box *box, const cuv_lay_node *n, cuv_buffer *b)
{
    if (!box->output)
        return;
    const double width = cuv_text_width(box->output, 10, true) + 16 < n->width - 20
                             ? cuv_text_width(box->output, 10, true) + 16
                             : n->width - 20;
    const double y = n->y + n->height - 19;
    cuv_buffer_printf(b, "<rect class=\"s\" x=\"%.1f\" y=\"%.1f\" width=\"%.1f\" height=\"14\" rx=\"7\"/>",
                      n->x + n->width / 2 - width / 2, y, width);
    text_at(b, "o m", n->x + n->width / 2, y + 10.5, box->output, width - 8, 10, true);
}

/* Class and arguments, name, shape and parameters. */
static void plain_box(const cuv_box *box, const cuv_lay_node *n, cuv_buffer *b)
{
    const double left = n->x + 14, right = n->x + n->width - 10, room = right - left;
    const double word = cuv_text_width(box->class_name, 12.5, true), count = cuv_text_width(box->params, 11, false);
    cuv_buffer_printf(b, "<rect class=\"b\" x=\"%.1f\" y=\"%.1f\" width=\"%.1f\" height=\"%.1f\" rx=\"%d\"/>", n->x,
                      n->y, n->width, n->height, box->input ? 18 : 6);
    if (!box->input)
        cuv_buffer_printf(b, "<rect class=\"s\" x=\"%.1f\" y=\"%.1f\" width=\"4\" height=\"%.1f\" rx=\"2\"/>", n->x + 3,
                          n->y + 6, n->height - 12);
    text_at(b, "k", left, n->y + 19, box->class_name, room, 12.5, true);
    if (*box->detail && word + 30 < room)
        text_at(b, "r", right, n->y + 19, box->detail, room - word - 8, 11, false);
    text_at(b, "n", left, n->y + 34, box->name, room, 11, false);
    text_at(b, "t", left, n->y + 49, box->shape, room - (count > 0 ? count + 10 : 0), 11, false);
    if (*box->params)
        text_at(b, "r", right, n->y + 49, box->params, room, 11, false);
}

static void model_head(const cuv_box *box, const cuv_lay_node *n, cuv_buffer *b)
{
    const double left = n->x + 14, room = n->width - 28, word = cuv_text_width(box->class_name, 12.5, true);
    cuv_buffer_printf(b, "<rect class=\"b\" x=\"%.1f\" y=\"%.1f\" width=\"%.1f\" height=\"%.1f\" rx=\"10\"/>", n->x,
                      n->y, n->width, n->height);
    text_at(b, "k", left, n->y + 19, box->class_name, room, 12.5, true);
    if (word + 40 < room)
        text_at(b, "n", left + word + 8, n->y + 19, box->name, room - word - 8, 11, false);
    const double count = cuv_text_width(box->params, 11, false);
    text_at(b, "t", left, n->y + 34, box->shape, room - count - 12, 11, false);
    if (*box->params)
        text_at(b, "r", left + room, n->y + 34, box->params, room, 11, false);
}

static void tooltip(const cuv_box *box, cuv_buffer *b)
{
    cuv_buffer_text(b, "<title>");
    const char *const parts[] = {box->path,       "\n",
                                 box->class_name, *box->detail ? " · " : "",
                                 box->detail,     "\n",
                                 box->shape,      *box->params ? "\n" : "",
                                 box->params,     *box->params ? " parameters" : ""};
    for (size_t i = 0; i < sizeof parts / sizeof parts[0]; i++)
        if (parts[i][0] == '\n')
            cuv_buffer_char(b, '\n');
        else
            cuv_markup(b, parts[i]);
    cuv_buffer_text(b, "</title>");
}

static void draw(const cuv_picture *p, bool linked, cuv_buffer *b);

static void draw_box(const cuv_picture *p, uint32_t i, bool linked, cuv_buffer *b)
{
    const cuv_box *box = &p->boxes[i];
    const cuv_lay_node *n = &p->layout.nodes[i];
    cuv_buffer_printf(b, "<g id=\"n%u\" class=\"%s\"", box->id, looks[box->family].id);
    attribute(b, "data-layer", box->name);
    attribute(b, "data-path", box->path);
    attribute(b, "data-class", box->class_name);
    attribute(b, "data-shape", box->shape);
    cuv_buffer_char(b, '>');
    if (linked)
        cuv_buffer_printf(b, "<a href=\"#layer-%u\">", box->id);
    tooltip(box, b);
    if (box->inside)
        model_head(box, n, b);
    else
        plain_box(box, n, b);
    output_mark(box, n, b);
    cuv_buffer_text(b, linked ? "</a>" : "");
    if (box->inside) {
        cuv_buffer_printf(b, "\n<g transform=\"translate(%.1f %.1f)\">\n",
                          n->x + (n->width - box->inside->layout.width) / 2, n->y + CUV_MODEL_HEAD);
        draw(box->inside, linked, b);
        cuv_buffer_text(b, "</g>\n");
    }
    cuv_buffer_text(b, "</g>\n");
}

static void draw(const cuv_picture *p, bool linked, cuv_buffer *b)
{
    for (uint32_t i = 0; i < p->arrow_count; i++)
        arrow(p, i, b);
    for (uint32_t i = 0; i < p->box_count; i++)
        draw_box(p, i, linked, b);
    for (uint32_t i = 0; i < p->arrow_count; i++)
        arrow_label(p, i, b);
}

/* ---- the whole */

static void note_families(const cuv_picture *p, bool *seen)
{
    for (uint32_t i = 0; i < p->box_count; i++) {
        seen[p->boxes[i].family] = true;
        if (p->boxes[i].inside)
            note_families(p->boxes[i].inside, seen);
    }
}

/* Colours and their names, in lines of the picture's width; returns how high that is. `b` NULL: only measured. */
static double legend(const bool *seen, double width, double top, cuv_buffer *b)
{
    double x = MARGIN, y = top;
    for (int i = 0; i < CUV_FAM_COUNT; i++) {
        const double room = cuv_text_width(looks[i].label, 11, false) + 34;
        if (!seen[i])
            continue;
        if (x > MARGIN && x + room > width - MARGIN) {
            x = MARGIN;
            y += LEGEND;
        }
        if (b)
            cuv_buffer_printf(
                b,
                "<g class=\"%s\"><rect class=\"b\" x=\"%.1f\" y=\"%.1f\" width=\"13\" height=\"11\" rx=\"3\"/>"
                "<text x=\"%.1f\" y=\"%.1f\">%s</text></g>\n",
                looks[i].id, x, y, x + 18, y + 9.5, looks[i].label);
        x += room;
    }
    return y + LEGEND - top;
}

static void subtitle(const cuv_picture *p, double width, cuv_buffer *b)
{
    uint64_t trainable, frozen;
    char count[CUV_GROUPED];
    cuv_model_params(p->m, &trainable, &frozen);
    const char *text = cuv_arena_printf(p->arena, "%s · %u layers · %s parameters", p->m->class_name, p->total,
                                        cuv_grouped(trainable + frozen, count));
    if (text)
        text_at(b, "t", MARGIN, MARGIN + 30, text, width - 2 * MARGIN, 11, false);
    else
        b->failed = true;
}

void cuv_svg_write(const cuv_picture *p, bool linked, cuv_buffer *b)
{
    bool seen[CUV_FAM_COUNT] = {false};
    note_families(p, seen);
    const double head = cuv_text_width(p->m->name, 17, true), least = head < 500 ? head : 500;
    double width = p->layout.width > 280 ? p->layout.width : 280;
    width = (width > least ? width : least) + 2 * MARGIN;
    const double top = MARGIN + TITLE + legend(seen, width, 0, NULL) + 8, height = top + p->layout.height + MARGIN;
    cuv_buffer_printf(
        b,
        "<svg xmlns=\"http://www.w3.org/2000/svg\" class=\"cv\" role=\"img\" width=\"%.0f\" height=\"%.0f\" "
        "viewBox=\"0 0 %.0f %.0f\">\n<title>",
        width, height, width, height);
    cuv_markup(b, p->m->name);
    cuv_buffer_text(b, "</title>\n");
    cuv_buffer_text(b, "<style>");
    cuv_svg_style(b);
    cuv_buffer_text(b, "</style>\n");
    cuv_buffer_printf(
        b,
        "<defs><marker id=\"cv-tip\" viewBox=\"0 0 8 8\" refX=\"7.5\" refY=\"4\" markerWidth=\"8\" markerHeight=\"8\" "
        "markerUnits=\"userSpaceOnUse\" orient=\"auto-start-reverse\"><path class=\"tip\" d=\"M0 0.5L8 4L0 "
        "7.5z\"/></marker></defs>\n"
        "<rect class=\"paper\" width=\"%.0f\" height=\"%.0f\"/>\n",
        width, height);
    text_at(b, "head", MARGIN, MARGIN + 12, p->m->name, width - 2 * MARGIN, 17, true);
    subtitle(p, width, b);
    legend(seen, width, MARGIN + TITLE - 8, b);
    cuv_buffer_printf(b, "<g transform=\"translate(%.1f %.1f)\">\n", (width - p->layout.width) / 2, top);
    draw(p, linked, b);
    cuv_buffer_text(b, "</g>\n</svg>\n");
}

cuv_status cuv_emit_svg(const struct cuv_model *m, cuv_arena *arena, cuv_buffer *out)
{
    cuv_picture *p;
    CUV_TRY(cuv_picture_of(m, arena, &p));
    CUV_TRY(cuv_picture_lay_out(p));
    cuv_svg_write(p, false, out);
    return CUV_OK;
}
