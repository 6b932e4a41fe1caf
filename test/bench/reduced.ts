/**
 * `npm run bench -- reduced --photographs DIR`: photographs that CLIPN_DECODE=fast decodes at a reduced scale, judged both ways. All JPEGs of the
 * folder count that are large enough for the model, up to --count.
 */
import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { loadBundle } from '../../src/bundle/load.ts';
import type { Verdict } from '../../src/http/schemas/detect.ts';
import { readJpegHeader } from '../../src/images/headers/jpeg.ts';
import { scaleFor } from '../../src/images/reduced.ts';
import { photographs } from '../helpers/paths.ts';
import { sendImage } from '../helpers/service.ts';
import type { Bench } from './main.ts';
import { withService } from './measure/target.ts';
import { fixed } from './report.ts';

const RULES = ['ctw', 'atd', 'atd_rescaled'] as const;
const AT_ONCE = 8;

function filesOf(dir: string | undefined): string[] {
  if (dir === undefined) return photographs;
  const names = readdirSync(dir, { recursive: true, encoding: 'utf8' }).filter((name) => /[.]jpe?g$/i.test(name));
  return names.sort().map((name) => join(dir, name));
}

/** Files that are decoded at a reduced scale, evenly from the whole folder. */
function large(files: string[], size: number, count: number): string[] {
  const found = files.filter((file) => {
    const header = readJpegHeader(readFileSync(file));
    return header !== undefined && header.components !== 4 && scaleFor(header.width, header.height, size) !== undefined;
  });
  const step = Math.max(1, found.length / count);
  return Array.from({ length: Math.min(count, found.length) }, (_, i) => found[Math.floor(i * step)] as string);
}

/** Every file judged by a service that decodes in this way. */
const judge = (files: string[], dir: string, decode: string): Promise<Verdict[]> =>
  withService({ dir, env: { CLIPN_DECODE: decode }, tenants: ['ten'] }, async ({ url }) => {
    const found: Verdict[] = [];
    const left = [...files.keys()];
    const one = async () => {
      for (let i = left.shift(); i !== undefined; i = left.shift()) {
        const reply = await sendImage(url, readFileSync(files[i] as string), '?tenant=ten');
        if (reply.status !== 200) throw new Error(`${files[i]}: ${reply.status} ${await reply.text()}`);
        found[i] = ((await reply.json()) as { results: Verdict[] }).results[0] as Verdict;
      }
    };
    await Promise.all(Array.from({ length: AT_ONCE }, one));
    return found;
  });

export const reduced: Bench = async ({ bundle: dir, count = 2000, photographs: folder }) => {
  const { size } = (await loadBundle(dir, { checksums: false })).manifest.image;
  const files = large(filesOf(folder), size, count);
  const exact = await judge(files, dir, 'exact');
  const fast = await judge(files, dir, 'fast');
  const pairs = exact.map((e, i) => [e, fast[i] as Verdict] as const);
  const changed = Object.fromEntries(
    RULES.map((rule) => [rule, pairs.filter(([e, f]) => e.decisions[rule] !== f.decisions[rule]).length]),
  );
  const moved = pairs.map(([e, f]) => Math.abs(e.ood_probability - f.ood_probability)).sort((a, b) => a - b);
  const at = (q: number) => moved[Math.min(moved.length - 1, Math.floor(q * moved.length))] ?? 0;
  const mean = moved.reduce((sum, m) => sum + m, 0) / moved.length;
  const classes = pairs.filter(([e, f]) => e.prediction.index !== f.prediction.index).length;
  console.log(`${files.length} photographs of which the shorter side has at least ${4 * size} pixels`);
  console.log(`decisions that change: ${RULES.map((r) => `${changed[r]} (${r})`).join(', ')}; classes: ${classes}`);
  console.log(
    `the OOD probability moves by ${fixed(mean, 5)} (mean), ${fixed(at(0.99), 4)} (p99), ${fixed(at(1), 4)} (most)`,
  );
  return { files: files.length, changed, classes, mean, p99: at(0.99), most: at(1) };
};
