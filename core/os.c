#include "core/os.h"

#include <errno.h>
#include <string.h>

static int is_space(char c)
{
    return c == ' ' || c == '\n' || c == '\t' || c == '\r';
}

/* procfs hands a file out in pieces, so that only a read of 0 bytes is its end. */
static ssize_t read_all(const struct gt_os *os, int fd, char *buffer, size_t size)
{
    size_t used = 0;
    for (;;) {
        char more;
        int full = used == size;
        ssize_t n = os->pread(os->state, fd, full ? &more : buffer + used, full ? 1 : size - used, used);
        if (n == -EINTR)
            continue;
        if (n < 0)
            return n;
        if (n == 0)
            return (ssize_t)used;
        if (full)
            return -EFBIG;
        used += (size_t)n;
    }
}

ssize_t gt_os_read_text(const struct gt_os *os, const char *path, char *buffer, size_t size)
{
    if (size == 0)
        return -EFBIG;
    buffer[0] = '\0';
    int fd = os->open_read(os->state, path);
    if (fd < 0)
        return fd;
    ssize_t n = read_all(os, fd, buffer, size - 1);
    os->close(os->state, fd);
    if (n < 0) {
        buffer[0] = '\0';
        return n;
    }
    while (n > 0 && is_space(buffer[n - 1]))
        n--;
    buffer[n] = '\0';
    return n;
}

/* Digits alone, at least one. */
static int parse_u64(const char *text, size_t n, uint64_t *value)
{
    uint64_t v = 0;
    for (size_t i = 0; i < n; i++) {
        if (text[i] < '0' || text[i] > '9' || __builtin_mul_overflow(v, 10u, &v) ||
            __builtin_add_overflow(v, (uint64_t)(text[i] - '0'), &v))
            return -EINVAL;
    }
    if (n == 0)
        return -EINVAL;
    *value = v;
    return 0;
}

int gt_os_read_u64(const struct gt_os *os, const char *path, uint64_t *value)
{
    char text[32];
    ssize_t n = gt_os_read_text(os, path, text, sizeof text);
    if (n < 0)
        return n == -EFBIG ? -EINVAL : (int)n;
    return parse_u64(text, (size_t)n, value);
}

int gt_os_pread_u64(const struct gt_os *os, int fd, uint64_t *value)
{
    char text[32];
    size_t used = 0;
    while (used < sizeof text) {
        ssize_t n = os->pread(os->state, fd, text + used, sizeof text - used, used);
        if (n == -EINTR)
            continue;
        if (n < 0)
            return (int)n;
        const char *end = memchr(text + used, '\n', (size_t)n);
        if (end || n == 0)
            return parse_u64(text, end ? (size_t)(end - text) : used, value);
        used += (size_t)n;
    }
    return -EINVAL;
}
