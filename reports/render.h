/*
 * One document, several formats: what every listing and every report of greentrack goes through.
 *
 * A verb builds a `struct gt_document` (sections of typed rows) in an arena and hands it to a renderer: text, JSON or CSV. The
 * contract of a renderer is begin, section, row ..., end. All formats draw from the same document, so they cannot disagree.
 *
 * Life cycle: gt_document_init -> gt_document_section -> gt_section_row ... -> gt_render_document. Errors while building are
 * sticky (doc->status) and reported by gt_render_document, so that building needs no checks. Pointers in values and columns are
 * borrowed and must live until the document is rendered; the arena owns everything that building allocates.
 * A document belongs to one thread. No locale is consulted; the decimal point is always '.'.
 *
 * Text: strings are escaped (gt_text_escape), figures are scaled for people ("1.23 mJ", "0.39 G"), absent ones are "-".
 * JSON: one object; bare numbers in the unit that the key names; absent ones are null, never 0; NaN and infinities are null;
 * reals have twelve significant digits. CSV: RFC 4180 (CRLF, quotes doubled). A document with a single table becomes that table
 * with its keys as header; any other becomes the tidy form `section,row,key,value`, one figure a line, unless options name a
 * section. A string that a spreadsheet would take for a formula (it begins with = + - @, tab or carriage return) is preceded by
 * an apostrophe.
 */
#ifndef GT_REPORTS_RENDER_H
#define GT_REPORTS_RENDER_H

#include "core/arena.h"
#include "core/status.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

enum gt_value_type {
    GT_VALUE_NULL, /* absent or unknown; what a zeroed value is */
    GT_VALUE_TEXT,
    GT_VALUE_U64,
    GT_VALUE_I64,
    GT_VALUE_F64,
    GT_VALUE_BOOL,
    GT_VALUE_TEXTS, /* list of strings */
    GT_VALUE_U64S   /* list of integers: a shape */
};

struct gt_value {
    enum gt_value_type type;
    size_t count; /* of a list */
    union {
        const char *text;
        uint64_t u64;
        int64_t i64;
        double f64;
        bool flag;
        const char *const *texts;
        const uint64_t *u64s;
    } as;
};

/* NULL becomes the null value. */
static inline struct gt_value gt_value_text(const char *text)
{
    return (struct gt_value){.type = text ? GT_VALUE_TEXT : GT_VALUE_NULL, .as.text = text};
}

static inline struct gt_value gt_value_u64(uint64_t value)
{
    return (struct gt_value){.type = GT_VALUE_U64, .as.u64 = value};
}

static inline struct gt_value gt_value_i64(int64_t value)
{
    return (struct gt_value){.type = GT_VALUE_I64, .as.i64 = value};
}

/* NaN and infinities are rendered as absent. */
static inline struct gt_value gt_value_f64(double value)
{
    return (struct gt_value){.type = GT_VALUE_F64, .as.f64 = value};
}

static inline struct gt_value gt_value_bool(bool value)
{
    return (struct gt_value){.type = GT_VALUE_BOOL, .as.flag = value};
}

/* Only where `known`; else null. */
static inline struct gt_value gt_value_u64_if(bool known, uint64_t value)
{
    return known ? gt_value_u64(value) : (struct gt_value){0};
}

static inline struct gt_value gt_value_i64_if(bool known, int64_t value)
{
    return known ? gt_value_i64(value) : (struct gt_value){0};
}

static inline struct gt_value gt_value_f64_if(bool known, double value)
{
    return known ? gt_value_f64(value) : (struct gt_value){0};
}

static inline struct gt_value gt_value_bool_if(bool known, bool value)
{
    return known ? gt_value_bool(value) : (struct gt_value){0};
}

static inline struct gt_value gt_value_texts(const char *const *texts, size_t count)
{
    return (struct gt_value){.type = GT_VALUE_TEXTS, .count = count, .as.texts = texts};
}

static inline struct gt_value gt_value_u64s(const uint64_t *numbers, size_t count)
{
    return (struct gt_value){.type = GT_VALUE_U64S, .count = count, .as.u64s = numbers};
}

/* What a figure is: how text writes it. JSON and CSV take the bare number, but for GT_Q_DATE (RFC 3339, UTC). */
enum gt_quantity {
    GT_Q_TEXT,      /* strings, flags, lists */
    GT_Q_INTEGER,   /* all digits */
    GT_Q_COUNT,     /* scaled: "0.39 G" */
    GT_Q_REAL,      /* four significant digits */
    GT_Q_ENERGY_UJ, /* microjoules: "1.23 mJ" */
    GT_Q_ENERGY_J,  /* joules */
    GT_Q_TIME_NS,   /* nanoseconds: "12.3 µs" */
    GT_Q_TIME_S,    /* seconds */
    GT_Q_PCT,       /* percent: "89.12 %" */
    GT_Q_PP,        /* percentage points, signed: "+1.20 pp" */
    GT_Q_SHARE,     /* 0 ... 1, text as percent: "12.3 %" */
    GT_Q_BYTES,     /* "1.5 MiB" */
    GT_Q_DATE,      /* u64 nanoseconds since 1970, text as "2026-11-24 11:28:11Z" */
    GT_Q_BAR        /* 0 ... 1, a bar; give it to text alone */
};

