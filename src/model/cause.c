/* One cause for all that does not fit: the wrong file, a layer too many or too few, the trainable weights only, half a Bidirectional,
 * everything transposed. Each is told only when the shapes bear it out, with what they show. */
#include "model/bind.h"

enum { MOST_CELLS = 1 << 22, SHOWN = 8 };

typedef struct cause {
    cuv_binding *b;
    cuv_sequence *s;
    bool *held, *given;     /* weights and tensors that an alignment pairs; each in order */
    size_t pairs;
} cause;

/* ---- texts */

const char *cuv_config_name(const cuv_binding *b)
{
    return b->m->from ? b->m->from : "the configuration";
}

static const char *shape_text(cuv_binding *b, const cuv_weight *w)
{
    return cuv_shape_text(b->cx, w->shape, w->rank);
}

const char *cuv_unit_text(cuv_binding *b, const cuv_unit *u)
{
    const char *text = u->layer->name;
    for (size_t i = 0; i < u->count && i < SHOWN; i++)
        text = cuv_format(b->cx, "%s %s", text, shape_text(b, u->weights[i]));
    return u->count > SHOWN ? cuv_format(b->cx, "%s ...", text) : text;
}

static const char *model_side(cuv_binding *b)
{
    const char *text = "";
    for (size_t i = 0; i < b->unit_count && i < SHOWN; i++)
        text = cuv_format(b->cx, "%s%s%s", text, i ? "; " : "", cuv_unit_text(b, &b->units[i]));
    return b->unit_count > SHOWN ? cuv_format(b->cx, "%s; and %zu more", text, b->unit_count - SHOWN) : text;
}

/* "dense (6, 8) (8,); dense_1 (8, 3) (3,)" of groups, "[0] (6, 8), [1] (8,)" of a list. */
static const char *file_side(cuv_binding *b, const cuv_file *f)
{
    const char *text = "";
    size_t n = 0;
    for (size_t g = 0; g < f->group_count; g++) {
        const cuv_group *group = &f->groups[g];
        const char *name = group->name ? group->name : group->path;
        if (group->count && n < SHOWN && name)
            text = cuv_format(b->cx, "%s%s%s", text, n ? "; " : "", name);
        for (size_t i = 0; i < group->count; i++, n++)
            if (n < SHOWN)
                text = cuv_format(b->cx, "%s%s%s%s%s", text, n && !name ? ", " : name ? " " : "", name ? "" : group->tensors[i].key,
                                  name ? "" : " ", cuv_shape_text(b->cx, group->tensors[i].tensor->shape,
                                                                  group->tensors[i].tensor->rank));
    }
    return n > SHOWN ? cuv_format(b->cx, "%s; %zu arrays in all", text, n) : text;
}

/* What the configuration wants and what the files have, one below the other. */
static const char *both_sides(cuv_binding *b)
{
    size_t width = strlen(cuv_config_name(b));
    for (size_t i = 0; i < b->source_count; i++)
        width = strlen(b->sources[i]->name) > width ? strlen(b->sources[i]->name) : width;
    const char *text = cuv_format(b->cx, "%-*s  %s", (int)width, cuv_config_name(b), model_side(b));
    for (size_t i = 0; i < b->source_count; i++)
        text = cuv_format(b->cx, "%s\n%-*s  %s", text, (int)width, b->sources[i]->name, file_side(b, b->sources[i]));
    return text;
}

static const char *path_of(const cause *c)
{
    return c->s->count && c->s->tensors[0].file ? c->s->tensors[0].file->path : NULL;
}

/* "has" of one file, "have" of two. */
static const char *has(const cause *c)
{
    return strstr(c->s->name, " and ") ? "have" : "has";
}

/* ---- the alignment */

