/* Operations on symbolic tensors: functions of keras.ops, keras.backend and TensorFlow, and Python's operators. Each would be a node of
 * its own in the model; this version names them in an error. */
#include "evidence/script.h"

static const char help[] = "write it with a layer of Keras: add([a, b]), multiply([a, b]), Activation('relu'), Reshape(...)";

cuv_status cuv_sc_op(cuv_sc *e, const char *class_name, const char *family, const cuv_sargs *args, cuv_sv **out)
{
    (void)family;
    (void)out;
    return cuv_sc_unsupported(e, args->node, help, "the operation %s on a symbolic tensor", class_name);
}

/* Functions that look at tensors or models without making new ones come out as unknown to them. */
cuv_status cuv_sc_op_function(cuv_sc *e, const char *name, const cuv_sargs *args, cuv_sv **out)
{
    for (size_t i = 0; i < args->count; i++)
        if (args->items[i]->kind == CUV_SV_TENSOR || cuv_sv_is_seq(args->items[i]))
            return cuv_sc_unsupported(e, args->node, help, "'%s' is called on a symbolic tensor of the model", name);
    *out = NULL;
    return CUV_OK;
}

cuv_status cuv_sc_symbol_operate(cuv_sc *e, int op, cuv_sv *a, cuv_sv *b, cuv_sv **out)
{
    (void)a;
    (void)b;
    (void)out;
    return cuv_sc_unsupported(e, e->at, help, "the operator '%c' on a symbolic tensor of the model", op > 32 && op < 127 ? op : '?');
}

cuv_status cuv_sc_symbol_unary(cuv_sc *e, const char *class_name, cuv_sv *a, cuv_sv **out)
{
    (void)a;
    (void)out;
    return cuv_sc_unsupported(e, e->at, help, "the operation %s on a symbolic tensor of the model", class_name);
}

cuv_status cuv_sc_symbol_index(cuv_sc *e, cuv_sv *of, cuv_sv *index, cuv_sv **out)
{
    (void)of;
    (void)index;
    (void)out;
    return cuv_sc_unsupported(e, e->at, help, "a part of a symbolic tensor of the model is taken");
}
