/* Lambda: an expression that was read from the function's bytecode (evidence/lambda.c), as steps. Names are taken for what they mean in
 * Keras and TensorFlow; that they do is an assumption, which the report states. */
#include "layers/support.h"

#include <math.h>

enum { DEEP = 32 };

/* A tensor, or a plain value. */
typedef struct term { cuv_ref ref; const cuv_value *plain; } term;

static cuv_status refuse(cuv_call *call, const char *what)
{
    const cuv_layer *layer = call->layer;
    const char *text = cuv_arg_text(layer, "cuvier_text");
    return cuv_fail(call->cx, CUV_UNSUPPORTED, "layer.lambda",
                    &(cuv_detail){.layer = layer->name, .found = text, .expected = what,
                                  .help = cuv_format(call->cx, "say what it computes in Keras code, and give that with --custom %s=CODE.py",
                                                     layer->name)},
                    "layer '%s' (Lambda) runs Python code that is not known: %s", layer->name, text ? text : "a function of its author's");
}

static cuv_status evaluate(cuv_call *call, const cuv_value *e, unsigned depth, term *out);

static const char *head_of(const cuv_value *e)
{
    return e && e->kind == CUV_LIST ? cuv_text(cuv_item(e, 0)) : NULL;
}

static cuv_status tensor_of(cuv_call *call, const cuv_value *e, unsigned depth, cuv_ref like, cuv_ref *out)
{
    term t;
    double number;
    CUV_TRY(evaluate(call, e, depth, &t));
    *out = t.ref;
    if (t.ref != CUV_NO_REF)
        return CUV_OK;
    if (like == CUV_NO_REF || !cuv_as_real(t.plain, &number))
        return refuse(call, "a tensor or a number");
    *out = cuv_scalar_like(call, like, number);
    return CUV_OK;
}

static bool has_input(const cuv_value *e, unsigned depth)
{
    if (cuv_streq(head_of(e), "input"))
        return true;
    for (size_t i = 0; depth && cuv_is_seq(e) && i < e->size; i++)
        if (has_input(e->items[i], depth - 1))
            return true;
    return false;
}

static cuv_status binary(cuv_call *call, const cuv_value *e, cuv_op op, unsigned depth, cuv_ref *out)
{
    const cuv_value *left = cuv_item(e, 1), *right = cuv_item(e, 2);
    cuv_ref a = CUV_NO_REF, b = CUV_NO_REF;
    bool first = has_input(left, DEEP);
    CUV_TRY(tensor_of(call, first ? left : right, depth, CUV_NO_REF, first ? &a : &b));
    CUV_TRY(tensor_of(call, first ? right : left, depth, first ? a : b, first ? &b : &a));
    *out = cuv_emit2(call->program, op, a, b);
    return call->program->status;
}

/* ---- indexing ---- */

static cuv_status index_axis(cuv_call *call, const cuv_value *key, int axis, cuv_attrs *attrs, bool *dropped)
{
    int64_t at, limits[3] = {0, INT64_MAX, 1};
    const char *head = head_of(key);
    *dropped = false;
    if (cuv_as_int(key, &at)) {
        *dropped = true;
        attrs->start[axis] = at;
        attrs->stop[axis] = at == -1 ? INT64_MAX : at + 1;
        attrs->step[axis] = 1;
        return CUV_OK;
    }
    if (!cuv_streq(head, "slice"))
        return refuse(call, "whole numbers and slices as indices");
    for (size_t i = 0; i < 3; i++) {
        term t;
        if (cuv_is_null(cuv_item(key, i + 1)))
            continue;
        CUV_TRY(evaluate(call, cuv_item(key, i + 1), 4, &t));
        if (t.ref != CUV_NO_REF || !cuv_as_int(t.plain, &limits[i]))
            return refuse(call, "whole numbers in slices");
    }
    if (limits[2] <= 0)
        return refuse(call, "slices that go forward");
    attrs->start[axis] = limits[0];
    attrs->stop[axis] = limits[1];
    attrs->step[axis] = limits[2];
    return CUV_OK;
}

static bool is_dots(const cuv_value *v) { return cuv_streq(cuv_text(v), "..."); }

