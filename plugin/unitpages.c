/* The sampler's half: events opened on the host's threads, their pages, what has been counted. */
#include "core/os.h"
#include "plugin/interpose.h"
#include "plugin/sampler.h"
#include "plugin/unitcount.h"
#include "plugin/unittable.h"

#include <errno.h>
#include <linux/perf_event.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

enum { PAGE = 4096, COST_READS = 1000 };

static const char filtered[] = "this process is under a system call filter, which may end it for asking";
static const char not_mapped[] = "the kernel gives no page to read it from (kernel.perf_event_mlock_kb, or a filter)";

/* Why a page that is there is of no use. */
static const char *unreadable(const struct gt_event_term *term)
{
    return term->type == PERF_TYPE_SOFTWARE
               ? "cannot be read without a system call: counted for the whole run only (--counters)"
               : "this kernel or machine does not let programs read it themselves (/sys/devices/cpu/rdpmc)";
}

/* The term's page for thread `tid` (0: this one). NULL with the reason. The mapping keeps the event alive. */
static struct perf_event_mmap_page *open_page(const struct gt_os *os, const struct gt_event_term *term, pid_t tid,
                                              bool *user_only, const char **reason)
{
    int fd = gt_event_open(os, term, tid, false, user_only);
    if (fd < 0) {
        *reason = os->perf_event_open == gt_os_linux.perf_event_open ? gt_event_reason(term, -fd) : filtered;
        return NULL;
    }
    struct perf_event_mmap_page *page = mmap(NULL, PAGE, PROT_READ, MAP_SHARED, fd, 0);
    close(fd);
    if (page == MAP_FAILED) {
        *reason = not_mapped;
        return NULL;
    }
    madvise(page, PAGE, MADV_DONTFORK);
    if (gt_rdpmc_allowed(page))
        return page;
    munmap(page, PAGE);
    *reason = unreadable(term);
    return NULL;
}

/* A page per term. How many: fewer than there are terms when one cannot be had. */
static uint32_t open_pages(const struct gt_unit_events *u, pid_t tid, struct perf_event_mmap_page *_Atomic *pages)
{
    struct perf_event_mmap_page *page;
    const char *reason;
    bool user_only;
    uint32_t open = 0;
    while (open < u->count && (page = open_page(&u->os, &u->terms[open], tid, &user_only, &reason)) != NULL)
        pages[open++] = page;
    return open;
}

static void unmap_pages(struct perf_event_mmap_page *_Atomic *pages, uint32_t count)
{
    for (uint32_t i = 0; i < count; i++)
        munmap(pages[i], PAGE);
}

/* --- what is countable here, found out on the sampler itself
 * ------------------------------------------------------------------- */

static void say_absent(struct gt_sampler *s, const struct gt_event_term *term, const char *reason)
{
    char text[GT_EVENT_NAME + 160];
    size_t n = strlen(term->name), r = strnlen(reason, 150);
    memcpy(text, term->name, n);
    memcpy(text + n, ": ", 2);
    memcpy(text + n + 2, reason, r);
    text[n + 2 + r] = 0;
    gt_trace_write_note(&s->writer, "unit counter absent", text);
}

/* A sum of which one term is not known is not known. */
static void drop_event(struct gt_unit_events *u, const char *name)
{
    uint32_t kept = 0;
    for (uint32_t i = 0; i < u->count; i++)
        if (strcmp(u->terms[i].name, name) != 0)
            u->terms[kept++] = u->terms[i];
    u->count = kept;
}

static void drop_unreadable(struct gt_sampler *s)
{
    struct gt_unit_events *u = &s->unit_events;
    for (uint32_t i = 0; i < u->count;) {
        const char *reason;
        char name[GT_EVENT_NAME];
        bool user_only;
        struct perf_event_mmap_page *page = open_page(&u->os, &u->terms[i], 0, &user_only, &reason);
        if (page) {
            u->user_only[i++] = user_only;
            munmap(page, PAGE);
            continue;
        }
        say_absent(s, &u->terms[i], reason);
        memcpy(name, u->terms[i].name, sizeof name);
        drop_event(u, name);
        i = 0;
    }
}

