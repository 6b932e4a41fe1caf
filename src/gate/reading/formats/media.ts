import { isobmff } from './isobmff.ts';

const ascii = (data: Uint8Array, at: number, length: number) =>
  data.length < at + length ? '' : String.fromCharCode(...data.subarray(at, at + length));

const MPEG_RATES = 3;

/** The length of a layer III frame follows from its header, so three frames in a row identify the format. */
function mp3(data: Uint8Array): boolean {
  let at = 0;
  for (let frames = 0; frames < MPEG_RATES; frames++) {
    const [a, b, c] = [data[at], data[at + 1] as number, data[at + 2] as number];
    if (a !== 0xff || (b & 0xe0) !== 0xe0 || (b & 0x06) !== 0x02) return false;
    const version1 = (b & 0x18) === 0x18;
    const kbit = (
      version1
        ? [0, 32, 40, 48, 56, 64, 80, 96, 112, 128, 160, 192, 224, 256, 320]
        : [0, 8, 16, 24, 32, 40, 48, 56, 64, 80, 96, 112, 128, 144, 160]
    )[c >> 4];
    const base = [44100, 48000, 32000][(c >> 2) & 3];
    if (!kbit || !base) return false;
    const rate = version1 ? base : (b & 0x18) === 0x10 ? base / 2 : base / 4;
    at += Math.floor(((version1 ? 144 : 72) * kbit * 1000) / rate) + ((c >> 1) & 1);
  }
  return true;
}

/** AAC in ADTS: three frames in a row. */
function adts(data: Uint8Array): boolean {
  let at = 0;
  for (let frames = 0; frames < MPEG_RATES; frames++) {
    if (data.length < at + 7 || data[at] !== 0xff || ((data[at + 1] as number) & 0xf6) !== 0xf0) return false;
    const length =
      (((data[at + 3] as number) & 3) << 11) | ((data[at + 4] as number) << 3) | ((data[at + 5] as number) >> 5);
    if (length < 7) return false;
    at += length;
  }
  return true;
}

function transportStream(data: Uint8Array): boolean {
  return data.length >= 188 * 3 && [0, 188, 376].every((at) => data[at] === 0x47);
}

/** First bytes of the formats below, and the fifth byte of a file of boxes. */
const MEDIA_FIRSTS = new Uint8Array(256);
for (const first of Buffer.from('%ROfMwIF#\x1aG\xff', 'latin1')) MEDIA_FIRSTS[first] = 1;
const BOX_TYPE = 0x66;

/**
 * Recognises sound, video and documents that no image reader opens. Call it after imageFormat(), because some files are both.
 * @returns the name of the kind, undefined for anything else
 */
export function mediaKind(data: Uint8Array): string | undefined {
  // most bytes begin as none of these
  if (MEDIA_FIRSTS[data[0] as number] !== 1 && data[4] !== BOX_TYPE) return undefined;
  const head = ascii(data, 0, 4);
  if (head === '%PDF') return 'PDF';
  if (head === 'RIFF') return { WAVE: 'sound', 'AVI ': 'video' }[ascii(data, 8, 4)];
  if (head === 'OggS' || head === 'fLaC' || head === 'MThd' || head === 'wvpk') return 'sound';
  if (head.startsWith('ID3') && data.length >= 10 && data.subarray(3, 10).every((b) => b < 0x80)) return 'sound';
  if (head === 'FORM' && /^AIF[FC]$/.test(ascii(data, 8, 4))) return 'sound';
  if (ascii(data, 0, 6) === '#!AMR\n' || ascii(data, 0, 5) === '#!AMR') return 'sound';
  if (head === '\x1aE\xdf\xa3') return 'video';
  if (head === 'FLV\x01') return 'video';
  if (isobmff(data) === 'video') return 'video';
  return mp3(data) || adts(data) ? 'sound' : transportStream(data) ? 'video' : undefined;
}

const ARCHIVES: [kind: string, hex: string, at?: number][] = [
  ['zip', '504b0304'],
  ['zip', '504b0506'],
  ['gzip', '1f8b08'],
  ['bzip2', '425a68'],
  ['xz', 'fd377a585a00'],
  ['zstd', '28b52ffd'],
  ['lz4', '04224d18'],
  ['7z', '377abcaf271c'],
  ['rar', '526172211a07'],
  ['tar', '7573746172', 257],
];
const archives = ARCHIVES.map(([kind, hex, at = 0]) => ({ kind, at, bytes: Buffer.from(hex, 'hex') }));

const FIRSTS = new Uint8Array(256);
for (const { at, bytes } of archives) if (at === 0) FIRSTS[bytes[0] as number] = 1;
/** Whether packed content of fewer than 257 bytes may begin with a byte. */
export const mayBePacked = (first: number): boolean => FIRSTS[first] === 1;

/** Recognises packed content, which may contain images. */
export function archiveKind(data: Uint8Array): string | undefined {
  if (FIRSTS[data[0] as number] === 0 && data.length < 257) return undefined;
  return archives.find(({ at, bytes }) => bytes.every((b, i) => data[at + i] === b))?.kind;
}
