/* Reading evidence and rebuilding while memory is refused: one carrier after the other, good ones and bad ones. */
#include "oom.h"

#include <dirent.h>

#define C3(file) COMPAT "keras-3.15/" file
#define C2(file) COMPAT "keras-2.15/" file
#define M(file) MISTAKES file

static const carrier good[] = {
    {"keras", {C3("mlp.keras")}, NULL},
    {"keras, nested", {C3("nested_deep.keras")}, NULL},
    {"keras, recurrent", {C3("gru.keras")}, NULL},
    {"keras, wrapped", {C3("bidirectional.keras")}, NULL},
    {"keras, operators", {C3("operators.keras")}, NULL},
    {"keras of Keras 2", {C2("cnn.keras")}, NULL},
    {"whole h5", {C3("mlp.h5")}, NULL},
    {"whole h5 of Keras 2", {C2("nested_functional.h5")}, NULL},
    {"json and weights.h5", {C3("mlp.json"), C3("mlp.weights.h5")}, NULL},
    {"json and old weights", {C2("mlp.json"), C2("mlp.legacy_w.h5")}, NULL},
    {"json and npz", {C3("conv1d.json"), C3("conv1d.npz")}, NULL},
    {"json and object array", {C3("cnn.json"), C3("cnn.all_weights.npy")}, NULL},
    {"json and dict", {C3("batchnorm.json"), C3("batchnorm.dict.npy")}, NULL},
    {"json and pickle", {C3("mlp.json"), C3("mlp.dict.pkl")}, NULL},
    {"json and pairs", {C3("cnn.json"), C3("cnn.weights.npy"), C3("cnn.biases.npy")}, NULL},
    {"script, sequential", {SYSTEMS "1-sequential/keras-3.15/rebuild.py"}, NULL},
    {"script, functional", {SYSTEMS "2-functional/keras-2.15/rebuild.py"}, NULL},
    {"script, configuration", {SYSTEMS "3-config/keras-3.15/rebuild.py"}, NULL},
    {"custom, keras", {C3("custom/residual.keras"), "Residual=" COMPAT "custom/residual.py"}, NULL},
    {"custom, h5", {C2("custom/mix.h5"), "Mix=" COMPAT "custom/mix.py"}, NULL},
    {"custom, whole", {C3("custom/whole.keras"), "Whole=" COMPAT "custom/whole.py"}, NULL},
    {"weights alone", {C3("mlp.weights.h5")}, NULL},
    {"a list alone", {C3("cnn.all_weights.npy")}, NULL},
    {"paths alone", {C3("mlp_named.weights.h5")}, NULL},
    {"a dict alone", {C3("trained.dict.pkl")}, NULL},
    {"custom activation", {C3("custom/activation.h5"), "warm=" COMPAT "custom/warm.py"}, NULL},
};

/* What a bad carrier ends with, and whether that is when it is read or when the model is built. */
static const struct { carrier files; cuv_status status; } bad[] = {
    {{"kernel does not fit", {M("01-kernel-shape/model.json"), M("01-kernel-shape/weights.npy"), M("01-kernel-shape/biases.npy")}, NULL},
     CUV_NO},
    {{"foreign class", {C2("custom/affine.h5")}, NULL}, CUV_UNSUPPORTED},
    {{"truncated npy", {M("26-truncated-npy/all_weights.npy")}, NULL}, CUV_DAMAGED},
    {{"truncated h5", {M("28-truncated-h5/model.h5")}, NULL}, CUV_DAMAGED},
    {{"code in a pickle", {M("33-pickle-with-code/weights.npy")}, NULL}, CUV_UNSAFE},
    {{"no file", {CUV_TEST_FILES "/none"}, NULL}, CUV_IO},
};

/* From nothing to a model and back. */
static cuv_status rebuild(scene *s, const void *argument)
{
    cuv_evidence *ev;
    cuv_model *model = NULL;
    cuv_status status = cuv_evidence_new(s->cx, &ev);
    if (status != CUV_OK) {
        assert_null(ev);
        return status;
    }
    status = add_files(ev, argument);
    if (status == CUV_OK) {
        status = cuv_rebuild(ev, &model);
        assert_true((status == CUV_OK) == (model != NULL));
    }
    cuv_model_free(model);
    cuv_evidence_free(ev);
    return status;
}

static cuv_status rebuild_structure(scene *s, const void *argument)
{
    cuv_model *model = NULL;
    (void)argument;
    cuv_status status = cuv_rebuild_structure(s->ev, &model);
    assert_true((status == CUV_OK) == (model != NULL));
    cuv_model_free(model);
    return status;
}

