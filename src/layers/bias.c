/* Keras 3.7 and later on TensorFlow add a bias along another axis than its own where the sizes let them mistake it
 * (keras.src.backend.tensorflow.numpy.add): a second operand with one axis of more than one value is taken for a bias, which goes along
 * the last axis of the first one, or else along the one after the batch, whichever has its size first. So a channels_first image as wide
 * as it has channels gets its bias along the width. A Keras that wrote a file computed so, and so does cuvier. Graphs of TensorFlow join
 * Conv1D and Conv2D with their bias before that can happen: model.predict adds it along the channels, the same model run eagerly along
 * the width. There cuvier does as predict. */
#include "layers/conv.h"
#include "layers/quantized.h"

/* The axis of x along which that Keras would add b, where it is not b's own; -1: b is added as broadcasting does. */
static int other_axis(const cuv_var *x, const cuv_var *b)
{
    int own = -1, axis;
    for (int i = 0; i < b->rank; i++) {
        if (b->shape[i] < 0 || (b->shape[i] > 1 && own >= 0))
            return -1;
        own = b->shape[i] > 1 ? i : own;
    }
    if (own < 0 || x->rank < 2 || b->rank > x->rank)
        return -1;
    const int64_t size = b->shape[own];
    if (x->shape[x->rank - 1] == size)
        axis = x->rank - 1;
    else if (x->shape[1] == size)
        axis = 1;
    else
        return -1;
    return axis == x->rank - b->rank + own ? -1 : axis;
}

/* b as a row along one axis of x. */
static cuv_ref along(cuv_call *call, cuv_ref b, int axis, int rank)
{
    int64_t shape[CUV_MAX_RANK] = {-1};
    for (int i = axis + 1; i < rank; i++)
        shape[i - axis] = 1;
    return cuv_emit_reshape(call->program, b, shape, rank - axis);
}

/* EinsumDense does so since 3.10, and its kernels of float8 before. */
static bool adds_as_bias(const cuv_layer *layer)
{
    const bool late = cuv_streq(layer->def->name, "EinsumDense");
    return layer->adds_as_bias && (!late || cuv_layer_since(layer, 10) || (layer->quant && layer->quant->mode == CUV_Q_FLOAT8));
}

cuv_ref cuv_add_bias(cuv_call *call, cuv_ref x, cuv_ref b)
{
    const cuv_var *to = cuv_var_of(call, x);
    const int axis = other_axis(to, cuv_var_of(call, b));
    const bool moves = adds_as_bias(call->layer);
    if (axis >= 0)
        call->layer->bias = moves ? CUV_BIAS_MOVED : CUV_BIAS_MISTAKABLE;
    call->layer->bias_axis = axis;
    if (axis >= 0 && moves)
        b = along(call, b, axis, to->rank);
    return cuv_emit2(call->program, CUV_OP_ADD, x, b);
}

/* Is the image that comes out as wide as it has channels? In the layout of the steps: (batch, sizes..., channels). */
static bool is_mistakable(cuv_call *call, cuv_op op, const cuv_ref *in, const cuv_attrs *attrs)
{
    const cuv_var *vars[2] = {cuv_var_of(call, in[0]), cuv_var_of(call, in[1])};
    const size_t mark = cuv_findings_mark(call->cx);
    cuv_var y = {0};
    if (!call->layer->channels_first || vars[0]->rank < 3 || call->program->status != CUV_OK)
        return false;
    if (cuv_step_shapes(call->cx, op, attrs, vars, 2, call->layer->name, &y) != CUV_OK) {
        cuv_findings_rewind(call->cx, mark);            /* emitting the step tells the error */
        return false;
    }
    return y.shape[y.rank - 1] > 1 && y.shape[y.rank - 1] == y.shape[y.rank - 2];
}

/* Conv1D and Conv2D without groups and dilation, of which a graph makes one step with their bias. */
static bool joins_bias(const cuv_layer *layer, const cuv_attrs *attrs)
{
    bool dilated = false;
    for (int i = 0; i < layer->def->spatial; i++)
        dilated = dilated || attrs->dilation[i] > 1;
    return cuv_has_word("Conv1D Conv2D", layer->def->name) && attrs->groups == 1 && !dilated;
}

cuv_ref cuv_with_bias(cuv_call *call, cuv_op op, cuv_ref x, cuv_ref kernel, cuv_attrs *attrs, bool *after)
{
    cuv_layer *layer = call->layer;
    cuv_ref in[3] = {x, kernel, cuv_call_weight(call, "bias")};
    if (in[2] == CUV_NO_REF || !is_mistakable(call, op, in, attrs))
        return cuv_emit(call->program, op, in, in[2] == CUV_NO_REF ? 2 : 3, attrs);
    const bool either = joins_bias(layer, attrs);
    layer->bias = !layer->adds_as_bias ? either ? CUV_BIAS_PLAIN : CUV_BIAS_MISTAKABLE : either ? CUV_BIAS_EITHER : CUV_BIAS_MOVED;
    layer->bias_axis = layer->bias == CUV_BIAS_MOVED ? cuv_var_of(call, x)->rank - 1 : 1;
    if (layer->bias != CUV_BIAS_MOVED)
        return cuv_emit(call->program, op, in, 3, attrs);
    attrs->act = (cuv_act){0};
    *after = true;
    cuv_ref y = cuv_emit(call->program, op, in, 2, attrs);
    int rank = cuv_var_of(call, y)->rank;
    return rank < 2 ? y : cuv_emit2(call->program, CUV_OP_ADD, y, along(call, in[2], rank - 2, rank));
}
