/** Recognises image formats whose header is text, and which may be text throughout. */

/** Whether a text shorter than MIN_LONG_TEXT_BYTES may be an image by its first character: "P1 1 1 1", or the base64 of it. */
export const beginsAsPnm = (first: number | undefined): boolean => first === 0x50 || first === 0x55;

/** The same for a text with room for a character before the base64, which decoders skip. */
export const mayBeginPnm = (first: number): boolean => beginsAsPnm(first) || first < 0x30 || first > 0x7a;

const TEXT_FORMATS: [name: string, head: RegExp][] = [
  // Netpbm in all forms, PFM, and Pillow's extensions; after the magic come blanks, comments and a number, or PAM's keywords
  ['PNM', /^P(?:[1-6Ff]|7 332|f4|yP|yRGBA|yCMYK|0CMYK)\s+(?:#|\d{1,9}\s+#)/],
  ['PNM', /^P(?:[4-6Ff]|7 332|f4|yP|yRGBA|yCMYK|0CMYK)\s+\d{1,9}\s+\d{1,9}\s/],
  // the plain forms continue with numbers, and sentences do not
  ['PNM', /^P1\s+\d{1,9}\s+\d{1,9}\s+[01#]/],
  ['PNM', /^P[23]\s+\d{1,9}\s+\d{1,9}\s+(?:#|\d{1,9}\s+[\d#])/],
  ['PAM', /^P7\s/],
  ['XBM', /^\s*#define[ \t][^\n]*_width[ \t]+\d/],
  ['XPM', /^\s*\/\*\s*XPM2?\s*\*\//],
  ['XPM', /^! XPM2/],
  ['EPS', /^\s*%!PS/],
  ['FITS', /^SIMPLE +=/],
  ['Radiance HDR', /^#\?(?:RADIANCE|RGBE)/],
  ['SVG', /^\s*(?:<\?xml[^>]{0,200}>\s*)?(?:<!--[^>]{0,300}-->\s*)?(?:<!DOCTYPE svg[^>]{0,300}>\s*)?<svg[\s>]/i],
];

const text = (data: Uint8Array, end: number) =>
  Buffer.from(data.buffer, data.byteOffset, Math.min(end, data.length)).toString('latin1');

/** Most bytes that are searched here: a native search costs a call, which fewer bytes do not repay. */
const FEW = 48;

function has(data: Uint8Array, byte: number, end: number): boolean {
  const most = Math.min(end, data.length);
  if (most > FEW) return (most < data.length ? data.subarray(0, most) : data).indexOf(byte) >= 0;
  for (let i = 0; i < most; i++) if (data[i] === byte) return true;
  return false;
}

/** The IM format has no signature: "Image type: ..." and other lines, then blanks up to 0x1a, then pixels. */
function im(data: Uint8Array): boolean {
  // without a text of the head first, because this runs for every short text of a body
  if (!has(data, 0x0a, 100)) return false;
  const head = text(data, 4096);
  // without a declared size, an image is 512 x 512
  if (data.length < 262_144 && !/image (?:size|type)/i.test(head)) return false;
  let lines = 0;
  for (let at = 0; at < head.length; lines++) {
    while (head[at] === '\r') at++;
    if (head[at] === '\0' || head[at] === '\x1a') return lines > 0;
    const end = head.indexOf('\n', at);
    if (end < 0 || end - at > 100 || !/^[A-Za-z][^:]*:/.test(head.slice(at, end))) return false;
    at = end + 1;
  }
  return lines > 0 && data.length > 4096;
}

/** The IFUNC format of Pillow: lines of key and value, a form feed, pixels. */
function imt(data: Uint8Array): boolean {
  if (!has(data, 0x0c, 4096)) return false;
  const head = text(data, 4096);
  return head.includes('pixel n8') && head.includes('\f');
}

/** The MSP format: "DanM" or "LinS", and 16 words whose exclusive or is zero. */
function msp(data: Uint8Array): boolean {
  if (data.length < 32 || !/^(?:DanM|LinS)/.test(text(data, 4))) return false;
  let sum = 0;
  for (let i = 0; i < 32; i += 2) sum ^= (data[i] as number) | ((data[i + 1] as number) << 8);
  return sum === 0;
}

const MAY_BEGIN = new Uint8Array(256);
for (const c of Buffer.from(' \t\r\n\f\vP#/!%S<DL')) MAY_BEGIN[c] = 1;

export function textImage(data: Uint8Array): string | undefined {
  const first = data[0];
  if (first === undefined) return undefined;
  if (MAY_BEGIN[first] === 1) {
    const head = text(data, 1024);
    const known = TEXT_FORMATS.find(([, pattern]) => pattern.test(head));
    if (known) return known[0];
    if (msp(data)) return 'MSP';
  }
  if (imt(data)) return 'IMT';
  return im(data) ? 'IM' : undefined;
}
