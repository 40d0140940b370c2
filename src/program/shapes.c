/* Shapes and dtypes of steps: the entry point, what all rules share, and the rules of ops that work element by element or along
 * axes. Ops that move elements are in shapes_move.c, linear ones in shapes_linear.c, normalisation and recurrence in
 * shapes_layer.c. */
#include "program/shapes.h"

static cuv_shape_rule *const rules[CUV_OP_COUNT] = {
#define OP(id, name, in_min, in_max, outs, attrs, shape, doc) [CUV_OP_##id] = cuv_shape_##shape,
#include "program/ops.def"
#undef OP
};

/* ---- what rules share ---- */

cuv_status cuv_shape_no(const cuv_shaping *s, const char *fmt, ...)
{
    const char *shapes = "", *first = NULL, *second = NULL;
    char reason[400];
    va_list args;
    va_start(args, fmt);
    vsnprintf(reason, sizeof reason, fmt, args);
    va_end(args);
    for (size_t i = 0; i < s->n && i < 6; i++) {
        const char *text = s->in[i] ? cuv_shape_text(s->cx, s->in[i]->shape, s->in[i]->rank) : "-";
        shapes = cuv_format(s->cx, "%s %s", shapes, text);
        if (i == 0)
            first = text;
        else if (i == 1)
            second = text;
    }
    cuv_detail detail = {.layer = s->layer, .expected = second, .found = first};
    return cuv_fail(s->cx, CUV_NO, "program.shape", &detail, "%s%s%s%s of%s%s: %s", s->layer ? "layer '" : "",
                    s->layer ? s->layer : "", s->layer ? "': " : "", cuv_op_about(s->op)->name, shapes,
                    s->n > 6 ? " ..." : "", reason);
}

const cuv_var *cuv_shape_in(const cuv_shaping *s, size_t i)
{
    return i < s->n ? s->in[i] : NULL;
}

cuv_var *cuv_shape_like(const cuv_shaping *s, size_t i, const cuv_var *v, cuv_dtype dtype)
{
    s->out[i].rank = v->rank;
    memcpy(s->out[i].shape, v->shape, sizeof v->shape);
    s->out[i].dtype = dtype;
    return &s->out[i];
}

bool cuv_dim_merge(int64_t a, int64_t b, int64_t *out)
{
    *out = a < 0 ? b : a;
    return a < 0 || b < 0 || a == b;
}

bool cuv_dim_broadcast(int64_t a, int64_t b, int64_t *out)
{
    if (a == 1 || b == 1)
        *out = a == 1 ? b : a;
    else
        return cuv_dim_merge(a, b, out);
    return true;
}

bool cuv_dim_mul(int64_t a, int64_t b, int64_t *out)
{
    *out = -1;
    return a < 0 || b < 0 || (cuv_mul_i64(a, b, out) && *out <= CUV_MAX_DIM);
}

bool cuv_dim_add(int64_t a, int64_t b, int64_t *out)
{
    *out = -1;
    return a < 0 || b < 0 || (cuv_add_i64(a, b, out) && *out <= CUV_MAX_DIM);
}

cuv_status cuv_shape_expect(const cuv_shaping *s, const cuv_var *v, const char *what, const int64_t *shape, int rank)
{
    int64_t merged;
    bool fits = !v || v->rank == rank;
    for (int i = 0; v && fits && i < rank; i++)
        fits = cuv_dim_merge(v->shape[i], shape[i], &merged);
    if (fits)
        return CUV_OK;
    return cuv_shape_no(s, "the %s must be %s, not %s", what, cuv_shape_text(s->cx, shape, rank),
                        cuv_shape_text(s->cx, v->shape, v->rank));
}

cuv_status cuv_shape_axis(const cuv_shaping *s, int axis, int rank)
{
    if (axis >= 0 && axis < rank)
        return CUV_OK;
    return cuv_shape_no(s, "axis %d of %d axes", axis, rank);
}

cuv_status cuv_shape_axes(const cuv_shaping *s, int rank, unsigned *mask)
{
    *mask = 0;
    if (s->at->axes_count < 0 || s->at->axes_count > CUV_MAX_RANK)
        return cuv_shape_no(s, "%d axes are listed", s->at->axes_count);
    for (int i = 0; i < s->at->axes_count; i++) {
        CUV_TRY(cuv_shape_axis(s, s->at->axes[i], rank));
        if (*mask >> s->at->axes[i] & 1)
            return cuv_shape_no(s, "axis %d is listed twice", s->at->axes[i]);
        *mask |= 1u << s->at->axes[i];
    }
    if (s->at->axes_count == 0)
        *mask = (1u << rank) - 1;
    return CUV_OK;
}

