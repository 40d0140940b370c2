/* The order of layers, their classes and names, read off files of weights alone, against the configuration of the same model: files of
 * Keras 3.0 to 3.15 and of TensorFlow 2.12 to 2.16, of tests/ and of CUV_TEST_SHARED. The last lines count them. */
#include "evidence/evidence.h"
#include "recover/recover.h"

#include <ftw.h>
#include <setjmp.h>
#include <stdarg.h>
#include <unistd.h>

#include <cmocka.h>

static struct { size_t files, layers, nested; } seen, listed;
static size_t classes_told;

/* ---- what the configuration says ---- */

typedef struct said { const char *class_name, *name; } said;
typedef struct list { said items[600]; size_t count; bool nested; } list;

/* Layers of a model and of the models inside it, those in their place. */
static void flatten(const cuv_value *record, bool inside, list *out)
{
    const cuv_value *config = cuv_get(record, "config"), *layers = cuv_is_seq(config) ? config : cuv_get(config, "layers");
    bool sequential = cuv_streq(cuv_get_text(record, "class_name"), "Sequential");
    for (size_t i = 0; i < cuv_len(layers); i++) {
        const cuv_value *layer = cuv_item(layers, i);
        const char *class_name = cuv_get_text(layer, "class_name");
        const char *module = cuv_get_text(layer, "module");
        const cuv_layer_def *def = class_name ? cuv_layer_find(class_name) : NULL;
        if (module && cuv_starts_with(module, "keras.src.ops"))     /* x + y: no layer, and not saved */
            continue;
        if (cuv_get(cuv_get(layer, "config"), "layers")) {
            out->nested = true;
            flatten(layer, true, out);
        } else if ((!inside && !sequential) || !cuv_streq(class_name, "InputLayer")) {
            assert_true(out->count < 600);
            out->items[out->count++] = (said){def ? def->name : class_name, cuv_get_text(cuv_get(layer, "config"), "name")};
        }
    }
}

/* ---- the comparison ---- */

static bool names_told(const cuv_file *file)
{
    for (size_t i = 0; i < file->group_count; i++)
        if (file->groups[i].name)
            return true;
    return false;
}

static void compare(struct cuv_evidence *ev, const char *path, cuv_file *file, const cuv_value *config)
{
    cuv_remains found;
    list wanted = {.count = 0};
    bool by_name = names_told(file);
    flatten(config, false, &wanted);
    if (wanted.count == 0)      /* a model in code */
        return;
    assert_int_equal(cuv_remains_of_named(ev, &file, 1, ev->arena, &found), CUV_OK);
    if (found.order != CUV_INFERRED || !found.complete)
        fail_msg("%s: %s", path, found.order_why);
    if (found.count != wanted.count)
        fail_msg("%s: %zu layers, %zu wanted", path, found.count, wanted.count);
    for (size_t i = 0; i < found.count; i++) {
        const cuv_remain *f = &found.layers[i];
        const said *w = &wanted.items[i];
        if (cuv_layer_find(w->class_name) && !cuv_streq(f->class_name, w->class_name))
            fail_msg("%s: layer %zu is a %s (%s), %s (%s) wanted", path, i, f->class_name, f->name, w->class_name, w->name);
        if (by_name && !wanted.nested && !cuv_streq(f->name, w->name))
            fail_msg("%s: layer %zu is '%s', '%s' wanted", path, i, f->name, w->name);
    }
    seen.files++;
    seen.layers += found.count;
    seen.nested += wanted.nested;
}

/* Files that list layers by name: classes are told for some, and then right. A model inside a legacy .h5 is opened, without its layers
 * that have no weights. */
