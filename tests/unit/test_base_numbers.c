/* Conversions between element types, and doubles as text. The sums are SHA-256 of what NumPy 2.4, ml_dtypes 0.6 and
 * Python's repr give for the same inputs; NaN counts as 0x7fc00000. */
#include "context.h"

#include <locale.h>
#include <math.h>

enum { N = 65536 };

static uint32_t bits_of(float value)
{
    uint32_t bits;
    memcpy(&bits, &value, sizeof bits);
    return bits;
}

static float float_of(uint32_t bits)
{
    float value;
    memcpy(&value, &bits, sizeof value);
    return value;
}

static void assert_sum(const void *data, size_t size, const char *expected)
{
    char sum[65];
    cuv_sha256_hex(data, size, sum);
    assert_string_equal(sum, expected);
}

static void widening_is_exact(void **state)
{
    (void)state;
    static const struct { cuv_dtype dtype; size_t count; const char *sum; } cases[] = {
        {CUV_F16, 65536, "385ff5fe69182797cda5f1827e20cf423f4416bc9246f27d0eec27cac9039259"},
        {CUV_BF16, 65536, "f12e27efe34841dfd6391497b86f389096b03a376586e1d9691bba0a8de3980a"},
        {CUV_F8E4M3, 256, "422eccfaa21e72a6b26855bb10cdcfead6c1ce3262ecd813c99d8cbf9677f2e2"},
        {CUV_F8E5M2, 256, "229a94c5f728edf2259da970a0e1dfb45cc1d69cce2b30e37659f3212ec4b8b9"},
    };
    static uint8_t source[2 * N + 1];
    static float values[N];
    static double doubles[N];
    for (size_t c = 0; c < sizeof cases / sizeof *cases; c++) {
        size_t size = cuv_dtype_size(cases[c].dtype);
        for (uint32_t i = 0; i < cases[c].count; i++) {
            uint16_t wide = (uint16_t)i;
            uint8_t narrow = (uint8_t)i;
            memcpy(source + 1 + i * size, size == 2 ? (void *)&wide : (void *)&narrow, size); /* unaligned */
        }
        cuv_convert_to_f32(values, source + 1, cases[c].dtype, cases[c].count);
        cuv_convert_to_f64(doubles, source + 1, cases[c].dtype, cases[c].count);
        for (size_t i = 0; i < cases[c].count; i++) {
            assert_true(isnan(values[i]) ? isnan(doubles[i]) : (double)values[i] == doubles[i]);
            if (isnan(values[i]))
                values[i] = float_of(0x7fc00000);
        }
        assert_sum(values, cases[c].count * sizeof *values, cases[c].sum);
    }
}

/* Three sets of floats: spread over all patterns, dense where halves live, and ties. */
static void make_floats(float *out, int set)
{
    for (uint32_t k = 0; k < N; k++) {
        uint32_t head = (k & 1) << 31 | (100 + (k >> 1) % 46) << 23;
        uint32_t patterns[] = {k * 65521U, head | (k * 40503U & 0x7fffff), head | ((k >> 3) << 12 & 0x7fffff)};
        float value = float_of(patterns[set]);
        out[k] = isnan(value) ? 1.5f : value;
    }
}

static void narrowing_rounds_once(void **state)
{
    (void)state;
    static const cuv_dtype to[] = {CUV_F16, CUV_BF16, CUV_F8E4M3, CUV_F8E5M2};
    static const char *const sums[3][4] = {
        {"466b279a6b938471725ccc6b1a56d4e8608c458f2d5e6c5698532de45b123990",
         "80eb6ad6b6767c347a028f35050b52d40e3df5b34e2a90b807c0dc65bdcd6be6",
         "6b48b3ba0342573cd65d7b371b4c870e0fb152486cff1b66be6972468b0d5fd2",
         "2dac134dbd664d025fd0fa6500ba9313f905f59cf60a7ba2aadacb1021925e41"},
        {"11039869c444ff129f442fd86d39a8c72c79f3df9b86c063c4aac1c1d7023363",
         "4d5b74b79c0571533b3874e22f2fe6498f7a4735a5593ede6346f90fe315dcb6",
         "467540d17cabe02c38d31cfd82e2d5840770976f4c89736a9e56a5a0701f8418",
         "167ef42e87d65e540e2273d05643841d878fa97502ff79f7219bf76bda915238"},
        {"8f2282dca1c3c9692806e5447e4398109330a77a49caaa0aef65c48f3a0a09ed",
         "abdc2ba75668e22d2938a9507a0cde8f93e8522f1c0e5f002d7181c04f236b0b",
         "bf4256e2cc4c53627d52198a228493b90c7ebd30c2c1095fba87e988b83da078",
         "6819479b28da29b5e0268ee3bab00157145e42b6cd88a05c5f977e63be426550"},
    };
    static float values[N];
    static double doubles[N];
    static uint8_t out[2 * N], again[2 * N];
    for (int set = 0; set < 3; set++) {
        make_floats(values, set);
        cuv_convert(doubles, CUV_F64, values, CUV_F32, N);
        for (int i = 0; i < 4; i++) {
            cuv_convert(out, to[i], values, CUV_F32, N);
            assert_sum(out, N * cuv_dtype_size(to[i]), sums[set][i]);
            cuv_convert(again, to[i], doubles, CUV_F64, N);
            assert_memory_equal(out, again, N * cuv_dtype_size(to[i]));
        }
    }
}

