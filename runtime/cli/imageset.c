#include "runtime/cli/imageset.h"
#include "runtime/cli/fail.h"

#include <stdlib.h>
#include <string.h>

static enum gtcnn_status no_memory(struct gtcnn_err *err)
{
    return gtcnn_cli_fail(err, GTCNN_E_NOMEM, "no memory for the images, or a side of them is above 65535");
}

/* --- IDX */

static enum gtcnn_status open_idx(struct gtcnn_imageset *set, const struct gtcnn_cli_args *args, uint64_t classes,
                                  struct gtcnn_err *err)
{
    const struct gtcnn_recipe *r = &set->recipe;
    enum gtcnn_status status = gtcnn_dataset_load(args->data, args->split, &set->data, err);
    if (!status)
        status = gtcnn_dataset_check_labels(&set->data, classes, err);
    if (status)
        return status;
    set->split = set->data.split;
    set->count = set->data.labels.count;
    set->name = strdup(set->data.name);
    set->labels = calloc(set->count, sizeof *set->labels);
    if (!set->name || !set->labels ||
        gtcnn_resizer_init(&set->resizer, set->data.images.dim[1], set->data.images.dim[2], r->height, r->width) != 0)
        return no_memory(err);
    for (uint64_t i = 0; i < set->count; i++)
        set->labels[i] = set->data.labels.data[i];
    return GTCNN_OK;
}

/* Repeated for every channel, each with its mean and deviation. */
static void get_idx(struct gtcnn_imageset *set, uint64_t index, float *out)
{
    const struct gtcnn_recipe *r = &set->recipe;
    size_t plane = (size_t)r->height * r->width;
    uint64_t pixels = (uint64_t)set->data.images.dim[1] * set->data.images.dim[2];
    for (uint32_t c = 0; c < r->channels; c++)
        gtcnn_resizer_apply(&set->resizer, set->data.images.data + index * pixels, r->mean[c], r->std[c],
                            out + (r->channels_last ? c : c * plane), r->channels_last ? r->channels : 1);
}

/* --- folders */

static enum gtcnn_status check_classes(const struct gtcnn_folder *f, const char *file, uint64_t classes, struct gtcnn_err *err)
{
    if (f->classes == classes)
        return GTCNN_OK;
    if (file)
        return gtcnn_cli_fail_path(err, GTCNN_E_FORMAT, file,
                                   "names %llu classes, but the model has %llu outputs; give one line for each output",
                                   (unsigned long long)f->classes, (unsigned long long)classes);
    return gtcnn_cli_fail_path(err, GTCNN_E_FORMAT, f->path,
                               "has folders for %llu classes, but the model has %llu outputs; name all of them by --classes "
                               "FILE, one on a line, in the order of the outputs",
                               (unsigned long long)f->classes, (unsigned long long)classes);
}

static enum gtcnn_status open_folder(struct gtcnn_imageset *set, const struct gtcnn_cli_args *args, uint64_t classes,
                                     struct gtcnn_err *err)
{
    enum gtcnn_status status = gtcnn_folder_list(args->data, args->split, args->classes, &set->folder, err);
    if (!status)
        status = check_classes(&set->folder, args->classes, classes, err);
    if (status)
        return status;
    set->split = set->folder.split;
    set->count = set->folder.count;
    set->others = set->folder.others;
    set->name = gtcnn_dataset_name(args->data);
    set->labels = calloc(set->count, sizeof *set->labels);
    if (!set->name || !set->labels)
        return no_memory(err);
    for (uint64_t i = 0; i < set->count; i++)
        set->labels[i] = set->folder.images[i].label;
    return GTCNN_OK;
}

static enum gtcnn_status get_from_folder(struct gtcnn_imageset *set, uint64_t index, float *out, struct gtcnn_err *err)
{
    struct gtcnn_image image = {0};
    char *path = gtcnn_folder_path(&set->folder, index);
    enum gtcnn_status status = path ? gtcnn_image_load(path, &image, err) : no_memory(err);
    if (!status)
        status = gtcnn_recipe_apply(&set->recipe, &image, out, err);
    gtcnn_image_free(&image);
    free(path);
    return status;
}

/* --- both */

enum gtcnn_status gtcnn_imageset_open(struct gtcnn_imageset *set, const struct gtcnn_cli_args *args,
                                      const struct gtcnn_shape *input, uint64_t classes, struct gtcnn_err *err)
{
    *set = (struct gtcnn_imageset){0};
    set->idx = !args->data || gtcnn_dataset_there(args->data, args->split) || !gtcnn_folder_like(args->data);
    enum gtcnn_status status = gtcnn_recipe_settle(&set->recipe, args, input, set->idx, err);
    if (!status)
        status = set->idx ? open_idx(set, args, classes, err) : open_folder(set, args, classes, err);
    if (status)
        gtcnn_imageset_free(set);
    return status;
}

void gtcnn_imageset_free(struct gtcnn_imageset *set)
{
    gtcnn_dataset_free(&set->data);
    gtcnn_folder_free(&set->folder);
    gtcnn_resizer_free(&set->resizer);
    free(set->name);
    free(set->labels);
    *set = (struct gtcnn_imageset){0};
}

enum gtcnn_status gtcnn_imageset_get(struct gtcnn_imageset *set, uint64_t index, float *out, struct gtcnn_err *err)
{
    if (!set->idx)
        return get_from_folder(set, index, out, err);
    get_idx(set, index, out);
    return GTCNN_OK;
}

enum gtcnn_status gtcnn_imageset_hash(struct gtcnn_imageset *set, void (*tick)(void *context, size_t done), void *context,
                                      struct gtcnn_err *err)
{
    if (!set->idx)
        return gtcnn_folder_digest(&set->folder, set->digest, tick, context, err);
    memcpy(set->digest, set->data.digest, sizeof set->digest);
    return GTCNN_OK;
}
