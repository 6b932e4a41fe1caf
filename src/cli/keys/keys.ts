import { type AuditEntry, idIn, Keyring, type KeyWish, prefixOf, stateOf } from '../../access/index.ts';
import type { Config } from '../../config/index.ts';
import { type AccessStores, openAccessStores } from '../../serving/open-access.ts';
import { openDatabase } from '../../serving/open-store.ts';
import { table } from '../table.ts';

/** Opens the stores, runs `work`, and closes them. */
async function withStores<T>(config: Config, work: (stores: AccessStores, keyring: Keyring) => Promise<T>): Promise<T> {
  const warn = (message: string, details: object) =>
    void process.stderr.write(`${message}: ${JSON.stringify(details)}\n`);
  // the tenants' own store is not opened, because only one process may write it
  const database = await openDatabase(config, {
    onProblem: (_, message, details) => warn(message, details),
    patienceMs: 0,
  });
  try {
    const stores = await openAccessStores(config, database);
    const log = (level: string, details: object, message: string) => level === 'error' && warn(message, details);
    return await work(stores, new Keyring({ store: stores.keys, mode: 'keys', log }));
  } finally {
    await database?.close();
  }
}

function entry(
  user: string,
  change: Pick<AuditEntry, 'action' | 'target' | 'before' | 'after' | 'details'>,
): AuditEntry {
  return { at: new Date().toISOString(), actor: { kind: 'cli', id: user, name: user }, request_id: null, ...change };
}

/** Prints the key to standard output and its details to standard error, so that `KEY=$(...)` works. */
export function createKey(config: Config, wish: KeyWish, user: string, json: boolean): Promise<number> {
  return withStores(config, async ({ audit }, keyring) => {
    const { key, record } = await keyring.create(wish, `cli:${user}`);
    const { name, scopes, limits, expires_at } = record;
    const details = { name, scopes, limits, expires_at };
    await audit.append(entry(user, { action: 'key.create', target: record.id, before: null, after: 1, details }));
    if (json) {
      const { hash: _, ...rest } = record;
      process.stdout.write(`${JSON.stringify({ ...rest, key })}\n`);
    } else {
      process.stderr.write(
        `Key ${record.id} "${name}" (${scopes.join(', ')}), ${expires_at ? `until ${expires_at}` : 'without expiry'}. It is shown only now:\n`,
      );
      process.stdout.write(`${key}\n`);
    }
    return 0;
  });
}

export function listKeys(config: Config, json: boolean): Promise<number> {
  return withStores(config, async ({ keys: store }) => {
    const { keys, damaged } = await store.list();
    const used = await store.lastUsed();
    const now = Date.now();
    const views = keys
      .sort((a, b) => a.created_at.localeCompare(b.created_at))
      .map(({ hash: _, ...k }) => ({ ...k, state: stateOf(k, now), last_used_at: used.get(k.id) ?? null }));
    if (json) for (const view of views) process.stdout.write(`${JSON.stringify(view)}\n`);
    else if (views.length > 0) {
      const rows = views.map((v) => [
        prefixOf(v.id),
        v.name,
        v.state,
        v.scopes.join(' '),
        v.created_at.slice(0, 10),
        v.expires_at?.slice(0, 10) ?? 'never',
        v.last_used_at?.slice(0, 19).replace('T', ' ') ?? 'never',
      ]);
      process.stdout.write(
        `${table(['key', 'name', 'state', 'scopes', 'made', 'expires', 'last used'], rows, new Set())}\n`,
      );
    } else process.stderr.write('There are no keys. Create one: clipn-gate keys create --admin --name first\n');
    for (const { source, reason } of damaged) process.stderr.write(`damaged, grants nothing: ${source}: ${reason}\n`);
    return damaged.length > 0 ? 1 : 0;
  });
}

/** Revokes keys. Returns 1 if one of them is unknown; the others are revoked nevertheless. */
export function revokeKey(config: Config, given: string[], user: string): Promise<number> {
  return withStores(config, async ({ audit }, keyring) => {
    let status = 0;
    for (const text of given) {
      const id = idIn(text);
      const revocation = await keyring.revoke(id);
      if (!revocation) {
        process.stderr.write(`There is no key ${id}.\n`);
        status = 1;
        continue;
      }
      const { record, changed } = revocation;
      if (changed) {
        const details = { name: record.name };
        await audit.append(entry(user, { action: 'key.revoke', target: id, before: 1, after: 2, details }));
      }
      process.stderr.write(`Key ${id} "${record.name}" ${changed ? 'is revoked' : 'was revoked before'}.\n`);
    }
    return status;
  });
}
