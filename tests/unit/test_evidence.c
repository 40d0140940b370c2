/* Evidence: every file that a Keras wrote is recognised and read as that Keras meant it; what is no evidence is
 * named. */
#include "evidence_help.h"

#include <ftw.h>

static const char real_models[] = CUV_TEST_SHARED "/real-models";

/* ---- files of Keras ---- */

typedef struct expectation {
    const char *name, *kind, *version;
    int keras;
    cuv_arrangement arrangement;
    size_t groups, tensors;
    bool config;
} expectation;

/* Counted with h5py, zipfile and json in Python. k22te_cudnn and k305_ops are saves that broke off. */
static const expectation expectations[] = {
    {"a.keras", "Keras 3 archive", "3.15.1", 3, CUV_ARR_OBJECTS, 2, 2, true},
    {"assets.keras", "Keras 3 archive", "3.15.1", 3, CUV_ARR_OBJECTS, 5, 0, true},
    {"b.h5", "legacy HDF5, whole model", "3.15.1", 3, CUV_ARR_LEGACY, 1, 2, true},
    {"b.keras", "Keras 3 archive", "3.15.1", 3, CUV_ARR_OBJECTS, 2, 2, true},
    {"float8.keras", "Keras 3 archive", "3.15.1", 3, CUV_ARR_OBJECTS, 3, 16, true},
    {"int4.keras", "Keras 3 archive", "3.15.1", 3, CUV_ARR_OBJECTS, 3, 10, true},
    {"int8.keras", "Keras 3 archive", "3.15.1", 3, CUV_ARR_OBJECTS, 3, 6, true},
    {"k1_conv.h5", "legacy HDF5, whole model", "1.2.2", 1, CUV_ARR_LEGACY, 11, 13, true},
    {"k1_func.h5", "legacy HDF5, whole model", "1.2.2", 1, CUV_ARR_LEGACY, 7, 4, true},
    {"k1_merge.h5", "legacy HDF5, whole model", "1.2.2", 1, CUV_ARR_LEGACY, 3, 6, true},
    {"k1_rnn_cpu.h5", "legacy HDF5, whole model", "1.2.2", 1, CUV_ARR_LEGACY, 4, 24, true},
    {"k1_rnn_mem.h5", "legacy HDF5, whole model", "1.2.2", 1, CUV_ARR_LEGACY, 4, 24, true},
    {"k1_seq.h5", "legacy HDF5, whole model", "1.2.2", 1, CUV_ARR_LEGACY, 8, 8, true},
    {"k1_seq.json", "Keras 1 configuration (JSON)", "1.2.2", 1, CUV_ARR_NONE, 0, 0, true},
    {"k1_seq.yaml", "Keras 1 configuration (YAML)", "1.2.2", 1, CUV_ARR_NONE, 0, 0, true},
    {"k1_seq_w.h5", "legacy HDF5, weights only", NULL, 1, CUV_ARR_LEGACY, 8, 8, false},
    {"k22te_conv.h5", "legacy HDF5, whole model", "2.2.4", 2, CUV_ARR_LEGACY, 9, 10, true},
    {"k22te_long.h5", "legacy HDF5, whole model", "2.2.4", 2, CUV_ARR_LEGACY, 421, 0, true},
    {"k22te_rnn.h5", "legacy HDF5, whole model", "2.2.4", 2, CUV_ARR_LEGACY, 6, 17, true},
    {"k22te_seq.h5", "legacy HDF5, whole model", "2.2.4", 2, CUV_ARR_LEGACY, 7, 8, true},
    {"k22te_seq.json", "Keras 2 configuration (JSON)", "2.2.4", 2, CUV_ARR_NONE, 0, 0, true},
    {"k22te_seq_w.h5", "legacy HDF5, weights only", "2.2.4", 2, CUV_ARR_LEGACY, 7, 8, false},
    {"k22th_long.h5", "legacy HDF5, whole model", "2.2.4", 2, CUV_ARR_LEGACY, 421, 0, true},
    {"k22th_nest.h5", "legacy HDF5, whole model", "2.2.4", 2, CUV_ARR_LEGACY, 10, 16, true},
    {"k22th_rnn.h5", "legacy HDF5, whole model", "2.2.4", 2, CUV_ARR_LEGACY, 6, 17, true},
    {"k22th_seq.h5", "legacy HDF5, whole model", "2.2.4", 2, CUV_ARR_LEGACY, 7, 8, true},
    {"k22th_seq.json", "Keras 2 configuration (JSON)", "2.2.4", 2, CUV_ARR_NONE, 0, 0, true},
    {"k22th_seq_w.h5", "legacy HDF5, weights only", "2.2.4", 2, CUV_ARR_LEGACY, 7, 8, false},
    {"k305_misc.h5", "legacy HDF5, whole model", "3.0.5", 3, CUV_ARR_LEGACY, 8, 12, true},
    {"k305_misc.keras", "Keras 3 archive", "3.0.5", 3, CUV_ARR_OBJECTS, 15, 12, true},
    {"k305_misc.weights.h5", "Keras 3 weights", NULL, 0, CUV_ARR_OBJECTS, 15, 12, false},
    {"k305_mixed.h5", "legacy HDF5, whole model", "3.0.5", 3, CUV_ARR_LEGACY, 4, 6, true},
    {"k305_mixed.keras", "Keras 3 archive", "3.0.5", 3, CUV_ARR_OBJECTS, 5, 6, true},
    {"k305_mixed.weights.h5", "Keras 3 weights", NULL, 0, CUV_ARR_OBJECTS, 5, 6, false},
    {"k305_ops.weights.h5", "Keras 3 weights", NULL, 0, CUV_ARR_OBJECTS, 3, 0, false},
    {"k305_seq.h5", "legacy HDF5, whole model", "3.0.5", 3, CUV_ARR_LEGACY, 7, 8, true},
    {"k305_seq.json", "Keras 3 configuration (JSON)", NULL, 3, CUV_ARR_NONE, 0, 0, true},
    {"k305_seq.keras", "Keras 3 archive", "3.0.5", 3, CUV_ARR_OBJECTS, 8, 8, true},
    {"k305_seq.weights.h5", "Keras 3 weights, with training state", NULL, 0, CUV_ARR_OBJECTS, 8, 8, false},
    {"k305_sub.weights.h5", "Keras 3 weights", NULL, 0, CUV_ARR_OBJECTS, 10, 19, false},
    {"k315_misc.h5", "legacy HDF5, whole model", "3.15.1", 3, CUV_ARR_LEGACY, 8, 12, true},
    {"k315_misc.keras", "Keras 3 archive", "3.15.1", 3, CUV_ARR_OBJECTS, 15, 12, true},
    {"k315_misc.weights.h5", "Keras 3 weights", NULL, 3, CUV_ARR_OBJECTS, 15, 12, false},
    {"k315_mixed.h5", "legacy HDF5, whole model", "3.15.1", 3, CUV_ARR_LEGACY, 4, 6, true},
    {"k315_mixed.keras", "Keras 3 archive", "3.15.1", 3, CUV_ARR_OBJECTS, 5, 6, true},
    {"k315_mixed.weights.h5", "Keras 3 weights", NULL, 3, CUV_ARR_OBJECTS, 5, 6, false},
    {"k315_nest.h5", "legacy HDF5, whole model", "3.15.1", 3, CUV_ARR_LEGACY, 8, 26, true},
    {"k315_nest.keras", "Keras 3 archive", "3.15.1", 3, CUV_ARR_OBJECTS, 18, 26, true},
    {"k315_nest.weights.h5", "Keras 3 weights", NULL, 3, CUV_ARR_OBJECTS, 18, 26, false},
    {"k315_ops.h5", "legacy HDF5, whole model", "3.15.1", 3, CUV_ARR_LEGACY, 2, 0, true},
    {"k315_ops.keras", "Keras 3 archive", "3.15.1", 3, CUV_ARR_OBJECTS, 3, 0, true},
    {"k315_ops.weights.h5", "Keras 3 weights", NULL, 3, CUV_ARR_OBJECTS, 3, 0, false},
    {"k315_rnn.h5", "legacy HDF5, whole model", "3.15.1", 3, CUV_ARR_LEGACY, 6, 21, true},
    {"k315_rnn.keras", "Keras 3 archive", "3.15.1", 3, CUV_ARR_OBJECTS, 17, 21, true},
    {"k315_rnn.weights.h5", "Keras 3 weights", NULL, 3, CUV_ARR_OBJECTS, 17, 21, false},
    {"k315_seq.h5", "legacy HDF5, whole model", "3.15.1", 3, CUV_ARR_LEGACY, 7, 8, true},
    {"k315_seq.json", "Keras 3 configuration (JSON)", NULL, 3, CUV_ARR_NONE, 0, 0, true},
    {"k315_seq.keras", "Keras 3 archive", "3.15.1", 3, CUV_ARR_OBJECTS, 8, 8, true},
    {"k315_seq.weights.h5", "Keras 3 weights, with training state", NULL, 3, CUV_ARR_OBJECTS, 8, 8, false},
    {"k315_sub.weights.h5", "Keras 3 weights", NULL, 3, CUV_ARR_OBJECTS, 12, 23, false},
    {"k34_misc.h5", "legacy HDF5, whole model", "3.4.1", 3, CUV_ARR_LEGACY, 8, 12, true},
    {"k34_misc.keras", "Keras 3 archive", "3.4.1", 3, CUV_ARR_OBJECTS, 15, 12, true},
    {"k34_misc.weights.h5", "Keras 3 weights", NULL, 0, CUV_ARR_OBJECTS, 15, 12, false},
    {"k34_mixed.h5", "legacy HDF5, whole model", "3.4.1", 3, CUV_ARR_LEGACY, 4, 6, true},
    {"k34_mixed.keras", "Keras 3 archive", "3.4.1", 3, CUV_ARR_OBJECTS, 5, 6, true},
    {"k34_mixed.weights.h5", "Keras 3 weights", NULL, 0, CUV_ARR_OBJECTS, 5, 6, false},
    {"k34_nest.h5", "legacy HDF5, whole model", "3.4.1", 3, CUV_ARR_LEGACY, 8, 26, true},
    {"k34_nest.keras", "Keras 3 archive", "3.4.1", 3, CUV_ARR_OBJECTS, 18, 26, true},
    {"k34_nest.weights.h5", "Keras 3 weights", NULL, 0, CUV_ARR_OBJECTS, 18, 26, false},
    {"k34_rnn.h5", "legacy HDF5, whole model", "3.4.1", 3, CUV_ARR_LEGACY, 6, 21, true},
    {"k34_rnn.keras", "Keras 3 archive", "3.4.1", 3, CUV_ARR_OBJECTS, 17, 21, true},
    {"k34_rnn.weights.h5", "Keras 3 weights", NULL, 0, CUV_ARR_OBJECTS, 17, 21, false},
    {"k34_seq.h5", "legacy HDF5, whole model", "3.4.1", 3, CUV_ARR_LEGACY, 7, 8, true},
    {"k34_seq.json", "Keras 3 configuration (JSON)", NULL, 3, CUV_ARR_NONE, 0, 0, true},
    {"k34_seq.keras", "Keras 3 archive", "3.4.1", 3, CUV_ARR_OBJECTS, 8, 8, true},
    {"k34_seq.weights.h5", "Keras 3 weights, with training state", NULL, 0, CUV_ARR_OBJECTS, 8, 8, false},
    {"k34_sub.weights.h5", "Keras 3 weights", NULL, 0, CUV_ARR_OBJECTS, 10, 19, false},
    {"lora.keras", "Keras 3 archive", "3.15.1", 3, CUV_ARR_OBJECTS, 2, 2, true},
    {"q_float8.keras", "Keras 3 archive", "3.15.1", 3, CUV_ARR_OBJECTS, 3, 16, true},
    {"q_int4.keras", "Keras 3 archive", "3.15.1", 3, CUV_ARR_OBJECTS, 3, 10, true},
    {"q_int4b4.keras", "Keras 3 archive", "3.15.1", 3, CUV_ARR_OBJECTS, 3, 10, true},
    {"q_int4pc.keras", "Keras 3 archive", "3.15.1", 3, CUV_ARR_OBJECTS, 3, 6, true},
    {"q_int8.keras", "Keras 3 archive", "3.15.1", 3, CUV_ARR_OBJECTS, 3, 6, true},
    {"sh_00000.weights.h5", "Keras 3 weights", NULL, 3, CUV_ARR_OBJECTS, 3, 2, false},
    {"sh_00001.weights.h5", "Keras 3 weights", NULL, 3, CUV_ARR_OBJECTS, 2, 2, false},
    {"sh_00002.weights.h5", "Keras 3 weights", NULL, 0, CUV_ARR_OBJECTS, 1, 2, false},
    {"t.h5", "Keras 3 weights", NULL, 3, CUV_ARR_OBJECTS, 3, 16, false},
    {"tf212_misc.h5", "legacy HDF5, whole model", "2.12.0", 2, CUV_ARR_LEGACY, 9, 12, true},
    {"tf212_misc.keras", "legacy HDF5, whole model", "2.12.0", 2, CUV_ARR_LEGACY, 9, 12, true},
    {"tf212_misc.weights.h5", "Keras 3 weights", NULL, 2, CUV_ARR_OBJECTS, 16, 12, false},
    {"tf212_mixed.h5", "legacy HDF5, whole model", "2.12.0", 2, CUV_ARR_LEGACY, 4, 6, true},
    {"tf212_mixed.keras", "legacy HDF5, whole model", "2.12.0", 2, CUV_ARR_LEGACY, 4, 6, true},
    {"tf212_mixed.weights.h5", "Keras 3 weights", NULL, 2, CUV_ARR_OBJECTS, 5, 6, false},
    {"tf212_nest.h5", "legacy HDF5, whole model", "2.12.0", 2, CUV_ARR_LEGACY, 8, 26, true},
    {"tf212_nest.keras", "legacy HDF5, whole model", "2.12.0", 2, CUV_ARR_LEGACY, 8, 26, true},
    {"tf212_nest.weights.h5", "Keras 3 weights", NULL, 2, CUV_ARR_OBJECTS, 18, 26, false},
    {"tf212_ops.h5", "legacy HDF5, whole model", "2.12.0", 2, CUV_ARR_LEGACY, 13, 0, true},
    {"tf212_ops.keras", "legacy HDF5, whole model", "2.12.0", 2, CUV_ARR_LEGACY, 13, 0, true},
    {"tf212_ops.weights.h5", "Keras 3 weights", NULL, 2, CUV_ARR_OBJECTS, 14, 0, false},
    {"tf212_rnn.h5", "legacy HDF5, whole model", "2.12.0", 2, CUV_ARR_LEGACY, 6, 21, true},
    {"tf212_rnn.keras", "legacy HDF5, whole model", "2.12.0", 2, CUV_ARR_LEGACY, 6, 21, true},
    {"tf212_rnn.weights.h5", "Keras 3 weights", NULL, 2, CUV_ARR_OBJECTS, 19, 21, false},
    {"tf212_seq.h5", "legacy HDF5, whole model", "2.12.0", 2, CUV_ARR_LEGACY, 7, 8, true},
    {"tf212_seq.json", "Keras 2 configuration (JSON)", "2.12.0", 2, CUV_ARR_NONE, 0, 0, true},
    {"tf212_seq.keras", "legacy HDF5, whole model", "2.12.0", 2, CUV_ARR_LEGACY, 7, 8, true},
    {"tf212_seq.weights.h5", "Keras 3 weights, with training state", NULL, 2, CUV_ARR_OBJECTS, 8, 8, false},
    {"tf212_seq_w.h5", "legacy HDF5, weights only", "2.12.0", 2, CUV_ARR_LEGACY, 7, 8, false},
    {"tf212_sub.weights.h5", "Keras 3 weights", NULL, 0, CUV_ARR_OBJECTS, 10, 19, false},
    {"tf212_sub_w.h5", "legacy HDF5, weights only", "2.12.0", 2, CUV_ARR_LEGACY, 3, 23, false},
    {"tfk216_misc.h5", "legacy HDF5, whole model", "2.16.0", 2, CUV_ARR_LEGACY, 9, 12, true},
    {"tfk216_misc.keras", "Keras 3 archive", "2.16.0", 2, CUV_ARR_OBJECTS, 16, 12, true},
    {"tfk216_misc.weights.h5", "Keras 3 weights", NULL, 0, CUV_ARR_OBJECTS, 16, 12, false},
    {"tfk216_mixed.h5", "legacy HDF5, whole model", "2.16.0", 2, CUV_ARR_LEGACY, 4, 6, true},
    {"tfk216_mixed.keras", "Keras 3 archive", "2.16.0", 2, CUV_ARR_OBJECTS, 5, 6, true},
    {"tfk216_mixed.weights.h5", "Keras 3 weights", NULL, 0, CUV_ARR_OBJECTS, 5, 6, false},
    {"tfk216_nest.h5", "legacy HDF5, whole model", "2.16.0", 2, CUV_ARR_LEGACY, 8, 26, true},
    {"tfk216_nest.keras", "Keras 3 archive", "2.16.0", 2, CUV_ARR_OBJECTS, 18, 26, true},
    {"tfk216_nest.weights.h5", "Keras 3 weights", NULL, 0, CUV_ARR_OBJECTS, 18, 26, false},
    {"tfk216_ops.h5", "legacy HDF5, whole model", "2.16.0", 2, CUV_ARR_LEGACY, 13, 0, true},
    {"tfk216_ops.weights.h5", "Keras 3 weights", NULL, 0, CUV_ARR_OBJECTS, 14, 0, false},
    {"tfk216_rnn.h5", "legacy HDF5, whole model", "2.16.0", 2, CUV_ARR_LEGACY, 6, 21, true},
    {"tfk216_rnn.keras", "Keras 3 archive", "2.16.0", 2, CUV_ARR_OBJECTS, 19, 21, true},
    {"tfk216_rnn.weights.h5", "Keras 3 weights", NULL, 0, CUV_ARR_OBJECTS, 19, 21, false},
    {"tfk216_seq.h5", "legacy HDF5, whole model", "2.16.0", 2, CUV_ARR_LEGACY, 7, 8, true},
    {"tfk216_seq.json", "Keras 2 configuration (JSON)", "2.16.0", 2, CUV_ARR_NONE, 0, 0, true},
    {"tfk216_seq.keras", "Keras 3 archive", "2.16.0", 2, CUV_ARR_OBJECTS, 8, 8, true},
    {"tfk216_seq.weights.h5", "Keras 3 weights, with training state", NULL, 0, CUV_ARR_OBJECTS, 8, 8, false},
    {"tfk216_seq_w.h5", "legacy HDF5, weights only", "2.16.0", 2, CUV_ARR_LEGACY, 7, 8, false},
    {"tfk216_sub.keras", "Keras 3 archive", "2.16.0", 2, CUV_ARR_OBJECTS, 10, 19, true},
    {"tfk216_sub.weights.h5", "Keras 3 weights", NULL, 0, CUV_ARR_OBJECTS, 10, 19, false},
    {"tfk216_sub_w.h5", "legacy HDF5, weights only", "2.16.0", 2, CUV_ARR_LEGACY, 3, 23, false},
    {"vocab.keras", "Keras 3 archive", "3.15.1", 3, CUV_ARR_OBJECTS, 3, 0, true},
};

