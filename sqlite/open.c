/* Where the store is, and opening it. */
#include "sqlite/db.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/magic.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/statvfs.h>
#include <sys/vfs.h>
#include <unistd.h>

enum { BUSY_MS = 10000 };

/* File systems whose clients share no memory, which WAL needs (statfs(2), linux/magic.h, fs/smb/client/cifsfs.h). */
static const unsigned long network_magic[] = {NFS_SUPER_MAGIC, SMB_SUPER_MAGIC,  0xff534d42 /* CIFS */, 0xfe534d42 /* SMB2 */,
                                              V9FS_MAGIC,      CODA_SUPER_MAGIC, AFS_SUPER_MAGIC,       0x00c36400 /* CEPH */,
                                              0x65735546 /* FUSE: sshfs and others */};

enum gt_journal gt_db_journal_for(unsigned long f_type)
{
    for (size_t i = 0; i < sizeof network_magic / sizeof *network_magic; i++)
        if ((f_type & 0xffffffff) == network_magic[i]) /* sign-extended where f_type is an int */
            return GT_JOURNAL_DELETE;
    return GT_JOURNAL_WAL;
}

static enum gt_journal journal_of(const char *path)
{
    struct statfs fs;
    return statfs(path, &fs) == 0 ? gt_db_journal_for((unsigned long)fs.f_type) : GT_JOURNAL_WAL;
}

enum gt_status gt_store_default_path(struct gt_arena *arena, const char **path, struct gt_err *err)
{
    const char *store = getenv("GREENTRACK_STORE"), *data = getenv("XDG_DATA_HOME"), *home = getenv("HOME");
    if (store && *store)
        *path = gt_arena_strdup(arena, store);
    else if (data && *data == '/') /* relative ones are to be ignored (XDG Base Directory Specification 0.8) */
        *path = gt_arena_printf(arena, "%s/greentrack/store.db", data);
    else if (home && *home)
        *path = gt_arena_printf(arena, "%s/.local/share/greentrack/store.db", home);
    else
        return gt_err_set(err, GT_E_NOENT, "no place for the store: set GREENTRACK_STORE or HOME");
    return *path ? GT_OK : gt_err_set(err, GT_E_NOMEM, "out of memory");
}

/* Creates the folders that are missing, private to the user. */
static enum gt_status make_folders(const char *path, struct gt_err *err)
{
    char *copy = strdup(path);
    if (!copy)
        return gt_err_set(err, GT_E_NOMEM, "out of memory");
    enum gt_status status = GT_OK;
    for (char *slash = strchr(copy + 1, '/'); slash && status == GT_OK; slash = strchr(slash + 1, '/')) {
        *slash = '\0';
        if (mkdir(copy, 0700) != 0 && errno != EEXIST)
            status = gt_err_set_errno(err, errno, "%s: cannot create the store's folder", copy);
        *slash = '/';
    }
    free(copy);
    return status;
}

/*
 * The file is private before SQLite sees it, whatever the process's umask, which is not ours to change; SQLite gives its
 * journals the store's own mode. Closing a descriptor drops the process's locks on that file, so that this is done to a new one
 * alone.
 */
static enum gt_status create_file(const char *path, struct gt_err *err)
{
    enum gt_status status = make_folders(path, err);
    if (status != GT_OK)
        return status;
    int fd = open(path, O_RDWR | O_CREAT | O_CLOEXEC, 0600);
    if (fd < 0)
        return gt_err_set_errno(err, errno, "%s: cannot create the store", path);
    struct stat st;
    if (fstat(fd, &st) == 0 && st.st_size == 0 && st.st_uid == geteuid())
        fchmod(fd, 0600);
    close(fd);
    return GT_OK;
}

static enum gt_status check_file(const char *path, enum gt_store_mode mode, struct gt_err *err)
{
    struct stat st;
    if (stat(path, &st) == 0)
        return S_ISREG(st.st_mode) ? GT_OK : gt_err_set(err, GT_E_FORMAT, "%s: not a regular file; set GREENTRACK_STORE", path);
    if (errno != ENOENT || mode == GT_STORE_WRITE)
        return errno == ENOENT ? create_file(path, err) : gt_err_set_errno(err, errno, "%s", path);
    return gt_err_set(err, GT_E_NOENT, "%s: there is no store yet; `greentrack run` or `greentrack eval` makes one", path);
}

/*
 * Changing the journal takes the file alone, and SQLite does not wait for that (its busy handler is not asked): several
 * processes that create a store at once have to try again.
 */
static enum gt_status set_journal(struct gt_store *store, enum gt_journal journal, struct gt_err *err)
{
    enum { STEP_MS = 10 };
    if (journal == GT_JOURNAL_FITTING)
        journal = journal_of(store->path);
    const char *sql = journal == GT_JOURNAL_DELETE ? "PRAGMA journal_mode = DELETE" : "PRAGMA journal_mode = WAL";
    enum gt_status status = gt_db_exec(store, sql, err);
    for (int waited = 0; status == GT_E_BUSY && waited < BUSY_MS; waited += STEP_MS) {
        sqlite3_sleep(STEP_MS);
        status = gt_db_exec(store, sql, err);
    }
    return status;
}

