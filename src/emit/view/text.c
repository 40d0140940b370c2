/* Text in pictures: how wide it is, and how it is escaped. */
#include "emit/view/view.h"
#include "base/text.h"

/* Thousandths of the font's size for ASCII from the space on, in Helvetica and in Arial. */
static const uint16_t regular[95] = {278,  278, 355, 556, 556, 889, 667, 191, 333, 333, 389, 584, 278, 333, 278, 278,
                                     556,  556, 556, 556, 556, 556, 556, 556, 556, 556, 278, 278, 584, 584, 584, 556,
                                     1015, 667, 667, 722, 722, 667, 611, 778, 722, 278, 500, 667, 556, 833, 722, 778,
                                     667,  778, 722, 667, 611, 722, 667, 944, 667, 667, 611, 278, 278, 278, 469, 556,
                                     333,  556, 556, 500, 556, 556, 278, 556, 556, 222, 222, 500, 222, 833, 556, 556,
                                     556,  556, 333, 500, 278, 556, 500, 722, 500, 500, 500, 334, 260, 334, 584};
static const uint16_t strong[95] = {278, 333, 474, 556, 556, 889, 722, 238, 333, 333, 389, 584, 278, 333, 278, 278,
                                    556, 556, 556, 556, 556, 556, 556, 556, 556, 556, 333, 333, 584, 584, 584, 611,
                                    975, 722, 722, 722, 722, 667, 611, 778, 722, 278, 556, 722, 611, 833, 722, 778,
                                    667, 778, 722, 667, 611, 722, 667, 944, 667, 667, 611, 333, 278, 333, 584, 556,
                                    333, 556, 611, 556, 611, 556, 333, 611, 611, 278, 278, 556, 278, 889, 611, 611,
                                    611, 611, 389, 556, 333, 611, 556, 778, 556, 556, 500, 389, 280, 389, 584};

/* Wide scripts and pictures take a whole em, all else about as much as a wide letter. */
static unsigned thousandths(uint32_t c, bool bold)
{
    if (c >= 0x20 && c < 0x7F)
        return (bold ? strong : regular)[c - 0x20];
    return c == 0xB7 ? 333 : c >= 0x1100 ? 1050 : 780;
}

/* Marks that turn the direction of writing, or that take no room. */
static bool hides(uint32_t c)
{
    return c == 0xAD || c == 0x61C || c == 0x180E || (c >= 0x200B && c <= 0x200F) || (c >= 0x2028 && c <= 0x202E) ||
           (c >= 0x2060 && c <= 0x206F) || c == 0xFEFF || (c >= 0xFFF9 && c <= 0xFFFB) ||
           (c >= 0xE0000 && c <= 0xE0FFF);
}

static bool in_xml(uint32_t c)
{
    return c >= 0x20 && c != 0x7F && !(c >= 0x80 && c < 0xA0) && !((c & 0xFFFE) == 0xFFFE);
}

/* One character as it is shown: `text` is markup; returns how many bytes of `from` it stands for. */
static size_t shown(const char *from, size_t size, char text[16], unsigned *width, bool bold)
{
    uint32_t c = 0;
    const size_t n = cuv_utf8_decode(from, size, &c);
    if (!n)
        snprintf(text, 16, "\\x%02x", (unsigned char)*from);
    else if (!in_xml(c) || hides(c))
        snprintf(text, 16, c > 0xFFFF ? "\\U%08x" : c > 0xFF ? "\\u%04x" : "\\x%02x", (unsigned)c);
    else if (c == '&' || c == '<' || c == '>' || c == '"' || c == '\'')
        snprintf(text, 16, "&#%u;", (unsigned)c);
    else
        snprintf(text, 16, "%.*s", (int)n, from);
    const bool plain = n && in_xml(c) && !hides(c);
    *width = plain ? thousandths(c, bold) : 0;
    for (const char *p = text; !plain && *p; p++)
        *width += thousandths((unsigned char)*p, bold);
    return n ? n : 1;
}

double cuv_text_width(const char *text, double size, bool bold)
{
    const size_t length = strlen(text);
    char piece[16];
    unsigned width;
    double sum = 0;
    for (size_t i = 0; i < length; sum += width)
        i += shown(text + i, length - i, piece, &width, bold);
    return sum * size / 1000;
}

void cuv_markup(cuv_buffer *b, const char *text)
{
    const size_t length = strlen(text);
    char piece[16];
    unsigned width;
    for (size_t i = 0; i < length;) {
        i += shown(text + i, length - i, piece, &width, false);
        cuv_buffer_text(b, piece);
    }
}

void cuv_markup_fit(cuv_buffer *b, const char *text, double width, double size, bool bold)
{
    const size_t length = strlen(text);
    const double room = width - size;       /* of an ellipsis */
    char piece[16];
    unsigned w;
    double used = 0;
    if (cuv_text_width(text, size, bold) <= width) {
        cuv_markup(b, text);
        return;
    }
    for (size_t i = 0; i < length;) {
        i += shown(text + i, length - i, piece, &w, bold);
        used += w * size / 1000;
        if (used > room)
            break;
        cuv_buffer_text(b, piece);
    }
    cuv_buffer_text(b, "…");
}
