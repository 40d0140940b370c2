/* From a configuration to layers, wiring and a program whose weights are still empty. */
#include "model/build.h"

#include "model/graph.h"

cuv_status cuv_model_decide(struct cuv_model *m, const char *layer, const char *field, const char *value, cuv_level level,
                            const char *why, const char *alternatives)
{
    cuv_decision *d = cuv_arena_grow(m->arena, m->decisions, m->decision_count, &m->decision_capacity, sizeof *d);
    if (!d)
        return cuv_oom(m->cx);
    m->decisions = d;
    d[m->decision_count++] = (cuv_decision){
        .layer = layer, .field = field, .level = level,
        .value = value ? cuv_arena_strdup(m->arena, value) : NULL,
        .why = why ? cuv_arena_strdup(m->arena, why) : NULL,
        .alternatives = alternatives ? cuv_arena_strdup(m->arena, alternatives) : NULL};
    return CUV_OK;
}

/* ---- inputs */

static cuv_status input_tensor(struct cuv_model *m, const cuv_layer *layer, const char *name, cuv_sym *out)
{
    int64_t shape[CUV_MAX_RANK];
    int rank = 0;
    cuv_dtype dtype;
    CUV_TRY(cuv_input_layer_says(m, layer, shape, &rank, &dtype));
    out->value = cuv_program_input(m->program, name, dtype, shape, rank);
    out->mask = CUV_NO_REF;
    return out->value == CUV_NO_REF ? m->program->status : CUV_OK;
}

static cuv_status make_inputs(struct cuv_model *m, const cuv_graph *g)
{
    m->inputs = CUV_NEW_ARRAY(m->arena, cuv_sym, g->input_count + 1);
    m->input_layers = CUV_NEW_ARRAY(m->arena, cuv_layer *, g->input_count + 1);
    if (!m->inputs || !m->input_layers)
        return cuv_oom(m->cx);
    for (size_t i = 0; i < g->input_count; i++) {
        m->input_layers[i] = g->layers[g->inputs[i]];
        CUV_TRY(input_tensor(m, m->input_layers[i], g->input_keys[i], &m->inputs[i]));
    }
    m->input_count = g->input_count;
    m->input_names = g->input_keys;
    return CUV_OK;
}

/* ---- the list of layers and weights */

static cuv_status list_layers(struct cuv_model *m, const cuv_graph *g)
{
    m->list = g->layers;
    m->list_count = g->layer_count;
    m->layers = CUV_NEW_ARRAY(m->arena, cuv_layer *, g->layer_count + 1);
    if (!m->layers)
        return cuv_oom(m->cx);
    for (size_t i = 0; i < g->layer_count; i++)
        if (!(g->sequential && i == 0 && cuv_streq(g->layers[0]->def->name, "InputLayer")))
            m->layers[m->layer_count++] = g->layers[i];
    return CUV_OK;
}

static size_t count_weights(const cuv_layer *layer)
{
    size_t n = layer->weight_count;
    for (size_t i = 0; i < layer->inner_count; i++)
        n += count_weights(layer->inner[i]);
    return n;
}

static void list_weights(struct cuv_model *m, cuv_layer *layer)
{
    for (size_t i = 0; i < layer->weight_count; i++)
        m->weights[m->weight_count++] = &layer->weights[i];
    for (size_t i = 0; i < layer->inner_count; i++)
        list_weights(m, layer->inner[i]);
}

