/* Confinement by seccomp (Linux on x86-64 and AArch64), closed descriptors and resource limits. A system call that is not needed
 * fails with EPERM. Landlock would add nothing: no file can be opened at all. */
#include "base/confine.h"

#include <signal.h>
#include <sys/resource.h>
#include <unistd.h>

enum { MOST_DESCRIPTORS = 65536 };

static void close_others(int kept)
{
    long count = sysconf(_SC_OPEN_MAX);
    if (count < 0 || count > MOST_DESCRIPTORS)
        count = MOST_DESCRIPTORS;
#ifdef _GNU_SOURCE
    if ((kept == 0 || close_range(0, (unsigned)kept - 1, 0) == 0) && close_range((unsigned)kept + 1, ~0U, 0) == 0)
        return;
#endif
    for (int i = 0; i < (int)count; i++)
        if (i != kept)
            close(i);
}

/* The first argument of setrlimit is an enumeration in glibc and an int elsewhere; constants fit both. */
#define FORBID(resource) (void)setrlimit(resource, &(struct rlimit){0, 0})

#if defined(__linux__) && (defined(__x86_64__) || defined(__aarch64__))
#include <errno.h>
#include <linux/audit.h>
#include <linux/filter.h>
#include <linux/seccomp.h>
#include <stddef.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/syscall.h>

#ifdef __x86_64__
#define THIS_MACHINE AUDIT_ARCH_X86_64
#else
#define THIS_MACHINE AUDIT_ARCH_AARCH64
#endif

/* Low half of argument n; both machines are little-endian. */
#define LOAD_ARGUMENT(n) BPF_STMT(BPF_LD | BPF_W | BPF_ABS, (unsigned)(offsetof(struct seccomp_data, args) + 8 * (n)))
#define ALLOW BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ALLOW)
#define REFUSE BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ERRNO | EPERM)
#define ALLOW_CALL(name) BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, SYS_##name, 0, 1), ALLOW
/* The call with these bits clear in argument n; every path of these ends. */
#define ALLOW_WITHOUT(name, n, bits)                                                                                     \
    BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, SYS_##name, 0, 4), LOAD_ARGUMENT(n),                                              \
        BPF_JUMP(BPF_JMP | BPF_JSET | BPF_K, (bits), 0, 1), REFUSE, ALLOW
#define ALLOW_ON(name, n, value)                                                                                         \
    BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, SYS_##name, 0, 4), LOAD_ARGUMENT(n),                                              \
        BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, (value), 1, 0), REFUSE, ALLOW

static bool filter_calls(int answer)
{
    struct sock_filter rules[] = {
        BPF_STMT(BPF_LD | BPF_W | BPF_ABS, offsetof(struct seccomp_data, arch)),
        BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, THIS_MACHINE, 1, 0),
        BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_KILL_PROCESS),
        BPF_STMT(BPF_LD | BPF_W | BPF_ABS, offsetof(struct seccomp_data, nr)),
        ALLOW_CALL(brk), ALLOW_CALL(munmap), ALLOW_CALL(mremap), ALLOW_CALL(madvise), ALLOW_CALL(futex),
        ALLOW_CALL(clock_gettime), ALLOW_CALL(gettimeofday), ALLOW_CALL(getrandom), ALLOW_CALL(sched_yield),
        ALLOW_CALL(rt_sigprocmask), ALLOW_CALL(rt_sigreturn), ALLOW_CALL(getpid), ALLOW_CALL(gettid),
        ALLOW_CALL(exit), ALLOW_CALL(exit_group),
        ALLOW_WITHOUT(mprotect, 2, PROT_EXEC),
        ALLOW_WITHOUT(mmap, 2, PROT_EXEC),      /* there is no descriptor to map */
        ALLOW_ON(write, 0, (unsigned)answer),
        REFUSE,
    };
    struct sock_fprog program = {sizeof rules / sizeof *rules, rules};
    return prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) == 0 && prctl(PR_SET_SECCOMP, SECCOMP_MODE_FILTER, &program) == 0;
}

static void die_with_parent(void)
{
    (void)prctl(PR_SET_PDEATHSIG, SIGKILL);
}
#else
static bool filter_calls(int answer)
{
    (void)answer;
    return false;
}

static void die_with_parent(void)
{
}
#endif

bool cuv_confine(int answer)
{
    die_with_parent();
    close_others(answer);
    FORBID(RLIMIT_CORE);
    FORBID(RLIMIT_NOFILE);
    FORBID(RLIMIT_FSIZE);        /* a pipe is no file */
    FORBID(RLIMIT_NPROC);
    return filter_calls(answer);
}
