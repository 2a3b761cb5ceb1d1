/*
 * Fuzz target: any bytes through the ONNX reader, shape inference, the writer, and the reader again.
 *
 * Whatever the reader accepts and the writer can say must be readable, and say the same; and with its weights left in the file
 * it must be accepted too, and hold the same. Nothing may crash, leak or hang.
 *   clang -fsanitize=fuzzer,address,undefined -I. -I$O/gen tests/fuzz/onnx.c runtime/{graph,shape,escape,digest,onnx_*}.c ...
 * tests/unit/runtime_onnx_hostile.c runs it over a few thousand mutations with a fixed seed.
 */
#include "runtime/graph.h"
#include "runtime/store.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void fuzz_require(int holds, const char *what, const struct gtcnn_err *err)
{
    if (holds)
        return;
    fprintf(stderr, "%s: %s\n", what, err->text);
    abort();
}

/* The same file, its weights left in it. */
static void fuzz_open(int fd, const struct gtcnn_graph *graph)
{
    char path[64];
    uint8_t digest[GTCNN_DIGEST_BYTES];
    struct gtcnn_graph *lean = NULL;
    struct gtcnn_err err = {0};
    snprintf(path, sizeof path, "/proc/self/fd/%d", fd);
    fuzz_require(gtcnn_onnx_open(path, &lean, &err) == GTCNN_OK, "what was read cannot be opened", &err);
    for (uint32_t t = 0; t < lean->tensor_count; t++) {
        const struct gtcnn_tensor *tensor = &lean->tensors[t], *whole = &graph->tensors[t];
        size_t bytes = (size_t)gtcnn_shape_count(&tensor->shape) * sizeof(float);
        float *elements = tensor->place.type ? malloc(bytes) : NULL;
        fuzz_require(gtcnn_tensor_is_constant(tensor) == gtcnn_tensor_is_constant(whole), "no longer a constant", &err);
        if (!elements)
            continue;
        fuzz_require(gtcnn_store_load(lean->store, tensor, elements, &err) == GTCNN_OK, "weights cannot be read", &err);
        fuzz_require(memcmp(elements, whole->data, bytes) == 0, "weights differ", &err);
        free(elements);
    }
    fuzz_require(gtcnn_store_end_digest(lean->store, digest, &err) == GTCNN_OK, "no digest", &err);
    fuzz_require(memcmp(digest, graph->digest, sizeof digest) == 0, "the digest differs", &err);
    gtcnn_graph_free(lean);
}

static enum gtcnn_status fuzz_read(const uint8_t *data, size_t size, struct gtcnn_graph **graph, struct gtcnn_err *err)
{
    int fd = memfd_create("fuzz", MFD_CLOEXEC);
    if (fd < 0 || write(fd, data, size) != (ssize_t)size)
        abort();
    enum gtcnn_status status = gtcnn_onnx_read_fd(fd, -1, NULL, graph, err);
    if (!status)
        fuzz_open(fd, *graph);
    close(fd);
    return status;
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