static void describe(struct gt_sampler *s)
{
    const struct gt_unit_events *u = &s->unit_events;
    for (uint32_t i = 0; i < u->count; i++) {
        gt_trace_write_begin(&s->writer, GT_TRACE_COUNTER);
        gt_trace_write_string(&s->writer, GT_KEY_EVENT_NAME, u->terms[i].name);
        gt_trace_write_u64(&s->writer, GT_KEY_EVENT_INDEX, i);
        gt_trace_write_u64(&s->writer, GT_KEY_EVENT_WEIGHT, (uint64_t)u->terms[i].weight);
        gt_trace_write_string(&s->writer, GT_KEY_EVENT_SCOPE, gt_event_scope(&u->terms[i], u->user_only[i]));
        gt_trace_write_u64(&s->writer, GT_KEY_EVENT_PER_UNIT, 1);
        gt_trace_write_commit(&s->writer);
    }
}

/* What two readings of all terms take, which every unit pays: measured on the sampler's own events. */
static void write_cost(struct gt_sampler *s)
{
    const struct gt_unit_events *u = &s->unit_events;
    struct perf_event_mmap_page *_Atomic pages[GT_UNIT_TERMS];
    struct gt_event_count count;
    uint32_t open = open_pages(u, 0, pages);
    uint64_t begin_ns = gt_now_ns();
    for (int i = 0; i < 2 * COST_READS; i++)
        for (uint32_t k = 0; k < open; k++)
            gt_rdpmc_read(pages[k], gt_state.rdpmc, &count);
    uint64_t ns = (gt_now_ns() - begin_ns) / COST_READS;
    unmap_pages(pages, open);
    char text[64], *at = text + sizeof text;
    const char unit[] = " ns per unit";
    memcpy(at -= sizeof unit, unit, sizeof unit);
    do
        *--at = (char)('0' + ns % 10);
    while ((ns /= 10) != 0);
    gt_trace_write_note(&s->writer, "cost of unit counters", at);
}

/* --- threads -----------------------------------------------------------------------------------------------------------------
 */

static struct gt_unit_table *make_table(void)
{
    void *table =
        mmap(NULL, sizeof(struct gt_unit_table), PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_POPULATE, -1, 0);
    if (table == MAP_FAILED)
        return NULL;
    madvise(table, sizeof(struct gt_unit_table), MADV_DONTFORK);
    return table;
}

static void begin(struct gt_sampler *s)
{
    struct gt_unit_events *u = &s->unit_events;
    u->begun = true;
    gt_state.rdpmc = gt_rdpmc_native;
    gt_meter_choose_os(&u->os);
    u->count = gt_state.config.unit_term_count;
    memcpy(u->terms, gt_state.config.unit_terms, sizeof u->terms);
    drop_unreadable(s);
    if (u->count == 0)
        return;
    u->retired = make_table();
    if (!u->retired) {
        u->count = 0;
        gt_trace_write_note(&s->writer, "unit counter absent", "all of them: no memory");
        return;
    }
    describe(s);
    write_cost(s);
}

/* Tables count against the memory that rings may take. */
static struct gt_unit_table *make_thread_table(struct gt_sampler *s)
{
    if (s->rings.budget < sizeof(struct gt_unit_table))
        return NULL;
    struct gt_unit_table *table = make_table();
    if (table)
        s->rings.budget -= sizeof *table;
    return table;
}

/* False: not now, and not again for this thread. */
static bool open_thread(struct gt_sampler *s, struct gt_unit_set *set, pid_t tid)
{
    const struct gt_unit_events *u = &s->unit_events;
    if (!set->table)
        set->table = make_thread_table(s);
    uint32_t open = set->table ? open_pages(u, tid, set->pages) : 0;
    if (open < u->count) {
        unmap_pages(set->pages, open);
        return false;
    }
    atomic_store_explicit(&set->count, u->count, memory_order_release);
    return true;
}

