#include "core/text.h"
#include "reports/render_formats.h"

#include <inttypes.h>
#include <math.h>
#include <string.h>
#include <time.h>

enum { CELL = 64 };

char *gt_format_date(char *out, uint64_t ns, char separator)
{
    struct tm tm;
    time_t seconds = (time_t)(ns / 1000000000);
    if (!gmtime_r(&seconds, &tm))
        memset(&tm, 0, sizeof tm);
    snprintf(out, 32, "%04d-%02d-%02d%c%02d:%02d:%02dZ", (tm.tm_year + 1900) % 10000, tm.tm_mon + 1, tm.tm_mday, separator,
             tm.tm_hour, tm.tm_min, tm.tm_sec);
    return out;
}

/* What greentrack itself writes outside ASCII. */
static const struct fold {
    const char *from, *to;
} folds[] = {{"µ", "u"},  {"φ", "phi"}, {"λ", "lambda"}, {"τ", "tau"}, {"Δ", "d"},  {"…", "..."}, {"–", "-"},
             {"—", "-"},  {"−", "-"},   {"×", "x"},      {"·", "."},   {"≥", ">="}, {"≤", "<="},  {"±", "+-"},
             {"→", "->"}, {"▸", ">"},   {"●", "*"},      {"○", "o"},   {"€", "EUR"}};

static const struct fold *find_fold(const char *p)
{
    for (size_t i = 0; i < sizeof folds / sizeof *folds; i++)
        if (strncmp(p, folds[i].from, strlen(folds[i].from)) == 0)
            return &folds[i];
    return NULL;
}

const char *gt_format_ascii(struct gt_arena *arena, const char *text)
{
    size_t n = 0;
    bool ascii = true;
    for (const char *p = text; *p; p++)
        ascii = ascii && (unsigned char)*p < 0x80;
    char *out = ascii ? NULL : gt_arena_alloc(arena, 6 * strlen(text) + 1, 1);
    if (!out)
        return ascii ? text : NULL;
    for (const char *p = text; *p; p++) {
        const struct fold *fold = find_fold(p);
        if (fold) {
            n += (size_t)sprintf(out + n, "%s", fold->to);
            p += strlen(fold->from) - 1;
        } else if ((unsigned char)*p < 0x80) {
            out[n++] = *p;
        } else {
            n += (size_t)sprintf(out + n, "\\x%02x", (unsigned char)*p);
        }
    }
    return out;
}

const char *gt_format_bar(struct gt_arena *arena, double share, int width, bool ascii)
{
    static const char *const eighths[] = {"", "▏", "▎", "▍", "▌", "▋", "▊", "▉"};
    int units = (int)lround(fmin(1, fmax(0, share)) * width * 8);
    char *out = gt_arena_alloc(arena, (size_t)width * 3 + 4, 1);
    size_t n = 0;
    if (!out)
        return NULL;
    for (int i = 0; i < (ascii ? (units + 4) / 8 : units / 8); i++)
        n += (size_t)sprintf(out + n, "%s", ascii ? "#" : "█");
    if (!ascii)
        sprintf(out + n, "%s", eighths[units % 8]);
    return out;
}

static char *escaped(struct gt_arena *arena, const char *text)
{
    size_t size = 4 * strlen(text) + 1;
    char *out = gt_arena_alloc(arena, size, 1);
    return out ? gt_text_escape(out, size, text, SIZE_MAX) : NULL;
}

static const char *join_texts(struct gt_arena *arena, const struct gt_value *value, const char *separator)
{
    const char *out = "";
    for (size_t i = 0; i < value->count && out; i++)
        out = gt_arena_printf(arena, "%s%s%s", out, i ? separator : "", value->as.texts[i]);
    return out;
}

static const char *join_numbers(struct gt_arena *arena, const struct gt_value *value)
{
    const char *out = "";
    for (size_t i = 0; i < value->count && out; i++)
        out = gt_arena_printf(arena, "%s%s%" PRIu64, out, i ? "x" : "", value->as.u64s[i]);
    return out;
}

