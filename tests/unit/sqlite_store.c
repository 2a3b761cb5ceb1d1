/* The store: what goes in comes out, what is unknown stays unknown, and files that are no store are left alone. */
#include "sqlite/db.h"
#include "sqlite/units.h"
#include "tests/unit/sqlite_record.h"

static void a_new_store_is_private_and_ours(void **state)
{
    (void)state;
    struct place p;
    struct stat st;
    char id[33], side[112];
    place_open(&p);
    struct gt_run_record run = record_run(id, 1, "closed");
    put(&p, &run);
    assert_int_equal(stat(p.path, &st), 0);
    assert_int_equal(st.st_mode & 0777, 0600);
    snprintf(side, sizeof side, "%s-wal", p.path);
    assert_int_equal(stat(side, &st), 0);
    assert_int_equal(st.st_mode & 0777, 0600);
    snprintf(side, sizeof side, "%s/deep", p.folder);
    assert_int_equal(stat(side, &st), 0);
    assert_int_equal(st.st_mode & 0777, 0700);
    assert_int_equal(ask(&p, "PRAGMA user_version"), GT_STORE_VERSION);
    assert_int_equal(ask(&p, "PRAGMA application_id"), 0x47547374);
    assert_int_equal(ask(&p, "SELECT count(*) FROM pragma_table_list WHERE type = 'table' AND schema = 'main' AND NOT strict"
                             " AND name NOT LIKE 'sqlite_%'"),
                     0);
    place_close(&p);
}

static int mode_of(const struct place *p, const char *behind)
{
    char side[112];
    struct stat st;
    snprintf(side, sizeof side, "%s%s", p->path, behind);
    return stat(side, &st) == 0 ? (int)(st.st_mode & 07777) : -1;
}

/* Whatever the umask, which stays as it is: the store and what lies beside it are the user's alone. */
static void private_under_any_umask(void **state)
{
    static const mode_t masks[] = {0, 0777, 0022};
    (void)state;
    for (size_t i = 0; i < sizeof masks / sizeof *masks; i++) {
        struct place p;
        char id[33];
        struct gt_run_record run = record_run(id, 1, "closed");
        mode_t before = umask(masks[i]);
        place_open(&p);
        put(&p, &run);
        assert_int_equal(mode_of(&p, ""), 0600);
        assert_int_equal(mode_of(&p, "-wal"), 0600);
        assert_int_equal(mode_of(&p, "-shm"), 0600);
        assert_int_equal(umask(before), masks[i]);
        place_close(&p);
    }
}

static void journals_fit_the_file_system(void **state)
{
    (void)state;
    static const struct {
        long f_type;
        enum gt_journal journal;
    } table[] = {{0xef53 /* ext */, GT_JOURNAL_WAL},         {0x58465342 /* xfs */, GT_JOURNAL_WAL},
                 {0x9123683e /* btrfs */, GT_JOURNAL_WAL},   {0x01021994 /* tmpfs */, GT_JOURNAL_WAL},
                 {0x794c7630 /* overlay */, GT_JOURNAL_WAL}, {0x6969 /* nfs */, GT_JOURNAL_DELETE},
                 {0x517b /* smb */, GT_JOURNAL_DELETE},      {0xff534d42 /* cifs */, GT_JOURNAL_DELETE},
                 {0xfe534d42 /* smb2 */, GT_JOURNAL_DELETE}, {(int)0xff534d42, GT_JOURNAL_DELETE},
                 {0x01021997 /* 9p */, GT_JOURNAL_DELETE},   {0x73757245 /* coda */, GT_JOURNAL_DELETE},
                 {0x5346414f /* afs */, GT_JOURNAL_DELETE},  {0x00c36400 /* ceph */, GT_JOURNAL_DELETE},
                 {0x65735546 /* fuse */, GT_JOURNAL_DELETE}};
    for (size_t i = 0; i < sizeof table / sizeof *table; i++)
        if (gt_db_journal_for((unsigned long)table[i].f_type) != table[i].journal)
            fail_msg("file system %lx", (unsigned long)table[i].f_type);
}

/* As on a network file system: nothing but the store itself between two commands, two connections at once, WAL and back. */
static void works_with_a_rollback_journal(void **state)
{
    (void)state;
    struct place p;
    char ids[3][33];
    struct gt_store *other = NULL;
    struct gt_run_record *got = NULL;
    place_open(&p);
    for (int i = 0; i < 3; i++) {
        struct gt_run_record run = record_run(ids[i], (unsigned)i + 1, "closed");
        if (i > 0) {
            gt_store_close(p.store);
            OK(&p, gt_db_open(p.path, GT_STORE_WRITE, i == 1 ? GT_JOURNAL_DELETE : GT_JOURNAL_FITTING, &p.store, &p.err));
        }
        put(&p, &run);
        assert_int_equal(mode_of(&p, "-wal"), i == 1 ? -1 : 0600);
        assert_int_equal(mode_of(&p, "-shm"), i == 1 ? -1 : 0600);
        OK(&p, gt_store_open(p.path, GT_STORE_READ, &other, &p.err));
        OK(&p, gt_store_get_run(other, ids[0], &p.arena, &got, &p.err));
        OK(&p, gt_store_get_run(other, ids[i], &p.arena, &got, &p.err));
        gt_store_close(other);
    }
    assert_int_equal(ask(&p, "SELECT count(*) FROM runs"), 3);
    assert_sound(&p);
    place_close(&p);
}

static void same_text(const char *a, const char *b)
{
    if (!a || !b)
        assert_ptr_equal(a, b);
    else
        assert_string_equal(a, b);
}

static void same_real(double a, double b)
{
    assert_true(a == b || (isnan(a) && isnan(b)));
}

static void same_figure(struct gt_figure_uj a, struct gt_figure_uj b)
{
    assert_int_equal(a.uj, b.uj);
    assert_int_equal(a.lo_uj, b.lo_uj);
    assert_int_equal(a.hi_uj, b.hi_uj);
}

static void same_lists(const struct gt_run_record *a, const struct gt_run_record *b)
{
    assert_int_equal(a->process_count, b->process_count);
    for (size_t i = 0; i < a->process_count; i++) {
        const struct gt_process_record *x = &a->processes[i], *y = &b->processes[i];
        assert_int_equal(x->pid, y->pid);
        assert_int_equal(x->ppid, y->ppid);
        assert_int_equal(x->end_ns, y->end_ns);
        same_text(x->exe, y->exe);
        same_text(x->command, y->command);
        same_text(x->state, y->state);
    }
    assert_int_equal(a->counter_count, b->counter_count);
    for (size_t i = 0; i < a->counter_count; i++) {
        const struct gt_counter_record *x = &a->counters[i], *y = &b->counters[i];
        same_text(x->domain, y->domain);
        assert_int_equal(x->parent, y->parent);
        assert_int_equal(x->die, y->die);
        assert_int_equal(x->additive, y->additive);
        same_real(x->uj_per_count, y->uj_per_count);
        assert_int_equal(x->wrap_count, y->wrap_count);
        assert_int_equal(x->last_raw, y->last_raw);
        assert_int_equal(x->total_uj, y->total_uj);
        assert_int_equal(x->uj, y->uj);
        assert_int_equal(x->lo_uj, y->lo_uj);
        assert_int_equal(x->hi_uj, y->hi_uj);
        assert_int_equal(x->gap_ns, y->gap_ns);
    }
    assert_int_equal(a->gap_count, b->gap_count);
    for (size_t i = 0; i < a->gap_count; i++) {
        same_text(a->gaps[i].domain, b->gaps[i].domain);
        same_text(a->gaps[i].reason, b->gaps[i].reason);
        assert_int_equal(a->gaps[i].from_ns, b->gaps[i].from_ns);
        assert_int_equal(a->gaps[i].to_ns, b->gaps[i].to_ns);
    }
    assert_int_equal(a->event_count, b->event_count);
    for (size_t i = 0; i < a->event_count; i++) {
        same_text(a->events[i].kind, b->events[i].kind);
        same_text(a->events[i].text, b->events[i].text);
        assert_int_equal(a->events[i].count, b->events[i].count);
        assert_int_equal(a->events[i].begin_ns, b->events[i].begin_ns);
    }
}

