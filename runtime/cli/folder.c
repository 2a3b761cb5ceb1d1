#include "runtime/cli/folder.h"
#include "runtime/cli/fail.h"
#include "runtime/cli/image.h"
#include "runtime/escape.h"

#include <openssl/evp.h>

#include <dirent.h>
#include <errno.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <sys/stat.h>
#include <unistd.h>

static enum gtcnn_status no_memory(struct gtcnn_err *err)
{
    return gtcnn_cli_fail(err, GTCNN_E_NOMEM, "out of memory");
}

/* --- lists of names */

static bool add_name(struct gtcnn_folder_names *names, const char *name)
{
    if (names->count == names->room) {
        size_t room = names->room ? 2 * names->room : 64;
        char **more = realloc(names->item, room * sizeof *more);
        if (!more)
            return false;
        names->item = more;
        names->room = room;
    }
    names->item[names->count] = strdup(name);
    return names->item[names->count] && ++names->count;
}

static void free_names(struct gtcnn_folder_names *names)
{
    for (size_t i = 0; i < names->count; i++)
        free(names->item[i]);
    free(names->item);
    *names = (struct gtcnn_folder_names){0};
}

static int by_bytes(const void *a, const void *b)
{
    return strcmp(*(char *const *)a, *(char *const *)b);
}

static void sort_names(struct gtcnn_folder_names *names)
{
    if (names->count)
        qsort(names->item, names->count, sizeof *names->item, by_bytes);
}

/* --- what is in a folder */

static bool is_image(const char *name)
{
    static const char *const endings[] = {".jpg", ".jpeg", ".png"};
    size_t n = strlen(name);
    for (size_t i = 0; i < sizeof endings / sizeof *endings; i++)
        if (n > strlen(endings[i]) && strcasecmp(name + n - strlen(endings[i]), endings[i]) == 0)
            return true;
    return false;
}

/* What a name in an open folder leads to; 0 when to nothing. */
static mode_t kind_of(DIR *dir, const char *name)
{
    struct stat st;
    return fstatat(dirfd(dir), name, &st, 0) == 0 ? st.st_mode & S_IFMT : 0;
}

/* The names in a folder that are wanted (folders, or files named like images), sorted; *others counts the rest. */
static enum gtcnn_status list(const char *path, mode_t wanted, struct gtcnn_folder_names *names, uint64_t *others,
                              struct gtcnn_err *err)
{
    DIR *dir = opendir(path);
    if (!dir)
        return gtcnn_cli_fail_path(err, errno == ENOENT ? GTCNN_E_NOENT : GTCNN_E_IO, path, "cannot be opened: %s",
                                   strerror(errno));
    enum gtcnn_status status = GTCNN_OK;
    struct dirent *entry;
    for (errno = 0; !status && (entry = readdir(dir)); errno = 0) {
        const char *name = entry->d_name;
        if (*name == '.')
            continue;
        if (kind_of(dir, name) != wanted || (wanted == S_IFREG && !is_image(name)))
            ++*others;
        else if (!add_name(names, name))
            status = no_memory(err);
    }
    if (!status && errno)
        status = gtcnn_cli_fail_path(err, GTCNN_E_IO, path, "cannot be read: %s", strerror(errno));
    closedir(dir);
    sort_names(names);
    return status;
}

bool gtcnn_folder_like(const char *path)
{
    DIR *dir = opendir(path);
    bool found = false;
    for (struct dirent *entry; dir && !found && (entry = readdir(dir));)
        found = *entry->d_name != '.' && kind_of(dir, entry->d_name) == S_IFDIR;
    if (dir)
        closedir(dir);
    return found;
}

/* --- classes */

static enum gtcnn_status read_classes(const char *path, struct gtcnn_folder_names *names, struct gtcnn_err *err)
{
    FILE *file = fopen(path, "re");
    if (!file)
        return gtcnn_cli_fail_path(err, errno == ENOENT ? GTCNN_E_NOENT : GTCNN_E_IO, path, "cannot be opened: %s",
                                   strerror(errno));
    enum gtcnn_status status = GTCNN_OK;
    char line[NAME_MAX + 3]; /* no folder's name is longer */
    while (!status && fgets(line, sizeof line, file)) {
        size_t n = strlen(line);
        if (n + 1 == sizeof line && line[n - 1] != '\n')
            status = gtcnn_cli_fail_path(err, GTCNN_E_FORMAT, path, "line %zu is longer than a folder's name can be",
                                         names->count + 1);
        line[strcspn(line, "\r\n")] = '\0';
        if (!status && !*line)
            status = gtcnn_cli_fail_path(err, GTCNN_E_FORMAT, path,
                                         "line %zu names no class; each line is one output of the model", names->count + 1);
        if (!status && names->count == GTCNN_FOLDER_CLASSES_MOST)
            status = gtcnn_cli_fail_path(err, GTCNN_E_LIMIT, path, "names more than %d classes", GTCNN_FOLDER_CLASSES_MOST);
        if (!status && !add_name(names, line))
            status = no_memory(err);
    }
    if (!status && ferror(file))
        status = gtcnn_cli_fail_path(err, GTCNN_E_IO, path, "cannot be read");
    fclose(file);
    return status;
}

