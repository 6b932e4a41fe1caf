import { readFile } from 'node:fs/promises';
import { BundleError } from './errors.ts';
import type { Bundle } from './load.ts';

export interface GoldenTensor<T> {
  shape: number[];
  data: T;
}

/** Inputs and PyTorch's outputs from the time when the bundle was built, with which any machine can check its runtime. */
export interface Golden {
  /** Largest accepted absolute difference of a feature. */
  tolerance: number;
  image: { pixels: GoldenTensor<Uint8Array>; features: GoldenTensor<Float32Array> };
  text: { texts: string[]; tokens: number[][]; yes: GoldenTensor<Float32Array>; no: GoldenTensor<Float32Array> };
  verdict: {
    classes: string[];
    templates: string[];
    p: GoldenTensor<Float32Array>;
    pNo: GoldenTensor<Float32Array>;
    pOod: GoldenTensor<Float32Array>;
  };
}

interface Encoded {
  dtype: 'uint8' | 'float32';
  shape: number[];
  data: string;
}

function bytesOf(what: string, { dtype, shape, data }: Encoded, wanted: Encoded['dtype']): Buffer {
  const bytes = Buffer.from(data, 'base64');
  const size = shape.reduce((a, b) => a * b, dtype === 'float32' ? 4 : 1);
  if (dtype !== wanted || bytes.length !== size)
    throw new Error(`${what}: ${dtype} [${shape}] in ${bytes.length} bytes`);
  return bytes;
}

function bytes(what: string, encoded: Encoded): GoldenTensor<Uint8Array> {
  return { shape: encoded.shape, data: new Uint8Array(bytesOf(what, encoded, 'uint8')) };
}

function floats(what: string, encoded: Encoded): GoldenTensor<Float32Array> {
  const raw = bytesOf(what, encoded, 'float32');
  // copied, because a pooled buffer may begin at an offset that is no multiple of four
  return { shape: encoded.shape, data: new Float32Array(new Uint8Array(raw).buffer) };
}

/** @throws BundleError if the golden file cannot be read or its tensors do not have the declared sizes */
export async function readGolden(bundle: Bundle): Promise<Golden> {
  try {
    const g = JSON.parse(await readFile(bundle.files.golden, 'utf8'));
    if (g.format !== 1) throw new Error(`format ${g.format} is not known`);
    return {
      tolerance: g.tolerance,
      image: { pixels: bytes('image.pixels', g.image.pixels), features: floats('image.features', g.image.features) },
      text: {
        texts: g.text.texts,
        tokens: g.text.tokens,
        yes: floats('text.yes', g.text.yes),
        no: floats('text.no', g.text.no),
      },
      verdict: {
        classes: g.verdict.classes,
        templates: g.verdict.templates,
        p: floats('verdict.p', g.verdict.p),
        pNo: floats('verdict.p_no', g.verdict.p_no),
        pOod: floats('verdict.p_ood', g.verdict.p_ood),
      },
    };
  } catch (error) {
    throw new BundleError(bundle.dir, [`golden.json: ${(error as Error).message}`]);
  }
}
