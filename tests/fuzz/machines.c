/*
 * Fuzz target: a real machine's tree in which some files hold anything, read by every light source.
 *
 * Input: the machine and the ways to it, then { file, length, bytes } as often as they go. Whatever they say, a source that
 * opens has a sound tree of domains of which no two additive ones contain one another, and gives its descriptors back.
 */
#include "energy/source.h"

#include "tests/sim/machines.h"

#include <stdlib.h>
#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void garble(struct gt_sim *fuzzed, const uint8_t *data, size_t size)
{
    while (size >= 2) {
        struct gt_sim_file *file = &fuzzed->files[data[0] % fuzzed->file_count];
        size_t n = data[1] < size - 2 ? data[1] : size - 2;
        char text[256];
        memcpy(text, data + 2, n);
        text[n] = '\0';
        if (!file->is_device)
            gt_sim_file(fuzzed, file->path, text);
        data += 2 + n;
        size -= 2 + n;
    }
}

static void require(int truth)
{
    if (!truth)
        abort();
}

static void check(const struct gt_source_desc *d)
{
    require(d->domain_count > 0 && d->domain_count <= GT_SOURCE_DOMAINS && d->boundary[0]);
    for (int i = 0; i < d->domain_count; i++) {
        const struct gt_domain *domain = &d->domains[i];
        require(memchr(domain->name, '\0', sizeof domain->name) != NULL);
        require(domain->parent >= -1 && domain->parent < d->domain_count && domain->parent != i);
        require(domain->mirror >= 0 && domain->mirror <= i);
        require(domain->uj_per_count > 0);
        require(!domain->additive || !domain->mirror);
        if (domain->additive && strcmp(domain->name, "psys") == 0)
            require(strcmp(d->boundary, "psys") == 0);
        if (domain->additive && domain->parent >= 0) /* memory alone stands beside its parent */
            require(strcmp(domain->name, "dram") == 0);
    }
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static const struct gt_energy_source *const light[] = {&gt_source_perf, &gt_source_powercap, &gt_source_msr,
                                                           &gt_source_hwmon};
    static struct gt_sim fuzzed;
    static struct gt_machine fuzzed_machine;
    if (size == 0)
        return 0;
    gt_sim_init(&fuzzed);
    gt_machine_build(&fuzzed_machine, &fuzzed, (enum gt_machine_id)(data[0] % GT_MACHINE_COUNT), GT_MACHINE_ALL);
    garble(&fuzzed, data + 1, size - 1);
    for (size_t i = 0; i < sizeof light / sizeof *light; i++) {
        static struct gt_source_state memory;
        static struct gt_source_desc d;
        struct gt_err why = {0};
        struct gt_probe probe;
        uint64_t raw[GT_SOURCE_DOMAINS], t_ns;
        light[i]->probe(&fuzzed.os, NULL, &probe);
        if (light[i]->open(&fuzzed.os, NULL, &memory, &d, &why) != GT_OK)
            continue;
        check(&d);
        for (int k = 0; k < 3; k++) {
            fuzzed.mono_ns += 1000000;
            light[i]->read(&memory, raw, &t_ns);
        }
        light[i]->close(&memory);
    }
    require(fuzzed.open_fds == 0);
    gt_sim_free(&fuzzed);
    return 0;
}
