/*
 * Answers: which class a model chose for every image, and which one was right.
 *
 * Reads the predictions file of `gtcnn eval` (runtime/cli/predictions.h defines it) and, for answers from elsewhere, the same
 * rows without the header: "INDEX LABEL PREDICTION" per line, INDEX from 0 without gaps. All memory comes from the arena; the
 * records borrow from it. One thread.
 */
#ifndef GT_TRACKER_ANSWERS_H
#define GT_TRACKER_ANSWERS_H

#include "core/arena.h"
#include "core/status.h"
#include "sqlite/records.h"

#include <stddef.h>
#include <stdint.h>

enum { GT_ANSWERS_MOST = 100 * 1000 * 1000 };

struct gt_answers {
    /* of the header; NULL: the file does not say */
    const char *model, *model_digest, *weights, *family, *runtime, *precision;
    const char *dataset, *dataset_digest, *split, *preprocessing;
    int64_t dataset_images;               /* GT_UNKNOWN */
    const uint16_t *labels, *predictions; /* `count` each; a class above 65535 is kept as another one that is wrong */
    const uint8_t *answers;               /* one bit per image, least significant first: 1 = right */
    size_t count, correct;
};

/* GT_E_NOENT, GT_E_IO; GT_E_FORMAT names file and line; GT_E_VERSION: another version of the format. */
enum gt_status gt_answers_read(const char *path, struct gt_arena *arena, struct gt_answers *answers, struct gt_err *err);

/* The labels of `width` bytes each (1 or 2), as the store has them. NULL: one does not fit, or memory is out. */
const uint8_t *gt_answers_labels(const struct gt_answers *answers, size_t width, struct gt_arena *arena);

/*
 * Dataset and accuracy, all but model, precision, provenance and run. A dataset whose digest is not said gets the SHA-256 of
 * its name, split and labels. GT_E_NOMEM.
 */
enum gt_status gt_answers_records(const struct gt_answers *answers, const char *dataset_name, const char *split,
                                  struct gt_arena *arena, struct gt_dataset_record *dataset,
                                  struct gt_accuracy_record *accuracy, struct gt_err *err);

#endif
