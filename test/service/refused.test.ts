import assert from 'node:assert/strict';
import { readFile } from 'node:fs/promises';
import { before, describe, it } from 'node:test';
import { noise, waves } from '../helpers/images.ts';
import { photographs, temporaryDirectory } from '../helpers/paths.ts';
import { engineAfter, isReady, type Service, sendImage, startService, until } from '../helpers/service.ts';
import { scopeOfSuite } from '../helpers/suite-scope.ts';

const picture = () => (photographs[0] ? readFile(photographs[0]) : waves(300, 200, 3).jpeg().toBuffer());
const HEIC = Buffer.concat([Buffer.from([0, 0, 0, 24]), Buffer.from('ftypheic\0\0\0\0mif1heic'), Buffer.alloc(400)]);
const FILES: [string, Buffer][] = [
  ['HEIC', HEIC],
  ['JPEG XL', Buffer.concat([Buffer.from('0000000c4a584c200d0a870a00000014', 'hex'), Buffer.alloc(400)])],
  ['SVG', Buffer.from('<svg xmlns="http://www.w3.org/2000/svg"/>')],
  ['PDF', Buffer.from('%PDF-1.7\n1 0 obj\n')],
];

describe('a service with the default settings', () => {
  const own = scopeOfSuite();
  let service: Service;
  before(async () => {
    service = await startService(own, await temporaryDirectory(own));
  });

  it('bad images and clients that disconnect do not affect good images in between', async () => {
    const { url } = service;
    const good = await picture();
    const junk = await noise(40, 40).png().toBuffer();
    const bad: [Uint8Array, number, string][] = [
      [Buffer.from('not an image'), 415, 'unsupported_media_type'],
      [good.subarray(0, good.length >> 1), 422, 'image_undecodable'],
      [junk.subarray(0, 60), 422, 'image_undecodable'],
    ];
    const pid = service.enginePid();
    await Promise.all(
      Array.from({ length: 60 }, async (_, i) => {
        if (i % 3 === 0) {
          assert.equal((await sendImage(url, good)).status, 200);
        } else if (i % 3 === 1) {
          const [bytes, status, code] = bad[i % bad.length] as (typeof bad)[number];
          const response = await sendImage(url, bytes);
          assert.deepEqual([response.status, ((await response.json()) as { code: string }).code], [status, code]);
        } else {
          await sendImage(url, good, '', AbortSignal.timeout(i % 7)).catch(() => {});
        }
      }),
    );
    assert.equal((await sendImage(url, good)).status, 200);
    assert.equal(service.enginePid(), pid, 'the engine was not restarted');
  });

  it('/v1/detect answers 415 to formats that are known and not decoded, names them and says what to send', async () => {
    for (const [name, bytes] of FILES) {
      const reply = await sendImage(service.url, bytes);
      const body = (await reply.json()) as Record<string, unknown>;
      assert.equal(reply.status, 415, name);
      assert.equal(body['code'], 'unsupported_media_type');
      assert.equal(body['detail'], `${name} images are not supported; convert to JPEG.`);
    }
  });

  it('nothing listens for gRPC unless a port is set', () => {
    assert.equal(service.log.find(({ msg }) => String(msg).startsWith('ready: '))?.['grpc'], undefined);
  });

  it('while an engine fails to start repeatedly, requests are refused at once and readiness gives reason and time', async () => {
    const deaths = () => service.log.filter((l) => l['msg'] === 'engine process ended').length;
    for (let times = 1; times < 4; times++) {
      const pid = service.enginePid();
      process.kill(pid, 'SIGKILL');
      await until('it has been noticed', 10_000, () => deaths() === times);
      if (times < 3) await engineAfter(service, pid);
    }
    const image = await picture();
    const answer = await sendImage(service.url, image);
    const ready = (await (await fetch(`${service.url}/readyz`)).json()) as { reasons: string[]; status: string };
    if (ready.status === 'not_ready') {
      assert.match(ready.reasons.join(), /killed: signal SIGKILL, from outside\), 3 times in a row/);
      assert.deepEqual([answer.status, ((await answer.json()) as { code: string }).code], [503, 'engine_unavailable']);
      assert.ok(answer.headers.get('retry-after'));
    }
    await until('it is back', 30_000, isReady(service.url));
    assert.equal((await sendImage(service.url, image)).status, 200);
  });
});
