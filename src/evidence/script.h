/* The static reading of Keras code: values, layers and calls as the script's statements state them.
 * Not an interpreter: what it cannot follow is either without effect on the model (then it is listed as skipped) or an error. */
#ifndef CUV_SCRIPT_H
#define CUV_SCRIPT_H

#include "evidence/evidence.h"
#include "format/python.h"

/* ---- values ---------------------------------------------------------------------------------------------- */

typedef enum cuv_sv_kind {
    CUV_SV_NONE, CUV_SV_BOOL, CUV_SV_INT, CUV_SV_REAL, CUV_SV_TEXT, CUV_SV_BYTES,
    CUV_SV_LIST, CUV_SV_TUPLE, CUV_SV_SET,      /* items; of a named tuple, values: the names of its fields */
    CUV_SV_DICT,                                /* items are the keys, values the values */
    CUV_SV_RANGE,                               /* integer, stop, step */
    CUV_SV_SLICE,                               /* items: start, stop, step */
    CUV_SV_ELLIPSIS,
    CUV_SV_ARRAY,                               /* tensor; without data: only its shape is known */
    CUV_SV_TENSOR,                              /* symbol: a symbolic tensor of Keras */
    CUV_SV_LAYER,                               /* layer: a layer, model or operation */
    CUV_SV_NAME,                                /* text: something imported, by its canonical dotted name */
    CUV_SV_FUNCTION,                            /* node: def or lambda; scope; items: defaults */
    CUV_SV_CLASS,                               /* node; scope: its attributes; self: base class of the script */
    CUV_SV_INSTANCE,                            /* self: class; scope: its attributes; truth: build has run; of a layer or model: items, values:
                                                   the attributes in order and when each was set; layer: the model made of it;
                                                   integer: when it was made; unsure: part of another; step, stop: for walks */
    CUV_SV_SUPER,                               /* items[0]: an instance; self: the class above, NULL when that is Keras's */
    CUV_SV_PARTIAL,                             /* self: what is called; items: arguments; values, names: keywords */
    CUV_SV_METHOD,                              /* self, text */
    CUV_SV_FILE,                                /* text: name; file: what was found, NULL when opened for writing */
    CUV_SV_VARIABLE,                            /* layer, text: weight name or NULL, integer: index or -1 */
    CUV_SV_OBJECT,                              /* text: class; module in scope_name; items, values: arguments by name */
    CUV_SV_UNKNOWN                              /* text: what it is */
} cuv_sv_kind;

typedef struct cuv_sv cuv_sv;
typedef struct cuv_scope cuv_scope;
typedef struct cuv_sl cuv_sl;
typedef struct cuv_sn cuv_sn;
typedef struct cuv_st cuv_st;

struct cuv_sv {
    cuv_sv_kind kind;
    bool truth;
    bool unsure;                /* a container that a branch which may not run would have changed */
    int64_t integer, stop, step;
    double real;
    const char *text;
    size_t size;                /* bytes of text */
    cuv_sv **items, **values;
    size_t count, capacity;
    const cuv_tensor *tensor;
    const char *label;          /* of an array: "weights.npy[1]" */
    cuv_st *symbol;
    cuv_sl *layer;
    cuv_file *file;
    const cuv_py *node;
    cuv_scope *scope;
    cuv_sv *self;
};

struct cuv_scope {
    cuv_map *names;             /* to cuv_sv */
    cuv_scope *outer;           /* where the function was defined */
    bool is_class;
    cuv_map *globals;           /* names declared global or nonlocal; may be NULL */
    const cuv_source *src;      /* the text whose statements it belongs to: the script's, or that of a module beside it */
};

/* ---- layers, calls, tensors ------------------------------------------------------------------------------ */

typedef enum cuv_sl_kind {
    CUV_SL_LAYER, CUV_SL_INPUT, CUV_SL_OPERATION, CUV_SL_SEQUENTIAL, CUV_SL_FUNCTIONAL,
    CUV_SL_OPAQUE,              /* a whole model that a file holds */
    CUV_SL_PART                 /* a layer of an opaque model */
} cuv_sl_kind;

struct cuv_sl {
    cuv_sl_kind kind;
    const char *class_name, *module, *name;
    cuv_sv *config;             /* DICT: the arguments given */
    cuv_sv *early;              /* first-layer arguments: the input's shape without the batch, or with it */
    bool early_batch;
    const cuv_py *node;
    bool is_model, trainable_set;
    bool begins_otherwise;      /* an initializer was given that is not written down */
    cuv_sn **calls;
    size_t call_count, call_capacity;
    cuv_sl **layers;            /* of models; of a Sequential with its InputLayer; of a Functional in the order of Keras */
    size_t layer_count, layer_capacity;
    size_t wired;               /* of a Sequential: layers whose calls exist */
    cuv_st *wired_output;
    cuv_sv *inputs, *outputs;   /* of a Functional: the structures as given, with its own inputs where it was cut */
    cuv_sn **inner;             /* of a Functional: the calls it consists of */
    size_t inner_count;
    cuv_st **cut, **cut_to;     /* of a Functional: tensors inside a graph that it takes as inputs, and its own Inputs for them */
    size_t cut_count;
    cuv_sl *owner;              /* of a part: its model; stays when that is opened */
    const char *recorded;       /* of a part: its name in the record */
    bool opened, changed;       /* of an opaque model: layers and calls were made of its record; it is no longer as recorded */
    bool consumed;              /* a model was made of its tensors or layers */
    cuv_sv *object;             /* of a Functional: the object of a class of the script that it was made from */
    const char *object_path;    /* where the files of Keras 3 have the layer, or the object that has the weight; NULL: not known */
    size_t object_mark;
    size_t object_index;        /* of a weight of such an object: its number there, from 1 */
    bool saved;                 /* the script writes it to a file */
    bool ready_made;            /* of keras.applications */
    cuv_sl *of_ready;           /* the model of keras.applications that it was made for */
    cuv_sl **recorded_layers;   /* the parts that the record lists */
    size_t recorded_count;
    cuv_sl *wrapped;            /* what a wrapper wraps */
    cuv_sl *halves[2];          /* of a Bidirectional: forward_layer and backward_layer, once code asks for them */
    cuv_sl *whole;              /* of such a half: the Bidirectional */
    const cuv_value *record;    /* of an opaque model: its configuration; of a part: its own */
    cuv_file *record_file;
    bool whole_file;            /* load_model: with its weights */
    cuv_sv *weights;            /* LIST of arrays that were set last, or NULL */
    size_t made;                /* how many layers were made before it */
    bool used_inside;           /* part of another model */
    unsigned votes;             /* how much speaks for its being the model the script is about */
    size_t mark;                /* for walks */
    int64_t depth;
};

