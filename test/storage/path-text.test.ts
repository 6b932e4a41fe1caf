import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import fc from 'fast-check';
import { bytesOfPath, textOfPath } from '../../src/storage/path-text.ts';

describe('text of a path', () => {
  it('any bytes come back from their text, also through JSON, and UTF-8 is its own text', () => {
    fc.assert(
      fc.property(fc.uint8Array({ maxLength: 40 }), (array) => {
        const bytes = Buffer.from(array);
        const text = textOfPath(bytes);
        assert.deepEqual(bytesOfPath(text), bytes);
        assert.deepEqual(bytesOfPath(JSON.parse(JSON.stringify(text))), bytes);
      }),
      { examples: [[Uint8Array.of(0xed, 0xb2, 0x80)], [Uint8Array.of(0xf0, 0x9f, 0x98)], [Uint8Array.of(0x61, 0xff)]] },
    );
    fc.assert(
      fc.property(fc.string({ unit: 'grapheme' }), (text) => {
        assert.equal(textOfPath(Buffer.from(text)), text);
        assert.deepEqual(bytesOfPath(text), Buffer.from(text));
      }),
    );
  });

  it('has the form that os.fsdecode of Python has', () => {
    assert.equal(textOfPath(Buffer.from([0x6e, 0xff, 0xe9, 0x2e, 0x6a])), 'n\udcff\udce9.j');
  });
});
