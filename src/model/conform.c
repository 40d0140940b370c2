/* What an InputLayer says of its tensor, and what happens to tensors where they enter a model that is a layer of another one: they
 * become what its InputLayers say, in dtype and in rank. */
#include "model/build.h"

static bool shape_from(const cuv_value *v, bool add_batch, int64_t batch, int64_t *shape, int *rank)
{
    if (cuv_streq(cuv_get_text(v, "class_name"), "__tuple__"))
        v = cuv_get(v, "items");
    size_t extra = add_batch ? 1 : 0;
    if (!cuv_is_seq(v) || cuv_len(v) + extra > CUV_MAX_RANK)
        return false;
    *rank = (int)(cuv_len(v) + extra);
    if (add_batch)
        shape[0] = batch;
    for (size_t i = 0; i < cuv_len(v); i++) {
        int64_t *size = &shape[i + extra];
        if (cuv_is_null(cuv_item(v, i)))
            *size = -1;
        else if (!cuv_as_int(cuv_item(v, i), size) || *size < 0)
            return false;
    }
    return true;
}

cuv_status cuv_input_layer_says(struct cuv_model *m, const cuv_layer *layer, int64_t *shape, int *rank, cuv_dtype *out)
{
    int64_t batch = -1;
    const cuv_value *config = layer->config;
    (void)cuv_as_int(cuv_get(config, "batch_size"), &batch);
    bool known = shape_from(cuv_get(config, "batch_shape"), false, 0, shape, rank) ||
                 shape_from(cuv_get(config, "batch_input_shape"), false, 0, shape, rank) ||
                 shape_from(cuv_get(config, "shape"), true, batch, shape, rank) ||
                 shape_from(cuv_get(config, "input_shape"), true, batch, shape, rank);
    if (!known)
        return cuv_fail(m->cx, CUV_NO, "config.input", &(cuv_detail){.layer = layer->name,
                        .expected = "batch_shape: a list of at most 8 sizes and None",
                        .found = cuv_value_repr(m->cx, config)},
                        "the InputLayer '%s' does not tell its shape", layer->name);
    if (cuv_get_bool(config, "sparse", false) || cuv_get_bool(config, "ragged", false))
        return cuv_fail(m->cx, CUV_UNSUPPORTED, "config.input", &(cuv_detail){.layer = layer->name},
                        "the InputLayer '%s' takes sparse or ragged tensors, which cuvier does not", layer->name);
    const char *text = cuv_get_text(config, "dtype");
    cuv_dtype dtype = CUV_F32;
    if (!text)
        text = cuv_get_text(config, "input_dtype");
    if (!text)
        text = cuv_get_text(cuv_get(cuv_get(config, "dtype"), "config"), "name");
    if (text && !cuv_dtype_parse(text, &dtype))
        return cuv_fail(m->cx, CUV_UNSUPPORTED, "config.dtype", &(cuv_detail){.layer = layer->name, .found = text},
                        "the InputLayer '%s' has the dtype '%s'", layer->name, text);
    *out = dtype == CUV_F8E4M3 || dtype == CUV_F8E5M2 ? CUV_F32 : dtype;
    return CUV_OK;
}

/* Tells (samples, n) and (samples, n, 1) apart, which Keras takes for each other. */
static cuv_ref conform_rank(cuv_program *p, cuv_ref x, int wanted, const int64_t *shape)
{
    const cuv_var *var = cuv_program_var(p, x);
    int64_t entries[CUV_MAX_RANK];
    bool drop = var->rank == wanted + 1 && var->shape[var->rank - 1] == 1;
    bool add = var->rank == wanted - 1 && shape[wanted - 1] == 1;
    if (!drop && !add)
        return x;
    for (int i = 0; i < wanted; i++)
        entries[i] = i == var->rank ? 1 : -2 - i;
    return cuv_emit_reshape(p, x, entries, wanted);
}

/* Keras 2 casts with tf.cast and reshapes with tf.squeeze, and the mask stays behind with the tensor that was; Keras 3 puts it on again,
 * and a Sequential of it casts to its own policy first. */
cuv_status cuv_conform_input(cuv_call *call, const cuv_layer *input, cuv_sym *x)
{
    struct cuv_model *m = call->layer->model;
    cuv_program *p = call->program;
    int64_t shape[CUV_MAX_RANK];
    int rank = 0;
    cuv_dtype dtype = CUV_F32, own = call->layer->compute;
    cuv_ref old = x->value;
    CUV_TRY(cuv_input_layer_says(m, input, shape, &rank, &dtype));
    x->value = conform_rank(p, x->value, rank, shape);
    cuv_dtype now = cuv_program_var(p, x->value)->dtype;
    if (m->keras >= 3 && cuv_streq(m->class_name, "Sequential") && cuv_dtype_is_float(now) && cuv_dtype_is_float(own))
        x->value = cuv_emit_cast(p, x->value, own);
    if (dtype != CUV_STR && now != CUV_STR)
        x->value = cuv_emit_cast(p, x->value, dtype);
    if (x->value != old && m->keras <= 2)
        x->mask = CUV_NO_REF;
    return p->status;
}
