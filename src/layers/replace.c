/* Layers that a Keras does not have, or does not read back, as models of layers that it has. The values of their weights are made here, too, so
 * that what is written computes the same. Lambdas are lambda_record.c's. */
#include "layers/replace.h"
#include "layers/support.h"

/* A chain of layers, each of which takes what the one before gives. */
typedef struct chain {
    cuv_context *cx;
    cuv_arena *arena;
    const cuv_layer *of;
    cuv_value *layers, *end;    /* end: [layer, call, output] of the last tensor */
    int rank;                   /* of that */
    const char *dtype;
} chain;

static cuv_value *borrowed(const cuv_value *v) { return (cuv_value *)(uintptr_t)v; }

static cuv_status set(chain *c, cuv_value *dict, const char *key, cuv_value *value)
{
    return dict && value ? cuv_dict_set(c->arena, dict, key, value) : cuv_oom(c->cx);
}

static cuv_status set_text(chain *c, cuv_value *dict, const char *key, const char *text)
{
    return set(c, dict, key, text ? cuv_value_text(c->arena, text) : cuv_value_null(c->arena));
}

static cuv_status sizes_value(chain *c, const int64_t *sizes, int count, cuv_value **out)
{
    *out = cuv_value_list(c->arena);
    for (int i = 0; *out && i < count; i++)
        CUV_TRY(cuv_list_add(c->arena, *out, sizes[i] < 0 ? cuv_value_null(c->arena) : cuv_value_int(c->arena, sizes[i])));
    return *out ? CUV_OK : cuv_oom(c->cx);
}

static cuv_status end_of(chain *c, const char *name, int output, cuv_value **out)
{
    *out = cuv_value_list(c->arena);
    if (!*out)
        return cuv_oom(c->cx);
    CUV_TRY(cuv_list_add(c->arena, *out, cuv_value_text(c->arena, name)));
    CUV_TRY(cuv_list_add(c->arena, *out, cuv_value_int(c->arena, 0)));
    return cuv_list_add(c->arena, *out, cuv_value_int(c->arena, output));
}

static cuv_status tensor_value(chain *c, cuv_value *end, cuv_value **out)
{
    const int64_t open[CUV_MAX_RANK] = {-1, -1, -1, -1, -1, -1, -1, -1};
    cuv_value *config = cuv_value_dict(c->arena), *shape;
    *out = cuv_value_dict(c->arena);
    CUV_TRY(sizes_value(c, open, c->rank, &shape));
    CUV_TRY(set(c, config, "shape", shape));
    CUV_TRY(set_text(c, config, "dtype", c->dtype));
    CUV_TRY(set(c, config, "keras_history", end));
    CUV_TRY(set_text(c, *out, "class_name", "__keras_tensor__"));
    return set(c, *out, "config", config);
}

/* A record in the list, called on nothing (an input), or on the last tensor and what `args` has behind it. */
static cuv_status add(chain *c, const char *module, const char *class_name, const char *name, cuv_value *config, cuv_value *more, int rank)
{
    cuv_value *record = cuv_value_dict(c->arena), *nodes = cuv_value_list(c->arena), *node = cuv_value_dict(c->arena), *args = cuv_value_list(c->arena), *tensor;
    if (!record || !nodes || !node || !args)
        return cuv_oom(c->cx);
    CUV_TRY(set_text(c, record, "module", module));
    CUV_TRY(set_text(c, record, "class_name", class_name));
    CUV_TRY(set(c, record, "config", config));
    CUV_TRY(set_text(c, record, "registered_name", cuv_starts_with(module, "keras.src") ? class_name : NULL));
    CUV_TRY(set_text(c, record, "name", name));
    CUV_TRY(set_text(c, config, "name", name));
    if (c->end) {
        CUV_TRY(tensor_value(c, c->end, &tensor));
        CUV_TRY(cuv_list_add(c->arena, args, tensor));
        if (more)
            CUV_TRY(cuv_list_add(c->arena, args, more));
        CUV_TRY(set(c, node, "args", args));
        CUV_TRY(set(c, node, "kwargs", cuv_value_dict(c->arena)));
        CUV_TRY(cuv_list_add(c->arena, nodes, node));
    }
    CUV_TRY(set(c, record, "inbound_nodes", nodes));
    CUV_TRY(cuv_list_add(c->arena, c->layers, record));
    c->rank = rank;
    return end_of(c, name, 0, &c->end);
}

