/*
 * Sums over slots: what the inferences of a model, and one unit of it, took over all processes of a run. Shared by ingest,
 * which knows the slots from traces, and by attributing anew, which knows them from the store. Pure; one thread per sum.
 */
#ifndef GT_TRACKER_PARTSUM_H
#define GT_TRACKER_PARTSUM_H

#include "energy/attribute.h"
#include "sqlite/records.h"

/* A model's inferences; zero at first. */
struct gt_partsum {
    uint64_t items, calls, ns;
    double uj, lo_uj, hi_uj, dynamic_uj;
};

/* A unit; zero at first. */
struct gt_unitsum {
    uint64_t calls, ns;
    double uj, lo_uj, hi_uj, share;
    int slots;                     /* how many went in: processes that ran it */
    enum gt_resolution resolution; /* the worst of them */
    uint32_t group_slot;           /* of the group that it belongs to; UINT32_MAX: none, or several */
    double group_uj, group_lo_uj, group_hi_uj;
};

void gt_partsum_add(struct gt_partsum *sum, const struct gt_infer_energy *row);
void gt_unitsum_add(struct gt_unitsum *sum, const struct gt_unit_energy *row);

/* Items that were reported have no boundaries: the whole run's energy is theirs. Nothing when that is not known. */
void gt_partsum_whole_run(struct gt_partsum *sum, const struct gt_attribution *attribution);

/* Sets the record's energies of one inference; NaN when `known` is false or there are no items. */
void gt_partsum_finish(const struct gt_partsum *sum, bool known, struct gt_run_model_record *record);

/*
 * Sets the record's calls, time and energies of one call; NaN when `known` is false. `sum` has calls. `group`: index of the
 * unit that sum->group_slot stands for; GT_UNKNOWN: none.
 */
void gt_unitsum_finish(const struct gt_unitsum *sum, bool known, int64_t group, struct gt_unit_energy_record *record);

#endif
