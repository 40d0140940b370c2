/* The pickle machine, shared by the files pickle*.c: its stack, its memo and the items that lie on them.
 * An item begins with a cuv_value, so containers hold items and the finished tree is a tree of values. */
#ifndef CUV_FORMAT_PICKLE_H
#define CUV_FORMAT_PICKLE_H

#include "format/numpy.h"

typedef enum pickle_tag {
    PICKLE_PLAIN,
    PICKLE_BORROWED,    /* TEXT or BYTES whose text still lies in the source, without a NUL */
    PICKLE_GLOBAL,      /* extra: pickle_global */
    PICKLE_DTYPE,       /* extra: cuv_numpy_type */
    PICKLE_ARRAY,       /* an array that has not got its state */
    PICKLE_VARIABLE,    /* a variable of Keras that has not got its state */
    PICKLE_PREPARED,    /* what makes a variable's array; extra: the cuv_tensor, once it has got its state */
    PICKLE_WRAPPED,     /* joblib's stand-in for an array, whose bytes follow its state */
    PICKLE_ALIAS        /* extra: the item a 0-d object array holds */
} pickle_tag;

typedef enum pickle_callable {
    PICKLE_RECONSTRUCT, PICKLE_SCALAR, PICKLE_FROMBUFFER, PICKLE_NDARRAY, PICKLE_DTYPE_CLASS, PICKLE_ENCODE,
    PICKLE_ORDERED_DICT, PICKLE_ML_TYPE, PICKLE_WRAPPER, PICKLE_VARIABLE_CLASS, PICKLE_PARTIAL, PICKLE_RESOURCE, PICKLE_AS_DTYPE
} pickle_callable;

typedef struct pickle_global {
    const char *module, *name;
    pickle_callable callable;
} pickle_global;

typedef struct pickle_item {
    cuv_value value;            /* first: see above */
    pickle_tag tag;
    uint8_t colour;             /* these three belong to pickle_finish.c */
    uint32_t height;
    uint64_t expanded;
    const void *extra;
} pickle_item;

typedef struct pickle_machine {
    cuv_arena *arena;           /* of the result */
    cuv_arena *scratch;         /* of stack and memo */
    cuv_context *cx;
    const cuv_source *src;
    cuv_cursor in;
    size_t op_at;               /* where the opcode being run begins */
    pickle_item **stack;
    size_t count, capacity;
    size_t *marks;              /* stack heights */
    size_t mark_count, mark_capacity;
    pickle_item **memo;
    size_t memo_size;           /* slots */
    size_t memo_next;           /* what MEMOIZE uses: entries so far */
    uint64_t made;              /* items and references, held against limits.items */
    uint64_t decoded;           /* bytes converted rather than viewed, held against limits.expansion */
    pickle_item *none, *yes, *no;
    bool keras;                 /* a variable of Keras was named: its state has empty sets */
    bool stopped;
    bool inner;                 /* a pickle inside of another (an array of objects of joblib) */
} pickle_machine;

/* Position of `at` in the file, for messages. */
unsigned long long pickle_offset(const pickle_machine *m, size_t at);
/* CUV_DAMAGED "pickle.damaged" at the running opcode: "<what>, at byte N". */
cuv_status pickle_damaged(pickle_machine *m, const char *what);
cuv_status pickle_truncated(pickle_machine *m);
/* Counts items or references against the limit. */
CUV_MUST_USE cuv_status pickle_count(pickle_machine *m, uint64_t items);
/* Counts converted bytes against the limit. */
CUV_MUST_USE cuv_status pickle_decode(pickle_machine *m, uint64_t bytes);

CUV_MUST_USE cuv_status pickle_new(pickle_machine *m, cuv_kind kind, pickle_item **out);
CUV_MUST_USE cuv_status pickle_push(pickle_machine *m, pickle_item *item);
CUV_MUST_USE cuv_status pickle_push_int(pickle_machine *m, int64_t integer);
CUV_MUST_USE cuv_status pickle_push_real(pickle_machine *m, double real);
/* Text or bytes that lie in the source or, terminated, in the arena. */
CUV_MUST_USE cuv_status pickle_push_string(pickle_machine *m, cuv_kind kind, const char *text, size_t size,
                                           bool borrowed);
