/* Writing a model: its layers and weights as the tree that the writers of evidence/ know, in the form that the path asks for. */
#include "emit/config.h"
#include "layers/quantized.h"
#include "layers/vocabulary.h"
#include "selftest.h"

static const char *const forms[] = {".keras", ".weights.h5", ".h5", ".json", ".npz", ".safetensors", ".onnx", ".c", ".py", ".dot", ".svg", ".html", NULL};

const char *const *cuv_model_forms(void)
{
    return forms;
}

enum { DEEPEST = 64 };

/* ---- the tree */

typedef struct builder { cuv_context *cx; cuv_arena *arena; const cuv_model *m; bool keras2, legacy, objects; } builder;

/* The name that the configuration of the same form has. */
static const char *saved_name(builder *b, const char *name, const char *class_name)
{
    cuv_config_writer w = {.cx = b->cx, .arena = b->arena, .m = b->m};
    if (b->keras2)
        return cuv_streq(class_name, "InputLayer") ? name : cuv_keras2_name(&w, name);
    return cuv_keras3_name(&w, name);
}

/* Theano's convolutions are true ones, and no other backend's: what is written has their kernels turned. */
static cuv_status saved_value(builder *b, const cuv_layer *layer, const cuv_weight *w, const cuv_tensor **out)
{
    static const char classes[] = "Conv1D Conv2D Conv3D Conv1DTranspose Conv2DTranspose Conv3DTranspose ConvLSTM1D ConvLSTM2D ConvLSTM3D";
    cuv_tensor *turned;
    *out = w->value;
    if (b->keras2 && layer->keras >= 3)
        return cuv_keras2_weight(&(cuv_config_writer){.cx = b->cx, .arena = b->arena, .m = b->m}, layer, w->name, w->value, out);
    if (!layer->theano || !cuv_has_word(classes, layer->def->name) || !cuv_ends_with(w->name, "kernel"))
        return CUV_OK;
    CUV_TRY(cuv_tensor_reverse(b->arena, w->value, layer->def->spatial, &turned));
    *out = turned;
    return CUV_OK;
}

/* Keras adds LoRA to a kernel of few bits by rounding it anew, which changes what the model computes. */
static cuv_status no_branches(const struct cuv_model *m, const char *path)
{
    for (size_t i = 0; i < m->weight_count; i++)
        if (m->weights[i]->layer->quant && cuv_starts_with(m->weights[i]->name, "lora_"))
            return cuv_fail(m->cx, CUV_UNSUPPORTED, "write.behaviour", &(cuv_detail){.file = path, .layer = m->weights[i]->layer->name,
                            .help = "write .h5, which holds the kernel and LoRA's matrices apart"},
                            "'%s' has LoRA beside a kernel of few bits, which %s cannot hold apart", m->weights[i]->layer->name, path);
    return CUV_OK;
}

static cuv_status saved_weights(builder *b, const cuv_layer *layer, cuv_saved_layer *out)
{
    int64_t rank;
    cuv_saved_weight *weights = CUV_NEW_ARRAY(b->arena, cuv_saved_weight, layer->weight_count + 2);
    if (!weights)
        return cuv_oom(b->cx);
    out->weights = weights;
    for (size_t i = 0; i < layer->weight_count; i++) {
        const cuv_weight *w = &layer->weights[i];
        if (b->legacy && !b->keras2 && !strcmp(w->name, "idf_weights") && !cuv_arg_none(layer, w->name))
            continue;       /* Keras 3 has them in the configuration alone there */
        if (!w->value)
            return cuv_fail(b->cx, CUV_NO, "write.missing", &(cuv_detail){.layer = layer->name, .tensor = w->name},
                            "'%s' has no values for its %s, so that nothing can be written", layer->name, w->name);
        const cuv_tensor *value;
        CUV_TRY(saved_value(b, layer, w, &value));
        bool frozen = b->legacy && i == 0 && cuv_lora_rank(layer, &rank);     /* what LoRA adds to is not trained any more */
        weights[out->weight_count++] = (cuv_saved_weight){w->name, value, w->trainable && !frozen};
    }
    if (b->objects && !layer->weight_count && cuv_idf_stated(layer))      /* Keras 3 keeps them here, too */
        weights[out->weight_count++] = (cuv_saved_weight){"idf_weights", cuv_idf_used(layer), false};
    return CUV_OK;
}

