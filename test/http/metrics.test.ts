import assert from 'node:assert/strict';
import { it } from 'node:test';
import { gunzipSync } from 'node:zlib';
import { testApp } from '../helpers/app.ts';

it('/metrics is compressed for clients that take gzip, and plain for all others', async (t) => {
  const { app } = await testApp(t);
  const get = (accepted?: string) =>
    app.inject({ url: '/metrics', headers: accepted === undefined ? {} : { 'accept-encoding': accepted } });
  for (const accepted of ['gzip', 'br, gzip;q=0.5', 'GZIP', 'deflate,gzip ; q=1.0,br']) {
    const { headers, rawPayload } = await get(accepted);
    assert.equal(headers['content-encoding'], 'gzip', accepted);
    assert.match(gunzipSync(rawPayload).toString(), /^# TYPE clipn_requests_total counter$/m);
    assert.match(String(headers['vary']), /accept-encoding/);
  }
  for (const accepted of [undefined, 'br', 'gzip;q=0', 'gzip;q=0.0, br', 'x-gzipped', 'identity']) {
    const { headers, body } = await get(accepted);
    assert.equal(headers['content-encoding'], undefined, accepted);
    assert.match(body, /^# TYPE clipn_requests_total counter$/m);
  }
});
