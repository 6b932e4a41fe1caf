import { promisify } from 'node:util';
import * as zlib from 'node:zlib';
import { defined } from '../../defined.ts';
import { HAS_ZSTD } from '../../zstd.ts';
import { MAX_CODINGS } from './limits.ts';

/** The reason why a content coding is not undone. */
export class CodingError extends Error {
  override readonly name = 'CodingError';
  readonly tooLarge: boolean;

  constructor(message: string, tooLarge = false) {
    super(message);
    this.tooLarge = tooLarge;
  }
}

type Unpacked = { buffer: Buffer; engine: { bytesWritten: number } };
type Unpack = (data: Buffer, options: object) => Promise<Unpacked>;
type Callback = (error: Error | null, unpacked: Unpacked) => void;
// with the option `info`, the functions of zlib return more than their types say
const unpacker = (unpack: unknown) => promisify(unpack as (data: Buffer, options: object, done: Callback) => void);

const zstd = HAS_ZSTD ? (zlib as { zstdDecompress?: unknown }).zstdDecompress : undefined;
const UNPACK: Record<string, Unpack> = {
  gzip: unpacker(zlib.gunzip),
  'x-gzip': unpacker(zlib.gunzip),
  deflate: unpacker(zlib.inflate),
  br: unpacker(zlib.brotliDecompress),
  ...defined({ zstd: zstd === undefined ? undefined : unpacker(zstd) }),
};

/** Codings of a body, the last one applied first; none for "identity". */
export function codingsOf(header: string): string[] {
  const codings = header
    .split(',')
    .map((c) => c.trim().toLowerCase())
    .filter((c) => c !== '' && c !== 'identity');
  return codings.reverse();
}

/**
 * Undoes content codings.
 * @param limit most bytes that a body may have without its coding
 * @throws CodingError
 */
export async function unpack(body: Buffer, codings: readonly string[], limit: number): Promise<Buffer> {
  if (codings.length > MAX_CODINGS) throw new CodingError(`more than ${MAX_CODINGS} content codings`);
  let bytes = body;
  for (const coding of codings) {
    const one = Object.hasOwn(UNPACK, coding) ? UNPACK[coding] : undefined;
    if (!one) throw new CodingError('an unknown content coding');
    try {
      const { buffer, engine } = await one(bytes, { maxOutputLength: limit, info: true });
      if (engine.bytesWritten !== bytes.length) throw new CodingError('there are bytes after the packed content');
      bytes = buffer;
    } catch (error) {
      if (error instanceof CodingError) throw error;
      const tooLarge = (error as { code?: string }).code === 'ERR_BUFFER_TOO_LARGE';
      throw new CodingError(
        tooLarge ? 'the body is too large when unpacked' : 'the packed content is damaged',
        tooLarge,
      );
    }
  }
  return bytes;
}