/* TextVectorization and the StringLookup inside of it share their weights. */
static cuv_status saved_lookup(builder *b, const cuv_layer *layer, cuv_saved_layer *out)
{
    cuv_saved_layer *lookup = CUV_NEW(b->arena, cuv_saved_layer);
    if (!lookup)
        return cuv_oom(b->cx);
    *lookup = (cuv_saved_layer){.name = "string_lookup", .class_name = "StringLookup", .role = "_lookup_layer", .weights = out->weights,
                                .weight_count = out->weight_count, .trainable = layer->trainable};
    out->inner = lookup;
    out->inner_count = 1;
    return CUV_OK;
}

/* Keras 3 keeps the variables of LSTM, GRU and SimpleRNN in a cell. */
static cuv_status saved_cell(builder *b, const cuv_layer *layer, cuv_saved_layer *out)
{
    cuv_saved_layer *cell = CUV_NEW(b->arena, cuv_saved_layer);
    char *class_name = cuv_arena_printf(b->arena, "%sCell", layer->def->name);
    char *name = class_name ? cuv_snake_case(b->arena, class_name) : NULL;
    if (!cell || !name)
        return cuv_oom(b->cx);
    *cell = (cuv_saved_layer){.name = name, .class_name = class_name, .role = layer->def->vars_path,
                              .trainable = layer->trainable};
    CUV_TRY(saved_weights(b, layer, cell));
    out->inner = cell;
    out->inner_count = 1;
    return CUV_OK;
}

static cuv_status saved_layer(builder *b, const cuv_layer *layer, cuv_saved_layer *out);

static cuv_status saved_inner(builder *b, cuv_layer *const *layers, size_t count, cuv_saved_layer *out)
{
    cuv_saved_layer *inner = CUV_NEW_ARRAY(b->arena, cuv_saved_layer, count + 1);
    if (!inner)
        return cuv_oom(b->cx);
    out->inner = inner;
    for (size_t i = 0; i < count; i++)      /* Keras keeps no variables of operations */
        if (!(layers[i]->def->flags & CUV_LF_OPERATION))
            CUV_TRY(saved_layer(b, layers[i], &inner[out->inner_count++]));
    return CUV_OK;
}

/* Attributes of MultiHeadAttention have an underscore before them in Keras 2. */
static const char *saved_role(builder *b, const cuv_layer *layer)
{
    bool heads = layer->parent && cuv_streq(layer->parent->def->name, "MultiHeadAttention") && layer->role;
    if (!heads || (layer->role[0] == '_') == b->keras2)
        return layer->role;
    return b->keras2 ? cuv_arena_printf(b->arena, "_%s", layer->role) : layer->role + 1;
}

static cuv_status saved_layer(builder *b, const cuv_layer *layer, cuv_saved_layer *out)
{
    *out = (cuv_saved_layer){.name = saved_name(b, layer->name, layer->def->name), .class_name = cuv_layer_class(layer),
                             .role = saved_role(b, layer),
                             .trainable = layer->trainable, .as_made = layer->quant != NULL};
    if (!out->name)
        return cuv_oom(b->cx);
    if (layer->def->vars_path && layer->weight_count)
        return saved_cell(b, layer, out);
    CUV_TRY(saved_weights(b, layer, out));
    if (b->objects && out->weight_count && cuv_streq(layer->def->name, "TextVectorization"))
        return saved_lookup(b, layer, out);
    const cuv_model *m = layer->model;
    out->class_name = m ? m->class_name : out->class_name;      /* what code stands in for is written as a model */
    return m ? saved_inner(b, m->layers, m->layer_count, out) : saved_inner(b, layer->inner, layer->inner_count, out);
}

static cuv_status saved_model(builder *b, const cuv_model *m, cuv_saved_layer *out)
{
    *out = (cuv_saved_layer){.name = saved_name(b, m->name, NULL), .class_name = m->class_name, .trainable = m->trainable};
    if (!out->name)
        return cuv_oom(b->cx);
    return saved_inner(b, m->layers, m->layer_count, out);
}

/* ---- the order of what is written ----

 * Keras lists the layers of a functional model by how far they are from its outputs, and finds weights by that order. Layers that are written as
 * several, or not at all, change it. So the configuration that is written is built, as its Keras will do it, and given the values. */

