import type { Reloader } from '../../serving/reloader.ts';
import type { Logger } from '../../telemetry/logger.ts';

/** Reloads the model on SIGHUP, as daemons do. False on a terminal: there SIGHUP means that the terminal was closed, and ends the process. */
export function reloadOnHangup(reload: Reloader, logger: Logger): boolean {
  if (process.stdout.isTTY) return false;
  process.on('SIGHUP', () => {
    try {
      // a reload that fails has been logged by then; one that can't begin has not
      reload.start().catch(() => {});
    } catch (error) {
      logger.warn({ detail: (error as Error).message }, 'no reload');
    }
  });
  return true;
}
