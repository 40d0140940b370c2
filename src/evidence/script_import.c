/* Modules beside the script: `import builder` reads builder.py, as Python would, and what it defines is followed like the script's own. */
#include "evidence/read.h"
#include "evidence/script.h"

/* Names that are libraries, whatever lies beside the script. */
static bool is_library(const char *dotted)
{
    static const char *const known[] = {"keras", "tensorflow", "tf_keras", "numpy", "os", "sys", "json", "math", "pickle", "h5py", "pathlib",
                                        "collections", "itertools", "functools", "typing", "torch", "scipy", "pandas", "sklearn", "matplotlib"};
    size_t n = strcspn(dotted, ".");
    for (size_t i = 0; i < sizeof known / sizeof *known; i++)
        if (strlen(known[i]) == n && !strncmp(known[i], dotted, n))
            return true;
    return n == 0;
}

/* "pkg.builder" to "pkg/builder.py". */
static const char *file_of(cuv_sc *e, const char *dotted)
{
    char *path = cuv_arena_printf(e->arena, "%s.py", dotted);
    e->no_memory = e->no_memory || !path;
    for (char *p = path; p && *p && !cuv_streq(p, ".py"); p++)
        *p = *p == '.' ? '/' : *p;
    return path;
}

/* A module that was given on the command line is no script of its own. */
static cuv_file *given(const cuv_sc *e, const char *path)
{
    for (size_t i = 0; i < e->ev->file_count; i++)
        if (e->ev->files[i] != e->file && e->ev->files[i]->format == CUV_FORMAT_PYTHON && cuv_streq(e->ev->files[i]->name, cuv_path_name(path)))
            return e->ev->files[i];
    return NULL;
}

static cuv_status open_module(cuv_sc *e, const char *name, cuv_source **out)
{
    const char *path = NULL;
    cuv_blob *blob = NULL;
    struct cuv_file *file = given(e, name);
    *out = CUV_NEW(e->arena, cuv_source);
    if (!*out)
        return cuv_oom(e->cx);
    if (file) {
        **out = file->source;
        file->script = CUV_NEW(e->ev->arena, cuv_script);
        return file->script ? CUV_OK : cuv_oom(e->cx);
    }
    size_t mark = cuv_findings_mark(e->cx);
    cuv_status status = cuv_neighbour_path(e->ev, e->file, name, cuv_sc_where(e, e->statement), "script.file", &path);
    if (status == CUV_OK)
        status = cuv_blob_map(e->cx, path, &blob);
    if (status == CUV_MEMORY || status == CUV_TIMEOUT)
        return status;
    if (status != CUV_OK) {
        cuv_findings_rewind(e->cx, mark);
        *out = NULL;
        return CUV_OK;
    }
    **out = (cuv_source){.blob = blob, .data = blob->data, .size = blob->size, .name = name};
    status = cuv_arena_keep_blob(e->arena, blob);
    cuv_blob_release(blob);
    return status;
}

static cuv_status read_module(cuv_sc *e, const cuv_source *src, cuv_sv *module)
{
    cuv_py *tree = NULL;
    cuv_flow flow = CUV_FLOW_NEXT;
    cuv_scope *scope = e->scope;
    const cuv_source *outer = e->src;
    const cuv_py *statement = e->statement;
    CUV_TRY(cuv_python_parse(e->arena, src, &tree));
    CUV_TRY(cuv_sc_expect_classes(e, tree));
    module->node = tree;
    module->scope->src = src;
    e->scope = module->scope;
    e->src = src;
    CUV_TRY(cuv_sc_block(e, tree->body, tree->body_count, &flow));
    e->scope = scope;
    e->src = outer;
    e->statement = statement;
    return CUV_OK;
}

cuv_status cuv_sc_local_module(cuv_sc *e, const char *dotted, cuv_sv **out)
{
    cuv_source *src = NULL;
    dotted += strspn(dotted, ".");              /* from .config import ...: the same folder */
    *out = NULL;
    if (is_library(dotted))
        return CUV_OK;
    *out = cuv_map_get(e->modules, dotted);
    if (*out)
        return CUV_OK;
    const char *name = file_of(e, dotted);
    if (!name)
        return cuv_oom(e->cx);
    CUV_TRY(open_module(e, name, &src));
    if (!src)
        return CUV_OK;
    CUV_TRY(cuv_sv_make(e, CUV_SV_CLASS, out));
    CUV_TRY(cuv_sc_scope(e, NULL, &(*out)->scope));
    CUV_TRY(cuv_map_set(e->modules, dotted, *out));     /* before it is read: modules may import each other */
    return read_module(e, src, *out);
}
