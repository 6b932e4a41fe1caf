/** The compiled passes (kernel/resample.ts) and their memory. A call is synchronous, because all calls share that memory. */
import { readFileSync } from 'node:fs';
import { PACKAGE } from '../installation.ts';
import type { ResampleWeights } from './weights.ts';

// Node has WebAssembly, but @types/node leaves its types to the browser's library
declare const WebAssembly: {
  Module: new (bytes: Uint8Array) => object;
  Instance: new (module: object) => { exports: unknown };
};

interface Exports {
  memory: { readonly buffer: ArrayBuffer; grow(pages: number): number };
  horizontal(
    pixels: number,
    width: number,
    rows: number,
    out: number,
    outStride: number,
    size: number,
    first: number,
    high: number,
    low: number,
    taps: number,
  ): void;
  vertical(
    rows: number,
    stride: number,
    out: number,
    size: number,
    first: number,
    high: number,
    low: number,
    taps: number,
  ): void;
}

const PAGE = 2 ** 16;

// the build writes the file to dist/; when the sources run, they read it there too
const module = new WebAssembly.Module(readFileSync(new URL('dist/images/resample.wasm', PACKAGE)));
const kernel = new WebAssembly.Instance(module).exports as Exports;

/** Bytes of a row of `size` pixels, rounded up: the vertical pass reads eight at a time. */
export const strideOf = (size: number): number => 8 * Math.ceil((size * 3) / 8);

/** Assigns consecutive offsets in the kernel's memory. */
class Layout {
  #end = 0;
  place(bytes: number): number {
    const at = this.#end;
    this.#end += 16 * Math.ceil(bytes / 16);
    return at;
  }
  /** The memory, large enough for all assigned offsets and `beyond` more bytes, which the kernel reads with weight zero. */
  memory(beyond: number): Uint8Array {
    const missing = this.#end + beyond - kernel.memory.buffer.byteLength;
    if (missing > 0) kernel.memory.grow(Math.ceil(missing / PAGE));
    return new Uint8Array(kernel.memory.buffer);
  }
}

const bytesOf = (array: Int32Array | Int16Array) => new Uint8Array(array.buffer, array.byteOffset, array.byteLength);

function placeWeights({ first, high, low }: ResampleWeights, layout: Layout) {
  const at = {
    first: layout.place(first.byteLength),
    high: layout.place(high.byteLength),
    low: layout.place(low.byteLength),
  };
  const write = (memory: Uint8Array) => {
    memory.set(bytesOf(first), at.first);
    memory.set(bytesOf(high), at.high);
    memory.set(bytesOf(low), at.low);
  };
  return { ...at, write };
}

/** Resizes rows y .. y + rows - 1 of RGB pixels from `width` to `size` pixels: bytes [rows, strideOf(size)]. */
export function horizontal(
  pixels: Uint8Array,
  width: number,
  y: number,
  rows: number,
  size: number,
  weights: ResampleWeights,
): Uint8Array {
  const { from, to, taps } = weights;
  const stride = strideOf(size);
  const layout = new Layout();
  const table = placeWeights(weights, layout);
  const out = layout.place(rows * stride + 4);
  const line = (to - from) * 3;
  const input = layout.place(rows * line);
  const memory = layout.memory((taps + 6) * 3);
  table.write(memory);
  for (let row = 0; row < rows; row++) {
    const at = ((y + row) * width + from) * 3;
    memory.set(pixels.subarray(at, at + line), input + row * line);
  }
  kernel.horizontal(input, to - from, rows, out, stride, size, table.first, table.high, table.low, taps);
  return memory.slice(out, out + rows * stride);
}

/** Rows of bytes [.., strideOf(width)] -> RGB [n, width, 3], where `weights` has n output positions. */
export function vertical(rows: Uint8Array, width: number, weights: ResampleWeights): Uint8Array {
  const stride = strideOf(width);
  const count = weights.first.length;
  const layout = new Layout();
  const table = placeWeights(weights, layout);
  const out = layout.place(count * stride);
  const input = layout.place(rows.length);
  const memory = layout.memory(weights.taps * stride);
  table.write(memory);
  memory.set(rows, input);
  kernel.vertical(input, stride, out, count, table.first, table.high, table.low, weights.taps);
  return packed(memory.subarray(out, out + count * stride), count, width);
}

/** Bytes of rows [count, strideOf(width)] -> a copy without padding, RGB [count, width, 3]. */
export function packed(rows: Uint8Array, count: number, width: number): Uint8Array {
  const [stride, line] = [strideOf(width), width * 3];
  if (line === stride) return rows.slice(0, count * line);
  const pixels = new Uint8Array(count * line);
  for (let y = 0; y < count; y++) pixels.set(rows.subarray(y * stride, y * stride + line), y * line);
  return pixels;
}
