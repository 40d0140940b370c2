/* What the fuzz targets share: bytes as a source with small limits, and what has to hold whatever the bytes are.
 *
 *     fuzz f;
 *     if (fuzz_open(&f, data, size))
 *         fuzz_judge(&f, cuv_npy_parse(f.arena, &f.src, &value));      a refusal says why
 *     fuzz_close(&f);
 *
 * Every byte that a result views is read once, so that AddressSanitizer sees views that leave their blob. */
#ifndef CUV_FUZZ_H
#define CUV_FUZZ_H

#include "format/format.h"

#include <stdlib.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

typedef struct fuzz {
    cuv_context *cx;
    cuv_arena *arena;
    cuv_source src;
} fuzz;

static inline cuv_context *fuzz_context(void)
{
    cuv_context *cx = NULL;
    if (cuv_context_new(NULL, &cx) != CUV_OK)
        return NULL;
    cuv_limits *limits = cuv_context_limits(cx);
    limits->memory_bytes = 256 << 20;
    limits->items = 1 << 16;
    limits->tensor_bytes = 16 << 20;
    limits->layers = 1000;
    limits->seconds = 5;
    cuv_context_hdf5(cx, CUV_HDF5_OWN); /* the weaknesses of libhdf5 are known, and not ours */
    cuv_start_clock(cx);
    return cx;
}

static inline bool fuzz_open(fuzz *f, const uint8_t *data, size_t size)
{
    memset(f, 0, sizeof *f);
    f->cx = fuzz_context();
    f->arena = f->cx ? cuv_arena_new(f->cx) : NULL;
    if (!f->arena || cuv_blob_copy(f->cx, data, size, &f->src.blob) != CUV_OK)
        return false;
    f->src.data = f->src.blob->data;
    f->src.size = size;
    f->src.name = "fuzz";
    return true;
}

static inline void fuzz_close(fuzz *f)
{
    cuv_arena_free(f->arena);
    cuv_blob_release(f->src.blob);
    cuv_context_free(f->cx);
}

/* A refusal says why, with an id and a message. */
static inline bool fuzz_judge(const cuv_context *cx, cuv_status status)
{
    if (status == CUV_OK)
        return true;
    size_t n = cuv_finding_count(cx);
    const cuv_finding *last = n ? cuv_finding_at(cx, n - 1) : NULL;
    if (!last || !last->id || !last->message || !*last->message)
        __builtin_trap();
    return false;
}

/* ---- reading everything ---- */

static volatile unsigned fuzz_sink;

static inline void fuzz_read(const void *data, size_t size)
{
    const uint8_t *bytes = data;
    unsigned sum = 0;
    for (size_t i = 0; i < size; i++)
        sum += bytes[i];
    fuzz_sink = sum;
}

static inline void fuzz_read_tensor(const cuv_tensor *t)
{
    if (!t || !t->data)
        return;
    if (t->rank < 0 || t->rank > CUV_MAX_RANK)
        __builtin_trap();
    fuzz_read(t->data, cuv_tensor_bytes(t));
    for (size_t i = 0; t->dtype == CUV_STR && i < cuv_tensor_count(t); i++) {
        cuv_string s;
        memcpy(&s, t->data + i * sizeof s, sizeof s);
        fuzz_read(s.data, s.size);
    }
}

/* `budget`: a pickle may name one list in a million places. */
static inline void fuzz_read_value(const cuv_value *v, unsigned depth, unsigned *budget)
{
    if (!v || !depth || !*budget)
        return;
    --*budget;
    switch (v->kind) {
    case CUV_TEXT: case CUV_BYTES:
        fuzz_read(v->text, v->size + 1);
        break;
    case CUV_TENSOR:
        fuzz_read_tensor(v->tensor);
        break;
    case CUV_LIST: case CUV_TUPLE:
        for (size_t i = 0; i < v->size; i++)
            fuzz_read_value(v->items[i], depth - 1, budget);
        break;
    case CUV_DICT:
        for (size_t i = 0; i < v->size; i++) {
            fuzz_read_value(v->pairs[i].key, depth - 1, budget);
            fuzz_read_value(v->pairs[i].value, depth - 1, budget);
        }
        break;
    case CUV_NULL: case CUV_TRUTH: case CUV_INTEGER: case CUV_REAL:
        break;
    }
}

static inline void fuzz_read_all(const cuv_value *v)
{
    unsigned budget = 100000;
    fuzz_read_value(v, 1000, &budget);
}

/* Everything of a tree; names are unique and in order. */
static inline void fuzz_read_tree(const cuv_h5 *node, unsigned depth)
{
    if (!depth)
        __builtin_trap();
    fuzz_read(node->name, strlen(node->name) + 1);
    if (node->unsupported)
        fuzz_read(node->unsupported, strlen(node->unsupported) + 1);
    fuzz_read_all(node->attributes);
    fuzz_read_tensor(node->tensor);
    for (size_t i = 0; i < node->child_count; i++) {
        if (cuv_h5_child(node, node->children[i]->name) != node->children[i])
            __builtin_trap();
        fuzz_read_tree(node->children[i], depth - 1);
    }
}

#endif
