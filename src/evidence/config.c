/* Configurations of models in the forms that Keras 1 to 3 and their users write; JSON and YAML files that hold one.
 * Brings all to {"class_name", "config", ...} and tells which Keras wrote it. Does not look into layers. */
#include "evidence/read.h"

/* ---- versions ---- */

int cuv_keras_major(const char *version)
{
    if (!version)
        return 0;
    if (cuv_starts_with(version, "tfjs"))
        return 2; /* TensorFlow.js follows Keras 2 */
    if (*version == '0' && version[1] == '.')
        return 1;
    return *version >= '1' && *version <= '3' && (version[1] == '.' || !version[1]) ? *version - '0' : 0;
}

static int keras_minor(const char *version)
{
    const char *dot = strchr(version, '.');
    int minor = 0;
    for (const char *p = dot ? dot + 1 : ""; *p >= '0' && *p <= '9' && minor < 1000; p++)
        minor = minor * 10 + (*p - '0');
    return minor;
}

static const char *backend_name(const char *backend)
{
    static const char *const names[][2] = {{"tensorflow", "TensorFlow"}, {"theano", "Theano"}, {"cntk", "CNTK"},
                                           {"jax", "JAX"}, {"torch", "PyTorch"}, {"numpy", "NumPy"},
                                           {"openvino", "OpenVINO"}};
    for (size_t i = 0; i < sizeof names / sizeof *names; i++)
        if (cuv_streq(backend, names[i][0]))
            return names[i][1];
    return backend;
}

static char *describe_writer(cuv_arena *arena, const cuv_file *f)
{
    const char *v = f->keras_version, *on = f->backend ? backend_name(f->backend) : NULL;
    if (!v)
        return f->keras ? cuv_arena_printf(arena, "Keras %d (no version recorded)", f->keras) : NULL;
    if (cuv_starts_with(v, "tfjs"))
        return cuv_arena_printf(arena, "TensorFlow.js (%s)", v);
    bool bundled = f->keras == 2 && (cuv_ends_with(v, "-tf") || keras_minor(v) >= 4);
    if (bundled) /* from 2.4 on there was no Keras 2 but TensorFlow's */
        return cuv_arena_printf(arena, "%s %s (TensorFlow)", keras_minor(v) >= 16 ? "tf_keras" : "tf.keras", v);
    return cuv_arena_printf(arena, "Keras %s%s%s", v, on ? " on " : "", on ? on : "");
}

/* ---- what the words of a configuration tell ---- */

typedef struct signs { int count[4]; uint64_t left; } signs;

static void look_at_key(const char *key, const cuv_value *value, signs *s)
{
    static const char *const first[] = {"nb_filter", "border_mode", "dim_ordering", "input_dtype", "W_regularizer",
                                        "inner_activation", "subsample", "consume_less", "nb_row"};
    static const char *const second[] = {"batch_input_shape", "kernel_initializer", "data_format",
                                         "moving_variance_initializer"};
    static const char *const third[] = {"batch_shape", "registered_name", "build_config", "shared_object_id"};
    for (size_t i = 0; i < sizeof first / sizeof *first; i++)
        s->count[1] += cuv_streq(key, first[i]);
    for (size_t i = 0; i < sizeof second / sizeof *second; i++)
        s->count[2] += cuv_streq(key, second[i]) * (i == 0 ? 1000 : 1);
    for (size_t i = 0; i < sizeof third / sizeof *third; i++)
        s->count[3] += cuv_streq(key, third[i]) * (i == 0 ? 1000 : 1);
    const char *module = cuv_streq(key, "module") ? cuv_text(value) : NULL;
    if (module && (cuv_starts_with(module, "tf_keras") || cuv_starts_with(module, "keras.src.engine")))
        s->count[2] += 1000;
}

