/*
 * libpapi, loaded when it is there: the functions that greentrack calls. GREENTRACK_PAPI_LIBRARY names another one than the
 * system's, such as one with components for energy. PAPI_library_init refuses a version other than that of the papi.h this was
 * built with, whose structs it then shares. In the tracker only, one thread.
 */
#ifndef GT_ENERGY_HEAVY_PAPI_LIBRARY_H
#define GT_ENERGY_HEAVY_PAPI_LIBRARY_H

#include "core/status.h"

#include <papi.h>
#include <stdbool.h>

struct gt_papi {
    void *handle;
    bool ours; /* initialised by gt_papi_open: then also shut down by gt_papi_close */
    int (*is_initialized)(void);
    int (*library_init)(int version);
    void (*shutdown)(void);
    char *(*strerror)(int code);
    int (*num_components)(void);
    const PAPI_component_info_t *(*component_info)(int component);
    int (*enum_event)(int *code, int modifier, int component);
    int (*event_info)(int code, PAPI_event_info_t *info);
    int (*create_set)(int *set);
    int (*assign_component)(int set, int component);
    int (*add_event)(int set, int code);
    int (*start)(int set);
    int (*read)(int set, long long *values);
    int (*stop)(int set, long long *values);
    int (*cleanup_set)(int set);
    int (*destroy_set)(int *set);
};

/* GT_E_ABSENT: no libpapi; GT_E_VERSION: another version than it was built for. */
enum gt_status gt_papi_open(struct gt_papi *papi, struct gt_err *err);
void gt_papi_close(struct gt_papi *papi);

#endif
