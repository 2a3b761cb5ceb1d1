/*
 * Writes one JPEG or PNG file for the tests: a gradient with a coloured block whose place depends on the seed.
 *
 *   mkimage FILE KIND WIDTH HEIGHT SEED
 *
 * KIND: jpeg, jpeg-grey, jpeg-progressive, jpeg-planes, jpeg-cmyk, png, png-grey, png-16, png-alpha, png-palette,
 * png-interlaced. In png, png-interlaced, png-alpha and png-16 of one seed the colours are the same.
 */
#include "tests/host/mkimage.h"

#include <stdlib.h>

int main(int argc, char **argv)
{
    if (argc != 6) {
        fputs("usage: mkimage FILE KIND WIDTH HEIGHT SEED\n", stderr);
        return 2;
    }
    size_t n;
    uint8_t *bytes = mkimage(argv[2], (unsigned)atoi(argv[3]), (unsigned)atoi(argv[4]), (unsigned)atoi(argv[5]), &n);
    FILE *file = bytes ? fopen(argv[1], "we") : NULL;
    int failed = !file || fwrite(bytes, 1, n, file) != n;
    if (file && fclose(file) != 0)
        failed = 1;
    free(bytes);
    if (failed)
        fprintf(stderr, "mkimage: cannot make %s\n", argv[1]);
    return failed;
}
