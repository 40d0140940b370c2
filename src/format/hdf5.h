/* What the two HDF5 readers and the writer share; nothing outside format/hdf5*.c includes it.
 * "Specification" in comments there is the HDF5 File Format Specification Version 3.0 (II and III: levels 0 to 2). */
#ifndef CUV_HDF5_H
#define CUV_HDF5_H

#include "format/format.h"

/* ---- a reading under way (hdf5_job.c) ------------------------------------------------------------------ */

/* Where the reader is: one frame per group on the path. Lives on the stack. */
typedef struct cuv_h5_frame {
    const struct cuv_h5_frame *up;
    const char *name;
    uint64_t address;        /* of the object header */
    unsigned depth;
} cuv_h5_frame;

typedef struct cuv_h5_seen cuv_h5_seen;

/* State of one reading, own or by the library. */
typedef struct cuv_h5_job {
    cuv_arena *arena;
    cuv_context *cx;
    const cuv_source *src;
    uint64_t work;           /* steps and bytes spent; bounded by the size of the file, see cuv_h5_spend */
    uint64_t made;           /* bytes of tensors that the file declares but does not hold as such */
    cuv_h5_seen *seen;       /* open hash of object headers */
    size_t seen_count, seen_capacity;
    const char *beyond;      /* why the own reader gave up: "chunked data set '/x'" */
} cuv_h5_job;

/* Every node is allocated as one of these, so that a tree being built can find its children quickly. */
typedef struct cuv_h5_node {
    cuv_h5 public;
    cuv_map *index;          /* of a tree being built, whose children stay in the order of making; else NULL */
    size_t capacity;
} cuv_h5_node;

void cuv_h5_job_start(cuv_h5_job *job, cuv_arena *arena, const cuv_source *src);
/* Quoted path of the object, or of `name` inside it when given. Never NULL. */
const char *cuv_h5_where(const cuv_h5_job *job, const cuv_h5_frame *frame, const char *name);
/* Counts work. An honest file costs less than its size; crafted ones make readers walk the same bytes again and again. */
CUV_MUST_USE cuv_status cuv_h5_spend(cuv_h5_job *job, uint64_t amount);
/* Accepts `declared` bytes of which the file stores `stored`, or CUV_UNSAFE by the limits on expansion and tensors. */
CUV_MUST_USE cuv_status cuv_h5_allow(cuv_h5_job *job, const cuv_h5_frame *at, uint64_t declared, uint64_t stored);
/* Records an error about the object at `frame`. */
CUV_MUST_USE cuv_status cuv_h5_fail(const cuv_h5_job *job, cuv_status status, const char *id, const cuv_h5_frame *at,
                                    const char *fmt, ...) CUV_PRINTF(5, 6);
/* Notes why the own reader cannot go on and returns CUV_UNSUPPORTED; no finding. */
CUV_MUST_USE cuv_status cuv_h5_beyond(cuv_h5_job *job, const cuv_h5_frame *at, const char *what);
/* Makes a node; its name has been checked. Counted against the limit on items. */
CUV_MUST_USE cuv_status cuv_h5_make_node(cuv_h5_job *job, const char *name, bool is_group, cuv_h5 **out);
/* Makes a node that is `earlier` under another name. */
CUV_MUST_USE cuv_status cuv_h5_same_node(cuv_h5_job *job, const cuv_h5 *earlier, const char *name, cuv_h5 **out);
/* Copies a link or attribute name into the arena when it is UTF-8 without NUL and slash. */
CUV_MUST_USE cuv_status cuv_h5_take_name(cuv_h5_job *job, const cuv_h5_frame *at, const char *text, size_t size,
                                         bool is_link, const char **out);
/* Gives the node that was made of the object header at `address` earlier, or NULL and remembers `node`. A group met a second
 * time is CUV_UNSAFE: a cycle, or a tree that grows without end. */
CUV_MUST_USE cuv_status cuv_h5_meet(cuv_h5_job *job, const cuv_h5_frame *at, cuv_h5 *node, cuv_h5 **earlier);
/* Puts children (attributes) into byte order of their names; two of the same name: CUV_DAMAGED. */
CUV_MUST_USE cuv_status cuv_h5_sort_children(const cuv_h5_job *job, const cuv_h5_frame *at, cuv_h5 *node);
CUV_MUST_USE cuv_status cuv_h5_sort_attributes(const cuv_h5_job *job, const cuv_h5_frame *at, cuv_h5 *node);

/* ---- types and values (hdf5_value.c) ------------------------------------------------------------------- */

typedef enum cuv_h5_kind { CUV_H5_NUMBER, CUV_H5_OPAQUE, CUV_H5_FIXED_TEXT, CUV_H5_VLEN_TEXT, CUV_H5_FOREIGN } cuv_h5_kind;

