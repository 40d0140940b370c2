/* Reading the operands and options of operations, which Keras 3 keeps in config, args and kwargs alike. */
#include "layers/operation.h"

const cuv_kwarg *cuv_operand(const cuv_call *call, int place, const char *names)
{
    const cuv_kwarg *k = NULL;
    if (place >= 0 && (size_t)place < call->arg_count)
        k = &call->args[place];
    for (size_t i = 0; !k && i < call->kwarg_count; i++)
        if (call->kwargs[i].name && cuv_has_word(names, call->kwargs[i].name))
            k = &call->kwargs[i];
    return k && (k->list_count || k->tensor.value != CUV_NO_REF || !cuv_is_null(k->literal)) ? k : NULL;
}

const cuv_value *cuv_option(const cuv_call *call, int place, const char *names)
{
    const cuv_value *config = call->layer->config;
    for (size_t i = 0; config && config->kind == CUV_DICT && i < config->size; i++) {
        const char *key = cuv_text(config->pairs[i].key);
        if (key && cuv_has_word(names, key))
            return config->pairs[i].value;
    }
    const cuv_kwarg *k = cuv_operand(call, place, names);
    return k ? k->literal : NULL;
}

bool cuv_option_bool(const cuv_call *call, int place, const char *names, bool fallback)
{
    bool b;
    return cuv_as_bool(cuv_option(call, place, names), &b) ? b : fallback;
}

double cuv_option_real(const cuv_call *call, int place, const char *names, double fallback)
{
    double x;
    return cuv_as_real(cuv_option(call, place, names), &x) ? x : fallback;
}

int64_t cuv_option_int(const cuv_call *call, int place, const char *names, int64_t fallback)
{
    int64_t n;
    return cuv_as_int(cuv_option(call, place, names), &n) ? n : fallback;
}

int cuv_option_ints(const cuv_call *call, int place, const char *names, int64_t *out)
{
    const cuv_value *v = cuv_option(call, place, names);
    if (cuv_streq(cuv_get_text(v, "class_name"), "__tuple__"))
        v = cuv_get(v, "items");
    if (cuv_as_int(v, &out[0]))
        return 1;
    if (!cuv_is_seq(v) || cuv_len(v) > CUV_MAX_RANK)
        return -1;
    for (size_t i = 0; i < cuv_len(v); i++)
        if (!cuv_as_int(cuv_item(v, i), &out[i]))
            return -1;
    return (int)cuv_len(v);
}

cuv_status cuv_bad_option(cuv_call *call, const char *names, const char *expected)
{
    const cuv_value *v = cuv_option(call, -1, names);
    const char *found = v ? cuv_value_repr(call->cx, v) : "nothing that cuvier reads";
    return cuv_fail(call->cx, CUV_UNSUPPORTED, "operation.argument", &(cuv_detail){.layer = call->layer->name,
                    .expected = expected, .found = found}, "operation '%s' (%s): '%s' should be %s, and is %s",
                    call->layer->name, call->layer->class_name, names, expected, found);
}

/* ---- literals as tensors ---- */

static bool literal_shape(const cuv_value *v, int64_t *shape, int *rank)
{
    *rank = 0;
    while (cuv_is_seq(v) && *rank < CUV_MAX_RANK) {
        shape[(*rank)++] = (int64_t)cuv_len(v);
        v = cuv_item(v, 0);
    }
    return !cuv_is_seq(v);
}

static bool literal_fill(const cuv_value *v, const int64_t *shape, int rank, int depth, double **at)
{
    if (depth == rank) {
        bool b;
        if (cuv_as_real(v, *at) || (cuv_as_bool(v, &b) && ((**at = b ? 1 : 0), true))) {
            (*at)++;
            return true;
        }
        return false;
    }
    if (!cuv_is_seq(v) || (int64_t)cuv_len(v) != shape[depth])
        return false;
    for (size_t i = 0; i < cuv_len(v); i++)
        if (!literal_fill(cuv_item(v, i), shape, rank, depth + 1, at))
            return false;
    return true;
}

static cuv_dtype storage(cuv_dtype dtype)
{
    return dtype == CUV_F16 || dtype == CUV_BF16 ? CUV_F32 : dtype;
}

