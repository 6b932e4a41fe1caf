import { execFileSync } from 'node:child_process';
import { closeSync, mkdirSync, openSync, rmSync, writeSync } from 'node:fs';
import { join } from 'node:path';

const CHUNK = Buffer.alloc(2 ** 20);

/** A small file system of its own, in memory. */
export class Disk {
  readonly dir: string;
  readonly #filler: string;
  /** Reason that it is an ordinary directory, which cannot be filled. */
  readonly missing: string | undefined;

  constructor(dir: string, megabytes: number) {
    this.dir = dir;
    this.#filler = join(dir, 'filler');
    mkdirSync(dir, { recursive: true });
    try {
      execFileSync('mount', ['-t', 'tmpfs', '-o', `size=${megabytes}m,mode=0777`, 'tmpfs', dir], { stdio: 'pipe' });
    } catch {
      this.missing = 'no file system can be mounted here (needs root)';
    }
  }

  /** Leaves no free byte. */
  fill(): void {
    if (this.missing !== undefined) throw new Error(this.missing);
    const file = openSync(this.#filler, 'a');
    try {
      for (let size = CHUNK.length; size >= 1; size = Math.floor(size / 4)) {
        try {
          while (writeSync(file, CHUNK, 0, size) === size);
        } catch {
          // full, as it is meant to be; smaller pieces may still fit
        }
      }
    } finally {
      closeSync(file);
    }
  }

  /** Gives the space back. */
  free(): void {
    rmSync(this.#filler, { force: true });
  }

  unmount(): void {
    if (this.missing === undefined) execFileSync('umount', ['-l', this.dir]);
  }
}
