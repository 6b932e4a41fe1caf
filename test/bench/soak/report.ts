import { readFileSync } from 'node:fs';
import type { MemoryParts } from '../measure/memory-parts.ts';
import { fixed, megabytes, table } from '../report.ts';

/** A line of the file. */
export interface Sample {
  run: string;
  requests: number;
  of: number;
  seconds: number;
  /** Some time after the last request. */
  idle: boolean;
  front: MemoryParts;
  engine: MemoryParts;
  /** Bytes of tenants' features in the engine; a part of its arrays. */
  heads: number;
  enginePid: number;
  /** Answers since the start, by kind and status. */
  answers: Record<string, number>;
}

/** A quantity of a sample that may grow, bytes. */
type Quantity = (sample: Sample) => number;

const PROCESSES = ['front', 'engine'] as const;
/** Memory outside V8: code, models, libraries, and memory that the allocator keeps. */
const rest = ({ resident, heapTaken, arrays }: MemoryParts) => resident - heapTaken - arrays;
const QUANTITIES: [name: string, of: Quantity][] = [
  ...PROCESSES.flatMap((process): [string, Quantity][] => [
    [`${process}, resident`, (s) => s[process].resident],
    [`${process}, objects in V8's heaps`, (s) => s[process].heap],
    [`${process}, these heaps`, (s) => s[process].heapTaken],
    [`${process}, buffers and arrays`, (s) => s[process].arrays],
    [`${process}, the rest`, (s) => rest(s[process])],
  ]),
  ["tenants' features in the engine", (s) => s.heads],
];

/** Slope of the line of least squares, bytes per request. */
function slope(points: [requests: number, bytes: number][]): number {
  const mean = (of: (point: [number, number]) => number) => points.reduce((sum, p) => sum + of(p), 0) / points.length;
  const [x, y] = [mean(([requests]) => requests), mean(([, bytes]) => bytes)];
  return mean(([requests, bytes]) => (requests - x) * (bytes - y)) / mean(([requests]) => (requests - x) ** 2);
}

/** Medians after the first tenth and at the end, the growth between them and per 10,000 requests after the first tenth and in the second half. */
function growth(samples: Sample[], of: Quantity) {
  const busy = samples.filter(({ idle }) => !idle);
  const last = busy.at(-1) as Sample;
  const between = (from: number, to: number) =>
    busy.filter((s) => s.requests >= from * last.requests && s.requests <= to * last.requests);
  const median = (some: Sample[]) => some.map(of).sort((a, b) => a - b)[some.length >> 1] ?? Number.NaN;
  const per10000 = (some: Sample[]) => 10_000 * slope(some.map((s) => [s.requests, of(s)]));
  const [early, late] = [median(between(0.1, 0.15)), median(between(0.95, 1))];
  const afterIdle = samples.findLast(({ idle }) => idle);
  return {
    early,
    late,
    growth: late / early - 1,
    per10000: per10000(between(0.1, 1)),
    lastPer10000: per10000(between(0.5, 1)),
    peak: Math.max(...samples.map(of)),
    idle: afterIdle ? of(afterIdle) : Number.NaN,
  };
}

/** Prints and returns the last run in the file. */
export function report(file: string) {
  const lines = readFileSync(file, 'utf8').trimEnd().split('\n');
  const samples = lines.map((line) => JSON.parse(line) as Sample);
  const last = samples.at(-1) as Sample;
  const mine = samples.filter((s) => s.run === last.run);
  const end = mine.findLast(({ idle }) => !idle) as Sample;
  const memory = Object.fromEntries(QUANTITIES.map(([name, of]) => [name, growth(mine, of)]));
  console.log(
    `\n${end.requests} of ${end.of} requests in ${fixed(end.seconds, 0)} s, ${fixed(end.requests / end.seconds, 0)}/s`,
  );
  const signed = (bytes: number) => `${bytes < 0 ? '' : '+'}${fixed(bytes / 2 ** 20)}`;
  table(
    [
      'MiB',
      'after the first tenth',
      'at the end',
      'growth',
      'per 10,000 requests',
      'in the second half',
      'peak',
      'idle',
    ],
    Object.entries(memory).map(([name, g]) => [
      name,
      megabytes(g.early),
      megabytes(g.late),
      `${fixed(100 * g.growth)} %`,
      signed(g.per10000),
      signed(g.lastPer10000),
      megabytes(g.peak),
      megabytes(g.idle),
    ]),
  );
  table(['answers', ''], Object.entries(last.answers));
  const engines = new Set(mine.map((s) => s.enginePid)).size;
  if (engines > 1) console.log(`the engine was restarted: ${engines} processes`);
  const { requests, of, seconds, answers } = end;
  return { requests, of, seconds, answers, engines, memory };
}