/* A name of the classes file and its line, from 0. */
struct named {
    const char *name;
    uint32_t index;
};

static int by_name(const void *a, const void *b)
{
    return strcmp(((const struct named *)a)->name, ((const struct named *)b)->name);
}

static enum gtcnn_status find_labels(struct gtcnn_folder *f, const char *path, const struct named *sorted, size_t n,
                                     struct gtcnn_err *err)
{
    char safe[256];
    for (size_t i = 1; i < n; i++)
        if (by_name(&sorted[i - 1], &sorted[i]) == 0)
            return gtcnn_cli_fail_path(err, GTCNN_E_FORMAT, path, "names \"%s\" twice",
                                       gtcnn_escape(safe, sizeof safe, sorted[i].name, SIZE_MAX));
    for (size_t i = 0; i < f->folders.count; i++) {
        struct named key = {f->folders.item[i], 0};
        const struct named *found = n ? bsearch(&key, sorted, n, sizeof *sorted, by_name) : NULL;
        if (!found)
            return gtcnn_cli_fail_path(err, GTCNN_E_FORMAT, path, "has no line for the folder \"%s\"",
                                       gtcnn_escape(safe, sizeof safe, key.name, SIZE_MAX));
        f->labels[i] = found->index;
    }
    return GTCNN_OK;
}

/* Labels by the lines of a file. */
static enum gtcnn_status label_by_file(struct gtcnn_folder *f, const char *path, struct gtcnn_err *err)
{
    struct gtcnn_folder_names names = {0};
    struct named *sorted = NULL;
    enum gtcnn_status status = read_classes(path, &names, err);
    if (!status && !(sorted = calloc(names.count + 1, sizeof *sorted)))
        status = no_memory(err);
    for (size_t i = 0; !status && i < names.count; i++)
        sorted[i] = (struct named){names.item[i], (uint32_t)i};
    if (!status) {
        qsort(sorted, names.count, sizeof *sorted, by_name);
        f->classes = names.count;
        status = find_labels(f, path, sorted, names.count, err);
    }
    free(sorted);
    free_names(&names);
    return status;
}

static enum gtcnn_status label_folders(struct gtcnn_folder *f, const char *classes_file, struct gtcnn_err *err)
{
    if (f->folders.count > GTCNN_FOLDER_CLASSES_MOST)
        return gtcnn_cli_fail_path(err, GTCNN_E_LIMIT, f->path, "has more than %d folders", GTCNN_FOLDER_CLASSES_MOST);
    f->labels = calloc(f->folders.count + 1, sizeof *f->labels);
    if (!f->labels)
        return no_memory(err);
    if (classes_file)
        return label_by_file(f, classes_file, err);
    for (size_t i = 0; i < f->folders.count; i++)
        f->labels[i] = (uint32_t)i;
    f->classes = f->folders.count;
    return GTCNN_OK;
}

/* --- images */

static bool add_image(struct gtcnn_folder *f, char *name, uint32_t slot)
{
    if (f->count == f->room) {
        size_t room = f->room ? 2 * f->room : 1024;
        struct gtcnn_folder_image *more = realloc(f->images, room * sizeof *more);
        if (!more)
            return false;
        f->images = more;
        f->room = room;
    }
    f->images[f->count++] = (struct gtcnn_folder_image){name, slot, f->labels[slot]};
    return true;
}

static enum gtcnn_status list_class(struct gtcnn_folder *f, uint32_t slot, struct gtcnn_err *err)
{
    struct gtcnn_folder_names names = {0};
    char *path = NULL;
    enum gtcnn_status status = asprintf(&path, "%s/%s", f->path, f->folders.item[slot]) < 0 ? no_memory(err) : GTCNN_OK;
    if (!status)
        status = list(path, S_IFREG, &names, &f->others, err);
    if (!status && f->count + names.count > GTCNN_FOLDER_IMAGES_MOST)
        status = gtcnn_cli_fail_path(err, GTCNN_E_LIMIT, f->path, "has more than %d images", GTCNN_FOLDER_IMAGES_MOST);
    for (size_t i = 0; !status && i < names.count; i++) {
        if (add_image(f, names.item[i], slot))
            names.item[i] = NULL; /* handed over */
        else
            status = no_memory(err);
    }
    free_names(&names);
    free(path);
    return status;
}

