import * as zlib from 'node:zlib';

type Sync = { zstdCompressSync?: (data: Buffer) => Buffer; zstdDecompressSync?: (data: Buffer) => Buffer };

function refusesTruncated({ zstdCompressSync, zstdDecompressSync }: Sync): boolean {
  if (!zstdCompressSync || !zstdDecompressSync) return false;
  try {
    zstdDecompressSync(zstdCompressSync(Buffer.alloc(1)).subarray(0, -1));
    return false;
  } catch {
    return true;
  }
}

/**
 * Whether zstd can be undone here. Node.js 20 has no zstd, and version 22 takes a truncated frame for a complete one without content: a reader
 * that keeps what it has got would find an image there.
 */
export const HAS_ZSTD: boolean = refusesTruncated(zlib as Sync);
