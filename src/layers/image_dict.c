/* Layers of images called on a dict, as Keras takes it since 3.8: {"images", "segmentation_masks", "labels", "bounding_boxes": {"boxes", "labels"}} and
 * whatever else is in it. They give a dict with the same keys, whose tensors count in the order of the keys; at inference most hand on everything but
 * the images. Which do what was measured on Keras 3.15 with training=False. */
#include "layers/image.h"
#include "layers/operation_emit.h"

#include <math.h>

enum { DEEPEST = 16 };

/* Where the dict's tensors stand among the inputs; -1: it has none. */
typedef struct parts { int images, masks, labels, boxes, box_labels; size_t box_keys; } parts;

static bool is_tensor(const cuv_value *v)
{
    return cuv_streq(cuv_get_text(v, "class_name"), "__keras_tensor__");
}

bool cuv_is_dict_of_tensors(const cuv_value *v)
{
    return v && v->kind == CUV_DICT && !is_tensor(v);
}

static const cuv_value *dict_of(const cuv_call *call)
{
    const cuv_kwarg *arg = call->arg_count ? &call->args[0] : NULL;
    return arg && arg->list_count == call->in_count && cuv_is_dict_of_tensors(arg->literal) ? arg->literal : NULL;
}

bool cuv_called_on_dict(const cuv_call *call)
{
    return dict_of(call) != NULL;
}

static size_t tensors_in(const cuv_value *v, unsigned depth)
{
    size_t n = 0;
    if (is_tensor(v))
        return 1;
    for (size_t i = 0; depth && cuv_is_seq(v) && i < v->size; i++)
        n += tensors_in(v->items[i], depth - 1);
    for (size_t i = 0; depth && v && v->kind == CUV_DICT && i < v->size; i++)
        n += tensors_in(v->pairs[i].value, depth - 1);
    return n;
}

/* How many of the dict's tensors come before those of the key. */
static int before(const cuv_value *dict, const char *key)
{
    size_t n = 0;
    for (size_t i = 0; i < dict->size; i++) {
        const char *other = cuv_text(dict->pairs[i].key);
        if (other && strcmp(other, key) < 0)
            n += tensors_in(dict->pairs[i].value, DEEPEST);
    }
    return (int)n;
}

static int place(const cuv_value *dict, const char *key)
{
    return is_tensor(cuv_get(dict, key)) ? before(dict, key) : -1;
}

static parts parts_of(const cuv_value *dict)
{
    const cuv_value *boxes = cuv_get(dict, "bounding_boxes");
    parts p = {place(dict, "images"), place(dict, "segmentation_masks"), place(dict, "labels"), -1, -1, 0};
    if (!cuv_is_dict_of_tensors(boxes))
        return p;
    const int first = before(dict, "bounding_boxes"), at = place(boxes, "boxes"), labels = place(boxes, "labels");
    p.box_keys = boxes->size;
    p.boxes = at < 0 ? -1 : first + at;
    p.box_labels = labels < 0 ? -1 : first + labels;
    return p;
}

/* Layers in a Pipeline are called as it is: what they are called on has values, and not only shapes. */
static bool in_pipeline(const cuv_layer *layer)
{
    return layer->parent && cuv_streq(layer->parent->def->name, "Pipeline");
}

