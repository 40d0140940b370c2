/* Sizes as tensors, which models of Keras 2 compute (tf.shape) and give to reshape, tile, zeros, range and others. A tensor
 * of sizes is followed back to the tensor whose sizes they are, so that the shape of what is made stays known. */
#include "layers/operation_emit.h"

enum { MOST_STEPS = 64 };

/* Size of an axis at each run: ones along it, summed. */
static cuv_ref size_of_axis(cuv_call *call, cuv_ref x, int axis)
{
    cuv_attrs ones = {.shape = {-2 - axis}, .shape_count = 1, .value = 1, .dtype = CUV_I32};
    if (cuv_var_of(call, x)->shape[axis] >= 0)
        return cuv_program_scalar(call->program, CUV_I32, (double)cuv_var_of(call, x)->shape[axis]);
    return REDUCE(SUM, cuv_emit(call->program, CUV_OP_FILL, CUV_IN(x), &ones), NULL);
}

static cuv_status index_type(cuv_call *call, cuv_dtype *dtype)
{
    CUV_TRY(cuv_option_dtype(call, "dtype", CUV_I32, dtype));
    return *dtype == CUV_I32 || *dtype == CUV_I64 ? CUV_OK : cuv_bad_option(call, "dtype", "int32 or int64");
}

cuv_status cuv_op_tf_shape(cuv_call *call)
{
    cuv_ref x, sizes[CUV_MAX_RANK];
    cuv_dtype dtype;
    CUV_TRY(cuv_operand_x(call, &x));
    CUV_TRY(index_type(call, &dtype));
    int rank = cuv_var_of(call, x)->rank;
    for (int i = 0; i < rank; i++)
        sizes[i] = cuv_expand_dims(call, TO(size_of_axis(call, x, i), dtype), 0);
    if (rank)
        return cuv_give(call, cuv_emit(call->program, CUV_OP_CONCAT, sizes, (size_t)rank, CUV_AT(.axis = 0)));
    cuv_attrs none = {.shape = {0}, .shape_count = 1, .dtype = dtype};
    return cuv_give(call, cuv_emit(call->program, CUV_OP_FILL, NULL, 0, &none));
}

cuv_status cuv_op_tf_rank(cuv_call *call)
{
    cuv_ref x;
    CUV_TRY(cuv_operand_x(call, &x));
    return cuv_give(call, cuv_program_scalar(call->program, CUV_I32, (double)cuv_var_of(call, x)->rank));
}

/* ---- where a size comes from ---- */

typedef struct size_source {
    cuv_ref like;               /* CUV_NO_REF: it is `number` */
    int axis;
    int64_t number;
} size_source;

static const cuv_step *step_of(const cuv_program *p, cuv_ref ref)
{
    const cuv_var *v = cuv_program_var(p, ref);
    return v->kind == CUV_V_RESULT && v->step >= 0 ? &p->steps[v->step] : NULL;
}

static bool constant_at(const cuv_var *v, int64_t i, size_source *out)
{
    if (v->kind != CUV_V_CONSTANT || !v->tensor || (v->dtype != CUV_I32 && v->dtype != CUV_I64))
        return false;
    if (i < 0 || (v->rank && i >= v->shape[0]) || v->rank > 1 || v->tensor->dtype != v->dtype)
        return false;
    double number = cuv_tensor_at(v->tensor, (size_t)i);
    if (!(number > -1e15 && number < 1e15))
        return false;
    out->like = CUV_NO_REF;
    out->number = (int64_t)number;
    return true;
}

static bool is_ones_along(const cuv_program *p, const cuv_step *sum, size_source *out)
{
    const cuv_step *fill = sum->op == CUV_OP_SUM ? step_of(p, sum->in[0]) : NULL;
    if (!fill || fill->op != CUV_OP_FILL || fill->in_count != 1 || fill->attrs->shape_count != 1 || fill->attrs->shape[0] > -2 ||
        fill->attrs->value != 1)
        return false;
    *out = (size_source){fill->in[0], (int)(-2 - fill->attrs->shape[0]), 0};
    return true;
}

/* Element *i of a row goes back to a part of it; false when this is no row of parts. */
static bool into_part(const cuv_program *p, const cuv_step *s, cuv_ref *ref, int64_t *i)
{
    if (s->op == CUV_OP_SLICE && s->attrs->step[0] <= 1) {
        int64_t n = cuv_program_var(p, s->in[0])->shape[0], start = s->attrs->step[0] ? s->attrs->start[0] : 0;
        if (n < 0)
            return false;
        *i += start < 0 ? start + n : start;
        *ref = s->in[0];
        return true;
    }
    for (int k = 0; s->op == CUV_OP_CONCAT && k < s->in_count; k++) {
        int64_t n = cuv_program_var(p, s->in[k])->shape[0];
        *ref = s->in[k];
        if (n < 0 || *i < n)
            return n >= 0;
        *i -= n;
    }
    return false;
}

