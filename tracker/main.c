#include "tracker/tracker.h"

#include <stdio.h>

int main(int argc, char **argv)
{
    return gt_tracker_main(argc, argv, stdout, stderr);
}