/* A layer of one argument, in the policy of the layer that it stands for. */
static cuv_status add_layer(chain *c, const char *class_name, const char *name, const char *argument, cuv_value *value, int rank)
{
    cuv_value *config = cuv_value_dict(c->arena);
    const cuv_value *policy = cuv_get(c->of->config, "dtype");
    if (policy)
        CUV_TRY(set(c, config, "dtype", borrowed(policy)));
    CUV_TRY(set(c, config, argument, value));
    return add(c, "keras.layers", class_name, name, config, NULL, rank);
}

static cuv_status begin(chain *c, const cuv_layer *layer, const char *dtype)
{
    cuv_value *config = cuv_value_dict(c->arena), *shape;
    int64_t sizes[CUV_MAX_RANK];
    c->of = layer;
    c->layers = cuv_value_list(c->arena);
    c->dtype = dtype;
    if (!config || !c->layers)
        return cuv_oom(c->cx);
    memcpy(sizes, layer->in_shape, sizeof sizes);
    sizes[0] = -1;
    CUV_TRY(sizes_value(c, sizes, layer->in_rank, &shape));
    CUV_TRY(set(c, config, layer->keras < 3 ? "batch_input_shape" : "batch_shape", shape));
    CUV_TRY(set_text(c, config, "dtype", dtype));
    return add(c, "keras.layers", "InputLayer", "x", config, NULL, layer->in_rank);
}

/* The functional model from "x" to `ends`, a list of ends. */
static cuv_status finish(chain *c, cuv_value *ends, cuv_value **out)
{
    cuv_value *config = cuv_value_dict(c->arena), *first;
    *out = cuv_value_dict(c->arena);
    CUV_TRY(end_of(c, "x", 0, &first));
    cuv_value *inputs = cuv_value_list(c->arena);
    if (!inputs)
        return cuv_oom(c->cx);
    CUV_TRY(cuv_list_add(c->arena, inputs, first));
    CUV_TRY(set_text(c, config, "name", c->of->name));
    CUV_TRY(set(c, config, "trainable", cuv_value_bool(c->arena, true)));
    CUV_TRY(set(c, config, "layers", c->layers));
    CUV_TRY(set(c, config, "input_layers", inputs));
    CUV_TRY(set(c, config, "output_layers", ends));
    CUV_TRY(set_text(c, *out, "module", c->of->keras < 3 ? "keras" : "keras.src.models.functional"));
    CUV_TRY(set_text(c, *out, "class_name", "Functional"));
    CUV_TRY(set(c, *out, "config", config));
    return set_text(c, *out, "registered_name", "Functional");
}

static cuv_status finish_here(chain *c, cuv_value **out)
{
    cuv_value *ends = cuv_value_list(c->arena);
    return ends && cuv_list_add(c->arena, ends, c->end) == CUV_OK ? finish(c, ends, out) : cuv_oom(c->cx);
}

/* ---- LocallyConnected: the cells of each place side by side, and a product for each place ------------------------ */

static int64_t cells_of(const int64_t *sizes, int rank)
{
    int64_t all = 1;
    for (int i = 0; i < rank; i++)
        all *= sizes[i];
    return all;
}

/* Sizes with what 'same' puts around them. */
static void padded_sizes(const cuv_layer *layer, const cuv_local_sizes *s, int64_t *sizes, int64_t *after)
{
    for (int i = 0; i < s->rank; i++) {
        after[i] = cuv_arg_is(layer, "padding", "same") ? (s->out[i] - 1) * s->stride[i] + s->kernel[i] - s->in[i] - s->before[i] : 0;
        after[i] = after[i] < 0 ? 0 : after[i];
        sizes[i] = s->in[i] + s->before[i] + after[i];
    }
}

