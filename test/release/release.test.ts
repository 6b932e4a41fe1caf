import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import { existsSync, mkdirSync, mkdtempSync, readFileSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, before, describe, it, type TestContext } from 'node:test';
import fc from 'fast-check';
import { released, sectionOf, unreleased } from '../../scripts/release/changelog.ts';
import { writeChecksums } from '../../scripts/release/checksums.ts';
import { buildImages, listed, unknownImages, withList } from '../../scripts/release/images.ts';
import { isNewer } from '../../scripts/release/refusals.ts';
import { billOfMaterials } from '../../scripts/release/sbom.ts';
import { ROOT, temporaryDirectory } from '../helpers/paths.ts';
import { run, without } from '../helpers/tools.ts';
import { VERSION } from '../helpers/version-places.ts';

const CHANGELOG = readFileSync(join(ROOT, 'CHANGELOG.md'), 'utf8');
const WHO = ['-c', 'user.name=Tests', '-c', 'user.email=tests@example.com'];

describe('the changelog of a release', () => {
  it('the unreleased changes become the section of the version, and [Unreleased] is empty after it', () => {
    const text = '# Changelog\n\n## [Unreleased]\n\n### Fixed\n\n- One.\n\n## [1.0.0] - 2026-11-28\n\n- First.\n';
    const after = released(text, '1.1.0', '2026-12-01');
    assert.match(after, /^## \[Unreleased\]\n\n## \[1\.1\.0\] - 2026-12-01\n\n### Fixed$/m);
    assert.equal(sectionOf(after, '1.1.0'), '### Fixed\n\n- One.');
    assert.equal(sectionOf(after, '1.0.0'), '- First.');
    assert.equal(unreleased(after), '');
  });

  it('headings without an entry are no change', () => {
    assert.equal(unreleased('# C\n\n## [Unreleased]\n\n### Added\n\n### Fixed\n\n## [1.0.0] - 2026-11-28\n'), '');
  });

  it('the changelog of this project keeps every line, whatever is released', () => {
    const after = released(CHANGELOG, '99.0.0', '2026-12-01');
    assert.equal(after.replace('\n\n## [99.0.0] - 2026-12-01', ''), CHANGELOG);
  });
});

it('a version is newer by its first number that differs, and than its own pre-release', () => {
  const part = fc.nat({ max: 20 });
  fc.assert(
    fc.property(fc.tuple(part, part, part), fc.tuple(part, part, part), (a, b) => {
      const at = a.findIndex((value, i) => value !== b[i]);
      const expected = at >= 0 && (a[at] as number) > (b[at] as number);
      assert.equal(isNewer(a.join('.'), b.join('.')), expected);
    }),
  );
  assert.ok(isNewer('1.1.0', '1.1.0-rc.1'));
  assert.ok(!isNewer('1.1.0-rc.1', '1.1.0'));
});

it('the bill of materials lists the packages that are installed, those in the page, the model and the word list with their files', () => {
  const { bomFormat, metadata, components, dependencies } = JSON.parse(billOfMaterials(ROOT, 'c0ffee'));
  const named = new Map(components.map((c: { name: string }) => [c.name, c]));
  assert.equal(bomFormat, 'CycloneDX');
  assert.equal(metadata.component.name, 'clipn-gate');
  assert.deepEqual(metadata.component.properties, [{ name: 'clipn-gate:commit', value: 'c0ffee' }]);
  for (const name of ['fastify', 'onnxruntime-node', 'sharp', 'preact', '@preact/signals', '@preact/signals-core'])
    assert.ok(named.has(name), name);
  for (const name of ['typescript', 'vite', 'playwright-core']) assert.ok(!named.has(name), name);
  const model = named.get('clipn-small') as { type: string; components: { name: string }[] };
  assert.equal(model.type, 'machine-learning-model');
  assert.ok(model.components.some(({ name }) => name.endsWith('image.onnx')));
  const list = named.get('wordnet-3.1') as { licenses: object[]; components: { name: string }[] };
  assert.deepEqual(
    list.components.map(({ name }) => name),
    ['LICENSE', 'words.json', 'words.txt.gz'].map((name) => `models/words/${name}`),
  );
  assert.match(JSON.stringify(list.licenses), /WordNet/);
  const refs = new Set(components.map((c: { 'bom-ref': string }) => c['bom-ref']));
  assert.equal(refs.size, components.length);
  for (const { ref } of dependencies.slice(1)) assert.ok(refs.has(ref) || ref === metadata.component['bom-ref'], ref);
});

describe('checksums of a release', { skip: without('ssh-keygen', 'sha256sum') }, () => {
  const folder = async (t: TestContext) => {
    const dir = await temporaryDirectory(t);
    const [out, key, signers] = [join(dir, 'out'), join(dir, 'key'), join(dir, 'signers')];
    mkdirSync(out);
    writeFileSync(join(out, 'a.tgz'), 'package');
    writeFileSync(join(out, 'CHANGES.md'), 'changes');
    await run('ssh-keygen', ['-q', '-t', 'ed25519', '-N', '', '-C', 'tests', '-f', key]);
    writeFileSync(signers, `tests@example.com ${readFileSync(`${key}.pub`, 'utf8')}`);
    const sums = join(out, 'SHA256SUMS');
    const isSigned = async () => {
      const args = ['-Y', 'verify', '-f', signers, '-I', 'tests@example.com', '-n', 'file', '-s', `${sums}.sig`];
      return (await run('ssh-keygen', args, readFileSync(sums, 'utf8'))).code === 0;
    };
    return { out, key, sums, isSigned };
  };

  it('the checksums name every file, and their signature is verified; a changed line or another key is refused', async (t) => {
    const { out, key, sums, isSigned } = await folder(t);
    writeChecksums(out, key);
    const listed = readFileSync(sums, 'utf8').split('\n').filter(Boolean);
    assert.deepEqual(
      listed.map((line) => line.split('  ')[1]),
      ['CHANGES.md', 'a.tgz'],
    );
    const checked = execFileSync('sha256sum', ['--check', '--strict', 'SHA256SUMS'], { cwd: out, encoding: 'utf8' });
    assert.equal(checked, 'CHANGES.md: OK\na.tgz: OK\n');
    assert.ok(await isSigned());
    const other = await folder(t);
    writeChecksums(out, other.key);
    assert.ok(!(await isSigned()), 'signed with another key');
    writeChecksums(out, key);
    writeFileSync(sums, readFileSync(sums, 'utf8').replace('a.tgz', 'b.tgz'));
    assert.ok(!(await isSigned()), 'another name in the signed list');
  });

  it('a second run into the same folder signs again, and without a key no old signature stays', async (t) => {
    const { out, key, sums, isSigned } = await folder(t);
    writeChecksums(out, key);
    writeFileSync(join(out, 'a.tgz'), 'another package');
    writeChecksums(out, key);
    assert.ok(await isSigned());
    writeChecksums(out, undefined);
    assert.ok(existsSync(sums) && !existsSync(`${sums}.sig`));
  });
});

describe('images of a release', () => {
  it('--images takes a list, and stands for all images without one', () => {
    assert.deepEqual(withList(['1.2.3', '--images', '--dry-run']), ['1.2.3', '--images', 'all', '--dry-run']);
    assert.deepEqual(withList(['--images', '1.2.3']), ['--images', 'all', '1.2.3']);
    assert.deepEqual(withList(['--images', 'service,models', '1.2.3']), ['--images', 'service,models', '1.2.3']);
    assert.deepEqual(listed('service,models'), ['service', 'models']);
    assert.deepEqual(listed('all'), ['service', 'models', 'gpu']);
    assert.deepEqual(listed(undefined), []);
    assert.deepEqual(unknownImages(listed('all')), []);
    assert.deepEqual(unknownImages(['service', 'web']), [
      '--images: there is no image "web"; the images are service, models, gpu.',
    ]);
  });

  it('each image is built from its own file, and its line has name and digest', async (t) => {
    const dir = await temporaryDirectory(t);
    mkdirSync(join(dir, 'docker'));
    const script = '#!/bin/sh\necho "clipn $1 sha256:0f"\n';
    writeFileSync(join(dir, 'docker/image.sh'), script, { mode: 0o755 });
    const printed = t.mock.method(process.stdout, 'write', () => true);
    const lines = buildImages(dir, ['service', 'gpu']);
    printed.mock.restore();
    assert.equal(lines, 'clipn Dockerfile sha256:0f\nclipn Dockerfile.gpu sha256:0f\n');
  });

  it('a command docker without an engine is skipped in favour of another program, and named where there is none', async (t) => {
    const dir = await temporaryDirectory(t);
    const tools = execFileSync('which', ['bash', 'dirname', 'sed', 'env'], { encoding: 'utf8' }).trim().split('\n');
    for (const tool of tools) symlinkSync(tool, join(dir, tool.split('/').at(-1) as string));
    const program = (name: string, status: number) =>
      writeFileSync(join(dir, name), `#!/bin/sh\nexit ${status}\n`, { mode: 0o755 });
    const builder = () =>
      run('env', ['-i', `PATH=${dir}`, join(ROOT, 'docker/image.sh'), '--builder']).then(({ output }) => output.trim());
    assert.equal(await builder(), 'Building images needs docker, podman or buildah.');
    program('docker', 1);
    assert.match(await builder(), /^No engine answers the command docker .* install podman or buildah\.$/);
    program('buildah', 0);
    assert.equal(await builder(), 'buildah');
    program('docker', 0);
    assert.equal(await builder(), 'docker');
  });
});

describe('npm run release', () => {
  let dir: string;
  let clone: string;
  const git = (...args: string[]) => execFileSync('git', ['-C', clone, ...WHO, ...args], { encoding: 'utf8' });
  const release = (...args: string[]) =>
    run(process.execPath, ['--import', 'tsx', join(clone, 'scripts/release/main.ts'), '--no-chart', ...args]);

  before(() => {
    dir = mkdtempSync(join(tmpdir(), 'clipn-gate-test-'));
    clone = join(dir, 'clone');
    execFileSync('git', ['clone', '--quiet', ROOT, clone]);
  });
  after(() => rmSync(dir, { recursive: true, force: true }));

  it('refuses a version that is not newer, and one that is none', async () => {
    const old = await release(VERSION, '--dry-run');
    assert.equal(old.code, 1);
    assert.match(old.output, /is not newer than .*, the version of package\.json/);
    assert.match((await release('v2', '--dry-run')).output, /"v2" is no version; write X\.Y\.Z without a v/);
    assert.match((await release('--images', 'web', '99.0.0')).output, /No release: --images: there is no image "web"/);
  });

  it('refuses files that differ from the last commit, new ones too, and names the first', async () => {
    writeFileSync(join(clone, 'left-over.txt'), 'x');
    const { code, output } = await release('99.0.0', '--dry-run');
    rmSync(join(clone, 'left-over.txt'));
    assert.equal(code, 1);
    assert.match(output, /1 file\(s\) differ from the last commit, as left-over\.txt/);
  });

  it('refuses a tag that exists, and a changelog without a change', async () => {
    git('tag', 'v99.0.0');
    writeFileSync(
      join(clone, 'CHANGELOG.md'),
      '# Changelog\n\n## [Unreleased]\n\n## [1.0.0] - 2026-11-28\n\n- First.\n',
    );
    git('commit', '--quiet', '--all', '--message', 'Nothing new');
    const { code, output } = await release('99.0.0', '--dry-run');
    assert.equal(code, 1);
    assert.match(output, /the tag v99\.0\.0 exists/);
    assert.match(output, /nothing under \[Unreleased\]/);
  });

  it('prints its options where no version is given, with status 2', async () => {
    const { code, output } = await release();
    assert.equal(code, 2);
    assert.match(output, /--dry-run/);
  });

  it('takes installed packages for a dry run only', async () => {
    const { code, output } = await release('99.0.0', '--packages', join(ROOT, 'node_modules'));
    assert.equal(code, 2);
    assert.match(output, /--packages DIR +for a dry run/);
  });
});
