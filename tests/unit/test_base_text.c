/* Text: comparing, escaping, UTF-8, maps and sums. */
#include "context.h"

static void natural_order(void **state)
{
    (void)state;
    static const char *const sorted[] = {"", "a", "a1", "a01", "a2", "a9", "a10", "a10b", "a11", "a18446744073709551615",
                                         "a18446744073709551616", "a99999999999999999999999999999999999", "ab", "b"};
    size_t count = sizeof sorted / sizeof *sorted;
    for (size_t i = 0; i < count; i++) {
        for (size_t j = 0; j < count; j++) {
            int order = cuv_natural_compare(sorted[i], sorted[j]);
            bool swapped = (i == 2 && j == 3) || (i == 3 && j == 2); /* the same number: bytes decide, "01" before "1" */
            assert_true(i == j ? order == 0 : swapped ? (order < 0) == (i > j) : (order < 0) == (i < j));
        }
    }
}

static void small_comparisons(void **state)
{
    (void)state;
    assert_true(cuv_streq("a", "a") && !cuv_streq("a", "b") && !cuv_streq(NULL, NULL) && !cuv_streq("a", NULL));
    assert_true(cuv_starts_with("kernel:0", "kernel") && !cuv_starts_with("ker", "kernel"));
    assert_true(cuv_ends_with("x.h5", ".h5") && !cuv_ends_with("h5", ".h5") && cuv_ends_with("x", ""));
    assert_string_equal(cuv_path_name("a/b/c.h5"), "c.h5");
    assert_string_equal(cuv_path_name("c.h5"), "c.h5");
}

static void edit_distance(void **state)
{
    (void)state;
    assert_int_equal(cuv_edit_distance("kitten", "sitting", 10), 3);
    assert_int_equal(cuv_edit_distance("", "abc", 10), 3);
    assert_int_equal(cuv_edit_distance("same", "same", 10), 0);
    assert_int_equal(cuv_edit_distance("kitten", "sitting", 2), 2);
    char big[600];
    memset(big, 'x', sizeof big - 1);
    big[sizeof big - 1] = '\0';
    assert_int_equal(cuv_edit_distance(big, big, 5), 0);
    assert_int_equal(cuv_edit_distance(big, big + 1, 5), 5);
}

static void utf8(void **state)
{
    (void)state;
    static const struct { const char *text; size_t size; bool valid; } cases[] = {
        {"plain", 5, true}, {"\xc3\xa4", 2, true}, {"\xe2\x82\xac", 3, true}, {"\xf0\x9f\x90\x98", 4, true},
        {"\xf4\x8f\xbf\xbf", 4, true}, {"a\0b", 3, true}, {"\xc0\x80", 2, false}, {"\xc1\xbf", 2, false},
        {"\xe0\x9f\xbf", 3, false}, {"\xed\xa0\x80", 3, false}, {"\xf0\x8f\xbf\xbf", 4, false},
        {"\xf4\x90\x80\x80", 4, false}, {"\xf5\x80\x80\x80", 4, false}, {"\x80", 1, false}, {"\xe2\x82", 2, false},
        {"\xff", 1, false}, {"\xc3(", 2, false},
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++)
        assert_int_equal(cuv_utf8_valid(cases[i].text, cases[i].size), cases[i].valid);
}

static void assert_built(cuv_buffer *b, const char *expected)
{
    assert_false(b->failed);
    assert_string_equal(b->data, expected);
    assert_int_equal(b->size, strlen(expected));
    b->size = 0;
}

/* Expected: json.dumps(bytes.decode('utf-8', 'replace')) */
static void json_strings(void **state)
{
    (void)state;
    cuv_buffer b;
    cuv_buffer_init(&b, cx);
    assert_string_equal(b.data, "");
    cuv_buffer_json_string(&b, "", 0);
    assert_built(&b, "\"\"");
    cuv_buffer_json_string(&b, "a\"b\\c/\n\t\r\b\f\x01\x7f\0z", 15);
    assert_built(&b, "\"a\\\"b\\\\c/\\n\\t\\r\\b\\f\\u0001\\u007f\\u0000z\"");
    cuv_buffer_json_string(&b, "\xc3\xa4\xe2\x82\xac\xf0\x9f\x90\x98!", 10);
    assert_built(&b, "\"\\u00e4\\u20ac\\ud83d\\udc18!\"");
    cuv_buffer_json_string(&b, "x\xffy", 3);
    assert_built(&b, "\"x\\ufffdy\"");
    cuv_buffer_free(&b);
}

