/* The parts of the page: what they share. */
#ifndef CUV_EMIT_PAGE_H
#define CUV_EMIT_PAGE_H

#include "emit/view/view.h"

typedef struct cuv_page {
    cuv_context *cx;
    cuv_arena *arena;
    const struct cuv_model *m;
    const cuv_picture *picture;
    const cuv_verification *proof;      /* of the evidence's samples or self-test; NULL: there is none */
    const char *proof_from;             /* where these come from */
    cuv_buffer *b;
} cuv_page;

/* Rows of tables, and layers with their details, beyond which a page only says how many more there are. */
#define CUV_PAGE_ROWS 5000u

/* "<TAG>text</TAG>", the text escaped; attributes may follow the tag's name. NULL: empty. */
void cuv_page_tag(cuv_page *p, const char *tag, const char *text);

void cuv_page_table(cuv_page *p);                       /* page_layers.c */
CUV_MUST_USE cuv_status cuv_page_details(cuv_page *p);
void cuv_page_decisions(cuv_page *p);                   /* page_evidence.c */
void cuv_page_findings(cuv_page *p);
void cuv_page_sources(cuv_page *p);
void cuv_page_proof(cuv_page *p);

#endif