/* What was read from a Lambda's bytecode is never more than assumed: the names in it could mean something else. */
static cuv_status note_lambdas(struct cuv_model *m, const cuv_layer *layer)
{
    if (strcmp(layer->def->name, "Lambda") == 0 && cuv_get_bool(layer->config, "cuvier_stated", false))
        CUV_TRY(cuv_model_decide(m, layer->path ? layer->path : layer->name, "function", cuv_arg_text(layer, "cuvier_text"), CUV_CERTAIN,
                                 "the code says so", NULL));
    else if (strcmp(layer->def->name, "Lambda") == 0 && !cuv_arg_text(layer, "cuvier_text"))
        CUV_TRY(cuv_model_decide(m, layer->path ? layer->path : layer->name, "function", cuv_value_repr(m->cx, cuv_arg(layer, "function")),
                                 CUV_ASSUMED, "the file has its name alone, which is taken for that of a function of Keras or of --custom",
                                 "any function of the same name in its author's code"));
    else if (strcmp(layer->def->name, "Lambda") == 0)
        CUV_TRY(cuv_model_decide(m, layer->path ? layer->path : layer->name, "function", cuv_arg_text(layer, "cuvier_text"), CUV_ASSUMED,
                                 "read from its bytecode, which is not run; K, tf and keras are taken for Keras and TensorFlow",
                                 "any function of the same name in its author's code"));
    for (size_t i = 0; i < layer->inner_count; i++)
        CUV_TRY(note_lambdas(m, layer->inner[i]));
    return CUV_OK;
}

/* A bias that the sizes let Keras 3.7 and later on TensorFlow take for another axis's (src/layers/bias.c). */
static cuv_status note_biases(struct cuv_model *m, const cuv_layer *layer)
{
    const char *name = layer->path ? layer->path : layer->name, *axis = cuv_format(m->cx, "%d", layer->bias_axis);
    if (layer->bias == CUV_BIAS_MOVED)
        CUV_TRY(cuv_model_decide(m, name, "bias_axis", axis, cuv_streq(m->backend, "tensorflow") ? CUV_CERTAIN : CUV_ASSUMED,
                                 "that axis has as many places, and Keras 3.7 and later on TensorFlow take what is added for its bias",
                                 "the axis of the bias, as JAX, PyTorch and other versions of Keras have it (--backend jax)"));
    if (layer->bias == CUV_BIAS_EITHER)
        CUV_TRY(cuv_model_decide(m, name, "bias_axis", axis, CUV_ASSUMED, "model.predict adds it so, on every backend",
                                 "the last axis, which has as many places: there Keras 3.7 and later on TensorFlow add it when run eagerly"));
    for (size_t i = 0; i < layer->inner_count; i++)
        CUV_TRY(note_biases(m, layer->inner[i]));
    return CUV_OK;
}

static cuv_status collect_weights(struct cuv_model *m)
{
    size_t n = 0;
    for (size_t i = 0; i < m->layer_count; i++)
        n += count_weights(m->layers[i]);
    m->weights = CUV_NEW_ARRAY(m->arena, cuv_weight *, n + 1);
    if (!m->weights)
        return cuv_oom(m->cx);
    for (size_t i = 0; i < m->layer_count; i++)
        list_weights(m, m->layers[i]);
    for (size_t i = 0; i < m->layer_count; i++)
        CUV_TRY(note_lambdas(m, m->layers[i]));
    for (size_t i = 0; i < m->layer_count; i++)
        CUV_TRY(note_biases(m, m->layers[i]));
    return CUV_OK;
}

/* ---- nested models */

static struct cuv_model *new_model(cuv_context *cx, cuv_arena *arena, const cuv_value *record)
{
    struct cuv_model *m = CUV_NEW(arena, struct cuv_model);
    if (!m)
        return NULL;
    const cuv_value *config = cuv_get(record, "config");
    const char *class_name = cuv_get_text(record, "class_name"), *name = cuv_get_text(config, "name");
    m->cx = cx;
    m->arena = arena;
    m->config = (cuv_value *)(uintptr_t)record;
    m->class_name = cuv_streq(class_name, "Sequential") ? "Sequential" : "Functional";
    m->name = name ? name : cuv_streq(class_name, "Sequential") ? "sequential" : "functional";
    m->trainable = cuv_get_bool(config, "trainable", true);
    return m;
}

