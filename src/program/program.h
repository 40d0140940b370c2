/* A model as steps of a few ops: what runs, what is emitted, what is checked. Knows nothing of Keras. */
#ifndef CUV_PROGRAM_H
#define CUV_PROGRAM_H

#include "base/base.h"
#include <math.h>

typedef enum cuv_op {
    CUV_OP_NONE,                      /* as `act`: no activation, so that zeroed attributes have none */
#define OP(id, name, in_min, in_max, outs, attrs, shape, doc) CUV_OP_##id,
#include "program/ops.def"
#undef OP
    CUV_OP_COUNT
} cuv_op;

typedef enum cuv_mode {
    CUV_MODE_CONSTANT, CUV_MODE_REFLECT, CUV_MODE_SYMMETRIC, CUV_MODE_EDGE,    /* pad */
    CUV_MODE_NEAREST, CUV_MODE_BILINEAR, CUV_MODE_BICUBIC,                     /* resize, upsample */
    CUV_MODE_SET, CUV_MODE_ADD, CUV_MODE_MUL, CUV_MODE_MAX, CUV_MODE_MIN       /* scatter */
} cuv_mode;
typedef enum cuv_align { CUV_HALF_PIXEL, CUV_ASYMMETRIC } cuv_align;

/* An activation with its numbers, as an attribute of another op. op CUV_OP_NONE: identity. Any op from one input, element by
 * element, or SOFTMAX (over the last axis). RELU needs its maximum: beta = INFINITY for none. */
typedef struct cuv_act {
    cuv_op op;
    double alpha, beta, gamma;
    bool approximate;
} cuv_act;
#define CUV_ACT_RELU ((cuv_act){.op = CUV_OP_RELU, .beta = INFINITY})      /* plain max(x, 0) */

/* All attributes of all ops; ops.def says which an op reads. Lists of axes count from 0. Zeros have a meaning: stride, dilation,
 * window, groups and repeat counts of 0 are taken as 1 (cuv_emit writes the 1), a slice's step 0 keeps its whole axis. */
typedef struct cuv_attrs {
    int axis, groups;
    int64_t count;
    int axes[CUV_MAX_RANK], axes_count;
    int perm[CUV_MAX_RANK];
    int64_t shape[CUV_MAX_RANK];
    int shape_count;
    int64_t size[3], window[3], stride[3], dilation[3];
    int64_t pad_lo[CUV_MAX_RANK], pad_hi[CUV_MAX_RANK];    /* conv and pool: per spatial axis; pad: per axis */
    int64_t start[CUV_MAX_RANK], stop[CUV_MAX_RANK], step[CUV_MAX_RANK];
    double alpha, beta, gamma, epsilon, value;
    cuv_dtype dtype, from;
    cuv_mode mode;
    cuv_align align;
    cuv_act act, rec_act;
    bool keepdims, reverse, sequences, zero_masked, reset_after, transpose_a, transpose_b, approximate;
    bool some;              /* max, min: there must be an element; cholesky: a root; lookup: a key */
    bool masked_uniform;    /* softmax, attention: where a mask leaves nothing, equal weights instead of zeros */
    bool lower, strip;      /* tokens: ASCII letters in lower case, punctuation removed; triangular_solve: the lower half */
    int split;              /* tokens: 0 the whole text, 1 at white space, 2 each character */
    int64_t salt[3];        /* hash: key of SipHash-2-4, and 1; all 0: FarmHash */
    bool same;      /* conv, depthwise, pool: pads are derived at each run as TensorFlow's 'same' does; pad_lo/pad_hi ignored */
} cuv_attrs;

/* What a step reads or makes. References are indices into cuv_program.values. */
typedef int32_t cuv_ref;
#define CUV_NO_REF (-1)

typedef enum cuv_value_kind { CUV_V_INPUT, CUV_V_WEIGHT, CUV_V_CONSTANT, CUV_V_RESULT } cuv_value_kind;
typedef struct cuv_var {
    cuv_value_kind kind;
    cuv_dtype dtype;            /* any but floats of 8 bits; what cuv_dtype_kept widens is rounded or wrapped after each step */
    int rank;
    int64_t shape[CUV_MAX_RANK];/* -1: unknown until a run */
    const char *name;           /* of inputs, weights ("dense/kernel"); NULL otherwise */
    const cuv_tensor *tensor;   /* constants; weights once bound */
    int32_t step;               /* that makes it; -1 for the others */
} cuv_var;

typedef struct cuv_step {
    cuv_op op;
    cuv_ref *in, *out;          /* an absent optional input is CUV_NO_REF */
    uint16_t in_count, out_count;
    cuv_attrs *attrs;
    const char *layer;          /* the layer it came from; may be NULL */
} cuv_step;

/* What a run hands on to the next: zeros before the first. */
typedef struct cuv_state { cuv_ref before, after; } cuv_state;

