/* The model and the decisions behind it as JSON documents (cli.md) and as lines for people. */
#include "emit/emit.h"

const char *cuv_level_name(cuv_level level)
{
    static const char *const names[] = {"certain", "inferred", "assumed", "verified"};
    return names[level];
}

static void text(cuv_buffer *b, const char *s)
{
    if (s)
        cuv_buffer_json_string(b, s, strlen(s));
    else
        cuv_buffer_text(b, "null");
}

static void shape_json(const cuv_var *v, cuv_buffer *b)
{
    cuv_buffer_char(b, '[');
    for (int i = 0; i < v->rank; i++) {
        cuv_buffer_text(b, i ? ", " : "");
        if (v->shape[i] < 0)
            cuv_buffer_text(b, "null");
        else
            cuv_buffer_printf(b, "%lld", (long long)v->shape[i]);
    }
    cuv_buffer_char(b, ']');
}

static void syms_json(const struct cuv_model *m, const cuv_node *node, cuv_buffer *b)
{
    if (!node) {
        cuv_buffer_text(b, "null");
        return;
    }
    if (node->output_count == 1) {
        shape_json(cuv_program_var(m->program, node->outputs[0].value), b);
        return;
    }
    cuv_buffer_char(b, '[');
    for (size_t i = 0; i < node->output_count; i++) {
        cuv_buffer_text(b, i ? ", " : "");
        shape_json(cuv_program_var(m->program, node->outputs[i].value), b);
    }
    cuv_buffer_char(b, ']');
}

static void layer_json(const struct cuv_model *m, const cuv_layer *layer, cuv_buffer *b)
{
    uint64_t trainable, frozen;
    const cuv_node *last = NULL;
    bool first = true;
    cuv_layer_params(layer, &trainable, &frozen);
    for (size_t i = 0; i < m->node_count; i++)
        if (m->nodes[i].layer == layer)
            last = &m->nodes[i];
    cuv_buffer_text(b, "{\"name\": ");
    text(b, layer->name);
    cuv_buffer_text(b, ", \"class_name\": ");
    text(b, cuv_layer_class(layer));
    cuv_buffer_text(b, ", \"output_shape\": ");
    syms_json(m, last, b);
    cuv_buffer_printf(b, ", \"params\": %llu, \"trainable\": %s, \"inbound\": [", (unsigned long long)(trainable + frozen),
                      layer->trainable ? "true" : "false");
    for (size_t i = 0; i < m->node_count; i++)
        for (size_t k = 0; m->nodes[i].layer == layer && k < m->nodes[i].inbound_count; k++) {
            cuv_buffer_text(b, first ? "" : ", ");
            text(b, m->nodes[i].inbound[k]);
            first = false;
        }
    cuv_buffer_text(b, "]}");
}

static void ends_json(const struct cuv_model *m, const cuv_sym *syms, const char *const *names, size_t count, cuv_buffer *b)
{
    cuv_buffer_char(b, '[');
    for (size_t i = 0; i < count; i++) {
        const cuv_var *v = cuv_program_var(m->program, syms[i].value);
        cuv_buffer_text(b, i ? ", {\"name\": " : "{\"name\": ");
        text(b, names[i]);
        cuv_buffer_text(b, ", \"shape\": ");
        shape_json(v, b);
        cuv_buffer_printf(b, ", \"dtype\": \"%s\"}", cuv_dtype_name(v->dtype));
    }
    cuv_buffer_char(b, ']');
}

void cuv_emit_model_json(const struct cuv_model *m, cuv_buffer *b)
{
    uint64_t trainable = 0, frozen = 0, t, f;
    cuv_buffer_text(b, "{\"name\": ");
    text(b, m->name);
    cuv_buffer_printf(b, ", \"class_name\": \"%s\", \"layers\": [", m->class_name);
    bool first = true;
    for (size_t i = 0; i < m->layer_count; i++) {
        if (m->layers[i]->def->flags & CUV_LF_OPERATION && !m->layers[i]->state)
            continue;       /* model.layers of Keras 3 has no operations, that of Keras 2 has its functions of TensorFlow */
        cuv_buffer_text(b, first ? "\n  " : ",\n  ");
        first = false;
        layer_json(m, m->layers[i], b);
        cuv_layer_params(m->layers[i], &t, &f);
        trainable += t;
        frozen += f;
    }
    cuv_buffer_text(b, "],\n \"inputs\": ");
    ends_json(m, m->inputs, m->input_names, m->input_count, b);
    cuv_buffer_text(b, ", \"outputs\": ");
    ends_json(m, m->outputs, m->output_names, m->output_count, b);
    cuv_buffer_printf(b, ",\n \"total_params\": %llu, \"trainable_params\": %llu, \"non_trainable_params\": %llu}",
                      (unsigned long long)(trainable + frozen), (unsigned long long)trainable, (unsigned long long)frozen);
}

