import assert from 'node:assert/strict';
import { createHash } from 'node:crypto';
import { before, describe, it } from 'node:test';
import { isDeepStrictEqual } from 'node:util';
import sharp from 'sharp';
import { temporaryDirectory } from '../helpers/paths.ts';
import { PostgresServer, withoutPostgres } from '../helpers/postgres.ts';
import { isAlive, putTenant, type Service, sendImage, startService, until } from '../helpers/service.ts';
import { scopeOfSuite } from '../helpers/suite-scope.ts';

const shaOf = (data: Uint8Array | string) => createHash('sha256').update(data).digest('hex');

/** A small picture of its own for every number. */
const picture = (i: number) =>
  sharp({
    create: { width: 40 + (i % 7), height: 40, channels: 3, background: { r: (i * 37) % 256, g: i % 256, b: i >> 8 } },
  })
    .png()
    .toBuffer();

/** How many images a worker sends at most before the service is killed. */
const IMAGES = 25;

/** Rules that keep every image, equal or not. */
const EVERYTHING = { classes: ['dog', 'cat'], capture: { rest: 1, per_hour: 10_000, duplicates: 'keep' } };

const give = (url: string, sha256: string, label: string) =>
  fetch(`${url}/v1/labels`, {
    method: 'POST',
    headers: { 'content-type': 'application/json' },
    body: JSON.stringify({ tenant: 'zoo', sha256, label }),
  });

async function labels(url: string): Promise<Map<string, string>> {
  const text = await (await fetch(`${url}/v1/tenants/zoo/labels?format=jsonl`)).text();
  const lines = text.split('\n').filter((line) => line !== '');
  return new Map(lines.map((line) => JSON.parse(line)).map(({ sha256, label }) => [sha256, label]));
}

const captures = async (url: string) =>
  (await (await fetch(`${url}/v1/tenants/zoo/captures?limit=1000`)).json()) as {
    total: number;
    images: { sha256: string }[];
  };
const capture = (sha256: string) => `v1/tenants/zoo/captures/${sha256}`;

/** A service that is written to from all sides, killed in the middle, and started again, some times. */
class Killed {
  /** Classes of tenants and labels of images, as they were acknowledged. */
  readonly tenants = new Map<string, string[]>();
  readonly labels = new Map<string, string>();
  /** Images that the service has listed, and those that were removed again. */
  readonly listed = new Set<string>();
  readonly removed = new Set<string>();
  /** Changes whose request was cut: the state before and the one after are both right. */
  readonly cut = { tenants: new Map<string, string[]>(), labels: new Set<string>() };
  /** Everything that was missing, or other than acknowledged, after a start. */
  readonly lost = {
    tenants: [] as unknown[],
    labels: [] as string[],
    images: [] as string[],
    removals: [] as string[],
  };
  readonly #sent = new Map<string, Buffer>();
  #pictures = 0;

