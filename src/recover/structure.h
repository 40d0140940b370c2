/* What the files of recover/ share: layers as they were read off tensors, wirings of them, and the choices that no weight shows. */
#ifndef CUV_RECOVER_STRUCTURE_H
#define CUV_RECOVER_STRUCTURE_H

#include "recover/effort.h"
#include "recover/recover.h"

/* ---- layers ------------------------------------------------------------------------------------------------ */

typedef enum cuv_rkind {
#define KIND(id, name, traits) CUV_R_##id,
#include "recover/kinds.def"
#undef KIND
    CUV_R_UNKNOWN,      /* a layer without weights whose class nobody knows */
    CUV_R_COUNT
} cuv_rkind;

enum { CUV_RT_LINEAR = 1, CUV_RT_CONV = 2, CUV_RT_GROWS = 4, CUV_RT_NORM = 8, CUV_RT_ACTS = 16, CUV_RT_RECURRENT = 32, CUV_RT_RESTS = 64,
       CUV_RT_POOL = 128, CUV_RT_GLOBAL = 256, CUV_RT_MERGE = 512 };

const char *cuv_rkind_name(cuv_rkind kind);             /* class of Keras 3 */
cuv_rkind cuv_rkind_find(const char *class_name);       /* CUV_R_UNKNOWN: none */
unsigned cuv_rkind_traits(cuv_rkind kind);
int cuv_rkind_spatial(cuv_rkind kind);                  /* 1, 2, 3; 0: none */
bool cuv_rkind_is_conv_lstm(cuv_rkind kind);

/* One tensor, or one layer without any, of what is left. */
typedef struct cuv_atom { const cuv_remain *remain; size_t at; } cuv_atom;

/* A layer as it was read: what its tensors say, or a layer without any that the carrier lists. */
typedef struct cuv_runit {
    cuv_rkind kind, inner;          /* inner: of Bidirectional */
    const cuv_named *tensors;
    size_t count;
    int64_t in, out;                /* channels; in < 0: any */
    int64_t kernel[3];
    cuv_value *config;              /* what the shapes say: units, filters, kernel_size, use_bias, ... */
    const char *name;               /* the layer's own, or NULL */
    cuv_level class_level;          /* CERTAIN when the carrier says so */
    double cost;                    /* of this reading */
    const char *others;             /* other layers that these tensors could be ("Embedding"), or NULL */
    const struct cuv_net_place *network;    /* of CUV_R_NETWORK and CUV_R_CLASSIFIER: which, and what speaks for it (network.h) */
} cuv_runit;

/* One way to cut the tensors into layers. */
typedef struct cuv_reading { double cost; cuv_runit *units; size_t count; } cuv_reading;

enum { CUV_READINGS = 10, CUV_R_MAX_UNITS = 1500 };
/* The best readings, cheapest first. None fits: CUV_NO "recover.shapes". */
/* `tokens`: an input may be whole numbers, so that there may be an Embedding. */
/* `near`: what to say of the known network that is nearest, where none fits; NULL: nothing. */
CUV_MUST_USE cuv_status cuv_read_units(cuv_context *cx, cuv_arena *arena, const cuv_remains *remains, bool tokens, cuv_reading *out,
                                       size_t *count, const char **near);

/* ---- wirings ----------------------------------------------------------------------------------------------- */

/* A tensor between layers, without its batch. A size of -1 is unknown. */
typedef struct cuv_flow { int rank; bool tokens; int32_t at[5]; } cuv_flow;      /* five only where squares are cut out of pictures */
bool cuv_flow_same(const cuv_flow *a, const cuv_flow *b);
/* What a merge of these gives; false: it cannot take them. */
bool cuv_merged(cuv_rkind kind, const cuv_flow *const *in, int n, cuv_flow *out);

enum { CUV_PAD_VALID, CUV_PAD_SAME, CUV_PAD_CAUSAL };
/* What no weight shows. 0 is what a layer has that lacks the choice. */
typedef struct cuv_choice {
    uint8_t act;                    /* index into cuv_acts */
    uint8_t stride, pad, dilation;  /* convolutions and pools */
    uint8_t pool;                   /* window */
    uint8_t epsilon;                /* index into cuv_epsilons */
    uint8_t merge;                  /* of Bidirectional: index into cuv_merge_modes */
    uint8_t sequences, causal;      /* causal: of attention; of recurrent layers: go_backwards */
    uint8_t scale;                  /* of Rescaling: index into cuv_scales */
    uint8_t border;                 /* of ZeroPadding2D and Cropping2D: index into cuv_borders */
    uint8_t stride2, pool2;         /* along the second axis, where they differ there; 0: as along the first */
    uint8_t gate;                   /* of LSTM and GRU: index into cuv_gates */
    uint8_t masks;                  /* of Embedding: mask_zero */
    uint8_t groups;                 /* of GroupNormalization: index into cuv_groups */
} cuv_choice;

typedef struct cuv_ract { const char *name; double slope; } cuv_ract;   /* name NULL: LeakyReLU(slope); slope: of that, and of leaky_relu */
extern const cuv_ract cuv_acts[];
enum { CUV_ACT_COUNT = 21, CUV_A_LINEAR = 0, CUV_A_RELU, CUV_A_TANH, CUV_A_GELU, CUV_A_SILU, CUV_A_ELU, CUV_A_SELU, CUV_A_SIGMOID,
       CUV_A_LEAKY, CUV_A_RELU6, CUV_A_SOFTPLUS, CUV_A_SOFTSIGN, CUV_A_SOFTMAX = 16 };