static void check_one(const expectation *e)
{
    char path[1024];
    cuv_file *file = NULL;
    snprintf(path, sizeof path, "%s/%s", keras_files, e->name);
    cuv_status status = cuv_evidence_open(ev, path, &file);
    if (status != CUV_OK)
        say_findings(e->name);
    assert_int_equal(status, CUV_OK);
    bool right = cuv_streq(file->kind, e->kind) && file->keras == e->keras && file->arrangement == e->arrangement &&
                 file->group_count == e->groups && tensors_of(file) == e->tensors &&
                 (file->config != NULL) == e->config &&
                 (e->version ? cuv_streq(file->keras_version, e->version) : !file->keras_version);
    if (!right)
        print_message("%s: %s, Keras %d, version %s, arrangement %d, %zu groups, %zu tensors, config %d\n", e->name,
                      file->kind, file->keras, file->keras_version ? file->keras_version : "-",
                      (int)file->arrangement, file->group_count, tensors_of(file), file->config != NULL);
    assert_true(right);
    for (size_t i = 0; i < file->group_count; i++)
        for (size_t k = 0; k < file->groups[i].count; k++)
            assert_non_null(cuv_evidence_name_of(ev, file->groups[i].tensors[k].tensor));
}

static void keras_files_are_recognised(void **state)
{
    (void)state;
    need(keras_files);
    for (size_t i = 0; i < sizeof expectations / sizeof *expectations; i++)
        check_one(&expectations[i]);
}

