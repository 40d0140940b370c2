/* Bytes to values and back, nothing of Keras: HDF5, zip, NumPy, pickle, JSON, YAML, Python text.
 * Readers borrow the bytes they parse unless they say "shares". All results live in the given arena. */
#ifndef CUV_FORMAT_H
#define CUV_FORMAT_H

#include "base/base.h"

/* What is parsed: bytes inside a blob, with the words that errors use for it. */
typedef struct cuv_source {
    cuv_blob *blob;          /* shared by every tensor that views it */
    const uint8_t *data;     /* within blob */
    size_t size;
    uint64_t offset;         /* of data in its file, for reports */
    const char *name;        /* "model.h5", "model.keras#config.json": as errors name it */
} cuv_source;

/* A cursor with sticky failure: after a read beyond the end, `failed` is set and every read gives 0. */
typedef struct cuv_cursor {
    const uint8_t *data;
    size_t size, at;
    bool failed;
} cuv_cursor;
cuv_cursor cuv_cursor_at(const void *data, size_t size, size_t at);
uint8_t cuv_read_u8(cuv_cursor *c);
uint16_t cuv_read_u16(cuv_cursor *c);       /* little-endian, all */
uint32_t cuv_read_u32(cuv_cursor *c);
uint64_t cuv_read_u64(cuv_cursor *c);
uint64_t cuv_read_uint(cuv_cursor *c, unsigned bytes);          /* 1 to 8 bytes, little-endian */
const uint8_t *cuv_read_bytes(cuv_cursor *c, size_t size);      /* NULL after failure */
void cuv_skip(cuv_cursor *c, size_t size);

/* ---- recognition --------------------------------------------------------------------------------------- */

typedef enum cuv_carrier {
    CUV_FORMAT_UNKNOWN, CUV_FORMAT_HDF5, CUV_FORMAT_ZIP, CUV_FORMAT_NPY, CUV_FORMAT_PICKLE, CUV_FORMAT_JSON,
    CUV_FORMAT_YAML, CUV_FORMAT_PYTHON, CUV_FORMAT_SAFETENSORS, CUV_FORMAT_PROTOBUF, CUV_FORMAT_TABLE
} cuv_carrier;
/* By content; text forms are told apart by trying (JSON, then Python code, then YAML). */
cuv_carrier cuv_format_guess(const uint8_t *data, size_t size);

/* ---- JSON (json-c) ------------------------------------------------------------------------------------- */

/* Parses a document; NaN and Infinity are read; duplicate keys: CUV_DAMAGED; depth and size within the limits. */
CUV_MUST_USE cuv_status cuv_json_parse(cuv_arena *arena, const cuv_source *src, cuv_value **out);
/* Adds a value as JSON. indent 0: one line with ", " and ": " as json.dumps; > 0: that many spaces a level.
 * Tensors and bytes are not allowed; tuples are written as lists. */
void cuv_json_write(cuv_buffer *b, const cuv_value *v, int indent);

/* ---- YAML (libyaml) ------------------------------------------------------------------------------------ */

/* Keras 1 and 2 configurations: maps, sequences, scalars by YAML 1.1's plain rules; `!!python/tuple` is a tuple, every other
 * tag is CUV_UNSAFE; anchors are CUV_UNSUPPORTED (a bomb's tool). */
CUV_MUST_USE cuv_status cuv_yaml_parse(cuv_arena *arena, const cuv_source *src, cuv_value **out);

/* ---- pickle -------------------------------------------------------------------------------------------- */

/* An interpreter for protocols 0 to 5 that knows how to build None, bool, int, float, str, bytes, list, tuple, dict, set-free,
 * and NumPy arrays, scalars and dtypes; any other global, persistent id or extension: CUV_UNSAFE, naming it and its offset.
 * Arrays become TENSOR, object arrays LIST (nested by their shape), 0-d object arrays their item. Copies nothing that lies
 * contiguous in the source: byte payloads become views on src->blob. */
CUV_MUST_USE cuv_status cuv_pickle_parse(cuv_arena *arena, const cuv_source *src, cuv_value **out);

/* ---- NumPy --------------------------------------------------------------------------------------------- */

/* An .npy file: TENSOR for numeric data (a view where the file is C order and native), what the pickle holds for object arrays.
 * Fortran order and foreign byte order are converted; '|V2' is read as bfloat16 and '|V1' as uint8 with guessed_dtype set; 'U' and 'S'
 * become CUV_STR; structured, datetime and complex arrays: CUV_UNSUPPORTED. */
CUV_MUST_USE cuv_status cuv_npy_parse(cuv_arena *arena, const cuv_source *src, cuv_value **out);
/* How many bytes of the source its first array takes: another may follow. 0 for arrays of objects and records, which do not say. */
CUV_MUST_USE cuv_status cuv_npy_size(cuv_arena *arena, const cuv_source *src, size_t *out);
/* Writes the tensor as .npy version 1.0 (little-endian, C order, data 64-aligned). bfloat16 is written as float32. */
CUV_MUST_USE cuv_status cuv_npy_write(cuv_buffer *b, const cuv_tensor *t);
/* The header alone, for streaming: magic to final newline. */
CUV_MUST_USE cuv_status cuv_npy_header(cuv_buffer *b, cuv_dtype dtype, const int64_t *shape, int rank);

/* ---- zip (zlib) ---------------------------------------------------------------------------------------- */

