import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, it } from 'node:test';
import { parse } from 'yaml';
import { testApp } from '../helpers/app.ts';
import { CHART, type Manifest, render } from '../helpers/chart.ts';
import { exportedSeries, faultsOf } from '../helpers/exported.ts';
import { run, without } from '../helpers/tools.ts';

const RULES = join(CHART, 'files/rules.yaml');
const TESTS = ['rules', 'rules-days'].map((name) => join(import.meta.dirname, `${name}.test.yaml`));
const groups = parse(readFileSync(RULES, 'utf8')).groups as Manifest[];
const rules = groups.flatMap((g) => g.rules as Manifest[]);
const alerts = rules.filter((r) => r.alert);

describe('Prometheus rules', () => {
  it('Prometheus rules ask only for series and labels that the service exports', async () => {
    const series = await exportedSeries();
    for (const { alert, record, expr } of rules) assert.deepEqual(faultsOf(expr, series), [], alert ?? record);
  });

  it('every Prometheus alert has a severity, a summary and an entry in the runbook', () => {
    const runbook = readFileSync(join(CHART, 'README.md'), 'utf8');
    for (const { alert, labels, annotations } of alerts) {
      assert.match(labels.severity, /^(page|ticket)$/, alert);
      assert.ok(annotations.summary && annotations.description, alert);
      assert.equal(annotations.runbook, `helm/clipn-gate/README.md#${alert.toLowerCase()}`);
      assert.match(runbook, new RegExp(`^### ${alert}$`, 'm'));
    }
  });

  it('promtool finds no fault in /metrics, also with exemplars of traces', { skip: without('promtool') }, async (t) => {
    const { app, metrics } = await testApp(t);
    await app.inject({ method: 'POST', url: '/v1/detect', payload: 'PHOTO', headers: { 'content-type': 'image/png' } });
    const exemplarLabels = { trace_id: '4bf92f3577b34da6a3ce929d0e0e4736', span_id: '00f067aa0ba902b7' } as never;
    metrics.requestDuration.observe({ labels: { route: '/v1/detect' }, value: 0.2, exemplarLabels });
    const scraped = await app.inject({ method: 'GET', url: '/metrics' });
    const open = await app.inject({
      method: 'GET',
      url: '/metrics',
      headers: { accept: 'application/openmetrics-text' },
    });
    assert.ok(open.body.includes('# {trace_id="4bf92f35'), 'the exemplar is there where OpenMetrics is asked for');
    const { code, output } = await run('promtool', ['check', 'metrics'], scraped.body);
    assert.deepEqual([code, output], [0, '']);
  });

  it('promtool accepts the Prometheus rules', { skip: without('promtool') }, async () => {
    const { code, output } = await run('promtool', ['check', 'rules', RULES]);
    assert.equal(code, 0, output);
  });

  it('every Prometheus alert fires when it should and not when it should not (promtool test rules)', {
    skip: without('promtool'),
  }, async () => {
    const { code, output } = await run('promtool', ['test', 'rules', ...TESTS]);
    assert.equal(code, 0, output);
    const tests = TESTS.flatMap((path) => parse(readFileSync(path, 'utf8')).tests as Manifest[]).flatMap(
      (t) => (t.alert_rule_test ?? []) as Manifest[],
    );
    for (const { alert } of alerts) {
      const own = tests.filter((t) => t.alertname === alert);
      assert.ok(
        own.some((t) => t.exp_alerts?.length > 0),
        `${alert} never fires in the tests`,
      );
      assert.ok(
        own.some((t) => !(t.exp_alerts?.length > 0)),
        `${alert} always fires in the tests`,
      );
    }
  });

  it('the chart contains the Prometheus rules, without those that are disabled, with labels of its own', {
    skip: without('helm'),
  }, async () => {
    const prometheusRule = {
      enabled: true,
      disabled: ['ClipnEngineDown'],
      alertLabels: { team: 'vision' },
      labels: { release: 'p' },
    };
    const { one } = await render({ replicas: 1, metrics: { prometheusRule } });
    const made = one('PrometheusRule');
    const all = made.spec.groups.flatMap((g: Manifest) => g.rules) as Manifest[];
    assert.deepEqual(
      all.map((r) => r.alert ?? r.record),
      rules.map((r) => r.alert ?? r.record).filter((name) => name !== 'ClipnEngineDown'),
    );
    for (const { alert, labels } of all) if (alert) assert.ok(labels.team === 'vision' && labels.severity, alert);
    const same = ({ labels, ...rule }: Manifest) => rule;
    assert.deepEqual(
      same(all.find((r) => r.alert === 'ClipnAbsent')),
      same(rules.find((r) => r.alert === 'ClipnAbsent')),
    );
    assert.equal(made.metadata.labels.release, 'p');
    assert.equal((await render({ replicas: 1 })).one('PrometheusRule'), undefined);
  });

  it('the chart contains the Grafana dashboard unchanged', { skip: without('helm') }, async () => {
    const { one } = await render({
      replicas: 1,
      metrics: { dashboard: { enabled: true, annotations: { folder: 'vision' } } },
    });
    const map = one('ConfigMap', '-dashboard');
    assert.deepEqual(
      JSON.parse(map.data['clipn-gate.json']),
      JSON.parse(readFileSync(join(CHART, 'files/dashboard.json'), 'utf8')),
    );
    assert.equal(map.metadata.labels.grafana_dashboard, '1');
    assert.equal(map.metadata.annotations.folder, 'vision');
  });
});