static void broken_saves_are_named(void **state)
{
    (void)state;
    cuv_file *file = NULL;
    need(keras_files);
    assert_int_equal(cuv_evidence_open(ev, CUV_TEST_SHARED "/keras-files/k22te_cudnn.h5", &file), CUV_DAMAGED);
    assert_string_equal(last_id(), "h5.layer_missing");
    assert_null(file);
    assert_int_equal(cuv_evidence_open(ev, CUV_TEST_SHARED "/keras-files/k305_ops.h5", &file), CUV_DAMAGED);
    assert_string_equal(last_id(), "h5.empty");
}

/* Keras 3 pickles its own variables there, which it cannot read back itself. */
static void pickled_variables(void **state)
{
    (void)state;
    cuv_file *file = NULL;
    need(keras_files);
    assert_int_equal(cuv_evidence_open(ev, CUV_TEST_SHARED "/keras-files/npz.keras", &file), CUV_OK);
    assert_int_equal(file->arrangement, CUV_ARR_OBJECTS);
    assert_string_equal(group_of(file, "layers/dense")->tensors[0].key, "layers/dense/vars/0");
    assert_int_equal(group_of(file, "layers/dense")->count, 2);
}

static void legacy_order_and_words(void **state)
{
    (void)state;
    need(keras_files);
    cuv_file *f = open_keras("k1_seq_w.h5");
    assert_string_equal(f->written_by, "Keras 1 (no version recorded)");
    assert_string_equal(f->groups[0].name, "convolution2d_1");
    assert_string_equal(f->groups[0].tensors[0].weight, "W");
    assert_string_equal(f->groups[2].tensors[3].weight, "running_std");
    assert_string_equal(f->groups[2].tensors[3].label,
                        "k1_seq_w.h5#batchnormalization_1/batchnormalization_1_running_std");
    assert_int_equal(f->groups[1].count, 0);
    f = open_keras("k1_rnn_cpu.h5");
    assert_string_equal(f->written_by, "Keras 1.2.2");
    f = open_keras("k22th_seq.h5");
    assert_string_equal(f->written_by, "Keras 2.2.4 on Theano");
    f = open_keras("tf212_nest.h5");
    assert_string_equal(f->written_by, "tf.keras 2.12.0 (TensorFlow)");
    f = open_keras("tfk216_seq.h5");
    assert_string_equal(f->written_by, "tf_keras 2.16.0 (TensorFlow)");
    f = open_keras("k315_nest.h5");
    assert_string_equal(f->written_by, "Keras 3.15.1 on TensorFlow");
    const cuv_group *frozen = group_of(f, "frozenseq");
    assert_int_equal(frozen->count, 8);
    assert_string_equal(frozen->tensors[4].key, "frozenseq/frozenseq/f_bn/moving_mean");
    assert_string_equal(frozen->tensors[4].weight, "moving_mean");
}

