/*
 * An NVML for tests. STUB_NVML: a GPU per word, "energy:WATTS", "power:WATTS" (energy is not supported), "forbidden" or "none"
 * (neither is). Energy counts millijoules of CLOCK_MONOTONIC, moving every 20 ms. An empty STUB_NVML: nvmlInit fails, no
 * driver.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

enum { SUCCESS = 0, INVALID = 2, NOT_SUPPORTED = 3, NO_PERMISSION = 4, DRIVER_NOT_LOADED = 9, GPUS = 8 };

int nvmlInit_v2(void);
int nvmlShutdown(void);
int nvmlDeviceGetCount_v2(unsigned *count);
int nvmlDeviceGetHandleByIndex_v2(unsigned index, void **device);
int nvmlDeviceGetName(void *device, char *name, unsigned length);
int nvmlDeviceGetTotalEnergyConsumption(void *device, unsigned long long *mj);
int nvmlDeviceGetPowerUsage(void *device, unsigned *mw);
const char *nvmlErrorString(int code);

static struct gpu {
    char kind[16];
    double watts;
} gpus[GPUS];
static unsigned gpu_count;

int nvmlInit_v2(void)
{
    const char *at = getenv("STUB_NVML");
    int used;
    gpu_count = 0;
    while (at && gpu_count < GPUS && sscanf(at, " %15[a-z]%n", gpus[gpu_count].kind, &used) == 1) {
        at += used;
        gpus[gpu_count].watts = 0;
        if (sscanf(at, ":%lf%n", &gpus[gpu_count].watts, &used) == 1)
            at += used;
        gpu_count++;
    }
    return gpu_count ? SUCCESS : DRIVER_NOT_LOADED;
}

int nvmlShutdown(void)
{
    return SUCCESS;
}

int nvmlDeviceGetCount_v2(unsigned *count)
{
    *count = gpu_count;
    return SUCCESS;
}

int nvmlDeviceGetHandleByIndex_v2(unsigned index, void **device)
{
    if (index >= gpu_count)
        return INVALID;
    *device = &gpus[index];
    return SUCCESS;
}

int nvmlDeviceGetName(void *device, char *name, unsigned length)
{
    (void)device;
    snprintf(name, length, "Stub");
    return SUCCESS;
}

static int refusal(const struct gpu *gpu)
{
    return strcmp(gpu->kind, "forbidden") == 0 ? NO_PERMISSION : NOT_SUPPORTED;
}

int nvmlDeviceGetTotalEnergyConsumption(void *device, unsigned long long *mj)
{
    const struct gpu *gpu = device;
    struct timespec now;
    if (strcmp(gpu->kind, "energy") != 0)
        return refusal(gpu);
    clock_gettime(CLOCK_MONOTONIC, &now);
    long long ms = (now.tv_sec * 1000LL + now.tv_nsec / 1000000) / 20 * 20;
    *mj = (unsigned long long)((double)ms * gpu->watts);
    return SUCCESS;
}

int nvmlDeviceGetPowerUsage(void *device, unsigned *mw)
{
    const struct gpu *gpu = device;
    if (strcmp(gpu->kind, "power") != 0)
        return refusal(gpu);
    *mw = (unsigned)(gpu->watts * 1000);
    return SUCCESS;
}

const char *nvmlErrorString(int code)
{
    return code == NO_PERMISSION       ? "Insufficient Permissions"
           : code == DRIVER_NOT_LOADED ? "Driver Not Loaded"
                                       : "Not Supported";
}
