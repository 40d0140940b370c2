/* FarmHash64, SipHash-2-4 and the joining of fingerprints, written from their descriptions; the tests hold them against TensorFlow. */
#include "run/text_hash.h"

#include <string.h>

/* C source that is written embeds this text piece by piece: each constant is one. */
#define FARM_K0 0xc3a5c85c97cb3127u
#define FARM_K1 0xb492b66fbe98f273u
#define FARM_K2 0x9ae16a3b2f90404fu

typedef struct pair { uint64_t first, second; } pair;

static uint64_t fetch64(const uint8_t *p)
{
    uint64_t v = 0;
    for (int i = 7; i >= 0; i--)
        v = v << 8 | p[i];
    return v;
}

static uint64_t fetch32(const uint8_t *p)
{
    return (uint64_t)p[0] | (uint64_t)p[1] << 8 | (uint64_t)p[2] << 16 | (uint64_t)p[3] << 24;
}

static uint64_t rotate(uint64_t v, int shift)
{
    return v >> shift | v << (64 - shift);
}

static uint64_t mix(uint64_t v)
{
    return v ^ (v >> 47);
}

static uint64_t join(uint64_t u, uint64_t v, uint64_t mul)
{
    uint64_t a = mix((u ^ v) * mul);
    return mix((v ^ a) * mul) * mul;
}

static uint64_t hash_to_16(const uint8_t *s, size_t n)
{
    uint64_t mul = FARM_K2 + n * 2;
    if (n >= 8) {
        uint64_t a = fetch64(s) + FARM_K2, b = fetch64(s + n - 8);
        return join(rotate(b, 37) * mul + a, (rotate(a, 25) + b) * mul, mul);
    }
    if (n >= 4)
        return join(n + (fetch32(s) << 3), fetch32(s + n - 4), mul);
    if (n == 0)
        return FARM_K2;
    uint64_t y = s[0] + ((uint64_t)s[n >> 1] << 8), z = n + ((uint64_t)s[n - 1] << 2);
    return mix(y * FARM_K2 ^ z * FARM_K0) * FARM_K2;
}

static uint64_t hash_to_32(const uint8_t *s, size_t n)
{
    uint64_t mul = FARM_K2 + n * 2, a = fetch64(s) * FARM_K1, b = fetch64(s + 8);
    uint64_t c = fetch64(s + n - 8) * mul, d = fetch64(s + n - 16) * FARM_K2;
    return join(rotate(a + b, 43) + rotate(c, 30) + d, a + rotate(b + FARM_K2, 18) + c, mul);
}

static uint64_t hash_to_64(const uint8_t *s, size_t n)
{
    uint64_t mul = FARM_K2 + n * 2, a = fetch64(s) * FARM_K2, b = fetch64(s + 8);
    uint64_t c = fetch64(s + n - 8) * mul, d = fetch64(s + n - 16) * FARM_K2;
    uint64_t y = rotate(a + b, 43) + rotate(c, 30) + d, z = join(y, a + rotate(b + FARM_K2, 18) + c, mul);
    uint64_t e = fetch64(s + 16) * mul, f = fetch64(s + 24);
    uint64_t g = (y + fetch64(s + n - 32)) * mul, h = (z + fetch64(s + n - 24)) * mul;
    return join(rotate(e + f, 43) + rotate(g, 30) + h, e + rotate(f + a, 18) + g, mul);
}

static pair weak(const uint8_t *s, uint64_t a, uint64_t b)
{
    uint64_t w = fetch64(s), x = fetch64(s + 8), y = fetch64(s + 16), z = fetch64(s + 24);
    a += w;
    b = rotate(b + a + z, 21);
    uint64_t c = a;
    a += x + y;
    b += rotate(a, 44);
    return (pair){a + z, b + c};
}

static void swap(uint64_t *a, uint64_t *b)
{
    uint64_t t = *a;
    *a = *b;
    *b = t;
}

uint64_t cuv_farmhash64(const void *data, size_t n)
{
    const uint8_t *s = data;
    if (n <= 16)
        return hash_to_16(s, n);
    if (n <= 32)
        return hash_to_32(s, n);
    if (n <= 64)
        return hash_to_64(s, n);
    uint64_t x = 81, y = 81 * FARM_K1 + 113, z = mix(y * FARM_K2 + 113) * FARM_K2;
    pair v = {0, 0}, w = {0, 0};
    const uint8_t *end = s + (n - 1) / 64 * 64, *last = end + ((n - 1) & 63) - 63;
    x = x * FARM_K2 + fetch64(s);
    do {
        x = rotate(x + y + v.first + fetch64(s + 8), 37) * FARM_K1;
        y = rotate(y + v.second + fetch64(s + 48), 42) * FARM_K1;
        x ^= w.second;
        y += v.first + fetch64(s + 40);
        z = rotate(z + w.first, 33) * FARM_K1;
        v = weak(s, v.second * FARM_K1, x + w.first);
        w = weak(s + 32, z + w.second, y + fetch64(s + 16));
        swap(&z, &x);
        s += 64;
    } while (s != end);
    uint64_t mul = FARM_K1 + ((z & 0xff) << 1);
    s = last;
    w.first += (n - 1) & 63;
    v.first += w.first;
    w.first += v.first;
    x = rotate(x + y + v.first + fetch64(s + 8), 37) * mul;
    y = rotate(y + v.second + fetch64(s + 48), 42) * mul;
    x ^= w.second * 9;
    y += v.first * 9 + fetch64(s + 40);
    z = rotate(z + w.first, 33) * mul;
    v = weak(s, v.second * mul, x + w.first);
    w = weak(s + 32, z + w.second, y + fetch64(s + 16));
    swap(&z, &x);
    return join(join(v.first, w.first, mul) + mix(y) * FARM_K0 + z, join(v.second, w.second, mul) + x, mul);
}

static void sip_round(uint64_t v[4])
{
    v[0] += v[1], v[1] = rotate(v[1], 51) ^ v[0], v[0] = rotate(v[0], 32);
    v[2] += v[3], v[3] = rotate(v[3], 48) ^ v[2];
    v[0] += v[3], v[3] = rotate(v[3], 43) ^ v[0];
    v[2] += v[1], v[1] = rotate(v[1], 47) ^ v[2], v[2] = rotate(v[2], 32);
}

uint64_t cuv_siphash(const void *data, size_t n, uint64_t key0, uint64_t key1)
{
    const uint8_t *s = data;
    uint64_t v[4] = {key0 ^ 0x736f6d6570736575u, key1 ^ 0x646f72616e646f6du, key0 ^ 0x6c7967656e657261u, key1 ^ 0x7465646279746573u};
    for (size_t at = 0; at <= n; at += 8) {
        uint8_t last[8] = {0};
        last[7] = (uint8_t)n;
        if (n - at < 8 && n > at)
            memcpy(last, s + at, n - at);
        uint64_t m = fetch64(n - at >= 8 ? s + at : last);
        v[3] ^= m;
        sip_round(v);
        sip_round(v);
        v[0] ^= m;
    }
    v[2] ^= 0xff;
    for (int i = 0; i < 4; i++)
        sip_round(v);
    return v[0] ^ v[1] ^ v[2] ^ v[3];
}

uint64_t cuv_fingerprint_cat(uint64_t a, uint64_t b)
{
    const uint64_t mul = 0xc6a4a7935bd1e995u;
    uint64_t result = (a ^ mul) ^ mix(b * mul) * mul;
    return mix(mix(result * mul) * mul);
}
