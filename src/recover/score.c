/* How near outputs come to those of the samples. The comparison is made before the output's activation, where a wrong hidden layer shows best:
 * softmax and sigmoid flatten what differs. */
#include "recover/search.h"

static bool all_in(const double *y, size_t n, double low, double high)
{
    for (size_t i = 0; i < n; i++)
        if (!(y[i] >= low && y[i] <= high))
            return false;
    return true;
}

static bool rows_sum_to_one(const double *y, size_t n, size_t last)
{
    for (size_t i = 0; i + last <= n; i += last) {
        double sum = 0;
        for (size_t k = 0; k < last; k++)
            sum += y[i + k];
        if (fabs(sum - 1) > 1e-3)
            return false;
    }
    return n > 0 && last > 1;
}

static void allow(cuv_target *t, size_t o, unsigned act)
{
    t->acts[o][t->act_count[o]++] = act;
}

/* The activations of an output that its values allow. */
static void guess(cuv_target *t, size_t o)
{
    const double *y = t->y[o];
    size_t n = t->count[o];
    if (all_in(y, n, 0, 1) && rows_sum_to_one(y, n, t->last[o])) {
        allow(t, o, CUV_A_SOFTMAX);
        return;
    }
    if (all_in(y, n, 0, 1)) {
        allow(t, o, CUV_A_SIGMOID);
        allow(t, o, CUV_A_LINEAR);
        allow(t, o, 17);        /* hard_sigmoid */
        allow(t, o, CUV_A_RELU);
        return;
    }
    if (all_in(y, n, -1, 1)) {
        allow(t, o, CUV_A_TANH);
        allow(t, o, CUV_A_LINEAR);
        allow(t, o, CUV_A_SOFTSIGN);
        return;
    }
    allow(t, o, CUV_A_LINEAR);
    if (all_in(y, n, 0, INFINITY)) {
        allow(t, o, CUV_A_RELU);
        allow(t, o, CUV_A_SOFTPLUS);
    }
}

static double clip(double v, double low, double high)
{
    return v < low ? low : v > high ? high : v;
}

/* Back through the likeliest activation; softmax up to a constant in each row. */
static void turn(unsigned act, const double *y, size_t n, size_t last, double *out)
{
    for (size_t i = 0; i < n; i++)
        switch (act) {
        case CUV_A_SOFTMAX: out[i] = log(y[i] > 1e-30 ? y[i] : 1e-30); break;
        case CUV_A_SIGMOID: {
            double v = clip(y[i], 1e-7, 1 - 1e-7);
            out[i] = log(v / (1 - v));
            break;
        }
        case CUV_A_TANH: {
            double v = clip(y[i], -1 + 1e-7, 1 - 1e-7);
            out[i] = .5 * log((1 + v) / (1 - v));
            break;
        }
        default: out[i] = y[i]; break;
        }
    for (size_t i = 0; act == CUV_A_SOFTMAX && i + last <= n; i += last) {
        double sum = 0;
        for (size_t k = 0; k < last; k++)
            sum += out[i + k];
        for (size_t k = 0; k < last; k++)
            out[i + k] -= sum / (double)last;
    }
}

static double spread(const cuv_target *t, size_t o)
{
    const double *v = t->turned[o];
    size_t n = t->count[o], per = n / t->samples;
    double sum = 0;
    if (t->samples < 2) {
        for (size_t i = 0; i < n; i++)
            sum += fabs(v[i]);
        return (n ? sum / (double)n : 0) + 1e-9;
    }
    for (size_t k = 0; k < per; k++) {
        double mean = 0;
        for (size_t i = 0; i < t->samples; i++)
            mean += v[i * per + k] / (double)t->samples;
        for (size_t i = 0; i < t->samples; i++)
            sum += (v[i * per + k] - mean) * (v[i * per + k] - mean);
    }
    return sqrt(n ? sum / (double)n : 0) + 1e-9;
}

cuv_status cuv_target_new(cuv_context *cx, cuv_arena *arena, const cuv_run_tensor *y, size_t count, double rtol, double atol, cuv_target **out)
{
    cuv_target *t = *out = CUV_NEW(arena, cuv_target);
    if (!t)
        return cuv_oom(cx);
    *t = (cuv_target){.outputs = count, .samples = (size_t)y[0].shape[0], .rtol = rtol, .atol = atol};
    for (size_t o = 0; o < count; o++) {
        size_t n = 1;
        for (int i = 0; i < y[o].rank; i++)
            n *= (size_t)y[o].shape[i];
        t->count[o] = n;
        t->last[o] = y[o].rank > 1 ? (size_t)y[o].shape[y[o].rank - 1] : 1;
        t->y[o] = CUV_NEW_ARRAY(arena, double, n + 1);
        t->turned[o] = CUV_NEW_ARRAY(arena, double, n + 1);
        t->room[o] = CUV_NEW_ARRAY(arena, double, 2 * t->last[o] + 1);
        if (!t->y[o] || !t->turned[o] || !t->room[o])
            return cuv_oom(cx);
        cuv_convert_to_f64(t->y[o], y[o].data, y[o].dtype, n);
        guess(t, o);
        turn(t->acts[o][0], t->y[o], n, t->last[o], t->turned[o]);
        t->norm[o] = spread(t, o);
    }
    return CUV_OK;
}

/* Squared distance of one row before the activation. */
static double row_distance(const cuv_target *t, size_t o, const float *a, size_t at, size_t n)
{
    double *y = t->room[o], *turned = y + n, sum = 0;
    for (size_t i = 0; i < n; i++)
        y[i] = a[i];
    turn(t->acts[o][0], y, n, n, turned);
    for (size_t i = 0; i < n; i++)
        sum += (turned[i] - t->turned[o][at + i]) * (turned[i] - t->turned[o][at + i]);
    return sum;
}

static double output_distance(const cuv_target *t, size_t o, const cuv_run_tensor *have, double *ratio, double *max_abs)
{
    const float *a = have->data;
    size_t n = 1, last = t->last[o];
    for (int i = 0; i < have->rank; i++)
        n *= (size_t)have->shape[i];
    if (have->dtype != CUV_F32 || n != t->count[o] || (have->rank > 1 && (size_t)have->shape[have->rank - 1] != last)) {
        *ratio = *max_abs = INFINITY;
        return INFINITY;
    }
    double sum = 0;
    for (size_t i = 0; i < n; i++) {
        double d = fabs((double)a[i] - t->y[o][i]), r = d / (t->atol + t->rtol * fabs(t->y[o][i]));
        if (!(d <= 1e300)) {
            *ratio = *max_abs = INFINITY;
            return INFINITY;
        }
        *ratio = fmax(*ratio, r);
        *max_abs = fmax(*max_abs, d);
    }
    for (size_t i = 0; i + last <= n; i += last)
        sum += row_distance(t, o, a + i, i, last);
    return fmin(sqrt(sum / (double)(n ? n : 1)) / t->norm[o], 1e6);
}

double cuv_distance(const cuv_target *t, const cuv_run_tensor *outputs, double *ratio, double *max_abs)
{
    double sum = 0;
    *ratio = *max_abs = 0;
    for (size_t o = 0; o < t->outputs; o++)
        sum += output_distance(t, o, &outputs[o], ratio, max_abs);
    return *ratio <= 1 ? 0 : sum / (double)t->outputs;
}
