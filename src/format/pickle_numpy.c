/* The only names a pickle may use, and what they make: NumPy's arrays, scalars and types, bytes of Python 2's protocols, ordered
 * dicts. A name that is not in the table ends the reading; nothing is looked up anywhere, nothing is called. */
#include "format/pickle.h"

static const pickle_global globals[] = {
    {"numpy.core.multiarray", "_reconstruct", PICKLE_RECONSTRUCT},
    {"numpy._core.multiarray", "_reconstruct", PICKLE_RECONSTRUCT},
    {"numpy.core.multiarray", "scalar", PICKLE_SCALAR},
    {"numpy._core.multiarray", "scalar", PICKLE_SCALAR},
    {"numpy.core.numeric", "_frombuffer", PICKLE_FROMBUFFER},
    {"numpy._core.numeric", "_frombuffer", PICKLE_FROMBUFFER},
    {"numpy", "ndarray", PICKLE_NDARRAY},
    {"numpy", "dtype", PICKLE_DTYPE_CLASS},
    {"_codecs", "encode", PICKLE_ENCODE},
    {"collections", "OrderedDict", PICKLE_ORDERED_DICT},
    {"ml_dtypes", "bfloat16", PICKLE_ML_TYPE},
    {"ml_dtypes", "float8_e4m3fn", PICKLE_ML_TYPE},
    {"ml_dtypes", "float8_e5m2", PICKLE_ML_TYPE},
    {"ml_dtypes", "int4", PICKLE_ML_TYPE},
    {"ml_dtypes", "uint4", PICKLE_ML_TYPE},
    {"joblib.numpy_pickle", "NumpyArrayWrapper", PICKLE_WRAPPER},
    {"sklearn.externals.joblib.numpy_pickle", "NumpyArrayWrapper", PICKLE_WRAPPER},
    {"keras.src.backend", "Variable", PICKLE_VARIABLE_CLASS},
    {"keras.src.backend.tensorflow.core", "Variable", PICKLE_VARIABLE_CLASS},
    {"functools", "partial", PICKLE_PARTIAL},
    {"tensorflow.python.ops.resource_variable_ops", "ResourceVariable", PICKLE_RESOURCE},
    {"tensorflow.python.framework.dtypes", "as_dtype", PICKLE_AS_DTYPE},
};

/* ---- names ---- */

static bool same(const char *name, const char *text, size_t size)
{
    return strlen(name) == size && memcmp(name, text, size) == 0;
}

static cuv_status refuse_global(pickle_machine *m, const char *module, size_t module_size, const char *name,
                                size_t name_size)
{
    enum { MOST = 100 };
    cuv_buffer dotted, quoted;
    cuv_buffer_init(&dotted, m->cx);
    cuv_buffer_init(&quoted, m->cx);
    cuv_buffer_add(&dotted, module, module_size < MOST ? module_size : MOST);
    cuv_buffer_char(&dotted, '.');
    cuv_buffer_add(&dotted, name, name_size < MOST ? name_size : MOST);
    cuv_buffer_safe(&quoted, dotted.data, dotted.size);
    bool failed = dotted.failed || quoted.failed;
    cuv_detail detail = {.file = m->src->name,
                         .found = cuv_format(m->cx, "%s at byte %llu", failed ? "?" : quoted.data,
                                             pickle_offset(m, m->op_at)),
                         .help = "nothing was run; find out where the file comes from before you open it in Python"};
    cuv_status status = cuv_fail(m->cx, CUV_UNSAFE, "pickle.global", &detail,
                                 "the pickle asks for %s at byte %llu; only NumPy arrays and plain containers are read",
                                 failed ? "a name" : quoted.data, pickle_offset(m, m->op_at));
    cuv_buffer_free(&dotted);
    cuv_buffer_free(&quoted);
    return status;
}

