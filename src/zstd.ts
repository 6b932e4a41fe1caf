import * as zlib from 'node:zlib';

/** A frame that announces one byte and ends before it (RFC 8878). */
const TRUNCATED = Buffer.from('28b52ffd2001090000', 'hex');

function refusesTruncated({ zstdDecompressSync }: { zstdDecompressSync?: (data: Buffer) => Buffer }): boolean {
  try {
    zstdDecompressSync?.(TRUNCATED);
    return false;
  } catch {
    return true;
  }
}

/**
 * Whether zstd can be undone here. Node.js 20 has no zstd, and version 22 takes a truncated frame for a complete one without content: a reader
 * that keeps what it has got would find an image there.
 */
export const HAS_ZSTD: boolean = refusesTruncated(zlib as object);
