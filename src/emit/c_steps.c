/* The steps of a plan as calls of the reference kernels. */
#include "emit/c_write.h"

void cuv_c_port(const cuv_c_writer *w, char letter, size_t i, cuv_buffer *out)
{
    const bool input = letter == 'x' || letter == 'X';
    const size_t count = input ? w->m->program->input_count : w->m->program->output_count;
    if (count == 1)
        cuv_buffer_char(out, letter);
    else
        cuv_buffer_printf(out, "%c%zu", letter, i);
}

void cuv_c_parameters(const cuv_c_writer *w, bool types, cuv_buffer *out)
{
    const cuv_program *p = w->m->program;
    if (w->side)
        cuv_buffer_text(out, types ? "const void *weights, " : "weights, ");
    for (size_t i = 0; i < p->input_count; i++) {
        if (types)
            cuv_buffer_printf(out, "const %s *", cuv_c_type(w->plan->inputs[i].dtype));
        cuv_c_port(w, 'x', i, out);
        cuv_buffer_text(out, ", ");
    }
    for (size_t i = 0; i < p->output_count; i++) {
        if (types)
            cuv_buffer_printf(out, "%s *", cuv_c_type(w->plan->outputs[i].dtype));
        cuv_c_port(w, 'y', i, out);
        cuv_buffer_text(out, ", ");
    }
    cuv_buffer_text(out, types ? "void *arena" : "arena");
}

/* Halves that the caller gives are read from the caller's memory once, by the step that rounds them. */
static bool rounds_input(const cuv_c_writer *w, const cuv_plan_step *s, int k)
{
    return !s->step && k == 0 && w->m->program->values[s->refs[0]].kind == CUV_V_INPUT && s->refs[1] == s->refs[0];
}

static void add_pointer(cuv_c_writer *w, const cuv_plan_step *s, int k)
{
    cuv_buffer *out = &w->buffer;
    const cuv_ref ref = s->refs[k];
    if (ref <= -2) {
        cuv_c_port(w, 'y', (size_t)(-2 - ref), out);
        return;
    }
    if (ref == CUV_NO_REF) {
        cuv_buffer_text(out, "NULL");
        return;
    }
    const cuv_ref root = w->plan->places[ref].root;
    const cuv_place *place = &w->plan->places[root];
    switch (rounds_input(w, s, k) ? CUV_HOME_INPUT : place->home) {
    case CUV_HOME_NONE: cuv_buffer_text(out, "NULL"); break;
    case CUV_HOME_FIXED:
        if (w->side)
            cuv_buffer_printf(out, "(void *)(uintptr_t)(fixed + %llu)", (unsigned long long)w->offsets[root]);
        else
            cuv_buffer_printf(out, "(void *)(uintptr_t)%s", w->weights[root]);
        break;
    case CUV_HOME_INPUT:
        w->reads_input[place->index] = true;
        cuv_buffer_text(out, "(void *)(uintptr_t)");
        cuv_c_port(w, 'x', place->index, out);
        break;
    case CUV_HOME_OUTPUT: cuv_c_port(w, 'y', place->index, out); break;
    case CUV_HOME_BLOCK:
        cuv_buffer_printf(out, "block + %zu", place->offset);
        break;
    }
}

static void add_tensor(cuv_c_writer *w, const cuv_plan_step *s, int k)
{
    const cuv_run_tensor *t = &s->args.in[k];      /* outputs follow the inputs */
    cuv_buffer_printf(&w->buffer, "{%s, %d, {", cuv_c_dtype(t->dtype), t->rank);
    for (int i = 0; i < t->rank; i++)
        cuv_buffer_printf(&w->buffer, "%s%lld", i ? ", " : "", (long long)t->shape[i]);
    cuv_buffer_text(&w->buffer, t->rank ? "}, " : "0}, ");
    add_pointer(w, s, k);
    cuv_buffer_char(&w->buffer, '}');
}

static void add_tensors(cuv_c_writer *w, const cuv_plan_step *s, int from, int count)
{
    const char *gap = count > 1 ? "\n            " : "";
    for (int k = 0; k < count; k++) {
        cuv_buffer_printf(&w->buffer, "%s%s", k ? "," : "", gap);
        add_tensor(w, s, from + k);
    }
    if (!count)
        cuv_buffer_text(&w->buffer, "{CUV_F32, 0, {0}, NULL}");
    cuv_buffer_text(&w->buffer, "};\n");
}

