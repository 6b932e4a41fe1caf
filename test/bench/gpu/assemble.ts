/**
 * `node --import tsx test/bench/gpu/assemble.ts --into DIR [--site SITE_PACKAGES] [--no-tensorrt]`: puts ONNX Runtime's providers for CUDA and TensorRT
 * where onnxruntime-node finds them. They come from PyPI's wheel onnxruntime-gpu of the same version, NVIDIA's libraries from their
 * wheels. --site names a site-packages that has them already; else pip fetches them into DIR. Prints what LD_LIBRARY_PATH must be.
 */
import { execFileSync } from 'node:child_process';
import { existsSync, mkdirSync, readFileSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { delimiter, join, resolve } from 'node:path';
import { parseArgs } from 'node:util';
import { ROOT } from '../../helpers/paths.ts';
import {
  bindingFolder,
  commitOf,
  cudaOf,
  findNeeded,
  libraryFolders,
  onnxruntime,
  PROVIDERS,
  tensorrtLibraries,
  versionIn,
} from './libraries.ts';

export interface Assembled {
  version: string;
  commit: string | undefined;
  cuda: number;
  providers: string[];
  libraryPath: string;
}

export interface AssembleOptions {
  /** Folder of the package onnxruntime-node. */
  node: string;
  /** site-packages with onnxruntime-gpu. */
  site: string;
  /** Further site-packages with NVIDIA's libraries, such as that of a PyTorch. */
  more?: string[];
  tensorrt: boolean;
}

/** Checks that everything fits, then links the providers beside the binding. @throws Error that names what does not fit */
export function assemble({ node, site, more = [], tensorrt }: AssembleOptions): Assembled {
  const { version } = JSON.parse(readFileSync(join(node, 'package.json'), 'utf8')) as { version: string };
  const wheel = versionIn(site, 'onnxruntime-gpu');
  if (wheel !== version) throw new Error(`onnxruntime-node is ${version}, and ${site} has onnxruntime-gpu ${wheel}`);
  const folder = bindingFolder(node);
  const capi = join(site, 'onnxruntime/capi');
  const [own, theirs] = [join(folder, 'libonnxruntime.so.1'), join(capi, `libonnxruntime.so.${version}`)].map(commitOf);
  if (own !== theirs)
    throw new Error(`onnxruntime-node was built from the commit ${own}, and the providers from ${theirs}`);
  const folders = [site, ...more].flatMap(libraryFolders);
  const kinds = ['cuda', ...(tensorrt ? ['tensorrt'] : [])] as ('cuda' | 'tensorrt')[];
  const found = kinds.map((kind) => findNeeded(join(capi, PROVIDERS[kind]), kind, folders));
  const missing = found.flatMap((f) => f.missing);
  if (missing.length > 0)
    throw new Error(`libraries are missing: ${missing.map((m) => `${m.library} (${m.package})`).join(', ')}`);
  const providers = [PROVIDERS.shared, ...kinds.map((kind) => PROVIDERS[kind])];
  for (const name of providers) {
    rmSync(join(folder, name), { force: true });
    symlinkSync(join(capi, name), join(folder, name));
  }
  const libraryPath = [...new Set(found.flatMap((f) => f.path))].join(delimiter);
  return { version, commit: own, cuda: (found[0] as { cuda: number }).cuda, providers, libraryPath };
}

function pip(python: string, site: string, wanted: string[]): void {
  const args = ['-m', 'pip', 'install', '--quiet', '--no-compile', '--upgrade', '--target', site, ...wanted];
  execFileSync(python, args, { stdio: ['ignore', 'inherit', 'inherit'] });
}

function main(): void {
  const { values } = parseArgs({
    options: {
      into: { type: 'string', default: 'gpu-libraries' },
      site: { type: 'string', multiple: true, default: [] },
      'no-tensorrt': { type: 'boolean', default: false },
      python: { type: 'string', default: 'python3' },
    },
  });
  const node = join(ROOT, 'node_modules/onnxruntime-node');
  const { version } = JSON.parse(readFileSync(join(node, 'package.json'), 'utf8')) as { version: string };
  const into = resolve(values.into);
  const tensorrt = !values['no-tensorrt'];
  mkdirSync(into, { recursive: true });
  const sites = values.site.map((site) => resolve(site));
  let site = sites.find((path) => versionIn(path, 'onnxruntime-gpu') !== undefined);
  if (site === undefined) {
    site = join(into, 'site');
    // NVIDIA's libraries that another site-packages has need not be fetched
    if (versionIn(site, 'onnxruntime-gpu') !== version)
      pip(
        values.python,
        site,
        sites.length > 0 ? ['--no-deps', `onnxruntime-gpu==${version}`] : [onnxruntime(version)],
      );
    if (tensorrt && !sites.concat(site).some((path) => existsSync(join(path, 'tensorrt_libs'))))
      pip(values.python, site, [
        '--no-deps',
        tensorrtLibraries(cudaOf(join(site, 'onnxruntime/capi', PROVIDERS.cuda))),
      ]);
  }
  const assembled = assemble({ node, site, more: sites.filter((path) => path !== site), tensorrt });
  writeFileSync(join(into, 'libraries.json'), `${JSON.stringify(assembled, null, 2)}\n`);
  console.log(`export LD_LIBRARY_PATH=${assembled.libraryPath} GPU_CUDA=${assembled.cuda}`);
}

if (import.meta.url === `file://${process.argv[1]}`) main();
