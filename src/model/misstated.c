/* What code states and does not fit: the line, what the layer takes, and the layer that the arrays would fit. */
#include "model/bind.h"

enum { SHOWN = 8 };

/* ---- words */

static const char *place(cuv_binding *b, const char *where, const char *excerpt)
{
    size_t first = excerpt ? strcspn(excerpt, "\n") : 0;
    if (!excerpt)
        return cuv_format(b->cx, "at  %s", where);
    return cuv_format(b->cx, "at  %s\n    %.*s\n    %s", where, (int)first, excerpt, excerpt[first] ? excerpt + first + 1 : "^");
}

static const char *class_of(const cuv_unit *u)
{
    if (u->layer->custom)
        return u->layer->class_name;
    return u->layer->model ? ((struct cuv_model *)u->layer->model)->class_name : u->layer->def->name;
}

/* "kernel (6, 8), bias (8,)" */
static const char *wanted(cuv_binding *b, const cuv_unit *u)
{
    const char *text = "";
    for (size_t i = 0; i < u->count && i < SHOWN; i++)
        text = cuv_format(b->cx, "%s%s%s %s", text, i ? ", " : "", u->weights[i]->name,
                          cuv_shape_text(b->cx, u->weights[i]->shape, u->weights[i]->rank));
    return u->count > SHOWN ? cuv_format(b->cx, "%s, ...", text) : text;
}

/* "weights.npy[1] (8, 3), biases.npy[1] (3,)" */
static const char *given(cuv_binding *b, const cuv_offer *o)
{
    const char *text = "";
    for (size_t i = 0; i < o->count && i < SHOWN; i++)
        text = cuv_format(b->cx, "%s%s%s %s", text, i ? ", " : "", o->tensors[i].label,
                          cuv_shape_text(b->cx, o->tensors[i].tensor->shape, o->tensors[i].tensor->rank));
    return !o->count ? "no arrays" : o->count > SHOWN ? cuv_format(b->cx, "%s, ...", text) : text;
}

/* How code reaches a layer: "model.layers[1]". */
static const char *reached(cuv_binding *b, const cuv_layer *layer)
{
    for (size_t i = 0; i < b->m->layer_count; i++)
        if (b->m->layers[i] == layer)
            return cuv_format(b->cx, "model.layers[%zu]", i);
    return cuv_format(b->cx, "'%s'", layer->path ? layer->path : layer->name);
}

/* ---- what would fit */

/* The one layer that the arrays fit; NULL when there is none, or several. */
static const cuv_unit *fitting_unit(const cuv_binding *b, const cuv_offer *o)
{
    const cuv_unit *found = NULL;
    for (size_t i = 0; i < b->unit_count; i++)
        if (cuv_offer_fits(&b->units[i], o)) {
            if (found)
                return NULL;
            found = &b->units[i];
        }
    return found;
}

/* A tensor of the evidence that has the weight's shape and no place yet. */
static const cuv_named *unused_tensor(const cuv_binding *b, const cuv_weight *w)
{
    for (size_t i = 0; i < b->ev->file_count; i++)
        for (size_t g = 0; g < b->ev->files[i]->group_count; g++)
            for (size_t k = 0; k < b->ev->files[i]->groups[g].count; k++) {
                const cuv_named *t = &b->ev->files[i]->groups[g].tensors[k];
                if (cuv_shape_is(w, t->tensor) && !cuv_map_get(b->used, t->label))
                    return t;
            }
    return NULL;
}

/* "weights.npy[1], biases.npy[1]": unused arrays for all weights of a layer; NULL when one has none. */
static const char *unused_for(cuv_binding *b, const cuv_unit *u)
{
    const char *text = NULL;
    for (size_t i = 0; i < u->count; i++) {
        const cuv_named *t = i < SHOWN ? unused_tensor(b, u->weights[i]) : NULL;
        if (!t)
            return NULL;
        text = text ? cuv_format(b->cx, "%s, %s", text, t->label) : t->label;
    }
    return text;
}

static bool begins(const cuv_unit *u, const cuv_offer *o)
{
    for (size_t i = 0; i < o->count; i++)
        if (i >= u->count || !cuv_shape_is(u->weights[i], o->tensors[i].tensor))
            return false;
    return o->count > 0;
}

/* "weights.npy[0], biases.npy[0]": the same arrays in the order that fits; NULL when none does. */
static const char *reordered(cuv_binding *b, const cuv_unit *u, const cuv_offer *o)
{
    bool taken[SHOWN] = {false};
    const char *text = NULL;
    if (o->count != u->count || o->count > SHOWN)
        return NULL;
    for (size_t i = 0; i < u->count; i++) {
        size_t k = 0;
        while (k < o->count && (taken[k] || !cuv_shape_is(u->weights[i], o->tensors[k].tensor)))
            k++;
        if (k == o->count)
            return NULL;
        taken[k] = true;
        text = text ? cuv_format(b->cx, "%s, %s", text, o->tensors[k].label) : o->tensors[k].label;
    }
    return text;
}

