/* EinsumDense: a product with a kernel by an equation such as "abc,cd->abd" or "...x,xy->...y". The input's axes are put in the
 * order (kept, contracted), the kernel's in (contracted, new), and the product's in that of the result. */
#include "layers/quantized.h"

#include <ctype.h>

enum { LONGEST = CUV_MAX_RANK + 1 };

/* The letters of each side; the axes of an ellipsis have the codes 1, 2, ... */
typedef struct equation {
    char in[LONGEST], kernel[LONGEST], out[LONGEST];
    int in_rank, kernel_rank, out_rank;
    int elided;                     /* axes that the ellipsis stands for */
    int64_t size[128];              /* of each letter; -1 unknown */
    int64_t bias[CUV_MAX_RANK];
    int bias_rank;
} equation;

static bool add_letter(char *list, int *rank, char letter)
{
    if (*rank >= CUV_MAX_RANK)
        return false;
    list[(*rank)++] = letter;
    return true;
}

/* One side of the equation, up to `end` or the end of the text; "..." gives `elided` codes. */
static bool read_side(const char **at, const char *end, char *list, int *rank, int elided)
{
    *rank = 0;
    for (; **at && !(*end && cuv_starts_with(*at, end)); (*at)++) {
        if (cuv_starts_with(*at, "...")) {
            for (int i = 0; i < elided; i++)
                if (!add_letter(list, rank, (char)(1 + i)))
                    return false;
            *at += 2;
        } else if (isalpha((unsigned char)**at)) {
            if (!add_letter(list, rank, **at))
                return false;
        } else if (**at != ' ') {
            return false;
        }
    }
    if (!cuv_starts_with(*at, end))
        return false;
    *at += strlen(end);
    return true;
}

static bool has(const char *list, int rank, char letter)
{
    return memchr(list, letter, (size_t)rank) != NULL;
}

/* Each letter of a side is there once, and in one more side at least; one of all three stands for as many products (shared). */
static bool is_plain(const equation *e)
{
    for (int i = 0; i < e->in_rank; i++)
        if (has(e->in + i + 1, e->in_rank - i - 1, e->in[i]) ||
            (!has(e->out, e->out_rank, e->in[i]) && !has(e->kernel, e->kernel_rank, e->in[i])))
            return false;
    for (int i = 0; i < e->kernel_rank; i++)
        if (has(e->kernel + i + 1, e->kernel_rank - i - 1, e->kernel[i]) ||
            (!has(e->in, e->in_rank, e->kernel[i]) && !has(e->out, e->out_rank, e->kernel[i])))
            return false;
    for (int i = 0; i < e->out_rank; i++)
        if (has(e->out + i + 1, e->out_rank - i - 1, e->out[i]) ||
            (!has(e->in, e->in_rank, e->out[i]) && !has(e->kernel, e->kernel_rank, e->out[i])))
            return false;
    return true;
}

static int letters_of(const char *text)
{
    int n = 0;
    for (; *text && *text != ','; text++)
        n += isalpha((unsigned char)*text) != 0;
    return n;
}

static bool read_equation(const char *text, int rank, equation *e)
{
    const char *at = text;
    memset(e, 0, sizeof *e);
    e->elided = strstr(text, "...") ? rank - letters_of(text) : 0;
    return e->elided >= 0 && read_side(&at, ",", e->in, &e->in_rank, e->elided) && e->in_rank == rank &&
           read_side(&at, "->", e->kernel, &e->kernel_rank, 0) && read_side(&at, "", e->out, &e->out_rank, e->elided) &&
           is_plain(e);
}

/* ---- sizes ------------------------------------------------------------------------------------------------------------ */

/* The output_shape argument has the sizes of the result's letters; the first, when no ellipsis is before it, is the batch and
 * left out. */
