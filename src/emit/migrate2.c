/* What Keras 2 says otherwise than Keras 3, by meaning: the written model gives the same outputs. Every change is
 * noted, except that arguments without meaning for the outputs are left out. What Keras 2 cannot express is
 * refused by name. */
#include "emit/config.h"
#include "layers/support.h"

/* ---- classes */

static const char absent[] =
    "AdaptiveAveragePooling1D AdaptiveAveragePooling2D AdaptiveAveragePooling3D AdaptiveMaxPooling1D "
    "AdaptiveMaxPooling2D AdaptiveMaxPooling3D AugMix AutoContrast Equalization "
    "ContrastLimitedAdaptiveHistogramEqualization CutMix GroupQueryAttention MelSpectrogram MixUp Pipeline "
    "RMSNormalization RandAugment RandomColorDegeneration RandomColorJitter RandomElasticTransform "
    "MaxNumBoundingBoxes RandomErasing RandomGaussianBlur RandomGrayscale RandomHue RandomInvert RandomPerspective "
    "RandomPosterization RandomSaturation RandomSharpness RandomShear ReversibleEmbedding STFTSpectrogram "
    "Solarization Highway MaxoutDense Merge ParametricSoftplus SReLU";

static bool is_float_mode(const cuv_layer *layer)
{
    return cuv_has_word("StringLookup IntegerLookup TextVectorization Hashing HashedCrossing Discretization CategoryEncoding",
                        layer->def->name) && !cuv_arg_is(layer, "output_mode", "int");
}

static bool crops(const cuv_layer *layer)
{
    int at = layer->in_rank - 3 + (layer->channels_first ? 1 : 0);
    return cuv_streq(layer->def->name, "RandomCrop") && cuv_layer_since(layer, 6) && layer->in_rank >= 3 &&
           (layer->in_shape[at] != cuv_arg_int(layer, "height") ||
            layer->in_shape[at + 1] != cuv_arg_int(layer, "width"));
}

/* What Keras 2.15 has a class for, and yet cannot do or read. */
static cuv_status check_behaviour(cuv_config_writer *w, const cuv_layer *layer)
{
    const char *found = NULL;
    int rank = layer->in_rank;
    if (layer->weight_count && layer->variable == CUV_BF16)
        found = "variables of bfloat16, which Keras 2 saves and cannot load";
    else if (cuv_streq(layer->def->name, "SpectralNormalization"))
        found = "a class that Keras 2.15 saves and cannot load";
    else if (is_float_mode(layer) && cuv_arg_is(layer, "output_mode", "tf_idf"))
        found = "output_mode='tf_idf', whose weights Keras 2 keeps elsewhere";
    else if (is_float_mode(layer) && rank > 2)
        found = "encoded inputs of more than one axis";
    else if (is_float_mode(layer) && cuv_arg_is(layer, "output_mode", "one_hot") && rank == 2 &&
             layer->in_shape[1] != 1)
        found = "output_mode='one_hot' of more than one value each";
    else if (crops(layer))
        found = "images of another size than it cuts, which Keras 3 leaves alone when it predicts (3.6 and 3.7: cuts otherwise), and Keras 2 does not";
    if (!found)
        return CUV_OK;
    return cuv_fail(w->cx, CUV_UNSUPPORTED, "write.behaviour", &(cuv_detail){.layer = layer->name, .found = found,
                    .help = "write it for Keras 3, or as .onnx or .c"},
                    "'%s' (%s) cannot be written for Keras 2: it has %s", layer->name, layer->def->name, found);
}

cuv_status cuv_keras2_class(cuv_config_writer *w, const cuv_layer *layer, const char **out)
{
    const char *class_name = layer->def->name;
    bool idle = cuv_starts_with(class_name, "Random") || cuv_has_word("AugMix CutMix MixUp RandAugment", class_name);
    *out = class_name;
    if (layer->quant)
        return cuv_fail(w->cx, CUV_UNSUPPORTED, "write.class",
                        &(cuv_detail){.layer = layer->name, .found = "weights of few bits",
                        .help = "write it for Keras 3, which has them"},
                        "'%s' is a quantised %s, which Keras 2 does not have", layer->name, class_name);
    if (!cuv_has_word(absent, class_name))
        return check_behaviour(w, layer);
    return cuv_fail(w->cx, CUV_UNSUPPORTED, "write.class", &(cuv_detail){.layer = layer->name, .found = class_name,
                    .help = idle ? "take the layer out of the model: it does nothing when the model predicts"
                                 : "write it for Keras 3, or as .onnx or .c"},
                    "'%s' is a %s, which Keras 2 does not have", layer->name, class_name);
}

