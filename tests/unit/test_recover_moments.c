/* Activations read off the stored statistics of normalisations, against the configuration, which is not looked at for it: trained networks of
 * other people, or those of the folders in CUV_TEST_TRAINED (colon between them). The last line counts; CUV_SHOW=1 shows each. */
#include "model/model.h"
#include "recover/moments.h"

#include <ftw.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>

#include <cmocka.h>

enum { MOST = 2000 };
static struct { size_t files, sought, told, right, sure, sure_right; } seen;

/* ---- a model as steps, its activation layers to be found ---- */

typedef struct steps {
    const struct cuv_model *m;
    cuv_moment_node nodes[MOST];
    const char *wanted[MOST];       /* the activation that is to be found there */
    const char *name[MOST];
    size_t count;
} steps;

static const cuv_tensor *weight_of(const cuv_layer *layer, const char *name)
{
    for (size_t i = 0; i < layer->weight_count; i++)
        if (cuv_streq(layer->weights[i].name, name))
            return layer->weights[i].value;
    return NULL;
}

static int act_index(const char *name)
{
    for (int i = 0; i < CUV_ACT_COUNT; i++)
        if (cuv_streq(cuv_acts[i].name, name))
            return i;
    return -1;
}

static int32_t step_of(const steps *s, const char *layer)
{
    for (size_t i = s->count; i-- > 0;)
        if (cuv_streq(s->name[i], layer))
            return (int32_t)i;
    return -1;
}

static cuv_moment_kind kind_of(const char *class_name)
{
    static const struct { const char *name; cuv_moment_kind kind; } kinds[] = {
        {"BatchNormalization", CUV_M_NORM}, {"Dense", CUV_M_DENSE}, {"Conv1D", CUV_M_CONV}, {"Conv2D", CUV_M_CONV},
        {"Conv2DTranspose", CUV_M_TRANSPOSE}, {"DepthwiseConv2D", CUV_M_DEPTHWISE}, {"SeparableConv2D", CUV_M_SEPARABLE},
        {"Dropout", CUV_M_KEEP}, {"Activation", CUV_M_KEEP}, {"ReLU", CUV_M_KEEP}, {"ZeroPadding2D", CUV_M_UNKNOWN},
        {"AveragePooling2D", CUV_M_KEEP}, {"GlobalAveragePooling2D", CUV_M_KEEP}, {"Add", CUV_M_ADD}, {"Concatenate", CUV_M_CONCAT},
        {"Flatten", CUV_M_KEEP}};
    for (size_t i = 0; i < sizeof kinds / sizeof *kinds; i++)
        if (cuv_streq(kinds[i].name, class_name))
            return kinds[i].kind;
    return CUV_M_UNKNOWN;
}

static void set_window(cuv_moment_node *n, const cuv_layer *layer, const cuv_var *in, const cuv_var *out)
{
    int64_t strides[3] = {1, 1, 1}, dilations[3] = {1, 1, 1};
    n->spatial = layer->def->spatial;
    cuv_arg_sizes(layer, "strides", strides);
    if (!cuv_streq(layer->def->name, "SeparableConv2D"))
        cuv_arg_sizes(layer, "dilation_rate", dilations);
    n->stride = strides[0];
    n->dilation = dilations[0];
    n->pad = cuv_arg_is(layer, "padding", "same") ? CUV_PAD_SAME : cuv_arg_is(layer, "padding", "causal") ? CUV_PAD_CAUSAL : CUV_PAD_VALID;
    for (int i = 0; i < n->spatial; i++) {
        n->size_in[i] = in->shape[i + 1];
        n->size_out[i] = out->shape[i + 1];
    }
}