static uint64_t splitmix(uint64_t i)
{
    uint64_t z = i * UINT64_C(0x9e3779b97f4a7c15);
    z = (z ^ z >> 30) * UINT64_C(0xbf58476d1ce4e5b9);
    z = (z ^ z >> 27) * UINT64_C(0x94d049bb133111eb);
    return z ^ z >> 31;
}

static void doubles_to_halves(void **state)
{
    (void)state;
    static uint64_t bits[N];
    static uint16_t halves[N];
    for (uint64_t i = 0; i < N; i++) {
        uint64_t z = splitmix(i + 1);
        bits[i] = (z & UINT64_C(0x800fffffffffffff)) | (1023 - 28 + (z >> 52) % 46) << 52;
    }
    cuv_convert(halves, CUV_F16, bits, CUV_F64, N);
    assert_sum(halves, sizeof halves, "4762a3efafc579d97e2cb48e9eefaa557968e6b52e4cbb6180bc344017098ed4");
}

static void half_landmarks(void **state)
{
    (void)state;
    static const struct { float value; uint16_t f16, bf16; } cases[] = {
        {0.0f, 0x0000, 0x0000},          {-0.0f, 0x8000, 0x8000},         {1.0f, 0x3c00, 0x3f80},
        {0.1f, 0x2e66, 0x3dcd},          {65504.0f, 0x7bff, 0x4780},      {65519.996f, 0x7bff, 0x4780},
        {65520.0f, 0x7c00, 0x4780},      {0x1p-14f, 0x0400, 0x3880},      {0x1.ffcp-15f, 0x0400, 0x3880},
        {0x1p-24f, 0x0001, 0x3380},      {0x1p-25f, 0x0000, 0x3300},      {0x1.000002p-25f, 0x0001, 0x3300},
        {0x1.8p-24f, 0x0002, 0x33c0},    {1.00048828125f, 0x3c00, 0x3f80}, {1.00146484375f, 0x3c02, 0x3f80},
        {3.4028235e38f, 0x7c00, 0x7f80}, {-INFINITY, 0xfc00, 0xff80},     {0x1.ff8p-15f, 0x03ff, 0x3880},
        {0x1p-149f, 0x0000, 0x0000},
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        assert_int_equal(cuv_f32_to_f16(cases[i].value), cases[i].f16);
        assert_int_equal(cuv_f32_to_bf16(cases[i].value), cases[i].bf16);
    }
    assert_int_equal(cuv_f32_to_f16(NAN) & 0x7fff, 0x7e00);
    assert_int_equal(cuv_f32_to_bf16(NAN) & 0x7fff, 0x7fc0);
    assert_true(isnan(cuv_f16_to_f32(0x7c01)) && isnan(cuv_bf16_to_f32(cuv_f32_to_bf16(float_of(0x7f800001)))));
    for (uint32_t i = 0; i < N; i++) /* a half comes back as it was */
        assert_true(isnan(cuv_f16_to_f32((uint16_t)i)) || cuv_f32_to_f16(cuv_f16_to_f32((uint16_t)i)) == i);
    assert_int_equal(bits_of(cuv_f16_to_f32(0x0001)), 0x33800000);
}

