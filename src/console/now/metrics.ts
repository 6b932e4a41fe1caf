export interface Sample {
  labels: Record<string, string>;
  value: number;
}

/** One scrape of /metrics. */
export interface Scrape {
  /** Milliseconds. */
  at: number;
  samples: Map<string, Sample[]>;
}

const LINE = /^([a-zA-Z_:][\w:]*)(?:\{(.*)\})?\s+(\S+)/;
const LABEL = /([a-zA-Z_]\w*)="((?:[^"\\]|\\.)*)"/g;
const ESCAPES: Record<string, string> = { n: '\n', '"': '"', '\\': '\\' };

/** Parses the Prometheus text format, and OpenMetrics as far as counters, gauges and histograms have the same form. */
export function parseMetrics(text: string): Scrape['samples'] {
  const samples = new Map<string, Sample[]>();
  for (const line of text.split('\n')) {
    const [, name, labelText = '', number = ''] = line.startsWith('#') ? [] : (LINE.exec(line) ?? []);
    if (name === undefined) continue;
    const labels: Record<string, string> = {};
    for (const [, key = '', value = ''] of labelText.matchAll(LABEL)) {
      labels[key] = value.replace(/\\(.)/g, (_, c: string) => ESCAPES[c] ?? c);
    }
    const value = number === '+Inf' ? Number.POSITIVE_INFINITY : Number(number);
    const known = samples.get(name);
    if (known) known.push({ labels, value });
    else samples.set(name, [{ labels, value }]);
  }
  return samples;
}

export type Match = (labels: Record<string, string>) => boolean;

export const every: Match = () => true;
export const where =
  (wanted: Record<string, string>): Match =>
  (labels) =>
    Object.entries(wanted).every(([name, value]) => labels[name] === value);

const matching = (scrape: Scrape, name: string, match: Match) =>
  (scrape.samples.get(name) ?? []).filter((s) => match(s.labels));

export function total(scrape: Scrape, name: string, match: Match = every): number {
  return matching(scrape, name, match).reduce((sum, s) => sum + s.value, 0);
}

/** The values of a label. */
export function labelValues(scrape: Scrape, name: string, label: string): string[] {
  return [...new Set((scrape.samples.get(name) ?? []).flatMap((s) => s.labels[label] ?? []))].sort();
}

/** Increase of a counter. If the counter is lower than before, it was reset, and its whole value is new. */
export function increase(from: Scrape, to: Scrape, name: string, match: Match = every): number {
  const keyOf = (labels: Record<string, string>) => JSON.stringify(Object.entries(labels).sort());
  const before = new Map((from.samples.get(name) ?? []).map((s) => [keyOf(s.labels), s.value]));
  return matching(to, name, match).reduce((sum, { labels, value }) => {
    const old = before.get(keyOf(labels)) ?? 0;
    return sum + (value >= old ? value - old : value);
  }, 0);
}

export function perSecond(from: Scrape, to: Scrape, name: string, match: Match = every): number {
  return to.at > from.at ? increase(from, to, name, match) / ((to.at - from.at) / 1000) : 0;
}

/** Mean of a histogram's observations between two scrapes; undefined if there were none. */
export function mean(from: Scrape, to: Scrape, name: string, match: Match = every): number | undefined {
  const n = increase(from, to, `${name}_count`, match);
  return n > 0 ? increase(from, to, `${name}_sum`, match) / n : undefined;
}

/**
 * A quantile of a histogram's observations between two scrapes, as Prometheus estimates it: linear inside a bucket, and the highest finite
 * bound for observations above it. Undefined if there were no observations.
 */
export function quantile(from: Scrape, to: Scrape, name: string, q: number, match: Match = every): number | undefined {
  const bounds = labelValues(to, `${name}_bucket`, 'le')
    .map((le) => ({ le, bound: le === '+Inf' ? Number.POSITIVE_INFINITY : Number(le) }))
    .sort((a, b) => a.bound - b.bound);
  const counts = bounds.map(({ le }) => increase(from, to, `${name}_bucket`, (l) => l['le'] === le && match(l)));
  const n = counts.at(-1) ?? 0;
  if (n === 0) return undefined;
  const rank = q * n;
  const at = counts.findIndex((c) => c >= rank);
  const upper = bounds[at]?.bound ?? Number.POSITIVE_INFINITY;
  const lower = bounds[at - 1]?.bound ?? 0;
  if (upper === Number.POSITIVE_INFINITY) return lower;
  const below = counts[at - 1] ?? 0;
  const inside = (counts[at] as number) - below;
  return inside === 0 ? upper : lower + (upper - lower) * ((rank - below) / inside);
}
