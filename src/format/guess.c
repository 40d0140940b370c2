/* What a file is, by its content: magic numbers first, then the shape of protocol buffers, then how a text begins.
 * Names and extensions are not asked; old Keras wrote HDF5 into files named .keras. */
#include "format/format.h"

/* ---- binary forms ---- */

static bool begins_with(const uint8_t *data, size_t size, const void *magic, size_t length)
{
    return size >= length && memcmp(data, magic, length) == 0;
}

/* HDF5 format specification, II.A: the superblock is at 0, or at 512, 1024, … behind a block of the user's. */
static bool is_hdf5(const uint8_t *data, size_t size)
{
    static const uint8_t magic[] = {0x89, 'H', 'D', 'F', '\r', '\n', 0x1a, '\n'};
    for (size_t at = 0; at < size && size - at >= sizeof magic; at = at ? at * 2 : 512)
        if (memcmp(data + at, magic, sizeof magic) == 0)
            return true;
    return false;
}

static bool is_zip(const uint8_t *data, size_t size)
{
    return begins_with(data, size, "PK\3\4", 4) || begins_with(data, size, "PK\5\6", 4);
}

/* Protocols from 2 on have a mark; older ones begin with what picklers write for arrays, lists and dicts. */
static bool is_pickle(const uint8_t *data, size_t size)
{
    static const char *const starts[] = {"(lp", "(dp", "(tp", "(l.", "(d.", "]q", "}q", "]r", "}r", "](", "}(",
                                         "cnumpy\n", "cnumpy.core.multiarray\n", "cnumpy._core.multiarray\n",
                                         "ccollections\nOrderedDict\n"};
    if (size >= 2 && data[0] == 0x80 && data[1] <= 16)
        return true;
    if (size < 3 || data[size - 1] != '.')
        return false;
    for (size_t i = 0; i < sizeof starts / sizeof *starts; i++)
        if (begins_with(data, size, starts[i], strlen(starts[i])))
            return true;
    return false;
}

static bool is_safetensors(const uint8_t *data, size_t size)
{
    cuv_cursor c = cuv_cursor_at(data, size, 0);
    uint64_t header = cuv_read_u64(&c);
    return !c.failed && header >= 2 && header <= size - 8 && data[8] == '{';
}

/* The index of a TensorFlow checkpoint: the footer of a LevelDB table. */
static bool is_table(const uint8_t *data, size_t size)
{
    static const uint8_t magic[] = {0x57, 0xfb, 0x80, 0x8b, 0x24, 0x75, 0x47, 0xdb};
    return size >= 48 && memcmp(data + size - sizeof magic, magic, sizeof magic) == 0;
}

static bool read_varint(cuv_cursor *c, uint64_t *out)
{
    *out = 0;
    for (unsigned shift = 0; shift < 64; shift += 7) {
        uint8_t byte = cuv_read_u8(c);
        *out |= (uint64_t)(byte & 0x7f) << shift;
        if (byte < 0x80)
            return !c->failed;
    }
    return false;
}

/* All of it is fields of a message, with numbers as ONNX models and SavedModels have them. */
static bool is_protobuf(const uint8_t *data, size_t size)
{
    enum { MOST_FIELDS = 100000, HIGHEST_FIELD = 32 };
    cuv_cursor c = cuv_cursor_at(data, size, 0);
    size_t fields = 0;
    for (; c.at < c.size && fields < MOST_FIELDS; fields++) {
        uint64_t tag = 0, value = 0;
        if (!read_varint(&c, &tag) || tag >> 3 == 0 || tag >> 3 > HIGHEST_FIELD)
            return false;
        switch (tag & 7) {
        case 0: (void)read_varint(&c, &value); break;
        case 1: cuv_skip(&c, 8); break;
        case 2:
            if (!read_varint(&c, &value) || value > c.size - c.at)
                return false;
            cuv_skip(&c, (size_t)value);
            break;
        case 5: cuv_skip(&c, 4); break;
        default: return false;
        }
        if (c.failed)
            return false;
    }
    return fields > 0;
}

/* ---- texts ---- */

typedef struct line {
    const char *text;
    size_t size;
} line;

static bool is_name_character(char c, bool first)
{
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || c == '_' || (!first && c >= '0' && c <= '9');
}

static bool line_starts(line l, const char *with)
{
    size_t length = strlen(with);
    return l.size >= length && memcmp(l.text, with, length) == 0;
}

/* "a.b.c" at the beginning of the line; its length. */
static size_t dotted_name(line l)
{
    size_t at = 0;
    while (at < l.size && (is_name_character(l.text[at], at == 0 || l.text[at - 1] == '.') ||
                           (at > 0 && l.text[at] == '.')))
        at++;
    return at;
}

