#include "core/trace.h"
#include "energy/attribute.h"
#include "runtime/gtcnn.h"
#include "sqlite/store.h"
#include "tracker/output.h"

#include <sqlite3.h>

#define BUILD_COMPILER __VERSION__

int gt_cmd_version(struct gt_tracker *tracker)
{
    static const struct gt_column columns[] = {
        {"greentrack", NULL, GT_Q_TEXT, 0},
        {"compiler", NULL, GT_Q_TEXT, 0},
        {"store_schema", "store schema", GT_Q_INTEGER, 0},
        {"trace_version", "trace version", GT_Q_INTEGER, 0},
        {"trace_min_reader", "trace min. reader", GT_Q_INTEGER, 0},
        {"attribution", NULL, GT_Q_TEXT, 0},
        {"attribution_version", "its version", GT_Q_INTEGER, 0},
        {"runtime_api", "runtime interface", GT_Q_INTEGER, 0},
        {"sqlite", "SQLite", GT_Q_TEXT, 0},
    };
    const struct gt_value values[] = {
        gt_value_text(GT_VERSION),          gt_value_text(BUILD_COMPILER),     gt_value_u64(GT_STORE_VERSION),
        gt_value_u64(GT_TRACE_VERSION),     gt_value_u64(GT_TRACE_MIN_READER), gt_value_text(GT_ATTRIBUTE_METHOD),
        gt_value_u64(GT_ATTRIBUTE_VERSION), gt_value_u64(GTCNN_API_VERSION),   gt_value_text(sqlite3_libversion()),
    };
    struct gt_document document;
    gt_document_init(&document, &tracker->arena, "version");
    struct gt_section *section =
        gt_document_section(&document, GT_SECTION_FIELDS, NULL, NULL, columns, sizeof columns / sizeof *columns);
    gt_section_row(section, values, sizeof values / sizeof *values);
    return gt_output_document(tracker, &document);
}
