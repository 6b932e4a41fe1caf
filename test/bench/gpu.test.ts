import assert from 'node:assert/strict';
import { copyFileSync, existsSync, lstatSync, mkdirSync, readFileSync, readlinkSync, writeFileSync } from 'node:fs';
import { delimiter, join } from 'node:path';
import { describe, it, type TestContext } from 'node:test';
import { Value } from 'typebox/value';
import { assemble } from '../../scripts/gpu/assemble.ts';
import { neededBy } from '../../scripts/gpu/elf.ts';
import { bindingFolder, commitOf, PROVIDERS, tensorrtLibraries } from '../../scripts/gpu/libraries.ts';
import { BUNDLE, ROOT, temporaryDirectory } from '../helpers/paths.ts';
import { run } from '../helpers/tools.ts';
import { boundOf } from './gpu/bound.ts';
import { Budget } from './gpu/plan.ts';
import { GpuReport } from './gpu/schema.ts';

const NODE = join(ROOT, 'node_modules/onnxruntime-node');
const { version } = JSON.parse(readFileSync(join(NODE, 'package.json'), 'utf8')) as { version: string };

/** A shared library of 64 bits that needs others and holds a text: a header, two sections, and no code. */
function library(needed: string[], text = ''): Buffer {
  const names = Buffer.from(`\0${needed.join('\0')}\0${text}`);
  const dynamic = Buffer.alloc(16 * (needed.length + 1));
  for (const [i, name] of needed.entries()) {
    dynamic.writeBigUInt64LE(1n, 16 * i);
    dynamic.writeBigUInt64LE(BigInt(names.indexOf(`\0${name}\0`) + 1), 16 * i + 8);
  }
  const sections = Buffer.alloc(3 * 64);
  const section = (i: number, type: number, link: number, at: number, size: number) => {
    sections.writeUInt32LE(type, 64 * i + 4);
    sections.writeBigUInt64LE(BigInt(at), 64 * i + 24);
    sections.writeBigUInt64LE(BigInt(size), 64 * i + 32);
    sections.writeUInt32LE(link, 64 * i + 40);
  };
  section(1, 6, 2, 64, dynamic.length);
  section(2, 3, 0, 64 + dynamic.length, names.length);
  const head = Buffer.alloc(64);
  head.write('\x7fELF\x02\x01\x01', 'latin1');
  head.writeBigUInt64LE(BigInt(64 + dynamic.length + names.length), 40);
  head.writeUInt16LE(64, 58);
  head.writeUInt16LE(3, 60);
  return Buffer.concat([head, dynamic, names, sections]);
}

/** The package for Node.js and site-packages as pip fills them, with libraries that hold names only. */
async function packages(t: TestContext, { wheel = version, commit = 'abc123' } = {}) {
  const dir = await temporaryDirectory(t);
  const [node, site] = [join(dir, 'onnxruntime-node'), join(dir, 'site')];
  const put = (path: string, needed: string[] = [], text = '') => {
    mkdirSync(join(path, '..'), { recursive: true });
    writeFileSync(path, library(needed, text));
  };
  const folder = join(node, 'bin/napi-v6', process.platform, process.arch);
  put(join(folder, 'onnxruntime_binding.node'), ['libonnxruntime.so.1']);
  put(join(folder, 'libonnxruntime.so.1'), [], 'git-commit-id=abc123, build');
  copyFileSync(join(NODE, 'package.json'), join(node, 'package.json'));
  const capi = join(site, 'onnxruntime/capi');
  mkdirSync(join(site, `onnxruntime_gpu-${wheel}.dist-info`), { recursive: true });
  put(join(capi, `libonnxruntime.so.${version}`), [], `git-commit-id=${commit}, build`);
  put(join(capi, PROVIDERS.shared));
  put(join(capi, PROVIDERS.cuda), ['libcublas.so.13', 'libcudart.so.13', 'libcuda.so.1', 'libc.so.6']);
  put(join(capi, PROVIDERS.tensorrt), ['libnvinfer.so.10', 'libcudart.so.13']);
  const lib = join(site, 'nvidia/cu13/lib');
  put(join(lib, 'libcublas.so.13'), ['libcublasLt.so.13']);
  for (const name of ['libcublasLt.so.13', 'libcudart.so.13', 'libcufft.so.12']) put(join(lib, name));
  put(join(site, 'nvidia/cudnn/lib/libcudnn.so.9'), []);
  return { node, site, folder, lib };
}

