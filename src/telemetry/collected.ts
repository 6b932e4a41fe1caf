import type { Gauge } from 'prom-client';

/** Makes a gauge read its value at each scrape. */
export function collected(gauge: Gauge, value: () => number | Promise<number>): void {
  Object.assign(gauge, {
    async collect(this: Gauge) {
      this.set(await value());
    },
  });
}
