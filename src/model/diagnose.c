/* Says what did not fit: every misfit at once, in the user's terms, with the likely cause and the --map line that would mend it. */
#include "model/bind.h"

#define SHOWN 24            /* findings before "and N more" */

typedef struct causes {
    size_t shapes, transposed, counts, missing, surplus, dtypes;
    size_t shifted_up, shifted_down, wanted, fitting;
} causes;

static const char *class_of(const cuv_unit *u)
{
    return u->layer->model ? ((struct cuv_model *)u->layer->model)->class_name : u->layer->def->name;
}

static const char *shape_of(cuv_binding *b, const cuv_tensor *t)
{
    return cuv_shape_text(b->cx, t->shape, t->rank);
}

static bool reversed(const cuv_weight *w, const cuv_tensor *t)
{
    if (w->rank != t->rank || w->rank < 2)
        return false;
    for (int i = 0; i < w->rank; i++)
        if (w->shape[i] != t->shape[w->rank - 1 - i])
            return false;
    return true;
}

/* The same sizes in another order. */
static bool permuted(const cuv_weight *w, const cuv_tensor *t)
{
    bool taken[CUV_MAX_RANK] = {0};
    if (w->rank != t->rank)
        return false;
    for (int i = 0; i < w->rank; i++) {
        int k = 0;
        while (k < t->rank && (taken[k] || t->shape[k] != w->shape[i]))
            k++;
        if (k == t->rank)
            return false;
        taken[k] = true;
    }
    return true;
}

/* (n, 1) or (1, n) for (n,). */
static bool extra_axis(const cuv_weight *w, const cuv_tensor *t)
{
    size_t want, have;
    return w->rank < t->rank && cuv_shape_count(w->shape, w->rank, &want) && cuv_shape_count(t->shape, t->rank, &have) &&
           want == have;
}

static bool shape_is(const cuv_weight *w, const cuv_tensor *t)
{
    return cuv_shape_equal(w->shape, w->rank, t->shape, t->rank);
}

/* ---- likely causes, one misfit */

static const char *other_layout(cuv_binding *b, const cuv_weight *w, const cuv_tensor *t)
{
    const char *layer = w->layer->def->name;
    if (w->rank == 4 && t->rank == 4 && t->shape[0] == w->shape[3] && t->shape[1] == w->shape[2])
        return "its axes are (filters, channels, rows, columns): the layout of Theano and PyTorch";
    if (cuv_streq(layer, "GRU") && !strcmp(w->name, "bias"))
        return w->rank == 2 ? "it is the bias of a GRU with reset_after=False (Keras before 2.2.5, or so configured)"
                            : "it is the bias of a GRU with reset_after=True (TensorFlow's default since 2.0, and CuDNNGRU)";
    if (reversed(w, t))
        return "it is transposed: other frameworks keep (outputs, inputs)";
    if (permuted(w, t))
        return "its axes are in another order";
    if (extra_axis(w, t))
        return cuv_format(b->cx, "it has the right number of values under another shape");
    return NULL;
}

/* Why this shape: the size that the layer's input fixes. */
static const char *input_note(cuv_binding *b, const cuv_unit *u, const cuv_weight *w)
{
    if (w->layer != u->layer || u->layer->in_channels <= 0 || w->rank < 2)
        return NULL;
    for (size_t i = 0; i < b->m->node_count; i++) {
        const cuv_node *node = &b->m->nodes[i];
        if (node->layer == u->layer && node->inbound_count)
            return cuv_format(b->cx, "the layer before it, '%s', gives %lld values", node->inbound[0],
                              (long long)u->layer->in_channels);
    }
    return cuv_format(b->cx, "its input has %lld values", (long long)u->layer->in_channels);
}

