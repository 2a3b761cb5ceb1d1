#include "tracker/answers.h"

#include "core/text.h"

#include <errno.h>
#include <math.h>
#include <openssl/evp.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define MAGIC "# gtcnn predictions "
enum { LINE_BYTES = 8192, CLASS_MOST = 65535, CLASS_FILE_MOST = 1000000000 };

struct reading {
    const char *path;
    struct gt_arena *arena;
    struct gt_answers *answers;
    struct gt_err *err;
    unsigned long line;
    uint16_t *labels, *predictions; /* owned while growing */
    size_t room;
    int64_t announced; /* rows that the header promises; GT_UNKNOWN */
};

static enum gt_status bad_line(struct reading *r, const char *what)
{
    return gt_err_set(r->err, GT_E_FORMAT, "%s: line %lu: %s", r->path, r->line, what);
}

/* --- header ------------------------------------------------------------------------------------------------------------- */

static const char **text_key(struct gt_answers *answers, const char *key)
{
    const struct {
        const char *key;
        const char **place;
    } keys[] = {
        {"model", &answers->model},     {"digest", &answers->model_digest},
        {"weights", &answers->weights}, {"family", &answers->family},
        {"runtime", &answers->runtime}, {"precision", &answers->precision},
        {"dataset", &answers->dataset}, {"dataset_digest", &answers->dataset_digest},
        {"split", &answers->split},     {"preprocessing", &answers->preprocessing},
    };
    for (size_t i = 0; i < sizeof keys / sizeof *keys; i++)
        if (strcmp(keys[i].key, key) == 0)
            return keys[i].place;
    return NULL;
}

static enum gt_status read_header(struct reading *r, char *line)
{
    char *key = line + 2, *value = strchr(line + (line[1] == ' ' ? 2 : 1), ' ');
    if (r->line == 1 && strncmp(line, MAGIC, sizeof MAGIC - 1) == 0)
        return strcmp(line + sizeof MAGIC - 1, "1") == 0
                   ? GT_OK
                   : gt_err_set(r->err, GT_E_VERSION, "%s: predictions of format %.16s; this greentrack reads 1", r->path,
                                line + sizeof MAGIC - 1);
    if (line[1] != ' ' || !value)
        return GT_OK; /* a comment */
    *value++ = '\0';
    const char **place = text_key(r->answers, key);
    if (place) {
        *place = gt_arena_strdup(r->arena, value);
        return *place ? GT_OK : gt_err_set(r->err, GT_E_NOMEM, "out of memory");
    }
    if (strcmp(key, "images") == 0)
        r->announced = strtoll(value, NULL, 10);
    if (strcmp(key, "dataset_images") == 0)
        r->answers->dataset_images = strtoll(value, NULL, 10);
    return GT_OK;
}

/* --- rows --------------------------------------------------------------------------------------------------------------- */

static bool grow(uint16_t **classes, size_t room)
{
    uint16_t *more = realloc(*classes, room * sizeof *more);
    if (!more)
        return false;
    *classes = more;
    return true;
}

static bool make_room(struct reading *r)
{
    if (r->answers->count < r->room)
        return true;
    size_t room = r->room ? 2 * r->room : 16384;
    if (!grow(&r->labels, room) || !grow(&r->predictions, room))
        return false;
    r->room = room;
    return true;
}

/* A decimal number and the blank or end behind it; false for anything else. */
static bool take_number(const char **at, uint64_t most, uint64_t *value)
{
    char *end;
    if (**at < '0' || **at > '9')
        return false;
    errno = 0;
    *value = strtoull(*at, &end, 10);
    if (errno || *value > most || (*end != ' ' && *end != '\0'))
        return false;
    *at = *end ? end + 1 : end;
    return true;
}