static cuv_status make_nested(cuv_layer *layer, const cuv_value *record)
{
    cuv_context *cx = cuv_arena_context(layer->arena);
    struct cuv_model *m = new_model(cx, layer->arena, record);
    if (!m)
        return cuv_oom(cx);
    unsigned depth = 0;
    for (const cuv_layer *up = layer; up; up = up->parent)
        depth++;
    if (depth > cuv_context_limits(cx)->depth)
        return cuv_fail(cx, CUV_UNSAFE, "limit.depth", &(cuv_detail){.layer = layer->name},
                        "models are nested %u deep at '%s'", depth, layer->name);
    m->nested = true;
    m->keras = layer->keras;
    layer->model = m;
    layer->trainable = m->trainable;
    cuv_layer like = *layer;
    like.parent = layer;
    cuv_graph *g;
    CUV_TRY(cuv_graph_parse(m, record, &like, &g));
    m->graph = g;
    CUV_TRY(list_layers(m, g));
    layer->inner = m->layers;
    layer->inner_count = m->layer_count;
    layer->inner_capacity = m->layer_count;
    return CUV_OK;
}

static cuv_status call_nested(cuv_call *call)
{
    struct cuv_model *m = call->layer->model;
    cuv_graph *g = m->graph;
    if (cuv_graph_needs_input(g)) {
        const cuv_var *in = cuv_call_in(call, 0);
        cuv_layer like = *call->layer;
        like.parent = call->layer;
        CUV_TRY(cuv_graph_add_input(m, g, &like, in->shape, in->rank));
    }
    if (call->in_count != g->input_count || g->output_count > CUV_MAX_OUTPUTS)
        return cuv_fail(call->cx, CUV_NO, "layer.input", &(cuv_detail){.layer = call->layer->name,
                        .expected = cuv_format(call->cx, "%zu inputs", g->input_count),
                        .found = cuv_format(call->cx, "%zu", call->in_count)},
                        "the model '%s' takes %zu inputs and is called with %zu", call->layer->name, g->input_count,
                        call->in_count);
    cuv_sym *in = CUV_NEW_ARRAY(m->arena, cuv_sym, call->in_count + 1);
    if (!in)
        return cuv_oom(call->cx);
    for (size_t i = 0; i < call->in_count; i++) {
        in[i] = call->in[i];
        if (!g->input_added && !call->layer->tf1 && !call->layer->theano && m->keras >= 2)
            CUV_TRY(cuv_conform_input(call, g->layers[g->inputs[i]], &in[i]));
    }
    CUV_TRY(cuv_graph_walk(m, g, call->program, in, false, call->out));
    call->out_count = g->output_count;
    return CUV_OK;
}

static cuv_status call_model(cuv_call *call)
{
    if (!call->layer->custom)
        return call_nested(call);
    CUV_TRY(cuv_check_keywords(call));
    CUV_TRY(call_nested(call));
    cuv_pass_masks(call);
    return CUV_OK;
}

/* ---- the model */

static const char *const model_classes[] = {"Sequential", "Functional", "Model", NULL};

static cuv_status check_class(cuv_context *cx, const struct cuv_evidence *ev, const cuv_value *record, const cuv_file *from)
{
    const char *name = cuv_get_text(record, "class_name");
    for (size_t i = 0; model_classes[i]; i++)
        if (cuv_streq(name, model_classes[i]))
            return CUV_OK;
    const cuv_value *config = cuv_get(record, "config");
    if (cuv_get(config, "layers") && cuv_get(config, "output_layers"))
        return CUV_OK;      /* a subclass of Model that keeps the functional form */
    if (cuv_streq(name, "Graph") && cuv_get(config, "node_config"))
        return cuv_fail(cx, CUV_UNSUPPORTED, "model.graph", &(cuv_detail){.file = from ? from->path : NULL, .expected = "Sequential or Model", .found = name,
                        .help = "write it with Keras 1.0 as a Model, or give a script that builds the same model"},
                        "the model is a Graph, which was how Keras before 1.0 said what Model says");
    const char *module = cuv_get_text(record, "module"), *registered = cuv_get_text(record, "registered_name");
    const char *held = cuv_held_text(ev, NULL, name), *arguments = cuv_argument_names(cx, config);
    return cuv_fail(cx, CUV_UNSUPPORTED, "model.custom", &(cuv_detail){
                    .file = from ? from->path : NULL, .layer = name,
                    .expected = "Sequential or Functional", .found = name,
                    .notes = cuv_format(cx, "module %s, registered name %s\nits arguments: %s%s%s", module ? module : "unknown",
                             registered ? registered : "none", arguments, held ? "\n" : "", held ? held : ""),
                    .help = name ? cuv_format(cx, "its layers exist only in the class's Python code: give that with --custom %s=CODE.py, or a script "
                                              "that builds the same model from Keras's own layers", name) : NULL},
                    "the model is of the class '%s', which is somebody's own", name ? name : "?");
}

