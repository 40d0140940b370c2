/* LocallyConnected1D and 2D of Keras 1 and 2: a convolution with a kernel of its own at each place. Keras 2 stores the kernel in
 * one of three ways (`implementation`): 1 by places, 2 as the matrix between all inputs and all outputs, of which it uses the
 * connected pairs, 3 those pairs alone. 2 and 3 also pad ("same"). */
#include "layers/replace.h"
#include "layers/support.h"

enum { MOST_PAIRS = 1 << 27, MOST_WEIGHTS = 1 << 28 };      /* what a configuration alone may make cuvier walk and keep */

typedef cuv_local_sizes local_sizes;

static int64_t places_along(const cuv_layer *layer, const local_sizes *s, int i)
{
    if (cuv_arg_is(layer, "padding", "same"))
        return s->in[i] < 0 ? -1 : s->in[i] / s->stride[i] + (s->in[i] % s->stride[i] > 0);
    return s->in[i] < s->kernel[i] ? -1 : (s->in[i] - s->kernel[i]) / s->stride[i] + 1;
}

cuv_local_sizes cuv_local_sizes_of(const cuv_layer *layer)
{
    local_sizes s = {.rank = layer->def->spatial, .channels = layer->in_channels, .filters = cuv_arg_int(layer, "filters")};
    cuv_arg_sizes(layer, "kernel_size", s.kernel);
    cuv_arg_sizes(layer, "strides", s.stride);
    for (int i = 0; i < s.rank; i++) {
        s.in[i] = layer->in_shape[i + (layer->channels_first ? 2 : 1)];
        s.out[i] = places_along(layer, &s, i);
        /* whatever the stride: not TensorFlow's rule */
        s.before[i] = cuv_arg_is(layer, "padding", "same") ? s.kernel[i] / 2 : 0;
    }
    return s;
}

/* -1: unknown, or too large for any memory. */
static int64_t product(const int64_t *sizes, int count)
{
    int64_t all = 1;
    for (int i = 0; i < count; i++)
        if (sizes[i] < 0 || !cuv_mul_i64(all, sizes[i], &all))
            return -1;
    return all;
}

/* The place or cell number `flat` along each axis. */
static void unravel(int64_t flat, const int64_t *sizes, int rank, int64_t *at)
{
    for (int i = rank - 1; i >= 0; i--) {
        at[i] = flat % sizes[i];
        flat /= sizes[i];
    }
}

/* Which input the cell `tap` of the window at `place` lies on; -1 for padding. */
static int64_t position(const local_sizes *s, int64_t place, int64_t tap)
{
    int64_t at[3], cell[3], flat = 0;
    unravel(place, s->out, s->rank, at);
    unravel(tap, s->kernel, s->rank, cell);
    for (int i = 0; i < s->rank; i++) {
        int64_t x = at[i] * s->stride[i] - s->before[i] + cell[i];
        if (x < 0 || x >= s->in[i])
            return -1;
        flat = flat * s->in[i] + x;
    }
    return flat;
}

/* Cells of the window at `place` that lie on the input. */
static int64_t connected(const local_sizes *s, int64_t place)
{
    int64_t at[3], count = 1;
    unravel(place, s->out, s->rank, at);
    for (int i = 0; i < s->rank; i++) {
        int64_t from = at[i] * s->stride[i] - s->before[i], to = from + s->kernel[i];
        from = from < 0 ? 0 : from;
        to = to > s->in[i] ? s->in[i] : to;
        count *= to > from ? to - from : 0;
    }
    return count;
}

/* Pairs of a place and a cell on the input; -1 when they are too many to count. */
static int64_t pairs_of(const local_sizes *s)
{
    int64_t places = product(s->out, s->rank), taps = product(s->kernel, s->rank), all, pairs = 0;
    if (places < 0 || taps < 0 || !cuv_mul_i64(places, taps, &all) || all > MOST_PAIRS)
        return -1;
    for (int64_t p = 0; p < places; p++)
        pairs += connected(s, p);
    return pairs;
}

/* ---- shapes ------------------------------------------------------------------------------------------------- */

static int place_kernel_shape(const local_sizes *s, int64_t *sizes)
{
    const int64_t taps[] = {product(s->kernel, s->rank), s->channels};
    sizes[0] = product(s->out, s->rank);
    sizes[1] = product(taps, 2);
    sizes[2] = s->filters;
    return 3;
}

