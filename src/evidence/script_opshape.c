/* How many tensors an operation of a script makes, and their shapes where a plain rule gives them, for code that
 * asks (x.shape[-1]). */
#include "evidence/script.h"

/* ---- what is known of the arguments ---- */

static const cuv_sv *item(const cuv_sv *args, size_t i)
{
    return args && i < args->count ? args->items[i] : NULL;
}

static const cuv_st *tensor_of(const cuv_sv *v)
{
    return v && v->kind == CUV_SV_TENSOR && v->symbol->shaped ? v->symbol : NULL;
}

/* Axes of an option as a set; none given: all. */
static bool axes_of(const cuv_sv *v, int rank, unsigned *set)
{
    int64_t axis;
    *set = 0;
    if (!v || v->kind == CUV_SV_NONE) {
        *set = (1u << rank) - 1;
        return true;
    }
    for (size_t i = 0; i < (cuv_sv_is_seq(v) ? v->count : 1); i++) {
        if (!cuv_sv_as_int(cuv_sv_is_seq(v) ? v->items[i] : v, &axis) || axis < -rank || axis >= rank)
            return false;
        *set |= 1u << (axis < 0 ? axis + rank : axis);
    }
    return true;
}

static void give(cuv_sn *call, size_t output, const int64_t *shape, int rank)
{
    cuv_st *t = call->outputs[output];
    t->shaped = true;
    t->rank = rank;
    memcpy(t->shape, shape, (size_t)rank * sizeof *shape);
}

/* ---- counts ---- */

size_t cuv_so_outputs(const cuv_sl *layer, const cuv_sv *args)
{
    const char *name = layer->class_name;
    if (cuv_word_in("TopK Moments", name))
        return 2;
    if (cuv_streq(name, "Meshgrid"))
        return args->count;
    const cuv_sv *cuts = cuv_sv_get(layer->config, "indices_or_sections");
    int64_t n = 1, axis = 0;
    if (cuv_word_in("Split ArraySplit Hsplit Vsplit Dsplit", name) && cuts)
        return cuv_sv_as_int(cuts, &n) ? (size_t)(n > 0 && n < 4096 ? n : 1) : cuts->count + 1;
    const cuv_st *x = tensor_of(item(args, 0));
    const cuv_sv *function = cuv_sv_get(layer->config, "function"), *second = item(args, 1);
    if (cuv_streq(name, "Unstack") && cuv_sv_as_int(cuv_sv_get(layer->config, "num"), &n))
        return n > 0 && n < 4096 ? (size_t)n : 1;
    if (cuv_streq(name, "Unstack") && (!x || !x->shaped))
        return 0;
    if (cuv_streq(name, "Unstack")) {
        (void)cuv_sv_as_int(cuv_sv_get(layer->config, "axis"), &axis);
        axis += axis < 0 ? x->rank : 0;
        return axis >= 0 && axis < x->rank && x->shape[axis] > 0 ? (size_t)x->shape[axis] : 0;
    }
    if (function && cuv_sv_is(function, "split") && second)
        return cuv_sv_as_int(second, &n) ? (size_t)(n > 0 && n < 4096 ? n : 1) : cuv_sv_is_seq(second) ? second->count : 1;
    return function && cuv_word_in("math.top_k nn.moments", function->text) ? 2 : 1;
}

/* ---- shapes ---- */

static void same(cuv_sn *call)
{
    const cuv_st *x = tensor_of(item(call->args, 0));
    for (size_t i = 0; x && i < call->output_count; i++)
        give(call, i, x->shape, x->rank);
}

/* Both operands broadcast; numbers have no axes. */
static void broadcast(cuv_sn *call)
{
    int64_t shape[CUV_MAX_RANK];
    int rank = 0;
    for (size_t k = 0; k < call->args->count; k++) {
        const cuv_sv *v = call->args->items[k];
        const cuv_st *x = tensor_of(v);
        bool array = v->kind == CUV_SV_ARRAY;
        if (!x && !array && !cuv_sv_is_number(v))
            return;
        int own = x ? x->rank : array ? v->tensor->rank : 0;
        const int64_t *from = x ? x->shape : array ? v->tensor->shape : NULL;
        for (; rank < own; rank++) {
            memmove(shape + 1, shape, (size_t)rank * sizeof *shape);
            shape[0] = 1;
        }
        for (int i = 0; i < own; i++) {
            int64_t *at = &shape[rank - own + i];
            *at = from[i] == 1 ? *at : *at == 1 || *at < 0 ? from[i] : *at;
        }
    }
    give(call, 0, shape, rank);
}

