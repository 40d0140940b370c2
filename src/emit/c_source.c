/* A model as standalone C99: the plan for one fixed set of shapes, its steps as calls of the reference kernels, whose text comes
 * along. NAME.c with NAME.h, and NAME.weights where the weights have a file of their own. */
#include "emit/c_write.h"

enum { LEAST_RANK = 4 };      /* arrays of sizes are no shorter: gcc warns of unrolled loops over shorter ones */

/* ---- shapes ---- */

static cuv_status unknown_size(cuv_c_writer *w, const cuv_var *v)
{
    const char *shape = cuv_shape_text(w->cx, v->shape, v->rank);
    return cuv_fail(w->cx, CUV_NO, "write.size", &(cuv_detail){.file = w->path, .layer = v->name, .found = shape,
                    .help = "C source has fixed sizes: give the input's shape without the batch, --input-shape 28,28,1"},
                    "%s: input '%s' is %s; C source needs every size", w->path, v->name, shape);
}

static cuv_status fix_shape(cuv_c_writer *w, size_t i, const cuv_write_options *o, cuv_run_tensor *out)
{
    const cuv_var *v = &w->m->program->values[w->m->program->inputs[i]];
    int64_t given[CUV_MAX_RANK];
    int rank = 0;
    *out = (cuv_run_tensor){.dtype = cuv_dtype_kept(v->dtype), .rank = v->rank};
    memcpy(out->shape, v->shape, sizeof out->shape);
    if (v->dtype == CUV_STR)
        return cuv_fail(w->cx, CUV_UNSUPPORTED, "write.c_strings", &(cuv_detail){.file = w->path, .layer = v->name},
                        "%s: input '%s' takes strings, which C source does not have", w->path, v->name);
    if (o && i < o->input_shape_count && !cuv_parse_shape(o->input_shapes[i], given, &rank))
        return cuv_fail(w->cx, CUV_ARGUMENT, "input.form", &(cuv_detail){.found = o->input_shapes[i]},
                        "--input-shape %s is no list of sizes", o->input_shapes[i]);
    if (v->rank && v->shape[0] < 0)
        out->shape[0] = o && o->batch > 0 ? o->batch : 1;
    else if (v->rank && o && o->batch > 0 && v->shape[0] != o->batch)
        return cuv_fail(w->cx, CUV_NO, "write.batch", &(cuv_detail){.file = w->path, .layer = v->name},
                        "%s: input '%s' has a batch of %lld, not of %lld", w->path, v->name,
                        (long long)v->shape[0], (long long)o->batch);
    for (int k = 1; k < v->rank; k++) {
        if (out->shape[k] < 0 && rank == v->rank - 1)
            out->shape[k] = given[k - 1];
        if (out->shape[k] < 0)
            return unknown_size(w, v);
    }
    return CUV_OK;
}

static cuv_status make_plan(cuv_c_writer *w, const cuv_write_options *o)
{
    const cuv_program *p = w->m->program;
    cuv_run_tensor *inputs = CUV_NEW_ARRAY(w->arena, cuv_run_tensor, p->input_count + 1);
    if (!inputs)
        return cuv_oom(w->cx);
    for (size_t i = 0; i < p->input_count; i++)
        CUV_TRY(fix_shape(w, i, o, &inputs[i]));
    return cuv_plan_new(w->cx, p, inputs, &(cuv_plan_options){.reference = true}, &w->plan);
}

/* ---- what the steps need ---- */

static cuv_status need_act(cuv_c_writer *w, const cuv_act *act, const char *type)
{
    if (act->op == CUV_OP_NONE || !type)
        return CUV_OK;
    return cuv_c_text_need_act(w->text, cuv_op_about(act->op)->name, type);
}

static cuv_status refuse(cuv_c_writer *w, const cuv_plan_step *s, const char *why)
{
    const char *op = s->step ? cuv_op_about(s->step->op)->name : "copy", *layer = s->step ? s->step->layer : NULL;
    return cuv_fail(w->cx, CUV_UNSUPPORTED, "write.c_op", &(cuv_detail){.file = w->path, .layer = layer, .found = op},
                    "%s: layer '%s' needs %s, %s", w->path, layer ? layer : "", op, why);
}

static int list_rank(const int64_t *list)
{
    int n = 0;
    for (int i = 0; i < CUV_MAX_RANK; i++)
        if (list[i])
            n = i + 1;
    return n;
}

static void widen(cuv_c_writer *w, int rank)
{
    if (rank > w->rank)
        w->rank = rank;
}

