/** TIFF files by hand, of every kind that an encoder would not write. */

export interface TiffOptions {
  motorola?: boolean;
  bits?: number;
  photometric?: number;
  samples?: number;
  sampleFormat?: number;
  /** Left out: the tag is left out. */
  extra?: number[];
  planar?: boolean;
  orientation?: number;
  /** Further tags: [tag, type, value that fits into the entry]. */
  more?: [number, number, number][];
  /** Tags in the order that is given, sorted otherwise. */
  unsorted?: boolean;
}

type Entry = { tag: number; type: number; values: number[] };
const SHORT = 3;
const LONG = 4;

/** @param data all samples, in the order of the file, one strip (planar: one strip per sample) */
export function tiff(width: number, height: number, data: Uint8Array, options: TiffOptions = {}): Buffer {
  const { motorola = false, bits = 8, photometric = 2, samples = 3, planar = false } = options;
  const strips = planar ? samples : 1;
  const strip = data.length / strips;
  const entries: Entry[] = [
    { tag: 256, type: LONG, values: [width] },
    { tag: 257, type: LONG, values: [height] },
    { tag: 258, type: SHORT, values: Array(samples).fill(bits) },
    { tag: 259, type: SHORT, values: [1] },
    { tag: 262, type: SHORT, values: [photometric] },
    { tag: 273, type: LONG, values: Array.from({ length: strips }, (_, i) => 8 + i * strip) },
    ...(options.orientation ? [{ tag: 274, type: SHORT, values: [options.orientation] }] : []),
    { tag: 277, type: SHORT, values: [samples] },
    { tag: 278, type: LONG, values: [height] },
    { tag: 279, type: LONG, values: Array(strips).fill(strip) },
    { tag: 284, type: SHORT, values: [planar ? 2 : 1] },
    ...(options.extra ? [{ tag: 338, type: SHORT, values: options.extra }] : []),
    ...(options.sampleFormat ? [{ tag: 339, type: SHORT, values: Array(samples).fill(options.sampleFormat) }] : []),
    ...(options.more ?? []).map(([tag, type, value]) => ({ tag, type, values: [value] })),
  ];
  if (!options.unsorted) entries.sort((a, b) => a.tag - b.tag);
  return assemble(data, entries, motorola);
}

function assemble(data: Uint8Array, entries: Entry[], motorola: boolean): Buffer {
  const padded = data.length + (data.length % 2);
  const directory = 8 + padded;
  let free = directory + 2 + entries.length * 12 + 4;
  const file = Buffer.alloc(free + entries.length * 64);
  const put = (value: number, at: number, type: number) => {
    if (type === SHORT) motorola ? file.writeUInt16BE(value, at) : file.writeUInt16LE(value, at);
    else motorola ? file.writeUInt32BE(value, at) : file.writeUInt32LE(value, at);
  };
  file.write(motorola ? 'MM' : 'II', 0, 'latin1');
  put(42, 2, SHORT);
  put(directory, 4, LONG);
  file.set(data, 8);
  put(entries.length, directory, SHORT);
  for (const [i, { tag, type, values }] of entries.entries()) {
    const at = directory + 2 + i * 12;
    const width = type === SHORT ? 2 : 4;
    put(tag, at, SHORT);
    put(type, at + 2, SHORT);
    put(values.length, at + 4, LONG);
    const inline = values.length * width <= 4;
    for (const [n, value] of values.entries()) put(value, (inline ? at + 8 : free) + n * width, type);
    if (!inline) {
      put(free, at + 8, LONG);
      free += values.length * width;
    }
  }
  return file.subarray(0, free);
}

/** The samples of RGB pixels [n, 3], with more behind them and of another kind: `make` gets the eight bits of each. */
export function samplesOf(
  pixels: Uint8Array,
  options: {
    take?: number;
    behind?: number[];
    bytes?: number;
    planar?: boolean;
    put?: (view: DataView, at: number, value: number) => void;
  },
): Uint8Array {
  const { take = 3, behind = [], bytes = 1, planar = false } = options;
  const put = options.put ?? ((view, at, value) => view.setUint8(at, value));
  const count = pixels.length / 3;
  const samples = take + behind.length;
  const view = new DataView(new ArrayBuffer(count * samples * bytes));
  for (let i = 0; i < count; i++) {
    for (let s = 0; s < samples; s++) {
      const value = s < take ? (pixels[i * 3 + s] as number) : (behind[s - take] as number);
      put(view, (planar ? s * count + i : i * samples + s) * bytes, value);
    }
  }
  return new Uint8Array(view.buffer);
}
