import { createHash } from 'node:crypto';
import { open } from 'node:fs/promises';
import { basename, join } from 'node:path';
import { BundleError } from './errors.ts';
import type { Manifest } from './manifest.ts';

/** Bytes that are read at once: small pieces would cost more than the hash itself. */
const PIECE = 2 ** 20;

/** SHA-256 of a file, in hexadecimal. */
export async function sha256(path: string): Promise<string> {
  const hash = createHash('sha256');
  // one buffer for all pieces: a stream would take as much memory as the file has bytes
  const buffer = Buffer.allocUnsafe(PIECE);
  const file = await open(path);
  try {
    for (;;) {
      const { bytesRead } = await file.read(buffer, 0, PIECE, null);
      if (bytesRead === 0) return hash.digest('hex');
      hash.update(buffer.subarray(0, bytesRead));
    }
  } finally {
    await file.close();
  }
}

/** The fault of a file whose checksum is not the one in the manifest. */
export const changed = (name: string) => `${name} is not the file the manifest describes: its sha256 differs`;

/**
 * Compares the files of a bundle with the checksums of its manifest; those in `paths`, by default all.
 * @throws BundleError that names every file that differs or cannot be read
 */
export async function verifyChecksums(
  { dir, manifest }: { dir: string; manifest: Pick<Manifest, 'files'> },
  paths?: readonly string[],
): Promise<void> {
  const wanted = paths && new Set(paths.map((path) => basename(path)));
  const faults: string[] = [];
  for (const [name, entry] of Object.entries(manifest.files)) {
    if (wanted && !wanted.has(name)) continue;
    const found = await sha256(join(dir, name)).catch((error: Error) => error);
    if (found instanceof Error) faults.push(`${name} can't be read: ${found.message}`);
    else if (found !== entry.sha256) faults.push(changed(name));
  }
  if (faults.length > 0) throw new BundleError(dir, faults.sort());
}
