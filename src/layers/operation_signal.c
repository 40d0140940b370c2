/* Fourier transforms and frames of keras.ops.math. Complex numbers go in and out as pairs of real tensors; a transform is a
 * product with sines and cosines, one of frames a convolution with them. */
#include "layers/operation_emit.h"

#include <math.h>

enum { MOST_WAVES = 4096 };

static const double pi = 3.14159265358979323846;

/* One number of a table of rows and columns. */
typedef double cell(const void *about, int64_t row, int64_t column);

static cuv_status table(cuv_call *call, cuv_dtype dtype, int64_t rows, int64_t columns, cell *of, const void *about, cuv_ref *out)
{
    double *at = cuv_arena_calloc(call->arena, (size_t)(rows * columns) + 1, sizeof *at);
    if (!at)
        return cuv_oom(call->cx);
    for (int64_t i = 0; i < rows * columns; i++)
        at[i] = of(about, i / columns, i % columns);
    return cuv_constant(call, dtype, at, (int64_t[]){rows, columns}, 2, out);
}

/* ---- whole rows ---- */

typedef struct complex_ref { cuv_ref re, im; } complex_ref;

static double cosine(const void *n, int64_t i, int64_t k)
{
    return cos(2 * pi * (double)(i * k % *(const int64_t *)n) / (double)*(const int64_t *)n);
}

static double sine(const void *n, int64_t i, int64_t k)
{
    return sin(2 * pi * (double)(i * k % *(const int64_t *)n) / (double)*(const int64_t *)n);
}

/* x times a matrix, also when x is one row. */
static cuv_ref rows_times(cuv_call *call, cuv_ref x, cuv_ref matrix)
{
    if (cuv_var_of(call, x)->rank > 1)
        return E2(MATMUL, x, matrix);
    return cuv_squeeze(call, E2(MATMUL, cuv_expand_dims(call, x, 0), matrix), 0);
}

/* The size of an axis that sines and cosines can be made for. */
static cuv_status known_size(cuv_call *call, cuv_ref x, int axis, int64_t *n)
{
    *n = axis < 0 ? -1 : cuv_var_of(call, x)->shape[axis];
    if (*n >= 1 && *n <= MOST_WAVES)
        return CUV_OK;
    return cuv_bad_option(call, "x", cuv_format(call->cx, "with a transformed axis of known size, %d at most", MOST_WAVES));
}

/* sum over i of x[i] e^(-+2 pi i k j / n) along an axis */
static cuv_status transform(cuv_call *call, complex_ref *x, int axis, bool inverse)
{
    int64_t n;
    int last = cuv_var_of(call, x->re)->rank - 1;
    cuv_ref c, s;
    CUV_TRY(known_size(call, x->re, axis, &n));
    cuv_dtype dtype = cuv_var_of(call, x->re)->dtype;
    CUV_TRY(table(call, dtype, n, n, cosine, &n, &c));
    CUV_TRY(table(call, dtype, n, n, sine, &n, &s));
    cuv_ref re = cuv_move_axis(call, x->re, axis, last), im = cuv_move_axis(call, x->im, axis, last);
    cuv_ref re_s = rows_times(call, re, s), im_s = rows_times(call, im, s);
    cuv_ref y_re = E2(ADD, rows_times(call, re, c), inverse ? E1(NEG, im_s) : im_s);
    cuv_ref y_im = E2(ADD, rows_times(call, im, c), inverse ? re_s : E1(NEG, re_s));
    if (inverse) {
        y_re = E2(MUL, y_re, LIKE(y_re, 1 / (double)n));
        y_im = E2(MUL, y_im, LIKE(y_im, 1 / (double)n));
    }
    *x = (complex_ref){cuv_move_axis(call, y_re, last, axis), cuv_move_axis(call, y_im, last, axis)};
    return call->program->status;
}

static cuv_status complex_x(cuv_call *call, int axes, complex_ref *x)
{
    cuv_ref *pair;
    size_t n;
    CUV_TRY(cuv_operand_list(call, "x", &pair, &n));
    if (n != 2 || !cuv_dtype_is_float(cuv_var_of(call, pair[0])->dtype) || cuv_var_of(call, pair[0])->rank < axes)
        return cuv_bad_option(call, "x", "a pair of float tensors: real and imaginary parts");
    *x = (complex_ref){pair[0], pair[1]};
    return CUV_OK;
}

