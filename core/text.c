#include "core/text.h"

#include <math.h>
#include <stdio.h>
#include <string.h>

/* Length of the valid UTF-8 sequence at `p` (at most `n` bytes), 0 when it is invalid; *code gets the code point. */
static size_t utf8_sequence(const unsigned char *p, size_t n, uint32_t *code)
{
    static const uint32_t least[5] = {0, 0, 0x80, 0x800, 0x10000};
    size_t length = p[0] < 0x80 ? 1 : (p[0] & 0xe0) == 0xc0 ? 2 : (p[0] & 0xf0) == 0xe0 ? 3 : (p[0] & 0xf8) == 0xf0 ? 4 : 0;
    if (length == 0 || length > n)
        return 0;
    uint32_t c = length == 1 ? p[0] : p[0] & (0xffu >> (length + 1));
    for (size_t i = 1; i < length; i++) {
        if ((p[i] & 0xc0) != 0x80)
            return 0;
        c = c << 6 | (p[i] & 0x3f);
    }
    if (c < least[length] || c > 0x10ffff || (c >= 0xd800 && c <= 0xdfff))
        return 0;
    *code = c;
    return length;
}

/* Code points that steer a terminal or turn the reading direction (Unicode 15, general category Cc and Bidi_Control). */
static int is_unsafe(uint32_t c)
{
    return c < 0x20 || (c >= 0x7f && c < 0xa0) || c == 0x061c || c == 0x200e || c == 0x200f || (c >= 0x2028 && c <= 0x202e) ||
           (c >= 0x2066 && c <= 0x2069) || c == 0xfeff;
}

char *gt_text_escape(char *out, size_t size, const char *text, size_t n)
{
    if (size == 0)
        return out;
    if (!text)
        text = "";
    const unsigned char *p = (const unsigned char *)text;
    size_t left = strnlen(text, n), used = 0;
    while (left > 0) {
        char piece[20];
        uint32_t code = 0;
        size_t take = utf8_sequence(p, left, &code), width = 0;
        if (take > 0 && !is_unsafe(code) && code != '\\') {
            memcpy(piece, p, take);
            width = take;
        } else if (take > 0 && code == '\\') {
            memcpy(piece, "\\\\", 2);
            width = 2;
        } else {
            take = take ? take : 1;
            for (size_t i = 0; i < take; i++)
                width += (size_t)snprintf(piece + width, sizeof piece - width, "\\x%02x", p[i]);
        }
        if (used + width >= size)
            break;
        memcpy(out + used, piece, width);
        used += width;
        p += take;
        left -= take;
    }
    out[used] = '\0';
    return out;
}

struct scale {
    double factor;
    const char *unit;
};

/* Three significant digits of value/factor, for the largest factor that leaves at least 1 (rounded). Rows descend. */
static char *scaled(char *out, size_t size, double value, const struct scale *rows, size_t n)
{
    if (!isfinite(value)) {
        snprintf(out, size, "%s", isnan(value) ? "unknown" : value > 0 ? "unbounded" : "-unbounded");
        return out;
    }
    size_t i = 0;
    while (i + 1 < n && fabs(value) < rows[i].factor * 0.9995)
        i++;
    double v = value / rows[i].factor;
    int digits = fabs(v) >= 99.95 ? 0 : fabs(v) >= 9.995 ? 1 : 2;
    if (value == 0)
        digits = 0;
    snprintf(out, size, "%.*f%s%s", digits, v, *rows[i].unit ? " " : "", rows[i].unit);
    return out;
}

#define SCALED(rows) scaled(out, size, value, (rows), sizeof(rows) / sizeof *(rows))

char *gt_text_energy_uj(char *out, size_t size, double value)
{
    static const struct scale rows[] = {{1e12, "MJ"}, {1e9, "kJ"}, {1e6, "J"}, {1e3, "mJ"}, {1, "µJ"}, {1e-3, "nJ"}};
    return SCALED(rows);
}

char *gt_text_time_ns(char *out, size_t size, double value)
{
    static const struct scale rows[] = {{1e9, "s"}, {1e6, "ms"}, {1e3, "µs"}, {1, "ns"}};
    return SCALED(rows);
}

char *gt_text_count(char *out, size_t size, double value)
{
    static const struct scale rows[] = {{1e12, "T"}, {1e9, "G"}, {1e6, "M"}, {1e3, "k"}, {1, ""}};
    if (fabs(value) < 1000 && value == floor(value)) {
        snprintf(out, size, "%.0f", value);
        return out;
    }
    return SCALED(rows);
}

char *gt_text_bytes(char *out, size_t size, uint64_t bytes)
{
    static const struct scale rows[] = {
        {1099511627776.0, "TiB"}, {1073741824.0, "GiB"}, {1048576.0, "MiB"}, {1024.0, "KiB"}, {1, "B"}};
    double value = (double)bytes;
    if (bytes < 1024) {
        snprintf(out, size, "%u B", (unsigned)bytes);
        return out;
    }
    return SCALED(rows);
}

char *gt_text_hex(char *out, const void *bytes, size_t n)
{
    static const char digits[] = "0123456789abcdef";
    const unsigned char *p = bytes;
    for (size_t i = 0; i < n; i++) {
        out[2 * i] = digits[p[i] >> 4];
        out[2 * i + 1] = digits[p[i] & 15];
    }
    out[2 * n] = '\0';
    return out;
}

static int hex_digit(char c)
{
    if (c >= '0' && c <= '9')
        return c - '0';
    if (c >= 'a' && c <= 'f')
        return c - 'a' + 10;
    if (c >= 'A' && c <= 'F')
        return c - 'A' + 10;
    return -1;
}

int gt_text_unhex(void *bytes, size_t n, const char *text)
{
    unsigned char *p = bytes;
    for (size_t i = 0; i < n; i++) {
        int high = hex_digit(text[2 * i]);
        int low = high < 0 ? -1 : hex_digit(text[2 * i + 1]);
        if (low < 0)
            return -1;
        p[i] = (unsigned char)(high << 4 | low);
    }
    return text[2 * n] == '\0' ? 0 : -1;
}

size_t gt_text_columns(const char *text)
{
    size_t columns = 0;
    for (const unsigned char *p = (const unsigned char *)text; *p; p++)
        columns += (*p & 0xc0) != 0x80 && !(p[0] == 0xcc || (p[0] == 0xcd && p[1] < 0xb0));
    return columns;
}
