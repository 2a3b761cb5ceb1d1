/* region [INFERENCES [MS]]: regions of 1 or MS ms and items by greentrack.h, then as many inferences; the same with nothing
 * preloaded. */
#include "plugin/greentrack.h"
#include "tests/host/common.h"

#include <unistd.h>

static void infer(int times)
{
    struct host_model host;
    host_open(&host, 1);
    host_infer(&host, times);
    host_close(&host);
}

int main(int argc, char **argv)
{
    for (int i = 0; i < 10; i++) {
        greentrack_region_begin("outer work");
        usleep(300); /* its own time */
        greentrack_region_begin("inner");
        usleep(argc > 2 ? (unsigned)atoi(argv[2]) * 1000 : 1000);
        greentrack_region_end("inner");
        greentrack_region_end("outer work");
        greentrack_items(4);
    }
    greentrack_region_end("never begun");
    if (argc > 1)
        infer(atoi(argv[1]));
    printf("done\n");
    return 0;
}
