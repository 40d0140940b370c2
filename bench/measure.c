/* Runs a command and writes to a file what it cost: milliseconds from its start to its end, and the largest memory (KiB) that it had. A child
 * starts with the memory of the process that forked it in its account, so that is this small program, not Python.
 *
 * usage: measure RESULT COMMAND ARGUMENT... */
#define _GNU_SOURCE
#include <stdio.h>
#include <stdlib.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

static double now_ms(void)
{
    struct timespec t;
    clock_gettime(CLOCK_MONOTONIC, &t);
    return (double)t.tv_sec * 1e3 + (double)t.tv_nsec * 1e-6;
}

int main(int argc, char **argv)
{
    struct rusage usage;
    int status = 1;
    if (argc < 3)
        return 2;
    const double start = now_ms();
    const pid_t child = fork();
    if (child == 0) {
        execvp(argv[2], argv + 2);
        _exit(127);
    }
    if (child < 0 || wait4(child, &status, 0, &usage) != child)
        return 1;
    const double took = now_ms() - start;
    FILE *f = fopen(argv[1], "w");
    if (!f)
        return 1;
    fprintf(f, "%.3f %ld %.3f\n", took, usage.ru_maxrss,
            (double)(usage.ru_utime.tv_sec + usage.ru_stime.tv_sec) * 1e3 + (double)(usage.ru_utime.tv_usec + usage.ru_stime.tv_usec) * 1e-3);
    fclose(f);
    return WIFEXITED(status) ? WEXITSTATUS(status) : 1;
}