static cuv_status report(scene *s, const void *argument)
{
    char *text = NULL;
    cuv_status status = cuv_evidence_report(s->ev, argument != NULL, &text);
    assert_true((status == CUV_OK) == (text != NULL));
    cuv_text_free(s->cx, text);
    return status;
}

static void test_rebuild_good(void **state)
{
    scene s;
    (void)state;
    for (size_t i = 0; i < sizeof good / sizeof good[0]; i++) {
        print_message("%s\n", good[i].name);
        scene_open(&s);
        refuse_known(&s, rebuild, &good[i]);
        scene_close(&s);
    }
}

static void test_rebuild_bad(void **state)
{
    scene s;
    (void)state;
    for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++) {
        print_message("%s\n", bad[i].files.name);
        scene_open(&s);
        refuse_each(&s, rebuild, &bad[i].files, bad[i].status);
        scene_close(&s);
    }
}

/* Evidence that was refused memory once is none the worse for it. */
static void test_structure_and_report(void **state)
{
    scene s;
    (void)state;
    for (size_t i = 0; i < sizeof good / sizeof good[0]; i++) {
        scene_open(&s);
        assert_int_equal(add_files(s.ev, &good[i]), CUV_OK);
        refuse_known(&s, report, NULL);
        refuse_known(&s, report, "json");
        refuse_known(&s, rebuild_structure, NULL);
        scene_close(&s);
    }
}

/* Every single file of tests/files, good or bad: read, and told about. What it ends with is not this test's matter. */
static cuv_status read_and_report(scene *s, const void *argument)
{
    char *text = NULL;
    cuv_evidence *ev;
    cuv_status status = cuv_evidence_new(s->cx, &ev);
    if (status == CUV_OK)
        status = cuv_evidence_add_file(ev, argument);
    if (status == CUV_OK)
        status = cuv_evidence_report(ev, true, &text);
    assert_true((status == CUV_OK) == (text != NULL));
    cuv_text_free(s->cx, text);
    cuv_evidence_free(ev);
    return status;
}

static void test_files(void **state)
{
    scene s;
    size_t count = 0;
    DIR *folder = opendir(CUV_TEST_FILES "/files");
    (void)state;
    assert_non_null(folder);
    for (struct dirent *e; (e = readdir(folder));) {
        char path[512];
        if (strncmp(e->d_name, "good-", 5) != 0 && strncmp(e->d_name, "bad-", 4) != 0 && strncmp(e->d_name, "unsup", 5) != 0)
            continue;
        snprintf(path, sizeof path, CUV_TEST_FILES "/files/%s", e->d_name);
        print_message("%s\n", e->d_name);
        scene_open(&s);
        cuv_status want = read_and_report(&s, path);
        refuse_each(&s, read_and_report, path, want);
        scene_close(&s);
        count++;
    }
    closedir(folder);
    print_message("%zu files\n", count);
    assert_in_range(count, 80, 10000);
}

/* A clean file, a danger in a configuration, a file refused as unsafe, and one that cannot be read. */
static cuv_status scan_files(scene *s, const void *argument)
{
    static const char *const paths[] = {C3("mlp.keras"), CUV_TEST_FILES "/files/unsupported-torch.json",
                                        M("33-pickle-with-code/weights.npy"), M("26-truncated-npy/all_weights.npy")};
    const char *what = argument;
    char *text = NULL;
    cuv_status status = cuv_scan(s->cx, paths, (size_t)(what[0] - '0'), what[1] == 'j', &text);
    assert_true((status == CUV_OK || status == CUV_NO) == (text != NULL));
    cuv_text_free(s->cx, text);
    return status;
}

static void test_scan(void **state)
{
    scene s;
    (void)state;
    scene_open(&s);
    refuse_each(&s, scan_files, "1j", CUV_OK);
    refuse_each(&s, scan_files, "4j", CUV_NO);
    refuse_each(&s, scan_files, "4t", CUV_NO);
    scene_close(&s);
}

/* Samples, maps and strictness are part of a rebuild. */
static cuv_status rebuild_proven(scene *s, const void *argument)
{
    cuv_model *model = NULL;
    cuv_evidence *ev;
    cuv_status status = cuv_evidence_new(s->cx, &ev);
    const carrier *c = argument;
    if (status == CUV_OK)
        status = add_files(ev, c);
    if (status == CUV_OK)
        status = cuv_evidence_samples(ev, c->samples);
    if (status == CUV_OK) {
        cuv_evidence_strict(ev, true);
        status = cuv_rebuild(ev, &model);
    }
    if (model)
        cuv_model_check(model);
    cuv_model_free(model);
    cuv_evidence_free(ev);
    return status;
}