/* One call of a layer. */
struct cuv_sn {
    cuv_sl *layer;
    size_t index;               /* among the calls of its layer */
    cuv_sv *args;               /* TUPLE */
    cuv_sv *kwargs;             /* DICT */
    cuv_st **inputs;            /* tensors in args and kwargs, in order */
    size_t input_count, input_capacity;
    cuv_st **outputs;
    size_t output_count;
    int64_t depth;
    size_t mark, position;
    size_t kept;                /* index among the calls that a configuration keeps */
};

/* A symbolic tensor. */
struct cuv_st {
    cuv_sn *call;
    size_t index;
    bool shaped;                /* shape and rank are known */
    int rank;
    int64_t shape[CUV_MAX_RANK];/* -1: None */
    const char *dtype;
    cuv_st *twin;               /* what stands for it in the model that is written down */
    size_t mark;
};

/* ---- the state of a reading ------------------------------------------------------------------------------ */

typedef enum cuv_flow { CUV_FLOW_NEXT, CUV_FLOW_BREAK, CUV_FLOW_CONTINUE, CUV_FLOW_RETURN } cuv_flow;

/* Arguments of a call. */
typedef struct cuv_sargs {
    cuv_sv **items;
    size_t count;
    const char **names;
    cuv_sv **values;
    size_t named;
    const cuv_py *node;
} cuv_sargs;

typedef struct cuv_sc {
    cuv_context *cx;
    struct cuv_evidence *ev;
    cuv_arena *arena;           /* of the reading; what outlasts it goes to the evidence's */
    cuv_file *file;
    const cuv_source *src;      /* of the statement that is being read */
    cuv_map *modules;           /* beside the script, by name: a CLASS whose scope has what they define */
    cuv_script *script;
    cuv_sv *none, *yes, *no, *everything;       /* everything: '...' */
    cuv_scope *global, *scope;
    const cuv_py *at;           /* the expression being read */
    const cuv_py *statement;
    uint64_t steps, step_limit;
    uint32_t depth, depth_limit;
    uint32_t calls;             /* depth of the script's own functions */
    unsigned guarded;           /* > 0: inside a branch that may not run */
    const cuv_py *guard;        /* its condition */
    bool maybe_returned;        /* a branch that may not run returned */
    cuv_sv *returned;
    cuv_sv *yielded;            /* what the generator that is being read has given so far; NULL outside of one */
    cuv_map *counters;          /* automatic names */
    const char **stars;         /* modules of `from x import *` */
    size_t star_count, star_capacity;
    cuv_sl **models;
    size_t model_count, model_capacity;
    struct cuv_stated {
        cuv_sl *layer;
        cuv_sv *tensors;
        const cuv_py *node;
        cuv_file *file;
        bool by_name, skip;
        cuv_sl *as;             /* of a file: the model as it was then */
        cuv_sl *origin;         /* of a file: the layer of another model whose weights these are; NULL: the layer itself */
    } *stated;
    size_t stated_count, stated_capacity;
    size_t skipped_capacity, wanted_capacity;
    size_t walk;                /* last mark given to a walk */
    bool channels_first;        /* set_image_data_format */
    cuv_sv *policy;             /* set_global_policy("mixed_float16"): the dtype of the layers made from then on; else NULL */
    cuv_map *skipped;           /* places listed already */
    size_t made;                /* layers so far */
    bool networks;              /* and their objects may be the model (script_network.c) */
    cuv_sv **objects;           /* those objects */
    size_t object_count, object_capacity;
    struct cuv_pending { cuv_sv *self; const char *name; cuv_sargs args; } *pending;    /* calls of methods that wait for the input */
    size_t pending_count, pending_capacity;
    unsigned following;         /* > 0: inside a call of such an object */
    bool bodies;                /* classes that extend Layer and Model are followed (script_subclass.c): */
    cuv_sv *bodies_input;       /* a tensor that they are called with */
    cuv_map *kept_names;        /* names that their layers have been given */
    bool numbers;               /* records say when each layer was made (CUV_MADE) */
    bool no_memory;             /* a text could not be made */
    bool skip;                  /* the statement turned out to have no effect on the model */
} cuv_sc;

