/**
 * `npm run bench -- [NAME] [options]`: figures that depend on the machine, beside what they should be compared with, in one
 * run. They are printed, not asserted: two busy cores are no judge.
 */
import { parseArgs } from 'node:util';
import { usableCores } from '../../src/engine/index.ts';
import { DEFAULT_BUNDLE } from '../helpers/paths.ts';
import { ANY_LOAD } from './measure/any-load.ts';
import { busyWith } from './measure/quiet.ts';
import { writeJson } from './report.ts';

export interface BenchOptions {
  /** Bundle directory. */
  bundle: string;
  /** Length of one measured phase, or the bench's own default. */
  seconds: number | undefined;
  /** Length of the operators' soak. */
  minutes?: number | undefined;
  connections: number[] | undefined;
  /** Of the generator of bodies. */
  seed?: number | undefined;
  /** Requests of a soak, restarts of a rolling one. */
  count?: number | undefined;
  /** Where a soak writes its samples. */
  out?: string | undefined;
  /** Device of the device bench, as CLIPN_DEVICE. */
  device?: string | undefined;
  /** Bundle of ViT-B/16's shape, of the GPU bench. */
  vit?: string | undefined;
  dryRun?: boolean | undefined;
  /** Another checkout, or another bundle. */
  other?: string | undefined;
  /** One kind of body. */
  only?: string | undefined;
  /** Numbers of mutated images and malformed requests of the hostile campaign. */
  images?: number | undefined;
  requests?: number | undefined;
  /** Folder of photographs. */
  photographs?: string | undefined;
  /** Servers beside the service: beginnings of their names, with commas between them. */
  peers?: string | undefined;
  /** Environments of the services that are compared: see variants.ts. */
  variants?: string | undefined;
}

/** Runs a bench and returns what it measured, for `--json`. */
export type Bench = (options: BenchOptions) => Promise<unknown>;

const benches: Record<string, { does: string; load: () => Promise<Bench> }> = {
  service: {
    does: 'throughput and latency of the whole service beside its ceilings (the default)',
    load: async () => (await import('./service.ts')).service,
  },
  start: {
    does: 'cold starts of serve and detect (--count)',
    load: async () => (await import('./start.ts')).coldStart,
  },
  'compute-bound': {
    does: "a model of ViT-B/16's shape: service beside raw session",
    load: async () => (await import('./compute-bound.ts')).computeBound,
  },
  decode: {
    does: "the decode stage beside sharp's defaults doing the same job",
    load: async () => (await import('./decode.ts')).decode,
  },
  decoders: {
    does: 'the threads that decode for a device, without it: threads of one process beside processes',
    load: async () => (await import('./decoders.ts')).decoders,
  },
  peers: {
    does: 'the same client against the same service in Python (--peers FastAPI,LitServe; --only 1600 for some of the pictures)',
    load: async () => (await import('./peers.ts')).peers,
  },
  against: {
    does: 'this build and that of another checkout (--other), in turns',
    load: async () => (await import('./against.ts')).against,
  },
  variants: {
    does: 'services with different environments in turns: peak, threads, a flood, a light tenant beside a big one (--variants "plain; few: CLIPN_LANE_BATCH=2", --count)',
    load: async () => (await import('./variants.ts')).variants,
  },
  beside: {
    does: 'throughput beside one busy process for each core, and on a quiet machine, in turns (--other)',
    load: async () => (await import('./beside.ts')).beside,
  },
  cluster: {
    does: 'every example of the chart against a real API server: validation, install, upgrade (--other), rollback, uninstall',
    load: async () => (await import('./cluster.ts')).cluster,
  },
  upgrade: {
    does: 'the released version (--other), this one on its data, and back, on a directory and on PostgreSQL',
    load: async () => (await import('./upgrade.ts')).upgrade,
  },
  reduced: {
    does: 'decisions that CLIPN_DECODE=fast changes on large photographs (--photographs, --count)',
    load: async () => (await import('./reduced.ts')).reduced,
  },
  gate: {
    does: 'what the gate costs traffic without images, beside a plain proxy',
    load: async () => (await import('./gate/overhead.ts')).gateOverhead,
  },
  bytes: {
    does: 'processor time per byte of the worst bodies beside plain ones (--only KIND)',
    load: async () => (await import('./gate/bytes.ts')).bytes,
  },
  'hostile-latency': {
    does: 'latencies of an honest client while four others send the most costly bodies',
    load: async () => (await import('./gate/hostile-latency.ts')).hostileLatency,
  },
  'gate-against': {
    does: 'the gate of this build and that of another checkout (--other), in turns',
    load: async () => (await import('./gate/against.ts')).gateAgainst,
  },
  'gate-servers': {
    does: 'hostile bodies over sockets through the gate to real servers: pictures that they see and the gate did not judge (--count, --seed)',
    load: async () => (await import('./gate/servers.ts')).gateServers,
  },
  'gate-faults': {
    does: 'the gate while its engine is killed again and again; broken uploads',
    load: async () => (await import('./gate/faults.ts')).gateFaults,
  },
  differential: {
    does: 'pictures that parsers of real servers see in bodies that the gate passed; honest bodies refused (--count, --seed)',
    load: async () => (await import('./gate/differential.ts')).differential,
  },
  overload: {
    does: 'ten times the peak for a minute: goodput, refusals, memory, recovery',
    load: async () => (await import('./overload.ts')).overload,
  },
  threads: {
    does: 'threads of front and engine that can run at the same time under load',
    load: async () => (await import('./threads.ts')).threads,
  },
  capture: {
    does: 'requests whose images are all kept beside others, in turns: a directory, a slow object store, one that never answers',
    load: async () => (await import('./capture.ts')).capture,
  },
  fairness: {
    does: 'a tenant alone and beside one that asks for twenty times as much',
    load: async () => (await import('./fairness.ts')).fairness,
  },
  heads: {
    does: "scoring a tenant's classes: typed arrays and ONNX",
    load: async () => (await import('./heads.ts')).heads,
  },
  negatives: {
    does: 'negative labels: words, builds, verdicts, and the memory of 1 to 1,000 tenants (BENCH_DATA keeps the words)',
    load: async () => (await import('./negatives.ts')).negatives,
  },
  tenants: {
    does: 'a thousand tenants beside one: starting with warm features, and the latency of a verdict',
    load: async () => (await import('./tenants.ts')).tenants,
  },
  console: {
    does: 'the page in a real browser: first paint, and 200 pictures at once',
    load: async () => (await import('./console.ts')).consolePage,
  },
  faults: {
    does: 'kill -9, SIGSTOP and an image that crashes the engine, under load',
    load: async () => (await import('./faults.ts')).faults,
  },
  rolling: {
    does: 'three services behind a balancer, restarted one after the other under load (--count)',
    load: async () => (await import('./rolling.ts')).rolling,
  },
  prometheus: {
    does: "a real Prometheus with the chart's rules: series, labels, alerts that fire (needs prometheus)",
    load: async () => (await import('./prometheus.ts')).prometheus,
  },
  soak: {
    does: 'memory over many requests of mixed kinds (--count, --out, --only KIND)',
    load: async () => (await import('./soak/index.ts')).soak,
  },
  operators: {
    does: 'three replicas, PostgreSQL, Prometheus and the gate before a classifier: a fault every minute (--minutes, --only FAULT, --out FILE)',
    load: async () => (await import('./operators/index.ts')).operators,
  },
  hostile: {
    does: 'mutated images and malformed requests (--images, --requests, --seed, --out DIR keeps inputs answered with 5xx)',
    load: async () => (await import('./hostile/hostile.ts')).hostile,
  },
  device: {
    does: 'a GPU, or any other device, beside the CPU (--device)',
    load: async () => (await import('./device.ts')).device,
  },
  gpu: {
    does: 'everything that is to be measured on a card, within 25 minutes, in one file (--device LIST, --vit BUNDLE, --out FILE, --minutes, --dry-run)',
    load: async () => (await import('./gpu/index.ts')).gpu,
  },
  'many-heads': {
    does: 'a thousand tenants of a thousand classes, of which a part fits into the engine',
    load: async () => (await import('./heads.ts')).manyHeads,
  },
  'one-image': {
    does: "one image through the default's graphs beside clipn-tiny's, in turns (--count, --other BUNDLE for one more)",
    load: async () => (await import('./one-image.ts')).oneImage,
  },
  registering: {
    does: 'PUT of tenants with 100 new class names until their features are ready (--count, --seed)',
    load: async () => (await import('./registering.ts')).registering,
  },
  text: { does: 'registering classes: texts by length', load: async () => (await import('./text.ts')).text },
};

