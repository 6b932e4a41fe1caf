import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { temporaryDirectory } from '../helpers/paths.ts';
import { sendImage, startService } from '../helpers/service.ts';

const HEIC = Buffer.concat([Buffer.from([0, 0, 0, 24]), Buffer.from('ftypheic\0\0\0\0mif1heic'), Buffer.alloc(400)]);
const FILES: [string, Buffer][] = [
  ['HEIC', HEIC],
  ['JPEG XL', Buffer.concat([Buffer.from('0000000c4a584c200d0a870a00000014', 'hex'), Buffer.alloc(400)])],
  ['SVG', Buffer.from('<svg xmlns="http://www.w3.org/2000/svg"/>')],
  ['PDF', Buffer.from('%PDF-1.7\n1 0 obj\n')],
];

describe('formats that are known and not decoded, over HTTP', () => {
  it('/v1/detect answers 415, names the format and says what to send', async (t) => {
    const { url } = await startService(t, await temporaryDirectory(t));
    for (const [name, bytes] of FILES) {
      const reply = await sendImage(url, bytes);
      const body = (await reply.json()) as Record<string, unknown>;
      assert.equal(reply.status, 415, name);
      assert.equal(body['code'], 'unsupported_media_type');
      assert.equal(body['detail'], `${name} images are not supported; convert to JPEG.`);
    }
  });
});
