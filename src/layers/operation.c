/* Reading the arguments of operations, which Keras 3 keeps in config, args and kwargs alike, and Keras 2 in the
 * call only. */
#include "layers/operation.h"

#include <math.h>

/* ---- finding ---- */

/* Copies word `place` of a list; false when there are fewer. */
static bool word_at(const char *list, int place, char *word, size_t size)
{
    for (; *list; list += strspn(list, " ")) {
        size_t n = strcspn(list, " ");
        if (place-- == 0 && n < size) {
            memcpy(word, list, n);
            word[n] = 0;
            return true;
        }
        list += n;
    }
    return false;
}

static int place_of(const char *list, const char *word)
{
    for (int i = 0; *list; i++, list += strspn(list, " ")) {
        size_t n = strcspn(list, " ");
        if (n == strlen(word) && memcmp(list, word, n) == 0)
            return i;
        list += n;
    }
    return -1;
}

static const cuv_kwarg *keyword(const cuv_call *call, const char *name)
{
    for (size_t i = 0; i < call->kwarg_count; i++)
        if (cuv_streq(call->kwargs[i].name, name))
            return &call->kwargs[i];
    return NULL;
}

/* TensorFlow's first argument stands alone, the others have their names; every word may be "its_name=ours". */
static const cuv_kwarg *tf_argument(const cuv_call *call, const cuv_tf_function *function, const char *name)
{
    char word[80];
    const cuv_kwarg *k = NULL;
    for (int i = 0; !k && word_at(function->arguments, i, word, sizeof word); i++) {
        char *ours = strchr(word, '=');
        if (strcmp(ours ? ours + 1 : word, name) != 0)
            continue;
        if (ours)
            *ours = 0;
        k = (size_t)i < call->arg_count ? &call->args[i] : keyword(call, word);
    }
    return k;
}

static const cuv_kwarg *argument(const cuv_call *call, const char *name)
{
    const cuv_operation *op = cuv_operation_of(call->layer);
    const cuv_tf_function *function = call->layer->state;
    if (function)
        return tf_argument(call, function, name);
    int place = place_of(op->operands, name);
    return place >= 0 && (size_t)place < call->arg_count ? &call->args[place] : keyword(call, name);
}

const cuv_kwarg *cuv_operand(const cuv_call *call, const char *name)
{
    const cuv_kwarg *k = argument(call, name);
    return k && (k->list_count || k->tensor.value != CUV_NO_REF || !cuv_is_null(k->literal)) ? k : NULL;
}

static const cuv_value *unwrapped(const cuv_value *v)
{
    return cuv_streq(cuv_get_text(v, "class_name"), "__tuple__") ? cuv_get(v, "items") : v;
}

/* Keras 2 marks literals among tensors as ["_CONSTANT_VALUE", -1, value]. */
const cuv_value *cuv_plain_literal(const cuv_value *v)
{
    const char *class_name = cuv_get_text(v, "class_name");
    if (cuv_is_seq(v) && cuv_streq(cuv_text(cuv_item(v, 0)), "_CONSTANT_VALUE"))
        return cuv_item(v, 2);
    if (cuv_streq(class_name, "__numpy__") || cuv_streq(class_name, "__tensor__"))
        return cuv_get(cuv_get(v, "config"), "value");
    return unwrapped(v);
}

/* A default of TensorFlow that differs from Keras 3's. */
static const cuv_value *preset(const cuv_call *call, const cuv_tf_function *function, const char *name)
{
    char word[80];
    for (int i = 0; word_at(function->preset, i, word, sizeof word); i++) {
        size_t n = strcspn(word, "=");
        if (n == strlen(name) && memcmp(word, name, n) == 0)
            return cuv_layer_literal(call->arena, word + n + 1);
    }
    return NULL;
}

const cuv_value *cuv_option(const cuv_call *call, const char *name)
{
    const cuv_tf_function *function = call->layer->state;
    const cuv_kwarg *k = argument(call, name);
    if (k)
        return unwrapped(k->literal);
    if (function)
        return preset(call, function, name);
    return unwrapped(cuv_get(call->layer->config, name));
}