static cuv_status index_tensor(cuv_call *call, cuv_ref x, const cuv_value *key, cuv_ref *out)
{
    cuv_attrs attrs = {0};
    bool many = key && key->kind == CUV_TUPLE, drop[CUV_MAX_RANK] = {false};
    int rank = cuv_var_of(call, x)->rank, axis = 0;
    size_t count = many ? cuv_len(key) : 1;
    for (size_t i = 0; i < count; i++) {
        const cuv_value *k = many ? cuv_item(key, i) : key;
        if (is_dots(k)) {
            axis = rank - (int)(count - i - 1);
            continue;
        }
        if (axis < 0 || axis >= rank)
            return refuse(call, "as many indices as the tensor has axes");
        CUV_TRY(index_axis(call, k, axis, &attrs, &drop[axis]));
        axis++;
    }
    *out = cuv_emit(call->program, CUV_OP_SLICE, CUV_IN(x), &attrs);
    for (int i = rank; i-- > 0;)
        if (drop[i])
            *out = cuv_squeeze(call, *out, i);
    return call->program->status;
}

static cuv_status evaluate_index(cuv_call *call, const cuv_value *e, unsigned depth, term *out)
{
    const cuv_value *key = cuv_item(e, 2);
    int64_t at;
    if (cuv_streq(head_of(cuv_item(e, 1)), "input") && call->in_count > 1) {    /* one of the layer's inputs */
        if (!cuv_as_int(key, &at) || at < -(int64_t)call->in_count || at >= (int64_t)call->in_count)
            return refuse(call, "the number of an input");
        out->ref = call->in[at < 0 ? at + (int64_t)call->in_count : at].value;
        return CUV_OK;
    }
    cuv_ref x;
    CUV_TRY(tensor_of(call, cuv_item(e, 1), depth, CUV_NO_REF, &x));
    return index_tensor(call, x, key, &out->ref);
}

/* ---- functions ---- */

const cuv_value *cuv_lambda_argument(const cuv_value *e, size_t place, const char *names)
{
    const cuv_value *plain = cuv_item(e, 2), *named = cuv_item(e, 3);
    if (place < cuv_len(plain))
        return cuv_item(plain, place);
    for (size_t i = 0; i < cuv_len(named); i++)
        if (cuv_has_word(names, cuv_text(named->pairs[i].key)))
            return named->pairs[i].value;
    return NULL;
}

/* Every keyword is one that the function is known to have. */
static bool keywords_are(const cuv_value *e, size_t most, const char *names)
{
    const cuv_value *named = cuv_item(e, 3);
    for (size_t i = 0; i < cuv_len(named); i++)
        if (!cuv_has_word(names, cuv_text(named->pairs[i].key)))
            return false;
    return cuv_len(cuv_item(e, 2)) <= most;
}

/* The number behind "neg" of a number, or a number. */
static bool whole(const cuv_value *v, int64_t *out)
{
    if (cuv_streq(head_of(v), "neg") && cuv_as_int(cuv_item(v, 1), out) && *out != INT64_MIN) {
        *out = -*out;
        return true;
    }
    return cuv_as_int(v, out);
}

static bool axes_of(const cuv_value *v, int rank, int *axes, int *count)
{
    int64_t one;
    *count = 0;
    if (cuv_is_null(v)) {
        for (; *count < rank; ++*count)
            axes[*count] = *count;
        return true;
    }
    bool many = v->kind == CUV_TUPLE || cuv_streq(head_of(v), "list");
    size_t from = v->kind == CUV_TUPLE ? 0 : 1, size = many ? cuv_len(v) : from + 1;
    for (size_t i = from; i < size; i++) {
        if (!whole(many ? cuv_item(v, i) : v, &one) || *count == CUV_MAX_RANK)
            return false;
        one = one < 0 ? one + rank : one;
        if (one < 0 || one >= rank)
            return false;
        axes[(*count)++] = (int)one;
    }
    return *count > 0;
}

static cuv_status reduce(cuv_call *call, const cuv_value *e, cuv_op op, cuv_ref x, cuv_ref *out)
{
    const cuv_value *keep = cuv_lambda_argument(e, 2, "keepdims keep_dims");
    int axes[CUV_MAX_RANK], count;
    bool kept = false;
    if (!keywords_are(e, 3, "x input_tensor a axis axes keepdims keep_dims") || (keep && !cuv_as_bool(keep, &kept)) ||
        !axes_of(cuv_lambda_argument(e, 1, "axis axes"), cuv_var_of(call, x)->rank, axes, &count))
        return refuse(call, "an axis, or several, and keepdims");
    *out = cuv_reduce(call, op, x, axes, count, kept);
    return call->program->status;
}

