/*
 * CRC32C (Castagnoli, reflected polynomial 0x82f63b78, RFC 3720 appendix B.4): seals the chunks of a trace.
 *
 * Pure; no allocation, no locks, async-signal-safe. SSE4.2's instruction is used where the processor has it.
 */
#ifndef GT_CORE_CRC32C_H
#define GT_CORE_CRC32C_H

#include <stddef.h>
#include <stdint.h>

/* The CRC of `bytes` at `data`, continued from `crc` (0 at the start): crc32c(crc32c(0, a), b) is that of a followed by b. */
uint32_t gt_crc32c(uint32_t crc, const void *data, size_t bytes);

/* The same without special instructions: what the fast one is tested against. */
uint32_t gt_crc32c_portable(uint32_t crc, const void *data, size_t bytes);

#endif