static cuv_status fourier(cuv_call *call, int axes, bool inverse)
{
    complex_ref x;
    CUV_TRY(complex_x(call, axes, &x));
    int rank = cuv_var_of(call, x.re)->rank;
    for (int i = 1; i <= axes; i++)
        CUV_TRY(transform(call, &x, rank - i, inverse));
    return cuv_give_many(call, (cuv_ref[]){x.re, x.im}, 2);
}

cuv_status cuv_op_fft(cuv_call *call) { return fourier(call, 1, false); }
cuv_status cuv_op_fft2(cuv_call *call) { return fourier(call, 2, false); }
cuv_status cuv_op_ifft2(cuv_call *call) { return fourier(call, 2, true); }

/* The size of a real row: the option, or what the row has. */
static cuv_status fft_length(cuv_call *call, int64_t fallback, int64_t *n)
{
    *n = cuv_option_int(call, "fft_length", fallback);
    if (*n >= 1 && *n <= MOST_WAVES)
        return CUV_OK;
    return cuv_bad_option(call, "fft_length", cuv_format(call->cx, "from 1 to %d", MOST_WAVES));
}

/* Rows cut to n, or the table's rows cut to the shorter ones: missing numbers count as 0. */
cuv_status cuv_op_rfft(cuv_call *call)
{
    cuv_ref x, c, s;
    int64_t size, n;
    CUV_TRY(cuv_operand_x(call, &x));
    x = cuv_as_float(call, x);
    int last = cuv_var_of(call, x)->rank - 1;
    CUV_TRY(known_size(call, x, last, &size));
    CUV_TRY(fft_length(call, size, &n));
    if (size > n)
        x = cuv_slice_axis(call, x, last, 0, n);
    cuv_dtype dtype = cuv_var_of(call, x)->dtype;
    CUV_TRY(table(call, dtype, size < n ? size : n, n / 2 + 1, cosine, &n, &c));
    CUV_TRY(table(call, dtype, size < n ? size : n, n / 2 + 1, sine, &n, &s));
    return cuv_give_many(call, (cuv_ref[]){rows_times(call, x, c), E1(NEG, rows_times(call, x, s))}, 2);
}

/* All frequencies but 0 and n/2 stand for two; the imaginary parts of these two count for nothing. */
static double back(int64_t n, int64_t k, int64_t t, bool imaginary)
{
    if (k > n / 2)
        return 0;
    double angle = 2 * pi * (double)(k * t % n) / (double)n, times = k == 0 || 2 * k == n ? 1 : 2;
    return times / (double)n * (imaginary ? times == 1 ? 0 : -sin(angle) : cos(angle));
}

static double back_real(const void *n, int64_t k, int64_t t) { return back(*(const int64_t *)n, k, t, false); }
static double back_imaginary(const void *n, int64_t k, int64_t t) { return back(*(const int64_t *)n, k, t, true); }

cuv_status cuv_op_irfft(cuv_call *call)
{
    complex_ref x;
    cuv_ref re, im;
    int64_t bins, n;
    CUV_TRY(complex_x(call, 1, &x));
    CUV_TRY(known_size(call, x.re, cuv_var_of(call, x.re)->rank - 1, &bins));
    CUV_TRY(fft_length(call, 2 * (bins - 1), &n));
    cuv_dtype dtype = cuv_var_of(call, x.re)->dtype;
    CUV_TRY(table(call, dtype, bins, n, back_real, &n, &re));
    CUV_TRY(table(call, dtype, bins, n, back_imaginary, &n, &im));
    return cuv_give(call, E2(ADD, rows_times(call, x.re, re), rows_times(call, x.im, im)));
}

/* ---- frames ---- */

typedef struct frames {
    int64_t fft, stride, bins;
    bool centre;
    double *window;             /* fft numbers */
} frames;

/* TensorFlow's periodic windows; for odd lengths they are symmetric. */
static double window_at(double a, int64_t i, int64_t n)
{
    double period = (double)(n - n % 2);
    return n == 1 ? 1 : a - (1 - a) * cos(2 * pi * (double)i / period);
}

