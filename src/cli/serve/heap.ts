import { setFlagsFromString } from 'node:v8';

/** The heap, with the bodies that it refers to, may grow by this many percent until all of it is marked again. */
const HEAP_FLAG = '--heap-growing-percent=200';

/** Least memory of a container in which the heap may grow further, bytes. */
const LEAST_MEMORY = 2 ** 31;

/**
 * Lets the heap of this process grow further between two marks of all its objects. Request bodies are outside V8's heap but count for its growth,
 * so that with the default a flood of refused uploads makes V8 mark the whole heap about once a second, for 15 ms on average. Bodies
 * live for a moment only, and the collections of young objects free them. The flag holds for all threads of the process.
 *
 * @param memoryLimit limit of the container, bytes; 0 for none. Below 2 GiB nothing changes, because there garbage must not grow so far
 */
export function relaxHeap(memoryLimit = process.constrainedMemory()): void {
  if (memoryLimit > 0 && memoryLimit < LEAST_MEMORY) return;
  setFlagsFromString(HEAP_FLAG);
}
