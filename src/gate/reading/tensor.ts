import { imageFormat } from './formats/image-format.ts';
import { smallImage } from './formats/small-images.ts';
import { MAX_MASK_VALUES, MIN_PIXELS, MIN_SIDE } from './limits.ts';
import { isStrong } from './scan.ts';

const HEAD = 4096;
const EMPTY = Buffer.alloc(0);
const NOTHING_SEEN = new Uint8Array(0);

/** Whether a shape is that of an image: height, width and channels, in either order, or of several images. */
export function imageShaped(shape: readonly number[]): boolean {
  if (shape.length < 3) return false;
  const [a, b, c] = shape.slice(-3) as [number, number, number];
  const channels = (n: number) => n === 1 || n === 3 || n === 4;
  return (channels(c) && a >= MIN_SIDE && b >= MIN_SIDE) || (channels(a) && b >= MIN_SIDE && c >= MIN_SIDE);
}

/** The same for a tensor; the first of four axes is a batch. */
export function imageShapedBatch(shape: readonly number[]): boolean {
  return imageShaped(shape.length > 3 ? shape.slice(1) : shape);
}

/** Share of integers of 0 to 255 from which on the numbers may be pixels: a few others among them do not change that. */
const MIN_BYTE_SHARE = 0.9;

/** Formats whose files are longer than a short array of features, which may begin with the same bytes. */
const LONGER = new Set(['ICO', 'EMF', 'McIdas']);

/** Properties of an array of numbers, computed without keeping the numbers. */
export class Tensor {
  leaves = 0;
  /** Whether every number so far is an integer of 0 to 255. */
  bytes = true;
  /** Whether every number so far stands for a byte: signed bytes and whole floats do, too. */
  #file = true;
  #seen = NOTHING_SEEN;
  /** Integers of 0 to 255. */
  #integers = 0;
  #values = 0;
  #largest = 0;
  /** Grows with the numbers, because most arrays are short. */
  #head = EMPTY;
  readonly #sizes: number[] = [0];

  /** Makes the object ready for another array, because a text may have very many short ones. */
  clear(): void {
    this.leaves = 0;
    this.bytes = true;
    this.#file = true;
    if (this.#values > 0) this.#seen.fill(0);
    this.#integers = 0;
    this.#values = 0;
    this.#largest = 0;
    this.#sizes.length = 1;
    this.#sizes[0] = 0;
  }

  /** @param depth depth of the array; the outermost one has 0 */
  open(depth: number): void {
    if (this.#sizes.length <= depth) this.#sizes.push(0);
  }

  close(depth: number, count: number): void {
    if (count > (this.#sizes[depth] ?? -1)) this.#sizes[depth] = count;
  }

  /**
   * @param value -1 for anything else than an integer of 0 to 255
   * @param byte the byte that the number stands for in a file; -1 if it is none
   */
  leaf(value: number, byte = value): void {
    if (value < 0) this.bytes = false;
    else this.#integers++;
    if (byte < 0) this.#file = false;
    else {
      if (this.#seen === NOTHING_SEEN) this.#seen = new Uint8Array(256);
      if (this.#seen[byte] === 0) {
        this.#seen[byte] = 1;
        this.#values++;
        if (byte > this.#largest) this.#largest = byte;
      }
      if (this.#file && this.leaves < HEAD) {
        if (this.leaves >= this.#head.length) this.#grow();
        this.#head[this.leaves] = byte;
      }
    }
    this.leaves++;
  }

  #grow(): void {
    const more = Buffer.alloc(this.#head.length === 0 ? 64 : HEAD);
    this.#head.copy(more);
    this.#head = more;
  }

  get shape(): readonly number[] {
    return this.#sizes;
  }

  /** The image format of the file, if the numbers are the bytes of one. */
  get format(): ReturnType<typeof imageFormat> {
    if (!this.#file) return undefined;
    const head = this.#head.subarray(0, this.leaves);
    // labels, one-hot vectors and features are small numbers or few, and may begin with the same bytes as an image
    const small = this.#values <= MAX_MASK_VALUES && this.#largest <= MAX_MASK_VALUES;
    const format = small ? undefined : imageFormat(head);
    if (format && (this.leaves >= MIN_SIDE * MIN_SIDE || (isStrong(format.name) && !LONGER.has(format.name))))
      return format;
    const name = small || this.leaves < MIN_SIDE * MIN_SIDE ? smallImage(head, this.leaves) : undefined;
    return name === undefined ? undefined : { name, kind: 'other' };
  }

  /**
   * The reason why the numbers may be pixels; undefined if they are not.
   * @param batch whether the outermost array is one of instances, not an axis of an image
   */
  pixels(batch: boolean): string | undefined {
    const pixels = this.#integers > MIN_BYTE_SHARE * this.leaves;
    if (pixels && this.leaves >= MIN_PIXELS && this.#values > MAX_MASK_VALUES)
      return `${this.leaves} integers from 0 to 255, which may be pixels`;
    const shape = batch ? this.#sizes.slice(1) : this.#sizes;
    return imageShaped(shape) ? `numbers in the shape of an image, ${shape.slice(0, 6).join(' x ')}` : undefined;
  }
}
