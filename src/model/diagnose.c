/* Says what did not fit: every misfit at once, in the user's terms, with the likely cause and the --map line that would mend it. */
#include "model/bind.h"

#define SHOWN 24            /* findings before "and N more" */

static const char *class_of(const cuv_unit *u)
{
    if (u->layer->custom)
        return u->layer->class_name;
    return u->layer->model ? ((struct cuv_model *)u->layer->model)->class_name : u->layer->def->name;
}

static const char *shape_of(cuv_binding *b, const cuv_tensor *t)
{
    return cuv_shape_text(b->cx, t->shape, t->rank);
}

bool cuv_is_transposed(const cuv_weight *w, const cuv_tensor *t)
{
    if (w->rank != t->rank || w->rank < 2 || cuv_shape_is(w, t))
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

bool cuv_shape_is(const cuv_weight *w, const cuv_tensor *t)
{
    return cuv_shape_equal(w->shape, w->rank, t->shape, t->rank);
}

bool cuv_same_sizes(const cuv_weight *w, const cuv_tensor *t)
{
    int i = 0, k = 0;
    for (;; i++, k++) {
        while (i < w->rank && w->shape[i] == 1)
            i++;
        while (k < t->rank && t->shape[k] == 1)
            k++;
        if (i == w->rank || k == t->rank)
            return i == w->rank && k == t->rank;
        if (w->shape[i] != t->shape[k])
            return false;
    }
}

/* Equal but for axes of size 1. */
static bool axes_of_one(const cuv_weight *w, const cuv_tensor *t)
{
    int at = 0;
    for (int i = 0; i < t->rank; i++)
        if (at < w->rank && t->shape[i] == w->shape[at])
            at++;
        else if (t->shape[i] != 1)
            return false;
    return at == w->rank;
}

/* Is it a weight's value, and not only where it does not fit? */
static bool is_bound(const cuv_binding *b, const cuv_named *t)
{
    const cuv_weight *w = cuv_map_get(b->used, t->label);
    for (size_t i = 0; w && i < b->misfit_count; i++)
        if (b->misfits[i].kind == CUV_MISFIT_SHAPE && b->misfits[i].tensor->tensor == t->tensor)
            return false;
    return w != NULL;
}

/* ---- likely causes, one misfit */

bool cuv_is_convolution_of_others(const cuv_weight *w, const cuv_tensor *t)
{
    return w->rank == 4 && t->rank == 4 && t->shape[0] == w->shape[3] && t->shape[1] == w->shape[2] &&
           t->shape[2] == w->shape[0] && t->shape[3] == w->shape[1];
}

static const char *other_layout(const cuv_weight *w, const cuv_tensor *t)
{
    const char *layer = w->layer->def->name;
    if (cuv_tensor_count(t) == 0)
        return "the array holds no numbers at all";
    if (cuv_is_convolution_of_others(w, t))
        return "its axes are (filters, channels, rows, columns): PyTorch's order, and that of Keras 1 with Theano";
    if (cuv_streq(layer, "GRU") && !strcmp(w->name, "bias"))
        return w->rank == 2
            ? "a GRU with reset_after=False has a bias of one axis (the default of Keras before TensorFlow 2); the configuration says True"
            : "a GRU with reset_after=True has a bias of two rows (the default since TensorFlow 2); the configuration says False";
    if (cuv_is_transposed(w, t))
        return "its sizes are in reverse: PyTorch and others keep (outputs, inputs)";
    if (permuted(w, t))
        return "its axes are in another order";
    if (extra_axis(w, t))
        return "it has the right number of values under another shape";
    return NULL;
}

static const char *level_word(cuv_level level)
{
    static const char *const words[] = {[CUV_CERTAIN] = "certain", [CUV_INFERRED] = "inferred", [CUV_ASSUMED] = "assumed",
                                        [CUV_VERIFIED] = "verified"};
    return words[level];
}

/* What fixes the number of values that a layer gives: its bound kernel, or the model's own input. */
static const char *size_proof(cuv_binding *b, const char *layer)
{
    const cuv_unit *u = cuv_unit_named(b, layer);
    for (size_t i = 0; u && i < u->count; i++)
        if (u->weights[i]->value && u->weights[i]->rank > 1)
            return cuv_format(b->cx, " (%s: %s is %s)", level_word(u->weights[i]->level), u->weights[i]->source,
                              shape_of(b, u->weights[i]->value));
    return b->m->from ? cuv_format(b->cx, " (%s says so)", b->m->from) : "";
}

/* Why this shape: the size that the layer's input fixes. */
static const char *input_note(cuv_binding *b, const cuv_unit *u, const cuv_weight *w)
{
    if (w->layer != u->layer || u->layer->in_channels <= 0 || w->rank < 2)
        return NULL;
    long long size = (long long)u->layer->in_channels;
    for (size_t i = 0; i < b->m->node_count; i++) {
        const cuv_node *node = &b->m->nodes[i];
        if (node->layer != u->layer || !node->inbound_count)
            continue;
        for (size_t k = 0; k < b->m->input_count; k++)
            if (cuv_streq(b->m->input_names[k], node->inbound[0]))
                return cuv_format(b->cx, "the model's input has %lld values (%s says so)", size, cuv_config_name(b));
        return cuv_format(b->cx, "the layer before it, '%s', gives %lld values%s", node->inbound[0], size,
                          size_proof(b, node->inbound[0]));
    }
    return cuv_format(b->cx, "its input has %lld values", size);
}

/* ---- the --map line */

const char *cuv_map_line(cuv_context *cx, const char *layer, const char *const *spellings, size_t count)
{
    const char *text = cuv_format(cx, "%s=", layer);
    for (size_t i = 0; i < count; i++) {
        if (!spellings[i])
            return NULL;
        text = cuv_format(cx, "%s%s%s", text, i ? "," : "", spellings[i]);
    }
    return cuv_format(cx, strpbrk(text, " ()'\"$*?;&|<>") ? "--map '%s'" : "--map %s", text);
}

/* How many tensors of the evidence have the weight's shape; those that nothing has bound come first. */
static const cuv_named *find_shape(cuv_binding *b, const cuv_weight *w, const cuv_named *given, size_t *n, const char **list)
{
    const cuv_named *free_one = NULL, *first = NULL;
    *list = NULL;
    *n = 0;
    for (size_t i = 0; i < b->ev->file_count; i++)
        for (size_t g = 0; g < b->ev->files[i]->group_count; g++)
            for (size_t k = 0; k < b->ev->files[i]->groups[g].count; k++) {
                const cuv_named *t = &b->ev->files[i]->groups[g].tensors[k];
                if (!cuv_shape_is(w, t->tensor) || t->tensor == given->tensor)
                    continue;
                if ((*n)++ < 3)
                    *list = *list ? cuv_format(b->cx, "%s, %s", *list, t->label) : t->label;
                first = first ? first : t;
                if (!free_one && !is_bound(b, t))
                    free_one = t;
            }
    return free_one ? free_one : first;
}

/* How the given tensor would be spelt to fit by itself; NULL when it cannot. */
static const char *turned(cuv_binding *b, const cuv_weight *w, const cuv_named *given)
{
    if (cuv_is_convolution_of_others(w, given->tensor))
        return cuv_format(b->cx, "%s.transpose(2,3,1,0)", given->label);
    if (cuv_is_transposed(w, given->tensor))
        return cuv_format(b->cx, "%s.T", given->label);
    return extra_axis(w, given->tensor) && axes_of_one(w, given->tensor) ? given->label : NULL;
}

static const cuv_misfit *misfit_of(const cuv_binding *b, const cuv_weight *w)
{
    for (size_t i = 0; i < b->misfit_count; i++)
        if (b->misfits[i].weight == w && b->misfits[i].kind == CUV_MISFIT_SHAPE)
            return &b->misfits[i];
    return NULL;
}

/* The line for the whole unit: what fits stays, what does not is turned or looked for. */
static const char *line_for(cuv_binding *b, const cuv_unit *u)
{
    enum { MOST = 16 };
    const char *spellings[MOST], *list;
    for (size_t k = 0; k < u->count; k++) {
        const cuv_weight *w = u->weights[k];
        const cuv_misfit *mf = misfit_of(b, w);
        size_t n;
        if (u->count > MOST || (!mf && !w->source))
            return NULL;
        spellings[k] = mf ? turned(b, w, mf->tensor) : w->source;
        const cuv_named *found = mf && !spellings[k] ? find_shape(b, w, mf->tensor, &n, &list) : NULL;
        if (found)
            spellings[k] = found->label;
    }
    return cuv_map_line(b->cx, u->layer->name, spellings, u->count);
}

/* The first misfit of a unit carries the line for all of it. */
static bool is_first(const cuv_binding *b, const cuv_misfit *mf)
{
    for (const cuv_misfit *at = b->misfits; at < mf; at++)
        if (at->unit == mf->unit)
            return false;
    return true;
}

/* Tensors of the right shape elsewhere in the evidence, and the --map line. */
static const char *shape_help(cuv_binding *b, const cuv_misfit *mf)
{
    const cuv_weight *w = mf->weight;
    size_t n;
    const char *list, *line = line_for(b, mf->unit), *shape = cuv_shape_text(b->cx, w->shape, w->rank);
    const cuv_named *found = find_shape(b, w, mf->tensor, &n, &list);
    const char *try_line = line && is_first(b, mf) ? cuv_format(b->cx, "try %s", line) : NULL;
    if (cuv_is_convolution_of_others(w, mf->tensor->tensor))
        return try_line ? cuv_format(b->cx, "if it is PyTorch's, %s; a Dense after Flatten then has its rows in another order too, and "
                                     "Theano turned its kernels round", try_line) : NULL;
    if (turned(b, w, mf->tensor))
        return try_line ? cuv_format(b->cx, "if it is the %s, %s", w->name, try_line) : NULL;
    if (cuv_streq(w->layer->def->name, "GRU") && !strcmp(w->name, "bias"))
        return cuv_ends_with(cuv_config_name(b), ".py")
                   ? cuv_format(b->cx, "if the model was made so, write GRU(..., reset_after=%s) in %s", w->rank == 2 ? "False" : "True",
                                cuv_config_name(b))
                   : cuv_format(b->cx, "if the model was made so, set \"reset_after\": %s in %s", w->rank == 2 ? "false" : "true",
                                cuv_config_name(b));
    if (!found)
        return cuv_format(b->cx, "no tensor of the evidence has the shape %s; %s", shape,
                          cuv_tensor_count(mf->tensor->tensor) ? cuv_format(b->cx, "was %s saved from another model?", mf->tensor->label)
                                                               : "save the weights again");
    return cuv_format(b->cx, "tensors of shape %s in the evidence: %s%s%s%s", shape, list,
                      n > 3 ? cuv_format(b->cx, " and %zu more", n - 3) : "", try_line ? "; " : "", try_line ? try_line : "");
}

static void report_shape(cuv_binding *b, const cuv_misfit *mf)
{
    const cuv_weight *w = mf->weight;
    const char *place = cuv_format(b->cx, "%s/%s", w->layer->path ? w->layer->path : w->layer->name, w->name);
    const char *notes = cuv_format(b->cx, "in  %s  →  %s", mf->tensor->label, place);
    const char *cause = other_layout(w, mf->tensor->tensor), *input = input_note(b, mf->unit, w);
    if (cause)
        notes = cuv_format(b->cx, "%s\n%s", notes, cause);
    else if (input)
        notes = cuv_format(b->cx, "%s\n%s", notes, input);
    const char *expected = cuv_shape_text(b->cx, w->shape, w->rank), *found = shape_of(b, mf->tensor->tensor);
    (void)cuv_fail(b->cx, CUV_NO, "bind.shape", &(cuv_detail){.file = mf->tensor->file ? mf->tensor->file->path : NULL,
                   .layer = mf->unit->layer->name, .tensor = mf->tensor->label, .expected = expected, .found = found,
                   .notes = notes, .help = shape_help(b, mf)},
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

static size_t with_bias(const cuv_binding *b)
{
    size_t n = 0;
    for (size_t i = 0; i < b->unit_count; i++)
        for (size_t k = 0; k < b->units[i].count; k++)
            n += !strcmp(b->units[i].weights[k]->name, "bias");
    return n;
}

static void report_lacking(cuv_binding *b, const cuv_misfit *mf)
{
    const cuv_weight *w = mf->weight;
    const char *shape = cuv_shape_text(b->cx, w->shape, w->rank), *name = mf->unit->layer->name;
    const char *arrays = cuv_format(b->cx, "%zu array%s", mf->offer.count, mf->offer.count == 1 ? "" : "s");
    (void)cuv_fail(b->cx, CUV_NO, "bind.missing", &(cuv_detail){.file = mf->offer.where, .layer = name, .tensor = w->name,
                   .expected = shape, .found = arrays,
                   .notes = cuv_format(b->cx, "in  %s  →  %s/%s\n%s has %zu layers with a bias", mf->offer.where, name, w->name,
                                       cuv_config_name(b), with_bias(b)),
                   .help = cuv_format(b->cx, "add it to %s; if '%s' has no bias, %s must say \"use_bias\": false", mf->offer.where, name,
                                      cuv_config_name(b))},
                   "%s layer '%s' expects a %s of shape %s; %s has no more than %s", class_of(mf->unit), name, w->name, shape,
                   mf->offer.where, arrays);
}

static void report_missing(cuv_binding *b, const cuv_misfit *mf)
{
    const cuv_unit *u = mf->unit;
    if (mf->offer.where) {
        report_lacking(b, mf);
        return;
    }
    (void)cuv_fail(b->cx, CUV_NO, "bind.missing", &(cuv_detail){.layer = u->layer->name, .tensor = mf->weight->name,
                   .expected = names_of_weights(b, u), .found = "nothing",
                   .help = cuv_format(b->cx, "name its arrays: --map %s=TENSOR%s", u->layer->name, u->count > 1 ? ",..." : "")},
                   "nothing in the evidence gives the weights of the %s layer '%s': %s", class_of(u), u->layer->name,
                   names_of_weights(b, u));
}

static const char *surplus_text(cuv_binding *b)
{
    const char *text = "";
    size_t n = 0;
    for (size_t i = 0; i < b->misfit_count; i++) {
        const cuv_misfit *mf = &b->misfits[i];
        if (mf->kind == CUV_MISFIT_SURPLUS && n++ < 8)
            text = cuv_format(b->cx, "%s%s%s %s", text, *text ? ", " : "", mf->tensor->label, shape_of(b, mf->tensor->tensor));
    }
    return n > 8 ? cuv_format(b->cx, "%s, ...", text) : text;
}

static void report_surplus(cuv_binding *b, size_t count)
{
    const char *text = surplus_text(b);
    const cuv_misfit *first = b->misfits;
    while (first->kind != CUV_MISFIT_SURPLUS)
        first++;
    (void)cuv_fail(b->cx, CUV_NO, "bind.surplus", &(cuv_detail){.file = first->tensor->file ? first->tensor->file->path : NULL,
                   .tensor = first->tensor->label, .found = text,
                   .help = "every tensor must be used once; is this the weight file of a larger model?"},
                   "%zu tensor%s of the evidence %s without a layer: %s", count, count == 1 ? "" : "s", count == 1 ? "is" : "are",
                   text);
}

/* ---- the whole */

/* With --map the user has said what is wanted; what is then left over is only told. */
static void tell_surplus(cuv_binding *b, size_t count)
{
    if (!b->mapped || count != b->misfit_count) {
        report_surplus(b, count);
        return;
    }
    const char *text = surplus_text(b);
    cuv_warn(b->cx, "bind.surplus", &(cuv_detail){.found = text}, "%zu tensor%s of the evidence %s not used: %s", count,
             count == 1 ? "" : "s", count == 1 ? "is" : "are", text);
}

/* False: it was said with another. */
static bool report_one(cuv_binding *b, const cuv_misfit *mf)
{
    if (mf->kind == CUV_MISFIT_MISSING && !mf->offer.where && cuv_report_pretrained(b, mf))
        return false;
    switch (mf->kind) {
    case CUV_MISFIT_SHAPE: report_shape(b, mf); break;
    case CUV_MISFIT_DTYPE: report_dtype(b, mf); break;
    case CUV_MISFIT_COUNT: report_count(b, mf); break;
    case CUV_MISFIT_MISSING: b->coded && !mf->offer.where ? cuv_report_never_set(b, mf) : report_missing(b, mf); break;
    case CUV_MISFIT_STATED: cuv_report_stated(b, mf); break;
    case CUV_MISFIT_SURPLUS: return false;
    }
    return true;
}

static bool has_weights(const cuv_binding *b)
{
    for (size_t i = 0; i < b->ev->file_count; i++)
        if (b->ev->files[i]->arrangement != CUV_ARR_NONE || b->ev->files[i]->script)
            return true;
    return false;
}

static void report_no_weights(cuv_binding *b)
{
    const char *text = "";
    for (size_t i = 0; i < b->unit_count && i < 8; i++)
        text = cuv_format(b->cx, "%s%s%s", text, i ? "; " : "", cuv_unit_text(b, &b->units[i]));
    (void)cuv_fail(b->cx, CUV_NO, "bind.no_weights", &(cuv_detail){.expected = text, .found = "nothing",
                   .notes = cuv_format(b->cx, "%zu layers need weights: %s%s", b->unit_count, text,
                                       b->unit_count > 8 ? "; ..." : ""),
                   .help = "add the file with the weights (.h5, .weights.h5, .npy, .npz, .safetensors); cuvier summary shows a model "
                           "without them"},
                   "%s is a configuration without weights", cuv_config_name(b));
}

cuv_status cuv_bind_report(cuv_binding *b)
{
    size_t shown = 0, surplus = 0, more = 0;
    if (!b->misfit_count)
        return CUV_OK;
    if (!has_weights(b)) {
        report_no_weights(b);
        return CUV_NO;
    }
    if (cuv_bind_cause(b))
        return CUV_NO;
    for (size_t i = 0; i < b->misfit_count; i++) {
        bool over = b->misfits[i].kind == CUV_MISFIT_SURPLUS;
        surplus += over;
        if (shown < SHOWN && !over)
            shown += report_one(b, &b->misfits[i]);
        else
            more += !over;
    }
    if (more)
        (void)cuv_fail(b->cx, CUV_NO, "bind.more", NULL, "and %zu more of the same", more);
    if (surplus)
        tell_surplus(b, surplus);
    return b->mapped && surplus == b->misfit_count ? CUV_OK : CUV_NO;
}