/* What Keras raises an error for. */
static cuv_status check(cuv_call *call, const cuv_value *dict, const parts *p)
{
    const char *class_name = call->layer->def->name;
    const bool equalizes = cuv_streq(class_name, "ContrastLimitedAdaptiveHistogramEqualization"), boxes = cuv_get(dict, "bounding_boxes") != NULL;
    if (!cuv_layer_since(call->layer, 8))
        return cuv_call_unsupported(call, "a dict of tensors", "Keras takes it since 3.8");
    if (!in_pipeline(call->layer) && cuv_has_word("CenterCrop RandomColorDegeneration RandomCrop", class_name))
        return cuv_call_unsupported(call, "a dict of tensors", "Keras takes it in a Pipeline alone");
    if (p->images < 0 || tensors_in(dict, DEEPEST) != call->in_count)
        return cuv_call_unsupported(call, "a dict of tensors", "it must hold tensors alone, 'images' among them");
    if (equalizes && p->labels >= 0)
        return cuv_call_unsupported(call, "a dict with 'labels'", "Keras does not take them");
    if (boxes && (equalizes || cuv_has_word("CutMix RandomElasticTransform", class_name)))
        return cuv_call_unsupported(call, "a dict with 'bounding_boxes'", "Keras does not take them");
    if (boxes && cuv_arg_none(call->layer, "bounding_box_format"))
        return cuv_call_unsupported(call, "bounding_box_format", "boxes come in the dict");
    if (p->masks >= 0 && cuv_streq(class_name, "RandomCrop"))
        return cuv_call_unsupported(call, "a dict with 'segmentation_masks'", "Keras cuts them at random at inference, too");
    if (boxes && cuv_streq(class_name, "CenterCrop"))
        return cuv_call_unsupported(call, "a dict with 'bounding_boxes'", "cuvier does not cut boxes to an image's middle");
    if (boxes && (p->boxes < 0 || p->box_labels < 0))
        return cuv_call_unsupported(call, "a dict with 'bounding_boxes'", "they must be a dict of 'boxes' and 'labels'");
    if (boxes)
        CUV_TRY(cuv_call_expect_rank(call, (size_t)p->boxes, 3));
    if (boxes && cuv_call_in(call, (size_t)p->boxes)->shape[2] != 4)
        return cuv_bad_input(call, (size_t)p->boxes, "four numbers for each box");
    return cuv_call_expect_rank(call, (size_t)p->images, 4);
}

/* ---- MaxNumBoundingBoxes ----------------------------------------------------------------------------------------------------- */

/* x (b, n, ...) with so many along axis 1: the first, and numbers that stand for none. */
static cuv_ref as_many(cuv_call *call, cuv_ref x, int64_t most)
{
    const int64_t n = cuv_var_of(call, x)->shape[1];
    cuv_attrs pads = {.mode = CUV_MODE_CONSTANT, .value = cuv_arg_real(call->layer, "fill_value")};
    pads.pad_hi[1] = n < most ? most - n : 0;
    if (n > most)
        return cuv_slice_axis(call, x, 1, 0, most);
    return n < most ? cuv_emit(call->program, CUV_OP_PAD, CUV_IN(x), &pads) : x;
}

static cuv_status limit_boxes(cuv_call *call, const parts *p)
{
    const int64_t most = cuv_arg_int(call->layer, "max_number");
    cuv_ref *boxes = &call->out[p->boxes].value, *labels = &call->out[p->box_labels].value;
    CUV_TRY(cuv_call_expect_rank(call, (size_t)p->box_labels, 2));
    if (p->box_keys != 2)
        return cuv_call_unsupported(call, "a dict with 'bounding_boxes'", "only 'boxes' and 'labels' may be in it");
    if (most < 0 || cuv_var_of(call, *boxes)->shape[1] < 0 || cuv_var_of(call, *labels)->shape[1] < 0)
        return cuv_call_unsupported(call, "max_number", "the number of boxes must be known");
    *boxes = as_many(call, *boxes, most);
    *labels = as_many(call, *labels, most);
    return call->program->status;
}

/* ---- Resizing ---------------------------------------------------------------------------------------------------------------- */

/* How four numbers are a box: two corners, a corner and the size, the middle and the size; y before x; in parts of the image. */
typedef struct box_format { const char *name; enum { CORNERS, SIZE, CENTER } kind; bool y_first, relative; } box_format;
static const box_format box_formats[] = {
    {"xyxy", CORNERS, false, false}, {"yxyx", CORNERS, true, false}, {"xywh", SIZE, false, false}, {"center_xywh", CENTER, false, false},
    {"center_yxhw", CENTER, true, false}, {"rel_xyxy", CORNERS, false, true}, {"rel_yxyx", CORNERS, true, true}, {"rel_xywh", SIZE, false, true},
    {"rel_center_xywh", CENTER, false, true}};

static const box_format *format_of(const cuv_layer *layer)
{
    const char *text = cuv_arg_text(layer, "bounding_box_format");
    char lower[20];
    size_t n = 0;
    for (; text && text[n] && n + 1 < sizeof lower; n++)
        lower[n] = (char)(text[n] >= 'A' && text[n] <= 'Z' ? text[n] - 'A' + 'a' : text[n]);
    lower[n] = 0;
    for (size_t i = 0; text && !text[n] && i < sizeof box_formats / sizeof *box_formats; i++)
        if (strcmp(lower, box_formats[i].name) == 0)
            return &box_formats[i];
    return NULL;
}

static cuv_ref times(cuv_call *call, cuv_ref x, float factor)
{
    return E2(MUL, x, LIKE(x, (double)factor));
}

