#include "tracker/paths.h"

#include "tracker/program.h"

#include <errno.h>
#include <limits.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

static const char *given(const char *name)
{
    const char *value = getenv(name);
    return value && *value ? value : NULL;
}

/* XDG base directory specification 0.8: relative paths in its variables are invalid and ignored. */
static enum gt_status xdg_path(struct gt_arena *arena, const char *variable, const char *below_home, const char *rest,
                               const char **path, struct gt_err *err)
{
    const char *base = given(variable), *home = given("HOME");
    if (base && *base == '/')
        *path = gt_arena_printf(arena, "%s/%s", base, rest);
    else if (home)
        *path = gt_arena_printf(arena, "%s/%s/%s", home, below_home, rest);
    else
        return gt_err_set(err, GT_E_NOENT, "no place for %s: neither %s nor HOME is set", rest, variable);
    return *path ? GT_OK : gt_err_set(err, GT_E_NOMEM, "out of memory");
}

enum gt_status gt_paths_store(struct gt_arena *arena, const char **path, struct gt_err *err)
{
    *path = given("GREENTRACK_STORE");
    return *path ? GT_OK : xdg_path(arena, "XDG_DATA_HOME", ".local/share", "greentrack/store.db", path, err);
}

enum gt_status gt_paths_spool(struct gt_arena *arena, const char **path, struct gt_err *err)
{
    *path = given("GREENTRACK_SPOOL");
    return *path ? GT_OK : xdg_path(arena, "XDG_STATE_HOME", ".local/state", "greentrack/spool", path, err);
}

enum gt_status gt_paths_make_private(const char *path, struct gt_err *err)
{
    char part[PATH_MAX];
    size_t length = strlen(path);
    if (length == 0 || length >= sizeof part)
        return gt_err_set(err, GT_E_ARG, "%.200s: not a usable path", path);
    memcpy(part, path, length + 1);
    for (size_t i = 1; i <= length; i++) {
        if (part[i] != '/' && part[i] != '\0')
            continue;
        char kept = part[i];
        part[i] = '\0';
        if (mkdir(part, 0700) != 0 && errno != EEXIST && errno != EISDIR) {
            struct stat st;
            int failed = errno; /* a read-only parent says EROFS or EACCES even for what is there */
            if (stat(part, &st) != 0 || !S_ISDIR(st.st_mode))
                return gt_err_set_errno(err, failed, "%s", part);
        }
        part[i] = kept;
    }
    struct stat st;
    if (stat(path, &st) != 0)
        return gt_err_set_errno(err, errno, "%s", path);
    return S_ISDIR(st.st_mode) ? GT_OK : gt_err_set_errno(err, ENOTDIR, "%s", path);
}

enum gt_status gt_paths_make_parent(const char *file, struct gt_err *err)
{
    char folder[PATH_MAX];
    const char *slash = strrchr(file, '/');
    if (!slash || slash == file)
        return GT_OK;
    if ((size_t)(slash - file) >= sizeof folder)
        return gt_err_set(err, GT_E_ARG, "%.200s: not a usable path", file);
    memcpy(folder, file, (size_t)(slash - file));
    folder[slash - file] = '\0';
    return gt_paths_make_private(folder, err);
}

enum gt_status gt_paths_absolute(struct gt_arena *arena, const char *path, const char **absolute, struct gt_err *err)
{
    char here[PATH_MAX];
    if (*path == '/')
        *absolute = gt_arena_strdup(arena, path);
    else if (!getcwd(here, sizeof here))
        return gt_err_set_errno(err, errno, "the current folder");
    else
        *absolute = gt_arena_printf(arena, "%s/%s", here, path);
    return *absolute ? GT_OK : gt_err_set(err, GT_E_NOMEM, "out of memory");
}

/* Folder of this very command. */
static enum gt_status own_folder(char *folder, size_t size, struct gt_err *err)
{
    ssize_t n = readlink("/proc/self/exe", folder, size - 1);
    if (n < 0)
        return gt_err_set_errno(err, errno, "/proc/self/exe");
    folder[n] = '\0';
    *strrchr(folder, '/') = '\0';
    return GT_OK;
}

/* The first of the candidates below this command's folder that `mode` allows; NULL when there is none. */
static const char *find_beside(struct gt_arena *arena, const char *folder, const char *const *candidates, int mode)
{
    for (; *candidates; candidates++) {
        const char *path = gt_arena_printf(arena, "%s/%s", folder, *candidates);
        if (path && access(path, mode) == 0)
            return path;
    }
    return NULL;
}

static enum gt_status check_preloadable(const char *path, struct gt_err *err)
{
    size_t bad = strcspn(path, " :\t\n$");
    if (path[bad] == '\0')
        return GT_OK;
    return gt_err_set(
        err, GT_E_ARG,
        "'%s': LD_PRELOAD cannot carry a path with a blank, a colon or a dollar sign; install greentrack elsewhere or "
        "set GREENTRACK_LIB",
        path);
}

enum gt_status gt_paths_plugin(struct gt_arena *arena, const char **path, struct gt_err *err)
{
    static const char *const candidates[] = {"libgreentrack.so", "../lib/greentrack/libgreentrack.so",
                                             "../lib/libgreentrack.so", NULL};
    const char *wanted = given("GREENTRACK_LIB");
    char folder[PATH_MAX];
    enum gt_status status;
    if (wanted) {
        if ((status = gt_paths_absolute(arena, wanted, path, err)) != GT_OK)
            return status;
        if (access(*path, R_OK) != 0)
            return gt_err_set_errno(err, errno, "GREENTRACK_LIB: %s", *path);
        return check_preloadable(*path, err);
    }
    if ((status = own_folder(folder, sizeof folder, err)) != GT_OK)
        return status;
    *path = find_beside(arena, folder, candidates, R_OK);
    if (!*path)
        return gt_err_set(err, GT_E_NOENT,
                          "libgreentrack.so is neither in %.100s nor in ../lib/greentrack nor ../lib beside it", folder);
    return check_preloadable(*path, err);
}

enum gt_status gt_paths_gtcnn(struct gt_arena *arena, const char **path, struct gt_err *err)
{
    static const char *const candidates[] = {"gtcnn", NULL};
    const char *wanted = given("GREENTRACK_GTCNN");
    char folder[PATH_MAX], found[PATH_MAX];
    enum gt_status status;
    if (wanted) {
        if ((status = gt_paths_absolute(arena, wanted, path, err)) != GT_OK)
            return status;
        return access(*path, X_OK) == 0 ? GT_OK : gt_err_set_errno(err, errno, "GREENTRACK_GTCNN: %s", *path);
    }
    if ((status = own_folder(folder, sizeof folder, err)) != GT_OK)
        return status;
    *path = find_beside(arena, folder, candidates, X_OK);
    if (*path)
        return GT_OK;
    if (gt_program_search("gtcnn", getenv("PATH"), found, sizeof found) != 0)
        return gt_err_set(err, GT_E_NOENT, "gtcnn is neither in %.150s nor in PATH; GREENTRACK_GTCNN can name it", folder);
    return gt_paths_absolute(arena, found, path, err);
}