static enum gt_status read_row(struct reading *r, const char *line)
{
    struct gt_answers *answers = r->answers;
    uint64_t index, label, prediction;
    if (!take_number(&line, GT_ANSWERS_MOST, &index) || !take_number(&line, CLASS_FILE_MOST, &label) ||
        !take_number(&line, CLASS_FILE_MOST, &prediction) || *line)
        return bad_line(r, "not INDEX LABEL PREDICTION");
    if (index != answers->count)
        return bad_line(r, "the index does not follow the one before");
    if (label > CLASS_MOST)
        return bad_line(r, "labels above 65535 are not supported");
    if (!make_room(r))
        return gt_err_set(r->err, GT_E_NOMEM, "out of memory");
    r->labels[answers->count] = (uint16_t)label;
    /* A class that does not fit is no label, hence wrong; it must not become one by being cut. */
    r->predictions[answers->count] =
        prediction > CLASS_MOST ? (uint16_t)(label == CLASS_MOST ? 0 : CLASS_MOST) : (uint16_t)prediction;
    answers->correct += label == prediction;
    answers->count++;
    return GT_OK;
}

static enum gt_status read_lines(struct reading *r, FILE *file)
{
    char line[LINE_BYTES];
    enum gt_status status = GT_OK;
    while (status == GT_OK && (errno = 0, fgets(line, sizeof line, file))) {
        size_t n = strlen(line);
        r->line++;
        if (n == 0 || line[n - 1] != '\n') {
            if (!feof(file) || n == 0)
                return bad_line(r, "too long, or with a NUL in it");
        } else {
            line[--n] = '\0';
        }
        if (n > 0 && line[n - 1] == '\r')
            line[n - 1] = '\0';
        status = line[0] == '#' ? read_header(r, line) : read_row(r, line);
    }
    int failed = errno; /* of the last fgets */
    if (status == GT_OK && ferror(file))
        return gt_err_set_errno(r->err, failed ? failed : EIO, "%s", r->path);
    return status;
}

static enum gt_status finish(struct reading *r)
{
    struct gt_answers *answers = r->answers;
    if (answers->count == 0)
        return gt_err_set(r->err, GT_E_FORMAT, "%s: no answers in it", r->path);
    if (r->announced != GT_UNKNOWN && r->announced != (int64_t)answers->count)
        return gt_err_set(r->err, GT_E_FORMAT, "%s: %zu rows, but the header says %lld: the file is cut", r->path,
                          answers->count, (long long)r->announced);
    uint16_t *labels = gt_arena_alloc(r->arena, answers->count, sizeof *labels);
    uint16_t *predictions = gt_arena_alloc(r->arena, answers->count, sizeof *predictions);
    uint8_t *bits = gt_arena_alloc(r->arena, (answers->count + 7) / 8, 1);
    if (!labels || !predictions || !bits)
        return gt_err_set(r->err, GT_E_NOMEM, "out of memory");
    memcpy(labels, r->labels, answers->count * sizeof *labels);
    memcpy(predictions, r->predictions, answers->count * sizeof *predictions);
    for (size_t i = 0; i < answers->count; i++)
        if (labels[i] == predictions[i])
            bits[i / 8] |= (uint8_t)(1u << (i % 8));
    answers->labels = labels;
    answers->predictions = predictions;
    answers->answers = bits;
    return GT_OK;
}

enum gt_status gt_answers_read(const char *path, struct gt_arena *arena, struct gt_answers *answers, struct gt_err *err)
{
    struct reading r = {.path = path, .arena = arena, .answers = answers, .err = err, .announced = GT_UNKNOWN};
    *answers = (struct gt_answers){.dataset_images = GT_UNKNOWN};
    FILE *file = fopen(path, "re");
    if (!file)
        return gt_err_set_errno(err, errno, "%s", path);
    enum gt_status status = read_lines(&r, file);
    fclose(file);
    if (status == GT_OK)
        status = finish(&r);
    free(r.labels);
    free(r.predictions);
    return status;
}

/* --- records ------------------------------------------------------------------------------------------------------------ */

