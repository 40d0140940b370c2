/* A model at work: plans by input shape, predictions in batches, comparison with samples. */
#ifndef CUV_RUN_RUNNER_H
#define CUV_RUN_RUNNER_H

#include "model/model.h"
#include "run/run.h"

struct cuv_runner;
/* Forgets plans, so that weights can be exchanged. */
void cuv_runner_reset(struct cuv_model *m);
void cuv_runner_free(struct cuv_model *m);
/* Stateful layers begin with zeros again. */
void cuv_reset_states(struct cuv_model *m);

struct cuv_result {
    cuv_context *cx;
    cuv_arena *arena;
    cuv_array *arrays;
    size_t count;
};

/* Does a size within the model depend on the values of its inputs? Then all rows are one run. */
bool cuv_counts_tokens(const struct cuv_model *m);
/* Runs `count` inputs through the model in batches of `batch` (0: all at once where memory allows). Outputs are in `*out`. */
CUV_MUST_USE cuv_status cuv_run_model(struct cuv_model *m, const cuv_array *inputs, size_t count, size_t batch,
                                      const cuv_run_options *options, struct cuv_result **out);
/* Times of the steps of the plan for these inputs, as it is after several runs. */
CUV_MUST_USE cuv_status cuv_profile_model(struct cuv_model *m, const cuv_array *inputs, size_t count, const cuv_run_options *options,
                                          double seconds, cuv_profile **out);
void cuv_profile_drop(cuv_context *cx, cuv_profile *profile);
/* Steps of the last plan, and how many of them compute in the precision that was asked for. */
void cuv_runner_steps(const struct cuv_model *m, size_t *steps, size_t *reduced);
/* See cuv_model_precision_cost; inputs NULL: random ones. */
CUV_MUST_USE cuv_status cuv_measure_precision(struct cuv_model *m, const cuv_array *inputs, size_t count, const cuv_run_options *options,
                                              cuv_precision_cost **out);
/* The same for the first batch of a file; NULL: random inputs. */
CUV_MUST_USE cuv_status cuv_measure_precision_file(struct cuv_model *m, const char *in, size_t batch, const cuv_run_options *options,
                                                   cuv_precision_cost **out);
void cuv_precision_cost_drop(cuv_precision_cost *cost);
/* True when the inputs' first axes have different fixed sizes: they are no batch, and the model runs once on the whole of each. */
bool cuv_has_no_batch(const struct cuv_model *m);
/* How many of `total` rows are best run at once; all, unless it is plain that rows do not touch each other. It divides total. */
CUV_MUST_USE cuv_status cuv_best_rows(cuv_context *cx, const cuv_program *p, int64_t total, int64_t *out);
/* Orders samples by the model's inputs (outputs): by position, or by name. CUV_NO "samples.names" when they do not match. */
CUV_MUST_USE cuv_status cuv_match_samples(struct cuv_model *m, const cuv_samples *s, bool outputs, cuv_arena *arena,
                                          cuv_array **out);
/* Compares outputs with samples; `v` has room for the model's outputs. */
CUV_MUST_USE cuv_status cuv_compare_outputs(struct cuv_model *m, const struct cuv_result *have, const cuv_array *want,
                                            double rtol, double atol, cuv_verification *v);
CUV_MUST_USE cuv_status cuv_verification_new(struct cuv_model *m, double rtol, double atol, cuv_verification **out);
/* Runs the samples and compares; CUV_NO with *out filled when an output differs. */
CUV_MUST_USE cuv_status cuv_verify_samples(struct cuv_model *m, const cuv_samples *s, double rtol, double atol,
                                           const cuv_run_options *options, cuv_verification **out);
/* Runs both models on the same random inputs (unknown sizes 4, seeded) and compares their outputs by position. */
CUV_MUST_USE cuv_status cuv_verify_against(struct cuv_model *m, struct cuv_model *other, double rtol, double atol,
                                           const cuv_run_options *options, cuv_verification **out);
/* Inputs that both models take, the same ones at each call. */
CUV_MUST_USE cuv_status cuv_random_inputs(struct cuv_model *m, const struct cuv_model *other, cuv_arena *arena, cuv_array **out);
/* See cuv_model_random_inputs. */
CUV_MUST_USE cuv_status cuv_draw_inputs(struct cuv_model *m, int64_t batch, int64_t open, struct cuv_result **out);
/* |a - b| <= atol + rtol |b| for all values; false for arrays of different sizes. */
bool cuv_compare_arrays(const cuv_array *have, const cuv_array *want, double rtol, double atol, struct cuv_verified *v);
/* See cuv_model_predict_file. */
CUV_MUST_USE cuv_status cuv_predict_file(struct cuv_model *m, const char *in, const char *out, size_t batch,
                                         const cuv_run_options *options);
/* The plan for a batch of one (unknown sizes 4) as text. */
CUV_MUST_USE cuv_status cuv_print_plan(struct cuv_model *m, cuv_precision precision, cuv_buffer *out);

#endif
