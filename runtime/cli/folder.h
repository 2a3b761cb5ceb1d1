/*
 * Images sorted into folders by class, as ImageNet's are: DIR/CLASS/IMAGE.{jpg,jpeg,png}, in any case of letters.
 *
 * Where DIR/test or DIR/val (for the split "test"), DIR/train (for "train") is itself a folder of folders, the images are taken
 * from there. Classes are the folders' names in the order of their bytes, or what a file names, one on a line, in the order of
 * the model's outputs. Images are in the order of their folders' names, in each in the order of their own, by bytes: the order
 * is the same everywhere, and for every order of the outputs. Names that begin with a dot are passed over; whatever else is no
 * image (by its name) is counted and left out: folders inside a class are not entered. Links are followed, to a class or an
 * image, and no deeper.
 *
 * Holds names alone: images are read one by one. Thread-safe; the folder owns its memory.
 */
#ifndef GTCNN_CLI_FOLDER_H
#define GTCNN_CLI_FOLDER_H

#include "runtime/gtcnn.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum { GTCNN_FOLDER_CLASSES_MOST = 65536, GTCNN_FOLDER_IMAGES_MOST = 100 * 1000 * 1000 };

struct gtcnn_folder_names {
    char **item; /* owned, each */
    size_t count, room;
};

struct gtcnn_folder_image {
    char *name;    /* owned; of the file */
    uint32_t slot; /* of its folder */
    uint32_t label;
};

struct gtcnn_folder {
    char *path;                        /* owned; where the class folders are */
    const char *split;                 /* "test", "val", "train"; static */
    struct gtcnn_folder_names folders; /* sorted */
    uint32_t *labels;                  /* owned; of each folder */
    uint64_t classes;
    struct gtcnn_folder_image *images; /* owned */
    size_t count, room;
    uint64_t others; /* entries that were left out */
};

/* Whether `path` is a folder with a folder in it: then it is no set of IDX files that lacks some. */
bool gtcnn_folder_like(const char *path);

/*
 * Lists the images. `classes_file`: NULL, or names in the order of the outputs; every folder must be among them.
 * GTCNN_E_FORMAT, GTCNN_E_NOENT, GTCNN_E_IO, GTCNN_E_LIMIT, GTCNN_E_NOMEM; no images at all is GTCNN_E_FORMAT.
 */
enum gtcnn_status gtcnn_folder_list(const char *path, const char *split, const char *classes_file, struct gtcnn_folder *f,
                                    struct gtcnn_err *err);
void gtcnn_folder_free(struct gtcnn_folder *f);

/* Path of an image; owned by the caller, NULL when memory is out. */
char *gtcnn_folder_path(const struct gtcnn_folder *f, size_t image);

/*
 * SHA-256 over all images in their order: the class's name and a NUL, the file's name and a NUL, the size in 8 bytes (little-
 * endian), the contents. `tick` is called after each.
 */
enum gtcnn_status gtcnn_folder_digest(const struct gtcnn_folder *f, uint8_t digest[GTCNN_DIGEST_BYTES],
                                      void (*tick)(void *context, size_t done), void *context, struct gtcnn_err *err);

#endif
