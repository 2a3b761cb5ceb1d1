/*
 * Gaps: stretches of time in which a counter said nothing that can be trusted, as a bounded list.
 *
 * What touches or overlaps a gap of the same domain and reason that is already listed makes that one longer; what finds no
 * place is counted. Libc-free, no allocation; one list belongs to one thread.
 */
#ifndef GT_ENERGY_GAPS_H
#define GT_ENERGY_GAPS_H

#include <stdint.h>

/* X(code, word): the words reach traces, stores and reports. Never renumber. */
#define GT_GAP_REASONS(X)                                                                                                      \
    X(GT_GAP_BACKWARD, "went back")                                                                                            \
    X(GT_GAP_JUMP, "jumped")                                                                                                   \
    X(GT_GAP_IMPOSSIBLE, "impossible power")                                                                                   \
    X(GT_GAP_STALL, "stood still")                                                                                             \
    X(GT_GAP_AMBIGUOUS, "may have wrapped unseen")                                                                             \
    X(GT_GAP_MISREAD, "misread") /* one reading was off its neighbours' course: left out, nothing is lost */                   \
    X(GT_GAP_UNREAD, "not read")                                                                                               \
    X(GT_GAP_SILENT, "said nothing") /* a source knew that it missed energy: a meter without rows, a sensor not read for long  \
                                      */

enum gt_gap_reason {
#define GT_GAP_ENUM(code, word) code,
    GT_GAP_REASONS(GT_GAP_ENUM)
#undef GT_GAP_ENUM
        GT_GAP_REASON_COUNT
};

const char *gt_gap_word(enum gt_gap_reason reason);

enum { GT_GAPS = 128, GT_GAP_ALL = -1 };

struct gt_gap {
    uint64_t from_ns, to_ns; /* monotonic */
    int32_t domain;          /* index in the source's descriptor; GT_GAP_ALL: none could be read */
    int32_t reason;          /* enum gt_gap_reason */
};

struct gt_gap_list {
    uint32_t count;
    uint64_t dropped; /* for which there was no place */
    struct gt_gap rows[GT_GAPS];
};

/* `list` NULL: nothing happens. */
void gt_gaps_add(struct gt_gap_list *list, const struct gt_gap *gap);

#endif
