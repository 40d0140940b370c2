/* What in a configuration or an archive could run code, read other files or fetch from the network. Everything is looked at and
 * named; nothing is ever decoded, run, opened or fetched. pains.md, "Security". */
#include "evidence/read.h"

enum { MOST_DANGERS = 1000 };

cuv_status cuv_danger_add(struct cuv_evidence *ev, cuv_file *file, cuv_severity severity, const char *code,
                          const char *where, const char *fmt, ...)
{
    if (file->danger_count >= MOST_DANGERS)
        return CUV_OK;
    if (!file->dangers)
        file->dangers = CUV_NEW_ARRAY(ev->arena, cuv_danger, MOST_DANGERS);
    va_list args;
    va_start(args, fmt);
    char *what = cuv_arena_vprintf(ev->arena, fmt, args);
    va_end(args);
    char *place = cuv_arena_strdup(ev->arena, where);
    if (!file->dangers || !what || !place)
        return cuv_oom(ev->cx);
    file->dangers[file->danger_count++] = (cuv_danger){severity, code, place, what};
    return CUV_OK;
}

/* ---- code ---- */

/* Hash of the code bytes: decoded when the text is base64, as Keras 2 and 3 write it, else as it stands (Keras 1). */
static cuv_status hash_code(struct cuv_evidence *ev, const cuv_value *code, char hex[65], size_t *size)
{
    cuv_buffer b;
    cuv_buffer_init(&b, ev->cx);
    bool base64 = cuv_buffer_base64(&b, code->text, code->size), failed = b.failed;
    *size = base64 ? b.size : code->size;
    if (!failed)
        cuv_sha256_hex(base64 && b.data ? b.data : code->text, *size, hex);
    cuv_buffer_free(&b);
    return failed ? cuv_oom(ev->cx) : CUV_OK;
}

/* `function` of a Lambda layer: [code, defaults, closure] (Keras 2; in SavedModels a __tuple__ of these), text (Keras 1), a __lambda__ record (Keras 3),
 * or a name. */
static const cuv_value *code_of(const cuv_value *function)
{
    if (cuv_is_seq(function))
        function = cuv_item(function, 0);
    else if (cuv_streq(cuv_get_text(function, "class_name"), "__lambda__"))
        function = cuv_get(cuv_get(function, "config"), "code");
    return function && (function->kind == CUV_TEXT || function->kind == CUV_BYTES) ? function : NULL;
}

static cuv_status add_code(struct cuv_evidence *ev, cuv_file *file, const char *where, const cuv_value *code)
{
    char hex[65];
    size_t size = 0;
    CUV_TRY(hash_code(ev, code, hex, &size));
    return cuv_danger_add(ev, file, CUV_WARNING, "danger.lambda", where,
                          "Python bytecode, %zu bytes, sha256 %s; loading it in Keras runs it", size, hex);
}

static cuv_status look_at_lambda(struct cuv_evidence *ev, cuv_file *file, const char *where, const cuv_value *config)
{
    static const char *const keys[] = {"function", "output_shape", "mask"};
    for (size_t i = 0; i < sizeof keys / sizeof *keys; i++) {
        const cuv_value *value = cuv_untuple(cuv_get(config, keys[i])), *code = code_of(value);
        char type[32];
        snprintf(type, sizeof type, "%s_type", keys[i]);
        bool is_code =
            code && (cuv_is_seq(value) || value->kind == CUV_DICT || cuv_streq(cuv_get_text(config, type), "lambda"));
        if (is_code && value->kind != CUV_DICT) /* records are met on their own */
            CUV_TRY(add_code(ev, file, where, code));
        else if (i == 0 && code && !is_code)
            CUV_TRY(cuv_danger_add(ev, file, CUV_WARNING, "danger.function", where,
                                   "calls a Python function by its name, '%s'", code->text));
    }
    return CUV_OK;
}

/* ---- classes ---- */

static bool of_keras(const char *module)
{
    static const char *const roots[] = {"keras", "tf_keras", "tensorflow.keras", "tensorflow.python.keras", "keras_hub",
                                        "keras_nlp", "keras_cv", "builtins"};
    for (size_t i = 0; i < sizeof roots / sizeof *roots; i++) {
        size_t n = strlen(roots[i]);
        if (!strncmp(module, roots[i], n) && (!module[n] || module[n] == '.'))
            return true;
    }
    return false;
}