/* c: the four numbers; after it x1, y1, x2, y2 in pixels of the image of these sizes (width, height). */
static void to_corners(cuv_call *call, const box_format *f, const float *sizes, cuv_ref *c)
{
    for (int i = 0; i < 2; i++) {
        const cuv_ref half = f->kind == CENTER ? E2(DIV, c[i + 2], LIKE(c[i], 2)) : CUV_NO_REF, first = c[i];
        c[i] = f->kind == CENTER ? E2(SUB, first, half) : first;
        c[i + 2] = f->kind == CORNERS ? c[i + 2] : E2(ADD, first, f->kind == CENTER ? half : c[i + 2]);
        c[i] = f->relative ? times(call, c[i], sizes[i]) : c[i];
        c[i + 2] = f->relative ? times(call, c[i + 2], sizes[i]) : c[i + 2];
    }
}

static void from_corners(cuv_call *call, const box_format *f, const float *sizes, cuv_ref *c)
{
    for (int i = 0; i < 2; i++) {
        const cuv_ref size = f->kind == CORNERS ? CUV_NO_REF : E2(SUB, c[i + 2], c[i]);
        c[i] = f->kind == CENTER ? E2(ADD, c[i], E2(DIV, size, LIKE(size, 2))) : c[i];
        c[i + 2] = f->kind == CORNERS ? c[i + 2] : size;
        c[i] = f->relative ? E2(DIV, c[i], LIKE(c[i], (double)sizes[i])) : c[i];
        c[i + 2] = f->relative ? E2(DIV, c[i + 2], LIKE(c[i + 2], (double)sizes[i])) : c[i + 2];
    }
}

/* What becomes of a place in the image (width, height each): x scale + offset, in the numbers that Keras computes in float32. */
static void scale_of(const cuv_layer *layer, const float *from, const float *to, float *scale, float *offset)
{
    const float ratio[2] = {to[0] / from[0], to[1] / from[1]}, least = ratio[0] < ratio[1] ? ratio[0] : ratio[1], shape = from[0] / from[1];
    const bool wide = shape > (float)((double)to[0] / (double)to[1]);
    const float whole[2] = {wide ? to[1] * shape : to[0], wide ? to[1] : to[0] / shape};
    for (int i = 0; i < 2; i++) {
        scale[i] = ratio[i];
        offset[i] = 0;
        if (cuv_arg_bool(layer, "pad_to_aspect_ratio")) {
            scale[i] = least;
            offset[i] = floorf((to[i] - from[i] * least) / 2);
        } else if (cuv_arg_bool(layer, "crop_to_aspect_ratio")) {
            scale[i] = whole[i] / from[i];
            offset[i] = -floorf((whole[i] - to[i]) / 2);
        }
    }
}

/* Boxes of zeros, and of -1, stand for none. */
static cuv_ref stands_for_none(cuv_call *call, cuv_ref boxes)
{
    const cuv_ref minus = cuv_reduce(call, CUV_OP_ALL, E2(EQUAL, boxes, LIKE(boxes, -1)), (const int[]){2}, 1, true);
    return E2(LOGICAL_OR, minus, cuv_reduce(call, CUV_OP_ALL, E2(EQUAL, boxes, LIKE(boxes, 0)), (const int[]){2}, 1, true));
}

/* The label of a box of which nothing is left is -1. */
static cuv_status drop_labels(cuv_call *call, const parts *p, cuv_ref areas)
{
    cuv_ref *labels = &call->out[p->box_labels].value;
    CUV_TRY(cuv_call_expect_rank(call, (size_t)p->box_labels, 2));
    *labels = WHERE(E2(GREATER, cuv_squeeze(call, areas, 2), LIKE(areas, 0)), *labels, LIKE(*labels, -1));
    return call->program->status;
}