static void reduced(cuv_sn *call)
{
    const cuv_st *x = tensor_of(item(call->args, 0));
    const cuv_sv *keep = cuv_sv_get(call->layer->config, "keepdims");
    int64_t shape[CUV_MAX_RANK];
    unsigned set;
    int rank = 0;
    bool known = true, keeps = keep && cuv_sv_truth(keep, &known);
    if (!x || !known || !axes_of(cuv_sv_get(call->layer->config, "axis"), x->rank, &set))
        return;
    for (int i = 0; i < x->rank; i++)
        if (!(set >> i & 1) || keeps)
            shape[rank++] = set >> i & 1 ? 1 : x->shape[i];
    give(call, 0, shape, rank);
}

static void joined(cuv_sn *call)
{
    const cuv_sv *list = item(call->args, 0);
    const cuv_st *first = list && cuv_sv_is_seq(list) ? tensor_of(item(list, 0)) : NULL;
    unsigned set;
    int64_t shape[CUV_MAX_RANK];
    const cuv_sv *axis = cuv_sv_get(call->layer->config, "axis");
    cuv_sv zero = {.kind = CUV_SV_INT};
    if (!first || !axes_of(axis ? axis : &zero, first->rank, &set))
        return;
    memcpy(shape, first->shape, sizeof shape);
    for (size_t k = 1; k < list->count; k++) {
        const cuv_st *x = tensor_of(list->items[k]);
        if (!x || x->rank != first->rank)
            return;
        for (int i = 0; i < x->rank; i++)
            if (set >> i & 1)
                shape[i] = shape[i] < 0 || x->shape[i] < 0 ? -1 : shape[i] + x->shape[i];
    }
    give(call, 0, shape, first->rank);
}

static void transposed(cuv_sn *call)
{
    const cuv_st *x = tensor_of(item(call->args, 0));
    const cuv_sv *axes = cuv_sv_get(call->layer->config, "axes");
    int64_t shape[CUV_MAX_RANK], at;
    for (int i = 0; x && i < x->rank; i++) {
        at = x->rank - 1 - i;
        if (axes && cuv_sv_is_seq(axes) && !(i < (int)axes->count && cuv_sv_as_int(axes->items[i], &at)))
            return;
        at += at < 0 ? x->rank : 0;
        if (at < 0 || at >= x->rank)
            return;
        shape[i] = x->shape[at];
    }
    if (x)
        give(call, 0, shape, x->rank);
}

/* -1 stands for what is left when all other sizes are known. */
static void reshaped(cuv_sn *call)
{
    const cuv_st *x = tensor_of(item(call->args, 0));
    const cuv_sv *sizes = cuv_sv_get(call->layer->config, "newshape");
    int64_t shape[CUV_MAX_RANK], have = 1, want = 1;
    int hole = -1;
    if (!sizes || !cuv_sv_is_seq(sizes) || sizes->count > CUV_MAX_RANK)
        return;
    for (size_t i = 0; i < sizes->count; i++) {
        if (!cuv_sv_as_int(sizes->items[i], &shape[i]))
            return;
        if (shape[i] < 0)
            hole = (int)i;
        else if (!cuv_mul_i64(want, shape[i], &want))
            return;
    }
    for (int i = 0; x && i < x->rank; i++)
        if (x->shape[i] < 0 || !cuv_mul_i64(have, x->shape[i], &have))
            have = -1;
    if (hole >= 0)
        shape[hole] = x && have >= 0 && want > 0 && have % want == 0 ? have / want : -1;
    give(call, 0, shape, (int)sizes->count);
}

static void expanded(cuv_sn *call)
{
    const cuv_st *x = tensor_of(item(call->args, 0));
    int64_t shape[CUV_MAX_RANK], axis;
    if (!x || x->rank >= CUV_MAX_RANK || !cuv_sv_as_int(cuv_sv_get(call->layer->config, "axis"), &axis))
        return;
    axis += axis < 0 ? x->rank + 1 : 0;
    for (int i = 0, k = 0; i <= x->rank; i++)
        shape[i] = i == axis ? 1 : x->shape[k < x->rank ? k++ : 0];
    if (axis >= 0 && axis <= x->rank)
        give(call, 0, shape, x->rank + 1);
}

static void squeezed(cuv_sn *call)
{
    const cuv_st *x = tensor_of(item(call->args, 0));
    const cuv_sv *axis = cuv_sv_get(call->layer->config, "axis");
    bool all = !axis || axis->kind == CUV_SV_NONE;
    int64_t shape[CUV_MAX_RANK];
    unsigned set;
    int rank = 0;
    if (!x || !axes_of(axis, x->rank, &set))
        return;
    for (int i = 0; i < x->rank; i++)
        if (!(set >> i & 1) || (all && x->shape[i] != 1))
            shape[rank++] = x->shape[i];
    give(call, 0, shape, rank);
}

