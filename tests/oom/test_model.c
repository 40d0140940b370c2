/* Looking at a model, running, verifying and writing it while memory is refused. */
#include "oom.h"

#include <dirent.h>
#include <stdlib.h>
#include <unistd.h>

#define C3(file) COMPAT "keras-3.15/" file

static const carrier models[] = {
    {"mlp", {C3("mlp.keras")}, C3("mlp.io.npz")},
    {"cnn", {C3("cnn.h5")}, C3("cnn.io.npz")},
    {"gru", {C3("gru.json"), C3("gru.npz")}, C3("gru.io.npz")},
    {"multi_io", {C3("multi_io.keras")}, C3("multi_io.io.npz")},
    {"nested_deep", {C3("nested_deep.keras")}, C3("nested_deep.io.npz")},
    {"attention", {C3("attention.keras")}, C3("attention.io.npz")},
};
enum { MODELS = sizeof models / sizeof models[0] };

static cuv_status text_done(scene *s, cuv_status status, char **text)
{
    assert_true((status == CUV_OK) == (*text != NULL));
    cuv_text_free(s->cx, *text);
    return status;
}

static cuv_status summary(scene *s, const void *argument)
{
    char *text = NULL;
    (void)argument;
    return text_done(s, cuv_model_summary(s->model, 0, &text), &text);
}

static cuv_status summary_json(scene *s, const void *argument)
{
    char *text = NULL;
    (void)argument;
    return text_done(s, cuv_model_summary_json(s->model, &text), &text);
}

static cuv_status rebuild_json(scene *s, const void *argument)
{
    char *text = NULL;
    return text_done(s, cuv_model_rebuild_json(s->model, (const char *const[]){argument, NULL}, &text), &text);
}

static cuv_status decisions(scene *s, const void *argument)
{
    char *text = NULL;
    return text_done(s, cuv_model_decisions(s->model, argument != NULL, &text), &text);
}

static cuv_status stage(scene *s, const void *argument)
{
    char *text = NULL;
    return text_done(s, cuv_model_stage(s->model, argument, &text), &text);
}

static cuv_status picture(scene *s, const void *argument)
{
    char *text = NULL;
    return text_done(s, cuv_model_picture(s->model, argument == NULL, argument != NULL, &text), &text);
}

/* What an index beyond the end gives: a finding, for which memory is needed. */
static cuv_status beyond(scene *s, const void *argument)
{
    cuv_array array;
    switch (*(const char *)argument) {
    case 'i': return cuv_model_input(s->model, 99, &array);
    case 'o': return cuv_model_output(s->model, 99, &array);
    default: return cuv_model_weight(s->model, 9999, &array);
    }
}

static void test_look(void **state)
{
    scene s;
    (void)state;
    for (size_t i = 0; i < MODELS; i++) {
        print_message("%s\n", models[i].name);
        scene_rebuild(&s, &models[i]);
        refuse_each(&s, summary, NULL, CUV_OK);
        refuse_each(&s, summary_json, NULL, CUV_OK);
        refuse_each(&s, rebuild_json, "a.keras", CUV_OK);
        refuse_each(&s, picture, NULL, CUV_OK);
        refuse_each(&s, picture, "color", CUV_OK);
        refuse_each(&s, decisions, NULL, CUV_OK);
        refuse_each(&s, decisions, "all", CUV_OK);
        refuse_each(&s, stage, "config", CUV_OK);
        refuse_each(&s, stage, "program", CUV_OK);
        refuse_each(&s, stage, "plan", CUV_OK);
        refuse_each(&s, stage, "none", CUV_ARGUMENT);
        refuse_each(&s, beyond, "input", CUV_ARGUMENT);
        refuse_each(&s, beyond, "output", CUV_ARGUMENT);
        refuse_each(&s, beyond, "weight", CUV_ARGUMENT);
        scene_close(&s);
    }
}

/* ---- running: what a first run prepares is kept, so each refusal meets a new model */

static void zero_inputs(scene *s, cuv_array *inputs)
{
    static const float zeros[4096];
    const size_t count = cuv_model_input_count(s->model);
    assert_in_range(count, 1, 4);
    for (size_t i = 0; i < count; i++) {
        assert_int_equal(cuv_model_input(s->model, i, &inputs[i]), CUV_OK);
        inputs[i].dtype = CUV_F32;
        inputs[i].data = zeros;
        size_t bytes = sizeof(float);
        for (int axis = 0; axis < inputs[i].rank; axis++) {
            inputs[i].shape[axis] = inputs[i].shape[axis] < 0 ? 2 : inputs[i].shape[axis];
            bytes *= (size_t)inputs[i].shape[axis];
        }
        assert_in_range(bytes, 1, sizeof zeros);
    }
}

