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
export const embedded = (bytes: Buffer): string | undefined =>
  signatures.find((signature) => bytes.includes(signature.bytes))?.name;
