/* What every stage stands on: context, memory, failure, text, tensors, files and the value tree.
 * Nothing here knows a file format or Keras. */
#ifndef CUV_BASE_H
#define CUV_BASE_H

#include <cuvier.h>
#include <stdarg.h>
#include <stdatomic.h>
#include <stdio.h>
#include <string.h>

/* ---- failure ------------------------------------------------------------------------------------------- */

/* Returns from the enclosing function when `call` fails. The only macro that hides control flow. */
#define CUV_TRY(call) do { cuv_status try_status_ = (call); if (try_status_ != CUV_OK) return try_status_; } while (0)

/* The fields of a finding beyond its message; unset ones are NULL. All strings are copied. */
typedef struct cuv_detail {
    const char *file, *layer, *tensor, *expected, *found, *notes, *help;
} cuv_detail;

/* Records an error with a stable id and returns `status`; CUV_MEMORY when there is no memory to record it.
 * `detail` may be NULL. */
cuv_status cuv_fail(cuv_context *cx, cuv_status status, const char *id, const cuv_detail *detail, const char *fmt, ...)
    CUV_PRINTF(5, 6);
/* Records a warning or a note. */
void cuv_warn(cuv_context *cx, const char *id, const cuv_detail *detail, const char *fmt, ...) CUV_PRINTF(4, 5);
void cuv_note(cuv_context *cx, const char *id, const cuv_detail *detail, const char *fmt, ...) CUV_PRINTF(4, 5);
/* Records that memory ran out (without allocating) and returns CUV_MEMORY. */
cuv_status cuv_oom(cuv_context *cx);
/* CUV_TIMEOUT with a finding once the time limit of the context has passed; cheap enough for inner loops. */
cuv_status cuv_check_time(cuv_context *cx);
double cuv_monotonic_seconds(void);
/* The clock of the time limit starts anew; called by the public entry points. */
void cuv_start_clock(cuv_context *cx);
/* Who reads HDF5 beyond our own reader. */
cuv_hdf5 cuv_hdf5_reader(const cuv_context *cx);
/* Number of findings, and forgetting those added since (for trying alternatives). */
size_t cuv_findings_mark(const cuv_context *cx);
void cuv_findings_rewind(cuv_context *cx, size_t mark);
/* Errors added since then that do not say in which file they are get to say it: "NAME: ..." with the path as their `file`. */
void cuv_findings_place(cuv_context *cx, size_t mark, const char *path, const char *name);
/* Errors added since then, which have turned out not to matter for what was asked, become warnings. */
void cuv_findings_ease(cuv_context *cx, size_t mark);

/* What cuv_format gives when memory has run out; a name that was made with it is compared with this by its address. */
extern const char cuv_no_text[];
/* Formatted text that lives as long as the context's findings, for messages. Never NULL. */
const char *cuv_format(cuv_context *cx, const char *fmt, ...) CUV_PRINTF(2, 3);

/* ---- memory -------------------------------------------------------------------------------------------- */

/* Allocation through the context's allocator, counted against its limit. NULL when refused; no finding is made. */
void *cuv_alloc(cuv_context *cx, size_t size);
void *cuv_resize(cuv_context *cx, void *memory, size_t old_size, size_t size);
void cuv_release(cuv_context *cx, void *memory, size_t size);

/* Memory that is freed all at once. Every big object has one. Memory is zeroed and 16-byte aligned. */
typedef struct cuv_arena cuv_arena;
cuv_arena *cuv_arena_new(cuv_context *cx);
void cuv_arena_free(cuv_arena *arena);
cuv_context *cuv_arena_context(const cuv_arena *arena);
void *cuv_arena_alloc(cuv_arena *arena, size_t size);
void *cuv_arena_calloc(cuv_arena *arena, size_t count, size_t size);   /* checked multiplication */
char *cuv_arena_strdup(cuv_arena *arena, const char *text);
char *cuv_arena_strndup(cuv_arena *arena, const char *text, size_t size);
char *cuv_arena_printf(cuv_arena *arena, const char *fmt, ...) CUV_PRINTF(2, 3);
char *cuv_arena_vprintf(cuv_arena *arena, const char *fmt, va_list args);
/* Calls release(object) when the arena is freed, last in first out. On CUV_MEMORY it has been called already. */
CUV_MUST_USE cuv_status cuv_arena_defer(cuv_arena *arena, void (*release)(void *), void *object);