/* The longest common subsequence of the shapes; ties go to the earliest weights. False: too long to be looked for. */
static cuv_status align(cause *c, bool *done)
{
    const cuv_sequence *s = c->s;
    size_t rows = s->count + 1, columns = s->wanted + 1;
    *done = rows < UINT16_MAX && columns < UINT16_MAX && rows * columns <= MOST_CELLS;
    if (!*done)
        return CUV_OK;
    uint16_t *best = CUV_NEW_ARRAY(c->b->scratch, uint16_t, rows * columns);
    c->held = CUV_NEW_ARRAY(c->b->scratch, bool, columns);
    c->given = CUV_NEW_ARRAY(c->b->scratch, bool, rows);
    if (!best || !c->held || !c->given)
        return cuv_oom(c->b->cx);
    for (size_t t = s->count; t-- > 0;)
        for (size_t w = s->wanted; w-- > 0;) {
            uint16_t skip_t = best[(t + 1) * columns + w], skip_w = best[t * columns + w + 1];
            uint16_t most = skip_t > skip_w ? skip_t : skip_w;
            if (cuv_shape_is(s->weights[w], s->tensors[t].tensor) && best[(t + 1) * columns + w + 1] + 1 > most)
                most = (uint16_t)(best[(t + 1) * columns + w + 1] + 1);
            best[t * columns + w] = most;
        }
    for (size_t t = 0, w = 0; t < s->count && w < s->wanted;) {
        uint16_t now = best[t * columns + w];
        if (cuv_shape_is(s->weights[w], s->tensors[t].tensor) && now == best[(t + 1) * columns + w + 1] + 1) {
            c->held[w++] = c->given[t++] = true;
            c->pairs++;
        } else if (now == best[t * columns + w + 1]) {
            w++;
        } else {
            t++;
        }
    }
    return CUV_OK;
}

/* ---- the causes */

/* All arrays turned round, as other frameworks keep them. */
static bool all_transposed(cause *c)
{
    const cuv_sequence *s = c->s;
    size_t turned = 0;
    if (s->count != s->wanted)
        return false;
    for (size_t i = 0; i < s->count; i++)
        if (cuv_is_transposed(s->weights[i], s->tensors[i].tensor))
            turned++;
        else if (!cuv_shape_is(s->weights[i], s->tensors[i].tensor))
            return false;
    if (turned < 2)
        return false;
    const char *notes = "", *maps = "";
    size_t shown = 0;
    for (size_t i = 0; i < s->count && shown < SHOWN; i += s->units[i]->count) {
        const char *spellings[SHOWN];
        bool any = false;
        for (size_t k = 0; k < s->units[i]->count && k < SHOWN; k++) {
            const cuv_named *t = &s->tensors[i + k];
            bool t_turned = cuv_is_transposed(s->weights[i + k], t->tensor);
            spellings[k] = t_turned ? cuv_format(c->b->cx, "%s.T", t->label) : t->label;
            any |= t_turned;
            if (t_turned)
                notes = cuv_format(c->b->cx, "%s%sin  %s %s  →  %s/%s %s", notes, *notes ? "\n" : "", t->label,
                                   cuv_shape_text(c->b->cx, t->tensor->shape, t->tensor->rank), s->units[i]->layer->name,
                                   s->weights[i + k]->name, shape_text(c->b, s->weights[i + k]));
        }
        const char *line = any && s->units[i]->count <= SHOWN ? cuv_map_line(c->b->cx, s->units[i]->layer->name, spellings, s->units[i]->count) : NULL;
        if (line)
            maps = cuv_format(c->b->cx, "%s%s%s", maps, shown++ ? " " : "", line);
    }
    (void)cuv_fail(c->b->cx, CUV_NO, "bind.transposed", &(cuv_detail){.file = path_of(c), .notes = notes,
                   .help = cuv_format(c->b->cx, "PyTorch and others keep (outputs, inputs); if these are theirs, try %s%s", maps,
                                      shown == SHOWN ? " and so on" : "")},
                   "%zu arrays of %s have their sizes in reverse: they are transposed", turned, s->name);
    return true;
}

static bool is_trainable_only(const cause *c)
{
    const cuv_sequence *s = c->s;
    size_t at = 0, others = 0;
    for (size_t i = 0; i < s->wanted; i++) {
        if (!s->weights[i]->trainable) {
            others++;
            continue;
        }
        if (at == s->count || !cuv_shape_is(s->weights[i], s->tensors[at++].tensor))
            return false;
    }
    return others && at == s->count;
}

/* "batch_normalization/moving_mean (5,), ..." of the weights that the alignment leaves without a tensor. */
static const char *lacking(const cause *c, bool (*which)(const cuv_weight *), size_t *n)
{
    const char *text = "";
    *n = 0;
    for (size_t i = 0; i < c->s->wanted; i++) {
        const cuv_weight *w = c->s->weights[i];
        if (which ? !which(w) : c->held[i])
            continue;
        if ((*n)++ < SHOWN)
            text = cuv_format(c->b->cx, "%s%s%s/%s %s", text, *text ? ", " : "", w->layer->path ? w->layer->path : w->layer->name,
                              w->name, shape_text(c->b, w));
    }
    return *n > SHOWN ? cuv_format(c->b->cx, "%s, ...", text) : text;
}