bool cuv_option_bool(const cuv_call *call, const char *name, bool fallback)
{
    bool b;
    return cuv_as_bool(cuv_option(call, name), &b) ? b : fallback;
}

double cuv_option_real(const cuv_call *call, const char *name, double fallback)
{
    double x;
    return cuv_as_real(cuv_option(call, name), &x) ? x : fallback;
}

int64_t cuv_option_int(const cuv_call *call, const char *name, int64_t fallback)
{
    int64_t n;
    return cuv_as_int(cuv_option(call, name), &n) ? n : fallback;
}

const char *cuv_option_text(const cuv_call *call, const char *name, const char *fallback)
{
    const char *text = cuv_text(cuv_option(call, name));
    return text ? text : fallback;
}

int cuv_option_ints(const cuv_call *call, const char *name, int64_t *out)
{
    const cuv_value *v = cuv_plain_literal(cuv_option(call, name));
    if (cuv_as_int(v, &out[0]))
        return 1;
    if (!cuv_is_seq(v) || cuv_len(v) > CUV_MAX_RANK)
        return -1;
    for (size_t i = 0; i < cuv_len(v); i++)
        if (!cuv_as_int(cuv_item(v, i), &out[i]))
            return -1;
    return (int)cuv_len(v);
}

cuv_status cuv_bad_option(cuv_call *call, const char *name, const char *expected)
{
    if (name == cuv_no_text)    /* cuv_operand_name had no memory */
        return cuv_oom(call->cx);
    const cuv_kwarg *k = cuv_operand(call, name);
    const cuv_value *v = cuv_option(call, name);
    const char *found = k && (k->list_count || k->tensor.value != CUV_NO_REF) ? "made of tensors"
                      : v ? cuv_value_repr(call->cx, v) : "not there";
    return cuv_fail(call->cx, CUV_UNSUPPORTED, "operation.argument", &(cuv_detail){.layer = call->layer->name,
                    .expected = expected, .found = found}, "operation '%s' (%s): '%s' should be %s, and is %s",
                    call->layer->name, call->layer->class_name, name, expected, found);
}

cuv_status cuv_option_exact(cuv_call *call, const char *name, cuv_dtype dtype, double *out)
{
    const cuv_kwarg *k = cuv_operand(call, name);
    const cuv_value *v = cuv_plain_literal(cuv_option(call, name));
    int64_t whole;
    *out = 0;
    if ((k && (k->list_count || k->tensor.value != CUV_NO_REF)) || (!cuv_is_null(v) && !cuv_as_real(v, out)))
        return cuv_bad_option(call, name, "a number");
    const bool large = fabs(*out) > 0x1p53 && (!cuv_as_int(v, &whole) || *out >= 0x1p63 || (int64_t)*out != whole);
    return large && cuv_dtype_is_integer(dtype) && cuv_dtype_size(dtype) == 8 ? cuv_bad_option(call, name, "a number that a double holds") : CUV_OK;
}

cuv_status cuv_option_dtype(cuv_call *call, const char *name, cuv_dtype fallback, cuv_dtype *out)
{
    const cuv_value *v = cuv_option(call, name);
    const char *text = cuv_text(v) ? cuv_text(v) : cuv_get_text(cuv_get(v, "config"), "name");
    *out = fallback;
    if (cuv_is_null(v))
        return CUV_OK;
    if (text && cuv_dtype_parse(text, out) && cuv_dtype_is_computed(*out))
        return CUV_OK;
    return cuv_bad_option(call, name, "bool, an integer, float16, bfloat16, float32 or float64");
}

cuv_status cuv_option_axis(cuv_call *call, const char *name, int rank, int64_t fallback, int *axis)
{
    int64_t given = fallback, counted;
    if (cuv_option_ints(call, name, &given) != 1)
        given = fallback;
    counted = given < 0 ? given + rank : given;
    if (counted < 0 || counted >= rank)
        return cuv_bad_option(call, name, cuv_format(call->cx, "an axis from %d to %d", -rank, rank - 1));
    *axis = (int)counted;
    return CUV_OK;
}