/* keras.backend, whose functions have other defaults than keras.ops. */
static bool is_backend(const char *dotted)
{
    return cuv_starts_with(dotted, "K.") || cuv_starts_with(dotted, "keras.backend.");
}

static cuv_status move(cuv_call *call, const cuv_value *e, const char *name, cuv_ref x, cuv_ref *out)
{
    bool wider = cuv_streq(name, "expand_dims");
    int rank = cuv_var_of(call, x)->rank;
    int64_t axis;
    const cuv_value *given = cuv_lambda_argument(e, 1, "axis");
    if (wider && !given && is_backend(cuv_text(cuv_item(e, 1))))
        axis = -1;
    else if (!whole(given, &axis) || !keywords_are(e, 2, "axis x input"))
        return refuse(call, "an axis");
    axis = axis < 0 ? axis + rank + (wider ? 1 : 0) : axis;
    if (axis < 0 || axis > rank - (wider ? 0 : 1))
        return refuse(call, "an axis of the tensor");
    *out = wider ? cuv_expand_dims(call, x, (int)axis) : cuv_squeeze(call, x, (int)axis);
    return call->program->status;
}

static cuv_status l2_normalize(cuv_call *call, const cuv_value *e, cuv_ref x, cuv_ref *out)
{
    cuv_program *p = call->program;
    int axes[CUV_MAX_RANK], count;
    if (!keywords_are(e, 2, "axis x") || !axes_of(cuv_lambda_argument(e, 1, "axis"), cuv_var_of(call, x)->rank, axes, &count))
        return refuse(call, "an axis");
    cuv_ref sum = cuv_reduce(call, CUV_OP_SUM, cuv_emit1(p, CUV_OP_SQUARE, x), axes, count, true);
    sum = cuv_emit2(p, CUV_OP_MAXIMUM, sum, cuv_scalar_like(call, sum, 1e-12));
    *out = cuv_emit2(p, CUV_OP_MUL, x, cuv_emit1(p, CUV_OP_RSQRT, sum));
    return p->status;
}

static cuv_status concatenate(cuv_call *call, const cuv_value *e, unsigned depth, cuv_ref *out)
{
    const cuv_value *list = cuv_lambda_argument(e, 0, "tensors values xs"), *at = cuv_lambda_argument(e, 1, "axis");
    cuv_ref refs[CUV_MAX_OUTPUTS];
    bool tuple = list && list->kind == CUV_TUPLE;
    size_t from = tuple ? 0 : 1, count = 0;
    int64_t axis = -1;
    if (!(tuple || cuv_streq(head_of(list), "list")) || cuv_len(list) - from > CUV_MAX_OUTPUTS || cuv_len(list) <= from ||
        (at && !whole(at, &axis)) || (!at && !is_backend(cuv_text(cuv_item(e, 1)))) || !keywords_are(e, 2, "tensors values xs axis"))
        return refuse(call, "a list of tensors and an axis");
    for (size_t i = from; i < cuv_len(list); i++)
        CUV_TRY(tensor_of(call, cuv_item(list, i), depth, CUV_NO_REF, &refs[count++]));
    int rank = cuv_var_of(call, refs[0])->rank;
    axis = axis < 0 ? axis + rank : axis;
    if (axis < 0 || axis >= rank)
        return refuse(call, "an axis of the tensors");
    *out = cuv_emit(call->program, CUV_OP_CONCAT, refs, count, CUV_AT(.axis = (int)axis));
    return call->program->status;
}

/* tf.image.resize(x, (h, w)): bilinear, half-pixel centres. */
static cuv_status resize(cuv_call *call, const cuv_value *e, cuv_ref x, cuv_ref *out)
{
    const cuv_value *size = cuv_lambda_argument(e, 1, "size");
    int64_t h, w;
    size_t from = size && size->kind == CUV_TUPLE ? 0 : 1;
    if (!cuv_is_seq(size) || cuv_len(size) != from + 2 || !whole(cuv_item(size, from), &h) || !whole(cuv_item(size, from + 1), &w) ||
        h < 1 || w < 1 || cuv_var_of(call, x)->rank != 4 || !keywords_are(e, 2, "images size"))
        return refuse(call, "a size of two numbers");
    *out = cuv_emit(call->program, CUV_OP_RESIZE, CUV_IN(x),
                    CUV_AT(.size = {h, w}, .mode = CUV_MODE_BILINEAR, .align = CUV_HALF_PIXEL));
    return call->program->status;
}

