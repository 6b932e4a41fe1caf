import assert from 'node:assert/strict';
import { readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, it } from 'node:test';
import { CHART, type Manifest } from '../helpers/chart.ts';
import { exportedSeries, faultsOf } from '../helpers/exported.ts';
import { temporaryDirectory } from '../helpers/paths.ts';
import { run, without } from '../helpers/tools.ts';

const dashboard = JSON.parse(readFileSync(join(CHART, 'files/dashboard.json'), 'utf8')) as Manifest;
const panels = dashboard.panels as Manifest[];
const expressions = panels.flatMap((p) =>
  (p.targets ?? []).map((t: Manifest) => [p.title, t.expr] as [string, string]),
);

describe('the dashboard', () => {
  it('the dashboard has its rows, and every panel has a description', () => {
    const rows = panels.filter((p) => p.type === 'row').map((p) => p.title);
    for (const row of ['Service', 'Engine', 'Tenants', 'Gate', 'Drift']) assert.ok(rows.includes(row), row);
    for (const p of panels) if (p.type !== 'row') assert.ok(p.description && p.fieldConfig.defaults.unit, p.title);
  });

  it('the dashboard asks only for series and labels that the service exports', async () => {
    const series = await exportedSeries();
    const variables = dashboard.templating.list.map(
      (v: Manifest) => ['variable', v.definition ?? ''] as [string, string],
    );
    const annotations = dashboard.annotations.list.map((a: Manifest) => ['annotation', a.expr] as [string, string]);
    for (const [title, expression] of [...expressions, ...variables, ...annotations])
      assert.deepEqual(faultsOf(expression, series), [], `${title}: ${expression}`);
    assert.ok(expressions.length > 30);
  });

  it('the check of the dashboard finds a series and a label that do not exist', async () => {
    const series = await exportedSeries();
    assert.deepEqual(faultsOf('rate(clipn_request_total[5m])', series), ['clipn_request_total is not exported']);
    assert.deepEqual(faultsOf('clipn_tenants{status="ready"}', series), ['clipn_tenants has no label status']);
  });

  it('every query of the dashboard is valid PromQL', { skip: without('promtool') }, async (t) => {
    const file = join(await temporaryDirectory(t), 'expressions.yaml');
    const rules = expressions.map(([, expr], i) => ({
      record: `panel:${i}`,
      expr: expr.replaceAll('$__rate_interval', '5m'),
    }));
    writeFileSync(file, JSON.stringify({ groups: [{ name: 'dashboard', rules }] }));
    const { code, output } = await run('promtool', ['check', 'rules', file]);
    assert.equal(code, 0, output);
  });

  it('panels of the dashboard do not overlap, their ids are unique, and their queries go to the chosen source', () => {
    assert.equal(new Set(panels.map((p) => p.id)).size, panels.length);
    const taken = new Set<string>();
    for (const { gridPos: g, title, datasource, type } of panels) {
      assert.ok(g.x + g.w <= 24, title);
      // biome-ignore lint/suspicious/noTemplateCurlyInString: Grafana's own notation
      if (type !== 'row') assert.deepEqual(datasource, { type: 'prometheus', uid: '${datasource}' });
      for (let x = g.x; x < g.x + g.w; x++)
        for (let y = g.y; y < g.y + g.h; y++) {
          assert.ok(!taken.has(`${x},${y}`), `${title} covers another panel`);
          taken.add(`${x},${y}`);
        }
    }
  });
});
