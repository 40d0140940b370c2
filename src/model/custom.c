/* Classes that Keras code stands in for (--custom): the layer becomes the model that the code builds for it where it stands, and takes
 * the weights that the file holds for the layer. */
#include "model/bind.h"
#include "model/build.h"

/* ---- the hooks that layers use */

static cuv_custom *custom_of(const cuv_model_hooks *hooks, const cuv_value *record, const char *name)
{
    return cuv_custom_for(hooks->given, record, name);
}

const char *cuv_stand_in(const cuv_model_hooks *hooks, const cuv_value *record, const char *name)
{
    cuv_custom *custom = custom_of(hooks, record, name);
    if (!custom)
        return NULL;
    custom->used = true;
    if (custom->implied && custom->file->script)
        custom->file->script->stands_somewhere = true;
    return custom->file->name;
}

const char *cuv_held_for(const cuv_model_hooks *hooks, const char *name, const char *class_name)
{
    return cuv_held_text(hooks->given, name, class_name);
}

/* ---- the model */

typedef struct inputs { struct cuv_custom_input *items; struct cuv_custom_argument *args; size_t arg_count; } inputs;

/* One argument of several tensors is a list; tensors that came without arguments (inside a wrapper) are one argument. */
static cuv_status describe_inputs(const cuv_call *call, inputs *out)
{
    size_t room = call->arg_count + 1, seen = 0;
    out->items = CUV_NEW_ARRAY(call->arena, struct cuv_custom_input, call->in_count + 1);
    out->args = CUV_NEW_ARRAY(call->arena, struct cuv_custom_argument, room);
    if (!out->items || !out->args)
        return cuv_oom(call->cx);
    for (size_t i = 0; i < call->in_count; i++) {
        const cuv_var *v = cuv_call_in(call, i);
        out->items[i] = (struct cuv_custom_input){.rank = v->rank, .dtype = cuv_dtype_name(v->dtype)};
        memcpy(out->items[i].shape, v->shape, sizeof v->shape);
    }
    for (size_t i = 0; i < call->arg_count; i++) {
        const cuv_kwarg *arg = &call->args[i];
        size_t count = arg->list ? arg->list_count : arg->tensor.value != CUV_NO_REF;
        if (count && seen + count <= call->in_count)
            out->args[out->arg_count++] = (struct cuv_custom_argument){count, arg->list != NULL};
        seen += count;
    }
    if (seen != call->in_count || !out->arg_count) {
        out->args[0] = (struct cuv_custom_argument){call->in_count, call->in_count > 1};
        out->arg_count = 1;
    }
    return CUV_OK;
}

static cuv_status no_keyword(cuv_call *call, const char *name)
{
    return cuv_fail(call->cx, CUV_UNSUPPORTED, "custom.keyword", &(cuv_detail){.layer = call->layer->name, .found = name,
                    .help = "write the model without it, as a script"},
                    "layer '%s' (%s) is called with a tensor under the name '%s', which code that stands in for a class cannot be given",
                    call->layer->name, call->layer->class_name, name);
}

cuv_status cuv_check_keywords(cuv_call *call)
{
    for (size_t i = 0; i < call->kwarg_count; i++) {
        const cuv_kwarg *k = &call->kwargs[i];
        bool input = call->in == k->list || call->in == &k->tensor;     /* adopted as the input */
        bool tensors = k->list_count || k->tensor.value != CUV_NO_REF;
        if (tensors && !input && !cuv_streq(k->name, "mask"))
            return no_keyword(call, k->name);
    }
    return CUV_OK;
}

/* What is to be known of such a layer, in layer->state. */
typedef struct stand_in {
    cuv_custom_masks masks;
    bool masked, kept;          /* a mask came in, a mask went out */
} stand_in;

static cuv_status make(cuv_call *call, cuv_value **record)
{
    cuv_layer *layer = call->layer;
    struct cuv_evidence *ev = layer->hooks->given;
    const cuv_custom *custom = custom_of(layer->hooks, layer->record, layer->name);
    inputs in = {0};
    CUV_TRY(describe_inputs(call, &in));
    cuv_custom_use use = {.layer = layer->name, .class_name = layer->class_name, .config = layer->config, .keras = layer->keras,
                          .inputs = in.items, .args = in.args, .arg_count = in.arg_count};
    stand_in *s = layer->state = CUV_NEW(layer->arena, stand_in);
    return s ? cuv_custom_model(ev, custom, &use, layer->arena, record, &s->masks) : cuv_oom(call->cx);
}