static void same_event_counters(const struct gt_run_record *a, const struct gt_run_record *b)
{
    assert_int_equal(a->run_counter_count, b->run_counter_count);
    for (size_t i = 0; i < a->run_counter_count; i++) {
        const struct gt_run_counter_record *x = &a->run_counters[i], *y = &b->run_counters[i];
        same_text(x->name, y->name);
        assert_int_equal(x->value, y->value);
        assert_int_equal(x->enabled_ns, y->enabled_ns);
        assert_int_equal(x->running_ns, y->running_ns);
        same_text(x->scope, y->scope);
        same_text(x->reason, y->reason);
    }
    assert_int_equal(a->unit_counter_count, b->unit_counter_count);
    for (size_t i = 0; i < a->unit_counter_count; i++) {
        const struct gt_unit_counter_record *x = &a->unit_counters[i], *y = &b->unit_counters[i];
        assert_int_equal(x->part, y->part);
        assert_int_equal(x->index, y->index);
        same_text(x->name, y->name);
        assert_int_equal(x->calls, y->calls);
        same_real(x->value, y->value);
        assert_int_equal(x->enabled_ns, y->enabled_ns);
        assert_int_equal(x->running_ns, y->running_ns);
    }
}

static void same_slots(const struct gt_run_record *a, const struct gt_run_record *b)
{
    assert_int_equal(a->slot_count, b->slot_count);
    for (size_t i = 0; i < a->slot_count; i++) {
        assert_int_equal(a->slots[i].slot, b->slots[i].slot);
        assert_int_equal(a->slots[i].part, b->slots[i].part);
        assert_int_equal(a->slots[i].index, b->slots[i].index);
    }
}

static void same_parts(const struct gt_run_record *a, const struct gt_run_record *b)
{
    assert_int_equal(a->model_count, b->model_count);
    for (size_t i = 0; i < a->model_count; i++) {
        const struct gt_run_model_record *x = &a->models[i], *y = &b->models[i];
        same_text(x->model, y->model);
        same_text(x->counted, y->counted);
        same_text(x->runtime_version, y->runtime_version);
        assert_int_equal(x->inferences, y->inferences);
        same_real(x->uj_per_inference, y->uj_per_inference);
        same_real(x->seconds_per_inference, y->seconds_per_inference);
        assert_int_equal(x->unit_count, y->unit_count);
        for (size_t u = 0; u < x->unit_count; u++) {
            assert_int_equal(x->units[u].index, y->units[u].index);
            assert_int_equal(x->units[u].calls, y->units[u].calls);
            same_real(x->units[u].uj_per_call, y->units[u].uj_per_call);
            same_real(x->units[u].share, y->units[u].share);
        }
    }
}

static void same_attribution(const struct gt_attribution_record *a, const struct gt_attribution_record *b)
{
    same_text(a->method, b->method);
    same_text(a->kind, b->kind);
    same_text(a->model_row, b->model_row);
    assert_int_equal(a->version, b->version);
    assert_int_equal(a->window_cpu_ns, b->window_cpu_ns);
    same_real(a->cpu_share, b->cpu_share);
    same_real(a->gap_share, b->gap_share);
    assert_int_equal(a->idle_known, b->idle_known);
    assert_int_equal(a->unattributed_flag, b->unattributed_flag);
    const struct gt_figure_uj x[] = {a->units, a->framework, a->idle,    a->others,   a->unattributed,
                                     a->total, a->run_total, a->run_job, a->inference};
    const struct gt_figure_uj y[] = {b->units, b->framework, b->idle,    b->others,   b->unattributed,
                                     b->total, b->run_total, b->run_job, b->inference};
    for (size_t i = 0; i < sizeof x / sizeof *x; i++)
        same_figure(x[i], y[i]);
}

/* Folded traces take little room; one that an earlier schema stored, or that is damaged inside, does not keep a run from being
 * read. */
static void traces_are_kept_packed(void **state)
{
    (void)state;
    static uint8_t trace[200000];
    struct place p;
    char id[33];
    struct gt_run_record run = record_run(id, 0xabc, "closed"), *got = NULL;
    for (size_t i = 0; i < sizeof trace; i += 16)
        trace[i] = (uint8_t)(i / 16);
    run.trace = trace;
    run.trace_bytes = sizeof trace;
    place_open(&p);
    put(&p, &run);
    assert_true(ask(&p, "SELECT length(bytes) FROM traces") < (int64_t)sizeof trace / 3);
    OK(&p, gt_store_get_run(p.store, id, &p.arena, &got, &p.err));
    assert_int_equal(got->trace_bytes, sizeof trace);
    assert_memory_equal(got->trace, trace, sizeof trace);
    assert_int_equal(ask(&p, "UPDATE traces SET bytes = substr(bytes, 1, 1000) RETURNING 1"), 1);
    OK(&p, gt_store_get_run(p.store, id, &p.arena, &got, &p.err));
    assert_int_equal(got->trace_bytes, 1000);
    assert_int_equal(ask(&p, "UPDATE traces SET bytes = x'0100000007' RETURNING 1"), 1);
    OK(&p, gt_store_get_run(p.store, id, &p.arena, &got, &p.err));
    assert_int_equal(got->trace_bytes, 5);
    place_close(&p);
}

static void a_run_comes_back_as_it_went_in(void **state)
{
    (void)state;
    struct place p;
    char id[33];
    struct gt_run_record run = record_run(id, 0xabc, "closed"), *got = NULL;
    place_open(&p);
    put(&p, &run);
    OK(&p, gt_store_get_run(p.store, "00000000000000000000000000000abc", &p.arena, &got, &p.err));
    const char *const texts[][2] = {
        {run.id, got->id},           {run.parent, got->parent},       {run.series, got->series},
        {run.link, got->link},       {run.role, got->role},           {run.state, got->state},
        {run.command, got->command}, {run.tags, got->tags},           {run.boot_id, got->boot_id},
        {run.source, got->source},   {run.boundary, got->boundary},   {run.provenance, got->provenance},
        {run.host.id, got->host.id}, {run.host.text, got->host.text}, {run.host.microcode, got->host.microcode}};
    for (size_t i = 0; i < sizeof texts / sizeof *texts; i++)
        same_text(texts[i][0], texts[i][1]);
    assert_int_equal(got->exit_status, 0);
    assert_int_equal(got->exit_signal, GT_UNKNOWN);
    assert_int_equal(got->round, GT_UNKNOWN);
    assert_int_equal(got->machine_total_end_ns, GT_UNKNOWN);
    assert_int_equal(got->overhead.sampler_cpu_ns, 12345);
    assert_int_equal(got->overhead.plugin_cpu_ns, GT_UNKNOWN);
    assert_int_equal(got->overhead.hooks, 6);
    assert_true(got->overhead.hook_ns == 62.5);
    assert_int_equal(got->host.hypervisor, GT_UNKNOWN);
    assert_int_equal(got->host.memory_bytes, 1 << 30);
    assert_true(got->unit_hooks);
    same_lists(&run, got);
    same_event_counters(&run, got);
    same_parts(&run, got);
    same_slots(&run, got);
    same_attribution(&run.attribution, &got->attribution);
    assert_int_equal(got->trace_bytes, sizeof record_trace);
    assert_memory_equal(got->trace, record_trace, sizeof record_trace);
    struct gt_model_record *model = NULL;
    OK(&p, gt_store_get_model(p.store, MODEL_A, &p.arena, &model, &p.err));
    assert_int_equal(model->macs, INT64_C(1) << 40);
    assert_int_equal(model->unit_count, 2);
    same_text(model->units[1].name, HOSTILE);
    assert_int_equal(model->units[1].macs, GT_UNKNOWN);
    assert_int_equal(model->units[0].member_count, 2);
    same_text(model->units[0].members[1].name, HOSTILE);
    assert_int_equal(model->units[0].members[1].params, GT_UNKNOWN);
    assert_sound(&p);
    place_close(&p);
}

