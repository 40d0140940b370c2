/* What the files of binding share: units to be filled, what is offered to them, and what did not fit. */
#ifndef CUV_MODEL_BIND_H
#define CUV_MODEL_BIND_H

#include "model/model.h"

/* A layer of model.layers that holds weights. */
typedef struct cuv_unit {
    cuv_layer *layer;
    size_t index;               /* in model.layers */
    cuv_weight **weights;       /* get_weights() order (legacy .h5 order) */
    cuv_weight **whole;         /* Keras 3 layer.weights order; differs for nested models only */
    size_t count;
    size_t twins;               /* other units with the same class of shapes */
    bool filled;
    bool mapped;                /* by --map: code does not change it */
    const cuv_assignment *stated;   /* what code gives it and does not fit */
} cuv_unit;

/* Tensors offered to a unit, in order. */
typedef struct cuv_offer {
    const cuv_named *tensors;
    size_t count;
    const char *name;           /* what the file calls the group, or NULL */
    const char *where;          /* a script's position, or the file's name */
} cuv_offer;

typedef enum cuv_misfit_kind {
    CUV_MISFIT_SHAPE, CUV_MISFIT_COUNT, CUV_MISFIT_MISSING, CUV_MISFIT_SURPLUS, CUV_MISFIT_DTYPE,
    CUV_MISFIT_STATED           /* what code states for a layer */
} cuv_misfit_kind;
/* Something that did not fit; all are reported together. */
typedef struct cuv_misfit {
    cuv_misfit_kind kind;
    const cuv_unit *unit;       /* NULL for SURPLUS */
    const cuv_weight *weight;   /* SHAPE, DTYPE, MISSING */
    const cuv_named *tensor;    /* SHAPE, DTYPE, SURPLUS */
    cuv_offer offer;            /* COUNT, STATED */
} cuv_misfit;

/* All tensors that were offered by their order alone, and the weights that they are for. */
typedef struct cuv_sequence {
    cuv_named *tensors;
    size_t count;
    cuv_weight **weights;       /* of the units that --map left open, as get_weights() lists them */
    cuv_unit **units;           /* of each weight */
    size_t wanted;
    const char *name;           /* "weights.npy", "weights.npy and biases.npy" */
} cuv_sequence;

typedef struct cuv_binding {
    cuv_context *cx;
    struct cuv_model *m;
    struct cuv_evidence *ev;
    cuv_arena *scratch;         /* freed after binding */
    cuv_unit *units;
    size_t unit_count;
    cuv_file **sources;         /* files whose tensors are to be used */
    size_t source_count;
    cuv_misfit *misfits;
    size_t misfit_count, misfit_capacity;
    cuv_map *used;              /* label -> weight: tensors that found their place */
    cuv_sequence *sequence;     /* what was bound by order; NULL: nothing was */
    const cuv_weight_place *places;     /* of a model that code gives as a class, as the Keras saves it that the files are taken to be of */
    const cuv_weight_place *other_places;       /* as the other Keras does */
    size_t place_count;         /* 0: the model is no class */
    bool coded;                 /* code gives the layers their arrays */
    bool mapped;                /* --map was given: what is then left over is only told */
} cuv_binding;

cuv_unit *cuv_unit_named(cuv_binding *b, const char *name);
/* Pairing by order is all that tells twins apart. */
cuv_level cuv_order_level(const cuv_unit *u);

/* What scripts and --map state (stated.c). `*scripted`: a script says where the weights come from. */
CUV_MUST_USE cuv_status cuv_bind_stated(cuv_binding *b, bool *scripted);
/* A file that code loads, into the model whose file it is. */
CUV_MUST_USE cuv_status cuv_bind_weight_file(cuv_binding *b, const cuv_weight_file *wf);
/* A layer by its path "outer/inner/leaf" below `layers`; names may contain '/'. NULL: there is none. */
cuv_layer *cuv_layer_at(cuv_layer *const *layers, size_t count, const char *path, unsigned depth);
/* Files of a model that code gives as a class (places.c). */
CUV_MUST_USE cuv_status cuv_bind_places(cuv_binding *b, const cuv_file *f);
CUV_MUST_USE cuv_status cuv_bind_places_list(cuv_binding *b, const cuv_named *tensors, size_t count, const char *where, cuv_level level,
                                             const char *why);
