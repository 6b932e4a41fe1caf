import assert from 'node:assert/strict';
import { mkdir, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { describe, it, type TestContext } from 'node:test';
import { setImmediate as turn } from 'node:timers/promises';
import type { Detection, DetectRequest, EngineState } from '../../src/engine/index.ts';
import { ServiceError } from '../../src/errors/index.ts';
import { evaluate } from '../../src/evaluation/evaluate.ts';
import { isFailed, type Row } from '../../src/evaluation/rows.ts';
import { scoreImages } from '../../src/evaluation/score-images.ts';
import { type ImageFile, openSets } from '../../src/evaluation/sets.ts';
import { SteadyDetector } from '../../src/evaluation/steady.ts';
import { temporaryDirectory } from '../helpers/paths.ts';

const DETECTION: Detection = {
  index: 0,
  probability: 1,
  noProbability: 0,
  oodProbability: 0,
  decisions: { ctw: 'id', atd: 'id', atd_rescaled: 'id' },
  scores: { ctw: 1, atd: 1, msp: 1, max_logit: 1, energy: 1, mcm: 1 },
  top: [],
  image: { sha256: '', width: 1, height: 1, format: 'jpeg', frames: 1 },
  timing: { decode: 0, queue: 0, inference: 0 },
  cache: 'miss',
};
const gone = () => new ServiceError('engine_unavailable', 'The engine ended.');
const text = (request: DetectRequest) => Buffer.from(request.bytes).toString();

/** Dies, with everything inside it, of images that say "poison"; comes back after a while. */
class MortalEngine {
  state: EngineState = 'ready';
  deaths = 0;
  inside = new Set<{ reject(error: unknown): void }>();
  most = 0;
  comesBack = true;

  get status() {
    return {
      state: this.state,
      device: 'cpu',
      precision: 'fp32' as const,
      restarts: this.deaths,
      inFlight: this.inside.size,
    };
  }

  async detect(request: DetectRequest): Promise<Detection> {
    if (this.state !== 'ready') throw gone();
    return new Promise((resolve, reject) => {
      const call = { reject };
      this.inside.add(call);
      this.most = Math.max(this.most, this.inside.size);
      setTimeout(() => {
        if (!this.inside.delete(call)) return;
        if (text(request) === 'poison') {
          reject(gone());
          this.#die();
        } else if (text(request) === 'bad') reject(new ServiceError('image_undecodable', 'damaged'));
        else resolve(DETECTION);
      }, 3);
    });
  }

  #die(): void {
    this.deaths++;
    this.state = 'restarting';
    for (const call of this.inside) call.reject(gone());
    this.inside.clear();
    if (this.comesBack) setTimeout(() => (this.state = 'ready'), 20);
  }
}

async function made(t: TestContext, contents: string[]): Promise<{ dir: string; images(): AsyncGenerator<ImageFile> }> {
  const dir = await temporaryDirectory(t);
  await mkdir(join(dir, 'ood'));
  for (const [i, content] of contents.entries()) await writeFile(join(dir, 'ood', `${i}.jpg`), content);
  const set = { name: 'ood', dir: join(dir, 'ood'), skip: new Set<string>() };
  return {
    dir,
    async *images() {
      for (const [i, content] of contents.entries()) {
        yield { set, path: `${i}.jpg`, file: join(set.dir, `${i}.jpg`), bytes: content.length, mtimeMs: 1 };
      }
    },
  };
}

function scoring(engine: MortalEngine, rows: Row[], concurrency = 8, recoveryMs = 5000) {
  const steady = new SteadyDetector(engine, recoveryMs);
  return {
    detect: (request: DetectRequest) => steady.detectWithRetries(request),
    headId: 'eval',
    concurrency,
    signal: new AbortController().signal,
    onRow: (row: Row) => void rows.push(row),
  };
}