#define CUV_NEW(arena, type) ((type *)cuv_arena_alloc((arena), sizeof(type)))
#define CUV_NEW_ARRAY(arena, type, count) ((type *)cuv_arena_calloc((arena), (count), sizeof(type)))

/* Makes room for one more element in an arena array that has `count` of `*capacity`; doubles. NULL: out of memory. */
void *cuv_arena_grow(cuv_arena *arena, void *items, size_t count, size_t *capacity, size_t item_size);

/* ---- checked arithmetic -------------------------------------------------------------------------------- */

static inline bool cuv_add_size(size_t a, size_t b, size_t *out) { return !__builtin_add_overflow(a, b, out); }
static inline bool cuv_mul_size(size_t a, size_t b, size_t *out) { return !__builtin_mul_overflow(a, b, out); }
static inline bool cuv_add_i64(int64_t a, int64_t b, int64_t *out) { return !__builtin_add_overflow(a, b, out); }
static inline bool cuv_mul_i64(int64_t a, int64_t b, int64_t *out) { return !__builtin_mul_overflow(a, b, out); }

/* ---- text ---------------------------------------------------------------------------------------------- */

/* A growing byte buffer with sticky failure: after `failed`, appends do nothing. Always terminated by a NUL beyond size. */
typedef struct cuv_buffer {
    cuv_context *cx;
    char *data;
    size_t size, capacity;
    bool failed;
} cuv_buffer;
void cuv_buffer_init(cuv_buffer *b, cuv_context *cx);
void cuv_buffer_free(cuv_buffer *b);
void cuv_buffer_add(cuv_buffer *b, const void *data, size_t size);
void cuv_buffer_text(cuv_buffer *b, const char *text);
void cuv_buffer_char(cuv_buffer *b, char c);
void cuv_buffer_printf(cuv_buffer *b, const char *fmt, ...) CUV_PRINTF(2, 3);
/* Adds text as a JSON string with quotes, in ASCII as json.dumps does; bytes that are not UTF-8 become U+FFFD. */
void cuv_buffer_json_string(cuv_buffer *b, const char *text, size_t size);
/* Shortest decimal text that reads back as the same double, as Python's repr ("1.0", "1e-05", "nan", "inf"). */
void cuv_buffer_double(cuv_buffer *b, double value);
/* The same for a float: text of at most nine digits that reads back as the same float. */
void cuv_buffer_float(cuv_buffer *b, float value);
/* A quoted copy fit for a terminal: control characters, quotes and bytes that are not UTF-8 are escaped. */
void cuv_buffer_safe(cuv_buffer *b, const char *text, size_t size);
/* Adds the bytes of a text of base64; false when it is none. */
bool cuv_buffer_base64(cuv_buffer *b, const char *text, size_t size);

static inline bool cuv_is_digit(char c) { return c >= '0' && c <= '9'; }
bool cuv_streq(const char *a, const char *b);              /* false when either is NULL */
/* "Name" of "package>Name", as Keras registers the classes and functions of users; a name without a package is given back. */
const char *cuv_plain_name(const char *name);
/* Is it one of the modules that Keras's own classes are in, under any of its names? True for NULL: older files state none. */
bool cuv_is_keras_module(const char *module);
bool cuv_starts_with(const char *text, const char *prefix);
bool cuv_ends_with(const char *text, const char *suffix);
int cuv_natural_compare(const char *a, const char *b);     /* "a10" after "a9" */
/* Levenshtein distance, at most `limit`; for "did you mean". */
size_t cuv_edit_distance(const char *a, const char *b, size_t limit);
/* True for well-formed UTF-8 without surrogates or overlong forms. */
bool cuv_utf8_valid(const char *text, size_t size);
/* Parses the whole text as a decimal number, independent of the locale. */
bool cuv_parse_double(const char *text, size_t size, double *out);
bool cuv_parse_i64(const char *text, size_t size, int64_t *out);
/* "28,28,1": sizes of at least 1, '?' for -1; false when it is no such list, or has more than CUV_MAX_RANK - 1 sizes. */
bool cuv_parse_shape(const char *text, int64_t shape[CUV_MAX_RANK], int *rank);

