/* Any bytes as the marshalled code of a Lambda layer, in every layout. */
#include "evidence/read.h"
#include "format/marshal.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    cuv_context *cx = NULL;
    cuv_buffer text;
    if (cuv_context_new(NULL, &cx) != CUV_OK)
        return 0;
    cuv_context_limits(cx)->memory_bytes = 64 << 20;
    cuv_arena *arena = cuv_arena_new(cx);
    cuv_buffer_init(&text, cx);
    const cuv_value *e = arena ? cuv_lambda_expression(arena, data, size, NULL) : NULL;
    if (e)
        cuv_lambda_text(&text, e);
    cuv_buffer_free(&text);
    cuv_arena_free(arena);
    cuv_context_free(cx);
    return 0;
}
