/*
 * The GPUs of NVIDIA, by libnvidia-ml (NVML API Reference, "Device Queries"): nvmlDeviceGetTotalEnergyConsumption, millijoules
 * since the driver was loaded (Volta and newer), and where a GPU does not support it nvmlDeviceGetPowerUsage, milliwatts,
 * sampled at each reading and integrated. One domain per GPU; the boundary is "gpu", a part of the machine, so that `auto`
 * never takes it. `nvml:0,2` takes some of them; without that every GPU must be readable, since a sum that silently lacks one
 * is wrong. A MIG instance has no power of its own: its GPU is what is read.
 *
 * No header is packaged, so the few functions are declared here, with the values that the reference documents.
 */
#include "energy/heavy/integrate.h"
#include "energy/heavy/library.h"
#include "energy/scan.h"
#include "energy/source.h"

#include <stddef.h>
#include <stdlib.h>
#include <string.h>

/* nvmlReturn_t */
enum { NVML_SUCCESS = 0, NVML_NOT_SUPPORTED = 3, NVML_NO_PERMISSION = 4 };

enum {
    NAME_BYTES = 96,               /* NVML_DEVICE_NAME_V2_BUFFER_SIZE */
    GPUS_MOST = GT_SOURCE_DOMAINS, /* more are refused, not dropped */
    REFRESH_NS = 100000000         /* both figures move every 20 to 100 ms, by generation */
};
static const uint64_t HOLE_NS = 1000000000;

typedef void *nvml_device;

struct nvml_functions {
    int (*init)(void);
    int (*shutdown)(void);
    int (*count)(unsigned *count);
    int (*device)(unsigned index, nvml_device *device);
    int (*name)(nvml_device device, char *name, unsigned length);
    int (*energy_mj)(nvml_device device, unsigned long long *mj);
    int (*power_mw)(nvml_device device, unsigned *mw);
    const char *(*error)(int code);
};

static const struct gt_library_symbol symbols[] = {
    {"nvmlInit_v2", offsetof(struct nvml_functions, init)},
    {"nvmlShutdown", offsetof(struct nvml_functions, shutdown)},
    {"nvmlDeviceGetCount_v2", offsetof(struct nvml_functions, count)},
    {"nvmlDeviceGetHandleByIndex_v2", offsetof(struct nvml_functions, device)},
    {"nvmlDeviceGetName", offsetof(struct nvml_functions, name)},
    {"nvmlDeviceGetTotalEnergyConsumption", offsetof(struct nvml_functions, energy_mj)},
    {"nvmlDeviceGetPowerUsage", offsetof(struct nvml_functions, power_mw)},
    {"nvmlErrorString", offsetof(struct nvml_functions, error)},
    {NULL, 0},
};
static const char *const library_names[] = {"libnvidia-ml.so.1", NULL};

struct gpu {
    nvml_device device;
    bool has_energy;
    struct gt_integral power; /* where it has not */
};

/* On the heap: the state holds its address. */
struct nvml {
    const struct gt_os *os;
    void *library;
    struct nvml_functions call;
    bool started; /* nvmlInit succeeded */
    int gpus;
    struct gpu gpu[GPUS_MOST];
};

static struct nvml **slot(struct gt_source_state *state)
{
    return (struct nvml **)(void *)state->bytes;
}

static enum gt_status status_of(int code)
{
    return code == NVML_NO_PERMISSION ? GT_E_PERM : GT_E_ABSENT;
}

/* Is GPU `index` in "0,2"? Every one is in NULL. */
static bool is_wanted(const char *spec, unsigned index)
{
    uint64_t number;
    while (spec && gt_scan_u64(&spec, &number)) {
        if (number == index)
            return true;
        spec += *spec == ',';
    }
    return spec == NULL;
}

/* A list of numbers below `count`, nothing else. */
static bool is_list(const char *spec, unsigned count)
{
    uint64_t number;
    do {
        if (!gt_scan_u64(&spec, &number) || number >= count)
            return false;
    } while (*spec++ == ',');
    return spec[-1] == '\0';
}

/* "gpu0 NVIDIA A100-SXM4-40GB", cut to a domain's name. */
static void name_domain(const struct nvml *n, nvml_device device, unsigned index, struct gt_domain *domain)
{
    char name[NAME_BYTES] = "";
    gt_scan_append(domain->name, sizeof domain->name, "gpu");
    gt_scan_append_u64(domain->name, sizeof domain->name, index);
    if (n->call.name(device, name, sizeof name) != NVML_SUCCESS)
        return;
    gt_scan_append(domain->name, sizeof domain->name, " ");
    gt_scan_append(domain->name, sizeof domain->name, name);
}

static enum gt_status add_gpu(struct nvml *n, unsigned index, struct gt_source_desc *desc, struct gt_err *err)
{
    struct gpu *gpu = &n->gpu[n->gpus];
    struct gt_domain *domain = &desc->domains[n->gpus];
    unsigned long long mj;
    unsigned mw;
    if (n->gpus == GPUS_MOST)
        return gt_err_set(err, GT_E_LIMIT, "more than %d GPUs", (int)GPUS_MOST);
    int code = n->call.device(index, &gpu->device);
    if (code == NVML_SUCCESS) {
        code = n->call.energy_mj(gpu->device, &mj);
        gpu->has_energy = code == NVML_SUCCESS;
    }
    if (code == NVML_NOT_SUPPORTED)
        code = n->call.power_mw(gpu->device, &mw);
    if (code != NVML_SUCCESS)
        return gt_err_set(err, status_of(code), "GPU %u tells neither energy nor power: %s (nvml:LIST leaves it out)", index,
                          n->call.error(code));
    *domain = (struct gt_domain){.parent = -1, .package = -1, .die = -1, .additive = true, .refresh_ns = REFRESH_NS};
    domain->uj_per_count = gpu->has_energy ? 1000 : 1;
    name_domain(n, gpu->device, index, domain);
    gt_integrate_init(&gpu->power);
    desc->domain_count = ++n->gpus;
    return GT_OK;
}

