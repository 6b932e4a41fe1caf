import assert from 'node:assert/strict';
import { before, describe, it } from 'node:test';
import fc from 'fast-check';
import type { DetectReply, Verdict } from '../../src/http/schemas/detect.ts';
import type { QualityReply } from '../../src/http/schemas/quality.ts';
import { waves } from '../helpers/images.ts';
import { temporaryDirectory } from '../helpers/paths.ts';
import { isReady, putTenant, type Service, startService, until } from '../helpers/service.ts';
import { scopeOfSuite } from '../helpers/suite-scope.ts';
import { SMALL_LIST, writeWordList } from '../helpers/words.ts';

const CLASSES = ['dog', 'cat', 'bird', 'bicycle', 'pizza'];
const TENANTS = {
  plain: { classes: CLASSES },
  labels: { classes: CLASSES, negatives: {}, method: 'combined' },
  pool: { classes: CLASSES.slice(1), negatives: { pool: true, labels: 9, groups: 2 }, method: 'csp' },
  other: { classes: [...CLASSES, 'sunflower'] },
};
type Tenant = keyof typeof TENANTS;
const NAMES = Object.keys(TENANTS) as Tenant[];

describe('negative labels in a running service', () => {
  const own = scopeOfSuite();
  let service: Service;
  before(async () => {
    service = await startService(own, await temporaryDirectory(own), {
      CLIPN_WORDS: writeWordList(SMALL_LIST),
      // room for few heads, and every image is embedded again, always in a run of its own
      CLIPN_HEADS_BYTES: '60KiB',
      CLIPN_CACHE_BYTES: '0',
      CLIPN_LANES: '1',
      CLIPN_LANE_BATCH: '1',
    });
  });

  it('the same image has the same verdict bytes whatever came before: other tenants, batches, eviction, a crash, a reload, a rollback', async () => {
    const { url, enginePid } = service;
    const put = async (tenant: string, definition: object) => {
      const reply = await putTenant(url, tenant, definition);
      assert.ok(reply.ok, await reply.text());
    };
    for (const name of NAMES) await put(name, TENANTS[name]);
    const images = await Promise.all([1, 2, 3, 4].map((seed) => waves(120, 90, seed).jpeg({ quality: 90 }).toBuffer()));
    const ask = async (tenant: string, places: number[]): Promise<string[]> => {
      const body = JSON.stringify({ images: places.map((i) => ({ id: 'i', data: images[i]?.toString('base64') })) });
      const headers = { 'content-type': 'application/json' };
      const reply = await fetch(`${url}/v1/detect?tenant=${tenant}&top_k=3`, { method: 'POST', headers, body });
      assert.equal(reply.status, 200, await reply.clone().text());
      return ((await reply.json()) as DetectReply).results.map((result) => JSON.stringify(result));
    };
    const alone = new Map<string, string[]>();
    for (const name of NAMES) {
      const verdicts: string[] = [];
      for (const i of images.keys()) verdicts.push(...(await ask(name, [i])));
      alone.set(name, verdicts);
    }
    const [plain, labels, pool] = (['plain', 'labels', 'pool'] as const).map(
      (name) => JSON.parse(alone.get(name)?.[0] as string) as Verdict,
    );
    assert.ok(plain && labels && pool);
    assert.deepEqual(Object.keys(plain.decisions), ['ctw', 'atd', 'atd_rescaled']);
    assert.deepEqual(Object.keys(plain.scores), ['ctw', 'atd', 'msp', 'max_logit', 'energy', 'mcm']);
    const { neglabel: _, combined, ...rest } = labels.decisions;
    assert.deepEqual([rest, labels.decision, labels.method], [plain.decisions, combined, 'combined']);
    assert.deepEqual([pool.decision, pool.method], [pool.decisions.csp, 'csp']);
    const metrics = await (await fetch(`${url}/metrics`)).text();
    const words = SMALL_LIST.nouns.length + 2 * SMALL_LIST.adjectives.length;
    const held = Number(/clipn_engine_held_bytes\{engine="cpu",kind="words"\} (\d+)/.exec(metrics)?.[1]);
    assert.ok(held >= 2 * words * 32 && held < 2 ** 18, `${held} bytes of words`);
    const shuffled = async () => {
      const request = fc.tuple(
        fc.constantFrom(...NAMES),
        fc.array(fc.nat(images.length - 1), { minLength: 1, maxLength: 5 }),
      );
      await fc.assert(
        fc.asyncProperty(fc.array(request, { minLength: 4, maxLength: 12 }), async (requests) => {
          const replies = await Promise.all(requests.map(([tenant, places]) => ask(tenant, places)));
          for (const [r, [tenant, places]] of requests.entries())
            assert.deepEqual(
              replies[r],
              places.map((i) => alone.get(tenant)?.[i]),
            );
        }),
        { numRuns: 8 },
      );
    };
    await shuffled();
    const pid = enginePid();
    process.kill(pid, 'SIGKILL');
    await until('a new engine', 60_000, async () => enginePid() !== pid && (await isReady(url)()));
    await shuffled();
    const json = { 'content-type': 'application/json' };
    const reload = await fetch(`${url}/v1/admin/reload`, { method: 'POST', headers: json, body: '{}' });
    assert.deepEqual([reload.status, ((await reload.json()) as { state: string }).state], [200, 'done']);
    await shuffled();
    // another version, and back; and the same tenant from its archive
    await put('labels', { ...TENANTS.labels, negatives: { labels: 3 } });
    assert.notDeepEqual(await ask('labels', [0, 1]), alone.get('labels')?.slice(0, 2));
    assert.equal((await fetch(`${url}/v1/tenants/labels/rollback`, { method: 'POST' })).status, 200);
    const archive = await (await fetch(`${url}/v1/tenants/pool/export`)).arrayBuffer();
    const type = { 'content-type': 'application/vnd.clipn-gate.tenant' };
    assert.equal(
      (await fetch(`${url}/v1/tenants/copy/import`, { method: 'POST', headers: type, body: archive })).status,
      201,
    );
    assert.deepEqual(await ask('copy', [0, 1, 2, 3]), alone.get('pool'));
    await shuffled();
  });

  it('a rule that needs negative labels is refused where the tenant has none, by name and in a definition', async () => {
    const { url } = service;
    await putTenant(url, 'plain', { classes: ['dog', 'cat'] });
    await putTenant(url, 'labels', { classes: ['dog', 'cat'], negatives: {} });
    const image = await waves(60, 60, 1).png().toBuffer();
    const ask = async (query: string) => {
      const headers = { 'content-type': 'image/png' };
      const reply = await fetch(`${url}/v1/detect?${query}`, { method: 'POST', headers, body: new Uint8Array(image) });
      const body = (await reply.json()) as { code?: string; detail?: string; results?: Verdict[] };
      return [reply.status, body.code ?? body.results?.[0]?.method, body.detail];
    };
    assert.deepEqual(await ask('tenant=plain&method=neglabel'), [
      409,
      'no_negatives',
      'The rule neglabel needs negative labels: add "negatives": {} to the tenant.',
    ]);
    assert.equal((await ask('tenant=labels&method=csp'))[1], 'no_negatives');
    assert.deepEqual((await ask('tenant=labels&method=neglabel')).slice(0, 2), [200, 'neglabel']);
    const refused = await putTenant(url, 'plain', { classes: ['dog'], method: 'combined' });
    const { code, errors } = (await refused.json()) as { code: string; errors: { path: string }[] };
    assert.deepEqual([refused.status, code, errors[0]?.path], [400, 'invalid_request', '/method']);
  });

  it('labelled images give error rates of the rules by negative labels, until these labels change', async () => {
    const { url } = service;
    const definition = { classes: ['dog', 'cat'], capture: { rest: 1, out: 1, disagreeing: 1, duplicates: 'keep' } };
    assert.ok((await putTenant(url, 'reviewed', { ...definition, negatives: { pool: true } })).ok);
    const image = await waves(60, 60, 1).png().toBuffer();
    const body = new Uint8Array(image);
    const headers = { 'content-type': 'image/png' };
    const reply = await fetch(`${url}/v1/detect?tenant=reviewed`, { method: 'POST', headers, body });
    const { decisions, image: facts } = ((await reply.json()) as DetectReply).results[0] as Verdict;
    const address = `${url}/v1/tenants/reviewed`;
    await until('the image is kept', 60_000, async () => {
      const { total } = (await (await fetch(`${address}/captures`)).json()) as { total: number };
      return total === 1;
    });
    const labelled = await fetch(`${url}/v1/labels`, {
      method: 'POST',
      headers: { 'content-type': 'application/json' },
      body: JSON.stringify({ tenant: 'reviewed', sha256: facts.sha256, label: 'none' }),
    });
    assert.equal(labelled.status, 200);
    const accepted = async () => {
      const { rules } = (await (await fetch(`${address}/quality`)).json()) as QualityReply;
      return Object.fromEntries(Object.entries(rules).map(([rule, r]) => [rule, r.false_acceptances?.value]));
    };
    const errors = Object.entries(decisions).map(([rule, decision]) => [rule, decision === 'id' ? 1 : 0]);
    assert.deepEqual(Object.keys(decisions), ['ctw', 'atd', 'atd_rescaled', 'neglabel', 'csp', 'combined']);
    assert.deepEqual(await accepted(), Object.fromEntries(errors));
    const [head, row] = (await (await fetch(`${address}/labels?format=csv`)).text()).split('\r\n');
    const columns = head?.split(',') ?? [];
    const cells = Object.fromEntries(row?.split(',').map((cell, i) => [columns[i], cell]) ?? []);
    for (const [rule, decision] of Object.entries(decisions)) assert.equal(cells[rule], decision, rule);
    assert.ok((await putTenant(url, 'reviewed', { ...definition, negatives: { labels: 3 } })).ok);
    assert.deepEqual(Object.keys(await accepted()), ['ctw', 'atd', 'atd_rescaled']);
  });
});
