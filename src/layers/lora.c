/* LoRA of Keras 3: a kernel that is kept as it was, and two thin matrices a and b whose product, times lora_alpha / lora_rank, is added to
 * it. Carriers that list all variables (legacy .h5, lists, dicts) hold the two; .keras and .weights.h5 hold the sum. Where the kernel
 * is a float the sum is made once the weights are bound (model/lora.c); kernels of few bits keep a branch of their own. */
#include "layers/quantized.h"

static const cuv_slot kernel_a = {.name = "lora_kernel_a", .dtype = CUV_F32}, kernel_b = {.name = "lora_kernel_b", .dtype = CUV_F32};
static const cuv_slot embeddings_a = {.name = "lora_embeddings_a", .dtype = CUV_F32};
static const cuv_slot embeddings_b = {.name = "lora_embeddings_b", .dtype = CUV_F32};

static const cuv_value *option(const cuv_layer *layer, const char *name)
{
    for (size_t i = 0; layer->def->params && layer->def->params[i].name; i++)
        if (strcmp(layer->def->params[i].name, name) == 0)
            return layer->args[i];
    return NULL;
}

bool cuv_lora_rank(const cuv_layer *layer, int64_t *rank)
{
    return layer->lora && cuv_as_int(option(layer, "lora_rank"), rank) && *rank > 0;
}

double cuv_lora_scale(const cuv_layer *layer)
{
    int64_t rank = 1;
    double alpha;
    (void)cuv_as_int(option(layer, "lora_rank"), &rank);
    return cuv_as_real(option(layer, "lora_alpha"), &alpha) ? alpha / (double)rank : 1;
}

static bool embeds(const cuv_layer *layer)
{
    return strstr(layer->def->name, "Embedding") != NULL;
}

cuv_status cuv_lora_weights(cuv_call *call, const int64_t *shape, int rank)
{
    const cuv_layer *layer = call->layer;
    int64_t thin, a[CUV_MAX_RANK];
    cuv_ref ref;
    if (!cuv_lora_rank(layer, &thin) || rank < 1)
        return CUV_OK;
    if (layer->quant && layer->quant->mode != CUV_Q_INT8 && layer->quant->mode != CUV_Q_INT4)
        return cuv_call_unsupported(call, "lora_rank", "Keras computes LoRA beside int8 and int4 kernels, not beside those of float8, GPTQ or AWQ");
    memcpy(a, shape, (size_t)rank * sizeof *a);
    a[rank - 1] = thin;
    CUV_TRY(cuv_layer_add_weight(call, embeds(layer) ? &embeddings_a : &kernel_a, a, rank, &ref));
    return cuv_layer_add_weight(call, embeds(layer) ? &embeddings_b : &kernel_b, (const int64_t[]){thin, shape[rank - 1]}, 2, &ref);
}

cuv_ref cuv_lora_weight(cuv_call *call, bool second)
{
    const cuv_slot *slot = embeds(call->layer) ? (second ? &embeddings_b : &embeddings_a) : second ? &kernel_b : &kernel_a;
    return cuv_emit_cast(call->program, cuv_layer_weight(call->layer, slot->name), call->layer->compute);
}

cuv_ref cuv_lora_added(cuv_call *call, cuv_ref y, cuv_ref thin)
{
    cuv_ref more = cuv_emit2(call->program, CUV_OP_MATMUL, thin, cuv_lora_weight(call, true));
    more = cuv_emit2(call->program, CUV_OP_MUL, more, cuv_scalar_like(call, more, cuv_lora_scale(call->layer)));
    return cuv_emit2(call->program, CUV_OP_ADD, y, more);
}
