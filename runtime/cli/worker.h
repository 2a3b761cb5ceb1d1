/* This runtime as a worker of bench --vs: what contrib/peers/peer.py is for others, with one request more. */
#ifndef GTCNN_CLI_WORKER_H
#define GTCNN_CLI_WORKER_H

#include "runtime/cli/options.h"

struct gtcnn_worker {
    const struct gtcnn_cli *cli; /* its batch, threads and flags count; borrowed */
    const char *isa;             /* GTCNN_ISA for this worker; NULL: as it is */
    const char *precision;       /* NULL: the command line's */
};

/*
 * Answers until "quit" or the requests' end; runs in a process of its own. `context`: a struct gtcnn_worker. Returns the exit
 * status. Besides load, run, output and memory it knows "prepare", with a model's name or file and a folder: it writes the
 * input, and a built-in model's file, there, and answers with the ONNX file, the input's shape, the model's name, its MACs, the
 * kernels' instruction set, and where its weights are from.
 */
int gtcnn_worker_serve(void *context, FILE *in, FILE *out);

#endif
