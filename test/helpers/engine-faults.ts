/**
 * Settings of a service whose engine fails on purpose: `what:sha256` of an image that brings a fault about, or `what:start`. A loader puts
 * the faults around the decoder of the engine process (see faults/); the program itself has no place for them.
 */
export function engineFaults(...faults: string[]): Record<string, string> {
  return {
    ENGINE_FAULTS: faults.join(','),
    NODE_OPTIONS: `--import ${new URL('./faults/register.mjs', import.meta.url).href}`,
  };
}
