/* Writes a model as the Keras 3 code that builds it: Sequential where it is one, functional otherwise, nested functional models as
 * functions. Made from the configuration as Keras 3 has it, so that what Keras 1 and 2 wrote comes out modern. */
#include "emit/emit.h"
#include "emit/python.h"
#include "layers/support.h"

bool python_is_model(const cuv_value *record)
{
    const char *class_name = cuv_get_text(record, "class_name");
    const cuv_value *config = cuv_get(record, "config");
    return (cuv_streq(class_name, "Sequential") || cuv_streq(class_name, "Functional") || cuv_streq(class_name, "Model")) &&
           cuv_is_seq(cuv_get(config, "layers"));
}

const char *python_record_name(const cuv_value *record)
{
    const char *name = cuv_get_text(record, "name");
    return name ? name : cuv_get_text(cuv_get(record, "config"), "name");
}

void python_line(python_writer *w, const char *text)
{
    if (w->status == CUV_OK)
        cuv_buffer_printf(w->body, "%s%s\n", w->indent, text);
}

/* ---- Sequential */

static const char *sequential(python_writer *w, const cuv_value *config)
{
    const cuv_value *layers = cuv_get(config, "layers");
    const char *outer = w->indent, *inside = "", *args = "";
    w->indent = python_format(w, "%s    ", outer);
    for (size_t i = 0; i < cuv_len(layers) && w->status == CUV_OK; i++)
        inside = python_format(w, "%s%s%s,\n", inside, w->indent, python_layer(w, cuv_item(layers, i)));
    w->indent = outer;
    if (!cuv_get_bool(config, "trainable", true))
        args = ", trainable=False";
    const char *name = python_name(w, "Sequential", cuv_get_text(config, "name"));
    return python_format(w, "keras.Sequential([\n%s%s]%s%s%s)", inside, w->indent, args, *name ? ", " : "", name);
}

/* ---- functional: ends */

static void count_end(python_writer *w, const cuv_value *v)
{
    int64_t output;
    if (python_is_end(v)) {
        python_call *call = python_resolve(w->scope, v, true, &output);
        if (call) {
            call->uses += 2;        /* never x */
            call->several |= output > 0;
        }
    }
    for (size_t i = 0; !python_is_end(v) && cuv_is_seq(v) && i < v->size; i++)
        count_end(w, v->items[i]);
    for (size_t i = 0; v && v->kind == CUV_DICT && i < v->size; i++)
        count_end(w, v->pairs[i].value);
}

static const char *ends(python_writer *w, const cuv_value *v)
{
    int64_t output;
    const char *inside = "";
    if (python_is_end(v)) {
        const python_call *call = python_resolve(w->scope, v, true, &output);
        if (!call || !call->variable)
            python_refuse(w, cuv_text(cuv_item(v, 0)), "an input or output that no call makes");
        return call && call->variable ? python_tensor_of(w, call, output) : "";
    }
    if (v && v->kind == CUV_DICT) {
        for (size_t i = 0; i < v->size; i++)
            inside = python_join(w, inside, python_format(w, "%s: %s", python_value(w, v->pairs[i].key), ends(w, v->pairs[i].value)));
        return python_format(w, "{%s}", inside);
    }
    for (size_t i = 0; cuv_is_seq(v) && i < v->size; i++)
        inside = python_join(w, inside, ends(w, v->items[i]));
    return python_format(w, "[%s]", inside);
}

/* The single output, when it is the last call; NULL otherwise. */
static const python_call *only_output(python_writer *w, const cuv_value *outputs)
{
    int64_t output;
    if (!python_is_end(outputs) && cuv_len(outputs) == 1)
        outputs = cuv_item(outputs, 0);
    return python_is_end(outputs) ? python_resolve(w->scope, outputs, true, &output) : NULL;
}

