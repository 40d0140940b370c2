/* The page's own style and script. The script only helps in looking: without it everything is there. */
#ifndef CUV_EMIT_PAGE_TEXT_H
#define CUV_EMIT_PAGE_TEXT_H

extern const char cuv_page_style[];
extern const char cuv_page_script[];

#endif
