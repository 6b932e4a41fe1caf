import assert from 'node:assert/strict';
import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, it } from 'node:test';
import { ROOT } from './helpers/paths.ts';
import { filesOf, nodesOf, type SourceFile } from './helpers/syntax.ts';

/** Files of tests, relative to test/. */
const FILES = readdirSync(join(ROOT, 'test'), { recursive: true, encoding: 'utf8' }).filter((f) =>
  f.endsWith('.test.ts'),
);

/** Files of tests and of their helpers that start a timer, with the reason; everything else waits with `until`. */
const TIMERS: Record<string, string> = {
  'bench/load.test.ts': 'a server that stalls: the load generator measures time',
  'evaluation/score-images.test.ts': 'the time that an imitated engine needs for an image, and for its restart',
  'gate/differential/node-parsers.ts': 'the time limit of a parser that never ends',
  'gate/proxy.test.ts': 'a classifier that answers after the idle time of its connection',
  'helpers/balancer.ts': 'the interval between two probes, and the time limit of one',
  'helpers/compose/container.ts': 'the interval between two health checks, and the time limit of a stop',
  'helpers/compose/driver.ts': 'the interval between two questions for a condition in containers',
  'helpers/gate-faults.ts': 'the interval between two faults, and clients that end an upload after some milliseconds',
  'helpers/rolling.ts': 'the pace of a client under load',
  'helpers/service.ts': 'the interval of `until`',
  'helpers/tenants.ts': 'the time that an imitated store or text encoder needs',
  'service/threads.test.ts': 'the interval of samples',
  'service/traces.test.ts': 'a classifier whose answer takes time, which a span shows',
  'tenants/replicas.test.ts': 'the pace of a client under load',
};

/** Whether a file calls `setTimeout`, or takes it from node:timers/promises. */
const hasTimer = (file: SourceFile) =>
  file.text.includes('setTimeout') &&
  nodesOf(file).some(({ type, callee, imported }) => {
    const named = type === 'CallExpression' ? callee : type === 'ImportSpecifier' ? imported : undefined;
    return (named as { name?: string } | undefined)?.name === 'setTimeout';
  });

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

  it('tests and their helpers wait for conditions, and only listed files start a timer', () => {
    // benches measure time
    const files = filesOf('test', /\.ts$/).filter(({ name }) => !/^bench\/(?!.*\.test\.ts$)/.test(name));
    assert.ok(files.some(({ name }) => name.startsWith('helpers/')));
    assert.deepEqual(
      files
        .filter(hasTimer)
        .map(({ name }) => name)
        .sort(),
      Object.keys(TIMERS).sort(),
    );
  });

  it('the test of timers sees calls and imports', () => {
    const texts = [
      "import { setTimeout as sleep } from 'node:timers/promises';",
      'new Promise((resolve) => setTimeout(resolve, 20));',
      "t.mock.timers.enable({ apis: ['setTimeout'] });",
    ];
    assert.deepEqual(
      texts.map((text) => hasTimer({ name: 'sample.ts', text })),
      [true, true, false],
    );
  });
});
