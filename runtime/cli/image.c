#include "runtime/cli/fail.h"
#include "runtime/cli/image_codec.h"
#include "runtime/escape.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

static enum gtcnn_status open_file(const char *path, int *fd, size_t *size, struct gtcnn_err *err)
{
    struct stat st;
    *fd = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK); /* O_NONBLOCK: a fifo must not hang us before it can be refused */
    if (*fd < 0 || fstat(*fd, &st) != 0)
        return gtcnn_cli_fail_path(err, errno == ENOENT ? GTCNN_E_NOENT : GTCNN_E_IO, path, "cannot be opened: %s",
                                   strerror(errno));
    if (!S_ISREG(st.st_mode))
        return gtcnn_cli_fail_path(err, GTCNN_E_IO, path, "is not a regular file");
    if (st.st_size > GTCNN_IMAGE_FILE_MOST)
        return gtcnn_cli_fail_path(err, GTCNN_E_LIMIT, path, "has %lld bytes, an image file may have %d; make it smaller",
                                   (long long)st.st_size, (int)GTCNN_IMAGE_FILE_MOST);
    *size = (size_t)st.st_size;
    return GTCNN_OK;
}

/* Up to `size` bytes; *n: those that were there. */
static int read_all(int fd, uint8_t *to, size_t size, size_t *n)
{
    for (*n = 0; *n < size;) {
        ssize_t got = read(fd, to + *n, size - *n);
        if (got < 0 && errno == EINTR)
            continue;
        if (got <= 0)
            return (int)got;
        *n += (size_t)got;
    }
    return 0;
}

enum gtcnn_status gtcnn_image_read(const char *path, uint8_t **bytes, size_t *n, struct gtcnn_err *err)
{
    int fd;
    size_t size = 0;
    *bytes = NULL;
    *n = 0;
    enum gtcnn_status status = open_file(path, &fd, &size, err);
    if (!status && !(*bytes = malloc(size + 1)))
        status = gtcnn_cli_fail_path(err, GTCNN_E_NOMEM, path, "no memory for its %zu bytes", size);
    if (!status && read_all(fd, *bytes, size, n) < 0)
        status = gtcnn_cli_fail_path(err, GTCNN_E_IO, path, "cannot be read: %s", strerror(errno));
    if (fd >= 0)
        close(fd);
    if (status) {
        free(*bytes);
        *bytes = NULL;
    }
    return status;
}

enum gtcnn_status gtcnn_image_allocate(struct gtcnn_image_job *job, uint32_t height, uint32_t width)
{
    enum gtcnn_status status = GTCNN_OK;
    uint64_t pixels = (uint64_t)height * width;
    if (pixels == 0) {
        status = GTCNN_E_FORMAT;
        snprintf(job->reason, sizeof job->reason, "declares %u x %u pixels", width, height);
    } else if (height > GTCNN_IMAGE_SIDE_MOST || width > GTCNN_IMAGE_SIDE_MOST || pixels > GTCNN_IMAGE_PIXELS_MOST) {
        status = GTCNN_E_LIMIT;
        snprintf(job->reason, sizeof job->reason, "declares %u x %u pixels; at most %d a side and %d in all are read", width,
                 height, (int)GTCNN_IMAGE_SIDE_MOST, (int)GTCNN_IMAGE_PIXELS_MOST);
    } else if (!(job->image->rgb = malloc(pixels * 3))) {
        status = GTCNN_E_NOMEM;
        snprintf(job->reason, sizeof job->reason, "no memory for %u x %u pixels", width, height);
    }
    job->image->height = height;
    job->image->width = width;
    return status;
}

/* How a file of that kind begins, and who reads it. */
static const struct {
    const char *magic;
    size_t n;
    enum gtcnn_status (*decode)(struct gtcnn_image_job *job);
} CODECS[] = {
    {"\xff\xd8\xff", 3, gtcnn_image_jpeg},
    {"\x89PNG\r\n\x1a\n", 8, gtcnn_image_png},
};

static enum gtcnn_status decode(struct gtcnn_image_job *job)
{
    for (size_t i = 0; i < sizeof CODECS / sizeof *CODECS; i++)
        if (job->n >= CODECS[i].n && memcmp(job->bytes, CODECS[i].magic, CODECS[i].n) == 0)
            return CODECS[i].decode(job);
    snprintf(job->reason, sizeof job->reason, job->n ? "is neither JPEG nor PNG by its first bytes" : "is empty");
    return GTCNN_E_FORMAT;
}

static const char *remedy(enum gtcnn_status status)
{
    switch (status) {
    case GTCNN_E_LIMIT:
        return "; make it smaller";
    case GTCNN_E_NOMEM:
        return "";
    default:
        return "; get the file anew, or take it out of the folder";
    }
}

enum gtcnn_status gtcnn_image_decode(const uint8_t *bytes, size_t n, const char *name, struct gtcnn_image *image,
                                     struct gtcnn_err *err)
{
    struct gtcnn_image_job job = {bytes, n, image, ""};
    char safe[2 * GTCNN_IMAGE_REASON];
    *image = (struct gtcnn_image){0};
    enum gtcnn_status status = decode(&job);
    if (status == GTCNN_OK)
        return status;
    gtcnn_image_free(image);
    gtcnn_escape(safe, sizeof safe, job.reason, SIZE_MAX); /* libpng's texts hold bytes of the file */
    return gtcnn_cli_fail_path(err, status, name, "%s%s", safe, remedy(status));
}

enum gtcnn_status gtcnn_image_load(const char *path, struct gtcnn_image *image, struct gtcnn_err *err)
{
    uint8_t *bytes;
    size_t n;
    *image = (struct gtcnn_image){0};
    enum gtcnn_status status = gtcnn_image_read(path, &bytes, &n, err);
    if (status)
        return status;
    status = gtcnn_image_decode(bytes, n, path, image, err);
    free(bytes);
    return status;
}

void gtcnn_image_free(struct gtcnn_image *image)
{
    free(image->rgb);
    *image = (struct gtcnn_image){0};
}
