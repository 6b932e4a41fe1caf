/** The features of all words of a word list, and their cosines with one vector: compiled (kernel/gather.ts), or in plain code where there is no build. */
import { existsSync, readFileSync } from 'node:fs';
import { PACKAGE } from '../installation.ts';

// Node has WebAssembly, but @types/node leaves its types to the browser's library
declare const WebAssembly: {
  Module: new (bytes: Uint8Array) => object;
  Instance: new (module: object) => { exports: unknown };
};

interface Exports {
  memory: { readonly buffer: ArrayBuffer; grow(pages: number): number };
  gather(rows: number, stride: number, vector: number, indices: number, count: number, out: number): void;
}

const PAGE = 2 ** 16;
/** Rows are padded to a multiple of this many numbers. */
const BLOCK = 32;
/** A number of a unit vector is stored in steps of 1 / STEPS. */
const STEPS = 32_767;
const COMPILED = new URL('dist/words/gather.wasm', PACKAGE);

let compiled: object | undefined;
/** A new instance with a memory of its own, which is free again when the matrix is. Undefined without a build. */
function instance(): Exports | undefined {
  if (!compiled && !existsSync(COMPILED)) return undefined;
  compiled ??= new WebAssembly.Module(readFileSync(COMPILED));
  return new WebAssembly.Instance(compiled).exports as Exports;
}

/**
 * Rows of unit length, [count, width], in one block of memory: 16-bit integers in steps of 1 / 32767. That halves the memory, whose
 * bandwidth is the limit, and makes the sums exact, so that they are the same in any order and on any machine. A cosine differs by about 1e-5
 * from that of the float32 rows.
 */
export class WordMatrix {
  readonly count: number;
  readonly width: number;
  readonly #stride: number;
  readonly #kernel: Exports | undefined;
  readonly #memory: ArrayBuffer;
  /** Where the rows begin in the memory; after them the vector, the indices and the results of one call. */
  readonly #start: number;
  readonly #rows: Int16Array;

  /** @param options.compiled false for the plain code, which gives the same numbers */
  constructor(count: number, width: number, { compiled = true } = {}) {
    this.count = count;
    this.width = width;
    this.#stride = BLOCK * Math.ceil(width / BLOCK);
    this.#kernel = compiled ? instance() : undefined;
    const bytes = 2 * (count + 1) * this.#stride + 8 * count;
    // the compiled module keeps its first pages
    this.#start = this.#kernel?.memory.buffer.byteLength ?? 0;
    this.#kernel?.memory.grow(Math.ceil(bytes / PAGE));
    this.#memory = this.#kernel?.memory.buffer ?? new ArrayBuffer(bytes);
    this.#rows = new Int16Array(this.#memory, this.#start, count * this.#stride);
  }

  /** Bytes of memory. */
  get bytes(): number {
    return this.#memory.byteLength;
  }

  /** Sets the rows from `first` on: unit length, float32 [n * width]. @throws RangeError beyond the last row */
  set(first: number, rows: Float32Array): void {
    const { width } = this;
    const n = rows.length / width;
    if (first + n > this.count) throw new RangeError(`row ${first + n} of ${this.count}`);
    for (let i = 0; i < n; i++) this.#quantise(rows.subarray(i * width, (i + 1) * width), (first + i) * this.#stride);
  }

  #quantise(row: ArrayLike<number>, to: number, into = this.#rows): void {
    for (let k = 0; k < row.length; k++) into[to + k] = Math.round((row[k] as number) * STEPS);
  }

  /**
   * Cosines of the unit vector [width] with the rows at `indices`, in their order.
   * @throws RangeError for an index without a row, or more indices than rows
   */
  cosines(vector: ArrayLike<number>, indices: Uint32Array): Float64Array {
    if (indices.length > this.count) throw new RangeError(`${indices.length} indices for ${this.count} rows`);
    for (let i = 0; i < indices.length; i++)
      if ((indices[i] as number) >= this.count) throw new RangeError(`there is no row ${indices[i]}`);
    const stride = this.#stride;
    const vectorAt = this.#start + 2 * this.count * stride;
    const indicesAt = vectorAt + 2 * stride;
    const outAt = indicesAt + 4 * this.count;
    const steps = new Int16Array(this.#memory, vectorAt, stride);
    this.#quantise(vector, 0, steps);
    const sums = new Int32Array(this.#memory, outAt, indices.length);
    if (this.#kernel) {
      new Uint32Array(this.#memory, indicesAt, indices.length).set(indices);
      this.#kernel.gather(this.#start, stride, vectorAt, indicesAt, indices.length, outAt);
    } else plain(this.#rows, stride, steps, indices, sums);
    const cosines = new Float64Array(sums.length);
    for (let i = 0; i < sums.length; i++) cosines[i] = (sums[i] as number) / STEPS ** 2;
    return cosines;
  }
}

/** As kernel/gather.ts. */
function plain(rows: Int16Array, stride: number, vector: Int16Array, indices: Uint32Array, sums: Int32Array): void {
  for (let i = 0; i < indices.length; i++) {
    const row = (indices[i] as number) * stride;
    let sum = 0;
    for (let k = 0; k < stride; k++) sum += (vector[k] as number) * (rows[row + k] as number);
    sums[i] = sum;
  }
}
