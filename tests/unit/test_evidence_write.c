/* Writing: models put together by hand get the names, orders and groups that Keras gave the same models. */
#include "evidence_help.h"

static cuv_saved_weight weight(const char *name, bool trainable, const int64_t *shape, int rank)
{
    cuv_tensor *t = NULL;
    void *values = NULL;
    assert_int_equal(cuv_tensor_new(ev->arena, CUV_F32, shape, rank, &t, &values), CUV_OK);
    for (size_t i = 0; i < cuv_tensor_count(t); i++)
        ((float *)values)[i] = (float)i;
    return (cuv_saved_weight){name, t, trainable};
}

#define SHAPE(...) (int64_t[]){__VA_ARGS__}, (int)(sizeof((int64_t[]){__VA_ARGS__}) / sizeof(int64_t))
#define COUNT(a) (sizeof(a) / sizeof *(a))

/* Writes with `write`, reads back, and gives the file. */
static cuv_file *round_trip(cuv_status (*write)(cuv_context *, const cuv_save *, const char *), const cuv_save *save)
{
    char path[] = "/tmp/cuvier-test-XXXXXX";
    cuv_file *file = NULL;
    int fd = mkstemp(path);
    assert_true(fd >= 0);
    close(fd);
    cuv_status status = write(cx, save, path);
    if (status == CUV_OK)
        status = cuv_evidence_open(ev, path, &file);
    if (status != CUV_OK)
        say_findings(path);
    unlink(path);
    assert_int_equal(status, CUV_OK);
    return file;
}

/* Every group and tensor of `theirs` is in `ours` under the same names, in the same order within a group. */
static void same_names(const cuv_file *ours, const cuv_file *theirs)
{
    assert_int_equal(ours->arrangement, theirs->arrangement);
    for (size_t i = 0; i < theirs->group_count; i++) {
        const cuv_group *a = &theirs->groups[i], *b = group_of(ours, a->path ? a->path : a->name);
        if (!b)
            print_message("no group %s\n", a->path ? a->path : a->name);
        assert_non_null(b);
        assert_true(a->name ? cuv_streq(a->name, b->name) : !b->name);
        assert_int_equal(a->count, b->count);
        for (size_t k = 0; k < a->count; k++) {
            assert_string_equal(b->tensors[k].key, a->tensors[k].key);
            assert_true(cuv_shape_equal(a->tensors[k].tensor->shape, a->tensors[k].tensor->rank,
                                        b->tensors[k].tensor->shape, b->tensors[k].tensor->rank));
        }
    }
    assert_int_equal(ours->group_count, theirs->group_count);
}

