/* --strict: every decision is certain or verified, or named with what would make it so. */
#include "model/model.h"

enum { SHOWN = 8 };

static bool weak(cuv_level level)
{
    return level == CUV_ASSUMED || level == CUV_INFERRED;
}

/* What the layers whose weights are weak take, as lines and as --map. */
typedef struct list {
    const char *lines, *maps, *names, *why;
    size_t weights, layers, assumed;
} list;

static cuv_status add_layer(const struct cuv_model *m, cuv_arena *arena, cuv_layer *layer, list *l)
{
    cuv_weight **weights;
    const char *spellings[SHOWN];
    size_t count, n = 0;
    CUV_TRY(cuv_layer_weights_in_order(arena, layer, &weights, &count));
    for (size_t i = 0; i < count; i++) {
        const cuv_weight *w = weights[i];
        if (i < SHOWN)
            spellings[i] = w->source;
        if (!weak(w->level) || !w->value)
            continue;
        n++;
        l->assumed += w->level == CUV_ASSUMED;
        l->why = l->why ? l->why : w->why;
        if (l->weights++ < SHOWN)
            l->lines = cuv_format(m->cx, "%s%sin  %s  →  %s/%s %s", l->lines, *l->lines ? "\n" : "", w->source,
                                  w->layer->path ? w->layer->path : w->layer->name, w->name, cuv_shape_text(m->cx, w->shape, w->rank));
    }
    if (!n || l->layers++ >= SHOWN)
        return CUV_OK;
    const char *line = count <= SHOWN ? cuv_map_line(m->cx, layer->name, spellings, count) : NULL;
    l->maps = line ? cuv_format(m->cx, "%s%s%s", l->maps, *l->maps ? " " : "", line) : l->maps;
    l->names = cuv_format(m->cx, "%s%s'%s'", l->names, *l->names ? ", " : "", layer->name);
    return CUV_OK;
}

static const char *first_line(const struct cuv_model *m, const list *l)
{
    if (m->order)
        return m->order;
    if (l->assumed)
        return cuv_format(m->cx, "which arrays are those of %s%s is only assumed: layers among them have the same shapes", l->names,
                          l->layers > SHOWN ? ", ..." : "");
    return cuv_format(m->cx, "which arrays are those of %s%s is only inferred", l->names, l->layers > SHOWN ? ", ..." : "");
}

static void report_weights(const struct cuv_model *m, const list *l)
{
    const char *more = l->weights > SHOWN ? cuv_format(m->cx, "\nand %zu more", l->weights - SHOWN) : "";
    const char *why = m->order ? l->assumed ? "the shapes allow this reading and others; --strict wants it stated"
                                            : "the shapes allow no other reading; --strict wants it stated"
                               : l->why;
    (void)cuv_fail(m->cx, CUV_NO, "strict.weak", &(cuv_detail){.found = l->assumed ? "assumed" : "inferred",
                   .expected = "certain or verified", .notes = cuv_format(m->cx, "%s%s\n%s", l->lines, more, why),
                   .help = *l->maps ? cuv_format(m->cx, "--samples with inputs and outputs of the original can prove it; or, if it is so, "
                                                 "try %s%s", l->maps, l->layers > SHOWN ? " and so on" : "")
                                    : "--samples with inputs and outputs of the original can prove it"},
                   "%s", first_line(m, l));
}

/* Decisions that are no weight's: the version, the input shape, a backend, what a Lambda computes, where a bias goes. */
static size_t report_others(const struct cuv_model *m)
{
    size_t n = 0;
    for (size_t i = 0; i < m->decision_count; i++) {
        const cuv_decision *d = &m->decisions[i];
        bool free = d->layer && strcmp(d->field, "function") != 0 && strcmp(d->field, "bias_axis") != 0 && strcmp(d->field, "calls") != 0;     /* weights have been reported */
        if (!weak(d->level) || (free && !(m->recovered && d->level == CUV_ASSUMED)))
            continue;
        n++;
        (void)cuv_fail(m->cx, CUV_NO, "strict.weak", &(cuv_detail){.found = d->value, .expected = "certain or verified",
                       .help = d->alternatives ? cuv_format(m->cx, "it could also be %s; --samples can prove it", d->alternatives)
                                               : "--samples with inputs and outputs of the original can prove it"},
                       "%s%s%s %s is only %s: %s", d->layer ? d->layer : "", d->layer ? "/" : "", d->field, d->value, d->level == CUV_ASSUMED ? "assumed" : "inferred", d->why);
    }
    return n;
}

cuv_status cuv_model_check_strict(const struct cuv_model *m)
{
    list l = {.lines = "", .maps = "", .names = ""};
    cuv_arena *arena = cuv_arena_new(m->cx);
    cuv_status status = arena ? CUV_OK : cuv_oom(m->cx);
    for (size_t i = 0; status == CUV_OK && i < m->layer_count; i++)
        status = add_layer(m, arena, m->layers[i], &l);
    cuv_arena_free(arena);
    if (status != CUV_OK)
        return status;
    if (l.weights)
        report_weights(m, &l);
    return report_others(m) || l.weights ? CUV_NO : CUV_OK;
}
