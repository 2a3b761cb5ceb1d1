/*
 * greentrack.h: tell greentrack what a program does. Optional, header only, nothing to link.
 *
 * Under libgreentrack.so (preloaded) these calls reach it; otherwise they do nothing. Found once by dlsym(RTLD_DEFAULT, ...);
 * where that is not in libc (glibc before 2.34) link with -ldl. From Python: ctypes.CDLL(None).greentrack_items(8).
 *
 *     greentrack_items(n)            n more items (inferences) were done: joules per item become joules per inference
 *     greentrack_region_begin(name)  a named stretch of work on this thread begins; it is listed like a layer ("unit").
 *     greentrack_region_end(name)    it ends. Regions nest (16 deep) and each is told its own time,
 *                                    without what ran inside; names are cut at 63 bytes, 128 different ones are kept.
 *
 * Thread-safe. The strings are copied. Items are counted however the process ends; of a thread that has no ring of its own
 * (very many threads, or the very first items), a killed process loses those of its last 10 ms.
 */
#ifndef GREENTRACK_H
#define GREENTRACK_H

#include <stdint.h>

#ifdef __cplusplus
extern "C" {
#endif

/* Declared here so that no feature macro is needed of the including program: dlsym(3), and RTLD_DEFAULT is NULL on Linux. */
extern void *dlsym(void *handle, const char *name);

static inline void *greentrack_find_(void **kept, const char *name)
{
    /* Relaxed is enough: whoever looks finds the same. */
    void *found = __atomic_load_n(kept, __ATOMIC_RELAXED);
    if (!found) {
        found = dlsym((void *)0, name);
        if (!found)
            found = (void *)kept; /* not there: never looked for again */
        __atomic_store_n(kept, found, __ATOMIC_RELAXED);
    }
    return found == (void *)kept ? (void *)0 : found;
}

static inline void greentrack_items(uint64_t n)
{
    static void *kept;
    union {
        void *object;
        void (*call)(uint64_t);
    } f;
    f.object = greentrack_find_(&kept, "greentrack_items");
    if (f.object)
        f.call(n);
}

static inline void greentrack_region_begin(const char *name)
{
    static void *kept;
    union {
        void *object;
        void (*call)(const char *);
    } f;
    f.object = greentrack_find_(&kept, "greentrack_region_begin");
    if (f.object)
        f.call(name);
}

static inline void greentrack_region_end(const char *name)
{
    static void *kept;
    union {
        void *object;
        void (*call)(const char *);
    } f;
    f.object = greentrack_find_(&kept, "greentrack_region_end");
    if (f.object)
        f.call(name);
}

#ifdef __cplusplus
}
#endif
#endif