/* Where a column appears; 0 is everywhere. */
enum gt_column_flags {
    GT_COLUMN_TEXT_ONLY = 1, /* made for people: composed of figures that other columns hold */
    GT_COLUMN_DATA_ONLY = 2, /* JSON and CSV alone */
    GT_COLUMN_LEFT = 4,      /* left-aligned; strings are anyway */
    GT_COLUMN_OPTIONAL = 16, /* text leaves the line of a GT_SECTION_FIELDS out where the figure is absent */
    GT_COLUMN_ELASTIC = 8    /* text cuts it ("convolution…se") when the table would be wider than the terminal */
};

struct gt_column {
    const char *key;   /* JSON key, CSV header: stable, unit at its end */
    const char *title; /* text header or label; NULL: the key */
    enum gt_quantity quantity;
    unsigned flags;
};

enum gt_section_kind {
    GT_SECTION_FIELDS, /* one record: text "label  value" lines; JSON object, or null when it has no row */
    GT_SECTION_TABLE,  /* records: text table; JSON array of objects */
    GT_SECTION_LINES   /* paragraphs: JSON array of strings */
};

struct gt_section_row {
    const struct gt_section_row *next;
    const struct gt_value *values; /* one per column; for GT_SECTION_LINES the one paragraph */
};

struct gt_section {
    struct gt_document *document;
    const struct gt_section *next;
    enum gt_section_kind kind;
    const char *key; /* JSON; NULL with GT_SECTION_FIELDS: its columns stand at the root of the object, NULL else: text alone */
    const char
        *inside; /* JSON: key of an earlier GT_SECTION_FIELDS section in whose object this one stands; NULL: at the root */
    const char *title; /* text heading; NULL: none */
    const char *empty; /* what text prints when there are no rows; NULL: nothing */
    const struct gt_column *columns;
    size_t column_count, row_count;
    const struct gt_section_row *rows;
    struct gt_section_row *last_row;
};

struct gt_document {
    struct gt_arena *arena; /* borrowed */
    const char *name;       /* the verb: "report", "list"; tests and titles */
    enum gt_status status;  /* sticky: the first failure while building */
    size_t section_count;
    const struct gt_section *sections;
    struct gt_section *last_section;
};

void gt_document_init(struct gt_document *document, struct gt_arena *arena, const char *name);

/*
 * Appends a section; `columns` (borrowed) may be NULL for GT_SECTION_LINES. Never NULL in effect: when memory is out the
 * document's status says so, NULL is returned, and the functions below accept it.
 */
struct gt_section *gt_document_section(struct gt_document *document, enum gt_section_kind kind, const char *key,
                                       const char *title, const struct gt_column *columns, size_t column_count);

/* Appends a row: copies `count` values, which must be the section's column_count (else the status becomes GT_E_INTERNAL). */
void gt_section_row(struct gt_section *section, const struct gt_value *values, size_t count);

/* Appends a paragraph to a GT_SECTION_LINES section. */
void gt_section_line(struct gt_section *section, const char *format, ...) __attribute__((format(printf, 2, 3)));

struct gt_render_options {
    bool colour;         /* ANSI colours; only when told */
    bool ascii;          /* no character outside ASCII in what greentrack itself writes (bars, dashes, µ) */
    int width;           /* columns of the terminal; 0: unlimited */
    const char *section; /* CSV alone: key of the one section to write as a plain table; NULL: see above */
};

/* One rendering in progress. */
struct gt_render {
    const struct gt_document *document; /* borrowed */
    struct gt_render_options options;
    FILE *out;                        /* borrowed */
    struct gt_arena arena;            /* scratch, freed after end() */
    const struct gt_section *section; /* the current one */
    size_t row;                       /* rows written of it */
    void *state;                      /* the renderer's own */
    struct gt_err *err;
};

/*
 * The contract. begin once; per section: section (whose rows are all known already: widths can be computed), then row for each;
 * end once. Each returns GT_OK or the failure that ends the rendering.
 */
struct gt_renderer {
    const char *name; /* "text", "json", "csv": the words of --format */
    const char *media_type;
    enum gt_status (*begin)(struct gt_render *render);
    enum gt_status (*section)(struct gt_render *render, const struct gt_section *section);
    enum gt_status (*row)(struct gt_render *render, const struct gt_value *values);
    enum gt_status (*end)(struct gt_render *render);
};

/* All renderers; `count` gets their number. */
const struct gt_renderer *const *gt_renderer_list(size_t *count);

/* By name; NULL when there is none. */
const struct gt_renderer *gt_renderer_find(const char *name);

/*
 * Writes the document to `out` (borrowed, not closed, flushed). `options` NULL: all zero. GT_E_IO when `out` failed, GT_E_NOENT
 * when options name a section that the document has not, the document's own status when building failed.
 */
enum gt_status gt_render_document(const struct gt_document *document, const struct gt_renderer *renderer,
                                  const struct gt_render_options *options, FILE *out, struct gt_err *err);

#endif
