/**
 * How a replica learns of a change, in three steps.
 * 1. The replica that makes it calls `nextChange` in its transaction. The change gets a number, and the commit sends a notification.
 * 2. `ChangeListener` (`listener.ts`) of every replica receives it and calls the watcher of the topic. It also calls all watchers once a
 *    second and after a lost connection, so a lost notification only delays the change.
 * 3. The watcher, named at its topic below, reads what is newer than the last number that it has seen.
 */
import type { Query } from './query.ts';

/** The one notification channel of PostgreSQL; the payload is the topic. */
export const CHANNEL = 'clipn_gate';

/** Topics of changes, each with its watcher. */
export const TOPICS = {
  /** `PostgresStore.subscribe` (`tenants/postgres/store.ts`) reads the changed rows and passes each to `TenantRegistry`, which builds and serves it. */
  tenants: 'tenants',
  /** `PostgresKeyStore.watch` (`access/postgres-key-store.ts`); `Keyring` then reads all keys again. */
  keys: 'keys',
  /** `PostgresLeases` (`tenants/postgres/leases.ts`): a build that another replica had claimed has ended. Not numbered. */
  builds: 'builds',
} as const;

export type Topic = (typeof TOPICS)[keyof typeof TOPICS];

/** The number of the next change of a topic, inside a transaction. Readers see changes in the order of their numbers. */
export async function nextChange(query: Query, topic: Topic): Promise<string> {
  // the row stays locked until the transaction ends, so a smaller number is never seen after a larger one
  const [row] = await query<{ value: string }>(
    `insert into clipn_changes as c (topic, value) values ($1, 1)
     on conflict (topic) do update set value = c.value + 1 returning value`,
    [topic],
  );
  await notify(query, topic);
  return (row as { value: string }).value;
}

/** Notifies the watchers of the topic in every replica when the transaction is committed. */
export async function notify(query: Query, topic: Topic): Promise<void> {
  await query('select pg_notify($1, $2)', [CHANNEL, topic]);
}
