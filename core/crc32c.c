#include "core/crc32c.h"

#include <stdatomic.h>
#include <string.h>

/* Four bits at a time: a table of 16 entries, small enough to stay in the cache of a process that is not ours. */
static const uint32_t nibble[16] = {
    0x00000000, 0x105ec76f, 0x20bd8ede, 0x30e349b1, 0x417b1dbc, 0x5125dad3, 0x61c69362, 0x7198540d,
    0x82f63b78, 0x92a8fc17, 0xa24bb5a6, 0xb21572c9, 0xc38d26c4, 0xd3d3e1ab, 0xe330a81a, 0xf36e6f75,
};

uint32_t gt_crc32c_portable(uint32_t crc, const void *data, size_t bytes)
{
    const unsigned char *at = data;
    crc = ~crc;
    for (; bytes > 0; bytes--) {
        crc ^= *at++;
        crc = crc >> 4 ^ nibble[crc & 15];
        crc = crc >> 4 ^ nibble[crc & 15];
    }
    return ~crc;
}

#if defined(__x86_64__)

#include <cpuid.h>

__attribute__((target("sse4.2"))) static uint32_t crc_sse42(uint32_t crc, const void *data, size_t bytes)
{
    const unsigned char *at = data;
    uint64_t state = (uint32_t)~crc;
    for (; bytes >= 8; bytes -= 8, at += 8) {
        uint64_t word;
        memcpy(&word, at, 8);
        state = __builtin_ia32_crc32di(state, word);
    }
    for (; bytes > 0; bytes--)
        state = __builtin_ia32_crc32qi((uint32_t)state, *at++);
    return ~(uint32_t)state;
}

static int has_sse42(void)
{
    unsigned eax, ebx, ecx, edx;
    return __get_cpuid(1, &eax, &ebx, &ecx, &edx) && (ecx & bit_SSE4_2);
}

uint32_t gt_crc32c(uint32_t crc, const void *data, size_t bytes)
{
    /* Idempotent, so that racing threads may both find it out: 0 not yet, 1 no, 2 yes. */
    static atomic_int known;
    int fast = atomic_load_explicit(&known, memory_order_relaxed);
    if (fast == 0) {
        fast = 1 + has_sse42();
        atomic_store_explicit(&known, fast, memory_order_relaxed);
    }
    return fast == 2 ? crc_sse42(crc, data, bytes) : gt_crc32c_portable(crc, data, bytes);
}

#else

uint32_t gt_crc32c(uint32_t crc, const void *data, size_t bytes)
{
    return gt_crc32c_portable(crc, data, bytes);
}

#endif