static void integers(void **state)
{
    (void)state;
    const int64_t wide[] = {INT64_MIN, -129, -1, 0, 1, 200, 70000, INT64_MAX};
    int8_t bytes[8];
    uint64_t same[8];
    uint8_t truth[8];
    cuv_convert(bytes, CUV_I8, wide, CUV_I64, 8); /* NumPy's astype wraps */
    const int8_t wrapped[] = {0, 127, -1, 0, 1, -56, 112, -1};
    assert_memory_equal(bytes, wrapped, sizeof bytes);
    cuv_convert(same, CUV_U64, wide, CUV_I64, 8);
    assert_memory_equal(same, wide, sizeof same);
    cuv_convert(truth, CUV_BOOL, wide, CUV_I64, 8);
    const uint8_t not_zero[] = {1, 1, 1, 0, 1, 1, 1, 1};
    assert_memory_equal(truth, not_zero, sizeof truth);
    int64_t back[8];
    cuv_convert(back, CUV_I64, bytes, CUV_I8, 8);
    assert_int_equal(back[5], -56);
}

static void floats_to_integers(void **state)
{
    (void)state;
    const double values[] = {-1e30, -1.9, -0.5, 0.5, 2.9, 1e30, (double)NAN, 127.99};
    int8_t small[8];
    uint64_t large[8];
    int64_t wide[8];
    cuv_convert(small, CUV_I8, values, CUV_F64, 8);
    const int8_t expected[] = {-128, -1, 0, 0, 2, 127, 0, 127};
    assert_memory_equal(small, expected, sizeof small);
    cuv_convert(large, CUV_U64, values, CUV_F64, 8);
    assert_true(large[0] == 0 && large[4] == 2 && large[5] == UINT64_MAX && large[6] == 0);
    cuv_convert(wide, CUV_I64, values, CUV_F64, 8);
    assert_true(wide[0] == INT64_MIN && wide[1] == -1 && wide[5] == INT64_MAX);
}

static void add_line(cuv_buffer *b, double value)
{
    if (b->size > 0)
        cuv_buffer_char(b, '\n');
    cuv_buffer_double(b, value);
}

static void repr_of_many(void **state)
{
    (void)state;
    cuv_buffer b;
    cuv_buffer_init(&b, cx);
    for (uint64_t i = 1; i <= 20000; i++) {
        uint64_t bits = splitmix(i);
        double value;
        memcpy(&value, &bits, sizeof value);
        if (isfinite(value))
            add_line(&b, value);
    }
    assert_sum(b.data, b.size, "9c2b867d8871e0c818b3666dbf3df1b86cfb969c397b03cae62300b8c3b5f799");
    b.size = 0;
    for (int k = -1074; k < 1024; k++)
        add_line(&b, ldexp(1.0, k));
    assert_sum(b.data, b.size, "a808b634668c792b03aeb662cf8fb6f77d1c07cb0c601710c9c1f2dc43ccc994");
    b.size = 0;
    static const double tens[] = {1e0,  1e1,  1e2,  1e3,  1e4,  1e5,  1e6,  1e7,  1e8,  1e9,  1e10, 1e11, 1e12,
                                  1e13, 1e14, 1e15, 1e16, 1e17, 1e18, 1e19, 1e20, 1e21, 1e22, 1e23, 1e24};
    for (int i = 0; i < 20000; i++)
        add_line(&b, (double)(i * 7919 % 100000) / tens[i % 25]);
    assert_sum(b.data, b.size, "cd18aacb5cfe197eeb3b65fadedb1e856f06f43fb077ed33745085aac55d574c");
    cuv_buffer_free(&b);
}

static void repr_landmarks(void **state)
{
    (void)state;
    static const struct { double value; const char *text; } cases[] = {
        {1.0, "1.0"}, {0.1, "0.1"}, {1e-5, "1e-05"}, {1e-4, "0.0001"}, {1e16, "1e+16"}, {1e15, "1000000000000000.0"},
        {123456.789, "123456.789"}, {-0.0, "-0.0"}, {5e-324, "5e-324"}, {1.7976931348623157e308, "1.7976931348623157e+308"},
        {0x1p-44, "5.684341886080802e-14"}, {9007199254740993.0, "9007199254740992.0"}, {1e100, "1e+100"},
        {(double)INFINITY, "inf"}, {-(double)INFINITY, "-inf"}, {(double)NAN, "nan"}, {0.001, "0.001"},
        {2.5e-7, "2.5e-07"}, {(double)0.1f, "0.10000000149011612"},
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        cuv_buffer b;
        cuv_buffer_init(&b, cx);
        cuv_buffer_double(&b, cases[i].value);
        assert_string_equal(b.data, cases[i].text);
        cuv_buffer_free(&b);
    }
}

static void assert_reads(const char *text, double expected)
{
    double value = -77;
    assert_true(cuv_parse_double(text, strlen(text), &value));
    assert_memory_equal(&value, &expected, sizeof value);
}