/* Python's own modules that reach the system. */
static bool of_system(const char *module)
{
    static const char *const roots[] = {"os", "posix", "nt", "sys", "subprocess", "shutil", "socket", "importlib", "builtins", "ctypes",
                                        "pickle", "marshal", "runpy", "code", "urllib", "requests", "pty", "webbrowser", "tempfile"};
    for (size_t i = 0; i < sizeof roots / sizeof *roots; i++) {
        size_t n = strlen(roots[i]);
        if (!strncmp(module, roots[i], n) && (!module[n] || module[n] == '.'))
            return true;
    }
    return false;
}

/* Functions of Keras that load, fetch or unlock things: gadgets of CVE-2025-8747 and CVE-2025-9906. */
static bool is_gadget(const char *name)
{
    static const char *const names[] = {
        "get_file", "load_model", "load_weights", "load_img", "model_from_json", "func_load", "import_module",
        "enable_unsafe_deserialization", "deserialize_keras_object", "eval", "exec", "system", "getattr", "__import__"};
    for (size_t i = 0; name && i < sizeof names / sizeof *names; i++)
        if (cuv_streq(name, names[i]))
            return true;
    return false;
}

static cuv_status look_at_module(struct cuv_evidence *ev, cuv_file *file, const char *where, const cuv_value *record)
{
    const char *module = cuv_get_text(record, "module"), *name = cuv_get_text(record, "class_name");
    const char *registered = cuv_get_text(record, "registered_name"), *function = cuv_get_text(record, "config");
    if (cuv_streq(name, "function") && is_gadget(function))
        return cuv_danger_add(ev, file, CUV_ERROR, "danger.gadget", where, "calls the function '%s' of module '%s'",
                              function, module ? module : "None");
    if (is_gadget(name))
        return cuv_danger_add(ev, file, CUV_ERROR, "danger.gadget", where,
                              "names the function '%s' of module '%s' as a class", name, module ? module : "None");
    if (module && !of_keras(module))
        return cuv_danger_add(ev, file, of_system(module) ? CUV_ERROR : CUV_WARNING, "danger.module", where,
                              "imports '%s' from module '%s', which is not Keras",
                              cuv_streq(name, "function") && function ? function : name, module);
    if (registered && strchr(registered, '>'))
        return cuv_danger_add(ev, file, CUV_NOTE, "danger.registered", where,
                              "needs the registered class '%s' of its author", registered);
    return CUV_OK;
}

/* ---- files ---- */

static bool escapes(const char *name)
{
    if (!*name || *name == '/' || *name == '\\' || strchr(name, '\\'))
        return true;
    for (const char *p = name; p; p = strchr(p, '/')) {
        p += *p == '/';
        if (!strncmp(p, "..", 2) && (p[2] == '/' || !p[2]))
            return true;
    }
    return false;
}

static bool is_address(const char *text)
{
    static const char *const schemes[] = {"http://", "https://", "ftp://", "file://",
                                          "gs://",   "s3://",    "hf://",  "kaggle://"};
    for (size_t i = 0; strstr(text, "://") && i < sizeof schemes / sizeof *schemes; i++)
        if (cuv_starts_with(text, schemes[i]))
            return true;
    return false;
}

static cuv_status look_at_text(struct cuv_evidence *ev, cuv_file *file, const char *where, const char *key,
                               const cuv_value *v)
{
    const char *text = cuv_text(v);
    if (!text)
        return CUV_OK;
    if (is_address(text))
        return cuv_danger_add(ev, file, CUV_WARNING, "danger.address", where, "'%s' is an address to fetch from: %s",
                              key, text);
    if (cuv_streq(key, "vocabulary") || cuv_streq(key, "idf_weights"))
        return cuv_danger_add(ev, file, CUV_WARNING, "danger.vocabulary", where, "'%s' names a file to read: %s", key,
                              text);
    if (cuv_streq(text, "enable_unsafe_deserialization"))
        return cuv_danger_add(ev, file, CUV_ERROR, "danger.gadget", where, "'%s' is enable_unsafe_deserialization",
                              key);
    return CUV_OK;
}

/* Names end up in pages, drawings and code that are made from the model. */
static bool has_markup(const char *name)
{
    for (; *name; name++)
        if ((unsigned char)*name < ' ' || *name == 127 || strchr("<>\"`", *name))
            return true;
    return false;
}

/* ---- members of archives ---- */

static bool is_code(const char *name)
{
    static const char *const ends[] = {".py", ".pyc", ".pyo", ".pyd", ".so", ".dll", ".dylib", ".exe", ".sh", ".bat", ".cmd", ".ps1",
                                       ".js", ".jar", ".class", ".pkl", ".pickle", ".joblib", ".dill", ".pt", ".pth", ".lua", ".wasm"};
    for (size_t i = 0; i < sizeof ends / sizeof *ends; i++)
        if (cuv_ends_with(name, ends[i]))
            return true;
    return false;
}

