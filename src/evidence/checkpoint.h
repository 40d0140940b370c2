/* TensorFlow's own forms: checkpoints and SavedModels. Nothing outside evidence/ includes it. */
#ifndef CUV_EVIDENCE_CHECKPOINT_H
#define CUV_EVIDENCE_CHECKPOINT_H

#include "evidence/read.h"
#include "format/tensorflow.h"

#define CUV_OBJECT_GRAPH "_CHECKPOINTABLE_OBJECT_GRAPH"

/* Names of layers by their place in the model ("layer_with_weights-0", in a model inside "layer_with_weights-0.layer-2"), from Keras's metadata. */
typedef struct cuv_saved_name { const char *path, *name; } cuv_saved_name;
typedef struct cuv_saved_names { cuv_saved_name *items; size_t count, capacity; } cuv_saved_names;

/* The values of a checkpoint whose index is `src`; its files of values lie beside file->path. `names` may be NULL. */
CUV_MUST_USE cuv_status cuv_read_checkpoint(struct cuv_evidence *ev, cuv_file *file, const cuv_source *src,
                                            const cuv_saved_names *names);
/* The file "checkpoint" that names the newest one. */
bool cuv_checkpoint_state(const uint8_t *data, size_t size);
CUV_MUST_USE cuv_status cuv_read_checkpoint_state(struct cuv_evidence *ev, cuv_file *file);
/* "ck.data-00000-of-00001" */
bool cuv_checkpoint_data_name(const char *name);

/* saved_model.pb or keras_metadata.pb, given as a file: what is beside it is read too (saved_model.c). `*known` is false when the
 * bytes are no such message. */
CUV_MUST_USE cuv_status cuv_read_saved_model(struct cuv_evidence *ev, cuv_file *file, bool *known);
/* Vocabularies that the graph of a SavedModel holds go into the configurations of their layers (saved_tables.c). */
CUV_MUST_USE cuv_status cuv_saved_tables(struct cuv_evidence *ev, cuv_file *file, const cuv_source *graph, const cuv_saved_names *names);
/* A folder of a SavedModel. */
CUV_MUST_USE cuv_status cuv_read_saved_folder(struct cuv_evidence *ev, cuv_file *file);

#endif
