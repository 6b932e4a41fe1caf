import { createServer, type IncomingHttpHeaders } from 'node:http';
import type { TestContext } from 'node:test';
import { gunzipSync } from 'node:zlib';
import { listen } from './gate.ts';

/** As OTLP's JSON has it, times in milliseconds. */
export interface CollectedSpan {
  name: string;
  traceId: string;
  spanId: string;
  parentSpanId: string | undefined;
  kind: number;
  start: number;
  end: number;
  attributes: Record<string, unknown>;
  failed: boolean;
}

export interface Collector {
  url: string;
  spans: CollectedSpan[];
  resource: Record<string, unknown>;
  /** Of every request that came. */
  requests: { path: string; headers: IncomingHttpHeaders; body: Buffer }[];
  /** How it answers. */
  status: number;
}

interface Pair {
  key: string;
  value: Record<string, unknown>;
}
interface Message {
  resourceSpans: {
    resource: { attributes: Pair[] };
    scopeSpans: { spans: (Record<string, string> & { attributes: Pair[]; status?: { code?: number } })[] }[];
  }[];
}

const values = (pairs: Pair[]) => Object.fromEntries(pairs.map(({ key, value }) => [key, Object.values(value)[0]]));
// nanoseconds since 1970 are more than a double holds
const ms = (nanoseconds: string) => Number(BigInt(nanoseconds) % 10n ** 16n) / 1e6;

/** A collector of OpenTelemetry: a real HTTP server that takes OTLP, and reads it where it is JSON. */
export async function startCollector(t: Pick<TestContext, 'after'>): Promise<Collector> {
  const collector: Collector = { url: '', spans: [], resource: {}, requests: [], status: 200 };
  const server = createServer(async (request, response) => {
    const chunks: Buffer[] = [];
    for await (const chunk of request) chunks.push(chunk as Buffer);
    const raw = Buffer.concat(chunks);
    const body = request.headers['content-encoding'] === 'gzip' ? gunzipSync(raw) : raw;
    collector.requests.push({ path: request.url as string, headers: request.headers, body });
    response.writeHead(collector.status, { 'content-type': 'application/json' }).end('{}');
    if (request.headers['content-type'] !== 'application/json') return;
    for (const { resource, scopeSpans } of (JSON.parse(String(body)) as Message).resourceSpans) {
      collector.resource = values(resource.attributes);
      for (const span of scopeSpans.flatMap((s) => s.spans)) {
        collector.spans.push({
          name: span['name'] as string,
          traceId: span['traceId'] as string,
          spanId: span['spanId'] as string,
          parentSpanId: span['parentSpanId'] || undefined,
          kind: Number(span['kind']),
          start: ms(span['startTimeUnixNano'] as string),
          end: ms(span['endTimeUnixNano'] as string),
          attributes: values(span.attributes),
          failed: span.status?.code === 2,
        });
      }
    }
  });
  collector.url = await listen(t, server);
  return collector;
}

/** Settings of a process that sends its spans there at once. */
export function tracesTo({ url }: Collector): Record<string, string> {
  return {
    OTEL_EXPORTER_OTLP_ENDPOINT: url,
    OTEL_EXPORTER_OTLP_PROTOCOL: 'http/json',
    OTEL_BSP_SCHEDULE_DELAY: '50',
  };
}

/** Spans that have no others below them: they alone say where time went. */
export function leavesOf(spans: CollectedSpan[]): CollectedSpan[] {
  const parents = new Set(spans.map((s) => s.parentSpanId));
  return spans.filter((s) => !parents.has(s.spanId));
}

/** Share of the root's time that the union of the others covers. */
export function coverage(root: CollectedSpan, spans: CollectedSpan[]): number {
  let covered = 0;
  let at = root.start;
  for (const { start, end } of [...spans].sort((a, b) => a.start - b.start)) {
    const [from, to] = [Math.max(at, start), Math.min(end, root.end)];
    if (to > from) {
      covered += to - from;
      at = to;
    }
  }
  return covered / (root.end - root.start);
}
