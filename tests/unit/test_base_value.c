/* The value tree: readers, large dictionaries, equality, copies, and Python's view of it. */
#include "context.h"

#include <math.h>

static cuv_value *number(int64_t i)
{
    return cuv_value_int(arena, i);
}

static cuv_value *pair_of(cuv_value *seq, cuv_value *a, cuv_value *b)
{
    assert_int_equal(cuv_list_add(arena, seq, a), CUV_OK);
    assert_int_equal(cuv_list_add(arena, seq, b), CUV_OK);
    return seq;
}

static void readers_accept_anything(void **state)
{
    (void)state;
    int64_t i = 0;
    double r = 0;
    bool b = false;
    assert_null(cuv_get(NULL, "a"));
    assert_null(cuv_get(number(1), "a"));
    assert_null(cuv_item(NULL, 0));
    assert_null(cuv_item(cuv_value_list(arena), 0));
    assert_null(cuv_text(NULL));
    assert_null(cuv_text(cuv_value_bytes(arena, "b", 1)));
    assert_int_equal(cuv_len(cuv_value_text(arena, "four")), 0);
    assert_true(cuv_is_null(NULL) && cuv_is_null(cuv_value_null(arena)) && !cuv_is_null(number(0)));
    assert_false(cuv_is_seq(NULL) || cuv_is_number(NULL) || cuv_as_int(NULL, &i) || cuv_as_real(NULL, &r));
    assert_false(cuv_as_bool(cuv_value_text(arena, "True"), &b) || cuv_as_bool(number(2), &b));
    assert_true(cuv_get_bool(NULL, "use_bias", true));
    assert_int_equal(cuv_list_add(arena, cuv_value_list(arena), NULL), CUV_MEMORY);
    assert_int_equal(cuv_dict_set(arena, cuv_value_dict(arena), "k", NULL), CUV_MEMORY);
}

static void numbers(void **state)
{
    (void)state;
    int64_t i = 0;
    double r = 0;
    bool b = false;
    assert_true(cuv_as_int(cuv_value_real(arena, 3.0), &i) && i == 3);
    assert_true(cuv_as_int(cuv_value_bool(arena, true), &i) && i == 1);
    assert_false(cuv_as_int(cuv_value_real(arena, 3.5), &i) || cuv_as_int(cuv_value_real(arena, (double)NAN), &i));
    assert_false(cuv_as_int(cuv_value_real(arena, 0x1p63), &i));
    assert_true(cuv_as_int(cuv_value_real(arena, -0x1p63), &i) && i == INT64_MIN);
    assert_true(cuv_as_real(number(7), &r) && r == 7.0 && number(7)->real == 7.0);
    assert_true(cuv_as_bool(number(1), &b) && b && cuv_as_bool(cuv_value_real(arena, 0.0), &b) && !b);
}

static void dictionaries(void **state)
{
    (void)state;
    enum { COUNT = 20000 };
    cuv_value *dict = cuv_value_dict(arena);
    for (int64_t i = 0; i < COUNT; i++) {
        char key[32];
        snprintf(key, sizeof key, "k%lld", (long long)i);
        assert_int_equal(cuv_dict_set(arena, dict, key, number(i)), CUV_OK);
    }
    assert_int_equal(cuv_dict_set(arena, dict, "k5", number(-5)), CUV_OK);
    assert_int_equal(cuv_dict_add(arena, dict, number(3), number(33)), CUV_OK);
    assert_int_equal(cuv_dict_add(arena, dict, cuv_value_text_n(arena, "k9\0x", 4), number(99)), CUV_OK);
    assert_int_equal(cuv_len(dict), COUNT + 2);
    for (int64_t i = 0; i < COUNT; i++) {
        char key[32];
        snprintf(key, sizeof key, "k%lld", (long long)i);
        assert_int_equal(cuv_get(dict, key)->integer, i == 5 ? -5 : i);
    }
    assert_null(cuv_get(dict, "k20000"));
    assert_string_equal(dict->pairs[7].key->text, "k7"); /* the order of the file */
    memmove(dict->pairs, dict->pairs + 1, (dict->size - 1) * sizeof *dict->pairs); /* pairs taken out by hand */
    dict->size--;
    assert_null(cuv_get(dict, "k0"));
    assert_int_equal(cuv_get(dict, "k1")->integer, 1);
}

