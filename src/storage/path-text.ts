import { isUtf8 } from 'node:buffer';

/*
 * The names of files are bytes on Linux, and may be no UTF-8. They are kept as text of which every byte that is not part of a
 * UTF-8 sequence is a lone surrogate, U+DC00 plus the byte (Python calls this surrogateescape). So different names are
 * different texts, JSON can carry them, and the bytes can be had back.
 */

/** One UTF-8 sequence in a text of bytes (latin1), or else any one byte. */
const SEQUENCE =
  // biome-ignore lint/suspicious/noControlCharactersInRegex: bytes, not characters
  /[\x00-\x7f]+|[\xc2-\xdf][\x80-\xbf]|\xe0[\xa0-\xbf][\x80-\xbf]|[\xe1-\xec\xee\xef][\x80-\xbf]{2}|\xed[\x80-\x9f][\x80-\xbf]|\xf0[\x90-\xbf][\x80-\xbf]{2}|[\xf1-\xf3][\x80-\xbf]{3}|\xf4[\x80-\x8f][\x80-\xbf]{2}|[\x80-\xff]/g;

/** The text of a path. */
export function textOfPath(bytes: Buffer): string {
  if (isUtf8(bytes)) return bytes.toString('utf8');
  return bytes
    .toString('latin1')
    .replace(SEQUENCE, (part) =>
      part.length === 1 && part >= '\x80'
        ? String.fromCharCode(0xdc00 + part.charCodeAt(0))
        : Buffer.from(part, 'latin1').toString('utf8'),
    );
}

/** The bytes of a path, which open it whatever its name is. */
export function bytesOfPath(text: string): Buffer {
  const parts = text.split(/([\udc80-\udcff])/u);
  if (parts.length === 1) return Buffer.from(text);
  return Buffer.concat(
    parts.map((part, i) => (i % 2 === 1 ? Buffer.of(part.charCodeAt(0) & 0xff) : Buffer.from(part))),
  );
}
