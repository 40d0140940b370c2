/* Adds LoRA's product of two thin matrices to the kernel of floats that it belongs to, once all are bound; the second becomes zeros, so
 * that what is written from the model means the same. */
#include "layers/quantized.h"
#include "model/bind.h"

static cuv_weight *named(cuv_layer *layer, const char *ending)
{
    for (size_t i = 0; i < layer->weight_count; i++) {
        const char *name = layer->weights[i].name;
        size_t n = strlen(name), e = strlen(ending);
        if (cuv_starts_with(name, "lora_") && n > e && strcmp(name + n - e, ending) == 0)
            return &layer->weights[i];
    }
    return NULL;
}

/* kernel (rows..., columns) + scale a (rows..., thin) . b (thin, columns), as Keras does it in float32. */
static void add_product(float *sum, const cuv_tensor *kernel, const cuv_tensor *a, const cuv_tensor *b, float scale)
{
    size_t thin = (size_t)b->shape[0], columns = (size_t)b->shape[1], rows = cuv_tensor_count(kernel) / columns;
    for (size_t r = 0; r < rows; r++)
        for (size_t c = 0; c < columns; c++) {
            float product = 0;
            for (size_t k = 0; k < thin; k++)
                product += (float)cuv_tensor_at(a, r * thin + k) * (float)cuv_tensor_at(b, k * columns + c);
            sum[r * columns + c] = (float)cuv_tensor_at(kernel, r * columns + c) + scale * product;
        }
}

static cuv_status set_value(cuv_binding *b, cuv_weight *w, const float *values)
{
    cuv_tensor *t;
    void *stored;
    CUV_TRY(cuv_tensor_new(b->m->arena, w->dtype, w->shape, w->rank, &t, &stored));
    if (values)
        cuv_convert(stored, w->dtype, (const uint8_t *)values, CUV_F32, cuv_tensor_count(t));
    w->value = t;
    return cuv_bind_value(b, w);
}

static cuv_status fold(cuv_binding *b, cuv_layer *layer)
{
    cuv_weight *kernel = &layer->weights[0], *first = named(layer, "_a"), *second = named(layer, "_b");
    cuv_tensor *sum;
    void *values;
    if (layer->quant || !first || !second || !kernel->value || !first->value || !second->value || !cuv_tensor_count(kernel->value))
        return CUV_OK;
    CUV_TRY(cuv_tensor_new(b->scratch, CUV_F32, kernel->shape, kernel->rank, &sum, &values));
    add_product(values, kernel->value, first->value, second->value, (float)cuv_lora_scale(layer));
    CUV_TRY(set_value(b, kernel, values));
    return set_value(b, second, NULL);
}

cuv_status cuv_fold_lora(cuv_binding *b)
{
    cuv_layer *last = NULL;
    for (size_t i = 0; i < b->m->weight_count; i++) {
        cuv_layer *layer = b->m->weights[i]->layer;
        int64_t rank;
        if (layer != last && cuv_lora_rank(layer, &rank))
            CUV_TRY(fold(b, layer));
        last = layer;
    }
    return CUV_OK;
}
