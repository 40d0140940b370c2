/* Values that no trained model has: NaN and infinities, and layers that are all zero. Said, not judged: the original may have them. */
#include "model/model.h"

#include <math.h>

typedef struct odd { size_t nan, inf, first; } odd;

/* "[2, 3]" for element 19 of an array (6, 8). */
static const char *place_text(cuv_context *cx, const cuv_tensor *t, size_t at)
{
    const char *text = "]";
    for (int k = t->rank - 1; k >= 0; k--) {
        size_t n = (size_t)t->shape[k];
        text = cuv_format(cx, "%s%zu%s", k ? ", " : "", at % n, text);
        at /= n;
    }
    return cuv_format(cx, "[%s", text);
}

/* One warning for all weights that came as whole numbers: they were rounded, or quantised. */
static void check_whole_numbers(const struct cuv_model *m)
{
    const char *lines = "", *first = NULL;
    size_t n = 0;
    for (size_t i = 0; i < m->weight_count; i++) {
        const cuv_weight *w = m->weights[i];
        if (!w->value || !w->whole_numbers)
            continue;
        const char *name = w->layer->path ? w->layer->path : w->layer->name;
        first = first ? first : w->source;
        if (n++ < 8)
            lines = cuv_format(m->cx, "%s%sin  %s  →  %s/%s", lines, *lines ? "\n" : "", w->source, name, w->name);
    }
    if (n)
        cuv_warn(m->cx, "bind.whole_numbers", &(cuv_detail){.tensor = first, .found = cuv_format(m->cx, "%zu arrays", n), .notes = lines,
                 .help = "if they were rounded or quantised when they were saved, the outputs are not the original's; --samples shows it"},
                 "%s%s hold%s whole numbers where the model has fractions", first,
                 n > 1 ? cuv_format(m->cx, " and %zu more", n - 1) : "", n > 1 ? "" : "s");
}

static odd count_odd(const cuv_tensor *t)
{
    odd o = {0};
    size_t n = cuv_tensor_count(t), size = cuv_dtype_size(t->dtype);
    float part[1024];
    if (!cuv_dtype_is_float(t->dtype))
        return o;
    for (size_t at = 0; at < n; at += 1024) {
        size_t k = n - at < 1024 ? n - at : 1024;
        float sum = 0;
        cuv_convert_to_f32(part, t->data + at * size, t->dtype, k);
        for (size_t i = 0; i < k; i++)
            sum += part[i] * 0.0f;      /* NaN when any value is NaN or infinite */
        if (sum == 0)
            continue;
        for (size_t i = 0; i < k; i++) {
            if (isfinite(part[i]))
                continue;
            if (!o.nan && !o.inf)
                o.first = at + i;
            *(isnan(part[i]) ? &o.nan : &o.inf) += 1;
        }
    }
    return o;
}

void cuv_model_check_values(const struct cuv_model *m)
{
    for (size_t i = 0; i < m->weight_count; i++) {
        const cuv_weight *w = m->weights[i];
        odd o = w->value ? count_odd(w->value) : (odd){0};
        if (!o.nan && !o.inf)
            continue;
        const char *name = w->layer->path ? w->layer->path : w->layer->name;
        cuv_warn(m->cx, "bind.nan", &(cuv_detail){.layer = name, .tensor = w->source,
                 .found = cuv_format(m->cx, "%zu NaN, %zu infinite", o.nan, o.inf),
                 .help = "every output that depends on them will be NaN; was training broken off, or the file damaged?"},
                 "%s/%s (%s) has %zu NaN and %zu infinite of %zu values, the first at %s", name, w->name, w->source,
                 o.nan, o.inf, cuv_tensor_count(w->value), place_text(m->cx, w->value, o.first));
    }
    check_whole_numbers(m);
}
