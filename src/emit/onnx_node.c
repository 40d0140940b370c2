/* Nodes of an ONNX graph, encoded as they are made (onnx.proto: NodeProto, AttributeProto, ValueInfoProto). */
#include "emit/onnx.h"

static void put_attr(onnx_writer *w, cuv_buffer *node, const onnx_attr *a)
{
    cuv_buffer b;
    cuv_buffer_init(&b, w->cx);
    cuv_proto_text(&b, 1, a->name);
    switch (a->kind) {
    case ONNX_A_END: break;
    case ONNX_A_FLOAT: cuv_proto_float(&b, 2, a->f); break;
    case ONNX_A_INT: cuv_proto_int(&b, 3, a->i); break;
    case ONNX_A_STRING: cuv_proto_text(&b, 4, a->s); break;
    case ONNX_A_GRAPH: cuv_proto_message(&b, 6, a->graph); break;
    case ONNX_A_FLOATS:
        for (size_t i = 0; i < a->count; i++)
            cuv_proto_float(&b, 7, a->floats[i]);
        break;
    case ONNX_A_INTS:
        for (size_t i = 0; i < a->count; i++)
            cuv_proto_int(&b, 8, a->ints[i]);
        break;
    case ONNX_A_STRINGS:
        for (size_t i = 0; i < a->count; i++)
            cuv_proto_text(&b, 9, a->strings[i]);
        break;
    }
    cuv_proto_int(&b, 20, a->kind);
    cuv_proto_message(node, 5, &b);
}

const char *onnx_node(onnx_writer *w, const char *op, const char *const *in, size_t in_count, const onnx_attr *attrs,
                      const char **out, size_t outs)
{
    cuv_buffer b;
    const char *first = NULL;
    if (onnx_failed(w))
        return NULL;
    cuv_buffer_init(&b, w->cx);
    while (in_count && !in[in_count - 1])       /* absent ones at the end are left out */
        in_count--;
    for (size_t i = 0; i < in_count; i++)
        cuv_proto_text(&b, 1, in[i] ? in[i] : "");
    for (size_t i = 0; i < outs; i++) {
        const char *name = onnx_name(w, cuv_format(w->cx, "%s_%s", w->base ? w->base : "step", op));
        first = i ? first : name;
        if (out)
            out[i] = name;
        if (name)
            cuv_proto_text(&b, 2, name);
    }
    if (first)
        cuv_proto_text(&b, 3, first);
    cuv_proto_text(&b, 4, op);
    for (size_t i = 0; attrs && attrs[i].name; i++)
        put_attr(w, &b, &attrs[i]);
    if (w->doc)
        cuv_proto_text(&b, 6, w->doc);
    cuv_proto_message(w->nodes, w->node_field, &b);
    if (w->nodes->failed && !onnx_failed(w))
        w->status = cuv_oom(w->cx);
    return onnx_failed(w) ? NULL : first;
}

const char *onnx_op1(onnx_writer *w, const char *op, const char *x)
{
    return onnx_node(w, op, ONNX_IN(x), NULL, NULL, 1);
}

const char *onnx_op2(onnx_writer *w, const char *op, const char *a, const char *b)
{
    return onnx_node(w, op, ONNX_IN(a, b), NULL, NULL, 1);
}

const char *onnx_op3(onnx_writer *w, const char *op, const char *a, const char *b, const char *c)
{
    return onnx_node(w, op, ONNX_IN(a, b, c), NULL, NULL, 1);
}

const char *onnx_cast(onnx_writer *w, const char *x, onnx_type type)
{
    return onnx_node(w, "Cast", ONNX_IN(x), ONNX_ATTRS(ONNX_AI("to", type)), NULL, 1);
}

const char *onnx_transpose(onnx_writer *w, const char *x, const int *perm, int rank)
{
    int64_t order[CUV_MAX_RANK];
    for (int i = 0; i < rank; i++)
        order[i] = perm[i];
    if (onnx_is_identity(perm, rank))
        return x;
    return onnx_node(w, "Transpose", ONNX_IN(x), ONNX_ATTRS(ONNX_AIS("perm", order, rank)), NULL, 1);
}

const char *onnx_reshape(onnx_writer *w, const char *x, const int64_t *shape, int rank)
{
    return onnx_op2(w, "Reshape", x, onnx_ints(w, shape, (size_t)rank));
}

const char *onnx_slice(onnx_writer *w, const char *x, int axis, int64_t start, int64_t stop, int64_t step)
{
    const int64_t at = axis;
    return onnx_node(w, "Slice", ONNX_IN(x, onnx_ints(w, &start, 1), onnx_ints(w, &stop, 1), onnx_ints(w, &at, 1),
                     onnx_ints(w, &step, 1)), NULL, NULL, 1);
}

const char *onnx_unsqueeze(onnx_writer *w, const char *x, int axis)
{
    const int64_t at = axis;
    return onnx_op2(w, "Unsqueeze", x, onnx_ints(w, &at, 1));
}

const char *onnx_squeeze(onnx_writer *w, const char *x, int axis)
{
    const int64_t at = axis;
    return onnx_op2(w, "Squeeze", x, onnx_ints(w, &at, 1));
}

const char *onnx_reduce(onnx_writer *w, const char *op, const char *x, const int64_t *axes, size_t count, bool keepdims)
{
    return onnx_node(w, op, ONNX_IN(x, onnx_ints(w, axes, count)), ONNX_ATTRS(ONNX_AI("keepdims", keepdims)), NULL, 1);
}

const char *onnx_size(onnx_writer *w, cuv_ref ref, int axis)
{
    const int64_t size = onnx_var(w, ref)->shape[axis];
    if (size >= 0)
        return onnx_ints(w, &size, 1);
    const int at = onnx_place(onnx_native(w, ref), onnx_var(w, ref)->rank, axis);
    const char *x = onnx_want(w, ref, onnx_native(w, ref));
    return onnx_node(w, "Shape", ONNX_IN(x), ONNX_ATTRS(ONNX_AI("start", at), ONNX_AI("end", at + 1)), NULL, 1);
}

const char *onnx_concat(onnx_writer *w, const char *const *in, size_t count, int axis)
{
    return count == 1 ? in[0] : onnx_node(w, "Concat", in, count, ONNX_ATTRS(ONNX_AI("axis", axis)), NULL, 1);
}

void onnx_value_info(onnx_writer *w, cuv_buffer *b, int field, const char *name, onnx_type type, const int64_t *shape, int rank,
                     const char *dims)
{
    cuv_buffer info, of_type, tensor, sizes, dim;
    cuv_buffer_init(&info, w->cx);
    cuv_buffer_init(&of_type, w->cx);
    cuv_buffer_init(&tensor, w->cx);
    cuv_buffer_init(&sizes, w->cx);
    cuv_buffer_init(&dim, w->cx);
    for (int i = 0; shape && i < rank; i++) {
        if (shape[i] >= 0)
            cuv_proto_int(&dim, 1, shape[i]);
        else
            cuv_proto_text(&dim, 2, i ? cuv_format(w->cx, "%s_%d", dims, i) : "batch");
        cuv_proto_message(&sizes, 1, &dim);
    }
    cuv_proto_text(&info, 1, name);
    cuv_proto_int(&tensor, 1, type);
    if (shape)
        cuv_proto_message(&tensor, 2, &sizes);
    cuv_proto_message(&of_type, 1, &tensor);
    cuv_proto_message(&info, 2, &of_type);
    cuv_proto_message(b, field, &info);
    cuv_buffer_free(&sizes);
}
