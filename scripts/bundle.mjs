// Joins the modules of the service, and the packages that they use, into a few files below dist/. A start of the service would otherwise find
// and open 1,400 small files, in several processes and threads. Names and line breaks stay, so that stack traces can be read.

import { existsSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { rolldown } from 'rolldown';
import { EXTERNAL, placeOfSwaggerUi, requirePackages } from './packages.mjs';

const ROOT = join(import.meta.dirname, '..');
const OUT = join(ROOT, 'dist');

/** The command, and the modules that processes and threads begin with; see src/installation.ts. */
const ENTRIES = [
  'cli/main',
  'engine/image-process/main',
  'engine/image-process/device-probe',
  'engine/image-process/lanes/lane-worker',
  'engine/text-process/main',
  'gate/reading/thread/reading-worker',
  'tenants/negatives/mining-worker',
];
/** Folder of the package that a module belongs to; undefined for modules of this project. */
function packageOf(module) {
  const at = module.lastIndexOf('node_modules/');
  if (at < 0) return undefined;
  const [scope, name] = module.slice(at + 'node_modules/'.length).split('/');
  return join(module.slice(0, at), 'node_modules', scope.startsWith('@') ? `${scope}/${name}` : scope);
}

/** The licences of all packages whose code is in the build: most of them ask for that. */
function licences(modules) {
  const folders = [...new Set(modules.map(packageOf))].filter((folder) => folder !== undefined).sort();
  return folders.map((folder) => {
    const { name, version, license } = JSON.parse(readFileSync(join(folder, 'package.json'), 'utf8'));
    const file = readdirSync(folder).find((f) => /^licen[sc]e/i.test(f));
    const text = file ? readFileSync(join(folder, file), 'utf8').trim() : '';
    return `${name} ${version} (${license})\n\n${text}\n`;
  });
}

rmSync(OUT, { recursive: true, force: true });
const bundle = await rolldown({
  cwd: ROOT,
  input: Object.fromEntries(ENTRIES.map((entry) => [entry, `src/${entry}.ts`])),
  platform: 'node',
  external: EXTERNAL,
  plugins: [requirePackages, placeOfSwaggerUi],
  // a faulty import must end the build
  onLog: (level, { message }) => {
    if (level === 'warn') throw new Error(message);
  },
});
const { output } = await bundle.write({
  dir: OUT,
  format: 'esm',
  sourcemap: true,
  entryFileNames: '[name].js',
  chunkFileNames: 'chunks/[name]-[hash].js',
});
await bundle.close();
const modules = output.flatMap(({ moduleIds = [] }) => moduleIds).map((id) => id.replace(/^\0/, '').replace(/\?.*/, ''));
writeFileSync(join(OUT, 'licences.txt'), licences(modules.filter((id) => existsSync(id))).join('\n---\n\n'));