typedef struct function { const char *names; cuv_op op; } function;
static const function unary[] = {
    {"abs", CUV_OP_ABS}, {"square", CUV_OP_SQUARE}, {"sqrt", CUV_OP_SQRT}, {"exp", CUV_OP_EXP}, {"log", CUV_OP_LOG}, {"sin", CUV_OP_SIN},
    {"cos", CUV_OP_COS}, {"tanh", CUV_OP_TANH}, {"sigmoid", CUV_OP_SIGMOID}, {"softplus", CUV_OP_SOFTPLUS}, {"sign", CUV_OP_SIGN},
    {"round", CUV_OP_ROUND}, {"floor", CUV_OP_FLOOR}, {"negative", CUV_OP_NEG}};
static const function reductions[] = {{"mean reduce_mean", CUV_OP_MEAN}, {"sum reduce_sum", CUV_OP_SUM}, {"max reduce_max", CUV_OP_MAX},
                                      {"min reduce_min", CUV_OP_MIN}, {"prod reduce_prod", CUV_OP_PROD}};

static cuv_op op_named(const function *list, size_t count, const char *name)
{
    for (size_t i = 0; i < count; i++)
        if (cuv_has_word(list[i].names, name))
            return list[i].op;
    return CUV_OP_NONE;
}

/* "K.mean", "tf.math.reduce_mean", "keras.backend.mean", ...: the last part, when the first is a module's usual name. */
static const char *known_name(const char *dotted)
{
    const char *dot = dotted ? strchr(dotted, '.') : NULL, *last = dotted ? strrchr(dotted, '.') : NULL;
    char root[16];
    if (!dot || (size_t)(dot - dotted) >= sizeof root)
        return NULL;
    snprintf(root, sizeof root, "%.*s", (int)(dot - dotted), dotted);
    return cuv_has_word("K backend keras tf tensorflow ops activations", root) ? last + 1 : NULL;
}

/* Activations that compute the same wherever they are taken from; gelu of keras.ops is the approximate one. */
static bool is_activation(const char *dotted, const char *name)
{
    static const char same[] = "softmax softplus softsign elu selu silu swish mish relu6 log_softmax hard_sigmoid leaky_relu exponential";
    return cuv_has_word(same, name) || (cuv_streq(name, "gelu") &&
                                       (strstr(dotted, "activations.") || cuv_starts_with(dotted, "tensorflow.")));
}

static cuv_status evaluate_call(cuv_call *call, const cuv_value *e, unsigned depth, term *out)
{
    const char *name = known_name(cuv_text(cuv_item(e, 1)));
    cuv_ref x;
    if (!name)
        return refuse(call, "a function of keras.backend (K), tf or keras.ops");
    if (cuv_has_word("concatenate concat", name))
        return concatenate(call, e, depth, &out->ref);
    const cuv_value *first = cuv_lambda_argument(e, 0, "x input input_tensor images a");
    if (!first)
        return refuse(call, "a function of the input");
    CUV_TRY(tensor_of(call, first, depth, CUV_NO_REF, &x));
    cuv_op op = op_named(unary, sizeof unary / sizeof *unary, name);
    if (op != CUV_OP_NONE && keywords_are(e, 1, "x")) {
        out->ref = cuv_emit1(call->program, op, x);
        return call->program->status;
    }
    op = op_named(reductions, sizeof reductions / sizeof *reductions, name);
    if (op != CUV_OP_NONE)
        return reduce(call, e, op, x, &out->ref);
    if (cuv_has_word("expand_dims squeeze", name))
        return move(call, e, name, x, &out->ref);
    if (cuv_streq(name, "l2_normalize"))
        return l2_normalize(call, e, x, &out->ref);
    if (cuv_has_word("tf.image.resize tensorflow.image.resize", cuv_text(cuv_item(e, 1))))
        return resize(call, e, x, &out->ref);
    if (cuv_streq(name, "identity")) {
        out->ref = x;
        return CUV_OK;
    }
    if (cuv_streq(name, "relu") && keywords_are(e, 1, "x")) {
        out->ref = cuv_emit_act(call->program, &CUV_ACT_RELU, x);
        return call->program->status;
    }
    if (keywords_are(e, 1, "x") && is_activation(cuv_text(cuv_item(e, 1)), name)) {
        const cuv_value *text = cuv_value_text(call->arena, name);
        return text ? cuv_lower_activation(call, text, x, &out->ref) : cuv_oom(call->cx);
    }
    return refuse(call, "a function that is known");
}