static bool does_not_train(const cuv_weight *w)
{
    return !w->trainable;
}

static bool trainable_only(cause *c)
{
    size_t n;
    if (!is_trainable_only(c))
        return false;
    const char *text = lacking(c, does_not_train, &n);
    const cuv_layer *layer = NULL;
    for (size_t i = 0; !layer && i < c->s->wanted; i++)
        layer = c->s->weights[i]->trainable ? NULL : c->s->units[i]->layer;
    (void)cuv_fail(c->b->cx, CUV_NO, "bind.trainable", &(cuv_detail){.file = path_of(c), .layer = layer->name,
                   .expected = cuv_format(c->b->cx, "%zu arrays", c->s->wanted), .found = cuv_format(c->b->cx, "%zu", c->s->count),
                   .notes = cuv_format(c->b->cx, "missing  %s\nthe %zu arrays have the shapes of the model's trainable weights, which "
                                       "are not all of its weights", text, c->s->count),
                   .help = "save model.get_weights(), not model.trainable_weights; what is missing cannot be computed from the rest"},
                   "%s %s the trainable weights only: %zu arrays of %zu", c->s->name, has(c), c->s->count, c->s->wanted);
    return true;
}

/* The direction of a Bidirectional that a weight belongs to, or NULL. */
static const cuv_layer *direction_of(const cuv_weight *w)
{
    for (const cuv_layer *at = w->layer; at->parent; at = at->parent)
        if (cuv_streq(at->parent->def->name, "Bidirectional"))
            return at;
    return NULL;
}

/* The direction whose weights are all that lacks. */
static const cuv_layer *missing_half(const cause *c)
{
    const cuv_layer *half = NULL;
    size_t missing = 0, all = 0;
    for (size_t i = 0; i < c->s->wanted; i++) {
        const cuv_layer *at = c->held[i] ? NULL : direction_of(c->s->weights[i]);
        if (!c->held[i] && (!at || (half && half != at)))
            return NULL;
        half = at ? at : half;
        missing += !c->held[i];
    }
    for (size_t i = 0; half && i < c->s->wanted; i++)
        all += direction_of(c->s->weights[i]) == half;
    return missing == all ? half : NULL;
}

static bool half_bidirectional(cause *c)
{
    size_t n;
    const cuv_layer *half = missing_half(c);
    if (!half)
        return false;
    const char *text = lacking(c, NULL, &n), *outer = half->parent->name;
    (void)cuv_fail(c->b->cx, CUV_NO, "bind.half", &(cuv_detail){.file = path_of(c), .layer = outer,
                   .expected = cuv_format(c->b->cx, "%zu arrays", c->s->wanted), .found = cuv_format(c->b->cx, "%zu", c->s->count),
                   .notes = cuv_format(c->b->cx, "missing  %s\nboth directions have the same shapes, so that the arrays that are there "
                                       "may be either's", text),
                   .help = "save model.get_weights() of the whole model; a layer of one direction would need another configuration"},
                   "Bidirectional layer '%s' has two directions; %s %s the arrays of one", outer, c->s->name, has(c));
    return true;
}

/* Layers that lack all their weights, when no layer lacks only some. */
static const char *missing_layers(const cause *c, size_t *n, bool *twin)
{
    const char *text = "";
    *n = 0;
    *twin = false;
    for (size_t i = 0; i < c->s->wanted; i += c->s->units[i]->count) {
        const cuv_unit *u = c->s->units[i];
        size_t lacks = 0;
        for (size_t k = 0; k < u->count; k++)
            lacks += !c->held[i + k];
        if (lacks && lacks != u->count)
            return NULL;
        if (!lacks)
            continue;
        *twin |= u->twins > 0;
        if ((*n)++ < SHOWN)
            text = cuv_format(c->b->cx, "%s%s'%s'", text, *text ? ", " : "", u->layer->name);
    }
    return text;
}

static size_t open_units(const cause *c)
{
    size_t n = 0;
    for (size_t i = 0; i < c->s->wanted; i += c->s->units[i]->count)
        n++;
    return n;
}