static void safe_text(void **state)
{
    (void)state;
    cuv_buffer b;
    cuv_buffer_init(&b, cx);
    cuv_buffer_safe(&b, "it's\n\x1b[31m\\", 11);
    assert_built(&b, "'it\\'s\\n\\x1b[31m\\\\'");
    cuv_buffer_safe(&b, "\xc3\xa4 \xff \xe2\x80\xae \xc2\x9b", 11); /* ä, a stray byte, right-to-left override, CSI */
    assert_built(&b, "'\xc3\xa4 \\xff \\u202e \\x9b'");
    cuv_buffer_free(&b);
}

static void long_text(void **state)
{
    (void)state;
    cuv_buffer b;
    cuv_buffer_init(&b, cx);
    char big[1000];
    memset(big, 'q', sizeof big - 1);
    big[sizeof big - 1] = '\0';
    for (int i = 0; i < 50; i++)
        cuv_buffer_printf(&b, "%s%d", big, i % 10);
    assert_int_equal(b.size, 50 * 1000);
    assert_int_equal(b.data[1000 * 50 - 1], '9');
    assert_int_equal(b.data[b.size], '\0');
    cuv_buffer_free(&b);
}

static void map(void **state)
{
    (void)state;
    enum { COUNT = 5000 };
    cuv_map *m = cuv_map_new(arena);
    static int values[COUNT];
    assert_null(cuv_map_get(m, "absent"));
    assert_null(cuv_map_get(NULL, "absent"));
    for (int i = 0; i < COUNT; i++)
        assert_int_equal(cuv_map_set(m, cuv_arena_printf(arena, "key %d", i), &values[i]), CUV_OK);
    assert_int_equal(cuv_map_set(m, "key 7", &values[8]), CUV_OK);
    for (int i = 0; i < COUNT; i++) {
        char key[32];
        snprintf(key, sizeof key, "key %d", i);
        assert_ptr_equal(cuv_map_get(m, key), i == 7 ? &values[8] : &values[i]);
    }
    assert_null(cuv_map_get(m, "key 5000"));
}

/* FIPS 180-4 examples, and lengths round the padding (Python's hashlib). */
static void sums(void **state)
{
    (void)state;
    char out[65];
    cuv_sha256_hex("abc", 3, out);
    assert_string_equal(out, "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad");
    cuv_sha256_hex("", 0, out);
    assert_string_equal(out, "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855");
    static const char as[65] = "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa";
    cuv_sha256_hex(as, 55, out);
    assert_string_equal(out, "9f4390f8d30c2dd92ec9f095b65e2b9ae9b0a925a5258e241c9f1e910f734318");
    cuv_sha256_hex(as, 56, out);
    assert_string_equal(out, "b35439a4ac6f0948b6d6f9e3c6af0f5f590ce20f1bde7090ef7970686ec6738a");
    cuv_sha256_hex(as, 64, out);
    assert_string_equal(out, "ffe054fe7ae0cb6dc65c3af9b61d5209f439851db43d0ba5997337df154668eb");
    assert_int_equal(cuv_crc32(0, "123456789", 9), 0xcbf43926);
    assert_int_equal(cuv_crc32(cuv_crc32(0, "1234", 4), "56789", 5), 0xcbf43926);
    assert_int_equal(cuv_crc32(0, NULL, 0), 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(natural_order), cmocka_unit_test(small_comparisons), cmocka_unit_test(edit_distance),
        cmocka_unit_test(utf8), cmocka_unit_test(json_strings), cmocka_unit_test(safe_text), cmocka_unit_test(long_text),
        cmocka_unit_test(map), cmocka_unit_test(sums),
    };
    return cmocka_run_group_tests_name("base: text", tests, setup, teardown);
}
