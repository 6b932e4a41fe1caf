import assert from 'node:assert/strict';
import { type ChildProcess, spawn } from 'node:child_process';
import { existsSync } from 'node:fs';
import { copyFile, mkdir, readFile, rm, truncate, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { after, before, describe, it, type TestContext } from 'node:test';
import { Collector } from '../../src/evaluation/collector.ts';
import { compare, type Results } from '../../src/evaluation/results.ts';
import { parseRow, type Row } from '../../src/evaluation/rows.ts';
import { assertSelfContained, assertWellFormed } from '../helpers/html.ts';
import { noise, waves } from '../helpers/images.ts';
import { BUNDLE, COMMAND, PATCHES, ROOT, temporaryDirectory } from '../helpers/paths.ts';
import { environment, until } from '../helpers/service.ts';
import { SMALL_LIST, writeWordList } from '../helpers/words.ts';

interface Ended {
  status: number | null;
  stdout: string;
  stderr: string;
}

function start(args: string[]): { child: ChildProcess; ended: Promise<Ended> } {
  const child = spawn(process.execPath, [COMMAND, ...args], {
    cwd: ROOT,
    stdio: ['ignore', 'pipe', 'pipe'],
    env: environment({ CLIPN_BUNDLE: BUNDLE }),
  });
  const ended = new Promise<Ended>((resolve) => {
    const out = { stdout: '', stderr: '' };
    child.stdout?.on('data', (chunk) => (out.stdout += chunk));
    child.stderr?.on('data', (chunk) => (out.stderr += chunk));
    child.on('close', (status) => resolve({ status, ...out }));
  });
  return { child, ended };
}

const run = (...args: string[]) => start(args).ended;

/** Three classes and two OOD sets of made pictures, so many of each. `large` ones take the decoder a while. */
async function dataset(
  t: Pick<TestContext, 'after'>,
  each: number,
  large = false,
): Promise<{ dir: string; args: string[] }> {
  const dir = await temporaryDirectory(t);
  const [w, h] = large ? [1000, 700] : [90, 70];
  const kinds = ['id/dog', 'id/school_bus', 'id/sunflower', 'textures/dots', 'noise'];
  for (const [k, kind] of kinds.entries()) {
    await mkdir(join(dir, kind), { recursive: true });
    for (let i = 0; i < each; i++) {
      const to = join(dir, kind, `${i}.jpg`);
      // the same few pictures over and over are as good when there are many
      if (i >= 4) await copyFile(join(dir, kind, `${i % 4}.jpg`), to);
      else await writeFile(to, await (kind === 'noise' ? noise(w, h, i) : waves(w, h, k * 4 + i)).jpeg().toBuffer());
    }
  }
  return { dir, args: ['eval', '--id', join(dir, 'id'), '--ood', join(dir, 'textures'), join(dir, 'noise')] };
}

async function rowsIn(out: string): Promise<{ rows: Row[]; others: string[] }> {
  const lines = (await readFile(join(out, 'scores.jsonl'), 'utf8')).trimEnd().split('\n');
  const parsed = lines.map((line) => ({ line, row: parseRow(line) }));
  return { rows: parsed.flatMap((p) => p.row ?? []), others: parsed.filter((p) => !p.row).map((p) => p.line) };
}

const resultsIn = async (out: string): Promise<Results> =>
  JSON.parse(await readFile(join(out, 'results.json'), 'utf8'));

/** All that does not depend on when and in how many runs it was measured. */
function figures({ id, ood, average, worst, failed, identity }: Results) {
  return { id, ood, average, worst, failed, identity };
}

describe('clipn-gate eval', () => {
  const closing: (() => unknown)[] = [];
  /** 200 images that take the decoder a while, so that a run can be stopped in the middle. */
  let large: Awaited<ReturnType<typeof dataset>>;
  before(async () => {
    large = await dataset({ after: (f: () => unknown) => void closing.push(f) } as never, 40, true);
  });
  after(async () => {
    for (const f of closing) await f();
  });

  it('eval writes tables, results.json, a report and scores that agree', async (t) => {
    const { dir, args } = await dataset(t, 5);
    const out = join(dir, 'out');
    const { status, stdout, stderr } = await run(...args, '--out', out);
    assert.equal(status, 0, stderr);
    assert.match(stdout, /ID {3}id: 15 images of 3 classes, accuracy \d+\.\d\d %/);
    assert.match(stdout, /AUROC \/ FPR95, %/);
    assert.match(stdout, /score +textures +noise +average/);
    assert.match(stdout, /ATD +(\d+\.\d\d\/\d+\.\d\d *){3}\n/);
    assert.match(stdout, /fpr95_ood_accepted/);
    assert.match(stdout, /fpr95_id_rejected/);
    assert.match(stdout, /AUPR-in \/ AUPR-out/);
    assert.match(stdout, /ATD rescaled +\d+\.\d\d +\d+\.\d\d\/\d+\.\d\d/);

    const results = await resultsIn(out);
    assert.deepEqual(
      results.id.classes.map((c) => [c.folder, c.name, c.images]),
      [
        ['dog', 'dog', 5],
        ['school_bus', 'school bus', 5],
        ['sunflower', 'sunflower', 5],
      ],
    );
    assert.equal(results.runs.length, 1);
    assert.ok(results.bundle.id.startsWith(`${results.bundle.name}@${results.bundle.version}+`));
    const { rows } = await rowsIn(out);
    const collector = new Collector(['id', 'textures', 'noise'], 3);
    for (const row of rows) collector.add(row);
    for (const [i, set] of results.ood.entries()) {
      assert.deepEqual(set.figures, compare(collector.sets[0]!, collector.sets[i + 1]!), set.name);
    }
    const correct = rows.filter((r) => 'index' in r && r.class === r.index).length;
    assert.equal(results.id.accuracy, correct / 15);
    const html = await readFile(join(out, 'report.html'), 'utf8');
    assertWellFormed(html);
    assertSelfContained(html);
  });

  it('eval --json has the figures of `detect` for the same images and writes no file without --out', async (t) => {
    const { dir, args } = await dataset(t, 3);
    const [evaluation, detection] = await Promise.all([
      run(...args, '--json'),
      run('detect', '--classes', 'dog,school bus,sunflower', '--json', join(dir, 'id'), join(dir, 'noise')),
    ]);
    assert.equal(evaluation.status, 0, evaluation.stderr);
    const { id, ood, failed } = JSON.parse(evaluation.stdout) as Results;
    const lines = detection.stdout
      .trim()
      .split('\n')
      .map((line) => JSON.parse(line));
    const inside = lines.filter((l) => l.file.includes('/id/'));
    const outside = lines.filter((l) => l.file.includes('/noise/'));
    for (const rule of ['ctw', 'atd', 'atd_rescaled'] as const) {
      assert.equal(id.id_kept?.[rule], inside.filter((l) => l.decisions[rule] === 'id').length / inside.length);
      const caught = outside.filter((l) => l.decisions[rule] === 'ood').length / outside.length;
      assert.equal(ood[1]?.figures?.decisions[rule].ood_caught, caught);
    }
    const right = inside.filter((l) => l.file.includes(l.prediction.class.replace(' ', '_'))).length;
    assert.equal(id.accuracy, right / inside.length);
    assert.equal(failed.count, 0);
  });

  it('eval and detect give the score GL-MCM with a bundle that has features of patches, and only then', async (t) => {
    const { dir, args } = await dataset(t, 2);
    const bundle = ['--bundle', PATCHES];
    const out = join(dir, 'out');
    const [evaluation, detection] = await Promise.all([
      run(...args, ...bundle, '--out', out),
      run('detect', ...bundle, '--classes', 'dog,school bus,sunflower', '--json', join(dir, 'noise/0.jpg')),
    ]);
    assert.equal(evaluation.status, 0, evaluation.stderr);
    assert.match(evaluation.stdout, /^MCM .*\nGL-MCM( +\d+\.\d\d\/\d+\.\d\d){3}$/m);
    const { rows } = await rowsIn(out);
    const same = rows.find((r) => r.set === 'noise' && r.path === '0.jpg');
    assert.deepEqual(same && 'scores' in same && same.scores, JSON.parse(detection.stdout).scores);
    assert.ok(JSON.parse(detection.stdout).scores.gl_mcm > 0);
  });

  it('eval --negatives measures NegLabel, CSP, LogitGap and their rules; the same folder without it starts over', async (t) => {
    const { dir, args } = await dataset(t, 2);
    const out = join(dir, 'out');
    const words = writeWordList(SMALL_LIST);
    t.after(() => rm(words, { recursive: true }));
    const { status, stdout, stderr } = await run(...args, '--negatives', '--words', words, '--out', out);
    assert.equal(status, 0, stderr);
    for (const score of ['LogitGap', 'NegLabel', 'CSP'])
      assert.match(stdout, new RegExp(`^${score}( +\\d+\\.\\d\\d/\\d+\\.\\d\\d){3}$`, 'm'));
    for (const rule of ['NegLabel', 'CSP', 'Combined'])
      assert.match(stdout, new RegExp(`^${rule} +\\d+\\.\\d\\d( +\\d+\\.\\d\\d/\\d+\\.\\d\\d){3}$`, 'm'));
    assert.match((await resultsIn(out)).identity.negatives ?? '', /^[0-9a-f]{32}$/);
    const { rows } = await rowsIn(out);
    for (const row of rows) {
      const refused = 'decisions' in row && Object.values(row.decisions).includes('ood');
      assert.equal('looks_like' in row, row.class !== undefined && refused, row.path);
    }
    const shown = rows.flatMap((row) => ('decisions' in row ? (row.looks_like ?? []) : []));
    assert.ok(shown.length > 0 && shown.every(({ word }) => word !== 'dog'));
    assert.match(await readFile(join(out, 'report.html'), 'utf8'), /<span>looks like [a-z]/);
    const without = await run(...args, '--out', out);
    assert.match(without.stderr, /the negative labels have changed\. Starting over/);
    assert.doesNotMatch(without.stdout, /NegLabel/);
  });

  it('eval continues after kill -9 and an incomplete last line and gets the same figures', async (t) => {
    const { dir, args } = large;
    const [cut, whole] = [join(dir, 'cut'), join(dir, 'whole')];
    const { child, ended } = start([...args, '--out', cut]);
    const scored = () =>
      rowsIn(cut).then(
        ({ rows }) => rows.length,
        () => 0,
      );
    await until('some images are judged', 120_000, async () => (await scored()) >= 20);
    child.kill('SIGKILL');
    await ended;
    const before = await scored();
    assert.ok(before >= 20 && before < 200, `${before} of 200 images were judged when it was killed`);
    const path = join(cut, 'scores.jsonl');
    await truncate(path, (await readFile(path)).length - 17);

    const second = await run(...args, '--out', cut);
    assert.equal(second.status, 0, second.stderr);
    assert.match(second.stderr, new RegExp(`Continuing after ${before - 1} images`));
    assert.match(second.stderr, /1 line .* can't be read/);
    const { rows, others } = await rowsIn(cut);
    assert.equal(rows.length, 200);
    assert.equal(new Set(rows.map((r) => `${r.set}/${r.path}`)).size, 200);
    assert.equal(others.length, 3, 'the header and two runs');
    t.diagnostic(`killed after ${before} of 200 images`);

    const uninterrupted = await run(...args, '--out', whole);
    assert.equal(uninterrupted.status, 0);
    const results = await resultsIn(cut);
    assert.equal(results.runs.length, 2);
    assert.deepEqual(figures(results), figures(await resultsIn(whole)));

    const again = await run(...args, '--out', cut);
    assert.equal(again.stdout, second.stdout);
    assert.equal((await resultsIn(cut)).runs.length, 2, 'nothing was computed, no engine was started');
  });

  it('eval loses no image when its engine is killed', {
    skip: existsSync('/proc/self/task') ? false : 'needs /proc to find the engine process',
  }, async () => {
    const { dir, args } = large;
    const out = join(dir, 'killed');
    const { child, ended } = start([...args, '--out', out]);
    await until('some images are judged', 120_000, () =>
      rowsIn(out).then(
        ({ rows }) => rows.length >= 10,
        () => false,
      ),
    );
    const children = await readFile(`/proc/${child.pid}/task/${child.pid}/children`, 'utf8');
    for (const pid of children.trim().split(' ')) {
      if ((await readFile(`/proc/${pid}/cmdline`, 'utf8')).includes('image-process/main'))
        process.kill(Number(pid), 'SIGKILL');
    }
    const { status, stderr } = await ended;
    assert.equal(status, 0, stderr);
    assert.match(stderr, /engine process ended/);
    const { id, ood, failed } = await resultsIn(out);
    assert.deepEqual([id.images, ood[0]?.images, ood[1]?.images, failed.count], [120, 40, 40, 0]);
  });

  it('eval ends on Ctrl-C with status 130 and says how to continue', async () => {
    const { dir, args } = large;
    const out = join(dir, 'stopped');
    const { child, ended } = start([...args, '--out', out]);
    await until('some images are judged', 120_000, () =>
      rowsIn(out).then(
        ({ rows }) => rows.length >= 5,
        () => false,
      ),
    );
    child.kill('SIGINT');
    const { status, stderr, stdout } = await ended;
    assert.equal(status, 130, stderr);
    assert.equal(stdout, '');
    const [, done] = /Stopped after (\d+) of 200 images\. The same command continues from there\./.exec(stderr) ?? [];
    assert.equal((await rowsIn(out)).rows.length, Number(done), 'the images in progress are kept');
    assert.doesNotMatch(stderr, /engine.*ended|Error/);
  });

  it('eval with another class list starts over with a notice, keeps the old scores aside, and names a class that is cut off', async (t) => {
    const { dir, args } = await dataset(t, 2);
    const out = join(dir, 'out');
    assert.equal((await run(...args, '--out', out)).status, 0);
    const classes = join(dir, 'classes.txt');
    await writeFile(classes, 'sunflower\tflower\ndog\tcat\nschool_bus\tbus\n');
    const { status, stderr } = await run(...args, '--out', out, '--classes', classes);
    assert.equal(status, 0, stderr);
    assert.match(stderr, /classes or templates have changed\. Starting over/);
    assert.deepEqual(
      (await resultsIn(out)).id.classes.map((c) => c.name),
      ['cat', 'bus', 'flower'],
    );
    assert.ok((await readFile(join(out, 'scores.previous.jsonl'))).length > 0);
    const templates = join(dir, 'templates.txt');
    await writeFile(templates, 'a {}\n');
    const long = 'bus '.repeat(40).trim();
    await writeFile(classes, `sunflower\tflower\ndog\tcat\nschool_bus\t${long}\n`);
    assert.doesNotMatch(stderr, /too long for the model/);
    const other = await run(...args, '--out', out, '--classes', classes, '--templates', templates);
    assert.match(other.stderr, /Starting over/);
    const cut = [...other.stderr.matchAll(/^warning: The class "([^"]*)" is too long for the model/gm)];
    assert.deepEqual(
      cut.map(([, name]) => name),
      [long],
    );
    assert.deepEqual((await resultsIn(out)).settings.templates, ['a {}']);
  });

  it('eval counts and lists images that cannot be decoded, continues, and ends with status 1', async (t) => {
    const { dir, args } = await dataset(t, 3);
    const out = join(dir, 'out');
    const bytes = await readFile(join(dir, 'noise/0.jpg'));
    await writeFile(join(dir, 'noise/cut.jpg'), bytes.subarray(0, 700));
    await writeFile(join(dir, 'id/dog/page.png'), '<html>not found</html>');
    await writeFile(join(dir, 'id/dog/empty.gif'), '');
    for (const attempt of ['first', 'second']) {
      const { status, stdout, stderr } = await run(...args, '--out', out);
      assert.equal(status, 1, stderr);
      assert.match(stdout, /3 images could not be judged/, attempt);
      assert.match(stdout, /noise\/cut\.jpg: .*\(image_undecodable\)/);
      assert.match(stdout, /id\/dog\/page\.png: .*\(unsupported_media_type\)/);
    }
    const results = await resultsIn(out);
    assert.deepEqual(
      [results.id.images, results.id.failed, results.ood[1]?.failed, results.failed.count],
      [9, 2, 1, 3],
    );
    assert.equal(results.runs.length, 1, 'the second run had nothing to compute');
    assert.match(await readFile(join(out, 'report.html'), 'utf8'), /page\.png/);
  });

  it('eval with wrong arguments ends with status 2 and a code before it starts an engine', async (t) => {
    const { dir, args } = await dataset(t, 1);
    const classes = join(dir, 'classes.txt');
    await writeFile(classes, 'just one\n');
    const says = async (pattern: RegExp, ...given: string[]) => {
      const { status, stderr } = await run(...given);
      assert.equal(status, 2, stderr);
      assert.match(stderr, pattern);
      assert.doesNotMatch(stderr, / {4}at /, 'no stack trace');
    };
    await says(/required option '--ood/, 'eval', '--id', dir);
    await says(/unknown option/, ...args, '--fast');
    await says(/\(classes_count\)/, ...args, '--classes', classes);
    await says(/\(set_unreadable\)/, 'eval', '--id', join(dir, 'missing'), '--ood', join(dir, 'noise'));
    await says(/\(id_without_classes\)/, 'eval', '--id', join(dir, 'noise'), '--ood', join(dir, 'textures'));
    await says(/\(out_unusable\)/, ...args, '--out', classes);
    await says(/--max-batch/, ...args, '--max-batch', 'many');
  });
});
