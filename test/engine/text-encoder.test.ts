import assert from 'node:assert/strict';
import { existsSync, readdirSync, readFileSync } from 'node:fs';
import { describe, it } from 'node:test';
import { loadBundle } from '../../src/bundle/load.ts';
import { type TextEncoderOptions, TextEncoderProcess } from '../../src/engine/front/text-encoder.ts';
import { NICENESS } from '../../src/niceness.ts';
import { BUNDLE } from '../helpers/paths.ts';
import { procStat } from '../helpers/proc-stat.ts';

const NAMES = ['dog', 'school bus', 'a very long name of many words', 'cat', 'sunflower'];
const TEMPLATES = ['a photo of a {}.', '{}', 'a small picture of the {} in a field.'];

const bundle = await loadBundle(BUNDLE);

function start(t: { after(task: () => unknown): void }, options: Partial<TextEncoderOptions> = {}): TextEncoderProcess {
  const process = new TextEncoderProcess({
    bundle,
    threads: 1,
    idleMs: Number.POSITIVE_INFINITY,
    observer: {},
    ...options,
  });
  t.after(() => process.stop());
  return process;
}

/** The process id of the text encoder that is a child of `parent`. */
function childOf(parent: number): number {
  const children = readFileSync(`/proc/${parent}/task/${parent}/children`, 'utf8').trim().split(' ');
  return Number(children.find((pid) => readFileSync(`/proc/${pid}/cmdline`, 'utf8').includes('text-process/main')));
}

describe('text encoder process', () => {
  it('all threads of a process that was started at high priority have low priority once it is ready', {
    skip: existsSync('/proc/self/task') ? false : 'needs /proc',
  }, async (t) => {
    const texts = start(t, { urgent: true, threads: 2 });
    await texts.verify();
    const pid = childOf(process.pid);
    const niceness = readdirSync(`/proc/${pid}/task`).map((thread) => procStat(pid as number, thread).nice);
    assert.ok(niceness.length > 2);
    assert.deepEqual([...new Set(niceness)], [NICENESS.texts]);
  });

  it('a feature does not depend on the names it was built with, and has unit length', async (t) => {
    const texts = start(t);
    const steps: number[] = [];
    const request = { names: NAMES, templates: TEMPLATES, tower: 'no' as const };
    const together = await texts.build(request, { onProgress: (done, total) => steps.push(done / total) });
    const width = together.length / NAMES.length;
    assert.equal(steps.at(-1), 1);
    assert.deepEqual(
      steps,
      [...steps].sort((a, b) => a - b),
    );
    for (const [i, name] of NAMES.entries()) {
      const alone = await texts.build({ ...request, names: [name] });
      const row = together.subarray(i * width, (i + 1) * width);
      assert.ok(Math.abs(Math.hypot(...row) - 1) < 1e-5);
      for (const [k, value] of alone.entries()) assert.ok(Math.abs(value - (row[k] as number)) < 1e-5, name);
    }
  });

  it('an aborted build ends, and the next one is served', async (t) => {
    const texts = start(t);
    await texts.verify();
    const names = Array.from({ length: 3000 }, (_, i) => `${NAMES[i % NAMES.length]} ${i}`);
    const controller = new AbortController();
    const began = performance.now();
    let whole = 0;
    const build = texts.build(
      { names, templates: TEMPLATES, tower: 'yes' },
      {
        signal: controller.signal,
        onProgress: (done, total) => {
          whole = ((performance.now() - began) * total) / done;
          controller.abort(new Error('given up'));
        },
      },
    );
    await assert.rejects(build, /given up/);
    const next = performance.now();
    await texts.build({ names: ['dog'], templates: ['{}'], tower: 'yes' });
    // measured on the same machine under the same load
    assert.ok(performance.now() - next < whole / 2, 'the build that was given up continued');
  });

  it('a text encoder that does not answer during a build is killed, and the next build starts a new one', async (t) => {
    const said: string[] = [];
    // the clock of the silence is turned by hand: a start on a busy machine is silent for long too
    t.mock.timers.enable({ apis: ['setInterval'] });
    const silenceMs = 1000;
    const texts = start(t, { silenceMs, observer: { log: (_level, message) => said.push(message) } });
    await texts.verify();
    const names = Array.from({ length: 3000 }, (_, i) => `${NAMES[i % NAMES.length]} ${i}`);
    const stopped = texts.build(
      { names, templates: TEMPLATES, tower: 'yes' },
      {
        onProgress: () => {
          process.kill(childOf(process.pid), 'SIGSTOP');
          t.mock.timers.tick(silenceMs);
        },
      },
    );
    await assert.rejects(stopped, { code: 'engine_unavailable' });
    assert.ok(said.includes('text encoder process does not answer and is killed'), said.join());
    const features = await texts.build({ names: ['dog'], templates: ['{}'], tower: 'yes' });
    assert.ok(features.length > 0);
  });
});
