export const OPEN_METRICS = 'application/openmetrics-text; version=1.0.0; charset=utf-8';
export const TEXT = 'text/plain; version=0.0.4; charset=utf-8';

/** How much a type is wanted by an Accept field, 0 where it is not named. */
function weightOf(accept: string, type: string): number {
  const range = accept.split(',').find((part) => part.trim().toLowerCase().startsWith(type));
  if (range === undefined) return 0;
  return Number(/;\s*q=([\d.]+)/i.exec(range)?.[1] ?? 1);
}

/** What a scraper reads, by its Accept field: the older text only where it is asked for, and more than OpenMetrics. */
export function expositionFor(accept = ''): typeof OPEN_METRICS | typeof TEXT {
  return weightOf(accept, 'text/plain') > weightOf(accept, 'application/openmetrics-text') ? TEXT : OPEN_METRICS;
}

/**
 * OpenMetrics in the older text format: no exemplars, no end mark, and counters called in full. The registry renders one format only (in
 * the other it would take the endings of counters' names for good).
 */
export function toText(openMetrics: string): string {
  const lines: string[] = [];
  for (const line of openMetrics.split('\n')) {
    if (line === '# EOF') continue;
    const [, name] = /^# TYPE (\S+) counter$/.exec(line) ?? [];
    if (name !== undefined) {
      // HELP comes right before
      const help = lines.pop() as string;
      lines.push(help.replace(`# HELP ${name} `, `# HELP ${name}_total `), `# TYPE ${name}_total counter`);
    } else lines.push(line.startsWith('#') ? line : line.replace(/ # \{[^}]*\} \S+ \S+$/, ''));
  }
  return lines.join('\n');
}
