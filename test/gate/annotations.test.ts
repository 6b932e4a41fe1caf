import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import fc from 'fast-check';
import { annotations, type Conclusion, type Inspection } from '../../src/gate/index.ts';
import type { Detection } from '../../src/gate/seams.ts';
import { recordingUpstream, startGate } from '../helpers/gate.ts';

const CONCLUSION: Conclusion = { verdict: 'id', action: 'pass', ood: new Set(), enforced: true };

function fieldsOf(names: string[], { tenant = 'demo', ood = [] as number[] } = {}): Map<string, string> {
  const detection = { noProbability: 0.123456789, oodProbability: 0.987654321 } as Detection;
  const images = names.map((name, instance) => ({
    id: String(instance),
    instance,
    sha256: undefined,
    result: { decision: 'ood' as const, class: name, detection },
  }));
  const inspection: Inspection = {
    tenant,
    tenantVersion: 1,
    method: 'ctw',
    extraction: { images: [], instances: images.length },
    images,
  };
  const conclusion = { ...CONCLUSION, action: 'filter' as const, ood: new Set(ood) };
  return new Map(annotations(inspection, conclusion, 'enforce'));
}

const bytesOf = (fields: Map<string, string>) =>
  [...fields].reduce((sum, [name, value]) => sum + name.length + value.length + 4, 0);

describe('x-clipn-* headers', () => {
  it('few images are listed with their classes, percent-encoded', () => {
    const fields = fieldsOf(['dog', '日本 犬']);
    assert.equal(fields.get('x-clipn-classes'), 'dog,%E6%97%A5%E6%9C%AC%20%E7%8A%AC');
    assert.equal(fields.get('x-clipn-decisions'), 'ood,ood');
    assert.equal(fields.get('x-clipn-listed'), undefined);
  });

  it('many images with long names stay below 3 KB, all lists have the same length, and one field says how many there are', () => {
    const fields = fieldsOf(
      Array.from({ length: 5000 }, () => '犬'.repeat(500)),
      { tenant: '長'.repeat(500), ood: Array.from({ length: 5000 }, (_, i) => i) },
    );
    assert.ok(bytesOf(fields) < 3072, String(bytesOf(fields)));
    const [listed, all] = (fields.get('x-clipn-listed') as string).split('/').map(Number);
    assert.equal(all, 5000);
    for (const name of ['decisions', 'classes', 'no-probability', 'ood-probability'])
      assert.equal(fields.get(`x-clipn-${name}`)?.split(',').length, listed, name);
  });

  it('names of any characters give valid header values below the bound', () => {
    fc.assert(
      fc.property(fc.array(fc.string({ unit: 'binary', maxLength: 80 }), { minLength: 1, maxLength: 100 }), (names) => {
        const fields = fieldsOf(names);
        assert.ok(bytesOf(fields) < 3072);
        for (const value of fields.values()) assert.match(value, /^[\x20-\x7e]*$/);
        for (const name of (fields.get('x-clipn-classes') ?? '').split(',')) decodeURIComponent(name);
      }),
      { numRuns: 200 },
    );
  });

  it('forged fields of clients in any spelling do not reach the upstream, nor those of the upstream the client', async (t) => {
    const upstream = await recordingUpstream(t);
    upstream.answer = (_request, response) =>
      response.writeHead(200, { 'X-Clipn-Mode': 'forged', x_clipn_mode: 'forged', 'X-Upstream': 'yes' }).end('{}');
    const { url } = await startGate(t, upstream.url, { routes: [{ match: { path: '/p' }, mode: 'annotate' }] });
    const answer = await fetch(`${url}/p`, {
      method: 'POST',
      headers: {
        'content-type': 'application/json',
        x_clipn_verdict: 'id',
        'x-clipn_forged': '1',
        'X-Clipn-Action': 'x',
      },
      body: '{}',
    });
    await answer.text();
    const { headers } = answer;
    assert.deepEqual(
      [headers.get('x-clipn-mode'), headers.get('x_clipn_mode'), headers.get('x-upstream')],
      ['annotate', null, 'yes'],
    );
    const [arrived] = upstream.requests;
    const names = (arrived?.headers ?? [])
      .map(([name]) => name.toLowerCase())
      .filter((name) => /^x[-_]clipn/.test(name));
    assert.deepEqual(
      names.filter((name) => name.includes('_')),
      [],
    );
    assert.equal(names.filter((name) => name === 'x-clipn-action').length, 1);
  });
});
