/** Four connections that send costly bodies to a service and its gate, in a process of their own. Commands: start, stop, report. */
import { Connection } from '../load/connection.ts';
import { WORST } from './worst-bodies.ts';

export interface HostileReport {
  name: string;
  sent: number;
  answers: string;
  /** Milliseconds from the first byte that was sent to the answer. */
  slowest: number;
}

const CONNECTIONS = 4;
const ELEMENTS = 10e6;
const CHUNK = 65_536;
const MiB = 2 ** 20;
const JSON_TYPE = 'application/json';
const [service, gate] = process.argv.slice(2) as [string, string];

interface Body {
  name: string;
  url: string;
  path: string;
  contentType: string;
  parts: Buffer[];
}

/** Ten million elements; the same chunk is sent again and again. */
function elements(name: string, url: string, path: string, head: string, piece: string, tail: string): Body {
  const chunk = Buffer.from(piece.repeat(Math.ceil(CHUNK / piece.length)));
  const count = Math.ceil((ELEMENTS * piece.length) / chunk.length);
  const parts = [Buffer.from(head), ...Array<Buffer>(count).fill(chunk), Buffer.from(tail)];
  return { name: `ten million: ${name}`, url, path, contentType: JSON_TYPE, parts };
}

const BODIES: Body[] = [
  elements('images', service, '/v1/detect', '{"images":[', '0,', '0]}'),
  elements('lists', service, '/v1/detect', '{"images":[', '[],', '[]]}'),
  elements('objects', service, '/v1/detect', '{"images":[', '{},', '{}]}'),
  elements('outputs', service, '/v2/models/demo/infer', '{"inputs":[],"outputs":[', '{},', '{}]}'),
  elements('inputs', service, '/v2/models/demo/infer', '{"inputs":[', '0,', '0]}'),
  elements('classes', service, '/v1/tenants/demo/check', '{"classes":[', '0,', '0]}'),
  elements('numbers at the gate', gate, '/classify', '{"images":[', '0,', '0]}'),
  elements('numbers at pointers', gate, '/json', '{"x":[', '0,', '0]}'),
  elements('objects at the gate', gate, '/classify', '{"a":[', '{"b":1},', '0]}'),
  elements('lists at the gate', gate, '/classify', '{"a":[', '[0],', '0]}'),
  ...WORST.flatMap(({ kind, type, make }) =>
    ['/classify', '/json'].map((path) => ({
      name: `${path} ${kind}`,
      url: gate,
      path,
      contentType: type,
      parts: [make(MiB)],
    })),
  ),
];

const results = new Map<string, { sent: number; answers: Map<number, number>; slowest: number }>();
let running = false;
let next = 0;
let clients: Promise<void>[] = [];

async function client(): Promise<void> {
  const open = new Map<string, Connection>();
  while (running) {
    const { name, url, path, contentType, parts } = BODIES[next++ % BODIES.length] as Body;
    const connection = open.get(url) ?? new Connection(url);
    open.set(url, connection);
    const began = performance.now();
    const reply = await connection.post({ path, contentType, body: parts }).catch(() => ({ status: 0 }));
    const result = results.get(name) ?? { sent: 0, answers: new Map(), slowest: 0 };
    results.set(name, result);
    result.sent++;
    result.answers.set(reply.status, (result.answers.get(reply.status) ?? 0) + 1);
    result.slowest = Math.max(result.slowest, performance.now() - began);
  }
  for (const connection of open.values()) connection.close();
}

process.on('message', async (command) => {
  if (command === 'start') {
    running = true;
    clients = Array.from({ length: CONNECTIONS }, client);
  } else if (command === 'stop') {
    running = false;
    await Promise.all(clients);
    process.send?.('stopped');
  } else {
    const report: HostileReport[] = [...results].map(([name, { sent, answers, slowest }]) => ({
      name,
      sent,
      answers: [...answers].map(([status, n]) => `${n} x ${status}`).join(', '),
      slowest,
    }));
    process.send?.(report);
  }
});
process.on('disconnect', () => process.exit());
process.send?.('ready');