/* Whose behaviour counts: what the configuration's file says, else what a weight file says, else Keras 3. */
static cuv_status decide_version(struct cuv_model *m, const struct cuv_evidence *ev, const cuv_file *from, int keras)
{
    const cuv_file *says = from && from->keras ? from : NULL;
    const char *backend = ev && ev->backend ? ev->backend : from ? from->backend : NULL;
    for (size_t i = 0; ev && i < ev->file_count; i++) {
        const cuv_file *f = ev->files[i];
        if (!says && f->keras)
            says = f;
        if (!backend)
            backend = f->backend;
    }
    m->backend = backend ? cuv_arena_strdup(m->arena, backend) : NULL;
    const char *version = ev && ev->keras_version ? ev->keras_version : says ? says->keras_version : NULL;
    m->keras_version = version ? cuv_arena_strdup(m->arena, version) : NULL;
    m->keras = ev && ev->keras_version ? ev->keras_version[0] - '0' : says ? says->keras : from && from->script && from->script->keras ? from->script->keras : 3;
    const char *value = m->keras_version ? m->keras_version : cuv_format(m->cx, "%d", m->keras);
    m->keras = keras ? keras : m->keras;
    if (ev && ev->backend)
        CUV_TRY(cuv_model_decide(m, NULL, "backend", backend, CUV_CERTAIN, "--backend says so", NULL));
    if (ev && ev->keras_version)
        return cuv_model_decide(m, NULL, "keras_version", value, CUV_CERTAIN, "--keras-version says so", NULL);
    if (says)
        return cuv_model_decide(m, NULL, "keras_version", value, CUV_CERTAIN,
                                cuv_format(m->cx, "%s says so", says->name), NULL);
    return cuv_model_decide(m, NULL, "keras_version", value, CUV_ASSUMED, "no file says which Keras wrote the model",
                            m->keras == 3 ? "2, 1" : "3");
}

/* Variables in full, LoRA's among them: not in the objects of Keras 3, and elsewhere where a name tells it, or nothing has a name. */
static bool holds_lora(const struct cuv_evidence *ev)
{
    bool names = false, lora = false, any = false;
    for (size_t i = 0; ev && i < ev->file_count; i++) {
        const cuv_file *f = ev->files[i];
        if (f->arrangement == CUV_ARR_OBJECTS)
            return false;
        for (size_t g = 0; g < f->group_count; g++)
            for (size_t k = 0; k < f->groups[g].count; k++) {
                const cuv_named *n = &f->groups[g].tensors[k];
                any = true;
                names = names || n->weight;
                lora = lora || (n->label && (strstr(n->label, "lora_kernel_") || strstr(n->label, "lora_embeddings_")));
            }
    }
    return lora || (any && !names);
}

static int minor_version(const struct cuv_model *m)
{
    int minor = 0;
    const char *at = m->keras_version ? strchr(m->keras_version, '.') : NULL;
    if (!at || at[1] < '0' || at[1] > '9')
        return INT_MAX;
    for (at++; *at >= '0' && *at <= '9' && minor < 10000; at++)
        minor = 10 * minor + (*at - '0');
    return minor;
}

