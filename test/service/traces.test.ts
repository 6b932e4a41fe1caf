import assert from 'node:assert/strict';
import { existsSync } from 'node:fs';
import { readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { describe, it, type TestContext } from 'node:test';
import { fileURLToPath } from 'node:url';
import {
  type CollectedSpan,
  type Collector,
  coverage,
  leavesOf,
  startCollector,
  tracesTo,
} from '../helpers/collector.ts';
import { ask, type RecordingUpstream, recordingUpstream } from '../helpers/gate.ts';
import { waves } from '../helpers/images.ts';
import { temporaryDirectory } from '../helpers/paths.ts';
import { type Service, sendImage, startService, until } from '../helpers/service.ts';

const TRACE = '4bf92f3577b34da6a3ce929d0e0e4736';
const CALLER = '00f067aa0ba902b7';
const traceparent = `00-${TRACE}-${CALLER}-01`;
/** The modules that the build joined in the files of these addresses, from their source maps; the address itself of a file without one. */
async function sourcesOf(urls: string): Promise<string> {
  const sources = urls.split('\n').map(async (url) => {
    const map = url.includes('/dist/') ? `${fileURLToPath(url)}.map` : '';
    if (!existsSync(map)) return [url];
    return (JSON.parse(await readFile(map, 'utf8')) as { sources: string[] }).sources;
  });
  return (await Promise.all(sources)).flat().join('\n');
}

const jpeg = (seed: number) => waves(1600, 1200, seed).jpeg().toBuffer();

async function gated(t: TestContext, env: Record<string, string>, upstream: RecordingUpstream): Promise<Service> {
  const dir = await temporaryDirectory(t);
  const config = join(dir, 'gate.yaml');
  const routes = ['shadow', 'off'].map((mode) => ({ match: { path: `/${mode}` }, mode, adapter: 'raw' }));
  const file = { listen: { port: 0 }, upstream: { url: upstream.url }, defaults: { budget_ms: 30_000 }, routes };
  await writeFile(config, JSON.stringify(file));
  return startService(t, dir, env, ['gate', '--config', config]);
}

/** The spans of the trace whose root is called so, when they have come. */
async function arrived(collector: Collector, name: string, count = 1): Promise<CollectedSpan[][]> {
  const roots = () => collector.spans.filter((s) => s.name === name);
  await until(`${count} roots ${name}`, 10_000, () => roots().length >= count);
  return roots().map((root) => [root, ...collector.spans.filter((s) => s.traceId === root.traceId && s !== root)]);
}

const lasted = (span: CollectedSpan | undefined) => (span ? span.end - span.start : Number.NaN);
/**
 * Whether some trace is covered by its leaves and as long as its client waited. A stage without a span, or a root that begins or ends at the wrong
 * place, would be missing in every trace; a gap in one is the time in which a busy machine ran something else.
 */
const complete = (covered: number[], shares: number[], least: number) =>
  covered.some((c) => c >= 0.95) && shares.some((share) => share >= least && share <= 1.1);

/** Every span has its place in one tree below the root, and the leaves say where at least 95 % of its time went. */
function checkTree(trace: CollectedSpan[], named: string[]): number {
  const [root, ...others] = trace as [CollectedSpan, ...CollectedSpan[]];
  const ids = new Set(trace.map((s) => s.spanId));
  for (const span of others) {
    assert.equal(span.traceId, root.traceId);
    assert.ok(ids.has(span.parentSpanId as string), `${span.name} has its parent in the trace`);
    assert.ok(span.start >= root.start - 0.01 && span.end <= root.end + 0.01, `${span.name} is within the root`);
    assert.ok(span.end >= span.start, span.name);
  }
  const names = new Set(others.map((s) => s.name));
  for (const name of named) assert.ok(names.has(`clipn.${name}`), `${name} of ${[...names]}`);
  return coverage(root, leavesOf(others));
}

const STAGES = ['receive', 'detect', 'queue', 'handover', 'hash', 'decode', 'inference', 'score', 'handback', 'reply'];

describe('traces', () => {
  it('one detect request is one trace, whose leaves cover its time, and whose root is the time that the client waited', async (t) => {
    const collector = await startCollector(t);
    const env = { ...tracesTo(collector), OTEL_SERVICE_NAME: 'guard', OTEL_RESOURCE_ATTRIBUTES: 'deployment=test' };
    const service = await startService(t, await temporaryDirectory(t), env);
    await sendImage(service.url, await jpeg(0));
    const waited: number[] = [];
    for (let i = 1; i <= 5; i++) {
      const image = await jpeg(i);
      const began = performance.now();
      const answer = await sendImage(service.url, image);
      await answer.arrayBuffer();
      assert.equal(answer.status, 200);
      waited.push(performance.now() - began);
    }
    const traces = (await arrived(collector, 'POST /v1/detect', 6)).slice(1);
    assert.equal(new Set(traces.map(([root]) => root?.traceId)).size, 5, 'a trace each');
    const covered = traces.map((trace) => checkTree(trace, STAGES));
    const shares = traces.map(([root], i) => lasted(root) / (waited[i] as number));
    t.diagnostic(
      `covered ${covered.map((c) => c.toFixed(3))}; root of the client's time ${shares.map((s) => s.toFixed(3))}`,
    );
    assert.ok(complete(covered, shares, 0.8), `${covered}; ${shares}`);
    const [root] = traces[0] as [CollectedSpan];
    assert.equal(root.kind, 2, 'a server');
    assert.equal(root.parentSpanId, undefined);
    assert.deepEqual(
      [
        root.attributes['http.request.method'],
        root.attributes['http.route'],
        root.attributes['http.response.status_code'],
      ],
      ['POST', '/v1/detect', 200],
    );
    assert.equal(collector.resource['service.name'], 'guard');
    assert.equal(collector.resource['deployment'], 'test');
    // the span may arrive before the line of the log
    const line = () => service.log.find((l) => l['trace_id'] === root.traceId && l['msg'] === 'request');
    await until('the line of the request', 5000, () => line() !== undefined);
    assert.equal(line()?.['span_id'], root.spanId);
  });

  it('each of several images is a span; a failed one has its reason; probes and scrapes have no trace', async (t) => {
    const collector = await startCollector(t);
    const service = await startService(t, await temporaryDirectory(t), tracesTo(collector));
    const form = new FormData();
    for (const bytes of [await jpeg(1), Buffer.from('no image'), await jpeg(2)])
      form.append('file', new Blob([new Uint8Array(bytes)]), 'x.jpg');
    for (const path of ['/livez', '/readyz', '/metrics']) await (await fetch(service.url + path)).text();
    const headers = { traceparent, tracestate: 'other=1' };
    assert.equal((await fetch(`${service.url}/v1/detect`, { method: 'POST', body: form, headers })).status, 200);
    const [trace] = (await arrived(collector, 'POST /v1/detect')) as [CollectedSpan[]];
    const [root] = trace as [CollectedSpan];
    assert.equal(root.traceId, TRACE);
    assert.equal(root.parentSpanId, CALLER);
    const detects = trace.filter((s) => s.name === 'clipn.detect');
    assert.equal(detects.length, 3);
    assert.deepEqual(
      detects.filter((s) => s.failed).map((s) => s.attributes['error.type']),
      ['unsupported_media_type'],
    );
    for (const detect of detects) assert.equal(detect.parentSpanId, root.spanId);
    assert.deepEqual(new Set(collector.spans.map((s) => s.traceId)), new Set([TRACE]));
  });

  it('a gated request is one trace to the classifier and back, and the classifier continues the span of the call', async (t) => {
    const collector = await startCollector(t);
    const upstream = await recordingUpstream(t);
    upstream.answer = (_request, response) => void setTimeout(() => response.end('{}'), 30);
    const service = await gated(t, tracesTo(collector), upstream);
    const body = await jpeg(3);
    const headers: [string, string][] = [
      ['Traceparent', traceparent],
      ['tracestate', 'vendor=x'],
      ['Content-Type', 'image/jpeg'],
      ['Content-Length', String(body.length)],
    ];
    const waited: number[] = [];
    for (let i = 0; i < 5; i++) {
      // the first is the caller's, whose fields are looked at below
      const own: [string, string][] = i === 0 ? headers : headers.slice(2);
      const image = i === 0 ? body : Buffer.concat([body, Buffer.from([i])]);
      own[own.length - 1] = ['Content-Length', String(image.length)];
      const began = performance.now();
      const answer = await ask(service.gate as string, { path: '/shadow', headers: own, body: image });
      waited.push(performance.now() - began);
      assert.equal(answer.status, 200);
    }
    const traces = await arrived(collector, 'gate /shadow', 5);
    const covered = traces.map((trace) => checkTree(trace, [...STAGES, 'extract', 'decide', 'upstream']));
    const shares = traces.map(([root], i) => lasted(root) / (waited[i] as number));
    t.diagnostic(
      `covered ${covered.map((c) => c.toFixed(3))}; root of the client's time ${shares.map((s) => s.toFixed(3))}`,
    );
    assert.ok(complete(covered, shares, 0.7), `${covered}; ${shares}`);
    const trace = traces[0] as CollectedSpan[];
    const [root] = trace as [CollectedSpan];
    assert.deepEqual([root.traceId, root.parentSpanId], [TRACE, CALLER]);
    const call = trace.find((s) => s.name === 'clipn.upstream') as CollectedSpan;
    assert.equal(call.kind, 3, 'a client');
    assert.ok(call.end - call.start >= 29, 'it lasts as long as the classifier takes');
    assert.equal(call.attributes['http.response.status_code'], 200);
    const [received] = upstream.requests;
    const fields = received?.headers.filter(([name]) => /^trace/i.test(name));
    assert.deepEqual(fields, [
      ['traceparent', `00-${TRACE}-${call.spanId}-01`],
      ['tracestate', 'vendor=x'],
    ]);
    assert.deepEqual(received?.body, body);
    // the answer may arrive before the line of the log
    const judged = () => service.log.find((l) => l['msg'] === 'gate: verdict');
    await until('the line of the verdict', 5000, () => judged() !== undefined);
    const verdict = judged();
    assert.deepEqual([verdict?.['trace_id'], verdict?.['span_id']], [TRACE, root.spanId]);

    // a route that is not looked at: the request is forwarded unchanged
    await ask(service.gate as string, { path: '/off', headers, body });
    assert.deepEqual(
      upstream.requests.at(-1)?.headers.filter(([name]) => /^trace/i.test(name)),
      headers.slice(0, 2),
    );
  });

  it("without an exporter no tracing package is loaded, forwarded requests are unchanged, and callers' traces are in the log", async (t) => {
    const upstream = await recordingUpstream(t);
    const dir = await temporaryDirectory(t);
    // notes the modules that each process loads
    const spy = join(dir, 'spy.mjs');
    const hooks = `import { appendFileSync } from 'node:fs';
      export async function load(url, context, next) {
        appendFileSync(${JSON.stringify(join(dir, 'loaded-'))} + process.pid, url + '\\n');
        return next(url, context);
      }`;
    const address = JSON.stringify(`data:text/javascript,${encodeURIComponent(hooks)}`);
    await writeFile(spy, `import { register } from 'node:module'; register(${address});`);
    const service = await gated(t, { NODE_OPTIONS: `--import ${spy}` }, upstream);
    const body = await jpeg(4);
    const headers: [string, string][] = [
      ['TraceParent', traceparent],
      ['tracestate', 'vendor=x'],
      ['Content-Length', String(body.length)],
    ];
    assert.equal((await ask(service.gate as string, { path: '/shadow', headers, body })).status, 200);
    assert.deepEqual(
      upstream.requests[0]?.headers.filter(([name]) => /^trace/i.test(name)),
      headers.slice(0, 2),
    );
    // the answer may arrive before the line of the log
    const judged = () => service.log.find((l) => l['msg'] === 'gate: verdict');
    await until('the line of the verdict', 5000, () => judged() !== undefined);
    const verdict = judged();
    assert.deepEqual([verdict?.['trace_id'], verdict?.['span_id']], [TRACE, CALLER]);

    const detect = (value: string) =>
      fetch(`${service.url}/v1/detect`, {
        method: 'POST',
        body: 'no image',
        headers: { traceparent: value, 'content-type': 'image/jpeg' },
      });
    assert.equal((await detect(traceparent)).status, 415);
    assert.equal((await detect('00-xyz')).status, 415);
    await until('the lines of both', 5000, () => service.log.filter((l) => l['path'] === '/v1/detect').length === 2);
    const lines = service.log.filter((l) => l['path'] === '/v1/detect' || l['msg'] === 'request failed');
    assert.deepEqual(
      lines.map((l) => l['trace_id']),
      [TRACE, TRACE, undefined, undefined],
    );

    const exposition = await (
      await fetch(`${service.url}/metrics`, { headers: { accept: 'application/openmetrics-text' } })
    ).text();
    assert.match(
      exposition,
      new RegExp(`clipn_request_duration_seconds_bucket.* # \\{trace_id="${TRACE}",span_id="${CALLER}"\\}`),
    );
    assert.match(exposition, new RegExp(`clipn_gate_duration_seconds_bucket.* # \\{trace_id="${TRACE}"`));
    service.child.kill('SIGTERM');
    assert.equal(await service.exited, 0);
    const modules = await sourcesOf(await readFile(join(dir, `loaded-${service.child.pid}`), 'utf8'));
    // prom-client loads the interfaces, which do nothing by themselves
    assert.ok(modules.includes('prom-client') && !/@opentelemetry\/(?!api\/)/.test(modules), modules);
  });

  it('the standard sampler decides; a dropped trace is forwarded as dropped and is no exemplar', async (t) => {
    const collector = await startCollector(t);
    const upstream = await recordingUpstream(t);
    const service = await gated(t, { ...tracesTo(collector), OTEL_TRACES_SAMPLER: 'always_off' }, upstream);
    const body = await jpeg(5);
    const headers: [string, string][] = [
      ['traceparent', traceparent],
      ['Content-Length', String(body.length)],
    ];
    assert.equal((await ask(service.gate as string, { path: '/shadow', headers, body })).status, 200);
    assert.match(
      String(upstream.requests[0]?.headers.find(([n]) => n === 'traceparent')?.[1]),
      new RegExp(`^00-${TRACE}-[0-9a-f]{16}-00$`),
    );
    assert.ok(
      !(
        await (await fetch(`${service.url}/metrics`, { headers: { accept: 'application/openmetrics-text' } })).text()
      ).includes('trace_id'),
    );
    service.child.kill('SIGTERM');
    assert.equal(await service.exited, 0);
    assert.equal(collector.requests.length, 0);
  });

  it('by default traces are sent as protobuf with the configured headers, and the rest is sent at the end', async (t) => {
    const collector = await startCollector(t);
    const env = {
      OTEL_EXPORTER_OTLP_TRACES_ENDPOINT: `${collector.url}/own/path`,
      OTEL_EXPORTER_OTLP_HEADERS: 'x-token=s3cret',
    };
    const service = await startService(t, await temporaryDirectory(t), env);
    await sendImage(service.url, await jpeg(6));
    const line = () => service.log.find((l) => l['msg'] === 'request');
    await until('the line of the request', 5000, () => line() !== undefined);
    const id = String(line()?.['trace_id']);
    service.child.kill('SIGTERM');
    assert.equal(await service.exited, 0);
    const [request] = collector.requests;
    assert.equal(request?.path, '/own/path');
    assert.equal(request?.headers['content-type'], 'application/x-protobuf');
    assert.equal(request?.headers['x-token'], 's3cret');
    assert.ok(request?.body.includes('POST /v1/detect') && request.body.includes('clipn.inference'));
    assert.ok(request?.body.includes(Buffer.from(id, 'hex')));
  });

  it('an unreachable collector costs a line in the log, but no request and no time at the end', async (t) => {
    const env = {
      OTEL_EXPORTER_OTLP_ENDPOINT: 'http://127.0.0.1:1',
      OTEL_BSP_SCHEDULE_DELAY: '50',
      OTEL_EXPORTER_OTLP_TIMEOUT: '500',
    };
    const service = await startService(t, await temporaryDirectory(t), env);
    for (let i = 0; i < 5; i++) assert.equal((await sendImage(service.url, await jpeg(10 + i))).status, 200);
    const complaint = () => service.log.filter((l) => l['msg'] === 'traces cannot be exported');
    await until('the line is logged', 10_000, () => complaint().length === 1);
    const began = performance.now();
    service.child.kill('SIGTERM');
    assert.equal(await service.exited, 0);
    assert.ok(performance.now() - began < 8000);
    assert.equal(complaint().length, 1, JSON.stringify(complaint()));
  });
});