static bool layers_missing(cause *c)
{
    size_t n;
    bool twin;
    const char *text = missing_layers(c, &n, &twin);
    if (!text || !n)
        return false;
    size_t all = open_units(c), there = all - n;
    const char *which = twin ? cuv_format(c->b->cx, "which layer's arrays are missing cannot be told: layers of the same shapes are "
                                          "among them")
                             : cuv_format(c->b->cx, "by their shapes the arrays that are there belong to the other layers; nothing fits "
                                          "%s", text);
    const char *more = "";
    for (size_t i = 0; i < c->b->source_count; i++) {
        const cuv_file *f = c->b->sources[i];
        if (f->collapsed)
            more = cuv_format(c->b->cx, "%s\n%s is one array of shape %s, read as a list of %lld that NumPy made one of", more, f->name,
                              cuv_shape_text(c->b->cx, f->root->tensor->shape, f->root->tensor->rank),
                              (long long)f->root->tensor->shape[0]);
    }
    (void)cuv_fail(c->b->cx, CUV_NO, "bind.layers", &(cuv_detail){.file = path_of(c),
                   .expected = cuv_format(c->b->cx, "%zu layers", all), .found = cuv_format(c->b->cx, "%zu", there),
                   .notes = cuv_format(c->b->cx, "%s\n%s%s", both_sides(c->b), which, more),
                   .help = cuv_format(c->b->cx, "give the weights that were saved with %s, or the configuration of the model with %zu such "
                                      "layer%s", cuv_config_name(c->b), there, there == 1 ? "" : "s")},
                   "%s %s the weights of %zu layer%s, %s has %zu layers with weights", c->s->name, has(c), there, there == 1 ? "" : "s",
                   cuv_config_name(c->b), all);
    return true;
}

static bool arrays_missing(cause *c)
{
    size_t n;
    const char *text = lacking(c, NULL, &n);
    (void)cuv_fail(c->b->cx, CUV_NO, "bind.arrays", &(cuv_detail){.file = path_of(c),
                   .expected = cuv_format(c->b->cx, "%zu arrays", c->s->wanted), .found = cuv_format(c->b->cx, "%zu", c->s->count),
                   .notes = cuv_format(c->b->cx, "missing  %s\nthe others fit in their order", text),
                   .help = "if a layer has no bias, its configuration must say so (\"use_bias\": false); otherwise save "
                           "model.get_weights() again"},
                   "%s %s %zu arrays, the model takes %zu", c->s->name, has(c), c->s->count, c->s->wanted);
    return true;
}

/* "--map ..." for each layer by the alignment; NULL when there are many. */
static const char *map_all(const cause *c)
{
    const char *text = NULL, *spellings[SHOWN];
    size_t t = 0;
    for (size_t i = 0; i < c->s->wanted; i += c->s->units[i]->count) {
        const cuv_unit *u = c->s->units[i];
        if (i >= 2 * SHOWN || u->count > SHOWN)
            return NULL;
        for (size_t k = 0; k < u->count; k++, t++) {
            while (!c->given[t])
                t++;
            spellings[k] = c->s->tensors[t].label;
        }
        const char *line = cuv_map_line(c->b->cx, u->layer->name, spellings, u->count);
        text = text ? cuv_format(c->b->cx, "%s %s", text, line) : line;
    }
    return text;
}

static bool arrays_left(cause *c)
{
    const char *text = "", *maps = map_all(c);
    size_t n = 0;
    for (size_t i = 0; i < c->s->count; i++)
        if (!c->given[i] && n++ < SHOWN)
            text = cuv_format(c->b->cx, "%s%s%s %s", text, *text ? ", " : "", c->s->tensors[i].label,
                              cuv_shape_text(c->b->cx, c->s->tensors[i].tensor->shape, c->s->tensors[i].tensor->rank));
    const char *help = "give the configuration of the model that they belong to";
    (void)cuv_fail(c->b->cx, CUV_NO, "bind.surplus", &(cuv_detail){.file = path_of(c), .found = text,
                   .expected = cuv_format(c->b->cx, "%zu arrays", c->s->wanted), .notes = both_sides(c->b),
                   .help = maps ? cuv_format(c->b->cx, "%s; or, to leave them out, try %s", help, maps) : help},
                   "%zu array%s of %s ha%s no layer: %s%s", n, n == 1 ? "" : "s", c->s->name, n == 1 ? "s" : "ve", text,
                   n > SHOWN ? ", ..." : "");
    return true;
}

/* Has any layer its largest weight's shape among the tensors? */
static bool nothing_in_common(const cause *c)
{
    for (size_t i = 0; i < c->s->wanted; i++)
        for (size_t t = 0; c->s->weights[i]->rank > 1 && t < c->s->count; t++)
            if (cuv_shape_is(c->s->weights[i], c->s->tensors[t].tensor) ||
                cuv_is_transposed(c->s->weights[i], c->s->tensors[t].tensor))
                return false;
    return true;
}

