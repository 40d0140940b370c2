/* Networks that are widely known, as facts: which layers, how wide, how wired. A family is a function that puts layers together with the few verbs
 * below, in the order in which keras.applications makes them; networks.def lists the members. network.c has the verbs and the order in which Keras
 * lists layers, layers.c what a node is as a layer of Keras. Code that calls keras.applications is read with them (evidence/), and weights that
 * come without a configuration are held against them (recover/). Nothing here computes. */
#ifndef CUV_NETWORKS_NETWORK_H
#define CUV_NETWORKS_NETWORK_H

#include "base/base.h"

typedef enum cuv_net_op {
    CUV_N_CONV, CUV_N_DEPTHWISE, CUV_N_SEPARABLE, CUV_N_DENSE, CUV_N_BATCH_NORM, CUV_N_LAYER_NORM, CUV_N_NORMALIZATION, CUV_N_GAMMA,
    CUV_N_STANDARDIZE, CUV_N_RESCALE, CUV_N_ACT, CUV_N_RELU, CUV_N_PAD, CUV_N_CROP, CUV_N_MAX_POOL, CUV_N_AVERAGE_POOL, CUV_N_GLOBAL_AVERAGE,
    CUV_N_GLOBAL_MAX, CUV_N_ADD, CUV_N_SCALED_ADD, CUV_N_MULTIPLY, CUV_N_CONCATENATE, CUV_N_DROPOUT, CUV_N_FLATTEN, CUV_N_RESHAPE,
} cuv_net_op;

/* ZERO_TOO: a dropout is made at a rate of 0, too. OPERATOR: x + y, x + offset or scale * x, written so, where Keras makes no layer. */
enum { CUV_N_SAME = 1, CUV_N_BIAS = 2, CUV_N_NO_SCALE = 4, CUV_N_KEEPDIMS = 8, CUV_N_GROUPED = 16, CUV_N_DROPS_WHOLE = 32, CUV_N_OPERATOR = 64,
       CUV_N_ZERO_TOO = 128 };
enum { CUV_NET_MAX_IN = 6, CUV_NET_MAX_NODES = 2500 };

typedef enum cuv_net_begin { CUV_N_USUAL, CUV_N_HE_NORMAL, CUV_N_FAN_OUT } cuv_net_begin;     /* initializers of kernels */

typedef struct cuv_net_node {
    cuv_net_op op;
    const char *name;               /* in keras.applications; NULL: Keras numbers it */
    const char *act;                /* of an activation, or within a layer */
    const char *within;             /* the Sequential that holds it and its neighbours of the same; NULL: none */
    int32_t in[CUV_NET_MAX_IN];     /* nodes; -1: the input */
    int in_count;
    unsigned flags;
    int64_t channels;               /* of the output; -1: as many classes as the weights say */
    int64_t multiplier;             /* of DEPTHWISE */
    int kernel[2], stride;
    int pad[4];                     /* top, bottom, left, right; top -1: what a window `kernel` with stride 2 needs to keep all (PAD) */
    double value, offset;           /* epsilon, rate, scale, largest value */
    double each[3], second[3];      /* of a channel: scale; or mean and variance */
    double momentum;
    int axis;                       /* of normalisations: 3, or -1, which is the same */
    cuv_net_begin begins;
} cuv_net_node;

/* What a network is asked for. */
typedef struct cuv_net_wish {
    double alpha;                   /* width */
    int variant;
    bool top;
    int64_t in_channels;
    const int64_t *stem;            /* shape of the first convolution's kernel, as a file has it; what does not begin so is given up. NULL: any */
    int keras;                      /* 2, 3: exactly the layers that this Keras makes. 0: as layers that all Kerases know, one by one */
    char pooling;                   /* without the top: 'a'verage, 'm'ost, 0: none */
    bool other_dropout;             /* `dropout` in place of the network's own */
    double dropout;
    int64_t classes;                /* -1: as the weights say */
    int64_t multiplier;             /* of MobileNet's depthwise convolutions; 0: one */
    const char *name;               /* put before ConvNeXt's names; NULL: the network's */
} cuv_net_wish;

typedef struct cuv_net {
    cuv_context *cx;
    cuv_arena *arena;
    const struct cuv_network *network;
    cuv_net_wish wish;
    cuv_net_node *nodes, spare;     /* spare: what verbs write to once the network is given up */
    size_t count, capacity;
    bool begun;
    char block[160];                /* put before the names of what is made next */
    const char *within;             /* of what is made next */
    double momentum;                /* of all normalisations, as `axis` and `begins` of all kernels */
    int axis;
    cuv_net_begin begins;
    int32_t output;                 /* with the top: of its last layer, whose activation is left to whoever uses it */
    size_t *order;                  /* nodes as Keras lists them */
    cuv_status status;              /* sticky; CUV_NO: it does not begin like the file */
} cuv_net;

