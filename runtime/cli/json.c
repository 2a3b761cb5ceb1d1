#include "runtime/cli/json.h"
#include "runtime/escape.h"

#include <string.h>

void gtcnn_json_string(FILE *f, const char *text)
{
    if (!text) {
        fputs("null", f);
        return;
    }
    const unsigned char *p = (const unsigned char *)text;
    size_t left = strlen(text);
    fputc('"', f);
    while (left > 0) {
        uint32_t code;
        size_t n = gtcnn_utf8_length(p, left, &code);
        if (n == 0)
            fputs("\\ufffd", f);
        else if (code < 0x20 || code == 0x7f)
            fprintf(f, "\\u%04x", code);
        else
            fprintf(f, "%s%.*s", code == '"' || code == '\\' ? "\\" : "", (int)n, p);
        n = n ? n : 1;
        p += n;
        left -= n;
    }
    fputc('"', f);
}

void gtcnn_json_hex(FILE *f, const uint8_t *bytes, size_t n)
{
    fputc('"', f);
    for (size_t i = 0; i < n; i++)
        fprintf(f, "%02x", bytes[i]);
    fputc('"', f);
}

void gtcnn_json_shape(FILE *f, const struct gtcnn_shape *shape)
{
    fputc('[', f);
    for (uint32_t i = 0; i < shape->rank; i++)
        fprintf(f, "%s%lld", i ? ", " : "", (long long)shape->dim[i]);
    fputc(']', f);
}
