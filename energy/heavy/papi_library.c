#include "energy/heavy/papi_library.h"

#include "energy/heavy/library.h"

#include <stddef.h>
#include <string.h>

#define STRING_OF(text) #text
#define SONAME(major, minor) "libpapi.so." STRING_OF(major) "." STRING_OF(minor)

/* Debian's name of the version that papi.h here belongs to, then what other systems call theirs; the version is checked. */
static const char *const library_names[] = {SONAME(7, 0), SONAME(7, 1), SONAME(7, 2), "libpapi.so", NULL};

static const struct gt_library_symbol symbols[] = {
    {"PAPI_is_initialized", offsetof(struct gt_papi, is_initialized)},
    {"PAPI_library_init", offsetof(struct gt_papi, library_init)},
    {"PAPI_shutdown", offsetof(struct gt_papi, shutdown)},
    {"PAPI_strerror", offsetof(struct gt_papi, strerror)},
    {"PAPI_num_components", offsetof(struct gt_papi, num_components)},
    {"PAPI_get_component_info", offsetof(struct gt_papi, component_info)},
    {"PAPI_enum_cmp_event", offsetof(struct gt_papi, enum_event)},
    {"PAPI_get_event_info", offsetof(struct gt_papi, event_info)},
    {"PAPI_create_eventset", offsetof(struct gt_papi, create_set)},
    {"PAPI_assign_eventset_component", offsetof(struct gt_papi, assign_component)},
    {"PAPI_add_event", offsetof(struct gt_papi, add_event)},
    {"PAPI_start", offsetof(struct gt_papi, start)},
    {"PAPI_read", offsetof(struct gt_papi, read)},
    {"PAPI_stop", offsetof(struct gt_papi, stop)},
    {"PAPI_cleanup_eventset", offsetof(struct gt_papi, cleanup_set)},
    {"PAPI_destroy_eventset", offsetof(struct gt_papi, destroy_set)},
    {NULL, 0},
};

enum gt_status gt_papi_open(struct gt_papi *papi, struct gt_err *err)
{
    memset(papi, 0, sizeof *papi);
    enum gt_status status = gt_library_open(&papi->handle, "GREENTRACK_PAPI_LIBRARY", library_names, symbols, papi, err);
    if (status != GT_OK)
        return status;
    bool before = papi->is_initialized() != PAPI_NOT_INITED;
    int got = papi->library_init(PAPI_VER_CURRENT);
    papi->ours = !before && got == PAPI_VER_CURRENT;
    if (got == PAPI_VER_CURRENT)
        return GT_OK;
    gt_papi_close(papi);
    return gt_err_set(err, GT_E_VERSION, "libpapi cannot be used: it is not version %d.%d, or could not begin (%d)",
                      PAPI_VERSION_MAJOR(PAPI_VERSION), PAPI_VERSION_MINOR(PAPI_VERSION), got);
}

void gt_papi_close(struct gt_papi *papi)
{
    if (papi->handle && papi->ours)
        papi->shutdown();
    gt_library_close(papi->handle);
    memset(papi, 0, sizeof *papi);
}