static int matrix_kernel_shape(const cuv_layer *layer, const local_sizes *s, int64_t *sizes)
{
    int n = 0;
    for (int half = 0; half < 2; half++) {
        const int64_t *spatial = half ? s->out : s->in, features = half ? s->filters : s->channels;
        if (layer->channels_first)
            sizes[n++] = features;
        for (int i = 0; i < s->rank; i++)
            sizes[n++] = spatial[i];
        if (!layer->channels_first)
            sizes[n++] = features;
    }
    return n;
}

static int pairs_kernel_shape(const local_sizes *s, int64_t *sizes)
{
    const int64_t all[] = {pairs_of(s), s->channels, s->filters};
    sizes[0] = product(all, 3);
    return 1;
}

static bool local_symbol(const cuv_layer *layer, const char *name, int64_t *sizes, int *count)
{
    local_sizes s = cuv_local_sizes_of(layer);
    if (strcmp(name, "place_sizes") == 0) {
        *count = s.rank;
        memcpy(sizes, s.out, (size_t)s.rank * sizeof *sizes);
        return true;
    }
    if (strcmp(name, "kernel_shape") != 0)
        return false;
    switch (cuv_arg_int(layer, "implementation")) {
    case 2: *count = matrix_kernel_shape(layer, &s, sizes); break;
    case 3: *count = pairs_kernel_shape(&s, sizes); break;
    default: *count = place_kernel_shape(&s, sizes);
    }
    return true;
}

static cuv_status local_build(cuv_call *call)
{
    const cuv_layer *layer = call->layer;
    int64_t way = cuv_arg_int(layer, "implementation");
    CUV_TRY(cuv_call_expect_rank(call, 0, layer->def->spatial + 2));
    if (way < 1 || way > 3)
        return cuv_bad_arg(layer, "implementation", "1, 2 or 3");
    if (way == 1 && !cuv_arg_is(layer, "padding", "valid"))
        return cuv_call_unsupported(call, "padding", "with implementation 1 Keras takes 'valid' alone");
    local_sizes s = cuv_local_sizes_of(layer);
    for (int i = 0; i < s.rank; i++)
        if (s.out[i] < 1)
            return cuv_bad_input(call, 0, "sizes that are known and not smaller than the kernel's");
    return CUV_OK;
}

/* ---- kernels by place --------------------------------------------------------------------------------------- */

/* channels_first kernels have the channels before the window's cells. */
static cuv_ref place_kernel(cuv_call *call, const local_sizes *s, cuv_ref kernel)
{
    if (!call->layer->channels_first)
        return kernel;
    const int64_t apart[] = {-2, s->channels, product(s->kernel, s->rank), -4}, whole[] = {-2, -1, -5};
    kernel = cuv_emit_reshape(call->program, kernel, apart, 4);
    return cuv_emit_reshape(call->program, cuv_transposed(call, kernel, (const int[]){0, 2, 1, 3}), whole, 3);
}

typedef struct local_walk {
    const local_sizes *s;
    bool first, pairs;          /* channels_first; implementation 3 */
    int64_t places, inputs, taps, before, total;   /* before: pairs of earlier places; total: of all places */
} local_walk;

/* Where the stored kernel has the weight from channel c at input x to filter f at place p. `tap`: how many connected cells come before x
 * in the window, of `here`. Implementation 3 sorts its pairs by output, then by input. */
static int64_t stored_at(const local_walk *w, int64_t p, int64_t f, int64_t x, int64_t c, int64_t tap, int64_t here)
{
    const local_sizes *s = w->s;
    if (!w->pairs) {
        int64_t in = w->first ? c * w->inputs + x : x * s->channels + c;
        int64_t out = w->first ? f * w->places + p : p * s->filters + f;
        return in * w->places * s->filters + out;
    }
    int64_t start = w->first ? (f * w->total + w->before) * s->channels : (w->before * s->filters + f * here) * s->channels;
    return start + (w->first ? c * here + tap : tap * s->channels + c);
}

/* For each element of a kernel by places (places, taps, channels, filters) the element of the stored one; `none` where the window lies
 * on padding. */
static void fill_table(local_walk *w, int32_t none, int32_t *table)
{
    const local_sizes *s = w->s;
    for (int64_t p = 0; p < w->places; p++) {
        int64_t here = connected(s, p), tap = 0;
        for (int64_t t = 0; t < w->taps; t++) {
            int64_t x = position(s, p, t);
            for (int64_t c = 0; c < s->channels; c++)
                for (int64_t f = 0; f < s->filters; f++)
                    *table++ = x < 0 ? none : (int32_t)stored_at(w, p, f, x, c, tap, here);
            tap += x >= 0;
        }
        w->before += here;
    }
}

