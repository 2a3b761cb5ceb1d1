/* Fuzz target: a meter's rows, read by the real source at growing times; a long silence and the end included. */
#include "energy/source.h"

#include <stdio.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <unistd.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static uint64_t now_ns;

static uint64_t clock_ns(void *state, clockid_t clock)
{
    (void)state;
    now_ns += 1000000;
    return clock == CLOCK_REALTIME ? now_ns + UINT64_C(1764000000000000000) : now_ns;
}

static int sleep_until(void *state, uint64_t mono_ns)
{
    (void)state;
    now_ns = mono_ns;
    return 0;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static struct gt_source_state state;
    static struct gt_source_desc desc;
    struct gt_err err = {0};
    struct gt_os os = gt_os_linux;
    uint64_t raw, t_ns, last_ns = 0;
    char path[32];
    int fd = memfd_create("external", MFD_CLOEXEC);
    os.clock_ns = clock_ns;
    os.sleep_until = sleep_until;
    now_ns = 1000000000;
    if (fd < 0 || write(fd, data, size) != (ssize_t)size)
        return -1;
    snprintf(path, sizeof path, "/proc/self/fd/%d", fd);
    if (gt_source_external.open(&os, path, &state, &desc, &err) == GT_OK) {
        for (int i = 0; i < 100; i++) {
            now_ns += i == 50 ? UINT64_C(100000000000) : 10000000;
            if (gt_source_external.read(&state, &raw, &t_ns) == GT_OK) {
                if (t_ns <= last_ns && i)
                    abort(); /* readings ascend */
                last_ns = t_ns;
            }
        }
        uint64_t end_ns = now_ns;
        while (gt_source_external.finish(&state, end_ns, &raw, &t_ns) == GT_OK && t_ns < end_ns)
            continue;
        gt_source_external.close(&state);
    }
    close(fd);
    return 0;
}