/* The same file, executed in groups and layer by layer: what either run took is read by the names of its own units. */
static void units_of_two_ways_of_execution_stand_side_by_side(void **state)
{
    (void)state;
    static const struct gt_member_record both[] = {{"expand", "Conv", 300, 30, 4000}, {"dw", "Conv", 100, 9, 1000}};
    const struct gt_unit_record group[] = {
        {.index = 0, .name = "expand", .op = "Conv", .macs = 400, .member_count = 2, .members = both}};
    const struct gt_unit_record layers[] = {
        {.index = 0, .name = "expand", .op = "Conv", .macs = 300, .member_count = 1, .members = both},
        {.index = 1, .name = "dw", .op = "Conv", .macs = 100, .member_count = 1, .members = both + 1}};
    const struct gt_unit_energy_record taken[] = {{.index = 0, .calls = 2, .ns = 10}, {.index = 1, .calls = 2, .ns = 30}};
    struct gt_model_record models[] = {{.digest = MODEL_A, .name = "m", .phi = NAN, .unit_count = 1, .units = group},
                                       {.digest = MODEL_A, .name = "m", .phi = NAN, .unit_count = 2, .units = layers}};
    char divisions[2][GT_STORE_DIVISION], id[33], again[GT_STORE_DIVISION];
    struct gt_run_model_record parts[] = {record_parts[0], record_parts[0]};
    struct gt_run_record run = record_run(id, 1, "closed"), *got = NULL;
    struct gt_model_record *model = NULL;
    struct place p;
    place_open(&p);
    for (int i = 0; i < 2; i++) {
        models[i].division = parts[i].division = gt_store_division(&models[i], divisions[i]);
        parts[i].execution = i ? GT_EXECUTION_LAYERS : GT_EXECUTION_FUSED;
        parts[i].units = taken;
        parts[i].unit_count = (size_t)i + 1;
    }
    assert_string_not_equal(divisions[0], divisions[1]);
    same_text(gt_store_division(&models[0], again), divisions[0]);
    assert_null(gt_store_division(&(struct gt_model_record){.unit_count = 1, .units = &record_units[1]}, again)); /* a region */
    run.models = parts;
    run.model_count = 2;
    run.slot_count = run.unit_counter_count = 0;
    OK(&p, gt_store_put_run(p.store, &run, models, 2, &p.err));
    OK(&p, gt_store_put_run(p.store, &run, models, 2, &p.err)); /* once more: nothing doubles */
    OK(&p, gt_store_get_run(p.store, id, &p.arena, &got, &p.err));
    assert_int_equal(got->model_count, 2);
    OK(&p, gt_store_get_model_of(p.store, &got->models[0], &p.arena, &model, &p.err));
    assert_int_equal(model->unit_count, 1);
    assert_int_equal(model->units[0].member_count, 2);
    assert_int_equal(model->units[0].members[1].bytes, 1000);
    same_text(got->models[1].execution, GT_EXECUTION_LAYERS);
    OK(&p, gt_store_get_model_of(p.store, &got->models[1], &p.arena, &model, &p.err));
    assert_int_equal(model->unit_count, 2);
    same_text(model->units[1].members[0].name, "dw");
    OK(&p, gt_store_get_model(p.store, MODEL_A, &p.arena, &model, &p.err));
    assert_int_equal(model->unit_count, 2);
    assert_int_equal(ask(&p, "SELECT count(*) FROM v_layers"), 3);
    assert_int_equal(ask(&p, "SELECT count(*) FROM v_layers WHERE execution = 'fused' AND members = 'expand + dw'"), 1);
    assert_int_equal(ask(&p, "SELECT 100 * counted_macs_share FROM v_members WHERE execution = 'fused' AND name = 'dw'"), 25);
    assert_int_equal(ask(&p, "SELECT 100 * counted_bytes_share FROM v_members WHERE execution = 'fused' AND name = 'dw'"), 20);
    assert_int_equal(ask(&p, "SELECT count(*) FROM v_members WHERE counted_macs_share = 1 AND execution <> 'fused'"), 2);
    /* seen again, the run knows one list alone: the other is nobody's */
    run.model_count = 1;
    OK(&p, gt_store_put_run(p.store, &run, models, 1, &p.err));
    assert_int_equal(ask(&p, "SELECT count(*) FROM units"), 1);
    assert_int_equal(ask(&p, "SELECT count(*) FROM members"), 2);
    assert_sound(&p);
    place_close(&p);
}

static int64_t all_rows(const struct place *p)
{
    return ask(p,
               "SELECT (SELECT count(*) FROM runs) + (SELECT count(*) FROM processes) + (SELECT count(*) FROM run_models)"
               " + (SELECT count(*) FROM unit_attributions) + (SELECT count(*) FROM counters) + (SELECT count(*) FROM events)"
               " + (SELECT count(*) FROM attributions) + (SELECT count(*) FROM traces) + (SELECT count(*) FROM models)"
               " + (SELECT count(*) FROM units) + (SELECT count(*) FROM members) + (SELECT count(*) FROM host_classes)");
}

static void a_live_run_is_replaced_and_a_final_one_stays(void **state)
{
    (void)state;
    struct place p;
    char id[33];
    struct gt_run_record run = record_run(id, 7, "open"), *got = NULL;
    place_open(&p);
    put(&p, &run);
    int64_t rows = all_rows(&p);
    put(&p, &run);
    assert_int_equal(all_rows(&p), rows);
    run.state = "closed";
    run.cpu_ns = 78;
    run.process_count = 1;
    put(&p, &run);
    assert_int_equal(all_rows(&p), rows - 1);
    run.state = "open"; /* a slow ingest that looked earlier */
    run.cpu_ns = 1;
    put(&p, &run);
    OK(&p, gt_store_get_run(p.store, id, &p.arena, &got, &p.err));
    assert_int_equal(got->cpu_ns, 78);
    same_text(got->state, "closed");
    assert_sound(&p);
    place_close(&p);
}

/* The record of `version` with figures of its own. */
static void put_version(struct place *p, const struct gt_run_record *run, const char *method, int64_t version, double uj,
                        bool wanted)
{
    struct gt_attribution_record a = run->attribution;
    struct gt_unit_energy_record units[] = {record_energies[0], record_energies[1]};
    struct gt_run_model_record part = run->models[0];
    bool added = !wanted;
    a.method = method;
    a.version = version;
    a.run_job.uj = (int64_t)uj;
    part.uj_per_inference = units[0].uj_per_call = uj;
    part.units = units;
    OK(p, gt_store_put_attribution(p->store, run->id, &a, &part, 1, &added, &p->err));
    assert_int_equal(added, wanted);
}

static void is_current(struct place *p, const char *id, int64_t version, double uj)
{
    struct gt_run_record *got = NULL;
    OK(p, gt_store_get_run(p->store, id, &p->arena, &got, &p->err));
    assert_int_equal(got->attribution.version, version);
    same_real(got->models[0].uj_per_inference, uj);
    assert_int_equal(got->models[0].unit_count, 2);
    same_real(got->models[0].units[0].uj_per_call, uj);
    assert_int_equal(ask(p, "SELECT count(*) FROM v_runs"), 1);
    assert_int_equal(ask(p, "SELECT count(*) FROM v_layers"), 2);
    assert_int_equal(ask(p, "SELECT count(*) FROM v_family"), 1);
}

