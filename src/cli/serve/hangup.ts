import type { Reloader } from '../../serving/reloader.ts';
import type { Logger } from '../../telemetry/logger.ts';

/** Reloads the model on SIGHUP. Returns false on a terminal, where SIGHUP ends the process, because the terminal was closed. */
export function reloadOnHangup(reload: Reloader, logger: Logger): boolean {
  if (process.stdout.isTTY) return false;
  process.on('SIGHUP', () => {
    try {
      // a failed reload is logged elsewhere; a reload that cannot begin changes nothing
      reload.start().catch(() => {});
    } catch (error) {
      logger.warn({ detail: (error as Error).message }, 'the model is not reloaded');
    }
  });
  return true;
}