static bool is_model(const cuv_layer *layer) { return layer->model != NULL; }

static cuv_status give_layer(builder *b, const cuv_layer *from, cuv_layer *to, size_t *given);

static const cuv_layer *layer_named(builder *b, cuv_layer *const *layers, size_t count, const cuv_layer *wanted)
{
    for (size_t i = 0; i < count; i++)
        if (cuv_streq(saved_name(b, layers[i]->name, layers[i]->def->name), wanted->name))
            return layers[i];
    return NULL;
}

static cuv_status give_layers(builder *b, cuv_layer *const *from, size_t from_count, cuv_layer *const *to, size_t to_count, size_t *given)
{
    for (size_t i = 0; i < to_count; i++) {
        const cuv_layer *old = layer_named(b, from, from_count, to[i]);
        if (old)
            CUV_TRY(give_layer(b, old, to[i], given));
    }
    return CUV_OK;
}

static cuv_status give_layer(builder *b, const cuv_layer *from, cuv_layer *to, size_t *given)
{
    if (is_model(from) && is_model(to)) {
        const cuv_model *old = from->model, *fresh = to->model;
        return give_layers(b, old->layers, old->layer_count, fresh->layers, fresh->layer_count, given);
    }
    if (from->weight_count != to->weight_count || from->inner_count != to->inner_count)
        return CUV_OK;
    if (cuv_idf_stated(from) && cuv_idf_stated(to) && cuv_idf_stated(from)->shape[0] == cuv_idf_stated(to)->shape[0])
        cuv_idf_use(to, cuv_idf_used(from));        /* what a file gave them */
    to->name = saved_name(b, from->name, from->def->name);      /* a Bidirectional that is read names its layers anew */
    for (size_t i = 0; i < from->weight_count; i++) {
        cuv_weight *weight = &to->weights[i];
        if (!from->weights[i].value || strcmp(from->weights[i].name, weight->name) != 0 || from->weights[i].rank != weight->rank)
            continue;
        CUV_TRY(saved_value(b, from, &from->weights[i], &weight->value));
        ++*given;
    }
    for (size_t i = 0; i < from->inner_count; i++)
        CUV_TRY(give_layer(b, from->inner[i], to->inner[i], given));
    return CUV_OK;
}

/* *out NULL: the model's own order will do, as it has to where the two do not have the same weights. */
static cuv_status as_written(builder *b, const cuv_value *config, int keras, cuv_model **out)
{
    const cuv_model *m = b->m;
    const size_t mark = cuv_findings_mark(m->cx);
    size_t given = 0;
    *out = NULL;
    if (cuv_get(m->config, "config") == cuv_get(config, "config") || !cuv_model_has_values(m) || m->custom)
        return CUV_OK;
    cuv_status status = cuv_model_build_as(m->cx, NULL, config, NULL, keras, out);
    if (status == CUV_OK)
        status = give_layers(b, m->layers, m->layer_count, (*out)->layers, (*out)->layer_count, &given);
    if (status == CUV_OK)
        status = cuv_model_order_layers(*out);
    if (status == CUV_MEMORY || status == CUV_TIMEOUT) {
        cuv_model_free(*out);
        *out = NULL;
        return status;
    }
    cuv_findings_rewind(m->cx, mark);
    if (status == CUV_OK && given == m->weight_count && given == (*out)->weight_count)
        return CUV_OK;
    cuv_model_free(*out);
    *out = NULL;
    return CUV_OK;
}

/* ---- forms */

static const char *form_of(const char *path, const char *format)
{
    char dotted[32];
    if (format) {
        snprintf(dotted, sizeof dotted, "%s%s", format[0] == '.' ? "" : ".", format);
        path = cuv_streq(dotted, ".hdf5") ? ".h5" : dotted;
    }
    for (size_t i = 0; forms[i]; i++)
        if (cuv_ends_with(path, forms[i]))
            return forms[i];
    return cuv_ends_with(path, ".hdf5") ? ".h5" : NULL;
}

/* ".keras, .h5, .json" */
static const char *form_list(const cuv_model *m)
{
    const char *text = forms[0];
    for (size_t i = 1; forms[i]; i++)
        text = cuv_format(m->cx, "%s%s%s", text, forms[i + 1] ? ", " : " and ", forms[i]);
    return text;
}

