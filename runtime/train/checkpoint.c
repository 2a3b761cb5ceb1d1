#include "runtime/train/checkpoint.h"

#include "runtime/cli/atomic.h"
#include "runtime/cli/fail.h"
#include "runtime/escape.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>
#include <zlib.h>

enum { RECIPE_BYTES = 512 };

static const char MAGIC[8] = "GTCNNCP2";

/* The fixed part, as it lies in the file. Only x86-64 and other little-endian machines build the trainer. */
struct head {
    char magic[8];
    char recipe[RECIPE_BYTES];
    uint32_t epoch, best_epoch, improved_epoch, unused;
    uint64_t examples, state_count, velocity_count;
    double cpu_seconds, wall_seconds;
};

#if __BYTE_ORDER__ != __ORDER_LITTLE_ENDIAN__
#error "checkpoints are written as they lie in memory, which has to be little-endian"
#endif

enum gtcnn_status gtcnn_training_new(uint32_t epochs, size_t state_count, size_t velocity_count, struct gtcnn_training *t,
                                     struct gtcnn_err *err)
{
    *t = (struct gtcnn_training){.state_count = state_count, .velocity_count = velocity_count};
    t->curve = calloc(epochs + 1, sizeof *t->curve);
    t->state = calloc(state_count + 1, sizeof *t->state);
    t->best = calloc(state_count + 1, sizeof *t->best);
    t->velocity = calloc(velocity_count + 1, sizeof *t->velocity);
    if (t->curve && t->state && t->best && t->velocity)
        return GTCNN_OK;
    gtcnn_training_free(t);
    return gtcnn_cli_fail(err, GTCNN_E_NOMEM, "out of memory");
}

void gtcnn_training_free(struct gtcnn_training *t)
{
    free(t->curve);
    free(t->state);
    free(t->best);
    free(t->velocity);
    *t = (struct gtcnn_training){0};
}

/* The parts of the file, in order. The curve has as many entries as epochs are finished. */
struct part {
    void *data;
    size_t bytes;
};

enum { PART_COUNT = 5 };

static void list_parts(struct head *head, const struct gtcnn_training *t, struct part part[PART_COUNT])
{
    part[0] = (struct part){head, sizeof *head};
    part[1] = (struct part){t->curve, head->epoch * sizeof *t->curve};
    part[2] = (struct part){t->state, t->state_count * sizeof *t->state};
    part[3] = (struct part){t->best, t->state_count * sizeof *t->best};
    part[4] = (struct part){t->velocity, t->velocity_count * sizeof *t->velocity};
}

static uint32_t crc_of(const struct part part[PART_COUNT])
{
    uLong crc = crc32(0, NULL, 0);
    for (int i = 0; i < PART_COUNT; i++)
        crc = crc32_z(crc, part[i].data, part[i].bytes);
    return (uint32_t)crc;
}

static void fill_head(struct head *head, const struct gtcnn_recipe *recipe, const struct gtcnn_training *t)
{
    memset(head, 0, sizeof *head);
    memcpy(head->magic, MAGIC, sizeof head->magic);
    gtcnn_recipe_text(recipe, head->recipe, sizeof head->recipe);
    head->epoch = t->epoch;
    head->best_epoch = t->best_epoch;
    head->improved_epoch = t->improved_epoch;
    head->examples = t->examples;
    head->state_count = t->state_count;
    head->velocity_count = t->velocity_count;
    head->cpu_seconds = t->cpu_seconds;
    head->wall_seconds = t->wall_seconds;
}

enum gtcnn_status gtcnn_checkpoint_write(const char *path, const struct gtcnn_recipe *recipe, const struct gtcnn_training *t,
                                         struct gtcnn_err *err)
{
    struct gtcnn_atomic a;
    struct head head;
    struct part part[PART_COUNT];
    enum gtcnn_status status = gtcnn_atomic_open(&a, path, err);
    if (status)
        return status;
    fill_head(&head, recipe, t);
    list_parts(&head, t, part);
    uint32_t crc = crc_of(part);
    for (int i = 0; i < PART_COUNT; i++)
        fwrite(part[i].data, 1, part[i].bytes, a.file);
    fwrite(&crc, sizeof crc, 1, a.file);
    return gtcnn_atomic_commit(&a, err);
}

