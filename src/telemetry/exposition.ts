export const OPEN_METRICS = 'application/openmetrics-text; version=1.0.0; charset=utf-8';
export const TEXT = 'text/plain; version=0.0.4; charset=utf-8';

/** Quality value of a media type in an Accept field; 0 if it is not named. */
function weightOf(accept: string, type: string): number {
  const range = accept.split(',').find((part) => part.trim().toLowerCase().startsWith(type));
  if (range === undefined) return 0;
  return Number(/;\s*q=([\d.]+)/i.exec(range)?.[1] ?? 1);
}

/** The format for a scraper, by its Accept field: the text format, unless the field names OpenMetrics and prefers it or has no preference. */
export function expositionFor(accept = ''): typeof OPEN_METRICS | typeof TEXT {
  const open = weightOf(accept, 'application/openmetrics-text');
  return open > 0 && open >= weightOf(accept, 'text/plain') ? OPEN_METRICS : TEXT;
}

/**
 * Converts OpenMetrics to the older text format: no exemplars, no end mark, full names of counters. The registry renders one format only (in
 * the other one it would change the names of counters permanently).
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
