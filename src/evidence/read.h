/* What the readers of this folder share; nothing outside evidence/ includes it. */
#ifndef CUV_EVIDENCE_READ_H
#define CUV_EVIDENCE_READ_H

#include "evidence/evidence.h"

/* ---- gathering tensors (collect.c) ----------------------------------------------------------------------- */

/* Groups of tensors in the making. Texts are copied; tensors are borrowed from the evidence's arena. */
typedef struct cuv_collect {
    struct cuv_evidence *ev;
    cuv_file *file;
    size_t group_capacity;
    size_t tensor_capacity; /* of the last group */
    uint64_t items, limit;  /* groups and tensors */
} cuv_collect;

void cuv_collect_start(cuv_collect *c, struct cuv_evidence *ev, cuv_file *file);
/* Begins a group, to which the following tensors belong. */
CUV_MUST_USE cuv_status cuv_collect_group(cuv_collect *c, const char *name, const char *path);
/* Adds a tensor to the last group. A key that begins with '[' follows the file's name directly in the label. */
CUV_MUST_USE cuv_status cuv_collect_tensor(cuv_collect *c, const cuv_tensor *t, const char *key, const char *weight);
cuv_group *cuv_collect_last(cuv_collect *c);
/* How many values an honest file of that size may hold, within limits.items: a pickle can name one list in a million
 * places. */
uint64_t cuv_file_budget(const struct cuv_evidence *ev, const cuv_file *file);
/* Makes the file's tensors known to cuv_evidence_name_of. */
CUV_MUST_USE cuv_status cuv_names_register(struct cuv_evidence *ev, cuv_file *file);

/* ---- recognising (evidence.c, foreign.c) ------------------------------------------------------------------ */

/* Reads bytes as any form of evidence into a file that is not (yet) part of ev->files. */
CUV_MUST_USE cuv_status cuv_file_read(struct cuv_evidence *ev, const cuv_source *src, const char *path, cuv_file **out);
/* Maps a path (no folder) and reads it as cuv_file_read does. */
CUV_MUST_USE cuv_status cuv_file_load(struct cuv_evidence *ev, const char *path, cuv_file **out);
/* A new file without content. */
CUV_MUST_USE cuv_status cuv_file_new(struct cuv_evidence *ev, const char *path, cuv_file **out);
/* Decides which HDF5 layout the tree has and reads it. */
CUV_MUST_USE cuv_status cuv_read_h5(struct cuv_evidence *ev, cuv_file *file, const cuv_h5 *root);
/* A text in UTF-16 becomes one in UTF-8; others stay (encoding.c). */
CUV_MUST_USE cuv_status cuv_read_utf16(struct cuv_evidence *ev, cuv_source *src);
/* Names what the bytes are when that is nothing cuvier reads (an LFS pointer, a web page, an image): CUV_UNSUPPORTED or
 * CUV_DAMAGED with a finding. CUV_OK: nothing known. */
CUV_MUST_USE cuv_status cuv_foreign_check(cuv_context *cx, const cuv_file *file);
/* The finding for content that no reader knows. Never CUV_OK. */
CUV_MUST_USE cuv_status cuv_foreign_unknown(cuv_context *cx, const cuv_file *file);
/* Last component of a path in which both kinds of slashes separate, as code and configurations may come from Windows (borrowed). */
const char *cuv_any_path_name(const char *path);
/* A file beside `from` (or of the evidence) by the name that `from` gives it; see cuv_evidence_find. `id` of a
 * missing file. */
CUV_MUST_USE cuv_status cuv_neighbour(struct cuv_evidence *ev, const cuv_file *from, const char *name,
                                      const char *where, const char *id, cuv_file **out);
/* The same for a file that is no evidence by itself: its path, checked to lie inside the folder. */
CUV_MUST_USE cuv_status cuv_neighbour_path(struct cuv_evidence *ev, const cuv_file *from, const char *name,
                                           const char *where, const char *id, const char **out);

/* ---- configurations (config.c) ---------------------------------------------------------------------------- */

/* Brings a value into the form of cuv_file.config and stores it, with what it says about versions and training.
 * `*found` is false when the value is no configuration of a model; then nothing is stored. */
CUV_MUST_USE cuv_status cuv_config_take(struct cuv_evidence *ev, cuv_file *file, cuv_value *value, bool *found);
/* A Sequential of Keras 1 that begins with a Merge of Sequentials becomes a functional model (merge_first.c); others stay. */
CUV_MUST_USE cuv_status cuv_flatten_merged(struct cuv_evidence *ev, cuv_value **record);
/* The major version of the Keras that wrote a configuration, by the words it uses; 0: cannot be told. */
int cuv_config_generation(const cuv_value *config);
/* Fills keras, written_by from what the file says or shows. `by_names`: what weight names show, 0 unknown. */
CUV_MUST_USE cuv_status cuv_file_describe(struct cuv_evidence *ev, cuv_file *file, int by_names);

