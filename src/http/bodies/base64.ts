import { unescapePercent } from '../../gate/index.ts';

const STANDARD = /^[A-Za-z0-9+/]*={0,2}$/;
const URL_SAFE = /^[A-Za-z0-9_-]*={0,2}$/;
const DATA_URL = /^\s*data:([^,]{0,1000}),/i;

/** Decodes base64 in either alphabet, with blanks and line breaks between characters; undefined for any other text. */
export function fromBase64(text: string): Buffer | undefined {
  const data = /\s/.test(text) ? text.replace(/\s+/g, '') : text;
  // Buffer.from skips characters that are not base64, which would turn a mistake into another image
  if (data.length % 4 === 1 || !(STANDARD.test(data) || URL_SAFE.test(data))) return undefined;
  return Buffer.from(data, 'base64');
}

/** The bytes of an image in JSON: base64, or a data: URL (RFC 2397) with or without base64; undefined for any other text. */
export function bytesOfText(text: string): Buffer | undefined {
  const [head, kind] = DATA_URL.exec(text) ?? [];
  if (head === undefined) return fromBase64(text);
  const data = text.slice(head.length);
  if (/;\s*base64\s*$/i.test(kind as string)) {
    return fromBase64(data.includes('%') ? unescaped(data).toString('latin1') : data);
  }
  return unescaped(data);
}

/** Replaces %XX by the byte of that number; other characters keep their bytes in UTF-8. */
function unescaped(text: string): Buffer {
  const bytes = Buffer.from(text);
  return unescapePercent(bytes) ?? bytes;
}
