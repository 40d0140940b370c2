/* A Lambda whose expression is known as a functional model of Keras 3's operations, so that it can be written down without its code. */
#include "layers/support.h"

#include <math.h>

enum { DEEP = 32 };

/* A tensor as operations name it, or a plain value. */
typedef struct term { cuv_value *tensor; const cuv_value *plain; int rank; } term;

typedef struct drawing {
    cuv_context *cx;
    cuv_arena *arena;
    const cuv_layer *lambda;
    const cuv_lambda_use *use;
    cuv_value *layers;
    cuv_value **inputs;
    cuv_map *names;
    int target;                 /* the Keras that is written for */
    const char *why;            /* it cannot be said; or NULL */
} drawing;

static cuv_status draw(drawing *d, const cuv_value *e, unsigned depth, term *out);

static cuv_status cannot(drawing *d, const char *why)
{
    d->why = d->why ? d->why : why;
    return CUV_UNSUPPORTED;
}

static const char *head_of(const cuv_value *e)
{
    return e && e->kind == CUV_LIST ? cuv_text(cuv_item(e, 0)) : NULL;
}

static cuv_value *known(const cuv_value *v) { return (cuv_value *)(uintptr_t)v; }

/* ---- records ---- */

static cuv_status object(drawing *d, const char *class_name, cuv_value *config, cuv_value **out)
{
    *out = cuv_value_dict(d->arena);
    if (!*out)
        return cuv_oom(d->cx);
    CUV_TRY(cuv_dict_set(d->arena, *out, "class_name", cuv_value_text(d->arena, class_name)));
    return cuv_dict_set(d->arena, *out, "config", config);
}

/* Of its shape only the rank is said, which is all that anyone asks. */
static cuv_status tensor_named(drawing *d, const char *name, int rank, cuv_value **out)
{
    cuv_value *config = cuv_value_dict(d->arena), *history = cuv_value_list(d->arena), *shape = cuv_value_list(d->arena);
    if (!config || !history || !shape)
        return cuv_oom(d->cx);
    for (int i = 0; i < rank; i++)
        CUV_TRY(cuv_list_add(d->arena, shape, cuv_value_null(d->arena)));
    CUV_TRY(cuv_dict_set(d->arena, config, "shape", shape));
    CUV_TRY(cuv_dict_set(d->arena, config, "dtype", cuv_value_text(d->arena, cuv_dtype_name(d->use->inputs[0].dtype))));
    CUV_TRY(cuv_list_add(d->arena, history, cuv_value_text(d->arena, name)));
    CUV_TRY(cuv_list_add(d->arena, history, cuv_value_int(d->arena, 0)));
    CUV_TRY(cuv_list_add(d->arena, history, cuv_value_int(d->arena, 0)));
    CUV_TRY(cuv_dict_set(d->arena, config, "keras_history", history));
    return object(d, "__keras_tensor__", config, out);
}

/* "TrueDivide": "true_divide". */
static char *stem_of(cuv_arena *arena, const char *class_name)
{
    char text[64];
    size_t n = 0;
    for (const char *c = class_name; *c && n + 2 < sizeof text; c++) {
        const bool capital = *c >= 'A' && *c <= 'Z';
        if (capital && n)
            text[n++] = '_';
        text[n++] = (char)(capital ? *c + 'a' - 'A' : *c);
    }
    text[n] = 0;
    return cuv_arena_strdup(arena, text);
}

static cuv_status name_for(drawing *d, const char *class_name, const char **out)
{
    char *stem = stem_of(d->arena, class_name);
    if (!stem)
        return cuv_oom(d->cx);
    uintptr_t seen = (uintptr_t)cuv_map_get(d->names, stem);
    CUV_TRY(cuv_map_set(d->names, stem, (void *)(seen + 1)));
    *out = seen ? cuv_arena_printf(d->arena, "%s_%zu", stem, (size_t)seen) : stem;
    return *out ? CUV_OK : cuv_oom(d->cx);
}