/* ---- script_value.c: values */
cuv_sv *cuv_sv_new(cuv_sc *e, cuv_sv_kind kind);        /* NULL: no memory */
CUV_MUST_USE cuv_status cuv_sv_int(cuv_sc *e, int64_t integer, cuv_sv **out);
CUV_MUST_USE cuv_status cuv_sv_real(cuv_sc *e, double real, cuv_sv **out);
CUV_MUST_USE cuv_status cuv_sv_text(cuv_sc *e, const char *text, size_t size, cuv_sv **out);       /* copies */
CUV_MUST_USE cuv_status cuv_sv_word(cuv_sc *e, const char *text, cuv_sv **out);                    /* copies */
CUV_MUST_USE cuv_status cuv_sv_make(cuv_sc *e, cuv_sv_kind kind, cuv_sv **out);
CUV_MUST_USE cuv_status cuv_sv_name(cuv_sc *e, const char *dotted, cuv_sv **out);
CUV_MUST_USE cuv_status cuv_sv_unknown(cuv_sc *e, cuv_sv **out, const char *fmt, ...) CUV_PRINTF(3, 4);
CUV_MUST_USE cuv_status cuv_sv_array(cuv_sc *e, const cuv_tensor *t, const char *label, cuv_sv **out);
CUV_MUST_USE cuv_status cuv_sv_method(cuv_sc *e, cuv_sv *self, const char *name, cuv_sv **out);
cuv_sv *cuv_sv_bool(const cuv_sc *e, bool truth);
CUV_MUST_USE cuv_status cuv_sv_add(cuv_sc *e, cuv_sv *list, cuv_sv *item);
CUV_MUST_USE cuv_status cuv_sv_include(cuv_sc *e, cuv_sv *set, cuv_sv *item);      /* unless it is there */
CUV_MUST_USE cuv_status cuv_sv_put(cuv_sc *e, cuv_sv *dict, cuv_sv *key, cuv_sv *value);
CUV_MUST_USE cuv_status cuv_sv_put_word(cuv_sc *e, cuv_sv *dict, const char *key, cuv_sv *value);
cuv_sv *cuv_sv_find(const cuv_sv *dict, const cuv_sv *key);
cuv_sv *cuv_sv_get(const cuv_sv *dict, const char *key);
bool cuv_sv_equal(const cuv_sv *a, const cuv_sv *b);
bool cuv_sv_is(const cuv_sv *v, const char *text);               /* a string equal to text */
bool cuv_sv_is_seq(const cuv_sv *v);                             /* list or tuple */
bool cuv_sv_as_int(const cuv_sv *v, int64_t *out);
bool cuv_sv_as_real(const cuv_sv *v, double *out);
bool cuv_sv_is_number(const cuv_sv *v);
/* True, false or not known (*known unset). */
bool cuv_sv_truth(const cuv_sv *v, bool *known);
/* Is, or holds, a layer, model or symbolic tensor. */
bool cuv_sv_involves(const cuv_sv *v);
/* Holds an unknown. */
const cuv_sv *cuv_sv_unknown_in(const cuv_sv *v);
/* Words for errors: "the string 'x'", "weights, which is …". */
const char *cuv_sv_describe(cuv_sc *e, const cuv_sv *v);
/* str() or repr() into b. */
void cuv_sv_print(cuv_sc *e, cuv_buffer *b, const cuv_sv *v, bool repr, unsigned depth);
/* From a file's value tree; labels of arrays come from the evidence. */
CUV_MUST_USE cuv_status cuv_sv_from_value(cuv_sc *e, const cuv_value *v, unsigned depth, cuv_sv **out);
/* To a configuration: tensors of Keras, layers, objects become their records. CUV "script.unknown" when it holds an unknown. */
CUV_MUST_USE cuv_status cuv_sv_to_value(cuv_sc *e, const cuv_sv *v, const char *what, unsigned depth, cuv_value **out);
/* Any iterable into a new LIST; *known unset for what has no known length. */
CUV_MUST_USE cuv_status cuv_sv_iterate(cuv_sc *e, cuv_sv *v, cuv_sv **out, bool *known);
/* Length of v; false when not known. */
bool cuv_sv_length(const cuv_sv *v, size_t *out);

/* ---- script.c: the whole, errors, bounds */
CUV_MUST_USE cuv_status cuv_sc_prepare(cuv_sc *e);
/* Classes of the module that extend Keras's are followed from now on, where there are any. */
CUV_MUST_USE cuv_status cuv_sc_expect_classes(cuv_sc *e, const cuv_py *module);
/* script_import.c: a module beside the script, read when it is first imported; *out is NULL when there is none. */
CUV_MUST_USE cuv_status cuv_sc_local_module(cuv_sc *e, const char *dotted, cuv_sv **out);
/* The model that the code is about; NULL: it builds none. */
cuv_sl *cuv_sc_choose_model(const cuv_sc *e);
/* Runs `body` as one reading of `file`, with names as Keras `keras` gives them (0: as the code tells); frees what it made. */
CUV_MUST_USE cuv_status cuv_sc_read(struct cuv_evidence *ev, cuv_file *file, int keras, cuv_status (*body)(cuv_sc *e, const void *with),
                                    const void *with, cuv_script **out);
CUV_MUST_USE cuv_status cuv_sc_fail(cuv_sc *e, const cuv_py *node, cuv_status status, const char *id, const char *help,
                                    const char *fmt, ...) CUV_PRINTF(6, 7);