static cuv_status push_global(pickle_machine *m, const char *module, size_t module_size, const char *name,
                              size_t name_size)
{
    pickle_item *item = NULL;
    for (size_t i = 0; i < sizeof globals / sizeof *globals; i++) {
        if (!same(globals[i].module, module, module_size) || !same(globals[i].name, name, name_size))
            continue;
        bool of_keras = globals[i].callable >= PICKLE_VARIABLE_CLASS;
        m->keras |= globals[i].callable == PICKLE_VARIABLE_CLASS;
        if (of_keras && !m->keras)      /* only inside a variable, which is named first */
            break;
        CUV_TRY(pickle_new(m, CUV_NULL, &item));
        item->tag = PICKLE_GLOBAL;
        item->extra = &globals[i];
        return pickle_push(m, item);
    }
    return refuse_global(m, module, module_size, name, name_size);
}

static cuv_status read_names(pickle_machine *m, const char *names[2], size_t sizes[2])
{
    CUV_TRY(pickle_read_line(m, &names[0], &sizes[0]));
    return pickle_read_line(m, &names[1], &sizes[1]);
}

cuv_status pickle_op_global(pickle_machine *m, unsigned width)
{
    const char *names[2] = {NULL, NULL};
    size_t sizes[2] = {0, 0};
    (void)width;
    CUV_TRY(read_names(m, names, sizes));
    return push_global(m, names[0], sizes[0], names[1], sizes[1]);
}

/* INST names a class and makes one of it at once; no class that is allowed is made this way. */
cuv_status pickle_op_inst(pickle_machine *m, unsigned width)
{
    const char *names[2] = {NULL, NULL};
    size_t sizes[2] = {0, 0};
    (void)width;
    CUV_TRY(read_names(m, names, sizes));
    return refuse_global(m, names[0], sizes[0], names[1], sizes[1]);
}

cuv_status pickle_op_stack_global(pickle_machine *m, unsigned width)
{
    pickle_item *name = NULL, *module = NULL;
    (void)width;
    CUV_TRY(pickle_pop(m, &name));
    CUV_TRY(pickle_pop(m, &module));
    if (name->value.kind != CUV_TEXT || module->value.kind != CUV_TEXT)
        return pickle_damaged(m, "the pickle asks for a name that is no text");
    return push_global(m, module->value.text, module->value.size, name->value.text, name->value.size);
}

static bool is_callable(const pickle_item *item, pickle_callable callable)
{
    return item->tag == PICKLE_GLOBAL && ((const pickle_global *)item->extra)->callable == callable;
}

static bool is_string(const pickle_item *item)
{
    return item->tag <= PICKLE_BORROWED && (item->value.kind == CUV_TEXT || item->value.kind == CUV_BYTES);
}

/* ---- dicts ---- */

cuv_status pickle_dict_set(pickle_machine *m, pickle_item *dict, pickle_item *key, pickle_item *value)
{
    cuv_kind kind = key->value.kind;
    if (key->tag > PICKLE_BORROWED || kind == CUV_LIST || kind == CUV_DICT || kind == CUV_TENSOR)
        return pickle_damaged(m, "the pickle has a dict with a key that cannot be one");
    if (kind != CUV_TEXT)
        return cuv_dict_add(m->arena, &dict->value, &key->value, &value->value);
    if (memchr(key->value.text, '\0', key->value.size))
        return pickle_damaged(m, "the pickle has a dict with a NUL in a key");
    CUV_TRY(pickle_settle(m, key));
    if (cuv_get(&dict->value, key->value.text))
        return cuv_dict_set(m->arena, &dict->value, key->value.text, &value->value);
    return cuv_dict_add(m->arena, &dict->value, &key->value, &value->value);
}

/* OrderedDict() or OrderedDict([(key, value), …]). */
static cuv_status make_ordered_dict(pickle_machine *m, const cuv_value *args)
{
    pickle_item *dict = NULL;
    const pickle_item *pairs = args->size == 1 ? pickle_child(args, 0) : NULL;
    if (args->size > 1 || (pairs && (pairs->value.kind != CUV_LIST || pairs->tag != PICKLE_PLAIN)))
        return pickle_damaged(m, "the pickle makes an OrderedDict of something that is no list of pairs");
    CUV_TRY(pickle_new(m, CUV_DICT, &dict));
    CUV_TRY(pickle_count(m, pairs ? pairs->value.size : 0));
    for (size_t i = 0; pairs && i < pairs->value.size; i++) {
        const cuv_value *pair = pairs->value.items[i];
        if (!cuv_is_seq(pair) || pair->size != 2)
            return pickle_damaged(m, "the pickle makes an OrderedDict of something that is no list of pairs");
        CUV_TRY(pickle_dict_set(m, dict, pickle_child(pair, 0), pickle_child(pair, 1)));
    }
    return pickle_push(m, dict);
}

