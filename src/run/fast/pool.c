/* Threads for the parts of one kernel. One job at a time; parts are taken from a counter. */
#include "run/fast/pool.h"

#include <pthread.h>
#include <sched.h>
#include <unistd.h>

enum { SPINS = 3000, MOST_THREADS = 64 };

typedef struct thread { cuv_pool *pool; pthread_t id; size_t number; } thread;

struct cuv_pool {
    cuv_context *cx;
    pthread_mutex_t lock;
    pthread_cond_t wake;
    int wanted, count;                  /* threads beside the caller's: to be started, and running */
    unsigned started;                   /* the job before the first one of the threads */
    atomic_uint job;                    /* counts the jobs; threads wait for it to change */
    atomic_int working, asleep;
    atomic_bool ending;
    bool alone;                         /* the parts of the running job share nothing; set while there is no job */
    atomic_size_t next[MOST_THREADS + 1];       /* by thread: of its share of the parts */
    size_t parts;
    cuv_work *work;
    void *arg;
    thread threads[MOST_THREADS];
};

static inline void pause_a_little(void)
{
#if defined(__x86_64__) || defined(__i386__)
    __builtin_ia32_pause();
#endif
}

/* Its own share first, the same rows in each job: what it made in the job before is in its own cache. Then what others have left. */
static void take_parts(cuv_pool *pool, size_t number)
{
    const size_t threads = (size_t)pool->count + 1;
    for (size_t k = 0; k < threads; k++) {
        const size_t share = (number + k) % threads, end = pool->parts * (share + 1) / threads;
        for (size_t i; (i = atomic_fetch_add_explicit(&pool->next[share], 1, memory_order_relaxed)) < end;)
            pool->work(pool->arg, i, number);
    }
}

/* Spins, then sleeps until the job is another one. */
static unsigned await_job(cuv_pool *pool, unsigned done)
{
    unsigned job = done;
    for (int i = 0; i < SPINS; i++) {
        if ((job = atomic_load_explicit(&pool->job, memory_order_acquire)) != done)
            return job;
        pause_a_little();
    }
    pthread_mutex_lock(&pool->lock);
    atomic_fetch_add(&pool->asleep, 1);
    while ((job = atomic_load(&pool->job)) == done)
        pthread_cond_wait(&pool->wake, &pool->lock);
    atomic_fetch_sub(&pool->asleep, 1);
    pthread_mutex_unlock(&pool->lock);
    return job;
}

static void *run_thread(void *user)
{
    const thread *own = user;
    cuv_pool *pool = own->pool;
    for (unsigned job = pool->started;;) {
        job = await_job(pool, job);
        if (atomic_load(&pool->ending))
            return NULL;
        take_parts(pool, own->number);
        atomic_fetch_sub_explicit(&pool->working, 1, memory_order_release);
    }
}

static void start_job(cuv_pool *pool)
{
    atomic_fetch_add(&pool->job, 1);
    if (atomic_load(&pool->asleep)) {
        pthread_mutex_lock(&pool->lock);
        pthread_cond_broadcast(&pool->wake);
        pthread_mutex_unlock(&pool->lock);
    }
}

static void start_threads(cuv_pool *pool)
{
    pool->started = atomic_load(&pool->job);
    for (thread *t = pool->threads; pool->count < pool->wanted; pool->count++, t++) {
        *t = (thread){.pool = pool, .number = (size_t)pool->count + 1};
        if (pthread_create(&t->id, NULL, run_thread, t))
            break;
    }
    pool->wanted = pool->count;
}

static void share(cuv_pool *pool, size_t parts, cuv_work *work, void *arg, bool alone)
{
    const bool nested = pool && pool->alone;
    if (pool && !nested && parts > 1 && pool->count < pool->wanted)
        start_threads(pool);
    if (!pool || nested || parts < 2 || !pool->count) {
        for (size_t i = 0; i < parts; i++)
            work(arg, i, 0);
        return;
    }
    pool->alone = alone;
    pool->parts = parts;
    pool->work = work;
    pool->arg = arg;
    for (size_t k = 0; k <= (size_t)pool->count; k++)
        atomic_store_explicit(&pool->next[k], parts * k / ((size_t)pool->count + 1), memory_order_relaxed);
    atomic_store(&pool->working, pool->count);
    start_job(pool);
    take_parts(pool, 0);
    for (int i = 0; atomic_load_explicit(&pool->working, memory_order_acquire); i++) {
        pause_a_little();
        if (i >= SPINS)
            sched_yield();
    }
    pool->alone = false;
}

void cuv_parallel(cuv_pool *pool, size_t parts, cuv_work *work, void *arg)
{
    share(pool, parts, work, arg, false);
}

void cuv_parallel_alone(cuv_pool *pool, size_t parts, cuv_work *work, void *arg)
{
    share(pool, parts, work, arg, true);
}

/* ---- many steps together ---- */

enum { CLOSED = 1 << 16, COME_SPINS = 200, LONG_SPINS = 2000, MOST_MEMBERS = 16, LINE = 64 };

/* Each member writes a line of its own: one transfer between two cores is all that a meeting takes. */
typedef struct gang_member { _Alignas(LINE) atomic_size_t met; } gang_member;

struct cuv_gang {
    cuv_gang_work *work;
    void *arg;
    size_t most;
    atomic_uint came;           /* threads beside the caller's; CLOSED: no more may come */
    atomic_size_t members;      /* once it is known */
    atomic_bool apart;          /* meetings take too long between these cores: the caller's thread works alone */
    atomic_bool slow;           /* somebody waited for long */
    atomic_size_t last;         /* the meeting after which the others leave: set by the caller's thread before it comes to it */
    bool formed;
    gang_member at[MOST_MEMBERS];       /* how many meetings each came to */
};