describe('assembling the providers for a GPU', () => {
  it('the libraries that a file needs are read from it', () => {
    const folder = bindingFolder(NODE);
    assert.ok(neededBy(join(folder, 'onnxruntime_binding.node')).includes('libonnxruntime.so.1'));
    assert.match(commitOf(join(folder, 'libonnxruntime.so.1')) ?? '', /^[0-9a-f]{7,}$/);
    assert.throws(() => neededBy(join(NODE, 'package.json')), /no ELF file/);
  });

  it('the providers are linked beside the binding, and the library path has the folders that they need', async (t) => {
    const { node, site, folder, lib } = await packages(t);
    const made = assemble({ node, site, tensorrt: false });
    assert.deepEqual(made.libraryPath.split(delimiter).sort(), [lib, join(site, 'nvidia/cudnn/lib')]);
    assert.deepEqual([made.version, made.commit, made.cuda], [version, 'abc123', 13]);
    for (const name of made.providers)
      assert.equal(readlinkSync(join(folder, name)), join(site, 'onnxruntime/capi', name));
    assert.deepEqual(made.providers, [PROVIDERS.shared, PROVIDERS.cuda]);
    // once more, over the links
    assert.deepEqual(assemble({ node, site, tensorrt: false }), made);
    assemble({ node, site, tensorrt: false, copy: true });
    for (const name of made.providers) assert.ok(lstatSync(join(folder, name)).isFile(), `${name} is a copy`);
  });

  it('where pip cannot install TensorRT, it is left out with a sentence, and CUDA is assembled', async (t) => {
    const { node, site, folder } = await packages(t);
    const program = join(ROOT, 'scripts/gpu/assemble.ts');
    const into = await temporaryDirectory(t);
    const args = ['--import', 'tsx', program, '--into', into, '--site', site, '--node', node, '--python', 'false'];
    const { code, output } = await run(process.execPath, args);
    assert.equal(code, 0, output);
    assert.match(output, /^export LD_LIBRARY_PATH=\S+ GPU_CUDA=13 GPU_TENSORRT=0$/m);
    assert.match(output, /^TensorRT is left out: pip could not install tensorrt-cu13-libs>=10,<11\./m);
    assert.ok(existsSync(join(folder, PROVIDERS.cuda)) && !existsSync(join(folder, PROVIDERS.tensorrt)));
  });

  it('another version, another commit and a missing library are refused, each by name', async (t) => {
    const old = await packages(t, { wheel: '1.0.0' });
    assert.throws(() => assemble({ ...old, tensorrt: false }), /has onnxruntime-gpu 1\.0\.0/);
    const other = await packages(t, { commit: 'def456' });
    assert.throws(() => assemble({ ...other, tensorrt: false }), /the commit abc123, and the providers from def456/);
    const without = await packages(t);
    assert.throws(() => assemble({ ...without, tensorrt: true }), /libnvinfer\.so\.10 \(tensorrt-cu13-libs\)/);
    assert.equal(tensorrtLibraries(13), 'tensorrt-cu13-libs>=10,<11');
  });
});

describe('the GPU bench', () => {
  it('a card that decodes by itself runs at the rate of the raw session; the bound is the slower of decoders and session', () => {
    const fast = boundOf(950, { decode: 1000, raw: 8000 }, 16);
    assert.deepEqual(fast, {
      share_of_bound: 0.95,
      bound: 'decode',
      card_decoder: { computed: true, images_per_second: 8000, times: 8, cores_for_as_much: 128 },
    });
    assert.equal(boundOf(190, { decode: 1000, raw: 200 }, 2).bound, 'device');
    assert.equal(boundOf(190, { decode: 1000, raw: 200 }, 2).card_decoder.times, 1);
    assert.equal(boundOf(100, { decode: 1000, raw: 200 }, 2).bound, 'unknown');
    assert.equal(boundOf(100, { decode: 1000, raw: Number.NaN }, 2).card_decoder.times, null);
  });

  it('a part that fails or does not fit into the time is named, and the others run', async () => {
    const budget = new Budget(1);
    assert.equal(await budget.part('long', 3600, async () => 1), null);
    assert.equal(await budget.part('broken', 1, () => Promise.reject(new Error('no card'))), null);
    assert.equal(await budget.part('short', 1, async () => 1), 1);
    assert.deepEqual(budget.leftOut, ['long: not enough time was left', 'broken: no card']);
  });

  it('a dry run on the CPU writes every part of the report', async (t) => {
    const out = join(await temporaryDirectory(t), 'gpu.json');
    const program = join(ROOT, 'test/bench/main.ts');
    const args = ['--import', 'tsx', program, 'gpu', '--dry-run', '--bundle', BUNDLE, '--out', out];
    const { code, output } = await run(process.execPath, args);
    assert.equal(code, 0, output);
    const report = JSON.parse(readFileSync(out, 'utf8')) as GpuReport;
    assert.deepEqual([...Value.Errors(GpuReport, report)], []);
    assert.deepEqual(report.left_out, ['ViT-B/16: --vit names no bundle']);
    assert.deepEqual(
      report.raw.map((r) => [r.batch, r.error]),
      [
        [1, undefined],
        [2, undefined],
      ],
    );
    assert.deepEqual(
      report.services.map((s) => [s.engines, s.device, s.loads.length]),
      [
        [1, 'cpu', 2],
        [2, 'cpu,cpu', 2],
      ],
    );
    for (const { loads, golden_difference: difference } of report.services) {
      assert.ok(difference !== null && difference < 1e-3);
      for (const load of loads) assert.deepEqual(load.other_statuses, {});
    }
    assert.ok((report.memory?.requests ?? 0) >= 60);
    assert.deepEqual(Object.keys(report.killed?.statuses ?? {}), ['200']);
  });
});