/* ---- bytes ---- */

/* _codecs.encode(text, 'latin1'): how protocols before 3 carry bytes. */
static cuv_status make_encoded(pickle_machine *m, const cuv_value *args)
{
    const pickle_item *text = args->size == 2 ? pickle_child(args, 0) : NULL;
    const pickle_item *codec = args->size == 2 ? pickle_child(args, 1) : NULL;
    if (!text || !is_string(text) || text->value.kind != CUV_TEXT || !is_string(codec) ||
        (!same("latin1", codec->value.text, codec->value.size) &&
         !same("latin-1", codec->value.text, codec->value.size)))
        return pickle_damaged(m, "the pickle encodes something other than bytes kept as Latin-1 text");
    const char *in = text->value.text;
    size_t size = text->value.size, written = 0;
    CUV_TRY(pickle_decode(m, size));
    char *out = cuv_arena_alloc(m->arena, size + 1);
    if (!out)
        return cuv_oom(m->cx);
    for (size_t at = 0; at < size; at++) {
        unsigned char c = (unsigned char)in[at];
        if (c >= 0xc4) /* beyond U+00FF; what is pushed as text has been found to be UTF-8 */
            return pickle_damaged(m, "the pickle keeps bytes as a text with characters that are no bytes");
        if (c >= 0xc2)
            c = (unsigned char)((c & 3) << 6 | ((unsigned char)in[++at] & 0x3f));
        out[written++] = (char)c;
    }
    out[written] = '\0';
    return pickle_push_string(m, CUV_BYTES, out, written, false);
}

/* ---- types and scalars ---- */

/* dtype('f4', False, True) or dtype(ml_dtypes.bfloat16, False, True). */
static cuv_status make_dtype(pickle_machine *m, const cuv_value *args)
{
    pickle_item *item = NULL;
    const pickle_item *name = args->size > 0 ? pickle_child(args, 0) : NULL;
    cuv_numpy_type *type = CUV_NEW(m->arena, cuv_numpy_type);
    if (!type)
        return cuv_oom(m->cx);
    if (name && is_callable(name, PICKLE_ML_TYPE)) {
        const pickle_global *global = name->extra;
        if (!cuv_numpy_type_ml(global->name, strlen(global->name), type))
            return pickle_damaged(m, "the pickle makes a type of an unknown name");
    } else if (name && is_string(name)) {
        CUV_TRY(cuv_numpy_type_parse(m->cx, m->src, name->value.text, name->value.size, type));
    } else {
        return pickle_damaged(m, "the pickle makes a type of something that is no name");
    }
    CUV_TRY(pickle_new(m, CUV_NULL, &item));
    item->tag = PICKLE_DTYPE;
    item->extra = type;
    return pickle_push(m, item);
}

/* (version, byte order, subdtype, names, fields, size, alignment, flags). */
static cuv_status set_dtype_state(pickle_machine *m, pickle_item *item, const cuv_value *state)
{
    cuv_numpy_type *type = CUV_NEW(m->arena, cuv_numpy_type);
    if (!type)
        return cuv_oom(m->cx);
    *type = *(const cuv_numpy_type *)item->extra;
    const pickle_item *order = state->size >= 5 ? pickle_child(state, 1) : NULL;
    if (!order || !is_string(order) || order->value.size != 1 || !cuv_numpy_type_order(type, order->value.text[0]))
        return pickle_damaged(m, "the pickle describes a type without its byte order");
    for (size_t i = 2; i < 5; i++) {
        if (state->items[i]->kind == CUV_NULL && pickle_child(state, i)->tag == PICKLE_PLAIN)
            continue;
        cuv_detail detail = {.file = m->src->name};
        return cuv_fail(m->cx, CUV_UNSUPPORTED, "npy.dtype", &detail,
                        "the pickle holds an array of records, which no layer has as weights");
    }
    item->extra = type;
    return CUV_OK;
}