/* ---- dtypes ---- */

typedef enum takes { ANY, NO_TEXT, NUMBERS, FLOATS, INTEGERS } takes;

/* What the main input may be. Ops not listed compute with floats only. */
static takes op_takes(cuv_op op)
{
    static const uint8_t listed[CUV_OP_COUNT] = {
#define ARE(id, what) [CUV_OP_##id] = (uint8_t)(1 + (what))
        ARE(RESHAPE, ANY), ARE(TRANSPOSE, ANY), ARE(BROADCAST, ANY), ARE(FILL, ANY), ARE(RANGE, ANY), ARE(CONCAT, ANY),
        ARE(SLICE, ANY), ARE(PAD, ANY), ARE(GATHER, ANY), ARE(GATHER_ALONG, ANY), ARE(TILE, ANY), ARE(REPEAT, ANY),
        ARE(REVERSE, ANY), ARE(WHERE, ANY), ARE(EQUAL, ANY), ARE(NOT_EQUAL, ANY),
        ARE(CAST, NO_TEXT), ARE(LOGICAL_NOT, NO_TEXT), ARE(LOGICAL_AND, NO_TEXT), ARE(LOGICAL_OR, NO_TEXT),
        ARE(LOGICAL_XOR, NO_TEXT), ARE(IS_NAN, NO_TEXT), ARE(IS_INF, NO_TEXT), ARE(ADD, NO_TEXT), ARE(MUL, NO_TEXT),
        ARE(LESS, NO_TEXT), ARE(LESS_EQUAL, NO_TEXT), ARE(GREATER, NO_TEXT), ARE(GREATER_EQUAL, NO_TEXT),
        ARE(MAXIMUM, NO_TEXT), ARE(MINIMUM, NO_TEXT), ARE(MAX, NO_TEXT), ARE(MIN, NO_TEXT), ARE(ANY, NO_TEXT),
        ARE(ALL, NO_TEXT), ARE(ARGMAX, NO_TEXT), ARE(ARGMIN, NO_TEXT),
        ARE(NEG, NUMBERS), ARE(ABS, NUMBERS), ARE(SIGN, NUMBERS), ARE(FLOOR, NUMBERS), ARE(CEIL, NUMBERS),
        ARE(ROUND, NUMBERS), ARE(TRUNC, NUMBERS), ARE(SQUARE, NUMBERS), ARE(CLIP, NUMBERS), ARE(SUB, NUMBERS),
        ARE(FLOOR_DIV, NUMBERS), ARE(MOD, NUMBERS), ARE(POW, NUMBERS), ARE(SUM, NUMBERS), ARE(PROD, NUMBERS),
        ARE(CUMSUM, NUMBERS), ARE(CUMPROD, NUMBERS), ARE(SORT, NUMBERS), ARE(ARGSORT, NUMBERS), ARE(TOP_K, NUMBERS),
        ARE(MATMUL, NUMBERS), ARE(ONE_HOT, INTEGERS), ARE(LOOKUP, ANY), ARE(HASH, ANY), ARE(CROSS, ANY), ARE(TOKENS, ANY),
        ARE(TOKEN_COUNTS, ANY), ARE(BITWISE_AND, INTEGERS), ARE(BITWISE_OR, INTEGERS), ARE(BITWISE_XOR, INTEGERS),
        ARE(SHIFT_LEFT, INTEGERS), ARE(SHIFT_RIGHT, INTEGERS), ARE(GCD, INTEGERS), ARE(SCATTER, NUMBERS), ARE(BITCAST, NUMBERS),
        ARE(MAX_POOL, NUMBERS), ARE(ADAPTIVE_MAX_POOL, NUMBERS),
#undef ARE
    };
    return listed[op] ? (takes)(listed[op] - 1) : FLOATS;
}

static bool takes_dtype(takes what, cuv_dtype dtype)
{
    bool integer = cuv_dtype_is_integer(dtype), real = cuv_dtype_is_float(dtype);
    switch (what) {
    case ANY: return true;
    case NO_TEXT: return dtype != CUV_STR;
    case NUMBERS: return integer || real;
    case FLOATS: return real;
    case INTEGERS: return integer;
    }
    return false;
}

