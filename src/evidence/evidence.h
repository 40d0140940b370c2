/* Files by the conventions of Keras: what each holds becomes a configuration, named tensors, assignments and samples.
 * One file of code per convention. Knows the layouts of Keras's files, not what its layers compute. */
#ifndef CUV_EVIDENCE_H
#define CUV_EVIDENCE_H

#include "format/format.h"

/* ---- tensors of a file ---------------------------------------------------------------------------------- */

/* A tensor with the words that name it in errors and in --map. */
typedef struct cuv_named {
    const cuv_tensor *tensor;
    const char *label;          /* whole name: "weights.npy[1]", "model.h5#dense/dense/kernel:0" */
    const char *key;            /* within its file: "[1]", "dense/dense/kernel:0", "layers/dense/vars/0" */
    const char *weight;         /* last part of a name that means something ("kernel", "gamma"), or NULL */
    struct cuv_file *file;
} cuv_named;

/* Tensors that a file keeps together: a layer of a legacy .h5, a `vars` group of Keras 3, an inner list, a dict entry. */
typedef struct cuv_group {
    const char *name;           /* layer name where the file tells one, else NULL */
    const char *path;           /* Keras 3: object path "layers/dense", "layers/bidirectional/forward_layer/cell"; else NULL */
    cuv_named *tensors;         /* in the order of the file's own rules (weight_names; 0, 1, ..., 10) */
    size_t count;
    uint64_t newest_address;    /* HDF5: of the layer or object with all that is inside it, see cuv_h5; .npz by path: its place; else 0 */
} cuv_group;

/* How a file's tensors are arranged, which decides how they can be bound. */
typedef enum cuv_arrangement {
    CUV_ARR_NONE,               /* no tensors */
    CUV_ARR_LEGACY,             /* groups by layer name, in order (legacy .h5) */
    CUV_ARR_OBJECTS,            /* groups by object path (Keras 3 .weights.h5, .keras) */
    CUV_ARR_LIST,               /* one group: all arrays in order (get_weights(); or half of a kernels/biases pair) */
    CUV_ARR_NESTED,             /* one group a layer, in order, no names (list of lists) */
    CUV_ARR_DICT,               /* groups by a name the user chose (dict of lists, dict of dicts) */
    CUV_ARR_NAMED               /* one group of tensors that each have a name (npz with keys, safetensors, flat dict) */
} cuv_arrangement;

/* ---- what a script says ---------------------------------------------------------------------------------- */

/* "put these arrays into this layer's weights", from a script or from --map. */
typedef struct cuv_assignment {
    const char *layer;          /* layer name; "outer/inner" for a layer of a nested model; NULL: the whole model */
    const cuv_tensor **tensors; /* in the order of get_weights(); each has a cuv_named (cuv_evidence_name_of) */
    size_t count;
    const char *where;          /* "rebuild.py:12:5", "--map" */
    const char *excerpt;        /* the line of code and a caret, for errors; NULL for --map */
    size_t at;                  /* among all that the script says of weights, in the order in which it happens */
} cuv_assignment;

/* Where files have the weights of a layer of a model that code gives as a class. In the order of model.weights. */
typedef struct cuv_weight_place {
    const char *layer;              /* in the model */
    const char *object;             /* .weights.h5: "blocks/dense_1" */
    const char *path;               /* checkpoints: "blocks/1" */
    size_t group;                   /* which of model.layers it is part of, from 1; 0: the model itself */
    size_t held;                    /* parts of the list of all weights in each of which Keras 2 lists what is trained first */
    size_t own;                     /* a weight that the object made itself: its number there, from 1; 0: a layer */
} cuv_weight_place;

/* All of a model, as Keras 3 and as Keras 2 save it; none of a model that is no object of a class. */
typedef struct cuv_weight_places { cuv_weight_place *lists[2]; size_t count; } cuv_weight_places;

/* A layer (a path below the model) and what another model, from which it has its weights, calls it; "" there: all of that model. */
typedef struct cuv_weight_part { const char *layer, *source; } cuv_weight_part;

/* A file of weights that a script loads into its model, or into another model that shares layers with it. */
typedef struct cuv_weight_file {
    struct cuv_file *file;
    bool by_name, skip_mismatch;
    const char *where, *excerpt;    /* as of an assignment */
    size_t at;
    const cuv_value *config;        /* of the other model; NULL: the file is for the whole model */
    const struct cuv_file *from;    /* what the configuration is from */
    const cuv_weight_part *parts;   /* what the two share */
    size_t part_count;
    cuv_weight_places places;       /* of the other model */
} cuv_weight_file;

