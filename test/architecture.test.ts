import assert from 'node:assert/strict';
import { readdirSync, readFileSync } from 'node:fs';
import { dirname, join, relative, resolve } from 'node:path';
import { it } from 'node:test';
import { fileURLToPath } from 'node:url';

/**
 * Which folder of src/ may import which: dependencies go one way only, so the architecture can be read off the folders.
 * Additions to the design's table: `errors` holds the coded errors that every folder throws, and the gate names rules of `clipn`.
 */
const EVERYWHERE = ['errors'];
const MAY_IMPORT: Record<string, string[]> = {
  errors: [],
  clipn: [],
  config: [],
  telemetry: [],
  bundle: ['clipn'],
  images: ['bundle'],
  engine: ['clipn', 'bundle', 'images'],
  tenants: ['clipn', 'engine'],
  // keys, limits, audit log: stored like tenants are, so with their durable files and their database
  access: ['tenants'],
  http: ['clipn', 'bundle', 'images', 'engine', 'tenants', 'access', 'drift', 'gate', 'telemetry', 'config'],
  drift: ['tenants'],
  gate: ['clipn', 'engine', 'tenants'],
  evaluation: ['engine', 'clipn'],
  // types of the contract only: the page carries none of the service's code
  console: ['http'],
  cli: ['*'],
};

const SRC = resolve(dirname(fileURLToPath(import.meta.url)), '../src');
const folderOf = (path: string) => relative(SRC, path).split('/')[0] as string;

function imports(file: string): string[] {
  const text = readFileSync(file, 'utf8');
  const found = text.matchAll(/(?:from\s+|import\s*\(\s*|import\s+|new URL\(\s*)['"`](\.[^'"`]+)['"`]/g);
  return [...found].map((m) => resolve(dirname(file), m[1] as string));
}

it('imports go the way of the table, never upward and never sideways', () => {
  const files = readdirSync(SRC, { recursive: true, withFileTypes: true })
    .filter((e) => e.isFile() && /\.tsx?$/.test(e.name))
    .map((e) => join(e.parentPath, e.name));
  assert.ok(files.length > 20);
  const wrong: string[] = [];
  for (const file of files) {
    const from = folderOf(file);
    if (from === 'app.ts') continue;
    const allowed = MAY_IMPORT[from];
    assert.ok(allowed, `src/${from} is not in the table of the architecture`);
    for (const target of imports(file)) {
      const to = folderOf(target);
      if (to === '..') continue; // data outside src/, such as models/
      if (to !== from && !allowed.includes(to) && !allowed.includes('*') && !EVERYWHERE.includes(to)) {
        wrong.push(`${relative(SRC, file)} -> ${relative(SRC, target)}`);
      }
    }
  }
  assert.deepEqual(wrong, []);
});

it('the check sees imports, exports, and the workers that are named by URL', () => {
  const seen = (file: string) => imports(join(SRC, file)).map((p) => relative(SRC, p));
  assert.ok(seen('engine/index.ts').includes('engine/supervisor.ts'));
  assert.ok(seen('engine/supervisor.ts').includes('errors/index.ts'));
});