/* "script.unsupported" */
CUV_MUST_USE cuv_status cuv_sc_unsupported(cuv_sc *e, const cuv_py *node, const char *help, const char *fmt, ...) CUV_PRINTF(4, 5);
/* Text that lives as long as the reading. Never NULL; when memory is refused the whole reading ends with CUV_MEMORY. */
const char *cuv_sc_format(cuv_sc *e, const char *fmt, ...) CUV_PRINTF(2, 3);
const char *cuv_sc_where(cuv_sc *e, const cuv_py *node);
/* Counts work; CUV_UNSAFE "script.steps" beyond the bound. */
CUV_MUST_USE cuv_status cuv_sc_step(cuv_sc *e, uint64_t n);
/* The model would change here: an error inside a branch that may not run. */
CUV_MUST_USE cuv_status cuv_sc_effect(cuv_sc *e, const cuv_py *node);
CUV_MUST_USE cuv_status cuv_sc_skip(cuv_sc *e, const cuv_py *statement);
void cuv_sc_keras(cuv_sc *e, int major);

/* ---- script_statement.c */
CUV_MUST_USE cuv_status cuv_sc_block(cuv_sc *e, cuv_py *const *body, size_t count, cuv_flow *flow);
CUV_MUST_USE cuv_status cuv_sc_assign(cuv_sc *e, const cuv_py *target, cuv_sv *value);

/* ---- script_expression.c */
CUV_MUST_USE cuv_status cuv_sc_eval(cuv_sc *e, const cuv_py *node, cuv_sv **out);
CUV_MUST_USE cuv_status cuv_sc_operate(cuv_sc *e, const cuv_py *node, int op, cuv_sv *a, cuv_sv *b, cuv_sv **out);
CUV_MUST_USE cuv_status cuv_sc_compare(cuv_sc *e, const cuv_py *node, int op, cuv_sv *a, cuv_sv *b, cuv_sv **out);
/* script_subscript.c */
CUV_MUST_USE cuv_status cuv_sc_subscript(cuv_sc *e, const cuv_py *node, cuv_sv *of, cuv_sv *index, cuv_sv **out);
/* script_text.c */
CUV_MUST_USE cuv_status cuv_sc_fstring(cuv_sc *e, const cuv_py *node, cuv_sv **out);
CUV_MUST_USE cuv_status cuv_sc_percent(cuv_sc *e, const cuv_sv *format, const cuv_sv *args, cuv_sv **out);
CUV_MUST_USE cuv_status cuv_sc_text_more(cuv_sc *e, cuv_sv *self, const char *name, const cuv_sargs *args, cuv_sv **out);   /* script_textmore.c */
CUV_MUST_USE cuv_status cuv_sc_text_method(cuv_sc *e, cuv_sv *self, const char *name, const cuv_sargs *args, cuv_sv **out);

/* ---- script_name.c: scopes, imports, canonical names */
CUV_MUST_USE cuv_status cuv_sc_scope(cuv_sc *e, cuv_scope *outer, cuv_scope **out);
CUV_MUST_USE cuv_status cuv_sc_lookup(cuv_sc *e, const cuv_py *node, const char *name, cuv_sv **out);
CUV_MUST_USE cuv_status cuv_sc_bind(cuv_sc *e, const char *name, cuv_sv *value);
CUV_MUST_USE cuv_status cuv_sc_module(cuv_sc *e, const char *dotted, cuv_sv **out);
CUV_MUST_USE cuv_status cuv_sc_import(cuv_sc *e, const cuv_py *statement);
CUV_MUST_USE cuv_status cuv_sc_attribute(cuv_sc *e, const cuv_py *node, cuv_sv *of, const char *name, cuv_sv **out);
const char *cuv_sc_last(const char *dotted);

/* ---- script_call.c */
CUV_MUST_USE cuv_status cuv_sc_call_node(cuv_sc *e, const cuv_py *node, cuv_sv **out);
/* h5py.File of a file, and visit or visititems of one of its groups (script_hdf5.c). */
CUV_MUST_USE cuv_status cuv_sc_h5_file(cuv_sc *e, cuv_file *file, cuv_sv **out);
CUV_MUST_USE cuv_status cuv_sc_h5_visit(cuv_sc *e, cuv_sv *group, bool items, const cuv_sargs *args, cuv_sv **out);
CUV_MUST_USE cuv_status cuv_sc_call(cuv_sc *e, cuv_sv *what, const cuv_sargs *args, cuv_sv **out);
CUV_MUST_USE cuv_status cuv_sc_call_function(cuv_sc *e, cuv_sv *function, const cuv_sargs *args, cuv_sv **out);
/* Argument by position or name; NULL when not given. */
cuv_sv *cuv_sc_arg(const cuv_sargs *args, size_t index, const char *name);
/* A file that the code names; CUV_IO "script.file" at the node when there is none. */
CUV_MUST_USE cuv_status cuv_sc_find(cuv_sc *e, const cuv_py *node, const char *name, cuv_file **out);
/* What is foreign: unknown without the model, skipped when known to be harmless, else an error. */
CUV_MUST_USE cuv_status cuv_sc_foreign(cuv_sc *e, const char *name, const cuv_sargs *args, cuv_sv **out);
/* script_class.c */
CUV_MUST_USE cuv_status cuv_sc_class(cuv_sc *e, const cuv_py *node, cuv_sv **out);
/* self.__len__() and the like, with an argument or NULL; *out stays NULL where the object's class does not define it. */
CUV_MUST_USE cuv_status cuv_sc_protocol(cuv_sc *e, cuv_sv *self, const char *method, cuv_sv *argument, cuv_sv **out);
CUV_MUST_USE cuv_status cuv_sc_instantiate(cuv_sc *e, cuv_sv *klass, const cuv_sargs *args, cuv_sv **out);

CUV_MUST_USE cuv_status cuv_sc_named_tuple(cuv_sc *e, const cuv_sargs *args, cuv_sv **out);
CUV_MUST_USE cuv_status cuv_sc_make_tuple(cuv_sc *e, const cuv_sv *klass, const cuv_sargs *args, cuv_sv **out);

