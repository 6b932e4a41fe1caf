/**
 * `npm run bench -- prometheus`: a real Prometheus with the chart's rules scrapes the service under load (needs the programs prometheus and
 * promtool, Debian's package prometheus). Are all series there, is the number of tenants in labels bounded, do alerts fire: of an engine that
 * keeps dying, and of a tenant whose pictures are suddenly other ones. The rule for the latter compares with the day before, so a day of
 * its record is written into Prometheus' storage beforehand.
 */
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { CHART } from '../helpers/chart.ts';
import { exportedSeries } from '../helpers/exported.ts';
import { noise } from '../helpers/images.ts';
import { temporaryDirectory } from '../helpers/paths.ts';
import { isReady, putTenant, type Service, sendImage, startService, until } from '../helpers/service.ts';
import { without } from '../helpers/tools.ts';
import { Prometheus } from './helpers/prometheus.ts';
import { photographsOrMade, request } from './load/pictures.ts';
import type { Bench } from './main.ts';
import { TEN } from './measure/target.ts';
import { fixed } from './report.ts';

const TENANTS = 500;
const EVERY_S = 5;
const CLIENTS = 4;
/** Of the day before, by its record. */
const USUAL_OOD = 0.05;
const PATIENCE_MS = 600_000;

/** A day of the record that the rule for shifts compares with, up to a little before it begins to be made. */
function history(): string {
  const now = Math.floor(Date.now() / 1000);
  const lines = ['# TYPE clipn:ood:ratio_rate10m gauge'];
  for (let at = now - 86_400; at < now - 60; at += 60)
    lines.push(`clipn:ood:ratio_rate10m{job="clipn-gate",tenant="demo"} ${USUAL_OOD} ${at}`);
  return `${lines.join('\n')}\n# EOF\n`;
}

/** Files that were not sent before, of two kinds as the tenant `demo` sees them. */
async function sorted(url: string): Promise<{ id: () => Buffer; ood: () => Buffer }> {
  const { jpegs } = await photographsOrMade();
  const made = await Promise.all(
    [1, 2, 3].map((i) =>
      noise(200 + i, 150)
        .jpeg()
        .toBuffer(),
    ),
  );
  const kinds: Record<string, Buffer[]> = { id: [], ood: [] };
  for (const jpeg of [...jpegs, ...made]) {
    const reply = (await (await sendImage(url, jpeg)).json()) as { results: { decision: string }[] };
    kinds[String(reply.results[0]?.decision)]?.push(jpeg);
  }
  const fresh = (list: Buffer[]) => {
    let i = 0;
    if (list.length === 0) throw new Error('no pictures of one kind');
    return () => Buffer.concat(request(list[i++ % list.length] as Buffer).body);
  };
  return { id: fresh(kinds['id'] as Buffer[]), ood: fresh(kinds['ood'] as Buffer[]) };
}

/** Sends what `next` says until it is stopped; answers that are none are part of the game while an engine is killed. */
function load(next: (i: number) => Promise<Response>) {
  let [sent, running] = [0, true];
  const clients = Array.from({ length: CLIENTS }, async () => {
    while (running) {
      await next(sent++).then(
        (response) => response.arrayBuffer(),
        () => sleep(100),
      );
      await sleep(20);
    }
  });
  return async () => {
    running = false;
    await Promise.all(clients);
    return sent;
  };
}

function traced(url: string, body: Buffer, tenant: string, i: number): Promise<Response> {
  const traceId = i.toString(16).padStart(32, 'a');
  const headers = { 'content-type': 'image/jpeg', traceparent: `00-${traceId}-00f067aa0ba902b7-01` };
  return fetch(`${url}/v1/detect?tenant=${tenant}`, { method: 'POST', headers, body: new Uint8Array(body) });
}

/** Milliseconds until the alert fires. */
async function fires(prometheus: Prometheus, alert: string): Promise<number> {
  const began = performance.now();
  await until(`${alert} fires`, PATIENCE_MS, async () => {
    await sleep(500);
    return (await prometheus.firing(alert)).length > 0;
  });
  return performance.now() - began;
}

/** Ends the engine whenever it has been ready for a moment, until it is stopped. */
function crashLoop({ url, enginePid }: Service) {
  let [kills, running] = [0, true];
  const loop = (async () => {
    while (running) {
      if (await isReady(url)()) {
        process.kill(enginePid(), 'SIGKILL');
        kills++;
      }
      // seen by two scrapes or so
      await sleep(2.5 * EVERY_S * 1000);
    }
  })();
  return async () => {
    running = false;
    await loop;
    return kills;
  };
}