static cuv_status no_form(const cuv_model *m, const char *path, const char *format)
{
    return cuv_fail(m->cx, CUV_ARGUMENT, "write.form", &(cuv_detail){.file = path, .found = format, .expected = form_list(m),
                    .help = "end the name with the form, or say it with --format"},
                    format ? "%s: '%s' is no form" : "%s: the name does not tell the form", path, format);
}

/* A page tells how the samples or the self-test of the files came out, where there are any and the model can be run. */
static cuv_status emit_page(cuv_model *m, cuv_arena *arena, cuv_buffer *text)
{
    cuv_verification *proof = NULL;
    const char *from = NULL;
    struct cuv_evidence *ev = m->evidence;
    if (ev && cuv_model_has_values(m) && (ev->samples || cuv_evidence_has_selftest(ev))) {
        const size_t mark = cuv_findings_mark(m->cx);
        cuv_status status = cuv_model_verify(m, ev, 1e-4, 1e-5, NULL, &proof);
        if (status == CUV_MEMORY || status == CUV_TIMEOUT)
            return status;
        cuv_findings_rewind(m->cx, mark);
        from = ev->samples ? "inputs and outputs given with --samples" : "the self-test inside of the files";
    }
    cuv_status status = cuv_emit_page(m, arena, proof, from, text);
    cuv_verification_free(m->cx, proof);
    return status;
}

/* Keras code, a graph, a picture: text that the model alone gives. */
static cuv_status write_text(cuv_model *m, cuv_arena *arena, const char *path, const char *form)
{
    cuv_buffer text;
    cuv_output *out = NULL;
    cuv_buffer_init(&text, m->cx);
    cuv_status status = CUV_OK;
    if (!strcmp(form, ".py"))
        status = cuv_emit_python(m, arena, &text);
    else if (!strcmp(form, ".svg"))
        status = cuv_emit_svg(m, arena, &text);
    else if (!strcmp(form, ".html"))
        status = emit_page(m, arena, &text);
    else
        cuv_emit_dot(m, &text);
    if (status == CUV_OK && text.failed)
        status = cuv_oom(m->cx);
    if (status == CUV_OK)
        status = cuv_output_open(m->cx, path, &out);
    if (status == CUV_OK)
        status = cuv_output_write(out, text.data, text.size);
    cuv_buffer_free(&text);
    if (status == CUV_OK)
        return cuv_output_commit(out);
    cuv_output_discard(out);
    return status;
}

/* As Keras 2 has it in .h5, and with its version in .json. */
static cuv_status legacy_config(const cuv_model *m, cuv_arena *arena, bool json, cuv_value **config)
{
    cuv_value *whole = cuv_value_dict(arena);
    if (!whole)
        return cuv_oom(m->cx);
    CUV_TRY(cuv_dict_set(arena, whole, "class_name", cuv_get(*config, "class_name")));
    CUV_TRY(cuv_dict_set(arena, whole, "config", cuv_get(*config, "config")));
    *config = whole;
    if (!json)
        return CUV_OK;
    CUV_TRY(cuv_dict_set(arena, whole, "keras_version", cuv_value_text(arena, "2.15.0")));
    return cuv_dict_set(arena, whole, "backend", cuv_value_text(arena, "tensorflow"));
}

/* The forms that hold weights. */
static cuv_status write_tree(builder *b, const cuv_model *m, cuv_save *save, const char *path, const char *form)
{
    cuv_saved_layer tree;
    CUV_TRY(saved_model(b, m, &tree));
    save->model = &tree;
    CUV_TRY(cuv_selftest_make((cuv_model *)(uintptr_t)b->m, b->arena, &save->selftest));
    if (!strcmp(form, ".keras") || !strcmp(form, ".weights.h5"))
        CUV_TRY(no_branches(b->m, path));
    if (!strcmp(form, ".keras"))
        return cuv_write_archive(b->cx, save, path);
    if (!strcmp(form, ".weights.h5"))
        return cuv_write_objects_h5(b->cx, save, path);
    if (!strcmp(form, ".h5"))
        return cuv_write_legacy_h5(b->cx, save, path);
    return !strcmp(form, ".npz") ? cuv_write_npz(b->cx, save, path) : cuv_write_safetensors(b->cx, save, path);
}