static bool written_by_tf1(const struct cuv_model *m)
{
    return m->keras <= 2 && m->keras_version && !strstr(m->keras_version, "-tf") &&
           (cuv_starts_with(m->keras_version, "1.") || cuv_starts_with(m->keras_version, "2.0") ||
            (cuv_starts_with(m->keras_version, "2.1.") || cuv_starts_with(m->keras_version, "2.2.") ||
             cuv_starts_with(m->keras_version, "2.3.")));
}

/* Does a parameter of this name and value occur anywhere in the configuration? */
static bool config_says(const cuv_value *v, const char *key, const char *value, unsigned depth)
{
    if (!v || depth > 40)
        return false;
    if (v->kind == CUV_DICT && cuv_streq(cuv_get_text(v, key), value))
        return true;
    for (size_t i = 0; v->kind == CUV_DICT && i < v->size; i++)
        if (config_says(v->pairs[i].value, key, value, depth + 1))
            return true;
    for (size_t i = 0; cuv_is_seq(v) && i < v->size; i++)
        if (config_says(v->items[i], key, value, depth + 1))
            return true;
    return false;
}

/* Trained on Theano? Files of Keras 1 do not say; Theano's order of axes speaks for it. */
static cuv_status decide_theano(struct cuv_model *m, const cuv_value *record, bool *theano)
{
    *theano = cuv_streq(m->backend, "theano");
    if (m->backend || m->keras != 1 || !config_says(record, "dim_ordering", "th", 0))
        return CUV_OK;
    *theano = true;
    return cuv_model_decide(m, NULL, "backend", "theano", CUV_ASSUMED, "dim_ordering='th' is Theano's; the file does not say",
                            "tensorflow");
}

/* Outputs of one layer share its name; those after the first get a number, so that each can be a key. */
static cuv_status name_outputs(struct cuv_model *m, const cuv_graph *g)
{
    cuv_map *taken = cuv_map_new(m->arena);
    const char **names = CUV_NEW_ARRAY(m->arena, const char *, g->output_count + 1);
    if (!taken || !names)
        return cuv_oom(m->cx);
    for (size_t i = 0; i < g->output_count; i++) {
        names[i] = g->output_names[i];
        for (unsigned k = 1; names[i] && cuv_map_get(taken, names[i]); k++)
            names[i] = cuv_arena_printf(m->arena, "%s_%u", g->output_names[i], k);
        if (!names[i])
            return cuv_oom(m->cx);
        CUV_TRY(cuv_map_set(taken, names[i], m));
    }
    m->output_names = names;
    return CUV_OK;
}

static cuv_status finish(struct cuv_model *m, const cuv_graph *g)
{
    CUV_TRY(make_inputs(m, g));
    m->outputs = CUV_NEW_ARRAY(m->arena, cuv_sym, g->output_count + 1);
    cuv_ref *refs = CUV_NEW_ARRAY(m->arena, cuv_ref, g->output_count + 1);
    if (!m->outputs || !refs)
        return cuv_oom(m->cx);
    CUV_TRY(cuv_graph_walk(m, g, m->program, m->inputs, true, m->outputs));
    m->output_count = g->output_count;
    CUV_TRY(name_outputs(m, g));
    for (size_t i = 0; i < g->output_count; i++)
        refs[i] = m->outputs[i].value;
    CUV_TRY(cuv_program_set_outputs(m->program, refs, m->output_names, m->output_count));
    CUV_TRY(collect_weights(m));
    CUV_TRY(cuv_decide_customs(m));
    return cuv_program_check(m->program);
}