/* The window stands in the middle of the frame; without one the whole frame counts. */
static cuv_status read_window(cuv_call *call, int64_t length, frames *f)
{
    const cuv_value *v = cuv_option(call, "window"), *items = v;
    const char *name = v ? cuv_text(v) : "hann";
    int64_t left = (f->fft - length) / 2;
    bool hann = cuv_streq(name, "hann");
    f->window = cuv_arena_calloc(call->arena, (size_t)f->fft, sizeof *f->window);
    if (!f->window)
        return cuv_oom(call->cx);
    if (cuv_streq(cuv_get_text(v, "class_name"), "__numpy__") || cuv_streq(cuv_get_text(v, "class_name"), "__tensor__"))
        items = cuv_get(cuv_get(v, "config"), "value");
    for (int64_t i = 0; v && cuv_is_null(v) && i < f->fft; i++)
        f->window[i] = 1;
    if (v && cuv_is_null(v))
        return CUV_OK;
    if (!name && (!cuv_is_seq(items) || cuv_len(items) != (size_t)length))
        return cuv_bad_option(call, "window", "'hann', 'hamming', None or 'sequence_length' numbers");
    if (name && !hann && strcmp(name, "hamming") != 0)
        return cuv_bad_option(call, "window", "'hann', 'hamming', None or 'sequence_length' numbers");
    for (int64_t i = 0; i < length; i++)
        if (name)
            f->window[left + i] = window_at(hann ? 0.5 : 0.54, i, length);
        else if (!cuv_as_real(cuv_item(items, (size_t)i), &f->window[left + i]))
            return cuv_bad_option(call, "window", "numbers");
    return CUV_OK;
}

static cuv_status read_frames(cuv_call *call, frames *f)
{
    int64_t length = cuv_option_int(call, "sequence_length", 0);
    *f = (frames){.fft = cuv_option_int(call, "fft_length", 0), .stride = cuv_option_int(call, "sequence_stride", 0),
                  .centre = cuv_option_bool(call, "center", true)};
    f->bins = f->fft / 2 + 1;
    if (f->fft < 1 || f->fft > MOST_WAVES)
        return cuv_bad_option(call, "fft_length", cuv_format(call->cx, "from 1 to %d", MOST_WAVES));
    if (length < 1 || length > f->fft)
        return cuv_bad_option(call, "sequence_length", "from 1 to 'fft_length'");
    if (f->stride < 1)
        return cuv_bad_option(call, "sequence_stride", "1 or more");
    return read_window(call, length, f);
}

/* Of frame place t: cosines, then sines turned round, of all frequencies under the window. */
static double forth(const void *about, int64_t t, int64_t k)
{
    const frames *f = about;
    double angle = 2 * pi * (double)(k % f->bins * t % f->fft) / (double)f->fft;
    return f->window[t] * (k < f->bins ? cos(angle) : -sin(angle));
}

/* Rows of x (its last axis) as (rows, steps, 1). */
static cuv_ref as_rows(cuv_call *call, cuv_ref x)
{
    return cuv_emit_reshape(call->program, x, (int64_t[]){-1, -1 - cuv_var_of(call, x)->rank, 1}, 3);
}

cuv_status cuv_op_stft(cuv_call *call)
{
    cuv_ref x, kernel;
    frames f;
    cuv_attrs pads = {.mode = CUV_MODE_REFLECT}, back = {0};
    CUV_TRY(cuv_operand_x(call, &x));
    CUV_TRY(read_frames(call, &f));
    x = cuv_as_float(call, x);
    int rank = cuv_var_of(call, x)->rank;
    if (rank < 1 || rank >= CUV_MAX_RANK)
        return cuv_bad_option(call, "x", "a tensor of one to seven axes");
    pads.pad_lo[rank - 1] = pads.pad_hi[rank - 1] = f.fft / 2;
    cuv_ref padded = f.centre ? cuv_emit(call->program, CUV_OP_PAD, CUV_IN(x), &pads) : x;
    CUV_TRY(table(call, cuv_var_of(call, x)->dtype, f.fft, 2 * f.bins, forth, &f, &kernel));
    kernel = cuv_expand_dims(call, kernel, 1);
    cuv_ref y = cuv_emit(call->program, CUV_OP_CONV, CUV_IN(as_rows(call, padded), kernel), CUV_AT(.stride = {f.stride, 1, 1}));
    for (int i = 0; i < rank - 1; i++)
        back.shape[i] = -2 - i;
    back.shape[rank - 1] = -1;
    back.shape[rank] = 2 * f.bins;
    back.shape_count = rank + 1;
    y = cuv_emit(call->program, CUV_OP_RESHAPE, CUV_IN(y, x), &back);
    return cuv_give_many(call, (cuv_ref[]){cuv_slice_axis(call, y, rank, 0, f.bins),
                                           cuv_slice_axis(call, y, rank, f.bins, INT64_MAX)}, 2);
}

