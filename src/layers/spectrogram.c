/* Sound as pictures: STFTSpectrogram and MelSpectrogram. Fourier transforms of frames are convolutions with sines and cosines. */
#include "layers/support.h"

#include <math.h>

static const double pi = 3.14159265358979323846;

static cuv_ref convolve(cuv_call *call, cuv_ref x, cuv_ref kernel, int64_t stride, bool same)
{
    return cuv_emit(call->program, CUV_OP_CONV, CUV_IN(x, kernel), CUV_AT(.stride = {stride, 1, 1}, .same = same));
}

static cuv_ref square_sum(cuv_call *call, cuv_ref re, cuv_ref im)
{
    cuv_program *p = call->program;
    return cuv_emit2(p, CUV_OP_ADD, cuv_emit1(p, CUV_OP_SQUARE, re), cuv_emit1(p, CUV_OP_SQUARE, im));
}

static cuv_ref at_least(cuv_call *call, cuv_ref x, double least)
{
    return cuv_emit2(call->program, CUV_OP_MAXIMUM, x, cuv_scalar_like(call, x, least));
}

/* ---- STFTSpectrogram ------------------------------------------------------------------------------------------------------- */

static int64_t step_of(const cuv_layer *layer)
{
    return cuv_arg_none(layer, "frame_step") ? cuv_arg_int(layer, "frame_length") / 2 : cuv_arg_int(layer, "frame_step");
}

static bool stft_symbol(const cuv_layer *layer, const char *name, int64_t *sizes, int *count)
{
    int64_t length = cuv_arg_int(layer, "frame_length"), fft = 1;
    if (strcmp(name, "bins") != 0)
        return false;
    while (fft < length)
        fft *= 2;
    if (!cuv_arg_none(layer, "fft_length"))
        fft = cuv_arg_int(layer, "fft_length");
    *count = 1;
    sizes[0] = fft / 2 + 1;
    return true;
}

static cuv_status stft_build(cuv_call *call)
{
    static const cuv_slot slots[] = {S("real_kernel", "frame_length 1 bins"), S("imag_kernel", "frame_length 1 bins")};
    static const char *const without[] = {"imag", "real"};
    for (int i = 0; i < 2; i++) {
        int64_t shape[CUV_MAX_RANK];
        int rank;
        cuv_ref ref;
        if (cuv_arg_is(call->layer, "mode", without[i]))
            continue;
        CUV_TRY(cuv_slot_shape(call->cx, call->layer, &slots[i], shape, &rank));
        CUV_TRY(cuv_layer_add_weight(call, &slots[i], shape, rank, &ref));
    }
    return CUV_OK;
}

/* The frames of every channel: (batch, channels, steps, bins). */
static cuv_ref transform(cuv_call *call, const char *kernel, cuv_ref x)
{
    cuv_ref weight = cuv_call_weight(call, kernel);
    if (weight == CUV_NO_REF || call->program->status != CUV_OK)
        return CUV_NO_REF;
    int64_t channels = cuv_var_of(call, x)->shape[1];
    cuv_ref y = cuv_emit_reshape(call->program, x, (const int64_t[]){-1, -4, 1}, 3);
    y = convolve(call, y, cuv_emit_cast(call->program, weight, cuv_var_of(call, y)->dtype), step_of(call->layer),
                 cuv_arg_is(call->layer, "padding", "same"));
    return cuv_emit_reshape(call->program, y, (const int64_t[]){-1, channels, -3, -4}, 4);
}

/* All but the first and the last bin stand for two frequencies. */
static cuv_ref doubled_inside(cuv_call *call, cuv_ref power)
{
    int64_t bins = cuv_var_of(call, power)->shape[3];
    cuv_attrs pads = {.mode = CUV_MODE_CONSTANT};
    if (bins < 3)
        return power;
    pads.pad_lo[3] = pads.pad_hi[3] = 1;
    cuv_ref inner = cuv_slice_axis(call, power, 3, 1, bins - 1);
    return cuv_emit2(call->program, CUV_OP_ADD, power, cuv_emit(call->program, CUV_OP_PAD, CUV_IN(inner), &pads));
}

static cuv_ref by_mode(cuv_call *call, const char *mode, cuv_ref re, cuv_ref im)
{
    cuv_program *p = call->program;
    if (strcmp(mode, "real") == 0 || strcmp(mode, "imag") == 0)
        return re == CUV_NO_REF ? im : re;
    if (strcmp(mode, "angle") == 0)
        return cuv_emit2(p, CUV_OP_ATAN2, im, re);
    if (strcmp(mode, "stft") == 0)
        return cuv_concat2(call, re, im, 3);
    cuv_ref power = square_sum(call, re, im);
    if (strcmp(mode, "psd") == 0)
        return doubled_inside(call, power);
    cuv_ref y = cuv_emit1(p, CUV_OP_SQRT, at_least(call, power, 1e-7));
    return strcmp(mode, "magnitude") == 0 ? y : cuv_emit1(p, CUV_OP_LOG, at_least(call, y, 1e-7));
}

