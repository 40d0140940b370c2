/* Hashes of text against the values of TensorFlow 2.21: to_hash_bucket_fast, to_hash_bucket_strong with the key (133, -137), modulo 2^62,
 * and sparse.cross_hashed of "abc" and 7, modulo 2^40. Text i of length n is 'a' + (7 i + n) modulo 26. */
#include "run/text_hash.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

static const struct { size_t size; uint64_t farm, sip; } rows[] = {
    {0, 1936946117179621455u, 3306281672002006069u},
    {1, 2572224033622389014u, 1364698832019615036u},
    {3, 4005143679207164395u, 3077557338530441438u},
    {4, 617514146912340682u, 3489897759646916u},
    {7, 2326968938742419854u, 724517239964803631u},
    {8, 3108481165009398553u, 1423098826651386095u},
    {9, 290310807937581120u, 8801964462932330u},
    {16, 3820547438670371201u, 4252211802327495771u},
    {17, 2489787730139383239u, 3667807162925878776u},
    {31, 550745500815267002u, 4167249983488389259u},
    {32, 127699506250089056u, 3904159256594413416u},
    {33, 4191899277645623090u, 3053278305201786409u},
    {63, 3525467119873147426u, 178983991576578798u},
    {64, 2544848233693181161u, 1841943197397582423u},
    {65, 3567797833843830433u, 3267377519159776967u},
    {128, 3196324504972257391u, 2164367586189657388u},
    {129, 2174161576895394258u, 2387397788406628630u},
    {200, 3666315064520934872u, 642016131982140751u}};

static void test_hashes(void **state)
{
    (void)state;
    for (size_t r = 0; r < sizeof rows / sizeof *rows; r++) {
        char text[256];
        for (size_t i = 0; i < rows[r].size; i++)
            text[i] = (char)('a' + (i * 7 + rows[r].size) % 26);
        assert_int_equal(cuv_farmhash64(text, rows[r].size) % ((uint64_t)1 << 62), rows[r].farm);
        assert_int_equal(cuv_siphash(text, rows[r].size, 133, (uint64_t)-137) % ((uint64_t)1 << 62), rows[r].sip);
    }
}

static void test_cross(void **state)
{
    (void)state;
    uint64_t h = cuv_fingerprint_cat(cuv_fingerprint_cat(0xDECAFCAFFEu, cuv_farmhash64("abc", 3)), 7);
    assert_int_equal(h % ((uint64_t)1 << 40), 803095263880u);
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(test_hashes), cmocka_unit_test(test_cross)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
