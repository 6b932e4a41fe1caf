import type { Config } from '../../src/config/index.ts';
import type { Head } from '../../src/engine/index.ts';
import { openFeatures, openStore } from '../../src/serving/open-store.ts';
import { PostgresLeases } from '../../src/tenants/postgres/leases.ts';
import { TenantRegistry } from '../../src/tenants/registry.ts';
import { MadeFeatures, WIDTH } from './made-features.ts';

const LEASE_MS = 500;

/** In a list of classes: the calibration of the tenant. */
export const MARK = /^calibrated /;
export const markOf = (registry: TenantRegistry, id: string): string[] => {
  try {
    return (registry.calibration(id)?.stored.images ?? []).map((image) => `calibrated ${image}`);
  } catch {
    return [];
  }
};

/** A registry as `serve` makes it, with features that can be checked in place of a model. */
export async function openRegistry(dataDir: string, store: string) {
  const config = { dataDir, store, featureCacheBytes: 2 ** 24 } as Config;
  const opened = await openStore(config, {
    onProblem: (level, message, details) => {
      if (level === 'error') throw new Error(`${message} ${JSON.stringify(details)}`);
    },
  });
  const bundle = { textId: 'made@1', manifest: { embedding_dim: WIDTH } } as never;
  const { cache, leases: usual, close } = await openFeatures(config, bundle, opened.database, () => {});
  // a killed process is found out sooner: hundreds of times five seconds are long
  const leases = opened.database ? new PostgresLeases(opened.database, { leaseMs: LEASE_MS }) : usual;
  const heads = new Map<string, Head>();
  const features = new MadeFeatures();
  const registry = new TenantRegistry({
    store: opened.store,
    cache,
    leases,
    features,
    heads: {
      putHead: async (id, head) => void heads.set(id, head),
      dropHead: async (id) => void heads.delete(id),
    },
    bundle: {
      id: 'made@1',
      wholeId: 'made@1',
      name: 'made',
      version: '1',
      embeddingDim: WIDTH,
      templates: { yes: ['a {}'], no: null },
    },
    unknownWords: () => [],
    cutNames: () => [],
    defaults: { method: 'ctw' },
    limits: { maxClasses: 1000 },
  });
  await registry.load();
  return {
    registry,
    heads,
    features,
    close: async () => {
      await registry.stop();
      await close();
      await opened.close();
    },
  };
}
