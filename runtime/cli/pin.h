/* Which processors a comparison runs on. */
#ifndef GTCNN_CLI_PIN_H
#define GTCNN_CLI_PIN_H

#include <sched.h>
#include <stdint.h>

/*
 * Chooses `threads` of the processors that this process may use, the same ones every time: one of each core first, then its
 * siblings. Returns how many it found (fewer where there are not so many), 0: the kernel does not tell, and *set is empty.
 */
uint32_t gtcnn_pin_choose(uint32_t threads, cpu_set_t *set);

#endif
