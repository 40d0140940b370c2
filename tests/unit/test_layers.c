/* Every case of layers.json, which was dumped from Keras 3.15: a layer built from its configuration and called must have Keras's
 * output shapes, and its variables in Keras's order; and every descriptor must have the rows of Keras's signature. */
#include <limits.h>
#include "format/format.h"
#include "layers/layers.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <cmocka.h>

static cuv_context *cx;
static cuv_arena *arena;
static const cuv_value *layers;

/* Layers, or "layer: case", that are not supported; the test fails when one of them starts to work. */
static const char *const unsupported[] = {
#include "unsupported_layers.inc"
    NULL};

static bool is_unsupported(const char *layer, const char *name)
{
    char key[160];
    snprintf(key, sizeof key, "%s: %s", layer, name);
    for (size_t i = 0; unsupported[i]; i++)
        if (strcmp(unsupported[i], layer) == 0 || strcmp(unsupported[i], key) == 0)
            return true;
    return false;
}

static int setup(void **state)
{
    cuv_blob *blob = NULL;
    cuv_value *root = NULL;
    (void)state;
    if (cuv_context_new(NULL, &cx) != CUV_OK || !(arena = cuv_arena_new(cx)))
        return 1;
    if (cuv_blob_map(cx, CUV_TEST_SHARED "/layers.json", &blob) != CUV_OK)
        return 0;
    const cuv_source source = {.name = "layers.json", .data = blob->data, .size = blob->size, .blob = blob};
    if (cuv_json_parse(arena, &source, &root) != CUV_OK)
        return 1;
    cuv_blob_release(blob);
    layers = cuv_get(root, "layers");
    return 0;
}

static int teardown(void **state)
{
    (void)state;
    cuv_arena_free(arena);
    cuv_context_free(cx);
    return 0;
}

static const char *last_finding(void)
{
    size_t n = cuv_finding_count(cx);
    return n ? cuv_finding_at(cx, n - 1)->message : "no finding";
}

/* ---- cases ---------------------------------------------------------------------------------------------------------------- */

static int read_shape(const cuv_value *v, int64_t *shape)
{
    int rank = 0;
    for (size_t i = 0; i < cuv_len(v); i++)
        if (!cuv_as_int(cuv_item(v, i), &shape[rank++]))
            shape[rank - 1] = -1;
    return rank;
}

static void make_inputs(cuv_program *p, const cuv_value *inputs, cuv_sym *in)
{
    for (size_t i = 0; i < cuv_len(inputs); i++) {
        int64_t shape[CUV_MAX_RANK];
        const cuv_value *input = cuv_item(inputs, i);
        int rank = read_shape(cuv_get(input, "shape"), shape);
        cuv_dtype dtype = CUV_F32;
        cuv_dtype_parse(cuv_get_text(input, "dtype"), &dtype);
        in[i] = (cuv_sym){cuv_program_input(p, "x", dtype, shape, rank), CUV_NO_REF};
    }
}

static bool same_output(const cuv_program *p, cuv_sym out, const cuv_value *expected, char *why, size_t size)
{
    int64_t shape[CUV_MAX_RANK];
    const cuv_var *v = cuv_program_var(p, out.value);
    int rank = read_shape(cuv_get(expected, "shape"), shape);
    bool same = v->rank == rank;
    for (int i = 0; same && i < rank; i++)
        same = v->shape[i] == shape[i] || shape[i] < 0;
    if (!same)
        snprintf(why, size, "output %s, not %s", cuv_shape_text(cx, v->shape, v->rank), cuv_shape_text(cx, shape, rank));
    return same;
}

static bool same_outputs(const cuv_program *p, const cuv_call *call, const cuv_value *expected, char *why, size_t size)
{
    if (!cuv_is_seq(expected))
        return same_output(p, call->out[0], expected, why, size);
    if (cuv_len(expected) != call->out_count) {
        snprintf(why, size, "%zu outputs, not %zu", call->out_count, cuv_len(expected));
        return false;
    }
    for (size_t i = 0; i < call->out_count; i++)
        if (!same_output(p, call->out[i], cuv_item(expected, i), why, size))
            return false;
    return true;
}