static void object_paths(void **state)
{
    (void)state;
    need(keras_files);
    cuv_file *f = open_keras("k315_nest.keras");
    const cuv_group *g = group_of(f, "layers/functional/layers/batch_normalization");
    assert_non_null(g);
    assert_string_equal(g->name, "i_bn");
    assert_int_equal(g->count, 4);
    assert_string_equal(g->tensors[0].label, "k315_nest.keras#layers/functional/layers/batch_normalization/vars/0");
    assert_non_null(group_of(f, ""));
    f = open_keras("tf212_rnn.weights.h5");
    assert_non_null(group_of(f, "layers/bidirectional/forward_layer/cell")); /* was _layer_checkpoint_dependencies */
    f = open_keras("assets.keras");
    assert_non_null(cuv_zip_find(f->zip, "assets/layers/string_lookup/vocabulary.txt"));
}

/* ---- arrays ---- */

static const struct {
    const char *name;
    cuv_status status;
    cuv_arrangement arrangement;
    size_t groups, tensors;
    bool collapsed;
} array_files[] = {
    {"np2_obj.npy", CUV_OK, CUV_ARR_LIST, 1, 2, false},
    {"np119_obj.npy", CUV_OK, CUV_ARR_LIST, 1, 2, false},
    {"np119_ragged.npy", CUV_OK, CUV_ARR_LIST, 1, 2, false},
    {"np2_eqobj.npy", CUV_OK, CUV_ARR_LIST, 1, 2, false},
    {"np1_w.pkl", CUV_OK, CUV_ARR_LIST, 1, 2, false},
    {"np119_w.pkl", CUV_OK, CUV_ARR_LIST, 1, 2, false},
    {"np2_dict.npy", CUV_OK, CUV_ARR_NAMED, 1, 1, false},
    {"np2_dictstr.npy", CUV_OK, CUV_ARR_DICT, 1, 6, false},
    {"np2_z.npz", CUV_OK, CUV_ARR_NAMED, 1, 3, false},
    {"np2_zc.npz", CUV_OK, CUV_ARR_LIST, 1, 2, false},
    {"np2_zo.npz", CUV_OK, CUV_ARR_DICT, 1, 2, false},
    {"np2_fort.npy", CUV_OK, CUV_ARR_LIST, 1, 2, true},
    {"np2_sc.npy", CUV_OK, CUV_ARR_LIST, 1, 1, false},
    {"np2_be.npy", CUV_OK, CUV_ARR_LIST, 1, 2, true},
    {"np2_c.npy", CUV_UNSUPPORTED, CUV_ARR_NONE, 0, 0, false},
    {"np2_struct.npy", CUV_UNSUPPORTED, CUV_ARR_NONE, 0, 0, false},
};

