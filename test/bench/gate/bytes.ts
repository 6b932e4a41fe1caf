/**
 * `npm run bench -- bytes`: processor time per byte of a body, of the gate's reading and of /v1/detect's JSON, for the worst bodies
 * of each kind beside a plain body of that kind and size. The bar is five times. For information, beside a body that clients send often, too.
 */
import type { TestContext } from 'node:test';
import { type ReadOptions, readRequest } from '../../../src/gate/reading/index.ts';
import { testApp } from '../../helpers/app.ts';
import { photographsOrMade } from '../load/pictures.ts';
import type { Bench } from '../main.ts';
import { fixed, table } from '../report.ts';
import { ordinaryBodies, plainBodies, WORST } from './worst-bodies.ts';

const SIZE = 1 << 20;
const BAR = 5;
const BLOCK_MS = 50;
const LIMITS = { maxImages: 64, maxBodyBytes: 1 << 26 };

interface Cost {
  /** Nanoseconds of processor time per byte. */
  perByte: number;
  /** Longest time without a turn of the event loop, milliseconds. */
  block: number;
}

type Read = (body: Buffer, type: string) => Promise<unknown>;

/** The least of three runs, because other work on the machine only adds. */
async function cost(read: Read, body: Buffer, type: string): Promise<Cost> {
  let perByte = Number.POSITIVE_INFINITY;
  let block = Number.POSITIVE_INFINITY;
  for (let run = 0; run < 3; run++) {
    let last = performance.now();
    let longest = 0;
    const tick = () => {
      longest = Math.max(longest, performance.now() - last);
      last = performance.now();
    };
    const timer = setInterval(tick, 1);
    const before = process.cpuUsage();
    await read(body, type);
    const { user, system } = process.cpuUsage(before);
    await new Promise((resolve) => setTimeout(resolve, 2));
    clearInterval(timer);
    perByte = Math.min(perByte, ((user + system) * 1000) / body.length);
    block = Math.min(block, longest);
    if (user + system > 2e6) break;
  }
  return { perByte, block };
}

const gate =
  (options: Pick<ReadOptions, 'adapter' | 'pointers'>): Read =>
  (body, type) =>
    readRequest({ body, headers: { 'content-type': type } }, { ...options, ...LIMITS });

export const bytes: Bench = async ({ only }) => {
  const cleanups: (() => unknown)[] = [];
  const { app } = await testApp({ after: (f: () => unknown) => void cleanups.push(f) } as unknown as TestContext, {
    maxBodyBytes: LIMITS.maxBodyBytes,
    maxBodiesBytes: LIMITS.maxBodyBytes * 4,
    maxImageBytes: LIMITS.maxBodyBytes,
  });
  const readers: Record<string, Read> = {
    auto: gate({ adapter: 'auto' }),
    'tf-serving': gate({ adapter: 'tf-serving' }),
    json: gate({ adapter: 'json', pointers: ['/x/*', '/images/*/data'] }),
    detect: (payload, type) =>
      app.inject({ method: 'POST', url: '/v1/detect', payload, headers: { 'content-type': type } }),
  };
  try {
    const { jpegs } = await photographsOrMade();
    const plain = plainBodies(jpegs[0] as Buffer, SIZE);
    const ordinary = ordinaryBodies(SIZE);
    const rows: { reader: string; kind: string; ratio: number; often: number; perByte: number; block: number }[] = [];
    for (const [reader, read] of Object.entries(readers)) {
      const base: Record<string, Cost> = {};
      const common: Record<string, Cost> = {};
      for (const [name, { body, type }] of Object.entries(ordinary)) common[name] = await cost(read, body, type);
      const often = (name: string, { perByte }: Cost) => perByte / (common[name] as Cost).perByte;
      for (const [name, { body, type }] of Object.entries(plain)) {
        const found = await cost(read, body, type);
        base[name] = found;
        rows.push({ reader, kind: `plain ${name}`, ratio: 1, often: often(name, found), ...found });
      }
      for (const [name, found] of Object.entries(common)) {
        const ratio = found.perByte / (base[name] as Cost).perByte;
        rows.push({ reader, kind: `ordinary ${name}`, ratio, often: 1, ...found });
      }
      for (const { kind, plain: name, type, make } of WORST) {
        if (only !== undefined && kind !== only) continue;
        // /v1/detect reads JSON itself; forms are another parser's
        if (reader === 'detect' && name !== 'json') continue;
        const found = await cost(read, make(SIZE), type);
        // on standard error at once, because a kind that takes minutes would otherwise not be named
        console.error(`${reader}, ${kind}: ${fixed(found.perByte, 1)} ns per byte, block ${fixed(found.block, 0)} ms`);
        const ratio = found.perByte / (base[name] as Cost).perByte;
        rows.push({ reader, kind, ratio, often: often(name, found), ...found });
      }
    }
    table(
      ['reader', 'body of 1 MiB', 'ns per byte', 'of plain', 'of ordinary', 'longest block ms', ''],
      rows.map((r) => [
        r.reader,
        r.kind,
        fixed(r.perByte, 2),
        fixed(r.ratio, 2),
        fixed(r.often, 2),
        fixed(r.block, 0),
        r.ratio > BAR || r.block > BLOCK_MS ? 'above the bar' : '',
      ]),
    );
    return rows;
  } finally {
    for (const cleanup of cleanups) await cleanup();
  }
};