/* Weights that a function of keras.applications begins with, where no file of them is there. */
typedef struct cuv_wanted {
    const char *network, *file;     /* "VGG16", the file that Keras fetches */
    const char *model;              /* its name */
    const char *where, *excerpt;    /* as of an assignment */
    const char **layers;            /* their names */
    size_t layer_count;
} cuv_wanted;

typedef struct cuv_script {
    cuv_value *config;          /* the model the script builds, as a Keras configuration object; NULL when it loads one whole */
    int keras;                  /* 2 or 3 where the imports or calls tell, else 0 */
    struct cuv_file *model_file;/* load_model, or the configuration file that model_from_json read; else NULL */
    cuv_assignment *assignments;
    size_t assignment_count;
    cuv_weight_file *weight_files;
    size_t weight_file_count;
    cuv_weight_places places;
    cuv_wanted *wanted;
    size_t wanted_count;
    const char *stands_for, *stands_in; /* --custom for the model's own class: that, and the code's file; else NULL */
    bool underscored;           /* it sets `_name` of layers, which renames them in Keras 2 alone */
    bool wants_summary;         /* the script calls summary() on the model */
    bool definitions;           /* it only defines classes and functions, for the model of another file */
    bool stands_somewhere;      /* one of these stands in for a class or function of the model */
    const char **skipped;       /* statements without effect on the model: "rebuild.py:14:1 print(...)" */
    size_t skipped_count;
} cuv_script;

/* ---- files ------------------------------------------------------------------------------------------------- */

/* Something in a file that could run code, read other files, or exhaust the machine. */
typedef struct cuv_danger { cuv_severity severity; const char *code, *where, *what; } cuv_danger;

typedef struct cuv_file {
    const char *path;           /* as given, or "script-folder/name" when a script named it */
    const char *name;           /* how errors name it: the last component */
    cuv_source source;
    cuv_carrier format;
    const char *kind;           /* "legacy HDF5, whole model", "Keras 3 archive", "object array", ... for inspect */
    const char *keras_version;  /* "2.15.0", NULL when the file does not say */
    const char *backend;        /* "tensorflow", "theano", ... or NULL */
    const char *written_by;     /* best description of the writer, or NULL */
    int keras;                  /* 1, 2, 3; 0 unknown */
    cuv_value *config;          /* model configuration object {"class_name", "config", ...}; NULL when it has none */
    cuv_value *training;        /* training or compile configuration, or NULL */
    cuv_value *root;            /* what Python sees when it loads the file (np.load, json.load); NULL for HDF5 */
    cuv_arrangement arrangement;
    cuv_group *groups;
    size_t group_count;
    struct cuv_samples *selftest;   /* inputs and outputs that cuvier put into its export, or NULL */
    const cuv_h5 *h5;           /* the file itself, for code that reads it with h5py; NULL for other forms */
    const cuv_zip *zip;         /* the archive, for assets; NULL otherwise */
    cuv_script *script;         /* Keras code, or what --custom says of the file's own class */
    cuv_danger *dangers;
    size_t danger_count;
    const char *combined;       /* several shards, whose tensors these are: "m_00000 to 00002.weights.h5"; else NULL (shards.c) */
    bool named_by_script;       /* found beside a script, not given by the user */
    const char *ragged;         /* nested lists that would be an array but for a row of another length; says which (arrays.c) */
    bool tokens, tokens_used;   /* plain text, which may be a vocabulary, one token in each line; a layer has taken it */
    bool collapsed;             /* one numeric array that holds several along its first axis (see formats.md e) */
} cuv_file;

/* Number of tensors in all groups of a file. */
size_t cuv_file_tensor_count(const cuv_file *file);

/* --custom NAME=CODE.py: Keras code that stands in for a class, or for one layer. */
typedef struct cuv_custom {
    const char *name;           /* "MyLayer", "package>MyLayer", "module.MyLayer", or the name of a layer */
    cuv_file *file;             /* no part of ev->files */
    struct cuv_py *module;      /* the code, parsed */
    const char *means;          /* what the code calls it; NULL: the name */
    bool used;
    bool implied;               /* not given with --custom, but defined in a script of the evidence (implied.c) */
    bool named;                 /* the script says so, as custom_objects: it goes before a class of Keras */
} cuv_custom;

