/* Writes a program as an ONNX model (onnx.proto of ONNX 1.19 and later): nodes as they are made, weights straight from where they lie.
 * Nothing is written before every step has its nodes. */
#include "emit/emit.h"
#include "emit/onnx.h"

#define MOST_BYTES 0x7fff0000u      /* a protocol buffer has less than 2 GB */

/* ---- names and failure */

bool onnx_failed(const onnx_writer *w)
{
    return w->status != CUV_OK;
}

/* Names are C identifiers (onnx/docs/IR.md, Names Within a Graph). */
const char *onnx_name(onnx_writer *w, const char *text)
{
    const size_t size = strlen(text);
    char *plain = onnx_failed(w) ? NULL : cuv_arena_alloc(w->arena, size + 2), *name = plain;
    size_t at = 0;
    if (!plain)
        goto memory;
    if (!size || (text[0] >= '0' && text[0] <= '9'))
        plain[at++] = '_';
    for (size_t i = 0; i < size; i++) {
        const char c = text[i];
        const bool fine = (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9');
        plain[at++] = fine ? c : '_';
    }
    plain[at] = '\0';
    int64_t *next = cuv_map_get(w->names, plain);
    while (next && cuv_map_get(w->names, name)) {
        name = cuv_arena_printf(w->arena, "%s_%lld", plain, (long long)++*next);
        if (!name)
            goto memory;
    }
    int64_t *count = CUV_NEW(w->arena, int64_t);
    if (count && cuv_map_set(w->names, name, count) == CUV_OK)
        return name;
memory:
    w->status = onnx_failed(w) ? w->status : cuv_oom(w->cx);
    return NULL;
}

void onnx_refuse(onnx_writer *w, const char *fmt, ...)
{
    char why[256];
    va_list args;
    if (onnx_failed(w))
        return;
    va_start(args, fmt);
    vsnprintf(why, sizeof why, fmt, args);
    va_end(args);
    const char *op = w->step ? cuv_op_about(w->step->op)->name : "model", *layer = w->step ? w->step->layer : NULL;
    w->status = cuv_fail(w->cx, CUV_UNSUPPORTED, "write.onnx", &(cuv_detail){.layer = layer, .found = op,
                         .help = "the forms .keras, .h5, .py and .npz hold every model"},
                         "'%s' cannot be written as ONNX: its step %s has no counterpart; %s", layer ? layer : w->m->name, op, why);
}

/* ---- what is needed */

static void use(onnx_writer *w, cuv_ref ref)
{
    if (ref != CUV_NO_REF)
        w->values[ref].uses++;
}

/* Steps are walked from the last to the first: one is needed when something needs one of its outputs. */
static void count_uses(onnx_writer *w)
{
    for (size_t i = 0; i < w->p->output_count; i++)
        use(w, w->p->outputs[i]);
    for (size_t i = w->p->step_count; i-- > 0;) {
        const cuv_step *s = &w->p->steps[i];
        bool needed = false;
        for (int k = 0; k < s->out_count; k++)
            needed |= w->values[s->out[k]].uses > 0;
        for (int k = 0; needed && k < s->in_count; k++)
            use(w, s->in[k]);
    }
}

static bool is_needed(const onnx_writer *w, const cuv_step *s)
{
    for (int k = 0; k < s->out_count; k++)
        if (w->values[s->out[k]].uses)
            return true;
    return false;
}

/* ---- the graph's ends: inputs and outputs of the model, then states */

/* Types at the border: as the model has them, but for bfloat16, which NumPy does not know. */
static onnx_type border_type(cuv_dtype dtype)
{
    return dtype == CUV_BF16 ? ONNX_FLOAT : onnx_stored(dtype);
}

static void begin_inputs(onnx_writer *w, cuv_buffer *rest, cuv_buffer *names)
{
    for (size_t i = 0; i < w->p->input_count; i++) {
        const cuv_ref ref = w->p->inputs[i];
        const cuv_var *v = onnx_var(w, ref);
        const char *name = onnx_name(w, v->name), *carried = name;
        if (!name)
            return;
        onnx_value_info(w, rest, 11, name, border_type(v->dtype), v->shape, v->rank, name);
        if (border_type(v->dtype) != onnx_carried(v->dtype))
            carried = onnx_cast(w, name, onnx_carried(v->dtype));
        onnx_given(w, ref, carried);
        cuv_buffer_text(names, names->size > 1 ? ", " : "");
        cuv_buffer_json_string(names, name, strlen(name));
        cuv_buffer_text(names, ": ");
        cuv_buffer_json_string(names, v->name, strlen(v->name));
    }
}

/* An output of the graph is a copy under its own name, because a value may be several outputs, or an input too. */
static void end_output(onnx_writer *w, cuv_buffer *rest, size_t i, const char *name)
{
    const cuv_var *v = onnx_var(w, w->p->outputs[i]);
    const onnx_type type = border_type(v->dtype);
    const char *x = onnx_want(w, w->p->outputs[i], NULL);
    cuv_buffer node, to;
    if (onnx_failed(w) || !name)
        return;
    cuv_buffer_init(&node, w->cx);
    cuv_buffer_init(&to, w->cx);
    cuv_proto_text(&node, 1, x);
    cuv_proto_text(&node, 2, name);
    cuv_proto_text(&node, 3, name);
    cuv_proto_text(&node, 4, type == onnx_carried(v->dtype) ? "Identity" : "Cast");
    if (type != onnx_carried(v->dtype)) {
        cuv_proto_text(&to, 1, "to");
        cuv_proto_int(&to, 3, type);
        cuv_proto_int(&to, 20, ONNX_A_INT);
        cuv_proto_message(&node, 5, &to);
    }
    cuv_proto_message(w->nodes, w->node_field, &node);
    onnx_value_info(w, rest, 12, name, type, v->shape, v->rank, name);
}

static const char **begin_outputs(onnx_writer *w, cuv_buffer *names)
{
    const char **out = CUV_NEW_ARRAY(w->arena, const char *, w->p->output_count + 1);
    for (size_t i = 0; out && i < w->p->output_count; i++) {
        out[i] = onnx_name(w, w->p->output_names[i]);
        if (!out[i])
            break;
        cuv_buffer_text(names, names->size > 1 ? ", " : "");
        cuv_buffer_json_string(names, out[i], strlen(out[i]));
        cuv_buffer_text(names, ": ");
        cuv_buffer_json_string(names, w->p->output_names[i], strlen(w->p->output_names[i]));
    }
    if (!out)
        w->status = cuv_oom(w->cx);
    return out;
}

/* ---- the file */

/* A TensorProto without its bytes; strings are in it. */
static void tensor_head(const onnx_initializer *t, cuv_buffer *b)
{
    for (int i = 0; i < t->tensor->rank; i++)
        cuv_proto_int(b, 1, t->tensor->shape[i]);
    cuv_proto_int(b, 2, onnx_stored(t->tensor->dtype));
    cuv_proto_text(b, 8, t->name);
    if (t->doc)
        cuv_proto_text(b, 12, t->doc);
    for (size_t i = 0; t->tensor->dtype == CUV_STR && i < cuv_tensor_count(t->tensor); i++) {
        cuv_string s;
        memcpy(&s, t->tensor->data + i * sizeof s, sizeof s);
        cuv_proto_bytes(b, 6, s.data, s.size);
    }
}

static size_t raw_size(const onnx_initializer *t)
{
    return t->tensor->dtype == CUV_STR ? 0 : cuv_tensor_bytes(t->tensor);
}

/* The head of an initializer within its graph: tag and size of the message, its fields, tag and size of raw_data. */
static void initializer_head(onnx_writer *w, const onnx_initializer *t, cuv_buffer *out)
{
    cuv_buffer head;
    const size_t raw = raw_size(t);
    cuv_buffer_init(&head, w->cx);
    tensor_head(t, &head);
    out->failed |= head.failed;
    cuv_proto_head(out, 5, head.size + (t->tensor->dtype == CUV_STR ? 0 : cuv_proto_head_size(9, raw) + raw));
    cuv_buffer_add(out, head.data, head.size);
    if (t->tensor->dtype != CUV_STR)
        cuv_proto_head(out, 9, raw);
    cuv_buffer_free(&head);
}

/* Bytes of the graph; SIZE_MAX when they cannot be counted. */
static cuv_status graph_size(onnx_writer *w, const cuv_buffer *rest, size_t *out)
{
    size_t size = w->nodes->size + rest->size;
    bool failed = w->nodes->failed || rest->failed;
    for (size_t i = 0; i < w->initializer_count; i++) {
        cuv_buffer head;
        cuv_buffer_init(&head, w->cx);
        initializer_head(w, &w->initializers[i], &head);
        if (!cuv_add_size(size, head.size, &size) || !cuv_add_size(size, raw_size(&w->initializers[i]), &size))
            size = SIZE_MAX;
        failed |= head.failed;
        cuv_buffer_free(&head);
    }
    *out = size;
    return failed ? cuv_oom(w->cx) : CUV_OK;
}

static void metadata(onnx_writer *w, cuv_buffer *b, const char *key, const char *value)
{
    cuv_buffer entry;
    cuv_buffer_init(&entry, w->cx);
    cuv_proto_text(&entry, 1, key);
    cuv_proto_text(&entry, 2, value);
    cuv_proto_message(b, 14, &entry);
}

static cuv_status stream(onnx_writer *w, const cuv_buffer *head, const cuv_buffer *rest, const cuv_buffer *tail, const char *path)
{
    cuv_output *out = NULL;
    if (head->failed || rest->failed || tail->failed || w->nodes->failed)
        return cuv_oom(w->cx);
    CUV_TRY(cuv_output_open(w->cx, path, &out));
    cuv_status status = cuv_output_write(out, head->data, head->size);
    if (status == CUV_OK)
        status = cuv_output_write(out, w->nodes->data, w->nodes->size);
    if (status == CUV_OK)
        status = cuv_output_write(out, rest->data, rest->size);
    for (size_t i = 0; status == CUV_OK && i < w->initializer_count; i++) {
        cuv_buffer b;
        cuv_buffer_init(&b, w->cx);
        initializer_head(w, &w->initializers[i], &b);
        status = b.failed ? cuv_oom(w->cx) : cuv_output_write(out, b.data, b.size);
        if (status == CUV_OK && raw_size(&w->initializers[i]))
            status = cuv_output_write(out, w->initializers[i].tensor->data, raw_size(&w->initializers[i]));
        cuv_buffer_free(&b);
    }
    if (status == CUV_OK)
        status = cuv_output_write(out, tail->data, tail->size);
    if (status == CUV_OK)
        return cuv_output_commit(out);
    cuv_output_discard(out);
    return status;
}

static cuv_status finish(onnx_writer *w, cuv_buffer *rest, const char *names, const char *selftest, const char *path)
{
    cuv_buffer head, tail, opset;
    size_t size = 0;
    const char *graph = onnx_name(w, w->m->name);
    if (onnx_failed(w))
        return w->status;
    cuv_proto_text(rest, 2, graph);
    CUV_TRY(graph_size(w, rest, &size));
    if (size > MOST_BYTES)
        return cuv_fail(w->cx, CUV_UNSUPPORTED, "write.onnx.size", &(cuv_detail){.file = path, .expected = "less than 2 GB",
                        .found = cuv_format(w->cx, "%zu bytes", size), .help = "write .keras or .safetensors"},
                        "%s: the weights of '%s' are more than one ONNX file holds", path, w->m->name);
    cuv_buffer_init(&head, w->cx);
    cuv_buffer_init(&tail, w->cx);
    cuv_buffer_init(&opset, w->cx);
    cuv_proto_int(&head, 1, CUV_ONNX_IR);
    cuv_proto_text(&head, 2, "cuvier");
    cuv_proto_text(&head, 3, cuv_version());
    cuv_proto_head(&head, 7, size);
    cuv_proto_text(&opset, 1, "");
    cuv_proto_int(&opset, 2, CUV_ONNX_OPSET);
    cuv_proto_message(&tail, 8, &opset);
    metadata(w, &tail, "keras.name", w->m->name);
    metadata(w, &tail, "keras.names", names);
    if (selftest)
        metadata(w, &tail, "cuvier.selftest", selftest);
    cuv_status status = stream(w, &head, rest, &tail, path);
    cuv_buffer_free(&head);
    cuv_buffer_free(&tail);
    return status;
}

static void label(onnx_writer *w, const cuv_step *s)
{
    const char *layer = s->layer ? s->layer : w->m->name;
    bool plain = true;
    for (const char *c = layer; *c; c++)
        plain &= (*c >= 'a' && *c <= 'z') || (*c >= 'A' && *c <= 'Z') || (*c >= '0' && *c <= '9') || *c == '_';
    w->base = layer;
    w->doc = plain ? NULL : layer;
}

static void write_steps(onnx_writer *w)
{
    for (size_t i = 0; i < w->p->step_count && !onnx_failed(w); i++) {
        if (!is_needed(w, &w->p->steps[i]))
            continue;
        label(w, &w->p->steps[i]);
        onnx_emit_step(w, &w->p->steps[i]);
        if (!onnx_failed(w))
            w->status = cuv_check_time(w->cx);
    }
    w->step = NULL;
    w->base = w->doc = NULL;
}

static cuv_status write_model(onnx_writer *w, const char *selftest, const char *path)
{
    cuv_buffer rest, names;
    cuv_buffer_init(&rest, w->cx);
    cuv_buffer_init(&names, w->cx);
    cuv_buffer_char(&names, '{');
    count_uses(w);
    begin_inputs(w, &rest, &names);
    const char **outputs = begin_outputs(w, &names);
    cuv_buffer_char(&names, '}');
    write_steps(w);
    for (size_t i = 0; outputs && !onnx_failed(w) && i < w->p->output_count; i++)
        end_output(w, &rest, i, outputs[i]);
    cuv_status status = onnx_failed(w) ? w->status : names.failed ? cuv_oom(w->cx) : finish(w, &rest, names.data, selftest, path);
    cuv_buffer_free(&rest);
    cuv_buffer_free(&names);
    return status;
}

cuv_status cuv_write_onnx(const struct cuv_model *m, const char *selftest, const char *path)
{
    cuv_buffer nodes;
    onnx_writer w = {.cx = m->cx, .arena = cuv_arena_new(m->cx), .m = m, .p = m->program, .nodes = &nodes, .node_field = 1};
    if (!w.arena)
        return cuv_oom(m->cx);
    cuv_buffer_init(&nodes, m->cx);
    w.values = CUV_NEW_ARRAY(w.arena, onnx_value, w.p->value_count + 1);
    w.names = cuv_map_new(w.arena);
    w.by_ref = cuv_map_new(w.arena);
    cuv_status status = w.values && w.names && w.by_ref ? write_model(&w, selftest, path) : cuv_oom(m->cx);
    cuv_buffer_free(&nodes);
    cuv_arena_free(w.arena);
    return status;
}
