/* Files that appear whole or not at all: written beside their place, flushed to the disk, renamed.
 * Pipes and devices have no place to be renamed to and are written straight through. */
#include "base/context.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdlib.h>
#include <sys/random.h>
#include <sys/stat.h>
#include <unistd.h>

enum { BUFFER_SIZE = 1 << 16, ATTEMPTS = 16 };

struct cuv_output {
    cuv_context *cx;
    cuv_arena *arena;      /* holds this struct */
    const char *path;      /* as given, for messages */
    const char *place;     /* where the file will be: the target of a link */
    const char *temporary; /* NULL: written straight through */
    bool own;              /* can be made again: the disk is not waited for */
    int fd;
    uint64_t position;
    size_t held;
    uint8_t buffer[BUFFER_SIZE];
};

const char *cuv_path_name(const char *path)
{
    const char *slash = strrchr(path, '/');
    return slash ? slash + 1 : path;
}

char *cuv_path_folder(cuv_arena *arena, const char *path)
{
    return cuv_arena_strndup(arena, path, (size_t)(cuv_path_name(path) - path));
}

cuv_status cuv_unwritable(cuv_context *cx, const char *path, int error)
{
    bool full = error == ENOSPC || error == EDQUOT || error == EFBIG;
    cuv_detail detail = {.file = path};
    if (full)
        detail.help = "free some space, or write to another disk";
    else if (error == ENOENT)
        detail.help = "make the folder first";
    else if (error == EACCES || error == EROFS || error == EPERM)
        detail.help = "write to a folder that you may change";
    return cuv_fail(cx, full ? CUV_SPACE : CUV_IO, full ? "output.space" : "output.write", &detail, "%s cannot be written: %s", path,
                    strerror(error));
}

/* The path behind links, so that the file a link names is replaced and not the link. */
static const char *resolve(cuv_arena *arena, const char *path)
{
    char *resolved = realpath(path, NULL);
    const char *copy = cuv_arena_strdup(arena, resolved ? resolved : path);
    free(resolved);
    return copy;
}

static cuv_status open_temporary(cuv_output *out, mode_t mode)
{
    for (int i = 0; i < ATTEMPTS; i++) {
        uint64_t random = 0;
        if (getrandom(&random, sizeof random, 0) != (ssize_t)sizeof random)
            return cuv_unwritable(out->cx, out->path, errno);
        out->temporary = cuv_arena_printf(out->arena, "%s.%016llx.tmp", out->place, (unsigned long long)random);
        if (!out->temporary)
            return cuv_oom(out->cx);
        out->fd = open(out->temporary, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC | O_NOFOLLOW, mode);
        if (out->fd >= 0)
            return CUV_OK;
        int error = errno;
        out->temporary = NULL;
        if (error != EEXIST && error != EINTR)
            return cuv_unwritable(out->cx, out->path, error);
    }
    return cuv_unwritable(out->cx, out->path, EEXIST);
}

static cuv_status open_place(cuv_output *out)
{
    struct stat st;
    bool exists = stat(out->place, &st) == 0;
    if (exists && S_ISDIR(st.st_mode))
        return cuv_unwritable(out->cx, out->path, EISDIR);
    if (exists && !S_ISREG(st.st_mode)) {
        out->fd = open(out->place, O_WRONLY | O_CLOEXEC | O_NOCTTY);
        return out->fd >= 0 ? CUV_OK : cuv_unwritable(out->cx, out->path, errno);
    }
    CUV_TRY(open_temporary(out, 0666));
    if (exists) /* a file that is replaced keeps its permissions as far as the system lets it */
        (void)!fchmod(out->fd, st.st_mode & 0777);
    return CUV_OK;
}

static cuv_status open_output(cuv_context *cx, const char *path, bool own, cuv_output **out)
{
    *out = NULL;
    cuv_arena *arena = cuv_arena_new(cx);
    cuv_output *o = arena ? CUV_NEW(arena, cuv_output) : NULL;
    if (!o) {
        cuv_arena_free(arena);
        return cuv_oom(cx);
    }
    o->cx = cx;
    o->arena = arena;
    o->fd = -1;
    o->path = cuv_arena_strdup(arena, path);
    o->own = own;
    o->place = own ? o->path : resolve(arena, path);
    cuv_status status = !o->path || !o->place ? cuv_oom(cx) : own ? open_temporary(o, 0644) : open_place(o);
    if (status == CUV_OK)
        *out = o;
    else
        cuv_output_discard(o);
    return status;
}

cuv_status cuv_output_open(cuv_context *cx, const char *path, cuv_output **out)
{
    return open_output(cx, path, false, out);
}

cuv_status cuv_output_open_own(cuv_context *cx, const char *path, cuv_output **out)
{
    return open_output(cx, path, true, out);
}

static cuv_status write_all(cuv_output *out, const uint8_t *data, size_t size)
{
    while (size > 0) {
        ssize_t done = write(out->fd, data, size);
        if (done < 0 && errno == EINTR)
            continue;
        if (done <= 0)
            return cuv_unwritable(out->cx, out->path, done < 0 ? errno : EIO);
        data += done;
        size -= (size_t)done;
    }
    return CUV_OK;
}

static cuv_status flush(cuv_output *out)
{
    size_t held = out->held;
    out->held = 0;
    return write_all(out, out->buffer, held);
}

cuv_status cuv_output_write(cuv_output *out, const void *data, size_t size)
{
    if (size == 0)
        return CUV_OK;
    out->position += size;
    if (size > BUFFER_SIZE - out->held)
        CUV_TRY(flush(out));
    if (size >= BUFFER_SIZE)
        return write_all(out, data, size);
    memcpy(out->buffer + out->held, data, size);
    out->held += size;
    return CUV_OK;
}

uint64_t cuv_output_position(const cuv_output *out)
{
    return out->position;
}

/* Makes the new name last. Some file systems cannot flush a folder; the file is in its place all the same. */
static void flush_folder(cuv_output *out)
{
    const char *folder = cuv_path_folder(out->arena, out->place);
    if (!folder)
        return;
    int fd = open(*folder ? folder : ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    if (fd < 0)
        return;
    (void)fsync(fd);
    close(fd);
}

static cuv_status put_in_place(cuv_output *out)
{
    CUV_TRY(flush(out));
    if (out->temporary && !out->own && fsync(out->fd) != 0)
        return cuv_unwritable(out->cx, out->path, errno);
    int fd = out->fd;
    out->fd = -1;
    if (close(fd) != 0 && errno != EINTR)
        return cuv_unwritable(out->cx, out->path, errno);
    if (out->temporary && rename(out->temporary, out->place) != 0)
        return cuv_unwritable(out->cx, out->path, errno);
    if (out->temporary && !out->own)
        flush_folder(out);
    out->temporary = NULL;
    return CUV_OK;
}

cuv_status cuv_output_commit(cuv_output *out)
{
    cuv_status status = put_in_place(out);
    cuv_output_discard(out);
    return status;
}

void cuv_output_discard(cuv_output *out)
{
    if (!out)
        return;
    if (out->fd >= 0)
        close(out->fd);
    if (out->temporary)
        (void)unlink(out->temporary);
    cuv_arena_free(out->arena);
}
