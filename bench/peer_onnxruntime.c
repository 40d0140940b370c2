/* ONNX Runtime through its C interface, which the wheel's library has; its header is not in the wheel. The interface is a table of functions that
 * only grows at its end: the places used here are those of its first version. */
#include "peer.h"

typedef struct base { const void *const *(*get)(uint32_t version); const char *(*version)(void); } base;
const base *OrtGetApiBase(void);
enum { MESSAGE = 2, CREATE_ENV = 3, CREATE_SESSION = 7, RUN = 9, CREATE_OPTIONS = 10, OPTIMISATION = 23, INTRA_THREADS = 24, INTER_THREADS = 25,
       TENSOR_OF_DATA = 49, TENSOR_DATA = 51, TENSOR_SHAPE = 65, SHAPE_COUNT = 64, CPU_MEMORY = 69 };
enum { FATAL = 4, ALL_OPTIMISATIONS = 99, FLOAT = 1, INT32 = 6, ARENA = 1, MEMORY_DEFAULT = 0 };

static const void *const *api;

static void check(void *status)
{
    if (!status)
        return;
    fprintf(stderr, "onnxruntime: %s\n", ((const char *(*)(const void *))api[MESSAGE])(status));
    exit(1);
}

typedef struct state { void *session, *x, *y; const char *in, *out; } state;

static void run(void *user)
{
    state *s = user;
    check(((void *(*)(void *, const void *, const char *const *, const void *const *, size_t, const char *const *, size_t, void **))api[RUN])(
        s->session, NULL, &s->in, (const void *const *)&s->x, 1, &s->out, 1, &s->y));
}

int main(int argc, char **argv)
{
    peer p;
    void *env, *options, *memory, *shape, *data;
    size_t count;
    const double start = now_ms();
    peer_open(&p, argc, argv);
    state s = {.in = p.input, .out = p.output};
    api = OrtGetApiBase()->get(1);
    check(((void *(*)(int, const char *, void **))api[CREATE_ENV])(FATAL, "bench", &env));
    check(((void *(*)(void **))api[CREATE_OPTIONS])(&options));
    check(((void *(*)(void *, int))api[OPTIMISATION])(options, ALL_OPTIMISATIONS));
    check(((void *(*)(void *, int))api[INTRA_THREADS])(options, p.threads));
    check(((void *(*)(void *, int))api[INTER_THREADS])(options, 1));
    check(((void *(*)(void *, const char *, const void *, void **))api[CREATE_SESSION])(env, p.file, options, &s.session));
    check(((void *(*)(int, int, void **))api[CPU_MEMORY])(ARENA, MEMORY_DEFAULT, &memory));
    check(((void *(*)(const void *, void *, size_t, const int64_t *, size_t, int, void **))api[TENSOR_OF_DATA])(
        memory, p.x, p.x_bytes, p.dims, (size_t)p.rank, p.integers ? INT32 : FLOAT, &s.x));
    p.load = now_ms() - start;
    run(&s);            /* makes the output, which later runs fill again */
    p.first = now_ms() - start - p.load;
    check(((void *(*)(void *, void **))api[TENSOR_DATA])(s.y, &data));
    check(((void *(*)(const void *, void **))api[TENSOR_SHAPE])(s.y, &shape));
    check(((void *(*)(const void *, size_t *))api[SHAPE_COUNT])(shape, &count));
    peer_keep(&p, data, 4 * count);
    peer_measure(&p, run, &s);
    _Exit(0);
}
