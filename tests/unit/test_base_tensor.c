/* Shapes, tensors as views, transposing; dtypes. */
#include "context.h"

#include <math.h>

static const char *last_id(void)
{
    return cuv_finding_at(cx, cuv_finding_count(cx) - 1)->id;
}

static void shape_text(void **state)
{
    (void)state;
    assert_string_equal(cuv_shape_text(cx, (int64_t[]){3, 3, -1, 16}, 4), "(3, 3, None, 16)");
    assert_string_equal(cuv_shape_text(cx, (int64_t[]){5}, 1), "(5,)");
    assert_string_equal(cuv_shape_text(cx, (int64_t[]){-1}, 1), "(None,)");
    assert_string_equal(cuv_shape_text(cx, NULL, 0), "()");
    const int64_t big[8] = {INT64_MIN, INT64_MIN, INT64_MIN, INT64_MIN, INT64_MIN, INT64_MIN, INT64_MIN, INT64_MAX};
    assert_int_equal(strlen(cuv_shape_text(cx, big, 8)), 1 + 7 * 22 + 19 + 1);
}

static void shape_counts(void **state)
{
    (void)state;
    size_t count = 0;
    assert_true(cuv_shape_count(NULL, 0, &count) && count == 1);
    assert_true(cuv_shape_count((int64_t[]){2, 3, 4}, 3, &count) && count == 24);
    assert_true(cuv_shape_count((int64_t[]){2, 0, 4}, 3, &count) && count == 0);
    assert_false(cuv_shape_count((int64_t[]){2, -1}, 2, &count));
    assert_false(cuv_shape_count((int64_t[]){INT64_MAX, 3}, 2, &count));
    assert_false(cuv_shape_count((int64_t[]){0, INT64_MAX, INT64_MAX}, 3, &count));
    assert_true(cuv_shape_equal((int64_t[]){1, 2}, 2, (int64_t[]){1, 2}, 2));
    assert_false(cuv_shape_equal((int64_t[]){1, 2}, 2, (int64_t[]){1, 3}, 2));
    assert_false(cuv_shape_equal((int64_t[]){1, 2}, 2, (int64_t[]){1, 2}, 1));
}

static void dtypes(void **state)
{
    (void)state;
    for (int i = CUV_BOOL; i <= CUV_STR; i++) {
        cuv_dtype back = CUV_BOOL;
        assert_true(cuv_dtype_parse(cuv_dtype_name((cuv_dtype)i), &back));
        assert_int_equal(back, i);
    }
    cuv_dtype none;
    assert_false(cuv_dtype_parse("float", &none) || cuv_dtype_parse(NULL, &none) || cuv_dtype_parse("", &none));
    assert_int_equal(cuv_dtype_size(CUV_BF16), 2);
    assert_int_equal(cuv_dtype_size(CUV_F64), 8);
    assert_true(cuv_dtype_is_float(CUV_F8E4M3) && !cuv_dtype_is_float(CUV_I64) && !cuv_dtype_is_float(CUV_STR));
}

static void new_tensors(void **state)
{
    (void)state;
    cuv_tensor *t = NULL;
    void *values = NULL;
    assert_int_equal(cuv_tensor_new(arena, CUV_F32, (int64_t[]){2, 3}, 2, &t, &values), CUV_OK);
    assert_int_equal((uintptr_t)values % 64, 0);
    assert_int_equal(cuv_tensor_bytes(t), 24);
    assert_true(cuv_tensor_at(t, 5) == 0.0 && t->offset == UINT64_MAX);
    ((float *)values)[5] = 2.5f;
    assert_true(cuv_tensor_at(t, 5) == 2.5);
    assert_int_equal(cuv_tensor_new(arena, CUV_F32, (int64_t[]){0, 3}, 2, &t, &values), CUV_OK);
    assert_non_null(t->data);
    assert_int_equal(cuv_tensor_new(arena, CUV_F32, (int64_t[]){INT64_MAX}, 1, &t, &values), CUV_DAMAGED);
    assert_null(t);
    assert_null(values);
    assert_string_equal(last_id(), "tensor.shape");
    assert_int_equal(cuv_tensor_new(arena, CUV_F32, (int64_t[]){1LL << 40}, 1, &t, NULL), CUV_UNSAFE);
    assert_string_equal(last_id(), "tensor.too_large");
    assert_int_equal(cuv_tensor_new(arena, CUV_F32, (int64_t[9]){1}, 9, &t, NULL), CUV_UNSUPPORTED);
    assert_string_equal(last_id(), "tensor.rank");
}

