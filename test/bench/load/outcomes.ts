import type { Reply } from './connection.ts';

export interface Timing {
  decode: number;
  queue: number;
  inference: number;
  total: number;
}

/** Outcomes of requests: times in milliseconds. */
export class Outcomes {
  /** Latencies by status; 0 stands for a connection that broke. */
  readonly latencies = new Map<number, number[]>();
  readonly timings: Timing[] = [];
  /** When the answers of status 200 came, on the clock of performance.now(). */
  readonly answeredAt: number[] = [];
  /** Statuses and bodies of the first few other answers, to be shown. */
  readonly oddities: Reply[] = [];

  add(reply: Reply, latency: number): void {
    const list = this.latencies.get(reply.status);
    if (list) list.push(latency);
    else this.latencies.set(reply.status, [latency]);
    if (reply.status === 200) {
      this.answeredAt.push(performance.now());
      // the last member of the reply; parsing all of it would cost the client more than sending
      const at = reply.body.lastIndexOf('"timing_ms":');
      if (at >= 0) this.timings.push(JSON.parse(reply.body.slice(at + 12, -1)));
    } else if (this.oddities.length < 5) this.oddities.push(reply);
  }

  of(status: number): number[] {
    return this.latencies.get(status) ?? [];
  }

  count(status?: number): number {
    if (status !== undefined) return this.of(status).length;
    return [...this.latencies.values()].reduce((sum, list) => sum + list.length, 0);
  }

  /** Status -> how many. */
  get statuses(): Record<string, number> {
    return Object.fromEntries([...this.latencies].map(([status, list]) => [status, list.length]));
  }

  mean(stage: keyof Timing): number {
    return this.timings.reduce((sum, timing) => sum + timing[stage], 0) / this.timings.length;
  }
}

export function quantile(values: readonly number[], q: number): number {
  const sorted = [...values].sort((a, b) => a - b);
  return sorted[Math.min(sorted.length - 1, Math.floor(q * sorted.length))] ?? Number.NaN;
}

export function summary(values: readonly number[]) {
  const sorted = [...values].sort((a, b) => a - b);
  const at = (q: number) => sorted[Math.min(sorted.length - 1, Math.floor(q * sorted.length))] ?? Number.NaN;
  return { n: sorted.length, p50: at(0.5), p95: at(0.95), p99: at(0.99), max: at(1) };
}
