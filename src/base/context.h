/* What a context holds; known to base/ alone. */
#ifndef CUV_BASE_CONTEXT_H
#define CUV_BASE_CONTEXT_H

#include "base/base.h"
#include <pthread.h>

struct cuv_context {
    cuv_allocator allocator;
    bool own_allocator;          /* malloc and free: zeroed memory may come from calloc */
    cuv_limits limits;
    cuv_hdf5 hdf5;
    atomic_size_t used;          /* bytes given out and not yet returned */
    atomic_bool limit_reached;   /* the last refusal came from limits.memory_bytes, not from the allocator */
    atomic_bool late;            /* the time limit has been reported */
    double deadline;             /* seconds on the monotonic clock; 0: none */
    uint64_t seed[2];            /* of hash maps, so that no file can choose colliding keys */
    pthread_mutex_t lock;        /* guards what follows: threads of one prediction may fail at the same time */
    cuv_finding *findings;       /* one slot is always free, for cuv_oom */
    size_t count, capacity;
    bool cut;                    /* notes and warnings beyond the bound were dropped */
    cuv_arena *texts;            /* strings of findings */
};

/* Zeroed memory, released with cuv_release. */
void *cuv_alloc_zeroed(cuv_context *cx, size_t size);
/* Makes and frees the list of findings. */
bool cuv_findings_init(cuv_context *cx);
void cuv_findings_free(cuv_context *cx);

#endif