static bool read_sizes(cuv_call *call, equation *e)
{
    const cuv_value *shape = cuv_arg(call->layer, "output_shape");
    size_t given = cuv_is_seq(shape) ? cuv_len(shape) : 1, next = 0;
    memset(e->size, 0xff, sizeof e->size);
    for (int i = 0; i < e->in_rank; i++)
        e->size[(int)e->in[i]] = cuv_call_in(call, 0)->shape[i];
    for (int i = 0; i < e->out_rank; i++) {
        int letter = e->out[i];
        int64_t n = -1;
        if (i == 0 || letter < 'A')
            continue;
        if (next >= given)
            return false;
        cuv_as_int(cuv_is_seq(shape) ? cuv_item(shape, next) : shape, &n);
        next++;
        if (n >= 0 && e->size[letter] < 0)
            e->size[letter] = n;
    }
    return next == given;
}

static bool read_bias(const cuv_layer *layer, equation *e)
{
    const char *axes = cuv_arg_text(layer, "bias_axes");
    int first = -1;
    e->bias_rank = 0;
    for (const char *at = axes; at && *at; at++)
        if (!has(e->out, e->out_rank, *at))
            return false;
    for (int i = 0; axes && i < e->out_rank; i++) {
        bool wanted = e->out[i] >= 'A' && strchr(axes, e->out[i]);
        if (first < 0 && wanted)
            first = i;
        if (first >= 0)
            e->bias[e->bias_rank++] = wanted ? e->size[(int)e->out[i]] : 1;
    }
    return true;
}

/* ---- of few bits ---- */

/* GPTQ and AWQ see a kernel of three axes as a matrix by its largest axis; the others by the equation. */
static void quant_sizes(const cuv_layer *layer, const equation *e, int64_t *shape, int64_t *scale, cuv_quant_kernel *k)
{
    int largest = 0;
    *k = (cuv_quant_kernel){.shape = shape, .rank = e->kernel_rank, .scale = scale, .scale_rank = e->out_rank,
                            .bias = e->bias, .bias_rank = e->bias_rank ? e->bias_rank : -1, .rows = 1, .columns = 1};
    for (int i = 0; i < e->kernel_rank; i++) {
        shape[i] = e->size[(int)e->kernel[i]];
        largest = shape[i] > shape[largest] ? i : largest;
    }
    for (int i = 0; i < e->kernel_rank; i++) {
        bool row = layer->quant->mode < CUV_Q_GPTQ ? has(e->in, e->in_rank, e->kernel[i])
                                                   : i < (e->kernel_rank == 3 && largest ? 2 : 1);
        if (!cuv_mul_i64(row ? k->rows : k->columns, shape[i], row ? &k->rows : &k->columns))
            k->rows = -1;
    }
    for (int i = 0; i < e->out_rank; i++)
        scale[i] = has(e->kernel, e->kernel_rank, e->out[i]) ? e->size[(int)e->out[i]] : 1;
}

static cuv_status quantised_weights(cuv_call *call, const equation *e)
{
    int64_t shape[CUV_MAX_RANK], scale[CUV_MAX_RANK];
    cuv_quant_kernel k;
    quant_sizes(call->layer, e, shape, scale, &k);
    if (call->layer->quant->mode >= CUV_Q_GPTQ && k.rank != 2 && k.rank != 3)
        return cuv_call_unsupported(call, "equation", "Keras packs kernels of 2 and 3 axes only");
    return k.rows < 0 ? cuv_bad_arg(call->layer, "output_shape", "a kernel that fits in 64 bits")
                      : cuv_quant_kernel_weights(call, &k);
}

static cuv_ref quantised_kernel(cuv_call *call, const equation *e)
{
    int64_t shape[CUV_MAX_RANK], scale[CUV_MAX_RANK];
    cuv_quant_kernel k;
    quant_sizes(call->layer, e, shape, scale, &k);
    return cuv_emit_reshape(call->program, cuv_quant_kernel_value(call, &k), shape, k.rank);
}