/* A newer version stands beside the older one and is shown; an older or the same one changes nothing that is shown. */
static void attributions_stand_beside_each_other(void **state)
{
    (void)state;
    struct place p;
    char id[33];
    struct gt_run_record run = record_run(id, 1, "closed");
    struct gt_attribution_record *all = NULL;
    const char **without = NULL;
    size_t count = 0;
    place_open(&p);
    put(&p, &run);
    put_version(&p, &run, "time", 3, 30, true);
    is_current(&p, id, 3, 30);
    put_version(&p, &run, "time", 3, 99, false); /* it is there */
    is_current(&p, id, 3, 30);
    put_version(&p, &run, "time", 2, 20, true);
    is_current(&p, id, 3, 30);
    put_version(&p, &run, "unheard of", 9, 90, true); /* a method without a rank */
    is_current(&p, id, 3, 30);
    OK(&p, gt_store_get_attributions(p.store, id, &p.arena, &all, &count, &p.err));
    assert_int_equal(count, 4);
    for (size_t i = 0; i < 4; i++)
        assert_int_equal(all[i].version, ((int[]){3, 2, 1, 9})[i]);
    OK(&p, gt_store_runs_without(p.store, "time", 2, &p.arena, &without, &count, &p.err));
    assert_int_equal(count, 0);
    OK(&p, gt_store_runs_without(p.store, "time", 4, &p.arena, &without, &count, &p.err));
    assert_int_equal(count, 1);
    same_text(without[0], id);

    /* What a person says divides by the current record. */
    assert_int_equal(ask(&p, "UPDATE run_models SET counted = 'reported' RETURNING 1"), 1);
    struct gt_annotation_record said = {.phi = NAN, .inferences = 5};
    OK(&p, gt_store_annotate(p.store, id, &said, &p.err));
    struct gt_run_record *got = NULL;
    OK(&p, gt_store_get_run(p.store, id, &p.arena, &got, &p.err));
    same_real(got->models[0].uj_per_inference, 6);
    same_text(got->models[0].counted, "annotated");
    assert_sound(&p);

    assert_int_equal(gt_store_put_attribution(p.store, id, &run.attribution, run.models, 0, NULL, &p.err), GT_E_MISMATCH);
    assert_int_equal(gt_store_put_attribution(p.store, "00", &run.attribution, run.models, 1, NULL, &p.err), GT_E_NOENT);
    place_close(&p);
}

/* Ingest replaces the record that it makes; others stay while they are of the same trace, and go with what is out of date. */
static void a_new_look_replaces_what_it_derives(void **state)
{
    (void)state;
    struct place p;
    char id[33];
    static const uint8_t longer[] = {9, 9, 9};
    struct gt_run_record run = record_run(id, 1, "open");
    place_open(&p);
    put(&p, &run);
    put_version(&p, &run, "time", 3, 30, true);
    run.state = "closed";
    run.attribution.run_total.uj = 777;
    put(&p, &run);
    is_current(&p, id, 3, 30);
    assert_int_equal(ask(&p, "SELECT run_total_uj FROM attributions WHERE version = 1"), 777);
    run.trace = longer;
    run.trace_bytes = sizeof longer;
    put(&p, &run);
    struct gt_run_record *got = NULL;
    OK(&p, gt_store_get_run(p.store, id, &p.arena, &got, &p.err));
    same_parts(&run, got);
    assert_int_equal(got->attribution.version, 1);
    assert_int_equal(ask(&p, "SELECT count(*) FROM attributions"), 1);
    assert_int_equal(ask(&p, "SELECT count(*) FROM part_attributions"), 1);
    assert_int_equal(ask(&p, "SELECT count(*) FROM traces"), 1);
    assert_sound(&p);
    place_close(&p);
}

/* A run with unit hooks off knows the model, but not its units. */
static void units_stay_when_a_later_run_knows_none(void **state)
{
    (void)state;
    struct place p;
    char id[33], other[33];
    struct gt_run_record run = record_run(id, 1, "closed"), bare = record_run(other, 2, "closed");
    struct gt_model_record model = record_model, *got = NULL;
    place_open(&p);
    put(&p, &run);
    model.unit_count = 0;
    OK(&p, gt_store_put_run(p.store, &bare, &model, 1, &p.err));
    OK(&p, gt_store_get_model(p.store, MODEL_A, &p.arena, &got, &p.err));
    assert_int_equal(got->unit_count, 2);
    place_close(&p);
}

static void annotations_survive_and_divide_the_jobs_energy(void **state)
{
    (void)state;
    struct place p;
    char id[33];
    struct gt_run_record run = record_run(id, 3, "open"), *got = NULL;
    struct gt_annotation_record said = {.model = "mine/x1", .family = "mine", .phi = 1, .inferences = 9};
    place_open(&p);
    run.model_count = 0; /* a foreign job */
    OK(&p, gt_store_put_run(p.store, &run, NULL, 0, &p.err));
    OK(&p, gt_store_annotate(p.store, id, &said, &p.err));
    struct gt_annotation_record more = {.tags = "later", .phi = NAN, .inferences = GT_UNKNOWN};
    OK(&p, gt_store_annotate(p.store, id, &more, &p.err));
    for (int again = 0; again < 2; again++) {
        OK(&p, gt_store_get_run(p.store, id, &p.arena, &got, &p.err));
        same_text(got->tags, "later");
        assert_int_equal(got->model_count, 1);
        assert_int_equal(got->models[0].inferences, 9);
        assert_true(fabs(got->models[0].uj_per_inference - 10) < 1e-9);
        assert_true(fabs(got->models[0].lo_uj - 80.0 / 9) < 1e-9);
        struct gt_model_record *models = NULL;
        size_t count = 0;
        OK(&p, gt_store_find_models(p.store, "x1", &p.arena, &models, &count, &p.err));
        assert_int_equal(count, 1);
        same_text(models[0].family, "mine");
        same_real(models[0].phi, 1);
        assert_int_equal(models[0].macs, GT_UNKNOWN);
        OK(&p, gt_store_put_run(p.store, &run, NULL, 0, &p.err)); /* ingested again */
    }
    said.inferences = 0;
    assert_int_equal(gt_store_annotate(p.store, id, &said, &p.err), GT_E_ARG);
    assert_int_equal(gt_store_annotate(p.store, "ffffffffffffffffffffffffffffffff", &more, &p.err), GT_E_NOENT);
    assert_sound(&p);
    place_close(&p);
}

/* The label of a foreign job is the job's own: naming one run anew leaves another of the same name as it is. */
static void a_new_label_is_of_that_run_alone(void **state)
{
    (void)state;
    struct place p;
    char one[33], two[33];
    struct gt_run_record first = record_run(one, 1, "closed"), second = record_run(two, 2, "closed"), *got = NULL;
    struct gt_annotation_record said = {.model = "foo", .phi = NAN, .inferences = 9};
    struct gt_accuracy_record a = {.dataset_name = "toy", .split = "test", .provenance = "user", .run = two, .real_ns = 1};
    struct gt_accuracy_record *accuracies = NULL;
    struct gt_model_record *model = NULL, *models = NULL;
    size_t count = 0;
    place_open(&p);
    first.model_count = second.model_count = 0;
    OK(&p, gt_store_put_run(p.store, &first, NULL, 0, &p.err));
    OK(&p, gt_store_put_run(p.store, &second, NULL, 0, &p.err));
    OK(&p, gt_store_annotate(p.store, one, &said, &p.err));
    OK(&p, gt_store_annotate(p.store, two, &said, &p.err));
    OK(&p, gt_store_get_run(p.store, two, &p.arena, &got, &p.err));
    a.model = got->models[0].model;
    OK(&p, gt_store_put_accuracy(p.store, &a, NULL, NULL, &p.err));
    said.model = "bar";
    OK(&p, gt_store_annotate(p.store, two, &said, &p.err));
    static const char *const names[] = {"foo", "bar"};
    for (int i = 0; i < 4; i++) { /* before and after another ingest of the second */
        OK(&p, gt_store_get_run(p.store, i % 2 ? two : one, &p.arena, &got, &p.err));
        assert_int_equal(got->model_count, 1);
        assert_int_equal(got->models[0].inferences, 9);
        OK(&p, gt_store_get_model(p.store, got->models[0].model, &p.arena, &model, &p.err));
        same_text(model->name, names[i % 2]);
        OK(&p, gt_store_get_accuracies(p.store, model->digest, &p.arena, &accuracies, &count, &p.err));
        assert_int_equal(count, i % 2); /* answers go with their run */
        if (i == 1)
            OK(&p, gt_store_put_run(p.store, &second, NULL, 0, &p.err));
    }
    OK(&p, gt_store_annotate(p.store, one, &said, &p.err)); /* nobody is called foo any more */
    OK(&p, gt_store_find_models(p.store, NULL, &p.arena, &models, &count, &p.err));
    assert_int_equal(count, 1);
    assert_sound(&p);
    place_close(&p);
}