extern const double cuv_epsilons[];
extern const char *const cuv_merge_modes[];
enum { CUV_SCALES = 6, CUV_BORDERS = 6 };
extern const struct cuv_scale { double scale, offset; const char *text; } cuv_scales[CUV_SCALES];
extern const struct cuv_border { int before, after; } cuv_borders[CUV_BORDERS];
/* Functions of recurrent gates: Keras 3's own, and what Keras 1 and 2 called hard_sigmoid (until 2.3 the usual one). */
enum { CUV_GATES = 3, CUV_GROUPS = 7 };
enum { CUV_GATE_SIGMOID, CUV_GATE_OLD_HARD, CUV_GATE_HARD };
extern const char *const cuv_gates[CUV_GATES];
extern const int cuv_groups[CUV_GROUPS];                        /* -1: each channel by itself */
int cuv_stride_of(const cuv_choice *c, int axis);
int cuv_window_of(const cuv_choice *c, int axis);               /* of a pool */
const char *cuv_ract_text(cuv_context *cx, unsigned act);       /* "relu", "LeakyReLU(0.1)" */

enum { CUV_R_MAX_IN = 8, CUV_R_MAX_TWINS = 4 };
typedef struct cuv_rnode {
    cuv_rkind kind;
    int32_t unit;                   /* of the reading; -1: none */
    int32_t in[CUV_R_MAX_IN];       /* nodes; inputs are -1, -2, ... */
    int in_count;
    cuv_flow out;
    cuv_choice choice;
    bool stated;                    /* a recurrent layer that begins with the last states of the one that gives its second input */
    int32_t twin;                   /* the node, plus 1, that this one repeats on another input: same layer, same choices; 0: none */
    bool free_act;                  /* put here to hold an activation that may be none (linear) */
} cuv_rnode;

typedef struct cuv_structure {
    const cuv_reading *reading;
    cuv_rnode *nodes;
    size_t count;
    int32_t outputs[8];
    size_t output_count;
    const cuv_flow *inputs;
    size_t input_count;
    double cost;
    bool complete;                  /* the carrier lists all layers */
    uint8_t way;                    /* of activations, plus 1, that its samples told while it was wired (trial.h); 0: none */
} cuv_structure;

typedef struct cuv_ends {
    cuv_flow inputs[8], outputs[8];
    size_t input_count, output_count;
    bool outputs_known;
    bool in_turn;       /* all layers are listed as Keras orders model.layers (listed.c): a tensor that nobody has read yet is read before any
                           newer one */
    cuv_effort *effort; /* what wiring adds its work to; or NULL */
    double until;       /* the effort at which wiring ends without a result; 0: never */
    struct cuv_trial *trial;    /* tries wirings on samples as they grow (trial.h); NULL: none */
    bool narrow;        /* few wirings at a time: deep nets that repeat themselves are through quickly */
    size_t *reached;    /* set to the number of units that could be wired, where that is more; or NULL */
} cuv_ends;
/* For qsort: structures by their cost. */
int cuv_cheaper(const void *a, const void *b);
/* Wirings that take the inputs and, where known, give the outputs; cheapest first, at most `most`. */
CUV_MUST_USE cuv_status cuv_wire(cuv_context *cx, cuv_arena *arena, const cuv_reading *reading, const cuv_ends *ends, bool complete,
                                 size_t most, cuv_structure **out, size_t *count);
/* Equal inputs through the same layers, then merged or by ways of their own (siamese nets); none when no inputs are alike. */
CUV_MUST_USE cuv_status cuv_wire_twins(cuv_context *cx, cuv_arena *arena, const cuv_reading *reading, const cuv_ends *ends, bool complete,
                                       cuv_structure **out, size_t *count);
/* Would Keras list the layers of this wiring in another order than they are listed? (listed.c) */
CUV_MUST_USE cuv_status cuv_listed_otherwise(cuv_context *cx, cuv_arena *arena, const cuv_structure *s, bool *out);
/* The largest stride worth trying for a convolution. */
int cuv_most_stride(const cuv_runit *u);
/* Size after a window that is moved over an axis. */
int32_t cuv_window_size(int32_t size, int64_t kernel, int stride, int pad);
/* Size after a transposed convolution. */
int32_t cuv_grown_size(int32_t size, int64_t kernel, int stride, int pad);

/* ---- numbers ----------------------------------------------------------------------------------------------- */

/* Computes structures layer by layer with the layers' own descriptors, and keeps what each gave: structures that begin alike share it. */
typedef struct cuv_evaluator cuv_evaluator;
CUV_MUST_USE cuv_status cuv_evaluator_new(cuv_evidence *ev, cuv_effort *effort, const cuv_run_tensor *inputs, size_t count,
                                           cuv_evaluator **out);
void cuv_evaluator_free(cuv_evaluator *e);
/* The outputs (borrowed until the next call). CUV_NO, without a finding: such a structure cannot be computed. */
CUV_MUST_USE cuv_status cuv_evaluate(cuv_evaluator *e, const cuv_structure *s, const cuv_run_tensor **outputs);
/* The configuration of a layer that a node is: class and arguments, without activation. */
cuv_value *cuv_rnode_config(cuv_arena *arena, const cuv_structure *s, const cuv_rnode *node, const char **class_name);

/* ---- configuration ----------------------------------------------------------------------------------------- */

/* The structure as a configuration object of Keras 3, and which tensors each layer has. `names[i]` is the layer of node i (its activation's
 * for acts of their own), NULL where it vanished. */
CUV_MUST_USE cuv_status cuv_structure_config(cuv_context *cx, cuv_arena *arena, const cuv_structure *s, cuv_candidate_config *out,
                                             const char ***names);

#endif