static local_walk walk_of(const cuv_layer *layer, const local_sizes *s)
{
    return (local_walk){.s = s, .first = layer->channels_first, .pairs = cuv_arg_int(layer, "implementation") == 3,
                        .places = product(s->out, s->rank), .inputs = product(s->in, s->rank),
                        .taps = product(s->kernel, s->rank), .total = pairs_of(s)};
}

/* Stored kernels of implementations 2 and 3 as kernels by places. */
static cuv_status gathered_kernel(cuv_call *call, const local_sizes *s, cuv_ref kernel, cuv_ref *out)
{
    cuv_program *p = call->program;
    local_walk w = walk_of(call->layer, s);
    const cuv_var *stored = cuv_var_of(call, kernel);
    int64_t count = product(stored->shape, stored->rank), shape[CUV_MAX_RANK];
    int rank = place_kernel_shape(s, shape);
    cuv_tensor *table;
    void *values;
    if (count < 0 || count >= INT32_MAX || product(shape, rank) < 0 || product(shape, rank) > MOST_WEIGHTS || w.total < 0)
        return cuv_call_unsupported(call, "implementation", "the kernel has more elements than can be numbered");
    CUV_TRY(cuv_tensor_new(call->arena, CUV_I32, shape, rank, &table, &values));
    fill_table(&w, (int32_t)count, values);
    kernel = cuv_emit_reshape(p, kernel, &count, 1);
    cuv_attrs pad = {.mode = CUV_MODE_CONSTANT};
    pad.pad_hi[0] = 1;
    kernel = cuv_emit(p, CUV_OP_PAD, CUV_IN(kernel), &pad);
    *out = cuv_emit(p, CUV_OP_GATHER, CUV_IN(kernel, cuv_program_constant(p, table)), CUV_AT(.axis = 0));
    return p->status;
}

/* ---- weights of a model that stands for the layer (replace.c) ------------------------------------------------ */

/* Kernels by places of channels_first layers have the channels before the cells. */
static cuv_status turned_kernel(cuv_arena *arena, const local_sizes *s, const cuv_tensor *stored, const cuv_tensor **out)
{
    const int64_t apart[] = {stored->shape[0], s->channels, product(s->kernel, s->rank), s->filters};
    cuv_tensor *made;
    CUV_TRY(cuv_tensor_reshape(arena, stored, apart, 4, &made));
    CUV_TRY(cuv_tensor_transpose(arena, made, (const int[]){0, 2, 1, 3}, &made));
    CUV_TRY(cuv_tensor_reshape(arena, made, stored->shape, 3, &made));
    *out = made;
    return CUV_OK;
}

cuv_status cuv_local_kernel(cuv_arena *arena, const cuv_layer *layer, const cuv_tensor *stored, const cuv_tensor **out)
{
    const local_sizes s = cuv_local_sizes_of(layer);
    const size_t size = cuv_dtype_size(stored->dtype), count = cuv_tensor_count(stored);
    int64_t shape[3], all;
    cuv_tensor *table, *made;
    void *places, *values;
    *out = stored;
    if (cuv_arg_int(layer, "implementation") == 1)
        return layer->channels_first ? turned_kernel(arena, &s, stored, out) : CUV_OK;
    place_kernel_shape(&s, shape);
    all = product(shape, 3);
    local_walk w = walk_of(layer, &s);
    if (all < 0 || all > MOST_WEIGHTS || count >= INT32_MAX || w.total < 0)
        return cuv_fail(cuv_arena_context(arena), CUV_UNSUPPORTED, "write.behaviour", &(cuv_detail){.layer = layer->name},
                        "'%s' (%s): the kernel has more elements than can be numbered", layer->name, layer->def->name);
    CUV_TRY(cuv_tensor_new(arena, CUV_I32, shape, 3, &table, &places));
    CUV_TRY(cuv_tensor_new(arena, stored->dtype, shape, 3, &made, &values));
    fill_table(&w, (int32_t)count, places);
    for (size_t i = 0; i < (size_t)all; i++) {
        const size_t from = (size_t)((const int32_t *)places)[i];
        if (from < count)
            memcpy((uint8_t *)values + i * size, stored->data + from * size, size);
        else
            memset((uint8_t *)values + i * size, 0, size);
    }
    *out = made;
    return CUV_OK;
}