/* What is to be done to an array that does not fit; NULL when nothing helps. */
static const char *mended(cuv_binding *b, const cuv_weight *w, const cuv_named *given)
{
    if (cuv_shape_is(w, given->tensor))
        return NULL;
    if (cuv_is_convolution_of_others(w, given->tensor))
        return cuv_format(b->cx, "%s has its axes in the order (filters, channels, rows, columns), as PyTorch has: give "
                          "%s.transpose(2, 3, 1, 0)", given->label, given->label);
    if (cuv_is_transposed(w, given->tensor))
        return cuv_format(b->cx, "%s is transposed: give %s.T", given->label, given->label);
    if (cuv_same_sizes(w, given->tensor))
        return cuv_format(b->cx, "%s has the right values under another shape: give %s.reshape%s", given->label, given->label,
                          cuv_shape_text(b->cx, w->shape, w->rank));
    return NULL;
}

/* The only array of the evidence that has the shape of the only weight whose array does not fit. */
static const char *elsewhere(cuv_binding *b, const cuv_unit *u, const cuv_offer *o)
{
    const cuv_weight *wrong = NULL;
    const cuv_named *found = NULL;
    for (size_t i = 0; i < u->count && o->count == u->count; i++)
        if (!cuv_shape_is(u->weights[i], o->tensors[i].tensor)) {
            if (wrong)
                return NULL;
            wrong = u->weights[i];
        }
    for (size_t i = 0; wrong && i < b->ev->file_count; i++)
        for (size_t g = 0; g < b->ev->files[i]->group_count; g++)
            for (size_t k = 0; k < b->ev->files[i]->groups[g].count; k++) {
                const cuv_named *t = &b->ev->files[i]->groups[g].tensors[k];
                if (!cuv_shape_is(wrong, t->tensor))
                    continue;
                if (found)
                    return NULL;
                found = t;
            }
    return found ? cuv_format(b->cx, "%s has the shape of the %s", found->label, wrong->name) : NULL;
}

static const char *help_for(cuv_binding *b, const cuv_unit *u, const cuv_offer *o)
{
    const cuv_unit *other = fitting_unit(b, o);
    if (other)
        return cuv_format(b->cx, "they fit '%s', which is %s", other->layer->name, reached(b, other->layer));
    if (o->count + 1 == u->count && begins(u, o)) {
        const cuv_weight *last = u->weights[o->count];
        const cuv_named *t = unused_tensor(b, last);
        const char *found = t ? cuv_format(b->cx, "%s has its shape", t->label) : cuv_format(b->cx, "its shape is %s",
                                cuv_shape_text(b->cx, last->shape, last->rank));
        const char *off = cuv_streq(last->name, "bias") ? "; a layer that has none is made with use_bias=False" : "";
        return cuv_format(b->cx, "the %s is missing: %s%s", last->name, found, off);
    }
    const char *order = reordered(b, u, o);
    if (order)
        return cuv_format(b->cx, "they fit in another order: give [%s]", order);
    for (size_t i = 0; i < u->count && i < o->count; i++) {
        const char *help = mended(b, u->weights[i], &o->tensors[i]);
        if (help)
            return help;
    }
    const char *other_array = elsewhere(b, u, o);
    if (other_array)
        return other_array;
    return "no layer of the model takes these arrays as they are";
}

/* ---- reports */

void cuv_report_stated(cuv_binding *b, const cuv_misfit *mf)
{
    const cuv_unit *u = mf->unit;
    const char *takes = u->count ? cuv_format(b->cx, "expects %s", wanted(b, u)) : "has no weights";
    (void)cuv_fail(b->cx, CUV_NO, "bind.stated", &(cuv_detail){.file = u->stated->where, .layer = u->layer->name,
                   .expected = wanted(b, u), .found = given(b, &mf->offer),
                   .notes = place(b, u->stated->where, u->stated->excerpt), .help = help_for(b, u, &mf->offer)},
                   "%s%s '%s' %s; the code gives it %s", class_of(u), u->count ? " layer" : "", u->layer->name, takes,
                   given(b, &mf->offer));
}