/* ---- script_subclass.c: classes that extend Keras's Layer or Model, where e->bodies is set */
bool cuv_sc_is_layer_class(const cuv_sv *klass);
/* Of a class that is one of those: does it extend Model? */
bool cuv_sc_is_model_class(const cuv_sv *klass);
bool cuv_sc_is_layer_instance(const cuv_sc *e, const cuv_sv *v);
CUV_MUST_USE cuv_status cuv_sc_super(cuv_sc *e, const cuv_sargs *args, cuv_sv **out);
CUV_MUST_USE cuv_status cuv_sc_super_attribute(cuv_sc *e, cuv_sv *of, const char *name, cuv_sv **out);
/* The weights of its own that an object has made, among its attributes: no name of Python's. */
#define CUV_OWN_WEIGHTS "(weights)"
CUV_MUST_USE cuv_status cuv_sc_subclass_method(cuv_sc *e, const cuv_sv *method, const cuv_sargs *args, cuv_sv **out);
CUV_MUST_USE cuv_status cuv_sc_subclass_attribute(cuv_sc *e, cuv_sv *of, const char *name, cuv_sv **out);
CUV_MUST_USE cuv_status cuv_sc_subclass_keep(cuv_sc *e, cuv_sv *self, const char *attribute, cuv_sv *value);
CUV_MUST_USE cuv_status cuv_sc_constant_tensor(cuv_sc *e, cuv_sv *v, cuv_sv **out);
CUV_MUST_USE cuv_status cuv_sc_constant_function(cuv_sc *e, const char *name, const cuv_sargs *args, cuv_sv **out);
CUV_MUST_USE cuv_status cuv_sc_subclass_call(cuv_sc *e, cuv_sv *self, const cuv_sargs *args, cuv_sv **out);

/* ---- script_network.c: objects of such classes as the script's model */
CUV_MUST_USE cuv_status cuv_sc_network(cuv_sc *e, cuv_sv *self, cuv_sv *const *told, size_t count, const cuv_py *node);
CUV_MUST_USE cuv_status cuv_sc_network_call(cuv_sc *e, cuv_sv *self, const cuv_sargs *args, cuv_sv **out);
CUV_MUST_USE cuv_status cuv_sc_network_method(cuv_sc *e, cuv_sv *self, const char *name, const cuv_sargs *args, cuv_sv **out);
CUV_MUST_USE cuv_status cuv_sc_object_layers(cuv_sc *e, const cuv_sv *self, cuv_sv **out);
/* Objects whose input the code does not tell: --input-shape and samples may. */
/* The input of an object's call() as --input-shape or the samples tell it; CUV_NO "script.input" when they do not. */
CUV_MUST_USE cuv_status cuv_sc_network_from_evidence(cuv_sc *e, cuv_sv *self);
/* load_model of an object of a class of the code (script_custom.c); *out stays NULL for other models. */
CUV_MUST_USE cuv_status cuv_sc_load_object(cuv_sc *e, cuv_file *file, const cuv_sv *custom_objects, const cuv_py *node, cuv_sv **out);
/* From here on classes of the code that extend Layer or Model are followed. */
CUV_MUST_USE cuv_status cuv_sc_follow_classes(cuv_sc *e);
CUV_MUST_USE cuv_status cuv_sc_finish_networks(cuv_sc *e, const cuv_py *module);
/* script_places.c: where files have the weights of a model made from an object. */
CUV_MUST_USE cuv_status cuv_sc_places(cuv_sc *e, const cuv_sl *model, cuv_weight_places *out);

