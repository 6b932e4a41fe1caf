import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { exposureFault, Keyring } from '../../src/access/index.ts';
import { fakeAccess, keyRecord, MemoryKeyStore } from '../helpers/access.ts';

const refused = { code: 'unauthenticated' };

describe('the keyring', () => {
  it('the keyring knows the principal of a key, and gives every wrong key the same answer', async () => {
    let now = Date.parse('2026-06-01T00:00:00Z');
    const access = await fakeAccess({ mode: 'keys', now: () => now });
    const { keyring } = access;
    const good = await access.key(['detect:zoo']);
    const short = await access.key(['admin'], {}, '2026-06-01T01:00:00Z');
    const revoked = await access.key(['admin']);
    await keyring.revoke(revoked.id);
    const principal = keyring.authenticate(good.key);
    assert.deepEqual([principal.kind, principal.id, principal.name], ['key', good.id, 'detect:zoo']);
    assert.equal(keyring.authenticate(short.key).id, short.id);
    now += 3_600_000;
    const messages = new Set<string>();
    const other = await fakeAccess({ mode: 'keys' });
    const foreign = await other.key(['admin']);
    for (const key of [short.key, revoked.key, foreign.key, 'nonsense', '', `${good.key}x`, good.id]) {
      assert.throws(
        () => keyring.authenticate(key),
        (e: Error) => {
          messages.add(e.message);
          return true;
        },
        key,
      );
    }
    assert.equal(messages.size, 1, [...messages].join());
    assert.throws(() => keyring.authenticate(undefined), refused);
  });

  it('with auth=auto keys are required as soon as there is one', async () => {
    const { keyring, key } = await fakeAccess({ mode: 'auto' });
    assert.equal(keyring.required, false);
    assert.ok(keyring.authenticate(undefined).may({ scope: 'admin' }));
    const made = await key(['admin']);
    assert.equal(keyring.required, true);
    assert.throws(() => keyring.authenticate(undefined), refused);
    await keyring.revoke(made.id);
    assert.throws(() => keyring.authenticate(undefined), refused, 'revoking the last key opens nothing');
  });

  it('with auth=auto a damaged key and one that another process has created count as keys', async () => {
    const store = new MemoryKeyStore();
    const logged: string[] = [];
    const keyring = new Keyring({ store, mode: 'auto', log: (_, __, message) => void logged.push(message) });
    await keyring.start();
    assert.equal(keyring.required, false);
    store.damaged = [{ source: 'x.json', reason: 'half' }];
    await store.changed();
    await store.changed();
    assert.throws(() => keyring.authenticate(undefined), refused);
    assert.equal(logged.filter((m) => /cannot be read/.test(m)).length, 1, 'said once');
    await keyring.stop();
  });

  it('keys stay valid from memory while the store is out of reach', async () => {
    const { store, keyring, key } = await fakeAccess({ mode: 'keys' });
    const made = await key(['admin']);
    store.failure = new Error('gone');
    await assert.rejects(store.changed());
    assert.equal(keyring.authenticate(made.key).id, made.id);
    await keyring.stop();
  });

  it('a list that was read before a revocation does not undo it', async () => {
    const { store, keyring, key } = await fakeAccess({ mode: 'keys' });
    const made = await key(['admin']);
    let release = () => {};
    const list = store.list.bind(store);
    let slow = true;
    store.list = async () => {
      const result = await list();
      if (slow) {
        slow = false;
        await new Promise<void>((resolve) => {
          release = resolve;
        });
      }
      return result;
    };
    const reading = store.changed();
    await new Promise((resolve) => setImmediate(resolve));
    await keyring.revoke(made.id);
    release();
    await reading;
    assert.throws(() => keyring.authenticate(made.key), refused);
  });

  it('the uses of keys are written in batches, and again after a failure', async () => {
    let now = Date.parse('2026-06-01T00:00:00Z');
    const { store, keyring, key } = await fakeAccess({ mode: 'keys', now: () => now });
    const [a, b] = [await key(['admin']), await key(['admin'])];
    keyring.authenticate(a.key);
    assert.equal(keyring.lastUsed(a.id), '2026-06-01T00:00:00.000Z');
    assert.equal(keyring.lastUsed(b.id), null);
    assert.equal(store.used.size, 0, 'not at every request');
    now += 1000;
    keyring.authenticate(a.key);
    store.failure = new Error('gone');
    await keyring.stop();
    assert.equal(store.used.size, 0);
    store.failure = undefined;
    await keyring.stop();
    assert.deepEqual([...store.used], [[a.id, '2026-06-01T00:00:01.000Z']]);
  });

  it('a key that could not be read again is not created', async () => {
    const { keyring, store } = await fakeAccess({ mode: 'keys' });
    const wish = { name: 'x', scopes: ['admin'], expiresAt: null, limits: {} };
    for (const bad of [
      { ...wish, scopes: ['root'] },
      { ...wish, scopes: [] },
      { ...wish, name: '' },
      { ...wish, name: 'x'.repeat(101) },
      { ...wish, limits: { images_per_second: 0 } },
      { ...wish, limits: { concurrent_requests: Number.NaN } },
      { ...wish, expiresAt: '2001-01-01T00:00:00Z' },
      { ...wish, expiresAt: 'soon' },
    ])
      await assert.rejects(keyring.create(bad, 'test'), { code: 'invalid_request' }, JSON.stringify(bad));
    assert.equal(store.records.size, 0);
    const { record: made } = await keyring.create({ ...wish, expiresAt: '2999-01-01T00:00:00+02:00' }, 'test');
    assert.equal(made.expires_at, '2998-12-31T22:00:00.000Z');
    assert.ok(!JSON.stringify([...store.records.values()]).includes('clipn_'), 'no key is stored');
  });

  it('a key with times in the future is valid, because clocks are set back', async () => {
    const { store, keyring } = await fakeAccess({ mode: 'keys' });
    store.records.set('x', keyRecord({ created_at: '2999-01-01T00:00:00.000Z' }));
    await store.changed();
    assert.equal(keyring.list().length, 1);
  });
});

it('an address other than loopback needs keys or CLIPN_AUTH=off', () => {
  assert.match(exposureFault('0.0.0.0', 'auto', { required: false }) ?? '', /keys create --admin/);
  assert.equal(exposureFault('0.0.0.0', 'auto', { required: true }), undefined);
  assert.equal(exposureFault('0.0.0.0', 'off', { required: false }), undefined);
  assert.equal(exposureFault('0.0.0.0', 'keys', { required: true }), undefined);
  assert.equal(exposureFault('127.0.0.1', 'auto', { required: false }), undefined);
});