/* An operation with its arguments (a list, which may hold tensors, numbers and lists) and its options (NULL: none); it gives a tensor of `rank` axes. */
static cuv_status operation(drawing *d, const char *family, const char *class_name, cuv_value *options, cuv_value *args, int rank, term *out)
{
    const char *name, *module = cuv_arena_printf(d->arena, "keras.src.ops.%s", family);
    cuv_value *record, *node = cuv_value_dict(d->arena), *nodes = cuv_value_list(d->arena), *kwargs = cuv_value_dict(d->arena);
    options = options ? options : cuv_value_dict(d->arena);
    if (!node || !nodes || !kwargs || !options || !args)
        return cuv_oom(d->cx);
    CUV_TRY(name_for(d, class_name, &name));
    CUV_TRY(cuv_dict_set(d->arena, options, "name", cuv_value_text(d->arena, name)));
    CUV_TRY(object(d, class_name, options, &record));
    CUV_TRY(cuv_dict_set(d->arena, record, "module", cuv_value_text(d->arena, module)));
    CUV_TRY(cuv_dict_set(d->arena, record, "registered_name", cuv_value_text(d->arena, class_name)));
    CUV_TRY(cuv_dict_set(d->arena, record, "name", cuv_value_text(d->arena, name)));
    CUV_TRY(cuv_dict_set(d->arena, node, "args", args));
    CUV_TRY(cuv_dict_set(d->arena, node, "kwargs", kwargs));
    CUV_TRY(cuv_list_add(d->arena, nodes, node));
    CUV_TRY(cuv_dict_set(d->arena, record, "inbound_nodes", nodes));
    CUV_TRY(cuv_list_add(d->arena, d->layers, record));
    *out = (term){.rank = rank};
    return rank > CUV_MAX_RANK ? cannot(d, "a tensor of too many axes") : tensor_named(d, name, rank, &out->tensor);
}

static cuv_status two(drawing *d, const char *family, const char *class_name, cuv_value *options, cuv_value *a, cuv_value *b, int rank, term *out)
{
    cuv_value *args = cuv_value_list(d->arena);
    if (!args)
        return cuv_oom(d->cx);
    CUV_TRY(cuv_list_add(d->arena, args, a));
    if (b)
        CUV_TRY(cuv_list_add(d->arena, args, b));
    return operation(d, family, class_name, options, args, rank, out);
}

static cuv_status one(drawing *d, const char *family, const char *class_name, term x, term *out)
{
    return two(d, family, class_name, NULL, x.tensor, NULL, x.rank, out);
}

static cuv_status with_number(drawing *d, const char *family, const char *class_name, term x, double number, term *out)
{
    cuv_value *v = cuv_value_real(d->arena, number);
    return v ? two(d, family, class_name, NULL, x.tensor, v, x.rank, out) : cuv_oom(d->cx);
}

/* ---- expressions ---- */

static cuv_status operand(drawing *d, const cuv_value *e, unsigned depth, int *rank, cuv_value **out)
{
    term t;
    double number;
    CUV_TRY(draw(d, e, depth, &t));
    *out = t.tensor;
    *rank = t.rank > *rank ? t.rank : *rank;
    if (t.tensor)
        return CUV_OK;
    if (!cuv_as_real(t.plain, &number))
        return cannot(d, "an operand is neither tensor nor number");
    *out = cuv_value_real(d->arena, number);
    return *out ? CUV_OK : cuv_oom(d->cx);
}

/* Arithmetic on whole numbers means something else in Python than in Keras's operations. */
static cuv_status only_floats(drawing *d)
{
    for (size_t i = 0; i < d->use->count; i++)
        if (!cuv_dtype_is_float(d->use->inputs[i].dtype))
            return cannot(d, "it computes with whole numbers");
    return CUV_OK;
}

static cuv_status binary(drawing *d, const cuv_value *e, const char *class_name, unsigned depth, term *out)
{
    cuv_value *a, *b;
    int rank = 0;
    CUV_TRY(only_floats(d));
    CUV_TRY(operand(d, cuv_item(e, 1), depth, &rank, &a));
    CUV_TRY(operand(d, cuv_item(e, 2), depth, &rank, &b));
    return two(d, "numpy", class_name, NULL, a, b, rank, out);
}

