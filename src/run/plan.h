/* Inside a plan: where values live, and the steps that remain to be run. */
#ifndef CUV_RUN_PLAN_H
#define CUV_RUN_PLAN_H

#include "run/fast/reduced.h"

/* Where a value lives during a run. */
typedef enum cuv_home {
    CUV_HOME_NONE,      /* not needed */
    CUV_HOME_FIXED,     /* weights, constants, and what is computed from these alone: known when the plan is made */
    CUV_HOME_INPUT, CUV_HOME_OUTPUT,      /* the caller's memory; `index` says which */
    CUV_HOME_BLOCK      /* the plan's block, at `offset` */
} cuv_home;
typedef struct cuv_place {
    cuv_home home;
    uint32_t index;
    size_t offset;
    void *data;         /* FIXED */
    bool loose;         /* FIXED floats that lie in a file and may not be aligned: for those who copy them */
    cuv_ref root;       /* the value whose memory this is: itself, or what it is a reshape of */
    int32_t last;       /* last step that reads it, of a root */
} cuv_place;

typedef struct cuv_plan_step {
    cuv_kernel kernel;
    cuv_kernel_args args;
    const cuv_step *step;       /* NULL for copies of inputs and outputs */
    uint8_t narrowed;           /* bit i: output i is rounded or wrapped to `narrow` */
    cuv_dtype narrow;
    bool indexed;               /* gather: indices are checked before */
    bool ranged;                /* cast of floats to integers of few bits or without sign: numbers are checked before */
    cuv_ref *refs;              /* values of the inputs, then of the outputs */
    size_t scratch;             /* offset in the block; SIZE_MAX: none */
    const cuv_fused *fused;     /* what else the kernel does; NULL: nothing */
    bool beside;                /* it may run at the same time as the step before it */
} cuv_plan_step;

/* A pointer that each run sets to the memory of the caller. */
typedef struct cuv_patch {
    void **where;
    uint32_t index;
} cuv_patch;

struct cuv_plan {
    cuv_context *cx;
    cuv_arena *arena;
    const cuv_program *program;
    cuv_var *vars;              /* of all values, with the sizes of this plan */
    cuv_place *places;
    cuv_plan_step *steps;
    size_t step_count;
    cuv_patch *from_inputs, *from_outputs;
    size_t input_patches, output_patches;
    cuv_run_tensor *inputs, *outputs;
    unsigned char *block, *base;      /* as allocated; aligned to 64 */
    size_t block_size, peak;          /* as allocated; what is used of it from base on */
    cuv_precision precision;          /* that was wanted */
    cuv_pool *pool;                   /* for steps side by side; borrowed, may be NULL */
    cuv_plan *twin;                   /* the same plan with a block of its own, owned; NULL: none yet */
};

/* Offsets in one block of memory for values that live for a while: first fit. */
typedef struct cuv_layout {
    cuv_arena *arena;
    struct cuv_extent *live;      /* by offset */
    size_t count, capacity, peak;
} cuv_layout;

/* Everything that only the making of a plan needs. */
typedef struct cuv_maker {
    cuv_plan *plan;
    const cuv_program *p;
    cuv_context *cx;
    cuv_layout layout;
    bool *fixed_step;         /* by step: computed while planning */
    const cuv_var **in;       /* room for the inputs of the widest step */
    cuv_chooser fast;         /* isa NULL: reference kernels only */
    cuv_fused *fused;         /* by step; NULL: none */
    const cuv_plan_step *held;      /* its room is not given back yet, so that the next step may run beside it; NULL: none */
    int32_t held_at;          /* that step in the program */
    size_t copied;            /* bytes of weights that kernels copied and that are still in memory */
} cuv_maker;
/* The program with its transposes where they cost least (plan_turn.c): itself, or a copy in the arena with the same values, inputs and outputs. */
CUV_MUST_USE cuv_status cuv_plan_turn(cuv_context *cx, cuv_arena *arena, const cuv_program *from, const cuv_program **out);
/* Finds steps that one kernel can do (fuse.c), once all sizes are known and before values have homes. */
CUV_MUST_USE cuv_status cuv_plan_fuse(cuv_maker *m, const bool *needed);

/* Makes the block, whose size is known, and sets all pointers into it (plan_block.c). */
CUV_MUST_USE cuv_status cuv_plan_point(cuv_plan *plan);
/* The caller's memory, which must suit the plan. */
CUV_MUST_USE cuv_status cuv_plan_set_pointers(cuv_plan *plan, const cuv_run_tensor *inputs, const cuv_run_tensor *outputs);
/* One step with its pointers set: checks indices, computes, rounds. */
CUV_MUST_USE cuv_status cuv_plan_step_run(cuv_context *cx, const cuv_plan_step *s);
/* The parts of it that report nothing. False also where that can only be known afterwards. */
bool cuv_plan_values_fit(const cuv_plan_step *s);
void cuv_plan_step_compute(const cuv_plan_step *s);
/* The floats that TensorFlow makes one and the same integer of wherever they stand: above *least and below *most. False: all. */
bool cuv_cast_range(cuv_dtype to, double *least, double *most);
/* Rounds floats to the values that F16 or BF16 can hold. */
void cuv_round_half(float *x, size_t n, cuv_dtype half);
void cuv_wrap(void *x, size_t n, cuv_dtype dtype);        /* integers of fewer bits than they are kept in */
void cuv_narrow(void *x, size_t n, cuv_dtype dtype);      /* the one of both that the dtype needs */

/* Room for `size` bytes; *offset is a multiple of 64. */
CUV_MUST_USE cuv_status cuv_layout_take(cuv_layout *l, size_t size, size_t *offset);
void cuv_layout_give(cuv_layout *l, size_t offset);

#endif