void cuv_emit_decisions_json(const struct cuv_model *m, cuv_buffer *b)
{
    cuv_buffer_char(b, '[');
    for (size_t i = 0; i < m->decision_count; i++) {
        const cuv_decision *d = &m->decisions[i];
        cuv_buffer_text(b, i ? ",\n  {\"layer\": " : "\n  {\"layer\": ");
        text(b, d->layer);
        cuv_buffer_text(b, ", \"field\": ");
        text(b, d->field);
        cuv_buffer_text(b, ", \"value\": ");
        text(b, d->value);
        cuv_buffer_printf(b, ", \"evidence\": \"%s\", \"why\": ", cuv_level_name(d->level));
        text(b, d->why);
        cuv_buffer_text(b, ", \"alternatives\": ");
        text(b, d->alternatives);
        cuv_buffer_char(b, '}');
    }
    cuv_buffer_char(b, ']');
}

static void one_level(const struct cuv_model *m, cuv_level level, cuv_buffer *b)
{
    for (size_t i = 0; i < m->decision_count; i++) {
        const cuv_decision *d = &m->decisions[i];
        if (d->level != level)
            continue;
        cuv_buffer_printf(b, "%-8s  %s%s%s = %s", cuv_level_name(level), d->layer ? d->layer : "", d->layer ? "/" : "",
                          d->field, d->value ? d->value : "?");
        if (d->why)
            cuv_buffer_printf(b, "  (%s)", d->why);
        if (d->alternatives)
            cuv_buffer_printf(b, "; others: %s", d->alternatives);
        cuv_buffer_char(b, '\n');
    }
}

void cuv_emit_decisions(const struct cuv_model *m, bool all, cuv_buffer *b)
{
    one_level(m, CUV_ASSUMED, b);
    if (!all)
        return;
    one_level(m, CUV_VERIFIED, b);
    one_level(m, CUV_INFERRED, b);
    one_level(m, CUV_CERTAIN, b);
}

void cuv_emit_number(cuv_buffer *b, double x)
{
    if (isfinite(x))
        cuv_buffer_double(b, x);
    else
        cuv_buffer_text(b, "null");
}

void cuv_emit_candidates_json(const struct cuv_model *m, cuv_buffer *b)
{
    cuv_buffer_char(b, '[');
    for (size_t i = 0; i < m->candidate_count; i++) {
        cuv_buffer_text(b, i ? ",\n  {\"score\": " : "\n  {\"score\": ");
        cuv_emit_number(b, m->candidates[i].score);
        cuv_buffer_text(b, ", \"max_abs\": ");
        cuv_emit_number(b, m->candidates[i].max_abs);
        cuv_buffer_text(b, ", \"model\": ");
        cuv_emit_model_json(m->candidates[i].model, b);
        cuv_buffer_char(b, '}');
    }
    cuv_buffer_char(b, ']');
}

void cuv_emit_candidates(const struct cuv_model *m, cuv_buffer *b)
{
    for (size_t i = 0; i < m->candidate_count && m->candidate_count > 1; i++) {
        const cuv_candidate *c = &m->candidates[i];
        cuv_buffer_printf(b, "%s %zu  score %.4g", i ? "candidate" : "the model, candidate", i + 1, c->score);
        if (isfinite(c->max_abs))
            cuv_buffer_printf(b, ", off by %.3g", c->max_abs);
        cuv_buffer_text(b, ": ");
        for (size_t k = 0; k < c->model->layer_count; k++)
            cuv_buffer_printf(b, "%s%s", k ? ", " : "", cuv_layer_class(c->model->layers[k]));
        cuv_buffer_char(b, '\n');
    }
}
