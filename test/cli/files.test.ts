import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { chmod, mkdir, symlink, writeFile } from 'node:fs/promises';
import { createServer } from 'node:net';
import { join } from 'node:path';
import { before, describe, it, type TestContext } from 'node:test';
import { waves } from '../helpers/images.ts';
import { BUNDLE, COMMAND, ROOT, temporaryDirectory } from '../helpers/paths.ts';
import { environment } from '../helpers/service.ts';

/** root may read everything: without these capabilities it is a user like others. */
const AS_OTHERS =
  process.getuid?.() === 0 ? ['setpriv', '--bounding-set=-dac_override,-dac_read_search', '--inh-caps=-all'] : [];
const [TOOL] = AS_OTHERS;
const noUser =
  TOOL && spawnSync(TOOL, [...AS_OTHERS.slice(1), 'true']).status !== 0
    ? 'needs a user other than root, or setpriv with the right to drop capabilities'
    : false;

interface Run {
  input?: Buffer;
  cwd?: string;
}

function run(args: string[], { input, cwd = ROOT }: Run = {}) {
  const [command, ...rest] = [...AS_OTHERS, process.execPath, COMMAND, ...args] as [string, ...string[]];
  return spawnSync(command, rest, {
    cwd,
    encoding: 'utf8',
    timeout: 120_000,
    env: environment({ CLIPN_BUNDLE: BUNDLE }),
    ...(input ? { input } : { stdio: ['ignore', 'pipe', 'pipe'] }),
  });
}

const CLASSES = ['--classes', 'dog,cat'];
const rows = (stdout: string) =>
  stdout
    .trim()
    .split('\n')
    .map((line) => JSON.parse(line) as { file: string; decision?: string; error?: { detail: string } });

let jpeg: Buffer;
before(async () => {
  jpeg = await waves(60, 40, 1).jpeg().toBuffer();
});

/** A folder with images under the names, the last part of which may be bytes. */
async function photographs(t: TestContext, names: (string | Buffer)[]): Promise<string> {
  const dir = await temporaryDirectory(t);
  for (const name of names) {
    if (typeof name === 'string') await mkdir(join(dir, name, '..'), { recursive: true });
    await writeFile(Buffer.concat([Buffer.from(`${dir}/`), Buffer.from(name)]), jpeg);
  }
  return dir;
}

