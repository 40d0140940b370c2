/* Texts in UTF-16, as Windows PowerShell's `>` writes them: read as the UTF-8 that they stand for. Knows no format. */
#include "evidence/read.h"
#include "format/utf8.h"

typedef struct utf16 { const uint8_t *data; size_t size; bool big; } utf16;

/* A byte order mark; or, without one, what begins like JSON or code does: a character of ASCII in two bytes, and another. */
static bool is_utf16(const uint8_t *d, size_t size, utf16 *out)
{
    if (size < 4 || size % 2)
        return false;
    const bool little_mark = d[0] == 0xff && d[1] == 0xfe, big_mark = d[0] == 0xfe && d[1] == 0xff;
    const bool little = (d[0] == '{' || d[0] == '[' || d[0] == '"') && !d[1] && d[2] >= ' ' && d[2] < 0x7f && !d[3];
    const bool big = !d[0] && (d[1] == '{' || d[1] == '[' || d[1] == '"') && !d[2] && d[3] >= ' ' && d[3] < 0x7f;
    const size_t mark = little_mark || big_mark ? 2 : 0;
    if ((little_mark && !d[2] && !d[3]) || !(mark || little || big))    /* UTF-32, or none */
        return false;
    *out = (utf16){d + mark, size - mark, big_mark || (!mark && big)};
    return true;
}

static uint32_t unit_at(const utf16 *t, size_t at)
{
    const uint8_t *p = t->data + at;
    return t->big ? (uint32_t)(p[0] << 8 | p[1]) : (uint32_t)(p[1] << 8 | p[0]);
}

/* The length in UTF-8; the bytes too, where `out` is given. 0: it is no text, or empty. */
static size_t transcode(const utf16 *t, uint8_t *out)
{
    size_t n = 0;
    for (size_t at = 0; at < t->size; at += 2) {
        char bytes[4];
        uint32_t c = unit_at(t, at), low = at + 2 < t->size ? unit_at(t, at + 2) : 0;
        const bool pair = c >= 0xd800 && c < 0xdc00 && low >= 0xdc00 && low < 0xe000;
        if (!c || (c >= 0xd800 && c < 0xe000 && !pair))
            return 0;
        if (pair) {
            c = 0x10000 + ((c - 0xd800) << 10) + (low - 0xdc00);
            at += 2;
        }
        const size_t size = cuv_utf8_put(bytes, c);
        if (out)
            memcpy(out + n, bytes, size);
        n += size;
    }
    return n;
}

cuv_status cuv_read_utf16(struct cuv_evidence *ev, cuv_source *src)
{
    utf16 t;
    cuv_blob *blob;
    const size_t size = is_utf16(src->data, src->size, &t) ? transcode(&t, NULL) : 0;
    if (!size)
        return CUV_OK;
    CUV_TRY(cuv_blob_new(ev->cx, size, &blob));
    transcode(&t, blob->data);
    cuv_status status = cuv_arena_keep_blob(ev->arena, blob);
    src->blob = blob;
    src->data = blob->data;
    src->size = size;
    cuv_blob_release(blob);
    return status;
}