static void labels_without_a_model_are_refused(void **state)
{
    (void)state;
    struct place p;
    char id[33];
    struct gt_run_record run = record_run(id, 1, "closed"), *got = NULL;
    struct gt_annotation_record said = {.tags = "t", .phi = NAN, .inferences = 5};
    place_open(&p);
    run.model_count = 0;
    OK(&p, gt_store_put_run(p.store, &run, NULL, 0, &p.err));
    assert_int_equal(gt_store_annotate(p.store, id, &said, &p.err), GT_E_STATE);
    OK(&p, gt_store_get_run(p.store, id, &p.arena, &got, &p.err));
    same_text(got->tags, "a,b"); /* all of it, or nothing */
    said.inferences = GT_UNKNOWN;
    OK(&p, gt_store_annotate(p.store, id, &said, &p.err));
    place_close(&p);
}

/* What the file of a model says is not one run's to change, and an exact count not a person's. */
static void annotations_override_no_file_and_no_count(void **state)
{
    (void)state;
    struct place p;
    char id[33];
    struct gt_run_record run = record_run(id, 1, "closed"), *got = NULL;
    const struct gt_annotation_record refused[] = {
        {.model = "resnet", .phi = NAN, .inferences = GT_UNKNOWN},
        {.family = "other", .phi = NAN, .inferences = GT_UNKNOWN},
        {.phi = -1, .inferences = GT_UNKNOWN},
        {.phi = NAN, .inferences = 1},
    };
    const struct gt_annotation_record wrong[] = {{.model = " ", .phi = NAN, .inferences = GT_UNKNOWN},
                                                 {.family = "", .phi = NAN, .inferences = GT_UNKNOWN}};
    const struct gt_annotation_record same = {.model = "fashion/b3", .family = "fashion", .phi = 3, .inferences = GT_UNKNOWN};
    struct gt_model_record *model = NULL;
    place_open(&p);
    put(&p, &run);
    for (size_t i = 0; i < sizeof refused / sizeof *refused; i++)
        assert_int_equal(gt_store_annotate(p.store, id, &refused[i], &p.err), GT_E_STATE);
    for (size_t i = 0; i < sizeof wrong / sizeof *wrong; i++)
        assert_int_equal(gt_store_annotate(p.store, id, &wrong[i], &p.err), GT_E_ARG);
    assert_int_equal(ask(&p, "SELECT count(*) FROM annotations"), 0);
    OK(&p, gt_store_annotate(p.store, id, &same, &p.err));
    OK(&p, gt_store_get_model(p.store, MODEL_A, &p.arena, &model, &p.err));
    same_text(model->name, "fashion/b3");
    same_real(model->phi, 3);
    OK(&p, gt_store_get_run(p.store, id, &p.arena, &got, &p.err));
    same_text(got->models[0].counted, "observed");
    assert_int_equal(got->models[0].inferences, 10);
    place_close(&p);
}

/* A person names a job before it loads its model: the model's file names it, and what was observed counts. */
static void a_model_that_comes_after_its_label_keeps_its_name(void **state)
{
    (void)state;
    struct place p;
    char id[33];
    struct gt_run_record run = record_run(id, 1, "open"), *got = NULL;
    struct gt_annotation_record said = {.model = "guess", .phi = 7, .inferences = 9};
    struct gt_model_record *model = NULL;
    place_open(&p);
    run.model_count = 0;
    OK(&p, gt_store_put_run(p.store, &run, NULL, 0, &p.err));
    OK(&p, gt_store_annotate(p.store, id, &said, &p.err));
    run.model_count = 1;
    put(&p, &run);
    OK(&p, gt_store_get_model(p.store, MODEL_A, &p.arena, &model, &p.err));
    same_text(model->name, "fashion/b3");
    same_real(model->phi, 3);
    OK(&p, gt_store_get_run(p.store, id, &p.arena, &got, &p.err));
    assert_int_equal(got->models[0].inferences, 10);
    assert_true(got->annotation_unused);
    assert_sound(&p);
    place_close(&p);
}

static void more_inferences_than_nanoseconds(void **state)
{
    (void)state;
    struct place p;
    char id[33];
    struct gt_run_record run = record_run(id, 1, "closed");
    struct gt_annotation_record said = {.model = "m", .phi = NAN, .inferences = 1001};
    place_open(&p);
    run.model_count = 0;
    OK(&p, gt_store_put_run(p.store, &run, NULL, 0, &p.err)); /* of 1000 ns */
    assert_int_equal(gt_store_annotate(p.store, id, &said, &p.err), GT_E_ARG);
    said.inferences = 1000;
    OK(&p, gt_store_annotate(p.store, id, &said, &p.err));
    place_close(&p);
}

/* A live job may load another
 model after a person has labelled its only one: its later ingests must not fail for that. */
static void an_annotated_run_may_load_another_model(void **state)
{
    (void)state;
    struct place p;
    char id[33];
    struct gt_run_record run = record_run(id, 1, "open"), *got = NULL;
    struct gt_model_record models[] = {record_model, record_model};
    struct gt_run_model_record parts[] = {record_parts[0], record_parts[0]};
    struct gt_annotation_record said = {.family = "mine", .tags = "said", .phi = NAN, .inferences = 9};
    models[1].digest = parts[1].model = MODEL_B;
    models[0].family = models[1].family = NULL;
    parts[0].counted = parts[1].counted = "reported";
    place_open(&p);
    run.models = parts;
    OK(&p, gt_store_put_run(p.store, &run, models, 1, &p.err));
    OK(&p, gt_store_annotate(p.store, id, &said, &p.err));
    OK(&p, gt_store_get_run(p.store, id, &p.arena, &got, &p.err));
    assert_false(got->annotation_unused);
    run.model_count = 2;
    run.state = "closed";
    OK(&p, gt_store_put_run(p.store, &run, models, 2, &p.err));
    OK(&p, gt_store_get_run(p.store, id, &p.arena, &got, &p.err));
    same_text(got->state, "closed");
    same_text(got->tags, "said");
    assert_int_equal(got->model_count, 2);
    for (int i = 0; i < 2; i++)
        assert_int_equal(got->models[i].inferences, 10); /* as measured: the nine are nobody's in particular */
    assert_true(got->annotation_unused);
    struct gt_run_line *lines = NULL;
    struct gt_model_run *runs = NULL;
    size_t count = 0;
    OK(&p, gt_store_list_runs(p.store, false, &p.arena, &lines, &count, &p.err));
    assert_true(count == 1 && lines[0].annotation_unused);
    OK(&p, gt_store_model_runs(p.store, MODEL_B, &p.arena, &runs, &count, &p.err));
    assert_true(count == 1 && runs[0].annotation_unused);
    assert_int_equal(ask(&p, "SELECT inferences FROM annotations"), 9);
    assert_int_equal(gt_store_annotate(p.store, id, &said, &p.err), GT_E_AMBIGUOUS);
    struct gt_annotation_record more = {.tags = "later", .phi = NAN, .inferences = GT_UNKNOWN};
    OK(&p, gt_store_annotate(p.store, id, &more, &p.err)); /* tags are the run's */
    assert_sound(&p);
    place_close(&p);
}

