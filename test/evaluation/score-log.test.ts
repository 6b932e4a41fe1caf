import assert from 'node:assert/strict';
import { appendFile, readFile, truncate, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { describe, it } from 'node:test';
import fc from 'fast-check';
import type { Row } from '../../src/evaluation/rows.ts';
import { parseRow } from '../../src/evaluation/rows.ts';
import { ScoreLog } from '../../src/evaluation/score-log.ts';
import { temporaryDirectory } from '../helpers/paths.ts';
import { failedRow, madeRow, randoms } from '../helpers/rows.ts';

const IDENTITY = { bundle: 'b@1+0', precision: 'fp32', classes_sha256: 'aa' };
const RUN = { started: '2026-01-01T00:00:00Z', version: '0', node: 'v20', device: 'cpu' };
const random = randoms(5);
const ROWS = Array.from({ length: 20 }, (_, i) => madeRow(i % 2 ? 'near' : 'inside', i, random, i % 2 ? undefined : 1));

async function written(dir: string, rows: Row[] = ROWS): Promise<string> {
  const { log } = await ScoreLog.open(dir, IDENTITY);
  log.began(RUN);
  for (const row of rows) log.append(row);
  log.close();
  return join(dir, 'scores.jsonl');
}

/** Opens again, asks for `asked`, and gives back what is replayed. */
async function resumed(dir: string, asked: Row[], fresh: Row[] = []) {
  const { log, ...opened } = await ScoreLog.open(dir, IDENTITY);
  const known = asked.filter((row) => log.has(row));
  for (const row of fresh) log.append(row);
  const replayed: Row[] = [];
  await log.replay((row) => replayed.push(row));
  const runs = await log.runs();
  log.close();
  return { ...opened, known: known.length, replayed, runs };
}

const keyOf = ({ set, path, bytes, mtime_ms }: Row) => ({ set, path, bytes, mtime_ms });

describe('score file', () => {
  it('the score file returns every row to the last digit', async (t) => {
    const dir = await temporaryDirectory(t);
    await written(dir);
    const { stored, damaged, known, replayed, runs } = await resumed(dir, ROWS);
    assert.deepEqual([stored, damaged, known], [20, 0, 20]);
    assert.deepEqual(replayed, ROWS);
    assert.deepEqual(runs, [RUN]);
  });

  it('a last line of the score file that is truncated at any byte costs that line only', async (t) => {
    const dir = await temporaryDirectory(t);
    const path = await written(dir);
    const text = await readFile(path);
    const last = text.lastIndexOf(10, text.length - 2) + 1;
    for (const cut of [last + 1, last + 40, text.length - 2, text.length - 1]) {
      await writeFile(path, text);
      await truncate(path, cut);
      const { stored, damaged, known, replayed } = await resumed(dir, ROWS, [ROWS[19] as Row]);
      assert.deepEqual([stored, damaged, known, replayed.length], [19, 1, 19, 19], `cut at ${cut}`);
      const lines = (await readFile(path, 'utf8')).trimEnd().split('\n');
      assert.equal(lines.length, 22, 'header, run, twenty rows');
      assert.deepEqual(parseRow(lines.at(-1) as string), ROWS[19]);
    }
  });

  it('images of damaged lines in the score file are scored again, and the lines removed', async (t) => {
    const dir = await temporaryDirectory(t);
    const path = await written(dir);
    const lines = (await readFile(path, 'utf8')).trimEnd().split('\n');
    lines[5] = '\0\0\0\0';
    lines[6] = `${lines[6]?.slice(0, 50)}`;
    lines[7] = '{"set":"inside"}';
    await writeFile(path, `${lines.join('\n')}\n`);
    const { damaged, known } = await resumed(dir, ROWS, ROWS.slice(3, 6));
    assert.deepEqual([damaged, known], [3, 17]);
    const after = (await readFile(path, 'utf8')).trimEnd().split('\n');
    assert.deepEqual(
      after
        .slice(2)
        .map(parseRow)
        .map((r) => r?.path)
        .sort(),
      ROWS.map((r) => r.path).sort(),
    );
  });

  it('rows of images that are missing, replaced or not requested are removed from the score file', async (t) => {
    const dir = await temporaryDirectory(t);
    const path = await written(dir);
    const touched = { ...(ROWS[2] as Row), mtime_ms: 5 };
    const { known, replayed } = await resumed(dir, [...ROWS.slice(4), touched], [touched]);
    assert.equal(known, 16);
    assert.deepEqual(replayed, ROWS.slice(4));
    const again = await resumed(dir, [...ROWS.slice(4), touched]);
    assert.deepEqual([again.stored, again.replayed.length], [17, 17]);
    assert.equal((await readFile(path, 'utf8')).trimEnd().split('\n').length, 2 + 17);
  });

  it('a row that occurs twice in the score file counts once', async (t) => {
    const dir = await temporaryDirectory(t);
    await written(dir, [...ROWS, ROWS[0] as Row, ROWS[0] as Row]);
    const { replayed } = await resumed(dir, ROWS);
    assert.equal(replayed.length, 20);
    assert.equal((await resumed(dir, ROWS)).replayed.length, 20);
  });

  it('permanent errors of an image are remembered, temporary ones are tried again', async (t) => {
    const dir = await temporaryDirectory(t);
    const rows = [
      failedRow('near', 1),
      failedRow('near', 2, 'engine_unavailable'),
      failedRow('near', 3, 'image_too_large'),
    ];
    await written(dir, rows);
    assert.deepEqual((await resumed(dir, rows)).replayed, rows.slice(0, 1));
    // judged after all, by a run that was killed before it could sweep: the verdict counts, not the older failure
    const other = await temporaryDirectory(t);
    const judged = { ...(ROWS[0] as Row), ...keyOf(rows[1] as Row) };
    await written(other, [...rows, judged]);
    assert.deepEqual((await resumed(other, [judged])).replayed, [judged]);
  });

  it('another bundle, other classes or no score file start the evaluation over, with the reason, and keep the old file', async (t) => {
    const cases: [string, (path: string) => Promise<void>, object, RegExp][] = [
      ['bundle', async () => {}, { ...IDENTITY, bundle: 'other' }, /another bundle \(b@1\+0\)/],
      ['precision', async () => {}, { ...IDENTITY, precision: 'int8' }, /another precision \(fp32\)/],
      ['classes', async () => {}, { ...IDENTITY, classes_sha256: 'bb' }, /classes or templates/],
      ['format', (path) => writeFile(path, '{"format":2}\n'), IDENTITY, /known format/],
      ['foreign', (path) => writeFile(path, 'a,b,c\n1,2,3\n'), IDENTITY, /known format/],
      ['truncated header', (path) => truncate(path, 9), IDENTITY, /known format/],
    ];
    for (const [what, change, identity, pattern] of cases) {
      const dir = await temporaryDirectory(t);
      const path = await written(dir);
      await change(path);
      const before = await readFile(path);
      const { log, stored, restarted } = await ScoreLog.open(dir, identity as typeof IDENTITY);
      assert.match(restarted ?? '', pattern, what);
      assert.equal(stored, 0);
      assert.ok(!ROWS.some((row) => log.has(row)));
      log.close();
      assert.deepEqual(await readFile(join(dir, 'scores.previous.jsonl')), before);
      assert.equal((await readFile(path, 'utf8')).split('\n').length, 2, 'a header and nothing else');
    }
  });

  it('a score file at an impossible place is refused', async (t) => {
    const dir = await temporaryDirectory(t);
    await writeFile(join(dir, 'file'), '');
    await assert.rejects(ScoreLog.open(join(dir, 'file'), IDENTITY), { code: 'out_unusable' });
  });

  it('file names of any characters are restored from the score file', async (t) => {
    const dir = await temporaryDirectory(t);
    const paths = fc.sample(fc.string({ unit: 'grapheme', maxLength: 20 }), { numRuns: 200, seed: 1 });
    const rows = [...new Set([...paths, 'a\nb', 'a\u2028b', '犬/🐕.jpg'])].map((path) => ({
      ...(ROWS[0] as Row),
      path,
    }));
    await written(dir, rows);
    assert.deepEqual((await resumed(dir, rows)).replayed, rows);
  });

  it('a line that is not a row is ignored', () => {
    const good = ROWS[0] as Row;
    assert.deepEqual(parseRow(JSON.stringify(good)), good);
    for (const change of [
      { set: 1 },
      { path: null },
      { bytes: 'many' },
      { class: -1 },
      { index: 0.5 },
      { scores: { ctw: 1 } },
      { decisions: { ctw: 'maybe' } },
      { error: 'text', scores: undefined },
    ])
      assert.equal(parseRow(JSON.stringify({ ...good, ...change })), undefined, JSON.stringify(change));
    assert.equal(parseRow('null'), undefined);
  });

  it('appending to a file of other lines never joins an incomplete one', async (t) => {
    const dir = await temporaryDirectory(t);
    const path = await written(dir, ROWS.slice(0, 3));
    await appendFile(path, '{"set":"inside","pa');
    const { log } = await ScoreLog.open(dir, IDENTITY);
    log.append(ROWS[3] as Row);
    log.close();
    assert.deepEqual(parseRow((await readFile(path, 'utf8')).trimEnd().split('\n').at(-1) as string), ROWS[3]);
  });
});