static cuv_status decide_class(struct cuv_model *m, const cuv_file *from)
{
    const cuv_script *s = from ? from->script : NULL;
    if (!s || !s->stands_for)
        return CUV_OK;
    return cuv_model_decide(m, NULL, "class", cuv_format(m->cx, "%s as %s says", s->stands_for, s->stands_in), CUV_ASSUMED,
                            cuv_format(m->cx, "--custom: what %s computes is in its author's code, which %s does not hold", s->stands_for, from->name),
                            "any computation with weights of these shapes");
}

/* `keras`: the version whose behaviour counts; 0: as the evidence tells. */
static cuv_status build(struct cuv_model *m, const struct cuv_evidence *ev, const cuv_value *record, const cuv_file *from, int keras)
{
    cuv_graph *g;
    m->scripted = from && from->script && from->script->config;
    m->from = from ? cuv_arena_strdup(m->arena, from->name) : NULL;
    if (from && !m->from)
        return cuv_oom(m->cx);
    CUV_TRY(decide_version(m, ev, from, keras));
    CUV_TRY(decide_class(m, from));
    m->program = cuv_program_new(m->arena);
    if (!m->program)
        return cuv_oom(m->cx);
    cuv_model_hooks *hooks = CUV_NEW(m->arena, cuv_model_hooks);
    if (!hooks)
        return cuv_oom(m->cx);
    *hooks = (cuv_model_hooks){make_nested, call_model, cuv_stand_in, cuv_call_stand_in, cuv_held_for, (void *)(uintptr_t)ev};
    cuv_layer like = {.keras = m->keras, .keras_minor = minor_version(m), .tf1 = written_by_tf1(m), .trainable = true,
                      .hooks = hooks, .arena = m->arena};
    like.lora = holds_lora(ev);
    like.on_tensorflow = !m->backend || cuv_streq(m->backend, "tensorflow");
    like.adds_as_bias = m->keras == 3 && like.keras_minor >= 7 && like.on_tensorflow;
    CUV_TRY(decide_theano(m, record, &like.theano));
    CUV_TRY(cuv_graph_parse(m, record, &like, &g));
    m->graph = g;
    if (cuv_graph_needs_input(g)) {
        int64_t shape[CUV_MAX_RANK];
        int rank;
        CUV_TRY(cuv_find_input_shape(m, ev, g, shape, &rank));
        CUV_TRY(cuv_graph_add_input(m, g, &like, shape, rank));
    }
    CUV_TRY(list_layers(m, g));
    return finish(m, g);
}

cuv_status cuv_model_build_as(cuv_context *cx, const struct cuv_evidence *ev, const cuv_value *config, const cuv_file *from, int keras,
                              struct cuv_model **out)
{
    *out = NULL;
    CUV_TRY(check_class(cx, ev, config, from));
    cuv_arena *arena = cuv_arena_new(cx);
    if (!arena)
        return cuv_oom(cx);
    struct cuv_model *m = NULL;
    const cuv_value *copy = cuv_value_copy(arena, config);     /* the evidence may be freed before the model */
    cuv_status status = copy ? CUV_OK : cuv_oom(cx);
    if (status == CUV_OK && !(m = new_model(cx, arena, copy)))
        status = cuv_oom(cx);
    if (status == CUV_OK)
        status = build(m, ev, copy, from, keras);
    if (status != CUV_OK) {
        cuv_arena_free(arena);
        return status;
    }
    *out = m;
    return CUV_OK;
}

/* ---- does the version matter? ---- */

/* Whether the model that another Keras makes of the configuration computes something else; where it cannot read it, it does not count. */
static cuv_status differs_as(const struct cuv_model *m, const struct cuv_evidence *ev, const cuv_value *config, const cuv_file *from,
                             int keras, const cuv_buffer *text, bool *differs)
{
    struct cuv_model *other;
    const size_t mark = cuv_findings_mark(m->cx);
    cuv_buffer b;
    cuv_status status = cuv_model_build_as(m->cx, ev, config, from, keras, &other);
    cuv_findings_rewind(m->cx, mark);
    *differs = false;
    if (status == CUV_MEMORY || status == CUV_TIMEOUT)
        return status == CUV_MEMORY ? cuv_oom(m->cx) : cuv_check_time(m->cx);
    if (status != CUV_OK)
        return CUV_OK;
    cuv_buffer_init(&b, m->cx);
    cuv_program_print(other->program, &b);
    *differs = b.size != text->size || memcmp(b.data, text->data, b.size) != 0;
    status = b.failed ? cuv_oom(m->cx) : CUV_OK;
    cuv_buffer_free(&b);
    cuv_model_free(other);
    return status;
}

