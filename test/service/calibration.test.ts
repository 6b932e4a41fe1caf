import assert from 'node:assert/strict';
import { readFile } from 'node:fs/promises';
import { basename, dirname } from 'node:path';
import { before, describe, it } from 'node:test';
import { ascending, keptLeaveOneOut, thresholdOf } from '../../src/clipn/index.ts';
import type { CalibrationReply } from '../../src/http/schemas/calibration.ts';
import type { DetectReply, Verdict } from '../../src/http/schemas/detect.ts';
import { photographs, skip, temporaryDirectory } from '../helpers/paths.ts';
import { randoms } from '../helpers/rows.ts';
import { putTenant, type Service, startService } from '../helpers/service.ts';
import { scopeOfSuite } from '../helpers/suite-scope.ts';

const KEEP = 0.95;
const IMAGES = 30;
const SPLITS = 200;

/** The photographs of the classes, and the classes. */
const own = photographs.filter((file) => basename(dirname(file)) !== '_scenes');
const classes = [...new Set(own.map((file) => basename(dirname(file)).replaceAll('_', ' ')))];

async function form(files: readonly string[]): Promise<FormData> {
  const body = new FormData();
  for (const file of files) body.append('file', new Blob([new Uint8Array(await readFile(file))]), basename(file));
  return body;
}

async function verdicts(url: string, files: readonly string[], query = ''): Promise<Verdict[]> {
  const reply = await fetch(`${url}/v1/detect?tenant=own${query}`, { method: 'POST', body: await form(files) });
  assert.equal(reply.status, 200);
  return ((await reply.json()) as DetectReply).results as Verdict[];
}

function shuffled<T>(values: readonly T[], random: () => number): T[] {
  const copy = [...values];
  for (let i = copy.length - 1; i > 0; i--) {
    const j = Math.floor(random() * (i + 1));
    [copy[i], copy[j]] = [copy[j] as T, copy[i] as T];
  }
  return copy;
}

/** P(so many of `rest` are kept) for a = n + 1 - k, b = k: the beta distribution of the kept share, seen through `rest` images. */
function betaBinomial(rest: number, a: number, b: number): number[] {
  // by recursion from one kept image to the next, normalised at the end
  const weights = [1];
  for (let kept = 1; kept <= rest; kept++) {
    const before = weights[kept - 1] as number;
    weights.push((before * (rest - kept + 1) * (a + kept - 1)) / (kept * (b + rest - kept)));
  }
  const total = weights.reduce((sum, w) => sum + w, 0);
  return weights.map((w) => w / total);
}

describe('calibration with real photographs', () => {
  const scope = scopeOfSuite();
  const settings = { CLIPN_MAX_IMAGES: '100' };
  let dir: string;
  let first: Service;
  /** The verdicts before there is a calibration. */
  let plain: Verdict[];
  before(async () => {
    if (skip.photographs) return;
    dir = await temporaryDirectory(scope);
    first = await startService(scope, dir, settings);
    assert.ok((await putTenant(first.url, 'own', { classes })).ok);
    plain = await verdicts(first.url, own);
  });

  it('of 200 random splits of real photographs, 30 images keep at least 95 % of the rest on average, spread as the beta distribution', {
    skip: skip.photographs,
  }, async (t) => {
    const random = randoms(20);
    const rest = own.length - IMAGES;
    const theory = betaBinomial(rest, IMAGES, 1);
    const mean = theory.reduce((sum, p, kept) => sum + p * (kept / rest), 0);
    const deviation = Math.sqrt(theory.reduce((sum, p, kept) => sum + p * (kept / rest - mean) ** 2, 0));
    assert.ok(Math.abs(mean - IMAGES / (IMAGES + 1)) < 1e-9, 'the theory is of this case');
    for (const score of ['atd', 'ctw', 'energy', 'mcm'] as const) {
      const values = plain.map(({ scores }) => scores[score]);
      const shares = Array.from({ length: SPLITS }, () => {
        const [some, others] = [shuffled(values, random), [] as number[]];
        others.push(...some.splice(IMAGES));
        const threshold = thresholdOf(ascending(some), KEEP);
        return others.filter((value) => value >= threshold).length / others.length;
      });
      const average = shares.reduce((sum, share) => sum + share, 0) / SPLITS;
      const spread = Math.sqrt(shares.reduce((sum, share) => sum + (share - average) ** 2, 0) / SPLITS);
      t.diagnostic(
        `${score}: average ${average.toFixed(4)} (theory ${mean.toFixed(4)}), spread ${spread.toFixed(4)} (${deviation.toFixed(4)})`,
      );
      assert.ok(average >= KEEP, `${score}: ${average}`);
      // three standard errors of 200 splits
      assert.ok(Math.abs(average - mean) < (3 * deviation) / Math.sqrt(SPLITS), `${score}: ${average} against ${mean}`);
      // Kolmogorov and Smirnov: the largest distance of both distributions, which chance exceeds once in a hundred times
      let [expected, distance] = [0, 0];
      for (const [kept, p] of theory.entries()) {
        expected += p;
        const observed = shares.filter((share) => share <= kept / rest + 1e-12).length / SPLITS;
        distance = Math.max(distance, Math.abs(observed - expected));
      }
      assert.ok(distance < 1.63 / Math.sqrt(SPLITS), `${score}: distance ${distance}`);
    }
  });

  it('a calibration that was acknowledged survives kill -9 of the service, and decides as before', {
    skip: skip.photographs,
  }, async () => {
    const address = (url: string) => `${url}/v1/tenants/own/calibration`;
    const reply = await fetch(`${address(first.url)}?keep=0.9&score=atd`, {
      method: 'POST',
      body: await form(own.slice(0, 40)),
    });
    assert.equal(reply.status, 201);
    const made = (await reply.json()) as CalibrationReply;
    first.child.kill('SIGKILL');
    await first.exited;

    const sorted = ascending(plain.slice(0, 40).map(({ scores }) => scores.atd));
    assert.equal(made.threshold, thresholdOf(sorted, 0.9));
    assert.equal(made.leave_one_out.kept, keptLeaveOneOut(sorted, 0.9));
    const { url } = await startService(scope, dir, settings);
    assert.deepEqual(await (await fetch(address(url))).json(), made);
    const decided = await verdicts(url, own, '&method=calibrated');
    for (const [i, verdict] of decided.entries()) {
      const { decisions, scores, prediction } = plain[i] as Verdict;
      assert.deepEqual(verdict.scores, scores);
      assert.deepEqual(verdict.prediction, prediction);
      assert.equal(verdict.decision, scores.atd < made.threshold ? 'ood' : 'id');
      assert.equal(verdict.band === 'uncertain', verdict.decision !== decisions.atd);
    }
    const kept = decided.slice(0, 40).filter(({ decision }) => decision === 'id').length;
    assert.ok(kept >= 36, `${kept} of 40 are kept`);
  });
});
