/*
 * die WHERE N: N inferences once the sampler is up (and 10 before), then SIGKILL at a known point:
 *   between   two inferences
 *   before    in an inference that has read nothing yet: its input is not there, and a handler kills
 *   after     in one whose units have all run: its output is not there
 * What had been executed by then stands on standard output: inferences, then calls of units and inferences together.
 */
#include "tests/host/common.h"

#include <signal.h>
#include <stdbool.h>
#include <stdint.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

enum { EARLY = 10, UP_US = 150000 };

static void die(int number)
{
    (void)number;
    kill(getpid(), SIGKILL);
    pause();
}

/* Memory that faults when it is touched. */
static float *absent(size_t elements)
{
    void *memory = mmap(NULL, elements * sizeof(float), PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    return memory == MAP_FAILED ? NULL : memory;
}

int main(int argc, char **argv)
{
    struct sigaction action = {.sa_handler = die};
    struct host_model host;
    const char *where = argc > 1 ? argv[1] : "between";
    int times = argc > 2 ? atoi(argv[2]) : 0;
    host_open(&host, 1);
    const struct gtcnn_model_info *info = gtcnn_model_info(host.model);
    bool reads = strcmp(where, "before") == 0, writes = strcmp(where, "after") == 0;
    float *input = reads ? absent(host_elements(&info->input)) : host.input;
    float *output = writes ? absent(host_elements(&info->output)) : host.output;
    sigaction(SIGSEGV, &action, NULL);
    host_infer(&host, EARLY);
    usleep(UP_US);
    host_infer(&host, times);
    uint64_t inferences = EARLY + (uint64_t)times;
    printf("%llu %llu\n", (unsigned long long)inferences,
           (unsigned long long)(inferences * (info->unit_count + 1) + (writes ? info->unit_count : 0)));
    fflush(stdout);
    if (reads || writes)
        gtcnn_infer(host.model, input, output, 1);
    die(0);
}
