/* Statistics of a tensor in two passes: bounds and mean, then deviation and histogram. */
#include "emit/view/stats.h"

#include <math.h>

enum { CHUNK = 4096 };

typedef void visit(cuv_stats *s, const double *x, size_t n, double *sum);

static cuv_status each_chunk(cuv_context *cx, const cuv_tensor *t, cuv_stats *s, visit *each, double *sum)
{
    double x[CHUNK];
    const size_t size = cuv_dtype_size(t->dtype);
    for (size_t at = 0, round = 0; at < s->count; at += CHUNK, round++) {
        const size_t n = s->count - at < CHUNK ? s->count - at : CHUNK;
        cuv_convert_to_f64(x, t->data + at * size, t->dtype, n);
        each(s, x, n, sum);
        if (round % 256 == 0)
            CUV_TRY(cuv_check_time(cx));
    }
    return CUV_OK;
}

static void bounds(cuv_stats *s, const double *x, size_t n, double *sum)
{
    double total = 0;
    for (size_t i = 0; i < n; i++) {
        if (!isfinite(x[i])) {
            s->nan += isnan(x[i]) != 0;
            s->inf += isinf(x[i]) != 0;
            continue;
        }
        s->zeros += fpclassify(x[i]) == FP_ZERO;
        s->min = x[i] < s->min ? x[i] : s->min;
        s->max = x[i] > s->max ? x[i] : s->max;
        total += x[i];
    }
    *sum += total;
}

static void spread(cuv_stats *s, const double *x, size_t n, double *sum)
{
    const double range = s->max - s->min, scale = range > 0 && isfinite(range) ? CUV_BINS / range : 0;
    double total = 0;
    for (size_t i = 0; i < n; i++) {
        if (!isfinite(x[i]))
            continue;
        total += (x[i] - s->mean) * (x[i] - s->mean);
        const double place = (x[i] - s->min) * scale;
        s->bins[place < CUV_BINS ? (size_t)place : CUV_BINS - 1]++;
    }
    *sum += total;
}

cuv_status cuv_stats_of(cuv_context *cx, const cuv_tensor *t, cuv_stats *out)
{
    double sum = 0, squares = 0;
    *out = (cuv_stats){.count = cuv_tensor_count(t), .min = INFINITY, .max = -INFINITY};
    CUV_TRY(each_chunk(cx, t, out, bounds, &sum));
    const size_t finite = out->count - out->nan - out->inf;
    if (!finite)
        return CUV_OK;
    out->mean = sum / (double)finite;
    CUV_TRY(each_chunk(cx, t, out, spread, &squares));
    out->deviation = sqrt(squares / (double)finite);
    return CUV_OK;
}
