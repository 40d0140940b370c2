/* libhdf5 in a process of its own. It is forked with the file already in its memory, loads the library, is confined (base/confine.h)
 * and only then looks at the file; it answers through a pipe with the tree as a parcel. Whatever a crafted file makes of
 * libhdf5 stays in there: what comes out is read as carefully as a file. */
#include "base/confine.h"
#include "format/hdf5.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <sys/wait.h>
#include <unistd.h>

enum { POLL_MS = 100, ANSWER_BASE = 1 << 20 };

/* ---- the process --------------------------------------------------------------------------------------- */

/* The answer is its own size (8 bytes, little-endian), 1 if the process is confined, and the parcel. */
typedef struct answer {
    int fd;
    bool confined;
} answer;

static bool write_all(void *user, const void *data, size_t size)
{
    const answer *a = user;
    const uint8_t *p = data;
    while (size > 0) {
        ssize_t n = write(a->fd, p, size);
        if (n < 0 && errno == EINTR)
            continue;
        if (n <= 0)
            return false;
        p += n;
        size -= (size_t)n;
    }
    return true;
}

/* A parcel is made of many small pieces. */
typedef struct gathering {
    answer *to;
    size_t filled;
    uint8_t bytes[1 << 16];
} gathering;

static bool flush(gathering *g)
{
    size_t filled = g->filled;
    g->filled = 0;
    return write_all(g->to, g->bytes, filled);
}

static bool gather(void *user, const void *data, size_t size)
{
    gathering *g = user;
    if (size > sizeof g->bytes - g->filled && !flush(g))
        return false;
    if (size > sizeof g->bytes)
        return write_all(g->to, data, size);
    memcpy(g->bytes + g->filled, data, size);
    g->filled += size;
    return true;
}

static void confine(void *user)
{
    answer *a = user;
    a->confined = cuv_confine(a->fd);
}

/* The tree, or the failure when there is none. */
static cuv_status pack(cuv_h5_parcel *p, cuv_arena *arena, const cuv_source *src, cuv_status status, const cuv_h5 *root)
{
    const cuv_context *cx = cuv_arena_context(arena);
    if (status == CUV_OK)
        return cuv_h5_pack_tree(p, arena, src, root);
    cuv_h5_pack_failure(p, status, cuv_finding_at(cx, cuv_finding_count(cx) - 1));
    return p->failed ? CUV_IO : CUV_OK;
}

/* Packs twice: the first time to nowhere, for the size, and to see whether memory is enough. */
static bool send_answer(answer *a, cuv_arena *arena, const cuv_source *src, cuv_status status, const cuv_h5 *root)
{
    static gathering g;      /* of this process alone */
    cuv_h5_parcel counted = {0}, sent = {.write = gather, .user = &g};
    uint8_t head[9];
    cuv_status packed = pack(&counted, arena, src, status, root);
    if (packed != CUV_OK) {
        status = packed;
        counted = (cuv_h5_parcel){0};
        if (pack(&counted, arena, src, status, NULL) != CUV_OK)
            return false;
    }
    for (unsigned i = 0; i < 8; i++)
        head[i] = (uint8_t)(counted.size >> (8 * i));
    head[8] = a->confined;
    g.to = a;
    if (!gather(&g, head, sizeof head))
        return false;
    return pack(&sent, arena, src, status, root) == CUV_OK && flush(&g);
}

/* The caller's signal handlers are not for this process: it ends by whatever hits it. */
static void forget_handlers(void)
{
    sigset_t none;
    for (int i = 1; i < NSIG; i++)
        if (i != SIGKILL && i != SIGSTOP)
            (void)signal(i, SIG_DFL);
    sigemptyset(&none);
    sigprocmask(SIG_SETMASK, &none, NULL);
}

/* What the forked process does; it never returns. It has a context of its own: the caller's may be locked by a thread that does
 * not exist here. */
static _Noreturn void read_and_answer(int fd, const cuv_limits *limits, const cuv_source *src, const char *need)
{
    answer a = {.fd = fd};
    cuv_context *cx;
    cuv_h5 *root = NULL;
    forget_handlers();
    if (cuv_context_new(NULL, &cx) != CUV_OK)
        _exit(1);
    *cuv_context_limits(cx) = *limits;
    cuv_start_clock(cx);
    cuv_arena *arena = cuv_arena_new(cx);
    if (!arena)
        _exit(1);
    cuv_status status = cuv_h5_read_by_lib(arena, src, need, confine, &a, &root);
    _exit(send_answer(&a, arena, src, status, root) ? 0 : 1);
}

/* ---- the caller ---------------------------------------------------------------------------------------- */

static cuv_status no_process(cuv_context *cx, const char *file)
{
    cuv_detail detail = {.file = file, .help = "let this process start others, or refuse such files (--no-libhdf5); a program that trusts "
                                               "them can call cuv_context_hdf5(cx, CUV_HDF5_INSIDE)"};
    return cuv_fail(cx, CUV_MEMORY, "hdf5.process", &detail, "%s: libhdf5 is to read it in a process of its own, and the system starts "
                    "none: %s", file, strerror(errno));
}