static void equality(void **state)
{
    (void)state;
    assert_true(cuv_value_equal(number(1), cuv_value_real(arena, 1.0)));
    assert_true(cuv_value_equal(number(1), cuv_value_bool(arena, true)));
    assert_false(cuv_value_equal(number(INT64_MAX), number(INT64_MAX - 1)));
    assert_false(cuv_value_equal(number(0), cuv_value_null(arena)));
    assert_false(cuv_value_equal(cuv_value_text(arena, "1"), number(1)));
    assert_false(cuv_value_equal(cuv_value_text(arena, "a"), cuv_value_bytes(arena, "a", 1)));
    assert_false(cuv_value_equal(cuv_value_text_n(arena, "a\0b", 3), cuv_value_text_n(arena, "a\0c", 3)));
    assert_true(cuv_value_equal(cuv_value_real(arena, (double)NAN), cuv_value_real(arena, (double)NAN)));
    cuv_value *list = pair_of(cuv_value_list(arena), number(2), number(3));
    cuv_value *tuple = pair_of(cuv_value_tuple(arena), number(2), number(3));
    assert_true(cuv_value_equal(list, tuple));
    cuv_value *a = cuv_value_dict(arena), *b = cuv_value_dict(arena);
    assert_int_equal(cuv_dict_set(arena, a, "x", list), CUV_OK);
    assert_int_equal(cuv_dict_set(arena, a, "y", number(1)), CUV_OK);
    assert_int_equal(cuv_dict_set(arena, b, "y", number(1)), CUV_OK);
    assert_false(cuv_value_equal(a, b));
    assert_int_equal(cuv_dict_set(arena, b, "x", tuple), CUV_OK);
    assert_true(cuv_value_equal(a, b));
    assert_true(cuv_value_equal(a, cuv_value_copy(arena, a)));
    assert_int_equal(cuv_list_add(arena, tuple, number(4)), CUV_OK);
    assert_false(cuv_value_equal(a, b));
}

/* A list that holds itself, and thirty lists that each hold the one before twice: finite work for both. */
static void knots(void **state)
{
    (void)state;
    cuv_value *self = cuv_value_list(arena);
    assert_int_equal(cuv_list_add(arena, self, self), CUV_OK);
    assert_null(cuv_value_copy(arena, self));
    assert_non_null(cuv_value_repr(cx, self));
    cuv_context_limits(cx)->items = 100000;
    cuv_value *doubled = cuv_value_list(arena);
    for (int i = 0; i < 30; i++)
        doubled = pair_of(cuv_value_list(arena), doubled, doubled);
    assert_null(cuv_value_copy(arena, doubled));
    assert_in_range(strlen(cuv_value_repr(cx, doubled)), 1, 300);
}

static void assert_repr(const cuv_value *v, const char *expected)
{
    assert_string_equal(cuv_value_repr(cx, v), expected);
}

static void repr(void **state)
{
    (void)state;
    assert_repr(NULL, "None");
    assert_repr(cuv_value_null(arena), "None");
    assert_repr(cuv_value_bool(arena, true), "True");
    assert_repr(number(-3), "-3");
    assert_repr(cuv_value_real(arena, 1e-7), "1e-07");
    assert_repr(cuv_value_text(arena, "same"), "'same'");
    assert_repr(cuv_value_text(arena, "it's"), "\"it's\"");
    assert_repr(cuv_value_text(arena, "it's \"so\""), "'it\\'s \"so\"'");
    assert_repr(cuv_value_bytes(arena, "a\xff'", 3), "b'a\\xff\\''");
    assert_repr(pair_of(cuv_value_tuple(arena), number(2), number(2)), "(2, 2)");
    cuv_value *one = cuv_value_tuple(arena), *dict = cuv_value_dict(arena);
    assert_int_equal(cuv_list_add(arena, one, number(1)), CUV_OK);
    assert_repr(one, "(1,)");
    assert_repr(cuv_value_list(arena), "[]");
    assert_int_equal(cuv_dict_set(arena, dict, "a", one), CUV_OK);
    assert_int_equal(cuv_dict_add(arena, dict, number(1), cuv_value_list(arena)), CUV_OK);
    assert_repr(dict, "{'a': (1,), 1: []}");
    char big[2000];
    memset(big, 'z', sizeof big);
    const char *cut = cuv_value_repr(cx, cuv_value_text_n(arena, big, sizeof big));
    assert_true(strlen(cut) < 300 && cuv_ends_with(cut, "..."));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(readers_accept_anything), cmocka_unit_test(numbers), cmocka_unit_test(dictionaries),
        cmocka_unit_test(equality), cmocka_unit_test(knots), cmocka_unit_test(repr),
    };
    return cmocka_run_group_tests_name("base: values", tests, setup, teardown);
}