static int64_t made_at(const cuv_layer *layer)
{
    int64_t at = 0;
    (void)cuv_as_int(cuv_get(layer->record, CUV_MADE), &at);
    return at;
}

/* In the order in which the code makes its layers: Keras lists the weights of a class that makes its layers likewise in that order. */
static cuv_status order_inner(cuv_layer *layer)
{
    cuv_layer **sorted = CUV_NEW_ARRAY(layer->arena, cuv_layer *, layer->inner_count + 1);
    if (!sorted)
        return cuv_oom(cuv_arena_context(layer->arena));
    for (size_t i = 0; i < layer->inner_count; i++) {
        size_t at = i;
        for (; at > 0 && made_at(sorted[at - 1]) > made_at(layer->inner[i]); at--)
            sorted[at] = sorted[at - 1];
        sorted[at] = layer->inner[i];
    }
    layer->inner = sorted;
    return CUV_OK;
}

/* The first call: from here on the layer is a model like any other, under its own name. */
cuv_status cuv_call_stand_in(cuv_call *call)
{
    cuv_layer *layer = call->layer;
    const bool trainable = layer->trainable;
    cuv_value *record = NULL;
    CUV_TRY(make(call, &record));
    CUV_TRY(layer->hooks->make_model(layer, record));
    CUV_TRY(order_inner(layer));
    layer->def = cuv_layer_find(((struct cuv_model *)layer->model)->class_name);
    layer->trainable = layer->trainable && trainable;
    return layer->hooks->call_model(call);
}

/* Where the code does not say it, masks come out as its layers hand them on: so do Keras's own when a class calls them last. */
void cuv_pass_masks(cuv_call *call)
{
    stand_in *s = call->layer->state;
    cuv_ref mask = call->in_count ? call->in[0].mask : CUV_NO_REF;
    for (size_t i = 0; i < call->out_count; i++) {
        cuv_ref *out = &call->out[i].mask;
        if (s->masks == CUV_MASKS_DROPPED)
            *out = CUV_NO_REF;
        else if (s->masks == CUV_MASKS_KEPT && *out == CUV_NO_REF)
            *out = mask;
        s->kept |= *out != CUV_NO_REF;
    }
    s->masked |= mask != CUV_NO_REF;
}

static cuv_status decide_masks(struct cuv_model *m, const cuv_layer *layer)
{
    const stand_in *s = layer->state;
    if (!s || !s->masked || s->masks != CUV_MASKS_AS_INSIDE)
        return CUV_OK;
    return cuv_model_decide(m, layer->path ? layer->path : layer->name, "mask", s->kept ? "handed on" : "dropped", CUV_ASSUMED,
                            cuv_format(m->cx, "a mask reaches the layer, and the layers in %s do so", layer->custom),
                            s->kept ? "dropped (supports_masking = False in the code)" : "handed on (supports_masking = True in the code)");
}

static cuv_status decide(struct cuv_model *m, const cuv_layer *layer)
{
    if (layer->custom) {
        m->custom = true;
        const char *value = cuv_format(m->cx, "%s as %s says", layer->class_name, layer->custom);
        CUV_TRY(cuv_model_decide(m, layer->path ? layer->path : layer->name, "class", value, CUV_ASSUMED,
                                 cuv_format(m->cx, "--custom: what %s computes is in its author's code, which is not here", layer->class_name),
                                 "any computation with weights of these shapes"));
        CUV_TRY(decide_masks(m, layer));
    }
    for (size_t i = 0; i < layer->inner_count; i++)
        CUV_TRY(decide(m, layer->inner[i]));
    return CUV_OK;
}

cuv_status cuv_decide_customs(struct cuv_model *m)
{
    for (size_t i = 0; i < m->layer_count; i++)
        CUV_TRY(decide(m, m->layers[i]));
    return CUV_OK;
}

/* ---- its weights */