/* The same for the objects of Keras 3 (objects.c). */
CUV_MUST_USE cuv_status cuv_bind_object_places(cuv_binding *b, const cuv_file *file);
/* The files are taken to be of the other Keras. */
void cuv_swap_places(cuv_binding *b);
/* A file that another model takes, which shares layers with this one (borrow.c). */
CUV_MUST_USE cuv_status cuv_bind_borrowed(cuv_binding *b, const cuv_weight_file *wf);
/* The file alone, whatever else there is; with by_name and skip_mismatch weights may stay open. */
CUV_MUST_USE cuv_status cuv_model_bind_file(struct cuv_model *m, struct cuv_evidence *ev, const cuv_weight_file *wf);
/* What code says and does not fit (misstated.c): arrays given to a layer, layers left out, names that no layer has. */
void cuv_report_stated(cuv_binding *b, const cuv_misfit *mf);
void cuv_report_never_set(cuv_binding *b, const cuv_misfit *mf);
/* A layer of a network of keras.applications whose weights Keras would fetch: said once for each network. False: it is none. */
bool cuv_report_pretrained(cuv_binding *b, const cuv_misfit *mf);
/* load_weights(by_name=True); CUV_NO "bind.by_name" when it would load nothing. */
CUV_MUST_USE cuv_status cuv_bind_by_name(cuv_binding *b, const cuv_weight_file *wf);
/* One file by its arrangement. */
CUV_MUST_USE cuv_status cuv_bind_source(cuv_binding *b, const cuv_file *f);
/* All arrays of the model in one list, in get_weights() order (lists.c). CERTAIN: a script says so. */
CUV_MUST_USE cuv_status cuv_bind_list(cuv_binding *b, const cuv_named *tensors, size_t count, const char *where, cuv_level level,
                                      const char *why);
/* Kernels and biases in two lists; which is which is found out. */
CUV_MUST_USE cuv_status cuv_bind_two_lists(cuv_binding *b, cuv_file *const *files, bool *done);
/* The same where entries may be empty or hold several arrays: two files, or the two lists of one file; `*done` unset: they are no such lists
 * (halves.c). */
CUV_MUST_USE cuv_status cuv_bind_two_files(cuv_binding *b, cuv_file *const *files, bool *done);
CUV_MUST_USE cuv_status cuv_bind_two_groups(cuv_binding *b, const cuv_file *f, bool *done);
/* Tensors under names: by name where the names are the layers', else in order. */
CUV_MUST_USE cuv_status cuv_bind_named(cuv_binding *b, const cuv_named *tensors, size_t count, const cuv_file *f);
/* The order that the names tell by their numbers and words (naming.c); `*changed`: it is not that of the file. */
CUV_MUST_USE cuv_status cuv_sort_by_names(cuv_binding *b, const cuv_named *tensors, size_t count, cuv_named **out, bool *changed);
/* The tensors under the layers' names, where theirs differ from those by Keras's counters only; NULL: they do not (naming.c). */
CUV_MUST_USE cuv_status cuv_rename_counted(cuv_binding *b, const cuv_named *tensors, size_t count, cuv_named **out);
/* One group a layer: by name where the names are the layers', else in order (groups.c). */
CUV_MUST_USE cuv_status cuv_bind_groups(cuv_binding *b, const cuv_file *f);
/* load_weights(by_name=True), which takes the place of what was there; with skip_mismatch it leaves what does not fit. */
CUV_MUST_USE cuv_status cuv_load_by_name(cuv_binding *b, const cuv_weight_file *wf);
/* By name only; `all`: a group without a layer is a misfit. */
CUV_MUST_USE cuv_status cuv_bind_groups_by_name(cuv_binding *b, const cuv_file *f, bool all);

/* The open weights beside the tensors that are for them (arrange.c). */
CUV_MUST_USE cuv_status cuv_sequence_new(cuv_binding *b, cuv_named *tensors, size_t count, const char *name, cuv_sequence **out);
/* Where the order of the sequence does not fit (misfits were noted from `mark` on): takes another order of the same tensors when
 * their shapes allow it, withdraws those misfits and warns. */
CUV_MUST_USE cuv_status cuv_bind_rearranged(cuv_binding *b, const cuv_sequence *s, size_t mark);

/* Puts an offer into a unit; misfits are noted. `level` and `why` are those of the pairing of offer and unit. */
CUV_MUST_USE cuv_status cuv_bind_offer(cuv_binding *b, cuv_unit *unit, const cuv_offer *offer, cuv_level level, const char *why);
/* One tensor into one weight. Converts float dtypes; notes a misfit when shape or dtype do not fit. */
CUV_MUST_USE cuv_status cuv_bind_tensor(cuv_binding *b, const cuv_unit *unit, cuv_weight *weight, const cuv_named *tensor,
                                        cuv_level level, const char *why);