static void add_title(cuv_c_writer *w, const cuv_plan_step *s)
{
    const cuv_op_info *op = s->step ? cuv_op_about(s->step->op) : NULL;
    cuv_buffer_text(&w->buffer, "\n    /* ");
    if (s->step && s->step->layer) {
        cuv_c_comment(&w->buffer, s->step->layer);
        cuv_buffer_text(&w->buffer, ": ");
    }
    if (op) {
        cuv_buffer_printf(&w->buffer, "%s: ", op->name);
        cuv_c_comment(&w->buffer, op->doc);
    } else
        cuv_buffer_text(&w->buffer, "copy");
    cuv_buffer_text(&w->buffer, " */\n    {\n");
}

static size_t attrs_index(const cuv_c_writer *w, const cuv_attrs *attrs)
{
    for (size_t i = 0; i < w->attr_count; i++)
        if (!memcmp(w->attrs[i], attrs, sizeof *attrs))
            return i;
    return 0;
}

static void add_scratch(cuv_c_writer *w, const cuv_plan_step *s)
{
    if (s->scratch == SIZE_MAX) {
        cuv_buffer_text(&w->buffer, "NULL");
        return;
    }
    cuv_buffer_printf(&w->buffer, "block + %zu", s->scratch);
}

static void add_call(cuv_c_writer *w, const cuv_plan_step *s)
{
    const char *type, *name = cuv_kernel_name(s->kernel, &type);
    cuv_buffer *out = &w->buffer;
    if (s->indexed)
        cuv_buffer_printf(out, "        if (!cuv_indices_fit(&in[1], in[0].shape[%d]))\n            return %s_BAD_INDEX;\n",
                          s->args.attrs->axis, w->upper);
    double least, most;
    if (s->ranged && cuv_cast_range(s->args.attrs->dtype, &least, &most))
        cuv_buffer_printf(out, "        if (!cuv_numbers_fit(&in[0], %.1f, %.1f))\n            return %s_BAD_NUMBER;\n", least, most, w->upper);
    if (type)
        cuv_buffer_printf(out, "        cuv_%s_%s(&args);\n", name, type);
    else
        cuv_buffer_printf(out, "        %s(&args);\n", name);
    for (int i = 0; s->narrowed >> i; i++)
        if (s->narrowed >> i & 1)
            cuv_buffer_printf(out, "        %s(out[%d].data, cuv_run_count(&out[%d]), %s);\n",
                              cuv_dtype_is_float(s->narrow) ? "cuv_round_half" : "cuv_wrap", i, i, cuv_c_dtype(s->narrow));
}

static cuv_status add_step(cuv_c_writer *w, const cuv_plan_step *s)
{
    cuv_buffer *out = &w->buffer;
    add_title(w, s);
    cuv_buffer_text(out, "        const cuv_run_tensor in[] = {");
    add_tensors(w, s, 0, s->args.in_count);
    cuv_buffer_text(out, "        cuv_run_tensor out[] = {");
    add_tensors(w, s, s->args.in_count, s->args.out_count);
    cuv_buffer_printf(out, "        const cuv_kernel_args args = {in, out, %d, %d, &attrs[%zu], ", s->args.in_count,
                      s->args.out_count, attrs_index(w, s->args.attrs));
    add_scratch(w, s);
    cuv_buffer_text(out, "};\n");
    add_call(w, s);
    cuv_buffer_text(out, "    }\n");
    return out->size > 1 << 20 ? cuv_c_flush(w) : CUV_OK;
}

cuv_status cuv_c_steps(cuv_c_writer *w)
{
    const cuv_program *p = w->m->program;
    cuv_buffer *out = &w->buffer;
    CUV_TRY(cuv_c_flush(w));
    cuv_buffer_printf(out, "\nint %s_predict(", w->name);
    cuv_c_parameters(w, true, out);
    cuv_buffer_printf(out, ")\n{\n    unsigned char *const block = arena;\n%s    if ((uintptr_t)arena %% 8)\n"
                      "        return %s_BAD_ARENA;\n    (void)block;\n",
                      w->side ? "    const unsigned char *const fixed = weights;\n    (void)fixed;\n" : "", w->upper);
    for (size_t i = 0; i < w->plan->step_count; i++)
        CUV_TRY(add_step(w, &w->plan->steps[i]));
    for (size_t i = 0; i < p->input_count; i++)
        if (!w->reads_input[i]) {
            cuv_buffer_text(out, "    (void)");
            cuv_c_port(w, 'x', i, out);
            cuv_buffer_text(out, ";\n");
        }
    cuv_buffer_text(out, "    return 0;\n}\n");
    return cuv_c_flush(w);
}