static void arrays_are_arranged(void **state)
{
    (void)state;
    need(keras_files);
    for (size_t i = 0; i < sizeof array_files / sizeof *array_files; i++) {
        char path[1024];
        cuv_file *file = NULL;
        snprintf(path, sizeof path, "%s/numpy/%s", keras_files, array_files[i].name);
        cuv_status status = cuv_evidence_open(ev, path, &file);
        if (status != array_files[i].status)
            say_findings(array_files[i].name);
        assert_int_equal(status, array_files[i].status);
        if (status != CUV_OK)
            continue;
        if (file->arrangement != array_files[i].arrangement || tensors_of(file) != array_files[i].tensors)
            print_message("%s: arrangement %d, %zu tensors\n", array_files[i].name, (int)file->arrangement,
                          tensors_of(file));
        assert_int_equal(file->arrangement, array_files[i].arrangement);
        assert_int_equal(file->group_count, array_files[i].groups);
        assert_int_equal(tensors_of(file), array_files[i].tensors);
        assert_int_equal(file->collapsed, array_files[i].collapsed);
    }
}

static void numbers_become_tensors(void **state)
{
    (void)state;
    cuv_file *file = NULL;
    need(keras_files);
    file = open_keras("numpy/np2_eqobj.npy");
    assert_int_equal(file->root->kind, CUV_LIST);
    assert_int_equal(cuv_item(file->root, 0)->kind, CUV_TENSOR);
    assert_ptr_equal(cuv_item(file->root, 1)->tensor, file->groups[0].tensors[1].tensor);
    assert_int_equal(file->groups[0].tensors[0].tensor->dtype, CUV_F64);
    assert_int_equal(file->groups[0].tensors[0].tensor->rank, 2);
    assert_string_equal(file->groups[0].tensors[1].label, "np2_eqobj.npy[1]");
    file = open_keras("numpy/np2_fort.npy");
    assert_string_equal(cuv_evidence_name_of(ev, file->root->tensor)->label, "np2_fort.npy");
    assert_string_equal(file->groups[0].tensors[1].label, "np2_fort.npy[1]");
    file = open_keras("numpy/np2_zo.npz");
    assert_string_equal(file->groups[0].name, "weights");
    assert_string_equal(file->groups[0].tensors[1].label, "np2_zo.npz#weights[1]");
    assert_int_equal(open_text("[[[1.5, 2], [3, 4]], [0.5, 1]]", "w.json", &file), CUV_OK);
    assert_int_equal(file->arrangement, CUV_ARR_LIST);
    assert_int_equal(file->groups[0].tensors[0].tensor->rank, 2);
    assert_int_equal(open_text("[[[[1.5, 2], [3, 4]], [0.5, 1]], [], [[[1.0]], [2.0]]]", "n.json", &file), CUV_OK);
    assert_int_equal(file->arrangement, CUV_ARR_NESTED);
    assert_int_equal(file->group_count, 3);
    assert_int_equal(file->groups[1].count, 0);
    assert_string_equal(file->groups[2].tensors[1].label, "n.json[2][1]");
    assert_int_equal(
        open_text("{\"dense\": {\"kernel\": [[1.0, 2.0]], \"bias\": [0.0, 0.0]}, \"act\": {}}", "d.json", &file),
        CUV_OK);
    assert_int_equal(file->arrangement, CUV_ARR_DICT);
    assert_string_equal(file->groups[0].name, "dense");
    assert_string_equal(file->groups[0].tensors[1].weight, "bias");
    assert_string_equal(file->groups[0].tensors[1].label, "d.json#dense/bias");
}

