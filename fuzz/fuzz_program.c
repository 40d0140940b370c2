/* Program text: what is parsed is printed, and parsed again to the same text. */
#include "fuzz.h"
#include "program/program.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    fuzz f;
    cuv_program *p = NULL, *again = NULL;
    cuv_buffer first, second;
    if (!fuzz_open(&f, data, size)) {
        fuzz_close(&f);
        return 0;
    }
    cuv_buffer_init(&first, f.cx);
    cuv_buffer_init(&second, f.cx);
    if (fuzz_judge(f.cx, cuv_program_parse(f.arena, (const char *)data, size, &p))) {
        fuzz_judge(f.cx, cuv_program_check(p));
        cuv_program_print(p, &first);
        if (!first.failed && fuzz_judge(f.cx, cuv_program_parse(f.arena, first.data, first.size, &again))) {
            cuv_program_print(again, &second);
            if (!second.failed && (second.size != first.size || memcmp(first.data, second.data, first.size) != 0))
                __builtin_trap();
        } else if (!first.failed) {
            __builtin_trap(); /* what is printed can be parsed */
        }
    }
    cuv_buffer_free(&first);
    cuv_buffer_free(&second);
    fuzz_close(&f);
    return 0;
}
