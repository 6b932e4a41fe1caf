import { setTimeout as sleep } from 'node:timers/promises';
import type { Prometheus } from '../helpers/prometheus.ts';

const EVERY_MS = 2000;

export interface AlertChange {
  /** Time of Date.now(). */
  at: number;
  /** Name and the labels that distinguish one from another. */
  alert: string;
  state: 'fires' | 'has cleared';
}

/** Notes when alerts begin to fire and when they clear. */
export class AlertWatch {
  readonly changes: AlertChange[] = [];
  readonly #prometheus: Prometheus;
  readonly #loop: Promise<void>;
  #firing = new Set<string>();
  #running = true;

  constructor(prometheus: Prometheus) {
    this.#prometheus = prometheus;
    this.#loop = this.#watch();
  }

  get firing(): string[] {
    return [...this.#firing];
  }

  async stop(): Promise<void> {
    this.#running = false;
    await this.#loop;
  }

  /** When an alert began to fire in a span of time, and when that one cleared. */
  between(from: number, to: number): { alert: string; after: number; cleared: number | undefined }[] {
    return this.changes
      .filter(({ at, state }) => state === 'fires' && at >= from && at < to)
      .map(({ at, alert }) => {
        const end = this.changes.find((c) => c.state === 'has cleared' && c.alert === alert && c.at >= at);
        return { alert, after: at - from, cleared: end && end.at - from };
      });
  }

  async #watch(): Promise<void> {
    while (this.#running) {
      const now = await this.#read().catch(() => this.#firing);
      for (const alert of now)
        if (!this.#firing.has(alert)) this.changes.push({ at: Date.now(), alert, state: 'fires' });
      for (const alert of this.#firing)
        if (!now.has(alert)) this.changes.push({ at: Date.now(), alert, state: 'has cleared' });
      this.#firing = now;
      await sleep(EVERY_MS);
    }
  }

  async #read(): Promise<Set<string>> {
    const firing = new Set<string>();
    for (const rule of await this.#prometheus.rules()) {
      for (const { labels, state } of rule.alerts ?? []) {
        if (state !== 'firing') continue;
        const of = ['instance', 'tenant', 'reason', 'cause', 'result'].flatMap((name) => labels[name] ?? []);
        firing.add([rule.name, ...of].join(' '));
      }
    }
    return firing;
  }
}
