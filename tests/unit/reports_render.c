/* One document through all renderers: alignment, absent figures, escapes, quoting. */
#include "reports/render.h"

#include <jansson.h>
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
/* cmocka wants the four above first */
#include <cmocka.h>

#define COUNT(a) (sizeof(a) / sizeof *(a))

static const struct gt_column layer_columns[] = {
    {"name", "layer", GT_Q_TEXT, GT_COLUMN_ELASTIC}, {"macs", "MACs", GT_Q_COUNT, 0},
    {"uj_per_call", "energy", GT_Q_ENERGY_UJ, 0},    {"share", "share", GT_Q_SHARE, 0},
    {"bar", "", GT_Q_BAR, GT_COLUMN_TEXT_ONLY},      {"members", NULL, GT_Q_TEXT, GT_COLUMN_DATA_ONLY},
    {"shape", NULL, GT_Q_TEXT, GT_COLUMN_DATA_ONLY},
};

static void add_layer(struct gt_section *s, const char *name, uint64_t macs, double uj, double share)
{
    static const char *const members[] = {"conv", "bn"};
    static const uint64_t shape[] = {1, 8, 14, 14};
    struct gt_value row[] = {gt_value_text(name), gt_value_u64(macs),         gt_value_f64(uj),       gt_value_f64(share),
                             gt_value_f64(share), gt_value_texts(members, 2), gt_value_u64s(shape, 4)};
    gt_section_row(s, row, COUNT(row));
}

static struct gt_section *layers(struct gt_document *d, struct gt_arena *arena)
{
    gt_document_init(d, arena, "report");
    struct gt_section *s = gt_document_section(d, GT_SECTION_TABLE, "layers", "Layers", layer_columns, COUNT(layer_columns));
    add_layer(s, "stem", 176400, 12.5, 0.5);
    add_layer(s, "block1/expand", 1000, NAN, 0.0625);
    return s;
}

/* Owned by the caller. */
static char *rendered(const struct gt_document *d, const char *format, const struct gt_render_options *options)
{
    char *text = NULL;
    size_t size = 0;
    struct gt_err err = {0};
    FILE *out = open_memstream(&text, &size);
    assert_non_null(out);
    assert_int_equal(gt_render_document(d, gt_renderer_find(format), options, out, &err), GT_OK);
    fclose(out);
    return text;
}

static void expect(const struct gt_document *d, const char *format, const struct gt_render_options *options, const char *want)
{
    char *got = rendered(d, format, options);
    assert_string_equal(got, want);
    free(got);
}

static void test_text_table(void **state)
{
    struct gt_arena arena = {0};
    struct gt_document d;
    (void)state;
    layers(&d, &arena);
    expect(&d, "text", NULL,
           "Layers\n"
           "layer            MACs   energy   share\n"
           "stem            176 k  12.5 µJ  50.0 %  ██████████\n"
           "block1/expand  1.00 k        -   6.2 %  █▎\n");
    struct gt_render_options ascii = {.ascii = true, .width = 48};
    expect(&d, "text", &ascii,
           "Layers\n"
           "layer           MACs   energy   share\n"
           "stem           176 k  12.5 uJ  50.0 %  ##########\n"
           "block...pand  1.00 k        -   6.2 %  #\n");
    gt_arena_free(&arena);
}

static void test_json(void **state)
{
    struct gt_arena arena = {0};
    struct gt_document d;
    (void)state;
    layers(&d, &arena);
    char *text = rendered(&d, "json", NULL);
    json_t *root = json_loads(text, 0, NULL);
    json_t *row = json_array_get(json_object_get(root, "layers"), 1);
    assert_int_equal(json_array_size(json_object_get(root, "layers")), 2);
    assert_int_equal(json_integer_value(json_object_get(row, "macs")), 1000);
    assert_true(json_is_integer(json_object_get(row, "macs")));
    assert_true(json_is_null(json_object_get(row, "uj_per_call")));
    assert_null(json_object_get(row, "bar"));
    assert_int_equal(json_integer_value(json_array_get(json_object_get(row, "shape"), 2)), 14);
    assert_string_equal(json_string_value(json_array_get(json_object_get(row, "members"), 1)), "bn");
    json_decref(root);
    free(text);
    gt_arena_free(&arena);
}

static void test_csv_of_one_table(void **state)
{
    struct gt_arena arena = {0};
    struct gt_document d;
    (void)state;
    struct gt_section *s = layers(&d, &arena);
    add_layer(s, "=cmd|' /C calc'!A0", 1, 1, 0);
    add_layer(s, "a,\"b\"\n", 1, 0.1, 0);
    add_layer(s, "back\\slash", 1, -1, 0);
    expect(&d, "csv", NULL,
           "name,macs,uj_per_call,share,members,shape\r\n"
           "stem,176400,12.5,0.5,conv;bn,1x8x14x14\r\n"
           "block1/expand,1000,,0.0625,conv;bn,1x8x14x14\r\n"
           "\"'=cmd|' /C calc'!A0\",1,1,0,conv;bn,1x8x14x14\r\n"
           "\"a,\"\"b\"\"\\x0a\",1,0.1,0,conv;bn,1x8x14x14\r\n"
           "back\\slash,1,-1,0,conv;bn,1x8x14x14\r\n");
    gt_arena_free(&arena);
}

