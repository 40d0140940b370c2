/* The tables of what recovery knows: kinds of layers, activations, epsilons. */
#include "recover/structure.h"

#define LINEAR CUV_RT_LINEAR
#define CONV CUV_RT_CONV
#define GROWS CUV_RT_GROWS
#define NORM CUV_RT_NORM
#define ACTS CUV_RT_ACTS
#define RECURRENT CUV_RT_RECURRENT
#define RESTS CUV_RT_RESTS
#define POOL CUV_RT_POOL
#define GLOBAL CUV_RT_GLOBAL
#define MERGE CUV_RT_MERGE
static const struct { const char *name; unsigned traits; } kinds[] = {
#define KIND(id, name, traits) {name, traits},
#include "recover/kinds.def"
#undef KIND
    {"?", 0}};

const char *cuv_rkind_name(cuv_rkind kind)
{
    return kinds[kind].name;
}

unsigned cuv_rkind_traits(cuv_rkind kind)
{
    return kinds[kind].traits;
}

/* Layers that do at inference what another one does. */
static const struct { const char *name; cuv_rkind kind; } same[] = {
    {"SpatialDropout1D", CUV_R_REST}, {"SpatialDropout2D", CUV_R_REST}, {"SpatialDropout3D", CUV_R_REST}, {"AlphaDropout", CUV_R_REST},
    {"GaussianDropout", CUV_R_REST}, {"GaussianNoise", CUV_R_REST}, {"ActivityRegularization", CUV_R_REST}, {"Identity", CUV_R_REST},
    {"RandomFlip", CUV_R_REST}, {"RandomRotation", CUV_R_REST}, {"RandomZoom", CUV_R_REST}, {"RandomTranslation", CUV_R_REST},
    {"RandomContrast", CUV_R_REST}, {"RandomBrightness", CUV_R_REST}, {"RandomHue", CUV_R_REST}, {"RandomSaturation", CUV_R_REST},
    {"RandomShear", CUV_R_REST}, {"RandomSharpness", CUV_R_REST}, {"RandomGrayscale", CUV_R_REST}, {"RandomErasing", CUV_R_REST}};

cuv_rkind cuv_rkind_find(const char *class_name)
{
    for (int i = 0; i < CUV_R_UNKNOWN; i++)
        if (i != CUV_R_NETWORK && i != CUV_R_CLASSIFIER && cuv_streq(kinds[i].name, class_name))
            return (cuv_rkind)i;
    for (size_t i = 0; i < sizeof same / sizeof *same; i++)
        if (cuv_streq(same[i].name, class_name))
            return same[i].kind;
    return CUV_R_UNKNOWN;
}

int cuv_rkind_spatial(cuv_rkind kind)
{
    const char *name = kinds[kind].name;
    for (int n = 1; n <= 3; n++)
        if (strstr(name, (const char[]){(char)('0' + n), 'D', 0}))
            return n;
    return 0;
}

bool cuv_rkind_is_conv_lstm(cuv_rkind kind)
{
    return cuv_rkind_traits(kind) & CUV_RT_RECURRENT && cuv_rkind_spatial(kind);
}

const cuv_ract cuv_acts[] = {
    {"linear", 0}, {"relu", 0}, {"tanh", 0}, {"gelu", 0}, {"silu", 0}, {"elu", 0}, {"selu", 0}, {"sigmoid", 0}, {"leaky_relu", 0.2},
    {"relu6", 0}, {"softplus", 0}, {"softsign", 0}, {"mish", 0}, {NULL, 0.3}, {NULL, 0.1}, {NULL, 0.01}, {"softmax", 0},
    {"hard_sigmoid", 0}, {"exponential", 0}, {"hard_silu", 0}, {"log_softmax", 0}};
const double cuv_epsilons[] = {1e-3, 1e-5, 1.001e-5, 1e-6, 1e-12, 1e-4};
const char *const cuv_merge_modes[] = {"concat", "sum", "ave", "mul"};

const struct cuv_scale cuv_scales[CUV_SCALES] = {{1 / 255., 0, "1/255"}, {1 / 127.5, -1, "1/127.5, offset -1"}, {1 / 127.5, 0, "1/127.5"},
    {2, -1, "2, offset -1"}, {1 / 128., -1, "1/128, offset -1"}, {255, 0, "255"}};
const struct cuv_border cuv_borders[CUV_BORDERS] = {{1, 1}, {0, 1}, {2, 2}, {3, 3}, {1, 0}, {1, 2}};

const char *const cuv_gates[CUV_GATES] = {"sigmoid", "hard_sigmoid of Keras 2", "hard_sigmoid"};
const int cuv_groups[CUV_GROUPS] = {32, 16, 8, 4, 2, 1, -1};

int cuv_stride_of(const cuv_choice *c, int axis)
{
    return axis == 1 && c->stride2 ? c->stride2 : c->stride;
}

int cuv_window_of(const cuv_choice *c, int axis)
{
    return axis == 1 && c->pool2 ? c->pool2 : c->pool;
}

const char *cuv_ract_text(cuv_context *cx, unsigned act)
{
    return cuv_acts[act].name ? cuv_acts[act].name : cuv_format(cx, "LeakyReLU(%g)", cuv_acts[act].slope);
}

bool cuv_flow_same(const cuv_flow *a, const cuv_flow *b)
{
    if (a->rank != b->rank)
        return false;
    for (int i = 0; i < a->rank; i++)
        if (a->at[i] != b->at[i])
            return false;
    return true;
}

int cuv_most_stride(const cuv_runit *u)
{
    return u->kernel[0] >= 4 ? 4 : u->kernel[0] >= 3 ? 3 : 2;
}

int32_t cuv_grown_size(int32_t size, int64_t kernel, int stride, int pad)
{
    int64_t more = kernel > stride ? kernel - stride : 0, n = (int64_t)size * stride + (pad == CUV_PAD_SAME ? 0 : more);
    return size < 0 || n > INT32_MAX ? -1 : (int32_t)n;
}

int32_t cuv_window_size(int32_t size, int64_t kernel, int stride, int pad)
{
    if (size < 0)
        return -1;
    int64_t n = pad == CUV_PAD_VALID ? ((int64_t)size - kernel) / stride + 1 : ((int64_t)size + stride - 1) / stride;
    return pad == CUV_PAD_VALID && size < kernel ? 0 : (int32_t)n;
}
