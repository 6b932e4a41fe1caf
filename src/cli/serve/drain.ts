import { setTimeout as sleep } from 'node:timers/promises';
import closeWithGrace from 'close-with-grace';
import type { Logger } from '../../telemetry/logger.ts';

export interface Drain {
  /** Time between failing readiness and closing: until balancers have noticed. */
  delayMs: number;
  /** Longest time for the rest; then the process ends, whatever is under way. */
  graceMs: number;
  logger: Logger;
  /** Signals that mean something else here. */
  skip?: 'SIGHUP'[];
  /** Readiness fails from now on; requests are still answered. */
  unready(): void;
  /** Answers what is under way and lets go of everything. `hurry` fires when there is no more time for that. */
  close(hurry: AbortSignal): Promise<void>;
}

/**
 * How the process ends. SIGTERM or SIGINT: unready, the delay, close, exit with 0. A second signal skips the delay and gives up what
 * is under way. A third, or the end of the grace, ends the process as it is, with 1.
 */
export function drainOnSignal({ delayMs, graceMs, logger, skip = [], unready, close }: Drain): void {
  const hurry = new AbortController();
  const closing = closeWithGrace(
    {
      delay: delayMs + graceMs,
      logger: false,
      skip: ['SIGTERM', 'SIGINT', ...skip],
      onTimeout: (ms) => logger.error({ ms }, 'the shutdown took too long; requests in progress were cut'),
    },
    async ({ signal, err }) => {
      if (err) logger.fatal({ err }, 'unexpected error, shutting down');
      else if (signal) logger.info({ signal }, 'shutting down');
      unready();
      await sleep(delayMs, undefined, { signal: hurry.signal }).catch(() => {});
      await close(hurry.signal);
      logger.info('shut down');
    },
  );
  let signals = 0;
  const onSignal = (signal: NodeJS.Signals) => {
    signals++;
    if (signals === 1) {
      logger.info({ signal }, 'shutting down');
      void closing.close();
    } else if (signals === 2) {
      logger.warn({ signal }, 'second signal, hurrying');
      hurry.abort();
    } else {
      logger.warn({ signal }, 'third signal: the process ends at once');
      process.exit(1);
    }
  };
  process.on('SIGTERM', onSignal);
  process.on('SIGINT', onSignal);
}

/** Resolves when `closed` does; once there is hurry, and a moment for answers that are nearly out, connections are cut. */
export async function closeServers(
  closed: Promise<unknown>,
  servers: { closeIdleConnections(): void; closeAllConnections(): void }[],
  hurry: AbortSignal,
): Promise<void> {
  // connections that fall idle after close has begun are nobody's business but ours
  const sweep = setInterval(() => {
    for (const server of servers) {
      if (hurry.aborted) server.closeAllConnections();
      else server.closeIdleConnections();
    }
  }, 100);
  try {
    await closed;
  } finally {
    clearInterval(sweep);
  }
}
