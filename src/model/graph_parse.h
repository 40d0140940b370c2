/* What the two parsers of wiring (graph.c: functional models, graph_sequential.c) share. */
#ifndef CUV_MODEL_GRAPH_PARSE_H
#define CUV_MODEL_GRAPH_PARSE_H

#include "model/graph.h"

/* [name, node, tensor, ...] of Keras 1 and 2, also used by input_layers and output_layers everywhere. */
bool cuv_is_wire_triple(const cuv_value *v);
/* The name that a record, or else its configuration, states; NULL: none. */
const char *cuv_record_layer_name(const cuv_value *record);
/* Makes the layers of `g` from their records, in the order of the list; `by_name` (NULL: no memory) gets index + 1 of each.
 * "config.layers" for an empty list, "config.duplicate" for two of one name. */
CUV_MUST_USE cuv_status cuv_graph_make_layers(struct cuv_model *m, cuv_graph *g, const cuv_value *layers, const cuv_layer *like,
                                              cuv_map *by_name);
/* Layers and calls of a Sequential; without an input where none is declared. */
CUV_MUST_USE cuv_status cuv_graph_parse_sequential(struct cuv_model *m, cuv_graph *g, const cuv_value *record,
                                                   const cuv_layer *like);

#endif
