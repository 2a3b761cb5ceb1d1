/*
 * NumPy files for the tests of gtcnn, written and read by nobody's code but this.
 *
 *   npyfile write FILE BYTEORDER SHAPE SEED     BYTEORDER < or >, SHAPE "5, 1, 14, 14"; small fp32 numbers that a formula gives
 *   npyfile near A B                            says so when headers differ, or values by more than rounding
 *   npyfile look FILE                           how many values, whether they are finite, whether most differ
 */
#include <math.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { HEADER = 128, VALUES_MAX = 1 << 20 };

static size_t count(const char *shape)
{
    size_t n = 1;
    for (char *end; *shape; shape = end + strspn(end, ", "))
        n *= strtoul(shape, &end, 10);
    return n;
}

static int write_array(const char *path, char order, const char *shape, unsigned seed)
{
    FILE *f = fopen(path, "wb");
    char header[HEADER];
    if (!f)
        return 1;
    memset(header, ' ', sizeof header);
    memcpy(header, "\x93NUMPY\x01\x00\x76\x00", 10);
    int used =
        snprintf(header + 10, sizeof header - 10, "{'descr': '%cf4', 'fortran_order': False, 'shape': (%s), }", order, shape);
    header[10 + used] = ' ';
    header[HEADER - 1] = '\n';
    fwrite(header, 1, sizeof header, f);
    for (size_t i = 0, n = count(shape); i < n; i++) {
        float value = (float)((double)((i * 7919 + seed * 104729) % 509) / 127 - 2);
        uint32_t bits;
        memcpy(&bits, &value, sizeof bits);
        bits = order == '>' ? __builtin_bswap32(bits) : bits;
        fwrite(&bits, sizeof bits, 1, f);
    }
    return fclose(f) != 0;
}

struct array {
    char header[HEADER];
    float values[VALUES_MAX];
    size_t n;
};

static void read_array(const char *path, struct array *a)
{
    FILE *f = fopen(path, "rb");
    a->n = f && fread(a->header, 1, HEADER, f) == HEADER ? fread(a->values, sizeof *a->values, VALUES_MAX, f) : 0;
    if (f)
        fclose(f);
}

static int near(const char *first, const char *second)
{
    static struct array a, b;
    read_array(first, &a);
    read_array(second, &b);
    int differ = a.n == 0 || a.n != b.n || memcmp(a.header, b.header, HEADER) != 0;
    for (size_t i = 0; i < a.n && !differ; i++)
        differ = !(fabsf(a.values[i] - b.values[i]) <= 1e-5f * (1 + fabsf(a.values[i])));
    if (differ)
        printf("%s %s differ\n", first, second);
    return differ;
}

static int look(const char *path)
{
    static struct array a;
    size_t different = 0, finite = 0;
    read_array(path, &a);
    for (size_t i = 0; i < a.n; i++) {
        size_t same = 0;
        while (same < i && a.values[same] != a.values[i])
            same++;
        different += same == i;
        finite += isfinite(a.values[i]) != 0;
    }
    printf("%zu %s %s\n", a.n, finite == a.n ? "finite" : "not finite", 5 * different > 4 * a.n ? "different" : "equal");
    return 0;
}

int main(int argc, char *argv[])
{
    if (argc == 6 && strcmp(argv[1], "write") == 0)
        return write_array(argv[2], *argv[3], argv[4], (unsigned)strtoul(argv[5], NULL, 10));
    if (argc == 4 && strcmp(argv[1], "near") == 0)
        return near(argv[2], argv[3]);
    if (argc == 3 && strcmp(argv[1], "look") == 0)
        return look(argv[2]);
    return 2;
}
