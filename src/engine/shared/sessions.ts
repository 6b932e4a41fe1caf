import { readFileSync } from 'node:fs';
import * as ort from 'onnxruntime-node';
import { externalFiles } from '../../bundle/external.ts';
import { SHARED_WEIGHTS } from '../../bundle/file-names.ts';
import type { Bundle } from '../../bundle/load.ts';
import { ServiceError } from '../../errors/index.ts';
import { fastInt8 } from './cpus.ts';
import { CPU, type Device, executionProviders, explain } from './devices.ts';
import type { Tower } from './types.ts';

export interface ImageSession {
  /**
   * uint8 pixels [n, S, S, 3] -> unit features float32 [n, D]; of a bundle with features of patches [n, 1 + P, D], each image's own
   * feature before those of its patches. Blocks the calling thread while the device works.
   */
  run(pixels: Uint8Array, n: number): Promise<Float32Array>;
}

export interface TextSession {
  /** Token ids, all rows of one length T, [n * T] -> unit features float32 [n, D]. Blocks the calling thread. */
  run(tokens: BigInt64Array, n: number): Promise<Float32Array>;
}

/**
 * Reads freed memory when it rewrites a graph in half precision for a CPU (ONNX Runtime 1.30 to 1.32), and at times the process ends by a segmentation
 * fault. It only speeds up convolutions in single precision.
 */
const UNSAFE_IN_HALF = 'NchwcTransformer';

/**
 * Without VNNI, ONNX Runtime adds pairs of 8-bit products in 16 bits and cuts off larger sums: int8 features of the default model then have cosine 0.9973
 * with fp32 instead of 0.9997. With this setting the sums are right on such processors, at 1.26 times the processor time.
 */
const NO_OVERFLOW = { x64quantprecision: '1' };

function options(
  { device, threads, precision, alone }: Setup,
  arena: boolean,
  noOverflow: boolean,
): ort.InferenceSession.SessionOptions {
  return {
    executionProviders: executionProviders(device),
    graphOptimizationLevel: 'all',
    intraOpNumThreads: threads,
    interOpNumThreads: 1,
    executionMode: 'sequential',
    enableCpuMemArena: arena,
    enableMemPattern: arena,
    logSeverityLevel: 3,
    extra: {
      session: {
        ...threadsWait(alone),
        ...(noOverflow ? NO_OVERFLOW : {}),
        // weights are outside the arena, which doubles when it grows
        ...(device.kind === 'cpu' ? {} : { use_device_allocator_for_initializers: '1' }),
      },
      ...(precision === 'fp16' ? { optimization: { disable_specified_optimizers: UNSAFE_IN_HALF } } : {}),
    },
  };
}

interface Setup extends Pick<Bundle, 'precision'> {
  device: Device;
  threads: number;
  /** Whether nothing else of this engine works during a run of the session. */
  alone?: boolean;
}

/**
 * How the threads of a session wait for each other. Threads that spin use the cores that the decoder and the front process need, so they sleep. During a
 * run that is alone they spin for 0.1 ms before they sleep: to be woken at each node of the graph costs more than the node's own work. They never
 * spin between two runs.
 */
const threadsWait = (alone = false) =>
  alone
    ? { intra_op: { allow_spinning: '1', spin_duration_us: '100' }, force_spinning_stop: '1' }
    : { intra_op: { allow_spinning: '0' } };

interface GraphFile {
  path: string;
  /** The only file that may contain tensors of the graph. */
  weights?: string | undefined;
  /**
   * Whether the activations of runs stay allocated (25 MB for each session of the default). Without it each image run maps them again: 6 % more processor
   * time, and 300 MB more in the heaps of the threads (two lanes, batches of 4). Texts are rare.
   */
  arena: boolean;
  read?(path: string): Uint8Array;
}

async function open(
  file: GraphFile,
  { input, outputs = ['features'] }: { input: string; outputs?: string[] },
  setup: Setup,
): Promise<ort.InferenceSession> {
  const { path } = file;
  const session = await create(file, setup);
  if (session.inputNames.join() !== input || session.outputNames.join() !== outputs.join()) {
    throw new ServiceError('engine_unavailable', 'The model bundle does not meet the graph contract.', {
      internal: `${path}: inputs ${session.inputNames}, outputs ${session.outputNames}; wanted ${input} -> ${outputs}`,
    });
  }
  return session;
}