static void multiplied(cuv_sn *call)
{
    const cuv_st *a = tensor_of(item(call->args, 0)), *b = tensor_of(item(call->args, 1));
    int64_t shape[CUV_MAX_RANK];
    if (!a || !b || a->rank < 2 || b->rank < 2)
        return;
    const cuv_st *longer = a->rank >= b->rank ? a : b;
    memcpy(shape, longer->shape, sizeof shape);
    shape[longer->rank - 2] = a->shape[a->rank - 2];
    shape[longer->rank - 1] = b->shape[b->rank - 1];
    give(call, 0, shape, longer->rank);
}

/* The length of a slice of `size` elements; -1 when it is not known. */
static int64_t slice_length(int64_t size, const cuv_sv *slice)
{
    int64_t from = 0, to = size, step = 1;
    const cuv_sv *start = slice->items[0], *stop = slice->items[1], *by = slice->items[2];
    bool ends = start && start->kind != CUV_SV_NONE, stops = stop && stop->kind != CUV_SV_NONE;
    if (by && by->kind != CUV_SV_NONE && (!cuv_sv_as_int(by, &step) || step < 1))
        return -1;
    if ((ends && !cuv_sv_as_int(start, &from)) || (stops && !cuv_sv_as_int(stop, &to)) || size < 0)
        return -1;
    from = from < 0 ? from + size : from;
    to = to < 0 ? to + size : to;
    from = from < 0 ? 0 : from > size ? size : from;
    to = to < 0 ? 0 : to > size ? size : to;
    return to > from ? (to - from + step - 1) / step : 0;
}

static void indexed(cuv_sn *call)
{
    const cuv_st *x = tensor_of(item(call->args, 0));
    const cuv_sv *key = item(call->args, 1);
    int64_t shape[CUV_MAX_RANK], place;
    int rank = 0, axis = 0, given = 0;
    size_t n = key && key->kind == CUV_SV_TUPLE ? key->count : 1;
    if (!x || !key)
        return;
    for (size_t i = 0; i < n; i++) {
        cuv_sv_kind kind = (key->kind == CUV_SV_TUPLE ? key->items[i] : key)->kind;
        given += kind != CUV_SV_NONE && kind != CUV_SV_ELLIPSIS;
    }
    for (size_t i = 0; i < n && rank < CUV_MAX_RANK; i++) {
        const cuv_sv *one = key->kind == CUV_SV_TUPLE ? key->items[i] : key;
        if (one->kind == CUV_SV_NONE)
            shape[rank++] = 1;
        else if (one->kind == CUV_SV_ELLIPSIS)
            for (int left = x->rank - given; left > 0 && rank < CUV_MAX_RANK && axis < x->rank; left--)
                shape[rank++] = x->shape[axis++];
        else if (axis >= x->rank)
            return;
        else if (one->kind == CUV_SV_SLICE && one->count == 3)
            shape[rank++] = slice_length(x->shape[axis++], one);
        else if (cuv_sv_as_int(one, &place))
            axis++;
        else
            return;
    }
    while (axis < x->rank && rank < CUV_MAX_RANK)
        shape[rank++] = x->shape[axis++];
    give(call, 0, shape, rank);
}

/* By class, or by the last word of a function of TensorFlow whose options are not in the constructor. */
static const struct { const char *names; void (*rule)(cuv_sn *call); } rules[] = {
    {"Negative Absolute Abs Sign Square Floor Ceil Round Exp Log Log1p Expm1 Sqrt Rsqrt Reciprocal Sin Cos Tan Tanh Sigmoid Relu Relu6 Elu "
     "Selu Gelu Silu Softplus Softsign LeakyRelu Softmax LogSoftmax Cast Clip StopGradient Isnan LogicalNot Erf Normalize Cumsum ZerosLike "
     "OnesLike Flip negative abs sign square exp log sqrt relu sigmoid tanh cast clip_by_value softmax stop_gradient l2_normalize", same},
    {"Add Subtract Multiply TrueDivide Divide FloorDivide Mod Power Maximum Minimum Equal NotEqual Less LessEqual Greater GreaterEqual "
     "LogicalAnd LogicalOr add subtract multiply truediv divide floordiv pow maximum minimum equal less greater eq ne", broadcast},
    {"Sum Mean Max Min Prod Any All Var Std Logsumexp Argmax Argmin", reduced}, {"Concatenate", joined}, {"Transpose", transposed},
    {"Reshape", reshaped}, {"ExpandDims", expanded}, {"Squeeze", squeezed}, {"Matmul matmul", multiplied},
    {"GetItem getitem", indexed}};

void cuv_so_shapes(cuv_sn *call)
{
    const cuv_sv *function = cuv_sv_get(call->layer->config, "function");
    const char *name = function && function->kind == CUV_SV_TEXT ? cuv_sc_last(function->text) : call->layer->class_name;
    for (size_t i = 0; i < sizeof rules / sizeof *rules; i++)
        if (cuv_word_in(rules[i].names, name)) {
            rules[i].rule(call);
            return;
        }
}
