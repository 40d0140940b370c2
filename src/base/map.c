/* A hash map from text to pointer in an arena: open addressing, SipHash-1-3 with the context's seed.
 * Keys are borrowed. Nothing is ever removed, and there is no order. */
#include "base/context.h"

typedef struct entry {
    const char *key; /* NULL: free */
    void *value;
    uint64_t hash;
} entry;

struct cuv_map {
    cuv_arena *arena;
    entry *entries;
    size_t capacity; /* a power of two, or 0 */
    size_t count;
};

static uint64_t rotate(uint64_t x, int bits)
{
    return x << bits | x >> (64 - bits);
}

static void sip_round(uint64_t v[4])
{
    v[0] += v[1];
    v[1] = rotate(v[1], 13) ^ v[0];
    v[0] = rotate(v[0], 32);
    v[2] += v[3];
    v[3] = rotate(v[3], 16) ^ v[2];
    v[0] += v[3];
    v[3] = rotate(v[3], 21) ^ v[0];
    v[2] += v[1];
    v[1] = rotate(v[1], 17) ^ v[2];
    v[2] = rotate(v[2], 32);
}

/* Aumasson and Bernstein, "SipHash: a fast short-input PRF". */
static uint64_t hash_text(const uint64_t seed[2], const char *text, size_t size)
{
    uint64_t v[4] = {seed[0] ^ UINT64_C(0x736f6d6570736575), seed[1] ^ UINT64_C(0x646f72616e646f6d),
                     seed[0] ^ UINT64_C(0x6c7967656e657261), seed[1] ^ UINT64_C(0x7465646279746573)};
    size_t at = 0;
    for (; size - at >= 8; at += 8) {
        uint64_t word = 0;
        memcpy(&word, text + at, 8);
        v[3] ^= word;
        sip_round(v);
        v[0] ^= word;
    }
    uint64_t last = (uint64_t)size << 56;
    for (unsigned shift = 0; at < size; at++, shift += 8)
        last |= (uint64_t)(unsigned char)text[at] << shift;
    v[3] ^= last;
    sip_round(v);
    v[0] ^= last;
    v[2] ^= 0xff;
    for (int i = 0; i < 3; i++)
        sip_round(v);
    return v[0] ^ v[1] ^ v[2] ^ v[3];
}

static uint64_t hash_key(const cuv_map *map, const char *key)
{
    return hash_text(cuv_arena_context(map->arena)->seed, key, strlen(key));
}

/* The entry of the key, or the free one where it belongs. */
static entry *find(entry *entries, size_t capacity, uint64_t hash, const char *key)
{
    size_t i = (size_t)hash & (capacity - 1);
    while (entries[i].key && (entries[i].hash != hash || strcmp(entries[i].key, key) != 0))
        i = (i + 1) & (capacity - 1);
    return &entries[i];
}

cuv_map *cuv_map_new(cuv_arena *arena)
{
    cuv_map *map = CUV_NEW(arena, cuv_map);
    if (map)
        map->arena = arena;
    return map;
}

static bool grow(cuv_map *map)
{
    size_t capacity = 0;
    if (!cuv_mul_size(map->capacity ? map->capacity : 8, 2, &capacity))
        return false;
    entry *entries = CUV_NEW_ARRAY(map->arena, entry, capacity);
    if (!entries)
        return false;
    for (size_t i = 0; i < map->capacity; i++) {
        const entry *e = &map->entries[i];
        if (e->key)
            *find(entries, capacity, e->hash, e->key) = *e;
    }
    map->entries = entries;
    map->capacity = capacity;
    return true;
}

cuv_status cuv_map_set(cuv_map *map, const char *key, void *value)
{
    if (map->count + 1 > map->capacity / 4 * 3 && !grow(map))
        return cuv_oom(cuv_arena_context(map->arena));
    uint64_t hash = hash_key(map, key);
    entry *e = find(map->entries, map->capacity, hash, key);
    if (!e->key)
        map->count++;
    *e = (entry){.key = e->key ? e->key : key, .value = value, .hash = hash};
    return CUV_OK;
}

void *cuv_map_get(const cuv_map *map, const char *key)
{
    if (!map || map->count == 0)
        return NULL;
    return find(map->entries, map->capacity, hash_key(map, key), key)->value;
}
