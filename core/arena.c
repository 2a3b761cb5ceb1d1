#include "core/arena.h"

#include <stdalign.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { BLOCK_BYTES = 64 * 1024 };

struct gt_arena_block {
    struct gt_arena_block *next;
    size_t used, size; /* bytes of `data` */
    alignas(max_align_t) unsigned char data[];
};

static struct gt_arena_block *add_block(struct gt_arena *arena, size_t bytes)
{
    size_t size = bytes > BLOCK_BYTES ? bytes : BLOCK_BYTES;
    struct gt_arena_block *block = calloc(1, sizeof *block + size);
    if (!block)
        return NULL;
    block->size = size;
    block->next = arena->head;
    arena->head = block;
    return block;
}

void *gt_arena_alloc(struct gt_arena *arena, size_t count, size_t size)
{
    size_t bytes;
    if (__builtin_mul_overflow(count, size, &bytes) || bytes > SIZE_MAX / 2)
        return NULL;
    bytes = (bytes + alignof(max_align_t) - 1) & ~(alignof(max_align_t) - 1);
    struct gt_arena_block *block = arena->head;
    if (!block || block->size - block->used < bytes)
        block = add_block(arena, bytes);
    if (!block)
        return NULL;
    void *memory = block->data + block->used;
    block->used += bytes;
    return memory;
}

char *gt_arena_strndup(struct gt_arena *arena, const char *text, size_t n)
{
    if (!text)
        return NULL;
    size_t length = strnlen(text, n);
    char *copy = gt_arena_alloc(arena, length + 1, 1);
    if (copy)
        memcpy(copy, text, length);
    return copy;
}

char *gt_arena_strdup(struct gt_arena *arena, const char *text)
{
    return gt_arena_strndup(arena, text, SIZE_MAX);
}

char *gt_arena_printf(struct gt_arena *arena, const char *format, ...)
{
    va_list args, again;
    va_start(args, format);
    va_copy(again, args);
    int length = vsnprintf(NULL, 0, format, args);
    va_end(args);
    char *text = length < 0 ? NULL : gt_arena_alloc(arena, (size_t)length + 1, 1);
    if (text)
        vsnprintf(text, (size_t)length + 1, format, again);
    va_end(again);
    return text;
}

void gt_arena_free(struct gt_arena *arena)
{
    struct gt_arena_block *block = arena->head;
    while (block) {
        struct gt_arena_block *next = block->next;
        free(block);
        block = next;
    }
    arena->head = NULL;
}
