/* Models and regions: from what a runtime calls them to the slots of a trace, and their descriptions on the way to the sampler.
 */
#include "plugin/registry.h"

#include "plugin/adapter.h"
#include "plugin/state.h"

#include <string.h>

enum { SPINS = 2000 };

/* Not steady state. Gives up rather than wait for a thread that a signal handler interrupted, or for one that does not run. */
static bool lock_registry(void)
{
    for (int i = 0; i < SPINS; i++) {
        if (!atomic_flag_test_and_set_explicit(&gt_state.registry.lock, memory_order_acquire))
            return true;
        atomic_signal_fence(memory_order_seq_cst);
    }
    return false;
}

static void unlock_registry(void)
{
    atomic_flag_clear_explicit(&gt_state.registry.lock, memory_order_release);
}

/* --- descriptions: { u32 bytes, u32 type, fields } one after the other ---------------------------------------------------- */

struct gt_describe {
    uint32_t at, record; /* where it goes on; where the record under way began */
    bool overflow;
};

static void put(struct gt_describe *d, const void *bytes, size_t n)
{
    if (d->overflow || n > GT_DESCRIBE_BYTES - d->at) {
        d->overflow = true;
        return;
    }
    memcpy(gt_state.descriptions + d->at, bytes, n);
    d->at += (uint32_t)n;
}

void gt_describe_begin(struct gt_describe *d, enum gt_trace_type type)
{
    uint32_t head[2] = {0, (uint32_t)type};
    d->record = d->at;
    put(d, head, sizeof head);
}

void gt_describe_bytes(struct gt_describe *d, enum gt_trace_key key, const void *bytes, size_t n)
{
    static const char zero[4];
    uint16_t head[2] = {(uint16_t)key, (uint16_t)n};
    put(d, head, sizeof head);
    put(d, bytes, n);
    put(d, zero, (4 - n % 4) % 4);
}

void gt_describe_u64(struct gt_describe *d, enum gt_trace_key key, uint64_t value)
{
    gt_describe_bytes(d, key, &value, sizeof value);
}

void gt_describe_f64(struct gt_describe *d, enum gt_trace_key key, double value)
{
    gt_describe_bytes(d, key, &value, sizeof value);
}

void gt_describe_string(struct gt_describe *d, enum gt_trace_key key, const char *text)
{
    enum { LONGEST = 1024 };
    if (text)
        gt_describe_bytes(d, key, text, strnlen(text, LONGEST));
}

void gt_describe_end(struct gt_describe *d)
{
    uint32_t bytes = d->at - d->record;
    if (!d->overflow)
        memcpy(gt_state.descriptions + d->record, &bytes, sizeof bytes);
}

static void copy_text(char *out, size_t size, const char *text)
{
    size_t n = text ? strnlen(text, size - 1) : 0;
    memcpy(out, text ? text : "", n);
    out[n] = 0;
}

void gt_describe_runtime(const char *name, const char *version, const char *precision, uint32_t threads)
{
    struct gt_registry *r = &gt_state.registry;
    if (r->runtime[0] != 0)
        return;
    copy_text(r->runtime_version, sizeof r->runtime_version, version);
    copy_text(r->precision, sizeof r->precision, precision);
    r->threads = threads;
    copy_text(r->runtime, sizeof r->runtime, name);
}

/* Begins behind what stands there, or at the front when the sampler has written it all. */
static void describe_open(struct gt_describe *d)
{
    struct gt_registry *r = &gt_state.registry;
    uint32_t described = atomic_load_explicit(&r->described, memory_order_relaxed);
    *d = (struct gt_describe){.at = described};
}

/* False: it did not fit, and nothing of it stays. */
static bool describe_close(const struct gt_describe *d)
{
    if (d->overflow)
        return false;
    atomic_store_explicit(&gt_state.registry.described, d->at, memory_order_release);
    return true;
}

const unsigned char *gt_registry_next(uint32_t *type, uint32_t *bytes)
{
    struct gt_registry *r = &gt_state.registry;
    uint32_t at = atomic_load_explicit(&r->written, memory_order_relaxed), head[2];
    if (at >= atomic_load_explicit(&r->described, memory_order_acquire))
        return NULL;
    memcpy(head, gt_state.descriptions + at, sizeof head);
    *type = head[1];
    *bytes = head[0] - (uint32_t)sizeof head;
    atomic_store_explicit(&r->written, at + head[0], memory_order_release);
    return gt_state.descriptions + at + sizeof head;
}

void gt_registry_reuse(void)
{
    struct gt_registry *r = &gt_state.registry;
    if (atomic_load(&r->described) == 0 || !lock_registry())
        return;
    if (atomic_load(&r->written) == atomic_load(&r->described)) {
        atomic_store(&r->written, 0);
        atomic_store(&r->described, 0);
    }
    unlock_registry();
}

/* --- models ----------------------------------------------------------------------------------------------------------------
 */

/* Ids are small and consecutive with most runtimes: their low bits are a good place. Two ids of one place take turns. */
static uint32_t place_of(uint64_t uid)
{
    return (uint32_t)(uid ^ uid >> 32) % GT_MODEL_IDS;
}

