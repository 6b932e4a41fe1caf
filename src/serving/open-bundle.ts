import { type Bundle, loadBundle, withPrecision } from '../bundle/load.ts';
import { choosePrecision } from '../bundle/precision.ts';
import type { Config } from '../config/index.ts';
import { type FoundDevices, fastInt8, findDevices, usableCores } from '../engine/index.ts';

export interface OpenedBundle extends FoundDevices {
  bundle: Bundle;
  /** Why it is this precision. */
  why: string;
}

/**
 * The bundle of the configuration, whole and checked, with the graphs of the precision to run, and the devices to run them on.
 * @throws BundleError when the bundle is not whole or lacks the precision that was asked for
 */
export async function openBundle(
  config: Pick<Config, 'bundle' | 'device' | 'precision' | 'engineStartTimeoutMs'>,
): Promise<OpenedBundle> {
  const bundle = await loadBundle(config.bundle, { checksums: true });
  const found = await devicesOf(config, bundle);
  // engines of one model must agree: one of them on a CPU decides for all
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