cuv_status cuv_local_bias(cuv_arena *arena, const cuv_layer *layer, const cuv_tensor *stored, const cuv_tensor **out)
{
    const local_sizes s = cuv_local_sizes_of(layer);
    const int64_t places = product(s.out, s.rank), plain[] = {places, s.filters}, first[] = {s.filters, places};
    cuv_tensor *made;
    CUV_TRY(cuv_tensor_reshape(arena, stored, layer->channels_first ? first : plain, 2, &made));
    if (layer->channels_first)
        CUV_TRY(cuv_tensor_transpose(arena, made, (const int[]){1, 0}, &made));
    *out = made;
    return CUV_OK;
}

/* ---- the call ----------------------------------------------------------------------------------------------- */

/* Keras reads the bias (places..., filters) of channels_first layers as (filters, places...), without moving anything. */
static cuv_ref local_bias(cuv_call *call)
{
    cuv_ref bias = cuv_call_weight(call, "bias");
    int n = call->layer->def->spatial;
    const int64_t shape[] = {-2 - n, -2, -3};
    if (bias == CUV_NO_REF || !call->layer->channels_first)
        return bias;
    return cuv_move_axis(call, cuv_emit_reshape(call->program, bias, shape, n + 1), 0, n);
}

static cuv_ref padded(cuv_call *call, const local_sizes *s, cuv_ref x)
{
    cuv_attrs pad = {.mode = CUV_MODE_CONSTANT};
    bool any = false;
    for (int i = 0; i < s->rank; i++) {
        pad.pad_lo[i + 1] = s->before[i];
        pad.pad_hi[i + 1] = (s->out[i] - 1) * s->stride[i] + s->kernel[i] - s->in[i] - s->before[i];
        any = any || pad.pad_lo[i + 1] || pad.pad_hi[i + 1];
    }
    return any && cuv_arg_is(call->layer, "padding", "same") ? cuv_emit(call->program, CUV_OP_PAD, CUV_IN(x), &pad) : x;
}

static cuv_status local_lower(cuv_call *call)
{
    cuv_attrs attrs = {0};
    local_sizes s = cuv_local_sizes_of(call->layer);
    cuv_ref y, kernel = cuv_call_weight(call, "kernel");
    memcpy(attrs.window, s.kernel, sizeof attrs.window);
    memcpy(attrs.stride, s.stride, sizeof attrs.stride);
    if (cuv_arg_int(call->layer, "implementation") == 1)
        kernel = place_kernel(call, &s, kernel);
    else
        CUV_TRY(gathered_kernel(call, &s, kernel, &kernel));
    cuv_ref in[3] = {padded(call, &s, cuv_to_last(call, cuv_float_in(call, 0))), kernel, local_bias(call)};
    y = cuv_emit(call->program, CUV_OP_LOCAL_CONV, in, in[2] == CUV_NO_REF ? 2 : 3, &attrs);
    CUV_TRY(cuv_finish_activation(call, "activation", cuv_from_last(call, y), &y));
    return cuv_call_return(call, y);
}

#define LOCAL_ROWS(n, one)                                                                                                   \
    static const cuv_param local##n##_params[] = {                                                                           \
        P("filters", INT, NULL, .allowed = ">=1"), P("kernel_size", SIZES, NULL, .allowed = ">=1"),                         \
        P("strides", SIZES, one, .allowed = ">=1"), P("padding", STRING, "'valid'", .allowed = "valid same"), DATA_FORMAT,  \
        ACTIVATION("None"), USE_BIAS, KERNEL_AND_BIAS_INIT, KERNEL_AND_BIAS_RULES,                                          \
        P("implementation", INT, "1"), CUV_PARAM_END}
LOCAL_ROWS(1, "1");
LOCAL_ROWS(2, "(1, 1)");
static const cuv_slot local_slots[] = {S("kernel", "kernel_shape", .old = "W"),
                                       S("bias", "place_sizes filters", .condition = "use_bias", .old = "b"), CUV_SLOT_END};

#define LOCAL(n)                                                                                                             \
    const cuv_layer_def cuv_layer_locally_connected##n = {                                                                   \
        .name = "LocallyConnected" #n "D", .doc = "a convolution with a kernel of its own at each place",                   \
        .params = local##n##_params, .slots = local_slots, .spatial = n, .symbol = local_symbol, .build = local_build,      \
        .lower = local_lower,                                                                                                \
    }
LOCAL(1);
LOCAL(2);