static enum gtcnn_status check_head(const char *path, const struct head *head, const struct gtcnn_recipe *recipe,
                                    const struct gtcnn_training *t, struct gtcnn_err *err)
{
    char wanted[RECIPE_BYTES];
    gtcnn_recipe_text(recipe, wanted, sizeof wanted);
    if (memcmp(head->magic, MAGIC, sizeof head->magic) != 0)
        return gtcnn_cli_fail_path(err, GTCNN_E_FORMAT, path, "is no checkpoint of this version; move it away to begin anew");
    if (strncmp(head->recipe, wanted, sizeof head->recipe) != 0) {
        char safe[400];
        return gtcnn_cli_fail_path(err, GTCNN_E_ARG, path,
                                   "was made by another recipe or of other data (%s); name another --output",
                                   gtcnn_escape(safe, sizeof safe, head->recipe, SIZE_MAX));
    }
    if (head->state_count != t->state_count || head->velocity_count != t->velocity_count || head->epoch > recipe->epochs ||
        head->best_epoch > head->epoch || head->improved_epoch > head->best_epoch ||
        (head->epoch > 0 && head->improved_epoch == 0))
        return gtcnn_cli_fail_path(err, GTCNN_E_FORMAT, path, "does not fit the network; move it away to begin anew");
    return GTCNN_OK;
}

static enum gtcnn_status read_parts(const char *path, FILE *f, const struct gtcnn_recipe *recipe, struct gtcnn_training *t,
                                    struct gtcnn_err *err)
{
    struct head head;
    struct part part[PART_COUNT];
    uint32_t crc;
    if (fread(&head, sizeof head, 1, f) != 1)
        return gtcnn_cli_fail_path(err, GTCNN_E_FORMAT, path, "is cut short; move it away to begin anew");
    head.recipe[RECIPE_BYTES - 1] = 0;
    enum gtcnn_status status = check_head(path, &head, recipe, t, err);
    if (status)
        return status;
    list_parts(&head, t, part);
    bool whole = true;
    for (int i = 1; i < PART_COUNT && whole; i++)
        whole = fread(part[i].data, 1, part[i].bytes, f) == part[i].bytes;
    if (!whole || fread(&crc, sizeof crc, 1, f) != 1 || fgetc(f) != EOF || crc != crc_of(part))
        return gtcnn_cli_fail_path(err, GTCNN_E_FORMAT, path, "is damaged; move it away to begin anew");
    t->epoch = head.epoch;
    t->best_epoch = head.best_epoch;
    t->improved_epoch = head.improved_epoch;
    t->examples = head.examples;
    t->cpu_seconds = head.cpu_seconds;
    t->wall_seconds = head.wall_seconds;
    return GTCNN_OK;
}

enum gtcnn_status gtcnn_checkpoint_read(const char *path, const struct gtcnn_recipe *recipe, struct gtcnn_training *t,
                                        struct gtcnn_err *err)
{
    int fd = open(path, O_RDONLY | O_NONBLOCK | O_CLOEXEC); /* a FIFO must not hang us */
    struct stat st;
    if (fd < 0 && errno == ENOENT)
        return GTCNN_E_NOENT;
    FILE *f = fd >= 0 && fstat(fd, &st) == 0 && S_ISREG(st.st_mode) ? fdopen(fd, "rb") : NULL;
    if (!f) {
        enum gtcnn_status failed = gtcnn_cli_fail_path(err, GTCNN_E_IO, path, "cannot be read: %s",
                                                       fd < 0 ? strerror(errno) : "it is no regular file");
        if (fd >= 0)
            close(fd);
        return failed;
    }
    enum gtcnn_status status = read_parts(path, f, recipe, t, err);
    fclose(f);
    return status;
}
