/* What each Keras layer is: parameters and weights as rows of data, and how a call becomes steps of a program.
 * One family a file, one descriptor a layer, all listed in layers.def. Knows nothing of files. */
#ifndef CUV_LAYERS_H
#define CUV_LAYERS_H

#include "program/program.h"

#include <limits.h>

typedef struct cuv_layer cuv_layer;
typedef struct cuv_layer_def cuv_layer_def;
typedef struct cuv_call cuv_call;
typedef struct cuv_quant cuv_quant;

/* ---- descriptors ------------------------------------------------------------------------------------------- */

typedef enum cuv_param_type {
    CUV_P_INT, CUV_P_FLOAT, CUV_P_BOOL, CUV_P_STRING,
    CUV_P_SIZES,        /* int or tuple of the layer's spatial rank; an int counts for all */
    CUV_P_INTS,         /* int or list of ints, kept as given */
    CUV_P_SHAPE,        /* tuple of ints and None */
    CUV_P_ACTIVATION, CUV_P_INITIALIZER, CUV_P_REGULARIZER, CUV_P_CONSTRAINT,
    CUV_P_LAYER, CUV_P_LAYERS,
    CUV_P_DTYPE,
    CUV_P_ANY           /* kept as given */
} cuv_param_type;

/* A constructor argument. Rows stand in the order of Keras 3's signature, which is the order of positional arguments. */
typedef struct cuv_param {
    const char *name;
    cuv_param_type type;
    const char *fallback;       /* default as Python text: "None", "'valid'", "(1, 1)", "0.001"; NULL: required */
    const char *allowed;        /* strings separated by spaces, or a range ">=1"; NULL: anything of the type */
    const char *old;            /* names in older Kerases, separated by spaces ("output_dim", "alpha") */
    const char *fallback2;      /* default of Keras 1 and 2 where it differs; NULL: the same */
    const char *fallback1;      /* default of Keras 1 and of the multi-backend Keras 2 where it differs; NULL: as fallback2 */
    bool inert;                 /* has no meaning for inference (initialisers, regularisers, rates): kept, not read */
} cuv_param;

/* A weight. Pattern: sizes separated by spaces; each a product or quotient of numbers, integer parameters and symbols
 * ("kernel_size in/groups filters", "in 4*units"). A tuple parameter stands for all its sizes. `in` is the size of the first
 * input's channel axis; def->symbol resolves what else a layer needs. */
typedef struct cuv_slot {
    const char *name;           /* of the variable in Keras 3: "kernel" */
    const char *pattern;
    const char *condition;      /* a bool parameter, or "!param"; NULL: always there */
    const char *old;            /* Keras 1 name */
    bool not_trainable;
    cuv_dtype dtype;            /* 0 (CUV_BOOL): the layer's variable dtype */
} cuv_slot;

#define CUV_PARAM_END {0}
#define CUV_SLOT_END {0}

typedef enum cuv_layer_flags {
    CUV_LF_NONE = 0,
    CUV_LF_MERGE = 1,           /* takes a list of tensors */
    CUV_LF_MASKS = 2,           /* supports masking and passes a mask on (the default `lower` rule: out.mask = in[0].mask) */
    CUV_LF_IDENTITY = 4,        /* nothing happens at inference; `lower` may be NULL */
    CUV_LF_WRAPPER = 8,         /* holds inner layers made by `inner` */
    CUV_LF_NO_AUTOCAST = 16,    /* inputs keep their dtype (Embedding, lookup layers) */
    CUV_LF_OPERATION = 64,      /* an operation: its arguments may be literals, also the first */
    CUV_LF_DICT = 128,          /* a layer of images that takes them in a dict, with masks, labels, boxes (image_dict.c) */
    CUV_LF_MULTI = 32           /* may take several tensors positionally (attention, RNN with states) */
} cuv_layer_flags;

struct cuv_layer_def {
    const char *name;           /* class name of Keras 3 */
    const char *old_names;      /* other class names, separated by spaces */
    const char *module;         /* where Keras 3 has the class; NULL: keras.layers */
    const char *doc;            /* one line: the formula */
    const cuv_param *params;
    const cuv_slot *slots;
    const char *vars_path;      /* Keras 3 keeps the slots in this attribute ("cell": layers/lstm/cell/vars/0); NULL: in the layer */
    int spatial;                /* spatial rank (1, 2, 3) for SIZES and data_format; 0: none */
    unsigned flags;             /* cuv_layer_flags */
    /* Checks parameters against each other, once, after they are read. NULL: nothing to check. */
    cuv_status (*check)(cuv_context *cx, cuv_layer *layer);
    /* Makes inner layers from layer->config (cuv_layer_add_inner). NULL: none. */
    cuv_status (*inner)(cuv_context *cx, cuv_layer *layer);
    /* A symbol of the slot patterns that is neither parameter nor `in`. Writes up to CUV_MAX_RANK sizes; false: unknown. */
    bool (*symbol)(const cuv_layer *layer, const char *name, int64_t *sizes, int *count);
    /* Before the slots are made, on the first call: looks at the inputs, builds inner layers. NULL: nothing. */
    cuv_status (*build)(cuv_call *call);
    /* One call: reads call->in, emits steps, fills call->out. */
    cuv_status (*lower)(cuv_call *call);
};