describe('files and folders of detect', { skip: noUser }, () => {
  it('images are found by ending or content, links are followed, and what is left out is counted and named', async (t) => {
    const dir = await photographs(t, [
      'a.jpg',
      'b.jfif',
      'c.JPE',
      'd',
      'sub/deep/e.png',
      '.f.jpg',
      '._g.jpg',
      '__MACOSX/h.jpg',
    ]);
    await writeFile(join(dir, 'Thumbs.db'), '');
    await writeFile(join(dir, 'readme'), 'text');
    for (const n of [1, 2, 3, 4]) await writeFile(join(dir, `${n}.txt`), 'text');
    await symlink('..', join(dir, 'sub', 'up'));
    await symlink('a.jpg', join(dir, 'link.jpg'));
    await symlink('nowhere', join(dir, 'broken.jpg'));
    await symlink('/dev/zero', join(dir, 'endless.jpg'));
    assert.equal(spawnSync('mkfifo', [join(dir, 'pipe.jpg')]).status, 0);
    const socket = createServer().listen(join(dir, 'socket.jpg'));
    t.after(() => socket.close());
    const { status, stdout, stderr } = run(['detect', ...CLASSES, '--json', dir]);
    assert.equal(status, 0, stderr);
    assert.deepEqual(
      rows(stdout).map(({ file, decision }) => [file.slice(dir.length + 1), typeof decision]),
      ['a.jpg', 'b.jfif', 'c.JPE', 'd', 'link.jpg', 'sub/deep/e.png'].map((name) => [name, 'string']),
    );
    assert.deepEqual(stderr.trim().split('\n').sort(), [
      'Left out: 1 broken link (broken.jpg)',
      'Left out: 1 file that is no image (readme)',
      'Left out: 1 link to a folder above it (up)',
      'Left out: 2 hidden names (._g.jpg, .f.jpg)',
      'Left out: 2 names of the operating system (Thumbs.db, __MACOSX)',
      'Left out: 3 pipes, sockets or devices (endless.jpg, pipe.jpg, socket.jpg)',
      'Left out: 4 .txt files (1.txt, 2.txt, 3.txt and 1 more)',
    ]);
  });

  it('photographs in a format that is not decoded get an error and are not left out', async (t) => {
    const dir = await photographs(t, ['a.jpg']);
    await writeFile(join(dir, 'phone.heic'), '\0\0\0\x18ftypheic\0\0\0\0mif1heic');
    const { status, stdout } = run(['detect', ...CLASSES, '--json', dir]);
    assert.equal(status, 1);
    assert.match(rows(stdout)[1]?.error?.detail ?? '', /HEIC images are not supported; convert to JPEG/);
  });

  it('names in any bytes are opened in a folder and as arguments, and stay different', async (t) => {
    const names = [
      Buffer.from([0x61, 0xff, 0x2e, 0x6a, 0x70, 0x67]),
      Buffer.from([0x61, 0xfe, 0x2e, 0x6a, 0x70, 0x67]),
    ];
    const dir = await photographs(t, names);
    const found = run(['detect', ...CLASSES, '--json', dir]);
    assert.equal(found.status, 0, found.stderr);
    const expected = ['a\udcfe.jpg', 'a\udcff.jpg'];
    assert.deepEqual(
      rows(found.stdout).map(({ file }) => file.slice(dir.length + 1)),
      expected,
    );
    const shell = `exec '${process.execPath}' '${COMMAND}' detect --classes dog,cat *.jpg`;
    const typed = spawnSync('sh', ['-c', shell], {
      cwd: dir,
      encoding: 'utf8',
      env: environment({ CLIPN_BUNDLE: BUNDLE }),
    });
    assert.equal(typed.status, 0, typed.stderr);
    assert.match(typed.stdout, /^a\\xfe\.jpg +(in|OUT).*\na\\xff\.jpg +(in|OUT)/m);
  });

  it('no name reaches the terminal as it is, whatever the output', async (t) => {
    const dir = await photographs(t, ['x\u001b[2J.jpg', 'rtl\u202egpj.jpg', 'line\nbreak.jpg', '.\u001b[1m.jpg']);
    for (const args of [[], ['--json']]) {
      const { status, stdout, stderr } = run(['detect', ...CLASSES, ...args, dir, join(dir, 'no\u009b1m.jpg')]);
      assert.equal(status, 1);
      assert.doesNotMatch((stdout + stderr).replaceAll('\n', ''), /[\p{Cc}\u202e]/u);
      assert.equal(stdout.trim().split('\n').length, args.length === 0 ? 5 : 4);
    }
  });

  it('folders and files that cannot be read are listed, the rest is judged, and the exit status is 1', async (t) => {
    const dir = await photographs(t, ['a.jpg', 'locked/b.jpg', 'c.jpg', 'd']);
    await chmod(join(dir, 'locked'), 0);
    await chmod(join(dir, 'c.jpg'), 0);
    await chmod(join(dir, 'd'), 0);
    const { status, stdout, stderr } = run(['detect', ...CLASSES, '--json', dir]);
    await chmod(join(dir, 'locked'), 0o700);
    assert.equal(status, 1);
    assert.match(stderr, /^error: \S+\/locked can't be read: EACCES/m);
    assert.match(stderr, /^error: \S+\/d can't be read: EACCES/m);
    const [a, c] = rows(stdout);
    assert.equal(typeof a?.decision, 'string');
    assert.match(c?.error?.detail ?? '', /c\.jpg can't be read: EACCES/);
  });

  it('- is an image on standard input; an empty one, and a second -, are refused', () => {
    const { status, stdout } = run(['detect', ...CLASSES, '--json', '-'], { input: jpeg });
    assert.equal(status, 0);
    assert.equal(rows(stdout)[0]?.file, '-');
    const empty = run(['detect', ...CLASSES, '-'], { input: Buffer.alloc(0) });
    assert.equal(empty.status, 1);
    assert.match(empty.stdout, /Standard input can't be read: it is empty/);
    const twice = run(['detect', ...CLASSES, '-', '-'], { input: jpeg });
    assert.equal(twice.status, 2);
    assert.match(twice.stderr, /Standard input \(-\) is given twice/);
  });

  it('pipes, devices and sockets that are named are refused without waiting', async (t) => {
    const dir = await temporaryDirectory(t);
    assert.equal(spawnSync('mkfifo', [join(dir, 'pipe')]).status, 0);
    const { status, stdout } = run(['detect', ...CLASSES, '--json', join(dir, 'pipe'), '/dev/zero', '/dev/tty']);
    assert.equal(status, 1);
    for (const { error } of rows(stdout))
      assert.match(error?.detail ?? '', /it is not a file but a pipe, a socket, a device/);
  });
});

describe('folders of eval', { skip: noUser }, () => {
  it('the same is left out as by detect, class folders without images are no classes, and an unreadable folder gives status 1', async (t) => {
    const dir = await photographs(t, [
      'id/cat/1.jpg',
      'id/dog/2',
      'id/__MACOSX/3.jpg',
      'id/closed/4.jpg',
      'ood/5.jfif',
    ]);
    await mkdir(join(dir, 'id/empty'));
    await writeFile(Buffer.concat([Buffer.from(`${dir}/ood/`), Buffer.from([0xff])]), jpeg);
    await chmod(join(dir, 'id/closed'), 0);
    const args = ['eval', '--id', join(dir, 'id'), '--ood', join(dir, 'ood')];
    const { status, stdout, stderr } = run([...args, '--json', '--out', join(dir, 'out')]);
    const again = run([...args, '--json', '--out', join(dir, 'out')]);
    await chmod(join(dir, 'id/closed'), 0o700);
    assert.equal(status, 1, stderr);
    const results = JSON.parse(stdout);
    assert.deepEqual(
      results.id.classes.map((c: { folder: string }) => c.folder),
      ['cat', 'dog'],
    );
    assert.deepEqual([results.id.images, results.ood[0].images, results.failed.count], [2, 2, 0]);
    assert.match(stderr, /^Left out: 1 folder without images, which is no class \(empty\)$/m);
    assert.match(stderr, /^Left out: 1 name of the operating system \(__MACOSX\)$/m);
    assert.match(stderr, /^error: \S+\/id\/closed can't be read: EACCES/m);
    assert.equal(JSON.parse(again.stdout).runs.length, 1, 'names in any bytes are found again in the scores');
    await writeFile(join(dir, 'names.txt'), 'cat\nCat\ndog\ndog\n');
    const twins = run([...args, '--classes', join(dir, 'names.txt')]);
    assert.match(twins.stderr, /warning: The class "Cat" means the same as the class "cat"/);
    assert.match(twins.stderr, /warning: The class name "dog" occurs more than once/);
    const listed = run([...args.slice(0, 2), join(dir, 'id', 'cat'), ...args.slice(3)]);
    assert.match(listed.stderr, /id_without_classes/);
  });
});
