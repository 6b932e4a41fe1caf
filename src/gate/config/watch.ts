import { POLL_MS } from '../../polling.ts';
import { loadGateFile } from './load.ts';
import type { GateSettings } from './settings.ts';

export interface GateFileWatch {
  /** The text in use. */
  text: string;
  onChange(settings: GateSettings): void;
  /** The file is invalid. The previous configuration stays in use. */
  onFault(error: unknown): void;
  everyMs?: number;
}

/**
 * Reads the file every second and reports changes of its text. It polls, because watching inodes fails for a mounted ConfigMap
 * (a chain of symbolic links that is swapped) and for editors that replace files. Returns the function that stops it.
 */
export function watchGateFile(path: string, options: GateFileWatch): () => void {
  let { text } = options;
  let faulty: string | undefined;
  let stopped = false;
  let timer: NodeJS.Timeout;
  const look = async () => {
    try {
      const loaded = await loadGateFile(path);
      if (stopped) return;
      faulty = undefined;
      if (loaded.text !== text) {
        text = loaded.text;
        options.onChange(loaded.settings);
      }
    } catch (error) {
      // logged once, not every second
      const message = String(error);
      if (!stopped && message !== faulty) options.onFault(error);
      faulty = message;
    }
    if (!stopped) next();
  };
  const next = () => {
    timer = setTimeout(look, options.everyMs ?? POLL_MS.gateFile).unref();
  };
  next();
  return () => {
    stopped = true;
    clearTimeout(timer);
  };
}