describe('judging images', () => {
  it('every image is scored once, within the limit of images in progress', async (t) => {
    const { images } = await made(
      t,
      Array.from({ length: 60 }, () => 'good'),
    );
    const engine = new MortalEngine();
    const rows: Row[] = [];
    await scoreImages(images(), scoring(engine, rows, 5));
    assert.equal(new Set(rows.map((r) => r.path)).size, 60);
    assert.equal(engine.most, 5);
  });

  it('an image that kills the engine fails alone; the other images inside are judged', async (t) => {
    const contents = Array.from({ length: 40 }, (_, i) => (i === 7 || i === 20 ? 'poison' : i === 9 ? 'bad' : 'good'));
    const { images } = await made(t, contents);
    const engine = new MortalEngine();
    const rows: Row[] = [];
    await scoreImages(images(), scoring(engine, rows));
    assert.equal(rows.length, 40);
    const failed = rows.filter(isFailed).map((r) => [r.path, r.error.code]);
    assert.deepEqual(failed.sort(), [
      ['20.jpg', 'engine_unavailable'],
      ['7.jpg', 'engine_unavailable'],
      ['9.jpg', 'image_undecodable'],
    ]);
    assert.ok(engine.deaths >= 2 && engine.deaths <= 8, `${engine.deaths} deaths`);
  });

  it('scoring ends when the engine does not come back, and keeps the verdicts so far', async (t) => {
    const { images } = await made(t, ['good', 'good', 'poison', ...Array.from({ length: 20 }, () => 'good')]);
    const engine = new MortalEngine();
    engine.comesBack = false;
    const rows: Row[] = [];
    await assert.rejects(scoreImages(images(), scoring(engine, rows, 2, 100)), /has not come back/);
    assert.ok(rows.length >= 1 && rows.length < 22);
  });

  it('an unreadable file becomes a row with the reason', async (t) => {
    const { dir } = await made(t, []);
    async function* images(): AsyncGenerator<ImageFile> {
      const set = { name: 'ood', dir, skip: new Set<string>() };
      yield { set, path: 'gone.jpg', file: join(dir, 'gone.jpg'), bytes: 1, mtimeMs: 1 };
    }
    const rows: Row[] = [];
    await scoreImages(images(), scoring(new MortalEngine(), rows));
    assert.ok(rows[0] && isFailed(rows[0]));
    assert.match(rows[0].error.detail, /can't be read/);
  });

  it('scoring ends when the score file cannot be written', async (t) => {
    const { images } = await made(
      t,
      Array.from({ length: 30 }, () => 'good'),
    );
    let count = 0;
    const full = () => {
      if (++count === 3) throw new Error('no space left');
    };
    await assert.rejects(scoreImages(images(), { ...scoring(new MortalEngine(), []), onRow: full }), /no space left/);
    await turn();
    assert.ok(count < 20, 'the others were not begun');
  });

  it('after the abort signal scoring finishes images in progress; it starts nothing when all rows are known', async (t) => {
    const { dir } = await made(
      t,
      Array.from({ length: 50 }, () => 'good'),
    );
    await mkdir(join(dir, 'id/cat'), { recursive: true });
    await writeFile(join(dir, 'id/cat/1.jpg'), 'good');
    const sets = await openSets(join(dir, 'id'), [join(dir, 'ood')]);
    const controller = new AbortController();
    const engine = new MortalEngine();
    let seen = 0;
    const base = {
      sets,
      classes: ['cat'],
      signal: controller.signal,
      start: async () => ({ detect: (r: DetectRequest) => engine.detect(r), headId: 'eval', concurrency: 4 }),
    };
    const cut = await evaluate({
      ...base,
      onImage: () => {
        if (++seen === 10) controller.abort();
      },
    });
    assert.equal(cut, undefined);
    assert.ok(seen >= 10 && seen <= 13, `${seen} images`);
    const whole = await evaluate({ ...base, signal: new AbortController().signal, onImage: () => {} });
    assert.deepEqual(
      whole?.sets.map((s) => s.scores.ctw.length),
      [1, 50],
    );
  });
});