/* A slice or a number of a key, as Keras 3 writes it; NULL: all of the axis. */
static cuv_status key_part(drawing *d, const cuv_value *k, cuv_value **out)
{
    static const char *const limits[] = {"start", "stop", "step"};
    int64_t at;
    *out = cuv_as_int(k, &at) ? known(k) : NULL;
    if (*out)
        return CUV_OK;
    cuv_value *config = cuv_value_dict(d->arena);
    if (!config)
        return cuv_oom(d->cx);
    if (!cuv_streq(head_of(k), "slice") && k)
        return cannot(d, "an index is neither number nor slice");
    for (size_t i = 0; i < 3; i++) {
        const cuv_value *v = cuv_item(k, i + 1);
        term t = {.plain = v};
        if (!cuv_is_null(v))
            CUV_TRY(draw(d, v, 4, &t));
        if (t.tensor || (!cuv_is_null(v) && !cuv_as_int(t.plain, &at)))
            return cannot(d, "a slice between other things than numbers");
        CUV_TRY(cuv_dict_set(d->arena, config, limits[i], cuv_is_null(v) ? cuv_value_null(d->arena) : cuv_value_int(d->arena, at)));
    }
    return object(d, "__slice__", config, out);
}

/* The axes that "..." stands for are written out: no file of Keras holds it. */
static cuv_status index_tensor(drawing *d, term x, const cuv_value *key, term *out)
{
    const bool many = key && key->kind == CUV_TUPLE;
    const size_t count = many ? cuv_len(key) : 1;
    cuv_value *list = cuv_value_list(d->arena), *part;
    int rank = x.rank, left = x.rank - (int)count + 1;
    int64_t at;
    if (!list)
        return cuv_oom(d->cx);
    if (count > CUV_MAX_RANK || left < 0)
        return cannot(d, "more indices than axes");
    for (size_t i = 0; i < count; i++) {
        const cuv_value *k = many ? cuv_item(key, i) : key;
        const bool dots = cuv_streq(cuv_text(k), "...");
        for (int n = dots ? left : 1; n > 0; n--) {
            CUV_TRY(key_part(d, dots ? NULL : k, &part));
            CUV_TRY(cuv_list_add(d->arena, list, part));
        }
        rank -= cuv_as_int(k, &at);
    }
    return two(d, "numpy", "GetItem", NULL, x.tensor, many || cuv_len(list) != 1 ? list : cuv_item(list, 0), rank, out);
}

static cuv_status index_of(drawing *d, const cuv_value *e, unsigned depth, term *out)
{
    const cuv_value *key = cuv_item(e, 2);
    int64_t at;
    term x;
    if (cuv_streq(head_of(cuv_item(e, 1)), "input") && d->use->count > 1) {
        if (!cuv_as_int(key, &at))
            return cannot(d, "an input without its number");
        at = at < 0 ? at + (int64_t)d->use->count : at;
        if (at < 0 || at >= (int64_t)d->use->count)
            return cannot(d, "an input that there is not");
        *out = (term){.tensor = d->inputs[at], .rank = d->use->inputs[at].rank};
        return CUV_OK;
    }
    CUV_TRY(draw(d, cuv_item(e, 1), depth, &x));
    if (!x.tensor)
        return cannot(d, "an index into no tensor");
    return index_tensor(d, x, key, out);
}

/* ---- functions ---- */

/* A number, or a list of numbers, from what may have "neg" and "list" in it; None stays. */
static cuv_status numbers(drawing *d, const cuv_value *v, cuv_value **out)
{
    int64_t n;
    if (cuv_is_null(v)) {
        *out = cuv_value_null(d->arena);
        return *out ? CUV_OK : cuv_oom(d->cx);
    }
    if (cuv_streq(head_of(v), "neg") && cuv_as_int(cuv_item(v, 1), &n) && n != INT64_MIN) {
        *out = cuv_value_int(d->arena, -n);
        return *out ? CUV_OK : cuv_oom(d->cx);
    }
    if (!cuv_is_seq(v)) {
        *out = known(v);
        return CUV_OK;
    }
    cuv_value *item;
    *out = cuv_value_list(d->arena);
    for (size_t i = cuv_streq(head_of(v), "list") ? 1 : 0; *out && i < cuv_len(v); i++) {
        if (cuv_is_seq(cuv_item(v, i)) && !cuv_streq(head_of(cuv_item(v, i)), "neg"))
            return cannot(d, "a list inside a list");
        CUV_TRY(numbers(d, cuv_item(v, i), &item));
        CUV_TRY(cuv_list_add(d->arena, *out, item));
    }
    return *out ? CUV_OK : cuv_oom(d->cx);
}

