import { createHash } from 'node:crypto';
import type { TestContext } from 'node:test';
import type { FastifyInstance } from 'fastify';
import { type AppParts, buildApp } from '../../src/app.ts';
import { assess, type NearWord, topK } from '../../src/clipn/index.ts';
import { DriftMonitor } from '../../src/drift/index.ts';
import type { Ask, Detection, DetectRequest, FleetStatus, LookRequest } from '../../src/engine/index.ts';
import { ServiceError } from '../../src/errors/index.ts';
import type { HttpConfig } from '../../src/http/decorators.ts';
import { LooksLikeCounts } from '../../src/looks/index.ts';
import {
  type EnginesByHead,
  ObservedEngine,
  type ObservedEngineParts,
  type ServingEngine,
} from '../../src/serving/observed-engine.ts';
import { QualityReports } from '../../src/serving/quality-reports.ts';
import { createLogger } from '../../src/telemetry/logger.ts';
import { createMetrics, type Metrics } from '../../src/telemetry/metrics.ts';
import type { TenantModel } from '../../src/tenants/heads.ts';
import type { TenantRegistry } from '../../src/tenants/registry.ts';
import { type FakeAccess, type FakeAccessOptions, fakeAccess } from './access.ts';
import { fakeCapture } from './capture.ts';
import { MemoryDriftStore } from './drift.ts';
import { type FakeBuilder, fakeRegistry } from './tenants.ts';

/** A fake engine: bytes that begin with "BAD" are no image, the rest is judged by their hash. */
export class FakeEngine {
  status: FleetStatus = { engines: [], state: 'ready', device: 'cpu', precision: 'fp32', restarts: 0, inFlight: 0 };
  readonly requests: DetectRequest[] = [];
  /** Thrown instead of an answer. */
  failure: ServiceError | undefined;
  /** Awaited before an answer. */
  gate: Promise<unknown> = Promise.resolve();
  aborted = 0;
  classes = 2;
  readonly asked: Ask[] = [];
  /** Thrown when it is asked whether it would take more. */
  refusal: ServiceError | undefined;

  /** The answer to every search for words. */
  near: NearWord[] = [];
  readonly looked: LookRequest[] = [];

  async look(request: LookRequest): Promise<NearWord[]> {
    this.looked.push(request);
    if (this.failure) throw this.failure;
    return this.near;
  }

  check(ask: Ask): void {
    this.asked.push(ask);
    if (this.refusal) throw this.refusal;
  }

  async detect(request: DetectRequest, signal?: AbortSignal): Promise<Detection> {
    this.requests.push(request);
    signal?.addEventListener('abort', () => this.aborted++);
    await this.gate;
    if (this.failure) throw this.failure;
    if (Buffer.from(request.bytes).toString('latin1', 0, 3) === 'BAD') {
      throw new ServiceError('image_undecodable', 'The image is damaged.', { internal: 'secret detail' });
    }
    const hash = createHash('sha256').update(request.bytes).digest();
    const cosines = (at: number) =>
      Array.from({ length: this.classes }, (_, j) => (hash[(at + j) % 32] as number) / 2550);
    const a = assess(cosines(0), cosines(16), 100);
    const noProbability = (j: number) => a.pNo[j] as number;
    return {
      index: a.index,
      probability: a.p[a.index] as number,
      noProbability: noProbability(a.index),
      oodProbability: a.pOod,
      decisions: a.decisions,
      scores: a.scores,
      top: topK(a, request.topK).map((index) => ({
        index,
        probability: a.p[index] as number,
        noProbability: noProbability(index),
      })),
      image: { sha256: hash.toString('hex'), width: 8, height: 6, format: 'png', frames: 1 },
      timing: { decode: 1, queue: 0.5, inference: 2 },
      cache: 'miss',
      ...(request.embedding
        ? {
            embedding: Float32Array.from([
              1 / Math.sqrt(2),
              (hash[1] as number) < 128 ? 1 / Math.sqrt(2) : -1 / Math.sqrt(2),
            ]),
          }
        : {}),
    };
  }
}