static size_t list_weights(const cuv_layer *layer, const cuv_weight **out, size_t count)
{
    for (int pass = 0; pass < 2; pass++)        /* quantised ones are made in the order in which they are saved */
        for (size_t i = 0; i < layer->weight_count && count < 64; i++)
            if (layer->quant ? layer->weights[i].trainable == (pass == 0) : pass == 0)
                out[count++] = &layer->weights[i];
    for (size_t i = 0; i < layer->inner_count; i++)
        count = list_weights(layer->inner[i], out, count);
    return count;
}

/* Variables that are saved: no random state, no LoRA factors. */
static bool is_saved(const cuv_value *variable)
{
    const char *name = cuv_get_text(variable, "name");
    return !strstr(name, "seed_generator") && !cuv_starts_with(name, "lora_");
}

static bool same_weight(const cuv_weight *w, const cuv_value *variable, bool lora, char *why, size_t size)
{
    int64_t shape[CUV_MAX_RANK];
    int rank = read_shape(cuv_get(variable, "shape"), shape);
    bool trainable = cuv_get_bool(variable, "trainable", true);
    if (strcmp(w->name, cuv_get_text(variable, "name")) == 0 && cuv_shape_equal(w->shape, w->rank, shape, rank) &&
        (w->trainable == trainable || lora))
        return true;
    snprintf(why, size, "weight %s %s, not %s %s", w->name, cuv_shape_text(cx, w->shape, w->rank), cuv_get_text(variable, "name"),
             cuv_shape_text(cx, shape, rank));
    return false;
}

static bool same_weights(const cuv_layer *layer, const cuv_value *variables, bool lora, char *why, size_t size)
{
    const cuv_weight *weights[64];
    size_t count = list_weights(layer, weights, 0), at = 0;
    for (size_t i = 0; i < cuv_len(variables); i++) {
        if (!is_saved(cuv_item(variables, i)))
            continue;
        if (at >= count) {
            snprintf(why, size, "only %zu weights", count);
            return false;
        }
        if (!same_weight(weights[at++], cuv_item(variables, i), lora, why, size))
            return false;
    }
    snprintf(why, size, "%zu weights, not %zu", count, at);
    return at == count;
}

static bool run_case(const cuv_value *c, char *why, size_t size)
{
    cuv_layer like = {.keras = 3, .keras_minor = INT_MAX, .arena = arena}, *layer;
    cuv_sym in[8];
    cuv_program *p = cuv_program_new(arena);
    const cuv_value *inputs = cuv_get(c, "inputs");
    const cuv_kwarg reverse = {.name = "reverse", .tensor = {CUV_NO_REF, CUV_NO_REF}, .literal = cuv_value_bool(arena, true)};
    bool reversed = cuv_streq(cuv_get_text(c, "case"), "reverse call");
    size_t mark = cuv_findings_mark(cx);
    assert_non_null(p);
    make_inputs(p, inputs, in);
    cuv_status status = cuv_layer_new(arena, cuv_get(c, "config"), &like, &layer);
    cuv_call call = {.cx = cx, .arena = arena, .program = p, .layer = layer, .in = in, .in_count = cuv_len(inputs),
                     .kwargs = &reverse, .kwarg_count = reversed ? 1 : 0};
    if (status == CUV_OK)
        status = cuv_layer_call(&call);
    if (status != CUV_OK) {
        snprintf(why, size, "%s", last_finding());
        cuv_findings_rewind(cx, mark);
        return false;
    }
    bool lora = cuv_get_text(c, "case") && strstr(cuv_get_text(c, "case"), "lora");
    bool masks = layer->def->flags & CUV_LF_MASKS;
    if (!same_outputs(p, &call, cuv_get(c, "output"), why, size) ||
        !same_weights(layer, cuv_get(c, "variables"), lora, why, size))
        return false;
    const cuv_value *masking = cuv_get(c, "supports_masking");
    if (layer->def->flags & (CUV_LF_WRAPPER | CUV_LF_MERGE) || cuv_streq(layer->def->name, "Embedding") || !masking)
        return true;
    snprintf(why, size, "passing a mask on: %d", masks);
    return masks == masking->truth;
}

