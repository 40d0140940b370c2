/* An architecture from tensors alone: remains → ranked structures → a Keras 3 configuration, put back into the evidence, so that there is no
 * second way to build a model. docs/recover.md says what works and how to read the decisions.
 *
 *     remains.c    evidence → what is left of each layer, in order (plain lists here; named carriers in carriers.c)
 *     units.c      tensors → layers that weigh so much: the slots' shape patterns of layers.h run backwards
 *     typing.c     the k best readings of all tensors
 *     network*.c   known networks: what they are made of, and where one stands in the list; it is then one layer
 *     wire.c       layers → wirings that fit the input, each spatial size and the output
 *     search.c     wirings → the choices that no weight shows (activations, strides, ...), tried against samples
 *     proof.c      what the samples prove, what they cannot tell, and the decisions with their reasons */
#ifndef CUV_RECOVER_H
#define CUV_RECOVER_H

#include "run/runner.h"

/* ---- what is left ------------------------------------------------------------------------------------------- */

/* What is left of one layer; or, with `run`, of several in a row whose borders are not known (a plain list is one such). */
typedef struct cuv_remain {
    const char *class_name;     /* of Keras 3 ("Dense", "Bidirectional"), from a path or a default name; NULL: unknown. The class names of Keras's
                                   weightless layers count too ("MaxPooling2D", "Add", "InputLayer") */
    cuv_level class_level;      /* CERTAIN: the carrier states the class (a path of Keras 3); INFERRED: read off a default name */
    const char *name;           /* the layer's own name; NULL: unknown. It becomes the name in the configuration */
    const cuv_named *tensors;   /* in the order of layer.get_weights(); `weight` ("kernel", "gamma") where the carrier tells it */
    size_t count;               /* 0: a layer without weights that the carrier lists */
    bool run;                   /* borders unknown; class_name and name are then NULL */
} cuv_remain;

/* All of a model, in the order of model.layers where that is known. */
typedef struct cuv_remains {
    cuv_remain *layers;
    size_t count;
    bool opened;                /* layers of models inside stand in their place: no order of Keras's own */
    bool gathered;              /* a known network's layers were put together by their names or classes: those without weights stand elsewhere */
    bool complete;              /* layers without weights are listed too: the model has no others (legacy .h5, Keras 3 .weights.h5) */
    cuv_level order;            /* CERTAIN: the carrier states the order; INFERRED: from addresses or counters; ASSUMED: none better known */
    const char *order_why;      /* "layer_names of model.h5"; never NULL */
    const char *source;         /* what errors call it: "weights.npy and biases.npy" */
    cuv_file *file;             /* the first file, for errors */
} cuv_remains;

/* Reads the remains off the evidence's files, by their arrangement: lists, lists of lists and two lists of kernels and biases in
 * remains.c, every other one in carriers.c. CUV_NO "recover.nothing": there are no tensors. */
CUV_MUST_USE cuv_status cuv_remains_read(cuv_evidence *ev, cuv_arena *arena, cuv_remains **out);
/* carriers.c: files whose tensors have names, paths or groups. `files` are those of the evidence that hold tensors. */
CUV_MUST_USE cuv_status cuv_remains_of_named(cuv_evidence *ev, cuv_file *const *files, size_t count, cuv_arena *arena, cuv_remains *out);

/* ---- what comes of it ---------------------------------------------------------------------------------------- */

/* One field of one layer that was found out. */
typedef struct cuv_found {
    const char *layer, *field, *value, *why, *alternatives;     /* as of cuv_decision */
    cuv_level level;
} cuv_found;

/* A structure with its choices, ready to be built. */
typedef struct cuv_candidate_config {
    cuv_value *config;              /* configuration object of Keras 3 */
    cuv_assignment *assignments;    /* which tensors each layer has, in the order of get_weights() */
    size_t assignment_count;
    double score;                   /* higher is better; with samples, those that reproduce them come first */
    double max_abs;                 /* largest difference from the samples; NaN without samples */
} cuv_candidate_config;

/* A candidate as a model, by the same stages as any other. */
CUV_MUST_USE cuv_status cuv_candidate_model(cuv_evidence *ev, const cuv_candidate_config *c, cuv_model **out);

typedef struct cuv_recovery {
    cuv_candidate_config *candidates;   /* the best first; at least one */
    size_t count;
    cuv_found *found;               /* decisions of the first */
    size_t found_count;
    double noise;                   /* largest difference from the samples that is rounding in a deep network, beside the tolerance */
} cuv_recovery;

typedef struct cuv_recover_options {
    size_t top;                     /* candidates wanted, at least 1 */
    double seconds;                 /* for the search; 0: RECOVER_SECONDS */
    double rtol, atol;
} cuv_recover_options;

/* Finds the architecture; everything lives in `arena`. With samples of the evidence: CUV_NO "recover.differs" when nothing that was tried gives
 * their outputs. Without: the likeliest one, its choices `assumed`. CUV_NO "recover.shapes" says at which tensor reading stopped. */
CUV_MUST_USE cuv_status cuv_recover(cuv_evidence *ev, const cuv_remains *remains, const cuv_recover_options *options, cuv_arena *arena,
                                    cuv_recovery **out);

#endif
