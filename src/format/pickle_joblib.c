/* Arrays as joblib.dump writes them: the pickle has a stand-in with type, shape and order, and the bytes of the array stand in the file right
 * behind the opcode that gives it its state. (An array of objects stands there as a pickle of its own.)
 *     NumpyArrayWrapper.__new__(NumpyArrayWrapper), state {"subclass", "shape", "order", "dtype", "allow_mmap", ...}, bytes */
#include "format/pickle.h"

bool pickle_joblib_class(const pickle_item *item)
{
    return item->tag == PICKLE_GLOBAL && ((const pickle_global *)item->extra)->callable == PICKLE_WRAPPER;
}

cuv_status pickle_joblib_new(pickle_machine *m, const pickle_item *args)
{
    pickle_item *item = NULL;
    if (args->value.kind != CUV_TUPLE || args->value.size || m->inner)
        return pickle_damaged(m, "the pickle makes an array of joblib where none can be");
    CUV_TRY(pickle_new(m, CUV_NULL, &item));
    item->tag = PICKLE_WRAPPED;
    return pickle_push(m, item);
}

static const pickle_item *field(const cuv_value *state, const char *name)
{
    return (const pickle_item *)(const void *)cuv_get(state, name);
}

/* Since joblib 1.2 a byte says how many others follow before the array begins at a multiple of 16. */
static cuv_status skip_padding(pickle_machine *m, const cuv_value *state)
{
    const pickle_item *alignment = field(state, "numpy_array_alignment_bytes");
    if (alignment && alignment->value.kind == CUV_INTEGER)
        cuv_skip(&m->in, cuv_read_u8(&m->in));
    return m->in.failed ? pickle_truncated(m) : CUV_OK;
}

/* The stand-in becomes the array, or what the array of objects holds. */
cuv_status pickle_joblib_state(pickle_machine *m, pickle_item *array, const cuv_value *state)
{
    const bool plain = state->kind == CUV_DICT;
    const pickle_item *subclass = plain ? field(state, "subclass") : NULL, *shape = plain ? field(state, "shape") : NULL;
    const pickle_item *order = plain ? field(state, "order") : NULL, *dtype = plain ? field(state, "dtype") : NULL;
    pickle_item *objects = NULL;
    cuv_tensor *tensor = NULL;
    if (!subclass || !shape || !order || !dtype || !pickle_is_ndarray(subclass) || dtype->tag != PICKLE_DTYPE ||
        order->tag > PICKLE_BORROWED || order->value.kind != CUV_TEXT || order->value.size != 1)
        return pickle_damaged(m, "the pickle has an array of joblib without its class, shape, order and type");
    if (((const cuv_numpy_type *)dtype->extra)->kind == 'O') {
        CUV_TRY(pickle_run_inner(m, &objects));
        array->tag = PICKLE_ALIAS;
        array->extra = objects;
        return CUV_OK;
    }
    CUV_TRY(skip_padding(m, state));
    CUV_TRY(pickle_raw_array(m, dtype, shape, order->value.text[0] == 'F', &tensor));
    array->tag = PICKLE_PLAIN;
    array->value = (cuv_value){.kind = CUV_TENSOR, .tensor = tensor};
    return CUV_OK;
}
