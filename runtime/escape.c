#include "runtime/escape.h"

#include <stdbool.h>
#include <stdio.h>
#include <string.h>

size_t gtcnn_utf8_length(const unsigned char *p, size_t n, uint32_t *code)
{
    static const uint32_t least[5] = {0, 0, 0x80, 0x800, 0x10000};
    if (n == 0)
        return 0;
    size_t length = p[0] < 0x80 ? 1 : p[0] < 0xc0 ? 0 : p[0] < 0xe0 ? 2 : p[0] < 0xf0 ? 3 : p[0] < 0xf8 ? 4 : 0;
    if (length == 0 || length > n)
        return 0;
    uint32_t value = length == 1 ? p[0] : p[0] & (0x7fu >> length);
    for (size_t i = 1; i < length; i++) {
        if ((p[i] & 0xc0) != 0x80)
            return 0;
        value = value << 6 | (p[i] & 0x3f);
    }
    if (value < least[length] || value > 0x10ffff || (value >= 0xd800 && value < 0xe000))
        return 0;
    *code = value;
    return length;
}

/* Inclusive ranges that steer a terminal, break the line, or turn the reading direction (Unicode 15: Cc, Zl, Zp, Bidi_Control).
 */
static bool steers(uint32_t code)
{
    static const uint32_t ranges[][2] = {{0x00, 0x1f},     {0x7f, 0x9f},     {0x61c, 0x61c},  {0x200e, 0x200f},
                                         {0x2028, 0x202e}, {0x2066, 0x2069}, {0xfeff, 0xfeff}};
    for (size_t i = 0; i < sizeof ranges / sizeof *ranges; i++)
        if (code >= ranges[i][0] && code <= ranges[i][1])
            return true;
    return false;
}

/* One character at `p` as it is to be shown; *taken bytes were read. Returns the width of `piece`. */
static size_t show(char piece[20], const unsigned char *p, size_t n, size_t *taken)
{
    uint32_t code = 0;
    size_t length = gtcnn_utf8_length(p, n, &code);
    *taken = length ? length : 1;
    if (length && code == '\\') {
        memcpy(piece, "\\\\", 2);
        return 2;
    }
    if (length && !steers(code)) {
        memcpy(piece, p, length);
        return length;
    }
    size_t width = 0;
    for (size_t i = 0; i < *taken; i++)
        width += (size_t)snprintf(piece + width, 20 - width, "\\x%02x", p[i]);
    return width;
}

char *gtcnn_escape(char *out, size_t size, const char *text, size_t n)
{
    if (size == 0)
        return out;
    const unsigned char *p = (const unsigned char *)(text ? text : "");
    size_t left = strnlen((const char *)p, n), used = 0, room_for_dots = 0;
    while (left > 0) {
        char piece[20];
        size_t taken, width = show(piece, p, left, &taken);
        if (used + width >= size)
            break;
        memcpy(out + used, piece, width);
        used += width;
        p += taken;
        left -= taken;
        if (used + 3 < size)
            room_for_dots = used;
    }
    out[used] = '\0';
    if (left > 0 && size > 3)
        memcpy(out + room_for_dots, "...", 4);
    return out;
}