static cuv_status predict(scene *s, const void *argument)
{
    cuv_array inputs[4];
    cuv_result *result;
    zero_inputs(s, inputs);
    cuv_status status = cuv_model_predict(s->model, inputs, cuv_model_input_count(s->model), argument, &result);
    assert_true((status == CUV_OK) == (result != NULL));
    cuv_result_free(result);
    return status;
}

static cuv_status precision_cost(scene *s, const void *argument)
{
    cuv_array inputs[4];
    cuv_precision_cost *cost;
    zero_inputs(s, inputs);
    cuv_status status = cuv_model_precision_cost(s->model, inputs, cuv_model_input_count(s->model), argument, &cost);
    assert_true((status == CUV_OK) == (cost != NULL));
    cuv_precision_cost_free(s->cx, cost);
    return status;
}

/* The cache is read as the run before left it, or made. */
static cuv_status predict_cached(scene *s, const void *argument)
{
    static unsigned n;
    const cuv_run_options *options = argument;
    if (n++ % 2)
        (void)unlink(options->cache);
    return predict(s, argument);
}

static cuv_status profile(scene *s, const void *argument)
{
    cuv_array inputs[4];
    cuv_profile *p;
    zero_inputs(s, inputs);
    cuv_status status = cuv_model_profile(s->model, inputs, cuv_model_input_count(s->model), argument, 0, &p);
    assert_true((status == CUV_OK) == (p != NULL));
    cuv_profile_free(s->cx, p);
    return status;
}

static cuv_status draw_inputs(scene *s, const void *argument)
{
    cuv_result *drawn;
    (void)argument;
    cuv_status status = cuv_model_random_inputs(s->model, 3, 5, &drawn);
    assert_true((status == CUV_OK) == (drawn != NULL));
    cuv_result_free(drawn);
    return status;
}

static cuv_status verify(scene *s, const void *argument)
{
    cuv_verification *v;
    cuv_status status = cuv_model_verify(s->model, s->ev, 1e-4, 1e-5, argument, &v);
    assert_true((status == CUV_OK) == (v != NULL));
    cuv_verification_free(s->cx, v);
    return status;
}

static cuv_status verify_against(scene *s, const void *argument)
{
    cuv_verification *v;
    cuv_status status = cuv_model_verify_against(s->model, s->model, 1e-4, 1e-5, argument, &v);
    assert_true((status == CUV_OK) == (v != NULL));
    cuv_verification_free(s->cx, v);
    return status;
}

static cuv_status diff(scene *s, const void *argument)
{
    cuv_diff *d;
    char *text = NULL;
    cuv_status status = cuv_model_diff(s->model, s->model, 1e-4, 1e-5, argument, &d);
    assert_true((status == CUV_OK) == (d != NULL));
    for (int json = 0; status == CUV_OK && json < 2; json++) {
        status = cuv_diff_text(s->cx, d, json, &text);
        assert_true((status == CUV_OK) == (text != NULL));
        cuv_text_free(s->cx, text);
    }
    cuv_diff_free(s->cx, d);
    return status;
}

static void refuse_each_anew(const carrier *c, act run, const cuv_run_options *options)
{
    scene s;
    bool refused = true;
    for (size_t n = 1; refused; n = next_refusal(n)) {
        scene_rebuild(&s, c);
        refused = refuse_one(&s, run, options, CUV_OK, n, n % 3 == 0);
        if (refused)            /* and it runs when memory is back */
            assert_int_equal(run(&s, options), CUV_OK);
        scene_close(&s);
    }
}

static void test_run(void **state)
{
    static const cuv_run_options one = {.threads = 1}, two = {.threads = 2}, reference = {.threads = 1, .reference = true};
    static const cuv_run_options int8 = {.threads = 1, .precision = CUV_PRECISION_INT8};
    char folder[] = "/tmp/cuvier-oom-XXXXXX", path[64];
    (void)state;
    assert_non_null(mkdtemp(folder));
    snprintf(path, sizeof path, "%s/a.packed", folder);
    const cuv_run_options cached = {.threads = 1, .cache = path};
    for (size_t i = 0; i < MODELS; i++) {
        print_message("%s\n", models[i].name);
        refuse_each_anew(&models[i], predict_cached, &cached);
        refuse_each_anew(&models[i], predict, &one);
        refuse_each_anew(&models[i], predict, &reference);
        refuse_each_anew(&models[i], precision_cost, &int8);
        refuse_each_anew(&models[i], profile, &one);
        refuse_each_anew(&models[i], draw_inputs, NULL);
        refuse_each_anew(&models[i], verify, &two);
        refuse_each_anew(&models[i], verify_against, &one);
        refuse_each_anew(&models[i], diff, &one);
    }
    (void)unlink(path);
    assert_int_equal(rmdir(folder), 0);
}

/* ---- files: whole or not at all */

typedef struct target { char folder[64], path[160]; const char *in; const cuv_write_options *options; } target;

