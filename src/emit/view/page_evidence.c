/* What the model rests on: decisions with their evidence, findings, files with their hashes, and the proof by samples
 * or self-test. */
#include "emit/view/page.h"

#define MOST_HASHED (1u << 30)  /* larger files are not hashed: it would take seconds */

/* ---- decisions */

static size_t count_level(const struct cuv_model *m, cuv_level level)
{
    size_t n = 0;
    for (size_t i = 0; i < m->decision_count; i++)
        n += m->decisions[i].level == level;
    return n;
}

static void decision_row(cuv_page *p, const cuv_decision *d)
{
    cuv_buffer_printf(p->b, "<tr><td class=\"%s\">%s</td>", cuv_level_name(d->level), cuv_level_name(d->level));
    cuv_page_tag(p, "td", d->layer);
    cuv_page_tag(p, "td", d->field);
    cuv_page_tag(p, "td", d->value);
    cuv_page_tag(p, "td", d->why);
    cuv_page_tag(p, "td class=\"soft\"", d->alternatives);
    cuv_buffer_text(p->b, "</tr>\n");
}

static void decisions_of(cuv_page *p, cuv_level level)
{
    const size_t count = count_level(p->m, level);
    size_t n = 0;
    if (!count)
        return;
    cuv_buffer_printf(p->b,
                      "<details%s><summary><span class=\"%s\">%s</span> %zu</summary><div "
                      "class=\"wide\"><table>\n<tr><th>Evidence</th>"
                      "<th>Layer</th><th>What</th><th>Value</th><th>Why</th><th>Others</th></tr>\n",
                      level == CUV_CERTAIN ? "" : " open", cuv_level_name(level), cuv_level_name(level), count);
    for (size_t i = 0; i < p->m->decision_count; i++)
        if (p->m->decisions[i].level == level && n++ < CUV_PAGE_ROWS)
            decision_row(p, &p->m->decisions[i]);
    cuv_buffer_text(p->b, "</table>");
    if (n > CUV_PAGE_ROWS)
        cuv_buffer_printf(p->b, "<p class=\"soft\">%zu more decisions are not shown here.</p>", n - CUV_PAGE_ROWS);
    cuv_buffer_text(p->b, "</div></details>\n");
}

void cuv_page_decisions(cuv_page *p)
{
    static const cuv_level order[] = {CUV_ASSUMED, CUV_INFERRED, CUV_VERIFIED, CUV_CERTAIN};
    cuv_buffer_text(
        p->b,
        "<section id=\"decisions\"><h2>Decisions</h2>\n<p class=\"soft\">certain: a file states it. inferred: nothing "
        "else fits the tensors. "
        "assumed: a convention, others are possible. verified: samples came out right with it, and not without.</p>\n");
    for (size_t i = 0; i < 4; i++)
        decisions_of(p, order[i]);
    cuv_buffer_text(p->b, "</section>\n");
}

/* ---- findings */

void cuv_page_findings(cuv_page *p)
{
    static const char *const words[] = {"note", "warning", "error"};
    const size_t count = cuv_finding_count(p->cx);
    cuv_buffer_text(p->b, "<section id=\"findings\"><h2>Findings</h2>\n");
    if (!count)
        cuv_buffer_text(p->b, "<p class=\"soft\">none</p>\n");
    for (size_t i = 0; i < count && i < CUV_PAGE_ROWS; i++) {
        const cuv_finding *f = cuv_finding_at(p->cx, i);
        cuv_buffer_printf(p->b, "<p><span class=\"%s\">%s</span> ", words[f->severity], words[f->severity]);
        cuv_page_tag(p, "span", f->message);
        cuv_page_tag(p, "span class=\"soft\"", " ");
        cuv_page_tag(p, "code class=\"soft\"", f->id);
        cuv_buffer_text(p->b, "</p>\n");
        if (f->notes)
            cuv_page_tag(p, "p", f->notes);
        if (f->help)
            cuv_page_tag(p, "p class=\"soft\"", f->help);
    }
    cuv_buffer_text(p->b, "</section>\n");
}

/* ---- files */

static void file_row(cuv_page *p, const cuv_file *f)
{
    char hex[65] = "", size[CUV_GROUPED];
    if (f->source.data && f->source.size <= MOST_HASHED && !f->combined)
        cuv_sha256_hex(f->source.data, f->source.size, hex);
    cuv_buffer_text(p->b, "<tr>");
    cuv_page_tag(p, "td", f->combined ? f->combined : f->name);
    cuv_page_tag(p, "td", f->kind);
    cuv_page_tag(p, "td", f->written_by ? f->written_by : f->keras_version);
    cuv_page_tag(p, "td class=\"n\"", cuv_grouped(f->source.size, size));
    cuv_page_tag(p, "td class=\"soft\"",
                 hex[0]                         ? hex
                 : f->source.size > MOST_HASHED ? "not made: larger than 1 GiB"
                                                : "");
    cuv_buffer_text(p->b, "<td>");
    for (size_t i = 0; i < f->danger_count && i < 100; i++) {
        cuv_page_tag(p, f->dangers[i].severity == CUV_ERROR ? "span class=\"bad\"" : "span", f->dangers[i].what);
        cuv_buffer_text(p->b, "<br>");
    }
    cuv_buffer_text(p->b, "</td></tr>\n");
}

void cuv_page_sources(cuv_page *p)
{
    const struct cuv_evidence *ev = p->m->evidence;
    cuv_buffer_text(p->b, "<section id=\"sources\"><h2>Sources</h2>\n<div "
                          "class=\"wide\"><table>\n<tr><th>File</th><th>Form</th><th>Written by</th>"
                          "<th class=\"n\">Bytes</th><th>SHA-256</th><th>Dangers</th></tr>\n");
    for (size_t i = 0; ev && i < ev->file_count && i < CUV_PAGE_ROWS; i++)
        file_row(p, ev->files[i]);
    cuv_buffer_text(p->b, "</table></div>\n</section>\n");
}

/* ---- proof */

void cuv_page_proof(cuv_page *p)
{
    const cuv_verification *v = p->proof;
    if (!v)
        return;
    cuv_buffer_text(p->b, "<section id=\"proof\"><h2>Self-test</h2>\n");
    cuv_buffer_printf(
        p->b, "<p class=\"%s\">%s: %zu samples, relative tolerance %g, absolute %g</p>\n", v->ok ? "verified" : "bad",
        v->ok ? "The outputs are reproduced" : "The outputs are not reproduced", v->samples, v->rtol, v->atol);
    if (p->proof_from)
        cuv_page_tag(p, "p class=\"soft\"", p->proof_from);
    cuv_buffer_text(p->b, "<table>\n<tr><th>Output</th><th class=\"n\">Largest difference</th><th "
                          "class=\"n\">Relative</th><th class=\"n\">Values</th>"
                          "<th class=\"n\">Outside</th></tr>\n");
    for (size_t i = 0; i < v->count; i++) {
        cuv_buffer_text(p->b, "<tr>");
        cuv_page_tag(p, "td", v->outputs[i].name);
        cuv_buffer_printf(p->b,
                          "<td class=\"n\">%.3g</td><td class=\"n\">%.3g</td><td class=\"n\">%zu</td><td "
                          "class=\"n%s\">%zu</td></tr>\n",
                          v->outputs[i].max_abs, v->outputs[i].max_rel, v->outputs[i].values,
                          v->outputs[i].ok ? "" : " bad", v->outputs[i].differing);
    }
    cuv_buffer_text(p->b, "</table>\n</section>\n");
}