cuv_status cuv_option_axes(cuv_call *call, const char *name, int rank, int *axes, int *count)
{
    int64_t given[CUV_MAX_RANK];
    int n = cuv_option_ints(call, name, given);
    *count = 0;
    if (n < 0 && (!cuv_is_null(cuv_option(call, name)) || cuv_operand(call, name)))
        return cuv_bad_option(call, name, "an axis or a list of axes");
    for (int i = 0; i < n; i++) {
        int64_t counted = given[i] < 0 ? given[i] + rank : given[i];
        if (counted < 0 || counted >= rank)
            return cuv_bad_option(call, name, cuv_format(call->cx, "axes from %d to %d", -rank, rank - 1));
        axes[(*count)++] = (int)counted;
    }
    return CUV_OK;
}

/* ---- dtypes ---- */

/* The smallest that holds both, as Keras 3 and JAX have it: none holds uint64 and what has a sign but floats. */
static cuv_dtype wider_integer(cuv_dtype a, cuv_dtype b)
{
    size_t bits_a = cuv_dtype_size(a), bits_b = cuv_dtype_size(b);
    if (cuv_dtype_is_signed(a) == cuv_dtype_is_signed(b))
        return bits_a >= bits_b ? a : b;
    size_t without = cuv_dtype_is_signed(a) ? bits_b : bits_a, with = cuv_dtype_is_signed(a) ? bits_a : bits_b;
    if (without == 8)
        return CUV_F32;
    size_t bits = with > 2 * without ? with : 2 * without;
    return bits == 2 ? CUV_I16 : bits == 4 ? CUV_I32 : CUV_I64;
}

static cuv_dtype wider(cuv_dtype a, cuv_dtype b)
{
    bool real_a = cuv_dtype_is_float(a), real_b = cuv_dtype_is_float(b);
    if (a == b || a == CUV_BOOL || b == CUV_BOOL)
        return a == CUV_BOOL ? b : a;
    if (!real_a && !real_b)
        return wider_integer(a, b);
    if (!real_a || !real_b)
        return real_a ? a : b;
    if (cuv_dtype_size(a) == cuv_dtype_size(b))
        return CUV_F32;     /* the two kinds of halves */
    return cuv_dtype_size(a) > cuv_dtype_size(b) ? a : b;
}

static cuv_dtype joined(cuv_kind_of a, cuv_kind_of b)
{
    if (a.weak == b.weak)
        return wider(a.dtype, b.dtype);
    cuv_dtype weak = a.weak ? a.dtype : b.dtype, firm = a.weak ? b.dtype : a.dtype;
    bool fits = cuv_dtype_is_float(firm) || weak == CUV_BOOL || (weak == CUV_I32 && firm != CUV_BOOL);
    return fits ? firm : weak;
}

/* Keras 3 computes with uint64 nowhere. */
cuv_dtype cuv_join_dtypes(cuv_kind_of a, cuv_kind_of b)
{
    cuv_dtype dtype = joined(a, b);
    return dtype == CUV_U64 ? CUV_U32 : dtype;
}

static bool is_tensor_mark(const cuv_value *v)
{
    int64_t n;
    return cuv_streq(cuv_get_text(v, "class_name"), "__keras_tensor__") ||
           (cuv_is_seq(v) && cuv_len(v) >= 3 && cuv_text(cuv_item(v, 0)) && cuv_as_int(cuv_item(v, 1), &n) && n >= 0);
}

static cuv_dtype literal_dtype(const cuv_value *v, unsigned depth)
{
    cuv_dtype dtype = CUV_BOOL;
    v = cuv_plain_literal(v);
    if (v && v->kind == CUV_TENSOR)
        return v->tensor->dtype;
    if (!cuv_is_seq(v) || depth > CUV_MAX_RANK)
        return v && v->kind == CUV_REAL ? CUV_F32 : v && v->kind == CUV_TRUTH ? CUV_BOOL : CUV_I32;
    if (!cuv_len(v))
        return CUV_F32;
    for (size_t i = 0; i < cuv_len(v) && i < 4096; i++)
        if (!is_tensor_mark(cuv_item(v, i)))
            dtype = wider(dtype, literal_dtype(cuv_item(v, i), depth + 1));
    return dtype;
}