/* Each family answers for names of its own: *out stays NULL when the name is none of theirs. */
CUV_MUST_USE cuv_status cuv_sc_builtin(cuv_sc *e, const char *name, const cuv_sargs *args, cuv_sv **out);      /* script_builtin.c */
CUV_MUST_USE cuv_status cuv_sc_iteration(cuv_sc *e, const char *name, const cuv_sargs *args, cuv_sv **out);    /* script_iterate.c: len, zip, sorted, ... */
CUV_MUST_USE cuv_status cuv_sc_set_of(cuv_sc *e, const cuv_sargs *args, cuv_sv **out);
CUV_MUST_USE cuv_status cuv_sc_sort(cuv_sc *e, cuv_sv *v, const cuv_sargs *args, bool *known);
/* script_container.c */
CUV_MUST_USE cuv_status cuv_sc_container_method(cuv_sc *e, cuv_sv *self, const char *name, const cuv_sargs *args, cuv_sv **out);
CUV_MUST_USE cuv_status cuv_sc_getter_call(cuv_sc *e, const cuv_sv *self, const cuv_sargs *args, cuv_sv **out);
CUV_MUST_USE cuv_status cuv_sc_library(cuv_sc *e, const char *name, const cuv_sargs *args, cuv_sv **out);      /* script_library.c */
/* script_folder.c: names in a folder, within the script's; a list that has `truth` is in an order that Python does not promise. */
CUV_MUST_USE cuv_status cuv_sc_list_folder(cuv_sc *e, const cuv_sargs *args, cuv_sv **out);
CUV_MUST_USE cuv_status cuv_sc_glob(cuv_sc *e, const cuv_sv *within, const cuv_sv *pattern, cuv_sv **out);
/* script_regex.c: the module re; its expressions and matches are OBJECTs. */
CUV_MUST_USE cuv_status cuv_sc_regex(cuv_sc *e, const char *name, const cuv_sargs *args, cuv_sv **out);
CUV_MUST_USE cuv_status cuv_sc_regex_method(cuv_sc *e, cuv_sv *self, const char *name, const cuv_sargs *args, cuv_sv **out);
CUV_MUST_USE cuv_status cuv_sc_match_group(cuv_sc *e, const cuv_sv *match, const cuv_sv *which, cuv_sv **out);
bool cuv_sc_is_pattern(const cuv_sv *v);
CUV_MUST_USE cuv_status cuv_sc_parser(cuv_sc *e, cuv_sv **out);                                                /* script_argparse.c */
CUV_MUST_USE cuv_status cuv_sc_parser_method(cuv_sc *e, cuv_sv *parser, const char *name, const cuv_sargs *args, cuv_sv **out);
CUV_MUST_USE cuv_status cuv_sc_file_lines(cuv_sc *e, cuv_sv *file, cuv_sv **out);      /* each with its newline */
CUV_MUST_USE cuv_status cuv_sc_text_lines(cuv_sc *e, const cuv_sv *text, bool newlines, cuv_sv **out);
CUV_MUST_USE cuv_status cuv_sc_file_method(cuv_sc *e, cuv_sv *self, const char *name, const cuv_sargs *args, cuv_sv **out);
CUV_MUST_USE cuv_status cuv_sc_stacked(cuv_sc *e, cuv_sv *list, const cuv_py *node, cuv_sv **out);
CUV_MUST_USE cuv_status cuv_sc_numpy(cuv_sc *e, const char *name, const cuv_sargs *args, cuv_sv **out);        /* script_arraymake.c */
/* script_array.c */
CUV_MUST_USE cuv_status cuv_sc_array_method(cuv_sc *e, cuv_sv *self, const char *name, const cuv_sargs *args, cuv_sv **out);
CUV_MUST_USE cuv_status cuv_sc_array_attribute(cuv_sc *e, cuv_sv *self, const char *name, cuv_sv **out);
CUV_MUST_USE cuv_status cuv_sc_of_array(cuv_sc *e, const char *name, cuv_sv *v, const cuv_sargs *args, cuv_sv **out);     /* a function of one array */
CUV_MUST_USE cuv_status cuv_sc_converted(cuv_sc *e, cuv_sv *v, const cuv_sv *dtype, cuv_sv **out);
CUV_MUST_USE cuv_status cuv_sc_as_tuple(cuv_sc *e, const cuv_sargs *args, cuv_sv **out);        /* reshape(2, 3) for reshape((2, 3)) */
bool cuv_sc_read_shape(const cuv_sv *v, int64_t *shape, int *rank);
bool cuv_sc_read_dtype(const cuv_sv *v, cuv_dtype *out);
/* As NumPy's views are: what is written into one is written into the other, too. */
CUV_MUST_USE cuv_status cuv_sc_viewed(cuv_sc *e, cuv_sv *from, const cuv_tensor *t, const char *suffix, cuv_sv **out);
/* numpy.r_[...] and c_[...] (script_arraymake.c). */
CUV_MUST_USE cuv_status cuv_sc_numpy_joined(cuv_sc *e, const cuv_py *node, bool columns, cuv_sv *index, cuv_sv **out);
/* start, stop and step of a slice over `length` items, as Python's slice.indices; false when they are not known (script_subscript.c). */
bool cuv_sc_slice_bounds(const cuv_sv *slice, int64_t length, int64_t *start, int64_t *stop, int64_t *step);
/* script_index.c */
CUV_MUST_USE cuv_status cuv_sc_array_index(cuv_sc *e, const cuv_py *node, cuv_sv *array, cuv_sv *index, cuv_sv **out);
/* What comes from an array under a label of its own; values of a new tensor, within the limits. */
CUV_MUST_USE cuv_status cuv_sc_derived(cuv_sc *e, const cuv_sv *from, const cuv_tensor *t, const char *suffix, cuv_sv **out);
CUV_MUST_USE cuv_status cuv_sc_new_tensor(cuv_sc *e, cuv_dtype dtype, const int64_t *shape, int rank, cuv_tensor **t, void **values);
/* script_numpy.c: more of NumPy's functions, files of numbers as text, a[...] = value. */
CUV_MUST_USE cuv_status cuv_sc_numpy_more(cuv_sc *e, const char *name, cuv_sv *v, const cuv_sargs *args, cuv_sv **out);
CUV_MUST_USE cuv_status cuv_sc_numpy_made(cuv_sc *e, const char *name, const cuv_sargs *args, cuv_sv **out);    /* eye, linspace, append, ... */
bool cuv_sc_numpy_takes_lists(const char *name);
CUV_MUST_USE cuv_status cuv_sc_load_text(cuv_sc *e, const cuv_sargs *args, cuv_sv **out);
CUV_MUST_USE cuv_status cuv_sc_array_fill(cuv_sc *e, cuv_sv *array, const cuv_sv *index, cuv_sv *value);
/* script_arith.c: arithmetic with NumPy's broadcasting, sums and means, functions of each element. */
CUV_MUST_USE cuv_status cuv_sc_array_reduce(cuv_sc *e, const char *name, cuv_sv *v, const cuv_sargs *args, cuv_sv **out);
CUV_MUST_USE cuv_status cuv_sc_array_compare(cuv_sc *e, int op, cuv_sv *a, cuv_sv *b, cuv_sv **out);
CUV_MUST_USE cuv_status cuv_sc_array_where(cuv_sc *e, const cuv_sv *condition, cuv_sv *a, cuv_sv *b, cuv_sv **out);
CUV_MUST_USE cuv_status cuv_sc_array_product(cuv_sc *e, cuv_sv *a, cuv_sv *b, cuv_sv **out);
CUV_MUST_USE cuv_status cuv_sc_array_each(cuv_sc *e, const char *name, cuv_sv *v, cuv_sv **out);
CUV_MUST_USE cuv_status cuv_sc_array_operate(cuv_sc *e, int op, cuv_sv *a, cuv_sv *b, cuv_sv **out);
CUV_MUST_USE cuv_status cuv_sc_shape_array(cuv_sc *e, const int64_t *shape, int rank, cuv_dtype dtype, cuv_sv **out);   /* no data */
CUV_MUST_USE cuv_status cuv_sc_array_of(cuv_sc *e, cuv_sv *v, cuv_sv **out);    /* np.array(v); unknown when it cannot be one */
CUV_MUST_USE cuv_status cuv_sc_keras_call(cuv_sc *e, const char *name, const cuv_sargs *args, cuv_sv **out);   /* script_keras.c */
CUV_MUST_USE cuv_status cuv_sc_application(cuv_sc *e, const char *name, const cuv_sargs *args, cuv_sv **out);  /* script_applications.c */
/* preprocess_input of an expression of a Lambda; *out NULL: not known which (script_preprocess.c). */
CUV_MUST_USE cuv_status cuv_sc_preprocess_expression(cuv_sc *e, const char *name, const char *mode, cuv_value *x, cuv_value **out);