/* ---- configurations ---- */

static void configurations_in_all_wrappings(void **state)
{
    (void)state;
    static const struct { const char *text; int keras; const char *version;
    } cases[] = {
        {"{\"class_name\": \"Sequential\", \"config\": [{\"class_name\": \"Dense\", \"config\": {\"output_dim\": 2, "
         "\"W_regularizer\": null}}]}",
         1, NULL},
        {"[{\"class_name\": \"Dense\", \"config\": {\"units\": 2, \"batch_input_shape\": [null, 3]}}]", 2, NULL},
        {"{\"name\": \"m\", \"layers\": [{\"class_name\": \"InputLayer\", \"config\": {\"batch_shape\": [null, "
         "3]}}], "
         "\"input_layers\": [], \"output_layers\": []}",
         3, NULL},
        {"\"{\\\"class_name\\\": \\\"Model\\\", \\\"keras_version\\\": \\\"2.1.6\\\", \\\"config\\\": {}}\"", 2,
         "2.1.6"},
        {"{\"keras_version\": \"2.2.4\", \"backend\": \"tensorflow\", \"model_config\": {\"class_name\": \"Model\", "
         "\"config\": {}}}",
         2, "2.2.4"},
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        cuv_file *file = NULL;
        cuv_status status = open_text(cases[i].text, "c.json", &file);
        if (status != CUV_OK)
            say_findings(cases[i].text);
        assert_int_equal(status, CUV_OK);
        assert_non_null(cuv_get_text(file->config, "class_name"));
        assert_int_equal(file->keras, cases[i].keras);
        assert_true(cases[i].version ? cuv_streq(file->keras_version, cases[i].version) : !file->keras_version);
    }
}

static void foreign_files_are_named(void **state)
{
    (void)state;
    static const struct { const char *text; cuv_status status; const char *id;
    } cases[] = {
        {"version https://git-lfs.github.com/spec/v1\noid sha256:00\nsize 12\n", CUV_DAMAGED, "file.foreign"},
        {"\n <!DOCTYPE html><html><head>", CUV_DAMAGED, "file.page"},
        {"", CUV_DAMAGED, "file.empty"},
        {"\x01\x02\x03\xff\xfe nonsense", CUV_UNSUPPORTED, "file.unknown"},
        {"{\"loss\": [0.1, 0.2], \"acc\": [0.5, 0.6]}", CUV_UNSUPPORTED, "config.not_keras"},
        {"{\"name\": \"a\", \"version\": \"1\", \"scripts\": {}}", CUV_UNSUPPORTED, "config.not_keras"},
        {"{\"format\": \"graph-model\", \"modelTopology\": {\"node\": []}, \"weightsManifest\": []}", CUV_UNSUPPORTED,
         "tfjs.graph"},
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        cuv_file *file = NULL;
        cuv_status status = open_text(cases[i].text, "m.h5", &file);
        if (status != cases[i].status || strcmp(last_id(), cases[i].id) != 0)
            say_findings(cases[i].text);
        assert_int_equal(status, cases[i].status);
        assert_string_equal(last_id(), cases[i].id);
        assert_null(file);
    }
    cuv_file *file = NULL;
    assert_int_equal(open_text("{\"class_name\": \"Sequential\", \"config\": [", "cut.json", &file), CUV_DAMAGED);
    assert_int_equal(cuv_evidence_open(ev, CUV_TEST_FILES, &file), CUV_UNSUPPORTED);
    assert_string_equal(last_id(), "file.folder");
}

static void tfjs_models(void **state)
{
    (void)state;
    cuv_file *file = NULL;
    need(real_models);
    assert_int_equal(cuv_evidence_open(ev, CUV_TEST_SHARED "/real-models/tensorspace-team__tensorspace/docs/tensorflow/"
                                           "convertedModel/layerModel/model.json", &file), CUV_OK);
    assert_string_equal(file->kind, "TensorFlow.js layers model");
    assert_non_null(file->config);
    assert_int_equal(cuv_evidence_open(ev,
                                       CUV_TEST_SHARED
                                       "/real-models/tensorflow__tfjs/tfjs-react-native/integration_rn59/"
                                       "assets/model/bundle_model_test.json",
                                       &file),
                     CUV_OK);
    assert_int_equal(
        cuv_evidence_open(ev, CUV_TEST_SHARED "/real-models/npm__upscalerjs_default-model/package/models/model.json",
                          &file),
        CUV_OK);
    assert_int_equal(file->arrangement, CUV_ARR_NAMED);
    assert_true(file->group_count == 1 && file->groups[0].count > 10);
}

/* ---- names ---- */

static void spellings_of_tensors(void **state)
{
    (void)state;
    const cuv_named *named = NULL;
    need(keras_files);
    cuv_file *f = open_keras("k22te_seq_w.h5");
    assert_int_equal(cuv_evidence_tensor(ev, f->groups[0].tensors[0].label, &named), CUV_OK);
    assert_ptr_equal(named, &f->groups[0].tensors[0]);
    assert_int_equal(cuv_evidence_tensor(ev, f->groups[0].tensors[1].key, &named), CUV_OK);
    assert_ptr_equal(named, &f->groups[0].tensors[1]);
    open_keras("numpy/np2_obj.npy");
    assert_int_equal(cuv_evidence_tensor(ev, "np2_obj.npy[1]", &named), CUV_OK);
    assert_string_equal(named->label, "np2_obj.npy[1]");
    assert_int_equal(cuv_evidence_tensor(ev, "np2_obj.npy[2]", &named), CUV_NO);
    assert_string_equal(last_id(), "map.tensor");
    assert_non_null(strstr(cuv_finding_at(cx, cuv_finding_count(cx) - 1)->help, "np2_obj.npy["));
    open_keras("k22te_seq.h5"); /* the same keys again */
    assert_int_equal(cuv_evidence_tensor(ev, f->groups[0].tensors[1].key, &named), CUV_NO);
    assert_null(named);
}

