import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { decodeImage } from '../../src/images/decode.ts';

const box = (brand: string) => Buffer.concat([Buffer.from([0, 0, 0, 24]), Buffer.from(`ftyp${brand}\0\0\0\0mif1heic`)]);
const FILES: [string, Buffer][] = [
  ['HEIC', box('heic')],
  ['HEIC', box('hevc')],
  ['HEIF', box('mif1')],
  ['JPEG XL', Buffer.from('ff0a000000000000', 'hex')],
  ['JPEG XL', Buffer.from('0000000c4a584c200d0a870a00000014', 'hex')],
  ['PDF', Buffer.from('%PDF-1.7\n')],
  ['JPEG 2000', Buffer.from('0000000c6a5020200d0a870a', 'hex')],
  ['Photoshop', Buffer.from('8BPS\0\x01')],
  ['ICO', Buffer.from('000001000100', 'hex')],
  ['DICOM', Buffer.concat([Buffer.alloc(128), Buffer.from('DICM')])],
  ['SVG', Buffer.from('<?xml version="1.0"?>\n<svg xmlns="http://www.w3.org/2000/svg"/>')],
  ['SVG', Buffer.from('\ufeff<svg width="1"/>')],
];

describe('formats that are known and not decoded', () => {
  for (const [name, bytes] of FILES) {
    it(`refuses ${name} by name and says what to send (${bytes.toString('hex', 0, 12)})`, async () => {
      await assert.rejects(decodeImage(bytes, 64, { maxPixels: 1e6 }), {
        code: 'unsupported_media_type',
        message: `${name} images are not supported; convert to JPEG.`,
      });
    });
  }

  it('does not name a format for bytes that are none of these', async () => {
    for (const bytes of [Buffer.from('<html><body>'), Buffer.from('hello'), Buffer.alloc(40)])
      await assert.rejects(decodeImage(bytes, 64, { maxPixels: 1e6 }), { message: /not an image in a known format/ });
  });
});
