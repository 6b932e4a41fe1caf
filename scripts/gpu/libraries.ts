import { existsSync, readdirSync, readFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { neededBy } from './elf.ts';

/** Libraries of ONNX Runtime's wheel that onnxruntime-node loads from the folder of its own libonnxruntime. */
export const PROVIDERS = {
  shared: 'libonnxruntime_providers_shared.so',
  cuda: 'libonnxruntime_providers_cuda.so',
  tensorrt: 'libonnxruntime_providers_tensorrt.so',
} as const;

/** The driver's own library: it comes with the driver and is in no package. */
const DRIVER = 'libcuda.so.1';
/** Libraries of the system: every machine that runs Node.js has them. */
const SYSTEM = /^(lib(dl|rt|pthread|stdc\+\+|m|gcc_s|c)\.so|ld-linux)/;
/** Loaded by name while a session is made, so that no table of the file lists it. */
const LOADED_LATER = { cuda: ['libcudnn.so.9', 'libcufft.so'], tensorrt: [] } as const;

/** Packages on PyPI that hold a library, by the begin of its name; N is the major version of CUDA. */
const PACKAGES: [RegExp, (cuda: number) => string][] = [
  [/^libcublas/, (n) => (n < 13 ? `nvidia-cublas-cu${n}` : 'nvidia-cublas')],
  [/^libcudart/, (n) => (n < 13 ? `nvidia-cuda-runtime-cu${n}` : 'nvidia-cuda-runtime')],
  [/^libcurand/, (n) => (n < 13 ? `nvidia-curand-cu${n}` : 'nvidia-curand')],
  [/^libcufft/, (n) => (n < 13 ? `nvidia-cufft-cu${n}` : 'nvidia-cufft')],
  [/^libcudnn/, (n) => `nvidia-cudnn-cu${n}`],
  [/^libnv(infer|onnxparser)/, (n) => `tensorrt-cu${n}-libs`],
];

/** The packages that pip fetches for a version of ONNX Runtime: its extras name CUDA's libraries, but not TensorRT's. */
export const onnxruntime = (version: string): string => `onnxruntime-gpu[cuda,cudnn]==${version}`;
/** TensorRT 10, which the provider asks for by name (libnvinfer.so.10). */
export const tensorrtLibraries = (cuda: number): string => `tensorrt-cu${cuda}-libs>=10,<11`;

/** Major version of CUDA that a provider was built for. */
export const cudaOf = (provider: string): number =>
  Number(neededBy(provider).flatMap((name) => /^libcudart\.so\.(\d+)/.exec(name)?.[1] ?? [])[0]);

/** The first folder of onnxruntime-node with its binding for this platform. @param root folder of the package */
export function bindingFolder(root: string, platform = process.platform, arch = process.arch): string {
  const bin = join(root, 'bin');
  const folder = readdirSync(bin)
    .map((napi) => join(bin, napi, platform, arch))
    .find((path) => existsSync(join(path, 'onnxruntime_binding.node')));
  if (!folder) throw new Error(`${root} has no binding for ${platform} ${arch}`);
  return folder;
}

/** The commit of ONNX Runtime from which a library was built, as its build information names it. */
export function commitOf(library: string): string | undefined {
  const bytes = readFileSync(library);
  const mark = 'git-commit-id=';
  const at = bytes.indexOf(mark);
  return at < 0 ? undefined : /^[0-9a-f]+/.exec(bytes.toString('latin1', at + mark.length, at + mark.length + 40))?.[0];
}

/** Version of an installed package, from the name of its metadata folder. */
export function versionIn(site: string, name: string): string | undefined {
  if (!existsSync(site)) return undefined;
  const pattern = new RegExp(`^${name.replaceAll('-', '[-_]')}-(.+)\\.dist-info$`);
  return readdirSync(site).flatMap((entry) => pattern.exec(entry)?.[1] ?? [])[0];
}

/** Folders below a site-packages that hold libraries of NVIDIA's packages: nvidia/.../lib and tensorrt_libs. */
export function libraryFolders(site: string): string[] {
  const all = ['nvidia', 'tensorrt_libs'].filter((name) => existsSync(join(site, name)));
  const files = all.flatMap((name) =>
    readdirSync(join(site, name), { recursive: true, encoding: 'utf8' }).map((file) => join(site, name, file)),
  );
  return [...new Set(files.filter((file) => /\.so(\.\d+)*$/.test(file)).map(dirname))].sort();
}

export interface Found {
  /** Major version of CUDA that the provider was built for. */
  cuda: number;
  /** Folders for LD_LIBRARY_PATH, without those that are not needed. */
  path: string[];
  /** Libraries that no folder has, each with the package that holds it. */
  missing: { library: string; package: string }[];
}

/** Where the libraries are that a provider and the libraries themselves need. */
export function findNeeded(provider: string, kind: 'cuda' | 'tensorrt', folders: readonly string[]): Found {
  const names = new Map(folders.flatMap((dir) => readdirSync(dir).map((name) => [name, dir] as const)));
  const cuda = cudaOf(provider);
  const queue = [...neededBy(provider), ...LOADED_LATER[kind]];
  const [path, missing, seen] = [new Set<string>(), new Set<string>(), new Set<string>()];
  for (const wanted of queue) {
    if (seen.has(wanted) || SYSTEM.test(wanted) || wanted === DRIVER) continue;
    seen.add(wanted);
    // a name without a version stands for any version
    const name = names.has(wanted) ? wanted : [...names.keys()].find((n) => n.startsWith(`${wanted}.`));
    const dir = name === undefined ? undefined : names.get(name);
    if (name === undefined || dir === undefined) missing.add(wanted);
    else {
      path.add(dir);
      queue.push(...neededBy(join(dir, name)));
    }
  }
  const packageOf = (library: string) => PACKAGES.find(([pattern]) => pattern.test(library))?.[1](cuda) ?? 'unknown';
  return { cuda, path: [...path], missing: [...missing].map((library) => ({ library, package: packageOf(library) })) };
}
