/* Programs to numbers: plan for given input shapes, reference kernels, and a fast backend (fast/) behind the same
 * type of kernel. */
#ifndef CUV_RUN_H
#define CUV_RUN_H

#include "program/program.h"

/* One tensor of a run: dense, native, C order. Storage dtypes: BOOL as uint8_t 0/1, I32, I64, F32 (also holds F16, BF16), F64, STR. */
typedef struct cuv_run_tensor {
    cuv_dtype dtype;
    int rank;
    int64_t shape[CUV_MAX_RANK];
    void *data;
} cuv_run_tensor;

/* What a kernel gets: inputs (data NULL when absent), outputs with their final shapes, attributes, scratch of the size it asked for. */
typedef struct cuv_kernel_args {
    const cuv_run_tensor *in;
    cuv_run_tensor *out;
    int in_count, out_count;
    const cuv_attrs *attrs;
    void *scratch;
    const void *prepared;       /* what the fast kernels made with the plan; NULL for reference kernels */
} cuv_kernel_args;
typedef void (*cuv_kernel)(const cuv_kernel_args *args);
typedef size_t (*cuv_kernel_scratch)(const cuv_kernel_args *args);     /* bytes; data pointers may be NULL in this call */
/* The reference kernel of an op for the given input dtypes, NULL when there is none (the finding is the planner's). */
cuv_kernel cuv_reference_kernel(cuv_op op, const cuv_run_tensor *in, int in_count, cuv_kernel_scratch *scratch);

/* A program made ready for one set of input shapes: sizes known, memory laid out by liveness, kernels chosen. The program and its
 * weights' tensors must outlive it. Running is reentrant with one `cuv_run_state` per thread. */
typedef struct cuv_plan cuv_plan;
typedef struct cuv_plan_options {
    struct cuv_pool *pool;   /* threads for the kernels, borrowed; NULL: the caller's alone */
    bool reference;          /* reference kernels only */
    bool lasting;            /* the plan will run often: its making may take longer */
    struct cuv_cache *cache; /* of packed weights, borrowed; it must outlive the plan. NULL: none */
    const struct cuv_isa *isa;      /* instruction set of the fast kernels; NULL: the best of this machine */
    cuv_precision precision;
    const struct cuv_dots *dots;    /* kernels of that precision, to be used even where they do not pay; NULL: the best of this machine where they do */
} cuv_plan_options;
/* `inputs` has program->input_count shapes (data not read). A weight without value: CUV_NO "run.weight" naming it. */
CUV_MUST_USE cuv_status cuv_plan_new(cuv_context *cx, const cuv_program *program, const cuv_run_tensor *inputs,
                                     const cuv_plan_options *options, cuv_plan **out);
void cuv_plan_free(cuv_plan *plan);
/* The tokens, or n-grams of them, of the text that has most: the count of a TOKENS step with `sequences`, to be set before a plan is made. */
int64_t cuv_most_tokens(const cuv_attrs *at, const cuv_string *texts, size_t n);
size_t cuv_plan_arena_bytes(const cuv_plan *plan);
/* Output i as it will be after a run (data NULL). */
const cuv_run_tensor *cuv_plan_output(const cuv_plan *plan, size_t i);
/* Runs; inputs' data of the planned shape and dtype; outputs' data point to memory of the caller of the planned size. An index
 * outside its table: CUV_NO "run.index" naming layer, index and size. */
CUV_MUST_USE cuv_status cuv_plan_run(cuv_plan *plan, const cuv_run_tensor *inputs, cuv_run_tensor *outputs);
/* Runs the plan `count` times at once, on the pool, each time with inputs and outputs of its own; count is at most what cuv_plan_lanes says: as many
 * as `wanted` unless that takes too much memory. Errors are those of runs one after the other. */
enum { CUV_MOST_LANES = 64 };
size_t cuv_plan_lanes(const cuv_plan *plan, size_t wanted);
CUV_MUST_USE cuv_status cuv_plan_run_lanes(cuv_plan *plan, struct cuv_pool *pool, const cuv_run_tensor *const *inputs,
                                           cuv_run_tensor *const *outputs, size_t count);
/* Runs for `seconds` and fills *p, whose texts live in the arena or as long as the plan. */
CUV_MUST_USE cuv_status cuv_plan_profile(cuv_plan *plan, const cuv_run_tensor *inputs, cuv_run_tensor *outputs, double seconds, cuv_arena *arena,
                                         cuv_profile *p);
/* "float32", "bf16", "int8" */
const char *cuv_precision_name(cuv_precision precision);
/* All steps; those that compute in the wanted precision: the others compute in float32. */
size_t cuv_plan_steps(const cuv_plan *plan);
size_t cuv_plan_reduced(const cuv_plan *plan);
void cuv_plan_print(const cuv_plan *plan, cuv_buffer *out);

#endif