static void files_beside_a_script(void **state)
{
    (void)state;
    char folder[] = "/tmp/cuvier-test-XXXXXX", path[256];
    cuv_file *script = NULL, *file = NULL;
    assert_non_null(mkdtemp(folder));
    static const char config[] = "{\"class_name\": \"Sequential\", \"config\": []}";
    snprintf(path, sizeof path, "%s/m.json", folder);
    FILE *out = fopen(path, "w");
    assert_non_null(out);
    fputs(config, out);
    fclose(out);
    snprintf(path, sizeof path, "%s/link.json", folder);
    assert_int_equal(symlink("/etc/hostname", path), 0);
    snprintf(path, sizeof path, "%s/s.py", folder);
    assert_int_equal(open_text("import keras\n", path, &script), CUV_OK);
    assert_int_equal(cuv_evidence_find(ev, script, "m.json", "s.py:1:1", &file), CUV_OK);
    assert_true(file->named_by_script);
    assert_int_equal(cuv_evidence_find(ev, script, "elsewhere/m.json", "s.py:1:1", &file), CUV_OK); /* stands in */
    assert_int_equal(cuv_evidence_find(ev, script, "none.json", "s.py:1:1", &file), CUV_NO);
    assert_string_equal(last_id(), "script.file");
    assert_int_equal(cuv_evidence_find(ev, script, "../x.json", "s.py:1:1", &file), CUV_UNSAFE);
    assert_int_equal(cuv_evidence_find(ev, script, "/etc/passwd", "s.py:1:1", &file), CUV_UNSAFE);
    assert_int_equal(cuv_evidence_find(ev, script, "C:\\w.npy", "s.py:1:1", &file), CUV_UNSAFE);
    assert_int_equal(cuv_evidence_find(ev, script, "link.json", "s.py:1:1", &file), CUV_UNSAFE);
    assert_null(file);
    snprintf(path, sizeof path, "%s/link.json", folder);
    unlink(path);
    snprintf(path, sizeof path, "%s/m.json", folder);
    unlink(path);
    rmdir(folder);
}

static void shards_are_joined(void **state)
{
    (void)state;
    cuv_file *file = NULL, *first = NULL;
    need(keras_files);
    first = open_keras("sh_00000.weights.h5");
    open_keras("sh_00001.weights.h5");
    open_keras("sh_00002.weights.h5");
    static const char index[] =
        "{\"metadata\": {\"total_size\": 1.0}, \"weight_map\": {\"/layers/dense/vars\": \"sh_00000.weights.h5\", "
        "\"/layers/dense_1/vars\": [\"sh_00001.weights.h5\", \"sh_00002.weights.h5\"]}}";
    cuv_status status = open_text(index, "sh.weights.json", &file);
    if (status != CUV_OK)
        say_findings("sh.weights.json");
    assert_int_equal(status, CUV_OK);
    assert_int_equal(file->arrangement, CUV_ARR_OBJECTS);
    assert_int_equal(first->arrangement, CUV_ARR_NONE);
    assert_int_equal(
        open_text("{\"metadata\": {}, \"weight_map\": {\"/layers/dense/vars\": \"not_there.h5\"}}", "i.json", &file),
        CUV_NO);
    assert_string_equal(last_id(), "shards.file");
}

/* ---- samples, dangers ---- */

static void samples_are_ordered(void **state)
{
    (void)state;
    cuv_samples *samples = NULL;
    cuv_file *file = NULL;
    need(keras_files);
    assert_int_equal(cuv_read_samples(ev, CUV_TEST_SHARED "/keras-files/k315_seq_io.npz", &samples), CUV_OK);
    assert_int_equal(samples->input_count, 1);
    assert_int_equal(samples->output_count, 1);
    assert_false(samples->by_name);
    assert_int_equal(ev->file_count, 0);
    file = open_keras("k315_seq_io.npz"); /* as evidence they are no weights */
    assert_int_equal(file->arrangement, CUV_ARR_NONE);
    assert_string_equal(file->kind, "samples (.npz)");
    need(real_models);
    assert_int_equal(cuv_read_samples(ev,
                                      CUV_TEST_SHARED
                                      "/real-models/KonduitAI__dl4j-test-resources/examples/simple_rnn/"
                                      "simple_rnn_tf_keras_2_inputs_and_outputs.h5",
                                      &samples),
                     CUV_OK);
    assert_true(samples->by_name);
    assert_int_equal(samples->input_count, 1);
    assert_string_equal(samples->inputs[0].key, "simple_rnn_1_input");
    assert_string_equal(samples->outputs[0].key, "dense_1");
    assert_int_equal(cuv_read_samples(ev, CUV_TEST_SHARED "/keras-files/k315_seq.json", &samples), CUV_NO);
}

static bool has_danger(const cuv_file *file, const char *code, const char *what)
{
    for (size_t i = 0; i < file->danger_count; i++)
        if (cuv_streq(file->dangers[i].code, code) && strstr(file->dangers[i].what, what))
            return true;
    return false;
}

