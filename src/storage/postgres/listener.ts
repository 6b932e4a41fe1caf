import pg from 'pg';
import { POLL_MS } from '../../polling.ts';
import { CHANNEL, type Topic } from './changes.ts';

export interface ListenerOptions {
  /** Called with false when the database becomes unreachable, and with true when it is reachable again. */
  onReachable?: (reachable: boolean, reason?: string) => void;
  /** Interval of looks without a notification, milliseconds. */
  pollMs?: number;
}

const FIRST_BACKOFF_MS = 100;
const LONGEST_BACKOFF_MS = 2000;

interface Watcher {
  look: () => Promise<void>;
  busy: boolean;
  again: boolean;
}

/** Keeps one listening connection, and calls watchers after a notification, after a lost connection, and at an interval. */
export class ChangeListener {
  readonly #settings: pg.ClientConfig;
  readonly #options: ListenerOptions;
  readonly #watchers = new Map<string, Watcher>();
  #client: pg.Client | undefined;
  #poll: NodeJS.Timeout | undefined;
  #retry: NodeJS.Timeout | undefined;
  #backoffMs = FIRST_BACKOFF_MS;
  #reachable = true;
  #closed = false;
  readonly #working = new Set<Promise<void>>();

  constructor(settings: pg.ClientConfig, options: ListenerOptions) {
    this.#settings = settings;
    this.#options = options;
  }

  watch(topic: Topic, look: () => Promise<void>): void {
    this.#watchers.set(topic, { look, busy: false, again: false });
    if (this.#poll) return;
    this.#poll = setInterval(() => this.#lookAtAll(), this.#options.pollMs ?? POLL_MS.database);
    void this.#connect();
  }

  async #connect(): Promise<void> {
    const client = new pg.Client(this.#settings);
    this.#client = client;
    let lost = false;
    const onLost = () => {
      if (lost || this.#closed) return;
      lost = true;
      client.end().catch(() => {});
      this.#retry = setTimeout(() => void this.#connect(), this.#backoffMs);
      this.#backoffMs = Math.min(2 * this.#backoffMs, LONGEST_BACKOFF_MS);
    };
    client.on('error', onLost);
    client.on('end', onLost);
    client.on('notification', ({ payload }) => {
      const watcher = this.#watchers.get(payload ?? '');
      if (watcher) this.#look(watcher);
    });
    try {
      await client.connect();
      await client.query(`listen ${CHANNEL}`);
      this.#backoffMs = FIRST_BACKOFF_MS;
      // notifications may have been missed while there was no connection
      this.#lookAtAll();
    } catch {
      onLost();
    }
  }

  #lookAtAll(): void {
    for (const watcher of this.#watchers.values()) this.#look(watcher);
  }

  /** Runs one look at a time per watcher; a change during a look causes one more. */
  #look(watcher: Watcher): void {
    if (this.#closed) return;
    if (watcher.busy) {
      watcher.again = true;
      return;
    }
    watcher.busy = true;
    const work = watcher
      .look()
      .then(
        () => this.#report(true),
        (error: unknown) => this.#report(false, String((error as { internal?: string }).internal ?? error)),
      )
      .then(() => {
        watcher.busy = false;
        this.#working.delete(work);
        if (!watcher.again) return;
        watcher.again = false;
        this.#look(watcher);
      });
    this.#working.add(work);
  }

  #report(reachable: boolean, reason?: string): void {
    if (reachable === this.#reachable || this.#closed) return;
    this.#reachable = reachable;
    this.#options.onReachable?.(reachable, reason);
  }

  async close(): Promise<void> {
    this.#closed = true;
    clearInterval(this.#poll);
    clearTimeout(this.#retry);
    await Promise.all(this.#working);
    await this.#client?.end().catch(() => {});
  }
}