/* The descriptor of a class name (Keras 1 to 3 names); NULL when there is none. */
const cuv_layer_def *cuv_layer_find(const char *class_name);
/* The descriptor of a class that keras.applications defines, where the record says that it is that; else NULL (applications.c). */
const cuv_layer_def *cuv_layer_of_applications(const cuv_value *record);
/* All descriptors, ended by NULL, in the order of layers.def. */
const cuv_layer_def *const *cuv_layer_all(void);
/* Nearest class name, for "did you mean"; NULL when none is near. */
const char *cuv_layer_nearest(const char *class_name);

/* ---- layers --------------------------------------------------------------------------------------------------- */

/* How sure a decision is (cli.md). */
typedef enum cuv_level { CUV_CERTAIN, CUV_INFERRED, CUV_ASSUMED, CUV_VERIFIED } cuv_level;

typedef struct cuv_weight {
    const char *name;           /* "kernel" */
    cuv_layer *layer;
    int64_t shape[CUV_MAX_RANK];
    int rank;
    cuv_dtype dtype;            /* as stored; int8 and uint8 are floats in the program */
    bool trainable;             /* own flag of the variable; the layer's `trainable` counts too */
    cuv_ref ref;                /* in the program */
    const cuv_slot *slot;
    const cuv_tensor *value;    /* once bound */
    const char *source;         /* label of the tensor it came from */
    cuv_level level;
    const char *why;
    bool whole_numbers;         /* the tensor held integers, the weight holds floats */
} cuv_weight;

/* How a layer that is a model (Sequential, Functional) is made and called, and what stands in for classes that are none of Keras's
 * (--custom); src/model gives all of it. */
typedef struct cuv_model_hooks {
    cuv_status (*make_model)(cuv_layer *layer, const cuv_value *record);
    cuv_status (*call_model)(cuv_call *call);
    /* The name of the code that stands in for what a record describes, or NULL. */
    const char *(*stand_in)(const struct cuv_model_hooks *hooks, const cuv_value *record, const char *name);
    cuv_status (*call_stand_in)(cuv_call *call);        /* makes the model on the first call */
    /* Words for the weights that files hold for a layer, or NULL. */
    const char *(*held)(const struct cuv_model_hooks *hooks, const char *name, const char *class_name);
    void *given;                /* what the hooks are about; src/model's */
} cuv_model_hooks;

/* Along which axis a bias was added (bias.c): its own; another one, as that Keras does; its own, though that Keras adds it along another one
 * when it runs eagerly; its own, though newer Kerases take it for another one's. */
typedef enum cuv_bias_kind { CUV_BIAS_PLAIN, CUV_BIAS_MOVED, CUV_BIAS_EITHER, CUV_BIAS_MISTAKABLE } cuv_bias_kind;

struct cuv_layer {
    const cuv_layer_def *def;
    const char *name;           /* "dense_1" */
    const char *class_name;     /* as the file spells it */
    const char *registered;     /* registered_name or module of foreign classes, for errors */
    const cuv_value *config;    /* the layer's "config" dict */
    cuv_value **args;           /* one a parameter row, defaults filled in; types checked */
    cuv_layer *parent;          /* wrapper or model it is inside of */
    const char *role;           /* attribute of the parent in Keras 3 paths ("forward_layer", "cell", "query_dense"); NULL: in `layers` */
    cuv_layer **inner;          /* of wrappers, cells, nested models (then in model.layers order) */
    size_t inner_count, inner_capacity;
    const cuv_model_hooks *hooks;   /* copied from `like`; NULL: models inside wrappers are refused */
    void *model;                /* struct cuv_model of a nested model, else NULL */
    const char *custom;         /* the code that stands in for the class (--custom), else NULL; `model` is made on the first call */
    const cuv_value *record;    /* of such a layer: what the file says of it */
    cuv_weight *weights;        /* own variables only, in the order of creation */
    size_t weight_count, weight_capacity;
    bool trainable;
    cuv_dtype compute, variable;/* dtype policy */
    const char *policy;         /* its name, "mixed_bfloat16", or NULL for float32 */
    bool lora;                  /* the evidence holds the two matrices of LoRA beside each kernel (lora.c) */
    const cuv_quant *quant;     /* how its kernel is stored in few bits (quantized.h); NULL: it is not */
    int keras;                  /* major version of the Keras whose behaviour counts: 1, 2, 3 */
    int keras_minor;            /* 10 of 3.10; INT_MAX when nothing tells it: then it is taken for the newest */
    bool tf1;                   /* written by multi-backend Keras <= 2.2/2.3 on TensorFlow 1 (quirks 10) */
    bool theano;                /* trained on Theano: true convolutions, other `same` (quirks 4) */
    bool channels_first;        /* data_format of this layer */
    bool on_tensorflow;         /* the backend is TensorFlow, or nothing tells it */
    bool adds_as_bias;          /* Keras 3.7 or later on TensorFlow, which may take a sum for another axis's (bias.c) */
    cuv_bias_kind bias;         /* after a call: what became of it */
    int bias_axis;              /* where that is to be told: along which axis it was added */
    bool built, called;
    int64_t in_shape[CUV_MAX_RANK];   /* first input at build, in Keras's own layout */
    int in_rank;
    int64_t in_channels;        /* `in` of the patterns; -1 unknown */
    size_t first_state;         /* of a stateful layer: where its states stand among the program's, from 1; 0: not called yet */
    void *state;                /* what `check`, `build` keep for `lower` and `symbol`; in the arena */
    const char *path;           /* names from the outermost layer down, "bidirectional/forward_lstm"; set by the first call */
    cuv_arena *arena;
};

