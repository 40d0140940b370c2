/* The text of the reference kernels in pieces (one definition each, with its comment), and which of them emitted C needs. */
#ifndef CUV_C_TEXT_H
#define CUV_C_TEXT_H

#include "base/base.h"

typedef struct cuv_source_text {
    const char *name;           /* below src/ */
    const char *text;
    size_t size;
} cuv_source_text;
extern const cuv_source_text cuv_source_texts[];      /* ended by a NULL name; made by cmake/KernelText.cmake */

typedef struct cuv_c_text cuv_c_text;
CUV_MUST_USE cuv_status cuv_c_text_new(cuv_arena *arena, cuv_c_text **out);
/* Asks for a definition and all it stands on. `type`: "f32", "f64", "i32", "i64", "bool" for a text that is compiled for several
 * types, NULL otherwise. CUV_UNSUPPORTED "write.c_kernel" when there is none. */
CUV_MUST_USE cuv_status cuv_c_text_need(cuv_c_text *t, const char *name, const char *type);
/* Asks for an activation: the name of its formula ("relu") or "softmax". */
CUV_MUST_USE cuv_status cuv_c_text_need_act(cuv_c_text *t, const char *name, const char *type);
/* Finds all that the definitions asked for stand on; once, after the last of them. */
CUV_MUST_USE cuv_status cuv_c_text_settle(cuv_c_text *t);
/* True when something that is asked for reads the attribute. */
bool cuv_c_text_reads(const cuv_c_text *t, const char *attribute);
/* True when something that is asked for mentions the identifier. */
bool cuv_c_text_mentions(const cuv_c_text *t, const char *identifier);
/* Types and inline functions that attributes stand on; then all the rest. */
void cuv_c_text_write_types(const cuv_c_text *t, cuv_buffer *out);
void cuv_c_text_write(const cuv_c_text *t, cuv_buffer *out);

#endif
