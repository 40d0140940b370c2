/* The orders in which Keras lists a layer's variables (formats.md a.3). */
#include "layers/quantized.h"
#include "model/model.h"

typedef struct lister { cuv_weight **items; size_t count; } lister;

static size_t count_all(const cuv_layer *layer)
{
    size_t n = layer->weight_count;
    for (size_t i = 0; i < layer->inner_count; i++)
        n += count_all(layer->inner[i]);
    return n;
}

/* SpectralNormalization tracks its inner layer's kernel, too: as its own first variable. */
static cuv_weight *borrowed(const cuv_layer *layer)
{
    bool spectral = cuv_streq(layer->def->name, "SpectralNormalization");
    return spectral && layer->inner_count && layer->inner[0]->weight_count ? &layer->inner[0]->weights[0] : NULL;
}

static void add_own(lister *l, cuv_layer *layer, bool trainable)
{
    const cuv_weight *listed = layer->parent ? borrowed(layer->parent) : NULL;
    cuv_weight *first = borrowed(layer);
    if (first && first->trainable == trainable)
        l->items[l->count++] = first;
    for (size_t i = 0; i < layer->weight_count; i++)
        if (layer->weights[i].trainable == trainable && &layer->weights[i] != listed)
            l->items[l->count++] = &layer->weights[i];
}

size_t cuv_layer_own_weights(cuv_layer *layer, cuv_weight **out)
{
    lister l = {out, 0};
    cuv_weight *first = borrowed(layer);
    const bool as_made = layer->quant && cuv_layer_since(layer, 2);     /* Keras 3.1 put the kernel, which is not trained, behind the bias */
    if (first)
        l.items[l.count++] = first;
    for (int trainable = 1; trainable >= 0; trainable--)
        for (size_t i = 0; i < layer->weight_count; i++)
            if (as_made ? trainable : layer->weights[i].trainable == (bool)trainable)
                l.items[l.count++] = &layer->weights[i];
    return l.count;
}

/* Own trainable, own others, then each inner layer's. */
static void add_all(lister *l, cuv_layer *layer)
{
    add_own(l, layer, true);
    add_own(l, layer, false);
    for (size_t i = 0; i < layer->inner_count; i++)
        add_all(l, layer->inner[i]);
}

static void add_trainable(lister *l, cuv_layer *layer);
static void add_frozen(lister *l, cuv_layer *layer);

/* layer.weights: own trainable, own others, then each inner layer's. In Keras 2 only models go through what is inside by turns. */
static void add_whole(lister *l, cuv_layer *layer)
{
    if (layer->keras < 3 && !layer->model) {
        add_trainable(l, layer);
        add_frozen(l, layer);
        return;
    }
    add_own(l, layer, true);
    add_own(l, layer, false);
    for (size_t i = 0; i < layer->inner_count; i++)
        add_whole(l, layer->inner[i]);
}

static void add_trainable(lister *l, cuv_layer *layer)
{
    if (!layer->trainable)
        return;
    add_own(l, layer, true);
    for (size_t i = 0; i < layer->inner_count; i++)
        add_trainable(l, layer->inner[i]);
}

static void add_frozen(lister *l, cuv_layer *layer)
{
    if (!layer->trainable) {
        add_all(l, layer);
        return;
    }
    add_own(l, layer, false);
    for (size_t i = 0; i < layer->inner_count; i++)
        add_frozen(l, layer->inner[i]);
}

/* In Keras 3 a variable is trainable as the layer that made it is, whatever is around that; then the whole layer counts. LoRA's kernel is not. */
static bool trained3(const cuv_layer *whole, const cuv_weight *w)
{
    int64_t rank;
    bool kept = cuv_lora_rank(w->layer, &rank) && w == &w->layer->weights[0];
    return whole->trainable && w->trainable && w->layer->trainable && !kept;
}

static void add_legacy3(lister *l, cuv_layer *layer, cuv_weight **scratch)
{
    lister all = {scratch, 0};
    add_whole(&all, layer);
    for (int trained = 1; trained >= 0; trained--)
        for (size_t i = 0; i < all.count; i++)
            if (trained3(layer, all.items[i]) == (bool)trained)
                l->items[l->count++] = all.items[i];
}

static cuv_status make(cuv_arena *arena, cuv_layer *layer, bool legacy, cuv_weight ***out, size_t *count)
{
    const size_t most = count_all(layer) + 1;
    lister l = {CUV_NEW_ARRAY(arena, cuv_weight *, 2 * most), 0};
    *out = NULL;
    *count = 0;
    if (!l.items)
        return cuv_oom(cuv_arena_context(arena));
    if (legacy && layer->keras >= 3) {
        add_legacy3(&l, layer, l.items + most);
    } else if (legacy) {
        add_trainable(&l, layer);
        add_frozen(&l, layer);
    } else {
        add_whole(&l, layer);
    }
    *out = l.items;
    *count = l.count;
    return CUV_OK;
}

cuv_status cuv_layer_weights_in_order(cuv_arena *arena, cuv_layer *layer, cuv_weight ***out, size_t *count)
{
    return make(arena, layer, true, out, count);
}

cuv_status cuv_layer_weights_whole(cuv_arena *arena, cuv_layer *layer, cuv_weight ***out, size_t *count)
{
    return make(arena, layer, false, out, count);
}