/* A live job's first ingest may know less of a model than the next. */
static void what_a_model_did_not_say_is_filled_in_later(void **state)
{
    (void)state;
    struct place p;
    char id[33];
    struct gt_run_record run = record_run(id, 1, "open");
    struct gt_model_record model = {.digest = MODEL_A, .phi = NAN, .macs = GT_UNKNOWN, .params = GT_UNKNOWN}, *got = NULL;
    place_open(&p);
    OK(&p, gt_store_put_run(p.store, &run, &model, 1, &p.err));
    put(&p, &run);
    for (int again = 0; again < 2; again++) {
        OK(&p, gt_store_get_model(p.store, MODEL_A, &p.arena, &got, &p.err));
        same_text(got->name, "fashion/b3");
        same_real(got->phi, 3);
        assert_int_equal(got->macs, record_model.macs);
        assert_int_equal(got->params, record_model.params);
        OK(&p, gt_store_put_run(p.store, &run, &model, 1, &p.err)); /* and is not forgotten */
    }
    place_close(&p);
}

static void models_are_found_by_label_and_digest(void **state)
{
    (void)state;
    static const struct {
        const char *label;
        size_t count;
    } rows[] = {{"fashion/b3", 1}, {"b3", 1},      {"aaaaaa", 1}, {"AAAAAA", 1}, {"aaaaa", 0}, {"3", 1},
                {"%", 0},          {"Fashion", 1}, {"_3", 0},     {"", 0},       {NULL, 1}};
    struct place p;
    char id[33];
    struct gt_run_record run = record_run(id, 1, "closed");
    place_open(&p);
    put(&p, &run);
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        struct gt_model_record *models = NULL;
        size_t count = 99;
        OK(&p, gt_store_find_models(p.store, rows[i].label, &p.arena, &models, &count, &p.err));
        if (count != rows[i].count)
            fail_msg("'%s' finds %zu models", rows[i].label, count);
    }
    place_close(&p);
}

static void runs_are_found_by_a_unique_beginning(void **state)
{
    (void)state;
    struct place p;
    char id[33], other[33];
    struct gt_run_record a = record_run(id, 1, "closed"), b = record_run(other, 2, "closed"), *got = NULL;
    place_open(&p);
    put(&p, &a);
    put(&p, &b);
    assert_int_equal(gt_store_get_run(p.store, "0000", &p.arena, &got, &p.err), GT_E_AMBIGUOUS);
    assert_int_equal(gt_store_get_run(p.store, "1234", &p.arena, &got, &p.err), GT_E_NOENT);
    static const char *const wrong[] = {"", "000", "%%%%", "____", "0000x", "000000000000000000000000000000000"};
    for (size_t i = 0; i < sizeof wrong / sizeof *wrong; i++)
        assert_int_equal(gt_store_get_run(p.store, wrong[i], &p.arena, &got, &p.err), GT_E_ARG);
    place_close(&p);
}

static void deleting_a_run_leaves_no_orphans(void **state)
{
    (void)state;
    struct place p;
    char ids[4][33];
    struct gt_run_record runs[4];
    place_open(&p);
    for (unsigned i = 0; i < 4; i++)
        runs[i] = record_run(ids[i], 16 + i, "closed");
    runs[1].parent = ids[0];
    runs[2].series = ids[0];
    for (int i = 0; i < 4; i++)
        put(&p, &runs[i]);
    struct gt_annotation_record said = {.tags = "t", .phi = NAN, .inferences = GT_UNKNOWN};
    OK(&p, gt_store_annotate(p.store, ids[1], &said, &p.err));
    struct gt_run_line *lines = NULL;
    const char **children = NULL;
    size_t count = 0;
    OK(&p, gt_store_list_runs(p.store, false, &p.arena, &lines, &count, &p.err));
    assert_int_equal(count, 2);
    same_text(lines[0].id, ids[3]); /* newest first */
    assert_int_equal(lines[1].children, 2);
    OK(&p, gt_store_child_runs(p.store, ids[0], &p.arena, &children, &count, &p.err));
    assert_int_equal(count, 2);
    OK(&p, gt_store_delete_run(p.store, ids[0], &p.err));
    assert_int_equal(ask(&p, "SELECT count(*) FROM runs"), 1);
    assert_int_equal(ask(&p, "SELECT count(*) FROM annotations"), 0);
    assert_int_equal(ask(&p, "SELECT count(*) FROM traces"), 1); /* the other run has the same one */
    assert_int_equal(gt_store_delete_run(p.store, ids[0], &p.err), GT_E_NOENT);
    const char *doomed[] = {ids[0], ids[3], "00"}; /* those that are no runs are passed over */
    OK(&p, gt_store_delete_runs(p.store, doomed, 3, &p.err));
    assert_int_equal(ask(&p, "SELECT (SELECT count(*) FROM traces) + (SELECT count(*) FROM processes)"
                             " + (SELECT count(*) FROM run_models) + (SELECT count(*) FROM unit_attributions)"
                             " + (SELECT count(*) FROM part_attributions) + (SELECT count(*) FROM slots)"
                             " + (SELECT count(*) FROM counters) + (SELECT count(*) FROM events)"
                             " + (SELECT count(*) FROM attributions)"),
                     0);
    assert_sound(&p);
    place_close(&p);
}

static void accuracies_keep_their_answers(void **state)
{
    (void)state;
    static const uint8_t labels[] = {1, 2, 3}, predictions[] = {1, 0, 3}, answers[] = {5};
    struct gt_dataset_record dataset = {"dddd", "toy", "test", 3, labels, 3}, *set = NULL;
    struct gt_accuracy_record a = {.model = MODEL_A,
                                   .dataset = "dddd",
                                   .dataset_name = "toy",
                                   .split = "test",
                                   .precision = "fp32",
                                   .provenance = "measured",
                                   .n = 3,
                                   .correct = 2,
                                   .pct = 66.666,
                                   .predictions = predictions,
                                   .prediction_bytes = 3,
                                   .answers = answers,
                                   .answer_count = 3,
                                   .real_ns = 1};
    struct gt_accuracy_record *got = NULL;
    size_t count = 0;
    struct place p;
    place_open(&p);
    OK(&p, gt_store_put_accuracy(p.store, &a, &dataset, NULL, &p.err));
    OK(&p, gt_store_put_accuracy(p.store, &a, &dataset, NULL, &p.err)); /* replaces */
    struct gt_accuracy_record few = a; /* a trial on fewer images leaves the full result alone */
    few.n = 2;
    few.correct = 0;
    int64_t kept = 0;
    OK(&p, gt_store_put_accuracy(p.store, &few, &dataset, &kept, &p.err));
    assert_int_equal(kept, a.n);
    OK(&p, gt_store_get_accuracies(p.store, MODEL_A, &p.arena, &got, &count, &p.err));
    assert_int_equal(count, 1);
    assert_int_equal(got[0].n, 3);
    a.provenance = "user";
    a.answers = a.predictions = NULL;
    a.real_ns = 2;
    OK(&p, gt_store_put_accuracy(p.store, &a, &dataset, NULL, &p.err)); /* stands beside it */
    OK(&p, gt_store_get_accuracies(p.store, MODEL_A, &p.arena, &got, &count, &p.err));
    assert_int_equal(count, 2);
    same_text(got[0].provenance, "user");
    assert_null(got[0].answers);
    assert_int_equal(got[1].answer_count, 3);
    assert_int_equal(got[1].answers[0], 5);
    assert_memory_equal(got[1].predictions, predictions, 3);
    OK(&p, gt_store_get_dataset(p.store, NULL, "toy", "test", &p.arena, &set, &p.err));
    assert_memory_equal(set->labels, labels, 3);
    a.preprocessing = "resize=256"; /* images prepared in another way: nothing is replaced */
    OK(&p, gt_store_put_accuracy(p.store, &a, &dataset, NULL, &p.err));
    OK(&p, gt_store_put_accuracy(p.store, &a, &dataset, NULL, &p.err)); /* but by the same again */
    OK(&p, gt_store_get_accuracies(p.store, MODEL_A, &p.arena, &got, &count, &p.err));
    assert_int_equal(count, 3);
    same_text(got[0].preprocessing, "resize=256");
    assert_null(got[1].preprocessing);
    a.preprocessing = NULL;
    dataset.digest = a.dataset = "cccc"; /* other images under the same name: another dataset, nothing is replaced */
    OK(&p, gt_store_put_accuracy(p.store, &a, &dataset, NULL, &p.err));
    OK(&p, gt_store_get_accuracies(p.store, MODEL_A, &p.arena, &got, &count, &p.err));
    assert_int_equal(count, 4);
    assert_int_equal(gt_store_get_dataset(p.store, NULL, "toy", "test", &p.arena, &set, &p.err), GT_E_AMBIGUOUS);
    OK(&p, gt_store_get_dataset(p.store, "dddd", NULL, NULL, &p.arena, &set, &p.err));
    assert_memory_equal(set->labels, labels, 3);
    assert_int_equal(gt_store_get_dataset(p.store, "eeee", NULL, NULL, &p.arena, &set, &p.err), GT_E_NOENT);
    struct gt_accuracy_record *published = NULL;
    OK(&p, gt_store_published(p.store, "efficientnet/b7", &p.arena, &published, &p.err));
    same_real(published->pct, 84.3);
    assert_int_equal(published->n, 50000);
    assert_int_equal(published->correct, GT_UNKNOWN);
    assert_int_equal(gt_store_published(p.store, "efficientnet/b8", &p.arena, &published, &p.err), GT_E_NOENT);
    place_close(&p);
}

