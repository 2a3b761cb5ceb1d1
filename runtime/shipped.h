/*
 * The trained models that come along: ONNX files of models/, built into the library by runtime/embed. Internal. Read-only.
 */
#ifndef GTCNN_SHIPPED_H
#define GTCNN_SHIPPED_H

#include <stddef.h>
#include <stdint.h>

struct gtcnn_shipped {
    const char *name; /* "fashion/b0" */
    const uint8_t *bytes;
    size_t n;
};

extern const struct gtcnn_shipped GTCNN_SHIPPED[]; /* name NULL behind the last */

#endif