uint32_t gt_model_slot_known(uint64_t uid)
{
    struct gt_registry *r = &gt_state.registry;
    uint32_t place = place_of(uid);
    uint32_t slot = atomic_load_explicit(&r->ids[place].first_slot, memory_order_acquire);
    if (atomic_load_explicit(&r->ids[place].uid, memory_order_acquire) != uid)
        return GT_SLOT_NONE;
    /* Somebody may have changed both in between: then the slot read first is not the one that stands there now. */
    return atomic_load_explicit(&r->ids[place].first_slot, memory_order_acquire) == slot && slot != 0 ? slot - 1 : GT_SLOT_NONE;
}

static void remember(uint64_t uid, uint32_t slot)
{
    struct gt_registry *r = &gt_state.registry;
    uint32_t place = place_of(uid);
    atomic_store_explicit(&r->ids[place].first_slot, 0, memory_order_release);
    atomic_store_explicit(&r->ids[place].uid, uid, memory_order_release);
    atomic_store_explicit(&r->ids[place].first_slot, slot + 1, memory_order_release);
}

static struct gt_model *find_model(const struct gt_model_key *key)
{
    struct gt_registry *r = &gt_state.registry;
    for (uint32_t i = 0; i < r->model_count; i++) {
        const struct gt_model_key_copy *have = &r->models[i].key;
        if (memcmp(have->digest, key->digest, sizeof have->digest) == 0 && have->batch == key->batch &&
            have->threads == key->threads && have->units == key->units && have->variant == key->variant)
            return &r->models[i];
    }
    return NULL;
}

static struct gt_model *add_model(const struct gt_model_key *key,
                                  void (*describe)(struct gt_describe *d, uint32_t first, const void *context),
                                  const void *context)
{
    struct gt_registry *r = &gt_state.registry;
    struct gt_describe d;
    if (r->model_count == GT_MODELS || key->units > GT_RING_SLOT_OTHER - 1 - r->next_slot)
        return NULL;
    describe_open(&d);
    describe(&d, r->next_slot, context);
    if (!describe_close(&d))
        return NULL;
    struct gt_model *model = &r->models[r->model_count++];
    memcpy(model->key.digest, key->digest, sizeof model->key.digest);
    model->key.batch = key->batch;
    model->key.threads = key->threads;
    model->key.units = key->units;
    model->key.variant = key->variant;
    model->first_slot = r->next_slot;
    r->next_slot += key->units > 0 ? key->units : 1;
    return model;
}

uint32_t gt_model_slot(uint64_t uid, const struct gt_model_key *key,
                       void (*describe)(struct gt_describe *d, uint32_t first, const void *context), const void *context)
{
    uint32_t slot = gt_model_slot_known(uid);
    if (slot != GT_SLOT_NONE || !lock_registry())
        return slot;
    struct gt_model *model = find_model(key);
    if (!model)
        model = add_model(key, describe, context);
    if (model) {
        slot = model->first_slot;
        remember(uid, slot);
    }
    unlock_registry();
    return slot;
}

/* --- regions ---------------------------------------------------------------------------------------------------------------
 */

static uint32_t hash_of(const char *name)
{
    uint32_t hash = 2166136261u; /* FNV-1a */
    for (int i = 0; i < GT_REGION_NAME - 1 && name[i]; i++)
        hash = (hash ^ (unsigned char)name[i]) * 16777619u;
    return hash;
}

/* The name's entry, or a free one; NULL when the table is full. */
static struct gt_region *region_entry(const char *name)
{
    uint32_t at = hash_of(name);
    for (uint32_t i = 0; i < GT_REGIONS; i++) {
        struct gt_region *region = &gt_state.registry.regions[(at + i) % GT_REGIONS];
        if (atomic_load_explicit(&region->slot, memory_order_acquire) == 0 ||
            strncmp(region->name, name, GT_REGION_NAME - 1) == 0)
            return region;
    }
    return NULL;
}

static void add_region(struct gt_region *region, const char *name)
{
    struct gt_registry *r = &gt_state.registry;
    struct gt_describe d;
    strncpy(region->name, name, GT_REGION_NAME - 1);
    describe_open(&d);
    gt_describe_begin(&d, GT_TRACE_UNIT);
    gt_describe_u64(&d, GT_KEY_UNIT_SLOT, r->next_slot);
    gt_describe_string(&d, GT_KEY_NAME, region->name);
    gt_describe_string(&d, GT_KEY_OP, "region");
    gt_describe_u64(&d, GT_KEY_REGION, 1);
    gt_describe_end(&d);
    if (describe_close(&d))
        atomic_store_explicit(&region->slot, ++r->next_slot, memory_order_release);
}

uint32_t gt_region_slot(const char *name)
{
    struct gt_region *region = region_entry(name);
    uint32_t slot = region ? atomic_load_explicit(&region->slot, memory_order_acquire) : 0;
    if (slot != 0 || !region)
        return slot != 0 ? slot - 1 : GT_SLOT_NONE;
    if (!lock_registry())
        return GT_SLOT_NONE;
    region = region_entry(name);
    if (region && atomic_load(&region->slot) == 0)
        add_region(region, name);
    slot = region ? atomic_load(&region->slot) : 0;
    unlock_registry();
    return slot != 0 ? slot - 1 : GT_SLOT_NONE;
}
