/* Values of configurations as Python expressions. Strings become ASCII with escapes: nothing in a name can end a literal. */
#include "emit/python.h"

const char *python_format(python_writer *w, const char *fmt, ...)
{
    va_list args;
    if (w->status != CUV_OK)
        return "";
    va_start(args, fmt);
    const char *text = cuv_arena_vprintf(w->arena, fmt, args);
    va_end(args);
    if (!text)
        w->status = cuv_oom(w->cx);
    return text ? text : "";
}

const char *python_join(python_writer *w, const char *a, const char *b)
{
    return !*a ? b : !*b ? a : python_format(w, "%s, %s", a, b);
}

void python_refuse(python_writer *w, const char *layer, const char *what)
{
    if (w->status == CUV_OK)
        w->status = cuv_fail(w->cx, CUV_UNSUPPORTED, "write.python", &(cuv_detail){.layer = layer, .found = what,
                             .help = "the forms .keras and .h5 hold every model"},
                             "%s%s%s cannot be written as Keras code", layer ? layer : "", layer ? ": " : "", what);
}

static const char *kept(python_writer *w, cuv_buffer *b)
{
    const char *text = b->failed ? NULL : cuv_arena_strdup(w->arena, b->data);
    if (!text && w->status == CUV_OK)
        w->status = cuv_oom(w->cx);
    cuv_buffer_free(b);
    return text ? text : "";
}

/* The code point at text[*at], which is UTF-8; a byte that is none stands for itself. */
static unsigned long code_point(const char *text, size_t size, size_t *at)
{
    const unsigned char *s = (const unsigned char *)text + *at;
    const size_t n = s[0] < 0x80 ? 1 : s[0] < 0xE0 ? 2 : s[0] < 0xF0 ? 3 : 4;
    unsigned long c = s[0];
    if (n > size - *at || !cuv_utf8_valid(text + *at, n)) {
        ++*at;
        return c;
    }
    for (size_t i = 1; i < n; i++)
        c = i == 1 ? (c & (0x3Fu >> (n - 1))) << 6 | (s[1] & 0x3Fu) : c << 6 | (s[i] & 0x3Fu);
    *at += n;
    return c;
}

const char *python_string(python_writer *w, const char *text, size_t size)
{
    cuv_buffer b;
    cuv_buffer_init(&b, w->cx);
    cuv_buffer_char(&b, '"');
    for (size_t i = 0; i < size;) {
        const unsigned long c = code_point(text, size, &i);
        if (c == '"' || c == '\\')
            cuv_buffer_printf(&b, "\\%c", (char)c);
        else if (c == '\n')
            cuv_buffer_text(&b, "\\n");
        else if (c >= 0x20 && c < 0x7F)
            cuv_buffer_char(&b, (char)c);
        else
            cuv_buffer_printf(&b, c < 0x100 ? "\\x%02lx" : c < 0x10000 ? "\\u%04lx" : "\\U%08lx", c);
    }
    cuv_buffer_char(&b, '"');
    return kept(w, &b);
}

static const char *number(python_writer *w, double value)
{
    cuv_buffer b;
    if (value != value)
        return "float(\"nan\")";
    if (value - value != 0)
        return value > 0 ? "float(\"inf\")" : "-float(\"inf\")";
    cuv_buffer_init(&b, w->cx);
    cuv_buffer_double(&b, value);
    return kept(w, &b);
}

static const char *sequence(python_writer *w, const cuv_value *v, bool tuple)
{
    cuv_buffer b;
    cuv_buffer_init(&b, w->cx);
    for (size_t i = 0; i < v->size; i++)
        cuv_buffer_printf(&b, "%s%s", i ? ", " : "", python_value(w, v->items[i]));
    const char *inside = kept(w, &b);
    return tuple ? python_format(w, v->size == 1 ? "(%s,)" : "(%s)", inside) : python_format(w, "[%s]", inside);
}

static const char *slice(python_writer *w, const cuv_value *config)
{
    return python_format(w, "slice(%s, %s, %s)", python_value(w, cuv_get(config, "start")),
                         python_value(w, cuv_get(config, "stop")), python_value(w, cuv_get(config, "step")));
}

/* keras.initializers.RandomNormal(stddev=0.01), and all else that is a class of Keras with a configuration. */
static const char *object(python_writer *w, const cuv_value *v)
{
    const char *module = cuv_get_text(v, "module"), *class_name = cuv_get_text(v, "class_name"), *args = "";
    const cuv_value *config = cuv_get(v, "config");
    if (!module || (strcmp(module, "keras") != 0 && !cuv_starts_with(module, "keras.")) || cuv_starts_with(module, "keras.src")) {
        python_refuse(w, NULL, class_name);
        return "";
    }
    for (size_t i = 0; config && config->kind == CUV_DICT && i < config->size; i++) {
        const char *key = cuv_text(config->pairs[i].key);
        if (key && !cuv_is_null(config->pairs[i].value))
            args = python_join(w, args, python_format(w, "%s=%s", key, python_value(w, config->pairs[i].value)));
    }
    return python_format(w, "%s.%s(%s)", module, class_name, args);
}