/* Hash map from text (borrowed) to pointer, in an arena. */
typedef struct cuv_map cuv_map;
cuv_map *cuv_map_new(cuv_arena *arena);
CUV_MUST_USE cuv_status cuv_map_set(cuv_map *map, const char *key, void *value);   /* replaces */
void *cuv_map_get(const cuv_map *map, const char *key);

/* SHA-256 as 64 hexadecimal digits and a NUL. */
void cuv_sha256_hex(const void *data, size_t size, char out[65]);
/* CRC-32 of zip and PNG; start with 0. */
uint32_t cuv_crc32(uint32_t crc, const void *data, size_t size);
/* CRC-32C (Castagnoli) of whole data. */
uint32_t cuv_crc32c(const void *data, size_t size);

/* ---- blobs and tensors --------------------------------------------------------------------------------- */

/* Shared bytes: a mapped file or one allocation. Reference counted; counting is thread-safe. */
typedef struct cuv_blob {
    atomic_size_t references;
    cuv_context *cx;
    uint8_t *data;
    size_t size;
    size_t mapped;      /* bytes to unmap, 0 for heap memory */
} cuv_blob;

CUV_MUST_USE cuv_status cuv_blob_new(cuv_context *cx, size_t size, cuv_blob **out);   /* zeroed heap memory, 64-byte aligned */
/* Maps a whole file read-only and privately; standard input ("-") and pipes are read into memory. Errors name the path. */
CUV_MUST_USE cuv_status cuv_blob_map(cuv_context *cx, const char *path, cuv_blob **out);
CUV_MUST_USE cuv_status cuv_blob_copy(cuv_context *cx, const void *data, size_t size, cuv_blob **out);
cuv_blob *cuv_blob_share(cuv_blob *blob);
void cuv_blob_release(cuv_blob *blob);      /* NULL allowed */
/* These bytes have been copied: when they are of a mapped file, its pages need not stay in memory. They may be read again. */
void cuv_blob_forget(const cuv_blob *blob, const void *data, size_t size);
/* The arena holds one more reference until it is freed. */
CUV_MUST_USE cuv_status cuv_arena_keep_blob(cuv_arena *arena, cuv_blob *blob);

/* A dense view on a blob: C order, native byte order. Rank <= 8. data == NULL: known shape, no values. */
typedef struct cuv_tensor {
    cuv_dtype dtype;
    int rank;
    int64_t shape[CUV_MAX_RANK];
    const uint8_t *data;
    cuv_blob *blob;         /* kept alive by the arena that holds the tensor */
    uint64_t offset;        /* where the values lie in their file; UINT64_MAX when they were converted */
    bool guessed_dtype;     /* the file does not say (a V2 array taken as bfloat16) */
} cuv_tensor;

/* Number of elements; false on overflow or a negative size. */
bool cuv_shape_count(const int64_t *shape, int rank, size_t *out);
size_t cuv_tensor_count(const cuv_tensor *t);    /* the tensor's shape has been checked when it was made */
size_t cuv_tensor_bytes(const cuv_tensor *t);
bool cuv_shape_equal(const int64_t *a, int rank_a, const int64_t *b, int rank_b);
/* Makes a tensor in the arena with its own zeroed memory (writable through `values`, may be NULL). */
CUV_MUST_USE cuv_status cuv_tensor_new(cuv_arena *arena, cuv_dtype dtype, const int64_t *shape, int rank,
                                       cuv_tensor **out, void **values);
/* Makes a tensor in the arena that views `size` bytes at `data` inside `blob` (shared). */
CUV_MUST_USE cuv_status cuv_tensor_view(cuv_arena *arena, cuv_blob *blob, const uint8_t *data, cuv_dtype dtype,
                                        const int64_t *shape, int rank, cuv_tensor **out);