static cuv_kind_of kind_of_literal(const cuv_call *call, const cuv_value *v)
{
    cuv_kind_of kind = {.dtype = literal_dtype(v, 0)};
    const char *given = cuv_get_text(cuv_get(v, "config"), "dtype");
    bool array = v && v->kind == CUV_DICT;
    if (array && given)
        (void)cuv_dtype_parse(given, &kind.dtype);
    kind.weak = !array && (!cuv_is_seq(cuv_plain_literal(v)) || call->layer->keras < 3) && kind.dtype != CUV_BOOL;
    return kind;
}

static cuv_kind_of kind_of(const cuv_call *call, const cuv_kwarg *k, const cuv_value *option)
{
    if (k && k->tensor.value != CUV_NO_REF)
        return (cuv_kind_of){.dtype = cuv_var_of(call, k->tensor.value)->dtype, .tensor = true};
    const cuv_value *v = k ? k->literal : option;
    cuv_kind_of kind = {.dtype = CUV_BOOL, .tensor = true};
    for (size_t i = 0; k && i < k->list_count; i++)
        kind.dtype = wider(kind.dtype, cuv_var_of(call, k->list[i].value)->dtype);
    if (!k || !k->list_count)
        return kind_of_literal(call, v);
    if (v && cuv_is_seq(v))
        kind.dtype = joined(kind, (cuv_kind_of){.dtype = literal_dtype(v, 0), .weak = true});
    for (size_t i = 0; kind.dtype == CUV_U64 && i < k->list_count; i++)
        if (cuv_var_of(call, k->list[i].value)->dtype != CUV_U64)
            kind.dtype = CUV_U32;
    return kind;
}

cuv_kind_of cuv_operand_kind(const cuv_call *call, const char *name)
{
    return kind_of(call, cuv_operand(call, name), cuv_option(call, name));
}

/* ---- literals and lists as tensors ---- */

static const char *const wanted = "a number, an array of numbers or a tensor";

static bool literal_shape(const cuv_value *v, int64_t *shape, int *rank)
{
    *rank = 0;
    while (cuv_is_seq(v) && *rank < CUV_MAX_RANK) {
        shape[(*rank)++] = (int64_t)cuv_len(v);
        v = cuv_plain_literal(cuv_item(v, 0));
    }
    return !cuv_is_seq(v);
}

/* Whole numbers that doubles do not hold. */
static void literal_whole(const cuv_value *v, int depth, int64_t **at)
{
    int64_t n;
    v = cuv_plain_literal(v);
    if (!depth && cuv_as_int(v, &n))
        **at = n;
    *at += !depth;
    for (size_t i = 0; depth && i < cuv_len(v); i++)
        literal_whole(cuv_item(v, i), depth - 1, at);
}

static bool literal_fill(const cuv_value *v, const int64_t *shape, int rank, int depth, double **at)
{
    v = cuv_plain_literal(v);
    if (depth == rank) {
        return cuv_as_real(v, (*at)++);
    }
    if (!cuv_is_seq(v) || (int64_t)cuv_len(v) != shape[depth])
        return false;
    for (size_t i = 0; i < cuv_len(v); i++)
        if (!literal_fill(cuv_item(v, i), shape, rank, depth + 1, at))
            return false;
    return true;
}

static cuv_status constant(cuv_call *call, const cuv_tensor *t, cuv_dtype dtype, cuv_ref *out)
{
    *out = cuv_emit_cast(call->program, cuv_program_constant(call->program, t), dtype);
    return call->program->status;
}