typedef struct cuv_program {
    cuv_arena *arena;           /* borrowed */
    cuv_var *values;   size_t value_count, value_capacity;
    cuv_step *steps;   size_t step_count, step_capacity;   /* in an order in which every input is made before it is read */
    cuv_ref *inputs;   size_t input_count;
    cuv_ref *outputs;  size_t output_count;
    const char **output_names;
    cuv_state *states; size_t state_count, state_capacity; /* the last state_count inputs and outputs, in this order */
    /* building */
    cuv_attrs *no_attrs;        /* shared by the steps of ops without attributes */
    cuv_status status;          /* sticky: after a failure every emit gives CUV_NO_REF */
    const char *layer;          /* label of the steps that follow */
} cuv_program;

cuv_program *cuv_program_new(cuv_arena *arena);                                       /* NULL: no memory */
cuv_ref cuv_program_input(cuv_program *p, const char *name, cuv_dtype dtype, const int64_t *shape, int rank);
/* A state: an input of its own, whose `after` is the last of the outputs once they are set. It starts as its own successor. */
cuv_ref cuv_program_state(cuv_program *p, const char *name, cuv_dtype dtype, const int64_t *shape, int rank);
cuv_ref cuv_program_weight(cuv_program *p, const char *name, cuv_dtype dtype, const int64_t *shape, int rank);
cuv_ref cuv_program_constant(cuv_program *p, const cuv_tensor *tensor);               /* borrows */
cuv_ref cuv_program_scalar(cuv_program *p, cuv_dtype dtype, double value);            /* rank 0 */
CUV_MUST_USE cuv_status cuv_program_set_outputs(cuv_program *p, const cuv_ref *outputs, const char *const *names, size_t count);

/* Appends a step; checks its inputs and derives its outputs' shapes and dtypes. Returns the first output (the others follow it),
 * or CUV_NO_REF after a failure, which p->status keeps. `attrs` is copied; NULL: none.
 * A step whose shapes do not fit is CUV_NO with id "program.shape", naming p->layer, op, and both shapes. */
cuv_ref cuv_emit(cuv_program *p, cuv_op op, const cuv_ref *in, size_t in_count, const cuv_attrs *attrs);
#define CUV_IN(...) (const cuv_ref[]){__VA_ARGS__}, sizeof((const cuv_ref[]){__VA_ARGS__}) / sizeof(cuv_ref)
#define CUV_AT(...) &(const cuv_attrs){__VA_ARGS__}
cuv_ref cuv_emit1(cuv_program *p, cuv_op op, cuv_ref x);                              /* no attributes */
cuv_ref cuv_emit2(cuv_program *p, cuv_op op, cuv_ref a, cuv_ref b);
cuv_ref cuv_emit_act(cuv_program *p, const cuv_act *act, cuv_ref x);                  /* x itself for CUV_OP_NONE */
cuv_ref cuv_emit_cast(cuv_program *p, cuv_ref x, cuv_dtype dtype);                    /* x itself when it has it */
cuv_ref cuv_emit_reshape(cuv_program *p, cuv_ref x, const int64_t *shape, int rank);
cuv_ref cuv_emit_transpose(cuv_program *p, cuv_ref x, const int *perm);               /* x itself for the identity */

const cuv_var *cuv_program_var(const cuv_program *p, cuv_ref ref);                    /* a static empty one for CUV_NO_REF */

typedef struct cuv_op_info {
    const char *name, *attrs, *doc;
    int in_min, in_max, outs;
} cuv_op_info;
const cuv_op_info *cuv_op_about(cuv_op op);
bool cuv_op_parse(const char *name, cuv_op *out);

/* Output shapes and dtypes of one step from its inputs' (which may have unknown sizes, or be those of a run). `inputs` has NULL for
 * absent ones. Writes `outs` entries to `out` (kind, name, tensor untouched). Findings speak of `layer`. */
CUV_MUST_USE cuv_status cuv_step_shapes(cuv_context *cx, cuv_op op, const cuv_attrs *attrs, const cuv_var *const *inputs,
                                        size_t in_count, const char *layer, cuv_var *out);
/* Spatial padding of convolution and pooling as TensorFlow's 'same': total max((ceil(n/s)-1) s + (k-1) d + 1 - n, 0), less before. */
void cuv_same_padding(int64_t size, int64_t kernel, int64_t stride, int64_t dilation, int64_t *lo, int64_t *hi);

/* Holds the program to its rules: order, single definition, arity, shapes, dtypes. CUV_NO with "program.check" names the step. */
CUV_MUST_USE cuv_status cuv_program_check(const cuv_program *p);
/* Text: one step a line ("%3 = dense %0 %1 %2 act=relu  # dense_1"); parses back (weights without their values). */
void cuv_program_print(const cuv_program *p, cuv_buffer *out);
CUV_MUST_USE cuv_status cuv_program_parse(cuv_arena *arena, const char *text, size_t size, cuv_program **out);
/* Removes steps that no output needs; renumbers nothing. */
void cuv_program_prune(cuv_program *p);

#endif