/* Tensors of the right shape elsewhere in the evidence, and the --map line. */
static const char *shape_help(cuv_binding *b, const cuv_unit *u, const cuv_weight *w, const cuv_named *given)
{
    const char *found = NULL;
    const cuv_named *first = NULL;
    size_t n = 0;
    for (size_t i = 0; i < b->ev->file_count; i++)
        for (size_t g = 0; g < b->ev->files[i]->group_count; g++)
            for (size_t k = 0; k < b->ev->files[i]->groups[g].count; k++) {
                const cuv_named *t = &b->ev->files[i]->groups[g].tensors[k];
                if (!shape_is(w, t->tensor) || t == given)
                    continue;
                if (n++ < 3)
                    found = found ? cuv_format(b->cx, "%s, %s", found, t->label) : t->label;
                if (!first)
                    first = t;
            }
    const char *shape = cuv_shape_text(b->cx, w->shape, w->rank);
    if (given && reversed(w, given->tensor))
        return cuv_format(b->cx, "if it is transposed: --map %s=%s.T%s", u->layer->name, given->label,
                          u->count > 1 ? ",..." : "");
    if (!first)
        return cuv_format(b->cx, "no tensor of shape %s is in the evidence; it belongs to another model or is missing", shape);
    const char *line = "";
    for (size_t k = 0; k < u->count; k++) {
        const cuv_weight *other = u->weights[k];
        line = cuv_format(b->cx, "%s%s%s", line, k ? "," : "", other == w ? first->label : other->source ? other->source : "...");
    }
    return cuv_format(b->cx, "tensors of shape %s in the evidence: %s%s; try --map %s=%s", shape, found,
                      n > 3 ? cuv_format(b->cx, " and %zu more", n - 3) : "", u->layer->name, line);
}

static void report_shape(cuv_binding *b, const cuv_misfit *mf)
{
    const cuv_weight *w = mf->weight;
    const char *place = cuv_format(b->cx, "%s/%s", w->layer->path ? w->layer->path : w->layer->name, w->name);
    const char *notes = cuv_format(b->cx, "in  %s  →  %s", mf->tensor->label, place);
    const char *cause = other_layout(b, w, mf->tensor->tensor), *input = input_note(b, mf->unit, w);
    if (cause)
        notes = cuv_format(b->cx, "%s\n%s", notes, cause);
    else if (input)
        notes = cuv_format(b->cx, "%s\n%s", notes, input);
    const char *expected = cuv_shape_text(b->cx, w->shape, w->rank), *found = shape_of(b, mf->tensor->tensor);
    (void)cuv_fail(b->cx, CUV_NO, "bind.shape", &(cuv_detail){.file = mf->tensor->file ? mf->tensor->file->path : NULL,
                   .layer = mf->unit->layer->name, .tensor = mf->tensor->label, .expected = expected, .found = found,
                   .notes = notes, .help = shape_help(b, mf->unit, w, mf->tensor)},
                   "%s layer '%s' expects a %s of shape %s; %s is %s", class_of(mf->unit), mf->unit->layer->name, w->name,
                   expected, mf->tensor->label, found);
}

static void report_dtype(cuv_binding *b, const cuv_misfit *mf)
{
    const char *found = cuv_dtype_name(mf->tensor->tensor->dtype), *expected = cuv_dtype_name(mf->weight->dtype);
    (void)cuv_fail(b->cx, CUV_NO, "bind.dtype", &(cuv_detail){.file = mf->tensor->file ? mf->tensor->file->path : NULL,
                   .layer = mf->unit->layer->name, .tensor = mf->tensor->label, .expected = expected, .found = found,
                   .help = "integers of one byte are quantised weights; they need the scales they were quantised with"},
                   "%s layer '%s' expects a %s of %s; %s is %s", class_of(mf->unit), mf->unit->layer->name, mf->weight->name,
                   expected, mf->tensor->label, found);
}

static const char *names_of_weights(cuv_binding *b, const cuv_unit *u)
{
    const char *text = "";
    for (size_t i = 0; i < u->count && i < 12; i++)
        text = cuv_format(b->cx, "%s%s%s %s", text, i ? ", " : "", u->weights[i]->name,
                          cuv_shape_text(b->cx, u->weights[i]->shape, u->weights[i]->rank));
    return u->count > 12 ? cuv_format(b->cx, "%s, ...", text) : text;
}

static const char *names_of_offer(cuv_binding *b, const cuv_offer *o)
{
    const char *text = "";
    for (size_t i = 0; i < o->count && i < 12; i++)
        text = cuv_format(b->cx, "%s%s%s %s", text, i ? ", " : "", o->tensors[i].label, shape_of(b, o->tensors[i].tensor));
    return o->count > 12 ? cuv_format(b->cx, "%s, ...", text) : text;
}

