/* What is said where no architecture was found: what the tensors read as, where the wiring breaks, and what would help. */
#include "recover/network.h"
#include "recover/recovering.h"

/* With what is known of known networks. */
static const char *note(cuv_recovering *r, const char *text)
{
    const cuv_reading *first = &r->readings[0];
    for (size_t i = 0; i < first->count; i++)
        if (first->units[i].network)
            return cuv_format(r->cx, "%s\n%zu tensors are those of %s, which was tried with every end that recovery knows", text,
                              first->units[i].count, first->units[i].network->net->network->name);
    return r->near ? cuv_format(r->cx, "%s\n%s", text, r->near) : text;
}

static const char *unit_name(const cuv_runit *u)
{
    return u->network ? u->network->net->network->name : cuv_rkind_name(u->kind);
}

static const char *unit_text(cuv_recovering *r, const cuv_runit *u)
{
    const char *class_name = u->kind == CUV_R_UNKNOWN ? "a layer of unknown class" : unit_name(u);
    const char *named = u->name ? cuv_format(r->cx, " '%s'", u->name) : "";
    return !u->count || u->network ? cuv_format(r->cx, "%s%s", class_name, named)
                                   : cuv_format(r->cx, "%s%s (takes %lld channels, gives %lld)", class_name, named, (long long)u->in, (long long)u->out);
}

/* Where the layers could no more be put on each other. */
static const char *break_text(cuv_recovering *r)
{
    const cuv_reading *reading = &r->readings[0];
    bool late = cuv_effort_now(&r->effort) > cuv_wiring_ends(r);
    if (late)
        return cuv_format(r->cx, "%zu of %zu layers were connected when the time for that was over", r->reached, reading->count);
    if (r->reached >= reading->count)
        return cuv_format(r->cx, "all %zu layers can be connected, but not so that they give that output", reading->count);
    const char *before = r->reached ? cuv_format(r->cx, " after %s", unit_text(r, &reading->units[r->reached - 1])) : "";
    return cuv_format(r->cx, "%zu of %zu layers could be connected; no tensor fits the next one, %s,%s", r->reached, reading->count,
                      unit_text(r, &reading->units[r->reached]), before);
}

cuv_status cuv_no_wiring(cuv_recovering *r)
{
    const char *text = "";
    const cuv_reading *reading = &r->readings[0];
    size_t first = r->reached > 6 && reading->count > 10 ? r->reached - 6 : 0;
    for (size_t i = first; i < reading->count && i < first + 10; i++)
        text = cuv_format(r->cx, "%s%s%s", text, i > first ? ", " : first ? "..., " : "", unit_name(&reading->units[i]));
    text = cuv_format(r->cx, "%s%s", text, reading->count > first + 10 ? ", ..." : "");
    return cuv_fail(r->cx, CUV_NO, "recover.wiring", &(cuv_detail){.file = r->remains->file->path, .found = text,
                    .notes = note(r, cuv_format(r->cx, "the tensors read as: %s\n%s", text, break_text(r))),
                    .help = r->ev->samples || r->ev->input_shape_count
                                ? "are these the input and output of that model? Else add its configuration, or the Python code that builds it"
                                : "state the input with --input-shape, or add the model's configuration or the Python code that builds it"},
                    "no way to connect the layers of %s leads from the input to the output", r->remains->source);
}

cuv_status cuv_not_found(cuv_recovering *r, const cuv_search *s)
{
    double least = INFINITY;
    for (size_t i = 0; i < s->count; i++)
        least = fmin(least, s->structures[i].least);
    return cuv_fail(r->cx, CUV_NO, "recover.differs", &(cuv_detail){.file = r->ev->samples->file->path,
                    .expected = cuv_format(r->cx, "differences within rtol %g, atol %g", r->options->rtol, r->options->atol),
                    .found = cuv_format(r->cx, "the nearest is off by %.3g of the outputs' spread", least),
                    .notes = note(r, cuv_format(r->cx, "%zu structures and %zu sets of choices were tried in %.1f seconds", s->count,
                                                s->evaluated, r->seconds)),
                    .help = "more time (--time), more samples, or what is known of the model (a configuration, the code that builds it) may help; "
                            "do weights and samples belong together?"},
                    "no architecture that was tried gives the outputs of %s", r->ev->samples->file->name);
}
