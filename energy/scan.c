#include "energy/scan.h"

#include <string.h>

bool gt_scan_append(char *out, size_t size, const char *text)
{
    size_t used = strlen(out), n = strlen(text);
    bool fits = n < size - used;
    gt_scan_copy(out + used, size - used, text, n);
    return fits;
}

bool gt_scan_append_u64(char *out, size_t size, uint64_t value)
{
    char digits[24];
    size_t at = sizeof digits;
    digits[--at] = '\0';
    do {
        digits[--at] = (char)('0' + value % 10);
        value /= 10;
    } while (value);
    return gt_scan_append(out, size, digits + at);
}

char *gt_scan_copy(char *out, size_t size, const char *text, size_t n)
{
    if (n >= size)
        n = size - 1;
    memcpy(out, text, n);
    out[n] = '\0';
    return out;
}

static bool is_digit(char c)
{
    return c >= '0' && c <= '9';
}

bool gt_scan_u64(const char **at, uint64_t *value)
{
    const char *p = *at;
    uint64_t v = 0;
    for (; is_digit(*p); p++)
        if (__builtin_mul_overflow(v, 10u, &v) || __builtin_add_overflow(v, (uint64_t)(*p - '0'), &v))
            return false;
    if (p == *at)
        return false;
    *at = p;
    *value = v;
    return true;
}

/* By hand: libm's pow and strtod's locale are both unwanted here. Exponents are small, so that the loop is exact enough. */
static double power_of_ten(double value, int exponent)
{
    for (; exponent > 0; exponent--)
        value *= 10;
    double divisor = 1;
    for (; exponent < 0; exponent++)
        divisor *= 10;
    return value / divisor;
}

static bool scan_exponent(const char **at, int *exponent)
{
    const char *p = *at;
    if (*p != 'e' && *p != 'E')
        return true;
    p++;
    bool negative = *p == '-';
    if (*p == '-' || *p == '+')
        p++;
    uint64_t e;
    if (!gt_scan_u64(&p, &e) || e > 300)
        return false;
    *exponent += negative ? -(int)e : (int)e;
    *at = p;
    return true;
}

bool gt_scan_f64(const char **at, double *value)
{
    const char *p = *at;
    double v = 0;
    int digits = 0, exponent = 0;
    for (; is_digit(*p); p++, digits++)
        v = v * 10 + (*p - '0');
    if (*p == '.')
        for (p++; is_digit(*p); p++, digits++, exponent--)
            v = v * 10 + (*p - '0');
    if (digits == 0 || digits > 40 || !scan_exponent(&p, &exponent))
        return false;
    *at = p;
    *value = power_of_ten(v, exponent);
    return true;
}

void gt_scan_blanks(const char **at)
{
    while (**at == ' ' || **at == '\t')
        (*at)++;
}

/* The value behind "key :" on the line at `line`, or NULL. */
static const char *line_value(const char *line, const char *key, size_t length)
{
    if (strncmp(line, key, length) != 0)
        return NULL;
    line += length;
    gt_scan_blanks(&line);
    if (*line != ':')
        return NULL;
    line++;
    gt_scan_blanks(&line);
    return line;
}

bool gt_scan_value(const char *text, const char *key, char *out, size_t size)
{
    size_t length = strlen(key);
    out[0] = '\0';
    while (text) {
        const char *value = line_value(text, key, length);
        if (value) {
            size_t n = strcspn(value, "\n");
            while (n > 0 && (value[n - 1] == ' ' || value[n - 1] == '\t' || value[n - 1] == '\r'))
                n--;
            gt_scan_copy(out, size, value, n);
            return true;
        }
        text = strchr(text, '\n');
        if (text)
            text++;
    }
    return false;
}
