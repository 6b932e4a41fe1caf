import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { Registry } from 'prom-client';
import { expositionFor, OPEN_METRICS, TEXT, toText } from '../../src/telemetry/exposition.ts';
import { createMetrics } from '../../src/telemetry/metrics.ts';

/** Sample name and labels to value. */
function samples(text: string): Record<string, string> {
  const lines = text.split('\n').filter((line) => line !== '' && !line.startsWith('#'));
  return Object.fromEntries(
    lines.map((line) => [line.slice(0, line.lastIndexOf(' ')), line.slice(line.lastIndexOf(' ') + 1)]),
  );
}

describe('the exposition', () => {
  it("/metrics has the format that the scraper's Accept header asks for", () => {
    const prometheus =
      'application/openmetrics-text;version=1.0.0;escaping=allow-utf-8;q=0.5,text/plain;version=0.0.4;q=0.3,*/*;q=0.1';
    assert.equal(expositionFor(prometheus), OPEN_METRICS);
    assert.equal(expositionFor('text/plain;version=0.0.4;q=0.5,application/openmetrics-text;q=0.3'), TEXT);
    assert.equal(expositionFor('text/plain;version=0.0.4;q=0.3,*/*;q=0.2'), TEXT);
    assert.equal(expositionFor('application/openmetrics-text'), OPEN_METRICS);
    assert.equal(expositionFor('application/openmetrics-text;q=0,text/plain'), TEXT);
    assert.equal(expositionFor(undefined), TEXT);
    assert.equal(expositionFor('*/*'), TEXT);
  });

  it('the text format has the same samples as OpenMetrics, counters in full, no exemplars and no end mark', async () => {
    const metrics = createMetrics();
    metrics.requests.inc({ route: 'a # {b="c"} 1 2', method: 'GET', status: '200' }, 3);
    const exemplarLabels = { trace_id: '4bf92f3577b34da6a3ce929d0e0e4736', span_id: '00f067aa0ba902b7' } as never;
    metrics.requestDuration.observe({ labels: { route: '/v1/detect' }, value: 0.2, exemplarLabels });
    const open = await metrics.registry.metrics();
    assert.match(open, /clipn_request_duration_seconds_bucket\{le="0.25",route="\/v1\/detect"\} 1 # \{trace_id="4bf/);
    const text = toText(open);
    assert.ok(!text.includes('trace_id') && !text.includes('# EOF'));
    assert.match(
      text,
      /# HELP clipn_requests_total HTTP requests answered\n# TYPE clipn_requests_total counter\nclipn_requests_total\{/,
    );
    assert.equal(samples(text)['clipn_requests_total{route="a # {b=\\"c\\"} 1 2",method="GET",status="200"}'], '3');
    // the library's own text of such metrics, made before any is rendered as OpenMetrics
    const fresh = createMetrics();
    fresh.requestDuration.observe({ labels: { route: '/v1/detect' }, value: 0.2, exemplarLabels });
    const own = new Registry();
    for (const metric of fresh.registry.getMetricsAsArray()) own.registerMetric(metric as never);
    const expected = await own.metrics();
    const names = (of: string) => [...of.matchAll(/^# TYPE (\S+ \S+)$/gm)].map(([, name]) => name).sort();
    assert.deepEqual(names(text), names(expected));
    const histogram = (of: Record<string, string>) =>
      Object.entries(of).filter(([name]) => name.startsWith('clipn_request_duration'));
    assert.deepEqual(histogram(samples(text)), histogram(samples(expected)));
  });

  it('only counters have the ending _total, as promtool demands', async () => {
    const text = toText(await createMetrics().registry.metrics());
    const kinds = [...text.matchAll(/^# TYPE (\S+_total) (\S+)$/gm)].map(([, , kind]) => kind);
    assert.ok(kinds.length > 5);
    assert.deepEqual([...new Set(kinds)], ['counter']);
  });
});
