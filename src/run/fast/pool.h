/* Threads that share the parts of one kernel. */
#ifndef CUV_RUN_FAST_POOL_H
#define CUV_RUN_FAST_POOL_H

#include "base/base.h"

/* Threads that wait for work: they spin for some microseconds after each piece and then sleep. */
typedef struct cuv_pool cuv_pool;
/* `threads` counts the caller; 1 gives NULL, which cuv_parallel takes. They start with the first job; one that the system refuses is done
 * without. CUV_MEMORY. */
CUV_MUST_USE cuv_status cuv_pool_new(cuv_context *cx, int threads, cuv_pool **out);
void cuv_pool_free(cuv_pool *pool);
/* Calls work(arg, i, thread) for all i < parts, on all threads, of which the caller is number 0; returns when all are done. */
typedef void cuv_work(void *arg, size_t part, size_t thread);
void cuv_parallel(cuv_pool *pool, size_t parts, cuv_work *work, void *arg);
/* The same for parts that call cuv_parallel themselves: each does its own work alone, and cuv_pool_threads is 1 for it. */
void cuv_parallel_alone(cuv_pool *pool, size_t parts, cuv_work *work, void *arg);
/* Threads that go through many short steps together. work(arg, gang, member, members) runs on at most `most` threads, of which member 0 is the
 * caller's; those that do not come at once are done without. */
typedef struct cuv_gang cuv_gang;
typedef void cuv_gang_work(void *arg, cuv_gang *gang, size_t member, size_t members);
void cuv_gang_run(cuv_pool *pool, size_t most, cuv_gang_work *work, void *arg);
/* Waits for the others. False: one was kept waiting for long (the cores are busy elsewhere), and member 0 goes on alone; the others must return. */
bool cuv_gang_meet(cuv_gang *gang, size_t member);
size_t cuv_pool_threads(const cuv_pool *pool);
/* Cores that this process may use. */
int cuv_machine_threads(void);

#endif
