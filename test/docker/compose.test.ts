import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { before, describe, it } from 'node:test';
import { parse } from 'yaml';
import { composeServices, startOrder } from '../helpers/compose/file.ts';
import { ROOT } from '../helpers/paths.ts';
import { postgresPrograms, withoutPostgres } from '../helpers/postgres.ts';
import { testProgram } from '../helpers/programs.ts';
import { run, tool, without } from '../helpers/tools.ts';

const NAMESPACES = ['--net', '--mount', '--pid', '--fork', '--kill-child', '--mount-proc'];

function withoutNamespaces(): string | false {
  if (process.getuid?.() !== 0) return 'needs root, for network and mounts of its own';
  try {
    execFileSync('unshare', [...NAMESPACES, 'ip', 'link', 'set', 'lo', 'up'], { stdio: 'ignore' });
    return false;
  } catch {
    return 'needs unshare and ip, and the right to make namespaces';
  }
}
const skip = withoutPostgres || without('prometheus') || withoutNamespaces();

interface Report {
  order: string[];
  writes: Record<string, boolean>;
  first: {
    reply: { results: { decision: string }[] };
    targets: { health: string; url: string }[];
    rules: string[];
    series: number;
  };
  unready: { stopped: Record<string, number>; check: boolean };
  second: { tenants: string[]; stopped: Record<string, number> };
}

it('services of compose.yaml start after those that they depend on', () => {
  const order = startOrder(composeServices());
  assert.ok(order.indexOf('postgres') < order.indexOf('clipn-gate'));
  assert.equal(order.length, Object.keys(composeServices()).length);
});

describe('the services of compose.yaml as processes, with its names, ports, mounts, variables and health checks', {
  skip,
}, () => {
  let report: Report;
  before(async () => {
    const work = mkdtempSync(join(tmpdir(), 'clipn-gate-compose-'));
    const driver = [
      ...testProgram('helpers/compose/driver'),
      work,
      postgresPrograms as string,
      tool('prometheus') as string,
    ];
    const { output } = await run('unshare', [...NAMESPACES, process.execPath, ...driver]);
    rmSync(work, { recursive: true, force: true });
    const [, found] = /^REPORT (.*)$/m.exec(output) ?? [];
    assert.ok(found, output);
    report = JSON.parse(found);
  });

  it('PostgreSQL, the service and Prometheus become healthy, and a photograph gets its verdict', () => {
    assert.deepEqual(report.order, ['postgres', 'clipn-gate', 'prometheus']);
    assert.equal(report.first.reply.results[0]?.decision, 'id');
  });

  it('Prometheus scrapes the service under its name, and has every rule of the chart', () => {
    assert.deepEqual(
      report.first.targets.map(({ health, url }) => [health, url]),
      [['up', 'http://clipn-gate:8080/metrics']],
    );
    assert.ok(report.first.series > 0);
    const { groups } = parse(readFileSync(join(ROOT, 'helm/clipn-gate/files/rules.yaml'), 'utf8'));
    const names = groups.flatMap((g: { rules: { alert?: string; record?: string }[] }) =>
      g.rules.map((r) => r.alert ?? r.record),
    );
    assert.deepEqual(report.first.rules.sort(), names.sort());
  });

  it('the service can write to its volume only', () => {
    assert.deepEqual(report.writes, { '/app': false, '/tmp': false, '/data': true });
  });

  it('every service ends with 0 in its grace period, and the health check fails after that', () => {
    for (const { stopped } of [report.unready, report.second])
      assert.deepEqual(stopped, { prometheus: 0, 'clipn-gate': 0, postgres: 0 });
    assert.equal(report.unready.check, false);
  });

  it('tenants are there after a restart of all services on their volumes', () => {
    assert.ok(report.second.tenants.includes('zoo'));
  });
});
