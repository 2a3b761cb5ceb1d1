/* byname: a region and items by the names of what the plugin exports, found as a foreign language finds them; 1 where there are
 * none. */
#include <dlfcn.h>
#include <stdint.h>
#include <unistd.h>

int main(void)
{
    void *program = dlopen(NULL, RTLD_NOW);
    union {
        void *object;
        void (*region)(const char *name);
        void (*items)(uint64_t n);
    } begin = {dlsym(program, "greentrack_region_begin")}, end = {dlsym(program, "greentrack_region_end")},
      count = {dlsym(program, "greentrack_items")};
    if (!begin.object || !end.object || !count.object)
        return 1;
    begin.region("work");
    usleep(50000);
    end.region("work");
    count.items(7);
    usleep(100000);
    return 0;
}
