/* What the two parsers of wiring (graph.c: functional models, graph_sequential.c) share. */
#ifndef CUV_MODEL_GRAPH_PARSE_H
#define CUV_MODEL_GRAPH_PARSE_H

#include "model/graph.h"

/* [name, node, tensor, ...] of Keras 1 and 2, also used by input_layers and output_layers everywhere. */
bool cuv_is_wire_triple(const cuv_value *v);
/* The list inside {"class_name": "__tuple__", "items": [...]}; else v itself. */
const cuv_value *cuv_tuple_items(const cuv_value *v);
/* A tensor in Keras 3's form. */
bool cuv_is_keras_tensor(const cuv_value *v);
/* The pairs of a dict in the order in which Keras flattens it: by key, whatever the order of the file (`model.inputs` of a model
 * with the inputs {"b": ..., "a": ...} starts with a's, in Keras 2 and 3). */
CUV_MUST_USE cuv_status cuv_pairs_by_key(cuv_arena *arena, const cuv_value *dict, const cuv_pair **out);
/* Dicts and nested lists as one list, in the order of the layer's inputs where it is a model that knows them by these names, else in
 * the order of the keys. What is no structure stays. */
CUV_MUST_USE cuv_status cuv_flat_structure(cuv_arena *arena, const cuv_layer *layer, const cuv_value *v, const cuv_value **out);
/* The name that a record, or else its configuration, states; NULL: none. */
const char *cuv_record_layer_name(const cuv_value *record);
/* Makes the layers of `g` from their records, in the order of the list; `by_name` (NULL: no memory) gets index + 1 of each.
 * "config.layers" for an empty list, "config.duplicate" for two of one name. */
CUV_MUST_USE cuv_status cuv_graph_make_layers(struct cuv_model *m, cuv_graph *g, const cuv_value *layers, const cuv_layer *like,
                                              cuv_map *by_name);
/* What the numbers of calls mean that Keras 3.0 to 3.2 wrote (graph_numbers.c); *out NULL: what they say. "config.shared_calls" when it cannot be told.
 * `first_call` has the number of each layer's first call, and of all of them at the end. */
struct cuv_node_numbers;
CUV_MUST_USE cuv_status cuv_node_numbers_make(struct cuv_model *m, cuv_graph *g, const cuv_value *config, const cuv_map *by_name,
                                              const int32_t *first_call, const cuv_layer *like, struct cuv_node_numbers **out);
/* The call that the next wire with this number means, which is read once; -1: none. */
int64_t cuv_node_number(struct cuv_node_numbers *numbers, size_t layer, int64_t stated);
/* Layers and calls of a Sequential; without an input where none is declared. */
CUV_MUST_USE cuv_status cuv_graph_parse_sequential(struct cuv_model *m, cuv_graph *g, const cuv_value *record,
                                                   const cuv_layer *like);

#endif
