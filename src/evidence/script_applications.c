/* keras.applications: what its functions are given, checked as Keras checks it, and the files that hold the weights they begin with. The layers
 * are described in networks/, and made in script_ready.c. */
#include "evidence/read.h"
#include "evidence/script_ready.h"

#include <math.h>
#include <stdlib.h>

static const cuv_application applications[] = {
#define APPLICATION(name, arguments, before, least, model, model_before, file, bare) \
    {name, arguments, before, least, model, model_before, file, bare},
#include "evidence/applications.def"
#undef APPLICATION
};

static const cuv_application *application_of(const char *name)
{
    for (size_t i = 0; i < sizeof applications / sizeof *applications; i++)
        if (cuv_streq(applications[i].name, name))
            return &applications[i];
    return NULL;
}

static bool is_mobile(const cuv_ready *r, int version)
{
    const char *now = cuv_starts_with(r->application->name, "MobileNetV3") ? "3" : cuv_ends_with(r->application->name, "V2") ? "2" : "1";
    return cuv_starts_with(r->application->name, "MobileNet") && *now == '0' + version;
}

/* ---- arguments ---- */

static cuv_status wrong(const cuv_ready *r, const char *fmt, ...) CUV_PRINTF(2, 3);
static cuv_status wrong(const cuv_ready *r, const char *fmt, ...)
{
    va_list args;
    va_start(args, fmt);
    const char *text = cuv_arena_vprintf(r->e->arena, fmt, args);
    va_end(args);
    return text ? cuv_sc_fail(r->e, r->node, CUV_UNSUPPORTED, "script.argument", NULL, "%s: %s, which Keras refuses, too", r->application->name, text)
                : cuv_oom(r->e->cx);
}

static cuv_status not_known(const cuv_ready *r, const char *argument, const cuv_sv *v)
{
    return cuv_sc_fail(r->e, r->node, CUV_UNSUPPORTED, "script.unknown", "write its value out", "'%s' of %s is not known from the code: it is %s",
                       argument, r->application->name, cuv_sv_describe(r->e, v));
}

static const char *arguments_of(const cuv_ready *r)
{
    const cuv_application *a = r->application;
    return r->e->script->keras == 2 && a->before ? a->before : a->arguments;
}

static cuv_status check_names(const cuv_ready *r, const cuv_sargs *args)
{
    const char *words = arguments_of(r), *w = words;
    size_t most = 0;
    for (; *w; w += strspn(w, " "), most++)
        w += strcspn(w, " ");
    if (args->count > most)
        return wrong(r, "%zu arguments without names are given, and it has %zu", args->count, most);
    for (size_t i = 0; i < args->named; i++)
        if (!cuv_word_in(words, args->names[i]) && !cuv_word_in("name model_name backend layers models utils", args->names[i]))
            return cuv_sc_fail(r->e, r->node, CUV_UNSUPPORTED, "script.argument", cuv_sc_format(r->e, "it takes %s", words),
                               "%s has no argument '%s'", r->application->name, args->names[i]);
    return CUV_OK;
}

/* NULL: not given. */
static cuv_sv *given(const cuv_ready *r, const cuv_sargs *args, const char *name)
{
    const char *words = arguments_of(r), *w = words;
    size_t n = strlen(name), index = 0;
    for (; *w && (strcspn(w, " ") != n || strncmp(w, name, n) != 0); w += strspn(w, " "), index++)
        w += strcspn(w, " ");
    return cuv_sc_arg(args, *w ? index : args->count, name);
}

static cuv_status read_flag(const cuv_ready *r, const cuv_sargs *args, const char *name, bool *out)
{
    const cuv_sv *v = given(r, args, name);
    bool known = true, truth = v && cuv_sv_truth(v, &known);
    if (!known)
        return not_known(r, name, v);
    *out = v ? truth : *out;
    return CUV_OK;
}

static cuv_status read_number(const cuv_ready *r, const cuv_sargs *args, const char *name, double *out)
{
    const cuv_sv *v = given(r, args, name);
    double number = 0;
    if (!v)
        return CUV_OK;
    if (cuv_sv_unknown_in(v))
        return not_known(r, name, v);
    if (!cuv_sv_as_real(v, &number) || !isfinite(number))
        return wrong(r, "'%s' is %s, and no number", name, cuv_sv_describe(r->e, v));
    *out = number;
    return CUV_OK;
}