export const prometheus: Bench = async ({ seconds = 60 }) => {
  const missing = without('prometheus', 'promtool');
  if (missing) throw new Error(missing);
  const cleanUp: (() => unknown)[] = [];
  const t = { after: (task: unknown) => void cleanUp.push(task as () => unknown) };
  try {
    const dir = await temporaryDirectory(t);
    const gateFile = join(dir, 'gate.yaml');
    // no upstream is behind the gate: this case has a series too
    const routes = [{ match: { path: '/**' }, mode: 'shadow' }];
    writeFileSync(gateFile, JSON.stringify({ listen: { port: 0 }, upstream: { url: 'http://127.0.0.1:1' }, routes }));
    const service = await startService(t, dir, { CLIPN_LOG_LEVEL: 'info' }, ['gate', '--config', gateFile]);
    const pictures = await sorted(service.url);
    const server = await Prometheus.start({
      dir,
      targets: [service.url],
      rules: join(CHART, 'files/rules.yaml'),
      every: EVERY_S,
      history: history(),
    });
    cleanUp.push(() => server.stop());

    for (let i = 0; i < TENANTS; i++) {
      const reply = await putTenant(service.url, `t${i}`, { classes: TEN.slice(0, 2 + (i % 3)) });
      if (!reply.ok) throw new Error(`tenant ${i}: ${reply.status}`);
    }
    const stopUsual = load((i) =>
      i % 40 === 0
        ? fetch(`${service.gate}/x`, { method: 'POST', body: i % 80 ? new Uint8Array(pictures.id()) : 'no image' })
        : traced(service.url, pictures.id(), i % 2 ? 'demo' : `t${(i / 2) % TENANTS}`, i),
    );
    await sleep(seconds * 1000);
    await sendImage(service.url, Buffer.from('no image'));
    const requests = await stopUsual();
    // the rest of the tenants, so that all of them have had a verdict
    for (let i = 0; i < TENANTS; i++) await (await traced(service.url, pictures.id(), `t${i}`, i)).arrayBuffer();
    const pinned = await fetch(`${service.url}/v1/tenants/demo/drift/baseline`, { method: 'PUT' });
    if (!pinned.ok) throw new Error(`baseline: ${pinned.status} ${await pinned.text()}`);
    await sleep(2 * EVERY_S * 1000);

    const [labels] = await server.query('count(count by (tenant) (clipn_decisions_total))');
    const exemplars = await server.exemplars('clipn_request_duration_seconds_bucket');
    const quiet = (await server.rules()).filter((r) => r.alerts?.some((a) => a.state === 'firing')).map((r) => r.name);
    console.log(`${requests} requests in ${seconds} s; firing before anything is wrong: ${quiet.join() || 'nothing'}`);

    const stopOther = load((i) => traced(service.url, pictures.ood(), 'demo', i));
    const stopCrashes = crashLoop(service);
    const crash = fires(server, 'ClipnEngineCrashLoop').then(async (ms) => ({ ms, kills: await stopCrashes() }));
    const shift = fires(server, 'ClipnOodRateShift');
    const [crashed, shifted] = await Promise.all([crash, shift]);
    await stopOther();
    await sleep(2 * EVERY_S * 1000);

    const names = new Set(await server.names());
    const documented = [...(await exportedSeries()).keys()];
    const absent = documented.filter((name) => !names.has(name));
    const rules = await server.rules();
    const ill = rules.filter((r) => r.health !== 'ok').map((r) => `${r.name}: ${r.lastError}`);
    const result = {
      rules: rules.length,
      ill,
      series: documented.length,
      absent,
      tenants: TENANTS + 1,
      tenantLabels: Number(labels?.value[1]),
      exemplars: exemplars.length,
      crashLoopSeconds: crashed.ms / 1000,
      kills: crashed.kills,
      oodShiftSeconds: shifted / 1000,
    };
    console.log(
      [
        `rules: ${result.rules} loaded, ${ill.length} in error ${ill.join('; ')}`,
        `series: ${documented.length} documented, absent: ${absent.join() || 'none'}`,
        `tenants: ${result.tenants}, labels of them: ${result.tenantLabels}`,
        `exemplars of request durations: ${exemplars.length}, the first ${JSON.stringify(exemplars[0])}`,
        `ClipnEngineCrashLoop fired ${fixed(result.crashLoopSeconds)} s after the first of ${crashed.kills} kills`,
        `ClipnOodRateShift fired ${fixed(result.oodShiftSeconds)} s after the pictures changed`,
      ].join('\n'),
    );
    return result;
  } finally {
    for (const task of cleanUp.reverse()) await task();
  }
};