/* ---- parts of other readers ------------------------------------------------------------------------------- */

/* Members of an .npz as a DICT of values (arrays.c). */
CUV_MUST_USE cuv_status cuv_npz_values(struct cuv_evidence *ev, const cuv_zip *zip, cuv_value **out);
/* True for an .npz (or HDF5 group) whose keys are all x, y, x0, y0, x1, ... (samples.c). */
bool cuv_samples_keys(const cuv_value *dict);
bool cuv_samples_tree(const cuv_h5 *root);
/* The index of sharded Keras 3 weights (objects_h5.c). */
CUV_MUST_USE cuv_status cuv_read_shards(struct cuv_evidence *ev, cuv_file *file, cuv_value *root);
/* The sub-objects of model.weights.npz (objects_h5.c). */
CUV_MUST_USE cuv_status cuv_read_objects_npz(struct cuv_evidence *ev, cuv_file *file, const cuv_value *dict);
CUV_MUST_USE cuv_status cuv_named_as_objects(struct cuv_evidence *ev, cuv_file *file);
/* Keras 3 layout? (objects_h5.c) */
bool cuv_objects_tree(const cuv_h5 *root);
/* A folder: an unpacked .keras, or what it is instead (archive.c). */
CUV_MUST_USE cuv_status cuv_read_folder(struct cuv_evidence *ev, const char *path, cuv_file **out);
/* A zip that is an archive of Keras, maybe inside a folder (archive.c). */
bool cuv_archive_like(const cuv_zip *zip);
/* Keeps of a file's tensors those under a name, which is then no more part of theirs: CUV_NO "file.part" when there are none (part.c). */
CUV_MUST_USE cuv_status cuv_file_part(struct cuv_evidence *ev, cuv_file *file, const char *key);
/* One part of an archive by name; `*found` is false when it is not there. */
cuv_status cuv_archive_part(struct cuv_evidence *ev, const cuv_file *file, const char *name, cuv_source *out, bool *found);
/* Puts adapted vocabularies from the archive's assets into the configurations of their layers. */
cuv_status cuv_adopt_vocabularies(struct cuv_evidence *ev, const cuv_file *file);
/* Lines as Python's splitlines() gives them, without empty ones at the end; `whole`: integers. */
CUV_MUST_USE cuv_status cuv_read_tokens(struct cuv_evidence *ev, const cuv_source *src, bool whole, cuv_value **out);
/* Plain text, of which each line may be a token. */
bool cuv_is_token_list(const cuv_file *file);
/* Tensors of a safetensors file (safetensors.c). */
CUV_MUST_USE cuv_status cuv_read_safetensors(struct cuv_evidence *ev, cuv_file *file);
/* A TensorFlow.js model.json or manifest and the weights it lists (tfjs.c). */
bool cuv_tfjs_manifest(const cuv_value *root);
CUV_MUST_USE cuv_status cuv_read_tfjs(struct cuv_evidence *ev, cuv_file *file, cuv_value *root);
/* The items of {"class_name": "__tuple__", "items": [...]}, as Keras 3 and SavedModels write tuples; others as they are. */
const cuv_value *cuv_untuple(const cuv_value *v);
/* What Lambda layers compute, where their bytecode tells (lambda.c): noted in their configurations, for src/layers/lambda.c. */
CUV_MUST_USE cuv_status cuv_lambdas_find(struct cuv_evidence *ev, cuv_file *file);
#define CUV_LAMBDA_EXPRESSION "cuvier_expression"
#define CUV_LAMBDA_TEXT "cuvier_text"
/* What a function gets beside its input: the layer's arguments by name, the defaults of its last parameters, the variables around it. */
typedef struct cuv_lambda_given { const cuv_value *arguments, *defaults, *closure; } cuv_lambda_given;
/* The expression in a function's bytecode, NULL when it does more. */
cuv_value *cuv_lambda_expression(cuv_arena *arena, const uint8_t *data, size_t size, const cuv_lambda_given *given);
void cuv_lambda_text(cuv_buffer *b, const cuv_value *expression);
/* Lists what in a configuration could run code or read files (dangers.c). */
CUV_MUST_USE cuv_status cuv_dangers_find(struct cuv_evidence *ev, cuv_file *file);
/* Lists members of file->zip that are code. */
CUV_MUST_USE cuv_status cuv_dangers_members(struct cuv_evidence *ev, cuv_file *file);
CUV_MUST_USE cuv_status cuv_danger_add(struct cuv_evidence *ev, cuv_file *file, cuv_severity severity, const char *code,
                                       const char *where, const char *fmt, ...) CUV_PRINTF(6, 7);

#endif