static cuv_status read_count(const cuv_ready *r, const cuv_sargs *args, const char *name, int64_t *out)
{
    const cuv_sv *v = given(r, args, name);
    int64_t count = 0;
    if (!v)
        return CUV_OK;
    if (cuv_sv_unknown_in(v))
        return not_known(r, name, v);
    if (!cuv_sv_as_int(v, &count) || count < 1 || count > INT32_MAX)
        return wrong(r, "'%s' is %s, and no number from 1 on", name, cuv_sv_describe(r->e, v));
    *out = count;
    return CUV_OK;
}

static cuv_status read_text(const cuv_ready *r, const cuv_sargs *args, const char *name, const char **out)
{
    const cuv_sv *v = given(r, args, name);
    if (!v || v->kind == CUV_SV_NONE)
        return CUV_OK;
    if (cuv_sv_unknown_in(v))
        return not_known(r, name, v);
    if (v->kind != CUV_SV_TEXT || !v->size || v->size > 100)
        return wrong(r, "'%s' is %s, and no name", name, cuv_sv_describe(r->e, v));
    *out = v->text;
    return CUV_OK;
}

static cuv_status read_shape(cuv_ready *r, const cuv_sargs *args)
{
    const cuv_sv *v = given(r, args, "input_shape");
    if (!v || v->kind == CUV_SV_NONE || (cuv_sv_is_seq(v) && !v->count))
        return CUV_OK;
    if (!cuv_sv_is_seq(v) || cuv_sv_unknown_in(v))
        return cuv_sv_unknown_in(v) ? not_known(r, "input_shape", v) : wrong(r, "'input_shape' is %s, and no tuple", cuv_sv_describe(r->e, v));
    if (v->count != 3)
        return wrong(r, "'input_shape' has %zu sizes; it must be a tuple of three integers", v->count);
    for (size_t i = 0; i < 3; i++) {
        bool none = v->items[i]->kind == CUV_SV_NONE;
        if (!none && (!cuv_sv_as_int(v->items[i], &r->shape[i]) || r->shape[i] < 1 || r->shape[i] > INT32_MAX))
            return wrong(r, "a size of 'input_shape' is %s", cuv_sv_describe(r->e, v->items[i]));
        r->shape[i] = none ? -1 : r->shape[i];
    }
    r->shape_given = true;
    return CUV_OK;
}

static cuv_status read_weights(cuv_ready *r, const cuv_sargs *args)
{
    r->weights = given(r, args, "weights");
    r->imagenet = !r->weights || cuv_sv_is(r->weights, "imagenet");
    if (r->imagenet || r->weights->kind == CUV_SV_NONE || r->weights->kind == CUV_SV_TEXT)
        return CUV_OK;
    return cuv_sv_unknown_in(r->weights) ? not_known(r, "weights", r->weights)
                                         : wrong(r, "'weights' is %s: neither None, 'imagenet' nor a file", cuv_sv_describe(r->e, r->weights));
}

static cuv_status read_tensor(cuv_ready *r, const cuv_sargs *args)
{
    cuv_sv *v = given(r, args, "input_tensor");
    if (!v || v->kind == CUV_SV_NONE)
        return CUV_OK;
    if (cuv_sv_unknown_in(v))
        return not_known(r, "input_tensor", v);
    if (v->kind != CUV_SV_TENSOR)
        return wrong(r, "'input_tensor' is %s, and no tensor of Keras", cuv_sv_describe(r->e, v));
    r->tensor = v->symbol;
    return CUV_OK;
}

/* What some of the networks alone take. */
static cuv_status read_special(cuv_ready *r, const cuv_sargs *args)
{
    bool rescales = true;
    CUV_TRY(read_number(r, args, "alpha", &r->wish.alpha));
    CUV_TRY(read_count(r, args, "depth_multiplier", &r->wish.multiplier));
    r->wish.other_dropout = given(r, args, "dropout") || given(r, args, "dropout_rate");
    CUV_TRY(read_number(r, args, "dropout", &r->wish.dropout));
    CUV_TRY(read_number(r, args, "dropout_rate", &r->wish.dropout));
    CUV_TRY(read_flag(r, args, "include_preprocessing", &rescales));
    r->wish.variant = !rescales;
    return read_flag(r, args, "minimalistic", &r->minimal);
}