/* ---- expressions ---- */

/* An operator between two numbers: whole ones stay whole but for division. */
static cuv_status fold(cuv_call *call, const cuv_value *e, cuv_op op, unsigned depth, term *out)
{
    term a, b;
    double x, y;
    int64_t i = 0, k = 0, whole_result = 0;
    CUV_TRY(evaluate(call, cuv_item(e, 1), depth, &a));
    CUV_TRY(evaluate(call, cuv_item(e, 2), depth, &b));
    if (a.ref != CUV_NO_REF || b.ref != CUV_NO_REF || !cuv_as_real(a.plain, &x) || !cuv_as_real(b.plain, &y))
        return refuse(call, "numbers on both sides of an operator");
    bool ints = a.plain->kind == CUV_INTEGER && b.plain->kind == CUV_INTEGER && cuv_as_int(a.plain, &i) && cuv_as_int(b.plain, &k);
    bool kept = ints && ((op == CUV_OP_ADD && cuv_add_i64(i, k, &whole_result)) || (op == CUV_OP_MUL && cuv_mul_i64(i, k, &whole_result)) ||
                         (op == CUV_OP_SUB && !__builtin_sub_overflow(i, k, &whole_result)));
    double real = op == CUV_OP_ADD ? x + y : op == CUV_OP_SUB ? x - y : op == CUV_OP_MUL ? x * y : op == CUV_OP_DIV ? x / y : pow(x, y);
    out->plain = kept ? cuv_value_int(call->arena, whole_result) : cuv_value_real(call->arena, real);
    return out->plain ? CUV_OK : cuv_oom(call->cx);
}

/* Where a condition holds one value, elsewhere the other. */
static cuv_status choose(cuv_call *call, const cuv_value *e, unsigned depth, cuv_ref *out)
{
    const cuv_value *yes = cuv_item(e, 2), *no = cuv_item(e, 3);
    const bool first = has_input(yes, DEEP);
    cuv_ref condition, a = CUV_NO_REF, b = CUV_NO_REF;
    CUV_TRY(tensor_of(call, cuv_item(e, 1), depth, CUV_NO_REF, &condition));
    CUV_TRY(tensor_of(call, first ? yes : no, depth, CUV_NO_REF, first ? &a : &b));
    CUV_TRY(tensor_of(call, first ? no : yes, depth, first ? a : b, first ? &b : &a));
    if (cuv_var_of(call, condition)->dtype != CUV_BOOL)
        return refuse(call, "a comparison as condition");
    *out = cuv_emit(call->program, CUV_OP_WHERE, CUV_IN(condition, a, b), NULL);
    return call->program->status;
}

static cuv_status evaluate(cuv_call *call, const cuv_value *e, unsigned depth, term *out)
{
    static const struct { const char *head; cuv_op op; } binaries[] = {
        {"add", CUV_OP_ADD}, {"sub", CUV_OP_SUB}, {"mul", CUV_OP_MUL}, {"div", CUV_OP_DIV}, {"pow", CUV_OP_POW},
        {"maximum", CUV_OP_MAXIMUM}, {"minimum", CUV_OP_MINIMUM}, {"greater", CUV_OP_GREATER}, {"greater_equal", CUV_OP_GREATER_EQUAL},
        {"less", CUV_OP_LESS}, {"less_equal", CUV_OP_LESS_EQUAL}};
    enum { OF_NUMBERS = 5 };    /* which Python computes by itself */
    const char *head = head_of(e);
    *out = (term){CUV_NO_REF, e};
    if (depth == 0)
        return refuse(call, "a shorter expression");
    if (!head)
        return CUV_OK;
    for (size_t i = 0; i < sizeof binaries / sizeof *binaries; i++)
        if (cuv_streq(head, binaries[i].head))
            return has_input(e, DEEP) || i >= OF_NUMBERS ? binary(call, e, binaries[i].op, depth - 1, &out->ref)
                                                         : fold(call, e, binaries[i].op, depth - 1, out);
    if (cuv_streq(head, "input")) {
        if (call->in_count > 1)
            return refuse(call, "one of the inputs, by its number");
        out->ref = call->in[0].value;
        return CUV_OK;
    }
    if (cuv_streq(head, "neg")) {
        CUV_TRY(evaluate(call, cuv_item(e, 1), depth - 1, out));
        if (out->ref == CUV_NO_REF)
            return refuse(call, "a tensor to turn the sign of");
        out->ref = cuv_emit1(call->program, CUV_OP_NEG, out->ref);
        return call->program->status;
    }
    if (cuv_streq(head, "index"))
        return evaluate_index(call, e, depth - 1, out);
    if (cuv_streq(head, "where"))
        return choose(call, e, depth - 1, &out->ref);
    return cuv_streq(head, "call") ? evaluate_call(call, e, depth - 1, out) : refuse(call, "an expression of the input");
}

