/* cuvier: rebuilds Keras models from their weights and biases, and proves that the result is the original.
 *
 * The whole public interface, in the order a user meets it:
 *
 *     cuv_context *cx;   cuv_evidence *ev;   cuv_model *model;
 *     if (cuv_context_new(NULL, &cx)) return 4;
 *     if (cuv_evidence_new(cx, &ev) ||
 *         cuv_evidence_add_file(ev, "model_config.json") ||
 *         cuv_evidence_add_file(ev, "model_weights.h5") ||
 *         cuv_rebuild(ev, &model)) {
 *         for (size_t i = 0; i < cuv_finding_count(cx); i++)
 *             fprintf(stderr, "%s\n", cuv_finding_at(cx, i)->message);
 *     } else {
 *         cuv_model_write(model, "model.keras", NULL, NULL);
 *         cuv_model_free(model);
 *     }
 *     cuv_evidence_free(ev);
 *     cuv_context_free(cx);
 *
 * Four words describe ownership: a function *owns* what it is given (it frees it), *borrows* it (only during the call),
 * *shares* it (keeps a reference; the caller may let go), or *copies* it. Out-parameters are NULL after a failure.
 * A context and everything made with it belong to one thread at a time, except where a function says otherwise.
 */
#ifndef CUVIER_H
#define CUVIER_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#ifdef __cplusplus
extern "C" {
#endif

#if defined(__GNUC__)
#define CUV_API __attribute__((visibility("default")))
#define CUV_MUST_USE __attribute__((warn_unused_result))
#define CUV_PRINTF(fmt, args) __attribute__((format(printf, fmt, args)))
#else
#define CUV_API
#define CUV_MUST_USE
#define CUV_PRINTF(fmt, args)
#endif

#define CUV_VERSION_MAJOR 0
#define CUV_VERSION_MINOR 1
#define CUV_VERSION_PATCH 0

/* The library's version, "0.1.0". Static storage. */
CUV_API const char *cuv_version(void);

/* ---------------------------------------------------------------------------------------------- 1. Results */

/* What every function that can fail returns. Each says what the caller can do about it. */
typedef enum cuv_status {
    CUV_OK = 0,
    CUV_NO,          /* the answer is no: evidence contradicts itself or is not enough, outputs differ. Look at the findings */
    CUV_ARGUMENT,    /* the caller's arguments are wrong. Mend the call */
    CUV_IO,          /* a file cannot be read or written. Look at its path and permissions */
    CUV_DAMAGED,     /* a file is not what its format says it must be. Get another copy */
    CUV_UNSAFE,      /* a file asks for something that no model needs (code, other files, absurd sizes). Do not trust it */
    CUV_UNSUPPORTED, /* well-formed, but beyond this version; the finding names the layer, form or option */
    CUV_MEMORY,      /* memory ran out, or the limit set for the context was reached */
    CUV_TIMEOUT,     /* the time limit set for the context was reached */
    CUV_SPACE        /* a file cannot be written: the disk is full, or a quota was reached */
} cuv_status;

/* The command line's exit status for a status: 0 yes, 1 no, 2 usage, 3 file, 4 machine. */
CUV_API int cuv_exit_status(cuv_status status);

/* ---------------------------------------------------------------------------------------------- 2. Context */

/* Memory functions. `size` is in bytes, never 0. `resize` behaves as realloc; `release` accepts NULL.
 * A function that returns NULL makes the running call end with CUV_MEMORY. */
typedef struct cuv_allocator {
    void *(*alloc)(void *user, size_t size);
    void *(*resize)(void *user, void *memory, size_t size);
    void (*release)(void *user, void *memory);
    void *user;
} cuv_allocator;

/* Bounds on what files may ask for. Every count or size that a file claims is held against one of these. */
typedef struct cuv_limits {
    uint64_t file_bytes;      /* one file;                         default 64 GiB */
    uint64_t tensor_bytes;    /* one tensor that must be decoded;  default 16 GiB */
    uint64_t expansion;       /* decoded : stored, of compressed or declared data above 1 MiB; default 1000 */
    uint64_t config_bytes;    /* one configuration, script or header; default 256 MiB */
    uint64_t items;           /* values in one tree, members of an archive, nodes of an HDF5 file; default 16 Mi */
    uint32_t depth;           /* nesting of any kind;              default 64 */
    uint32_t layers;          /* layers in one model, all levels;  default 200,000 */
    uint64_t memory_bytes;    /* all memory of the context, mapped files excepted; 0: no limit (default) */
    double seconds;           /* time for one call; 0: no limit (default) */
} cuv_limits;

/* Holds allocator, limits and findings. Everything else is made within a context, which must outlive it. */
typedef struct cuv_context cuv_context;

/* Makes a context. `allocator` is copied; NULL: malloc, realloc, free. CUV_MEMORY. */
CUV_API CUV_MUST_USE cuv_status cuv_context_new(const cuv_allocator *allocator, cuv_context **out);

/* Frees a context and its findings. NULL is allowed. */
CUV_API void cuv_context_free(cuv_context *cx);

/* The limits of a context, to be changed before files are added. Borrowed from the context. */
CUV_API cuv_limits *cuv_context_limits(cuv_context *cx);

/* Who reads HDF5 structures that Keras itself does not write (chunks, filters, newer forms). */
typedef enum cuv_hdf5 {
    CUV_HDF5_LIBRARY,   /* libhdf5, in a process forked for it that can only compute and answer (default). The caller's process
                           gets SIGCHLD when it ends; it must not wait for children it does not know */
    CUV_HDF5_OWN,       /* nobody: such files are CUV_UNSUPPORTED "hdf5.library" */
    CUV_HDF5_INSIDE     /* libhdf5, loaded into this process: for files that are trusted, where no process can be started */
} cuv_hdf5;
CUV_API void cuv_context_hdf5(cuv_context *cx, cuv_hdf5 how);

/* ---------------------------------------------------------------------------------------------- 3. Findings */

typedef enum cuv_severity { CUV_NOTE, CUV_WARNING, CUV_ERROR } cuv_severity;

/* What was found, in the user's terms. Strings belong to the context and live until cuv_findings_clear; fields that do not
 * apply are NULL. `id` is stable ("bind.shape"); docs/errors.md explains each. */
typedef struct cuv_finding {
    cuv_severity severity;
    cuv_status status;     /* CUV_OK for notes and warnings */
    const char *id;
    const char *message;   /* one line without "error:" */
    const char *file;      /* path as given, or "path[3]", "path#key", "script.py:12:5" */
    const char *layer;
    const char *tensor;
    const char *expected;
    const char *found;
    const char *notes;     /* further lines, separated by '\n', to be shown indented below the message */
    const char *help;      /* what to try */
} cuv_finding;

CUV_API size_t cuv_finding_count(const cuv_context *cx);
/* NULL when index is out of range. */
CUV_API const cuv_finding *cuv_finding_at(const cuv_context *cx, size_t index);
CUV_API void cuv_findings_clear(cuv_context *cx);

/* ---------------------------------------------------------------------------------------------- 4. Tensors */

#define CUV_MAX_RANK 8

typedef enum cuv_dtype {
    CUV_BOOL, CUV_I8, CUV_U8, CUV_I16, CUV_U16, CUV_I32, CUV_U32, CUV_I64, CUV_U64,
    CUV_F16, CUV_BF16, CUV_F32, CUV_F64,
    CUV_F8E4M3, CUV_F8E5M2,
    CUV_STR   /* elements are cuv_string */
} cuv_dtype;

/* One element of a CUV_STR tensor: UTF-8, not terminated. */
typedef struct cuv_string { const char *data; size_t size; } cuv_string;

/* "float32", "bfloat16", … as Keras and NumPy spell them. Static storage. */
CUV_API const char *cuv_dtype_name(cuv_dtype dtype);
/* Bytes of one element. */
CUV_API size_t cuv_dtype_size(cuv_dtype dtype);

/* A dense array in C order, native byte order. `data` may be unaligned when it lies in a mapped file. */
typedef struct cuv_array {
    cuv_dtype dtype;
    int rank;
    int64_t shape[CUV_MAX_RANK];
    const void *data;
    const char *name;      /* may be NULL */
} cuv_array;

/* Text that the library made for the caller; freed with cuv_text_free. */
CUV_API void cuv_text_free(cuv_context *cx, char *text);

/* ---------------------------------------------------------------------------------------------- 5. Evidence */

/* Files that together describe one model, in any order. */
typedef struct cuv_evidence cuv_evidence;

CUV_API CUV_MUST_USE cuv_status cuv_evidence_new(cuv_context *cx, cuv_evidence **out);
CUV_API void cuv_evidence_free(cuv_evidence *ev);      /* NULL allowed; models made from it live on */

/* Adds a file, recognised by its content: .npy, .npz, pickles, .h5, .weights.h5, .keras, JSON and YAML configurations, Keras code.
 * "-" is standard input. The file is mapped: it must not be changed in place as long as evidence or model live.
 * CUV_IO, CUV_DAMAGED, CUV_UNSAFE, CUV_UNSUPPORTED; the finding names the place. */
CUV_API CUV_MUST_USE cuv_status cuv_evidence_add_file(cuv_evidence *ev, const char *path);
/* The same for bytes (copied); `name` is what errors and --map call it. */
CUV_API CUV_MUST_USE cuv_status cuv_evidence_add_memory(cuv_evidence *ev, const char *name, const void *data, size_t size);
/* "LAYER=TENSOR[,TENSOR...]": puts named tensors into a layer's weights, in the order of get_weights(). A tensor is FILE#key, FILE[3],
 * or a key that only one file has; ".T" at its end transposes. Copied; checked when the model is rebuilt. */
CUV_API CUV_MUST_USE cuv_status cuv_evidence_map(cuv_evidence *ev, const char *text);
/* "28,28,1": the next input's shape without the batch; '?' is an unknown size. */
CUV_API CUV_MUST_USE cuv_status cuv_evidence_input_shape(cuv_evidence *ev, const char *text);
/* Inputs and outputs of the original: x and y, x0 x1 ... and y0 y1 ..., or the names Keras gives them; the first axis is the batch. */
CUV_API CUV_MUST_USE cuv_status cuv_evidence_samples(cuv_evidence *ev, const char *path);
/* The same, kept for the verification: what a configuration leaves open is not settled by them, so that cuv_model_verify is a test of the
 * rebuild. Where no file tells the architecture it is recovered with them all the same: nothing else could tell it. */
CUV_API CUV_MUST_USE cuv_status cuv_evidence_samples_kept(cuv_evidence *ev, const char *path);
/* "NAME=CODE.py": Keras code that stands in for a class which is none of Keras's, or for one layer; parsed, never run. NAME is the class
 * as the file spells it ("MyLayer", "package>MyLayer", "module.MyLayer"), or a layer's name. CUV_ARGUMENT when it has another form or is
 * given twice. The model has what the code builds in the layer's place, as an assumption that samples can prove. */
CUV_API CUV_MUST_USE cuv_status cuv_evidence_custom(cuv_evidence *ev, const char *text);
/* The backend on which the model was made: "tensorflow", "jax", "torch", "numpy", "openvino", "theano" or "cntk"; CUV_ARGUMENT for another word. Archives
 * of Keras 3 do not say it (a legacy .h5 does), and it is taken for TensorFlow where it matters. What is given here stands above what files say. */
CUV_API CUV_MUST_USE cuv_status cuv_evidence_backend(cuv_evidence *ev, const char *name);
/* The version of the Keras that made the model, "3.4.1" or "2.2": its behaviour counts. What a bare configuration of Keras 3 does not say is taken for
 * today's Keras. CUV_ARGUMENT for what is no version of Keras 1 to 3. What is given here stands above what files say. */
CUV_API CUV_MUST_USE cuv_status cuv_evidence_keras_version(cuv_evidence *ev, const char *version);
/* Nothing may be assumed: a decision that is neither certain nor verified makes the rebuild fail ("strict.weak"). */
CUV_API void cuv_evidence_strict(cuv_evidence *ev, bool strict);
/* How many architectures to tell of, where no file tells it and it is recovered from the tensors; 0: the best one alone. */
CUV_API void cuv_evidence_candidates(cuv_evidence *ev, size_t count);
/* What the files hold, as text for people or as the JSON document of cli.md ("files"). */
CUV_API CUV_MUST_USE cuv_status cuv_evidence_report(cuv_evidence *ev, bool json, char **out);

/* Looks for what in files could run code, read other files, fetch from the network or exhaust the machine. Nothing of them is run,
 * opened or fetched. CUV_OK: clean, CUV_NO: dangers were found; in both cases *out is the report, as text for people or as the
 * JSON document of cli.md ("clean", "findings"), with notes that are no dangers. Files after one that cannot be read are looked at
 * all the same; where no danger was found the status is that of the first such file, and *out is NULL. */
CUV_API CUV_MUST_USE cuv_status cuv_scan(cuv_context *cx, const char *const *paths, size_t count, bool json, char **out);

/* ---------------------------------------------------------------------------------------------- 6. Rebuilding */

typedef struct cuv_model cuv_model;

/* Puts the model together from the evidence: configuration (or code), layers, wiring, shapes, weights; every decision with its
 * evidence. With samples, decisions that only the order of equal shapes supports are tried against them. CUV_NO: the evidence
 * contradicts itself or is not enough; all mismatches are among the findings. The caller owns *out. */
CUV_API CUV_MUST_USE cuv_status cuv_rebuild(cuv_evidence *ev, cuv_model **out);
/* The same without weights: layers, shapes and counts only. Weights that the evidence holds are bound when they fit; those that do
 * not are warnings among the findings, with the ids that they have as errors of cuv_rebuild. */
CUV_API CUV_MUST_USE cuv_status cuv_rebuild_structure(cuv_evidence *ev, cuv_model **out);
CUV_API void cuv_model_free(cuv_model *model);         /* NULL allowed */

/* ---------------------------------------------------------------------------------------------- 7. Looking */

CUV_API const char *cuv_model_name(const cuv_model *model);
CUV_API size_t cuv_model_input_count(const cuv_model *model);
CUV_API size_t cuv_model_output_count(const cuv_model *model);
/* Name, dtype and shape (-1: unknown) of an input or output; data is NULL. CUV_ARGUMENT when index is out of range. */
CUV_API CUV_MUST_USE cuv_status cuv_model_input(const cuv_model *model, size_t index, cuv_array *out);
CUV_API CUV_MUST_USE cuv_status cuv_model_output(const cuv_model *model, size_t index, cuv_array *out);
/* Variables, layer by layer; `name` is "dense/kernel". Values are borrowed from the model; data is NULL when it has none. */
CUV_API size_t cuv_model_weight_count(const cuv_model *model);
CUV_API CUV_MUST_USE cuv_status cuv_model_weight(const cuv_model *model, size_t index, cuv_array *out);

/* The table of model.summary() in Keras 3, `width` characters wide (0: as Keras chooses for a file). */
CUV_API CUV_MUST_USE cuv_status cuv_model_summary(const cuv_model *model, unsigned width, char **out);
/* The model's graph as text for a terminal: a line for each layer, and beside them the ways of the tensors. `ascii`: without box characters;
 * `color`: with escape sequences. CUV_UNSUPPORTED "view.size" when it has more layers than anybody would read. */
CUV_API CUV_MUST_USE cuv_status cuv_model_picture(const cuv_model *model, bool ascii, bool color, char **out);
/* JSON documents of cli.md: "model"; or "model" with "decisions". `written`: paths for "written", ended by NULL; may be NULL. */
CUV_API CUV_MUST_USE cuv_status cuv_model_summary_json(const cuv_model *model, char **out);
CUV_API CUV_MUST_USE cuv_status cuv_model_rebuild_json(const cuv_model *model, const char *const *written, char **out);
/* Adds a warning ("bind.nan") for every weight with NaN or infinite values. Reads all weights. */
CUV_API void cuv_model_check(const cuv_model *model);
/* The decisions as text, one a line, the less certain ones first. `all`: certain ones too. */
CUV_API CUV_MUST_USE cuv_status cuv_model_decisions(const cuv_model *model, bool all, char **out);
/* A stage of the pipeline as text: "config", "program", "plan". */
CUV_API CUV_MUST_USE cuv_status cuv_model_stage(cuv_model *model, const char *stage, char **out);
/* The findings as the "error" document, or the first warning-free text form for a terminal. */
CUV_API CUV_MUST_USE cuv_status cuv_findings_report(cuv_context *cx, bool json, bool color, char **out);

/* ---------------------------------------------------------------------------------------------- 8. Running */

/* In how many bits weights (and inputs, where the processor multiplies such numbers) of dense layers and convolutions are kept while they are
 * multiplied. Sums, and all other layers, stay float32; so do those where fewer bits are not faster on this processor (the stage "plan" tells).
 * What it costs is measured, not promised: cuv_model_precision_cost. */
typedef enum cuv_precision {
    CUV_PRECISION_F32,
    CUV_PRECISION_BF16,      /* bfloat16: eight bits of mantissa */
    CUV_PRECISION_INT8       /* integers of eight bits: weights scaled by output channel, inputs by row or image, as they come */
} cuv_precision;

typedef struct cuv_run_options {
    int threads;             /* 0: the cores at hand */
    bool reference;          /* reference kernels only */
    const char *cache;       /* where packed weights are kept for the next process: a file, or a folder (one that ends with '/' is made). A
                              * file that is not there, damaged, of somebody else (neither of this user nor of root) or of another model, version or
                              * processor is not used; what is made instead is written whole or not at all. It must not be changed in place
                              * as long as the model lives. NULL: none. Borrowed */
    cuv_precision precision;
} cuv_run_options;

/* Cores that this process may use: what 0 threads stand for. */
CUV_API int cuv_threads(void);

/* Output of a prediction; shapes are final. Freed with cuv_result_free. */
typedef struct cuv_result cuv_result;
CUV_API size_t cuv_result_count(const cuv_result *result);
/* Borrowed from the result; NULL when index is out of range. */
CUV_API const cuv_array *cuv_result_at(const cuv_result *result, size_t index);
CUV_API void cuv_result_free(cuv_result *result);

/* Runs the model on `count` inputs in the order of its inputs (borrowed); dtypes are converted, a missing last axis of size 1 is not
 * added. CUV_NO "predict.shape" names input, expected and found. `options` may be NULL. */
CUV_API CUV_MUST_USE cuv_status cuv_model_predict(cuv_model *model, const cuv_array *inputs, size_t count,
                                                  const cuv_run_options *options, cuv_result **out);
/* Inputs that the model takes, in the order of its inputs, drawn at random (the same ones at each call): numbers, indices that its tables have, words of
 * its vocabularies. `batch` and `open` stand for sizes that it leaves open (0: chosen). Freed with cuv_result_free. */
CUV_API CUV_MUST_USE cuv_status cuv_model_random_inputs(cuv_model *model, int64_t batch, int64_t open, cuv_result **out);
/* A stateful model (recurrent layers with stateful=True) takes batches of exactly the size that its batch_shape says, and goes on where the
 * batch before ended: from batch to batch of a call, and from call to call, as model.predict of Keras does. This starts it with states of zero
 * again (model.reset_states()). Verifying, comparing and telling what a precision costs begin and end with that. */
CUV_API void cuv_model_reset_states(cuv_model *model);
/* Reads inputs from .npy or .npz, writes .npy (one output) or .npz (several); runs in batches, so that neither has to fit in
 * memory. `batch` 0: chosen. */
CUV_API CUV_MUST_USE cuv_status cuv_model_predict_file(cuv_model *model, const char *in, const char *out, size_t batch,
                                                       const cuv_run_options *options);

/* What the precision of `options` costs: the outputs in it and in float32, on the same inputs. */
typedef struct cuv_precision_error {
    const char *output;
    double max_abs;          /* largest difference; infinite where only one of both is a number */
    double spread;           /* of the float32 values: largest - least */
    double max_rel;          /* max_abs / spread */
} cuv_precision_error;
typedef struct cuv_precision_cost {
    size_t rows;             /* of the inputs */
    size_t reduced, steps;   /* steps of the plan that compute in the precision; all */
    size_t count;
    const cuv_precision_error *outputs;
} cuv_precision_cost;
/* Inputs as for cuv_model_predict, as one batch; NULL: random ones. _file: the first `batch` (0: chosen) rows of a file as for
 * cuv_model_predict_file, NULL: random inputs. Freed with cuv_precision_cost_free. */
CUV_API CUV_MUST_USE cuv_status cuv_model_precision_cost(cuv_model *model, const cuv_array *inputs, size_t count,
                                                         const cuv_run_options *options, cuv_precision_cost **out);
CUV_API CUV_MUST_USE cuv_status cuv_model_precision_cost_file(cuv_model *model, const char *in, size_t batch, const cuv_run_options *options,
                                                              cuv_precision_cost **out);
CUV_API void cuv_precision_cost_free(cuv_context *cx, cuv_precision_cost *cost);        /* NULL allowed */
/* The plan for a batch of one as text, with the precision of each step when it is not float32. Of `options` only the precision counts. */
CUV_API CUV_MUST_USE cuv_status cuv_model_plan(cuv_model *model, const cuv_run_options *options, char **out);

/* One step of the plan that a prediction runs. `operations` are multiplications and additions of the direct way (a kernel may need fewer), `bytes` what must be
 * read and written once, `weights` the part of them that is the same in every run. */
typedef struct cuv_step_time {
    const char *op;          /* "conv+batch_norm+relu": what one kernel does together */
    const char *kernel;      /* "product", "winograd", "int8", ..., "reference" */
    const char *layer;       /* NULL: no layer's */
    const char *shapes;      /* "(1, 56, 56, 64) (3, 3, 64, 64) -> (1, 56, 56, 64)": the first two inputs and the first output */
    double operations, bytes, weights, min_us, mean_us;
} cuv_step_time;
typedef struct cuv_profile {
    size_t count;
    const cuv_step_time *steps;
    double min_us;           /* of the least whole run */
    size_t runs;
} cuv_profile;
/* Predicts again and again for `seconds` and takes the time of each step. Inputs and options as for cuv_model_predict; the whole input is one
 * batch. Freed with cuv_profile_free. */
CUV_API CUV_MUST_USE cuv_status cuv_model_profile(cuv_model *model, const cuv_array *inputs, size_t count, const cuv_run_options *options,
                                                  double seconds, cuv_profile **out);
CUV_API void cuv_profile_free(cuv_context *cx, cuv_profile *profile);       /* NULL allowed */

/* ---------------------------------------------------------------------------------------------- 9. Verifying */

typedef struct cuv_verification {
    bool ok;
    double rtol, atol;       /* |a - b| <= atol + rtol |b| for every value, b the sample */
    size_t samples;
    size_t count;            /* outputs */
    struct cuv_verified {
        const char *name;
        double max_abs, max_rel;
        size_t values, differing;    /* how many values there are, and how many lie outside the tolerances */
        bool ok;
    } *outputs;
} cuv_verification;
/* True when one of the files is an export of cuvier that brings a self-test. */
CUV_API bool cuv_evidence_has_selftest(const cuv_evidence *ev);
/* Runs the model on the evidence's samples, or without any on a file's self-test. CUV_NO when outputs differ (then `*out` is filled all the same) or when there are no samples
 * (then it is NULL). Freed with cuv_verification_free. */
CUV_API CUV_MUST_USE cuv_status cuv_model_verify(cuv_model *model, cuv_evidence *ev, double rtol, double atol,
                                                 const cuv_run_options *options, cuv_verification **out);
/* The same against another model on random inputs (seeded). */
CUV_API CUV_MUST_USE cuv_status cuv_model_verify_against(cuv_model *model, cuv_model *other, double rtol, double atol,
                                                         const cuv_run_options *options, cuv_verification **out);

typedef enum cuv_change_kind { CUV_CHANGE_STRUCTURE, CUV_CHANGE_CONFIG, CUV_CHANGE_WEIGHT } cuv_change_kind;
/* One difference. `a` and `b` are what the first and the second model have, as text; NULL: nothing. */
typedef struct cuv_change {
    cuv_change_kind kind;
    const char *layer;       /* its path in the first model, or in the second for what was added; NULL: the model itself */
    const char *field;       /* "layer", "inputs", "outputs", "shape", "class"; an argument; a weight */
    const char *a, *b;       /* weights: shapes, where these differ, else both NULL */
    double max_abs, relative_norm;   /* weights of equal shape: largest difference; |a - b| / |a| over all values. Else NaN */
} cuv_change;
typedef struct cuv_diff {
    bool same;
    size_t change_count;
    const cuv_change *changes;
    cuv_verification *outputs;       /* on random inputs; NULL: not compared, for the reason in why_not */
    const char *why_not;
    const char *parts_at;            /* the first layer whose outputs differ, "outer/inner" inside a model; NULL: none, or not looked for */
    double parts_by;
} cuv_diff;
/* Compares two models of one context, with the defaults of the Keras each was written by. CUV_OK: the same; CUV_NO: not (then *out is
 * filled all the same). Freed with cuv_diff_free. */
CUV_API CUV_MUST_USE cuv_status cuv_model_diff(cuv_model *a, cuv_model *b, double rtol, double atol, const cuv_run_options *options,
                                               cuv_diff **out);
/* As text for people, or the document of cli.md. */
CUV_API CUV_MUST_USE cuv_status cuv_diff_text(cuv_context *cx, const cuv_diff *diff, bool json, char **out);
CUV_API void cuv_diff_free(cuv_context *cx, cuv_diff *diff);     /* NULL allowed */
CUV_API void cuv_verification_free(cuv_context *cx, cuv_verification *verification);

/* ---------------------------------------------------------------------------------------------- 10. Writing */

typedef struct cuv_write_options {
    int keras;               /* 3 (default) or 2 (2.15): whose conventions .keras, .h5, .weights.h5 and .json follow */
    bool weights_only;       /* .h5 without the configuration */
    bool beside_config;      /* .weights.h5, .npz, .safetensors: for the model of a .json or .py written beside it, which may hold others than layers
                              * that this Keras cannot say (Lambdas, LocallyConnected); false: for the model as it was */
    bool weights_file;       /* .c: the weights in a file NAME.weights beside it */
    int64_t batch;           /* .c: its constant batch; 0: 1 */
    const char *const *input_shapes;    /* .c: sizes that the model leaves open, input by input, as "28,28,1"; borrowed */
    size_t input_shape_count;
} cuv_write_options;

/* Writes the model whole or not at all. `format` is a form of cli.md (".keras", ".h5", ".weights.h5", ".npz", ".json");
 * ".c" writes a header beside the source.  NULL: by the end of the path. CUV_UNSUPPORTED names a form that is not written yet. `options` may be NULL. */
CUV_API CUV_MUST_USE cuv_status cuv_model_write(cuv_model *model, const char *path, const char *format,
                                                const cuv_write_options *options);
/* Forms that cuv_model_write knows, ended by NULL. Static storage. */
CUV_API const char *const *cuv_model_forms(void);

#ifdef __cplusplus
}
#endif
#endif