/* An assumed version is no assumption where every Keras that can read the configuration computes the same steps. */
static cuv_status weigh_version(struct cuv_model *m, const struct cuv_evidence *ev, const cuv_value *config, const cuv_file *from)
{
    const char *others = NULL;
    cuv_decision *d = NULL;
    cuv_buffer text;
    cuv_status status = CUV_OK;
    for (size_t i = 0; !d && i < m->decision_count; i++)
        d = cuv_streq(m->decisions[i].field, "keras_version") && m->decisions[i].level == CUV_ASSUMED ? &m->decisions[i] : NULL;
    if (!d)
        return CUV_OK;
    cuv_buffer_init(&text, m->cx);
    cuv_program_print(m->program, &text);
    for (int keras = 3; status == CUV_OK && !text.failed && keras >= 1; keras--) {
        bool differs = false;
        if (keras != m->keras)
            status = differs_as(m, ev, config, from, keras, &text, &differs);
        if (differs)
            others = others ? cuv_arena_printf(m->arena, "%s, %d", others, keras) : cuv_arena_printf(m->arena, "%d", keras);
    }
    status = status == CUV_OK && text.failed ? cuv_oom(m->cx) : status;
    cuv_buffer_free(&text);
    d->alternatives = others;
    if (!others) {
        d->level = CUV_CERTAIN;
        d->why = "no file says which Keras wrote the model, and all of them compute it alike";
    }
    return status;
}

cuv_status cuv_model_build(cuv_context *cx, const struct cuv_evidence *ev, const cuv_value *config, const cuv_file *from,
                           struct cuv_model **out)
{
    struct cuv_model *m;
    *out = NULL;
    CUV_TRY(cuv_model_build_as(cx, ev, config, from, 0, &m));
    cuv_status status = weigh_version(m, ev, config, from);
    if (status != CUV_OK) {
        cuv_model_free(m);
        return status;
    }
    *out = m;
    return CUV_OK;
}

const cuv_node *cuv_model_node_of(const struct cuv_model *m, const cuv_layer *layer)
{
    for (size_t i = 0; i < m->node_count; i++)
        if (m->nodes[i].layer == layer)
            return &m->nodes[i];
    return NULL;
}

static void add_params(const cuv_layer *layer, bool frozen_above, uint64_t *trainable, uint64_t *frozen)
{
    bool stays = frozen_above || !layer->trainable;
    for (size_t i = 0; i < layer->weight_count; i++) {
        const cuv_weight *w = &layer->weights[i];
        size_t n = 0;
        (void)cuv_shape_count(w->shape, w->rank, &n);
        *(stays || !w->trainable ? frozen : trainable) += n;
    }
    for (size_t i = 0; i < layer->inner_count; i++)
        add_params(layer->inner[i], stays, trainable, frozen);
}

void cuv_layer_params(const cuv_layer *layer, uint64_t *trainable, uint64_t *frozen)
{
    *trainable = *frozen = 0;
    add_params(layer, false, trainable, frozen);
}

void cuv_model_params(const struct cuv_model *m, uint64_t *trainable, uint64_t *frozen)
{
    *trainable = *frozen = 0;
    for (size_t i = 0; i < m->layer_count; i++)
        add_params(m->layers[i], false, trainable, frozen);
}

bool cuv_model_has_values(const struct cuv_model *m)
{
    for (size_t i = 0; i < m->weight_count; i++)
        if (!m->weights[i]->value)
            return false;
    return true;
}
