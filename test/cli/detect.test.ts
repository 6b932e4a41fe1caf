import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { mkdir, rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { before, describe, it, type TestContext } from 'node:test';
import { noise, waves } from '../helpers/images.ts';
import { BUNDLE, COMMAND, ROOT, temporaryDirectory } from '../helpers/paths.ts';
import { environment, putTenant, sendImage, startService, until } from '../helpers/service.ts';
import { SMALL_LIST, writeWordList } from '../helpers/words.ts';

const run = (args: string[], env: Record<string, string> = {}, input?: Buffer) =>
  spawnSync(process.execPath, [COMMAND, ...args], {
    cwd: ROOT,
    ...(input && { input }),
    encoding: 'utf8',
    env: environment({ CLIPN_BUNDLE: BUNDLE, ...env }),
  });

async function folder(t: TestContext): Promise<string> {
  const dir = await temporaryDirectory(t);
  await mkdir(join(dir, 'deep'), { recursive: true });
  await writeFile(join(dir, 'one.jpg'), await waves(120, 90, 1).jpeg().toBuffer());
  await writeFile(join(dir, 'deep', 'two.png'), await noise(50, 60).png().toBuffer());
  await writeFile(join(dir, 'notes.txt'), 'not a picture');
  return dir;
}

describe('clipn-gate detect', () => {
  let jpeg: Buffer;
  let oddOnce: string | undefined;
  /** Warnings about an unknown word and a name that is too long. A run takes 1.4 s of processor time, so these are of one. */
  const odd = () => {
    oddOnce ??= run(['detect', '--classes', `dog,flurbish,${'dog '.repeat(60)}`, '--json', '-'], {}, jpeg).stderr;
    return oddOnce;
  };
  before(async () => {
    jpeg = await waves(120, 90, 1).jpeg().toBuffer();
  });

  it('detect prints a table', async (t) => {
    const dir = await folder(t);
    const { status, stdout } = run([
      'detect',
      '--classes',
      'dog, cat',
      join(dir, 'one.jpg'),
      join(dir, 'deep', 'two.png'),
    ]);
    assert.equal(status, 0);
    const lines = stdout.trim().split('\n');
    assert.match(lines[0] as string, /file\s+ctw\s+class/);
    assert.match(stdout, /one\.jpg\s+(in|OUT)\s+(dog|cat)\s+\d\.\d{3}/);
  });

  it('detect --json prints a line per image of a folder with the same figures as the service, and --explain the same words', async (t) => {
    const dir = await folder(t);
    const data = await temporaryDirectory(t);
    const words = { CLIPN_WORDS: writeWordList(SMALL_LIST) };
    t.after(() => rm(words.CLIPN_WORDS, { recursive: true }));
    const { url, child, exited } = await startService(t, data, words);
    await putTenant(url, 'pets', { classes: ['dog', 'cat'], method: 'atd' });
    const negatives = { looks_like: true };
    await putTenant(url, 'explained', { classes: ['dog', 'cat'], method: 'combined', negatives });
    const file = 'one.jpg';
    const verdict = async (query: string) => {
      const { results } = (await (await sendImage(url, jpeg, query)).json()) as { results: Record<string, unknown>[] };
      const { id: _, ...rest } = results[0] as { id: string; [field: string]: unknown };
      return rest;
    };
    const expected = await verdict('?tenant=pets');
    const explained = await verdict('?tenant=explained&explain=true');
    const { looks_like: shown, ...plain } = explained as { looks_like?: unknown };
    assert.deepEqual(await verdict('?tenant=explained'), plain);
    assert.equal(explained['decision'], 'ood');
    const list = new Set(SMALL_LIST.nouns.map(([lemmas]) => lemmas.split('|')[0]));
    const named = (shown as { word: string; probability: number }[]).map(({ word }) => word);
    assert.ok(
      named.length > 0 && named.every((word) => list.has(word) && word !== 'dog' && word !== 'cat'),
      `${named}`,
    );
    await until('the refused image is counted', 10_000, async () => {
      const { days } = (await (await fetch(`${url}/v1/tenants/explained/looks-like`)).json()) as { days: unknown[] };
      const [day] = days as { looked_at: number; words: { word: string }[] }[];
      return day?.looked_at !== undefined && day.looked_at > 0 && day.words[0]?.word === named[0];
    });
    child.kill('SIGTERM');
    await exited;
    const linesOf = (...args: string[]) => {
      const { status, stdout, stderr } = run(['detect', '--json', '--data-dir', data, dir, ...args], words);
      assert.equal(status, 0, stderr);
      const lines = stdout.trim().split('\n');
      assert.equal(lines.length, 2, 'notes.txt is no image');
      const { file: _, ...ours } = lines.map((line) => JSON.parse(line)).find((l) => l.file.endsWith(file));
      return ours;
    };
    assert.deepEqual(linesOf('--tenant', 'pets'), expected);
    assert.deepEqual(linesOf('--tenant', 'explained', '--explain'), explained);
  });

  it('detect continues after a bad file and ends with status 1', async (t) => {
    const dir = await folder(t);
    await writeFile(join(dir, 'cut.jpg'), jpeg.subarray(0, 400));
    const { status, stdout } = run(['detect', '--classes', 'dog,cat', '--json', dir, join(dir, 'missing.jpg')]);
    assert.equal(status, 1);
    const lines = stdout
      .trim()
      .split('\n')
      .map((line) => JSON.parse(line));
    assert.equal(lines.filter((l) => l.decision).length, 2);
    assert.equal(lines.find((l) => l.file.endsWith('cut.jpg')).error.code, 'image_undecodable');
    assert.match(lines.find((l) => l.file.endsWith('missing.jpg')).error.detail, /missing\.jpg/);
  });

  it('detect refuses what is not a file, takes .jfif and .jpe, and shows no control character of a name', async (t) => {
    const dir = await temporaryDirectory(t);
    await writeFile(join(dir, 'a.jfif'), jpeg);
    await writeFile(join(dir, 'b\u001b[2J.JPE'), jpeg);
    const pipe = join(dir, 'pipe');
    assert.equal(spawnSync('mkfifo', [pipe]).status, 0);
    const { status, stdout } = run(['detect', '--classes', 'dog,cat', dir, pipe]);
    assert.equal(status, 1);
    assert.match(stdout, /a\.jfif +(in|OUT)/);
    assert.match(stdout, /b\\x1b\[2J\.JPE +(in|OUT)/);
    assert.match(stdout, /pipe +error +.*it is not a file but a pipe/);
  });

  it('detect explains wrong arguments', async (t) => {
    const dir = await folder(t);
    const says = (args: string[], pattern: RegExp, env = {}) => {
      const { status, stdout, stderr } = run(args, env);
      assert.notEqual(status, 0);
      assert.match(stderr + stdout, pattern);
      assert.ok(!stderr.includes('    at '), `no stack trace: ${stderr}`);
    };
    says(['detect', '--classes', ' , ', join(dir, 'one.jpg')], /at least one class/i);
    says(['detect', '--tenant', 'nobody', '--data-dir', join(dir, 'none'), join(dir, 'one.jpg')], /no tenant "nobody"/);
    says(['detect', '--classes', 'a', join(dir, 'deep', 'nothing-here')], /nothing-here/);
    says(['detect', '--classes', 'a', '--threads', 'two', join(dir, 'one.jpg')], /threads/i);
    says(['detect'], /missing required argument/);
    says(['dance'], /unknown command/);
    says(['detect', '--classes', 'a', '--bundle', join(dir, 'no-bundle'), join(dir, 'one.jpg')], /bundle/);
  });

  it('detect warns of words that the model has not learned', () => {
    assert.match(odd(), /flurbish/);
  });

  it('detect warns of twins, of one class, and names the form that the model has learned', async (t) => {
    const dir = await folder(t);
    const warned = (classes: string) => run(['detect', '--classes', classes, '--json', join(dir, 'one.jpg')]).stderr;
    const several = warned('dog,Dog,cat,dogg');
    assert.match(several, /warning: The class "Dog" means the same as the class "dog"/);
    assert.match(several, /has not learned "dogg".* It has learned .*"dog"/);
    assert.match(warned('dog'), /warning: With one class the rule atd never rejects/);
  });

  it('detect warns of a class name that is too long for the model', () => {
    const stderr = odd();
    assert.match(stderr, /warning: The class "dog dog [^"]*dog" is too long for the model/);
    assert.doesNotMatch(stderr, /class "dog" /);
  });
});
