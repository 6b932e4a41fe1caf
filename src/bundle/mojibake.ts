/**
 * Repairs mojibake: text that was encoded in one encoding and decoded in another ("cafÃ©"). The tables of the bundle decide whether a text looks
 * wrong and which encodings are tried. They come from the library that the reference calls. The steps
 * here are that library's too, so that the result is the same to the character.
 *
 * Bytes are strings of characters up to U+00FF, so that patterns can match them.
 */
export interface MojibakeTables {
  /** In the order of trying; `high` has the characters of the bytes 0x80 to 0xff. */
  encodings: { name: string; high: string }[];
  /** Pattern: combinations of characters that occur in mojibake only. */
  bad: string;
  /** Pattern: parts of a text that look like UTF-8 decoded byte by byte. */
  embedded: string;
  /** Patterns on bytes: sequences of UTF-8 in which a no-break space became a blank; the same for "à" as a word of its own. */
  altered: string;
  altered_word: string;
  /** Pattern on bytes: incomplete sequences of UTF-8. */
  lossy: string;
}

/** Stands for a lost byte in the lenient ("sloppy") encodings. */
const SUBSTITUTE = '\u001a';
const REPLACEMENT = '\ufffd';
const REPLACEMENT_UTF8 = '\u00ef\u00bf\u00bd';
const C1 = /[\u0080-\u009f]/gu;
const NOT_ASCII = /[^\p{ASCII}]/u;

const utf8 = new TextDecoder('utf-8', { fatal: true, ignoreBOM: true });

function decodeStrictly(bytes: string): string | undefined {
  try {
    return utf8.decode(Buffer.from(bytes, 'latin1'));
  } catch {
    return undefined;
  }
}

/** Two variants of UTF-8: surrogates encoded one by one (CESU-8), and U+0000 as c0 80 (Java). */
const VARIANT = /(\u00c0\u0080|\u00ed[\u00a0-\u00af][\u0080-\u00bf]\u00ed[\u00b0-\u00bf][\u0080-\u00bf])/u;

/** Decodes UTF-8 or one of its variants; undefined for anything else. */
function decodeUtf8(bytes: string): string | undefined {
  let text = '';
  // splitting by a group keeps the matches, at the odd positions
  for (const [i, part] of bytes.split(VARIANT).entries()) {
    if (i % 2 === 0) {
      const plain = decodeStrictly(part);
      if (plain === undefined) return undefined;
      text += plain;
    } else if (part.length === 2) {
      text += '\0';
    } else {
      const bits = (at: number, mask: number) => part.charCodeAt(at) & mask;
      const high = (bits(1, 0x0f) << 16) + (bits(2, 0x3f) << 10);
      text += String.fromCodePoint(0x10000 + high + (bits(4, 0x0f) << 6) + bits(5, 0x3f));
    }
  }
  return text;
}

interface Encoding {
  name: string;
  sloppy: boolean;
  /** Bytes of a text; undefined if the encoding lacks one of its characters. */
  encode(text: string): string | undefined;
}

function encodingOf({ name, high }: { name: string; high: string }): Encoding {
  const sloppy = name.startsWith('sloppy-');
  const bytes = new Map(Array.from(high, (c, i) => [c, String.fromCharCode(0x80 + i)]));
  for (let i = 0; i < 0x80; i++) bytes.set(String.fromCharCode(i), String.fromCharCode(i));
  if (sloppy) {
    bytes.delete(SUBSTITUTE);
    bytes.set(REPLACEMENT, SUBSTITUTE);
  }
  return {
    name,
    sloppy,
    encode(text) {
      let out = '';
      for (const c of text) {
        const byte = bytes.get(c);
        if (byte === undefined) return undefined;
        out += byte;
      }
      return out;
    },
  };
}

export interface EncodingFixer {
  /** The text with its mojibake repaired, in any number of layers. */
  fix(text: string): string;
  /** Replaces C1 control characters by the characters that Windows-1252 has at their places. */
  fixC1(text: string): string;
}

export function encodingFixer(tables: MojibakeTables): EncodingFixer {
  const encodings = tables.encodings.map(encodingOf);
  const windows1252 = tables.encodings.find((e) => e.name === 'sloppy-windows-1252')?.high;
  if (windows1252 === undefined) throw new Error('the clean-up tables lack sloppy-windows-1252');
  const pattern = (source: string) => ({ one: new RegExp(source, 'u'), all: new RegExp(source, 'gu') });
  const [bad, embedded] = [pattern(tables.bad), pattern(tables.embedded)];
  const [altered, alteredWord, lossy] = [pattern(tables.altered), pattern(tables.altered_word), pattern(tables.lossy)];

  const c1 = (c: string) => windows1252[c.charCodeAt(0) - 0x80] as string;
  const fixC1 = (text: string) => text.replace(C1, c1);

  /** Restores no-break spaces that became blanks. */
  const restoreSpaces = (bytes: string) =>
    bytes.replace(alteredWord.all, '\u00c3\u00a0 ').replace(altered.all, (m) => m.replaceAll(' ', '\u00a0'));

  function step(text: string): string {
    if (!NOT_ASCII.test(text) || !bad.one.test(text)) return text;
    for (const { name, sloppy, encode } of encodings) {
      let bytes = encode(text);
      if (bytes === undefined) continue;
      // in MacRoman the sequence means a dash and a blank, which is ordinary text
      if (name !== 'macroman' && altered.one.test(bytes)) bytes = restoreSpaces(bytes);
      if (sloppy) bytes = bytes.replace(lossy.all, REPLACEMENT_UTF8);
      const fixed = decodeUtf8(bytes);
      if (fixed !== undefined) return fixed;
    }
    const parts = text.replace(embedded.all, (m) => (m.length < text.length && bad.one.test(m) ? fix(m) : m));
    if (parts !== text) return parts;
    // no encoding explains the text; Latin-1's control characters are still more plausible as Windows-1252
    return fixC1(text);
  }

  function fix(text: string): string {
    for (;;) {
      const fixed = step(text);
      if (fixed === text) return text;
      text = fixed;
    }
  }

  return { fix, fixC1 };
}