/* Makes a layer from its class and config: finds the descriptor, reads and checks every argument (unknown argument: CUV_UNSUPPORTED
 * "config.argument" with the nearest name; arguments known to mean nothing are accepted), resolves dtype policy, makes inner layers.
 * `record` is the object {"class_name", "config", "registered_name", ...}. `like` gives keras, theano, tf1, parent defaults. */
CUV_MUST_USE cuv_status cuv_layer_new(cuv_arena *arena, const cuv_value *record, const cuv_layer *like, cuv_layer **out);
/* The same for an inner layer, appended to `outer->inner` with its role. */
CUV_MUST_USE cuv_status cuv_layer_add_inner(cuv_layer *outer, const cuv_value *record, const char *role, cuv_layer **out);

/* True for a Lambda that is x scale + offset on every call, of floats of the layer's dtype (lambda.c). */
bool cuv_lambda_affine(const cuv_layer *layer, double *scale, double *offset);
/* What a Lambda computes, and what it was called on: sizes that differ from call to call are -1. */
typedef struct cuv_lambda_input { int64_t shape[CUV_MAX_RANK]; int rank; cuv_dtype dtype; } cuv_lambda_input;
typedef struct cuv_lambda_use { const cuv_value *expression; cuv_lambda_input *inputs; size_t count; bool differs; } cuv_lambda_use;
/* NULL: the layer is no Lambda, or was never called. */
const cuv_lambda_use *cuv_lambda_used(const cuv_layer *layer);
/* Such a Lambda as the record of a functional model of operations, under its name, to be written for the Keras of that number (lambda_record.c);
 * *out NULL: it cannot be said so, for the reason `why`. */
CUV_MUST_USE cuv_status cuv_lambda_record(cuv_context *cx, cuv_arena *arena, const cuv_layer *layer, int keras, cuv_value **out, const char **why);
/* Is it Keras 3.`minor` or a later one whose behaviour counts? False for Keras 1 and 2. */
bool cuv_layer_since(const cuv_layer *layer, int minor);
/* Layers that take a list of tensors lose its masks in Keras 3.0 to 3.3: they see those, and hand none on. */
bool cuv_loses_masks_of_list(const cuv_layer *layer);
/* Before Keras 3.11 a mask that is named in the call is for the layer alone: it hands on that which came with its input, if any. */
bool cuv_keeps_named_masks(const cuv_layer *layer);
/* UpSampling2D of Keras 3.0 and 3.1 that is not "nearest" takes the new sizes of channels_first images from axes that it has moved by then. */
bool cuv_enlarges_wrong_axes(const cuv_layer *layer);
/* True when the kernel is packed as GPTQ and AWQ do it. */
bool cuv_layer_packs(const cuv_layer *layer);
/* The class is somebody's own, or one of Keras's that cuvier does not compute: only --custom can stand in for it. */
bool cuv_class_is_foreign(const cuv_value *record);
/* The record's module or package is none of Keras's. */
bool cuv_record_is_foreign(const cuv_value *record);
/* "activation", "initializer", "regularizer" or "constraint" when the argument is one that Keras does not have, which `name` names; else NULL. */
const char *cuv_foreign_argument(const char *argument, const cuv_value *value, const char **name);
/* "units=4, rate=0.5" without what says nothing of the computation. Never NULL. */
const char *cuv_argument_names(cuv_context *cx, const cuv_value *config);
/* The value of a row's default ("None", "(1, 1)", "'valid'"); NULL: no memory. */
cuv_value *cuv_layer_literal(cuv_arena *arena, const char *text);
/* Arguments by name; the row must exist. */
const cuv_value *cuv_arg(const cuv_layer *layer, const char *name);
int64_t cuv_arg_int(const cuv_layer *layer, const char *name);
double cuv_arg_real(const cuv_layer *layer, const char *name);
bool cuv_arg_bool(const cuv_layer *layer, const char *name);
const char *cuv_arg_text(const cuv_layer *layer, const char *name);     /* NULL for None */
bool cuv_arg_is(const cuv_layer *layer, const char *name, const char *text);
bool cuv_arg_none(const cuv_layer *layer, const char *name);
/* SIZES: fills def->spatial entries. */
void cuv_arg_sizes(const cuv_layer *layer, const char *name, int64_t *sizes);
/* INTS: fills up to CUV_MAX_RANK entries and returns how many. */
int cuv_arg_ints(const cuv_layer *layer, const char *name, int64_t *values);
/* An activation argument as attribute of an op; CUV_UNSUPPORTED names an activation we do not know. Activations that are
 * no single op (softmax with axis, glu, sparsemax, a layer as activation) go through cuv_lower_activation instead: then `*single`
 * is false. */
