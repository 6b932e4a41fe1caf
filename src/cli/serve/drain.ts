import { setTimeout as sleep } from 'node:timers/promises';
import closeWithGrace from 'close-with-grace';
import type { Logger } from '../../telemetry/logger.ts';

export interface Drain {
  /** Time between failing readiness and closing, so that load balancers stop sending; milliseconds. */
  delayMs: number;
  /** Longest time for the rest, milliseconds; then the process ends and requests in progress are cut. */
  graceMs: number;
  logger: Logger;
  /** Signals with another meaning in this process. */
  skip?: 'SIGHUP'[];
  /** Makes readiness fail; requests are still answered. */
  unready(): void;
  /** Answers requests in progress and closes everything. `hurry` is aborted when the remaining requests must be cut. */
  close(hurry: AbortSignal): Promise<void>;
}

/**
 * Ends the process in order. SIGTERM or SIGINT: readiness fails, the delay passes, parts close, exit status 0. A second signal
 * skips the delay and cuts requests in progress. A third one, or the end of the grace time, ends the process with status 1.
 */
export function drainOnSignal({ delayMs, graceMs, logger, skip = [], unready, close }: Drain): void {
  const hurry = new AbortController();
  const closing = closeWithGrace(
    {
      delay: delayMs + graceMs,
      logger: false,
      skip: ['SIGTERM', 'SIGINT', ...skip],
      onTimeout: (ms) => logger.error({ ms }, 'the shutdown took too long; requests in progress were ended'),
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
      logger.warn({ signal }, 'second signal: requests in progress are ended');
      hurry.abort();
    } else {
      logger.warn({ signal }, 'third signal: the process ends at once');
      process.exit(1);
    }
  };
  process.on('SIGTERM', onSignal);
  process.on('SIGINT', onSignal);
}

/** Resolves when `closed` does. After `hurry` and a moment for answers that are nearly complete, connections are cut. */
export async function closeServers(
  closed: Promise<unknown>,
  servers: { closeIdleConnections(): void; closeAllConnections(): void }[],
  hurry: AbortSignal,
): Promise<void> {
  // connections that become idle after close has begun are not closed by Node
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