cuv_status cuv_dangers_members(struct cuv_evidence *ev, cuv_file *file)
{
    for (size_t i = 0; i < file->zip->count; i++) {
        const char *name = file->zip->members[i].name;
        if (is_code(name))
            CUV_TRY(cuv_danger_add(ev, file, CUV_WARNING, "danger.member", file->name,
                                   "holds '%s': code or a pickle, which no model needs", name));
    }
    return CUV_OK;
}

/* ---- walking ---- */

typedef struct walk { struct cuv_evidence *ev; cuv_file *file; } walk;

static cuv_status look_at_record(const walk *w, const cuv_value *record, const char *where)
{
    const char *class_name = cuv_get_text(record, "class_name");
    const cuv_value *config = cuv_get(record, "config");
    const char *name = cuv_get_text(config, "name");
    if (!class_name)
        return CUV_OK;
    CUV_TRY(look_at_module(w->ev, w->file, where, record));
    if (name && escapes(name))
        CUV_TRY(cuv_danger_add(w->ev, w->file, CUV_WARNING, "danger.path", where,
                               "the name '%s' would leave the archive's folder as an asset path", name));
    if (name && has_markup(name))
        CUV_TRY(cuv_danger_add(w->ev, w->file, CUV_WARNING, "danger.markup", where,
                               "the name %s has characters of markup or control characters", cuv_value_repr(w->ev->cx, cuv_get(config, "name"))));
    if (cuv_streq(class_name, "Lambda"))
        return look_at_lambda(w->ev, w->file, where, config);
    if (cuv_streq(class_name, "__lambda__") && code_of(record))
        return add_code(w->ev, w->file, where, code_of(record));
    if (cuv_streq(class_name, "TFSMLayer"))
        return cuv_danger_add(w->ev, w->file, CUV_ERROR, "danger.saved_model", where,
                              "loads the SavedModel '%s' from outside",
                              cuv_get_text(config, "filepath") ? cuv_get_text(config, "filepath") : "?");
    if (cuv_streq(class_name, "TorchModuleWrapper"))
        return cuv_danger_add(w->ev, w->file, CUV_ERROR, "danger.torch", where,
                              "holds a pickled PyTorch module; loading it in Keras runs it");
    return CUV_OK;
}

/* The nearest layer around the place, for the report. */
static cuv_status place_of(const walk *w, const cuv_value *v, const char *above, const char **out)
{
    const char *class_name = cuv_get_text(v, "class_name"), *name = cuv_get_text(cuv_get(v, "config"), "name");
    *out = above;
    if (!class_name || !name)
        return CUV_OK;
    *out = cuv_arena_printf(w->ev->arena, "%s#%s '%s'", w->file->name, class_name, name);
    return *out ? CUV_OK : cuv_oom(w->ev->cx);
}

static cuv_status walk_value(const walk *w, const cuv_value *v, const char *where, unsigned depth)
{
    if (!v || !depth || w->file->danger_count >= MOST_DANGERS)
        return CUV_OK;
    if (cuv_is_seq(v)) {
        for (size_t i = 0; i < v->size; i++)
            CUV_TRY(walk_value(w, v->items[i], where, depth - 1));
        return CUV_OK;
    }
    if (v->kind != CUV_DICT)
        return CUV_OK;
    CUV_TRY(place_of(w, v, where, &where));
    CUV_TRY(look_at_record(w, v, where));
    for (size_t i = 0; i < v->size; i++) {
        const char *key = cuv_text(v->pairs[i].key);
        CUV_TRY(look_at_text(w->ev, w->file, where, key ? key : "?", v->pairs[i].value));
        CUV_TRY(walk_value(w, v->pairs[i].value, where, depth - 1));
    }
    return CUV_OK;
}

cuv_status cuv_dangers_find(struct cuv_evidence *ev, cuv_file *file)
{
    walk w = {ev, file};
    unsigned depth = cuv_context_limits(ev->cx)->depth + 8;
    CUV_TRY(walk_value(&w, file->config, file->name, depth));
    CUV_TRY(cuv_lambdas_find(ev, file));
    if (file->training && file->training != cuv_get(file->config, "compile_config"))
        CUV_TRY(walk_value(&w, file->training, file->name, depth));
    return CUV_OK;
}