static cuv_status literal_ref(cuv_call *call, const char *names, const cuv_value *v, cuv_dtype dtype, cuv_ref *out)
{
    int64_t shape[CUV_MAX_RANK];
    int rank;
    size_t n;
    double *values, *at;
    cuv_tensor *t;
    void *data;
    if (cuv_streq(cuv_get_text(v, "class_name"), "__numpy__") || cuv_streq(cuv_get_text(v, "class_name"), "__tensor__"))
        v = cuv_get(cuv_get(v, "config"), "value");
    if (!literal_shape(v, shape, &rank) || !cuv_shape_count(shape, rank, &n) || n > cuv_context_limits(call->cx)->items)
        return cuv_bad_option(call, names, "a number, an array of numbers or a tensor");
    values = at = cuv_arena_calloc(call->arena, n + 1, sizeof *values);
    if (!values)
        return cuv_oom(call->cx);
    if (!literal_fill(v, shape, rank, 0, &at))
        return cuv_bad_option(call, names, "a number, an array of numbers or a tensor");
    CUV_TRY(cuv_tensor_new(call->arena, storage(dtype), shape, rank, &t, &data));
    cuv_convert(data, storage(dtype), values, CUV_F64, n);
    *out = cuv_emit_cast(call->program, cuv_program_constant(call->program, t), dtype);
    return call->program->status;
}

cuv_status cuv_operand_ref(cuv_call *call, int place, const char *names, cuv_dtype dtype, cuv_ref *out)
{
    const cuv_kwarg *k = cuv_operand(call, place, names);
    *out = CUV_NO_REF;
    if (k && k->tensor.value != CUV_NO_REF) {
        *out = k->tensor.value;
        return CUV_OK;
    }
    if (k && k->list_count) {       /* a list of scalars or of equal tensors: stacked */
        cuv_ref *refs = CUV_NEW_ARRAY(call->arena, cuv_ref, k->list_count);
        if (!refs)
            return cuv_oom(call->cx);
        for (size_t i = 0; i < k->list_count; i++)
            refs[i] = cuv_expand_dims(call, k->list[i].value, 0);
        *out = cuv_emit(call->program, CUV_OP_CONCAT, refs, k->list_count, CUV_AT(.axis = 0));
        return call->program->status;
    }
    const cuv_value *v = k ? k->literal : cuv_option(call, place, names);
    if (cuv_is_null(v))
        return cuv_bad_option(call, names, "a number, an array of numbers or a tensor");
    return literal_ref(call, names, v, dtype, out);
}

cuv_status cuv_operand_x(cuv_call *call, cuv_ref *out)
{
    *out = call->in_count ? call->in[0].value : CUV_NO_REF;
    for (size_t i = 0; *out == CUV_NO_REF && i < call->kwarg_count; i++)
        *out = call->kwargs[i].tensor.value;
    return *out == CUV_NO_REF ? cuv_bad_option(call, "x", "a tensor") : CUV_OK;
}

cuv_status cuv_operand_list(cuv_call *call, const cuv_ref **out, size_t *count)
{
    cuv_ref *refs = CUV_NEW_ARRAY(call->arena, cuv_ref, call->in_count + 1);
    if (!refs)
        return cuv_oom(call->cx);
    *count = call->in_count;
    *out = refs;
    for (size_t i = 0; i < call->in_count; i++)
        refs[i] = call->in[i].value;
    return *count ? CUV_OK : cuv_bad_option(call, "xs", "a list of tensors");
}

cuv_ref cuv_as_float(cuv_call *call, cuv_ref x)
{
    return cuv_dtype_is_float(cuv_var_of(call, x)->dtype) ? x : cuv_emit_cast(call->program, x, CUV_F32);
}

cuv_status cuv_option_axis(cuv_call *call, int place, const char *names, int rank, int64_t fallback, int *axis)
{
    int64_t given = cuv_option_int(call, place, names, fallback), counted = given < 0 ? given + rank : given;
    if (counted < 0 || counted >= rank)
        return cuv_bad_option(call, names, cuv_format(call->cx, "an axis from %d to %d", -rank, rank - 1));
    *axis = (int)counted;
    return CUV_OK;
}

cuv_status cuv_option_axes(cuv_call *call, int place, const char *names, int rank, int *axes, int *count)
{
    int64_t given[CUV_MAX_RANK];
    int n = cuv_option_ints(call, place, names, given);
    *count = 0;
    if (n < 0 && !cuv_is_null(cuv_option(call, place, names)))
        return cuv_bad_option(call, names, "an axis or a list of axes");
    for (int i = 0; i < n; i++) {
        int64_t counted = given[i] < 0 ? given[i] + rank : given[i];
        if (counted < 0 || counted >= rank)
            return cuv_bad_option(call, names, cuv_format(call->cx, "axes from %d to %d", -rank, rank - 1));
        axes[(*count)++] = (int)counted;
    }
    return CUV_OK;
}

cuv_status cuv_give(cuv_call *call, cuv_ref y)
{
    call->out[0] = (cuv_sym){y, CUV_NO_REF};
    call->out_count = 1;
    return call->program->status;
}
