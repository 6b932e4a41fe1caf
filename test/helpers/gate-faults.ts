import { once } from 'node:events';
import { writeFile } from 'node:fs/promises';
import { Agent, createServer, request as httpRequest, type IncomingMessage, type ServerResponse } from 'node:http';
import { connect } from 'node:net';
import { join } from 'node:path';
import type { TestContext } from 'node:test';
import { setTimeout as sleep } from 'node:timers/promises';
import { listen } from './gate.ts';
import { type Service, startService, until } from './service.ts';

type After = Pick<TestContext, 'after'>;

export interface GateInFront {
  service: Service;
  gate: string;
  /** Request ids that the upstream has seen, and the verdict that each came with. */
  seen: Map<string, string>;
  /** Answers of the upstream to `/slow`, which it leaves to the caller. */
  held: ServerResponse[];
}

/** The real gate and engine in front of an upstream that notes what reaches it. */
export async function gateInFront(
  t: After,
  dir: string,
  fail: 'open' | 'closed',
  more: object = {},
): Promise<GateInFront> {
  const seen = new Map<string, string>();
  const held: ServerResponse[] = [];
  const server = createServer((request, response) => {
    if (request.url === '/slow') return void held.push(response);
    seen.set(String(request.headers['x-request-id']), String(request.headers['x-clipn-verdict']));
    request.on('error', () => {});
    request.resume().on('end', () => response.end('{"predictions":[1]}'));
  });
  const url = await listen(t, server);
  const file = join(dir, 'gate.json');
  const route = { match: { path: '/predict' }, adapter: 'raw', mode: 'enforce', fail, budget_ms: 5000, ...more };
  await writeFile(file, JSON.stringify({ listen: { port: 0 }, upstream: { url }, routes: [route] }));
  const service = await startService(t, dir, {}, ['gate', '--config', file]);
  return { service, gate: service.gate as string, seen, held };
}

export interface KillOutcome {
  kills: number;
  sent: number;
  answered: number;
  statuses: Record<number, number>;
  /** Requests that were answered with the upstream's 200, and those that reached it. */
  passed: number;
  reached: number;
  /** Reached the upstream without a verdict. */
  unchecked: number;
  /** Had no verdict, as the gate says. */
  failures: number;
}

/** Kills the engine with -9 again and again while images are sent: for so many seconds, or so many times and until verdicts follow the last one. */
export async function killUnderLoad(
  { service, gate, seen }: GateInFront,
  {
    images,
    seconds = Number.POSITIVE_INFINITY,
    kills = Number.POSITIVE_INFINITY,
    everySeconds,
    connections,
  }: { images: Buffer[]; seconds?: number; kills?: number; everySeconds: number; connections: number },
): Promise<KillOutcome> {
  const agent = new Agent({ keepAlive: true, maxSockets: connections });
  const { hostname, port } = new URL(gate);
  const outcome: KillOutcome = {
    kills: 0,
    sent: 0,
    answered: 0,
    statuses: {},
    passed: 0,
    reached: 0,
    unchecked: 0,
    failures: 0,
  };
  const end = Date.now() + seconds * 1000;
  let enough = false;
  const client = async () => {
    while (Date.now() < end && !enough) {
      const n = outcome.sent++;
      const body = images[n % images.length] as Buffer;
      const headers = { 'x-request-id': `r${n}`, 'content-type': 'image/jpeg', 'content-length': body.length };
      const request = httpRequest({ agent, hostname, port, method: 'POST', path: '/predict', headers });
      request.end(body);
      const [response] = (await once(request, 'response')) as [IncomingMessage];
      const { statusCode: status = 0 } = response;
      await once(response.resume(), 'end');
      outcome.answered++;
      outcome.statuses[status] = (outcome.statuses[status] ?? 0) + 1;
      if (status === 200) outcome.passed++;
      if (response.headers['x-clipn-failure'] !== undefined) outcome.failures++;
      // the processor is the engine's to start with, not that of clients who get no verdicts
      if (response.headers['x-clipn-failure'] !== undefined) await sleep(50);
    }
  };
  let killed = 0;
  const verdicts = () => outcome.answered - outcome.failures;
  const killer = async () => {
    while (Date.now() + everySeconds * 1000 < end && outcome.kills < kills) {
      await sleep(everySeconds * 1000);
      const pid = service.enginePid();
      // not yet back from the time before: killed as soon as it is
      if (pid === killed)
        await until('another engine', 30_000, () => service.enginePid() !== killed || Date.now() > end);
      if (service.enginePid() === killed) return;
      killed = service.enginePid();
      process.kill(killed, 'SIGKILL');
      outcome.kills++;
    }
    if (outcome.kills < kills) return;
    const before = verdicts();
    await until('verdicts after the last kill', 30_000, () => verdicts() >= before + 20).finally(() => {
      enough = true;
    });
  };
  await Promise.all([killer(), ...Array.from({ length: connections }, client)]);
  agent.destroy();
  outcome.reached = seen.size;
  outcome.unchecked = [...seen.values()].filter((verdict) => verdict !== 'id').length;
  return outcome;
}

/** Uploads that are interrupted: before the body, in it, and while the verdict is computed. */
export async function abortUploads({ gate, service }: GateInFront, count: number): Promise<void> {
  const port = Number(new URL(gate).port);
  let left = count;
  const client = async () => {
    while (left-- > 0) {
      const socket = connect(port, '127.0.0.1');
      socket.on('error', () => {});
      await once(socket, 'connect');
      const length = left % 3 === 2 ? 20_000 : 100_000;
      const head = `POST /${left % 5 ? 'predict' : 'other'} HTTP/1.1\r\nHost: a\r\nContent-Length: ${length}\r\n\r\n`;
      socket.write(head);
      if (left % 3 !== 0) socket.write(Buffer.alloc(20_000, 7));
      await sleep(left % 4);
      socket.destroy();
    }
  };
  await Promise.all(Array.from({ length: 20 }, client));
  // nothing hangs: it continues to answer, and holds neither connections nor bodies
  const answer = await fetch(`${gate}/health`);
  if (answer.status !== 200) throw new Error(`the upstream's answer is ${answer.status}`);
  await answer.text();
  await until('the gate to release all memory and connections', 20_000, async () => {
    const { connections, buffered } = await held(service.url);
    return connections <= 2 && buffered === 0;
  });
}

async function held(url: string): Promise<{ connections: number; buffered: number }> {
  const text = await (await fetch(`${url}/metrics`)).text();
  const value = (name: string) => Number(new RegExp(`^${name} (.*)$`, 'm').exec(text)?.[1]);
  return { connections: value('clipn_gate_connections'), buffered: value('clipn_gate_buffered_bytes') };
}

/** Resident bytes of the gate's process. */
export async function memoryOf({ service }: GateInFront): Promise<number> {
  const text = await (await fetch(`${service.url}/metrics`)).text();
  return Number(/^clipn_process_resident_memory_bytes (.*)$/m.exec(text)?.[1]);
}