static cuv_status stft_lower(cuv_call *call)
{
    const cuv_layer *layer = call->layer;
    const char *mode = cuv_arg_text(layer, "mode");
    CUV_TRY(cuv_call_expect_rank(call, 0, 3));
    cuv_ref x = call->in[0].value;
    if (!layer->channels_first)
        x = cuv_emit_transpose(call->program, x, (const int[]){0, 2, 1});
    CUV_TRY(call->program->status);
    int64_t channels = cuv_var_of(call, x)->shape[1];
    if (channels < 1)
        return cuv_bad_input(call, 0, "a known number of channels");
    cuv_ref y = by_mode(call, mode, transform(call, "real_kernel", x), transform(call, "imag_kernel", x));
    CUV_TRY(call->program->status);
    int64_t bins = cuv_var_of(call, y)->shape[3];
    bool apart = cuv_arg_bool(layer, "expand_dims");
    if (layer->channels_first && apart)
        return cuv_call_return(call, y);
    if (apart)
        return cuv_call_return(call, cuv_emit_transpose(call->program, y, (const int[]){0, 2, 3, 1}));
    y = cuv_emit_transpose(call->program, y, (const int[]){0, 2, 1, 3});
    y = cuv_emit_reshape(call->program, y, (const int64_t[]){-2, -3, channels * bins}, 3);
    return cuv_call_return(call, layer->channels_first ? cuv_emit_transpose(call->program, y, (const int[]){0, 2, 1}) : y);
}

static const cuv_param stft_params[] = {
    P("mode", STRING, "'log'", .allowed = "log magnitude psd real imag angle stft"), P("frame_length", INT, "256", .allowed = ">=1"),
    P("frame_step", INT, "None", .allowed = ">=1"), P("fft_length", INT, "None", .allowed = ">=1"), INERT("window", "'hann'"),
    INERT("periodic", "False"), INERT("scaling", "'density'"), P("padding", STRING, "'valid'", .allowed = "valid same"),
    P("expand_dims", BOOL, "False"), DATA_FORMAT, CUV_PARAM_END};
const cuv_layer_def cuv_layer_stft_spectrogram = {
    .name = "STFTSpectrogram", .doc = "short-time Fourier transform by two stored kernels", .params = stft_params,
    .symbol = stft_symbol, .build = stft_build, .lower = stft_lower,
};

/* ---- MelSpectrogram ------------------------------------------------------------------------------------------------------------ */

typedef struct mel { int64_t fft, length, stride, bins, bands; } mel;

static cuv_status read_mel(cuv_call *call, mel *m)
{
    const cuv_layer *layer = call->layer;
    *m = (mel){.fft = cuv_arg_int(layer, "fft_length"), .length = cuv_arg_int(layer, "sequence_length"),
               .stride = cuv_arg_int(layer, "sequence_stride"), .bands = cuv_arg_int(layer, "num_mel_bins")};
    if (!m->length)
        m->length = m->fft;
    m->bins = m->fft / 2 + 1;
    if (m->length > m->fft)
        return cuv_bad_arg(layer, "sequence_length", "at most fft_length");
    if (!cuv_arg_none(layer, "window") && !cuv_arg_is(layer, "window", "hann") && !cuv_arg_is(layer, "window", "hamming"))
        return cuv_call_unsupported(call, "window", "only hann, hamming and None are");
    return CUV_OK;
}

/* TensorFlow's periodic windows; for odd lengths they are symmetric. */
static double window_at(const cuv_layer *layer, int64_t i, int64_t n)
{
    double a = cuv_arg_is(layer, "window", "hann") ? 0.5 : 0.54, period = (double)(n - n % 2);
    if (cuv_arg_none(layer, "window") || n == 1)
        return 1;
    return a - (1 - a) * cos(2 * pi * (double)i / period);
}

/* Sines or cosines of all bins under the window, which stands in the middle of the frame: (fft, 1, bins). */
static cuv_status waves(cuv_call *call, const mel *m, bool sines, cuv_ref *out)
{
    const int64_t shape[3] = {m->fft, 1, m->bins};
    int64_t left = (m->fft - m->length) / 2;
    bool windowed = !cuv_arg_none(call->layer, "window");
    cuv_tensor *t;
    void *data;
    CUV_TRY(cuv_tensor_new(call->arena, CUV_F32, shape, 3, &t, &data));
    for (int64_t i = 0; i < m->fft; i++) {
        bool inside = !windowed || (i >= left && i < left + m->length);
        double w = inside ? window_at(call->layer, i - left, m->length) : 0;
        for (int64_t k = 0; k < m->bins; k++) {
            double angle = 2 * pi * (double)(i * k % m->fft) / (double)m->fft;
            ((float *)data)[i * m->bins + k] = (float)(w * (sines ? -sin(angle) : cos(angle)));
        }
    }
    *out = cuv_program_constant(call->program, t);
    return call->program->status;
}

static float to_mel(float hertz)
{
    return (float)(1127.0 * log(1.0 + (double)hertz / 700.0));
}

