// Runs test files like `node --test` from a bundle: `node scripts/run-tests.mjs [OPTIONS OF NODE] FILES`.
// A test that begins from its sources compiles and opens up to 900 modules on two threads, which takes 1.2 s of processor time in each of
// 200 processes. Rolldown joins the modules of all tests into a few files in less than two seconds. Each file has a process of its own, but
// those of some folders share a few.

import { spawn } from 'node:child_process';
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { dirname, join, relative, resolve } from 'node:path';
import { pathToFileURL } from 'node:url';
import { rolldown } from 'rolldown';
import { EXTERNAL, placeOfSwaggerUi, requirePackages } from './packages.mjs';

const ROOT = join(import.meta.dirname, '..');
const PARENT = join(ROOT, 'build');

/** Beside the packages of the service, those of development that have files beside their modules. */
const NOT_JOINED = [...EXTERNAL, /^(playwright-core|axe-core|vite|rolldown|typescript)(\/|$)/];

/** Programs of test/ that tests start; see test/helpers/programs.ts. */
const PROGRAMS = ['storage/hold-lock', 'storage/record-writer', 'tenants/kill-writer', 'helpers/front-process', 'helpers/compose/driver'];

/** A module of tests or scripts looks for files beside its source. Modules of src/ do not: they ask src/installation.ts. */
const places = {
  name: 'places-of-sources',
  transform: {
    filter: { id: /\/(test|scripts)\/.*\.ts$/, code: /import\.meta\./ },
    handler: (code, id) => {
      const place = { dirname: dirname(id), filename: id, url: pathToFileURL(id).href };
      const named = /\bimport\.meta\.(dirname|filename|url)\b/g;
      return { code: code.replaceAll(named, (_, name) => JSON.stringify(place[name])), map: null }; // lines stay
    },
  },
};

/** Bundles test files into a folder. @returns the file of each test in it */
async function bundle(files, dir) {
  const names = files.map((file) => relative(ROOT, resolve(file)).replace(/\.ts$/, ''));
  const build = await rolldown({
    cwd: ROOT,
    input: Object.fromEntries([...names, ...PROGRAMS.map((name) => `test/${name}`)].map((name) => [name, `${name}.ts`])),
    platform: 'node',
    external: NOT_JOINED,
    plugins: [places, requirePackages, placeOfSwaggerUi],
    // a faulty import must end the run
    onLog: (level, { message }) => {
      if (level === 'warn') throw new Error(message);
    },
  });
  const output = { entryFileNames: '[name].js', chunkFileNames: 'chunks/[name]-[hash].js' };
  await build.write({ dir, format: 'esm', sourcemap: true, ...output });
  await build.close();
  return names.map((name) => join(dir, `${name}.js`));
}

/**
 * Folders whose files share processes, with the number of files in one. Tests of http and gate build the application and start no service; most of
 * the processor time of one file is the first use of its code. Those of the console load the driver of the browser.
 */
const SHARING = { http: 8, gate: 8, console: 5 };
/** It measures the memory of its process. */
const ALONE = 'test/http/memory.test.js';

/** Joins files that share a process. @returns the files to run */
function inProcesses(bundled, dir) {
  const groups = [];
  for (const [folder, size] of Object.entries(SHARING)) {
    const members = bundled.map((file) => relative(dir, file)).filter((file) => file.startsWith(`test/${folder}/`) && file !== ALONE);
    for (let at = 0; at < members.length; at += size) {
      const of = members.slice(at, at + size);
      const file = join(dir, `${folder}-${at / size}.js`);
      writeFileSync(file, of.map((member) => `import ${JSON.stringify(`./${member}`)};\n`).join(''));
      groups.push({ file, of });
    }
  }
  const joined = new Set(groups.flatMap(({ of }) => of));
  return [...groups.map(({ file }) => file), ...bundled.filter((file) => !joined.has(relative(dir, file)))];
}

const given = process.argv.slice(2);
const files = given.filter((arg) => arg.endsWith('.ts'));
const options = given.filter((arg) => !files.includes(arg));
let runner;
mkdirSync(PARENT, { recursive: true });
// runs may go side by side, on different versions of Node.js
const dir = mkdtempSync(join(PARENT, 'test-'));
process.on('exit', () => rmSync(dir, { recursive: true, force: true }));
for (const signal of ['SIGINT', 'SIGTERM']) process.on(signal, () => (runner ? runner.kill(signal) : process.exit(1)));
const bundled = inProcesses(await bundle(files, dir), dir);
const flags = ['--test', `--test-reporter=${pathToFileURL(join(import.meta.dirname, 'test-reporter.mjs'))}`];
runner = spawn(process.execPath, [...flags, ...options, ...bundled], {
  stdio: 'inherit',
  env: { ...process.env, TEST_PROGRAMS: dir },
});
runner.on('exit', (code) => {
  process.exitCode = code ?? 1;
});
