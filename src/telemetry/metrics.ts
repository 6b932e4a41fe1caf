import { Counter, collectDefaultMetrics, Gauge, Histogram, type OpenMetricsContentType, Registry } from 'prom-client';
import { eventMetrics } from './event-metrics.ts';
import { storeMetrics } from './store-metrics.ts';
import type { TraceIds } from './trace-context.ts';

/** Seconds: from a micro-batch of a small model on a GPU to one of a large model on a CPU. */
const INFERENCE = [0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5];
const REQUEST = [0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10];
const PROBABILITY = [0.05, 0.1, 0.2, 0.3, 0.4, 0.5, 0.6, 0.7, 0.8, 0.9, 0.95, 1];

/** Number of tenants with a label of their own. The others share the label `other`, because label values cost memory here and in Prometheus. */
const MAX_TENANT_LABELS = 200;

/** The trace of a request as the exemplar of its bucket; a request without a trace keeps the previous exemplar. */
export function exemplarOf(trace: { exemplar: TraceIds | undefined } | undefined): Record<never, string> {
  return { ...trace?.exemplar };
}

/** Every metric of the service. One registry per app, so that tests and several apps in one process don't collide. */
export function createMetrics() {
  // OpenMetrics has exemplars, which lead from a slow bucket to the trace of a request
  const registry = new Registry<OpenMetricsContentType>();
  registry.setContentType(Registry.OPENMETRICS_CONTENT_TYPE);
  const registers = [registry];
  collectDefaultMetrics({ register: registry, prefix: 'clipn_' });
  // gauges with the ending of counters, which promtool refuses
  for (const of of ['handles', 'requests', 'resources']) registry.removeSingleMetric(`clipn_nodejs_active_${of}_total`);
  const tenants = new Set<string>();
  return {
    registry,
    /** The tenant's own label for the first tenants, `other` for all further ones. */
    tenantLabel(tenant: string): string {
      // the console creates one tenant per browser session; without a shared label they would use up the labels of all others
      if (tenant.startsWith('playground-')) return 'playground';
      if (tenants.has(tenant)) return tenant;
      if (tenants.size >= MAX_TENANT_LABELS) return 'other';
      tenants.add(tenant);
      return tenant;
    },
    requests: new Counter({
      name: 'clipn_requests_total',
      help: 'HTTP requests answered',
      labelNames: ['route', 'method', 'status'],
      registers,
    }),
    requestDuration: new Histogram({
      name: 'clipn_request_duration_seconds',
      help: 'Time from the first byte of a request to the last of its answer',
      labelNames: ['route'],
      buckets: REQUEST,
      enableExemplars: true,
      registers,
    }),
    decisions: new Counter({
      name: 'clipn_decisions_total',
      help: 'Verdicts by the decision of the applied rule',
      labelNames: ['tenant', 'method', 'decision'],
      registers,
    }),
    noProbability: new Histogram({
      name: 'clipn_no_probability',
      help: 'CLIPN "no" probability of the predicted class',
      labelNames: ['tenant'],
      buckets: PROBABILITY,
      registers,
    }),
    oodProbability: new Histogram({
      name: 'clipn_ood_probability',
      help: 'Probability that the image shows none of the classes',
      labelNames: ['tenant'],
      buckets: PROBABILITY,
      registers,
    }),
    imagesRejected: new Counter({
      name: 'clipn_images_rejected_total',
      help: 'Images that got no verdict, by error code',
      labelNames: ['reason'],
      registers,
    }),
    queueDepth: new Gauge({
      name: 'clipn_queue_depth',
      help: 'Images waiting for an engine',
      registers,
    }),
    queueLimit: new Gauge({
      name: 'clipn_queue_limit',
      help: 'Largest number of waiting images; further ones are refused',
      registers,
    }),
    queueWait: new Histogram({
      name: 'clipn_queue_wait_seconds',
      help: 'Time that an image waits: for an engine, for a lane, and, once decoded, for the run',
      buckets: INFERENCE,
      registers,
    }),
    batchSize: new Histogram({
      name: 'clipn_batch_size',
      help: 'Images in one run',
      buckets: [1, 2, 4, 8, 16, 32, 64],
      registers,
    }),
    decode: new Histogram({
      name: 'clipn_decode_seconds',
      help: 'Time to decode and transform an image',
      buckets: INFERENCE,
      registers,
    }),
    inference: new Histogram({
      name: 'clipn_inference_seconds',
      help: 'Time of one run on the device',
      buckets: INFERENCE,
      registers,
    }),
    engineUp: new Gauge({
      name: 'clipn_engine_up',
      help: '1 while the engine is ready',
      labelNames: ['engine'],
      registers,
    }),
    engineHeldBytes: new Gauge({
      name: 'clipn_engine_held_bytes',
      help: "Bytes in the engine: tenants' features (heads), and the word features that they share (words)",
      labelNames: ['engine', 'kind'],
      registers,
    }),
    engineState: new Gauge({
      name: 'clipn_engine_state',
      help: '1 for the state that the engine is in',
      labelNames: ['engine', 'state'],
      registers,
    }),
    engineRestarts: new Counter({
      name: 'clipn_engine_restarts_total',
      help: 'Restarts of an engine process, by cause',
      labelNames: ['engine', 'cause'],
      registers,
    }),
    engineCpu: new Counter({
      name: 'clipn_engine_process_cpu_seconds_total',
      help: 'Processor time of the current engine process, user and system',
      registers,
    }),
    engineMemory: new Gauge({
      name: 'clipn_engine_process_resident_memory_bytes',
      help: 'Resident memory of the current engine process; 0 while there is none',
      registers,
    }),
    engineThreads: new Gauge({
      name: 'clipn_engine_process_threads',
      help: 'Threads of the current engine process',
      registers,
    }),
    cacheRequests: new Counter({
      name: 'clipn_cache_requests_total',
      help: 'Look-ups in a cache',
      labelNames: ['cache', 'result'],
      registers,
    }),
    textsEncoded: new Counter({
      name: 'clipn_texts_encoded_total',
      help: 'Texts that a text encoder has encoded: class names in their templates',
      labelNames: ['tower'],
      registers,
    }),
    tenants: new Gauge({ name: 'clipn_tenants', help: 'Tenants by state', labelNames: ['state'], registers }),
    tenantBuild: new Histogram({
      name: 'clipn_tenant_build_seconds',
      help: "Time to build a tenant's features",
      buckets: [0.1, 0.5, 1, 5, 10, 30, 60, 300, 900],
      registers,
    }),
    calibrations: new Gauge({
      name: 'clipn_calibrations',
      help: 'Tenants with a calibration that applies (current), or that another model or class list has made stale',
      labelNames: ['state'],
      registers,
    }),
    calibrationStale: new Gauge({
      name: 'clipn_calibration_stale',
      help: "1 if the tenant's calibration is stale, 0 if it applies; absent without one",
      labelNames: ['tenant'],
      registers,
    }),
    driftImages: new Gauge({
      name: 'clipn_drift_images',
      help: 'Verdicts in the window that is compared with the baseline',
      labelNames: ['tenant'],
      registers,
    }),
    driftOodRate: new Gauge({
      name: 'clipn_drift_ood_rate',
      help: "Share of images out of distribution, by the tenant's own rule: value, and low and high of its 95 % Wilson interval",
      labelNames: ['tenant', 'window', 'bound'],
      registers,
    }),
    driftPsi: new Gauge({
      name: 'clipn_drift_psi',
      help: 'Population stability index against the baseline; above 0.25 is a shift',
      labelNames: ['tenant', 'of'],
      registers,
    }),
    driftPsiOfChance: new Gauge({
      name: 'clipn_drift_psi_of_chance',
      help: 'Average of clipn_drift_psi that chance alone would give',
      labelNames: ['tenant', 'of'],
      registers,
    }),
    captureImages: new Counter({
      name: 'clipn_capture_images_total',
      help: 'Images drawn to be kept, by result: stored, duplicate, quota, total, dropped (no room in the queue), failed',
      labelNames: ['tenant', 'result'],
      registers,
    }),
    labels: new Counter({
      name: 'clipn_labels_total',
      help: 'Labels given to images, by kind: class, none, unsure',
      labelNames: ['tenant', 'label'],
      registers,
    }),
    qualityErrorRate: new Gauge({
      name: 'clipn_quality_error_rate',
      help: 'Error rate of a rule, measured on labelled images: value, and low and high of its 95 % interval; at most a minute old',
      labelNames: ['tenant', 'method', 'error', 'bound'],
      registers,
    }),
    qualityCovered: new Gauge({
      name: 'clipn_quality_covered',
      help: 'Share of the verdicts that clipn_quality_error_rate holds for',
      labelNames: ['tenant'],
      registers,
    }),
    captureQueuedBytes: new Gauge({
      name: 'clipn_capture_queued_bytes',
      help: 'Bytes of images that wait to be kept',
      registers,
    }),
    ...eventMetrics(registers),
    gateRequests: new Counter({
      name: 'clipn_gate_requests_total',
      help: "Requests of the gate's routes, by verdict and action",
      labelNames: ['tenant', 'mode', 'verdict', 'action'],
      registers,
    }),
    gateFailures: new Counter({
      name: 'clipn_gate_failures_total',
      help: "Requests of the gate's routes without a verdict, by cause and by the policy for it",
      labelNames: ['cause', 'policy'],
      registers,
    }),
    gateIncompleteBodies: new Counter({
      name: 'clipn_gate_incomplete_bodies_total',
      help: 'Requests that a proxy asked about without their body (missing), with a part of it (partial), or as altered text',
      labelNames: ['kind'],
      registers,
    }),
    gateDuration: new Histogram({
      name: 'clipn_gate_duration_seconds',
      help: 'Time from the last byte of a request to its verdict',
      buckets: REQUEST,
      enableExemplars: true,
      registers,
    }),
    gateUpstreamErrors: new Counter({
      name: 'clipn_gate_upstream_errors_total',
      help: "Requests that the gate's upstream did not answer",
      labelNames: ['reason'],
      registers,
    }),
    gateConnections: new Gauge({
      name: 'clipn_gate_connections',
      help: "Connections of the gate's clients, as of now",
      registers,
    }),
    gateBufferedBytes: new Gauge({
      name: 'clipn_gate_buffered_bytes',
      help: 'Bytes of request bodies that the gate holds in memory',
      registers,
    }),
    ...storeMetrics(registers),
  };
}

export type Metrics = ReturnType<typeof createMetrics>;