/* The model of k315_nest, rebuilt by hand: nested models, one of them frozen. */
static void nested_model_is_written_as_keras_does(void **state)
{
    (void)state;
    need(keras_files);
    cuv_saved_weight shared[] = {weight("kernel", true, SHAPE(5, 5)), weight("bias", true, SHAPE(5))};
    cuv_saved_weight dense_1[] = {weight("kernel", true, SHAPE(8, 3)), weight("bias", true, SHAPE(3))};
    cuv_saved_weight i_d[] = {weight("kernel", true, SHAPE(5, 4)), weight("bias", true, SHAPE(4))};
    cuv_saved_weight i_d2[] = {weight("kernel", true, SHAPE(4, 4)), weight("bias", true, SHAPE(4))};
    cuv_saved_weight i_bn[] = {weight("gamma", true, SHAPE(4)), weight("beta", true, SHAPE(4)),
                               weight("moving_mean", false, SHAPE(4)), weight("moving_variance", false, SHAPE(4))};
    cuv_saved_weight s_d[] = {weight("kernel", true, SHAPE(3, 3)), weight("bias", true, SHAPE(3))};
    cuv_saved_weight s_bn[] = {weight("gamma", true, SHAPE(3)), weight("beta", true, SHAPE(3)),
                               weight("moving_mean", false, SHAPE(3)), weight("moving_variance", false, SHAPE(3))};
    cuv_saved_layer inner[] = {{"ii", "InputLayer", NULL, true, NULL, 0, NULL, 0, false},
                               {"i_d", "Dense", NULL, true, i_d, 2, NULL, 0, false},
                               {"i_bn", "BatchNormalization", NULL, true, i_bn, 4, NULL, 0, false},
                               {"i_d2", "Dense", NULL, true, i_d2, 2, NULL, 0, false}};
    cuv_saved_layer innerseq[] = {{"s_d", "Dense", NULL, true, s_d, 2, NULL, 0, false},
                                  {"s_bn", "BatchNormalization", NULL, true, s_bn, 4, NULL, 0, false}};
    cuv_saved_layer frozen[] = {{"f_d", "Dense", NULL, true, s_d, 2, NULL, 0, false},
                                {"f_bn", "BatchNormalization", NULL, true, s_bn, 4, NULL, 0, false},
                                {"f_d2", "Dense", NULL, true, s_d, 2, NULL, 0, false}};
    cuv_saved_layer layers[] = {{"a", "InputLayer", NULL, true, NULL, 0, NULL, 0, false},
                                {"b", "InputLayer", NULL, true, NULL, 0, NULL, 0, false},
                                {"shared", "Dense", NULL, true, shared, 2, NULL, 0, false},
                                {"inner", "Functional", NULL, true, NULL, 0, inner, COUNT(inner), false},
                                {"cc", "Concatenate", NULL, true, NULL, 0, NULL, 0, false},
                                {"dense_1", "Dense", NULL, true, dense_1, 2, NULL, 0, false},
                                {"innerseq", "Sequential", NULL, true, NULL, 0, innerseq, COUNT(innerseq), false},
                                {"frozenseq", "Sequential", NULL, false, NULL, 0, frozen, COUNT(frozen), false}};
    cuv_saved_layer model = {"functional_3", "Functional", NULL, true, NULL, 0, layers, COUNT(layers), false};
    cuv_file *whole = open_keras("k315_nest.h5"), *objects = open_keras("k315_nest.weights.h5");
    cuv_save save = {.model = &model, .config = whole->config, .keras_version = "3.15.1"};
    cuv_file *ours = round_trip(cuv_write_legacy_h5, &save);
    same_names(ours, whole);
    assert_string_equal(ours->groups[2].name, whole->groups[2].name);
    assert_string_equal(ours->keras_version, "3.15.1");
    assert_string_equal(ours->backend, "tensorflow");
    assert_true(cuv_value_equal(ours->config, whole->config));
    same_names(round_trip(cuv_write_objects_h5, &save), objects);
    save.config = open_keras("k315_nest.keras")->config; /* unlike the other, it has modules */
    ours = round_trip(cuv_write_archive, &save);
    assert_string_equal(ours->kind, "Keras 3 archive");
    same_names(ours, objects);
    save = (cuv_save){.model = &model, .config = whole->config, .keras2_names = true};
    cuv_file *old = open_keras("tfk216_nest.h5");
    ours = round_trip(cuv_write_legacy_h5, &save);
    for (size_t i = 0; i < COUNT(layers); i++) {
        const cuv_group *a = group_of(old, layers[i].name), *b = group_of(ours, layers[i].name);
        for (size_t k = 0; a && k < a->count; k++)
            assert_string_equal(b->tensors[k].key, a->tensors[k].key);
    }
    ours = round_trip(cuv_write_npz, &save);
    assert_int_equal(ours->arrangement, CUV_ARR_NAMED);
    assert_int_equal(ours->groups[0].count, 26);
    assert_string_equal(ours->groups[0].tensors[2].key, "inner/i_d/kernel");
    ours = round_trip(cuv_write_safetensors, &save);
    assert_string_equal(ours->kind, "safetensors");
    assert_int_equal(ours->groups[0].count, 26);
}

