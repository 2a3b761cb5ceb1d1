#include "energy/cputime.h"

#include "energy/scan.h"

#include <errno.h>
#include <string.h>
#include <unistd.h>

enum { PATH_BYTES = 256, STAT_BYTES = 1024 };

void gt_cputime_open(struct gt_cputime *cputime, const struct gt_os *os)
{
    long hz = sysconf(_SC_CLK_TCK);
    cputime->os = os;
    cputime->tick_ns = 1000000000u / (uint64_t)(hz > 0 ? hz : 100);
    cputime->fd = os->open_read(os->state, "/proc/stat");
}

void gt_cputime_close(struct gt_cputime *cputime)
{
    if (cputime->fd >= 0)
        cputime->os->close(cputime->os->state, cputime->fd);
    cputime->fd = -1;
}

/* "cpu  user nice system idle iowait irq softirq steal guest guest_nice"; old kernels have fewer columns. */
static int parse_machine(const char *at, uint64_t tick_ns, uint64_t *busy_ns, uint64_t *total_ns)
{
    static const unsigned char is_busy[8] = {1, 1, 1, 0, 0, 1, 1, 0};
    uint64_t busy = 0, total = 0, value;
    int columns = 0;
    if (strncmp(at, "cpu ", 4) != 0)
        return -EINVAL;
    for (at += 4; columns < 8; columns++) {
        gt_scan_blanks(&at);
        if (!gt_scan_u64(&at, &value))
            break;
        total += value;
        busy += is_busy[columns] ? value : 0;
    }
    if (columns < 4)
        return -EINVAL;
    *busy_ns = busy * tick_ns;
    *total_ns = total * tick_ns;
    return 0;
}

int gt_cputime_machine(const struct gt_cputime *cputime, uint64_t *busy_ns, uint64_t *total_ns)
{
    char line[256];
    *busy_ns = *total_ns = UINT64_MAX;
    if (cputime->fd < 0)
        return cputime->fd;
    ssize_t n;
    do
        n = cputime->os->pread(cputime->os->state, cputime->fd, line, sizeof line - 1, 0);
    while (n == -EINTR);
    if (n < 0)
        return (int)n;
    line[n] = '\0';
    return parse_machine(line, cputime->tick_ns, busy_ns, total_ns);
}

uint64_t gt_cputime_self(const struct gt_os *os)
{
    return os->clock_ns(os->state, CLOCK_PROCESS_CPUTIME_ID);
}

/* proc(5): the command's name, in parentheses, may hold anything; utime is the 12th field after it. */
static int parse_process(const char *text, uint64_t field[4])
{
    const char *at = strrchr(text, ')');
    if (!at)
        return -EINVAL;
    at++;
    for (int skip = 0; skip < 11; skip++) {
        gt_scan_blanks(&at);
        at += strcspn(at, " ");
    }
    for (int i = 0; i < 4; i++) {
        gt_scan_blanks(&at);
        if (!gt_scan_u64(&at, &field[i]))
            return -EINVAL;
    }
    return 0;
}

int gt_cputime_process(const struct gt_os *os, long pid, uint64_t *own_ns, uint64_t *children_ns)
{
    char path[PATH_BYTES] = "/proc/", text[STAT_BYTES];
    uint64_t field[4];
    long hz = sysconf(_SC_CLK_TCK);
    uint64_t tick_ns = 1000000000u / (uint64_t)(hz > 0 ? hz : 100);
    gt_scan_append_u64(path, sizeof path, (uint64_t)pid);
    gt_scan_append(path, sizeof path, "/stat");
    ssize_t n = gt_os_read_text(os, path, text, sizeof text);
    if (n < 0)
        return n == -ESRCH ? -ENOENT : (int)n;
    int status = parse_process(text, field);
    if (status < 0)
        return status;
    if (own_ns)
        *own_ns = (field[0] + field[1]) * tick_ns;
    if (children_ns)
        *children_ns = (field[2] + field[3]) * tick_ns;
    return 0;
}

int gt_cputime_cgroup(const struct gt_os *os, const char *folder, uint64_t *cpu_ns)
{
    static const char key[] = "usage_usec ";
    char path[PATH_BYTES] = "", text[STAT_BYTES];
    if (!gt_scan_append(path, sizeof path, folder) || !gt_scan_append(path, sizeof path, "/cpu.stat"))
        return -ENAMETOOLONG;
    ssize_t n = gt_os_read_text(os, path, text, sizeof text);
    if (n < 0)
        return (int)n;
    const char *at = strstr(text, key);
    uint64_t usec;
    if (!at)
        return -EINVAL;
    at += sizeof key - 1;
    if (!gt_scan_u64(&at, &usec))
        return -EINVAL;
    *cpu_ns = usec * 1000;
    return 0;
}