/* Where such a class is called: what its code can ask for. */
typedef struct cuv_custom_use {
    const char *layer, *class_name;
    const cuv_value *config;    /* the layer's arguments */
    int keras;
    const struct cuv_custom_input { int64_t shape[CUV_MAX_RANK]; int rank; const char *dtype; } *inputs;
    const struct cuv_custom_argument { size_t count; bool list; } *args;    /* positional arguments, and how many inputs each takes */
    size_t arg_count;
} cuv_custom_use;

typedef struct cuv_samples {
    cuv_file *file;
    const char *origin;         /* of a self-test: who computed the outputs */
    const cuv_named *inputs, *outputs;      /* in the order x0 x1 ..., or by name when `by_name` */
    size_t input_count, output_count;
    bool by_name;
} cuv_samples;

struct cuv_evidence {
    cuv_context *cx;
    cuv_arena *arena;
    cuv_file **files;
    size_t file_count, file_capacity;
    cuv_assignment *maps;       /* --map */
    size_t map_count, map_capacity;
    const char **map_texts;     /* as given, resolved when the model is known */
    size_t map_text_count;
    struct { int64_t shape[CUV_MAX_RANK]; int rank; } *input_shapes;
    size_t input_shape_count;
    cuv_custom *customs;        /* --custom */
    size_t custom_count;
    const char *backend, *keras_version;    /* --backend, --keras-version; NULL: as the files say */
    cuv_map *implied;           /* name -> cuv_custom: what scripts define (implied.c); NULL: nothing */
    cuv_samples *samples;       /* NULL when none were given */
    bool samples_kept;          /* for the verification: they settle nothing but an architecture that no file tells */
    const cuv_assignment *recovered;    /* the tensors of each layer of a recovered architecture: what it was read off; NULL: none */
    size_t recovered_count;
    size_t top;                 /* --top: candidates wanted where an architecture is recovered; 0: the model alone */
    bool strict;
    unsigned depth;             /* internal: files that name files */
    cuv_file *tried;            /* the file given last, also when it was refused; for cuv_scan */
    bool for_code;              /* internal: code reads the file, which then need not be Keras's */
    atomic_size_t keepers;      /* internal: arenas that hold it, and the caller */
    cuv_map *labels;            /* internal: names by tensor */
    cuv_named **derived;
    size_t derived_count, derived_capacity;
};

/* The arena holds the evidence, with the files it maps, until it is freed; cuv_evidence_free then only lets go of the caller's
 * part. */
CUV_MUST_USE cuv_status cuv_evidence_keep(cuv_arena *arena, struct cuv_evidence *ev);
/* Opens a path, recognises it by content and reads it; appended to ev->files. Scripts are read by cuv_evidence_settle.
 * An already opened path gives the file that is there. */
CUV_MUST_USE cuv_status cuv_evidence_open(struct cuv_evidence *ev, const char *path, cuv_file **out);
/* The same for bytes in memory (shared blob); `name` is what errors call it. */
CUV_MUST_USE cuv_status cuv_evidence_open_source(struct cuv_evidence *ev, const cuv_source *src, const char *path, cuv_file **out);
/* Evaluates scripts, once all files are known; resolves which file each of them names. */
CUV_MUST_USE cuv_status cuv_evidence_settle(struct cuv_evidence *ev);
/* A file that code names: first a file of the evidence with the same last component, then one beside the script (inside its folder;
 * '..', absolute paths and symbolic links that leave it are refused: CUV_UNSAFE). CUV_NO "script.file" when there is none.
 * `script` is the file that names it. */
CUV_MUST_USE cuv_status cuv_evidence_find(struct cuv_evidence *ev, const cuv_file *script, const char *name, const char *where,
                                          cuv_file **out);
/* Does the class have a vocabulary? (vocabularies.c) */
bool cuv_takes_vocabulary(const char *class_name);
/* Texts of the evidence that are vocabularies go into the configuration `from` a file (NULL, NULL: there is none). CUV_NO "vocabulary.unused" or
 * CUV_UNSUPPORTED "file.unknown" for a text that no layer takes (vocabularies.c). */
CUV_MUST_USE cuv_status cuv_give_vocabularies(struct cuv_evidence *ev, const cuv_value *config, const cuv_file *from);
/* The text that --map gives a layer as its vocabulary; NULL: it is about tensors. */
cuv_file *cuv_mapped_vocabulary(const struct cuv_evidence *ev, const char *map);
/* The name of a tensor that came from a file or that a script derived; NULL when it has none. */
const cuv_named *cuv_evidence_name_of(const struct cuv_evidence *ev, const cuv_tensor *tensor);
/* Gives a derived tensor its label ("weights.npy[1].T"). */
CUV_MUST_USE cuv_status cuv_evidence_name(struct cuv_evidence *ev, const cuv_tensor *tensor, const char *label, cuv_file *file);
/* A tensor by its --map spelling: FILE#key, FILE[3], or a key that only one file has. CUV_NO "map.tensor" otherwise, with near names. */
CUV_MUST_USE cuv_status cuv_evidence_tensor(struct cuv_evidence *ev, const char *spelling, const cuv_named **out);