/* Where the cells of each place lie among all. */
static cuv_status cell_table(chain *c, const cuv_local_sizes *s, const int64_t *sizes, cuv_value **out)
{
    const int64_t places = cells_of(s->out, s->rank), taps = cells_of(s->kernel, s->rank);
    cuv_value *rows = cuv_value_list(c->arena), *config = cuv_value_dict(c->arena);
    for (int64_t p = 0; rows && p < places; p++) {
        cuv_value *row = cuv_value_list(c->arena);
        for (int64_t t = 0; row && t < taps; t++) {
            int64_t flat = 0, unit_p = places, unit_t = taps;
            for (int i = 0; i < s->rank; i++) {
                unit_p /= s->out[i];
                unit_t /= s->kernel[i];
                flat = flat * sizes[i] + p / unit_p % s->out[i] * s->stride[i] + t / unit_t % s->kernel[i];
            }
            CUV_TRY(cuv_list_add(c->arena, row, cuv_value_int(c->arena, flat)));
        }
        if (!row)
            return cuv_oom(c->cx);
        CUV_TRY(cuv_list_add(c->arena, rows, row));
    }
    *out = cuv_value_dict(c->arena);
    CUV_TRY(set(c, config, "value", rows));
    CUV_TRY(set_text(c, config, "dtype", "int32"));
    CUV_TRY(set_text(c, *out, "class_name", "__numpy__"));
    return set(c, *out, "config", config);
}

/* [[before, after], …], or [before, after] of one axis */
static cuv_status margins(chain *c, const cuv_local_sizes *s, const int64_t *after, cuv_value **out)
{
    cuv_value *all = cuv_value_list(c->arena), *one = NULL;
    for (int i = 0; all && i < s->rank; i++) {
        const int64_t pair[] = {s->before[i], after[i]};
        CUV_TRY(sizes_value(c, pair, 2, &one));
        CUV_TRY(cuv_list_add(c->arena, all, one));
    }
    *out = s->rank == 1 ? one : all;
    return all ? CUV_OK : cuv_oom(c->cx);
}

/* Permute's own count: the batch is no axis of it. */
static cuv_status turn(chain *c, const char *name, bool to_last, int spatial)
{
    int64_t axes[CUV_MAX_RANK];
    cuv_value *dims;
    for (int i = 0; i <= spatial; i++)
        axes[i] = to_last ? (i < spatial ? i + 2 : 1) : (i ? i : spatial + 1);
    CUV_TRY(sizes_value(c, axes, spatial + 1, &dims));
    return add_layer(c, "Permute", name, "dims", dims, c->rank);
}

/* Takes the cells of every place; then (batch, places, cells x channels). */
static cuv_status gather_cells(chain *c, const cuv_layer *layer, const cuv_local_sizes *s)
{
    int64_t sizes[3], after[3];
    const int64_t places = cells_of(s->out, s->rank), row = cells_of(s->kernel, s->rank) * s->channels;
    cuv_value *value, *config = cuv_value_dict(c->arena);
    padded_sizes(layer, s, sizes, after);
    if (cells_of(sizes, s->rank) > cells_of(s->in, s->rank)) {
        CUV_TRY(margins(c, s, after, &value));
        CUV_TRY(add_layer(c, s->rank == 1 ? "ZeroPadding1D" : "ZeroPadding2D", "padding", "padding", value, c->rank));
    }
    if (s->rank > 1) {
        const int64_t flat[] = {cells_of(sizes, s->rank), s->channels};
        CUV_TRY(sizes_value(c, flat, 2, &value));
        CUV_TRY(add_layer(c, "Reshape", "cells", "target_shape", value, 3));
    }
    CUV_TRY(cell_table(c, s, sizes, &value));
    CUV_TRY(set(c, config, "axis", cuv_value_int(c->arena, 1)));
    CUV_TRY(add(c, "keras.src.ops.numpy", "Take", "take", config, value, 4));
    CUV_TRY(sizes_value(c, (const int64_t[]){places, row}, 2, &value));
    return add_layer(c, "Reshape", "windows", "target_shape", value, 3);
}