typedef void cuv_net_make(cuv_net *n);
typedef struct cuv_network {
    const char *name;               /* in keras.applications, or as its family is called */
    cuv_net_make *make;
    int number;                     /* which member of its family */
    const char *alphas;             /* widths that it may have, the usual one first; NULL: one */
    int size;                       /* side of the image that it was made for */
    const char *variants;           /* what no weight tells, the likeliest first, "; " between */
} cuv_network;

/* ---- verbs (network.c): each puts one layer on `x` and returns it. Names are put behind n->block; NULL: none ---- */

void cuv_net_block(cuv_net *n, const char *format, ...) CUV_PRINTF(2, 3);
int32_t cuv_net_conv(cuv_net *n, int32_t x, const char *name, int64_t filters, int kernel, int stride, unsigned flags);
int32_t cuv_net_conv_of(cuv_net *n, int32_t x, const char *name, int64_t filters, int rows, int columns, int stride, unsigned flags);
int32_t cuv_net_depthwise(cuv_net *n, int32_t x, const char *name, int kernel, int stride, unsigned flags);
int32_t cuv_net_separable(cuv_net *n, int32_t x, const char *name, int64_t filters, int kernel, int stride, unsigned flags);
int32_t cuv_net_dense(cuv_net *n, int32_t x, const char *name, int64_t units);
int32_t cuv_net_batch_norm(cuv_net *n, int32_t x, const char *name, double epsilon, unsigned flags);
int32_t cuv_net_layer_norm(cuv_net *n, int32_t x, const char *name, double epsilon);
int32_t cuv_net_act(cuv_net *n, int32_t x, const char *name, const char *act);
int32_t cuv_net_relu(cuv_net *n, int32_t x, const char *name, double most);     /* most 0: without bound */
int32_t cuv_net_pad(cuv_net *n, int32_t x, const char *name, int before, int after);
int32_t cuv_net_pad_window(cuv_net *n, int32_t x, const char *name, int kernel);
int32_t cuv_net_pool(cuv_net *n, int32_t x, const char *name, cuv_net_op op, int window, int stride, unsigned flags);
int32_t cuv_net_global(cuv_net *n, int32_t x, const char *name, unsigned flags);
int32_t cuv_net_rescale(cuv_net *n, int32_t x, const char *name, double scale, double offset);
/* `rate` is the network's own, in place of which the wish may have another; nothing is made of 0. */
int32_t cuv_net_dropout(cuv_net *n, int32_t x, const char *name, double rate, unsigned flags);
int32_t cuv_net_join(cuv_net *n, cuv_net_op op, const char *name, int count, const int32_t *in);
int32_t cuv_net_two(cuv_net *n, cuv_net_op op, const char *name, int32_t a, int32_t b);
/* A layer that needs no number but its op: FLATTEN, GAMMA, NORMALIZATION; RESHAPE gives (1, 1, channels), or one axis after a size of 1. */
int32_t cuv_net_plain(cuv_net *n, int32_t x, const char *name, cuv_net_op op);
/* The node itself, for what verbs leave out. */
cuv_net_node *cuv_net_at(cuv_net *n, int32_t x);
int64_t cuv_net_channels(const cuv_net *n, int32_t x);
/* How the names of the pooling at a network's end are given: with the top, and where it is asked for in its place. */
typedef enum cuv_net_ending { CUV_N_NAMED = 3, CUV_N_NAMED_TOP = 1, CUV_N_NAMED_POOLING = 2, CUV_N_NUMBERED = 0 } cuv_net_ending;
/* Without the top: the pooling that is asked for; sets the output. Names are "avg_pool" and "max_pool", or none. */
int32_t cuv_net_end(cuv_net *n, int32_t x, cuv_net_ending names);
/* The same; or GlobalAveragePooling2D, a dropout and Dense "predictions", where the network has its top. */
void cuv_net_classify(cuv_net *n, int32_t x, double dropout, cuv_net_ending names);
/* The nearest multiple of 8, not much less than `v`. */
int64_t cuv_net_multiple_of_8(double v);

/* ---- use ---- */

enum { CUV_NET_MAX_TENSORS = 5 };
typedef struct cuv_net_shape { int64_t at[4]; int rank; } cuv_net_shape;
/* Shapes of the weights of a node, in the order of get_weights(). */
size_t cuv_net_weights(const cuv_net *n, const cuv_net_node *node, cuv_net_shape *out);
const char *cuv_net_class(const cuv_net_node *node);    /* of Keras 3 */
/* CUV_NO: it does not begin like the stem that is wished for. */
CUV_MUST_USE cuv_status cuv_net_build(cuv_context *cx, cuv_arena *arena, const cuv_network *network, const cuv_net_wish *wish, cuv_net **out);
/* The configuration of a node as a layer, and its class; `in`: what it is called on, without the batch, -1: unknown. */
CUV_MUST_USE cuv_status cuv_net_config(cuv_arena *arena, const cuv_net *n, const cuv_net_node *node, const cuv_net_shape *in, const char *act,
                                       cuv_value **out, const char **class_name);

extern const cuv_network cuv_networks[];
extern const size_t cuv_network_count;

#endif
