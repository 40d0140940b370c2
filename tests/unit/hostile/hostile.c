/* A libhdf5 that a crafted file has taken over: loaded in place of the real one (same soname), it does on the first call after
 * confinement what CUV_HOSTILE says. */
#include "format/hdf5_lib.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <unistd.h>

/* Every function that cuvier looks up is cuv_hostile_call, but for those in loading.c. */
#define STUB(result, name, parameters) __asm__(".weak H5" #name "\n.set H5" #name ", cuv_hostile_call\n");
CUV_H5_FUNCTIONS(STUB)
__asm__(".weak H5Literate\n.set H5Literate, cuv_hostile_call\n");

#define CUV_EXPORT __attribute__((visibility("default"), used))
#define VARIABLE(name) CUV_EXPORT hid_t H5##name##_g = 1;
CUV_H5_VARIABLES(VARIABLE)

/* Descriptors of the process in front of any pipe: none but the pipe is left, so the answer's is found by trying. */
static void say(const void *data, size_t size)
{
    for (int fd = 0; fd < 1024; fd++)
        if (write(fd, data, size) == (ssize_t)size)
            return;
}

/* One letter after "did:" for each thing that is possible: there should be none. */
static void try_all(void)
{
    char done[16] = "did:";
    size_t n = strlen(done);
    if (open("/etc/passwd", O_RDONLY) >= 0)
        done[n++] = 'o';
    if (socket(AF_INET, SOCK_STREAM, 0) >= 0)
        done[n++] = 's';
    if (mmap(NULL, 4096, PROT_READ | PROT_EXEC, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0) != MAP_FAILED)
        done[n++] = 'x';
    if (fork() >= 0)
        done[n++] = 'f';
    if (kill(getppid(), 0) == 0)
        done[n++] = 'k';
    if (execl("/bin/true", "true", (char *)NULL) == 0)
        done[n++] = 'e';
    if (unlink("/nonexistent") == 0 || errno != EPERM)
        done[n++] = 'u';
    /* A failure as hdf5_parcel.c sends it: size, confined, status CUV_DAMAGED, id and message, no other texts. */
    uint8_t parcel[9 + 1 + 4 + 5 + 4 + 16 + 7 * 4] = {0};
    uint8_t *p = parcel;
    *p = (uint8_t)(sizeof parcel - 9 - 16 + n);
    p[8] = 1;
    p[9] = CUV_DAMAGED;
    p[10] = 6;
    memcpy(p + 14, "tried", 5);
    p[19] = (uint8_t)(n + 1);
    memcpy(p + 23, done, n);
    say(parcel, sizeof parcel - 16 + n);
}

CUV_EXPORT long cuv_hostile_call(void)
{
    const char *what = getenv("CUV_HOSTILE");
    uint8_t bytes[64];
    if (!what)
        return -1;
    if (strcmp(what, "crash") == 0)
        __builtin_trap();
    if (strcmp(what, "hang") == 0)
        for (;;)
            __asm__ volatile("");
    memset(bytes, 0xFF, sizeof bytes);
    if (strcmp(what, "absurd") == 0)
        say(bytes, sizeof bytes);
    memset(bytes, 0, sizeof bytes);
    bytes[0] = 40;
    bytes[8] = 1;
    memset(bytes + 9, 7, 40);
    bytes[9] = 0;
    if (strcmp(what, "garbage") == 0)
        say(bytes, 49);
    bytes[0] = 200;
    if (strcmp(what, "cut") == 0)
        say(bytes, 49);
    if (strcmp(what, "try") == 0)
        try_all();
    _exit(0);
}