/* ---- script_layer.c: making layers */
/* The constructor's class for a name like "keras.layers.Dense"; NULL when it is no layer. */
const struct cuv_signature *cuv_signature_of(const char *class_name);
/* Nothing but imports, functions, classes and constants (implied.c). */
bool cuv_py_only_defines(const cuv_py *module);
const char *cuv_signature_class(const struct cuv_signature *s);     /* the class's present name */
const char *cuv_signature_weights(const struct cuv_signature *s);   /* words */
bool cuv_signature_takes(const struct cuv_signature *s, const char *argument);
bool cuv_word_in(const char *words, const char *word);
CUV_MUST_USE cuv_status cuv_sc_auto_name(cuv_sc *e, const char *class_name, const char **out);
CUV_MUST_USE cuv_status cuv_sc_snake(cuv_sc *e, const char *class_name, const char **out);
CUV_MUST_USE cuv_status cuv_sl_new(cuv_sc *e, cuv_sl_kind kind, const char *class_name, const char *name, cuv_sl **out);
CUV_MUST_USE cuv_status cuv_sl_value(cuv_sc *e, cuv_sl *layer, cuv_sv **out);
CUV_MUST_USE cuv_status cuv_sc_make_layer(cuv_sc *e, const char *class_name, const cuv_sargs *args, cuv_sv **out);
CUV_MUST_USE cuv_status cuv_sc_input(cuv_sc *e, const cuv_sargs *args, bool layer, cuv_sv **out);
CUV_MUST_USE cuv_status cuv_sl_input(cuv_sc *e, cuv_sv *batch_shape, const char *name, const char *dtype, cuv_sl **out);

/* ---- script_graph.c: calls of layers, the order of Keras, configurations */
CUV_MUST_USE cuv_status cuv_sl_call(cuv_sc *e, cuv_sl *layer, const cuv_sargs *args, cuv_sv **out);
/* How many tensors a call gives, as far as the class and its arguments tell. */
CUV_MUST_USE cuv_status cuv_sl_output_count(cuv_sc *e, const cuv_sl *layer, const cuv_sv *kwargs, size_t *out);
CUV_MUST_USE cuv_status cuv_sn_new(cuv_sc *e, cuv_sl *layer, cuv_sv *args, cuv_sv *kwargs, size_t outputs, cuv_sn **out);
CUV_MUST_USE cuv_status cuv_sc_functional(cuv_sc *e, cuv_sv *inputs, cuv_sv *outputs, const char *name, cuv_sl **out);
CUV_MUST_USE cuv_status cuv_sl_tensor_value(cuv_sc *e, cuv_st *tensor, cuv_sv **out);
/* A copy with the entries of dictionaries in the order of their keys, as Keras flattens structures; v itself when it has none. */
CUV_MUST_USE cuv_status cuv_sv_flat_order(cuv_sc *e, cuv_sv *v, unsigned depth, cuv_sv **out);
/* The shape of a tensor that has one, as Python's tuple with None for unknown sizes (script_model.c). */
CUV_MUST_USE cuv_status cuv_sc_shape_tuple(cuv_sc *e, const cuv_st *t, cuv_sv **out);
/* Collects the symbolic tensors anywhere in v. */
CUV_MUST_USE cuv_status cuv_sc_tensors_in(cuv_sc *e, const cuv_sv *v, unsigned depth, cuv_st ***list, size_t *count,
                                          size_t *capacity);
/* script_config.c */
CUV_MUST_USE cuv_status cuv_sl_record(cuv_sc *e, cuv_sl *layer, unsigned depth, cuv_value **out);
/* The expression that a Lambda's function is, written into its configuration; nothing when it is none (script_lambda.c). */
CUV_MUST_USE cuv_status cuv_sc_lambda(cuv_sc *e, const cuv_sl *layer, cuv_value *config);
/* script_shape.c: shapes of the outputs where a plain rule gives them; else they stay unknown. */
void cuv_sn_shapes(cuv_sn *call);

