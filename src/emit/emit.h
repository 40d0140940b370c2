/* A model as something to read: table, JSON, pictures, code. */
#ifndef CUV_EMIT_H
#define CUV_EMIT_H

#include "model/model.h"

/* Keras 3's table of model.summary(); width 0: 76 characters, as Keras prints where no terminal is. */
void cuv_emit_summary(const struct cuv_model *m, unsigned width, cuv_buffer *out);
/* The "model" object of cli.md. */
void cuv_emit_model_json(const struct cuv_model *m, cuv_buffer *out);
/* A number of a JSON document; null for what JSON does not have. */
void cuv_emit_number(cuv_buffer *b, double x);
/* 1234567: "1,234,567", in `text`. */
#define CUV_GROUPED 32
const char *cuv_grouped(uint64_t n, char text[CUV_GROUPED]);
/* The "decisions" array of cli.md. */
void cuv_emit_decisions_json(const struct cuv_model *m, cuv_buffer *out);
/* The "candidates" array of cli.md. */
void cuv_emit_candidates_json(const struct cuv_model *m, cuv_buffer *out);
/* The same for people: one a line; nothing when there is only the model itself. */
void cuv_emit_candidates(const struct cuv_model *m, cuv_buffer *out);
/* One decision a line; `all`: certain ones too. */
void cuv_emit_decisions(const struct cuv_model *m, bool all, cuv_buffer *out);
/* "certain", "inferred", "assumed", "verified". */
const char *cuv_level_name(cuv_level level);
/* Class of a layer as Keras 3 calls it; nested models "Functional" or "Sequential"; of --custom, as the file has it. */
const char *cuv_layer_class(const cuv_layer *layer);
/* The configuration object as Keras 3 writes it, in `arena` (parts are borrowed from the model). CUV_UNSUPPORTED "write.behaviour"
 * names what Keras 3 can no longer express. */
CUV_MUST_USE cuv_status cuv_emit_config(const struct cuv_model *m, cuv_arena *arena, cuv_value **out);
/* The same as Keras 2.15 writes it. CUV_UNSUPPORTED "write.class", "write.behaviour" name what Keras 2 does not have. */
CUV_MUST_USE cuv_status cuv_emit_config2(const struct cuv_model *m, cuv_arena *arena, cuv_value **out);
/* The program as an ONNX model. CUV_UNSUPPORTED "write.onnx" names the layer and the op that ONNX lacks; nothing is written then.
 * `selftest` (may be NULL) becomes metadata. */
CUV_MUST_USE cuv_status cuv_write_onnx(const struct cuv_model *m, const char *selftest, const char *path);
/* Standalone C99 with its header, for fixed sizes, computing what the reference kernels compute. CUV_NO "write.size" names an input
 * with an unknown size; CUV_UNSUPPORTED "write.c_op" a layer and its op that C source does not have. */
CUV_MUST_USE cuv_status cuv_write_c(struct cuv_model *m, const char *path, const cuv_write_options *options);
/* Keras 3 code that builds the model, without its weights. CUV_UNSUPPORTED "write.python" names what code cannot say. */
CUV_MUST_USE cuv_status cuv_emit_python(const struct cuv_model *m, cuv_arena *arena, cuv_buffer *out);
/* The wiring as Graphviz text. */
void cuv_emit_dot(const struct cuv_model *m, cuv_buffer *out);
/* The picture as an SVG document (view/). CUV_UNSUPPORTED "view.size" when nobody could look at it. */
CUV_MUST_USE cuv_status cuv_emit_svg(const struct cuv_model *m, cuv_arena *arena, cuv_buffer *out);
/* A page of its own about the model, with `proof` (may be NULL) and a line on where that comes from (view/page.c). */
CUV_MUST_USE cuv_status cuv_emit_page(const struct cuv_model *m, cuv_arena *arena, const cuv_verification *proof, const char *proof_from,
                                      cuv_buffer *out);
/* The graph as lines of text (view/terminal.c). */
CUV_MUST_USE cuv_status cuv_emit_terminal(const struct cuv_model *m, cuv_arena *arena, bool ascii, bool color, cuv_buffer *out);
/* What the files hold: for people, and the "files" document of cli.md. */
void cuv_emit_evidence(const struct cuv_evidence *ev, cuv_buffer *out);
void cuv_emit_evidence_json(const struct cuv_evidence *ev, cuv_buffer *out);
/* The classes in a file's configuration that are none of Keras's: lines for people, and the items of a JSON list (foreign.c). */
void cuv_emit_foreign(const struct cuv_evidence *ev, const cuv_file *f, cuv_buffer *out);
void cuv_emit_foreign_json(const struct cuv_evidence *ev, const cuv_file *f, cuv_buffer *out);
/* What changed between two models. */
void cuv_emit_diff(const cuv_diff *diff, cuv_buffer *out);
void cuv_emit_diff_json(const cuv_diff *diff, cuv_buffer *out);
/* The findings as cli.md shows an error; and `, "error": {...}` of the first error, with all findings in "findings". */
void cuv_emit_findings(cuv_context *cx, bool color, cuv_buffer *out);
void cuv_emit_error_json(cuv_context *cx, cuv_buffer *out);

#endif