/* ---- x scale + offset */

typedef struct affine { double scale, offset; bool holds; } affine;
/* What is kept for whoever writes the layer. */
typedef struct kept { affine line; cuv_lambda_use use; } kept;

/* e as scale x + offset of the one input. */
static bool affine_of(const cuv_value *e, unsigned depth, affine *out)
{
    const char *head = head_of(e);
    affine a, b;
    *out = (affine){0};
    if (!depth)
        return false;
    if (!head)
        return cuv_as_real(e, &out->offset);
    if (cuv_streq(head, "input")) {
        out->scale = 1;
        return true;
    }
    if (!affine_of(cuv_item(e, 1), depth - 1, &a))
        return false;
    if (cuv_streq(head, "neg")) {
        *out = (affine){.scale = 0 - a.scale, .offset = 0 - a.offset};     /* no -0 */
        return true;
    }
    if (!affine_of(cuv_item(e, 2), depth - 1, &b))
        return false;
    const double sign = cuv_streq(head, "sub") ? -1 : 1;
    if (cuv_streq(head, "add") || sign < 0)
        *out = (affine){.scale = a.scale + sign * b.scale, .offset = a.offset + sign * b.offset};
    else if (cuv_streq(head, "mul") && (a.scale == 0 || b.scale == 0))
        *out = (affine){.scale = a.scale * b.offset + b.scale * a.offset, .offset = a.offset * b.offset};
    else if (cuv_streq(head, "div") && b.scale == 0 && b.offset != 0)
        *out = (affine){.scale = a.scale / b.offset, .offset = a.offset / b.offset};
    else
        return false;
    return isfinite(out->scale) && isfinite(out->offset);
}

static cuv_lambda_input input_of(const cuv_call *call, size_t i)
{
    const cuv_var *v = cuv_var_of(call, call->in[i].value);
    cuv_lambda_input in = {.rank = v->rank, .dtype = v->dtype};
    memcpy(in.shape, v->shape, sizeof in.shape);
    return in;
}

static cuv_status start(cuv_call *call, const cuv_value *e, kept **out)
{
    kept *k = CUV_NEW(call->layer->arena, kept);
    *out = k;
    if (!k || !(k->use.inputs = CUV_NEW_ARRAY(call->layer->arena, cuv_lambda_input, call->in_count + 1)))
        return cuv_oom(call->cx);
    k->use.count = call->in_count;
    k->use.expression = e;
    k->line.holds = true;
    for (size_t i = 0; i < call->in_count; i++)
        k->use.inputs[i] = input_of(call, i);
    call->layer->state = k;
    return CUV_OK;
}

/* On integers Python's numbers mean something else than Rescaling's. */
static cuv_status keep(cuv_call *call, const cuv_value *e)
{
    cuv_layer *layer = call->layer;
    const bool first = !layer->state;
    kept *k = layer->state;
    affine now;
    if (first)
        CUV_TRY(start(call, e, &k));
    const bool found = affine_of(e, DEEP, &now) && call->in_count == 1 && cuv_var_of(call, call->in[0].value)->dtype == layer->compute;
    k->line = (affine){now.scale, now.offset, found && k->line.holds};
    k->use.differs = k->use.differs || k->use.count != call->in_count;
    for (size_t i = 0; !first && i < call->in_count && !k->use.differs; i++) {
        const cuv_lambda_input in = input_of(call, i);
        k->use.differs = in.rank != k->use.inputs[i].rank || in.dtype != k->use.inputs[i].dtype;
        for (int a = 0; a < in.rank && !k->use.differs; a++)
            if (in.shape[a] != k->use.inputs[i].shape[a])
                k->use.inputs[i].shape[a] = -1;
    }
    return CUV_OK;
}