  /** Compares a service that has just started with what it had acknowledged before. */
  async check(url: string): Promise<void> {
    for (const [id, classes] of this.tenants) {
      const { definition, state } = (await (await fetch(`${url}/v1/tenants/${id}`)).json()) as {
        definition: { classes: string[] };
        state: string;
      };
      if (isDeepStrictEqual(definition.classes, this.cut.tenants.get(id))) this.tenants.set(id, definition.classes);
      else if (!isDeepStrictEqual([definition.classes, state], [classes, 'ready']))
        this.lost.tenants.push({ id, classes, definition, state });
    }
    const stored = await labels(url);
    for (const [sha, label] of this.labels)
      if (stored.get(sha) !== label && !this.cut.labels.has(sha)) this.lost.labels.push(sha);
    for (const [sha, label] of stored) this.labels.set(sha, label);
    const kept = new Set((await captures(url)).images.map(({ sha256 }) => sha256));
    this.lost.images.push(...[...this.listed].filter((sha) => !kept.has(sha)));
    for (const sha of kept) {
      const file = Buffer.from(await (await fetch(`${url}/${capture(sha)}/image`)).arrayBuffer());
      if (!this.#sent.get(sha)?.equals(file)) this.lost.images.push(`${sha} has other bytes`);
    }
    for (const sha of this.removed)
      if (kept.has(sha) || (await fetch(`${url}/${capture(sha)}/image`)).status !== 404) this.lost.removals.push(sha);
  }

  /** Writes as fast as the service answers, and kills it when everything has been acknowledged some times. */
  async writeAndKill({ url, child, exited, enginePid }: Service, round: number, tenants: boolean): Promise<void> {
    this.cut.tenants.clear();
    this.cut.labels.clear();
    const counts = { tenants: 0, labels: 0 };
    if (tenants) {
      const quiet = ['quiet', `round ${round}`];
      assert.ok((await putTenant(url, 'quiet', { classes: quiet })).ok);
      this.tenants.set('quiet', quiet);
    }
    const workers = [0, 1, 2, 3];
    const writers = workers.flatMap((w) => [
      ...(tenants ? [this.#putTenants(url, w, round, counts)] : []),
      this.#giveLabels(url, w, round, counts),
    ]);
    await until(
      'tenants and labels are acknowledged some times',
      60_000,
      () => counts.labels >= 60 && (!tenants || (counts.tenants >= 4 + 5 * round && this.tenants.size === 5)),
    );
    writers.push(...workers.map(() => this.#sendImages(url)));
    // killed while others are being stored
    await until('some images are kept', 60_000, async () => {
      for (const { sha256 } of (await captures(url)).images) this.listed.add(sha256);
      return this.listed.size >= 10 * (round + 1);
    });
    const [gone] = this.listed;
    assert.equal((await fetch(`${url}/${capture(gone as string)}`, { method: 'DELETE' })).status, 204);
    child.kill('SIGKILL');
    this.listed.delete(gone as string);
    this.removed.add(gone as string);
    await exited;
    await Promise.all(writers);
    const engine = enginePid();
    await until('the engine does not outlive its parent', 5000, () => !isAlive(engine));
  }

  async #putTenants(url: string, worker: number, round: number, counts: { tenants: number }): Promise<void> {
    const id = `t${worker}`;
    for (let i = 0; ; i++) {
      const classes = [`dog ${round}`, `cat ${i}`];
      this.cut.tenants.set(id, classes);
      const response = await putTenant(url, id, { classes }).catch(() => undefined);
      if (!response?.ok) return;
      this.tenants.set(id, classes);
      this.cut.tenants.delete(id);
      counts.tenants++;
    }
  }

  /** Each worker has images of its own, so the last acknowledged label is the right one, or the one that was cut. */
  async #giveLabels(url: string, worker: number, round: number, counts: { labels: number }): Promise<void> {
    for (let i = worker; ; i += 4) {
      const label = ['dog', 'cat', 'none', 'unsure'][(i + round) % 4] as string;
      const sha = shaOf(String(i));
      const response = await give(url, sha, label).catch(() => undefined);
      if (response?.status !== 200) return void this.cut.labels.add(sha);
      this.labels.set(sha, label);
      counts.labels++;
    }
  }

  async #sendImages(url: string): Promise<void> {
    for (let i = 0; i < IMAGES; i++) {
      const bytes = await picture(this.#pictures++);
      this.#sent.set(shaOf(bytes), bytes);
      const response = await sendImage(url, bytes, '?tenant=zoo').catch(() => undefined);
      if (response?.status !== 200) return;
    }
  }
}

for (const [store, { rounds, skip }] of Object.entries({
  files: { rounds: 4, skip: false as const },
  PostgreSQL: { rounds: 2, skip: withoutPostgres },
})) {
  describe(`kill -9 of the service while it is written to, in ${store}`, () => {
    const run = new Killed();
    const t = scopeOfSuite();
    let server: PostgresServer | undefined;
    let last: Service;
    before(async () => {
      if (skip) return;
      const dir = await temporaryDirectory(t);
      const env: Record<string, string> = {};
      if (store === 'PostgreSQL') {
        server = await PostgresServer.start();
        t.after(() => server?.stop());
        env['CLIPN_STORE'] = await server.database();
      }
      last = await startService(t, dir, env);
      assert.ok((await putTenant(last.url, 'zoo', EVERYTHING)).ok);
      // the tenants of the other store are written to in test/tenants/replicas.test.ts
      for (let round = 0; round < rounds; round++) {
        await run.writeAndKill(last, round, store === 'files');
        last = await startService(t, dir, env);
        await run.check(last.url);
      }
    });

    if (store === 'files')
      it('no acknowledged tenant is lost or changed, and each is ready again', () => {
        assert.deepEqual([run.lost.tenants, run.tenants.size], [[], 5]);
      });

    it(`no acknowledged label is lost, in ${store}`, { skip }, () => {
      assert.deepEqual(run.lost.labels, []);
      assert.ok(run.labels.size >= 60);
    });

    it(`every image that was listed is there, with the bytes that were sent, in ${store}`, { skip }, () => {
      assert.deepEqual(run.lost.images, []);
      assert.ok(run.listed.size + run.removed.size >= 10 * rounds);
    });

    it(`an image that was removed stays removed, in ${store}`, { skip }, () => {
      assert.deepEqual([run.lost.removals, run.removed.size], [[], rounds]);
    });

    if (store === 'PostgreSQL')
      it('while PostgreSQL is away, requests are answered and labels refused; images and labels are stored again afterwards', {
        skip,
      }, async () => {
        const { url, log } = last;
        const before = (await captures(url)).total;
        await server?.halt();
        const images = await Promise.all([1, 2, 3].map((i) => picture(60_000 + i)));
        for (const bytes of images) assert.equal((await sendImage(url, bytes, '?tenant=zoo')).status, 200);
        await until('the failures are counted', 60_000, async () =>
          /clipn_capture_images_total\{tenant="zoo",result="failed"\} 3\b/.test(
            await (await fetch(`${url}/metrics`)).text(),
          ),
        );
        assert.ok(log.some(({ msg }) => /captured images could not be stored/.test(String(msg))));
        const sha = shaOf(images[0] as Buffer);
        const refused = await give(url, sha, 'dog');
        assert.deepEqual(
          [refused.status, ((await refused.json()) as { code: string }).code],
          [503, 'store_unavailable'],
        );
        await server?.resume();
        await until('labels are stored again', 60_000, async () => (await give(url, sha, 'dog')).status === 200);
        for (const bytes of images) await sendImage(url, bytes, '?tenant=zoo');
        await until('images are kept again', 60_000, async () => (await captures(url)).total === before + 3);
      });
  });
}