/* What is asked of the weights in training. */
static cuv_status copy_rules(chain *c, const cuv_layer *layer, cuv_value *config)
{
    static const char *const rules[] = {"kernel_regularizer", "bias_regularizer", "activity_regularizer", "kernel_constraint"};
    for (size_t i = 0; i < sizeof rules / sizeof *rules; i++)
        if (!cuv_is_null(cuv_get(layer->config, rules[i])))
            CUV_TRY(set(c, config, rules[i], borrowed(cuv_get(layer->config, rules[i]))));
    return CUV_OK;
}

static cuv_status product_by_place(chain *c, const cuv_layer *layer, const cuv_local_sizes *s)
{
    const int64_t shape[] = {cells_of(s->out, s->rank), s->filters};
    cuv_value *config = cuv_value_dict(c->arena), *value;
    CUV_TRY(set_text(c, config, "equation", "abc,bcd->abd"));
    CUV_TRY(sizes_value(c, shape, 2, &value));
    CUV_TRY(set(c, config, "output_shape", value));
    if (cuv_arg_bool(layer, "use_bias"))
        CUV_TRY(set_text(c, config, "bias_axes", "bd"));
    CUV_TRY(set(c, config, "trainable", cuv_value_bool(c->arena, layer->trainable)));
    if (cuv_get(layer->config, "dtype"))
        CUV_TRY(set(c, config, "dtype", borrowed(cuv_get(layer->config, "dtype"))));
    CUV_TRY(copy_rules(c, layer, config));
    return add(c, "keras.layers", "EinsumDense", "kernels", config, NULL, 3);
}

static cuv_status local_model(cuv_context *cx, cuv_arena *arena, const cuv_layer *layer, cuv_value **out)
{
    const cuv_local_sizes s = cuv_local_sizes_of(layer);
    chain c = {.cx = cx, .arena = arena};
    cuv_value *value;
    CUV_TRY(begin(&c, layer, cuv_dtype_name(layer->compute)));
    if (layer->channels_first)
        CUV_TRY(turn(&c, "channels_last", true, s.rank));
    CUV_TRY(gather_cells(&c, layer, &s));
    CUV_TRY(product_by_place(&c, layer, &s));
    if (s.rank > 1) {
        const int64_t shape[] = {s.out[0], s.out[1], s.filters};
        CUV_TRY(sizes_value(&c, shape, 3, &value));
        CUV_TRY(add_layer(&c, "Reshape", "places", "target_shape", value, 4));
    }
    if (layer->channels_first)
        CUV_TRY(turn(&c, "channels_first", false, s.rank));
    const cuv_value *activation = cuv_arg(layer, "activation");
    if (!cuv_is_null(activation) && !cuv_streq(cuv_text(activation), "linear"))
        CUV_TRY(add_layer(&c, "Activation", "activation", "activation", borrowed(activation), c.rank));
    return finish_here(&c, out);
}

/* ---- recurrent layers whose first axis is time ------------------------------------------------------------------- */

static cuv_status swap(chain *c, const char *name)
{
    cuv_value *config = cuv_value_dict(c->arena), *axes;
    CUV_TRY(sizes_value(c, (const int64_t[]){1, 0, 2}, 3, &axes));
    CUV_TRY(set(c, config, "axes", axes));
    return add(c, "keras.src.ops.numpy", "Transpose", name, config, NULL, 3);
}