/* Statements of a functional model; the last one gives it the name `variable`. */
static void functional(python_writer *w, const cuv_value *config, const char *variable)
{
    python_scope scope = {.taken = cuv_map_new(w->arena), .layers = cuv_get(config, "layers")}, *outer = w->scope;
    cuv_map *variables = cuv_map_new(w->arena);
    size_t count = 0;
    if (!scope.taken || !variables) {
        w->status = cuv_oom(w->cx);
        return;
    }
    w->scope = &scope;
    python_list_calls(w, &scope);
    count_end(w, cuv_get(config, "output_layers"));
    python_call **order = python_in_order(w, &scope, &count);
    for (size_t i = 0; i < scope.count && w->status == CUV_OK; i++)         /* nested models first, as people write them */
        if (scope.calls[i].node && python_is_model(scope.calls[i].record))
            python_callee(w, variables, &scope.calls[i]);
    const python_call *last = only_output(w, cuv_get(config, "output_layers"));
    for (size_t i = 0; i < count && w->status == CUV_OK; i++)
        python_write_call(w, variables, order[i], i + 1 < count ? order[i + 1] : NULL, i + 1 == count && order[i] == last);
    const char *args = python_join(w, ends(w, cuv_get(config, "input_layers")), ends(w, cuv_get(config, "output_layers")));
    const char *name = python_name(w, "Functional", cuv_get_text(config, "name"));
    python_line(w, python_format(w, "%s = keras.Model(%s)", variable, python_join(w, args, name)));
    if (!cuv_get_bool(config, "trainable", true))
        python_line(w, python_format(w, "%s.trainable = False", variable));
    w->scope = outer;
}

/* A nested functional model as a function, so that its variables are its own. */
static const char *function_of(python_writer *w, const cuv_value *config)
{
    const char *name = cuv_get_text(config, "name"), *outer_indent = w->indent;
    const char *function = python_identifier(w, w->functions_taken, python_format(w, "make_%s", name ? name : "model"));
    cuv_buffer body, *outer = w->body;
    cuv_buffer_init(&body, w->cx);
    w->body = &body;
    w->indent = "";
    python_line(w, python_format(w, "def %s():", function));
    w->indent = "    ";
    functional(w, config, "model");
    python_line(w, "return model\n\n");
    w->body = outer;
    w->indent = outer_indent;
    if (body.failed && w->status == CUV_OK)
        w->status = cuv_oom(w->cx);
    cuv_buffer_add(&w->functions, body.data, body.size);
    cuv_buffer_free(&body);
    return python_format(w, "%s()", function);
}

const char *python_model(python_writer *w, const cuv_value *record)
{
    const cuv_value *config = cuv_get(record, "config");
    const char *text = "";
    if (!w->depth) {
        python_refuse(w, cuv_get_text(config, "name"), "a model nested this deeply");
        return "";
    }
    w->depth--;
    text = cuv_streq(cuv_get_text(record, "class_name"), "Sequential") ? sequential(w, config) : function_of(w, config);
    w->depth++;
    return text;
}

/* ---- the file */

static cuv_status assemble(python_writer *w, const cuv_buffer *body, cuv_buffer *out)
{
    if (w->status != CUV_OK)
        return w->status;
    cuv_buffer_printf(out, "\"\"\"A model of Keras 3, written by cuvier %s.\n\n"
                           "Its weights: `cuvier rebuild ... -o model.weights.h5`, then model.load_weights(\"model.weights.h5\").\n"
                           "\"\"\"\n\nimport keras\n%s", cuv_version(), w->uses_numpy ? "import numpy as np\n" : "");
    if (w->uses_layers || w->uses_ops)
        cuv_buffer_printf(out, "from keras import %s%s%s\n", w->uses_layers ? "layers" : "", w->uses_layers && w->uses_ops ? ", " : "",
                          w->uses_ops ? "ops" : "");
    cuv_buffer_text(out, w->functions.size ? "\n\n" : "\n");
    cuv_buffer_add(out, w->functions.data, w->functions.size);
    cuv_buffer_add(out, body->data, body->size);
    return out->failed || body->failed || w->functions.failed ? cuv_oom(w->cx) : CUV_OK;
}

cuv_status cuv_emit_python(const struct cuv_model *m, cuv_arena *arena, cuv_buffer *out)
{
    cuv_value *record;
    cuv_buffer body;
    CUV_TRY(cuv_emit_config(m, arena, &record));
    python_writer w = {.cx = m->cx, .arena = arena, .body = &body, .counters = cuv_map_new(arena),
                       .functions_taken = cuv_map_new(arena), .indent = "", .depth = cuv_context_limits(m->cx)->depth};
    if (!w.counters || !w.functions_taken)
        return cuv_oom(m->cx);
    cuv_buffer_init(&body, m->cx);
    cuv_buffer_init(&w.functions, m->cx);
    if (cuv_streq(cuv_get_text(record, "class_name"), "Sequential"))
        python_line(&w, python_format(&w, "model = %s", sequential(&w, cuv_get(record, "config"))));
    else
        functional(&w, cuv_get(record, "config"), "model");
    cuv_status status = assemble(&w, &body, out);
    cuv_buffer_free(&body);
    cuv_buffer_free(&w.functions);
    return status;
}
