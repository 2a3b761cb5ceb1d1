/* Fuzz target: an IDX file, as labels and as images, from an anonymous file. */
#include "runtime/cli/idx.h"

#include <stdio.h>
#include <sys/mman.h>
#include <unistd.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    char path[32];
    int fd = memfd_create("idx", MFD_CLOEXEC);
    if (fd < 0 || write(fd, data, size) != (ssize_t)size)
        return -1;
    snprintf(path, sizeof path, "/proc/self/fd/%d", fd);
    for (uint32_t rank = 1; rank <= 3; rank += 2) {
        struct gtcnn_idx idx;
        struct gtcnn_err err = {0};
        if (gtcnn_idx_load(path, rank, &idx, &err) == GTCNN_OK)
            gtcnn_idx_free(&idx);
    }
    close(fd);
    return 0;
}