static void the_newest_calibration_counts(void **state)
{
    (void)state;
    struct gt_calibration_record c = {"h1", "powercap", "package", 10, 9, 11, 0.01, 30, 1, false}, *got = NULL;
    struct place p;
    place_open(&p);
    OK(&p, gt_store_put_calibration(p.store, &c, &p.err));
    c.idle_w = 12;
    c.real_ns = 2;
    OK(&p, gt_store_put_calibration(p.store, &c, &p.err));
    OK(&p, gt_store_get_calibration(p.store, "h1", "powercap", "package", &p.arena, &got, &p.err));
    same_real(got->idle_w, 12);
    assert_int_equal(gt_store_get_calibration(p.store, "h1", "powercap", "psys", &p.arena, &got, &p.err), GT_E_NOENT);
    place_close(&p);
}

static void views_answer(void **state)
{
    (void)state;
    struct place p;
    char id[33];
    struct gt_run_record run = record_run(id, 1, "closed");
    place_open(&p);
    put(&p, &run);
    assert_int_equal(ask(&p,
                         "SELECT job_uj FROM v_runs WHERE provenance = 'measured' AND source = 'powercap'"
                         " AND boundary = 'package' AND kind = 'ci95' AND inferences = 10 AND total_uj ="
                         " inference_uj + idle_uj + others_uj + unattributed_uj AND inference_uj = units_uj + framework_uj"),
                     90);
    assert_int_equal(ask(&p, "SELECT count(*) FROM v_layers WHERE model = 'fashion/b3' AND method = 'time'"), 2);
    assert_int_equal(ask(&p, "SELECT macs FROM v_layers WHERE idx = 0 AND members LIKE 'stem + %' AND ns_per_call = 50"), 100);
    assert_int_equal(ask(&p, "SELECT uj_per_inference * 2 FROM v_family WHERE family = 'fashion' AND phi = 3"), 25);
    place_close(&p);
}

/* --- files that are no store, or not of this version */

static void write_file(const char *path, const void *bytes, size_t n)
{
    FILE *f = fopen(path, "wb");
    assert_non_null(f);
    assert_int_equal(fwrite(bytes, 1, n, f), n);
    fclose(f);
}

static void sql(const char *path, const char *text)
{
    sqlite3 *db;
    assert_int_equal(sqlite3_open(path, &db), SQLITE_OK);
    assert_int_equal(sqlite3_exec(db, text, NULL, NULL, NULL), SQLITE_OK);
    sqlite3_close(db);
}

static size_t read_file(const char *path, char *bytes, size_t capacity)
{
    FILE *f = fopen(path, "rb");
    assert_non_null(f);
    size_t n = fread(bytes, 1, capacity, f);
    fclose(f);
    assert_true(n > 0 && n < capacity);
    return n;
}

/* Opening fails with that status and these words, in both modes, and not a byte of the file changes. */
static void refused(struct place *p, enum gt_status wanted, const char *words)
{
    static char before[1 << 20], after[1 << 20];
    for (int mode = GT_STORE_READ; mode <= GT_STORE_WRITE; mode++) {
        size_t n = read_file(p->path, before, sizeof before);
        struct gt_store *store = NULL;
        enum gt_status status = gt_store_open(p->path, (enum gt_store_mode)mode, &store, &p->err);
        if (status != wanted || !strstr(p->err.text, words) || !strstr(p->err.text, p->path))
            fail_msg("mode %d: %s: %s", mode, gt_status_message(status), p->err.text);
        assert_null(store);
        assert_int_equal(read_file(p->path, after, sizeof after), n);
        assert_memory_equal(before, after, n);
    }
}

static void damaged_and_foreign_files_are_refused_untouched(void **state)
{
    (void)state;
    struct place p;
    static char garbage[8192];
    memset(garbage, 'x', sizeof garbage);
    place_open(&p);
    gt_store_close(p.store);
    p.store = NULL;
    unlink(p.path);
    write_file(p.path, garbage, sizeof garbage);
    refused(&p, GT_E_CORRUPT, "not a greentrack store");
    unlink(p.path);
    sql(p.path, "CREATE TABLE theirs(x); PRAGMA user_version = 1");
    refused(&p, GT_E_FORMAT, "another program's");
    unlink(p.path);
    sql(p.path, "PRAGMA application_id = 1196716916; CREATE TABLE t(x); PRAGMA user_version = 99");
    refused(&p, GT_E_VERSION, "newer greentrack");
    place_close(&p);
}

/* An empty file is a store before its first migration: to readers there is none yet, writing migrates. */
static void an_older_schema_is_migrated_by_writers_alone(void **state)
{
    (void)state;
    struct place p;
    place_open(&p);
    gt_store_close(p.store);
    p.store = NULL;
    unlink(p.path);
    write_file(p.path, "", 0);
    assert_int_equal(gt_store_open(p.path, GT_STORE_READ, &p.store, &p.err), GT_E_NOENT);
    assert_non_null(strstr(p.err.text, "still empty"));
    OK(&p, gt_store_open(p.path, GT_STORE_WRITE, &p.store, &p.err));
    assert_int_equal(ask(&p, "PRAGMA user_version"), GT_STORE_VERSION);
    assert_int_equal(ask(&p, "SELECT count(*) FROM published"), 8);
    assert_sound(&p);
    place_close(&p);
}

