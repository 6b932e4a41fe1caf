/** Value of a character in uuencode; the grave accent is a zero, too. */
const value = (c: number) => (c - 0x20) & 63;
const CONTROLS = new Set(Buffer.from('\r\n'));

/** More characters than a line has: its length, 63 bytes, and a checksum. */
const TOO_LONG = 88;

function lineAt(text: Uint8Array, at: number): Uint8Array {
  let end = at;
  const most = Math.min(at + TOO_LONG, text.length);
  while (end < most && text[end] !== 0x0d && text[end] !== 0x0a) end++;
  return text.subarray(at, end);
}

/** Whether a line may begin here: a fast test of its first characters, which those of most texts do not pass. */
function mayBeLine(text: Uint8Array, at: number): boolean {
  for (let i = at; i < at + 8 && i < text.length; i++) {
    const c = text[i] as number;
    if (c === 0x0d || c === 0x0a) return true;
    if (c < 0x20 || c > 0x60) return false;
  }
  return true;
}

/** Decodes lines that begin with their length, up to the first one that does not. */
export function decodeUu(text: Uint8Array, most: number, out: Buffer): number {
  let size = 0;
  for (let at = 0; at < text.length && size < most; ) {
    if (!mayBeLine(text, at)) break;
    const line = lineAt(text, at);
    at += line.length;
    while (at < text.length && CONTROLS.has(text[at] as number)) at++;
    const length = value(line[0] ?? 0x20);
    const missing = Math.ceil(length / 3) * 4 - (line.length - 1);
    // blanks at the end of a line, which are zeros, may be lost; a checksum may follow
    if (length === 0 || missing > 3 || missing < -2 || line.some((c) => c < 0x20 || c > 0x60)) break;
    const bytes: number[] = [];
    for (let i = 1; i < line.length; i += 4) {
      const [a, b, c, d] = [0, 1, 2, 3].map((n) => value(line[i + n] ?? 0x20)) as [number, number, number, number];
      bytes.push((a << 2) | (b >> 4), ((b << 4) | (c >> 2)) & 255, ((c << 6) | d) & 255);
    }
    for (const byte of bytes.slice(0, length)) out[size++] = byte;
  }
  return size;
}
