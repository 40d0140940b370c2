/* A model as something to look at: boxes and arrows, drawn as SVG, in a page, or in text.
 *
 *     cuv_picture_of(m, arena, &p)     boxes in the order in which they are first called, arrows, pictures inside of pictures
 *     cuv_picture_lay_out(p)           sizes and places (layout.h)
 *     cuv_svg_write(p, ...)            svg.c; page.c puts it into a page, terminal.c needs no places
 */
#ifndef CUV_EMIT_VIEW_H
#define CUV_EMIT_VIEW_H

#include "emit/emit.h"
#include "emit/view/layout.h"

/* What kind of work a layer does: one colour each. */
typedef enum cuv_family {
    CUV_FAM_INPUT,
    CUV_FAM_CONV,
    CUV_FAM_DENSE,
    CUV_FAM_RNN,
    CUV_FAM_ATTENTION,
    CUV_FAM_EMBED,
    CUV_FAM_NORM,
    CUV_FAM_ACT,
    CUV_FAM_POOL,
    CUV_FAM_SHAPE,
    CUV_FAM_MERGE,
    CUV_FAM_DROP,
    CUV_FAM_OWN,
    CUV_FAM_MODEL,
    CUV_FAM_COUNT
} cuv_family;

typedef struct cuv_picture cuv_picture;

typedef struct cuv_box {
    const cuv_layer *layer;
    const char *name, *class_name, *detail, *shape, *params;    /* detail and params may be ""; texts of the file, not escaped */
    const char *path;           /* "outer/inner" */
    cuv_family family;
    uint32_t id;                /* in all pictures together, from 0 */
    uint32_t calls;
    bool input;
    const char *output;         /* "output", "output 2", or NULL */
    cuv_picture *inside;        /* of a model, or a wrapper around one; NULL: nothing to show */
} cuv_box;

typedef struct cuv_arrow {
    uint32_t from, to;
    uint32_t from_call, to_call, output;    /* from 0 */
    const char *argument;       /* keyword, or NULL */
    const char *label;          /* or NULL */
} cuv_arrow;

struct cuv_picture {
    cuv_context *cx;
    cuv_arena *arena;
    const struct cuv_model *m;
    cuv_box *boxes;
    uint32_t box_count;
    cuv_arrow *arrows;
    uint32_t arrow_count;
    cuv_groups entering;        /* arrows by the box they enter */
    uint32_t total;             /* boxes of this picture and of those inside */
    cuv_layout layout;
};

/* Above the picture inside of a model's box. */
#define CUV_MODEL_HEAD 46.0

/* CUV_UNSUPPORTED "view.size" when it has more boxes than anybody would look at. */
CUV_MUST_USE cuv_status cuv_picture_of(const struct cuv_model *m, cuv_arena *arena, cuv_picture **out);
CUV_MUST_USE cuv_status cuv_picture_lay_out(cuv_picture *p);
/* The svg element. `linked`: each box is a link to "#layer-ID" of the page around it. */
void cuv_svg_write(const cuv_picture *p, bool linked, cuv_buffer *b);

/* What stands in its style element. */
void cuv_svg_style(cuv_buffer *b);

/* What a layer is, and what about it fits into its box ("3×3 · 64 · relu"); in the arena (detail.c). NULL: no memory.
 */
cuv_family cuv_family_of(const cuv_layer *layer);
const char *cuv_layer_detail(cuv_arena *arena, const cuv_layer *layer);

/* ---- text */

/* Width in pixels, in Helvetica, Arial, and what has their widths. */
double cuv_text_width(const char *text, double size, bool bold);
/* Text from a file inside of markup, or of an attribute in double quotes: what is special is escaped, and characters
 * that XML does not have, that turn the direction of writing, or that are no UTF-8 are shown as what they are. */
void cuv_markup(cuv_buffer *b, const char *text);
/* The same, cut to the width in pixels with an ellipsis. */
void cuv_markup_fit(cuv_buffer *b, const char *text, double width, double size, bool bold);

#endif
