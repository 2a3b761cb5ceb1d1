/* Fuzz target: a replay script, read by the real source at growing times. */
#include "energy/source.h"

#include <stdio.h>
#include <sys/mman.h>
#include <unistd.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static uint64_t now_ns;

static uint64_t clock_ns(void *state, clockid_t clock)
{
    (void)state, (void)clock;
    return now_ns += 1000;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static struct gt_source_state state;
    static struct gt_source_desc desc;
    struct gt_err err = {0};
    struct gt_os os = gt_os_linux;
    uint64_t raw[GT_SOURCE_DOMAINS], t_ns;
    char path[32];
    int fd = memfd_create("replay", MFD_CLOEXEC);
    os.clock_ns = clock_ns;
    now_ns = 0;
    if (fd < 0 || write(fd, data, size) != (ssize_t)size)
        return -1;
    snprintf(path, sizeof path, "/proc/self/fd/%d", fd);
    if (gt_source_replay.open(&os, path, &state, &desc, &err) == GT_OK) {
        for (int i = 0; i < 100; i++)
            gt_source_replay.read(&state, raw, &t_ns);
        gt_source_replay.close(&state);
    }
    close(fd);
    return 0;
}
