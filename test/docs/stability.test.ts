import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, it } from 'node:test';
import { describeConfig } from '../../src/config/index.ts';
import { CODES } from '../../src/errors/index.ts';
import { createMetrics } from '../../src/telemetry/metrics.ts';
import { REMOVED_SETTINGS, requiredParameters, type Shape, shapeOf } from '../helpers/api-shape.ts';
import { testApp } from '../helpers/app.ts';
import { documentAt } from '../helpers/documents.ts';
import { ROOT } from '../helpers/paths.ts';

/** What 1.0.0 released: written once, from that version. Lines are added at a release; a line is removed by a major version only. */
const released = JSON.parse(readFileSync(join(ROOT, 'test/fixtures/api-1.json'), 'utf8')) as {
  operations: Shape;
  codes: Record<string, number>;
  metrics: Record<string, string>;
  settings: string[];
};
/** Removed before the policy of docs/upgrading.md, as the settings in REMOVED_SETTINGS. */
const REMOVED_METRICS = ['handles', 'requests', 'resources'].map((what) => `clipn_nodejs_active_${what}_total`);
/** Parameters that 1.0.0 declared as required, though each has a default. */
const REQUIRED = new Set([
  'POST /v1/detect: query tenant',
  'POST /v1/detect: query top_k',
  'GET /v1/tenants: query limit',
  'GET /v1/admin/keys: query limit',
  'GET /v1/admin/audit: query limit',
]);

/** Lines of the released interface that the program does not have. */
function lost(now: Shape): string[] {
  return Object.entries(released.operations).flatMap(([operation, lines]) => {
    const has = new Set(now[operation]);
    return now[operation] ? lines.filter((l) => !has.has(l)).map((l) => `${operation}: ${l}`) : [operation];
  });
}

describe('the released interface stays', () => {
  it('every operation, parameter and field of a reply that 1.0.0 had exists, with the same type', async (t) => {
    const { app } = await testApp(t);
    const now = shapeOf(app.swagger());
    assert.deepEqual(lost(now), []);
    const { 'POST /v1/detect': detect = [], ...others } = now;
    assert.deepEqual(lost(others), ['POST /v1/detect']);
    const without = detect.filter((line) => line !== 'results[].decision: string');
    assert.deepEqual(lost({ ...others, 'POST /v1/detect': without }), ['POST /v1/detect: results[].decision: string']);
  });

  it('no operation of 1.0.0 needs a parameter that it did not need', async (t) => {
    const { app } = await testApp(t);
    const added = [...requiredParameters(app.swagger())].filter((p) => !REQUIRED.has(p));
    assert.deepEqual(
      added.filter((p) => (p.split(': ')[0] as string) in released.operations),
      [],
    );
  });

  it('every error code of 1.0.0 has the status that it had', () => {
    const now = Object.fromEntries(Object.keys(released.codes).map((c) => [c, (CODES as Codes)[c]?.status]));
    assert.deepEqual(now, released.codes);
  });

  it('every metric of 1.0.0 exists with its type', async () => {
    const text = await createMetrics().registry.metrics();
    const types = new Map([...text.matchAll(/^# TYPE (\S+) (\S+)$/gm)].map(([, name, type]) => [name as string, type]));
    const changed = Object.keys(released.metrics).filter((name) => types.get(name) !== released.metrics[name]);
    assert.deepEqual(changed, REMOVED_METRICS);
    assert.match(documentAt('docs/upgrading.md').text, /three gauges of Node\.js that ended in `_total`/);
  });

  it('every setting of 1.0.0 exists, or the page on upgrades says that it was removed', () => {
    const known = new Set(describeConfig().map((row) => row.variable));
    const gone = released.settings.filter((name) => !known.has(name));
    assert.deepEqual(gone, REMOVED_SETTINGS);
    for (const name of gone) assert.match(documentAt('docs/upgrading.md').text, new RegExp(name));
  });
});

type Codes = Record<string, { status: number } | undefined>;
