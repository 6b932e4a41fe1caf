import { createHash } from 'node:crypto';
import type { TestContext } from 'node:test';
import { testApp } from './app.ts';

export const shaOf = (text: string) => createHash('sha256').update(text).digest('hex');

/** An app with two tenants that keep every image, and requests by a key that may review the first of them. */
export async function reviewed(t: TestContext, classes = ['dog', 'cat']) {
  const parts = await testApp(t, {}, { mode: 'keys' });
  const { app, registry, access, capture } = parts;
  for (const id of ['zoo', 'zoo-2'])
    await registry.put(id, { classes, capture: { rest: 1, duplicates: 'keep' } }, { waitMs: 1000 });
  const { headers: admin } = await access.key(['admin']);
  const { headers } = await access.key(['review:zoo']);
  const send = async (tenant: string, ...names: string[]) => {
    for (const name of names)
      await app.inject({
        method: 'POST',
        url: `/v1/detect?tenant=${tenant}`,
        headers: { ...admin, 'content-type': 'image/png', 'x-request-id': `id-of-${name.replace(' ', '-')}` },
        payload: Buffer.from(name),
      });
    await capture.capture.idle();
  };
  const get = (path: string, as = headers) => app.inject({ url: `/v1/tenants/${path}`, headers: as });
  const remove = (path: string, as = headers) =>
    app.inject({ method: 'DELETE', url: `/v1/tenants/${path}`, headers: as });
  const label = (payload: object, as = headers) =>
    app.inject({ method: 'POST', url: '/v1/labels', headers: as, payload });
  return { ...parts, admin, send, get, label, remove };
}