static void recurrent_model_is_written_as_keras_does(void **state)
{
    (void)state;
    need(keras_files);
    cuv_saved_weight fc[] = {weight("kernel", true, SHAPE(6, 16)), weight("recurrent_kernel", true, SHAPE(4, 16)),
                             weight("bias", true, SHAPE(16))};
    cuv_saved_weight gc[] = {weight("kernel", true, SHAPE(3, 9)), weight("recurrent_kernel", true, SHAPE(3, 9)),
                             weight("bias", true, SHAPE(2, 9))};
    cuv_saved_weight c1[] = {weight("kernel", true, SHAPE(3, 8)), weight("recurrent_kernel", true, SHAPE(2, 8)),
                             weight("bias", true, SHAPE(8))};
    cuv_saved_weight c2[] = {weight("kernel", true, SHAPE(2, 6)), weight("recurrent_kernel", true, SHAPE(2, 6)),
                             weight("bias", true, SHAPE(2, 6))};
    cuv_saved_weight sc[] = {weight("kernel", true, SHAPE(2, 2)), weight("recurrent_kernel", true, SHAPE(2, 2)),
                             weight("bias", true, SHAPE(2))};
    cuv_saved_weight e[] = {weight("embeddings", true, SHAPE(10, 6))};
    cuv_saved_weight d[] = {weight("kernel", true, SHAPE(8, 3)), weight("bias", true, SHAPE(3))};
    cuv_saved_layer cell = {"lstm_cell", "LSTMCell", "cell", true, fc, 3, NULL, 0, false};
    cuv_saved_layer ways[] = {{"forward_lstm", "LSTM", "forward_layer", true, NULL, 0, &cell, 1, false},
                              {"backward_lstm", "LSTM", "backward_layer", true, NULL, 0, &cell, 1, false}};
    cuv_saved_layer gru_cell = {"gru_cell", "GRUCell", "cell", true, gc, 3, NULL, 0, false};
    cuv_saved_layer cells[] = {{"lstm_cell", "LSTMCell", NULL, true, c1, 3, NULL, 0, false},
                               {"gru_cell", "GRUCell", NULL, true, c2, 3, NULL, 0, false}};
    cuv_saved_layer stacked = {"stacked_rnn_cells", "StackedRNNCells", "cell", true, NULL, 0, cells, 2, false};
    cuv_saved_layer simple_cell = {"simple_rnn_cell", "SimpleRNNCell", "cell", true, sc, 3, NULL, 0, false};
    cuv_saved_layer dense = {"dense_2", "Dense", "layer", true, d, 2, NULL, 0, false};
    cuv_saved_layer layers[] = {{"embedding", "Embedding", NULL, true, e, 1, NULL, 0, false},
                                {"bidirectional", "Bidirectional", NULL, true, NULL, 0, ways, 2, false},
                                {"time_distributed", "TimeDistributed", NULL, true, NULL, 0, &dense, 1, false},
                                {"gru", "GRU", NULL, true, NULL, 0, &gru_cell, 1, false},
                                {"rnn", "RNN", NULL, true, NULL, 0, &stacked, 1, false},
                                {"simple_rnn", "SimpleRNN", NULL, true, NULL, 0, &simple_cell, 1, false}};
    cuv_saved_layer model = {"sequential_1", "Sequential", NULL, true, NULL, 0, layers, COUNT(layers), false};
    cuv_file *whole = open_keras("k315_rnn.h5"), *objects = open_keras("k315_rnn.weights.h5");
    cuv_save save = {.model = &model, .config = whole->config};
    same_names(round_trip(cuv_write_legacy_h5, &save), whole);
    same_names(round_trip(cuv_write_objects_h5, &save), objects);
    save.config = NULL;
    assert_string_equal(round_trip(cuv_write_legacy_h5, &save)->kind, "legacy HDF5, weights only");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        EACH(nested_model_is_written_as_keras_does), EACH(recurrent_model_is_written_as_keras_does),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
