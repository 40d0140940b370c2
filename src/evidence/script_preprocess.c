/* preprocess_input of the modules of keras.applications: on a tensor the operations that Keras makes of it, in a Lambda the expression that it is.
 * On pictures it does nothing to the model. */
#include "evidence/script_ready.h"

typedef enum scaling { UNKNOWN, SAME, SIGNED, CAFFE, TORCH } scaling;

/* What Caffe's networks subtract from blue, green and red; means and deviations of red, green and blue. */
static const double caffe_means[3] = {103.939, 116.779, 123.68}, means[3] = {.485, .456, .406}, deviations[3] = {.229, .224, .225};

static scaling of_mode(const char *mode)
{
    return cuv_streq(mode, "caffe") ? CAFFE : cuv_streq(mode, "tf") ? SIGNED : cuv_streq(mode, "torch") ? TORCH : UNKNOWN;
}

/* By the module: "keras.applications.vgg16.preprocess_input". */
static scaling way_of(const char *name, const char *mode)
{
    static const struct { const char *modules; scaling way; } table[] = {
        {"vgg16 vgg19 resnet resnet50", CAFFE},
        {"resnet_v2 inception_v3 inception_resnet_v2 xception mobilenet mobilenet_v2 nasnet", SIGNED},
        {"densenet", TORCH}, {"efficientnet efficientnet_v2 mobilenet_v3 convnext", SAME}};
    char module[40] = "";
    const char *from = strstr(name, "applications."), *end = strrchr(name, '.');
    from = from ? from + strlen("applications.") : end;
    if (!end || from >= end || (size_t)(end - from) >= sizeof module)
        return UNKNOWN;
    memcpy(module, from, (size_t)(end - from));
    if (cuv_streq(module, "imagenet_utils"))
        return of_mode(mode ? mode : "caffe");
    for (size_t i = 0; i < sizeof table / sizeof *table; i++)
        if (cuv_word_in(table[i].modules, module))
            return table[i].way;
    return UNKNOWN;
}

/* ---- on tensors ---- */

static cuv_status three(cuv_sc *e, const double *values, double sign, const cuv_py *node, cuv_sv **out)
{
    cuv_sv *list = NULL, *number = NULL, *dtype = NULL;
    CUV_TRY(cuv_sv_make(e, CUV_SV_LIST, &list));
    for (size_t i = 0; i < 3; i++) {
        CUV_TRY(cuv_sv_real(e, sign * values[i], &number));
        CUV_TRY(cuv_sv_add(e, list, number));
    }
    CUV_TRY(cuv_sv_word(e, "float32", &dtype));
    return cuv_sc_numpy(e, "array", &(cuv_sargs){(cuv_sv *[]){list, dtype}, 2, NULL, NULL, 0, node}, out);
}

static cuv_status with_number(cuv_sc *e, int op, cuv_sv **x, double value)
{
    cuv_sv *number = NULL;
    CUV_TRY(cuv_sv_real(e, value, &number));
    return cuv_sc_symbol_operate(e, op, *x, number, x);
}

static cuv_status last_axis(cuv_sc *e, cuv_sv *key, cuv_sv **index)
{
    CUV_TRY(cuv_sv_make(e, CUV_SV_TUPLE, index));
    CUV_TRY(cuv_sv_add(e, *index, e->everything));
    return cuv_sv_add(e, *index, key);
}

/* Red, green and blue become blue, green and red: a step of -1 in Keras 2, one by one in Keras 3. */
static cuv_status turn(cuv_sc *e, cuv_sv **x, const cuv_py *node)
{
    cuv_sv *key = NULL, *index = NULL, *list = NULL, *axis = NULL, *channel = NULL;
    const char *name = "axis";
    CUV_TRY(cuv_sv_int(e, -1, &axis));
    if (e->script->keras == 2) {
        CUV_TRY(cuv_sv_make(e, CUV_SV_SLICE, &key));
        CUV_TRY(cuv_sv_add(e, key, e->none));
        CUV_TRY(cuv_sv_add(e, key, e->none));
        CUV_TRY(cuv_sv_add(e, key, axis));
        CUV_TRY(last_axis(e, key, &index));
        return cuv_sc_symbol_index(e, *x, index, x);
    }
    CUV_TRY(cuv_sv_make(e, CUV_SV_LIST, &list));
    for (int64_t i = 2; i >= 0; i--) {
        CUV_TRY(cuv_sv_int(e, i, &key));
        CUV_TRY(last_axis(e, key, &index));
        CUV_TRY(cuv_sc_symbol_index(e, *x, index, &channel));
        CUV_TRY(cuv_sv_add(e, list, channel));
    }
    return cuv_sc_op_function(e, "keras.ops.stack", &(cuv_sargs){&list, 1, &name, &axis, 1, node}, x);
}