CUV_MUST_USE cuv_status cuv_note_misfit(cuv_binding *b, cuv_misfit misfit);
/* True when the offer's tensors have the shapes of the unit's weights, in one of Keras's orders or by name. */
bool cuv_offer_fits(const cuv_unit *unit, const cuv_offer *offer);
/* The layer name without Keras's counter ("dense_12": "dense"), for comparing names of two sessions. */
size_t cuv_name_stem(const char *name);

/* A layer's weights as get_weights() of the model's Keras lists them: those of a model inside it layer by layer, but for Keras before 2.3. */
cuv_weight **cuv_weights_listed(const cuv_binding *b, const cuv_unit *u);
/* Flattened arrays, or one vector of all, cut by the weights' shapes; `*done` unset: they are none (flat.c). */
CUV_MUST_USE cuv_status cuv_bind_vectors(cuv_binding *b, const cuv_sequence *s, bool *done);
/* One vector, of another number of values; false: it is none. */
bool cuv_report_vector(cuv_binding *b);

/* Several files, one of which holds all weights; others may repeat it (several.c). */
CUV_MUST_USE cuv_status cuv_bind_alone(cuv_binding *b, bool *done);
/* A checkpoint that keeps the model beside other objects (several.c). */
CUV_MUST_USE cuv_status cuv_bind_object(cuv_binding *b, const cuv_file *f, bool *done);
/* Two lists that are not kernels and biases in the order of the layers, where there is one other reading. */
CUV_MUST_USE cuv_status cuv_bind_only_reading(cuv_binding *b, bool *done);
/* Several files whose names do not tell what they are for: each with one kind of weights, or with a part of the layers. */
CUV_MUST_USE cuv_status cuv_bind_several(cuv_binding *b, bool *done);
/* Nothing of this fits (several.c). */
CUV_MUST_USE cuv_status cuv_report_several(const cuv_binding *b);

/* An offer for a layer that code stands in for: by names, order and shapes, and never more than assumed (custom.c). */
CUV_MUST_USE cuv_status cuv_bind_custom(cuv_binding *b, cuv_unit *unit, const cuv_offer *offer);
/* Keras 3 object groups: pairs by class and number in every container (objects.c). */
CUV_MUST_USE cuv_status cuv_bind_objects(cuv_binding *b, const cuv_file *file);
/* Reports all misfits with their likely cause; CUV_NO when there were any (diagnose.c). */
CUV_MUST_USE cuv_status cuv_bind_report(cuv_binding *b);
/* One cause for all misfits, told by one finding (cause.c). False when there is none, or for want of memory. */
bool cuv_bind_cause(cuv_binding *b);
/* "model.json", or what else the configuration came from. */
const char *cuv_config_name(const cuv_binding *b);
/* "dense (6, 8) (8,)"; "" for none. */
const char *cuv_unit_text(cuv_binding *b, const cuv_unit *u);
/* True when the tensor has the sizes of the weight in reverse order, and that is another shape. */
bool cuv_is_transposed(const cuv_weight *w, const cuv_tensor *t);
/* (filters, channels, rows, columns), as PyTorch and Keras 1 with Theano have it. */
bool cuv_is_convolution_of_others(const cuv_weight *w, const cuv_tensor *t);
bool cuv_shape_is(const cuv_weight *w, const cuv_tensor *t);
/* The same but for axes of size 1, of either, which hold nothing: (1, 3) and (3,), and a factor for each feature may be a kernel of (1, n, 1). */
bool cuv_same_sizes(const cuv_weight *w, const cuv_tensor *t);

/* Gives the weight's value to the program that reads it. */
CUV_MUST_USE cuv_status cuv_bind_value(cuv_binding *b, const cuv_weight *weight);
/* Adds LoRA's matrices to their kernels (lora.c). */
CUV_MUST_USE cuv_status cuv_fold_lora(cuv_binding *b);
/* Stored forms of older Kerases (formats.md a.4): replaces an offer that has another layout by one in today's (convert.c).
 * `*out` is `offer` itself when nothing had to change. */
CUV_MUST_USE cuv_status cuv_modernise(cuv_binding *b, const cuv_unit *unit, const cuv_file *file, const cuv_offer *offer,
                                      cuv_offer *out);

#endif