static bool other_model(cause *c)
{
    if (open_units(c) < 2 || !nothing_in_common(c))
        return false;
    (void)cuv_fail(c->b->cx, CUV_NO, "bind.model", &(cuv_detail){.file = path_of(c), .notes = both_sides(c->b),
                   .help = cuv_format(c->b->cx, "give the weights that were saved with %s, or the configuration that belongs to %s",
                                      cuv_config_name(c->b), c->s->name)},
                   "%s belong%s to another model than %s: no kernel's shape is in both", c->s->name,
                   strstr(c->s->name, " and ") ? "" : "s", cuv_config_name(c->b));
    return true;
}

/* ---- the whole */

/* One array where a list of arrays is meant. */
static bool single_array(cuv_binding *b)
{
    for (size_t i = 0; i < b->source_count; i++) {
        const cuv_file *f = b->sources[i];
        for (size_t u = 0; f->collapsed && f->root->kind == CUV_TENSOR && u < b->unit_count; u++) {
            const cuv_tensor *t = f->root->tensor;
            const cuv_weight *w = b->units[u].weights[0];
            if (b->unit_count < 2 || t->rank < 2 || !cuv_shape_is(w, t))
                continue;
            (void)cuv_fail(b->cx, CUV_NO, "bind.single", &(cuv_detail){.file = f->path, .layer = b->units[u].layer->name,
                           .expected = cuv_format(b->cx, "%zu arrays", b->unit_count), .found = cuv_shape_text(b->cx, t->shape, t->rank),
                           .notes = cuv_format(b->cx, "in  %s  →  %s/%s\n%s has %zu layers with weights: %s", f->name,
                                               b->units[u].layer->name, w->name, cuv_config_name(b), b->unit_count, model_side(b)),
                           .help = cuv_format(b->cx, "save all of them: numpy.save('%s', numpy.array(arrays, dtype=object), "
                                              "allow_pickle=True)", f->name)},
                           "%s is one array of shape %s, not a list: it fits '%s' alone", f->name,
                           cuv_shape_text(b->cx, t->shape, t->rank), b->units[u].layer->name);
            return true;
        }
    }
    return false;
}

/* The tensors of all sources as they stand, for files that were not bound as a list. */
static cuv_status flat_sources(cuv_binding *b, cuv_sequence **out)
{
    size_t n = 0, at = 0;
    const char *name = NULL;
    for (size_t i = 0; i < b->source_count; i++) {
        name = name ? cuv_format(b->cx, "%s and %s", name, b->sources[i]->name) : b->sources[i]->name;
        for (size_t g = 0; g < b->sources[i]->group_count; g++)
            n += b->sources[i]->groups[g].count;
    }
    cuv_named *tensors = CUV_NEW_ARRAY(b->scratch, cuv_named, n + 1);
    if (!tensors)
        return cuv_oom(b->cx);
    for (size_t i = 0; i < b->source_count; i++)
        for (size_t g = 0; g < b->sources[i]->group_count; g++)
            for (size_t k = 0; k < b->sources[i]->groups[g].count; k++)
                tensors[at++] = b->sources[i]->groups[g].tensors[k];
    for (size_t i = 0; i < b->unit_count; i++)
        b->units[i].filled = false;
    return cuv_sequence_new(b, tensors, n, name, out);
}

static bool look(cause *c)
{
    bool aligned;
    if (all_transposed(c) || trainable_only(c))
        return true;
    if (align(c, &aligned) != CUV_OK || !aligned)
        return other_model(c);
    if (c->pairs == c->s->count && c->s->count < c->s->wanted)
        return half_bidirectional(c) || layers_missing(c) || arrays_missing(c);
    if (c->pairs == c->s->wanted && c->s->count > c->s->wanted)
        return arrays_left(c);
    return other_model(c);
}

/* One weight that a list is too short for says all by itself. */
static bool only_lacks(const cuv_binding *b)
{
    return b->misfit_count == 1 && b->misfits[0].kind == CUV_MISFIT_MISSING && b->misfits[0].offer.where;
}

bool cuv_bind_cause(cuv_binding *b)
{
    cause c = {.b = b, .s = b->sequence};
    if (!b->source_count || only_lacks(b))
        return false;
    if (single_array(b) || (b->unit_count && cuv_report_vector(b)))
        return true;
    if (!c.s && (b->mapped || flat_sources(b, &c.s) != CUV_OK))
        return false;
    return c.s->count && c.s->wanted && look(&c);
}