/* --- all of it */

/* Subfolders that hold a split; the first that is a folder of folders is taken. */
static const struct {
    const char *split, *folder;
} PLACES[] = {{"test", "test"}, {"test", "val"}, {"train", "train"}};

static enum gtcnn_status find_place(struct gtcnn_folder *f, const char *path, const char *split, struct gtcnn_err *err)
{
    for (size_t i = 0; i < sizeof PLACES / sizeof *PLACES; i++) {
        if (strcmp(PLACES[i].split, split) != 0)
            continue;
        f->split = f->split ? f->split : PLACES[i].split;
        if (asprintf(&f->path, "%s/%s", path, PLACES[i].folder) < 0) {
            f->path = NULL;
            return no_memory(err);
        }
        if (gtcnn_folder_like(f->path)) {
            f->split = PLACES[i].folder;
            return GTCNN_OK;
        }
        free(f->path);
    }
    f->path = strdup(path);
    return f->path ? GTCNN_OK : no_memory(err);
}

static enum gtcnn_status list_all(struct gtcnn_folder *f, const char *classes_file, struct gtcnn_err *err)
{
    enum gtcnn_status status = list(f->path, S_IFDIR, &f->folders, &f->others, err);
    if (!status)
        status = label_folders(f, classes_file, err);
    for (size_t i = 0; !status && i < f->folders.count; i++)
        status = list_class(f, (uint32_t)i, err);
    if (!status && f->count == 0)
        return gtcnn_cli_fail_path(err, GTCNN_E_FORMAT, f->path,
                                   "no images: one folder for each class is wanted, with .jpg, .jpeg or .png files in it");
    return status;
}

enum gtcnn_status gtcnn_folder_list(const char *path, const char *split, const char *classes_file, struct gtcnn_folder *f,
                                    struct gtcnn_err *err)
{
    *f = (struct gtcnn_folder){0};
    enum gtcnn_status status = find_place(f, path, split, err);
    if (!status)
        status = list_all(f, classes_file, err);
    if (status)
        gtcnn_folder_free(f);
    return status;
}

void gtcnn_folder_free(struct gtcnn_folder *f)
{
    for (size_t i = 0; i < f->count; i++)
        free(f->images[i].name);
    free_names(&f->folders);
    free(f->images);
    free(f->labels);
    free(f->path);
    *f = (struct gtcnn_folder){0};
}

char *gtcnn_folder_path(const struct gtcnn_folder *f, size_t image)
{
    char *path;
    const struct gtcnn_folder_image *i = &f->images[image];
    return asprintf(&path, "%s/%s/%s", f->path, f->folders.item[i->slot], i->name) < 0 ? NULL : path;
}

/* --- the digest */

static enum gtcnn_status hash_image(EVP_MD_CTX *ctx, const struct gtcnn_folder *f, size_t image, struct gtcnn_err *err)
{
    uint8_t *bytes = NULL, size[8];
    size_t n = 0;
    const struct gtcnn_folder_image *i = &f->images[image];
    const char *class = f->folders.item[i->slot];
    char *path = gtcnn_folder_path(f, image);
    enum gtcnn_status status = path ? gtcnn_image_read(path, &bytes, &n, err) : no_memory(err);
    for (int b = 0; b < 8; b++)
        size[b] = (uint8_t)((uint64_t)n >> 8 * b);
    if (!status && !(EVP_DigestUpdate(ctx, class, strlen(class) + 1) && EVP_DigestUpdate(ctx, i->name, strlen(i->name) + 1) &&
                     EVP_DigestUpdate(ctx, size, sizeof size) && EVP_DigestUpdate(ctx, bytes, n)))
        status = no_memory(err);
    free(bytes);
    free(path);
    return status;
}

enum gtcnn_status gtcnn_folder_digest(const struct gtcnn_folder *f, uint8_t digest[GTCNN_DIGEST_BYTES],
                                      void (*tick)(void *context, size_t done), void *context, struct gtcnn_err *err)
{
    EVP_MD_CTX *ctx = EVP_MD_CTX_new();
    enum gtcnn_status status = ctx && EVP_DigestInit_ex(ctx, EVP_sha256(), NULL) ? GTCNN_OK : no_memory(err);
    for (size_t i = 0; !status && i < f->count; i++) {
        status = hash_image(ctx, f, i, err);
        tick(context, i + 1);
    }
    if (!status && !EVP_DigestFinal_ex(ctx, digest, NULL))
        status = no_memory(err);
    EVP_MD_CTX_free(ctx);
    return status;
}
