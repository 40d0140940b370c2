/* Of each layer: a row in the table, its configuration, and its weights with what can be told of their values. */
#include "emit/view/page.h"
#include "emit/view/stats.h"

#define LONGEST_VALUE 2000      /* characters of an argument */

static void link_to(cuv_page *p, const cuv_box *box)
{
    cuv_buffer_printf(p->b, "<a href=\"#layer-%u\">", box->id);
    cuv_markup(p->b, box->name);
    cuv_buffer_text(p->b, "</a>");
}

/* ---- the table */

static void sources_of(cuv_page *p, const cuv_picture *in, uint32_t box)
{
    const uint32_t first = in->entering.at[box], count = in->entering.at[box + 1] - first;
    for (uint32_t i = 0; i < count && i < 12; i++) {
        cuv_buffer_text(p->b, i ? ", " : "");
        link_to(p, &in->boxes[in->arrows[in->entering.items[first + i]].from]);
    }
    if (count > 12)
        cuv_buffer_printf(p->b, " and %u more", count - 12);
}

static void row(cuv_page *p, const cuv_picture *in, uint32_t at, unsigned depth)
{
    const cuv_box *box = &in->boxes[at];
    cuv_buffer_text(p->b, "<tr><td>");
    for (unsigned i = 0; i < depth; i++)
        cuv_buffer_text(p->b, "&#8195;");
    link_to(p, box);
    cuv_buffer_text(p->b, "</td>");
    cuv_page_tag(p, "td", box->class_name);
    cuv_page_tag(p, "td class=\"soft\"", box->detail);
    cuv_page_tag(p, "td", box->shape);
    cuv_page_tag(p, "td class=\"n\"", box->params);
    cuv_buffer_text(p->b, "<td>");
    sources_of(p, in, at);
    cuv_buffer_text(p->b, "</td>");
    cuv_page_tag(p, "td", box->output);
    cuv_buffer_text(p->b, "</tr>\n");
}

static void rows(cuv_page *p, const cuv_picture *in, unsigned depth)
{
    for (uint32_t i = 0; i < in->box_count && in->boxes[i].id < CUV_PAGE_ROWS; i++) {
        row(p, in, i, depth);
        if (in->boxes[i].inside)
            rows(p, in->boxes[i].inside, depth + 1);
    }
}

static void rest(cuv_page *p, size_t count, const char *what)
{
    if (count > CUV_PAGE_ROWS)
        cuv_buffer_printf(p->b, "<p class=\"soft\">%zu more %s are not shown here.</p>\n", count - CUV_PAGE_ROWS, what);
}

void cuv_page_table(cuv_page *p)
{
    cuv_buffer_text(
        p->b,
        "<section id=\"layers\"><h2>Layers</h2>\n<div "
        "class=\"wide\"><table><thead><tr><th>Layer</th><th>Class</th><th></th>"
        "<th>Output shape</th><th class=\"n\">Parameters</th><th>Connected to</th><th></th></tr></thead>\n<tbody>\n");
    rows(p, p->picture, 0);
    cuv_buffer_text(p->b, "</tbody></table></div>\n");
    rest(p, p->picture->total, "layers");
    cuv_buffer_text(p->b, "</section>\n");
}

/* ---- configuration */

/* What a model's picture shows already. */
static bool is_shown(const cuv_layer *layer, const char *key)
{
    return layer->model && (!strcmp(key, "layers") || !strcmp(key, "input_layers") || !strcmp(key, "output_layers"));
}

static void value(cuv_page *p, const cuv_value *v)
{
    cuv_buffer text;
    cuv_buffer_init(&text, p->cx);
    cuv_json_write(&text, v, 0);
    const size_t size = text.size;
    if (text.failed || !text.data)
        p->b->failed = true;
    else if (size > LONGEST_VALUE)
        text.data[LONGEST_VALUE] = 0;
    cuv_buffer_text(p->b, "<td><code>");
    if (text.data)
        cuv_markup(p->b, text.data);
    cuv_buffer_text(p->b, "</code>");
    if (size > LONGEST_VALUE)
        cuv_buffer_printf(p->b, "<span class=\"soft\"> … %zu characters in all</span>", size);
    cuv_buffer_text(p->b, "</td>");
    cuv_buffer_free(&text);
}

static void configuration(cuv_page *p, const cuv_layer *layer)
{
    if (!layer->config || layer->config->kind != CUV_DICT || !layer->config->size)
        return;
    cuv_buffer_text(p->b, "<h3>Configuration</h3>\n<table>\n");
    for (size_t i = 0; i < layer->config->size && i < 200; i++) {
        const cuv_pair *pair = &layer->config->pairs[i];
        const char *key = cuv_text(pair->key);
        if (!key || is_shown(layer, key))
            continue;
        cuv_buffer_text(p->b, "<tr>");
        cuv_page_tag(p, "td class=\"soft\"", key);
        value(p, pair->value);
        cuv_buffer_text(p->b, "</tr>\n");
    }
    cuv_buffer_text(p->b, "</table>\n");
}

/* ---- weights */

static void histogram(cuv_page *p, const cuv_stats *s)
{
    size_t most = 1;
    for (int i = 0; i < CUV_BINS; i++)
        most = s->bins[i] > most ? s->bins[i] : most;
    cuv_buffer_printf(
        p->b,
        "<td><svg class=\"bars\" width=\"%d\" height=\"22\" role=\"img\" aria-label=\"histogram\"><path d=\"M0 22",
        CUV_BINS * 4);
    for (int i = 0; i < CUV_BINS; i++)
        cuv_buffer_printf(p->b, "V%.1fh4", 22 - 21 * (double)s->bins[i] / (double)most);
    cuv_buffer_text(p->b, "V22z\"/></svg></td>");
}

