/* Arrays without their shapes: all weights in one vector (np.concatenate of flattened arrays), or each array or layer flattened for itself. The
 * model's shapes say where to cut; that nothing is left over and no array is cut through says that it is right. */
#include "model/bind.h"

/* Its values in one axis; an array that is not (and has more than one value along more than one axis) is none. */
static bool is_vector(const cuv_tensor *t)
{
    int long_axes = 0;
    for (int k = 0; k < t->rank; k++)
        long_axes += t->shape[k] != 1;
    return long_axes <= 1 && t->dtype != CUV_STR;
}

/* NumPy's reader takes a vector for an array for each of its rows; here it is whole again. */
static const cuv_named *whole_vectors(cuv_binding *b, const cuv_named *tensors, size_t *count)
{
    const cuv_file *f = *count ? tensors[0].file : NULL;
    cuv_named *one;
    if (!f || !f->collapsed || f->root->kind != CUV_TENSOR || f->group_count != 1 || f->groups[0].count != *count)
        return tensors;
    one = CUV_NEW(b->scratch, cuv_named);
    if (!one)
        return NULL;
    *one = (cuv_named){.tensor = f->root->tensor, .label = f->name, .key = "", .file = tensors[0].file};
    *count = 1;
    return one;
}

cuv_weight **cuv_weights_listed(const cuv_binding *b, const cuv_unit *u)
{
    const char *version = b->m->keras_version ? b->m->keras_version : "";
    const bool early = b->m->keras < 2 || ((!strncmp(version, "2.0.", 4) || !strncmp(version, "2.1.", 4) || !strncmp(version, "2.2.", 4)) &&
                                           !cuv_ends_with(version, "-tf"));
    return early ? u->weights : u->whole;
}

/* The open weights in the order of the get_weights() of the model's own Keras; a sequence has them in that of legacy files. */
static cuv_status own_order(cuv_binding *b, cuv_sequence *s)
{
    size_t n = 0;
    cuv_weight **weights = CUV_NEW_ARRAY(b->scratch, cuv_weight *, s->wanted + 1);
    if (!weights)
        return cuv_oom(b->cx);
    for (size_t i = 0; i < b->unit_count; i++)
        for (size_t k = 0; !b->units[i].filled && k < b->units[i].count; k++)
            weights[n++] = cuv_weights_listed(b, &b->units[i])[k];
    s->weights = weights;
    return CUV_OK;
}

static size_t weight_size(const cuv_weight *w)
{
    size_t size = 1;
    for (int k = 0; k < w->rank; k++)
        if (w->shape[k] < 0 || !cuv_mul_size(size, (size_t)w->shape[k], &size))
            return SIZE_MAX;
    return size;
}

/* Are all of them vectors, do they hold as many values as the weights, and does no array run on into the next vector? */
static bool can_cut(const cuv_sequence *s, const cuv_named *vectors, size_t count)
{
    size_t at = 0;
    bool shaped = true;
    for (size_t i = 0; i < count; i++) {
        size_t left = cuv_tensor_count(vectors[i].tensor);
        if (!is_vector(vectors[i].tensor))
            return false;
        shaped = shaped && at < s->wanted && cuv_same_sizes(s->weights[at], vectors[i].tensor);
        while (left > 0 && at < s->wanted) {
            const size_t size = weight_size(s->weights[at++]);
            if (size > left)
                return false;
            left -= size;
        }
        if (left > 0)
            return false;
    }
    return at == s->wanted && !shaped;
}

static cuv_status cut_one(cuv_binding *b, const cuv_weight *w, const cuv_named *vector, size_t at, size_t size, cuv_named *out)
{
    const cuv_tensor *t = vector->tensor;
    const uint8_t *data = t->data + at * cuv_dtype_size(t->dtype);
    cuv_tensor *piece;
    CUV_TRY(cuv_tensor_view(b->m->arena, t->blob, data, t->dtype, w->shape, w->rank, &piece));
    if (t->offset != UINT64_MAX)
        piece->offset = t->offset + at * cuv_dtype_size(t->dtype);
    *out = (cuv_named){.tensor = piece, .file = vector->file, .key = vector->key};
    out->label = size == cuv_tensor_count(t) ? cuv_arena_strdup(b->scratch, vector->label)
                                             : cuv_arena_printf(b->scratch, "%s[%zu:%zu]", vector->label, at, at + size);
    return out->label ? CUV_OK : cuv_oom(b->cx);
}

