/* Weights as older Kerases stored them, turned into today's layout (formats.md a.4): the gates of Keras 1's recurrent layers one by one,
 * Theano's order of kernel axes, CuDNN's blocks. The rotation of Theano's kernels is part of the layer, not of its weights. */
#include "model/bind.h"

typedef struct maker {
    cuv_binding *b;
    const cuv_file *file;
    cuv_named *out;
    size_t count;
} maker;

/* One array of today from arrays of then; its label names the first. */
static cuv_status give(maker *mk, const cuv_named *like, const cuv_tensor *t, const char *what)
{
    cuv_named *n = &mk->out[mk->count++];
    *n = *like;
    n->tensor = t;
    n->weight = what;
    n->label = t == like->tensor ? like->label : cuv_arena_printf(mk->b->scratch, "%s (converted)", like->label);
    return n->label ? CUV_OK : cuv_oom(mk->b->cx);
}

/* Arrays of the same leading sizes, joined along the last axis. */
static cuv_status join(maker *mk, const cuv_named *in, const size_t *which, size_t count, const char *what)
{
    const cuv_tensor *first = in[which[0]].tensor;
    int64_t shape[CUV_MAX_RANK], last = 0;
    cuv_tensor *t;
    void *values;
    if (first->rank < 1)
        return give(mk, &in[which[0]], first, what);
    for (size_t i = 0; i < count; i++) {
        const cuv_tensor *part = in[which[i]].tensor;
        bool same = part->rank == first->rank && part->dtype == first->dtype;
        for (int k = 0; same && k + 1 < first->rank; k++)
            same = part->shape[k] == first->shape[k];
        if (!same)
            return give(mk, &in[which[i]], part, what);     /* will be reported as a misfit */
        last += part->shape[part->rank - 1];
    }
    memcpy(shape, first->shape, sizeof shape);
    shape[first->rank - 1] = last;
    CUV_TRY(cuv_tensor_new(mk->b->m->arena, first->dtype, shape, first->rank, &t, &values));
    size_t rows = 1, size = cuv_dtype_size(first->dtype), at = 0;
    for (int k = 0; k + 1 < first->rank; k++)
        rows *= (size_t)first->shape[k];
    for (size_t r = 0; r < rows; r++)
        for (size_t i = 0; i < count; i++) {
            const cuv_tensor *part = in[which[i]].tensor;
            size_t n = (size_t)part->shape[part->rank - 1] * size;
            memcpy((uint8_t *)values + at, part->data + r * n, n);
            at += n;
        }
    return give(mk, &in[which[0]], t, what);
}

/* Keras 1 kept (W, U, b) of each gate: i c f o of an LSTM, z r h of a GRU. */
static cuv_status gates(maker *mk, const cuv_named *in, const size_t *order, size_t count)
{
    static const char *const names[] = {"kernel", "recurrent_kernel", "bias"};
    for (size_t k = 0; k < 3; k++) {
        size_t which[4];
        for (size_t g = 0; g < count; g++)
            which[g] = order[g] * 3 + k;
        CUV_TRY(join(mk, in, which, count, names[k]));
    }
    return CUV_OK;
}

/* CuDNN keeps each gate's matrices transposed, as blocks in C order: the kernel block's bytes are those of (units, inputs). */
static cuv_status cudnn_blocks(maker *mk, const cuv_named *in, size_t gates_count, bool recurrent)
{
    const cuv_tensor *t = in->tensor;
    int64_t rows = t->shape[0], units = t->shape[1] / (int64_t)gates_count;
    size_t size = cuv_dtype_size(t->dtype), all = (size_t)t->shape[1];
    cuv_tensor *made;
    void *values;
    CUV_TRY(cuv_tensor_new(mk->b->m->arena, t->dtype, t->shape, 2, &made, &values));
    for (size_t g = 0; g < gates_count; g++)
        for (size_t r = 0; r < (size_t)rows; r++)
            for (size_t u = 0; u < (size_t)units; u++) {
                size_t flat = u * (size_t)rows + r;     /* element (u, r) of the block read as (units, rows) */
                size_t from = (flat / (size_t)units) * all + g * (size_t)units + flat % (size_t)units;
                memcpy((uint8_t *)values + (r * all + g * (size_t)units + u) * size, t->data + from * size, size);
            }
    return give(mk, in, made, recurrent ? "recurrent_kernel" : "kernel");
}

