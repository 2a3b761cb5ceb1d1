#include "runtime/cli/subject.h"
#include "runtime/cli/fail.h"
#include "runtime/cli/verbs.h"

#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

void gtcnn_subject_noise(float *values, uint64_t n)
{
    uint32_t x = 2463534242u; /* a 32-bit xorshift (Marsaglia 2003) */
    for (uint64_t i = 0; i < n; i++) {
        x ^= x << 13;
        x ^= x >> 17;
        x ^= x << 5;
        values[i] = ((float)(x >> 8) * 0x1p-23f - 1) * 1.7320508f;
    }
}

/* So that what follows finds the file in memory; a built-in model has none. */
static void read_through(const char *name)
{
    char buffer[1 << 16];
    int fd = open(name, O_RDONLY | O_CLOEXEC | O_NONBLOCK);
    if (fd < 0)
        return;
    while (read(fd, buffer, sizeof buffer) > 0) {
    }
    close(fd);
}

static enum gtcnn_status first_inference(struct gtcnn_subject *s, struct gtcnn_err *err)
{
    s->inputs = gtcnn_cli_count(&s->info->input);
    s->outputs = gtcnn_cli_count(&s->info->output);
    s->input = calloc(s->inputs + 1, sizeof *s->input);
    s->output = calloc(s->outputs + 1, sizeof *s->output);
    if (!s->input || !s->output)
        return gtcnn_cli_fail(err, GTCNN_E_NOMEM, "no memory for input and output");
    gtcnn_subject_noise(s->input, s->inputs);
    uint64_t begin = gtcnn_cli_now_ns();
    enum gtcnn_status status = gtcnn_infer(s->model, s->input, s->output, s->info->batch);
    s->load_ns += gtcnn_cli_now_ns() - begin;
    return status ? gtcnn_cli_fail(err, status, "the inference failed (status %d)", (int)status) : GTCNN_OK;
}

enum gtcnn_status gtcnn_subject_open(const struct gtcnn_cli *cli, const char *name, struct gtcnn_subject *s,
                                     struct gtcnn_err *err)
{
    *s = (struct gtcnn_subject){0};
    read_through(name);
    gtcnn_subject_forget_peak();
    uint64_t begin = gtcnn_cli_now_ns();
    enum gtcnn_status status = gtcnn_cli_open(cli, name, &s->model, err);
    if (status)
        return status;
    s->load_ns = gtcnn_cli_now_ns() - begin;
    s->info = gtcnn_model_info(s->model);
    status = first_inference(s, err);
    if (status)
        gtcnn_subject_close(s);
    return status;
}

void gtcnn_subject_close(struct gtcnn_subject *s)
{
    gtcnn_model_close(s->model);
    free(s->input);
    free(s->output);
    *s = (struct gtcnn_subject){0};
}

enum gtcnn_status gtcnn_subject_run(const struct gtcnn_subject *s, uint64_t least, double ns, struct gtcnn_samples *samples,
                                    struct gtcnn_err *err)
{
    uint64_t begin = gtcnn_cli_now_ns(), now = begin;
    for (uint64_t i = 0; i < least || (double)(now - begin) < ns; i++) {
        uint64_t before = now;
        enum gtcnn_status status = gtcnn_infer(s->model, s->input, s->output, s->info->batch);
        now = gtcnn_cli_now_ns();
        if (status)
            return gtcnn_cli_fail(err, status, "the inference failed (status %d)", (int)status);
        if (samples && gtcnn_samples_add(samples, (double)(now - before)) != 0)
            return gtcnn_cli_fail(err, GTCNN_E_NOMEM, "out of memory; bench fewer --seconds");
    }
    return GTCNN_OK;
}

/* VmHWM of proc_pid_status(5), in kB. */
uint64_t gtcnn_subject_peak_bytes(void)
{
    char line[256];
    unsigned long long kib = 0;
    FILE *f = fopen("/proc/self/status", "re");
    while (f && fgets(line, sizeof line, f))
        if (sscanf(line, "VmHWM: %llu kB", &kib) == 1)
            break;
    if (f)
        fclose(f);
    return kib * 1024;
}

/* 5 resets the peak: proc_pid_clear_refs(5). */
void gtcnn_subject_forget_peak(void)
{
    int fd = open("/proc/self/clear_refs", O_WRONLY | O_CLOEXEC);
    if (fd < 0)
        return;
    if (write(fd, "5", 1) < 0) {
        /* then the peak is that of the whole process */
    }
    close(fd);
}