static enum gt_status configure(struct gt_store *store, enum gt_store_mode mode, enum gt_journal journal, struct gt_err *err)
{
    int64_t version = 0;
    sqlite3_busy_timeout(store->db, BUSY_MS);
    sqlite3_extended_result_codes(store->db, 1);
    enum gt_status status = gt_db_exec(store, "PRAGMA foreign_keys = ON; PRAGMA trusted_schema = OFF", err);
    if (status == GT_OK)
        status = gt_db_check(store, &version, err);
    if (status == GT_OK && mode == GT_STORE_WRITE) /* written to the file: only now that it is known to be ours */
        status = set_journal(store, journal, err);
    return status == GT_OK ? gt_db_migrate(store, version, err) : status;
}

/*
 * Reading a store in WAL mode takes shared memory beside it, which nobody can make on read-only media. There nothing can change
 * either, so that SQLite need not lock: `immutable` (sqlite.org/uri.html). Not with a log that is still to be folded in, which
 * `immutable` would overlook.
 */
static bool is_sealed(const char *path)
{
    struct statvfs fs;
    struct stat log;
    char *name = sqlite3_mprintf("%s-wal", path);
    bool sealed = name && statvfs(path, &fs) == 0 && (fs.f_flag & ST_RDONLY) && (stat(name, &log) != 0 || log.st_size == 0);
    sqlite3_free(name);
    return sealed;
}

/* The path as a URI: everything that could mean something else is escaped. sqlite3_free; NULL: out of memory. */
static char *sealed_uri(const char *path)
{
    sqlite3_str *uri = sqlite3_str_new(NULL);
    sqlite3_str_appendall(uri, "file:");
    for (const char *c = path; *c; c++)
        if (strchr("?#%", *c) || (c[0] == '/' && c == path + 1))
            sqlite3_str_appendf(uri, "%%%02X", *c);
        else
            sqlite3_str_appendchar(uri, 1, *c);
    sqlite3_str_appendall(uri, "?immutable=1");
    return sqlite3_str_finish(uri);
}

static int open_database(const char *path, enum gt_store_mode mode, sqlite3 **db)
{
    if (mode == GT_STORE_WRITE)
        return sqlite3_open_v2(path, db, SQLITE_OPEN_READWRITE | SQLITE_OPEN_CREATE | SQLITE_OPEN_NOMUTEX, NULL);
    if (!is_sealed(path))
        return sqlite3_open_v2(path, db, SQLITE_OPEN_READONLY | SQLITE_OPEN_NOMUTEX, NULL);
    char *uri = sealed_uri(path);
    int code =
        uri ? sqlite3_open_v2(uri, db, SQLITE_OPEN_READONLY | SQLITE_OPEN_URI | SQLITE_OPEN_NOMUTEX, NULL) : SQLITE_NOMEM;
    sqlite3_free(uri);
    return code;
}

/* Another user's store cannot be read where its folder cannot be written: SQLite shares memory with its writer there. */
static enum gt_status explain(const char *path, enum gt_store_mode mode, enum gt_status status, struct gt_err *err)
{
    char *folder = strdup(path), *slash = folder ? strrchr(folder, '/') : NULL;
    if (slash)
        slash[slash == folder] = '\0';
    bool unwritable = folder && access(slash ? folder : ".", W_OK) != 0 && access(path, R_OK) == 0;
    free(folder);
    if (mode != GT_STORE_READ || status != GT_E_PERM || !unwritable)
        return status;
    return gt_err_set(
        err, GT_E_PERM,
        "%s: reading a store takes a file beside it, and you may not write in its folder; copy the store, with its "
        "-wal, to a folder of yours and set GREENTRACK_STORE to the copy",
        path);
}

enum gt_status gt_db_open(const char *path, enum gt_store_mode mode, enum gt_journal journal, struct gt_store **out,
                          struct gt_err *err)
{
    enum gt_status status = check_file(path, mode, err);
    if (status != GT_OK)
        return status;
    struct gt_store *store = calloc(1, sizeof *store);
    if (!store || !(store->path = strdup(path))) {
        free(store);
        return gt_err_set(err, GT_E_NOMEM, "out of memory");
    }
    int code = open_database(path, mode, &store->db);
    status = code == SQLITE_OK ? configure(store, mode, journal, err) : gt_db_fail(store, code, err);
    if (status == GT_OK)
        *out = store;
    else
        gt_store_close(store);
    return status == GT_OK ? GT_OK : explain(path, mode, status, err);
}

enum gt_status gt_store_open(const char *path, enum gt_store_mode mode, struct gt_store **out, struct gt_err *err)
{
    return gt_db_open(path, mode, GT_JOURNAL_FITTING, out, err);
}

void gt_store_close(struct gt_store *store)
{
    if (!store)
        return;
    sqlite3_close(store->db);
    free(store->path);
    free(store);
}