static cuv_status axis_option(drawing *d, const cuv_value *given, int64_t fallback, cuv_value **options)
{
    cuv_value *axis = NULL;
    *options = cuv_value_dict(d->arena);
    if (!*options)
        return cuv_oom(d->cx);
    if (given || fallback == INT64_MAX)
        CUV_TRY(numbers(d, given, &axis));
    else
        axis = cuv_value_int(d->arena, fallback);
    return cuv_dict_set(d->arena, *options, "axis", axis);
}

static cuv_status reduction(drawing *d, const char *class_name, const cuv_value *axis, bool keep, term x, term *out)
{
    cuv_value *options;
    CUV_TRY(axis_option(d, axis, INT64_MAX, &options));
    CUV_TRY(cuv_dict_set(d->arena, options, "keepdims", cuv_value_bool(d->arena, keep)));
    const cuv_value *axes = cuv_get(options, "axis");
    const int gone = cuv_is_null(axes) ? x.rank : cuv_is_seq(axes) ? (int)cuv_len(axes) : 1;
    return two(d, "numpy", class_name, options, x.tensor, NULL, keep ? x.rank : x.rank - gone, out);
}

/* x rsqrt(max(sum x^2, 1e-12)), as Keras's backend and TensorFlow compute it. */
static cuv_status l2_normalize(drawing *d, const cuv_value *e, term x, term *out)
{
    term t;
    CUV_TRY(one(d, "numpy", "Square", x, &t));
    CUV_TRY(reduction(d, "Sum", cuv_lambda_argument(e, 1, "axis"), true, t, &t));
    CUV_TRY(with_number(d, "numpy", "Maximum", t, 1e-12, &t));
    CUV_TRY(one(d, "math", "Rsqrt", t, &t));
    return two(d, "numpy", "Multiply", NULL, x.tensor, t.tensor, x.rank, out);
}

static cuv_status concatenate(drawing *d, const cuv_value *e, unsigned depth, term *out)
{
    const cuv_value *list = cuv_lambda_argument(e, 0, "tensors values xs");
    cuv_value *tensors = cuv_value_list(d->arena), *options;
    int rank = 0;
    if (!tensors)
        return cuv_oom(d->cx);
    for (size_t i = cuv_streq(head_of(list), "list") ? 1 : 0; i < cuv_len(list); i++) {
        term t;
        CUV_TRY(draw(d, cuv_item(list, i), depth, &t));
        if (!t.tensor)
            return cannot(d, "it joins other things than tensors");
        CUV_TRY(cuv_list_add(d->arena, tensors, t.tensor));
        rank = t.rank;
    }
    CUV_TRY(axis_option(d, cuv_lambda_argument(e, 1, "axis"), -1, &options));
    return two(d, "numpy", "Concatenate", options, tensors, NULL, rank, out);
}

static cuv_status resize(drawing *d, const cuv_value *e, term x, term *out)
{
    cuv_value *options = cuv_value_dict(d->arena), *size;
    if (!options)
        return cuv_oom(d->cx);
    CUV_TRY(numbers(d, cuv_lambda_argument(e, 1, "size"), &size));
    CUV_TRY(cuv_dict_set(d->arena, options, "size", size));
    CUV_TRY(cuv_dict_set(d->arena, options, "interpolation", cuv_value_text(d->arena, "bilinear")));
    CUV_TRY(cuv_dict_set(d->arena, options, "data_format", cuv_value_text(d->arena, "channels_last")));
    return two(d, "image", "Resize", options, x.tensor, NULL, x.rank, out);
}

/* Activations that are no single operation of the Keras that is written for: mish, and hard_sigmoid, which Keras 1 and 2 compute otherwise. */
static cuv_status composed(drawing *d, const char *name, term x, term *out)
{
    term t;
    if (cuv_streq(name, "mish")) {
        CUV_TRY(one(d, "nn", "Softplus", x, &t));
        CUV_TRY(one(d, "numpy", "Tanh", t, &t));
        return two(d, "numpy", "Multiply", NULL, x.tensor, t.tensor, x.rank, out);
    }
    CUV_TRY(d->lambda->keras < 3 ? with_number(d, "numpy", "Multiply", x, 0.2, &t) : with_number(d, "numpy", "TrueDivide", x, 6, &t));
    CUV_TRY(with_number(d, "numpy", "Add", t, 0.5, &t));
    CUV_TRY(with_number(d, "numpy", "Maximum", t, 0, &t));
    return with_number(d, "numpy", "Minimum", t, 1, out);
}

