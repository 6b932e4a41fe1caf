/**
 * The first bytes of common image formats in rare encodings. These are reported by name and not decoded. A text needs the given
 * characters, or a run of base64 of the given length, to match.
 */
const ENCODINGS: [name: string, pattern: RegExp, needs: string | number][] = [
  [
    'hexadecimal',
    /(?:^|[^0-9a-f])(?:0x)?(?:ffd8ff[0-9a-f]{20}|89504e470d0a|474946383[79]61|49492a00[0-9a-f]{8}|4d4d002a[0-9a-f]{8}|52494646[0-9a-f]{8}57454250|[0-9a-f]{8}66747970(?:61766966|6d696631|68656963)|424d[0-9a-f]{24}(?:28|7c|6c|0c)000000)/i,
    12,
  ],
  [
    'percent escapes',
    /%FF%D8%FF|%89(?:P|%50)(?:N|%4E)(?:G|%47)|%47%49%46%38|%49%49%2A%00|II\*%00|MM%00(?:\*|%2A)/i,
    '%',
  ],
  [
    'backslash escapes',
    /\\x?ff\\x?d8\\x?ff|\\u00ff\\u00d8\\u00ff|\\377\\330\\377|\\(?:x|u00)89(?:P|\\x50)(?:N|\\x4e)|GIF8[79]a\\|II\*\\|MM\\(?:x00|0|u0000)\*/i,
    '\\',
  ],
  ['quoted-printable', /=FF=D8=FF|=89PNG|GIF8[79]a=/i, '='],
  ['uuencode', /(?:^|\n)begin(?:-base64)? [0-7]{3,4} /, 'begin'],
  [
    'base32',
    /(?:^|[^A-Z2-7])(?:77MP7[A-Z2-7]{20}|RFIE4RYN[A-Z2-7]{20}|I5EUMOBX[A-Z2-7]{20}|I5EUMOBZ[A-Z2-7]{20}|KJEUMR[A-Z2-7]{20})/,
    25,
  ],
  ['base85', /s4IA>!"M;\*|iBL\{Q4GJ0x|<~s4|M,6r;%14!/, 0],
];
const SLICE = 64 * 1024;
const OVERLAP = 128;

/**
 * Yields the name of a rare encoding that contains an image, once; yields undefined after every slice without one.
 * @param longest characters of the longest run of base64
 */
export function* otherEncoding(text: Buffer, longest: number): Generator<string | undefined> {
  if (text.length < 32) return;
  for (let from = 0; from < text.length; from += SLICE) {
    const slice = text.toString('latin1', Math.max(0, from - OVERLAP), from + SLICE);
    yield ENCODINGS.find(
      ([, pattern, needs]) =>
        (typeof needs === 'string' ? slice.includes(needs) : needs <= longest) && pattern.test(slice),
    )?.[0];
  }
}