/* LSTM: input and recurrent biases add up. GRU with reset_after keeps them apart: (6u) is (2, 3u). */
static cuv_status cudnn_bias(maker *mk, const cuv_named *in, bool lstm)
{
    const cuv_tensor *t = in->tensor;
    cuv_tensor *made;
    if (!lstm) {
        CUV_TRY(cuv_tensor_reshape(mk->b->m->arena, t, (int64_t[]){2, t->shape[0] / 2}, 2, &made));
        return give(mk, in, made, "bias");
    }
    size_t n = (size_t)t->shape[0] / 2;
    void *values;
    CUV_TRY(cuv_tensor_new(mk->b->m->arena, CUV_F32, (int64_t[]){(int64_t)n}, 1, &made, &values));
    for (size_t i = 0; i < n; i++)
        ((float *)values)[i] = (float)(cuv_tensor_at(t, i) + cuv_tensor_at(t, i + n));
    return give(mk, in, made, "bias");
}

static bool is_cudnn(const cuv_layer *layer, const cuv_named *in, size_t count, size_t gates_count)
{
    int64_t units = cuv_arg_int(layer, "units");
    return count == 3 && in[2].tensor->rank == 1 && in[2].tensor->shape[0] == units * 2 * (int64_t)gates_count &&
           in[0].tensor->rank == 2 && in[1].tensor->rank == 2 && in[0].tensor->shape[1] == units * (int64_t)gates_count &&
           in[1].tensor->shape[1] == units * (int64_t)gates_count && cuv_dtype_is_float(in[2].tensor->dtype);
}

static cuv_status recurrent(maker *mk, const cuv_layer *layer, const cuv_named *in, size_t count, bool *changed)
{
    bool lstm = cuv_streq(layer->def->name, "LSTM");
    size_t n = lstm ? 4 : 3;
    *changed = true;
    if (count == n * 3)
        return gates(mk, in, lstm ? (const size_t[]){0, 2, 1, 3} : (const size_t[]){0, 1, 2}, n);
    if (is_cudnn(layer, in, count, n)) {
        CUV_TRY(cudnn_blocks(mk, &in[0], n, false));
        CUV_TRY(cudnn_blocks(mk, &in[1], n, true));
        return cudnn_bias(mk, &in[2], lstm);
    }
    *changed = false;
    return CUV_OK;
}

/* Kernels of Keras 1 with dim_ordering='th' are (filters, channels, rows, columns); those of its Conv1D have an axis of size 1. */
static cuv_status kernel(maker *mk, const cuv_layer *layer, const cuv_named *in, size_t count, bool *changed)
{
    const cuv_tensor *t = in[0].tensor;
    cuv_tensor *made = NULL;
    int spatial = layer->def->spatial;
    bool transposed = strstr(layer->def->name, "Transpose") != NULL;
    *changed = false;
    if (spatial == 1 && t->rank == 4 && t->shape[1] == 1)
        CUV_TRY(cuv_tensor_reshape(mk->b->m->arena, t, (int64_t[]){t->shape[0], t->shape[2], t->shape[3]}, 3, &made));
    else if (spatial == 2 && t->rank == 4 && transposed)
        CUV_TRY(cuv_tensor_transpose(mk->b->m->arena, t, layer->channels_first ? (const int[]){2, 3, 0, 1}
                                                                               : (const int[]){0, 1, 3, 2}, &made));
    else if (spatial == 2 && t->rank == 4 && layer->channels_first)
        CUV_TRY(cuv_tensor_transpose(mk->b->m->arena, t, (const int[]){2, 3, 1, 0}, &made));
    else if (spatial == 3 && t->rank == 5 && layer->channels_first)
        CUV_TRY(cuv_tensor_transpose(mk->b->m->arena, t, (const int[]){2, 3, 4, 1, 0}, &made));
    if (!made)
        return CUV_OK;
    *changed = true;
    CUV_TRY(give(mk, &in[0], made, "kernel"));
    for (size_t i = 1; i < count; i++)
        CUV_TRY(give(mk, &in[i], in[i].tensor, in[i].weight));
    return CUV_OK;
}

