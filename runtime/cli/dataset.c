#include "runtime/cli/dataset.h"
#include "runtime/cli/fail.h"
#include "runtime/escape.h"

#include <openssl/evp.h>

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

/* The split's name and the prefix of its files. */
static const struct {
    const char *split, *prefix;
} SPLITS[] = {{"test", "t10k"}, {"train", "train"}};

enum { SPLIT_COUNT = sizeof SPLITS / sizeof *SPLITS };

static char *file_path(const char *folder, const char *prefix, const char *what)
{
    static const char *const endings[] = {"", ".gz"};
    char *path = NULL;
    for (size_t i = 0; i < 2; i++) {
        free(path);
        if (asprintf(&path, "%s/%s-%s-ubyte%s", folder, prefix, what, endings[i]) < 0)
            return NULL;
        if (access(path, F_OK) == 0)
            return path;
    }
    return path; /* the .gz, which does not exist: the error names it */
}

static enum gtcnn_status load_part(const char *folder, const char *prefix, const char *what, uint32_t rank,
                                   struct gtcnn_idx *idx, struct gtcnn_err *err)
{
    char *path = file_path(folder, prefix, what);
    if (!path)
        return gtcnn_cli_fail(err, GTCNN_E_NOMEM, "out of memory");
    struct gtcnn_err cause = {0};
    enum gtcnn_status status = gtcnn_idx_load(path, rank, idx, &cause);
    if (status == GTCNN_E_NOENT && strcmp(folder, GTCNN_DATASET_DEFAULT) == 0)
        gtcnn_cli_fail(err, status, "%s; install it (apt install %s) or name another set by --data DIR", cause.text,
                       GTCNN_DATASET_PACKAGE);
    else if (status == GTCNN_E_NOENT)
        gtcnn_cli_fail(err, status,
                       "%s; --data wants a folder with %s-%s-ubyte[.gz], or with a folder of images for each class", cause.text,
                       prefix, what);
    else if (status && err)
        *err = cause;
    free(path);
    return status;
}

static int hash_idx(EVP_MD_CTX *ctx, const struct gtcnn_idx *idx)
{
    return EVP_DigestUpdate(ctx, idx->header, 4 + 4 * idx->rank) && EVP_DigestUpdate(ctx, idx->data, idx->count);
}

static enum gtcnn_status digest(struct gtcnn_dataset *d, struct gtcnn_err *err)
{
    EVP_MD_CTX *ctx = EVP_MD_CTX_new();
    int ok = ctx && EVP_DigestInit_ex(ctx, EVP_sha256(), NULL) && hash_idx(ctx, &d->images) && hash_idx(ctx, &d->labels) &&
             EVP_DigestFinal_ex(ctx, d->digest, NULL);
    EVP_MD_CTX_free(ctx);
    return ok ? GTCNN_OK : gtcnn_cli_fail(err, GTCNN_E_NOMEM, "SHA-256 failed (out of memory)");
}

char *gtcnn_dataset_name(const char *folder)
{
    size_t end = strlen(folder);
    while (end > 1 && folder[end - 1] == '/')
        end--;
    size_t begin = end;
    while (begin > 0 && folder[begin - 1] != '/')
        begin--;
    return begin == end ? strdup("/") : strndup(folder + begin, end - begin);
}

static enum gtcnn_status check_counts(const char *folder, const struct gtcnn_dataset *d, struct gtcnn_err *err)
{
    if (d->images.dim[0] == d->labels.dim[0])
        return GTCNN_OK;
    return gtcnn_cli_fail_path(err, GTCNN_E_FORMAT, folder, "the %s split has %u images but %u labels; get the data set anew",
                               d->split, d->images.dim[0], d->labels.dim[0]);
}

bool gtcnn_dataset_there(const char *folder, const char *split)
{
    static const char *const parts[] = {"images-idx3", "labels-idx1"};
    bool there = false;
    for (size_t s = 0; s < SPLIT_COUNT; s++)
        for (size_t i = 0; i < 2 && strcmp(SPLITS[s].split, split) == 0; i++) {
            char *path = file_path(folder ? folder : GTCNN_DATASET_DEFAULT, SPLITS[s].prefix, parts[i]);
            there = there || (path && access(path, F_OK) == 0);
            free(path);
        }
    return there;
}

enum gtcnn_status gtcnn_dataset_load(const char *folder, const char *split, struct gtcnn_dataset *d, struct gtcnn_err *err)
{
    *d = (struct gtcnn_dataset){0};
    size_t s = 0;
    while (s < SPLIT_COUNT && strcmp(SPLITS[s].split, split) != 0)
        s++;
    if (s == SPLIT_COUNT)
        return gtcnn_cli_fail(err, GTCNN_E_ARG, "no split of that name; there are test and train");
    folder = folder ? folder : GTCNN_DATASET_DEFAULT;
    d->split = SPLITS[s].split;
    d->name = gtcnn_dataset_name(folder);
    enum gtcnn_status status = d->name ? GTCNN_OK : gtcnn_cli_fail(err, GTCNN_E_NOMEM, "out of memory");
    if (!status)
        status = load_part(folder, SPLITS[s].prefix, "images-idx3", 3, &d->images, err);
    if (!status)
        status = load_part(folder, SPLITS[s].prefix, "labels-idx1", 1, &d->labels, err);
    if (!status)
        status = check_counts(folder, d, err);
    if (!status)
        status = digest(d, err);
    if (status)
        gtcnn_dataset_free(d);
    return status;
}

void gtcnn_dataset_free(struct gtcnn_dataset *d)
{
    free(d->name);
    gtcnn_idx_free(&d->images);
    gtcnn_idx_free(&d->labels);
    *d = (struct gtcnn_dataset){0};
}

enum gtcnn_status gtcnn_dataset_check_labels(const struct gtcnn_dataset *d, uint64_t classes, struct gtcnn_err *err)
{
    for (uint64_t i = 0; i < d->labels.count; i++)
        if (d->labels.data[i] >= classes)
            return gtcnn_cli_fail_path(err, GTCNN_E_FORMAT, d->name,
                                       "label %u of image %llu (%s split) is no class: the model has %llu, numbered from 0",
                                       d->labels.data[i], (unsigned long long)i, d->split, (unsigned long long)classes);
    return GTCNN_OK;
}
