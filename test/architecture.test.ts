import assert from 'node:assert/strict';
import { existsSync, readdirSync, readFileSync } from 'node:fs';
import { dirname, join, relative, resolve } from 'node:path';
import { describe, it } from 'node:test';
import { fileURLToPath } from 'node:url';

const SRC = resolve(dirname(fileURLToPath(import.meta.url)), '../src');

/**
 * Which folder of src/ may import which other folder. The table in docs/architecture.md shows the same folders as floors, and every arrow
 * leads to a lower floor. Every folder may throw a coded error, and use `defined.ts`, `installation.ts`, `niceness.ts`, `polling.ts`, `validator.ts` and `zstd.ts`.
 */
const EVERYWHERE = ['errors', 'defined.ts', 'installation.ts', 'niceness.ts', 'polling.ts', 'validator.ts', 'zstd.ts'];
const MAY_IMPORT: Record<string, string[]> = {
  'defined.ts': [],
  'installation.ts': [],
  'niceness.ts': [],
  'polling.ts': [],
  'linger.ts': [],
  'shared-work.ts': [],
  'slow-uploads.ts': [],
  'validator.ts': [],
  'zstd.ts': [],
  errors: [],
  clipn: [],
  words: [],
  config: ['clipn'],
  telemetry: [],
  outgoing: [],
  bundle: [],
  images: [],
  storage: [],
  engine: ['clipn', 'words', 'bundle', 'images'],
  tenants: ['clipn', 'words', 'engine', 'storage', 'shared-work.ts'],
  access: ['storage'],
  drift: ['clipn', 'storage'],
  looks: [],
  labels: ['clipn', 'storage'],
  capture: ['clipn', 'engine', 'storage', 'tenants'],
  events: ['clipn', 'engine', 'outgoing', 'tenants'],
  evaluation: ['clipn', 'images', 'engine', 'storage'],
  serving: [
    'clipn',
    'bundle',
    'config',
    'telemetry',
    'engine',
    'storage',
    'tenants',
    'access',
    'drift',
    'looks',
    'capture',
    'labels',
    'events',
  ],
  gate: ['clipn', 'engine', 'tenants', 'serving', 'linger.ts', 'slow-uploads.ts'],
  http: [
    'clipn',
    'bundle',
    'config',
    'telemetry',
    'outgoing',
    'images',
    'engine',
    'tenants',
    'access',
    'drift',
    'looks',
    'capture',
    'labels',
    'serving',
    'gate',
    'linger.ts',
    'slow-uploads.ts',
  ],
  // types of the contract only: the page carries none of the service's code
  console: ['http'],
  'app.ts': ['http', 'telemetry', 'bundle', 'tenants', 'drift', 'looks'],
  grpc: ['gate', 'http'],
  cli: ['*'],
};

/** Inside engine/: the folders are processes, and what a process runs is imported by no other one. */
const ENGINE_MAY_IMPORT: Record<string, string[]> = {
  shared: [],
  ipc: ['shared'],
  front: ['shared', 'ipc'],
  'image-process': ['shared', 'ipc'],
  'text-process': ['shared', 'ipc'],
  'index.ts': ['shared', 'ipc', 'front'],
};

