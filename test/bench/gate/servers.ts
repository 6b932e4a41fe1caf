/**
 * `npm run bench -- gate-servers`: the real gate process in front of real servers, over sockets. Hostile bodies with pictures are sent through it, the
 * server answers with every value that its framework finds, and the audit trail of the gate says which pictures were judged.
 */
import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import fc from 'fast-check';
import { ADAPTERS } from '../../../src/gate/config/schema.ts';
import type { Picture, Sample } from '../../gate/differential/body.ts';
import { hostileBodies } from '../../gate/differential/generator.ts';
import { missing } from '../../gate/differential/harness.ts';
import { nodeValues } from '../../gate/differential/node-parsers.ts';
import { Peer } from '../../gate/differential/peers.ts';
import { decoyOf } from '../../gate/differential/run.ts';
import { ask } from '../../helpers/gate.ts';
import { PYTHON, TRAINED_BUNDLE } from '../../helpers/paths.ts';
import { putTenant, type Service, startService, until } from '../../helpers/service.ts';
import type { Bench } from '../main.ts';
import { TEN } from '../measure/target.ts';
import { table } from '../report.ts';

const PROGRAMS = join(import.meta.dirname, '../../gate/differential');
const FRAMEWORKS = ['node', 'flask', 'django', 'starlette', 'aiohttp'];
type Cleanups = (() => unknown)[];
type Values = [string, string][];
interface Seen {
  by: string;
  format: string;
  sha256: string;
  pixels: string;
}
interface AuditLine {
  request_id: string;
  images: { sha256: string | null }[];
}

/** Node's http with busboy, multer and formidable. */
async function nodeServer(cleanups: Cleanups): Promise<string> {
  const server = createServer(async (request, response) => {
    const chunks: Buffer[] = [];
    for await (const chunk of request) chunks.push(chunk as Buffer);
    const body = Buffer.concat(chunks);
    const type = request.headers['content-type'];
    const headers: Sample['headers'] = type === undefined ? [] : [['content-type', type]];
    const values = await nodeValues({ made: '', path: '', headers, body });
    if (!type?.toLowerCase().startsWith('multipart/form-data')) values.push(['node', body]);
    response.end(JSON.stringify(values.map(([name, value]) => [name, value.toString('base64')])));
  });
  await once(server.listen(0, '127.0.0.1'), 'listening');
  cleanups.unshift(() => server.close().closeAllConnections());
  return `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
}

async function pythonServer(name: string, cleanups: Cleanups): Promise<string> {
  const child: ChildProcess = spawn(PYTHON as string, ['-u', join(PROGRAMS, 'servers.py'), name], {
    stdio: ['ignore', 'pipe', 'ignore'],
    env: { ...process.env, PYTHONDONTWRITEBYTECODE: '1' },
  });
  cleanups.unshift(() => child.kill());
  const [port] = (await Promise.race([
    once(child.stdout as NonNullable<typeof child.stdout>, 'data'),
    once(child, 'exit'),
  ])) as [unknown];
  return `http://127.0.0.1:${String(port).trim()}`;
}

async function gateOf(name: string, upstream: string, dir: string, cleanups: Cleanups): Promise<Service> {
  // every judged picture passes, so that the servers see as many as possible
  const routes = ADAPTERS.map((adapter) => ({
    match: { path: `/${adapter}` },
    mode: 'enforce',
    adapter,
    tenant: 'zoo',
    percent: 0,
    budget_ms: 60_000,
    ...(adapter === 'json' ? { pointers: ['/photo', '/image'] } : {}),
  }));
  const file = join(dir, `${name}.json`);
  const audit = { file: join(dir, `${name}.ndjson`) };
  await writeFile(file, JSON.stringify({ listen: { port: 0 }, upstream: { url: upstream }, routes, audit }));
  const after = { after: (f: () => unknown) => void cleanups.unshift(f) } as Parameters<typeof startService>[0];
  const service = await startService(after, join(dir, name), { CLIPN_BUNDLE: TRAINED_BUNDLE }, [
    'gate',
    '--config',
    file,
  ]);
  await putTenant(service.url, 'zoo', { classes: TEN });
  return service;
}

/** Sends bodies and returns what the server saw in those that passed, by the identifier of the request. */
async function sent(gate: string, samples: readonly Sample[], python: Peer): Promise<Map<string, Seen[]>> {
  const passed = new Map<string, Seen[]>();
  for (const [i, { path, headers, body }] of samples.entries()) {
    const id = `request-${i}`;
    const all: Sample['headers'] = [...headers, ['x-request-id', id], ['content-length', String(body.length)]];
    const answer = await ask(gate, { path, headers: all, body });
    if (answer.header('x-clipn-failure') !== undefined || answer.status >= 400) continue;
    const values = JSON.parse(String(answer.body)) as Values;
    const message = { headers: [], body: '', values, judged: [] };
    passed.set(id, (await python.ask<{ unjudged: Seen[] }>(message)).unjudged);
  }
  return passed;
}

const linesOf = async (file: string): Promise<AuditLine[]> =>
  (await readFile(file, 'utf8').catch(() => ''))
    .split('\n')
    .flatMap((line) => (line.endsWith('}') ? [JSON.parse(line) as AuditLine] : []));

export const gateServers: Bench = async ({ count = 400, seed = 1 }) => {
  if (missing) throw new Error(missing);
  const cleanups: Cleanups = [];
  const dir = await mkdtemp(join(tmpdir(), 'clipn-gate-bench-'));
  try {
    const python = new Peer(PYTHON as string, ['-u', join(PROGRAMS, 'parsers.py')], { PYTHONDONTWRITEBYTECODE: '1' });
    cleanups.push(() => python.close());
    const { pictures: made } = await python.ask<{ pictures: { name: string; base64: string }[] }>({ pictures: true });
    const pictures = made.map(({ name, base64 }): Picture => ({ name, bytes: Buffer.from(base64, 'base64') }));
    const samples = fc.sample(hostileBodies(pictures, decoyOf(pictures)), { numRuns: count, seed });
    const rows: Record<string, unknown>[] = [];
    for (const name of FRAMEWORKS) {
      const upstream = await (name === 'node' ? nodeServer(cleanups) : pythonServer(name, cleanups));
      const { gate, child } = await gateOf(name, upstream, dir, cleanups);
      const passed = await sent(gate as string, samples, python);
      const file = join(dir, `${name}.ndjson`);
      await until('the audit trail is written', 20_000, async () => (await linesOf(file)).length >= count);
      child.kill();
      const judged = new Map((await linesOf(file)).map((line) => [line.request_id, line.images.map((i) => i.sha256)]));
      const faults = [...passed].flatMap(([id, seen]) => {
        const known = seen.filter(({ sha256 }) => judged.get(id)?.includes(sha256)).map(({ pixels }) => pixels);
        // the same pixels in other bytes, such as a file with blanks behind it
        return seen.filter(({ pixels }) => !known.includes(pixels)).map((one) => ({ id, ...one }));
      });
      for (const { id, by, format } of faults)
        console.log(`  ${name}: ${by}, ${format}: ${samples[Number(id.slice(8))]?.made}`);
      const opened = [...passed.values()].filter((seen) => seen.length > 0).length;
      rows.push({ server: name, sent: count, passed: passed.size, opened, unjudged: faults.length });
    }
    table(
      ['server', 'sent', 'answered by it', 'with a picture that it sees', 'pictures not judged'],
      rows.map((r) => Object.values(r).map(String)),
    );
    return rows;
  } finally {
    for (const cleanup of cleanups) await cleanup();
    await rm(dir, { recursive: true, force: true });
  }
};