void gt_unitcount_tend(struct gt_sampler *s)
{
    struct gt_unit_events *u = &s->unit_events;
    if (gt_state.config.unit_term_count == 0)
        return;
    if (!u->begun)
        begin(s);
    for (uint32_t i = 0; u->count > 0 && i < s->rings.count; i++) {
        uint64_t thread = atomic_load(&s->rings.places[i].ring->thread);
        if (thread == 0 || thread == u->tried[i])
            continue;
        u->tried[i] = thread;
        if (!open_thread(s, &gt_state.unit_sets[i], (pid_t)(uint32_t)thread))
            u->threads_lost++;
    }
}

static void close_set(struct gt_unit_set *set)
{
    uint32_t count = atomic_exchange(&set->count, 0);
    unmap_pages(set->pages, count);
}

void gt_unitcount_retire(struct gt_sampler *s, uint32_t number)
{
    struct gt_unit_set *set = &gt_state.unit_sets[number];
    if (s->unit_events.count == 0)
        return;
    close_set(set);
    if (!set->table)
        return;
    gt_unittable_merge(s->unit_events.retired, set->table);
    memset(set->table, 0, sizeof *set->table);
}

/* --- the trace ---------------------------------------------------------------------------------------------------------------
 */

static uint32_t used_rows(const struct gt_unit_table *table, uint64_t *calls)
{
    uint32_t used = 0;
    *calls = 0;
    for (uint32_t r = 0; r <= GT_UNIT_ROWS; r++) {
        used += table->rows[r].calls != 0;
        *calls += table->rows[r].calls;
    }
    return used;
}

static void fill_rows(const struct gt_unit_row *row, uint32_t terms, struct gt_trace_count *out)
{
    for (uint32_t i = 0; i < terms; i++)
        out[i] = (struct gt_trace_count){.slot = row->slot,
                                         .event = i,
                                         .calls = row->calls,
                                         .value = row->sums[i].value,
                                         .enabled_ns = row->sums[i].enabled_ns,
                                         .running_ns = row->sums[i].running_ns};
}

/* The table is the sampler's own: nobody changes it meanwhile. */
static void write_table(struct gt_sampler *s, const struct gt_unit_table *table)
{
    uint64_t calls;
    uint32_t terms = s->unit_events.count, at = 0;
    struct gt_trace_events head = {.count = used_rows(table, &calls) * terms};
    size_t bytes = head.count * sizeof(struct gt_trace_count);
    if (calls == s->unit_events.written)
        return;
    struct gt_trace_count *rows = mmap(NULL, bytes, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    if (rows == MAP_FAILED)
        return;
    s->unit_events.written = calls;
    for (uint32_t r = 0; r <= GT_UNIT_ROWS; r++)
        if (table->rows[r].calls != 0)
            fill_rows(&table->rows[r], terms, &rows[terms * at++]);
    gt_trace_write_packed(&s->writer, GT_TRACE_COUNTS, &head, sizeof head, rows, bytes);
    munmap(rows, bytes);
}

void gt_unitcount_write(struct gt_sampler *s)
{
    struct gt_unit_events *u = &s->unit_events;
    struct gt_unit_table *all = u->count > 0 ? make_table() : NULL;
    if (!all)
        return;
    gt_unittable_merge(all, u->retired);
    for (uint32_t i = 0; i < s->rings.count; i++)
        if (gt_state.unit_sets[i].table)
            gt_unittable_merge(all, gt_state.unit_sets[i].table);
    write_table(s, all);
    munmap(all, sizeof *all);
}

void gt_unitcount_close(struct gt_sampler *s, uint32_t number, bool quiet)
{
    struct gt_unit_set *set = &gt_state.unit_sets[number];
    if (!s->unit_events.begun || !quiet)
        return;
    close_set(set);
    if (set->table)
        munmap(set->table, sizeof *set->table);
    set->table = NULL;
}

void gt_unitcount_end(struct gt_sampler *s)
{
    struct gt_unit_events *u = &s->unit_events;
    if (u->threads_lost > 0)
        gt_trace_write_loss(&s->writer, "threads without unit counters", u->threads_lost);
    if (u->retired)
        munmap(u->retired, sizeof *u->retired);
    u->retired = NULL;
}
