import { randomUUID } from 'node:crypto';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import {
  Capture,
  type CaptureRecord,
  type CaptureResult,
  KeptImages,
  Population,
  type StratumCount,
  sweep,
} from '../capture/index.ts';
import { type Config, ConfigError } from '../config/index.ts';
import { bucketUrl, s3Of } from '../config/s3.ts';
import { type LabelRecord, Labels } from '../labels/index.ts';
import { DirectoryObjects } from '../storage/objects/directory.ts';
import type { ObjectStore } from '../storage/objects/object-store.ts';
import { S3Objects } from '../storage/objects/s3.ts';
import type { Database } from '../storage/postgres/database.ts';
import { FileRecords } from '../storage/records/file-records.ts';
import { PostgresRecords } from '../storage/records/postgres-records.ts';
import type { Keyed, RecordStore } from '../storage/records/record-store.ts';
import { captureRulesOf } from '../tenants/capture-rules.ts';
import { ExamplePictures } from '../tenants/examples/pictures.ts';
import { isRecord } from '../tenants/record.ts';
import type { TenantRegistry } from '../tenants/registry.ts';
import type { TenantStore } from '../tenants/store.ts';
import { QualityReports } from './quality-reports.ts';

export interface OpenCaptureParts {
  config: Config;
  database: Database | undefined;
  store: TenantStore;
  tenants: Pick<TenantRegistry, 'definitionOf' | 'get' | 'resolve' | 'watchRemovals'>;
  onResult(tenant: string, result: CaptureResult): void;
  onProblem(error: unknown): void;
}

export interface OpenCapture {
  capture: Capture;
  kept: KeptImages;
  labels: Labels;
  pictures: ExamplePictures;
  quality: QualityReports;
  stop(): Promise<void>;
}

/** Longest time for images that wait to be kept when the service ends. */
const STOP_MS = 5000;
/** Folder of the pictures of examples beside those of tenants, whose names do not begin with a dot. */
const BESIDE = '.examples';
const FLUSH_MS = 10_000;
const SWEEP_MS = 3_600_000;

/** Opens records of one kind: in the database if there is one, else in the data directory. */
export async function openRecords<T extends Keyed>(
  { dataDir }: Config,
  database: Database | undefined,
  kind: string,
): Promise<RecordStore<T>> {
  return database ? new PostgresRecords<T>(database, kind) : FileRecords.open<T>(dataDir, kind);
}

/**
 * The store of images that the configuration names, and beside it the store of the pictures of examples, which are kept without capture, too.
 * @throws ConfigError for a bucket without credentials
 */
function openObjects({ capture, dataDir }: Config): { images: ObjectStore; examples: ObjectStore } {
  const [, bucket, prefix = ''] = /^s3:\/\/([^/]+)\/?(.*?)\/?$/.exec(capture) ?? [];
  if (bucket === undefined) {
    const [images, examples] = capture.startsWith('/')
      ? [capture, join(capture, BESIDE)]
      : [join(dataDir, 'captures'), join(dataDir, 'example-pictures')];
    return { images: new DirectoryObjects(images), examples: new DirectoryObjects(examples) };
  }
  const { credentials, region, endpoint } = s3Of(process.env);
  if (!credentials)
    throw new ConfigError([`CLIPN_CAPTURE is ${capture}, which needs AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY`]);
  const base = bucketUrl(bucket, { region, endpoint });
  const begin = prefix === '' ? '' : `${prefix}/`;
  const objects = (prefix: string) => new S3Objects({ bucket, base, prefix, region, credentials });
  return { images: objects(begin), examples: objects(`${begin}${BESIDE}/`) };
}

/** Opens capture with its stores; images are kept from here on. @throws ConfigError */
export async function openCapture(parts: OpenCaptureParts): Promise<OpenCapture> {
  const { config, database, store, tenants, onResult, onProblem } = parts;
  const objects = openObjects(config);
  const pictures = new ExamplePictures(objects.examples);
  const kept = new KeptImages({
    objects: objects.images,
    records: await openRecords<CaptureRecord>(config, database, 'captured'),
  });
  const counts = await openRecords<StratumCount>(config, database, 'verdicts');
  const population = new Population(counts, database ? randomUUID() : 'own');
  await population.load();
  const rulesOf = (id: string) =>
    config.capture === 'off' ? undefined : captureRulesOf(tenants.definitionOf(id)?.capture);
  const capture = new Capture({
    kept,
    population,
    rulesOf,
    maxQueueBytes: config.captureQueueBytes,
    onResult,
    onProblem,
  });
  const isRemoved = async (id: string) => {
    if (tenants.definitionOf(id)) return false;
    const stored = await store.get(id).catch(() => undefined);
    return stored !== undefined && !isRecord(stored);
  };
  // a file of the watched directory, or another replica, may remove a tenant too
  const labels = new Labels(await openRecords<LabelRecord>(config, database, 'labels'));
  const forget = async (id: string) => {
    await labels.forget(id);
    await pictures.forget(id);
    return capture.forget(id);
  };
  // images and labels of a replaced tenant were removed by the process that removed it
  tenants.watchRemovals((id, how) => {
    if (how === 'removed') void forget(id).catch(onProblem);
  });
  const examplesOf = async (id: string) => {
    if (tenants.definitionOf(id)) return tenants.get(id).record.examples ?? {};
    return (await isRemoved(id)) ? {} : undefined;
  };
  const clean = async () => {
    const now = Date.now();
    const parts = { kept, rulesOf, isRemoved, forget, remove: capture.remove.bind(capture) };
    await sweep(parts, now).catch(onProblem);
    await pictures.sweep(examplesOf, now).catch(onProblem);
  };
  const flushing = setInterval(() => void capture.flush().catch(onProblem), FLUSH_MS).unref();
  const sweeping = setInterval(() => void clean(), SWEEP_MS).unref();
  void clean();
  const stop = async () => {
    clearInterval(flushing);
    clearInterval(sweeping);
    // images that are not stored by then were never acknowledged
    await Promise.race([capture.idle(), sleep(STOP_MS, undefined, { ref: false })]);
    await capture.flush().catch(onProblem);
  };
  return { capture, kept, labels, pictures, quality: new QualityReports({ labels, population, tenants }), stop };
}
