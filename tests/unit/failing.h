/* An allocator for tests that refuses the n-th allocation and counts what is still out.
 *
 *     cuv_failing f = {.refuse = n};             n = 0 refuses none
 *     cuv_allocator a = cuv_failing_allocator(&f);
 *
 * Raise n until f.refused stays false: then every allocation of what is tested has failed once. */
#ifndef CUV_TEST_FAILING_H
#define CUV_TEST_FAILING_H

#include <cuvier.h>
#include <stdlib.h>

typedef struct cuv_failing {
    size_t refuse;  /* which allocation, from 1 */
    bool for_good;  /* and all after it */
    size_t made, outstanding;
    bool refused;
} cuv_failing;

static inline bool cuv_failing_refuses(cuv_failing *f)
{
    f->made++;
    bool refuses = f->refuse != 0 && (f->made == f->refuse || (f->for_good && f->made > f->refuse));
    f->refused = f->refused || refuses;
    return refuses;
}

static inline void *cuv_failing_alloc(void *user, size_t size)
{
    cuv_failing *f = (cuv_failing *)user;
    void *memory = cuv_failing_refuses(f) ? NULL : malloc(size);
    f->outstanding += memory != NULL;
    return memory;
}

static inline void *cuv_failing_resize(void *user, void *memory, size_t size)
{
    cuv_failing *f = (cuv_failing *)user;
    return cuv_failing_refuses(f) ? NULL : realloc(memory, size);
}

static inline void cuv_failing_release(void *user, void *memory)
{
    cuv_failing *f = (cuv_failing *)user;
    f->outstanding -= memory != NULL;
    free(memory);
}

static inline cuv_allocator cuv_failing_allocator(cuv_failing *f)
{
    return (cuv_allocator){cuv_failing_alloc, cuv_failing_resize, cuv_failing_release, f};
}

#endif
