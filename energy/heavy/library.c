#include "energy/heavy/library.h"

#include <dirent.h>
#include <dlfcn.h>
#include <fcntl.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

static void *load(const char *variable, const char *const *names, struct gt_err *err)
{
    const char *given = secure_getenv(variable);
    bool wanted = given && *given;
    void *handle = wanted ? dlopen(given, RTLD_NOW | RTLD_LOCAL) : NULL;
    for (; !wanted && *names && !handle; names++)
        handle = dlopen(*names, RTLD_NOW | RTLD_LOCAL);
    const char *why = handle ? NULL : dlerror();
    if (!handle)
        gt_err_set(err, GT_E_ABSENT, "%s", why ? why : "the library cannot be loaded");
    return handle;
}

enum gt_status gt_library_open(void **handle, const char *variable, const char *const *names,
                               const struct gt_library_symbol *symbols, void *functions, struct gt_err *err)
{
    *handle = load(variable, names, err);
    if (!*handle)
        return GT_E_ABSENT;
    for (; symbols->name; symbols++) {
        void *address = dlsym(*handle, symbols->name);
        if (!address) {
            gt_library_close(*handle);
            *handle = NULL;
            return gt_err_set(err, GT_E_ABSENT, "the library has no %s", symbols->name);
        }
        /* POSIX has an object pointer of dlsym stand for a function; ISO C has no cast for it. */
        memcpy((char *)functions + symbols->offset, &address, sizeof address);
    }
    return GT_OK;
}

void gt_library_close(void *handle)
{
    if (handle)
        dlclose(handle);
}

/* /proc/self/fd lists what is open: asking for each number would be a thousand calls, twice, at the start of every run. */
void gt_library_descriptors(struct gt_library_fds *fds)
{
    DIR *folder = opendir("/proc/self/fd");
    struct dirent *entry;
    memset(fds, 0, sizeof *fds);
    while (folder && (entry = readdir(folder))) {
        char *end;
        unsigned long fd = strtoul(entry->d_name, &end, 10);
        if (end != entry->d_name && *end == '\0' && fd < GT_LIBRARY_FDS && fd != (unsigned long)dirfd(folder))
            fds->bits[fd / 64] |= UINT64_C(1) << (fd % 64);
    }
    if (folder)
        closedir(folder);
}

void gt_library_keep_private(const struct gt_library_fds *before)
{
    struct gt_library_fds now;
    gt_library_descriptors(&now);
    for (int fd = 0; fd < GT_LIBRARY_FDS; fd++)
        if ((now.bits[fd / 64] & ~before->bits[fd / 64]) >> (fd % 64) & 1)
            fcntl(fd, F_SETFD, FD_CLOEXEC); /* the one flag that there is */
}
