#include "tracker/suggest.h"

#include <string.h>

enum { LONGEST = 63 };

static unsigned least(unsigned a, unsigned b)
{
    return a < b ? a : b;
}

unsigned gt_suggest_distance(const char *a, const char *b)
{
    unsigned rows[3][LONGEST + 1];
    size_t n = strnlen(a, LONGEST), m = strnlen(b, LONGEST);
    for (size_t j = 0; j <= m; j++)
        rows[0][j] = (unsigned)j;
    for (size_t i = 1; i <= n; i++) {
        unsigned *now = rows[i % 3], *before = rows[(i + 2) % 3], *earlier = rows[(i + 1) % 3];
        now[0] = (unsigned)i;
        for (size_t j = 1; j <= m; j++) {
            now[j] = least(least(before[j], now[j - 1]) + 1, before[j - 1] + (a[i - 1] != b[j - 1]));
            if (i > 1 && j > 1 && a[i - 1] == b[j - 2] && a[i - 2] == b[j - 1])
                now[j] = least(now[j], earlier[j - 2] + 1);
        }
    }
    return rows[n % 3][m];
}

void gt_suggest_offer(struct gt_suggestion *suggestion, const char *word, const char *candidate)
{
    size_t length = strlen(word);
    unsigned limit = length / 3 > 2 ? (unsigned)(length / 3) : 2;
    unsigned distance = gt_suggest_distance(word, candidate);
    if (strncmp(candidate, word, length) == 0 && length >= 2)
        distance = 1; /* a beginning of it: nearer than any misspelling */
    if (distance > limit || distance >= strlen(candidate))
        return;
    if (!suggestion->best || distance < suggestion->distance) {
        suggestion->best = candidate;
        suggestion->distance = distance;
    }
}