static cuv_status note_attrs(cuv_c_writer *w, const cuv_attrs *a)
{
    const int64_t *const lists[] = {a->shape, a->pad_lo, a->pad_hi, a->start, a->stop, a->step};
    for (size_t i = 0; i < sizeof lists / sizeof lists[0]; i++)
        widen(w, list_rank(lists[i]));
    widen(w, a->axes_count);
    for (size_t i = 0; i < w->attr_count; i++)
        if (!memcmp(w->attrs[i], a, sizeof *a))
            return CUV_OK;
    w->attrs[w->attr_count++] = a;
    return CUV_OK;
}

static cuv_status need_step(cuv_c_writer *w, const cuv_plan_step *s)
{
    const char *type, *name = cuv_kernel_name(s->kernel, &type);
    const int count = s->args.in_count + s->args.out_count;
    for (int k = 0; k < count; k++) {
        if (s->refs[k] != CUV_NO_REF && s->args.in[k].dtype == CUV_STR)
            return refuse(w, s, "which works on strings; C source has none");
        widen(w, s->args.in[k].rank);
    }
    if (!name)
        return refuse(w, s, "whose kernel has no text");
    CUV_TRY(cuv_c_text_need(w->text, name, type));
    CUV_TRY(need_act(w, &s->args.attrs->act, type));
    CUV_TRY(need_act(w, &s->args.attrs->rec_act, type));
    if (s->indexed)
        CUV_TRY(cuv_c_text_need(w->text, "cuv_indices_fit", NULL));
    if (s->ranged)
        CUV_TRY(cuv_c_text_need(w->text, "cuv_numbers_fit", NULL));
    if (s->narrowed) {
        CUV_TRY(cuv_c_text_need(w->text, cuv_dtype_is_float(s->narrow) ? "cuv_round_half" : "cuv_wrap", NULL));
        CUV_TRY(cuv_c_text_need(w->text, "cuv_run_count", NULL));
    }
    return note_attrs(w, s->args.attrs);
}

/* ---- weights ---- */

static bool taken(const cuv_c_writer *w, const char *word)
{
    for (size_t i = 0; i < w->m->program->value_count; i++)
        if (w->weights[i] && !strcmp(w->weights[i], word))
            return true;
    return false;
}

static cuv_status name_weight(cuv_c_writer *w, cuv_ref root)
{
    const cuv_var *v = &w->plan->vars[root];
    char *word = v->name ? cuv_c_word(w->arena, v->name) : NULL;
    char *name = word ? cuv_arena_printf(w->arena, "w_%.60s", word) : cuv_arena_printf(w->arena, "w_%d", (int)root);
    if (name && taken(w, name))
        name = cuv_arena_printf(w->arena, "%s_%d", name, (int)root);
    size_t count, bytes;
    if (!name || !cuv_shape_count(v->shape, v->rank, &count) || !cuv_mul_size(count, cuv_stored_size(v->dtype), &bytes))
        return cuv_oom(w->cx);
    w->weights[root] = name;
    w->offsets[root] = w->weight_bytes + CUV_C_SIDE_HEADER;
    w->weight_bytes += (bytes + 63) / 64 * 64;
    return CUV_OK;
}

static cuv_status find_weights(cuv_c_writer *w)
{
    for (size_t i = 0; i < w->plan->step_count; i++) {
        const cuv_plan_step *s = &w->plan->steps[i];
        for (int k = 0; k < s->args.in_count; k++) {
            if (s->refs[k] < 0)
                continue;
            const cuv_ref root = w->plan->places[s->refs[k]].root;
            if (w->plan->places[root].home == CUV_HOME_FIXED && !w->weights[root])
                CUV_TRY(name_weight(w, root));
        }
    }
    return CUV_OK;
}

static size_t weight_size(const cuv_c_writer *w, size_t root)
{
    size_t count = 0;
    (void)cuv_shape_count(w->plan->vars[root].shape, w->plan->vars[root].rank, &count);
    return count;
}

static cuv_status write_arrays(cuv_c_writer *w)
{
    cuv_buffer_text(&w->buffer, "\n/* ---- weights ---- */\n");
    for (size_t i = 0; i < w->m->program->value_count; i++) {
        const cuv_var *v = &w->plan->vars[i];
        if (!w->weights[i])
            continue;
        cuv_buffer_text(&w->buffer, "\n/* ");
        cuv_c_comment(&w->buffer, v->name ? v->name : "made of weights and constants");
        cuv_buffer_printf(&w->buffer, ": %s %s */\n", cuv_dtype_name(v->dtype), cuv_shape_text(w->cx, v->shape, v->rank));
        CUV_TRY(cuv_c_array(w, w->weights[i], v->dtype, w->plan->places[i].data, weight_size(w, i)));
    }
    return CUV_OK;
}

