import { createHash } from 'node:crypto';
import { readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { quietly } from './run.ts';

export const SUMS = 'SHA256SUMS';

const sha256 = (file: string): string => createHash('sha256').update(readFileSync(file)).digest('hex');

/**
 * Writes the checksums of all files of a folder, as `sha256sum --check` reads them, and their signature if a key is named.
 * @param key an SSH key without a passphrase, or whose agent has it
 */
export function writeChecksums(out: string, key: string | undefined): void {
  const sums = join(out, SUMS);
  // ssh-keygen leaves an earlier signature in place, of other checksums, and ends with status 0
  rmSync(`${sums}.sig`, { force: true });
  const files = readdirSync(out)
    .filter((name) => !name.startsWith(SUMS))
    .sort();
  writeFileSync(sums, files.map((name) => `${sha256(join(out, name))}  ${name}\n`).join(''));
  if (key !== undefined) quietly('ssh-keygen', ['-Y', 'sign', '-n', 'file', '-f', key, sums], out);
}
