import { setFlagsFromString } from 'node:v8';

/** The heap, with the bodies that it refers to, may grow by this many percent until all of it is marked again. */
export const HEAP_FLAG = '--heap-growing-percent=200';

/**
 * Lets the heap of this process grow further between two marks of all its objects. Request bodies are outside V8's heap but count for its growth,
 * so that with the default a flood of refused uploads makes V8 mark the whole heap more than twice a second, for 10 to 30 ms each time. Bodies
 * live for a moment only, and the collections of young objects free them.
 */
export function relaxHeap(): void {
  setFlagsFromString(HEAP_FLAG);
}