static void await_member(cuv_gang *g, const gang_member *other, size_t meeting)
{
    for (int i = 0; atomic_load_explicit(&other->met, memory_order_acquire) <= meeting; i++) {
        pause_a_little();
        if (i == LONG_SPINS)
            atomic_store(&g->slow, true);
        if (i >= LONG_SPINS)
            sched_yield();
    }
}

bool cuv_gang_meet(cuv_gang *g, size_t member)
{
    const size_t members = atomic_load_explicit(&g->members, memory_order_relaxed);
    const size_t meeting = atomic_load_explicit(&g->at[member].met, memory_order_relaxed);
    if (!member && atomic_load_explicit(&g->slow, memory_order_relaxed))
        atomic_store_explicit(&g->last, meeting, memory_order_relaxed);
    atomic_store_explicit(&g->at[member].met, meeting + 1, memory_order_release);
    for (size_t k = 0; k < members; k++)
        if (k != member)
            await_member(g, &g->at[k], meeting);
    return meeting < atomic_load_explicit(&g->last, memory_order_relaxed);
}

/* Some meetings without work between them; whether they take so little that sharing short steps pays. Cores that share no cache take several times
 * as long as those that do. */
static bool try_meeting(cuv_gang *g, size_t member)
{
    enum { TIMES = 4, MOST_NANOSECONDS = 160 };
    (void)cuv_gang_meet(g, member);
    const double begin = member ? 0 : cuv_monotonic_seconds();
    for (int i = 0; i < TIMES; i++)
        (void)cuv_gang_meet(g, member);
    if (!member)
        atomic_store(&g->apart, (cuv_monotonic_seconds() - begin) * 1e9 > TIMES * MOST_NANOSECONDS);
    return cuv_gang_meet(g, member) && !atomic_load(&g->apart);
}

/* Each of the other threads has at most one part before the gang is formed, so that one part is left for the caller. */
static void gang_part(void *arg, size_t part, size_t number)
{
    cuv_gang *g = arg;
    unsigned came = atomic_load(&g->came);
    (void)part;
    if (number == 0 && !g->formed) {
        g->formed = true;
        for (int i = 0; i < COME_SPINS && atomic_load(&g->came) + 1 < g->most; i++)
            pause_a_little();
        const size_t members = atomic_fetch_or(&g->came, CLOSED) + 1;
        atomic_store(&g->members, members);
        const bool apart = members > 1 && !try_meeting(g, 0);
        if (apart)
            atomic_store(&g->members, 1);
        g->work(g->arg, g, 0, apart ? 1 : members);
        return;
    }
    while (came + 1 < g->most && !atomic_compare_exchange_weak(&g->came, &came, came + 1))
        ;
    const bool late = came + 1 >= g->most;
    for (int i = 0; number && !atomic_load(&g->members); i++) {
        pause_a_little();
        if (i >= SPINS)
            sched_yield();
    }
    const size_t members = atomic_load(&g->members);
    if (!late && number && try_meeting(g, came + 1))
        g->work(g->arg, g, came + 1, members);
}

void cuv_gang_run(cuv_pool *pool, size_t most, cuv_gang_work *work, void *arg)
{
    cuv_gang g = {.work = work, .arg = arg, .most = most < MOST_MEMBERS ? most : MOST_MEMBERS, .last = SIZE_MAX};
    if (cuv_pool_threads(pool) < 2 || most < 2) {
        atomic_init(&g.members, 1);
        work(arg, &g, 0, 1);
        return;
    }
    cuv_parallel(pool, cuv_pool_threads(pool), gang_part, &g);
}

size_t cuv_pool_threads(const cuv_pool *pool)
{
    return pool && !pool->alone ? (size_t)pool->wanted + 1 : 1;
}

int cuv_machine_threads(void)
{
    cpu_set_t set;
    if (sched_getaffinity(0, sizeof set, &set) == 0 && CPU_COUNT(&set) > 0)
        return CPU_COUNT(&set);
    long n = sysconf(_SC_NPROCESSORS_ONLN);
    return n > 0 && n < MOST_THREADS ? (int)n : 1;
}

cuv_status cuv_pool_new(cuv_context *cx, int threads, cuv_pool **out)
{
    *out = NULL;
    if (threads < 2)
        return CUV_OK;
    cuv_pool *pool = cuv_alloc(cx, sizeof *pool);
    if (!pool)
        return cuv_oom(cx);
    memset(pool, 0, sizeof *pool);
    pool->cx = cx;
    if (pthread_mutex_init(&pool->lock, NULL)) {
        cuv_release(cx, pool, sizeof *pool);
        return CUV_OK;
    }
    if (pthread_cond_init(&pool->wake, NULL)) {
        pthread_mutex_destroy(&pool->lock);
        cuv_release(cx, pool, sizeof *pool);
        return CUV_OK;
    }
    pool->wanted = threads - 1 < MOST_THREADS ? threads - 1 : MOST_THREADS;
    *out = pool;
    return CUV_OK;
}

void cuv_pool_free(cuv_pool *pool)
{
    if (!pool)
        return;
    atomic_store(&pool->ending, true);
    start_job(pool);
    for (int i = 0; i < pool->count; i++)
        pthread_join(pool->threads[i].id, NULL);
    pthread_cond_destroy(&pool->wake);
    pthread_mutex_destroy(&pool->lock);
    cuv_release(pool->cx, pool, sizeof *pool);
}