static cuv_status read_arguments(cuv_ready *r, const cuv_sargs *args)
{
    const cuv_sv *pooling = given(r, args, "pooling");
    CUV_TRY(check_names(r, args));
    CUV_TRY(read_flag(r, args, "include_top", &r->wish.top));
    CUV_TRY(read_weights(r, args));
    CUV_TRY(read_tensor(r, args));
    CUV_TRY(read_shape(r, args));
    if (pooling && cuv_sv_unknown_in(pooling))
        return not_known(r, "pooling", pooling);
    r->wish.pooling = cuv_sv_is(pooling, "avg") ? 'a' : cuv_sv_is(pooling, "max") ? 'm' : 0;
    CUV_TRY(read_count(r, args, "classes", &r->wish.classes));
    CUV_TRY(read_text(r, args, "name", &r->name));
    CUV_TRY(read_text(r, args, "model_name", &r->name));
    CUV_TRY(read_special(r, args));
    r->activation = given(r, args, "classifier_activation");
    return r->activation && cuv_sv_unknown_in(r->activation) ? not_known(r, "classifier_activation", r->activation) : CUV_OK;
}

/* ---- as Keras checks them ---- */

static cuv_status check_numbers(const cuv_ready *r)
{
    const cuv_net_wish *w = &r->wish;
    bool soft = !r->activation || r->activation->kind == CUV_SV_NONE || cuv_sv_is(r->activation, "softmax") || cuv_sv_is(r->activation, "linear") ||
                (r->activation->kind == CUV_SV_NAME && cuv_ends_with(r->activation->text, ".softmax"));
    if (w->alpha <= 0 || w->alpha > 1e4)
        return wrong(r, "'alpha' is %g; it is a width from 0 (not itself) to 10000, of which 0.25 to 1.4 are usual", w->alpha);
    if (w->multiplier > 4096)
        return wrong(r, "'depth_multiplier' is %lld", (long long)w->multiplier);
    if (w->dropout < 0 || w->dropout > 1)
        return wrong(r, "the rate of its dropout is %g", w->dropout);
    if (r->imagenet && w->top && w->classes != 1000)
        return wrong(r, "with weights='imagenet' and include_top=True 'classes' must be 1000, and is %lld", (long long)w->classes);
    if (w->top && !soft && (!r->weights || r->weights->kind != CUV_SV_NONE))
        return wrong(r, "with pretrained weights 'classifier_activation' can only be None or 'softmax', and is %s",
                     cuv_sv_describe(r->e, r->activation));
    return CUV_OK;
}

/* Widths and sides that weights exist for. */
static cuv_status check_imagenet(const cuv_ready *r)
{
    static const double first[] = {.25, .5, .75, 1}, second[] = {.35, .5, .75, 1, 1.3, 1.4}, third[] = {.75, 1};
    const double *list = is_mobile(r, 1) ? first : is_mobile(r, 2) ? second : is_mobile(r, 3) ? third : NULL;
    size_t count = list == first ? 4 : list == second ? 6 : 2, i = list == third && r->minimal ? 1 : 0;
    if (!r->imagenet || !list)
        return CUV_OK;
    while (i < count && fabs(list[i] - r->wish.alpha) > 1e-12)
        i++;
    if (i == count)
        return wrong(r, "there are no weights of imagenet for alpha=%g", r->wish.alpha);
    return is_mobile(r, 1) && r->wish.multiplier > 1 ? wrong(r, "weights of imagenet are for depth_multiplier=1") : CUV_OK;
}

static bool usual_side(const cuv_ready *r, int64_t side)
{
    return side == 128 || side == 160 || side == 192 || side == 224 || (side == 96 && is_mobile(r, 2));
}

