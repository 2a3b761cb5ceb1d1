#include "runtime/cli/idx.h"
#include "runtime/cli/fail.h"

#include <errno.h>
#include <fcntl.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>
#include <zlib.h>

/* The largest factor of deflate (zlib's documentation, "Maximum Compression Factor"), and room for small files. */
#define DEFLATE_FACTOR 1032
#define DEFLATE_SLACK 4096

/* An open file with what errors say about it. */
struct source {
    const char *path;
    gzFile file;
    uint64_t stored; /* bytes on disk */
};

static const char REMEDY[] = "get the data set anew";

static enum gtcnn_status open_source(struct source *s, struct gtcnn_err *err)
{
    struct stat st;
    /* O_NONBLOCK: a fifo must not hang us before it can be refused. */
    int fd = open(s->path, O_RDONLY | O_CLOEXEC | O_NONBLOCK);
    if (fd < 0 || fstat(fd, &st) != 0) {
        enum gtcnn_status status = errno == ENOENT ? GTCNN_E_NOENT : GTCNN_E_IO;
        status = gtcnn_cli_fail_path(err, status, s->path, "cannot be opened: %s", strerror(errno));
        if (fd >= 0)
            close(fd);
        return status;
    }
    if (!S_ISREG(st.st_mode)) {
        close(fd);
        return gtcnn_cli_fail_path(err, GTCNN_E_IO, s->path, "is not a regular file");
    }
    s->stored = (uint64_t)st.st_size;
    s->file = gzdopen(fd, "rb");
    if (!s->file) {
        close(fd);
        return gtcnn_cli_fail(err, GTCNN_E_NOMEM, "out of memory");
    }
    return GTCNN_OK;
}

/* What zlib says about the last failure, without the name by which it knows the file ("<fd:3>: "). */
static const char *gzip_reason(gzFile file, int *code)
{
    const char *text = gzerror(file, code);
    const char *name_end = *text == '<' ? strstr(text, ">: ") : NULL;
    if (*code == Z_ERRNO)
        return strerror(errno);
    return name_end ? name_end + 3 : text;
}

/* Reads exactly `n` bytes of `what`, beginning at `offset` of the uncompressed file. */
static enum gtcnn_status read_exactly(struct source *s, uint8_t *out, uint64_t n, const char *what, uint64_t offset,
                                      struct gtcnn_err *err)
{
    uint64_t have = 0;
    while (have < n) {
        unsigned chunk = n - have > (1u << 30) ? 1u << 30 : (unsigned)(n - have);
        int got = gzread(s->file, out + have, chunk);
        if (got < 0) {
            int code;
            const char *reason = gzip_reason(s->file, &code);
            return gtcnn_cli_fail_path(err, GTCNN_E_FORMAT, s->path, "damaged gzip data near byte %llu (%s); %s",
                                       (unsigned long long)(offset + have), reason, REMEDY);
        }
        if (got == 0)
            return gtcnn_cli_fail_path(err, GTCNN_E_FORMAT, s->path,
                                       "ends at byte %llu, inside %s that should go on to byte %llu; %s",
                                       (unsigned long long)(offset + have), what, (unsigned long long)(offset + n), REMEDY);
        have += (uint64_t)got;
    }
    return GTCNN_OK;
}

static uint32_t big_endian(const uint8_t *p)
{
    return (uint32_t)p[0] << 24 | (uint32_t)p[1] << 16 | (uint32_t)p[2] << 8 | p[3];
}

static enum gtcnn_status check_magic(const struct source *s, const uint8_t *m, uint32_t rank, struct gtcnn_err *err)
{
    if (m[0] != 0 || m[1] != 0)
        return gtcnn_cli_fail_path(err, GTCNN_E_FORMAT, s->path, "is no IDX file: it begins with %02x %02x, not 00 00", m[0],
                                   m[1]);
    if (m[2] != 8)
        return gtcnn_cli_fail_path(err, GTCNN_E_UNSUPPORTED, s->path,
                                   "elements of IDX type %02x at byte 2; only 08 (bytes) is read", m[2]);
    if (m[3] != rank)
        return gtcnn_cli_fail_path(err, GTCNN_E_FORMAT, s->path, "has %u dimensions (byte 3), but %s have %u", m[3],
                                   rank == 1 ? "labels" : "images", rank);
    return GTCNN_OK;
}