/* A Python 2 string: TEXT when it reads as text, BYTES otherwise. */
CUV_MUST_USE cuv_status pickle_push_str8(pickle_machine *m, const char *text, size_t size, bool borrowed);
CUV_MUST_USE cuv_status pickle_pop(pickle_machine *m, pickle_item **out);
/* Copies a borrowed text behind a NUL. */
CUV_MUST_USE cuv_status pickle_settle(pickle_machine *m, pickle_item *item);
static inline pickle_item *pickle_child(const cuv_value *v, size_t i) { return (pickle_item *)(void *)v->items[i]; }

/* pickle_text.c: INT, LONG, FLOAT, STRING and UNICODE of protocol 0, LONG1 and LONG4. `width` as in the table of opcodes. */
CUV_MUST_USE cuv_status pickle_read_line(pickle_machine *m, const char **text, size_t *size);
CUV_MUST_USE cuv_status pickle_op_int_line(pickle_machine *m, unsigned width);
CUV_MUST_USE cuv_status pickle_op_long_line(pickle_machine *m, unsigned width);
CUV_MUST_USE cuv_status pickle_op_float_line(pickle_machine *m, unsigned width);
CUV_MUST_USE cuv_status pickle_op_string_line(pickle_machine *m, unsigned width);
CUV_MUST_USE cuv_status pickle_op_unicode_line(pickle_machine *m, unsigned width);
CUV_MUST_USE cuv_status pickle_op_long(pickle_machine *m, unsigned width);

/* pickle_numpy.c: the list of what a pickle may name, and what the names do. */
CUV_MUST_USE cuv_status pickle_op_global(pickle_machine *m, unsigned width);
CUV_MUST_USE cuv_status pickle_op_stack_global(pickle_machine *m, unsigned width);
CUV_MUST_USE cuv_status pickle_op_inst(pickle_machine *m, unsigned width);
CUV_MUST_USE cuv_status pickle_op_reduce(pickle_machine *m, unsigned width);
CUV_MUST_USE cuv_status pickle_op_build(pickle_machine *m, unsigned width);
/* dict[key] = value, with Python's rule for what may be a key. */
CUV_MUST_USE cuv_status pickle_dict_set(pickle_machine *m, pickle_item *dict, pickle_item *key, pickle_item *value);

CUV_MUST_USE cuv_status pickle_raw_array(pickle_machine *m, const pickle_item *dtype, const pickle_item *lengths, bool fortran, cuv_tensor **out);
bool pickle_is_ndarray(const pickle_item *item);

/* pickle_joblib.c: arrays of joblib, whose bytes stand in the file between the opcodes. */
bool pickle_joblib_class(const pickle_item *item);
CUV_MUST_USE cuv_status pickle_joblib_new(pickle_machine *m, const pickle_item *args);
CUV_MUST_USE cuv_status pickle_joblib_state(pickle_machine *m, pickle_item *array, const cuv_value *state);
/* Runs the pickle that begins where this one is (pickle.c). */
CUV_MUST_USE cuv_status pickle_run_inner(pickle_machine *m, pickle_item **out);

/* pickle_keras.c: variables of Keras, by the one pattern that Keras writes. */
bool pickle_keras_class(const pickle_item *item);
CUV_MUST_USE cuv_status pickle_keras_new(pickle_machine *m, const pickle_item *args);
CUV_MUST_USE cuv_status pickle_keras_partial(pickle_machine *m, const cuv_value *args);
CUV_MUST_USE cuv_status pickle_keras_prepare(pickle_machine *m, pickle_item *item, const cuv_value *state);
CUV_MUST_USE cuv_status pickle_keras_made(pickle_machine *m, const pickle_item *prepared, const cuv_value *args);
CUV_MUST_USE cuv_status pickle_keras_state(pickle_machine *m, pickle_item *variable, const cuv_value *state);
CUV_MUST_USE cuv_status pickle_keras_dtype(pickle_machine *m, const cuv_value *args);

/* pickle_finish.c: items to values; cycles, depth, and the size of the tree when shared parts are counted each time. */
CUV_MUST_USE cuv_status pickle_finish(pickle_machine *m, pickle_item *root, cuv_value **out);

#endif
