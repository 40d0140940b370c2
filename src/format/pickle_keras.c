/* Variables of Keras 3 on TensorFlow inside pickles, as the weights of a .keras archive in .npz form have them: the array that a variable
 * was made from is in its state, and is taken from there. The names are a pattern that is compared; nothing of them is made or called.
 *     Variable.__new__(Variable), state {"_value": partial(ResourceVariable, initial_value=ARRAY, ...)(), ...} */
#include "format/pickle.h"

static bool names(const pickle_item *item, pickle_callable callable)
{
    return item->tag == PICKLE_GLOBAL && ((const pickle_global *)item->extra)->callable == callable;
}

static cuv_status push_tag(pickle_machine *m, pickle_tag tag)
{
    pickle_item *item = NULL;
    CUV_TRY(pickle_new(m, CUV_NULL, &item));
    item->tag = tag;
    return pickle_push(m, item);
}

bool pickle_keras_class(const pickle_item *item)
{
    return names(item, PICKLE_VARIABLE_CLASS);
}

cuv_status pickle_keras_new(pickle_machine *m, const pickle_item *args)
{
    if (args->value.kind != CUV_TUPLE || args->value.size)
        return pickle_damaged(m, "the pickle makes a variable of Keras with arguments");
    return push_tag(m, PICKLE_VARIABLE);
}

/* partial(ResourceVariable), whose arguments come with its state. */
cuv_status pickle_keras_partial(pickle_machine *m, const cuv_value *args)
{
    if (args->size != 1 || !names(pickle_child(args, 0), PICKLE_RESOURCE))
        return pickle_damaged(m, "the pickle prepares a call of something that is no variable");
    return push_tag(m, PICKLE_PREPARED);
}

/* (ResourceVariable, (), {"initial_value": ARRAY, ...}, None) */
cuv_status pickle_keras_prepare(pickle_machine *m, pickle_item *item, const cuv_value *state)
{
    const cuv_value *named = state->kind == CUV_TUPLE && state->size == 4 ? state->items[2] : NULL;
    const cuv_value *value = named && named->kind == CUV_DICT ? cuv_get(named, "initial_value") : NULL;
    if (!value || value->kind != CUV_TENSOR || ((const pickle_item *)(const void *)value)->tag != PICKLE_PLAIN ||
        !names(pickle_child(state, 0), PICKLE_RESOURCE))
        return pickle_damaged(m, "the pickle has a variable without its array");
    item->extra = value->tensor;
    return CUV_OK;
}

cuv_status pickle_keras_made(pickle_machine *m, const pickle_item *prepared, const cuv_value *args)
{
    pickle_item *item = NULL;
    if (!prepared->extra || args->size)
        return pickle_damaged(m, "the pickle has a variable without its array");
    CUV_TRY(pickle_new(m, CUV_TENSOR, &item));
    item->value.tensor = prepared->extra;
    return pickle_push(m, item);
}

/* The variable becomes its array. */
cuv_status pickle_keras_state(pickle_machine *m, pickle_item *variable, const cuv_value *state)
{
    const cuv_value *value = state->kind == CUV_DICT ? cuv_get(state, "_value") : NULL;
    if (!value || value->kind != CUV_TENSOR || ((const pickle_item *)(const void *)value)->tag != PICKLE_PLAIN)
        return pickle_damaged(m, "the pickle has a variable of Keras without its array");
    variable->tag = PICKLE_PLAIN;
    variable->value = (cuv_value){.kind = CUV_TENSOR, .tensor = value->tensor};
    return CUV_OK;
}

/* as_dtype("float32") stays the text. */
cuv_status pickle_keras_dtype(pickle_machine *m, const cuv_value *args)
{
    if (args->size != 1 || args->items[0]->kind != CUV_TEXT || pickle_child(args, 0)->tag > PICKLE_BORROWED)
        return pickle_damaged(m, "the pickle makes a type of something that is no name");
    return pickle_push(m, pickle_child(args, 0));
}
