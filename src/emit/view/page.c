/* One page about a model: picture, table, details, evidence. Nothing is loaded from anywhere; a policy in the page
 * forbids everything but its own style and script, which only help in looking. Everything from a file goes through
 * cuv_markup. */
#include "emit/view/page.h"
#include "emit/view/page_text.h"

void cuv_page_tag(cuv_page *p, const char *tag, const char *text)
{
    cuv_buffer_printf(p->b, "<%s>", tag);
    if (text)
        cuv_markup(p->b, text);
    cuv_buffer_printf(p->b, "</%.*s>", (int)strcspn(tag, " "), tag);
}

static unsigned hex_digit(char c)
{
    return (unsigned)(c <= '9' ? c - '0' : c - 'a' + 10);
}

/* 'sha256-...' of what stands between the tags, as the policy wants it. */
static void policy_hash(const char *text, size_t size, cuv_buffer *b)
{
    static const char digits[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
    char hex[65];
    uint8_t bytes[33] = {0};
    cuv_sha256_hex(text, size, hex);
    for (size_t i = 0; i < 32; i++)
        bytes[i] = (uint8_t)(hex_digit(hex[2 * i]) << 4 | hex_digit(hex[2 * i + 1]));
    cuv_buffer_text(b, "'sha256-");
    for (size_t i = 0; i < 33; i += 3) {
        const unsigned three = (unsigned)bytes[i] << 16 | (unsigned)bytes[i + 1] << 8 | bytes[i + 2];
        for (int k = 3; k >= (i == 30 ? 1 : 0); k--)
            cuv_buffer_char(b, digits[three >> (6 * k) & 63]);
    }
    cuv_buffer_text(b, "='");
}

static void head(cuv_page *p)
{
    cuv_buffer *b = p->b, picture;
    cuv_buffer_init(&picture, p->cx);
    cuv_svg_style(&picture);
    cuv_buffer_text(b, "<!DOCTYPE html>\n<html lang=\"en\">\n<head>\n<meta charset=\"utf-8\">\n<meta "
                       "http-equiv=\"Content-Security-Policy\" "
                       "content=\"default-src 'none'; style-src ");
    policy_hash(cuv_page_style, strlen(cuv_page_style), b);
    cuv_buffer_char(b, ' ');
    policy_hash(picture.data ? picture.data : "", picture.size, b);
    b->failed |= picture.failed;
    cuv_buffer_free(&picture);
    cuv_buffer_text(b, "; script-src ");
    policy_hash(cuv_page_script, strlen(cuv_page_script), b);
    cuv_buffer_text(
        b, "; base-uri 'none'; form-action 'none'\">\n<meta name=\"viewport\" content=\"width=device-width, "
           "initial-scale=1\">\n"
           "<meta name=\"referrer\" content=\"no-referrer\">\n<meta name=\"color-scheme\" content=\"light dark\">\n");
    cuv_page_tag(p, "title", p->m->name);
    cuv_buffer_printf(b, "\n<style>%s</style>\n</head>\n", cuv_page_style);
}

static void count_line(cuv_page *p)
{
    uint64_t trainable, frozen;
    size_t bytes = 0;
    char all[CUV_GROUPED], still[CUV_GROUPED], size[CUV_GROUPED];
    cuv_model_params(p->m, &trainable, &frozen);
    for (size_t i = 0; i < p->m->weight_count; i++)
        bytes += p->m->weights[i]->value ? cuv_tensor_bytes(p->m->weights[i]->value) : 0;
    cuv_buffer_printf(p->b, "<p>%s, %u layers, %s parameters (%s not trainable), %s bytes of values</p>\n",
                      p->m->class_name, p->picture->total, cuv_grouped(trainable + frozen, all), cuv_grouped(frozen, still),
                      cuv_grouped(bytes, size));
}

/* A structure is shown, too, when the weights beside it are of another model. */
static bool weights_do_not_fit(const struct cuv_model *m)
{
    bool held = false;
    for (size_t i = 0; m->evidence && i < m->evidence->file_count; i++)
        held |= m->evidence->files[i]->group_count > 0;
    return held && !cuv_model_has_values(m);
}

static void opening(cuv_page *p)
{
    cuv_buffer_text(p->b, "<body>\n<header>\n");
    cuv_page_tag(p, "h1", p->m->name);
    count_line(p);
    if (weights_do_not_fit(p->m))
        cuv_page_tag(p, "p class=\"assumed\"",
                     "The weights in the files do not fit this model, and are left out; cuvier rebuild tells why.");
    cuv_buffer_text(
        p->b, "<nav><a href=\"#picture\">Picture</a><a href=\"#layers\">Layers</a><a href=\"#details\">Details</a>"
              "<a href=\"#decisions\">Decisions</a><a href=\"#findings\">Findings</a><a href=\"#sources\">Sources</a>");
    if (p->proof)
        cuv_buffer_text(p->b, "<a href=\"#proof\">Self-test</a>");
    cuv_buffer_text(p->b, "</nav>\n<p id=\"tools\" hidden><label>Find <input id=\"find\" type=\"search\" "
                          "placeholder=\"layer or class\"></label>"
                          "<button id=\"less\">−</button><button id=\"whole\">fit</button><button "
                          "id=\"more\">+</button><span id=\"found\"></span></p>\n"
                          "</header>\n<main>\n");
}

static void picture(cuv_page *p, bool drawn)
{
    cuv_buffer_text(p->b, "<section id=\"picture\"><h2>Picture</h2>\n");
    if (drawn) {
        cuv_buffer_text(p->b, "<div id=\"pan\" tabindex=\"0\">\n");
        cuv_svg_write(p->picture, true, p->b);
        cuv_buffer_text(p->b, "</div>\n");
    } else {
        cuv_page_tag(p, "p",
                     "The model has too many layers, or too many connections between them, for a picture that anybody "
                     "could look at.");
    }
    cuv_buffer_text(p->b, "</section>\n");
}

static cuv_status sections(cuv_page *p, bool drawn)
{
    picture(p, drawn);
    cuv_page_table(p);
    CUV_TRY(cuv_page_details(p));
    cuv_page_decisions(p);
    cuv_page_findings(p);
    cuv_page_sources(p);
    cuv_page_proof(p);
    return CUV_OK;
}

cuv_status cuv_emit_page(const struct cuv_model *m, cuv_arena *arena, const cuv_verification *proof,
                         const char *proof_from, cuv_buffer *out)
{
    cuv_picture *picture_of;
    CUV_TRY(cuv_picture_of(m, arena, &picture_of));
    const size_t mark = cuv_findings_mark(m->cx);
    cuv_status laid = cuv_picture_lay_out(picture_of);
    if (laid == CUV_UNSUPPORTED)
        cuv_findings_rewind(m->cx, mark);
    else if (laid != CUV_OK)
        return laid;
    cuv_page p = {
        .cx = m->cx, .arena = arena, .m = m, .picture = picture_of, .proof = proof, .proof_from = proof_from, .b = out};
    head(&p);
    opening(&p);
    CUV_TRY(sections(&p, laid == CUV_OK));
    cuv_buffer_printf(out, "</main>\n<footer>made by cuvier %s</footer>\n<script>%s</script>\n</body>\n</html>\n",
                      cuv_version(), cuv_page_script);
    return CUV_OK;
}