static void number(cuv_page *p, double x)
{
    cuv_buffer_printf(p->b, "<td class=\"n\">%.4g</td>", x);
}

static cuv_status values_of(cuv_page *p, const cuv_weight *w)
{
    cuv_stats s;
    if (!w->value || !w->value->data || w->value->dtype == CUV_STR) {
        cuv_buffer_printf(p->b, "<td colspan=\"6\" class=\"soft\">%s</td>",
                          w->value ? "no numbers" : "no values in the evidence");
        return CUV_OK;
    }
    CUV_TRY(cuv_stats_of(p->cx, w->value, &s));
    if (s.count > s.nan + s.inf) {
        number(p, s.min);
        number(p, s.max);
        number(p, s.mean);
        number(p, s.deviation);
        cuv_buffer_printf(p->b, "<td class=\"n\">%.3g %%</td>", 100 * (double)s.zeros / (double)s.count);
        histogram(p, &s);
    } else {
        cuv_buffer_text(p->b, "<td colspan=\"6\" class=\"soft\">no finite values</td>");
    }
    cuv_buffer_text(p->b, "<td>");
    if (s.nan)
        cuv_buffer_printf(p->b, "<span class=\"bad\">%zu NaN</span> ", s.nan);
    if (s.inf)
        cuv_buffer_printf(p->b, "<span class=\"bad\">%zu infinite</span>", s.inf);
    cuv_buffer_text(p->b, "</td>");
    return CUV_OK;
}

static cuv_status weight_row(cuv_page *p, const cuv_weight *w)
{
    cuv_buffer_text(p->b, "<tr>");
    const char *inner = w->layer->role ? w->layer->role : w->layer->name;
    const char *name =
        w->layer->parent && !w->layer->parent->model ? cuv_arena_printf(p->arena, "%s/%s", inner, w->name) : w->name;
    if (!name)
        return cuv_oom(p->cx);
    cuv_page_tag(p, "td", name);
    cuv_page_tag(p, "td", cuv_shape_text(p->cx, w->shape, w->rank));
    cuv_page_tag(p, "td", cuv_dtype_name(w->value ? w->value->dtype : w->dtype));
    CUV_TRY(values_of(p, w));
    cuv_page_tag(p, "td class=\"soft\"", w->source);
    cuv_buffer_text(p->b, "</tr>\n");
    return CUV_OK;
}

/* Weights of the layer and of what it holds, but not those of models that have boxes of their own. */
static cuv_status weight_rows(cuv_page *p, const cuv_layer *layer, unsigned depth, size_t *count)
{
    for (size_t i = 0; i < layer->weight_count; i++, ++*count) {
        if (!*count)
            cuv_buffer_text(
                p->b, "<h3>Weights</h3>\n<div class=\"wide\"><table>\n<tr><th>Name</th><th>Shape</th><th>Type</th><th "
                      "class=\"n\">Least</th>"
                      "<th class=\"n\">Greatest</th><th class=\"n\">Mean</th><th class=\"n\">Deviation</th><th "
                      "class=\"n\">Zeros</th>"
                      "<th>Values</th><th></th><th>From</th></tr>\n");
        CUV_TRY(weight_row(p, &layer->weights[i]));
    }
    for (size_t i = 0; depth && !layer->model && i < layer->inner_count; i++)
        CUV_TRY(weight_rows(p, layer->inner[i], depth - 1, count));
    return CUV_OK;
}

static cuv_status detail(cuv_page *p, const cuv_box *box)
{
    size_t weights = 0;
    cuv_buffer_text(p->b, "<details><summary>");
    cuv_page_tag(p, "b", box->path);
    cuv_page_tag(p, "span", " · ");
    cuv_page_tag(p, "span", box->class_name);
    cuv_page_tag(p, "span class=\"soft\"", " ");
    cuv_page_tag(p, "span class=\"soft\"", box->shape);
    cuv_buffer_printf(p->b, "</summary>\n<div id=\"layer-%u\">\n", box->id);
    if (box->calls > 1)
        cuv_buffer_printf(p->b, "<p>called %u times</p>\n", box->calls);
    if (box->layer->custom)
        cuv_page_tag(p, "p class=\"assumed\"",
                     "a class that is none of Keras's; code given with --custom stands in for it");
    configuration(p, box->layer);
    CUV_TRY(weight_rows(p, box->layer, cuv_context_limits(p->cx)->depth, &weights));
    cuv_buffer_printf(p->b, "%s</div></details>\n", weights ? "</table></div>\n" : "");
    return CUV_OK;
}

static cuv_status details(cuv_page *p, const cuv_picture *in)
{
    for (uint32_t i = 0; i < in->box_count && in->boxes[i].id < CUV_PAGE_ROWS; i++) {
        CUV_TRY(cuv_check_time(p->cx));
        CUV_TRY(detail(p, &in->boxes[i]));
        if (in->boxes[i].inside)
            CUV_TRY(details(p, in->boxes[i].inside));
    }
    return CUV_OK;
}

cuv_status cuv_page_details(cuv_page *p)
{
    cuv_buffer_text(p->b, "<section id=\"details\"><h2>Details</h2>\n");
    CUV_TRY(details(p, p->picture));
    rest(p, p->picture->total, "layers");
    cuv_buffer_text(p->b, "</section>\n");
    return CUV_OK;
}