typedef struct cuv_zip_member {
    const char *name;
    uint64_t size, stored_size;
    uint64_t offset;         /* of the stored bytes in src */
    uint16_t method;         /* 0 stored, 8 deflate */
    uint32_t crc;
} cuv_zip_member;
typedef struct cuv_zip {
    cuv_source src;
    cuv_zip_member *members; /* in the order of the central directory */
    size_t count;
    const char *comment;     /* behind the directory, `comment_size` bytes; a view */
    size_t comment_size;
} cuv_zip;
/* Reads the directory and holds it against the local headers. Encrypted, overlapping, duplicate, escaping ('..', absolute, NUL,
 * backslash) members, split archives, and sizes beyond the limits: CUV_UNSAFE; other methods: CUV_UNSUPPORTED. */
CUV_MUST_USE cuv_status cuv_zip_parse(cuv_arena *arena, const cuv_source *src, cuv_zip **out);
const cuv_zip_member *cuv_zip_find(const cuv_zip *zip, const char *name);
/* The member's bytes: a view on the archive when stored, inflated otherwise; CRC checked for inflated members and for stored ones
 * below 1 MiB. */
CUV_MUST_USE cuv_status cuv_zip_member_open(cuv_arena *arena, const cuv_zip *zip, const cuv_zip_member *member, cuv_source *out);

/* Whether a file is one stream of gzip or zlib, and what it unpacks to; sources that are neither stay as they are (unpack.c). */
bool cuv_is_packed(const uint8_t *data, size_t size);
CUV_MUST_USE cuv_status cuv_unpack(cuv_arena *arena, cuv_source *src);

/* Writes stored members, reproducibly (fixed time stamps); data of members larger than 4 KiB starts at a multiple of 64. Zip64 as needed. */
typedef struct cuv_zip_writer cuv_zip_writer;
CUV_MUST_USE cuv_status cuv_zip_writer_new(cuv_arena *arena, cuv_output *out, cuv_zip_writer **writer);
CUV_MUST_USE cuv_status cuv_zip_writer_add(cuv_zip_writer *writer, const char *name, const void *data, size_t size);
/* `comment`: at most 65535 bytes that stand behind the directory; NULL: none. */
CUV_MUST_USE cuv_status cuv_zip_writer_finish(cuv_zip_writer *writer, const char *comment);

/* ---- HDF5 ---------------------------------------------------------------------------------------------- */

typedef struct cuv_h5 cuv_h5;
struct cuv_h5 {              /* a group or a dataset */
    const char *name;        /* link name, "" for the root */
    bool is_group;
    cuv_h5 **children;       /* of a group, in byte order of their names, as HDF5 lists them */
    size_t child_count;
    cuv_value *attributes;   /* DICT: TEXT, LIST of TEXT, INTEGER, REAL, TENSOR; an empty array is an empty LIST */
    const cuv_tensor *tensor;/* of a dataset; NULL where its type is none of ours (then `unsupported` says which) */
    const char *unsupported;
    uint64_t newest_address; /* largest metadata address in the subtree (recover.md 0.2); 0 where unknown */
};
/* Reads a whole file: structure, attributes, and where each dataset lies; contiguous data is viewed, not copied.
 * Our own reader answers for what Keras files use; whatever lies outside goes to libhdf5. External links and storage, virtual
 * datasets, unknown filters, cycles: CUV_UNSAFE. */
CUV_MUST_USE cuv_status cuv_h5_parse(cuv_arena *arena, const cuv_source *src, cuv_h5 **out);
/* The two readers by themselves; cuv_h5_parse_own gives CUV_UNSUPPORTED without a finding when the file is beyond it. */
CUV_MUST_USE cuv_status cuv_h5_parse_own(cuv_arena *arena, const cuv_source *src, cuv_h5 **out);
CUV_MUST_USE cuv_status cuv_h5_parse_lib(cuv_arena *arena, const cuv_source *src, cuv_h5 **out);
cuv_h5 *cuv_h5_child(const cuv_h5 *group, const char *name);           /* one link; NULL when absent */
cuv_h5 *cuv_h5_path(const cuv_h5 *group, const char *path);            /* "a/b/c"; NULL when absent */

/* A tree to be written is built with these, then handed over at once; the tree's memory is the arena's. */
CUV_MUST_USE cuv_status cuv_h5_new(cuv_arena *arena, cuv_h5 **root);
/* Finds or makes the groups of `path` below group and returns the last. */
CUV_MUST_USE cuv_status cuv_h5_make_group(cuv_arena *arena, cuv_h5 *group, const char *path, cuv_h5 **out);
/* Makes a dataset at `path` (groups on the way are made). CUV_NO with a finding when the name is taken. */
CUV_MUST_USE cuv_status cuv_h5_make_dataset(cuv_arena *arena, cuv_h5 *group, const char *path, const cuv_tensor *t, cuv_h5 **out);
/* Sets an attribute: TEXT (variable-length UTF-8), LIST of TEXT (fixed-length; empty: float64 of size 0; split into name0, name1, …
 * above 64512 bytes as Keras does), INTEGER, REAL. */
CUV_MUST_USE cuv_status cuv_h5_set(cuv_arena *arena, cuv_h5 *node, const char *name, cuv_value *value);
/* Writes the tree as an HDF5 image into memory, reproducibly (no time stamps), in the classic layout every HDF5 reads. */
CUV_MUST_USE cuv_status cuv_h5_write(cuv_context *cx, const cuv_h5 *root, cuv_buffer *out);

/* ---- Python text --------------------------------------------------------------------------------------- */
/* A parser for Python's syntax, in python.h of this folder; nothing is ever executed. */

/* A literal: None, True, numbers, strings, lists, tuples, dicts, nested. For NumPy headers. */
CUV_MUST_USE cuv_status cuv_python_literal(cuv_arena *arena, const cuv_source *src, cuv_value **out);

#endif