static bool looks_like_python(line l)
{
    static const char *const starts[] = {"import ", "from ", "def ", "class ", "@", "if ", "for ", "while ", "with ",
                                         "try:", "print", "async ", "assert ", "\"\"\"", "'''", "r\"\"\"", "%"};
    for (size_t i = 0; i < sizeof starts / sizeof *starts; i++)
        if (line_starts(l, starts[i]))
            return true;
    size_t at = dotted_name(l);
    if (at == 0)
        return false;
    while (at < l.size && l.text[at] == ' ')
        at++;
    return at < l.size && (l.text[at] == '=' || l.text[at] == '(' || l.text[at] == '[');
}

/* "- item", "key:" or "key: value", as the first line of a configuration. */
static bool looks_like_yaml(line l)
{
    if (line_starts(l, "- ") || line_starts(l, "---") || line_starts(l, "%YAML") || (l.size == 1 && l.text[0] == '-'))
        return true;
    size_t at = 0;
    while (at < l.size && (is_name_character(l.text[at], false) || l.text[at] == '-' || l.text[at] == '.'))
        at++;
    if (at == 0 || at == l.size || l.text[at] != ':')
        return false;
    bool keyword = line_starts(l, "try:") || line_starts(l, "else:");
    return !keyword && (at + 1 == l.size || l.text[at + 1] == ' ') && !memchr(l.text + at, '=', l.size - at);
}

static bool is_blank(char c)
{
    return c == ' ' || c == '\t' || c == '\r' || c == '\n';
}

/* A JSON document begins with a bracket, and with what may follow it: a key or a value. Python's and YAML's brackets rarely do. */
static bool looks_like_json(const char *text, size_t size)
{
    char open = text[0];
    size_t at = 1;
    if (open != '{' && open != '[')
        return false;
    while (at < size && is_blank(text[at]))
        at++;
    if (at == size)
        return true;
    return open == '{' ? text[at] == '"' || text[at] == '}' : memchr("{[\"]-0123456789tfnNI", text[at], 20) != NULL;
}

static cuv_carrier guess_text(const char *text, size_t size)
{
    enum { LINES = 1000 };
    bool first = true, block = false;
    for (size_t at = 0, lines = 0; at < size && lines < LINES; lines++) {
        const char *end = memchr(text + at, '\n', size - at);
        line l = {.text = text + at, .size = end ? (size_t)(end - text) - at : size - at};
        at += l.size + 1;
        while (l.size > 0 && is_blank(l.text[l.size - 1]))
            l.size--;
        if (l.size == 0 || l.text[0] == '#')
            continue;
        if (first && looks_like_json(l.text, size - (size_t)(l.text - text)))
            return CUV_FORMAT_JSON;
        block = block || (first && (l.text[0] == '{' || l.text[0] == '['));
        if (first && looks_like_yaml(l))
            return CUV_FORMAT_YAML;
        first = false;
        if (looks_like_python(l))
            return CUV_FORMAT_PYTHON;
    }
    return block ? CUV_FORMAT_YAML : CUV_FORMAT_UNKNOWN; /* {a: 1}, a flow collection */
}

static cuv_carrier guess_if_text(const uint8_t *data, size_t size)
{
    enum { LOOKED_AT = 1 << 16 };
    const char *text = (const char *)data;
    size_t some = size < LOOKED_AT ? size : LOOKED_AT;
    if (begins_with(data, size, "\xef\xbb\xbf", 3)) {
        text += 3;
        some -= 3;
    }
    while (some > 0 && is_blank(*text)) {
        text++;
        some--;
    }
    return some == 0 || memchr(text, '\0', some) ? CUV_FORMAT_UNKNOWN : guess_text(text, some);
}

cuv_carrier cuv_format_guess(const uint8_t *data, size_t size)
{
    if (is_zip(data, size))     /* first: a member that is HDF5 may begin at 2048, where a file of HDF5 may, too */
        return CUV_FORMAT_ZIP;
    if (is_hdf5(data, size))
        return CUV_FORMAT_HDF5;
    if (begins_with(data, size, "\x93NUMPY", 6))
        return CUV_FORMAT_NPY;
    if (is_safetensors(data, size)) /* before pickles: one header in 32 has a length that begins as they do */
        return CUV_FORMAT_SAFETENSORS;
    if (is_pickle(data, size))
        return CUV_FORMAT_PICKLE;
    if (is_table(data, size))
        return CUV_FORMAT_TABLE;
    cuv_carrier text = guess_if_text(data, size);
    if (text != CUV_FORMAT_UNKNOWN)
        return text;
    return is_protobuf(data, size) ? CUV_FORMAT_PROTOBUF : CUV_FORMAT_UNKNOWN;
}
