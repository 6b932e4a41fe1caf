import { type Bundle, loadBundle, withPrecision } from '../bundle/load.ts';
import { choosePrecision } from '../bundle/precision.ts';
import type { Config } from '../config/index.ts';
import { type FoundDevices, fastInt8, findDevices, usableCores } from '../engine/index.ts';

export interface OpenedBundle extends FoundDevices {
  bundle: Bundle;
  /** The reason for this precision. */
  why: string;
}

/**
 * Opens the configured bundle with the graphs of the selected precision, and finds the devices. `Engine.start` compares the checksums.
 * @throws BundleError when the bundle is incomplete or lacks the configured precision
 */
export async function openBundle(
  config: Pick<Config, 'bundle' | 'device' | 'precision' | 'engineStartTimeoutMs'>,
): Promise<OpenedBundle> {
  const bundle = await loadBundle(config.bundle, { checksums: false });
  const found = await devicesOf(config, bundle);
  // all engines use one precision, so a single CPU among the devices decides it
  const device = found.devices.includes('cpu') ? 'cpu' : 'gpu';
  const { precision, why } = choosePrecision(bundle.manifest, config.precision, { device, fastInt8: fastInt8() });
  return { bundle: withPrecision(bundle, precision), why, ...found };
}

export function devicesOf(
  config: Pick<Config, 'device' | 'engineStartTimeoutMs'>,
  bundle: Pick<Bundle, 'dir'>,
): Promise<FoundDevices> {
  return findDevices(config.device, {
    bundleDir: bundle.dir,
    threads: usableCores(),
    timeoutMs: config.engineStartTimeoutMs,
  });
}