typedef struct function { const char *names, *family, *class_name; } function;
static const function unary[] = {
    {"abs", "numpy", "Absolute"}, {"square", "numpy", "Square"}, {"sqrt", "numpy", "Sqrt"}, {"exp exponential", "numpy", "Exp"}, {"log", "numpy", "Log"},
    {"sin", "numpy", "Sin"}, {"cos", "numpy", "Cos"}, {"tanh", "numpy", "Tanh"}, {"sigmoid", "nn", "Sigmoid"}, {"softplus", "nn", "Softplus"},
    {"sign", "numpy", "Sign"}, {"round", "numpy", "Round"}, {"floor", "numpy", "Floor"}, {"negative", "numpy", "Negative"}, {"relu", "nn", "Relu"},
    {"softsign", "nn", "Softsign"}, {"elu", "nn", "Elu"}, {"selu", "nn", "Selu"}, {"silu swish", "nn", "Silu"}, {"relu6", "nn", "Relu6"},
    {"leaky_relu", "nn", "LeakyRelu"}, {"softmax", "nn", "Softmax"}, {"log_softmax", "nn", "LogSoftmax"}, {"gelu", "nn", "Gelu"},
    {"hard_sigmoid", "nn", "HardSigmoid"}};
static const function reductions[] = {{"mean reduce_mean", NULL, "Mean"}, {"sum reduce_sum", NULL, "Sum"}, {"max reduce_max", NULL, "Max"},
                                      {"min reduce_min", NULL, "Min"}, {"prod reduce_prod", NULL, "Prod"}};

static const function *function_named(const function *list, size_t count, const char *name)
{
    for (size_t i = 0; i < count; i++)
        if (cuv_has_word(list[i].names, name))
            return &list[i];
    return NULL;
}

/* Options that the operation has and the function in the Lambda does not say. */
static cuv_status unary_options(drawing *d, const char *class_name, cuv_value **options)
{
    *options = cuv_value_dict(d->arena);
    if (!*options)
        return cuv_oom(d->cx);
    if (cuv_has_word("Softmax LogSoftmax", class_name))
        return cuv_dict_set(d->arena, *options, "axis", cuv_value_int(d->arena, -1));
    if (cuv_streq(class_name, "Gelu"))
        return cuv_dict_set(d->arena, *options, "approximate", cuv_value_bool(d->arena, false));
    return cuv_streq(class_name, "LeakyRelu") ? cuv_dict_set(d->arena, *options, "negative_slope", cuv_value_real(d->arena, 0.2)) : CUV_OK;
}

static cuv_status computed(drawing *d, const cuv_value *e, const char *name, term x, term *out)
{
    const function *f = function_named(reductions, sizeof reductions / sizeof *reductions, name);
    cuv_value *options;
    bool keep = false;
    CUV_TRY(only_floats(d));
    if (f) {
        (void)cuv_as_bool(cuv_lambda_argument(e, 2, "keepdims keep_dims"), &keep);
        return reduction(d, f->class_name, cuv_lambda_argument(e, 1, "axis axes"), keep, x, out);
    }
    if (cuv_streq(name, "l2_normalize"))
        return l2_normalize(d, e, x, out);
    if (cuv_streq(name, "resize"))
        return resize(d, e, x, out);
    if (cuv_streq(name, "mish") || (cuv_streq(name, "hard_sigmoid") && (d->lambda->keras < 3 || d->target < 3)))
        return composed(d, name, x, out);
    f = function_named(unary, sizeof unary / sizeof *unary, name);
    if (!f)
        return cannot(d, "a function that no operation of Keras stands for");
    CUV_TRY(unary_options(d, f->class_name, &options));
    return two(d, f->family, f->class_name, options, x.tensor, NULL, x.rank, out);
}

