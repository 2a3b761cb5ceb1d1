/*
 * Files of a model, opened and read without trusting them. Internal to the ONNX reader.
 *
 * Nothing is mapped and nothing blocks: a FIFO does not hang the caller, a device is refused, a file that shrinks is an error.
 */
#ifndef GTCNN_ONNX_IO_H
#define GTCNN_ONNX_IO_H

#include <stddef.h>
#include <stdint.h>

/* Opens a regular file for reading. -1 with errno set: EISDIR for a directory, EINVAL for anything else that is no file. */
int gtcnn_io_open(const char *path, uint64_t *size);

/*
 * Opens `location`, a relative path of an external tensor, below the open folder: no absolute path, no "..", no symbolic link
 * in any component, regular files only. openat2(2) where the kernel has it, else component by component. -1 with errno set:
 * ELOOP a link, EXDEV a path that leaves the folder, EINVAL or EISDIR not a regular file.
 */
int gtcnn_io_open_beneath(int folder, const char *location, uint64_t *size);

/* What a model is read from: an open file, or memory (fd is not looked at then). Borrows both. */
struct gtcnn_source {
    int fd;
    const uint8_t *bytes; /* NULL: the file */
    uint64_t size;
};

/* Reads exactly n bytes at offset. 0, or -1 with errno set; EIO when the source ends before. */
int gtcnn_io_read(const struct gtcnn_source *from, void *out, size_t n, uint64_t offset);

#endif