static const struct gt_column field_columns[] = {{"macs", "MACs", GT_Q_COUNT, 0},
                                                 {"t", "begun", GT_Q_DATE, 0},
                                                 {"ok", "flag", GT_Q_TEXT, 0},
                                                 {"none", "absent", GT_Q_REAL, 0}};

static void mixed(struct gt_document *d, struct gt_arena *arena)
{
    layers(d, arena);
    struct gt_value values[] = {gt_value_u64(390000000), gt_value_u64(UINT64_C(1795519691000000000)), gt_value_bool(true), {0}};
    struct gt_section *s = gt_document_section(d, GT_SECTION_FIELDS, NULL, "Root", field_columns, COUNT(field_columns));
    gt_section_row(s, values, COUNT(values));
    gt_document_section(d, GT_SECTION_FIELDS, "accuracy", NULL, field_columns, COUNT(field_columns));
    s = gt_document_section(d, GT_SECTION_TABLE, "family", "Family", layer_columns, COUNT(layer_columns));
    s->empty = "no family";
    s = gt_document_section(d, GT_SECTION_LINES, "notes", "Notes", NULL, 0);
    gt_section_line(s, "%s weighs %d", "φ \033[31mred", 7);
}

static void test_mixed_document(void **state)
{
    struct gt_arena arena = {0};
    struct gt_document d;
    struct gt_render_options one = {.section = "notes"};
    (void)state;
    mixed(&d, &arena);
    char *text = rendered(&d, "text", NULL);
    assert_non_null(strstr(
        text, "\nRoot\nMACs            390 M\nbegun           2026-11-24 11:28:11Z\nflag            yes\nabsent          -\n"));
    assert_non_null(strstr(text, "\nFamily\nno family\n"));
    assert_non_null(strstr(text, "\nNotes\nφ \\x1b[31mred weighs 7\n"));
    free(text);
    text = rendered(&d, "json", NULL);
    json_t *root = json_loads(text, 0, NULL);
    assert_true(json_is_null(json_object_get(root, "accuracy")) && json_is_null(json_object_get(root, "none")));
    assert_int_equal(json_array_size(json_object_get(root, "family")), 0);
    assert_string_equal(json_string_value(json_object_get(root, "t")), "2026-11-24T11:28:11Z");
    assert_string_equal(json_string_value(json_array_get(json_object_get(root, "notes"), 0)), "φ \033[31mred weighs 7");
    for (const char *p = text; *p; p++)
        assert_true(*p == '\n' || (*p >= 0x20 && *p < 0x7f));
    json_decref(root);
    free(text);
    text = rendered(&d, "csv", NULL);
    assert_non_null(strstr(text, "section,row,key,value\r\nlayers,0,name,stem\r\n"));
    assert_non_null(strstr(text, "\r\nreport,0,macs,390000000\r\n"));
    assert_non_null(strstr(text, "\r\nreport,0,none,\r\n"));
    free(text);
    expect(&d, "csv", &one, "text\r\nφ \\x1b[31mred weighs 7\r\n");
    gt_arena_free(&arena);
}

static void test_colours_only_when_told(void **state)
{
    struct gt_arena arena = {0};
    struct gt_document d;
    struct gt_render_options colour = {.colour = true};
    (void)state;
    layers(&d, &arena);
    char *plain = rendered(&d, "text", NULL), *coloured = rendered(&d, "text", &colour);
    assert_null(strchr(plain, '\033'));
    assert_non_null(strstr(coloured, "\033[1mLayers\033[0m"));
    free(plain);
    free(coloured);
    gt_arena_free(&arena);
}

static void test_paragraphs_wrap(void **state)
{
    struct gt_arena arena = {0};
    struct gt_document d;
    struct gt_render_options narrow = {.width = 20};
    (void)state;
    gt_document_init(&d, &arena, "notes");
    gt_section_line(gt_document_section(&d, GT_SECTION_LINES, NULL, NULL, NULL, 0), "joules per additional correct answer");
    expect(&d, "text", &narrow, "joules per\n  additional correct\n  answer\n");
    expect(&d, "json", NULL, "{}\n");
    gt_arena_free(&arena);
}

static void test_errors(void **state)
{
    struct gt_arena arena = {0};
    struct gt_document d;
    struct gt_err err = {0};
    struct gt_value one = gt_value_u64(1);
    struct gt_render_options wanted = {.section = "nowhere"};
    FILE *full = fopen("/dev/full", "w"), *null = fopen("/dev/null", "w");
    (void)state;
    struct gt_section *s = layers(&d, &arena);
    assert_int_equal(gt_render_document(&d, gt_renderer_find("json"), NULL, full, &err), GT_E_NOSPACE);
    assert_int_equal(gt_render_document(&d, gt_renderer_find("csv"), &wanted, null, &err), GT_E_NOENT);
    gt_section_row(s, &one, 1);
    assert_int_equal(gt_render_document(&d, gt_renderer_find("text"), NULL, null, &err), GT_E_INTERNAL);
    assert_null(gt_renderer_find("xml"));
    fclose(null);
    fclose(full);
    gt_arena_free(&arena);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_text_table),
        cmocka_unit_test(test_json),
        cmocka_unit_test(test_csv_of_one_table),
        cmocka_unit_test(test_mixed_document),
        cmocka_unit_test(test_colours_only_when_told),
        cmocka_unit_test(test_paragraphs_wrap),
        cmocka_unit_test(test_errors),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