/* "(3, 3, None, 16)" as Python prints a tuple; -1 is None. Never NULL; lives as long as the context's findings. */
const char *cuv_shape_text(cuv_context *cx, const int64_t *shape, int rank);
/* Element i as a double (bool 0/1); strings give NaN. */
double cuv_tensor_at(const cuv_tensor *t, size_t i);
/* Converts n elements at src (any alignment) to float / double. CUV_STR is not allowed. */
void cuv_convert_to_f32(float *dst, const void *src, cuv_dtype dtype, size_t n);
void cuv_convert_to_f64(double *dst, const void *src, cuv_dtype dtype, size_t n);
/* Converts n elements between numeric dtypes; floats to integers truncate, halves round to nearest even. */
void cuv_convert(void *dst, cuv_dtype to, const void *src, cuv_dtype from, size_t n);
/* The same from doubles, where integers wrap, as arithmetic of their dtype does. */
void cuv_convert_wrapped(void *dst, cuv_dtype to, const double *src, size_t n);
float cuv_f16_to_f32(uint16_t bits);
uint16_t cuv_f32_to_f16(float value);            /* nearest, ties to even */
float cuv_bf16_to_f32(uint16_t bits);
uint16_t cuv_f32_to_bf16(float value);
float cuv_f8e4m3_to_f32(uint8_t bits);
float cuv_f8e5m2_to_f32(uint8_t bits);
bool cuv_dtype_is_float(cuv_dtype dtype);
bool cuv_dtype_is_integer(cuv_dtype dtype);     /* bool is none */
bool cuv_dtype_is_signed(cuv_dtype dtype);      /* an integer below zero is one of its numbers */
/* What programs keep values of a dtype in while they run: halves in float32, integers of fewer bits in int32, uint32 and uint64 in int64. */
cuv_dtype cuv_dtype_kept(cuv_dtype dtype);
/* Programs compute with it: truth values and all numbers but floats of 8 bits. */
bool cuv_dtype_is_computed(cuv_dtype dtype);
/* "float32", "bool", "string", … to dtype; false when unknown. */
bool cuv_dtype_parse(const char *name, cuv_dtype *out);
/* Moves axes: out.shape[i] = t.shape[perm[i]]; makes new memory in the arena. */
CUV_MUST_USE cuv_status cuv_tensor_transpose(cuv_arena *arena, const cuv_tensor *t, const int *perm, cuv_tensor **out);
/* Elements in reverse order along the first `axes` axes; makes new memory in the arena. */
CUV_MUST_USE cuv_status cuv_tensor_reverse(cuv_arena *arena, const cuv_tensor *t, int axes, cuv_tensor **out);
/* The same bytes under another shape with the same count. */
CUV_MUST_USE cuv_status cuv_tensor_reshape(cuv_arena *arena, const cuv_tensor *t, const int64_t *shape, int rank,
                                           cuv_tensor **out);
/* Elements [index] along the first axis, as a view. */
CUV_MUST_USE cuv_status cuv_tensor_row(cuv_arena *arena, const cuv_tensor *t, int64_t index, cuv_tensor **out);

/* ---- the value tree ------------------------------------------------------------------------------------ */

/* What JSON, YAML, pickles, attributes and Python literals have in common. Lives in an arena. */
typedef enum cuv_kind {
    CUV_NULL, CUV_TRUTH, CUV_INTEGER, CUV_REAL, CUV_TEXT, CUV_BYTES, CUV_LIST, CUV_TUPLE, CUV_DICT, CUV_TENSOR
} cuv_kind;

typedef struct cuv_value cuv_value;
typedef struct cuv_pair { cuv_value *key, *value; } cuv_pair;
struct cuv_value {
    cuv_kind kind;
    bool truth;
    int64_t integer;
    double real;                 /* also set for integers */
    const char *text;            /* TEXT and BYTES: NUL-terminated, may contain NULs */
    size_t size;                 /* bytes of text, or number of items or pairs */
    size_t capacity;
    cuv_value **items;           /* LIST, TUPLE */
    cuv_pair *pairs;             /* DICT, in the order of the file; keys are TEXT, INTEGER, … */
    const cuv_tensor *tensor;    /* TENSOR */
    cuv_map *index;              /* DICT: kept by cuv_dict_add and cuv_dict_set once it is large */
    size_t indexed;
};

