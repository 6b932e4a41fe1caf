/** C0 and C1 control characters, line separators, marks that change the direction of the text after them, lone surrogates. */
const UNPRINTABLE = /[\p{Cc}\u2028\u2029\u202a-\u202e\u2066-\u2069]|[\ud800-\udfff]/gu;

/** Names that a terminal's user knows; other code points are shown by number. */
const SHORT: Record<string, string> = { '\n': '\\n', '\r': '\\r', '\t': '\\t' };

/**
 * A text as a terminal may show it: every character that a terminal would interpret is written as an escape (`\x1b`, `\u202e`).
 * The bytes of a file name that are not UTF-8 are lone surrogates (storage/path-text.ts) and are written as bytes (`\xff`).
 */
export function printable(text: string): string {
  return text.replace(UNPRINTABLE, escaped);
}

function escaped(character: string): string {
  const code = character.charCodeAt(0);
  if (SHORT[character]) return SHORT[character];
  const byte = code >= 0xdc80 && code <= 0xdcff ? code - 0xdc00 : code;
  return byte <= 0xff ? `\\x${byte.toString(16).padStart(2, '0')}` : `\\u${code.toString(16).padStart(4, '0')}`;
}

/** Characters that JSON allows unescaped in a string, and that a terminal would interpret. */
const RAW_IN_JSON = /[\u007f-\u009f\u2028\u2029\u202a-\u202e\u2066-\u2069]/g;

/** JSON of a value in which these are escapes too; it reads as the same value. */
export function printableJson(value: unknown, indent?: number): string {
  return JSON.stringify(value, null, indent).replace(
    RAW_IN_JSON,
    (c) => `\\u${c.charCodeAt(0).toString(16).padStart(4, '0')}`,
  );
}
