/* Systematic damage to the bytes of a file: the same file gives the same mutants, in the same order. */
#ifndef CUV_TESTS_MUTATIONS_H
#define CUV_TESTS_MUTATIONS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

typedef struct mutant {
    uint8_t *data;      /* room for twice the file */
    size_t size;
    char what[80];      /* "cut at 512" */
} mutant;

typedef struct mutations {
    const uint8_t *data;
    size_t size;
    size_t *places, place_count;        /* where something begins or ends, in order */
    size_t next;
} mutations;

/* Looks for the places where parts of the file meet: zip members and their records, HDF5's blocks, fields of protocol buffers and of
 * checkpoints' tables, array headers, brackets and lines of texts. False: no memory. */
bool mutations_begin(mutations *m, const uint8_t *data, size_t size);
/* The next one: cut, flipped bits, other numbers, parts exchanged, left out or there twice; false after the last. */
bool mutations_next(mutations *m, mutant *out);
void mutations_end(mutations *m);

#endif