static void views(void **state)
{
    (void)state;
    cuv_blob *blob = NULL;
    cuv_tensor *t = NULL, *row = NULL, *flat = NULL;
    const float values[] = {0, 1, 2, 3, 4, 5};
    assert_int_equal(cuv_blob_copy(cx, values, sizeof values, &blob), CUV_OK);
    assert_int_equal(cuv_tensor_view(arena, blob, blob->data, CUV_F32, (int64_t[]){3, 2}, 2, &t), CUV_OK);
    assert_int_equal(cuv_tensor_view(arena, blob, blob->data + 4, CUV_F32, (int64_t[]){3, 2}, 2, &row), CUV_DAMAGED);
    assert_string_equal(last_id(), "tensor.truncated");
    assert_int_equal(cuv_tensor_view(arena, blob, blob->data + 24, CUV_F32, (int64_t[]){0}, 1, &row), CUV_OK);
    cuv_blob_release(blob); /* the arena keeps it */
    assert_int_equal(cuv_tensor_row(arena, t, 2, &row), CUV_OK);
    assert_int_equal(row->rank, 1);
    assert_true(cuv_tensor_at(row, 1) == 5.0 && row->offset == 16);
    assert_int_equal(cuv_tensor_row(arena, t, 3, &row), CUV_DAMAGED);
    assert_int_equal(cuv_tensor_reshape(arena, t, (int64_t[]){6}, 1, &flat), CUV_OK);
    assert_true(cuv_tensor_at(flat, 4) == 4.0);
    assert_int_equal(cuv_tensor_reshape(arena, t, (int64_t[]){5}, 1, &flat), CUV_DAMAGED);
    assert_int_equal(cuv_tensor_view(arena, NULL, NULL, CUV_F32, (int64_t[]){7}, 1, &t), CUV_OK);
    assert_null(t->data);
    assert_true(isnan(cuv_tensor_at(t, 0)));
}

/* Element by element against the definition, for every order of four axes. */
static void assert_transposed(cuv_dtype dtype, const int *perm)
{
    const int64_t shape[4] = {2, 3, 4, 5};
    cuv_tensor *t = NULL, *out = NULL;
    void *values = NULL;
    assert_int_equal(cuv_tensor_new(arena, dtype, shape, 4, &t, &values), CUV_OK);
    double counting[120];
    for (int i = 0; i < 120; i++)
        counting[i] = i;
    cuv_convert(values, dtype, counting, CUV_F64, 120);
    assert_int_equal(cuv_tensor_transpose(arena, t, perm, &out), CUV_OK);
    const int64_t stride[4] = {60, 20, 5, 1};
    for (int64_t i = 0; i < 120; i++) {
        int64_t rest = i, source = 0;
        for (int axis = 3; axis >= 0; axis--) {
            assert_int_equal(out->shape[axis], shape[perm[axis]]);
            source += rest % out->shape[axis] * stride[perm[axis]];
            rest /= out->shape[axis];
        }
        assert_true(cuv_tensor_at(out, (size_t)i) == (double)source);
    }
}

static void transposing(void **state)
{
    (void)state;
    static const cuv_dtype sizes[] = {CUV_U8, CUV_F16, CUV_F32, CUV_F64};
    for (int code = 0; code < 256; code++) {
        int perm[4] = {code & 3, code >> 2 & 3, code >> 4 & 3, code >> 6};
        if (((1 << perm[0]) | (1 << perm[1]) | (1 << perm[2]) | (1 << perm[3])) == 15)
            for (size_t i = 0; i < 4; i++)
                assert_transposed(sizes[i], perm);
    }
    cuv_tensor *scalar = NULL, *empty = NULL, *out = NULL;
    assert_int_equal(cuv_tensor_new(arena, CUV_I32, NULL, 0, &scalar, NULL), CUV_OK);
    assert_int_equal(cuv_tensor_transpose(arena, scalar, NULL, &out), CUV_OK);
    assert_int_equal(cuv_tensor_new(arena, CUV_I32, (int64_t[]){3, 0}, 2, &empty, NULL), CUV_OK);
    assert_int_equal(cuv_tensor_transpose(arena, empty, (int[]){1, 0}, &out), CUV_OK);
    assert_true(out->shape[0] == 0 && out->shape[1] == 3);
}

static void strings_are_no_numbers(void **state)
{
    (void)state;
    cuv_tensor *t = NULL;
    void *values = NULL;
    assert_int_equal(cuv_tensor_new(arena, CUV_STR, (int64_t[]){2}, 1, &t, &values), CUV_OK);
    ((cuv_string *)values)[1] = (cuv_string){"a", 1};
    assert_true(isnan(cuv_tensor_at(t, 1)));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(shape_text), cmocka_unit_test(shape_counts), cmocka_unit_test(dtypes),
        cmocka_unit_test(new_tensors), cmocka_unit_test(views), cmocka_unit_test(transposing),
        cmocka_unit_test(strings_are_no_numbers),
    };
    return cmocka_run_group_tests_name("base: tensors", tests, setup, teardown);
}
