import { createHash } from 'node:crypto';
import { cp, readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import type { TestContext } from 'node:test';
import { FILES } from '../../src/bundle/file-names.ts';
import {
  type ExtraPrecision,
  type GraphPart,
  graphFile,
  type Manifest,
  type PrecisionQuality,
} from '../../src/bundle/manifest.ts';
import { temporaryDirectory } from './paths.ts';

export const QUALITY: PrecisionQuality = {
  inputs: 'photographs',
  images: 400,
  classes: 20,
  image_cosine: { mean: 0.9998, min: 0.9995 },
  probability_difference: 0.02,
  equal_decisions: 0.99,
};

type Entry = NonNullable<NonNullable<Manifest['precisions']>[ExtraPrecision]>;

export const entry = (change: Partial<Entry> = {}): Entry => ({
  graphs: ['image'],
  tolerance: 0.01,
  quality: QUALITY,
  ...change,
});

const fileEntry = (bytes: Buffer) => ({
  sha256: createHash('sha256').update(bytes).digest('hex'),
  bytes: bytes.length,
});

/** A manifest in which everything is right; its files are a few letters each. */
export function manifest(precisions?: Manifest['precisions']): Manifest {
  const names: string[] = [...FILES];
  for (const [precision, { graphs }] of Object.entries(precisions ?? {}) as [ExtraPrecision, Entry][])
    names.push(...graphs.map((part) => graphFile(part, precision)));
  return {
    format: 1,
    name: 'made',
    version: '1.0.0',
    licence: 'Apache-2.0',
    provenance: {
      architecture: 'none',
      variant: 'learnable',
      checkpoint: 'none',
      training_data: [],
      commit: null,
      date: '2026-01-01',
    },
    image: {
      size: 32,
      resize: 'shorter-side-bicubic-antialias',
      crop: 'centre',
      mean: [0, 0, 0],
      std: [1, 1, 1],
      layout: 'NHWC',
      dtype: 'uint8',
    },
    text: { context_length: 16, tokenizer: 'tokenizer.json', pad_id: 0, vocabulary: null },
    embedding_dim: 32,
    logit_scale: 100,
    templates: { yes: ['{}'], no: null },
    precision: 'fp32',
    ...(precisions ? { precisions } : {}),
    files: Object.fromEntries(names.map((name) => [name, fileEntry(Buffer.from(name))])) as Manifest['files'],
    evaluation: {},
  };
}

/** A bundle on disk that can be opened but not run. */
export async function madeBundle(t: Pick<TestContext, 'after'>, value: object): Promise<string> {
  const dir = await temporaryDirectory(t);
  for (const name of Object.keys((value as Manifest).files)) await writeFile(join(dir, name), name);
  await writeFile(join(dir, 'bundle.json'), JSON.stringify(value));
  return dir;
}

/** A copy of a real bundle that offers, as another precision, its own base graphs: runs everywhere, loses nothing. */
export async function withCopies(
  t: Pick<TestContext, 'after'>,
  source: string,
  precision: ExtraPrecision,
  parts: GraphPart[],
  change: Partial<Entry> = {},
): Promise<string> {
  const dir = await temporaryDirectory(t);
  await cp(source, dir, { recursive: true });
  const value = JSON.parse(await readFile(join(dir, 'bundle.json'), 'utf8')) as Manifest;
  for (const part of parts) {
    await cp(join(dir, `${part}.onnx`), join(dir, graphFile(part, precision)));
    value.files[graphFile(part, precision)] = value.files[`${part}.onnx`];
  }
  value.precisions = { [precision]: entry({ graphs: parts, ...change }) };
  await writeFile(join(dir, 'bundle.json'), JSON.stringify(value));
  return dir;
}