/* The sides that the network takes when nobody says any. */
static int64_t default_side(const cuv_ready *r)
{
    const int64_t *s = r->shape;
    bool follows = is_mobile(r, 1) || is_mobile(r, 2);
    int64_t from_tensor = is_mobile(r, 2) && !r->shape_given && r->tensor && r->tensor->shaped && r->tensor->rank == 4 &&
                          r->tensor->shape[1] == r->tensor->shape[2] ? r->tensor->shape[1] : -1;
    if (follows && r->shape_given && s[0] == s[1] && usual_side(r, s[0]))
        return s[0];
    return from_tensor > 0 && usual_side(r, from_tensor) ? from_tensor : r->network->size;
}

static void set_shape(cuv_ready *r, int64_t side, int64_t channels)
{
    r->shape[0] = r->shape[1] = side;
    r->shape[2] = channels;
}

/* obtain_input_shape of Keras. */
static cuv_status obtain_shape(cuv_ready *r)
{
    int64_t side = default_side(r), *s = r->shape, least = r->application->least;
    if (r->imagenet && r->wish.top) {
        if (r->shape_given && (s[0] != side || s[1] != side || s[2] != 3))
            return wrong(r, "with weights='imagenet' and include_top=True 'input_shape' must be (%lld, %lld, 3)", (long long)side, (long long)side);
        set_shape(r, side, 3);
        return CUV_OK;
    }
    if (!r->shape_given) {
        set_shape(r, r->wish.top ? side : -1, 3);
        if (!r->wish.top && r->e->script->keras != 2 && cuv_streq(r->application->name, "NASNetMobile"))
            set_shape(r, side, 3);
        return CUV_OK;
    }
    if (s[2] < 1)
        return wrong(r, "the number of channels in 'input_shape' is None");
    if (s[2] != 3 && r->imagenet)
        return wrong(r, "with weights='imagenet' the input must have 3 channels, and 'input_shape' has %lld", (long long)s[2]);
    if ((s[0] > 0 && s[0] < least) || (s[1] > 0 && s[1] < least))
        return wrong(r, "the input must be at least %lld x %lld", (long long)least, (long long)least);
    if (r->wish.top && (s[0] < 0 || s[1] < 0))
        return wrong(r, "with include_top=True the sides in 'input_shape' must be known");
    return CUV_OK;
}

/* MobileNetV3 has rules of its own: sides may be unknown, also with the top. */
static cuv_status obtain_third(cuv_ready *r)
{
    bool known = r->tensor && r->tensor->shaped && r->tensor->rank == 4;
    if (!r->shape_given)
        set_shape(r, -1, 3);
    if (!r->shape_given && known)
        memcpy(r->shape, (int64_t[]){r->tensor->shape[2], r->tensor->shape[1], 3}, sizeof r->shape);
    if (r->shape[2] < 1)
        return wrong(r, "the number of channels in 'input_shape' is None");
    if (r->shape[0] > 0 && r->shape[1] > 0 && (r->shape[0] < 32 || r->shape[1] < 32))
        return wrong(r, "the input must be at least 32 x 32");
    return CUV_OK;
}

static cuv_status check_tensor(const cuv_ready *r)
{
    const cuv_st *t = r->tensor;
    if (!t)
        return CUV_OK;
    if (!t->shaped)
        return cuv_sc_fail(r->e, r->node, CUV_UNSUPPORTED, "script.unknown", "make it with Input(shape=...), or of layers whose sizes are plain",
                           "the shape of the 'input_tensor' of %s is not known", r->application->name);
    if (t->rank != 4 || t->shape[3] < 1)
        return wrong(r, "its 'input_tensor' is no batch of pictures with known channels");
    if ((is_mobile(r, 2) || is_mobile(r, 3)) && r->shape_given && t->shape[2] != r->shape[1])
        return wrong(r, "'input_shape' and 'input_tensor' have other sides");
    return CUV_OK;
}

/* ---- names and files ---- */

static const char *name_of(cuv_ready *r)
{
    const cuv_application *a = r->application;
    int64_t rows = r->imagenet && (r->shape[0] != r->shape[1] || !usual_side(r, r->shape[0])) ? 224 : r->shape[0];
    if (r->name)
        return r->name;
    if (a->model)
        return r->e->script->keras == 2 && a->model_before ? a->model_before : a->model;
    const char *side = rows < 0 ? "None" : cuv_sc_format(r->e, "%lld", (long long)rows);
    return cuv_sc_format(r->e, "%s_%.2f_%s", is_mobile(r, 1) ? "mobilenet" : "mobilenetv2", r->wish.alpha, side);
}

