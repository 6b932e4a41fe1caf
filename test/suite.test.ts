import assert from 'node:assert/strict';
import { mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { Readable } from 'node:stream';
import { describe, it } from 'node:test';
import { pathToFileURL } from 'node:url';
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

  it('the reporter names places in sources for places in the bundle, and leaves others', async (t) => {
    const parent = join(ROOT, 'build');
    mkdirSync(parent, { recursive: true });
    const dir = mkdtempSync(join(parent, 'test-'));
    t.after(() => rmSync(dir, { recursive: true }));
    // line 2, column 3 of the file in the bundle is line 1, column 1 of the source
    const map = { version: 3, sources: ['../../test/made.test.ts'], names: [], mappings: ';EAAA' };
    writeFileSync(join(dir, 'made.test.js.map'), JSON.stringify(map));
    const file = join(dir, 'made.test.js');
    const { default: report } = await import(pathToFileURL(join(ROOT, 'scripts/test-reporter.mjs')).href);
    const lines = [`at a (file://${file}:2:3)`, `at b (${file}:2:5)`, `at ${dir}/other.js:1:1`, 'at node:fs:1:1'];
    async function* events() {
      yield { type: 'test:stderr', data: { message: lines.join('\n') } };
    }
    const text = (await Readable.from(report(events())).toArray()).join('');
    assert.equal(text, ['at a (test/made.test.ts:1:1)', 'at b (test/made.test.ts:1:3)', ...lines.slice(2)].join('\n'));
  });
});
