import assert from 'node:assert/strict';
import { it } from 'node:test';
import type { Verdict } from '../../src/http/schemas/detect.ts';
import { waves } from '../helpers/images.ts';
import { temporaryDirectory } from '../helpers/paths.ts';
import { isReady, putTenant, sendImage, startService, until } from '../helpers/service.ts';

const NAMES =
  'dog,cat,bird,butterfly,elephant,airplane,bicycle,car,pizza,sunflower,tree,house,boat,horse,cow,sheep,bear,zebra,chair,table'.split(
    ',',
  );
const TENANTS = 24;
/** The same classes in another order: every tenant must say the same of an image. */
const classesOf = (tenant: number) => [...NAMES.slice(tenant % NAMES.length), ...NAMES.slice(0, tenant % NAMES.length)];

it('with many more tenants than fit into the engine, under load and after a crash, verdicts are the same and none is lost', async (t) => {
  const { url, enginePid } = await startService(t, await temporaryDirectory(t), {
    // room for a few heads of 20 classes
    CLIPN_HEADS_BYTES: '200KiB',
    CLIPN_CACHE_BYTES: '0',
  });
  for (let i = 0; i < TENANTS; i++) assert.ok((await putTenant(url, `t${i}`, { classes: classesOf(i) })).ok);
  const images = await Promise.all([1, 2, 3].map((seed) => waves(120, 90, seed).jpeg({ quality: 90 }).toBuffer()));
  const ask = async (tenant: number, image: number): Promise<Verdict> => {
    const response = await sendImage(url, images[image] as Buffer, `?tenant=t${tenant}&top_k=3`);
    assert.equal(response.status, 200, await response.clone().text());
    return ((await response.json()) as { results: Verdict[] }).results[0] as Verdict;
  };
  const expected = await Promise.all(images.map((_, i) => ask(0, i)));
  const all = async () => {
    let at = 0;
    await Promise.all(
      Array.from({ length: 8 }, async () => {
        while (at < 4 * TENANTS) {
          const i = at++;
          const [verdict, wanted] = [await ask(i % TENANTS, i % images.length), expected[i % images.length] as Verdict];
          assert.equal(verdict.prediction.class, wanted.prediction.class);
          assert.deepEqual(verdict.decisions, wanted.decisions);
          assert.equal(classesOf(i % TENANTS)[verdict.prediction.index], verdict.prediction.class);
          assert.ok(Math.abs(verdict.ood_probability - wanted.ood_probability) < 1e-4);
        }
      }),
    );
  };
  await all();
  const pid = enginePid();
  process.kill(pid, 'SIGKILL');
  await until('a new engine', 60_000, async () => enginePid() !== pid && (await isReady(url)()));
  await all();
});