typedef struct cuv_h5_type {
    cuv_h5_kind kind;
    cuv_dtype dtype;         /* of a NUMBER */
    size_t size;             /* bytes of one element in the file */
    bool big_endian;
    unsigned padding;        /* of FIXED_TEXT: 0 ends at NUL, 1 NULs at the end, 2 spaces at the end */
    const char *what;        /* of FOREIGN, for cuv_h5.unsupported */
} cuv_h5_type;

typedef struct cuv_h5_space {
    bool null;               /* no value at all, not even a scalar */
    int rank;                /* may be above CUV_MAX_RANK, then shape holds the first ones */
    int64_t shape[CUV_MAX_RANK];
    size_t count;
} cuv_h5_space;

typedef struct cuv_h5_float_form {
    unsigned size, sign, exponent, exponent_bits, mantissa, mantissa_bits;
    uint64_t bias;
} cuv_h5_float_form;

/* Classes as the specification numbers them (IV.A.2.d), which libhdf5 shares. */
enum {
    CUV_H5_CLASS_INTEGER = 0, CUV_H5_CLASS_FLOAT = 1, CUV_H5_CLASS_STRING = 3, CUV_H5_CLASS_OPAQUE = 5,
    CUV_H5_CLASS_ENUM = 8, CUV_H5_CLASS_VLEN = 9
};

/* Fill `type` for a number; FOREIGN where none of our dtypes has that form. */
void cuv_h5_integer_type(cuv_h5_type *type, size_t size, bool is_signed, bool whole, bool big_endian);
void cuv_h5_float_type(cuv_h5_type *type, const cuv_h5_float_form *form, bool big_endian);
/* Makes `type` FOREIGN with the name of its class. */
void cuv_h5_foreign_type(cuv_h5_type *type, int class_number);

/* Checked count * size of one element. */
CUV_MUST_USE cuv_status cuv_h5_bytes(const cuv_h5_job *job, const cuv_h5_frame *at, const cuv_h5_type *type,
                                     const cuv_h5_space *space, size_t *out);
/* Fixed-length text without its padding, as a length. */
size_t cuv_h5_text_size(const cuv_h5_type *type, const uint8_t *text);
/* TEXT, or BYTES where it is not UTF-8. NULL: no memory. */
cuv_value *cuv_h5_text_value(cuv_arena *arena, const char *text, size_t size);
/* An attribute's value from its raw elements (any kind but VLEN_TEXT). */
CUV_MUST_USE cuv_status cuv_h5_value(cuv_h5_job *job, const cuv_h5_type *type, const cuv_h5_space *space,
                                     const uint8_t *data, cuv_value **out);
/* Sets node->tensor from raw elements (any kind but VLEN_TEXT). `viewed`: they lie in the source at `offset`. Call after the
 * attributes are set: Keras says there what an opaque type is. */
CUV_MUST_USE cuv_status cuv_h5_set_tensor(cuv_h5_job *job, const cuv_h5_frame *at, cuv_h5 *node, const cuv_h5_type *type,
                                          const cuv_h5_space *space, const uint8_t *data, bool viewed);
/* Makes the tensor of strings of a node, to be filled. */
CUV_MUST_USE cuv_status cuv_h5_new_strings(cuv_h5_job *job, cuv_h5 *node, const cuv_h5_space *space, cuv_string **out);
/* Turns an OPAQUE type into a number by the attribute `dtype` of Keras 3, or as bfloat16 by its two bytes (`guessed`). */
void cuv_h5_settle_opaque(const cuv_h5 *node, cuv_h5_type *type, bool *guessed);
/* Says in node->unsupported that nothing can be made of the type or space. True when so. */
bool cuv_h5_note_foreign(cuv_h5 *node, const cuv_h5_type *type, const cuv_h5_space *space);

/* ---- own reader ---------------------------------------------------------------------------------------- */

/* A run of bytes in the file. */
typedef struct cuv_h5_slice { const uint8_t *data; size_t size; } cuv_h5_slice;
typedef struct cuv_h5_extent { uint64_t address, size; } cuv_h5_extent;

typedef struct cuv_h5_file {
    cuv_h5_job job;
    const uint8_t *data;
    size_t size;                       /* to the end-of-file address */
    unsigned offset_bytes, length_bytes;
    bool newer_groups;                 /* link messages seen: addresses do not tell the order of making */
    cuv_h5_extent *extents;            /* raw data seen */
    size_t extent_count, extent_capacity;
    uint64_t heap_address;             /* the global heap collection that was used last, */
    size_t heap_at, heap_end;          /* its object after the last one found, and its end */
} cuv_h5_file;

typedef struct cuv_h5_link {
    const char *name;                  /* in the arena, checked */
    uint64_t address;
} cuv_h5_link;

/* What the messages of an object header say; slices are empty where there is no such message. */
typedef struct cuv_h5_header {
    bool has_symbols, has_link_info;
    uint64_t btree, heap;              /* of a group with a symbol table */
    cuv_h5_link *links;                /* of a group with link messages, and of one with a symbol table once read */
    size_t link_count, link_capacity;
    cuv_h5_slice space, type, layout, fill, old_fill;
    cuv_h5_slice *attributes;
    size_t attribute_count, attribute_capacity;
} cuv_h5_header;