/* ---- arguments */

/* Arguments that Keras 2 does not take. Their default, or any value of an argument without meaning for inference,
 * is left out; class "": of every layer. */
static const struct { const char *class_name, *names; } unknown[] = {
    {"", "lora_rank lora_alpha quantization_config use_cudnn flash_attention gptq_unpacked_column_size bounding_box_format"},
    {"Attention", "seed causal"},
    {"AdditiveAttention", "causal"},
    {"Bidirectional", "weights"},
    {"CenterCrop", "data_format"},
    {"Conv1DTranspose", "output_shape"},
    {"Conv2DTranspose", "output_shape"},
    {"Conv3DTranspose", "output_shape"},
    {"ConvLSTM1D", "seed"},
    {"ConvLSTM2D", "seed"},
    {"ConvLSTM3D", "seed"},
    {"Embedding", "weights dropout"},
    {"GRU", "seed"},
    {"GRUCell", "seed"},
    {"IntegerLookup", "oov_method salt has_input_vocabulary"},
    {"LSTM", "seed"},
    {"LSTMCell", "seed"},
    {"LayerNormalization", "rms_scaling"},
    {"MultiHeadAttention", "sliding_window use_gate seed query_shape key_shape value_shape"},
    {"RandomBrightness", "data_format"},
    {"RandomContrast", "value_range data_format"},
    {"RandomCrop", "data_format factor"},
    {"RandomFlip", "data_format"},
    {"RandomRotation", "data_format value_range"},
    {"RandomTranslation", "data_format"},
    {"RandomZoom", "data_format"},
    {"Resizing", "pad_to_aspect_ratio fill_mode fill_value antialias data_format"},
    {"SimpleRNN", "seed"},
    {"SimpleRNNCell", "seed"},
    {"SpatialDropout1D", "seed"},
    {"SpatialDropout2D", "seed"},
    {"SpatialDropout3D", "seed"},
    {"StackedRNNCells", "reverse_state_order"},
    {"StringLookup", "salt oov_method vocabulary_dtype has_input_vocabulary"},
    {"TextVectorization", "has_input_vocabulary"},
    {"ZeroPadding1D", "data_format"},
};

static bool is_unknown(const cuv_layer *layer, const char *name)
{
    for (size_t i = 0; i < sizeof unknown / sizeof *unknown; i++)
        if ((!*unknown[i].class_name || cuv_streq(layer->def->name, unknown[i].class_name)) &&
            cuv_has_word(unknown[i].names, name))
            return true;
    return false;
}

static bool means_nothing(cuv_config_writer *w, const cuv_layer *layer, size_t row)
{
    const cuv_param *p = &layer->def->params[row];
    const cuv_value *usual = p->fallback ? cuv_layer_literal(w->arena, p->fallback) : NULL, *given = layer->args[row];
    if (p->inert || !given || (usual && cuv_value_equal(usual, given)))
        return true;
    if (cuv_streq(p->name, "causal"))           /* becomes an argument of the call */
        return true;
    /* only Keras's own False does nothing for layers that do not get it from a Bidirectional */
    if (cuv_streq(p->name, "data_format"))
        return !layer->channels_first;
    return false;
}

cuv_status cuv_keras2_param(cuv_config_writer *w, const cuv_layer *layer, size_t row, const char **out)
{
    const char *name = layer->def->params[row].name;
    *out = name;
    if (cuv_streq(layer->def->name, "LeakyReLU") && cuv_streq(name, "negative_slope"))
        *out = "alpha";
    if (cuv_starts_with(name, "renorm") && !cuv_arg_bool(layer, "renorm"))
        *out = NULL;        /* said only where it is so */
    if (!is_unknown(layer, name))
        return CUV_OK;
    *out = NULL;
    if (means_nothing(w, layer, row))
        return CUV_OK;
    const char *found = cuv_format(w->cx, "%s=%s", name, cuv_value_repr(w->cx, layer->args[row]));
    return cuv_fail(w->cx, CUV_UNSUPPORTED, "write.behaviour", &(cuv_detail){.layer = layer->name, .found = found,
                    .help = "write it for Keras 3, or as .onnx or .c"},
                    "'%s' (%s) has %s, which Keras 2 does not have", layer->name, layer->def->name, found);
}