static cuv_status resize_boxes(cuv_call *call, const parts *p)
{
    const cuv_var *image = cuv_call_in(call, (size_t)p->images);
    const box_format *f = format_of(call->layer);
    const int64_t height = image->shape[call->layer->channels_first ? 2 : 1], width = image->shape[call->layer->channels_first ? 3 : 2];
    if (!f)
        return cuv_call_unsupported(call, "bounding_box_format", "Keras knows no such format");
    if (height < 1 || width < 1)
        return cuv_call_unsupported(call, "a dict with 'bounding_boxes'", "the sizes of the image must be known");
    const float from[2] = {(float)width, (float)height}, to[2] = {(float)cuv_arg_int(call->layer, "width"), (float)cuv_arg_int(call->layer, "height")};
    float scale[2], offset[2];
    cuv_ref x = call->out[p->boxes].value, none = stands_for_none(call, x), c[4];
    scale_of(call->layer, from, to, scale, offset);
    for (int i = 0; i < 4; i++)
        c[f->y_first ? i ^ 1 : i] = cuv_slice_axis(call, x, 2, i, i + 1);
    to_corners(call, f, from, c);
    for (int i = 0; i < 4; i++) {
        cuv_ref y = times(call, c[i], scale[i % 2]);
        y = offset[i % 2] != 0 ? E2(ADD, y, LIKE(y, (double)offset[i % 2])) : y;
        y = cuv_emit(call->program, CUV_OP_CLIP, CUV_IN(y), CUV_AT(.alpha = 0, .beta = (double)to[i % 2]));
        c[i] = y;
    }
    const cuv_ref areas = E2(MUL, E2(SUB, c[2], c[0]), E2(SUB, c[3], c[1]));
    for (int i = 0; i < 4; i++)
        c[i] = WHERE(none, LIKE(c[i], 0), c[i]);
    if (in_pipeline(call->layer))
        CUV_TRY(drop_labels(call, p, areas));
    from_corners(call, f, to, c);
    const int swap = f->y_first;
    x = cuv_concat2(call, cuv_concat2(call, c[swap], c[1 - swap], 2), cuv_concat2(call, c[2 + swap], c[3 - swap], 2), 2);
    call->out[p->boxes].value = x;
    return call->program->status;
}

/* Keras works out a shape of Resizing's result that fits two keys alone, and takes the first of its tensors for the result; in a Pipeline all. */
static cuv_status resized(cuv_call *call, const cuv_value *dict, const parts *p)
{
    cuv_call masks = {.cx = call->cx, .arena = call->arena, .program = call->program, .layer = call->layer, .in = &call->in[p->masks < 0 ? 0 : p->masks], .in_count = 1};
    if (in_pipeline(call->layer)) {
        if (p->boxes >= 0)
            CUV_TRY(resize_boxes(call, p));
        if (p->masks < 0)
            return CUV_OK;
        CUV_TRY(cuv_resize_by(&masks, "nearest"));
        call->out[p->masks].value = masks.out[0].value;
        return call->program->status;
    }
    if (dict->size != 2)
        return cuv_call_unsupported(call, "a dict of tensors", "Keras takes it with two keys alone");
    if (p->boxes == 0)
        CUV_TRY(resize_boxes(call, p));
    call->out_count = 1;
    return CUV_OK;
}

/* ---- calls ------------------------------------------------------------------------------------------------------------------- */

/* The layer's own way with images. */
static cuv_status change_images(cuv_call *call, int images)
{
    cuv_call alone = {.cx = call->cx, .arena = call->arena, .program = call->program, .layer = call->layer, .in = &call->in[images], .in_count = 1};
    CUV_TRY(call->layer->def->lower(&alone));
    call->out[images].value = alone.out[0].value;
    return call->program->status;
}

cuv_status cuv_lower_dict(cuv_call *call)
{
    const cuv_value *dict = dict_of(call);
    const parts p = parts_of(dict);
    const char *class_name = call->layer->def->name;
    CUV_TRY(check(call, dict, &p));
    if (call->in_count > CUV_MAX_OUTPUTS)
        return cuv_call_unsupported(call, "a dict of tensors", "there are too many");
    for (size_t i = 0; i < call->in_count; i++)
        call->out[i] = (cuv_sym){call->in[i].value, CUV_NO_REF};
    call->out_count = call->in_count;
    CUV_TRY(change_images(call, p.images));
    if (p.masks >= 0 && cuv_has_word("CutMix RandomFlip", class_name))
        call->out[p.masks].value = cuv_float_in(call, (size_t)p.masks);
    if (p.masks >= 0 && cuv_streq(class_name, "CenterCrop"))
        CUV_TRY(change_images(call, p.masks));
    if (p.boxes >= 0)
        call->out[p.boxes].value = cuv_emit_cast(call->program, call->in[p.boxes].value, CUV_F32);
    if (p.boxes >= 0 && cuv_streq(class_name, "MaxNumBoundingBoxes"))
        CUV_TRY(limit_boxes(call, &p));
    return cuv_streq(class_name, "Resizing") ? resized(call, dict, &p) : call->program->status;
}