static cuv_status on_tensor(cuv_sc *e, scaling way, cuv_sv *x, const cuv_py *node, cuv_sv **out)
{
    cuv_sv *mean = NULL, *deviation = NULL;
    *out = x;
    e->at = node;
    if (way == SAME)
        return CUV_OK;
    if (way == SIGNED) {
        CUV_TRY(with_number(e, '/', out, 127.5));
        return with_number(e, '-', out, 1);
    }
    CUV_TRY(way == TORCH ? with_number(e, '/', out, 255) : turn(e, out, node));
    CUV_TRY(three(e, way == TORCH ? means : caffe_means, -1, node, &mean));
    if (e->script->keras == 2)
        CUV_TRY(cuv_sc_op_function(e, "tensorflow.nn.bias_add", &(cuv_sargs){(cuv_sv *[]){*out, mean}, 2, NULL, NULL, 0, node}, out));
    else
        CUV_TRY(cuv_sc_symbol_operate(e, '+', *out, mean, out));
    if (way == CAFFE)
        return CUV_OK;
    CUV_TRY(three(e, deviations, 1, node, &deviation));
    return cuv_sc_symbol_operate(e, '/', *out, deviation, out);
}

cuv_status cuv_sc_preprocess(cuv_sc *e, const char *name, const cuv_sargs *args, cuv_sv **out)
{
    cuv_sv *x = cuv_sc_arg(args, 0, "x"), *format = cuv_sc_arg(args, 1, "data_format"), *mode = cuv_sc_arg(args, 2, "mode");
    scaling way = way_of(name, mode && mode->kind == CUV_SV_TEXT ? mode->text : NULL);
    bool first = e->channels_first || cuv_sv_is(format, "channels_first");
    if (!x || x->kind != CUV_SV_TENSOR) {
        e->skip = true;
        return cuv_sv_unknown(e, out, "what %s gives", name);
    }
    if (way == UNKNOWN || first)
        return cuv_sc_unsupported(e, args->node, "write down what it computes", "'%s' of a tensor%s", name, first ? ", with channels first" : "");
    return on_tensor(e, way, x, args->node, out);
}

/* ---- in a Lambda ---- */

static cuv_value *list_of(cuv_arena *arena, const char *head, cuv_value *a, cuv_value *b)
{
    cuv_value *list = cuv_value_list(arena), *word = cuv_value_text(arena, head);
    if (!list || !word || !a || !b || cuv_list_add(arena, list, word) != CUV_OK || cuv_list_add(arena, list, a) != CUV_OK ||
        cuv_list_add(arena, list, b) != CUV_OK)
        return NULL;
    return list;
}

static cuv_value *with(cuv_arena *arena, const char *head, cuv_value *x, double value)
{
    return list_of(arena, head, x, cuv_value_real(arena, value));
}

/* x[..., i:i + 1], which keeps the axis for concatenate. */
static cuv_value *channel(cuv_arena *arena, cuv_value *x, int64_t i)
{
    cuv_value *key = cuv_value_tuple(arena), *dots = cuv_value_text(arena, "...");
    cuv_value *slice = list_of(arena, "slice", cuv_value_int(arena, i), cuv_value_int(arena, i + 1)), *none = cuv_value_null(arena);
    if (!key || !dots || !slice || !none || cuv_list_add(arena, slice, none) != CUV_OK || cuv_list_add(arena, key, dots) != CUV_OK ||
        cuv_list_add(arena, key, slice) != CUV_OK)
        return NULL;
    return list_of(arena, "index", x, key);
}

static cuv_value *joined(cuv_arena *arena, cuv_value *const *parts)
{
    cuv_value *call = cuv_value_list(arena), *plain = cuv_value_tuple(arena), *named = cuv_value_dict(arena), *list = cuv_value_list(arena);
    cuv_value *head = cuv_value_text(arena, "call"), *name = cuv_value_text(arena, "keras.ops.concatenate"), *word = cuv_value_text(arena, "list");
    bool ok = call && plain && named && list && head && name && word && cuv_list_add(arena, list, word) == CUV_OK;
    for (size_t i = 0; ok && i < 3; i++)
        ok = parts[i] && cuv_list_add(arena, list, parts[i]) == CUV_OK;
    ok = ok && cuv_list_add(arena, plain, list) == CUV_OK && cuv_dict_set(arena, named, "axis", cuv_value_int(arena, -1)) == CUV_OK;
    ok = ok && cuv_list_add(arena, call, head) == CUV_OK && cuv_list_add(arena, call, name) == CUV_OK;
    return ok && cuv_list_add(arena, call, plain) == CUV_OK && cuv_list_add(arena, call, named) == CUV_OK ? call : NULL;
}

cuv_status cuv_sc_preprocess_expression(cuv_sc *e, const char *name, const char *mode, cuv_value *x, cuv_value **out)
{
    scaling way = way_of(name, mode);
    cuv_value *parts[3];
    *out = NULL;
    if (way == UNKNOWN || e->channels_first)
        return CUV_OK;
    if (way == SAME) {
        *out = with(e->arena, "mul", x, 1);
        return *out ? CUV_OK : cuv_oom(e->cx);
    }
    for (size_t i = 0; i < 3; i++) {
        cuv_value *c = channel(e->arena, x, (int64_t)(way == CAFFE ? 2 - i : i));
        parts[i] = way == CAFFE ? with(e->arena, "sub", c, caffe_means[i])
                                 : with(e->arena, "div", with(e->arena, "sub", with(e->arena, "div", c, 255), means[i]), deviations[i]);
    }
    *out = way == SIGNED ? with(e->arena, "sub", with(e->arena, "div", x, 127.5), 1) : joined(e->arena, parts);
    return *out ? CUV_OK : cuv_oom(e->cx);
}