static cuv_status einsum_build(cuv_call *call)
{
    static const cuv_slot kernel_slot = S("kernel", ""), bias_slot = S("bias", "");
    cuv_layer *layer = call->layer;
    equation *e = CUV_NEW(layer->arena, equation);
    int64_t shape[CUV_MAX_RANK];
    cuv_ref ref;
    if (!e)
        return cuv_oom(call->cx);
    layer->state = e;
    if (!read_equation(cuv_arg_text(layer, "equation"), cuv_call_rank(call, 0), e))
        return cuv_bad_arg(layer, "equation", cuv_format(call->cx, "as \"abc,cd->abd\", for an input of %d axes",
                                                         cuv_call_rank(call, 0)));
    if (!read_sizes(call, e))
        return cuv_bad_arg(layer, "output_shape", "the sizes of the result's axes after the batch");
    if (!read_bias(layer, e))
        return cuv_bad_arg(layer, "bias_axes", "letters of the equation's result");
    for (int i = 0; i < e->kernel_rank; i++)
        if ((shape[i] = e->size[(int)e->kernel[i]]) < 0)
            return cuv_bad_input(call, 0, cuv_format(call->cx, "a known size of the axis '%c'", e->kernel[i]));
    if (layer->quant) {
        CUV_TRY(quantised_weights(call, e));
        return cuv_lora_weights(call, shape, e->kernel_rank);
    }
    CUV_TRY(cuv_layer_add_weight(call, &kernel_slot, shape, e->kernel_rank, &ref));
    for (int i = 0; i < e->bias_rank; i++)
        if (e->bias[i] < 0)
            return cuv_bad_arg(layer, "bias_axes", "axes of known size");
    return e->bias_rank ? cuv_layer_add_weight(call, &bias_slot, e->bias, e->bias_rank, &ref) : CUV_OK;
}

/* ---- steps -------------------------------------------------------------------------------------------------------------- */

/* x, whose axes are `letters`, with its axes in the order `wanted`. */
static cuv_ref arrange(cuv_call *call, cuv_ref x, const char *letters, int rank, const char *wanted)
{
    int perm[CUV_MAX_RANK];
    for (int i = 0; i < rank; i++)
        perm[i] = (int)((const char *)memchr(letters, wanted[i], (size_t)rank) - letters);
    return cuv_emit_transpose(call->program, x, perm);
}

/* Letters of `a` that are (not) in `b`, appended to `out`. */
static int pick(const char *a, int rank, const char *b, int b_rank, bool in, char *out, int count)
{
    for (int i = 0; i < rank; i++)
        if (has(b, b_rank, a[i]) == in)
            out[count++] = a[i];
    return count;
}

static int64_t product(const equation *e, const char *letters, int count)
{
    int64_t n = 1;
    for (int i = 0; i < count; i++)
        if (!cuv_mul_i64(n, e->size[(int)letters[i]], &n))
            return -1;
    return n;
}

/* (kept..., contracted) . (contracted, new) = (kept..., new), then new as its axes. `rounds`: x is rounded as the layer says. */
static cuv_ref multiply(cuv_call *call, const equation *e, cuv_ref kernel, bool rounds, char *order)
{
    char x_order[LONGEST], k_order[LONGEST], contracted[LONGEST];
    int kept = pick(e->in, e->in_rank, e->kernel, e->kernel_rank, false, x_order, 0);
    int c = pick(e->kernel, e->kernel_rank, e->in, e->in_rank, true, contracted, 0);
    memcpy(x_order + kept, contracted, (size_t)c);
    memcpy(k_order, contracted, (size_t)c);
    int k = pick(e->kernel, e->kernel_rank, e->in, e->in_rank, false, k_order, c);
    int64_t inner = product(e, contracted, c), wide = product(e, k_order + c, k - c), shape[CUV_MAX_RANK];
    cuv_ref x = arrange(call, cuv_float_in(call, 0), e->in, e->in_rank, x_order);
    cuv_ref scale = CUV_NO_REF;
    kernel = arrange(call, kernel, e->kernel, e->kernel_rank, k_order);
    if (rounds)
        x = cuv_quant_input(call, x, c, &scale);
    for (int i = 0; i < kept; i++)
        shape[i] = -2 - i;
    if (c != 1) {
        shape[kept] = inner;
        x = cuv_emit_reshape(call->program, x, shape, kept + 1);
    }
    if (k != 2 || c != 1)
        kernel = cuv_emit_reshape(call->program, kernel, (const int64_t[]){inner, wide}, 2);
    cuv_ref y = cuv_emit(call->program, CUV_OP_DENSE, CUV_IN(x, kernel), NULL);
    if (scale != CUV_NO_REF) {      /* (kept..., 1...): one number a row */
        shape[kept] = 1;
        y = cuv_emit2(call->program, CUV_OP_DIV, y, c != 1 ? cuv_emit_reshape(call->program, scale, shape, kept + 1) : scale);
    }
    memcpy(order, x_order, (size_t)kept);
    for (int i = c; i < k; i++) {
        order[kept + i - c] = k_order[i];
        shape[kept + i - c] = e->size[(int)k_order[i]];
    }
    return k - c == 1 ? y : cuv_emit_reshape(call->program, y, shape, kept + k - c);
}

