#include "runtime/memory.h"

#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>

#ifndef MADV_POPULATE_WRITE
#define MADV_POPULATE_WRITE 23 /* Linux 5.14; the C library's headers are younger */
#endif

enum {
    LINE = 64,
    PAGE = 4096,
    MAPPED_FROM = 256 << 10,   /* below that the allocator has it faster */
    POPULATED_FROM = 64 << 10, /* below that a system call gains nothing */
    LEAST_BLOCK = 64 << 10,
    MOST_BLOCK = 16 << 20
};

/* All pages in one call instead of a fault for each, a fifth cheaper. Where the kernel cannot, they come one by one. */
static void populate(void *at, size_t bytes)
{
    uintptr_t begin = (uintptr_t)at / PAGE * PAGE, end = ((uintptr_t)at + bytes + PAGE - 1) / PAGE * PAGE;
    if (bytes >= POPULATED_FROM)
        (void)madvise((void *)begin, end - begin, MADV_POPULATE_WRITE);
}

static void *map(size_t bytes)
{
    void *at = mmap(NULL, bytes, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    return at == MAP_FAILED ? NULL : at;
}

static bool reserve(struct gtcnn_memory *memory, size_t bytes)
{
    *memory = (struct gtcnn_memory){0};
    if (bytes > SIZE_MAX / 2)
        return false;
    bytes = (bytes / LINE + 1) * LINE;
    if (bytes >= MAPPED_FROM)
        bytes = (bytes + PAGE - 1) / PAGE * PAGE;
    bool mapped = bytes >= MAPPED_FROM && !GTCNN_MEMORY_PIECES;
    void *at = mapped ? map(bytes) : aligned_alloc(LINE, bytes);
    if (!at)
        return false;
    if (!mapped)
        memset(at, 0, bytes);
    *memory = (struct gtcnn_memory){at, bytes, mapped ? bytes : 0};
    return true;
}

bool gtcnn_memory_new(struct gtcnn_memory *memory, size_t bytes)
{
    if (!reserve(memory, bytes))
        return false;
    if (memory->mapped)
        populate(memory->at, memory->bytes);
    return true;
}

void gtcnn_memory_free(struct gtcnn_memory *memory)
{
    if (memory->mapped)
        munmap(memory->at, memory->mapped);
    else
        free(memory->at);
    *memory = (struct gtcnn_memory){0};
}

static size_t size_of_block(const struct gtcnn_arena *arena, size_t bytes)
{
    size_t wish = arena->total < LEAST_BLOCK ? LEAST_BLOCK : arena->total > MOST_BLOCK ? MOST_BLOCK : arena->total;
    return GTCNN_MEMORY_PIECES || bytes > wish ? bytes : wish;
}

static bool add_block(struct gtcnn_arena *arena, size_t bytes)
{
    if (arena->count == arena->room) {
        unsigned room = arena->room ? 2 * arena->room : 16;
        void *grown = reallocarray(arena->blocks, room, sizeof *arena->blocks);
        if (!grown)
            return false;
        arena->blocks = grown;
        arena->room = room;
    }
    size_t size = size_of_block(arena, bytes);
    if (!reserve(&arena->blocks[arena->count], size))
        return false;
    arena->count++;
    arena->used = 0;
    arena->total += size;
    return true;
}

void *gtcnn_arena_take(struct gtcnn_arena *arena, size_t bytes)
{
    if (bytes > SIZE_MAX / 4)
        return NULL;
    bytes = (bytes + LINE - 1) / LINE * LINE;
    bool fits = arena->count && !GTCNN_MEMORY_PIECES && arena->blocks[arena->count - 1].bytes - arena->used >= bytes;
    if (!fits && !add_block(arena, bytes))
        return NULL;
    void *at = (char *)arena->blocks[arena->count - 1].at + arena->used;
    arena->used += bytes;
    if (arena->blocks[arena->count - 1].mapped)
        populate(at, bytes);
    return at;
}

void gtcnn_arena_free(struct gtcnn_arena *arena)
{
    for (unsigned i = 0; i < arena->count; i++)
        gtcnn_memory_free(&arena->blocks[i]);
    free(arena->blocks);
    *arena = (struct gtcnn_arena){0};
}
