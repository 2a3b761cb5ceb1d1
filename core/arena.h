/*
 * An arena: memory that lives as long as one command or one request and is freed at once.
 *
 * Life cycle: zero-initialise `struct gt_arena`, allocate from it, gt_arena_free. All pointers handed out are
 * borrowed from the arena. One arena belongs to one thread at a time.
 */
#ifndef GT_CORE_ARENA_H
#define GT_CORE_ARENA_H

#include <stdarg.h>
#include <stddef.h>

struct gt_arena_block;

struct gt_arena {
    struct gt_arena_block *head; /* owned */
};

/* `count` zeroed objects of `size` bytes, aligned for any type. NULL when memory is out or the product overflows. */
void *gt_arena_alloc(struct gt_arena *arena, size_t count, size_t size);

/* A copy of the string, or of its first `n` bytes, terminated. NULL when memory is out or `text` is NULL. */
char *gt_arena_strdup(struct gt_arena *arena, const char *text);
char *gt_arena_strndup(struct gt_arena *arena, const char *text, size_t n);

/* A formatted string. NULL when memory is out. */
char *gt_arena_printf(struct gt_arena *arena, const char *format, ...) __attribute__((format(printf, 2, 3)));

/* Frees everything; the arena may be used again. */
void gt_arena_free(struct gt_arena *arena);

#endif