bool cuv_lambda_affine(const cuv_layer *layer, double *scale, double *offset)
{
    const kept *k = strcmp(layer->def->name, "Lambda") == 0 ? layer->state : NULL;
    if (!k || !k->line.holds)
        return false;
    *scale = k->line.scale;
    *offset = k->line.offset;
    return true;
}

const cuv_lambda_use *cuv_lambda_used(const cuv_layer *layer)
{
    const kept *k = strcmp(layer->def->name, "Lambda") == 0 ? layer->state : NULL;
    return k ? &k->use : NULL;
}

/* keras.activations.NAME of the input, as an expression. */
static cuv_status keep_name(cuv_call *call, const cuv_value *named)
{
    cuv_arena *arena = call->layer->arena;
    const char *name = cuv_text(named) ? cuv_text(named) : cuv_get_text(named, "config");
    const char *dotted = cuv_arena_printf(arena, "activations.%s", name ? name : "");
    cuv_value *e = cuv_value_list(arena), *input = cuv_value_list(arena), *args = cuv_value_tuple(arena);
    if (!dotted || !e || !input || !args)
        return cuv_oom(call->cx);
    CUV_TRY(cuv_list_add(arena, input, cuv_value_text(arena, "input")));
    CUV_TRY(cuv_list_add(arena, args, input));
    CUV_TRY(cuv_list_add(arena, e, cuv_value_text(arena, "call")));
    CUV_TRY(cuv_list_add(arena, e, cuv_value_text(arena, dotted)));
    CUV_TRY(cuv_list_add(arena, e, args));
    CUV_TRY(cuv_list_add(arena, e, cuv_value_dict(arena)));
    return keep(call, e);
}

/* A function by its name alone: one of keras.activations, as Keras itself takes it, or one that --custom stands in for. */
static cuv_status lower_by_name(cuv_call *call, const cuv_value *named, cuv_ref *out)
{
    cuv_act act;
    bool single;
    const size_t mark = cuv_findings_mark(call->cx);
    if (call->in_count != 1 || cuv_len(cuv_arg(call->layer, "arguments")))
        return refuse(call, "one input and no arguments");
    cuv_status status = cuv_parse_activation(call->layer, named, &act, &single);
    if (status == CUV_UNSUPPORTED) {
        cuv_findings_rewind(call->cx, mark);
        return refuse(call, "an activation of Keras");
    }
    CUV_TRY(status);
    CUV_TRY(keep_name(call, named));
    return cuv_lower_activation(call, named, call->in[0].value, out);
}

static cuv_status lambda_lower(cuv_call *call)
{
    const cuv_value *e = cuv_arg(call->layer, "cuvier_expression"), *named = cuv_arg(call->layer, "function");
    const char *type = cuv_get_text(call->layer->config, "function_type");
    term t;
    if (cuv_is_null(e) && (cuv_streq(cuv_get_text(named, "class_name"), "function") || (cuv_text(named) && cuv_streq(type, "function")))) {
        cuv_ref out;
        CUV_TRY(lower_by_name(call, named, &out));
        return cuv_call_return(call, out);
    }
    if (cuv_is_null(e) || !has_input(e, DEEP))
        return refuse(call, NULL);
    CUV_TRY(evaluate(call, e, DEEP, &t));
    if (t.ref == CUV_NO_REF)
        return refuse(call, "a tensor as the result");
    CUV_TRY(keep(call, e));
    return cuv_call_return(call, t.ref);
}

static const cuv_param lambda_params[] = {
    P("function", ANY, NULL), INERT("output_shape", "None"), P("mask", ANY, "None"), P("arguments", ANY, "None"),
    INERT("cuvier_expression", "None"), INERT("cuvier_stated", "False"), P("cuvier_text", STRING, "None"),
    INERT("function_type", "None"), INERT("module", "None"),
    INERT("output_shape_type", "None"), INERT("output_shape_module", "None"), INERT("mask_type", "None"), CUV_PARAM_END};
const cuv_layer_def cuv_layer_lambda = {
    .name = "Lambda", .doc = "y = f(x); f is read from its bytecode where that is an expression of known functions",
    .params = lambda_params, .flags = CUV_LF_MULTI, .lower = lambda_lower,
};
