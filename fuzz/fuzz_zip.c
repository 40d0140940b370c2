/* Zip archives: the directory, and every member opened. Checksums are not compared in this build, so that changed bytes get through. */
#include "fuzz.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    fuzz f;
    cuv_zip *zip = NULL;
    if (fuzz_open(&f, data, size) && fuzz_judge(f.cx, cuv_zip_parse(f.arena, &f.src, &zip))) {
        for (size_t i = 0; i < zip->count; i++) {
            cuv_source member;
            if (cuv_zip_find(zip, zip->members[i].name) != &zip->members[i])
                __builtin_trap(); /* names are unique */
            if (fuzz_judge(f.cx, cuv_zip_member_open(f.arena, zip, &zip->members[i], &member)))
                fuzz_read(member.data, member.size);
        }
    }
    fuzz_close(&f);
    return 0;
}
