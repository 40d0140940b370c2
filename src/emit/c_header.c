/* The header of C source: how to call it, shapes, sizes. */
#include "emit/c_write.h"

static void add_port(const cuv_c_writer *w, char letter, size_t i, const char *name, const cuv_run_tensor *t, cuv_buffer *out)
{
    const bool input = letter == 'x', state = i >= (input ? w->m->input_count : w->m->output_count);
    cuv_buffer_text(out, " *   ");
    cuv_c_port(w, letter, i, out);
    cuv_buffer_printf(out, "  %s %s, %s '", cuv_c_type(t->dtype), cuv_shape_text(w->cx, t->shape, t->rank),
                      state ? "state" : input ? "input" : "output");
    cuv_c_comment(out, name);
    cuv_buffer_text(out, state && input ? "': zeros, or what the call before gave\n" : "'\n");
}

static void add_ports(const cuv_c_writer *w, cuv_buffer *out)
{
    const cuv_program *p = w->m->program;
    for (size_t i = 0; i < p->input_count; i++)
        add_port(w, 'x', i, cuv_program_var(p, p->inputs[i])->name, &w->plan->inputs[i], out);
    for (size_t i = 0; i < p->output_count; i++)
        add_port(w, 'y', i, p->output_names[i], &w->plan->outputs[i], out);
}

static void add_usage(const cuv_c_writer *w, cuv_buffer *out)
{
    cuv_buffer_text(out, "/* Model '");
    cuv_c_comment(out, w->m->name);
    cuv_buffer_printf(out, "', written by cuvier %s as standalone C99.\n *\n", cuv_version());
    cuv_buffer_printf(out, " *     static double arena[%s_ARENA_BYTES / 8];\n *     int status = %s_predict(", w->upper, w->name);
    cuv_c_parameters(w, false, out);
    cuv_buffer_text(out, ");\n *\n");
    add_ports(w, out);
    cuv_buffer_printf(out, " *\n * Arrays are dense and row-major, the last axis running fastest; the first axis is the batch. Inputs, outputs and\n"
        " * arena must not overlap. Nothing is allocated, nothing is kept between calls and there is no global state: calls\n"
        " * with different arenas may run at the same time. The arena is aligned to 8 bytes; what it holds needs no\n"
        " * preparation. Beyond <math.h> and memcpy, memmove, memset and memcmp nothing is needed. */\n");
}

static void add_constants(const cuv_c_writer *w, cuv_buffer *out)
{
    const cuv_program *p = w->m->program;
    const size_t test = cuv_c_selftest_place(w, p->output_count, true);
    cuv_buffer_printf(out, "#define %s_ARENA_BYTES %zu\n", w->upper, w->plan->peak ? w->plan->peak : 8);
    cuv_buffer_printf(out, "#define %s_SELFTEST_BYTES %zu\n", w->upper, test ? test : 8);
    for (size_t i = 0; i < p->input_count; i++) {
        cuv_buffer_printf(out, "#define %s_", w->upper);
        cuv_c_port(w, 'X', i, out);
        cuv_buffer_printf(out, "_SIZE %zu      /* elements */\n", cuv_run_count(&w->plan->inputs[i]));
    }
    for (size_t i = 0; i < p->output_count; i++) {
        cuv_buffer_printf(out, "#define %s_", w->upper);
        cuv_c_port(w, 'Y', i, out);
        cuv_buffer_printf(out, "_SIZE %zu\n", cuv_run_count(&w->plan->outputs[i]));
    }
}

static void add_functions(const cuv_c_writer *w, cuv_buffer *out)
{
    cuv_buffer_printf(out, "\n/* What the functions return beside 0. */\n"
        "enum {\n    %s_BAD_INDEX = 1,      /* an input holds an index outside its table */\n"
        "    %s_BAD_ARENA = 2,      /* the arena is not aligned to 8 bytes */\n"
        "    %s_DIFFERS = 3,        /* the selftest's outputs are not those of cuvier */\n"
        "    %s_BAD_NUMBER = 4      /* a float became an integer that cannot hold it */\n};\n", w->upper, w->upper, w->upper, w->upper);
    if (w->side)
        cuv_buffer_printf(out, "\n/* The weights are the file that was written beside this one, as it is, in memory that is aligned to 8 bytes\n"
            " * (mapped, or in flash). True when it is of the right size and belongs to this source. */\n"
            "#define %s_WEIGHTS_BYTES %llu\nint %s_weights_fit(const void *weights, size_t size);\n", w->upper,
            (unsigned long long)(w->weight_bytes + CUV_C_SIDE_HEADER), w->name);
    cuv_buffer_printf(out, "\nint %s_predict(", w->name);
    cuv_c_parameters(w, true, out);
    cuv_buffer_printf(out, ");\n\n/* Computes a few vectors and compares with cuvier's outputs: |have - want| <= 1e-5 + 1e-4 |want|.\n"
        " * The arena is of %s_SELFTEST_BYTES here. */\nint %s_selftest(%svoid *arena);\n", w->upper, w->name,
        w->side ? "const void *weights, " : "");
}

void cuv_c_header(const cuv_c_writer *w, cuv_buffer *out)
{
    add_usage(w, out);
    cuv_buffer_printf(out, "#ifndef %s_H\n#define %s_H\n\n#include <stddef.h>\n#include <stdint.h>\n\n"
        "#ifdef __cplusplus\nextern \"C\" {\n#endif\n\n", w->upper, w->upper);
    add_constants(w, out);
    add_functions(w, out);
    cuv_buffer_text(out, "\n#ifdef __cplusplus\n}\n#endif\n#endif\n");
}
