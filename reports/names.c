#include "reports/names.h"

#include <string.h>

const char *gt_report_short_name(const char *name)
{
    const char *slash = name ? strrchr(name, '/') : NULL;
    return !name ? "model" : slash && slash[1] ? slash + 1 : name;
}

const char *gt_report_both(struct gt_arena *arena, const char *a, const char *b)
{
    if (!a || !b || strcmp(a, b) == 0)
        return a ? a : b;
    return gt_arena_printf(arena, "%s, %s", a, b);
}

const char *gt_report_missing_model(const struct gt_report *report, bool energy)
{
    const char *first = NULL;
    for (size_t i = 0; i < report->row_count; i++) {
        const struct gt_report_row *row = &report->rows[i];
        if (!row->macs_known || (energy ? row->energy.known : row->accuracy.known || row->accuracy.elsewhere))
            continue;
        if (row->selected)
            return row->name;
        first = first ? first : row->name;
    }
    return first;
}

const char *gt_report_shell_word(struct gt_arena *arena, const char *word)
{
    static const char plain[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789_./:+,@%-";
    if (!word || (*word && word[strspn(word, plain)] == '\0'))
        return word;
    const char *out = "'";
    for (const char *at = word; out && *at;) {
        size_t n = strcspn(at, "'");
        out = gt_arena_printf(arena, "%s%.*s%s", out, (int)n, at, at[n] ? "'\\''" : "");
        at += n + (at[n] != '\0');
    }
    return out ? gt_arena_printf(arena, "%s'", out) : word;
}