static enum gt_status find_gpus(struct nvml *n, const char *spec, struct gt_source_desc *desc, struct gt_err *err)
{
    unsigned count = 0;
    int code = n->call.init();
    n->started = code == NVML_SUCCESS;
    if (n->started)
        code = n->call.count(&count);
    if (code != NVML_SUCCESS)
        return gt_err_set(err, status_of(code), "NVML: %s", n->call.error(code));
    if (count == 0)
        return gt_err_set(err, GT_E_ABSENT, "NVML knows no GPU");
    if (spec && !is_list(spec, count))
        return gt_err_set(err, GT_E_ARG, "nvml:%.64s is no list of GPUs from 0 to %u", spec, count - 1);
    for (unsigned i = 0; i < count; i++) {
        enum gt_status status = is_wanted(spec, i) ? add_gpu(n, i, desc, err) : GT_OK;
        if (status != GT_OK)
            return status;
    }
    return GT_OK;
}

static void nvml_close(struct gt_source_state *state)
{
    struct nvml *n = *slot(state);
    if (n && n->started)
        n->call.shutdown();
    if (n)
        gt_library_close(n->library);
    free(n);
    *slot(state) = NULL;
}

static enum gt_status nvml_open(const struct gt_os *os, const char *spec, struct gt_source_state *state,
                                struct gt_source_desc *desc, struct gt_err *err)
{
    struct gt_library_fds fds;
    memset(desc, 0, sizeof *desc);
    struct nvml *n = *slot(state) = calloc(1, sizeof *n);
    if (!n)
        return gt_err_set(err, GT_E_NOMEM, "out of memory");
    n->os = os;
    gt_scan_append(desc->source, sizeof desc->source, "nvml");
    gt_scan_append(desc->boundary, sizeof desc->boundary, "gpu");
    desc->provenance = GT_PROVENANCE_MEASURED;
    gt_library_descriptors(&fds);
    enum gt_status status = gt_library_open(&n->library, "GREENTRACK_NVML_LIBRARY", library_names, symbols, &n->call, err);
    if (status == GT_OK)
        status = find_gpus(n, spec, desc, err);
    gt_library_keep_private(&fds);
    if (status != GT_OK)
        nvml_close(state);
    return status;
}

static enum gt_status nvml_read(struct gt_source_state *state, uint64_t *raw, uint64_t *t_ns)
{
    struct nvml *n = *slot(state);
    uint64_t values[GPUS_MOST] = {0}, before = n->os->clock_ns(n->os->state, CLOCK_MONOTONIC);
    for (int i = 0; i < n->gpus; i++) {
        struct gpu *gpu = &n->gpu[i];
        unsigned long long mj = 0;
        unsigned mw = 0;
        int code = gpu->has_energy ? n->call.energy_mj(gpu->device, &mj) : n->call.power_mw(gpu->device, &mw);
        if (code != NVML_SUCCESS)
            return code == NVML_NO_PERMISSION ? GT_E_PERM : GT_E_IO;
        values[i] = mj;
        if (gpu->has_energy)
            continue;
        gt_integrate_sample(&gpu->power, n->os->clock_ns(n->os->state, CLOCK_MONOTONIC), mw * 1e-3, HOLE_NS);
        values[i] = gpu->power.count_uj;
    }
    uint64_t after = n->os->clock_ns(n->os->state, CLOCK_MONOTONIC);
    memcpy(raw, values, (size_t)n->gpus * sizeof *raw);
    *t_ns = before + (after - before) / 2;
    return GT_OK;
}

static void nvml_probe(const struct gt_os *os, const char *spec, struct gt_probe *result)
{
    struct gt_source_state state;
    struct gt_source_desc desc;
    struct gt_err err = {0};
    memset(result, 0, sizeof *result);
    enum gt_status status = nvml_open(os, spec, &state, &desc, &err);
    result->result = status == GT_OK ? GT_PROBE_AVAILABLE : status == GT_E_PERM ? GT_PROBE_NO_PERMISSION : GT_PROBE_ABSENT;
    if (status != GT_OK) {
        gt_scan_append(result->detail, sizeof result->detail, err.text);
        return;
    }
    gt_scan_append(result->detail, sizeof result->detail, "boundary gpu, a part of the machine: only by name:");
    for (int i = 0; i < desc.domain_count; i++) {
        gt_scan_append(result->detail, sizeof result->detail, i ? ", " : " ");
        gt_scan_append(result->detail, sizeof result->detail, desc.domains[i].name);
    }
    nvml_close(&state);
}

const struct gt_energy_source gt_source_nvml = {
    .name = "nvml",
    .summary = "NVIDIA GPUs alone, by libnvidia-ml (nvml, or nvml:0,2 for some of them)",
    .by_name_only = true,
    .probe = nvml_probe,
    .open = nvml_open,
    .read = nvml_read,
    .close = nvml_close,
};
