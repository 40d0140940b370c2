#include "mutations.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum {
    MOST_PLACES = 32,   /* of a file; more are thinned out evenly */
    HEADER = 96,        /* bytes at the beginning of which each is changed */
    NEAR = 6            /* bytes behind a place of which each is changed */
};

/* ---- places ---- */

static void add(mutations *m, size_t at)
{
    if (at <= m->size)
        m->places[m->place_count++] = at;
}

static bool is_mark(const uint8_t *at, size_t left, size_t *length)
{
    static const char *const marks[] = {"PK\003\004", "PK\001\002", "PK\005\006", "SNOD", "TREE", "HEAP", "GCOL", "OHDR", "OCHK", "FRHP", "FADB",
                                        "\x93NUMPY", "\x89HDF", "keras", "layers", "vars"};
    for (size_t i = 0; i < sizeof marks / sizeof *marks; i++) {
        *length = strlen(marks[i]);
        if (*length <= left && !memcmp(at, marks[i], *length))
            return true;
    }
    return false;
}

static bool is_text(const uint8_t *data, size_t size)
{
    size_t odd = 0;
    for (size_t i = 0; i < size && i < 512; i++)
        odd += data[i] < 9 || data[i] > 126;
    return odd == 0;
}

/* Fields of a protocol buffer, from the front as far as they make sense; tables of checkpoints begin with such lengths, too. */
static void add_fields(mutations *m)
{
    size_t at = 0;
    for (int fields = 0; fields < 64 && at + 1 < m->size; fields++) {
        const unsigned kind = m->data[at] & 7;
        uint64_t value = 0;
        size_t p = at + 1;
        for (unsigned shift = 0; p < m->size && shift < 63; shift += 7) {
            value |= (uint64_t)(m->data[p] & 127) << shift;
            if (!(m->data[p++] & 128))
                break;
        }
        add(m, at);
        at = kind == 0 ? p : kind == 1 ? at + 9 : kind == 5 ? at + 5 : p;
        if (kind == 2 && value < m->size - p && value > 256)
            continue;           /* a long one: its own fields are next */
        at += kind == 2 && value <= m->size - p ? (size_t)value : 0;
    }
}

static int ascending(const void *a, const void *b)
{
    const size_t x = *(const size_t *)a, y = *(const size_t *)b;
    return x < y ? -1 : x > y;
}

static void tidy(mutations *m)
{
    size_t kept = 0;
    qsort(m->places, m->place_count, sizeof *m->places, ascending);
    for (size_t i = 0; i < m->place_count; i++)
        if (!kept || m->places[kept - 1] != m->places[i])
            m->places[kept++] = m->places[i];
    m->place_count = kept;
    if (kept <= MOST_PLACES)
        return;
    for (size_t i = 0; i < MOST_PLACES; i++)
        m->places[i] = m->places[i * (kept - 1) / (MOST_PLACES - 1)];
    m->place_count = MOST_PLACES;
}

bool mutations_begin(mutations *m, const uint8_t *data, size_t size)
{
    *m = (mutations){.data = data, .size = size, .places = malloc((3 * size + 256) * sizeof(size_t))};
    if (!m->places)
        return false;
    const bool text = is_text(data, size);
    for (size_t at = 1; at < size; at *= 2)
        add(m, at);
    add(m, 0);
    add(m, size - 1);
    add(m, size > 48 ? size - 48 : size);       /* the footer of a table, the end record of a zip */
    add(m, size > 22 ? size - 22 : size);
    for (size_t i = 0; i < size; i++) {
        size_t length;
        if (text && strchr("{}[]:,\n", data[i]) && data[i])
            add(m, i);
        else if (!text && is_mark(data + i, size - i, &length)) {
            add(m, i);
            add(m, i + length);
        }
    }
    if (!text)
        add_fields(m);
    tidy(m);
    return true;
}

void mutations_end(mutations *m)
{
    free(m->places);
}

/* ---- mutants ---- */

static void put_number(mutant *out, size_t at, size_t bytes, uint64_t value)
{
    for (size_t i = 0; i < bytes && at + i < out->size; i++)
        out->data[at + i] = (uint8_t)(value >> 8 * i);
}

static void take(const mutations *m, mutant *out, size_t from, size_t to)
{
    memcpy(out->data + out->size, m->data + from, to - from);
    out->size += to - from;
}

/* Parts between places: exchanged with the next one, left out, there twice. */
static void rearrange(const mutations *m, size_t k, int how, mutant *out)
{
    const size_t a = m->places[k], b = k + 1 < m->place_count ? m->places[k + 1] : m->size;
    const size_t c = k + 2 < m->place_count ? m->places[k + 2] : m->size;
    static const char *const words[] = {"exchanged", "left out", "twice"};
    out->size = 0;
    take(m, out, 0, a);
    if (how == 0) {
        take(m, out, b, c);
        take(m, out, a, b);
        take(m, out, c, m->size);
    } else {
        take(m, out, how == 1 ? b : a, b);
        take(m, out, how == 1 ? b : a, m->size);
    }
    snprintf(out->what, sizeof out->what, "%zu to %zu %s", a, b, words[how]);
}

static void renumber(const mutations *m, size_t k, int how, mutant *out)
{
    static const struct { size_t bytes; uint64_t value; } numbers[] = {{1, 0}, {1, 255}, {2, 0xffff}, {4, 0}, {4, 0x7fffffff}, {4, 0xffffffff}, {8, 1},
                                                                       {8, UINT64_MAX}, {8, UINT64_MAX >> 1}};
    put_number(out, m->places[k], numbers[how].bytes, numbers[how].value);
    snprintf(out->what, sizeof out->what, "%llu in %zu bytes at %zu", (unsigned long long)numbers[how].value, numbers[how].bytes, m->places[k]);
}

static void flip(mutant *out, size_t at, unsigned bit)
{
    if (at < out->size)
        out->data[at] = (uint8_t)(out->data[at] ^ 1u << bit);
    snprintf(out->what, sizeof out->what, "bit %u of byte %zu", bit, at);
}

bool mutations_next(mutations *m, mutant *out)
{
    enum { NUMBERS = 9 };
    size_t n = m->next++;
    memcpy(out->data, m->data, m->size);
    out->size = m->size;
    if (n < m->place_count) {
        out->size = m->places[n];
        snprintf(out->what, sizeof out->what, "cut at %zu", out->size);
        return true;
    }
    n -= m->place_count;
    if (n < HEADER)
        return flip(out, n, (unsigned)(n * 5 % 8)), true;
    n -= HEADER;
    if (n < m->place_count * NEAR)
        return flip(out, m->places[n / NEAR] + n % NEAR, (unsigned)(n * 3 % 8)), true;
    n -= m->place_count * NEAR;
    if (n < m->place_count * NUMBERS)
        return renumber(m, n / NUMBERS, (int)(n % NUMBERS), out), true;
    n -= m->place_count * NUMBERS;
    if (n < m->place_count * 3)
        return rearrange(m, n / 3, (int)(n % 3), out), true;
    return false;
}
