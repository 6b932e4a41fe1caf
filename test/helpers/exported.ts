import { createMetrics } from '../../src/telemetry/metrics.ts';

/** Series that the service exports, with the labels that each may have. */
export async function exportedSeries(): Promise<Map<string, Set<string>>> {
  const series = new Map<string, Set<string>>();
  for (const metric of createMetrics().registry.getMetricsAsArray()) {
    const { name, type, labelNames = [] } = metric as unknown as { name: string; type?: string; labelNames?: string[] };
    const histogram = metric.constructor.name === 'Histogram' || type === 'histogram';
    const labels = new Set(labelNames);
    if (!histogram) series.set(name, labels);
    else for (const suffix of ['_bucket', '_sum', '_count']) series.set(name + suffix, new Set([...labels, 'le']));
  }
  return series;
}

/** Labels that Prometheus adds to every series. */
const ADDED = new Set(['job', 'instance', 'namespace', 'pod']);

/** Faults of an expression in PromQL: series that are not exported, labels that they do not have. */
export function faultsOf(expression: string, series: Map<string, Set<string>>): string[] {
  return [...expression.matchAll(/\b(clipn_\w+)(\{[^}]*\})?/g)].flatMap(([, name = '', selector = '']) => {
    const labels = series.get(name);
    if (!labels) return [`${name} is not exported`];
    const used = [...selector.matchAll(/(\w+)\s*(?:=~|!~|!=|=)\s*"/g)].map(([, label]) => label as string);
    return used.filter((l) => !labels.has(l) && !ADDED.has(l)).map((l) => `${name} has no label ${l}`);
  });
}