/* np.array([1.0, 2.0], "float32"): operations take no plain lists. */
static const char *array(python_writer *w, const cuv_value *config)
{
    const char *dtype = cuv_get_text(config, "dtype"), *value = python_value(w, cuv_get(config, "value"));
    w->uses_numpy = true;
    return dtype ? python_format(w, "np.array(%s, %s)", value, python_string(w, dtype, strlen(dtype))) : python_format(w, "np.array(%s)", value);
}

static const char *dict(python_writer *w, const cuv_value *v)
{
    const char *inside = "", *class_name = cuv_get_text(v, "class_name");
    const cuv_value *config = cuv_get(v, "config");
    if (cuv_streq(class_name, "__keras_tensor__"))
        return python_tensor(w, cuv_get(config, "keras_history"));
    if (cuv_streq(class_name, "__tuple__"))
        return cuv_is_seq(cuv_get(v, "items")) ? sequence(w, cuv_get(v, "items"), true) : "()";
    if (cuv_streq(class_name, "__slice__"))
        return slice(w, config);
    if (cuv_streq(class_name, "__ellipsis__"))
        return "...";
    if (cuv_streq(class_name, "__numpy__") || cuv_streq(class_name, "__tensor__"))
        return array(w, config);
    if (cuv_streq(class_name, "function") && cuv_text(config))
        return python_value(w, config);
    if (class_name && (cuv_streq(cuv_get_text(v, "module"), "keras.layers") || python_is_model(v)))
        return python_layer(w, v);
    if (class_name && cuv_get(v, "module"))
        return object(w, v);
    for (size_t i = 0; i < v->size; i++)
        inside = python_join(w, inside, python_format(w, "%s: %s", python_value(w, v->pairs[i].key), python_value(w, v->pairs[i].value)));
    return python_format(w, "{%s}", inside);
}

const char *python_value(python_writer *w, const cuv_value *v)
{
    const char *text = "";
    if (cuv_is_null(v))
        return "None";
    if (w->status != CUV_OK)
        return "";
    if (!w->depth) {
        python_refuse(w, NULL, "a value nested this deeply");
        return "";
    }
    w->depth--;
    switch (v->kind) {
    case CUV_NULL: text = "None"; break;
    case CUV_TRUTH: text = v->truth ? "True" : "False"; break;
    case CUV_INTEGER: text = python_format(w, "%lld", (long long)v->integer); break;
    case CUV_REAL: text = number(w, v->real); break;
    case CUV_TEXT: text = python_string(w, v->text, v->size); break;
    case CUV_LIST: text = sequence(w, v, false); break;
    case CUV_TUPLE: text = sequence(w, v, true); break;
    case CUV_DICT: text = dict(w, v); break;
    case CUV_BYTES: case CUV_TENSOR: python_refuse(w, NULL, "an array inside the configuration"); break;
    }
    w->depth++;
    return text;
}

/* ---- identifiers */

static bool reserved(const char *word)
{
    static const char *const words[] = {"False", "None", "True", "and", "as", "assert", "async", "await", "break", "class",
        "continue", "def", "del", "elif", "else", "except", "finally", "for", "from", "global", "if", "import", "in", "is",
        "lambda", "nonlocal", "not", "or", "pass", "raise", "return", "try", "while", "with", "yield", "keras", "layers", "ops", "np",
        "model", "slice", "float", "print", "x", "inputs", "outputs", NULL};
    for (size_t i = 0; words[i]; i++)
        if (!strcmp(word, words[i]))
            return true;
    return false;
}

const char *python_identifier(python_writer *w, cuv_map *taken, const char *name)
{
    char plain[64] = "";
    size_t at = 0;
    if (!*name || (*name >= '0' && *name <= '9'))
        plain[at++] = '_';
    for (size_t i = 0; name[i] && at + 1 < sizeof plain; i++) {
        const char c = name[i];
        const bool letter = (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9');
        plain[at++] = letter ? c : '_';
    }
    const char *word = python_format(w, "%s%s", plain, reserved(plain) ? "_" : ""), *own = word;
    for (int n = 2; w->status == CUV_OK && cuv_map_get(taken, own); n++)
        own = python_format(w, "%s_%d", word, n);
    if (w->status == CUV_OK)
        w->status = cuv_map_set(taken, own, (void *)(uintptr_t)own);
    return own;
}