static cuv_status make_scalar(pickle_machine *m, const cuv_value *args)
{
    const pickle_item *dtype = args->size == 2 ? pickle_child(args, 0) : NULL;
    const pickle_item *data = args->size == 2 ? pickle_child(args, 1) : NULL;
    if (!dtype || dtype->tag != PICKLE_DTYPE || !is_string(data))
        return pickle_damaged(m, "the pickle makes a scalar of something other than a type and its bytes");
    cuv_value *value = NULL;
    pickle_item *item = NULL;
    CUV_TRY(pickle_decode(m, data->value.size));
    CUV_TRY(cuv_numpy_scalar(m->arena, m->src, dtype->extra, (const uint8_t *)data->value.text, data->value.size,
                             &value));
    CUV_TRY(pickle_new(m, value->kind, &item));
    item->value = *value;
    return pickle_push(m, item);
}

/* ---- arrays ---- */

typedef struct shape {
    int64_t lengths[CUV_MAX_RANK];
    int rank;
} shape;

static cuv_status read_shape(pickle_machine *m, const pickle_item *item, shape *out)
{
    if (item->value.kind != CUV_TUPLE || item->tag != PICKLE_PLAIN)
        return pickle_damaged(m, "the pickle has an array whose shape is no tuple");
    if (item->value.size > CUV_MAX_RANK) {
        cuv_detail detail = {.file = m->src->name};
        return cuv_fail(m->cx, CUV_UNSUPPORTED, "tensor.rank", &detail,
                        "the pickle has an array of %zu axes; at most %d are supported", item->value.size,
                        CUV_MAX_RANK);
    }
    out->rank = (int)item->value.size;
    for (int i = 0; i < out->rank; i++) {
        const cuv_value *length = item->value.items[i];
        if (length->kind != CUV_INTEGER || length->integer < 0)
            return pickle_damaged(m, "the pickle has an array whose shape holds something other than lengths");
        out->lengths[i] = length->integer;
    }
    return CUV_OK;
}

static cuv_status make_array(pickle_machine *m, const pickle_item *dtype, const shape *s, bool fortran,
                             const pickle_item *data, cuv_tensor **out)
{
    const cuv_numpy_type *type = dtype->extra;
    size_t bytes = 0;
    *out = NULL;
    if (!is_string(data))
        return pickle_damaged(m, "the pickle has an array without its bytes");
    if (!cuv_numpy_bytes(type, s->lengths, s->rank, &bytes) || bytes != data->value.size) {
        cuv_detail detail = {.file = m->src->name};
        return cuv_fail(m->cx, CUV_DAMAGED, "pickle.array", &detail,
                        "an array of shape %s and %zu bytes an element comes with %zu bytes",
                        cuv_shape_text(m->cx, s->lengths, s->rank), type->size, data->value.size);
    }
    CUV_TRY(pickle_decode(m, fortran || type->swap || type->dtype == CUV_STR ? bytes : 0));
    return cuv_numpy_array(m->arena, m->src, type, s->lengths, s->rank, fortran, (const uint8_t *)data->value.text,
                           bytes, out);
}

/* The bytes of an array that stand in the file itself, behind the opcode that was run last. */
cuv_status pickle_raw_array(pickle_machine *m, const pickle_item *dtype, const pickle_item *lengths, bool fortran, cuv_tensor **out)
{
    shape s = {.rank = 0};
    pickle_item data = {.value = {.kind = CUV_BYTES}, .tag = PICKLE_BORROWED};
    *out = NULL;
    CUV_TRY(read_shape(m, lengths, &s));
    if (!cuv_numpy_bytes(dtype->extra, s.lengths, s.rank, &data.value.size))
        return pickle_damaged(m, "the pickle has an array larger than any file");
    data.value.text = (const char *)cuv_read_bytes(&m->in, data.value.size);
    return data.value.text ? make_array(m, dtype, &s, fortran, &data, out) : pickle_truncated(m);
}

bool pickle_is_ndarray(const pickle_item *item)
{
    return is_callable(item, PICKLE_NDARRAY);
}