static void gather_signs(const cuv_value *v, signs *s, unsigned depth)
{
    if (!v || !depth || !s->left)
        return;
    s->left--;
    if (v->kind == CUV_DICT) {
        for (size_t i = 0; i < v->size; i++) {
            look_at_key(cuv_text(v->pairs[i].key) ? cuv_text(v->pairs[i].key) : "", v->pairs[i].value, s);
            gather_signs(v->pairs[i].value, s, depth - 1);
        }
    } else if (cuv_is_seq(v)) {
        for (size_t i = 0; i < v->size; i++)
            gather_signs(v->items[i], s, depth - 1);
    }
}

int cuv_config_generation(const cuv_value *config)
{
    signs s = {.left = 20000};
    gather_signs(config, &s, 64);
    if (s.count[1] > 0 && s.count[2] < 1000 + s.count[1] && s.count[3] == 0)
        return s.count[1] >= s.count[2] % 1000 ? 1 : 2;
    if (s.count[2] >= 1000 || s.count[3] >= 1000)
        return s.count[2] >= s.count[3] ? 2 : 3;
    if (s.count[3] > 0)
        return 3;
    return s.count[2] > 0 ? 2 : 0;
}

cuv_status cuv_file_describe(struct cuv_evidence *ev, cuv_file *file, int by_names)
{
    file->keras = cuv_keras_major(file->keras_version);
    if (!file->keras && file->config)
        file->keras = cuv_config_generation(file->config);
    if (!file->keras)
        file->keras = by_names;
    if (!file->keras && file->arrangement == CUV_ARR_OBJECTS) {
        /* TF 2.12 and later write this layout too, so its major version is not known from the layout alone */
        file->written_by = "Keras 3 or tf.keras 2.12 and later (no version recorded)";
        return CUV_OK;
    }
    char *text = describe_writer(ev->arena, file);
    file->written_by = text;
    return !text && (file->keras || file->keras_version) ? cuv_oom(ev->cx) : CUV_OK;
}

/* ---- forms ---- */

static bool is_record(const cuv_value *v)
{
    return cuv_get_text(v, "class_name") && cuv_get(v, "config");
}

static bool is_layer_list(const cuv_value *v)
{
    return cuv_is_seq(v) && cuv_len(v) > 0 && is_record(cuv_item(v, 0)) && is_record(cuv_item(v, cuv_len(v) - 1));
}

/* What get_config() of a model gives, without the class around it. NULL when it is none. */
static const char *bare_class(const cuv_value *v)
{
    if (is_layer_list(v))
        return "Sequential";
    if (!is_layer_list(cuv_get(v, "layers")))
        return NULL;
    return cuv_get(v, "input_layers") && cuv_get(v, "output_layers") ? "Functional" : "Sequential";
}

static cuv_status wrap(struct cuv_evidence *ev, const char *class_name, cuv_value *inner, cuv_value **out)
{
    *out = cuv_value_dict(ev->arena);
    if (!*out)
        return cuv_oom(ev->cx);
    CUV_TRY(cuv_dict_set(ev->arena, *out, "class_name", cuv_value_text(ev->arena, class_name)));
    return cuv_dict_set(ev->arena, *out, "config", inner);
}

static cuv_status copy_once(struct cuv_evidence *ev, const cuv_value *from, const char *key, const char **to)
{
    const char *text = cuv_get_text(from, key);
    if (*to || !text)
        return CUV_OK;
    *to = cuv_arena_strdup(ev->arena, text);
    return *to ? CUV_OK : cuv_oom(ev->cx);
}

static cuv_status store(struct cuv_evidence *ev, cuv_file *file, cuv_value *record)
{
    CUV_TRY(copy_once(ev, record, "keras_version", &file->keras_version));
    CUV_TRY(copy_once(ev, record, "backend", &file->backend));
    CUV_TRY(cuv_flatten_merged(ev, &record));
    file->config = record;
    cuv_value *training = cuv_get(record, "compile_config");
    if (!file->training && cuv_len(training))
        file->training = training;
    return CUV_OK;
}

