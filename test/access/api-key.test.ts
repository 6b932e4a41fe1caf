import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { hashOf, idIn, idOf, isKey, makeKey, prefixOf } from '../../src/access/api-key.ts';
import { isLoopback } from '../../src/access/exposure.ts';
import { allows, checkScopes, SCOPE } from '../../src/access/scopes.ts';

describe('API keys', () => {
  it('API keys have the form clipn_<id>_<secret> and are unique', () => {
    const made = Array.from({ length: 200 }, makeKey);
    for (const { id, key, hash } of made) {
      assert.match(key, /^clipn_[0-9A-Za-z]{10}_[0-9A-Za-z]{49}$/);
      assert.ok(key.startsWith(prefixOf(id)));
      assert.equal(idOf(key), id);
      assert.ok(isKey(key, hash));
    }
    assert.equal(new Set(made.map((m) => m.key)).size, 200);
    assert.equal(new Set(made.map((m) => m.id)).size, 200);
  });

  it('a key with one changed letter at any place is refused by its checksum', () => {
    const { key } = makeKey();
    for (let i = 0; i < key.length; i++) {
      const other = key[i] === 'x' ? 'y' : 'x';
      assert.equal(idOf(key.slice(0, i) + other + key.slice(i + 1)), undefined, String(i));
    }
    for (const bad of ['', 'clipn_', key.slice(1), `${key}x`, key.slice(0, -1), ` ${key}`, key.toUpperCase()])
      assert.equal(idOf(bad), undefined);
  });

  it('a secret is checked against its hash, and no secret matches an empty hash', () => {
    const [a, b] = [makeKey(), makeKey()];
    assert.equal(isKey(a.key, b.hash), false);
    assert.equal(isKey(a.key, undefined), false);
    assert.equal(isKey('', undefined), false);
    assert.equal(hashOf(a.key), a.hash);
    assert.ok(!a.hash.includes(a.key.slice(17, 30)));
  });

  it('a key is named by its id, a prefix or the whole key', () => {
    const { id, key } = makeKey();
    for (const text of [id, prefixOf(id), `clipn_${id}`, key]) assert.equal(idIn(text), id);
  });
});

describe('scopes', () => {
  it('the scope admin allows everything, the others only what they name', () => {
    const detect = (tenant: string) => ({ scope: 'detect' as const, tenant });
    assert.ok(allows(['admin'], detect('zoo')) && allows(['admin'], { scope: 'metrics' }));
    assert.ok(allows(['detect:zoo'], detect('zoo')));
    assert.ok(!allows(['detect:zoo'], detect('zoo2')) && !allows(['detect:zoo'], detect('zo')));
    assert.ok(allows(['detect:*'], detect('anything')));
    assert.ok(allows(['detect:team-*'], detect('team-a')) && !allows(['detect:team-*'], detect('teams')));
    assert.ok(!allows(['manage:*'], detect('zoo')), 'who keeps the classes need not see verdicts');
    assert.ok(!allows(['manage:*', 'detect:*', 'metrics'], { scope: 'admin' }));
    assert.ok(allows(['manage:zoo'], { scope: 'manage', tenant: null }));
    assert.ok(!allows(['detect:zoo'], { scope: 'manage', tenant: null }));
    assert.ok(!allows([], detect('zoo')));
    assert.ok(!allows(['detect:*'], { scope: 'metrics' }));
  });

  it('a tenant named * in a request does not stand for all tenants', () => {
    assert.ok(!allows(['detect:zoo'], { scope: 'detect', tenant: '*' }));
    assert.ok(!allows(['detect:a*'], { scope: 'detect', tenant: '*' }));
  });

  it('scopes are validated when a key is created', () => {
    for (const good of ['admin', 'metrics', 'detect:*', 'detect:zoo', 'manage:a.b_c-1', 'manage:team-*', 'detect:a*'])
      assert.match(good, SCOPE);
    for (const bad of [
      '',
      'root',
      'detect',
      'detect:',
      'detect:Zoo',
      'detect:z*o',
      'admin:*',
      'manage:**',
      ' admin',
      'detect:-a',
    ])
      assert.throws(() => checkScopes([bad]), { code: 'invalid_request' }, bad);
    assert.throws(() => checkScopes([]), { code: 'invalid_request' });
  });
});

it('an address counts as loopback only if no other machine reaches it', () => {
  for (const host of ['127.0.0.1', '127.9.9.9', 'localhost', 'LOCALHOST', '::1', '[::1]', '::ffff:127.0.0.1'])
    assert.ok(isLoopback(host), host);
  for (const host of [
    '0.0.0.0',
    '::',
    '10.0.0.1',
    '127.evil.example',
    'localhost.example.com',
    '::ffff:10.0.0.1',
    '',
    '128.0.0.1',
  ])
    assert.ok(!isLoopback(host), host);
});
