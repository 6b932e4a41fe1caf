import { describeConfig } from '../../src/config/index.ts';
import { CODES, type ErrorCode } from '../../src/errors/index.ts';
import { STATUS, statusOf } from '../../src/grpc/status.ts';
import { createMetrics } from '../../src/telemetry/metrics.ts';
import { testApp } from './app.ts';

/** Exact binary sizes and durations as people write them; everything else as it is. */
function readable(value: string, kind: string): string {
  const n = Number(value);
  if (kind === 'bytes' && n > 0) {
    for (const [unit, bytes] of [
      ['GiB', 2 ** 30],
      ['MiB', 2 ** 20],
      ['KiB', 2 ** 10],
    ] as const)
      if (n % bytes === 0) return `${n / bytes}${unit}`;
  }
  if (kind === 'milliseconds' && n > 0) {
    for (const [unit, ms] of [
      ['h', 3_600_000],
      ['m', 60_000],
      ['s', 1000],
    ] as const)
      if (n % ms === 0) return `${n / ms}${unit}`;
    return `${n}ms`;
  }
  return value;
}

const table = (header: string[], rows: string[][]): string =>
  [header, header.map(() => '---'), ...rows].map((cells) => `| ${cells.join(' | ')} |`).join('\n');

/** One row per setting, in the order of the schema. */
function configuration(): string {
  const rows = describeConfig().map(({ variable, flag, kind, default: fallback, meaning }) => [
    `\`${variable}\``,
    `\`--${flag}\``,
    fallback === '' ? 'empty' : `\`${readable(fallback, kind)}\``,
    meaning,
  ]);
  return table(['variable', 'flag', 'default', 'meaning'], rows);
}

interface Described {
  name: string;
  help: string;
  labelNames?: string[];
}

/** One row per metric of the service's own, without those of the process and of Node. */
function metrics(): string {
  const rows = createMetrics()
    .registry.getMetricsAsArray()
    .map((metric) => ({ ...(metric as unknown as Described), type: metric.constructor.name.toLowerCase() }))
    .filter(({ name }) => !/^clipn_(process|nodejs)_/.test(name))
    .map(({ name, type, help, labelNames = [] }) => [
      `\`${name}\``,
      type,
      labelNames.map((label) => `\`${label}\``).join(', '),
      help,
    ]);
  return table(['metric', 'type', 'labels', 'meaning'], rows);
}

/** One row per operation, from the OpenAPI document that the service gives. */
async function operations(): Promise<string> {
  const ended: (() => unknown)[] = [];
  const { app } = await testApp({ after: (end: () => unknown) => void ended.push(end) });
  const { paths = {} } = app.swagger() as { paths?: Record<string, Record<string, { summary?: string }>> };
  for (const end of ended) await end();
  const inOrder = Object.entries(paths).sort(([a], [b]) => (a < b ? -1 : 1));
  const rows = inOrder.flatMap(([path, methods]) =>
    Object.entries(methods).map(([method, { summary = '' }]) => [`\`${method.toUpperCase()} ${path}\``, summary]),
  );
  return table(['operation', 'summary'], rows);
}

/** One row per status of gRPC, with the codes that have it. */
function grpcStatuses(): string {
  const codes = Object.keys(CODES) as ErrorCode[];
  const rows = Object.entries(STATUS)
    .map(([name, status]) => [`\`${name}\` (${status})`, codes.filter((code) => statusOf(code) === status)] as const)
    .filter(([, those]) => those.length > 0)
    .map(([name, those]) => [name, those.map((code) => `\`${code}\``).join(', ')]);
  return table(['status', 'codes'], rows);
}

/** Documents with a table that a program writes, between two comments with the table's name. */
export const TABLES = [
  { document: 'docs/configuration.md', name: 'configuration', text: configuration },
  { document: 'docs/observability.md', name: 'metrics', text: metrics },
  { document: 'docs/api.md', name: 'operations', text: operations },
  { document: 'docs/api.md', name: 'grpc-statuses', text: grpcStatuses },
];

/** @returns the document with its table as the program gives it @throws when the document has no place for it */
export async function withTable(document: string, { name, text }: (typeof TABLES)[number]): Promise<string> {
  const section = new RegExp(`<!-- ${name} -->\\n[\\s\\S]*?<!-- /${name} -->`);
  if (!section.test(document)) throw new Error(`the document has no section <!-- ${name} -->`);
  const made = await text();
  return document.replace(section, () => `<!-- ${name} -->\n${made}\n<!-- /${name} -->`);
}
