/* What the peers that are driven from C share: their command line, times, and results.
 *
 * usage: peer FILE X Y TYPE DIMS THREADS SECONDS INPUT OUTPUT
 *   FILE     the model            X, Y     the bytes of the input; where those of the output go
 *   TYPE     f float32, i int32   DIMS     of the input, with the batch: 1,28,28,1
 *   SECONDS  how long to measure; 0: the first prediction alone
 *   INPUT, OUTPUT  names in the file */
#ifndef PEER_H
#define PEER_H

#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

typedef struct peer {
    const char *file, *x_path, *y_path, *input, *output;
    int integers, threads, rank;
    int64_t dims[8];
    double seconds;
    void *x;
    size_t x_bytes;
    double load, first;
} peer;

static inline double now_ms(void)
{
    struct timespec t;
    clock_gettime(CLOCK_MONOTONIC, &t);
    return (double)t.tv_sec * 1e3 + (double)t.tv_nsec * 1e-6;
}

static inline void peer_open(peer *p, int argc, char **argv)
{
    if (argc != 10)
        exit(2);
    *p = (peer){.file = argv[1], .x_path = argv[2], .y_path = argv[3], .integers = argv[4][0] == 'i', .threads = atoi(argv[6]),
                .seconds = atof(argv[7]), .input = argv[8], .output = argv[9], .x_bytes = 4};
    for (char *at = strtok(argv[5], ","); at && p->rank < 8; at = strtok(NULL, ","))
        p->x_bytes *= (size_t)(p->dims[p->rank++] = atoll(at));
    p->x = aligned_alloc(64, (p->x_bytes + 63) / 64 * 64);
    FILE *f = fopen(p->x_path, "rb");
    if (!p->x || !f || fread(p->x, 1, p->x_bytes, f) != p->x_bytes)
        exit(1);
    fclose(f);
}

static inline void peer_keep(const peer *p, const void *y, size_t bytes)
{
    FILE *f = fopen(p->y_path, "wb");
    if (!f || fwrite(y, 1, bytes, f) != bytes || fclose(f))
        exit(1);
}

static inline int peer_compare(const void *a, const void *b)
{
    const double x = *(const double *)a, y = *(const double *)b;
    return (x > y) - (x < y);
}

/* Runs again and again, and prints the document that run.py reads. */
static inline void peer_measure(const peer *p, void (*run)(void *), void *user)
{
    static double times[1 << 20];
    size_t n = 0;
    for (double until = now_ms() + p->seconds * 1e3; p->seconds > 0 && n < sizeof times / sizeof *times && (now_ms() < until || n < 2);) {
        const double start = now_ms();
        run(user);
        times[n++] = now_ms() - start;
    }
    qsort(times, n, sizeof *times, peer_compare);
    printf("{\"load_ms\": %.6g, \"first_ms\": %.6g, \"min_ms\": %.6g, \"median_ms\": %.6g}\n", p->load, p->first, n ? times[0] : p->first,
           n ? times[n / 2] : p->first);
    fflush(stdout);
}

#endif
