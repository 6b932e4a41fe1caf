import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { createHash } from 'node:crypto';
import { appendFile, cp, mkdir, readFile, rm, writeFile } from 'node:fs/promises';
import { basename, join } from 'node:path';
import { describe, it, type TestContext } from 'node:test';
import type { Manifest } from '../../src/bundle/manifest.ts';
import { offered } from '../../src/bundle/precision.ts';
import { bundleFolders } from '../../src/cli/models/inventory.ts';
import { describeInfo } from '../../src/cli/models/output.ts';
import { withCopies } from '../helpers/bundles.ts';
import { BUNDLE, COMMAND, ROOT, temporaryDirectory } from '../helpers/paths.ts';
import { environment } from '../helpers/service.ts';

const run = (args: string[], bundle = BUNDLE) =>
  spawnSync(process.execPath, [COMMAND, 'models', ...args], {
    cwd: ROOT,
    encoding: 'utf8',
    env: environment({ CLIPN_BUNDLE: bundle }),
  });

async function copy(t: TestContext): Promise<string> {
  const dir = join(await temporaryDirectory(t), 'copy');
  await cp(BUNDLE, dir, { recursive: true });
  return dir;
}

const manifestOf = async (dir: string): Promise<Manifest> =>
  JSON.parse(await readFile(join(dir, 'bundle.json'), 'utf8'));

/** Changes the golden file and lets the manifest agree: checksums alone don't notice. */
async function editGolden(dir: string, change: (golden: Record<string, never>) => void): Promise<void> {
  const golden = JSON.parse(await readFile(join(dir, 'golden.json'), 'utf8'));
  change(golden);
  const bytes = Buffer.from(JSON.stringify(golden));
  await writeFile(join(dir, 'golden.json'), bytes);
  const manifest = await manifestOf(dir);
  manifest.files['golden.json'] = { sha256: createHash('sha256').update(bytes).digest('hex'), bytes: bytes.length };
  await writeFile(join(dir, 'bundle.json'), JSON.stringify(manifest));
}

/** Adds 0.2 to the first number of a packed float32 tensor. */
function shift(tensor: { data: string }): void {
  const bytes = Buffer.from(tensor.data, 'base64');
  bytes.writeFloatLE(bytes.readFloatLE(0) + 0.2, 0);
  tensor.data = bytes.toString('base64');
}

