/*
 * The header of a .npy file: a Python dictionary literal with the keys descr, fortran_order and shape, and no others.
 * Pure; thread-safe.
 */
#ifndef GTCNN_CLI_NPY_DICT_H
#define GTCNN_CLI_NPY_DICT_H

#include "runtime/gtcnn.h"

#include <stdbool.h>

struct gtcnn_npy_dict {
    char descr[8]; /* "<f4" */
    bool fortran_order;
    struct gtcnn_shape shape;
};

/* `base`: the header's offset in the file, for error texts. Every key exactly once, in any order. */
enum gtcnn_status gtcnn_npy_dict_parse(const char *text, size_t n, size_t base, struct gtcnn_npy_dict *dict,
                                       struct gtcnn_err *err);

#endif
