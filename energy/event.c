#include "energy/event.h"

#include <errno.h>
#include <linux/perf_event.h>
#include <string.h>

enum { NO_USER = 1, NO_KERNEL = 2 };

/* --- as text ------------------------------------------------------------------------------------------------------------- */

struct text {
    char *at, *end;
    bool full;
};

static void put(struct text *t, char c)
{
    if (t->at < t->end)
        *t->at++ = c;
    else
        t->full = true;
}

static void put_number(struct text *t, uint64_t value, unsigned base)
{
    char digits[24];
    int n = 0;
    do
        digits[n++] = "0123456789abcdef"[value % base];
    while ((value /= base) != 0);
    while (n > 0)
        put(t, digits[--n]);
    put(t, ':');
}

static void put_term(struct text *t, const struct gt_event_term *term)
{
    uint64_t weight = (uint64_t)term->weight;
    put_number(t, term->type, 16);
    put_number(t, term->config, 16);
    put_number(t, term->config1, 16);
    put_number(t, term->config2, 16);
    put_number(t, (term->exclude_user ? NO_USER : 0) | (term->exclude_kernel ? NO_KERNEL : 0), 16);
    if (term->weight < 0)
        put(t, '-');
    put_number(t, term->weight < 0 ? -weight : weight, 10);
    for (const char *name = term->name; *name; name++) {
        t->full = t->full || *name == ',';
        put(t, *name);
    }
}

int gt_event_format(const struct gt_event_term *terms, int count, char *text, size_t size)
{
    struct text t = {text, text + size, false};
    for (int i = 0; i < count; i++) {
        if (i > 0)
            put(&t, ',');
        put_term(&t, &terms[i]);
    }
    put(&t, 0);
    return t.full ? -1 : (int)(t.at - text) - 1;
}

static int digit_of(char c, unsigned base)
{
    int digit = c >= '0' && c <= '9' ? c - '0' : c >= 'a' && c <= 'f' ? c - 'a' + 10 : 99;
    return digit < (int)base ? digit : -1;
}

/* Digits, then a colon. */
static bool take_number(const char **text, unsigned base, uint64_t most, uint64_t *value)
{
    const char *at = *text;
    *value = 0;
    for (; digit_of(*at, base) >= 0; at++) {
        uint64_t digit = (uint64_t)digit_of(*at, base);
        if (digit > most || *value > (most - digit) / base)
            return false;
        *value = *value * base + digit;
    }
    bool some = at > *text && *at == ':';
    *text = at + 1;
    return some;
}

static bool take_weight(const char **text, int64_t *weight)
{
    uint64_t value;
    bool minus = **text == '-';
    *text += minus;
    if (!take_number(text, 10, INT32_MAX, &value))
        return false;
    *weight = minus ? -(int64_t)value : (int64_t)value;
    return value != 0;
}

static bool take_name(const char **text, char name[GT_EVENT_NAME])
{
    size_t n = strcspn(*text, ",");
    if (n == 0 || n >= GT_EVENT_NAME)
        return false;
    for (size_t i = 0; i < n; i++)
        if ((*text)[i] <= ' ' || (*text)[i] > '~') /* it goes into the trace, and from there to terminals */
            return false;
    memcpy(name, *text, n);
    name[n] = 0;
    *text += n;
    return true;
}

static bool take_term(const char **text, struct gt_event_term *term)
{
    uint64_t type, flags;
    *term = (struct gt_event_term){0};
    if (!take_number(text, 16, UINT32_MAX, &type) || !take_number(text, 16, UINT64_MAX, &term->config) ||
        !take_number(text, 16, UINT64_MAX, &term->config1) || !take_number(text, 16, UINT64_MAX, &term->config2) ||
        !take_number(text, 16, NO_USER | NO_KERNEL, &flags) || !take_weight(text, &term->weight))
        return false;
    term->type = (uint32_t)type;
    term->exclude_user = flags & NO_USER;
    term->exclude_kernel = flags & NO_KERNEL;
    return take_name(text, term->name);
}

int gt_event_parse(const char *text, struct gt_event_term *terms, int room)
{
    for (int count = 0; count < room;) {
        if (!take_term(&text, &terms[count++]))
            return -1;
        if (*text == 0)
            return count;
        text++;
    }
    return -1;
}

/* --- the kernel ----------------------------------------------------------------------------------------------------------- */