const { values, positionals } = parseArgs({
  allowPositionals: true,
  options: {
    bundle: { type: 'string', default: DEFAULT_BUNDLE },
    seconds: { type: 'string' },
    minutes: { type: 'string' },
    connections: { type: 'string' },
    json: { type: 'string' },
    count: { type: 'string' },
    images: { type: 'string' },
    requests: { type: 'string' },
    seed: { type: 'string' },
    out: { type: 'string' },
    device: { type: 'string' },
    vit: { type: 'string' },
    'dry-run': { type: 'boolean', default: false },
    photographs: { type: 'string' },
    variants: { type: 'string' },
    peers: { type: 'string' },
    other: { type: 'string' },
    busy: { type: 'boolean', default: false },
    only: { type: 'string' },
    help: { type: 'boolean', default: false },
  },
});
const [name = 'service'] = positionals;
const bench = benches[name];
if (values.help || !bench) {
  if (!values.help) console.error(`There is no bench "${name}".\n`);
  console.log('npm run bench -- [NAME] [--bundle DIR] [--seconds N] [--connections 1,8,32] [--busy] [--json FILE]\n');
  for (const [key, { does }] of Object.entries(benches)) console.log(`  ${key.padEnd(14)} ${does}`);
  process.exit(values.help ? 0 : 2);
}
console.log(`${name}, ${usableCores()} cores, client on the same machine\n`);
const busy = Object.hasOwn(ANY_LOAD, name) ? undefined : await busyWith();
if (busy !== undefined) {
  console.log(`${values.busy ? 'Not a headline' : 'Nothing is measured'}: ${busy}.`);
  if (!values.busy) {
    console.log('--busy measures all the same; ratios within a pair (against) hold on a busy machine, too.');
    process.exit(3);
  }
}
const run = await bench.load();
const results = await run({
  bundle: values.bundle,
  seconds: values.seconds === undefined ? undefined : Number(values.seconds),
  minutes: values.minutes === undefined ? undefined : Number(values.minutes),
  connections: values.connections?.split(',').map(Number),
  images: values.images === undefined ? undefined : Number(values.images),
  requests: values.requests === undefined ? undefined : Number(values.requests),
  seed: values.seed === undefined ? undefined : Number(values.seed),
  count: values.count === undefined ? undefined : Number(values.count),
  out: values.out,
  device: values.device,
  vit: values.vit,
  dryRun: values['dry-run'],
  photographs: values.photographs,
  other: values.other,
  only: values.only,
  variants: values.variants,
  peers: values.peers,
});
if (values.json) writeJson(values.json, name, results);
