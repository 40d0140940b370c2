/* What happens to tensors where they enter a model that is a layer of another one: they become what its InputLayers say, in dtype and in
 * rank. */
#include "model/build.h"

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