static cuv_status literal_ref(cuv_call *call, const char *name, const cuv_value *v, cuv_dtype weak, cuv_ref *out)
{
    int64_t shape[CUV_MAX_RANK];
    int rank;
    size_t n;
    double *values, *at;
    cuv_tensor *t;
    void *data;
    cuv_kind_of kind = kind_of_literal(call, v);
    cuv_dtype dtype = kind.weak ? weak : kind.dtype;
    v = cuv_plain_literal(v);
    if (v && v->kind == CUV_TENSOR)
        return constant(call, v->tensor, dtype, out);
    if (!literal_shape(v, shape, &rank) || !cuv_shape_count(shape, rank, &n) || n > cuv_context_limits(call->cx)->items)
        return cuv_bad_option(call, name, wanted);
    values = at = cuv_arena_calloc(call->arena, n + 1, sizeof *values);
    if (!values)
        return cuv_oom(call->cx);
    if (!literal_fill(v, shape, rank, 0, &at))
        return cuv_bad_option(call, name, wanted);
    cuv_dtype stored = dtype == CUV_F16 || dtype == CUV_BF16 ? CUV_F32 : dtype;
    CUV_TRY(cuv_tensor_new(call->arena, stored, shape, rank, &t, &data));
    cuv_convert_wrapped(data, stored, values, n);       /* as TensorFlow's constants do */
    int64_t *whole = data;
    if (stored == CUV_I64 || stored == CUV_U64)
        literal_whole(v, rank, &whole);
    return constant(call, t, dtype, out);
}

/* A list that holds tensors: its items stacked, in one dtype. */
static cuv_status list_ref(cuv_call *call, const char *name, const cuv_kwarg *k, const cuv_value *v, size_t *next,
                           cuv_dtype dtype, unsigned depth, cuv_ref *out)
{
    if (is_tensor_mark(v) || !v) {
        if (*next >= k->list_count)
            return cuv_bad_option(call, name, wanted);
        *out = cuv_emit_cast(call->program, k->list[(*next)++].value, dtype);
        return call->program->status;
    }
    v = cuv_plain_literal(v);
    size_t n = cuv_len(v);
    if (!cuv_is_seq(v) || !n || depth >= CUV_MAX_RANK) {
        CUV_TRY(literal_ref(call, name, v, dtype, out));
        *out = cuv_emit_cast(call->program, *out, dtype);
        return call->program->status;
    }
    cuv_ref *refs = CUV_NEW_ARRAY(call->arena, cuv_ref, n);
    if (!refs)
        return cuv_oom(call->cx);
    for (size_t i = 0; i < n; i++) {
        CUV_TRY(list_ref(call, name, k, cuv_item(v, i), next, dtype, depth + 1, &refs[i]));
        refs[i] = cuv_expand_dims(call, refs[i], 0);
    }
    *out = cuv_emit(call->program, CUV_OP_CONCAT, refs, n, CUV_AT(.axis = 0));
    return call->program->status;
}

cuv_status cuv_operand_ref(cuv_call *call, const char *name, cuv_dtype weak, cuv_ref *out)
{
    const cuv_kwarg *k = cuv_operand(call, name);
    size_t next = 0;
    *out = CUV_NO_REF;
    if (k && k->tensor.value != CUV_NO_REF) {
        *out = k->tensor.value;
        return CUV_OK;
    }
    if (k && k->list_count && k->literal)
        return list_ref(call, name, k, k->literal, &next, cuv_operand_kind(call, name).dtype, 0, out);
    if (k && k->list_count == 1) {
        *out = k->list[0].value;
        return CUV_OK;
    }
    const cuv_value *v = k ? k->literal : cuv_option(call, name);
    return cuv_is_null(v) ? cuv_bad_option(call, name, wanted) : literal_ref(call, name, v, weak, out);
}

const char *cuv_operand_name(const cuv_call *call, int place)
{
    char word[80];
    if (!word_at(cuv_operation_of(call->layer)->operands, place, word, sizeof word))
        return "x";
    return cuv_format(call->cx, "%s", word);
}

