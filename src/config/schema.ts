import { type Static, Type } from 'typebox';
import { METHODS, type Method } from '../clipn/index.ts';
import { bodies } from './bodies.ts';
import { OBSERVATION_SETTINGS } from './observation-settings.ts';
import { outgoing } from './outgoing.ts';
import { DEVICES, PORT_OR_OFF } from './patterns.ts';
import { count, duration, MiB, setting, size } from './setting.ts';

/**
 * Every setting of the service: one schema for environment variables and flags; types, defaults, help and checks derive
 * from it. The flag is the variable without CLIPN_, in kebab case.
 */
export const ConfigSchema = Type.Object({
  host: setting(
    Type.String({ default: '127.0.0.1', minLength: 1 }),
    'CLIPN_HOST',
    'text',
    'address to listen on; unix:/path is a socket',
  ),
  port: setting(count(8080, 0, 65_535), 'CLIPN_PORT', 'integer', 'port to listen on; 0 takes a free one'),
  grpcPort: setting(
    Type.String({ default: 'off', pattern: PORT_OR_OFF }),
    'CLIPN_GRPC_PORT',
    'text',
    'port for gRPC on the same address, usually 8001; 0 takes a free one, off serves no gRPC',
  ),
  publicHosts: setting(
    Type.String({ default: '', pattern: '^(\\s*(\\*|[A-Za-z0-9._:-]+)\\s*(,|$))*$' }),
    'CLIPN_PUBLIC_HOSTS',
    'text',
    'names of this service in Host and Origin, separated by commas and without ports, such as gate.example.com; without API keys requests under other names are refused (localhost and the address itself are always answered); * answers every name',
  ),
  corsOrigins: setting(
    Type.String({ default: '', pattern: '^(\\s*(\\*|[A-Za-z][A-Za-z0-9+.-]*://[^\\s/,]+)\\s*(,|$))*$' }),
    'CLIPN_CORS_ORIGINS',
    'text',
    'origins of web pages that may call this service, separated by commas, such as https://app.example.com; without API keys they get verdicts only; * is every origin',
  ),
  auth: setting(
    Type.Union(
      ['auto', 'keys', 'off'].map((a) => Type.Literal(a)),
      { default: 'auto' },
    ),
    'CLIPN_AUTH',
    'text',
    'which requests need an API key: auto (all as soon as a key exists; without a key only a loopback address is served), keys (all) or off (none)',
  ),
  openMetrics: setting(
    Type.Boolean({ default: false }),
    'CLIPN_OPEN_METRICS',
    'flag',
    '/metrics needs no key, although it names tenants',
  ),
  openDocs: setting(Type.Boolean({ default: true }), 'CLIPN_OPEN_DOCS', 'flag', '/docs and /openapi.json need no key'),
  keyImagesPerSecond: setting(
    count(0, 0, 1_000_000),
    'CLIPN_KEY_IMAGES_PER_SECOND',
    'integer',
    'images per second for each key without a limit of its own; 0 means no limit',
  ),
  keyConcurrentRequests: setting(
    count(0, 0, 1_000_000),
    'CLIPN_KEY_CONCURRENT_REQUESTS',
    'integer',
    'concurrent requests for each key without a limit of its own; 0 means no limit',
  ),
  tenantImagesPerSecond: setting(
    count(0, 0, 1_000_000),
    'CLIPN_TENANT_IMAGES_PER_SECOND',
    'integer',
    'largest number of images per second for each tenant; 0 means no limit',
  ),
  tenantConcurrentImages: setting(
    count(0, 0, 1_000_000),
    'CLIPN_TENANT_CONCURRENT_IMAGES',
    'integer',
    'largest number of images that a tenant may have in the service at once; 0 means no limit',
  ),
  dataDir: setting(
    Type.String({ default: './data', minLength: 1 }),
    'CLIPN_DATA_DIR',
    'text',
    'directory for tenants, features, keys and the audit log',
  ),
  store: setting(
    Type.String({ default: 'directory', pattern: '^(directory|postgres(ql)?://.+)$' }),
    'CLIPN_STORE',
    'text',
    'where tenants are stored: directory, or postgres://user@host:5432/database for several replicas',
  ),
  tenantsDir: setting(
    Type.String({ default: '' }),
    'CLIPN_TENANTS_DIR',
    'text',
    'directory of tenant files to follow (a mounted ConfigMap, a checkout); empty means none',
  ),
  featureCacheBytes: setting(
    size(2 * 2 ** 30),
    'CLIPN_FEATURE_CACHE_BYTES',
    'bytes',
    'largest size of the feature cache on disk; in PostgreSQL eight times as much',
  ),
  bundle: setting(
    Type.String({ default: 'clipn-small', minLength: 1 }),
    'CLIPN_BUNDLE',
    'text',
    'model bundle: a name under models/ or a path',
  ),
  device: setting(
    Type.String({ default: 'auto', pattern: DEVICES }),
    'CLIPN_DEVICE',
    'text',
    'auto, cpu, cuda[:n], tensorrt[:n] or webgpu; a list separated by commas starts one engine for each entry',
  ),
  words: setting(
    Type.String({ default: '' }),
    'CLIPN_WORDS',
    'text',
    'folder of the word list for negative labels; empty means the built-in one, WordNet',
  ),
  precision: setting(
    Type.Union(
      ['auto', 'fp32', 'fp16', 'int8'].map((p) => Type.Literal(p)),
      { default: 'auto' },
    ),
    'CLIPN_PRECISION',
    'text',
    'auto, fp32, fp16 or int8; auto selects the fastest precision of the bundle that hardly changes decisions on the device',
  ),
  threads: setting(
    count(0, 0, 1024),
    'CLIPN_THREADS',
    'integer',
    'cores that the lanes of an engine use together; 0 means those that the container may use',
  ),
  lanes: setting(
    count(0, 0, 1024),
    'CLIPN_LANES',
    'integer',
    'number of lanes on a CPU, each with its share of the threads; 0 means one for each core as long as 512 MiB hold a copy of the weights for each lane',
  ),
  laneBatch: setting(
    count(0, 0, 4),
    'CLIPN_LANE_BATCH',
    'integer',
    'largest number of images in one run of a lane; 0 means the number that the bundle names as the fastest (`speed`), and without it the fastest of 1, 2 and 4, measured at the start',
  ),
  decode: setting(
    Type.Union([Type.Literal('exact'), Type.Literal('fast')], { default: 'exact' }),
    'CLIPN_DECODE',
    'text',
    'exact (the reference transform to the bit) or fast (large JPEG and WebP files are decoded at a reduced scale)',
  ),
  orientation: setting(
    Type.Union([Type.Literal('apply'), Type.Literal('ignore')], { default: 'apply' }),
    'CLIPN_ORIENTATION',
    'text',
    'apply (photographs are judged as they are shown) or ignore (as they are stored, like the reference) for EXIF orientation',
  ),
  maxBatch: setting(
    count(16, 1, 1024),
    'CLIPN_MAX_BATCH',
    'integer',
    'largest number of images in one run of a device other than a CPU',
  ),
  maxQueue: setting(
    count(256, 1, 1_000_000),
    'CLIPN_MAX_QUEUE',
    'integer',
    'largest number of waiting images; further ones are refused with 429',
  ),
  batchWaitMs: setting(
    duration(0),
    'CLIPN_BATCH_WAIT_MS',
    'milliseconds',
    'time to wait for a larger micro-batch; 0 means never',
  ),
  requestTimeoutMs: setting(
    duration(10_000, 1),
    'CLIPN_REQUEST_TIMEOUT_MS',
    'milliseconds',
    'longest time for one image; a request may set a shorter time with x-request-timeout-ms',
  ),
  tenantWeights: setting(
    Type.String({ default: '', pattern: '^([a-z0-9._-]+=\\d+(\\.\\d+)?(,|$))*$' }),
    'CLIPN_TENANT_WEIGHTS',
    'text',
    'shares of the engine by tenant, such as zoo=4,shop=0.5; every other tenant has 1',
  ),
  cacheBytes: setting(
    Type.Integer({ default: 16 * MiB, minimum: 0, maximum: 2 ** 40 }),
    'CLIPN_CACHE_BYTES',
    'bytes',
    'size of the cache of image embeddings in the engine; 0 turns it off',
  ),
  headsBytes: setting(
    size(256 * MiB),
    'CLIPN_HEADS_BYTES',
    'bytes',
    "memory for tenants' features in the engine; the least recently used ones are removed and loaded again on demand",
  ),
  ...bodies,
  maxImages: setting(count(64, 1, 10_000), 'CLIPN_MAX_IMAGES', 'integer', 'largest number of images in one request'),
  maxImageBytes: setting(size(20 * MiB), 'CLIPN_MAX_IMAGE_BYTES', 'bytes', 'largest image file'),
  ...outgoing,
  maxPixels: setting(
    count(50_000_000, 1, 2 ** 31),
    'CLIPN_MAX_PIXELS',
    'integer',
    'largest number of pixels of an image',
  ),
  maxClasses: setting(
    count(10_000, 1, 100_000),
    'CLIPN_MAX_CLASSES',
    'integer',
    'largest number of classes of a tenant',
  ),
  method: setting(
    Type.Unsafe<Method>(
      Type.Union(
        METHODS.map((method) => Type.Literal(method)),
        { default: 'ctw' },
      ),
    ),
    'CLIPN_METHOD',
    'text',
    'rule that decides if neither the request nor the tenant names one: ctw, atd or atd-rescaled',
  ),
  buildWaitMs: setting(
    duration(30_000),
    'CLIPN_BUILD_WAIT_MS',
    'milliseconds',
    'how long PUT waits for features before it answers 202',
  ),
  keepTextSessions: setting(
    Type.Boolean({ default: false }),
    'CLIPN_KEEP_TEXT_SESSIONS',
    'flag',
    'keep the text encoder in memory between builds',
  ),
  engineStartTimeoutMs: setting(
    duration(60_000, 1),
    'CLIPN_ENGINE_START_TIMEOUT_MS',
    'milliseconds',
    'longest time for an engine to start',
  ),
  stallTimeoutMs: setting(
    duration(10_000, 1000),
    'CLIPN_STALL_TIMEOUT_MS',
    'milliseconds',
    'an engine with waiting images that finishes none for this time is restarted',
  ),
  engineMaxMemoryBytes: setting(
    Type.Integer({ default: 0, minimum: 0, maximum: 2 ** 50 }),
    'CLIPN_ENGINE_MAX_MEMORY_BYTES',
    'bytes',
    'resident memory at which an engine is restarted; 0 means never',
  ),
  ...OBSERVATION_SETTINGS,
  drainDelayMs: setting(
    duration(0),
    'CLIPN_DRAIN_DELAY_MS',
    'milliseconds',
    'time between failing readiness and closing',
  ),
  shutdownGraceMs: setting(
    duration(15_000, 1),
    'CLIPN_SHUTDOWN_GRACE_MS',
    'milliseconds',
    'longest time for requests in progress during a shutdown',
  ),
  trustProxy: setting(Type.Boolean({ default: false }), 'CLIPN_TRUST_PROXY', 'flag', 'trust X-Forwarded-* headers'),
  logLevel: setting(
    Type.Union(
      ['fatal', 'error', 'warn', 'info', 'debug', 'trace', 'silent'].map((l) => Type.Literal(l)),
      { default: 'info' },
    ),
    'CLIPN_LOG_LEVEL',
    'text',
    'fatal, error, warn, info, debug, trace or silent',
  ),
});

export type Config = Readonly<Static<typeof ConfigSchema>>;