static cuv_status bind_pieces(cuv_binding *b, const cuv_sequence *s, const cuv_named *vectors, size_t count)
{
    const char *why = cuv_format(b->cx, "by order: %s, flattened, cut by the shapes of the model's weights as get_weights() lists them; the values are "
                                 "as many as the weights need", s->name);
    cuv_named piece;
    size_t w = 0;
    for (size_t i = 0; i < count; i++) {
        CUV_TRY(cuv_map_set(b->used, vectors[i].label, b));
        for (size_t at = 0, size; at < cuv_tensor_count(vectors[i].tensor); at += size, w++) {
            size = weight_size(s->weights[w]);
            CUV_TRY(cut_one(b, s->weights[w], &vectors[i], at, size, &piece));
            s->units[w]->filled = true;
            CUV_TRY(cuv_bind_tensor(b, s->units[w], s->weights[w], &piece, CUV_ASSUMED, why));
        }
    }
    for (size_t i = 0; i < s->count; i++)
        CUV_TRY(cuv_map_set(b->used, s->tensors[i].label, b));
    return CUV_OK;
}

cuv_status cuv_bind_vectors(cuv_binding *b, const cuv_sequence *sequence, bool *done)
{
    cuv_sequence own = *sequence, *s = &own;
    size_t n = s->count;
    const cuv_named *vectors = whole_vectors(b, s->tensors, &n);
    CUV_TRY(own_order(b, s));
    if (!vectors)
        return cuv_oom(b->cx);
    *done = can_cut(s, vectors, n);
    if (!*done)
        return CUV_OK;
    CUV_TRY(bind_pieces(b, s, vectors, n));
    b->m->order = cuv_arena_printf(b->m->arena, n == 1 ? "%s is one vector, cut by the shapes of the model in the order of get_weights()"
                                   : "%s holds vectors, cut by the shapes of the model in the order of get_weights()", s->name);
    if (!b->m->order)
        return cuv_oom(b->cx);
    if (!b->ev->strict)
        cuv_warn(b->cx, "bind.flat", &(cuv_detail){.file = s->tensors[0].file ? s->tensors[0].file->path : NULL, .found = s->name,
                 .notes = "as many values as the weights need, and no weight is cut through",
                 .help = "--samples with inputs and outputs of the original can prove the order"}, "%s", b->m->order);
    return CUV_OK;
}

/* A vector that holds more or fewer values than the model's weights. */
bool cuv_report_vector(cuv_binding *b)
{
    const cuv_file *f = b->source_count == 1 ? b->sources[0] : NULL;
    const cuv_tensor *t = f && f->group_count == 1 && f->groups[0].count ? f->groups[0].tensors[0].tensor : NULL;
    size_t values = 0;
    if (f && f->collapsed && f->root->kind == CUV_TENSOR)
        t = f->root->tensor;
    else if (!f || f->groups[0].count != 1)
        return false;
    for (size_t i = 0; i < b->unit_count; i++)
        for (size_t k = 0; k < b->units[i].count; k++) {
            const size_t size = weight_size(b->units[i].weights[k]);
            if (!cuv_add_size(values, size, &values))
                return false;
        }
    if (!t || !is_vector(t) || cuv_tensor_count(t) == values || cuv_tensor_count(t) < 2)
        return false;
    const char *expected = cuv_format(b->cx, "%zu values", values), *found = cuv_format(b->cx, "%zu", cuv_tensor_count(t));
    (void)cuv_fail(b->cx, CUV_NO, "bind.vector", &(cuv_detail){.file = f->path, .expected = expected, .found = found,
                   .help = "the vector is cut by the shapes of the model, so it has to hold all of its weights, also those that are not trained; is it "
                           "another model's?"},
                   "%s is one vector of %s values, and the weights of %s are %zu", f->name, found, cuv_config_name(b), values);
    return true;
}
