/*
 * unload LIBRARY: opens the plugin as a program might open any library, reports a region, closes it, and calls what it had from
 * it once more: linked with -z nodelete, its code and its sampler stay.
 */
#include <dlfcn.h>
#include <stdint.h>
#include <stdio.h>
#include <unistd.h>

typedef void region_fn(const char *);
typedef void items_fn(uint64_t);

int main(int argc, char **argv)
{
    void *library = argc > 1 ? dlopen(argv[1], RTLD_NOW | RTLD_LOCAL) : NULL;
    if (!library) {
        fprintf(stderr, "%s\n", dlerror());
        return 99;
    }
    region_fn *begin = (region_fn *)dlsym(library, "greentrack_region_begin");
    region_fn *end = (region_fn *)dlsym(library, "greentrack_region_end");
    items_fn *items = (items_fn *)dlsym(library, "greentrack_items");
    if (!begin || !end || !items)
        return 98;
    begin("before");
    end("before");
    usleep(20000); /* the sampler is up */
    printf("closed: %d\n", dlclose(library));
    printf("still there: %d\n", dlopen(argv[1], RTLD_NOW | RTLD_NOLOAD) != NULL);
    fflush(stdout);
    begin("after");
    items(3);
    end("after");
    usleep(20000);
    printf("called again\n");
    return 6;
}