/* ---- initialisers and rules */

static const struct { const char *class_name, *arguments; } objects[] = {
    {"GlorotUniform", "seed"}, {"GlorotNormal", "seed"}, {"HeUniform", "seed"}, {"HeNormal", "seed"},
        {"LecunUniform", "seed"},
    {"LecunNormal", "seed"}, {"Zeros", ""}, {"Ones", ""}, {"Constant", "value"}, {"RandomNormal", "mean stddev seed"},
    {"RandomUniform", "minval maxval seed"}, {"TruncatedNormal", "mean stddev seed"},
    {"VarianceScaling", "scale mode distribution seed"}, {"Orthogonal", "gain seed"}, {"Identity", "gain"},
        {"L1", "l1"}, {"L2", "l2"},
    {"L1L2", "l1 l2"}, {"OrthogonalRegularizer", "factor mode"}, {"MaxNorm", "max_value axis"},
    {"MinMaxNorm", "min_value max_value rate axis"}, {"NonNeg", ""}, {"UnitNorm", "axis"}};

static cuv_status copy_arguments(cuv_config_writer *w, const char *known, const cuv_value *from, cuv_value *to)
{
    for (size_t i = 0; from && from->kind == CUV_DICT && i < from->size; i++) {
        const char *name = cuv_text(from->pairs[i].key);
        cuv_value *value = from->pairs[i].value;
        if (name && cuv_has_word(known, name) &&
            value->kind != CUV_DICT)      /* a generator as seed, an array as value */
            CUV_TRY(cuv_dict_set(w->arena, to, name, value));
    }
    return CUV_OK;
}

cuv_status cuv_keras2_object(cuv_config_writer *w, const cuv_param *row, const cuv_value *given, cuv_value **out)
{
    const char *module = row->type == CUV_P_INITIALIZER ? "keras.initializers"
                       : row->type == CUV_P_REGULARIZER ? "keras.regularizers" : "keras.constraints";
    const char *class_name = cuv_get_text(given, "class_name");
    *out = row->type == CUV_P_INITIALIZER ? NULL : cuv_value_null(w->arena);
    if (cuv_text(given) && row->type == CUV_P_INITIALIZER && !strchr(cuv_text(given), '.'))
        *out = cuv_value_text(w->arena, cuv_text(given));
    for (size_t i = 0; class_name && i < sizeof objects / sizeof *objects; i++) {
        if (strcmp(objects[i].class_name, class_name) != 0)
            continue;
        cuv_value *config = NULL;
        CUV_TRY(cuv_config_object(w, module, class_name, NULL, &config, out));
        return copy_arguments(w, objects[i].arguments, cuv_get(given, "config"), config);
    }
    return CUV_OK;
}

/* ---- activations */

static const struct { const char *names, *now; } functions[] = {
    {"linear", "linear"}, {"relu", "relu"}, {"relu6", "relu6"}, {"leaky_relu", "leaky_relu"}, {"sigmoid", "sigmoid"},
        {"tanh", "tanh"},
    {"softmax", "softmax"}, {"softplus", "softplus"}, {"softsign", "softsign"}, {"elu celu", "elu"}, {"selu", "selu"},
        {"gelu", "gelu"},
    {"silu swish", "swish"}, {"mish", "mish"}, {"exponential exp", "exponential"}, {"log_softmax", "log_softmax"}};

/* Layers that together compute what Keras 2 has no function for: class, and one argument or two. */
typedef struct step { const char *class_name, *a, *b; double va, vb; const char *text; } step;
static const step hard_tanh[] = {{"Rescaling", "scale", "offset", 0.5, 0.5, NULL},
                                 {"ReLU", "max_value", NULL, 1, 0, NULL},
                                 {"Rescaling", "scale", "offset", 2, -1, NULL}, {0}};
static const step log_sigmoid[] = {{"Rescaling", "scale", "offset", -1, 0, NULL},
                                   {"Activation", "activation", NULL, 0, 0, "softplus"},
                                   {"Rescaling", "scale", "offset", -1, 0, NULL}, {0}};

