import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import fc from 'fast-check';
import { printable, printableJson } from '../../src/errors/printable.ts';

/** Characters that a terminal may interpret. */
const INTERPRETED = /[\p{Cc}\u2028-\u202e\u2066-\u2069]|[\ud800-\udfff]/u;
const nasty = fc.string({
  unit: fc.oneof(
    fc.integer({ min: 0, max: 0xa0 }).map((code) => String.fromCharCode(code)),
    fc.constantFrom('\u202e', '\u2066', '\u2028', '\udcff', '\ud83d', '日', '😀'),
  ),
});

describe('text for a terminal', () => {
  it('control characters, marks of direction and bytes become escapes, everything else stays', () => {
    assert.equal(
      printable('a\u001b[2J\n\u009b1m\u202egpj.\udcff\ud800 日😀'),
      'a\\x1b[2J\\n\\x9b1m\\u202egpj.\\xff\\ud800 日😀',
    );
    fc.assert(fc.property(nasty, (text) => assert.doesNotMatch(printable(text), INTERPRETED)));
  });

  it('JSON has escapes in their place and reads as the same value', () => {
    fc.assert(
      fc.property(nasty, (text) => {
        const json = printableJson({ [text]: text });
        assert.doesNotMatch(json, INTERPRETED);
        assert.deepEqual(JSON.parse(json), { [text]: text });
      }),
    );
  });
});