/* Bytes that a class takes in the store: one, or two where one does not fit. */
static size_t width_of(const uint16_t *classes, size_t count)
{
    for (size_t i = 0; i < count; i++)
        if (classes[i] > 255)
            return 2;
    return 1;
}

/* Classes as the store has them. NULL: out of memory. */
static const uint8_t *pack_to(const uint16_t *classes, size_t count, size_t width, struct gt_arena *arena)
{
    uint8_t *out = gt_arena_alloc(arena, count, width);
    for (size_t i = 0; out && i < count; i++) {
        out[i * width] = (uint8_t)classes[i];
        if (width == 2)
            out[i * 2 + 1] = (uint8_t)(classes[i] >> 8);
    }
    return out;
}

static const uint8_t *pack(const uint16_t *classes, size_t count, struct gt_arena *arena, size_t *bytes)
{
    size_t width = width_of(classes, count);
    *bytes = count * width;
    return pack_to(classes, count, width, arena);
}

const uint8_t *gt_answers_labels(const struct gt_answers *answers, size_t width, struct gt_arena *arena)
{
    if (width < width_of(answers->labels, answers->count))
        return NULL;
    return pack_to(answers->labels, answers->count, width, arena);
}

static const char *dataset_digest(const uint8_t *labels, size_t label_bytes, const char *name, const char *split,
                                  struct gt_arena *arena)
{
    unsigned char bytes[EVP_MAX_MD_SIZE];
    unsigned size = 0;
    char *out = gt_arena_alloc(arena, 65, 1);
    EVP_MD_CTX *context = EVP_MD_CTX_new();
    bool ok = out && context && EVP_DigestInit_ex(context, EVP_sha256(), NULL) == 1 &&
              EVP_DigestUpdate(context, name, strlen(name) + 1) == 1 &&
              EVP_DigestUpdate(context, split, strlen(split) + 1) == 1 && EVP_DigestUpdate(context, labels, label_bytes) == 1 &&
              EVP_DigestFinal_ex(context, bytes, &size) == 1 && size == 32;
    EVP_MD_CTX_free(context);
    return ok ? gt_text_hex(out, bytes, 32) : NULL;
}

enum gt_status gt_answers_records(const struct gt_answers *answers, const char *dataset_name, const char *split,
                                  struct gt_arena *arena, struct gt_dataset_record *dataset,
                                  struct gt_accuracy_record *accuracy, struct gt_err *err)
{
    size_t label_bytes = 0, prediction_bytes = 0;
    const uint8_t *labels = pack(answers->labels, answers->count, arena, &label_bytes);
    const uint8_t *predictions = pack(answers->predictions, answers->count, arena, &prediction_bytes);
    const char *digest = !labels || answers->dataset_digest ? answers->dataset_digest
                                                            : dataset_digest(labels, label_bytes, dataset_name, split, arena);
    if (!digest || !labels || !predictions)
        return gt_err_set(err, GT_E_NOMEM, "out of memory");
    bool whole = answers->dataset_images == GT_UNKNOWN || answers->dataset_images == (int64_t)answers->count;
    *dataset = (struct gt_dataset_record){
        .digest = digest,
        .name = dataset_name,
        .split = split,
        .images = whole ? (int64_t)answers->count : answers->dataset_images,
        .labels = whole ? labels : NULL, /* of a part of the images, they are not the dataset's */
        .label_bytes = whole ? label_bytes : 0,
    };
    *accuracy = (struct gt_accuracy_record){
        .dataset = digest,
        .dataset_name = dataset_name,
        .split = split,
        .n = (int64_t)answers->count,
        .correct = (int64_t)answers->correct,
        .pct = 100.0 * (double)answers->correct / (double)answers->count,
        .preprocessing = answers->preprocessing,
        .predictions = predictions,
        .prediction_bytes = prediction_bytes,
        .answers = answers->answers,
        .answer_count = answers->count,
    };
    return GT_OK;
}
