/* Nodes of known networks as layers of Keras: the shapes of their weights, their classes, their configurations. What keras.applications has as
 * layers of its own is said with those of Keras: a scaled sum as Rescaling and Add, a LayerScale as a DepthwiseConv2D of one position. */
#include "networks/families.h"

const cuv_network cuv_networks[] = {
#define NETWORK(name, family, number, alphas, size, variants) {name, cuv_net_##family, number, alphas, size, variants},
#include "networks/networks.def"
#undef NETWORK
};
const size_t cuv_network_count = sizeof cuv_networks / sizeof *cuv_networks;

/* ---- weights ---------------------------------------------------------------------------------------------------------- */

static void put_shape(cuv_net_shape *out, size_t *count, int rank, int64_t a, int64_t b, int64_t c, int64_t d)
{
    out[(*count)++] = (cuv_net_shape){{a, b, c, d}, rank};
}

size_t cuv_net_weights(const cuv_net *n, const cuv_net_node *node, cuv_net_shape *out)
{
    int64_t in = cuv_net_channels(n, node->in[0]), rows = node->kernel[0], columns = node->kernel[1];
    size_t count = 0;
    switch (node->op) {
    case CUV_N_CONV: put_shape(out, &count, 4, rows, columns, node->flags & CUV_N_GROUPED ? 1 : in, node->channels); break;
    case CUV_N_DEPTHWISE: put_shape(out, &count, 4, rows, columns, in, node->multiplier); break;
    case CUV_N_SEPARABLE:
        put_shape(out, &count, 4, rows, columns, in, 1);
        put_shape(out, &count, 4, 1, 1, in, node->channels);
        break;
    case CUV_N_DENSE: put_shape(out, &count, 2, in, node->channels, 0, 0); break;
    case CUV_N_BATCH_NORM:
        for (int i = node->flags & CUV_N_NO_SCALE ? 1 : 0; i < 4; i++)
            put_shape(out, &count, 1, in, 0, 0, 0);
        break;
    case CUV_N_LAYER_NORM: put_shape(out, &count, 1, in, 0, 0, 0); put_shape(out, &count, 1, in, 0, 0, 0); break;
    case CUV_N_NORMALIZATION:
        put_shape(out, &count, 1, in, 0, 0, 0);
        put_shape(out, &count, 1, in, 0, 0, 0);
        put_shape(out, &count, 0, 0, 0, 0, 0);
        break;
    case CUV_N_GAMMA: put_shape(out, &count, 1, in, 0, 0, 0); break;
    case CUV_N_STANDARDIZE: case CUV_N_RESCALE: case CUV_N_ACT: case CUV_N_RELU: case CUV_N_PAD: case CUV_N_CROP: case CUV_N_MAX_POOL:
    case CUV_N_AVERAGE_POOL: case CUV_N_GLOBAL_AVERAGE: case CUV_N_GLOBAL_MAX: case CUV_N_ADD: case CUV_N_SCALED_ADD: case CUV_N_MULTIPLY:
    case CUV_N_CONCATENATE: case CUV_N_DROPOUT: case CUV_N_FLATTEN: case CUV_N_RESHAPE: break;
    }
    if (node->flags & CUV_N_BIAS)
        put_shape(out, &count, 1, node->channels, 0, 0, 0);
    return count;
}

const char *cuv_net_class(const cuv_net_node *node)
{
    static const char *const names[] = {
        [CUV_N_CONV] = "Conv2D", [CUV_N_DEPTHWISE] = "DepthwiseConv2D", [CUV_N_SEPARABLE] = "SeparableConv2D", [CUV_N_DENSE] = "Dense",
        [CUV_N_BATCH_NORM] = "BatchNormalization", [CUV_N_LAYER_NORM] = "LayerNormalization", [CUV_N_NORMALIZATION] = "Normalization",
        [CUV_N_GAMMA] = "DepthwiseConv2D", [CUV_N_STANDARDIZE] = "Normalization", [CUV_N_RESCALE] = "Rescaling", [CUV_N_ACT] = "Activation",
        [CUV_N_RELU] = "ReLU", [CUV_N_PAD] = "ZeroPadding2D", [CUV_N_CROP] = "Cropping2D", [CUV_N_MAX_POOL] = "MaxPooling2D",
        [CUV_N_AVERAGE_POOL] = "AveragePooling2D", [CUV_N_GLOBAL_AVERAGE] = "GlobalAveragePooling2D",
        [CUV_N_GLOBAL_MAX] = "GlobalMaxPooling2D", [CUV_N_ADD] = "Add", [CUV_N_SCALED_ADD] = "CustomScaleLayer",
        [CUV_N_MULTIPLY] = "Multiply", [CUV_N_CONCATENATE] = "Concatenate", [CUV_N_DROPOUT] = "Dropout", [CUV_N_FLATTEN] = "Flatten",
        [CUV_N_RESHAPE] = "Reshape"};
    return names[node->op];
}