/* What input i must be: the main dtype, a truth value, or an index. 'x': main, 'b': bool, 'i': index, '*': anything. */
static char input_role(cuv_op op, size_t i)
{
    if (op == CUV_OP_WHERE)
        return i == 0 ? 'b' : 'x';
    if (op == CUV_OP_SOFTMAX && i == 1)
        return 'b';
    if (op == CUV_OP_ATTENTION && i == 3)
        return 'b';
    if (op == CUV_OP_CONV_LSTM && i == 2)
        return 'b';
    if ((op == CUV_OP_LSTM || op == CUV_OP_GRU || op == CUV_OP_RNN) && i == 4)
        return 'b';
    if ((op == CUV_OP_GATHER || op == CUV_OP_GATHER_ALONG || op == CUV_OP_SCATTER) && i == 1)
        return 'i';
    if ((op == CUV_OP_RESHAPE || op == CUV_OP_BROADCAST) && i == 1)
        return '*';
    if (op == CUV_OP_CROSS || ((op == CUV_OP_LOOKUP || op == CUV_OP_TOKENS || op == CUV_OP_TOKEN_COUNTS) && i > 0))
        return '*';
    return op == CUV_OP_FILL ? '*' : 'x';
}

static cuv_status no_dtype(const cuv_shaping *s, size_t i, const char *wanted)
{
    const char *have = cuv_dtype_name(s->in[i]->dtype);
    cuv_detail detail = {.layer = s->layer, .expected = wanted, .found = have};
    return cuv_fail(s->cx, CUV_NO, "program.dtype", &detail, "%s%s%s%s: input %zu is %s where %s is needed",
                    s->layer ? "layer '" : "", s->layer ? s->layer : "", s->layer ? "': " : "",
                    cuv_op_about(s->op)->name, i, have, wanted);
}

static cuv_status check_dtypes(const cuv_shaping *s)
{
    static const char *const words[] = {"anything", "a number or bool", "a number", "a float", "an integer"};
    const cuv_var *main = NULL;
    takes what = op_takes(s->op);
    for (size_t i = 0; i < s->n; i++) {
        const cuv_var *v = s->in[i];
        char role = v ? input_role(s->op, i) : '*';
        if (role == 'b' && v->dtype != CUV_BOOL)
            return no_dtype(s, i, "bool");
        if (role == 'i' && !cuv_dtype_is_integer(v->dtype))
            return no_dtype(s, i, "an integer");
        if (role != 'x')
            continue;
        if (!takes_dtype(what, v->dtype))
            return no_dtype(s, i, words[what]);
        if (main && main->dtype != v->dtype)
            return no_dtype(s, i, cuv_dtype_name(main->dtype));
        main = main ? main : v;
    }
    return CUV_OK;
}

/* ---- entry ---- */

static bool may_be_absent(cuv_op op, size_t i)
{
    if (op == CUV_OP_BATCH_NORM || op == CUV_OP_LSTM || op == CUV_OP_GRU || op == CUV_OP_RNN)
        return i >= 3;
    if (op == CUV_OP_CONCAT || op == CUV_OP_CROSS)      /* as many as there are, but all of them */
        return false;
    return i >= (size_t)cuv_op_about(op)->in_min;
}

static cuv_status check_inputs(const cuv_shaping *s)
{
    const cuv_op_info *about = cuv_op_about(s->op);
    cuv_detail detail = {.layer = s->layer};
    if (s->n < (size_t)about->in_min || s->n > (size_t)about->in_max)
        return cuv_fail(s->cx, CUV_NO, "program.check", &detail, "%s takes %d to %d inputs, not %zu", about->name,
                        about->in_min, about->in_max, s->n);
    for (size_t i = 0; i < s->n; i++) {
        if (!s->in[i] && !may_be_absent(s->op, i))
            return cuv_fail(s->cx, CUV_NO, "program.check", &detail, "%s needs its input %zu", about->name, i);
        if (s->in[i] && (s->in[i]->rank < 0 || s->in[i]->rank > CUV_MAX_RANK))
            return cuv_fail(s->cx, CUV_NO, "program.check", &detail, "input %zu of %s has %d axes", i, about->name,
                            s->in[i]->rank);
        for (int k = 0; s->in[i] && k < s->in[i]->rank; k++)
            if (s->in[i]->shape[k] > CUV_MAX_DIM)
                return cuv_shape_no(s, "a size above %lld", (long long)CUV_MAX_DIM);
    }
    return CUV_OK;
}

