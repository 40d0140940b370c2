/* Shared bytes: heap memory, and files mapped or read whole. Knows no file format. */
#include "base/context.h"

#include <errno.h>
#include <fcntl.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

/* ---- blobs ---- */

enum { DATA_ALIGNMENT = 64 };

/* Header, padding and data of a heap blob are one allocation. */
static bool heap_bytes(size_t size, size_t *out)
{
    return cuv_add_size(sizeof(cuv_blob) + DATA_ALIGNMENT - 1, size, out);
}

cuv_status cuv_blob_new(cuv_context *cx, size_t size, cuv_blob **out)
{
    size_t bytes = 0;
    *out = NULL;
    cuv_blob *blob = heap_bytes(size, &bytes) ? cuv_alloc_zeroed(cx, bytes) : NULL;
    if (!blob)
        return cuv_oom(cx);
    uint8_t *behind = (uint8_t *)(blob + 1);
    size_t past = (size_t)((uintptr_t)behind % DATA_ALIGNMENT);
    atomic_init(&blob->references, 1);
    blob->cx = cx;
    blob->data = behind + (past ? DATA_ALIGNMENT - past : 0);
    blob->size = size;
    *out = blob;
    return CUV_OK;
}

cuv_status cuv_blob_copy(cuv_context *cx, const void *data, size_t size, cuv_blob **out)
{
    CUV_TRY(cuv_blob_new(cx, size, out));
    if (size > 0)
        memcpy((*out)->data, data, size);
    return CUV_OK;
}

cuv_blob *cuv_blob_share(cuv_blob *blob)
{
    atomic_fetch_add_explicit(&blob->references, 1, memory_order_relaxed);
    return blob;
}

void cuv_blob_release(cuv_blob *blob)
{
    if (!blob || atomic_fetch_sub_explicit(&blob->references, 1, memory_order_acq_rel) > 1)
        return;
    size_t bytes = sizeof *blob;
    if (blob->mapped)
        munmap(blob->data, blob->mapped);
    else
        (void)heap_bytes(blob->size, &bytes); /* has been computed before */
    cuv_release(blob->cx, blob, bytes);
}

void cuv_blob_forget(const cuv_blob *blob, const void *data, size_t size)
{
    const size_t page = 4096;
    if (!blob || !blob->mapped || (const uint8_t *)data < blob->data || size > blob->size ||
        (size_t)((const uint8_t *)data - blob->data) > blob->size - size)
        return;
    const uintptr_t from = ((uintptr_t)data + page - 1) & ~(page - 1), to = ((uintptr_t)data + size) & ~(page - 1);
    if (to > from)
        (void)madvise((void *)from, to - from, MADV_DONTNEED);      /* read again from the file when it is needed */
}

/* ---- files ---- */

static cuv_status too_large(cuv_context *cx, const char *name)
{
    cuv_detail detail = {.file = name, .help = "raise the limit for files if you trust this one"};
    return cuv_fail(cx, CUV_UNSAFE, "file.too_large", &detail, "%s is larger than the limit of %llu bytes", name,
                    (unsigned long long)cx->limits.file_bytes);
}

static cuv_status unreadable(cuv_context *cx, const char *name, const char *id, int error)
{
    cuv_detail detail = {.file = name};
    if (error == ENOENT)
        detail.help = "check the spelling of the path";
    else if (error == EACCES)
        detail.help = "check the permissions of the file and its folders";
    return cuv_fail(cx, CUV_IO, id, &detail, "%s cannot be read: %s", name, strerror(error));
}

static cuv_status read_into(cuv_context *cx, int fd, const char *name, cuv_buffer *b)
{
    enum { CHUNK = 1 << 16 };
    uint8_t *chunk = cuv_alloc(cx, CHUNK);
    cuv_status status = chunk ? CUV_OK : cuv_oom(cx);
    while (status == CUV_OK) {
        ssize_t got = read(fd, chunk, CHUNK);
        if (got == 0)
            break;
        if (got < 0 && errno != EINTR)
            status = unreadable(cx, name, "file.read", errno);
        if (got < 0)
            continue;
        if ((uint64_t)got > cx->limits.file_bytes || b->size > cx->limits.file_bytes - (uint64_t)got) {
            status = too_large(cx, name);
            break;
        }
        cuv_buffer_add(b, chunk, (size_t)got);
        status = b->failed ? cuv_oom(cx) : cuv_check_time(cx);
    }
    cuv_release(cx, chunk, CHUNK);
    return status;
}

static cuv_status read_all(cuv_context *cx, int fd, const char *name, cuv_blob **out)
{
    cuv_buffer b;
    cuv_buffer_init(&b, cx);
    cuv_status status = read_into(cx, fd, name, &b);
    if (status == CUV_OK)
        status = cuv_blob_copy(cx, b.data, b.size, out);
    cuv_buffer_free(&b);
    return status;
}

static cuv_status map_all(cuv_context *cx, int fd, size_t size, const char *name, cuv_blob **out)
{
    void *data = mmap(NULL, size, PROT_READ, MAP_PRIVATE, fd, 0);
    if (data == MAP_FAILED && errno == ENOMEM)
        return cuv_oom(cx);
    if (data == MAP_FAILED)
        return read_all(cx, fd, name, out); /* some file systems cannot map */
    cuv_blob *blob = cuv_alloc_zeroed(cx, sizeof *blob);
    if (!blob) {
        munmap(data, size);
        return cuv_oom(cx);
    }
    atomic_init(&blob->references, 1);
    blob->cx = cx;
    blob->data = data;
    blob->size = blob->mapped = size;
    *out = blob;
    return CUV_OK;
}

static cuv_status read_open_file(cuv_context *cx, int fd, const char *name, bool is_stdin, cuv_blob **out)
{
    struct stat st;
    if (fstat(fd, &st) != 0)
        return unreadable(cx, name, "file.read", errno);
    cuv_detail detail = {.file = name, .help = "name the files inside it, one by one"};
    if (S_ISDIR(st.st_mode))
        return cuv_fail(cx, CUV_IO, "file.folder", &detail, "%s is a folder, where a file is expected", name);
    detail.help = NULL;
    if ((S_ISCHR(st.st_mode) || S_ISBLK(st.st_mode)) && !is_stdin)
        return cuv_fail(cx, CUV_IO, "file.device", &detail, "%s is a device, where a file is expected", name);
    if (!S_ISREG(st.st_mode) || st.st_size <= 0 || is_stdin)
        return read_all(cx, fd, name, out); /* files that the kernel makes up claim to be empty */
    if ((uint64_t)st.st_size > cx->limits.file_bytes || (uint64_t)st.st_size > SIZE_MAX)
        return too_large(cx, name);
    return map_all(cx, fd, (size_t)st.st_size, name, out);
}

cuv_status cuv_blob_map(cuv_context *cx, const char *path, cuv_blob **out)
{
    *out = NULL;
    if (cuv_streq(path, "-"))
        return read_open_file(cx, STDIN_FILENO, "standard input", true, out);
    int fd = -1;
    do {
        fd = open(path, O_RDONLY | O_CLOEXEC | O_NOCTTY);
    } while (fd < 0 && errno == EINTR);
    if (fd < 0)
        return unreadable(cx, path, "file.open", errno);
    cuv_status status = read_open_file(cx, fd, path, false, out);
    close(fd);
    return status;
}
