/* Regions and items by greentrack.h; the same with nothing preloaded. */
#include "plugin/greentrack.h"

#include <stdio.h>
#include <unistd.h>

int main(void)
{
    for (int i = 0; i < 10; i++) {
        greentrack_region_begin("outer work");
        greentrack_region_begin("inner");
        usleep(1000);
        greentrack_region_end("inner");
        greentrack_region_end("outer work");
        greentrack_items(4);
    }
    greentrack_region_end("never begun");
    printf("done\n");
    return 0;
}
