/** First bytes of common images that are long enough not to occur in noise. */
const SIGNATURES: [name: string, hex: string][] = [
  ['JPEG', 'ffd8ffe0'],
  ['JPEG', 'ffd8ffe1'],
  ['JPEG', 'ffd8ffdb'],
  ['PNG', '89504e470d0a'],
  ['GIF', '474946383961'],
  ['GIF', '474946383761'],
  ['WebP', '57454250565038'],
  ['AVIF', '6674797061766966'],
];
const signatures = SIGNATURES.map(([name, hex]) => ({ name, bytes: Buffer.from(hex, 'hex') }));

/** The format of an image inside other bytes, as protocol buffers, pickles and MessagePack contain it. */
export function embedded(bytes: Buffer): string | undefined {
  if (bytes.length <= SHORT && !mayContain(bytes)) return undefined;
  return signatures.find((signature) => bytes.includes(signature.bytes))?.name;
}

/** In short bytes one look at all pairs is cheaper than a search for each signature. */
const SHORT = 1024;
const PAIRS = new Uint8Array(65_536);
for (const { bytes } of signatures) PAIRS[bytes.readUInt16BE(0)] = 1;

function mayContain(bytes: Buffer): boolean {
  for (let i = 1; i < bytes.length; i++)
    if (PAIRS[((bytes[i - 1] as number) << 8) | (bytes[i] as number)] === 1) return true;
  return false;
}