/* ---- script_open.c: models that a file holds, opened */
/* The layers of an opaque model, as parts. */
CUV_MUST_USE cuv_status cuv_sc_parts(cuv_sc *e, cuv_sl *model);
/* Makes layers and calls of an opaque model's record, in place; of a part, its model's. Nothing to do for other layers. */
CUV_MUST_USE cuv_status cuv_sc_open(cuv_sc *e, cuv_sl *layer);
/* A part that is an operation: no layer, and not among model.layers. */
bool cuv_sl_is_operation(const cuv_sl *part);
/* The layer, or something in the model, is no longer as the file has it. */
void cuv_sl_changed(cuv_sl *layer);

/* ---- script_model.c: models */
/* Puts an InputLayer before the layers. */
CUV_MUST_USE cuv_status cuv_sc_sequential_input(cuv_sc *e, cuv_sl *model, cuv_sv *batch_shape, const char *name, const char *dtype);
CUV_MUST_USE cuv_status cuv_sc_sequential(cuv_sc *e, const cuv_sargs *args, cuv_sv **out);
CUV_MUST_USE cuv_status cuv_sc_sequential_add(cuv_sc *e, cuv_sl *model, cuv_sv *layer, const cuv_py *node);
CUV_MUST_USE cuv_status cuv_sc_sequential_build(cuv_sc *e, cuv_sl *model, cuv_sv *batch_shape);
/* Makes the calls of a Sequential whose input is known; *out is its last tensor, NULL when the input is not known. */
CUV_MUST_USE cuv_status cuv_sc_sequential_wire(cuv_sc *e, cuv_sl *model, cuv_st **out);
CUV_MUST_USE cuv_status cuv_sc_model(cuv_sc *e, const cuv_sargs *args, cuv_sv **out);
CUV_MUST_USE cuv_status cuv_sc_opaque(cuv_sc *e, const cuv_value *record, cuv_file *file, bool whole, cuv_sl **out);
CUV_MUST_USE cuv_status cuv_sc_layers_of(cuv_sc *e, cuv_sl *model, cuv_sv **out);
CUV_MUST_USE cuv_status cuv_sc_layer_method(cuv_sc *e, cuv_sv *self, const char *name, const cuv_sargs *args, cuv_sv **out);
CUV_MUST_USE cuv_status cuv_sc_layer_attribute(cuv_sc *e, const cuv_py *node, cuv_sl *layer, const char *name, cuv_sv **out);
CUV_MUST_USE cuv_status cuv_sc_set_layer_attribute(cuv_sc *e, const cuv_py *node, cuv_sl *layer, const char *name, cuv_sv *value);
/* script_weights.c */
CUV_MUST_USE cuv_status cuv_sc_set_weights(cuv_sc *e, cuv_sl *layer, cuv_sv *list, const cuv_py *node);
/* kernel_initializer=Constant(array) and the like are weights, where they are given for all weights of the layer. */
CUV_MUST_USE cuv_status cuv_sc_constant_weights(cuv_sc *e, cuv_sl *layer, const cuv_sargs *args);
CUV_MUST_USE cuv_status cuv_sc_get_weights(cuv_sc *e, cuv_sl *layer, cuv_sv **out);
/* layer.weights and the like: VARIABLEs where their number is known. */
CUV_MUST_USE cuv_status cuv_sc_weight_list(cuv_sc *e, cuv_sl *layer, const char *which, cuv_sv **out);
CUV_MUST_USE cuv_status cuv_sc_load_weights(cuv_sc *e, cuv_sl *layer, const cuv_sargs *args);
CUV_MUST_USE cuv_status cuv_sc_variable(cuv_sc *e, cuv_sl *layer, const char *name, int64_t index, cuv_sv **out);
/* The array that a variable is, as far as the code tells: set before, or of a known shape only; else unknown. */
CUV_MUST_USE cuv_status cuv_sc_variable_array(cuv_sc *e, const cuv_sv *variable, cuv_sv **out);
CUV_MUST_USE cuv_status cuv_sc_assign_variable(cuv_sc *e, cuv_sv *variable, cuv_sv *value, const cuv_py *node);
/* The model has the weights of the file that it is loaded from. */
CUV_MUST_USE cuv_status cuv_sc_take_file(cuv_sc *e, cuv_sl *model, cuv_file *file);
/* script_weightshape.c: the shape that a weight of `owner` will have; `called` is the layer itself or its wrapper. False: not known. */
bool cuv_sl_weight_shape(const cuv_sc *e, const cuv_sl *called, const cuv_sl *owner, const char *weight, int64_t *shape, int *rank);
/* script_outcome.c: writes the assignments and weight files of the chosen model into the script. */
CUV_MUST_USE cuv_status cuv_sc_finish_weights(cuv_sc *e, cuv_sl *model);

/* ---- script_ops.c: operations on symbolic tensors */
CUV_MUST_USE cuv_status cuv_sc_op(cuv_sc *e, const char *class_name, const char *family, const cuv_sargs *args, cuv_sv **out);
CUV_MUST_USE cuv_status cuv_sc_op_function(cuv_sc *e, const char *name, const cuv_sargs *args, cuv_sv **out);
CUV_MUST_USE cuv_status cuv_sc_symbol_operate(cuv_sc *e, int op, cuv_sv *a, cuv_sv *b, cuv_sv **out);
CUV_MUST_USE cuv_status cuv_sc_symbol_unary(cuv_sc *e, const char *class_name, cuv_sv *a, cuv_sv **out);
CUV_MUST_USE cuv_status cuv_sc_symbol_index(cuv_sc *e, cuv_sv *of, cuv_sv *index, cuv_sv **out);
/* script_opshape.c: how many tensors an operation makes, and their shapes where a plain rule gives them. */
size_t cuv_so_outputs(const cuv_sl *layer, const cuv_sv *args);
void cuv_so_shapes(cuv_sn *call);

#endif