static void add_step(steps *s, const cuv_node *node)
{
    cuv_layer *layer = node->layer;
    const cuv_program *p = s->m->program;
    cuv_moment_node *n = &s->nodes[s->count];
    const char *class_name = layer->def->name, *act = NULL;
    assert_true(s->count < MOST);
    *n = (cuv_moment_node){.kind = kind_of(class_name), .stride = 1, .dilation = 1};
    for (size_t i = 0; i < node->inbound_count && i < CUV_R_MAX_IN; i++)
        n->in[n->in_count++] = step_of(s, node->inbound[i]);
    n->gamma = weight_of(layer, "gamma");
    n->beta = weight_of(layer, "beta");
    n->mean = weight_of(layer, "moving_mean");
    n->variance = weight_of(layer, "moving_variance");
    n->kernel = weight_of(layer, n->kind == CUV_M_DEPTHWISE || n->kind == CUV_M_SEPARABLE ? "depthwise_kernel" : "kernel");
    n->kernel = n->kernel ? n->kernel : weight_of(layer, "kernel");
    n->pointwise = weight_of(layer, "pointwise_kernel");
    n->bias = weight_of(layer, "bias");
    if (cuv_streq(class_name, "ReLU"))
        act = cuv_arg_none(layer, "max_value") ? "relu" : "relu6";
    else if (cuv_streq(class_name, "Activation") || (n->kernel && layer->def->params))
        act = cuv_arg_text(layer, "activation");
    n->act = act ? act_index(act) : 0;
    if (n->act < 0)
        n->kind = CUV_M_UNKNOWN;
    if (n->kind == CUV_M_KEEP && act)
        n->act = CUV_M_ACT_TO_FIND;
    s->wanted[s->count] = n->act == CUV_M_ACT_TO_FIND ? act : NULL;
    s->name[s->count++] = layer->name;
    if (n->kernel && n->kind != CUV_M_DENSE && n->kind != CUV_M_UNKNOWN && node->inbound_count) {
        const cuv_node *before = NULL;
        for (size_t i = 0; i < s->m->node_count; i++)
            if (cuv_streq(s->m->nodes[i].layer->name, node->inbound[0]))
                before = &s->m->nodes[i];
        if (before)
            set_window(n, layer, cuv_program_var(p, before->outputs[0].value), cuv_program_var(p, node->outputs[0].value));
    }
}

/* ---- the comparison ---- */

static void check_model(const char *path, const struct cuv_model *m, cuv_context *cx)
{
    steps *s = calloc(1, sizeof *s);
    cuv_moment_view *views = calloc(MOST, sizeof *views);
    size_t right = 0, told = 0;
    unsigned usual;
    s->m = m;
    for (size_t i = 0; i < m->node_count; i++)
        add_step(s, &m->nodes[i]);
    assert_int_equal(cuv_moments(cx, s->nodes, s->count, views, &usual), CUV_OK);
    for (size_t i = 0; i < s->count; i++) {
        if (!s->wanted[i])
            continue;
        seen.sought++;
        if (!views[i].witnesses)
            continue;
        bool fits = cuv_acts_look_alike(views[i].best, (unsigned)act_index(s->wanted[i])), sure = cuv_moment_is_sure(&views[i]);
        told++;
        right += fits;
        seen.sure += sure;
        seen.sure_right += sure && fits;
        if (getenv("CUV_SHOW"))
            print_message("  %s %s: %s found, residual %.3f, rival %.2f nats, %s is %.2f\n", s->name[i], s->wanted[i],
                          cuv_ract_text(cx, views[i].best), views[i].residual, views[i].rival, s->wanted[i],
                          views[i].cost[act_index(s->wanted[i])]);
    }
    if (told)
        print_message("%s: %zu of %zu\n", path, right, told);
    seen.files += told > 0;
    seen.told += told;
    seen.right += right;
    free(views);
    free(s);
}

static int check_file(const char *path, const struct stat *info, int type, struct FTW *where)
{
    cuv_context *cx;
    cuv_evidence *ev;
    cuv_model *m;
    (void)info;
    (void)where;
    if (type != FTW_F || !(cuv_ends_with(path, "5") || cuv_ends_with(path, ".keras")))
        return 0;
    assert_int_equal(cuv_context_new(NULL, &cx), CUV_OK);
    assert_int_equal(cuv_evidence_new(cx, &ev), CUV_OK);
    if (cuv_evidence_add_file(ev, path) == CUV_OK && cuv_rebuild(ev, &m) == CUV_OK) {
        check_model(path, m, cx);
        cuv_model_free(m);
    }
    cuv_evidence_free(ev);
    cuv_context_free(cx);
    return 0;
}

static void test_moments(void **state)
{
    (void)state;
    char folders[4096];
    snprintf(folders, sizeof folders, "%s", getenv("CUV_TEST_TRAINED") ? getenv("CUV_TEST_TRAINED") : CUV_TEST_SHARED "/real-models");
    for (char *p = folders, *end; p; p = end) {
        end = strchr(p, ':');
        if (end)
            *end++ = '\0';
        nftw(p, check_file, 16, FTW_PHYS);
    }
    print_message("%zu trained networks: %zu of %zu activations told, %zu right; %zu told for sure, %zu right\n", seen.files, seen.told,
                  seen.sought, seen.right, seen.sure, seen.sure_right);
    if (!seen.files)
        skip();
    assert_int_equal(seen.sure, seen.sure_right);
    assert_in_range(seen.right * 10, seen.told * 8, seen.told * 10);
    assert_in_range(seen.sure * 10, seen.told * 2, seen.told * 10);
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(test_moments)};
    return cmocka_run_group_tests_name("recover moments", tests, NULL, NULL);
}
