/* Reference kernels of resize and upsample, with the sampling places and weights of TensorFlow's CPU kernels (which compute
 * them in float, whatever the images are). */
#include "run/kernels.h"

static int64_t bounded(int64_t i, int64_t n)
{
    return i < 0 ? 0 : i >= n ? n - 1 : i;
}

static void nearest(cuv_taps *t, int64_t n, float place)
{
    t->count = 1;
    t->at[0] = bounded((int64_t)floorf(place), n);
    t->weight[0] = 1;
}

static void bilinear(cuv_taps *t, int64_t n, float place)
{
    const float low = floorf(place);
    t->count = 2;
    t->at[0] = bounded((int64_t)low, n);
    t->at[1] = bounded((int64_t)low + 1, n);
    t->weight[1] = place - low;
    t->weight[0] = 1 - t->weight[1];
}

/* Keys' cubic at distance x: |x| < 1: (a+2)|x|^3 - (a+3)|x|^2 + 1; |x| < 2: a (|x|^3 - 5|x|^2 + 8|x| - 4) */
static float cubic(float x, float a)
{
    if (x < 1)
        return ((a + 2) * x - (a + 3)) * x * x + 1;
    return ((a * x - 5 * a) * x + 8 * a) * x - 4 * a;
}

/* Distances are rounded to 1/1024, as TensorFlow's table of weights has them. Half-pixel: a = -0.5, places outside the image have
 * no weight and the others are scaled to sum 1; otherwise a = -0.75 and the edge is repeated. */
static void bicubic(cuv_taps *t, int64_t n, float place, bool half_pixel)
{
    const float low = floorf(place), d = rintf((place - low) * 1024) / 1024, a = half_pixel ? -0.5f : -0.75f;
    const float distance[4] = {1 + d, d, 1 - d, 2 - d};
    float sum = 0;
    t->count = 4;
    for (int i = 0; i < 4; i++) {
        const int64_t at = (int64_t)low - 1 + i;
        t->at[i] = bounded(at, n);
        t->weight[i] = half_pixel && t->at[i] != at ? 0 : cubic(distance[i], a);
        sum += t->weight[i];
    }
    const float scale = 1 / sum;
    for (int i = 0; half_pixel && i < 4; i++)
        t->weight[i] *= scale;
}

void cuv_make_taps(cuv_taps *taps, int64_t n, int64_t out, cuv_mode mode, cuv_align align)
{
    const float scale = (float)n / (float)out;
    const bool half_pixel = align == CUV_HALF_PIXEL;
    for (int64_t i = 0; i < out; i++) {
        const float half = half_pixel ? 0.5f : 0, place = ((float)i + half) * scale;
        if (mode == CUV_MODE_BILINEAR)
            bilinear(&taps[i], n, place - half);
        else if (mode == CUV_MODE_BICUBIC)
            bicubic(&taps[i], n, place - half, half_pixel);
        else
            nearest(&taps[i], n, place);
    }
}

size_t cuv_scratch_resize(const cuv_kernel_args *a)
{
    return sizeof(cuv_taps) * (size_t)(a->out[0].shape[1] + a->out[0].shape[2]);
}

size_t cuv_scratch_upsample(const cuv_kernel_args *a)
{
    return a->attrs->mode == CUV_MODE_BILINEAR || a->attrs->mode == CUV_MODE_BICUBIC ? cuv_scratch_resize(a) : 0;
}

#include "run/as_float.h"
#include "run/kernels_image.inc"
#include "run/as_double.h"
#include "run/kernels_image.inc"