static void parsing(void **state)
{
    (void)state;
    static const struct { const char *text; double value; } cases[] = {
        {"1", 1.0}, {"-0.1", -0.1}, {"1e5", 1e5}, {"1E+05", 1e5}, {".5", 0.5}, {"5.", 5.0}, {"+7e-1", 0.7}, {"-0", -0.0},
        {"1e400", (double)INFINITY}, {"-1e400", -(double)INFINITY}, {"1e-400", 0.0}, {"4.9e-324", 0x1p-1074},
        {"2.4703282292062327e-324", 0.0}, {"2.4703282292062328e-324", 0x1p-1074}, {"9007199254740993", 0x1p53},
        {"9007199254740992.99999999999999999999", 0x1p53}, {"0.1e1000000000000000000000", (double)INFINITY},
        {"0e99999999999999999999999", 0.0}, {"1.7976931348623158e308", 0x1.fffffffffffffp+1023},
        {"1.7976931348623159e308", (double)INFINITY}, {"123456789012345678901234567890", 0x1.8ee90ff6c373ep+96},
        {"2.2250738585072011e-308", 0x0.fffffffffffffp-1022},
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++)
        assert_reads(cases[i].text, cases[i].value);

    static const char *const wrong[] = {"", " 1", "1 ", "nan", "inf", "0x10", "1e", "1e+", ".", "-", "1.2.3", "1,5", "1_0"};
    for (size_t i = 0; i < sizeof wrong / sizeof *wrong; i++) {
        double value;
        assert_false(cuv_parse_double(wrong[i], strlen(wrong[i]), &value));
    }
}

static void parsing_long_texts(void **state)
{
    (void)state;
    char text[2000] = "0.";
    memset(text + 2, '0', 400);
    strcpy(text + 402, "1e401");
    assert_reads(text, 1.0);
    strcpy(text, "9007199254740993.");   /* a tie, but for one digit far behind */
    memset(text + 17, '0', 900);
    strcpy(text + 917, "");
    assert_reads(text, 0x1p53);
    strcpy(text + 917, "1");
    assert_reads(text, 0x1.0000000000001p53);
    double value = 0;
    assert_true(cuv_parse_double("12345", 2, &value) && value == 12.0); /* not past the size */
}

static void parsing_integers(void **state)
{
    (void)state;
    static const struct { const char *text; bool good; int64_t value; } cases[] = {
        {"0", true, 0}, {"-0", true, 0}, {"+12", true, 12}, {"9223372036854775807", true, INT64_MAX},
        {"-9223372036854775808", true, INT64_MIN}, {"9223372036854775808", false, 0},
        {"-9223372036854775809", false, 0}, {"99999999999999999999999", false, 0}, {"", false, 0}, {"-", false, 0},
        {"1.0", false, 0}, {" 1", false, 0}, {"1a", false, 0}, {"007", true, 7},
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        int64_t value = 0;
        assert_int_equal(cuv_parse_i64(cases[i].text, strlen(cases[i].text), &value), cases[i].good);
        assert_true(!cases[i].good || value == cases[i].value);
    }
}

/* Where a comma is the decimal point nothing changes. Skipped where no such locale is installed. */
static void other_locales(void **state)
{
    (void)state;
    if (!setlocale(LC_ALL, "de_DE.UTF-8") && !setlocale(LC_ALL, "fr_FR.UTF-8") && !setlocale(LC_ALL, "de_DE"))
        skip();
    cuv_buffer b;
    cuv_buffer_init(&b, cx);
    cuv_buffer_double(&b, 0.5);
    cuv_buffer_printf(&b, " %g", 0.5);
    double value = 0;
    bool parsed = cuv_parse_double("0.5", 3, &value);
    setlocale(LC_ALL, "C");
    assert_string_equal(b.data, "0.5 0.5");
    assert_true(parsed && value == 0.5);
    cuv_buffer_free(&b);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(widening_is_exact), cmocka_unit_test(narrowing_rounds_once), cmocka_unit_test(doubles_to_halves),
        cmocka_unit_test(half_landmarks), cmocka_unit_test(integers), cmocka_unit_test(floats_to_integers),
        cmocka_unit_test(repr_of_many), cmocka_unit_test(repr_landmarks), cmocka_unit_test(parsing),
        cmocka_unit_test(parsing_long_texts), cmocka_unit_test(parsing_integers), cmocka_unit_test(other_locales),
    };
    return cmocka_run_group_tests_name("base: numbers", tests, setup, teardown);
}