type Events = ObservedEngineParts['events'];
const NO_EVENTS: Events = { publish: () => {} };

/** One engine for all heads. */
const always = (engine: ServingEngine): EnginesByHead => ({
  get status() {
    return engine.status;
  },
  check: (ask) => engine.check(ask),
  engineFor: () => engine,
});

export interface TestApp {
  app: FastifyInstance;
  engine: FakeEngine;
  registry: TenantRegistry;
  builder: FakeBuilder;
  /** The model of the registry. */
  model: TenantModel;
  access: FakeAccess;
  capture: ReturnType<typeof fakeCapture> & { quality: QualityReports };
  metrics: Metrics;
  /** Every line of the log. */
  log: string[];
}

export async function testApp(
  t: Pick<TestContext, 'after'>,
  config: Partial<HttpConfig> = {},
  accessOptions: FakeAccessOptions = {},
  /** Called before anything is registered. */
  prepare?: (app: FastifyInstance) => unknown,
  {
    engine: served,
    events = NO_EVENTS,
    ...parts
  }: Partial<Pick<AppParts, 'gate' | 'engine'> & { events: Events }> = {},
): Promise<TestApp> {
  const engine = new FakeEngine();
  const { registry, builder, model } = fakeRegistry();
  await registry.put('demo', { classes: ['dog', 'cat'] }, { waitMs: 1000 });
  const access = await fakeAccess(accessOptions);
  const drift = new DriftMonitor({ store: new MemoryDriftStore(), windowMs: 60_000 });
  const looks = new LooksLikeCounts();
  const fake = fakeCapture({ tenants: registry, random: () => 0 });
  const capture = { ...fake, quality: new QualityReports({ ...fake, tenants: registry }) };
  const metrics = createMetrics();
  const log: string[] = [];
  const logger = createLogger({ level: 'info', destination: { write: (line: string) => void log.push(line) } });
  const manifest = { name: 'fake', version: '1.2.3' };
  const app = await buildApp({
    config: {
      maxImages: 4,
      maxImageBytes: 10_000,
      maxBodyBytes: 30_000,
      maxBodiesBytes: 100_000_000,
      uploadTimeoutMs: 60_000,
      uploadMinRate: 500,
      uploadGraceMs: 10_000,
      maxClasses: 10_000,
      requestTimeoutMs: 2000,
      buildWaitMs: 1000,
      trustProxy: false,
      host: '127.0.0.1',
      publicHosts: '',
      corsOrigins: '',
      openMetrics: false,
      openDocs: true,
      driftWindowMs: 60_000,
      imageUrls: '',
      imageUrlTimeoutMs: 5000,
      ...config,
    },
    model: { bundle: { id: 'fake@1.2.3+abc', manifest } as never },
    reload: { status: { state: 'idle' }, start: async () => {} },
    engine: new ObservedEngine({
      engines: always(served ?? engine),
      drift,
      tenants: registry,
      capture: capture.capture,
      events,
      looks,
    }),
    tenants: registry,
    access,
    drift,
    looks,
    capture,
    metrics,
    logger,
    ...(prepare ? { prepare } : {}),
    ...parts,
  });
  await app.ready();
  t.after(async () => {
    await app.close();
    await registry.stop();
    await access.keyring.stop();
  });
  return { app, engine, registry, builder, model, access, capture, metrics, log };
}

/** multipart/form-data by hand, so that a test decides about every byte. */
export function multipart(
  files: { name?: string; filename?: string; type?: string; data: Buffer | string }[],
  boundary = 'XBOUNDX',
) {
  const parts = files.flatMap(({ name = 'file', filename = 'a.png', type = 'image/png', data }) => [
    Buffer.from(
      `--${boundary}\r\ncontent-disposition: form-data; name="${name}"; filename="${filename}"\r\ncontent-type: ${type}\r\n\r\n`,
    ),
    Buffer.from(data),
    Buffer.from('\r\n'),
  ]);
  return {
    payload: Buffer.concat([...parts, Buffer.from(`--${boundary}--\r\n`)]),
    headers: { 'content-type': `multipart/form-data; boundary=${boundary}` },
  };
}