CUV_MUST_USE cuv_status cuv_arg_activation(cuv_context *cx, const cuv_layer *layer, const char *name, cuv_act *act, bool *single);

/* ---- calls ------------------------------------------------------------------------------------------------------ */

/* A tensor on its way through the model: its value, and the mask that goes with it. */
typedef struct cuv_sym { cuv_ref value, mask; } cuv_sym;

#define CUV_MAX_OUTPUTS 1024        /* of one call; unstack gives as many as an axis is long */
typedef struct cuv_kwarg { const char *name; cuv_sym tensor; const cuv_value *literal; cuv_sym *list; size_t list_count; } cuv_kwarg;

struct cuv_call {
    cuv_context *cx;
    cuv_arena *arena;
    cuv_program *program;
    cuv_layer *layer;
    const cuv_sym *in;  size_t in_count;
    const cuv_kwarg *kwargs; size_t kwarg_count;      /* keyword arguments of the call: masks, initial_state, use_causal_mask */
    const cuv_kwarg *args;   size_t arg_count;        /* positional arguments as the configuration has them (name NULL), literals too */
    cuv_sym out[CUV_MAX_OUTPUTS]; size_t out_count;
    bool recast;                                      /* the first input had another dtype than the layer computes in */
};

/* Runs one call: casts inputs to the compute dtype, builds on the first call (weights, inner layers), lowers, labels steps. */
CUV_MUST_USE cuv_status cuv_layer_call(cuv_call *call);
/* A call of an inner layer with the given inputs; outputs land in `out` (up to CUV_MAX_OUTPUTS). */
CUV_MUST_USE cuv_status cuv_layer_call_inner(cuv_call *call, cuv_layer *inner, const cuv_sym *in, size_t in_count,
                                             cuv_sym *out, size_t *out_count);
/* Fails with "layer.input" in Keras's terms: expected rank, shape found. */
cuv_status cuv_call_expect_rank(cuv_call *call, size_t input, int rank);
const cuv_var *cuv_call_in(const cuv_call *call, size_t input);                 /* shape and dtype of an input */
const cuv_kwarg *cuv_call_kwarg(const cuv_call *call, const char *name);        /* NULL when absent or None */
/* Reference of own weight by slot name; CUV_NO_REF when its condition is false. */
cuv_ref cuv_call_weight(const cuv_call *call, const char *slot);
cuv_ref cuv_layer_weight(const cuv_layer *layer, const char *slot);
/* Sets the single output, with the first input's mask when the descriptor has CUV_LF_MASKS. */
cuv_status cuv_call_return(cuv_call *call, cuv_ref value);
/* Adds a weight by hand (for layers whose variables no row can say). */
CUV_MUST_USE cuv_status cuv_layer_add_weight(cuv_call *call, const cuv_slot *slot, const int64_t *shape, int rank, cuv_ref *out);
/* Emits an activation argument whatever it is, after the layer's own steps. */
CUV_MUST_USE cuv_status cuv_lower_activation(cuv_call *call, const cuv_value *activation, cuv_ref x, cuv_ref *out);
/* channels_first layers: to channels-last before, back after (x itself when the layer is channels_last). */
cuv_ref cuv_to_last(cuv_call *call, cuv_ref x);
cuv_ref cuv_from_last(cuv_call *call, cuv_ref x);
/* Keras's unsupported corner: names layer, argument and value, "layer.unsupported". */
cuv_status cuv_call_unsupported(cuv_call *call, const char *argument, const char *why);

#endif
