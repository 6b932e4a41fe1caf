import { mkdtempSync, readdirSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import * as ort from 'onnxruntime-node';
import type { Bundle } from '../../../src/bundle/load.ts';

type Shapes = Record<string, number[]>[];

interface ProfileEvent {
  cat?: string;
  args?: { op_name?: string; input_type_shape?: Shapes; output_type_shape?: Shapes };
}

const shape = (shapes: Shapes | undefined, i: number): number[] => Object.values(shapes?.[i] ?? {})[0] ?? [];
const product = (dims: readonly number[]) => dims.reduce((a, b) => a * b, 1);

/** Multiplications and additions of one node, counted as two operations; what is not a product of matrices is nothing beside them. */
function flops({
  op_name,
  input_type_shape: inputs,
  output_type_shape: outputs,
}: NonNullable<ProfileEvent['args']>): number {
  const out = product(shape(outputs, 0));
  if (op_name === 'MatMul') return 2 * out * (shape(inputs, 0).at(-1) ?? 0);
  // either operand may be transposed: what is not in the output is summed over
  if (op_name === 'Gemm')
    return 2 * out * Math.round(Math.sqrt((product(shape(inputs, 0)) * product(shape(inputs, 1))) / out));
  // weights [M, C / groups, kH, kW]
  if (op_name === 'Conv') return 2 * out * product(shape(inputs, 1).slice(1));
  return 0;
}

/** Floating-point operations of the image graph for one image, from the runtime's own profile of the graph in the file. */
export async function imageFlops(bundle: Bundle): Promise<number> {
  const dir = mkdtempSync(join(tmpdir(), 'clipn-gate-profile-'));
  try {
    const session = await ort.InferenceSession.create(readFileSync(bundle.files.image), {
      executionProviders: ['cpu'],
      graphOptimizationLevel: 'disabled',
      enableProfiling: true,
      profileFilePrefix: join(dir, 'profile'),
      logSeverityLevel: 3,
    });
    const { size } = bundle.manifest.image;
    await session.run({ pixels: new ort.Tensor('uint8', new Uint8Array(size * size * 3), [1, size, size, 3]) });
    session.endProfiling();
    await session.release();
    const [file] = readdirSync(dir);
    const events = JSON.parse(readFileSync(join(dir, file as string), 'utf8')) as ProfileEvent[];
    return events.reduce((sum, e) => sum + (e.cat === 'Node' && e.args ? flops(e.args) : 0), 0);
  } finally {
    rmSync(dir, { recursive: true, force: true });
  }
}