static void dangers_are_listed(void **state)
{
    (void)state;
    cuv_file *file = NULL;
    need(keras_files);
    static const char *const lambdas[] = {"k315_misc.keras", "tfk216_misc.keras", "k315_misc.h5", "tf212_misc.h5"};
    for (size_t i = 0; i < sizeof lambdas / sizeof *lambdas; i++) {
        file = open_keras(lambdas[i]);
        assert_true(has_danger(file, "danger.lambda", "sha256 "));
        assert_non_null(strstr(file->dangers[0].where, "ambda"));
        /* base64 of the code, decoded and hashed in Python */
        if (i < 2)
            assert_true(has_danger(file, "danger.lambda",
                                   "03bb634a2b070b7809164e203d67ba91b5b66e43c72a869895d32c621ecb555e"));
    }
    assert_int_equal(open_keras("k315_seq.keras")->danger_count, 0);
    static const char text[] =
        "{\"class_name\": \"Sequential\", \"config\": {\"name\": \"m\", \"layers\": ["
        "{\"module\": \"keras.layers\", \"class_name\": \"TFSMLayer\", \"config\": {\"name\": \"a\", \"filepath\": "
        "\"/tmp/sm\"}},"
        "{\"module\": \"os\", \"class_name\": \"function\", \"config\": \"system\", \"registered_name\": "
        "\"function\"},"
        "{\"module\": \"mylib.layers\", \"class_name\": \"Odd\", \"config\": {\"name\": \"../../b\"}},"
        "{\"module\": \"keras.layers\", \"class_name\": \"StringLookup\", \"config\": {\"name\": \"c\", "
        "\"vocabulary\": \"/etc/passwd\"}},"
        "{\"module\": \"keras.layers\", \"class_name\": \"TorchModuleWrapper\", \"config\": {\"name\": \"d\", "
        "\"module\": \"x\"}},"
        "{\"module\": \"keras.layers\", \"class_name\": \"Dense\", \"config\": {\"name\": \"e\", \"kernel\": "
        "\"https://x.y/z\"}}]}}";
    assert_int_equal(open_text(text, "evil.json", &file), CUV_OK);
    assert_true(has_danger(file, "danger.saved_model", "/tmp/sm"));
    assert_true(has_danger(file, "danger.gadget", "system"));
    assert_true(has_danger(file, "danger.module", "mylib.layers"));
    assert_true(has_danger(file, "danger.path", "../../b"));
    assert_true(has_danger(file, "danger.vocabulary", "/etc/passwd"));
    assert_true(has_danger(file, "danger.torch", "PyTorch"));
    assert_true(has_danger(file, "danger.address", "https://x.y/z"));
}

/* ---- real files ---- */

static size_t files_read, files_refused;

static int open_real(const char *path, const struct stat *info, int type, struct FTW *ftw)
{
    (void)info;
    (void)ftw;
    if (type != FTW_F)
        return 0;
    cuv_file *file = NULL;
    start(NULL);
    cuv_status status = cuv_evidence_open(ev, path, &file);
    bool keras = cuv_ends_with(path, ".h5") || cuv_ends_with(path, ".hdf5") || cuv_ends_with(path, ".keras") ||
                 cuv_ends_with(path, ".npz") || cuv_ends_with(path, ".yaml") || cuv_ends_with(path, "_config.json");
    if (status != CUV_OK && keras)
        say_findings(path);
    bool fine = status == CUV_OK ? file->kind != NULL : cuv_finding_count(cx) > 0 && !keras;
    if (status != CUV_OK && getenv("CUV_TEST_VERBOSE"))
        say_findings(path);
    *(status == CUV_OK ? &files_read : &files_refused) += 1;
    stop(NULL);
    return fine ? 0 : 1;
}

static void real_files_are_read_or_named(void **state)
{
    (void)state;
    need(real_models);
    stop(NULL);
    assert_int_equal(nftw(real_models, open_real, 16, FTW_PHYS), 0);
    assert_true(files_read > 180);
    start(NULL);
}

/* ---- memory ---- */

typedef struct counter { size_t calls, fail_at; } counter;

static void *count_alloc(void *user, size_t size)
{
    counter *c = user;
    return ++c->calls == c->fail_at ? NULL : malloc(size);
}

static void *count_resize(void *user, void *memory, size_t size)
{
    counter *c = user;
    return ++c->calls == c->fail_at ? NULL : realloc(memory, size);
}

static void count_release(void *user, void *memory)
{
    (void)user;
    free(memory);
}

static cuv_status open_with(const char *path, counter *c)
{
    cuv_allocator allocator = {count_alloc, count_resize, count_release, c};
    cuv_context *own = NULL;
    struct cuv_evidence *evidence = NULL;
    cuv_file *file = NULL;
    cuv_status status = cuv_context_new(&allocator, &own);
    if (status != CUV_OK)
        return status;
    status = cuv_evidence_new(own, &evidence);
    if (status == CUV_OK)
        status = cuv_evidence_open(evidence, path, &file);
    cuv_evidence_free(evidence);
    cuv_context_free(own);
    return status;
}

static void every_allocation_may_fail(void **state)
{
    (void)state;
    static const char *const names[] = {"k315_seq.keras", "k1_seq_w.h5", "numpy/np2_dictstr.npy", "k315_misc.h5",
                                        "numpy/np2_zo.npz"};
    need(keras_files);
    for (size_t i = 0; i < sizeof names / sizeof *names; i++) {
        char path[1024];
        counter c = {0};
        snprintf(path, sizeof path, "%s/%s", keras_files, names[i]);
        assert_int_equal(open_with(path, &c), CUV_OK);
        size_t total = c.calls, step = total / 400 + 1;
        for (size_t at = 1; at <= total; at += step) {
            c = (counter){.fail_at = at};
            cuv_status status = open_with(path, &c);
            if (status != CUV_MEMORY && status != CUV_OK)
                print_message("%s: allocation %zu of %zu: status %d\n", names[i], at, total, (int)status);
            assert_true(status == CUV_MEMORY || status == CUV_OK); /* json-c's own memory is not ours to count */
        }
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        EACH(keras_files_are_recognised),
        EACH(broken_saves_are_named),
        EACH(pickled_variables),
        EACH(legacy_order_and_words),
        EACH(object_paths),
        EACH(arrays_are_arranged),
        EACH(numbers_become_tensors),
        EACH(configurations_in_all_wrappings),
        EACH(foreign_files_are_named),
        EACH(tfjs_models),
        EACH(spellings_of_tensors),
        EACH(files_beside_a_script),
        EACH(shards_are_joined),
        EACH(samples_are_ordered),
        EACH(dangers_are_listed),
        EACH(real_files_are_read_or_named),
        EACH(every_allocation_may_fail),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