function imports(file: string): string[] {
  const text = readFileSync(file, 'utf8');
  const found = text.matchAll(/(?:from\s+|import\s*\(\s*|import\s+|new URL\(\s*)['"`](\.[^'"`]+)['"`]/g);
  return [...found].map((m) => resolve(dirname(file), m[1] as string));
}

const FILES = readdirSync(SRC, { recursive: true, withFileTypes: true })
  .filter((e) => e.isFile() && /\.tsx?$/.test(e.name))
  .map((e) => join(e.parentPath, e.name));
/** From each file of src/ to those it imports, both relative to src/. */
const GRAPH = new Map(
  FILES.map((file) => [
    relative(SRC, file),
    imports(file)
      .map((target) => relative(SRC, target))
      .filter((target) => !target.startsWith('..')), // data outside src/, such as models/
  ]),
);
const folderOf = (path: string) => path.split('/')[0] as string;

/** The arrows between folders of `files` that `allowed` does not name. */
function forbidden(prefix: string, allowed: Record<string, string[]>): string[] {
  const wrong: string[] = [];
  for (const [file, targets] of GRAPH) {
    if (!file.startsWith(prefix)) continue;
    const from = folderOf(file.slice(prefix.length));
    const mine = allowed[from];
    assert.ok(mine, `src/${prefix}${from} is not in the table of this test`);
    for (const target of targets.filter((t) => t.startsWith(prefix) && !t.includes('$'))) {
      const to = folderOf(target.slice(prefix.length));
      if (to === from || mine.includes(to) || mine.includes('*')) continue;
      if (prefix === '' && EVERYWHERE.includes(to)) continue;
      wrong.push(`${file} -> ${target}`);
    }
  }
  return wrong;
}

/** Groups of files that import each other, directly or by way of others (Tarjan's strongly connected components). */
function circles(graph: ReadonlyMap<string, string[]>): string[] {
  const order = new Map<string, number>();
  const low = new Map<string, number>();
  const stack: string[] = [];
  const found: string[] = [];
  const visit = (file: string) => {
    order.set(file, order.size);
    low.set(file, order.get(file) as number);
    stack.push(file);
    for (const target of graph.get(file) ?? []) {
      if (!graph.has(target)) continue;
      if (!order.has(target)) visit(target);
      if (stack.includes(target)) low.set(file, Math.min(low.get(file) as number, low.get(target) as number));
    }
    if (low.get(file) !== order.get(file)) return;
    const members = stack.splice(stack.indexOf(file));
    if (members.length > 1) found.push(members.sort().join(' '));
  };
  for (const file of graph.keys()) if (!order.has(file)) visit(file);
  return found;
}

describe('imports in src/', () => {
  it('imports lead from a folder to a lower one of the table only', () => {
    assert.ok(GRAPH.size > 20);
    assert.deepEqual(forbidden('', MAY_IMPORT), []);
  });

  it('the table of allowed imports names none that the code does not have', () => {
    const used = new Set(
      [...GRAPH].flatMap(([file, targets]) => targets.map((to) => `${folderOf(file)} ${folderOf(to)}`)),
    );
    const allowed = Object.entries(MAY_IMPORT).flatMap(([from, targets]) => targets.map((to) => `${from} ${to}`));
    assert.deepEqual(
      allowed.filter((arrow) => !arrow.endsWith('*') && !used.has(arrow)),
      [],
    );
  });

  it('upper folders import the engine by its index.ts only', () => {
    const inside = [...GRAPH].flatMap(([file, targets]) =>
      targets
        .filter((to) => to.startsWith('engine/') && to !== 'engine/index.ts' && !file.startsWith('engine/'))
        .map((to) => `${file} -> ${to}`),
    );
    assert.deepEqual(inside, []);
  });

  it('imports never lead from one process of the engine into another', () => {
    assert.deepEqual(forbidden('engine/', ENGINE_MAY_IMPORT), []);
  });

  it('imports never lead from the folder of one route into that of another', () => {
    const resources = [...GRAPH.keys()].flatMap((file) => /^http\/routes\/([^/]+)\//.exec(file)?.[1] ?? []);
    assert.deepEqual(forbidden('http/routes/', Object.fromEntries(resources.map((name) => [name, []]))), []);
  });

  it('imports have no circles', () => {
    assert.deepEqual(circles(GRAPH), []);
  });

  it('the import test sees imports, exports, and workers that are named by URL', () => {
    assert.ok(GRAPH.get('engine/index.ts')?.includes('engine/front/supervision/supervisor.ts'));
    assert.ok(GRAPH.get('engine/front/supervision/supervisor.ts')?.includes('errors/index.ts'));
    assert.deepEqual(
      circles(
        new Map([
          ['a', ['b']],
          ['b', ['c']],
          ['c', ['b']],
        ]),
      ),
      ['b c'],
    );
  });
});

describe('docs/architecture.md', () => {
  const document = readFileSync(resolve(SRC, '../docs/architecture.md'), 'utf8');

  it('docs/architecture.md has a row with a sentence for every folder of src/', () => {
    const folders = readdirSync(SRC, { recursive: true, withFileTypes: true })
      .filter((e) => e.isDirectory())
      .map((e) => `${relative(SRC, join(e.parentPath, e.name))}/`);
    const described = new Map(
      [...document.matchAll(/^\|[^|]*\| `([\w./-]+)` \| ([^|]{10,}\.) \|$/gm)].map((m) => [m[1], m[2]]),
    );
    assert.ok(folders.length > 40);
    assert.deepEqual(
      folders.filter((folder) => !described.has(folder)),
      [],
    );
  });

  it('every allowed import leads to a lower floor of docs/architecture.md', () => {
    const floors = new Map(
      [...document.matchAll(/^\| (\d+) \| `([\w.-]+)\/?` \|/gm)].map(([, floor, folder = '']) => [
        folder,
        Number(floor),
      ]),
    );
    assert.deepEqual([...floors.keys()].sort(), Object.keys(MAY_IMPORT).sort());
    const floorOf = (folder: string) => floors.get(folder) as number;
    const wrong = Object.entries(MAY_IMPORT).flatMap(([from, targets]) => {
      const named = targets.includes('*') ? [...floors.keys()].filter((folder) => folder !== from) : targets;
      return named.filter((to) => floorOf(to) >= floorOf(from)).map((to) => `${from} -> ${to}`);
    });
    assert.deepEqual(wrong, []);
  });

  it('docs/architecture.md lists the packages that are installed with the program', () => {
    const [, table = ''] = /^\| package \| work \|\n\|[-|]+\|\n((?:\|.*\n)+)/m.exec(document) ?? [];
    const listed = table
      .split('\n')
      .flatMap((row) => [...(row.split('|')[1] ?? '').matchAll(/`([^`]+)`/g)].map((m) => m[1]));
    const { dependencies } = JSON.parse(readFileSync(resolve(SRC, '../package.json'), 'utf8')) as {
      dependencies: Record<string, string>;
    };
    assert.deepEqual(listed.sort(), Object.keys(dependencies).sort());
  });

  it('docs/architecture.md names only files that exist', () => {
    const named = [...document.matchAll(/`((?:[a-z-]+\/)+[\w.-]+\.ts)`/g)].map((m) => m[1] as string);
    assert.ok(named.length > 20);
    const root = resolve(SRC, '..');
    assert.deepEqual(
      named.filter((file) => ![SRC, root].some((base) => existsSync(join(base, file)))),
      [],
    );
  });
});