static void compare_listed(struct cuv_evidence *ev, const char *path, cuv_file *file, const cuv_value *config)
{
    cuv_remains found;
    list wanted = {.count = 0};
    flatten(config, false, &wanted);
    if (wanted.nested || !wanted.count)
        return;
    assert_int_equal(cuv_remains_of_named(ev, &file, 1, ev->arena, &found), CUV_OK);
    if (found.complete && found.count != wanted.count)
        fail_msg("%s: %zu layers, %zu wanted", path, found.count, wanted.count);
    for (size_t i = 0, k = 0; i < found.count; i++, k++) {
        const cuv_remain *f = &found.layers[i];
        while (!found.complete && k < wanted.count && !cuv_streq(f->name, wanted.items[k].name))
            k++;
        if (k == wanted.count || !cuv_streq(f->name, wanted.items[k].name))
            fail_msg("%s: layer %zu is '%s'", path, i, f->name);
        if (f->class_name && !cuv_streq(f->class_name, wanted.items[k].class_name))
            fail_msg("%s: '%s' is a %s, %s wanted", path, f->name, f->class_name, wanted.items[k].class_name);
        classes_told += f->class_name != NULL;
    }
    listed.files++;
    listed.layers += found.count;
}

/* The configuration of a file: its own, or that of a file of the same model beside it. */
static const cuv_value *config_of(struct cuv_evidence *ev, const char *path, const cuv_file *file)
{
    static const char *const endings[] = {".json", ".keras", ".h5"};
    static const char *const own[] = {".weights.h5", ".legacy_w.h5", ".dict.npy", ".dict.pkl", "_w.h5"};
    size_t stem = 0;
    char beside[1024];
    cuv_file *other;
    for (size_t i = 0; i < 5 && !stem; i++)
        stem = cuv_ends_with(path, own[i]) ? strlen(path) - strlen(own[i]) : 0;
    if (file->config || !stem)
        return file->config;
    for (size_t i = 0; i < 3; i++) {
        snprintf(beside, sizeof beside, "%.*s%s", (int)stem, path, endings[i]);
        if (access(beside, R_OK) == 0 && cuv_evidence_open(ev, beside, &other) == CUV_OK && other->config)
            return other->config;
    }
    return NULL;
}

static int check_file(const char *path, const struct stat *info, int type, struct FTW *where)
{
    cuv_context *cx;
    struct cuv_evidence *ev;
    cuv_file *file;
    (void)info;
    (void)where;
    bool objects = cuv_ends_with(path, ".keras") || cuv_ends_with(path, ".weights.h5");
    bool lists = cuv_ends_with(path, "_w.h5") || cuv_ends_with(path, ".dict.npy") || cuv_ends_with(path, ".dict.pkl");
    if (type != FTW_F || (!objects && !lists))
        return 0;
    assert_int_equal(cuv_context_new(NULL, &cx), CUV_OK);
    assert_int_equal(cuv_evidence_new(cx, &ev), CUV_OK);
    if (cuv_evidence_open(ev, path, &file) == CUV_OK && (file->arrangement == CUV_ARR_OBJECTS || lists)) {
        const cuv_value *config = config_of(ev, path, file);
        if (config && lists)
            compare_listed(ev, path, file, config);
        else if (config)
            compare(ev, path, file, config);
    }
    cuv_evidence_free(ev);
    cuv_context_free(cx);
    return 0;
}

static void test_order(void **state)
{
    (void)state;
    nftw(CUV_TEST_FILES "/compat", check_file, 16, FTW_PHYS);
    size_t own = seen.files;
    nftw(CUV_TEST_SHARED "/keras-files", check_file, 16, FTW_PHYS);
    nftw(CUV_TEST_SHARED "/real-models", check_file, 16, FTW_PHYS);
    print_message("%zu files of Keras 3 weights, %zu of them shared: %zu layers in order; %zu with models inside\n", seen.files,
                  seen.files - own, seen.layers, seen.nested);
    print_message("%zu files that list layers: %zu layers, the classes of %zu told\n", listed.files, listed.layers, classes_told);
    assert_in_range(seen.files, 40, SIZE_MAX);
    assert_in_range(listed.files, 40, SIZE_MAX);
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(test_order)};
    return cmocka_run_group_tests_name("recover order", tests, NULL, NULL);
}