async function create(file: GraphFile, setup: Setup): Promise<ort.InferenceSession> {
  const { device } = setup;
  try {
    const graph = readFileSync(file.path);
    const externalData = weightsOf(file, graph);
    const opened = (noOverflow: boolean) =>
      ort.InferenceSession.create(graph, { ...options(setup, file.arena, noOverflow), ...externalData });
    if (setup.precision !== 'int8' || device.kind !== 'cpu' || fastInt8()) return await opened(false);
    // the runtime cannot convert weights that several products share; such a graph is opened as it is
    return await opened(true).catch(() => opened(false));
  } catch (error) {
    throw new ServiceError('engine_unavailable', `The model can't be opened on the device "${device.name}".`, {
      internal: `${file.path}: ${explain(device, error)}`,
      cause: error,
    });
  }
}

/** The runtime receives the bytes of the shared weights instead of a path, so a graph cannot make it open a file. */
function weightsOf(
  { weights, read = readFileSync }: GraphFile,
  graph: Uint8Array,
): Pick<ort.InferenceSession.SessionOptions, 'externalData'> {
  const named = [...externalFiles(graph)];
  if (named.length === 0) return {};
  const foreign = named.filter((name) => name !== SHARED_WEIGHTS);
  if (foreign.length > 0) {
    throw new Error(
      `its tensors are in ${JSON.stringify(foreign[0]).slice(0, 100)}, only ${SHARED_WEIGHTS} is allowed`,
    );
  }
  if (weights === undefined) throw new Error(`it reads ${SHARED_WEIGHTS}, which the manifest does not list`);
  return { externalData: [{ path: SHARED_WEIGHTS, data: read(weights) }] };
}

/** The numbers of an output. @throws ServiceError engine_unavailable if its type or shape is another one */
function numbersOf(outputs: ort.InferenceSession.OnnxValueMapType, name: string, shape: number[]): Float32Array {
  const output = outputs[name] as ort.Tensor | undefined;
  if (output?.type !== 'float32' || output.dims.join() !== shape.join()) {
    throw new ServiceError('engine_unavailable', 'The model bundle does not meet the graph contract.', {
      internal: `${name}: ${output?.type} [${output?.dims}], wanted float32 [${shape}]`,
    });
  }
  return output.data as Float32Array;
}

/** Rows of `first` and of `second` by turns, [n * (a + b)]. */
function interleaved(first: Float32Array, second: Float32Array, n: number): Float32Array {
  const [a, b] = [first.length / n, second.length / n];
  const all = new Float32Array(first.length + second.length);
  for (let i = 0; i < n; i++) {
    all.set(first.subarray(i * a, (i + 1) * a), i * (a + b));
    all.set(second.subarray(i * b, (i + 1) * b), i * (a + b) + a);
  }
  return all;
}

/** @param alone whether nothing else of this engine works during a run */
export async function openImageSession(
  bundle: Bundle,
  threads: number,
  device = CPU,
  alone = false,
): Promise<ImageSession> {
  const { size, patches } = bundle.manifest.image;
  const width = bundle.manifest.embedding_dim;
  const { precision } = bundle;
  const outputs = patches === undefined ? ['features'] : ['features', 'patches'];
  const file = { path: bundle.files.image, arena: true };
  const session = await open(file, { input: 'pixels', outputs }, { device, threads, precision, alone });
  return {
    run: async (pixels, n) => {
      const all = await session.run({ pixels: new ort.Tensor('uint8', pixels, [n, size, size, 3]) });
      const features = numbersOf(all, 'features', [n, width]);
      return patches === undefined
        ? features
        : interleaved(features, numbersOf(all, 'patches', [n, patches, width]), n);
    },
  };
}

/** @param read reads the shared weights; a caller that opens both towers reads them once */
export async function openTextSession(
  bundle: Bundle,
  tower: Tower,
  threads: number,
  read: (path: string) => Uint8Array = readFileSync,
): Promise<TextSession> {
  const width = bundle.manifest.embedding_dim;
  const { textYes, textNo, weights } = bundle.files;
  const file = { path: tower === 'yes' ? textYes : textNo, weights, read, arena: false };
  const session = await open(file, { input: 'tokens' }, { device: CPU, threads, precision: bundle.precision });
  return {
    run: async (tokens, n) =>
      numbersOf(await session.run({ tokens: new ort.Tensor('int64', tokens, [n, tokens.length / n]) }), 'features', [
        n,
        width,
      ]),
  };
}
