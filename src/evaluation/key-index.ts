import { createHash } from 'node:crypto';
import type { ImageKey } from './rows.ts';

/** 64 bits of the key's sha256. The probability that two of a million images share them is 3e-8. */
function digest({ set, path, bytes, mtime_ms }: ImageKey): bigint {
  return createHash('sha256')
    .update(JSON.stringify([set, path, bytes, mtime_ms]))
    .digest()
    .readBigUInt64LE();
}

/** A set of image keys with nine bytes each. It is filled first, then queried. */
export class KeyIndex {
  #keys = new BigUint64Array(1024);
  #length = 0;
  #seen: Uint8Array | undefined;
  #marked = 0;

  add(key: ImageKey): void {
    if (this.#length === this.#keys.length) {
      const larger = new BigUint64Array(2 * this.#length);
      larger.set(this.#keys);
      this.#keys = larger;
    }
    this.#keys[this.#length++] = digest(key);
  }

  get length(): number {
    return this.#length;
  }

  /** Number of times that `mark` returned true. */
  get marked(): number {
    return this.#marked;
  }

  /** First position of the key among the sorted ones, or -1. */
  #find(key: ImageKey): number {
    if (!this.#seen) {
      this.#keys = this.#keys.slice(0, this.#length).sort();
      this.#seen = new Uint8Array(this.#length);
    }
    const wanted = digest(key);
    let low = 0;
    let high = this.#length;
    while (low < high) {
      const middle = (low + high) >>> 1;
      if ((this.#keys[middle] as bigint) < wanted) low = middle + 1;
      else high = middle;
    }
    return this.#keys[low] === wanted ? low : -1;
  }

  /** Marks the key. @returns whether it was added before */
  mark(key: ImageKey): boolean {
    const at = this.#find(key);
    if (at < 0) return false;
    (this.#seen as Uint8Array)[at] = 1;
    this.#marked++;
    return true;
  }

  /** Removes the mark of the key, so that a key that was added twice counts once. @returns whether it was marked */
  take(key: ImageKey): boolean {
    const at = this.#find(key);
    if (at < 0 || this.#seen?.[at] !== 1) return false;
    this.#seen[at] = 0;
    return true;
  }
}
