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
    CUV_TIMEOUT      /* the time limit set for the context was reached */
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

#ifdef __cplusplus
}
#endif
#endif