static cuv_status time_major_model(cuv_context *cx, cuv_arena *arena, const cuv_layer *layer, cuv_value **out)
{
    chain c = {.cx = cx, .arena = arena};
    cuv_value *config = cuv_value_copy(arena, layer->config), *ends = cuv_value_list(arena), *end;
    const bool sequences = cuv_arg_bool(layer, "return_sequences");
    const char *name = cuv_arena_printf(arena, "%s_in_time", layer->name);
    if (!config || !ends || !name)
        return cuv_oom(cx);
    CUV_TRY(begin(&c, layer, cuv_dtype_name(layer->compute)));
    CUV_TRY(swap(&c, "batch_first"));
    CUV_TRY(set(&c, config, "time_major", cuv_value_bool(arena, false)));
    CUV_TRY(add(&c, "keras.layers", layer->def->name, name, config, NULL, sequences ? 3 : 2));
    if (sequences)
        CUV_TRY(swap(&c, "time_first"));
    CUV_TRY(cuv_list_add(arena, ends, c.end));
    const int states = !cuv_arg_bool(layer, "return_state") ? 0 : cuv_streq(layer->def->name, "LSTM") ? 2 : 1;
    for (int i = 1; i <= states; i++) {
        CUV_TRY(end_of(&c, name, i, &end));
        CUV_TRY(cuv_list_add(arena, ends, end));
    }
    return finish(&c, ends, out);
}

/* ---- layers that become another one ------------------------------------------------------------------------------- */

static cuv_status renamed(cuv_context *cx, cuv_arena *arena, const cuv_layer *layer, cuv_value *record, cuv_value **out)
{
    chain c = {.cx = cx, .arena = arena, .of = layer};
    cuv_value *config = cuv_value_copy(arena, cuv_get(record, "config"));
    *out = cuv_value_copy(arena, record);
    if (!config || !*out)
        return cuv_oom(cx);
    CUV_TRY(set_text(&c, config, "name", layer->name));
    return set(&c, *out, "config", config);
}

static cuv_status spectral_layer(cuv_context *cx, cuv_arena *arena, const cuv_layer *layer, cuv_value **out)
{
    const cuv_layer *inner = layer->inner[0];
    CUV_TRY(renamed(cx, arena, layer, borrowed(cuv_get(layer->config, "layer")), out));
    return cuv_dict_set(arena, cuv_get(*out, "config"), "trainable", cuv_value_bool(arena, layer->trainable && inner->trainable));
}

/* The numbers of a statistic, a list for each axis that it was not taken over. */
static cuv_status nested(chain *c, const cuv_layer *layer, const float *values, size_t *at, int axis, cuv_value **out)
{
    int64_t axes[CUV_MAX_RANK];
    const int count = cuv_arg_ints(layer, "axis", axes);
    bool kept = false;
    if (axis == layer->in_rank) {
        *out = cuv_value_real(c->arena, (double)values[(*at)++]);
        return *out ? CUV_OK : cuv_oom(c->cx);
    }
    for (int i = 0; i < count; i++)
        kept |= (axes[i] < 0 ? axes[i] + layer->in_rank : axes[i]) == axis;
    if (!kept)
        return nested(c, layer, values, at, axis + 1, out);
    *out = cuv_value_list(c->arena);
    for (int64_t i = 0; *out && i < layer->in_shape[axis]; i++) {
        cuv_value *item;
        CUV_TRY(nested(c, layer, values, at, axis + 1, &item));
        CUV_TRY(cuv_list_add(c->arena, *out, item));
    }
    return *out ? CUV_OK : cuv_oom(c->cx);
}

/* Keras 3 puts the statistics of a Normalization inside of another model into its weights as it reads a legacy .h5, and goes on without them. */
static cuv_status stated_normalization(cuv_context *cx, cuv_arena *arena, const cuv_layer *layer, cuv_value **out)
{
    static const char *const names[] = {"mean", "variance"};
    chain c = {.cx = cx, .arena = arena, .of = layer};
    cuv_value *record = cuv_value_dict(arena), *numbers;
    CUV_TRY(set_text(&c, record, "module", "keras.layers"));
    CUV_TRY(set_text(&c, record, "class_name", layer->def->name));
    CUV_TRY(set(&c, record, "config", borrowed(layer->config)));
    CUV_TRY(set_text(&c, record, "registered_name", NULL));
    CUV_TRY(renamed(cx, arena, layer, record, out));
    for (size_t i = 0; i < 2; i++) {
        const cuv_tensor *t = layer->weights[i].value;
        size_t at = 0, n = cuv_tensor_count(t);
        float *values = CUV_NEW_ARRAY(arena, float, n + 1);
        if (!values)
            return cuv_oom(cx);
        cuv_convert_to_f32(values, t->data, t->dtype, n);
        CUV_TRY(nested(&c, layer, values, &at, 0, &numbers));
        CUV_TRY(set(&c, cuv_get(*out, "config"), names[i], numbers));
    }
    return CUV_OK;
}