/* The flat list of an object array as lists in lists. The order is C's, whatever the array's own is. */
static cuv_status nest(pickle_machine *m, cuv_value ***next, const shape *s, int axis, cuv_value *list)
{
    size_t size = (size_t)s->lengths[axis];
    CUV_TRY(pickle_count(m, size));
    list->items = CUV_NEW_ARRAY(m->arena, cuv_value *, size);
    if (!list->items)
        return cuv_oom(m->cx);
    list->capacity = size;
    for (size_t i = 0; i < size; i++) {
        if (axis + 1 == s->rank) {
            list->items[list->size++] = *(*next)++;
            continue;
        }
        pickle_item *row = NULL;
        CUV_TRY(pickle_new(m, CUV_LIST, &row));
        CUV_TRY(nest(m, next, s, axis + 1, &row->value));
        list->items[list->size++] = &row->value;
    }
    return CUV_OK;
}

static cuv_status set_objects(pickle_machine *m, pickle_item *array, const shape *s, const pickle_item *data)
{
    size_t count = 0;
    if (data->value.kind != CUV_LIST || data->tag != PICKLE_PLAIN || !cuv_shape_count(s->lengths, s->rank, &count) ||
        count != data->value.size)
        return pickle_damaged(m, "the pickle has an array of objects whose shape and number of objects differ");
    if (s->rank == 0) {
        array->tag = PICKLE_ALIAS;
        array->extra = pickle_child(&data->value, 0);
        return CUV_OK;
    }
    cuv_value **next = data->value.items;
    array->tag = PICKLE_PLAIN;
    array->value = (cuv_value){.kind = CUV_LIST};
    return nest(m, &next, s, 0, &array->value);
}

/* (version, shape, dtype, is_fortran, data); the oldest NumPy leaves out the version. */
static cuv_status set_array_state(pickle_machine *m, pickle_item *array, const cuv_value *state)
{
    size_t first = state->size == 5 ? 1 : 0;
    bool fortran = false;
    shape s = {.rank = 0};
    cuv_tensor *tensor = NULL;
    if (state->size < 4 || state->size > 5)
        return pickle_damaged(m, "the pickle has an array without its state");
    const pickle_item *dtype = pickle_child(state, first + 1), *data = pickle_child(state, first + 3);
    CUV_TRY(read_shape(m, pickle_child(state, first), &s));
    if (dtype->tag != PICKLE_DTYPE || !cuv_as_bool(state->items[first + 2], &fortran))
        return pickle_damaged(m, "the pickle has an array without a type and order");
    if (((const cuv_numpy_type *)dtype->extra)->kind == 'O')
        return set_objects(m, array, &s, data);
    CUV_TRY(make_array(m, dtype, &s, fortran, data, &tensor));
    array->tag = PICKLE_PLAIN;
    array->value = (cuv_value){.kind = CUV_TENSOR, .tensor = tensor};
    return CUV_OK;
}

static cuv_status push_tensor(pickle_machine *m, const cuv_tensor *tensor)
{
    pickle_item *item = NULL;
    CUV_TRY(pickle_new(m, CUV_TENSOR, &item));
    item->value.tensor = tensor;
    return pickle_push(m, item);
}

/* _frombuffer(buffer, dtype, shape, order) of protocol 5. Order 'K' comes with the axes to turn the C-order array by. */
static cuv_status make_from_buffer(pickle_machine *m, const cuv_value *args)
{
    shape s = {.rank = 0}, axes = {.rank = 0};
    cuv_tensor *tensor = NULL;
    const pickle_item *order = args->size >= 4 ? pickle_child(args, 3) : NULL;
    if (!order || args->size > 5 || pickle_child(args, 1)->tag != PICKLE_DTYPE || !is_string(order) ||
        order->value.size != 1 || ((const cuv_numpy_type *)pickle_child(args, 1)->extra)->kind == 'O')
        return pickle_damaged(m, "the pickle has a buffer without its type, shape and order");
    CUV_TRY(read_shape(m, pickle_child(args, 2), &s));
    CUV_TRY(make_array(m, pickle_child(args, 1), &s, order->value.text[0] == 'F', pickle_child(args, 0), &tensor));
    bool turned = args->size == 5 && order->value.text[0] == 'K' && args->items[4]->kind != CUV_NULL;
    if (!turned)
        return push_tensor(m, tensor);
    int perm[CUV_MAX_RANK] = {0};
    unsigned seen = 0;
    CUV_TRY(read_shape(m, pickle_child(args, 4), &axes));
    for (int i = 0; i < axes.rank; i++) {
        perm[i] = axes.lengths[i] < CUV_MAX_RANK ? (int)axes.lengths[i] : 0;
        seen |= 1U << perm[i];
    }
    if (axes.rank != s.rank || seen != (1U << s.rank) - 1)
        return pickle_damaged(m, "the pickle has a buffer whose order of axes is none");
    CUV_TRY(pickle_decode(m, cuv_tensor_bytes(tensor)));
    cuv_tensor *source = tensor;
    CUV_TRY(cuv_tensor_transpose(m->arena, source, perm, &tensor));
    return push_tensor(m, tensor);
}