describe('clipn-gate models', () => {
  it('models list shows the configured bundle as complete', async () => {
    const manifest = await manifestOf(BUNDLE);
    const { status, stdout, stderr } = run(['list']);
    assert.equal(status, 0, stderr);
    assert.match(
      stdout,
      new RegExp(`^\\* +${manifest.name} +${manifest.version} +${manifest.precision}.* whole `, 'm'),
    );
    const listed = JSON.parse(run(['list', '--json']).stdout) as { dir: string; whole: boolean }[];
    assert.equal(listed.find((b) => b.dir === BUNDLE)?.whole, true);
  });

  it('models list shows a damaged bundle with all its faults', async (t) => {
    const dir = await copy(t);
    await rm(join(dir, 'text-no.onnx'));
    await appendFile(join(dir, 'image.onnx'), ' ');
    const { status, stdout } = run(['list'], dir);
    assert.equal(status, 0);
    assert.match(stdout, /^\*.* damaged /m);
    assert.match(stdout, /can't be served:\n {2}- image\.onnx has \d+ bytes.*\n {2}- text-no\.onnx is missing/);
    const damaged = JSON.parse(run(['list', '--json'], dir).stdout).find((b: { dir: string }) => b.dir === dir);
    assert.deepEqual([damaged.whole, damaged.faults.length], [false, 2]);
    await writeFile(join(dir, 'bundle.json'), '{');
    assert.match(run(['list'], dir).stdout, /bundle\.json is not JSON/);
  });

  it('models verify checks the bundle on this machine and prints the differences', () => {
    const { status, stdout, stderr } = run(['verify', BUNDLE]);
    assert.equal(status, 0, stderr);
    assert.match(
      stdout,
      /complete, graphs as specified\n +features within \d\.\de-\d+, probabilities within \d\.\de-\d+/,
    );
    const [found] = JSON.parse(run(['verify', '--json', BUNDLE]).stdout);
    assert.equal(found.usable, true);
    assert.equal(found.proofs[0].precision, 'fp32');
    assert.ok(found.proofs[0].feature_difference < 1e-4 && found.proofs[0].probability_difference < 1e-3);
  });

  it("models verify ends with 1 when a file is not the manifest's", async (t) => {
    const dir = await copy(t);
    const bytes = await readFile(join(dir, 'tokenizer.json'));
    bytes[100] = (bytes[100] as number) ^ 1;
    await writeFile(join(dir, 'tokenizer.json'), bytes);
    const { status, stdout } = run(['verify', dir]);
    assert.equal(status, 1);
    assert.match(stdout, /NOT usable[\s\S]*tokenizer\.json is not the file/);
  });

  it('models verify finds a runtime that differs from PyTorch in images, texts or verdicts', async (t) => {
    type Golden = {
      image: { features: { data: string } };
      text: { yes: { data: string } };
      verdict: { p: { data: string } };
    };
    const cases: [(g: Golden) => { data: string }, RegExp][] = [
      [(g) => g.image.features, /computes other results than when it was made.*golden check of image 0/],
      [(g) => g.text.yes, /computes other results than when it was made.*golden check of yes texts/],
      [(g) => g.verdict.p, /the golden verdicts differ: a probability by 0\.(19|2)/],
    ];
    for (const [part, pattern] of cases) {
      const dir = await copy(t);
      await editGolden(dir, (golden) => shift(part(golden as unknown as Golden)));
      const { status, stdout, stderr } = run(['verify', dir]);
      assert.equal(status, 1, stderr);
      assert.match(stdout, pattern);
      assert.doesNotMatch(stdout + stderr, / {4}at /, 'no stack trace');
    }
  });

  it('models verify finds graphs that break the contract', async (t) => {
    const dir = await copy(t);
    const manifest = await manifestOf(dir);
    await cp(join(dir, 'text-no.onnx'), join(dir, 'image.onnx'));
    manifest.files['image.onnx'] = manifest.files['text-no.onnx'];
    await writeFile(join(dir, 'bundle.json'), JSON.stringify(manifest));
    const { status, stdout } = run(['verify', dir]);
    assert.equal(status, 1);
    assert.match(stdout, /graph contract.*wanted pixels -> features/);
  });

  it('models verify without a name checks every bundle and fails for one bad one', async (t) => {
    const dir = await copy(t);
    await rm(join(dir, 'golden.json'));
    const { status, stdout } = run(['verify'], dir);
    assert.equal(status, 1);
    assert.match(stdout, /golden\.json is missing/);
  });

  it('models info shows origin, licence, vocabulary and figures', async () => {
    const manifest = await manifestOf(BUNDLE);
    const { status, stdout, stderr } = run(['info']);
    assert.equal(status, 0, stderr);
    assert.ok(stdout.startsWith(`${manifest.name} ${manifest.version}\n`));
    for (const text of [manifest.licence, manifest.provenance.architecture, manifest.provenance.checkpoint])
      assert.ok(stdout.includes(text), text);
    assert.match(stdout, /Measured quality/);
    const asJson = JSON.parse(run(['info', '--json']).stdout);
    assert.deepEqual(asJson.manifest, manifest);
    assert.deepEqual(asJson.precisions, offered(manifest));
  });

  it('models info of an unknown bundle ends with 1 and names the places it searched', () => {
    const { status, stdout } = run(['info', 'no-such-model']);
    assert.equal(status, 1);
    assert.match(stdout, /no-such-model[\s\S]*bundle\.json can't be read/);
    assert.equal(run(['dance']).status, 2);
  });
});

describe('the printed summary of a manifest', () => {
  it('models info shows every precision with its measured loss', async (t) => {
    const dir = await withCopies(t, BUNDLE, 'int8', ['image']);
    const manifest = await manifestOf(dir);
    const text = describeInfo({ name: 'x', dir, manifest, bytes: 1, faults: [] });
    assert.match(text, /precision +fp32.*int8/);
    assert.match(text, /int8:\n +graphs: image/);
    const { status, stdout, stderr } = run(['verify', dir]);
    assert.equal(status, 0, stderr);
    assert.match(stdout, /of PyTorch's in fp32 on cpu\n.*of PyTorch's in int8 on cpu/);
    const strict = await withCopies(t, BUNDLE, 'int8', ['image'], { tolerance: 1e-12 });
    const refused = run(['verify', strict]);
    assert.equal(refused.status, 1);
    assert.match(refused.stdout, /- int8: .*golden check[\s\S]*in fp32 on cpu/);
  });

  it('models info prints figures of any shape as readable lines', async () => {
    const manifest = await manifestOf(BUNDLE);
    const evaluation = {
      zero_shot_top1: { 'set (200 classes)': 0.58 },
      ood: { 'near, mean of 5': { scores: { ctw: { auroc: 0.8, fpr95_ood_accepted: 0.5 } } } },
      command: 'python -m clipn_models evaluate',
    };
    const text = describeInfo({ name: 'x', dir: '/x', manifest: { ...manifest, evaluation }, bytes: 1, faults: [] });
    assert.match(text, /zero_shot_top1: set \(200 classes\) 0\.58/);
    assert.match(text, /near, mean of 5:\n +scores:\n +ctw: auroc 0\.8, fpr95_ood_accepted 0\.5/);
  });

  it('a folder with a file of a bundle counts as a bundle, others do not', async (t) => {
    const dir = await temporaryDirectory(t);
    for (const name of ['whole', 'remains', 'code']) await mkdir(join(dir, name));
    await writeFile(join(dir, 'whole/bundle.json'), '{}');
    await writeFile(join(dir, 'remains/image.onnx'), '');
    await writeFile(join(dir, 'code/main.py'), '');
    await writeFile(join(dir, 'README.md'), '');
    const folders = await bundleFolders(dir, join(dir, 'elsewhere'));
    assert.deepEqual(
      folders.map((f) => basename(f)),
      ['elsewhere', 'remains', 'whole'],
    );
  });
});