static bool is_conv(const cuv_layer *layer)
{
    return cuv_starts_with(layer->def->name, "Conv") && !strstr(layer->def->name, "LSTM");
}

/* Scales of Keras 3.1's int8 Dense are a row, behind the others. */
static cuv_status scales(maker *mk, const cuv_layer *layer, const cuv_named *in, size_t count, bool *changed)
{
    const cuv_tensor *t = in[count - 1].tensor;
    cuv_tensor *made;
    if (count < 2 || !layer->quant || cuv_layer_since(layer, 2) || t->rank != 2 || t->shape[0] != 1)
        return CUV_OK;
    *changed = true;
    for (size_t i = 0; i + 1 < count; i++)
        CUV_TRY(give(mk, &in[i], in[i].tensor, in[i].weight));
    CUV_TRY(cuv_tensor_reshape(mk->b->m->arena, t, (int64_t[]){t->shape[1]}, 1, &made));
    return give(mk, &in[count - 1], made, in[count - 1].weight);
}

static cuv_status one(maker *mk, const cuv_layer *layer, const cuv_named *in, size_t count, bool *changed)
{
    *changed = false;
    if (!count)
        return CUV_OK;
    if (cuv_streq(layer->def->name, "LSTM") || cuv_streq(layer->def->name, "GRU"))
        return recurrent(mk, layer, in, count, changed);
    if (cuv_streq(layer->def->name, "Dense"))
        return scales(mk, layer, in, count, changed);
    if (is_conv(layer) && mk->file->keras == 1)
        return kernel(mk, layer, in, count, changed);
    if (cuv_streq(layer->def->name, "Bidirectional") && layer->inner_count == 2 && count % 2 == 0) {
        bool forward, backward;
        CUV_TRY(one(mk, layer->inner[0], in, count / 2, &forward));
        CUV_TRY(one(mk, layer->inner[1], in + count / 2, count / 2, &backward));
        *changed = forward && backward;
        for (size_t i = 0; i < mk->count && *changed; i++)
            mk->out[i].weight = NULL;       /* both directions have the same names; the order tells */
        return CUV_OK;
    }
    if (cuv_streq(layer->def->name, "TimeDistributed") && layer->inner_count == 1)
        return one(mk, layer->inner[0], in, count, changed);
    return CUV_OK;
}

/* A model as a layer: what CuDNN's layers inside it have, in their places among the others. */
static cuv_status inside(maker *mk, const cuv_unit *unit, const cuv_named *in, size_t count, bool *changed)
{
    size_t taken;
    for (size_t i = 0; i < count; i += taken) {
        const cuv_layer *layer = unit->weights[i]->layer;
        bool gated = cuv_streq(layer->def->name, "LSTM") || cuv_streq(layer->def->name, "GRU"), made = false;
        taken = gated && i + 2 < count && unit->weights[i + 2]->layer == layer ? 3 : 1;
        if (taken == 3)
            CUV_TRY(recurrent(mk, layer, in + i, 3, &made));
        for (size_t k = i; k < i + taken && !made; k++)
            CUV_TRY(give(mk, &in[k], in[k].tensor, in[k].weight));
        for (size_t k = i; k < i + taken && made; k++)
            mk->out[k].weight = in[k].weight;
        *changed = *changed || made;
    }
    return CUV_OK;
}

cuv_status cuv_modernise(cuv_binding *b, const cuv_unit *unit, const cuv_file *file, const cuv_offer *offer, cuv_offer *out)
{
    maker mk = {.b = b, .file = file, .out = CUV_NEW_ARRAY(b->scratch, cuv_named, offer->count + 1)};
    bool changed;
    *out = *offer;
    if (!mk.out)
        return cuv_oom(b->cx);
    CUV_TRY(one(&mk, unit->layer, offer->tensors, offer->count, &changed));
    if (!changed && unit->layer->inner_count && unit->weights && offer->count == unit->count) {
        mk.count = 0;
        CUV_TRY(inside(&mk, unit, offer->tensors, offer->count, &changed));
    }
    if (!changed)
        return CUV_OK;
    out->tensors = mk.out;
    out->count = mk.count;
    return CUV_OK;
}
