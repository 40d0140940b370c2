/* Which activation stands between two normalisations, read off their stored statistics without any sample.
 *
 * A trained BatchNormalization gives each channel a mean (beta) and a spread (gamma) that are known. For each candidate f the mean of
 * f(beta + |gamma| z), z normal, goes through the weights that follow, and must come out as the moving mean that the next normalisation has
 * stored. Assumes normal channels, independent where they are summed; padding's zeros are counted by how much of each tap they cover. */
#ifndef CUV_RECOVER_MOMENTS_H
#define CUV_RECOVER_MOMENTS_H

#include "recover/structure.h"

typedef enum cuv_moment_kind {
    CUV_M_UNKNOWN,          /* its mean cannot be told: an input, a maximum */
    CUV_M_NORM, CUV_M_DENSE, CUV_M_CONV, CUV_M_TRANSPOSE, CUV_M_DEPTHWISE, CUV_M_SEPARABLE,
    CUV_M_KEEP,             /* means stay as they are: averages, dropout, an activation by itself */
    CUV_M_ADD, CUV_M_CONCAT
} cuv_moment_kind;

enum { CUV_M_ACT_TO_FIND = -1 };
/* One step of a model. Tensors are borrowed; NULL: the layer has none. */
typedef struct cuv_moment_node {
    cuv_moment_kind kind;
    const cuv_tensor *gamma, *beta, *mean, *variance;   /* of a normalisation; mean, variance: those it has stored */
    const cuv_tensor *kernel, *pointwise, *bias;
    int32_t in[CUV_R_MAX_IN];                           /* nodes before this one; < 0: an input */
    int in_count;
    int act;                                            /* what follows at once: index into cuv_acts, or CUV_M_ACT_TO_FIND */
    int spatial;                                        /* of convolutions, with what follows; sizes of 0: unknown */
    int64_t size_in[3], size_out[3], stride, dilation;
    uint8_t pad;                                        /* CUV_PAD_... */
} cuv_moment_node;

/* What the statistics say of one activation that was to be found. */
typedef struct cuv_moment_view {
    size_t witnesses;               /* normalisations that it was held against; 0: nothing is known, the rest is unset */
    double cost[CUV_ACT_COUNT];     /* in nats above the best; infinite for those that cannot be */
    double residual;                /* of the best: how far the means are from those stored, relative to their size */
    double rival;                   /* cost of the best one that does not look alike (relu6 does beside relu) */
    unsigned best;
    double none;                    /* how likely none is, before anything is known; 0: as usual */
} cuv_moment_view;

/* `views` has room for `count`. Nodes stand behind those they take. `*usual`: the activation that the model mostly uses; CUV_ACT_COUNT
 * when no normalisation tells. */
CUV_MUST_USE cuv_status cuv_moments(cuv_context *cx, const cuv_moment_node *nodes, size_t count, cuv_moment_view *views, unsigned *usual);

/* Functions that moments cannot tell apart: relu, relu6 and LeakyReLU(0.01), gelu and silu, ... are one family each. */
bool cuv_acts_look_alike(unsigned a, unsigned b);

/* Good enough to call the activation's family inferred: none of the activations of 11 trained networks of others that were that sure was
 * wrong (tests/unit/test_recover_moments.c). */
bool cuv_moment_is_sure(const cuv_moment_view *view);

#endif