static cuv_status add_steps(cuv_config_writer *w, const cuv_layer *layer, const step *steps, cuv_value *tail)
{
    for (size_t i = 0; steps[i].class_name; i++) {
        cuv_value *config = NULL, *record;
        CUV_TRY(cuv_config_object(w, "keras.layers", steps[i].class_name, NULL, &config, &record));
        const char *name = cuv_keras2_name(w, layer->name);
        name = name ? cuv_arena_printf(w->arena, "%s_activation_%zu", name, i + 1) : NULL;
        CUV_TRY(cuv_config_text(w, config, "name", name));
        CUV_TRY(cuv_dict_set(w->arena, config, "dtype", cuv_value_text(w->arena, cuv_dtype_name(layer->compute))));
        CUV_TRY(cuv_dict_set(w->arena, config, steps[i].a, steps[i].text ? cuv_value_text(w->arena, steps[i].text)
                                                                         : cuv_value_real(w->arena, steps[i].va)));
        if (steps[i].b)
            CUV_TRY(cuv_dict_set(w->arena, config, steps[i].b, cuv_value_real(w->arena, steps[i].vb)));
        CUV_TRY(cuv_list_add(w->arena, tail, record));
    }
    return CUV_OK;
}

static cuv_status no_activation(cuv_config_writer *w, const cuv_layer *layer, const char *param, const char *found,
                                bool inside)
{
    return cuv_fail(w->cx, CUV_UNSUPPORTED, "write.behaviour", &(cuv_detail){.layer = layer->name, .found = found,
                    .help = inside ? "it is computed inside the layer, where no other layer can do it; write it for Keras 3, .onnx or .c"
                                   : "write it for Keras 3, or as .onnx or .c"},
                    "'%s' (%s) has %s=%s, which Keras 2 does not have", layer->name, layer->def->name, param, found);
}

/* By layers after this one. */
static cuv_status by_layers(cuv_config_writer *w, const cuv_layer *layer, const char *param, const char *name,
                            const cuv_act *act,
                            cuv_value *tail)
{
    const step clip[] = {{"Rescaling", "scale", "offset", act->alpha, act->beta, NULL},
                         {"ReLU", "max_value", NULL, 1, 0, NULL}, {0}};
    const step *steps = act->op == CUV_OP_HARD_SIGMOID ? clip : act->op == CUV_OP_HARD_TANH ? hard_tanh
                      : act->op == CUV_OP_LOG_SIGMOID ? log_sigmoid : NULL;
    if (!steps || !tail)
        return no_activation(w, layer, param, name, steps != NULL);
    CUV_TRY(cuv_config_note(w, layer, cuv_format(w->cx, "%s=%s", param, name),
                            "layers of its own behind it: Keras 2 has no function for it, or another under that name"));
    return add_steps(w, layer, steps, tail);
}

/* A layer as activation; Keras 2 takes those of its own module of them. */
static cuv_status activation_layer(cuv_config_writer *w, const cuv_layer *layer, const char *param,
                                   const cuv_value *given, cuv_value **out)
{
    static const struct { const char *class_name, *arguments; } known[] = {
        {"ReLU", "max_value negative_slope threshold"}, {"LeakyReLU", "alpha"}, {"ELU", "alpha"}, {"Softmax", "axis"},
        {"ThresholdedReLU", "theta"}};
    const char *class_name = cuv_get_text(given, "class_name");
    const cuv_value *from = cuv_get(given, "config");
    for (size_t i = 0; class_name && i < sizeof known / sizeof *known; i++) {
        cuv_value *config = NULL;
        if (strcmp(known[i].class_name, class_name) != 0)
            continue;
        CUV_TRY(cuv_config_object(w, "keras.layers", class_name, NULL, &config, out));
        if (cuv_get_text(from, "name"))
            CUV_TRY(cuv_config_text(w, config, "name", cuv_keras2_name(w, cuv_get_text(from, "name"))));
        if (!strcmp(class_name, "LeakyReLU") && cuv_get(from, "negative_slope"))
            CUV_TRY(cuv_dict_set(w->arena, config, "alpha", cuv_get(from, "negative_slope")));
        return copy_arguments(w, known[i].arguments, from, config);
    }
    return no_activation(w, layer, param, class_name ? class_name : cuv_value_repr(w->cx, given), false);
}