cuv_status cuv_operand_x(cuv_call *call, cuv_ref *out)
{
    return cuv_operand_ref(call, cuv_operand_name(call, 0), CUV_F32, out);
}

cuv_status cuv_operand_list(cuv_call *call, const char *name, cuv_ref **out, size_t *count)
{
    const cuv_kwarg *k = cuv_operand(call, name);
    const cuv_value *items = k ? cuv_plain_literal(k->literal) : NULL;
    cuv_kind_of kind = cuv_operand_kind(call, name);
    size_t next = 0;
    *count = 0;
    if (k && k->tensor.value != CUV_NO_REF) {
        *count = 1;
        *out = CUV_NEW_ARRAY(call->arena, cuv_ref, 1);
        if (*out)
            (*out)[0] = k->tensor.value;
        return *out ? CUV_OK : cuv_oom(call->cx);
    }
    size_t n = !k ? 0 : cuv_is_seq(items) && !is_tensor_mark(items) ? cuv_len(items) : k->list_count;
    *out = CUV_NEW_ARRAY(call->arena, cuv_ref, n + 1);
    if (!*out)
        return cuv_oom(call->cx);
    for (size_t i = 0; i < n; i++)
        CUV_TRY(list_ref(call, name, k, items ? cuv_item(items, i) : NULL, &next, kind.dtype, 0, &(*out)[i]));
    *count = n;
    return n ? CUV_OK : cuv_bad_option(call, name, "a list of tensors");
}

cuv_status cuv_same_size(cuv_call *call, const char *name, cuv_ref a, int axis, cuv_ref b, int other)
{
    CUV_TRY(call->program->status);
    const int64_t mine = cuv_var_of(call, a)->shape[axis], theirs = cuv_var_of(call, b)->shape[other];
    if (mine < 0 || theirs < 0 || mine == theirs)
        return CUV_OK;
    return cuv_bad_option(call, name, cuv_format(call->cx, "of size %lld along axis %d, as it is elsewhere; it is %lld", (long long)theirs, axis, (long long)mine));
}

cuv_ref cuv_to_sum(cuv_call *call, cuv_ref x)
{
    switch (cuv_var_of(call, x)->dtype) {
    case CUV_BOOL: return cuv_emit_cast(call->program, x, CUV_I32);
    case CUV_I8: case CUV_I16: return call->layer->keras < 3 ? x : cuv_emit_cast(call->program, x, CUV_I32);
    case CUV_U8: case CUV_U16: return call->layer->keras < 3 ? x : cuv_emit_cast(call->program, x, CUV_U32);
    default: return x;
    }
}

double cuv_integer_end(cuv_dtype dtype, bool least)
{
    const int bits = (int)(8 * cuv_dtype_size(dtype)) - cuv_dtype_is_signed(dtype);
    if (least)
        return cuv_dtype_is_signed(dtype) ? -ldexp(1, bits) : 0;
    return bits < 53 ? ldexp(1, bits) - 1 : ldexp(1, bits) - ldexp(1, bits - 53);
}

cuv_ref cuv_as_float(cuv_call *call, cuv_ref x)
{
    return cuv_dtype_is_float(cuv_var_of(call, x)->dtype) ? x : cuv_emit_cast(call->program, x, CUV_F32);
}

cuv_ref cuv_to_bool(cuv_call *call, cuv_ref x)
{
    return cuv_emit_cast(call->program, x, CUV_BOOL);
}

cuv_status cuv_give_many(cuv_call *call, const cuv_ref *ys, size_t count)
{
    CUV_TRY(call->program->status);
    if (count > CUV_MAX_OUTPUTS)
        return cuv_call_unsupported(call, "outputs", cuv_format(call->cx, "it makes more than %d tensors", CUV_MAX_OUTPUTS));
    for (size_t i = 0; i < count; i++)
        call->out[i] = (cuv_sym){ys[i], CUV_NO_REF};
    call->out_count = count;
    return CUV_OK;
}

cuv_status cuv_give(cuv_call *call, cuv_ref y)
{
    return cuv_give_many(call, &y, 1);
}