/* A value that has the configuration somewhere inside: text of JSON, or under a key. NULL: it is not such a thing. */
static cuv_status step_inside(struct cuv_evidence *ev, const cuv_file *file, cuv_value *v, cuv_value **out)
{
    static const char *const keys[] = {"model_config", "modelTopology", "model", "architecture", "keras_model_config"};
    *out = NULL;
    if (v && v->kind == CUV_TEXT && v->size > 1 && (v->text[0] == '{' || v->text[0] == '[')) {
        cuv_source src = {
            .blob = file->source.blob, .data = (const uint8_t *)v->text, .size = v->size, .name = file->name};
        return cuv_json_parse(ev->arena, &src, out);
    }
    for (size_t i = 0; !*out && i < sizeof keys / sizeof *keys; i++) {
        cuv_value *inner = cuv_get(v, keys[i]);
        if (inner && (inner->kind == CUV_DICT || (inner->kind == CUV_TEXT && inner->text[0] == '{')))
            *out = inner;
    }
    return CUV_OK;
}

cuv_status cuv_config_take(struct cuv_evidence *ev, cuv_file *file, cuv_value *value, bool *found)
{
    enum { MOST_WRAPPINGS = 4 };
    *found = false;
    for (int depth = 0; value && depth < MOST_WRAPPINGS; depth++) {
        const char *bare = is_record(value) ? NULL : bare_class(value);
        cuv_value *inner = NULL;
        if (bare)
            CUV_TRY(wrap(ev, bare, value, &value));
        if (is_record(value)) {
            *found = true;
            return store(ev, file, value);
        }
        CUV_TRY(step_inside(ev, file, value, &inner));
        if (inner) { /* versions stand beside the configuration */
            CUV_TRY(copy_once(ev, value, "keras_version", &file->keras_version));
            CUV_TRY(copy_once(ev, value, "backend", &file->backend));
            if (!file->training)
                file->training = cuv_get(value, "training_config");
        }
        value = inner;
    }
    return CUV_OK;
}

/* ---- files of JSON and YAML ---- */

static const char *keys_of(cuv_context *cx, const cuv_value *root)
{
    enum { SHOWN = 6 };
    cuv_buffer b;
    cuv_buffer_init(&b, cx);
    for (size_t i = 0; i < cuv_len(root) && i < SHOWN; i++) {
        const char *key = cuv_text(root->pairs[i].key);
        cuv_buffer_text(&b, i ? ", " : "");
        cuv_buffer_safe(&b, key ? key : "?", key ? strlen(key) : 1);
    }
    if (cuv_len(root) > SHOWN)
        cuv_buffer_text(&b, ", ...");
    const char *text = cuv_format(cx, "an object with the keys %s", b.failed || !b.data ? "?" : b.data);
    cuv_buffer_free(&b);
    return text;
}

static const char *what_it_is(cuv_context *cx, const cuv_value *root)
{
    if (cuv_is_seq(root))
        return cuv_format(cx, "a list of %zu items", cuv_len(root));
    if (!root || root->kind != CUV_DICT)
        return cuv_format(cx, "the value %s", cuv_value_repr(cx, root));
    if (cuv_get(root, "optimizer") && cuv_get(root, "loss"))
        return "a training configuration without its model";
    if (cuv_is_seq(cuv_get(root, "loss")))
        return "a history of training";
    if (cuv_get(root, "model_checkpoint_path"))
        return "the list of a TensorFlow checkpoint's files";
    if (cuv_get(root, "floatx") && cuv_get(root, "image_data_format"))
        return "the settings of a Keras installation (keras.json)";
    return cuv_len(root) ? keys_of(cx, root) : "an empty object";
}