/* Constructors; NULL when memory runs out. */
cuv_value *cuv_value_null(cuv_arena *arena);
cuv_value *cuv_value_bool(cuv_arena *arena, bool truth);
cuv_value *cuv_value_int(cuv_arena *arena, int64_t integer);
cuv_value *cuv_value_real(cuv_arena *arena, double real);
cuv_value *cuv_value_text(cuv_arena *arena, const char *text);                       /* copies; NULL for NULL */
cuv_value *cuv_value_text_n(cuv_arena *arena, const char *text, size_t size);        /* copies */
cuv_value *cuv_value_bytes(cuv_arena *arena, const void *data, size_t size);         /* copies */
cuv_value *cuv_value_list(cuv_arena *arena);
cuv_value *cuv_value_tuple(cuv_arena *arena);
cuv_value *cuv_value_dict(cuv_arena *arena);
cuv_value *cuv_value_tensor(cuv_arena *arena, const cuv_tensor *tensor);             /* borrows */
/* Append; `item`, `value` NULL (a constructor that failed) or no memory: CUV_MEMORY with its finding. */
CUV_MUST_USE cuv_status cuv_list_add(cuv_arena *arena, cuv_value *list, cuv_value *item);
/* The pair that comes first by its key of those behind `last` (NULL: of all), which is the order in which Keras goes through a dict; NULL: none. */
const cuv_pair *cuv_next_pair(const cuv_value *dict, const char *last);
CUV_MUST_USE cuv_status cuv_dict_set(cuv_arena *arena, cuv_value *dict, const char *key, cuv_value *value);  /* replaces */
CUV_MUST_USE cuv_status cuv_dict_add(cuv_arena *arena, cuv_value *dict, cuv_value *key, cuv_value *value);   /* appends */

/* Readers; all accept NULL and values of other kinds. */
cuv_value *cuv_get(const cuv_value *dict, const char *key);             /* NULL when absent or no dict */
cuv_value *cuv_item(const cuv_value *list, size_t index);               /* NULL when absent or no list/tuple */
size_t cuv_len(const cuv_value *v);                                     /* items or pairs; 0 for others */
const char *cuv_text(const cuv_value *v);                               /* NULL unless TEXT */
const char *cuv_get_text(const cuv_value *dict, const char *key);       /* NULL unless TEXT */
bool cuv_is_null(const cuv_value *v);                                   /* NULL pointer or None */
bool cuv_is_seq(const cuv_value *v);                                    /* LIST or TUPLE */
bool cuv_is_number(const cuv_value *v);
/* An integer, a float without fraction, or a bool; false otherwise. */
bool cuv_as_int(const cuv_value *v, int64_t *out);
bool cuv_as_real(const cuv_value *v, double *out);
bool cuv_as_bool(const cuv_value *v, bool *out);                        /* bool, or 0/1 */
bool cuv_get_bool(const cuv_value *dict, const char *key, bool fallback);
bool cuv_value_equal(const cuv_value *a, const cuv_value *b);           /* 1 == 1.0; tuples equal lists */
cuv_value *cuv_value_copy(cuv_arena *arena, const cuv_value *v);        /* deep; tensors are borrowed; NULL: no memory */
/* Python's repr of a value, for messages ("(2, 2)", "'same'", "None"); long ones are cut. Never NULL. */
const char *cuv_value_repr(cuv_context *cx, const cuv_value *v);

/* ---- files --------------------------------------------------------------------------------------------- */

/* A file that appears whole or not at all: written beside its place, flushed, renamed. */
typedef struct cuv_output cuv_output;
CUV_MUST_USE cuv_status cuv_output_open(cuv_context *cx, const char *path, cuv_output **out);
/* Reports the errno of a failed write: CUV_SPACE "output.space" or CUV_IO "output.write". */
CUV_MUST_USE cuv_status cuv_unwritable(cuv_context *cx, const char *path, int error);
/* The same for a file that others may not write and that can be made again: a link in its place is replaced, not followed, and the disk is not
 * waited for. */
CUV_MUST_USE cuv_status cuv_output_open_own(cuv_context *cx, const char *path, cuv_output **out);
CUV_MUST_USE cuv_status cuv_output_write(cuv_output *out, const void *data, size_t size);
uint64_t cuv_output_position(const cuv_output *out);
/* Puts the file in its place and frees `out`, whatever the result. */
CUV_MUST_USE cuv_status cuv_output_commit(cuv_output *out);
/* Removes what was written and frees `out`. NULL allowed. */
void cuv_output_discard(cuv_output *out);
/* Last component of a path (borrowed). */
const char *cuv_path_name(const char *path);
/* Folder of a path with trailing '/', "" when there is none; in the arena. */
char *cuv_path_folder(cuv_arena *arena, const char *path);

#endif
