/**
 * `npm run bench -- text`: text features of 50 ImageNet names in all templates of a bundle (--bundle), by the service's own
 * text process, beside the same texts each run at the full context length through the same graph. Prints texts/s, the ratio,
 * and the largest difference of a feature. A bundle of the right size: `python -m clipn_models bench --write-bundle DIR`.
 */

import { performance } from 'node:perf_hooks';
import { loadBundle } from '../../src/bundle/load.ts';
import { loadTokenizer } from '../../src/bundle/tokenizer.ts';
import { fillTemplate } from '../../src/clipn/index.ts';
import { addNormalised, normalise } from '../../src/clipn/text-features.ts';
import { TextEncoderProcess } from '../../src/engine/front/text-encoder.ts';
import { usableCores } from '../../src/engine/index.ts';
import { openTextSession, type TextSession } from '../../src/engine/shared/sessions.ts';
import { padRows } from '../../src/engine/text-process/text-batches.ts';
import type { Bench } from './main.ts';

/** Every twentieth of ImageNet's 1,000 classes, as CLIP calls them: names of one word and of many. */
const NAMES =
  'tench,American dipper,Carolina anole,night snake,black grouse,black swan,fiddler crab,dunlin,Afghan Hound,American Staffordshire Terrier,Tibetan Terrier,Sussex Spaniel,Appenzeller Sennenhund,Chow Chow,grey fox,tiger beetle,damselfly,zebra,otter,titi monkey,academic gown,banjo,beer bottle,breakwater,automated teller machine,cliff dwelling,infant bed,drilling rig,football helmet,greenhouse,hook,laptop computer,manhole cover,mobile home,baby pacifier,paper towel,pill bottle,power drill,refrigerator,schooner,slot machine,steam locomotive,mop,tobacco shop,unicycle,water tower,traffic light,spaghetti squash,chocolate syrup,volcano'.split(
    ',',
  );
const ROWS = 64;
const TOWER = 'yes';

export const text: Bench = async ({ bundle: dir }) => {
  const threads = Number(process.env['BENCH_THREADS'] ?? usableCores());
  const rounds = Number(process.env['BENCH_ROUNDS'] ?? 3);
  const bundle = await loadBundle(dir);
  const { embedding_dim: width, templates, text: limits } = bundle.manifest;
  const lines = templates.yes.slice(0, Number(process.env['BENCH_TEMPLATES'] ?? Number.POSITIVE_INFINITY));
  const total = NAMES.length * lines.length;

  /** Every text at the full context length, a template at a time. */
  async function padded(session: TextSession, rows: number[][]): Promise<Float32Array> {
    const sum = new Float64Array(NAMES.length * width);
    for (let at = 0; at < rows.length; at += ROWS) {
      const part = rows
        .slice(at, at + ROWS)
        .map((row) => [...row, ...Array(limits.context_length - row.length).fill(limits.pad_id)]);
      const features = await session.run(
        padRows(
          part,
          part.map((_, i) => i),
          limits.pad_id,
        ),
        part.length,
      );
      for (const i of part.keys()) addNormalised(sum, (at + i) % NAMES.length, features, i, width);
    }
    return normalise(sum, width);
  }

  const tokenizer = await loadTokenizer(bundle);
  const rows = lines.flatMap((line) => NAMES.map((name) => tokenizer.encode(fillTemplate(line, name))));
  const tokens = rows.reduce((sum, row) => sum + row.length, 0);
  console.log(
    `${bundle.manifest.name}, ${TOWER} tower: ${NAMES.length} classes x ${lines.length} templates = ${total} texts of ${(tokens / total).toFixed(1)} tokens, context ${limits.context_length}, ${threads} threads`,
  );

  const session = await openTextSession(bundle, TOWER, threads);
  const own = new TextEncoderProcess({
    bundle,
    threads,
    idleMs: Number.POSITIVE_INFINITY,
    observer: {},
  });
  await own.verify();
  await padded(session, rows.slice(0, ROWS));
  const ratios: number[] = [];
  let difference = 0;
  for (let round = 0; round < rounds; round++) {
    // the short one before and after the long one: a machine that grows busier favours neither
    const began = performance.now();
    const features = await own.build({ names: NAMES, templates: lines, tower: TOWER });
    const middle = performance.now();
    const reference = await padded(session, rows);
    const end = performance.now();
    await own.build({ names: NAMES, templates: lines, tower: TOWER });
    const ours = (middle - began + performance.now() - end) / 2;
    ratios.push((end - middle) / ours);
    for (const [i, value] of features.entries())
      difference = Math.max(difference, Math.abs(value - (reference[i] as number)));
    console.log(
      `  round ${round + 1}: ${(total / ours).toFixed(2)} texts/ms by the service, ${(total / (end - middle)).toFixed(3)} texts/ms at ${limits.context_length} tokens: ${((end - middle) / ours).toFixed(2)} times faster`,
    );
  }
  ratios.sort((a, b) => a - b);
  console.log(
    `median ${ratios[ratios.length >> 1]?.toFixed(2)} times faster, largest difference of a feature ${difference.toExponential(1)}`,
  );
  await own.stop();
  return { ratios, difference };
};
