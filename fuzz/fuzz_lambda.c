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
    cuv_value *numbers = arena ? cuv_value_tuple(arena) : NULL;
    for (int64_t i = 0; numbers && i < 3; i++)
        if (cuv_list_add(arena, numbers, cuv_value_int(arena, i)) != CUV_OK)
            numbers = NULL;
    const cuv_lambda_given given = {NULL, numbers, numbers};
    const cuv_value *e = arena ? cuv_lambda_expression(arena, data, size, &given) : NULL;
    if (e)
        cuv_lambda_text(&text, e);
    cuv_buffer_free(&text);
    cuv_arena_free(arena);
    cuv_context_free(cx);
    return 0;
}