/* The same with ".T" or ".transpose(2,3,1,0)" behind it, NumPy's words: `*out` is the turned tensor, `*base` the one it is made of. */
CUV_MUST_USE cuv_status cuv_evidence_turned(struct cuv_evidence *ev, const char *spelling, const cuv_named **out,
                                            const cuv_named **base);

/* The code that stands in for what a record describes; NULL: none. A layer's own name counts more than its class. */
cuv_custom *cuv_custom_for(const struct cuv_evidence *ev, const cuv_value *record, const char *layer);
/* In the records of such a model: how many layers the code made before this one. */
#define CUV_MADE "cuvier_made"
/* The class of layers that only hold one weight of a class that code stands in for; layers/identity.c computes it. */
#define CUV_WEIGHT_CLASS "(weight)"
/* The class of layers that are a constant of the code. */
#define CUV_CONSTANT_CLASS "(constant)"
/* Does the class hand its input's mask on? Code may say so: supports_masking = True. */
typedef enum cuv_custom_masks { CUV_MASKS_AS_INSIDE, CUV_MASKS_DROPPED, CUV_MASKS_KEPT } cuv_custom_masks;
/* Has the classes and functions that a script defines stand in for those that Keras does not have (implied.c). */
CUV_MUST_USE cuv_status cuv_custom_imply(struct cuv_evidence *ev, cuv_file *file);
/* The one that does so for what a record describes; NULL: none. */
cuv_custom *cuv_custom_implied(const struct cuv_evidence *ev, const cuv_value *record);
/* The model that the code builds for a layer where it stands, as a configuration object in `arena` (script_custom.c). */
CUV_MUST_USE cuv_status cuv_custom_model(struct cuv_evidence *ev, const cuv_custom *custom, const cuv_custom_use *use,
                                         cuv_arena *arena, cuv_value **out, cuv_custom_masks *masks);
/* A file whose model is of a class that --custom gives the code of gets the script that the code is. Others are left alone. */
CUV_MUST_USE cuv_status cuv_custom_whole(struct cuv_evidence *ev, cuv_file *file);

/* ---- classes and their weights (classes.c) ---- */

/* Where a layer stands in a configuration: in an attribute of another (one of several where that is a list), or at the top. */
typedef struct cuv_standing {
    const char *name, *class_name;      /* the name may be NULL; the class without its package */
    const char *attribute;              /* "layers", "layer", "cell" */
    bool listed;
    size_t before;                      /* in a list: how many of its class come before it */
    const struct cuv_standing *outer;      /* NULL: the model itself */
} cuv_standing;
typedef void cuv_class_visit(void *to, const cuv_value *record, const cuv_standing *place);
/* All records of a configuration, outer ones first. */
CUV_MUST_USE cuv_status cuv_classes_each(cuv_arena *arena, const cuv_value *config, cuv_class_visit *visit, void *to);
typedef void cuv_held_visit(void *to, const cuv_named *tensor);
/* The tensors that the files hold for what stands there. */
void cuv_held_each(const struct cuv_evidence *ev, const cuv_standing *place, cuv_held_visit *visit, void *to);
/* "its weights, 2: ..." in the context's texts, of the first layer of this name and class in the files' configurations; NULL: none. */
const char *cuv_held_text(const struct cuv_evidence *ev, const char *layer, const char *class_name);

/* Readers, one a convention: each fills the file from its parsed carrier. */
CUV_MUST_USE cuv_status cuv_read_legacy_h5(struct cuv_evidence *ev, cuv_file *file, const cuv_h5 *root);   /* legacy_h5.c */
CUV_MUST_USE cuv_status cuv_read_objects_h5(struct cuv_evidence *ev, cuv_file *file, const cuv_h5 *root);  /* objects_h5.c */
CUV_MUST_USE cuv_status cuv_read_archive(struct cuv_evidence *ev, cuv_file *file);                          /* archive.c: .keras */
CUV_MUST_USE cuv_status cuv_read_arrays(struct cuv_evidence *ev, cuv_file *file, cuv_value *root);          /* arrays.c: npy npz pickle */
/* The self-test of a file (selftest.c); one that cannot be read is a warning. */
CUV_MUST_USE cuv_status cuv_selftest_read(struct cuv_evidence *ev, cuv_file *file, const char *text, size_t size);
CUV_MUST_USE cuv_status cuv_read_config(struct cuv_evidence *ev, cuv_file *file, cuv_value *root);          /* config.c: JSON, YAML */
CUV_MUST_USE cuv_status cuv_read_samples(struct cuv_evidence *ev, const char *path, cuv_samples **out);     /* samples.c */
/* Parses and evaluates Keras code; the file's `script` is the result (script.c and its neighbours). */
CUV_MUST_USE cuv_status cuv_read_script(struct cuv_evidence *ev, cuv_file *file);