/* Follows element i of a row (or a number of no axes) back. */
static bool trace(const cuv_program *p, cuv_ref ref, int64_t i, size_source *out)
{
    for (int steps = 0; steps < MOST_STEPS && ref != CUV_NO_REF; steps++) {
        const cuv_var *v = cuv_program_var(p, ref);
        const cuv_step *s = step_of(p, ref);
        if (constant_at(v, i, out))
            return true;
        if (!s || v->rank > 1)
            return false;
        if (v->rank == 0 && is_ones_along(p, s, out))
            return true;
        if (s->op == CUV_OP_CAST && cuv_program_var(p, s->in[0])->dtype != CUV_BOOL) {
            ref = s->in[0];
        } else if (s->op == CUV_OP_RESHAPE && cuv_program_var(p, s->in[0])->rank <= 1) {
            ref = s->in[0];         /* the same elements in the same order */
        } else if (v->rank != 1 || !into_part(p, s, &ref, &i)) {
            return false;
        }
    }
    return false;
}

/* ---- lists of sizes ---- */

/* One entry of attrs.shape: a number, or the axis of `like`. */
static bool add_size(cuv_call *call, const size_source *from, cuv_attrs *attrs, cuv_ref *like)
{
    int64_t n = from->number;
    if (from->like != CUV_NO_REF) {
        n = cuv_var_of(call, from->like)->shape[from->axis];
        if (n < 0 && (*like == CUV_NO_REF || *like == from->like)) {
            *like = from->like;
            n = -2 - from->axis;
        } else if (n < 0) {
            return false;
        }
    } else if (n < -1) {
        return false;
    }
    attrs->shape[attrs->shape_count++] = n;
    return true;
}

static bool add_tensor(cuv_call *call, cuv_ref ref, bool infer, cuv_attrs *attrs, cuv_ref *like)
{
    const cuv_var *v = cuv_var_of(call, ref);
    int64_t n = v->rank == 0 ? 1 : v->rank == 1 ? v->shape[0] : -1;
    if (n < 0 || attrs->shape_count + n > CUV_MAX_RANK)
        return false;
    for (int64_t i = 0; i < n; i++) {
        size_source from = {.like = CUV_NO_REF, .number = -1};
        if (!(trace(call->program, ref, i, &from) && add_size(call, &from, attrs, like))) {
            if (!infer)
                return false;
            attrs->shape[attrs->shape_count++] = -1;        /* left to the number of elements */
        }
    }
    return true;
}

cuv_status cuv_option_sizes(cuv_call *call, const char *name, bool infer, cuv_attrs *attrs, cuv_ref *like)
{
    static const char *const wanted = "a list of sizes: numbers, and sizes of tensors";
    const cuv_kwarg *k = cuv_operand(call, name);
    size_t next = 0;
    int64_t n;
    *like = CUV_NO_REF;
    attrs->shape_count = 0;
    if (!k || (k->tensor.value == CUV_NO_REF && !k->list_count)) {
        attrs->shape_count = cuv_option_ints(call, name, attrs->shape);
        for (int i = 0; i < attrs->shape_count; i++)
            if (attrs->shape[i] < (infer ? -1 : 0))
                return cuv_bad_option(call, name, wanted);
        return attrs->shape_count < 0 ? cuv_bad_option(call, name, wanted) : CUV_OK;
    }
    if (k->tensor.value != CUV_NO_REF)
        return add_tensor(call, k->tensor.value, infer, attrs, like) ? CUV_OK : cuv_bad_option(call, name, wanted);
    size_t count = cuv_is_seq(k->literal) ? cuv_len(k->literal) : k->list_count;
    for (size_t i = 0; i < count; i++) {
        const cuv_value *item = cuv_plain_literal(cuv_item(k->literal, i));
        bool literal = cuv_as_int(item, &n), fits = attrs->shape_count < CUV_MAX_RANK && (!literal || n >= (infer ? -1 : 0));
        if (fits && literal)
            attrs->shape[attrs->shape_count++] = n;
        else if (!fits || next >= k->list_count || !add_tensor(call, k->list[next++].value, infer, attrs, like))
            return cuv_bad_option(call, name, wanted);
    }
    return CUV_OK;
}