/* 1.0, 0.75, 1.4: what Python says of a float. */
static const char *width_text(const cuv_ready *r)
{
    return r->wish.alpha == 1 ? "1.0" : cuv_sc_format(r->e, "%g", r->wish.alpha);
}

/* The file that Keras would fetch. */
static const char *file_of(const cuv_ready *r)
{
    const char *bare = r->wish.top ? "" : r->application->bare;
    bool usual = r->shape[0] == r->shape[1] && usual_side(r, r->shape[0]);
    int rows = usual ? (int)r->shape[0] : 224;
    if (is_mobile(r, 1)) {
        const char *width = r->wish.alpha == 1 ? "1_0" : r->wish.alpha == .75 ? "7_5" : r->wish.alpha == .5 ? "5_0" : "2_5";
        return cuv_sc_format(r->e, "mobilenet_%s_%d_tf%s.h5", width, rows, bare);
    }
    if (is_mobile(r, 2))
        return cuv_sc_format(r->e, "mobilenet_v2_weights_tf_dim_ordering_tf_kernels_%s_%d%s.h5", width_text(r), rows, bare);
    if (is_mobile(r, 3))
        return cuv_sc_format(r->e, "weights_mobilenet_v3_%s%s_224_%s_float%s.h5", cuv_ends_with(r->application->name, "Small") ? "small" : "large",
                             r->minimal ? "_minimalistic" : "", width_text(r), bare);
    return cuv_sc_format(r->e, "%s%s.h5", r->application->file, bare);
}

static cuv_status remember(const cuv_ready *r, const cuv_sl *model, const char *file)
{
    cuv_sc *e = r->e;
    cuv_arena *arena = e->ev->arena;
    cuv_script *s = e->script;
    cuv_wanted *grown = cuv_arena_grow(arena, s->wanted, s->wanted_count, &e->wanted_capacity, sizeof *grown);
    cuv_wanted w = {r->application->name, cuv_arena_strdup(arena, file), cuv_arena_strdup(arena, model->name),
                    cuv_arena_strdup(arena, cuv_sc_where(e, r->node)), cuv_arena_strdup(arena, cuv_py_excerpt(e->cx, e->src, r->node)),
                    CUV_NEW_ARRAY(arena, const char *, model->layer_count + 1), 0};
    if (!grown || !w.file || !w.model || !w.where || !w.excerpt || !w.layers)
        return cuv_oom(e->cx);
    for (; w.layer_count < model->layer_count; w.layer_count++)
        if (!(w.layers[w.layer_count] = cuv_arena_strdup(arena, model->layers[w.layer_count]->name)))
            return cuv_oom(e->cx);
    s->wanted = grown;
    grown[s->wanted_count++] = w;
    return CUV_OK;
}

/* Weights that are there are loaded; those that are not are remembered, in case that nothing else gives them. */
static cuv_status take_imagenet(const cuv_ready *r, cuv_sl *model)
{
    cuv_sc *e = r->e;
    const char *name = file_of(r);
    cuv_file *file = NULL;
    size_t mark = cuv_findings_mark(e->cx);
    cuv_status status = cuv_evidence_find(e->ev, e->file, name, cuv_sc_where(e, r->node), &file);
    if (status == CUV_OK)
        return file->arrangement == CUV_ARR_NONE ? CUV_OK : cuv_sc_take_file(e, model, file);
    if (status != CUV_NO)
        return status;
    cuv_findings_rewind(e->cx, mark);
    return remember(r, model, name);
}

/* ---- which release ---- */

/* Layers of the ResNet50 of 2015 to 2018 among the names of a file's weights. */
static bool names_2015(const cuv_file *file)
{
    for (size_t i = 0; i < file->group_count; i++)
        if (cuv_streq(file->groups[i].name, "res2a_branch2a") || cuv_streq(file->groups[i].name, "bn2a_branch2a"))
            return true;
    return false;
}

