import assert from 'node:assert/strict';
import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, it } from 'node:test';
import { ROOT } from './helpers/paths.ts';

/** Files of tests, relative to test/. */
const FILES = readdirSync(join(ROOT, 'test'), { recursive: true, encoding: 'utf8' }).filter((f) =>
  f.endsWith('.test.ts'),
);

/** Pauses that are no wait for a condition, with the reason; everything else waits with `until`. */
const PAUSES: Record<string, string> = {
  'bench/load.test.ts': 'a server that stalls: the load generator measures time',
  'service/threads.test.ts': 'the interval of samples',
  'tenants/replicas.test.ts': 'the pace of a client under load',
};

describe('the test suite', () => {
  it('npm test runs every file of tests', () => {
    const { scripts } = JSON.parse(readFileSync(join(ROOT, 'package.json'), 'utf8')) as {
      scripts: Record<string, string>;
    };
    assert.match(scripts['test'] ?? '', / test\/\*\.test\.ts test\/\*\/\*\.test\.ts$/);
    assert.deepEqual(
      FILES.filter((f) => f.split('/').length > 2),
      [],
      'too deep for the pattern of npm test',
    );
  });

  it('a test waits for a condition and never for a time', () => {
    const pausing = FILES.filter((f) =>
      /setTimeout as sleep|new Promise\([^)]*\) => setTimeout/.test(readFileSync(join(ROOT, 'test', f), 'utf8')),
    );
    assert.deepEqual(pausing.filter((f) => f !== 'suite.test.ts').sort(), Object.keys(PAUSES).sort());
  });
});
