/* Fits the tensors of one group into the weights of one layer: by name where the names are known, by Keras's order otherwise. */
#include "model/bind.h"

size_t cuv_name_stem(const char *name)
{
    size_t n = strlen(name), digits = n;
    while (digits > 0 && name[digits - 1] >= '0' && name[digits - 1] <= '9')
        digits--;
    return digits < n && digits > 0 && name[digits - 1] == '_' ? digits - 1 : n;
}

cuv_status cuv_note_misfit(cuv_binding *b, cuv_misfit misfit)
{
    cuv_misfit *m = cuv_arena_grow(b->scratch, b->misfits, b->misfit_count, &b->misfit_capacity, sizeof *m);
    if (!m)
        return cuv_oom(b->cx);
    b->misfits = m;
    m[b->misfit_count++] = misfit;
    return CUV_OK;
}

/* [0.5] in a list of lists is an array of one number or, as NumPy hands them out, one without axes. */
static bool one_number(const cuv_weight *w, const cuv_tensor *t)
{
    return w->rank == 0 && t->rank == 1 && t->shape[0] == 1;
}

static bool same_shape(const cuv_weight *w, const cuv_tensor *t)
{
    return cuv_shape_equal(w->shape, w->rank, t->shape, t->rank) || one_number(w, t);
}

/* Floats go into floats; Keras's set_weights also takes whole numbers wider than a byte. Narrow integers are quantised weights
 * that mean nothing without their scales. */
static bool dtype_fits(cuv_dtype weight, cuv_dtype tensor)
{
    if (weight == tensor)
        return true;
    if (weight == CUV_STR || tensor == CUV_STR)
        return false;
    if (!cuv_dtype_is_float(weight))
        return !cuv_dtype_is_float(tensor);
    return cuv_dtype_is_float(tensor) || tensor == CUV_I32 || tensor == CUV_I64 || tensor == CUV_U32;
}

/* The tensor as the model keeps it: its own struct, its blob shared, in the variable's dtype. */
static cuv_status adopt(cuv_binding *b, const cuv_weight *weight, const cuv_named *from, cuv_tensor **out)
{
    const cuv_tensor *t = from->tensor;
    if (t->dtype == weight->dtype)
        CUV_TRY(cuv_tensor_view(b->m->arena, t->blob, t->data, t->dtype, t->shape, weight->rank, out));
    else {
        void *values;
        CUV_TRY(cuv_tensor_new(b->m->arena, weight->dtype, t->shape, weight->rank, out, &values));
        cuv_convert(values, weight->dtype, t->data, t->dtype, cuv_tensor_count(t));
    }
    (*out)->offset = t->dtype == weight->dtype ? t->offset : UINT64_MAX;
    return CUV_OK;
}

/* What runs is the variable itself, or its values as floats where it is kept in whole numbers. */
cuv_status cuv_bind_value(cuv_binding *b, const cuv_weight *weight)
{
    const cuv_tensor *value = weight->value;
    cuv_var *var = &b->m->program->values[weight->ref];
    cuv_tensor *t;
    void *values;
    var->tensor = value;
    if (var->dtype == value->dtype)
        return CUV_OK;
    CUV_TRY(cuv_tensor_new(b->m->arena, var->dtype, value->shape, value->rank, &t, &values));
    cuv_convert(values, var->dtype, value->data, value->dtype, cuv_tensor_count(value));
    var->tensor = t;
    return CUV_OK;
}

cuv_status cuv_bind_tensor(cuv_binding *b, const cuv_unit *unit, cuv_weight *weight, const cuv_named *tensor, cuv_level level,
                           const char *why)
{
    CUV_TRY(cuv_map_set(b->used, tensor->label, weight));
    if (!same_shape(weight, tensor->tensor))
        return cuv_note_misfit(b, (cuv_misfit){CUV_MISFIT_SHAPE, unit, weight, tensor, {0}});
    if (!dtype_fits(weight->dtype, tensor->tensor->dtype))
        return cuv_note_misfit(b, (cuv_misfit){CUV_MISFIT_DTYPE, unit, weight, tensor, {0}});
    cuv_tensor *value;
    CUV_TRY(adopt(b, weight, tensor, &value));
    weight->value = value;
    weight->source = cuv_arena_strdup(b->m->arena, tensor->label);
    weight->level = level;
    weight->whole_numbers = cuv_dtype_is_float(weight->dtype) && !cuv_dtype_is_float(tensor->tensor->dtype);
    weight->why = cuv_arena_strdup(b->m->arena, why);
    if (!weight->source || !weight->why)
        return cuv_oom(b->cx);
    return cuv_bind_value(b, weight);
}

/* ---- by name */