static const cuv_network *network_of(const cuv_ready *r)
{
    const char *name = r->application->name;
    for (size_t i = 0; cuv_streq(name, "ResNet50") && r->e->script->keras == 2 && i < r->e->ev->file_count; i++)
        if (names_2015(r->e->ev->files[i]))
            name = "ResNet50 of 2015";
    if (r->minimal)
        name = cuv_sc_format(r->e, "%s (minimalistic)", name);
    for (size_t i = 0; i < cuv_network_count; i++)
        if (cuv_streq(cuv_networks[i].name, name))
            return &cuv_networks[i];
    return NULL;
}

/* EfficientNet with the weights of imagenet rescales twice since Keras 2.10. */
static bool rescales_twice(const cuv_sc *e)
{
    for (size_t i = 0; i < e->ev->file_count; i++) {
        const char *version = e->ev->files[i]->keras_version;
        if (version && cuv_starts_with(version, "2.") && e->ev->files[i]->keras == 2)
            return strtol(version + 2, NULL, 10) >= 10;
    }
    return true;
}

/* ---- */

static cuv_status no_network(cuv_sc *e, const char *name, const cuv_py *node)
{
    const char *last = cuv_sc_last(name), *near = NULL;
    size_t best = 5;
    for (size_t i = 0; i < sizeof applications / sizeof *applications; i++) {
        size_t d = cuv_edit_distance(applications[i].name, last, best);
        near = d < best ? applications[i].name : near;
        best = d < best ? d : best;
    }
    static const char help[] = "save the whole model with model.save('model.keras') where it was made, or give its configuration (model.to_json()) "
                               "beside the weights";
    return cuv_sc_unsupported(e, node, near ? cuv_sc_format(e, "did you mean %s? Else %s", near, help) : help,
                              "'%s' is none of the networks of keras.applications that are known here", last);
}

static cuv_status make(cuv_ready *r, const cuv_sargs *args, cuv_sv **out)
{
    cuv_sc *e = r->e;
    cuv_sl *model = NULL;
    CUV_TRY(cuv_sc_effect(e, r->node));
    if (e->channels_first)
        return cuv_sc_unsupported(e, r->node, "leave the data format as it is", "%s with channels first", r->application->name);
    CUV_TRY(read_arguments(r, args));
    r->network = network_of(r);
    if (!r->network)
        return no_network(e, r->application->name, r->node);
    CUV_TRY(check_numbers(r));
    CUV_TRY(is_mobile(r, 3) ? obtain_third(r) : obtain_shape(r));
    CUV_TRY(check_imagenet(r));
    CUV_TRY(check_tensor(r));
    if (cuv_starts_with(r->application->name, "EfficientNetB"))
        r->wish.variant = r->imagenet && rescales_twice(e);
    r->wish.keras = e->script->keras == 2 ? 2 : 3;
    r->wish.name = r->application->before || cuv_starts_with(r->application->name, "ConvNeXt") ? name_of(r) : NULL;
    CUV_TRY(cuv_sc_make_ready(r, name_of(r), &model));
    if (r->imagenet)
        CUV_TRY(take_imagenet(r, model));
    else if (r->weights->kind == CUV_SV_TEXT)
        CUV_TRY(cuv_sc_load_weights(e, model, &(cuv_sargs){&r->weights, 1, NULL, NULL, 0, r->node}));
    return cuv_sl_value(e, model, out);
}

cuv_status cuv_sc_application(cuv_sc *e, const char *name, const cuv_sargs *args, cuv_sv **out)
{
    const char *last = cuv_sc_last(name);
    cuv_ready r = {.e = e, .node = args->node, .application = application_of(last), .shape = {-1, -1, -1},
                   .wish = {.alpha = 1, .top = true, .classes = 1000}};
    if (cuv_streq(last, "preprocess_input"))
        return cuv_sc_preprocess(e, name, args, out);
    if (cuv_starts_with(last, "decode_")) {
        e->skip = true;
        return cuv_sv_unknown(e, out, "what %s gives", name);
    }
    if (cuv_streq(last, "LayerScale") || cuv_streq(last, "CustomScaleLayer"))
        return cuv_sc_ready_layer(e, last, args, out);
    return r.application ? make(&r, args, out) : no_network(e, name, args->node);
}
