#include "runtime/cli/json.h"
#include "runtime/cli/verbs.h"
#include "runtime/escape.h"

#include <inttypes.h>
#include <math.h>
#include <string.h>

static void print_row(FILE *f, const struct gtcnn_layer *layer)
{
    char unit[16] = "-", name[64], op[32], in[64], out[64];
    if (layer->unit != UINT32_MAX)
        snprintf(unit, sizeof unit, "%u", layer->unit);
    fprintf(f, "%5s  %-28s %-18s %-16s %-16s %14" PRIu64 " %10" PRIu64 "\n", unit,
            gtcnn_escape(name, sizeof name, layer->name, SIZE_MAX), gtcnn_escape(op, sizeof op, layer->op, SIZE_MAX),
            gtcnn_cli_shape_text(in, sizeof in, &layer->input), gtcnn_cli_shape_text(out, sizeof out, &layer->output),
            layer->macs, layer->params);
}

static void print_tensor(FILE *f, const char *what, const char *name, const struct gtcnn_shape *shape)
{
    char safe[128], text[128];
    fprintf(f, "%-10s%s %s\n", what, gtcnn_escape(safe, sizeof safe, name, SIZE_MAX),
            gtcnn_cli_shape_text(text, sizeof text, shape));
}

static void print_text(FILE *f, const struct gtcnn_model_info *m)
{
    char safe[256];
    fprintf(f, "model     %s, weights=%s\ndigest    ", gtcnn_escape(safe, sizeof safe, m->name, SIZE_MAX), m->weights);
    for (int i = 0; i < GTCNN_DIGEST_BYTES; i++)
        fprintf(f, "%02x", m->digest[i]);
    fputc('\n', f);
    if (m->family)
        fprintf(f, "family    %s, phi %.9g\n", gtcnn_escape(safe, sizeof safe, m->family, SIZE_MAX), m->phi);
    if (m->path)
        fprintf(f, "file      %s\n", gtcnn_escape(safe, sizeof safe, m->path, SIZE_MAX));
    fprintf(f, "format    ONNX opset %" PRId64 ", IR %" PRId64 ", %s\n", m->opset, m->ir_version, m->precision);
    print_tensor(f, "input", m->input_name, &m->input);
    print_tensor(f, "output", m->output_name, &m->output);
    fprintf(f, "cost      %" PRIu64 " MACs, %" PRIu64 " parameters, %u layers in %u units\n", m->macs, m->params,
            m->layer_count, m->unit_count);
    fprintf(f, "runtime   gtcnn %s, %s\n", m->version, m->build);
    fprintf(f, "kernels   %s, %s\n\n", m->isa, m->fused ? "blocks fused" : "layer by layer");
    fprintf(f, "%5s  %-28s %-18s %-16s %-16s %14s %10s\n", "unit", "layer", "operator", "input", "output", "MACs",
            "parameters");
    for (uint32_t i = 0; i < m->layer_count; i++)
        print_row(f, &m->layers[i]);
}

static void json_text(FILE *f, const char *key, const char *value)
{
    fprintf(f, "  \"%s\": ", key);
    gtcnn_json_string(f, value);
    fputs(",\n", f);
}

static void json_tensor(FILE *f, const char *key, const char *name, const struct gtcnn_shape *shape)
{
    fprintf(f, "  \"%s\": {\"name\": ", key);
    gtcnn_json_string(f, name);
    fputs(", \"shape\": ", f);
    gtcnn_json_shape(f, shape);
    fputs("},\n", f);
}

