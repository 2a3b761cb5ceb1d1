/* What a model costs, counted without running it. Touches neither spool nor store. */
#include "core/text.h"
#include "runtime/gtcnn.h"
#include "tracker/output.h"

#include <math.h>

static struct gt_value shape_value(struct gt_tracker *tracker, const struct gtcnn_shape *shape)
{
    if (shape->rank == 0)
        return (struct gt_value){0};
    uint64_t *dims = gt_arena_alloc(&tracker->arena, shape->rank, sizeof *dims);
    for (uint32_t i = 0; dims && i < shape->rank; i++)
        dims[i] = (uint64_t)shape->dim[i];
    return dims ? gt_value_u64s(dims, shape->rank) : (struct gt_value){0};
}

static struct gt_value pair_value(struct gt_tracker *tracker, const uint32_t pair[2])
{
    uint64_t *values = pair[0] ? gt_arena_alloc(&tracker->arena, 2, sizeof *values) : NULL;
    if (!values)
        return (struct gt_value){0};
    values[0] = pair[0];
    values[1] = pair[1];
    return gt_value_u64s(values, 2);
}

/* Text of what the library borrowed to us, kept beyond the model's life. */
static struct gt_value kept(struct gt_tracker *tracker, const char *text)
{
    return gt_value_text(gt_arena_strdup(&tracker->arena, text));
}

static void add_identity(struct gt_tracker *tracker, struct gt_document *document, const struct gtcnn_model_info *info)
{
    static const struct gt_column columns[] = {
        {"name", "model", GT_Q_TEXT, 0},
        {"family", NULL, GT_Q_TEXT, 0},
        {"phi", NULL, GT_Q_REAL, 0},
        {"digest", NULL, GT_Q_TEXT, 0},
        {"weights", NULL, GT_Q_TEXT, 0},
        {"precision", NULL, GT_Q_TEXT, 0},
        {"input", NULL, GT_Q_TEXT, 0},
        {"output", NULL, GT_Q_TEXT, 0},
        {"macs", "MACs", GT_Q_INTEGER, 0},
        {"params", "parameters", GT_Q_INTEGER, 0},
        {"activations", NULL, GT_Q_INTEGER, 0},
        {"bytes", NULL, GT_Q_INTEGER, 0},
        {"macs_per_byte", "MACs per byte", GT_Q_REAL, 0},
    };
    uint64_t activations = 0, bytes = 0;
    for (uint32_t i = 0; i < info->layer_count; i++) {
        activations += info->layers[i].activations;
        bytes += info->layers[i].bytes;
    }
    char *digest = gt_arena_alloc(&tracker->arena, 2 * GTCNN_DIGEST_BYTES + 1, 1);
    if (digest)
        gt_text_hex(digest, info->digest, GTCNN_DIGEST_BYTES);
    const struct gt_value values[] = {
        kept(tracker, info->name),
        kept(tracker, info->family),
        gt_value_f64_if(!isnan(info->phi), info->phi),
        gt_value_text(digest),
        kept(tracker, info->weights),
        kept(tracker, info->precision),
        shape_value(tracker, &info->input),
        shape_value(tracker, &info->output),
        gt_value_u64(info->macs),
        gt_value_u64(info->params),
        gt_value_u64(activations),
        gt_value_u64(bytes),
        gt_value_f64_if(bytes > 0, (double)info->macs / (double)bytes),
    };
    struct gt_section *section =
        gt_document_section(document, GT_SECTION_FIELDS, NULL, NULL, columns, sizeof columns / sizeof *columns);
    gt_section_row(section, values, sizeof values / sizeof *values);
}

static void add_layers(struct gt_tracker *tracker, struct gt_document *document, const struct gtcnn_model_info *info)
{
    static const struct gt_column columns[] = {
        {"name", "layer", GT_Q_TEXT, GT_COLUMN_ELASTIC},
        {"op", NULL, GT_Q_TEXT, 0},
        {"macs", "MACs", GT_Q_INTEGER, 0},
        {"share", NULL, GT_Q_SHARE, 0},
        {"params", "parameters", GT_Q_INTEGER, 0},
        {"activations", NULL, GT_Q_INTEGER, 0},
        {"bytes", NULL, GT_Q_INTEGER, 0},
        {"macs_per_byte", "MACs/B", GT_Q_REAL, 0},
        {"input", NULL, GT_Q_TEXT, 0},
        {"output", NULL, GT_Q_TEXT, 0},
        {"weight", NULL, GT_Q_TEXT, GT_COLUMN_DATA_ONLY},
        {"kernel", NULL, GT_Q_TEXT, GT_COLUMN_DATA_ONLY},
        {"stride", NULL, GT_Q_TEXT, GT_COLUMN_DATA_ONLY},
        {"groups", NULL, GT_Q_INTEGER, GT_COLUMN_DATA_ONLY},
        {"unit", NULL, GT_Q_INTEGER, GT_COLUMN_DATA_ONLY},
    };
    struct gt_section *section =
        gt_document_section(document, GT_SECTION_TABLE, "layers", "layers", columns, sizeof columns / sizeof *columns);
    for (uint32_t i = 0; i < info->layer_count; i++) {
        const struct gtcnn_layer *layer = &info->layers[i];
        const struct gt_value values[] = {
            kept(tracker, layer->name),
            kept(tracker, layer->op),
            gt_value_u64(layer->macs),
            gt_value_f64_if(info->macs > 0, (double)layer->macs / (double)info->macs),
            gt_value_u64(layer->params),
            gt_value_u64(layer->activations),
            gt_value_u64(layer->bytes),
            gt_value_f64_if(layer->bytes > 0, (double)layer->macs / (double)layer->bytes),
            shape_value(tracker, &layer->input),
            shape_value(tracker, &layer->output),
            shape_value(tracker, &layer->weight),
            pair_value(tracker, layer->kernel),
            pair_value(tracker, layer->stride),
            gt_value_u64_if(layer->groups > 0, layer->groups),
            gt_value_u64(layer->unit),
        };
        gt_section_row(section, values, sizeof values / sizeof *values);
    }
}

static void add_notes(struct gt_document *document)
{
    struct gt_section *notes = gt_document_section(document, GT_SECTION_LINES, NULL, NULL, NULL, 0);
    gt_section_line(notes,
                    "A MAC is one multiply-accumulate of a convolution or fully connected layer, for one image; what papers "
                    "call FLOPs is usually this number. Bytes are 32-bit inputs, weights and outputs, each once.");
}

int gt_cmd_cost(struct gt_tracker *tracker)
{
    const char *name = gt_tracker_text(tracker, GT_OPT_MODEL, "");
    struct gtcnn_options options = {.struct_bytes = sizeof options, .threads = 1};
    struct gtcnn_err problem = {0};
    struct gtcnn_model *model;
    if (gtcnn_model_open(name, &options, &model, &problem) != GTCNN_OK) {
        gt_tracker_say(tracker, "%s", problem.text);
        return GT_EXIT_FAILED;
    }
    struct gt_document document;
    gt_document_init(&document, &tracker->arena, "cost");
    add_identity(tracker, &document, gtcnn_model_info(model));
    add_layers(tracker, &document, gtcnn_model_info(model));
    add_notes(&document);
    int status = gt_output_section(tracker, &document, "layers");
    gtcnn_model_close(model);
    return status;
}
