import { type Bundle, loadBundle, withPrecision } from '../bundle/load.ts';
import { choosePrecision } from '../bundle/precision.ts';
import type { Config } from '../config/index.ts';
import { fastInt8 } from '../engine/index.ts';

/**
 * The bundle of the configuration, whole and checked, with the graphs of the precision to run; `why` it is that one.
 * @throws BundleError when the bundle is not whole or lacks the precision that was asked for
 */
export async function openBundle(config: Pick<Config, 'bundle' | 'device' | 'precision'>): Promise<{
  bundle: Bundle;
  why: string;
}> {
  const bundle = await loadBundle(config.bundle, { checksums: true });
  const device = config.device === 'auto' || config.device === 'cpu' ? 'cpu' : 'gpu';
  const { precision, why } = choosePrecision(bundle.manifest, config.precision, { device, fastInt8: fastInt8() });
  return { bundle: withPrecision(bundle, precision), why };
}