/* ---- configurations ----------------------------------------------------------------------------------------------------- */

/* Sticky, so that rows of settings read as such. */
typedef struct settings { cuv_arena *arena; cuv_value *to; cuv_status status; } settings;

static void put(settings *s, const char *key, cuv_value *v)
{
    if (s->status == CUV_OK)
        s->status = v ? cuv_dict_set(s->arena, s->to, key, v) : CUV_MEMORY;
}

static void put_int(settings *s, const char *key, int64_t v)
{
    put(s, key, cuv_value_int(s->arena, v));
}

static void put_bool(settings *s, const char *key, bool v)
{
    put(s, key, cuv_value_bool(s->arena, v));
}

static void put_text(settings *s, const char *key, const char *v)
{
    put(s, key, cuv_value_text(s->arena, v));
}

static void put_real(settings *s, const char *key, double v)
{
    put(s, key, cuv_value_real(s->arena, v));
}

static cuv_value *add_to(settings *s, cuv_value *list, cuv_value *v)
{
    if (!list || !v || cuv_list_add(s->arena, list, v) != CUV_OK)
        s->status = CUV_MEMORY;
    return list;
}

static cuv_value *pair(settings *s, int64_t a, int64_t b)
{
    return add_to(s, add_to(s, cuv_value_list(s->arena), cuv_value_int(s->arena, a)), cuv_value_int(s->arena, b));
}

static cuv_value *three(settings *s, const double *v)
{
    cuv_value *list = cuv_value_list(s->arena);
    for (int i = 0; i < 3; i++)
        (void)add_to(s, list, cuv_value_real(s->arena, v[i]));
    return list;
}

static void put_borders(settings *s, const cuv_net_node *node, const cuv_net_shape *in, const char *key)
{
    int64_t at[4];
    for (int i = 0; i < 4; i++) {
        int half = node->kernel[0] / 2;
        bool even = in->at[0] < 0 || in->at[i / 2] < 0 || in->at[i / 2] % 2 == 0;
        at[i] = node->pad[0] >= 0 ? node->pad[i] : i % 2 ? half : half - even;
    }
    put(s, key, add_to(s, add_to(s, cuv_value_list(s->arena), pair(s, at[0], at[1])), pair(s, at[2], at[3])));
}

static void put_window(settings *s, const cuv_net_node *node, const char *key)
{
    put(s, key, pair(s, node->kernel[0], node->kernel[1]));
    put(s, "strides", pair(s, node->stride, node->stride));
    put_text(s, "padding", node->flags & CUV_N_SAME ? "same" : "valid");
}

static void put_shape_of(settings *s, const char *key, const cuv_net_node *node, const cuv_net_shape *in)
{
    cuv_value *shape = cuv_value_list(s->arena);
    if (in->rank == 1)
        shape = add_to(s, add_to(s, shape, cuv_value_int(s->arena, 1)), cuv_value_int(s->arena, 1));
    put(s, key, add_to(s, shape, cuv_value_int(s->arena, node->channels)));
}

static void put_drop(settings *s, const cuv_net_node *node)
{
    cuv_value *shape = cuv_value_list(s->arena);
    put_real(s, "rate", node->value);
    if (!(node->flags & CUV_N_DROPS_WHOLE))
        return;
    shape = add_to(s, shape, cuv_value_null(s->arena));
    for (int i = 0; i < 3; i++)
        shape = add_to(s, shape, cuv_value_int(s->arena, 1));
    put(s, "noise_shape", shape);
}

static void put_gamma(settings *s, const cuv_net *n, const cuv_net_node *node)
{
    if (n->wish.keras) {
        put_real(s, "init_values", 1e-6);
        put_int(s, "projection_dim", node->channels);
        return;
    }
    put_window(s, node, "kernel_size");
    put_bool(s, "use_bias", false);
}

static bool has_axis(const cuv_net_node *node)
{
    return node->op == CUV_N_BATCH_NORM || node->op == CUV_N_NORMALIZATION || node->op == CUV_N_STANDARDIZE || node->op == CUV_N_CONCATENATE;
}