/* Multiplies the sizes; a product is at most 2^96 < 3 rounds of a checked 64-bit product. */
static enum gtcnn_status parse_sizes(const struct source *s, struct gtcnn_idx *idx, struct gtcnn_err *err)
{
    idx->count = 1;
    for (uint32_t i = 0; i < idx->rank; i++) {
        idx->dim[i] = big_endian(idx->header + 4 + 4 * i);
        if (idx->dim[i] == 0)
            return gtcnn_cli_fail_path(err, GTCNN_E_FORMAT, s->path, "dimension %u is 0 (byte %u)", i, 4 + 4 * i);
        if (__builtin_mul_overflow(idx->count, (uint64_t)idx->dim[i], &idx->count) || idx->count > SIZE_MAX / 2)
            return gtcnn_cli_fail_path(err, GTCNN_E_LIMIT, s->path, "the sizes in its header overflow (dimension %u, byte %u)",
                                       i, 4 + 4 * i);
    }
    return GTCNN_OK;
}

/* Before anything of that size is allocated. */
static enum gtcnn_status check_capacity(const struct source *s, const struct gtcnn_idx *idx, struct gtcnn_err *err)
{
    uint64_t header = 4 + 4 * idx->rank;
    bool plain = gzdirect(s->file);
    uint64_t room = plain ? s->stored - (s->stored < header ? s->stored : header) : s->stored * DEFLATE_FACTOR + DEFLATE_SLACK;
    if (idx->count > room)
        return gtcnn_cli_fail_path(err, GTCNN_E_FORMAT, s->path,
                                   "its header declares %llu bytes, but the file holds at most %llu; it is truncated: %s",
                                   (unsigned long long)idx->count, (unsigned long long)room, REMEDY);
    return GTCNN_OK;
}

static enum gtcnn_status check_end(struct source *s, uint64_t end, struct gtcnn_err *err)
{
    uint8_t extra;
    int got = gzread(s->file, &extra, 1);
    int code = Z_OK;
    const char *reason = gzip_reason(s->file, &code);
    if (got > 0)
        return gtcnn_cli_fail_path(err, GTCNN_E_FORMAT, s->path, "goes on after byte %llu, where its header says it ends; %s",
                                   (unsigned long long)end, REMEDY);
    if (got < 0 || (code != Z_OK && code != Z_STREAM_END))
        return gtcnn_cli_fail_path(err, GTCNN_E_FORMAT, s->path, "damaged gzip data at its end (%s); %s", reason, REMEDY);
    return GTCNN_OK;
}

static enum gtcnn_status load_from(struct source *s, uint32_t rank, struct gtcnn_idx *idx, struct gtcnn_err *err)
{
    uint64_t header = 4 + 4 * rank;
    idx->rank = rank;
    enum gtcnn_status status = read_exactly(s, idx->header, 4, "the magic", 0, err);
    if (!status)
        status = check_magic(s, idx->header, rank, err);
    if (!status)
        status = read_exactly(s, idx->header + 4, header - 4, "the sizes", 4, err);
    if (!status)
        status = parse_sizes(s, idx, err);
    if (!status)
        status = check_capacity(s, idx, err);
    if (status)
        return status;
    idx->data = malloc(idx->count);
    if (!idx->data)
        return gtcnn_cli_fail_path(err, GTCNN_E_NOMEM, s->path, "no memory for its %llu bytes", (unsigned long long)idx->count);
    status = read_exactly(s, idx->data, idx->count, "the data", header, err);
    return status ? status : check_end(s, header + idx->count, err);
}

enum gtcnn_status gtcnn_idx_load(const char *path, uint32_t rank, struct gtcnn_idx *idx, struct gtcnn_err *err)
{
    *idx = (struct gtcnn_idx){0};
    struct source s = {.path = path};
    enum gtcnn_status status = open_source(&s, err);
    if (status)
        return status;
    status = load_from(&s, rank, idx, err);
    gzclose(s.file);
    if (status)
        gtcnn_idx_free(idx);
    return status;
}

void gtcnn_idx_free(struct gtcnn_idx *idx)
{
    free(idx->data);
    *idx = (struct gtcnn_idx){0};
}
