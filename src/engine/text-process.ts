/**
 * The text encoder process: lives while text features are built and ends when idle, which gives its memory back whole
 * (sessions of onnxruntime leak when made and released again and again) and never stands in the way of images.
 */
import { readGolden } from '../bundle/golden.ts';
import { type Bundle, loadBundle } from '../bundle/load.ts';
import { loadTokenizer, type TextTokenizer } from '../bundle/tokenizer.ts';
import { fillTemplate } from '../clipn/index.ts';
import { ServiceError } from '../errors/index.ts';
import { type CallContext, serveCalls } from './child.ts';
import { checkGolden } from './golden.ts';
import type { TextOperations } from './protocol.ts';
import { openTextSession, type TextSession } from './sessions.ts';
import { addNormalised, normalise } from './text-features.ts';
import type { Tower } from './types.ts';

/** Texts per run: enough to fill two cores, little enough to look for a cancellation in between. */
const BATCH = 64;

interface Encoder {
  bundle: Bundle;
  tokenizer: TextTokenizer;
  sessions: Record<Tower, TextSession>;
}

let encoder: Encoder | undefined;

async function start({
  bundleDir,
  threads,
}: TextOperations['init']['request']): Promise<TextOperations['init']['reply']> {
  const bundle = await loadBundle(bundleDir, { checksums: true });
  const [tokenizer, yes, no] = await Promise.all([
    loadTokenizer(bundle),
    openTextSession(bundle, 'yes', threads),
    openTextSession(bundle, 'no', threads),
  ]);
  encoder = { bundle, tokenizer, sessions: { yes, no } };
  const golden = await readGolden(bundle);
  for (const [i, text] of golden.text.texts.entries()) {
    const ids = tokenizer.encode(text);
    if (ids.join() !== golden.text.tokens[i]?.join()) {
      throw new ServiceError(
        'engine_unavailable',
        'The tokenizer does not give the ids it gave when the bundle was made.',
        {
          internal: `golden check of tokens ${i}: ${ids} instead of ${golden.text.tokens[i]}`,
        },
      );
    }
  }
  let worst = 0;
  for (const tower of ['yes', 'no'] as const) {
    const rows = await encode(encoder, golden.text.tokens, tower);
    worst = Math.max(worst, checkGolden(`${tower} texts`, rows, golden.text[tower].data, golden.tolerance));
  }
  return { goldenMaxDifference: worst };
}

/**
 * Token id rows -> unit features [rows * D]. Texts are batched by length: a text costs what the longest of its batch costs,
 * and what follows the end-of-text token cannot change its feature.
 */
async function encode(
  { bundle, sessions }: Encoder,
  rows: number[][],
  tower: Tower,
  context?: CallContext,
  done = (_count: number) => {},
): Promise<Float32Array> {
  const width = bundle.manifest.embedding_dim;
  const pad = BigInt(bundle.manifest.text.pad_id);
  const out = new Float32Array(rows.length * width);
  const order = rows.map((_, i) => i).sort((a, b) => (rows[a] as number[]).length - (rows[b] as number[]).length);
  for (let at = 0; at < order.length; at += BATCH) {
    context?.signal.throwIfAborted();
    const part = order.slice(at, at + BATCH);
    const length = (rows[part.at(-1) as number] as number[]).length;
    const tokens = new BigInt64Array(part.length * length).fill(pad);
    for (const [r, index] of part.entries()) {
      for (const [c, id] of (rows[index] as number[]).entries()) tokens[r * length + c] = BigInt(id);
    }
    const features = await sessions[tower].run(tokens, part.length);
    for (const [r, index] of part.entries()) out.set(features.subarray(r * width, (r + 1) * width), index * width);
    done(part.length);
    // lets a cancellation in: run() blocked this thread
    await new Promise((resolve) => setImmediate(resolve));
  }
  return out;
}

serveCalls<TextOperations>({
  init: start,
  build: async ({ names, templates, tower }, context) => {
    if (!encoder) throw new ServiceError('engine_unavailable', 'The text encoder is starting.', { retryAfter: 1 });
    const width = encoder.bundle.manifest.embedding_dim;
    const sum = new Float64Array(names.length * width);
    const total = names.length * templates.length;
    let done = 0;
    for (const template of templates) {
      const { tokenizer } = encoder;
      const rows = names.map((name) => tokenizer.encode(fillTemplate(template, name)));
      const features = await encode(encoder, rows, tower, context, (count) => {
        done += count;
        context.progress(done, total);
      });
      addNormalised(sum, features, width);
    }
    return normalise(sum, width);
  },
});