/* A weight of the stand-in with the layer that it belongs to, beside the tensor that it takes. */
typedef struct pairing {
    cuv_weight *const *weights;
    const cuv_named *tensors;
    size_t count;
    size_t *place;              /* by weight: its tensor + 1 */
    size_t *taken;              /* by tensor: its weight + 1 */
    const char **why;
} pairing;

static void pair(pairing *p, size_t w, size_t t, const char *why)
{
    p->place[w] = t + 1;
    p->taken[t] = w + 1;
    p->why[w] = why;
}

static bool open_pair(const pairing *p, size_t w, size_t t)
{
    return !p->place[w] && !p->taken[t] && cuv_same_sizes(p->weights[w], p->tensors[t].tensor);
}

static bool has_part(const char *path, const char *name)
{
    size_t n = strlen(name);
    for (const char *at = path; *at; at += strcspn(at, "/"), at += *at == '/')
        if (strcspn(at, "/") == n && !strncmp(at, name, n))
            return true;
    return false;
}

/* The attribute under which a layer of Keras keeps one of its own ("query_dense" of the layer 'query' in MultiHeadAttention). */
static const char *attribute_of(const cuv_layer *l)
{
    const char *slash = l->role ? strrchr(l->role, '/') : NULL;
    return slash ? slash + 1 : l->role;
}

/* The tensor's path names the layer, as attribute or as layer. */
static bool names_one(const cuv_named *t, const cuv_layer *l)
{
    return has_part(t->key, l->name) || (attribute_of(l) && has_part(t->key, attribute_of(l)));
}

/* It names the weight's own layer, or one around that. */
static bool names_layer(const cuv_named *t, const cuv_weight *w, const cuv_layer *outer)
{
    for (const cuv_layer *l = w->layer; l && l != outer; l = l->parent)
        if (names_one(t, l))
            return true;
    return false;
}

/* The tensor is named as the weight is, or as the layer that does nothing but hold it. */
static bool same_word(const cuv_named *t, const cuv_weight *w)
{
    const char *name = cuv_streq(w->layer->class_name, CUV_WEIGHT_CLASS) ? w->layer->name : w->name;
    size_t n = t->weight ? strcspn(t->weight, ":") : 0;
    return n && n == strlen(name) && !strncmp(t->weight, name, n);
}

/* Does a candidate exist for w, and only one? `by`: what must agree beside the shape. */
typedef bool agrees(const pairing *p, size_t w, size_t t, const cuv_layer *outer);

static bool by_layer_and_word(const pairing *p, size_t w, size_t t, const cuv_layer *outer)
{
    return same_word(&p->tensors[t], p->weights[w]) && names_layer(&p->tensors[t], p->weights[w], outer);
}

/* A layer that only holds a weight has the name of that, which others may have, too ("gamma"). */
static bool holds_only(const cuv_weight *w)
{
    return cuv_streq(w->layer->class_name, CUV_WEIGHT_CLASS);
}

/* It names all layers around the weight, up to the one that the code stands in for. */
static bool by_all_layers(const pairing *p, size_t w, size_t t, const cuv_layer *outer)
{
    if (holds_only(p->weights[w]))
        return false;
    for (const cuv_layer *l = p->weights[w]->layer; l && l != outer; l = l->parent)
        if (!names_one(&p->tensors[t], l))
            return false;
    return p->weights[w]->layer != outer;
}

static bool by_own_layer(const pairing *p, size_t w, size_t t, const cuv_layer *outer)
{
    return p->weights[w]->layer != outer && !holds_only(p->weights[w]) && names_one(&p->tensors[t], p->weights[w]->layer);
}

static bool by_layer(const pairing *p, size_t w, size_t t, const cuv_layer *outer)
{
    return !holds_only(p->weights[w]) && names_layer(&p->tensors[t], p->weights[w], outer);
}

static bool by_word(const pairing *p, size_t w, size_t t, const cuv_layer *outer)
{
    (void)outer;
    return same_word(&p->tensors[t], p->weights[w]);
}