static const char *count_help(const cuv_unit *u, const cuv_offer *o)
{
    bool bias = false, norm = cuv_streq(u->layer->def->name, "BatchNormalization");
    for (size_t i = 0; i < u->count; i++)
        bias |= !strcmp(u->weights[i]->name, "bias");
    if (norm && o->count < u->count)
        return "a BatchNormalization keeps gamma, beta, moving_mean and moving_variance; with scale=False or center=False fewer";
    if (o->count + 1 == u->count && bias)
        return "is the bias missing? If the layer has none, its configuration should say use_bias=False";
    if (o->count == 12 && u->count == 3)
        return "twelve arrays are an LSTM of Keras 1, which kept each gate by itself";
    if (o->count == 9 && u->count == 3)
        return "nine arrays are a GRU of Keras 1, which kept each gate by itself";
    return "say which arrays are meant with --map LAYER=TENSOR,...";
}

static void report_count(cuv_binding *b, const cuv_misfit *mf)
{
    const cuv_unit *u = mf->unit;
    const char *where = mf->offer.name ? cuv_format(b->cx, "'%s' in %s", mf->offer.name, mf->offer.where) : mf->offer.where;
    const char *notes = cuv_format(b->cx, "expected  %s\nfound     %s", names_of_weights(b, u),
                                   mf->offer.count ? names_of_offer(b, &mf->offer) : "nothing: the arrays are used up");
    (void)cuv_fail(b->cx, CUV_NO, "bind.count", &(cuv_detail){.file = mf->offer.where, .layer = u->layer->name,
                   .expected = cuv_format(b->cx, "%zu arrays", u->count), .found = cuv_format(b->cx, "%zu", mf->offer.count),
                   .notes = notes, .help = count_help(u, &mf->offer)},
                   "%s layer '%s' takes %zu array%s; %s gives %zu", class_of(u), u->layer->name, u->count,
                   u->count == 1 ? "" : "s", where, mf->offer.count);
}

static void report_missing(cuv_binding *b, const cuv_misfit *mf)
{
    bool any = false;
    for (size_t i = 0; i < b->ev->file_count; i++)
        any |= b->ev->files[i]->arrangement != CUV_ARR_NONE;
    const cuv_unit *u = mf->unit;
    (void)cuv_fail(b->cx, CUV_NO, "bind.missing", &(cuv_detail){.layer = u->layer->name, .tensor = mf->weight->name,
                   .expected = names_of_weights(b, u), .found = "nothing",
                   .help = any ? cuv_format(b->cx, "name its arrays with --map %s=TENSOR,...", u->layer->name)
                               : "no file of the evidence holds weights; add the .h5, .weights.h5, .npy or .npz file"},
                   "nothing in the evidence gives the weights of the %s layer '%s': %s", class_of(u), u->layer->name,
                   names_of_weights(b, u));
}

static void report_surplus(cuv_binding *b, size_t count)
{
    const char *text = "";
    const cuv_misfit *first = NULL;
    size_t n = 0;
    for (size_t i = 0; i < b->misfit_count; i++) {
        const cuv_misfit *mf = &b->misfits[i];
        if (mf->kind != CUV_MISFIT_SURPLUS)
            continue;
        first = first ? first : mf;
        if (n++ < 8)
            text = cuv_format(b->cx, "%s%s%s %s", text, *text ? ", " : "", mf->tensor->label, shape_of(b, mf->tensor->tensor));
    }
    (void)cuv_fail(b->cx, CUV_NO, "bind.surplus", &(cuv_detail){.file = first->tensor->file ? first->tensor->file->path : NULL,
                   .tensor = first->tensor->label, .found = text,
                   .help = "every tensor must be used once; is this the weight file of a larger model?"},
                   "%zu tensor%s of the evidence no layer takes: %s%s", count, count == 1 ? "" : "s", text, n > 8 ? ", ..." : "");
}

/* ---- the likely cause of all of it */