describe('behaviours that one file shows', () => {
  const read = (path: string) => readFileSync(join(SRC, path), 'utf8');
  /** The members of an object with the path that the comment above each names first. */
  const members = (text: string) =>
    [...text.matchAll(/\/\*\* [^\n]*?`([\w./-]+\.ts)`[^\n]*\*\/\n {2}(\w+):/g)].map(([, path = '', name = '']) => ({
      path,
      name,
    }));

  it('every check of a deadline is where errors/deadline.ts says that it is, and nowhere else', () => {
    const checks = members(read('errors/deadline.ts'));
    assert.equal(checks.length, 5);
    const uses = FILES.flatMap((file) =>
      [...readFileSync(file, 'utf8').matchAll(/deadlinePassed\.(\w+)/g)].map(
        ([, name]) => `${relative(SRC, file)} ${name}`,
      ),
    );
    assert.deepEqual(uses.sort(), checks.map(({ path, name }) => `${path} ${name}`).sort());
    const others = FILES.filter((file) => /ServiceError\(\s*'deadline_exceeded'/.test(readFileSync(file, 'utf8')));
    assert.deepEqual(
      others.map((file) => relative(SRC, file)),
      ['errors/deadline.ts'],
    );
  });

  it('every topic of changes is watched where storage/postgres/changes.ts says that it is', () => {
    const topics = members(read('storage/postgres/changes.ts'));
    assert.equal(topics.length, 3);
    for (const { path, name } of topics) assert.match(read(path), new RegExp(`\\.watch\\(TOPICS\\.${name},`));
  });
});
