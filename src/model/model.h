/* A Keras model put together: layers, wiring, shapes, bound weights, and the decisions that led there. */
#ifndef CUV_MODEL_H
#define CUV_MODEL_H

#include "evidence/evidence.h"
#include "layers/layers.h"

/* One call of a layer. */
typedef struct cuv_node {
    cuv_layer *layer;
    cuv_sym *outputs;
    size_t output_count;
    const char **inbound;       /* names of the layers whose tensors it takes, in order */
    int32_t *inbound_call;      /* which call of that layer, from 0 */
    int32_t *inbound_index;     /* which output of that call */
    size_t inbound_count;
} cuv_node;

typedef struct cuv_decision {
    const char *layer, *field, *value, *why, *alternatives;   /* alternatives NULL: none */
    cuv_level level;
} cuv_decision;

/* Another architecture that was in question, and how it fares: `score` higher is better, `max_abs` its largest difference from the samples (NaN:
 * there are none). */
typedef struct cuv_candidate { double score, max_abs; struct cuv_model *model; } cuv_candidate;

struct cuv_model {
    cuv_context *cx;
    cuv_arena *arena;
    const char *name;
    const char *class_name;     /* "Sequential" or "Functional" */
    cuv_value *config;          /* the configuration object it was built from */
    int keras;                  /* whose behaviour it follows */
    const char *keras_version, *backend;    /* as the files say, or NULL */
    const char *order;          /* what is said of a list whose order was found by shape ("all.npy has all kernels ..."); or NULL */
    const char *from;           /* the file that the configuration came from, as errors name it; or NULL */
    cuv_layer **layers;         /* model.layers order */
    size_t layer_count;
    cuv_layer **list;           /* internal: as in the configuration, with the Sequential's InputLayer; owns nothing */
    size_t list_count;
    cuv_node *nodes;            /* top level, in the order of evaluation */
    size_t node_count, node_capacity;
    cuv_layer **input_layers;
    cuv_sym *inputs;   size_t input_count;
    cuv_sym *outputs;  size_t output_count;
    const char **input_names, **output_names;
    cuv_program *program;
    cuv_weight **weights;       /* all variables, in the order of model.get_weights()-less freezing: layer by layer */
    size_t weight_count;
    cuv_decision *decisions;
    size_t decision_count, decision_capacity;
    void *graph;                /* cuv_graph */
    struct cuv_runner *runner;  /* plans by input shape; made on first use by src/run */
    bool nested;                /* inside another model: shares its arena and program */
    bool trainable;
    struct cuv_evidence *evidence;      /* what it was made from; kept as long as the model */
    const cuv_samples *samples; /* of the original, when the model was rebuilt with some */
    bool custom;                /* code stands in for a class somewhere inside */
    bool scripted;              /* the configuration came from a script: it holds only what the script says */
    bool unfolded;              /* a copy whose Lambdas are operations: its configuration is nobody's */
    bool recovered;             /* the configuration was found out from the tensors */
    cuv_candidate *candidates;  /* of a recovered model, the best first; the first is the model itself. The others are owned */
    size_t candidate_count;
};

/* Builds layers, wiring and program from a configuration object of Keras 1, 2 or 3. `version` of the behaviour: see cuv_layer. */
CUV_MUST_USE cuv_status cuv_model_build(cuv_context *cx, const struct cuv_evidence *ev, const cuv_value *config,
                                        const cuv_file *from, struct cuv_model **out);
/* The same as the Keras of that number would read it; 0: as the evidence tells. */
CUV_MUST_USE cuv_status cuv_model_build_as(cuv_context *cx, const struct cuv_evidence *ev, const cuv_value *config, const cuv_file *from, int keras,
                                           struct cuv_model **out);
/* The model with its Lambdas as models of operations, and with others in the place of layers that the Keras of that number does not have or read
 * back (from a legacy .h5), for the caller to free and to be written; NULL: nothing is replaced. CUV_UNSUPPORTED "write.lambda" (unfold.c). */
CUV_MUST_USE cuv_status cuv_model_unfold(struct cuv_model *m, int keras, bool legacy_h5, struct cuv_model **out);
/* Puts model.layers, of nested models too, in the order in which Keras lists the layers of the graph, without those that no output needs: that of
 * configurations that Keras has not written (graph_order.c). */
CUV_MUST_USE cuv_status cuv_model_order_layers(struct cuv_model *m);
/* Do the configurations of two files describe one model, be it in different words? (same.c) */
CUV_MUST_USE cuv_status cuv_same_model(const struct cuv_evidence *ev, const cuv_file *a, const cuv_file *b, bool *same);
/* Gives every weight its tensor, from assignments, maps, and the files' arrangements; reports all mismatches at once. */
CUV_MUST_USE cuv_status cuv_model_bind(struct cuv_model *m, struct cuv_evidence *ev);
CUV_MUST_USE cuv_status cuv_model_decide(struct cuv_model *m, const char *layer, const char *field, const char *value,
                                         cuv_level level, const char *why, const char *alternatives);

/* Nothing may be assumed: CUV_NO "strict.weak" for every decision that is neither certain nor verified (strict.c). */
CUV_MUST_USE cuv_status cuv_model_check_strict(const struct cuv_model *m);
/* "--map dense=weights.npy[0],biases.npy[0]" from one spelling for each weight, quoted for a shell where need be; NULL when one is
 * missing (diagnose.c). */
const char *cuv_map_line(cuv_context *cx, const char *layer, const char *const *spellings, size_t count);

/* Warns ("bind.nan") of every weight that has NaN or infinite values. */
void cuv_model_check_values(const struct cuv_model *m);

/* Weights of a layer in the order of layer.get_weights() / of a legacy .h5 group: trainable ones, then the others, all levels. */
CUV_MUST_USE cuv_status cuv_layer_weights_in_order(cuv_arena *arena, cuv_layer *layer, cuv_weight ***out, size_t *count);
/* The same in the order of layer.weights in Keras 3: own variables, then each inner layer's. */
CUV_MUST_USE cuv_status cuv_layer_weights_whole(cuv_arena *arena, cuv_layer *layer, cuv_weight ***out, size_t *count);
/* A layer's own variables as Keras 3 stores them in its "vars"; room for weight_count + 1. Returns how many. */
size_t cuv_layer_own_weights(cuv_layer *layer, cuv_weight **out);
/* Shape of a layer's output(s) as Keras shows them, from its first node. */
const cuv_node *cuv_model_node_of(const struct cuv_model *m, const cuv_layer *layer);
/* Number of parameters of a layer with all that is inside it; split by trainable. */
void cuv_layer_params(const cuv_layer *layer, uint64_t *trainable, uint64_t *frozen);
void cuv_model_params(const struct cuv_model *m, uint64_t *trainable, uint64_t *frozen);
/* False when a weight has none, as in a structure without files for it. */
bool cuv_model_has_values(const struct cuv_model *m);

#endif
