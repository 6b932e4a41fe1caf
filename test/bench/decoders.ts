/**
 * `npm run bench -- decoders`: images/s of the threads that decode for a device, without the device: one thread and one for each core in one
 * process, and one thread each in as many processes. The number of images that a thread takes at a time is compared, too.
 */
import { spawn } from 'node:child_process';
import { createInterface } from 'node:readline';
import { fileURLToPath } from 'node:url';
import { usableCores } from '../../src/engine/index.ts';
import { sized } from './load/pictures.ts';
import type { Bench } from './main.ts';
import type { DecodersInput, DecodersRate } from './measure/decoders-process.ts';
import { fixed, table } from './report.ts';

const PROGRAM = fileURLToPath(new URL('./measure/decoders-process.ts', import.meta.url));
const REGISTER = new URL('./measure/register-tsx.mjs', import.meta.url).href;

export interface Decoders {
  bundle: string;
  processes: number;
  /** In each process. */
  threads: number;
  atOnce: number;
  /** Threads of libuv's pool in each process; 0 for as many as the front process gives an engine. */
  pool: number;
  seconds: number;
  jpegs: Buffer[];
}

/** Images/s of all processes together; they begin at the same moment. */
export async function decodersRate({
  processes,
  pool,
  jpegs,
  ...rest
}: Decoders): Promise<{ imagesPerSecond: number; cpuMs: number }> {
  const input: DecodersInput = { ...rest, jpegs: jpegs.map((jpeg) => jpeg.toString('base64')) };
  // libuv's pool as the front process sizes it for an engine
  const env = { ...process.env, UV_THREADPOOL_SIZE: String(pool || Math.max(2, rest.threads)) };
  const children = Array.from({ length: processes }, () => {
    const child = spawn(process.execPath, ['--import', REGISTER, PROGRAM], { stdio: ['pipe', 'pipe', 'inherit'], env });
    child.stdin.write(`${JSON.stringify(input)}\n`);
    return { child, lines: createInterface({ input: child.stdout })[Symbol.asyncIterator]() };
  });
  const line = async ({ lines }: (typeof children)[number]) => {
    const { value, done } = await lines.next();
    if (done) throw new Error('a process of decoders ended early');
    return String(value);
  };
  await Promise.all(children.map(line));
  for (const { child } of children) child.stdin.end('go\n');
  const rates = await Promise.all(children.map(async (c) => JSON.parse(await line(c)) as DecodersRate));
  const images = rates.reduce((sum, rate) => sum + rate.images, 0);
  return {
    imagesPerSecond: rates.reduce((sum, rate) => sum + rate.images / rate.seconds, 0),
    cpuMs: rates.reduce((sum, rate) => sum + rate.cpuMs * rate.images, 0) / images,
  };
}

export const decoders: Bench = async ({ bundle, seconds = 4 }) => {
  const cores = usableCores();
  const { name, jpegs } = await sized(500, 375, 48);
  const way = (processes: number, threads: number, atOnce: number, pool: number) => {
    const label = `${processes} x ${threads} threads, ${atOnce} at a time each, pool of ${pool}`;
    return [label, { processes, threads, atOnce, pool }] as const;
  };
  const ways = [
    way(1, 1, 1, 2),
    way(1, cores, 1, cores),
    way(1, cores, 1, 2 * cores),
    way(1, cores, 4, cores),
    way(1, cores, 4, 2 * cores),
    way(cores, 1, 1, 2),
    way(cores, 1, 4, 2),
  ];
  const results: Record<string, { imagesPerSecond: number; cpuMs: number }> = {};
  for (const [label, given] of ways) results[label] = await decodersRate({ bundle, seconds, jpegs, ...given });
  console.log(`JPEG ${name}, ${cores} cores`);
  const first = Object.values(results)[0]?.imagesPerSecond as number;
  table(
    ['processes x decoders', 'images/s', 'CPU ms', 'times one thread'],
    Object.entries(results).map(([label, r]) => [
      label,
      fixed(r.imagesPerSecond, 0),
      fixed(r.cpuMs, 2),
      fixed(r.imagesPerSecond / first, 2),
    ]),
  );
  return results;
};