/* The window that undoes the first one where frames overlap: w / sum of w^2 over all frames that reach a place. */
static cuv_status dual_window(cuv_call *call, frames *f)
{
    double *dual = cuv_arena_calloc(call->arena, (size_t)f->fft, sizeof *dual);
    if (!dual)
        return cuv_oom(call->cx);
    for (int64_t t = 0; t < f->fft; t++) {
        double sum = 0;
        for (int64_t i = t % f->stride; i < f->fft; i += f->stride)
            sum += f->window[i] * f->window[i];
        dual[t] = f->window[t] / sum;
    }
    f->window = dual;
    return CUV_OK;
}

/* Of frame place t: what the real parts, then the imaginary parts, of `bins` frequencies add to it. */
static double back_under_window(const void *about, int64_t t, int64_t k)
{
    const frames *f = about;
    return f->window[t] * back(f->fft, k % f->bins, t, k >= f->bins);
}

/* Frames laid over one another are a transposed convolution. */
cuv_status cuv_op_istft(cuv_call *call)
{
    complex_ref x;
    cuv_ref kernel;
    frames f;
    cuv_attrs rows = {.shape = {-1, 0, 0}, .shape_count = 3}, back_to = {0};
    CUV_TRY(complex_x(call, 2, &x));
    CUV_TRY(read_frames(call, &f));
    if (!cuv_option(call, "window") || !cuv_is_null(cuv_option(call, "window")))
        CUV_TRY(dual_window(call, &f));
    int rank = cuv_var_of(call, x.re)->rank;
    CUV_TRY(known_size(call, x.re, rank - 1, &f.bins));
    CUV_TRY(table(call, cuv_var_of(call, x.re)->dtype, f.fft, 2 * f.bins, back_under_window, &f, &kernel));
    rows.shape[1] = -rank;                      /* -2 - (rank - 2) */
    rows.shape[2] = 2 * f.bins;
    cuv_ref both = cuv_concat2(call, x.re, x.im, rank - 1);
    cuv_ref y = cuv_emit(call->program, CUV_OP_RESHAPE, CUV_IN(both), &rows);
    y = cuv_emit(call->program, CUV_OP_CONV_TRANSPOSE, CUV_IN(y, cuv_expand_dims(call, kernel, 1)),
                 CUV_AT(.stride = {f.stride, 1, 1}, .size = {-1, -1, -1}));
    for (int i = 0; i < rank - 2; i++)
        back_to.shape[i] = -2 - i;
    back_to.shape[rank - 2] = -1;
    back_to.shape_count = rank - 1;
    y = cuv_emit(call->program, CUV_OP_RESHAPE, CUV_IN(y, x.re), &back_to);
    int64_t start = f.centre ? f.fft / 2 : 0, length = cuv_option_int(call, "length", -1);
    int64_t stop = length >= 0 ? start + length : f.centre && f.fft > 1 ? -(f.fft / 2) : INT64_MAX;
    return cuv_give(call, start || stop != INT64_MAX ? cuv_slice_axis(call, y, rank - 2, start, stop) : y);
}

static double place(const void *stride, int64_t frame, int64_t i)
{
    return (double)(frame * *(const int64_t *)stride + i);
}

cuv_status cuv_op_extract_sequences(cuv_call *call)
{
    cuv_ref x, index;
    int64_t length = cuv_option_int(call, "sequence_length", 0), stride = cuv_option_int(call, "sequence_stride", 0);
    CUV_TRY(cuv_operand_x(call, &x));
    int last = cuv_var_of(call, x)->rank - 1;
    int64_t n = last < 0 ? -1 : cuv_var_of(call, x)->shape[last];
    if (length < 1 || stride < 1)
        return cuv_bad_option(call, length < 1 ? "sequence_length" : "sequence_stride", "1 or more");
    if (n < length || n > ((int64_t)1 << 24))
        return cuv_bad_option(call, "x", "with a last axis of known size, 'sequence_length' or more");
    int64_t count = 1 + (n - length) / stride;
    if (count > (((int64_t)1 << 26) - 1) / length)
        return cuv_bad_option(call, "sequence_stride", "larger, so that there are fewer sequences");
    CUV_TRY(table(call, CUV_I32, count, length, place, &stride, &index));
    return cuv_give(call, cuv_emit(call->program, CUV_OP_GATHER, CUV_IN(x, index), CUV_AT(.axis = last)));
}