static cuv_status draw_call(drawing *d, const cuv_value *e, unsigned depth, term *out)
{
    const char *dotted = cuv_text(cuv_item(e, 1)), *dot = dotted ? strrchr(dotted, '.') : NULL, *name = dot ? dot + 1 : dotted;
    cuv_value *options;
    term x;
    if (cuv_has_word("concatenate concat", name))
        return concatenate(d, e, depth, out);
    CUV_TRY(draw(d, cuv_lambda_argument(e, 0, "x input input_tensor images a"), depth, &x));
    if (!x.tensor)
        return cannot(d, "a function of no tensor");
    if (cuv_has_word("expand_dims squeeze", name)) {
        CUV_TRY(axis_option(d, cuv_lambda_argument(e, 1, "axis"), -1, &options));
        const bool wider = name[0] == 'e';
        return two(d, "numpy", wider ? "ExpandDims" : "Squeeze", options, x.tensor, NULL, x.rank + (wider ? 1 : -1), out);
    }
    if (!cuv_streq(name, "identity"))
        return computed(d, e, name, x, out);
    *out = x;
    return CUV_OK;
}

/* An operator between two numbers. */
static cuv_status fold(drawing *d, const cuv_value *e, const char *head, unsigned depth, term *out)
{
    term a, b;
    double x, y;
    CUV_TRY(draw(d, cuv_item(e, 1), depth, &a));
    CUV_TRY(draw(d, cuv_item(e, 2), depth, &b));
    if (!cuv_as_real(a.plain, &x) || !cuv_as_real(b.plain, &y))
        return cannot(d, "numbers that are none");
    const double result = head[0] == 'a' ? x + y : head[0] == 's' ? x - y : head[0] == 'm' ? x * y : head[0] == 'd' ? x / y : pow(x, y);
    out->plain = cuv_value_real(d->arena, result);
    return out->plain ? CUV_OK : cuv_oom(d->cx);
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

static cuv_status negative(drawing *d, const cuv_value *e, unsigned depth, term *out)
{
    term x;
    double number;
    CUV_TRY(draw(d, cuv_item(e, 1), depth, &x));
    if (x.tensor) {
        CUV_TRY(only_floats(d));
        return one(d, "numpy", "Negative", x, out);
    }
    if (!cuv_as_real(x.plain, &number))
        return cannot(d, "the negative of no number");
    out->plain = x.plain->kind == CUV_INTEGER && x.plain->integer != INT64_MIN ? cuv_value_int(d->arena, -x.plain->integer)
                                                                               : cuv_value_real(d->arena, 0 - number);
    return out->plain ? CUV_OK : cuv_oom(d->cx);
}

static cuv_status draw(drawing *d, const cuv_value *e, unsigned depth, term *out)
{
    static const char *const binaries[][2] = {{"add", "Add"}, {"sub", "Subtract"}, {"mul", "Multiply"}, {"div", "TrueDivide"}, {"pow", "Power"},
                                              {"maximum", "Maximum"}, {"minimum", "Minimum"}};
    const char *head = head_of(e);
    *out = (term){.plain = e};
    if (!depth)
        return cannot(d, "it is too long");
    if (!head)
        return CUV_OK;
    for (size_t i = 0; i < sizeof binaries / sizeof *binaries; i++)
        if (cuv_streq(head, binaries[i][0]))
            return has_input(e, DEEP) || i >= 5 ? binary(d, e, binaries[i][1], depth - 1, out) : fold(d, e, head, depth - 1, out);
    if (cuv_streq(head, "input")) {
        *out = (term){.tensor = d->inputs[0], .rank = d->use->inputs[0].rank};
        return d->use->count == 1 ? CUV_OK : cannot(d, "all inputs at once");
    }
    if (cuv_streq(head, "neg"))
        return negative(d, e, depth - 1, out);
    if (cuv_streq(head, "index"))
        return index_of(d, e, depth - 1, out);
    return cuv_streq(head, "call") ? draw_call(d, e, depth - 1, out) : cannot(d, "an expression that is not known");
}

/* ---- the model ---- */

static cuv_status add_input(drawing *d, size_t i, cuv_value *ends)
{
    const cuv_lambda_input *in = &d->use->inputs[i];
    const char *name = cuv_arena_printf(d->arena, "x%zu", i);
    cuv_value *config = cuv_value_dict(d->arena), *shape = cuv_value_list(d->arena), *end = cuv_value_list(d->arena), *record;
    if (!name || !config || !shape || !end)
        return cuv_oom(d->cx);
    for (int k = 0; k < in->rank; k++)
        CUV_TRY(cuv_list_add(d->arena, shape, k == 0 || in->shape[k] < 0 ? cuv_value_null(d->arena) : cuv_value_int(d->arena, in->shape[k])));
    CUV_TRY(cuv_dict_set(d->arena, config, d->lambda->keras < 3 ? "batch_input_shape" : "batch_shape", shape));
    CUV_TRY(cuv_dict_set(d->arena, config, "dtype", cuv_value_text(d->arena, cuv_dtype_name(in->dtype))));
    CUV_TRY(cuv_dict_set(d->arena, config, "name", cuv_value_text(d->arena, name)));
    CUV_TRY(object(d, "InputLayer", config, &record));
    CUV_TRY(cuv_dict_set(d->arena, record, "name", cuv_value_text(d->arena, name)));
    CUV_TRY(cuv_dict_set(d->arena, record, "inbound_nodes", cuv_value_list(d->arena)));
    CUV_TRY(cuv_list_add(d->arena, d->layers, record));
    CUV_TRY(cuv_list_add(d->arena, end, cuv_value_text(d->arena, name)));
    CUV_TRY(cuv_list_add(d->arena, end, cuv_value_int(d->arena, 0)));
    CUV_TRY(cuv_list_add(d->arena, end, cuv_value_int(d->arena, 0)));
    CUV_TRY(cuv_list_add(d->arena, ends, end));
    return tensor_named(d, name, in->rank, &d->inputs[i]);
}

static cuv_status whole(drawing *d, const cuv_value *e, cuv_value **out)
{
    cuv_value *config = cuv_value_dict(d->arena), *ends = cuv_value_list(d->arena), *result = cuv_value_list(d->arena);
    term t;
    if (!config || !ends || !result)
        return cuv_oom(d->cx);
    for (size_t i = 0; i < d->use->count; i++)
        CUV_TRY(add_input(d, i, ends));
    CUV_TRY(draw(d, e, DEEP, &t));
    if (!t.tensor)
        return cannot(d, "it gives no tensor");
    if (cuv_len(d->layers) == d->use->count)        /* one of the inputs as it is */
        CUV_TRY(one(d, "core", "StopGradient", t, &t));
    CUV_TRY(cuv_list_add(d->arena, result, cuv_get(cuv_get(t.tensor, "config"), "keras_history")));
    CUV_TRY(cuv_dict_set(d->arena, config, "name", cuv_value_text(d->arena, d->lambda->name)));
    CUV_TRY(cuv_dict_set(d->arena, config, "trainable", cuv_value_bool(d->arena, true)));
    CUV_TRY(cuv_dict_set(d->arena, config, "layers", d->layers));
    CUV_TRY(cuv_dict_set(d->arena, config, "input_layers", ends));
    CUV_TRY(cuv_dict_set(d->arena, config, "output_layers", result));
    CUV_TRY(object(d, "Functional", config, out));
    if (d->lambda->keras < 3)
        return CUV_OK;
    CUV_TRY(cuv_dict_set(d->arena, *out, "module", cuv_value_text(d->arena, "keras.src.models.functional")));
    return cuv_dict_set(d->arena, *out, "registered_name", cuv_value_text(d->arena, "Functional"));
}

cuv_status cuv_lambda_record(cuv_context *cx, cuv_arena *arena, const cuv_layer *layer, int keras, cuv_value **out, const char **why)
{
    const cuv_lambda_use *use = cuv_lambda_used(layer);
    *out = NULL;
    *why = NULL;
    if (!use || !use->expression || use->differs || !use->count) {
        *why = use && use->differs ? "it is called on tensors of different ranks" : "it was not called";
        return CUV_OK;
    }
    drawing d = {.cx = cx, .arena = arena, .lambda = layer, .target = keras, .use = use, .layers = cuv_value_list(arena),
                 .inputs = CUV_NEW_ARRAY(arena, cuv_value *, use->count + 1), .names = cuv_map_new(arena)};
    if (!d.layers || !d.inputs || !d.names)
        return cuv_oom(cx);
    cuv_status status = whole(&d, use->expression, out);
    if (status != CUV_UNSUPPORTED)
        return status;
    *out = NULL;
    *why = d.why;
    return CUV_OK;
}
