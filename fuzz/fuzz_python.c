/* Python text: the parser, and NumPy's header literals. */
#include "fuzz.h"
#include "format/python.h"

static void read_node(const fuzz *f, const cuv_py *node, unsigned depth);

static void read_nodes(const fuzz *f, cuv_py *const *nodes, size_t count, unsigned depth)
{
    for (size_t i = 0; i < count; i++)
        read_node(f, nodes[i], depth);
}

/* Every node lies within the source, and within the limit on depth. */
static void read_node(const fuzz *f, const cuv_py *node, unsigned depth)
{
    if (!node)
        return;
    if (node->start > node->end || node->end > f->src.size || !node->line || !depth)
        __builtin_trap();
    if (node->text && (node->kind == CUV_PY_STR || node->kind == CUV_PY_BYTES))
        fuzz_read(node->text, node->size + 1);
    else if (node->text)
        fuzz_read(node->text, strlen(node->text));
    read_node(f, node->a, depth - 1);
    read_node(f, node->b, depth - 1);
    read_node(f, node->c, depth - 1);
    read_nodes(f, node->items, node->count, depth - 1);
    read_nodes(f, node->body, node->body_count, depth - 1);
    read_nodes(f, node->orelse, node->orelse_count, depth - 1);
    read_nodes(f, node->final, node->final_count, depth - 1);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    fuzz f;
    cuv_py *module = NULL;
    cuv_value *value = NULL;
    if (fuzz_open(&f, data, size) && fuzz_judge(f.cx, cuv_python_parse(f.arena, &f.src, &module))) {
        read_node(&f, module, 1000);
        for (size_t i = 0; i < module->body_count; i++) {
            fuzz_read(cuv_py_excerpt(f.cx, &f.src, module->body[i]), 1);
            fuzz_read(cuv_py_brief(f.cx, &f.src, module->body[i], 40), 1);
        }
    }
    if (f.src.data && fuzz_judge(f.cx, cuv_python_literal(f.arena, &f.src, &value)))
        fuzz_read_all(value);
    fuzz_close(&f);
    return 0;
}