/* What counts in training alone: momentum, how kernels begin; and an axis as it is written there. */
static void put_training(settings *s, const cuv_net_node *node)
{
    const char *which = node->op == CUV_N_DEPTHWISE ? "depthwise_initializer" : "kernel_initializer";
    if (has_axis(node))
        put_int(s, "axis", node->axis);
    if (node->op == CUV_N_BATCH_NORM)
        put_real(s, "momentum", node->momentum);
    if (node->op != CUV_N_CONV && node->op != CUV_N_DEPTHWISE && node->op != CUV_N_DENSE)
        return;
    if (node->begins == CUV_N_HE_NORMAL && node->op == CUV_N_CONV)
        put_text(s, which, "he_normal");
    if (node->begins != CUV_N_FAN_OUT)
        return;
    settings of = {s->arena, cuv_value_dict(s->arena), CUV_OK}, object = {s->arena, cuv_value_dict(s->arena), CUV_OK};
    put_real(&of, "scale", node->op == CUV_N_DENSE ? 1. / 3 : 2.);
    put_text(&of, "mode", "fan_out");
    put_text(&of, "distribution", node->op == CUV_N_DENSE ? "uniform" : "truncated_normal");
    put_text(&object, "module", "keras.initializers");
    put_text(&object, "class_name", "VarianceScaling");
    put(&object, "config", of.to);
    put(s, which, object.to);
    s->status = of.status ? of.status : object.status ? object.status : s->status;
}

static void put_layer(settings *s, const cuv_net *n, const cuv_net_node *node, const cuv_net_shape *in, const char *act)
{
    switch (node->op) {
    case CUV_N_CONV:
        put_int(s, "filters", node->channels);
        put_window(s, node, "kernel_size");
        if (node->flags & CUV_N_GROUPED)
            put_int(s, "groups", cuv_net_channels(n, node->in[0]));
        break;
    case CUV_N_DEPTHWISE:
        put_window(s, node, "kernel_size");
        if (node->multiplier != 1)
            put_int(s, "depth_multiplier", node->multiplier);
        break;
    case CUV_N_SEPARABLE: put_int(s, "filters", node->channels); put_window(s, node, "kernel_size"); break;
    case CUV_N_DENSE: put_int(s, "units", node->channels); break;
    case CUV_N_BATCH_NORM: put_real(s, "epsilon", node->value); put_bool(s, "scale", !(node->flags & CUV_N_NO_SCALE)); break;
    case CUV_N_LAYER_NORM: put_real(s, "epsilon", node->value); break;
    case CUV_N_GAMMA: put_gamma(s, n, node); break;
    case CUV_N_SCALED_ADD: put_real(s, "scale", node->value); break;
    case CUV_N_STANDARDIZE: put(s, "mean", three(s, node->each)); put(s, "variance", three(s, node->second)); break;
    case CUV_N_RESCALE:
        put(s, "scale", node->each[0] != 0 ? three(s, node->each) : cuv_value_real(s->arena, node->value));
        put_real(s, "offset", node->offset);
        break;
    case CUV_N_ACT: put_text(s, "activation", act ? act : node->act); break;
    case CUV_N_RELU:
        if (node->value > 0)
            put_real(s, "max_value", node->value);
        break;
    case CUV_N_PAD: put_borders(s, node, in, "padding"); break;
    case CUV_N_CROP: put_borders(s, node, in, "cropping"); break;
    case CUV_N_MAX_POOL: case CUV_N_AVERAGE_POOL: put_window(s, node, "pool_size"); break;
    case CUV_N_GLOBAL_AVERAGE: put_bool(s, "keepdims", node->flags & CUV_N_KEEPDIMS); break;
    case CUV_N_GLOBAL_MAX: break;
    case CUV_N_DROPOUT: put_drop(s, node); break;
    case CUV_N_RESHAPE: put_shape_of(s, "target_shape", node, in); break;
    case CUV_N_NORMALIZATION: case CUV_N_ADD: case CUV_N_MULTIPLY: case CUV_N_CONCATENATE: case CUV_N_FLATTEN: break;
    }
    if (node->op <= CUV_N_SEPARABLE)
        put_bool(s, "use_bias", node->flags & CUV_N_BIAS);
    if (node->op <= CUV_N_DENSE && (act || node->act))
        put_text(s, "activation", act ? act : node->act);
}

cuv_status cuv_net_config(cuv_arena *arena, const cuv_net *n, const cuv_net_node *node, const cuv_net_shape *in, const char *act, cuv_value **out,
                          const char **class_name)
{
    settings s = {arena, cuv_value_dict(arena), CUV_OK};
    *out = s.to;
    *class_name = node->op == CUV_N_GAMMA && n->wish.keras ? "LayerScale" : cuv_net_class(node);
    if (!s.to)
        return cuv_oom(n->cx);
    put_layer(&s, n, node, in, act);
    if (n->wish.keras)
        put_training(&s, node);
    return s.status == CUV_OK ? CUV_OK : cuv_oom(n->cx);
}
