import { loadGateFile } from './load.ts';
import type { GateSettings } from './settings.ts';

export interface WatchOptions {
  /** Text that is in force. */
  text: string;
  onChange(settings: GateSettings): void;
  /** The file is invalid. The previous configuration stays in use. */
  onFault(error: unknown): void;
  everyMs?: number;
}

/**
 * Looks at the file's text every second. Polling, because a mounted ConfigMap is a chain of symbolic links that is swapped, and
 * editors replace files: what watches inodes loses both. Returns what stops it.
 */
export function watchGateFile(path: string, options: WatchOptions): () => void {
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
      // said once, not every second
      const message = String(error);
      if (!stopped && message !== faulty) options.onFault(error);
      faulty = message;
    }
    if (!stopped) next();
  };
  const next = () => {
    timer = setTimeout(look, options.everyMs ?? 1000).unref();
  };
  next();
  return () => {
    stopped = true;
    clearTimeout(timer);
  };
}
