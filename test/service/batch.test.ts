import assert from 'node:assert/strict';
import { readFile } from 'node:fs/promises';
import { it } from 'node:test';
import type { Verdict } from '../../src/http/schemas/detect.ts';
import { waves } from '../helpers/images.ts';
import { photographs, TRAINED_BUNDLE, temporaryDirectory } from '../helpers/paths.ts';
import { ALL_LANES, putTenant, sendImage, startService } from '../helpers/service.ts';

/** 200 different pictures: photographs where they are, made ones for the rest. */
async function pictures(count: number): Promise<Buffer[]> {
  const real = await Promise.all(photographs.slice(0, count).map((f) => readFile(f)));
  const made = Array.from({ length: count - real.length }, (_, i) =>
    waves(80 + (i % 50), 70 + (i % 31), i + 1)
      .jpeg({ quality: 90 })
      .toBuffer(),
  );
  return [...real, ...(await Promise.all(made))];
}

/** Every number and decision of a verdict; timing and ids are not part of it. */
function numbers(v: Verdict): number[] {
  return [
    v.no_probability,
    v.ood_probability,
    v.scores.ctw,
    v.scores.atd,
    v.scores.msp,
    ...[...v.top].sort((a, b) => a.index - b.index).flatMap((c) => [c.probability, c.no_probability]),
  ];
}

it('a verdict does not depend on its batch or lane: alone on all cores, in one request, among 32 clients, and of another tenant beside them', async (t) => {
  const { url } = await startService(t, await temporaryDirectory(t), {
    CLIPN_MAX_IMAGES: '200',
    CLIPN_MAX_QUEUE: '1000',
    // the time of 200 images on a machine whose cores are busy with other work
    CLIPN_REQUEST_TIMEOUT_MS: '10m',
    // whatever the engine would measure, batches are tested
    ...ALL_LANES,
    CLIPN_BUNDLE: TRAINED_BUNDLE,
    CLIPN_LANE_BATCH: '4',
    // every image is run every time
    CLIPN_CACHE_BYTES: '0',
  });
  const images = await pictures(200);
  const alone: Verdict[] = [];
  for (const image of images) {
    const reply = (await (await sendImage(url, image, '?top_k=10')).json()) as { results: Verdict[] };
    alone.push(reply.results[0] as Verdict);
  }

  const form = new FormData();
  for (const [i, image] of images.entries()) form.append('file', new Blob([image as Uint8Array<ArrayBuffer>]), `${i}`);
  const together = (await (await fetch(`${url}/v1/detect?top_k=10`, { method: 'POST', body: form })).json()) as {
    results: Verdict[];
  };

  const crowd: Verdict[] = [];
  const queue = [...images.keys()];
  await Promise.all(
    Array.from({ length: 32 }, async () => {
      for (let i = queue.shift(); i !== undefined; i = queue.shift()) {
        const response = await sendImage(url, images[i] as Buffer, '?top_k=10');
        assert.equal(response.status, 200);
        crowd[i] = ((await response.json()) as { results: Verdict[] }).results[0] as Verdict;
      }
    }),
  );

  const metrics = await (await fetch(`${url}/metrics`)).text();
  const count = Number(/clipn_batch_size_count (\d+)/.exec(metrics)?.[1]);
  const sum = Number(/clipn_batch_size_sum (\d+)/.exec(metrics)?.[1]);
  assert.equal(sum, 600);
  assert.ok(count < 500, `${count} runs for 600 pictures: nothing was batched`);

  // a light tenant, while another keeps the engine full
  const { definition } = (await (await fetch(`${url}/v1/tenants/demo`)).json()) as { definition: object };
  assert.ok((await putTenant(url, 'light', definition)).ok);
  const beside: Verdict[] = [];
  let busy = true;
  const crowded = Array.from({ length: 24 }, async (_, k) => {
    for (let i = k; busy; i++) await (await sendImage(url, images[i % images.length] as Buffer)).arrayBuffer();
  });
  for (let i = 0; Object.keys(beside).length < 40; i = (i + 1) % 40) {
    const response = await sendImage(url, images[i] as Buffer, '?top_k=10&tenant=light');
    const { results } = (await response.json()) as { results: Verdict[] };
    beside[i] = results[0] as Verdict;
  }
  busy = false;
  await Promise.all(crowded);

  let worst = 0;
  for (const [i, one] of alone.entries()) {
    for (const other of [together.results[i] as Verdict, crowd[i] as Verdict, beside[i] ?? one]) {
      assert.deepEqual(other.decisions, one.decisions, `picture ${i}`);
      assert.equal(other.prediction.index, one.prediction.index);
      assert.equal(other.image.sha256, one.image.sha256);
      const theirs = numbers(other);
      for (const [k, value] of numbers(one).entries()) worst = Math.max(worst, Math.abs(value - (theirs[k] as number)));
    }
  }
  t.diagnostic(
    `${photographs.length > 0 ? 'photographs and made pictures' : 'made pictures'}: 600 verdicts in ${count} runs, largest difference ${worst.toExponential(1)}`,
  );
  assert.ok(worst <= 1e-5, `largest difference ${worst}`);
});
