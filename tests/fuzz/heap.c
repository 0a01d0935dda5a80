/*
 * heap.c - what common/base/heap.h promises where the sanitizer brings malloc: nothing to wipe,
 * since what it frees is poisoned.
 */
#include "common/base/heap.h"

void heap_wipe_freed(void)
{
}