static cuv_status write_form(cuv_model *m, const char *path, const char *form, const cuv_write_options *o, cuv_arena *arena)
{
    builder b = {m->cx, arena, m, o && o->keras == 2, !strcmp(form, ".h5"),
                 !strcmp(form, ".keras") || !strcmp(form, ".weights.h5")};
    cuv_value *config = NULL;
    cuv_model *fresh = NULL;
    bool keras2 = o && o->keras == 2, bare = o && o->weights_only;
    cuv_save save = {.keras_version = NULL, .backend = NULL, .keras2_names = keras2};
    bool wants_config = !strcmp(form, ".keras") || !strcmp(form, ".json") || (!strcmp(form, ".h5") && !bare);
    const bool beside = o && o->beside_config && !wants_config && cuv_has_word(".weights.h5 .npz .safetensors .h5", form);
    if (keras2 && !strcmp(form, ".py"))
        return cuv_fail(m->cx, CUV_UNSUPPORTED, "write.keras2", &(cuv_detail){.file = path, .found = "--keras 2",
                        .help = "write .json for Keras 2, or the code for Keras 3"},
                        "%s: Keras code is written for Keras 3 only", path);
    if (!strcmp(form, ".c"))
        return cuv_write_c(m, path, o);
    if (!strcmp(form, ".keras") || (!strcmp(form, ".json") && !keras2))
        CUV_TRY(cuv_config_refuse_ngrams(m, form, DEEPEST));
    if (!keras2 && (beside || (!strcmp(form, ".h5") && wants_config) || !strcmp(form, ".py")))
        CUV_TRY(cuv_config_refuse_idf(m, form));
    if (wants_config)
        CUV_TRY(keras2 ? cuv_emit_config2(m, arena, &config) : cuv_emit_config(m, arena, &config));
    if (keras2 && config && strcmp(form, ".keras") != 0)
        CUV_TRY(legacy_config(m, arena, !strcmp(form, ".json"), &config));
    if (!strcmp(form, ".json"))
        return cuv_write_json(m->cx, config, path);
    if (!strcmp(form, ".onnx"))
        {
        CUV_TRY(cuv_selftest_make(m, arena, &save.selftest));
        return cuv_write_onnx(m, save.selftest, path);
    }
    if (!strcmp(form, ".py") || !strcmp(form, ".dot") || !strcmp(form, ".svg") || !strcmp(form, ".html"))
        return write_text(m, arena, path, form);
    save.config = config;
    if (beside)
        CUV_TRY(keras2 ? cuv_emit_config2(m, arena, &config) : cuv_emit_config(m, arena, &config));
    if (config)
        CUV_TRY(as_written(&b, config, keras2 ? 2 : 3, &fresh));
    cuv_status status = write_tree(&b, fresh ? fresh : m, &save, path, form);
    cuv_model_free(fresh);
    return status;
}

/* Forms that hold a configuration cannot hold a Lambda's code, nor layers that their Keras lacks; weights beside one have to fit it. */
static cuv_status write_unfolded(cuv_model *m, const char *path, const char *form, const cuv_write_options *o, cuv_arena *arena)
{
    cuv_model *other = NULL;
    const bool bare = o && o->weights_only && !strcmp(form, ".h5"), beside = o && o->beside_config;
    if ((cuv_has_word(".keras .h5 .json .py", form) && !bare) || (beside && cuv_has_word(".weights.h5 .npz .safetensors .h5", form)))
        CUV_TRY(cuv_model_unfold(m, o && o->keras == 2 ? 2 : 3, !strcmp(form, ".h5"), &other));
    cuv_status status = write_form(other ? other : m, path, form, o, arena);
    cuv_model_free(other);
    return status;
}

cuv_status cuv_model_write(cuv_model *m, const char *path, const char *format, const cuv_write_options *options)
{
    cuv_start_clock(m->cx);
    const char *form = form_of(path, format);
    if (!form)
        return no_form(m, path, format);
    cuv_arena *arena = cuv_arena_new(m->cx);
    if (!arena)
        return cuv_oom(m->cx);
    cuv_status status = write_unfolded(m, path, form, options, arena);
    cuv_arena_free(arena);
    return status;
}