/* "kernel" of "dense/kernel:0", "lstm_cell_3/kernel", "dense_1_W"; without ":0" and Keras's counters. */
static bool names_weight(const cuv_named *tensor, const cuv_weight *weight)
{
    const char *name = tensor->weight;
    if (!name)
        return false;
    size_t n = strcspn(name, ":");
    if (n == strlen(weight->name) && !strncmp(name, weight->name, n))
        return true;
    if (weight->slot && weight->slot->old) {
        const char *old = weight->slot->old;
        while (*old) {
            size_t len = strcspn(old, " ");
            if (n == len && !strncmp(name, old, len))
                return true;
            old += len + (old[len] == ' ');
        }
    }
    return false;
}

/* Pairs every weight with the one tensor that bears its name; fails when a name occurs twice or is unknown. */
static bool pair_by_name(const cuv_unit *unit, const cuv_offer *offer, size_t *place)
{
    if (offer->count != unit->count)
        return false;
    for (size_t i = 0; i < unit->count; i++) {
        size_t found = 0;
        for (size_t k = 0; k < offer->count; k++)
            if (names_weight(&offer->tensors[k], unit->weights[i])) {
                place[i] = k;
                found++;
            }
        if (found != 1)
            return false;
    }
    return true;
}

static bool fits_in_order(cuv_weight *const *weights, const cuv_unit *unit, const cuv_offer *offer)
{
    if (offer->count != unit->count)
        return false;
    for (size_t i = 0; i < unit->count; i++)
        if (!same_shape(weights[i], offer->tensors[i].tensor))
            return false;
    return true;
}

#define MAX_NAMED 64        /* layers with more weights are paired in order */

bool cuv_offer_fits(const cuv_unit *unit, const cuv_offer *offer)
{
    size_t place[MAX_NAMED];
    if (fits_in_order(unit->weights, unit, offer) || fits_in_order(unit->whole, unit, offer))
        return true;
    if (unit->count > MAX_NAMED || !pair_by_name(unit, offer, place))
        return false;
    for (size_t i = 0; i < unit->count; i++)
        if (!same_shape(unit->weights[i], offer->tensors[place[i]].tensor))
            return false;
    return true;
}

/* True when names are known and contradict the order: a weight's tensor bears the name of another weight. */
static bool order_contradicted(cuv_weight *const *weights, const cuv_unit *unit, const cuv_offer *offer)
{
    for (size_t i = 0; i < unit->count; i++) {
        if (!offer->tensors[i].weight || names_weight(&offer->tensors[i], weights[i]))
            continue;
        for (size_t k = 0; k < unit->count; k++)
            if (names_weight(&offer->tensors[i], weights[k]))
                return true;
    }
    return false;
}

/* get_weights() lists what is inside a layer by turns, each inner layer whole; legacy .h5 groups, and Keras 2 in all layers but models, put
 * what is trained first. Shapes often fit both ways. */
static bool listed_whole(const cuv_unit *unit, const cuv_offer *offer)
{
    const cuv_layer *layer = unit->layer;
    const cuv_file *file = offer->count ? offer->tensors[0].file : NULL;
    if (offer->count != unit->count || !file || file->arrangement == CUV_ARR_LEGACY || !fits_in_order(unit->whole, unit, offer))
        return false;
    return layer->keras >= 3 || (layer->keras == 2 && layer->model && !layer->tf1 && !layer->theano);
}

cuv_status cuv_bind_offer(cuv_binding *b, cuv_unit *unit, const cuv_offer *offer, cuv_level level, const char *why)
{
    unit->filled = true;
    size_t place[MAX_NAMED];
    if (unit->count <= MAX_NAMED && pair_by_name(unit, offer, place)) {
        for (size_t i = 0; i < unit->count; i++)
            CUV_TRY(cuv_bind_tensor(b, unit, unit->weights[i], &offer->tensors[place[i]], level, why));
        return CUV_OK;
    }
    cuv_weight **order = listed_whole(unit, offer) ? unit->whole : unit->weights;
    if (offer->count == unit->count && !fits_in_order(unit->weights, unit, offer) && fits_in_order(unit->whole, unit, offer))
        order = unit->whole;
    else if (offer->count == unit->count && order_contradicted(order, unit, offer) &&
             !order_contradicted(unit->whole, unit, offer) && fits_in_order(unit->whole, unit, offer))
        order = unit->whole;
    if (offer->count != unit->count)
        CUV_TRY(cuv_note_misfit(b, (cuv_misfit){CUV_MISFIT_COUNT, unit, NULL, NULL, *offer}));
    for (size_t i = 0; i < unit->count && i < offer->count; i++)
        if (offer->count == unit->count || same_shape(order[i], offer->tensors[i].tensor))
            CUV_TRY(cuv_bind_tensor(b, unit, order[i], &offer->tensors[i], level, why));
    return CUV_OK;
}
