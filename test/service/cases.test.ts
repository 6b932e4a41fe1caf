import assert from 'node:assert/strict';
import { readdirSync, readFileSync } from 'node:fs';
import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { describe, it } from 'node:test';
import { ADAPTERS } from '../../src/gate/config/schema.ts';
import { ask, recordingUpstream } from '../helpers/gate.ts';
import { CASES, DEFAULT_BUNDLE, photographs, skip, temporaryDirectory } from '../helpers/paths.ts';
import { putTenant, sendImage, startService } from '../helpers/service.ts';

type Headers = [string, string][];
interface Case {
  headers: Headers;
  expect: string;
}

/**
 * The umbrella in the cases is judged ood for `zoo`. The butterfly of the honest form needs a tenant of its own, because the default model judges
 * this umbrella id beside a class "butterfly" (also for `demo`): that is a mistake of the model and not a way around the gate.
 */
const TENANTS = { zoo: ['dalmatian', 'panda', 'kangaroo'], insects: ['butterfly', 'panda'] };
const POINTERS: Record<string, object> = { json: { pointers: ['/photo'] } };

const formPart = (boundary: string, bytes: Buffer) =>
  Buffer.concat([
    Buffer.from(
      `--${boundary}\r\nContent-Disposition: form-data; name="first"; filename="f.jpg"\r\nContent-Type: image/jpeg\r\n\r\n`,
    ),
    bytes,
    Buffer.from('\r\n'),
  ]);

/** The same request with the decoy before everything else, where the body's form allows it. */
function beside(decoy: Buffer, body: Buffer, headers: Headers): Buffer | undefined {
  const boundary = /^multipart\/.*boundary=(.*)$/.exec(headers.at(-1)?.[1] ?? '')?.[1];
  if (boundary !== undefined) return Buffer.concat([formPart(boundary, decoy), body]);
  const text = body.toString('latin1');
  if (!text.startsWith('{')) return undefined;
  return Buffer.from(`{"photo":"${decoy.toString('base64')}",${text.slice(1)}`, 'latin1');
}

/** The four images of the cases: as the body, in JSON beside the decoy, and in a form beside the decoy. */
function* imageRequests(decoy: Buffer): Generator<{ name: string; file: Buffer; headers: Headers; body: Buffer }> {
  for (const name of readdirSync(join(CASES, 'images'))) {
    const file = readFileSync(join(CASES, 'images', name));
    const json = JSON.stringify({ photo: decoy.toString('base64'), img: file.toString('base64') });
    const form = Buffer.concat([formPart('X', decoy), formPart('X', file), Buffer.from('--X--\r\n')]);
    yield { name, file, headers: [['content-type', 'application/octet-stream']], body: file };
    yield { name, file, headers: [['content-type', 'application/json']], body: Buffer.from(json) };
    yield { name, file, headers: [['content-type', 'multipart/form-data; boundary=X']], body: form };
  }
}

describe('requests that once passed the gate, against the real gate with the default model', {
  skip: skip.cases || skip.photographs,
}, () => {
  it('every recorded request is judged or refused for every adapter, alone and beside an image that is judged id', async (t) => {
    const dir = await temporaryDirectory(t);
    const upstream = await recordingUpstream(t);
    const config = join(dir, 'gate.json');
    const routes = ADAPTERS.map((adapter) => ({
      match: { path: `/${adapter}` },
      adapter,
      mode: 'enforce',
      tenant: { header: 'x-tenant', default: 'zoo' },
      budget_ms: 60_000,
      ...POINTERS[adapter],
    }));
    await writeFile(config, JSON.stringify({ listen: { port: 0 }, upstream: { url: upstream.url }, routes }));
    const env = { CLIPN_BUNDLE: DEFAULT_BUNDLE };
    const service = await startService(t, dir, env, ['gate', '--config', config]);
    for (const [id, classes] of Object.entries(TENANTS)) assert.ok((await putTenant(service.url, id, { classes })).ok);

    /** The service's decision on an image, or the code of the refusal. */
    const decision = async (bytes: Buffer): Promise<string> => {
      const reply = await sendImage(service.url, bytes, '?tenant=zoo');
      const json = (await reply.json()) as { code?: string; results?: { decision: string }[] };
      return json.results?.[0]?.decision ?? String(json.code);
    };
    const decoy = readFileSync(photographs.find((file) => file.includes('/panda/')) as string);
    const umbrella = readFileSync(photographs.find((file) => file.endsWith('/umbrella/image_0008.jpg')) as string);
    assert.deepEqual([await decision(decoy), await decision(umbrella)], ['id', 'ood']);

    const send = async (adapter: string, headers: Headers, body: Buffer) => {
      upstream.requests.length = 0;
      const sized = headers.map(([key, value]): [string, string] =>
        key === 'inference-header-content-length' ? [key, String(body.length)] : [key, value],
      );
      const fields: Headers = [...sized, ['content-length', String(body.length)]];
      const answer = await ask(service.gate as string, { path: `/${adapter}`, headers: fields, body });
      const failure = answer.header('x-clipn-failure');
      return { answer, outcome: failure ?? answer.header('x-clipn-verdict'), reached: upstream.requests.length };
    };

    const names = readdirSync(join(CASES, 'gate')).flatMap((f) => (f.endsWith('.json') ? [f.slice(0, -5)] : []));
    const counts: Record<string, number> = {};
    for (const adapter of ADAPTERS) {
      for (const name of names) {
        const { headers, expect } = JSON.parse(readFileSync(join(CASES, 'gate', `${name}.json`), 'utf8')) as Case;
        const body = readFileSync(join(CASES, 'gate', `${name}.body`));
        for (const bytes of [body, beside(decoy, body, headers)]) {
          if (!bytes) continue;
          const honest = expect === 'judged, and not refused';
          const tenant: Headers = honest ? [['x-tenant', 'insects']] : [];
          const { answer, outcome, reached } = await send(adapter, [...tenant, ...headers], bytes);
          const where = `${name}, ${adapter}${bytes === body ? '' : ', beside a decoy'}: ${answer.status} ${outcome}`;
          counts[String(outcome)] = (counts[String(outcome)] ?? 0) + 1;
          if (honest) assert.deepEqual([answer.status, outcome, reached], [200, 'id', 1], where);
          else {
            assert.equal(reached, 0, where);
            assert.ok(outcome === 'ood' || outcome === 'unexamined', where);
          }
        }
      }
      for (const { name, file, headers, body } of imageRequests(decoy)) {
        const said = await decision(file);
        const { answer, outcome, reached } = await send(adapter, headers, body);
        const where = `${name}, ${headers}, ${adapter}: ${answer.status} ${outcome}, the service says ${said}`;
        counts[String(outcome)] = (counts[String(outcome)] ?? 0) + 1;
        // an image that the service finds in distribution may pass; any other must not
        if (outcome === 'id') assert.deepEqual([said, reached], ['id', 1], where);
        else {
          assert.equal(reached, 0, where);
          assert.ok(['ood', 'unexamined', 'undecodable'].includes(String(outcome)), where);
        }
      }
    }
    t.diagnostic(JSON.stringify(counts));
  });
});
