/**
 * `npm run bench -- compute-bound --bundle DIR`: a model so large that nothing else should matter. Service throughput beside
 * the raw session's at its best batch, in one run. A bundle of ViT-B/16's shape: `python -m clipn_models bench --write-bundle DIR`
 * in models/; without --bundle it is made that way, with the Python of CLIPN_PYTHON.
 */
import { spawnSync } from 'node:child_process';
import { existsSync, mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { DEFAULT_BUNDLE, PYTHON, ROOT } from '../helpers/paths.ts';
import { closedLoop } from './load/loops.ts';
import { sized } from './load/pictures.ts';
import type { Bench } from './main.ts';
import { measureCeilings } from './measure/ceilings.ts';
import { withService } from './measure/target.ts';
import { fixed, table } from './report.ts';
import { from, HEADINGS, measured, printCeilings, row } from './service.ts';

function writeBundle(dir: string): void {
  if (!PYTHON) throw new Error('needs --bundle DIR, or CLIPN_PYTHON: a Python with the packages of models/');
  const run = spawnSync(PYTHON, ['-m', 'clipn_models', 'bench', '--write-bundle', dir], {
    cwd: join(ROOT, 'models'),
    stdio: ['ignore', 'ignore', 'inherit'],
  });
  if (run.status !== 0 || !existsSync(join(dir, 'bundle.json'))) throw new Error('the bundle could not be made');
}

export const computeBound: Bench = async ({ bundle, seconds = 30, connections = [16, 32] }) => {
  const made = bundle === DEFAULT_BUNDLE ? mkdtempSync(join(tmpdir(), 'clipn-gate-bench-')) : undefined;
  const dir = made ? join(made, 'vit') : bundle;
  try {
    if (made) writeBundle(dir);
    const pictures = await sized(500, 375, 32);
    return await withService({ dir, env: { CLIPN_REQUEST_TIMEOUT_MS: '60s' } }, async (target) => {
      const before = await measureCeilings(target.bundle, pictures.jpegs, 8);
      printCeilings(before);
      await closedLoop(target.url, 16, 4, from(pictures));
      const runs: Record<string, Awaited<ReturnType<typeof measured>>> = {};
      for (const count of connections) {
        runs[count] = await measured(target, () => closedLoop(target.url, count, seconds, from(pictures)));
      }
      // before and after: a machine that grows slower meanwhile favours neither
      const after = await measureCeilings(target.bundle, pictures.jpegs, 8);
      table(
        HEADINGS,
        Object.entries(runs).map(([count, f]) => row(`closed, ${count} at a time`, f)),
      );
      const raw = (before.inference.imagesPerSecond + after.inference.imagesPerSecond) / 2;
      const best = Math.max(...Object.values(runs).map((f) => f.imagesPerSecond));
      console.log(
        `\n${target.bundle.manifest.name}, ${target.bundle.precision}: ${fixed(best, 2)} images/s, ${fixed(best / raw, 3)} of the raw session (${fixed(before.inference.imagesPerSecond, 2)} before, ${fixed(after.inference.imagesPerSecond, 2)} after)`,
      );
      return { before, after, runs, ratio: best / raw };
    });
  } finally {
    if (made) rmSync(made, { recursive: true, force: true });
  }
};
