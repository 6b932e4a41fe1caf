/**
 * `node --import tsx scripts/gpu/assemble.ts --into DIR [--site SITE_PACKAGES] [--no-tensorrt] [--node DIR] [--copy]`: puts ONNX Runtime's providers for
 * CUDA and TensorRT where onnxruntime-node finds them. They come from PyPI's wheel onnxruntime-gpu of the same version, NVIDIA's libraries
 * from their wheels. --site names a site-packages that has them already; else pip fetches them into DIR. TensorRT is left out where its
 * libraries cannot be had: PyPI has only a stub of theirs, which fetches them from NVIDIA's own index. --node names another folder of
 * onnxruntime-node; --copy copies the providers instead of linking them. Prints what LD_LIBRARY_PATH must be.
 */
import { execFileSync } from 'node:child_process';
import { copyFileSync, existsSync, mkdirSync, readFileSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { delimiter, join, resolve } from 'node:path';
import { parseArgs } from 'node:util';
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
  /** Copy the providers instead of linking them. */
  copy?: boolean;
}

/** Checks that everything fits, then links or copies the providers beside the binding. @throws Error that names what does not fit */
export function assemble({ node, site, more = [], tensorrt, copy = false }: AssembleOptions): Assembled {
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
    (copy ? copyFileSync : symlinkSync)(join(capi, name), join(folder, name));
  }
  const libraryPath = [...new Set(found.flatMap((f) => f.path))].join(delimiter);
  return { version, commit: own, cuda: (found[0] as { cuda: number }).cuda, providers, libraryPath };
}

function pip(python: string, site: string, wanted: string[]): void {
  const args = ['-m', 'pip', 'install', '--quiet', '--no-compile', '--upgrade', '--target', site, ...wanted];
  execFileSync(python, args, { stdio: ['ignore', 'inherit', 'inherit'] });
}

interface Fetch {
  into: string;
  /** site-packages that exist already. */
  sites: string[];
  version: string;
  tensorrt: boolean;
  python: string;
}

/** The site-packages with onnxruntime-gpu, after pip has fetched what no site has; whether TensorRT's libraries could be had. */
function fetched({ into, sites, version, tensorrt, python }: Fetch): { site: string; tensorrt: boolean } {
  const given = sites.find((path) => versionIn(path, 'onnxruntime-gpu') !== undefined);
  const site = given ?? join(into, 'site');
  // NVIDIA's libraries that another site-packages has need not be fetched
  const wanted = sites.length > 0 ? ['--no-deps', `onnxruntime-gpu==${version}`] : [onnxruntime(version)];
  if (given === undefined && versionIn(site, 'onnxruntime-gpu') !== version) pip(python, site, wanted);
  if (!tensorrt || sites.concat(site).some((path) => existsSync(join(path, 'tensorrt_libs'))))
    return { site, tensorrt };
  const libraries = tensorrtLibraries(cudaOf(join(site, 'onnxruntime/capi', PROVIDERS.cuda)));
  try {
    pip(python, given === undefined ? site : join(into, 'site'), ['--no-deps', libraries]);
    return { site, tensorrt };
  } catch {
    console.error(
      `TensorRT is left out: pip could not install ${libraries}. --site names a site-packages that has them.`,
    );
    return { site, tensorrt: false };
  }
}

function main(): void {
  const { values } = parseArgs({
    options: {
      into: { type: 'string', default: 'gpu-libraries' },
      site: { type: 'string', multiple: true, default: [] },
      node: { type: 'string', default: join(import.meta.dirname, '../../node_modules/onnxruntime-node') },
      copy: { type: 'boolean', default: false },
      'no-tensorrt': { type: 'boolean', default: false },
      python: { type: 'string', default: 'python3' },
    },
  });
  const node = resolve(values.node);
  const { version } = JSON.parse(readFileSync(join(node, 'package.json'), 'utf8')) as { version: string };
  const into = resolve(values.into);
  mkdirSync(into, { recursive: true });
  const given = values.site.map((site) => resolve(site));
  const { site, tensorrt } = fetched({
    ...{ into, sites: given, version, python: values.python },
    tensorrt: !values['no-tensorrt'],
  });
  const more = given.concat(join(into, 'site')).filter((path) => path !== site && existsSync(path));
  const assembled = assemble({ node, site, more, tensorrt, copy: values.copy });
  writeFileSync(join(into, 'libraries.json'), `${JSON.stringify(assembled, null, 2)}\n`);
  console.log(
    `export LD_LIBRARY_PATH=${assembled.libraryPath} GPU_CUDA=${assembled.cuda} GPU_TENSORRT=${Number(tensorrt)}`,
  );
}

if (import.meta.url === `file://${process.argv[1]}`) main();