/* Calls `take` for the bytes of the side file's weights in their order, with the zeros between them. */
static cuv_status each_weight(cuv_c_writer *w, cuv_output *out)
{
    static const uint8_t zeros[64];
    for (size_t i = 0; i < w->m->program->value_count; i++) {
        if (!w->weights[i])
            continue;
        const size_t bytes = weight_size(w, i) * cuv_stored_size(w->plan->vars[i].dtype), rest = (64 - bytes % 64) % 64;
        if (out) {
            CUV_TRY(cuv_output_write(out, w->plan->places[i].data, bytes));
            CUV_TRY(cuv_output_write(out, zeros, rest));
        } else {
            w->crc = cuv_crc32(w->crc, w->plan->places[i].data, bytes);
            w->crc = cuv_crc32(w->crc, zeros, rest);
        }
    }
    return CUV_OK;
}

/* "CUVIER\0\1", the number 1 (tells the byte order), CRC-32 of the weights, their size; zeros up to 64 bytes; weights. */
static cuv_status write_side(cuv_c_writer *w, cuv_output *out)
{
    uint8_t header[CUV_C_SIDE_HEADER] = {'C', 'U', 'V', 'I', 'E', 'R', 0, 1};
    const uint32_t words[2] = {1, w->crc};
    memcpy(header + 8, words, sizeof words);
    memcpy(header + 16, &w->weight_bytes, sizeof w->weight_bytes);
    CUV_TRY(cuv_output_write(out, header, sizeof header));
    return each_weight(w, out);
}

static void add_side_check(cuv_c_writer *w)
{
    cuv_buffer_printf(&w->buffer, "\nint %s_weights_fit(const void *weights, size_t size)\n{\n"
                      "    static const unsigned char magic[8] = {'C', 'U', 'V', 'I', 'E', 'R', 0, 1};\n"
                      "    const uint32_t words[2] = {1, UINT32_C(0x%08x)};\n"
                      "    return size == %s_WEIGHTS_BYTES && (uintptr_t)weights %% 8 == 0 && !memcmp(weights, magic, 8) &&\n"
                      "           !memcmp((const unsigned char *)weights + 8, words, 8);\n}\n",
                      w->name, (unsigned)w->crc, w->upper);
}

/* ---- the source ---- */

static void add_opening(cuv_c_writer *w)
{
    cuv_buffer *out = &w->buffer;
    cuv_buffer_text(out, "/* Model '");
    cuv_c_comment(out, w->m->name);
    cuv_buffer_printf(out, "' as standalone C99, written by cuvier %s; see the header. The kernels are the text of cuvier's reference\n"
                      " * kernels, which specify what each step computes: without fused multiply-add (-ffp-contract=off) the results\n"
                      " * are the same to the last bit. */\n#include \"", cuv_version());
    const char *base = cuv_path_name(w->path);
    cuv_buffer_add(out, base, strlen(base) - 2);
    cuv_buffer_text(out, ".h\"\n\n#include <math.h>\n#include <stdbool.h>\n#include <stddef.h>\n#include <string.h>\n\n"
                         "#if defined(__clang__)\n#pragma STDC FP_CONTRACT OFF\n#endif\n");
    cuv_buffer_printf(out, "\n#define CUV_MAX_RANK %d\n", w->rank > LEAST_RANK ? w->rank : LEAST_RANK);
}

static cuv_status write_source(cuv_c_writer *w)
{
    add_opening(w);
    cuv_c_attr_types(w, &w->buffer);
    cuv_c_text_write(w->text, &w->buffer);
    if (!w->side)
        CUV_TRY(write_arrays(w));
    cuv_buffer_text(&w->buffer, "\n/* ---- steps ---- */\n");
    cuv_c_attr_values(w, &w->buffer);
    CUV_TRY(cuv_c_steps(w));
    if (w->side)
        add_side_check(w);
    return cuv_c_selftest(w);
}

/* ---- files ---- */

static cuv_status open_beside(cuv_c_writer *w, const char *end, cuv_output **out)
{
    const char *path = cuv_arena_printf(w->arena, "%.*s%s", (int)strlen(w->path) - 2, w->path, end);
    return path ? cuv_output_open(w->cx, path, out) : cuv_oom(w->cx);
}