bool cuv_h5_undefined(const cuv_h5_file *file, uint64_t address);
uint64_t cuv_h5_read_offset(const cuv_h5_file *file, cuv_cursor *c);
uint64_t cuv_h5_read_length(const cuv_h5_file *file, cuv_cursor *c);
/* Reads all messages of the object header at->address (hdf5_header.c). */
CUV_MUST_USE cuv_status cuv_h5_read_header(cuv_h5_file *file, const cuv_h5_frame *at, cuv_h5_header *out);
/* Adds the links of a symbol table (hdf5_group.c). */
CUV_MUST_USE cuv_status cuv_h5_read_symbols(cuv_h5_file *file, const cuv_h5_frame *at, cuv_h5_header *header);
CUV_MUST_USE cuv_status cuv_h5_add_link(cuv_h5_file *file, cuv_h5_header *header, const char *name, uint64_t address);
CUV_MUST_USE cuv_status cuv_h5_refuse_link(const cuv_h5_file *file, const cuv_h5_frame *at, const char *name,
                                           const char *kind);
/* Parse one message each (hdf5_message.c). */
CUV_MUST_USE cuv_status cuv_h5_parse_space(cuv_h5_file *file, const cuv_h5_frame *at, cuv_h5_slice m, cuv_h5_space *out);
CUV_MUST_USE cuv_status cuv_h5_parse_type(cuv_h5_file *file, const cuv_h5_frame *at, cuv_h5_slice m, cuv_h5_type *out);
/* Attributes, tensor (hdf5_data.c). */
CUV_MUST_USE cuv_status cuv_h5_read_attributes(cuv_h5_file *file, const cuv_h5_frame *at, const cuv_h5_header *header,
                                               cuv_h5 *node);
CUV_MUST_USE cuv_status cuv_h5_read_dataset(cuv_h5_file *file, const cuv_h5_frame *at, const cuv_h5_header *header,
                                            cuv_h5 *node);
/* cuv_h5_parse_own, which says in *beyond (text of the context) why it gives CUV_UNSUPPORTED. */
CUV_MUST_USE cuv_status cuv_h5_parse_own_why(cuv_arena *arena, const cuv_source *src, const char **beyond, cuv_h5 **out);

/* ---- libhdf5 ------------------------------------------------------------------------------------------- */

/* Reads by libhdf5 as the context says: in a confined process, in this one, or not at all (hdf5_confined.c). `need` is what in the
 * file asks for libhdf5, NULL when nothing does. */
CUV_MUST_USE cuv_status cuv_h5_parse_lib_for(cuv_arena *arena, const cuv_source *src, const char *need, cuv_h5 **out);
/* Reads by libhdf5 in this process (hdf5_lib_read.c). `ready`, when given, is called once the library is loaded, before it sees
 * a byte of the file. */
CUV_MUST_USE cuv_status cuv_h5_read_by_lib(cuv_arena *arena, const cuv_source *src, const char *need, void (*ready)(void *user),
                                           void *user, cuv_h5 **out);
/* The error where the context does without libhdf5. */
CUV_MUST_USE cuv_status cuv_h5_lib_off(cuv_context *cx, const char *file, const char *need);
/* The error for a machine without libhdf5. */
CUV_MUST_USE cuv_status cuv_h5_lib_missing(cuv_context *cx, const char *file, const char *need);
/* fork() while no thread of this process is inside libhdf5. */
int cuv_h5_lib_fork(void);

/* ---- a tree as bytes, to be sent from one process to another (hdf5_parcel.c) ---------------------------- */

typedef struct cuv_h5_parcel {
    bool (*write)(void *user, const void *data, size_t size);     /* NULL: nothing is written, `size` counts */
    void *user;
    uint64_t size;           /* bytes so far */
    bool failed;
} cuv_h5_parcel;
/* Writes the tree that was read from `src`. Values that lie in the source are named by their place there. */
CUV_MUST_USE cuv_status cuv_h5_pack_tree(cuv_h5_parcel *p, cuv_arena *arena, const cuv_source *src, const cuv_h5 *root);
/* Writes a failure: its status and the finding that tells it (may be NULL). */
void cuv_h5_pack_failure(cuv_h5_parcel *p, cuv_status status, const cuv_finding *finding);
/* Reads what was packed from `bytes`, which are trusted as little as the file is. A packed failure becomes a finding and is
 * returned; CUV_DAMAGED "hdf5.answer" where the bytes make no sense. Values lie in bytes->blob or in src->blob. */
CUV_MUST_USE cuv_status cuv_h5_unpack(cuv_arena *arena, const cuv_source *src, const cuv_source *bytes, cuv_h5 **out);

#endif