/* Would the k-th arrays fit the layer after (or before) the one they were given to? */
static void count_shifts(cuv_binding *b, const cuv_file *f, causes *c)
{
    size_t g = 0;
    for (size_t i = 0; i < f->group_count; i++) {
        if (!f->groups[i].count)
            continue;
        cuv_offer offer = {f->groups[i].tensors, f->groups[i].count, NULL, NULL};
        if (g < b->unit_count)
            c->fitting += cuv_offer_fits(&b->units[g], &offer);
        if (g + 1 < b->unit_count)
            c->shifted_up += cuv_offer_fits(&b->units[g + 1], &offer);
        if (g >= 1 && g - 1 < b->unit_count)
            c->shifted_down += cuv_offer_fits(&b->units[g - 1], &offer);
        g++;
    }
    c->wanted = g;
}

static causes count_causes(cuv_binding *b)
{
    causes c = {0};
    for (size_t i = 0; i < b->misfit_count; i++) {
        const cuv_misfit *mf = &b->misfits[i];
        switch (mf->kind) {
        case CUV_MISFIT_SHAPE:
            c.shapes++;
            c.transposed += reversed(mf->weight, mf->tensor->tensor);
            break;
        case CUV_MISFIT_COUNT: c.counts++; break;
        case CUV_MISFIT_MISSING: c.missing++; break;
        case CUV_MISFIT_SURPLUS: c.surplus++; break;
        case CUV_MISFIT_DTYPE: c.dtypes++; break;
        }
    }
    if (b->source_count == 1 && b->sources[0]->arrangement != CUV_ARR_OBJECTS)
        count_shifts(b, b->sources[0], &c);
    return c;
}

static const char *summary_of(cuv_binding *b, const causes *c)
{
    size_t bad_units = 0;
    for (size_t i = 0; i < b->unit_count; i++)
        for (size_t k = 0; k < b->misfit_count; k++)
            if (b->misfits[k].unit && b->misfits[k].unit->layer == b->units[i].layer) {
                bad_units++;
                break;
            }
    const char *file = b->source_count == 1 ? b->sources[0]->name : "the evidence";
    if (c->transposed > 1 && c->transposed == c->shapes)
        return cuv_format(b->cx, "all %zu arrays that do not fit are transposed: they come from another framework", c->shapes);
    if (c->wanted > 2 && c->shifted_up > c->fitting && c->shifted_up + 1 >= c->wanted)
        return cuv_format(b->cx, "the arrays of %s are one layer too early: the first layer's are missing", file);
    if (c->wanted > 2 && c->shifted_down > c->fitting && c->shifted_down + 1 >= c->wanted)
        return cuv_format(b->cx, "the arrays of %s are one layer too late: it has one layer more at the start", file);
    if (b->source_count == 1 && b->unit_count > 1 && bad_units * 2 > b->unit_count && c->fitting * 2 < b->unit_count)
        return cuv_format(b->cx, "%zu of %zu layers do not fit: %s belongs to another model", bad_units, b->unit_count, file);
    return NULL;
}

cuv_status cuv_bind_report(cuv_binding *b)
{
    if (!b->misfit_count)
        return CUV_OK;
    causes c = count_causes(b);
    size_t shown = 0;
    const char *cause = summary_of(b, &c);
    if (cause)
        (void)cuv_fail(b->cx, CUV_NO, "bind.cause", &(cuv_detail){.file = b->source_count ? b->sources[0]->path : NULL}, "%s",
                       cause);
    for (size_t i = 0; i < b->misfit_count && shown < SHOWN; i++) {
        const cuv_misfit *mf = &b->misfits[i];
        shown += mf->kind != CUV_MISFIT_SURPLUS;
        switch (mf->kind) {
        case CUV_MISFIT_SHAPE: report_shape(b, mf); break;
        case CUV_MISFIT_DTYPE: report_dtype(b, mf); break;
        case CUV_MISFIT_COUNT: report_count(b, mf); break;
        case CUV_MISFIT_MISSING: report_missing(b, mf); break;
        case CUV_MISFIT_SURPLUS: break;
        }
    }
    size_t rest = b->misfit_count - c.surplus - shown;
    if (rest)
        (void)cuv_fail(b->cx, CUV_NO, "bind.more", NULL, "and %zu more of the same", rest);
    if (c.surplus)
        report_surplus(b, c.surplus);
    return CUV_NO;
}