static cuv_status not_keras(struct cuv_evidence *ev, const cuv_file *file, const cuv_value *root)
{
    const char *form = file->format == CUV_FORMAT_YAML ? "YAML" : "JSON";
    cuv_detail detail = {.file = file->path, .found = what_it_is(ev->cx, root),
                         .expected = "the object that model.to_json() writes: class_name, config",
                         .help = "write it with model.to_json(), or give the model's code"};
    if (is_layer_list(cuv_get(root, "layers")) || !cuv_get_text(root, "name") || !cuv_is_seq(cuv_get(root, "layers")))
        return cuv_fail(ev->cx, CUV_UNSUPPORTED, "config.not_keras", &detail,
                        "%s is %s, but no configuration of a Keras model", file->name, form);
    detail.expected = detail.found = NULL;
    detail.help = "load it with Keras 0.3 and save it with Keras 1";
    return cuv_fail(
        ev->cx, CUV_UNSUPPORTED, "config.keras0", &detail,
        "%s may be a configuration of Keras 0, whose layers have no class_name; this version does not read it",
        file->name);
}

static bool is_matrix(const cuv_value *v)
{
    return cuv_is_seq(v) && cuv_is_seq(cuv_item(v, 0)) && cuv_len(cuv_item(v, 0)) > 0;
}

/* Weights as nested lists of numbers: a list of arrays, or a dict of which one has two axes at least, maybe layer by
 * layer. */
static bool may_be_arrays(const cuv_value *root)
{
    if (cuv_is_seq(root))
        return cuv_is_seq(cuv_item(root, 0)) && cuv_len(cuv_item(root, 0)) > 0;
    for (size_t i = 0; root && root->kind == CUV_DICT && i < root->size; i++) {
        const cuv_value *v = root->pairs[i].value;
        if (is_matrix(v))
            return true;
        for (size_t k = 0; v->kind == CUV_DICT && k < v->size; k++)
            if (is_matrix(v->pairs[k].value))
                return true;
    }
    return false;
}

static cuv_status read_others(struct cuv_evidence *ev, cuv_file *file, cuv_value *root)
{
    if (cuv_get(root, "weight_map") && cuv_get(root, "metadata"))
        return cuv_read_shards(ev, file, root);
    if (cuv_get_text(root, "keras_version") && cuv_get(root, "date_saved")) {
        file->kind = "metadata of a Keras 3 archive";
        CUV_TRY(copy_once(ev, root, "keras_version", &file->keras_version));
        return cuv_file_describe(ev, file, 3);
    }
    if (!may_be_arrays(root))
        return not_keras(ev, file, root);
    size_t mark = cuv_findings_mark(ev->cx);
    cuv_status status = cuv_read_arrays(ev, file, root);
    if (status != CUV_UNSUPPORTED)
        return status;
    cuv_findings_rewind(ev->cx, mark);
    return not_keras(ev, file, root);
}

cuv_status cuv_read_config(struct cuv_evidence *ev, cuv_file *file, cuv_value *root)
{
    static const char *const kinds[] = {"configuration", "Keras 1 configuration", "Keras 2 configuration",
                                        "Keras 3 configuration"};
    bool found = false, yaml = file->format == CUV_FORMAT_YAML;
    file->root = root;
    if (cuv_get(root, "modelTopology") || cuv_get(root, "weightsManifest") || cuv_tfjs_manifest(root))
        return cuv_read_tfjs(ev, file, root);
    CUV_TRY(cuv_config_take(ev, file, root, &found));
    if (!found && yaml && root && root->kind == CUV_TEXT) /* any text is YAML */
        return cuv_foreign_unknown(ev->cx, file);
    if (!found)
        return read_others(ev, file, root);
    CUV_TRY(cuv_file_describe(ev, file, 0));
    const char *kind = cuv_arena_printf(ev->arena, "%s (%s)", kinds[file->keras], yaml ? "YAML" : "JSON");
    file->kind = kind;
    return kind ? CUV_OK : cuv_oom(ev->cx);
}