/* Reads exactly `size` bytes while the clock runs. CUV_NO: the answer ends early. */
static cuv_status receive(cuv_context *cx, int fd, void *to, size_t size)
{
    uint8_t *p = to;
    while (size > 0) {
        struct pollfd ready = {.fd = fd, .events = POLLIN};
        CUV_TRY(cuv_check_time(cx));
        if (poll(&ready, 1, POLL_MS) <= 0)
            continue;
        ssize_t n = read(fd, p, size);
        if (n < 0 && (errno == EINTR || errno == EAGAIN))
            continue;
        if (n <= 0)
            return CUV_NO;
        p += n;
        size -= (size_t)n;
    }
    return CUV_OK;
}

/* No honest answer is larger than what the limits let the file declare. */
static bool is_plausible(const cuv_limits *limits, const cuv_source *src, uint64_t size)
{
    uint64_t most;
    if (__builtin_mul_overflow((uint64_t)src->size, limits->expansion ? limits->expansion : 1, &most) ||
        __builtin_add_overflow(most, ANSWER_BASE + 8 * (uint64_t)src->size, &most))
        most = UINT64_MAX;
    return size > 0 && size <= most && size <= SIZE_MAX / 2;
}

static void warn_unconfined(cuv_context *cx, const char *file)
{
    cuv_detail detail = {.file = file, .help = "give --no-libhdf5 for files that you do not trust"};
    cuv_warn(cx, "hdf5.unconfined", &detail, "%s: libhdf5 reads it in a process of its own, which this system cannot keep from "
             "opening files", file);
}

static cuv_status receive_answer(cuv_arena *arena, const cuv_source *src, int fd, cuv_h5 **out)
{
    cuv_context *cx = cuv_arena_context(arena);
    uint8_t head[9];
    cuv_blob *blob;
    CUV_TRY(receive(cx, fd, head, sizeof head));
    uint64_t size = 0;
    for (unsigned i = 8; i > 0; i--)
        size = size << 8 | head[i - 1];
    if (!is_plausible(cuv_context_limits(cx), src, size))
        return CUV_NO;
    if (head[8] != 1)
        warn_unconfined(cx, src->name);
    CUV_TRY(cuv_blob_new(cx, (size_t)size, &blob));
    cuv_status status = receive(cx, fd, blob->data, blob->size);
    if (status == CUV_OK) {
        cuv_source bytes = {.blob = blob, .data = blob->data, .size = blob->size, .name = src->name};
        status = cuv_h5_unpack(arena, src, &bytes, out);
    }
    cuv_blob_release(blob);
    return status;
}

/* How the process ended, when that can be told: a host program may have waited for it already. */
static int wait_for(pid_t pid)
{
    int how = 0;
    pid_t done;
    do
        done = waitpid(pid, &how, 0);
    while (done < 0 && errno == EINTR);
    return done == pid ? how : 0;
}

static cuv_status fell(cuv_context *cx, const char *file, int how)
{
    cuv_detail detail = {.file = file, .help = "get another copy of the file, and do not trust this one"};
    if (WIFSIGNALED(how))
        return cuv_fail(cx, CUV_DAMAGED, "hdf5.crash", &detail, "%s: libhdf5 crashed on it (signal %d), in a process of its own: nothing "
                        "else was touched", file, WTERMSIG(how));
    return cuv_fail(cx, CUV_DAMAGED, "hdf5.crash", &detail, "%s: the process in which libhdf5 read it ended without an answer", file);
}

static cuv_status read_confined(cuv_arena *arena, const cuv_source *src, const char *need, cuv_h5 **out)
{
    cuv_context *cx = cuv_arena_context(arena);
    int ends[2];
    if (pipe2(ends, O_CLOEXEC) != 0)
        return no_process(cx, src->name);
    pid_t pid = cuv_h5_lib_fork();
    if (pid == 0)
        read_and_answer(ends[1], cuv_context_limits(cx), src, need);
    int reason = errno;
    close(ends[1]);
    if (pid < 0) {
        close(ends[0]);
        errno = reason;
        return no_process(cx, src->name);
    }
    cuv_status status = receive_answer(arena, src, ends[0], out);
    close(ends[0]);
    if (status != CUV_OK)
        kill(pid, SIGKILL);
    int how = wait_for(pid);
    return status == CUV_NO ? fell(cx, src->name, how) : status;
}

cuv_status cuv_h5_parse_lib_for(cuv_arena *arena, const cuv_source *src, const char *need, cuv_h5 **out)
{
    cuv_context *cx = cuv_arena_context(arena);
    *out = NULL;
    switch (cuv_hdf5_reader(cx)) {
    case CUV_HDF5_OWN:
        return cuv_h5_lib_off(cx, src->name, need);
    case CUV_HDF5_INSIDE:
        return cuv_h5_read_by_lib(arena, src, need, NULL, NULL, out);
    case CUV_HDF5_LIBRARY:
        break;
    }
    return read_confined(arena, src, need, out);
}