/* Pairs where the rule leaves one tensor to a weight and one weight to that tensor; `in_order`: the first of several on both sides. */
static void pair_by(pairing *p, agrees *rule, const cuv_layer *outer, bool in_order, const char *why)
{
    for (size_t w = 0; w < p->count; w++) {
        size_t tensors = 0, weights = 0, at = 0;
        for (size_t t = p->count; t-- > 0;)
            if (open_pair(p, w, t) && rule(p, w, t, outer)) {
                at = t;
                tensors++;
            }
        for (size_t k = 0; tensors && k < p->count; k++)
            weights += open_pair(p, k, at) && rule(p, k, at, outer);
        if ((tensors == 1 && weights == 1) || (tensors && in_order))
            pair(p, w, at, why);
    }
}

static bool any(const pairing *p, size_t w, size_t t, const cuv_layer *outer)
{
    (void)p, (void)w, (void)t, (void)outer;
    return true;
}

static bool order_fits(const pairing *p)
{
    size_t t = 0;
    for (size_t w = 0; w < p->count; w++) {
        if (p->place[w])
            continue;
        while (t < p->count && p->taken[t])
            t++;
        if (t == p->count || !cuv_same_sizes(p->weights[w], p->tensors[t].tensor))
            return false;
        t++;
    }
    return true;
}

static void pair_in_order(pairing *p)
{
    size_t t = 0;
    for (size_t w = 0; w < p->count; w++) {
        if (p->place[w])
            continue;
        while (p->taken[t])
            t++;
        pair(p, w, t, "in order");
    }
}

static void pair_all(pairing *p, const cuv_layer *outer)
{
    pair_by(p, by_layer_and_word, outer, false, "by the names of layer and weight");
    pair_by(p, by_all_layers, outer, true, "by the names of its layers");
    pair_by(p, by_own_layer, outer, true, "by the name of its layer");
    pair_by(p, by_layer, outer, true, "by the name of its layer");
    pair_by(p, by_word, outer, false, "by its name");
    if (order_fits(p))
        pair_in_order(p);
    else
        pair_by(p, any, outer, true, "by shape, in order");
}

/* The tensor with the weight's own axes of size 1. */
static cuv_status in_shape(cuv_binding *b, const cuv_weight *w, cuv_named *named)
{
    cuv_tensor *made;
    if (cuv_shape_is(w, named->tensor) || !cuv_same_sizes(w, named->tensor))
        return CUV_OK;
    CUV_TRY(cuv_tensor_reshape(b->m->arena, named->tensor, w->shape, w->rank, &made));
    named->tensor = made;
    return CUV_OK;
}

cuv_status cuv_bind_custom(cuv_binding *b, cuv_unit *unit, const cuv_offer *offer)
{
    enum { MOST = 4096 };       /* every weight is held against every tensor */
    pairing p = {.weights = unit->weights, .tensors = offer->tensors, .count = unit->count};
    unit->filled = true;
    if (offer->count != unit->count || unit->count > MOST) {
        for (size_t t = 0; t < offer->count; t++)
            CUV_TRY(cuv_map_set(b->used, offer->tensors[t].label, unit));
        return cuv_note_misfit(b, (cuv_misfit){CUV_MISFIT_COUNT, unit, NULL, NULL, *offer});
    }
    p.place = CUV_NEW_ARRAY(b->scratch, size_t, p.count + 1);
    p.taken = CUV_NEW_ARRAY(b->scratch, size_t, p.count + 1);
    p.why = CUV_NEW_ARRAY(b->scratch, const char *, p.count + 1);
    if (!p.place || !p.taken || !p.why)
        return cuv_oom(b->cx);
    pair_all(&p, unit->layer);
    pair_in_order(&p);          /* what is left does not fit, and is told */
    for (size_t w = 0; w < p.count; w++) {
        cuv_named *one = CUV_NEW(b->scratch, cuv_named);    /* a misfit keeps it */
        if (!one)
            return cuv_oom(b->cx);
        *one = offer->tensors[p.place[w] - 1];
        const char *why = cuv_format(b->cx, "%s, of what %s holds for the %s '%s'", p.why[w], offer->where, unit->layer->class_name,
                                     unit->layer->name);
        CUV_TRY(in_shape(b, p.weights[w], one));
        CUV_TRY(cuv_bind_tensor(b, unit, p.weights[w], one, CUV_ASSUMED, why));
    }
    return CUV_OK;
}