/* Shards without their index become one file (shards.c). CUV_NO "shards.missing" names one that is not given. */
CUV_MUST_USE cuv_status cuv_combine_shards(struct cuv_evidence *ev);
/* The index that lists a shard with its fellows ("m.weights.json"), by the file's name; NULL: it is none. */
const char *cuv_shard_index(cuv_context *cx, const cuv_file *f);

/* Keras major version from a version text: 1, 2 or 3; tf_keras and "2.x-tf" are 2; 0 when unknown. */
int cuv_keras_major(const char *version);

/* ---- writing ------------------------------------------------------------------------------------------------ */

typedef struct cuv_saved_weight {
    const char *name;           /* "kernel" */
    const cuv_tensor *tensor;
    bool trainable;             /* the variable's own flag; frozen layers count too */
} cuv_saved_weight;

/* A layer, cell or model with all that is inside it, as the objects of Keras hang together. All borrowed. */
typedef struct cuv_saved_layer {
    const char *name;           /* "dense_1" */
    const char *class_name;     /* of Keras 3: "Dense" */
    const char *role;           /* attribute of the object around it ("forward_layer", "cell"); NULL: one of its `layers`, or of the
                                   `cells` of StackedRNNCells */
    bool trainable;
    const cuv_saved_weight *weights;        /* own variables, in the order of creation */
    size_t weight_count;
    const struct cuv_saved_layer *inner;    /* of a model: as model.layers lists them */
    size_t inner_count;
    bool as_made;               /* Keras 3 saves the variables in the order of creation, not trainable ones first (quantised layers) */
} cuv_saved_layer;

typedef struct cuv_asset { const char *path; const void *data; size_t size; } cuv_asset;    /* "assets/layers/...txt" */

typedef struct cuv_save {
    const cuv_saved_layer *model;
    const cuv_value *config;    /* configuration object; NULL: weights only (legacy .h5) */
    const char *keras_version;  /* NULL: "3.15.0", or "2.15.0" with keras2_names */
    const char *backend;        /* NULL: "tensorflow" */
    bool keras2_names;          /* "dense/kernel:0" in place of "sequential/dense/kernel" (legacy .h5) */
    const char *selftest;       /* JSON text or NULL (.keras, .h5, .weights.h5, .npz, .safetensors) */
    const cuv_asset *assets;    /* .keras */
    size_t asset_count;
} cuv_save;

/* Keras's snake case of a class name ("Conv2DTranspose": "conv2d_transpose"; "GroupQueryAttention", the public name of Keras's class
 * GroupedQueryAttention: "grouped_query_attention"), in the arena; NULL: no memory. */
char *cuv_snake_case(cuv_arena *arena, const char *class_name);
/* Each writes a whole file. Reproducible; the date in .keras is fixed, or that of SOURCE_DATE_EPOCH. */
CUV_MUST_USE cuv_status cuv_write_legacy_h5(cuv_context *cx, const cuv_save *save, const char *path);    /* legacy_h5_write.c */
CUV_MUST_USE cuv_status cuv_write_objects_h5(cuv_context *cx, const cuv_save *save, const char *path);   /* objects_h5_write.c */
CUV_MUST_USE cuv_status cuv_write_archive(cuv_context *cx, const cuv_save *save, const char *path);      /* archive_write.c */
/* Keys "layer/variable", in the order of model.get_weights(). */
CUV_MUST_USE cuv_status cuv_write_npz(cuv_context *cx, const cuv_save *save, const char *path);          /* saved.c */
CUV_MUST_USE cuv_status cuv_write_safetensors(cuv_context *cx, const cuv_save *save, const char *path);  /* saved.c */
CUV_MUST_USE cuv_status cuv_write_json(cuv_context *cx, const cuv_value *config, const char *path);      /* saved.c */

#endif
