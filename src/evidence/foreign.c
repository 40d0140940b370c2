/* Files that are often given in place of a model: pointers of Git LFS, web pages, other frameworks' files, images.
 * Says what they are; reads none of them. */
#include "evidence/read.h"

typedef struct foreign {
    size_t at;              /* where the mark stands */
    const char *mark;
    size_t size;
    const char *what, *help;
    cuv_status status;
} foreign;

#define MARK(text) text, sizeof text - 1

static const char lfs_help[] = "fetch the model itself: git lfs pull, or the download link of its host";
static const char page_help[] = "the download gave a web page; take the link to the raw file";
static const char unpack_help[] = "unpack it first, and give what is inside";
static const char torch_help[] = "save its tensors with numpy.savez or safetensors";

static const foreign foreigners[] = {
    {0, MARK("version https://git-lfs"), "a Git LFS pointer, not the model itself", lfs_help, CUV_DAMAGED},
    {0, MARK("/annex/objects/"), "a git-annex pointer, not the model itself", "fetch the model: git annex get",
     CUV_DAMAGED},
    {0, MARK("BZh"), "a bzip2-compressed file", unpack_help, CUV_UNSUPPORTED},
    {0,
     MARK("\xfd"
          "7zXZ"),
     "an xz-compressed file", unpack_help, CUV_UNSUPPORTED},
    {0, MARK("\x28\xb5\x2f\xfd"), "a zstd-compressed file", unpack_help, CUV_UNSUPPORTED},
    {0, MARK("7z\xbc\xaf"), "a 7-Zip archive", unpack_help, CUV_UNSUPPORTED},
    {0, MARK("Rar!"), "a RAR archive", unpack_help, CUV_UNSUPPORTED},
    {257, MARK("ustar"), "a tar archive", unpack_help, CUV_UNSUPPORTED},
    {4, MARK("TFL3"), "a TensorFlow Lite model", "give the Keras model it was made from", CUV_UNSUPPORTED},
    {0, MARK("GGUF"), "a GGUF model", NULL, CUV_UNSUPPORTED},
    {0,
     MARK("\x80\x02\x8a\x0al\xfc\x9c"
          "F\xf9 j\xa8P\x19."),
     "a PyTorch file, not one of Keras", torch_help, CUV_UNSUPPORTED},
    {0, MARK("\x89PNG\r\n"), "a PNG image", NULL, CUV_UNSUPPORTED},
    {0, MARK("\xff\xd8\xff"), "a JPEG image", NULL, CUV_UNSUPPORTED},
    {0, MARK("GIF8"), "a GIF image", NULL, CUV_UNSUPPORTED},
    {0, MARK("%PDF-"), "a PDF document", NULL, CUV_UNSUPPORTED},
    {0,
     MARK("\x7f"
          "ELF"),
     "a program", NULL, CUV_UNSUPPORTED},
    {0, MARK("MATLAB 5.0 MAT-file"), "a MATLAB file", "save its arrays with numpy.savez", CUV_UNSUPPORTED},
    {0, MARK("PAR1"), "a Parquet table", NULL, CUV_UNSUPPORTED},
    {0, MARK("SQLite format 3"), "an SQLite database", NULL, CUV_UNSUPPORTED},
};

static bool stands_at(const uint8_t *data, size_t size, size_t at, const char *mark, size_t mark_size)
{
    return at <= size && mark_size <= size - at && memcmp(data + at, mark, mark_size) == 0;
}

/* Web pages begin in many ways; what counts is the first tag. */
static bool is_page(const uint8_t *data, size_t size)
{
    static const char *const tags[] = {"<!doctype", "<html", "<head", "<body", "<?xml", "<error"};
    size_t at = stands_at(data, size, 0, "\xef\xbb\xbf", 3) ? 3 : 0;
    while (at < size && (data[at] == ' ' || data[at] == '\n' || data[at] == '\r' || data[at] == '\t'))
        at++;
    for (size_t i = 0; i < sizeof tags / sizeof *tags; i++) {
        size_t n = 0;
        while (tags[i][n] && at + n < size &&
               (data[at + n] | (data[at + n] >= 'A' && data[at + n] <= 'Z' ? 32 : 0)) == tags[i][n])
            n++;
        if (!tags[i][n])
            return true;
    }
    return false;
}

static const char *first_bytes(cuv_context *cx, const cuv_file *file)
{
    size_t n = file->source.size < 16 ? file->source.size : 16;
    cuv_buffer b;
    cuv_buffer_init(&b, cx);
    cuv_buffer_text(&b, "first bytes ");
    for (size_t i = 0; i < n; i++)
        cuv_buffer_printf(&b, "%02x ", file->source.data[i]);
    cuv_buffer_safe(&b, (const char *)file->source.data, n);
    const char *text = cuv_format(cx, "%s", b.failed ? "" : b.data);
    cuv_buffer_free(&b);
    return text;
}

cuv_status cuv_foreign_check(cuv_context *cx, const cuv_file *file)
{
    const uint8_t *data = file->source.data;
    size_t size = file->source.size;
    cuv_detail detail = {.file = file->path};
    if (size == 0) {
        detail.help = "get another copy; a download or a save was cut off";
        return cuv_fail(cx, CUV_DAMAGED, "file.empty", &detail, "%s is empty", file->name);
    }
    if (is_page(data, size)) {
        detail.help = page_help;
        return cuv_fail(cx, CUV_DAMAGED, "file.page", &detail, "%s is a web page (HTML or XML), not the model itself",
                        file->name);
    }
    for (size_t i = 0; i < sizeof foreigners / sizeof *foreigners; i++) {
        const foreign *f = &foreigners[i];
        if (!stands_at(data, size, f->at, f->mark, f->size))
            continue;
        detail.help = f->help;
        return cuv_fail(cx, f->status, "file.foreign", &detail, "%s is %s", file->name, f->what);
    }
    return CUV_OK;
}

cuv_status cuv_foreign_unknown(cuv_context *cx, const cuv_file *file)
{
    cuv_detail detail = {
        .file = file->path, .found = first_bytes(cx, file),
        .expected = "HDF5 (.h5, .weights.h5), .keras, .npy, .npz, a pickle, safetensors, JSON, YAML, or Keras code",
        .help = "was it cut off, encrypted, or made by another program?",
    };
    return cuv_fail(cx, CUV_UNSUPPORTED, "file.unknown", &detail, "%s is of no form that cuvier knows", file->name);
}
