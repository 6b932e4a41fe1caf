import { constants } from 'node:os';

export interface Interruption {
  /** Aborted by the first Ctrl-C or SIGTERM. */
  signal: AbortSignal;
  /** Exit status of a command that was interrupted: 128 + the number of the signal. */
  code(): number;
  /** Restores the default effect of the signals, which is to end the process. */
  forget(): void;
}

/** Lets a command finish its work in progress after the first Ctrl-C or SIGTERM. The second one ends the process at once. */
export function interruption(): Interruption {
  const controller = new AbortController();
  let received: 'SIGINT' | 'SIGTERM' = 'SIGINT';
  const stop = (signal: 'SIGINT' | 'SIGTERM') => {
    received = signal;
    forget();
    controller.abort();
  };
  const forget = () => {
    process.off('SIGINT', stop);
    process.off('SIGTERM', stop);
  };
  process.on('SIGINT', stop);
  process.on('SIGTERM', stop);
  return { signal: controller.signal, code: () => 128 + constants.signals[received], forget };
}
