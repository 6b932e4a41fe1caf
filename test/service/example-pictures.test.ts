import assert from 'node:assert/strict';
import { cp, readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { it } from 'node:test';
import type { TenantReply } from '../../src/http/schemas/tenant.ts';
import { DEFAULT_BUNDLE, ROOT, temporaryDirectory } from '../helpers/paths.ts';
import { putTenant, startService, until } from '../helpers/service.ts';

const sample = (name: string) => readFile(join(ROOT, `samples/${name}.jpg`));

it('kept pictures of examples survive kill -9, and another model embeds them at the next start', async (t) => {
  const dir = await temporaryDirectory(t);
  const data = join(dir, 'data');
  const first = await startService(t, data, { CLIPN_BUNDLE: DEFAULT_BUNDLE });
  assert.ok((await putTenant(first.url, 'zoo', { classes: ['dog', 'cat'] })).ok);
  const put = async (name: string, query: string) => {
    const body = new FormData();
    body.append('file', new Blob([await sample(name)]), `${name}.jpg`);
    const url = `${first.url}/v1/tenants/zoo/classes/${name}/examples${query}`;
    const reply = (await (await fetch(url, { method: 'PUT', body })).json()) as { examples: { sha256: string }[] };
    return reply.examples[0]?.sha256;
  };
  const dog = await put('dog', '?keep=true');
  await put('cat', '');
  first.child.kill('SIGKILL');
  await first.exited;

  // the same weights under another version are another model
  const other = join(dir, 'other');
  await cp(DEFAULT_BUNDLE, other, { recursive: true });
  const manifest = JSON.parse(await readFile(join(other, 'bundle.json'), 'utf8'));
  await writeFile(join(other, 'bundle.json'), JSON.stringify({ ...manifest, version: '99.0.0' }));
  const { url } = await startService(t, data, { CLIPN_BUNDLE: other });
  const file = await fetch(`${url}/v1/tenants/zoo/classes/dog/examples/${dog}/image`);
  assert.deepEqual(Buffer.from(await file.arrayBuffer()), await sample('dog'));
  const examples = async () => ((await (await fetch(`${url}/v1/tenants/zoo`)).json()) as TenantReply).examples;
  await until('the dog is embedded again', 60_000, async () => {
    const [one] = (await examples()) ?? [];
    return one?.class === 'dog' && one.lacking === undefined;
  });
  assert.deepEqual(await examples(), [
    { class: 'dog', images: 1 },
    { class: 'cat', images: 1, lacking: true },
  ]);
});
