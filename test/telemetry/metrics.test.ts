import assert from 'node:assert/strict';
import { it } from 'node:test';
import { createMetrics } from '../../src/telemetry/metrics.ts';

it('tenants have labels of their own up to a limit and share one beyond it', () => {
  const { tenantLabel } = createMetrics();
  const labels = Array.from({ length: 500 }, (_, i) => tenantLabel(`t${i}`));
  assert.equal(labels[0], 't0');
  assert.equal(labels[499], 'other');
  assert.ok(new Set(labels).size < 300);
  assert.equal(tenantLabel('t0'), 't0');
});

it('every metric has the prefix, a help text and bounded labels', async () => {
  const { registry } = createMetrics();
  const metrics = await registry.getMetricsAsJSON();
  assert.ok(metrics.length > 20);
  for (const { name, help } of metrics) {
    assert.match(name, /^clipn_[a-z0-9_]+$/);
    assert.ok(help.length > 5, name);
  }
});
