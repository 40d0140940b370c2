/* What one core of this machine can do at most: multiplications with additions in float32, and bytes read from each level of memory.
 *
 * usage: peak [THREADS]
 * Prints JSON: "gflops" (one thread), "gbps": {"l2", "l3", "dram"} (one thread) and, with THREADS above 1, "gflops_all" and "dram_all". Sizes: half
 * of the second cache, half of the third (32 MiB at most), 512 MiB. The best of many short
 * tries. */
#define _GNU_SOURCE
#include <pthread.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

typedef float v8 __attribute__((vector_size(32), aligned(4)));

static double now(void)
{
    struct timespec t;
    clock_gettime(CLOCK_MONOTONIC, &t);
    return (double)t.tv_sec + (double)t.tv_nsec * 1e-9;
}

enum { CHAINS = 12, ROUNDS = 400000 };

/* Chains that do not wait for each other, each in a register of its own. */
#define EACH(do) do(0) do(1) do(2) do(3) do(4) do(5) do(6) do(7) do(8) do(9) do(10) do(11)
#define START16(i) __m512 a##i = _mm512_set1_ps(i);
#define STEP16(i) a##i = _mm512_fmadd_ps(a##i, b, c);
#define SUM16(i) sum += _mm512_cvtss_f32(a##i);
#define START8(i) __m256 a##i = _mm256_set1_ps(i);
#define STEP8(i) a##i = _mm256_fmadd_ps(a##i, b, c);
#define SUM8(i) sum += _mm256_cvtss_f32(a##i);
#if defined(__x86_64__)
#include <immintrin.h>

__attribute__((target("avx512f"), noinline)) static float fma16(void)
{
    const __m512 b = _mm512_set1_ps(0.999f), c = _mm512_set1_ps(1e-3f);
    float sum = 0;
    EACH(START16)
    for (int n = 0; n < ROUNDS; n++) {
        EACH(STEP16)
    }
    EACH(SUM16)
    return sum;
}

__attribute__((target("avx2,fma"), noinline)) static float fma8(void)
{
    const __m256 b = _mm256_set1_ps(0.999f), c = _mm256_set1_ps(1e-3f);
    float sum = 0;
    EACH(START8)
    for (int n = 0; n < ROUNDS; n++) {
        EACH(STEP8)
    }
    EACH(SUM8)
    return sum;
}
#endif

static volatile float sink;

static void *flops_once(void *best)
{
    const double start = now();
    double work = 0;
#if defined(__x86_64__)
    if (__builtin_cpu_supports("avx512f")) {
        sink = fma16();
        work = 32;
    } else if (__builtin_cpu_supports("avx2")) {
        sink = fma8();
        work = 16;
    }
#endif
    *(double *)best = work * CHAINS * ROUNDS / (now() - start) * 1e-9;
    return NULL;
}

typedef struct area { const char *data; size_t size; int repeat; double seconds; } area;

static void *read_area(void *user)
{
    area *a = user;
    const double start = now();
    v8 s[8] = {{0}};
    for (int r = 0; r < a->repeat; r++)
        for (size_t i = 0; i + 256 <= a->size; i += 256)
            for (int k = 0; k < 8; k++)
                s[k] += *(const v8 *)(const void *)(a->data + i + 32 * k);
    for (int k = 0; k < 8; k++)
        sink = s[k][0];
    a->seconds = now() - start;
    return NULL;
}

static double bandwidth(const char *data, size_t size, int threads)
{
    double best = 0;
    const int repeat = size < (8u << 20) ? (int)((64u << 20) / size) : 1;
    for (int n = 0; n < 12; n++) {
        pthread_t ids[64];
        area parts[64];
        const double start = now();
        for (int i = 0; i < threads; i++) {
            parts[i] = (area){data + size / (size_t)threads * (size_t)i, size / (size_t)threads, repeat, 0};
            if (i)
                pthread_create(&ids[i], NULL, read_area, &parts[i]);
        }
        read_area(&parts[0]);
        for (int i = 1; i < threads; i++)
            pthread_join(ids[i], NULL);
        const double took = now() - start, rate = (double)size * repeat / took * 1e-9;
        best = rate > best ? rate : best;
    }
    return best;
}

int main(int argc, char **argv)
{
    const int threads = argc > 1 ? atoi(argv[1]) : 1;
    const size_t large = 512u << 20;
    const long l2 = sysconf(_SC_LEVEL2_CACHE_SIZE), stated = sysconf(_SC_LEVEL3_CACHE_SIZE);
    const long l3 = stated > 32 << 20 ? 32 << 20 : stated;      /* of all sockets together, some virtual machines say */
    char *data = aligned_alloc(1 << 21, large);
    double one = 0, all = 0;
    if (!data || threads < 1 || threads > 64)
        return 1;
    memset(data, 1, large);
    for (int n = 0; n < 60; n++) {
        double rate[64] = {0}, sum = 0;
        pthread_t ids[64];
        flops_once(&rate[0]);
        one = rate[0] > one ? rate[0] : one;
        for (int i = 1; i < threads; i++)
            pthread_create(&ids[i], NULL, flops_once, &rate[i]);
        flops_once(&rate[0]);
        for (int i = 1; i < threads; i++)
            pthread_join(ids[i], NULL);
        for (int i = 0; i < threads; i++)
            sum += rate[i];
        all = sum > all ? sum : all;
    }
    printf("{\"gflops\": %.1f, \"gbps\": {\"l2\": %.1f, \"l3\": %.1f, \"dram\": %.1f}, \"l2_bytes\": %ld, \"l3_bytes\": %ld", one,
           bandwidth(data, l2 > 0 ? (size_t)l2 / 2 : 512u << 10, 1), bandwidth(data, l3 > 0 ? (size_t)l3 / 2 : 8u << 20, 1), bandwidth(data, large, 1),
           l2, l3);
    if (threads > 1)
        printf(", \"gflops_all\": %.1f, \"dram_all\": %.1f", all, bandwidth(data, large, threads));
    puts("}");
    return 0;
}
