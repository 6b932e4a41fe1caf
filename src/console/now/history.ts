import { signal } from '@preact/signals';
import { call, pause } from '../api/client.ts';
import { type ApiError, asProblem } from '../api/problem.ts';
import { increase, mean, parseMetrics, perSecond, quantile, type Scrape, total, where } from './metrics.ts';

export const EVERY_MS = 2000;
/** Rates and quantiles cover the last scrapes together, because one scrape interval has too few requests. */
const WINDOW = 5;
/** Five minutes. */
const KEPT = 150;

/** One moment of the charts. A value is undefined if there was nothing to measure. */
export interface Moment {
  at: number;
  requests: number;
  errors: number;
  p50: number | undefined;
  p95: number | undefined;
  p99: number | undefined;
  images: number;
  queue: number;
  batch: number | undefined;
  hits: number | undefined;
  ood: number | undefined;
}

const ROUTE = '/v1/detect';

export function momentOf(from: Scrape, to: Scrape): Moment {
  const detect = where({ route: ROUTE });
  const latency = (q: number) => quantile(from, to, 'clipn_request_duration_seconds', q, detect);
  const lookups = increase(from, to, 'clipn_cache_requests_total');
  const verdicts = increase(from, to, 'clipn_decisions_total');
  return {
    at: to.at,
    requests: perSecond(from, to, 'clipn_requests_total', detect),
    errors: perSecond(from, to, 'clipn_requests_total', (l) => l['route'] === ROUTE && Number(l['status']) >= 400),
    p50: latency(0.5),
    p95: latency(0.95),
    p99: latency(0.99),
    images: perSecond(from, to, 'clipn_batch_size_sum'),
    queue: total(to, 'clipn_queue_depth'),
    batch: mean(from, to, 'clipn_batch_size'),
    hits:
      lookups > 0 ? increase(from, to, 'clipn_cache_requests_total', where({ result: 'hit' })) / lookups : undefined,
    ood: verdicts > 0 ? increase(from, to, 'clipn_decisions_total', where({ decision: 'ood' })) / verdicts : undefined,
  };
}

export const moments = signal<Moment[]>([]);
/** The oldest scrape of the last five minutes and the newest, for tables. */
export const span = signal<{ from: Scrape; to: Scrape } | undefined>();
export const metricsProblem = signal<ApiError | undefined>();

let scrapes: Scrape[] = [];

/** Scrapes until the signal is aborted, while the page is visible. Earlier scrapes are kept. */
export async function watchMetrics(signal: AbortSignal): Promise<void> {
  while (!signal.aborted) {
    if (document.visibilityState === 'visible') await scrape(signal);
    await pause(EVERY_MS, signal).catch(() => {});
  }
}

async function scrape(signal: AbortSignal): Promise<void> {
  try {
    const response = await call('metrics', { signal });
    const next: Scrape = { at: Date.now(), samples: parseMetrics(await response.text()) };
    scrapes = [...scrapes, next].slice(-KEPT);
    const from = scrapes.at(-1 - WINDOW) ?? (scrapes[0] as Scrape);
    if (from !== next) moments.value = [...moments.value, momentOf(from, next)].slice(-KEPT);
    span.value = { from: scrapes[0] as Scrape, to: next };
    metricsProblem.value = undefined;
  } catch (error) {
    if (!signal.aborted) metricsProblem.value = asProblem(error);
  }
}