/* A layer that the code leaves out, unless arrays that were given to another fit it: then that says it. */
void cuv_report_never_set(cuv_binding *b, const cuv_misfit *mf)
{
    const cuv_unit *u = mf->unit;
    for (size_t i = 0; i < b->misfit_count; i++)
        if (b->misfits[i].kind == CUV_MISFIT_STATED && fitting_unit(b, &b->misfits[i].offer) == u)
            return;
    const char *unused = unused_for(b, u), *layer = reached(b, u->layer);
    (void)cuv_fail(b->cx, CUV_NO, "bind.never_set", &(cuv_detail){.layer = u->layer->name, .expected = wanted(b, u), .found = "nothing",
                   .help = unused ? cuv_format(b->cx, "%s fit and are not used: give them to %s", unused, layer)
                                  : cuv_format(b->cx, "add %s.set_weights([...]), or name the arrays: --map %s=TENSOR%s", layer,
                                               u->layer->name, u->count > 1 ? ",..." : "")},
                   "the code never sets the weights of the %s layer '%s': %s", class_of(u), u->layer->name, wanted(b, u));
}

/* The network of keras.applications that a layer is part of, by itself or inside. */
static const cuv_wanted *wanted_for(const cuv_binding *b, const cuv_layer *layer)
{
    const cuv_layer *top = layer;
    while (top->parent)
        top = top->parent;
    for (size_t i = 0; i < b->ev->file_count; i++) {
        const cuv_script *s = b->ev->files[i]->script;
        for (size_t k = 0; s && k < s->wanted_count; k++) {
            const cuv_wanted *w = &s->wanted[k];
            for (const cuv_layer *up = layer; up; up = up->parent)
                if (cuv_streq(up->name, w->model))
                    return w;
            for (size_t n = 0; n < w->layer_count; n++)
                if (cuv_streq(w->layers[n], top->name))
                    return w;
        }
    }
    return NULL;
}

bool cuv_report_pretrained(cuv_binding *b, const cuv_misfit *mf)
{
    const cuv_wanted *w = wanted_for(b, mf->unit->layer);
    if (!w)
        return false;
    for (const cuv_misfit *before = b->misfits; before < mf; before++)
        if (before->kind == CUV_MISFIT_MISSING && !before->offer.where && wanted_for(b, before->unit->layer) == w)
            return true;
    (void)cuv_fail(b->cx, CUV_NO, "bind.pretrained", &(cuv_detail){.file = w->where, .layer = w->model, .expected = w->file, .found = "nothing",
                   .notes = cuv_format(b->cx, "at  %s\n    %s", w->where, w->excerpt),
                   .help = cuv_format(b->cx, "give %s (Keras keeps it in ~/.keras/models), or the weights of the whole model as they were "
                                      "saved after its training; weights=None if they are not meant", w->file)},
                   "%s begins with weights of imagenet, which Keras fetches, and nothing in the evidence gives them: the file is %s", w->network,
                   w->file);
    return true;
}

static bool fits_in_order(const cuv_binding *b, const cuv_file *f)
{
    size_t u = 0;
    for (size_t i = 0; i < f->group_count; i++) {
        cuv_offer offer = {f->groups[i].tensors, f->groups[i].count, NULL, f->name};
        if (!offer.count)
            continue;
        if (u == b->unit_count || !cuv_offer_fits(&b->units[u++], &offer))
            return false;
    }
    return u == b->unit_count;
}

cuv_status cuv_bind_by_name(cuv_binding *b, const cuv_weight_file *wf)
{
    const char *layers = "", *groups = "";
    for (size_t i = 0; i < b->unit_count; i++)
        for (size_t k = 0; k < wf->file->group_count; k++)
            if (wf->file->groups[k].count && cuv_streq(wf->file->groups[k].name, b->units[i].layer->name))
                return cuv_load_by_name(b, wf);
    for (size_t i = 0; i < b->unit_count && i < SHOWN; i++)
        layers = cuv_format(b->cx, "%s%s%s", layers, i ? ", " : "", b->units[i].layer->name);
    for (size_t k = 0, n = 0; k < wf->file->group_count && n < SHOWN; k++)
        if (wf->file->groups[k].count && wf->file->groups[k].name)
            groups = cuv_format(b->cx, "%s%s%s", groups, n++ ? ", " : "", wf->file->groups[k].name);
    const char *notes = cuv_format(b->cx, "%s\nthe model's layers  %s\nthe file's layers   %s", place(b, wf->where, wf->excerpt), layers, groups);
    return cuv_fail(b->cx, CUV_NO, "bind.by_name", &(cuv_detail){.file = wf->where, .expected = layers, .found = groups, .notes = notes,
                    .help = fits_in_order(b, wf->file) ? "in their order they fit: load them without by_name=True"
                                                       : "give the layers the names that the file has, or give the model's own file"},
                    "load_weights(by_name=True) loads nothing: no layer has a name that %s has", wf->file->name);
}