/* The product of the known sizes must leave room for 16-byte elements. */
static cuv_status check_outputs(const cuv_shaping *s)
{
    for (int i = 0; i < cuv_op_about(s->op)->outs; i++) {
        const cuv_var *v = &s->out[i];
        int64_t count = 16;
        for (int k = 0; k < v->rank; k++) {
            if (v->shape[k] > CUV_MAX_DIM)
                return cuv_shape_no(s, "the result would have a size above %lld", (long long)CUV_MAX_DIM);
            if (v->shape[k] > 0 && !cuv_mul_i64(count, v->shape[k], &count))
                return cuv_shape_no(s, "the result would be too large: %s", cuv_shape_text(s->cx, v->shape, v->rank));
        }
    }
    return CUV_OK;
}

cuv_status cuv_step_shapes(cuv_context *cx, cuv_op op, const cuv_attrs *attrs, const cuv_var *const *inputs,
                           size_t in_count, const char *layer, cuv_var *out)
{
    static const cuv_attrs none = {0};
    cuv_shaping s = {cx, op, attrs ? attrs : &none, inputs, in_count, layer, out};
    if ((unsigned)op >= CUV_OP_COUNT || op == CUV_OP_NONE)
        return cuv_fail(cx, CUV_NO, "program.check", &(cuv_detail){.layer = layer}, "op %d does not exist", (int)op);
    CUV_TRY(check_inputs(&s));
    CUV_TRY(check_dtypes(&s));
    CUV_TRY(rules[op](&s));
    return check_outputs(&s);
}

/* ---- element by element ---- */

cuv_status cuv_shape_same(const cuv_shaping *s)
{
    const cuv_var *x = s->in[0];
    unsigned mask;
    if (s->op == CUV_OP_CUMSUM || s->op == CUV_OP_CUMPROD || s->op == CUV_OP_SORT || s->op == CUV_OP_ARGSORT)
        CUV_TRY(cuv_shape_axis(s, s->at->axis, x->rank));
    if (s->op == CUV_OP_REVERSE)
        CUV_TRY(cuv_shape_axes(s, x->rank, &mask));
    cuv_shape_like(s, 0, x, x->dtype);
    return CUV_OK;
}

cuv_status cuv_shape_same_bool(const cuv_shaping *s)
{
    cuv_shape_like(s, 0, s->in[0], CUV_BOOL);
    return CUV_OK;
}

cuv_status cuv_shape_same_i32(const cuv_shaping *s)
{
    CUV_TRY(cuv_shape_same(s));
    s->out[0].dtype = CUV_I32;
    return CUV_OK;
}

cuv_status cuv_shape_cast(const cuv_shaping *s)
{
    cuv_dtype to = s->at->dtype;
    if (!cuv_dtype_is_computed(to))
        return cuv_shape_no(s, "programs do not compute with %s", cuv_dtype_name(to));
    cuv_shape_like(s, 0, s->in[0], to);
    return CUV_OK;
}

cuv_status cuv_shape_bitcast(const cuv_shaping *s)
{
    const cuv_var *x = s->in[0];
    cuv_dtype to = s->at->dtype;
    int64_t old = (int64_t)cuv_dtype_size(x->dtype), now = (int64_t)cuv_dtype_size(to), bytes;
    bool bits = cuv_dtype_is_computed(to) && to != CUV_BOOL && x->dtype == s->at->from;
    if (!bits || (old != now && x->rank == 0))
        return cuv_shape_no(s, "the bits of %s are not read as %s", cuv_dtype_name(x->dtype), cuv_dtype_name(to));
    cuv_var *y = cuv_shape_like(s, 0, x, to);
    if (old == now)
        return CUV_OK;
    int64_t *last = &y->shape[x->rank - 1];
    if (!cuv_dim_mul(*last, old, &bytes) || (bytes >= 0 && bytes % now))
        return cuv_shape_no(s, "%lld bytes are no whole number of %s", (long long)bytes, cuv_dtype_name(to));
    *last = bytes < 0 ? -1 : bytes / now;
    return CUV_OK;
}