/*
 * kernel/sched and kernel/events/core.c: a switch or a migration happens in the kernel, so that one which excludes the kernel
 * never counts; the clocks run whatever is excluded.
 */
static bool is_kernels_alone(const struct gt_event_term *term)
{
    return term->type == PERF_TYPE_SOFTWARE &&
           (term->config == PERF_COUNT_SW_CONTEXT_SWITCHES || term->config == PERF_COUNT_SW_CPU_MIGRATIONS);
}

static bool is_clock(const struct gt_event_term *term)
{
    return term->type == PERF_TYPE_SOFTWARE &&
           (term->config == PERF_COUNT_SW_CPU_CLOCK || term->config == PERF_COUNT_SW_TASK_CLOCK);
}

int gt_event_open(const struct gt_os *os, const struct gt_event_term *term, pid_t pid, bool on_exec, bool *user_only)
{
    struct perf_event_attr attr;
    *user_only = false;
    if (is_kernels_alone(term) && term->exclude_kernel)
        return -EDOM;
    memset(&attr, 0, sizeof attr);
    attr.size = sizeof attr;
    attr.type = term->type;
    attr.config = term->config;
    attr.config1 = term->config1;
    attr.config2 = term->config2;
    attr.read_format = PERF_FORMAT_TOTAL_TIME_ENABLED | PERF_FORMAT_TOTAL_TIME_RUNNING;
    attr.exclude_user = term->exclude_user;
    attr.exclude_kernel = attr.exclude_hv = term->exclude_kernel;
    attr.disabled = attr.enable_on_exec = attr.inherit = on_exec;
    *user_only = term->exclude_kernel && !is_clock(term);
    int fd = os->perf_event_open(os->state, &attr, pid, -1, -1, PERF_FLAG_FD_CLOEXEC);
    if ((fd != -EACCES && fd != -EPERM) || term->exclude_kernel || term->exclude_user || is_kernels_alone(term))
        return fd;
    attr.exclude_kernel = attr.exclude_hv = 1;
    *user_only = !is_clock(term);
    return os->perf_event_open(os->state, &attr, pid, -1, -1, PERF_FLAG_FD_CLOEXEC);
}

int gt_event_read(const struct gt_os *os, int fd, struct gt_event_count *count)
{
    ssize_t n = os->read(os->state, fd, count, sizeof *count);
    _Static_assert(sizeof *count == 24, "perf_event_open(2), PERF_FORMAT_TOTAL_TIME_*: three u64");
    return n == (ssize_t)sizeof *count ? 0 : n < 0 ? (int)n : -EIO;
}

bool gt_event_scale(const struct gt_event_count *count, double *value)
{
    if (count->running_ns == 0)
        return false;
    *value = (double)count->value;
    if (count->running_ns < count->enabled_ns)
        *value *= (double)count->enabled_ns / (double)count->running_ns;
    return true;
}

const char *gt_event_scope(const struct gt_event_term *term, bool user_only)
{
    return user_only ? "user" : term->exclude_user && !is_clock(term) ? "kernel" : "all";
}

const char *gt_event_reason(const struct gt_event_term *term, int error)
{
    static const struct {
        int error;
        const char *text;
    } reasons[] = {
        {ENOENT, "this machine has no counter for it (a virtual machine without a PMU, or another processor)"},
        {EOPNOTSUPP, "this machine has no counter for it (a virtual machine without a PMU, or another processor)"},
        {ENODEV, "this machine has no counter for it (a virtual machine without a PMU, or another processor)"},
        {ENOSYS, "this kernel has no performance events, or a filter refuses them"},
        {EINVAL, "the kernel does not take its encoding"},
        {EMFILE, "too many open files"},
        {ENOSPC, "more hardware counters asked for than there are"},
        {EBUSY, "another user holds the counter"},
        {EDOM, "it happens in the kernel alone: without that it would always be 0"},
    };
    if (error == EACCES || error == EPERM)
        return is_kernels_alone(term) ? "not permitted: needs kernel.perf_event_paranoid of 1 or less, or CAP_PERFMON"
                                      : "not permitted: needs kernel.perf_event_paranoid of 2 or less, or CAP_PERFMON";
    for (size_t i = 0; i < sizeof reasons / sizeof *reasons; i++)
        if (reasons[i].error == error)
            return reasons[i].text;
    return "the kernel refuses it";
}
