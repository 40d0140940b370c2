/* The context: its life, limits, clock, and what statuses mean to a shell.
 * Findings are in finding.c, memory in memory.c. */
#include "base/context.h"

#include <stdlib.h>
#include <sys/random.h>
#include <time.h>

#define TEXT_OF(x) #x
#define VERSION_TEXT(a, b, c) TEXT_OF(a) "." TEXT_OF(b) "." TEXT_OF(c)

const char *cuv_version(void)
{
    return VERSION_TEXT(CUV_VERSION_MAJOR, CUV_VERSION_MINOR, CUV_VERSION_PATCH);
}

int cuv_exit_status(cuv_status status)
{
    switch (status) {
    case CUV_OK: return 0;
    case CUV_NO: return 1;
    case CUV_ARGUMENT: return 2;
    case CUV_IO:
    case CUV_DAMAGED:
    case CUV_UNSAFE:
    case CUV_UNSUPPORTED: return 3;
    case CUV_MEMORY:
    case CUV_TIMEOUT:
    case CUV_SPACE: return 4;
    }
    return 4;
}

static void *default_alloc(void *user, size_t size)
{
    (void)user;
    return malloc(size);
}

static void *default_resize(void *user, void *memory, size_t size)
{
    (void)user;
    return realloc(memory, size);
}

static void default_release(void *user, void *memory)
{
    (void)user;
    free(memory);
}

static const cuv_allocator default_allocator = {default_alloc, default_resize, default_release, NULL};

static const cuv_limits default_limits = {
    .file_bytes = UINT64_C(64) << 30,
    .tensor_bytes = UINT64_C(16) << 30,
    .expansion = 1000,
    .config_bytes = UINT64_C(256) << 20,
    .items = UINT64_C(16) << 20,
    .depth = 64,
    .layers = 200000,
    .memory_bytes = 0,
    .seconds = 0,
};

double cuv_monotonic_seconds(void)
{
    struct timespec now = {0};
    clock_gettime(CLOCK_MONOTONIC, &now);
    return (double)now.tv_sec + (double)now.tv_nsec * 1e-9;
}

static void seed_maps(cuv_context *cx)
{
    if (getrandom(cx->seed, sizeof cx->seed, GRND_NONBLOCK) == (ssize_t)sizeof cx->seed)
        return;
    struct timespec now = {0};
    clock_gettime(CLOCK_REALTIME, &now);
    cx->seed[0] = (uint64_t)now.tv_nsec * UINT64_C(0x9e3779b97f4a7c15);
    cx->seed[1] = (uint64_t)(uintptr_t)cx ^ (uint64_t)now.tv_sec;
}

cuv_status cuv_context_new(const cuv_allocator *allocator, cuv_context **out)
{
    if (!out)
        return CUV_ARGUMENT;
    *out = NULL;
    if (allocator && (!allocator->alloc || !allocator->resize || !allocator->release))
        return CUV_ARGUMENT;

    const cuv_allocator *from = allocator ? allocator : &default_allocator;
    cuv_context *cx = from->alloc(from->user, sizeof *cx);
    if (!cx)
        return CUV_MEMORY;
    memset(cx, 0, sizeof *cx);
    cx->allocator = *from;
    cx->own_allocator = !allocator;
    cx->limits = default_limits;
    seed_maps(cx);
    if (pthread_mutex_init(&cx->lock, NULL) != 0) {
        from->release(from->user, cx);
        return CUV_MEMORY;
    }
    if (!cuv_findings_init(cx)) {
        cuv_context_free(cx);
        return CUV_MEMORY;
    }
    *out = cx;
    return CUV_OK;
}

void cuv_context_free(cuv_context *cx)
{
    if (!cx)
        return;
    cuv_findings_free(cx);
    pthread_mutex_destroy(&cx->lock);
    cuv_allocator allocator = cx->allocator;
    allocator.release(allocator.user, cx);
}

cuv_limits *cuv_context_limits(cuv_context *cx)
{
    return &cx->limits;
}

void cuv_context_hdf5(cuv_context *cx, cuv_hdf5 how)
{
    cx->hdf5 = how;
}

cuv_hdf5 cuv_hdf5_reader(const cuv_context *cx)
{
    return cx->hdf5;
}

void cuv_start_clock(cuv_context *cx)
{
    cx->deadline = cx->limits.seconds > 0 ? cuv_monotonic_seconds() + cx->limits.seconds : 0;
    atomic_store(&cx->late, false);
}

cuv_status cuv_check_time(cuv_context *cx)
{
    if (cx->deadline <= 0 || cuv_monotonic_seconds() < cx->deadline)
        return CUV_OK;
    if (atomic_exchange(&cx->late, true))
        return CUV_TIMEOUT;
    cuv_detail detail = {.help = "allow more time, or give less to do"};
    return cuv_fail(cx, CUV_TIMEOUT, "time.limit", &detail, "the time limit of %g seconds was reached",
                    cx->limits.seconds);
}
