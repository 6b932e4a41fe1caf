import assert from 'node:assert/strict';
import { createServer } from 'node:http';
import { describe, it } from 'node:test';
import { parseGateFile } from '../../src/gate/config/load.ts';
import { ask, listen, startGate } from '../helpers/gate.ts';

describe('the head of a request', () => {
  it('is forwarded up to max_header_bytes, and refused with 431 beyond', async (t) => {
    const server = createServer({ maxHeaderSize: 65_536 }, (_request, response) => response.end());
    const upstream = { url: await listen(t, server) };
    const routes = [{ match: { path: '/predict' }, adapter: 'raw' as const, mode: 'off' as const, tenant: 'demo' }];
    const headers: [string, string][] = [['x-long', 'x'.repeat(20_000)]];
    const small = await startGate(t, upstream.url, { routes });
    assert.equal((await ask(small.url, { method: 'GET', headers })).status, 431);
    const large = await startGate(t, upstream.url, { routes, listen: { max_header_bytes: 65_536 } });
    assert.equal((await ask(large.url, { method: 'GET', headers })).status, 200);
  });

  it('a fault of the file has no regular expression in its text', () => {
    const text = 'upstream: {url: "ftp://a"}\nroutes: [{match: {path: "/a"}, tenant: demo}]\n';
    assert.throws(
      () => parseGateFile(text, 'gate.yaml'),
      /\/upstream\/url does not have the expected form \(http\(s\):\/\/host\[:port\]\[\/prefix\]\)/,
    );
  });
});