/* ---- gates

 * Keras 3's hard_sigmoid is clip(x / 6 + 0.5), Keras 2's clip(0.2 x + 0.5): the same of 5/6 x. Gates are sums of products with weights,
 * so that weights of 5/6 give the old numbers. */

static int gates_of(const cuv_layer *layer, bool *scaled)
{
    bool lstm = strstr(layer->def->name, "LSTM") != NULL, gru = cuv_starts_with(layer->def->name, "GRU");
    for (int i = 0; i < 4; i++)
        scaled[i] = lstm ? i != 2 : i < 2;      /* i f c o; z r h */
    return lstm ? 4 : gru ? 3 : 0;
}

static bool has_hard_gates(const cuv_layer *layer)
{
    cuv_act act;
    bool single;
    for (size_t i = 0; layer->def->params && layer->def->params[i].name; i++)
        if (!strcmp(layer->def->params[i].name, "recurrent_activation"))
            return cuv_parse_activation(layer, layer->args[i], &act, &single) == CUV_OK && single &&
                act.op == CUV_OP_HARD_SIGMOID &&
                   act.beta == 0.5 && act.alpha > 0.16 && act.alpha < 0.17;
    return false;
}

cuv_status cuv_keras2_weight(cuv_config_writer *w, const cuv_layer *layer, const char *name, const cuv_tensor *value,
                             const cuv_tensor **out)
{
    bool scaled[4];
    int gates = layer->keras >= 3 ? gates_of(layer, scaled) : 0;
    cuv_tensor *made;
    void *to;
    *out = value;
    if (!gates || !has_hard_gates(layer) || !cuv_has_word("kernel recurrent_kernel bias", name) ||
        value->dtype != CUV_F32)
        return CUV_OK;
    CUV_TRY(cuv_tensor_new(w->arena, CUV_F32, value->shape, value->rank, &made, &to));
    size_t width = (size_t)value->shape[value->rank - 1], count = cuv_tensor_count(value);
    for (size_t i = 0; i < count; i++) {
        float x;
        memcpy(&x, (const uint8_t *)value->data + i * sizeof x, sizeof x);
        ((float *)to)[i] = scaled[i % width * (size_t)gates / width] ? (float)((double)x * 5 / 6) : x;
    }
    *out = made;
    return CUV_OK;
}

static const char *function_of(const cuv_value *given)
{
    if (cuv_text(given))
        return cuv_text(given);
    return cuv_text(cuv_get(given, "config"));
}

cuv_status cuv_keras2_activation(cuv_config_writer *w, const cuv_layer *layer, size_t row, cuv_value *tail,
                                 cuv_value **out)
{
    const char *param = layer->def->params[row].name;
    const cuv_value *given = layer->args[row];
    cuv_act act;
    bool single;
    *out = cuv_value_text(w->arena, "linear");
    if (cuv_is_null(given))
        return CUV_OK;
    CUV_TRY(cuv_parse_activation(layer, given, &act, &single));
    const char *name = function_of(given);
    for (size_t i = 0; name && i < sizeof functions / sizeof *functions; i++)
        if (cuv_has_word(functions[i].names, name)) {
            *out = cuv_value_text(w->arena, functions[i].now);
            return CUV_OK;
        }
    if (single && act.op == CUV_OP_HARD_SIGMOID && act.alpha == 0.2 && act.beta == 0.5) {
        *out = cuv_value_text(w->arena, "hard_sigmoid");
        return CUV_OK;
    }
    if (!strcmp(param, "recurrent_activation") && has_hard_gates(layer) && layer->variable == CUV_F32) {
        *out = cuv_value_text(w->arena, "hard_sigmoid");
        return cuv_config_note(w, layer, "recurrent_activation=hard_sigmoid",
                               "that of Keras 2, with 5/6 of the gates' weights");
    }
    if (!single && !name)
        return activation_layer(w, layer, param, given, out);
    if (!single || cuv_config_recurrent(layer) || cuv_ends_with(layer->def->name, "Cell"))
        tail = NULL;
    return by_layers(w, layer, param, name ? name : "hard_sigmoid", &act, tail);
}