/* _reconstruct(ndarray, (0,), b'b') makes an empty array, which BUILD fills. */
static cuv_status make_empty_array(pickle_machine *m, const cuv_value *args)
{
    pickle_item *item = NULL;
    if (args->size != 3 || !is_callable(pickle_child(args, 0), PICKLE_NDARRAY))
        return pickle_damaged(m, "the pickle makes an array that is none of NumPy's");
    CUV_TRY(pickle_new(m, CUV_NULL, &item));
    item->tag = PICKLE_ARRAY;
    return pickle_push(m, item);
}

/* ---- the two opcodes ---- */

cuv_status pickle_op_reduce(pickle_machine *m, unsigned width)
{
    pickle_item *args = NULL, *callable = NULL;
    (void)width;
    CUV_TRY(pickle_pop(m, &args));
    CUV_TRY(pickle_pop(m, &callable));
    if (args->value.kind == CUV_TUPLE && callable->tag == PICKLE_PREPARED)
        return pickle_keras_made(m, callable, &args->value);
    if (args->value.kind != CUV_TUPLE || callable->tag != PICKLE_GLOBAL)
        return pickle_damaged(m, "the pickle calls something that is no function, or without arguments");
    const cuv_value *tuple = &args->value;
    switch (((const pickle_global *)callable->extra)->callable) {
    case PICKLE_RECONSTRUCT: return make_empty_array(m, tuple);
    case PICKLE_SCALAR: return make_scalar(m, tuple);
    case PICKLE_FROMBUFFER: return make_from_buffer(m, tuple);
    case PICKLE_DTYPE_CLASS: return make_dtype(m, tuple);
    case PICKLE_ENCODE: return make_encoded(m, tuple);
    case PICKLE_ORDERED_DICT: return make_ordered_dict(m, tuple);
    case PICKLE_PARTIAL: return pickle_keras_partial(m, tuple);
    case PICKLE_AS_DTYPE: return pickle_keras_dtype(m, tuple);
    case PICKLE_NDARRAY: case PICKLE_ML_TYPE: case PICKLE_WRAPPER: case PICKLE_VARIABLE_CLASS: case PICKLE_RESOURCE: break;
    }
    return pickle_damaged(m, "the pickle calls a type that is not called in pickles");
}

cuv_status pickle_op_build(pickle_machine *m, unsigned width)
{
    pickle_item *state = NULL;
    (void)width;
    CUV_TRY(pickle_pop(m, &state));
    if (m->count > 0 && m->stack[m->count - 1]->tag == PICKLE_VARIABLE)
        return pickle_keras_state(m, m->stack[m->count - 1], &state->value);
    if (m->count > 0 && m->stack[m->count - 1]->tag == PICKLE_PREPARED)
        return pickle_keras_prepare(m, m->stack[m->count - 1], &state->value);
    if (m->count > 0 && m->stack[m->count - 1]->tag == PICKLE_WRAPPED)
        return pickle_joblib_state(m, m->stack[m->count - 1], &state->value);
    if (m->count == 0 || state->value.kind != CUV_TUPLE)
        return pickle_damaged(m, "the pickle gives a state to nothing, or none to something");
    pickle_item *item = m->stack[m->count - 1];
    if (item->tag == PICKLE_DTYPE)
        return set_dtype_state(m, item, &state->value);
    if (item->tag == PICKLE_ARRAY)
        return set_array_state(m, item, &state->value);
    return pickle_damaged(m, "the pickle gives a state to something that has none");
}