/* A store as version 1 wrote it: a hooked run, two under GREENTRACK_UNITS=off (one bare), a foreign one with a number said. */
static void version_1_is_brought_up_to_date(void **state)
{
    (void)state;
    static char dump[1 << 20];
    struct place p;
    place_open(&p);
    gt_store_close(p.store);
    p.store = NULL;
    unlink(p.path);
    dump[read_file("tests/golden/store-v1.sql", dump, sizeof dump - 1)] = '\0';
    sql(p.path, dump);
    sql(p.path,
        "DELETE FROM accuracies; INSERT INTO accuracies(model, provenance) SELECT digest, 'measured' FROM models LIMIT 1;"
        "INSERT INTO accuracies(model, provenance) SELECT digest, 'user' FROM models LIMIT 1;"
        "UPDATE members SET macs = 1 WHERE unit = 0");
    assert_int_equal(gt_store_open(p.path, GT_STORE_READ, &p.store, &p.err), GT_E_VERSION);
    OK(&p, gt_store_open(p.path, GT_STORE_WRITE, &p.store, &p.err));
    assert_int_equal(ask(&p, "SELECT count(*) FROM runs"), 4);
    assert_int_equal(
        ask(&p, "SELECT count(*) FROM v_runs WHERE total_uj = inference_uj + idle_uj + others_uj + unattributed_uj"), 3);
    assert_int_equal(ask(&p, "SELECT count(*) FROM v_runs WHERE unit_hooks AND inference_uj = units_uj + framework_uj"), 1);
    assert_int_equal(ask(&p, "SELECT count(*) FROM v_runs WHERE NOT unit_hooks AND inference_uj > 0 AND units_uj IS NULL"
                             " AND framework_uj IS NULL"),
                     2);
    assert_int_equal(ask(&p, "SELECT count(*) FROM run_models WHERE counted = 'observed'"), 3);
    assert_int_equal(ask(&p, "SELECT inferences FROM run_models WHERE counted = 'annotated'"), 5);
    assert_int_equal(ask(&p, "SELECT count(*) FROM v_layers WHERE uj_per_call >= 0"), 33);
    assert_int_equal(ask(&p, "SELECT count(*) FROM v_layers WHERE name IS NOT NULL AND members IS NOT NULL"), 33);
    /* unit 0 was given several members that multiply above; of the foreign model nothing is known */
    assert_int_equal(ask(&p, "SELECT count(*) FROM v_layers WHERE execution = 'fused'"), 33);
    assert_int_equal(ask(&p, "SELECT count(*) FROM run_models WHERE execution IS NULL"), 1);
    assert_int_equal(ask(&p, "SELECT count(*) FROM members WHERE division <> '' OR bytes IS NOT NULL"), 0);
    assert_int_equal(ask(&p, "SELECT count(*) FROM v_runs WHERE job_uj > 0 AND run_total_uj IS NULL"), 4);
    assert_int_equal(ask(&p, "SELECT count(*) FROM accuracies WHERE provenance = 'measured'"
                             " AND preprocessing = 'resize=area mean=0.286 std=0.353'"),
                     1);
    assert_int_equal(ask(&p, "SELECT count(*) FROM accuracies WHERE provenance = 'user' AND preprocessing IS NULL"), 1);
    assert_sound(&p);
    place_close(&p);
}

/* A migration that cannot be finished leaves what was there: all tables of the new schema, or none. */
static void a_failed_migration_changes_nothing(void **state)
{
    (void)state;
    struct place p;
    place_open(&p);
    gt_store_close(p.store);
    p.store = NULL;
    unlink(p.path);
    sql(p.path, "PRAGMA application_id = 1196716916; CREATE TABLE calibrations(kept); INSERT INTO calibrations VALUES(7)");
    assert_int_not_equal(gt_store_open(p.path, GT_STORE_WRITE, &p.store, &p.err), GT_OK);
    assert_non_null(strstr(p.err.text, p.path));
    assert_null(p.store);
    assert_int_equal(ask(&p, "PRAGMA user_version"), 0);
    assert_int_equal(ask(&p, "SELECT count(*) FROM sqlite_schema"), 1);
    assert_int_equal(ask(&p, "SELECT kept FROM calibrations"), 7);
    place_close(&p);
}

static void a_truncated_store_is_called_damaged(void **state)
{
    (void)state;
    struct place p;
    char id[33];
    place_open(&p);
    for (unsigned i = 0; i < 30; i++) {
        struct gt_run_record run = record_run(id, i, "closed");
        put(&p, &run);
    }
    gt_store_close(p.store); /* folds the write-ahead log into the file */
    p.store = NULL;
    struct stat st;
    assert_int_equal(stat(p.path, &st), 0);
    assert_int_equal(truncate(p.path, st.st_size / 2), 0);
    static char before[1 << 20], after[1 << 20];
    size_t n = read_file(p.path, before, sizeof before);
    enum gt_status status = gt_store_open(p.path, GT_STORE_WRITE, &p.store, &p.err);
    for (unsigned i = 0; i < 30 && status == GT_OK; i++) {
        struct gt_run_record *got = NULL;
        snprintf(id, sizeof id, "%032x", i);
        status = gt_store_get_run(p.store, id, &p.arena, &got, &p.err);
    }
    assert_int_equal(status, GT_E_CORRUPT);
    assert_non_null(strstr(p.err.text, "damaged"));
    gt_store_close(p.store);
    p.store = NULL;
    assert_int_equal(read_file(p.path, after, sizeof after), n); /* what is left of it is kept, for `.recover` */
    assert_memory_equal(before, after, n);
    place_close(&p);
}

static void a_missing_store_is_said_to_be_missing(void **state)
{
    (void)state;
    struct gt_store *store = NULL;
    struct gt_err err = {0};
    assert_int_equal(gt_store_open("/nonexistent/store.db", GT_STORE_READ, &store, &err), GT_E_NOENT);
    assert_non_null(strstr(err.text, "no store yet"));
    assert_int_equal(gt_store_open("/tmp", GT_STORE_WRITE, &store, &err), GT_E_FORMAT);
    assert_null(store);
}

static void the_default_place_follows_the_environment(void **state)
{
    (void)state;
    struct gt_arena arena = {0};
    struct gt_err err = {0};
    const char *path;
    setenv("GREENTRACK_STORE", "/s/x.db", 1);
    setenv("XDG_DATA_HOME", "/d", 1);
    setenv("HOME", "/h", 1);
    assert_int_equal(gt_store_default_path(&arena, &path, &err), GT_OK);
    assert_string_equal(path, "/s/x.db");
    unsetenv("GREENTRACK_STORE");
    assert_int_equal(gt_store_default_path(&arena, &path, &err), GT_OK);
    assert_string_equal(path, "/d/greentrack/store.db");
    setenv("XDG_DATA_HOME", "relative", 1);
    assert_int_equal(gt_store_default_path(&arena, &path, &err), GT_OK);
    assert_string_equal(path, "/h/.local/share/greentrack/store.db");
    unsetenv("HOME");
    assert_int_equal(gt_store_default_path(&arena, &path, &err), GT_E_NOENT);
    gt_arena_free(&arena);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_new_store_is_private_and_ours),
        cmocka_unit_test(private_under_any_umask),
        cmocka_unit_test(journals_fit_the_file_system),
        cmocka_unit_test(works_with_a_rollback_journal),
        cmocka_unit_test(a_run_comes_back_as_it_went_in),
        cmocka_unit_test(traces_are_kept_packed),
        cmocka_unit_test(units_of_two_ways_of_execution_stand_side_by_side),
        cmocka_unit_test(a_live_run_is_replaced_and_a_final_one_stays),
        cmocka_unit_test(attributions_stand_beside_each_other),
        cmocka_unit_test(a_new_look_replaces_what_it_derives),
        cmocka_unit_test(units_stay_when_a_later_run_knows_none),
        cmocka_unit_test(annotations_survive_and_divide_the_jobs_energy),
        cmocka_unit_test(a_new_label_is_of_that_run_alone),
        cmocka_unit_test(labels_without_a_model_are_refused),
        cmocka_unit_test(an_annotated_run_may_load_another_model),
        cmocka_unit_test(annotations_override_no_file_and_no_count),
        cmocka_unit_test(a_model_that_comes_after_its_label_keeps_its_name),
        cmocka_unit_test(more_inferences_than_nanoseconds),
        cmocka_unit_test(what_a_model_did_not_say_is_filled_in_later),
        cmocka_unit_test(models_are_found_by_label_and_digest),
        cmocka_unit_test(runs_are_found_by_a_unique_beginning),
        cmocka_unit_test(deleting_a_run_leaves_no_orphans),
        cmocka_unit_test(accuracies_keep_their_answers),
        cmocka_unit_test(the_newest_calibration_counts),
        cmocka_unit_test(views_answer),
        cmocka_unit_test(damaged_and_foreign_files_are_refused_untouched),
        cmocka_unit_test(an_older_schema_is_migrated_by_writers_alone),
        cmocka_unit_test(version_1_is_brought_up_to_date),
        cmocka_unit_test(a_failed_migration_changes_nothing),
        cmocka_unit_test(a_truncated_store_is_called_damaged),
        cmocka_unit_test(a_missing_store_is_said_to_be_missing),
        cmocka_unit_test(the_default_place_follows_the_environment),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
