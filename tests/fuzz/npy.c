/* Fuzz target: a .npy file in memory. */
#include "runtime/cli/npy.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct gtcnn_npy array;
    struct gtcnn_err err = {0};
    if (gtcnn_npy_parse(data, size, &array, &err) == GTCNN_OK)
        gtcnn_npy_free(&array);
    return 0;
}
