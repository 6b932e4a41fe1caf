import { Capture, type CaptureRecord, type CaptureResult, KeptImages, Population } from '../../src/capture/index.ts';
import { Labels } from '../../src/labels/index.ts';
import type { ObjectStore, StoredObject } from '../../src/storage/objects/object-store.ts';
import type { Keyed, RecordStore } from '../../src/storage/records/record-store.ts';
import { captureRulesOf } from '../../src/tenants/capture-rules.ts';
import { ExamplePictures } from '../../src/tenants/examples/pictures.ts';
import type { TenantRegistry } from '../../src/tenants/registry.ts';

export class MemoryRecords<T extends Keyed> implements RecordStore<T> {
  readonly records = new Map<string, Map<string, T>>();
  /** Thrown by every change while it is set. */
  failure: Error | undefined;
  async all(tenant: string) {
    return this.records.get(tenant) ?? new Map<string, T>();
  }
  async get(tenant: string, key: string) {
    return this.records.get(tenant)?.get(key);
  }
  async count(tenant: string) {
    return this.records.get(tenant)?.size ?? 0;
  }
  async put(tenant: string, records: readonly T[]) {
    if (this.failure) throw this.failure;
    const all = this.records.get(tenant) ?? new Map<string, T>();
    this.records.set(tenant, all);
    for (const record of records) all.set(record.key, record);
  }
  async remove(tenant: string, keys: readonly string[]) {
    if (this.failure) throw this.failure;
    for (const key of keys) this.records.get(tenant)?.delete(key);
  }
  async removeAll(tenant: string) {
    this.records.delete(tenant);
  }
  async tenants() {
    return [...this.records.keys()];
  }
}

export class MemoryObjects implements ObjectStore {
  readonly name = 'memory';
  readonly objects = new Map<string, { bytes: Buffer; modified: number }>();
  /** Thrown by every change while it is set. */
  failure: Error | undefined;
  /** Awaited before a file is stored. */
  gate: Promise<unknown> = Promise.resolve();
  async put(key: string, bytes: Uint8Array) {
    await this.gate;
    if (this.failure) throw this.failure;
    this.objects.set(key, { bytes: Buffer.from(bytes), modified: Date.now() });
  }
  async get(key: string) {
    return this.objects.get(key)?.bytes;
  }
  async remove(key: string) {
    if (this.failure) throw this.failure;
    this.objects.delete(key);
  }
  async *list(tenant?: string): AsyncIterable<StoredObject> {
    for (const [key, { modified }] of this.objects)
      if (tenant === undefined || key.startsWith(`${tenant}/`)) yield { key, modified };
  }
}

export interface FakeCaptureOptions {
  tenants: Pick<TenantRegistry, 'definitionOf'>;
  maxQueueBytes?: number;
  random?: () => number;
  now?: () => number;
}

/** Capture over stores in memory. */
export function fakeCapture({ tenants, maxQueueBytes = 1_000_000, ...options }: FakeCaptureOptions) {
  const objects = new MemoryObjects();
  const records = new MemoryRecords<CaptureRecord>();
  const kept = new KeptImages({ objects, records });
  const population = new Population(new MemoryRecords(), 'own');
  const results: [tenant: string, result: CaptureResult][] = [];
  const problems: unknown[] = [];
  const capture = new Capture({
    kept,
    population,
    rulesOf: (id) => captureRulesOf(tenants.definitionOf(id)?.capture),
    maxQueueBytes,
    onResult: (tenant, result) => void results.push([tenant, result]),
    onProblem: (error) => void problems.push(error),
    ...options,
  });
  const labels = new Labels(new MemoryRecords());
  const exampleObjects = new MemoryObjects();
  const pictures = new ExamplePictures(exampleObjects);
  return { capture, kept, population, labels, pictures, exampleObjects, objects, records, results, problems };
}
