/*
 * The registry's other side: regions by name, and descriptions as the sampler takes them. Models: plugin/adapter.h.
 */
#ifndef GT_PLUGIN_REGISTRY_H
#define GT_PLUGIN_REGISTRY_H

#include <stdint.h>

/* The slot of the region with that name, given one when it is new. GT_SLOT_NONE: no room. Any thread. */
uint32_t gt_region_slot(const char *name);

/* The sampler's: the next description's fields (borrowed until gt_registry_reuse), its type and bytes; NULL: none. */
const unsigned char *gt_registry_next(uint32_t *type, uint32_t *bytes);
/* The sampler's: all that was handed out is written; its place may be used again. */
void gt_registry_reuse(void);

#endif
