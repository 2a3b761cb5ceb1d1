#include "plugin/adapter.h"

#include <dlfcn.h>

void *gt_adapter_find(const struct gt_adapter *adapter, const char *name)
{
    /* The handle is never closed: a host that unloads the runtime must not pull the code from under a hook. */
    void *object = dlopen(adapter->soname, RTLD_LAZY | RTLD_NOLOAD);
    void *symbol = object ? dlsym(object, name) : NULL;
    return symbol ? symbol : dlsym(RTLD_NEXT, name);
}