static void target_open(target *t)
{
    memset(t, 0, sizeof *t);
    strcpy(t->folder, "/tmp/cuvier-oom-XXXXXX");
    assert_non_null(mkdtemp(t->folder));
}

/* The file after success, with a header where it is C source; nothing after failure. */
static void target_check(const target *t, bool written)
{
    DIR *folder = opendir(t->folder);
    size_t others = 0;
    bool there = false, header = false;
    char beside[sizeof t->path];
    strcpy(beside, t->path);
    beside[strlen(beside) - 1] = 'h';
    const bool source = t->path[strlen(t->path) - 2] == '.' && t->path[strlen(t->path) - 1] == 'c';
    assert_non_null(folder);
    for (struct dirent *e; (e = readdir(folder));) {
        if (!strcmp(e->d_name, ".") || !strcmp(e->d_name, ".."))
            continue;
        if (strcmp(e->d_name, strrchr(t->path, '/') + 1) == 0)
            there = true;
        else if (source && strcmp(e->d_name, strrchr(beside, '/') + 1) == 0)
            header = true;
        else
            others++;
    }
    closedir(folder);
    assert_int_equal(header, source && written);
    if (header)
        assert_int_equal(unlink(beside), 0);
    assert_int_equal(others, 0);
    assert_int_equal(there, written);
    if (written)
        assert_int_equal(unlink(t->path), 0);
}

static cuv_status write_model(scene *s, const void *argument)
{
    const target *t = argument;
    cuv_status status = cuv_model_write(s->model, t->path, NULL, t->options);
    target_check(t, status == CUV_OK);
    return status;
}

static cuv_status predict_file(scene *s, const void *argument)
{
    const target *t = argument;
    cuv_status status = cuv_model_predict_file(s->model, t->in, t->path, 3, NULL);
    target_check(t, status == CUV_OK);
    return status;
}

/* What fewer bits cost on the file, and the plan for them. */
static cuv_status precision_of_file(scene *s, const void *argument)
{
    static const cuv_run_options bf16 = {.threads = 1, .precision = CUV_PRECISION_BF16};
    const target *t = argument;
    cuv_precision_cost *cost;
    char *text;
    cuv_status status = cuv_model_precision_cost_file(s->model, t->in, 3, &bf16, &cost);
    assert_true((status == CUV_OK) == (cost != NULL));
    cuv_precision_cost_free(s->cx, cost);
    return status == CUV_OK ? text_done(s, cuv_model_plan(s->model, &bf16, &text), &text) : status;
}

static void refuse_forms(scene *s, target *t, const cuv_write_options *options)
{
    t->options = options;
    for (const char *const *form = cuv_model_forms(); *form; form++) {
        snprintf(t->path, sizeof t->path, "%s/model%s", t->folder, *form);
        refuse_known(s, write_model, t);
    }
}

static void test_write(void **state)
{
    static const cuv_write_options keras2 = {.keras = 2}, bare = {.keras = 3, .weights_only = true};
    scene s;
    target t;
    (void)state;
    target_open(&t);
    for (size_t i = 0; i < MODELS; i++) {
        print_message("%s\n", models[i].name);
        scene_rebuild(&s, &models[i]);
        refuse_forms(&s, &t, NULL);
        scene_close(&s);
    }
    scene_rebuild(&s, &models[0]);
    refuse_forms(&s, &t, &keras2);
    refuse_forms(&s, &t, &bare);
    scene_close(&s);
    scene_rebuild(&s, &(carrier){"lambda", {COMPAT "../oom/lambda.py"}, NULL});
    snprintf(t.path, sizeof t.path, "%s/model.json", t.folder);
    t.options = NULL;
    refuse_known(&s, write_model, &t);
    t.options = &keras2;
    refuse_known(&s, write_model, &t);
    scene_close(&s);
    assert_int_equal(rmdir(t.folder), 0);
}

static void test_predict_file(void **state)
{
    scene s;
    target t;
    (void)state;
    target_open(&t);
    for (size_t i = 0; i < MODELS; i++) {
        print_message("%s\n", models[i].name);
        scene_rebuild(&s, &models[i]);
        t.in = models[i].samples;
        snprintf(t.path, sizeof t.path, "%s/y.npz", t.folder);
        refuse_each(&s, predict_file, &t, CUV_OK);
        refuse_each(&s, precision_of_file, &t, CUV_OK);
        scene_close(&s);
    }
    assert_int_equal(rmdir(t.folder), 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_look), cmocka_unit_test(test_run), cmocka_unit_test(test_write),
        cmocka_unit_test(test_predict_file),
    };
    int failed = cmocka_run_group_tests_name("memory refused: models", tests, NULL, NULL);
    print_message("%zu runs with memory refused\n", refusals);
    return failed;
}
