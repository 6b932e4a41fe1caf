/**
 * The text encoder process. It runs while text features are built and ends when it is idle. Its end returns all of its memory; sessions of
 * onnxruntime that are made and released repeatedly leak.
 */
import { readFileSync } from 'node:fs';
import { verifyChecksums } from '../../bundle/checksums.ts';
import { readGolden } from '../../bundle/golden.ts';
import type { Bundle } from '../../bundle/load.ts';
import { loadTokenizer, type TextTokenizer } from '../../bundle/tokenizer.ts';
import { fillTemplate } from '../../clipn/index.ts';
import { addNormalised, lengthError, normalise } from '../../clipn/text-features.ts';
import { ServiceError } from '../../errors/index.ts';
import { NICENESS, setNiceness, setNicenessOfAll } from '../../niceness.ts';
import { type CallContext, serveCalls } from '../ipc/child.ts';
import type { TextOperations } from '../ipc/protocol.ts';
import { checkGolden } from '../shared/golden.ts';
import { openTextSession, type TextSession } from '../shared/sessions.ts';
import type { Tower } from '../shared/types.ts';
import { padRows, planBatches } from './text-batches.ts';

/** Number of class names whose texts, in all templates, are in memory at once. */
const NAMES = 256;

interface Encoder {
  bundle: Bundle;
  tokenizer: TextTokenizer;
  sessions: Record<Tower, TextSession>;
}

let encoder: Encoder | undefined;

async function start({
  bundle,
  first,
  urgent,
  threads,
}: TextOperations['init']['request']): Promise<TextOperations['init']['reply']> {
  if (!urgent) setNiceness(NICENESS.texts);
  const { textYes, textNo, tokenizer: texts, golden: expected, weights } = bundle.files;
  if (!first) await verifyChecksums(bundle, [textYes, textNo, texts, expected, ...(weights ? [weights] : [])]);
  // both towers read the same weights
  const shared = new Map<string, Uint8Array>();
  const read = (path: string) => {
    const bytes = shared.get(path) ?? readFileSync(path);
    shared.set(path, bytes);
    return bytes;
  };
  const [tokenizer, yes, no] = await Promise.all([
    loadTokenizer(bundle),
    openTextSession(bundle, 'yes', threads, read),
    openTextSession(bundle, 'no', threads, read),
  ]);
  encoder = { bundle, tokenizer, sessions: { yes, no } };
  const golden = await readGolden(bundle);
  for (const [i, text] of golden.text.texts.entries()) {
    const ids = tokenizer.encode(text);
    if (ids.join() !== golden.text.tokens[i]?.join()) {
      throw new ServiceError('engine_unavailable', 'The tokenizer gives other ids than when the bundle was made.', {
        internal: `golden check of tokens ${i}: ${ids} instead of ${golden.text.tokens[i]}`,
      });
    }
  }
  let worst = 0;
  for (const tower of ['yes', 'no'] as const) {
    const { data } = golden.text[tower];
    const width = bundle.manifest.embedding_dim;
    const rows = new Float32Array(data.length);
    await encode(encoder, golden.text.tokens, tower, (row, features, at) =>
      rows.set(features.subarray(at * width, (at + 1) * width), row * width),
    );
    const tolerance = bundle.tolerance.text ?? golden.tolerance;
    checkLength(tower, rows, width);
    worst = Math.max(worst, checkGolden(`${tower} texts, ${bundle.precision}`, rows, data, tolerance));
    await checkPadding(encoder, golden.text.tokens, tower, rows);
  }
  setNicenessOfAll(NICENESS.texts);
  return { goldenMaxDifference: worst };
}

const LENGTH_TOLERANCE = 1e-3;

/** Checks for unit length, because a golden file of a broken model may hold zeros, which compare as equal. */
function checkLength(tower: Tower, rows: Float32Array, width: number): void {
  const error = lengthError(rows, width);
  if (error <= LENGTH_TOLERANCE) return;
  throw new ServiceError('engine_unavailable', 'The model gives text features that are not of unit length.', {
    internal: `${tower} texts of the golden file: off by ${error}`,
  });
}

/**
 * Compares the shortest text alone with the same text padded to the longest one, [rows * width]. A batch may hold texts of
 * any length, so padding must not change a feature. Differences between kernels for other shapes are far below the tolerance.
 */
async function checkPadding(
  { bundle, sessions }: Encoder,
  tokens: number[][],
  tower: Tower,
  together: Float32Array,
): Promise<void> {
  const width = bundle.manifest.embedding_dim;
  const lengths = tokens.map((row) => row.length);
  const shortest = lengths.indexOf(Math.min(...lengths));
  const pair = [shortest, lengths.indexOf(Math.max(...lengths))];
  const padded = await sessions[tower].run(padRows(tokens, pair, bundle.manifest.text.pad_id), pair.length);
  const alone = await sessions[tower].run(padRows(tokens, [shortest], bundle.manifest.text.pad_id), 1);
  const tolerance = bundle.tolerance.text ?? PADDING_TOLERANCE;
  checkGolden(`${tower} texts, padded`, padded.slice(0, width), alone, tolerance);
  checkGolden(`${tower} texts, in a batch`, together.slice(shortest * width, (shortest + 1) * width), alone, tolerance);
}

const PADDING_TOLERANCE = 1e-5;

/**
 * Token id rows -> unit features; `take` receives each one with its index. Texts run with others of similar length, because
 * the longest text of a batch sets its cost. Padding after the end of a text cannot change its feature: the graph either
 * reads a text from left to right or masks the padding.
 */
async function encode(
  { bundle, sessions }: Encoder,
  rows: number[][],
  tower: Tower,
  take: (row: number, features: Float32Array, at: number) => void,
  context?: CallContext,
  done = (_count: number) => {},
): Promise<void> {
  for (const batch of planBatches(rows.map((row) => row.length))) {
    context?.signal.throwIfAborted();
    const features = await sessions[tower].run(padRows(rows, batch, bundle.manifest.text.pad_id), batch.length);
    for (const [at, row] of batch.entries()) take(row, features, at);
    done(batch.length);
    await yieldToEvents();
  }
}

/** Lets the event loop deliver a cancellation: encoding and tokenizing block this thread. */
const yieldToEvents = () => new Promise((resolve) => setImmediate(resolve));

serveCalls<TextOperations>({
  init: start,
  build: async ({ names, templates, tower }, context) => {
    if (!encoder)
      throw new ServiceError('engine_unavailable', 'The text encoder is starting.', { retryAfterSeconds: 1 });
    const { tokenizer } = encoder;
    const width = encoder.bundle.manifest.embedding_dim;
    const sum = new Float64Array(names.length * width);
    const total = names.length * templates.length;
    let done = 0;
    for (let first = 0; first < names.length; first += NAMES) {
      const chunk = names.slice(first, first + NAMES);
      // all templates in one list: the more texts there are, the more of them have equal length
      const rows: number[][] = [];
      for (const template of templates) {
        context.signal.throwIfAborted();
        for (const name of chunk) rows.push(tokenizer.encode(fillTemplate(template, name)));
        await yieldToEvents();
      }
      const take = (row: number, features: Float32Array, at: number) =>
        addNormalised(sum, first + (row % chunk.length), features, at, width);
      await encode(encoder, rows, tower, take, context, (count) => {
        done += count;
        context.progress(done, total);
      });
    }
    return normalise(sum, width);
  },
});