/* Any number as double; NaN for what is none. */
static double number_of(const struct gt_value *value)
{
    switch (value->type) {
    case GT_VALUE_U64:
        return (double)value->as.u64;
    case GT_VALUE_I64:
        return (double)value->as.i64;
    case GT_VALUE_F64:
        return value->as.f64;
    default:
        return NAN;
    }
}

static void format_integer(char *out, const struct gt_value *value)
{
    if (value->type == GT_VALUE_U64)
        snprintf(out, CELL, "%" PRIu64, value->as.u64);
    else if (value->type == GT_VALUE_I64)
        snprintf(out, CELL, "%" PRId64, value->as.i64);
    else
        snprintf(out, CELL, "%.0f", value->as.f64);
}

static void format_real(char *out, double number)
{
    snprintf(out, CELL, fabs(number) >= 1e4 && fabs(number) < 1e15 ? "%.0f" : "%.4g", number);
}

static void format_number(char *out, const struct gt_value *value, enum gt_quantity quantity)
{
    static const struct {
        const char *format;
        double factor;
    } simple[] = {[GT_Q_PCT] = {"%.2f %%", 1}, [GT_Q_PP] = {"%+.2f pp", 1}, [GT_Q_SHARE] = {"%.1f %%", 100}};
    double number = number_of(value);
    switch (quantity) {
    case GT_Q_ENERGY_UJ:
    case GT_Q_ENERGY_J:
        gt_text_energy_uj(out, CELL, quantity == GT_Q_ENERGY_J ? number * 1e6 : number);
        break;
    case GT_Q_TIME_NS:
    case GT_Q_TIME_S:
        gt_text_time_ns(out, CELL, quantity == GT_Q_TIME_S ? number * 1e9 : number);
        break;
    case GT_Q_COUNT:
        gt_text_count(out, CELL, number);
        break;
    case GT_Q_BYTES:
        gt_text_bytes(out, CELL, (uint64_t)fmax(0, number));
        break;
    case GT_Q_INTEGER:
        format_integer(out, value);
        break;
    case GT_Q_PCT:
    case GT_Q_PP:
    case GT_Q_SHARE:
        snprintf(out, CELL, simple[quantity].format, number * simple[quantity].factor);
        break;
    case GT_Q_DATE:
        gt_format_date(out, value->as.u64, ' ');
        break;
    default:
        format_real(out, number);
    }
}

static const char *format_raw(struct gt_arena *arena, const struct gt_value *value, enum gt_quantity quantity)
{
    char cell[CELL];
    const char *list;
    if (!gt_value_known(value))
        return "-";
    switch (value->type) {
    case GT_VALUE_TEXT:
        return escaped(arena, value->as.text);
    case GT_VALUE_BOOL:
        return value->as.flag ? "yes" : "no";
    case GT_VALUE_TEXTS:
        list = join_texts(arena, value, ", ");
        return list ? escaped(arena, list) : NULL;
    case GT_VALUE_U64S:
        return join_numbers(arena, value);
    default:
        format_number(cell, value, quantity);
        return gt_arena_strdup(arena, cell);
    }
}

const char *gt_format_cell(struct gt_arena *arena, const struct gt_value *value, enum gt_quantity quantity, bool ascii)
{
    const char *text = format_raw(arena, value, quantity);
    return text && ascii ? gt_format_ascii(arena, text) : text;
}

const char *gt_format_plain(struct gt_arena *arena, const struct gt_value *value, enum gt_quantity quantity)
{
    char cell[CELL];
    if (!gt_value_known(value))
        return "";
    switch (value->type) {
    case GT_VALUE_TEXT:
        return value->as.text;
    case GT_VALUE_BOOL:
        return value->as.flag ? "true" : "false";
    case GT_VALUE_TEXTS:
        return join_texts(arena, value, ";");
    case GT_VALUE_U64S:
        return join_numbers(arena, value);
    case GT_VALUE_F64:
        return gt_arena_printf(arena, "%.12g", value->as.f64);
    default:
        if (quantity == GT_Q_DATE)
            gt_format_date(cell, value->as.u64, 'T');
        else
            format_integer(cell, value);
        return gt_arena_strdup(arena, cell);
    }
}