/* Letters of all three sides. */
static int shared_letters(const equation *e, char *out)
{
    char both[LONGEST];
    return pick(both, pick(e->in, e->in_rank, e->kernel, e->kernel_rank, true, both, 0), e->out, e->out_rank, true, out, 0);
}

/* Sizes of letters as a reshape takes them: at most one may be unknown. */
static bool known_sizes(const equation *e, const char *letters, int count, int64_t *shape, bool *open)
{
    for (int i = 0; i < count; i++) {
        shape[i] = e->size[(int)letters[i]];
        if (shape[i] < 0 && *open)
            return false;
        *open = *open || shape[i] < 0;
    }
    return true;
}

/* (shared..., kept, contracted) . (shared..., contracted, new): a product for each place of the shared axes. */
static cuv_ref multiply_each(cuv_call *call, const equation *e, cuv_ref kernel, const char *shared, int s, char *order)
{
    char x_order[LONGEST], k_order[LONGEST], whole[LONGEST];
    int64_t x_shape[CUV_MAX_RANK + 2], k_shape[CUV_MAX_RANK + 2], y_shape[2 * CUV_MAX_RANK];
    memcpy(x_order, shared, (size_t)s);
    memcpy(k_order, shared, (size_t)s);
    const int kept = pick(e->in, e->in_rank, e->kernel, e->kernel_rank, false, x_order, s) - s;
    const int both = pick(e->kernel, e->kernel_rank, e->in, e->in_rank, true, whole, 0);
    const int inner = pick(whole, both, shared, s, false, x_order, s + kept) - s - kept;
    memcpy(k_order + s, x_order + s + kept, (size_t)inner);
    const int fresh = pick(e->kernel, e->kernel_rank, e->in, e->in_rank, false, k_order, s + inner) - s - inner;
    bool open = false;
    if (s + kept + fresh > CUV_MAX_RANK || s + 2 > CUV_MAX_RANK || !known_sizes(e, x_order, s + kept, y_shape, &open)) {
        cuv_call_unsupported(call, "equation", "letters of all three sides beside several axes of unknown size");
        return CUV_NO_REF;
    }
    for (int i = 0; i < s; i++)
        x_shape[i] = k_shape[i] = e->size[(int)shared[i]];
    const int64_t contracted = product(e, x_order + s + kept, inner), wide = product(e, k_order + s + inner, fresh);
    x_shape[s] = kept == 1 ? -2 - s : -1;
    x_shape[s + 1] = k_shape[s] = contracted;
    k_shape[s + 1] = wide;
    cuv_ref x = arrange(call, cuv_float_in(call, 0), e->in, e->in_rank, x_order);
    kernel = arrange(call, kernel, e->kernel, e->kernel_rank, k_order);
    cuv_ref y = cuv_emit2(call->program, CUV_OP_MATMUL, cuv_emit_reshape(call->program, x, x_shape, s + 2),
                          cuv_emit_reshape(call->program, kernel, k_shape, s + 2));
    for (int i = 0; i < fresh; i++)
        y_shape[s + kept + i] = e->size[(int)k_order[s + inner + i]];
    memcpy(order, x_order, (size_t)(s + kept));
    memcpy(order + s + kept, k_order + s + inner, (size_t)fresh);
    return kept == 1 && fresh == 1 ? y : cuv_emit_reshape(call->program, y, y_shape, s + kept + fresh);
}