static cuv_status broadcast_into(const cuv_shaping *s, const cuv_var *v)
{
    cuv_var *out = &s->out[0];
    int shift = v->rank - out->rank;
    if (shift > 0) {      /* new axes in front */
        memmove(out->shape + shift, out->shape, (size_t)out->rank * sizeof *out->shape);
        for (int i = 0; i < shift; i++)
            out->shape[i] = 1;
        out->rank = v->rank;
    }
    for (int i = 0; i < v->rank; i++) {
        int64_t *dim = &out->shape[out->rank - v->rank + i];
        if (!cuv_dim_broadcast(*dim, v->shape[i], dim))
            return cuv_shape_no(s, "these do not broadcast");
    }
    return CUV_OK;
}

cuv_status cuv_shape_binary(const cuv_shaping *s)
{
    cuv_shape_like(s, 0, s->in[0], s->in[0]->dtype);
    return broadcast_into(s, s->in[1]);
}

cuv_status cuv_shape_binary_bool(const cuv_shaping *s)
{
    cuv_shape_like(s, 0, s->in[0], CUV_BOOL);
    return broadcast_into(s, s->in[1]);
}

cuv_status cuv_shape_where(const cuv_shaping *s)
{
    cuv_shape_like(s, 0, s->in[0], s->in[1]->dtype);
    CUV_TRY(broadcast_into(s, s->in[1]));
    return broadcast_into(s, s->in[2]);
}

/* ---- along axes ---- */

static void drop_axes(const cuv_shaping *s, unsigned mask, cuv_dtype dtype)
{
    const cuv_var *x = s->in[0];
    cuv_var *out = &s->out[0];
    out->rank = 0;
    out->dtype = dtype;
    for (int i = 0; i < x->rank; i++) {
        if (!(mask >> i & 1))
            out->shape[out->rank++] = x->shape[i];
        else if (s->at->keepdims)
            out->shape[out->rank++] = 1;
    }
}

cuv_status cuv_shape_reduce(const cuv_shaping *s)
{
    unsigned mask;
    CUV_TRY(cuv_shape_axes(s, s->in[0]->rank, &mask));
    drop_axes(s, mask, s->in[0]->dtype);
    return CUV_OK;
}

cuv_status cuv_shape_reduce_some(const cuv_shaping *s)
{
    for (int i = 0; s->at->some && i < s->in[0]->rank; i++)
        if (s->in[0]->shape[i] == 0)
            return cuv_shape_no(s, "there is no element to choose from");
    return cuv_shape_reduce(s);
}

cuv_status cuv_shape_reduce_bool(const cuv_shaping *s)
{
    CUV_TRY(cuv_shape_reduce(s));
    s->out[0].dtype = CUV_BOOL;
    return CUV_OK;
}

cuv_status cuv_shape_arg_reduce(const cuv_shaping *s)
{
    CUV_TRY(cuv_shape_axis(s, s->at->axis, s->in[0]->rank));
    if (s->in[0]->shape[s->at->axis] == 0)
        return cuv_shape_no(s, "there is no element to choose along axis %d", s->at->axis);
    drop_axes(s, 1u << s->at->axis, CUV_I32);
    return CUV_OK;
}

cuv_status cuv_shape_top_k(const cuv_shaping *s)
{
    const cuv_var *x = s->in[0];
    int64_t k = s->at->count;
    if (x->rank < 1 || k < 0 || (x->shape[x->rank - 1] >= 0 && k > x->shape[x->rank - 1]))
        return cuv_shape_no(s, "the %lld largest of the last axis", (long long)k);
    cuv_shape_like(s, 0, x, x->dtype)->shape[x->rank - 1] = k;
    cuv_shape_like(s, 1, x, CUV_I32)->shape[x->rank - 1] = k;
    return CUV_OK;
}

cuv_status cuv_shape_softmax(const cuv_shaping *s)
{
    const cuv_var *x = s->in[0], *mask = cuv_shape_in(s, 1);
    unsigned axes;
    if (x->rank < 1)
        return cuv_shape_no(s, "x has no axis");
    CUV_TRY(cuv_shape_axes(s, x->rank, &axes));
    cuv_shape_like(s, 0, x, x->dtype);
    if (!mask)
        return CUV_OK;
    if (mask->rank > x->rank)
        return cuv_shape_no(s, "the mask has more axes than x");
    CUV_TRY(broadcast_into(s, mask));
    for (int i = 0; i < x->rank; i++)
        if (x->shape[i] >= 0 && s->out[0].shape[i] != x->shape[i])
            return cuv_shape_no(s, "the mask does not broadcast to x");
    memcpy(s->out[0].shape, x->shape, sizeof x->shape);
    return CUV_OK;
}