static cuv_status commit(cuv_output **out)
{
    cuv_output *last = *out;
    *out = NULL;
    return last ? cuv_output_commit(last) : CUV_OK;
}

static cuv_status write_files(cuv_c_writer *w)
{
    cuv_output *header = NULL, *side = NULL;
    cuv_buffer text;
    cuv_buffer_init(&text, w->cx);
    cuv_status status = cuv_output_open(w->cx, w->path, &w->source);
    if (status == CUV_OK)
        status = open_beside(w, ".h", &header);
    if (status == CUV_OK && w->side)
        status = open_beside(w, ".weights", &side);
    if (status == CUV_OK)
        status = write_source(w);
    cuv_c_header(w, &text);
    if (status == CUV_OK)
        status = text.failed ? cuv_oom(w->cx) : cuv_output_write(header, text.data, text.size);
    if (status == CUV_OK && side)
        status = write_side(w, side);
    if (status == CUV_OK)
        status = commit(&side);
    if (status == CUV_OK)
        status = commit(&header);
    if (status == CUV_OK)
        status = commit(&w->source);
    cuv_output_discard(side);
    cuv_output_discard(header);
    cuv_output_discard(w->source);
    cuv_buffer_free(&text);
    return status;
}

static cuv_status take_name(cuv_c_writer *w)
{
    const char *base = cuv_path_name(w->path);
    const size_t n = strlen(base);
    bool fits = n > 2 && !strcmp(base + n - 2, ".c");
    for (size_t i = 0; fits && i < n; i++)
        fits = (unsigned char)base[i] >= ' ' && !strchr("\"\\*<>?", base[i]);
    if (!fits)
        return cuv_fail(w->cx, CUV_ARGUMENT, "write.c_name", &(cuv_detail){.file = w->path,
                        .help = "choose a name such as model.c; its header model.h is written beside it"},
                        "%s: C source needs a name that ends with .c and can stand in an #include", w->path);
    char *stem = cuv_arena_strndup(w->arena, base, n - 2);
    w->name = stem ? cuv_c_word(w->arena, stem) : NULL;
    w->upper = w->name ? cuv_arena_strdup(w->arena, w->name) : NULL;
    if (!w->upper)
        return cuv_oom(w->cx);
    for (char *c = w->upper; *c; c++)
        *c = *c >= 'a' && *c <= 'z' ? (char)(*c - 'a' + 'A') : *c;
    return CUV_OK;
}

static cuv_status prepare(cuv_c_writer *w, const cuv_write_options *o)
{
    CUV_TRY(take_name(w));
    CUV_TRY(make_plan(w, o));
    CUV_TRY(cuv_c_text_new(w->arena, &w->text));
    const size_t values = w->m->program->value_count + 1;
    w->weights = CUV_NEW_ARRAY(w->arena, const char *, values);
    w->offsets = CUV_NEW_ARRAY(w->arena, uint64_t, values);
    w->attrs = CUV_NEW_ARRAY(w->arena, const cuv_attrs *, w->plan->step_count + 1);
    w->reads_input = CUV_NEW_ARRAY(w->arena, bool, w->m->program->input_count + 1);
    if (!w->weights || !w->offsets || !w->attrs || !w->reads_input)
        return cuv_oom(w->cx);
    CUV_TRY(cuv_c_text_need(w->text, "cuv_kernel_args", NULL));
    for (size_t i = 0; i < w->plan->step_count; i++)
        CUV_TRY(need_step(w, &w->plan->steps[i]));
    CUV_TRY(cuv_c_text_settle(w->text));
    CUV_TRY(find_weights(w));
    return w->side ? each_weight(w, NULL) : CUV_OK;
}

cuv_status cuv_write_c(struct cuv_model *m, const char *path, const cuv_write_options *o)
{
    cuv_arena *arena = cuv_arena_new(m->cx);
    if (!arena)
        return cuv_oom(m->cx);
    cuv_c_writer w = {.cx = m->cx, .arena = arena, .m = m, .path = path, .side = o && o->weights_file};
    cuv_buffer_init(&w.buffer, m->cx);
    cuv_status status = prepare(&w, o);
    if (status == CUV_OK)
        status = write_files(&w);
    cuv_buffer_free(&w.buffer);
    cuv_plan_free(w.plan);
    cuv_arena_free(arena);
    return status;
}
