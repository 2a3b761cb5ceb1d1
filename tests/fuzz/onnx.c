/*
 * Fuzz target: any bytes through the ONNX reader, shape inference, the writer, and the reader again.
 *
 * Whatever the reader accepts and the writer can say must be readable, and say the same. Nothing may crash, leak or hang.
 *   clang -fsanitize=fuzzer,address,undefined -I. -I$O/gen tests/fuzz/onnx.c runtime/{graph,shape,escape,onnx_*}.c ...
 * tests/unit/runtime_onnx_hostile.c runs it over a few thousand mutations with a fixed seed.
 */
#include "runtime/graph.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static enum gtcnn_status fuzz_read(const uint8_t *data, size_t size, struct gtcnn_graph **graph, struct gtcnn_err *err)
{
    int fd = memfd_create("fuzz", MFD_CLOEXEC);
    if (fd < 0 || write(fd, data, size) != (ssize_t)size)
        abort();
    enum gtcnn_status status = gtcnn_onnx_read_fd(fd, -1, NULL, graph, err);
    close(fd);
    return status;
}

static void fuzz_require(int holds, const char *what, const struct gtcnn_err *err)
{
    if (holds)
        return;
    fprintf(stderr, "%s: %s\n", what, err->text);
    abort();
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct gtcnn_graph *graph = NULL, *again = NULL;
    struct gtcnn_err err = {0};
    uint8_t *bytes = NULL, *same = NULL;
    size_t n = 0, m = 0;
    enum gtcnn_status status = fuzz_read(data, size, &graph, &err);
    fuzz_require(!status || (err.status == status && err.text[0]), "an error without a text", &err);
    if (!status && gtcnn_onnx_encode(graph, &bytes, &n, &err) == GTCNN_OK) {
        fuzz_require(fuzz_read(bytes, n, &again, &err) == GTCNN_OK, "what was written is refused", &err);
        fuzz_require(gtcnn_onnx_encode(again, &same, &m, &err) == GTCNN_OK, "what was read again cannot be written", &err);
        fuzz_require(n == m && memcmp(bytes, same, n) == 0, "written twice, the bytes differ", &err);
    }
    free(bytes);
    free(same);
    gtcnn_graph_free(graph);
    gtcnn_graph_free(again);
    return 0;
}
