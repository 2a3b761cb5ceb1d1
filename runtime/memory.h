/*
 * Big pieces of memory for weights and activations. Internal to the library.
 *
 * Handing out memory, page by page, is most of what the kernel does while a model is opened. So what is big is mapped: nothing
 * is cleared that is zero already, pages come many at a time, and what is given back goes back to the system at once. Huge
 * pages are not asked for: in a virtual machine they are those that its host has taken back, and come five times slower.
 */
#ifndef GTCNN_MEMORY_H
#define GTCNN_MEMORY_H

#include <stdbool.h>
#include <stddef.h>

/* A sanitizer sees who writes beside a piece only if it has been allocated by itself, not cut from a bigger one. */
#if defined(__SANITIZE_ADDRESS__)
#define GTCNN_MEMORY_PIECES 1
#elif defined(__has_feature)
#if __has_feature(address_sanitizer)
#define GTCNN_MEMORY_PIECES 1
#endif
#endif
#ifndef GTCNN_MEMORY_PIECES
#define GTCNN_MEMORY_PIECES 0
#endif

struct gtcnn_memory {
    void *at;      /* 64-byte aligned; NULL: nothing */
    size_t bytes;  /* at least what was asked for */
    size_t mapped; /* of these, by mmap(2): all, or 0 */
};

/* `bytes` zeroed bytes (0: some). False when memory is out; *memory is empty then. */
bool gtcnn_memory_new(struct gtcnn_memory *memory, size_t bytes);
/* Empties *memory; it may be empty already. */
void gtcnn_memory_free(struct gtcnn_memory *memory);

/* Pieces cut from big ones, which are freed together. All zeros: empty. */
struct gtcnn_arena {
    struct gtcnn_memory *blocks; /* owned; each twice as big as all before it, within bounds */
    unsigned count, room;
    size_t used, total; /* of the last block; reserved in all blocks */
};

/* `bytes` zeroed bytes, 64-byte aligned; NULL when memory is out. */
void *gtcnn_arena_take(struct gtcnn_arena *arena, size_t bytes);
void gtcnn_arena_free(struct gtcnn_arena *arena);

#endif