static void test_rebuild_proven(void **state)
{
    static const carrier proven[] = {
        {"recovered", {C3("dropouts.all_weights.npy")}, C3("dropouts.io.npz")},
        {"equal shapes", {C3("equal_shapes.json"), C3("equal_shapes.all_weights.npy")}, C3("equal_shapes.io.npz")},
        {"custom", {C2("custom/mix.h5"), "Mix=" COMPAT "custom/mix.py"}, C2("custom/mix.io.npz")},
        {"two outputs", {C3("multi_io.json"), C3("multi_io.npz")}, C3("multi_io.io.npz")},
    };
    scene s;
    (void)state;
    for (size_t i = 0; i < sizeof proven / sizeof proven[0]; i++) {
        scene_open(&s);
        refuse_each(&s, rebuild_proven, &proven[i], CUV_OK);
        scene_close(&s);
    }
}

static cuv_status from_memory(scene *s, const void *argument)
{
    return cuv_evidence_add_memory(s->ev, "given.json", argument, strlen(argument));
}

static cuv_status map(scene *s, const void *argument)
{
    return cuv_evidence_map(s->ev, argument);
}

static cuv_status custom(scene *s, const void *argument)
{
    return cuv_evidence_custom(s->ev, argument);
}

static cuv_status input_shape(scene *s, const void *argument)
{
    return cuv_evidence_input_shape(s->ev, argument);
}

static cuv_status samples(scene *s, const void *argument)
{
    return cuv_evidence_samples(s->ev, argument);
}

static cuv_status backend(scene *s, const void *argument)
{
    return cuv_evidence_backend(s->ev, argument);
}

static cuv_status keras_version(scene *s, const void *argument)
{
    return cuv_evidence_keras_version(s->ev, argument);
}

static cuv_status samples_kept(scene *s, const void *argument)
{
    return cuv_evidence_samples_kept(s->ev, argument);
}

static cuv_status findings(scene *s, const void *argument)
{
    char *text = NULL;
    cuv_status ignored = cuv_evidence_add_file(s->ev, MISTAKES "33-pickle-with-code/weights.npy");
    (void)ignored;
    cuv_status status = cuv_findings_report(s->cx, argument != NULL, true, &text);
    assert_true((status == CUV_OK) == (text != NULL));
    cuv_text_free(s->cx, text);
    return status;
}

static void test_options(void **state)
{
    static const char json[] = "{\"class_name\": \"Sequential\", \"config\": {\"name\": \"s\", \"layers\": []}}";
    scene s;
    (void)state;
    scene_open(&s);
    refuse_each(&s, from_memory, json, CUV_OK);
    refuse_each(&s, map, "dense=weights.npy[0]", CUV_OK);
    refuse_each(&s, map, "no equals sign", CUV_ARGUMENT);
    refuse_each(&s, custom, "no equals sign", CUV_ARGUMENT);
    refuse_each(&s, custom, "Mix=" COMPAT "custom/mix.npz", CUV_IO);
    refuse_each(&s, input_shape, "28,28,?", CUV_OK);
    refuse_each(&s, input_shape, "28,-1", CUV_ARGUMENT);
    refuse_each(&s, samples, SYSTEMS "1-sequential/keras-3.15/io.npz", CUV_OK);
    refuse_each(&s, backend, "jax", CUV_OK);
    refuse_each(&s, backend, "no backend", CUV_ARGUMENT);
    refuse_each(&s, keras_version, "3.4.1", CUV_OK);
    refuse_each(&s, keras_version, "4.0", CUV_ARGUMENT);
    refuse_each(&s, samples_kept, SYSTEMS "1-sequential/keras-3.15/io.npz", CUV_OK);
    refuse_each(&s, findings, NULL, CUV_OK);
    refuse_each(&s, findings, "json", CUV_OK);
    scene_close(&s);
}

static void test_context(void **state)
{
    (void)state;
    for (size_t n = 1;; n++) {
        cuv_failing memory = {.refuse = n};
        cuv_allocator allocator = cuv_failing_allocator(&memory);
        cuv_context *cx;
        cuv_status status = cuv_context_new(&allocator, &cx);
        assert_int_equal(status, memory.refused ? CUV_MEMORY : CUV_OK);
        assert_true((status == CUV_OK) == (cx != NULL));
        cuv_context_free(cx);
        assert_int_equal(memory.outstanding, 0);
        if (!memory.refused)
            break;
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_context),   cmocka_unit_test(test_options),
        cmocka_unit_test(test_rebuild_good), cmocka_unit_test(test_rebuild_bad),
        cmocka_unit_test(test_structure_and_report), cmocka_unit_test(test_files),
        cmocka_unit_test(test_scan),
        cmocka_unit_test(test_rebuild_proven),
    };
    int failed = cmocka_run_group_tests_name("memory refused: evidence", tests, NULL, NULL);
    print_message("%zu runs with memory refused\n", refusals);
    return failed;
}