cuv_ref cuv_emit_like(cuv_call *call, cuv_op op, cuv_ref x, cuv_ref like, const cuv_attrs *attrs)
{
    cuv_ref in[2] = {x, like};
    bool fill = op == CUV_OP_FILL;
    return cuv_emit(call->program, op, fill ? &in[1] : in, (size_t)((like != CUV_NO_REF) + !fill), attrs);
}

/* ---- tensors of computed sizes ---- */

static cuv_status constant_of(cuv_call *call, double value)
{
    cuv_attrs attrs = {.value = value};
    cuv_ref like;
    CUV_TRY(cuv_option_dtype(call, "dtype", CUV_F32, &attrs.dtype));
    CUV_TRY(cuv_option_sizes(call, "shape", false, &attrs, &like));
    return cuv_give(call, cuv_emit_like(call, CUV_OP_FILL, CUV_NO_REF, like, &attrs));
}

cuv_status cuv_op_tf_zeros(cuv_call *call) { return constant_of(call, 0); }
cuv_status cuv_op_tf_ones(cuv_call *call) { return constant_of(call, 1); }

cuv_status cuv_op_tf_fill(cuv_call *call)
{
    cuv_attrs attrs = {0};
    cuv_ref value, like;
    CUV_TRY(cuv_operand_ref(call, "value", CUV_F32, &value));
    CUV_TRY(cuv_option_sizes(call, "shape", false, &attrs, &like));
    return cuv_give(call, cuv_emit_like(call, CUV_OP_BROADCAST, value, like, &attrs));
}

/* 0, 1, ... below a size; of floats, too. */
static cuv_ref counting_to(cuv_call *call, const size_source *size, cuv_dtype dtype)
{
    cuv_attrs row = {.shape = {size->number}, .shape_count = 1, .dtype = CUV_BOOL};
    cuv_ref like = size->like;
    if (like == CUV_NO_REF)
        like = cuv_emit(call->program, CUV_OP_FILL, NULL, 0, &row);
    return cuv_emit(call->program, CUV_OP_RANGE, CUV_IN(like), CUV_AT(.axis = size->axis, .dtype = dtype));
}

/* 0, 1, ... as far as an axis goes; with all numbers known TensorFlow leaves no node. */
cuv_status cuv_op_tf_range(cuv_call *call)
{
    const cuv_kwarg *limit = cuv_operand(call, "limit"), *first = cuv_operand(call, "start");
    size_source from = {.like = CUV_NO_REF};
    cuv_dtype dtype;
    bool alone = !limit || (limit->tensor.value == CUV_NO_REF && cuv_is_null(limit->literal));
    const cuv_kwarg *end = alone ? first : limit;
    CUV_TRY(cuv_option_dtype(call, "dtype", CUV_I32, &dtype));
    if (!end || end->tensor.value == CUV_NO_REF || !trace(call->program, end->tensor.value, 0, &from) || from.number < 0)
        return cuv_bad_option(call, alone ? "start" : "limit", "the size of a tensor's axis");
    if ((!alone && cuv_option_int(call, "start", -1) != 0) || cuv_option_int(call, "delta", 1) != 1)
        return cuv_bad_option(call, alone || cuv_option_int(call, "delta", 1) != 1 ? "delta" : "start", "left at its default");
    return cuv_give(call, counting_to(call, &from, dtype));
}

/* Whether each of 0, 1, ... is below each length. */
cuv_status cuv_op_tf_sequence_mask(cuv_call *call)
{
    cuv_ref lengths;
    cuv_dtype dtype;
    size_source from = {.like = CUV_NO_REF};
    const cuv_kwarg *most = cuv_operand(call, "maxlen");
    int64_t n = cuv_option_int(call, "maxlen", -1);
    CUV_TRY(cuv_operand_x(call, &lengths));
    CUV_TRY(cuv_option_dtype(call, "dtype", CUV_BOOL, &dtype));
    cuv_dtype counted = cuv_var_of(call, lengths)->dtype;
    if (most && most->tensor.value != CUV_NO_REF && trace(call->program, most->tensor.value, 0, &from) && from.like == CUV_NO_REF)
        n = from.number;
    if (from.like == CUV_NO_REF && (n < 0 || n > INT32_MAX))
        return cuv_bad_option(call, "maxlen", "a number, or the size of a tensor's axis");
    from.number = n;
    cuv_ref at = counting_to(call, &from, CUV_I32);
    lengths = cuv_expand_dims(call, lengths, cuv_var_of(call, lengths)->rank);
    return cuv_give(call, TO(E2(LESS, TO(at, counted), lengths), dtype));
}