static void json_layer(FILE *f, const struct gtcnn_layer *l)
{
    fputs("    {\"name\": ", f);
    gtcnn_json_string(f, l->name);
    fputs(", \"op\": ", f);
    gtcnn_json_string(f, l->op);
    if (l->unit == UINT32_MAX)
        fputs(", \"unit\": null", f);
    else
        fprintf(f, ", \"unit\": %u", l->unit);
    fprintf(f, ", \"macs\": %" PRIu64 ", \"params\": %" PRIu64 ", \"activations\": %" PRIu64 ", \"bytes\": %" PRIu64, l->macs,
            l->params, l->activations, l->bytes);
    fputs(", \"input\": ", f);
    gtcnn_json_shape(f, &l->input);
    fputs(", \"output\": ", f);
    gtcnn_json_shape(f, &l->output);
    fputs(", \"weight\": ", f);
    gtcnn_json_shape(f, &l->weight);
    fprintf(f, ", \"kernel\": [%u, %u], \"stride\": [%u, %u], \"groups\": %u}", l->kernel[0], l->kernel[1], l->stride[0],
            l->stride[1], l->groups);
}

static void json_unit(FILE *f, const struct gtcnn_unit *u)
{
    fprintf(f, "    {\"index\": %u, \"name\": ", u->index);
    gtcnn_json_string(f, u->name);
    fputs(", \"op\": ", f);
    gtcnn_json_string(f, u->op);
    fprintf(f, ", \"macs\": %" PRIu64 ", \"params\": %" PRIu64 ", \"bytes\": %" PRIu64 ", \"members\": [", u->macs, u->params,
            u->model->unit_bytes[u->index]);
    for (uint32_t i = 0; i < u->member_count; i++) {
        fputs(i ? ", " : "", f);
        gtcnn_json_string(f, u->members[i]->name);
    }
    fputs("]}", f);
}

static void json_head(FILE *f, const struct gtcnn_model_info *m)
{
    fputs("{\n", f);
    json_text(f, "name", m->name);
    json_text(f, "family", m->family);
    if (isnan(m->phi))
        fputs("  \"phi\": null,\n", f);
    else
        fprintf(f, "  \"phi\": %.9g,\n", m->phi);
    json_text(f, "weights", m->weights);
    fputs("  \"digest\": ", f);
    gtcnn_json_hex(f, m->digest, GTCNN_DIGEST_BYTES);
    fputs(",\n", f);
    json_text(f, "path", m->path);
    json_text(f, "precision", m->precision);
    fprintf(f, "  \"macs\": %" PRIu64 ",\n  \"params\": %" PRIu64 ",\n  \"batch\": %u,\n  \"threads\": %u,\n", m->macs,
            m->params, m->batch, m->threads);
    fprintf(f, "  \"opset\": %" PRId64 ",\n  \"ir_version\": %" PRId64 ",\n", m->opset, m->ir_version);
    json_tensor(f, "input", m->input_name, &m->input);
    json_tensor(f, "output", m->output_name, &m->output);
    json_text(f, "version", m->version);
    json_text(f, "build", m->build);
    json_text(f, "isa", m->isa);
    fprintf(f, "  \"fused\": %s,\n", m->fused ? "true" : "false");
}

static void print_json(FILE *f, const struct gtcnn_model_info *m)
{
    json_head(f, m);
    fputs("  \"layers\": [\n", f);
    for (uint32_t i = 0; i < m->layer_count; i++) {
        json_layer(f, &m->layers[i]);
        fputs(i + 1 < m->layer_count ? ",\n" : "\n", f);
    }
    fputs("  ],\n  \"units\": [\n", f);
    for (uint32_t i = 0; i < m->unit_count; i++) {
        json_unit(f, &m->units[i]);
        fputs(i + 1 < m->unit_count ? ",\n" : "\n", f);
    }
    fputs("  ]\n}\n", f);
}

enum gtcnn_status gtcnn_cli_info(struct gtcnn_cli *cli, struct gtcnn_err *err)
{
    struct gtcnn_model *model = NULL;
    enum gtcnn_status status = gtcnn_cli_open(cli, cli->args.models.item[0], &model, err);
    if (status)
        return status;
    if (strcmp(cli->args.format, "json") == 0)
        print_json(cli->out, gtcnn_model_info(model));
    else
        print_text(cli->out, gtcnn_model_info(model));
    gtcnn_model_close(model);
    return GTCNN_OK;
}