/* Triangles over the mel scale: (bins, bands). The first bin belongs to none. */
static cuv_status triangles(cuv_call *call, const mel *m, cuv_ref *out)
{
    const cuv_layer *layer = call->layer;
    double rate = cuv_arg_real(layer, "sampling_rate"), top = cuv_arg_real(layer, "max_freq");
    if (!(top > 0))
        top = floor(rate / 2);
    double low = to_mel((float)cuv_arg_real(layer, "min_freq")), high = to_mel((float)top);
    double width = (high - low) / (double)(m->bands + 1);
    cuv_tensor *t;
    void *data;
    CUV_TRY(cuv_tensor_new(call->arena, CUV_F32, (const int64_t[]){m->bins, m->bands}, 2, &t, &data));
    for (int64_t k = 1; k < m->bins; k++)
        for (int64_t b = 0; b < m->bands; b++) {
            double at = to_mel((float)(rate / 2 * (double)k / (double)(m->bins - 1))), left = low + width * (double)b;
            double up = (at - left) / width, down = (left + 2 * width - at) / width, weight = up < down ? up : down;
            ((float *)data)[k * m->bands + b] = weight > 0 ? (float)weight : 0;
        }
    *out = cuv_program_constant(call->program, t);
    return call->program->status;
}

/* Decibels above the reference, at most top_db below the loudest of the whole batch. */
static cuv_ref decibels(cuv_call *call, cuv_ref x)
{
    cuv_program *p = call->program;
    double least = cuv_arg_real(call->layer, "min_power"), reference = fabs(cuv_arg_real(call->layer, "ref_power"));
    double zero = 10 * log10(reference > least ? reference : least);
    cuv_ref y = cuv_emit1(p, CUV_OP_LOG, at_least(call, x, least));
    y = cuv_emit2(p, CUV_OP_MUL, y, cuv_scalar_like(call, y, 10 / log(10)));
    y = cuv_emit2(p, CUV_OP_SUB, y, cuv_scalar_like(call, y, zero));
    cuv_ref loudest = cuv_reduce(call, CUV_OP_MAX, y, NULL, 0, false);
    loudest = cuv_emit2(p, CUV_OP_SUB, loudest, cuv_scalar_like(call, y, cuv_arg_real(call->layer, "top_db")));
    return cuv_emit2(p, CUV_OP_MAXIMUM, y, loudest);
}

static cuv_status mel_lower(cuv_call *call)
{
    cuv_program *p = call->program;
    cuv_dtype dtype = call->layer->compute == CUV_F64 ? CUV_F64 : CUV_F32;
    cuv_ref re, im, bands, x = cuv_emit_cast(p, call->in[0].value, dtype);
    mel m;
    CUV_TRY(read_mel(call, &m));
    CUV_TRY(cuv_call_expect_rank(call, 0, 2));
    cuv_attrs pads = {.mode = CUV_MODE_REFLECT};
    pads.pad_lo[1] = pads.pad_hi[1] = m.fft / 2;
    x = cuv_expand_dims(call, cuv_emit(p, CUV_OP_PAD, CUV_IN(x), &pads), 2);
    CUV_TRY(waves(call, &m, false, &re));
    CUV_TRY(waves(call, &m, true, &im));
    CUV_TRY(triangles(call, &m, &bands));
    re = convolve(call, x, cuv_emit_cast(p, re, dtype), m.stride, false);
    im = convolve(call, x, cuv_emit_cast(p, im, dtype), m.stride, false);
    cuv_ref y = square_sum(call, re, im);
    double exponent = cuv_arg_real(call->layer, "mag_exp") / 2;
    if (exponent != 1)
        y = cuv_emit2(p, CUV_OP_POW, y, cuv_scalar_like(call, y, exponent));
    y = cuv_emit2(p, CUV_OP_MATMUL, y, cuv_emit_cast(p, bands, dtype));
    if (cuv_arg_bool(call->layer, "power_to_db"))
        y = decibels(call, y);
    y = cuv_emit_transpose(p, y, (const int[]){0, 2, 1});
    return cuv_call_return(call, cuv_dtype_is_float(call->layer->compute) ? cuv_emit_cast(p, y, call->layer->compute) : y);
}

static const cuv_param mel_params[] = {
    P("fft_length", INT, "2048", .allowed = ">=2"), P("sequence_stride", INT, "512", .allowed = ">=1"),
    P("sequence_length", INT, "None", .allowed = ">=1"), P("window", ANY, "'hann'"), P("sampling_rate", FLOAT, "16000", .allowed = ">0"),
    P("num_mel_bins", INT, "128", .allowed = ">=1"), P("min_freq", FLOAT, "20.0"), P("max_freq", FLOAT, "None"),
    P("power_to_db", BOOL, "True"), P("top_db", FLOAT, "80.0"), P("mag_exp", FLOAT, "2.0"), P("min_power", FLOAT, "1e-10"),
    P("ref_power", FLOAT, "1.0"), CUV_PARAM_END};
const cuv_layer_def cuv_layer_mel_spectrogram = {
    .name = "MelSpectrogram", .doc = "power of short frames in bands of the mel scale", .params = mel_params, .flags = CUV_LF_NO_AUTOCAST,
    .lower = mel_lower,
};
