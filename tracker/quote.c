#include "tracker/quote.h"

#include <string.h>

/* Characters that no shell takes for anything but themselves, anywhere in a word. */
#define PLAIN "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789_-./:,+@%="

static size_t quoted_length(const char *word)
{
    size_t length = 3;
    for (; *word; word++)
        length += *word == '\'' ? 4 : 1;
    return length;
}

/* An assignment in front of a command would change its meaning, hence no plain = in the first word. */
static char *append(char *at, const char *word, int first)
{
    size_t n = strlen(word);
    if (n > 0 && word[strspn(word, PLAIN)] == '\0' && !(first && strchr(word, '=')))
        return (char *)memcpy(at, word, n) + n;
    *at++ = '\'';
    for (; *word; word++) {
        if (*word == '\'') {
            memcpy(at, "'\\''", 4);
            at += 4;
        } else {
            *at++ = *word;
        }
    }
    *at++ = '\'';
    return at;
}

char *gt_quote_command(struct gt_arena *arena, char *const *argv)
{
    size_t length = 1;
    for (char *const *word = argv; *word; word++)
        length += quoted_length(*word);
    char *text = gt_arena_alloc(arena, length, 1), *at = text;
    if (!text)
        return NULL;
    for (char *const *word = argv; *word; word++) {
        if (word != argv)
            *at++ = ' ';
        at = append(at, *word, word == argv);
    }
    *at = '\0';
    return text;
}