/* ---- which ----------------------------------------------------------------------------------------------------- */

typedef enum kind { AS_IT_IS, LOCAL, TIME_MAJOR, SPECTRAL, NORMALIZATION } kind;



static kind kind_of(const cuv_layer *layer, cuv_writing to)
{
    const char *name = layer->def->name;
    if (!layer->built)
        return AS_IT_IS;
    if (to.keras == 3 && cuv_has_word("LocallyConnected1D LocallyConnected2D", name))
        return LOCAL;
    if (to.keras == 3 && cuv_has_word("LSTM GRU SimpleRNN", name) && cuv_get_bool(layer->config, "time_major", false))
        return TIME_MAJOR;
    if (to.keras == 2 && cuv_streq(name, "SpectralNormalization") && cuv_get(layer->config, "layer") && layer->inner_count == 1 &&
        !layer->inner[0]->inner_count && (layer->keras < 3 || layer->inner[0]->compute == layer->compute))
        return SPECTRAL;
    if (to.keras == 3 && to.legacy_h5 && cuv_streq(name, "Normalization") && layer->parent && layer->weight_count == 3 && layer->weights[0].value &&
        layer->weights[1].value)
        return NORMALIZATION;
    return AS_IT_IS;
}

bool cuv_layer_is_replaced(const cuv_layer *layer, cuv_writing to)
{
    return kind_of(layer, to) != AS_IT_IS;
}

cuv_status cuv_layer_replacement(cuv_context *cx, cuv_arena *arena, const cuv_layer *layer, cuv_writing to, cuv_replacement *out)
{
    *out = (cuv_replacement){.record = NULL};
    switch (kind_of(layer, to)) {
    case AS_IT_IS: return CUV_OK;
    case LOCAL:
        out->now = "a model that takes the cells of each place, and an EinsumDense with a kernel for each";
        return local_model(cx, arena, layer, &out->record);
    case TIME_MAJOR:
        out->now = "a model that exchanges time and batch before the layer and behind it";
        out->one_tensor = true;
        return time_major_model(cx, arena, layer, &out->record);
    case SPECTRAL:
        out->now = "the layer inside, whose kernel is no longer normalised in training";
        return spectral_layer(cx, arena, layer, &out->record);
    case NORMALIZATION:
        out->now = "the same with its statistics in the configuration, since Keras 3 does not use those that it reads from an .h5 there";
        return stated_normalization(cx, arena, layer, &out->record);
    }
    return CUV_OK;
}

cuv_status cuv_layer_replaced_weights(cuv_arena *arena, const cuv_layer *layer, cuv_writing to, const cuv_tensor ***out, size_t *count)
{
    const kind k = kind_of(layer, to);
    const cuv_layer *of = k == SPECTRAL ? layer->inner[0] : layer;
    const cuv_tensor **values = CUV_NEW_ARRAY(arena, const cuv_tensor *, of->weight_count + 1);
    *out = values;
    *count = 0;
    if (!values)
        return cuv_oom(cuv_arena_context(arena));
    for (size_t i = 0; i < of->weight_count && k != NORMALIZATION; i++) {
        const cuv_tensor *value = of->weights[i].value;
        if (k == LOCAL && value)
            CUV_TRY(strcmp(of->weights[i].name, "kernel") == 0 ? cuv_local_kernel(arena, layer, value, &value) : cuv_local_bias(arena, layer, value, &value));
        values[(*count)++] = value;
    }
    return CUV_OK;
}