/* LoRA beside a kernel of few bits: the product of its matrices as one more kernel. */
static cuv_ref with_lora(cuv_call *call, const equation *e, cuv_ref y)
{
    char order[LONGEST + CUV_MAX_RANK];
    cuv_ref kernel = cuv_emit2(call->program, CUV_OP_MATMUL, cuv_lora_weight(call, false), cuv_lora_weight(call, true));
    kernel = cuv_emit2(call->program, CUV_OP_MUL, kernel, cuv_scalar_like(call, kernel, cuv_lora_scale(call->layer)));
    cuv_ref more = multiply(call, e, kernel, false, order);
    if (more == CUV_NO_REF)
        return more;
    return cuv_emit2(call->program, CUV_OP_ADD, y, arrange(call, more, order, e->out_rank, e->out));
}

static cuv_status einsum_lower(cuv_call *call)
{
    int64_t rank;
    const equation *e = call->layer->state;
    char order[LONGEST + CUV_MAX_RANK];
    if (cuv_call_rank(call, 0) != e->in_rank)
        return cuv_call_expect_rank(call, 0, e->in_rank);
    const cuv_quant *quant = call->layer->quant;
    cuv_ref kernel = quant ? quantised_kernel(call, e) : cuv_call_weight(call, "kernel");
    char shared[LONGEST];
    const int s = shared_letters(e, shared);
    if (s && quant)
        return cuv_call_unsupported(call, "equation", "letters of all three sides, with a kernel of few bits");
    bool bare;
    CUV_TRY(cuv_quant_bare(call, &bare));
    cuv_ref bias = quant ? cuv_quant_bias(call) : cuv_call_weight(call, "bias");
    cuv_ref y = s ? multiply_each(call, e, kernel, shared, s, order) : multiply(call, e, kernel, quant && !bare, order);
    if (y == CUV_NO_REF && call->program->status == CUV_OK)
        return CUV_UNSUPPORTED;
    CUV_TRY(call->program->status);
    y = arrange(call, y, order, e->out_rank, e->out);
    if (quant)
        y = cuv_quant_scaled(call, y);
    if (quant && cuv_lora_rank(call->layer, &rank))
        y = with_lora(call, e, y);
    if (bias != CUV_NO_REF)
        y = cuv_add_bias(call, y, bias);
    CUV_TRY(cuv_finish_activation(call, "activation", y, &y));
    return cuv_call_return(call, y);
}

static cuv_status einsum_check(cuv_context *cx, cuv_layer *layer)
{
    cuv_act act;
    bool single;
    return cuv_arg_activation(cx, layer, "activation", &act, &single);
}

static const cuv_param einsum_params[] = {
    P("equation", STRING, NULL), P("output_shape", ANY, NULL), ACTIVATION("None"), P("bias_axes", STRING, "None"),
    KERNEL_AND_BIAS_INIT, REGULARIZER("kernel_regularizer"), REGULARIZER("bias_regularizer"), CONSTRAINT("kernel_constraint"),
    CONSTRAINT("bias_constraint"), LORA, INERT("gptq_unpacked_column_size", "None"), QUANTIZATION, CUV_PARAM_END};
const cuv_layer_def cuv_layer_einsum_dense = {
    .name = "EinsumDense", .doc = "y = activation(einsum(equation, x, kernel) + bias)", .params = einsum_params,
    .check = einsum_check, .build = einsum_build, .lower = einsum_lower,
};
