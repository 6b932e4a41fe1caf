import assert from 'node:assert/strict';
import { readdirSync, readFileSync, statSync } from 'node:fs';
import { join } from 'node:path';
import { it } from 'node:test';
import { brotliDecompressSync, gunzipSync } from 'node:zlib';
import { testApp } from '../helpers/app.ts';
import { ROOT } from '../helpers/paths.ts';

const BUILT = join(ROOT, 'dist/console');
const assets = () => readdirSync(join(BUILT, 'assets'));

it('the files of the console have at most 120 KB in all, compressed', () => {
  const sizes = readdirSync(BUILT, { recursive: true, encoding: 'utf8' })
    .filter((name) => name.endsWith('.gz'))
    .map((name) => statSync(join(BUILT, name)).size);
  assert.ok(sizes.length >= 3);
  const sum = sizes.reduce((a, b) => a + b, 0);
  assert.ok(sum <= 120_000, `${sum} bytes`);
});

it('the console is served at / with a policy that allows nothing inline and nothing from elsewhere', async (t) => {
  const { app } = await testApp(t);
  const reply = await app.inject({ url: '/' });
  assert.equal(reply.statusCode, 200);
  assert.match(String(reply.headers['content-type']), /^text\/html/);
  assert.equal(reply.headers['cache-control'], 'no-cache');
  const policy = String(reply.headers['content-security-policy']);
  assert.match(policy, /default-src 'none'/);
  assert.doesNotMatch(policy, /unsafe|https?:|\*/);
  assert.doesNotMatch(reply.body, /<script>|<style|style=|https?:\/\//);
});

it('files of the console are sent as compressed at build time, with an immutable cache header', async (t) => {
  const { app } = await testApp(t);
  const name = assets().find((n) => n.endsWith('.js')) as string;
  const plain = readFileSync(join(BUILT, 'assets', name));
  const unpack = { br: brotliDecompressSync, gzip: gunzipSync, identity: (b: Buffer) => b };
  for (const [encoding, decode] of Object.entries(unpack)) {
    const reply = await app.inject({ url: `/assets/${name}`, headers: { 'accept-encoding': encoding } });
    assert.equal(reply.headers['content-encoding'] ?? 'identity', encoding);
    assert.match(String(reply.headers['content-type']), /javascript/);
    assert.match(String(reply.headers['cache-control']), /immutable/);
    assert.ok(decode(reply.rawPayload).equals(plain), encoding);
  }
});

it('the console names its files relative to the page, so that it works behind a path prefix', () => {
  const html = readFileSync(join(BUILT, 'index.html'), 'utf8');
  const addresses = [...html.matchAll(/(?:src|href)="([^"]+)"/g)].map((m) => m[1] as string);
  assert.ok(addresses.length >= 3);
  for (const address of addresses) assert.doesNotMatch(address, /^\/|^[a-z]+:/);
});

it('only files of the console are served', async (t) => {
  const { app } = await testApp(t);
  for (const url of ['/assets/', '/assets/..%2f..%2fcli/main.js', '/../cli/main.js', '/vite.config.ts', '/main.tsx']) {
    assert.equal((await app.inject({ url })).statusCode, 404, url);
  }
  assert.equal((await app.inject({ method: 'POST', url: '/' })).statusCode, 405);
});