static void all_cases(void **state)
{
    size_t passed = 0, wrong = 0, listed = 0;
    char why[400];
    (void)state;
    if (!layers)
        skip();
    for (size_t i = 0; i < layers->size; i++) {
        const char *name = cuv_text(layers->pairs[i].key);
        const cuv_value *cases = cuv_get(layers->pairs[i].value, "cases");
        for (size_t k = 0; k < cuv_len(cases); k++) {
            const cuv_value *c = cuv_item(cases, k);
            const char *title = cuv_get_text(c, "case");
            if (!cuv_len(cuv_get(c, "inputs")))
                continue;
            bool ok = run_case(c, why, sizeof why), not_expected = is_unsupported(name, title);
            passed += ok && !not_expected;
            listed += !ok && not_expected;
            if (ok == not_expected) {
                wrong++;
                print_error("%s: %s: %s\n", name, title, ok ? "works, and is listed as unsupported" : why);
            }
        }
    }
    print_message("%zu cases of layers.json pass, %zu are listed as unsupported\n", passed, listed);
    assert_int_equal(wrong, 0);
}

/* ---- rows ----------------------------------------------------------------------------------------------------------------- */

static bool same_default(const cuv_param *row, const cuv_value *expected)
{
    if (cuv_streq(cuv_text(expected), "<required>"))
        return !row->fallback;
    const char *text = row->fallback;
    if (!text)
        return false;
    const char *repr = cuv_value_repr(cx, expected);
    char list[200];
    size_t n = 0;
    for (; repr[n] && n + 1 < sizeof list; n++)     /* tuples are lists in the dump */
        list[n] = repr[0] == '\'' ? repr[n] : repr[n] == '[' ? '(' : repr[n] == ']' ? ')' : repr[n];
    list[n] = 0;
    return strcmp(text, list) == 0;
}

static size_t check_rows(const cuv_layer_def *def, const cuv_value *constructor)
{
    size_t wrong = 0, row = 0;
    for (size_t i = 0; i < constructor->size; i++) {
        const char *name = cuv_text(constructor->pairs[i].key);
        const cuv_param *p = def->params ? &def->params[row] : NULL;
        if (name[0] == '*')
            continue;
        if (!p || !p->name || strcmp(p->name, name) != 0) {
            print_error("%s: row %zu is %s, not %s\n", def->name, row, p && p->name ? p->name : "missing", name);
            return wrong + 1;
        }
        row++;
        if (same_default(p, constructor->pairs[i].value))
            continue;
        print_error("%s: %s=%s, not %s\n", def->name, name, p->fallback ? p->fallback : "required",
                    cuv_value_repr(cx, constructor->pairs[i].value));
        wrong++;
    }
    return wrong;
}

static void all_rows(void **state)
{
    size_t wrong = 0, checked = 0;
    (void)state;
    if (!layers)
        skip();
    for (size_t i = 0; cuv_layer_all()[i]; i++) {
        const cuv_layer_def *def = cuv_layer_all()[i];
        const cuv_value *constructor = cuv_get(cuv_get(layers, def->name), "constructor");
        if (!constructor)
            continue;
        checked++;
        wrong += check_rows(def, constructor);
    }
    print_message("%zu descriptors have the rows of Keras's signatures\n", checked);
    assert_int_equal(wrong, 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(all_cases), cmocka_unit_test(all_rows)};
    return cmocka_run_group_tests(tests, setup, teardown);
}
