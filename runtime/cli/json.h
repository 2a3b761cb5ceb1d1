/* The few pieces of JSON (RFC 8259) that the command writes. */
#ifndef GTCNN_CLI_JSON_H
#define GTCNN_CLI_JSON_H

#include "runtime/gtcnn.h"

#include <stdio.h>

/* A quoted string; NULL becomes null, bytes that are no UTF-8 become U+FFFD. */
void gtcnn_json_string(FILE *f, const char *text);
/* A quoted string of lower-case hexadecimal digits. */
void gtcnn_json_hex(FILE *f, const uint8_t *bytes, size_t n);
/* "[1, 3, 224, 224]". */
void gtcnn_json_shape(FILE *f, const struct gtcnn_shape *shape);

#endif
